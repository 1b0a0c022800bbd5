"""How wide an interval has to be that holds at every look, however often one looks.

An interval of 1.96 standard errors holds at one look. One that holds at all looks together, a
confidence sequence, is wider: by half where as many customers are in it as were planned.
"""

from __future__ import annotations

import math
from functools import cache

from scipy.special import lambertw  # type: ignore[import-untyped]

MIN_CUSTOMERS, MIN_ACTIVE = 100, 25
"""Customers in each of two samples, and those of both who did anything: with fewer, no interval.

The sequence is asymptotic. In simulations, with these and the variance that `stats.rules.lift`
takes, it errs in less than one case in twenty, also with a skewed metric and a small holdout.
"""


def width(customers: float, planned: float, alpha: float) -> float:
    """Half of the interval for a difference, in standard errors, with so many customers in all.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
    asymptotic confidence sequences, Annals of Statistics 52 (2024), theorem 2.2, a mixture of
    normal distributions; the same boundary is in Johari, Koomen, Pekelis and Walsh, Always valid
    inference, Operations Research 70 (2022), and Robbins (1970). It is narrowest at `planned`.
    """
    mixed = customers / planned * _tuning(alpha)
    return math.sqrt((1 + 1 / mixed) * math.log((1 + mixed) / alpha**2))


@cache
def _tuning(alpha: float) -> float:
    """The mixture's variance times the planned number that makes the interval narrowest there.

    Howard, Ramdas, McAuliffe and Sekhon, Time-uniform, nonparametric, nonasymptotic confidence
    sequences, Annals of Statistics 49 (2021), section 3.5.
    """
    return float(-lambertw(-(alpha**2) / math.e, -1).real - 1)
