"""What it takes to count: answers from a long ledger, facts taken in, files given out."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from bench import load
from bench.data import (
    Size,
    Tokens,
    make_funnel,
    make_id,
    make_world,
    owner_key,
    settle,
    tell,
)
from bench.servers import OURS, Base, database, served
from bench.sides import Figure
from lbs.accounts.policy import MerchantKey
from lbs.cli.postgres import Cluster
from lbs.db import Database
from lbs.exports import service as exports
from lbs.exports.jobs import make
from lbs.exports.policy import Content, CreateExport
from lbs.stats import service as stats

EVENTS = {"10e6": 1_000_000, "10e7": 10_000_000}
"""Of one offer, in 90 days."""
DAYS, ZONE = timedelta(days=90), "Europe/Copenhagen"
ROUNDS, BATCH, WARM_UP = 10, 10, 5
REPORTS, TURNS, BATCHES = 500, 9, 8
"""Reports in a batch; turns of either side, and batches in a turn."""
MERCHANT, OFFER, VENUE = (make_id(kind, 0) for kind in ("merchant", "offer", "venue"))


@dataclass
class Ledger:
    """One size under measurement."""

    port: int
    asked: dict[str, bytes]
    took_ms: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, count: int) -> dict[str, list[float]]:
        """One after the other."""
        return {
            name: list(load.send_all(self.port, [request] * count, connections=1).latencies_ms)
            for name, request in self.asked.items()
        }

    def play(self) -> None:
        for name, took in self.ask(BATCH).items():
            self.took_ms.setdefault(name, []).extend(took)


def answers(cluster: Cluster) -> Iterator[Figure]:
    """The funnel and the daily series of an offer with a million and with ten million events."""
    with ExitStack() as stack:
        ledgers: dict[str, Ledger] = {}
        for name, events in EVENTS.items():
            base = stack.enter_context(database(cluster, f"bench_answers_{name}"))
            make_world(base, Size(venues=1, customers=1))
            make_funnel(base, events, DAYS)
            yield Figure(f"stats.rebuild_{name}_s", _rebuild(base), "s")
            if name == "10e6":
                yield Figure("export.rows_per_s", events / _export(base), "1/s")
            server = stack.enter_context(served(OURS, base, processes=1))
            ledgers[name] = Ledger(server.port, _requests(owner_key(base, MERCHANT)))
            ledgers[name].ask(WARM_UP)
        for turn in range(ROUNDS):
            for ledger in ledgers.values():
                ledger.play()
            tell(f"  round {turn + 1} of {ROUNDS}")
        growths = []
        for answer in ("funnel", "series"):
            small, large = (median(ledger.took_ms[answer]) for ledger in ledgers.values())
            yield Figure(f"stats.{answer}_10e6_p50_ms", small, "ms")
            yield Figure(f"stats.{answer}_p50_ms", large, "ms")
            growths.append(large / small)
        yield Figure("growth.stats", max(growths), "ratio")


def _requests(key: str) -> dict[str, bytes]:
    """What a dashboard asks: all there is, and 90 days by day, up to now."""
    now = datetime.now(ZoneInfo(ZONE))
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - DAYS
    period = f"from={_at(start.astimezone(UTC))}&to={_at(now.astimezone(UTC))}"
    path = f"/v1/stats/offers/{OFFER}"
    asked = {
        "funnel": f"{path}/funnel",
        "series": f"{path}/series?by=day&time_zone={ZONE}&{period}",
    }
    headers = {"Authorization": f"Bearer {key}"}
    return {name: load.encode("GET", target, headers) for name, target in asked.items()}


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _rebuild(base: Base) -> float:
    """Seconds that the roll-ups take, made from the ledger alone."""
    db = Database(base.url)
    began = time.perf_counter()
    with db.transaction() as session:
        stats.rebuild(session)
    took = time.perf_counter() - began
    db.engine.dispose()
    settle(base)
    return took


def _export(base: Base) -> float:
    """Seconds that the file of all events takes, from the ledger to its last part."""
    db, now = Database(base.url), datetime.now(UTC)
    key = MerchantKey(UUID(int=0), "bench", MERCHANT, frozenset({"stats"}), frozenset())
    content = Content(what="ledger", format="csv")
    with db.transaction() as session:
        command = CreateExport(content=content, start=now - 2 * DAYS, end=now)
        export_id = exports.create_export(session, key, command, now).id
    began = time.perf_counter()
    make(db, base.settings, export_id, is_last=True)
    took = time.perf_counter() - began
    with db.transaction() as session:
        state = exports.load_export(session, key, export_id, now).state
    if state != "ready":
        raise RuntimeError(f"The export is {state}.")
    db.engine.dispose()
    return took


COPY = """
    COPY ledger_event (id, at, kind, merchant_id, venue_id, subject_id, offer_id, offer_version,
                       first_visit, channel, counted) FROM STDIN
"""


def intake(cluster: Cluster) -> Iterator[Figure]:
    """Batches of reported views over HTTP, beside a bare COPY of the same rows."""
    with ExitStack() as stack:
        base = stack.enter_context(database(cluster, "bench_intake"))
        make_world(base, Size(venues=1, customers=TURNS * BATCHES * 2))
        tokens = stack.enter_context(closing(Tokens(base)))
        server = stack.enter_context(served(OURS, base, processes=1))
        connection = stack.enter_context(base.connect())
        ours: list[float] = []
        copied: list[float] = []
        for turn in range(TURNS + 1):
            customers = [turn * BATCHES + batch for batch in range(BATCHES)]
            requests = [_report(tokens.of(customer)) for customer in customers]
            ours.append(load.send_all(server.port, requests, connections=1, status=200).seconds)
            copied.append(_copy(connection, customers))
            if turn == 0:
                settle(base)
        rows = BATCHES * REPORTS
        yield Figure("intake.per_s", rows / median(ours[1:]), "1/s")
        yield Figure("intake.copy_per_s", rows / median(copied[1:]), "1/s")
        ratios = [its / mine for mine, its in zip(ours[1:], copied[1:], strict=True)]
        yield Figure("intake.vs_copy", median(ratios), "ratio")


def _report(token: str) -> bytes:
    at = _at(datetime.now(UTC))
    view = {"kind": "teaser_viewed", "at": at, "offer_id": str(OFFER), "channel": "push"}
    events = [{**view, "client_id": str(uuid.uuid4())} for _ in range(REPORTS)]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    return load.encode("POST", "/v1/app-events", headers, json.dumps({"events": events}).encode())


def _copy(connection: psycopg.Connection, customers: list[int]) -> float:
    """Seconds; a transaction for each batch."""
    now = datetime.now(UTC)
    batches = [
        [
            (uuid.uuid4(), now, "teaser_viewed", MERCHANT, None, make_id("subject", customer),
             OFFER, 1, None, "push", True)
            for _ in range(REPORTS)
        ]
        for customer in customers
    ]  # fmt: skip
    began = time.perf_counter()
    for rows in batches:
        with connection.transaction(), connection.cursor().copy(COPY) as copy:
            for row in rows:
                copy.write_row(row)
    return time.perf_counter() - began
