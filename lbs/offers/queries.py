"""Every SELECT and conditional UPDATE of offers."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Float,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from lbs.db import Session, Statement, new_id
from lbs.offers import policy
from lbs.offers.errors import PlaceNotFound
from lbs.offers.models import (
    Notice,
    Offer,
    OfferGroup,
    OfferStock,
    OfferVenue,
    OfferVersion,
    Promotion,
    StackingSetting,
)
from lbs.offers.rules import read_limits, read_rule
from lbs.offers.rules.schedule import read_schedule
from lbs.offers.rules.stacking import Policy, Stacking
from lbs.proofs.models import VenueProof
from lbs.venues.models import Event, Venue, VenueGroupMember
from lbs.venues.queries import PUBLIC_LAT, PUBLIC_LON

DAY = timedelta(days=1)

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


def next_version(session: Session, offer_id: UUID) -> int:
    """The number of the next version of the offer's terms; the offer is locked."""
    numbers = select(func.max(OfferVersion.number)).where(OfferVersion.offer_id == offer_id)
    return int(session.scalars(numbers).one() or 0) + 1


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


def list_places(session: Session, offer_id: UUID, *, limit: int | None) -> Sequence[Any]:
    """Open venues that the offer runs at, by itself or through a group, by name: id, name,
    time_zone, opening_hours, lon, lat, and in `places` how many there are in all.
    """
    return session.execute(
        select(
            Venue.id,
            Venue.name,
            Venue.time_zone,
            Venue.opening_hours,
            literal_column(PUBLIC_LON, Float).label("lon"),
            literal_column(PUBLIC_LAT, Float).label("lat"),
            func.count().over().label("places"),
        )
        .where(Venue.id.in_(_venue_ids(offer_id)), Venue.status == "active")
        .order_by(Venue.name, Venue.id)
        .limit(limit)
    ).all()


def _venue_ids(offer_id: UUID) -> CompoundSelect[UUID]:
    """Of the venues that it runs at, by itself or through a group."""
    return union(
        select(OfferVenue.venue_id).where(OfferVenue.offer_id == offer_id),
        select(VenueGroupMember.venue_id)
        .join(OfferGroup, OfferGroup.group_id == VenueGroupMember.group_id)
        .where(OfferGroup.offer_id == offer_id),
    )


def find_stacking(session: Session, merchant_id: UUID) -> Stacking:
    found = session.get(StackingSetting, merchant_id, populate_existing=True)
    return Stacking(Policy(found.policy), found.max_per_check_in) if found else Stacking()


def set_stacking(session: Session, merchant_id: UUID, stacking: Stacking, now: datetime) -> None:
    values = {
        "policy": stacking.policy,
        "max_per_check_in": stacking.max_per_check_in,
        "updated_at": now,
    }
    session.execute(
        upsert(StackingSetting)
        .values(merchant_id=merchant_id, **values)
        .on_conflict_do_update(index_elements=["merchant_id"], set_=values)
    )


def list_notices(
    session: Session, merchant_id: UUID, *, unread: bool, limit: int, after: UUID | None
) -> Sequence[Notice]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = [Notice.merchant_id == merchant_id]
    if unread:
        conditions.append(Notice.read_at.is_(None))
    if after:
        conditions.append(Notice.id < after)
    return session.scalars(
        select(Notice).where(*conditions).order_by(Notice.id.desc()).limit(limit)
    ).all()


def read_notice(
    session: Session, *, notice_id: UUID, merchant_id: UUID, now: datetime
) -> Notice | None:
    """The notice, read now; one that was read before stays read then."""
    return session.scalar(
        update(Notice)
        .where(Notice.id == notice_id, Notice.merchant_id == merchant_id)
        .values(read_at=func.coalesce(Notice.read_at, now))
        .returning(Notice)
    )


def last_notice_at(session: Session, offer_id: UUID, kind: str) -> datetime | None:
    return session.scalar(
        select(func.max(Notice.at)).where(Notice.offer_id == offer_id, Notice.kind == kind)
    )


_BUDGET: ColumnElement[Any] = literal_column(
    """(
    SELECT jsonb_build_object('committed_minor', counter.taken - spent.minor,
                              'spent_minor', spent.minor,
                              'left_minor', greatest(offer_version.budget_minor - counter.taken, 0))
    FROM (SELECT 'budget ' || offer_version.currency AS bucket) AS named
    CROSS JOIN LATERAL (
        SELECT coalesce(max(stock.taken), 0) AS taken FROM offer_stock AS stock
        WHERE stock.offer_id = offer.id AND stock.bucket = named.bucket
    ) AS counter
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(took.units), 0)::bigint AS minor
        FROM redemption JOIN unlock ON unlock.id = redemption.unlock_id,
             unnest(buckets || reserved_buckets, units || reserved_units) AS took(bucket, units)
        WHERE redemption.offer_id = offer.id AND redemption.reversed_at IS NULL
          AND took.bucket = named.bucket
    ) AS spent
    WHERE offer_version.budget_minor IS NOT NULL)""",
    JSONB,
)
"""What has become of the budget of `offer`, by its terms `offer_version`; null without one."""


def _view() -> Select[*tuple[Any, ...]]:
    """An offer with its newest terms, places and what is taken of its total and budget."""
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
        Offer.copied_from,
        Offer.experiment_id,
        Offer.review,
        Offer.created_at,
        Offer.updated_at,
        *(getattr(OfferVersion, name) for name in TERMS),
        _ids(OfferVenue.venue_id, OfferVenue.offer_id).label("venue_ids"),
        _ids(OfferGroup.group_id, OfferGroup.offer_id).label("group_ids"),
        func.coalesce(taken, 0).label("taken"),
        _BUDGET.label("budget"),
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
    "goal",
    "audience",
    "static_code",
    "valid_from",
    "valid_to",
    "limit_total",
    "limit_per_customer",
    "limit_per_day",
    "limit_per_venue",
    "limit_per_venue_day",
    "budget_minor",
    "schedule",
    "redeem_within_s",
    "reserve_s",
    "min_level",
    "priority",
    "combinable",
)
"""The columns of a version that a merchant writes."""


Version = tuple[str, int]
"""An offer's id and the number of one version of its terms."""

READ_TERMS = Statement(f"""
    SELECT offer_id, number, {", ".join(TERMS)}
    FROM offer_version
    JOIN unnest(CAST(:offer_ids AS uuid[]), CAST(:numbers AS bigint[])) AS asked(offer_id, number)
      USING (offer_id, number)
""")
_KNOWN: LRUCache[Version, Mapping[str, Any]] = LRUCache(10_000)
_LOCK = threading.Lock()


def terms_of(session: Session, versions: Collection[Version]) -> dict[Version, Mapping[str, Any]]:
    """The terms by column, the rule and the schedule as they are judged, and `limits`.

    A version never changes once it is written, so that each is read once in a process.
    """
    with _LOCK:
        known = {version: _KNOWN[version] for version in versions if version in _KNOWN}
    if missing := [version for version in versions if version not in known]:
        offer_ids, numbers = zip(*missing, strict=True)
        rows = READ_TERMS.all(session, {"offer_ids": list(offer_ids), "numbers": list(numbers)})
        read = {(str(row.offer_id), row.number): _read_terms(row) for row in rows}
        with _LOCK:
            _KNOWN.update(read)
        known |= read
    return known


def _read_terms(row: Any) -> Mapping[str, Any]:
    columns = row._asdict()
    return {
        **columns,
        "rule": read_rule(row.rule),
        "schedule": read_schedule(row.schedule),
        "limits": read_limits(columns),
    }


def _ids(
    column: InstrumentedAttribute[UUID], offer_id: InstrumentedAttribute[UUID]
) -> ColumnElement[Any]:
    return (
        select(func.coalesce(func.array_agg(column), literal_column("'{}'::uuid[]")))
        .where(offer_id == Offer.id)
        .scalar_subquery()
    )


# --- promotions, and what an offer is reviewed against --------------------------------------

PROMOTION = ("text", "channel", "url", "starts_on", "ends_on")
"""The columns of a promotion that a merchant writes."""


def insert_promotions(
    session: Session, merchant_id: UUID, rows: Sequence[dict[str, Any]], now: datetime
) -> list[UUID]:
    """Each row has the columns of PROMOTION; ids in the order given."""
    made = {"merchant_id": merchant_id, "version": 1, "created_at": now, "updated_at": now}
    ids = [new_id() for _ in rows]
    if rows:
        values = [{**made, **row, "id": one} for one, row in zip(ids, rows, strict=True)]
        session.execute(insert(Promotion), values)
    return ids


def find_known_promotions(
    session: Session, merchant_id: UUID, texts: Sequence[str]
) -> set[tuple[Any, ...]]:
    """The merchant's promotions of these texts, by the columns of PROMOTION."""
    columns = [getattr(Promotion, name) for name in PROMOTION]
    statement = select(*columns).where(
        Promotion.merchant_id == merchant_id, Promotion.text == func.any(list(set(texts)))
    )
    return {tuple(row) for row in session.execute(statement)}


def find_promotion(
    session: Session, promotion_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> Promotion | None:
    statement = select(Promotion).where(
        Promotion.id == promotion_id, Promotion.merchant_id == merchant_id
    )
    return session.scalar(statement.with_for_update() if lock else statement)


def list_promotions(
    session: Session, merchant_id: UUID, *, running_on: date | None, limit: int, after: UUID | None
) -> Sequence[Promotion]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = [Promotion.merchant_id == merchant_id]
    if running_on:
        conditions += _running(running_on, running_on)
    if after:
        conditions.append(Promotion.id < after)
    return session.scalars(
        select(Promotion).where(*conditions).order_by(Promotion.id.desc()).limit(limit)
    ).all()


PROMOTIONS, OFFERS = 5_000, 1_000
"""An offer is held against so many of the newest; a file of promotions has as many at most."""


def review_context(
    session: Session, merchant_id: UUID, offer: Row[Any], now: datetime
) -> policy.Context:
    """What an offer is held against, as `find_offer` found it."""
    means = session.execute(_MEANS, {"offer_id": offer.id}).one()
    return policy.Context(
        at=now,
        promotions=_promotions_beside(session, merchant_id, offer, now),
        offers=_offers_beside(session, merchant_id, offer, now),
        places=_places_of(session, offer.id, now),
        attests=means.attests,
        codes_left=means.codes_left,
    )


_MEANS = text("""
    SELECT EXISTS (SELECT FROM app WHERE sealed_integrity IS NOT NULL) AS attests,
           (SELECT count(*) FILTER (WHERE unlock_id IS NULL) FROM offer_code
            WHERE offer_id = :offer_id HAVING count(*) > 0) AS codes_left
""")


def _promotions_beside(
    session: Session, merchant_id: UUID, offer: Row[Any], now: datetime
) -> tuple[policy.Promotion, ...]:
    """Those that may run with the offer from now on, by the clocks of anywhere."""
    first = max(offer.valid_from, now).date() - DAY
    last = offer.valid_to.date() + DAY
    rows = session.scalars(
        select(Promotion)
        .where(Promotion.merchant_id == merchant_id, *_running(first, last))
        .order_by(Promotion.id.desc())
        .limit(PROMOTIONS)
    )
    return tuple(
        policy.Promotion(row.id, row.text, row.channel, row.starts_on, row.ends_on) for row in rows
    )


def _offers_beside(
    session: Session, merchant_id: UUID, offer: Row[Any], now: datetime
) -> tuple[policy.OtherOffer, ...]:
    """The merchant's others that are running or paused, and will while this one does."""
    terms = [getattr(OfferVersion, name) for name in _COMPARED]
    rows = session.execute(
        _newest(Offer.id, *terms)
        .where(
            Offer.merchant_id == merchant_id,
            Offer.id != offer.id,
            Offer.status.in_(("active", "paused")),
            OfferVersion.valid_to > max(offer.valid_from, now),
            OfferVersion.valid_from < offer.valid_to,
        )
        .order_by(Offer.id.desc())
        .limit(OFFERS)
    )
    return tuple(policy.OtherOffer(*row) for row in rows)


_COMPARED = ("teaser", "terms", "reward", "valid_from", "valid_to")


def _places_of(session: Session, offer_id: UUID, now: datetime) -> tuple[policy.Place, ...]:
    """The open venues that the offer runs at, by itself or through a group."""
    proofs = (
        select(func.array_agg(VenueProof.kind.distinct()))
        .where(VenueProof.venue_id == Venue.id, VenueProof.revoked_at.is_(None))
        .scalar_subquery()
    )
    has_events = exists().where(
        Event.venue_id == Venue.id, Event.status == "active", Event.ends_at > now
    )
    rows = session.execute(
        select(
            Venue.id,
            Venue.name,
            Venue.min_level,
            has_events.label("has_events"),
            proofs.label("proofs"),
            Venue.time_zone,
            Venue.opening_hours,
        )
        .where(Venue.id.in_(_venue_ids(offer_id)), Venue.status == "active")
        .order_by(Venue.id)
    )
    return tuple(
        policy.Place(
            id=row.id,
            name=row.name,
            min_level=row.min_level,
            proofs=frozenset(row.proofs or ()),
            time_zone=row.time_zone,
            opening_hours=row.opening_hours,
            has_events=row.has_events,
        )
        for row in rows
    )


def _newest(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Offers with their newest terms."""
    newest = and_(OfferVersion.offer_id == Offer.id, OfferVersion.number == Offer.terms_version)
    return select(*columns).select_from(Offer).join(OfferVersion, newest)


def _running(first: date, last: date) -> list[ColumnElement[bool]]:
    """Promotions that run on a day from the first to the last."""
    return [
        or_(Promotion.starts_on.is_(None), Promotion.starts_on <= last),
        or_(Promotion.ends_on.is_(None), Promotion.ends_on >= first),
    ]
