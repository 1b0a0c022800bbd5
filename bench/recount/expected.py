"""
How many unlocks there should be, in plain SQL over the check-ins alone.

Written from what the rules promise, not from how the service finds out: window functions and
self-joins over all visits at once, where the service looks back from each check-in. A visit `opens`
unless the risk of its check-in asks for a stronger proof than it brought.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from bench.recount.kinds import (
    COMEBACK_DAYS,
    FLASH_FROM,
    FLASH_N,
    FLASH_TO,
    FRIENDS_N,
    MAX_SHARE,
    MIN_VISITS,
    NTH,
    PARTY_N,
    REFERRER_N,
    STREAK_WEEKS,
    SWARM_N,
    TRAIL_DAYS,
)
from lbs.db import Session

VISITS = f"""
    CREATE TEMPORARY TABLE visit ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY check_in.occurred_at, check_in.id) AS seq,
           check_in.customer_id, check_in.venue_id, check_in.event_id, check_in.party_id,
           check_in.occurred_at AS at, here.at AS local, here.at::date AS day,
           check_in.level >= least(3, 1 + check_in.risk) AS opens,
           here.at::time >= '{FLASH_FROM}' AND here.at::time < '{FLASH_TO}' AS in_flash
    FROM check_in JOIN venue ON venue.id = check_in.venue_id, LATERAL (
        SELECT check_in.occurred_at AT TIME ZONE venue.time_zone AS at
    ) AS here
    WHERE check_in.verdict = 'accepted' AND check_in.visit IS NOT NULL
      AND check_in.venue_id = ANY(:venue_ids)
"""
INDEXES = (
    "CREATE INDEX ON visit (venue_id, at)",
    "CREATE INDEX ON visit (customer_id, venue_id, seq)",
    "ANALYZE visit",
)

NUMBERED = """
    (SELECT *, row_number() OVER (PARTITION BY customer_id, venue_id ORDER BY seq) AS n
     FROM visit) AS visit
"""
"""The visits, with which of the customer's at the venue each is."""

FIRST = f"SELECT count(*) FROM {NUMBERED} WHERE n = 1 AND opens"

AWAY = f"""
    SELECT count(*) FROM (
        SELECT opens, day - lag(day) OVER (PARTITION BY customer_id, venue_id ORDER BY seq) AS away
        FROM visit
    ) AS gap WHERE opens AND away >= {COMEBACK_DAYS}
"""

WITHIN_A_WEEK = """
    (SELECT count(*) FROM visit AS earlier
     WHERE (earlier.customer_id, earlier.venue_id) = (visit.customer_id, visit.venue_id)
       AND earlier.seq <= visit.seq AND earlier.day > visit.day - 7)
"""

THERE = """
    SELECT DISTINCT ON (present.customer_id) present.seq, present.opens FROM visit AS present
    WHERE present.venue_id = visit.venue_id AND present.seq <= visit.seq
      AND present.at >= visit.at - interval '3 hours'
    ORDER BY present.customer_id, present.seq DESC
"""
"""The last visits of those who are at the venue of `visit` then."""

EXPECTED = {
    "every_visit": "SELECT count(*) FROM visit WHERE opens",
    "charity": "SELECT count(*) FROM visit WHERE opens",
    "first_visit": FIRST,
    "nth_visit": f"SELECT count(*) FROM {NUMBERED} WHERE n = {NTH} AND opens",
    "every_nth_visit": f"SELECT count(*) FROM {NUMBERED} WHERE n % {NTH} = 0 AND opens",
    "frequency": f"SELECT count(*) FROM visit WHERE opens AND {WITHIN_A_WEEK} >= {NTH}",
    "streak": f"""
        WITH RECURSIVE step AS (
            SELECT *, date_trunc('week', local)::date AS week FROM visit
        ), opening AS (
            SELECT DISTINCT customer_id, venue_id, CAST(0 AS bigint) AS seq,
                   CAST('-infinity' AS date) AS week
            FROM step
            UNION ALL
            SELECT opening.customer_id, opening.venue_id, next.seq, next.week
            FROM opening, LATERAL (
                SELECT step.seq, step.week FROM step
                WHERE (step.customer_id, step.venue_id) = (opening.customer_id, opening.venue_id)
                  AND step.week > opening.week AND step.opens AND {STREAK_WEEKS} = (
                      SELECT count(DISTINCT other.week) FROM step AS other
                      WHERE (other.customer_id, other.venue_id)
                            = (opening.customer_id, opening.venue_id)
                        AND other.seq <= step.seq AND other.week > opening.week
                        AND other.week > step.week - 7 * {STREAK_WEEKS})
                ORDER BY step.seq LIMIT 1
            ) AS next
        )
        SELECT count(*) FROM opening WHERE seq > 0
    """,
    "comeback": AWAY,
    "any_of": f"SELECT ({FIRST}) + ({AWAY})",
    "top_visitor": """
        WITH came AS (
            SELECT customer_id, venue_id, day, min(at) AS day_at FROM visit GROUP BY 1, 2, 3
        )
        SELECT count(*) FROM visit WHERE opens AND customer_id = (
            SELECT customer_id FROM came
            WHERE came.venue_id = visit.venue_id
              AND came.day BETWEEN visit.day - 60 AND visit.day - 1
            GROUP BY customer_id ORDER BY count(*) DESC, max(day_at) LIMIT 1
        )
    """,
    "flash": f"""
        SELECT coalesce(sum(least(visits, {FLASH_N})), 0) FROM (
            SELECT count(*) AS visits FROM visit WHERE in_flash AND opens GROUP BY venue_id, day
        ) AS window_of_a_day
    """,
    "all_of": f"""
        SELECT coalesce(sum(least(visits, {FLASH_N})), 0) FROM (
            SELECT count(*) AS visits FROM visit
            WHERE in_flash AND opens AND {WITHIN_A_WEEK} >= 2 GROUP BY venue_id, day
        ) AS window_of_a_day
    """,
    "swarm": f"""
        WITH RECURSIVE visit AS (
            SELECT *, row_number() OVER (PARTITION BY venue_id ORDER BY seq) AS step
            FROM pg_temp.visit
        ), swarm AS (
            SELECT DISTINCT venue_id, CAST(0 AS bigint) AS step, CAST(NULL AS date) AS day,
                   CAST('{{}}' AS bigint[]) AS winners, CAST('{{}}' AS bigint[]) AS before
            FROM visit
            UNION ALL
            SELECT venue_id, visit.step, visit.day,
                   CASE WHEN visit.day = swarm.day THEN swarm.winners END || new.winners,
                   CASE WHEN visit.day = swarm.day THEN swarm.before ELSE swarm.winners END
            FROM swarm JOIN visit USING (venue_id), LATERAL (
                SELECT array(
                    SELECT there.seq FROM ({THERE}) AS there
                    WHERE there.opens AND {SWARM_N} <= (SELECT count(*) FROM ({THERE}) AS all_there)
                      AND there.seq <> ALL(swarm.winners || swarm.before)
                    ORDER BY there.seq = visit.seq DESC, there.seq
                    LIMIT {SWARM_N} - CASE WHEN visit.day = swarm.day
                                           THEN cardinality(swarm.winners) ELSE 0 END
                ) AS winners
            ) AS new
            WHERE visit.step = swarm.step + 1
        )
        SELECT coalesce(sum(won), 0) FROM (
            SELECT max(cardinality(winners)) AS won FROM swarm WHERE day IS NOT NULL
            GROUP BY venue_id, day
        ) AS of_a_day
    """,
    "party": f"""
        SELECT coalesce(sum(winners), 0) FROM (
            SELECT count(DISTINCT customer_id) AS people,
                   count(DISTINCT customer_id) FILTER (WHERE opens) AS winners
            FROM visit WHERE party_id IS NOT NULL GROUP BY party_id
        ) AS party WHERE people >= {PARTY_N}
    """,
    "friends": f"""
        SELECT count(DISTINCT mine.seq) FROM visit JOIN visit AS mine
          ON mine.venue_id = visit.venue_id AND mine.seq <= visit.seq
          AND mine.at >= visit.at - interval '3 hours'
        WHERE mine.opens AND NOT EXISTS (
            SELECT FROM visit AS later
            WHERE (later.customer_id, later.venue_id) = (mine.customer_id, mine.venue_id)
              AND later.seq > mine.seq AND later.seq <= visit.seq
        ) AND {FRIENDS_N} <= (
            SELECT count(DISTINCT theirs.customer_id) FROM visit AS theirs JOIN friendship
              ON (friendship.one_id, friendship.other_id)
                 IN ((mine.customer_id, theirs.customer_id),
                     (theirs.customer_id, mine.customer_id))
            WHERE theirs.venue_id = visit.venue_id AND theirs.seq <= visit.seq
              AND theirs.at >= visit.at - interval '3 hours')
    """,
    "trail": f"""
        WITH RECURSIVE step AS (
            SELECT * FROM visit WHERE venue_id = ANY(:trail)
        ), opening AS (
            SELECT DISTINCT customer_id, CAST(0 AS bigint) AS seq FROM step
            UNION ALL
            SELECT opening.customer_id, next.seq FROM opening, LATERAL (
                SELECT step.seq FROM step
                WHERE step.customer_id = opening.customer_id AND step.seq > opening.seq
                  AND step.opens AND cardinality(CAST(:trail AS uuid[])) = (
                      SELECT count(DISTINCT other.venue_id) FROM step AS other
                      WHERE other.customer_id = opening.customer_id AND other.seq > opening.seq
                        AND other.seq <= step.seq AND other.day > step.day - {TRAIL_DAYS})
                ORDER BY step.seq LIMIT 1
            ) AS next
        )
        SELECT count(*) FROM opening WHERE seq > 0
    """,
    "event": "SELECT count(*) FROM visit WHERE opens AND event_id = :event_id",
    "off_peak": f"""
        SELECT count(*) FROM visit, LATERAL (
            SELECT count(*) AS visits, count(*) FILTER (
                WHERE extract(isodow FROM earlier.local) = extract(isodow FROM visit.local)
                  AND extract(hour FROM earlier.local) = extract(hour FROM visit.local)) AS hits
            FROM visit AS earlier
            WHERE earlier.venue_id = visit.venue_id AND earlier.seq < visit.seq
              AND earlier.at > visit.at - interval '8 weeks'
        ) AS known
        WHERE opens AND known.visits >= {MIN_VISITS} AND known.hits <= {MAX_SHARE} * known.visits
    """,
    "referred": """
        SELECT count(*) FROM referral WHERE offer_id = :offer_id AND EXISTS (
            SELECT FROM visit WHERE opens AND visit.customer_id = referral.customer_id
              AND visit.at BETWEEN referral.bound_at AND referral.bound_at + interval '7 days')
    """,
    "referrer": f"""
        WITH RECURSIVE friend AS (
            SELECT share.customer_id, min(visit.seq) AS seq
            FROM referral JOIN share ON share.id = referral.share_id JOIN visit
              ON visit.customer_id = referral.customer_id AND visit.opens
              AND visit.at BETWEEN referral.bound_at AND referral.bound_at + interval '7 days'
            GROUP BY share.customer_id, referral.customer_id
        ), opening AS (
            SELECT DISTINCT customer_id, CAST(0 AS bigint) AS n, CAST(0 AS bigint) AS seq
            FROM friend
            UNION ALL
            SELECT opening.customer_id, opening.n + 1, next.seq FROM opening, LATERAL (
                SELECT visit.seq FROM visit
                WHERE visit.customer_id = opening.customer_id AND visit.opens
                  AND visit.seq > opening.seq AND (opening.n + 1) * {REFERRER_N} <= (
                      SELECT count(*) FROM friend
                      WHERE friend.customer_id = visit.customer_id AND friend.seq < visit.seq)
                ORDER BY visit.seq LIMIT 1
            ) AS next
        )
        SELECT count(*) FROM opening WHERE n > 0
    """,
}
"""A statement a kind; each gives one number."""


def prepare(session: Session, venue_ids: list[UUID]) -> None:
    """The visits to the venues with offers, in the order in which they were made."""
    session.execute(text(VISITS), {"venue_ids": venue_ids})
    for statement in INDEXES:
        session.execute(text(statement))


def expected(session: Session, kind: str, **values: Any) -> int:
    """`values` are those of `trail`, `event_id` and `offer_id` that the kind's statement names."""
    return int(session.scalar(text(EXPECTED[kind]), values) or 0)
