"""
When an offer opens. Pure: every number is an argument.

A visit is an accepted check-in at the venue; visits are counted per customer and venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol


class State(StrEnum):
    """How an offer stands for one customer."""

    LOCKED = "locked"
    UNLOCKABLE_HERE = "unlockable_here"
    UNLOCKED = "unlocked"
    REDEEMED = "redeemed"
    TAKEN = "taken"
    NOT_STARTED = "not_started"


class Why(StrEnum):
    """Why an offer does not open at a check-in."""

    MORE_VISITS = "more_visits"
    ONLY_ONCE = "only_once"
    NOT_STARTED = "not_started"
    SOLD_OUT = "sold_out"
    SOLD_OUT_TODAY = "sold_out_today"
    CUSTOMER_LIMIT = "customer_limit"
    NOT_ACCEPTED = "not_accepted"
    LEVEL_TOO_LOW = "level_too_low"
    NOT_FOR_STAFF = "not_for_staff"


class Rule(Protocol):
    kind: ClassVar[str]

    @property
    def target(self) -> int:
        """How many visits it takes."""

    def opens_at(self, visit: int) -> bool:
        """Whether the customer's visit of this number (from 1) opens the offer."""

    def progress(self, visits: int) -> int:
        """How many of the target are made after so many visits; never more than the target."""

    def is_over(self, visits: int) -> bool:
        """Whether no later visit can open the offer."""


@dataclass(frozen=True, slots=True)
class EveryVisit:
    kind: ClassVar[str] = "every_visit"
    target: int = 1

    def opens_at(self, visit: int) -> bool:
        return True

    def progress(self, visits: int) -> int:
        return 0

    def is_over(self, visits: int) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class NthVisit:
    kind: ClassVar[str] = "nth_visit"
    n: int

    @property
    def target(self) -> int:
        return self.n

    def opens_at(self, visit: int) -> bool:
        return visit == self.n

    def progress(self, visits: int) -> int:
        return min(visits, self.n)

    def is_over(self, visits: int) -> bool:
        return visits >= self.n


@dataclass(frozen=True, slots=True)
class FirstVisit(NthVisit):
    kind: ClassVar[str] = "first_visit"
    n: int = 1


@dataclass(frozen=True, slots=True)
class EveryNthVisit:
    kind: ClassVar[str] = "every_nth_visit"
    n: int

    @property
    def target(self) -> int:
        return self.n

    def opens_at(self, visit: int) -> bool:
        return visit % self.n == 0

    def progress(self, visits: int) -> int:
        return visits % self.n

    def is_over(self, visits: int) -> bool:
        return False


RULES: dict[str, type[Any]] = {
    rule.kind: rule for rule in (EveryVisit, FirstVisit, NthVisit, EveryNthVisit)
}


def read_rule(document: Mapping[str, Any]) -> Rule:
    """The rule that a stored document describes."""
    parameters = {name: value for name, value in document.items() if name != "kind"}
    rule: Rule = RULES[document["kind"]](**parameters)
    return rule


@dataclass(frozen=True, slots=True)
class Limits:
    """How many unlocks there may be; None is without limit."""

    total: int | None = None
    per_customer: int | None = None
    per_day: int | None = None

    def buckets(self, subject: object, local_day: date) -> dict[str, int]:
        """The counters that one unlock takes from, each with its cap."""
        caps = {
            "total": self.total,
            day_bucket(local_day): self.per_day,
            customer_bucket(subject): self.per_customer,
        }
        return {bucket: cap for bucket, cap in caps.items() if cap is not None}


def day_bucket(local_day: date) -> str:
    return f"day {local_day.isoformat()}"


def customer_bucket(subject: object) -> str:
    return f"customer {subject}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A running or coming offer as one customer at one venue meets it."""

    id: Any
    rule: Rule
    valid_from: datetime
    caps: Mapping[str, int] = field(default_factory=dict)
    """The cap of each counter that an unlock would take from."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """What is taken of each."""
    holds: bool = False
    """Whether the customer holds an unlock that can still be redeemed."""
    has_redeemed: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    state: State
    progress: int
    target: int
    why: Why | None = None


def obstacle(offer: Offer, now: datetime) -> Why | None:
    """What keeps the offer closed whatever the visit."""
    if now < offer.valid_from:
        return Why.NOT_STARTED
    full = [bucket for bucket, cap in offer.caps.items() if offer.taken.get(bucket, 0) >= cap]
    return next(
        (
            why
            for prefix, why in (
                ("customer", Why.CUSTOMER_LIMIT),
                ("total", Why.SOLD_OUT),
                ("day", Why.SOLD_OUT_TODAY),
            )
            if any(bucket.startswith(prefix) for bucket in full)
        ),
        None,
    )


def opens(offer: Offer, visit: int, now: datetime) -> bool:
    """Whether an accepted check-in that is the customer's visit of this number opens the offer."""
    return obstacle(offer, now) is None and offer.rule.opens_at(visit)


def stand(offer: Offer, visits: int, now: datetime) -> Standing:
    """How the offer stands for a customer who has made so many visits and could check in here."""
    why = obstacle(offer, now) or _short_of(offer.rule, visits)
    return Standing(_state(offer, why), offer.rule.progress(visits), offer.rule.target, why)


def stand_after(offer: Offer, visits: int, now: datetime, *, accepted: bool) -> Standing:
    """How an offer stands that a check-in did not open; `visits` counts this one if accepted."""
    before = stand(offer, visits - accepted, now)
    if accepted:
        return replace(before, progress=offer.rule.progress(visits))
    if before.state is State.UNLOCKABLE_HERE:
        return replace(before, state=State.LOCKED, why=Why.NOT_ACCEPTED)
    return before


def withheld(standing: Standing, why: Why) -> Standing:
    """An offer whose rule is met, which something beside the rule keeps closed."""
    return replace(standing, state=State.LOCKED, why=why)


def sold_out(standing: Standing) -> Standing:
    """An offer that was free when the check-in was judged, and taken when it was written."""
    return replace(standing, state=State.TAKEN, why=Why.SOLD_OUT)


def _state(offer: Offer, why: Why | None) -> State:
    if offer.holds:
        return State.UNLOCKED
    if why is None:
        return State.UNLOCKABLE_HERE
    if offer.has_redeemed and why in (Why.CUSTOMER_LIMIT, Why.ONLY_ONCE):
        return State.REDEEMED
    return _CLOSED.get(why, State.LOCKED)


_CLOSED = {
    Why.NOT_STARTED: State.NOT_STARTED,
    Why.SOLD_OUT: State.TAKEN,
    Why.SOLD_OUT_TODAY: State.TAKEN,
}


def _short_of(rule: Rule, visits: int) -> Why | None:
    if rule.opens_at(visits + 1):
        return None
    return Why.ONLY_ONCE if rule.is_over(visits) else Why.MORE_VISITS
