"""How the offer of a link stands for whoever follows it. Pure."""

from __future__ import annotations

from datetime import datetime

ON, COMING, PAUSED, OVER = "on", "coming", "paused", "over"


def standing_of(status: str, valid_from: datetime, valid_to: datetime, now: datetime) -> str:
    if status == "ended" or valid_to <= now:
        return OVER
    if status == "paused":
        return PAUSED
    return COMING if now < valid_from else ON
