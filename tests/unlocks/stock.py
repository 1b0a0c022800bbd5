"""What the counters of an offer say, and what they should say."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from lbs.db import Database
from lbs.offers.rules import is_kept


def counters(db: Database, offer: dict[str, Any]) -> dict[str, int]:
    """What is taken of each bucket; a customer's bucket is called `customer`, if it is one."""
    with db.transaction() as session:
        rows = session.execute(
            text("SELECT bucket, taken FROM offer_stock WHERE offer_id = :id"), {"id": offer["id"]}
        ).all()
    return {row.bucket: row.taken for row in rows}


def live(db: Database, offer: dict[str, Any]) -> dict[str, int]:
    """The same, counted from the unlocks that are neither expired nor voided."""
    with db.transaction() as session:
        rows = session.execute(
            text("""
                SELECT bucket, coalesce(sum(took.units) FILTER (
                           WHERE state NOT IN ('expired', 'voided')), 0)::bigint AS units
                FROM unlock, unnest(
                    buckets || reserved_buckets, units || reserved_units) AS took(bucket, units)
                WHERE offer_id = :id GROUP BY bucket
            """),
            {"id": offer["id"]},
        ).all()
    return {row.bucket: row.units for row in rows}


def unlocks(db: Database, offer: dict[str, Any]) -> int:
    with db.transaction() as session:
        return session.execute(
            text("SELECT count(*) FROM unlock WHERE offer_id = :id"), {"id": offer["id"]}
        ).scalar_one()


def agrees(db: Database, offer: dict[str, Any]) -> bool:
    """Whether every counter equals the live unlocks; one of 0 may be there without any.

    What a swarm has taken is kept, whatever becomes of its unlocks.
    """
    counted, found = counters(db, offer), live(db, offer)
    return {name: units for name, units in counted.items() if units and not is_kept(name)} == {
        name: units for name, units in found.items() if units
    }


def events(db: Database, offer: dict[str, Any], kind: str) -> list[Any]:
    with db.transaction() as session:
        return list(
            session.execute(
                text(
                    "SELECT * FROM ledger_event WHERE offer_id = :id AND kind = :kind ORDER BY at"
                ),
                {"id": offer["id"], "kind": kind},
            ).all()
        )
