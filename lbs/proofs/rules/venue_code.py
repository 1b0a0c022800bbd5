"""Codes shown at a venue: one that changes every few seconds, one that is printed on a poster.

The changing code is TOTP (RFC 6238), which is HOTP (RFC 4226) over a count of time steps since
1970. It is made with HMAC-SHA-1 and secrets of 20 bytes: what RFC 4226 asks for and what every
authenticator app speaks, so that any of them can serve as the venue's display. The collisions
known of SHA-1 do not weaken its HMAC.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from lbs.codes import bare, in_fours, spell

Algorithm = SHA1 | SHA256 | SHA512

SECRET_BYTES = 20
"""The length that RFC 4226 (4, R6) recommends."""

POSTER_RANDOM_BYTES = 8
POSTER_CHARACTERS = 12
"""60 bits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHA1 = SHA1()  # noqa: S303


def step_at(now: datetime, step_s: int) -> int:
    """How many whole steps of `step_s` seconds have passed since 1970 (RFC 6238, 4.2: T).

    Raises TypeError where `now` has no time zone, ZeroDivisionError where a step is no time.
    """
    return (now - _EPOCH) // timedelta(seconds=step_s)


def make_code(secret: bytes, step: int, digits: int = 6, algorithm: Algorithm = _SHA1) -> str:
    """The code of a step: HOTP(secret, step), RFC 4226, 5.3.

    Raises ValueError for a secret under 16 bytes, a step that is negative or has more than 64
    bits, and for fewer than 6 or more than 8 digits.
    """
    return HOTP(secret, digits, algorithm).generate(step).decode()


def find_step(
    secret: bytes, code: str, now: datetime, *, step_s: int, digits: int = 6, drift: int = 1
) -> int | None:
    """The step, at most `drift` steps from now, whose code this is; the newest where several are.

    Every step is compared, each in constant time. None where the code is none of theirs, and
    where it cannot be a code. Raises what `step_at` and `make_code` raise.
    """
    typed = bare(code)
    if len(typed) != digits or not (typed.isascii() and typed.isdecimal()):
        return None
    middle = step_at(now, step_s)
    steps = range(middle + drift, max(middle - drift, 0) - 1, -1)
    found = [at for at in steps if hmac.compare_digest(make_code(secret, at, digits), typed)]
    return found[0] if found else None


def make_poster_code(random_bytes: bytes) -> str:
    """Twelve random characters of Crockford's base 32, to be read aloud: ABCD-EFGH-JKMN.

    Raises ValueError where fewer than `POSTER_RANDOM_BYTES` are given.
    """
    if len(random_bytes) < POSTER_RANDOM_BYTES:
        raise ValueError(f"a poster code needs {POSTER_RANDOM_BYTES} random bytes")
    return in_fours(spell(int.from_bytes(random_bytes), POSTER_CHARACTERS))


def is_poster_code(secret_code: str, typed: str) -> bool:
    """Whether the poster's code was typed, however it was spaced; compared in constant time."""
    said = bare(typed)
    return bool(said) and said.isascii() and hmac.compare_digest(bare(secret_code), said)
