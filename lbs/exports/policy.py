"""What may be exported, how often, and which period has just ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

CONTENTS = ("redemptions", "ledger", "series")
FORMATS = ("csv", "parquet")
STATES = ("queued", "running", "ready", "failed", "expired")
PERIODS = ("day", "week", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What stands in a file: `by` and `time_zone` only of a series."""

    what: str
    format: str
    offer_id: UUID | None = None
    venue_id: UUID | None = None
    by: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateExport:
    content: Content
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSchedule:
    """The days, weeks and months are those of `time_zone`, and so is the hour."""

    content: Content
    every: str
    hour: int
    time_zone: str


def due_after(moment: datetime, *, every: str, hour: int, time_zone: str) -> datetime:
    """The first time after the moment at which the period before it is to be exported."""
    zone = ZoneInfo(time_zone)
    day = _first_day(moment.astimezone(zone).date(), every)
    while (due := _instant(day, hour, zone)) <= moment:
        day = _next_day(day, every)
    return due


def period_before(due_at: datetime, *, every: str, time_zone: str) -> tuple[datetime, datetime]:
    """The whole day, week or month that ended last, from midnight to midnight on the clocks."""
    zone = ZoneInfo(time_zone)
    end = _first_day(due_at.astimezone(zone).date(), every)
    start = _first_day(end - timedelta(days=1), every)
    return _instant(start, 0, zone), _instant(end, 0, zone)


def is_over(state: str, expires_at: datetime | None, now: datetime) -> bool:
    """Whether a file is kept no longer, be it deleted already or not."""
    return state == "expired" or (expires_at is not None and expires_at <= now)


def link_text(export_id: UUID, expires: int) -> str:
    """What the signature of a link is over; says what it is good for."""
    return f"export link {export_id} {expires}"


def _first_day(day: date, every: str) -> date:
    if every == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if every == "month" else day


def _next_day(day: date, every: str) -> date:
    """The first day of the period after that of which this is the first."""
    return _first_day(day + timedelta(days={"day": 1, "week": 7, "month": 31}[every]), every)


def _instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """An hour that the clocks leave out is the moment at which they do; of two, the first."""
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
