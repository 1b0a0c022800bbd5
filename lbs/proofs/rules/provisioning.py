"""What a venue's proofs are made of. Pure: time and random bytes are given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lbs.proofs.rules import beacon, nfc_tag, venue_code

KINDS = ("venue_code", "poster_code", "nfc_tag", "beacon", "reader", "staff")
WITH_KEY = frozenset({"venue_code", "reader", "staff"})
"""Those that identify themselves to the service: a kiosk, a reader, a staff member's phone."""

TAKES: Mapping[str, frozenset[str]] = {
    "nfc_tag": frozenset({"meta_read_key", "file_read_key"}),
    "beacon": frozenset({"identity_key", "clock_s"}),
    "staff": frozenset({"pin"}),
}
"""What of `Given` a kind has a use for."""

RANDOM_BYTES = 20
PIN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Given:
    """What the merchant brings along; what is left out is made. Keys in hexadecimal digits."""

    meta_read_key: str | None = field(default=None, repr=False)
    file_read_key: str | None = field(default=None, repr=False)
    identity_key: str | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)
    clock_s: int | None = None
    """What the beacon's clock says now."""


def make_secret(kind: str, parameters: Mapping[str, Any], given: Given, random_bytes: bytes) -> str:
    """The secret as text: what the merchant brings, or made of `RANDOM_BYTES` random bytes."""
    match kind:
        case "venue_code":
            return random_bytes[: venue_code.SECRET_BYTES].hex()
        case "poster_code":
            return venue_code.make_poster_code(random_bytes[: venue_code.POSTER_RANDOM_BYTES])
        case "nfc_tag":
            return _write_tag_keys(_tag_keys(parameters["uid"], given, random_bytes))
        case "beacon":
            return given.identity_key or random_bytes[: beacon.KEY_BYTES].hex()
        case "staff":
            return given.pin or f"{int.from_bytes(random_bytes) % 10**PIN_DIGITS:0{PIN_DIGITS}}"
    return ""


def set_clock(
    kind: str, parameters: Mapping[str, Any], given: Given, now: datetime
) -> dict[str, Any]:
    """The parameters, a beacon's with when its clock was at zero, and when we were told so."""
    if kind != "beacon" or (given.clock_s is None and "started_at" in parameters):
        return dict(parameters)
    started_at = now - timedelta(seconds=given.clock_s or 0)
    return {**parameters, "started_at": _write(started_at), "compared_at": _write(now)}


def _write(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _tag_keys(uid: str, given: Given, random_bytes: bytes) -> nfc_tag.TagKeys:
    if given.meta_read_key and given.file_read_key:
        return nfc_tag.TagKeys(
            bytes.fromhex(given.meta_read_key), bytes.fromhex(given.file_read_key)
        )
    return nfc_tag.diversify(random_bytes[: nfc_tag.KEY_BYTES], bytes.fromhex(uid))


def _write_tag_keys(keys: nfc_tag.TagKeys) -> str:
    return json.dumps({"meta_read": keys.meta_read.hex(), "file_read": keys.file_read.hex()})
