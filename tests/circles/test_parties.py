"""Parties: a code for six hours, and how many have come; nobody is named, nothing is kept."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.circles import queries
from lbs.circles.policy import PARTY_CHARACTERS, make_code, read_code
from lbs.circles.queries import PARTY_SIZE
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIFE = timedelta(hours=6)
LIMIT = 20


def start(world: World, customer: str | None = None, **body: Any) -> dict[str, Any]:
    return world.ask("post", "/v1/parties", customer or world.customer(), json=body)


def read(world: World, code: str, customer: str | None = None) -> Any:
    return world.call("get", f"/v1/parties/{code}", customer or world.customer())


def join(world: World, party: dict[str, Any], venue: dict[str, Any], **fix: Any) -> dict[str, Any]:
    """A check-in of somebody new under the party."""
    person = world.register()
    seen = world.check_in(person["access_token"], venue, **fix)
    with world.db.transaction() as session:
        found = queries.find_party(session, party["code"], now())
        assert found
        session.execute(
            text("UPDATE check_in SET party_id = :party WHERE id = :id"),
            {"party": found.id, "id": seen["id"]},
        )
    return {**person, **seen, "party_id": found.id}


def size(world: World, customer_id: str, venue: dict[str, Any], party_id: Any) -> int:
    query = f"""
        SELECT ({PARTY_SIZE}) FROM customer, venue
        WHERE customer.id = :customer_id AND venue.id = :venue_id
    """
    values = {"customer_id": customer_id, "venue_id": venue["id"], "party_id": party_id}
    with world.db.transaction() as session:
        return session.scalar(text(query), values)


def test_a_party_has_a_code_for_six_hours(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        party = start(world, venue_id=venue["id"])
        assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", party["code"])
        assert party == {
            "code": party["code"],
            "venue_id": venue["id"],
            "expires_at": "2026-06-01T18:00:00Z",
            "checked_in": 0,
        }
        clock.move_to(NOON + LIFE - timedelta(microseconds=1))
        assert read(world, party["code"]).json == party
        clock.move_to(NOON + LIFE)
        refused = read(world, party["code"])
    assert (refused.status_code, refused.json["code"]) == (404, "party-not-found")


def test_a_party_may_go_anywhere(world: World):
    assert start(world)["venue_id"] is None
    assert start(world, venue_id=None)["venue_id"] is None


def test_a_party_goes_to_a_venue_that_is_open(world: World):
    retired = world.venue()
    world.ask("delete", f"/v1/venues/{retired['id']}")
    for venue_id in (retired["id"], str(uuid.uuid4())):
        refused = world.call("post", "/v1/parties", world.customer(), json={"venue_id": venue_id})
        assert (refused.status_code, refused.json["code"]) == (404, "venue-not-found")


def test_an_erased_customer_starts_none(world: World):
    customer = world.customer()
    world.ask("delete", "/v1/customers/me", customer)
    refused = world.call("post", "/v1/parties", customer, json={})
    assert (refused.status_code, refused.json["code"]) == (401, "customer-gone")


def test_the_same_request_again_is_the_same_party(world: World):
    customer, key = world.customer(), {"Idempotency-Key": "x"}
    first, again = (
        world.call("post", "/v1/parties", customer, json={}, headers=key) for _ in range(2)
    )
    assert first.json == again.json


@pytest.mark.parametrize("spell", [str.lower, lambda code: code.replace("-", ""), " {} ".format])
def test_a_code_is_read_however_it_is_typed(world: World, spell: Any):
    party = start(world)
    assert read(world, spell(party["code"])).json == party


def test_it_says_how_many_have_come_and_nobody_who(world: World):
    venue = world.venue()
    party = start(world, venue_id=venue["id"])
    people = [join(world, party, venue) for _ in range(3)]
    join(world, party, venue, north_m=5000)  # rejected
    answer = read(world, party["code"])
    assert answer.json == {**party, "checked_in": 3}
    assert not any(person["customer_id"] in answer.text for person in people)


def test_a_check_in_counts_the_others_at_its_venue(world: World):
    venue, other = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    party, second = start(world), start(world)
    people = [join(world, party, venue) for _ in range(3)]
    elsewhere = join(world, party, other)
    join(world, second, venue)
    join(world, party, venue, north_m=5000)
    own, party_id = people[0]["customer_id"], people[0]["party_id"]
    assert size(world, own, venue, party_id) == 2
    assert size(world, elsewhere["customer_id"], venue, party_id) == 3
    assert size(world, elsewhere["customer_id"], other, party_id) == 0
    assert size(world, own, venue, None) == 0


def test_who_comes_twice_or_is_voided_or_erased_counts_once_or_not(world: World):
    venue = world.venue(cool_down_s=0)
    party = start(world)
    watcher = world.register()["customer_id"]
    people = [join(world, party, venue) for _ in range(3)]
    party_id = people[0]["party_id"]
    again = world.check_in(people[0]["access_token"], venue)
    with world.db.transaction() as session:
        session.execute(
            text("UPDATE check_in SET party_id = :party WHERE id = :id"),
            {"party": party_id, "id": again["id"]},
        )
        session.execute(
            text("UPDATE check_in SET verdict = 'voided', voided_at = :at, void_reason = 'x'"
                 " WHERE id = :id"),
            {"at": now(), "id": people[1]["id"]},
        )  # fmt: skip
    assert size(world, watcher, venue, party_id) == 2
    world.ask("delete", "/v1/customers/me", people[2]["access_token"])
    assert size(world, watcher, venue, party_id) == 1


@pytest.mark.parametrize(
    ("shift", "counted"),
    [
        (timedelta(0), 1),
        (LIFE, 1),
        (LIFE + timedelta(microseconds=1), 0),
        (-timedelta(seconds=1), 0),
    ],
)
def test_only_its_life_counts(world: World, shift: timedelta, counted: int):
    venue = world.venue()
    party = start(world)
    person = join(world, party, venue)
    with world.db.transaction() as session:
        session.execute(
            text("""UPDATE check_in SET occurred_at = party.created_at + :shift
                    FROM party WHERE party.id = check_in.party_id AND check_in.id = :id"""),
            {"shift": shift, "id": person["id"]},
        )
    watcher = world.register()["customer_id"]
    assert size(world, watcher, venue, person["party_id"]) == counted


def test_the_check_in_finds_the_party_while_it_lasts(world: World, db):
    venue = world.venue()
    party = start(world, venue_id=venue["id"])
    with db.transaction() as session:
        found = queries.find_party(session, party["code"].lower(), now())
        assert str(found.venue_id) == venue["id"]
        assert queries.find_party(session, party["code"], now() + LIFE) is None
        assert queries.find_party(session, "nonsense!", now()) is None


def test_guessing_is_counted_and_right_codes_are_not(world: World):
    party = start(world)
    guesser = world.customer()
    for _ in range(LIMIT):
        assert read(world, party["code"], guesser).status_code == 200
        assert read(world, "0000-0000", guesser).status_code == 404
    refused = read(world, party["code"], guesser)
    assert (refused.status_code, refused.json["code"]) == (429, "too-many-guesses")
    assert read(world, party["code"]).status_code == 200


def test_who_went_together_is_forgotten(world: World, db):
    venue = world.venue()
    old, young = start(world), start(world)
    person = join(world, old, venue)
    with db.transaction() as session:
        session.execute(
            text("UPDATE party SET expires_at = :at WHERE code = :code"),
            {"at": now() - timedelta(days=2), "code": old["code"]},
        )
        queries.forget(session, now() - timedelta(days=1))
        left = session.scalars(
            text("SELECT code FROM party WHERE code = ANY(:codes)"),
            {"codes": [old["code"], young["code"]]},
        ).all()
        kept = session.execute(
            text("SELECT party_id FROM check_in WHERE id = :id"), {"id": person["id"]}
        ).one()
    assert left == [young["code"]]
    assert kept.party_id is None


def test_a_code_that_is_taken_is_not_given_twice(world: World, db):
    from lbs.circles import service  # noqa: PLC0415

    given = iter([b"\1" * 8, b"\1" * 8, b"\2" * 8])
    person = uuid.UUID(world.register()["customer_id"])
    with db.transaction() as session:
        session.execute(text("DELETE FROM party WHERE code IN ('0410-4104', '0820-8208')"))
        first, second = (
            service.start_party(session, person, None, lambda _: next(given), now())
            for _ in range(2)
        )
    assert first.code != second.code


@pytest.mark.parametrize("typed", ["", "7M3K", "7M3K-9QZ2-V", "7M3K-9QZU", "7M3K 9QZÆ", "\0" * 8])
def test_what_cannot_be_a_code_is_none(typed: str):
    assert read_code(typed, PARTY_CHARACTERS) is None


def test_every_random_bit_of_a_code_shows():
    codes = {make_code((1 << bit).to_bytes(8), PARTY_CHARACTERS) for bit in range(40)}
    assert len(codes) == 40
