"""Use cases: what an offer did to the visits of whole venues, and of those around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.offers.service import load_offer
from lbs.stats import queries
from lbs.stats.rules.matching import Series, venue_effect
from lbs.stats.rules.switchback import switchback_effect, switchback_schedule
from lbs.venues.errors import VenueNotAllowed
from lbs.venues.service import load_venue

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


@dataclass(frozen=True, slots=True)
class Switchback:
    """Where and when an offer is on and off by turns; all of it is drawn from this."""

    start: datetime
    venue_ids: tuple[UUID, ...]
    block_days: int
    pairs: int
    wash_out_days: int
    """At the beginning of each block, so many are not counted."""


def read_switchback(
    session: Session, key: MerchantKey, offer_id: UUID, plan: Switchback, now: datetime
) -> dict[str, Any]:
    """The draw, and what the pairs of blocks that are over say."""
    load_offer(session, offer_id, key.merchant_id)
    for venue_id in plan.venue_ids:
        load_venue(session, venue_id, key.merchant_id)
        if not key.may_act_at(venue_id):
            raise VenueNotAllowed
    blocks = list(
        switchback_schedule(
            offer_id.bytes, plan.venue_ids, block_days=plan.block_days, pairs=plan.pairs
        )
    )
    visits = queries.count_daily_visits(
        session,
        merchant_id=key.merchant_id,
        venue_ids=plan.venue_ids,
        start=plan.start,
        end=now,
    )
    over = (now - plan.start).days
    counted: dict[tuple[UUID, int], dict[bool, int]] = {}
    for block in blocks:
        if block.last_day_of_pair < over:
            days = range(block.first_day + plan.wash_out_days, block.first_day + block.days)
            counted.setdefault((block.venue_id, block.pair), {})[block.is_on] = sum(
                visits.get((block.venue_id, day), 0) for day in days
            )
    pairs = [(each[True], each[False]) for each in counted.values()]
    return {
        "from": plan.start,
        "blocks": [
            {
                "venue_id": block.venue_id,
                "from": plan.start + timedelta(days=block.first_day),
                "to": plan.start + timedelta(days=block.first_day + block.days),
                "is_on": block.is_on,
            }
            for block in blocks
        ],
        "pairs": len(pairs),
        "effect": switchback_effect(pairs, np.random.default_rng(offer_id.int)),
    }
