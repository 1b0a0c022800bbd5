from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.experiments.policy import METRICS
from lbs.http.fields import Schema, Timestamp, Word
from lbs.http.languages import say
from lbs.offers.schemas.offers import STATUSES
from lbs.stats.rules.matching import VenueEffect
from lbs.stats.rules.verdict import NO_VERDICT, Finding, Verdict
from lbs.stats.rules.words import effect_text, winner_text
from lbs.stats.service.venues import Switchback
from lbs.venues.schemas import is_time_zone

MAX_BUCKETS = 2000
LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}

FROM: dict[str, Any] = {"data_key": "from", "metadata": {"description": "Counted from then on"}}
TO: dict[str, Any] = {"data_key": "to", "metadata": {"description": "Counted before then"}}


class _PeriodSchema(Schema):
    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data.get("start"), data.get("end")
        if start and end and start >= end:
            raise ma.ValidationError("Must be later than from.", "to")


class TotalsQuerySchema(_PeriodSchema):
    start = Timestamp(load_default=None, **FROM)
    end = Timestamp(
        load_default=None,
        data_key="to",
        metadata={"description": "Counted before then; left out: now"},
    )


class SeriesQuerySchema(_PeriodSchema):
    start = Timestamp(required=True, **FROM)
    end = Timestamp(required=True, **TO)
    by = Word("Interval", LENGTH, load_default="day")
    time_zone = fields.String(
        load_default=None,
        validate=is_time_zone,
        metadata={"description": "Whose hours, days and weeks; left out: the venue's"},
    )

    @ma.validates_schema
    def short_enough(self, data: dict[str, Any], **_: Any) -> None:
        if data["end"] - data["start"] > MAX_BUCKETS * LENGTH[data["by"]]:
            raise ma.ValidationError(f"At most {MAX_BUCKETS} items.", "by")


class OfferTotalsQuerySchema(TotalsQuerySchema):
    venue_id = fields.UUID(load_default=None, metadata={"description": "Only at this venue"})


class OfferSeriesQuerySchema(SeriesQuerySchema):
    venue_id = fields.UUID(load_default=None, metadata={"description": "Only at this venue"})


class ComparisonQuerySchema(TotalsQuerySchema):
    others = fields.List(
        fields.UUID(),
        required=True,
        data_key="with",
        validate=validate.Length(1, 10),
        metadata={"description": "Another of the merchant's offers; once for each"},
    )


class CheckInCountsSchema(Schema):
    """Check-ins by verdict."""

    accepted = fields.Integer(required=True)
    ambiguous = fields.Integer(required=True)
    rejected = fields.Integer(required=True)


_COUNTS = {
    "check_ins": {"accepted": 1, "ambiguous": 0, "rejected": 1},
    "unlocks": 1,
    "expired": 0,
    "redemptions": 2,
    "reversals": 1,
    "unique_customers": 1,
    "new_customers": 1,
    "returning_customers": 0,
    "money": [{"currency": "DKK", "value_minor": 3500, "cost_minor": 600, "amount_minor": 12000}],
}
_NOTHING = {
    **dict.fromkeys(_COUNTS, 0),
    "check_ins": {"accepted": 0, "ambiguous": 0, "rejected": 0},
    "money": [],
}
"""Of an offer that has not run yet."""


class MoneySchema(Schema):
    """Sums over redemptions less reversals, in the currency's minor unit."""

    currency = fields.String(required=True)
    value_minor = fields.Integer(required=True, metadata={"description": "Worth to customers"})
    cost_minor = fields.Integer(required=True, metadata={"description": "Cost to the merchant"})
    amount_minor = fields.Integer(
        required=True, metadata={"description": "What the orders came to, as far as tills said"}
    )


class CountsSchema(Schema):
    """
    Counted from the ledger. Of an offer, check-ins are those at its venues while it ran; new
    customers made their first visit to the venue, returning ones did not.
    """

    check_ins = fields.Nested(CheckInCountsSchema, required=True)
    unlocks = fields.Integer(required=True)
    expired = fields.Integer(required=True)
    redemptions = fields.Integer(required=True, metadata={"description": "Also those reversed"})
    reversals = fields.Integer(required=True)
    unique_customers = fields.Integer(
        required=True, metadata={"description": "With an accepted check-in"}
    )
    new_customers = fields.Integer(required=True)
    returning_customers = fields.Integer(required=True)
    money = fields.List(fields.Nested(MoneySchema), required=True)


class TotalsSchema(CountsSchema):
    """The funnel of an offer or a venue."""

    example = {**_COUNTS, "from": None, "to": "2026-11-22T18:00:00Z"}  # noqa: RUF012

    start = Timestamp(required=True, allow_none=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")


class PledgeSumSchema(Schema):
    """What is owed to one recipient in one currency, in its minor unit."""

    recipient = fields.String(required=True)
    currency = fields.String(required=True)
    pledges = fields.Integer(required=True, metadata={"description": "How many"})
    amount_minor = fields.Integer(required=True)


class PledgesSchema(Schema):
    """What a merchant owes to good causes."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        "items": [{"recipient": "Red Cross", "currency": "DKK", "pledges": 1, "amount_minor": 500}],
    }

    start = Timestamp(required=True, allow_none=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")
    items = fields.List(fields.Nested(PledgeSumSchema), required=True)


class SeriesItemSchema(CountsSchema):
    """One hour, day or week."""

    start = Timestamp(required=True)


class SeriesSchema(Schema):
    """The funnel hour by hour, day by day or week by week; empty ones are there too."""

    example = {  # noqa: RUF012
        "by": "day",
        "time_zone": "Europe/Copenhagen",
        "from": "2026-11-21T23:00:00Z",
        "to": "2026-11-22T23:00:00Z",
        "items": [{**_COUNTS, "start": "2026-11-21T23:00:00Z"}],
    }

    by = Word("Interval", LENGTH, required=True)
    time_zone = fields.String(required=True)
    start = Timestamp(required=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")
    items = fields.List(fields.Nested(SeriesItemSchema), required=True)


class OfferValueSchema(Schema):
    """The value that a term has in one of the offers."""

    offer_id = fields.UUID(required=True)
    value = fields.Raw(required=True, allow_none=True)


class TermDifferenceSchema(Schema):
    """A term, or where it runs, that is not the same in all of the offers."""

    member = fields.String(required=True)
    values = fields.List(fields.Nested(OfferValueSchema), required=True)


class ComparedOfferSchema(Schema):
    """One of the offers, with its funnel."""

    offer_id = fields.UUID(required=True)
    status = Word("OfferStatus", STATUSES, required=True)
    copied_from = fields.UUID(required=True, allow_none=True)
    counts = fields.Nested(CountsSchema, required=True)


class ComparisonSchema(Schema):
    """What differs between offers, in terms and in what came of them in one period."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        "differences": [
            {
                "member": "limit_per_day",
                "values": [
                    {"offer_id": "019abc12-0000-7000-8000-000000000002", "value": None},
                    {"offer_id": "019abc12-0000-7000-8000-000000000011", "value": 20},
                ],
            }
        ],
        "offers": [
            {
                "offer_id": "019abc12-0000-7000-8000-000000000002",
                "status": "active",
                "copied_from": None,
                "counts": _COUNTS,
            },
            {
                "offer_id": "019abc12-0000-7000-8000-000000000011",
                "status": "draft",
                "copied_from": "019abc12-0000-7000-8000-000000000002",
                "counts": _NOTHING,
            },
        ],
    }

    start = Timestamp(required=True, allow_none=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")
    differences = fields.List(fields.Nested(TermDifferenceSchema), required=True)
    offers = fields.List(fields.Nested(ComparedOfferSchema), required=True)


_TOO_EARLY = Verdict(Finding.TOO_EARLY)


class ConfidenceIntervalSchema(Schema):
    """The values that the data do not rule out."""

    low = fields.Float(required=True)
    high = fields.Float(required=True)


class DifferenceSchema(Schema):
    """
    Between two arms' means for each customer. The intervals against one arm hold together, and at
    all looks, with 1 - `alpha`; they are null while too few customers are in them.
    """

    absolute = fields.Float(required=True, allow_none=True)
    interval = fields.Nested(ConfidenceIntervalSchema, required=True, allow_none=True)
    lift = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Relative to the other arm's mean: 0.2 is a fifth more"},
    )
    lift_interval = fields.Nested(ConfidenceIntervalSchema, required=True, allow_none=True)


class DifferencesSchema(Schema):
    """By metric. Those who are held out are given nothing to redeem: there, visits tell."""

    visits = fields.Nested(DifferenceSchema, required=True)
    redemptions = fields.Nested(DifferenceSchema, required=True)
    revenue = fields.Nested(DifferenceSchema, required=True)


class MeansSchema(Schema):
    """For each customer, within the horizon; null while too few customers are in it."""

    visits = fields.Float(required=True, allow_none=True)
    redemptions = fields.Float(required=True, allow_none=True)
    revenue = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "In the currency's minor unit, as far as tills said"},
    )


class ArmResultsSchema(Schema):
    """What the customers of an arm did."""

    arm = fields.String(required=True)
    share = fields.Float(required=True, metadata={"description": "Planned, of all customers"})
    exposed = fields.Integer(required=True)
    customers = fields.Integer(
        required=True, metadata={"description": "Those whose horizon is over: these are analysed"}
    )
    means = fields.Nested(MeansSchema, required=True)
    against_control = fields.Nested(DifferencesSchema, required=True, allow_none=True)
    against_holdout = fields.Nested(DifferencesSchema, required=True, allow_none=True)


class MismatchSchema(Schema):
    """Whether the arms have got other shares of the customers than were planned."""

    p_value = fields.Float(
        required=True, metadata={"description": "Holds at every look; a mismatch from 0.01 down"}
    )
    is_mismatch = fields.Boolean(required=True)


class WinnerSchema(Schema):
    """Which version is best; no arm where none is shown to be."""

    finding = Word("WinnerFinding", (*NO_VERDICT, Finding.WINNER), required=True)
    arm = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, metadata={"description": "In the caller's language"})


class EffectSchema(Schema):
    """Whether the offer, as it was before the experiment, causes visits."""

    finding = Word(
        "EffectFinding", (*NO_VERDICT, Finding.MORE_VISITS, Finding.FEWER_VISITS), required=True
    )
    text = fields.String(required=True, metadata={"description": "In the caller's language"})


class ExperimentResultsSchema(Schema):
    """What an experiment says."""

    example = {  # noqa: RUF012
        "experiment_id": "019abc12-0000-7000-8000-000000000021",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "metric": "visits",
        "alpha": 0.05,
        "horizon_days": 14,
        "min_customers": 400,
        "min_weeks": 4,
        "currency": "DKK",
        "started_at": "2026-11-22T12:00:01Z",
        "to": "2026-11-22T12:00:01Z",
        "mismatch": {"p_value": 1.0, "is_mismatch": False},
        "arms": [
            {
                "arm": arm,
                "share": share,
                "exposed": 0,
                "customers": 0,
                "means": {"visits": None, "redemptions": None, "revenue": None},
                "against_control": None,
                "against_holdout": None,
            }
            for arm, share in (("control", 0.4), ("cosy", 0.4), ("holdout", 0.2))
        ],
        "winner": {
            "finding": "too_early",
            "arm": None,
            "text": winner_text(_TOO_EARLY, 0.05)["en"],
        },
        "effect": {"finding": "too_early", "text": effect_text(_TOO_EARLY)["en"]},
    }

    experiment_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    metric = Word("ExperimentMetric", METRICS, required=True)
    alpha = fields.Float(required=True)
    horizon_days = fields.Integer(required=True)
    min_customers = fields.Integer(required=True, metadata={"description": "In each arm"})
    min_weeks = fields.Integer(required=True)
    currency = fields.String(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    end = Timestamp(
        required=True,
        data_key="to",
        attribute="to",
        metadata={"description": "Counted until then: now, or when it was stopped"},
    )
    mismatch = fields.Nested(MismatchSchema, required=True)
    arms = fields.List(fields.Nested(ArmResultsSchema), required=True)
    winner = fields.Nested(WinnerSchema, required=True, allow_none=True)
    effect = fields.Nested(EffectSchema, required=True, allow_none=True)

    @ma.pre_dump
    def in_words(self, found: dict[str, Any], **_: Any) -> dict[str, Any]:
        winner, effect = found["winner"], found["effect"]
        return {
            **found,
            "winner": winner
            and {
                "finding": winner.finding,
                "arm": winner.arm,
                "text": say(winner_text(winner, found["alpha"])),
            },
            "effect": effect and {"finding": effect.finding, "text": say(effect_text(effect))},
        }


class VenueEffectQuerySchema(_PeriodSchema):
    start = Timestamp(
        required=True,
        data_key="from",
        metadata={"description": "When the offer began at its venues"},
    )
    end = Timestamp(
        load_default=None,
        data_key="to",
        metadata={"description": "Counted before then, in whole days, 366 at most; left out: now"},
    )
    near_m = fields.Float(
        load_default=1000,
        validate=validate.Range(0, 50_000),
        metadata={"description": "Other venues within so many metres are neighbours"},
    )


class MatchedVenueSchema(Schema):
    """Which venues, most like it in the weeks before, a venue is compared with."""

    venue_id = fields.UUID(required=True)
    compared_with = fields.List(fields.UUID(), required=True)


class VenueLiftSchema(Schema):
    """Visits at venues, relative to what they would have been by those most like them."""

    lift = fields.Float(required=True)
    interval = fields.Nested(
        ConfidenceIntervalSchema,
        required=True,
        allow_none=True,
        metadata={"description": "95 %, at one look; null with too few venues to compare with"},
    )
    matches = fields.List(fields.Nested(MatchedVenueSchema), required=True)

    @ma.pre_dump
    def listed(self, found: VenueEffect, **_: Any) -> dict[str, Any]:
        return {
            "lift": found.lift,
            "interval": found.interval,
            "matches": [
                {"venue_id": venue, "compared_with": others}
                for venue, others in found.matches.items()
            ],
        }


class VenueEffectSchema(Schema):
    """What an offer did to whole venues; weaker than an experiment, for no lot was drawn."""

    example = {  # noqa: RUF012
        "from": "2026-11-21T12:00:00Z",
        "to": "2026-11-22T12:00:00Z",
        "venues": 0,
        "comparison_venues": 0,
        "near_venues": 0,
        "effect": None,
        "spill_over": None,
    }

    start = Timestamp(required=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")
    venues = fields.Integer(
        required=True, metadata={"description": "With the offer, and visits before it"}
    )
    comparison_venues = fields.Integer(required=True)
    near_venues = fields.Integer(required=True, metadata={"description": "Neighbours without it"})
    effect = fields.Nested(
        VenueLiftSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null where there is nothing to compare with"},
    )
    spill_over = fields.Nested(
        VenueLiftSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The same for the neighbours"},
    )


class SwitchbackQuerySchema(Schema):
    start = Timestamp(required=True, data_key="from", metadata={"description": "The first block"})
    venue_ids = fields.List(
        fields.UUID(),
        required=True,
        data_key="venue_id",
        validate=validate.Length(1, 50),
        metadata={"description": "Where; once for each venue"},
    )
    block_days = fields.Integer(
        load_default=7,
        validate=validate.Range(1, 28),
        metadata={"description": "Whole weeks have the same weekdays in each block"},
    )
    pairs = fields.Integer(
        load_default=4,
        validate=validate.Range(1, 26),
        metadata={"description": "Of blocks at each venue, one with the offer and one without"},
    )
    wash_out_days = fields.Integer(
        load_default=1,
        validate=validate.Range(0, 27),
        metadata={"description": "Days at the beginning of a block that are not counted"},
    )

    @ma.validates_schema
    def something_is_left(self, data: dict[str, Any], **_: Any) -> None:
        if data["wash_out_days"] >= data["block_days"]:
            raise ma.ValidationError("Must be less than block_days.", "wash_out_days")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Switchback:
        return Switchback(**{**data, "venue_ids": tuple(dict.fromkeys(data["venue_ids"]))})


class SwitchbackBlockSchema(Schema):
    """When the offer is to be on or off at a venue."""

    venue_id = fields.UUID(required=True)
    start = Timestamp(required=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")
    is_on = fields.Boolean(required=True)


class SwitchbackLiftSchema(Schema):
    """Visits in the blocks with the offer, relative to those beside them without."""

    lift = fields.Float(required=True)
    interval = fields.Nested(
        ConfidenceIntervalSchema,
        required=True,
        allow_none=True,
        metadata={"description": "95 %, at one look; null of fewer than six pairs"},
    )


class SwitchbackSchema(Schema):
    """An offer that is on and off at venues by turns, as the lot has it."""

    example = {  # noqa: RUF012
        "from": "2026-11-22T12:00:00Z",
        "blocks": [
            {
                "venue_id": "019abc12-0000-7000-8000-000000000001",
                "from": "2026-11-22T12:00:00Z",
                "to": "2026-11-29T12:00:00Z",
                "is_on": True,
            },
            {
                "venue_id": "019abc12-0000-7000-8000-000000000001",
                "from": "2026-11-29T12:00:00Z",
                "to": "2026-12-06T12:00:00Z",
                "is_on": False,
            },
        ],
        "pairs": 0,
        "effect": None,
    }

    start = Timestamp(required=True, data_key="from", attribute="from")
    blocks = fields.List(fields.Nested(SwitchbackBlockSchema), required=True)
    pairs = fields.Integer(required=True, metadata={"description": "That are over"})
    effect = fields.Nested(SwitchbackLiftSchema, required=True, allow_none=True)
