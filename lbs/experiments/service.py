"""Use cases of experiments: a merchant states one, starts and stops it, and promotes an arm; a
customer who meets its offer is recorded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.experiments import policy, queries
from lbs.experiments.errors import (
    ArmNotFound,
    BaselineMissing,
    ExperimentNotFound,
    ExperimentRunning,
    ExperimentStatusRefused,
)
from lbs.experiments.models import Experiment, ExperimentArm
from lbs.experiments.policy import Exposure
from lbs.offers import service as offers
from lbs.offers.errors import OfferEnded, OfferNotReady
from lbs.offers.models import Offer
from lbs.vault import Vault

BASELINE_WEEKS = 8
BASELINE = timedelta(weeks=BASELINE_WEEKS)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said before an experiment starts, and holds until it is over."""

    metric: policy.Metric
    horizon_days: int
    min_lift: float
    power: float
    alpha: float
    min_customers: int
    min_weeks: int


@dataclass(frozen=True, slots=True)
class WriteArm:
    name: str
    share_percent: int
    changes: dict[str, Any]
    """By column name (policy.TESTED)."""


@dataclass(frozen=True, slots=True)
class CreateExperiment:
    statement: Statement
    arms: tuple[WriteArm, ...]
    """The first is the control, which changes nothing."""
    holdout_percent: int
    start: bool


@dataclass(frozen=True, slots=True)
class PlanExperiment:
    metric: policy.Metric
    horizon_days: int
    min_lift: float
    power: float
    alpha: float
    shares_percent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExperimentView:
    experiment: Experiment
    arms: tuple[ExperimentArm, ...]
    """Those with terms."""
    holdout_percent: int


@dataclass(frozen=True, slots=True)
class Planned:
    start: datetime
    end: datetime
    """When the customers of the baseline were first seen."""
    baseline: policy.Baseline
    plan: policy.Plan


def create_experiment(
    session: Session,
    offer_id: UUID,
    merchant_id: UUID,
    command: CreateExperiment,
    new_key: Callable[[], str],
    now: datetime,
    *,
    referrer_bonus: bool = False,
) -> ExperimentView:
    """`new_key` gives the sealed key by which customers are assigned.

    `referrer_bonus`: whether the operator allows to reward those who refer.
    """
    offer = offers.lock_offer(session, offer_id, merchant_id)
    if offer.status == "ended":
        raise OfferEnded
    experiment = Experiment(
        id=new_id(),
        offer_id=offer_id,
        merchant_id=merchant_id,
        status="draft",
        **asdict(command.statement),
        sealed_key=new_key(),
        created_at=now,
    )
    session.add(experiment)
    session.flush()
    session.add_all(_arms(experiment, command))
    session.flush()
    made = _view(session, experiment)
    record(session, merchant_id, "experiment.created", experiment.id, after=_said(made), now=now)
    if command.start:
        _start(session, experiment, offer, now, referrer_bonus=referrer_bonus)
    return made


def load_experiment(
    session: Session, experiment_id: UUID, offer_id: UUID, merchant_id: UUID
) -> ExperimentView:
    return _view(session, _find(session, experiment_id, offer_id, merchant_id))


def list_experiments(
    session: Session, offer_id: UUID, merchant_id: UUID, *, limit: int, after: UUID | None
) -> list[ExperimentView]:
    offers.load_offer(session, offer_id, merchant_id)
    rows = queries.list_experiments(session, offer_id, merchant_id, limit=limit, after=after)
    arms = queries.list_arms(session, [row.id for row in rows])
    return [_view_with(row, arms[row.id]) for row in rows]


def start_experiment(
    session: Session,
    experiment_id: UUID,
    offer_id: UUID,
    merchant_id: UUID,
    now: datetime,
    *,
    referrer_bonus: bool = False,
) -> ExperimentView:
    """Starting one that runs changes nothing."""
    offer = offers.lock_offer(session, offer_id, merchant_id)
    experiment = _find(session, experiment_id, offer_id, merchant_id)
    if experiment.status == "stopped":
        raise ExperimentStatusRefused("It is stopped.")
    if experiment.status == "draft":
        _start(session, experiment, offer, now, referrer_bonus=referrer_bonus)
    return _view(session, experiment)


def stop_experiment(
    session: Session, experiment_id: UUID, offer_id: UUID, merchant_id: UUID, now: datetime
) -> ExperimentView:
    """From now on everybody meets the offer's own terms. Stopping one that has stopped changes
    nothing; a draft is put away.
    """
    offer = offers.lock_offer(session, offer_id, merchant_id)
    experiment = _find(session, experiment_id, offer_id, merchant_id)
    if experiment.status != "stopped":
        _stop(session, experiment, offer, now)
    return _view(session, experiment)


def promote_arm(
    session: Session,
    experiment_id: UUID,
    offer_id: UUID,
    merchant_id: UUID,
    arm: str,
    now: datetime,
    *,
    referrer_bonus: bool = False,
) -> ExperimentView:
    """The tested terms of the arm become the offer's, reviewed as any change; one that runs stops.

    Promoting the same arm again changes nothing.
    """
    offer = offers.lock_offer(session, offer_id, merchant_id)
    experiment = _find(session, experiment_id, offer_id, merchant_id)
    if experiment.promoted_arm != arm:
        _promote(session, experiment, offer, arm, now, referrer_bonus=referrer_bonus)
    return _view(session, experiment)


def plan_experiment(
    session: Session, offer_id: UUID, merchant_id: UUID, command: PlanExperiment, now: datetime
) -> Planned:
    """By those who were first seen in eight weeks, each of whom has had the whole horizon since."""
    offers.load_offer(session, offer_id, merchant_id)
    horizon = timedelta(days=command.horizon_days)
    end = now - horizon
    found = queries.find_baseline(
        session,
        offer_id=offer_id,
        merchant_id=merchant_id,
        metric=command.metric,
        start=end - BASELINE,
        end=end,
        horizon=horizon,
    )
    if found.mean <= 0 or not found.variance:
        raise BaselineMissing
    baseline = policy.Baseline(found.customers, BASELINE_WEEKS, found.mean, found.variance)
    planned = policy.plan(
        baseline,
        command.shares_percent,
        lift=command.min_lift,
        alpha=command.alpha,
        power=command.power,
    )
    return Planned(end - BASELINE, end, baseline, planned)


def exposure_to(
    session: Session,
    experiment_id: UUID,
    subject_id: UUID,
    vault: Vault,
    venue_id: UUID | None = None,
) -> Exposure:
    """How the customer meets the offer of a running experiment."""
    [experiment] = queries.running(session, {str(experiment_id)}, vault).values()
    return Exposure(experiment_id, subject_id, venue_id, experiment.arm_of(subject_id))


def expose(session: Session, exposures: Iterable[Exposure], channel: str, now: datetime) -> None:
    """The customers have met the offers, or would have if they were not held out.

    Only the first time is kept, of each customer and experiment.
    """
    queries.expose(session, exposures, channel=channel, now=now)


def tested_terms(
    session: Session, offer_id: UUID, arm: policy.Arm | ExperimentArm
) -> dict[str, Any]:
    """Those of an arm that has started, by column; none of the holdout."""
    if arm.terms_version is None:
        return {}
    version = queries.find_version(session, offer_id, arm.terms_version)
    return {name: getattr(version, name) for name in policy.TESTED}


def _start(
    session: Session, experiment: Experiment, offer: Offer, now: datetime, *, referrer_bonus: bool
) -> None:
    """Each arm gets its version of the terms; errors that their review finds stop it."""
    if offer.status == "ended":
        raise OfferEnded
    if offer.experiment_id is not None:
        raise ExperimentRunning
    for arm in queries.list_arms(session, [experiment.id])[experiment.id]:
        if arm.name == policy.CONTROL:
            arm.terms_version = offer.terms_version
        elif arm.name != policy.HOLDOUT:
            arm.terms_version = _add_version(
                session, offer, arm, now, referrer_bonus=referrer_bonus
            )
    experiment.status, experiment.started_at = "running", now
    offers.set_experiment(session, offer, experiment.id, now)
    _record_status(session, experiment, "experiment.started", "draft", now)


def _add_version(
    session: Session, offer: Offer, arm: ExperimentArm, now: datetime, *, referrer_bonus: bool
) -> int:
    try:
        return offers.add_version(session, offer, arm.changes, now, referrer_bonus=referrer_bonus)
    except OfferNotReady as refusal:
        raise OfferNotReady(refusal.findings, f"In the arm {arm.name}.") from None


def _stop(session: Session, experiment: Experiment, offer: Offer, now: datetime) -> None:
    before, experiment.status, experiment.stopped_at = experiment.status, "stopped", now
    if before == "running":
        offers.set_experiment(session, offer, None, now)
    _record_status(session, experiment, "experiment.stopped", before, now)


def _promote(
    session: Session,
    experiment: Experiment,
    offer: Offer,
    arm_name: str,
    now: datetime,
    *,
    referrer_bonus: bool,
) -> None:
    if experiment.started_at is None or experiment.promoted_arm is not None:
        raise ExperimentStatusRefused
    arms = queries.list_arms(session, [experiment.id])[experiment.id]
    arm = next((one for one in arms if one.name == arm_name), None)
    if arm is None or arm.terms_version is None:
        raise ArmNotFound
    if experiment.status == "running":
        _stop(session, experiment, offer, now)
    terms = tested_terms(session, offer.id, arm)
    own = offers.load_offer(session, offer.id, offer.merchant_id)
    changes = {name: value for name, value in terms.items() if value != getattr(own, name)}
    if changes:
        offers.change_offer(
            session,
            offer_id=offer.id,
            merchant_id=offer.merchant_id,
            command=offers.WriteOffer(changes),
            check=lambda _: None,
            referrer_bonus=referrer_bonus,
            now=now,
        )
    experiment.promoted_arm = arm_name
    said = {"before": {"promoted_arm": None}, "after": {"promoted_arm": arm_name}}
    record(session, offer.merchant_id, "experiment.promoted", experiment.id, **said, now=now)


def _record_status(
    session: Session, experiment: Experiment, action: str, before: str, now: datetime
) -> None:
    said = {"before": {"status": before}, "after": {"status": experiment.status}}
    record(session, experiment.merchant_id, action, experiment.id, **said, now=now)


def _find(session: Session, experiment_id: UUID, offer_id: UUID, merchant_id: UUID) -> Experiment:
    experiment = queries.find_experiment(session, experiment_id, offer_id, merchant_id)
    if experiment is None:
        raise ExperimentNotFound
    return experiment


def _arms(experiment: Experiment, command: CreateExperiment) -> list[ExperimentArm]:
    holdout = WriteArm(policy.HOLDOUT, command.holdout_percent, {})
    return [
        ExperimentArm(
            experiment_id=experiment.id,
            offer_id=experiment.offer_id,
            position=position,
            **asdict(arm),
        )
        for position, arm in enumerate((*command.arms, holdout))
    ]


def _view(session: Session, experiment: Experiment) -> ExperimentView:
    return _view_with(experiment, queries.list_arms(session, [experiment.id])[experiment.id])


def _view_with(experiment: Experiment, arms: Sequence[ExperimentArm]) -> ExperimentView:
    *shown, holdout = arms
    return ExperimentView(experiment, tuple(shown), holdout.share_percent)


def _said(view: ExperimentView) -> dict[str, Any]:
    """What the audit log says of a new one."""
    stated = {name: getattr(view.experiment, name) for name in Statement.__slots__}
    arms = [
        {"name": arm.name, "share_percent": arm.share_percent, "changes": arm.changes}
        for arm in view.arms
    ]
    whose = {"offer_id": view.experiment.offer_id, "holdout_percent": view.holdout_percent}
    return {**whose, "status": view.experiment.status, **stated, "arms": arms}
