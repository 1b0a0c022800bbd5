"""What covers a period: every moment once, nothing dirty kept, and as few buckets as can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.stats.rules.calendar import (
    END,
    EPOCH,
    HOUR,
    Run,
    Span,
    buckets,
    cover,
    end_of,
    has_full_hours,
    kept_zone,
    next_start,
    opened,
    start_of,
)

BEGIN = datetime(2026, 2, 20, tzinfo=UTC)
ZONES = ("UTC", "Europe/Copenhagen", "America/New_York", "America/Santiago", "Asia/Tokyo")
ODD = ("Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", "Africa/Casablanca")

moments = st.integers(0, 60 * 24 * 60).map(lambda minute: BEGIN + timedelta(minutes=minute))
hours = st.integers(0, 60 * 24).map(lambda hour: BEGIN + timedelta(hours=hour))
zones = st.sampled_from(ZONES).map(ZoneInfo)


def tier_of(start: datetime, end: datetime, hour: datetime, soiled: set[datetime], zone: ZoneInfo):
    """The largest whole bucket around an hour that lies in the period and is clean."""
    for tier in ("year", "month", "day", "hour"):
        since = start_of(tier, hour, zone)
        until = end_of(tier, since, zone)
        whole = [since + n * HOUR for n in range(int((until - since) / HOUR))]
        if start <= since and until <= end and not soiled.intersection(whole):
            return tier
    return "live"


@settings(deadline=None, max_examples=60)
@given(moments, moments, zones, st.sets(hours, max_size=12))
def test_a_cover_is_what_going_through_every_hour_gives(one, other, zone, soiled):
    start, end = min(one, other), max(one, other)
    found = cover(start, end, zone, sorted(soiled))
    parts = sorted([*(Span(run.since, run.until) for run in found.rolled), *found.live])
    assert sum((part.until - part.since for part in parts), timedelta()) == end - start
    assert all(a.until <= b.since for a, b in pairwise(parts))
    for run in found.rolled:
        for hour in (run.since + n * HOUR for n in range(int((run.until - run.since) / HOUR))):
            assert tier_of(start, end, hour, soiled, zone) == run.tier
    for span in found.live:
        hour = start_of("hour", span.since, zone)
        while hour < span.until:
            assert tier_of(start, end, hour, soiled, zone) == "live"
            hour += HOUR


def test_a_quarter_is_months_days_hours_and_the_rest():
    start = datetime(2026, 1, 30, 21, 45, tzinfo=UTC)
    now = datetime(2026, 4, 2, 10, 20, tzinfo=UTC)
    found = cover(start, now, ZoneInfo("Europe/Copenhagen"), [now.replace(hour=9, minute=0)])
    assert found.rolled == (
        Run("hour", datetime(2026, 1, 30, 22, tzinfo=UTC), datetime(2026, 1, 30, 23, tzinfo=UTC)),
        Run("day", datetime(2026, 1, 30, 23, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC)),
        Run("month", datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)),
        Run("day", datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 1, 22, tzinfo=UTC)),
        Run("hour", datetime(2026, 4, 1, 22, tzinfo=UTC), datetime(2026, 4, 2, 9, tzinfo=UTC)),
    )
    assert found.live == (
        Span(start, start.replace(hour=22, minute=0)),
        Span(now.replace(hour=9, minute=0), now),
    )


def test_what_is_ever_is_one_bucket_until_something_in_it_is_dirty():
    zone, dirty = ZoneInfo("Europe/Copenhagen"), datetime(2026, 4, 2, 9, tzinfo=UTC)
    assert cover(EPOCH, END, zone, ()).rolled == (Run("ever", EPOCH, END),)
    found = cover(EPOCH, END, zone, [dirty])
    assert found.live == (Span(dirty, dirty + HOUR),)
    assert [run.tier for run in found.rolled] == [
        *("hour", "day", "month", "year", "month", "day", "hour"),
        *("hour", "day", "month", "year", "hour"),
    ]


@settings(deadline=None, max_examples=60)
@given(moments, moments, zones, st.sets(hours, max_size=12))
def test_newer_facts_are_added_to_what_is_kept_and_to_nothing_else(one, other, zone, newer):
    start, end = min(one, other), max(one, other)
    found = cover(start, end, zone, (), sorted(newer))
    kept = {hour for hour in newer if start <= hour and hour + HOUR <= end}
    assert {
        span.since + n * HOUR
        for span in found.fresh
        for n in range(int((span.until - span.since) / HOUR))
    } == kept
    assert (found.rolled, found.live) == (
        cover(start, end, zone, ()).rolled,
        cover(start, end, zone, ()).live,
    )


@settings(deadline=None, max_examples=60)
@given(moments, moments, zones)
def test_an_open_period_ends_where_its_largest_bucket_does(one, other, zone):
    start, end = min(one, other), max(one, other)
    found = opened(Span(start, end), zone)
    assert found.since == start
    assert found.until >= end
    assert [span for span in cover(*found, zone, ()).live if span.since > start] == []


@pytest.mark.parametrize(
    ("since", "tier"),
    [
        (EPOCH, "ever"),
        (datetime(2025, 3, 1, tzinfo=UTC), "year"),
        (datetime(2026, 1, 1, tzinfo=UTC), "year"),
        (datetime(2026, 3, 1, tzinfo=UTC), "month"),
        (datetime(2026, 4, 1, tzinfo=UTC), "month"),
        (datetime(2026, 4, 1, 0, 1, tzinfo=UTC), "day"),
        (datetime(2026, 4, 9, tzinfo=UTC), "day"),
        (datetime(2026, 4, 9, 7, tzinfo=UTC), "hour"),
        (datetime(2026, 4, 9, 10, tzinfo=UTC), "hour"),
        (datetime(2026, 4, 9, 10, 1, tzinfo=UTC), None),
    ],
)
def test_what_is_open_is_read_in_the_largest_bucket_that_begins_within_it(since, tier):
    now = datetime(2026, 4, 9, 10, 20, tzinfo=UTC)
    span, zone = Span(since, now), ZoneInfo("UTC")
    until = end_of(tier, start_of(tier, now, zone), zone) if tier else now
    assert opened(span, zone) == Span(since, until)


@settings(deadline=None)
@given(
    moments,
    st.sampled_from((*ZONES, *ODD)).map(ZoneInfo),
    st.sampled_from(("hour", "day", "week", "month", "year")),
)
def test_every_moment_lies_in_one_bucket(moment, zone, by):
    start = start_of(by, moment, zone)
    end = end_of(by, start, zone)
    assert start <= moment < end
    assert start_of(by, start, zone) == start == next_start(by, start, zone)
    assert start_of(by, end - timedelta(microseconds=1), zone) == start
    assert start_of(by, end, zone) == end == next_start(by, start + timedelta(microseconds=1), zone)
    if by == "hour":
        assert end - start <= HOUR
    else:
        assert (
            start.astimezone(zone).date()
            == {
                "day": moment.astimezone(zone).date(),
                "week": moment.astimezone(zone).date()
                - timedelta(days=moment.astimezone(zone).weekday()),
                "month": moment.astimezone(zone).date().replace(day=1),
                "year": moment.astimezone(zone).date().replace(month=1, day=1),
            }[by]
        )


@pytest.mark.parametrize(
    ("zone", "start", "lengths"),
    [
        ("Europe/Copenhagen", datetime(2026, 3, 28, 23, tzinfo=UTC), [23, 24]),
        ("Europe/Copenhagen", datetime(2026, 10, 24, 22, tzinfo=UTC), [25, 24]),
        ("America/Santiago", datetime(2026, 9, 5, 4, tzinfo=UTC), [24, 23]),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 13, tzinfo=UTC), [24.5, 24]),
    ],
)
def test_days_are_as_long_as_the_clocks_make_them(zone, start, lengths):
    found = list(buckets("day", start, start + timedelta(hours=40), ZoneInfo(zone)))
    assert [(span.until - span.since) / HOUR for span in found] == lengths


def test_days_are_kept_in_the_zone_where_all_agree_and_hours_are_full():
    assert kept_zone(["Europe/Copenhagen"]) == "Europe/Copenhagen"
    assert kept_zone(["Europe/Copenhagen", "Asia/Tokyo"]) == "UTC"
    assert kept_zone([]) == "UTC"
    assert {zone: kept_zone([zone]) for zone in ODD[:2]} == dict.fromkeys(ODD[:2], "UTC")
    assert not has_full_hours(ZoneInfo("Asia/Kolkata"))
