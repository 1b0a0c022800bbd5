"""Every operation of the running service, fuzzed from the document: valid and invalid requests."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Iterator
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
)
from sqlalchemy import text

from tests.test_client import DOCUMENT
from tests.world import World

EXAMPLES = 10
MANY = 20
"""An import of 5,000 venues is for other tests."""
RULES_BEYOND_SCHEMA = {
    "change_offer",
    "change_venue",
    "check_in",
    "create_api_key",
    "create_offer",
    "create_venue",
    "import_venues",
    "read_offer_series",
    "read_offer_stats",
    "read_venue_series",
    "read_venue_stats",
    "register_customer",
}
"""
They refuse some requests that fit the schema, by rules no JSON Schema can state: `from` before
`to`, known time zones and currencies, opening hours, shapes that are simple and closed, at least
one of two ids, one piece of evidence of a kind, scopes that go with venues. There,
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
EXAMPLE_CODE = "7M3K-9QZ2-VX4A"
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
MOMENTS = strategies.integers(0, 200 * 365 * 86_400).map(
    lambda seconds: (FIRST + timedelta(seconds=seconds)).isoformat()
)
schemathesis.openapi.format("date-time", MOMENTS)  # the service takes the years 2000 to 2200
SCHEMA = schemathesis.openapi.from_path(DOCUMENT, config=CONFIG)


class Caller:
    """Makes a generated request one that could come from a real caller: valid tokens, real ids."""

    def __init__(self, app: Flask, address: str) -> None:
        self.address, self.session = address, requests.Session()
        self.seen: defaultdict[str, set[int]] = defaultdict(set)
        world = self.world = World(app)
        venue = world.venue()
        offer = world.offer(venue)
        self.customer = world.customer()
        self.venue = venue
        self.changing_venue = world.venue(east_m=1000)
        self.changing_offer = world.offer(self.changing_venue)
        unlock = self._unlock(self.customer)
        group = self._group(venue)
        redemption = world.redeem(unlock["code"], venue).json
        self.ids: dict[str, str] = {
            "venue_id": venue["id"],
            "offer_id": offer["id"],
            "group_id": group,
            "unlock_id": unlock["id"],
            "redemption_id": redemption["id"],
            "api_key_id": self._key(),
        }

    def send(self, case: Any) -> None:
        operation: dict[str, Any] = case.operation.definition.raw
        name = operation["operationId"]
        self._make_real(case, name)
        off = [positive_data_acceptance] if name in RULES_BEYOND_SCHEMA else []
        if name == "import_venues" and (case.query or {}).get("mode") == "each":
            off.append(negative_data_rejection)  # what is refused is told in a 201
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
        if At.QUERY in right and "cursor" in (case.query or {}):
            case.query["cursor"] = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()
        if At.BODY in right and isinstance(case.body, dict):
            self._real_ids(case.body)
        headers = case.headers or {}
        if At.HEADER in right and "Idempotency-Key" in headers:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if {At.HEADER, At.PATH} <= right and "If-Match" in headers:
            headers["If-Match"] = self._version(case.formatted_path)

    def _token(self, operation: dict[str, Any]) -> str:
        schemes = {name for requirement in operation.get("security", []) for name in requirement}
        if operation["operationId"] == "erase_customer":
            return self.world.customer()
        if "refresh_token" in schemes:
            return self.world.register()["refresh_token"]
        if "customer_token" in schemes:
            return self.customer
        return self.world.backend_key if "app_key" in schemes else self.world.key

    def _target(self, name: str, parameter: str) -> str:
        """What the operation is about: to change or destroy, something no other test needs."""
        match name:
            case "retire_venue":
                return self.world.venue()["id"]
            case "delete_venue_group":
                return self._group()
            case "revoke_api_key":
                return self._key()
            case "change_venue":
                return self.changing_venue["id"]
            case "change_offer" | "set_offer_status":
                return self.changing_offer["id"]
        return self.ids[parameter]

    def _real_ids(self, body: dict[str, Any]) -> None:
        if body.get("code") == EXAMPLE_CODE:
            body["code"] = self._unlock()["code"]
        if "venue_id" in body:
            body["venue_id"] = self.ids["venue_id"]
        if "features" in body:
            body["features"] = body["features"][:MANY]
        for name in ("venue_ids", "group_ids"):
            if body.get(name):
                body[name] = [self.ids[name[:-1]]]

    def _unlock(self, customer: str = "") -> dict[str, Any]:
        customer = customer or self.world.customer()
        [unlock] = self.world.check_in(customer, self.venue)["unlocked"]
        return unlock

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
