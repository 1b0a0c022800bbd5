from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from lbs.db import Session


def make_partitions(session: Session, *, start: datetime, end: datetime) -> None:
    """A partition of the ledger for each month from start to end, where there is none yet.

    Facts of other months are kept in the default partition, so none is ever refused; a month that
    has facts there stays there.
    """
    session.execute(
        text("SELECT make_ledger_partitions(:start, :end)"), {"start": start, "end": end}
    )
