"""What an offer did to whole venues, from the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.stats.stream import Stream
from tests.world import World, now

BEGAN = now() - timedelta(days=10)
"""When the offer did."""

OPEN = "UPDATE venue SET created_at = :at WHERE merchant_id = :merchant_id"
VISITS = """
    INSERT INTO ledger_event (id, at, kind, verdict, merchant_id, venue_id, subject_id, check_in_id)
    SELECT gen_random_uuid(), CAST(:began AS timestamptz) + day * interval '1 day'
               + interval '1 hour' + visit * interval '1 minute',
           'check_in', 'accepted', :merchant_id, :venue_id, gen_random_uuid(), gen_random_uuid()
    FROM generate_series(-56, 9) AS day,
         generate_series(1, CASE WHEN day < 0 THEN :before ELSE :during END) AS visit
"""


def fill(world: World, venue: dict[str, Any], *, before: int, during: int) -> None:
    """So many visits a day, before the offer and since."""
    values = {"began": BEGAN, "merchant_id": world.merchant_id, "venue_id": venue["id"]}
    with world.db.transaction() as session:
        session.execute(text(VISITS), {**values, "before": before, "during": during})
        opened = {"at": BEGAN - timedelta(days=90), "merchant_id": world.merchant_id}
        session.execute(text(OPEN), opened)


def read(world: World, offer: dict[str, Any], **query: Any) -> dict[str, Any]:
    path = f"/v1/stats/offers/{offer['id']}/venue-effect"
    return world.ask("get", path, query_string={"from": BEGAN.isoformat(), **query})


@pytest.fixture
def street(world: World) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An offer at two venues, two neighbours, and ten venues further off."""
    ours = [world.venue(), world.venue(east_m=10_000)]
    near = [world.venue(east_m=500), world.venue(east_m=10_500)]
    others = [world.venue(east_m=100_000 + 5_000 * number) for number in range(10)]
    offer = world.offer(*ours)
    for venue in ours:
        fill(world, venue, before=4, during=9)
    for venue in near:
        fill(world, venue, before=4, during=3)
    for venue in others:
        fill(world, venue, before=4, during=6)
    return offer, others


def test_the_lift_and_the_spill_over_are_over_the_venues_further_off(world: World, street: Any):
    offer, others = street
    found = read(world, offer)

    assert (found["venues"], found["comparison_venues"], found["near_venues"]) == (2, 10, 2)
    assert found["effect"]["lift"] == pytest.approx(0.5, abs=0.01)
    assert found["spill_over"]["lift"] == pytest.approx(-0.5, abs=0.01)
    assert found["effect"]["interval"]["low"] == pytest.approx(0.5, abs=0.01)
    compared = {one for match in found["effect"]["matches"] for one in match["compared_with"]}
    assert compared <= {venue["id"] for venue in others}


def test_how_near_a_neighbour_is_can_be_said(world: World, street: Any):
    found = read(world, street[0], near_m=100)

    assert (found["comparison_venues"], found["near_venues"]) == (12, 0)
    assert found["spill_over"] is None


def test_only_visits_that_stand_count(world: World, street: Any):
    """A visit of today's is none of the ten whole days; one that is voided is none at all."""
    offer, _ = street
    before = read(world, offer)
    venue = world.ask("get", f"/v1/offers/{offer['id']}")["venue_ids"][0]
    with world.db.transaction() as session:
        session.execute(
            text("""
                INSERT INTO ledger_event (id, at, kind, verdict, verdict_before, merchant_id,
                                          venue_id, subject_id, check_in_id)
                SELECT gen_random_uuid(), now(), 'check_in_voided', 'voided', 'accepted',
                       merchant_id, venue_id, subject_id, check_in_id
                FROM ledger_event WHERE venue_id = :venue_id AND at >= :began
            """),
            {"venue_id": venue, "began": BEGAN},
        )
    after = read(world, offer)

    assert after["effect"]["lift"] < before["effect"]["lift"] - 0.5


def test_an_offer_that_has_just_begun_has_no_effect_yet(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    Stream(world).check_in(world.register()["customer_id"], venue, now())
    found = read(world, offer, **{"from": (now() + timedelta(days=1)).isoformat()})

    assert (found["venues"], found["effect"], found["spill_over"]) == (0, None, None)
    assert found["to"] == found["from"]


def test_who_may_not_read_it(world: World, other_world: World):
    venue = world.venue()
    offer = world.offer(venue)
    bare = f"/v1/stats/offers/{offer['id']}/venue-effect"
    path = f"{bare}?from=2026-01-01T00:00:00Z"
    body = {"name": "Key", "scopes": ["stats"], "venue_ids": [venue["id"]]}
    limited = world.ask("post", "/v1/api-keys", json=body)["token"]

    assert world.call("get", path, limited).json["code"] == "venue-not-allowed"
    assert world.call("get", path, other_world.key).json["code"] == "offer-not-found"
    assert world.call("get", bare, world.key).status_code == 422
