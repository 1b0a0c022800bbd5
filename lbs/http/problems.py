"""RFC 9457 bodies: one builder, one schema, and field errors as pointers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import marshmallow as ma
from flask import Response, current_app

from lbs.errors import LbsError
from lbs.http.context import request_id, settings
from lbs.http.fields import Flawed

PROBLEM_JSON = "application/problem+json"


class FieldErrorSchema(ma.Schema):
    """One thing that is wrong with the request."""

    detail = ma.fields.String(
        required=True, metadata={"example": "Missing data for required field."}
    )
    pointer = ma.fields.String(
        metadata={
            "description": "JSON pointer into the body, or into what the request would change",
            "example": "#/evidence/0/accuracy_m",
        }
    )
    parameter = ma.fields.String(metadata={"description": "The query, path or header parameter"})
    rule = ma.fields.String(
        metadata={"description": "The rule that was broken, where it has a name"}
    )
    mend = ma.fields.String(metadata={"description": "What would mend it"})
    about = ma.fields.UUID(metadata={"description": "What else it is about"})


class ProblemSchema(ma.Schema):
    """Why a request was not carried out (RFC 9457)."""

    example = {  # noqa: RUF012
        "type": "https://lbs.example/problems/code-refused",
        "title": "This code cannot be redeemed",
        "status": 409,
        "code": "code-refused",
        "request_id": "019abc12-0000-7000-8000-00000000000d",
    }

    type = ma.fields.String(
        required=True, metadata={"description": "Address of the page that explains the problem"}
    )
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    code = ma.fields.String(
        required=True, metadata={"description": "The last part of `type`: branch on this"}
    )
    detail = ma.fields.String()
    request_id = ma.fields.String(metadata={"description": "Quote it when you ask for help"})
    retry_after = ma.fields.Integer(metadata={"description": "Seconds"})
    errors = ma.fields.List(ma.fields.Nested(FieldErrorSchema))


def problem(
    *, status: int, code: str, title: str, detail: str | None = None, **extra: Any
) -> Response:
    body = {
        "type": f"{settings().public_url}/problems/{code}",
        "title": title,
        "status": int(status),
        "code": code,
        **({"detail": detail} if detail else {}),
        **({"request_id": request_id()} if request_id() else {}),
        **extra,
    }
    response: Response = current_app.response_class(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")), status=status
    )
    response.headers["Content-Type"] = PROBLEM_JSON
    if "retry_after" in extra:
        response.headers["Retry-After"] = str(extra["retry_after"])
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def from_domain(error: LbsError) -> Response:
    return problem(
        status=error.status, code=error.code, title=error.title, detail=error.detail, **error.extra
    )


def slug(status: HTTPStatus) -> str:
    """The code of a problem that has no more to say than its HTTP status."""
    return _SLUGS.get(status, status.name.lower().replace("_", "-"))


_SLUGS = {413: "request-entity-too-large", 422: "unprocessable-entity"}
"""Python 3.13 gives these statuses other names; the codes are promised."""


def field_errors(messages: dict[str, Any]) -> list[dict[str, str]]:
    """Flatten webargs' {location: {field: [text]}} into RFC 9457 style entries."""
    return [
        {
            "detail": str(text),
            **(
                {"pointer": "#" + "".join(map(_step, path))}
                if location == "json"
                else {"parameter": ".".join(path)}
            ),
            **({"rule": text.rule} if isinstance(text, Flawed) else {}),
        }
        for location, tree in messages.items()
        for path, text in _leaves(tree)
    ]


def _step(name: str) -> str:
    """A reference token of a JSON pointer in a URI fragment (RFC 6901, 3 and 6)."""
    if name == "_schema":
        return ""
    escaped = name.replace("~", "~0").replace("/", "~1")
    return "/" + quote(escaped, safe="~!$&'()*+,;=:@", errors="replace")


def _leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _leaves(child, (*path, str(key)))
    elif isinstance(node, list):
        for child in node:
            yield from _leaves(child, path)
    else:
        yield path, node
