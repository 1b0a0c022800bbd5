"""What is made of a customer's behaviour over time, over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from lbs.app import create_app
from lbs.geo import Point, distance_m
from tests.world import METRE, World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def codes(result: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in result["reasons"]]


def parts(result: dict[str, Any]) -> tuple[str, list[str]]:
    return result["verdict"], codes(result)


def found(world: World, check_in: dict[str, Any]) -> list[tuple[str, str]]:
    seen = world.ask("get", f"/v1/check-ins/{check_in['id']}/findings")["findings"]
    return [(finding["reason"], finding["verdict"]) for finding in seen]


def anna(world: World) -> str:
    """The same customer every time, with a fresh token."""
    return world.customer(external_id="anna")


def provision(world: World, venue: dict[str, Any], kind: str) -> Any:
    path = f"/v1/venues/{venue['id']}/proofs"
    return world.ask("post", path, json={"kind": kind, "name": "One"})


def with_pin(world: World, customer: str, check_in: dict[str, Any], pin: str) -> Any:
    path = f"/v1/check-ins/{check_in['id']}/evidence"
    return world.ask("post", path, customer, json={"evidence": [{"kind": "staff_pin", "pin": pin}]})


def asked(check_in: dict[str, Any]) -> list[tuple[str, str]]:
    """The level that each offer takes which is closed for want of one."""
    closed = [(offer["min_level"], offer["reason"]["code"]) for offer in check_in["locked"]]
    assert all(reason == "level_too_low" for _, reason in closed)
    return [level for level, _ in closed]


# --- travel ---------------------------------------------------------------------------------

FAR = 5.0
"""Degrees of latitude."""


def places(world: World) -> tuple[Any, Any, float]:
    """Two venues, and the metres between that nobody can doubt."""
    centre = {"lon": world.lon, "lat": world.lat + FAR}
    far = world.venue(fence={"type": "Circle", "centre": centre, "radius_m": 50})
    between_m = distance_m(Point(world.lon, world.lat), Point(world.lon, world.lat + FAR))
    return world.venue(), far, between_m - 500 - 2 * 20


@pytest.mark.parametrize(
    ("speed_m_s", "verdict", "noted"),
    [
        (30, "accepted", []),
        (89.9, "accepted", []),
        (90.1, "accepted", [("fast_travel", "accepted")]),
        (299, "accepted", [("fast_travel", "accepted")]),
        (301, "rejected", [("impossible_travel", "rejected")]),
        (500_000, "rejected", [("impossible_travel", "rejected")]),
    ],
)
def test_a_train_is_nothing_a_plane_is_noted_and_a_teleport_is_refused(
    world: World, speed_m_s, verdict, noted
):
    near, far, way_m = places(world)
    with time_machine.travel(NOON, tick=False) as clock:
        assert world.check_in(anna(world), near)["verdict"] == "accepted"
        clock.shift(timedelta(seconds=way_m / speed_m_s))
        result = world.check_in(anna(world), far, north_m=FAR / METRE)
    assert result["verdict"] == verdict
    assert codes(result) == (["not_verified"] if verdict == "rejected" else [])
    assert found(world, result) == noted


def test_nobody_travels_from_where_they_were_refused_or_voided(world: World):
    near, far, _ = places(world)
    with time_machine.travel(NOON, tick=False):
        customer = anna(world)
        first = world.check_in(customer, near)
        refused = world.check_in(customer, far, north_m=FAR / METRE)
        assert parts(refused) == ("rejected", ["not_verified"])
        again = world.check_in(customer, far, north_m=FAR / METRE)
        assert ("impossible_travel", "rejected") in found(world, again)
        world.ask("post", f"/v1/check-ins/{first['id']}/void", json={"reason": "A test"})
        assert world.check_in(customer, far, north_m=FAR / METRE)["verdict"] == "accepted"


def test_no_proof_makes_a_teleport_possible(world: World):
    near, far, _ = places(world)
    pin = provision(world, far, "staff")["pin"]
    customer = world.customer()
    world.check_in(customer, near)
    there = world.location(north_m=FAR / METRE)
    body = {"venue_id": far["id"], "evidence": [there, {"kind": "staff_pin", "pin": pin}]}
    result = world.ask("post", "/v1/check-ins", customer, json=body)
    assert (result["verdict"], result["level"]) == ("rejected", "L0")


# --- often ----------------------------------------------------------------------------------


@pytest.fixture
def hasty(settings) -> Iterator[World]:
    """A world where three check-ins in five minutes, or five in a day, are the most."""
    app = create_app(replace(settings, rapid_limit=3, daily_limit=5))
    yield World(app)
    app.extensions["lbs_database"].engine.dispose()


def test_who_checks_in_very_often_is_asked_for_a_proof(hasty: World):
    world, venue = hasty, hasty.venue(cool_down_s=0)
    world.offer(venue)
    pin = provision(world, venue, "staff")["pin"]
    with time_machine.travel(NOON, tick=False) as clock:
        for fix in ({}, {"north_m": 5000}, {"mock": True}):
            world.check_in(anna(world), venue, **fix)
        hurried = world.check_in(anna(world), venue)
        assert parts(hurried) == ("ambiguous", ["rapid_fire"])
        assert (hurried["needs"], hurried["unlocked"]) == (["staff_pin", "staff"], [])
        other = world.check_in(world.customer(), venue)
        assert other["verdict"] == "accepted"
        settled = with_pin(world, anna(world), hurried, pin)
        assert (settled["verdict"], settled["level"]) == ("accepted", "L3")
        clock.move_to(NOON + timedelta(minutes=5, microseconds=-1))
        assert codes(world.check_in(anna(world), venue)) == ["rapid_fire"]
        clock.move_to(NOON + timedelta(minutes=6))
        assert codes(world.check_in(anna(world), venue)) == ["rapid_fire"]
        clock.move_to(NOON + DAY - timedelta(microseconds=1))
        assert codes(world.check_in(anna(world), venue)) == ["rapid_fire"]
        clock.move_to(NOON + DAY + timedelta(minutes=6))
        assert world.check_in(anna(world), venue)["verdict"] == "accepted"


# --- closed hours ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "offset_h"), [("Europe/Copenhagen", 2), ("Pacific/Auckland", 12), ("America/Lima", -5)]
)
@pytest.mark.parametrize(
    ("local", "closed"),
    [
        ("2026-06-01T08:29:59", True),
        ("2026-06-01T08:30:00", False),
        ("2026-06-01T12:00:00", False),
        ("2026-06-01T17:29:59", False),
        ("2026-06-01T17:30:00", True),
        ("2026-06-07T12:00:00", True),
    ],
)
def test_closed_hours_are_the_venues_own_with_half_an_hour_of_grace(
    world: World, zone, offset_h, local, closed
):
    venue = world.venue(time_zone=zone, opening_hours="Mo-Sa 09:00-17:00")
    at = datetime.fromisoformat(local).replace(tzinfo=UTC) - timedelta(hours=offset_h)
    with time_machine.travel(at, tick=False):
        result = world.check_in(world.customer(), venue)
    assert parts(result) == (("ambiguous", ["closed_hours"]) if closed else ("accepted", []))


def test_at_closed_hours_a_physical_proof_will_do_and_a_location_will_not(world: World):
    venue = world.venue(opening_hours="off")
    poster, pin = provision(world, venue, "poster_code"), provision(world, venue, "staff")["pin"]
    customer = world.customer()
    first = world.check_in(customer, venue)
    assert parts(first) == ("ambiguous", ["closed_hours"])
    assert first["needs"] == ["staff_pin", "staff"]
    path = f"/v1/check-ins/{first['id']}/evidence"
    weak = [world.location(), {"kind": "poster_code", "code": poster["code"]}]
    result = world.ask("post", path, customer, json={"evidence": weak})
    assert parts(result) == ("ambiguous", ["closed_hours"])
    assert with_pin(world, customer, first, pin)["level"] == "L3"


# --- devices --------------------------------------------------------------------------------


def test_a_device_of_many_customers_raises_what_an_offer_takes(world: World):
    venue, device = world.venue(), str(uuid.uuid4())
    offer = world.offer(venue)
    pin = provision(world, venue, "staff")["pin"]
    with time_machine.travel(NOON, tick=False) as clock:
        crowd = [world.register(device_id=device)["access_token"] for _ in range(5)]
        fifth = world.check_in(crowd[4], venue)
        assert (len(fifth["unlocked"]), found(world, fifth)) == (1, [])
        sixth = world.register(device_id=device)["access_token"]
        result = world.check_in(sixth, venue)
        assert (parts(result), result["level"]) == (("accepted", []), "L1")
        assert (asked(result), result["unlocked"]) == (["L2"], [])
        assert found(world, result) == [("shared_device", "accepted")]
        assert asked(world.check_in(crowd[0], venue)) == ["L2"]
        proved = with_pin(world, sixth, result, pin)
        assert [unlock["offer_id"] for unlock in proved["unlocked"]] == [offer["id"]]
        clock.shift(timedelta(days=30, seconds=1))
        late = world.register(device_id=device)["access_token"]
        assert len(world.check_in(late, venue)["unlocked"]) == 1


def test_a_customer_of_many_devices_raises_it_too_and_both_together_most(world: World):
    venue, shared = world.venue(cool_down_s=0), str(uuid.uuid4())
    world.offer(venue)

    def come_with(device: str) -> dict[str, Any]:
        person = world.register(external_id="anna", device_id=device)
        return world.check_in(person["access_token"], venue)

    results = [come_with(str(uuid.uuid4())) for _ in range(6)]
    assert [asked(result) for result in results] == [[]] * 5 + [["L2"]]
    assert found(world, results[5]) == [("many_devices", "accepted")]
    assert codes(results[5]) == []
    for _ in range(5):
        world.register(device_id=shared)
    both = come_with(shared)
    assert asked(both) == ["L3"]
    assert found(world, both) == [("shared_device", "accepted"), ("many_devices", "accepted")]


# --- strikes --------------------------------------------------------------------------------


def test_spoofing_raises_what_offers_take_for_seven_days_and_blocks_nobody(
    world: World, other_world: World
):
    venue = world.venue(cool_down_s=0)
    world.offer(venue)
    pin = provision(world, venue, "staff")["pin"]
    theirs = other_world.venue()
    other_world.offer(theirs)
    there = {"lat": other_world.lat + 1e-5, "lon": other_world.lon + 1e-5}

    def come(**fix: Any) -> dict[str, Any]:
        return world.check_in(anna(world), venue, **fix)

    with time_machine.travel(NOON, tick=False) as clock:
        assert come(mock=True)["verdict"] == "rejected"
        clock.shift(timedelta(minutes=1))
        assert come(mock=True)["verdict"] == "rejected"
        once = come()
        assert (parts(once), once["level"], asked(once)) == (("accepted", []), "L1", ["L2"])
        clock.shift(DAY)
        elsewhere = other_world.check_in(anna(world), theirs, **there)
        assert (parts(elsewhere), asked(elsewhere)) == (("accepted", []), ["L2"])
        clock.shift(DAY)
        copied = come(**venue["location"])
        assert ("published_point", "rejected") in found(world, copied)
        assert asked(come()) == ["L3"]
        assert len(with_pin(world, anna(world), come(), pin)["unlocked"]) == 1
        clock.move_to(NOON + 7 * DAY + timedelta(seconds=59))
        assert asked(come()) == ["L3"]
        clock.move_to(NOON + 7 * DAY + timedelta(minutes=1))
        assert asked(come()) == ["L2"]
        clock.move_to(NOON + 9 * DAY + timedelta(minutes=1))
        assert len(come()["unlocked"]) == 1


def test_a_voided_refusal_is_no_strike(world: World):
    venue, customer = world.venue(cool_down_s=0), world.customer()
    world.offer(venue)
    spoofed = world.check_in(customer, venue, mock=True)
    assert asked(world.check_in(customer, venue)) == ["L2"]
    world.ask("post", f"/v1/check-ins/{spoofed['id']}/void", json={"reason": "Our own test"})
    assert len(world.check_in(customer, venue)["unlocked"]) == 1


def test_being_far_away_or_too_early_is_no_strike(world: World):
    venue = world.venue()
    world.offer(venue)
    customer = world.customer()
    for fix in ({"north_m": 5000}, {"captured_at": "2026-01-01T00:00:00Z"}, {"north_m": 85}):
        world.check_in(customer, venue, **fix)
    assert len(world.check_in(customer, venue)["unlocked"]) == 1
    assert codes(world.check_in(customer, venue)) == ["too_soon"]


# --- the digits of a fix --------------------------------------------------------------------


def test_digits_that_were_sent_before_ask_whoever_sends_them_for_a_proof(world: World):
    venue = world.venue(cool_down_s=0)
    world.offer(venue)
    pin = provision(world, venue, "staff")["pin"]
    one, other = world.customer(), world.customer()
    spot = {"lon": world.lon + 0.000123456789, "lat": world.lat - 0.000098765432}
    assert world.check_in(one, venue, **spot)["verdict"] == "accepted"
    for customer in (one, other):
        copied = world.check_in(customer, venue, **spot)
        assert parts(copied) == ("ambiguous", ["not_verified"])
        assert (found(world, copied), copied["needs"]) == (
            [("repeated_fix", "ambiguous")],
            ["staff_pin", "staff"],
        )
        assert with_pin(world, customer, copied, pin)["level"] == "L3"
    near = {**spot, "lat": spot["lat"] + 1e-12}
    assert world.check_in(other, venue, **near)["verdict"] == "accepted"


def test_one_fix_may_serve_for_two_venues_and_for_more_evidence(world: World):
    here, next_door = world.venue(), world.venue()
    pin = provision(world, here, "staff")["pin"]
    customer, fix = world.customer(), world.location()
    results = [
        world.ask(
            "post", "/v1/check-ins", customer, json={"venue_id": venue["id"], "evidence": [fix]}
        )
        for venue in (here, next_door)
    ]
    assert [parts(result) for result in results] == [("accepted", [])] * 2
    assert parts(with_pin(world, customer, results[0], pin)) == ("accepted", [])


def test_typed_coordinates_and_the_point_on_the_map_are_not_verified(world: World):
    venue = world.venue()
    typed = {"lon": round(world.lon, 4), "lat": round(world.lat, 4)}
    result = world.check_in(world.customer(), venue, **typed)
    assert parts(result) == ("ambiguous", ["not_verified"])
    assert found(world, result) == [("impossible_precision", "ambiguous")]
    result = world.check_in(world.customer(), venue, **venue["location"])
    assert parts(result) == ("rejected", ["not_verified"])
    assert ("published_point", "rejected") in found(world, result)
    beside = {name: degrees + 1e-7 for name, degrees in venue["location"].items()}
    assert world.check_in(world.customer(), venue, **beside)["verdict"] == "accepted"


# --- events ---------------------------------------------------------------------------------


def make_event(world: World, venue: dict[str, Any], **members: Any) -> Any:
    times = {
        "starts_at": NOON.isoformat(),
        "ends_at": (NOON + timedelta(hours=3)).isoformat(),
    }
    body = {"venue_id": venue["id"], "name": "Concert", **times, **members}
    return world.ask("post", "/v1/events", json=body)


def circle(world: World, north_m: float) -> dict[str, Any]:
    centre = {"lon": world.lon, "lat": world.lat + north_m * METRE}
    return {"type": "Circle", "centre": centre, "radius_m": 100}


def come_to(world: World, customer: str, event: dict[str, Any], *proofs: Any, **fix: Any) -> Any:
    body = {"event_id": event["id"], "evidence": [world.location(**fix), *proofs]}
    return world.ask("post", "/v1/check-ins", customer, json=body)


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (timedelta(microseconds=-1), False),
        (timedelta(), True),
        (timedelta(hours=3, microseconds=-1), True),
        (timedelta(hours=3), False),
    ],
)
def test_an_event_is_on_from_its_start_until_its_end(world: World, off, on):
    venue = world.venue(opening_hours="off")
    event = make_event(world, venue)
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        offer = world.offer(venue)
    with time_machine.travel(NOON + off, tick=False):
        result = come_to(world, world.customer(), event)
    assert (result["event_id"], result["venue_id"]) == (event["id"], venue["id"])
    assert parts(result) == (("accepted", []) if on else ("rejected", ["event_not_on"]))
    unlocked = [unlock["offer_id"] for unlock in result["unlocked"]]
    assert unlocked == ([offer["id"]] if on else [])


@pytest.mark.parametrize(
    ("own_fence", "north_m", "verdict"),
    [
        (True, 600, "accepted"),
        (True, 0, "rejected"),
        (False, 0, "accepted"),
        (False, 600, "rejected"),
    ],
)
def test_an_event_has_a_fence_of_its_own_or_the_venues(world: World, own_fence, north_m, verdict):
    venue = world.venue()
    event = make_event(world, venue, fence=circle(world, 600) if own_fence else None)
    with time_machine.travel(NOON, tick=False):
        result = come_to(world, world.customer(), event, north_m=north_m)
    assert result["verdict"] == verdict
    assert codes(result) == ([] if verdict == "accepted" else ["outside_fence"])


def test_a_check_in_at_an_event_is_one_at_its_venue(world: World):
    venue = world.venue()
    pin = provision(world, venue, "staff")["pin"]
    second = world.offer(venue, rule={"kind": "nth_visit", "n": 2}, min_level="L3")
    event = make_event(world, venue, fence=circle(world, 600))
    with time_machine.travel(NOON - timedelta(hours=4), tick=False) as clock:
        assert world.check_in(anna(world), venue)["visits"] == 1
        clock.move_to(NOON)
        customer = anna(world)
        doubted = come_to(world, customer, event, north_m=735)
        assert parts(doubted) == ("ambiguous", ["maybe_outside_fence"])
        assert world.check_in(customer, venue, north_m=735)["verdict"] == "rejected"
        result = with_pin(world, customer, doubted, pin)
        assert (result["visits"], result["level"]) == (2, "L3")
        assert result["event_id"] == event["id"]
        assert [unlock["offer_id"] for unlock in result["unlocked"]] == [second["id"]]
        soon = world.check_in(customer, venue)
        assert codes(soon) == ["too_soon"]
    [_, _, item, _] = world.ask("get", "/v1/check-ins", anna(world))["items"]
    assert (item["event_id"], item["verdict"]) == (event["id"], "accepted")
    seen = world.ask("get", f"/v1/check-ins/{result['id']}/findings")
    assert (seen["event_id"], seen["venue_id"]) == (event["id"], venue["id"])


def test_evidence_may_come_after_the_event_is_over(world: World):
    venue = world.venue()
    event = make_event(world, venue)
    with time_machine.travel(NOON + timedelta(hours=3, minutes=-1), tick=False) as clock:
        customer = world.customer()
        doubted = come_to(world, customer, event, north_m=85)
        clock.shift(timedelta(minutes=5))
        path = f"/v1/check-ins/{doubted['id']}/evidence"
        result = world.ask("post", path, customer, json={"evidence": [world.location()]})
    assert parts(result) == ("accepted", [])


def test_an_event_is_no_venue_and_a_cancelled_one_is_not_there(world: World):
    venue, customer = world.venue(), world.customer()
    event, cancelled = make_event(world, venue), make_event(world, venue)
    world.ask("delete", f"/v1/events/{cancelled['id']}", status=204)
    for place in (
        {"venue_id": event["id"]},
        {"event_id": venue["id"]},
        {"event_id": cancelled["id"]},
        {"event_id": str(uuid.uuid4())},
    ):
        body = {**place, "evidence": [world.location()]}
        answer = world.call("post", "/v1/check-ins", customer, json=body)
        assert (answer.status_code, answer.json["code"]) == (404, "venue-not-found")
    for places in ({}, {"venue_id": venue["id"], "event_id": event["id"]}):
        body = {**places, "evidence": [world.location()]}
        assert world.call("post", "/v1/check-ins", customer, json=body).status_code == 422
