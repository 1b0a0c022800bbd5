"""The yardstick: plain Flask and psycopg, the service's own SQL, and nothing else of it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask, Response, jsonify, request
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from bench.statements import (
    FIND_PASS,
    GATHER,
    LOOK_UP,
    NEARBY,
    READ_TERMS,
    RECORD,
    RECORD_AGAIN,
    REDEEM,
    STORE,
)
from lbs.cli.server import conninfo
from lbs.db import new_id
from lbs.stats import queries as stats_queries
from lbs.stats.rules.calendar import EPOCH, Span, cover, opened

GUESS_WINDOW = timedelta(minutes=10)
UTC_DAYS = ZoneInfo("UTC")
TERMS: dict[tuple[str, int], dict[str, Any]] = {}

Row = dict[str, Any]
Work = Callable[[Connection[Row], Any, datetime], Row]

app = Flask(__name__, static_folder=None)
pool = ConnectionPool(
    conninfo(os.environ["LBS_DATABASE_URL"]),
    min_size=4,
    max_size=8,
    kwargs={"row_factory": dict_row},
    connection_class=Connection[Row],
    open=True,
)


@app.post("/check-ins")
def check_in() -> tuple[Response, int]:
    return once(record_visit)


@app.post("/redemptions")
def redeem() -> tuple[Response, int]:
    return once(record_redemption)


@app.get("/nearby")
def nearby() -> Response:
    values = {
        "customer_id": UUID(request.args["customer_id"]),
        "lon": float(request.args["lon"]),
        "lat": float(request.args["lat"]),
        "radius_m": float(request.args["radius_m"]),
        "limit": int(request.args["limit"]),
        "now": datetime.now(UTC),
    }
    with pool.connection() as connection:
        rows = NEARBY.run(connection, values).fetchall()
    return jsonify(items=rows)


@app.get("/stats/<uuid:merchant_id>/<uuid:offer_id>")
def stats(merchant_id: UUID, offer_id: UUID) -> Response:
    """The service's statements for the funnel of an offer, in its order."""
    now, merchant = datetime.now(UTC), {"merchant_id": merchant_id}
    with pool.connection() as connection:
        mark: Any = stats_queries.READ_MARK.run(connection, merchant).fetchone()
        news = {**merchant, "mark": str(mark["mark"]), "lost": mark["lost"]}
        fresh = [row["hour"] for row in stats_queries.NEWS.run(connection, news)]
        parts = cover(*opened(Span(EPOCH, now), UTC_DAYS), UTC_DAYS, (), fresh)
        kept = {
            "scope_ids": [offer_id],
            "venue_ids": [stats_queries.ANYWHERE],
            "tiers": [run.tier for run in parts.rolled],
            "since": [run.since for run in parts.rolled],
            "until": [run.until for run in parts.rolled],
            "whole": [bool(parts.fresh)] * len(parts.rolled),
            "dimension": "",
            "elapsed": True,
        }
        rows = stats_queries.READ.run(connection, kept, binary=True).fetchall()
        asked = {
            **merchant,
            "offer_id": offer_id,
            "since": [span.since for span in parts.fresh],
            "until": [span.until for span in parts.fresh],
            "newest": [True] * len(parts.fresh),
            "mark": str(mark["mark"]),
            "before": str(stats_queries.EVER),
            "changed_since": now - timedelta(days=1),
            "kinds": list(stats_queries.KINDS),
        }
        count = stats_queries.statement_of(stats_queries.OF_OFFER, lost=False, exposed=False)
        live = count.run(connection, asked, binary=True).fetchall()
    return jsonify(kept=[row["counts"] for row in rows], live=len(live))


def once(work: Work) -> tuple[Response, int]:
    """A transaction with a stored answer."""
    now = datetime.now(UTC)
    body = request.get_data()
    digest = hashlib.sha256(request.headers["Idempotency-Key"].encode()).digest()
    with pool.connection() as connection:
        lock = int.from_bytes(digest[:8], signed=True)
        LOOK_UP.run(connection, {"lock": lock, "key_digest": digest}).fetchone()
        answer = jsonify(work(connection, json.loads(body), now))
        STORE.run(
            connection,
            {
                "key_digest": digest,
                "fingerprint": hashlib.sha256(body).digest(),
                "answer": answer.get_data(as_text=True),
                "principal": "bare",
                "created_at": now,
            },
        )
    return answer, 201


def record_visit(connection: Connection[Row], body: Any, now: datetime) -> dict[str, Any]:
    """Accept the check-in and open every offer that opens at every visit."""
    fix, customer_id, venue_id = body["evidence"][0], body["customer_id"], body["venue_id"]
    check_in_id, captured_at = new_id(), datetime.fromisoformat(fix["captured_at"])
    who = {"check_in_id": check_in_id, "customer_id": UUID(customer_id), "now": now}
    digest = hashlib.sha256(f"{fix['lon']} {fix['lat']}".encode()).digest()
    seen: Any = GATHER.run(
        connection,
        {
            **who,
            "place_id": UUID(venue_id),
            "lon": fix["lon"],
            "lat": fix["lat"],
            "captured_at": captured_at,
            "digests": [digest],
            "minutes_ago": now - timedelta(minutes=5),
            "day_ago": now - timedelta(days=1),
            "week_ago": now - timedelta(days=7),
            "month_ago": now - timedelta(days=30),
        },
    ).fetchone()
    opened = [
        {**terms, **offer}
        for offer, terms in zip(seen["offers"], read_terms(connection, seen["offers"]), strict=True)
        if terms["rule"]["kind"] == "every_visit"
    ]
    grants = [
        {
            "unlock_id": str(new_id()),
            "offer_id": offer["id"],
            "offer_version": offer["version"],
            "sealed_code": secrets.token_hex(8),
            "code_digest": secrets.token_hex(32),
            "expires_at": offer["valid_to"].isoformat(),
            "buckets": [],
            "units": [],
            "once": [],
            "reserve_s": None,
            "event_id": str(new_id()),
            "check_in_id": str(check_in_id),
            "customer_id": customer_id,
            "subject_id": str(seen["subject_id"]),
            "level": 1,
            "first_visit": not seen["visits"],
            "counted": True,
            "opened_by": "check_in",
            "channel": None,
            "experiment_id": None,
            "variant": None,
            "share_id": None,
            "elapsed_s": 0,
        }
        for offer in opened
    ]
    (RECORD_AGAIN if seen["visits"] else RECORD).run(
        connection,
        {
            **who,
            "venue_id": UUID(venue_id),
            "occurred_at": now,
            "of_event_id": None,
            "event_id": new_id(),
            "subject_id": seen["subject_id"],
            "merchant_id": seen["merchant_id"],
            "visits": True,
            "visit": seen["visits"] + 1,
            "revision_seen": 0,
            "verdict": "accepted",
            "verdict_before": None,
            "level": 1,
            "risk": 0,
            "party_id": None,
            "channel": None,
            "findings": "[]",
            "proofs": "[]",
            "reasons": [],
            "counted": True,
            "first_visit": not seen["visits"],
            "visits_seen": seen["visits"],
            "offer_ids": [offer["id"] for offer in seen["offers"]],
            "distance_m": seen["distance_m"],
            "accuracy_m": fix["accuracy_m"],
            "captured_at": captured_at,
            "provider": fix["provider"],
            "fix_received_at": now,
            "sealed_fix": digest.hex(),
            "fix_digest": digest,
            "grants": json.dumps(grants),
            "stock": "[]",
        },
    ).fetchone()
    return {
        "id": check_in_id,
        "venue_id": venue_id,
        "occurred_at": now.isoformat(),
        "verdict": "accepted",
        "visits": seen["visits"] + 1,
        "unlocked": [
            {
                "id": grant["unlock_id"],
                "code": grant["sealed_code"],
                "teaser": offer["teaser"],
                "terms": offer["terms"],
                "reward": offer["reward"],
                "expires_at": offer["valid_to"],
            }
            for grant, offer in zip(grants, opened, strict=True)
        ],
    }


def read_terms(connection: Connection[Row], offers: list[Row]) -> list[Row]:
    """The terms of the offers, each version read once."""
    versions = [(offer["id"], offer["version"]) for offer in offers]
    if missing := [version for version in versions if version not in TERMS]:
        offer_ids, numbers = zip(*missing, strict=True)
        values = {"offer_ids": list(offer_ids), "numbers": list(numbers)}
        for row in READ_TERMS.run(connection, values):
            TERMS[str(row["offer_id"]), row["number"]] = row
    return [TERMS[version] for version in versions]


def record_redemption(connection: Connection[Row], body: Any, now: datetime) -> dict[str, Any]:
    """Use the code up; its digest comes with the request."""
    found: Any = FIND_PASS.run(
        connection,
        {
            "digests": [bytes.fromhex(body["digest"])],
            "merchant_id": UUID(body["merchant_id"]),
            "venue_id": UUID(body["venue_id"]),
            "guessers": [f"key {body['api_key_id']}", f"venue {body['venue_id']}"],
            "window_start": now - GUESS_WINDOW,
            "guess_limit": 20,
        },
    ).fetchone()
    redemption: Any = REDEEM.run(
        connection,
        {
            "unlock_id": found["unlock_id"],
            "redemption_id": new_id(),
            "event_id": new_id(),
            "venue_id": UUID(body["venue_id"]),
            "api_key_id": UUID(body["api_key_id"]),
            "amount_minor": body["amount_minor"],
            "order_reference": None,
            "now": now,
        },
    ).fetchone()
    return dict(redemption)
