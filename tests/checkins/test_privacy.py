"""Where a phone was: sealed, soon forgotten, and told to nobody."""

from __future__ import annotations

import json
import random
import struct
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from lbs.checkins.jobs import forget_old_fixes
from tests.http.test_logs import Log, log  # noqa: F401  (log is a fixture)
from tests.world import World

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Spot:
    """A place within a venue's fence, whose digits are nowhere else."""

    def __init__(self, world: World, north: float = 0) -> None:
        self.lon = world.lon + random.uniform(1e-4, 2e-4)
        self.lat = world.lat + north + random.uniform(1e-4, 2e-4)

    @property
    def fix(self) -> dict[str, float]:
        return {"lon": self.lon, "lat": self.lat}

    @property
    def needles(self) -> list[str]:
        """Both degrees to five decimals, which is a metre, and as floats in hexadecimal."""
        degrees = (self.lon, self.lat)
        decimals = [f"{degree:.12f}"[: f"{degree:.12f}".index(".") + 6] for degree in degrees]
        floats = [struct.pack(order, degree).hex() for degree in degrees for order in ("<d", ">d")]
        return [*decimals, *floats]


def held_by(db, needles: list[str]) -> list[str]:
    """The tables of which a row has one of them in its text, however its columns are typed."""
    with db.transaction() as session:
        tables = session.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace AND relname <> 'spatial_ref_sys'"
            )
        ).all()
        assert {"check_in", "fix", "venue", "unlock", "visit_tally"} <= set(tables)
        patterns = [f"%{needle}%" for needle in needles]
        return [
            table
            for table in tables
            if session.scalar(
                text(
                    f'SELECT EXISTS (SELECT FROM "{table}" AS row '
                    "WHERE lower(row::text) LIKE ANY(:all))"
                ),
                {"all": patterns},
            )
        ]


def close_to(db, degrees: tuple[float, ...]) -> list[str]:
    """The columns of numbers of which one is within a metre of one of the degrees."""
    with db.transaction() as session:
        columns = session.execute(
            text("""
                SELECT table_name, column_name FROM information_schema.columns
                JOIN information_schema.tables USING (table_schema, table_name)
                WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
                  AND data_type IN ('double precision', 'real', 'numeric')
                  AND table_name <> 'spatial_ref_sys'
            """)
        ).all()
        assert ("check_in", "distance_m") in [tuple(column) for column in columns]
        return [
            f"{table}.{column}"
            for table, column in columns
            for degree in degrees
            if session.scalar(
                text(
                    f'SELECT EXISTS (SELECT FROM "{table}" '
                    f'WHERE abs("{column}" - CAST(:degree AS float8)) < 0.0000001)'
                ),
                {"degree": degree},
            )
        ]


def fixes(db, world: World) -> list[Any]:
    with db.transaction() as session:
        return list(
            session.execute(
                text("""
                    SELECT fix.*, check_in.distance_m FROM fix
                    JOIN check_in ON check_in.id = fix.check_in_id
                    JOIN venue ON venue.id = check_in.venue_id
                    WHERE venue.merchant_id = :merchant ORDER BY fix.check_in_id
                """),
                {"merchant": world.merchant_id},
            )
        )


def journey(world: World, spots: list[Spot]) -> dict[str, Any]:
    """A rejected check-in, one that is stepped up, and what follows."""
    venue = world.venue()
    world.offer(venue)
    customer = world.customer()
    far, near, better = spots
    world.check_in(customer, venue, **far.fix)
    doubted = world.check_in(customer, venue, **near.fix, accuracy_m=900)
    path = f"/v1/check-ins/{doubted['id']}"
    body = {"evidence": [world.location(**better.fix)]}
    result = world.ask("post", f"{path}/evidence", customer, json=body)
    assert (doubted["verdict"], result["verdict"]) == ("ambiguous", "accepted")
    return {"venue": venue, "customer": customer, "result": result, "path": path}


def spots_in(world: World) -> list[Spot]:
    return [Spot(world, north=0.05), Spot(world), Spot(world)]


def test_where_a_phone_was_is_in_no_column_of_any_table(world: World, app, db):
    spots = spots_in(world)
    made = journey(world, spots)
    [unlock] = made["result"]["unlocked"]
    assert world.redeem(unlock["code"], made["venue"]).status_code == 201
    world.ask("post", f"{made['path']}/void", json={"reason": "A test"})
    needles = [needle for spot in spots for needle in spot.needles]
    assert held_by(db, needles) == []
    assert close_to(db, tuple(d for spot in spots for d in (spot.lon, spot.lat))) == []
    vault = app.extensions["lbs_vault"]
    opened = [json.loads(vault.unseal(row.sealed)) for row in fixes(db, world)]
    assert opened == [[spot.lon, spot.lat] for spot in (spots[0], spots[2])]


def test_the_search_finds_what_is_there_in_clear(world: World, db):
    """Of the search itself: where a venue is, is no secret."""
    venue, at = world.venue(), Spot(world)
    with db.transaction() as session:
        at.lon, at.lat = session.execute(
            text(
                "SELECT ST_X(at), ST_Y(at) FROM venue, CAST(location AS geometry) AS at "
                "WHERE id = :id"
            ),
            {"id": venue["id"]},
        ).one()
        session.execute(
            text("UPDATE check_in SET distance_m = :lon WHERE id = :id"),
            {"lon": at.lon, "id": world.check_in(world.customer(), venue)["id"]},
        )
    assert {"venue", "check_in"} <= set(held_by(db, at.needles))
    assert close_to(db, (at.lon,)) == ["check_in.distance_m"]


def test_equal_places_are_found_by_a_digest_that_needs_the_key(world: World, app, db):
    spot, venue = Spot(world), world.venue()
    for _ in range(2):
        world.check_in(world.customer(), venue, **spot.fix)
    one, other = fixes(db, world)
    assert (one.digest, one.sealed != other.sealed) == (other.digest, True)
    keyed = app.extensions["lbs_vault"].digest(f"fix {spot.lon!r} {spot.lat!r}")
    assert bytes(one.digest) == keyed


def test_the_job_forgets_places_after_the_days_set_and_keeps_the_check_ins(
    world: World, db, settings
):
    context = SimpleNamespace(additional_context={"database": db, "settings": settings})
    venue = world.venue(cool_down_s=0)
    with time_machine.travel(NOON, tick=False) as clock:
        world.check_in(world.customer(), venue)
        clock.shift(timedelta(days=1))
        customer = world.customer(external_id="anna")
        last = world.check_in(customer, venue)
        assert len(fixes(db, world)) == 2
        clock.move_to(NOON + settings.fix_retention)
        forget_old_fixes.func(context, 0)
        assert len(fixes(db, world)) == 2
        clock.shift(timedelta(microseconds=1))
        forget_old_fixes.func(context, 0)
        [left] = fixes(db, world)
        assert str(left.check_in_id) == last["id"]
        clock.shift(timedelta(days=1))
        forget_old_fixes.func(context, 0)
        assert fixes(db, world) == []
        customer = world.customer(external_id="anna")
        items = world.ask("get", "/v1/check-ins", customer)["items"]
        assert [item["verdict"] for item in items] == ["accepted"]
        seen = world.ask("get", f"/v1/check-ins/{last['id']}/findings")
        assert (seen["distance_m"], seen["accuracy_m"]) == (pytest.approx(-50, abs=1), 10)
        assert world.check_in(customer, venue)["verdict"] == "accepted"


def test_the_job_keeps_what_was_used_up_for_two_days(world: World, db, settings):
    context = SimpleNamespace(additional_context={"database": db, "settings": settings})
    venue = world.venue()
    path = f"/v1/venues/{venue['id']}/proofs"

    def uses() -> int:
        with db.transaction() as session:
            return session.scalar(
                text(
                    "SELECT count(*) FROM proof_use JOIN venue_proof ON id = proof_id "
                    "WHERE venue_id = :id"
                ),
                {"id": venue["id"]},
            )

    with time_machine.travel(NOON, tick=False) as clock:
        pin = world.ask("post", path, json={"kind": "staff", "name": "Anna"})["pin"]
        shown = [world.location(), {"kind": "staff_pin", "pin": pin}]
        body = {"venue_id": venue["id"], "evidence": shown}
        world.ask("post", "/v1/check-ins", world.customer(), json=body)
        clock.shift(timedelta(days=2))
        forget_old_fixes.func(context, 0)
        assert uses() == 1
        clock.shift(timedelta(seconds=1))
        forget_old_fixes.func(context, 0)
        assert uses() == 0


def test_an_erasure_takes_the_places_with_it(world: World, db):
    made = journey(world, spots_in(world))
    world.check_in(world.customer(), made["venue"])
    assert len(fixes(db, world)) == 3
    world.ask("delete", "/v1/customers/me", made["customer"])
    [left] = fixes(db, world)
    with db.transaction() as session:
        owners = session.scalars(
            text("SELECT customer_id FROM check_in WHERE venue_id = :id ORDER BY id"),
            {"id": made["venue"]["id"]},
        ).all()
    assert owners == [None, None, left.customer_id]


def told(world: World, spots: list[Spot]) -> dict[str, str]:
    """Every kind of answer about check-ins that somebody gets, by what it is."""
    made = journey(world, spots)
    customer, venue, path = made["customer"], made["venue"], made["path"]
    receipt = made["result"]["receipt"]
    _, near, better = spots

    def check_in(*evidence: dict[str, Any], **body: Any) -> str:
        given = {"venue_id": venue["id"], "evidence": list(evidence), **body}
        return world.call("post", "/v1/check-ins", customer, json=given).text

    def add(*evidence: dict[str, Any]) -> str:
        given = {"evidence": list(evidence)}
        return world.call("post", f"{path}/evidence", customer, json=given).text

    at = [world.location(**spot.fix) for spot in spots]
    outside = {**at[0], "lat": 90 + abs(near.lat)}
    words = {**at[1], "lon": str(near.lon)}
    answers = {
        "accepted": json.dumps(made["result"]),
        "rejected": check_in(at[0]),
        "malformed": check_in(words),
        "out of range": check_in(outside),
        "unknown member": check_in({**at[2], "where": f"{better.lat} {better.lon}"}),
        "twice": check_in(at[0], at[1]),
        "no venue": check_in(at[1], venue_id="019abc12-0000-7000-8000-000000000001"),
        "not json": world.call(
            "post",
            "/v1/check-ins",
            customer,
            data=f'{{"lat": {near.lat}, "lon": {near.lon}',
            content_type="application/json",
        ).text,
        "evidence": add(at[2]),
        "evidence refused": add(at[0]),
        "list": world.call("get", "/v1/check-ins", customer).text,
        "wallet": world.call("get", "/v1/unlocks", customer).text,
        "findings": world.call("get", f"{path}/findings", world.key).text,
        "receipt": world.call(
            "post", "/v1/receipts/verify", world.key, json={"receipt": receipt}
        ).text,
        "void": world.call("post", f"{path}/void", world.key, json={"reason": "A test"}).text,
        "voided": world.call("get", f"{path}/findings", world.key).text,
        "evidence too late": add(at[1]),
        "stats": world.call("get", f"/v1/stats/venues/{venue['id']}/funnel", world.key).text,
    }
    assert "outside_fence" in answers["evidence refused"]
    assert "evidence-not-taken" in answers["evidence too late"]
    assert all(answers.values())
    return answers


def test_no_answer_tells_where_a_phone_was(world: World):
    spots = spots_in(world)
    needles = [needle for spot in spots for needle in spot.needles]
    for name, answer in told(world, spots).items():
        assert [needle for needle in needles if needle in answer] == [], name


def test_no_line_of_the_log_tells_where_a_phone_was(world: World, log: Log):  # noqa: F811
    spots = spots_in(world)
    told(world, spots)
    written = log.getvalue()
    assert len(log.lines()) > 20
    needles = [needle for spot in spots for needle in spot.needles]
    assert [needle for needle in needles if needle in written] == []
    assert "/v1/check-ins/<uuid:check_in_id>/evidence" in written


def test_a_crash_of_a_check_in_does_not_log_where_it_was(
    world: World,
    log: Log,  # noqa: F811
    monkeypatch,
):
    spot = Spot(world)
    venue, customer = world.venue(), world.customer()

    def fail(*_: Any, **values: Any) -> None:
        raise RuntimeError(f"no room for {values}")

    monkeypatch.setattr("lbs.checkins.queries.record", fail)
    body = {"venue_id": venue["id"], "evidence": [world.location(**spot.fix)]}
    answer = world.call("post", "/v1/check-ins", customer, json=body)
    assert answer.status_code == 500
    said = answer.text + log.getvalue()
    assert '"crash"' in said
    assert [needle for needle in spot.needles if needle in said] == []


def test_what_the_database_refuses_is_not_quoted(db, world: World):
    """A job that fails is logged with its error's text."""
    spot = Spot(world)
    with pytest.raises(DBAPIError) as refused, db.transaction() as session:
        session.execute(text("SELECT 1 / 0 WHERE :place <> ''"), {"place": str(spot.fix)})
    assert [needle for needle in spot.needles if needle in str(refused.value)] == []
