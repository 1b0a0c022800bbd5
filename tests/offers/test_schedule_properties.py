"""Schedules of every kind against a clock that is read minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours

from lbs.offers.rules.schedule import (
    AS_OPEN,
    DAY,
    MINUTE,
    WEEKDAYS,
    closes_at,
    is_on,
    longest_wait,
    meetings,
    next_openings,
    open_minutes,
    read_schedule,
    write_schedule,
)

ZONES = [
    "Europe/Copenhagen",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Santiago",
    "Antarctica/Troll",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Etc/UTC",
]
HOURS = [
    None,
    "24/7",
    "Mo-Fr 08:00-18:00; Sa 10:00-15:00",
    "Mo-Su 18:00-03:00",
    "Fr 20:00-24:00; Sa 00:00-22:00",
    "Mo-Th 02:00-02:30,23:30-24:00; Su 10:00-12:00 unknown; Oct 25 off",
]
SOME = settings(
    deadline=None,
    derandomize=True,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow],
)
PERIOD = 3 * DAY


def changes(zone: ZoneInfo, year: int) -> list[date]:
    """The days on which the zone's clocks change."""
    noons = [datetime(year, 1, 1, 12, tzinfo=UTC) + DAY * count for count in range(366)]
    offsets = [noon.astimezone(zone).utcoffset() for noon in noons]
    return [
        noon.astimezone(zone).date()
        for noon, (before, after) in zip(noons[1:], pairwise(offsets), strict=False)
        if before != after
    ]


CHANGES = {name: changes(ZoneInfo(name), 2026) for name in ZONES}

clocks = st.one_of(
    st.sampled_from([0, 60, 90, 120, 150, 180, 1380, 1439]), st.integers(0, 1439)
).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
windows = st.fixed_dictionaries(
    {
        "weekdays": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7),
        "from": clocks,
        "to": st.one_of(clocks, st.just("24:00")),
    }
).filter(lambda window: window["from"] != window["to"])


def ranges(start: date) -> st.SearchStrategy[dict[str, str]]:
    return st.tuples(st.integers(-2, 4), st.integers(0, 3)).map(
        lambda pick: {
            "from_date": str(start + DAY * pick[0]),
            "to_date": str(start + DAY * (pick[0] + pick[1])),
        }
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], datetime, ZoneInfo, str | None]:
    """A schedule, the begin of a few days around a change of clocks or not, and the venue."""
    name = draw(st.sampled_from(ZONES))
    day = draw(st.sampled_from([*CHANGES[name], date(2026, 11, 22), date(2028, 2, 28)]))
    document = {
        "windows": draw(st.lists(windows, max_size=3)),
        "opening_hours": draw(st.booleans()),
        "dates": draw(st.lists(ranges(day), max_size=2)),
        "exclusions": draw(st.lists(ranges(day), max_size=2)),
    }
    minute = draw(st.integers(-2880, 0))
    start = datetime.combine(day, time(12), UTC) + MINUTE * minute
    return document, start, ZoneInfo(name), draw(st.sampled_from(HOURS))


# --- the oracle: nothing of it is shared with the code ---------------------------------------


def oracle(document: dict[str, Any], at: datetime, zone: ZoneInfo, hours: str | None) -> bool:
    wall = at.astimezone(zone).replace(tzinfo=None)
    begun = [day for window in document["windows"] for day in window_day(window, wall)]
    if document["opening_hours"]:
        begun += hours_day(hours, wall)
    elif not document["windows"]:
        begun.append(wall.date())
    return any(runs(document, day) for day in begun)


def runs(document: dict[str, Any], day: date) -> bool:
    def within(name: str) -> bool:
        return any(r["from_date"] <= str(day) <= r["to_date"] for r in document[name])

    return (not document["dates"] or within("dates")) and not within("exclusions")


def window_day(window: dict[str, Any], wall: datetime) -> list[date]:
    """The day on which the window began that the clock is in."""
    clock, opens, closes = f"{wall:%H:%M}", window["from"], window["to"]
    today, yesterday = wall.date(), wall.date() - DAY
    late = closes <= opens
    found = []
    if (
        WEEKDAYS[today.weekday()] in window["weekdays"]
        and opens <= clock
        and (late or clock < closes)
    ):
        found.append(today)
    if late and WEEKDAYS[yesterday.weekday()] in window["weekdays"] and clock < closes:
        found.append(yesterday)
    return found


@lru_cache(maxsize=100_000)
def hours_day(hours: str | None, wall: datetime) -> list[date]:
    """The day on which the venue opened, or today where it is open for a day and more."""
    venue = OpeningHours(hours or "off")
    if not venue.is_open(wall):
        return []
    begin = end = wall.replace(second=0, microsecond=0)
    while venue.is_open(begin - MINUTE) and wall - begin < DAY:
        begin -= MINUTE
    while venue.is_open(end) and end - begin < DAY:
        end += MINUTE
    return [wall.date() if end - begin >= DAY else begin.date()]


# --- properties ------------------------------------------------------------------------------


@settings(SOME, max_examples=50)
@given(cases())
def test_the_oracle_agrees_minute_by_minute(case):
    document, start, zone, hours = case
    what = read_schedule(document)
    end = start + PERIOD
    openings = next_openings(what, start, zone, hours, 10_000, end)
    minutes = 0
    for count in range(PERIOD // MINUTE):
        at = start + MINUTE * count
        on = oracle(document, at, zone, hours)
        minutes += on
        assert is_on(what, at, zone, hours) is on, at
        assert any(o.starts_at <= at < o.ends_at for o in openings) is on, at
    assert open_minutes(what, start, zone, hours, end) == minutes


@SOME
@given(cases())
def test_openings_are_in_order_apart_and_as_long_as_can_be(case):
    document, start, zone, hours = case
    what = read_schedule(document)
    end = start + PERIOD
    openings = next_openings(what, start, zone, hours, 10_000, end)
    tick = timedelta(microseconds=1)
    for opening in openings:
        assert start <= opening.starts_at < opening.ends_at <= end
        assert is_on(what, opening.starts_at, zone, hours)
        assert is_on(what, opening.ends_at - tick, zone, hours)
        assert opening.starts_at == start or not is_on(what, opening.starts_at - tick, zone, hours)
        assert opening.ends_at == end or not is_on(what, opening.ends_at, zone, hours)
    assert all(before.ends_at < after.starts_at for before, after in pairwise(openings))


@SOME
@given(cases(), st.integers(0, 5), st.integers(0, 4320))
def test_a_limit_and_a_part_of_the_period_take_nothing_else_away(case, limit, minute):
    document, start, zone, hours = case
    what = read_schedule(document)
    end = start + PERIOD
    whole = next_openings(what, start, zone, hours, 10_000, end)
    assert next_openings(what, start, zone, hours, limit, end) == whole[:limit]
    cut = start + MINUTE * minute
    before = open_minutes(what, start, zone, hours, cut)
    after = open_minutes(what, cut, zone, hours, end)
    assert before + after == open_minutes(what, start, zone, hours, end)


@SOME
@given(cases(), st.integers(0, 4319))
def test_it_closes_where_its_opening_ends(case, minute):
    document, start, zone, hours = case
    what = read_schedule(document)
    end, at = start + PERIOD, start + MINUTE * minute
    closes = closes_at(what, at, zone, hours, end)
    assert (closes is not None) is is_on(what, at, zone, hours)
    openings = next_openings(what, start, zone, hours, 10_000, end)
    assert closes in {None, *(o.ends_at for o in openings if o.starts_at <= at < o.ends_at)}


@SOME
@given(cases(), cases())
def test_schedules_meet_at_the_minutes_at_which_all_are_on(case, other):
    (document, start, zone, hours), second = case, read_schedule(other[0])
    first = read_schedule(document)
    moments = [start + MINUTE * count for count in range(PERIOD // MINUTE)]
    both = [at for at in moments if all(is_on(one, at, zone, hours) for one in (first, second))]
    met = meetings((first, second), start, zone, hours, start + PERIOD)
    assert sum((each.ends_at - each.starts_at for each in met), timedelta()) == len(both) * MINUTE


@SOME
@given(cases())
def test_the_longest_wait_is_that_of_some_minute(case):
    document, start, zone, hours = case
    what, end = read_schedule(document), start + PERIOD
    opens = [each.starts_at for each in next_openings(AS_OPEN, start, zone, hours, 10_000, end)]
    waits = [
        next(door for door in opens if door > at) - at
        for at in (start + MINUTE * count for count in range(PERIOD // MINUTE))
        if is_on(what, at, zone, hours) and not is_on(AS_OPEN, at, zone, hours)
        if any(door > at for door in opens)
    ]
    longest = longest_wait((what,), start, zone, hours, end)
    assert longest == max(waits, default=timedelta())


@SOME
@given(cases())
def test_a_document_means_the_same_when_it_is_written_again(case):
    document, *_ = case
    what = read_schedule(document)
    assert read_schedule(write_schedule(what)) == what
