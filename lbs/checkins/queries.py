"""The two statements of a check-in, nearby search, and the customer's history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array

from lbs.checkins.models import CheckIn
from lbs.circles.queries import FRIENDS_OF, FRIENDS_PRESENT, PARTY_SIZE
from lbs.db import Session, Statement
from lbs.experiments.queries import EXPERIMENT
from lbs.ledger.queries import UNLOCK_FACTS, facts_of, whole_seconds
from lbs.offers.queries import AT_VENUE
from lbs.offers.rules.history import HORIZON_DAYS, LEADER_DAYS, QUIET_WEEKS
from lbs.shares.queries import CREDITED_FRIENDS, FRIENDS_SENT, HAS_REFERRAL, IS_REFERRED
from lbs.unlocks.models import Unlock
from lbs.unlocks.queries import FREE_STOCK, HAS_CODES, HAS_CODES_LEFT, TAKE_STOCK, TAKEN_BY
from lbs.venues.models import Venue
from lbs.venues.queries import NEAREST, POINT, PUBLIC_LAT, PUBLIC_LON, SIGNED_EVENT_DISTANCE_M

_UNLOCK_IDS = (
    select(
        func.coalesce(
            func.array_agg(aggregate_order_by(Unlock.id, Unlock.id)), cast(array([]), ARRAY(Uuid))
        )
    )
    .where(Unlock.check_in_id == CheckIn.id)
    .scalar_subquery()
    .label("unlock_ids")
)
_LOCAL_DAY = "(CAST(:now AS timestamptz) AT TIME ZONE venue.time_zone)::date"

_OFFERS = f"""
    SELECT jsonb_agg(jsonb_build_object(
        'id', offer.id, 'version', offer.terms_version, {EXPERIMENT},
        'taken', CASE WHEN coalesce(terms.limit_total, terms.limit_per_customer,
                                    terms.limit_per_day, terms.limit_per_venue,
                                    terms.limit_per_venue_day, terms.budget_minor)
                      IS NOT NULL THEN (
            SELECT jsonb_object_agg(stock.bucket, stock.taken) FROM offer_stock AS stock
            WHERE stock.offer_id = offer.id AND stock.bucket IN (
                'total', 'budget ' || terms.currency, 'day ' || {_LOCAL_DAY},
                'customer ' || customer.subject_id, 'venue ' || venue.id,
                'venue ' || venue.id || ' day ' || {_LOCAL_DAY})) END,
        'holds_ready', (
            SELECT bool_or(unlock.reserve_s IS NULL
                           OR coalesce(unlock.reserved_until > :now, false))
            FROM unlock WHERE unlock.customer_id = customer.id
              AND unlock.offer_id = offer.id AND unlock.state = 'unlocked'
              AND unlock.expires_at > :now),
        'has_redeemed', EXISTS (
            SELECT FROM unlock WHERE unlock.customer_id = customer.id
              AND unlock.offer_id = offer.id AND unlock.state = 'redeemed'),
        'codes_left', CASE WHEN {HAS_CODES} THEN {HAS_CODES_LEFT} END
    ) ORDER BY offer.id)
    FROM ({AT_VENUE}) AS here
    JOIN offer ON offer.id = here.offer_id AND offer.status = 'active'
    JOIN offer_version AS terms
      ON terms.offer_id = offer.id AND terms.number = offer.terms_version
    WHERE terms.valid_to > :now
"""
"""The running and coming offers at `venue`, as `customer` meets them; their terms are known.

`holds_ready` is null where the customer holds none, and false where each has to be reserved first.
`codes_left` says whether the merchant's own codes are; it is null where an offer has none.
"""

_NEAREST_VISIT = """
    SELECT occurred_at FROM check_in
    WHERE customer_id = customer.id AND venue_id = venue.id
      AND visit IS NOT NULL AND verdict <> 'voided'
    ORDER BY abs(extract(epoch FROM occurred_at - CAST(:now AS timestamptz))) LIMIT 1
"""
"""Where a reader reports late, the customer may have come again meanwhile."""

GATHER = Statement(f"""
    SELECT customer.subject_id, venue.id AS venue_id, venue.name AS venue_name, venue.merchant_id,
           venue.cool_down_s, venue.min_level, venue.opening_hours, venue.time_zone,
           {PUBLIC_LON} AS public_lon,
           {PUBLIC_LAT} AS public_lat, {_LOCAL_DAY} AS local_day,
           {SIGNED_EVENT_DISTANCE_M} AS distance_m, event.starts_at, event.ends_at,
           coalesce(tally.visits, 0) AS visits, standing.standing,
           CASE WHEN tally.last_at > :now THEN ({_NEAREST_VISIT}) ELSE tally.last_at END AS last_at,
           ARRAY(SELECT DISTINCT kind FROM venue_proof
                 WHERE venue_proof.venue_id = venue.id AND revoked_at IS NULL) AS live,
           recent.in_minutes, recent.in_a_day, recent.findings, device.others, device.own,
           last_fix.sealed AS last_sealed, last_fix.captured_at AS last_captured_at,
           last_fix.accuracy_m AS last_accuracy_m,
           EXISTS (SELECT FROM fix WHERE digest = ANY(:digests) AND check_in_id <> :check_in_id
                   AND NOT (customer_id = customer.id AND captured_at = :captured_at)) AS repeated,
           app.sealed_integrity IS NOT NULL AS attests, {HAS_REFERRAL} AS is_referred,
           stacking.policy AS stacking_policy, stacking.max_per_check_in, ({_OFFERS}) AS offers
    FROM customer
    JOIN app ON app.id = customer.app_id
    CROSS JOIN (SELECT {POINT} AS at) AS position
    LEFT JOIN event ON event.id = :place_id AND event.status = 'active'
    LEFT JOIN venue ON venue.id = coalesce(event.venue_id, :place_id) AND venue.status = 'active'
    LEFT JOIN stacking ON stacking.merchant_id = venue.merchant_id
    LEFT JOIN visit_tally AS tally
      ON tally.customer_id = customer.id AND tally.venue_id = venue.id
    LEFT JOIN customer_standing AS standing
      ON standing.merchant_id = venue.merchant_id AND standing.subject_id = customer.subject_id
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE occurred_at > :minutes_ago) AS in_minutes,
               count(*) FILTER (WHERE occurred_at > :day_ago) AS in_a_day,
               jsonb_agg(findings) FILTER (
                   WHERE verdict <> 'voided' AND findings @> '[{{"verdict": "rejected"}}]'
               ) AS findings
        FROM check_in
        WHERE customer_id = customer.id AND occurred_at > :week_ago AND occurred_at <= :now
          AND id <> :check_in_id
    ) AS recent ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS own, max(known.customers) AS others
        FROM customer_device AS own, LATERAL (
            SELECT count(*) AS customers FROM (
                SELECT FROM customer_device AS other
                WHERE other.device_digest = own.device_digest AND other.first_seen_at > :month_ago
                LIMIT 100) AS few
        ) AS known
        WHERE own.customer_id = customer.id AND own.first_seen_at > :month_ago
    ) AS device ON true
    LEFT JOIN LATERAL (
        SELECT fix.sealed, fix.captured_at, fix.accuracy_m
        FROM fix JOIN check_in ON check_in.id = fix.check_in_id
        WHERE fix.customer_id = customer.id AND check_in.verdict = 'accepted'
          AND fix.check_in_id <> :check_in_id AND fix.received_at <= :now
        ORDER BY fix.received_at DESC LIMIT 1
    ) AS last_fix ON true
    WHERE customer.id = :customer_id
    FOR KEY SHARE OF customer
""")
"""The lock makes an erasure of the customer wait, or be over before it is judged."""

_STOCK = """
    SELECT stock.* FROM jsonb_to_recordset(CAST(:stock AS jsonb)) AS stock(
        offer_id uuid, bucket text, units bigint, cap bigint)
    WHERE EXISTS (SELECT FROM checked_in)
"""
"""What all the grants take of each counter together."""

_LAST_VISIT = """
    SELECT check_in.id, check_in.occurred_at AS at FROM visit_tally AS known JOIN check_in
      ON (check_in.customer_id, check_in.occurred_at) = (known.customer_id, known.last_at)
     AND check_in.venue_id = known.venue_id
    WHERE known.customer_id = :customer_id AND known.venue_id = :venue_id
      AND known.last_at < :occurred_at
      AND known.last_at >= CAST(:occurred_at AS timestamptz) - interval '90 days'
      AND check_in.visit IS NOT NULL AND check_in.verdict <> 'voided'
"""
"""The customer's last visit to the venue, where it is before this one and not too long ago.

A tap that is reported late, when the customer has been there again, is nobody's return.
"""

_OF_RETURN = facts_of("unlock", check_in_id=":check_in_id", counted="unlock.counted AND :counted")

_RETURNED = f"""    , returned AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, within_days, elapsed_s, {UNLOCK_FACTS})
        SELECT gen_random_uuid(), CAST(:now AS timestamptz), 'returned', unlock.venue_id,
               CASE WHEN before.at >= CAST(:occurred_at AS timestamptz) - interval '7 days' THEN 7
                    WHEN before.at >= CAST(:occurred_at AS timestamptz) - interval '30 days' THEN 30
                    ELSE 90 END,
               {whole_seconds("before.at", ":occurred_at")}, {_OF_RETURN}
        FROM ({_LAST_VISIT}) AS before JOIN unlock ON unlock.check_in_id = before.id
        WHERE unlock.state <> 'voided' AND EXISTS (SELECT FROM checked_in)
    )
"""
"""Beside, where the customer has visited the venue before."""


def _record(returned: str = "") -> Statement:
    return Statement(f"""
    WITH visit AS (
        INSERT INTO visit_tally AS tally (customer_id, venue_id, visits, first_at, last_at)
        SELECT CAST(:customer_id AS uuid), CAST(:venue_id AS uuid), 1,
               CAST(:occurred_at AS timestamptz), CAST(:occurred_at AS timestamptz)
        WHERE :visits
        ON CONFLICT (customer_id, venue_id) DO UPDATE
            SET visits = tally.visits + 1, first_at = least(tally.first_at, excluded.first_at),
                last_at = greatest(tally.last_at, excluded.last_at)
            WHERE tally.visits = :visits_seen
        RETURNING visits
    ), checked_in AS (
        INSERT INTO check_in AS old (id, venue_id, customer_id, occurred_at, event_id, verdict,
                                     level, findings, proofs, revision, visit, risk, party_id,
                                     channel, distance_m, accuracy_m, captured_at, provider)
        SELECT :check_in_id, :venue_id, :customer_id, :occurred_at, CAST(:of_event_id AS uuid),
               :verdict, :level, :findings, :proofs, 0, CAST(:visit AS bigint), :risk,
               CAST(:party_id AS uuid), CAST(:channel AS text), :distance_m, :accuracy_m,
               :captured_at, :provider
        WHERE NOT :visits OR EXISTS (SELECT FROM visit)
        ON CONFLICT (id) DO UPDATE
            SET verdict = excluded.verdict, level = excluded.level, findings = excluded.findings,
                proofs = excluded.proofs, revision = old.revision + 1, visit = excluded.visit,
                risk = excluded.risk, distance_m = excluded.distance_m,
                accuracy_m = excluded.accuracy_m, captured_at = excluded.captured_at,
                provider = excluded.provider
            WHERE old.revision = :revision_seen
        RETURNING id
    ), kept AS (
        INSERT INTO fix (check_in_id, customer_id, received_at, captured_at, accuracy_m, sealed,
                         digest)
        SELECT checked_in.id, :customer_id, :fix_received_at, :captured_at, :accuracy_m,
               CAST(:sealed_fix AS text), :fix_digest
        FROM checked_in WHERE CAST(:sealed_fix AS text) IS NOT NULL
        ON CONFLICT (check_in_id) DO UPDATE
            SET received_at = excluded.received_at, captured_at = excluded.captured_at,
                accuracy_m = excluded.accuracy_m, sealed = excluded.sealed,
                digest = excluded.digest
    ), wanted AS (
        SELECT given.* FROM jsonb_to_recordset(CAST(:grants AS jsonb)) AS given(
            unlock_id uuid, offer_id uuid, offer_version bigint, sealed_code text,
            code_digest text, expires_at timestamptz, buckets text[], units bigint[],
            keeps text[], reserve_s bigint,
            event_id uuid, check_in_id uuid, customer_id uuid, subject_id uuid, level bigint,
            first_visit boolean, counted boolean, opened_by text, channel text,
            experiment_id uuid, variant text, share_id uuid, elapsed_s bigint)
        WHERE EXISTS (SELECT FROM checked_in)
    ){returned}, taken AS (
        {TAKE_STOCK.format(given=_STOCK)}
    ), granted AS (
        INSERT INTO unlock (id, merchant_id, offer_id, offer_version, venue_id, check_in_id,
                            customer_id, subject_id, sealed_code, code_digest, state, buckets,
                            units, counted, opened_by, channel, experiment_id, variant, share_id,
                            level, first_visit, unlocked_at, expires_at, reserve_s)
        SELECT wanted.unlock_id, :merchant_id, wanted.offer_id, wanted.offer_version, :venue_id,
               wanted.check_in_id, wanted.customer_id, wanted.subject_id, wanted.sealed_code,
               decode(wanted.code_digest, 'hex'), 'unlocked', wanted.buckets, wanted.units,
               wanted.counted, wanted.opened_by, wanted.channel, wanted.experiment_id,
               wanted.variant, wanted.share_id, wanted.level, wanted.first_visit, :now,
               wanted.expires_at, wanted.reserve_s
        FROM wanted
        WHERE NOT EXISTS (
            SELECT FROM unnest(wanted.buckets || wanted.keeps) AS bucket
            WHERE (wanted.offer_id, bucket) NOT IN (SELECT offer_id, bucket FROM taken))
        ON CONFLICT (check_in_id, offer_id) DO NOTHING
        RETURNING id
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                                  verdict, verdict_before, level, first_visit, reasons, offer_ids,
                                  offer_id, offer_version, unlock_id, channel, experiment_id,
                                  variant, share_id, elapsed_s, counted)
        SELECT CAST(:event_id AS uuid), CAST(:now AS timestamptz), 'check_in',
               CAST(:merchant_id AS uuid), CAST(:venue_id AS uuid), CAST(:subject_id AS uuid),
               checked_in.id, CAST(:verdict AS text), CAST(:verdict_before AS text),
               CAST(:level AS bigint), CAST(:first_visit AS boolean), CAST(:reasons AS text[]),
               CAST(:offer_ids AS uuid[]), NULL, NULL, NULL, CAST(:channel AS text),
               CAST(NULL AS uuid), NULL, CAST(NULL AS uuid), CAST(NULL AS bigint), :counted
        FROM checked_in
        UNION ALL
        SELECT wanted.event_id, CAST(:now AS timestamptz), 'unlocked', CAST(:merchant_id AS uuid),
               CAST(:venue_id AS uuid), wanted.subject_id, wanted.check_in_id, NULL, NULL,
               wanted.level, wanted.first_visit, NULL, NULL, wanted.offer_id,
               wanted.offer_version, granted.id, wanted.channel, wanted.experiment_id,
               wanted.variant, wanted.share_id, wanted.elapsed_s, wanted.counted
        FROM granted JOIN wanted ON wanted.unlock_id = granted.id
    )
    SELECT EXISTS (SELECT FROM checked_in) AS recorded,
           (SELECT array_agg(id) FROM granted) AS granted,
           (SELECT array_agg(offer_id::text || ' ' || bucket) FROM taken
            WHERE (SELECT count(*) FROM granted) < (SELECT count(*) FROM wanted)) AS taken
""")


RECORD, RECORD_AGAIN = _record(), _record(_RETURNED)

SAVE = Statement("SAVEPOINT before_unlocks")
UNDO = Statement("ROLLBACK TO SAVEPOINT before_unlocks")

LOCK_CUSTOMER = Statement("SELECT id FROM customer WHERE id = :customer_id FOR NO KEY UPDATE")

LOCK_CUSTOMER_OUT = Statement("SELECT id FROM customer WHERE id = :customer_id FOR UPDATE")

RECORD_PLEDGES = Statement(f"""
    INSERT INTO ledger_event (id, at, kind, venue_id, amount_minor, currency, recipient,
                              {UNLOCK_FACTS})
    SELECT gen_random_uuid(), unlock.unlocked_at, 'pledged', unlock.venue_id, pledge.amount_minor,
           terms.currency, pledge.recipient, {facts_of("unlock")}
    FROM jsonb_to_recordset(CAST(:pledges AS jsonb)) AS pledge(
        unlock_id uuid, amount_minor bigint, recipient text)
    JOIN unlock ON unlock.id = pledge.unlock_id
    JOIN offer_version AS terms
      ON (terms.offer_id, terms.number) = (unlock.offer_id, unlock.offer_version)
""")

_THREE_HOURS = """
    {row}.occurred_at BETWEEN CAST(:now AS timestamptz) - interval '3 hours'
                          AND CAST(:now AS timestamptz) + interval '3 hours'
"""
_IN_PARTY = "{row}.party_id = CAST(:party_id AS uuid)"

_PRESENT = f"""
    SELECT count(DISTINCT other.customer_id) FROM check_in AS other
    WHERE other.venue_id = venue.id AND other.verdict = 'accepted'
      AND other.customer_id <> customer.id AND {_THREE_HOURS.format(row="other")}
      AND NOT EXISTS (
          SELECT FROM customer AS person JOIN customer_standing AS standing USING (subject_id)
          WHERE person.id = other.customer_id AND standing.merchant_id = venue.merchant_id
            AND standing.standing = 'staff')
"""
"""How many others than `customer` are at `venue`, staff left out."""

_LAST_VISIT_AT = """
    SELECT max(earlier.occurred_at) FROM check_in AS earlier
    WHERE earlier.customer_id = check_in.customer_id AND earlier.venue_id = check_in.venue_id
      AND earlier.visit IS NOT NULL AND earlier.verdict <> 'voided'
      AND earlier.occurred_at < check_in.occurred_at
"""
"""When the visit was before that of `check_in`."""

_OTHERS = """
    SELECT customer.id AS customer_id, customer.subject_id, check_in.id AS check_in_id,
           check_in.level, check_in.risk, check_in.visit, check_in.occurred_at, check_in.channel,
           standing.standing, {members}
           ARRAY(
               SELECT unlock.offer_id FROM unlock JOIN check_in AS theirs
                 ON theirs.id = unlock.check_in_id
               WHERE unlock.customer_id = customer.id AND theirs.venue_id = :venue_id
                 AND theirs.verdict = 'accepted' AND {of_theirs}) AS opened
    FROM check_in JOIN customer ON customer.id = check_in.customer_id
    JOIN venue ON venue.id = check_in.venue_id
    LEFT JOIN customer_standing AS standing
      ON standing.merchant_id = :merchant_id AND standing.subject_id = customer.subject_id
    WHERE check_in.venue_id = :venue_id AND check_in.verdict = 'accepted' AND {of_check_in}
      AND customer.id <> :customer_id AND standing.standing IS DISTINCT FROM 'staff'
      AND NOT EXISTS (
          SELECT FROM check_in AS later
          WHERE later.customer_id = customer.id AND later.venue_id = :venue_id
            AND later.verdict = 'accepted' AND {of_later}
            AND (later.occurred_at, later.id) > (check_in.occurred_at, check_in.id))
    ORDER BY check_in.occurred_at, check_in.id
    FOR KEY SHARE OF customer FOR SHARE OF check_in
"""
"""Others with their last accepted check-in at the venue, first come first, and what it opened.

Neither is erased or voided before they have what opens for them.
"""


def _others(scope: str, members: str = "", **scopes: str) -> Statement:
    """`scopes`: those of a row by itself."""
    each = {f"of_{row}": scope.format(row=row) for row in ("check_in", "theirs", "later")}
    return Statement(_OTHERS.format(members=members, **{**each, **scopes}))


OTHERS_PRESENT, OTHERS_IN_PARTY = _others(_THREE_HOURS), _others(_IN_PARTY)

FRIENDS = _others(
    _THREE_HOURS,
    members=f"""
        check_in.event_id, check_in.party_id, ({_LAST_VISIT_AT}) AS last_visit_at,
        ({FRIENDS_PRESENT}) AS friends_present,
    """,
    of_check_in=f"""
        {_THREE_HOURS.format(row="check_in")}
        AND check_in.customer_id IN ({FRIENDS_OF.format(customer="CAST(:customer_id AS uuid)")})
    """,
    of_theirs="theirs.id = check_in.id",
)

LOCK_VENUE = Statement("SELECT id FROM venue WHERE id = :venue_id FOR NO KEY UPDATE")
"""A statement of its own, before those are counted who are there."""

_VENUE_OF = "coalesce((SELECT venue_id FROM event WHERE event.id = :place_id), :place_id)"

VENUE_OF = Statement(f"SELECT {_VENUE_OF} AS venue_id")

_LIVE_PROOFS = f"""
    FROM venue_proof AS proof
    WHERE proof.venue_id = {_VENUE_OF}
      AND proof.kind = ANY(:kinds) AND proof.revoked_at IS NULL
    ORDER BY proof.id
"""

LOCK_PROOFS = Statement(f"SELECT proof.id {_LIVE_PROOFS} FOR NO KEY UPDATE OF proof")
"""Counters, hourly limits and crowds are exact then; after the customer's own lock.

A statement of its own: what is read together with a lock may be as old as the wait for it.
"""

LIVE_PROOFS = Statement(f"""
    SELECT proof.id, proof.kind, proof.name, proof.parameters, proof.sealed_secret, proof.counter,
           ARRAY(SELECT step FROM proof_use JOIN customer USING (subject_id)
                 WHERE proof_id = proof.id AND customer.id = :customer_id
                   AND used_at > :since) AS used,
           (SELECT jsonb_object_agg(step, customers) FROM (
                SELECT step, count(*) AS customers FROM proof_use
                WHERE proof_id = proof.id AND used_at > :since GROUP BY step
            ) AS counted) AS uses
    {_LIVE_PROOFS}
""")

SPEND = Statement("""
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:spent AS jsonb)) AS spent(
            proof_id uuid, step bigint, counter bigint)
    ), used AS (
        INSERT INTO proof_use (proof_id, step, subject_id, used_at)
        SELECT proof_id, step, customer.subject_id, CAST(:now AS timestamptz)
        FROM given JOIN customer ON customer.id = :customer_id WHERE step IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    UPDATE venue_proof SET counter = given.counter FROM given
    WHERE venue_proof.id = given.proof_id
      AND given.counter > coalesce(venue_proof.counter, -1)
""")

USE_CHALLENGE = Statement("""
    INSERT INTO used_challenge (id, used_at) VALUES (:id, :now) ON CONFLICT DO NOTHING RETURNING id
""")

REMEMBER_DEVICE_KEY = Statement("""
    INSERT INTO device_key AS known (key_digest, customer_id, public_key, counter, created_at)
    VALUES (:key, :customer_id, :public_key, 0, :now)
    ON CONFLICT (key_digest) DO UPDATE SET public_key = excluded.public_key
        WHERE known.customer_id = excluded.customer_id
          AND known.public_key = excluded.public_key
    RETURNING key_digest
""")

FIND_DEVICE_KEY = Statement("""
    SELECT public_key, counter FROM device_key
    WHERE key_digest = :key AND customer_id = :customer_id
""")

RAISE_DEVICE_COUNTER = Statement("""
    UPDATE device_key SET counter = greatest(counter, :counter) WHERE key_digest = :key
""")

LOCK_READER = Statement("SELECT id FROM venue_proof WHERE id = :proof_id FOR NO KEY UPDATE")

KNOWN_TAPS = Statement("""
    SELECT sequence, outcome, check_in_id FROM reader_tap
    WHERE proof_id = :proof_id AND sequence = ANY(:sequences)
""")

REMEMBER_TAP = Statement("""
    WITH remembered AS (
        INSERT INTO reader_tap (proof_id, sequence, tapped_at, received_at, outcome, check_in_id)
        VALUES (:proof_id, :sequence, :tapped_at, :now, :outcome, :check_in_id)
    )
    UPDATE venue_proof SET counter = greatest(counter, :sequence) WHERE id = :proof_id
""")

FIND_FINDINGS = Statement("""
    SELECT check_in.id, check_in.venue_id, check_in.event_id, check_in.occurred_at,
           check_in.verdict, check_in.level, check_in.findings, check_in.proofs,
           check_in.distance_m, check_in.accuracy_m, check_in.provider, check_in.voided_at,
           check_in.void_reason, check_in.customer_id, customer.subject_id,
           merchant.pseudonym_key, standing.standing,
           (SELECT count(*) FROM unlock WHERE unlock.check_in_id = check_in.id) AS unlocks
    FROM check_in
    JOIN venue ON venue.id = check_in.venue_id
    JOIN merchant ON merchant.id = venue.merchant_id
    LEFT JOIN customer ON customer.id = check_in.customer_id
    LEFT JOIN customer_standing AS standing
      ON standing.merchant_id = merchant.id AND standing.subject_id = customer.subject_id
    WHERE check_in.id = :check_in_id AND merchant.id = :merchant_id
""")

LOCK_CHECK_IN = Statement("""
    SELECT verdict FROM check_in WHERE id = :check_in_id FOR UPDATE
""")

LOCK_UNLOCKS = Statement("""
    SELECT id FROM unlock WHERE check_in_id = :check_in_id ORDER BY id FOR UPDATE
""")
"""A redemption that is under way is over, and seen, when this has its locks."""

VOID = Statement(
    f"""
    WITH voided AS (
        UPDATE check_in SET verdict = 'voided', voided_at = :now, void_reason = :reason,
                            revision = revision + 1
        WHERE id = :check_in_id
        RETURNING *
    ), other AS (
        SELECT min(check_in.occurred_at) AS first_at, max(check_in.occurred_at) AS last_at
        FROM check_in JOIN voided USING (customer_id, venue_id)
        WHERE check_in.visit IS NOT NULL AND check_in.verdict <> 'voided'
          AND check_in.id <> voided.id
    ), forgotten AS (
        DELETE FROM visit_tally USING voided
        WHERE (visit_tally.customer_id, visit_tally.venue_id)
              = (voided.customer_id, voided.venue_id)
          AND voided.visit IS NOT NULL AND visit_tally.visits = 1
        RETURNING 1
    ), taken_off AS (
        UPDATE visit_tally SET visits = visits - 1,
               first_at = coalesce(other.first_at, visit_tally.first_at),
               last_at = coalesce(other.last_at, visit_tally.last_at)
        FROM voided, other
        WHERE (visit_tally.customer_id, visit_tally.venue_id)
              = (voided.customer_id, voided.venue_id)
          AND voided.visit IS NOT NULL AND visit_tally.visits > 1
        RETURNING 1
    ), taken_back AS (
        UPDATE unlock SET state = 'voided'
        WHERE check_in_id = :check_in_id AND state IN ('unlocked', 'redeemed')
        RETURNING *
    ), uncredited AS (
        UPDATE referral SET used_at = NULL FROM unlock
        WHERE unlock.check_in_id = :check_in_id
          AND (referral.customer_id, referral.offer_id, referral.used_at)
              = (unlock.customer_id, unlock.offer_id, unlock.unlocked_at)
    ), reversed AS (
        UPDATE redemption SET reversed_at = :now, reversal_reason = 'Check-in voided'
        FROM taken_back
        WHERE redemption.unlock_id = taken_back.id AND redemption.reversed_at IS NULL
        RETURNING redemption.*
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                                  verdict, verdict_before, level, first_visit, reasons, channel,
                                  counted)
        SELECT :event_id, CAST(:now AS timestamptz), 'check_in_voided',
               CAST(:merchant_id AS uuid), voided.venue_id, told.subject_id, voided.id, 'voided',
               CAST(:verdict_before AS text), voided.level, voided.visit = 1,
               ARRAY[CAST(:reason AS text)], voided.channel, coalesce(told.counted, true)
        FROM voided LEFT JOIN LATERAL (
            SELECT subject_id, counted FROM ledger_event
            WHERE venue_id = voided.venue_id AND at >= voided.occurred_at
              AND check_in_id = voided.id AND kind = 'check_in' LIMIT 1
        ) AS told ON true
    ), recorded_unlocks AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, {UNLOCK_FACTS})
        SELECT gen_random_uuid(), :now, 'unlock_voided', venue_id, {facts_of("taken_back")}
        FROM taken_back
    ), recorded_redemptions AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, reasons, redemption_id, value_minor,
                                  cost_minor, amount_minor, currency, {UNLOCK_FACTS})
        SELECT gen_random_uuid(), :now, 'reversed', reversed.venue_id,
               ARRAY[reversed.reversal_reason], reversed.id, reversed.value_minor,
               reversed.cost_minor, reversed.amount_minor, reversed.currency,
               {facts_of("taken_back")}
        FROM reversed JOIN taken_back ON taken_back.id = reversed.unlock_id
    ), freed AS (
    """
    + FREE_STOCK.format(given=TAKEN_BY.format(unlocks="taken_back"))
    + """
    )
    SELECT (SELECT count(*) FROM forgotten) + (SELECT count(*) FROM taken_off) AS visits,
           (SELECT count(*) FROM taken_back) AS unlocks,
           (SELECT count(*) FROM reversed) AS redemptions
    """
)

USE_RECEIPT = Statement("""
    UPDATE check_in SET receipt_used_at = :now
    WHERE id = :check_in_id AND receipt_used_at IS NULL AND voided_at IS NULL
    RETURNING id
""")

FIND_RECEIPT_STATE = Statement("""
    SELECT voided_at, receipt_used_at FROM check_in WHERE id = :check_in_id
""")

FIND_CUSTOMER = Statement("""
    SELECT customer_id FROM check_in WHERE id = :check_in_id AND venue_id = :venue_id
""")

DELETE_OLD_FIXES = Statement("DELETE FROM fix WHERE received_at < :before RETURNING 1")

DELETE_OLD_USES = Statement("""
    WITH challenges AS (DELETE FROM used_challenge WHERE used_at < :before)
    DELETE FROM proof_use WHERE used_at < :before
""")

FIND_CLAIM = Statement(f"""
    SELECT check_in.id, check_in.venue_id, check_in.event_id, check_in.occurred_at,
           check_in.verdict, check_in.level, check_in.visit, check_in.revision, check_in.proofs,
           check_in.findings @> '[{{"reason": "simulated_fix"}}]' AS mock, check_in.captured_at,
           check_in.accuracy_m, check_in.provider, check_in.party_id, check_in.channel,
           fix.sealed, fix.received_at,
           ARRAY(SELECT offer_id FROM unlock WHERE unlock.check_in_id = check_in.id) AS opened,
           EXISTS (SELECT FROM unlock JOIN offer_version AS terms
                   ON (terms.offer_id, terms.number) = (unlock.offer_id, unlock.offer_version)
                   WHERE unlock.check_in_id = check_in.id AND NOT terms.combinable
           ) AS opened_alone,
           ({_LAST_VISIT_AT}) AS last_visit_at
    FROM check_in LEFT JOIN fix ON fix.check_in_id = check_in.id
    WHERE check_in.id = :check_in_id AND check_in.customer_id = :customer_id
""")

_VISIT = "visit IS NOT NULL AND verdict <> 'voided' AND check_in.id <> :check_in_id"
"""Of `check_in`: a visit that counts, and not the one that is judged."""

HISTORY = Statement(f"""
    SELECT asked.venue_id,
           CASE WHEN asked.times THEN ARRAY(
               SELECT occurred_at FROM check_in
               WHERE customer_id = :customer_id AND check_in.venue_id = asked.venue_id
                 AND {_VISIT} AND occurred_at <= :now AND occurred_at > :horizon
               ORDER BY occurred_at) END AS times,
           own.days AS own_days, own.reached_at AS own_reached_at,
           best.days AS best_other_days, best.reached_at AS best_other_reached_at,
           quiet.hits AS quiet_hits, quiet.visits AS quiet_visits,
           trail.visits AS trail, opened.offers AS opened, counter.taken,
           CASE WHEN asked.present THEN ({_PRESENT}) END AS present,
           CASE WHEN asked.friends THEN ({FRIENDS_PRESENT}) END AS friends_present,
           CASE WHEN asked.party THEN ({PARTY_SIZE}) END AS party,
           CASE WHEN asked.party THEN ARRAY(
               SELECT unlock.offer_id FROM unlock JOIN check_in AS under
                 ON under.id = unlock.check_in_id
               WHERE unlock.customer_id = :customer_id AND under.venue_id = asked.venue_id
                 AND under.verdict = 'accepted' AND {_IN_PARTY.format(row="under")}
           ) END AS opened_in_party,
           ARRAY(SELECT id FROM unnest(CAST(:referred AS uuid[])) AS offer(id)
                 WHERE {IS_REFERRED}) AS referred,
           CASE WHEN asked.friends_sent THEN ({FRIENDS_SENT}) END AS friends_sent
    FROM jsonb_to_recordset(CAST(:asked AS jsonb)) AS asked(
        venue_id uuid, zone text, times boolean, leader boolean, quiet boolean, present boolean,
        friends boolean, party boolean, friends_sent boolean)
    JOIN venue ON venue.id = asked.venue_id
    CROSS JOIN (SELECT CAST(:customer_id AS uuid) AS id) AS customer
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('customer', customer_id, 'days', days,
                                            'reached_at', reached_at)) AS people
        FROM (
            SELECT customer_id, count(*) AS days, max(first_at) AS reached_at
            FROM (
                SELECT check_in.customer_id, min(occurred_at) AS first_at
                FROM check_in JOIN customer ON customer.id = check_in.customer_id
                WHERE check_in.venue_id = asked.venue_id AND {_VISIT}
                  AND occurred_at <= :now AND occurred_at > :leader_since
                  AND (CAST(:now AS timestamptz) AT TIME ZONE asked.zone)::date
                      - (occurred_at AT TIME ZONE asked.zone)::date
                      BETWEEN 1 AND CAST(:leader_days AS integer)
                  AND NOT EXISTS (
                      SELECT FROM customer_standing AS standing
                      JOIN venue ON venue.merchant_id = standing.merchant_id
                      WHERE venue.id = asked.venue_id
                        AND standing.subject_id = customer.subject_id
                        AND standing.standing IN ('staff', 'tester'))
                GROUP BY check_in.customer_id, (occurred_at AT TIME ZONE asked.zone)::date
            ) AS day GROUP BY customer_id
        ) AS person
    ) AS board ON asked.leader
    LEFT JOIN LATERAL (
        SELECT days, reached_at
        FROM jsonb_to_recordset(board.people) AS person(
            customer uuid, days bigint, reached_at timestamptz)
        WHERE customer = :customer_id
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT days, reached_at
        FROM jsonb_to_recordset(board.people) AS person(
            customer uuid, days bigint, reached_at timestamptz)
        WHERE customer <> :customer_id ORDER BY days DESC, reached_at LIMIT 1
    ) AS best ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS visits, count(*) FILTER (
            WHERE extract(isodow FROM occurred_at AT TIME ZONE asked.zone)
                  = extract(isodow FROM CAST(:now AS timestamptz) AT TIME ZONE asked.zone)
              AND extract(hour FROM occurred_at AT TIME ZONE asked.zone)
                  = extract(hour FROM CAST(:now AS timestamptz) AT TIME ZONE asked.zone)) AS hits
        FROM check_in
        WHERE check_in.venue_id = asked.venue_id AND {_VISIT}
          AND occurred_at <= :now AND occurred_at > :quiet_since
    ) AS quiet ON asked.quiet
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(at_venue.venue_id, at_venue.times) AS visits FROM (
            SELECT check_in.venue_id, jsonb_agg(occurred_at ORDER BY occurred_at) AS times
            FROM check_in
            WHERE customer_id = :customer_id AND check_in.venue_id = ANY(CAST(:trail AS uuid[]))
              AND {_VISIT} AND occurred_at <= :now AND occurred_at > :horizon
            GROUP BY check_in.venue_id
        ) AS at_venue
    ) AS trail ON cardinality(CAST(:trail AS uuid[])) > 0
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(
                   offer_id,
                   jsonb_build_object('at', at, 'here_at', here_at, 'times', times)) AS offers
        FROM (
            SELECT unlock.offer_id,
                   count(*) FILTER (
                       WHERE check_in.occurred_at <= coalesce(
                           CAST(:openings_until AS timestamptz), 'infinity')) AS times,
                   max(check_in.occurred_at) FILTER (
                       WHERE check_in.occurred_at <= :now) AS at,
                   max(check_in.occurred_at) FILTER (
                       WHERE check_in.occurred_at <= :now
                         AND check_in.venue_id = asked.venue_id) AS here_at
            FROM unlock JOIN check_in ON check_in.id = unlock.check_in_id
            WHERE unlock.customer_id = :customer_id AND unlock.state <> 'voided'
              AND unlock.offer_id = ANY(CAST(:opened AS uuid[]))
              AND check_in.id <> :check_in_id
            GROUP BY unlock.offer_id
        ) AS by_offer
    ) AS opened ON cardinality(CAST(:opened AS uuid[])) > 0
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(offer_id, buckets) AS taken FROM (
            SELECT stock.offer_id, jsonb_object_agg(stock.bucket, stock.taken) AS buckets
            FROM unnest(CAST(:counter_offers AS uuid[]), CAST(:counters AS text[]))
                 AS given(offer_id, bucket)
            JOIN offer_stock AS stock USING (offer_id, bucket) GROUP BY stock.offer_id
        ) AS by_offer
    ) AS counter ON cardinality(CAST(:counters AS text[])) > 0
""")
"""The parts of the history that only some rules ask about, for one or many venues at once."""

NEARBY = Statement(f"""
    SELECT customer.subject_id, standing.standing, venue.id AS venue_id, venue.merchant_id,
           venue.name, venue.category,
           venue.time_zone, venue.opening_hours, venue.min_level, {PUBLIC_LON} AS lon,
           {PUBLIC_LAT} AS lat, {_LOCAL_DAY} AS local_day,
           ST_Distance(venue.fence, position.at) AS distance_m,
           coalesce(tally.visits, 0) AS visits, tally.last_at, ({_OFFERS}) AS offers
    FROM customer
    CROSS JOIN (SELECT {POINT} AS at) AS position
    CROSS JOIN LATERAL ({NEAREST}) AS venue
    LEFT JOIN customer_standing AS standing
      ON standing.merchant_id = venue.merchant_id AND standing.subject_id = customer.subject_id
    LEFT JOIN visit_tally AS tally
      ON tally.customer_id = customer.id AND tally.venue_id = venue.id
    WHERE customer.id = :customer_id
    ORDER BY distance_m, venue.id
""")

RECORD_LISTED = Statement("""
    INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, offer_ids,
                              first_visit, channel, counted)
    SELECT listed.id, :now, 'nearby_listed', listed.merchant_id, listed.venue_id,
           listed.subject_id, listed.offer_ids, listed.first_visit, 'nearby', listed.counted
    FROM jsonb_to_recordset(CAST(:listed AS jsonb)) AS listed(
        id uuid, merchant_id uuid, venue_id uuid, subject_id uuid, offer_ids uuid[],
        first_visit boolean, counted boolean)
""")


def gather(
    session: Session, *, now: datetime, rapid_window: timedelta, **values: Any
) -> Any | None:
    """All that a check-in is judged on; None where the customer is gone.

    `place_id` is a venue's or an event's; `digests` are the fix's, under every key.
    """
    ago = {
        "minutes_ago": now - rapid_window,
        "day_ago": now - timedelta(days=1),
        "week_ago": now - timedelta(days=7),
        "month_ago": now - timedelta(days=30),
    }
    return GATHER.find(session, {**values, **ago, "now": now})


def record(
    session: Session,
    *,
    grants: Sequence[dict[str, Any]],
    stock: Sequence[dict[str, Any]],
    findings: Sequence[dict[str, Any]],
    proofs: Sequence[dict[str, Any]],
    **values: Any,
) -> Any:
    """Write the check-in with all that follows from it, or what has changed about it.

    `recorded` is false, and nothing was written, where the history that was judged
    (`visits_seen`, `revision_seen`) is no longer the history there is. `granted` are the unlocks
    for which every counter had room; where that is not all, `taken` are the counters that had
    room, and what was taken for the others is to be given back.
    """
    statement = RECORD_AGAIN if values["visits"] and values["visits_seen"] else RECORD
    return statement.one(
        session,
        {
            **values,
            "grants": json.dumps(grants),
            "stock": json.dumps(stock),
            "findings": json.dumps(findings),
            "proofs": json.dumps(proofs),
        },
    )


def save(session: Session) -> None:
    """Before what may have to be undone."""
    SAVE.do(session, {})


def undo(session: Session) -> None:
    """Take back, within the transaction, all that was written since `save`."""
    UNDO.do(session, {})


def record_pledges(session: Session, pledges: Sequence[dict[str, Any]]) -> None:
    """What the merchant owes for unlocks: each of unlock_id, amount_minor, recipient."""
    RECORD_PLEDGES.do(session, {"pledges": json.dumps(pledges)})


def lock_customer(session: Session, customer_id: UUID) -> None:
    """One at a time, for what a customer may do only once. Others can still give to them."""
    LOCK_CUSTOMER.do(session, {"customer_id": customer_id})


def venue_of(session: Session, place_id: UUID) -> UUID:
    """The venue that is meant, or at which the event is."""
    venue_id: UUID = VENUE_OF.one(session, {"place_id": place_id}).venue_id
    return venue_id


def lock_customer_out(session: Session, customer_id: UUID) -> None:
    """None of the customer's check-ins goes on meanwhile, and nobody gives to them."""
    LOCK_CUSTOMER_OUT.do(session, {"customer_id": customer_id})


def others_present(
    session: Session, *, customer_id: UUID, venue_id: UUID, merchant_id: UUID, now: datetime
) -> Sequence[Any]:
    """Who else is at the venue, within three hours of now; they and their check-ins are locked."""
    who = {"customer_id": customer_id, "venue_id": venue_id, "merchant_id": merchant_id}
    return OTHERS_PRESENT.all(session, {**who, "now": now})


def friends_present(
    session: Session, *, customer_id: UUID, venue_id: UUID, merchant_id: UUID, now: datetime
) -> Sequence[Any]:
    """The same of the customer's friends, with what their last check-in was judged on.

    `friends_present` are their own friends who are there; `opened` is what that check-in opened.
    """
    who = {"customer_id": customer_id, "venue_id": venue_id, "merchant_id": merchant_id}
    return FRIENDS.all(session, {**who, "now": now})


def others_in_party(
    session: Session, *, customer_id: UUID, venue_id: UUID, merchant_id: UUID, party_id: UUID
) -> Sequence[Any]:
    """Who else has checked in at the venue under the party; they are locked too."""
    who = {"customer_id": customer_id, "venue_id": venue_id, "merchant_id": merchant_id}
    return OTHERS_IN_PARTY.all(session, {**who, "party_id": party_id})


def lock_venue(session: Session, venue_id: UUID) -> None:
    """Those who check in here are counted one after the other; after the customer's own lock."""
    LOCK_VENUE.do(session, {"venue_id": venue_id})


def live_proofs(
    session: Session, *, place_id: UUID, customer_id: UUID, kinds: Sequence[str], since: datetime
) -> Sequence[Any]:
    """The place's proofs of these kinds, locked, with their use since then."""
    asked = {"place_id": place_id, "kinds": list(kinds)}
    LOCK_PROOFS.do(session, asked)
    return LIVE_PROOFS.all(session, {**asked, "customer_id": customer_id, "since": since})


def spend(
    session: Session, customer_id: UUID, spent: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Use up steps and raise counters: each of proof_id, step, counter."""
    SPEND.do(session, {"spent": json.dumps(spent), "customer_id": customer_id, "now": now})


def use_challenge(session: Session, challenge_id: UUID, now: datetime) -> bool:
    """Whether it is answered for the first time."""
    values = {"id": challenge_id, "now": now}
    return USE_CHALLENGE.find(session, values) is not None


def remember_device_key(
    session: Session, customer_id: UUID, key_id: bytes, public_key: bytes, now: datetime
) -> bool:
    """Whether the key is this customer's now; a key of another's stays theirs."""
    row = REMEMBER_DEVICE_KEY.find(
        session,
        {"key": key_id, "customer_id": customer_id, "public_key": public_key, "now": now},
    )
    return row is not None


def find_device_key(session: Session, customer_id: UUID, key_id: bytes) -> Any | None:
    return FIND_DEVICE_KEY.find(session, {"key": key_id, "customer_id": customer_id})


def raise_device_counter(session: Session, key_id: bytes, counter: int) -> None:
    RAISE_DEVICE_COUNTER.do(session, {"key": key_id, "counter": counter})


def lock_reader(session: Session, proof_id: UUID) -> None:
    """One batch of a reader at a time."""
    LOCK_READER.do(session, {"proof_id": proof_id})


def known_taps(session: Session, proof_id: UUID, sequences: Sequence[int]) -> Sequence[Any]:
    return KNOWN_TAPS.all(session, {"proof_id": proof_id, "sequences": list(sequences)})


def remember_tap(session: Session, proof_id: UUID, tap: Any, result: Any, now: datetime) -> None:
    REMEMBER_TAP.do(
        session,
        {
            "proof_id": proof_id,
            "sequence": tap.sequence,
            "tapped_at": tap.tapped_at,
            "now": now,
            "outcome": result.outcome,
            "check_in_id": result.check_in_id,
        },
    )


def find_findings(session: Session, check_in_id: UUID, merchant_id: UUID) -> Any | None:
    return FIND_FINDINGS.find(session, {"check_in_id": check_in_id, "merchant_id": merchant_id})


def lock_check_in(session: Session, check_in_id: UUID) -> str:
    """Its verdict; it and its unlocks stay as they are until the transaction ends."""
    verdict: str = LOCK_CHECK_IN.one(session, {"check_in_id": check_in_id}).verdict
    LOCK_UNLOCKS.do(session, {"check_in_id": check_in_id})
    return verdict


def void(session: Session, **values: Any) -> Any:
    """How many `visits`, `unlocks` and `redemptions` went with the check-in; it is locked."""
    return VOID.one(session, values)


def use_receipt(session: Session, check_in_id: UUID, now: datetime) -> bool:
    """Whether it was good until now."""
    return USE_RECEIPT.find(session, {"check_in_id": check_in_id, "now": now}) is not None


def find_receipt_state(session: Session, check_in_id: UUID) -> Any | None:
    return FIND_RECEIPT_STATE.find(session, {"check_in_id": check_in_id})


def delete_old_fixes(session: Session, before: datetime) -> int:
    """Forget where phones were."""
    return len(DELETE_OLD_FIXES.all(session, {"before": before}))


def delete_old_uses(session: Session, before: datetime) -> None:
    """Steps and challenges that are long over cannot be used again anyway."""
    DELETE_OLD_USES.do(session, {"before": before})


def find_customer(session: Session, check_in_id: UUID, venue_id: UUID) -> UUID | None:
    """Who has made this check-in at this venue; None also after an erasure."""
    row = FIND_CUSTOMER.find(session, {"check_in_id": check_in_id, "venue_id": venue_id})
    return row.customer_id if row else None


def find_claim(session: Session, check_in_id: UUID, customer_id: UUID) -> Any | None:
    return FIND_CLAIM.find(session, {"check_in_id": check_in_id, "customer_id": customer_id})


def history(
    session: Session, *, asked: Sequence[dict[str, Any]], now: datetime, **values: Any
) -> Sequence[Any]:
    """A row for each venue asked about, with the parts that are asked for."""
    ago = {
        "horizon": now - timedelta(days=HORIZON_DAYS),
        "leader_since": now - timedelta(days=LEADER_DAYS + 2),
        "leader_days": LEADER_DAYS,
        "quiet_since": now - timedelta(weeks=QUIET_WEEKS),
    }
    return HISTORY.all(session, {**values, **ago, "asked": json.dumps(asked), "now": now})


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


def record_listed(session: Session, listed: Sequence[dict[str, Any]], now: datetime) -> None:
    """A fact for each venue, with the running offers that a search has shown there."""
    RECORD_LISTED.do(session, {"listed": json.dumps(listed), "now": now})


def list_check_ins(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Newest first."""
    statement = (
        select(
            CheckIn.id,
            CheckIn.venue_id,
            CheckIn.event_id,
            Venue.name.label("venue_name"),
            CheckIn.occurred_at,
            CheckIn.verdict,
            CheckIn.level,
            CheckIn.findings,
            _UNLOCK_IDS,
        )
        .join(Venue, Venue.id == CheckIn.venue_id)
        .where(CheckIn.customer_id == customer_id)
        .order_by(CheckIn.id.desc())
        .limit(limit)
    )
    return session.execute(statement.where(CheckIn.id < after) if after else statement).all()


# --- how one offer meets one customer, running or not -----------------------------------------

_COUNTS = "visit IS NOT NULL AND verdict <> 'voided'"
"""Of `check_in`: a visit that counts."""

PLACE = Statement(f"""
    SELECT venue.id, venue.time_zone, venue.opening_hours, venue.min_level,
           CAST(:offer_id AS uuid) IN ({AT_VENUE}) AS runs
    FROM venue
    WHERE venue.id = :venue_id AND venue.merchant_id = :merchant_id AND venue.status = 'active'
""")

PERSON = Statement(f"""
    SELECT customer.id AS customer_id, customer.subject_id, standing.standing, past.visits,
           past.last_at
    FROM customer
    LEFT JOIN customer_standing AS standing
      ON standing.merchant_id = :merchant_id AND standing.subject_id = customer.subject_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS visits, max(occurred_at) AS last_at FROM check_in
        WHERE check_in.customer_id = customer.id AND check_in.venue_id = :venue_id
          AND {_COUNTS} AND occurred_at <= :at
    ) AS past
    WHERE customer.subject_id = :subject_id
""")

TAKEN = Statement("""
    SELECT (SELECT jsonb_object_agg(bucket, taken) FROM offer_stock
            WHERE offer_id = :offer_id AND bucket = ANY(:buckets)) AS taken,
           EXISTS (SELECT FROM unlock WHERE customer_id = :customer_id AND offer_id = :offer_id
                   AND state = 'unlocked' AND expires_at > :at) AS holds,
           EXISTS (SELECT FROM unlock WHERE customer_id = :customer_id AND offer_id = :offer_id
                   AND state = 'redeemed') AS has_redeemed
""")

UNLOCKS_HAD = Statement("""
    SELECT unlock.id, unlock.offer_version, unlock.venue_id, unlock.check_in_id,
           unlock.unlocked_at, unlock.expires_at, redemption.redeemed_at,
           CASE WHEN unlock.state = 'unlocked' AND unlock.expires_at <= :now THEN 'expired'
                ELSE unlock.state END AS state
    FROM unlock
    LEFT JOIN redemption
      ON redemption.unlock_id = unlock.id AND redemption.reversed_at IS NULL
    WHERE unlock.customer_id = :customer_id AND unlock.offer_id = :offer_id
    ORDER BY unlock.unlocked_at DESC, unlock.id DESC LIMIT :limit
""")

LAST_CHECK_INS = Statement("""
    SELECT check_in.id, check_in.occurred_at, check_in.verdict, check_in.level, check_in.findings,
           (SELECT unlock.id FROM unlock WHERE unlock.check_in_id = check_in.id
            AND unlock.offer_id = :offer_id) AS unlock_id
    FROM check_in
    WHERE check_in.customer_id = :customer_id AND check_in.venue_id = :venue_id
    ORDER BY check_in.occurred_at DESC, check_in.id DESC LIMIT :limit
""")


def find_place(
    session: Session, *, venue_id: UUID, offer_id: UUID, merchant_id: UUID
) -> Any | None:
    """A venue of the merchant's; `runs`: whether the offer is to be had there."""
    return PLACE.find(
        session, {"venue_id": venue_id, "offer_id": offer_id, "merchant_id": merchant_id}
    )


def find_person(session: Session, **values: Any) -> Any | None:
    """The customer with this subject_id, with the standing and the visits to the venue by then."""
    return PERSON.find(session, values)


def taken_of(session: Session, *, buckets: Sequence[str], **values: Any) -> Any:
    """What is taken of an offer's counters, and whether the customer has one of it."""
    return TAKEN.one(session, {**values, "buckets": list(buckets)})


def list_unlocks_had(
    session: Session, *, customer_id: UUID, offer_id: UUID, limit: int, now: datetime
) -> Sequence[Any]:
    """Newest first."""
    values = {"customer_id": customer_id, "offer_id": offer_id, "limit": limit, "now": now}
    return UNLOCKS_HAD.all(session, values)


def list_last_check_ins(
    session: Session, *, customer_id: UUID, venue_id: UUID, offer_id: UUID, limit: int
) -> Sequence[Any]:
    """Newest first, each with the unlock of the offer that it gave."""
    return LAST_CHECK_INS.all(
        session,
        {
            "customer_id": customer_id,
            "venue_id": venue_id,
            "offer_id": offer_id,
            "limit": limit,
        },
    )


SITES = Statement("""
    WITH runs AS (
        SELECT venue_id FROM offer_venue WHERE offer_id = :offer_id
        UNION
        SELECT venue_id FROM offer_group JOIN venue_group_member USING (group_id)
        WHERE offer_id = :offer_id
    )
    SELECT venue.id, venue.time_zone, venue.opening_hours, venue.min_level,
           venue.status = 'active' AND venue.id IN (SELECT venue_id FROM runs) AS runs
    FROM venue
    WHERE venue.merchant_id = :merchant_id
      AND (venue.id IN (SELECT venue_id FROM runs) OR venue.id = ANY(CAST(:others AS uuid[])))
    ORDER BY venue.id
""")

_PLAYED = f"""
    FROM check_in
    WHERE check_in.venue_id = ANY(CAST(:venue_ids AS uuid[])) AND {_COUNTS}
      AND check_in.occurred_at > :since AND check_in.occurred_at <= :now
"""
"""The visits that a replay looks at."""

COUNT_VISITS = Statement(f"SELECT count(*) AS visits FROM (SELECT {_PLAYED} LIMIT :limit) AS few")

STREAM_VISITS = Statement(f"""
    SELECT played.occurred_at, coalesce(played.customer_id, played.id)::text AS customer,
           played.venue_id::text, played.level, played.risk, played.event_id::text,
           CASE WHEN customer.id IS NULL THEN 'erased' ELSE standing.standing END AS standing
    FROM (
        SELECT id, occurred_at, customer_id, venue_id, level, risk, event_id {_PLAYED}
    ) AS played
    LEFT JOIN customer ON customer.id = played.customer_id
    LEFT JOIN customer_standing AS standing
      ON standing.merchant_id = :merchant_id AND standing.subject_id = customer.subject_id
      AND standing.standing IN ('staff', 'tester')
    ORDER BY played.occurred_at, played.id
""")

TALLIES = Statement(f"""
    SELECT played.customer_id::text, played.venue_id::text,
           tally.visits - played.visits AS visits, (
        SELECT max(occurred_at) FROM check_in
        WHERE check_in.customer_id = played.customer_id
          AND check_in.venue_id = played.venue_id AND {_COUNTS} AND occurred_at <= :since
    ) AS last_at
    FROM (
        SELECT customer_id, venue_id, count(*) AS visits {_PLAYED} GROUP BY customer_id, venue_id
    ) AS played
    JOIN visit_tally AS tally USING (customer_id, venue_id)
    WHERE tally.visits > played.visits
""")
"""What the customers had visited before: all they have visited, less what is played."""

FRIENDSHIPS = Statement(f"""
    WITH played AS MATERIALIZED (SELECT DISTINCT customer_id {_PLAYED})
    SELECT one_id::text, other_id::text, created_at FROM friendship
    WHERE one_id IN (SELECT customer_id FROM played)
      AND other_id IN (SELECT customer_id FROM played)
""")

REFERRED = Statement("SELECT customer_id::text, bound_at FROM referral WHERE offer_id = :offer_id")

SENT = Statement(CREDITED_FRIENDS)

SETTLED = Statement("""
    SELECT count(*) AS settled, count(*) FILTER (WHERE state = 'redeemed') AS redeemed,
           count(*) FILTER (WHERE offer_id = :offer_id) AS own_settled,
           count(*) FILTER (WHERE offer_id = :offer_id AND state = 'redeemed') AS own_redeemed
    FROM unlock
    WHERE merchant_id = :merchant_id AND counted
      AND (state IN ('redeemed', 'expired') OR state = 'unlocked' AND expires_at <= :now)
""")


def list_sites(
    session: Session, *, offer_id: str, merchant_id: UUID, others: Sequence[str]
) -> Sequence[Any]:
    """The merchant's venues at which the offer runs, and these others."""
    asked = {"offer_id": offer_id, "merchant_id": merchant_id, "others": list(others)}
    return SITES.all(session, asked)


def count_visits(session: Session, **values: Any) -> int:
    """How many a replay would look at, counted up to a limit."""
    return int(COUNT_VISITS.one(session, values).visits)


def stream_visits(session: Session, **values: Any) -> Iterator[Any]:
    """In the order of time: the members of a Visit."""
    return STREAM_VISITS.stream(session, values)


def list_tallies(session: Session, **values: Any) -> Sequence[Any]:
    """By customer and venue, the visits before those that are played."""
    return TALLIES.all(session, values)


def list_friendships(session: Session, **values: Any) -> Sequence[Any]:
    """Of those who are played."""
    return FRIENDSHIPS.all(session, values)


def list_referred(session: Session, *, offer_id: str) -> Sequence[Any]:
    """Whom a share of the offer has brought, and when the last one did."""
    return REFERRED.all(session, {"offer_id": offer_id})


def list_sent(session: Session, *, merchant_id: UUID) -> Sequence[Any]:
    """By customer and friend whom their shares have brought: when the friend was first credited."""
    return SENT.all(session, {"merchant_id": merchant_id})


def count_settled(session: Session, **values: Any) -> Any:
    """How many unlocks are used or over, and how many of them used: the offer's own, and all."""
    return SETTLED.one(session, values)
