"""Codes at the till over HTTP: once, with one answer for all that is wrong, and back again."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from lbs.unlocks import service as unlock_service
from lbs.unlocks.policy import make_code
from tests.racing import post_at_once
from tests.unlocks.stock import agrees, counters
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def code_of(world: World, venue, customer: str | None = None, **fix) -> str:
    [unlock] = world.check_in(customer or world.customer(), venue, **fix)["unlocked"]
    return unlock["code"]


def reverse(world: World, redemption, key: str | None = None, reason: str = "Wrong order"):
    path = f"/v1/redemptions/{redemption['id']}/reversal"
    return world.call("post", path, key or world.key, json={"reason": reason})


def events(db, venue, kind: str):
    with db.transaction() as session:
        return session.execute(
            text("SELECT * FROM ledger_event WHERE venue_id = :id AND kind = :kind ORDER BY at"),
            {"id": venue["id"], "kind": kind},
        ).all()


def test_a_redemption_says_what_to_give_and_what_was_recorded(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    till = world.key_with("redeem", venues=(venue,))
    code = code_of(world, venue)
    answer = world.redeem(
        code, venue, till, amount_minor=12000, order_reference="till 1, receipt 4711"
    )
    assert answer.status_code == 201
    redemption = answer.json
    assert {name: redemption[name] for name in ("teaser", "terms", "reward")} == {
        name: offer[name] for name in ("teaser", "terms", "reward")
    }
    assert redemption["amount_minor"] == 12000
    assert redemption["order_reference"] == "till 1, receipt 4711"
    assert (redemption["reversed_at"], redemption["reversal_reason"]) == (None, None)
    kept = {name: redemption[name] for name in redemption if name not in offer or name == "id"}
    read = world.ask("get", f"/v1/redemptions/{redemption['id']}", till)
    assert kept.items() <= read.items()
    [event] = events(db, venue, "redeemed")
    assert (event.value_minor, event.cost_minor, event.amount_minor, event.currency) == (
        3500,
        600,
        12000,
        "DKK",
    )
    assert str(event.redemption_id) == redemption["id"]


def test_money_is_that_of_the_version_that_was_unlocked(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    code = code_of(world, venue)
    etag = world.call("get", f"/v1/offers/{offer['id']}", world.key).headers["ETag"]
    changed = {"value_minor": 1, "cost_minor": 2, "currency": "EUR", "terms": "New terms"}
    world.ask("patch", f"/v1/offers/{offer['id']}", json=changed, headers={"If-Match": etag})
    old = world.redeem(code, venue).json
    new = world.redeem(code_of(world, venue), venue).json
    names = ("offer_version", "value_minor", "cost_minor", "currency", "terms")
    assert [old[name] for name in names] == [1, 3500, 600, "DKK", offer["terms"]]
    assert [new[name] for name in names] == [2, 1, 2, "EUR", "New terms"]
    recorded = [(e.offer_version, e.value_minor, e.currency) for e in events(db, venue, "redeemed")]
    assert recorded == [(1, 3500, "DKK"), (2, 1, "EUR")]


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_what_an_offer_opened_before_it_was_paused_or_ended_is_still_good(world: World, status):
    venue = world.venue()
    offer = world.offer(venue)
    code = code_of(world, venue)
    world.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": status})
    assert world.redeem(code, venue).status_code == 201


def test_a_code_is_redeemed_once_however_many_threads_try(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, limit_total=10)
    code = code_of(world, venue)
    body = {"code": code, "venue_id": venue["id"]}
    answers = post_at_once(app, [("/v1/redemptions", world.key, body)] * 64)
    assert Counter(status for status, _ in answers) == {201: 1, 409: 63}
    assert len(events(db, venue, "redeemed")) == 1
    assert counters(db, offer) == {"total": 1}


def test_the_same_request_again_is_the_same_redemption(world: World, db):
    venue = world.venue()
    world.offer(venue)
    body = {"code": code_of(world, venue), "venue_id": venue["id"]}
    headers = {"Idempotency-Key": "lost answer"}
    first, second = (
        world.call("post", "/v1/redemptions", world.key, json=body, headers=headers)
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    assert len(events(db, venue, "redeemed")) == 1


def test_a_reversal_makes_the_code_good_again_and_there_is_one_for_each_redemption(
    world: World, db
):
    venue = world.venue()
    offer = world.offer(venue, limit_total=1)
    code = code_of(world, venue)
    first = world.redeem(code, venue, amount_minor=5000).json
    assert world.redeem(code, venue).status_code == 409
    answer = reverse(world, first)
    assert answer.status_code == 201
    assert answer.json["reversal_reason"] == "Wrong order"
    assert answer.json["reversed_at"] is not None
    again = reverse(world, first)
    assert (again.status_code, again.json["code"]) == (409, "already-reversed")
    second = world.redeem(code, venue).json
    assert second["id"] != first["id"]
    assert reverse(world, first).status_code == 409
    assert world.ask("get", f"/v1/redemptions/{second['id']}")["reversed_at"] is None
    [event] = events(db, venue, "reversed")
    assert (event.value_minor, event.amount_minor, event.reasons) == (3500, 5000, ["Wrong order"])
    # the unlock was one all the time
    assert counters(db, offer) == {"total": 1}
    assert agrees(db, offer)


def test_parallel_reversals_are_one(world: World, app, db):
    venue = world.venue()
    world.offer(venue)
    redemption = world.redeem(code_of(world, venue), venue).json
    path = f"/v1/redemptions/{redemption['id']}/reversal"
    answers = post_at_once(app, [(path, world.key, {"reason": "Twice"})] * 16)
    assert Counter(status for status, _ in answers) == {201: 1, 409: 15}
    assert len(events(db, venue, "reversed")) == 1


def test_reversal_and_redemption_at_once_leave_one_live_redemption_at_most(world: World, app, db):
    venue = world.venue()
    world.offer(venue)
    code = code_of(world, venue)
    redemption = world.redeem(code, venue).json
    back = (f"/v1/redemptions/{redemption['id']}/reversal", world.key, {"reason": "Race"})
    anew = ("/v1/redemptions", world.key, {"code": code, "venue_id": venue["id"]})
    answers = post_at_once(app, [back, anew] * 8)
    assert [status for status, _ in answers[::2]].count(201) == 1
    assert [status for status, _ in answers[1::2]].count(201) <= 1
    with db.transaction() as session:
        live = session.scalar(
            text("SELECT count(*) FROM redemption WHERE venue_id = :id AND reversed_at IS NULL"),
            {"id": venue["id"]},
        )
        state = session.scalar(
            text("SELECT state FROM unlock WHERE venue_id = :id"), {"id": venue["id"]}
        )
    assert (live, state) in ((0, "unlocked"), (1, "redeemed"))


def test_a_reversal_after_the_time_is_over_counts_back_but_opens_nothing(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, redeem_within_s=300, limit_total=1)
    with time_machine.travel(NOON, tick=False) as clock:
        code = code_of(world, venue)
        redemption = world.redeem(code, venue).json
        clock.shift(timedelta(seconds=301))
        assert reverse(world, redemption).status_code == 201
        assert world.redeem(code, venue).status_code == 409
        assert counters(db, offer) == {"total": 1}
        with db.transaction() as session:
            unlock_service.expire(session, now())
        assert counters(db, offer) == {"total": 0}
        assert len(events(db, venue, "expired")) == 1
        assert world.redeem(code, venue).status_code == 409
        assert code_of(world, venue) != code


def test_a_redeemed_unlock_never_expires(world: World, db):
    venue = world.venue()
    world.offer(venue, redeem_within_s=300)
    with time_machine.travel(NOON, tick=False) as clock:
        world.redeem(code_of(world, venue), venue)
        clock.shift(timedelta(days=1))
        with db.transaction() as session:
            unlock_service.expire(session, now())
    assert events(db, venue, "expired") == []


def test_a_code_is_good_wherever_the_offer_runs_and_where_the_customer_checked_in(world: World):
    home, sister, stranger, cousin = (world.venue(name=str(n)) for n in range(4))
    group = world.ask(
        "post", "/v1/venue-groups", json={"name": "Cousins", "venue_ids": [cousin["id"]]}
    )
    offer = world.offer(home, sister, group_ids=[group["id"]])
    assert world.redeem(code_of(world, home), sister).status_code == 201
    assert world.redeem(code_of(world, home), cousin).status_code == 201
    code = code_of(world, home)
    refused = world.redeem(code, stranger)
    assert (refused.status_code, refused.json["code"]) == (409, "code-refused")
    etag = world.call("get", f"/v1/offers/{offer['id']}", world.key).headers["ETag"]
    world.ask(
        "patch",
        f"/v1/offers/{offer['id']}",
        json={"venue_ids": [sister["id"]], "group_ids": []},
        headers={"If-Match": etag},
    )
    assert world.redeem(code, cousin).status_code == 409
    assert world.redeem(code, home).status_code == 201


def test_a_redemption_elsewhere_is_counted_where_the_till_stands(world: World):
    home, sister = world.venue(), world.venue()
    world.offer(home, sister)
    redemption = world.redeem(code_of(world, home), sister).json
    assert redemption["venue_id"] == sister["id"]
    assert world.totals(f"venues/{sister['id']}")["redemptions"] == 1
    assert world.totals(f"venues/{home['id']}")["redemptions"] == 0


def test_a_till_acts_at_its_own_venues_only(world: World, other_world: World):
    here, there, foreign = world.venue(), world.venue(), other_world.venue()
    world.offer(here, there)
    till = world.key_with("redeem", venues=(here,))
    code = code_of(world, here)
    for venue, key, status in (
        (there, till, 403),
        (foreign, world.key, 404),
        ({"id": str(uuid.uuid4())}, world.key, 404),
        (here, world.key_with("stats"), 403),
        (here, world.customer(), 401),
        (here, other_world.key, 404),
    ):
        answer = world.redeem(code, venue, key)
        assert answer.status_code == status, answer.text
        assert code not in answer.text
    redemption = world.redeem(code, here, till).json
    for key in (other_world.key, world.key_with("redeem", venues=(there,))):
        assert world.call("get", f"/v1/redemptions/{redemption['id']}", key).status_code == 404
        assert reverse(world, redemption, key).status_code == 404
    assert reverse(world, redemption, till).status_code == 201


IGNORED = {"X-Request-ID", "RateLimit", "Date"}


def test_every_refused_code_gets_the_same_answer_and_the_ledger_knows_why(
    world: World, other_world: World, db
):
    venue, elsewhere = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    world.offer(venue)
    world.offer(elsewhere)
    foreign_venue = other_world.venue()
    other_world.offer(foreign_venue)
    with time_machine.travel(NOON, tick=False) as clock:
        customer = world.customer()
        short = world.offer(venue, redeem_within_s=300)
        opened = {u["offer_id"]: u["code"] for u in world.check_in(customer, venue)["unlocked"]}
        lapsed = opened.pop(short["id"])
        [spent] = opened.values()
        assert world.redeem(spent, venue).status_code == 201
        codes = {
            "mistyped": spent[:-1] + ("0" if spent[-1] != "0" else "1"),
            "unknown": make_code(b"nobodys"),
            "foreign": code_of(other_world, foreign_venue),
            "redeemed": spent,
            "other_venue": code_of(world, elsewhere, customer),
            "expired": lapsed,
        }
        clock.shift(timedelta(seconds=300))
        answers = {}
        for name, code in codes.items():
            clock.shift(timedelta(seconds=1))
            answers[name] = world.redeem(code, venue)
        with db.transaction() as session:
            unlock_service.expire(session, now())
        answers["expired by the job"] = world.redeem(lapsed, venue)
    seen = {
        (
            answer.status_code,
            frozenset((answer.json | {"request_id": ""}).items()),
            frozenset((k, v) for k, v in answer.headers if k not in IGNORED),
        )
        for answer in answers.values()
    }
    assert len(seen) == 1, seen
    [(status, body, _)] = seen
    assert status == 409
    assert dict(body)["code"] == "code-refused"
    refusals = events(db, venue, "redemption_refused")
    assert [event.reasons for event in refusals] == [
        ["mistyped"],
        ["unknown"],
        ["unknown"],
        ["redeemed"],
        ["other_venue"],
        ["expired"],
        ["expired"],
    ]
    assert [event.unlock_id is not None for event in refusals] == [False] * 3 + [True] * 4
    assert {event.merchant_id for event in refusals} == {world.merchant_id}
    with db.transaction() as session:
        everything = session.scalars(
            text("SELECT event::text FROM ledger_event AS event WHERE venue_id = :id"),
            {"id": venue["id"]},
        ).all()
    assert not [code for code in codes.values() for row in everything if code in row]


def test_a_code_may_be_typed_carelessly(world: World):
    venue = world.venue()
    world.offer(venue)
    code = code_of(world, venue)
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert world.redeem(typed, venue).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"code": ""},
        {"code": " "},
        {"code": "x" * 65},
        {"code": 7},
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"amount_minor": 10**13},
        {"order_reference": "x" * 201},
        {"venue_id": "here"},
        {"customer_id": "x"},
    ],
)
def test_a_body_that_makes_no_sense_is_422_and_no_guess(world: World, db, body):
    venue = world.venue()
    answer = (
        world.redeem(body.pop("code", "ABCD"), venue, **body)
        if "venue_id" not in body
        else (world.call("post", "/v1/redemptions", world.key, json={"code": "ABCD", **body}))
    )
    assert answer.status_code == 422
    assert events(db, venue, "redemption_refused") == []


def test_the_list_filters_by_offer_venue_and_time_and_pages(world: World, other_world: World):
    here, there = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    coffee, tea = world.offer(here, there), world.offer(here)
    with time_machine.travel(NOON, tick=False) as clock:
        made = []
        for hour, venue in enumerate((here, there, here)):
            clock.move_to(NOON + timedelta(hours=hour))
            opened = world.check_in(world.customer(), venue)["unlocked"]
            made += [world.redeem(unlock["code"], venue).json["id"] for unlock in opened]
    assert len(made) == 5
    names = {redemption: f"r{number}" for number, redemption in enumerate(made)}

    def listed(key=None, **query):
        page = world.ask("get", "/v1/redemptions", key, query_string=query)
        return [names[item["id"]] for item in page["items"]], page["next_cursor"]

    def at(hours):
        return (NOON + timedelta(hours=hours)).isoformat()

    assert listed() == (["r4", "r3", "r2", "r1", "r0"], None)
    assert listed(venue_id=there["id"]) == (["r2"], None)
    assert len(listed(offer_id=coffee["id"])[0]) == 3
    assert len(listed(offer_id=tea["id"])[0]) == 2
    assert listed(offer_id=tea["id"], venue_id=there["id"]) == ([], None)
    assert listed(**{"from": at(1)}) == (["r4", "r3", "r2"], None)
    assert listed(to=at(2)) == (["r2", "r1", "r0"], None)
    assert listed(**{"from": at(1), "to": at(2)}) == (["r2"], None)
    first, cursor = listed(limit=3)
    rest, end = listed(limit=3, cursor=cursor)
    assert (first + rest, end) == (["r4", "r3", "r2", "r1", "r0"], None)
    till = world.key_with("redeem", venues=(there,))
    assert listed(till) == (["r2"], None)
    for query in ({"venue_id": here["id"]},):
        answer = world.call("get", "/v1/redemptions", till, query_string=query)
        assert answer.status_code == 403
    assert other_world.ask("get", "/v1/redemptions")["items"] == []


def test_a_reversed_redemption_stays_in_the_list(world: World):
    venue = world.venue()
    world.offer(venue)
    redemption = world.redeem(code_of(world, venue), venue).json
    reverse(world, redemption)
    [item] = world.ask("get", "/v1/redemptions")["items"]
    assert (item["id"], item["reversal_reason"]) == (redemption["id"], "Wrong order")


def test_the_code_of_an_erased_customer_is_still_good(world: World):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    code = code_of(world, venue, customer)
    world.ask("delete", "/v1/customers/me", customer)
    assert world.redeem(code, venue).status_code == 201
