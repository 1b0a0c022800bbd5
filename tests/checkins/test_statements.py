"""What a check-in and a nearby search cost the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations

import psycopg
import pytest
from sqlalchemy import text

from lbs.checkins import queries
from lbs.db import Session, new_id
from lbs.shares.queries import FRIENDS_SENT
from tests.offers.people import people
from tests.world import World, ago, now

THERE = {"lon": 140.0, "lat": 60.0}
"""Where no test has a venue."""
BY_SHARES = ("share", "referral", "customer")


@pytest.fixture
def statements(monkeypatch) -> list[str]:
    """Every statement that reaches PostgreSQL from now on, SQLAlchemy's or not; a real run."""
    seen: list[str] = []
    execute = psycopg.Cursor.execute

    def note(cursor, query, *args, **options):
        words = query.decode() if isinstance(query, bytes) else str(query)
        seen.append(" ".join(words.split()))
        return execute(cursor, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", note)
    return seen


def is_idempotency(statement: str) -> bool:
    return "idempotent_answer" in statement


@pytest.mark.parametrize("offers", [0, 1, 7])
@pytest.mark.parametrize(
    ("fix", "verdict"),
    [({}, "accepted"), ({"north_m": 85}, "ambiguous"), ({"north_m": 450}, "rejected")],
)
def test_a_check_in_costs_two_statements_however_many_offers_there_are(
    world: World, statements, offers, fix, verdict
):
    venue = world.venue()
    for number in range(offers):
        world.offer(venue, limit_total=5, limit_per_day=5, limit_per_customer=number + 1)
    world.check_in(world.customer(), venue, north_m=450)
    customer = world.customer()
    statements.clear()
    result = world.check_in(customer, venue, **fix)
    assert result["verdict"] == verdict
    assert len(result["unlocked"]) == (offers if verdict == "accepted" else 0)
    assert sum(map(is_idempotency, statements)) == 2
    own = [statement for statement in statements if not is_idempotency(statement)]
    assert [statement.split()[0] for statement in own] == ["SELECT", "WITH"]


def test_the_terms_of_a_version_are_read_once(world: World, statements):
    """Whoever is first to meet them pays for it; a new version is read anew."""
    venue = world.venue()
    offers = [world.offer(venue, teaser=teaser) for teaser in ("Before", "Something else")]
    for changed in (None, "After"):
        if changed:
            headers = {"If-Match": f'"{offers[0]["version"]}"'}
            path = f"/v1/offers/{offers[0]['id']}"
            world.ask("patch", path, json={"teaser": changed}, headers=headers)
        costs = []
        for _ in range(2):
            customer = world.customer()
            statements.clear()
            seen = world.check_in(customer, venue, north_m=450)
            costs.append(sum(not is_idempotency(statement) for statement in statements))
        assert costs == [3, 2]
        assert {offer["teaser"] for offer in seen["locked"]} == {
            changed or "Before",
            "Something else",
        }


@pytest.mark.parametrize(
    "members",
    [
        {"rule": {"kind": "friends", "n": 1}},
        {
            "rule": {"kind": "referrer", "n": 1},
            "limit_per_customer": 3,
            "terms": "One coffee. It is not sponsored by Meta.",
        },
    ],
    ids=["friends who are there", "friends who were sent"],
)
def test_where_people_are_counted_it_costs_a_lock_and_a_history_more(
    world: World, statements, members
):
    venue = world.venue()
    world.offer(venue, **members)
    world.check_in(world.customer(), venue, north_m=450)
    customer = world.customer()
    statements.clear()
    world.check_in(customer, venue)
    own = [statement for statement in statements if not is_idempotency(statement)]
    assert [statement.split()[0] for statement in own] == ["SELECT", "SELECT", "SELECT", "WITH"]
    assert own[1].endswith("FOR NO KEY UPDATE")


def test_a_party_code_costs_a_look_at_guesses_and_one_at_the_party(world: World, statements):
    venue, customer = world.venue(), world.customer()
    code = world.ask("post", "/v1/parties", customer, json={})["code"]
    body = {"venue_id": venue["id"], "evidence": [world.location()], "party_code": code}
    statements.clear()
    world.ask("post", "/v1/check-ins", customer, json=body)
    own = [statement for statement in statements if not is_idempotency(statement)]
    assert [statement.split()[0] for statement in own] == ["SELECT"] * 3 + ["WITH"]


def test_what_goes_with_an_unlock_costs_only_where_it_does(world: World, statements):
    venue, customer = world.venue(cool_down_s=0), world.customer()
    world.offer(venue, rule={"kind": "charity", "amount_minor": 500, "recipient": "WWF"})
    coded = world.offer(venue)
    path = f"/v1/offers/{coded['id']}/codes/import"
    world.ask("post", path, data="TAK-4711\nTAK-4712", content_type="text/csv")
    world.check_in(world.customer(), venue, north_m=450)
    statements.clear()
    assert len(world.check_in(customer, venue)["unlocked"]) == 2
    own = [statement for statement in statements if not is_idempotency(statement)]
    assert [statement.split()[0] for statement in own] == [
        "SELECT",
        "WITH",  # codes are taken
        "WITH",
        "UPDATE",  # and handed out
        "INSERT",  # pledges
    ]


def test_where_friends_are_there_it_costs_a_look_for_them_and_a_history_for_who_is_brought(
    world: World, statements
):
    venue = world.venue()
    world.offer(venue, rule={"kind": "friends", "n": 2})
    group = people(world, 4)
    for one, other in combinations(group[:3], 2):
        one.befriends(other)
    world.check_in(world.customer(), venue, north_m=450)
    costs = []
    for person in group:
        statements.clear()
        person.comes(venue)
        own = [statement for statement in statements if not is_idempotency(statement)]
        costs.append([statement.split()[0] for statement in own])
    alone = ["SELECT", "SELECT", "SELECT", "WITH"]
    brings_two = ["SELECT", "SELECT", "SELECT", "SELECT", "SELECT", "SELECT", "INSERT", "WITH"]
    assert costs == [alone, [*alone[:3], "SELECT", "WITH"], brings_two, alone]


def test_a_repeated_check_in_costs_one_look_up(world: World, statements):
    venue, customer = world.venue(), world.customer()
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    headers = {"Idempotency-Key": "again"}
    world.ask("post", "/v1/check-ins", customer, json=body, headers=headers)
    statements.clear()
    world.ask("post", "/v1/check-ins", customer, json=body, headers=headers)
    assert [is_idempotency(statement) for statement in statements] == [True]


def test_a_nearby_search_costs_a_statement_to_find_and_one_to_count(world: World, statements):
    venues = [world.venue(east_m=east_m) for east_m in (0, 200, 400)]
    for _ in range(3):
        world.offer(*venues)
    customer = world.customer()
    query = {"lat": world.lat, "lon": world.lon}
    world.ask("get", "/v1/venues/nearby", customer, query_string=query)
    statements.clear()
    found = world.ask("get", "/v1/venues/nearby", customer, query_string=query)
    assert [len(venue["offers"]) for venue in found["items"]] == [3, 3, 3]
    assert [statement.split()[0] for statement in statements] == ["SELECT", "INSERT"]
    statements.clear()
    nobody = world.ask("get", "/v1/venues/nearby", customer, query_string={**query, "lat": -60})
    assert (nobody["items"], len(statements)) == ([], 1)


def nodes(plan: dict) -> Iterator[dict]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_nearby_search_walks_the_index_of_the_fences(world: World, db):
    customer_id = world.register()["customer_id"]
    asked = {
        "customer_id": customer_id,
        **THERE,
        "radius_m": 1000,
        "limit": 20,
        "now": now(),
    }
    with Session(db.engine) as session:  # never committed: the tests share the database
        session.execute(
            text("""
                INSERT INTO venue (id, merchant_id, name, category, time_zone, fence, location,
                                   status, version, created_at, updated_at)
                SELECT gen_random_uuid(), :merchant_id, 'Venue ' || n, 'cafe', 'UTC',
                       ST_Multi(ST_Buffer(at.point, 20)::geometry)::geography, at.point,
                       'active', 1, :now, :now
                FROM generate_series(0, 4999) AS n, LATERAL (
                    SELECT ST_SetSRID(ST_MakePoint(:lon + n % 100 * 0.001,
                                                   :lat + n / 100 * 0.001), 4326)::geography
                           AS point) AS at
            """),
            {"merchant_id": world.merchant_id, "now": now(), **THERE},
        )
        session.execute(text("ANALYZE venue"))
        explain = text("EXPLAIN (ANALYZE, FORMAT json)" + queries.NEARBY.clause.text)
        [[plan]] = session.execute(explain, asked).one()
        found = queries.nearby(session, **asked)
    scans = [node for node in nodes(plan["Plan"]) if node.get("Index Name") == "ix_venue_fence"]
    assert scans, json.dumps(plan, indent=1)
    assert max(scan["Actual Rows"] for scan in scans) < 500
    assert not [
        node
        for node in nodes(plan["Plan"])
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "venue"
    ]
    distances = [row.distance_m for row in found]
    assert len(found) == 20
    assert distances == sorted(distances)


def test_finding_a_venue_for_a_check_in_needs_no_look_at_other_venues(world: World, db):
    venue = world.venue()
    with db.transaction() as session:
        [[plan]] = session.execute(
            text("EXPLAIN (ANALYZE, FORMAT json)" + queries.GATHER.clause.text),
            {
                "customer_id": world.register()["customer_id"],
                "place_id": venue["id"],
                "check_in_id": new_id(),
                "lon": world.lon,
                "lat": world.lat,
                "captured_at": now(),
                "digests": [b"digest"],
                "now": now(),
                **dict.fromkeys(("minutes_ago", "day_ago", "week_ago", "month_ago"), ago(days=7)),
            },
        ).one()
    looked_at = [
        node["Actual Rows"] for node in nodes(plan["Plan"]) if node.get("Relation Name") == "venue"
    ]
    assert looked_at == [1]


def test_friends_sent_are_found_by_the_customers_own_shares(world: World, db):
    """Among 3,000 more of the offer, each of which has brought somebody."""
    venue, customer_id = world.venue(), world.register()["customer_id"]
    asked = {"customer_id": customer_id, "venue_id": venue["id"], "now": now()}
    with Session(db.engine) as session:  # never committed: the tests share the database
        session.execute(
            text("""
                WITH sharer AS (
                    INSERT INTO customer (id, subject_id, app_id, created_at)
                    SELECT gen_random_uuid(), gen_random_uuid(), app_id, :now
                    FROM customer, generate_series(1, 3000) WHERE customer.id = :customer_id
                    RETURNING id, subject_id
                ), shared AS (
                    INSERT INTO share (id, offer_id, merchant_id, customer_id, subject_id,
                                       token_digest, sealed_token, created_at)
                    SELECT gen_random_uuid(), :offer_id, :merchant_id, sharer.id,
                           sharer.subject_id, sha256(sharer.id::text::bytea), '', :now
                    FROM (TABLE sharer UNION ALL
                          SELECT id, subject_id FROM customer WHERE id = :customer_id) AS sharer
                    RETURNING *
                )
                INSERT INTO referral (customer_id, offer_id, share_id, bound_at, used_at)
                SELECT customer_id, offer_id, id, :now, :now FROM shared
            """),
            {**asked, "offer_id": world.offer(venue)["id"], "merchant_id": world.merchant_id},
        )
        for table in ("customer", "share", "referral"):
            session.execute(text(f"ANALYZE {table}"))
        found = text(f"""
            EXPLAIN (ANALYZE, FORMAT json) SELECT ({FRIENDS_SENT}) AS friends
            FROM venue, (SELECT CAST(:customer_id AS uuid) AS id) AS customer
            WHERE venue.id = :venue_id
        """)
        [[plan]] = session.execute(found, asked).one()
    scans = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") in BY_SHARES]
    assert [scan["Actual Rows"] for scan in scans] == [1] * len(BY_SHARES), json.dumps(plan)
    assert not [scan for scan in scans if scan["Node Type"] == "Seq Scan"], json.dumps(plan)


def test_ids_are_made_in_order_so_pages_are_by_time():
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
