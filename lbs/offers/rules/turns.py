"""An offer that is on and off at venues by turns, as the lot has it: where no customers can be held
out, but venues can.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Turns:
    """Pairs of blocks, so many days each: one with the offer and one without."""

    first: date
    days: int
    pairs: int
    wash_out_days: int
    """Of each block's first days nothing is counted, for what the one before leaves behind."""


@dataclass(frozen=True, slots=True)
class Block:
    """So many days at one venue, with the offer or without."""

    pair: int
    first: date
    last: date
    """Included."""
    is_on: bool


def blocks_of(turns: Turns, offer_id: object, venue_id: object) -> Iterator[Block]:
    """The venue's, in order; a keyed hash draws which of each pair has the offer."""
    for pair in range(turns.pairs):
        digest = hmac.digest(str(offer_id).encode(), f"{venue_id} {pair}".encode(), "sha256")
        for half in (0, 1):
            first = turns.first + timedelta(days=(2 * pair + half) * turns.days)
            last = first + timedelta(days=turns.days - 1)
            yield Block(pair, first, last, digest[0] % 2 == half)
