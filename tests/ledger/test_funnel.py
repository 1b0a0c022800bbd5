"""The funnel's facts: each written once, and saying all that it is counted by."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import text

from lbs.unlocks import service as unlocks
from tests.ledger.facts import facts, make_tester, of_unlock
from tests.racing import post_at_once
from tests.world import World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def comes(world: World, customer: str, venue: dict[str, Any], **members: Any) -> dict[str, Any]:
    body = {"venue_id": venue["id"], "evidence": [world.location()], **members}
    return world.ask("post", "/v1/check-ins", customer, json=body)


def test_an_unlock_is_told_of_in_the_same_words_from_the_check_in_to_the_till(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        offer = world.offer(venue, reserve_s=600, valid_to="2030-01-01T00:00:00Z")
        anna = world.register(external_id="anna")["access_token"]
        [unlock] = comes(world, anna, venue, channel="push")["unlocked"]
        reservation = f"/v1/unlocks/{unlock['id']}/reservation"
        clock.shift(90.9)
        world.ask("post", reservation, anna)
        clock.shift(10)
        world.ask("delete", reservation, anna, 204)
        clock.shift(10)
        code = world.ask("post", reservation, anna)["code"]
        other = world.venue(name="Another")
        assert world.redeem(code, other).status_code == 409
        clock.shift(10.5)
        redemption = world.redeem(code, venue, amount_minor=9900).json
        path = f"/v1/redemptions/{redemption['id']}/reversal"
        world.ask("post", path, json={"reason": "Wrong order"})
    kinds = (
        *("unlocked", "reserved", "reservation_released", "redemption_refused"),
        *("redeemed", "reversed"),
    )
    told = facts(world, *kinds)
    assert Counter(fact.kind for fact in told) == {**dict.fromkeys(kinds, 1), "reserved": 2}
    [same] = {of_unlock(fact) for fact in told}
    subject_id, check_in_id, *rest = same
    assert (subject_id is not None, str(check_in_id)) == (True, unlock["check_in_id"])
    assert rest == [
        *(UUID(offer["id"]), 1, UUID(unlock["id"]), "push", None, None, None, 1, True, True)
    ]
    by_kind = {fact.kind: fact for fact in told}
    assert [fact.elapsed_s for fact in told if fact.elapsed_s is not None] == [0, 90, 110, 121]
    assert by_kind["redemption_refused"].reasons == ["other_venue"]
    assert str(by_kind["redemption_refused"].venue_id) == other["id"]
    till = {by_kind[kind].actor_id for kind in ("redeemed", "redemption_refused", "reversed")}
    assert len(till) == 1
    assert None not in till
    [check_in] = facts(world, "check_in")
    assert check_in.channel == "push"


def test_what_expires_lapses_or_is_voided_says_so_too(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, reserve_s=60, redeem_within_s=3600)
        world.offer(venue, redeem_within_s=7200)
        anna = world.customer(external_id="anna")
        first, second = comes(world, anna, venue, channel="poster")["unlocked"]
        world.ask("post", f"/v1/unlocks/{first['id']}/reservation", anna)
        clock.shift(61)
        with world.db.transaction() as session:
            unlocks.lapse(session, datetime.now(UTC))
        clock.shift(3600)
        with world.db.transaction() as session:
            unlocks.expire(session, datetime.now(UTC))
        code = second["code"]
        assert world.redeem(code, venue).status_code == 201
        path = f"/v1/check-ins/{second['check_in_id']}/void"
        world.ask("post", path, json={"reason": "Not there"})
    unlocked = {fact.unlock_id: of_unlock(fact) for fact in facts(world, "unlocked")}
    later = {
        kind: facts(world, kind)
        for kind in ("reservation_lapsed", "expired", "redeemed", "unlock_voided", "reversed")
    }
    assert {kind: len(told) for kind, told in later.items()} == dict.fromkeys(later, 1)
    for [fact] in later.values():
        assert of_unlock(fact) == unlocked[fact.unlock_id]
        assert fact.channel == "poster"
    [voided] = facts(world, "check_in_voided")
    assert (voided.channel, voided.level, voided.first_visit) == ("poster", 1, True)


def test_a_refusal_of_a_code_that_is_nobodys_says_nothing_of_an_unlock(world: World):
    assert world.redeem("7M3K-9QZ2-VX4A", world.venue()).status_code == 409
    [refused] = facts(world, "redemption_refused")
    assert of_unlock(refused) == (*[None] * 11, True)
    assert refused.actor_id is not None


def test_a_channel_is_one_of_the_words_or_none(world: World):
    venue = world.venue()
    for channel in ("carrier pigeon", "", 7):
        body = {"venue_id": venue["id"], "evidence": [], "channel": channel}
        answer = world.call("post", "/v1/check-ins", world.customer(), json=body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json["errors"]] == ["#/channel"]
    comes(world, world.customer(), venue)
    assert [fact.channel for fact in facts(world, "check_in")] == [None]


def test_the_channel_stays_with_a_check_in_to_which_evidence_is_added(world: World):
    venue = world.venue()
    world.offer(venue)
    customer = world.customer()
    body = {
        "venue_id": venue["id"],
        "evidence": [world.location(north_m=85)],
        "channel": "link",
    }
    doubted = world.ask("post", "/v1/check-ins", customer, json=body)
    path = f"/v1/check-ins/{doubted['id']}/evidence"
    world.ask("post", path, customer, json={"evidence": [world.location()]})
    told = facts(world, "check_in", "unlocked")
    assert [fact.channel for fact in told] == ["link"] * 3


def test_who_completes_a_swarm_gives_the_others_what_they_came_by(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "swarm", "n": 2}, valid_to="2030-01-01T00:00:00Z")
        first = comes(world, world.customer(external_id="anna"), venue, channel="nearby")
        clock.shift(600)
        second = comes(world, world.customer(external_id="bo"), venue, channel="link")
    told = {str(fact.check_in_id): fact for fact in facts(world, "unlocked")}
    assert (told[first["id"]].channel, told[first["id"]].elapsed_s) == ("nearby", 600)
    assert (told[second["id"]].channel, told[second["id"]].elapsed_s) == ("link", 0)


def test_a_share_has_the_credit_of_the_unlock_and_of_what_is_spent_with_it(world: World):
    venue = world.venue()
    offer, other = world.offer(venue), world.offer(venue)
    sharer, friend = world.customer(), world.customer()
    token = world.ask("post", f"/v1/offers/{offer['id']}/shares", sharer)["token"]
    world.ask("post", "/v1/referrals", friend, json={"token": token})
    opened = {one["offer_id"]: one for one in comes(world, friend, venue)["unlocked"]}
    for one in opened.values():
        world.redeem(one["code"], venue, amount_minor=5000)
    [shared] = facts(world, "shared")
    assert shared.share_id is not None
    told = facts(world, "shared", "share_visited", "friend_visit", "unlocked", "redeemed")
    assert Counter((fact.kind, str(fact.offer_id), fact.share_id) for fact in told) == {
        ("shared", offer["id"], shared.share_id): 1,
        ("share_visited", offer["id"], shared.share_id): 1,
        ("friend_visit", offer["id"], shared.share_id): 1,
        ("unlocked", offer["id"], shared.share_id): 1,
        ("redeemed", offer["id"], shared.share_id): 1,
        ("unlocked", other["id"], None): 1,
        ("redeemed", other["id"], None): 1,
    }
    [visit] = facts(world, "friend_visit")
    assert (str(visit.unlock_id), visit.first_visit) == (opened[offer["id"]]["id"], True)
    assert visit.subject_id == shared.subject_id


def test_a_credit_at_one_moment_is_that_of_the_unlock(world: World, app):
    """At two venues at once: only the unlock whose check-in is credited says the share."""
    for _ in range(5):
        venues = [world.venue() for _ in range(3)]
        offer = world.offer(*venues)
        sharer, friend = world.customer(), world.customer()
        token = world.ask("post", f"/v1/offers/{offer['id']}/shares", sharer)["token"]
        world.ask("post", "/v1/referrals", friend, json={"token": token})
        bodies = [{"venue_id": v["id"], "evidence": [world.location()]} for v in venues]
        post_at_once(app, [("/v1/check-ins", friend, body) for body in bodies])
        told = [
            f for f in facts(world, "unlocked", "friend_visit") if str(f.offer_id) == offer["id"]
        ]
        credited = [fact for fact in told if fact.share_id]
        assert sorted(fact.kind for fact in credited) == ["friend_visit", "unlocked"]
        assert len({fact.unlock_id for fact in credited}) == 1


RETURNS = {
    "the same day": (timedelta(hours=4), 7),
    "seven days": (7 * DAY, 7),
    "more than seven": (7 * DAY + TICK, 30),
    "thirty": (30 * DAY, 30),
    "more than thirty": (30 * DAY + TICK, 90),
    "ninety": (90 * DAY, 90),
    "more than ninety": (90 * DAY + TICK, None),
}


@pytest.mark.parametrize(("after", "within_days"), RETURNS.values(), ids=RETURNS)
def test_the_next_visit_is_a_return_to_what_the_last_has_opened(world: World, after, within_days):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "first_visit"}, valid_to="2030-01-01T00:00:00Z")
        [unlock] = comes(world, world.customer(external_id="anna"), venue, channel="push")[
            "unlocked"
        ]
        clock.shift(after)
        again = comes(world, world.customer(external_id="anna"), venue, channel="nearby")
    assert again["visits"] == 2
    told = facts(world, "returned")
    assert [fact.within_days for fact in told] == [within_days] * (within_days is not None)
    for fact in told:
        assert (str(fact.unlock_id), str(fact.check_in_id)) == (unlock["id"], again["id"])
        assert (fact.channel, fact.level, fact.first_visit, fact.counted) == ("push", 1, True, True)
        assert (str(fact.venue_id), fact.elapsed_s) == (venue["id"], int(after.total_seconds()))


def test_an_unlock_returns_once_and_each_by_its_own_next_visit(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, valid_to="2030-01-01T00:00:00Z")
        seen = []
        for _ in range(3):
            seen.append(comes(world, world.customer(external_id="anna"), venue))
            clock.shift(DAY)
    ids = [(one["unlocked"][0]["id"], one["id"]) for one in seen]
    told = [(str(fact.unlock_id), str(fact.check_in_id)) for fact in facts(world, "returned")]
    assert told == [(ids[0][0], ids[1][1]), (ids[1][0], ids[2][1])]


def test_only_a_visit_to_the_same_venue_is_a_return(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue, other = world.venue(), world.venue(name="Next door")
        world.offer(venue, valid_to="2030-01-01T00:00:00Z")
        comes(world, world.customer(external_id="anna"), venue)
        clock.shift(DAY)
        anna = world.customer(external_id="anna")
        comes(world, anna, other)
        comes(world, world.customer(external_id="bo"), venue)
        assert world.check_in(anna, venue, north_m=450)["verdict"] == "rejected"
        assert world.check_in(anna, venue, north_m=85)["verdict"] == "ambiguous"
        assert facts(world, "returned") == []
        assert comes(world, anna, venue)["verdict"] == "accepted"
    assert len(facts(world, "returned")) == 1


def test_evidence_that_makes_it_a_visit_makes_it_a_return(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, valid_to="2030-01-01T00:00:00Z")
        comes(world, world.customer(external_id="anna"), venue)
        clock.shift(DAY)
        anna = world.customer(external_id="anna")
        doubted = world.check_in(anna, venue, north_m=85)
        path = f"/v1/check-ins/{doubted['id']}/evidence"
        for _ in range(2):
            clock.shift(60)
            world.ask("post", path, anna, json={"evidence": [world.location()]})
    [fact] = facts(world, "returned")
    assert str(fact.check_in_id) == doubted["id"]


def test_what_is_voided_is_nothing_to_return_to_and_no_return(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, valid_to="2030-01-01T00:00:00Z")
        seen = []
        for _ in range(4):
            seen.append(comes(world, world.customer(external_id="anna"), venue))
            clock.shift(DAY)
            if len(seen) in (1, 3):
                path = f"/v1/check-ins/{seen[-1]['id']}/void"
                world.ask("post", path, json={"reason": "Not there"})
    told = [str(fact.check_in_id) for fact in facts(world, "returned")]
    assert told == [seen[2]["id"], seen[3]["id"]]
    [unlock_id] = {str(fact.unlock_id) for fact in facts(world, "returned")}
    assert unlock_id == seen[1]["unlocked"][0]["id"], "the voided return gave its place up"


def test_a_testers_return_is_not_counted(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, valid_to="2030-01-01T00:00:00Z")
        make_tester(world, world.customer(external_id="anna"), venue)
        for _ in range(2):
            comes(world, world.customer(external_id="anna"), venue)
            clock.shift(DAY)
    assert [fact.counted for fact in facts(world, "returned")] == [False]


def test_at_one_moment_a_customer_returns_once(world: World, app):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue(cool_down_s=0)
        world.offer(venue, valid_to="2030-01-01T00:00:00Z", rule={"kind": "first_visit"})
        comes(world, world.customer(external_id="anna"), venue)
        clock.shift(DAY)
        anna = world.customer(external_id="anna")
        bodies = [{"venue_id": venue["id"], "evidence": [world.location()]} for _ in range(4)]
        post_at_once(app, [("/v1/check-ins", anna, body) for body in bodies])
    assert len(facts(world, "returned")) == 1


def test_a_flag_is_a_fact_and_so_is_another_problem(world: World):
    venue = world.venue()
    offer, customer = world.offer(venue), world.customer()
    [unlock] = comes(world, customer, venue, channel="link")["unlocked"]
    path = f"/v1/offers/{offer['id']}/flags"
    for body in (
        {"problem": "other", "text": "Cold"},
        {"problem": "other", "text": "Cold, and late"},
        {"problem": "not_valuable"},
        {"problem": "other"},
    ):
        world.ask("post", path, customer, json=body)
    told = facts(world, "flagged")
    assert [fact.reasons for fact in told] == [["other"], ["not_valuable"], ["other"]]
    assert {of_unlock(fact) for fact in told} == {of_unlock(f) for f in facts(world, "unlocked")}
    assert {str(fact.unlock_id) for fact in told} == {unlock["id"]}


def find(world: World, customer: str, path: str = "/v1/venues/nearby") -> Any:
    query = {"lat": world.lat, "lon": world.lon}
    return world.ask("get", path, customer, query_string=query)


@pytest.mark.parametrize("path", ["/v1/venues/nearby", "/v1/venues/nearby.geojson"])
def test_a_search_lists_the_running_offers_that_it_has_shown_at_each_venue(world: World, path):
    here, there, bare, later = (world.venue(name=name, east_m=50) for name in "abcd")
    both, one = world.offer(here, there), world.offer(there)
    world.offer(later, valid_from="2035-01-01T00:00:00Z", valid_to="2036-01-01T00:00:00Z")
    world.offer(bare, status="draft")
    customer = world.customer()
    comes(world, customer, here)
    find(world, customer, path)
    told = {str(fact.venue_id): fact for fact in facts(world, "nearby_listed")}
    shown = {venue: set(map(str, fact.offer_ids)) for venue, fact in told.items()}
    assert shown == {here["id"]: {both["id"]}, there["id"]: {both["id"], one["id"]}}
    assert [told[venue["id"]].first_visit for venue in (here, there)] == [False, True]
    [check_in] = facts(world, "check_in")
    for fact in told.values():
        assert (fact.channel, fact.counted) == ("nearby", True)
        assert fact.subject_id == check_in.subject_id
    find(world, customer, path)
    assert len(facts(world, "nearby_listed")) == 4


def test_what_a_tester_is_shown_is_not_counted(world: World):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    make_tester(world, customer, venue)
    find(world, customer)
    assert [fact.counted for fact in facts(world, "nearby_listed")] == [False]


def test_a_search_tells_each_merchant_of_its_own_venues(world: World, app):
    other = World(app)
    other.lat, other.lon = world.lat, world.lon
    for one in (world, other):
        one.offer(one.venue())
    find(world, world.customer())
    told = [[str(fact.venue_id) for fact in facts(one, "nearby_listed")] for one in (world, other)]
    assert [len(venues) for venues in told] == [1, 1]
    assert told[0] != told[1]


def test_the_wheres_of_a_search_are_in_no_fact(world: World, db):
    world.offer(world.venue())
    find(world, world.customer())
    with db.transaction() as session:
        told = session.scalars(
            text("SELECT event::text FROM ledger_event AS event WHERE merchant_id = :id"),
            {"id": world.merchant_id},
        ).all()
    assert [fact for fact in told if str(world.lat)[:7] in fact] == []
