"""Use case: what an experiment says, from what its customers did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.experiments.errors import ExperimentNotFound
from lbs.experiments.policy import CONTROL, HOLDOUT
from lbs.stats import queries
from lbs.stats.rules.lift import Difference, Sample
from lbs.stats.rules.ratio import ALPHA
from lbs.stats.rules.verdict import METRICS, Arm, Design, Results, Run, conclude
from lbs.venues.errors import VenueNotAllowed

STATED = (
    *("offer_id", "metric", "alpha", "horizon_days", "min_customers", "min_weeks"),
    *("currency", "started_at"),
)
NOBODY = Arm(0, dict.fromkeys(METRICS, Sample(0, 0, 0.0, 0.0)))


def read_results(
    session: Session, key: MerchantKey, experiment_id: UUID, now: datetime, *, min_group: int = 5
) -> dict[str, Any]:
    """Of the customers exposed so far, those whose horizon is over, by now or when it stopped."""
    if key.venue_ids:
        raise VenueNotAllowed("The API key sees its own venues; an experiment runs at all.")
    experiment = queries.find_experiment(session, experiment_id, key.merchant_id)
    if experiment is None:
        raise ExperimentNotFound
    run = Run(
        experiment.started_at,
        experiment.stopped_at or now,
        is_stopped=experiment.stopped_at is not None,
    )
    design = _design(experiment)
    counted = queries.sum_outcomes(session, experiment, run.until)
    arms = dict.fromkeys(design.shares, NOBODY) | {row.arm: _arm(row) for row in counted}
    results = conclude(design, arms, run)
    return {
        **{name: getattr(experiment, name) for name in STATED},
        "experiment_id": experiment_id,
        "to": run.until,
        "mismatch": {"p_value": results.mismatch_p, "is_mismatch": results.mismatch_p <= ALPHA},
        "arms": [_said(name, design, arms[name], results, min_group) for name in design.shares],
        "winner": results.winner,
        "effect": results.effect,
    }


def _design(experiment: Any) -> Design:
    """An arm that nobody was to be in says nothing."""
    return Design(
        shares={name: percent / 100 for name, percent in experiment.shares.items() if percent},
        metric=experiment.metric,
        alpha=experiment.alpha,
        min_customers=experiment.min_customers,
        min_weeks=experiment.min_weeks,
        control=CONTROL,
        holdout=HOLDOUT,
    )


def _arm(row: Any) -> Arm:
    def sample(metric: str) -> Sample:
        active, total, squares = (
            getattr(row, f"{metric}_{part}") for part in ("active", "total", "squares")
        )
        return Sample(row.customers, active, total, squares)

    return Arm(row.exposed, {metric: sample(metric) for metric in METRICS})


def _said(name: str, design: Design, arm: Arm, results: Results, min_group: int) -> dict[str, Any]:
    """What a handful of customers did is nobody's business but theirs."""
    is_told = arm.customers >= min_group
    return {
        "arm": name,
        "share": design.shares[name],
        "exposed": arm.exposed,
        "customers": arm.customers,
        "means": {m: arm.samples[m].mean if is_told else None for m in METRICS},
        "against_control": _differences(results.against_control.get(name), is_told=is_told),
        "against_holdout": _differences(results.against_holdout.get(name), is_told=is_told),
    }


def _differences(
    differences: Mapping[str, Difference] | None, *, is_told: bool
) -> dict[str, Any] | None:
    if differences is None or not is_told:
        return None
    return {
        metric: {
            "absolute": difference.absolute,
            "interval": difference.interval,
            "lift": difference.lift,
            "lift_interval": difference.lift_interval,
        }
        for metric, difference in differences.items()
    }
