"""An offer that is on and off at venues by turns, as the lot has it: where no customers can be held
out, but venues can.

Bojinov, Simchi-Levi and Zhao, Design and analysis of switchback experiments, Management Science 69
(2023): by drawing which turn comes first, the venue is compared with itself, and what lingers from
the turn before is washed out at the beginning of each.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from lbs.stats.rules.lift import Interval

ALPHA, FLIPS = 0.05, 4000
MIN_PAIRS = 6
"""Of fewer pairs, no outcome is rarer than one in twenty."""


@dataclass(frozen=True, slots=True)
class Block:
    """So many days at one venue, with the offer or without; days count from the start."""

    venue_id: UUID
    pair: int
    first_day: int
    days: int
    is_on: bool

    @property
    def last_day_of_pair(self) -> int:
        return 2 * (self.pair + 1) * self.days - 1


@dataclass(frozen=True, slots=True)
class SwitchbackEffect:
    lift: float
    interval: Interval | None
    """None of too few pairs."""


def switchback_schedule(
    key: bytes, venue_ids: Sequence[UUID], *, block_days: int, pairs: int
) -> Iterator[Block]:
    """Pairs of blocks at each venue, one of them on; a keyed hash draws whether it is the first."""
    for venue_id in venue_ids:
        for pair in range(pairs):
            digest = hmac.digest(key, venue_id.bytes + pair.to_bytes(4, "big"), "sha256")
            for half in (0, 1):
                first_day = (2 * pair + half) * block_days
                yield Block(venue_id, pair, first_day, block_days, digest[0] % 2 == half)


def switchback_effect(
    pairs: Sequence[tuple[int, int]], chance: np.random.Generator
) -> SwitchbackEffect | None:
    """The lift of visits in blocks with the offer over those beside them without, on then off.

    The interval holds the lifts that the draw does not rule out: taken off, they leave differences
    that the other draws would have made as large in more than one of twenty cases (Fisher's exact
    test of a randomisation, inverted: Rosenbaum, Observational Studies (2002), section 2.7).
    """
    if not pairs:
        return None
    differences = np.array([log((on + 0.5) / (off + 0.5)) for on, off in pairs])
    middle = float(differences.mean())
    lift = exp(middle) - 1
    if len(pairs) < MIN_PAIRS:
        return SwitchbackEffect(lift, None)
    flips = _flips(len(pairs), chance)
    low, high = (
        _edge(differences, flips, middle, float(end))
        for end in (differences.min(), differences.max())
    )
    return SwitchbackEffect(lift, Interval(exp(low) - 1, exp(high) - 1))


def _flips(number: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """All ways in which the draws could have come out, or some at random of very many."""
    if 2**number <= FLIPS:
        bits = (np.arange(2**number)[:, None] >> np.arange(number)) & 1
        return np.asarray(2.0 * bits - 1, dtype=np.float64)
    drawn = chance.choice([-1.0, 1.0], (FLIPS - 1, number))
    return np.vstack([np.ones(number), drawn])


def _edge(
    differences: NDArray[np.float64], flips: NDArray[np.float64], inside: float, outside: float
) -> float:
    """How far towards `outside` the draw does not rule a difference out; found by halving."""
    outside += 1e-9 if outside > inside else -1e-9
    for _ in range(40):
        tried = (inside + outside) / 2
        left = differences - tried
        as_large = np.abs(flips @ left) >= abs(left.sum()) - 1e-12
        if as_large.mean() > ALPHA:
            inside = tried
        else:
            outside = tried
    return outside
