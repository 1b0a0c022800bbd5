"""A merchant says where conversions are sent, and of which venues."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text

from lbs.app import create_app
from lbs.config import Settings
from tests.world import World

PATH = "/v1/facebook/conversions"
TOKEN = "EAAGm0PX4ZCpsBAsecret"
BODY: dict[str, Any] = {"dataset_id": "1094233214457021", "access_token": TOKEN, "venue_ids": []}


def put(world: World, status: int = 200, **members: Any) -> Any:
    return world.ask("put", PATH, status=status, json={**BODY, **members})


def actions(world: World) -> list[str]:
    query = {"resource": "conversion_setting"}
    return [entry["action"] for entry in world.ask("get", "/v1/audit", query_string=query)["items"]]


def test_nothing_is_sent_before_a_merchant_says_so(world: World):
    for method, path in (("get", PATH), ("delete", PATH), ("get", f"{PATH}/events")):
        response = world.call(method, path, world.key)
        assert (response.status_code, response.json["code"]) == (404, "conversions-not-set")


def test_a_setting_is_read_as_it_was_written_but_for_the_token(world: World):
    venue = world.venue()
    written = put(world, venue_ids=[venue["id"]])
    assert world.ask("get", PATH) == written
    assert (written["status"], written["paused_until"]) == ("active", None)
    assert (written["venue_ids"], written["unreceived"]) == ([venue["id"]], 0)
    assert TOKEN not in str(written)
    with world.db.transaction() as session:
        tables = ("conversion_setting", "audit_entry", "idempotent_answer")
        for table in tables:
            assert (
                session.scalar(text(f"SELECT count(*) FROM {table} AS t WHERE t::text ~ '{TOKEN}'"))
                == 0
            )


def test_without_a_token_the_one_before_is_kept(world: World):
    put(world)
    changed = put(world, access_token=None, dataset_id="7")
    assert changed["dataset_id"] == "7"


def test_the_first_time_a_token_is_needed(world: World):
    body = {name: value for name, value in BODY.items() if name != "access_token"}
    response = world.call("put", PATH, world.key, json=body)
    assert (response.status_code, response.json["code"]) == (409, "conversion-token-needed")
    world.ask("get", PATH, status=404)


def test_venues_are_these_and_no_others(world: World):
    one, two = world.venue()["id"], world.venue()["id"]
    put(world, venue_ids=[one, one])
    assert put(world, venue_ids=[two])["venue_ids"] == [two]
    assert put(world, venue_ids=[])["venue_ids"] == []


def test_another_merchants_venue_is_none(world: World, other_world: World):
    own = world.venue()["id"]
    put(world, venue_ids=[own])
    for stranger in (other_world.venue()["id"], str(uuid.uuid4())):
        response = world.call("put", PATH, world.key, json={**BODY, "venue_ids": [own, stranger]})
        assert (response.status_code, response.json["code"]) == (404, "conversion-venue-not-found")
    assert world.ask("get", PATH)["venue_ids"] == [own]


def test_a_merchant_has_a_setting_of_its_own(world: World, other_world: World):
    put(world)
    other_world.ask("get", PATH, status=404)
    put(other_world, dataset_id="2")
    other_world.ask("delete", PATH)
    assert world.ask("get", PATH)["dataset_id"] == BODY["dataset_id"]


@pytest.mark.parametrize("scope", ["venues", "offers", "redeem", "support", "stats", "webhooks"])
def test_no_other_scope_will_do(world: World, scope: str):
    world.ask("put", PATH, world.key_with(scope), status=403, json=BODY)


def test_changes_are_logged_without_the_token(world: World):
    put(world)
    put(world)
    assert actions(world) == ["conversion_setting.set"]
    put(world, access_token="another")
    put(world, dataset_id="3", access_token=None)
    world.ask("delete", PATH)
    assert actions(world) == [
        "conversion_setting.deleted",
        *["conversion_setting.set"] * 3,
    ]
    query = {"resource": "conversion_setting"}
    said = str(world.ask("get", "/v1/audit", query_string=query))
    assert "replaced" in said
    assert [secret for secret in (TOKEN, "another") if secret in said] == []


@pytest.mark.parametrize(
    "members",
    [
        {"dataset_id": "12/../me"},
        {"dataset_id": "x"},
        {"dataset_id": ""},
        {"access_token": ""},
        {"access_token": "a b"},
        {"venue_ids": None},
        {"venue_ids": ["x"]},
        {"test_event_code": "TEST1"},
    ],
)
def test_what_is_no_setting_is_refused(world: World, members: dict[str, Any]):
    put(world, status=422, **members)


def test_where_facebook_is_off_it_can_be_looked_at_and_deleted_and_no_more(
    settings: Settings, world: World
):
    put(world)
    off = create_app(Settings(**{**vars(settings), "facebook_app_id": ""}))
    world.client = off.test_client()
    for method, path, body in (
        ("put", PATH, BODY),
        ("post", f"{PATH}/test", {"test_event_code": "TEST1"}),
    ):
        response = world.call(method, path, world.key, json=body)
        assert (response.status_code, response.json["code"]) == (503, "facebook-not-configured")
    world.ask("get", PATH)
    world.ask("delete", PATH)
    off.extensions["lbs_database"].engine.dispose()


@pytest.mark.parametrize("code", ["", "TEST 1", "x" * 51, None])
def test_a_test_needs_a_code(world: World, code: str | None):
    put(world)
    world.ask("post", f"{PATH}/test", status=422, json={"test_event_code": code})


def test_a_test_waits_to_be_sent(world: World):
    put(world)
    sent = world.ask("post", f"{PATH}/test", json={"test_event_code": "TEST1"})
    assert (sent["event_name"], sent["state"]) == ("VenueCheckIn", "pending")
    assert world.ask("get", f"{PATH}/events")["items"] == [sent]
    assert world.ask("get", f"{PATH}/events", query_string={"state": "dead"})["items"] == []


def test_the_log_is_paged_newest_first(world: World):
    put(world)
    made = [
        world.ask("post", f"{PATH}/test", json={"test_event_code": "TEST1"})["id"] for _ in range(3)
    ]
    first = world.ask("get", f"{PATH}/events", query_string={"limit": 2})
    query = {"limit": 2, "cursor": first["next_cursor"]}
    second = world.ask("get", f"{PATH}/events", query_string=query)
    assert [one["id"] for one in (*first["items"], *second["items"])] == made[::-1]
    assert second["next_cursor"] is None


def test_with_the_setting_goes_all_that_was_told_or_was_to_be(world: World):
    put(world)
    world.ask("post", f"{PATH}/test", json={"test_event_code": "TEST1"})
    world.ask("delete", PATH)
    put(world)
    assert world.ask("get", f"{PATH}/events")["items"] == []
