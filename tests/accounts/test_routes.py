"""API keys, customers, their tokens and their erasure, through the interface."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import text

from lbs.accounts.auth import ACCESS, RECEIPT, KeyRing, rotate_signing_key
from lbs.accounts.policy import SCOPES
from lbs.app import create_app
from lbs.config import Settings
from lbs.db import Database, Model
from tests.world import World, now


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """The clock stands still at that moment."""
    with time_machine.travel(moment, tick=False):
        yield


def later(**delta: float) -> datetime:
    return now() + timedelta(**delta)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def rows_holding(db: Database, needle: str) -> dict[str, int]:
    """The tables in which some row holds the text, also within bytes, and how many do."""
    tables = """
        SELECT c.oid::regclass::text AS name FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    """
    with db.transaction() as session:
        return {
            name: count
            for name in session.scalars(text(tables)).all()
            if (
                count := session.scalar(
                    text(
                        f"SELECT count(*) FROM {name} AS t"
                        " WHERE position(:plain IN t::text) > 0 OR position(:hex IN t::text) > 0"
                    ),
                    {"plain": needle, "hex": needle.encode().hex()},
                )
            )
        }


# --- API keys ------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_with_one_scope_may_do_that_and_nothing_else(world: World, scope: str):
    venue = world.venue()
    key = world.key_with(scope)
    paths = {
        "venues": "/v1/venues",
        "offers": "/v1/offers",
        "redeem": "/v1/redemptions",
        "support": "/v1/standings",
        "stats": f"/v1/stats/venues/{venue['id']}/funnel",
        "webhooks": "/v1/webhook-endpoints",
    }
    assert set(paths) == set(SCOPES)
    for needed, path in paths.items():
        response = world.call("get", path, key)
        if needed == scope:
            assert response.status_code == 200
        else:
            assert code_of(response) == (403, "scope-missing")
    assert code_of(world.call("get", "/v1/api-keys", key)) == (403, "scope-missing")


def test_a_new_key_is_shown_with_its_token_once(world: World):
    body = {"name": "Till 1", "scopes": ["stats", "redeem", "redeem"]}
    made = world.ask("post", "/v1/api-keys", json=body, status=201)
    assert made["name"] == "Till 1"
    assert made["scopes"] == ["redeem", "stats"]
    assert (made["venue_ids"], made["expires_at"], made["revoked_at"]) == ([], None, None)
    listed = world.ask("get", "/v1/api-keys")["items"]
    assert listed[0]["id"] == made["id"]
    assert all("token" not in key for key in listed)
    assert made["token"] not in json.dumps(listed)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": ["redeem"]}, "#/name"),
        ({"name": "key"}, "#/scopes"),
        ({"name": "key", "scopes": []}, "#/scopes"),
        ({"name": "key", "scopes": ["owner"]}, "#/scopes/0"),
        ({"name": "key", "scopes": ["redeem", None]}, "#/scopes/1"),
        ({"name": "key", "scopes": [["redeem"]]}, "#/scopes/0"),
        ({"name": "key", "scopes": "redeem"}, "#/scopes"),
        ({"name": " ", "scopes": ["redeem"]}, "#/name"),
        ({"name": "k" * 101, "scopes": ["redeem"]}, "#/name"),
        ({"name": "key", "scopes": ["redeem"], "venue_ids": ["1"]}, "#/venue_ids/0"),
        ({"name": "key", "scopes": ["redeem"], "expires_at": "tomorrow"}, "#/expires_at"),
        ({"name": "key", "scopes": ["redeem"], "expires_at": "2099-01-01T00:00"}, "#/expires_at"),
    ],
)
def test_a_key_that_is_not_well_formed_is_refused_where_it_is_wrong(world, body, pointer):
    problem = world.ask("post", "/v1/api-keys", json=body, status=422)
    assert pointer in [error["pointer"] for error in problem["errors"]]


def test_a_key_is_good_until_the_moment_it_expires(world: World):
    expires_at = later(hours=1)
    body = {"name": "key", "scopes": ["venues"], "expires_at": expires_at.isoformat()}
    token = world.ask("post", "/v1/api-keys", json=body)["token"]
    with at(expires_at - timedelta(microseconds=1)):
        assert world.call("get", "/v1/venues", token).status_code == 200
    with at(expires_at):
        assert code_of(world.call("get", "/v1/venues", token)) == (401, "bad-token")


def test_a_till_key_is_refused_at_another_venue_of_its_merchant(world: World):
    here, there = world.venue(), world.venue(east_m=1000)
    offer = world.offer(here, there)
    till = world.key_with("redeem", "stats", venues=(here,))
    customer = world.customer()
    [unlock] = world.check_in(customer, here)["unlocked"]

    refused = (403, "venue-not-allowed")
    assert code_of(world.redeem(unlock["code"], there, till)) == refused
    assert code_of(world.call("get", f"/v1/stats/venues/{there['id']}/funnel", till)) == refused
    series = f"/v1/stats/venues/{there['id']}/series?from=2026-01-01T00:00Z&to=2026-01-02T00:00Z"
    assert code_of(world.call("get", series, till)) == refused
    of_offer = f"/v1/stats/offers/{offer['id']}/funnel"
    assert code_of(world.call("get", f"{of_offer}?venue_id={there['id']}", till)) == refused
    assert code_of(world.call("get", f"/v1/redemptions?venue_id={there['id']}", till)) == refused

    assert world.redeem(unlock["code"], here, till).status_code == 201
    assert world.totals(f"venues/{here['id']}", till)["redemptions"] == 1
    for query in ({}, {"venue_id": here["id"]}):
        assert world.totals(f"offers/{offer['id']}", till, **query)["redemptions"] == 1


def test_a_till_key_does_not_see_what_was_redeemed_at_another_venue(world: World):
    here, there = world.venue(), world.venue(east_m=1000)
    world.offer(here, there)
    till = world.key_with("redeem", venues=(here,))
    [unlock] = world.check_in(world.customer(), here)["unlocked"]
    redemption = world.redeem(unlock["code"], there).json
    path = f"/v1/redemptions/{redemption['id']}"
    assert code_of(world.call("get", path, till)) == (404, "redemption-not-found")
    reverse = world.call("post", f"{path}/reversal", till, json={"reason": "Mine now"})
    assert code_of(reverse) == (404, "redemption-not-found")
    assert world.ask("get", "/v1/redemptions", till)["items"] == []
    assert [row["id"] for row in world.ask("get", "/v1/redemptions")["items"]] == [redemption["id"]]


@pytest.mark.parametrize(
    "scopes", [["venues"], ["offers"], ["support"], ["redeem", "offers"], list(SCOPES)]
)
def test_only_redeem_and_stats_can_be_restricted_to_venues(world: World, scopes: list[str]):
    body = {"name": "key", "scopes": scopes, "venue_ids": [world.venue()["id"]]}
    problem = world.ask("post", "/v1/api-keys", json=body, status=422)
    assert [error["pointer"] for error in problem["errors"]] == ["#/venue_ids"]


def test_a_key_cannot_be_restricted_to_another_merchants_venue(world, other_world):
    foreign = other_world.venue()
    for venue_id in (foreign["id"], str(uuid.uuid4())):
        body = {"name": "key", "scopes": ["redeem"], "venue_ids": [world.venue()["id"], venue_id]}
        response = world.call("post", "/v1/api-keys", world.key, json=body)
        assert code_of(response) == (404, "key-venue-not-found")
    assert len(world.ask("get", "/v1/api-keys")["items"]) == 1


def test_keys_are_listed_newest_first_page_by_page(world: World):
    made = [world.ask("post", "/v1/api-keys", json=_key(f"key {n}"))["id"] for n in range(4)]
    seen: list[str] = []
    cursor, pages = "", 0
    while True:
        page = world.ask("get", f"/v1/api-keys?limit=2{cursor and f'&cursor={cursor}'}")
        assert len(page["items"]) <= 2
        seen += [key["id"] for key in page["items"]]
        pages += 1
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == 3
    assert seen[:4] == made[::-1]
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=1e3", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "A" * 100, "cursor"),
        ("cursor=%C3%A6", "cursor"),
    ],
)
def test_a_page_that_cannot_be_is_refused_by_its_parameter(world, query, parameter):
    problem = world.ask("get", f"/v1/api-keys?{query}", status=422)
    assert [error["parameter"] for error in problem["errors"]] == [parameter]


@pytest.mark.parametrize("limit", [1, 200])
def test_the_limits_of_a_page_are_taken(world: World, limit: int):
    assert len(world.ask("get", f"/v1/api-keys?limit={limit}")["items"]) == 1


def test_a_rotated_keys_old_token_is_refused_at_once(world: World):
    venue = world.venue()
    old = world.ask(
        "post",
        "/v1/api-keys",
        json={"name": "till", "scopes": ["redeem"], "venue_ids": [venue["id"]]},
    )
    assert world.call("get", "/v1/redemptions", old["token"]).status_code == 200
    new = world.ask("post", f"/v1/api-keys/{old['id']}/rotation", status=201)
    assert new["token"] != old["token"]
    assert {**new, "token": ""} == {**old, "token": ""}
    assert code_of(world.call("get", "/v1/redemptions", old["token"])) == (401, "bad-token")
    assert world.call("get", "/v1/redemptions", new["token"]).status_code == 200


def test_only_a_living_key_of_ones_own_can_be_rotated(world: World, other_world: World):
    foreign = other_world.ask("post", "/v1/api-keys", json=_key("theirs"))
    revoked = world.ask("post", "/v1/api-keys", json=_key("revoked"))
    world.ask("delete", f"/v1/api-keys/{revoked['id']}")
    expired = world.ask(
        "post", "/v1/api-keys", json={**_key("expired"), "expires_at": later(hours=-1).isoformat()}
    )
    for key_id in (foreign["id"], revoked["id"], expired["id"], str(uuid.uuid4())):
        response = world.call("post", f"/v1/api-keys/{key_id}/rotation", world.key)
        assert code_of(response) == (404, "key-not-found")
    assert other_world.call("get", "/v1/redemptions", foreign["token"]).status_code == 200


def test_a_revoked_key_is_refused_from_the_next_request_on(world: World):
    key = world.ask("post", "/v1/api-keys", json=_key("till"))
    assert world.call("get", "/v1/redemptions", key["token"]).status_code == 200
    for _ in range(2):
        world.ask("delete", f"/v1/api-keys/{key['id']}", status=204)
    assert code_of(world.call("get", "/v1/redemptions", key["token"])) == (401, "bad-token")
    [listed, _] = world.ask("get", "/v1/api-keys")["items"]
    assert listed["id"] == key["id"]
    assert listed["revoked_at"] is not None


def test_a_key_cannot_revoke_itself_but_another_owners_key_can(world: World):
    own = world.ask("get", "/v1/api-keys")["items"][0]["id"]
    assert code_of(world.call("delete", f"/v1/api-keys/{own}", world.key)) == (409, "key-in-use")
    second = world.key_with(*SCOPES)
    world.ask("delete", f"/v1/api-keys/{own}", second, status=204)
    assert code_of(world.call("get", "/v1/venues", world.key)) == (401, "bad-token")


def test_another_merchants_key_cannot_be_revoked(world: World, other_world: World):
    key = other_world.ask("post", "/v1/api-keys", json=_key("theirs"))
    for key_id in (key["id"], str(uuid.uuid4())):
        response = world.call("delete", f"/v1/api-keys/{key_id}", world.key)
        assert code_of(response) == (404, "key-not-found")
    assert other_world.call("get", "/v1/redemptions", key["token"]).status_code == 200


def test_only_an_owners_key_manages_keys(world: World):
    owner = world.key_with(*SCOPES)
    for missing in SCOPES:
        key = world.key_with(*(scope for scope in SCOPES if scope != missing))
        for method, path in (
            ("get", "/v1/api-keys"),
            ("post", "/v1/api-keys"),
            ("delete", f"/v1/api-keys/{uuid.uuid4()}"),
            ("post", f"/v1/api-keys/{uuid.uuid4()}/rotation"),
        ):
            response = world.call(method, path, key, json=_key("x"))
            assert code_of(response) == (403, "scope-missing")
    assert world.call("get", "/v1/api-keys", owner).status_code == 200
    for app_key in (world.publishable_key, world.backend_key):
        assert code_of(world.call("get", "/v1/api-keys", app_key)) == (401, "bad-token")


def test_secrets_are_nowhere_in_the_database_in_clear(world: World, db: Database):
    made = world.ask("post", "/v1/api-keys", json=_key("till"))
    rotated = world.ask("post", f"/v1/api-keys/{made['id']}/rotation")
    device = str(uuid.uuid4())
    session = world.register(device_id=device)
    refreshed = world.ask("post", "/v1/tokens", session["refresh_token"])
    secrets = [
        made["token"].split("_", 2)[2],
        rotated["token"].split("_", 2)[2],
        world.key.split("_", 2)[2],
        world.publishable_key.split("_", 2)[2],
        world.backend_key.split("_", 2)[2],
        session["refresh_token"].split("_", 2)[2],
        session["access_token"],
        refreshed["refresh_token"].split("_", 2)[2],
        refreshed["access_token"],
        device,
    ]
    assert {secret: rows_holding(db, secret) for secret in secrets} == {s: {} for s in secrets}


@pytest.mark.parametrize(
    "spoiled",
    [
        "x",
        "lbs_{key_id}_{secret}x",
        "lbs_{key_id}_x{secret}",
        "lbs_{key_id}_",
        "lbs_{key_id}",
        "LBS_{key_id}_{secret}",
        "lbz_{key_id}_{secret}",
        "lbs_{other_id}_{secret}",
        "lbs_{{{key_id}}}_{secret}",
        "lbs_{key_id}_{secret}\N{LATIN SMALL LETTER AE}",
    ],
)
def test_a_token_that_is_not_quite_right_is_refused(world: World, spoiled: str):
    _, key_id, secret = world.key.split("_", 2)
    token = spoiled.format(key_id=key_id, secret=secret, other_id=uuid.uuid4().hex)
    response = world.call("get", "/v1/venues", token)
    assert code_of(response) == (401, "bad-token")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Basic eDp5", "bearer=x", "Token x", "Bearer a=b"]
)
def test_a_request_without_a_bearer_token_is_refused(world: World, header: str | None):
    headers = {} if header is None else {"Authorization": header}
    assert code_of(world.call("get", "/v1/venues", headers=headers)) == (401, "bad-token")


def _key(name: str) -> dict[str, Any]:
    return {"name": name, "scopes": ["redeem"]}


# --- customers -----------------------------------------------------------------------------


def test_the_publishable_key_cannot_name_an_external_id(world: World):
    body = {"external_id": "member 7"}
    response = world.call("post", "/v1/customers", world.publishable_key, json=body)
    assert code_of(response) == (403, "backend-key-needed")
    response = world.call("post", "/v1/customers", world.key, json=body)
    assert code_of(response) == (401, "bad-token")


def test_a_device_is_a_new_customer_each_time_it_registers(world: World):
    device = str(uuid.uuid4())
    first, second = world.register(device_id=device), world.register(device_id=device)
    assert first["customer_id"] != second["customer_id"]


def test_a_backend_gets_the_same_customer_each_time(world: World, other_world: World):
    first = world.register(external_id="member 7")
    second = world.register(external_id="member 7", device_id="phone")
    assert first["customer_id"] == second["customer_id"]
    assert first["refresh_token"] != second["refresh_token"]
    assert world.register(external_id="member 8")["customer_id"] != first["customer_id"]
    elsewhere = other_world.register(external_id="member 7")
    assert elsewhere["customer_id"] != first["customer_id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"device_id": None},
        {"device_id": ""},
        {"device_id": " "},
        {"device_id": "x" * 201},
        {"device_id": 7},
        {"external_id": "x" * 201},
        {"device_id": "x", "name": "Ann"},
    ],
)
def test_a_registration_that_names_nobody_is_refused(world: World, body: dict[str, Any]):
    problem = world.ask("post", "/v1/customers", world.backend_key, json=body, status=422)
    assert problem["errors"][0]["pointer"] in ("#/device_id", "#/external_id", "#/name")


def test_a_customer_sees_who_the_token_belongs_to(world: World):
    session = world.register()
    me = world.ask("get", "/v1/customers/me", session["access_token"])
    assert me == {"id": session["customer_id"], "app_id": str(world.app_id)}


def test_a_refresh_token_gives_new_tokens_of_the_same_customer(world: World):
    first = world.register()
    second = world.ask("post", "/v1/tokens", first["refresh_token"], status=201)
    third = world.ask("post", "/v1/tokens", second["refresh_token"], status=201)
    assert {s["customer_id"] for s in (first, second, third)} == {first["customer_id"]}
    assert len({s["refresh_token"] for s in (first, second, third)}) == 3
    assert world.call("get", "/v1/customers/me", third["access_token"]).status_code == 200


def test_using_a_refresh_token_twice_revokes_its_family_for_good(world: World, db: Database):
    first = world.register()
    second = world.ask("post", "/v1/tokens", first["refresh_token"])
    other_family = world.register()
    for token in (first["refresh_token"], second["refresh_token"], second["refresh_token"]):
        response = world.call("post", "/v1/tokens", token)
        assert code_of(response) == (401, "refresh-token-refused")
    with db.transaction() as session:
        revoked = session.scalars(
            text("SELECT revoked_at IS NOT NULL FROM refresh_token WHERE customer_id = :id"),
            {"id": first["customer_id"]},
        ).all()
    assert revoked == [True, True]
    assert world.call("post", "/v1/tokens", other_family["refresh_token"]).status_code == 201


def test_a_refresh_sent_again_with_its_idempotency_key_gets_the_same_tokens(world: World):
    first = world.register()
    headers = {"Idempotency-Key": "one"}
    answers = [
        world.call("post", "/v1/tokens", first["refresh_token"], headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    token = answers[1].json["refresh_token"]
    assert world.call("post", "/v1/tokens", token).status_code == 201


def test_a_refresh_token_is_good_until_it_expires(world: World, settings: Settings):
    early, late = world.register(), world.register()
    with at(now() + settings.refresh_token_ttl - timedelta(minutes=1)):
        assert world.call("post", "/v1/tokens", early["refresh_token"]).status_code == 201
    with at(now() + settings.refresh_token_ttl + timedelta(minutes=1)):
        response = world.call("post", "/v1/tokens", late["refresh_token"])
        assert code_of(response) == (401, "refresh-token-refused")


@pytest.mark.parametrize("token", ["x", "lbs_refresh_x", "a.b.c"])
def test_an_unknown_refresh_token_is_refused(world: World, token: str):
    response = world.call("post", "/v1/tokens", token)
    assert code_of(response) == (401, "refresh-token-refused")


def test_an_access_token_is_good_for_as_long_as_it_says(world: World):
    moment = later(minutes=1).replace(microsecond=0)
    with at(moment):
        session = world.register()
    assert session["expires_in"] == 900
    token = session["access_token"]
    with at(moment + timedelta(seconds=899)):
        assert world.call("get", "/v1/customers/me", token).status_code == 200
    with at(moment + timedelta(seconds=900)):
        assert code_of(world.call("get", "/v1/customers/me", token)) == (401, "bad-token")


def test_forged_access_tokens_are_refused(world: World, app: Flask):
    session = world.register()
    good = session["access_token"]
    header, payload = (_decoded(part) for part in good.split(".")[:2])
    ring: KeyRing = app.extensions["lbs_key_ring"]
    public_x = next(key["x"] for key in ring.jwks(now())["keys"] if key["kid"] == header["kid"])
    own = Ed25519PrivateKey.generate()
    other = world.register()
    head, body, signature = good.split(".")
    swapped = _encoded({**payload, "sub": other["customer_id"]})
    ttl = timedelta(minutes=5)

    def signed(key: Any, algorithm: str, **headers: Any) -> str:
        return jwt.encode(payload, key, algorithm=algorithm, headers={**header, **headers})

    embedded = json.loads(OKPAlgorithm.to_jwk(own.public_key()))
    forged = {
        "another key": signed(own, "EdDSA"),
        "another key, embedded": signed(own, "EdDSA", jwk=embedded),
        "unknown kid": signed(own, "EdDSA", kid=uuid.uuid4().hex),
        "kid that is no text": signed(own, "EdDSA").replace(
            signed(own, "EdDSA").split(".")[0], _encoded({**header, "kid": ["x"]})
        ),
        "alg none": f"{_encoded({**header, 'alg': 'none'})}.{body}.",
        "alg none, signed": f"{_encoded({**header, 'alg': 'none'})}.{body}.{signature}",
        "public key as a secret": _hmac(payload, header, public_x),
        "another customer": f"{head}.{swapped}.{signature}",
        "no signature": f"{head}.{body}.",
        "no type": ring.sign({k: payload[k] for k in ("sub", "app")}, "JWT", ttl=ttl, now=now()),
        "a receipt": ring.sign(
            {k: payload[k] for k in ("sub", "app")}, RECEIPT, ttl=ttl, now=now()
        ),
        "another issuer": ring.sign(
            {**{k: payload[k] for k in ("sub", "app")}, "iss": "https://elsewhere"},
            ACCESS,
            ttl=ttl,
            now=now(),
        ),
        "a refresh token": session["refresh_token"],
        "a merchant's key": world.key,
        "an app's key": world.backend_key,
    }
    verdicts = {
        name: code_of(world.call("get", "/v1/customers/me", token))
        for name, token in forged.items()
    }
    assert verdicts == dict.fromkeys(forged, (401, "bad-token"))
    assert world.call("get", "/v1/customers/me", good).status_code == 200


def test_a_real_receipt_is_no_access_token(world: World):
    venue = world.venue()
    receipt = world.check_in(world.customer(), venue)["receipt"]
    assert code_of(world.call("get", "/v1/customers/me", receipt)) == (401, "bad-token")


def _decoded(part: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _hmac(payload: dict[str, Any], header: dict[str, Any], secret: str) -> str:
    key = base64.urlsafe_b64decode(secret + "=")
    return jwt.encode(payload, key, algorithm="HS256", headers={**header, "alg": "HS256"})


# --- erasure -------------------------------------------------------------------------------


def test_an_erased_customer_is_gone_and_the_counts_stay(world: World, db: Database):
    venue = world.venue()
    offer = world.offer(venue)
    external_id, device_id = f"member {uuid.uuid4()}", str(uuid.uuid4())
    person = world.register(external_id=external_id, device_id=device_id)
    token = person["access_token"]
    [unlock] = world.check_in(token, venue)["unlocked"]
    refreshed = world.ask("post", "/v1/tokens", person["refresh_token"])
    paths = [f"offers/{offer['id']}", f"venues/{venue['id']}"]
    until = {"to": later(hours=1).isoformat()}
    before = [world.totals(path, **until) for path in paths]
    assert before[0]["unlocks"] == 1
    assert rows_holding(db, person["customer_id"])

    world.ask("delete", "/v1/customers/me", token, status=204)

    for trace in (person["customer_id"], person["customer_id"].replace("-", "")):
        assert rows_holding(db, trace) == {}
    assert rows_holding(db, external_id) == {}
    assert rows_holding(db, device_id) == {}
    vault = world.app.extensions["lbs_vault"]
    digest = vault.digest(f"{world.app_id} {device_id}")
    with db.transaction() as session:
        found = session.scalar(
            text("SELECT count(*) FROM customer_device WHERE device_digest = :digest"),
            {"digest": digest},
        )
    assert found == 0
    assert [world.totals(path, **until) for path in paths] == before

    assert world.redeem(unlock["code"], venue).status_code == 201
    for refresh in (person["refresh_token"], refreshed["refresh_token"]):
        response = world.call("post", "/v1/tokens", refresh)
        assert code_of(response) == (401, "refresh-token-refused")


def test_what_an_erased_customer_said_and_whom_they_knew_is_gone(world: World, db: Database):
    venue = world.venue()
    at_offer = f"/v1/offers/{world.offer(venue)['id']}"
    person, friend = world.register(), world.customer()
    token = person["access_token"]
    world.check_in(token, venue)
    said = "Anna at the till knew nothing of it"
    world.ask("post", f"{at_offer}/flags", token, json={"problem": "other", "text": said})
    invitation = world.ask("post", "/v1/friend-invitations", token)
    world.befriend(token, friend)
    world.befriend(world.customer(), token)
    own, theirs = (world.ask("post", f"{at_offer}/shares", who) for who in (token, friend))
    world.ask("post", "/v1/referrals", token, json={"token": theirs["token"]})
    world.call("post", "/v1/friends", token, json={"code": "AAAA-AAAA-AAAA"})
    world.call("get", "/v1/parties/AAAA-AAAA", token)
    held = rows_holding(db, person["customer_id"])
    tables = {"friendship", "friend_invitation", "offer_flag", "share", "referral", "guess_counter"}
    assert held.keys() >= tables
    assert (held["friendship"], held["guess_counter"]) == (2, 2)

    world.ask("delete", "/v1/customers/me", token, status=204)

    for trace in (person["customer_id"], said):
        assert rows_holding(db, trace) == {}
    assert world.ask("get", "/v1/customers/me/friends", friend)["items"] == []
    assert world.ask("get", f"{at_offer}/flags")["items"] == []
    code = world.call("post", "/v1/friends", friend, json={"code": invitation["code"]})
    assert code_of(code) == (409, "friend-invitation-refused")
    world.ask("post", "/v1/referrals", world.customer(), json={"token": own["token"]})


def test_every_table_with_a_customer_has_a_way_to_forget_them():
    ways = {
        f"{table.name}.{column.name}": key.ondelete
        for table in Model.metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.target_fullname == "customer.id"
    }
    assert len(ways) > 10
    assert {name for name, way in ways.items() if way not in ("CASCADE", "SET NULL")} == set()


def test_an_erased_customers_token_opens_nothing(world: World):
    venue = world.venue()
    world.offer(venue)
    token = world.customer()
    [unlock] = world.check_in(token, venue)["unlocked"]
    world.ask("delete", "/v1/customers/me", token)
    gone = (401, "customer-gone")
    assert code_of(world.call("get", "/v1/customers/me", token)) == gone
    assert code_of(world.call("delete", "/v1/customers/me", token)) == gone
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    assert code_of(world.call("post", "/v1/check-ins", token, json=body)) == gone
    for path in ("/v1/unlocks", "/v1/check-ins"):
        response = world.call("get", path, token)
        assert response.status_code == 401 or response.json["items"] == []
    assert world.call("get", f"/v1/unlocks/{unlock['id']}", token).status_code in (401, 404)


def test_an_erased_external_id_comes_back_as_somebody_new(world: World):
    first = world.register(external_id="member 7")
    world.ask("delete", "/v1/customers/me", first["access_token"])
    second = world.register(external_id="member 7")
    assert second["customer_id"] != first["customer_id"]
    assert world.ask("get", "/v1/unlocks", second["access_token"])["items"] == []


# --- signing keys --------------------------------------------------------------------------


def test_after_a_rotation_old_tokens_verify_and_the_new_key_is_published(
    world: World, settings: Settings, db: Database
):
    before = world.client.get("/.well-known/jwks.json").json["keys"]
    token = world.customer()
    with db.transaction() as session:
        new = rotate_signing_key(
            session, world.app.extensions["lbs_vault"], keep_for=timedelta(hours=1), now=now()
        )
    fresh = create_app(settings)
    try:
        client = fresh.test_client()
        keys = client.get("/.well-known/jwks.json").json["keys"]
        assert new in [key["kid"] for key in keys]
        assert {key["kid"] for key in before} < {key["kid"] for key in keys}
        for key in keys:
            assert (key["kty"], key["crv"], key["alg"], key["use"]) == (
                "OKP",
                "Ed25519",
                "EdDSA",
                "sig",
            )
            assert "d" not in key
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/customers/me", headers=bearer).status_code == 200
        headers = {
            "Authorization": f"Bearer {world.publishable_key}",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        session_after = client.post("/v1/customers", headers=headers, json={"device_id": "x"}).json
        assert jwt.get_unverified_header(session_after["access_token"])["kid"] == new
        assert _kid_of(token) != new
    finally:
        fresh.extensions["lbs_database"].engine.dispose()
    with at(later(seconds=2)):
        me = world.call("get", "/v1/customers/me", session_after["access_token"])
        assert me.status_code == 200, "a running process looks for a key it does not know"
    with at(later(seconds=61)):
        assert _kid_of(world.customer()) == new


def test_a_retired_key_is_published_no_more_and_what_it_signed_is_refused(
    world: World, settings: Settings, db: Database
):
    token = world.customer()
    with db.transaction() as session:
        rotate_signing_key(
            session, world.app.extensions["lbs_vault"], keep_for=timedelta(minutes=5), now=now()
        )
    with at(later(minutes=4)):
        assert world.call("get", "/v1/customers/me", token).status_code == 200
    with at(later(minutes=6)):
        assert code_of(world.call("get", "/v1/customers/me", token)) == (401, "bad-token")
        published = world.client.get("/.well-known/jwks.json").json["keys"]
        assert _kid_of(token) not in [key["kid"] for key in published]


def test_private_keys_are_sealed(db: Database):
    with db.transaction() as session:
        rows = session.execute(text("SELECT sealed_private, public_jwk FROM signing_key")).all()
    assert rows
    for sealed, public in rows:
        assert "PRIVATE" not in sealed
        assert "d" not in public


def _kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]
