"""python -m bench.recount FILE: plays the check-ins of FILE, counts anew what came of them.

Prints a line a kind, `recount.KIND UNLOCKS EXPECTED`. EXPECTED is counted in plain SQL over the
check-ins. Then a line a kind `funnel.KIND NUMBERS DIFFER REBUILT`: how many numbers the funnel of
its offer has, and how many of them plain SQL over the base tables says otherwise, as they are kept
and after they were made anew from the ledger. The exit status is 1 where something differs.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from bench.recount import funnels
from bench.recount.expected import expected, prepare
from bench.recount.play import AFTER_ALL, Play, play
from bench.servers import cluster, database
from lbs.accounts.policy import MerchantKey
from lbs.cli.replay import read
from lbs.db import Database, Session
from lbs.stats import service as stats

BUSIEST = 100
UNLOCKS = text("SELECT count(*) FROM unlock WHERE offer_id = :offer_id")


class Compared(NamedTuple):
    """How many numbers the funnel of a kind has, and which were not as plain SQL has them."""

    kind: str
    numbers: int
    differ: dict[str, tuple[Any, Any]]
    rebuilt: dict[str, tuple[Any, Any]]


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
        played = play(db, base.settings, rows, asked.busiest)
        counted, compared = list(count(db, played)), compare(db, played)
        db.engine.dispose()
    for line in counted:
        print(f"recount.{line.kind} {line.unlocks} {line.expected}")
    for funnel in compared:
        print(
            f"funnel.{funnel.kind} {funnel.numbers} {len(funnel.differ)} {len(funnel.rebuilt)}",
            *({**funnel.differ, **funnel.rebuilt}.items()),
        )
    wrong = [line for line in counted if line.unlocks != line.expected]
    return int(bool(wrong) or any(one.differ or one.rebuilt for one in compared))


def count(db: Database, played: Play) -> Iterator[Counted]:
    with db.transaction() as session:
        prepare(session, played.venue_ids)
        for kind in played.offers:
            yield Counted(kind.name, *_both(session, played, kind.name))


def compare(db: Database, played: Play) -> list[Compared]:
    """Each offer's funnel and money beside plain SQL: as they are kept, and made anew."""
    plain = {}
    with db.transaction() as session:
        for kind in played.offers:
            plain[kind.name] = funnels.funnel(session, played.offer_id(kind.name), played.venue_ids)
        stats.roll_up(session)
    kept = {kind.name: _told(db, played, kind.name) for kind in played.offers}
    with db.transaction() as session:
        stats.rebuild(session)
    rebuilt = {kind.name: _told(db, played, kind.name) for kind in played.offers}
    return [
        Compared(name, len(numbers), _differ(numbers, kept[name]), _differ(numbers, rebuilt[name]))
        for name, numbers in plain.items()
    ]


def _told(db: Database, played: Play, kind: str) -> dict[str, Any]:
    made = played.made
    key = MerchantKey(UUID(int=0), "", made.merchant_id, frozenset({"stats"}), frozenset())
    with db.transaction() as session:
        stats.snapshot(session)
        scope = stats.offer_scope(
            session, key, played.offer_id(kind), start=None, end=made.end + 2 * AFTER_ALL
        )
        return funnels.told(stats.funnel(session, scope), stats.money(session, scope))


def _differ(plain: dict[str, Any], told: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (plain.get(name), told.get(name))
        for name in plain | told
        if plain.get(name) != told.get(name)
    }


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
