from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from babel.numbers import list_currencies
from marshmallow import fields, validate

from lbs.http.context import settings
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
from lbs.http.languages import say
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.offers.policy import ANYONE, AUDIENCES, GOALS
from lbs.offers.queries import TERMS
from lbs.offers.rules import FORBIDDEN, Referrer, words
from lbs.offers.rules.combined import MAX_DEPTH, MAX_MEMBERS, MIN_MEMBERS
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
MAX_PRIORITY = 1000
DAY_S = 86_400
YEAR_S = 366 * DAY_S


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
    """Opens for the customer with the most days at the venue in the last 60; staff are left out."""

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


class FriendsRuleSchema(Schema):
    """Opens for a customer who is at the venue with so many of their friends within 3 hours.

    Who came before them has it when the last of so many checks in. Each has it once a check-in.
    """

    kind = tag("friends")
    n = Integer(
        required=True,
        validate=validate.Range(1, 500),
        metadata={"description": "The customer not included", "example": 2},
    )


class PartyRuleSchema(Schema):
    """Opens when so many have checked in under one party code: for all of them, once each."""

    kind = tag("party")
    n = Integer(
        required=True,
        validate=validate.Range(2, 1000),
        metadata={"description": "The customer included", "example": 4},
    )


class SwarmRuleSchema(Schema):
    """Opens for so many a day at a venue, when so many are there within 3 hours: for them.

    Whoever is there counts; the place of one who cannot have it is left for who comes next.
    """

    kind = tag("swarm")
    n = Integer(
        required=True,
        validate=validate.Range(2, 1000),
        metadata={"description": "The customer included", "example": 20},
    )


class CharityRuleSchema(Schema):
    """Opens at every visit, and the merchant owes a donation for it, in the offer's currency.

    GET /v1/stats/offers/{id}/pledges says how much is owed to whom.
    """

    kind = tag("charity")
    amount_minor = Integer(
        required=True, validate=validate.Range(1, MAX_MINOR), metadata={"example": 500}
    )
    recipient = text(200, required=True, metadata={"example": "Red Cross"})


class ReferredRuleSchema(Schema):
    """Opens, once, for a customer whom a friend's share of the offer has brought.

    It opens at the customer's own accepted check-in; nobody has it for sharing.
    """

    kind = tag("referred")


class ReferrerRuleSchema(Schema):
    """Opens for a customer whose shares of the merchant's offers have brought n friends.

    It opens at the customer's own accepted check-in after the friends' verified visits; nobody has
    it for sharing. Each opening uses n friends up, and a friend counts once. The operator has to
    allow it, and the offer takes limit_per_customer and terms that say who does not sponsor it.
    """

    kind = tag("referrer")
    n = Integer(
        required=True,
        validate=validate.Range(1, 100),
        metadata={"description": "Friends for each opening", "example": 3},
    )


class _CombinedRuleSchema(Schema):
    rules = fields.List(
        fields.Nested("lbs.offers.schemas.offers.RuleSchema"),
        required=True,
        validate=validate.Length(MIN_MEMBERS, MAX_MEMBERS),
    )

    @ma.pre_load
    def shallow(self, data: Any, **_: Any) -> Any:
        """Before its members are read, so that nobody sends a well without a bottom."""
        if _is_deeper(data, MAX_DEPTH):
            raise ma.ValidationError(
                f"At most {MAX_DEPTH} of all_of and any_of may stand within each other.", "rules"
            )
        return data


class AllOfRuleSchema(_CombinedRuleSchema):
    """Opens when every one of the rules would. At most 3 of all_of and any_of within each other."""

    kind = tag("all_of")


class AnyOfRuleSchema(_CombinedRuleSchema):
    """Opens when any of the rules would; it stands as the nearest of them does."""

    kind = tag("any_of")


def _is_deeper(document: Any, depth: int) -> bool:
    """Whether more than so many rules with members stand within each other."""
    members = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(members, list):
        return False
    return depth == 0 or any(_is_deeper(member, depth - 1) for member in members)


class RuleSchema(OneOf):
    """When the offer opens. A visit is an accepted check-in at the venue.

    There is no rule for sharing or liking; asking for one is refused with the reason. So is asking
    for `referrer` where the operator has not allowed it.
    """

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
        "friends": FriendsRuleSchema(),
        "party": PartyRuleSchema(),
        "swarm": SwarmRuleSchema(),
        "referred": ReferredRuleSchema(),
        "referrer": ReferrerRuleSchema(),
        "charity": CharityRuleSchema(),
        "all_of": AllOfRuleSchema(),
        "any_of": AnyOfRuleSchema(),
    }

    def _load(self, data: Any, **kwargs: Any) -> Any:
        kind = data.get(self.type_field) if isinstance(data, dict) else None
        if isinstance(kind, str) and kind in FORBIDDEN:
            raise ma.ValidationError({self.type_field: [say(words.FORBIDDEN)]})
        if kind == Referrer.kind and not settings().referrer_bonus:
            raise ma.ValidationError({self.type_field: [say(words.REFERRER_OFF)]})
        return super()._load(data, **kwargs)


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
BUDGET: dict[str, Any] = {
    "allow_none": True,
    "validate": validate.Range(0, MAX_MINOR),
    "metadata": {
        "description": "What the rewards may cost the merchant in all, in the offer's currency. "
        "Each unlock commits its cost_minor until it is redeemed, expires or is voided; unlocks "
        "from the time before there was a budget are not in it",
        "example": 300000,
    },
}
MIN_LEVEL: dict[str, Any] = {
    "allow_none": True,
    "metadata": {"description": "How strongly presence has to be proved; null: as at the venue"},
}
RESERVE: dict[str, Any] = {
    "allow_none": True,
    "validate": validate.Range(60, DAY_S),
    "metadata": {
        "description": "Claim, then redeem: what opens takes no stock until the customer reserves "
        "it, and then for so many seconds; null: it takes its stock when it opens",
        "example": 900,
    },
}
PRIORITY: dict[str, Any] = {
    "validate": validate.Range(-MAX_PRIORITY, MAX_PRIORITY),
    "metadata": {
        "description": "Where not all offers can open at one check-in, higher goes first",
        "example": 0,
    },
}
COMBINABLE: dict[str, Any] = {
    "metadata": {"description": "Whether it may open at the same check-in as other offers"}
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
    "budget_minor": 300000,
    "redeem_within_s": 7200,
    "schedule": {
        "windows": [],
        "opening_hours": False,
        "dates": [],
        "exclusions": [{"from_date": "2026-12-24", "to_date": "2026-12-24", "reason": "Christmas"}],
        "turns": None,
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
    budget_minor = Integer(load_default=None, **BUDGET)
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
    reserve_s = Integer(load_default=None, **RESERVE)
    min_level = MinLevel(load_default=None, **MIN_LEVEL)
    priority = Integer(load_default=0, **PRIORITY)
    combinable = Boolean(load_default=True, **COMBINABLE)
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
    budget_minor = Integer(**BUDGET)
    schedule = fields.Nested(ScheduleSchema)
    redeem_within_s = Integer(allow_none=True, validate=validate.Range(60, YEAR_S))
    reserve_s = Integer(**RESERVE)
    min_level = MinLevel(**MIN_LEVEL)
    priority = Integer(**PRIORITY)
    combinable = Boolean(**COMBINABLE)
    venue_ids = fields.List(fields.UUID(), **PLACES)
    group_ids = fields.List(fields.UUID(), **PLACES)


class BudgetSchema(Schema):
    """What is committed by unlocks that may still be redeemed, spent at tills, and left."""

    committed_minor = fields.Integer(required=True)
    spent_minor = fields.Integer(required=True)
    left_minor = fields.Integer(required=True)


class OfferSchema(Schema):
    """An offer as its merchant sees it."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000002",
        "status": "active",
        "version": 2,
        "terms_version": 1,
        "copied_from": None,
        "experiment_id": None,
        "review": PassedReviewSchema.example,
        **_OFFER,
        "audience": ANYONE,
        "static_code": None,
        "limit_per_customer": None,
        "limit_per_day": None,
        "limit_per_venue": None,
        "limit_per_venue_day": None,
        "reserve_s": None,
        "min_level": None,
        "priority": 0,
        "combinable": True,
        "group_ids": [],
        "taken": 1,
        "budget": {"committed_minor": 600, "spent_minor": 0, "left_minor": 299400},
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
    experiment_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The experiment that runs on it; null: none does"},
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
    budget_minor = fields.Integer(required=True, allow_none=True)
    schedule = fields.Nested(ScheduleSchema, required=True)
    redeem_within_s = fields.Integer(required=True, allow_none=True)
    reserve_s = fields.Integer(required=True, allow_none=True)
    min_level = MinLevel(required=True, **MIN_LEVEL)
    priority = fields.Integer(required=True)
    combinable = fields.Boolean(required=True)
    venue_ids = fields.List(fields.UUID(), required=True)
    group_ids = fields.List(fields.UUID(), required=True)
    taken = fields.Integer(
        required=True,
        metadata={"description": "How many of limit_total are taken; 0 without limit"},
    )
    budget = fields.Nested(
        BudgetSchema,
        required=True,
        allow_none=True,
        metadata={"description": "What has become of budget_minor; null without one"},
    )
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


OfferPageSchema = page_schema(OfferSchema, "OfferPageSchema")


class OfferListQuerySchema(WindowQuerySchema):
    status = Word("OfferStatus", STATUSES, load_default=None)


class SetOfferStatusSchema(Schema):
    example = {"status": "active"}  # noqa: RUF012

    status = Word("NextOfferStatus", ("active", "paused", "ended"), required=True)
