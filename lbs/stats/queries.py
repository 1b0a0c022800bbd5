"""Every number is counted from the ledger.

A check-in counts with its last verdict, at the time it got it; one that was voided counts no more,
nor does what it had opened. What testers and staff did counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from lbs.db import Session
from lbs.stats.rules.verdict import METRICS

AT_VENUE = """
    SELECT * FROM ledger_event
    WHERE venue_id = :venue_id AND merchant_id = :merchant_id
      AND at >= coalesce(CAST(:start AS timestamptz), '-infinity') AND at < :end
"""

OF_OFFER = """
    SELECT * FROM ledger_event
    WHERE offer_id = :offer_id AND merchant_id = :merchant_id
      AND at >= coalesce(CAST(:start AS timestamptz), '-infinity') AND at < :end
      AND (CAST(:venue_id AS uuid) IS NULL OR venue_id = :venue_id)
    UNION ALL
    SELECT * FROM ledger_event
    WHERE merchant_id = :merchant_id AND kind = 'check_in' AND :offer_id = ANY(offer_ids)
      AND at >= coalesce(CAST(:start AS timestamptz), '-infinity') AND at < :end
      AND (CAST(:venue_id AS uuid) IS NULL OR venue_id = :venue_id)
"""
"""The offer's own events, and the check-ins at which it could have opened."""

_CHANGED = """
    SELECT check_in_id, max(at) AS last_at, bool_or(verdict = 'voided') AS voided
    FROM ledger_event
    WHERE merchant_id = :merchant_id AND verdict_before IS NOT NULL GROUP BY check_in_id
"""
"""The check-ins of the merchant that got another verdict later."""

_LOST = """
    SELECT venue_id, subject_id FROM ledger_event
    WHERE merchant_id = :merchant_id AND verdict_before IS NOT NULL
      AND kind = 'check_in_voided' AND first_visit
"""
"""Whose first visit to which venue was voided."""

_FIRST_VISIT = """
    verdict = 'accepted' AND (
        first_visit OR (venue_id, subject_id) IN (SELECT venue_id, subject_id FROM lost)
        AND NOT EXISTS (
            SELECT FROM ledger_event AS earlier LEFT JOIN changed USING (check_in_id)
            WHERE (earlier.venue_id, earlier.subject_id) = (event.venue_id, event.subject_id)
              AND earlier.verdict = 'accepted' AND earlier.at < event.at
              AND earlier.check_in_id <> event.check_in_id AND changed.voided IS NOT TRUE))
"""
"""Of `event`: the next that stands, where a customer's first visit was voided."""

_COUNTS = """
    WITH changed AS MATERIALIZED ({changed}), lost AS MATERIALIZED ({lost}), event AS (
        SELECT event.* FROM ({events}) AS event LEFT JOIN changed USING (check_in_id)
        WHERE event.counted AND (
            changed.check_in_id IS NULL
            OR kind NOT IN ('check_in', 'unlocked', 'expired')
            OR NOT changed.voided AND (kind <> 'check_in' OR event.at >= changed.last_at))
    )
    SELECT {bucket} AS bucket,
           count(*) FILTER (WHERE kind = 'check_in') AS check_ins,
           count(*) FILTER (WHERE verdict = 'accepted') AS accepted,
           count(*) FILTER (WHERE verdict = 'ambiguous') AS ambiguous,
           count(*) FILTER (WHERE verdict = 'rejected') AS rejected,
           count(*) FILTER (WHERE kind = 'unlocked') AS unlocks,
           count(*) FILTER (WHERE kind = 'expired') AS expired,
           count(*) FILTER (WHERE kind = 'redeemed') AS redemptions,
           count(*) FILTER (WHERE kind = 'reversed') AS reversals,
           count(DISTINCT subject_id) FILTER (WHERE verdict = 'accepted') AS unique_customers,
           count(DISTINCT subject_id) FILTER (WHERE {first_visit}) AS new_customers
    FROM event GROUP BY 1 ORDER BY 1
"""

_MONEY = """
    SELECT {bucket} AS bucket, currency,
           sum(CASE kind WHEN 'redeemed' THEN value_minor ELSE -value_minor END)::bigint
               AS value_minor,
           sum(CASE kind WHEN 'redeemed' THEN cost_minor ELSE -cost_minor END)::bigint
               AS cost_minor,
           sum(CASE kind WHEN 'redeemed' THEN amount_minor ELSE -amount_minor END)::bigint
               AS amount_minor
    FROM ({events}) AS event WHERE kind IN ('redeemed', 'reversed') AND counted
    GROUP BY 1, currency ORDER BY 1, currency
"""

_PLEDGES = """
    WITH changed AS MATERIALIZED ({changed})
    SELECT recipient, currency, count(*) AS pledges, sum(amount_minor)::bigint AS amount_minor
    FROM ({events}) AS event LEFT JOIN changed USING (check_in_id)
    WHERE kind = 'pledged' AND event.counted AND NOT coalesce(changed.voided, false)
    GROUP BY recipient, currency ORDER BY recipient, currency
"""

_WHOLE = "CAST(NULL AS timestamptz)"
_BY = "date_trunc(:by, at, :time_zone)"

# Half-hour steps, because Lord Howe Island's clocks change by half an hour.
_BUCKETS = {
    "hour": """
        SELECT DISTINCT date_trunc(:by, at, :time_zone) AS bucket FROM generate_series(
            date_trunc(:by, CAST(:start AS timestamptz), :time_zone),
            CAST(:end AS timestamptz) - interval '1 microsecond',
            interval '30 minutes') AS at
        ORDER BY bucket
    """,
    "day": """
        SELECT local AT TIME ZONE :time_zone AS bucket FROM generate_series(
            date_trunc(:by, CAST(:start AS timestamptz) AT TIME ZONE :time_zone),
            (CAST(:end AS timestamptz) - interval '1 microsecond') AT TIME ZONE :time_zone,
            interval '1 day') AS local
    """,
    "week": """
        SELECT local AT TIME ZONE :time_zone AS bucket FROM generate_series(
            date_trunc(:by, CAST(:start AS timestamptz) AT TIME ZONE :time_zone),
            (CAST(:end AS timestamptz) - interval '1 microsecond') AT TIME ZONE :time_zone,
            interval '1 week') AS local
    """,
}


def count(
    session: Session, events: str, scope: dict[str, Any], *, by: str | None = None
) -> Sequence[Row[Any]]:
    """One row, or one a bucket that has events; `scope` holds the parameters of `events`."""
    return _run(session, _COUNTS, events, scope, by)


def sum_money(
    session: Session, events: str, scope: dict[str, Any], *, by: str | None = None
) -> Sequence[Row[Any]]:
    """A row for each currency, and bucket; reversed redemptions taken off."""
    return _run(session, _MONEY, events, scope, by)


def sum_pledges(session: Session, events: str, scope: dict[str, Any]) -> Sequence[Row[Any]]:
    """What is owed to good causes: a row for each, and currency; voided check-ins taken off."""
    statement = text(_PLEDGES.format(events=events, changed=_CHANGED))
    return session.execute(statement, scope).all()


def list_buckets(
    session: Session, *, by: str, start: datetime, end: datetime, time_zone: str
) -> Sequence[datetime]:
    """When each hour, day or week between the times begins, in the zone; also empty ones."""
    values = {"by": by, "start": start, "end": end, "time_zone": time_zone}
    return session.scalars(text(_BUCKETS[by]), values).all()


def time_zones_of_offer(session: Session, offer_id: UUID) -> Sequence[str]:
    return session.scalars(
        text("""
            SELECT DISTINCT venue.time_zone FROM venue WHERE venue.id IN (
                SELECT venue_id FROM offer_venue WHERE offer_id = :offer_id
                UNION
                SELECT venue_id FROM offer_group JOIN venue_group_member USING (group_id)
                WHERE offer_id = :offer_id)
        """),
        {"offer_id": offer_id},
    ).all()


def _run(
    session: Session, template: str, events: str, scope: dict[str, Any], by: str | None
) -> Sequence[Row[Any]]:
    statement = text(
        template.format(
            bucket=_BY if by else _WHOLE,
            events=events,
            changed=_CHANGED,
            lost=_LOST,
            first_visit=_FIRST_VISIT,
        )
    )
    values = {**scope, "by": by} if by else scope
    return session.execute(statement, values).all()


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
    SELECT venue_id, floor(extract(epoch FROM at - :started_at) / 86400)::int AS day,
           count(*) AS visits
    FROM visit WHERE at < :end GROUP BY 1, 2
""")


def count_daily_visits(
    session: Session,
    *,
    merchant_id: UUID,
    venue_ids: Sequence[UUID],
    start: datetime,
    end: datetime,
) -> dict[tuple[UUID, int], int]:
    """By venue and day of 24 hours from the start; days without any are not there."""
    values = {"merchant_id": merchant_id, "venue_ids": list(venue_ids)}
    rows = session.execute(_VISITS_BY_DAY, values | {"started_at": start, "end": end})
    return {(row.venue_id, row.day): row.visits for row in rows}
