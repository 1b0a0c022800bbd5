"""Facebook Login at the stand-in: tokens looked at, id tokens minted, callbacks signed and sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from flask import Blueprint, Response, g, jsonify, request
from jwt.algorithms import RSAAlgorithm

from tests.meta_standin.server import Meta, Refusal, Token, graph_blueprint

ISSUER = "https://www.facebook.com"
DAY_S = 24 * 60 * 60
KEY_BITS = 2048


class Login:
    """The keys that id tokens are signed with; the last one signs, all are published."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.rotate()

    def rotate(self, *, keep: bool = True) -> str:
        """A new key; without `keep`, those before are not published any more."""
        if not keep:
            self.keys.clear()
        kid = f"key-{time.monotonic_ns()}"
        self.keys[kid] = generate_private_key(65537, KEY_BITS)
        return kid

    @property
    def jwks(self) -> dict[str, Any]:
        return {
            "keys": [
                {
                    **json.loads(RSAAlgorithm.to_jwk(key.public_key())),
                    "kid": kid,
                    "use": "sig",
                    "alg": "RS256",
                }
                for kid, key in self.keys.items()
            ]
        }


def give_user_token(meta: Meta, user_id: str, /, **members: Any) -> str:
    """As Facebook Login gives an app: good for 60 days, and the data for 90."""
    lasting = {
        "expires_at": int(time.time()) + 60 * DAY_S,
        "data_access_expires_at": int(time.time()) + 90 * DAY_S,
        "scopes": ("public_profile",),
    }
    token = meta.give_token("USER", user_id, user_id=user_id)
    for name, value in {**lasting, **members}.items():
        setattr(meta.tokens[token], name, value)
    return token


def mint_id_token(
    meta: Meta, user_id: str, nonce: str, *, kid: str = "", key: Any = None, **claims: Any
) -> str:
    """As Limited Login gives an app; a claim given as None is left out."""
    login = meta.state_of(Login)
    kid = kid or list(login.keys)[-1]
    usual = {
        "iss": ISSUER,
        "aud": meta.app_id,
        "sub": user_id,
        "nonce": nonce,
        "iat": int(time.time()),
        "exp": int(time.time()) + 3600,
        "jti": "x.y",
        "name": "Søren Ærø",
    }
    full = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(full, key or login.keys[kid], algorithm="RS256", headers={"kid": kid})


def sign_request(secret: str, said: Any, *, padded: bool = False) -> str:
    """A signed request, as callbacks carry it."""
    payload = _encode(json.dumps(said, separators=(",", ":")).encode(), padded=padded)
    signature = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    return f"{_encode(signature, padded=padded)}.{payload}"


def callback_of(meta: Meta, user_id: Any, **members: Any) -> dict[str, str]:
    """The form of a callback about this person."""
    said = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": user_id}
    full = {name: value for name, value in {**said, **members}.items() if value is not None}
    return {"signed_request": sign_request(meta.app_secret, full)}


def send_callback(meta: Meta, url: str, user_id: Any, **members: Any) -> httpx.Response:
    """Call back at an address, as when somebody removes the app on Facebook."""
    return httpx.post(url, data=callback_of(meta, user_id, **members), trust_env=False)


def blueprint(meta: Meta) -> Blueprint:
    both = Blueprint("login", __name__)

    @both.get("/.well-known/oauth/openid/jwks/")
    def keys() -> Response:
        return jsonify(meta.state_of(Login).jwks)

    @both.post("/stand-in/people/<user_id>/access-token")
    def log_in(user_id: str) -> Response:
        """What the dialog of Facebook Login gives an app, for somebody who just comes along."""
        return jsonify(access_token=give_user_token(meta, user_id))

    @both.post("/stand-in/people/<user_id>/id-token")
    def log_in_limited(user_id: str) -> Response:
        return jsonify(id_token=mint_id_token(meta, user_id, request.form["nonce"]))

    graph = graph_blueprint(meta, "login_graph")

    @graph.get("/debug_token")
    def debug_token() -> Response:
        if g.token.kind != "APP":
            raise Refusal(100, text="You must provide an app access token")
        text = request.args.get("input_token", "")
        return jsonify(data=_debug(meta.find_token(text)))

    @graph.get("/me")
    def me() -> Response:
        token, wanted = g.token, request.args.get("fields", "id,name").split(",")
        known = {"id": token.subject_id, "name": f"Person {token.subject_id}"}
        return jsonify({name: known[name] for name in wanted if name in known})

    both.register_blueprint(graph)
    return both


def _debug(token: Token | None) -> dict[str, Any]:
    if token is None:
        error = {"code": 190, "message": "Invalid OAuth access token"}
        return {"error": error, "is_valid": False, "scopes": []}
    said: dict[str, Any] = {
        "app_id": token.app_id,
        "type": token.kind,
        "application": "lbs",
        "expires_at": token.expires_at,
        "data_access_expires_at": token.data_access_expires_at,
        "is_valid": token.refused_by is None,
        "issued_at": token.issued_at,
        "scopes": list(token.scopes),
        "user_id": token.user_id,
    }
    if token.refused_by is not None:
        said["error"] = {"code": 190, "subcode": token.refused_by, "message": "Not valid any more"}
    if token.kind == "PAGE":
        said["profile_id"] = token.subject_id
    return said


def _encode(raw: bytes, *, padded: bool) -> str:
    text = base64.urlsafe_b64encode(raw).decode()
    return text if padded else text.rstrip("=")
