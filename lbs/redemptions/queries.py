"""Every SELECT and conditional UPDATE of redemptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from lbs.db import Session, Statement
from lbs.http.guesses import COUNT_GUESS
from lbs.ledger.queries import UNLOCK_FACTS, facts_of, whole_seconds
from lbs.redemptions.models import Redemption

FIND_PASS = Statement("""
    SELECT unlock.id AS unlock_id, unlock.state, unlock.expires_at,
           unlock.reserve_s IS NULL OR coalesce(unlock.reserved_until > :now, false) AS is_reserved,
           unlock.venue_id = venue.id OR EXISTS (
               SELECT FROM offer_venue
               WHERE offer_venue.offer_id = unlock.offer_id AND offer_venue.venue_id = venue.id
           ) OR EXISTS (
               SELECT FROM offer_group JOIN venue_group_member USING (group_id)
               WHERE offer_group.offer_id = unlock.offer_id
                 AND venue_group_member.venue_id = venue.id
           ) AS runs_here,
           guess.began_at AS throttled_since
    FROM venue
    LEFT JOIN unlock ON unlock.code_digest = ANY(:digests) AND unlock.merchant_id = :merchant_id
    LEFT JOIN LATERAL (
        SELECT began_at FROM guess_counter
        WHERE bucket = ANY(:guessers) AND began_at > :window_start AND refused >= :guess_limit
        ORDER BY began_at DESC LIMIT 1
    ) AS guess ON true
    WHERE venue.id = :venue_id AND venue.merchant_id = :merchant_id
""")

REDEEM = Statement(f"""
    WITH used AS (
        UPDATE unlock SET state = 'redeemed'
        WHERE id = :unlock_id AND state = 'unlocked' AND expires_at > :now
          AND (reserve_s IS NULL OR reserved_until > :now)
        RETURNING unlock.*
    ), redeemed AS (
        INSERT INTO redemption (id, merchant_id, unlock_id, offer_id, offer_version, venue_id,
                                api_key_id, redeemed_at, value_minor, cost_minor, amount_minor,
                                currency, order_reference)
        SELECT :redemption_id, used.merchant_id, used.id, used.offer_id, used.offer_version,
               :venue_id, :api_key_id, :now, terms.value_minor, terms.cost_minor, :amount_minor,
               terms.currency, :order_reference
        FROM used JOIN offer_version AS terms
          ON (terms.offer_id, terms.number) = (used.offer_id, used.offer_version)
        RETURNING *
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, redemption_id, value_minor, cost_minor,
                                  amount_minor, currency, actor_id, elapsed_s, {UNLOCK_FACTS})
        SELECT :event_id, :now, 'redeemed', redeemed.venue_id, redeemed.id, redeemed.value_minor,
               redeemed.cost_minor, redeemed.amount_minor, redeemed.currency, redeemed.api_key_id,
               {whole_seconds("used.unlocked_at")}, {facts_of("used")}
        FROM used JOIN redeemed ON redeemed.unlock_id = used.id
    )
    SELECT redeemed.*, terms.teaser, terms.terms, terms.reward
    FROM redeemed JOIN offer_version AS terms
      ON (terms.offer_id, terms.number) = (redeemed.offer_id, redeemed.offer_version)
""")

_REFUSED = facts_of(
    "unlock",
    merchant_id="CAST(:merchant_id AS uuid)",
    counted="coalesce(unlock.counted, true)",
)
"""Of the unlock, where the code is one's."""

REFUSE = Statement(f"""
    WITH counted AS ({COUNT_GUESS}), recorded AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, reasons, actor_id, {UNLOCK_FACTS})
        SELECT :event_id, :now, 'redemption_refused', CAST(:venue_id AS uuid),
               ARRAY[CAST(:refusal AS text)], CAST(:api_key_id AS uuid), {_REFUSED}
        FROM (VALUES (1)) AS always LEFT JOIN unlock ON unlock.id = :unlock_id
    )
    SELECT max(began_at) AS throttled_since FROM counted WHERE refused > :guess_limit
""")

# What takes a reservation is reserved anew: its stock is still taken, and the customer is there.
REVERSE = Statement(f"""
    WITH freed AS (
        UPDATE unlock SET state = 'unlocked', reserved_until = CASE WHEN reserve_s IS NOT NULL
            THEN least(expires_at, CAST(:now AS timestamptz) + make_interval(secs => reserve_s)) END
        FROM redemption
        WHERE redemption.id = :redemption_id AND redemption.merchant_id = :merchant_id
          AND redemption.reversed_at IS NULL AND unlock.id = redemption.unlock_id
          AND unlock.state = 'redeemed'
        RETURNING unlock.*
    ), reversed AS (
        UPDATE redemption SET reversed_at = :now, reversal_reason = :reason FROM freed
        WHERE redemption.id = :redemption_id AND redemption.reversed_at IS NULL
        RETURNING redemption.*
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, redemption_id, value_minor, cost_minor,
                                  amount_minor, currency, reasons, actor_id, {UNLOCK_FACTS})
        SELECT :event_id, :now, 'reversed', reversed.venue_id, reversed.id, reversed.value_minor,
               reversed.cost_minor, reversed.amount_minor, reversed.currency,
               ARRAY[CAST(:reason AS text)], CAST(:api_key_id AS uuid), {facts_of("freed")}
        FROM reversed JOIN freed ON freed.id = reversed.unlock_id
    )
    SELECT id FROM reversed
""")


def find_pass(
    session: Session,
    *,
    digests: Sequence[bytes],
    merchant_id: UUID,
    venue_id: UUID,
    guessers: Sequence[str],
    window_start: datetime,
    guess_limit: int,
    now: datetime,
) -> Any | None:
    """The unlock of this code, and since when its guessers wait; None for another's venue."""
    return FIND_PASS.find(
        session,
        {
            "digests": list(digests),
            "merchant_id": merchant_id,
            "venue_id": venue_id,
            "guessers": list(guessers),
            "window_start": window_start,
            "guess_limit": guess_limit,
            "now": now,
        },
    )


def redeem(session: Session, **values: Any) -> Any | None:
    """The redemption, or None where another try was first: the database settles it."""
    return REDEEM.find(session, values)


def record_refusal(session: Session, **values: Any) -> datetime | None:
    """Record a refused code and count it for the guessers given.

    Where that is more than the limit allows: since when its counter runs.
    """
    since: datetime | None = REFUSE.one(session, values).throttled_since
    return since


def reverse(session: Session, **values: Any) -> bool:
    return REVERSE.find(session, values) is not None


def find_redemption(session: Session, redemption_id: UUID, merchant_id: UUID) -> Redemption | None:
    return session.scalar(
        select(Redemption)
        .where(Redemption.id == redemption_id, Redemption.merchant_id == merchant_id)
        .execution_options(populate_existing=True)
    )


def list_redemptions(
    session: Session,
    merchant_id: UUID,
    *,
    offer_id: UUID | None,
    venue_ids: Sequence[UUID] | None,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    after: UUID | None,
) -> Sequence[Redemption]:
    """Newest first; `start` is in, `end` is out."""
    statement = select(Redemption).where(Redemption.merchant_id == merchant_id)
    if offer_id:
        statement = statement.where(Redemption.offer_id == offer_id)
    if venue_ids is not None:
        statement = statement.where(Redemption.venue_id.in_(venue_ids))
    if start:
        statement = statement.where(Redemption.redeemed_at >= start)
    if end:
        statement = statement.where(Redemption.redeemed_at < end)
    if after:
        statement = statement.where(Redemption.id < after)
    return session.scalars(statement.order_by(Redemption.id.desc()).limit(limit)).all()
