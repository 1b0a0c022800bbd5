"""Rules that count the customer's own visits to the venue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import ClassVar, Literal

from lbs.offers.rules.history import HORIZON_DAYS, History, Part
from lbs.offers.rules.look import (
    NOTHING,
    SINCE_OPENED,
    TIMES,
    Look,
    Pledge,
    Unit,
    Why,
    condition,
    toward,
)

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class EveryVisit:
    kind: ClassVar[str] = "every_visit"
    needs: ClassVar[frozenset[Part]] = NOTHING

    def look(self, history: History) -> Look:
        return replace(condition(None), impersonal=True)


@dataclass(frozen=True, slots=True)
class Charity:
    """Every visit opens it, and makes the merchant owe a donation."""

    kind: ClassVar[str] = "charity"
    needs: ClassVar[frozenset[Part]] = NOTHING
    amount_minor: int
    recipient: str

    def look(self, history: History) -> Look:
        pledge = Pledge(self.amount_minor, self.recipient)
        return replace(condition(None), impersonal=True, pledges=(pledge,))


@dataclass(frozen=True, slots=True)
class NthVisit:
    """Opens once."""

    kind: ClassVar[str] = "nth_visit"
    needs: ClassVar[frozenset[Part]] = NOTHING
    n: int

    def look(self, history: History) -> Look:
        over = history.visits >= self.n
        why = Why.ONLY_ONCE if over else Why.MORE_VISITS
        return toward(history.visits, history.visits + 1, self.n, why, over=over)


@dataclass(frozen=True, slots=True)
class FirstVisit:
    kind: ClassVar[str] = "first_visit"
    needs: ClassVar[frozenset[Part]] = NOTHING

    def look(self, history: History) -> Look:
        return NthVisit(1).look(history)


@dataclass(frozen=True, slots=True)
class EveryNthVisit:
    """A card with n stamps, again and again.

    Plain, it opens at the nth visit, the 2nth and so on, by the customer's count of visits.

    With a window, or where days are counted, a stamp is good for `within_days` days (without a
    window for HORIZON_DAYS), and an opening uses up all stamps up to it. So a full card that a
    limit kept closed opens at the next visit. A day gives one stamp; the day of an opening gives
    no other.
    """

    kind: ClassVar[str] = "every_nth_visit"
    n: int
    within_days: int | None = None
    count: Literal["visits", "days"] = "visits"

    @property
    def needs(self) -> frozenset[Part]:
        return NOTHING if self._is_plain else SINCE_OPENED

    def look(self, history: History) -> Look:
        if self._is_plain:
            before = history.visits % self.n
            return toward(before, before + 1, self.n, Why.MORE_VISITS)
        stamps = history.recent(history.visit_times, self.within_days or HORIZON_DAYS)
        return self._of_days(stamps, history) if self.count == "days" else self._of(stamps, history)

    @property
    def _is_plain(self) -> bool:
        return self.within_days is None and self.count == "visits"

    def _of(self, stamps: list[datetime], history: History) -> Look:
        opened_at = history.opened_here_at
        unused = sum(opened_at is None or at > opened_at for at in stamps)
        return toward(unused, unused + 1, self.n, Why.MORE_VISITS)

    def _of_days(self, stamps: list[datetime], history: History) -> Look:
        used = _day_of_opening(history)
        before = {day for day in map(history.day, stamps) if used is None or day > used}
        counted = history.today in before or used == history.today
        why = Why.COUNTED_TODAY if counted else Why.MORE_DAYS
        return toward(len(before), len(before) + (not counted), self.n, why, Unit.DAYS)


@dataclass(frozen=True, slots=True)
class Frequency:
    """Opens at every visit that is at least the nth within so many days, today included."""

    kind: ClassVar[str] = "frequency"
    needs: ClassVar[frozenset[Part]] = TIMES
    n: int
    within_days: int

    def look(self, history: History) -> Look:
        before = len(history.recent(history.visit_times, self.within_days))
        return toward(before, before + 1, self.n, Why.MORE_VISITS)


@dataclass(frozen=True, slots=True)
class Streak:
    """Opens when the customer has come in so many weeks in a row, this one included.

    Weeks are ISO weeks, Monday to Sunday, in the venue's time zone. An opening uses up the weeks
    up to it: the next takes as many further weeks in a row. A streak that a limit kept closed
    opens at the next visit, in the same week too.
    """

    kind: ClassVar[str] = "streak"
    needs: ClassVar[frozenset[Part]] = SINCE_OPENED
    weeks: int

    def look(self, history: History) -> Look:
        this, used = _week(history.today), _day_of_opening(history)
        times = history.recent(history.visit_times, 7 * (self.weeks + 1))
        came = {
            week
            for week in map(_week, map(history.day, times))
            if used is None or week > _week(used)
        }
        before = _run(came, this - WEEK) + (this in came)
        counted = this in came or (used is not None and this <= _week(used))
        why = Why.COUNTED_THIS_WEEK if counted else Why.MORE_WEEKS
        return toward(before, before + (not counted), self.weeks, why, Unit.WEEKS)


@dataclass(frozen=True, slots=True)
class Comeback:
    """Opens for a customer whose last visit is at least so many days ago."""

    kind: ClassVar[str] = "comeback"
    needs: ClassVar[frozenset[Part]] = NOTHING
    days: int

    def look(self, history: History) -> Look:
        if history.last_visit_at is None:
            return Look(0, 0, self.days, Unit.DAYS, Why.NEVER_HERE)
        away = max(0, (history.today - history.day(history.last_visit_at)).days)
        after = self.days if away >= self.days else 0
        return toward(away, after, self.days, Why.AWAY_TOO_SHORT, Unit.DAYS)


def _day_of_opening(history: History) -> date | None:
    return history.day(history.opened_here_at) if history.opened_here_at else None


def _week(day: date) -> date:
    """Its Monday, so that the turn of the year is nothing special."""
    return day - timedelta(days=day.weekday())


def _run(weeks: Iterable[date], last: date) -> int:
    """How many weeks in a row end with this one."""
    length, weeks = 0, frozenset(weeks)
    while last - length * WEEK in weeks:
        length += 1
    return length
