"""Dry runs: an offer tried at one check-in, or at the visits of the last weeks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.checkins.schemas.check_ins import level_word
from lbs.checkins.schemas.words import ReasonSchema, say_reason
from lbs.checkins.service.simulations import (
    Described,
    Observed,
    Replay,
    Replayed,
    Trial,
    TryCheckIn,
)
from lbs.http.fields import Boolean, Integer, OneOf, Schema, Timestamp, Word, tag
from lbs.http.languages import Text, say
from lbs.offers.queries import TERMS
from lbs.offers.rules import Reach, State, Why
from lbs.offers.rules.assumptions import (
    ASSUMPTIONS,
    OF_A_CHECK_IN,
    OF_A_REPLAY,
    UNKNOWN,
    unknown_of,
)
from lbs.offers.rules.rehearsal import Group, fold
from lbs.offers.rules.remedies import remedy
from lbs.offers.rules.words import progress_text
from lbs.offers.schemas.offers import COUNT, MAX_COUNT, MIN_LEVEL, RuleSchema, minor
from lbs.offers.schemas.schedule import ScheduleSchema
from lbs.venues.schemas import MinLevel

MAX_DAYS, MAX_TIMES = 90, 400


class TriedTermsSchema(Schema):
    """What is tried in place of the offer's own; what is left out stays as it is."""

    rule = fields.Nested(RuleSchema)
    schedule = fields.Nested(ScheduleSchema)
    limit_total = Integer(**COUNT)
    limit_per_customer = Integer(**COUNT)
    limit_per_day = Integer(**COUNT)
    limit_per_venue = Integer(**COUNT)
    limit_per_venue_day = Integer(**COUNT)
    min_level = MinLevel(**MIN_LEVEL)
    value_minor = minor()
    cost_minor = minor()

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: data[name] for name in TERMS if name in data}


class DescribedCustomerSchema(Schema):
    """A customer who need not exist: nobody of the offer's so far, with visits to this venue."""

    visits = Integer(
        load_default=0,
        validate=validate.Range(0, MAX_COUNT),
        metadata={"description": "How many in all; those in visited_at, if they are more"},
    )
    visited_at = fields.List(
        Timestamp(),
        load_default=list,
        validate=validate.Length(max=MAX_TIMES),
        metadata={"description": "When the last ones were; later ones than `at` do not count"},
    )
    present = Integer(
        validate=validate.Range(0, MAX_COUNT),
        metadata={"description": "How many others are there; left out: as it is"},
    )
    friends_present = Integer(
        load_default=0,
        validate=validate.Range(0, MAX_COUNT),
        metadata={"description": "How many of them are friends"},
    )
    party = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, MAX_COUNT),
        metadata={"description": "How many others came under the same party code; null: no code"},
    )
    referred = Boolean(
        load_default=False, metadata={"description": "Whether a friend's share has brought them"}
    )
    friends_sent = Integer(
        load_default=0,
        validate=validate.Range(0, MAX_COUNT),
        metadata={"description": "How many friends their own shares have brought"},
    )

    @ma.validates_schema
    def dated(self, data: dict[str, Any], **_: Any) -> None:
        if data["visits"] and not data["visited_at"]:
            raise ma.ValidationError("Say when the last visit was, at least.", "visited_at")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Described:
        visits, visited_at = data.pop("visits"), data.pop("visited_at")
        return Described(visits, tuple(visited_at), around=data)


class SimulateCheckInSchema(Schema):
    """One check-in at a venue, by a customer of the merchant's or by one who is described."""

    kind = tag("check_in")
    venue_id = fields.UUID(required=True)
    at = Timestamp(load_default=None, metadata={"description": "Left out: now"})
    level = MinLevel(
        load_default=1, metadata={"description": "How strongly presence will be proved"}
    )
    event_id = fields.UUID(
        load_default=None, metadata={"description": "An event at the venue that it is made at"}
    )
    customer = fields.UUID(
        load_default=None,
        metadata={
            "description": "The merchant's own name for a customer; takes the scope `support`"
        },
    )
    described = fields.Nested(
        DescribedCustomerSchema,
        load_default=None,
        metadata={"description": "In place of `customer`; without either, one who is new"},
    )
    terms = fields.Nested(TriedTermsSchema, load_default=dict)

    @ma.validates_schema
    def one_customer(self, data: dict[str, Any], **_: Any) -> None:
        if data["customer"] and data["described"]:
            raise ma.ValidationError("Give customer or described, and not both.", "described")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> TryCheckIn:
        data.pop("kind")
        described = data.pop("described") or Described()
        return TryCheckIn(**{**data, "customer": data["customer"] or described})


class SimulateReplaySchema(Schema):
    """The visits of the last days, played anew in the order of time."""

    kind = tag("replay")
    days = Integer(load_default=MAX_DAYS, validate=validate.Range(1, MAX_DAYS))
    terms = fields.Nested(TriedTermsSchema, load_default=dict)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Replay:
        return Replay(data["days"], data["terms"])


class SimulateOfferSchema(OneOf):
    """What the offer is tried at."""

    example = {  # noqa: RUF012
        "kind": "replay",
        "days": 90,
        "terms": {"rule": {"kind": "every_nth_visit", "n": 5}, "limit_per_day": 20},
    }
    type_schemas = {  # noqa: RUF012
        "check_in": SimulateCheckInSchema(),
        "replay": SimulateReplaySchema(),
    }


class StockCounterSchema(Schema):
    """A limit that an unlock takes one from."""

    limit = fields.String(
        required=True,
        metadata={
            "description": "`total`, `per_customer`, `per_day`, `per_venue`, `per_venue_day`, "
            "`budget`, or the rule's own",
            "example": "per_day",
        },
    )
    cap = fields.Integer(required=True)
    taken = fields.Integer(required=True)
    left = fields.Integer(required=True)


def _assumptions() -> fields.List[Any]:
    return fields.List(
        fields.Nested(ReasonSchema),
        required=True,
        metadata={"description": "What is taken for granted"},
    )


class SimulatedCheckInSchema(Schema):
    """What would come of the check-in; the offer stands as it would after it."""

    kind = tag("check_in")
    at = Timestamp(required=True)
    venue_id = fields.UUID(required=True)
    opens = fields.Boolean(required=True)
    opens_for = Word(
        "Reach",
        [reach.value for reach in Reach],
        required=True,
        allow_none=True,
        metadata={"description": "Only who checks in, or also those who are with them or there"},
    )
    min_level = level_word(required=True)
    state = Word("OfferState", [state.value for state in State], required=True)
    progress = fields.Integer(required=True)
    target = fields.Integer(required=True)
    progress_text = fields.String(required=True, metadata={"example": "3 of 10 visits"})
    reason = fields.Nested(ReasonSchema, required=True, allow_none=True)
    to_open = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Where it does not open: what would have to happen, in words"},
    )
    value_minor = fields.Integer(
        required=True, metadata={"description": "Worth to the customer; 0 where it does not open"}
    )
    cost_minor = fields.Integer(required=True, metadata={"description": "Cost to the merchant"})
    pledged_minor = fields.Integer(
        required=True, metadata={"description": "What it makes the merchant owe to good causes"}
    )
    currency = fields.String(required=True)
    counters = fields.List(
        fields.Nested(StockCounterSchema),
        required=True,
        metadata={"description": "What the unlock takes from, before it does"},
    )
    assumptions = _assumptions()


class _GroupSchema(Schema):
    visits = fields.Integer(required=True)
    customers = fields.Integer(required=True)
    unlocks = fields.Integer(required=True)
    value_minor = fields.Integer(required=True)
    cost_minor = fields.Integer(required=True)


class ReplayedVenueSchema(_GroupSchema):
    """What came of the visits to one venue; venues with fewer than five customers are together."""

    venue_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "Null: the small ones together"}
    )
    venues = fields.Integer(required=True)


class ReplayedDaySchema(_GroupSchema):
    """What came of one day's visits; days with fewer than five customers are together."""

    day = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "On the venues' own calendars; null: the small ones together"},
    )
    days = fields.Integer(required=True)


class ReplayedReasonSchema(ReasonSchema):
    """Why the offer did not open, and at how many visits."""

    visits = fields.Integer(required=True)


class ReplayedLevelSchema(Schema):
    """What would have opened, had no visit been asked for more than this level."""

    min_level = MinLevel(required=True)
    unlocks = fields.Integer(required=True)
    more = fields.Integer(required=True, metadata={"description": "Than as the offer is"})


class ExpectedRedemptionsSchema(Schema):
    """What it would come to if as large a share of the unlocks is redeemed as was so far."""

    of = Word(
        "ObservedOf",
        ("offer", "merchant"),
        required=True,
        metadata={"description": "Whose unlocks the share is of: of all the merchant's offers?"},
    )
    settled = fields.Integer(
        required=True, metadata={"description": "How many were redeemed or have expired"}
    )
    rate = fields.Float(required=True, metadata={"example": 0.62})
    redemptions = fields.Integer(required=True)
    value_minor = fields.Integer(required=True)
    cost_minor = fields.Integer(required=True)


class SimulatedReplaySchema(_GroupSchema):
    """What the offer would have opened; value and cost are those of all unlocks redeemed."""

    kind = tag("replay")
    start = Timestamp(required=True, data_key="from")
    end = Timestamp(required=True, data_key="to")
    unlocked_customers = fields.Integer(
        required=True, metadata={"description": "For how many customers it opened"}
    )
    currency = fields.String(required=True)
    pledged_minor = fields.Integer(
        required=True, metadata={"description": "What it makes the merchant owe to good causes"}
    )
    expected = fields.Nested(
        ExpectedRedemptionsSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null: too few unlocks are over to know a share"},
    )
    by_venue = fields.List(fields.Nested(ReplayedVenueSchema), required=True)
    by_day = fields.List(fields.Nested(ReplayedDaySchema), required=True)
    reasons = fields.List(
        fields.Nested(ReplayedReasonSchema),
        required=True,
        metadata={"description": "Why it did not open, most frequent first"},
    )
    at_lower_levels = fields.List(
        fields.Nested(ReplayedLevelSchema),
        required=True,
        metadata={"description": "For each level below the one that is asked now"},
    )
    assumptions = _assumptions()
    not_simulated = fields.List(
        fields.Nested(ReasonSchema),
        required=True,
        metadata={"description": "What of the past is not known, or not wholly"},
    )


class SimulationSchema(OneOf):
    """What came of a dry run. Nothing has been written."""

    example = {  # noqa: RUF012
        "kind": "check_in",
        "at": "2026-11-22T12:00:01Z",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "opens": True,
        "opens_for": "customer",
        "min_level": "L1",
        "state": "unlocked",
        "progress": 5,
        "target": 5,
        "progress_text": "5 of 5 visits",
        "reason": None,
        "to_open": None,
        "value_minor": 3500,
        "cost_minor": 600,
        "pledged_minor": 0,
        "currency": "DKK",
        "counters": [
            {"limit": "per_day", "cap": 20, "taken": 0, "left": 20},
            {"limit": "budget", "cap": 300000, "taken": 600, "left": 299400},
        ],
        "assumptions": [
            {"code": word.value, "text": ASSUMPTIONS[word]["en"]} for word in OF_A_CHECK_IN
        ],
    }
    type_schemas = {  # noqa: RUF012
        "check_in": SimulatedCheckInSchema(),
        "replay": SimulatedReplaySchema(),
    }


def present_trial(trial: Trial) -> dict[str, Any]:
    met, standing, look = trial.encounter, trial.standing, trial.look
    opens, level = standing.why is None, f"L{trial.min_level}"
    return {
        "kind": "check_in",
        "at": met.history.now,
        "venue_id": met.site.id,
        "opens": opens,
        "opens_for": look.opens_for if opens else None,
        "min_level": level,
        "state": standing.state.value,
        "progress": standing.progress,
        "target": standing.target,
        "progress_text": say(progress_text(standing)),
        "reason": say_reason(standing.why) if standing.why else None,
        "to_open": None if opens else say(remedy(standing, level)),
        "value_minor": met.terms.value_minor if opens else 0,
        "cost_minor": met.terms.cost_minor if opens else 0,
        "pledged_minor": sum(p.amount_minor for p in look.pledges) if opens else 0,
        "currency": met.terms.currency,
        "counters": trial.counters,
        "assumptions": _say_all(OF_A_CHECK_IN, ASSUMPTIONS),
    }


def present_replay(played: Replayed) -> dict[str, Any]:
    terms, done = played.terms, played.done
    return {
        "kind": "replay",
        "start": played.start,
        "end": played.end,
        **_sums(done.whole, played),
        "unlocked_customers": len(done.winners),
        "currency": terms.currency,
        "pledged_minor": done.pledged_minor,
        "expected": _expect(played.observed, done.whole.unlocks, played),
        "by_venue": [
            {"venue_id": venue_id, "venues": group.parts, **_sums(group, played)}
            for venue_id, group in fold(done.by_venue)
        ],
        "by_day": [
            {"day": day, "days": group.parts, **_sums(group, played)}
            for day, group in fold(done.by_day)
        ],
        "reasons": [_count(why, visits) for why, visits in done.reasons.most_common()],
        "at_lower_levels": [
            {"min_level": level, "unlocks": unlocks, "more": unlocks - done.whole.unlocks}
            for level, unlocks in done.at_lower_levels.items()
        ],
        "assumptions": _say_all(OF_A_REPLAY, ASSUMPTIONS),
        "not_simulated": _say_all(unknown_of(terms.rule), UNKNOWN),
    }


def _sums(group: Group, played: Replayed) -> dict[str, int]:
    return {
        "visits": group.visits,
        "customers": len(group.customers),
        "unlocks": group.unlocks,
        "value_minor": group.unlocks * played.terms.value_minor,
        "cost_minor": group.unlocks * played.terms.cost_minor,
    }


def _expect(observed: Observed | None, unlocks: int, played: Replayed) -> dict[str, Any] | None:
    if observed is None:
        return None
    redemptions = round(observed.rate * unlocks)
    return {
        "of": observed.of,
        "settled": observed.settled,
        "rate": round(observed.rate, 4),
        "redemptions": redemptions,
        "value_minor": redemptions * played.terms.value_minor,
        "cost_minor": redemptions * played.terms.cost_minor,
    }


def _count(why: Why, visits: int) -> dict[str, Any]:
    return {**say_reason(why), "visits": visits}


def _say_all(words: Iterable[Any], texts: Mapping[Any, Text]) -> list[dict[str, str]]:
    return [{"code": word.value, "text": say(texts[word])} for word in words]
