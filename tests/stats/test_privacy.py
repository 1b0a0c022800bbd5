"""Few customers are never shown: by group, by hour, by cohort, or by what is left over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lbs.app import create_app
from tests.world import World, now


@pytest.fixture(scope="module")
def shy(settings):
    """The service with the setting that it comes with."""
    app = create_app(replace(settings, stats_min_group=5))
    yield app
    app.extensions["lbs_database"].engine.dispose()


def visited(app, *numbers: int) -> tuple[World, list[dict[str, Any]], dict[str, Any]]:
    """Venues with so many customers each, and the offer at all of them."""
    world = World(app)
    venues = [world.venue() for _ in numbers]
    offer = world.offer(*venues)
    for venue, number in zip(venues, numbers, strict=True):
        for _ in range(number):
            world.check_in(world.customer(), venue)
    return world, venues, offer


def groups(world: World, path: str, **query: str) -> dict[str, int]:
    answer = world.ask("get", f"/v1/stats{path}/funnel", query_string=query)
    return {
        group["group"]: step["customers"]
        for group in answer["groups"]
        for step in group["steps"]
        if step["step"] == "checked_in"
    }


def test_a_small_group_takes_the_next_smallest_with_it(shy):
    world, venues, offer = visited(shy, 8, 6, 2)
    expected = {venues[0]["id"]: 8, "other": 8}
    for path in ("", f"/offers/{offer['id']}"):
        assert groups(world, path, by="venue") == expected


def test_what_nobody_did_at_a_venue_takes_no_venue_with_it(shy):
    world, venues, offer = visited(shy, 6)
    world.ask("post", f"/v1/offers/{offer['id']}/shares", world.customer())
    assert groups(world, f"/offers/{offer['id']}", by="venue") == {venues[0]["id"]: 6, "none": 0}


def test_where_all_are_too_few_nothing_is_broken_down(shy):
    world, _, offer = visited(shy, 2, 1)
    assert groups(world, f"/offers/{offer['id']}", by="venue") == {}
    assert groups(world, "", by="customer") == {}
    answer = world.ask("get", f"/v1/stats/offers/{offer['id']}/funnel")
    assert answer["steps"][2]["customers"] == 3


def test_a_day_tells_what_happened_but_not_of_how_few(shy):
    world, venues, _ = visited(shy, 3)
    period = {
        "from": (now() - timedelta(hours=3)).isoformat(),
        "to": (now() + timedelta(hours=3)).isoformat(),
    }
    path = f"/v1/stats/venues/{venues[0]['id']}"
    items = world.ask("get", f"{path}/series", query_string=period | {"by": "month"})["items"]
    assert sum(item["check_ins"]["accepted"] for item in items) == 3
    for item in items:
        few = item["check_ins"]["accepted"] > 0
        assert (item["unique_customers"] is None) == few
        assert (item["new_customers"] is None) == few
    cohorts = world.ask("get", f"{path}/retention", query_string=period)["cohorts"]
    assert {cohort["customers"] for cohort in cohorts} <= {0, None}
    customers = world.ask("get", f"{path}/customers")
    assert (customers["customers"], customers["new_customers"]) == (3, None)
    assert [cell["customers"] for cell in customers["visits"]] == [None]


def test_the_limit_is_a_setting(app):
    world, venues, offer = visited(app, 2, 1)
    found = groups(world, f"/offers/{offer['id']}", by="venue")
    assert found == {venues[0]["id"]: 2, venues[1]["id"]: 1}


def test_a_key_of_some_venues_sees_these_alone(app):
    world, venues, offer = visited(app, 3, 2, 1)
    key = world.key_with("stats", venues=(venues[0], venues[2]))
    body = {"name": "All", "venue_ids": [venue["id"] for venue in venues]}
    group = world.ask("post", "/v1/venue-groups", json=body)
    others = world.ask("post", "/v1/venue-groups", json=body | {"venue_ids": [venues[1]["id"]]})
    for path in ("", f"/offers/{offer['id']}", f"/groups/{group['id']}"):
        answer = world.ask("get", f"/v1/stats{path}/funnel", key, query_string={"by": "venue"})
        assert answer["steps"][2]["count"] == 4, path
        shown = {one["group"] for one in answer["groups"]}
        assert shown == {venues[0]["id"], venues[2]["id"]}
    refused = world.call("get", f"/v1/stats/groups/{others['id']}/funnel", key)
    assert (refused.status_code, refused.json["code"]) == (403, "venue-not-allowed")


def test_a_period_is_compared_with_the_one_before(app):
    world, venues, _ = visited(app, 3)
    start = now() - timedelta(minutes=30)
    later = {"from": (now() + timedelta(seconds=1)).isoformat(), "compare": "previous"}
    path = f"/v1/stats/venues/{venues[0]['id']}/funnel"
    query = later | {"to": (now() + timedelta(minutes=30)).isoformat()}
    answer = world.ask("get", path, query_string=query)
    assert answer["previous"]["steps"][2]["count"] == 3
    assert answer["steps"][2]["count"] == 0
    assert answer["previous"]["changes"][2] == {
        "step": "checked_in",
        "count": -1.0,
        "customers": -1.0,
    }
    query = {"from": start.isoformat(), "compare": "previous"}
    answer = world.ask("get", path, query_string=query)
    assert (answer["steps"][2]["count"], answer["previous"]["steps"][2]["count"]) == (3, 0)
    assert answer["previous"]["changes"][2]["count"] is None
    refused = world.call("get", path, world.key, query_string={"compare": "previous"})
    assert refused.status_code == 422
