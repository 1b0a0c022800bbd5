"""Every operation of the running service, fuzzed from the document: valid and invalid requests."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import schemathesis
from flask import Flask
from hypothesis import strategies
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation as At
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
)
from sqlalchemy import text

from tests.exports.making import made
from tests.test_client import DOCUMENT
from tests.world import World, ago, now

EXAMPLES = 6
MANY = 20
"""An import of 5,000 venues is for other tests."""
RULES_BEYOND_SCHEMA = {
    "add_evidence",
    "change_event",
    "change_offer",
    "change_promotion",
    "change_venue",
    "change_webhook_endpoint",
    "check_in",
    "compare_offers",
    "connect_facebook_page",
    "copy_offer",
    "create_api_key",
    "create_event",
    "create_experiment",
    "create_export",
    "create_export_schedule",
    "create_facebook_post",
    "create_offer",
    "create_promotion",
    "create_venue",
    "create_venue_proof",
    "create_webhook_endpoint",
    "give_consent",
    "import_offer_codes",
    "import_promotions",
    "import_venues",
    "link_facebook",
    "plan_experiment",
    "read_live_events",
    "read_offer_pledges",
    "read_offer_report",
    "read_offer_shares",
    *(
        f"read_{subject}_{answer}"
        for subject in ("offer", "venue", "group", "merchant")
        for answer in ("funnel", "series", "money", "retention", "hours", "customers")
    ),
    "read_venue_effect",
    "register_customer",
    "rotate_venue_proof",
    "sign_in_with_facebook",
    "simulate_offer",
}
"""
They refuse some requests that fit the schema, by rules no JSON Schema can state: `from` before
`to`, the first day before the last, known time zones and currencies, opening hours, shapes that are
simple and closed, one of two ids, one piece of evidence of a kind, addresses of tags, base64, both
keys of a tag or neither, what a kind of proof has no use for, scopes that go with venues, a count
of visits without the time of one, shares that come to 100 percent, what is CSV, addresses that can
be sent to, what was the id of an event, a token of Facebook's, of one kind, a Page that its person
has a part in, when a post may be published, telephone numbers and mailboxes. There,
positive_data_acceptance is off.
"""
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 20261122,
        "request-timeout": 60,
        "generation": {
            "max-examples": EXAMPLES,
            "deterministic": True,
            "no-shrink": True,
            "allow-x00": False,
            "with-security-parameters": False,
        },
        "checks": {
            # 428 is what a missing If-Match gets (RFC 6585).
            "missing_required_header": {"expected-statuses": [400, 422, 428]},
        },
    }
)
EXAMPLE_CODE, EXAMPLE_TAG = "7M3K-9QZ2-VX4A", "04A23B1C5D6E80"
EXAMPLE_INVITATION, EXAMPLE_FACEBOOK_TOKEN = "K4TR-8WNB-2QXM", "EAABwzLixnjYBAFOyZBq7ZBZC"
KEYS = {"read_kiosk_codes": "venue_code", "confirm_check_in": "staff", "report_taps": "reader"}
"""Which of a venue's keys an operation takes."""
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = strategies.integers(0, 200 * 365 * 86_400).map(
    lambda seconds: (FIRST + timedelta(seconds=seconds)).isoformat()
)
schemathesis.openapi.format("date-time", MOMENTS)  # the service takes the years 2000 to 2200
schemathesis.openapi.format("date", MOMENTS.map(lambda moment: moment[:10]))
SCHEMA = schemathesis.openapi.from_path(DOCUMENT, config=CONFIG)


class Caller:
    """Makes a generated request one that could come from a real caller: valid tokens, real ids."""

    def __init__(self, app: Flask, address: str) -> None:
        self.address, self.session = address, requests.Session()
        self.seen: defaultdict[str, set[int]] = defaultdict(set)
        world = self.world = World(app)
        venue = world.venue()
        offer = world.offer(venue)
        world.came_before(venue)
        self.customer = world.customer()
        self.venue = venue
        self.next_door = world.venue()
        self.changing_venue = world.venue(east_m=1000)
        self.changing_offer = world.offer(self.changing_venue)
        unlock = self._unlock(self.customer)
        scarce = world.venue()
        world.offer(scarce, reserve_s=600)
        [self.claimable] = world.check_in(self.customer, scarce)["unlocked"]
        flagged = world.venue()
        group = self._group(venue)
        redemption = world.redeem(unlock["code"], venue).json
        self.proofs = {kind: self._proof(kind) for kind in ("venue_code", "staff", "reader")}
        self.changing_proof, self.changing_event = self._proof("staff"), self._event()
        self.tag = uuid.uuid4().hex[:14]
        self.visitor = self.customer
        self.ids: dict[str, str] = {
            "venue_id": venue["id"],
            "offer_id": offer["id"],
            "group_id": group,
            "unlock_id": unlock["id"],
            "redemption_id": redemption["id"],
            "api_key_id": self._key(),
            "event_id": self._event(),
            "proof_id": self._proof("poster_code")["id"],
            "wristband_id": self._wristband(self.customer, self.tag),
            "check_in_id": unlock["check_in_id"],
            "customer": self._known(),
            "promotion_id": self._promotion(),
            "experiment_id": world.experiment(offer, start=False)["id"],
            "notice_id": world.pause_by_flags(world.offer(flagged), flagged)["id"],
            "export_id": self._export(),
            "schedule_id": self._schedule(),
            "party_code": world.ask("post", "/v1/parties", self.customer, json={})["code"],
            "webhook_endpoint_id": self._endpoint(),
            "webhook_delivery_id": "",
            "purpose": "conversions",
        }
        posted = self.world.post_to_facebook(offer)
        self.ids["facebook_page_id"] = posted["facebook_page_id"]
        self.ids["facebook_post_id"] = posted["id"]
        path = f"/v1/webhook-endpoints/{self.ids['webhook_endpoint_id']}/test"
        self.ids["webhook_delivery_id"] = world.ask("post", path)["id"]
        self.changing_endpoint = self._endpoint()
        self.targets: dict[tuple[str, str], Callable[[], str]] = {
            ("retire_venue", "venue_id"): lambda: self.world.venue()["id"],
            ("delete_venue_group", "group_id"): self._group,
            ("revoke_api_key", "api_key_id"): self._key,
            ("change_venue", "venue_id"): lambda: self.changing_venue["id"],
            ("change_offer", "offer_id"): lambda: self.changing_offer["id"],
            ("promote_arm", "experiment_id"): self._experiment,
            ("set_offer_status", "offer_id"): lambda: self.changing_offer["id"],
            ("import_offer_codes", "offer_id"): lambda: self.world.offer(status="draft")["id"],
            ("delete_promotion", "promotion_id"): self._promotion,
            ("remove_friend", "friend_id"): self._friend,
            ("change_event", "event_id"): lambda: self.changing_event,
            ("cancel_event", "event_id"): self._event,
            ("rotate_venue_proof", "proof_id"): lambda: self.changing_proof["id"],
            ("revoke_venue_proof", "proof_id"): lambda: self._proof("reader")["id"],
            ("unbind_wristband", "wristband_id"): self._wristband,
            ("delete_export_schedule", "schedule_id"): self._schedule,
            ("remove_standing", "customer"): self._known,
            ("add_evidence", "check_in_id"): self._check_in,
            ("confirm_check_in", "check_in_id"): self._check_in,
            ("void_check_in", "check_in_id"): self._check_in,
            ("cancel_reservation", "unlock_id"): self._reserved,
            ("change_webhook_endpoint", "webhook_endpoint_id"): lambda: self.changing_endpoint,
            ("disconnect_facebook_page", "facebook_page_id"): self._page,
            ("delete_webhook_endpoint", "webhook_endpoint_id"): self._spare_endpoint,
        }

    def _page(self) -> str:
        return str(self.world.connect_facebook_page()["id"])

    def send(self, case: Any) -> None:
        operation: dict[str, Any] = case.operation.definition.raw
        name = operation["operationId"]
        self._make_real(case, name)
        if "conversion" in name:
            self._set_conversions()
        off = [positive_data_acceptance] if name in RULES_BEYOND_SCHEMA else []
        if name == "import_venues" and (case.query or {}).get("mode") == "each":
            off.append(negative_data_rejection)  # what is refused is told in a 201
        if name == "read_live_events":
            off.append(response_schema_conformance)  # an event of a stream is no JSON of its own
        if 2 in self.seen[name]:
            off.append(ignored_auth)  # it sends two more requests; once an operation is enough
        response = case.call_and_validate(
            base_url=self.address,
            session=self.session,
            headers={"Authorization": f"Bearer {self._token(operation)}"},
            excluded_checks=off,
        )
        self.seen[name].add(response.status_code // 100)

    def _make_real(self, case: Any, name: str) -> None:
        """Leaves alone what is meant to be wrong."""
        right = {at for at in At if not case.meta.is_negative_at(at)}
        if At.PATH in right:
            for parameter in case.path_parameters or {}:
                case.path_parameters[parameter] = self._target(name, parameter)
        if At.QUERY in right and case.query:
            self._real_query(case.query, name)
        if At.BODY in right and isinstance(case.body, dict):
            self._real_ids(case.body)
            self._real_secrets(case.body)
            self._real_people(case.body)
        headers = case.headers or {}
        if At.HEADER in right and "Idempotency-Key" in headers:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if {At.HEADER, At.PATH} <= right and "If-Match" in headers:
            headers["If-Match"] = self._version(case.formatted_path)

    def _real_people(self, body: dict[str, Any]) -> None:
        """Tokens of people on Facebook."""
        if body.get("access_token") == EXAMPLE_FACEBOOK_TOKEN:
            body["access_token"] = self.world.facebook_token()
        if "person_token" in body:
            real = self.world.facebook_page()
            body |= {key: real[key] for key in real.keys() & body.keys()}

    def _real_query(self, query: dict[str, Any], name: str) -> None:
        if "cursor" in query:
            query["cursor"] = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()
        if "with" in query:
            query["with"] = [self.changing_offer["id"]]
        if name == "explain_offer":
            query |= {name: self.ids[name] for name in ("venue_id", "customer")}

    def _token(self, operation: dict[str, Any]) -> str:
        schemes = {name for requirement in operation.get("security", []) for name in requirement}
        if operation["operationId"] == "erase_customer":
            return self.world.customer()
        if operation["operationId"] == "add_evidence":
            return self.visitor
        if "refresh_token" in schemes:
            return self.world.register()["refresh_token"]
        if "customer_token" in schemes:
            return self.customer
        if "venue_key" in schemes:
            return self.proofs[KEYS[operation["operationId"]]]["token"]
        return self.world.backend_key if "app_key" in schemes else self.world.key

    def _target(self, name: str, parameter: str) -> str:
        """What the operation is about: to change or destroy, something no other test needs."""
        make = self.targets.get((name, parameter))
        return make() if make else self.ids[parameter]

    def _reserved(self) -> str:
        path = f"/v1/unlocks/{self.claimable['id']}/reservation"
        self.world.call("post", path, self.customer)
        return str(self.claimable["id"])

    def _check_in(self) -> str:
        """Of a new customer, who is the one to add evidence to it."""
        self.visitor = self.world.customer()
        return self.world.check_in(self.visitor, self.venue)["id"]

    def _real_secrets(self, body: dict[str, Any]) -> None:
        if body.get("code") == EXAMPLE_CODE:
            body["code"] = self._unlock()["code"]
        if body.get("code") == EXAMPLE_INVITATION:
            person = self.world.customer()
            body["code"] = self.world.ask("post", "/v1/friend-invitations", person)["code"]
        if set(body) == {"token"}:
            path = f"/v1/offers/{self.ids['offer_id']}/shares"
            body["token"] = self.world.ask("post", path, self.world.customer())["token"]
        if "receipt" in body:
            body["receipt"] = self.world.check_in(self.world.customer(), self.venue)["receipt"]
        for event in body.get("events", []):
            event |= {name: self.ids[name] for name in ("offer_id", "unlock_id") if name in event}
            self._real_ids(event)
        for tap in body.get("taps", []):
            if tap["tag"] == EXAMPLE_TAG:
                tap |= {"tag": self.tag, "tapped_at": now().isoformat()}

    def _real_ids(self, body: dict[str, Any]) -> None:
        if "features" in body:
            body["features"] = body["features"][:MANY]
        for name in ("venue_id", "event_id", "customer", "offer_id", "facebook_page_id"):
            if body.get(name):
                body[name] = self.ids[name]
        for name in ("venue_ids", "group_ids"):
            if body.get(name):
                body[name] = [self.ids[name[:-1]]]
        if "arm" in body:
            body["arm"] = "other"

    def _unlock(self, customer: str = "") -> dict[str, Any]:
        customer = customer or self.world.customer()
        [unlock] = self.world.check_in(customer, self.venue)["unlocked"]
        return unlock

    def _proof(self, kind: str) -> dict[str, Any]:
        body = {"kind": kind, "name": "Proof"}
        return self.world.ask("post", f"/v1/venues/{self.venue['id']}/proofs", json=body)

    def _wristband(self, customer: str = "", tag: str = "") -> str:
        """Bound to who has just come in next door, so that a tap here is a visit."""
        receipt = self.world.check_in(customer or self.world.customer(), self.next_door)["receipt"]
        body = {"tag": tag or uuid.uuid4().hex[:14], "receipt": receipt}
        return self.world.ask("post", "/v1/wristbands", json=body)["id"]

    def _event(self) -> str:
        times = {"starts_at": ago(hours=1), "ends_at": ago(hours=-1)}
        body = {"venue_id": self.venue["id"], "name": "Event", **times}
        return self.world.ask("post", "/v1/events", json=body)["id"]

    def _promotion(self) -> str:
        body = {"text": "2 for 1", "channel": "poster"}
        return self.world.ask("post", "/v1/promotions", json=body)["id"]

    def _experiment(self) -> str:
        """One that was started, on the offer of most requests, and runs no more."""
        offer = {"id": self.ids["offer_id"]}
        at_experiments = f"/v1/offers/{offer['id']}/experiments"
        self.world.ask("post", f"{at_experiments}/{self.ids['experiment_id']}/stop")
        made: str = self.world.experiment(offer)["id"]
        self.world.ask("post", f"{at_experiments}/{made}/stop")
        return made

    def _export(self) -> str:
        body = {"what": "ledger", "format": "csv", "from": ago(days=1), "to": ago(days=-1)}
        return made(self.world, self.world.ask("post", "/v1/stats/exports", json=body))["id"]

    def _schedule(self) -> str:
        regular = {"every": "month", "hour": 0, "time_zone": "Europe/Copenhagen"}
        body = {"what": "redemptions", "format": "csv", **regular}
        return self.world.ask("post", "/v1/stats/export-schedules", json=body)["id"]

    def _spare_endpoint(self) -> str:
        """A new one, and none but those of other tests beside: a merchant has at most 20."""
        for endpoint in self.world.ask("get", "/v1/webhook-endpoints")["items"][2:]:
            self.world.ask("delete", f"/v1/webhook-endpoints/{endpoint['id']}")
        return self._endpoint()

    def _endpoint(self) -> str:
        body = {"url": "https://cafe.example/hooks", "event_types": ["offer.unlocked"]}
        return self.world.ask("post", "/v1/webhook-endpoints", json=body)["id"]

    def _set_conversions(self) -> None:
        """There is one a merchant, which other requests delete."""
        body = {"dataset_id": "1", "access_token": "EAAG", "venue_ids": []}
        self.world.ask("put", "/v1/facebook/conversions", json=body)

    def _friend(self) -> str:
        return self.world.befriend(self.customer, self.world.customer())["id"]

    def _known(self) -> str:
        """The pseudonym of a customer with a standing."""
        seen = self.world.check_in(self.world.customer(), self.venue)
        found = self.world.ask("get", f"/v1/check-ins/{seen['id']}/findings")
        standing = {"standing": "tester"}
        self.world.ask("put", f"/v1/standings/{found['customer']}", json=standing)
        return found["customer"]

    def _version(self, path: str) -> str:
        return self.world.call("get", path, self.world.key).headers["ETag"]

    def _group(self, *venues: dict[str, Any]) -> str:
        body = {"name": "Group", "venue_ids": [venue["id"] for venue in venues]}
        return self.world.ask("post", "/v1/venue-groups", json=body)["id"]

    def _key(self) -> str:
        body = {"name": "Key", "scopes": ["stats"]}
        return self.world.ask("post", "/v1/api-keys", json=body)["id"]


@pytest.fixture(scope="module")
def caller(app: Flask, live: str) -> Iterator[Caller]:
    caller = Caller(app, live)
    yield caller
    caller.session.close()
    with caller.world.db.transaction() as session:  # out of the way of others' nearby search
        retire = text("UPDATE venue SET status = 'retired' WHERE merchant_id = :merchant")
        session.execute(retire, {"merchant": caller.world.merchant_id})


@SCHEMA.parametrize()
def test_operation(case: Any, caller: Caller):
    caller.send(case)


def test_every_operation_was_carried_out_at_least_once(caller: Caller):
    """So none of them was only ever refused, for want of a good token, say."""
    assert [name for name, kinds in caller.seen.items() if 2 not in kinds] == []
