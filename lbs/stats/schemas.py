from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Schema, Timestamp, Word
from lbs.offers.schemas.offers import STATUSES
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
