from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.experiments.policy import (
    ALPHA,
    CONTROL,
    HOLDOUT,
    HORIZON_DAYS,
    MAX_HOLDOUT_PERCENT,
    METRICS,
    POWER,
    STATUSES,
    TESTED,
    Metric,
)
from lbs.experiments.service import (
    CreateExperiment,
    ExperimentView,
    PlanExperiment,
    Planned,
    Statement,
    WriteArm,
)
from lbs.http.fields import Boolean, Float, Integer, Schema, String, Timestamp, Word
from lbs.http.paging import page_schema
from lbs.offers.schemas.offers import ChangeOfferSchema

WHOLE = 100
"""Percent."""
MAX_ARMS = 8
MAX_CUSTOMERS, MAX_WEEKS = 10**9, 104
NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"

METRIC: dict[str, Any] = {
    "metadata": {
        "description": "What is compared of each exposed customer: visits to the offer's venues, "
        "redemptions there, or the revenue that tills report with them"
    }
}
HORIZON: dict[str, Any] = {
    "validate": validate.Range(1, 90),
    "metadata": {
        "description": "A customer's outcomes count for so many days after first exposure",
        "example": 14,
    },
}
MIN_LIFT: dict[str, Any] = {
    "validate": validate.Range(0.001, 10),
    "metadata": {
        "description": "The smallest that is worth finding, relative to the control: 0.2 is 20 %",
        "example": 0.2,
    },
}
SIGNIFICANCE: dict[str, Any] = {
    "validate": validate.Range(0.001, 0.2),
    "metadata": {"description": "How often a winner may be found where there is none"},
}
POWER_OF: dict[str, Any] = {
    "validate": validate.Range(0.5, 0.99),
    "metadata": {"description": "How often a lift of min_lift is to be found where there is one"},
}
HELD_OUT: dict[str, Any] = {
    "metadata": {
        "description": "How many of a hundred customers are neither shown nor given the offer",
        "example": 20,
    }
}
SHARE: dict[str, Any] = {"validate": validate.Range(0, WHOLE)}

_STATED: dict[str, Any] = {
    "metric": "visits",
    "horizon_days": HORIZON_DAYS,
    "min_lift": 0.2,
    "power": POWER,
    "alpha": ALPHA,
    "min_customers": 400,
    "min_weeks": 4,
}
_ARMS: list[dict[str, Any]] = [
    {"name": CONTROL, "share_percent": 40, "changes": {}},
    {"name": "cosy", "share_percent": 40, "changes": {"teaser": "Come in from the cold"}},
]


class ArmChangesSchema(ChangeOfferSchema):
    """What an arm changes about the offer's terms; the rest is as in the control."""

    class Meta(Schema.Meta):
        fields = TESTED


class CreateArmSchema(Schema):
    """One version of the offer, for so many of a hundred customers."""

    name = String(
        required=True,
        validate=validate.Regexp(NAME),
        metadata={"description": "Of the first: control", "example": "cosy"},
    )
    share_percent = Integer(required=True, **SHARE)
    changes = fields.Nested(ArmChangesSchema, load_default=None)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteArm:
        changes = data["changes"]
        return WriteArm(data["name"], data["share_percent"], changes.terms if changes else {})


class CreateExperimentSchema(Schema):
    example = {  # noqa: RUF012
        **_STATED,
        "arms": _ARMS,
        "holdout_percent": 20,
        "start": False,
    }

    metric = Word("ExperimentMetric", METRICS, required=True, **METRIC)
    horizon_days = Integer(load_default=HORIZON_DAYS, **HORIZON)
    min_lift = Float(required=True, **MIN_LIFT)
    power = Float(load_default=POWER, **POWER_OF)
    alpha = Float(load_default=ALPHA, **SIGNIFICANCE)
    min_customers = Integer(
        required=True,
        validate=validate.Range(2, MAX_CUSTOMERS),
        metadata={
            "description": "In each arm, before anything is concluded; `plan` says how many",
            "example": 400,
        },
    )
    min_weeks = Integer(
        required=True,
        validate=validate.Range(1, MAX_WEEKS),
        metadata={"description": "Before anything is concluded", "example": 4},
    )
    arms = fields.List(
        fields.Nested(CreateArmSchema), required=True, validate=validate.Length(1, MAX_ARMS)
    )
    holdout_percent = Integer(
        load_default=0, validate=validate.Range(0, MAX_HOLDOUT_PERCENT), **HELD_OUT
    )
    start = Boolean(
        load_default=False,
        metadata={"description": "Whether it starts at once; else it is a draft"},
    )

    @ma.validates_schema
    def arranged(self, data: dict[str, Any], **_: Any) -> None:
        """Where single members are wrong already, they are told alone."""
        arms = data.get("arms")
        if not arms or not all(isinstance(arm, WriteArm) for arm in arms):
            return
        if flaw := _flaw(arms, data.get("holdout_percent", 0)):
            raise ma.ValidationError(flaw, "arms")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateExperiment:
        stated = {name: data[name] for name in _STATED} | {"metric": Metric(data["metric"])}
        return CreateExperiment(
            statement=Statement(**stated),
            arms=tuple(data["arms"]),
            holdout_percent=data["holdout_percent"],
            start=data["start"],
        )


def _flaw(arms: list[WriteArm], holdout_percent: int) -> str | None:
    names, first = [arm.name for arm in arms], arms[0]
    if first.name != CONTROL or first.changes:
        return f"The first has to be {CONTROL}, and changes nothing."
    if HOLDOUT in names or len(set(names)) < len(names):
        return f"Each needs a name of its own, other than {HOLDOUT}."
    if len(arms) == 1 and not holdout_percent:
        return "There is nothing to compare with: give another arm, or a holdout."
    if sum(arm.share_percent for arm in arms) + holdout_percent != WHOLE:
        return "With holdout_percent, the shares have to come to 100 percent."
    return None


class ExperimentArmSchema(Schema):
    name = fields.String(required=True)
    share_percent = fields.Integer(required=True)
    changes = fields.Nested(ArmChangesSchema, required=True)
    terms_version = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Of the offer's terms, that it shows; null until it starts"},
    )


class ExperimentSchema(Schema):
    """A comparison of versions of an offer with each other, and with no offer."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000021",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "status": "draft",
        **_STATED,
        "arms": [{**arm, "terms_version": None} for arm in _ARMS],
        "holdout_percent": 20,
        "created_at": "2026-11-22T12:00:01Z",
        "started_at": None,
        "stopped_at": None,
        "promoted_arm": None,
    }

    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    status = Word("ExperimentStatus", STATUSES, required=True)
    metric = Word("ExperimentMetric", METRICS, required=True, **METRIC)
    horizon_days = fields.Integer(required=True)
    min_lift = fields.Float(required=True)
    power = fields.Float(required=True)
    alpha = fields.Float(required=True)
    min_customers = fields.Integer(required=True)
    min_weeks = fields.Integer(required=True)
    arms = fields.List(fields.Nested(ExperimentArmSchema), required=True)
    holdout_percent = fields.Integer(required=True, **HELD_OUT)
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    stopped_at = Timestamp(required=True, allow_none=True)
    promoted_arm = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Whose terms have become the offer's"},
    )


ExperimentPageSchema = page_schema(ExperimentSchema, "ExperimentPageSchema")


class PromoteArmSchema(Schema):
    example = {"arm": "cosy"}  # noqa: RUF012

    arm = String(required=True, validate=validate.Regexp(NAME))


class PlanExperimentSchema(Schema):
    example = {  # noqa: RUF012
        "metric": "visits",
        "min_lift": 0.2,
        "shares_percent": [40, 40, 20],
    }

    metric = Word("ExperimentMetric", METRICS, required=True, **METRIC)
    horizon_days = Integer(load_default=HORIZON_DAYS, **HORIZON)
    min_lift = Float(required=True, **MIN_LIFT)
    power = Float(load_default=POWER, **POWER_OF)
    alpha = Float(load_default=ALPHA, **SIGNIFICANCE)
    shares_percent = fields.List(
        Integer(validate=validate.Range(1, WHOLE)),
        load_default=lambda: [50, 50],
        validate=validate.Length(2, MAX_ARMS + 1),
        metadata={"description": "Of the control, the other arms and the holdout; 100 in all"},
    )

    @ma.validates_schema
    def whole(self, data: dict[str, Any], **_: Any) -> None:
        if sum(data.get("shares_percent", [WHOLE])) != WHOLE:
            raise ma.ValidationError("The shares have to come to 100 percent.", "shares_percent")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> PlanExperiment:
        shares = tuple(data.pop("shares_percent"))
        metric = Metric(data.pop("metric"))
        return PlanExperiment(metric=metric, shares_percent=shares, **data)


class ExperimentBaselineSchema(Schema):
    """What those did who were first seen at the offer's venues in eight weeks, within the horizon;
    revenue in minor units.
    """

    start = Timestamp(required=True, data_key="from")
    end = Timestamp(required=True, data_key="to")
    customers = fields.Integer(required=True)
    customers_per_week = fields.Float(required=True)
    mean = fields.Float(required=True)
    variance = fields.Float(required=True)


class ExperimentPlanSchema(Schema):
    """How many customers have to meet the offer to find a lift of min_lift, and how long it takes
    until they have; a horizon later their outcomes are in.
    """

    example = {  # noqa: RUF012
        "baseline": {
            "from": "2026-09-13T12:00:01Z",
            "to": "2026-11-08T12:00:01Z",
            "customers": 2,
            "customers_per_week": 0.25,
            "mean": 0.5,
            "variance": 0.5,
        },
        "customers_per_arm": 1472,
        "customers": 7360,
        "weeks": 29440,
    }

    baseline = fields.Nested(ExperimentBaselineSchema, required=True)
    customers_per_arm = fields.Integer(
        required=True, metadata={"description": "In the smallest arm"}
    )
    customers = fields.Integer(required=True, metadata={"description": "In all"})
    weeks = fields.Integer(
        required=True, metadata={"description": "At the rate of the baseline's weeks"}
    )


def present_experiment(view: ExperimentView) -> dict[str, Any]:
    row = view.experiment
    names = (*_STATED, "id", "offer_id", "status", "created_at", "started_at", "stopped_at")
    stated = {name: getattr(row, name) for name in (*names, "promoted_arm")}
    return {**stated, "arms": view.arms, "holdout_percent": view.holdout_percent}


def present_plan(planned: Planned) -> dict[str, Any]:
    baseline, found = planned.baseline, planned.plan
    return {
        "baseline": {
            "start": planned.start,
            "end": planned.end,
            "customers": baseline.customers,
            "customers_per_week": baseline.customers_per_week,
            "mean": baseline.mean,
            "variance": baseline.variance,
        },
        "customers_per_arm": found.customers_per_arm,
        "customers": found.customers,
        "weeks": found.weeks,
    }
