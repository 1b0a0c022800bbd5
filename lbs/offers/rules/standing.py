"""How an offer stands for a customer, by its rule, its dates and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from lbs.offers.rules.history import History
from lbs.offers.rules.look import Look, Reach, Rule, Unit, Why


class State(StrEnum):
    """How an offer stands for one customer."""

    LOCKED = "locked"
    NOT_STARTED = "not_started"
    """The offer's dates are still to come."""
    BEFORE_START = "before_start"
    """The offer runs, and its next hours are still to come."""
    IN_PROGRESS = "in_progress"
    """It opens when more people have come."""
    UNLOCKABLE_HERE = "unlockable_here"
    """It opens at a check-in now."""
    UNCLAIMED = "unclaimed"
    """It has opened, and takes a reservation before it can be redeemed."""
    UNLOCKED = "unlocked"
    TAKEN = "taken"
    """There are no more, or no more today."""
    REDEEMED = "redeemed"


class Take(NamedTuple):
    """What one unlock takes from a counter, and up to where the counter goes."""

    units: int
    cap: int


@dataclass(frozen=True, slots=True)
class Budget:
    """What an offer's rewards may cost in all, and what one unlock commits of it."""

    currency: str
    budget_minor: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How many unlocks there may be, and what they may cost; None is without limit."""

    total: int | None = None
    per_customer: int | None = None
    per_day: int | None = None
    per_venue: int | None = None
    per_venue_day: int | None = None
    budget: Budget | None = None

    def buckets(self, subject: object, local_day: date, venue_id: object) -> dict[str, Take]:
        """The counters that one unlock takes from."""
        if self == UNLIMITED:
            return {}
        caps = {
            TOTAL_BUCKET: self.total,
            day_bucket(local_day): self.per_day,
            customer_bucket(subject): self.per_customer,
            venue_bucket(venue_id): self.per_venue,
            venue_day_bucket(venue_id, local_day): self.per_venue_day,
        }
        takes = {bucket: Take(1, cap) for bucket, cap in caps.items() if cap is not None}
        if (budget := self.budget) and budget.cost_minor:
            takes[budget_bucket(budget.currency)] = Take(budget.cost_minor, budget.budget_minor)
        return takes


UNLIMITED = Limits()


def read_limits(terms: Mapping[str, Any]) -> Limits:
    """Those of an offer's terms, by column."""
    budget = terms["budget_minor"]
    return Limits(
        total=terms["limit_total"],
        per_customer=terms["limit_per_customer"],
        per_day=terms["limit_per_day"],
        per_venue=terms["limit_per_venue"],
        per_venue_day=terms["limit_per_venue_day"],
        budget=None if budget is None else Budget(terms["currency"], budget, terms["cost_minor"]),
    )


TOTAL_BUCKET = "total"
CUSTOMER = "customer"


def day_bucket(local_day: date) -> str:
    return f"day {local_day.isoformat()}"


def budget_bucket(currency: str) -> str:
    """Each currency has one of its own: sums of different ones do not add up."""
    return f"budget {currency}"


def customer_bucket(subject: object) -> str:
    return f"{CUSTOMER} {subject}"


def is_customers(bucket: str) -> bool:
    """Whether a counter is one customer's."""
    return bucket.startswith(CUSTOMER)


def venue_bucket(venue_id: object) -> str:
    return f"venue {venue_id}"


def venue_day_bucket(venue_id: object, local_day: date) -> str:
    return f"{venue_bucket(venue_id)} {day_bucket(local_day)}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A running or coming offer as one customer at one venue meets it."""

    id: Any
    rule: Rule
    valid_from: datetime
    takes: Mapping[str, Take] = field(default_factory=dict)
    """What an unlock would take from each counter of the offer's limits."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """What is taken of each."""
    holds: bool = False
    """Whether the customer holds an unlock that can still be redeemed, or reserved."""
    unclaimed: bool = False
    """Whether each that the customer holds takes a reservation first."""
    reserve_s: int | None = None
    """For how long its stock is reserved for a customer who claims it; None: it opens with it."""
    has_redeemed: bool = False
    is_on: bool = True
    """Whether its schedule has it on now."""
    has_codes: bool = True
    """False where it hands out codes of the merchant's own, and none is left."""


@dataclass(frozen=True, slots=True)
class Standing:
    state: State
    progress: int
    target: int
    why: Why | None = None
    unit: Unit = Unit.VISITS


def obstacle(offer: Offer, now: datetime) -> Why | None:
    """What keeps the offer closed whatever the visit: what lasts longest, if there is more."""
    if now < offer.valid_from:
        return Why.NOT_STARTED
    return _full(offer, offer.takes) or (None if offer.is_on else Why.OUT_OF_HOURS)


def opens(offer: Offer, history: History) -> Look | None:
    """What an accepted check-in after this history opens the offer with; None: it does not.

    The unlock takes `takes_of(offer, look)`, and opens for those whom the look names.
    """
    look = offer.rule.look(history)
    return look if look.opens and obstacle(offer, history.now) is None else None


def takes_of(offer: Offer, look: Look) -> dict[str, Take]:
    """What the unlock takes from every counter when it opens."""
    takes = offer.takes
    if offer.reserve_s:
        later = taken_by_claim(takes)
        takes = {bucket: take for bucket, take in takes.items() if bucket not in later}
    return {**takes, **{bucket: Take(1, cap) for bucket, cap in look.buckets}}


def taken_by_claim(takes: Mapping[str, Take]) -> dict[str, Take]:
    """What a reservation takes, of what an unlock takes: all but the customer's own counter."""
    return {
        bucket: take
        for bucket, take in takes.items()
        if _limit_of(bucket) is not Why.CUSTOMER_LIMIT
    }


def opens_for_others(offer: Offer, history: History) -> Look | None:
    """The same for the others whom the look names, whatever the customer alone has had."""
    takes = {bucket: take for bucket, take in offer.takes.items() if not is_customers(bucket)}
    look = opens(replace(offer, takes=takes), history)
    return look if look and look.opens_for is not Reach.CUSTOMER else None


def stand(offer: Offer, history: History) -> Standing:
    """How the offer stands for a customer with this history, who could check in here."""
    return _stand(offer, offer.rule.look(history), history.now)


def stand_after(offer: Offer, history: History, *, accepted: bool) -> Standing:
    """How an offer stands that a check-in after this history did not open."""
    look = offer.rule.look(history)
    before = _stand(offer, look, history.now)
    if accepted:
        return replace(before, progress=look.after)
    if before.state is State.UNLOCKABLE_HERE:
        return replace(before, state=State.LOCKED, why=Why.NOT_ACCEPTED)
    return before


def withheld(standing: Standing, why: Why) -> Standing:
    """An offer whose rule is met, which something beside the rule keeps closed."""
    return replace(standing, state=State.LOCKED, why=why)


def sold_out(standing: Standing) -> Standing:
    """An offer that was free when the check-in was judged, and taken when it was written."""
    return replace(standing, state=State.TAKEN, why=Why.SOLD_OUT)


def _stand(offer: Offer, look: Look, now: datetime) -> Standing:
    why = obstacle(offer, now) or look.why
    if offer.unclaimed:
        why = _full(offer, taken_by_claim(offer.takes)) or Why.NOT_RESERVED
    return Standing(_state(offer, why), look.progress, look.target, why, look.unit)


def _state(offer: Offer, why: Why | None) -> State:
    if offer.holds:
        return State.UNCLAIMED if offer.unclaimed else State.UNLOCKED
    if why is None:
        return State.UNLOCKABLE_HERE
    if offer.has_redeemed and why in (Why.CUSTOMER_LIMIT, Why.ONLY_ONCE):
        return State.REDEEMED
    return _CLOSED.get(why, State.LOCKED)


def _full(offer: Offer, takes: Mapping[str, Take]) -> Why | None:
    """The limit that is reached, of these; the one that lasts longest, if there are more."""
    full = {
        _limit_of(bucket)
        for bucket, take in takes.items()
        if offer.taken.get(bucket, 0) + take.units > take.cap
    }
    if not offer.has_codes:
        full.add(Why.SOLD_OUT)
    return next((why for why in _FULL if why in full), None)


def _limit_of(bucket: str) -> Why:
    """What it means that this counter is full."""
    kind, *rest = bucket.split(" ")
    if kind == "venue":
        return Why.SOLD_OUT_HERE_TODAY if len(rest) > 1 else Why.SOLD_OUT_HERE
    return {
        CUSTOMER: Why.CUSTOMER_LIMIT,
        "total": Why.SOLD_OUT,
        "budget": Why.BUDGET_SPENT,
        "day": Why.SOLD_OUT_TODAY,
    }[kind]


_FULL = (
    Why.CUSTOMER_LIMIT,
    Why.SOLD_OUT,
    Why.BUDGET_SPENT,
    Why.SOLD_OUT_HERE,
    Why.SOLD_OUT_TODAY,
    Why.SOLD_OUT_HERE_TODAY,
)

_CLOSED = {
    Why.NOT_STARTED: State.NOT_STARTED,
    Why.OUT_OF_HOURS: State.BEFORE_START,
    Why.NOT_IN_WINDOW: State.BEFORE_START,
    Why.MORE_PEOPLE: State.IN_PROGRESS,
    Why.MORE_FRIENDS: State.IN_PROGRESS,
    Why.WINDOW_TAKEN: State.TAKEN,
    Why.ALREADY_TODAY: State.TAKEN,
    Why.SOLD_OUT: State.TAKEN,
    Why.BUDGET_SPENT: State.TAKEN,
    Why.SOLD_OUT_TODAY: State.TAKEN,
    Why.SOLD_OUT_HERE: State.TAKEN,
    Why.SOLD_OUT_HERE_TODAY: State.TAKEN,
}
