"""python -m bench.recount FILE: plays the check-ins of FILE, counts the unlocks of every kind.

Prints a line a kind, `recount.KIND UNLOCKS EXPECTED`. EXPECTED is counted anew in plain SQL over
the check-ins. The exit status is 1 where the two differ.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from bench.recount.expected import expected, prepare
from bench.recount.play import Play, play
from bench.servers import cluster, database
from lbs.cli.replay import read
from lbs.db import Database, Session

BUSIEST = 100
UNLOCKS = text("SELECT count(*) FROM unlock WHERE offer_id = :offer_id")


class Counted(NamedTuple):
    """The unlocks of a kind that the service gave, and how many there should be."""

    kind: str
    unlocks: int
    expected: int


def main() -> int:
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, _stop)
    asked = _arguments()
    rows = read(asked.file)[: asked.rows]
    with cluster() as running, database(running, "recount") as base:
        db = Database(base.url)
        counted = list(count(db, play(db, base.settings, rows, asked.busiest)))
        db.engine.dispose()
    for line in counted:
        print(f"recount.{line.kind} {line.unlocks} {line.expected}")
    return int(any(line.unlocks != line.expected for line in counted))


def count(db: Database, played: Play) -> Iterator[Counted]:
    with db.transaction() as session:
        prepare(session, played.venue_ids)
        for kind in played.offers:
            yield Counted(kind.name, *_both(session, played, kind.name))


def _both(session: Session, played: Play, kind: str) -> tuple[int, int]:
    offer_id = played.offer_id(kind)
    values = {"trail": played.trail, "event_id": played.event_id, "offer_id": offer_id}
    unlocks = int(session.scalar(UNLOCKS, {"offer_id": offer_id}) or 0)
    return unlocks, expected(session, kind, **values)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.recount")
    parser.add_argument("file", type=Path, help="tab-separated: user_id, utc, lat, lon, venue_id")
    parser.add_argument("--rows", type=int, help="only the first so many, by time")
    parser.add_argument("--busiest", type=int, default=BUSIEST, help="how many venues have offers")
    return parser.parse_args()


def _stop(*_: object) -> None:
    """Unwind, so that everything started is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
