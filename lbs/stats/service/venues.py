"""Use case: what an offer did to the visits of whole venues, and of those around them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.offers.service import load_offer
from lbs.stats import queries
from lbs.stats.rules.matching import Series, venue_effect
from lbs.venues.errors import VenueNotAllowed

BEFORE = timedelta(weeks=8)
"""So long before the offer the venues are matched on."""
MAX_DAYS = 366


def read_venue_effect(
    session: Session,
    key: MerchantKey,
    offer_id: UUID,
    *,
    start: datetime,
    end: datetime,
    near_m: float,
) -> dict[str, Any]:
    """The whole days from the start on, a year's at most, against the eight weeks before it.

    Venues where nobody came in those weeks are left out; near ones are not compared with.
    """
    load_offer(session, offer_id, key.merchant_id)
    if key.venue_ids:
        raise VenueNotAllowed("The API key sees its own venues; others are compared with.")
    days = min(max((end - start).days, 0), MAX_DAYS)
    rows = queries.list_daily_visits(
        session,
        offer_id=offer_id,
        merchant_id=key.merchant_id,
        start=start - BEFORE,
        days=BEFORE.days + days,
        near_m=near_m,
    )
    near = _series(row for row in rows if row.is_near)
    others = _series(row for row in rows if not (row.is_near or row.has_offer))
    ours = _series(row for row in rows if row.has_offer)
    drawn = np.random.default_rng(offer_id.int)
    return {
        "from": start,
        "to": start + timedelta(days=days),
        "venues": len(ours),
        "comparison_venues": len(others),
        "near_venues": len(near),
        "effect": venue_effect(ours, others, drawn),
        "spill_over": venue_effect(near, others, drawn),
    }


def _series(rows: Iterable[Any]) -> dict[UUID, Series]:
    series = {
        row.id: Series(tuple(row.visits[: BEFORE.days]), tuple(row.visits[BEFORE.days :]))
        for row in rows
    }
    return {venue: each for venue, each in series.items() if any(each.before) and each.during}
