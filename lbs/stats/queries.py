"""Every number is counted from the ledger.

A check-in counts with its last verdict, at the time it got it; one that was voided counts no more,
nor does what it had opened. What testers and staff did counts nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Row, text

from lbs.db import Session, Statement
from lbs.stats.rules.calendar import Run, Span
from lbs.stats.rules.verdict import METRICS

ANYWHERE, NOWHERE = UUID(int=0), UUID(int=1)
"""In place of a venue: at all of them and at none together, and at none."""
DIMENSIONS = ("", "variant", "channel", "level", "customer")

Unit = tuple[UUID, UUID]
"""What is rolled up: a merchant, a venue or an offer, and where: at a venue, ANYWHERE, NOWHERE."""
Bucket = tuple[Unit, Span]
"""An hour, a day or a month of it."""

# --- counting ---------------------------------------------------------------------------------

_IN_PIECE = "merchant_id = :merchant_id AND at >= piece.since AND at < piece.until"

OF_MERCHANT = f"SELECT * FROM ledger_event WHERE {_IN_PIECE}"
AT_VENUES = f"""
    SELECT * FROM ledger_event WHERE venue_id = ANY(CAST(:venue_ids AS uuid[])) AND {_IN_PIECE}
"""
OF_OFFER = f"""
    SELECT * FROM ledger_event WHERE offer_id = :offer_id AND {_IN_PIECE}
    UNION ALL
    SELECT * FROM ledger_event
    WHERE {_IN_PIECE} AND kind IN ('check_in', 'nearby_listed') AND :offer_id = ANY(offer_ids)
"""
"""The offer's own events, and those at which it could have opened or was shown."""
OF_OFFER_AT_VENUES = f"""
    SELECT * FROM ({OF_OFFER}) AS anywhere WHERE venue_id = ANY(CAST(:venue_ids AS uuid[]))
"""

_FACTS = """
    WITH piece AS (
        SELECT * FROM unnest(CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]),
                             CAST(:newest AS boolean[])) AS piece(since, until, newest)
    ), changed AS MATERIALIZED (
        SELECT check_in_id, max(at) AS last_at, bool_or(verdict = 'voided') AS voided
        FROM ledger_event
        WHERE merchant_id = :merchant_id AND verdict_before IS NOT NULL AND at >= :changed_since
        GROUP BY check_in_id
    ), undone AS MATERIALIZED (
        SELECT unlock_id FROM ledger_event
        WHERE merchant_id = :merchant_id AND kind = 'unlock_voided' AND at >= :changed_since
{lost}    ), event AS (
        SELECT piece.since AS piece, event.*
        FROM piece CROSS JOIN LATERAL ({source} OFFSET 0) AS event
        LEFT JOIN changed USING (check_in_id)
        WHERE (NOT piece.newest OR event.transaction_id >= CAST(:mark AS text)::xid8)
          AND event.transaction_id < CAST(:before AS text)::xid8
          AND event.counted AND event.kind = ANY(CAST(:kinds AS text[])) AND (
            changed.check_in_id IS NULL
            OR kind NOT IN ('check_in', 'unlocked', 'reserved', 'pass_shown', 'expired',
                            'friend_visit', 'returned')
            OR NOT changed.voided AND (kind <> 'check_in' OR event.at >= changed.last_at))
          AND NOT (kind = 'returned' AND unlock_id IN (SELECT unlock_id FROM undone))
    ), told AS (
        SELECT event.*, of.offer, {is_new} AS is_new
        FROM event CROSS JOIN LATERAL ({offers}) AS of(offer)
{arms}    ), known AS (
        SELECT told.*, {arm} AS arm, customer_number.number
        FROM told
{join_arm}        LEFT JOIN customer_number ON customer_number.subject_id = told.subject_id
    )
    SELECT piece, offer, venue_id, kind, verdict, level, is_new, arm AS variant, channel, currency,
           within_days, CASE WHEN kind = 'redemption_refused' THEN reasons END AS reasons,
           count(*) AS n,
           array_agg(number) FILTER (WHERE number IS NOT NULL AND {stepped}) AS numbers,
           array_agg(subject_id) FILTER (
               WHERE number IS NULL AND subject_id IS NOT NULL AND {stepped}) AS unnumbered,
           array_agg({elapsed}) FILTER (WHERE elapsed_s IS NOT NULL) AS elapsed,
           ARRAY[coalesce(sum(value_minor), 0), coalesce(sum(cost_minor), 0),
                 coalesce(sum(amount_minor), 0), count(*), count(amount_minor),
                 coalesce(sum(amount_minor) FILTER (WHERE share_id IS NOT NULL), 0),
                 count(share_id)]::bigint[] AS money
    FROM known
    GROUP BY piece, offer, venue_id, kind, verdict, level, is_new, arm, channel, currency,
             within_days, CASE WHEN kind = 'redemption_refused' THEN reasons END
"""
"""OFFSET 0 has each piece found by the index: else all facts are tried against all pieces."""
_LOST = """
    ), lost AS MATERIALIZED (
        SELECT DISTINCT venue_id, subject_id FROM ledger_event
        WHERE merchant_id = :merchant_id AND kind = 'check_in_voided' AND first_visit
"""
_IS_NEW = """
            CASE
            WHEN kind <> 'check_in' OR first_visit OR verdict <> 'accepted' THEN first_visit
            ELSE (venue_id, subject_id) IN (SELECT venue_id, subject_id FROM lost) AND NOT EXISTS (
                SELECT FROM ledger_event AS earlier
                WHERE (earlier.subject_id, earlier.venue_id) = (event.subject_id, event.venue_id)
                  AND earlier.verdict = 'accepted' AND earlier.check_in_id <> event.check_in_id
                  AND earlier.at < (
                      SELECT min(own.at) FROM ledger_event AS own
                      WHERE (own.subject_id, own.venue_id) = (event.subject_id, event.venue_id)
                        AND own.verdict = 'accepted' AND own.check_in_id = event.check_in_id)
                  AND NOT EXISTS (
                      SELECT FROM ledger_event AS void
                      WHERE void.merchant_id = :merchant_id AND void.verdict_before IS NOT NULL
                        AND void.verdict = 'voided' AND void.check_in_id = earlier.check_in_id))
            END
"""
"""The next visit that stands is the first, where a customer's first visit was voided."""
_ARMS = """
    ), arm AS (
        SELECT offer_id, subject_id, variant, at AS from_at, coalesce(
            lead(at) OVER (PARTITION BY offer_id, subject_id ORDER BY at, id), 'infinity') AS to_at
        FROM ledger_event
        WHERE kind = 'exposed' AND merchant_id = :merchant_id AND (offer_id, subject_id) IN (
            SELECT offer, subject_id FROM told WHERE variant IS NULL)
"""
"""Where a fact does not say in which arm its customer is: the one they were last exposed to."""
_JOIN_ARM = """
        LEFT JOIN arm ON told.variant IS NULL
          AND (arm.offer_id, arm.subject_id) = (told.offer, told.subject_id)
          AND told.at >= arm.from_at AND told.at < arm.to_at
"""
_STEPPED = """
    (verdict = 'accepted' OR kind IN ('nearby_listed', 'teaser_viewed', 'unlocked', 'reserved',
                                      'pass_shown', 'redeemed', 'returned'))
"""
_ELAPSED = """
    CASE WHEN elapsed_s < 100 THEN greatest(elapsed_s, 0)
         ELSE 100 + floor(ln(elapsed_s / 100.0::float8) / ln(1.01::float8)) END::integer
"""

_ITS_OFFERS = """
    SELECT event.offer_id
    UNION ALL
    SELECT unnest(event.offer_ids) WHERE event.kind IN ('check_in', 'nearby_listed')
"""
_THE_OFFER = "SELECT CAST(:offer_id AS uuid)"
_ITS_OFFER = "SELECT event.offer_id"


@cache
def _facts(source: str, offers: str, *, lost: bool, exposed: bool) -> Statement:
    """What a ledger does not have is not asked for: it costs more to plan than to count."""
    return Statement(
        _FACTS.format(
            source=source,
            offers=offers,
            stepped=_STEPPED,
            elapsed=_ELAPSED,
            lost=_LOST if lost else "",
            is_new=_IS_NEW if lost else "first_visit",
            arms=_ARMS if exposed else "",
            arm="coalesce(told.variant, arm.variant)" if exposed else "told.variant",
            join_arm=_JOIN_ARM if exposed else "",
        )
    )


_OFFERS = {
    OF_MERCHANT: _ITS_OFFER,
    AT_VENUES: _ITS_OFFER,
    OF_OFFER: _THE_OFFER,
    OF_OFFER_AT_VENUES: _THE_OFFER,
}


KINDS = (
    "nearby_listed",
    "teaser_viewed",
    "check_in",
    "unlocked",
    "reserved",
    "pass_shown",
    "redeemed",
    "returned",
    "expired",
    "reversed",
    "flagged",
    "shared",
    "share_fetched",
    "share_visited",
    "friend_visit",
    "redemption_refused",
)
EVER = 2**63
"""No transaction comes after it."""
_SLACK = timedelta(hours=1)
"""So far clocks may differ: what changes a fact may seem to have come before it."""


def statement_of(source: str, *, lost: bool, exposed: bool) -> Statement:
    return _facts(source, _OFFERS[source], lost=lost, exposed=exposed)


class Marked(NamedTuple):
    """How far the roll-ups are, and what the merchant's ledger has of what is rare."""

    mark: int
    lost: bool
    """First visits that were voided."""
    exposed: bool
    """Customers in experiments."""
    latest: datetime | None
    """When the merchant's latest fact happened."""


class News(NamedTuple):
    """What has come since the roll-ups were made, by the hours it happened in, in order."""

    dirty: Sequence[datetime]
    """To be counted anew: what has come says otherwise of what was before."""
    fresh: Sequence[datetime]
    """To be added to: what has come is new."""


def count_facts(
    session: Session,
    source: str,
    values: dict[str, Any],
    whole: Sequence[Span],
    fresh: Sequence[Span],
    marked: Marked,
) -> Sequence[Any]:
    """Facts that are alike, counted together; straight from the ledger.

    All in the spans that are `whole`, and in those that are `fresh` what is not rolled up yet.
    """
    pieces = [*((span, False) for span in whole), *((span, True) for span in fresh)]
    return _count(session, source, _OFFERS[source], values, pieces, marked, EVER)


def count_all_facts(
    session: Session, merchant_id: UUID, spans: Sequence[Span], marked: Marked, horizon: int
) -> Sequence[Any]:
    """The same of a merchant, up to the horizon; a check-in once without an offer and once for
    each that ran.
    """
    values = {"merchant_id": merchant_id}
    pieces = [(span, False) for span in spans]
    return _count(session, OF_MERCHANT, _ITS_OFFERS, values, pieces, marked, horizon)


def _count(
    session: Session,
    source: str,
    offers: str,
    values: dict[str, Any],
    pieces: Sequence[tuple[Span, bool]],
    marked: Marked,
    before: int,
) -> Sequence[Any]:
    if not pieces:
        return []
    spans = [span for span, _ in pieces]
    statement = _facts(source, offers, lost=marked.lost, exposed=marked.exposed)
    asked = {
        **values,
        "since": [span.since for span in spans],
        "until": [span.until for span in spans],
        "newest": [newest for _, newest in pieces],
        "mark": str(marked.mark),
        "before": str(before),
        "changed_since": min(span.since for span in spans) - _SLACK,
        "kinds": list(KINDS),
    }
    return statement.all(session, asked, binary=True)


# --- roll-ups ---------------------------------------------------------------------------------

HOLD_STILL = Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
LOCK_MARK = Statement("SELECT transaction_id::text::bigint AS mark FROM rollup_mark FOR UPDATE")
READ_MARK = Statement("""
    SELECT transaction_id::text::bigint AS mark, EXISTS (
        SELECT FROM ledger_event
        WHERE merchant_id = :merchant_id AND kind = 'check_in_voided' AND first_visit) AS lost,
        EXISTS (SELECT FROM ledger_event
                WHERE merchant_id = :merchant_id AND kind = 'exposed') AS exposed,
        (SELECT max(at) FROM ledger_event WHERE merchant_id = :merchant_id) AS latest
    FROM rollup_mark
""")
HORIZON = Statement("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon")
MOVE_MARK = Statement("UPDATE rollup_mark SET transaction_id = CAST(:mark AS text)::xid8")

_DIRTY = """
    WITH news AS MATERIALIZED (
        SELECT merchant_id, venue_id, subject_id, check_in_id, unlock_id, kind, verdict,
               verdict_before, at
        FROM ledger_event WHERE {news}
    ), revised AS MATERIALIZED (
        SELECT DISTINCT merchant_id, venue_id, subject_id, check_in_id,
               verdict = 'voided' OR (merchant_id, venue_id, subject_id) IN (
                   SELECT merchant_id, venue_id, subject_id FROM ledger_event
                   WHERE kind = 'check_in_voided' AND first_visit) AS moves_first,
               coalesce((SELECT occurred_at FROM check_in WHERE check_in.id = news.check_in_id),
                        '-infinity') AS since,
               CASE WHEN verdict = 'voided' THEN 'infinity' ELSE at + interval '1 hour' END AS until
        FROM news
        WHERE verdict_before IS NOT NULL OR verdict = 'accepted'
          AND (merchant_id, venue_id, subject_id) IN (
              SELECT merchant_id, venue_id, subject_id FROM ledger_event
              WHERE kind = 'check_in_voided' AND first_visit)
    ), touched AS (
        SELECT merchant_id, at FROM news
        UNION ALL
        SELECT other.merchant_id, other.at
        FROM revised JOIN ledger_event AS other
          ON other.venue_id = revised.venue_id
          AND other.at >= revised.since AND other.at <= revised.until
        WHERE other.check_in_id = revised.check_in_id
           OR other.unlock_id IN (
               SELECT unlock_id FROM news WHERE news.kind = 'unlock_voided'
                 AND news.check_in_id = revised.check_in_id)
        UNION ALL
        SELECT later.merchant_id, later.at
        FROM revised JOIN ledger_event AS later
          ON (later.subject_id, later.venue_id) = (revised.subject_id, revised.venue_id)
          AND later.verdict = 'accepted' AND later.at >= revised.since
        WHERE revised.moves_first
        UNION ALL
        SELECT later.merchant_id, later.at
        FROM (SELECT merchant_id, subject_id, min(at) AS at FROM news WHERE kind = 'exposed'
              GROUP BY merchant_id, subject_id) AS exposed
        JOIN ledger_event AS later USING (merchant_id, subject_id)
        WHERE later.at >= exposed.at
          AND later.at >= (SELECT min(at) FROM news WHERE kind = 'exposed')
    )
    SELECT DISTINCT merchant_id, date_trunc('hour', at, 'UTC') AS hour FROM touched
    ORDER BY merchant_id, hour
"""
"""A fact changes the hour it is in; another verdict also those of what the check-in led to, and an
exposure those of what its customer does in its arm. A verdict that is no voiding replaces only
earlier ones: an hour is more than clocks differ.
"""

DIRTIED = Statement(
    _DIRTY.format(
        news="""transaction_id >= CAST(:mark AS text)::xid8
                AND transaction_id < CAST(:horizon AS text)::xid8"""
    )
)
NEWS = Statement("""
    SELECT date_trunc('hour', at, 'UTC') AS hour,
           bool_or(verdict_before IS NOT NULL OR kind = 'exposed'
                   OR verdict = 'accepted' AND CAST(:lost AS boolean)) AS reaches_back
    FROM ledger_event
    WHERE transaction_id >= CAST(:mark AS text)::xid8 AND merchant_id = :merchant_id
    GROUP BY 1 ORDER BY 1
""")
DIRTY = Statement(
    _DIRTY.format(news="transaction_id >= CAST(:mark AS text)::xid8 AND merchant_id = :merchant_id")
)

NUMBER_CUSTOMERS = Statement("""
    INSERT INTO customer_number (subject_id)
    SELECT DISTINCT seen.subject_id
    FROM unnest(CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[])) AS piece(since, until)
    CROSS JOIN LATERAL (
        SELECT DISTINCT subject_id FROM ledger_event
        WHERE merchant_id = :merchant_id AND at >= piece.since AND at < piece.until
          AND subject_id IS NOT NULL
    ) AS seen
    WHERE NOT EXISTS (
        SELECT FROM customer_number WHERE customer_number.subject_id = seen.subject_id)
""")

CLEAR = Statement("""
    DELETE FROM rollup USING rollup_scope AS scope
    WHERE scope.merchant_id = :merchant_id
      AND (rollup.scope_id, rollup.venue_id) = (scope.scope_id, scope.venue_id)
      AND tier = 'hour' AND dimension = ANY(CAST(:dimensions AS text[]))
      AND start = ANY(CAST(:hours AS timestamptz[]))
    RETURNING rollup.scope_id, rollup.venue_id, start
""")
CLEAR_DAYS = Statement("""
    DELETE FROM rollup
    WHERE scope_id = :scope_id AND venue_id = :venue_id AND tier <> 'hour'
""")
CLEAR_BUCKETS = Statement("""
    DELETE FROM rollup
    USING unnest(CAST(:scope_ids AS uuid[]), CAST(:venue_ids AS uuid[]),
                 CAST(:since AS timestamptz[])) AS bucket(scope_id, venue_id, since)
    WHERE (rollup.scope_id, rollup.venue_id, rollup.tier, rollup.start)
          = (bucket.scope_id, bucket.venue_id, :tier, bucket.since)
      AND dimension = ANY(CAST(:dimensions AS text[]))
""")
CLEAR_ALL = (Statement("DELETE FROM rollup"), Statement("DELETE FROM rollup_scope"))

ADD = """
    COPY rollup (scope_id, venue_id, tier, dimension, start, value, uniform, counts, elapsed, steps,
                 customers)
    FROM STDIN (FORMAT BINARY)
"""
ADDED = (
    "uuid",
    "uuid",
    "text",
    "text",
    "timestamptz",
    "text",
    "jsonb",
    "jsonb",
    "jsonb",
    "text[]",
    "bytea[]",
)
SET_SCOPES = Statement("""
    INSERT INTO rollup_scope (scope_id, venue_id, merchant_id, time_zone)
    SELECT scope_id, venue_id, :merchant_id, time_zone
    FROM jsonb_to_recordset(CAST(:scopes AS jsonb)) AS scope(
        scope_id uuid, venue_id uuid, time_zone text)
    ON CONFLICT (scope_id, venue_id) DO UPDATE SET time_zone = excluded.time_zone
""")
KEPT_HOURS = Statement("""
    SELECT DISTINCT start FROM rollup
    WHERE scope_id = :scope_id AND venue_id = :venue_id AND tier = 'hour' AND dimension = ''
    ORDER BY start
""")

SCOPES_OF = Statement("""
    SELECT scope_id, venue_id, time_zone FROM rollup_scope
    WHERE merchant_id = :merchant_id
      AND (CAST(:scope_ids AS uuid[]) IS NULL OR scope_id = ANY(:scope_ids))
""")
ZONES_OF = Statement("""
    SELECT merchant_id AS id, array_agg(DISTINCT time_zone) AS zones FROM venue
    WHERE merchant_id = :merchant_id GROUP BY merchant_id
    UNION ALL
    SELECT id, ARRAY[time_zone] FROM venue WHERE merchant_id = :merchant_id
    UNION ALL
    SELECT runs.offer_id, array_agg(DISTINCT time_zone)
    FROM (
        SELECT offer_id, venue_id FROM offer_venue WHERE merchant_id = :merchant_id
        UNION
        SELECT offer_id, venue_id FROM offer_group JOIN venue_group_member USING (group_id)
        WHERE offer_group.merchant_id = :merchant_id
    ) AS runs JOIN venue ON venue.id = runs.venue_id
    GROUP BY runs.offer_id
""")

READ = Statement("""
    SELECT scope.scope_id, scope.venue_id, run.tier, rollup.start,
           CASE WHEN dimension = :dimension THEN value ELSE uniform ->> :dimension END AS value,
           rollup.counts,
           CASE WHEN run.whole THEN rollup.steps END AS steps,
           CASE WHEN run.whole THEN rollup.customers END AS customers,
           CASE WHEN :elapsed THEN rollup.elapsed END AS elapsed
    FROM unnest(CAST(:scope_ids AS uuid[]), CAST(:venue_ids AS uuid[])) AS scope(scope_id, venue_id)
    CROSS JOIN unnest(CAST(:tiers AS text[]), CAST(:since AS timestamptz[]),
                      CAST(:until AS timestamptz[]), CAST(:whole AS boolean[]))
               AS run(tier, since, until, whole)
    JOIN rollup
      ON (rollup.scope_id, rollup.venue_id, rollup.tier)
         = (scope.scope_id, scope.venue_id, run.tier)
      AND rollup.dimension IN ('', :dimension)
      AND (rollup.dimension = :dimension OR rollup.uniform ? :dimension)
      AND rollup.start >= run.since AND rollup.start < run.until
""")

READ_UNDER = Statement("""
    SELECT bucket.place, dimension, value, uniform, counts, elapsed, steps, customers
    FROM unnest(CAST(:scope_ids AS uuid[]), CAST(:venue_ids AS uuid[]),
                CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))
         WITH ORDINALITY AS bucket(scope_id, venue_id, since, until, place)
    JOIN rollup
      ON (rollup.scope_id, rollup.venue_id, rollup.tier)
         = (bucket.scope_id, bucket.venue_id, :tier)
      AND dimension = ANY(CAST(:dimensions AS text[]))
      AND rollup.start >= bucket.since AND rollup.start < bucket.until
""")


def hold_still(session: Session) -> None:
    """Everything that the transaction reads is as of one moment. It has to come first."""
    HOLD_STILL.do(session, {})


def lock_mark(session: Session) -> int:
    """Where the roll-ups have come to; nobody else makes any until the transaction ends."""
    return int(LOCK_MARK.one(session, {}).mark)


def read_mark(session: Session, merchant_id: UUID) -> Marked:
    return Marked(*READ_MARK.one(session, {"merchant_id": merchant_id}))


def horizon(session: Session) -> int:
    """All transactions before this one have ended."""
    return int(HORIZON.one(session, {}).horizon)


def move_mark(session: Session, mark: int) -> None:
    MOVE_MARK.do(session, {"mark": str(mark)})


def dirtied_hours(session: Session, mark: int, horizon: int) -> Sequence[Any]:
    """Each merchant_id and hour that facts of these transactions have changed, in order."""
    return DIRTIED.all(session, {"mark": str(mark), "horizon": str(horizon)})


def find_news(session: Session, merchant_id: UUID, marked: Marked) -> News:
    values = {"mark": str(marked.mark), "merchant_id": merchant_id}
    rows = NEWS.all(session, {**values, "lost": marked.lost})
    if any(row.reaches_back for row in rows):
        return News([row.hour for row in DIRTY.all(session, values)], ())
    return News((), [row.hour for row in rows])


def number_customers(session: Session, merchant_id: UUID, spans: Sequence[Span]) -> None:
    values = {"since": [span.since for span in spans], "until": [span.until for span in spans]}
    NUMBER_CUSTOMERS.do(session, {**values, "merchant_id": merchant_id})


def clear_hours(session: Session, merchant_id: UUID, hours: Sequence[datetime]) -> Sequence[Any]:
    """Forget what was kept of these hours; a row for each: scope_id, venue_id, start."""
    values = {"merchant_id": merchant_id, "hours": list(hours), "dimensions": list(DIMENSIONS)}
    return CLEAR.all(session, values)


def clear_days(session: Session, scope_id: UUID, venue_id: UUID) -> list[datetime]:
    """Forget all days and months of a scope; the hours that are kept, to make them of."""
    values = {"scope_id": scope_id, "venue_id": venue_id}
    CLEAR_DAYS.do(session, values)
    return [row.start for row in KEPT_HOURS.all(session, values)]


def clear_buckets(session: Session, tier: str, buckets: Sequence[Bucket]) -> None:
    """Forget these days or months."""
    CLEAR_BUCKETS.do(session, _asked(buckets, tier))


def _asked(buckets: Sequence[Bucket], tier: str) -> dict[str, Any]:
    return {
        "scope_ids": [scope_id for (scope_id, _), _ in buckets],
        "venue_ids": [venue_id for (_, venue_id), _ in buckets],
        "since": [span.since for _, span in buckets],
        "until": [span.until for _, span in buckets],
        "tier": tier,
        "dimensions": list(DIMENSIONS),
    }


def clear_all(session: Session) -> None:
    for statement in CLEAR_ALL:
        statement.do(session, {})


def add_rollups(session: Session, rows: Iterable[tuple[Any, ...]]) -> None:
    """Each with its key, its uniform dimensions, and what is kept as a tally packs it."""
    with session.driver.cursor() as cursor, cursor.copy(ADD) as copy:
        copy.set_types(ADDED)
        for *key, uniform, counts, elapsed, steps, customers in rows:
            documents = (Jsonb(uniform), Jsonb(counts), Jsonb(elapsed))
            copy.write_row((*key, *documents, steps, customers))


def set_scopes(session: Session, merchant_id: UUID, zones: dict[tuple[UUID, UUID], str]) -> None:
    """Remember what is rolled up, and in which time zone its days are."""
    scopes = [
        {"scope_id": str(scope_id), "venue_id": str(venue_id), "time_zone": zone}
        for (scope_id, venue_id), zone in zones.items()
    ]
    SET_SCOPES.do(session, {"merchant_id": merchant_id, "scopes": json.dumps(scopes)})


def zones_of_scopes(
    session: Session, merchant_id: UUID, scope_ids: Sequence[UUID] | None = None
) -> dict[tuple[UUID, UUID], str]:
    """What is rolled up of a merchant, and the time zone of its days; of these, or of all."""
    values = {"merchant_id": merchant_id, "scope_ids": scope_ids and list(scope_ids)}
    rows = SCOPES_OF.all(session, values)
    return {(row.scope_id, row.venue_id): row.time_zone for row in rows}


def zones_of(session: Session, merchant_id: UUID) -> dict[UUID, list[str]]:
    """The time zones of the merchant, of each venue, and of each offer by where it runs."""
    rows = ZONES_OF.all(session, {"merchant_id": merchant_id})
    return {row.id: row.zones for row in rows}


def read_rollups(
    session: Session,
    scopes: Sequence[tuple[UUID, UUID]],
    runs: Sequence[tuple[Run, bool]],
    *,
    dimension: str,
    elapsed: bool,
) -> Sequence[Any]:
    """What is kept in these runs of buckets: with the sets of customers where `True` stands by."""
    if not scopes or not runs:
        return []
    values = {
        "scope_ids": [scope_id for scope_id, _ in scopes],
        "venue_ids": [venue_id for _, venue_id in scopes],
        "tiers": [run.tier for run, _ in runs],
        "since": [run.since for run, _ in runs],
        "until": [run.until for run, _ in runs],
        "whole": [whole for _, whole in runs],
        "dimension": dimension,
        "elapsed": elapsed,
    }
    return READ.all(session, values, binary=True)


def read_under(session: Session, tier: str, buckets: Sequence[Bucket]) -> Sequence[Any]:
    """All that is kept of one tier within these, in every dimension; `place` counts from 1."""
    return READ_UNDER.all(session, _asked(buckets, tier), binary=True)


# --- beside -----------------------------------------------------------------------------------

PLEDGES = Statement("""
    WITH changed AS MATERIALIZED (
        SELECT check_in_id, bool_or(verdict = 'voided') AS voided FROM ledger_event
        WHERE merchant_id = :merchant_id AND verdict_before IS NOT NULL GROUP BY check_in_id
    )
    SELECT recipient, currency, count(*) AS pledges, sum(amount_minor)::bigint AS amount_minor
    FROM ledger_event LEFT JOIN changed USING (check_in_id)
    WHERE offer_id = :offer_id AND merchant_id = :merchant_id AND kind = 'pledged'
      AND at >= :start AND at < :end AND counted AND NOT coalesce(changed.voided, false)
      AND (CAST(:venue_ids AS uuid[]) IS NULL OR venue_id = ANY(:venue_ids))
    GROUP BY recipient, currency ORDER BY recipient, currency
""")


VENUES_OF = Statement("SELECT id FROM venue WHERE merchant_id = :merchant_id")
ZONES_OF_VENUES = Statement("""
    SELECT DISTINCT time_zone FROM venue WHERE id = ANY(CAST(:venue_ids AS uuid[]))
""")


def sum_pledges(session: Session, values: dict[str, Any]) -> Sequence[Any]:
    """What is owed to good causes: a row for each, and currency; voided check-ins taken off."""
    return PLEDGES.all(session, {"venue_ids": None, **values})


def venues_of(session: Session, merchant_id: UUID) -> list[UUID]:
    return [row.id for row in VENUES_OF.all(session, {"merchant_id": merchant_id})]


def time_zones_of_venues(session: Session, venue_ids: Sequence[UUID]) -> list[str]:
    return [row.time_zone for row in ZONES_OF_VENUES.all(session, {"venue_ids": list(venue_ids)})]


# --- experiments ------------------------------------------------------------------------------

_EXPERIMENT = text("""
    SELECT experiment.*, terms.currency,
           (SELECT json_object_agg(name, share_percent ORDER BY position) FROM experiment_arm
            WHERE experiment_id = experiment.id) AS shares
    FROM experiment JOIN offer ON offer.id = experiment.offer_id
    JOIN offer_version AS terms
      ON (terms.offer_id, terms.number) = (offer.id, offer.terms_version)
    WHERE experiment.id = :experiment_id AND experiment.merchant_id = :merchant_id
""")

_PLACES = """
    SELECT venue_id FROM offer_venue WHERE offer_id = :offer_id
    UNION
    SELECT venue_id FROM offer_group JOIN venue_group_member USING (group_id)
    WHERE offer_id = :offer_id
"""

_SUMS = """
    count(*) FILTER (WHERE is_over AND {metric} <> 0) AS {metric}_active,
    coalesce(sum({metric}) FILTER (WHERE is_over), 0)::float8 AS {metric}_total,
    coalesce(sum({metric}::float8 ^ 2) FILTER (WHERE is_over), 0) AS {metric}_squares
"""

_VISITS = """
    SELECT subject_id, venue_id, min(at) AS at FROM ledger_event
    WHERE merchant_id = :merchant_id AND venue_id IN ({venues}) AND counted
      AND kind IN ('check_in', 'check_in_voided') AND at >= :started_at
    GROUP BY check_in_id, subject_id, venue_id
    HAVING NOT bool_or(verdict = 'voided')
       AND (array_agg(verdict ORDER BY at DESC))[1] = 'accepted'
"""
"""Check-ins that stand, at the time they were made."""

_OUTCOMES = text(f"""
    WITH exposed AS MATERIALIZED (
        SELECT subject_id, variant AS arm, min(at) AS at, min(at) + :horizon AS until
        FROM ledger_event
        WHERE offer_id = :offer_id AND merchant_id = :merchant_id AND kind = 'exposed'
          AND experiment_id = :experiment_id AND counted AND at >= :started_at AND at <= :until
        GROUP BY subject_id, variant
    ), visit AS (
        {_VISITS.format(venues=_PLACES)}
    ), redemption AS (
        SELECT subject_id, at, coalesce(amount_minor, 0) AS amount_minor FROM ledger_event AS done
        WHERE offer_id = :offer_id AND merchant_id = :merchant_id AND kind = 'redeemed'
          AND counted AND at >= :started_at
          AND NOT EXISTS (
              SELECT FROM ledger_event AS reversal
              WHERE reversal.offer_id = :offer_id AND reversal.kind = 'reversed'
                AND reversal.redemption_id = done.redemption_id AND reversal.at >= done.at
                AND reversal.unlock_id = done.unlock_id)
    ), visits AS (
        SELECT subject_id, count(*) AS visits FROM exposed JOIN visit USING (subject_id)
        WHERE visit.at > exposed.at AND visit.at < exposed.until GROUP BY subject_id
    ), redemptions AS (
        SELECT subject_id, count(*) AS redemptions, sum(amount_minor) AS revenue
        FROM exposed JOIN redemption USING (subject_id)
        WHERE redemption.at > exposed.at AND redemption.at < exposed.until GROUP BY subject_id
    ), customer AS (
        SELECT arm, until <= :until AS is_over, coalesce(visits, 0) AS visits,
               coalesce(redemptions, 0) AS redemptions, coalesce(revenue, 0) AS revenue
        FROM exposed LEFT JOIN visits USING (subject_id) LEFT JOIN redemptions USING (subject_id)
    )
    SELECT arm, count(*) AS exposed, count(*) FILTER (WHERE is_over) AS customers,
           {", ".join(_SUMS.format(metric=metric) for metric in METRICS)}
    FROM customer GROUP BY arm
""")


def find_experiment(session: Session, experiment_id: UUID, merchant_id: UUID) -> Row[Any] | None:
    """With its `shares` in percent by arm, in their order."""
    values = {"experiment_id": experiment_id, "merchant_id": merchant_id}
    return session.execute(_EXPERIMENT, values).one_or_none()


def sum_outcomes(session: Session, experiment: Row[Any], until: datetime) -> Sequence[Row[Any]]:
    """A row for each arm in which anybody is: what its customers did within the horizon after
    their exposure, in sums. The check-in at which a customer was exposed is none of it.
    """
    values = {
        "experiment_id": experiment.id,
        "offer_id": experiment.offer_id,
        "merchant_id": experiment.merchant_id,
        "started_at": experiment.started_at,
        "until": until,
        "horizon": timedelta(days=experiment.horizon_days),
    }
    return session.execute(_OUTCOMES, values).all()


_DAILY = text(f"""
    WITH place AS MATERIALIZED ({_PLACES}), site AS MATERIALIZED (
        SELECT venue.id, venue.id IN (SELECT venue_id FROM place) AS has_offer,
               EXISTS (
                   SELECT FROM place JOIN venue AS other ON other.id = place.venue_id
                   WHERE ST_DWithin(other.fence, venue.fence, :near_m)) AS is_near
        FROM venue WHERE merchant_id = :merchant_id AND created_at < :started_at
    ), visit AS ({_VISITS.format(venues="SELECT id FROM site")}), daily AS (
        SELECT venue_id, floor(extract(epoch FROM at - :started_at) / 86400)::int AS day,
               count(*) AS visits
        FROM visit WHERE at < :end GROUP BY 1, 2
    )
    SELECT site.id, site.has_offer, site.is_near AND NOT site.has_offer AS is_near,
           array_agg(coalesce(visits, 0) ORDER BY days.day) AS visits
    FROM site CROSS JOIN generate_series(0, :days - 1) AS days(day)
    LEFT JOIN daily ON daily.venue_id = site.id AND daily.day = days.day
    GROUP BY 1, 2, 3 ORDER BY 1
""")


def list_daily_visits(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    start: datetime,
    days: int,
    near_m: float,
) -> Sequence[Row[Any]]:
    """The visits on each of so many days of 24 hours, of each venue that the merchant had at the
    start; those within `near_m` of the offer's venues, fence to fence, are near.
    """
    values = {"offer_id": offer_id, "merchant_id": merchant_id, "near_m": near_m, "days": days}
    period = {"started_at": start, "end": start + timedelta(days=days)}
    return session.execute(_DAILY, values | period).all()


_VISITS_BY_DAY = text(f"""
    WITH visit AS ({_VISITS.format(venues="SELECT unnest(CAST(:venue_ids AS uuid[]))")})
    SELECT venue_id, (visit.at AT TIME ZONE venue.time_zone)::date AS day, count(*) AS visits
    FROM visit JOIN venue ON venue.id = visit.venue_id WHERE visit.at < :end GROUP BY 1, 2
""")


def count_daily_visits(
    session: Session,
    *,
    merchant_id: UUID,
    venue_ids: Sequence[UUID],
    first: date,
    end: datetime,
) -> dict[tuple[UUID, date], int]:
    """By venue and day of its calendar, from the first on; days without any are not there."""
    started_at = datetime.combine(first, time.min, UTC) - timedelta(days=1)
    values = {"merchant_id": merchant_id, "venue_ids": list(venue_ids)}
    rows = session.execute(_VISITS_BY_DAY, values | {"started_at": started_at, "end": end})
    return {(row.venue_id, row.day): row.visits for row in rows}
