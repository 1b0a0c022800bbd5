"""Attacks with many accounts, many phones, and phones that vouch for themselves."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

from bench.attack.attesters import PlayStore
from bench.attack.field import AT_ONE_ACCOUNT, Field, Json, Try, Venue, now


def account_farm(field: Field, level: int) -> Iterator[Try]:
    """One phone registers account after account, each a careful spoof"""
    venue, device_id = field.venue(level), str(uuid.uuid4())
    for _ in range(field.tries):
        customer = field.customer(device_id=device_id)
        yield field.attempt(customer, venue, field.fix(venue))


def many_devices(field: Field, level: int) -> Iterator[Try]:
    """Ten phones share one account, each a careful spoof"""
    venue = field.venue(level, cool_down_s=0)
    account = ""
    for n in range(field.tries):
        if n % AT_ONE_ACCOUNT == 0:
            account = str(uuid.uuid4())
        customer = field.customer(external_id=account)
        yield field.attempt(customer, venue, field.fix(venue))


def rewards_for_staff(field: Field, level: int) -> Iterator[Try]:
    """People who work there, and are marked as staff, check in where they work, with a PIN"""
    venue = field.venue(level)
    upstairs = field.venue_at(venue.lon, venue.lat)
    pin = field.proof(venue, "staff", max_per_hour=field.tries)["pin"]
    for _ in range(field.tries):
        customer = field.plain_customer()
        name = field.findings(field.visit(customer, upstairs)["id"])["customer"]
        field.ask("PUT", f"/v1/standings/{name}", json={"standing": "staff"})
        confirmed = {"kind": "staff_pin", "pin": pin}
        yield field.attempt(customer, venue, field.fix(venue), confirmed)


def forged_integrity(field: Field, level: int) -> Iterator[Try]:
    """An integrity token that is home-made, for another venue, used, or of a phone that fails"""
    venue, other = field.venue(level, cool_down_s=0), field.venue(level)
    forgers: tuple[Callable[[Field, str, Venue, Venue], Json], ...]
    forgers = (_self_made, _for_another_venue, _used_before, _of_a_failing_phone)
    for n in range(field.tries):
        customer = field.customer()
        token = forgers[n % len(forgers)](field, customer, venue, other)
        yield field.attempt(customer, venue, field.fix(venue), token)


def _self_made(field: Field, customer: str, venue: Venue, _: Venue) -> Json:
    challenge = field.challenge(customer, venue)
    token = PlayStore(field.play.package).token(challenge, now=now())
    return {"kind": "play_integrity", "challenge": challenge, "token": token}


def _for_another_venue(field: Field, customer: str, _: Venue, other: Venue) -> Json:
    return field.attested(customer, other)


def _used_before(field: Field, customer: str, venue: Venue, _: Venue) -> Json:
    token = field.attested(customer, venue)
    field.visit(customer, venue, field.fix(venue), token)
    return token


def _of_a_failing_phone(field: Field, customer: str, venue: Venue, _: Venue) -> Json:
    return field.attested(customer, venue, verdict="")
