"""Every SELECT and conditional UPDATE of unlocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, select

from lbs.db import Session, Statement
from lbs.offers.models import OfferVersion
from lbs.unlocks.models import Unlock
from lbs.venues.models import Venue

FREE_STOCK = """
    UPDATE offer_stock SET taken = offer_stock.taken - freed.units
    FROM (
        SELECT offer_stock.offer_id, offer_stock.bucket, given.units
        FROM ({given}) AS given JOIN offer_stock USING (offer_id, bucket)
        ORDER BY offer_stock.offer_id, offer_stock.bucket FOR UPDATE OF offer_stock
    ) AS freed
    WHERE (offer_stock.offer_id, offer_stock.bucket) = (freed.offer_id, freed.bucket)
"""
"""Give back `units` of each counter (offer_id, bucket) that `given` selects; locked in order."""

EXPIRE = Statement(
    """
    WITH due AS (
        SELECT id FROM unlock WHERE state = 'unlocked' AND expires_at <= :now
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), expired AS (
        UPDATE unlock SET state = 'expired' FROM due WHERE unlock.id = due.id
        RETURNING unlock.*
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                                  offer_id, offer_version, unlock_id, counted)
        SELECT gen_random_uuid(), :now, 'expired', merchant_id, venue_id, subject_id, check_in_id,
               offer_id, offer_version, id, counted
        FROM expired
    ), freed AS (
    """
    + FREE_STOCK.format(
        given="""SELECT offer_id, bucket, count(*) AS units
                 FROM expired, unnest(buckets) AS bucket GROUP BY offer_id, bucket"""
    )
    + """
    )
    SELECT count(*) AS expired FROM expired
    """
)

GIVE_BACK = Statement(
    FREE_STOCK.format(
        given="""SELECT offer_id, bucket, 1 AS units
                 FROM unnest(CAST(:offer_ids AS uuid[]), CAST(:buckets AS text[]))
                      AS taken(offer_id, bucket)"""
    )
)


def expire(session: Session, *, now: datetime, limit: int) -> int:
    """Expire what was not redeemed in time, and free its stock. How many."""
    return int(EXPIRE.one(session, {"now": now, "limit": limit}).expired)


def give_back(session: Session, taken: Sequence[tuple[UUID, str]]) -> None:
    """Return one unit of each (offer, bucket)."""
    GIVE_BACK.do(
        session,
        {"offer_ids": [offer for offer, _ in taken], "buckets": [bucket for _, bucket in taken]},
    )


def list_unlocks(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    """Newest first."""
    statement = (
        _view().where(Unlock.customer_id == customer_id).order_by(Unlock.id.desc()).limit(limit)
    )
    return session.execute(statement.where(Unlock.id < after) if after else statement).all()


def find_unlock(session: Session, unlock_id: UUID, customer_id: UUID) -> Row[Any] | None:
    return session.execute(
        _view().where(Unlock.id == unlock_id, Unlock.customer_id == customer_id)
    ).one_or_none()


def _view() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Unlock.id,
            Unlock.offer_id,
            Unlock.offer_version,
            Unlock.venue_id,
            Unlock.check_in_id,
            Unlock.state,
            Unlock.sealed_code,
            Unlock.unlocked_at,
            Unlock.expires_at,
            Venue.name.label("venue_name"),
            OfferVersion.teaser,
            OfferVersion.terms,
            OfferVersion.reward,
            OfferVersion.value_minor,
            OfferVersion.currency,
        )
        .join(Venue, Venue.id == Unlock.venue_id)
        .join(
            OfferVersion,
            and_(
                OfferVersion.offer_id == Unlock.offer_id,
                OfferVersion.number == Unlock.offer_version,
            ),
        )
    )
