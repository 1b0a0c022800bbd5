"""Which arm of an experiment a customer is in, and how many customers it takes. Pure."""

from lbs.experiments.policy.assignment import (
    CONTROL,
    HOLDOUT,
    MAX_HOLDOUT_PERCENT,
    Arm,
    Experiment,
    Exposure,
    is_for,
    place_of,
    versions_of,
)
from lbs.experiments.policy.lifecycle import (
    ALPHA,
    HORIZON_DAYS,
    METRICS,
    POWER,
    STATUSES,
    TESTED,
    Baseline,
    Metric,
    Plan,
    plan,
)

__all__ = [
    "ALPHA",
    "CONTROL",
    "HOLDOUT",
    "HORIZON_DAYS",
    "MAX_HOLDOUT_PERCENT",
    "METRICS",
    "POWER",
    "STATUSES",
    "TESTED",
    "Arm",
    "Baseline",
    "Experiment",
    "Exposure",
    "Metric",
    "Plan",
    "is_for",
    "place_of",
    "plan",
    "versions_of",
]
