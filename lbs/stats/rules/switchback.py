"""What an offer that is on and off at venues by turns does to visits.

Bojinov, Simchi-Levi and Zhao, Design and analysis of switchback experiments, Management Science 69
(2023): by drawing which turn comes first, the venue is compared with itself, and what lingers from
the turn before is washed out at the beginning of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from lbs.stats.rules.lift import Interval

ALPHA = 0.05
MIN_PAIRS = 6
"""Of fewer pairs, no outcome is rarer than one in twenty."""
FEWEST, MOST_SIGNS = 400, 200_000
"""So many draws are tried at least, and of more than a few pairs so many signs in all."""


@dataclass(frozen=True, slots=True)
class SwitchbackEffect:
    lift: float
    interval: Interval | None
    """None of too few pairs."""


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
    most = max(FEWEST, MOST_SIGNS // number)
    if 2**number <= most:
        bits = (np.arange(2**number)[:, None] >> np.arange(number)) & 1
        return np.asarray(2.0 * bits - 1, dtype=np.float64)
    drawn = chance.choice([-1.0, 1.0], (most - 1, number))
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
