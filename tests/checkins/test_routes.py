"""Check-ins, the customer's history and nearby search over HTTP."""

from __future__ import annotations

import json
import math
import struct
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import jwt
import pytest
import time_machine
from sqlalchemy import text

from lbs.checkins.schemas.words import REASON_TEXT
from lbs.geo import Point, distance_m
from tests.racing import at_once, post
from tests.world import METRE, World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def codes(result) -> list[str]:
    return [reason["code"] for reason in result["reasons"]]


def parts(result) -> tuple[str, str, list[str], list[str]]:
    return result["verdict"], result["level"], codes(result), result["needs"]


@pytest.mark.parametrize(
    ("fix", "expected"),
    [
        ({}, ("accepted", "L1", [], [])),
        ({"north_m": 70}, ("accepted", "L1", [], [])),
        ({"north_m": 85}, ("ambiguous", "L0", ["maybe_outside_fence"], ["location"])),
        ({"north_m": 450}, ("rejected", "L0", ["outside_fence"], ["location"])),
        ({"north_m": 150, "accuracy_m": 65}, ("ambiguous", "L0", ["maybe_outside_fence"], None)),
        ({"accuracy_m": 500}, ("accepted", "L1", [], [])),
        ({"accuracy_m": 501}, ("ambiguous", "L0", ["fix_too_coarse"], ["location"])),
        ({"mock": True}, ("rejected", "L0", ["not_verified"], [])),
        (
            {"mock": True, "north_m": 450},
            ("rejected", "L0", ["not_verified", "outside_fence"], ["location"]),
        ),
    ],
)
def test_a_check_in_is_accepted_ambiguous_or_rejected_with_its_reasons(world: World, fix, expected):
    venue = world.venue()
    offer = world.offer(venue)
    result = world.check_in(world.customer(), venue, **fix)
    assert parts(result)[:3] == expected[:3]
    assert expected[3] is None or result["needs"] == expected[3]
    if result["verdict"] == "accepted":
        assert [unlock["offer_id"] for unlock in result["unlocked"]] == [offer["id"]]
        assert (result["visits"], result["locked"]) == (1, [])
        assert result["receipt"]
    else:
        assert (result["unlocked"], result["receipt"], result["visits"]) == ([], None, 0)
        [locked] = result["locked"]
        assert (locked["state"], locked["reason"]["code"]) == ("locked", "not_accepted")
        assert locked["offer_id"] == offer["id"]
        assert "terms" not in locked


@pytest.mark.parametrize(
    ("age_s", "reasons"),
    [
        (0, []),
        (120, []),
        (120.001, ["fix_too_old"]),
        (-30, []),
        (-30.001, ["fix_in_future"]),
    ],
)
def test_a_fix_may_be_two_minutes_old_and_half_a_minute_ahead(world: World, age_s, reasons):
    venue, customer = world.venue(), world.customer()
    with time_machine.travel(now(), tick=False):
        captured_at = (now() - timedelta(seconds=age_s)).isoformat()
        result = world.check_in(customer, venue, captured_at=captured_at)
    assert codes(result) == reasons


def test_a_check_in_without_evidence_is_rejected_and_says_what_to_bring(world: World):
    venue, customer = world.venue(), world.customer()
    body = {"venue_id": venue["id"], "evidence": []}
    result = world.ask("post", "/v1/check-ins", customer, json=body)
    assert parts(result) == ("rejected", "L0", ["no_location"], ["location"])


def test_two_locations_in_one_check_in_are_a_mistake_in_the_body(world: World):
    venue, customer = world.venue(), world.customer()
    body = {"venue_id": venue["id"], "evidence": [world.location(), world.location()]}
    answer = world.call("post", "/v1/check-ins", customer, json=body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].startswith("#/evidence")
    assert world.ask("get", "/v1/check-ins", customer)["items"] == []


@pytest.mark.parametrize("accuracy_m", [-1, 100_001, None, "10", True])
def test_an_accuracy_that_is_none_is_a_mistake_in_the_body(world: World, accuracy_m):
    body = {"venue_id": world.venue()["id"], "evidence": [world.location(accuracy_m=accuracy_m)]}
    answer = world.call("post", "/v1/check-ins", world.customer(), json=body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].endswith("/accuracy_m")


@pytest.mark.parametrize("retire", [False, True])
def test_a_venue_that_is_unknown_or_retired_is_not_found(world: World, retire):
    venue, customer = {"id": str(uuid.uuid4())}, world.customer()
    if retire:
        venue = world.venue()
        world.ask("delete", f"/v1/venues/{venue['id']}")
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    answer = world.call("post", "/v1/check-ins", customer, json=body)
    assert (answer.status_code, answer.json["code"]) == (404, "venue-not-found")


def test_the_till_and_the_app_cannot_check_in(world: World):
    body = {"venue_id": world.venue()["id"], "evidence": [world.location()]}
    for token in (world.key, world.publishable_key, world.backend_key, "nonsense", None):
        answer = world.call("post", "/v1/check-ins", token, json=body)
        assert (answer.status_code, answer.json["code"]) == (401, "bad-token")


@pytest.mark.parametrize(("cool_down_s", "waits_s"), [(None, 4 * 3600), (3600, 3600), (0, 0)])
def test_a_visit_counts_again_after_the_venues_cool_down_or_the_default(
    world: World, cool_down_s, waits_s
):
    venue = world.venue(cool_down_s=cool_down_s)
    with time_machine.travel(NOON, tick=False) as clock:
        first = world.check_in(world.customer(external_id="anna"), venue)
        assert (first["verdict"], first["visits"]) == ("accepted", 1)
        if waits_s:
            clock.move_to(NOON + timedelta(seconds=waits_s, milliseconds=-1))
            soon = world.check_in(world.customer(external_id="anna"), venue)
            assert parts(soon) == ("rejected", "L0", ["too_soon"], [])
            again_at = datetime.fromisoformat(soon["counts_again_at"])
            assert again_at == NOON + timedelta(seconds=waits_s)
            assert soon["visits"] == 1
        clock.move_to(NOON + timedelta(seconds=waits_s))
        second = world.check_in(world.customer(external_id="anna"), venue)
        assert (second["verdict"], second["visits"]) == ("accepted", 2)
        assert second["counts_again_at"] is None


def test_a_cool_down_is_between_one_customer_and_one_venue(world: World):
    here, there = world.venue(), world.venue(name="Next door")
    anna, bo = world.customer(), world.customer()
    results = [world.check_in(*pair) for pair in ((anna, here), (anna, there), (bo, here))]
    assert [result["verdict"] for result in results] == ["accepted"] * 3


def test_ambiguous_and_rejected_check_ins_are_recorded_and_do_not_count_as_visits(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "nth_visit", "n": 2})
    customer = world.customer()
    for north_m, verdict in ((85, "ambiguous"), (450, "rejected"), (0, "accepted")):
        result = world.check_in(customer, venue, north_m=north_m)
        [locked] = result["locked"]
        accepted = verdict == "accepted"
        assert (result["verdict"], result["visits"]) == (verdict, int(accepted))
        assert (locked["progress"], locked["target"]) == (int(accepted), 2)
        assert locked["progress_text"] == f"{int(accepted)} of 2 visits"
    with db.transaction() as session:
        rows = session.execute(
            text("""
                SELECT verdict, level, jsonb_path_query_array(findings, '$[*].reason') AS reasons,
                       round(distance_m) AS distance_m, accuracy_m
                FROM check_in WHERE venue_id = :venue ORDER BY id
            """),
            {"venue": venue["id"]},
        ).all()
        events = session.execute(
            text("""
                SELECT kind, verdict, level, first_visit, offer_ids::text[] FROM ledger_event
                WHERE venue_id = :venue ORDER BY id
            """),
            {"venue": venue["id"]},
        ).all()
    assert [row[:3] for row in rows] == [
        ("ambiguous", 0, ["maybe_outside_fence"]),
        ("rejected", 0, ["outside_fence"]),
        ("accepted", 1, []),
    ]
    assert [row.distance_m for row in rows] == pytest.approx([35, 399, -50], abs=1)
    assert {row.accuracy_m for row in rows} == {10.0}
    assert [event[:4] for event in events] == [
        ("check_in", "ambiguous", 0, False),
        ("check_in", "rejected", 0, False),
        ("check_in", "accepted", 1, True),
    ]
    assert all(event.offer_ids == [offer["id"]] for event in events)


def test_a_repeated_request_gets_the_first_answer_and_is_one_check_in(world: World):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    headers = {"Idempotency-Key": "one"}
    first, second = (
        world.call("post", "/v1/check-ins", customer, json=body, headers=headers) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(world.ask("get", "/v1/check-ins", customer)["items"]) == 1


def test_a_receipt_verifies_offline_with_the_published_keys_alone(world: World):
    venue = world.venue()
    registered = world.register()
    with time_machine.travel(now().replace(microsecond=0), tick=False) as clock:
        result = world.check_in(registered["access_token"], venue)
        key_set = jwt.PyJWKSet.from_json(world.call("get", "/.well-known/jwks.json").text)
        header = jwt.get_unverified_header(result["receipt"])
        key = key_set[header["kid"]]

        def verify(token):
            return jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                issuer="http://127.0.0.1:8080",
                options={"require": ["exp", "iat", "iss", "sub", "jti"]},
            )

        claims = verify(result["receipt"])
        assert (header["alg"], header["typ"]) == ("EdDSA", "receipt+jwt")
        assert claims == {
            "iss": "http://127.0.0.1:8080",
            "jti": result["id"],
            "sub": registered["customer_id"],
            "venue": venue["id"],
            "merchant": str(world.merchant_id),
            "level": "L1",
            "proofs": ["location"],
            "iat": int(now().timestamp()),
            "exp": int(now().timestamp()) + 20 * 60,
        }
        head, body, signature = result["receipt"].split(".")
        with pytest.raises(jwt.InvalidSignatureError):
            verify(f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}")
        clock.shift(timedelta(minutes=20) - timedelta(seconds=1))
        assert verify(result["receipt"])["jti"] == result["id"]
        clock.shift(timedelta(seconds=1))
        with pytest.raises(jwt.ExpiredSignatureError):
            verify(result["receipt"])


def test_a_receipt_is_no_access_token(world: World):
    receipt = world.check_in(world.customer(), world.venue())["receipt"]
    assert world.call("get", "/v1/check-ins", receipt).status_code == 401


def test_the_history_is_the_customers_own_newest_first_page_by_page(world: World):
    venues = [world.venue(name=f"Venue {number}") for number in range(5)]
    anna, bo = world.customer(), world.customer()
    made = [world.check_in(anna, venue)["id"] for venue in venues]
    world.check_in(bo, venues[0])
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = world.ask("get", "/v1/check-ins", anna, query_string=query)
        assert len(page["items"]) <= 2
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [item["id"] for item in seen] == made[::-1]
    assert [item["venue_name"] for item in seen] == [f"Venue {n}" for n in (4, 3, 2, 1, 0)]
    assert {(item["verdict"], item["level"]) for item in seen} == {("accepted", "L1")}
    assert len(world.ask("get", "/v1/check-ins", bo)["items"]) == 1


def test_texts_for_people_come_in_danish_when_asked_for(world: World):
    venue, customer = world.venue(), world.customer()
    world.offer(venue, rule={"kind": "nth_visit", "n": 3})
    danish = {"headers": {"Accept-Language": "da-DK, en;q=0.5"}}
    body = {"venue_id": venue["id"], "evidence": [world.location(north_m=450)]}
    result = world.ask(
        "post",
        "/v1/check-ins",
        customer,
        json=body,
        headers={**danish["headers"], "Idempotency-Key": "da"},
    )
    assert result["reasons"] == [{"code": "outside_fence", "text": "Du er ikke på stedet."}]
    assert result["locked"][0]["progress_text"] == "0 af 3 besøg"
    assert result["locked"][0]["reason"]["text"] == "Det kræver flere besøg."
    [item] = world.ask("get", "/v1/check-ins", customer, **danish)["items"]
    assert item["reasons"][0]["text"] == "Du er ikke på stedet."
    for other in ({}, {"headers": {"Accept-Language": "fi"}}):
        [item] = world.ask("get", "/v1/check-ins", customer, **other)["items"]
        assert item["reasons"][0]["text"] == "You are not at the venue."


def test_every_reason_has_both_languages_and_they_differ():
    assert all(texts.keys() == {"en", "da"} for texts in REASON_TEXT.values())
    assert all(texts["en"] != texts["da"] for texts in REASON_TEXT.values())


def test_no_coordinate_of_the_customer_is_anywhere_in_the_database(world: World, app, db):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    lon, lat = world.lon + 0.000123456, world.lat + 0.000234567
    for north_m in (0, 85 * METRE, 450 * METRE):
        world.check_in(customer, venue, lon=lon, lat=lat + north_m)
    needles = []
    for degree in (lon, lat, lat + 85 * METRE, lat + 450 * METRE):
        needles.append(str(degree)[:10])
        needles.append(struct.pack("<d", degree).hex())
        needles.append(struct.pack(">d", degree).hex())
    vault = app.extensions["lbs_vault"]
    scanned = {}
    with db.transaction() as session:
        tables = session.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace AND relname <> 'spatial_ref_sys'"
            )
        ).all()
        for table in tables:
            scanned[table] = "\n".join(
                session.scalars(text(f'SELECT row::text FROM "{table}" AS row')).all()
            )
        sealed = session.scalars(text("SELECT answer FROM idempotent_answer")).all()
    scanned["answers, unsealed"] = "\n".join(vault.unseal(answer) for answer in sealed)
    assert {"check_in", "idempotent_answer", "visit_tally"} <= scanned.keys()
    assert any(name.startswith("ledger_event_") and scanned[name] for name in scanned)
    assert scanned["answers, unsealed"].count(venue["id"]) >= 3
    for table, found in scanned.items():
        assert not [needle for needle in needles if needle in found.lower()], table


def ring(world: World, half_m: float) -> list[list[float]]:
    half, wide = half_m * METRE, math.cos(math.radians(world.lat))
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    return [[world.lon + x * half / wide, world.lat + y * half] for x, y in corners]


@pytest.mark.parametrize(
    ("north_m", "verdict"),
    [
        (0, "rejected"),
        (150, "rejected"),
        (180, "accepted"),
        (250, "accepted"),
        (320, "accepted"),
        (400, "rejected"),
    ],
)
def test_inside_the_hole_of_a_polygon_is_outside_the_fence(world: World, north_m, verdict):
    fence = {"type": "Polygon", "coordinates": [ring(world, 300), ring(world, 200)[::-1]]}
    venue = world.venue(fence=fence)
    result = world.check_in(world.customer(), venue, north_m=north_m)
    assert result["verdict"] == verdict
    [found] = nearby(world, world.customer(), north_m=north_m)["items"]
    expected = max(0, abs(north_m - 250) - 50)
    assert found["distance_m"] == pytest.approx(expected, abs=2)


def nearby(world: World, customer: str, *, north_m: float = 0, path: str = "", **query):
    query = {"lat": world.lat + north_m * METRE, "lon": world.lon, **query}
    return world.ask("get", f"/v1/venues/nearby{path}", customer, query_string=query)


def test_nearby_venues_come_nearest_first_with_their_distance(world: World):
    far, near, here = (
        world.venue(name=name, east_m=m) for name, m in (("far", 700), ("near", 300), ("here", 0))
    )
    beyond = world.venue(name="beyond", east_m=1500)
    found = nearby(world, world.customer())["items"]
    assert [venue["id"] for venue in found] == [here["id"], near["id"], far["id"]]
    assert found[0]["distance_m"] == 0
    for venue, metres in zip(found[1:], (300, 700), strict=True):
        centre = Point(world.lon + metres * METRE / 0.8, world.lat)  # east_m is rough
        true_m = distance_m(Point(world.lon, world.lat), centre) - 50
        assert venue["distance_m"] == pytest.approx(true_m, abs=3)
    wide = nearby(world, world.customer(), radius_m=2000)["items"]
    assert [venue["id"] for venue in wide] == [here["id"], near["id"], far["id"], beyond["id"]]
    narrow = nearby(world, world.customer(), limit=2)["items"]
    assert [venue["id"] for venue in narrow] == [here["id"], near["id"]]


def test_nearby_takes_overlapping_venues_and_says_what_maps_need(world: World):
    door = {"lon": round(world.lon + 0.0001, 5), "lat": round(world.lat, 5)}
    first = world.venue(name="Café Ø", category="cafe", location=door, opening_hours="24/7")
    second = world.venue(name="Other")
    found = {venue["id"]: venue for venue in nearby(world, world.customer())["items"]}
    assert found.keys() == {first["id"], second["id"]}
    assert found[first["id"]] == {
        "id": first["id"],
        "name": "Café Ø",
        "category": "cafe",
        "time_zone": "Europe/Copenhagen",
        "opening_hours": "24/7",
        "location": door,
        "distance_m": 0,
        "offers": [],
    }
    assert all(venue["distance_m"] == 0 for venue in found.values())


def test_nearby_tells_each_offers_state_with_progress_and_target(world: World):
    venue = world.venue(cool_down_s=0)
    tenth = {"rule": {"kind": "every_nth_visit", "n": 10}}
    first = {"rule": {"kind": "first_visit"}}
    offers = {
        "locked": world.offer(venue, **tenth),
        "unlockable_here": world.offer(venue, rule={"kind": "nth_visit", "n": 2}),
        "unlocked": world.offer(venue),
        "redeemed": world.offer(venue, limit_per_customer=1),
        "taken": world.offer(venue, limit_total=1, **first),
        "not_started": world.offer(venue, valid_from="2090-01-01T00:00:00Z"),
    }
    gone = world.offer(venue, **first)
    world.check_in(world.customer(), venue)
    customer = world.customer()
    opened = world.check_in(customer, venue)["unlocked"]
    [used] = [unlock for unlock in opened if unlock["offer_id"] == offers["redeemed"]["id"]]
    assert world.redeem(used["code"], venue).status_code == 201

    [found] = nearby(world, customer)["items"]
    seen = {offer["offer_id"]: offer for offer in found["offers"]}
    standing = {
        name: (
            seen[offer["id"]]["state"],
            seen[offer["id"]]["progress"],
            seen[offer["id"]]["target"],
            (seen[offer["id"]]["reason"] or {}).get("code"),
        )
        for name, offer in offers.items()
    }
    assert standing == {
        "locked": ("locked", 1, 10, "more_visits"),
        "unlockable_here": ("unlockable_here", 1, 2, None),
        "unlocked": ("unlocked", 0, 1, None),
        "redeemed": ("redeemed", 0, 1, "customer_limit"),
        "taken": ("taken", 1, 1, "sold_out"),
        "not_started": ("not_started", 0, 1, "not_started"),
    }
    # opened at the first visit, held and never again: it is the customer's until it is used
    assert seen[gone["id"]]["state"] == "unlocked"
    assert len(seen) == len(offers) + 1


def test_nearby_never_shows_terms_code_or_the_middle_of_the_fence(world: World):
    venue = world.venue()
    offer = world.offer(venue, terms="A secret word: kanelsnegl")
    customer = world.customer()
    [unlock] = world.check_in(customer, venue)["unlocked"]
    assert unlock["terms"] == offer["terms"]
    for path in ("", ".geojson"):
        answer = world.call(
            "get",
            f"/v1/venues/nearby{path}",
            customer,
            query_string={"lat": world.lat, "lon": world.lon},
        )
        assert offer["teaser"] in answer.text
        for hidden in ("kanelsnegl", "terms", "reward", unlock["code"], "centre", "fence"):
            assert hidden not in answer.text
        for item in json.loads(answer.text).get("items", []):
            at = item["location"]
            assert (at["lon"], at["lat"]) != (round(world.lon, 5), round(world.lat, 5))


def test_nearby_as_json_and_as_geojson_agree(world: World):
    venues = [world.venue(east_m=east_m) for east_m in (0, 300, 600)]
    world.offer(*venues)
    customer = world.customer()
    items = nearby(world, customer)["items"]
    query = {"lat": world.lat, "lon": world.lon}
    answer = world.call("get", "/v1/venues/nearby.geojson", customer, query_string=query)
    assert answer.mimetype == "application/geo+json"
    assert answer.json["type"] == "FeatureCollection"
    assert [feature["properties"] for feature in answer.json["features"]] == items
    for feature, item in zip(answer.json["features"], items, strict=True):
        at = item["location"]
        assert (feature["type"], feature["id"]) == ("Feature", item["id"])
        assert feature["geometry"] == {"type": "Point", "coordinates": [at["lon"], at["lat"]]}


def test_nearby_leaves_out_retired_venues_and_offers_that_do_not_run(world: World):
    venue, retired = world.venue(), world.venue(name="Retired")
    running = world.offer(venue, retired)
    for status in ("draft", "paused", "ended"):
        world.offer(venue, status=status)
    over = world.offer(venue)
    etag = world.call("get", f"/v1/offers/{over['id']}", world.key).headers["ETag"]
    with time_machine.travel(NOON, tick=False):
        world.ask(
            "patch",
            f"/v1/offers/{over['id']}",
            json={"valid_to": (NOON + timedelta(days=1)).isoformat()},
            headers={"If-Match": etag},
        )
    world.ask("delete", f"/v1/venues/{retired['id']}")
    [found] = nearby(world, world.customer())["items"]
    assert found["id"] == venue["id"]
    assert [offer["offer_id"] for offer in found["offers"]] == [running["id"]]


def test_nearby_has_the_offers_of_the_venues_groups_once(world: World):
    venue = world.venue()
    groups = [
        world.ask("post", "/v1/venue-groups", json={"name": name, "venue_ids": [venue["id"]]})
        for name in ("City", "Country")
    ]
    offer = world.offer(venue, group_ids=[group["id"] for group in groups])
    group_only = world.offer(group_ids=[groups[0]["id"]])
    [found] = nearby(world, world.customer())["items"]
    assert [at["offer_id"] for at in found["offers"]] == [offer["id"], group_only["id"]]
    opened = world.check_in(world.customer(), venue)["unlocked"]
    assert [unlock["offer_id"] for unlock in opened] == [offer["id"], group_only["id"]]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"lat": 0},
        {"lat": 91, "lon": 0},
        {"lat": 0, "lon": 181},
        {"lat": "nan", "lon": 0},
        {"lat": 0, "lon": 0, "radius_m": 50_001},
        {"lat": 0, "lon": 0, "radius_m": 0},
        {"lat": 0, "lon": 0, "limit": 101},
        {"lat": 0, "lon": 0, "limit": 0},
    ],
)
def test_nearby_refuses_a_query_that_makes_no_sense(world: World, query):
    answer = world.call("get", "/v1/venues/nearby", world.customer(), query_string=query)
    assert answer.status_code == 422


def test_a_customer_who_was_erased_cannot_check_in(world: World):
    venue, customer = world.venue(), world.customer()
    world.check_in(customer, venue)
    world.ask("delete", "/v1/customers/me", customer)
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    answer = world.call("post", "/v1/check-ins", customer, json=body)
    assert (answer.status_code, answer.json["code"]) == (401, "customer-gone")


def test_a_customer_may_be_erased_while_checking_in(world: World, app, db):
    venue = world.venue(cool_down_s=0)
    world.offer(venue, limit_total=100)
    customers = [world.customer() for _ in range(12)]
    for customer in customers:
        world.check_in(customer, venue)
    body = {"venue_id": venue["id"], "evidence": [world.location()]}

    def erase(customer: str) -> int:
        headers = {"Authorization": f"Bearer {customer}"}
        return app.test_client().delete("/v1/customers/me", headers=headers).status_code

    def check_in(customer: str) -> int:
        return post(app, ("/v1/check-ins", customer, body))[0]

    calls = [partial(act, customer) for customer in customers for act in (check_in, erase)]
    statuses = at_once(calls)
    assert set(statuses[1::2]) == {204}
    assert set(statuses[::2]) <= {201, 401}
    with db.transaction() as session:
        owned = session.scalar(
            text("SELECT count(customer_id) FROM check_in WHERE venue_id = :id"),
            {"id": venue["id"]},
        )
    assert owned == 0
