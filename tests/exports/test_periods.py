"""When a schedule is due, and over which period. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.exports.policy import PERIODS, due_after, period_before

COPENHAGEN = "Europe/Copenhagen"
ZONES = (COPENHAGEN, "America/Sao_Paulo", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "every", "hour", "due", "start", "end"),
    [
        ("2026-11-25T00:50", "day", 6, "2026-11-25T05:00", "2026-11-23T23:00", "2026-11-24T23:00"),
        ("2026-11-25T05:00", "day", 6, "2026-11-26T05:00", "2026-11-24T23:00", "2026-11-25T23:00"),
        ("2026-11-25T00:50", "week", 6, "2026-11-30T05:00", "2026-11-22T23:00", "2026-11-29T23:00"),
        (
            "2026-11-25T00:50",
            "month",
            0,
            "2026-11-30T23:00",
            "2026-10-31T23:00",
            "2026-11-30T23:00",
        ),
        (
            "2026-12-01T00:00",
            "month",
            6,
            "2026-12-01T05:00",
            "2026-10-31T23:00",
            "2026-11-30T23:00",
        ),
        # the clocks go forward on 29 March: 02:00 is not there, and the day has 23 hours
        ("2026-03-29T00:30", "day", 2, "2026-03-29T01:00", "2026-03-27T23:00", "2026-03-28T23:00"),
        ("2026-03-29T12:00", "day", 2, "2026-03-30T00:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        # and back on 25 October: 02:00 is there twice, and the day has 25 hours
        ("2026-10-24T22:30", "day", 2, "2026-10-25T00:00", "2026-10-23T22:00", "2026-10-24T22:00"),
        ("2026-10-25T00:00", "day", 2, "2026-10-26T01:00", "2026-10-24T22:00", "2026-10-25T23:00"),
    ],
)
def test_due_and_period(moment: str, every: str, hour: int, due: str, start: str, end: str):
    found = due_after(utc(moment), every=every, hour=hour, time_zone=COPENHAGEN)
    assert found == utc(due)
    assert period_before(found, every=every, time_zone=COPENHAGEN) == (utc(start), utc(end))


@given(
    st.integers(0, 10 * 365 * 86_400).map(lambda s: utc("2020-01-01T00:00") + timedelta(seconds=s)),
    st.sampled_from(PERIODS),
    st.integers(0, 23),
    st.sampled_from(ZONES),
)
def test_periods_follow_each_other_without_gap_or_overlap(moment, every, hour, zone):
    """What is due is over, and the next one begins where it ended."""
    due = due_after(moment, every=every, hour=hour, time_zone=zone)
    assert moment < due <= moment + timedelta(days=33)
    end = period_before(due, every=every, time_zone=zone)[1]
    assert end <= due
    for _ in range(3):
        due = due_after(due, every=every, hour=hour, time_zone=zone)
        start, next_end = period_before(due, every=every, time_zone=zone)
        assert start == end < next_end <= due
        end = next_end
