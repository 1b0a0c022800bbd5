"""The parts of the benchmark: each gives its figures, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from statistics import median

from bench import load
from bench.data import (
    Size,
    Tokens,
    make_funnel,
    make_id,
    make_unlocks,
    make_world,
    offer_places,
    owner_key,
)
from bench.pgbench import PgBench
from bench.requests import Requests, Sales, Views, Visits
from bench.servers import BARE, OURS, Base, database, served
from bench.sides import Figure, Http, alternate, ratio, warm_up
from lbs.cli.postgres import Cluster
from lbs.vault import Vault


def checkin(cluster: Cluster) -> Iterator[Figure]:
    """Accepted check-ins that open an offer, beside a bare handler and pgbench."""
    name, size = "bench_checkin", Size(venues=10_000, customers=200_000)
    with database(cluster, name) as base:
        make_world(base, size)
        visits = Visits(offer_places(base), size.customers)
        raw = PgBench(cluster, name, visits)
        with closing(Tokens(base)) as tokens:
            ours, bare = _measure(base, visits.ours(tokens), visits.bare, 201, 1000, raw)
    yield from _compared("checkin", ours, bare)
    yield Figure("checkin.pgbench_per_s", median(raw.rates), "1/s")
    yield Figure("checkin.vs_pgbench", ratio(ours, raw), "ratio")


def offers(cluster: Cluster) -> Iterator[Figure]:
    """The same at venues with twenty running offers, of which one opens."""
    size = Size(venues=10_000, customers=200_000, offers=20)
    with database(cluster, "bench_offers") as base:
        make_world(base, size)
        visits = Visits(offer_places(base), size.customers)
        with closing(Tokens(base)) as tokens:
            ours, bare = _measure(base, visits.ours(tokens), visits.bare, 201, 1000)
    yield from _compared("offers", ours, bare)


def nearby(cluster: Cluster) -> Iterator[Figure]:
    """The twenty nearest of 100,000 venues within a kilometre, one in a hundred with an offer."""
    size = Size(venues=100_000, customers=10_000)
    with database(cluster, "bench_nearby") as base:
        make_world(base, size)
        views = Views(offer_places(base), size.customers)
        with closing(Tokens(base)) as tokens:
            ours, bare = _measure(base, views.ours(tokens), views.bare, 200, 500)
    yield from _compared("nearby", ours, bare)


def redeem(cluster: Cluster) -> Iterator[Figure]:
    """Each request redeems a code of its own."""
    codes = 60_000
    with database(cluster, "bench_redeem") as base:
        make_world(base, Size(venues=1000, customers=codes // 20, check_ins=codes))
        key = owner_key(base, make_id("merchant", 0))
        sales = Sales(make_unlocks(base, codes), key, Vault(base.settings.secrets_key))
        ours, bare = _measure(base, sales.ours, sales.bare, 201, 500)
    yield from _compared("redeem", ours, bare)


def stats(cluster: Cluster) -> Iterator[Figure]:
    """The funnel of an offer that has 100,000 events in the ledger."""
    merchant_id, offer_id = make_id("merchant", 0), make_id("offer", 0)
    with database(cluster, "bench_stats") as base:
        make_world(base, Size(venues=1000, customers=20_000))
        make_funnel(base, 100_000)
        key = {"Authorization": f"Bearer {owner_key(base, merchant_id)}"}
        our_request = load.encode("GET", f"/v1/stats/offers/{offer_id}/funnel", key)
        bare_request = load.encode("GET", f"/stats/{merchant_id}/{offer_id}", {})
        ours, bare = _measure(
            base, lambda count: [our_request] * count, lambda count: [bare_request] * count, 200, 50
        )
    yield from _compared("stats", ours, bare)


def _measure(
    base: Base, our: Requests, its: Requests, status: int, warm: int, *others: PgBench
) -> tuple[Http, Http]:
    """The service and the bare handler, and whoever else, in turn."""
    with served(OURS, base) as our_server, served(BARE, base) as bare_server:
        ours = Http("lbs", our_server, our, status)
        bare = Http("bare", bare_server, its, status)
        warm_up(base, (ours, bare), warm)
        alternate(base, (ours, bare, *others))
    return ours, bare


def _compared(part: str, ours: Http, bare: Http) -> Iterator[Figure]:
    yield from ours.figures(part)
    yield Figure(f"{part}.bare_per_s", median(bare.rates), "1/s")
    yield Figure(f"{part}.bare_cpu_ms", median(bare.cpu_ms), "ms")
    yield Figure(f"{part}.vs_bare", ratio(ours, bare), "ratio")
