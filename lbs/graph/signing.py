"""Meta's signatures: on calls to it, on its webhooks and on its signed requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from lbs.graph.errors import BadSignature

MAX_SIGNED_REQUEST = 8192
ALGORITHM = "HMAC-SHA256"


def appsecret_proof(secret: str, token: str) -> str:
    """Proves to Meta that a token is used by the app that it was given to."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def signature_holds(secret: str, raw: bytes, header: str | None) -> bool:
    """Whether `X-Hub-Signature-256` signs these very bytes, as they came."""
    signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), (header or "").encode())


def read_signed_request(text: str, secret: str) -> dict[str, Any]:
    """What a signed request says; BadSignature where it is not Meta's. `user_id` is a text."""
    if len(text) > MAX_SIGNED_REQUEST or text.count(".") != 1 or not text.isascii():
        raise BadSignature
    signature, payload = text.split(".")
    signed = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(_decode(signature), signed):
        raise BadSignature
    try:
        said = json.loads(_decode(payload))
    except (ValueError, RecursionError):
        raise BadSignature from None
    if not isinstance(said, dict) or str(said.get("algorithm")).upper() != ALGORITHM:
        raise BadSignature
    return {**said, "user_id": str(said["user_id"])} if "user_id" in said else said


def _decode(text: str) -> bytes:
    """Base64 in the alphabet of URLs, padded or not."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BadSignature from None
