"""By how much the customers of one arm do more than those of another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lbs.experiments.policy.sequences import MIN_ACTIVE, MIN_CUSTOMERS, width


@dataclass(frozen=True, slots=True)
class Sample:
    """What the customers of one arm did, one number for each, in sums."""

    customers: int
    active: int
    """Those whose number is not 0."""
    total: float
    squares: float

    @property
    def mean(self) -> float | None:
        return self.total / self.customers if self.customers else None

    @property
    def scatter(self) -> float:
        """The squared distances from the mean, summed."""
        return max(self.squares - self.total**2 / self.customers, 0.0)


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 where all of it lies above 0, -1 where all of it lies below, else 0."""
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """Between the means of two arms; an interval is None where too few customers are in it."""

    absolute: float | None
    interval: Interval | None
    lift: float | None
    """The difference relative to the mean that it is compared with; None where that is 0."""
    lift_interval: Interval | None


NOTHING = Difference(None, None, None, None)


def compare(sample: Sample, base: Sample, *, planned: float, alpha: float) -> Difference:
    """The difference of means, and its intervals that hold at every look with 1 - `alpha`.

    `planned` are the customers of both at which the intervals are to be narrowest. The standard
    error is Welch's (1938), but a sample's variance counts as no less than that of both together:
    in a small sample of a skewed metric, the few that do much are missing from the mean and from
    the variance at once, and its own variance would find false differences.
    """
    mean, base_mean = sample.mean, base.mean
    if mean is None or base_mean is None:
        return NOTHING
    lift = mean / base_mean - 1 if base_mean else None
    if not _are_enough(sample, base):
        return Difference(mean - base_mean, None, lift, None)
    errors = width(sample.customers + base.customers, planned, alpha)
    pooled = (sample.scatter + base.scatter) / (sample.customers + base.customers - 2)
    slack, base_slack = (errors**2 * _variance_of_mean(each, pooled) for each in (sample, base))
    half = math.sqrt(slack + base_slack)
    absolute = mean - base_mean
    return Difference(
        absolute,
        Interval(absolute - half, absolute + half),
        lift,
        _lift_interval(mean, base_mean, slack, base_slack),
    )


def _are_enough(*samples: Sample) -> bool:
    fewest = min(sample.customers for sample in samples)
    return fewest >= MIN_CUSTOMERS and sum(sample.active for sample in samples) >= MIN_ACTIVE


def _variance_of_mean(sample: Sample, pooled: float) -> float:
    return max(sample.scatter / (sample.customers - 1), pooled) / sample.customers


def _lift_interval(
    mean: float, base_mean: float, slack: float, base_slack: float
) -> Interval | None:
    """The lifts that the data do not rule out, of two means with these squared half-widths.

    Fieller, Some problems in interval estimation, Journal of the Royal Statistical Society B 16
    (1954): a ratio r is ruled out where the sequence for `mean - r * base_mean` leaves out 0. So
    it holds whenever the sequence does, and leaves out 0 exactly when the difference does. There
    is none while the base is not shown to differ from 0. Outcomes are not negative: no lift is
    below -1.
    """
    certain = base_mean**2 - base_slack
    if certain <= 0:
        return None
    middle = mean * base_mean / certain
    half = math.sqrt(slack * certain + mean**2 * base_slack) / certain
    return Interval(max(middle - half - 1, -1.0), middle + half - 1)
