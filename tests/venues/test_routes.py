"""Venues, their fences, venue groups and the import of many, through the interface."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from lbs.venues.schemas import MAX_IMPORT
from tests.world import METRE, World

COPENHAGEN = (12.57, 55.68)


def ring(lon: float, lat: float, side: float = 0.001) -> list[list[float]]:
    return [[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side], [lon, lat]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def circle(lon: float, lat: float, radius_m: float = 50) -> dict[str, Any]:
    return {"type": "Circle", "centre": {"lon": lon, "lat": lat}, "radius_m": radius_m}


def body(fence: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"name": "Venue", "fence": fence, **members}


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def flaws(problem: dict[str, Any]) -> list[tuple[str | None, str]]:
    return [(error.get("rule"), error["pointer"]) for error in problem["errors"]]


def change(world: World, path: str, version: int | None, **members: Any) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return world.call("patch", path, world.key, json=members, headers=headers)


# --- create, read, list, change, retire ----------------------------------------------------


def test_a_venue_is_created_and_read_as_it_was_given(world: World):
    fence = polygon(ring(*COPENHAGEN))
    given = {
        "name": "Ølbaren 🍺",
        "category": "craft_beer",
        "time_zone": "Europe/Copenhagen",
        "opening_hours": "Mo-Fr 08:00-18:00; Sa 10:00-15:00",
        "cool_down_s": 3600,
        "location": {"lon": 12.5701, "lat": 55.6801},
    }
    response = world.call("post", "/v1/venues", world.key, json=body(fence, **given))
    assert response.status_code == 201
    assert response.headers["ETag"] == '"1"'
    venue = response.json
    assert {name: venue[name] for name in given} == given
    assert (venue["status"], venue["version"]) == ("active", 1)
    assert venue["fence"]["type"] == "MultiPolygon"
    corners = {(round(lon, 6), round(lat, 6)) for lon, lat in venue["fence"]["coordinates"][0][0]}
    assert corners == {(round(lon, 6), round(lat, 6)) for lon, lat in ring(*COPENHAGEN)}
    read = world.call("get", f"/v1/venues/{venue['id']}", world.key)
    assert read.json == venue
    assert read.headers["ETag"] == '"1"'


def test_what_is_left_out_is_filled_in(world: World):
    venue = world.ask("post", "/v1/venues", json=body(circle(*COPENHAGEN)))
    assert venue["time_zone"] == "Europe/Copenhagen"
    assert venue["category"] == "other"
    assert venue["opening_hours"] is None
    assert venue["cool_down_s"] is None
    assert venue["fence"] == circle(*COPENHAGEN)


def test_a_polygon_with_a_hole_and_a_multipolygon_keep_their_shape(world: World):
    lon, lat = COPENHAGEN
    hole = ring(lon + 0.0002, lat + 0.0002, 0.0005)[::-1]
    fence = {
        "type": "MultiPolygon",
        "coordinates": [[ring(lon, lat), hole], [ring(lon + 0.01, lat)]],
    }
    venue = world.ask("post", "/v1/venues", json=body(fence))
    polygons = venue["fence"]["coordinates"]
    assert sorted(len(rings) for rings in polygons) == [1, 2]


def test_venues_are_listed_in_the_order_they_were_made_page_by_page(world, other_world):
    other_world.venue()
    made = [world.venue()["id"] for _ in range(5)]
    world.ask("delete", f"/v1/venues/{made[1]}")
    seen, cursor = [], ""
    while cursor is not None:
        page = world.ask("get", f"/v1/venues?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [venue["id"] for venue in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made
    active = world.ask("get", "/v1/venues?status=active")["items"]
    assert [venue["id"] for venue in active] == made[:1] + made[2:]
    retired = world.ask("get", "/v1/venues?status=retired")["items"]
    assert [venue["id"] for venue in retired] == [made[1]]
    problem = world.ask("get", "/v1/venues?status=closed", status=422)
    assert problem["errors"][0]["parameter"] == "status"


def test_only_the_members_given_are_changed(world: World):
    venue = world.venue(opening_hours="24/7", cool_down_s=60)
    path = f"/v1/venues/{venue['id']}"
    response = change(world, path, 1, name="Renamed", opening_hours=None)
    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    changed = response.json
    same = {*venue} - {"name", "opening_hours", "version", "updated_at"}
    assert {name: changed[name] for name in same} == {name: venue[name] for name in same}
    assert (changed["name"], changed["opening_hours"]) == ("Renamed", None)
    assert changed["updated_at"] > venue["updated_at"]
    assert world.ask("get", path) == changed


def test_a_moved_fence_takes_check_ins_at_its_new_place_only(world: World):
    venue = world.venue()
    moved = circle(world.lon, world.lat + 1000 * METRE)
    response = change(world, f"/v1/venues/{venue['id']}", 1, fence=moved)
    assert response.json["fence"]["centre"] == {
        "lon": pytest.approx(moved["centre"]["lon"]),
        "lat": pytest.approx(moved["centre"]["lat"]),
    }
    assert world.check_in(world.customer(), venue)["verdict"] == "rejected"
    assert world.check_in(world.customer(), venue, north_m=1000)["verdict"] == "accepted"


def test_a_circle_can_become_a_polygon_and_back(world: World):
    venue = world.ask("post", "/v1/venues", json=body(circle(*COPENHAGEN)))
    path = f"/v1/venues/{venue['id']}"
    assert change(world, path, 1, fence=polygon(ring(*COPENHAGEN))).json["fence"]["type"] == (
        "MultiPolygon"
    )
    assert change(world, path, 2, fence=circle(*COPENHAGEN)).json["fence"] == circle(*COPENHAGEN)


@pytest.mark.parametrize("kind", ["venues", "venue-groups"])
def test_a_change_needs_the_version_that_was_read(world: World, kind: str):
    made = world.venue() if kind == "venues" else _group(world, "group")
    path = f"/v1/{kind}/{made['id']}"
    assert code_of(change(world, path, None, name="x")) == (428, "precondition-required")
    assert code_of(change(world, path, 2, name="x")) == (412, "version-outdated")
    assert code_of(change(world, path, 0, name="x")) == (412, "version-outdated")
    for nonsense in ("", '"x"', "*x", '"1.0"'):
        response = world.call(
            "patch", path, world.key, json={"name": "x"}, headers={"If-Match": nonsense}
        )
        assert code_of(response) == (412, "version-outdated")
    assert world.ask("get", path) == made
    assert change(world, path, 1, name="y").status_code == 200
    assert code_of(change(world, path, 1, name="z")) == (412, "version-outdated")
    assert world.ask("get", path)["name"] == "y"


@pytest.mark.parametrize("kind", ["venues", "venue-groups"])
def test_of_many_changes_of_one_version_at_once_one_is_made(world: World, kind: str):
    made = world.venue() if kind == "venues" else _group(world, "group")
    path = f"/v1/{kind}/{made['id']}"
    start = threading.Barrier(6)
    answers: list[int] = []

    def edit(name: str) -> None:
        start.wait()
        headers = {"If-Match": '"1"', "Authorization": f"Bearer {world.key}"}
        client = world.app.test_client()
        answers.append(client.patch(path, json={"name": name}, headers=headers).status_code)

    threads = [threading.Thread(target=edit, args=(f"name {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [412] * 5
    assert world.ask("get", path)["version"] == 2


def test_a_retired_venue_takes_no_check_ins_and_keeps_its_numbers(world: World):
    venue = world.venue()
    customer = world.customer()
    world.check_in(customer, venue)
    for _ in range(2):
        world.ask("delete", f"/v1/venues/{venue['id']}", status=204)
    read = world.ask("get", f"/v1/venues/{venue['id']}")
    assert read["status"] == "retired"
    attempt = {"venue_id": venue["id"], "evidence": [world.location()]}
    response = world.call("post", "/v1/check-ins", world.customer(), json=attempt)
    assert code_of(response) == (404, "venue-not-found")
    near = world.ask("get", f"/v1/venues/nearby?lon={world.lon}&lat={world.lat}", customer)
    assert near["items"] == []
    assert world.totals(f"venues/{venue['id']}")["check_ins"]["accepted"] == 1
    changed = change(world, f"/v1/venues/{venue['id']}", read["version"], name="x")
    assert code_of(changed) == (404, "venue-not-found")


def test_another_merchants_venue_is_not_there(world: World, other_world: World):
    for venue_id in (other_world.venue()["id"], str(uuid.uuid4())):
        path = f"/v1/venues/{venue_id}"
        assert code_of(world.call("get", path, world.key)) == (404, "venue-not-found")
        assert code_of(change(world, path, 1, name="x")) == (404, "venue-not-found")
        assert code_of(world.call("delete", path, world.key)) == (404, "venue-not-found")


# --- what is refused -----------------------------------------------------------------------

LON, LAT = COPENHAGEN
R = ring(LON, LAT)
AT = "#/fence/coordinates"


@pytest.mark.parametrize(
    ("fence", "rule", "pointer"),
    [
        pytest.param(polygon(R[:4]), "closed", f"{AT}/0", id="closed"),
        pytest.param(polygon([R[0], R[1], R[0]]), "positions", f"{AT}/0", id="positions"),
        pytest.param(polygon([R[0], R[2], R[1], R[3], R[0]]), "simple", AT, id="simple"),
        pytest.param(polygon(), "empty", AT, id="empty"),
        pytest.param(polygon([R[0]] * 4), "empty", AT, id="empty-area"),
        pytest.param({"type": "MultiPolygon", "coordinates": []}, "empty", AT, id="empty-multi"),
        pytest.param(polygon([[200, LAT], *R[1:4], [200, LAT]]), "range", f"{AT}/0/0", id="range"),
        pytest.param(
            polygon([[10**350, LAT], *R[1:4], [10**350, LAT]]), "range", f"{AT}/0/0", id="huge"
        ),
        pytest.param(polygon(ring(LAT, LON)), "order", "#/fence", id="order"),
        pytest.param(circle(LAT, LON), "order", "#/fence", id="order-circle"),
        pytest.param(polygon(ring(LON, LAT, 1)), "area", AT, id="area"),
        pytest.param(
            polygon([[179.9, 0], [-179.9, 0], [-179.9, 0.1], [179.9, 0.1], [179.9, 0]]),
            "antimeridian",
            f"{AT}/0",
            id="antimeridian",
        ),
        pytest.param(
            circle(179.99, 0, 10_000),
            "antimeridian",
            "#/fence/centre/lon",
            id="antimeridian-circle",
        ),
        pytest.param(circle(0, 88.95, 10_000), "pole", "#/fence/centre/lat", id="pole"),
        pytest.param(polygon([[LON], *R[1:]]), "position", f"{AT}/0/0", id="position"),
        pytest.param(polygon([["a", "b"], *R[1:]]), "position", f"{AT}/0/0", id="position-text"),
        pytest.param(polygon([[True, 1], *R[1:]]), "position", f"{AT}/0/0", id="position-true"),
        pytest.param(polygon([R[0]] * 10_001), "size", AT, id="size"),
    ],
)
@pytest.mark.parametrize("time_zone", ["Europe/Copenhagen", None])
def test_a_refused_fence_names_the_rule_and_the_place(world, fence, rule, pointer, time_zone):
    members = {"time_zone": time_zone} if time_zone else {}
    problem = world.ask("post", "/v1/venues", json=body(fence, **members), status=422)
    assert flaws(problem)[0] == (rule, pointer)
    assert {found for found, _ in flaws(problem)} == {rule}
    assert world.ask("get", "/v1/venues")["items"] == []


def test_a_fence_that_is_refused_on_creation_is_refused_on_a_change(world: World):
    venue = world.ask("post", "/v1/venues", json=body(circle(*COPENHAGEN)))
    path = f"/v1/venues/{venue['id']}"
    bow_tie = polygon([R[0], R[2], R[1], R[3], R[0]])
    assert flaws(change(world, path, 1, fence=bow_tie).json) == [("simple", AT)]
    assert flaws(change(world, path, 1, fence=circle(LAT, LON)).json) == [("order", "#/fence")]
    assert world.ask("get", path) == venue


@pytest.mark.parametrize(
    ("fence", "pointer"),
    [
        (None, "#/fence"),
        ("Circle", "#/fence"),
        ([], "#/fence"),
        ({}, "#/fence/type"),
        ({"type": "Point", "coordinates": [LON, LAT]}, "#/fence/type"),
        ({"type": ["Circle"]}, "#/fence/type"),
        ({"type": "Circle", "radius_m": 50}, "#/fence/centre"),
        ({"type": "Circle", "centre": {"lon": LON, "lat": LAT}}, "#/fence/radius_m"),
        ({"type": "Circle", "centre": [LON, LAT], "radius_m": 50}, "#/fence/centre"),
        ({**circle(LON, LAT), "centre": {"lon": LON, "lat": 90.1}}, "#/fence/centre/lat"),
        ({**circle(LON, LAT), "centre": {"lon": 180.1, "lat": LAT}}, "#/fence/centre/lon"),
        ({**circle(LON, LAT), "centre": {"lon": str(LON), "lat": LAT}}, "#/fence/centre/lon"),
        ({**circle(LON, LAT), "unit": "m"}, "#/fence/unit"),
        ({"type": "Polygon"}, "#/fence/coordinates"),
        ({"type": "Polygon", "coordinates": None}, "#/fence/coordinates"),
    ],
)
def test_a_fence_that_is_not_well_formed_is_refused_where_it_is_wrong(world, fence, pointer):
    problem = world.ask("post", "/v1/venues", json=body(fence), status=422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("radius_m", "taken"),
    [
        (10, True),
        (10.0, True),
        (10_000, True),
        (9.999, False),
        (10_000.001, False),
        (0, False),
        (-10, False),
    ],
)
def test_a_circle_has_a_radius_within_bounds(world: World, radius_m: float, taken: bool):  # noqa: FBT001
    response = world.call("post", "/v1/venues", world.key, json=body(circle(LON, LAT, radius_m)))
    if taken:
        assert response.json["fence"]["radius_m"] == radius_m
    else:
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json["errors"]] == ["#/fence/radius_m"]


@pytest.mark.parametrize(
    ("member", "value", "rule"),
    [
        ("opening_hours", "whenever we feel like it", "opening_hours"),
        ("opening_hours", "Mo-Fr 25:00-26:61", "opening_hours"),
        ("opening_hours", "x" * 501, None),
        ("time_zone", "Copenhagen", "time_zone"),
        ("time_zone", "europe/copenhagen", "time_zone"),
        ("time_zone", "", "time_zone"),
        ("time_zone", "../etc/passwd", "time_zone"),
        ("category", "Cafe", None),
        ("category", "", None),
        ("category", "a b", None),
        ("category", "cafe\n", None),
        ("category", "x" * 65, None),
        ("category", None, None),
        ("cool_down_s", -1, None),
        ("cool_down_s", 7 * 86_400 + 1, None),
        ("cool_down_s", 1.5, None),
        ("cool_down_s", "60", None),
        ("name", "", None),
        ("name", " \t", None),
        ("name", "x" * 201, None),
        ("name", None, None),
    ],
)
def test_a_member_out_of_bounds_is_refused_on_creation_and_on_change(world, member, value, rule):
    problem = world.ask(
        "post", "/v1/venues", json={**body(circle(*COPENHAGEN)), member: value}, status=422
    )
    assert (rule, f"#/{member}") in flaws(problem)
    venue = world.venue()
    response = change(world, f"/v1/venues/{venue['id']}", 1, **{member: value})
    assert response.status_code == 422
    assert (rule, f"#/{member}") in flaws(response.json)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("opening_hours", None),
        ("opening_hours", "24/7"),
        ("opening_hours", "Mo-Su 18:00-02:00; PH off"),
        ("opening_hours", "sunrise-sunset"),
        ("time_zone", "Pacific/Kiritimati"),
        ("category", "a"),
        ("category", "x_9" * 21 + "x"),
        ("cool_down_s", 0),
        ("cool_down_s", 7 * 86_400),
        ("cool_down_s", None),
        ("name", "x"),
        ("name", "ø" * 200),
    ],
)
def test_a_member_at_its_bound_is_taken(world: World, member: str, value: Any):
    given = {**body(circle(*COPENHAGEN)), member: value}
    assert world.ask("post", "/v1/venues", json=given, status=201)[member] == value
    venue = world.venue()
    response = change(world, f"/v1/venues/{venue['id']}", 1, **{member: value})
    assert response.json[member] == value


@pytest.mark.parametrize(
    "fence",
    [
        pytest.param(polygon(ring(LON, LAT, 1e-7)), id="a centimetre"),
        pytest.param(polygon(ring(LON, LAT, 1e-9)), id="a tenth of a millimetre"),
        pytest.param(
            polygon([[LON, LAT], [LON + 0.1, LAT], [LON + 0.1, LAT + 1e-12], [LON, LAT]]),
            id="a sliver",
        ),
        pytest.param(
            polygon(
                [[LON, LAT], [LON + 0.1, LAT + 0.1], [LON + 0.2, LAT + 0.2 + 1e-13], [LON, LAT]]
            ),
            id="a slanted sliver",
        ),
        pytest.param(
            polygon([[LON, LAT], [LON + 1e-13, LAT], [LON, LAT + 1e-13], [LON, LAT]]), id="a speck"
        ),
    ],
)
def test_a_fence_too_small_to_stand_in_is_refused(world: World, fence: dict[str, Any]):
    problem = world.ask("post", "/v1/venues", json=body(fence), status=422)
    [(rule, pointer)] = flaws(problem)
    assert rule in ("area", "empty")
    assert pointer == AT


# --- what the public sees ------------------------------------------------------------------


def public_place(world: World, venue: dict[str, Any], lon: float, lat: float) -> dict[str, float]:
    """Where a customer who stands there sees the venue, in both forms of nearby search."""
    query = f"lon={lon}&lat={lat}&radius_m=20000"
    customer = world.customer()
    found = world.ask("get", f"/v1/venues/nearby?{query}", customer)["items"]
    seen = next(item for item in found if item["id"] == venue["id"])["location"]
    features = json.loads(world.call("get", f"/v1/venues/nearby.geojson?{query}", customer).text)[
        "features"
    ]
    feature = next(item for item in features if item["id"] == venue["id"])
    assert feature["geometry"]["coordinates"] == [seen["lon"], seen["lat"]]
    return seen


def is_inside(world: World, venue: dict[str, Any], place: dict[str, float]) -> bool:
    with world.db.transaction() as session:
        return session.scalar(
            text(
                "SELECT ST_Covers(fence, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography)"
                " FROM venue WHERE id = :id"
            ),
            {"id": venue["id"], **place},
        )


@pytest.mark.parametrize("radius_m", [10, 50, 10_000])
def test_the_public_place_of_a_circle_is_inside_it_and_not_its_centre(world, radius_m):
    for _ in range(8):
        venue = world.venue(radius_m=radius_m)
        seen = public_place(world, venue, world.lon, world.lat)
        assert seen == venue["location"]
        assert is_inside(world, venue, seen)
        assert seen != {"lon": world.lon, "lat": world.lat}


def test_the_public_places_of_circles_do_not_give_the_centre_away_on_average(world: World):
    moved = [world.venue(radius_m=1000)["location"] for _ in range(12)]
    assert len({(place["lon"], place["lat"]) for place in moved}) == 12


@pytest.mark.parametrize(
    "off", [0, 1e-7, -4e-6], ids=["the centre", "a centimetre off", "within the rounding"]
)
def test_a_merchant_cannot_give_the_centre_away(world: World, off: float):
    near = {"lon": world.lon + off, "lat": world.lat}
    rounded = {"lon": round(world.lon, 5), "lat": round(world.lat, 5)}
    venue = world.venue(location=near)
    assert public_place(world, venue, world.lon, world.lat) != rounded
    path = f"/v1/venues/{venue['id']}"
    changed = change(world, path, 1, location=near).json
    assert changed["location"] != rounded
    both = change(world, path, 2, location=near, fence=circle(world.lon, world.lat, 60)).json
    assert both["location"] != rounded
    assert is_inside(world, venue, both["location"])
    door = {"lon": round(world.lon + 0.0002, 5), "lat": round(world.lat, 5)}
    assert change(world, path, 3, location=door).json["location"] == door
    centred = change(world, path, 4, fence=circle(door["lon"], door["lat"])).json
    assert centred["location"] != door


def test_the_public_place_of_a_polygon_is_inside_it_and_not_its_middle(world: World):
    side = 0.002
    lon, lat = world.lon - side / 2, world.lat - side / 2
    notched = [*ring(lon, lat, side)[:3], [world.lon, world.lat], *ring(lon, lat, side)[3:]]
    for fence in (polygon(ring(lon, lat, side)), polygon(notched)):
        for _ in range(6):
            venue = world.ask("post", "/v1/venues", json=body(fence, time_zone="Europe/Copenhagen"))
            seen = public_place(world, venue, world.lon, world.lat)
            assert is_inside(world, venue, seen)
            with world.db.transaction() as session:
                middle_m = session.scalar(
                    text(
                        "SELECT ST_Distance(ST_Centroid(fence), location) FROM venue WHERE id = :id"
                    ),
                    {"id": venue["id"]},
                )
            assert middle_m > 0.05


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_a_fence_of_many_equal_parts_is_taken(world: World, parts: int):
    fence = {
        "type": "MultiPolygon",
        "coordinates": [[ring(world.lon + n * 0.002, world.lat)] for n in range(parts)],
    }
    venue = world.ask("post", "/v1/venues", json=body(fence, time_zone="Europe/Copenhagen"))
    assert is_inside(world, venue, venue["location"])


@pytest.mark.parametrize("wide_m", [1e-3, 0.1])
def test_a_long_thin_fence_is_taken_at_once(world: World, wide_m: float):
    wide, lon, lat = wide_m * METRE, world.lon, world.lat
    slanted = polygon(
        [[lon, lat], [lon + 0.15, lat + 0.15], [lon + 0.15, lat + 0.15 + wide], [lon, lat + wide]]
    )
    slanted["coordinates"][0].append([lon, lat])
    began = time.perf_counter()
    world.ask("post", "/v1/venues", json=body(slanted, time_zone="Europe/Copenhagen"))
    assert time.perf_counter() - began < 2


def test_a_place_on_the_map_stays_where_the_fence_still_holds_it(world: World):
    door = {"lon": round(world.lon + 0.0002, 5), "lat": round(world.lat, 5)}
    venue = world.venue(location=door)
    path = f"/v1/venues/{venue['id']}"
    grown = change(world, path, 1, fence=circle(world.lon, world.lat, 500)).json
    assert grown["location"] == door
    moved = change(world, path, 2, fence=circle(world.lon, world.lat + 0.1, 50)).json
    assert is_inside(world, venue, moved["location"])


def test_the_fence_itself_is_not_public(world: World):
    world.venue()
    answer = world.call(
        "get", f"/v1/venues/nearby?lon={world.lon}&lat={world.lat}", world.customer()
    )
    for hidden in ("fence", "centre", "polygon", "coordinates", "cool_down_s"):
        assert hidden not in answer.text


# --- groups --------------------------------------------------------------------------------


def _group(world: World, name: str, *venues: dict[str, Any]) -> dict[str, Any]:
    given = {"name": name, "venue_ids": [venue["id"] for venue in venues]}
    return world.ask("post", "/v1/venue-groups", json=given, status=201)


def test_a_group_is_made_read_changed_listed_and_deleted(world: World, other_world: World):
    _group(other_world, "theirs")
    first, second, third = world.venue(), world.venue(), world.venue()
    group = _group(world, "City centre", first, second, first)
    assert set(group["venue_ids"]) == {first["id"], second["id"]}
    assert (group["name"], group["version"]) == ("City centre", 1)
    path = f"/v1/venue-groups/{group['id']}"
    read = world.call("get", path, world.key)
    assert (read.json, read.headers["ETag"]) == (group, '"1"')
    changed = change(world, path, 1, venue_ids=[third["id"]]).json
    assert (changed["venue_ids"], changed["name"]) == ([third["id"]], "City centre")
    renamed = change(world, path, 2, name="Harbour").json
    assert (renamed["venue_ids"], renamed["name"]) == ([third["id"]], "Harbour")
    assert change(world, path, 3, venue_ids=[]).json["venue_ids"] == []
    other = _group(world, "Second")
    pages = world.ask("get", "/v1/venue-groups?limit=1")
    rest = world.ask("get", f"/v1/venue-groups?limit=1&cursor={pages['next_cursor']}")
    assert [item["id"] for item in pages["items"] + rest["items"]] == [group["id"], other["id"]]
    assert rest["next_cursor"] is None
    world.ask("delete", path, status=204)
    assert code_of(world.call("get", path, world.key)) == (404, "venue-group-not-found")
    assert code_of(world.call("delete", path, world.key)) == (404, "venue-group-not-found")
    assert world.ask("get", f"/v1/venues/{third['id']}")["status"] == "active"


def test_a_group_takes_no_foreign_venue(world: World, other_world: World):
    own, foreign = world.venue(), other_world.venue()
    group = _group(world, "group", own)
    path = f"/v1/venue-groups/{group['id']}"
    for venue_id in (foreign["id"], str(uuid.uuid4())):
        given = {"name": "x", "venue_ids": [own["id"], venue_id]}
        response = world.call("post", "/v1/venue-groups", world.key, json=given)
        assert code_of(response) == (404, "venue-not-found")
        response = change(world, path, 1, name="x", venue_ids=[venue_id])
        assert code_of(response) == (404, "venue-not-found")
    assert world.ask("get", path) == group
    assert [item["id"] for item in world.ask("get", "/v1/venue-groups")["items"]] == [group["id"]]


def test_another_merchants_group_is_not_there(world: World, other_world: World):
    for group_id in (_group(other_world, "theirs")["id"], str(uuid.uuid4())):
        path = f"/v1/venue-groups/{group_id}"
        missing = (404, "venue-group-not-found")
        assert code_of(world.call("get", path, world.key)) == missing
        assert code_of(change(world, path, 1, name="x")) == missing
        assert code_of(world.call("delete", path, world.key)) == missing


def test_a_group_at_which_an_offer_runs_cannot_be_deleted(world: World):
    venue = world.venue()
    group = _group(world, "group", venue)
    offer = world.offer(group_ids=[group["id"]])
    path = f"/v1/venue-groups/{group['id']}"
    assert code_of(world.call("delete", path, world.key)) == (409, "venue-group-in-use")
    assert world.ask("get", path) == group
    version = offer["version"]
    moved = {"group_ids": [], "venue_ids": [venue["id"]]}
    assert change(world, f"/v1/offers/{offer['id']}", version, **moved).status_code == 200
    world.ask("delete", path, status=204)


def test_an_offer_at_a_group_runs_at_its_venues(world: World):
    venue, later = world.venue(), world.venue()
    group = _group(world, "group", venue)
    world.offer(group_ids=[group["id"]])
    assert len(world.check_in(world.customer(), venue)["unlocked"]) == 1
    assert world.check_in(world.customer(), later)["unlocked"] == []
    change(world, f"/v1/venue-groups/{group['id']}", 1, venue_ids=[later["id"]])
    assert world.check_in(world.customer(), venue)["unlocked"] == []
    assert len(world.check_in(world.customer(), later)["unlocked"]) == 1


# --- import --------------------------------------------------------------------------------


def feature(number: int = 0, geometry: Any = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": geometry or {"type": "Point", "coordinates": [LON + number * 1e-5, LAT]},
        "properties": {"name": f"Venue {number}", "radius_m": 50, **properties},
    }


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


BAD = [
    (feature(geometry=polygon(R[:4])), "closed", "geometry/coordinates/0"),
    (feature(geometry=circle(LON, LAT)), None, "geometry/centre"),
    (feature(geometry={"type": "LineString", "coordinates": R}), None, "geometry/type"),
    (feature(geometry={"type": "Point", "coordinates": [LAT, LON]}), "order", "geometry"),
    (feature(radius_m=None), "radius", "geometry"),
    (feature(radius_m=5), None, "geometry/radius_m"),
    (feature(name=""), None, "properties/name"),
    (feature(opening_hours="x"), "opening_hours", "properties/opening_hours"),
    (feature(time_zone="x"), "time_zone", "properties/time_zone"),
    (feature(category="Café"), None, "properties/category"),
    ({**feature(), "type": "Thing"}, None, "type"),
    ({"type": "Feature", "properties": {}}, None, "geometry"),
    ({"type": "Feature", "geometry": polygon(R)}, None, "properties"),
    ("feature", None, "type"),
]


def test_an_import_refuses_everything_for_one_bad_feature_and_lists_every_one(world: World):
    given = collection(feature(1), *(bad for bad, _, _ in BAD), feature(2))
    problem = world.ask("post", "/v1/venues/import", json=given, status=422)
    found = flaws(problem)
    for index, (bad, rule, where) in enumerate(BAD, start=1):
        assert any(
            f_rule == rule and pointer.startswith(f"#/features/{index}/{where}".rstrip("/"))
            for f_rule, pointer in found
        ), (index, bad, [f for f in found if f[1].startswith(f"#/features/{index}")])
    assert {int(pointer.split("/")[2]) for _, pointer in found} == set(range(1, len(BAD) + 1))
    assert world.ask("get", "/v1/venues")["items"] == []


def test_an_import_of_each_takes_what_is_right_and_reports_the_rest(world: World):
    given = collection(feature(1), *(bad for bad, _, _ in BAD), feature(2))
    report = world.ask("post", "/v1/venues/import?mode=each", json=given, status=201)
    assert [refused["index"] for refused in report["refused"]] == list(range(1, len(BAD) + 1))
    assert report["refused"][0]["name"] == "Venue 0"
    assert report["refused"][-1]["name"] is None
    for refused, (_, rule, where) in zip(report["refused"], BAD, strict=True):
        assert any(
            error.get("rule") == rule and error["pointer"].startswith(f"#/{where}")
            for error in refused["errors"]
        ), refused
    listed = world.ask("get", "/v1/venues")["items"]
    assert [venue["id"] for venue in listed] == report["created"]
    assert [venue["name"] for venue in listed] == ["Venue 1", "Venue 2"]


def test_an_import_takes_polygons_multipolygons_and_points_with_other_properties(world: World):
    given = collection(
        feature(1, polygon(R), radius_m=None, colour="red", point=[LON + 0.0001, LAT + 0.0001]),
        feature(2, {"type": "MultiPolygon", "coordinates": [[R]]}, category="cafe"),
        feature(3, opening_hours="24/7", cool_down_s=60, time_zone="Europe/Copenhagen"),
        {**feature(4), "id": "osm/7", "bbox": [1, 2, 3, 4]},
    )
    given["crs"] = {"type": "name"}
    report = world.ask("post", "/v1/venues/import", json=given)
    assert report["refused"] == []
    venues = [world.ask("get", f"/v1/venues/{venue_id}") for venue_id in report["created"]]
    assert [venue["name"] for venue in venues] == [f"Venue {n}" for n in range(1, 5)]
    assert venues[0]["location"] == {"lon": 12.5701, "lat": 55.6801}
    assert venues[1]["category"] == "cafe"
    assert (venues[2]["opening_hours"], venues[2]["cool_down_s"]) == ("24/7", 60)
    assert venues[3]["fence"]["radius_m"] == 50


def test_imported_venues_are_each_shown_at_a_place_of_their_own(world: World):
    here = {"type": "Point", "coordinates": [world.lon, world.lat]}
    zone = {"time_zone": "Europe/Copenhagen"}
    given = collection(*(feature(n, here, radius_m=1000, **zone) for n in range(10)))
    world.ask("post", "/v1/venues/import", json=given)
    places = [venue["location"] for venue in world.ask("get", "/v1/venues")["items"]]
    assert len({(place["lon"], place["lat"]) for place in places}) == 10


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "#/features"),
        (collection(), "#/features"),
        ({"type": "FeatureCollection", "features": {}}, "#/features"),
        ({"type": "FeatureCollection"}, "#/features"),
        ({"features": [feature()]}, "#/type"),
        ({"type": "Feature", "features": [feature()]}, "#/type"),
        ({"type": 7, "features": [feature()]}, "#/type"),
        ([feature()], "#"),
    ],
)
def test_what_is_no_feature_collection_is_refused(world: World, given: Any, pointer: str):
    problem = world.ask("post", "/v1/venues/import", json=given, status=422)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert world.ask("get", "/v1/venues")["items"] == []


def test_an_unknown_mode_is_refused(world: World):
    problem = world.ask(
        "post", "/v1/venues/import?mode=some", json=collection(feature()), status=422
    )
    assert problem["errors"][0]["parameter"] == "mode"


def test_exactly_so_many_venues_are_imported_at_once_within_seconds(world: World):
    features = [
        feature(n, polygon(ring(LON + (n % 100) * 0.002, LAT + (n // 100) * 0.002)), pad="x" * 100)
        for n in range(MAX_IMPORT + 1)
    ]
    too_many = world.ask("post", "/v1/venues/import", json=collection(*features), status=422)
    assert [error["pointer"] for error in too_many["errors"]] == ["#/features"]
    raw = json.dumps(collection(*features[:-1]))
    assert len(raw) > 1.5 * 1024 * 1024
    began = time.perf_counter()
    report = world.ask(
        "post", "/v1/venues/import", data=raw, content_type="application/json", status=201
    )
    took_s = time.perf_counter() - began
    assert len(set(report["created"])) == MAX_IMPORT
    assert report["created"] == sorted(report["created"])
    assert took_s < 10


def test_an_import_reports_a_feature_that_is_nothing_at_all(world: World):
    body = {"type": "FeatureCollection", "features": [None, 7]}
    report = world.ask("post", "/v1/venues/import", query_string={"mode": "each"}, json=body)

    assert report["created"] == []
    assert [refused["index"] for refused in report["refused"]] == [0, 1]
