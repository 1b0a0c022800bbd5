"""Hours to years of a time zone as intervals of time, and what covers a period."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEARS = range(2000, 2200)
"""Everything happens in these."""
EPOCH, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
"""With room for the first year and the last of every zone."""

TIERS = ("hour", "day", "month", "year", "ever")
"""Of kept buckets: finest first, each made of the one before; of the last there is one."""


class Span(NamedTuple):
    """[since, until)"""

    since: datetime
    until: datetime


class Run(NamedTuple):
    """Consecutive whole buckets of one tier."""

    tier: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Cover:
    """A period, put together without gap or overlap."""

    rolled: tuple[Run, ...]
    """Kept buckets."""
    live: tuple[Span, ...]
    """To be counted from the ledger."""
    fresh: tuple[Span, ...] = ()
    """Of what the kept buckets hold, the hours that newer facts are to be added to."""


def cover(
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    dirty: Sequence[datetime],
    fresh: Sequence[datetime] = (),
) -> Cover:
    """The largest kept buckets that hold no dirty hour, and what they leave to be counted.

    `dirty` and `fresh` are beginnings of hours, in order; none is both. The zone's days begin at
    full hours of UTC.
    """
    live = unkept(start, end, dirty)
    edges = [start, *(edge for span in live for edge in span), end]
    clean = zip(edges[::2], edges[1::2], strict=True)
    rolled = (run for since, until in clean for run in _runs(TIERS[-1], since, until, zone))
    return Cover(tuple(rolled), live, _hours_among(fresh, *_whole_hours(start, end)))


def unkept(start: datetime, end: datetime, dirty: Sequence[datetime]) -> tuple[Span, ...]:
    """The parts of hours at both ends, and the dirty hours between."""
    first, last = _whole_hours(start, end)
    if first >= last:
        return (Span(start, end),) if start < end else ()
    return joined([Span(start, first), *_hours_among(dirty, first, last), Span(last, end)])


def opened(span: Span, zone: ZoneInfo) -> Span:
    """To the end of the largest bucket in which its end lies and which begins within it.

    For a span after which nothing has happened: it holds the same, in fewer buckets.
    """
    for tier in reversed(TIERS):
        start = start_of(tier, span.until, zone)
        if start >= span.since:
            return Span(span.since, end_of(tier, start, zone))
    return span


def _whole_hours(start: datetime, end: datetime) -> Span:
    """Not before its end, where there is none between."""
    return Span(_full_hour(start + HOUR - timedelta(microseconds=1)), _full_hour(end))


def _hours_among(hours: Sequence[datetime], first: datetime, last: datetime) -> tuple[Span, ...]:
    """Those from the first till the last; what follows on each other as one."""
    among = hours[bisect_left(hours, first) : bisect_left(hours, last)]
    return joined([Span(hour, hour + HOUR) for hour in among])


def _full_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Without empty ones; those that touch as one. They are in order and do not overlap."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].until == span.since:
            found[-1] = Span(found[-1].since, span.until)
        elif span.since < span.until:
            found.append(span)
    return tuple(found)


def _runs(tier: str, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[Run]:
    """Whole buckets of the tier, and around them of the finer ones."""
    if since >= until:
        return
    if tier == TIERS[0]:
        yield Run(tier, since, until)
        return
    finer = TIERS[TIERS.index(tier) - 1]
    first, last = next_start(tier, since, zone), start_of(tier, until, zone)
    if first >= last:
        yield from _runs(finer, since, until, zone)
        return
    yield from _runs(finer, since, first, zone)
    yield Run(tier, first, last)
    yield from _runs(finer, last, until, zone)


def start_of(by: str, moment: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's hour, day, week, month or year began, in which the moment lies."""
    if by == "ever":
        return EPOCH if moment < END else END
    local = moment.astimezone(zone)
    if by == "hour":
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return max(moment - into, _changed(moment, moment - into, zone))
    return _midnight(_first_day(by, local.date()), zone)


def next_start(by: str, moment: datetime, zone: ZoneInfo) -> datetime:
    """The first beginning of an hour, day, week, month or year at or after the moment."""
    start = start_of(by, moment, zone)
    return start if start == moment else end_of(by, start, zone)


def end_of(by: str, start: datetime, zone: ZoneInfo) -> datetime:
    """When the bucket ends that begins then."""
    if by == "ever":
        return END
    if by == "hour":
        return _end_of_hour(start, zone)
    day = start.astimezone(zone).date()
    while (end := _midnight(day := _next_day(by, day), zone)) <= start:
        pass
    return end


def buckets(by: str, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """Every bucket between the times, whole; the first and last may reach beyond them."""
    since = start_of(by, start, zone)
    while since < end:
        until = end_of(by, since, zone)
        yield Span(since, until)
        since = until


@lru_cache(maxsize=1024)
def has_full_hours(zone: ZoneInfo) -> bool:
    """Whether its hours are those of UTC, in every winter and summer."""
    return all(
        _offset(datetime(year, month, 1, tzinfo=UTC), zone) % HOUR == timedelta()
        for year in YEARS
        for month in (1, 4, 7, 10)
    )


def kept_zone(names: Sequence[str]) -> str:
    """In whose days and months something is kept that happens in these zones."""
    [name, *others] = set(names) or {"UTC"}
    return name if not others and has_full_hours(ZoneInfo(name)) else "UTC"


def _first_day(by: str, day: date) -> date:
    if by == "week":
        return day - timedelta(days=day.weekday())
    if by == "year":
        return day.replace(month=1, day=1)
    return day.replace(day=1) if by == "month" else day


def _next_day(by: str, day: date) -> date:
    if by == "year":
        return date(day.year + 1, 1, 1)
    if by == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 - day.weekday() if by == "week" else 1)


@lru_cache(maxsize=65536)
def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The day's first moment: where clocks skip midnight, when they do; where it is twice, once."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _changed(moment: datetime, since: datetime, zone: ZoneInfo) -> datetime:
    """Where the zone's clocks changed between the two, when they did; else `since`."""
    offset = _offset(moment, zone)
    if _offset(since, zone) == offset:
        return since
    low, high = since, moment
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if _offset(middle, zone) == offset else (middle, high)
    return high


def _end_of_hour(start: datetime, zone: ZoneInfo) -> datetime:
    """An hour later, or when the clocks change by then, or when the full hour comes by then."""
    local = start.astimezone(zone)
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    end = start + HOUR - into
    last = end - timedelta(microseconds=1)
    return _changed(last, start, zone) if _offset(last, zone) != _offset(start, zone) else end
