"""The parts of the benchmark: each gives its figures, one by one."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

from bench import load, pgbench
from bench.data import (
    STRIDE,
    Place,
    Size,
    Tokens,
    make_funnel,
    make_id,
    make_unlocks,
    make_world,
    offer_places,
    owner_key,
    settle,
    tell,
)
from bench.servers import BARE, OURS, Base, database, served
from lbs.cli.postgres import Cluster
from lbs.vault import Vault

ROUNDS, ROUND_S = 3, 6
CONNECTIONS = 8
COUNTED = ("check_in", "visit_tally", "unlock", "ledger_event", "idempotent_answer", "redemption")

Requests = Callable[[int], Sequence[bytes]]
"""Gives so many fresh requests."""


class Figure(NamedTuple):
    name: str
    value: float
    unit: str


@dataclass
class Side:
    """A server under measurement, where its requests come from, and what its rounds took."""

    name: str
    port: int
    requests: Requests
    status: int
    batch: int = 0
    """Requests in a round; found by warming up."""
    rounds: list[load.Timing] = field(default_factory=list)

    def send(self, count: int) -> load.Timing:
        return load.send_all(
            self.port, self.requests(count), connections=CONNECTIONS, status=self.status
        )

    def warm_up(self, count: int) -> None:
        """Until statements are prepared and caches filled; then size the rounds."""
        self.send(count)
        self.batch = max(count, int(self.send(count).per_s * ROUND_S))

    def play(self) -> None:
        self.rounds.append(self.send(self.batch))
        tell(f"  {self.name}: {self.rounds[-1].per_s:.0f}/s")

    @property
    def sent(self) -> int:
        return sum(len(timing.latencies_ms) for timing in self.rounds)

    @property
    def per_s(self) -> float:
        return median(timing.per_s for timing in self.rounds)

    def figures(self, part: str) -> Iterator[Figure]:
        yield Figure(f"{part}.per_s", self.per_s, "1/s")
        yield Figure(f"{part}.p50_ms", median(t.p50_ms for t in self.rounds), "ms")
        yield Figure(f"{part}.p99_ms", median(t.p99_ms for t in self.rounds), "ms")


def checkin(cluster: Cluster) -> Iterator[Figure]:
    """Accepted check-ins that open an offer, beside a bare handler and pgbench."""
    name, size = "bench_checkin", Size(venues=10_000, customers=200_000)
    with database(cluster, name) as base:
        make_world(base, size)
        visits = Visits(offer_places(base), size.customers)
        with served(OURS, base) as our_port, served(BARE, base) as bare_port:
            ours = Side("lbs", our_port, visits.ours(Tokens(base)), 201)
            bare = Side("bare", bare_port, visits.bare, 201)
            script = pgbench.script(visits.places, size.customers)
            rates: list[float] = []
            written: list[dict[str, float]] = []
            _warm_up(base, ours, bare, count=1000)
            for _ in range(ROUNDS):
                written += [_rows_per_request(base, side) for side in (ours, bare)]
                before = _count_rows(base)
                first = visits.skip(200_000)
                rate, count = pgbench.run(cluster, name, script, first=first, seconds=ROUND_S)
                rates.append(rate)
                written.append(_per_request(before, _count_rows(base), count))
                tell(f"  pgbench: {rate:.0f}/s")
            _same_work(written)
    yield from ours.figures("checkin")
    yield Figure("checkin.bare_per_s", bare.per_s, "1/s")
    yield Figure("checkin.pgbench_per_s", median(rates), "1/s")
    yield Figure("checkin.vs_bare", ours.per_s / bare.per_s, "ratio")
    yield Figure("checkin.vs_pgbench", ours.per_s / median(rates), "ratio")


def nearby(cluster: Cluster) -> Iterator[Figure]:
    """The twenty nearest of 100,000 venues within a kilometre, one in a hundred with an offer."""
    size = Size(venues=100_000, customers=10_000)
    with database(cluster, "bench_nearby") as base:
        make_world(base, size)
        views = Views(offer_places(base), size.customers)
        with served(OURS, base) as our_port, served(BARE, base) as bare_port:
            ours = Side("lbs", our_port, views.ours(Tokens(base)), 200)
            bare = Side("bare", bare_port, views.bare, 200)
            _alternate(ours, bare, warm_up=500)
    yield from _compared("nearby", ours, bare)


def redeem(cluster: Cluster) -> Iterator[Figure]:
    """Each request redeems a code of its own."""
    codes, merchant_id = 60_000, make_id("merchant", 0)
    with database(cluster, "bench_redeem") as base:
        make_world(base, Size(venues=1000, customers=codes // 20, check_ins=codes))
        key = owner_key(base, merchant_id)
        sales = Sales(make_unlocks(base, codes), key, Vault(base.settings.secrets_key))
        with served(OURS, base) as our_port, served(BARE, base) as bare_port:
            ours = Side("lbs", our_port, sales.ours, 201)
            bare = Side("bare", bare_port, sales.bare, 201)
            written = _alternate(ours, bare, warm_up=500, base=base)
            _same_work(written)
    yield from _compared("redeem", ours, bare)


def stats(cluster: Cluster) -> Iterator[Figure]:
    """The totals of an offer that has 100,000 events in the ledger."""
    merchant_id, offer_id = make_id("merchant", 0), make_id("offer", 0)
    with database(cluster, "bench_stats") as base:
        make_world(base, Size(venues=1000, customers=20_000))
        make_funnel(base, 100_000)
        key = {"Authorization": f"Bearer {owner_key(base, merchant_id)}"}
        our_request = load.encode("GET", f"/v1/stats/offers/{offer_id}", key)
        bare_request = load.encode("GET", f"/stats/{merchant_id}/{offer_id}", {})
        with served(OURS, base) as our_port, served(BARE, base) as bare_port:
            ours = Side("lbs", our_port, lambda count: [our_request] * count, 200)
            bare = Side("bare", bare_port, lambda count: [bare_request] * count, 200)
            _alternate(ours, bare, warm_up=80)
    yield from _compared("stats", ours, bare)


class Visits:
    """Check-ins that no customer has made yet, at the venues with offers."""

    def __init__(self, places: Sequence[Place], customers: int) -> None:
        self.places, self._customers = places, customers
        self._next = 0

    def skip(self, count: int) -> int:
        """Leave so many to somebody else; the number of the first."""
        self._next += count
        return self._next - count

    def ours(self, tokens: Tokens) -> Requests:
        def requests(count: int) -> list[bytes]:
            return [
                self._encode("/v1/check-ins", place, {"Authorization": f"Bearer {tokens.of(who)}"})
                for who, place in self._take(count)
            ]

        return requests

    def bare(self, count: int) -> list[bytes]:
        return [
            self._encode("/check-ins", place, {}, customer_id=str(make_id("customer", who)))
            for who, place in self._take(count)
        ]

    def _take(self, count: int) -> Iterator[tuple[int, Place]]:
        first = self.skip(count)
        for n in range(first, first + count):
            turn, customer = n // self._customers, n * STRIDE % self._customers
            yield customer, self.places[(customer + turn) % len(self.places)]

    @staticmethod
    def _encode(path: str, place: Place, headers: dict[str, str], **members: str) -> bytes:
        fix = {
            "kind": "location",
            "lat": place.lat,
            "lon": place.lon,
            "accuracy_m": 10,
            "captured_at": datetime.now(UTC).isoformat(),
            "provider": "gps",
            "mock": False,
        }
        body = {"venue_id": str(place.venue_id), "evidence": [fix], **members}
        return load.encode("POST", path, {**headers, **_fresh_key()}, json.dumps(body).encode())


class Views:
    """Customers who look around near one of the places."""

    def __init__(self, places: Sequence[Place], customers: int) -> None:
        self._places, self._customers = places, customers
        self._random = random.Random(1)

    def ours(self, tokens: Tokens) -> Requests:
        signed = [tokens.of(who) for who in range(0, self._customers, self._customers // 1000)]

        def requests(count: int) -> list[bytes]:
            return [
                load.encode(
                    "GET",
                    f"/v1/venues/nearby?{self._query()}",
                    {"Authorization": f"Bearer {self._random.choice(signed)}"},
                )
                for _ in range(count)
            ]

        return requests

    def bare(self, count: int) -> list[bytes]:
        return [
            load.encode("GET", f"/nearby?{self._query()}&customer_id={self._customer()}", {})
            for _ in range(count)
        ]

    def _customer(self) -> uuid.UUID:
        return make_id("customer", self._random.randrange(self._customers))

    def _query(self) -> str:
        place = self._random.choice(self._places)
        return urlencode(
            {
                "lon": round(place.lon + self._random.uniform(-0.005, 0.005), 6),
                "lat": round(place.lat + self._random.uniform(-0.003, 0.003), 6),
                "radius_m": 1000,
                "limit": 20,
            }
        )


class Sales:
    """Codes presented at the till of the first venue, each once."""

    def __init__(self, codes: Sequence[str], key: str, vault: Vault) -> None:
        self._codes, self._key, self._vault = iter(codes), key, vault
        self._venue_id, self._merchant_id = make_id("venue", 0), make_id("merchant", 0)
        self._key_id = uuid.UUID(key.split("_")[1])

    def ours(self, count: int) -> list[bytes]:
        return [
            load.encode(
                "POST",
                "/v1/redemptions",
                {"Authorization": f"Bearer {self._key}", **_fresh_key()},
                json.dumps(
                    {"code": code, "venue_id": str(self._venue_id), "amount_minor": 12000}
                ).encode(),
            )
            for code in self._take(count)
        ]

    def bare(self, count: int) -> list[bytes]:
        body = {
            "venue_id": str(self._venue_id),
            "merchant_id": str(self._merchant_id),
            "api_key_id": str(self._key_id),
            "amount_minor": 12000,
        }
        return [
            load.encode(
                "POST",
                "/redemptions",
                _fresh_key(),
                json.dumps({**body, "digest": self._vault.digest(code).hex()}).encode(),
            )
            for code in self._take(count)
        ]

    def _take(self, count: int) -> list[str]:
        """As many as are left, at most so many."""
        return list(itertools.islice(self._codes, count))


def _warm_up(base: Base, *sides: Side, count: int) -> None:
    """Then tell the planner what was written: its plans for empty tables are kept, and slow."""
    for side in sides:
        side.warm_up(count)
    settle(base)


def _alternate(
    ours: Side, bare: Side, *, warm_up: int, base: Base | None = None
) -> list[dict[str, float]]:
    """Rounds in turn, so that both meet the same weather; the rows that requests wrote."""
    written = []
    if base:
        _warm_up(base, ours, bare, count=warm_up)
    else:
        for side in (ours, bare):
            side.warm_up(warm_up)
    for _ in range(ROUNDS):
        for side in (ours, bare):
            if base:
                written.append(_rows_per_request(base, side))
            else:
                side.play()
    return written


def _compared(part: str, ours: Side, bare: Side) -> Iterator[Figure]:
    yield from ours.figures(part)
    yield Figure(f"{part}.bare_per_s", bare.per_s, "1/s")
    yield Figure(f"{part}.vs_bare", ours.per_s / bare.per_s, "ratio")


def _rows_per_request(base: Base, side: Side) -> dict[str, float]:
    before, sent = _count_rows(base), side.sent
    side.play()
    return _per_request(before, _count_rows(base), side.sent - sent)


def _count_rows(base: Base) -> dict[str, int]:
    with base.connect() as connection:
        return {
            table: int(connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()[0])  # type: ignore[index]
            for table in COUNTED
        }


def _per_request(before: dict[str, int], after: dict[str, int], count: int) -> dict[str, float]:
    return {table: round((after[table] - before[table]) / count, 3) for table in COUNTED}


def _same_work(written: Sequence[dict[str, float]]) -> None:
    """A yardstick that writes other rows than the service measures nothing."""
    if any(rows != written[0] for rows in written):
        raise RuntimeError(f"The sides wrote different rows: {written}")
    tell(f"  rows written by each request: {written[0]}")


def _fresh_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}
