"""When a venue is open. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from opening_hours import OpeningHours

GRACE = timedelta(minutes=30)
"""Doors open a little early, and the last guests leave a little late."""


def is_open(hours: str | None, local_now: datetime) -> bool | None:
    """Whether it is open, or will be or was within GRACE; None where the hours do not say.

    `hours` in OpenStreetMap's opening_hours syntax; `local_now` in the venue's time zone.
    """
    if hours is None:
        return None
    week = _read(hours)
    around = [local_now.replace(tzinfo=None) + offset for offset in (timedelta(0), -GRACE, GRACE)]
    if any(week.is_open(moment) for moment in around):
        return True
    return None if any(week.is_unknown(moment) for moment in around) else False


@lru_cache(maxsize=10_000)
def _read(hours: str) -> OpeningHours:
    return OpeningHours(hours)
