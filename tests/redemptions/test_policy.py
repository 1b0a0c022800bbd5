"""Whether a code is good, and how long guessers wait, at the boundaries; no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lbs.http.guesses import GuessLimit
from lbs.redemptions.policy import Pass, Refusal, judge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def found(state="unlocked", expires_at=NOW + TICK, *, runs_here=True, is_reserved=True) -> Pass:
    return Pass("unlock", state, expires_at, runs_here=runs_here, is_reserved=is_reserved)


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
        ("not reserved", found(is_reserved=False), True, Refusal.NOT_RESERVED),
        ("over and not reserved", found(expires_at=NOW, is_reserved=False), True, Refusal.EXPIRED),
        ("unknown", None, True, Refusal.UNKNOWN),
        ("mistyped", None, False, Refusal.MISTYPED),
        ("a merchant's own", found(), False, None),
        ("a merchant's own, spent", found("redeemed"), False, Refusal.REDEEMED),
    ],
)
def test_a_code_is_refused_for_the_first_thing_that_is_wrong(case, known, readable, refusal):
    assert judge(known, readable=readable, now=NOW) is refusal


@pytest.mark.parametrize(
    ("age", "wait_s"),
    [
        (timedelta(0), 600),
        (timedelta(minutes=5), 300),
        (timedelta(minutes=9, seconds=59), 1),
        (timedelta(minutes=10) - TICK, 1),
        (timedelta(minutes=10), 1),
    ],
)
def test_who_guessed_too_often_waits_until_the_window_is_over(age, wait_s):
    assert GuessLimit(20, timedelta(minutes=10)).wait_s(NOW - age, NOW) == wait_s


def test_a_code_that_was_right_once_is_no_guess():
    assert [refusal for refusal in Refusal if not refusal.is_guess] == [
        Refusal.REDEEMED,
        Refusal.VOIDED,
        Refusal.NOT_RESERVED,
        Refusal.LOST_RACE,
    ]
