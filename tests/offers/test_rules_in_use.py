"""Rules that ask about more than a count of visits, as customers meet them over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine

from tests.racing import post_at_once
from tests.world import World, now

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""


class Regular:
    """A customer who comes again and again."""

    def __init__(self, world: World) -> None:
        self.world = world
        claims = jwt.decode(world.customer(), options={"verify_signature": False})
        self.claims = {"sub": claims["sub"], "app": claims["app"]}

    @property
    def token(self) -> str:
        ring = self.world.app.extensions["lbs_key_ring"]
        return ring.sign(self.claims, "at+jwt", ttl=timedelta(minutes=15), now=now())

    def comes(self, venue: dict[str, Any]) -> str:
        """`opened`, or why the venue's one offer did not."""
        body = {"venue_id": venue["id"], "evidence": [self.world.location()]}
        result = self.world.ask("post", "/v1/check-ins", self.token, json=body)
        assert result["verdict"] == "accepted"
        return "opened" if result["unlocked"] else result["locked"][0]["reason"]["code"]

    def sees(self) -> dict[str, Any]:
        query = {"lon": self.world.lon, "lat": self.world.lat}
        found = self.world.ask("get", "/v1/venues/nearby", self.token, query_string=query)
        return found["items"][0]["offers"][0]


def days(*numbers: float) -> list[timedelta]:
    return [timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    ("rule", "visits", "expected"),
    [
        (
            {"kind": "every_nth_visit", "n": 2, "within_days": 7},
            days(0, 10, 11),
            ["more_visits", "more_visits", "opened"],
        ),
        (
            {"kind": "every_nth_visit", "n": 2, "count": "days"},
            days(0, 0.3, 1, 2, 3),
            ["more_days", "counted_today", "opened", "more_days", "opened"],
        ),
        (
            {"kind": "frequency", "n": 3, "within_days": 7},
            days(0, 1, 6, 7, 30),
            ["more_visits", "more_visits", "opened", "opened", "more_visits"],
        ),
        (
            {"kind": "streak", "weeks": 3},
            days(0, 7, 14, 21, 28, 35),
            ["more_weeks", "more_weeks", "opened", "more_weeks", "more_weeks", "opened"],
        ),
        (
            {"kind": "streak", "weeks": 2},
            days(0, 14, 21),
            ["more_weeks", "more_weeks", "opened"],
        ),
    ],
)
def test_a_rule_over_the_past_opens_when_it_should(world: World, rule, visits, expected):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue, anna = world.venue(), Regular(world)
        world.offer(venue, rule=rule, valid_to="2030-01-01T00:00:00Z")
        outcomes = []
        for after in visits:
            clock.move_to(MONDAY + after)
            outcomes.append(anna.comes(venue))
    assert outcomes == expected


def test_the_top_visitor_is_who_came_on_most_days_and_staff_are_left_out(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "top_visitor"})
        anna, bo = Regular(world), Regular(world)
        assert anna.comes(venue) == "not_top"
        clock.shift(timedelta(minutes=1))
        assert bo.comes(venue) == "not_top"
        clock.shift(timedelta(days=1))
        assert bo.comes(venue) == "not_top"
        assert anna.sees()["state"] == "unlockable_here"
        clock.shift(timedelta(days=1))
        assert anna.comes(venue) == "not_top"
        assert bo.comes(venue) == "opened"
        found = world.ask("get", "/v1/check-ins", bo.token)["items"][0]
        who = world.ask("get", f"/v1/check-ins/{found['id']}/findings")["customer"]
        world.ask("put", f"/v1/standings/{who}", json={"standing": "staff"})
        clock.shift(timedelta(days=1))
        assert anna.comes(venue) == "opened"


def test_a_flash_opens_for_the_first_in_its_window_each_day_and_nobody_else(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "flash", "n": 2, "from": "12:00", "to": "13:00"})
        people = [Regular(world) for _ in range(4)]
        assert people[3].sees()["state"] == "unlockable_here"
        outcomes = [person.comes(venue) for person in people[:3]]
        assert outcomes == ["opened", "opened", "window_taken"]
        seen = people[3].sees()
        assert (seen["state"], seen["progress_text"]) == ("taken", "2 of 2 people")
        clock.shift(timedelta(hours=2))
        assert people[3].comes(venue) == "window_over"
        clock.shift(timedelta(hours=22))
        assert people[2].comes(venue) == "opened"


def test_however_many_come_at_once_a_flash_gives_exactly_its_number(world: World, app):
    at = now()
    hour = {"from": "00:00", "to": "24:00"}
    venue = world.venue(time_zone="UTC")
    world.offer(venue, rule={"kind": "flash", "n": 4, **hour})
    requests = [
        (
            "/v1/check-ins",
            world.customer(),
            {"venue_id": venue["id"], "evidence": [world.location()]},
        )
        for _ in range(16)
    ]
    answers = post_at_once(app, requests)
    assert sum(len(result["unlocked"]) for _, result in answers) == 4
    assert at.date() == now().date(), "it was midnight: run it again"


@pytest.mark.parametrize("ordered", [False, True])
def test_a_trail_opens_when_its_venues_are_visited(world: World, ordered):
    with time_machine.travel(MONDAY, tick=False) as clock:
        one, two, three = (world.venue() for _ in range(3))
        ids = [venue["id"] for venue in (one, two, three)]
        rule = {"kind": "trail", "venue_ids": ids, "within_days": 30, "ordered": ordered}
        world.offer(one, two, three, rule=rule)
        anna = Regular(world)
        outcomes = []
        for venue in (two, one, three, two):
            clock.shift(timedelta(hours=5))
            outcomes.append(anna.comes(venue))
    if ordered:
        assert outcomes == ["wrong_order", "more_venues", "wrong_order", "more_venues"]
    else:
        assert outcomes == ["more_venues", "more_venues", "opened", "more_venues"]


def test_off_peak_opens_in_quiet_hours_once_enough_is_known(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue(cool_down_s=0)
        rule = {"kind": "off_peak", "max_share": 0.2, "min_visits": 5}
        world.offer(venue, rule=rule)
        people = [Regular(world) for _ in range(6)]
        assert people[0].comes(venue) == "too_little_history"
        for person in people[1:]:
            person.comes(venue)
        clock.move_to(MONDAY + timedelta(days=7))
        assert people[0].comes(venue) == "too_busy"
        clock.shift(timedelta(hours=5))
        assert people[0].comes(venue) == "opened"


def test_a_rule_that_is_wrong_says_where(world: World):
    venue = world.venue()
    twice = {"kind": "trail", "venue_ids": [venue["id"]] * 2, "within_days": 3}
    for rule, place in (
        ({"kind": "flash", "n": 2, "from": "12.00", "to": "13:00"}, "#/rule/from"),
        (twice, "#/rule/venue_ids"),
        ({"kind": "share"}, "#/rule/kind"),
    ):
        offer = world.offer(venue, status="draft")
        answer = world.call(
            "patch",
            f"/v1/offers/{offer['id']}",
            world.key,
            json={"rule": rule},
            headers={"If-Match": f'"{offer["version"]}"'},
        )
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == place


def test_a_trail_is_of_the_merchants_own_venues(world: World, other_world: World):
    own, foreign = world.venue(), other_world.venue()
    rule = {"kind": "trail", "venue_ids": [own["id"], foreign["id"]], "within_days": 3}
    offer = world.offer(own, status="draft")
    answer = world.call(
        "patch",
        f"/v1/offers/{offer['id']}",
        world.key,
        json={"rule": rule},
        headers={"If-Match": f'"{offer["version"]}"'},
    )
    assert (answer.status_code, answer.json["code"]) == (404, "offer-place-not-found")
