"""Whatever is sent, the answer is a problem that names what is wrong, and nothing is half-written.

Each writing operation has a sound body here; every member of every one is spoilt in every way.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from lbs.app import MAX_BODY_BYTES
from lbs.checkins.schemas.evidence import EvidenceSchema
from lbs.db import Database, Model
from lbs.proofs.rules.provisioning import KINDS, TAKES
from lbs.venues.routes import IMPORT_MAX_BYTES
from tests.world import EXPERIMENT, METRE, OFFER, World, ago, now

PROBLEM = "application/problem+json"
PROSE = "A sound text"
TAG, KEY_BYTES = "04de5f1eacc040", "00112233445566778899aabbccddeeff"
CODES: list[dict[str, Any]] = [
    {"kind": "venue_code", "code": "492 039"},
    {"kind": "poster_code", "code": "7M3K-9QZ2-VX4A"},
    {
        "kind": "nfc_tag",
        "url": "https://example.com/t?picc_data=EF963FF7828658A599F3041510671E88"
        "&cmac=94EED9EE65337086",
    },
    {"kind": "beacon", "eid": "d43ef5aea25b0c0d"},
    {"kind": "staff_pin", "pin": "381920"},
]
HOOK: dict[str, Any] = {
    "url": "https://cafe.example/hooks",
    "event_types": ["offer.unlocked"],
    "description": PROSE,
}
ANSWER = {"challenge": PROSE}
"""What a phone's platform has answered to."""


@dataclass
class Operation:
    """An operation with a body that it would carry out."""

    method: str
    path: str
    token: str
    body: dict[str, Any]
    headers: dict[str, str]

    def send(self, world: World, body: Any) -> Any:
        return world.call(self.method, self.path, self.token, json=body, headers=self.headers)


def operations(world: World) -> dict[str, Callable[[], Operation]]:
    venue = world.venue()
    fence = {
        "type": "Circle",
        "centre": {"lon": world.lon + 1.5 * METRE, "lat": world.lat + 0.5 * METRE},
        "radius_m": 50.5,
    }
    ring = [[12.57, 55.68], [12.571, 55.68], [12.571, 55.681], [12.57, 55.681], [12.57, 55.68]]
    place = {
        "name": PROSE,
        "category": "cafe",
        "time_zone": "Europe/Copenhagen",
        "opening_hours": "24/7",
        "location": {"lon": world.lon + 20.5 * METRE, "lat": world.lat + 0.5 * METRE},
        "cool_down_s": 60,
        "min_level": "L2",
    }
    terms = {
        **OFFER,
        "teaser": PROSE,
        "terms": PROSE,
        "limit_total": 5,
        "limit_per_customer": 2,
        "limit_per_day": 3,
        "limit_per_venue": 4,
        "limit_per_venue_day": 2,
        "budget_minor": 90_000,
        "schedule": {
            "windows": [{"weekdays": ["fr"], "from": "22:00", "to": "02:00"}],
            "opening_hours": False,
            "dates": [{"from_date": "2026-01-01", "to_date": "2026-12-31"}],
            "exclusions": [{"from_date": "2026-12-24", "to_date": "2026-12-24"}],
        },
        "redeem_within_s": 3600,
        "reserve_s": 900,
        "min_level": "L3",
        "priority": 5,
        "combinable": False,
        "venue_ids": [venue["id"]],
        "group_ids": [],
    }
    key = world.key

    def make(method: str, path: str, body: dict[str, Any], token: str = key, **headers: str) -> Any:
        return lambda: Operation(method, path, token, body, headers)

    def change(path: str, made: dict[str, Any], body: dict[str, Any]) -> Operation:
        headers = {"If-Match": f'"{made["version"]}"'}
        return Operation("patch", f"/v1/{path}/{made['id']}", key, body, headers)

    def on_a_new_offer() -> Operation:
        offer = world.offer(venue, status="draft")
        return Operation("post", f"/v1/offers/{offer['id']}/status", key, {"status": "active"}, {})

    def on_an_unlock() -> Operation:
        world.offer(venue)
        unlock = world.check_in(world.customer(), venue)["unlocked"][0]
        body = {
            "code": unlock["code"],
            "venue_id": venue["id"],
            "amount_minor": 12000,
            "order_reference": PROSE,
        }
        return Operation("post", "/v1/redemptions", key, body, {})

    def on_a_redemption() -> Operation:
        redemption = on_an_unlock().send(world, on_an_unlock().body).json
        path = f"/v1/redemptions/{redemption['id']}/reversal"
        return Operation("post", path, key, {"reason": PROSE}, {})

    tried = {
        "rule": {"kind": "frequency", "n": 2, "within_days": 9},
        **{name: terms[name] for name in ("schedule", "min_level", "cost_minor")},
        **{name: terms[name] for name in terms if name.startswith("limit")},
    }
    described = {"visits": 3, "visited_at": [ago(days=2)], "present": 2, "friends_present": 1}
    described |= {"party": 1, "referred": True, "friends_sent": 2}
    trial = {"kind": "check_in", "venue_id": venue["id"], "at": ago(hours=1), "level": "L2"}

    def simulate(body: dict[str, Any]) -> Operation:
        path = f"/v1/offers/{world.offer(venue, status='draft')['id']}/simulations"
        return Operation("post", path, key, {**body, "terms": tried}, {})

    def simulate_known() -> Operation:
        seen = world.check_in(world.customer(), venue)
        customer = world.ask("get", f"/v1/check-ins/{seen['id']}/findings")["customer"]
        return simulate({**trial, "customer": customer, "event_id": str(uuid.uuid4())})

    exported = {
        "what": "series",
        "format": "csv",
        "venue_id": venue["id"],
        "offer_id": world.offer(venue)["id"],
        "by": "day",
        "time_zone": "Europe/Copenhagen",
    }

    return {
        "simulate_check_in": lambda: simulate({**trial, "described": described}),
        "simulate_known": simulate_known,
        "simulate_replay": lambda: simulate({"kind": "replay", "days": 30}),
        "create_api_key": make(
            "post",
            "/v1/api-keys",
            {
                "name": PROSE,
                "scopes": ["redeem"],
                "venue_ids": [venue["id"]],
                "expires_at": "2099-01-01T00:00:00Z",
            },
        ),
        "register_customer": make(
            "post",
            "/v1/customers",
            {"external_id": str(uuid.uuid4()), "device_id": PROSE},
            world.backend_key,
        ),
        "create_venue": make("post", "/v1/venues", {**place, "fence": fence}),
        "create_polygon": make(
            "post",
            "/v1/venues",
            {**place, "location": None, "fence": {"type": "Polygon", "coordinates": [ring]}},
        ),
        "change_venue": lambda: change("venues", world.venue(), {**place, "fence": fence}),
        "create_venue_group": make(
            "post", "/v1/venue-groups", {"name": PROSE, "venue_ids": [venue["id"]]}
        ),
        "change_venue_group": lambda: change(
            "venue-groups",
            world.ask("post", "/v1/venue-groups", json={"name": "group"}),
            {"name": PROSE, "venue_ids": [venue["id"]]},
        ),
        "create_offer": make("post", "/v1/offers", terms),
        "create_charity_offer": make(
            "post",
            "/v1/offers",
            {
                **terms,
                "reward": {"kind": "charity", "amount_minor": 500, "recipient": PROSE},
                "rule": {"kind": "nth_visit", "n": 10},
            },
        ),
        "change_offer": lambda: change("offers", world.offer(venue, status="draft"), terms),
        "set_offer_status": on_a_new_offer,
        "set_brand": make("put", "/v1/brand", {"color": "#7a1f3d"}),
        "set_stacking": make(
            "put", "/v1/stacking", {"policy": "best_for_customer", "max_per_check_in": 2}
        ),
        "create_export": make(
            "post",
            "/v1/stats/exports",
            {**exported, "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"},
        ),
        "create_export_schedule": make(
            "post", "/v1/stats/export-schedules", {**exported, "every": "week", "hour": 6}
        ),
        "redeem": on_an_unlock,
        "reverse_redemption": on_a_redemption,
        **Presence(world, venue, fence).operations(),
        **Around(world, venue, terms).operations(),
    }


class Around:
    """The operations around an offer: what it is compared with, and who shares, flags and joins."""

    def __init__(self, world: World, venue: dict[str, Any], terms: dict[str, Any]) -> None:
        self.world, self.venue = world, venue
        self.promotion = {
            "text": PROSE,
            "channel": "poster",
            "url": "https://cafe.example/tuesdays",
            "starts_on": "2026-11-01",
            "ends_on": "2026-11-30",
        }
        places = {name: terms[name] for name in ("venue_ids", "group_ids")}
        changes = {name: value for name, value in terms.items() if name not in places}
        self.copy = {**places, "changes": changes}

    def operations(self) -> dict[str, Callable[[], Operation]]:
        return {
            "create_promotion": self.create_promotion,
            "change_promotion": self.change_promotion,
            "copy_offer": self.copy_offer,
            "create_experiment": self.create_experiment,
            "plan_experiment": self.plan_experiment,
            "promote_arm": self.promote_arm,
            "flag_offer": self.flag_offer,
            "report_app_events": self.report_app_events,
            "create_party": self.create_party,
            "add_friend": self.add_friend,
            "create_referral": self.create_referral,
            "sign_in_with_facebook": self.sign_in_with_facebook,
            "sign_in_with_limited_login": self.sign_in_with_limited_login,
            "link_facebook": self.link_facebook,
            "create_webhook_endpoint": self.create_webhook_endpoint,
            "change_webhook_endpoint": self.change_webhook_endpoint,
            "rotate_webhook_secret": self.rotate_webhook_secret,
            "find_facebook_pages": self.find_facebook_pages,
            "connect_facebook_page": self.connect_facebook_page,
            "create_facebook_post": self.create_facebook_post,
            "give_consent": self.give_consent,
            "set_conversion_setting": self.set_conversion_setting,
            "send_conversion_test": self.send_conversion_test,
        }

    def sign_in_with_facebook(self) -> Operation:
        body = {"access_token": self.world.facebook_token(), "device_id": PROSE}
        return Operation("post", "/v1/auth/facebook", self.world.publishable_key, body, {})

    def sign_in_with_limited_login(self) -> Operation:
        body = {"id_token": self.world.facebook_id_token(PROSE), "nonce": PROSE, "device_id": PROSE}
        return Operation("post", "/v1/auth/facebook", self.world.publishable_key, body, {})

    def link_facebook(self) -> Operation:
        body = {"access_token": self.world.facebook_token()}
        return Operation("put", "/v1/customers/me/facebook", self.world.customer(), body, {})

    def create_promotion(self) -> Operation:
        return Operation("post", "/v1/promotions", self.world.key, self.promotion, {})

    def change_promotion(self) -> Operation:
        made = self.create_promotion().send(self.world, self.promotion).json
        path, headers = f"/v1/promotions/{made['id']}", {"If-Match": '"1"'}
        return Operation("patch", path, self.world.key, self.promotion, headers)

    def create_webhook_endpoint(self) -> Operation:
        return Operation("post", "/v1/webhook-endpoints", self.world.key, dict(HOOK), {})

    def change_webhook_endpoint(self) -> Operation:
        path, headers = f"/v1/webhook-endpoints/{self._hook()}", {"If-Match": '"1"'}
        body = {**HOOK, "status": "disabled"}
        return Operation("patch", path, self.world.key, body, headers)

    def rotate_webhook_secret(self) -> Operation:
        path = f"/v1/webhook-endpoints/{self._hook()}/rotation"
        return Operation("post", path, self.world.key, {"overlap_s": 60}, {})

    def find_facebook_pages(self) -> Operation:
        body = {"person_token": self.world.facebook_page()["person_token"]}
        return Operation("post", "/v1/facebook/page-choices", self.world.key, body, {})

    def connect_facebook_page(self) -> Operation:
        body = self.world.facebook_page()
        return Operation("post", "/v1/facebook/pages", self.world.key, body, {})

    def create_facebook_post(self) -> Operation:
        offer, page = self.world.offer(self.world.venue()), self.world.connect_facebook_page()
        later = (now() + timedelta(hours=1)).isoformat()
        body = {"facebook_page_id": page["id"], "message": PROSE, "publish_at": later}
        path = f"/v1/offers/{offer['id']}/facebook-posts"
        return Operation("post", path, self.world.key, body, {})

    def give_consent(self) -> Operation:
        body = {"text_version": PROSE, "email": "ida@cafe.example", "phone": "+45 32 12 34 56"}
        path = "/v1/customers/me/consents/conversions"
        return Operation("put", path, self.world.customer(), body, {})

    def set_conversion_setting(self) -> Operation:
        body = {"dataset_id": "1", "access_token": "EAAG", "venue_ids": [self.venue["id"]]}
        return Operation("put", "/v1/facebook/conversions", self.world.key, body, {})

    def send_conversion_test(self) -> Operation:
        setting = self.set_conversion_setting()
        setting.send(self.world, setting.body)
        path, body = "/v1/facebook/conversions/test", {"test_event_code": "TEST1"}
        return Operation("post", path, self.world.key, body, {})

    def _hook(self) -> str:
        """Deleted are those before: a merchant has at most 20."""
        for old in self.world.ask("get", "/v1/webhook-endpoints")["items"]:
            self.world.ask("delete", f"/v1/webhook-endpoints/{old['id']}")
        return self.world.ask("post", "/v1/webhook-endpoints", json=HOOK)["id"]

    def copy_offer(self) -> Operation:
        path = f"/v1/offers/{self.world.offer(self.venue)['id']}/copies"
        return Operation("post", path, self.world.key, self.copy, {})

    def _at_experiments(self) -> str:
        return f"/v1/offers/{self.world.offer(self.venue)['id']}/experiments"

    def create_experiment(self) -> Operation:
        reward = {"kind": "free_item", "item": PROSE}
        changes = {"teaser": PROSE, "terms": PROSE, "reward": reward, "value_minor": 2500}
        changes |= {"cost_minor": 400, "rule": {"kind": "nth_visit", "n": 2}}
        body = {
            **EXPERIMENT,
            "horizon_days": 7,
            "power": 0.9,
            "alpha": 0.01,
            "arms": [
                {"name": "control", "share_percent": 40, "changes": {}},
                {"name": "other", "share_percent": 40, "changes": changes},
            ],
            "holdout_percent": 20,
            "start": False,
        }
        return Operation("post", self._at_experiments(), self.world.key, body, {})

    def plan_experiment(self) -> Operation:
        body = {"metric": "visits", "min_lift": 0.2, "horizon_days": 7, "power": 0.9}
        body |= {"alpha": 0.01, "shares_percent": [40, 40, 20]}
        self.world.came_before(self.venue)
        address = f"{self._at_experiments()}/plan"
        return Operation("post", address, self.world.key, body, {})

    def promote_arm(self) -> Operation:
        made = self.world.experiment(self.world.offer(self.venue))
        address = f"/v1/offers/{made['offer_id']}/experiments/{made['id']}/promote"
        return Operation("post", address, self.world.key, {"arm": "other"}, {})

    def flag_offer(self) -> Operation:
        offer, guest = self.world.offer(self.venue), self.world.customer()
        self.world.check_in(guest, self.venue)
        body = {"problem": "other", "text": PROSE}
        return Operation("post", f"/v1/offers/{offer['id']}/flags", guest, body, {})

    def report_app_events(self) -> Operation:
        view = {
            "kind": "teaser_viewed",
            "client_id": str(uuid.uuid4()),
            "at": now().isoformat(),
            "offer_id": self.world.offer(self.venue)["id"],
            "venue_id": self.venue["id"],
            "channel": "push",
        }
        return Operation("post", "/v1/app-events", self.world.customer(), {"events": [view]}, {})

    def create_party(self) -> Operation:
        body = {"venue_id": self.venue["id"]}
        return Operation("post", "/v1/parties", self.world.customer(), body, {})

    def add_friend(self) -> Operation:
        given = self.world.ask("post", "/v1/friend-invitations", self.world.customer())
        body = {"code": given["code"]}
        return Operation("post", "/v1/friends", self.world.customer(), body, {})

    def create_referral(self) -> Operation:
        path = f"/v1/offers/{self.world.offer(self.venue)['id']}/shares"
        body = {"token": self.world.ask("post", path, self.world.customer())["token"]}
        return Operation("post", "/v1/referrals", self.world.customer(), body, {})


class Presence:
    """The operations about who is where; each is made when it is asked for."""

    def __init__(self, world: World, venue: dict[str, Any], fence: dict[str, Any]) -> None:
        self.world, self.venue = world, venue
        self.proofs = f"/v1/venues/{venue['id']}/proofs"
        self.event = {
            "name": PROSE,
            "starts_at": ago(hours=1),
            "ends_at": ago(hours=-1),
            "fence": fence,
        }
        self.fix = {
            "kind": "location",
            "lat": world.lat + 0.5 * METRE,
            "lon": world.lon + 0.5 * METRE,
            "accuracy_m": 10.5,
            "captured_at": now().isoformat(),
            "provider": "gps",
            "mock": False,
        }

    def operations(self) -> dict[str, Callable[[], Operation]]:
        keys = {"meta_read_key": KEY_BYTES, "file_read_key": KEY_BYTES}
        beacon = {"identity_key": KEY_BYTES, "clock_s": 1_000_000}
        play = {"kind": "play_integrity", **ANSWER, "token": PROSE}
        attestation = {"kind": "app_attestation", **ANSWER, "key_id": "bGJz", "attestation": "bGJz"}
        assertion = {"kind": "app_assertion", **ANSWER, "key_id": "bGJz", "assertion": "bGJz"}
        return {
            "check_in": self.check_in,
            "check_in_at_event": self.check_in_at_event,
            "create_event": self.create_event,
            "change_event": self.change_event,
            "create_venue_code": self.prove("venue_code", step_s=30, max_customers=20),
            "create_poster_code": self.prove("poster_code"),
            "create_nfc_tag": self.prove("nfc_tag", uid=TAG, **keys),
            "create_beacon": self.prove("beacon", rotation_exponent=10, **beacon),
            "create_reader": self.prove("reader"),
            "create_staff": self.prove("staff", pin="381920", max_per_hour=30),
            "rotate_nfc_tag": self.prove_anew("nfc_tag", keys, uid=TAG),
            "rotate_beacon": self.prove_anew("beacon", beacon),
            "rotate_staff": self.prove_anew("staff", {"pin": "381920"}),
            "add_evidence": self.add(self.fix, *CODES, play),
            "add_attestation": self.add(attestation),
            "add_assertion": self.add(assertion),
            "void_check_in": self.void,
            "verify_receipt": self.verify_receipt,
            "ask_challenge": self.ask_challenge,
            "bind_wristband": self.bind_wristband,
            "set_standing": self.set_standing,
            "report_taps": self.report_taps,
        }

    def check_in(self) -> Operation:
        return self._check_in({"venue_id": self.venue["id"]})

    def check_in_at_event(self) -> Operation:
        return self._check_in({"event_id": self._event()["id"]})

    def _check_in(self, place: dict[str, str]) -> Operation:
        body = {**place, "evidence": [self.fix]}
        return Operation("post", "/v1/check-ins", self.world.customer(), body, {})

    def create_event(self) -> Operation:
        body = {**self.event, "venue_id": self.venue["id"]}
        return Operation("post", "/v1/events", self.world.key, body, {})

    def change_event(self) -> Operation:
        path, headers = f"/v1/events/{self._event()['id']}", {"If-Match": '"1"'}
        return Operation("patch", path, self.world.key, self.event, headers)

    def _event(self) -> Any:
        made = self.create_event()
        return made.send(self.world, made.body).json

    def prove(self, kind: str, **members: Any) -> Callable[[], Operation]:
        body = {"kind": kind, "name": PROSE, **members}
        return lambda: Operation("post", self.proofs, self.world.key, body, {})

    def prove_anew(
        self, kind: str, body: dict[str, Any], **members: Any
    ) -> Callable[[], Operation]:
        def on_a_new_proof() -> Operation:
            path = f"{self.proofs}/{self._proof(kind, **members)['id']}/rotation"
            return Operation("post", path, self.world.key, body, {})

        return on_a_new_proof

    def _proof(self, kind: str, **members: Any) -> Any:
        made = self.prove(kind, **members)()
        return made.send(self.world, made.body).json

    def add(self, *evidence: dict[str, Any]) -> Callable[[], Operation]:
        def to_a_check_in() -> Operation:
            person = self.world.register()
            path = f"/v1/check-ins/{self._visit(person)['id']}/evidence"
            return Operation("post", path, person["access_token"], {"evidence": [*evidence]}, {})

        return to_a_check_in

    def void(self) -> Operation:
        path = f"/v1/check-ins/{self._visit()['id']}/void"
        return Operation("post", path, self.world.key, {"reason": PROSE}, {})

    def verify_receipt(self) -> Operation:
        person = self.world.register()
        body = {
            "receipt": self._visit(person)["receipt"],
            "venue_id": self.venue["id"],
            "customer_id": person["customer_id"],
            "min_level": "L1",
            "use": True,
        }
        return Operation("post", "/v1/receipts/verify", self.world.key, body, {})

    def ask_challenge(self) -> Operation:
        body = {"venue_id": self.venue["id"]}
        return Operation("post", "/v1/challenges", self.world.customer(), body, {})

    def bind_wristband(self) -> Operation:
        body = {"tag": TAG, "receipt": self._visit()["receipt"]}
        return Operation("post", "/v1/wristbands", self.world.key, body, {})

    def set_standing(self) -> Operation:
        found = self.world.ask("get", f"/v1/check-ins/{self._visit()['id']}/findings")
        body = {"standing": "tester", "note": PROSE}
        return Operation("put", f"/v1/standings/{found['customer']}", self.world.key, body, {})

    def report_taps(self) -> Operation:
        body = {"taps": [{"sequence": 1, "tag": TAG, "tapped_at": now().isoformat()}]}
        return Operation("post", "/v1/taps", self._proof("reader")["token"], body, {})

    def _visit(self, person: dict[str, Any] | None = None) -> dict[str, Any]:
        person = person or self.world.register()
        return self.world.check_in(person["access_token"], self.venue)


NAMES = [
    "create_api_key",
    "create_experiment",
    "plan_experiment",
    "promote_arm",
    "register_customer",
    "create_venue",
    "create_polygon",
    "change_venue",
    "create_venue_group",
    "change_venue_group",
    "create_offer",
    "create_charity_offer",
    "change_offer",
    "set_offer_status",
    "set_brand",
    "set_stacking",
    "create_export",
    "create_export_schedule",
    "simulate_check_in",
    "simulate_known",
    "simulate_replay",
    "check_in",
    "check_in_at_event",
    "create_event",
    "change_event",
    "create_venue_code",
    "create_poster_code",
    "create_nfc_tag",
    "create_beacon",
    "create_reader",
    "create_staff",
    "rotate_nfc_tag",
    "rotate_beacon",
    "rotate_staff",
    "add_evidence",
    "add_attestation",
    "add_assertion",
    "void_check_in",
    "verify_receipt",
    "ask_challenge",
    "bind_wristband",
    "set_standing",
    "report_taps",
    "redeem",
    "reverse_redemption",
    "create_promotion",
    "change_promotion",
    "copy_offer",
    "flag_offer",
    "report_app_events",
    "create_party",
    "add_friend",
    "create_referral",
    "create_webhook_endpoint",
    "change_webhook_endpoint",
    "rotate_webhook_secret",
    "sign_in_with_facebook",
    "sign_in_with_limited_login",
    "link_facebook",
    "find_facebook_pages",
    "connect_facebook_page",
    "create_facebook_post",
    "give_consent",
    "set_conversion_setting",
    "send_conversion_test",
]
VARIANTS = {
    "create_polygon": "create_venue",
    "create_charity_offer": "create_offer",
    "check_in_at_event": "check_in",
    "sign_in_with_limited_login": "sign_in_with_facebook",
    **dict.fromkeys(("simulate_check_in", "simulate_known", "simulate_replay"), "simulate_offer"),
    **dict.fromkeys(("add_attestation", "add_assertion"), "add_evidence"),
    **{f"create_{kind}": "create_venue_proof" for kind in KINDS},
    **{f"rotate_{kind}": "rotate_venue_proof" for kind in TAKES},
}
"""Of one operation, with other bodies."""
WITHOUT_BODY = {
    "refresh_tokens",
    "rotate_api_key",
    "import_venues",
    "import_promotions",
    "import_offer_codes",
}
"""Imports have their own tests, beside those of what they import."""
NOTHING_NEEDED = {"copy_offer", "create_party"}

LONG = "x" * 30_000
NO_TEXT = (7, True, 1.5, [], {}, "a\0b", "\ud800", "a\udfffb", LONG)
NO_INTEGER = ("1", 1.5, True, 10**30, -(10**30), [], {}, "")
NO_NUMBER = ("1.5", True, 10**350, [], {}, "")
NO_BOOLEAN = (1, 0, "true", [], {}, 1.0)
NO_LIST = ("x", 7, True, {}, None)
NO_OBJECT = ("x", 7, True, [], [{}])


def spoilt(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every way to spoil one thing in the body: the pointer to it, and the whole body spoilt."""
    if isinstance(value, dict):
        yield from ((pointer(path), bad) for bad in NO_OBJECT if path)
        yield pointer((*path, "no_such_member")), {**value, "no_such_member": 1}
        for name, member in value.items():
            for where, bad in spoilt(member, (*path, name)):
                yield where, {**value, name: bad}
    elif isinstance(value, list):
        yield from ((pointer(path), bad) for bad in NO_LIST)
        for index, item in enumerate(value):
            for where, bad in spoilt(item, (*path, index)):
                yield where, [*value[:index], bad, *value[index + 1 :]]
    elif value is not None:
        kinds = {str: NO_TEXT, bool: NO_BOOLEAN, int: NO_INTEGER, float: NO_NUMBER}
        yield from ((pointer(path), bad) for bad in kinds[type(value)])


def pointer(path: tuple[str | int, ...]) -> str:
    return "#" + "".join(f"/{step}" for step in path)


def counts(db: Database) -> dict[str, int]:
    names = [table.name for table in Model.metadata.sorted_tables]
    columns = ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in names)
    with db.transaction() as session:
        return dict(session.execute(text(f"SELECT {columns}")).mappings().one())


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.content_type == PROBLEM
    assert response.json["request_id"]
    return response.json


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_spoil_a_body_is_refused_where_it_is_spoilt(world, db, name):
    operation = operations(world)[name]()
    before = counts(db)
    wrong = []
    for where, body in spoilt(operation.body):
        if "charity" in name and not where.startswith(("#/reward", "#/rule")):
            continue
        response = operation.send(world, body)
        found = [error["pointer"] for error in (response.json or {}).get("errors", [])]
        named = any(where.startswith(place) or place.startswith(where) for place in found)
        if (response.status_code, response.content_type, named) != (422, PROBLEM, True):
            wrong.append((where, str(body)[:200], response.status_code, response.text[:300]))
    assert wrong == []
    assert counts(db) == before
    assert operation.send(world, operation.body).status_code < 300, "the sound body is taken"


def test_every_operation_with_a_body_is_spoilt(app):
    document = app.test_client().get("/openapi.json").json
    with_body = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "requestBody" in operation
    }
    assert with_body - WITHOUT_BODY == {VARIANTS.get(name, name) for name in NAMES}


def test_every_kind_of_evidence_is_spoilt(world):
    catalogue = operations(world)
    given = [catalogue[f"add_{name}"]() for name in ("evidence", "attestation", "assertion")]
    kinds = {piece["kind"] for operation in given for piece in operation.body["evidence"]}
    assert kinds == EvidenceSchema.type_schemas.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_body_of_nothing_names_what_is_missing_or_changes_nothing(world, name):
    operation = operations(world)[name]()
    response = operation.send(world, {})
    if operation.method == "patch":
        assert response.status_code == 200
        sound = {member: response.json[member] for member in operation.body}
        read = world.ask("get", operation.path)
        assert {member: read[member] for member in operation.body} == sound
    elif name in NOTHING_NEEDED:
        assert response.status_code == 201
    elif name.startswith("rotate_"):
        assert (response.status_code, response.json["version"]) == (201, 2)
    else:
        assert assert_problem(response, 422)["errors"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"name": "x"', id="cut off later"),
        pytest.param(b'{"name": "x",}', id="comma too many"),
        pytest.param(b"{'name': 'x'}", id="single quotes"),
        pytest.param(b'{"name": "x"} {}', id="two documents"),
        pytest.param(b'{"name": "x"} // no', id="comment"),
        pytest.param(b'{"name": NaN}', id="NaN"),
        pytest.param(b'{"name": Infinity}', id="Infinity"),
        pytest.param(b'{"name": -Infinity}', id="-Infinity"),
        pytest.param(b'{"name": 1e400}', id="1e400"),
        pytest.param(b'{"name": ' + b"9" * 5000 + b"}", id="5,000 digits"),
        pytest.param(b'{"name": ' + b"9" * 900_000 + b"}", id="900,000 digits"),
        pytest.param(b'{"name": "x", "name": "y"}', id="a name twice"),
        pytest.param(b'{"a": [{"b": 1, "b": 1}]}', id="a name twice within"),
        pytest.param(b'{"n\\u0061me": "x", "name": "y"}', id="a name twice, escaped"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100,000 lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="100,000 objects"),
        pytest.param(b'{"name": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"name": "\xed\xa0\x80"}', id="a surrogate as bytes"),
        pytest.param('{"name": "x"}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"name": "x"}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b"\0", id="NUL"),
        pytest.param(b'{"name": "a\0b"}', id="NUL within"),
        pytest.param(b'{"name": "a\nb"}', id="line break within"),
        pytest.param(b"name=x", id="a form"),
        pytest.param(b"<name>x</name>", id="XML"),
    ],
)
def test_what_is_not_json_is_refused_with_what_is_wrong(world: World, db: Database, raw: bytes):
    catalogue = operations(world)
    targets = [catalogue[name]() for name in ("create_venue_group", "check_in", "change_venue")]
    before = counts(db)
    for target in targets:
        response = world.call(
            target.method,
            target.path,
            target.token,
            data=raw,
            content_type="application/json",
            headers=target.headers,
        )
        problem = assert_problem(response, 400)
        assert problem["code"] == "bad-request"
        assert len(problem["detail"]) < 200
        assert "sys." not in problem["detail"]
    assert counts(db) == before


@pytest.mark.parametrize("depth", [100, 300, 500, 800, 990])
@pytest.mark.parametrize("operation", ["create_offer", "create_polygon", "check_in"])
def test_deep_nesting_is_refused_however_deep(world: World, depth: int, operation: str):
    target = operations(world)[operation]()
    member = {"create_offer": "reward", "create_polygon": "fence", "check_in": "evidence"}
    nested: Any = b"[" * depth + b"]" * depth
    if member[operation] == "fence":
        nested = b'{"type": "Polygon", "coordinates": ' + nested + b"}"
    raw = json.dumps({**target.body, member[operation]: "HERE"}).encode()
    response = world.call(
        "post",
        target.path,
        target.token,
        data=raw.replace(b'"HERE"', nested),
        content_type="application/json",
    )
    assert response.status_code in (400, 422)
    assert response.content_type == PROBLEM


@pytest.mark.parametrize("raw", [b"[]", b"[1]", b'"x"', b"1", b"1.5", b"true", b"null"])
def test_what_is_no_object_is_refused(world: World, raw: bytes):
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type="application/json"
    )
    problem = assert_problem(response, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["#"]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("a/b", "#/a~1b"),
        ("a~b", "#/a~0b"),
        ("a b", "#/a%20b"),
        ("æ", "#/%C3%A6"),
        ("", "#/"),
        ("\ud800", "#/%3F"),
        ("a\0b", "#/a%00b"),
        ("__proto__", "#/__proto__"),
        ('"><script>', "#/%22%3E%3Cscript%3E"),
    ],
)
def test_an_unknown_member_is_named_by_a_sound_pointer(world: World, name: str, where: str):
    response = world.call("post", "/v1/venue-groups", world.key, json={"name": "group", name: 1})
    problem = assert_problem(response, 422)
    assert problem["errors"] == [{"detail": "Unknown field.", "pointer": where}]


def test_a_byte_order_mark_is_passed_over(world: World):
    raw = b"\xef\xbb\xbf" + json.dumps({"name": "group"}).encode()
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type="application/json"
    )
    assert response.status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x",
        "json",
    ],
)
def test_another_content_type_is_refused(world: World, content_type: str | None):
    raw = json.dumps({"name": "group"}).encode()
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type=content_type
    )
    assert assert_problem(response, 415)["code"] == "unsupported-media-type"
    assert world.ask("get", "/v1/venue-groups")["items"] == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/JSON"]
)
def test_json_by_its_name_is_taken(world: World, content_type: str):
    raw = json.dumps({"name": "group"}).encode()
    response = world.call(
        "post", "/v1/venue-groups", world.key, data=raw, content_type=content_type
    )
    assert response.status_code == 201


@pytest.mark.parametrize(("more", "status"), [(0, 422), (1, 413)])
@pytest.mark.parametrize(
    ("method", "path"), [("post", "/v1/venue-groups"), ("patch", f"/v1/venues/{uuid.UUID(int=1)}")]
)
def test_a_body_may_have_one_mebibyte(world, method, path, more, status):
    frame = json.dumps({"name": ""}).encode()
    raw = frame[:-2] + b"x" * (MAX_BODY_BYTES - len(frame) + more) + frame[-2:]
    assert len(raw) == MAX_BODY_BYTES + more
    response = world.call(
        method,
        path,
        world.key,
        data=raw,
        content_type="application/json",
        headers={"If-Match": '"1"'},
    )
    assert_problem(response, status)


def test_an_import_may_have_more_but_not_any_amount(world: World):
    response = world.call(
        "post",
        "/v1/venues/import",
        world.key,
        data=b" " * (IMPORT_MAX_BYTES + 1),
        content_type="application/json",
    )
    assert assert_problem(response, 413)["code"] == "request-entity-too-large"


def test_an_empty_body_is_refused_where_one_is_needed(world: World):
    for options in ({}, {"data": b""}, {"data": b"", "content_type": "application/json"}):
        response = world.call("post", "/v1/venue-groups", world.key, **options)
        assert assert_problem(response, 400)["detail"]
        response = world.call("patch", f"/v1/venues/{uuid.uuid4()}", world.key, **options)
        assert assert_problem(response, 400)["detail"]


def test_a_whole_number_may_be_written_with_a_point_but_stays_whole(world: World):
    target = operations(world)["create_offer"]()
    offer = target.send(world, {**target.body, "value_minor": 2.0}).json
    assert (offer["value_minor"], type(offer["value_minor"])) == (2, int)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("get", "/v1/venues/{id}", "venue-not-found"),
        ("patch", "/v1/venues/{id}", "venue-not-found"),
        ("delete", "/v1/venues/{id}", "venue-not-found"),
        ("get", "/v1/venue-groups/{id}", "venue-group-not-found"),
        ("patch", "/v1/venue-groups/{id}", "venue-group-not-found"),
        ("delete", "/v1/venue-groups/{id}", "venue-group-not-found"),
        ("get", "/v1/offers/{id}", "offer-not-found"),
        ("patch", "/v1/offers/{id}", "offer-not-found"),
        ("post", "/v1/offers/{id}/status", "offer-not-found"),
        ("post", "/v1/offers/{id}/simulations", "offer-not-found"),
        ("get", "/v1/offers/{id}/why?customer={id}&venue_id={id}", "offer-not-found"),
        ("delete", "/v1/api-keys/{id}", "key-not-found"),
        ("post", "/v1/api-keys/{id}/rotation", "key-not-found"),
        ("get", "/v1/redemptions/{id}", "redemption-not-found"),
        ("post", "/v1/redemptions/{id}/reversal", "redemption-not-found"),
        ("get", "/v1/stats/venues/{id}/funnel", "venue-not-found"),
        ("get", "/v1/stats/offers/{id}/funnel", "offer-not-found"),
        ("get", "/v1/stats/offers/{id}/money?venue_id={id}", "offer-not-found"),
        ("get", "/v1/stats/groups/{id}/customers", "venue-group-not-found"),
        ("get", "/v1/stats/experiments/{id}", "experiment-not-found"),
        ("get", "/v1/stats/offers/{id}/pledges", "offer-not-found"),
        ("get", "/v1/stats/offers/{id}/report", "offer-not-found"),
        ("get", "/v1/stats/offers/{id}/switchback", "offer-not-found"),
        (
            "get",
            "/v1/stats/offers/{id}/venue-effect?from=2026-01-01T00:00:00Z",
            "offer-not-found",
        ),
        ("get", "/v1/events/{id}", "event-not-found"),
        ("patch", "/v1/events/{id}", "event-not-found"),
        ("delete", "/v1/events/{id}", "event-not-found"),
        ("get", "/v1/standings/{id}", "standing-not-found"),
        ("put", "/v1/standings/{id}", "pseudonym-unknown"),
        ("delete", "/v1/standings/{id}", "standing-not-found"),
        ("get", "/v1/venues/{id}/proofs", "venue-not-found"),
        ("get", "/v1/venues/{id}/proofs/{id}", "venue-not-found"),
        ("get", "/v1/venues/{venue}/proofs/{id}", "venue-proof-not-found"),
        ("delete", "/v1/venues/{venue}/proofs/{id}", "venue-proof-not-found"),
        ("post", "/v1/venues/{venue}/proofs/{id}/rotation", "venue-proof-not-found"),
        ("get", "/v1/venues/{venue}/proofs/{id}/poster", "venue-proof-not-found"),
        ("delete", "/v1/wristbands/{id}", "wristband-not-found"),
        ("post", "/v1/wristbands/{id}/loss", "wristband-not-found"),
        ("get", "/v1/check-ins/{id}/findings", "check-in-not-found"),
        ("post", "/v1/check-ins/{id}/void", "check-in-not-found"),
        ("get", "/v1/promotions/{id}", "promotion-not-found"),
        ("patch", "/v1/promotions/{id}", "promotion-not-found"),
        ("delete", "/v1/promotions/{id}", "promotion-not-found"),
        ("post", "/v1/notices/{id}/read", "notice-not-found"),
        ("post", "/v1/offers/{id}/copies", "offer-not-found"),
        ("get", "/v1/offers/{id}/staff-sheet", "offer-not-found"),
        ("get", "/v1/offers/{id}/comparison?with={id}", "offer-not-found"),
        ("get", "/v1/offers/{id}/codes", "offer-not-found"),
        ("get", "/v1/offers/{id}/codes.csv", "offer-not-found"),
        ("get", "/v1/offers/{id}/flags", "offer-not-found"),
    ],
)
def test_an_unknown_id_is_not_found(world: World, method: str, path: str, code: str):
    bodies = {
        "status": {"status": "active"},
        "reversal": {"reason": "x"},
        "void": {"reason": "x"},
        "simulations": {"kind": "replay"},
    }
    body = {"standing": "staff"} if method == "put" else bodies.get(path.rsplit("/", 1)[-1], {})
    response = world.call(
        method,
        path.format(id=uuid.uuid4(), venue=world.venue()["id"]),
        world.key,
        json=body,
        headers={"If-Match": '"1"'},
    )
    assert assert_problem(response, 404)["code"] == code


def test_an_unknown_id_is_not_found_by_customers_and_staff_either(world: World):
    proofs = f"/v1/venues/{world.venue()['id']}/proofs"
    staff = world.ask("post", proofs, json={"kind": "staff", "name": "Anna"})["token"]
    unknown, customer = uuid.uuid4(), world.customer()
    evidence = {"evidence": CODES[:1]}
    for path, token, body, code in (
        (f"check-ins/{unknown}/evidence", customer, evidence, "check-in-not-found"),
        (f"check-ins/{unknown}/confirmation", staff, None, "check-in-not-found"),
        (f"customers/me/wristbands/{unknown}/loss", customer, None, "wristband-not-found"),
    ):
        response = world.call("post", f"/v1/{path}", token, json=body)
        assert assert_problem(response, 404)["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("post", "offers/{id}/flags", {"problem": "other"}, "offer-not-held"),
        ("post", "offers/{id}/shares", None, "offer-not-running"),
        ("post", "referrals", {"token": "none"}, "share-not-found"),
        ("post", "parties", {"venue_id": "{id}"}, "venue-not-found"),
        ("get", "parties/K4TR-8WNB", None, "party-not-found"),
        ("get", "parties/%00", None, "party-not-found"),
        ("delete", "customers/me/friends/{id}", None, "friend-not-found"),
    ],
)
def test_what_people_pass_on_is_not_found_where_it_is_made_up(
    world: World, method: str, path: str, body: dict[str, str] | None, code: str
):
    unknown = str(uuid.uuid4())
    sent = body and {name: value.format(id=unknown) for name, value in body.items()}
    response = world.call(method, f"/v1/{path.format(id=unknown)}", world.customer(), json=sent)
    assert assert_problem(response, 404)["code"] == code


@pytest.mark.parametrize(
    "wrong", ["1", "x", "%00", "%FF", "..", "null", "0" * 32 + "0", "%F0%9F%8D%BA"]
)
def test_what_cannot_be_an_id_is_not_found(world: World, wrong: str):
    kinds = ("venues", "offers", "redemptions", "events", "standings", "promotions")
    paths = [f"{kind}/{wrong}" for kind in kinds]
    paths += [f"venues/{uuid.uuid4()}/proofs/{wrong}", f"check-ins/{wrong}/findings"]
    for path in (*paths, f"stats/venues/{wrong}/funnel"):
        response = world.call("get", f"/v1/{path}", world.key)
        assert assert_problem(response, 404)["code"] == "not-found"


NO_MOMENT = [
    "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+12:00",
    "1999-12-31T23:59:59Z",
    "2201-01-01T00:00:00Z",
    "2026-11-22T12:00:00",
    "2026-11-22",
    "2026-02-30T00:00:00Z",
    "2026-11-22T24:00:01Z",
    "2026-11-22T12:00:00+25:00",
    "2026-11-22T12:00:00 Europe/Copenhagen",
    "now",
    "",
    "٢٠٢٦-11-22T12:00:00Z",
    "1764000000",
]


@pytest.mark.parametrize("moment", NO_MOMENT)
def test_a_time_that_is_none_is_refused_wherever_it_stands(world: World, moment: str):
    catalogue = operations(world)
    for name, member in (
        ("create_api_key", "expires_at"),
        ("create_offer", "valid_from"),
        ("change_offer", "valid_to"),
        ("create_event", "starts_at"),
        ("change_event", "ends_at"),
    ):
        target = catalogue[name]()
        problem = assert_problem(target.send(world, {**target.body, member: moment}), 422)
        assert [error["pointer"] for error in problem["errors"]] == [f"#/{member}"]
    for name, members, member in (
        ("check_in", "evidence", "captured_at"),
        ("add_evidence", "evidence", "captured_at"),
        ("report_taps", "taps", "tapped_at"),
        ("report_app_events", "events", "at"),
    ):
        target = catalogue[name]()
        body = {**target.body, members: [{**target.body[members][0], member: moment}]}
        problem = assert_problem(target.send(world, body), 422)
        assert [error["pointer"] for error in problem["errors"]] == [f"#/{members}/0/{member}"]
    for path in (f"/v1/stats/venues/{uuid.uuid4()}/funnel", "/v1/redemptions"):
        response = world.call("get", path, world.key, query_string={"from": moment})
        problem = assert_problem(response, 422)
        assert [error["parameter"] for error in problem["errors"]] == ["from"]


@pytest.mark.parametrize(
    ("moment", "read"),
    [
        ("2030-11-22T12:00:00Z", "2030-11-22T12:00:00Z"),
        ("2030-11-22T12:00:00+05:30", "2030-11-22T06:30:00Z"),
        ("2030-11-22T12:00:00.123456Z", "2030-11-22T12:00:00.123456Z"),
        ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
    ],
)
def test_a_time_with_an_offset_is_read_and_written_in_utc(world: World, moment: str, read: str):
    target = operations(world)["create_offer"]()
    assert target.send(world, {**target.body, "valid_from": moment}).json["valid_from"] == read


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"lat": 120.5, "lon": 12.5}, "#/evidence/0/lat"),
        ({"lat": 12.5, "lon": 190.5}, "#/evidence/0/lon"),
        ({"lat": -90.000001}, "#/evidence/0/lat"),
        ({"lon": -180.000001}, "#/evidence/0/lon"),
        ({"accuracy_m": -0.001}, "#/evidence/0/accuracy_m"),
        ({"accuracy_m": 100_000.5}, "#/evidence/0/accuracy_m"),
        ({"kind": "telepathy"}, "#/evidence/0/kind"),
        ({"provider": "G P S"}, "#/evidence/0/provider"),
    ],
)
def test_a_position_out_of_range_is_refused(world, members, where):
    target = operations(world)["check_in"]()
    [fix] = target.body["evidence"]
    body = {**target.body, "evidence": [{**fix, **members}]}
    problem = assert_problem(target.send(world, body), 422)
    assert [error["pointer"] for error in problem["errors"]] == [where]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("lat=91&lon=0", "lat"),
        ("lat=0&lon=181", "lon"),
        ("lat=0", "lon"),
        ("lat=NaN&lon=0", "lat"),
        ("lat=inf&lon=0", "lat"),
        ("lat=1e400&lon=0", "lat"),
        ("lat=&lon=0", "lat"),
        ("lat=x&lon=0", "lat"),
        ("lat=%00&lon=0", "lat"),
        ("lat=%FF&lon=0", "lat"),
        ("lat=0&lon=0&radius_m=0", "radius_m"),
        ("lat=0&lon=0&radius_m=50001", "radius_m"),
        ("lat=0&lon=0&radius_m=nan", "radius_m"),
        ("lat=0&lon=0&limit=0", "limit"),
        ("lat=0&lon=0&limit=101", "limit"),
        ("lat=0&lon=0&limit=1.5", "limit"),
        ("lat=0&lon=0&limit=" + "9" * 5000, "limit"),
    ],
)
def test_a_query_out_of_bounds_is_refused_by_its_parameter(world, query, parameter):
    for path in ("nearby", "nearby.geojson"):
        response = world.call("get", f"/v1/venues/{path}?{query}", world.customer())
        problem = assert_problem(response, 422)
        assert [error["parameter"] for error in problem["errors"]] == [parameter]


@pytest.mark.parametrize(
    "query",
    ["status=%00", "status=%FF", "status=" + "x" * 5000, "status=", "status=active%00", "limit=-1"],
)
@pytest.mark.parametrize("path", ["venues", "offers", "events"])
def test_a_filter_that_is_none_is_refused(world: World, path: str, query: str):
    response = world.call("get", f"/v1/{path}?{query}", world.key)
    assert_problem(response, 422)


@pytest.mark.parametrize("word", ["%00", "%FF", "x" * 5000, "", "staff%00", "reader,staff", "7"])
def test_a_word_that_is_none_is_refused_by_its_parameter(world: World, word: str):
    venue = world.venue()
    proofs = f"/v1/venues/{venue['id']}/proofs"
    poster = world.ask("post", proofs, json={"kind": "poster_code", "name": "Door"})
    for query, parameter in (
        (f"{proofs}?kind={word}", "kind"),
        (f"{proofs}/{poster['id']}/poster?lang={word}", "lang"),
        (f"/v1/events?venue_id={word}", "venue_id"),
    ):
        problem = assert_problem(world.call("get", query, world.key), 422)
        assert [error["parameter"] for error in problem["errors"]] == [parameter]


@pytest.mark.parametrize(
    ("evidence", "where"),
    [
        ({"kind": "nfc_tag", "url": url}, "#/evidence/0/url")
        for url in (
            "https://example.com/t",
            "https://example.com/t?picc_data=00",
            "https://example.com/t?picc_data=zz&cmac=00",
            "https://example.com/t?uid=00&cmac=00",
            "https://example.com/t?uid=00&ctr=zz&cmac=00",
            "https://[/t?picc_data=00&cmac=00",
            "picc_data=00&cmac=00",
        )
    ]
    + [
        ({"kind": "beacon", "eid": "d43ef5aea25b0c0"}, "#/evidence/0/eid"),
        ({"kind": "beacon", "eid": "d43ef5aea25b0c0g"}, "#/evidence/0/eid"),
        ({"kind": "staff_pin", "pin": "12345"}, "#/evidence/0/pin"),
        ({"kind": "staff_pin", "pin": "123456\n"}, "#/evidence/0/pin"),
        ({"kind": "staff_pin", "pin": "١٢٣٤٥٦"}, "#/evidence/0/pin"),
        (
            {"kind": "app_assertion", **ANSWER, "key_id": "é", "assertion": "bGJz"},
            "#/evidence/0/key_id",
        ),
        (
            {"kind": "app_assertion", **ANSWER, "key_id": "", "assertion": "bGJz"},
            "#/evidence/0/key_id",
        ),
        ({"kind": "reader"}, "#/evidence/0/kind"),
        ({"kind": "staff", "pin": "381920"}, "#/evidence/0/kind"),
        ({"kind": "device_integrity"}, "#/evidence/0/kind"),
    ],
)
def test_evidence_that_no_device_sends_is_refused_where_it_is_wrong(world, evidence, where):
    target = operations(world)["add_evidence"]()
    problem = assert_problem(target.send(world, {"evidence": [evidence]}), 422)
    assert [error["pointer"] for error in problem["errors"]] == [where]


def test_one_piece_of_evidence_of_a_kind_is_taken_and_no_more(world):
    for name in ("add_evidence", "add_attestation"):
        target = operations(world)[name]()
        for piece in target.body["evidence"]:
            problem = assert_problem(target.send(world, {"evidence": [piece, piece]}), 422)
            assert [error["pointer"] for error in problem["errors"]] == ["#/evidence"]


def test_an_unknown_parameter_does_no_harm(world: World):
    response = world.call("get", "/v1/venues?no_such=1&no_such=2", world.key)
    assert response.status_code in (200, 422)
