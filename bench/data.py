"""Worlds to measure in, made inside PostgreSQL."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

from bench.servers import Base
from lbs.accounts import service as accounts
from lbs.accounts.auth import ACCESS, KeyRing
from lbs.accounts.policy import SCOPES
from lbs.db import Database
from lbs.unlocks.policy import RANDOM_BYTES, make_code
from lbs.vault import Vault

KINDS = ("app", "merchant", "venue", "offer", "customer", "subject", "check_in", "event", "unlock")
CITY_VENUES = 1000
OFFER_EVERY = 100
"""One venue in so many has an offer."""
CITIES_IN_A_ROW = 40
VISITS_PER_CUSTOMER = 20
VISITS_PER_VENUE = 3
STRIDE = 7919
"""A prime: consecutive requests are of customers and at venues that lie far apart."""
HISTORY = timedelta(days=300)

ID = """
    CREATE FUNCTION bench_id(kind integer, n bigint, ms bigint DEFAULT 0) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
        lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
        || '8' || lpad(to_hex(n), 15, '0'))::uuid
"""
"""Ids that order as UUIDv7 do: by time, then number."""

VENUES = """
    INSERT INTO venue (id, merchant_id, name, category, time_zone, fence, centre, radius_m,
                       location, status, version, created_at, updated_at)
    SELECT bench_id({venue}, n), bench_id({merchant}, n / {offer_every}), 'Venue ' || n, 'cafe',
           'Europe/Copenhagen', ST_Multi(made.fence)::geography,
           CASE WHEN is_circle THEN ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography END,
           CASE WHEN is_circle THEN size_m END,
           ST_Affine(shapes.door, a, b, d, e, lon, lat)::geography, 'active', 1, now(), now()
    FROM (
        SELECT n, n % 2 = 0 AS is_circle, 20 + 60 * random() AS size_m, city.lat + north / 111320
                   AS lat,
               city.lon + east / 111320 / cos(radians(city.lat)) AS lon, city.lat AS city_lat,
               radians(360 * random()) AS turn
        FROM (
            SELECT n, n / {city_venues} AS city,
                   CASE WHEN n % 5 = 0 THEN 60000 * (random() - 0.5)
                        ELSE 2500 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) END
                       AS east,
                   CASE WHEN n % 5 = 0 THEN 60000 * (random() - 0.5)
                        ELSE 2500 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) END
                       AS north
            FROM generate_series({first}, {last}) AS n OFFSET 0
        ) AS placed, LATERAL (
            SELECT -170 + 8.5 * (placed.city % {cities_in_a_row}) AS lon,
                   -50 + 4.0 * (placed.city / {cities_in_a_row}) AS lat
        ) AS city OFFSET 0
    ) AS venue, (
        SELECT ST_Buffer(ST_SetSRID(ST_MakePoint(0, 0), 4326), 1, 'quad_segs=32') AS circle,
               ST_GeomFromText('POLYGON((-1 -1, 1 -1, 1 0, 0 0, 0 1, -1 1, -1 -1))', 4326)
                   AS building,
               ST_SetSRID(ST_MakePoint(-0.4, -0.4), 4326) AS door
    ) AS shapes, LATERAL (
        SELECT size_m * cos(turn) / 111320 / cos(radians(city_lat)) AS a,
               -size_m * sin(turn) / 111320 / cos(radians(city_lat)) AS b,
               size_m * sin(turn) / 111320 AS d, size_m * cos(turn) / 111320 AS e
    ) AS turned, LATERAL (
        SELECT ST_Affine(CASE WHEN is_circle THEN circle ELSE building END, a, b, d, e, lon, lat)
                   AS fence
    ) AS made
"""
"""Cities of a thousand venues: four in five around the middle, the rest spread over 60 km. More
venues are more cities, so the density around a place stays the same."""

OFFERS = """
    INSERT INTO offer (id, merchant_id, status, terms_version, version, created_at, updated_at)
    SELECT bench_id({offer}, n), bench_id({merchant}, n % {places}), 'active', 1, 1, now(), now()
    FROM generate_series(0, {places} * {offers} - 1) AS n;

    INSERT INTO offer_version (offer_id, number, teaser, terms, reward, rule, value_minor,
                               cost_minor, currency, goal, audience, valid_from, valid_to,
                               schedule, created_at)
    SELECT bench_id({offer}, n), 1, 'Something warm is on us', 'One filter coffee of any size',
           '{{"kind": "free_item", "item": "A filter coffee"}}',
           CASE WHEN n < {places} THEN '{{"kind": "every_visit"}}'::jsonb
                ELSE jsonb_build_object('kind', 'nth_visit', 'n', 5 + n / {places}) END,
           3500, 600, 'DKK', '{{"kind": "visits", "target": 500}}', 'anyone', '2020-01-01',
           '2100-01-01', '{{}}', now()
    FROM generate_series(0, {places} * {offers} - 1) AS n;

    INSERT INTO offer_venue (offer_id, venue_id, merchant_id)
    SELECT bench_id({offer}, n), bench_id({venue}, n % {places} * {offer_every}),
           bench_id({merchant}, n % {places})
    FROM generate_series(0, {places} * {offers} - 1) AS n;
"""

MERCHANTS = """
    INSERT INTO merchant (id, name, created_at)
    SELECT bench_id({merchant}, n), 'Merchant ' || n, now() FROM generate_series(0, {last}) AS n
"""

CUSTOMERS = """
    INSERT INTO customer (id, subject_id, app_id, created_at)
    SELECT bench_id({customer}, n), bench_id({subject}, n), bench_id({app}, 0), now()
    FROM generate_series(0, {last}) AS n
"""

_VISITS = """
    SELECT j, customer, round, city * {city_venues}
               + (customer * 31 + round / {visits_per_venue} * 977) % {city_venues} AS venue,
           base + j * ({history_s} / {check_ins}::float8) * interval '1 second' AS at
    FROM (
        SELECT j, (j * 48271) % {customers} AS customer, j / {customers} AS round,
               (j * 48271) % {customers} % {cities} AS city, CAST('{base}' AS timestamptz) AS base
        FROM generate_series(0::bigint, {check_ins} - 1) AS j
    ) AS visit
"""
"""Customers take turns; each visits venues of one city, every venue a few times."""

CHECK_INS = f"""
    INSERT INTO check_in (id, venue_id, customer_id, occurred_at, verdict, level, findings, proofs,
                          revision, visit, distance_m, accuracy_m, captured_at, provider)
    SELECT bench_id({{check_in}}, j, (extract(epoch FROM at) * 1000)::bigint),
           bench_id({{venue}}, venue), bench_id({{customer}}, customer), at,
           'accepted', 1, '[]', '[]', 0, round % {{visits_per_venue}} + 1, -12.5, 10, at, 'gps'
    FROM ({_VISITS}) AS visit
"""

LEDGER = f"""
    INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                              verdict, level, first_visit, reasons, offer_ids)
    SELECT bench_id({{event}}, j, (extract(epoch FROM at) * 1000)::bigint), at, 'check_in',
           bench_id({{merchant}}, venue / {{offer_every}}), bench_id({{venue}}, venue),
           bench_id({{subject}}, customer),
           bench_id({{check_in}}, j, (extract(epoch FROM at) * 1000)::bigint),
           'accepted', 1, round % {{visits_per_venue}} = 0, '{{{{}}}}', '{{{{}}}}'
    FROM ({_VISITS}) AS visit
"""

TALLIES = """
    INSERT INTO visit_tally (customer_id, venue_id, visits, first_at, last_at)
    SELECT bench_id({customer}, c),
           bench_id({venue}, c % {cities} * {city_venues} + (c * 31 + turn * 977) % {city_venues}),
           least({visits_per_venue}, {visits_per_customer} - turn * {visits_per_venue}),
           CAST('{base}' AS timestamptz), CAST('{base}' AS timestamptz) + interval '1 day'
    FROM generate_series(0::bigint, {customers} - 1) AS c,
         generate_series(0, ({visits_per_customer} - 1) / {visits_per_venue}) AS turn
"""

UNLOCKS = """
    INSERT INTO unlock (id, merchant_id, offer_id, offer_version, venue_id, check_in_id,
                        customer_id, subject_id, sealed_code, code_digest, state, buckets, units,
                        unlocked_at, expires_at)
    SELECT bench_id({unlock}, given.n), bench_id({merchant}, 0), bench_id({offer}, 0), 1,
           bench_id({venue}, 0), visit.id, visit.customer_id, customer.subject_id, 'sealed',
           given.digest, 'unlocked', '{{}}', '{{}}', visit.occurred_at, '2100-01-01'
    FROM unnest(%(digests)s::bytea[]) WITH ORDINALITY AS given(digest, n)
    JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM check_in) AS visit USING (n)
    JOIN customer ON customer.id = visit.customer_id
"""

FUNNEL = """
    INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                              verdict, level, first_visit, reasons, offer_ids, offer_id,
                              offer_version, unlock_id, redemption_id, value_minor, cost_minor,
                              amount_minor, currency)
    SELECT bench_id({event}, n, (extract(epoch FROM at) * 1000)::bigint), at, kind,
           bench_id({merchant}, 0), bench_id({venue}, 0),
           bench_id({subject}, n::bigint * 7919 % ({events} / 8)),
           bench_id({check_in}, n), CASE WHEN kind = 'check_in' THEN verdict END, 1, n % 5 = 0,
           CASE WHEN kind = 'check_in' THEN CAST('{{}}' AS text[]) END,
           CASE WHEN kind = 'check_in' THEN ARRAY[bench_id({offer}, 0)] END,
           CASE WHEN kind <> 'check_in' THEN bench_id({offer}, 0) END,
           CASE WHEN kind <> 'check_in' THEN 1 END,
           CASE WHEN kind <> 'check_in' THEN bench_id({unlock}, n) END,
           CASE WHEN kind = 'redeemed' THEN bench_id({unlock}, n) END,
           CASE WHEN kind = 'redeemed' THEN 3500 END, CASE WHEN kind = 'redeemed' THEN 600 END,
           CASE WHEN kind = 'redeemed' THEN 12000 END, CASE WHEN kind = 'redeemed' THEN 'DKK' END
    FROM (
        SELECT n, CAST('{base}' AS timestamptz) + n * ({history_s} / {events}::float8)
                   * interval '1 second' AS at,
               (ARRAY['check_in', 'check_in', 'check_in', 'check_in', 'unlocked', 'unlocked',
                      'unlocked', 'redeemed'])[1 + n % 8] AS kind,
               CASE n % 16 WHEN 0 THEN 'rejected' ELSE 'accepted' END AS verdict
        FROM generate_series(0, {events} - 1) AS n
    ) AS fact
"""
"""Of eight events four are check-ins, three unlocks and one a redemption."""


class Place(NamedTuple):
    """A venue with an offer, and a position inside its fence."""

    venue_id: UUID
    lon: float
    lat: float


@dataclass(frozen=True)
class Size:
    """How much of everything a world has."""

    venues: int
    customers: int
    check_ins: int = 0
    offers: int = 1
    """At each venue that has any; the first of them opens at every visit."""

    @property
    def cities(self) -> int:
        return max(1, self.venues // CITY_VENUES)


def make_id(kind: str, n: int) -> UUID:
    """The same as `bench_id` in the database."""
    return UUID(f"{0:012x}7{KINDS.index(kind):03x}8{n:015x}")


def make_world(base: Base, size: Size) -> None:
    """Venues, offers at some of them, customers, and what they did in the past 300 days."""
    values = _values(size)
    with base.connect() as connection, _told(f"{size.venues:,} venues, {size.check_ins:,} visits"):
        connection.execute(ID)
        _load(connection, "INSERT INTO app SELECT bench_id({app}, 0), 'App', now()", values)
        last = {"last": max(0, (size.venues - 1) // OFFER_EVERY)}
        _load(connection, MERCHANTS, {**values, **last})
        _load(connection, VENUES, {**values, "first": 0, "last": size.venues - 1})
        _load(connection, OFFERS, {**values, "places": last["last"] + 1, "offers": size.offers})
        _load(connection, CUSTOMERS, {**values, "last": size.customers - 1})
    if size.check_ins:
        _make_history(base, values)
    settle(base)


def settle(base: Base) -> None:
    """What autovacuum and the checkpointer would do in time."""
    with base.connect() as connection, _told("vacuum and checkpoint"):
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def make_unlocks(base: Base, count: int) -> list[str]:
    """Codes that can be redeemed at the first venue with an offer."""
    vault = Vault(base.settings.secrets_key)
    codes = [make_code(os.urandom(RANDOM_BYTES)) for _ in range(count)]
    with base.connect() as connection, _told(f"{count:,} unlocks"):
        statement = UNLOCKS.format(**_kinds())
        connection.execute(statement, {"digests": [vault.digest(code) for code in codes]})
    settle(base)
    return codes


def make_funnel(base: Base, events: int, period: timedelta = HISTORY) -> None:
    """So many events of the first offer in the ledger, in the time up to now."""
    values = {
        **_values(Size(1, 1)),
        "events": events,
        "base": (datetime.now(UTC) - period).isoformat(),
        "history_s": int(period.total_seconds()),
    }
    with base.connect() as connection, _told(f"{events:,} ledger events"):
        _make_partitions(connection, values)
        _fill(connection, "ledger_event", (FUNNEL,), values)
    settle(base)


def owner_key(base: Base, merchant_id: UUID) -> str:
    """An API key of the merchant that may do everything."""
    db = Database(base.url)
    with db.transaction() as session:
        command = accounts.CreateKey("owner", SCOPES)
        key = accounts.create_key(
            session, merchant_id, command, lambda: secrets.token_urlsafe(32), datetime.now(UTC)
        )
    db.engine.dispose()
    return key.token or ""


class Tokens:
    """Access tokens of the customers of a world, signed as the service signs them."""

    def __init__(self, base: Base) -> None:
        settings = base.settings
        self._db = Database(base.url, pool_size=1)
        self._ring = KeyRing(self._db, Vault(settings.secrets_key), settings.public_url)

    def close(self) -> None:
        self._db.engine.dispose()

    def of(self, customer: int) -> str:
        claims = {"sub": str(make_id("customer", customer)), "app": str(make_id("app", 0))}
        return self._ring.sign(claims, ACCESS, ttl=timedelta(hours=2), now=datetime.now(UTC))


def offer_places(base: Base) -> Sequence[Place]:
    """The venues with offers."""
    with base.connect() as connection:
        rows = connection.execute("""
            SELECT DISTINCT venue.id, ST_X(location::geometry), ST_Y(location::geometry)
            FROM offer_venue JOIN venue ON venue.id = offer_venue.venue_id ORDER BY venue.id
        """).fetchall()
    return [Place(*row) for row in rows]


def _make_history(base: Base, values: dict[str, object]) -> None:
    """Two connections, as there are two cores; secondary indexes are built afterwards."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(base.connect()) for _ in range(2))
        _make_partitions(first, values)
        pool = stack.enter_context(ThreadPoolExecutor(2))
        tasks = [
            pool.submit(_fill, first, "check_in", (CHECK_INS, TALLIES), values),
            pool.submit(_fill, second, "ledger_event", (LEDGER,), values),
        ]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            first.cancel_safe()
            second.cancel_safe()
            raise


def _fill(
    connection: psycopg.Connection, table: str, texts: Sequence[str], values: dict[str, object]
) -> None:
    with _told(f"history in {table}"):
        definitions = _drop_indexes(connection, table)
        for text in texts:
            _load(connection, text, values)
        connection.execute("SET maintenance_work_mem = '512MB'")
        for definition in definitions:
            connection.execute(definition.replace(" ON ONLY ", " ON ", 1).encode())


def _drop_indexes(connection: psycopg.Connection, table: str) -> list[str]:
    """Drop the indexes that no constraint needs; their definitions."""
    rows = connection.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = %s::regclass AND NOT indisunique
        """,
        [table],
    ).fetchall()
    for name, _ in rows:
        connection.execute(f"DROP INDEX {name}".encode())
    return [definition for _, definition in rows]


def _make_partitions(connection: psycopg.Connection, values: dict[str, object]) -> None:
    connection.execute("SELECT make_ledger_partitions(%s, now())", [values["base"]])


def _load(connection: psycopg.Connection, text: str, values: dict[str, object]) -> None:
    """Run without foreign key checks, and without waiting for the disk, in one transaction."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute("SELECT setseed(0.5)")
        connection.execute(text.format(**values).encode())


def _kinds() -> dict[str, object]:
    return {kind: number for number, kind in enumerate(KINDS)}


def _values(size: Size) -> dict[str, object]:
    return {
        **_kinds(),
        "customers": size.customers,
        "check_ins": max(1, size.check_ins),
        "cities": size.cities,
        "city_venues": CITY_VENUES,
        "cities_in_a_row": CITIES_IN_A_ROW,
        "offer_every": OFFER_EVERY,
        "visits_per_customer": VISITS_PER_CUSTOMER,
        "visits_per_venue": VISITS_PER_VENUE,
        "base": (datetime.now(UTC) - HISTORY).isoformat(),
        "history_s": int((HISTORY - timedelta(days=1)).total_seconds()),
    }


@contextmanager
def _told(label: str) -> Iterator[None]:
    tell(f"{label} ...")
    began = time.monotonic()
    yield
    tell(f"{label}: {time.monotonic() - began:.1f} s")


def tell(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
