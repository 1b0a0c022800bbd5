"""Rules about where else the customer has been, and what is on here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from lbs.offers.rules.history import History, Part
from lbs.offers.rules.look import Look, Unit, Why, condition, toward

Visits = Mapping[str, Sequence[datetime]]


@dataclass(frozen=True, slots=True)
class Trail:
    """Opens at the visit that completes the venues within so many days, today included.

    In a given order only the visits count that follow one to the venue before. An opening uses up
    the visits up to it, at whichever of the venues it was. A trail that a limit kept closed opens
    at the next visit to any of its venues.
    """

    kind: ClassVar[str] = "trail"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.TRAIL, Part.OPENED})
    venue_ids: tuple[str, ...]
    within_days: int
    ordered: bool = False

    def look(self, history: History) -> Look:
        here = str(history.venue_id)
        past = {venue_id: self._unused(venue_id, history) for venue_id in self.venue_ids}
        before = after = self._reached(past)
        if here in past:
            after = self._reached({**past, here: [*past[here], history.now]})
        look = toward(before, after, len(self.venue_ids), Why.MORE_VENUES, Unit.VENUES)
        if here not in past:
            return replace(look, why=Why.NOT_ON_TRAIL)
        lost = self.ordered and after == before and not look.opens
        return replace(look, why=Why.WRONG_ORDER) if lost else look

    def _unused(self, venue_id: str, history: History) -> list[datetime]:
        times = history.recent(history.trail.get(venue_id, ()), self.within_days)
        opened_at = history.opened_at
        return [at for at in times if opened_at is None or at > opened_at]

    def _reached(self, visits: Visits) -> int:
        return self._in_order(visits) if self.ordered else sum(map(bool, visits.values()))

    def _in_order(self, visits: Visits) -> int:
        """How far one comes by going to each venue as early as can be."""
        last: datetime | None = None
        for reached, venue_id in enumerate(self.venue_ids):
            later = [at for at in visits[venue_id] if last is None or at >= last]
            if not later:
                return reached
            last = min(later)
        return len(self.venue_ids)


@dataclass(frozen=True, slots=True)
class Event:
    """Opens at a check-in to an event at the venue: to this one, or to any."""

    kind: ClassVar[str] = "event"
    needs: ClassVar[frozenset[Part]] = frozenset()
    event_id: str | None = None

    def look(self, history: History) -> Look:
        at = history.event_id
        there = at is not None and self.event_id in (None, str(at))
        return condition(None if there else Why.NOT_AT_EVENT)
