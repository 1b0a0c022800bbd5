"""What an offer's links have brought, from the share to the till."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from lbs.stats.service import rebuild, roll_up
from tests.shares.test_followers import META, SAFARI
from tests.world import World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOTHING = {
    "shares": 0,
    "fetches": 0,
    "visitors": 0,
    "friend_visits": 0,
    "friend_visits_per_visitor": None,
    "redemptions": 0,
    "value": [],
}


def read(world: World, offer: dict[str, Any], **query: str) -> dict[str, Any]:
    path = f"/v1/stats/offers/{offer['id']}/shares"
    said = world.ask("get", path, query_string=query)
    return {name: said[name] for name in NOTHING}


def follow(world: World, token: str, agent: str, address: str = "198.51.100.7") -> None:
    headers = {"User-Agent": agent}
    base = {"REMOTE_ADDR": address}
    world.client.get(f"/s/{token}", headers=headers, environ_base=base)


def play(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two share; one crawler and three people look; two friends come, one of them buys."""
    venue = world.venue()
    offer = world.offer(venue, valid_to="2030-01-01T00:00:00Z")
    path = f"/v1/offers/{offer['id']}/shares"
    tokens = [world.ask("post", path, world.customer())["token"] for _ in range(2)]
    follow(world, tokens[0], META[0])
    for number in range(3):
        follow(world, tokens[number % 2], SAFARI, f"198.51.100.{number}")
    friends = [world.customer() for _ in range(2)]
    seen = []
    for friend, token in zip(friends, tokens, strict=True):
        body = {"venue_id": venue["id"], "evidence": [world.location()], "share_token": token}
        seen.append(world.ask("post", "/v1/check-ins", friend, json=body))
    bought = world.redeem(seen[0]["unlocked"][0]["code"], venue, amount_minor=8900).json
    stranger = world.check_in(world.customer(), venue)
    world.redeem(stranger["unlocked"][0]["code"], venue, amount_minor=5000)
    return offer, bought


PLAYED = {
    "shares": 2,
    "fetches": 1,
    "visitors": 3,
    "friend_visits": 2,
    "friend_visits_per_visitor": 0.6667,
    "redemptions": 1,
    "value": [
        {"currency": "DKK", "redemptions": 1, "amount_minor": 8900, "value_of_share_minor": 4450}
    ],
}


def test_it_counts_every_step_apart_and_the_money_that_links_have_brought(world: World):
    offer, bought = play(world)
    assert read(world, offer) == PLAYED
    funnel = world.ask("get", f"/v1/stats/offers/{offer['id']}/funnel")
    assert (funnel["shared"], funnel["share_visited"], funnel["friend_visits"]) == (2, 3, 2)
    path = f"/v1/redemptions/{bought['id']}/reversal"
    world.ask("post", path, json={"reason": "Wrong order"})
    assert read(world, offer) == {**PLAYED, "redemptions": 0, "value": []}


def test_an_offer_that_nobody_shares_has_nothing(world: World):
    assert read(world, world.offer(world.venue())) == NOTHING


@pytest.mark.parametrize("how", [roll_up, rebuild])
def test_it_is_the_same_from_the_roll_ups(world: World, db, how: Any):
    with time_machine.travel(NOON, tick=False):
        offer, _ = play(world)
    with db.transaction() as session:
        how(session)
    assert read(world, offer) == PLAYED


def test_it_is_of_a_period(world: World):
    with time_machine.travel(NOON, tick=False):
        offer, _ = play(world)
    day = timedelta(days=1)
    for since, expected in ((NOON - day, NOTHING), (NOON, PLAYED), (NOON + day, NOTHING)):
        period = {"from": since.isoformat(), "to": (since + day).isoformat()}
        assert read(world, offer, **period) == expected


def test_a_key_of_some_venues_does_not_read_it(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    key = world.key_with("stats", venues=(venue,))
    refused = world.call("get", f"/v1/stats/offers/{offer['id']}/shares", key)
    assert refused.status_code == 403
