"""What an event says, and how a customer is named in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from lbs.conversions import rules
from lbs.conversions.rules import Conversion, event_of, hashed, is_sound, name_of, phone_digits

ROW, ORDER, VENUE, OFFER = (UUID(int=number) for number in range(1, 5))
AT = datetime(2026, 11, 22, 12, 0, 8, 900_000, tzinfo=UTC)
WHO = hashed("somebody")


def conversion(**members: Any) -> Conversion:
    known: dict[str, Any] = {
        "id": ROW,
        "name": "VenueCheckIn",
        "time": 1_795_379_328,
        "order_id": ORDER,
        "venue_id": VENUE,
        "offer_ids": (OFFER,),
        "amount_minor": None,
        "currency": None,
        "external_id": WHO,
    }
    return Conversion(**{**known, **members})


# --- names and numbers, as Meta publishes them ------------------------------------------------


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (
            " John_Smith@gmail.com ",
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        ("16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
        ("Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
        ("Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
    ],
)
def test_the_published_vectors(text: str, digest: str):
    assert hashed(text) == digest


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+1 (650)555-1212", "16505551212"),
        ("+45 32 12 34 56", "4532123456"),
        (" +45-32-12-34-56 ", "4532123456"),
        ("+44 (0)20 7946 0018", "442079460018"),
        ("+39 06 698 12345", "390669812345"),
        ("(650)555-1212", None),
        ("32 12 34 56", None),
        ("0045 32 12 34 56", None),
        ("+45 32", None),
        ("+999 32 12 34 56", None),
        ("+", None),
        ("", None),
        ("call me", None),
    ],
)
def test_a_number_has_its_country_or_is_refused(text: str, digits: str | None):
    assert phone_digits(text) == digits


# --- which event a fact makes -------------------------------------------------------------------


def fact(kind: str, **members: Any) -> Any:
    nothing = dict.fromkeys(("verdict", "verdict_before", "amount_minor", "currency"))
    return SimpleNamespace(kind=kind, **{**nothing, **members})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (fact("check_in", verdict="accepted"), "VenueCheckIn"),
        (fact("check_in", verdict="accepted", verdict_before="ambiguous"), "VenueCheckIn"),
        (fact("check_in", verdict="accepted", verdict_before="accepted"), None),
        (fact("check_in", verdict="ambiguous"), None),
        (fact("check_in", verdict="rejected"), None),
        (fact("redeemed", amount_minor=12_900, currency="DKK"), "Purchase"),
        (fact("redeemed", amount_minor=None, currency="DKK"), "OfferRedeemed"),
        (fact("redeemed", amount_minor=0, currency="DKK"), "OfferRedeemed"),
        (fact("check_in_voided"), None),
        (fact("unlocked"), None),
        (fact("reversed", amount_minor=12_900, currency="DKK"), None),
    ],
)
def test_the_event_that_a_fact_makes(given: Any, name: str | None):
    assert name_of(given) == name


@pytest.mark.parametrize("later", [0, 100, -5])
def test_an_event_is_never_in_the_future(later: int):
    found = rules.time_of(AT, AT + timedelta(seconds=later))
    assert found == int(AT.timestamp()) + min(later, 0)


# --- what it says -------------------------------------------------------------------------------


def test_a_check_in_says_no_more_than_this():
    assert event_of(conversion(email_hash=hashed("a@b.dk"), phone_hash=hashed("4532123456"))) == {
        "event_name": "VenueCheckIn",
        "event_time": 1_795_379_328,
        "event_id": str(ROW),
        "action_source": "physical_store",
        "user_data": {
            "em": [hashed("a@b.dk")],
            "ph": [hashed("4532123456")],
            "external_id": [WHO],
        },
        "custom_data": {
            "order_id": str(ORDER),
            "content_ids": [str(OFFER)],
            "content_type": "product",
            "store_data": {"store_code": str(VENUE)},
        },
    }


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (12_900, "DKK", {"value": 129.0, "currency": "dkk"}),
        (1_234, "EUR", {"value": 12.34, "currency": "eur"}),
        (1_600, "JPY", {"value": 1600, "currency": "jpy"}),
        (1_234_567, "BHD", {"value": 1234.567, "currency": "bhd"}),
    ],
)
def test_a_purchase_has_its_value_in_whole_units(amount: int, currency: str, said: dict[str, Any]):
    event = event_of(conversion(name="Purchase", amount_minor=amount, currency=currency))
    found = {name: event["custom_data"][name] for name in ("value", "currency")}
    assert found == said
    assert json.loads(json.dumps(found)) == said


def test_what_is_not_known_is_left_out():
    event = event_of(conversion(venue_id=None, offer_ids=()))
    assert event["custom_data"] == {"order_id": str(ORDER)}
    assert event["user_data"] == {"external_id": [WHO]}


# --- whether it is one --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "good",
    [
        conversion(),
        conversion(email_hash=hashed("a")),
        conversion(name="OfferRedeemed"),
        conversion(name="Purchase", amount_minor=100, currency="DKK"),
    ],
)
def test_what_is_made_is_sound(good: Conversion):
    assert is_sound(event_of(good))


@pytest.mark.parametrize(
    "bad",
    [
        conversion(external_id=""),
        conversion(external_id="not a hash"),
        conversion(external_id=WHO.upper()),
        conversion(email_hash="a@b.dk"),
        conversion(phone_hash="4532123456"),
        conversion(name="Lead"),
        conversion(name="Purchase"),
        conversion(name="Purchase", amount_minor=100),
        conversion(time=0),
    ],
)
def test_what_could_fail_a_whole_batch_is_seen(bad: Conversion):
    assert not is_sound(event_of(bad))
