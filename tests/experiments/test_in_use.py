"""Each customer meets the version of their arm, or no offer at all, and is recorded once."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.experiments.service import exposure_to
from tests.checkins.test_explanations import customer_of, short, why
from tests.checkins.test_statements import is_idempotency, statements  # noqa: F401  (a fixture)
from tests.offers.people import Person
from tests.racing import at_once
from tests.world import World, now

WARM, COSY = "Something warm is on us", "Come in from the cold"
REWARD = {"reward": {"kind": "free_item", "item": "A bun"}, "terms": "One bun with any coffee"}
OTHER = {"teaser": COSY, **REWARD, "value_minor": 2500, "cost_minor": 400}


def arms(control: int, other: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        {"name": "control", "share_percent": control},
        {"name": "other", "share_percent": other, "changes": changes or OTHER},
    ]


HALVES = {"arms": arms(25, 25), "holdout_percent": 50}


def person_in(world: World, experiment: dict[str, Any], name: str) -> Person:
    """A new customer who is in this arm."""
    while True:
        person, vault = Person(world), world.app.extensions["lbs_vault"]
        with world.db.transaction() as session:
            subject = session.execute(
                text("SELECT subject_id FROM customer WHERE id = :id"), {"id": person.id}
            ).scalar_one()
            if exposure_to(session, experiment["id"], subject, vault).arm.name == name:
                return person


def rows(world: World, statement: str, **values: Any) -> list[Any]:
    with world.db.transaction() as session:
        return list(session.execute(text(statement), values))


def exposures(world: World, experiment: dict[str, Any]) -> list[Any]:
    statement = """
        SELECT exposure.*, customer.id AS customer_id FROM exposure
        LEFT JOIN customer USING (subject_id) WHERE experiment_id = :id ORDER BY at
    """
    return rows(world, statement, id=experiment["id"])


def events(world: World, experiment: dict[str, Any]) -> list[Any]:
    statement = "SELECT * FROM ledger_event WHERE kind = 'exposed' AND experiment_id = :id"
    return rows(world, statement, id=experiment["id"])


def nearby(world: World, person: Person) -> list[dict[str, Any]]:
    query = {"lat": world.lat, "lon": world.lon}
    found = world.ask("get", "/v1/venues/nearby", person.token, query_string=query)
    return [offer for venue in found["items"] for offer in venue["offers"]]


def test_a_customer_in_an_arm_meets_its_version_from_nearby_to_the_till(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    experiment = world.experiment(offer, arms=arms(50, 50))
    for name, teaser, item, value in (
        ("control", WARM, "A filter coffee", 3500),
        ("other", COSY, "A bun", 2500),
    ):
        person = person_in(world, experiment, name)
        assert [shown["teaser"] for shown in nearby(world, person)] == [teaser]
        assert [shown["teaser"] for shown in person.comes(venue, evidence=[])["locked"]] == [teaser]
        [unlock] = person.comes(venue)["unlocked"]
        assert (unlock["teaser"], unlock["reward"]["item"]) == (teaser, item)
        [held] = person.wallet()
        assert (held["reward"]["item"], held["value_minor"]) == (item, value)
        redeemed = world.redeem(held["code"], venue).json
        assert (redeemed["reward"]["item"], redeemed["value_minor"]) == (item, value)


def test_each_arm_opens_by_its_own_rule(world: World):
    venue = world.venue()
    changes = {"rule": {"kind": "nth_visit", "n": 2}}
    experiment = world.experiment(world.offer(venue), arms=arms(50, 50, **changes))
    assert person_in(world, experiment, "control").comes(venue)["unlocked"]
    [locked] = person_in(world, experiment, "other").comes(venue)["locked"]
    assert (locked["progress"], locked["target"]) == (1, 2)


def test_a_held_out_customer_meets_the_offer_through_no_door(world: World):
    """Every GET of the document that a customer may call, and what they may do beside."""
    venue = world.venue(cool_down_s=0)
    cup = {"reward": {"kind": "free_item", "item": "A cup"}, "terms": "A cup to keep"}
    plain = world.offer(venue, teaser="Bring a friend along", **cup)
    offer = world.offer(venue, rule={"kind": "friends", "n": 1})
    experiment = world.experiment(offer, arms=arms(25, 25), holdout_percent=50)
    held_out, friend = (person_in(world, experiment, arm) for arm in ("holdout", "control"))
    held_out.befriends(friend)
    share = world.ask("post", f"/v1/offers/{offer['id']}/shares", friend.token)
    party = world.ask("post", "/v1/parties", held_out.token, json={})["code"]

    answers = [held_out.comes(venue, evidence=[]), held_out.comes(venue, party_code=party)]
    friend.comes(venue)
    answers.append(held_out.comes(venue))
    referral = {"token": share["token"]}
    for path, body in (("/v1/referrals", referral), (f"/v1/offers/{offer['id']}/shares", {})):
        refused = world.call("post", path, held_out.token, json=body)
        assert (refused.status_code, refused.json["code"]) == (404, "offer-not-running")
        answers.append(refused.text)

    unlock_id = held_out.wallet()[0]["id"]
    known = {"unlock_id": unlock_id, "party_code": party}
    document = world.client.get("/openapi.json").json
    doors = [
        path
        for path, item in document["paths"].items()
        if {"customer_token": []} in item.get("get", {}).get("security", [])
    ]
    assert len(doors) >= 10
    for path in doors:
        query = {"lat": world.lat, "lon": world.lon} if "nearby" in path else {}
        found = world.call("get", path.format(**known), held_out.token, query_string=query)
        assert found.status_code == 200, path
        answers.append(found.get_data())
    told = "".join(map(str, answers))
    for never in (offer["id"], WARM, COSY, "A filter coffee", "A bun"):
        assert never not in told
    assert plain["id"] in told
    assert [unlock["offer_id"] for unlock in friend.wallet()] == [offer["id"], plain["id"]]


def test_a_held_out_customer_is_counted_alike(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    experiment = world.experiment(offer, **HALVES)
    for arm in ("holdout", "control"):
        person_in(world, experiment, arm).comes(venue)
    statement = "SELECT * FROM ledger_event WHERE kind = 'check_in' AND venue_id = :id"
    assert [event.offer_ids for event in rows(world, statement, id=venue["id"])] == [
        [uuid.UUID(offer["id"])]
    ] * 2
    found = {event.variant: event for event in events(world, experiment)}
    assert found.keys() == {"holdout", "control"}
    assert (found["holdout"].offer_version, found["control"].offer_version) == (None, 1)
    assert {event.offer_id for event in found.values()} == {uuid.UUID(offer["id"])}
    assert {event.channel for event in found.values()} == {"check_in"}


def test_first_exposure_is_recorded_once_wherever_it_is(world: World):
    venue = world.venue(cool_down_s=0)
    experiment = world.experiment(world.offer(venue), **HALVES)
    person = person_in(world, experiment, "other")
    nearby(world, person)
    nearby(world, person)
    person.comes(venue)
    [exposure] = exposures(world, experiment)
    assert (exposure.arm, exposure.channel) == ("other", "nearby")
    assert (str(exposure.venue_id), exposure.counted) == (venue["id"], True)
    [event] = events(world, experiment)
    assert (event.subject_id, event.variant) == (exposure.subject_id, "other")
    assert (event.at, event.offer_version) == (exposure.at, 2)


def test_a_share_exposes_who_comes_by_it(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    experiment = world.experiment(offer, **HALVES)
    sharer = person_in(world, experiment, "control")
    share = world.ask("post", f"/v1/offers/{offer['id']}/shares", sharer.token)
    for arm in ("other", "holdout"):
        guest = person_in(world, experiment, arm)
        world.call("post", "/v1/referrals", guest.token, json={"token": share["token"]})
    assert [(one.arm, one.channel) for one in exposures(world, experiment)] == [
        ("other", "share"),
        ("holdout", "share"),
    ]
    statement = "SELECT kind FROM ledger_event WHERE offer_id = :id AND kind = 'share_visited'"
    assert len(rows(world, statement, id=offer["id"])) == 2


def test_first_exposure_in_many_threads_at_once_is_recorded_once(world: World):
    venue = world.venue(cool_down_s=0)
    offers = [world.offer(venue, teaser=f"{WARM} {number}") for number in range(3)]
    experiments = [world.experiment(offer, **HALVES) for offer in offers]
    guests = [Person(world) for _ in range(3)]

    calls = [
        call
        for guest in guests
        for call in (
            lambda guest=guest: nearby(world, guest),
            lambda guest=guest: nearby(world, guest),
            lambda guest=guest: world.call(
                "post", "/v1/check-ins", guest.token, json=guest.body(venue)
            ),
        )
    ]
    at_once(calls)
    for experiment in experiments:
        assert Counter(str(one.customer_id) for one in exposures(world, experiment)) == {
            guest.id: 1 for guest in guests
        }
        assert len(events(world, experiment)) == len(guests)


def test_testers_and_staff_are_not_counted(world: World):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue)
    people = {standing: Person(world) for standing in ("tester", "staff", "blocked")}
    for standing, person in people.items():
        who = customer_of(world, person.comes(venue, evidence=[]))
        world.ask("put", f"/v1/standings/{who}", json={"standing": standing})
    experiment = world.experiment(offer, **HALVES)
    for person in people.values():
        person.comes(venue)
    counted = {str(one.customer_id): one.counted for one in exposures(world, experiment)}
    assert counted == {
        people["tester"].id: False,
        people["staff"].id: False,
        people["blocked"].id: True,
    }
    assert Counter(event.counted for event in events(world, experiment)) == {False: 2, True: 1}


def test_what_others_complete_opens_by_each_ones_own_arm(world: World):
    """A swarm of four: two in arms that a swarm opens, one held out, and one who completes it."""
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": 4})
    here = {"control": None, "other": None, "holdout": None}
    experiment = world.experiment(offer, **HALVES)
    for arm in here:
        here[arm] = person_in(world, experiment, arm)
        assert here[arm].comes(venue)["unlocked"] == []
    last = person_in(world, experiment, "holdout")
    assert last.comes(venue)["unlocked"] == []
    items = {arm: [one["reward"]["item"] for one in who.wallet()] for arm, who in here.items()}
    assert items == {"control": ["A filter coffee"], "other": ["A bun"], "holdout": []}
    assert last.wallet() == []
    assert len(exposures(world, experiment)) == 4


def test_arms_of_different_rules_stand_beside_each_other(world: World):
    """In one arm two friends open it, in the other each visit."""
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "friends", "n": 1})
    changes = {"rule": {"kind": "every_visit"}}
    experiment = world.experiment(offer, arms=arms(50, 50, **changes))
    waiting, coming = (person_in(world, experiment, arm) for arm in ("control", "other"))
    waiting.befriends(coming)
    assert waiting.comes(venue)["unlocked"] == []
    assert len(coming.comes(venue)["unlocked"]) == 1
    assert [one["opened_by"] for one in waiting.wallet()] == ["friends"]
    assert [one["opened_by"] for one in coming.wallet()] == ["check_in"]


def test_others_who_came_before_the_start_are_exposed_when_it_reaches_them(world: World):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": 12})
    before = [Person(world) for _ in range(11)]
    for person in before:
        person.comes(venue)
    experiment = world.experiment(offer, **HALVES)
    Person(world).comes(venue)
    found = {str(one.customer_id): one.arm for one in exposures(world, experiment)}
    assert len(found) == 12
    for person in before:
        had = [one["reward"]["item"] for one in person.wallet()]
        assert (
            had
            == {"control": ["A filter coffee"], "other": ["A bun"], "holdout": []}[found[person.id]]
        )


def test_the_stock_is_the_offers_whatever_the_arm(world: World):
    venue = world.venue()
    experiment = world.experiment(world.offer(venue, limit_total=2), **HALVES)
    opened = [
        len(person_in(world, experiment, arm).comes(venue)["unlocked"])
        for arm in ("control", "other", "control")
    ]
    assert opened == [1, 1, 0]


def test_when_it_is_over_everybody_meets_the_offer_and_what_opened_keeps_its_terms(world: World):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue)
    experiment = world.experiment(offer, **HALVES)
    held_out, other = (person_in(world, experiment, arm) for arm in ("holdout", "other"))
    other.comes(venue)
    assert nearby(world, held_out) == []
    world.ask("post", f"/v1/offers/{offer['id']}/experiments/{experiment['id']}/stop")
    assert [shown["teaser"] for shown in nearby(world, held_out)] == [WARM]
    assert [shown["teaser"] for shown in nearby(world, other)] == [WARM]
    [held] = other.wallet()
    assert world.redeem(held["code"], venue).json["reward"]["item"] == "A bun"


def test_a_held_out_customer_keeps_what_opened_before(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    guests = [Person(world) for _ in range(8)]
    for guest in guests:
        guest.comes(venue)
    experiment = world.experiment(offer, **HALVES)
    for guest in guests:
        nearby(world, guest)
        assert world.redeem(guest.wallet()[0]["code"], venue).status_code == 201
    assert {one.arm for one in exposures(world, experiment)} <= {"control", "other", "holdout"}


def test_an_erased_customer_leaves_an_exposure_that_leads_to_nobody(world: World):
    venue = world.venue()
    experiment = world.experiment(world.offer(venue), **HALVES)
    person = Person(world)
    person.comes(venue)
    world.ask("delete", "/v1/customers/me", person.token)
    [exposure] = exposures(world, experiment)
    assert exposure.customer_id is None
    assert person.id not in map(str, exposure)


@pytest.mark.parametrize("arm", ["control", "other", "holdout"])
def test_support_hears_in_which_arm_a_customer_is(world: World, arm: str):
    venue = world.venue()
    offer = world.offer(venue)
    changes = {"rule": {"kind": "nth_visit", "n": 9}}
    experiment = world.experiment(offer, arms=arms(25, 25, **changes), holdout_percent=50)
    person = person_in(world, experiment, arm)
    found = why(world, offer, venue, customer_of(world, person.comes(venue, evidence=[])))
    assert found["variant"] == arm
    assert (
        short(found)
        == {
            "control": ("unlockable_here", None),
            "other": ("locked", "more_visits"),
            "holdout": ("locked", "held_out"),
        }[arm]
    )


def test_what_it_costs_the_database(world: World, statements):  # noqa: F811
    """One statement more at a customer's first exposure, and none later or without experiment."""
    venue = world.venue(cool_down_s=0)
    experiment = world.experiment(world.offer(venue), **HALVES)
    for arm in ("control", "other"):
        nearby(world, person_in(world, experiment, arm))
    person = person_in(world, experiment, "control")
    costs = []
    for _ in range(2):
        statements.clear()
        person.comes(venue)
        own = [statement for statement in statements if not is_idempotency(statement)]
        costs.append([statement.split()[0] for statement in own])
    assert costs == [["SELECT", "WITH", "WITH"], ["SELECT", "WITH"]]
    statements.clear()
    nearby(world, person)
    assert [statement.split()[0] for statement in statements] == ["SELECT", "INSERT"]


def test_a_reported_view_says_the_arm_and_is_a_first_exposure(world: World):
    with time_machine.travel(now() - timedelta(hours=1)):
        offer = world.offer(world.venue())
    experiment = world.experiment(offer, **HALVES)
    person = person_in(world, experiment, "other")
    for at in (now() - timedelta(minutes=5), now(), now()):
        event = {
            "kind": "teaser_viewed",
            "client_id": str(uuid.uuid4()),
            "at": at.isoformat(),
            "offer_id": offer["id"],
            "channel": "push",
        }
        world.ask("post", "/v1/app-events", person.token, json={"events": [event]})
    statement = """
        SELECT variant, offer_version FROM ledger_event
        WHERE kind = 'teaser_viewed' AND offer_id = :id ORDER BY at
    """
    views = [(one.variant, one.offer_version) for one in rows(world, statement, id=offer["id"])]
    assert views[1:] == [("other", 2), ("other", 2)]
    assert views[0][0] is None
    assert [(one.arm, one.channel) for one in exposures(world, experiment)] == [("other", "teaser")]
