"""An offer is tried at one check-in: the answer is what the check-in itself would give."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import text

from lbs.checkins.errors import SimulationTooLarge
from lbs.checkins.service.simulations import Replay, replay
from tests.checkins.test_explanations import customer_of
from tests.offers.test_rules_in_use import Regular
from tests.world import World, ago, now

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""
WEEK = timedelta(weeks=1)


def simulate(world: World, offer: dict[str, Any], key: str = "", **body: Any) -> Any:
    return world.ask("post", f"/v1/offers/{offer['id']}/simulations", key or None, json=body)


def try_it(world: World, offer: dict[str, Any], venue: dict[str, Any], **body: Any) -> Any:
    return simulate(world, offer, kind="check_in", venue_id=venue["id"], **body)


def refused(world: World, offer: dict[str, Any], key: str = "", **body: Any) -> tuple[int, str]:
    path = f"/v1/offers/{offer['id']}/simulations"
    answer = world.call("post", path, key or world.key, json=body)
    return answer.status_code, answer.json["code"]


def short(found: dict[str, Any]) -> str:
    return "opens" if found["opens"] else found["reason"]["code"]


def times(*days_ago: float) -> list[str]:
    return [(MONDAY - timedelta(days=days)).isoformat() for days in days_ago]


def tables(world: World) -> dict[str, int]:
    """How many rows each table has."""
    names = """
        SELECT c.oid::regclass::text FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname = 'public'
    """
    with world.db.transaction() as session:
        return {
            name: session.scalar(text(f"SELECT count(*) FROM {name}"))
            for name in session.scalars(text(names)).all()
        }


def test_it_says_what_would_open_what_it_costs_and_what_it_takes_from(world: World):
    venue = world.venue()
    limits = {"limit_total": 5, "limit_per_customer": 1, "limit_per_venue_day": 3}
    offer = world.offer(venue, **limits)
    world.check_in(world.customer(), venue)
    found = try_it(world, offer, venue)
    assert (found["opens"], found["opens_for"], found["state"]) == (True, "customer", "unlocked")
    assert (found["value_minor"], found["cost_minor"], found["currency"]) == (3500, 600, "DKK")
    counters = {row["limit"]: (row["cap"], row["taken"], row["left"]) for row in found["counters"]}
    assert counters == {
        "total": (5, 1, 4),
        "per_customer": (1, 0, 1),
        "per_venue_day": (3, 1, 2),
    }
    codes = [assumption["code"] for assumption in found["assumptions"]]
    assert codes == ["active", "accepted", "no_risk", "alone"]


def test_nothing_is_written(world: World):
    """But the answer itself, for who sends the request again with the same key."""
    venue = world.venue()
    offer = world.offer(venue, limit_total=1, rule={"kind": "flash", "n": 1, **ALL_DAY})
    person = world.customer()
    who = customer_of(world, world.check_in(person, world.venue()))
    before = tables(world)
    assert short(try_it(world, offer, venue, customer=who)) == "opens"
    assert short(try_it(world, offer, venue, described={})) == "opens"
    assert simulate(world, offer, kind="replay")["visits"] == 0
    after = tables(world)
    assert after.pop("idempotent_answer") == before.pop("idempotent_answer") + 3
    assert after == before
    assert world.check_in(person, venue)["unlocked"], "its stock is there still"


ALL_DAY = {"from": "00:00", "to": "24:00"}


@pytest.mark.parametrize(
    ("rule", "described", "expected"),
    [
        ({"kind": "first_visit"}, {}, "opens"),
        ({"kind": "first_visit"}, {"visited_at": times(1)}, "only_once"),
        ({"kind": "nth_visit", "n": 10}, {"visits": 9, "visited_at": times(1)}, "opens"),
        ({"kind": "nth_visit", "n": 10}, {"visits": 8, "visited_at": times(1)}, "more_visits"),
        ({"kind": "frequency", "n": 3, "within_days": 7}, {"visited_at": times(1, 6)}, "opens"),
        (
            {"kind": "frequency", "n": 3, "within_days": 7},
            {"visited_at": times(1, 7)},
            "more_visits",
        ),
        ({"kind": "streak", "weeks": 3}, {"visited_at": times(7, 14)}, "opens"),
        ({"kind": "streak", "weeks": 3}, {"visited_at": times(0, 7)}, "counted_this_week"),
        ({"kind": "comeback", "days": 30}, {"visited_at": times(30)}, "opens"),
        ({"kind": "comeback", "days": 30}, {"visited_at": times(29)}, "away_too_short"),
        ({"kind": "comeback", "days": 30}, {"visited_at": times(-1)}, "never_here"),
        ({"kind": "top_visitor"}, {"visited_at": times(1)}, "opens"),
        ({"kind": "top_visitor"}, {"visited_at": times(0)}, "not_top"),
        (
            {"kind": "every_nth_visit", "n": 3, "count": "days"},
            {"visited_at": times(1, 2)},
            "opens",
        ),
        (
            {"kind": "every_nth_visit", "n": 3, "count": "days"},
            {"visited_at": times(1, 1.1)},
            "more_days",
        ),
        ({"kind": "event"}, {}, "not_at_event"),
        (
            {"kind": "off_peak", "max_share": 0.1, "min_visits": 1},
            {},
            "too_little_history",
        ),
    ],
)
def test_a_customer_can_be_described(world: World, rule, described, expected):
    with time_machine.travel(MONDAY, tick=False):
        venue = world.venue()
        offer = world.offer(venue, rule=rule, status="draft")
        found = try_it(world, offer, venue, described=described)
    assert short(found) == expected


def test_a_described_customer_competes_with_those_there_are(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        offer = world.offer(venue, rule={"kind": "top_visitor"})
        anna = Regular(world)
        for _ in range(2):
            anna.comes(venue)
            clock.shift(timedelta(days=1))
        days = (-1, 0, 1)
        at = [(MONDAY + timedelta(days=day, hours=1)).isoformat() for day in days]
        assert short(try_it(world, offer, venue, described={"visited_at": at[1:]})) == "not_top"
        assert short(try_it(world, offer, venue, described={"visited_at": at})) == "opens"


def test_who_else_is_there_can_be_described(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    event = {
        "venue_id": venue["id"],
        "name": "x",
        "starts_at": ago(hours=1),
        "ends_at": ago(hours=-1),
    }
    event_id = world.ask("post", "/v1/events", json=event)["id"]
    tried = {"rule": {"kind": "event", "event_id": event_id}}
    assert short(try_it(world, offer, venue, terms=tried, event_id=event_id)) == "opens"
    others = {"present": 4, "friends_present": 2, "party": 3, "referred": True, "friends_sent": 2}
    assert short(try_it(world, offer, venue, described=others)) == "opens"
    bonus = {"rule": {"kind": "referrer", "n": 2}}
    assert short(try_it(world, offer, venue, terms=bonus, described=others)) == "opens"
    found = try_it(world, offer, venue, terms=bonus, described={"friends_sent": 1})
    assert (short(found), found["progress_text"]) == ("more_friends_sent", "1 of 2 friends")


def test_at_every_step_it_says_what_the_check_in_then_gives(world: World):
    """For a customer of the merchant's, by their pseudonym, over rules that remember openings."""
    asked = [
        {"rule": {"kind": "every_nth_visit", "n": 2, "within_days": 10}},
        {"rule": {"kind": "streak", "weeks": 2}, "limit_per_customer": 1},
        {"rule": {"kind": "flash", "n": 1, "from": "11:00", "to": "13:00"}},
        {"rule": {"kind": "every_visit"}, "min_level": "L3"},
        {"rule": {"kind": "comeback", "days": 7}, "limit_total": 2},
        {"rule": {"kind": "top_visitor"}, "schedule": {"windows": [WEEKEND]}},
    ]
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue, bo = world.venue(), Regular(world)
        offers = [world.offer(venue, **members) for members in asked]
        body = {"venue_id": venue["id"], "evidence": [world.location()]}
        seen = world.ask("post", "/v1/check-ins", bo.token, json=body)
        who = customer_of(world, seen)
        opened = 0
        for days in (1, 2, 4, 1, 6, 7, 3, 8, 12):
            clock.shift(timedelta(days=days))
            said = {offer["id"]: try_it(world, offer, venue, customer=who) for offer in offers}
            body = {"venue_id": venue["id"], "evidence": [world.location()]}
            seen = world.ask("post", "/v1/check-ins", bo.token, json=body)
            unlocked = {unlock["offer_id"] for unlock in seen["unlocked"]}
            opened += len(unlocked)
            assert {id_ for id_, found in said.items() if found["opens"]} == unlocked
            for locked in seen["locked"]:
                found = said[locked["offer_id"]]
                for member in ("state", "progress", "target", "progress_text", "reason"):
                    assert found[member] == locked[member]
        assert 9 < opened < 9 * len(asked) - 9


WEEKEND = {"weekdays": ["sa", "su"], "from": "00:00", "to": "24:00"}


@pytest.mark.parametrize(
    ("standing", "expected"),
    [("staff", "not_for_staff"), ("blocked", "not_accepted"), ("tester", "opens")],
)
def test_the_customers_standing_counts(world: World, standing: str, expected: str):
    venue = world.venue()
    offer = world.offer(venue)
    who = customer_of(world, world.check_in(world.customer(), venue))
    world.ask("put", f"/v1/standings/{who}", json={"standing": standing})
    assert short(try_it(world, offer, venue, customer=who)) == expected


@pytest.mark.parametrize(("level", "expected"), [("L1", "level_too_low"), ("L2", "opens")])
def test_the_level_counts(world: World, level: str, expected: str):
    """The venue's, where the offer has none."""
    venue = world.venue(min_level="L2")
    found = try_it(world, world.offer(venue), venue, level=level)
    assert (short(found), found["min_level"]) == (expected, "L2")
    if expected != "opens":
        assert found["to_open"] == "An accepted check-in here, on L2 or more."
        assert (found["value_minor"], found["cost_minor"]) == (0, 0)


@pytest.mark.parametrize(
    ("hours", "expected"), [(83.9, "out_of_hours"), (84, "opens"), (86, "out_of_hours")]
)
def test_any_time_can_be_tried_on_the_venues_clock(world: World, hours: float, expected: str):
    """Friday at midnight is 84 hours after Monday noon."""
    late = {"windows": [{"weekdays": ["fr"], "from": "00:00", "to": "02:00"}]}
    with time_machine.travel(MONDAY, tick=False):
        venue = world.venue()
        offer = world.offer(venue, schedule=late, status="draft")
        at = (MONDAY + timedelta(hours=hours)).isoformat()
        assert short(try_it(world, offer, venue, at=at)) == expected


def test_other_terms_are_tried_and_stay_untouched(world: World):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "nth_visit", "n": 9}, limit_total=5)
    tried = {"rule": {"kind": "first_visit"}, "limit_total": None, "cost_minor": 900}
    found = try_it(world, offer, venue, terms=tried)
    assert (short(found), found["cost_minor"], found["counters"]) == ("opens", 900, [])
    assert short(try_it(world, offer, venue)) == "more_visits"
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


def test_an_offer_that_does_not_run_there_or_is_over_says_so(world: World):
    here, elsewhere = world.venue(), world.venue(east_m=1000)
    offer = world.offer(elsewhere)
    assert short(try_it(world, offer, here)) == "not_here"
    assert short(try_it(world, offer, elsewhere, at="2101-01-01T00:00:00Z")) == "over"
    assert short(try_it(world, offer, elsewhere, at="2019-01-01T00:00:00Z")) == "not_started"


def test_it_answers_in_the_language_asked_for(world: World):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "nth_visit", "n": 3})
    body = {"kind": "check_in", "venue_id": venue["id"]}
    headers = {"Accept-Language": "da"}
    path = f"/v1/offers/{offer['id']}/simulations"
    found = world.ask("post", path, json=body, headers=headers)
    assert found["progress_text"] == "1 af 3 besøg"
    assert found["reason"]["text"] == "Det kræver flere besøg."
    assert found["assumptions"][0]["text"].startswith("Tilbuddet regnes for aktivt")


def test_a_customer_by_name_takes_the_support_scope(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    who = customer_of(world, world.check_in(world.customer(), venue))
    body = {"kind": "check_in", "venue_id": venue["id"], "customer": who}
    offers = world.key_with("offers")
    assert refused(world, offer, offers, **body) == (403, "scope-missing")
    assert simulate(world, offer, offers, kind="check_in", venue_id=venue["id"])["opens"]
    assert simulate(world, offer, world.key_with("offers", "support"), **body)["opens"]


def test_what_is_not_the_merchants_is_not_found(world: World, other_world: World):
    venue, theirs = world.venue(), other_world.venue()
    offer = world.offer(venue)
    here = {"kind": "check_in", "venue_id": venue["id"]}
    trail = {"kind": "trail", "venue_ids": [venue["id"], theirs["id"]], "within_days": 9}
    stranger = customer_of(other_world, other_world.check_in(other_world.customer(), theirs))
    cases = [
        ({"kind": "check_in", "venue_id": theirs["id"]}, "venue-not-found"),
        ({**here, "customer": stranger}, "pseudonym-unknown"),
        ({**here, "customer": str(uuid.uuid4())}, "pseudonym-unknown"),
        ({**here, "terms": {"rule": trail}}, "offer-place-not-found"),
        ({"kind": "replay", "terms": {"rule": trail}}, "offer-place-not-found"),
    ]
    for body, code in cases:
        assert refused(world, offer, **body) == (404, code)
    assert refused(other_world, offer, **here) == (404, "offer-not-found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "guess"}, "#/kind"),
        ({"kind": "replay", "days": 91}, "#/days"),
        ({"kind": "replay", "days": 0}, "#/days"),
        ({"kind": "replay", "terms": {"teaser": "x"}}, "#/terms/teaser"),
        ({"kind": "check_in", "level": "L0"}, "#/level"),
        ({"kind": "check_in", "described": {"visits": 3}}, "#/described/visited_at"),
        ({"kind": "check_in", "described": {}, "customer": str(uuid.uuid4())}, "#/described"),
    ],
)
def test_what_is_wrong_is_pointed_at(world: World, body: dict[str, Any], pointer: str):
    venue = world.venue()
    where = {"venue_id": venue["id"]} if body["kind"] == "check_in" else {}
    path = f"/v1/offers/{world.offer(venue)['id']}/simulations"
    answer = world.call("post", path, world.key, json={**where, **body})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]]


def test_a_replay_of_too_many_visits_is_refused(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    for _ in range(3):
        world.check_in(world.customer(), venue)
    asked = (UUID(offer["id"]), world.merchant_id, Replay(90, {}), now())
    with world.db.transaction() as session:
        assert replay(session, *asked, at_most=3).done.whole.visits == 3
    with world.db.transaction() as session, pytest.raises(SimulationTooLarge):
        replay(session, *asked, at_most=2)
