"""Why an offer stands as it does for one customer, as a merchant's support reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from lbs.offers.rules import Standing, State, Unit, Why
from lbs.offers.rules.remedies import REMEDIES, remedy
from tests.offers.test_rules_in_use import Regular
from tests.world import World

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Monday noon in Copenhagen."""


def customer_of(world: World, check_in: dict[str, Any]) -> str:
    return world.ask("get", f"/v1/check-ins/{check_in['id']}/findings")["customer"]


def why(
    world: World, offer: dict[str, Any], venue: dict[str, Any], customer: str, **headers
) -> Any:
    return world.ask(
        "get",
        f"/v1/offers/{offer['id']}/why",
        query_string={"customer": customer, "venue_id": venue["id"]},
        headers=headers,
    )


def short(found: dict[str, Any]) -> tuple[str, str | None]:
    return found["state"], found["reason"] and found["reason"]["code"]


def test_it_says_how_far_the_customer_is_what_is_missing_and_what_they_have_had(world: World):
    venue, customer = world.venue(cool_down_s=0), world.customer()
    offer = world.offer(venue, rule={"kind": "every_nth_visit", "n": 3})
    first = world.check_in(customer, venue)
    who = customer_of(world, first)
    found = why(world, offer, venue, who)
    assert short(found) == ("locked", "more_visits")
    assert (found["progress"], found["target"]) == (1, 3)
    assert found["progress_text"] == "1 of 3 visits"
    assert found["to_open"] == "2 more visits; the check-in that opens it counts."
    assert (found["unlocks"], found["opens_next_at"]) == ([], None)

    world.check_in(customer, venue)
    assert short(why(world, offer, venue, who)) == ("unlockable_here", None)
    [unlock] = world.check_in(customer, venue)["unlocked"]
    assert short(why(world, offer, venue, who))[0] == "unlocked"
    world.redeem(unlock["code"], venue)
    found = why(world, offer, venue, who)
    [had] = found["unlocks"]
    assert (had["id"], had["state"]) == (unlock["id"], "redeemed")
    assert had["redeemed_at"] >= had["unlocked_at"]
    assert [seen["unlock_id"] for seen in found["check_ins"]] == [unlock["id"], None, None]
    assert unlock["code"] not in str(found)


def test_a_check_in_shows_what_the_customer_heard_and_what_was_found(world: World):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue)
    liar = world.check_in(customer, venue, mock=True)
    found = why(world, offer, venue, customer_of(world, liar))
    [seen] = found["check_ins"]
    assert (seen["id"], seen["verdict"], seen["level"]) == (liar["id"], "rejected", "L0")
    assert [reason["code"] for reason in seen["reasons"]] == ["not_verified"]
    assert seen["findings"] == [{"reason": "simulated_fix", "verdict": "rejected"}]
    assert not {"lat", "lon", "distance_m"} & seen.keys()


def test_it_speaks_the_language_asked_for(world: World):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue, rule={"kind": "nth_visit", "n": 3})
    who = customer_of(world, world.check_in(customer, venue))
    found = why(world, offer, venue, who, **{"Accept-Language": "da"})
    assert found["progress_text"] == "1 af 3 besøg"
    assert found["to_open"] == "2 besøg mere; det besøg, der åbner det, tæller med."


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"status": "draft"}, "not_running"),
        ({"status": "paused"}, "not_running"),
        ({"valid_from": "2099-01-01T00:00:00Z"}, "not_started"),
        ({"limit_per_customer": 1}, "customer_limit"),
        ({"limit_total": 1}, "sold_out"),
        ({"rule": {"kind": "event"}}, "not_at_event"),
    ],
)
def test_what_keeps_it_closed_is_named(world: World, members: dict[str, Any], expected: str):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue, **members)
    who = customer_of(world, world.check_in(customer, venue))
    assert why(world, offer, venue, who)["reason"]["code"] == expected


def test_an_offer_that_does_not_run_at_the_venue_says_so(world: World):
    here, elsewhere = world.venue(), world.venue(east_m=1000)
    offer = world.offer(elsewhere)
    who = customer_of(world, world.check_in(world.customer(), here))
    assert why(world, offer, here, who)["reason"]["code"] == "not_here"


def test_an_offer_that_is_over_says_so(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        offer = world.offer(venue, valid_to=(NOON + timedelta(days=1)).isoformat())
        anna = Regular(world)
        anna.comes(venue)
        seen = world.ask("get", "/v1/check-ins", anna.token)["items"][0]
        who = customer_of(world, seen)
        clock.shift(timedelta(days=1))
        assert why(world, offer, venue, who)["reason"]["code"] == "over"


@pytest.mark.parametrize(
    ("standing", "expected"), [("staff", "not_for_staff"), ("blocked", "not_accepted")]
)
def test_a_standing_that_keeps_it_closed_is_named(world: World, standing: str, expected: str):
    venue = world.venue()
    offer = world.offer(venue)
    who = customer_of(world, world.check_in(world.customer(), venue))
    world.ask("put", f"/v1/standings/{who}", json={"standing": standing})
    found = why(world, offer, venue, who)
    assert (found["standing"], found["reason"]["code"]) == (standing, expected)


def test_out_of_its_hours_it_says_when_they_begin(world: World):
    late = {"windows": [{"weekdays": ["fr"], "from": "22:00", "to": "02:00"}]}
    with time_machine.travel(NOON, tick=False):
        venue = world.venue()
        offer = world.offer(venue, schedule=late)
        anna = Regular(world)
        anna.comes(venue)
        seen = world.ask("get", "/v1/check-ins", anna.token)["items"][0]
        found = why(world, offer, venue, customer_of(world, seen))
    assert short(found) == ("before_start", "out_of_hours")
    assert found["opens_next_at"] == "2026-06-05T20:00:00Z"


def test_it_says_the_same_as_the_customer_sees(world: World):
    """At every step of a rule over the past."""
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue()
        offer = world.offer(venue, rule={"kind": "streak", "weeks": 2})
        anna = Regular(world)
        anna.comes(venue)
        who = customer_of(world, world.ask("get", "/v1/check-ins", anna.token)["items"][0])
        for days in (0, 1, 7, 1, 6, 14):
            clock.shift(timedelta(days=days))
            seen, found = anna.sees(), why(world, offer, venue, who)
            for member in ("state", "progress", "target", "progress_text", "reason"):
                assert found[member] == seen[member]
            if days:
                anna.comes(venue)


def test_a_pseudonym_of_nobodys_is_unknown(world: World, other_world: World):
    venue = world.venue()
    offer = world.offer(venue)
    their_venue = other_world.venue()
    theirs = customer_of(other_world, other_world.check_in(other_world.customer(), their_venue))
    for customer in (theirs, "019abc12-0000-7000-8000-000000000001"):
        answer = world.call(
            "get",
            f"/v1/offers/{offer['id']}/why",
            world.key,
            query_string={"customer": customer, "venue_id": venue["id"]},
        )
        assert (answer.status_code, answer.json["code"]) == (404, "pseudonym-unknown")


def test_an_erased_customer_is_unknown(world: World):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue)
    who = customer_of(world, world.check_in(customer, venue))
    world.ask("delete", "/v1/customers/me", customer, status=204)
    query = {"customer": who, "venue_id": venue["id"]}
    path = f"/v1/offers/{offer['id']}/why"
    assert world.call("get", path, world.key, query_string=query).status_code == 404


def test_it_takes_the_support_scope(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    who = customer_of(world, world.check_in(world.customer(), venue))
    query = {"customer": who, "venue_id": venue["id"]}
    path = f"/v1/offers/{offer['id']}/why"
    answer = world.call("get", path, world.key_with("offers", "stats"), query_string=query)
    assert answer.status_code == 403
    assert world.ask("get", path, world.key_with("support"), query_string=query)


def test_there_is_a_remedy_for_everything_in_both_languages():
    assert set(REMEDIES) == set(Why)
    for why_not in (None, *Why):
        for missing in (1, 2):
            standing = Standing(State.LOCKED, 0, missing, why_not, Unit.DAYS)
            said = remedy(standing, "L2")
            assert set(said) == {"en", "da"}
            assert all(line.endswith(".") and "{" not in line for line in said.values())


@pytest.mark.parametrize(
    ("standing", "en"),
    [
        (
            Standing(State.LOCKED, 2, 3, Why.MORE_VISITS),
            "1 more visit; the check-in that opens it counts.",
        ),
        (
            Standing(State.LOCKED, 10, 30, Why.AWAY_TOO_SHORT, Unit.DAYS),
            "20 more days without a visit, and then a check-in.",
        ),
        (
            Standing(State.LOCKED, 0, 30, Why.NEVER_HERE, Unit.DAYS),
            "A first visit, and another at least 30 days later.",
        ),
        (Standing(State.UNLOCKABLE_HERE, 0, 1), "An accepted check-in here, on L2 or more."),
    ],
)
def test_what_is_missing_is_counted(standing: Standing, en: str):
    assert remedy(standing, "L2")["en"] == en
