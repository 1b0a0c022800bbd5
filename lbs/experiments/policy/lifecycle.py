"""What is said of an experiment before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lbs.experiments.policy.power import plan_customers

STATUSES = ("draft", "running", "stopped")
TESTED = ("teaser", "terms", "reward", "rule", "value_minor", "cost_minor")
"""The terms of an offer that arms may differ in."""
ALPHA, POWER, HORIZON_DAYS = 0.05, 0.8, 14


class Metric(StrEnum):
    """What is compared, of each exposed customer within the horizon."""

    VISITS = "visits"
    REDEMPTIONS = "redemptions"
    REVENUE = "revenue"


METRICS = tuple(metric.value for metric in Metric)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What customers did without the experiment."""

    customers: int
    weeks: int
    mean: float
    variance: float

    @property
    def customers_per_week(self) -> float:
        return self.customers / self.weeks


@dataclass(frozen=True, slots=True)
class Plan:
    customers_per_arm: int
    """In the smallest arm."""
    customers: int
    weeks: int
    """Until so many have been exposed; the horizon comes after that."""


def plan(
    baseline: Baseline, shares_percent: Sequence[int], *, lift: float, alpha: float, power: float
) -> Plan:
    """How many customers, and weeks at the baseline's rate, it takes to find the lift."""
    shares = [percent / 100 for percent in shares_percent]
    per_arm = plan_customers(baseline.mean, baseline.variance, lift, shares, alpha, power)
    customers = math.ceil(per_arm / min(shares))
    weeks = math.ceil(customers / baseline.customers_per_week)
    return Plan(customers_per_arm=per_arm, customers=customers, weeks=weeks)
