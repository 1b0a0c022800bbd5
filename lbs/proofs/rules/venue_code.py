"""Codes shown at a venue: one that changes every few seconds, one that is printed on a poster.

The changing one is shown twice: as digits to type, and longer in a picture to scan. The digits can
be guessed, so wrong ones are counted; who guesses keeps nobody from scanning.

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
LONG_CHARACTERS = 12
"""Characters of a poster's code and of a picture's: 60 bits."""

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


def make_picture_code(secret: bytes, step: int) -> str:
    """What the picture of a step says: too long to be guessed."""
    mac = hmac.digest(secret, b"picture" + step.to_bytes(8), "sha256")
    return spell(int.from_bytes(mac), LONG_CHARACTERS)


def is_guessable(code: str) -> bool:
    """Whether it is digits as one types them, and not what a picture says."""
    return len(bare(code)) < LONG_CHARACTERS


def find_step(
    secret: bytes, code: str, now: datetime, *, step_s: int, digits: int = 6, drift: int = 1
) -> int | None:
    """The step, at most `drift` steps from now, whose code this is; the newest where several are.

    The code is of digits, or a picture's. Every step is compared, each in constant time. None where
    the code is none of theirs, and where it cannot be a code. Raises what `step_at` and `make_code`
    raise.
    """
    said = bare(code)
    if not said.isascii() or len(said) not in (digits, LONG_CHARACTERS):
        return None
    middle = step_at(now, step_s)
    steps = range(middle + drift, max(middle - drift, 0) - 1, -1)
    shown = {
        at: make_code(secret, at, digits) if len(said) == digits else make_picture_code(secret, at)
        for at in steps
    }
    found = [at for at in steps if hmac.compare_digest(shown[at], said)]
    return found[0] if found else None


def make_poster_code(random_bytes: bytes) -> str:
    """Twelve random characters of Crockford's base 32, to be read aloud: ABCD-EFGH-JKMN.

    Raises ValueError where fewer than `POSTER_RANDOM_BYTES` are given.
    """
    if len(random_bytes) < POSTER_RANDOM_BYTES:
        raise ValueError(f"a poster code needs {POSTER_RANDOM_BYTES} random bytes")
    return in_fours(spell(int.from_bytes(random_bytes), LONG_CHARACTERS))


def is_poster_code(secret_code: str, typed: str) -> bool:
    """Whether the poster's code was typed, however it was spaced; compared in constant time."""
    said = bare(typed)
    return bool(said) and said.isascii() and hmac.compare_digest(bare(secret_code), said)
