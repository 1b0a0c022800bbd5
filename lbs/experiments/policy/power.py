"""How many customers an experiment takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist


def plan_customers(
    baseline_mean: float,
    baseline_variance: float,
    lift: float,
    shares: Sequence[float],
    alpha: float,
    power: float,
) -> int:
    """Customers in the smallest arm, for this power to find the relative lift over the first.

    Two samples of unequal size and one variance, two-sided, by the normal distribution: Chow, Shao
    and Wang, Sample Size Calculations in Clinical Research (2008), section 3.2.1.
    """
    first, least = shares[0], min(shares[1:])
    quantiles = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)
    effect = baseline_mean * lift
    customers = quantiles**2 * baseline_variance * (1 / first + 1 / least) / effect**2
    return math.ceil(customers * min(shares))
