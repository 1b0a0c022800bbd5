"""How many customers an experiment takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri  # type: ignore[import-untyped]

from lbs.experiments.policy.sequences import MIN_CUSTOMERS, width


@dataclass(frozen=True, slots=True)
class Group:
    """What is expected of an arm's customers: their share of all, and how much they differ."""

    share: float
    variance: float


def plan_customers(
    baseline_mean: float,
    baseline_variance: float,
    lift: float,
    shares: Sequence[float],
    alpha: float,
    power: float,
) -> int:
    """Customers in the smallest arm, for this power to find the relative lift over the first.

    At that number, the interval that holds at every look leaves out 0 with this power; at a look
    before it may do so already. As the verdict does, it shares `alpha` out over the arms that are
    compared with the first. The variance of what customers do is taken to grow as its mean.
    """
    first, *others = shares
    errors = width(1, 1, alpha / len(others))
    control = Group(first, baseline_variance)
    customers = max(
        customers_needed(
            baseline_mean * lift,
            control,
            Group(share, baseline_variance * (1 + lift)),
            errors=errors,
            power=power,
        )
        for share in others
    )
    return max(math.ceil(customers * min(shares)), MIN_CUSTOMERS)


def customers_needed(
    effect: float, control: Group, other: Group, *, errors: float, power: float
) -> float:
    """Customers of all arms, for a difference to lie so many standard errors from 0 with the power.

    Two samples of unequal size, by the normal distribution: Chow, Shao and Wang, Sample Size
    Calculations in Clinical Research (2008), section 3.2.1; 1.96 errors are its fixed sample.
    A group's variance counts as no less than that of both together, as in the interval.
    """
    pooled = (control.share * control.variance + other.share * other.variance) / (
        control.share + other.share
    )
    spread = sum(max(group.variance, pooled) / group.share for group in (control, other))
    return float((errors + ndtri(power)) ** 2 * spread / effect**2)
