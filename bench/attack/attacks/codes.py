"""Attacks with codes that a kiosk shows, a poster bears or a member of staff types."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from bench.attack.field import Field, Json, Try, Venue, now

AWAY_M, ACROSS_TOWN_M = 5000.0, 2000.0
COARSE_M = 3000.0
"""What a phone reports that gives its app the approximate position only."""
GUESSES = 8
"""So many times the usual tries, to see the limits at work."""
AN_ACCOUNT = 24
"""Guesses of one account, some more than are looked at."""


def replayed_code(field: Field, level: int) -> Iterator[Try]:
    """A customer uses the kiosk's code a second time"""
    venue = field.venue(level, cool_down_s=0)
    kiosk = field.proof(venue, "venue_code", max_customers=1000)
    for _ in range(field.tries):
        customer, code = field.plain_customer(), field.shown(kiosk)
        field.visit(customer, venue, field.fix(venue), code)
        yield field.attempt(customer, venue, field.fix(venue), code)


def old_code(field: Field, level: int) -> Iterator[Try]:
    """A code that was noted at the kiosk ten minutes ago"""
    venue = field.venue(level)
    kiosk = field.proof(venue, "venue_code")
    for _ in range(field.tries):
        code = _code_of(kiosk, ago=timedelta(minutes=10))
        yield field.attempt(field.plain_customer(), venue, field.fix(venue), code)


def code_alone(field: Field, level: int) -> Iterator[Try]:
    """A code passed on by an accomplice, sent without any location"""
    venue = field.venue(level)
    kiosk = field.proof(venue, "venue_code", max_customers=1000)
    for _ in range(field.tries):
        yield field.attempt(field.plain_customer(), venue, field.shown(kiosk))


def relayed_code(field: Field, level: int) -> Iterator[Try]:
    """A code passed on by an accomplice, sent from 5 km away with the true location"""
    venue = field.venue(level)
    kiosk = field.proof(venue, "venue_code", max_customers=1000)
    away = venue.moved(north_m=AWAY_M)
    for _ in range(field.tries):
        yield field.attempt(field.plain_customer(), venue, field.fix(away), field.shown(kiosk))


def relayed_code_coarse(field: Field, level: int) -> Iterator[Try]:
    """The same from 2 km away, with a true location that is only good to 3 km"""
    venue = field.venue(level)
    kiosk = field.proof(venue, "venue_code", max_customers=1000)
    away = venue.moved(north_m=ACROSS_TOWN_M)
    for _ in range(field.tries):
        fix = field.fix(away, accuracy_m=COARSE_M)
        yield field.attempt(field.plain_customer(), venue, fix, field.shown(kiosk))


def relayed_code_spoofed(field: Field, level: int) -> Iterator[Try]:
    """An accomplice at the kiosk passes one code on, and every phone lies about its location"""
    venue = field.venue(level)
    code = field.shown(field.proof(venue, "venue_code"))
    for _ in range(field.tries):
        yield field.attempt(field.plain_customer(), venue, field.fix(venue), code)


def relayed_code_at_once(field: Field, level: int) -> Iterator[Try]:
    """The same, and all phones send the code at the same moment"""
    venue = field.venue(level)
    code = field.shown(field.proof(venue, "venue_code"))
    sent = [(field.plain_customer(), venue, field.fix(venue), code) for _ in range(field.tries)]
    with ThreadPoolExecutor(field.tries) as pool:
        yield from pool.map(lambda given: field.attempt(*given), sent)


def relayed_code_unattested(field: Field, level: int) -> Iterator[Try]:
    """The same by scripts, in an app that has its phones attested"""
    venue = field.venue(level)
    code = field.shown(field.proof(venue, "venue_code"))
    for _ in range(field.tries):
        yield field.attempt(field.customer(), venue, field.fix(venue), code)


def relayed_code_past_integrity(field: Field, level: int) -> Iterator[Try]:
    """The same in that app, on phones that their platform vouches for all the same"""
    venue = field.venue(level)
    code = field.shown(field.proof(venue, "venue_code"))
    for _ in range(field.tries):
        customer = field.customer()
        attested = field.attested(customer, venue)
        yield field.attempt(customer, venue, field.fix(venue), code, attested)


def passed_on_poster(field: Field, level: int) -> Iterator[Try]:
    """A photo of the poster: at L1 sent truthfully from 5 km away, at L3 beside a careful spoof"""
    venue = field.venue(level)
    code = field.proof(venue, "poster_code")["code"]
    at = venue.moved(north_m=AWAY_M) if level == 1 else venue
    for _ in range(field.tries):
        poster = {"kind": "poster_code", "code": code}
        yield field.attempt(field.plain_customer(), venue, field.fix(at), poster)


def passed_on_pin(field: Field, level: int) -> Iterator[Try]:
    """A staff member's PIN, seen as it was typed, is passed on and sent without any location"""
    venue = field.venue(level)
    pin = {"kind": "staff_pin", "pin": field.proof(venue, "staff")["pin"]}
    for _ in range(field.tries):
        yield field.attempt(field.plain_customer(), venue, pin)


def passed_on_pin_spoofed(field: Field, level: int) -> Iterator[Try]:
    """The same, and every phone lies about its location"""
    venue = field.venue(level)
    pin = {"kind": "staff_pin", "pin": field.proof(venue, "staff")["pin"]}
    for _ in range(field.tries):
        yield field.attempt(field.plain_customer(), venue, field.fix(venue), pin)


def colluding_staff(field: Field, level: int) -> Iterator[Try]:
    """A member of staff confirms, with their own key, friends who spoof their way in"""
    venue = field.venue(level)
    key = field.proof(venue, "staff")["token"]
    for _ in range(field.tries):
        visit = field.visit(field.plain_customer(), venue)
        field.ask("POST", f"/v1/check-ins/{visit['id']}/confirmation", key)
        found = field.findings(visit["id"])
        reasons = tuple(finding["reason"] for finding in found["findings"])
        yield Try(reasons, opened=found["unlocks"] > 0)


def step_brute_force(field: Field, level: int) -> Iterator[Try]:
    """Accounts inside the fence guess the kiosk's six digits"""
    venue = field.venue(level)
    right = {_code_of(field.proof(venue, "venue_code"), ago=timedelta(0))["code"]}
    yield from _guess(field, venue, "venue_code", "code", right)


def pin_brute_force(field: Field, level: int) -> Iterator[Try]:
    """Accounts inside the fence guess a staff member's six digits"""
    venue = field.venue(level)
    right = {field.proof(venue, "staff")["pin"]}
    yield from _guess(field, venue, "staff_pin", "pin", right)


def _guess(field: Field, venue: Venue, kind: str, name: str, right: set[str]) -> Iterator[Try]:
    """Random digits, never the right ones: how many may be tried is the question, not luck."""
    customer, check_in_id = "", ""
    for n in range(field.tries * GUESSES):
        if n % AN_ACCOUNT == 0:
            customer = field.plain_customer()
            check_in_id = field.visit(customer, venue)["id"]
        guess = f"{field.chance.randrange(10**6):06}"
        if guess not in right:
            answer = field.add(customer, check_in_id, {"kind": kind, name: guess})
            yield field.outcome(venue, answer)


def _code_of(kiosk: Json, *, ago: timedelta) -> Json:
    """What an authenticator app with the kiosk's secret showed then."""
    totp = TOTP(base64.b32decode(kiosk["secret"]), 6, SHA1(), kiosk["step_s"])
    code = totp.generate(int((now() - ago).timestamp())).decode()
    return {"kind": "venue_code", "code": code}
