"""How strongly presence has to be proved, said at the venue and at the offer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World

LEVELS = ("L1", "L2", "L3")
NO_LEVELS = ("L0", "L4", "l1", "1", "", 1, True, ["L1"])


def change(world: World, path: str, version: int, **members: Any) -> Any:
    headers = {"If-Match": f'"{version}"'}
    return world.call("patch", path, world.key, json=members, headers=headers)


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def imported(world: World, **properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [world.lon, world.lat]}
    feature = {
        "type": "Feature",
        "geometry": place,
        "properties": {
            "name": "Venue",
            "radius_m": 50,
            "time_zone": "Europe/Copenhagen",
            **properties,
        },
    }
    return {"type": "FeatureCollection", "features": [feature]}


def test_a_venue_asks_for_a_location_unless_it_says_otherwise(world: World):
    assert world.venue()["min_level"] == "L1"


@pytest.mark.parametrize("level", LEVELS)
def test_a_venue_says_its_level_wherever_it_is_read(world: World, level: str):
    venue = world.venue(min_level=level)
    assert venue["min_level"] == level
    assert world.ask("get", f"/v1/venues/{venue['id']}")["min_level"] == level
    assert [item["min_level"] for item in world.ask("get", "/v1/venues")["items"]] == [level]


def test_a_venue_changes_its_level_and_keeps_it_otherwise(world: World):
    path = f"/v1/venues/{world.venue(min_level='L2')['id']}"
    assert change(world, path, 1, name="x").json["min_level"] == "L2"
    assert change(world, path, 2, min_level="L3").json["min_level"] == "L3"


@pytest.mark.parametrize("level", [*NO_LEVELS, None], ids=repr)
def test_a_venue_takes_no_other_level(world: World, level: Any):
    fence = {"type": "Circle", "centre": {"lon": 12.57, "lat": 55.68}, "radius_m": 50}
    body = {"name": "Venue", "fence": fence, "min_level": level}
    assert pointers(world.ask("post", "/v1/venues", json=body, status=422)) == ["#/min_level"]
    response = change(world, f"/v1/venues/{world.venue()['id']}", 1, min_level=level)
    assert (response.status_code, pointers(response.json)) == (422, ["#/min_level"])


def test_an_import_takes_the_level_from_the_properties(world: World):
    world.ask("post", "/v1/venues/import", json=imported(world, min_level="L3"), status=201)
    world.ask("post", "/v1/venues/import", json=imported(world), status=201)
    assert [venue["min_level"] for venue in world.ask("get", "/v1/venues")["items"]] == ["L3", "L1"]


def test_an_import_refuses_a_level_that_is_none(world: World):
    given = imported(world, min_level="L0")
    problem = world.ask("post", "/v1/venues/import", json=given, status=422)
    assert pointers(problem) == ["#/features/0/properties/min_level"]


def test_an_offer_asks_for_the_venues_level_unless_it_says_otherwise(world: World):
    assert world.offer(world.venue())["min_level"] is None


@pytest.mark.parametrize("level", [*LEVELS, None])
def test_an_offer_says_its_level_wherever_it_is_read(world: World, level: str | None):
    offer = world.offer(world.venue(), status="draft", min_level=level)
    assert offer["min_level"] == level
    assert [item["min_level"] for item in world.ask("get", "/v1/offers")["items"]] == [level]


def test_another_level_is_a_new_version_of_an_offers_terms(world: World):
    offer = world.offer(world.venue(), status="draft", min_level="L2")
    path = f"/v1/offers/{offer['id']}"
    kept = change(world, path, offer["version"], teaser="Something cold").json
    assert (kept["min_level"], kept["terms_version"]) == ("L2", 2)
    raised = change(world, path, kept["version"], min_level="L3").json
    assert (raised["min_level"], raised["terms_version"]) == ("L3", 3)
    assert change(world, path, raised["version"], min_level=None).json["min_level"] is None


@pytest.mark.parametrize("level", NO_LEVELS, ids=repr)
def test_an_offer_takes_no_other_level(world: World, level: Any):
    offer = world.offer(status="draft")
    response = change(world, f"/v1/offers/{offer['id']}", 1, min_level=level)
    assert (response.status_code, pointers(response.json)) == (422, ["#/min_level"])
