"""Whatever is sent, the answer is a problem that names what is wrong, and nothing is half-written.

Each writing operation has a sound body here; every member of every one is spoilt in every way.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from lbs.app import MAX_BODY_BYTES
from lbs.db import Database, Model
from lbs.venues.routes import IMPORT_MAX_BYTES
from tests.world import METRE, OFFER, World, now

PROBLEM = "application/problem+json"
PROSE = "A sound text"


@dataclass
class Operation:
    """An operation with a body that it would carry out."""

    method: str
    path: str
    token: str
    body: dict[str, Any]
    headers: dict[str, str]

    def send(self, world: World, body: Any) -> Any:
        return world.call(self.method, self.path, self.token, json=body, headers=self.headers)


def operations(world: World) -> dict[str, Callable[[], Operation]]:
    venue = world.venue()
    fence = {
        "type": "Circle",
        "centre": {"lon": world.lon + 1.5 * METRE, "lat": world.lat + 0.5 * METRE},
        "radius_m": 50.5,
    }
    ring = [[12.57, 55.68], [12.571, 55.68], [12.571, 55.681], [12.57, 55.681], [12.57, 55.68]]
    place = {
        "name": PROSE,
        "category": "cafe",
        "time_zone": "Europe/Copenhagen",
        "opening_hours": "24/7",
        "location": {"lon": world.lon + 20.5 * METRE, "lat": world.lat + 0.5 * METRE},
        "cool_down_s": 60,
    }
    terms = {
        **OFFER,
        "teaser": PROSE,
        "terms": PROSE,
        "limit_total": 5,
        "limit_per_customer": 2,
        "limit_per_day": 3,
        "redeem_within_s": 3600,
        "venue_ids": [venue["id"]],
        "group_ids": [],
    }
    key = world.key

    def make(method: str, path: str, body: dict[str, Any], token: str = key, **headers: str) -> Any:
        return lambda: Operation(method, path, token, body, headers)

    def change(path: str, made: dict[str, Any], body: dict[str, Any]) -> Operation:
        headers = {"If-Match": f'"{made["version"]}"'}
        return Operation("patch", f"/v1/{path}/{made['id']}", key, body, headers)

    def on_a_new_offer() -> Operation:
        offer = world.offer(venue, status="draft")
        return Operation("post", f"/v1/offers/{offer['id']}/status", key, {"status": "active"}, {})

    def on_an_unlock() -> Operation:
        world.offer(venue)
        unlock = world.check_in(world.customer(), venue)["unlocked"][0]
        body = {
            "code": unlock["code"],
            "venue_id": venue["id"],
            "amount_minor": 12000,
            "order_reference": PROSE,
        }
        return Operation("post", "/v1/redemptions", key, body, {})

    def on_a_redemption() -> Operation:
        redemption = on_an_unlock().send(world, on_an_unlock().body).json
        path = f"/v1/redemptions/{redemption['id']}/reversal"
        return Operation("post", path, key, {"reason": PROSE}, {})

    return {
        "create_api_key": make(
            "post",
            "/v1/api-keys",
            {
                "name": PROSE,
                "scopes": ["redeem"],
                "venue_ids": [venue["id"]],
                "expires_at": "2099-01-01T00:00:00Z",
            },
        ),
        "register_customer": make(
            "post",
            "/v1/customers",
            {"external_id": str(uuid.uuid4()), "device_id": PROSE},
            world.backend_key,
        ),
        "create_venue": make("post", "/v1/venues", {**place, "fence": fence}),
        "create_polygon": make(
            "post",
            "/v1/venues",
            {**place, "location": None, "fence": {"type": "Polygon", "coordinates": [ring]}},
        ),
        "change_venue": lambda: change("venues", world.venue(), {**place, "fence": fence}),
        "create_venue_group": make(
            "post", "/v1/venue-groups", {"name": PROSE, "venue_ids": [venue["id"]]}
        ),
        "change_venue_group": lambda: change(
            "venue-groups",
            world.ask("post", "/v1/venue-groups", json={"name": "group"}),
            {"name": PROSE, "venue_ids": [venue["id"]]},
        ),
        "create_offer": make("post", "/v1/offers", terms),
        "create_charity_offer": make(
            "post",
            "/v1/offers",
            {
                **terms,
                "reward": {"kind": "charity", "amount_minor": 500, "recipient": PROSE},
                "rule": {"kind": "nth_visit", "n": 10},
            },
        ),
        "change_offer": lambda: change("offers", world.offer(venue, status="draft"), terms),
        "set_offer_status": on_a_new_offer,
        "check_in": lambda: Operation(
            "post",
            "/v1/check-ins",
            world.customer(),
            {
                "venue_id": venue["id"],
                "evidence": [
                    {
                        "kind": "location",
                        "lat": world.lat + 0.5 * METRE,
                        "lon": world.lon + 0.5 * METRE,
                        "accuracy_m": 10.5,
                        "captured_at": now().isoformat(),
                        "provider": "gps",
                        "mock": False,
                    }
                ],
            },
            {},
        ),
        "redeem": on_an_unlock,
        "reverse_redemption": on_a_redemption,
    }


NAMES = [
    "create_api_key",
    "register_customer",
    "create_venue",
    "create_polygon",
    "change_venue",
    "create_venue_group",
    "change_venue_group",
    "create_offer",
    "create_charity_offer",
    "change_offer",
    "set_offer_status",
    "check_in",
    "redeem",
    "reverse_redemption",
]
WITHOUT_BODY = {"refresh_tokens", "rotate_api_key", "import_venues"}
"""Import has its own tests in tests/venues."""

LONG = "x" * 10_000
NO_TEXT = (7, True, 1.5, [], {}, "a\0b", "\ud800", "a\udfffb", LONG)
NO_INTEGER = ("1", 1.5, True, 10**30, -(10**30), [], {}, "")
NO_NUMBER = ("1.5", True, 10**350, [], {}, "")
NO_BOOLEAN = (1, 0, "true", [], {}, 1.0)
NO_LIST = ("x", 7, True, {}, None)
NO_OBJECT = ("x", 7, True, [], [{}])


def spoilt(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every way to spoil one thing in the body: the pointer to it, and the whole body spoilt."""
    if isinstance(value, dict):
        yield from ((pointer(path), bad) for bad in NO_OBJECT if path)
        yield pointer((*path, "no_such_member")), {**value, "no_such_member": 1}
        for name, member in value.items():
            for where, bad in spoilt(member, (*path, name)):
                yield where, {**value, name: bad}
    elif isinstance(value, list):
        yield from ((pointer(path), bad) for bad in NO_LIST)
        for index, item in enumerate(value):
            for where, bad in spoilt(item, (*path, index)):
                yield where, [*value[:index], bad, *value[index + 1 :]]
    elif value is not None:
        kinds = {str: NO_TEXT, bool: NO_BOOLEAN, int: NO_INTEGER, float: NO_NUMBER}
        yield from ((pointer(path), bad) for bad in kinds[type(value)])


def pointer(path: tuple[str | int, ...]) -> str:
    return "#" + "".join(f"/{step}" for step in path)


def counts(db: Database) -> dict[str, int]:
    names = [table.name for table in Model.metadata.sorted_tables]
    columns = ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in names)
    with db.transaction() as session:
        return dict(session.execute(text(f"SELECT {columns}")).mappings().one())


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.content_type == PROBLEM
    assert response.json["request_id"]
    return response.json


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_spoil_a_body_is_refused_where_it_is_spoilt(world, db, name):
    operation = operations(world)[name]()
    before = counts(db)
    wrong = []
    for where, body in spoilt(operation.body):
        if "charity" in name and not where.startswith(("#/reward", "#/rule")):
            continue
        response = operation.send(world, body)
        found = [error["pointer"] for error in (response.json or {}).get("errors", [])]
        named = any(where.startswith(place) or place.startswith(where) for place in found)
        if (response.status_code, response.content_type, named) != (422, PROBLEM, True):
            wrong.append((where, str(body)[:200], response.status_code, response.text[:300]))
    assert wrong == []
    assert counts(db) == before
    assert operation.send(world, operation.body).status_code < 300, "the sound body is taken"


def test_every_operation_with_a_body_is_spoilt(app):
    document = app.test_client().get("/openapi.json").json
    with_body = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "requestBody" in operation
    }
    covered = {name.replace("_polygon", "_venue").replace("_charity_", "_") for name in NAMES}
    assert with_body - WITHOUT_BODY == covered


@pytest.mark.parametrize("name", NAMES)
def test_a_body_of_nothing_names_what_is_missing_or_changes_nothing(world, name):
    operation = operations(world)[name]()
    response = operation.send(world, {})
    if operation.method == "patch":
        assert response.status_code == 200
        sound = {member: response.json[member] for member in operation.body}
        read = world.ask("get", operation.path)
        assert {member: read[member] for member in operation.body} == sound
    else:
        assert assert_problem(response, 422)["errors"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"name": "x"', id="cut off later"),
        pytest.param(b'{"name": "x",}', id="comma too many"),
        pytest.param(b"{'name': 'x'}", id="single quotes"),
        pytest.param(b'{"name": "x"} {}', id="two documents"),
        pytest.param(b'{"name": "x"} // no', id="comment"),
        pytest.param(b'{"name": NaN}', id="NaN"),
        pytest.param(b'{"name": Infinity}', id="Infinity"),
        pytest.param(b'{"name": -Infinity}', id="-Infinity"),
        pytest.param(b'{"name": 1e400}', id="1e400"),
        pytest.param(b'{"name": ' + b"9" * 5000 + b"}", id="5,000 digits"),
        pytest.param(b'{"name": ' + b"9" * 900_000 + b"}", id="900,000 digits"),
        pytest.param(b'{"name": "x", "name": "y"}', id="a name twice"),
        pytest.param(b'{"a": [{"b": 1, "b": 1}]}', id="a name twice within"),
        pytest.param(b'{"n\\u0061me": "x", "name": "y"}', id="a name twice, escaped"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100,000 lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="100,000 objects"),
        pytest.param(b'{"name": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"name": "\xed\xa0\x80"}', id="a surrogate as bytes"),
        pytest.param('{"name": "x"}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"name": "x"}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b"\0", id="NUL"),
        pytest.param(b'{"name": "a\0b"}', id="NUL within"),
        pytest.param(b'{"name": "a\nb"}', id="line break within"),
        pytest.param(b"name=x", id="a form"),
        pytest.param(b"<name>x</name>", id="XML"),
    ],
)
def test_what_is_not_json_is_refused_with_what_is_wrong(world: World, db: Database, raw: bytes):
    catalogue = operations(world)
    targets = [catalogue[name]() for name in ("create_venue_group", "check_in", "change_venue")]
    before = counts(db)
    for target in targets:
        response = world.call(
            target.method,
            target.path,
            target.token,
            data=raw,
            content_type="application/json",
            headers=target.headers,
        )
        problem = assert_problem(response, 400)
        assert problem["code"] == "bad-request"
        assert len(problem["detail"]) < 200
        assert "sys." not in problem["detail"]
    assert counts(db) == before


@pytest.mark.parametrize("depth", [100, 300, 500, 800, 990])
@pytest.mark.parametrize("operation", ["create_offer", "create_polygon", "check_in"])
def test_deep_nesting_is_refused_however_deep(world: World, depth: int, operation: str):
    target = operations(world)[operation]()
    member = {"create_offer": "reward", "create_polygon": "fence", "check_in": "evidence"}
    nested: Any = b"[" * depth + b"]" * depth
    if member[operation] == "fence":
        nested = b'{"type": "Polygon", "coordinates": ' + nested + b"}"
    raw = json.dumps({**target.body, member[operation]: "HERE"}).encode()
    response = world.call(
        "post",
        target.path,
        target.token,
        data=raw.replace(b'"HERE"', nested),
        content_type="application/json",
    )
    assert response.status_code in (400, 422)
    assert response.content_type == PROBLEM


@pytest.mark.parametrize("raw", [b"[]", b"[1]", b'"x"', b"1", b"1.5", b"true", b"null"])
def test_what_is_no_object_is_refused(world: World, raw: bytes):
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type="application/json"
    )
    problem = assert_problem(response, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["#"]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("a/b", "#/a~1b"),
        ("a~b", "#/a~0b"),
        ("a b", "#/a%20b"),
        ("æ", "#/%C3%A6"),
        ("", "#/"),
        ("\ud800", "#/%3F"),
        ("a\0b", "#/a%00b"),
        ("__proto__", "#/__proto__"),
        ('"><script>', "#/%22%3E%3Cscript%3E"),
    ],
)
def test_an_unknown_member_is_named_by_a_sound_pointer(world: World, name: str, where: str):
    response = world.call("post", "/v1/venue-groups", world.key, json={"name": "group", name: 1})
    problem = assert_problem(response, 422)
    assert problem["errors"] == [{"detail": "Unknown field.", "pointer": where}]


def test_a_byte_order_mark_is_passed_over(world: World):
    raw = b"\xef\xbb\xbf" + json.dumps({"name": "group"}).encode()
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type="application/json"
    )
    assert response.status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x",
        "json",
    ],
)
def test_another_content_type_is_refused(world: World, content_type: str | None):
    raw = json.dumps({"name": "group"}).encode()
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type=content_type
    )
    assert assert_problem(response, 415)["code"] == "unsupported-media-type"
    assert world.ask("get", "/v1/venue-groups")["items"] == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/JSON"]
)
def test_json_by_its_name_is_taken(world: World, content_type: str):
    raw = json.dumps({"name": "group"}).encode()
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type=content_type
    )
    assert response.status_code == 201


@pytest.mark.parametrize(("more", "status"), [(0, 422), (1, 413)])
@pytest.mark.parametrize(
    ("method", "path"), [("post", "/v1/venue-groups"), ("patch", f"/v1/venues/{uuid.uuid4()}")]
)
def test_a_body_may_have_one_mebibyte(world, method, path, more, status):
    frame = json.dumps({"name": ""}).encode()
    raw = frame[:-2] + b"x" * (MAX_BODY_BYTES - len(frame) + more) + frame[-2:]
    assert len(raw) == MAX_BODY_BYTES + more
    response = world.call(
        method,
        path,
        world.key,
        data=raw,
        content_type="application/json",
        headers={"If-Match": '"1"'},
    )
    assert_problem(response, status)


def test_an_import_may_have_more_but_not_any_amount(world: World):
    response = world.call(
        "post",
        "/v1/venues/import",
        world.key,
        data=b" " * (IMPORT_MAX_BYTES + 1),
        content_type="application/json",
    )
    assert assert_problem(response, 413)["code"] == "request-entity-too-large"


def test_an_empty_body_is_refused_where_one_is_needed(world: World):
    for options in ({}, {"data": b""}, {"data": b"", "content_type": "application/json"}):
        response = world.call("post", "/v1/venue-groups", world.key, **options)
        assert assert_problem(response, 400)["detail"]
        response = world.call("patch", f"/v1/venues/{uuid.uuid4()}", world.key, **options)
        assert assert_problem(response, 400)["detail"]


def test_a_whole_number_may_be_written_with_a_point_but_stays_whole(world: World):
    target = operations(world)["create_offer"]()
    offer = target.send(world, {**target.body, "value_minor": 2.0}).json
    assert (offer["value_minor"], type(offer["value_minor"])) == (2, int)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("get", "/v1/venues/{id}", "venue-not-found"),
        ("patch", "/v1/venues/{id}", "venue-not-found"),
        ("delete", "/v1/venues/{id}", "venue-not-found"),
        ("get", "/v1/venue-groups/{id}", "venue-group-not-found"),
        ("patch", "/v1/venue-groups/{id}", "venue-group-not-found"),
        ("delete", "/v1/venue-groups/{id}", "venue-group-not-found"),
        ("get", "/v1/offers/{id}", "offer-not-found"),
        ("patch", "/v1/offers/{id}", "offer-not-found"),
        ("post", "/v1/offers/{id}/status", "offer-not-found"),
        ("delete", "/v1/api-keys/{id}", "key-not-found"),
        ("post", "/v1/api-keys/{id}/rotation", "key-not-found"),
        ("get", "/v1/redemptions/{id}", "redemption-not-found"),
        ("post", "/v1/redemptions/{id}/reversal", "redemption-not-found"),
        ("get", "/v1/stats/venues/{id}", "venue-not-found"),
        ("get", "/v1/stats/offers/{id}", "offer-not-found"),
    ],
)
def test_an_unknown_id_is_not_found(world: World, method: str, path: str, code: str):
    bodies = {"status": {"status": "active"}, "reversal": {"reason": "x"}}
    body = bodies.get(path.rsplit("/", 1)[-1], {})
    response = world.call(
        method,
        path.format(id=uuid.uuid4()),
        world.key,
        json=body,
        headers={"If-Match": '"1"'},
    )
    assert assert_problem(response, 404)["code"] == code


@pytest.mark.parametrize(
    "wrong", ["1", "x", "%00", "%FF", "..", "null", "0" * 32 + "0", "%F0%9F%8D%BA"]
)
def test_what_cannot_be_an_id_is_not_found(world: World, wrong: str):
    for path in ("venues", "offers", "redemptions", "stats/venues"):
        response = world.call("get", f"/v1/{path}/{wrong}", world.key)
        assert assert_problem(response, 404)["code"] == "not-found"


NO_MOMENT = [
    "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+12:00",
    "1999-12-31T23:59:59Z",
    "2201-01-01T00:00:00Z",
    "2026-11-22T12:00:00",
    "2026-11-22",
    "2026-02-30T00:00:00Z",
    "2026-11-22T24:00:01Z",
    "2026-11-22T12:00:00+25:00",
    "2026-11-22T12:00:00 Europe/Copenhagen",
    "now",
    "",
    "٢٠٢٦-11-22T12:00:00Z",
    "1764000000",
]


@pytest.mark.parametrize("moment", NO_MOMENT)
def test_a_time_that_is_none_is_refused_wherever_it_stands(world: World, moment: str):
    catalogue = operations(world)
    for name, member in (
        ("create_api_key", "expires_at"),
        ("create_offer", "valid_from"),
        ("change_offer", "valid_to"),
    ):
        target = catalogue[name]()
        problem = assert_problem(target.send(world, {**target.body, member: moment}), 422)
        assert [error["pointer"] for error in problem["errors"]] == [f"#/{member}"]
    target = catalogue["check_in"]()
    [fix] = target.body["evidence"]
    body = {**target.body, "evidence": [{**fix, "captured_at": moment}]}
    problem = assert_problem(target.send(world, body), 422)
    assert [error["pointer"] for error in problem["errors"]] == ["#/evidence/0/captured_at"]
    for path in (f"/v1/stats/venues/{uuid.uuid4()}", "/v1/redemptions"):
        response = world.call("get", path, world.key, query_string={"from": moment})
        problem = assert_problem(response, 422)
        assert [error["parameter"] for error in problem["errors"]] == ["from"]


@pytest.mark.parametrize(
    ("moment", "read"),
    [
        ("2030-11-22T12:00:00Z", "2030-11-22T12:00:00Z"),
        ("2030-11-22T12:00:00+05:30", "2030-11-22T06:30:00Z"),
        ("2030-11-22T12:00:00.123456Z", "2030-11-22T12:00:00.123456Z"),
        ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
    ],
)
def test_a_time_with_an_offset_is_read_and_written_in_utc(world: World, moment: str, read: str):
    target = operations(world)["create_offer"]()
    assert target.send(world, {**target.body, "valid_from": moment}).json["valid_from"] == read


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"lat": 120.5, "lon": 12.5}, "#/evidence/0/lat"),
        ({"lat": 12.5, "lon": 190.5}, "#/evidence/0/lon"),
        ({"lat": -90.000001}, "#/evidence/0/lat"),
        ({"lon": -180.000001}, "#/evidence/0/lon"),
        ({"accuracy_m": -0.001}, "#/evidence/0/accuracy_m"),
        ({"accuracy_m": 100_000.5}, "#/evidence/0/accuracy_m"),
        ({"kind": "telepathy"}, "#/evidence/0/kind"),
        ({"provider": "G P S"}, "#/evidence/0/provider"),
    ],
)
def test_a_position_out_of_range_is_refused(world, members, where):
    target = operations(world)["check_in"]()
    [fix] = target.body["evidence"]
    body = {**target.body, "evidence": [{**fix, **members}]}
    problem = assert_problem(target.send(world, body), 422)
    assert [error["pointer"] for error in problem["errors"]] == [where]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("lat=91&lon=0", "lat"),
        ("lat=0&lon=181", "lon"),
        ("lat=0", "lon"),
        ("lat=NaN&lon=0", "lat"),
        ("lat=inf&lon=0", "lat"),
        ("lat=1e400&lon=0", "lat"),
        ("lat=&lon=0", "lat"),
        ("lat=x&lon=0", "lat"),
        ("lat=%00&lon=0", "lat"),
        ("lat=%FF&lon=0", "lat"),
        ("lat=0&lon=0&radius_m=0", "radius_m"),
        ("lat=0&lon=0&radius_m=50001", "radius_m"),
        ("lat=0&lon=0&radius_m=nan", "radius_m"),
        ("lat=0&lon=0&limit=0", "limit"),
        ("lat=0&lon=0&limit=101", "limit"),
        ("lat=0&lon=0&limit=1.5", "limit"),
        ("lat=0&lon=0&limit=" + "9" * 5000, "limit"),
    ],
)
def test_a_query_out_of_bounds_is_refused_by_its_parameter(world, query, parameter):
    for path in ("nearby", "nearby.geojson"):
        response = world.call("get", f"/v1/venues/{path}?{query}", world.customer())
        problem = assert_problem(response, 422)
        assert [error["parameter"] for error in problem["errors"]] == [parameter]


@pytest.mark.parametrize(
    "query",
    ["status=%00", "status=%FF", "status=" + "x" * 5000, "status=", "status=active%00", "limit=-1"],
)
@pytest.mark.parametrize("path", ["venues", "offers"])
def test_a_filter_that_is_none_is_refused(world: World, path: str, query: str):
    response = world.call("get", f"/v1/{path}?{query}", world.key)
    assert_problem(response, 422)


def test_an_unknown_parameter_does_no_harm(world: World):
    response = world.call("get", "/v1/venues?no_such=1&no_such=2", world.key)
    assert response.status_code in (200, 422)
