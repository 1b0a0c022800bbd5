"""
When an offer runs at a venue. Pure: the moment, the venue's zone and its hours are arguments.

A schedule speaks of the clock on the venue's wall, and is on at every moment at which that clock
shows a time inside a window. So where clocks go forward, 02:00-03:00 is not on that day and
02:30-04:00 begins at 03:00; where they go back, 02:00-02:30 is on twice, and 01:00-04:00 for four
hours.

A window over midnight belongs whole to the day on which it begins: dates and exclusions take or
leave all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours, State

from lbs.offers.rules.turns import Turns, blocks_of

WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

Span = tuple[datetime, datetime]
"""From the first moment to just before the second; both on the wall, or both in UTC."""


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    weekdays: tuple[int, ...]
    """0 is Monday."""
    opens: timedelta
    closes: timedelta
    """Both counted from the midnight with which the day begins; more than DAY is past the next."""


@dataclass(frozen=True, slots=True)
class DateRange:
    first: date
    last: date
    """Included."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """On in any of its windows, on any of its dates, but on none of its exclusions.

    Without windows and opening hours it is on all day, without dates on all days.
    """

    windows: tuple[WeeklyWindow, ...] = ()
    opening_hours: bool = False
    """Whether the venue's own opening hours are one more window; never on where it has none."""
    dates: tuple[DateRange, ...] = ()
    exclusions: tuple[DateRange, ...] = ()
    turns: Turns | None = None
    """Which days these take away at a venue, `at_venue` says."""

    def runs_on(self, day: date) -> bool:
        return (not self.dates or _any_has(self.dates, day)) and not _any_has(self.exclusions, day)


ALWAYS, AS_OPEN = Schedule(), Schedule(opening_hours=True)


@dataclass(frozen=True, slots=True)
class Opening:
    starts_at: datetime
    ends_at: datetime

    def local(self, zone: ZoneInfo) -> str:
        """Such as `Sa 2026-11-28 22:00 CET to Su 2026-11-29 02:00 CET`."""
        start, end = self.starts_at.astimezone(zone), self.ends_at.astimezone(zone)
        day = "" if start.date() == end.date() else f"{_day(end)} "
        return f"{_day(start)} {start:%H:%M %Z} to {day}{end:%H:%M %Z}"


def read_schedule(document: Mapping[str, Any]) -> Schedule:
    """The schedule that a stored document describes; an empty one is always on."""
    if not document:
        return ALWAYS
    return Schedule(
        windows=tuple(map(_read_window, document.get("windows", ()))),
        opening_hours=document.get("opening_hours", False),
        dates=tuple(map(_read_range, document.get("dates", ()))),
        exclusions=tuple(map(_read_range, document.get("exclusions", ()))),
        turns=_read_turns(document.get("turns")),
    )


def write_schedule(schedule: Schedule) -> dict[str, Any]:
    """The document to store."""
    return {
        "windows": [
            {
                "weekdays": [WEEKDAYS[weekday] for weekday in window.weekdays],
                "from": _write_time(window.opens),
                "to": _write_time(window.closes),
            }
            for window in schedule.windows
        ],
        "opening_hours": schedule.opening_hours,
        "dates": [_write_range(dates) for dates in schedule.dates],
        "exclusions": [
            {**_write_range(dates), "reason": dates.reason} for dates in schedule.exclusions
        ],
        "turns": schedule.turns
        and {
            "from_date": schedule.turns.first.isoformat(),
            "days": schedule.turns.days,
            "pairs": schedule.turns.pairs,
            "wash_out_days": schedule.turns.wash_out_days,
        },
    }


def at_venue(schedule: Schedule, offer_id: object, venue_id: object) -> Schedule:
    """The offer's schedule there, with what has been drawn: in blocks without it, it is not on."""
    return _drawn(schedule, schedule.turns, offer_id, venue_id) if schedule.turns else schedule


@lru_cache(maxsize=20_000)
def _drawn(schedule: Schedule, turns: Turns, offer_id: object, venue_id: object) -> Schedule:
    off = (
        DateRange(block.first, block.last)
        for block in blocks_of(turns, offer_id, venue_id)
        if not block.is_on
    )
    return replace(schedule, exclusions=(*schedule.exclusions, *off), turns=None)


def is_on(schedule: Schedule, at: datetime, zone: ZoneInfo, hours: str | None) -> bool:
    """`hours`: when the venue is open, in OpenStreetMap's opening_hours syntax."""
    if schedule == ALWAYS:
        return True
    wall = at.astimezone(zone).replace(tzinfo=None)
    return any(opens <= wall < closes for opens, closes in _spans(schedule, hours, wall.date()))


def next_openings(
    schedule: Schedule,
    after: datetime,
    zone: ZoneInfo,
    hours: str | None,
    limit: int,
    until: datetime,
) -> tuple[Opening, ...]:
    """The first openings in the period, in order, none touching another.

    The period cuts them: one on at `after` starts there, one still on at `until` ends there.
    """
    return tuple(islice(meetings((schedule,), after, zone, hours, until), limit))


def meetings(
    schedules: Sequence[Schedule],
    after: datetime,
    zone: ZoneInfo,
    hours: str | None,
    until: datetime,
) -> Iterator[Opening]:
    """The same of several schedules: when all of them are on at once."""
    streams = [_merged(_pieces(schedule, after, zone, hours, until)) for schedule in schedules]
    for start, end in _shared(streams):
        yield Opening(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))


def longest_wait(
    schedules: Sequence[Schedule],
    after: datetime,
    zone: ZoneInfo,
    hours: str | None,
    until: datetime,
) -> timedelta:
    """The longest from a moment at which all of them are on to one at which the venue opens."""
    on = list(meetings(schedules, after, zone, hours, until))
    doors = list(meetings((AS_OPEN,), after, zone, hours, until))
    closed = zip([after, *(each.ends_at for each in doors)], doors, strict=False)
    return max(
        (
            opens.starts_at - max(each.starts_at, shut)
            for shut, opens in closed
            for each in on
            if shut < each.ends_at and each.starts_at < opens.starts_at
        ),
        default=timedelta(),
    )


def closes_at(
    schedule: Schedule, at: datetime, zone: ZoneInfo, hours: str | None, until: datetime
) -> datetime | None:
    """When the opening ends that is on at `at`, at the latest `until`; None where none is on."""
    first = next(iter(next_openings(schedule, at, zone, hours, 1, until)), None)
    return first.ends_at if first and first.starts_at == at else None


def open_minutes(
    schedule: Schedule, after: datetime, zone: ZoneInfo, hours: str | None, until: datetime
) -> int:
    """For how many minutes of the period it is on, as a stopwatch counts them."""
    return _minutes(_pieces(schedule, after, zone, hours, until))


def _pieces(
    schedule: Schedule, after: datetime, zone: ZoneInfo, hours: str | None, until: datetime
) -> Iterator[Span]:
    """What is on of the period, in UTC, in order and disjoint, cut where UTC's days change."""
    first, last = _plain(after), _plain(until)
    if schedule == ALWAYS and first < last:
        yield first, last
        return
    for day in _days(first.date(), last.date()):
        for start, end, offset in _stretches(zone, day):
            low, high = max(start, first), min(end, last)
            if low >= high:
                continue
            spans = _spans_between(schedule, hours, low + offset, high + offset)
            yield from _merged((opens - offset, closes - offset) for opens, closes in spans)


def _spans_between(
    schedule: Schedule, hours: str | None, low: datetime, high: datetime
) -> list[Span]:
    """What is on between two times on the wall, by its start; it may overlap."""
    return sorted(
        (max(opens, low), min(closes, high))
        for day in _days(low.date(), high.date())
        for opens, closes in _spans(schedule, hours, day)
        if opens < high and low < closes
    )


@lru_cache(maxsize=20_000)
def _spans(schedule: Schedule, hours: str | None, day: date) -> tuple[Span, ...]:
    """All that can be on, on the wall, at some time of the day."""
    return (*_begun_on(schedule, hours, day - DAY), *_begun_on(schedule, hours, day))


def _begun_on(schedule: Schedule, hours: str | None, day: date) -> tuple[Span, ...]:
    """What belongs to the day."""
    if not schedule.runs_on(day):
        return ()
    midnight = datetime.combine(day, time.min)
    if not schedule.windows and not schedule.opening_hours:
        return ((midnight, midnight + DAY),)
    windows = [
        (midnight + window.opens, midnight + window.closes)
        for window in schedule.windows
        if day.weekday() in window.weekdays
    ]
    return (*windows, *(_open_on(hours, midnight) if schedule.opening_hours and hours else ()))


def _open_on(hours: str, midnight: datetime) -> Iterator[Span]:
    """When the venue is open on a day: hours shorter than a day belong, as a window does, to the
    day on which they begin, longer ones to each day with its part of them.
    """
    around = _read_hours(hours).intervals(midnight - DAY, midnight + 2 * DAY)
    for opens, closes in _merged((a, b) for a, b, state, _ in around if state == State.OPEN):
        if closes - opens >= DAY:
            opens, closes = max(opens, midnight), min(closes, midnight + DAY)  # noqa: PLW2901
        if midnight <= opens < min(closes, midnight + DAY):
            yield opens, closes


@lru_cache(maxsize=10_000)
def _read_hours(hours: str) -> OpeningHours:
    return OpeningHours(hours)


@lru_cache(maxsize=10_000)
def _stretches(zone: ZoneInfo, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """A day of UTC, cut where the zone's clocks change, each part with the zone's offset."""
    start = datetime.combine(day, time.min)
    end = start + DAY
    before, after = _offset(zone, start), _offset(zone, end)
    if before == after:
        return ((start, end, before),)
    change = start + timedelta(
        seconds=bisect_left(
            range(86_400),
            True,  # noqa: FBT003
            key=lambda second: _offset(zone, start + timedelta(seconds=second)) != before,
        )
    )
    return ((start, change, before), (change, end, after))


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    """What the zone's clocks are ahead of UTC."""
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) - moment


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in the order of their starts, those that overlap or touch made one."""
    current: Span | None = None
    for start, end in spans:
        if current and start <= current[1]:
            current = (current[0], max(current[1], end))
            continue
        if current:
            yield current
        current = (start, end)
    if current:
        yield current


def _shared(streams: Sequence[Iterator[Span]]) -> Iterator[Span]:
    """What lies in a span of each stream; those of one stream are in order and apart."""
    try:
        spans = [next(stream) for stream in streams]
        while True:
            start, end = max(first for first, _ in spans), min(last for _, last in spans)
            if start < end:
                yield start, end
            ended = [last for _, last in spans].index(end)
            spans[ended] = next(streams[ended])
    except StopIteration:
        return


def _minutes(spans: Iterable[Span]) -> int:
    return sum((end - start for start, end in spans), timedelta()) // MINUTE


def _plain(moment: datetime) -> datetime:
    """UTC without saying so: what wall times are counted from."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + DAY * count for count in range((last - first).days + 1))


def _day(moment: datetime) -> str:
    return f"{WEEKDAYS[moment.weekday()].title()} {moment:%Y-%m-%d}"


def _any_has(ranges: tuple[DateRange, ...], day: date) -> bool:
    return any(dates.first <= day <= dates.last for dates in ranges)


def _read_window(document: Mapping[str, Any]) -> WeeklyWindow:
    opens, closes = _read_time(document["from"]), _read_time(document["to"])
    weekdays = sorted({WEEKDAYS.index(word) for word in document["weekdays"]})
    return WeeklyWindow(tuple(weekdays), opens, closes if closes > opens else closes + DAY)


def _read_time(text: str) -> timedelta:
    return timedelta(hours=int(text[:2]), minutes=int(text[3:]))


def _write_time(clock: timedelta) -> str:
    minutes = (clock if clock <= DAY else clock - DAY) // MINUTE
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _read_range(document: Mapping[str, Any]) -> DateRange:
    first = date.fromisoformat(document["from_date"])
    last = document.get("to_date")
    return DateRange(first, date.fromisoformat(last) if last else first, document.get("reason"))


def _read_turns(document: Mapping[str, Any] | None) -> Turns | None:
    if document is None:
        return None
    return Turns(
        date.fromisoformat(document["from_date"]),
        document["days"],
        document["pairs"],
        document["wash_out_days"],
    )


def _write_range(dates: DateRange) -> dict[str, str]:
    return {"from_date": dates.first.isoformat(), "to_date": dates.last.isoformat()}
