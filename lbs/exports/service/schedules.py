"""Exports made regularly: over each day, week or month, once it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.exports import queries
from lbs.exports.errors import ScheduleNotFound
from lbs.exports.models import ExportSchedule
from lbs.exports.policy import Content, CreateSchedule, due_after, period_before
from lbs.exports.service import add_export
from lbs.exports.service.scopes import check_content, venues_of

SETTLE = timedelta(minutes=2)
"""So long after its hour: what came in before the period's end has been written down by then."""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    id: UUID
    every: str
    hour: int
    time_zone: str
    what: str
    format: str
    offer_id: UUID | None
    venue_id: UUID | None
    by: str | None
    created_at: datetime
    due_at: datetime


def create_schedule(
    session: Session, key: MerchantKey, command: CreateSchedule, now: datetime
) -> ScheduleView:
    due_at = due_after(now, every=command.every, hour=command.hour, time_zone=command.time_zone)
    start, end = period_before(due_at, every=command.every, time_zone=command.time_zone)
    content = check_content(session, key, command.content, start, end)
    schedule = ExportSchedule(
        id=new_id(),
        merchant_id=key.merchant_id,
        venue_ids=venues_of(key, content.venue_id),
        every=command.every,
        hour=command.hour,
        time_zone=command.time_zone,
        what=content.what,
        format=content.format,
        offer_id=content.offer_id,
        venue_id=content.venue_id,
        by=content.by,
        created_at=now,
        due_at=due_at,
    )
    session.add(schedule)
    session.flush()
    said = _said(schedule)
    record(session, key.merchant_id, "export_schedule.created", schedule.id, after=said, now=now)
    return _view(schedule)


def list_schedules(
    session: Session, key: MerchantKey, *, limit: int, after: UUID | None
) -> list[ScheduleView]:
    rows = queries.list_schedules(
        session, key.merchant_id, list(key.venue_ids), limit=limit, after=after
    )
    return [_view(row) for row in rows]


def load_schedule(session: Session, key: MerchantKey, schedule_id: UUID) -> ScheduleView:
    return _view(_load(session, key, schedule_id))


def delete_schedule(session: Session, key: MerchantKey, schedule_id: UUID, now: datetime) -> None:
    """What it has had made stays until its time is over."""
    said = _said(_load(session, key, schedule_id))
    if not queries.delete_schedule(session, schedule_id):
        raise ScheduleNotFound
    record(session, key.merchant_id, "export_schedule.deleted", schedule_id, before=said, now=now)


def make_due(session: Session, now: datetime) -> bool:
    """Have the export of one schedule that is due made; whether there was one.

    One that is late by several periods comes round for each of them.
    """
    schedule = queries.take_due_schedule(session, now - SETTLE)
    if schedule is None:
        return False
    every, zone = schedule.every, schedule.time_zone
    content = Content(
        what=schedule.what,
        format=schedule.format,
        offer_id=schedule.offer_id,
        venue_id=schedule.venue_id,
        by=schedule.by,
        time_zone=zone if schedule.by else None,
    )
    add_export(
        session,
        schedule.merchant_id,
        schedule.venue_ids,
        content,
        period=period_before(schedule.due_at, every=every, time_zone=zone),
        schedule_id=schedule.id,
        now=now,
    )
    schedule.due_at = due_after(schedule.due_at, every=every, hour=schedule.hour, time_zone=zone)
    session.flush()
    return True


def _load(session: Session, key: MerchantKey, schedule_id: UUID) -> ExportSchedule:
    found = queries.find_schedule(session, schedule_id, key.merchant_id, list(key.venue_ids))
    if found is None:
        raise ScheduleNotFound
    return found


def _view(schedule: ExportSchedule) -> ScheduleView:
    return ScheduleView(
        id=schedule.id,
        every=schedule.every,
        hour=schedule.hour,
        time_zone=schedule.time_zone,
        what=schedule.what,
        format=schedule.format,
        offer_id=schedule.offer_id,
        venue_id=schedule.venue_id,
        by=schedule.by,
        created_at=schedule.created_at,
        due_at=schedule.due_at,
    )


def _said(schedule: ExportSchedule) -> dict[str, object]:
    names = ("every", "hour", "time_zone", "what", "format", "offer_id", "venue_id", "by")
    return {name: getattr(schedule, name) for name in names}
