"""Rules about the others at the venue, as customers meet them over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine

from tests.racing import post_at_once
from tests.world import World, now

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""
TICK = timedelta(microseconds=1)


class Person:
    """A customer whose token is always fresh."""

    def __init__(self, world: World) -> None:
        self.world = world
        registered = world.register()
        claims = jwt.decode(registered["access_token"], options={"verify_signature": False})
        self.id = registered["customer_id"]
        self.claims = {"sub": claims["sub"], "app": claims["app"]}

    @property
    def token(self) -> str:
        ring = self.world.app.extensions["lbs_key_ring"]
        return ring.sign(self.claims, "at+jwt", ttl=timedelta(minutes=15), now=now())

    def body(self, venue: dict[str, Any], **members: Any) -> dict[str, Any]:
        return {"venue_id": venue["id"], "evidence": [self.world.location()], **members}

    def comes(self, venue: dict[str, Any], **members: Any) -> dict[str, Any]:
        body = self.body(venue, **members)
        return self.world.ask("post", "/v1/check-ins", self.token, json=body)

    def wallet(self) -> list[dict[str, Any]]:
        return self.world.ask("get", "/v1/unlocks", self.token)["items"]

    def befriends(self, other: Person) -> None:
        code = self.world.ask("post", "/v1/friend-invitations", self.token)["code"]
        self.world.ask("post", "/v1/friends", other.token, json={"code": code})


def people(world: World, count: int) -> list[Person]:
    return [Person(world) for _ in range(count)]


def outcome(result: dict[str, Any]) -> str:
    """`opened`, or why the venue's one offer did not."""
    return "opened" if result["unlocked"] else result["locked"][0]["reason"]["code"]


# --- friends


def test_friends_open_for_who_finds_enough_of_them(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "friends", "n": 2})
    anna, bo, carl, stranger = people(world, 4)
    anna.befriends(bo)
    carl.befriends(anna)
    assert outcome(bo.comes(venue)) == "more_friends"
    assert outcome(stranger.comes(venue)) == "more_friends"
    result = carl.comes(venue)
    assert outcome(result) == "more_friends"
    assert result["locked"][0]["progress_text"] == "0 of 2 friends"
    assert result["locked"][0]["state"] == "in_progress"
    assert outcome(anna.comes(venue)) == "opened"
    assert [len(person.wallet()) for person in (anna, bo, carl)] == [1, 0, 0]


@pytest.mark.parametrize(
    ("after", "expected"),
    [(timedelta(hours=3), "opened"), (timedelta(hours=3) + TICK, "more_friends")],
)
def test_a_friend_is_there_for_three_hours(world: World, after, expected):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": 1}, valid_to="2030-01-01T00:00:00Z")
        anna, bo = people(world, 2)
        anna.befriends(bo)
        bo.comes(venue)
        clock.move_to(MONDAY + after)
        assert outcome(anna.comes(venue)) == expected


def test_nearby_says_how_many_friends_are_there(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "friends", "n": 2})
    anna, bo = people(world, 2)
    anna.befriends(bo)
    bo.comes(venue)
    query = {"lon": world.lon, "lat": world.lat}
    found = world.ask("get", "/v1/venues/nearby", anna.token, query_string=query)
    assert found["items"][0]["offers"][0]["progress_text"] == "1 of 2 friends"


def test_of_two_friends_who_come_at_one_moment_the_later_finds_the_other(world: World, app):
    for _ in range(5):
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": 1})
        anna, bo = people(world, 2)
        anna.befriends(bo)
        requests = [("/v1/check-ins", one.token, one.body(venue)) for one in (anna, bo)]
        answers = post_at_once(app, requests)
        assert sorted(outcome(result) for _, result in answers) == ["more_friends", "opened"]


def test_a_friend_who_came_while_the_proof_was_fetched_is_found(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": 1}, valid_to="2030-01-01T00:00:00Z")
        anna, bo = people(world, 2)
        anna.befriends(bo)
        body = {"venue_id": venue["id"], "evidence": [world.location(north_m=85)]}
        doubted = world.ask("post", "/v1/check-ins", anna.token, json=body)
        assert doubted["verdict"] == "ambiguous"
        clock.shift(timedelta(minutes=5))
        assert outcome(bo.comes(venue)) == "more_friends"
        path = f"/v1/check-ins/{doubted['id']}/evidence"
        result = world.ask("post", path, anna.token, json={"evidence": [world.location()]})
        assert outcome(result) == "opened"
