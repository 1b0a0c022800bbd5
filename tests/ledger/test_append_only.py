"""The ledger takes facts in and never gives one up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from lbs.db import Session, new_id
from lbs.ledger import queries
from tests.world import World, now


def append(session, at: datetime, merchant_id) -> str:
    """A fact; the partition that it went to."""
    return session.scalar(
        text("""
            INSERT INTO ledger_event (id, at, kind, merchant_id)
            VALUES (:id, :at, 'tried', :merchant_id) RETURNING tableoid::regclass::text
        """),
        {"id": new_id(), "at": at, "merchant_id": merchant_id},
    )


@pytest.fixture(scope="module", autouse=True)
def job_has_run(app):
    """What `make_ledger_partitions` does every night."""
    with app.extensions["lbs_database"].transaction() as session:
        queries.make_partitions(session, start=now(), end=now() + timedelta(days=92))


def kept(db, merchant_id) -> int:
    with db.transaction() as session:
        return session.scalar(
            text("SELECT count(*) FROM ledger_event WHERE merchant_id = :id"), {"id": merchant_id}
        )


def partitions(session) -> set[str]:
    return set(
        session.scalars(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits "
                "WHERE inhparent = 'ledger_event'::regclass"
            )
        ).all()
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET kind = 'other'",
        "UPDATE {table} SET at = at",
        "DELETE FROM {table}",
        "DELETE FROM {table} WHERE kind = 'tried'",
        "TRUNCATE {table}",
        "TRUNCATE {table} CASCADE",
        "WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT count(*) FROM gone",
        "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id, at) DO UPDATE SET kind = ''",
    ],
)
@pytest.mark.parametrize("where", ["whole", "month", "default"])
def test_nothing_in_the_ledger_can_be_changed_or_deleted(world: World, db, statement, where):
    with db.transaction() as session:
        month = append(session, now(), world.merchant_id)
        default = append(session, datetime(2011, 1, 1, tzinfo=UTC), world.merchant_id)
    assert (month, default) == (f"ledger_event_{now():%Y_%m}", "ledger_event_default")
    table = {"whole": "ledger_event", "month": month, "default": default}[where]
    with pytest.raises(DatabaseError, match="append-only"), db.transaction() as session:
        session.execute(text(statement.format(table=table)))
    assert kept(db, world.merchant_id) == 2


def test_partitions_are_there_from_last_month_to_three_months_ahead(db):
    month = now().replace(day=1)
    names = {f"ledger_event_{month:%Y_%m}"}
    for _ in range(3):
        month = (month + timedelta(days=31)).replace(day=1)
        names.add(f"ledger_event_{month:%Y_%m}")
    with db.transaction() as session:
        assert names <= partitions(session)


def test_partitions_are_made_where_there_are_none_and_only_there(world: World, db):
    start, end = datetime(2031, 11, 15, tzinfo=UTC), datetime(2032, 2, 1, tzinfo=UTC)
    names = {f"ledger_event_{month}" for month in ("2031_11", "2031_12", "2032_01", "2032_02")}
    with db.transaction() as session:
        assert not names & partitions(session)
        queries.make_partitions(session, start=start, end=end)
        made = partitions(session)
        queries.make_partitions(session, start=start, end=end)
        assert partitions(session) == made
        assert names <= made
        assert not {"ledger_event_2031_10", "ledger_event_2032_03"} & made
    with db.transaction() as session:
        went = [
            append(session, at, world.merchant_id)
            for at in (
                datetime(2031, 11, 1, tzinfo=UTC),
                datetime(2031, 11, 30, 23, 59, 59, 999999, tzinfo=UTC),
                datetime(2031, 12, 1, tzinfo=UTC),
                datetime(2032, 2, 29, 23, 59, 59, tzinfo=UTC),
            )
        ]
    assert went == [f"ledger_event_{m}" for m in ("2031_11", "2031_11", "2031_12", "2032_02")]
    with pytest.raises(DatabaseError, match="append-only"), db.transaction() as session:
        session.execute(text("DELETE FROM ledger_event_2031_11"))
    with pytest.raises(DatabaseError, match="append-only"), db.transaction() as session:
        session.execute(text("TRUNCATE ledger_event_2031_11"))


@pytest.mark.parametrize("at", [datetime(2012, 5, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)])
def test_a_fact_of_a_month_without_a_partition_goes_to_the_default(world: World, db, at):
    with db.transaction() as session:
        assert append(session, at, world.merchant_id) == "ledger_event_default"
    assert kept(db, world.merchant_id) == 1


def test_a_month_whose_facts_are_in_the_default_stays_there_and_stops_no_other(world: World, db):
    """As when no worker ran for months."""
    late = datetime(2041, 2, 10, tzinfo=UTC)
    with db.transaction() as session:
        append(session, late, world.merchant_id)
    start, end = datetime(2041, 1, 1, tzinfo=UTC), datetime(2041, 3, 31, tzinfo=UTC)
    with db.transaction() as session:
        queries.make_partitions(session, start=start, end=end)
        made = partitions(session)
        assert {"ledger_event_2041_01", "ledger_event_2041_03"} <= made
        assert "ledger_event_2041_02" not in made
        assert append(session, late, world.merchant_id) == "ledger_event_default"
    assert kept(db, world.merchant_id) == 2


def test_every_fact_knows_its_transaction(world: World, db):
    with db.transaction() as session:
        for _ in range(2):
            append(session, now(), world.merchant_id)
        current = session.scalar(text("SELECT pg_current_xact_id()::text"))
    with db.transaction() as session:
        found = session.scalars(
            text("SELECT transaction_id::text FROM ledger_event WHERE merchant_id = :id"),
            {"id": world.merchant_id},
        ).all()
    assert found == [current, current]


def test_a_fact_is_gone_with_its_transaction(world: World, db):
    with Session(db.engine) as session:
        append(session, now(), world.merchant_id)
        session.rollback()
    assert kept(db, world.merchant_id) == 0
