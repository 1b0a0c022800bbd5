"""What reaches Meta, what comes of its answers, and that nothing is lost or told twice."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from lbs.accounts.policy import pseudonym
from lbs.conversions import policy, service
from lbs.conversions.jobs import Sender
from lbs.conversions.rules import hashed
from lbs.graph.signing import appsecret_proof
from tests.conversions.advertiser import Advertiser
from tests.conversions.test_setting import PATH
from tests.meta_standin.server import Fault
from tests.racing import at_once
from tests.world import World, now

PURCHASE = {"amount_minor": 12_900}


def name_of(world: World, customer_id: str) -> str:
    """The merchant's own name for a customer, as it is sent."""
    query = """
        SELECT customer.subject_id, merchant.pseudonym_key FROM customer, merchant
        WHERE customer.id = :customer AND merchant.id = :merchant
    """
    values = {"customer": customer_id, "merchant": world.merchant_id}
    with world.db.transaction() as session:
        return hashed(str(pseudonym(*session.execute(text(query), values).one())))


def replay(advertiser: Advertiser) -> int:
    with advertiser.world.db.transaction() as session:
        return service.replay(session, now(), advertiser.world.merchant_id)


# --- what is sent -------------------------------------------------------------------------------


def test_a_visit_and_a_purchase_as_meta_receives_them(advertiser: Advertiser):
    world = advertiser.world
    person = world.register()
    advertiser.consent(person["access_token"], email="A@b.dk", phone="+45 32 12 34 56")
    visit = advertiser.visit(person["access_token"])
    redeemed = advertiser.redeem(visit, **PURCHASE)
    advertiser.work()
    [calls] = advertiser.calls
    assert calls == advertiser.received
    came, bought = advertiser.rows()
    shared = {
        "action_source": "physical_store",
        "user_data": {
            "em": [hashed("a@b.dk")],
            "ph": [hashed("4532123456")],
            "external_id": [name_of(world, person["customer_id"])],
        },
    }
    about = {
        "content_ids": [advertiser.offer["id"]],
        "content_type": "product",
        "store_data": {"store_code": advertiser.venue["id"]},
    }
    assert calls == [
        {
            "event_name": "VenueCheckIn",
            "event_time": came.time,
            "event_id": str(came.id),
            **shared,
            "custom_data": {"order_id": visit["id"], **about},
        },
        {
            "event_name": "Purchase",
            "event_time": bought.time,
            "event_id": str(bought.id),
            **shared,
            "custom_data": {"order_id": redeemed["id"], **about, "value": 129.0, "currency": "dkk"},
        },
    ]
    assert [row.state for row in (came, bought)] == ["sent", "sent"]
    assert [row.consent_id for row in (came, bought)] == [None, None]
    assert {row.consent_text_version for row in (came, bought)} == {"2026-11"}


def test_the_token_and_its_proof_are_in_the_form_and_nowhere_else(advertiser: Advertiser):
    advertiser.visit()
    advertiser.work()
    [call] = advertiser.meta.calls(f"/{advertiser.dataset_id}/events")
    assert (call.method, call.args) == ("POST", {})
    assert call.path == f"/v26.0/{advertiser.dataset_id}/events"
    assert call.form.keys() == {"data", "access_token", "appsecret_proof"}
    assert call.form["access_token"] == advertiser.token
    assert call.form["appsecret_proof"] == appsecret_proof("appsecret", advertiser.token)


def test_two_merchants_events_of_one_customer_do_not_match(advertiser: Advertiser):
    next_door = World(advertiser.world.app)
    next_door.lon, next_door.lat = advertiser.world.lon, advertiser.world.lat
    customer, names = advertiser.customer(), set()
    for one in (advertiser, Advertiser(next_door, advertiser.meta)):
        one.visit(customer)
        one.work()
        [event] = one.received
        names |= set(event["user_data"]["external_id"])
    assert len(names) == 2


def test_fresh_and_late_events_go_apart(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.age(days=8)
    advertiser.visit()
    advertiser.work()
    assert [len(call) for call in advertiser.calls] == [1, 1]
    assert advertiser.states() == ["sent", "sent"]


def test_no_more_than_500_go_at_once(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.multiply(1000)
    advertiser.work()
    assert [len(call) for call in advertiser.calls] == [500, 500, 1]
    assert len({event["custom_data"]["order_id"] for event in advertiser.received}) == 1001


# --- what is not sent any more ------------------------------------------------------------------


def test_a_consent_taken_back_before_sending_is_heeded(advertiser: Advertiser):
    customer, erased = advertiser.customer(), advertiser.customer()
    for one in (customer, erased):
        advertiser.visit(one)
    advertiser.publish()
    advertiser.withdraw(customer)
    advertiser.world.ask("delete", "/v1/customers/me", erased)
    advertiser.work()
    assert (advertiser.calls, advertiser.rows()) == ([], [])


def test_a_consent_is_asked_as_it_is_when_it_is_sent(advertiser: Advertiser):
    customer = advertiser.customer(email="old@b.dk")
    advertiser.visit(customer)
    advertiser.publish()
    advertiser.consent(customer, text_version="2027-01", phone="+45 32 12 34 56")
    advertiser.work()
    [event] = advertiser.received
    assert event["user_data"].keys() == {"external_id", "ph"}
    [row] = advertiser.rows()
    assert row.consent_text_version == "2027-01"


def test_what_is_sent_stays_sent_when_the_consent_is_taken_back(advertiser: Advertiser):
    customer = advertiser.customer()
    advertiser.visit(customer)
    advertiser.work()
    advertiser.withdraw(customer)
    assert advertiser.states() == ["sent"]


def reverse(advertiser: Advertiser, redemption: dict[str, Any]) -> None:
    path = f"/v1/redemptions/{redemption['id']}/reversal"
    advertiser.world.ask("post", path, json={"reason": "Mistake"})


def test_a_redemption_reversed_before_it_is_sent_is_not(advertiser: Advertiser):
    redeemed = advertiser.redeem(advertiser.visit(), **PURCHASE)
    advertiser.publish()
    reverse(advertiser, redeemed)
    advertiser.work()
    assert [event["event_name"] for event in advertiser.received] == ["VenueCheckIn"]
    assert [(row.state, row.problem) for row in advertiser.rows()] == [
        ("sent", None),
        ("dropped", "reversed"),
    ]


def test_one_that_was_sent_cannot_be_taken_back(advertiser: Advertiser):
    redeemed = advertiser.redeem(advertiser.visit(), **PURCHASE)
    advertiser.work()
    reverse(advertiser, redeemed)
    advertiser.work()
    assert len(advertiser.received) == 2
    assert advertiser.states() == ["sent", "sent"]


def test_a_check_in_voided_before_it_is_sent_is_not(advertiser: Advertiser):
    visit = advertiser.visit()
    advertiser.redeem(visit, **PURCHASE)
    advertiser.publish()
    void = f"/v1/check-ins/{visit['id']}/void"
    advertiser.world.ask("post", void, json={"reason": "Not there"})
    advertiser.work()
    assert [row.problem for row in advertiser.rows()] == ["voided", "reversed"]
    assert advertiser.calls == []


def test_a_venue_that_is_not_chosen_any_more_is_not_told_of(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.set(venue_ids=[])
    advertiser.work()
    assert [row.problem for row in advertiser.rows()] == ["venue_left"]
    assert advertiser.calls == []


def test_what_meta_would_not_take_for_its_age_is_dropped(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.age(days=62, seconds=1)
    advertiser.visit()
    advertiser.work()
    assert [(row.state, row.problem) for row in advertiser.rows()] == [
        ("dropped", "too_old"),
        ("sent", None),
    ]


def test_what_is_malformed_is_kept_back_from_those_that_go(advertiser: Advertiser):
    advertiser.redeem(advertiser.visit(), **PURCHASE)
    advertiser.publish()
    spoil = "UPDATE conversion SET currency = NULL WHERE merchant_id = :id AND name = 'Purchase'"
    with advertiser.world.db.transaction() as session:
        session.execute(text(spoil), {"id": advertiser.world.merchant_id})
    advertiser.work()
    assert [(row.state, row.problem) for row in advertiser.rows()] == [
        ("sent", None),
        ("dead", "malformed"),
    ]


def test_nothing_is_left_of_what_is_older_than_meta_takes(advertiser: Advertiser):
    advertiser.visit()
    advertiser.work()
    advertiser.age(days=61)
    with advertiser.world.db.transaction() as session:
        service.forget_old(session, now())
    assert advertiser.states() == ["sent"]
    advertiser.age(days=2)
    with advertiser.world.db.transaction() as session:
        service.forget_old(session, now())
    assert advertiser.rows() == []


# --- what Meta answers --------------------------------------------------------------------------

UNCERTAIN = [
    {"code": 1},
    {"code": 2, "status": 500},
    {"status": 500},
    {"status": 502},
    {"truncated": True},
    {"instead": True},
]
THROTTLED = [
    {"code": 4},
    {"code": 17},
    {"code": 32},
    {"code": 341},
    {"code": 613},
    {"code": 80_001},
    {"status": 429},
]
HELD = [
    ({"code": 190}, "reauth_required"),
    ({"code": 190, "subcode": 460, "status": 401}, "reauth_required"),
    ({"code": 190, "subcode": 463, "status": 401}, "reauth_required"),
    ({"code": 102}, "reauth_required"),
    ({"code": 10}, "permission_missing"),
    ({"code": 200, "status": 403}, "permission_missing"),
    ({"code": 100, "subcode": 33}, "permission_missing"),
]


def failing(advertiser: Advertiser, **fault: Any) -> Fault:
    return advertiser.meta.fail(f"/{advertiser.dataset_id}/events", **fault)


@pytest.mark.parametrize("fault", UNCERTAIN, ids=str)
def test_what_may_have_arrived_is_sent_again_as_the_same(
    advertiser: Advertiser, fault: dict[str, Any]
):
    advertiser.redeem(advertiser.visit(), **PURCHASE)
    failing(advertiser, **fault)
    advertiser.work()
    assert [(row.state, row.failed, row.problem) for row in advertiser.rows()] == [
        ("pending", 1, "not_taken")
    ] * 2
    advertiser.work()
    assert len(advertiser.calls) == 1, "not before its time"
    advertiser.advance(minutes=2)
    advertiser.work()
    assert advertiser.states() == ["sent", "sent"]
    first, again = advertiser.meta.calls(f"/{advertiser.dataset_id}/events")
    assert first.form["data"] == again.form["data"], "to the letter"
    kept = advertiser.datasets.of(advertiser.dataset_id)
    assert len([one for one in kept if not one.is_repeated]) == 2


def test_an_answer_is_waited_for_no_longer_than_one_and_a_half_seconds(advertiser: Advertiser):
    advertiser.visit()
    failing(advertiser, hold=4)
    began = now()
    advertiser.work()
    assert timedelta(seconds=1.4) < now() - began < timedelta(seconds=3)
    [row] = advertiser.rows()
    assert (row.state, row.failed) == ("pending", 1)
    advertiser.advance(minutes=2)
    advertiser.work()
    told = advertiser.datasets.of(advertiser.dataset_id)
    assert [one.is_repeated for one in told] == [False, True], "Meta knows the two for one"
    assert advertiser.states() == ["sent"]


@pytest.mark.parametrize("fault", THROTTLED, ids=str)
def test_a_throttled_merchant_rests_and_nothing_is_counted_against_its_events(
    advertiser: Advertiser, fault: dict[str, Any]
):
    advertiser.visit()
    failing(advertiser, **fault)
    advertiser.work()
    advertiser.visit()
    advertiser.advance(minutes=14)
    advertiser.work()
    assert len(advertiser.calls) == 1, "calls while throttled make it last longer"
    assert [(row.state, row.failed) for row in advertiser.rows()] == [("pending", 0)] * 2
    advertiser.advance(minutes=2)
    advertiser.work()
    assert advertiser.states() == ["sent", "sent"]


def test_one_blocked_for_policy_rests_for_a_day(advertiser: Advertiser):
    advertiser.visit()
    failing(advertiser, code=368)
    advertiser.work()
    advertiser.advance(hours=23, minutes=59)
    advertiser.work()
    assert (len(advertiser.calls), advertiser.states()) == (1, ["pending"])
    advertiser.advance(minutes=2)
    advertiser.work()
    assert advertiser.states() == ["sent"]


@pytest.mark.parametrize(("fault", "status"), HELD, ids=str)
def test_a_token_that_is_no_longer_good_stops_all_until_there_is_another(
    advertiser: Advertiser, fault: dict[str, Any], status: str
):
    advertiser.visit()
    failing(advertiser, **fault)
    advertiser.work()
    advertiser.visit()
    advertiser.advance(days=1)
    advertiser.work()
    assert (len(advertiser.calls), advertiser.states()) == (1, ["pending", "pending"])
    assert advertiser.read()["status"] == status
    refused = advertiser.world.call(
        "post", f"{PATH}/test", advertiser.world.key, json={"test_event_code": "T1"}
    )
    assert (refused.status_code, refused.json["code"]) == (409, "conversions-held")
    entry = advertiser.world.ask("get", "/v1/audit")["items"][0]
    assert (entry["action"], entry["actor"]["name"]) == ("conversion_setting.held", "lbs")
    advertiser.token = advertiser.meta.give_token("SYSTEM_USER", "1")
    assert advertiser.set()["status"] == "active"
    advertiser.work()
    assert advertiser.states() == ["sent", "sent"]


def test_a_setting_changed_without_a_token_lets_nothing_go_on(advertiser: Advertiser):
    advertiser.visit()
    failing(advertiser, code=190)
    advertiser.work()
    assert advertiser.set(access_token=None)["status"] == "reauth_required"


def test_one_merchants_trouble_is_nobody_elses(
    advertiser: Advertiser, other_advertiser: Advertiser
):
    for one in (advertiser, other_advertiser):
        one.visit()
    failing(advertiser, code=190)
    for one in (advertiser, other_advertiser):
        one.work()
    assert (advertiser.states(), other_advertiser.states()) == (["pending"], ["sent"])


def test_a_call_with_the_old_token_says_nothing_of_the_new(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    sender = Sender(advertiser.world.db, advertiser.settings)
    load = sender.take(advertiser.world.merchant_id)
    assert load is not None
    advertiser.token = advertiser.meta.give_token("SYSTEM_USER", "2")
    advertiser.set()
    failing(advertiser, code=190)
    assert not sender.send(load)
    assert advertiser.read()["status"] == "active"
    advertiser.work()
    assert advertiser.states() == ["sent"]


def test_after_eight_tries_within_a_day_it_is_given_up_and_can_be_tried_anew(
    advertiser: Advertiser,
):
    advertiser.visit()
    failing(advertiser, code=2, times=8)
    for tries in range(1, 9):
        advertiser.work()
        assert len(advertiser.calls) == tries
        advertiser.advance(hours=15)
    advertiser.work()
    assert len(advertiser.calls) == 8
    [row] = advertiser.rows()
    assert (row.state, row.problem, row.error_code) == ("dead", "given_up", 2)
    assert row.trace_id
    assert replay(advertiser) == 1
    assert replay(advertiser) == 0
    advertiser.work()
    assert advertiser.states() == ["sent"]


def test_the_dead_go_with_the_consent_too(advertiser: Advertiser):
    customer = advertiser.customer()
    visit = advertiser.visit(customer)
    advertiser.datasets.poison = {visit["id"]}
    advertiser.work()
    assert advertiser.states() == ["dead"]
    advertiser.withdraw(customer)
    assert replay(advertiser) == 0
    assert advertiser.rows() == []


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({"X-App-Usage": '{"call_count":28,"total_time":25,"total_cputime":25}'}, 0),
        ({"X-App-Usage": '{"call_count":81,"total_time":25,"total_cputime":25}'}, 1),
        ({"X-App-Usage": '{"call_count":28,"total_time":96,"total_cputime":25}'}, 15),
        (
            {
                "X-Business-Use-Case-Usage": '{"1":[{"type":"pages","call_count":97,'
                '"total_cputime":23,"total_time":23,"estimated_time_to_regain_access":40}]}'
            },
            40,
        ),
    ],
)
def test_what_may_be_used_is_heeded(advertiser: Advertiser, headers: dict[str, str], minutes: int):
    advertiser.meta.usage = headers
    advertiser.visit()
    advertiser.work()
    advertiser.visit()
    if minutes:
        paused = datetime.fromisoformat(advertiser.read()["paused_until"])
        assert abs(paused - now() - timedelta(minutes=minutes)) < timedelta(seconds=20)
        advertiser.work()
        assert len(advertiser.calls) == 1
        advertiser.advance(minutes=minutes)
    advertiser.work()
    assert advertiser.states() == ["sent", "sent"]


def test_what_meta_did_not_receive_is_told_and_counted(advertiser: Advertiser):
    for _ in range(3):
        advertiser.visit()
    advertiser.datasets.unreceived = 2
    with capture_logs() as said:
        advertiser.work()
    [line] = said
    trace_ids = {row.trace_id for row in advertiser.rows()}
    assert line == {
        "event": "conversions_not_received",
        "log_level": "error",
        "merchant_id": str(advertiser.world.merchant_id),
        "sent": 3,
        "received": 1,
        "trace_id": trace_ids.pop(),
    }
    assert advertiser.read()["unreceived"] == 2
    assert advertiser.states() == ["sent"] * 3


# --- one bad event in a batch -------------------------------------------------------------------


def test_a_poisoned_event_is_found_and_the_others_are_sent(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.multiply(63)
    poisoned = advertiser.rows()[40]
    advertiser.datasets.poison = {str(poisoned.order_id)}
    advertiser.work()
    assert len(advertiser.calls) - 1 <= 2 * math.ceil(math.log2(64))
    assert len(advertiser.received) == 63
    assert not any(one.is_repeated for one in advertiser.datasets.of(advertiser.dataset_id))
    [dead] = [row for row in advertiser.rows() if row.state != "sent"]
    assert (dead.id, dead.state, dead.problem) == (poisoned.id, "dead", "refused")
    assert dead.error_code == 100
    assert dead.trace_id
    shown = advertiser.world.ask("get", f"{PATH}/events", query_string={"state": "dead"})["items"]
    assert [one["trace_id"] for one in shown] == [dead.trace_id]
    advertiser.datasets.poison = set()
    assert replay(advertiser) == 1
    advertiser.work()
    assert set(advertiser.states()) == {"sent"}


def test_where_many_are_refused_the_search_ends_and_goes_on_later(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.multiply(59)
    advertiser.datasets.poison = {str(row.order_id) for row in advertiser.rows()}
    advertiser.work()
    assert len(advertiser.calls) == policy.CALLS
    assert set(advertiser.states()) == {"dead", "pending"}
    advertiser.work()
    assert len(advertiser.calls) == policy.CALLS, "Meta is left alone for a while"
    advertiser.advance(minutes=15)
    advertiser.work()
    assert set(advertiser.states()) == {"dead"}
    assert advertiser.received == []


def test_the_others_wait_while_meta_does_not_answer_in_the_middle_of_a_search(
    advertiser: Advertiser,
):
    advertiser.visit()
    advertiser.publish()
    advertiser.multiply(7)
    rows = advertiser.rows()
    advertiser.datasets.poison = {str(rows[0].order_id)}
    failing(advertiser, code=100)
    failing(advertiser, code=2)
    advertiser.work()
    assert [row.failed for row in advertiser.rows()] == [1] * 4 + [0] * 4
    advertiser.advance(minutes=2)
    advertiser.work()
    assert sorted(advertiser.states()) == ["dead"] + ["sent"] * 7


# --- tests --------------------------------------------------------------------------------------


def test_a_test_is_sent_by_itself_with_its_code_and_of_nobody(advertiser: Advertiser):
    advertiser.visit()
    sent = advertiser.world.ask("post", f"{PATH}/test", json={"test_event_code": "TEST78234"})
    advertiser.work()
    calls = advertiser.meta.calls(f"/{advertiser.dataset_id}/events")
    assert sorted(call.form.get("test_event_code", "") for call in calls) == ["", "TEST78234"]
    [test] = [one for one in advertiser.datasets.of(advertiser.dataset_id) if one.test_event_code]
    assert test.event["event_id"] == test.event["custom_data"]["order_id"] == sent["id"]
    assert test.event["user_data"] == {"external_id": [hashed(sent["id"])]}
    assert advertiser.states() == ["sent", "sent"]


def test_a_test_that_is_refused_says_so_in_the_log(advertiser: Advertiser):
    sent = advertiser.world.ask("post", f"{PATH}/test", json={"test_event_code": "T1"})
    failing(advertiser, code=100)
    advertiser.work()
    [event] = advertiser.world.ask("get", f"{PATH}/events")["items"]
    assert (event["id"], event["state"], event["problem"]) == (sent["id"], "dead", "refused")


# --- many at once, and nothing held meanwhile ---------------------------------------------------


def test_of_many_workers_each_event_is_sent_by_one(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    advertiser.multiply(1200)
    at_once([advertiser.work] * 4)
    told = advertiser.datasets.of(advertiser.dataset_id)
    assert len(told) == 1201
    assert not any(one.is_repeated for one in told)
    assert set(advertiser.states()) == {"sent"}


def test_no_transaction_is_open_while_meta_takes_its_time(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    failing(advertiser, hold=1)
    open_ones = text(
        "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )

    def look() -> list[int]:
        seen = []
        while not advertiser.calls:
            time.sleep(0.01)
        for _ in range(20):
            with advertiser.world.db.transaction() as session:
                seen.append(session.scalar(open_ones) or 0)
        return seen

    seen, _ = at_once([look, advertiser.work])
    assert max(seen) == 0


def test_taken_by_one_that_never_came_back_it_is_sent_by_another_when_the_lease_is_over(
    advertiser: Advertiser,
):
    advertiser.visit()
    advertiser.publish()
    sender = Sender(advertiser.world.db, advertiser.settings)
    assert sender.take(advertiser.world.merchant_id)
    advertiser.work()
    assert advertiser.calls == []
    advertiser.advance(minutes=10)
    advertiser.work()
    assert advertiser.states() == ["sent"]


def test_one_that_comes_back_late_changes_nothing(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    sender = Sender(advertiser.world.db, advertiser.settings)
    load = sender.take(advertiser.world.merchant_id)
    assert load is not None
    advertiser.advance(minutes=10)
    advertiser.work()
    [row] = advertiser.rows()
    failing(advertiser, code=100)
    sender.send(load)
    assert advertiser.rows() == [row]
    assert row.sent_at <= datetime.now(UTC)


def test_what_another_has_taken_since_is_the_others_to_settle(advertiser: Advertiser):
    advertiser.visit()
    advertiser.publish()
    sender, loads = Sender(advertiser.world.db, advertiser.settings), []
    for _ in range(2):
        loads.append(sender.take(advertiser.world.merchant_id))
        advertiser.advance(minutes=10)
    late, current = loads
    [row] = advertiser.rows()
    for code in (100, 2, 4):
        failing(advertiser, code=code)
        sender.send(late)
        assert advertiser.rows() == [row]
    with advertiser.world.db.transaction() as session:
        put_back = "UPDATE conversion SET next_try_at = :until WHERE id = :id"
        session.execute(text(put_back), {"until": current.until, "id": row.id})
    sender.send(current)
    assert advertiser.states() == ["sent"]
