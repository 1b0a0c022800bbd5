"""Every operation of the running service, fuzzed from the document: valid and invalid requests."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation as At

from tests.test_client import DOCUMENT
from tests.world import World

EXAMPLES = 25
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 20261122,
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
    }
)
SCHEMA = schemathesis.openapi.from_path(DOCUMENT, config=CONFIG)


class Caller:
    """Makes a generated request one that could come from a real caller: valid tokens, real ids."""

    def __init__(self, app: Flask, address: str) -> None:
        self.address, self.session = address, requests.Session()
        world = self.world = World(app)
        venue = world.venue()
        offer = world.offer(venue)
        self.customer = world.customer()
        first, second = (world.venue(east_m=east_m) for east_m in (500, 1000))
        world.offer(first, second)
        [unlock] = world.check_in(self.customer, venue)["unlocked"]
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
        positive: Callable[[At], bool] = lambda at: not case.meta.is_negative_at(at)
        if positive(At.PATH):
            fresh = self._fresh(name)
            for parameter in case.path_parameters or {}:
                case.path_parameters[parameter] = fresh or self.ids[parameter]
        if positive(At.QUERY) and case.query and "cursor" in case.query:
            case.query["cursor"] = base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()
        if positive(At.BODY) and isinstance(case.body, dict):
            self._real_ids(case.body)
        if positive(At.HEADER) and case.headers:
            if "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = str(uuid.uuid4())
            if "If-Match" in case.headers and positive(At.PATH):
                case.headers["If-Match"] = self._version(case.formatted_path)
        case.call_and_validate(
            base_url=self.address,
            session=self.session,
            headers={"Authorization": f"Bearer {self._token(operation)}"},
        )

    def _token(self, operation: dict[str, Any]) -> str:
        schemes = {name for requirement in operation.get("security", []) for name in requirement}
        if operation["operationId"] == "erase_customer":
            return self.world.customer()
        if "refresh_token" in schemes:
            return self.world.register()["refresh_token"]
        if "customer_token" in schemes:
            return self.customer
        return self.world.backend_key if "app_key" in schemes else self.world.key

    def _fresh(self, name: str) -> str | None:
        """Something to destroy."""
        if name == "retire_venue":
            return self.world.venue()["id"]
        if name == "delete_venue_group":
            return self._group()
        return self._key() if name == "revoke_api_key" else None

    def _real_ids(self, body: dict[str, Any]) -> None:
        if "venue_id" in body:
            body["venue_id"] = self.ids["venue_id"]
        for name in ("venue_ids", "group_ids"):
            if body.get(name):
                body[name] = [self.ids[name[:-1]]]

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


@SCHEMA.parametrize()
def test_operation(case: Any, caller: Caller):
    caller.send(case)
