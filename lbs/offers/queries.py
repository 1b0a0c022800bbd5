"""Every SELECT and conditional UPDATE of offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from lbs.db import Session
from lbs.offers.errors import PlaceNotFound
from lbs.offers.models import Offer, OfferGroup, OfferStock, OfferVenue, OfferVersion

AT_VENUE = """
    SELECT offer_venue.offer_id FROM offer_venue WHERE offer_venue.venue_id = venue.id
    UNION
    SELECT offer_group.offer_id FROM venue_group_member
    JOIN offer_group USING (group_id) WHERE venue_group_member.venue_id = venue.id
"""
"""The offers at a row of `venue`, by itself or through a group."""


_VENUES_OF_OFFER = text("""
    SELECT venue.id, venue.name, venue.time_zone, venue.opening_hours FROM venue
    WHERE venue.status = 'active' AND venue.id > :after AND venue.id IN (
        SELECT venue_id FROM offer_venue WHERE offer_id = :offer_id
        UNION
        SELECT venue_id FROM offer_group JOIN venue_group_member USING (group_id)
        WHERE offer_id = :offer_id)
    ORDER BY venue.id LIMIT :limit
""")


def find_offer(session: Session, offer_id: UUID, merchant_id: UUID) -> Row[Any] | None:
    return session.execute(
        _view().where(Offer.id == offer_id, Offer.merchant_id == merchant_id)
    ).one_or_none()


def list_offers(
    session: Session, merchant_id: UUID, *, status: str | None, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = [Offer.merchant_id == merchant_id]
    if status:
        conditions.append(Offer.status == status)
    if after:
        conditions.append(Offer.id < after)
    return session.execute(_view().where(*conditions).order_by(Offer.id.desc()).limit(limit)).all()


def lock_offer(session: Session, offer_id: UUID, merchant_id: UUID) -> Offer | None:
    return session.scalar(
        select(Offer)
        .where(Offer.id == offer_id, Offer.merchant_id == merchant_id)
        .with_for_update()
    )


def list_venues_of_offer(
    session: Session, offer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    """The venues at which it runs, by itself or through a group, that are not retired."""
    return session.execute(
        _VENUES_OF_OFFER, {"offer_id": offer_id, "after": after or UUID(int=0), "limit": limit}
    ).all()


def count_venues(session: Session, merchant_id: UUID, venue_ids: Sequence[str]) -> int:
    """How many of these are the merchant's."""
    if not venue_ids:
        return 0
    counted = text("SELECT count(*) FROM venue WHERE merchant_id = :merchant_id AND id = ANY(:ids)")
    values = {"merchant_id": merchant_id, "ids": [UUID(venue_id) for venue_id in venue_ids]}
    return int(session.scalars(counted, values).one())


def load_terms(session: Session, offer_id: UUID, number: int) -> OfferVersion:
    return session.get_one(OfferVersion, (offer_id, number))


def set_places(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    venue_ids: Sequence[UUID] | None,
    group_ids: Sequence[UUID] | None,
) -> None:
    """None leaves them as they are. Raises PlaceNotFound where one is not the merchant's."""
    for table, column, ids in (
        (OfferVenue, "venue_id", venue_ids),
        (OfferGroup, "group_id", group_ids),
    ):
        if ids is None:
            continue
        session.execute(delete(table).where(table.offer_id == offer_id))
        rows = [
            {"offer_id": offer_id, "merchant_id": merchant_id, column: place}
            for place in dict.fromkeys(ids)
        ]
        try:
            if rows:
                session.execute(insert(table), rows)
        except IntegrityError as error:
            raise PlaceNotFound from error


def _view() -> Select[*tuple[Any, ...]]:
    """An offer with its newest terms, places and what is taken of its total."""
    taken = (
        select(OfferStock.taken)
        .where(OfferStock.offer_id == Offer.id, OfferStock.bucket == "total")
        .scalar_subquery()
    )
    return select(
        Offer.id,
        Offer.status,
        Offer.version,
        Offer.terms_version,
        Offer.created_at,
        Offer.updated_at,
        *(getattr(OfferVersion, name) for name in TERMS),
        _ids(OfferVenue.venue_id, OfferVenue.offer_id).label("venue_ids"),
        _ids(OfferGroup.group_id, OfferGroup.offer_id).label("group_ids"),
        func.coalesce(taken, 0).label("taken"),
    ).join(
        OfferVersion,
        and_(OfferVersion.offer_id == Offer.id, OfferVersion.number == Offer.terms_version),
    )


TERMS = (
    "teaser",
    "terms",
    "reward",
    "rule",
    "value_minor",
    "cost_minor",
    "currency",
    "valid_from",
    "valid_to",
    "limit_total",
    "limit_per_customer",
    "limit_per_day",
    "limit_per_venue",
    "limit_per_venue_day",
    "schedule",
    "redeem_within_s",
    "min_level",
)
"""The columns of a version that a merchant writes."""


def _ids(
    column: InstrumentedAttribute[UUID], offer_id: InstrumentedAttribute[UUID]
) -> ColumnElement[Any]:
    return (
        select(func.coalesce(func.array_agg(column), literal_column("'{}'::uuid[]")))
        .where(offer_id == Offer.id)
        .scalar_subquery()
    )
