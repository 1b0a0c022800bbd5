"""What an export may take in, for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.exports.models import Export
from lbs.exports.policy import Content
from lbs.offers.service import load_offer
from lbs.stats import service as stats
from lbs.stats.errors import TimeZoneNeeded
from lbs.venues.errors import VenueNotAllowed
from lbs.venues.service import load_venue


def check_content(
    session: Session, key: MerchantKey, content: Content, start: datetime, end: datetime
) -> Content:
    """Whether the key may have it; a series with its time zone, which may be the venue's."""
    if content.what == "series":
        zone = content.time_zone or _scope(session, key, content, start, end).time_zone
        if zone is None:
            raise TimeZoneNeeded
        return replace(content, time_zone=zone)
    if content.offer_id:
        load_offer(session, content.offer_id, key.merchant_id)
    if content.venue_id:
        load_venue(session, content.venue_id, key.merchant_id)
        if not key.may_act_at(content.venue_id):
            raise VenueNotAllowed
    return content


def venues_of(key: MerchantKey, venue_id: UUID | None) -> list[UUID] | None:
    """The venues that an export of this key takes in; None: all of the merchant's."""
    return [venue_id] if venue_id else sorted(key.venue_ids) or None


def series_scope(session: Session, export: Export) -> stats.Scope:
    """What the export's series counts, as a key of just its venues would see it."""
    key = MerchantKey(
        export.id, "export", export.merchant_id, frozenset({"stats"}),
        frozenset(export.venue_ids or ()),
    )  # fmt: skip
    content = Content(
        what=export.what, format=export.format, offer_id=export.offer_id, venue_id=export.venue_id
    )
    return _scope(session, key, content, export.from_at, export.to_at)


def _scope(
    session: Session, key: MerchantKey, content: Content, start: datetime, end: datetime
) -> stats.Scope:
    if content.offer_id:
        return stats.offer_scope(
            session, key, content.offer_id, venue_id=content.venue_id, start=start, end=end
        )
    if content.venue_id:
        return stats.venue_scope(session, key, content.venue_id, start=start, end=end)
    return stats.merchant_scope(session, key, start=start, end=end)
