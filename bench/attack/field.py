"""Where attacks are mounted: the service over HTTP, as merchants, customers and liars use it."""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import cos, radians
from random import Random
from typing import Any

import httpx

from bench.attack.attesters import PlayStore
from bench.attack.devices import EidBeacon, Tag424
from lbs.accounts import service as accounts
from lbs.db import Database
from lbs.proofs.rules.nfc_tag import TagKeys
from lbs.vault import Vault

Json = dict[str, Any]

PACKAGE = "com.example.offers"
LAT, LON = 55.0, 8.0
"""The first venue's; the others follow to the east."""
APART_M = 3000.0
FENCE_M = 50.0
DEGREE_M = 111_320.0
AT_ONE_ACCOUNT = 10
"""How often one account tries where an attack uses up accounts: as the limit of five minutes is."""


class Unexpected(RuntimeError):
    """The service answered something else to what is no attack."""


@dataclass(frozen=True)
class Try:
    """What came of one try: the codes that the attacker hears, and what support sees beyond."""

    heard: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    opened: bool = False

    @property
    def reason(self) -> str:
        private = [reason for reason in self.found if reason not in self.heard]
        said = ", ".join(self.heard) or "nothing"
        return f"{said} ({', '.join(private)})" if private else said


OPENED = Try(opened=True)


@dataclass(frozen=True)
class Venue:
    """A place with one offer, the attacked one."""

    id: str
    lon: float
    lat: float
    offer_id: str

    def moved(self, *, east_m: float = 0.0, north_m: float = 0.0) -> Venue:
        """The same, seen from so far off."""
        return replace(
            self, lon=self.lon + degrees_east(east_m, self.lat), lat=self.lat + north_m / DEGREE_M
        )


@dataclass
class Field:
    """One service, a merchant with its keys, a rival, and two apps.

    The phones of one app are attested. Those of the other, of `plain_key`, are not, and what can
    be passed on is attacked with it.
    """

    http: httpx.Client
    key: str
    rival_key: str
    publishable_key: str
    backend_key: str
    plain_key: str
    play: PlayStore
    tries: int
    chance: Random = field(default_factory=lambda: Random(20261122))
    places: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, path: str, token: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        return self.http.request(method, path, headers=headers, **options)

    def ask(self, method: str, path: str, token: str = "", **options: Any) -> Any:
        """The JSON of an answer that has to be a success."""
        answer = self.call(method, path, token or self.key, **options)
        if answer.is_error:
            raise Unexpected(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def post(self, path: str, body: Json, token: str = "") -> Any:
        return self.ask("POST", path, token, json=body)

    # What a merchant sets up

    def venue(self, level: int = 1, key: str = "", **members: Any) -> Venue:
        """A fresh venue, far from all others, with an offer of this level."""
        lon, lat = LON + next(self.places) * degrees_east(APART_M, LAT), LAT
        return self.venue_at(lon, lat, level, key, **members)

    def venue_at(
        self, lon: float, lat: float, level: int = 1, key: str = "", **members: Any
    ) -> Venue:
        centre = {"lon": lon, "lat": lat}
        fence = {"type": "Circle", "centre": centre, "radius_m": FENCE_M}
        body = {"name": "A venue", "time_zone": "Europe/Copenhagen", "fence": fence, **members}
        venue_id = self.post("/v1/venues", body, key)["id"]
        return Venue(venue_id, lon, lat, self.offer([venue_id], level, key))

    def offer(self, venue_ids: Sequence[str], level: int, key: str = "") -> str:
        """Where it takes more than a location there is a reader, which nobody in here uses."""
        body = {**OFFER, "min_level": f"L{level}", "venue_ids": list(venue_ids)}
        offer_id: str = self.post("/v1/offers", body, key)["id"]
        for venue_id in venue_ids if level > 1 else ():
            gate = {"kind": "reader", "name": "Gate"}
            self.post(f"/v1/venues/{venue_id}/proofs", gate, key)
        self.post(f"/v1/offers/{offer_id}/status", {"status": "active"}, key)
        return offer_id

    def proof(self, venue: Venue, kind: str, **members: Any) -> Any:
        body = {"kind": kind, "name": kind, **members}
        return self.post(f"/v1/venues/{venue.id}/proofs", body)

    def tag(self, venue: Venue) -> Tag424:
        made = self.proof(venue, "nfc_tag", uid=secrets.token_hex(7))
        keys = TagKeys(*(bytes.fromhex(made[f"{name}_read_key"]) for name in ("meta", "file")))
        return Tag424(bytes.fromhex(made["uid"]), keys)

    def beacon(self, venue: Venue, age: timedelta) -> EidBeacon:
        """A beacon that has been running for so long."""
        made = self.proof(venue, "beacon", clock_s=int(age.total_seconds()))
        started_at = datetime.fromisoformat(made["started_at"])
        return EidBeacon(bytes.fromhex(made["identity_key"]), made["rotation_exponent"], started_at)

    def shown(self, kiosk: Json) -> Json:
        """What stands on the kiosk's screen, as evidence."""
        codes = self.ask("GET", "/v1/kiosk/codes", kiosk["token"])["codes"]
        return {"kind": "venue_code", "code": codes[0]["code"]}

    # What a customer, or who plays one, does

    def person(self, *, device_id: str = "", external_id: str = "") -> Json:
        """A customer: id and tokens. Without a name of their own, a new one on a new phone."""
        body = {"device_id": device_id or str(uuid.uuid4())}
        if external_id:
            body["external_id"] = external_id
        key = self.backend_key if external_id else self.publishable_key
        person: Json = self.post("/v1/customers", body, key)
        return person

    def customer(self, **named: str) -> str:
        """An access token."""
        token: str = self.person(**named)["access_token"]
        return token

    def plain_customer(self) -> str:
        """One of the app whose phones are not attested."""
        body = {"device_id": str(uuid.uuid4())}
        token: str = self.post("/v1/customers", body, self.plain_key)["access_token"]
        return token

    def fix(self, at: Venue, *, spread_m: float = 8.0, **members: Any) -> Json:
        """A position around a place as a phone reports it, or as a careful liar makes it up."""
        seen = at.moved(
            east_m=self.chance.uniform(-spread_m, spread_m),
            north_m=self.chance.uniform(-spread_m, spread_m),
        )
        return {
            "kind": "location",
            "lon": seen.lon,
            "lat": seen.lat,
            "accuracy_m": round(self.chance.uniform(8, 20), 1),
            "captured_at": now().isoformat(),
            "provider": "gps",
            "mock": False,
            **members,
        }

    def attested(self, customer: str, venue: Venue, **said: Any) -> Json:
        """What Google Play says of the phone; `said` as PlayStore.token takes it."""
        challenge = self.challenge(customer, venue)
        token = self.play.token(challenge, now=now(), **said)
        return {"kind": "play_integrity", "challenge": challenge, "token": token}

    def challenge(self, customer: str, venue: Venue) -> str:
        asked = self.post("/v1/challenges", {"venue_id": venue.id}, customer)
        challenge: str = asked["challenge"]
        return challenge

    def send(self, customer: str, venue: Venue, *evidence: Json) -> httpx.Response:
        body = {"venue_id": venue.id, "evidence": list(evidence)}
        return self.call("POST", "/v1/check-ins", customer, json=body)

    def add(self, customer: str, check_in_id: str, *evidence: Json) -> httpx.Response:
        path = f"/v1/check-ins/{check_in_id}/evidence"
        return self.call("POST", path, customer, json={"evidence": list(evidence)})

    def attempt(self, customer: str, venue: Venue, *evidence: Json) -> Try:
        """A check-in, and whether it has opened the venue's offer."""
        return self.outcome(venue, self.send(customer, venue, *evidence))

    def visit(self, customer: str, venue: Venue, *evidence: Json) -> Any:
        """A check-in that has to be accepted: what comes before an attack."""
        answer = self.send(customer, venue, *(evidence or (self.fix(venue),)))
        body = answer.json()
        if answer.is_error or body["verdict"] != "accepted":
            raise Unexpected(answer.text)
        return body

    # What came of it

    def outcome(self, venue: Venue, answer: httpx.Response) -> Try:
        body = answer.json()
        if answer.is_error:
            return refused(answer)
        if any(unlock["offer_id"] == venue.offer_id for unlock in body["unlocked"]):
            return OPENED
        found = [finding["reason"] for finding in self.findings(body["id"])["findings"]]
        return Try(tuple(_heard(body)), tuple(found))

    def findings(self, check_in_id: str) -> Any:
        return self.ask("GET", f"/v1/check-ins/{check_in_id}/findings")

    def verified(self, receipt: str, **asked: Any) -> Try:
        """What a merchant's system hears of a receipt."""
        heard = self.post("/v1/receipts/verify", {"receipt": receipt, **asked})
        return OPENED if heard["valid"] else Try((heard["flaw"],))


def _heard(body: Json) -> Iterator[str]:
    """Why nothing has opened, as the customer reads it."""
    for reason in body["reasons"]:
        yield reason["code"]
    if body["verdict"] == "accepted":
        for offer in body["locked"]:
            yield offer["reason"]["code"]


def refused(answer: httpx.Response) -> Try:
    return Try((answer.json()["code"],))


def prepare(http: httpx.Client, db: Database, vault: Vault, tries: int) -> Field:
    """Merchant, rival and app, as `lbs merchants create` and `lbs apps create` make them."""
    play = PlayStore(PACKAGE)
    with db.transaction() as session:
        _, key = accounts.create_merchant(session, "Attacked", _secret, now())
        _, rival_key = accounts.create_merchant(session, "Rival", _secret, now())
        app, publishable, backend = accounts.create_app(session, "App", _secret, now())
        accounts.set_integrity(session, app.id, play.keys(), vault)
        _, plain, _ = accounts.create_app(session, "Plain app", _secret, now())
    return Field(
        http, key.token or "", rival_key.token or "", publishable, backend, plain, play, tries
    )


def degrees_east(metres: float, lat: float) -> float:
    return metres / (DEGREE_M * cos(radians(lat)))


def now() -> datetime:
    return datetime.now(UTC)


def _secret() -> str:
    return secrets.token_urlsafe(32)


OFFER: Json = {
    "teaser": "Something warm is on us",
    "terms": "One filter coffee of any size",
    "reward": {"kind": "free_item", "item": "A filter coffee"},
    "rule": {"kind": "every_visit"},
    "value_minor": 3500,
    "cost_minor": 600,
    "currency": "DKK",
    "goal": {"kind": "visits", "target": 500},
    "valid_from": "2020-01-01T00:00:00Z",
    "valid_to": "2100-01-01T00:00:00Z",
}
