"""What load balancers and Prometheus ask."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from lbs.app import create_app
from lbs.config import Settings
from lbs.http.health import migration_head
from tests.world import World, now

NOWHERE = "postgresql+psycopg://lbs@127.0.0.1:1/lbs?connect_timeout=1"


@pytest.fixture
def without_database(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(replace(settings, database_url=NOWHERE))
    yield app.test_client()
    app.extensions["lbs_database"].engine.dispose()


def test_the_process_is_up(app: Flask):
    response = app.test_client().get("/livez")
    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_the_service_is_ready_with_database_postgis_and_newest_tables(app: Flask):
    response = app.test_client().get("/readyz")
    assert response.status_code == 200
    assert response.json["status"] == "ok"
    assert response.json["migration"] == migration_head()
    assert re.match(r"3\.\d", response.json["postgis"])


def test_without_its_database_the_service_is_up_but_not_ready(without_database: FlaskClient):
    assert without_database.get("/livez").status_code == 200
    response = without_database.get("/readyz")
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0
    assert "127.0.0.1:1" not in response.text.replace("http://127.0.0.1:8080", "")


def test_without_its_database_the_interface_says_so_and_when_to_try_again(
    without_database: FlaskClient, world: World
):
    for path, token in (
        ("/v1/venues", world.key),
        ("/v1/customers/me", world.customer()),
        ("/v1/customers", world.publishable_key),
    ):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "x"}
        method = "post" if path.endswith("customers") else "get"
        response = without_database.open(
            path, method=method.upper(), headers=headers, json={"device_id": "x"}
        )
        assert response.status_code == 503
        assert response.json["code"] == "database-unavailable"
        assert int(response.headers["Retry-After"]) > 0


def test_with_older_tables_the_service_is_not_ready(world: World):
    with world.db.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    try:
        response = world.client.get("/readyz")
    finally:
        with world.db.transaction() as session:
            session.execute(
                text("UPDATE alembic_version SET version_num = :head"), {"head": migration_head()}
            )
    assert response.status_code == 503
    assert response.json["code"] == "not-ready"
    assert "older" in response.json["detail"]


def samples(world: World) -> dict[str, float]:
    response = world.client.get("/metrics")
    assert response.content_type.startswith("text/plain")
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in response.text.splitlines()
        if not line.startswith("#")
    }


def test_what_happens_is_counted(world: World):
    venue = world.venue()
    world.offer(venue)
    before = samples(world)
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    world.check_in(world.customer(), venue, north_m=3000)
    world.redeem(unlock["code"], venue)
    world.redeem(unlock["code"], venue)
    after = samples(world)
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    assert grown['lbs_check_ins_total{verdict="accepted"}'] == 1
    assert grown['lbs_check_ins_total{verdict="rejected"}'] == 1
    assert grown["lbs_unlocks_total"] == 1
    assert grown['lbs_redemptions_total{result="redeemed"}'] == 1
    assert grown['lbs_redemptions_total{result="refused"}'] == 1


def test_a_tap_is_counted_once_with_what_it_opens(world: World):
    venue, arrived_at = world.venue(), world.venue()
    world.offer(venue, min_level="L3")
    path = f"/v1/venues/{venue['id']}/proofs"
    reader = world.ask("post", path, json={"kind": "reader", "name": "Gate"})["token"]
    receipt = world.check_in(world.customer(), arrived_at)["receipt"]
    tag = uuid.uuid4().hex[:14]
    world.ask("post", "/v1/wristbands", json={"tag": tag, "receipt": receipt})
    before = samples(world)
    tap = {"sequence": 1, "tag": tag, "tapped_at": now().isoformat()}
    for _ in range(2):
        world.ask("post", "/v1/taps", reader, json={"taps": [tap]})
    after = samples(world)
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    assert grown['lbs_check_ins_total{verdict="accepted"}'] == 1
    assert grown["lbs_unlocks_total"] == 1


def test_no_id_path_or_token_is_a_label(world: World):
    venue = world.venue()
    world.check_in(world.customer(), venue)
    world.call("get", f"/v1/venues/{uuid.uuid4()}", world.key)
    world.call("get", f"/nowhere/{uuid.uuid4()}")
    page = world.client.get("/metrics").text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", page)
    assert venue["id"] not in page
    assert "/nowhere" not in page
    assert "Bearer" not in page


def test_a_made_up_method_or_path_makes_no_new_label(world: World):
    names = set(samples(world))
    for n in range(5):
        world.client.open(f"/made/up/{n}", method="GET")
        world.client.open("/livez", method=f"MADEUP{n}")
    new = {name for name in set(samples(world)) - names if "made" in name.lower()}
    assert new == set()
