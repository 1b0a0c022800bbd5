"""How the time of one request grows with the data: three worlds side by side, asked in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from statistics import median

from bench import load
from bench.data import VISITS_PER_CUSTOMER, Size, Tokens, make_world, offer_places, tell
from bench.requests import Requests, Views, Visits
from bench.servers import OURS, database, served
from bench.sides import Figure
from lbs.cli.postgres import Cluster

SIZES = {
    "10e4": Size(10_000, 100_000 // VISITS_PER_CUSTOMER, 100_000),
    "10e5": Size(100_000, 1_000_000 // VISITS_PER_CUSTOMER, 1_000_000),
    "10e6": Size(1_000_000, 10_000_000 // VISITS_PER_CUSTOMER, 10_000_000),
}
"""By venues. Ten check-ins and ten ledger events a venue, a tally for every third check-in."""

ROUNDS, BATCH, WARM_UP = 10, 60, 200


@dataclass
class World:
    """One size under measurement."""

    port: int
    visits: Requests
    views: Requests
    check_in_ms: list[float]
    nearby_ms: list[float]

    def check_in(self, count: int) -> list[float]:
        return self._ask(self.visits(count), 201)

    def nearby(self, count: int) -> list[float]:
        return self._ask(self.views(count), 200)

    def play(self) -> None:
        self.check_in_ms += self.check_in(BATCH)
        self.nearby_ms += self.nearby(BATCH)

    def _ask(self, requests: Sequence[bytes], status: int) -> list[float]:
        """One after the other."""
        timing = load.send_all(self.port, requests, connections=1, status=status)
        return list(timing.latencies_ms)


def growth(cluster: Cluster) -> Iterator[Figure]:
    """p50 of sequential requests; largest over smallest world.

    The worlds grow in area: the density of venues around a position stays the same.
    """
    with ExitStack() as stack:
        worlds = {name: _open(stack, cluster, name, size) for name, size in SIZES.items()}
        for world in worlds.values():
            world.check_in(WARM_UP)
            world.nearby(WARM_UP)
        for turn in range(ROUNDS):
            for world in worlds.values():
                world.play()
            tell(f"  round {turn + 1} of {ROUNDS}")
    yield from _figures("checkin", {name: world.check_in_ms for name, world in worlds.items()})
    yield from _figures("nearby", {name: world.nearby_ms for name, world in worlds.items()})


def _open(stack: ExitStack, cluster: Cluster, name: str, size: Size) -> World:
    base = stack.enter_context(database(cluster, f"bench_growth_{name}"))
    make_world(base, size)
    server = stack.enter_context(served(OURS, base, processes=1))
    tokens = stack.enter_context(closing(Tokens(base)))
    places = offer_places(base)
    visits, views = Visits(places, size.customers), Views(places, size.customers)
    return World(server.port, visits.ours(tokens), views.ours(tokens), [], [])


def _figures(what: str, latencies: dict[str, list[float]]) -> Iterator[Figure]:
    p50s = {name: median(found) for name, found in latencies.items()}
    for name, p50 in p50s.items():
        yield Figure(f"growth.{what}_{name}_ms", p50, "ms")
    smallest, *_, largest = p50s.values()
    yield Figure(f"growth.{what}", largest / smallest, "ratio")
