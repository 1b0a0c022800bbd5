"""Customers whom a merchant has treated apart, through the interface."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from lbs.accounts.policy import pseudonym
from tests.world import World


def named(world: World, person: dict[str, Any]) -> str:
    """The merchant's own name for a customer."""
    with world.db.transaction() as session:
        key = session.scalar(
            text("SELECT pseudonym_key FROM merchant WHERE id = :id"), {"id": world.merchant_id}
        )
    return str(pseudonym(subject(world, person), key))


def subject(world: World, person: dict[str, Any]) -> uuid.UUID:
    with world.db.transaction() as session:
        return session.scalars(
            text("SELECT subject_id FROM customer WHERE id = :id"), {"id": person["customer_id"]}
        ).one()


def put(world: World, customer: str, **body: Any) -> Any:
    return world.call("put", f"/v1/standings/{customer}", world.key, json=body)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


@pytest.mark.parametrize("standing", ["blocked", "tester", "staff"])
def test_a_standing_is_set_read_and_listed(world: World, standing: str):
    customer = named(world, world.register())
    response = put(world, customer, standing=standing, note="Behind the bar on Fridays")
    assert response.status_code == 200
    said = response.json
    assert (said["customer"], said["standing"]) == (customer, standing)
    assert said["note"] == "Behind the bar on Fridays"
    assert world.ask("get", f"/v1/standings/{customer}") == said
    assert world.ask("get", "/v1/standings")["items"] == [said]


def test_a_standing_is_replaced_as_a_whole(world: World):
    customer = named(world, world.register())
    first = put(world, customer, standing="tester", note="One of us").json
    second = put(world, customer, standing="blocked").json
    assert second == {**first, "standing": "blocked", "note": None}
    assert world.ask("get", "/v1/standings")["items"] == [second]


def test_a_removed_standing_is_gone(world: World):
    customer = named(world, world.register())
    put(world, customer, standing="staff")
    path = f"/v1/standings/{customer}"
    world.ask("delete", path, status=204)
    assert code_of(world.call("get", path, world.key)) == (404, "standing-not-found")
    assert code_of(world.call("delete", path, world.key)) == (404, "standing-not-found")
    assert world.ask("get", "/v1/standings")["items"] == []


def test_standings_are_listed_page_by_page_in_the_order_of_registration(world, other_world):
    put(other_world, named(other_world, world.register()), standing="staff")
    people = [named(world, world.register()) for _ in range(5)]
    for customer in reversed(people):
        put(world, customer, standing="tester")
    seen, cursor = [], ""
    while cursor is not None:
        page = world.ask("get", f"/v1/standings?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [item["customer"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == people


def test_no_answer_and_no_cursor_tells_what_the_merchants_have_in_common(world: World):
    people = [world.register() for _ in range(2)]
    answers = [put(world, named(world, person), standing="staff") for person in people]
    page = world.call("get", "/v1/standings?limit=1", world.key)
    told = "".join(answer.text for answer in [*answers, page])
    cursor = uuid.UUID(bytes=base64.urlsafe_b64decode(page.json["next_cursor"] + "=="))
    for person in people:
        assert person["customer_id"] not in told
        assert str(subject(world, person)) not in told
        assert subject(world, person) != cursor


def test_a_name_that_is_nobodys_is_not_found(world: World, other_world: World):
    person = world.register()
    strangers = (
        str(uuid.uuid4()),
        person["customer_id"],
        str(subject(world, person)),
        named(other_world, person),
    )
    for customer in strangers:
        assert code_of(put(world, customer, standing="staff")) == (404, "pseudonym-unknown")
        response = world.call("get", f"/v1/standings/{customer}", world.key)
        assert code_of(response) == (404, "standing-not-found")
    assert world.ask("get", "/v1/standings")["items"] == []


def test_each_merchant_has_its_own_standing_for_a_customer(world: World, other_world: World):
    person = world.register()
    put(world, named(world, person), standing="blocked")
    put(other_world, named(other_world, person), standing="staff")
    [ours], [theirs] = (w.ask("get", "/v1/standings")["items"] for w in (world, other_world))
    assert (ours["standing"], theirs["standing"]) == ("blocked", "staff")
    assert ours["customer"] != theirs["customer"]
    path = f"/v1/standings/{ours['customer']}"
    assert code_of(other_world.call("delete", path, other_world.key)) == (404, "standing-not-found")
    assert world.ask("get", path) == ours


def test_after_an_erasure_a_standing_leads_to_nobody_and_can_be_removed(world: World):
    person = world.register()
    customer = named(world, person)
    put(world, customer, standing="blocked")
    world.ask("delete", "/v1/customers/me", person["access_token"])
    assert code_of(put(world, customer, standing="staff")) == (404, "pseudonym-unknown")
    assert world.ask("get", f"/v1/standings/{customer}")["standing"] == "blocked"
    world.ask("delete", f"/v1/standings/{customer}", status=204)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/standing"),
        ({"standing": "friend"}, "#/standing"),
        ({"standing": None}, "#/standing"),
        ({"standing": "staff", "note": " "}, "#/note"),
        ({"standing": "staff", "note": "x" * 501}, "#/note"),
        ({"standing": "staff", "since": "today"}, "#/since"),
    ],
)
def test_a_standing_that_is_not_well_formed_is_refused(world: World, body, pointer):
    response = put(world, named(world, world.register()), **body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]


def test_a_name_that_is_no_uuid_is_no_path(world: World):
    assert code_of(put(world, "somebody", standing="staff")) == (404, "not-found")
