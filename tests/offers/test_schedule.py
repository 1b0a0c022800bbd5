"""When an offer is on at a venue: pure, as tables. Times without a zone are the venue's."""

from __future__ import annotations

import json
import timeit
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import marshmallow as ma
import pytest

from lbs.offers.rules.schedule import (
    ALWAYS,
    AS_OPEN,
    DAY,
    DateRange,
    Opening,
    Schedule,
    WeeklyWindow,
    closes_at,
    is_on,
    longest_wait,
    meetings,
    next_openings,
    open_minutes,
    read_schedule,
    write_schedule,
)
from lbs.offers.rules.turns import Turns
from lbs.offers.schemas.schedule import (
    OpeningSchema,
    SchedulePreviewQuerySchema,
    SchedulePreviewSchema,
    ScheduleSchema,
)

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
EVERY_DAY = ["mo", "tu", "we", "th", "fr", "sa", "su"]
TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


def window(opens: str, closes: str, *weekdays: str) -> dict[str, Any]:
    return {"weekdays": list(weekdays) or EVERY_DAY, "from": opens, "to": closes}


def days(first: str, last: str | None = None, **more: Any) -> dict[str, Any]:
    return {"from_date": first, "to_date": last or first, **more}


def schedule(*windows: dict[str, Any], **members: Any) -> Schedule:
    return read_schedule({"windows": list(windows), **members})


def at(text: str, zone: ZoneInfo = COPENHAGEN) -> datetime:
    """`2026-11-23 12:00`, or with an offset where the clock shows a time twice."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def on_between(
    what: Schedule,
    first: str,
    last: str,
    zone: ZoneInfo = COPENHAGEN,
    hours: str | None = None,
    limit: int = 50,
) -> list[str]:
    """The openings of the local days, as the venue reads them."""
    after, until = at(first, zone), at(last, zone) + DAY
    return [
        opening.local(zone) for opening in next_openings(what, after, zone, hours, limit, until)
    ]


# --- documents -----------------------------------------------------------------------------

DOCUMENT = {
    "windows": [window("11:00", "14:00", "mo", "fr"), window("22:00", "02:00", "sa")],
    "opening_hours": True,
    "dates": [days("2026-11-01", "2026-12-31")],
    "exclusions": [
        days("2026-12-24", "2026-12-26", reason="Christmas"),
        days("2026-12-05", reason=None),
    ],
    "turns": {"from_date": "2026-12-07", "days": 7, "pairs": 6, "wash_out_days": 1},
}


def test_a_document_is_read_into_values():
    assert read_schedule(DOCUMENT) == Schedule(
        windows=(
            WeeklyWindow((0, 4), timedelta(hours=11), timedelta(hours=14)),
            WeeklyWindow((5,), timedelta(hours=22), timedelta(hours=26)),
        ),
        opening_hours=True,
        dates=(DateRange(date(2026, 11, 1), date(2026, 12, 31)),),
        exclusions=(
            DateRange(date(2026, 12, 24), date(2026, 12, 26), "Christmas"),
            DateRange(date(2026, 12, 5), date(2026, 12, 5)),
        ),
        turns=Turns(date(2026, 12, 7), days=7, pairs=6, wash_out_days=1),
    )


def test_a_document_is_written_as_it_was_read():
    assert write_schedule(read_schedule(DOCUMENT)) == DOCUMENT
    assert read_schedule(json.loads(json.dumps(write_schedule(ALWAYS)))) == ALWAYS


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (window("18:00", "00:00", "mo"), window("18:00", "24:00", "mo")),
        (window("00:00", "24:00", "su"), window("00:00", "24:00", "su")),
        (window("10:00", "11:00", "fr", "mo", "fr"), window("10:00", "11:00", "mo", "fr")),
    ],
)
def test_windows_have_one_form(given, written):
    assert write_schedule(schedule(given))["windows"] == [written]


def test_a_day_alone_needs_no_end():
    assert read_schedule({"dates": [{"from_date": "2026-12-24"}]}) == read_schedule(
        {"dates": [days("2026-12-24")]}
    )


@pytest.mark.parametrize("document", [{}, {"windows": [], "dates": []}, write_schedule(ALWAYS)])
def test_an_empty_schedule_is_always_on(document):
    assert read_schedule(document) == ALWAYS
    moment = at("2026-11-23 03:00")
    assert is_on(read_schedule(document), moment, COPENHAGEN, None)
    assert next_openings(ALWAYS, moment, COPENHAGEN, None, 5, moment + 9 * DAY) == (
        Opening(moment, moment + 9 * DAY),
    )


# --- on or not -----------------------------------------------------------------------------
# 23 November 2026 is a Monday.

LUNCH = schedule(window("11:00", "14:00", "mo", "tu", "we", "th", "fr"))
NIGHT = schedule(window("22:00", "02:00", "fr"))
TO_MIDNIGHT = schedule(window("18:00", "24:00", "fr"))
MONDAY = schedule(window("00:00", "24:00", "mo"))


@pytest.mark.parametrize(
    ("what", "moment", "on"),
    [
        (LUNCH, "2026-11-23 10:59:59.999999", False),
        (LUNCH, "2026-11-23 11:00", True),
        (LUNCH, "2026-11-23 13:59:59.999999", True),
        (LUNCH, "2026-11-23 14:00", False),
        (LUNCH, "2026-11-23 10:30+00:00", True),
        (LUNCH, "2026-11-28 12:00", False),
        (NIGHT, "2026-11-27 21:59:59", False),
        (NIGHT, "2026-11-27 22:00", True),
        (NIGHT, "2026-11-28 00:00", True),
        (NIGHT, "2026-11-28 01:59:59", True),
        (NIGHT, "2026-11-28 02:00", False),
        (NIGHT, "2026-11-27 01:00", False),
        (TO_MIDNIGHT, "2026-11-27 23:59:59.999999", True),
        (TO_MIDNIGHT, "2026-11-28 00:00", False),
        (MONDAY, "2026-11-22 23:59:59.999999", False),
        (MONDAY, "2026-11-23 00:00", True),
        (MONDAY, "2026-11-23 23:59:59.999999", True),
        (MONDAY, "2026-11-24 00:00", False),
    ],
)
def test_windows(what, moment, on):
    assert is_on(what, at(moment), COPENHAGEN, None) is on


ADVENT = schedule(dates=[days("2026-12-01", "2026-12-24"), days("2026-12-31")])
OPEN_BUT = schedule(exclusions=[days("2026-12-24", "2026-12-26"), days("2026-12-31")])
NIGHTLY = window("22:00", "02:00")
NEW_YEAR = schedule(NIGHTLY, dates=[days("2026-12-31")])
NOT_NEW_YEAR = schedule(NIGHTLY, exclusions=[days("2026-12-31")])


@pytest.mark.parametrize(
    ("what", "moment", "on"),
    [
        (ADVENT, "2026-11-30 23:59:59.999999", False),
        (ADVENT, "2026-12-01 00:00", True),
        (ADVENT, "2026-12-24 23:59:59.999999", True),
        (ADVENT, "2026-12-25 00:00", False),
        (ADVENT, "2026-12-31 12:00", True),
        (OPEN_BUT, "2026-12-23 23:59:59.999999", True),
        (OPEN_BUT, "2026-12-24 00:00", False),
        (OPEN_BUT, "2026-12-26 23:59:59.999999", False),
        (OPEN_BUT, "2026-12-27 00:00", True),
        (OPEN_BUT, "2026-12-31 12:00", False),
        # A night belongs to the day on which it begins.
        (NEW_YEAR, "2026-12-31 01:00", False),
        (NEW_YEAR, "2026-12-31 23:00", True),
        (NEW_YEAR, "2027-01-01 01:59:59", True),
        (NEW_YEAR, "2027-01-01 22:00", False),
        (NOT_NEW_YEAR, "2026-12-31 01:00", True),
        (NOT_NEW_YEAR, "2026-12-31 23:00", False),
        (NOT_NEW_YEAR, "2027-01-01 01:00", False),
        (NOT_NEW_YEAR, "2027-01-01 22:00", True),
    ],
)
def test_dates_and_exclusions(what, moment, on):
    assert is_on(what, at(moment), COPENHAGEN, None) is on


def test_an_exclusion_beats_a_date():
    what = schedule(dates=[days("2026-12-01", "2026-12-24")], exclusions=[days("2026-12-06")])
    assert not is_on(what, at("2026-12-06 12:00"), COPENHAGEN, None)


OPEN_OR_LATE = schedule(window("20:00", "21:00", "mo"), opening_hours=True)
OPEN_NEW_YEAR = schedule(opening_hours=True, dates=[days("2026-12-31")])
SHOP = "Mo-Fr 08:00-18:00; Sa 10:00-15:00; Dec 24 off"
BAR = "Mo-Su 18:00-03:00"


@pytest.mark.parametrize(
    ("what", "hours", "moment", "on"),
    [
        (AS_OPEN, SHOP, "2026-11-23 08:00", True),
        (AS_OPEN, SHOP, "2026-11-23 18:00", False),
        (AS_OPEN, SHOP, "2026-11-29 12:00", False),
        (AS_OPEN, SHOP, "2026-12-24 12:00", False),
        (AS_OPEN, None, "2026-11-23 12:00", False),
        (AS_OPEN, "Mo-Su 10:00-12:00 unknown", "2026-11-23 11:00", False),
        (AS_OPEN, "24/7", "2026-11-23 03:00", True),
        (AS_OPEN, BAR, "2026-11-24 02:59", True),
        (AS_OPEN, BAR, "2026-11-24 03:00", False),
        (OPEN_OR_LATE, SHOP, "2026-11-23 20:30", True),
        (OPEN_OR_LATE, SHOP, "2026-11-23 12:00", True),
        (OPEN_OR_LATE, SHOP, "2026-11-23 19:00", False),
        (OPEN_OR_LATE, None, "2026-11-23 20:30", True),
        (LUNCH, SHOP, "2026-11-23 09:00", False),
        # A venue's night too belongs to the day on which it begins; what never closes, to each day.
        (OPEN_NEW_YEAR, BAR, "2026-12-31 02:00", False),
        (OPEN_NEW_YEAR, BAR, "2027-01-01 02:00", True),
        (OPEN_NEW_YEAR, "24/7", "2026-12-31 00:00", True),
        (OPEN_NEW_YEAR, "24/7", "2027-01-01 00:00", False),
        (OPEN_NEW_YEAR, "Th 06:00-24:00; Fr 00:00-20:00", "2027-01-01 00:00", False),
        (OPEN_NEW_YEAR, "We 06:00-24:00; Th 00:00-20:00", "2026-12-31 00:00", True),
    ],
)
def test_opening_hours_are_one_more_window(what, hours, moment, on):
    assert is_on(what, at(moment), COPENHAGEN, hours) is on


# --- openings ------------------------------------------------------------------------------


def test_openings_come_in_order_and_as_many_as_asked_for():
    assert on_between(LUNCH, "2026-11-27", "2027-11-27", limit=3) == [
        "Fr 2026-11-27 11:00 CET to 14:00 CET",
        "Mo 2026-11-30 11:00 CET to 14:00 CET",
        "Tu 2026-12-01 11:00 CET to 14:00 CET",
    ]


@pytest.mark.parametrize(
    ("windows", "openings"),
    [
        ([("10:00", "12:00"), ("11:00", "13:00")], ["10:00 CET to 13:00 CET"]),
        ([("11:00", "12:00"), ("10:00", "14:00")], ["10:00 CET to 14:00 CET"]),
        ([("12:00", "13:00"), ("10:00", "12:00")], ["10:00 CET to 13:00 CET"]),
        (
            [("12:01", "13:00"), ("10:00", "12:00")],
            ["10:00 CET to 12:00 CET", "12:01 CET to 13:00 CET"],
        ),
        ([("10:00", "12:00"), ("10:00", "12:00")], ["10:00 CET to 12:00 CET"]),
    ],
)
def test_windows_that_overlap_or_touch_are_one_opening(windows, openings):
    what = schedule(*(window(*times, "mo") for times in windows))
    found = on_between(what, "2026-11-23", "2026-11-23")
    assert found == [f"Mo 2026-11-23 {opening}" for opening in openings]


def test_days_that_touch_are_one_opening():
    what = schedule(dates=[days("2026-12-01", "2026-12-10")], exclusions=[days("2026-12-05")])
    assert on_between(what, "2026-11-01", "2027-01-01") == [
        "Tu 2026-12-01 00:00 CET to Sa 2026-12-05 00:00 CET",
        "Su 2026-12-06 00:00 CET to Fr 2026-12-11 00:00 CET",
    ]


def test_a_night_and_the_opening_hours_that_follow_it_are_one_opening():
    what = schedule(window("22:00", "08:00", "mo"), opening_hours=True)
    assert on_between(what, "2026-11-24", "2026-11-24", hours="Tu 08:00-10:00") == [
        "Tu 2026-11-24 00:00 CET to 10:00 CET"
    ]


def test_the_period_cuts_openings():
    after, until = at("2026-11-23 12:00:30"), at("2026-11-24 13:00")
    first, second = next_openings(LUNCH, after, COPENHAGEN, None, 9, until)
    assert (first.starts_at, first.ends_at) == (after, at("2026-11-23 14:00"))
    assert (second.starts_at, second.ends_at) == (at("2026-11-24 11:00"), until)
    assert first.starts_at.tzinfo is UTC
    assert next_openings(LUNCH, until, COPENHAGEN, None, 9, until) == ()
    assert next_openings(LUNCH, until, COPENHAGEN, None, 9, after) == ()
    assert next_openings(ALWAYS, until, COPENHAGEN, None, 9, after) == ()
    assert next_openings(LUNCH, after, COPENHAGEN, None, 0, until) == ()


@pytest.mark.parametrize(
    ("moment", "closes"),
    [
        ("2026-11-23 11:00", "2026-11-23 14:00"),
        ("2026-11-23 13:59:59.999999", "2026-11-23 14:00"),
        ("2026-11-23 14:00", None),
        ("2026-11-23 10:00", None),
    ],
)
def test_when_it_closes(moment, closes):
    until = at("2026-12-23 00:00")
    expected = at(closes) if closes else None
    assert closes_at(LUNCH, at(moment), COPENHAGEN, None, until) == expected


def test_it_closes_with_the_period_at_the_latest():
    until = at("2026-11-23 12:30")
    assert closes_at(LUNCH, at("2026-11-23 12:00"), COPENHAGEN, None, until) == until
    assert closes_at(ALWAYS, at("2026-11-23 12:00"), COPENHAGEN, None, until) == until


def test_a_text_for_people_tells_the_days_apart():
    opening = Opening(at("2026-11-27 22:00"), at("2026-11-28 02:00"))
    assert opening.local(COPENHAGEN) == "Fr 2026-11-27 22:00 CET to Sa 2026-11-28 02:00 CET"
    tokyo = ZoneInfo("Asia/Tokyo")
    assert opening.local(tokyo) == "Sa 2026-11-28 06:00 JST to 10:00 JST"


# --- days on which clocks change -----------------------------------------------------------

SPRING, AUTUMN = "2026-03-29", "2026-10-25"
LORD_HOWE, CAIRO, TROLL, APIA = (
    ZoneInfo(name)
    for name in ("Australia/Lord_Howe", "Africa/Cairo", "Antarctica/Troll", "Pacific/Apia")
)


@pytest.mark.parametrize(
    ("times", "zone", "day", "openings", "minutes"),
    [
        # Copenhagen, 02:00 -> 03:00.
        (("02:00", "03:00"), COPENHAGEN, SPRING, [], 0),
        (("02:30", "02:45"), COPENHAGEN, SPRING, [], 0),
        (("02:30", "04:00"), COPENHAGEN, SPRING, ["03:00 CEST to 04:00 CEST"], 60),
        (("01:30", "02:30"), COPENHAGEN, SPRING, ["01:30 CET to 03:00 CEST"], 30),
        (("01:00", "04:00"), COPENHAGEN, SPRING, ["01:00 CET to 04:00 CEST"], 120),
        # Copenhagen, 03:00 -> 02:00.
        (
            ("02:00", "02:30"),
            COPENHAGEN,
            AUTUMN,
            ["02:00 CEST to 02:30 CEST", "02:00 CET to 02:30 CET"],
            60,
        ),
        (("02:00", "03:00"), COPENHAGEN, AUTUMN, ["02:00 CEST to 03:00 CET"], 120),
        (
            ("01:30", "02:30"),
            COPENHAGEN,
            AUTUMN,
            ["01:30 CEST to 02:30 CEST", "02:00 CET to 02:30 CET"],
            90,
        ),
        (
            ("02:30", "03:30"),
            COPENHAGEN,
            AUTUMN,
            ["02:30 CEST to 02:00 CET", "02:30 CET to 03:30 CET"],
            90,
        ),
        (("01:00", "04:00"), COPENHAGEN, AUTUMN, ["01:00 CEST to 04:00 CET"], 240),
        (("03:00", "04:00"), COPENHAGEN, AUTUMN, ["03:00 CET to 04:00 CET"], 60),
        # Lord Howe's clocks change by half an hour: 02:00 -> 02:30 and 02:00 -> 01:30.
        (("02:00", "02:30"), LORD_HOWE, "2026-10-04", [], 0),
        (("01:45", "02:45"), LORD_HOWE, "2026-10-04", ["01:45 +1030 to 02:45 +11"], 30),
        (
            ("01:30", "01:45"),
            LORD_HOWE,
            "2026-04-05",
            ["01:30 +11 to 01:45 +11", "01:30 +1030 to 01:45 +1030"],
            30,
        ),
        (("01:00", "02:00"), LORD_HOWE, "2026-04-05", ["01:00 +11 to 02:00 +1030"], 90),
        # Cairo's day begins at 01:00, and another one has its last hour twice.
        (("00:00", "02:00"), CAIRO, "2026-04-24", ["01:00 EEST to 02:00 EEST"], 60),
        (("00:00", "00:30"), CAIRO, "2026-04-24", [], 0),
        (
            ("23:15", "23:30"),
            CAIRO,
            "2026-10-29",
            ["23:15 EEST to 23:30 EEST", "23:15 EET to 23:30 EET"],
            30,
        ),
        # Troll's by two hours.
        (("01:00", "03:00"), TROLL, "2026-03-29", [], 0),
        (("01:00", "03:00"), TROLL, "2026-10-25", ["01:00 +02 to 03:00 +00"], 240),
        # Apia went over the date line, without this Friday.
        (("10:00", "11:00"), APIA, "2011-12-30", [], 0),
    ],
)
def test_a_window_follows_the_clock_on_the_wall(times, zone, day, openings, minutes):
    what = schedule(window(*times), dates=[days(day)])
    first, last = str(date.fromisoformat(day) - DAY), str(date.fromisoformat(day) + DAY)
    found = on_between(what, first, last, zone)
    assert [opening[len("Su 2026-10-25 ") :] for opening in found] == openings
    after, until = at(first, zone) - DAY, at(last, zone) + 2 * DAY
    assert open_minutes(what, after, zone, None, until) == minutes


@pytest.mark.parametrize(("saturday", "minutes"), [("2026-03-28", 300), ("2026-10-24", 420)])
def test_a_night_over_a_change_of_clocks(saturday, minutes):
    what = schedule(window("22:00", "04:00", "sa"))
    after = at(saturday)
    assert open_minutes(what, after, COPENHAGEN, None, after + 3 * DAY) == minutes
    assert len(next_openings(what, after, COPENHAGEN, None, 9, after + 3 * DAY)) == 1


@pytest.mark.parametrize(
    ("day", "hours"), [(SPRING, 23), (AUTUMN, 25), ("2026-11-23", 24), ("2026-12-31", 24)]
)
def test_a_day_lasts_as_long_as_it_does(day, hours):
    what = schedule(dates=[days(day)])
    after = at(day) - 5 * DAY
    assert open_minutes(what, after, COPENHAGEN, None, after + 10 * DAY) == 60 * hours


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 2), (AUTUMN, 4)])
def test_opening_hours_follow_the_clock_too(day, hours):
    after = at(day)
    openings = next_openings(AS_OPEN, after, COPENHAGEN, "01:00-04:00", 1, after + DAY)
    assert [(o.ends_at - o.starts_at) / timedelta(hours=1) for o in openings] == [hours]


@pytest.mark.parametrize("moment", ["2026-10-25 02:15+02:00", "2026-10-25 02:15+01:00"])
def test_a_time_that_comes_twice_is_on_twice(moment):
    what = schedule(window("02:00", "02:30"))
    assert is_on(what, at(moment), COPENHAGEN, None)
    assert not is_on(what, at(moment) + timedelta(minutes=15), COPENHAGEN, None)


def test_venues_in_two_zones_have_the_same_lunch_at_different_times():
    tokyo = ZoneInfo("Asia/Tokyo")
    noon = at("2026-11-23 12:00", tokyo)
    assert is_on(LUNCH, noon, tokyo, None)
    assert not is_on(LUNCH, noon, COPENHAGEN, None)


# --- minutes -------------------------------------------------------------------------------


def test_minutes_of_a_period():
    monday = at("2026-11-23")
    week = (monday, COPENHAGEN, SHOP, monday + 7 * DAY)
    assert open_minutes(LUNCH, *week) == 5 * 180
    assert open_minutes(ALWAYS, *week) == 7 * 1440
    assert open_minutes(AS_OPEN, *week) == 5 * 600 + 300
    assert open_minutes(LUNCH, monday, COPENHAGEN, None, at("2026-11-23 11:00:59")) == 0


@pytest.mark.parametrize(
    ("what", "hours", "minutes"),
    [
        (LUNCH, SHOP, 5 * 180),
        (ALWAYS, SHOP, 5 * 600 + 300),
        (schedule(window("16:00", "20:00", "mo")), SHOP, 120),
        (schedule(window("18:00", "20:00")), SHOP, 0),
        (schedule(window("08:00", "09:00"), window("08:30", "09:30")), "Mo 08:00-10:00", 90),
        (AS_OPEN, SHOP, 5 * 600 + 300),
        (LUNCH, "24/7", 5 * 180),
    ],
)
def test_when_the_venue_is_open_too(what, hours, minutes):
    monday = at("2026-11-23")
    met = list(meetings((what, AS_OPEN), monday, COPENHAGEN, hours, monday + 7 * DAY))
    assert sum((each.ends_at - each.starts_at for each in met), timedelta()) == minutes * MINUTE


def test_several_schedules_meet_where_all_are_on():
    monday = at("2026-11-23")
    three = (
        schedule(window("10:00", "12:00"), window("13:00", "15:00")),
        schedule(window("11:00", "14:00")),
        schedule(window("00:00", "24:00", "mo", "we")),
    )
    met = meetings(three, monday, COPENHAGEN, None, monday + 3 * DAY)
    assert [each.local(COPENHAGEN) for each in met] == [
        "Mo 2026-11-23 11:00 CET to 12:00 CET",
        "Mo 2026-11-23 13:00 CET to 14:00 CET",
        "We 2026-11-25 11:00 CET to 12:00 CET",
        "We 2026-11-25 13:00 CET to 14:00 CET",
    ]


@pytest.mark.parametrize(
    ("what", "hours", "minutes"),
    [
        (ALWAYS, None, 0),
        (ALWAYS, "24/7", 0),
        (AS_OPEN, SHOP, 0),
        (ALWAYS, "09:00-18:00", 15 * 60),
        (schedule(window("07:00", "10:00")), "09:00-18:00", 2 * 60),
        (schedule(window("17:00", "20:00")), "09:00-18:00", 15 * 60),
        (schedule(window("17:00", "20:00", "su")), "09:00-18:00", 0),  # it opens after the period
        (schedule(window("12:00", "13:00")), "09:00-18:00", 0),
        (schedule(window("23:00", "01:00"), window("08:30", "09:00")), "09:00-18:00", 10 * 60),
    ],
)
def test_how_long_one_may_wait_for_the_doors(what, hours, minutes):
    monday = at("2026-11-23")
    wait = longest_wait((what,), monday, COPENHAGEN, hours, monday + 7 * DAY)
    assert wait == minutes * MINUTE


def test_asking_is_cheap():
    """It stands on the path of every check-in. 3 microseconds alone; other work may run beside."""
    schedule, moment = read_schedule(DOCUMENT), at("2026-11-23 20:00")
    rounds = timeit.repeat(lambda: is_on(schedule, moment, COPENHAGEN, SHOP), number=1000, repeat=5)
    assert min(rounds) / 1000 < 50e-6


# --- what a merchant may write ---------------------------------------------------------------


def test_a_schedule_is_loaded_as_the_document_to_store():
    loaded = ScheduleSchema().load(DOCUMENT)
    assert loaded == DOCUMENT
    assert ScheduleSchema().dump(loaded) == DOCUMENT
    assert ScheduleSchema().load({}) == ScheduleSchema().dump({}) == write_schedule(ALWAYS)
    day_alone = ScheduleSchema().load({"exclusions": [{"from_date": "2026-12-24"}]})
    assert day_alone["exclusions"] == [days("2026-12-24", reason=None)]


def test_windows_may_overlap():
    overlapping = [window("10:00", "12:00", "mo"), window("11:00", "13:00", "mo")]
    assert ScheduleSchema().load({"windows": overlapping})["windows"] == overlapping


@pytest.mark.parametrize(
    ("document", "field", "flaw"),
    [
        ({"windows": [window("10:00", "10:00")]}, "windows.0.to", "Must differ"),
        ({"windows": [window("00:00", "00:00")]}, "windows.0.to", "a day is 00:00 to 24:00"),
        ({"windows": [window("24:00", "02:00")]}, "windows.0.from", "00:00 to 23:59"),
        ({"windows": [window("9:00", "10:00")]}, "windows.0.from", "00:00 to 23:59"),
        ({"windows": [window("09:60", "10:00")]}, "windows.0.from", "00:00 to 23:59"),
        ({"windows": [window("09:00\n", "10:00")]}, "windows.0.from", "00:00 to 23:59"),
        ({"windows": [window("09:00", "24:01")]}, "windows.0.to", "00:00 to 24:00"),
        ({"windows": [window("09:00", "10:00", "Mo")]}, "windows.0.weekdays.0", "mo, tu, we"),
        ({"windows": [{**NIGHTLY, "weekdays": []}]}, "windows.0.weekdays", "between 1 and 7"),
        ({"windows": [{"weekdays": ["mo"], "to": "10:00"}]}, "windows.0.from", "Missing"),
        ({"windows": [{**NIGHTLY, "until": "1"}]}, "windows.0.until", "Unknown field"),
        ({"windows": [NIGHTLY] * 51}, "windows", "maximum length 50"),
        ({"opening_hours": 1}, "opening_hours", "boolean"),
        ({"dates": [days("2026-12-24", "2026-12-23")]}, "dates.0.to_date", "earlier"),
        ({"dates": [days("2026-02-30")]}, "dates.0.from_date", "date"),
        ({"dates": [days("20261224")]}, "dates.0.from_date", "date"),
        ({"dates": [days("2026-W52-4")]}, "dates.0.from_date", "date"),
        ({"dates": [days("1999-12-31")]}, "dates.0.from_date", "from 2000 to 2200"),
        ({"dates": [days("2026-12-24", reason="x")]}, "dates.0.reason", "Unknown field"),
        ({"exclusions": [{"to_date": "2026-12-24"}]}, "exclusions.0.from_date", "Missing"),
        ({"exclusions": [days("2026-12-24", reason=" ")]}, "exclusions.0.reason", "blank"),
    ],
)
def test_what_is_wrong_is_named(document, field, flaw):
    with pytest.raises(ma.ValidationError) as refused:
        ScheduleSchema().load(document)
    found: Any = refused.value.messages
    for step in field.split("."):
        found = found[int(step) if step.isdigit() else step]
    assert flaw in found[0]


def test_a_preview_says_what_the_venue_reads():
    opening = Opening(at("2026-11-22 13:00"), at("2026-11-23 13:00"))
    venue = UUID("019abc12-0000-7000-8000-000000000001")
    row = {
        **SchedulePreviewSchema.example,
        "venue_id": venue,
        "until": at("2026-11-23 13:00"),
        "openings": [
            {
                "starts_at": opening.starts_at,
                "ends_at": opening.ends_at,
                "local": opening.local(COPENHAGEN),
            }
        ],
    }
    assert SchedulePreviewSchema().dump(row) == SchedulePreviewSchema.example
    assert OpeningSchema().dump(row["openings"][0]) == OpeningSchema.example


def test_a_preview_is_of_five_openings_from_now_on():
    query = SchedulePreviewQuerySchema().load({})
    assert (query["after"], query["openings"]) == (None, 5)
    with pytest.raises(ma.ValidationError, match="openings"):
        SchedulePreviewQuerySchema().load({"openings": "51"})
