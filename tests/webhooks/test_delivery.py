"""What is published arrives: at least once, in order, signed, whatever the receiver does."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lbs.http import outgoing
from lbs.webhooks.jobs import AT_ONCE, Sender
from tests.webhooks.merchant import PATH, Merchant, moment
from tests.webhooks.receiver import (
    Behaviour,
    answer,
    cut_off,
    drip,
    giant,
    hang_up,
    receiving,
    when,
)
from tests.world import now

TOTAL_S = 0.6


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attempt lasts longer than a moment."""
    monkeypatch.setattr(outgoing, "TOTAL_S", TOTAL_S)


def test_a_message_arrives_once_and_is_signed(merchant: Merchant):
    merchant.publish("one")
    merchant.work()
    [came] = merchant.receiver.received
    assert came.path == "/hooks"
    assert came.headers["content-type"] == "application/json"
    assert came.said["type"] == "export.ready"
    assert came.is_signed_by(merchant.secret)
    assert not came.is_signed_by("whsec_" + "A" * 44)
    [kept] = merchant.deliveries()
    assert (kept["state"], kept["attempts"], kept["answer_status"]) == ("succeeded", 1, 200)
    assert kept["message_id"] == came.id
    assert (kept["problem"], kept["next_attempt_at"]) == (None, None)
    assert 0 <= kept["latency_ms"] < 5000


@pytest.mark.parametrize(
    ("behaviour", "status", "problem"),
    [
        (answer(500), 500, None),
        (answer(404), 404, None),
        (answer(429, Retry_After="600"), 429, None),
        (answer(302, Location="http://127.0.0.1:1/"), 302, None),
        (cut_off, None, "broken_answer"),
        (hang_up, None, "broken_answer"),
        (drip(5), None, "timed_out"),
        (drip(5, in_headers=True), None, "timed_out"),
    ],
    ids=["500", "404", "429", "redirect", "cut off", "hung up", "drip", "drip in headers"],
)
@pytest.mark.usefixtures("impatient")
def test_what_does_not_get_through_is_sent_again_under_the_same_id(
    merchant: Merchant, behaviour: Behaviour, status: int | None, problem: str | None
):
    merchant.receiver.answers(behaviour, answer(204))
    merchant.publish("one")
    merchant.work()
    [kept] = merchant.deliveries()
    assert (kept["state"], kept["attempts"]) == ("pending", 1)
    assert (kept["answer_status"], kept["problem"]) == (status, problem)
    assert kept["latency_ms"] < 1000 * TOTAL_S + 500
    assert moment(kept["next_attempt_at"]) > now()
    assert merchant.read()["failing_since"] is not None
    merchant.advance(hours=1)
    merchant.work()
    first, second = merchant.receiver.received
    assert first.id == second.id
    assert first.body == second.body
    assert second.is_signed_by(merchant.secret)
    [kept] = merchant.deliveries()
    assert (kept["state"], kept["attempts"], kept["answer_status"]) == ("succeeded", 2, 204)
    assert merchant.read()["failing_since"] is None


def test_nobody_listens(merchant: Merchant):
    with receiving() as gone:
        address = gone.address
    merchant.change(url=address)
    merchant.publish("one")
    merchant.work()
    [kept] = merchant.deliveries()
    assert (kept["state"], kept["problem"]) == ("pending", "unreachable")
    merchant.change(url=f"{merchant.receiver.address}/new")
    merchant.advance(hours=1)
    merchant.work()
    assert [came.path for came in merchant.receiver.received] == ["/new"]


def test_a_receiver_is_not_asked_before_it_said(merchant: Merchant):
    merchant.receiver.answers(answer(503, Retry_After="3600"))
    merchant.publish("one")
    merchant.work()
    [kept] = merchant.deliveries()
    wait = moment(kept["next_attempt_at"]) - now()
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)


def test_a_redirect_is_not_followed(merchant: Merchant):
    with receiving() as private:
        merchant.receiver.answers(answer(307, Location=f"{private.address}/inside"))
        merchant.publish("one")
        merchant.work()
        assert private.received == []
    assert merchant.deliveries()[0]["answer_status"] == 307


def test_a_giant_answer_is_read_no_further_than_the_limit(merchant: Merchant):
    merchant.receiver.answers(giant)
    merchant.publish("one")
    merchant.work()
    [kept] = merchant.deliveries()
    assert (kept["state"], kept["answer_status"]) == ("succeeded", 200)
    assert kept["latency_ms"] < 2000


# --- order -----------------------------------------------------------------------------------


def test_messages_of_one_order_key_come_in_order_though_the_first_has_to_be_sent_again(
    merchant: Merchant,
):
    merchant.receiver.answers(answer(500), answer(200))
    merchant.publish("unlocked", "redeemed", "reversed", order_key="k")
    merchant.work()
    assert merchant.names() == ["unlocked"]
    merchant.publish("of another key", order_key="other")
    merchant.work()
    assert merchant.names() == ["unlocked", "of another key"]
    merchant.advance(hours=1)
    merchant.work()
    assert merchant.names()[2:] == ["unlocked", "redeemed", "reversed"]


def test_what_is_given_up_makes_way_for_what_waited(merchant: Merchant):
    merchant.receiver.answers(answer(500), answer(200), answer(500), answer(200))
    merchant.publish("first", "second", order_key="k")
    merchant.work()
    merchant.publish("between")
    merchant.work()
    merchant.advance(days=3)
    merchant.work()
    assert merchant.names() == ["first", "between", "first", "second"]
    states = [kept["state"] for kept in merchant.deliveries()]
    assert states == ["succeeded", "succeeded", "failed"]


def test_messages_without_order_come_side_by_side(merchant: Merchant):
    everybody = threading.Barrier(AT_ONCE)

    def wait_for_all(handler: Any) -> None:
        everybody.wait(10)
        answer(200)(handler)

    merchant.receiver.answers(wait_for_all)
    merchant.publish(*map(str, range(AT_ONCE)))
    merchant.work()
    assert sorted(merchant.names()) == sorted(map(str, range(AT_ONCE)))
    assert {kept["state"] for kept in merchant.deliveries()} == {"succeeded"}


# --- workers that die, and workers that race ---------------------------------------------------


def test_what_a_killed_worker_had_taken_is_taken_again(merchant: Merchant):
    sender = Sender(merchant.world.db, merchant.settings)
    merchant.publish("one", "two", order_key="k")
    [taken] = sender.take(UUID(merchant.id))
    assert sender.take(UUID(merchant.id)) == []
    merchant.advance(minutes=1)
    merchant.work()
    assert merchant.names() == ["one", "two"]
    assert merchant.receiver.received[0].id == taken.headers["webhook-id"]
    assert [kept["attempts"] for kept in merchant.deliveries()] == [1, 2]


def test_the_answer_to_an_attempt_that_was_overtaken_changes_nothing(merchant: Merchant):
    late, released = threading.Event(), threading.Event()
    merchant.receiver.answers(when(released, answer(500)), answer(200))
    merchant.publish("one")

    def slow() -> None:
        merchant.work(rounds=1)
        late.set()

    thread = threading.Thread(target=slow)
    thread.start()
    while not merchant.receiver.received:
        late.wait(0.01)
    merchant.advance(minutes=1)
    merchant.work()
    released.set()
    thread.join()
    [kept] = merchant.deliveries()
    assert (kept["state"], kept["attempts"], kept["answer_status"]) == ("succeeded", 2, 200)
    assert merchant.read()["failing_since"] is None


def test_many_workers_take_each_message_once(merchant: Merchant):
    names = [str(number) for number in range(40)]
    merchant.publish(*names)
    threads = [threading.Thread(target=merchant.work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(merchant.names()) == sorted(names)


# --- endpoints that fail -----------------------------------------------------------------------


def test_an_endpoint_that_is_gone_is_disabled_at_once(merchant: Merchant):
    merchant.receiver.answers(answer(410))
    merchant.publish("one")
    merchant.work()
    endpoint = merchant.read()
    assert (endpoint["status"], endpoint["disabled_reason"]) == ("disabled", "gone")
    assert endpoint["version"] == 2
    merchant.publish("while it is off")
    merchant.work()
    assert len(merchant.receiver.received) == 1
    [entry] = merchant.world.ask("get", "/v1/audit", query_string={"limit": 1})["items"]
    assert (entry["action"], entry["actor"]["name"]) == ("webhook_endpoint.disabled", "lbs")


def test_an_endpoint_that_failed_for_three_days_is_disabled_and_can_be_activated(
    merchant: Merchant,
):
    merchant.receiver.answers(answer(500))
    merchant.publish("given up")
    merchant.work()
    merchant.advance(days=2, hours=23)
    merchant.work()
    assert merchant.read()["status"] == "active"
    merchant.publish("held")
    merchant.work()
    merchant.advance(hours=2)
    merchant.work()
    endpoint = merchant.read()
    assert (endpoint["status"], endpoint["disabled_reason"]) == ("disabled", "failing")
    assert {kept["state"] for kept in merchant.deliveries()} == {"failed", "pending"}

    merchant.receiver.answers(answer(200))
    merchant.receiver.received.clear()
    endpoint = merchant.change(status="active")
    assert (endpoint["disabled_reason"], endpoint["failing_since"]) == (None, None)
    merchant.work()
    assert merchant.names() == ["held"]


def test_an_endpoint_that_now_and_then_answers_stays(merchant: Merchant):
    merchant.receiver.answers(answer(500), answer(200), answer(500))
    merchant.publish("one")
    merchant.work()
    merchant.advance(days=2)
    merchant.work()
    merchant.publish("two")
    merchant.work()
    merchant.advance(days=2)
    merchant.work()
    assert merchant.read()["status"] == "active"


# --- rotation, test, redelivery ----------------------------------------------------------------


def test_while_secrets_overlap_both_sign_and_then_the_new_one_alone(merchant: Merchant):
    path = f"{PATH}/{merchant.id}/rotation"
    new = merchant.world.ask("post", path, json={"overlap_s": 3600})
    assert new["secret"] != merchant.secret
    merchant.publish("one")
    merchant.work()
    [came] = merchant.receiver.received
    assert came.is_signed_by(merchant.secret)
    assert came.is_signed_by(new["secret"])

    newest = merchant.world.ask("post", path, json={"overlap_s": 0})
    assert newest["old_secret_ends_at"] is None
    merchant.publish("two")
    merchant.work()
    came = merchant.receiver.received[-1]
    assert came.is_signed_by(newest["secret"])
    assert not came.is_signed_by(new["secret"])


def test_a_test_comes_to_the_one_endpoint_alone(merchant: Merchant):
    other = merchant.make("offer.unlocked", path="/other")
    kept = merchant.world.ask("post", f"{PATH}/{other['id']}/test")
    assert (kept["event_type"], kept["state"]) == ("webhook.test", "pending")
    merchant.work()
    assert merchant.receiver.received == []
    merchant.work(other["id"])
    [came] = merchant.receiver.received
    assert (came.path, came.id) == ("/other", kept["message_id"])
    assert came.said["data"] == {"endpoint_id": other["id"]}
    assert came.is_signed_by(other["secret"])


def test_a_message_is_sent_again_when_asked_for(merchant: Merchant):
    merchant.publish("one")
    merchant.work()
    [kept] = merchant.deliveries()
    again = merchant.world.ask("post", f"{PATH}/{merchant.id}/deliveries/{kept['id']}/redelivery")
    assert again["message_id"] == kept["message_id"]
    merchant.work()
    first, second = merchant.receiver.received
    assert (first.id, first.body) == (second.id, second.body)
    assert [found["state"] for found in merchant.deliveries()] == ["succeeded"] * 2


def test_nothing_is_sent_by_hand_to_an_endpoint_that_is_off(merchant: Merchant):
    merchant.publish("one")
    merchant.work()
    [kept] = merchant.deliveries()
    merchant.change(status="disabled")
    for path in ("test", f"deliveries/{kept['id']}/redelivery"):
        refused = merchant.world.call("post", f"{PATH}/{merchant.id}/{path}", merchant.world.key)
        assert (refused.status_code, refused.json["code"]) == (409, "webhook-endpoint-disabled")
