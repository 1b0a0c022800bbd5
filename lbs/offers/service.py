"""Use cases of offers: a merchant writes, activates, pauses, changes and ends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.db import Session, new_id
from lbs.offers import queries
from lbs.offers.errors import (
    DatesRefused,
    OfferEnded,
    OfferNotFound,
    OfferNotReady,
    PlaceNotFound,
    StatusRefused,
)
from lbs.offers.models import Offer, OfferVersion
from lbs.offers.rules.schedule import next_openings, read_schedule

PREVIEW = timedelta(days=366)
"""How far a schedule is looked into."""

MOVES = {
    "draft": ("active", "ended"),
    "active": ("paused", "ended"),
    "paused": ("active", "ended"),
    "ended": (),
}


@dataclass(frozen=True, slots=True)
class WriteOffer:
    """Terms by column name (queries.TERMS) and places; on a change only what is to change."""

    terms: dict[str, Any]
    venue_ids: tuple[UUID, ...] | None = None
    group_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """Which openings to show: of how many venues, after which, from when on, how many of each."""

    limit: int
    after: UUID | None
    at: datetime
    openings: int


def create_offer(session: Session, merchant_id: UUID, command: WriteOffer, now: datetime) -> Any:
    offer = Offer(
        id=new_id(),
        merchant_id=merchant_id,
        status="draft",
        terms_version=1,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(offer)
    session.flush()
    _require_own_trail(session, merchant_id, command.terms["rule"])
    session.add(OfferVersion(offer_id=offer.id, number=1, created_at=now, **command.terms))
    session.flush()
    _place(session, offer, command)
    return load_offer(session, offer.id, merchant_id)


def load_offer(session: Session, offer_id: UUID, merchant_id: UUID) -> Any:
    offer = queries.find_offer(session, offer_id, merchant_id)
    if offer is None:
        raise OfferNotFound
    return offer


def change_offer(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    command: WriteOffer,
    check: Callable[[Offer], None],
    now: datetime,
) -> Any:
    """Changed terms are a new version: what was unlocked before keeps the terms it had.

    `check(offer)` refuses where the caller's version is not the offer's.
    """
    offer = _lock(session, offer_id, merchant_id)
    check(offer)
    if offer.status == "ended":
        raise OfferEnded
    if command.terms:
        old = queries.load_terms(session, offer_id, offer.terms_version)
        terms = {name: getattr(old, name) for name in queries.TERMS} | command.terms
        if terms["valid_from"] >= terms["valid_to"]:
            raise DatesRefused
        _require_own_trail(session, merchant_id, terms["rule"])
        offer.terms_version += 1
        session.add(
            OfferVersion(offer_id=offer_id, number=offer.terms_version, created_at=now, **terms)
        )
    _touch(session, offer, now)
    _place(session, offer, command)
    changed = load_offer(session, offer_id, merchant_id)
    if offer.status == "active":
        _require_ready(changed, now)
    return changed


def set_status(
    session: Session, *, offer_id: UUID, merchant_id: UUID, status: str, now: datetime
) -> Any:
    """Going to the status it has changes nothing."""
    offer = _lock(session, offer_id, merchant_id)
    if status != offer.status:
        if status not in MOVES[offer.status]:
            raise StatusRefused(f"It is {offer.status}.")
        if status == "active":
            _require_ready(load_offer(session, offer_id, merchant_id), now)
        offer.status = status
        _touch(session, offer, now)
    return load_offer(session, offer_id, merchant_id)


def preview_schedule(
    session: Session, offer_id: UUID, merchant_id: UUID, asked: Preview
) -> list[dict[str, Any]]:
    """When the offer is on at each of its venues, between its dates, whatever its status."""
    offer = load_offer(session, offer_id, merchant_id)
    venues = queries.list_venues_of_offer(session, offer_id, limit=asked.limit, after=asked.after)
    return [_preview(offer, venue, asked) for venue in venues]


def _preview(offer: Any, venue: Any, asked: Preview) -> dict[str, Any]:
    zone, until = ZoneInfo(venue.time_zone), min(offer.valid_to, asked.at + PREVIEW)
    openings = next_openings(
        read_schedule(offer.schedule),
        max(offer.valid_from, asked.at),
        zone,
        venue.opening_hours,
        asked.openings,
        until,
    )
    return {
        "venue_id": venue.id,
        "name": venue.name,
        "time_zone": venue.time_zone,
        "opening_hours": venue.opening_hours,
        "until": until,
        "is_on": any(opening.starts_at <= asked.at for opening in openings),
        "openings": [
            {
                "starts_at": opening.starts_at,
                "ends_at": opening.ends_at,
                "local": opening.local(zone),
            }
            for opening in openings
        ],
    }


def _lock(session: Session, offer_id: UUID, merchant_id: UUID) -> Offer:
    offer = queries.lock_offer(session, offer_id, merchant_id)
    if offer is None:
        raise OfferNotFound
    return offer


def _require_own_trail(session: Session, merchant_id: UUID, rule: dict[str, Any]) -> None:
    """Where else a customer has been is told to nobody but whose venues they are."""
    venue_ids = rule.get("venue_ids", ())
    if queries.count_venues(session, merchant_id, venue_ids) < len(venue_ids):
        raise PlaceNotFound


def _touch(session: Session, offer: Offer, now: datetime) -> None:
    offer.version += 1
    offer.updated_at = now
    session.flush()


def _place(session: Session, offer: Offer, command: WriteOffer) -> None:
    queries.set_places(
        session,
        offer_id=offer.id,
        merchant_id=offer.merchant_id,
        venue_ids=command.venue_ids,
        group_ids=command.group_ids,
    )


def _require_ready(offer: Any, now: datetime) -> None:
    if not offer.venue_ids and not offer.group_ids:
        raise OfferNotReady("It runs at no venue.")
    if offer.valid_to <= now:
        raise OfferNotReady("Its valid_to has passed.")
