"""Attacks with a location that is missing, made up, copied or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from bench.attack.field import Field, Try, Venue, now
from lbs.config import Settings

FAR_M = 1_000_000.0
HOPS, HOP_M = Settings.rapid_limit + 5, 200.0
WHILE = timedelta(seconds=140)
"""How far apart the capture times of fixes can be that are all sent now."""


def bare_call(field: Field, level: int) -> Iterator[Try]:
    """A script calls with the venue's id and no evidence"""
    venue = field.venue(level)
    for _ in range(field.tries):
        yield field.attempt(field.customer(), venue)


def mocked_fix(field: Field, level: int) -> Iterator[Try]:
    """A mock-location app puts the phone at the venue; the phone's system flags the fix"""
    venue = field.venue(level)
    for _ in range(field.tries):
        customer = field.customer()
        attested = [field.attested(customer, venue)] if level > 1 else []
        yield field.attempt(customer, venue, field.fix(venue, mock=True), *attested)


def published_point(field: Field, level: int) -> Iterator[Try]:
    """The position that nearby search gives for the venue's map pin is sent as the phone's"""
    venue = field.venue(level)
    for _ in range(field.tries):
        customer = field.customer()
        query = {"lon": venue.lon, "lat": venue.lat, "radius_m": 500}
        near = field.ask("GET", "/v1/venues/nearby", customer, params=query)["items"]
        [pin] = [found["location"] for found in near if found["id"] == venue.id]
        yield field.attempt(customer, venue, field.fix(venue, **pin))


def typed_position(field: Field, level: int) -> Iterator[Try]:
    """A position typed by hand, four decimals, or one that claims an accuracy of centimetres"""
    venue = field.venue(level)
    for n in range(field.tries):
        fix = field.fix(venue)
        typed = {"lon": round(fix["lon"], 4), "lat": round(fix["lat"], 4)}
        yield field.attempt(
            field.customer(), venue, {**fix, **(typed if n % 2 else {"accuracy_m": 0.01})}
        )


def copied_fix(field: Field, level: int) -> Iterator[Try]:
    """One good position, to the last digit, sent from many accounts"""
    venue = field.venue(level)
    copied = field.fix(venue)
    field.visit(field.customer(), venue, copied)
    for _ in range(field.tries):
        fix = {**copied, "captured_at": now().isoformat()}
        yield field.attempt(field.customer(), venue, fix)


def old_fix(field: Field, level: int) -> Iterator[Try]:
    """A true position, recorded at the venue an hour ago"""
    venue = field.venue(level)
    for _ in range(field.tries):
        recorded = (now() - timedelta(hours=1)).isoformat()
        yield field.attempt(field.customer(), venue, field.fix(venue, captured_at=recorded))


def jittered_copies(field: Field, level: int) -> Iterator[Try]:
    """A careful spoof: one position inside the fence with small noise, from many accounts"""
    venue = field.venue(level)
    for _ in range(field.tries):
        yield field.attempt(field.customer(), venue, field.fix(venue, spread_m=3))


def spoof_past_integrity(field: Field, level: int) -> Iterator[Try]:
    """A careful spoof on a phone whose platform vouches for it all the same"""
    venue = field.venue(level)
    for _ in range(field.tries):
        customer = field.customer()
        attested = field.attested(customer, venue)
        yield field.attempt(customer, venue, field.fix(venue), attested)


def teleport(field: Field, level: int) -> Iterator[Try]:
    """One account is at two venues, a thousand kilometres apart, within a second"""
    here = field.venue()
    there_at = here.moved(north_m=FAR_M)
    there = field.venue_at(there_at.lon, there_at.lat, level)
    for _ in range(field.tries):
        customer = field.customer()
        field.visit(customer, here)
        yield field.attempt(customer, there, field.fix(there))


def slow_drift(field: Field, level: int) -> Iterator[Try]:
    """One account wanders from venue to venue, never faster than a car"""
    customer, began = field.customer(), now() - WHILE + timedelta(seconds=25)
    for n, venue in enumerate(_street(field, level)):
        seen_at = began + n * WHILE / HOPS
        yield field.attempt(customer, venue, field.fix(venue, captured_at=seen_at.isoformat()))


def closed_hours_batch(field: Field, level: int) -> Iterator[Try]:
    """Many accounts check in at a venue that is closed at this hour"""
    hour = now().astimezone(ZoneInfo("Europe/Copenhagen")).hour
    hours = f"{(hour + 8) % 24:02}:00-{(hour + 10) % 24:02}:00"
    venue = field.venue(level, opening_hours=hours)
    for _ in range(field.tries):
        yield field.attempt(field.customer(), venue, field.fix(venue))


def _street(field: Field, level: int) -> Iterator[Venue]:
    """Venues one after the other, a short walk apart."""
    first = field.venue(level)
    yield first
    for n in range(1, min(field.tries, HOPS)):
        at = first.moved(north_m=n * HOP_M)
        yield field.venue_at(at.lon, at.lat, level)
