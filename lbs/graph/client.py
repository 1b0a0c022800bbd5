"""Calls of Meta's Graph API: one request each, within bounds, and no secret in what goes wrong."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from lbs.config import Settings
from lbs.graph.errors import FacebookNotConfigured, GraphError
from lbs.graph.policy import Action, Usage, action_of, parse_usage
from lbs.graph.signing import appsecret_proof

CONNECT_S, READ_S = 2.0, 5.0
SLOWEST = 3
"""A whole answer may take so many times as long as one read."""
MAX_ANSWER_BYTES = 1024 * 1024
PATH = re.compile(r"([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?")
TRACE_ID = re.compile(r"[A-Za-z0-9_+/=-]{1,64}")
TIMED_OUT, UNREACHABLE, BROKEN = "timed out", "unreachable", "broken answer"


@dataclass(frozen=True, slots=True)
class Answer:
    body: dict[str, Any]
    usage: Usage


class Graph:
    """The Graph API for this service's app.

    Every call names the version and proves the app's secret. Redirects are not followed, and
    proxies of the environment are not used.
    """

    def __init__(self, settings: Settings, *, timeout_s: float = READ_S) -> None:
        if not settings.has_facebook_app:
            raise FacebookNotConfigured
        self.app_id, self._secret = settings.facebook_app_id, settings.facebook_app_secret
        self._base = f"{settings.facebook_graph_url.rstrip('/')}/{settings.facebook_graph_version}"
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"Graph({self._base})"

    @property
    def app_token(self) -> str:
        return f"{self.app_id}|{self._secret}"

    @property
    def credentials(self) -> dict[str, str]:
        """What a call that gives a token, and needs none, is made with."""
        return {"client_id": self.app_id, "client_secret": self._secret}

    def call(
        self,
        method: str,
        path: str,
        token: str | None,
        fields: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """One call; GraphError says what to do about one that did not succeed.

        Fields that are no text are sent as JSON. Where the answer did not come whole, the error
        asks to RETRY: it may have been carried out.
        """
        if not PATH.fullmatch(path):
            raise ValueError("is no path of the Graph API")
        given = {name: _text(value) for name, value in (fields or {}).items()}
        if token is not None:
            given["access_token"] = token
            given["appsecret_proof"] = appsecret_proof(self._secret, token)
        request = _request(method, f"{self._base}/{path}", given)
        problem, answer = _send(request, timeout_s or self._timeout_s)
        if answer is None:
            raise GraphError(Action.RETRY, problem)
        return _read(*answer)

    def scrape(self, link: str) -> Answer:
        """Have Facebook read the page that a link leads to, as it is now, with its picture."""
        return self.call("POST", "", self.app_token, {"id": link, "scrape": "true"})


_Raw = tuple[int, Mapping[str, str], bytes]


def _request(method: str, url: str, fields: Mapping[str, str]) -> httpx.Request:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if method == "POST":
        return httpx.Request(method, url, headers=headers, data=fields)
    return httpx.Request(method, url, headers=headers, params=fields)


def _send(request: httpx.Request, timeout_s: float) -> tuple[str, _Raw | None]:
    """The answer, or what kept it away.

    Errors of the library hold the request with its secrets, and end here.
    """
    bounds = {"connect": CONNECT_S, "read": timeout_s, "write": timeout_s, "pool": CONNECT_S}
    request.extensions["timeout"] = bounds
    until = time.monotonic() + SLOWEST * timeout_s
    try:
        with httpx.HTTPTransport(verify=_tls(), trust_env=False) as transport:
            return "", _receive(transport.handle_request(request), until)
    except (TimeoutError, httpx.TimeoutException):
        problem = TIMED_OUT
    except httpx.ConnectError:
        problem = UNREACHABLE
    except (httpx.TransportError, ssl.SSLError, OSError, OverflowError):
        problem = BROKEN
    return problem, None


def _receive(response: httpx.Response, until: float) -> _Raw:
    body = b""
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise OverflowError
            if time.monotonic() > until:
                raise TimeoutError
    finally:
        response.close()
    return response.status_code, response.headers, body


def _read(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    usage = parse_usage(headers)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise GraphError(Action.RETRY, f"{BROKEN} with status {status}", usage=usage)
    if "error" in said or not httpx.codes.is_success(status):
        raise _error(status, said.get("error"), usage)
    return Answer(said, usage)


def _error(status: int, said: Any, usage: Usage) -> GraphError:
    said = said if isinstance(said, dict) else {}
    code, subcode = _number(said.get("code")), _number(said.get("error_subcode"))
    trace_id = str(said.get("fbtrace_id"))
    return GraphError(
        action_of(status, code, subcode),
        f"status {status}, code {code}, subcode {subcode}",
        code=code,
        subcode=subcode,
        trace_id=trace_id if said.get("fbtrace_id") and TRACE_ID.fullmatch(trace_id) else None,
        usage=usage,
    )


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are checked against the usual authorities, or those of SSL_CERT_FILE."""
    return httpx.create_ssl_context()
