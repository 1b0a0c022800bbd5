"""A check-in that names the link by which its customer has come: credited as a referral is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from tests.offers.people import Person, outcome, people
from tests.racing import post_at_once
from tests.unlocks.stock import events
from tests.world import World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEEK, TICK = timedelta(days=7), timedelta(microseconds=1)
REFERRED = {"rule": {"kind": "referred"}, "valid_to": "2030-01-01T00:00:00Z"}


def link(sharer: Person, offer: dict[str, Any]) -> str:
    path = f"/v1/offers/{offer['id']}/shares"
    return sharer.world.ask("post", path, sharer.token)["token"]


def shares_of(db: Any, offer: dict[str, Any], kind: str) -> list[Any]:
    return [event.share_id for event in events(db, offer, kind)]


def test_it_opens_what_a_friend_has_sent_for_and_the_till_credits_the_share(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, **REFERRED)
    sharer, friend = people(world, 2)
    seen = friend.comes(venue, share_token=link(sharer, offer))
    assert outcome(seen) == "opened"
    world.redeem(seen["unlocked"][0]["code"], venue, amount_minor=8900)
    [share_id] = shares_of(db, offer, "shared")
    for kind in ("unlocked", "friend_visit", "redeemed"):
        assert shares_of(db, offer, kind) == [share_id]
    assert shares_of(db, offer, "share_visited") == []


@pytest.mark.parametrize("token", ["Zk3uV8sQm1pT0aYx5LrWdg", "x"])
def test_a_link_of_nobody_keeps_nobody_from_checking_in(world: World, token: str):
    venue = world.venue()
    world.offer(venue, **REFERRED)
    [friend] = people(world, 1)
    seen = friend.comes(venue, share_token=token)
    assert (seen["verdict"], outcome(seen)) == ("accepted", "not_referred")


def test_ones_own_link_counts_for_nothing(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, **REFERRED)
    [sharer] = people(world, 1)
    seen = sharer.comes(venue, share_token=link(sharer, offer))
    assert (seen["verdict"], outcome(seen)) == ("accepted", "not_referred")
    assert events(db, offer, "friend_visit") == []


def test_the_last_link_counts(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    first, last, friend = people(world, 3)
    world.ask("post", "/v1/referrals", friend.token, json={"token": link(first, offer)})
    friend.comes(venue, share_token=link(last, offer))
    [made_first, made_last] = shares_of(db, offer, "shared")
    assert shares_of(db, offer, "friend_visit") == [made_last] != [made_first]


def test_it_is_credited_once_a_customer_and_offer(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue)
    sharer, other, friend = people(world, 3)
    for owner in (sharer, sharer, other):
        friend.comes(venue, share_token=link(owner, offer))
    assert len(events(db, offer, "friend_visit")) == 1


def test_a_check_in_that_is_refused_credits_nothing_and_the_next_has_it(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    sharer, friend = people(world, 2)
    body = {
        "venue_id": venue["id"],
        "evidence": [world.location(north_m=5000)],
        "share_token": link(sharer, offer),
    }
    assert world.ask("post", "/v1/check-ins", friend.token, json=body)["verdict"] == "rejected"
    assert events(db, offer, "friend_visit") == []
    friend.comes(venue)
    assert len(events(db, offer, "friend_visit")) == 1


@pytest.mark.parametrize(("after", "credited"), [(WEEK, 1), (WEEK + TICK, 0)])
def test_a_link_that_was_named_in_vain_counts_for_seven_days(
    world: World, db, after: timedelta, credited: int
):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        offer = world.offer(venue, valid_to="2030-01-01T00:00:00Z")
        sharer, friend = people(world, 2)
        body = {
            "venue_id": venue["id"],
            "evidence": [world.location(north_m=5000)],
            "share_token": link(sharer, offer),
        }
        world.ask("post", "/v1/check-ins", friend.token, json=body)
        clock.move_to(NOON + after)
        friend.comes(venue)
    assert len(events(db, offer, "friend_visit")) == credited


def test_sent_twice_at_one_moment_it_is_credited_once(world: World, app, db):
    for _ in range(4):
        venues = [world.venue() for _ in range(3)]
        offer = world.offer(*venues, **REFERRED)
        sharer, friend = people(world, 2)
        token = link(sharer, offer)
        requests = [
            ("/v1/check-ins", friend.token, friend.body(venue, share_token=token))
            for venue in venues
        ]
        answers = post_at_once(app, requests)
        assert {status for status, _ in answers} == {201}
        assert len(events(db, offer, "friend_visit")) == 1
