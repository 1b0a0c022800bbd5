"""RFC 6238 with HMAC-SHA-1 and six digits, written from the RFC, to compare with."""

from __future__ import annotations

import base64
import hashlib
import hmac


def totp(secret: str, at: float, step_s: int) -> str:
    """The code of a base 32 secret at a time in seconds since 1970."""
    counter = (int(at) // step_s).to_bytes(8, "big")
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"
