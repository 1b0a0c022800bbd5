"""Rules over rules, as merchants ask for them and customers meet them; and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from lbs.offers.rules import FORBIDDEN
from lbs.offers.rules.words import FORBIDDEN as FORBIDDEN_TEXT
from tests.offers.people import Person, outcome, people
from tests.unlocks.stock import counters
from tests.world import OFFER, World

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""
ALWAYS = {"valid_to": "2030-01-01T00:00:00Z"}
VISIT = {"kind": "every_visit"}


def all_of(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "all_of", "rules": list(rules)}


def any_of(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "any_of", "rules": list(rules)}


def test_all_of_opens_when_all_do_and_says_what_stands_in_the_way(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        rule = all_of(
            {"kind": "frequency", "n": 2, "within_days": 7},
            {"kind": "friends", "n": 1},
            {"kind": "flash", "n": 1, "from": "11:00", "to": "13:00"},
        )
        world.offer(venue, rule=rule, **ALWAYS)
        anna, bo = people(world, 2)
        anna.befriends(bo)
        first = anna.comes(venue)
        assert (outcome(first), first["locked"][0]["progress_text"]) == (
            "more_visits",
            "1 of 3 conditions",
        )
        clock.shift(timedelta(days=1))
        assert outcome(anna.comes(venue)) == "more_friends"
        clock.shift(timedelta(days=1))
        assert outcome(bo.comes(venue)) == "more_visits"
        assert outcome(anna.comes(venue)) == "opened"
        clock.shift(timedelta(hours=20))
        assert outcome(bo.comes(venue)) == "more_friends"
        clock.shift(timedelta(hours=4))
        assert outcome(anna.comes(venue)) == "more_friends"


def test_any_of_opens_when_one_does_and_stands_as_the_nearest(world: World):
    venue = world.venue(cool_down_s=0)
    world.offer(venue, rule=any_of({"kind": "nth_visit", "n": 3}, {"kind": "friends", "n": 1}))
    anna, bo = people(world, 2)
    anna.befriends(bo)
    first = anna.comes(venue)
    assert (outcome(first), first["locked"][0]["progress_text"]) == (
        "more_visits",
        "1 of 3 visits",
    )
    assert outcome(bo.comes(venue)) == "opened"
    assert outcome(anna.comes(venue)) == "opened"
    assert [unlock["opened_by"] for unlock in anna.wallet()] == ["check_in", "friends"]
    assert [unlock["opened_by"] for unlock in bo.wallet()] == ["check_in"]


def test_a_swarm_among_conditions_for_everybody_opens_for_everybody(world: World):
    with time_machine.travel(MONDAY, tick=False):
        venue, event_venue = world.venue(), world.venue()
        world.offer(venue, rule=all_of(VISIT, {"kind": "swarm", "n": 3}), **ALWAYS)
        group = people(world, 3)
        assert [outcome(person.comes(venue)) for person in group] == [
            "more_people",
            "more_people",
            "opened",
        ]
        assert [person.wallet()[0]["opened_by"] for person in group] == [
            "swarm",
            "swarm",
            "check_in",
        ]
        own = all_of({"kind": "first_visit"}, {"kind": "swarm", "n": 3})
        world.offer(event_venue, rule=own, **ALWAYS)
        others = people(world, 3)
        for person in others:
            person.comes(event_venue)
        assert [len(person.wallet()) for person in others] == [0, 0, 1]


def test_a_swarm_with_a_flash_is_for_who_comes_first_alone(world: World, db):
    with time_machine.travel(MONDAY, tick=False):
        venue = world.venue()
        flash = {"kind": "flash", "n": 2, "from": "11:00", "to": "13:00"}
        offer = world.offer(venue, rule=all_of({"kind": "swarm", "n": 3}, flash), **ALWAYS)
        group = people(world, 3)
        for person in group:
            person.comes(venue)
        assert [len(person.wallet()) for person in group] == [0, 0, 1]
        assert sorted(counters(db, offer).values()) == [1, 1]


@pytest.mark.parametrize(
    ("rule", "pointer", "text"),
    [
        (all_of(VISIT), "#/rule/rules", "Length must be between 2 and 8."),
        (any_of(*[VISIT] * 9), "#/rule/rules", "Length must be between 2 and 8."),
        (
            all_of(VISIT, any_of(VISIT, all_of(VISIT, any_of(VISIT, VISIT)))),
            "#/rule/rules",
            "At most 3 of all_of and any_of may stand within each other.",
        ),
        (all_of(VISIT, {"kind": "swarm"}), "#/rule/rules/1/n", "Missing data for required field."),
        (any_of({"kind": "nonsense"}, VISIT), "#/rule/rules/0/kind", "Must be one of: "),
        (any_of(VISIT, {"kind": "like"}), "#/rule/rules/1/kind", FORBIDDEN_TEXT["en"]),
        ({"kind": "all_of"}, "#/rule/rules", "Missing data for required field."),
        ({"kind": "all_of", "rules": "all"}, "#/rule/rules", "Not a valid list."),
        (all_of(VISIT, 7), "#/rule/rules/1", "Must be an object."),
        ({"kind": "swarm", "n": 1}, "#/rule/n", "Must be greater than or equal to 2"),
        ({"kind": "party", "n": 1}, "#/rule/n", "Must be greater than or equal to 2"),
        ({"kind": "friends", "n": 0}, "#/rule/n", "Must be greater than or equal to 1"),
    ],
)
def test_a_rule_that_is_wrong_says_where(world: World, rule, pointer, text):
    answer = world.call("post", "/v1/offers", world.key, json={**OFFER, "rule": rule})
    assert answer.status_code == 422
    [error] = answer.json["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(text)


@pytest.mark.parametrize("kind", sorted(FORBIDDEN))
@pytest.mark.parametrize("language", ["en", "da"])
def test_a_rule_for_sharing_or_liking_is_refused_with_the_reason(world: World, kind, language):
    answer = world.call(
        "post",
        "/v1/offers",
        world.key,
        json={**OFFER, "rule": {"kind": kind}},
        headers={"Accept-Language": language},
    )
    assert answer.status_code == 422
    assert answer.json["errors"] == [{"detail": FORBIDDEN_TEXT[language], "pointer": "#/rule/kind"}]


def test_three_levels_come_back_as_they_were_sent(world: World):
    trail = {"kind": "trail", "within_days": 3, "ordered": False}
    trail["venue_ids"] = [world.venue()["id"] for _ in range(2)]
    rule = all_of(any_of(all_of(VISIT, trail), {"kind": "streak", "weeks": 2}), VISIT)
    offer = world.offer(world.venue(), rule=rule)
    assert offer["rule"] == rule


def test_a_trail_among_others_is_of_the_merchants_own_venues(world: World, other_world: World):
    ids = [world.venue()["id"], other_world.venue()["id"]]
    rule = any_of(VISIT, {"kind": "trail", "venue_ids": ids, "within_days": 3})
    answer = world.call("post", "/v1/offers", world.key, json={**OFFER, "rule": rule})
    assert (answer.status_code, answer.json["code"]) == (404, "offer-place-not-found")


@pytest.mark.parametrize(("depth", "status"), [(300, 422), (3_000, 400)])
def test_a_well_without_a_bottom_is_refused(world: World, depth, status):
    visit = json.dumps(VISIT)
    rule = '{"kind": "all_of", "rules": [' * depth + visit + f", {visit}]}}" * depth
    body = json.dumps({**OFFER, "rule": "RULE"}).replace('"RULE"', rule)
    answer = world.call("post", "/v1/offers", world.key, data=body, content_type="application/json")
    assert answer.status_code == status


def test_a_person_comes_with_a_party_in_a_swarm(world: World):
    """Of both, it opens for those who are in both."""
    venue = world.venue()
    rule = all_of({"kind": "swarm", "n": 3}, {"kind": "party", "n": 2})
    world.offer(venue, rule=rule)
    stranger, anna, bo = people(world, 3)
    code = world.ask("post", "/v1/parties", anna.token, json={})["code"]

    def comes(person: Person, **members: Any) -> str:
        return outcome(person.comes(venue, **members))

    assert comes(stranger) == "more_people"
    assert comes(anna, party_code=code) == "more_people"
    assert comes(bo, party_code=code) == "opened"
    assert [len(person.wallet()) for person in (stranger, anna, bo)] == [0, 1, 1]
    assert anna.wallet()[0]["opened_by"] == "party"
