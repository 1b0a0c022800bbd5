"""What statements that append facts have in common, and the ledger's partitions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from lbs.db import Session

_SAME = (
    "merchant_id",
    "subject_id",
    "check_in_id",
    "offer_id",
    "offer_version",
    "channel",
    "experiment_id",
    "variant",
    "share_id",
    "level",
    "first_visit",
    "counted",
)
UNLOCK_FACTS = ", ".join((*_SAME, "unlock_id"))
"""The columns that every fact about an unlock has from it."""


def facts_of(unlock: str, **others: str) -> str:
    """Their values, from a row of `unlock` but for `others`, which are by column."""
    return ", ".join(others.get(name, f"{unlock}.{name}") for name in (*_SAME, "id"))


def whole_seconds(since: str, until: str = ":now") -> str:
    """How long it took; clocks that do not agree make it nothing, never less."""
    took = f"CAST({until} AS timestamptz) - {since}"
    return f"greatest(0, floor(extract(epoch FROM {took})))::bigint"


def make_partitions(session: Session, *, start: datetime, end: datetime) -> None:
    """A partition of the ledger for each month from start to end, where there is none yet.

    Facts of other months are kept in the default partition, so none is ever refused; a month that
    has facts there stays there.
    """
    session.execute(
        text("SELECT make_ledger_partitions(:start, :end)"), {"start": start, "end": end}
    )
