"""Use cases: what an offer did to the visits of whole venues, and of those around them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.offers.queries import list_venues_of_offer
from lbs.offers.rules.schedule import read_schedule
from lbs.offers.rules.turns import blocks_of
from lbs.offers.service import load_offer
from lbs.stats import queries
from lbs.stats.errors import NoTurns
from lbs.stats.rules.matching import Series, venue_effect
from lbs.stats.rules.switchback import switchback_effect
from lbs.venues.errors import VenueNotAllowed

BEFORE = timedelta(weeks=8)
"""So long before the offer the venues are matched on."""
MAX_DAYS = 366
MAX_VENUES = 1000
"""Of an offer that takes turns; of more, the first are compared."""


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


def read_switchback(
    session: Session, key: MerchantKey, offer_id: UUID, now: datetime
) -> dict[str, Any]:
    """The draw at the venues where the offer runs, and what the pairs that are over say."""
    offer = load_offer(session, offer_id, key.merchant_id)
    turns = read_schedule(offer.schedule).turns
    if turns is None:
        raise NoTurns
    places = list_venues_of_offer(session, offer_id, limit=MAX_VENUES, after=None)
    if not all(key.may_act_at(place.id) for place in places):
        raise VenueNotAllowed
    drawn = [(place, block) for place in places for block in blocks_of(turns, offer_id, place.id)]
    visits = queries.count_daily_visits(
        session,
        merchant_id=key.merchant_id,
        venue_ids=[place.id for place in places],
        first=turns.first,
        end=now,
    )
    counted: dict[tuple[UUID, int], dict[bool, int]] = {}
    for place, block in drawn:
        days = (block.last - block.first).days + 1
        counted.setdefault((place.id, block.pair), {})[block.is_on] = sum(
            visits.get((place.id, block.first + timedelta(days=day)), 0)
            for day in range(turns.wash_out_days, days)
        )
    today = {place.id: now.astimezone(ZoneInfo(place.time_zone)).date() for place in places}
    ends = {(place.id, block.pair): block.last for place, block in drawn}
    over = [pair for pair, last in ends.items() if last < today[pair[0]]]
    pairs = [(counted[pair][True], counted[pair][False]) for pair in over]
    return {
        "blocks": [
            {
                "venue_id": place.id,
                "from_date": block.first,
                "to_date": block.last,
                "is_on": block.is_on,
            }
            for place, block in drawn
        ],
        "pairs": len(pairs),
        "effect": switchback_effect(pairs, np.random.default_rng(offer_id.int)),
    }
