"""A merchant, an app, customers and tills, built through the interface; each test has its own."""

from __future__ import annotations

import itertools
import random
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from lbs.accounts import service as accounts
from lbs.db import Database

OFFER = {
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
EXPERIMENT = {
    "metric": "visits",
    "min_lift": 0.2,
    "min_customers": 100,
    "min_weeks": 2,
    "arms": [
        {"name": "control", "share_percent": 50},
        {"name": "other", "share_percent": 50, "changes": {"teaser": "Come in from the cold"}},
    ],
}
"""Of half against half."""
METRE = 1 / 111_320
"""Degrees of latitude in a metre."""

_places = itertools.count()
_random = random.SystemRandom()
"""Hypothesis gives `random` the same seed over and over."""


class World:
    """`call` speaks HTTP as anybody; the other methods do what most tests need done.

    The world lies at a place of its own (`lon`, `lat`), so nearby search finds no other's venues.
    """

    def __init__(self, app: Flask, merchant: str = "Merchant") -> None:
        self.app = app
        self.client = app.test_client()
        self.db: Database = app.extensions["lbs_database"]
        place = next(_places)
        self.lon, self.lat = -170.0 + place % 300, -40.0 + place // 300
        with self.db.transaction() as session:
            owner, key = accounts.create_merchant(session, merchant, _secret, now())
            app_row, self.publishable_key, self.backend_key = accounts.create_app(
                session, "App", _secret, now()
            )
        self.merchant_id, self.app_id = owner.id, app_row.id
        self.key: str = key.token or ""
        self.key_id = key.id

    def call(
        self, method: str, path: str, token: str | None = None, **options: Any
    ) -> TestResponse:
        """A request; POSTs get a fresh Idempotency-Key unless `headers` has one."""
        headers = {
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **({"Idempotency-Key": str(uuid.uuid4())} if method.lower() == "post" else {}),
            **options.pop("headers", {}),
        }
        return self.client.open(path, method=method.upper(), headers=headers, **options)

    def ask(
        self, method: str, path: str, token: str | None = None, status: int = 0, **options: Any
    ) -> Any:
        """The JSON of an answer that has to be a success, or of this status."""
        response = self.call(method, path, token or self.key, **options)
        ok = response.status_code == status if status else response.status_code < 300
        assert ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json if response.data else None

    def venue(self, *, east_m: float = 0, radius_m: float = 50, **members: Any) -> dict[str, Any]:
        lon = self.lon + east_m * METRE / 0.8
        fence = {
            "type": "Circle",
            "centre": {"lon": lon, "lat": self.lat},
            "radius_m": radius_m,
        }
        body = {"name": "Venue", "fence": fence, "time_zone": "Europe/Copenhagen", **members}
        return self.ask("post", "/v1/venues", json=body)

    def offer(self, *venues: dict[str, Any], status: str = "active", **members: Any) -> Any:
        body = {**OFFER, "venue_ids": [venue["id"] for venue in venues], **members}
        offer = self.ask("post", "/v1/offers", json=body)
        for venue in venues if status != "draft" else ():
            if (members.get("min_level") or venue.get("min_level")) in ("L2", "L3"):
                self.gate(venue)
        if status != "draft":
            self.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": "active"})
        if status not in ("draft", "active"):
            self.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": status})
        return self.ask("get", f"/v1/offers/{offer['id']}")

    def experiment(self, offer: dict[str, Any], **members: Any) -> dict[str, Any]:
        """One on the offer that runs."""
        body = {**EXPERIMENT, "start": True, **members}
        return self.ask("post", f"/v1/offers/{offer['id']}/experiments", json=body)

    def gate(self, venue: dict[str, Any]) -> None:
        """A reader that nobody uses: somewhere at the venue presence can be proved at L3."""
        body = {"kind": "reader", "name": "Gate"}
        self.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)

    def key_with(self, *scopes: str, venues: tuple[dict[str, Any], ...] = ()) -> str:
        body = {
            "name": "key",
            "scopes": list(scopes),
            "venue_ids": [venue["id"] for venue in venues],
        }
        return self.ask("post", "/v1/api-keys", json=body)["token"]

    def customer(self, **body: Any) -> str:
        """A new customer's access token."""
        return self.register(**body)["access_token"]

    def register(self, **body: Any) -> dict[str, Any]:
        body = body or {"device_id": str(uuid.uuid4())}
        key = self.backend_key if "external_id" in body else self.publishable_key
        return self.ask("post", "/v1/customers", key, json=body)

    def facebook_token(self, user_id: str = "") -> str:
        """An access token as Facebook Login gives it; of somebody new, where nobody is named."""
        return str(self._from_meta(user_id, "access-token")["access_token"])

    def facebook_id_token(self, nonce: str, user_id: str = "") -> str:
        """An id token as Limited Login gives it."""
        return str(self._from_meta(user_id, "id-token", nonce=nonce)["id_token"])

    def facebook_page(self, **form: str) -> dict[str, str]:
        """A Page that its person can connect: its id, and a token of the person's."""
        meta = self.app.extensions["lbs_settings"].facebook_www_url
        return httpx.post(f"{meta}/stand-in/pages", data=form, trust_env=False).json()

    def connect_facebook_page(self) -> dict[str, Any]:
        return self.ask("post", "/v1/facebook/pages", json=self.facebook_page())

    def post_to_facebook(self, offer: dict[str, Any], **members: Any) -> dict[str, Any]:
        """A post that waits; its Page is its own."""
        body = {"facebook_page_id": self.connect_facebook_page()["id"], **members}
        return self.ask("post", f"/v1/offers/{offer['id']}/facebook-posts", json=body)

    def _from_meta(self, user_id: str, what: str, **form: str) -> Any:
        meta = self.app.extensions["lbs_settings"].facebook_www_url
        path = f"stand-in/people/{user_id or uuid.uuid4().int % 10**17}/{what}"
        return httpx.post(f"{meta}/{path}", data=form, trust_env=False).json()

    def location(self, *, north_m: float = 0, **members: Any) -> dict[str, Any]:
        """Evidence of a fix so far north of the world's place; no two of them are quite equal."""
        return {
            "kind": "location",
            "lat": self.lat + (north_m + _random.uniform(-0.5, 0.5)) * METRE,
            "lon": self.lon + _random.uniform(-0.5, 0.5) * METRE,
            "accuracy_m": 10,
            "captured_at": now().isoformat(),
            "provider": "gps",
            **members,
        }

    def check_in(self, customer: str, venue: dict[str, Any], **fix: Any) -> dict[str, Any]:
        body = {"venue_id": venue["id"], "evidence": [self.location(**fix)]}
        return self.ask("post", "/v1/check-ins", customer, json=body)

    def totals(self, of: str, token: str | None = None, **query: Any) -> dict[str, Any]:
        """Funnel and money of `offers/...`, `venues/...` and so on, in one line."""
        asked = {"query_string": query} if query else {}
        found = self.ask("get", f"/v1/stats/{of}/funnel", token, **asked)
        money = self.ask("get", f"/v1/stats/{of}/money", token, **asked)["items"]
        steps = {step["step"]: step for step in found["steps"]}
        sums = ("currency", "value_minor", "cost_minor", "amount_minor")
        return {
            "from": found["from"],
            "to": found["to"],
            "listed": steps["listed"]["count"],
            "viewed": steps["viewed"]["count"],
            "check_ins": found["check_ins"],
            "unlocks": steps["unlocked"]["count"],
            "reserved": steps["reserved"]["count"],
            "passes_shown": steps["pass_shown"]["count"],
            "expired": found["expired"],
            "redemptions": steps["redeemed"]["count"],
            "reversals": found["reversed"],
            "returned": steps["returned"]["count"],
            "unique_customers": steps["checked_in"]["customers"],
            "new_customers": found["new_customers"],
            "returning_customers": found["returning_customers"],
            "money": [{name: part[name] for name in sums} for part in money],
        }

    def came_before(self, venue: dict[str, Any]) -> None:
        """Two customers were at the venue a month ago, one of them on two days."""
        with time_machine.travel(now() - timedelta(days=30)):
            regular, guest = self.register(), self.customer()
            self.check_in(regular["access_token"], venue)
            self.check_in(guest, venue)
        with time_machine.travel(now() - timedelta(days=29)):
            refreshed = self.ask("post", "/v1/tokens", regular["refresh_token"])
            self.check_in(refreshed["access_token"], venue)

    def befriend(self, one: str, other: str) -> dict[str, Any]:
        """The friend that each of two customers is to the other."""
        code = self.ask("post", "/v1/friend-invitations", one)["code"]
        return self.ask("post", "/v1/friends", other, json={"code": code})

    def pause_by_flags(self, offer: dict[str, Any], venue: dict[str, Any]) -> dict[str, Any]:
        """Enough customers flag the offer; gives what its merchant is told."""
        for _ in range(self.app.extensions["lbs_settings"].flag_limit):
            guest, flag = self.customer(), {"problem": "not_redeemable"}
            self.check_in(guest, venue)
            self.ask("post", f"/v1/offers/{offer['id']}/flags", guest, json=flag)
        return self.ask("get", "/v1/notices")["items"][0]

    def redeem(
        self, code: str, venue: dict[str, Any], key: str | None = None, **members: Any
    ) -> TestResponse:
        body = {"code": code, "venue_id": venue["id"], **members}
        return self.call("post", "/v1/redemptions", key or self.key, json=body)


def now() -> datetime:
    return datetime.now(UTC)


def ago(**delta: float) -> str:
    return (now() - timedelta(**delta)).isoformat()


def _secret() -> str:
    return secrets.token_urlsafe(32)
