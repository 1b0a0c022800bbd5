"""Eddystone-EID: a Bluetooth beacon whose name changes in a way that only its resolver follows.

The protocol is google/eddystone's eddystone-eid/eid-computation.md; its tools/eidtools.py computes
the same. The beacon counts seconds from a moment known to the resolver, and every 2**K seconds
broadcasts a new identifier; K is its rotation exponent.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_BYTES = BLOCK_BYTES = 16
EID_BYTES = 8
MAX_EXPONENT = 15
CLOCK_END_S = 2**32
"""The beacon's clock has 32 bits."""

MAX_STEPS = 1000
"""No search goes farther, to either side."""

DRIFT_PPM = 150
"""How wrong a beacon's clock may run (eid-computation.md, Overview)."""


def make_eid(identity_key: bytes, rotation_exponent: int, clock_s: int) -> bytes:
    """The 8 bytes that the beacon broadcasts when its clock says `clock_s` seconds.

    Raises ValueError for a key that has not 16 bytes, an exponent outside 0 to 15, and a clock
    outside 32 bits.
    """
    if not (_can_rotate(identity_key, rotation_exponent) and 0 <= clock_s < CLOCK_END_S):
        raise ValueError("no beacon has such a key, exponent or clock")
    return _eid(identity_key, rotation_exponent, clock_s >> rotation_exponent)


def resolve(
    identity_key: bytes, rotation_exponent: int, eid: bytes, *, clock_s: int, drift_s: float
) -> int | None:
    """The beacon's time step, its clock >> K, at which it broadcasts this identifier.

    `clock_s` is what its clock should say and `drift_s` by how much that may be wrong, in
    seconds. One step more is allowed to both sides, as beacons may change their identifier at a
    random moment of a step. None where no step fits, and where anything is malformed. Raises
    nothing; identifiers are compared in constant time.
    """
    if not (_can_rotate(identity_key, rotation_exponent) and len(eid) == EID_BYTES):
        return None
    if not drift_s >= 0:
        return None
    reach = int(min(1 + drift_s / 2**rotation_exponent, MAX_STEPS))
    for step in _outward(clock_s >> rotation_exponent, reach, CLOCK_END_S >> rotation_exponent):
        if hmac.compare_digest(_eid(identity_key, rotation_exponent, step), eid):
            return step
    return None


def drift_allowed_s(elapsed_s: float) -> float:
    """How far a beacon's clock may be off after so many seconds since it was last compared."""
    return max(elapsed_s, 0.0) * DRIFT_PPM / 1_000_000


def _can_rotate(identity_key: bytes, rotation_exponent: int) -> bool:
    return len(identity_key) == KEY_BYTES and 0 <= rotation_exponent <= MAX_EXPONENT


def _outward(middle: int, reach: int, end: int) -> Sequence[int]:
    """The steps from 0 up to `end` that are within reach of the middle, nearest first."""
    nearby = range(max(middle - reach, 0), min(middle + reach + 1, end))
    return sorted(nearby, key=lambda step: abs(step - middle))


def _eid(identity_key: bytes, rotation_exponent: int, step: int) -> bytes:
    clock = (step << rotation_exponent).to_bytes(4)
    temporary_key = _encrypt(identity_key, bytes(11) + b"\xff" + bytes(2) + clock[:2])
    return _encrypt(temporary_key, bytes(11) + bytes([rotation_exponent]) + clock)[:EID_BYTES]


def _encrypt(key: bytes, block: bytes) -> bytes:
    """One block of AES-128: CBC from zero, which for one block is AES alone."""
    return Cipher(algorithms.AES128(key), modes.CBC(bytes(BLOCK_BYTES))).encryptor().update(block)
