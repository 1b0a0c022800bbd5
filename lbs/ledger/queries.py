from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from lbs.db import Session

_FREE_MONTHS = text("""
    SELECT month AT TIME ZONE 'UTC' FROM generate_series(
        date_trunc('month', CAST(:start AS timestamptz) AT TIME ZONE 'UTC'),
        CAST(:end AS timestamptz) AT TIME ZONE 'UTC', interval '1 month') AS month
    WHERE NOT EXISTS (
        SELECT FROM ledger_event_default AS fact
        WHERE fact.at >= month AT TIME ZONE 'UTC'
          AND fact.at < (month + interval '1 month') AT TIME ZONE 'UTC')
""")
"""PostgreSQL makes no partition for a month whose facts are in the default one already."""

_UNGUARDED = text("""
    SELECT inhrelid::regclass::text FROM pg_inherits
    WHERE inhparent = 'ledger_event'::regclass AND NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = inhrelid AND tgname = 'no_truncate')
""")


def make_partitions(session: Session, *, start: datetime, end: datetime) -> None:
    """A partition of the ledger for each month from start to end, where there is none yet.

    Facts of other months are kept in the default partition, so none is ever refused. Every
    partition is guarded against TRUNCATE, which it does not inherit from the ledger.
    """
    for month in session.scalars(_FREE_MONTHS, {"start": start, "end": end}).all():
        session.execute(text("SELECT make_ledger_partitions(:month, :month)"), {"month": month})
    for partition in session.scalars(_UNGUARDED).all():
        session.execute(
            text(f"""
                CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {partition}
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
            """)
        )
