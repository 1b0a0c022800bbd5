"""Offers side by side: what differs in their terms, and what came of each in the same period."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from tests.world import World, now


def compare(world: World, *offers: dict[str, Any], status: int = 0, **query: Any) -> Any:
    first, *others = offers
    given = {"with": [offer["id"] for offer in others], **query}
    token = query.pop("token", None)
    given.pop("token", None)
    path = f"/v1/offers/{first['id']}/comparison"
    return world.ask("get", path, token, status, query_string=given)


def copy(world: World, offer: dict[str, Any], **body: Any) -> Any:
    made = world.ask("post", f"/v1/offers/{offer['id']}/copies", json=body)
    return world.ask("post", f"/v1/offers/{made['id']}/status", json={"status": "active"})


def differing(answer: Any) -> dict[str, list[Any]]:
    ids = [offer["offer_id"] for offer in answer["offers"]]
    found = {}
    for difference in answer["differences"]:
        assert [value["offer_id"] for value in difference["values"]] == ids
        found[difference["member"]] = [value["value"] for value in difference["values"]]
    return found


def test_a_copy_that_is_the_same_differs_in_nothing(world: World):
    offer = world.offer(world.venue(), world.venue())
    places = {"venue_ids": offer["venue_ids"][::-1]}
    answer = compare(world, offer, copy(world, offer, **places))
    assert answer["differences"] == []


def test_terms_and_places_that_differ_are_named_with_each_offers_value(world: World):
    here, there = world.venue(), world.venue()
    offer = world.offer(here, limit_total=5)
    second = copy(world, offer, venue_ids=[there["id"]], changes={"limit_total": None})
    end = "2099-01-01T00:00:00Z"
    third = copy(world, offer, changes={"valid_to": end, "reward": {"kind": "text", "text": "x"}})
    answer = compare(world, offer, second, third)
    assert differing(answer) == {
        "reward": [offer["reward"], offer["reward"], {"kind": "text", "text": "x"}],
        "valid_to": [offer["valid_to"], offer["valid_to"], end],
        "limit_total": [5, None, 5],
        "venue_ids": [[here["id"]], [there["id"]], [here["id"]]],
    }
    assert [one["copied_from"] for one in answer["offers"]] == [None, offer["id"], offer["id"]]


def test_each_offer_has_the_counts_that_its_own_stats_have(world: World):
    here, there = world.venue(), world.venue()
    offer = world.offer(here)
    twin = copy(world, offer, venue_ids=[there["id"]])
    for _ in range(2):
        [unlock] = world.check_in(world.customer(), here)["unlocked"]
    assert world.redeem(unlock["code"], here).status_code == 201
    world.check_in(world.customer(), there)
    period = {"from": (now() - timedelta(hours=1)).isoformat(), "to": now().isoformat()}
    answer = compare(world, offer, twin, **period)
    for one, mine in zip(answer["offers"], (offer, twin), strict=True):
        totals = world.totals(f"offers/{mine['id']}", **period)
        assert {"from": answer["from"], "to": answer["to"], **one["counts"]} == totals
    first, second = (one["counts"] for one in answer["offers"])
    assert (first["check_ins"]["accepted"], first["unlocks"], first["redemptions"]) == (2, 2, 1)
    assert (second["check_ins"]["accepted"], second["unlocks"], second["redemptions"]) == (1, 1, 0)
    assert first["money"] == [
        {"currency": "DKK", "value_minor": 3500, "cost_minor": 600, "amount_minor": 0}
    ]


def test_only_the_period_counts(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    world.check_in(world.customer(), venue)
    period = {"to": (now() - timedelta(hours=1)).isoformat()}
    answer = compare(world, offer, copy(world, offer), **period)
    assert [one["counts"]["unlocks"] for one in answer["offers"]] == [0, 0]
    answer = compare(world, offer, copy(world, offer))
    assert [one["counts"]["unlocks"] for one in answer["offers"]] == [1, 0]


def test_an_offer_is_compared_once_however_often_it_is_named(world: World):
    offer = world.offer(status="draft")
    assert len(compare(world, offer, offer, offer)["offers"]) == 1


def test_another_merchants_offer_is_not_found(world: World, other_world: World):
    mine, theirs = world.offer(status="draft"), other_world.offer(status="draft")
    for wrong in (theirs, {"id": str(uuid.uuid4())}):
        assert compare(world, mine, wrong, status=404)["code"] == "offer-not-found"
        assert compare(world, wrong, mine, status=404)["code"] == "offer-not-found"


def test_with_whom_has_to_be_said(world: World):
    offer = world.offer(status="draft")
    path = f"/v1/offers/{offer['id']}/comparison"
    ids = [str(uuid.uuid4()) for _ in range(11)]
    many, joined = "&".join(f"with={one}" for one in ids), ",".join(ids[:2])
    for query in ("", "?with=", "?with=x", f"?{many}", f"?with={joined}"):
        problem = world.ask("get", path + query, status=422)
        assert problem["errors"][0]["parameter"].startswith("with"), query


def test_a_key_for_some_venues_compares_nothing(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    till = world.key_with("stats", venues=(venue,))
    assert compare(world, offer, offer, status=403, token=till)["code"] == "venue-not-allowed"
    compare(world, offer, offer, status=200, token=world.key_with("stats"))
