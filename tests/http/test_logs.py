"""One line a request, and nothing in it that a reader of logs should not know."""

from __future__ import annotations

import io
import json
import logging
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bench.attack.devices import EidBeacon, Tag424
from lbs.app import create_app
from lbs.config import Settings
from lbs.http import logs
from lbs.proofs.rules.nfc_tag import TagKeys
from tests.world import World, now

SHOWN_ONCE = {
    *("secret", "otpauth_uri", "token", "kiosk_url", "code", "pin"),
    *("meta_read_key", "file_read_key", "identity_key"),
}


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


def test_a_visit_with_every_proof_leaves_no_secret_in_the_logs(world: World, log: Log):
    marks = {name: f"{name}-{uuid.uuid4().hex}" for name in ("staff", "attested", "note", "void")}
    pin, band = f"{uuid.uuid4().int % 10**12:012}", uuid.uuid4().hex[:14]
    venue = world.venue()
    world.offer(venue, min_level="L3")
    proofs = f"/v1/venues/{venue['id']}/proofs"
    given = {
        "venue_code": {},
        "poster_code": {},
        "nfc_tag": {"uid": uuid.uuid4().hex[:14]},
        "beacon": {},
        "reader": {},
        "staff": {"name": marks["staff"], "pin": pin},
    }
    made = {
        kind: world.ask("post", proofs, json={"kind": kind, "name": "x", **members})
        for kind, members in given.items()
    }
    rotated = world.ask("post", f"{proofs}/{made['beacon']['id']}/rotation", json={})
    world.call("get", f"{proofs}/{made['poster_code']['id']}/poster", world.key)
    world.call("get", f"/kiosk/{venue['id']}")
    digits = world.ask("get", "/v1/kiosk/codes", made["venue_code"]["token"])["codes"][0]["code"]
    shown = f"{digits[:3]} {digits[3:]}"
    tag = Tag424(
        bytes.fromhex(made["nfc_tag"]["uid"]),
        TagKeys(*(bytes.fromhex(made["nfc_tag"][f"{key}_read_key"]) for key in ("meta", "file"))),
    )
    url = tag.tap()
    said = url.partition("?")[2]
    world.call("get", f"/tap/{venue['id']}?{said}")
    clock = datetime.fromisoformat(rotated["started_at"])
    key = bytes.fromhex(rotated["identity_key"])
    eid = EidBeacon(key, rotated["rotation_exponent"], clock).broadcast(now())

    person = world.register()
    customer = person["access_token"]
    challenge = world.ask("post", "/v1/challenges", customer, json={"venue_id": venue["id"]})
    answer = {"challenge": challenge["challenge"], "token": marks["attested"]}
    seen = world.check_in(customer, venue)
    at_check_in = f"/v1/check-ins/{seen['id']}"
    evidence = [
        {"kind": "venue_code", "code": shown},
        {"kind": "poster_code", "code": made["poster_code"]["code"]},
        {"kind": "nfc_tag", "url": url},
        {"kind": "beacon", "eid": eid},
        {"kind": "staff_pin", "pin": pin},
        {"kind": "play_integrity", **answer},
    ]
    added = world.ask("post", f"{at_check_in}/evidence", customer, json={"evidence": evidence})
    again = {"evidence": [*evidence[2:], {"kind": "poster_code", "code": "7M3K-9QZ2-VX4B"}]}
    world.call("post", f"{at_check_in}/evidence", customer, json=again)
    world.call("post", f"{at_check_in}/confirmation", made["staff"]["token"])
    receipt = {"receipt": added["receipt"], "use": True}
    world.ask("post", "/v1/receipts/verify", json=receipt)
    world.ask("post", "/v1/wristbands", json={"tag": band, "receipt": seen["receipt"]})
    tapped = {"sequence": 1, "tag": band, "tapped_at": now().isoformat()}
    world.ask("post", "/v1/taps", made["reader"]["token"], json={"taps": [tapped]})
    found = world.ask("get", f"{at_check_in}/findings")
    note = {"standing": "tester", "note": marks["note"]}
    world.ask("put", f"/v1/standings/{found['customer']}", json=note)
    world.ask("post", f"{at_check_in}/void", json={"reason": marks["void"]})
    stale = made["venue_code"]["token"][:-1]
    world.call("get", "/v1/kiosk/codes", stale)

    assert added["level"] == "L3"
    assert [proof["outcome"] for proof in found["proofs"]][:5] == ["valid"] * 5
    assert len(log.lines()) > 20
    text = log.getvalue()
    secrets = {
        **marks,
        "PIN": pin,
        "wristband": band,
        "code": shown,
        "mistyped code": "7M3K-9QZ2-VX4B",
        "tag's address": said,
        "tag's answer": said.rpartition("=")[2],
        "UID": made["nfc_tag"]["uid"],
        "beacon's identifier": eid,
        "challenge": challenge["challenge"],
        "first receipt": seen["receipt"],
        "second receipt": added["receipt"],
        "stale key": stale,
        "any venue's key": "lbp_",
        "pseudonym": found["customer"],
        "customer": person["customer_id"],
        "bearer": "Bearer",
        "query": "picc_data",
        "new beacon's key": rotated["identity_key"],
        **{
            f"{kind}'s {name}": proof[name]
            for kind, proof in made.items()
            for name in SHOWN_ONCE & proof.keys()
        },
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
