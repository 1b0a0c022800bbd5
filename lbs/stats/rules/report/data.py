"""What the report on an offer shows: numbers ready to be drawn and said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.experiments.policy import HOLDOUT
from lbs.offers.rules.words import Text

REPORTED = frozenset({"listed", "viewed", "reserved", "pass_shown"})
"""Steps that an app may not report, or an offer may not have."""

DAYS = 90


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel; `conversion` is of the customers of the step before that has any.

    Customers who are too few to be told are None.
    """

    step: str
    count: int
    customers: int | None
    conversion: float | None = None
    median_s: int | None = None

    @property
    def is_recorded(self) -> bool:
        """Of steps that may be missing, only the count tells whether they are."""
        return self.count > 0 or self.step not in REPORTED


@dataclass(frozen=True, slots=True)
class Money:
    """Sums in one currency's minor unit, reversed redemptions taken off, and what follows."""

    currency: str
    value_minor: int
    cost_minor: int
    amount_minor: int
    cost_per_check_in_minor: int | None
    cost_per_redemption_minor: int | None
    cost_per_new_customer_minor: int | None
    return_on_cost: float | None
    """What the orders came to for each unit that the rewards cost."""
    value_of_share_minor: int | None = None
    """What the orders of friends came to for each share."""


@dataclass(frozen=True, slots=True)
class Period:
    """What was counted within [start, end)."""

    start: datetime
    end: datetime
    steps: tuple[Step, ...]
    new_customers: int | None = 0
    beside: Mapping[str, int] = field(default_factory=dict)
    """Counts that are no step, by name."""
    money: tuple[Money, ...] = ()

    def step(self, name: str) -> Step:
        return next((step for step in self.steps if step.step == name), Step(name, 0, 0))

    @property
    def is_empty(self) -> bool:
        return not any(step.count for step in self.steps) and not any(self.beside.values())


@dataclass(frozen=True, slots=True)
class Point:
    """A day; it begins at midnight in the report's time zone."""

    start: datetime
    check_ins: int
    unlocks: int
    redemptions: int


@dataclass(frozen=True, slots=True)
class Place:
    """A venue; the counts of a small group are None."""

    name: str
    lon: float
    lat: float
    customers: int | None
    check_ins: int | None
    unlocks: int | None
    redemptions: int | None


@dataclass(frozen=True, slots=True)
class Arm:
    """Customers who were treated alike, and how they differ from the arm compared with.

    What is not known yet is None. `lift` is the difference relative to the mean compared with.
    """

    name: str
    customers: int
    mean: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    lift: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an experiment says of one measure; `currency` where the measure is money."""

    measure: str
    arms: tuple[Arm, ...]
    compared_with: str
    verdict: Text | None
    started_at: datetime
    ended_at: datetime | None = None
    currency: str | None = None
    confidence: float = 0.95
    is_sound: bool = True
    """Whether the arms may be compared at all: they have the shares that were planned."""


@dataclass(frozen=True, slots=True)
class ReportData:
    offer_id: UUID
    offer_version: int
    teaser: str
    status: str
    valid_from: datetime
    valid_to: datetime
    time_zone: str
    has_other_zones: bool
    made_at: datetime
    period: Period
    before: Period
    points: tuple[Point, ...]
    places: tuple[Place, ...]
    comparisons: tuple[Comparison, ...] | None = ()
    """None where they may not be told: an experiment runs at all venues of an offer."""

    smallest_group: int = 5

    @property
    def has_holdout(self) -> bool:
        """Whether there is anybody to show what happens without the offer."""
        return any(compared.compared_with == HOLDOUT for compared in self.comparisons or ())


def last_days(now: datetime, time_zone: str, days: int = DAYS) -> tuple[datetime, datetime]:
    """From the midnight that begins the first of so many days, today the last of them, to now."""
    zone = ZoneInfo(time_zone)
    first = now.astimezone(zone).date() - timedelta(days=days - 1)
    return datetime(first.year, first.month, first.day, tzinfo=zone), now


def ranked(places: Iterable[Place]) -> list[Place]:
    """The most visited first; those that are hidden after all others that had visits."""
    return sorted(
        places, key=lambda p: (-(p.check_ins or 0), p.check_ins is not None, p.name.casefold())
    )


def by_week(points: Iterable[Point], time_zone: str) -> list[Point]:
    """The days summed from Monday to Sunday; the first and last week may be cut."""
    zone = ZoneInfo(time_zone)
    weeks = groupby(points, key=lambda point: point.start.astimezone(zone).isocalendar()[:2])
    return [_sum(list(days)) for _, days in weeks]


def _sum(days: list[Point]) -> Point:
    return Point(
        days[0].start,
        sum(day.check_ins for day in days),
        sum(day.unlocks for day in days),
        sum(day.redemptions for day in days),
    )


def change(now: int | None, before: int | None) -> float | None:
    """By what part of what it was; None where there was nothing, or it may not be told."""
    return now / before - 1 if now is not None and before else None


def share_running(data: ReportData) -> float:
    """The part of the period before in which the offer could have run."""
    before = data.before
    ran = min(before.end, data.valid_to) - max(before.start, data.valid_from)
    return max(0.0, ran / (before.end - before.start))


def recorded(steps: Iterable[Step]) -> list[Step]:
    return [step for step in steps if step.is_recorded]
