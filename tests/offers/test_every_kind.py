"""Every kind of rule over HTTP: why it is closed, what a customer does, and that it opens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
import time_machine

from lbs.offers.rules import RULES
from tests.offers.people import Person, outcome, people
from tests.world import World

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""
NOT_SPONSORED = "One filter coffee of any size. It is not sponsored by Meta or Facebook."


class Scene:
    """A venue with one offer, the customer it is to open for, and a friend."""

    def __init__(self, world: World, clock: Any) -> None:
        self.world, self.clock = world, clock
        self.venue, self.other_venue = world.venue(cool_down_s=0), world.venue()
        self.anna, self.bo = people(world, 2)
        self.offer: dict[str, Any] = {}
        self.members: dict[str, Any] = {}
        """What Anna's check-ins name beside venue and evidence."""

    def offers(self, rule: dict[str, Any]) -> None:
        venues = [self.venue, self.other_venue] if rule["kind"] == "trail" else [self.venue]
        members = {"terms": NOT_SPONSORED, "limit_per_customer": 5}
        self.offer = self.world.offer(
            *venues, rule=rule, valid_to="2030-01-01T00:00:00Z", **members
        )

    def comes(self) -> dict[str, Any]:
        body = self.anna.body(self.venue, **self.members)
        if "event_id" in body:
            del body["venue_id"]
        return self.world.ask("post", "/v1/check-ins", self.anna.token, json=body)

    def passes(self, **time: float) -> None:
        self.clock.shift(timedelta(**time))

    def links(self, sharer: Person, friend: Person, offer: dict[str, Any]) -> None:
        path = f"/v1/offers/{offer['id']}/shares"
        token = self.world.ask("post", path, sharer.token)["token"]
        self.world.ask("post", "/v1/referrals", friend.token, json={"token": token})

    def event(self) -> str:
        times = {"starts_at": MONDAY.isoformat(), "ends_at": "2026-06-01T20:00:00Z"}
        body = {"venue_id": self.venue["id"], "name": "Concert", **times}
        return self.world.ask("post", "/v1/events", json=body)["id"]


class Kind(NamedTuple):
    rule: Callable[[Scene], dict[str, Any]]
    act: Callable[[Scene], Any]
    """What makes the difference: to Anna's next check-in, or at once, as she is there."""
    before: str = ""
    """Why her check-in before that opens nothing; where it is empty she makes none."""


def nothing(scene: Scene) -> None:
    pass


def starts_a_party(scene: Scene) -> None:
    code = scene.world.ask("post", "/v1/parties", scene.anna.token, json={})["code"]
    scene.members = {"party_code": code}
    scene.bo.comes(scene.venue, party_code=code)


def goes_to_the_event(scene: Scene) -> None:
    scene.members = {"event_id": scene.offer["rule"]["event_id"]}


def many_come_and_a_week_passes(scene: Scene) -> None:
    for person in people(scene.world, 5):
        person.comes(scene.venue)
    scene.passes(days=7, hours=5)


def befriends_who_is_there(scene: Scene) -> None:
    scene.anna.befriends(scene.bo)
    scene.bo.comes(scene.venue)


def friend_comes_by_link(scene: Scene) -> None:
    scene.links(scene.anna, scene.bo, scene.world.offer(scene.other_venue))
    scene.bo.comes(scene.other_venue)


def always(**rule: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: rule


SECOND = {"kind": "nth_visit", "n": 2}
DAY = {"from": "11:00", "to": "13:00"}
KINDS = {
    "first_visit": Kind(always(kind="first_visit"), nothing),
    "every_visit": Kind(always(kind="every_visit"), nothing),
    "nth_visit": Kind(always(**SECOND), lambda scene: scene.passes(hours=1), "more_visits"),
    "every_nth_visit": Kind(
        always(kind="every_nth_visit", n=2), lambda scene: scene.passes(hours=1), "more_visits"
    ),
    "frequency": Kind(
        always(kind="frequency", n=2, within_days=7),
        lambda scene: scene.passes(days=6),
        "more_visits",
    ),
    "streak": Kind(
        always(kind="streak", weeks=2), lambda scene: scene.passes(days=7), "more_weeks"
    ),
    "comeback": Kind(
        always(kind="comeback", days=30), lambda scene: scene.passes(days=30), "never_here"
    ),
    "top_visitor": Kind(always(kind="top_visitor"), lambda scene: scene.passes(days=1), "not_top"),
    "flash": Kind(
        always(kind="flash", n=1, **DAY),
        lambda scene: scene.passes(days=1, hours=-4),
        "window_over",
    ),
    "swarm": Kind(
        always(kind="swarm", n=2), lambda scene: scene.bo.comes(scene.venue), "more_people"
    ),
    "party": Kind(always(kind="party", n=2), starts_a_party, "no_party"),
    "friends": Kind(always(kind="friends", n=1), befriends_who_is_there, "more_friends"),
    "trail": Kind(
        lambda scene: {
            "kind": "trail",
            "venue_ids": [scene.venue["id"], scene.other_venue["id"]],
            "within_days": 30,
        },
        lambda scene: scene.anna.comes(scene.other_venue),
        "more_venues",
    ),
    "event": Kind(
        lambda scene: {"kind": "event", "event_id": scene.event()},
        goes_to_the_event,
        "not_at_event",
    ),
    "off_peak": Kind(
        always(kind="off_peak", max_share=0.2, min_visits=5),
        many_come_and_a_week_passes,
        "too_little_history",
    ),
    "referred": Kind(
        always(kind="referred"),
        lambda scene: scene.links(scene.bo, scene.anna, scene.offer),
        "not_referred",
    ),
    "referrer": Kind(always(kind="referrer", n=1), friend_comes_by_link, "more_friends_sent"),
    "charity": Kind(always(kind="charity", amount_minor=500, recipient="Red Cross"), nothing),
    "all_of": Kind(
        always(kind="all_of", rules=[SECOND, {"kind": "every_visit"}]),
        lambda scene: scene.passes(hours=1),
        "more_visits",
    ),
    "any_of": Kind(
        always(kind="any_of", rules=[SECOND, {"kind": "nth_visit", "n": 5}]),
        lambda scene: scene.passes(hours=1),
        "more_visits",
    ),
}


def test_there_is_none_that_is_not_shown_here():
    assert KINDS.keys() == RULES.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_when_it_should_and_is_redeemed_at_the_till(world: World, kind: str):
    told = KINDS[kind]
    with time_machine.travel(MONDAY + timedelta(hours=4), tick=False) as clock:
        scene = Scene(world, clock)
        scene.offers(told.rule(scene))
        if told.before:
            assert outcome(scene.comes()) == told.before
        told.act(scene)
        scene.passes(minutes=5)
        if not scene.anna.wallet():
            assert outcome(scene.comes()) == "opened"
        [unlock] = scene.anna.wallet()
        assert unlock["offer_id"] == scene.offer["id"]
        assert world.redeem(unlock["code"], scene.venue).status_code == 201
