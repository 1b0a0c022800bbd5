"""What a rule says of one check-in, and what every rule can do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from lbs.offers.rules.history import History, Part


class Why(StrEnum):
    """Why an offer does not open at a check-in."""

    MORE_VISITS = "more_visits"
    MORE_DAYS = "more_days"
    MORE_WEEKS = "more_weeks"
    COUNTED_TODAY = "counted_today"
    COUNTED_THIS_WEEK = "counted_this_week"
    ONLY_ONCE = "only_once"
    NEVER_HERE = "never_here"
    AWAY_TOO_SHORT = "away_too_short"
    NOT_TOP = "not_top"

    NOT_IN_WINDOW = "not_in_window"
    WINDOW_OVER = "window_over"
    WINDOW_TAKEN = "window_taken"
    TOO_BUSY = "too_busy"
    TOO_LITTLE_HISTORY = "too_little_history"

    MORE_PEOPLE = "more_people"
    ALREADY_TODAY = "already_today"
    NO_PARTY = "no_party"
    MORE_FRIENDS = "more_friends"
    NOT_REFERRED = "not_referred"
    MORE_FRIENDS_SENT = "more_friends_sent"

    MORE_VENUES = "more_venues"
    WRONG_ORDER = "wrong_order"
    NOT_ON_TRAIL = "not_on_trail"
    NOT_AT_EVENT = "not_at_event"

    NOT_STARTED = "not_started"
    OUT_OF_HOURS = "out_of_hours"
    SOLD_OUT = "sold_out"
    SOLD_OUT_TODAY = "sold_out_today"
    SOLD_OUT_HERE = "sold_out_here"
    SOLD_OUT_HERE_TODAY = "sold_out_here_today"
    BUDGET_SPENT = "budget_spent"
    CUSTOMER_LIMIT = "customer_limit"
    NOT_ACCEPTED = "not_accepted"
    LEVEL_TOO_LOW = "level_too_low"
    NOT_FOR_STAFF = "not_for_staff"
    NOT_COMBINABLE = "not_combinable"
    NOT_RESERVED = "not_reserved"
    NOT_RUNNING = "not_running"
    HELD_OUT = "held_out"
    NOT_HERE = "not_here"
    OVER = "over"


class Unit(StrEnum):
    """What progress is counted in."""

    VISITS = "visits"
    DAYS = "days"
    WEEKS = "weeks"
    PEOPLE = "people"
    FRIENDS = "friends"
    VENUES = "venues"
    CONDITIONS = "conditions"


class Reach(StrEnum):
    """For whom an offer opens, narrowest first."""

    CUSTOMER = "customer"
    """The one who checks in."""
    PARTY = "party"
    """All who have checked in under the party code."""
    PRESENT = "present"
    """All who are at the venue."""


@dataclass(frozen=True, slots=True)
class Pledge:
    """What the merchant owes to a good cause when the offer opens, in the offer's currency."""

    amount_minor: int
    recipient: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a rule stands at a check-in; an offer that opens has `after` at its `target`.

    Only a flash differs: it counts, as Foursquare did, who has taken it, up to those who may.
    """

    progress: int
    """Before the check-in."""
    after: int
    """After it, if it is accepted."""
    target: int
    unit: Unit = Unit.VISITS
    why: Why | None = None
    """None: it opens."""
    over: bool = False
    """Whether neither this visit nor any later one can open it."""
    buckets: tuple[tuple[str, int], ...] = ()
    """Counters that the unlock must take from beside those of the limits, each with its cap."""
    opens_for: Reach = Reach.CUSTOMER
    impersonal: bool = False
    """Whether it says the same of everybody who is at the venue now."""
    pledges: tuple[Pledge, ...] = ()

    @property
    def opens(self) -> bool:
        return self.why is None


class Rule(Protocol):
    kind: ClassVar[str]

    @property
    def needs(self) -> frozenset[Part]:
        """Which parts of the history have to be gathered for it."""

    def look(self, history: History) -> Look:
        """How it stands at a check-in after this history."""


NOTHING: frozenset[Part] = frozenset()
TIMES = frozenset({Part.TIMES})
SINCE_OPENED = frozenset({Part.TIMES, Part.OPENED})


def toward(
    before: int, after: int, target: int, why: Why, unit: Unit = Unit.VISITS, *, over: bool = False
) -> Look:
    """It opens when the target is reached; otherwise `why` says what is missing."""
    closed = over or after < target
    return Look(
        min(before, target), min(after, target), target, unit, why if closed else None, over
    )


def condition(why: Why | None) -> Look:
    """It opens at this visit, or does not."""
    return Look(progress=0, after=int(why is None), target=1, why=why)
