"""Schedules, limits at each venue, and rules over the past, as customers meet them over HTTP."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from tests.racing import post_at_once
from tests.world import World, now

FRIDAY = datetime(2026, 11, 27, 21, 30, tzinfo=UTC)
"""22:30 in Copenhagen."""

LATE = {"windows": [{"weekdays": ["fr"], "from": "22:00", "to": "02:00"}]}


def came(world: World, venue: dict[str, Any], customer: str = "", **body: Any) -> dict[str, Any]:
    where = body or {"venue_id": venue["id"]}
    given = {**where, "evidence": [world.location()]}
    return world.ask("post", "/v1/check-ins", customer or world.customer(), json=given)


def outcome(result: dict[str, Any]) -> str:
    """`opened`, or why not."""
    if result["unlocked"]:
        return "opened"
    return result["locked"][0]["reason"]["code"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (-1, "out_of_hours"),
        (-0.5, "opened"),
        (0, "opened"),
        (3.49, "opened"),
        (3.5, "out_of_hours"),
        (24, "out_of_hours"),
        (7 * 24, "opened"),
    ],
)
def test_an_offer_opens_in_its_hours_on_the_venues_clock(world: World, hours, expected):
    with time_machine.travel(FRIDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, schedule=LATE)
        clock.shift(timedelta(hours=hours))
        assert outcome(came(world, venue)) == expected


def test_an_offer_out_of_hours_is_seen_nearby_and_says_so(world: World):
    with time_machine.travel(FRIDAY - timedelta(hours=5), tick=False):
        venue = world.venue()
        world.offer(venue, schedule=LATE)
        query = {"lon": world.lon, "lat": world.lat}
        found = world.ask("get", "/v1/venues/nearby", world.customer(), query_string=query)
    [offer] = found["items"][0]["offers"]
    assert (offer["state"], offer["reason"]["code"]) == ("before_start", "out_of_hours")
    assert offer["reason"]["text"] == "It is not on at this hour."


def test_the_next_openings_are_previewed_for_each_venue_on_its_own_clock(world: World):
    with time_machine.travel(FRIDAY, tick=False):
        home = world.venue(time_zone="Europe/Copenhagen")
        away = world.venue(time_zone="America/New_York", east_m=5000)
        offer = world.offer(home, away, schedule=LATE)
        path = f"/v1/offers/{offer['id']}/schedule"
        shown = world.ask("get", path, query_string={"openings": 2})["items"]
    by_venue = {item["venue_id"]: item for item in shown}
    here, there = by_venue[home["id"]], by_venue[away["id"]]
    assert (here["is_on"], there["is_on"]) == (True, False)
    assert [opening["starts_at"] for opening in here["openings"]] == [
        "2026-11-27T21:30:00Z",
        "2026-12-04T21:00:00Z",
    ]
    assert there["openings"][0]["starts_at"] == "2026-11-28T03:00:00Z"
    assert here["openings"][0]["ends_at"] == "2026-11-28T01:00:00Z"


def test_a_schedule_that_is_wrong_says_where(world: World):
    venue = world.venue()
    window = {"weekdays": ["fr"], "from": "25:00", "to": "02:00"}
    body = {"venue_ids": [venue["id"]], "schedule": {"windows": [window]}}
    offer = world.offer(venue, status="draft")
    answer = world.call(
        "patch",
        f"/v1/offers/{offer['id']}",
        world.key,
        json=body,
        headers={"If-Match": f'"{offer["version"]}"'},
    )
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/schedule/windows/0/from"


def test_a_limit_at_each_venue_is_each_venues_own(world: World):
    one, two = world.venue(), world.venue()
    world.offer(one, two, limit_per_venue=1)
    assert [outcome(came(world, venue)) for venue in (one, one, two, two)] == [
        "opened",
        "sold_out_here",
        "opened",
        "sold_out_here",
    ]


def test_a_limit_at_a_venue_and_day_begins_anew_at_midnight_there(world: World):
    with time_machine.travel(datetime(2026, 11, 27, 22, 30, tzinfo=UTC), tick=False) as clock:
        venue = world.venue()
        world.offer(venue, limit_per_venue_day=1)
        assert outcome(came(world, venue)) == "opened"
        assert outcome(came(world, venue)) == "sold_out_here_today"
        clock.shift(timedelta(minutes=31))
        assert outcome(came(world, venue)) == "opened"


@pytest.mark.parametrize("limit", ["limit_per_venue", "limit_per_venue_day"])
def test_however_many_come_at_once_a_venue_gives_exactly_its_limit(world: World, limit, app):
    venue = world.venue()
    world.offer(venue, **{limit: 5})
    bodies = [
        (
            "/v1/check-ins",
            world.customer(),
            {"venue_id": venue["id"], "evidence": [world.location()]},
        )
        for _ in range(16)
    ]
    answers = post_at_once(app, bodies)
    assert sum(len(result["unlocked"]) for _, result in answers) == 5


@pytest.mark.parametrize(("days", "expected"), [(29, "away_too_short"), (30, "opened")])
def test_a_comeback_is_for_who_has_been_away_so_many_days(world: World, days, expected):
    venue, customer = world.venue(), world.customer()
    with time_machine.travel(FRIDAY, tick=False) as clock:
        customer = world.customer()
        world.offer(venue, rule={"kind": "comeback", "days": 30})
        assert outcome(came(world, venue, customer)) == "never_here"
        clock.shift(timedelta(days=days))
        customer = again(world, customer)
        assert outcome(came(world, venue, customer)) == expected


def again(world: World, token: str) -> str:
    """The same customer with a fresh token."""
    import jwt  # noqa: PLC0415

    claims = jwt.decode(token, options={"verify_signature": False})
    ring = world.app.extensions["lbs_key_ring"]
    fresh = {"sub": claims["sub"], "app": claims["app"]}
    return ring.sign(fresh, "at+jwt", ttl=timedelta(minutes=15), now=now())


def test_a_comeback_opens_also_when_the_level_is_reached_later(world: World):
    with time_machine.travel(FRIDAY, tick=False) as clock:
        venue = world.venue()
        customer = world.customer()
        path = f"/v1/venues/{venue['id']}/proofs"
        pin = world.ask("post", path, json={"kind": "staff", "name": "Ida"})["pin"]
        world.offer(venue, rule={"kind": "comeback", "days": 30}, min_level="L3")
        came(world, venue, customer)
        clock.shift(timedelta(days=40))
        customer = again(world, customer)
        back = came(world, venue, customer)
        assert outcome(back) == "level_too_low"
        evidence = {"evidence": [{"kind": "staff_pin", "pin": pin}]}
        path = f"/v1/check-ins/{back['id']}/evidence"
        assert outcome(world.ask("post", path, customer, json=evidence)) == "opened"


@pytest.mark.parametrize("which", ["this", "any", "other"])
def test_an_event_rule_opens_at_a_check_in_to_the_event(world: World, which):
    venue = world.venue()
    times = {
        "starts_at": (now() - timedelta(hours=1)).isoformat(),
        "ends_at": (now() + timedelta(hours=1)).isoformat(),
    }
    event = world.ask(
        "post", "/v1/events", json={"venue_id": venue["id"], "name": "Concert", **times}
    )
    meant = {"this": event["id"], "other": str(uuid.uuid4())}
    rule = {"kind": "event", **({"event_id": meant[which]} if which in meant else {})}
    world.offer(venue, rule=rule)
    at_event = came(world, venue, event_id=event["id"])
    assert outcome(at_event) == ("not_at_event" if which == "other" else "opened")
    assert outcome(came(world, venue)) == "not_at_event"
