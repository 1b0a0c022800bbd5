"""Use cases of stats: the totals and series of an offer or a venue. Reads, never writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.audit.policy import plain
from lbs.db import Session
from lbs.offers.queries import TERMS
from lbs.offers.service import load_offer
from lbs.stats import queries
from lbs.stats.errors import TimeZoneNeeded
from lbs.venues.errors import VenueNotAllowed
from lbs.venues.service import load_venue


@dataclass(frozen=True, slots=True)
class Scope:
    """Which facts are counted: the events of an offer or a venue within [start, end)."""

    events: str
    values: dict[str, Any]
    time_zone: str | None


def venue_scope(
    session: Session, key: MerchantKey, venue_id: UUID, *, start: datetime | None, end: datetime
) -> Scope:
    venue = load_venue(session, venue_id, key.merchant_id)
    if not key.may_act_at(venue_id):
        raise VenueNotAllowed
    values = {"venue_id": venue_id, "merchant_id": key.merchant_id, "start": start, "end": end}
    return Scope(queries.AT_VENUE, values, venue.time_zone)


def offer_scope(
    session: Session,
    key: MerchantKey,
    offer_id: UUID,
    *,
    venue_id: UUID | None,
    start: datetime | None,
    end: datetime,
) -> Scope:
    load_offer(session, offer_id, key.merchant_id)
    if venue_id:
        zone: str | None = venue_scope(session, key, venue_id, start=start, end=end).time_zone
    else:
        if key.venue_ids:
            raise VenueNotAllowed("The API key sees its own venues: name one with venue_id.")
        zones = queries.time_zones_of_offer(session, offer_id)
        zone = zones[0] if len(zones) == 1 else None
    values = {
        "offer_id": offer_id,
        "venue_id": venue_id,
        "merchant_id": key.merchant_id,
        "start": start,
        "end": end,
    }
    return Scope(queries.OF_OFFER, values, zone)


def totals(session: Session, scope: Scope) -> dict[str, Any]:
    rows = queries.count(session, scope.events, scope.values)
    money = queries.sum_money(session, scope.events, scope.values)
    return {
        "from": scope.values["start"],
        "to": scope.values["end"],
        **_counts(rows[0] if rows else None, money),
    }


def pledges(session: Session, scope: Scope) -> dict[str, Any]:
    """What the merchant owes to good causes, whether the customers redeemed or not."""
    return {
        "from": scope.values["start"],
        "to": scope.values["end"],
        "items": queries.sum_pledges(session, scope.events, scope.values),
    }


def compare(
    session: Session,
    key: MerchantKey,
    offer_ids: Sequence[UUID],
    *,
    start: datetime | None,
    end: datetime,
) -> dict[str, Any]:
    """Several offers side by side: the terms in which they differ, and the same period's counts."""
    offers = [
        load_offer(session, offer_id, key.merchant_id) for offer_id in dict.fromkeys(offer_ids)
    ]
    return {
        "from": start,
        "to": end,
        "differences": _differences(offers),
        "offers": [
            {
                "offer_id": offer.id,
                "status": offer.status,
                "copied_from": offer.copied_from,
                "counts": totals(
                    session,
                    offer_scope(session, key, offer.id, venue_id=None, start=start, end=end),
                ),
            }
            for offer in offers
        ],
    }


def series(session: Session, scope: Scope, *, by: str, time_zone: str | None) -> dict[str, Any]:
    """Every bucket between the times, also the empty ones; the first and last may be cut."""
    zone = time_zone or scope.time_zone
    if zone is None:
        raise TimeZoneNeeded
    values = {**scope.values, "time_zone": zone}
    counted = {row.bucket: row for row in queries.count(session, scope.events, values, by=by)}
    money: dict[datetime, list[Any]] = {}
    for row in queries.sum_money(session, scope.events, values, by=by):
        money.setdefault(row.bucket, []).append(row)
    buckets = queries.list_buckets(
        session, by=by, start=values["start"], end=values["end"], time_zone=zone
    )
    return {
        "by": by,
        "time_zone": zone,
        "from": values["start"],
        "to": values["end"],
        "items": [
            {"start": bucket, **_counts(counted.get(bucket), money.get(bucket, []))}
            for bucket in buckets
        ],
    }


COUNTED = (
    "unlocks",
    "expired",
    "redemptions",
    "reversals",
    "unique_customers",
    "new_customers",
)
COMPARED = (*TERMS, "venue_ids", "group_ids")
VERDICTS = ("accepted", "ambiguous", "rejected")


def _counts(row: Any, money: Any) -> dict[str, Any]:
    counted = {name: getattr(row, name, 0) for name in COUNTED}
    return {
        "check_ins": {verdict: getattr(row, verdict, 0) for verdict in VERDICTS},
        **counted,
        "returning_customers": counted["unique_customers"] - counted["new_customers"],
        "money": [
            {
                "currency": part.currency,
                "value_minor": part.value_minor,
                "cost_minor": part.cost_minor,
                "amount_minor": part.amount_minor or 0,
            }
            for part in money
        ],
    }


def _differences(offers: Sequence[Any]) -> list[dict[str, Any]]:
    members = {name: [plain(getattr(offer, name)) for offer in offers] for name in COMPARED}
    return [
        {
            "member": name,
            "values": [
                {"offer_id": offer.id, "value": value}
                for offer, value in zip(offers, values, strict=True)
            ],
        }
        for name, values in members.items()
        if any(value != values[0] for value in values)
    ]
