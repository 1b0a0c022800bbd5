"""`lbs facebook replay`: what was given up at Meta is tried anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from lbs.conversions import service as conversions
from lbs.db import Database, Session

REPLAYED: dict[str, Callable[[Session, datetime], int]] = {"conversions": conversions.replay}
"""By what they are, how all that are dead are put back among those that wait."""


def replay(db: Database, now: datetime) -> Iterator[str]:
    """How many of each there were, line by line."""
    for name, put_back in REPLAYED.items():
        with db.transaction() as session:
            count = put_back(session, now)
        yield f"{name:<12} {count:>9,} tried anew"
