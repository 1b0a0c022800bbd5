"""What Meta is told of a visit or a redemption, and how a customer is named in it. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import phonenumbers
from babel.numbers import get_currency_precision

CHECK_IN, REDEMPTION, PURCHASE = "VenueCheckIn", "OfferRedeemed", "Purchase"
NAMES = (CHECK_IN, REDEMPTION, PURCHASE)
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Conversion:
    """One event; `order_id` is the check-in or the redemption, and the hashes name the customer."""

    id: UUID
    name: str
    time: int
    """Seconds since 1970: with the name and the order, what Meta knows a repeated event by."""
    order_id: UUID
    venue_id: UUID | None
    offer_ids: Sequence[UUID]
    amount_minor: int | None
    currency: str | None
    external_id: str = field(repr=False)
    email_hash: str | None = field(default=None, repr=False)
    phone_hash: str | None = field(default=None, repr=False)
    test_event_code: str | None = None


def hashed(text: str) -> str:
    """As Meta compares names and addresses: SHA-256 of the trimmed text in small letters."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest()


def phone_digits(text: str) -> str | None:
    """Country code and number; None where the text has no country or is no number."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def name_of(fact: Any) -> str | None:
    """The event that a fact of the ledger makes; None: it makes none.

    A check-in is told when it is accepted, and not again when more proof raises its level. A
    redemption is a purchase where the till said what was paid.
    """
    if fact.kind == "check_in":
        is_new = fact.verdict == "accepted" and fact.verdict_before != "accepted"
        return CHECK_IN if is_new else None
    if fact.kind == "redeemed":
        return PURCHASE if fact.amount_minor and fact.currency else REDEMPTION
    return None


def time_of(at: datetime, now: datetime) -> int:
    """Meta does not say what it makes of the future: there is none."""
    return int(min(at, now).timestamp())


def event_of(conversion: Conversion) -> dict[str, Any]:
    """The event as the Conversions API takes it: no place on earth, no text, no kind of venue."""
    hashes = {
        "em": conversion.email_hash,
        "ph": conversion.phone_hash,
        "external_id": conversion.external_id,
    }
    return {
        "event_name": conversion.name,
        "event_time": conversion.time,
        "event_id": str(conversion.id),
        "action_source": "physical_store",
        "user_data": {name: [value] for name, value in hashes.items() if value},
        "custom_data": {
            "order_id": str(conversion.order_id),
            **_content(conversion),
            **_store(conversion),
            **_value(conversion),
        },
    }


def is_sound(event: dict[str, Any]) -> bool:
    """Whether it is what the API documents: one event that is not fails all that go with it."""
    said, person = event["custom_data"], event["user_data"]
    worth = (said.get("value"), said.get("currency"))
    return (
        event["event_name"] in NAMES
        and event["event_time"] > 0
        and any(person.values())
        and all(HASH.fullmatch(value) for values in person.values() for value in values)
        and (None not in worth if event["event_name"] == PURCHASE else worth == (None, None))
    )


def _content(conversion: Conversion) -> dict[str, Any]:
    ids = [str(offer_id) for offer_id in conversion.offer_ids]
    return {"content_ids": ids, "content_type": "product"} if ids else {}


def _store(conversion: Conversion) -> dict[str, Any]:
    if conversion.venue_id is None:
        return {}
    return {"store_data": {"store_code": str(conversion.venue_id)}}


def _value(conversion: Conversion) -> dict[str, Any]:
    if conversion.name != PURCHASE or not conversion.amount_minor or not conversion.currency:
        return {}
    digits = get_currency_precision(conversion.currency)
    value = round(conversion.amount_minor / 10**digits, digits)
    return {"value": value, "currency": conversion.currency.lower()}
