"""Whether a code is good, and how long guessers wait, at the boundaries; no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lbs.redemptions.policy import GuessLimit, Pass, Refusal, judge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def found(state="unlocked", expires_at=NOW + TICK, *, runs_here=True) -> Pass:
    return Pass("unlock", state, expires_at, runs_here=runs_here)


@pytest.mark.parametrize(
    ("case", "known", "readable", "refusal"),
    [
        ("good", found(), True, None),
        ("over at this very moment", found(expires_at=NOW), True, Refusal.EXPIRED),
        ("over", found(expires_at=NOW - TICK), True, Refusal.EXPIRED),
        ("expired by the job", found("expired", NOW + TICK), True, Refusal.EXPIRED),
        ("spent", found("redeemed"), True, Refusal.REDEEMED),
        ("spent and over", found("redeemed", NOW), True, Refusal.REDEEMED),
        ("elsewhere", found(runs_here=False), True, Refusal.OTHER_VENUE),
        ("spent elsewhere", found("redeemed", runs_here=False), True, Refusal.OTHER_VENUE),
        ("unknown", None, True, Refusal.UNKNOWN),
        ("mistyped", None, False, Refusal.MISTYPED),
        ("mistyped but found", found(), False, Refusal.MISTYPED),
    ],
)
def test_a_code_is_refused_for_the_first_thing_that_is_wrong(case, known, readable, refusal):
    assert judge(known, readable=readable, now=NOW) is refusal


@pytest.mark.parametrize(
    ("refused", "age", "wait_s"),
    [
        (0, None, 0),
        (19, timedelta(0), 0),
        (20, timedelta(0), 601),
        (20, timedelta(minutes=10) - TICK, 1),
        (20, timedelta(minutes=9, seconds=59), 2),
        (20, timedelta(minutes=10), 0),
        (99, timedelta(minutes=5), 301),
        (99, timedelta(hours=1), 0),
    ],
)
def test_who_guessed_too_often_waits_until_the_window_is_over(refused, age, wait_s):
    limit = GuessLimit(20, timedelta(minutes=10))
    began_at = None if age is None else NOW - age
    assert limit.wait_s(began_at, refused, NOW) == wait_s
