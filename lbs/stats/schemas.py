from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.experiments.policy import METRICS
from lbs.http.fields import Schema, Timestamp, Word
from lbs.http.languages import LANGUAGES, say
from lbs.offers.schemas.offers import STATUSES
from lbs.stats.rules.matching import VenueEffect
from lbs.stats.rules.tally import RETURNS_DAYS, STEPS
from lbs.stats.rules.verdict import NO_VERDICT, Finding, Verdict
from lbs.stats.rules.words import effect_text, winner_text
from lbs.venues.schemas import is_time_zone

MAX_BUCKETS = 2000
LENGTH = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=28),
}
MAX_DAYS_OF_HOURS = 366
MAX_DAYS_OF_REPORT = 366
MAX_COHORTS = 60
BREAKDOWNS = ("venue", "variant", "channel", "level", "customer")

FROM: dict[str, Any] = {"data_key": "from", "metadata": {"description": "Counted from then on"}}
TO: dict[str, Any] = {"data_key": "to", "metadata": {"description": "Counted before then"}}
ZONE = {"description": "Whose hours, days, weeks and months; left out: the venue's"}


class PeriodQuerySchema(Schema):
    start = Timestamp(load_default=None, **FROM)
    end = Timestamp(
        load_default=None,
        data_key="to",
        metadata={"description": "Counted before then; left out: now"},
    )

    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data.get("start"), data.get("end")
        if start and end and start >= end:
            raise ma.ValidationError("Must be later than from.", "to")


class FunnelQuerySchema(PeriodQuerySchema):
    by = Word(
        "Breakdown",
        BREAKDOWNS,
        load_default=None,
        metadata={"description": "Break it down: `customer` is by new and returning"},
    )
    compare = Word(
        "Comparand",
        ("previous",),
        load_default=None,
        metadata={"description": "With the period of the same length just before `from`"},
    )

    @ma.validates_schema
    def comparable(self, data: dict[str, Any], **_: Any) -> None:
        if data["compare"] and not data.get("start"):
            raise ma.ValidationError("A period to compare with needs from.", "compare")


class _ZonedQuerySchema(PeriodQuerySchema):
    """At most so many items."""

    start = Timestamp(required=True, **FROM)
    end = Timestamp(required=True, **TO)
    time_zone = fields.String(load_default=None, validate=is_time_zone, metadata=ZONE)
    most = MAX_BUCKETS

    def length(self, data: dict[str, Any]) -> timedelta:
        return LENGTH[data["by"]]

    @ma.validates_schema
    def short_enough(self, data: dict[str, Any], **_: Any) -> None:
        if data["end"] - data["start"] > self.most * self.length(data):
            raise ma.ValidationError(f"At most {self.most} items.", "by")


class SeriesQuerySchema(_ZonedQuerySchema):
    by = Word("Interval", LENGTH, load_default="day")


class RetentionQuerySchema(_ZonedQuerySchema):
    by = Word("CohortInterval", ("week", "month"), load_default="month")
    most = MAX_COHORTS


class HoursQuerySchema(_ZonedQuerySchema):
    @ma.validates_schema
    def short_enough(self, data: dict[str, Any], **_: Any) -> None:
        if data["end"] - data["start"] > timedelta(days=MAX_DAYS_OF_HOURS):
            raise ma.ValidationError(f"At most {MAX_DAYS_OF_HOURS} days.", "to")


class _AtVenue(Schema):
    venue_id = fields.UUID(load_default=None, metadata={"description": "Only at this venue"})


class OfferPeriodQuerySchema(_AtVenue, PeriodQuerySchema):
    pass


class ReportQuerySchema(OfferPeriodQuerySchema):
    """From 90 days ago until now, where it is not said otherwise."""

    lang = Word(
        "Language",
        LANGUAGES,
        load_default=None,
        metadata={"description": "Left out: as `Accept-Language` says"},
    )

    @ma.validates_schema
    def short_enough(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data.get("start"), data.get("end")
        if start and not end:
            raise ma.ValidationError("Needed where from is given.", "to")
        if start and end and end - start > timedelta(days=MAX_DAYS_OF_REPORT):
            raise ma.ValidationError(f"At most {MAX_DAYS_OF_REPORT} days.", "to")


class OfferFunnelQuerySchema(_AtVenue, FunnelQuerySchema):
    pass


class OfferSeriesQuerySchema(_AtVenue, SeriesQuerySchema):
    pass


class OfferRetentionQuerySchema(_AtVenue, RetentionQuerySchema):
    pass


class OfferHoursQuerySchema(_AtVenue, HoursQuerySchema):
    pass


class ComparisonQuerySchema(PeriodQuerySchema):
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
    "listed": 2,
    "viewed": 1,
    "check_ins": {"accepted": 1, "ambiguous": 0, "rejected": 1},
    "unlocks": 1,
    "reserved": 0,
    "passes_shown": 0,
    "expired": 0,
    "redemptions": 2,
    "reversals": 1,
    "returned": 0,
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
    customers made their first visit to the venue, returning ones did not. A number of customers
    that is null is below the smallest that is told; counts of what happened are always there.
    """

    listed = fields.Integer(required=True, metadata={"description": "In answers to nearby search"})
    viewed = fields.Integer(required=True, metadata={"description": "Teasers, as apps report them"})
    check_ins = fields.Nested(CheckInCountsSchema, required=True)
    unlocks = fields.Integer(required=True)
    reserved = fields.Integer(required=True)
    passes_shown = fields.Integer(required=True)
    expired = fields.Integer(required=True)
    redemptions = fields.Integer(required=True, metadata={"description": "Also those reversed"})
    reversals = fields.Integer(required=True)
    returned = fields.Integer(
        required=True, metadata={"description": "First visits within 90 days of the unlock's"}
    )
    unique_customers = fields.Integer(
        required=True, allow_none=True, metadata={"description": "With an accepted check-in"}
    )
    new_customers = fields.Integer(required=True, allow_none=True)
    returning_customers = fields.Integer(required=True, allow_none=True)
    money = fields.List(fields.Nested(MoneySchema), required=True)


class _PeriodSchema(Schema):
    start = Timestamp(required=True, allow_none=True, data_key="from", attribute="from")
    end = Timestamp(required=True, data_key="to", attribute="to")


def _steps(**figures: tuple[int, int, float | None, int | None]) -> list[dict[str, Any]]:
    members = ("count", "customers", "conversion", "median_s")
    nothing = (0, 0, None, None)
    return [
        {"step": step, **dict(zip(members, figures.get(step, nothing), strict=True))}
        for step in STEPS
    ]


_FUNNEL = {
    "steps": _steps(
        listed=(2, 1, None, None),
        viewed=(1, 1, 1.0, None),
        checked_in=(1, 1, 1.0, None),
        unlocked=(1, 1, 1.0, 0),
        reserved=(0, 0, 0.0, None),
        pass_shown=(0, 0, 0.0, None),
        redeemed=(2, 1, 1.0, 0),
        returned=(0, 0, 0.0, None),
    ),
    "check_ins": {"accepted": 1, "ambiguous": 0, "rejected": 1},
    "levels": {"L0": 0, "L1": 1, "L2": 0, "L3": 0},
    "refused": [{"reason": "redeemed", "count": 1}],
    "reversed": 1,
    "expired": 0,
    "flagged": 0,
    "shared": 0,
    "share_visited": 0,
    "friend_visits": 0,
    "returns": [{"within_days": days, "count": 0} for days in RETURNS_DAYS],
    "new_customers": 1,
    "returning_customers": 0,
}


class StepSchema(Schema):
    """A step of the funnel: how often it was taken, and by how many customers.

    `conversion` is the customers over those of the last step before that anybody took, rounded to
    four decimals. `median_s` is the median time since the check-in of an unlock, and since the
    unlock of what follows it, in steps of one percent; null where it is not known.
    """

    step = Word("FunnelStep", STEPS, required=True)
    count = fields.Integer(required=True)
    customers = fields.Integer(required=True, allow_none=True)
    conversion = fields.Float(required=True, allow_none=True)
    median_s = fields.Integer(required=True, allow_none=True)


class LevelCountsSchema(Schema):
    """Accepted check-ins by presence level."""

    L0 = fields.Integer(required=True)
    L1 = fields.Integer(required=True)
    L2 = fields.Integer(required=True)
    L3 = fields.Integer(required=True)


class RefusalCountSchema(Schema):
    """How many codes were refused at the till for one reason."""

    reason = fields.String(required=True)
    count = fields.Integer(required=True)


class ReturnCountSchema(Schema):
    """How many came again to the venue within so many days of the visit that unlocked."""

    within_days = fields.Integer(required=True)
    count = fields.Integer(required=True)


class FunnelCountsSchema(Schema):
    """
    The steps in order, and what is counted beside them. Check-ins count with their last verdict;
    a voided one counts no more, nor what it opened. Redemptions count also where reversed.
    """

    steps = fields.List(fields.Nested(StepSchema), required=True)
    check_ins = fields.Nested(CheckInCountsSchema, required=True)
    levels = fields.Nested(LevelCountsSchema, required=True)
    refused = fields.List(fields.Nested(RefusalCountSchema), required=True)
    reversed = fields.Integer(required=True)
    expired = fields.Integer(required=True)
    flagged = fields.Integer(required=True)
    shared = fields.Integer(required=True)
    share_visited = fields.Integer(required=True)
    friend_visits = fields.Integer(required=True)
    returns = fields.List(fields.Nested(ReturnCountSchema), required=True)
    new_customers = fields.Integer(required=True, allow_none=True)
    returning_customers = fields.Integer(required=True, allow_none=True)


class FunnelGroupSchema(FunnelCountsSchema):
    """
    One group of a breakdown; `other` are those put together that are too small to be shown, `none`
    what the breakdown does not apply to.
    """

    group = fields.String(required=True)


class StepChangeSchema(Schema):
    """How much a step changed, as a part of what it was; null where it was nothing."""

    step = Word("FunnelStep", STEPS, required=True)
    count = fields.Float(required=True, allow_none=True)
    customers = fields.Float(required=True, allow_none=True)


class PreviousFunnelSchema(FunnelCountsSchema, _PeriodSchema):
    """The period before, and what has changed since."""

    changes = fields.List(fields.Nested(StepChangeSchema), required=True)


class FunnelSchema(FunnelCountsSchema, _PeriodSchema):
    """From being seen to coming again."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        **_FUNNEL,
        "by": None,
        "groups": [],
        "previous": None,
    }

    by = Word("Breakdown", BREAKDOWNS, required=True, allow_none=True)
    groups = fields.List(fields.Nested(FunnelGroupSchema), required=True)
    previous = fields.Nested(PreviousFunnelSchema, required=True, allow_none=True)


class CurrencyMoneySchema(MoneySchema):
    """
    What it brought and cost in one currency, redemptions less reversals. Rates are rounded half up
    to the minor unit, `return_on_cost` (what orders came to, over cost) to four decimals; null
    where there is nothing to divide by, or no till said what orders came to.
    """

    redemptions = fields.Integer(required=True)
    reported = fields.Integer(
        required=True, metadata={"description": "Redemptions of which a till said the amount"}
    )
    cost_per_check_in_minor = fields.Integer(required=True, allow_none=True)
    cost_per_redemption_minor = fields.Integer(required=True, allow_none=True)
    cost_per_new_customer_minor = fields.Integer(required=True, allow_none=True)
    return_on_cost = fields.Float(required=True, allow_none=True)
    shared_amount_minor = fields.Integer(
        required=True, metadata={"description": "Of the amount, what shares have brought"}
    )
    shared_redemptions = fields.Integer(required=True)
    value_of_share_minor = fields.Integer(
        required=True, allow_none=True, metadata={"description": "What shares brought, for each"}
    )


class MoneyStatsSchema(_PeriodSchema):
    """What was given, what it cost, and what came in."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        "check_ins": 1,
        "new_customers": 1,
        "shares": 0,
        "items": [
            {
                "currency": "DKK",
                "value_minor": 3500,
                "cost_minor": 600,
                "amount_minor": 12000,
                "redemptions": 1,
                "reported": 1,
                "cost_per_check_in_minor": 600,
                "cost_per_redemption_minor": 600,
                "cost_per_new_customer_minor": 600,
                "return_on_cost": 20.0,
                "shared_amount_minor": 0,
                "shared_redemptions": 0,
                "value_of_share_minor": None,
            }
        ],
    }

    check_ins = fields.Integer(required=True)
    new_customers = fields.Integer(required=True)
    shares = fields.Integer(required=True)
    items = fields.List(fields.Nested(CurrencyMoneySchema), required=True)


class ShareValueSchema(Schema):
    """What was redeemed by friends in one currency, less what was reversed."""

    currency = fields.String(required=True)
    redemptions = fields.Integer(required=True)
    amount_minor = fields.Integer(
        required=True, metadata={"description": "What their orders came to, as tills said"}
    )
    value_of_share_minor = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Of that, for each share"}
    )


class ShareStatsSchema(_PeriodSchema):
    """What became of an offer's links. Whether anybody has posted one cannot be known."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        "shares": 1,
        "fetches": 1,
        "visitors": 1,
        "friend_visits": 1,
        "friend_visits_per_visitor": 1.0,
        "redemptions": 1,
        "value": [
            {
                "currency": "DKK",
                "redemptions": 1,
                "amount_minor": 8900,
                "value_of_share_minor": 8900,
            }
        ],
    }

    shares = fields.Integer(required=True, metadata={"description": "Links made by customers"})
    fetches = fields.Integer(
        required=True, metadata={"description": "By crawlers and other machines, each time"}
    )
    visitors = fields.Integer(
        required=True, metadata={"description": "People who followed a link, once a day and link"}
    )
    friend_visits = fields.Integer(
        required=True, metadata={"description": "Verified check-ins credited to a link"}
    )
    friend_visits_per_visitor = fields.Float(required=True, allow_none=True)
    redemptions = fields.Integer(required=True, metadata={"description": "Credited to a link"})
    value = fields.List(fields.Nested(ShareValueSchema), required=True)


class CohortSchema(Schema):
    """Who came first in one week or month, and how many of them came in each later one."""

    start = Timestamp(required=True)
    customers = fields.Integer(required=True, allow_none=True)
    returned = fields.List(
        fields.Integer(allow_none=True),
        required=True,
        metadata={"description": "In the period after, the one after that, and so on"},
    )


class RetentionSchema(_PeriodSchema):
    """Whether customers come again; null where they are too few to be told."""

    example = {  # noqa: RUF012
        "by": "month",
        "time_zone": "Europe/Copenhagen",
        "from": "2026-10-31T23:00:00Z",
        "to": "2026-11-30T23:00:00Z",
        "cohorts": [{"start": "2026-10-31T23:00:00Z", "customers": 1, "returned": []}],
    }

    by = Word("CohortInterval", ("week", "month"), required=True)
    time_zone = fields.String(required=True)
    cohorts = fields.List(fields.Nested(CohortSchema), required=True)


def _grid(**options: Any) -> fields.List[Any]:
    return fields.List(fields.List(fields.Integer()), required=True, **options)


def _one_at(day: int, hour: int, number: int) -> list[list[int]]:
    return [[number * (at == (day, hour)) for at in ((d, h) for h in range(24))] for d in range(7)]


class HoursSchema(_PeriodSchema):
    """When it happens: for each weekday, Monday first, a number for each hour, midnight first."""

    example = {  # noqa: RUF012
        "time_zone": "Europe/Copenhagen",
        "from": "2026-11-21T23:00:00Z",
        "to": "2026-11-22T23:00:00Z",
        "check_ins": _one_at(6, 13, 1),
        "unlocks": _one_at(6, 13, 1),
        "redemptions": _one_at(6, 13, 2),
    }

    time_zone = fields.String(required=True)
    check_ins = _grid(metadata={"description": "Accepted"})
    unlocks = _grid()
    redemptions = _grid()


class TimesSchema(Schema):
    """How many customers did it so often; classes of too few are put together."""

    times = fields.String(required=True)
    customers = fields.Integer(required=True, allow_none=True)


class CustomersSchema(_PeriodSchema):
    """Customers, counted only."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        "customers": 1,
        "new_customers": 1,
        "returning_customers": 0,
        "visits": [{"times": "1", "customers": 1}],
        "redemptions": [{"times": "2", "customers": 1}],
    }

    customers = fields.Integer(required=True, metadata={"description": "With an accepted check-in"})
    new_customers = fields.Integer(required=True, allow_none=True)
    returning_customers = fields.Integer(required=True, allow_none=True)
    visits = fields.List(fields.Nested(TimesSchema), required=True)
    redemptions = fields.List(fields.Nested(TimesSchema), required=True)


class PledgeSumSchema(Schema):
    """What is owed to one recipient in one currency, in its minor unit."""

    recipient = fields.String(required=True)
    currency = fields.String(required=True)
    pledges = fields.Integer(required=True, metadata={"description": "How many"})
    amount_minor = fields.Integer(required=True)


class PledgesSchema(_PeriodSchema):
    """What a merchant owes to good causes."""

    example = {  # noqa: RUF012
        "from": None,
        "to": "2026-11-22T18:00:00Z",
        "items": [{"recipient": "Red Cross", "currency": "DKK", "pledges": 1, "amount_minor": 500}],
    }

    items = fields.List(fields.Nested(PledgeSumSchema), required=True)


class SeriesItemSchema(CountsSchema):
    """One hour, day, week or month."""

    start = Timestamp(required=True)


class SeriesSchema(Schema):
    """The counts of every hour, day, week or month, also of empty ones."""

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
    """One of the offers, with its counts."""

    offer_id = fields.UUID(required=True)
    status = Word("OfferStatus", STATUSES, required=True)
    copied_from = fields.UUID(required=True, allow_none=True)
    counts = fields.Nested(CountsSchema, required=True)


class ComparisonSchema(_PeriodSchema):
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


class SwitchbackBlockSchema(Schema):
    """When the offer is on or off at a venue, by its calendar."""

    venue_id = fields.UUID(required=True)
    from_date = fields.Date(required=True)
    to_date = fields.Date(required=True, metadata={"description": "Included"})
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
        "blocks": [
            {
                "venue_id": "019abc12-0000-7000-8000-000000000001",
                "from_date": "2026-12-07",
                "to_date": "2026-12-13",
                "is_on": True,
            },
            {
                "venue_id": "019abc12-0000-7000-8000-000000000001",
                "from_date": "2026-12-14",
                "to_date": "2026-12-20",
                "is_on": False,
            },
        ],
        "pairs": 0,
        "effect": None,
    }

    blocks = fields.List(fields.Nested(SwitchbackBlockSchema), required=True)
    pairs = fields.Integer(required=True, metadata={"description": "That are over"})
    effect = fields.Nested(SwitchbackLiftSchema, required=True, allow_none=True)
