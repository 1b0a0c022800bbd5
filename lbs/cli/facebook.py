"""`lbs facebook`: what was given up at Meta, listed or tried anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lbs.conversions import service as conversions
from lbs.db import Database, Session
from lbs.facebook_pages import service as posts

KINDS = {"conversions": conversions, "posts": posts}


def list_dead(session: Session) -> Iterator[str]:
    """A line each."""
    for name, kind in KINDS.items():
        for dead in kind.list_dead(session):
            why = f"{dead.problem}, code {dead.error_code}, trace {dead.trace_id}"
            yield f"{name:<12} {dead.id}  merchant {dead.merchant_id}  {why}"


def replay(db: Database, now: datetime) -> Iterator[str]:
    """How many of each there were, line by line."""
    for name, kind in KINDS.items():
        with db.transaction() as session:
            count = kind.replay(session, now)
        yield f"{name:<12} {count:>9,} tried anew"
