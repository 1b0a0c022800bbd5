"""A stand-in for Meta on a loopback port: what every subject of it shares.

Each subject (`pages`, `login`, ...) is a module with a function `blueprint(meta)`; its state is a
class of its own, kept by `Meta.state_of`. Of Graph calls the version, the token and the proof of
the app's secret are checked here; faults, usage headers and the log of requests are here too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, g, jsonify, request
from werkzeug.serving import make_server

SUBJECTS = ("pages", "login", "events", "webhooks")
VERSIONS = ("v24.0", "v25.0", "v26.0")
DAY_S = 24 * 60 * 60
State = TypeVar("State")


@dataclass
class Token:
    """`subject_id` is the user's, or the Page's; `dead` is the subcode by which it is refused."""

    kind: str
    subject_id: str
    scopes: tuple[str, ...] = ()
    user_id: str = ""
    app_id: str = ""
    expires_at: int = 0
    data_access_expires_at: int = 0
    issued_at: int = field(default_factory=lambda: int(time.time()))
    dead: int | None = None

    @property
    def refused_by(self) -> int | None:
        if self.dead is None and 0 < self.expires_at <= time.time():
            return 463
        return self.dead


@dataclass
class Fault:
    """What goes wrong at the next calls of paths that match.

    An error `code` is answered instead of doing anything, `status` likewise. `hold` is for how
    many seconds the answer is kept back; with `truncated` only half of it comes; both after
    everything was done, unless `instead` says that nothing is.
    """

    path: str
    code: int | None = None
    subcode: int | None = None
    status: int | None = None
    hold: float = 0
    truncated: bool = False
    instead: bool = False
    method: str | None = None
    times: int = 1

    def matches(self) -> bool:
        is_of_method = self.method in (None, request.method)
        return is_of_method and re.search(self.path, request.path) is not None


@dataclass(frozen=True)
class Logged:
    method: str
    path: str
    args: dict[str, str]
    form: dict[str, str]
    at: float


class Refusal(Exception):
    """An error as the Graph API words it."""

    def __init__(self, code: int, subcode: int | None = None, status: int = 400, text: str = ""):
        super().__init__(text)
        self.code, self.subcode, self.status, self.text = code, subcode, status, text

    def answer(self) -> Response:
        error: dict[str, Any] = {
            "message": self.text or f"(#{self.code}) An error of the stand-in",
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": f"A{secrets.token_hex(8)}",
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        answer = jsonify(error=error)
        answer.status_code = self.status
        return answer


@dataclass
class Meta:
    """All that this Meta knows."""

    app_id: str = "1234567890"
    app_secret: str = "appsecret"
    verify_token: str = "verify-me"
    address: str = ""
    tokens: dict[str, Token] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    usage: dict[str, str] = field(default_factory=dict)
    """Headers that every answer of the Graph API carries."""
    log: list[Logged] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _states: dict[type, Any] = field(default_factory=dict)

    @property
    def app_token(self) -> str:
        return f"{self.app_id}|{self.app_secret}"

    @property
    def variables(self) -> dict[str, str]:
        """With these lbs takes the stand-in for Meta."""
        return {
            "LBS_FACEBOOK_APP_ID": self.app_id,
            "LBS_FACEBOOK_APP_SECRET": self.app_secret,
            "LBS_FACEBOOK_VERIFY_TOKEN": self.verify_token,
            "LBS_FACEBOOK_GRAPH_URL": self.address,
            "LBS_FACEBOOK_WWW_URL": self.address,
            "LBS_FACEBOOK_JWKS_URL": f"{self.address}/.well-known/oauth/openid/jwks/",
        }

    def state_of(self, kind: type[State]) -> State:
        """The one state of a subject, by its class."""
        with self.lock:
            return self._states.setdefault(kind, kind())

    def give_token(self, kind: str, subject_id: str, **members: Any) -> str:
        text = f"EAA{secrets.token_hex(16)}"
        with self.lock:
            self.tokens[text] = Token(kind, subject_id, app_id=self.app_id, **members)
        return text

    def find_token(self, text: str) -> Token | None:
        if text == self.app_token:
            return Token("APP", self.app_id, app_id=self.app_id)
        return self.tokens.get(text)

    def load_token(self, text: str) -> Token:
        token = self.find_token(text)
        if token is None:
            raise Refusal(190, 467, 401, f"Malformed access token {text}")
        if token.refused_by is not None:
            raise Refusal(190, token.refused_by, 401, f"The token {text} is not valid any more")
        return token

    def kill_tokens(self, subcode: int, subject_id: str | None = None) -> None:
        """As when the person changed the password (460), or a time was over (463)."""
        with self.lock:
            for token in self.tokens.values():
                if subject_id in (None, token.subject_id):
                    token.dead = subcode

    def fail(self, path: str, **members: Any) -> Fault:
        """Have the next calls of paths that match this pattern go wrong."""
        fault = Fault(path, **members)
        with self.lock:
            self.faults.append(fault)
        return fault

    def take_fault(self) -> Fault | None:
        with self.lock:
            found = next((fault for fault in self.faults if fault.matches()), None)
            if found is None:
                return None
            found.times -= 1
            if found.times == 0:
                self.faults.remove(found)
            return replace(found)

    def calls(self, path: str, method: str | None = None) -> list[Logged]:
        """The requests so far to paths that match, in their order."""
        with self.lock:
            return [
                one
                for one in self.log
                if re.search(path, one.path) and method in (None, one.method)
            ]


def graph_blueprint(meta: Meta, name: str, *, open_to_all: tuple[str, ...] = ()) -> Blueprint:
    """For calls of the Graph API, below the version.

    The token that was found is `g.token`, and its text `g.token_text`. Views named in
    `open_to_all` are called without one.
    """
    blp = Blueprint(name, __name__, url_prefix="/<version>")

    @blp.url_value_preprocessor
    def check_version(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.version = (values or {}).pop("version", "")

    @blp.before_request
    def check() -> None:
        if g.version not in VERSIONS:
            raise Refusal(2635, text=f"Unknown or retired version {g.version}")
        if str(request.endpoint).removeprefix(f"{name}.") not in open_to_all:
            g.token_text = request.values.get("access_token", "")
            g.token = meta.load_token(g.token_text)
            check_proof(meta, g.token_text)

    return blp


def check_proof(meta: Meta, token: str) -> None:
    proof = hmac.new(meta.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    given = request.values.get("appsecret_proof")
    if given is None:
        raise Refusal(100, text="API calls from the server require an appsecret_proof argument")
    if not hmac.compare_digest(proof, given):
        raise Refusal(100, text="Invalid appsecret_proof provided in the API argument")


def make_app(meta: Meta) -> Flask:
    app = Flask(__name__)
    app.before_request(lambda: note(meta))
    app.after_request(lambda answer: spoil(meta, answer))
    app.register_error_handler(Refusal, Refusal.answer)
    unknown = Refusal(2500, status=404, text="Unknown path components")
    app.register_error_handler(404, lambda _: unknown.answer())
    for subject in SUBJECTS:
        if find_spec(f"{__package__}.{subject}"):
            app.register_blueprint(import_module(f"{__package__}.{subject}").blueprint(meta))
    return app


def note(meta: Meta) -> Response | None:
    """Log the request; an answer of its own where a fault comes instead of what was asked."""
    args, form = request.args.to_dict(), request.form.to_dict()
    with meta.lock:
        meta.log.append(Logged(request.method, request.path, args, form, time.time()))
    fault = g.fault = meta.take_fault()
    if fault and fault.code is not None:
        return Refusal(fault.code, fault.subcode, fault.status or 400).answer()
    if fault and (fault.status is not None or fault.instead):
        return Response("<html>Sorry, something went wrong.</html>", fault.status or 200)
    return None


def spoil(meta: Meta, answer: Response) -> Response:
    """What a fault does to an answer on its way."""
    answer.headers.extend(meta.usage)
    if g.fault and g.fault.hold:
        meta.stopping.wait(g.fault.hold)
    if g.fault and g.fault.truncated:
        body = answer.get_data()
        answer.response = [body[: len(body) // 2]]
        answer.headers["Content-Length"] = str(len(body))
    return answer


@contextmanager
def serving(meta: Meta, port: int = 0) -> Iterator[Meta]:
    """The stand-in on a loopback port, in threads of its own; its address is put into `meta`."""
    server = make_server("127.0.0.1", port, make_app(meta), threaded=True)
    server.daemon_threads = True
    meta.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield meta
    finally:
        meta.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def read_json(name: str, default: Any = None) -> Any:
    """A field that holds JSON."""
    try:
        return json.loads(request.values.get(name, "null")) or default
    except ValueError:
        raise Refusal(100, text=f"Param {name} must be JSON") from None
