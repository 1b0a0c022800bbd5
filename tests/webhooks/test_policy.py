"""When a message is tried again, what it says, and how it is signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from lbs.webhooks.policy import (
    WINDOW,
    Answer,
    Reason,
    body_of,
    headers_of,
    make_secret,
    next_attempt,
    read_retry_after,
    reason_to_disable,
    type_of,
)

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
MESSAGE = UUID("019abc12-0000-7000-8000-000000000023")


def delay(attempt: int, chance: float = 0.5, retry_after: str | None = None) -> float:
    due = next_attempt(attempt, BEGAN, retry_after, chance, BEGAN)
    assert due is not None
    return (due - BEGAN).total_seconds()


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(1, 5), (2, 15), (3, 45), (4, 135), (8, 10935), (9, 32805), (10, 43200), (99, 43200)],
)
def test_delays_grow_threefold_to_twelve_hours(attempt: int, seconds: float):
    assert delay(attempt) == pytest.approx(seconds)
    assert delay(attempt, 0.0) == pytest.approx(seconds * 0.8)
    assert delay(attempt, 1.0) == pytest.approx(seconds * 1.2)


@given(st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_a_message_is_tried_for_three_days_and_no_longer(chances: list[float]):
    at, attempts = BEGAN, 1
    for chance in chances:
        due = next_attempt(attempts, BEGAN, None, chance, at)
        if due is None:
            break
        assert at < due <= BEGAN + WINDOW
        at, attempts = due, attempts + 1
    assert at == BEGAN + WINDOW
    assert 13 <= attempts <= 18


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 0),
        ("120", 120),
        ("0", 0),
        ("-5", 0),
        ("1e9", 0),
        ("soon", 0),
        ("", 0),
        ("9" * 400, 10**8),
        ("²", 0),
        ("Wed, 25 Nov 2026 12:10:00 GMT", 600),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0),
        ("Wed, 25 Nov 2026 12:10:00", 600),
        ("Wed, 99 Nov 2026 12:10:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str | None, seconds: int):
    assert read_retry_after(said, BEGAN) == timedelta(seconds=seconds)


def test_a_receiver_may_ask_for_more_time_but_not_for_less_or_for_ever():
    assert delay(1, retry_after="600") == 600
    assert delay(4, retry_after="1") == pytest.approx(135)
    assert delay(1, retry_after=str(10**9)) == 12 * 3600


def test_what_follows_the_last_attempt_is_nothing():
    assert next_attempt(15, BEGAN, None, 0.5, BEGAN + WINDOW) is None
    last = next_attempt(15, BEGAN, None, 0.5, BEGAN + WINDOW - timedelta(seconds=1))
    assert last == BEGAN + WINDOW


@pytest.mark.parametrize(
    ("status", "problem", "good"),
    [
        (200, None, True),
        (204, None, True),
        (299, None, True),
        (199, None, False),
        (300, None, False),
        (302, None, False),
        (410, None, False),
        (500, None, False),
        (None, "timed_out", False),
        (200, "broken_answer", False),
    ],
)
def test_2xx_and_nothing_else_is_receipt(status: int | None, problem: str | None, good: bool):  # noqa: FBT001
    assert Answer(status, 1, problem).succeeded is good


def test_an_endpoint_is_disabled_when_it_says_so_or_after_three_days():
    later = BEGAN + WINDOW
    assert reason_to_disable(Answer(410, 1), BEGAN, BEGAN) is Reason.GONE
    assert reason_to_disable(Answer(500, 1), BEGAN, later - timedelta(seconds=1)) is None
    assert reason_to_disable(Answer(500, 1), BEGAN, later) is Reason.FAILING
    assert reason_to_disable(Answer(None, 1, "timed_out"), BEGAN, later) is Reason.FAILING


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"kind": "check_in", "verdict": "accepted"}, "check_in.verified"),
        ({"kind": "check_in", "verdict": "accepted", "verdict_before": "ambiguous"},
         "check_in.verified"),
        ({"kind": "check_in", "verdict": "accepted", "verdict_before": "accepted"}, None),
        ({"kind": "check_in", "verdict": "rejected"}, None),
        ({"kind": "check_in_voided", "verdict": "voided"}, "check_in.voided"),
        ({"kind": "unlocked"}, "offer.unlocked"),
        ({"kind": "redeemed"}, "redemption.made"),
        ({"kind": "reversed"}, "redemption.reversed"),
        ({"kind": "offer_paused"}, "offer.paused"),
        ({"kind": "flagged"}, "offer.flagged"),
        ({"kind": "friend_visit"}, "share.friend_visited"),
        ({"kind": "expired"}, None),
        ({"kind": "redemption_refused"}, None),
    ],
)  # fmt: skip
def test_facts_make_messages(fact: dict[str, Any], said: str | None):
    empty = {"verdict": None, "verdict_before": None}
    assert type_of(SimpleNamespace(**{**empty, **fact})) == said


def test_a_message_is_compact_json_with_type_time_and_data():
    body = body_of("offer.taken", BEGAN, {"offer_id": MESSAGE, "name": "Øl"})
    assert body == (
        '{"type":"offer.taken","timestamp":"2026-11-25T12:00:00Z",'
        f'"data":{{"offer_id":"{MESSAGE}","name":"Øl"}}}}'
    )


@given(st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=2), st.text())
def test_every_secret_in_use_signs(keys: list[bytes], text: str):
    secrets = [make_secret(key) for key in keys]
    body = json.dumps({"data": text}, ensure_ascii=False)
    with time_machine.travel(BEGAN, tick=False):
        headers = headers_of(MESSAGE, body, secrets, BEGAN)
        for secret in secrets:
            assert Webhook(secret).verify(body.encode(), headers) == {"data": text}
    assert headers["webhook-id"] == str(MESSAGE)
    assert headers["webhook-timestamp"] == str(int(BEGAN.timestamp()))


def test_the_signature_is_that_of_the_specification():
    """The example of the specification's own libraries."""
    at = datetime.fromtimestamp(1614265330, UTC)
    signed = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
