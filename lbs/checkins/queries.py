"""The two statements of a check-in, nearby search, and the customer's history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from lbs.checkins.models import CheckIn
from lbs.db import Session, Statement
from lbs.offers.queries import AT_VENUE
from lbs.venues.models import Venue
from lbs.venues.queries import NEAREST, POINT, PUBLIC_LAT, PUBLIC_LON, SIGNED_DISTANCE_M

_LOCAL_DAY = "(CAST(:now AS timestamptz) AT TIME ZONE venue.time_zone)::date"

_OFFERS = f"""
    SELECT jsonb_agg(jsonb_build_object(
        'id', offer.id, 'version', offer.terms_version, 'teaser', terms.teaser,
        'terms', terms.terms, 'reward', terms.reward, 'rule', terms.rule,
        'valid_from', terms.valid_from, 'valid_to', terms.valid_to,
        'limit_total', terms.limit_total, 'limit_per_customer', terms.limit_per_customer,
        'limit_per_day', terms.limit_per_day, 'redeem_within_s', terms.redeem_within_s,
        'value_minor', terms.value_minor, 'currency', terms.currency,
        'taken', CASE WHEN coalesce(terms.limit_total, terms.limit_per_customer,
                                    terms.limit_per_day) IS NOT NULL THEN (
            SELECT jsonb_object_agg(stock.bucket, stock.taken) FROM offer_stock AS stock
            WHERE stock.offer_id = offer.id AND stock.bucket IN (
                'total', 'day ' || {_LOCAL_DAY}, 'customer ' || customer.subject_id)) END,
        'holds', EXISTS (
            SELECT FROM unlock WHERE unlock.customer_id = customer.id
              AND unlock.offer_id = offer.id AND unlock.state = 'unlocked'
              AND unlock.expires_at > :now),
        'has_redeemed', EXISTS (
            SELECT FROM unlock WHERE unlock.customer_id = customer.id
              AND unlock.offer_id = offer.id AND unlock.state = 'redeemed')
    ) ORDER BY offer.id)
    FROM ({AT_VENUE}) AS here
    JOIN offer ON offer.id = here.offer_id AND offer.status = 'active'
    JOIN offer_version AS terms
      ON terms.offer_id = offer.id AND terms.number = offer.terms_version
    WHERE terms.valid_to > :now
"""
"""The running and coming offers at `venue`, as `customer` meets them."""

GATHER = Statement(f"""
    SELECT customer.subject_id, venue.id AS venue_id, venue.name AS venue_name, venue.merchant_id,
           venue.cool_down_s, {_LOCAL_DAY} AS local_day, {SIGNED_DISTANCE_M} AS distance_m,
           coalesce(tally.visits, 0) AS visits, tally.last_at, ({_OFFERS}) AS offers
    FROM customer
    CROSS JOIN (SELECT {POINT} AS at) AS position
    LEFT JOIN venue ON venue.id = :venue_id AND venue.status = 'active'
    LEFT JOIN visit_tally AS tally
      ON tally.customer_id = customer.id AND tally.venue_id = venue.id
    WHERE customer.id = :customer_id
    FOR KEY SHARE OF customer
""")
"""The lock makes an erasure of the customer wait, or be over before it is judged."""

RECORD = Statement("""
    WITH visit AS (
        INSERT INTO visit_tally AS tally (customer_id, venue_id, visits, first_at, last_at)
        SELECT CAST(:customer_id AS uuid), CAST(:venue_id AS uuid), 1,
               CAST(:now AS timestamptz), CAST(:now AS timestamptz)
        WHERE :accepted
        ON CONFLICT (customer_id, venue_id) DO UPDATE
            SET visits = tally.visits + 1, last_at = excluded.last_at
            WHERE tally.visits = :visits_seen
        RETURNING visits
    ), checked_in AS (
        INSERT INTO check_in (id, venue_id, customer_id, occurred_at, verdict, level, reasons,
                              distance_m, accuracy_m, captured_at, provider, mock)
        SELECT :check_in_id, :venue_id, :customer_id, :now, :verdict, :level, :reasons,
               :distance_m, :accuracy_m, :captured_at, :provider, :mock
        WHERE NOT :accepted OR EXISTS (SELECT FROM visit)
        RETURNING id
    ), wanted AS (
        SELECT given.* FROM jsonb_to_recordset(CAST(:grants AS jsonb)) AS given(
            unlock_id uuid, offer_id uuid, offer_version bigint, sealed_code text,
            code_digest text, expires_at timestamptz, caps jsonb, event_id uuid)
        WHERE EXISTS (SELECT FROM visit)
    ), taken AS (
        INSERT INTO offer_stock AS stock (offer_id, bucket, taken, cap)
        SELECT wanted.offer_id, cap.key, 1, cap.value::bigint
        FROM wanted, jsonb_each_text(wanted.caps) AS cap
        ORDER BY wanted.offer_id, cap.key
        ON CONFLICT (offer_id, bucket) DO UPDATE
            SET taken = stock.taken + 1, cap = excluded.cap
            WHERE stock.taken < excluded.cap
        RETURNING offer_id, bucket
    ), granted AS (
        INSERT INTO unlock (id, merchant_id, offer_id, offer_version, venue_id, check_in_id,
                            customer_id, subject_id, sealed_code, code_digest, state, buckets,
                            unlocked_at, expires_at)
        SELECT wanted.unlock_id, :merchant_id, wanted.offer_id, wanted.offer_version, :venue_id,
               :check_in_id, :customer_id, :subject_id, wanted.sealed_code,
               decode(wanted.code_digest, 'hex'), 'unlocked', buckets.names, :now,
               wanted.expires_at
        FROM wanted, LATERAL (
            SELECT coalesce(array_agg(key), '{}') AS names
            FROM jsonb_object_keys(wanted.caps) AS key
        ) AS buckets
        WHERE cardinality(buckets.names) = (
            SELECT count(*) FROM taken WHERE taken.offer_id = wanted.offer_id)
        RETURNING id, offer_id, offer_version
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                                  verdict, level, first_visit, reasons, offer_ids, offer_id,
                                  offer_version, unlock_id)
        SELECT CAST(:event_id AS uuid), CAST(:now AS timestamptz), 'check_in',
               CAST(:merchant_id AS uuid), CAST(:venue_id AS uuid), CAST(:subject_id AS uuid),
               checked_in.id, CAST(:verdict AS text), CAST(:level AS bigint),
               CAST(:first_visit AS boolean), CAST(:reasons AS text[]),
               CAST(:offer_ids AS uuid[]), NULL, NULL, NULL
        FROM checked_in
        UNION ALL
        SELECT wanted.event_id, CAST(:now AS timestamptz), 'unlocked', CAST(:merchant_id AS uuid),
               CAST(:venue_id AS uuid), CAST(:subject_id AS uuid), CAST(:check_in_id AS uuid),
               NULL, CAST(:level AS bigint), CAST(:first_visit AS boolean), NULL, NULL,
               granted.offer_id, granted.offer_version, granted.id
        FROM granted JOIN wanted ON wanted.unlock_id = granted.id
    )
    SELECT EXISTS (SELECT FROM checked_in) AS recorded,
           (SELECT array_agg(id) FROM granted) AS granted,
           (SELECT array_agg(offer_id::text || ' ' || bucket) FROM taken
            WHERE offer_id NOT IN (SELECT offer_id FROM granted)) AS unused
""")

NEARBY = Statement(f"""
    SELECT customer.subject_id, venue.id, venue.name, venue.category, venue.time_zone,
           venue.opening_hours, {PUBLIC_LON} AS lon, {PUBLIC_LAT} AS lat, {_LOCAL_DAY} AS local_day,
           ST_Distance(venue.fence, position.at) AS distance_m,
           coalesce(tally.visits, 0) AS visits, ({_OFFERS}) AS offers
    FROM customer
    CROSS JOIN (SELECT {POINT} AS at) AS position
    CROSS JOIN LATERAL ({NEAREST}) AS venue
    LEFT JOIN visit_tally AS tally
      ON tally.customer_id = customer.id AND tally.venue_id = venue.id
    WHERE customer.id = :customer_id
    ORDER BY distance_m, venue.id
""")


def gather(
    session: Session,
    *,
    customer_id: UUID,
    venue_id: UUID,
    lon: float | None,
    lat: float | None,
    now: datetime,
) -> Any | None:
    """All that a check-in is judged on; None where the customer is gone."""
    return GATHER.find(
        session,
        {"customer_id": customer_id, "venue_id": venue_id, "lon": lon, "lat": lat, "now": now},
    )


def record(session: Session, *, grants: Sequence[dict[str, Any]], **values: Any) -> Any:
    """Write the check-in with all that follows from it.

    `recorded` is false, and nothing was written, where the history that was judged
    (`visits_seen`) is no longer the history there is. `granted` are the unlocks for which every
    counter had room; `unused` what was taken for those that had not, to be given back.
    """
    return RECORD.one(session, {**values, "grants": json.dumps(grants)})


def nearby(
    session: Session,
    *,
    customer_id: UUID,
    lon: float,
    lat: float,
    radius_m: float,
    limit: int,
    now: datetime,
) -> Sequence[Any]:
    """Nearest first; distance in metres to the fence, 0 inside."""
    return NEARBY.all(
        session,
        {
            "customer_id": customer_id,
            "lon": lon,
            "lat": lat,
            "radius_m": radius_m,
            "limit": limit,
            "now": now,
        },
    )


def list_check_ins(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Newest first."""
    statement = (
        select(
            CheckIn.id,
            CheckIn.venue_id,
            Venue.name.label("venue_name"),
            CheckIn.occurred_at,
            CheckIn.verdict,
            CheckIn.level,
            CheckIn.reasons,
        )
        .join(Venue, Venue.id == CheckIn.venue_id)
        .where(CheckIn.customer_id == customer_id)
        .order_by(CheckIn.id.desc())
        .limit(limit)
    )
    return session.execute(statement.where(CheckIn.id < after) if after else statement).all()
