"""Wristbands: bound by a receipt, read by nobody, lost and unbound."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from sqlalchemy import text

from lbs.accounts.policy import pseudonym
from lbs.proofs import queries, service
from lbs.proofs.rules.wristbands import ending, normalise_tag
from tests.racing import post_at_once
from tests.world import World

PATH, OWN = "/v1/wristbands", "/v1/customers/me/wristbands"
TAG = "04A23B1C5D6E80"


class Guest:
    """A customer who has just checked in."""

    def __init__(self, world: World, venue: dict[str, Any] | None = None) -> None:
        person = world.register()
        self.id, self.token = person["customer_id"], person["access_token"]
        self.receipt = world.check_in(self.token, venue or world.venue())["receipt"]


def next_door(world: World, other_world: World, guest: Guest) -> str:
    """The receipt of the guest's check-in with another merchant, at the same place."""
    other_world.lon, other_world.lat = world.lon, world.lat
    return other_world.check_in(guest.token, other_world.venue())["receipt"]


def tag() -> str:
    return uuid.uuid4().hex[:14]


def bind(world: World, guest: Guest, tag: str, status: int = 201) -> Any:
    return world.ask("post", PATH, None, status, json={"tag": tag, "receipt": guest.receipt})


def lose(world: World, band: dict[str, Any], status: int = 201) -> Any:
    return world.ask("post", f"{PATH}/{band['id']}/loss", None, status)


def row(world: World, band: dict[str, Any]) -> Any:
    with world.db.transaction() as session:
        return session.execute(
            text("SELECT * FROM wristband WHERE id = :id"), {"id": band["id"]}
        ).one()


# --- binding --------------------------------------------------------------------------------


def test_a_tag_is_bound_to_the_customer_whose_receipt_it_is(world: World):
    guest = Guest(world)
    band = bind(world, guest, TAG)
    assert band == {
        "id": band["id"],
        "tag_ending": "6e80",
        "status": "bound",
        "bound_at": band["bound_at"],
        "ended_at": None,
        "customer": band["customer"],
    }
    assert str(row(world, band).customer_id) == guest.id
    assert world.ask("get", PATH)["items"] == [band]


def test_the_merchant_reads_its_own_pseudonym_of_the_customer(world: World, other_world: World):
    guest = Guest(world)
    band = bind(world, guest, tag())
    with world.db.transaction() as session:
        subject_id, key = session.execute(
            text(
                "SELECT subject_id, pseudonym_key FROM customer, merchant"
                " WHERE customer.id = :customer AND merchant.id = :merchant"
            ),
            {"customer": guest.id, "merchant": world.merchant_id},
        ).one()
    assert band["customer"] == str(pseudonym(subject_id, key))
    body = {"tag": tag(), "receipt": next_door(world, other_world, guest)}
    assert other_world.ask("post", PATH, json=body)["customer"] != band["customer"]
    assert guest.id not in (band["customer"], str(subject_id))


def test_the_tag_is_sealed_at_rest_and_never_shown(world: World):
    guest = Guest(world)
    band = bind(world, guest, TAG)
    stored = row(world, band)
    assert TAG.lower() not in str(stored).lower()
    vault = world.app.extensions["lbs_vault"]
    assert vault.unseal(stored.sealed_tag) == TAG.lower()
    for path, token in ((PATH, world.key), (OWN, guest.token)):
        assert TAG.lower() not in world.call("get", path, token).text.lower()


def test_a_tag_is_found_however_the_reader_spells_it(world: World):
    guest = Guest(world)
    band = bind(world, guest, "04:A2:3B:1C:5D:6E:80")
    vault = world.app.extensions["lbs_vault"]
    for spelling in (TAG, TAG.lower(), "04-a2-3b-1c-5d-6e-80", " 04A2 3B1C 5D6E 80 "):
        with world.db.transaction() as session:
            digests = service.tag_digests(vault, world.merchant_id, spelling)
            found = queries.find_bound_customer(session, world.merchant_id, digests)
        assert found is not None, spelling
        assert (str(found.customer_id), found.status, str(found.wristband_id)) == (
            guest.id,
            "bound",
            band["id"],
        )


@pytest.mark.parametrize(
    ("tag", "normal", "shown"),
    [
        ("04A23B1C5D6E80", "04a23b1c5d6e80", "6e80"),
        ("04:a2:3b:1c", "04a23b1c", "3b1c"),
        ("DEAD-BEEF", "deadbeef", "beef"),
        ("a" * 40, "a" * 40, "aaaa"),
        ("A" * 41, "A" * 41, "AAAA"),
        ("ABC1234", "ABC1234", "234"),
        ("Gæst 7 ", "Gæst 7", "t 7"),
        ("G-07", "G-07", "07"),
    ],
)
def test_a_tag_has_one_spelling_and_shows_at_most_half_of_it(tag, normal, shown):
    assert normalise_tag(tag) == normal
    assert normalise_tag(normal) == normal
    assert ending(normal) == shown


def test_one_tag_is_two_merchants_own(world: World, other_world: World):
    same = tag()
    bind(world, Guest(world), same)
    bind(other_world, Guest(other_world), same)


def test_a_customer_can_wear_several(world: World):
    guest = Guest(world)
    bands = [bind(world, guest, tag()) for _ in range(3)]
    assert world.ask("get", PATH)["items"] == bands[::-1]
    assert {band["customer"] for band in bands} == {bands[0]["customer"]}


def test_a_receipt_counts_only_where_and_while_it_should(world: World, other_world: World):
    guest, stranger = Guest(world), Guest(other_world)
    refused = [
        stranger.receipt,
        guest.token,
        f"{guest.receipt[:-4]}AAAA",
        "not.a.receipt",
        "x",
    ]
    for receipt in refused:
        body = {"tag": tag(), "receipt": receipt}
        assert world.ask("post", PATH, None, 409, json=body)["code"] == "receipt-refused"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=30)):
        assert bind(world, guest, tag(), 409)["code"] == "receipt-refused"
    assert world.ask("get", PATH)["items"] == []


def test_the_receipt_of_a_voided_check_in_does_not_count(world: World):
    guest = Guest(world)
    check_in_id = jwt.decode(guest.receipt, options={"verify_signature": False})["jti"]
    world.ask("post", f"/v1/check-ins/{check_in_id}/void", json={"reason": "A mistake"})
    assert bind(world, guest, tag(), 409)["code"] == "receipt-refused"
    assert world.ask("get", PATH)["items"] == []


def test_the_receipt_of_an_erased_customer_does_not_count(world: World):
    guest = Guest(world)
    band = bind(world, guest, tag())
    world.ask("delete", "/v1/customers/me", guest.token)
    assert bind(world, guest, tag(), 409)["code"] == "receipt-refused"
    assert world.ask("get", PATH)["items"] == []
    assert lose(world, band, 404)["code"] == "wristband-not-found"


def test_a_tag_that_is_bound_cannot_be_bound_again(world: World):
    same, guest = tag(), Guest(world)
    bind(world, guest, same)
    for other in (guest, Guest(world)):
        assert bind(world, other, same.upper(), 409)["code"] == "wristband-taken"
    assert len(world.ask("get", PATH)["items"]) == 1


def test_of_many_bindings_of_one_tag_at_once_one_is_made(world: World):
    venue, same = world.venue(), tag()
    guests = [Guest(world, venue) for _ in range(6)]
    answers = post_at_once(
        world.app,
        [(PATH, world.key, {"tag": same, "receipt": guest.receipt}) for guest in guests],
    )
    assert sorted(status for status, _ in answers) == [201] + [409] * 5
    refusals = {answer["code"] for status, answer in answers if status == 409}
    assert refusals == {"wristband-taken"}
    with world.db.transaction() as session:
        made = session.scalar(
            text("SELECT count(*) FROM wristband WHERE merchant_id = :id"),
            {"id": world.merchant_id},
        )
    assert made == 1


def test_a_lost_answer_is_given_again(world: World):
    guest, same = Guest(world), tag()
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"tag": same, "receipt": guest.receipt}
    first, second = (
        world.call("post", PATH, world.key, json=body, headers=headers) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"receipt": "x"}, "#/tag"),
        ({"tag": "04a23b1c"}, "#/receipt"),
        ({"tag": "abc", "receipt": "x"}, "#/tag"),
        ({"tag": "x" * 65, "receipt": "x"}, "#/tag"),
        ({"tag": "      ", "receipt": "x"}, "#/tag"),
        ({"tag": " 04a23b1c", "receipt": "x"}, "#/tag"),
        ({"tag": 4, "receipt": "x"}, "#/tag"),
        ({"tag": "04a2\0003b1c", "receipt": "x"}, "#/tag"),
        ({"tag": "04a23b1c", "receipt": " "}, "#/receipt"),
        ({"tag": "04a23b1c", "receipt": "x" * 4001}, "#/receipt"),
        ({"tag": "04a23b1c", "receipt": "x", "customer": "x"}, "#/customer"),
    ],
)
def test_bad_input_is_named(world: World, body, pointer):
    problem = world.ask("post", PATH, None, 422, json=body)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


# --- lost and unbound -----------------------------------------------------------------------


def test_a_lost_tag_stays_blocked_until_it_is_unbound(world: World):
    guest, same = Guest(world), tag()
    band = bind(world, guest, same)
    lost = lose(world, band)
    assert lost == {**band, "status": "lost", "ended_at": lost["ended_at"]}
    assert lost["ended_at"]
    assert lose(world, band) == lost
    assert bind(world, guest, same, 409)["code"] == "wristband-taken"
    vault = world.app.extensions["lbs_vault"]
    with world.db.transaction() as session:
        digests = service.tag_digests(vault, world.merchant_id, same)
        found = queries.find_bound_customer(session, world.merchant_id, digests)
    assert found is not None
    assert found.status == "lost"

    for _ in range(2):
        world.ask("delete", f"{PATH}/{band['id']}", status=204)
    [unbound] = world.ask("get", PATH)["items"]
    assert unbound == {**lost, "status": "unbound"}
    with world.db.transaction() as session:
        assert queries.find_bound_customer(session, world.merchant_id, digests) is None
    assert lose(world, band, 409)["code"] == "wristband-unbound"
    again = bind(world, Guest(world), same)
    assert [item["id"] for item in world.ask("get", PATH)["items"]] == [again["id"], band["id"]]


def test_an_unbound_tag_can_be_bound_to_another(world: World):
    same = tag()
    band = bind(world, Guest(world), same)
    world.ask("delete", f"{PATH}/{band['id']}", status=204)
    assert bind(world, Guest(world), same)["customer"] != band["customer"]


def test_wristbands_are_listed_page_by_page(world: World):
    guest = Guest(world)
    made = [bind(world, guest, tag())["id"] for _ in range(5)]
    for path, token in ((PATH, world.key), (OWN, guest.token)):
        seen, cursor = [], ""
        while cursor is not None:
            found = world.ask("get", f"{path}?limit=2{cursor and f'&cursor={cursor}'}", token)
            seen += [band["id"] for band in found["items"]]
            cursor = found["next_cursor"]
        assert seen == made[::-1]


# --- the customer's own ---------------------------------------------------------------------


def test_customers_see_their_own_and_report_them_lost(world: World, other_world: World):
    guest = Guest(world)
    band = bind(world, guest, TAG)
    body = {"tag": tag(), "receipt": next_door(world, other_world, guest)}
    elsewhere = other_world.ask("post", PATH, json=body)
    items = world.ask("get", OWN, guest.token)["items"]
    assert [item["id"] for item in items] == [elsewhere["id"], band["id"]]
    assert items[1] == {
        "id": band["id"],
        "tag_ending": "6e80",
        "status": "bound",
        "bound_at": band["bound_at"],
        "ended_at": None,
        "merchant_name": "Merchant",
    }
    lost = world.ask("post", f"{OWN}/{band['id']}/loss", guest.token)
    assert (lost["status"], lost["merchant_name"]) == ("lost", "Merchant")
    assert world.ask("get", PATH)["items"][0]["status"] == "lost"


def test_nobody_touches_another_customers_or_merchants(world: World, other_world: World):
    guest = Guest(world)
    band = bind(world, guest, tag())
    stranger = world.customer()
    made_up = uuid.uuid4()
    for wristband_id in (band["id"], made_up):
        attempts = [
            ("post", f"{OWN}/{wristband_id}/loss", stranger),
            ("post", f"{PATH}/{wristband_id}/loss", other_world.key),
            ("delete", f"{PATH}/{wristband_id}", other_world.key),
        ]
        for method, path, token in attempts:
            problem = world.ask(method, path, token, 404)
            assert problem["code"] == "wristband-not-found"
    assert world.ask("get", OWN, stranger)["items"] == []
    assert other_world.ask("get", PATH)["items"] == []
    assert world.ask("get", PATH)["items"] == [band]


def test_only_a_key_with_the_scope_support_binds(world: World):
    guest = Guest(world)
    body = {"tag": tag(), "receipt": guest.receipt}
    for scope in ("venues", "offers", "redeem", "stats"):
        key = world.key_with(scope)
        assert world.ask("post", PATH, key, 403, json=body)["code"] == "scope-missing"
    world.ask("post", PATH, world.key_with("support"), json=body)
