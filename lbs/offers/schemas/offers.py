from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from babel.numbers import list_currencies
from marshmallow import fields, validate

from lbs.http.fields import (
    Boolean,
    Float,
    Integer,
    OneOf,
    Schema,
    String,
    Timestamp,
    Word,
    tag,
    text,
)
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.offers.policy import ANYONE, AUDIENCES, GOALS
from lbs.offers.queries import TERMS
from lbs.offers.rules.schedule import WEEKDAYS
from lbs.offers.schemas.reviews import PassedReviewSchema
from lbs.offers.schemas.schedule import ScheduleSchema
from lbs.offers.service import WriteOffer
from lbs.venues.schemas import MinLevel

Audience = partial(Word, "Audience", (ANYONE, *AUDIENCES))

STATUSES = ("draft", "active", "paused", "ended")
CURRENCIES = frozenset(list_currencies())
MAX_MINOR = 10**12
MAX_COUNT = 10**9
YEAR_S = 366 * 86_400


def minor(**kwargs: Any) -> Integer:
    """An amount of money in the currency's minor unit."""
    return Integer(validate=validate.Range(0, MAX_MINOR), **kwargs)


class PercentRewardSchema(Schema):
    """So many percent off."""

    kind = tag("percent")
    percent = Integer(required=True, validate=validate.Range(1, 100), metadata={"example": 20})


class AmountRewardSchema(Schema):
    """So much off, in the offer's currency."""

    kind = tag("amount")
    amount_minor = Integer(
        required=True, validate=validate.Range(1, MAX_MINOR), metadata={"example": 2500}
    )


class FreeItemRewardSchema(Schema):
    """Something for free."""

    kind = tag("free_item")
    item = text(200, required=True, metadata={"example": "A filter coffee"})


class UpgradeRewardSchema(Schema):
    """More for the same money."""

    kind = tag("upgrade")
    item = text(200, required=True, metadata={"example": "A large cup for the price of a small"})


class CharityRewardSchema(Schema):
    """The merchant gives so much to a good cause."""

    kind = tag("charity")
    amount_minor = Integer(
        required=True, validate=validate.Range(1, MAX_MINOR), metadata={"example": 500}
    )
    recipient = text(200, required=True, metadata={"example": "Red Cross"})


class TextRewardSchema(Schema):
    """Anything else, in words."""

    kind = tag("text")
    text = text(500, required=True, metadata={"example": "Jump the queue"})


class RewardSchema(OneOf):
    """What the customer gets."""

    type_schemas = {  # noqa: RUF012
        "percent": PercentRewardSchema(),
        "amount": AmountRewardSchema(),
        "free_item": FreeItemRewardSchema(),
        "upgrade": UpgradeRewardSchema(),
        "charity": CharityRewardSchema(),
        "text": TextRewardSchema(),
    }


def _days(**kwargs: Any) -> Integer:
    return Integer(validate=validate.Range(1, 366), **kwargs)


class EveryVisitRuleSchema(Schema):
    """Opens at every visit."""

    kind = tag("every_visit")


class FirstVisitRuleSchema(Schema):
    """Opens at the customer's first visit to the venue."""

    kind = tag("first_visit")


class NthVisitRuleSchema(Schema):
    """Opens once, at the customer's nth visit to the venue."""

    kind = tag("nth_visit")
    n = Integer(required=True, validate=validate.Range(2, 1000), metadata={"example": 10})


class EveryNthVisitRuleSchema(Schema):
    """Opens at the customer's nth visit to the venue, and every n visits after."""

    kind = tag("every_nth_visit")
    n = Integer(required=True, validate=validate.Range(2, 1000), metadata={"example": 5})
    within_days = _days(metadata={"description": "Visits count for so long; left out: always"})
    count = Word(
        "VisitCount", ("visits", "days"), metadata={"description": "What counts; left out: visits"}
    )


class FrequencyRuleSchema(Schema):
    """Opens at every visit that is at least the nth within so many days."""

    kind = tag("frequency")
    n = Integer(required=True, validate=validate.Range(2, 366), metadata={"example": 3})
    within_days = _days(required=True, metadata={"example": 7})


class StreakRuleSchema(Schema):
    """Opens when the customer has come in so many weeks in a row, and after as many more."""

    kind = tag("streak")
    weeks = Integer(required=True, validate=validate.Range(2, 52), metadata={"example": 4})


class TopVisitorRuleSchema(Schema):
    """Opens for the customer with the most days at the venue in 60; staff are left out."""

    kind = tag("top_visitor")


CLOCK: dict[str, Any] = {
    "required": True,
    "validate": validate.Regexp(
        r"\A(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z", error="A time such as 17:30."
    ),
}


class FlashRuleSchema(Schema):
    """Opens for the first n in a window of the day, on the venue's clock, at each venue anew."""

    kind = tag("flash")
    n = Integer(required=True, validate=validate.Range(1, MAX_COUNT), metadata={"example": 10})
    from_time = String(data_key="from", attribute="from", metadata={"example": "17:00"}, **CLOCK)
    to_time = String(data_key="to", attribute="to", metadata={"example": "19:00"}, **CLOCK)
    weekdays = fields.List(
        Word("Weekday", WEEKDAYS),
        validate=validate.Length(1, 7),
        metadata={"description": "Left out: every day"},
    )


class TrailRuleSchema(Schema):
    """Opens at the visit that completes the venues within so many days."""

    kind = tag("trail")
    venue_ids = fields.List(
        fields.UUID(),
        required=True,
        validate=validate.Length(2, 50),
        metadata={"description": "Of this merchant"},
    )
    within_days = _days(required=True, metadata={"example": 30})
    ordered = Boolean(load_default=False, metadata={"description": "Only in the order given"})

    @ma.validates("venue_ids")
    def distinct(self, value: list[Any], **_: Any) -> None:
        if len(set(value)) < len(value):
            raise ma.ValidationError("Each venue once.")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """As it is stored."""
        return {**data, "venue_ids": [str(venue_id) for venue_id in data["venue_ids"]]}


class OffPeakRuleSchema(Schema):
    """Opens in the hours of the week into which few of the venue's visits of 8 weeks fell."""

    kind = tag("off_peak")
    max_share = Float(
        required=True,
        validate=validate.Range(0, 1),
        metadata={
            "description": "Of all its visits; an hour of the week has 0.006 on average",
            "example": 0.004,
        },
    )
    min_visits = Integer(
        required=True,
        validate=validate.Range(1, MAX_COUNT),
        metadata={"description": "With fewer it is not known, and stays closed", "example": 200},
    )


class ComebackRuleSchema(Schema):
    """Opens for a customer whose last visit to the venue is so many days ago, or more."""

    kind = tag("comeback")
    days = Integer(required=True, validate=validate.Range(1, 366), metadata={"example": 60})


class EventRuleSchema(Schema):
    """Opens at a check-in to an event at the venue: to this one, or to any."""

    kind = tag("event")
    event_id = fields.UUID(metadata={"description": "Left out: any event"})

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """As it is stored."""
        return {name: str(value) for name, value in data.items()}


class RuleSchema(OneOf):
    """When the offer opens. A visit is an accepted check-in at the venue."""

    type_schemas = {  # noqa: RUF012
        "every_visit": EveryVisitRuleSchema(),
        "first_visit": FirstVisitRuleSchema(),
        "nth_visit": NthVisitRuleSchema(),
        "every_nth_visit": EveryNthVisitRuleSchema(),
        "frequency": FrequencyRuleSchema(),
        "streak": StreakRuleSchema(),
        "top_visitor": TopVisitorRuleSchema(),
        "flash": FlashRuleSchema(),
        "trail": TrailRuleSchema(),
        "off_peak": OffPeakRuleSchema(),
        "comeback": ComebackRuleSchema(),
        "event": EventRuleSchema(),
    }


class GoalSchema(Schema):
    """What the offer is to bring, so that it can be told whether it did."""

    example = {"kind": "visits", "target": 500}  # noqa: RUF012

    kind = Word("GoalKind", GOALS, required=True)
    target = Integer(
        required=True,
        validate=validate.Range(1, MAX_MINOR),
        metadata={"description": "Visits, customers, or revenue in the currency's minor unit"},
    )


GOAL: dict[str, Any] = {
    "allow_none": True,
    "metadata": {"description": "An offer without one cannot be activated"},
}


def _is_currency(code: str) -> None:
    if code not in CURRENCIES:
        raise ma.ValidationError("Not an ISO 4217 currency code.")


TEASER: dict[str, Any] = {
    "metadata": {"description": "What everybody sees", "example": "Something warm is on us"}
}
HIDDEN: dict[str, Any] = {
    "metadata": {
        "description": "What only those see for whom the offer has opened",
        "example": "One filter coffee of any size, at the counter",
    }
}
CURRENCY: dict[str, Any] = {
    "validate": _is_currency,
    "metadata": {"description": "ISO 4217", "pattern": "^[A-Z]{3}$", "example": "DKK"},
}
AUDIENCE: dict[str, Any] = {
    "metadata": {"description": "Who can have it; the teaser has to say so, unless it is anyone"}
}
STATIC_CODE: dict[str, Any] = {
    "allow_none": True,
    "metadata": {
        "description": "A code that is the same for everybody. The review stops it: everybody gets "
        "one of their own, from the service or of those imported",
    },
}
COUNT: dict[str, Any] = {
    "allow_none": True,
    "validate": validate.Range(1, MAX_COUNT),
}
MIN_LEVEL: dict[str, Any] = {
    "allow_none": True,
    "metadata": {"description": "How strongly presence has to be proved; null: as at the venue"},
}
PLACES: dict[str, Any] = {"validate": validate.Length(max=5000)}


_OFFER: dict[str, Any] = {
    "teaser": "Something warm is on us",
    "terms": "One filter coffee of any size, at the counter",
    "reward": {"kind": "free_item", "item": "A filter coffee"},
    "rule": {"kind": "first_visit"},
    "value_minor": 3500,
    "cost_minor": 600,
    "currency": "DKK",
    "goal": {"kind": "new_customers", "target": 200},
    "valid_from": "2026-11-01T00:00:00Z",
    "valid_to": "2027-03-01T00:00:00Z",
    "limit_total": 500,
    "redeem_within_s": 7200,
    "schedule": {
        "windows": [],
        "opening_hours": False,
        "dates": [],
        "exclusions": [{"from_date": "2026-12-24", "to_date": "2026-12-24", "reason": "Christmas"}],
    },
    "venue_ids": ["019abc12-0000-7000-8000-000000000001"],
}


class _OfferTermsSchema(Schema):
    def _dates(self, data: dict[str, Any]) -> None:
        start, end = data.get("valid_from"), data.get("valid_to")
        if start and end and start >= end:
            raise ma.ValidationError("Must be later than valid_from.", "valid_to")

    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        self._dates(data)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteOffer:
        venues, groups = data.get("venue_ids"), data.get("group_ids")
        return WriteOffer(
            terms={name: data[name] for name in TERMS if name in data},
            venue_ids=None if venues is None else tuple(venues),
            group_ids=None if groups is None else tuple(groups),
        )


class CreateOfferSchema(_OfferTermsSchema):
    example = _OFFER

    teaser = text(200, required=True, **TEASER)
    terms = text(2000, required=True, **HIDDEN)
    reward = fields.Nested(RewardSchema, required=True)
    rule = fields.Nested(RuleSchema, required=True)
    value_minor = minor(
        required=True,
        metadata={"description": "Worth to the customer, in minor units", "example": 3500},
    )
    cost_minor = minor(
        required=True,
        metadata={"description": "Cost to the merchant, in minor units", "example": 600},
    )
    currency = String(required=True, **CURRENCY)
    goal = fields.Nested(GoalSchema, load_default=None, **GOAL)
    audience = Audience(load_default=ANYONE, **AUDIENCE)
    static_code = text(100, load_default=None, **STATIC_CODE)
    valid_from = Timestamp(required=True)
    valid_to = Timestamp(required=True)
    limit_total = Integer(
        load_default=None, **COUNT, metadata={"description": "Unlocks in all", "example": 500}
    )
    limit_per_customer = Integer(
        load_default=None,
        **COUNT,
        metadata={"description": "Unlocks for one customer", "example": 1},
    )
    limit_per_day = Integer(
        load_default=None,
        **COUNT,
        metadata={"description": "Unlocks on one day in the venue's time zone", "example": 50},
    )
    limit_per_venue = Integer(
        load_default=None, **COUNT, metadata={"description": "Unlocks at one venue", "example": 100}
    )
    limit_per_venue_day = Integer(
        load_default=None,
        **COUNT,
        metadata={"description": "Unlocks at one venue on one of its days", "example": 20},
    )
    schedule = fields.Nested(
        ScheduleSchema,
        load_default=lambda: ScheduleSchema().load({}),
        metadata={"description": "When it is on, in each venue's time zone; left out: always"},
    )
    redeem_within_s = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(60, YEAR_S),
        metadata={
            "description": "Seconds from the unlock; null: until valid_to",
            "example": 7200,
        },
    )
    min_level = MinLevel(load_default=None, **MIN_LEVEL)
    venue_ids = fields.List(fields.UUID(), load_default=list, **PLACES)
    group_ids = fields.List(fields.UUID(), load_default=list, **PLACES)


class ChangeOfferSchema(_OfferTermsSchema):
    example = {"limit_per_day": 100}  # noqa: RUF012

    teaser = text(200, **TEASER)
    terms = text(2000, **HIDDEN)
    reward = fields.Nested(RewardSchema)
    rule = fields.Nested(RuleSchema)
    value_minor = minor()
    cost_minor = minor()
    currency = String(**CURRENCY)
    goal = fields.Nested(GoalSchema, **GOAL)
    audience = Audience(**AUDIENCE)
    static_code = text(100, **STATIC_CODE)
    valid_from = Timestamp()
    valid_to = Timestamp()
    limit_total = Integer(**COUNT)
    limit_per_customer = Integer(**COUNT)
    limit_per_day = Integer(**COUNT)
    limit_per_venue = Integer(**COUNT)
    limit_per_venue_day = Integer(**COUNT)
    schedule = fields.Nested(ScheduleSchema)
    redeem_within_s = Integer(allow_none=True, validate=validate.Range(60, YEAR_S))
    min_level = MinLevel(**MIN_LEVEL)
    venue_ids = fields.List(fields.UUID(), **PLACES)
    group_ids = fields.List(fields.UUID(), **PLACES)


class OfferSchema(Schema):
    """An offer as its merchant sees it."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000002",
        "status": "active",
        "version": 2,
        "terms_version": 1,
        "copied_from": None,
        "review": PassedReviewSchema.example,
        **_OFFER,
        "audience": ANYONE,
        "static_code": None,
        "limit_per_customer": None,
        "limit_per_day": None,
        "limit_per_venue": None,
        "limit_per_venue_day": None,
        "min_level": None,
        "group_ids": [],
        "taken": 1,
        "created_at": "2026-11-22T09:05:00Z",
        "updated_at": "2026-11-22T09:06:00Z",
    }

    id = fields.UUID(required=True)
    status = Word("OfferStatus", STATUSES, required=True)
    version = fields.Integer(required=True)
    terms_version = fields.Integer(
        required=True, metadata={"description": "Counts the versions of the terms"}
    )
    copied_from = fields.UUID(
        required=True, allow_none=True, metadata={"description": "The offer it is a copy of"}
    )
    review = fields.Nested(
        PassedReviewSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The last that let it be active, or stay so; null: none did"},
    )
    teaser = fields.String(required=True)
    terms = fields.String(required=True)
    reward = fields.Nested(RewardSchema, required=True)
    rule = fields.Nested(RuleSchema, required=True)
    value_minor = fields.Integer(required=True)
    cost_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    goal = fields.Nested(GoalSchema, required=True, **GOAL)
    audience = Audience(required=True, **AUDIENCE)
    static_code = fields.String(required=True, allow_none=True)
    valid_from = Timestamp(required=True)
    valid_to = Timestamp(required=True)
    limit_total = fields.Integer(required=True, allow_none=True)
    limit_per_customer = fields.Integer(required=True, allow_none=True)
    limit_per_day = fields.Integer(required=True, allow_none=True)
    limit_per_venue = fields.Integer(required=True, allow_none=True)
    limit_per_venue_day = fields.Integer(required=True, allow_none=True)
    schedule = fields.Nested(ScheduleSchema, required=True)
    redeem_within_s = fields.Integer(required=True, allow_none=True)
    min_level = MinLevel(required=True, **MIN_LEVEL)
    venue_ids = fields.List(fields.UUID(), required=True)
    group_ids = fields.List(fields.UUID(), required=True)
    taken = fields.Integer(
        required=True,
        metadata={"description": "How many of limit_total are taken; 0 without limit"},
    )
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


OfferPageSchema = page_schema(OfferSchema, "OfferPageSchema")


class OfferListQuerySchema(WindowQuerySchema):
    status = Word("OfferStatus", STATUSES, load_default=None)


class SetOfferStatusSchema(Schema):
    example = {"status": "active"}  # noqa: RUF012

    status = Word("NextOfferStatus", ("active", "paused", "ended"), required=True)
