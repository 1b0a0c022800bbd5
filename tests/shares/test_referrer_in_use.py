"""The bonus for who refers: from the share by the friend's visit to the sharer's own check-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from lbs.app import create_app
from lbs.unlocks.service import expire
from tests.checkins.test_explanations import customer_of
from tests.offers.people import Person, people
from tests.offers.test_people_in_use import staff_pin
from tests.racing import post, post_at_once
from tests.shares.test_referred_in_use import NOON, shares
from tests.world import OFFER, World, now

TERMS = "One filter coffee of any size. It is not sponsored by Meta or Facebook."
BONUS = {
    "rule": {"kind": "referrer", "n": 1},
    "terms": TERMS,
    "teaser": "For those who bring friends",
    "limit_per_customer": 5,
}


def bonus(*venues: dict[str, Any], n: int = 1, **members: Any) -> dict[str, Any]:
    world = members.pop("world")
    return world.offer(*venues, **{**BONUS, "rule": {"kind": "referrer", "n": n}, **members})


def has_it(seen: dict[str, Any], offer: dict[str, Any]) -> bool:
    return offer["id"] in {unlock["offer_id"] for unlock in seen["unlocked"]}


def why(seen: dict[str, Any], offer: dict[str, Any]) -> tuple[str, int, int]:
    [found] = [one for one in seen["locked"] if one["offer_id"] == offer["id"]]
    return found["reason"]["code"], found["progress"], found["target"]


def goes_past(person: Person, venue: dict[str, Any]) -> dict[str, Any]:
    evidence = [person.world.location(north_m=5000)]
    return person.comes(venue, evidence=evidence)


def has_had(person: Person, offer: dict[str, Any]) -> int:
    return sum(unlock["offer_id"] == offer["id"] for unlock in person.wallet())


def test_the_sharer_has_it_at_their_next_check_in_after_the_friends_verified_visit(world: World):
    venue = world.venue(cool_down_s=0)
    shared, offer = world.offer(venue), bonus(venue, world=world)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    assert not has_it(sharer.comes(venue), offer)
    assert goes_past(friend, venue)["verdict"] == "rejected"
    assert why(sharer.comes(venue), offer) == ("more_friends_sent", 0, 1)
    assert not has_it(friend.comes(venue), offer)
    assert has_had(sharer, offer) == 0
    seen = sharer.comes(venue)
    assert has_it(seen, offer)
    [unlock] = [one for one in seen["unlocked"] if one["offer_id"] == offer["id"]]
    assert (unlock["terms"], has_had(friend, offer)) == (TERMS, 0)
    assert world.redeem(unlock["code"], venue).status_code == 201
    friend.comes(venue)
    assert not has_it(sharer.comes(venue), offer)


def test_it_takes_an_accepted_check_in_of_the_sharers_own(world: World):
    venue = world.venue()
    shared, offer = world.offer(venue), bonus(venue, world=world)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    friend.comes(venue)
    past = goes_past(sharer, venue)
    assert (past["verdict"], past["unlocked"], has_had(sharer, offer)) == ("rejected", [], 0)
    assert has_it(sharer.comes(venue), offer)


def test_each_friend_counts_once_whichever_offer_was_shared(world: World):
    venue = world.venue(cool_down_s=0)
    offers = [world.offer(venue), world.offer(venue, teaser="Another")]
    offer = bonus(venue, n=2, world=world)
    sharer, *friends = people(world, 4)
    for shared in offers:
        shares(sharer, shared, friends[0])
    friends[0].comes(venue)
    assert why(sharer.comes(venue), offer) == ("more_friends_sent", 1, 2)
    for friend in friends[1:]:
        shares(sharer, offers[0], friend)
        friend.comes(venue)
    assert has_it(sharer.comes(venue), offer)
    assert why(sharer.comes(venue), offer) == ("more_friends_sent", 1, 2)
    assert has_had(sharer, offer) == 1


def test_another_merchants_shares_bring_nothing_here(world: World, other_world: World):
    venue, theirs = world.venue(), other_world.venue()
    offer, shared = bonus(venue, world=world), other_world.offer(theirs)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    body = {"venue_id": theirs["id"], "evidence": [other_world.location()]}
    assert world.ask("post", "/v1/check-ins", friend.token, json=body)["unlocked"]
    assert why(sharer.comes(venue), offer) == ("more_friends_sent", 0, 1)


def test_a_limit_for_one_customer_holds(world: World):
    venue = world.venue(cool_down_s=0)
    shared, offer = world.offer(venue), bonus(venue, world=world, limit_per_customer=2)
    sharer, *friends = people(world, 4)
    for friend in friends:
        shares(sharer, shared, friend)
        friend.comes(venue)
    seen = [sharer.comes(venue) for _ in range(3)]
    assert [has_it(one, offer) for one in seen] == [True, True, False]
    assert why(seen[2], offer)[0] == "customer_limit"


@pytest.mark.parametrize("expired", [False, True])
def test_a_voided_visit_of_the_friend_takes_it_back_before_it_has_opened(world: World, expired):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue(cool_down_s=0)
        shared = world.offer(venue, redeem_within_s=900)
        offer = bonus(venue, world=world)
        sharer, friend = people(world, 2)
        shares(sharer, shared, friend)
        seen = friend.comes(venue)
        if expired:
            clock.shift(timedelta(hours=2))
            with world.db.transaction() as session:
                while expire(session, now()):
                    pass
        world.ask("post", f"/v1/check-ins/{seen['id']}/void", json={"reason": "Not there"})
        assert why(sharer.comes(venue), offer) == ("more_friends_sent", 0, 1)
        friend.comes(venue)
        assert has_it(sharer.comes(venue), offer)


def test_a_voided_opening_gives_the_friends_back(world: World):
    venue = world.venue(cool_down_s=0)
    shared, offer = world.offer(venue), bonus(venue, world=world)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    friend.comes(venue)
    first = sharer.comes(venue)
    assert has_it(first, offer)
    world.ask("post", f"/v1/check-ins/{first['id']}/void", json={"reason": "Not there"})
    assert has_it(sharer.comes(venue), offer)
    assert not has_it(sharer.comes(venue), offer)


@pytest.mark.parametrize("standing", ["staff", "tester"])
@pytest.mark.parametrize("whose", ["sharer", "friend"])
def test_staff_and_testers_bring_nobody_and_are_nobody_brought(
    world: World, standing: str, whose: str
):
    venue = world.venue(cool_down_s=0)
    shared, offer = world.offer(venue), bonus(venue, world=world)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    who = customer_of(world, {"sharer": sharer, "friend": friend}[whose].comes(venue))
    if whose == "sharer":
        friend.comes(venue)
    world.ask("put", f"/v1/standings/{who}", json={"standing": standing})
    assert why(sharer.comes(venue), offer) == ("more_friends_sent", 0, 1)


@pytest.mark.parametrize("together", [False, True])
def test_at_one_moment_it_opens_once_for_so_many_friends(world: World, app, *, together: bool):
    for _ in range(3):
        venues = [world.venue(cool_down_s=0) for _ in range(4)]
        there = venues[:1] * 4 if together else venues
        shared, offer = world.offer(*venues), bonus(*venues, world=world)
        sharer, friend = people(world, 2)
        shares(sharer, shared, friend)
        friend.comes(venues[0])
        requests = [("/v1/check-ins", sharer.token, sharer.body(venue)) for venue in there]
        answers = post_at_once(app, requests)
        assert [status for status, _ in answers] == [201] * 4
        assert sum(has_it(seen, offer) for _, seen in answers) == 1
        assert has_had(sharer, offer) == 1


def test_a_check_in_that_is_proved_later_finds_the_friends_used_up(world: World):
    """Those whom the customer's later check-in has been given for."""
    venues = [world.venue() for _ in range(2)]
    here, there = (staff_pin(world, venue) for venue in venues)
    shared, offer = world.offer(*venues), bonus(*venues, world=world, min_level="L3")
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    friend.comes(venues[0])
    first = sharer.comes(venues[0])
    assert why(first, offer)[0] == "level_too_low"
    assert has_it(sharer.comes(venues[1], evidence=[world.location(), there]), offer)
    path = f"/v1/check-ins/{first['id']}/evidence"
    again = world.ask("post", path, sharer.token, json={"evidence": [here]})
    assert (again["level"], why(again, offer)) == ("L3", ("more_friends_sent", 0, 1))


def test_why_nearby_and_a_replay_say_the_same(world: World):
    venue = world.venue(cool_down_s=0)
    shared, offer = world.offer(venue), bonus(venue, world=world)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    who = customer_of(world, sharer.comes(venue))
    asked = {"customer": who, "venue_id": venue["id"]}
    path = f"/v1/offers/{offer['id']}/why"
    told = world.ask("get", path, query_string=asked)
    assert told["reason"]["code"] == "more_friends_sent"
    assert told["to_open"] == (
        "1 more friend with a verified visit by the customer's shares of the merchant's offers, "
        "and then a check-in."
    )
    friend.comes(venue)
    query = {"lon": world.lon, "lat": world.lat}
    found = world.ask("get", "/v1/venues/nearby", sharer.token, query_string=query)
    states = {one["offer_id"]: one["state"] for one in found["items"][0]["offers"]}
    assert states[offer["id"]] == "unlockable_here"
    assert world.ask("get", path, query_string=asked)["state"] == "unlockable_here"
    sharer.comes(venue)
    sharer.comes(venue)
    body = {"kind": "replay", "days": 90}
    played = world.ask("post", f"/v1/offers/{offer['id']}/simulations", json=body)
    assert (played["unlocks"], played["unlocked_customers"]) == (1, 1)
    assert {one["code"] for one in played["not_simulated"]} == {"friends_sent"}
    reasons = {one["code"]: one["visits"] for one in played["reasons"]}
    assert reasons == {"more_friends_sent": played["visits"] - 1}


def test_it_is_tried_as_it_stood_at_any_time(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue(cool_down_s=0)
        shared, offer = world.offer(venue), bonus(venue, world=world)
        sharer, friend = people(world, 2)
        shares(sharer, shared, friend)
        who = customer_of(world, sharer.comes(venue))
        for person in (friend, sharer):
            clock.shift(timedelta(hours=1))
            person.comes(venue)
        clock.shift(timedelta(hours=1))
        said = []
        for hours in (0.5, 1.5, 2.5):
            at = (NOON + timedelta(hours=hours)).isoformat()
            body = {"kind": "check_in", "venue_id": venue["id"], "customer": who, "at": at}
            tried = world.ask("post", f"/v1/offers/{offer['id']}/simulations", json=body)
            said.append((tried["opens"], tried["reason"] and tried["reason"]["code"]))
    closed = (False, "more_friends_sent")
    assert said == [closed, (True, None), closed]


def test_who_shares_hears_of_no_bonus(world: World):
    """The answer has the same members and says the same, whether there is one or not."""
    venue = world.venue()
    shared, person = world.offer(venue), Person(world)
    path = f"/v1/offers/{shared['id']}/shares"
    before = world.ask("post", path, person.token)
    offer = bonus(venue, world=world)
    assert world.ask("post", path, person.token) == before
    own = world.ask("post", f"/v1/offers/{offer['id']}/shares", person.token)
    assert own.keys() == before.keys()
    assert person.wallet() == []


# What a merchant may write


NESTED = {"kind": "any_of", "rules": [{"kind": "first_visit"}, BONUS["rule"]]}


@pytest.fixture(scope="module")
def without(settings) -> Any:
    """The same service where the operator has not switched the bonus on."""
    app = create_app(replace(settings, referrer_bonus=False))
    yield app
    app.extensions["lbs_database"].engine.dispose()


def test_nobody_writes_it_where_it_is_off(without):
    world = World(without)
    venue = world.venue()
    plain = world.offer(venue)
    rules = {"/rule/kind": BONUS["rule"], "/rule/rules/1/kind": NESTED}
    body = {**OFFER, **BONUS, "venue_ids": [venue["id"]]}
    path = f"/v1/offers/{plain['id']}"
    match = {"If-Match": f'"{plain["version"]}"'}
    arms = [
        {"name": "control", "share_percent": 50},
        {"name": "other", "share_percent": 50},
    ]
    for pointer, rule in rules.items():
        arms[1]["changes"] = {"rule": rule}
        stated = {"metric": "visits", "min_lift": 0.2, "min_customers": 100, "min_weeks": 2}
        tried = [
            world.call("post", "/v1/offers", world.key, json={**body, "rule": rule}),
            world.call("patch", path, world.key, json={"rule": rule}, headers=match),
            world.call("post", f"{path}/copies", world.key, json={"changes": {"rule": rule}}),
            world.call("post", f"{path}/experiments", world.key, json={**stated, "arms": arms}),
        ]
        for answer in tried:
            assert answer.status_code == 422
            [error] = answer.json["errors"]
            assert error["pointer"].endswith(pointer)
            assert "not switched it on" in str(error)


def test_what_was_written_while_it_was_on_is_not_activated_when_it_is_off(world: World, without):
    venue = world.venue()
    draft = bonus(venue, world=world, status="draft")
    path, off = f"/v1/offers/{draft['id']}", without.test_client()
    headers = {"Authorization": f"Bearer {world.key}", "Idempotency-Key": draft["id"]}
    review = off.get(f"{path}/review", headers=headers).json
    assert not review["may_activate"]
    assert [one["code"] for one in review["findings"]] == ["referrer_off"]
    body = {"status": "active"}
    assert off.post(f"{path}/status", json=body, headers=headers).status_code == 409
    copy = off.post(f"{path}/copies", json={}, headers=headers).json
    assert copy["status"] == "draft"
    assert world.ask("post", f"{path}/status", json=body)["status"] == "active"


def test_what_was_active_when_it_is_switched_off_stays_and_is_not_changed(world: World, without):
    venue = world.venue()
    shared, offer = world.offer(venue), bonus(venue, world=world)
    sharer, friend = people(world, 2)
    shares(sharer, shared, friend)
    friend.comes(venue)
    status, seen = post(without, ("/v1/check-ins", sharer.token, sharer.body(venue)))
    assert (status, has_it(seen, offer)) == (201, True)
    off, path = without.test_client(), f"/v1/offers/{offer['id']}"
    headers = {"Authorization": f"Bearer {world.key}", "If-Match": f'"{offer["version"]}"'}
    refused = off.patch(path, json={"limit_total": 9}, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (409, "offer-not-ready")
    assert [one["rule"] for one in refused.json["errors"]] == ["referrer_off"]
    headers["Idempotency-Key"] = offer["id"]
    assert off.post(f"{path}/status", json={"status": "paused"}, headers=headers).status_code == 200
