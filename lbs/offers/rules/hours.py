"""Rules about the hour: those that are few, and those that are quiet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import ClassVar

from lbs.offers.rules.history import History, Part
from lbs.offers.rules.look import Look, Unit, Why, condition
from lbs.offers.rules.schedule import DAY, WEEKDAYS


@dataclass(frozen=True, slots=True)
class Flash:
    """Opens for the first n in a window of the day, each day and at each venue anew.

    A window is what it is in a schedule: it speaks of the clock on the venue's wall, ends on the
    next day where it ends no later than it begins, and belongs with its counter to the day on
    which it begins.
    """

    kind: ClassVar[str] = "flash"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.WINDOWS})
    n: int
    from_time: time
    to_time: time
    """No longer in it."""
    weekdays: tuple[str, ...] = ()
    """Of WEEKDAYS; none: every day."""

    def look(self, history: History) -> Look:
        """Progress counts, as Foursquare did, those who have taken it."""
        wall = history.local_now.replace(tzinfo=None)
        day = self.window_at(wall)
        if day is None:
            return Look(0, 0, self.n, Unit.PEOPLE, self._outside(wall))
        bucket = self.bucket(history, day)
        taken = min(self.n, history.taken.get(bucket, 0))
        why = Why.WINDOW_TAKEN if taken == self.n else None
        after = taken + (why is None)
        return Look(taken, after, self.n, Unit.PEOPLE, why, buckets=((bucket, self.n),))

    def bucket(self, history: History, day: date) -> str:
        return f"flash {day.isoformat()} {self.from_time:%H:%M} venue {history.venue_id}"

    def window_at(self, wall: datetime) -> date | None:
        """The day on which the window began that is on at this time on the wall."""
        return next(
            (day for day in _days_at(wall) if self._has_begun(day, wall) and wall < self._end(day)),
            None,
        )

    def _outside(self, wall: datetime) -> Why:
        """Whether today's is over, or the next is still to come."""
        today = wall.date()
        if self._runs_on(today) and wall < self._start(today):
            return Why.NOT_IN_WINDOW
        ended = any(self._runs_on(day) and self._end(day).date() == today for day in _days_at(wall))
        return Why.WINDOW_OVER if ended else Why.NOT_IN_WINDOW

    def _runs_on(self, day: date) -> bool:
        return not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays

    def _has_begun(self, day: date, wall: datetime) -> bool:
        return self._runs_on(day) and self._start(day) <= wall

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, self.from_time)

    def _end(self, day: date) -> datetime:
        return datetime.combine(day if self.from_time < self.to_time else day + DAY, self.to_time)


def _days_at(wall: datetime) -> tuple[date, date]:
    """On which a window may have begun that is on now."""
    return wall.date(), wall.date() - DAY


@dataclass(frozen=True, slots=True)
class OffPeak:
    """Opens in the hours of the week into which few of the venue's visits fall.

    It stays closed where too few visits are known to tell.
    """

    kind: ClassVar[str] = "off_peak"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.QUIET})
    max_share: float
    """Of all visits; an hour of the week has 1/168 on average."""
    min_visits: int

    def look(self, history: History) -> Look:
        return replace(condition(self._why_not(history)), impersonal=True)

    def _why_not(self, history: History) -> Why | None:
        hour = history.quiet_share
        if hour is None or hour.visits < self.min_visits:
            return Why.TOO_LITTLE_HISTORY
        return Why.TOO_BUSY if hour.share > self.max_share else None
