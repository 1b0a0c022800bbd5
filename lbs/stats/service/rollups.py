"""Sums that are kept, and how answers are put together from them and from the newest facts.

A statistic is a sum over buckets, which hold the facts below the mark. Facts at or above it are
added to them, straight from the ledger; where one of them says otherwise of what was before (a new
verdict, say), the hours that it changes are dirty and counted from the ledger instead. So an answer
is exact when it is given, however long no roll-up was made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.db import Session
from lbs.stats import queries
from lbs.stats.queries import ANYWHERE, NOWHERE, Bucket, News, Unit
from lbs.stats.rules.calendar import (
    HOUR,
    TIERS,
    Cover,
    Run,
    Span,
    buckets,
    cover,
    kept_zone,
    opened,
    start_of,
)
from lbs.stats.rules.tally import Tally, unpacked

BATCH = 24 * 7
"""So many hours of a merchant are counted at once."""
BUCKETS = 500
"""So many days or months are made at once."""
NONE = "none"
"""The group of the facts that have no value in a dimension."""
_LAST_NUMBER = 2**32 - 1
_LIVE, _FRESH = attrgetter("live"), attrgetter("fresh")

Key = tuple[Unit, datetime, str, str]
"""A bucket's unit and beginning, a dimension, and its value."""
Tallies = dict[tuple[int, str], Tally]
"""By the place of the span asked for, and the group."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Whose facts are asked for: to be found in the ledger, and in the roll-ups."""

    merchant_id: UUID
    source: str
    values: dict[str, Any]
    scope_ids: tuple[UUID, ...]
    venue_ids: frozenset[UUID] | None
    """Only at these, of an offer."""
    sites: tuple[UUID, ...]
    """The venues that belong to it; of an offer, none: it has roll-ups of its own at each."""
    is_offer: bool

    def whole(self, kept: Iterable[Unit]) -> list[Unit]:
        if self.venue_ids is not None and self.is_offer:
            return [unit for unit in kept if unit[1] in self.venue_ids]
        return [unit for unit in kept if unit[0] in self.scope_ids and unit[1] == ANYWHERE]

    def by_venue(self, kept: Iterable[Unit]) -> list[Unit]:
        """The units that the whole falls into; also what happened at no venue."""
        if self.is_offer:
            only = self.venue_ids
            return [unit for unit in kept if unit[1] != ANYWHERE and (not only or unit[1] in only)]
        return [
            (scope_id, venue_id)
            for scope_id, venue_id in kept
            if (scope_id in self.sites and venue_id == ANYWHERE)
            or (scope_id in self.scope_ids and venue_id == NOWHERE)
        ]


# --- keeping ----------------------------------------------------------------------------------


def roll_up(session: Session) -> int:
    """Bring the roll-ups up to all that has certainly happened; how many hours had changed.

    Doing it again, or anew after being broken off, gives the same.
    """
    mark = queries.lock_mark(session)
    horizon = queries.horizon(session)
    dirtied = queries.dirtied_hours(session, mark, horizon)
    for merchant_id, rows in groupby(dirtied, key=lambda row: row.merchant_id):
        _roll_up_merchant(session, merchant_id, [row.hour for row in rows], horizon)
    queries.move_mark(session, horizon)
    return len(dirtied)


def rebuild(session: Session) -> int:
    """Throw the roll-ups away and make all of them from the ledger."""
    queries.lock_mark(session)
    queries.clear_all(session)
    queries.move_mark(session, 0)
    return roll_up(session)


def _roll_up_merchant(
    session: Session, merchant_id: UUID, hours: Sequence[datetime], horizon: int
) -> None:
    changed: dict[Unit, set[datetime]] = defaultdict(set)
    for first in range(0, len(hours), BATCH):
        batch = hours[first : first + BATCH]
        for unit, hour in _roll_up_hours(session, merchant_id, batch, horizon):
            changed[unit].add(hour)
    kept = queries.zones_of_scopes(session, merchant_id)
    zones = _zones(session, merchant_id, changed)
    queries.set_scopes(session, merchant_id, zones)
    for unit in changed.keys() & kept.keys():
        if kept[unit] != zones[unit]:
            changed[unit].update(queries.clear_days(session, *unit))
    starts: Mapping[Unit, set[datetime]] = changed
    for finer, tier in pairwise(TIERS):
        starts = _roll_up_tier(session, finer, tier, starts, zones)


def _zones(session: Session, merchant_id: UUID, units: Iterable[Unit]) -> dict[Unit, str]:
    """In whose days each is kept: the venue's, or where all its venues agree, theirs."""
    zones = queries.zones_of(session, merchant_id)
    return {
        (scope_id, venue_id): kept_zone(
            zones.get(scope_id if venue_id == ANYWHERE else venue_id, [])
        )
        for scope_id, venue_id in units
    }


def _roll_up_hours(
    session: Session, merchant_id: UUID, hours: Sequence[datetime], horizon: int
) -> set[tuple[Unit, datetime]]:
    """Count these hours anew; which scope has, or had, anything in which."""
    spans = [Span(hour, hour + HOUR) for hour in hours]
    queries.number_customers(session, merchant_id, spans)
    tallies: dict[Key, Tally] = defaultdict(Tally)
    marked = queries.read_mark(session, merchant_id)
    for fact in queries.count_all_facts(session, merchant_id, spans, marked, horizon):
        tally = Tally()
        tally.record(fact, fact.numbers or ())
        for unit in _units_of(merchant_id, fact):
            for dimension in queries.DIMENSIONS:
                value = _value_of(dimension, fact) if dimension else ""
                tallies[unit, fact.piece, dimension, value].add(tally)
    cleared = queries.clear_hours(session, merchant_id, hours)
    _add(session, TIERS[0], tallies)
    changed = {((row.scope_id, row.venue_id), row.start) for row in cleared}
    return changed | {(unit, hour) for unit, hour, _, _ in tallies}


def _roll_up_tier(
    session: Session,
    finer: str,
    tier: str,
    changed: Mapping[Unit, set[datetime]],
    zones: Mapping[Unit, str],
) -> dict[Unit, set[datetime]]:
    """Make the days, or months, anew in which these hours, or days, lie; when they begin."""
    starts: dict[Unit, set[datetime]] = {}
    spans: list[Bucket] = []
    for unit, within in changed.items():
        zone = ZoneInfo(zones[unit])
        starts[unit] = {start_of(tier, start, zone) for start in within}
        for start in starts[unit]:
            spans += [(unit, span) for span in buckets(tier, start, start + HOUR, zone)]
    for first in range(0, len(spans), BUCKETS):
        batch = spans[first : first + BUCKETS]
        tallies: dict[Key, Tally] = defaultdict(Tally)
        for row in queries.read_under(session, finer, batch):
            unit, span = batch[row.place - 1]
            tally = unpacked(row)
            for dimension, value in ((row.dimension, row.value), *row.uniform.items()):
                tallies[unit, span.since, dimension, value].add(tally)
        queries.clear_buckets(session, tier, batch)
        _add(session, tier, tallies)
    return starts


def _add(session: Session, tier: str, tallies: Mapping[Key, Tally]) -> None:
    """Keep them; a group that is all of its bucket is named there, and not kept twice."""
    uniform = _uniform(tallies)
    queries.add_rollups(
        session,
        (
            (*unit, tier, dimension, start, value, {} if dimension else alone, *tally.packed())
            for (unit, start, dimension, value), tally in tallies.items()
            if dimension not in (alone := uniform[unit, start])
        ),
    )


def _uniform(keys: Iterable[Key]) -> dict[tuple[Unit, datetime], dict[str, str]]:
    """Of each bucket, the dimensions in which all of it has one value, and that."""
    values: dict[tuple[Unit, datetime], dict[str, list[str]]] = defaultdict(dict)
    for unit, start, dimension, value in keys:
        values[unit, start].setdefault(dimension, []).append(value)
    return {
        bucket: {
            dimension: found[0] for dimension, found in of.items() if dimension and not found[1:]
        }
        for bucket, of in values.items()
    }


def _units_of(merchant_id: UUID, fact: Any) -> Iterator[Unit]:
    """A check-in, or a showing nearby, comes once for the venue and once for each of its offers."""
    if fact.offer is None or fact.kind not in ("check_in", "nearby_listed"):
        yield merchant_id, ANYWHERE
        yield (fact.venue_id, ANYWHERE) if fact.venue_id else (merchant_id, NOWHERE)
    if fact.offer:
        yield fact.offer, ANYWHERE
        yield fact.offer, fact.venue_id or NOWHERE


def _value_of(dimension: str, fact: Any) -> str:
    """The group that a fact belongs to, by `venue` or one of the dimensions."""
    if dimension == "customer":
        return NONE if fact.is_new is None else "new" if fact.is_new else "returning"
    if dimension == "level":
        return NONE if fact.level is None else f"L{fact.level}"
    value = fact.venue_id if dimension == "venue" else getattr(fact, dimension)
    return NONE if value is None else str(value)


# --- reading ----------------------------------------------------------------------------------


def tallies(
    session: Session,
    facts: Facts,
    spans: Sequence[Span],
    *,
    by: str | None = None,
    with_sets: bool = True,
    with_elapsed: bool = False,
) -> Tallies:
    """What came of each span, in all (group '') or by `venue` or a dimension.

    The spans are in order and do not overlap. Without sets, customers' numbers are left away where
    the kept number says it all; tallies of several spans can then not be added.
    """
    marked = queries.read_mark(session, facts.merchant_id)
    news = queries.find_news(session, facts.merchant_id, marked)
    is_open = bool(spans) and (marked.latest is None or spans[-1].until > marked.latest)
    kept = queries.zones_of_scopes(session, facts.merchant_id, [*{*facts.scope_ids, *facts.sites}])
    units = facts.by_venue(kept) if by == "venue" else facts.whole(kept)
    found: dict[tuple[int, str], Tally] = defaultdict(Tally)
    for zone in {kept[unit] for unit in units}:
        covers = _covers(spans, ZoneInfo(zone), news, is_open=is_open)
        alone = not with_sets and (len(units) == 1 or by == "venue")
        runs = list(_runs(covers, ZoneInfo(zone), alone=alone))
        rows = queries.read_rollups(
            session,
            [unit for unit in units if kept[unit] == zone],
            runs,
            dimension=by if by and by != "venue" else "",
            elapsed=with_elapsed,
        )
        for row in rows:
            group = _venue_of(row) if by == "venue" else row.value
            found[_place(spans, row.start), group].add(unpacked(row))
    covers = _covers(spans, ZoneInfo("UTC"), news, is_open=is_open)
    live, fresh = ([part for one in covers for part in of(one)] for of in (_LIVE, _FRESH))
    stand_ins: dict[UUID, int] = {}
    for fact in queries.count_facts(session, facts.source, facts.values, live, fresh, marked):
        group = _value_of(by, fact) if by else ""
        tally = Tally()
        tally.record(fact, [*(fact.numbers or ()), *_stand_in(fact, stand_ins)])
        found[_place(spans, fact.piece), group].add(tally)
    return found


def _covers(spans: Sequence[Span], zone: ZoneInfo, news: News, *, is_open: bool) -> list[Cover]:
    """`is_open`: nothing has happened after the last span. `live` and `fresh` are the same in
    every zone.
    """
    *closed, last = spans
    whole = [*closed, opened(last, zone) if is_open else last]
    return [cover(*span, zone, news.dirty, news.fresh) for span in whole]


def _runs(covers: Iterable[Cover], zone: ZoneInfo, *, alone: bool) -> Iterator[tuple[Run, bool]]:
    """What is to be read, runs that follow each other as one, and whether with the sets."""
    last: tuple[Run, bool] | None = None
    for one in covers:
        whole = not (alone and _is_one_bucket(one, zone))
        for run in one.rolled:
            if (
                last
                and last[1] == whole
                and last[0].tier == run.tier
                and last[0].until == run.since
            ):
                last = Run(run.tier, last[0].since, run.until), whole
                continue
            if last:
                yield last
            last = run, whole
    if last:
        yield last


def _is_one_bucket(one: Cover, zone: ZoneInfo) -> bool:
    if one.live or one.fresh or len(one.rolled) != 1:
        return False
    [run] = one.rolled
    return next(buckets(run.tier, run.since, run.until, zone)).until == run.until


def _place(spans: Sequence[Span], moment: datetime) -> int:
    return bisect_right(spans, moment, key=lambda span: span.since) - 1


def _venue_of(row: Any) -> str:
    if row.venue_id == NOWHERE:
        return NONE
    return str(row.scope_id if row.venue_id == ANYWHERE else row.venue_id)


def _stand_in(fact: Any, stand_ins: dict[UUID, int]) -> list[int]:
    """Numbers, for this answer alone, of customers who have none yet."""
    return [
        stand_ins.setdefault(subject_id, _LAST_NUMBER - len(stand_ins))
        for subject_id in fact.unnumbered or ()
    ]
