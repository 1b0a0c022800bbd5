"""The past of a customer who is only described: a count of visits, and when the last ones were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lbs.offers.rules.history import LEADER_DAYS, History


def tell(history: History, visits: int, times: Sequence[datetime]) -> dict[str, Any]:
    """The members of the history that follow from visits at these times, here and nowhere else.

    `visits` is how many there were in all; those whose time is not told were long ago.
    """
    past = sorted(at for at in times if at <= history.now)
    lately = history.recent(past, LEADER_DAYS + 1)
    first_by_day = {day: at for at in reversed(lately) if (day := history.day(at)) != history.today}
    return {
        "visits": max(visits, len(past)),
        "last_visit_at": past[-1] if past else None,
        "visit_times": past,
        "trail": {str(history.venue_id): past},
        "own_days": len(first_by_day),
        "own_reached_at": first_by_day[max(first_by_day)] if first_by_day else None,
    }
