"""Events at venues, through the interface."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text

from tests.world import METRE, World

STARTS, ENDS = "2026-12-05T18:00:00Z", "2026-12-05T23:00:00Z"


def circle(world: World, *, north_m: float = 0, radius_m: float = 200) -> dict[str, Any]:
    centre = {"lon": world.lon, "lat": world.lat + north_m * METRE}
    return {"type": "Circle", "centre": centre, "radius_m": radius_m}


def square(world: World, side: float = 0.001) -> dict[str, Any]:
    lon, lat = world.lon, world.lat
    ring = [[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def body(venue: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "venue_id": venue["id"],
        "name": "Concert",
        "starts_at": STARTS,
        "ends_at": ENDS,
        **members,
    }


def create(world: World, venue: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    given = body(venue or world.venue(), **members)
    return world.ask("post", "/v1/events", json=given, status=201)


def change(world: World, event: dict[str, Any], version: int | None, **members: Any) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    path = f"/v1/events/{event['id']}"
    return world.call("patch", path, world.key, json=members, headers=headers)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def test_an_event_is_created_and_read_as_it_was_given(world: World):
    venue = world.venue()
    response = world.call("post", "/v1/events", world.key, json=body(venue))
    assert (response.status_code, response.headers["ETag"]) == (201, '"1"')
    event = response.json
    assert {name: event[name] for name in body(venue)} == body(venue)
    assert (event["fence"], event["status"], event["version"]) == (None, "active", 1)
    read = world.call("get", f"/v1/events/{event['id']}", world.key)
    assert (read.json, read.headers["ETag"]) == (event, '"1"')


def test_a_request_sent_twice_makes_one_event(world: World):
    given, headers = body(world.venue()), {"Idempotency-Key": "once"}
    answers = [
        world.call("post", "/v1/events", world.key, json=given, headers=headers).json
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(world.ask("get", "/v1/events")["items"]) == 1


def test_an_event_may_have_a_fence_of_its_own_and_give_it_up(world: World):
    event = create(world, fence=circle(world))
    assert event["fence"] == circle(world)
    squared = change(world, event, 1, fence=square(world)).json
    assert squared["fence"]["type"] == "MultiPolygon"
    assert change(world, event, 2, name="Renamed").json["fence"] == squared["fence"]
    assert (
        change(world, event, 3, fence=circle(world, north_m=500)).json["fence"]["radius_m"] == 200
    )
    assert change(world, event, 4, fence=None).json["fence"] is None
    with world.db.transaction() as session:
        left = session.execute(
            text("SELECT fence, centre, radius_m FROM event WHERE id = :id"), {"id": event["id"]}
        ).one()
    assert tuple(left) == (None, None, None)


def test_an_events_circle_is_drawn_as_a_venues(world: World):
    venue = world.venue(radius_m=200)
    event = create(world, venue, fence=circle(world))
    with world.db.transaction() as session:
        same = session.scalar(
            text(
                "SELECT ST_Equals(event.fence::geometry, venue.fence::geometry)"
                " FROM event JOIN venue ON venue.id = event.venue_id WHERE event.id = :id"
            ),
            {"id": event["id"]},
        )
    assert same


def test_only_the_members_given_are_changed(world: World):
    event = create(world, fence=circle(world))
    response = change(world, event, 1, ends_at="2026-12-06T01:00:00Z")
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    changed = response.json
    same = {*event} - {"ends_at", "version", "updated_at"}
    assert {name: changed[name] for name in same} == {name: event[name] for name in same}
    assert changed["ends_at"] == "2026-12-06T01:00:00Z"
    assert changed["updated_at"] > event["updated_at"]
    assert world.ask("get", f"/v1/events/{event['id']}") == changed


def test_a_change_needs_the_version_that_was_read(world: World):
    event = create(world)
    assert code_of(change(world, event, None, name="x")) == (428, "precondition-required")
    assert code_of(change(world, event, 2, name="x")) == (412, "version-outdated")
    assert world.ask("get", f"/v1/events/{event['id']}") == event


def test_events_are_listed_newest_first_page_by_page(world: World, other_world: World):
    create(other_world)
    here, there = world.venue(), world.venue()
    made = [create(world, venue)["id"] for venue in (here, there, here, here)][::-1]
    seen, cursor = [], ""
    while cursor is not None:
        page = world.ask("get", f"/v1/events?limit=3{cursor and f'&cursor={cursor}'}")
        seen += [event["id"] for event in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made
    world.ask("delete", f"/v1/events/{made[0]}", status=204)

    def found(query: str) -> list[str]:
        return [event["id"] for event in world.ask("get", f"/v1/events?{query}")["items"]]

    assert found(f"venue_id={there['id']}") == [made[2]]
    assert found("status=cancelled") == [made[0]]
    assert found(f"status=active&venue_id={here['id']}") == [made[1], made[3]]
    assert found(f"venue_id={other_world.venue()['id']}") == []
    problem = world.ask("get", "/v1/events?status=over", status=422)
    assert problem["errors"][0]["parameter"] == "status"


def test_a_cancelled_event_stays_and_does_not_change(world: World):
    event = create(world)
    path = f"/v1/events/{event['id']}"
    for _ in range(2):
        world.ask("delete", path, status=204)
    read = world.ask("get", path)
    assert (read["status"], read["version"]) == ("cancelled", 2)
    assert code_of(change(world, event, 2, name="x")) == (409, "event-cancelled")
    assert code_of(change(world, event, 1, name="x")) == (412, "version-outdated")


def test_an_event_is_at_a_venue_of_the_merchant_that_is_not_retired(world, other_world):
    retired = world.venue()
    world.ask("delete", f"/v1/venues/{retired['id']}")
    for venue in (retired, other_world.venue(), {"id": str(uuid.uuid4())}):
        response = world.call("post", "/v1/events", world.key, json=body(venue))
        assert code_of(response) == (404, "venue-not-found")
    assert world.ask("get", "/v1/events")["items"] == []


def test_another_merchants_event_is_not_there(world: World, other_world: World):
    theirs = create(other_world)
    for event in (theirs, {"id": str(uuid.uuid4())}):
        path = f"/v1/events/{event['id']}"
        missing = (404, "event-not-found")
        assert code_of(world.call("get", path, world.key)) == missing
        assert code_of(change(world, event, 1, name="x")) == missing
        assert code_of(world.call("delete", path, world.key)) == missing
    assert other_world.ask("get", f"/v1/events/{theirs['id']}") == theirs


@pytest.mark.parametrize(
    ("ends_at", "taken"),
    [
        (STARTS, False),
        ("2026-12-05T17:59:59Z", False),
        ("2026-12-05T18:00:01Z", True),
        ("2027-01-05T18:00:00Z", True),
        ("2027-01-05T18:00:01Z", False),
    ],
)
def test_an_event_ends_after_it_starts_and_within_31_days(world, ends_at, taken):
    response = world.call(
        "post", "/v1/events", world.key, json=body(world.venue(), ends_at=ends_at)
    )
    if not taken:
        assert (response.status_code, pointers(response.json)) == (422, ["#/ends_at"])
    both = change(world, create(world), 1, starts_at=STARTS, ends_at=ends_at)
    assert both.status_code == (200 if taken else 422)
    alone = change(world, create(world), 1, ends_at=ends_at)
    if taken:
        assert (response.json["ends_at"], alone.json["ends_at"]) == (ends_at, ends_at)
    else:
        assert code_of(alone) == (409, "event-times-refused")


def test_a_start_alone_may_not_pass_the_end_either(world: World):
    event = create(world)
    for starts_at in (ENDS, "2026-11-01T00:00:00Z"):
        response = change(world, event, 1, starts_at=starts_at)
        assert code_of(response) == (409, "event-times-refused")
    assert world.ask("get", f"/v1/events/{event['id']}") == event


@pytest.mark.parametrize(
    ("member", "value", "pointer"),
    [
        ("name", "", "#/name"),
        ("name", "x" * 201, "#/name"),
        ("starts_at", "2026-12-05T18:00:00", "#/starts_at"),
        ("ends_at", "1999-01-01T00:00:00Z", "#/ends_at"),
        ("fence", {"type": "Point"}, "#/fence/type"),
        ("fence", {"type": "Circle", "radius_m": 50}, "#/fence/centre"),
        ("status", "cancelled", "#/status"),
    ],
)
def test_a_member_that_is_not_well_formed_is_refused(world, member, value, pointer):
    given = {**body(world.venue()), member: value}
    assert pointer in pointers(world.ask("post", "/v1/events", json=given, status=422))
    response = change(world, create(world), 1, **{member: value})
    assert (response.status_code, {*pointers(response.json)}) == (422, {pointer})


def test_an_event_does_not_move_to_another_venue(world: World):
    response = change(world, create(world), 1, venue_id=world.venue()["id"])
    assert (response.status_code, pointers(response.json)) == (422, ["#/venue_id"])


def test_a_fence_with_longitude_and_latitude_swapped_is_refused(world: World):
    fence = {"type": "Circle", "centre": {"lon": 55.68, "lat": 12.57}, "radius_m": 50}
    given = body(world.venue(), fence=fence)
    problem = world.ask("post", "/v1/events", json=given, status=422)
    assert [(error["rule"], error["pointer"]) for error in problem["errors"]] == [
        ("order", "#/fence")
    ]
    event = create(world)
    assert change(world, event, 1, fence=fence).status_code == 422
    assert world.ask("get", f"/v1/events/{event['id']}") == event
