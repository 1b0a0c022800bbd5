"""A customer says what they agree to, and takes it back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from lbs.conversions.rules import hashed
from tests.world import World

PATH = "/v1/customers/me/consents"
BODY = {"text_version": "2026-11"}


def give(world: World, customer: str, **members: Any) -> dict[str, Any]:
    return world.ask("put", f"{PATH}/conversions", customer, json={**BODY, **members})


def consents(world: World, customer: str) -> list[dict[str, Any]]:
    return world.ask("get", PATH, customer)["items"]


def kept(world: World, customer_id: str) -> list[Any]:
    query = "SELECT * FROM consent WHERE customer_id = :id"
    with world.db.transaction() as session:
        return list(session.execute(text(query), {"id": customer_id}).all())


def test_nobody_consents_who_has_not_said_so(world: World):
    assert consents(world, world.customer()) == []


def test_a_consent_has_the_version_of_its_text_and_its_time(world: World):
    customer = world.customer()
    given = give(world, customer)
    assert given["given_at"]
    assert {**given, "given_at": ""} == {
        "purpose": "conversions",
        "text_version": "2026-11",
        "given_at": "",
        "has_email": False,
        "has_phone": False,
    }
    assert consents(world, customer) == [given]


def test_of_an_address_and_a_number_the_hash_is_kept_and_nothing_else(world: World):
    person = world.register()
    customer = person["access_token"]
    given = give(world, customer, email=" John_Smith@gmail.com ".strip(), phone="+1 (650)555-1212")
    assert (given["has_email"], given["has_phone"]) == (True, True)
    [row] = kept(world, person["customer_id"])
    assert row.email_hash == hashed("john_smith@gmail.com")
    assert row.phone_hash == "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"
    with world.db.transaction() as session:
        assert [word for word in ("ohn_", "555", "6505") if word in str(row)] == []
        assert (
            session.scalar(text("SELECT count(*) FROM idempotent_answer WHERE answer ~ 'ohn_S'"))
            == 0
        )


def test_given_anew_it_is_as_it_was_given_last(world: World):
    person = world.register()
    customer = person["access_token"]
    first = give(world, customer, email="a@b.dk", phone="+45 32 12 34 56")
    second = give(world, customer, text_version="2027-01")
    assert (second["text_version"], second["has_email"]) == ("2027-01", False)
    assert second["given_at"] > first["given_at"]
    assert consents(world, customer) == [second]
    assert len(kept(world, person["customer_id"])) == 1


def test_taken_back_nothing_is_left_of_it(world: World):
    person = world.register()
    customer = person["access_token"]
    give(world, customer, email="a@b.dk")
    for _ in range(2):
        world.ask("delete", f"{PATH}/conversions", customer)
    assert consents(world, customer) == []
    assert kept(world, person["customer_id"]) == []


def test_an_erasure_takes_the_consent_with_it(world: World):
    person = world.register()
    give(world, person["access_token"], email="a@b.dk")
    world.ask("delete", "/v1/customers/me", person["access_token"])
    assert kept(world, person["customer_id"]) == []
    world.ask("put", f"{PATH}/conversions", person["access_token"], status=401, json=BODY)


def test_one_customers_consent_is_nobody_elses(world: World):
    one, other = world.customer(), world.customer()
    give(world, one)
    world.ask("delete", f"{PATH}/conversions", other)
    assert consents(world, other) == []
    assert len(consents(world, one)) == 1


@pytest.mark.parametrize("purpose", ["advertising", "CONVERSIONS", "conversions "])
@pytest.mark.parametrize("method", ["put", "delete"])
def test_there_is_no_other_purpose(world: World, method: str, purpose: str):
    response = world.call(method, f"{PATH}/{purpose}", world.customer(), json=BODY)
    assert (response.status_code, response.json["code"]) == (404, "consent-purpose-unknown")


@pytest.mark.parametrize(
    "members",
    [
        {"text_version": ""},
        {"text_version": None},
        {"email": "nobody"},
        {"email": ""},
        {"phone": "32 12 34 56"},
        {"phone": "0045 32 12 34 56"},
        {"phone": ""},
        {"lat": 55.7},
        {"purpose": "conversions"},
    ],
)
def test_what_cannot_be_taken_is_refused_and_not_guessed(world: World, members: dict[str, Any]):
    customer = world.customer()
    world.ask("put", f"{PATH}/conversions", customer, status=422, json={**BODY, **members})
    assert consents(world, customer) == []
