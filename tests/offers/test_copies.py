"""Copies of offers: the same terms at other places, or others at the same."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.world import OFFER, World

TERMS = (
    "teaser", "terms", "reward", "rule", "value_minor", "cost_minor", "currency", "valid_from",
    "valid_to", "limit_total", "limit_per_customer", "limit_per_day", "redeem_within_s",
    "min_level",
)  # fmt: skip


def copy(world: World, offer: dict[str, Any], status: int = 201, **body: Any) -> Any:
    return world.ask("post", f"/v1/offers/{offer['id']}/copies", None, status, json=body)


def terms(offer: dict[str, Any]) -> dict[str, Any]:
    return {name: offer[name] for name in TERMS}


def group(world: World, *venues: dict[str, Any]) -> str:
    body = {"name": "Group", "venue_ids": [venue["id"] for venue in venues]}
    return world.ask("post", "/v1/venue-groups", json=body)["id"]


@pytest.fixture
def offer(world: World) -> dict[str, Any]:
    venue = world.venue()
    full = {"limit_total": 9, "limit_per_day": 3, "redeem_within_s": 600, "min_level": "L2"}
    return world.offer(venue, status="draft", group_ids=[group(world, venue)], **full)


def test_a_copy_is_a_draft_with_the_same_terms_that_knows_its_original(
    world: World, offer: dict[str, Any]
):
    made = copy(world, offer)
    assert (made["status"], made["version"], made["terms_version"]) == ("draft", 1, 1)
    assert (made["copied_from"], made["taken"]) == (offer["id"], 0)
    assert made["id"] != offer["id"]
    assert terms(made) == terms(offer)
    assert (made["venue_ids"], made["group_ids"]) == (offer["venue_ids"], offer["group_ids"])
    assert offer["copied_from"] is None
    assert world.ask("get", f"/v1/offers/{made['id']}") == made
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


@pytest.mark.parametrize("given", ["venues", "groups", "both", "none"])
def test_places_that_are_given_are_instead_of_the_originals(
    world: World, offer: dict[str, Any], given: str
):
    venue = world.venue()
    places = {
        "venues": {"venue_ids": [venue["id"]]},
        "groups": {"group_ids": [group(world, venue)]},
        "both": {"venue_ids": [venue["id"]], "group_ids": [group(world, venue)]},
        "none": {"venue_ids": []},
    }[given]
    made = copy(world, offer, **places)
    assert made["venue_ids"] == places.get("venue_ids", [])
    assert made["group_ids"] == places.get("group_ids", [])


def test_changes_are_made_to_the_copy_only(world: World, offer: dict[str, Any]):
    changes = {"limit_total": None, "teaser": "Another", "rule": {"kind": "first_visit"}}
    made = copy(world, offer, changes=changes)
    assert terms(made) == {**terms(offer), **changes}
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


def test_the_newest_terms_are_copied_whatever_the_status(world: World):
    offer = world.offer(world.venue())
    path = f"/v1/offers/{offer['id']}"
    version = {"If-Match": f'"{offer["version"]}"'}
    world.ask("patch", path, json={"terms": "Newest"}, headers=version)
    for status in ("paused", "ended"):
        world.ask("post", f"{path}/status", json={"status": status})
        made = copy(world, offer)
        assert (made["terms"], made["status"]) == ("Newest", "draft")


def test_a_copy_of_a_copy_knows_the_copy(world: World, offer: dict[str, Any]):
    first = copy(world, offer)
    assert copy(world, first)["copied_from"] == first["id"]


def test_a_copy_has_limits_of_its_own(world: World):
    venue, elsewhere = world.venue(), world.venue()
    offer = world.offer(venue, limit_total=1)
    made = copy(world, offer, venue_ids=[elsewhere["id"]])
    world.ask("post", f"/v1/offers/{made['id']}/status", json={"status": "active"})
    for place in (venue, elsewhere):
        assert len(world.check_in(world.customer(), place)["unlocked"]) == 1
        assert world.check_in(world.customer(), place)["unlocked"] == []


def test_one_key_copies_once(world: World, offer: dict[str, Any]):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    path = f"/v1/offers/{offer['id']}/copies"
    made = [world.ask("post", path, json={}, headers=headers)["id"] for _ in range(2)]
    assert made[0] == made[1]
    assert len(world.ask("get", "/v1/offers")["items"]) == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"changes": {"venue_ids": []}}, "#/changes/venue_ids"),
        ({"changes": {"limit_total": 0}}, "#/changes/limit_total"),
        ({"changes": {"rule": {"kind": "share"}}}, "#/changes/rule/kind"),
        ({"teaser": "x"}, "#/teaser"),
        ({"venue_ids": ["x"]}, "#/venue_ids/0"),
    ],
)
def test_what_is_wrong_with_a_copy_is_named(
    world: World, offer: dict[str, Any], body: dict[str, Any], pointer: str
):
    assert copy(world, offer, 422, **body)["errors"][0]["pointer"] == pointer


def test_a_copy_may_not_end_before_it_starts(world: World, offer: dict[str, Any]):
    problem = copy(world, offer, 409, changes={"valid_to": "2019-01-01T00:00:00Z"})
    assert problem["code"] == "offer-dates-refused"


def test_another_merchants_offers_and_places_are_not_found(world: World, other_world: World):
    offer = world.offer(status="draft")
    for known in (offer, {"id": str(uuid.uuid4())}):
        assert copy(other_world, known, 404)["code"] == "offer-not-found"
    theirs = other_world.venue()
    problem = copy(world, offer, 404, venue_ids=[theirs["id"]])
    assert problem["code"] == "offer-place-not-found"
    assert len(world.ask("get", "/v1/offers")["items"]) == 1
    assert other_world.ask("post", "/v1/offers", json=OFFER)["copied_from"] is None
