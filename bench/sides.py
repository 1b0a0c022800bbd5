"""Servers measured side by side: in short rounds in turn, so that all meet the same weather."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple, Protocol

from bench import load
from bench.data import settle, tell
from bench.requests import Requests
from bench.servers import Base, Server

ROUNDS, ROUND_S = 9, 2
CONNECTIONS = 8
COUNTED = (
    "check_in",
    "fix",
    "visit_tally",
    "unlock",
    "ledger_event",
    "idempotent_answer",
    "redemption",
)


class Figure(NamedTuple):
    """A line of the output."""

    name: str
    value: float
    unit: str


class Side(Protocol):
    """One of those that are compared."""

    name: str
    rates: list[float]
    """Requests or transactions per second, a round."""

    def play(self) -> int:
        """Play a round; how many requests it was."""


@dataclass
class Http:
    """A server, where its requests come from, and what its rounds took."""

    name: str
    server: Server
    requests: Requests
    status: int
    rates: list[float] = field(default_factory=list)
    timings: list[load.Timing] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    """Of the server's processes, a request."""
    batch: int = 0
    """Requests in a round; found by warming up."""

    def warm_up(self, count: int) -> None:
        """Until statements are prepared and caches filled; then size the rounds."""
        self._send(count)
        self.batch = max(100, int(self._send(count).per_s * ROUND_S))

    def play(self) -> int:
        before = self.server.cpu_ms()
        timing = self._send(self.batch)
        self.cpu_ms.append((self.server.cpu_ms() - before) / len(timing.latencies_ms))
        self.timings.append(timing)
        self.rates.append(timing.per_s)
        return len(timing.latencies_ms)

    def figures(self, part: str) -> Iterator[Figure]:
        yield Figure(f"{part}.per_s", median(self.rates), "1/s")
        yield Figure(f"{part}.p50_ms", median(timing.p50_ms for timing in self.timings), "ms")
        yield Figure(f"{part}.p99_ms", median(timing.p99_ms for timing in self.timings), "ms")
        yield Figure(f"{part}.cpu_ms", median(self.cpu_ms), "ms")

    def _send(self, count: int) -> load.Timing:
        return load.send_all(
            self.server.port, self.requests(count), connections=CONNECTIONS, status=self.status
        )


def warm_up(base: Base, sides: Sequence[Http], count: int) -> None:
    """Then tell the planner what was written: its plans for empty tables are kept, and slow."""
    for side in sides:
        side.warm_up(count)
    settle(base)


def alternate(base: Base, sides: Sequence[Side]) -> None:
    """Rounds in turn; raises where the sides did not write the same rows for a request."""
    written = []
    for turn in range(ROUNDS):
        for side in sides if turn % 2 else reversed(sides):
            before = _count_rows(base)
            count = side.play()
            written.append(_per_request(before, _count_rows(base), count))
        rates = ", ".join(f"{side.name} {side.rates[-1]:.0f}/s" for side in sides)
        tell(f"  round {turn + 1} of {ROUNDS}: {rates}")
    if any(rows != written[0] for rows in written):
        raise RuntimeError(f"The sides wrote different rows: {written}")
    tell(f"  rows written by each request: {written[0]}")


def ratio(ours: Side, yardstick: Side) -> float:
    """How fast we are beside it: the middle of the rounds, each beside its neighbour."""
    return median(mine / its for mine, its in zip(ours.rates, yardstick.rates, strict=True))


def _count_rows(base: Base) -> dict[str, int]:
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in COUNTED)
    with base.connect() as connection:
        row = connection.execute(f"SELECT {counts}".encode()).fetchone() or ()
    return dict(zip(COUNTED, row, strict=True))


def _per_request(before: dict[str, int], after: dict[str, int], count: int) -> dict[str, float]:
    rows = {table: round((after[table] - before[table]) / count, 2) for table in COUNTED}
    return {table: number for table, number in rows.items() if number}
