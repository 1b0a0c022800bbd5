"""
A past that is told visit by visit, in the order of time.

Before each visit a Timeline gives the history that a check-in then would have been judged on. It
keeps only what the rules ask about, and of that only what is recent enough to matter.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Protocol

from lbs.offers.rules.combined import leaves
from lbs.offers.rules.history import (
    HORIZON_DAYS,
    LEADER_DAYS,
    PRESENT_FOR,
    QUIET_WEEKS,
    HourShare,
    Part,
)
from lbs.offers.rules.look import Rule
from lbs.offers.rules.visits import Streak

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """An accepted check-in. Ids are text, which is compared fastest."""

    at: datetime
    customer: str
    """Of one who has been erased: a name that nobody else has."""
    venue_id: str
    level: int
    risk: int = 0
    """How much more than the offer's level is asked of it."""
    event_id: str | None = None
    standing: str | None = None
    """Today: `staff`, `tester` or `erased`; None: a guest."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when the telling begins."""

    tallies: Mapping[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)
    """By customer and venue: how many visits, and when the last was."""
    friends: Mapping[str, Iterable[tuple[str, datetime]]] = field(default_factory=dict)
    """By customer: whom they are friends with, since when."""
    sent: Mapping[str, Iterable[datetime]] = field(default_factory=dict)
    """By customer: when each of the friends was credited whom their shares have brought."""


NOTHING_KNOWN = Known()

OWN = ("visits", "last_visit_at", "own_days", "own_reached_at")
"""Members of a History that say what the customer did before the visit."""


class Timeline:
    def __init__(
        self,
        needs: Collection[Part],
        zones: Mapping[str, tzinfo],
        trail: Collection[str] = (),
        known: Known = NOTHING_KNOWN,
    ) -> None:
        """`zones` by venue; `trail`: the venues that Part.TRAIL is about."""
        self._zones = zones
        self._present, self._friends = _Present(), _Friends(known.friends)
        self._own: dict[tuple[str, str], dict[str, Any]] = {}
        self._keeps_own = Part.FRIENDS in needs
        parts: dict[Part, _Memory] = {
            Part.TIMES: _Times(),
            Part.LEADER: _Leader(zones),
            Part.PRESENT: self._present,
            Part.FRIENDS: self._friends,
            Part.TRAIL: _Trails(trail),
            Part.QUIET: _Quiet(zones),
            Part.FRIENDS_SENT: _Sent(known.sent),
        }
        asked = [memory for part, memory in parts.items() if part in needs]
        self._memories: list[_Memory] = [_Tallies(known.tallies), *asked]

    def before(self, visit: Visit) -> dict[str, Any]:
        """The members of the History up to this visit, but for what is about the offer."""
        members = {
            "now": visit.at,
            "zone": self._zones[visit.venue_id],
            "venue_id": visit.venue_id,
            "event_id": visit.event_id,
        }
        for memory in self._memories:
            members |= memory.before(visit)
        return members

    def others_present(self, visit: Visit) -> list[Visit]:
        """The last visit of each other customer who is there; needs Part.PRESENT."""
        return self._present.others(visit)

    def friends_present(self, visit: Visit) -> list[tuple[Visit, dict[str, Any]]]:
        """The last visit of each friend who is there, with the members as if it were made now."""
        return [(theirs, self._again(theirs, visit.at)) for theirs in self._friends.of(visit)]

    def add(self, visit: Visit) -> None:
        if self._keeps_own:
            before = self.before(visit)
            own = {name: before[name] for name in OWN if name in before}
            self._own[visit.customer, visit.venue_id] = own
        for memory in self._memories:
            memory.add(visit)

    def _again(self, visit: Visit, at: datetime) -> dict[str, Any]:
        """The members of the History of a visit that has been told, at a later moment."""
        members = self.before(replace(visit, at=at)) | self._own[visit.customer, visit.venue_id]
        if "visit_times" in members:
            members["visit_times"] = _but(visit, members["visit_times"])
        if visit.venue_id in members.get("trail", {}):
            members["trail"][visit.venue_id] = _but(visit, members["trail"][visit.venue_id])
        return members


def _but(visit: Visit, times: Iterable[datetime]) -> list[datetime]:
    return [at for at in times if at != visit.at]


def lookback(rule: Rule) -> timedelta:
    """How long before a visit others may have been that the rule asks about one by one."""
    return max(_days_asked(leaf) for leaf in leaves(rule)) * DAY


def _days_asked(rule: Rule) -> int:
    if isinstance(rule, Streak):
        return 7 * (rule.weeks + 1) + 1
    if rule.needs & {Part.TIMES, Part.TRAIL}:
        return (getattr(rule, "within_days", None) or HORIZON_DAYS) + 1
    return max((_DAYS.get(part, 0) for part in rule.needs), default=0)


_DAYS = {
    Part.LEADER: LEADER_DAYS + 2,
    Part.QUIET: 7 * QUIET_WEEKS,
    Part.PRESENT: 1,
    Part.FRIENDS: 1,
}


class _Memory(Protocol):
    """What is remembered for one part of the history."""

    def before(self, visit: Visit) -> dict[str, Any]:
        """Members of the History up to this visit."""

    def add(self, visit: Visit) -> None: ...


Times = deque[datetime]


class _Tallies:
    def __init__(self, known: Mapping[tuple[str, str], tuple[int, datetime]]) -> None:
        self._tallies: dict[tuple[str, str], tuple[int, datetime]] = dict(known)

    def before(self, visit: Visit) -> dict[str, Any]:
        key = visit.customer, visit.venue_id
        visits, last_at = self._tallies.get(key, (0, None))
        return {"visits": visits, "last_visit_at": last_at}

    def add(self, visit: Visit) -> None:
        key = visit.customer, visit.venue_id
        visits, _ = self._tallies.get(key, (0, None))
        self._tallies[key] = visits + 1, visit.at


class _Times:
    def __init__(self) -> None:
        self._times: defaultdict[tuple[str, str], Times] = defaultdict(deque)

    def before(self, visit: Visit) -> dict[str, Any]:
        times = self._times[visit.customer, visit.venue_id]
        return {"visit_times": _recent(times, visit.at)}

    def add(self, visit: Visit) -> None:
        self._times[visit.customer, visit.venue_id].append(visit.at)


class _Trails:
    def __init__(self, venue_ids: Collection[str]) -> None:
        self._venue_ids = frozenset(venue_ids)
        self._times: defaultdict[str, dict[str, Times]] = defaultdict(dict)

    def before(self, visit: Visit) -> dict[str, Any]:
        trail = self._times[visit.customer]
        return {"trail": {venue: _recent(times, visit.at) for venue, times in trail.items()}}

    def add(self, visit: Visit) -> None:
        if visit.venue_id in self._venue_ids:
            self._times[visit.customer].setdefault(visit.venue_id, deque()).append(visit.at)


def _recent(times: Times, now: datetime) -> Times:
    """Forgets those that no rule looks at any more."""
    while times and times[0] <= now - HORIZON_DAYS * DAY:
        times.popleft()
    return times


class _Here:
    """Who is at each venue, by their last visit, who came longest ago first."""

    def __init__(self) -> None:
        self._here: defaultdict[str, dict[str, Visit]] = defaultdict(dict)

    def add(self, visit: Visit) -> None:
        here = self._here[visit.venue_id]
        here.pop(visit.customer, None)
        here[visit.customer] = visit

    def at(self, visit: Visit) -> dict[str, Visit]:
        here = self._here[visit.venue_id]
        gone = []
        for customer, other in here.items():
            if other.at >= visit.at - PRESENT_FOR:
                break
            gone.append(customer)
        for customer in gone:
            del here[customer]
        return here


NOT_THERE = ("staff", "erased")
"""Standings of those who are none of the others at a venue."""


class _Present:
    def __init__(self) -> None:
        self._here = _Here()

    def before(self, visit: Visit) -> dict[str, Any]:
        here = self._here.at(visit)
        return {"present": len(here) - (visit.customer in here)}

    def others(self, visit: Visit) -> list[Visit]:
        here = self._here.at(visit)
        return [other for other in here.values() if other.customer != visit.customer]

    def add(self, visit: Visit) -> None:
        if visit.standing not in NOT_THERE:
            self._here.add(visit)


class _Friends:
    def __init__(self, friends: Mapping[str, Iterable[tuple[str, datetime]]]) -> None:
        self._friends, self._here = friends, _Here()

    def before(self, visit: Visit) -> dict[str, Any]:
        return {"friends_present": len(self.of(visit))}

    def of(self, visit: Visit) -> list[Visit]:
        """The last visits of the customer's friends who are there, who came first first."""
        here, friends = self._here.at(visit), self._friends.get(visit.customer, ())
        met = {friend for friend, since in friends if friend in here and since <= visit.at}
        return [here[customer] for customer in here if customer in met] if met else []

    def add(self, visit: Visit) -> None:
        if visit.standing not in NOT_THERE:
            self._here.add(visit)


class _Sent:
    def __init__(self, sent: Mapping[str, Iterable[datetime]]) -> None:
        self._sent = {customer: sorted(times) for customer, times in sent.items()}

    def before(self, visit: Visit) -> dict[str, Any]:
        return {"friends_sent": bisect_right(self._sent.get(visit.customer, ()), visit.at)}

    def add(self, visit: Visit) -> None:
        """Nobody is sent by a visit of one's own."""


class _Quiet:
    def __init__(self, zones: Mapping[str, tzinfo]) -> None:
        self._zones = zones
        self._visits: defaultdict[str, deque[tuple[datetime, tuple[int, int]]]] = defaultdict(deque)
        self._hours: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)

    def before(self, visit: Visit) -> dict[str, Any]:
        visits, hours = self._visits[visit.venue_id], self._hours[visit.venue_id]
        while visits and visits[0][0] <= visit.at - QUIET_WEEKS * 7 * DAY:
            hours[visits.popleft()[1]] -= 1
        if not visits:
            return {}
        share = hours[self._hour(visit)] / len(visits)
        return {"quiet_share": HourShare(share, len(visits))}

    def add(self, visit: Visit) -> None:
        hour = self._hour(visit)
        self._visits[visit.venue_id].append((visit.at, hour))
        self._hours[visit.venue_id][hour] += 1

    def _hour(self, visit: Visit) -> tuple[int, int]:
        """Of the week, on the venue's clock."""
        local = visit.at.astimezone(self._zones[visit.venue_id])
        return local.weekday(), local.hour


class _Leader:
    def __init__(self, zones: Mapping[str, tzinfo]) -> None:
        self._boards = {venue_id: _Board() for venue_id in zones}
        self._todays: defaultdict[str, list[Visit]] = defaultdict(list)
        self._zones = zones

    def before(self, visit: Visit) -> dict[str, Any]:
        board, today = self._boards[visit.venue_id], self._day(visit)
        todays = self._todays[visit.venue_id]
        if todays and self._day(todays[0]) < today:
            for one in todays:
                board.add(one.customer, self._day(one), one.at)
            todays.clear()
        board.forget_until(today - (LEADER_DAYS + 1) * DAY)
        own, best = board.of(visit.customer), board.best_beside(visit.customer)
        return {
            "own_days": own.days,
            "own_reached_at": own.reached_at,
            "best_other_days": best.days,
            "best_other_reached_at": best.reached_at,
        }

    def add(self, visit: Visit) -> None:
        if visit.standing is None:
            self._todays[visit.venue_id].append(visit)

    def _day(self, visit: Visit) -> date:
        return visit.at.astimezone(self._zones[visit.venue_id]).date()


@dataclass(frozen=True, slots=True)
class _Place:
    """On the board: how many days, and when they were so many."""

    days: int = 0
    reached_at: datetime | None = None


NO_PLACE = _Place()


class _Board:
    """Who has come to a venue on how many days."""

    def __init__(self) -> None:
        self._days: defaultdict[str, deque[tuple[date, datetime]]] = defaultdict(deque)
        """By customer: each day with its first visit."""
        self._order: deque[tuple[date, str]] = deque()
        self._ranks: list[tuple[int, datetime, str]] = []
        """A heap, best first; what is no longer so is dropped when it comes to the top."""

    def of(self, customer: str) -> _Place:
        days = self._days.get(customer)
        return _Place(len(days), days[-1][1]) if days else NO_PLACE

    def best_beside(self, customer: str) -> _Place:
        own = None
        best = NO_PLACE
        while self._ranks:
            rank = self._ranks[0]
            place = _Place(-rank[0], rank[1])
            if self.of(rank[2]) == place and rank[2] != customer:
                best = place
                break
            heapq.heappop(self._ranks)
            if self.of(rank[2]) == place:
                own = rank
        if own:
            heapq.heappush(self._ranks, own)
        return best

    def add(self, customer: str, day: date, at: datetime) -> None:
        days = self._days[customer]
        if not days or days[-1][0] < day:
            days.append((day, at))
            self._order.append((day, customer))
            self._rank(customer)

    def forget_until(self, last: date) -> None:
        while self._order and self._order[0][0] <= last:
            customer = self._order.popleft()[1]
            self._days[customer].popleft()
            if self._days[customer]:
                self._rank(customer)
            else:
                del self._days[customer]

    def _rank(self, customer: str) -> None:
        place = self.of(customer)
        if place.reached_at:
            heapq.heappush(self._ranks, (-place.days, place.reached_at, customer))
