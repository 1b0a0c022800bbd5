"""Which reports are taken: pure, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from lbs.app_events.policy import (
    Known,
    Offer,
    PassShown,
    Refusal,
    TeaserViewed,
    Version,
    happened_at,
    judge,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, TICK, AHEAD = timedelta(days=1), timedelta(microseconds=1), timedelta(seconds=30)
OFFER, VENUE, UNLOCK, ANOTHER = (UUID(int=number) for number in range(1, 5))


def offer(**members: Any) -> Offer:
    first = Version(1, NOON - 20 * DAY, NOON - 20 * DAY, NOON + 20 * DAY)
    given = {"status": "active", "updated_at": NOON - DAY, "versions": [first], **members}
    return Offer(merchant_id="merchant", counted=True, new_at={VENUE: True}, **given)


def view(at: datetime = NOON, **members: Any) -> TeaserViewed:
    given = {"client_id": UUID(int=9), "at": at, "offer_id": OFFER, "channel": "push", **members}
    return TeaserViewed(**given)


def shown(at: datetime = NOON, unlock_id: UUID = UNLOCK) -> PassShown:
    return PassShown(UUID(int=9), at, unlock_id)


BOUGHT = [
    Version(2, NOON - DAY, NOON - DAY, NOON - timedelta(hours=1)),
    Version(1, NOON - 3 * DAY, NOON - 2 * DAY, NOON + DAY),
]
CASES = [
    (view(), offer(), None),
    (view(venue_id=VENUE), offer(), None),
    (view(venue_id=ANOTHER), offer(), Refusal.OFFER_NOT_AT_VENUE),
    (view(offer_id=ANOTHER), offer(), Refusal.UNKNOWN_OFFER),
    (view(NOON - 7 * DAY), offer(), None),
    (view(NOON - 7 * DAY - TICK), offer(), Refusal.TOO_OLD),
    (view(NOON + AHEAD), offer(), None),
    (view(NOON + AHEAD + TICK), offer(), Refusal.IN_FUTURE),
    (view(), offer(status="paused"), Refusal.OFFER_NOT_RUNNING),
    (view(NOON - DAY), offer(status="paused"), Refusal.OFFER_NOT_RUNNING),
    (view(NOON - DAY - TICK), offer(status="paused"), None),
    (view(NOON - DAY - TICK), offer(status="ended"), None),
    (view(NOON - 4 * DAY), offer(versions=BOUGHT), Refusal.OFFER_NOT_RUNNING),
    (view(NOON - 3 * DAY), offer(versions=BOUGHT), Refusal.OFFER_NOT_RUNNING),
    (view(NOON - 2 * DAY), offer(versions=BOUGHT), None),
    (view(NOON - DAY), offer(versions=BOUGHT), None),
    (view(NOON - timedelta(hours=1)), offer(versions=BOUGHT), Refusal.OFFER_NOT_RUNNING),
    (shown(), offer(), None),
    (shown(unlock_id=ANOTHER), offer(), Refusal.UNKNOWN_UNLOCK),
    (shown(NOON - 7 * DAY - TICK), offer(), Refusal.TOO_OLD),
    (shown(NOON + AHEAD + TICK), offer(), Refusal.IN_FUTURE),
]


@pytest.mark.parametrize(("report", "known", "refusal"), CASES)
def test_a_report_is_judged_by_itself(report, known, refusal):
    assert judge(report, Known({OFFER: known}, {UNLOCK}), NOON, AHEAD) is refusal


@pytest.mark.parametrize(
    ("ago", "number"), [(2 * DAY, 1), (DAY + TICK, 1), (DAY, 2), (timedelta(hours=2), 2)]
)
def test_a_view_is_of_the_version_that_was_in_force(ago, number):
    assert offer(versions=BOUGHT).version_at(NOON - ago).number == number


@pytest.mark.parametrize(("at", "expected"), [(NOON - DAY, NOON - DAY), (NOON + AHEAD, NOON)])
def test_nothing_happens_after_it_was_reported(at, expected):
    assert happened_at(shown(at), NOON) == expected
