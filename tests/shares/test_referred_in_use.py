"""Who has come through a friend's share, from the share to the credit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from tests.offers.people import Person, outcome, people
from tests.racing import post_at_once
from tests.unlocks.stock import events
from tests.world import World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEEK, TICK = timedelta(days=7), timedelta(microseconds=1)
REFERRED = {"rule": {"kind": "referred"}, "valid_to": "2030-01-01T00:00:00Z"}


def shares(sharer: Person, offer: dict[str, Any], friend: Person) -> None:
    """The friend has come by the sharer's link."""
    world = sharer.world
    token = world.ask("post", f"/v1/offers/{offer['id']}/shares", sharer.token)["token"]
    world.ask("post", "/v1/referrals", friend.token, json={"token": token})


def subject(person: Person) -> Any:
    with person.world.db.transaction() as session:
        return session.scalar(
            text("SELECT subject_id FROM customer WHERE id = :id"), {"id": person.id}
        )


def test_it_opens_once_for_the_friend_at_their_own_check_in_and_credits_the_share(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, **REFERRED)
    sharer, friend, stranger = people(world, 3)
    shares(sharer, offer, friend)
    assert friend.wallet() == sharer.wallet() == []
    for person in (stranger, sharer):
        assert outcome(person.comes(venue)) == "not_referred"
    first = friend.comes(venue)
    assert outcome(first) == "opened"
    [visit] = events(db, offer, "friend_visit")
    assert (str(visit.check_in_id), visit.subject_id) == (first["id"], subject(sharer))
    assert (str(visit.venue_id), visit.counted) == (venue["id"], True)
    assert outcome(friend.comes(venue)) == "not_referred"
    assert outcome(sharer.comes(venue)) == "not_referred"
    assert len(events(db, offer, "friend_visit")) == 1
    assert world.redeem(first["unlocked"][0]["code"], venue).status_code == 201


def test_a_check_in_that_is_not_accepted_uses_nothing_up(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, **REFERRED)
    sharer, friend = people(world, 2)
    shares(sharer, offer, friend)
    body = {"venue_id": venue["id"], "evidence": [world.location(north_m=5000)]}
    assert world.ask("post", "/v1/check-ins", friend.token, json=body)["verdict"] == "rejected"
    assert events(db, offer, "friend_visit") == []
    assert outcome(friend.comes(venue)) == "opened"


@pytest.mark.parametrize(("after", "expected"), [(WEEK, "opened"), (WEEK + TICK, "not_referred")])
def test_a_friend_has_seven_days(world: World, db, after, expected):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        offer = world.offer(venue, **REFERRED)
        sharer, friend = people(world, 2)
        shares(sharer, offer, friend)
        clock.move_to(NOON + after)
        assert outcome(friend.comes(venue)) == expected
    assert len(events(db, offer, "friend_visit")) == (expected == "opened")


def test_any_offer_that_a_friend_came_for_is_credited_when_it_opens(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer, other = world.offer(venue, rule={"kind": "nth_visit", "n": 2}), world.offer(venue)
    sharer, friend = people(world, 2)
    shares(sharer, offer, friend)
    friend.comes(venue)
    assert events(db, offer, "friend_visit") == []
    friend.comes(venue)
    assert len(events(db, offer, "friend_visit")) == 1
    assert events(db, other, "friend_visit") == []


def test_what_is_sold_out_is_not_credited(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, **REFERRED, limit_total=1)
    sharer, first, second = people(world, 3)
    for friend in (first, second):
        shares(sharer, offer, friend)
    assert [outcome(friend.comes(venue)) for friend in (first, second)] == ["opened", "sold_out"]
    assert len(events(db, offer, "friend_visit")) == 1


def test_at_two_venues_at_one_moment_it_opens_once(world: World, app, db):
    for _ in range(5):
        venues = [world.venue() for _ in range(4)]
        offer = world.offer(*venues, **REFERRED)
        sharer, friend = people(world, 2)
        shares(sharer, offer, friend)
        requests = [("/v1/check-ins", friend.token, friend.body(venue)) for venue in venues]
        answers = post_at_once(app, requests)
        assert {status for status, _ in answers} == {201}
        assert sum(len(result["unlocked"]) for _, result in answers) == 1
        assert len(events(db, offer, "friend_visit")) == 1


def test_a_voided_visit_takes_the_credit_back_and_the_next_has_it(world: World, db):
    venue = world.venue()
    offer, other = world.offer(venue, **REFERRED), world.offer(venue, **REFERRED)
    sharer, friend = people(world, 2)
    shares(sharer, offer, friend)
    first = friend.comes(venue)
    shares(sharer, other, friend)
    world.ask("post", f"/v1/check-ins/{first['id']}/void", json={"reason": "Not there"})
    again = friend.comes(venue)
    assert {one["offer_id"] for one in again["unlocked"]} == {offer["id"], other["id"]}
    visits = [str(visit.check_in_id) for visit in events(db, offer, "friend_visit")]
    assert visits == [first["id"], again["id"]]


def test_nearby_says_that_it_would_open(world: World):
    venue = world.venue()
    offer = world.offer(venue, **REFERRED)
    sharer, friend = people(world, 2)
    shares(sharer, offer, friend)
    query = {"lon": world.lon, "lat": world.lat}
    states = [
        world.ask("get", "/v1/venues/nearby", person.token, query_string=query)["items"][0][
            "offers"
        ][0]["state"]
        for person in (friend, sharer)
    ]
    assert states == ["unlockable_here", "locked"]
