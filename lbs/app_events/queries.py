"""The two statements of a batch of reports, however large it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.db import Session, Statement
from lbs.experiments.queries import EXPERIMENT
from lbs.ledger.queries import UNLOCK_FACTS, facts_of, whole_seconds
from lbs.offers.queries import AT_VENUE

LOOK_UP = Statement(f"""
    SELECT customer.subject_id, (
        SELECT jsonb_agg(jsonb_build_object(
            'id', offer.id, 'merchant_id', offer.merchant_id, 'status', offer.status,
            'updated_at', offer.updated_at, {EXPERIMENT},
            'tested_since', (
                SELECT started_at FROM experiment WHERE experiment.id = offer.experiment_id),
            'counted', NOT EXISTS (
                SELECT FROM customer_standing AS standing
                WHERE standing.merchant_id = offer.merchant_id
                  AND standing.subject_id = customer.subject_id
                  AND standing.standing IN ('tester', 'staff')),
            'versions', (
                SELECT jsonb_agg(jsonb_build_array(
                    terms.number, terms.created_at, terms.valid_from, terms.valid_to
                ) ORDER BY terms.number DESC)
                FROM offer_version AS terms
                WHERE terms.offer_id = offer.id AND terms.number >= coalesce((
                    SELECT max(number) FROM offer_version AS earlier
                    WHERE earlier.offer_id = offer.id AND earlier.created_at <= :since), 1)),
            'new_at', (
                SELECT jsonb_object_agg(venue.id, NOT EXISTS (
                    SELECT FROM visit_tally
                    WHERE visit_tally.customer_id = customer.id
                      AND visit_tally.venue_id = venue.id))
                FROM venue
                WHERE venue.id = ANY(CAST(:venue_ids AS uuid[])) AND offer.id IN ({AT_VENUE}))))
        FROM offer
        WHERE offer.id = ANY(CAST(:offer_ids AS uuid[])) AND offer.status <> 'draft'
    ) AS offers, ARRAY(
        SELECT unlock.id FROM unlock
        WHERE unlock.id = ANY(CAST(:unlock_ids AS uuid[])) AND unlock.customer_id = customer.id
    ) AS unlocks
    FROM customer WHERE customer.id = :customer_id FOR KEY SHARE OF customer
""")
"""The lock makes an erasure of the customer wait."""

RECORD = Statement(f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:reports AS jsonb)) AS given(
            client_id uuid, event_id uuid, kind text, at timestamptz, merchant_id uuid,
            offer_id uuid, offer_version bigint, venue_id uuid, first_visit boolean, channel text,
            experiment_id uuid, variant text, counted boolean, unlock_id uuid)
    ), fresh AS (
        INSERT INTO app_event_seen (subject_id, client_id, seen_at)
        SELECT :subject_id, client_id, CAST(:now AS timestamptz) FROM given ORDER BY client_id
        ON CONFLICT DO NOTHING RETURNING client_id
    ), viewed AS (
        INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, offer_id,
                                  offer_version, first_visit, channel, experiment_id, variant,
                                  counted)
        SELECT event_id, at, 'teaser_viewed', merchant_id, venue_id, :subject_id, offer_id,
               offer_version, first_visit, channel, experiment_id, variant, counted
        FROM given JOIN fresh USING (client_id) WHERE kind = 'teaser_viewed'
    ), shown AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, elapsed_s, {UNLOCK_FACTS})
        SELECT given.event_id, given.at, 'pass_shown', unlock.venue_id,
               {whole_seconds("unlock.unlocked_at", "given.at")}, {facts_of("unlock")}
        FROM given JOIN fresh USING (client_id) JOIN unlock ON unlock.id = given.unlock_id
        WHERE given.kind = 'pass_shown'
    )
    SELECT client_id FROM fresh
""")
"""In one order, so that two batches with the same reports do not wait for each other."""

DELETE_SEEN = Statement("DELETE FROM app_event_seen WHERE seen_at < :before")


def look_up(
    session: Session,
    customer_id: UUID,
    *,
    offer_ids: Collection[UUID],
    venue_ids: Collection[UUID],
    unlock_ids: Collection[UUID],
    since: datetime,
) -> Any | None:
    """The offers and the customer's own unlocks that are reported about; None: erased."""
    return LOOK_UP.find(
        session,
        {
            "customer_id": customer_id,
            "offer_ids": list(offer_ids),
            "venue_ids": list(venue_ids),
            "unlock_ids": list(unlock_ids),
            "since": since,
        },
    )


def record(
    session: Session, subject_id: UUID, reports: Sequence[dict[str, Any]], now: datetime
) -> set[UUID]:
    """Write a fact for each report that has not been counted before; gives their client ids."""
    values = {"subject_id": subject_id, "reports": json.dumps(reports), "now": now}
    return {row.client_id for row in RECORD.all(session, values)}


def delete_seen(session: Session, before: datetime) -> None:
    DELETE_SEEN.do(session, {"before": before})
