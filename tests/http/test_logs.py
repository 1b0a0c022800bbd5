"""One line a request, and nothing in it that a reader of logs should not know."""

from __future__ import annotations

import io
import json
import logging
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lbs.app import create_app
from lbs.config import Settings
from lbs.http import logs
from tests.world import World


class Log(io.StringIO):
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log(monkeypatch, settings: Settings) -> Iterator[Log]:
    """All that is logged, at the most talkative level, also by the libraries."""
    written = Log()
    handler = logging.StreamHandler(written)
    root, level = logging.getLogger(), logging.getLogger().level
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        logs.configure("debug")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)
    logs.configure(settings.log_level)


def test_a_request_is_one_line_with_its_id_route_and_status(world: World, log: Log):
    venue = world.venue()
    log.truncate(0)
    log.seek(0)
    world.call("get", f"/v1/venues/{venue['id']}?a=b", world.key, headers={"X-Request-ID": "abc-1"})
    [line] = log.lines()
    assert line["event"] == "request"
    assert line["request_id"] == "abc-1"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["route"] == "/v1/venues/<uuid:venue_id>"
    assert line["ms"] >= 0
    assert line["timestamp"].endswith("Z")
    assert line["level"] == "info"


def test_a_whole_journey_leaves_no_secret_in_the_logs(world: World, log: Log):
    marks = {name: f"{name}-{uuid.uuid4().hex}" for name in ("teaser", "terms", "device", "query")}
    venue = world.venue()
    world.offer(venue, teaser=marks["teaser"], terms=marks["terms"])
    key = world.ask("post", "/v1/api-keys", json={"name": "till", "scopes": ["redeem"]})
    person = world.register(device_id=marks["device"])
    token = person["access_token"]
    lat, lon = str(world.lat + 0.000123), str(world.lon + 0.000456)
    place = f"lat={lat}&lon={lon}"
    world.call("get", f"/v1/venues/nearby?{place}&{marks['query']}=1", token)
    far = world.check_in(token, venue, north_m=777.7)
    seen = world.check_in(token, venue, north_m=3.21)
    [unlock] = seen["unlocked"]
    world.call("get", f"/v1/unlocks/{unlock['id']}/qr.png", token)
    mistyped = "7M3K-9QZ2-VX4B"
    world.redeem(mistyped, venue, key["token"])
    world.redeem(unlock["code"], venue, key["token"])
    refreshed = world.ask("post", "/v1/tokens", person["refresh_token"])
    world.call("get", "/v1/venues", "garbage-token-4711")
    cut_off = {"data": b'{"secret-body": ', "content_type": "application/json"}
    world.call("post", "/v1/check-ins", token, **cut_off)
    world.call("get", "/v1/venues?cursor=secret-cursor", world.key)
    world.call("get", "/nowhere/secret-path")
    world.call("delete", "/v1/customers/me", refreshed["access_token"])

    assert far["verdict"] == "rejected"
    assert len(log.lines()) > 12
    text = log.getvalue()
    secrets = {
        **marks,
        "merchant's key": world.key,
        "till's key": key["token"],
        "publishable key": world.publishable_key,
        "access token": token,
        "refresh token": person["refresh_token"],
        "second refresh token": refreshed["refresh_token"],
        "receipt": seen["receipt"],
        "code": unlock["code"],
        "code without dashes": unlock["code"].replace("-", ""),
        "mistyped code": mistyped,
        "latitude asked": lat,
        "longitude asked": lon,
        "latitude of the check-in": str(world.location(north_m=3.21)["lat"]),
        "garbage": "garbage-token",
        "body": "secret-body",
        "cursor": "secret-cursor",
        "path": "secret-path",
        "bearer": "Bearer",
        "query": "lat=",
        "customer": person["customer_id"],
    }
    assert [name for name, secret in secrets.items() if secret in text] == []


def test_a_crash_is_logged_with_where_it_was_and_not_with_what_it_held(
    world: World, log: Log, monkeypatch
):
    venue = world.venue()
    world.offer(venue)
    customer = world.customer()
    [unlock] = world.check_in(customer, venue)["unlocked"]

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"code {unlock['code']} at {world.lat}, {world.lon}")

    monkeypatch.setattr("lbs.redemptions.service.redeem", fail)
    log.truncate(0)
    log.seek(0)
    assert world.redeem(unlock["code"], venue).status_code == 500
    crash, request = log.lines()
    assert (crash["event"], crash["level"], crash["error"]) == ("crash", "error", "RuntimeError")
    assert crash["request_id"] == request["request_id"]
    assert any("test_logs.py" in frame for frame in crash["where"])
    assert request["status"] == 500
    assert unlock["code"] not in log.getvalue()
    assert str(world.lat) not in log.getvalue()
    assert world.key not in log.getvalue()


def test_a_database_error_does_not_log_the_statement_or_its_values(
    world: World, log: Log, monkeypatch
):
    """SQLAlchemy's own text holds both."""
    secret = uuid.uuid4().hex

    def fail(session: Any, *_: Any, **__: Any) -> None:
        from sqlalchemy import text  # noqa: PLC0415

        session.execute(text("SELECT CAST(:secret AS int)"), {"secret": secret})

    monkeypatch.setattr("lbs.venues.service.load_venue", fail)
    response = world.call("get", f"/v1/venues/{uuid.uuid4()}", world.key)
    assert response.status_code == 500
    assert secret not in log.getvalue()
    assert secret not in response.text
    assert "SELECT" not in log.getvalue()


@pytest.mark.parametrize(("level", "lines"), [("info", 1), ("warning", 0), ("error", 0)])
def test_below_the_level_that_is_set_nothing_is_logged(settings, monkeypatch, log, level, lines):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", log)
        app = create_app(replace(settings, log_level=level))
    app.test_client().get("/livez")
    app.extensions["lbs_database"].engine.dispose()
    assert len(log.lines()) == lines
