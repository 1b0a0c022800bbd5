"""Use cases of venues, venue groups and events at venues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shapely.geometry import mapping

from lbs.audit.service import record, record_made
from lbs.db import Session, new_id
from lbs.geo import Circle, Fence, Point
from lbs.venues import queries
from lbs.venues.errors import (
    EventCancelled,
    EventNotFound,
    EventTimesRefused,
    VenueGroupNotFound,
    VenueNotFound,
)
from lbs.venues.models import Event, VenueGroup

MAX_EVENT = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class CreateVenue:
    name: str
    category: str
    time_zone: str
    fence: Fence
    opening_hours: str | None = None
    location: Point | None = None
    cool_down_s: int | None = None
    min_level: int = 1


@dataclass(frozen=True, slots=True)
class ChangeVenue:
    """Only the members that are to change; a value of None clears."""

    changes: dict[str, Any]
    fence: Fence | None = None
    location: Point | None = None


@dataclass(frozen=True, slots=True)
class WriteGroup:
    name: str | None = None
    venue_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class VenueView:
    id: UUID
    name: str
    category: str
    time_zone: str
    opening_hours: str | None
    fence: dict[str, Any]
    location: Point
    cool_down_s: int | None
    min_level: int
    status: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CreateEvent:
    venue_id: UUID
    name: str
    starts_at: datetime
    ends_at: datetime
    fence: Fence | None = None
    """None: the venue's."""


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """Only the columns that are to change; a value of None clears."""

    changes: dict[str, Any]
    fence: Fence | None = None


@dataclass(frozen=True, slots=True)
class EventView:
    id: UUID
    venue_id: UUID
    name: str
    starts_at: datetime
    ends_at: datetime
    fence: dict[str, Any] | None
    status: str
    version: int
    created_at: datetime
    updated_at: datetime


def create_venue(
    session: Session, merchant_id: UUID, command: CreateVenue, now: datetime
) -> VenueView:
    [venue_id] = create_venues(session, merchant_id, [command], now)
    return load_venue(session, venue_id, merchant_id)


def create_venues(
    session: Session, merchant_id: UUID, commands: Sequence[CreateVenue], now: datetime
) -> list[UUID]:
    """All of them or, in an exception, none; ids in the order given."""
    ids = [new_id() for _ in commands]
    rows = [_row(venue_id, command) for venue_id, command in zip(ids, commands, strict=True)]
    if rows:
        queries.insert_venues(session, merchant_id, rows, now)
    made = zip(ids, map(_said, commands), strict=True)
    record_made(session, merchant_id, "venue.created", made, now)
    return ids


def load_venue(session: Session, venue_id: UUID, merchant_id: UUID) -> VenueView:
    row = queries.find_venue(session, venue_id, merchant_id)
    if row is None:
        raise VenueNotFound
    return view_venue(row)


def list_venues(
    session: Session, merchant_id: UUID, *, status: str | None, limit: int, after: UUID | None
) -> list[VenueView]:
    rows = queries.list_venues(session, merchant_id, status=status, limit=limit, after=after)
    return [view_venue(row) for row in rows]


def change_venue(
    session: Session,
    *,
    venue_id: UUID,
    merchant_id: UUID,
    command: ChangeVenue,
    check: Any,
    now: datetime,
) -> VenueView:
    """`check(venue)` refuses where the caller's version is not the venue's."""
    venue = queries.lock_venue(session, venue_id, merchant_id)
    if venue is None or venue.status == "retired":
        raise VenueNotFound
    check(venue)
    before = load_venue(session, venue_id, merchant_id)
    for name, value in command.changes.items():
        setattr(venue, name, value)
    venue.version += 1
    venue.updated_at = now
    session.flush()
    if command.fence is not None:
        queries.move_fence(session, venue_id, _fence(command.fence))
    if command.location is not None:
        queries.move_location(session, venue_id, **command.location._asdict())
    after = load_venue(session, venue_id, merchant_id)
    record(session, merchant_id, "venue.changed", venue_id, before=before, after=after, now=now)
    return after


def retire_venue(session: Session, *, venue_id: UUID, merchant_id: UUID, now: datetime) -> None:
    venue = queries.lock_venue(session, venue_id, merchant_id)
    if venue is None:
        raise VenueNotFound
    before, after = {"status": venue.status}, {"status": "retired"}
    if venue.status == "active":
        venue.status = "retired"
        venue.version += 1
        venue.updated_at = now
    record(session, merchant_id, "venue.retired", venue_id, before=before, after=after, now=now)


def create_group(session: Session, merchant_id: UUID, command: WriteGroup, now: datetime) -> Any:
    group = VenueGroup(
        id=new_id(), merchant_id=merchant_id, name=command.name or "", version=1, created_at=now
    )
    session.add(group)
    session.flush()
    queries.set_members(
        session, group_id=group.id, merchant_id=merchant_id, venue_ids=command.venue_ids or ()
    )
    made = load_group(session, group.id, merchant_id)
    record(session, merchant_id, "venue_group.created", group.id, after=made, now=now)
    return made


def load_group(session: Session, group_id: UUID, merchant_id: UUID) -> Any:
    group = queries.find_group(session, group_id, merchant_id)
    if group is None:
        raise VenueGroupNotFound
    return group


def change_group(
    session: Session,
    *,
    group_id: UUID,
    merchant_id: UUID,
    command: WriteGroup,
    check: Any,
    now: datetime,
) -> Any:
    group = queries.lock_group(session, group_id, merchant_id)
    if group is None:
        raise VenueGroupNotFound
    check(group)
    before = load_group(session, group_id, merchant_id)
    if command.name is not None:
        group.name = command.name
    group.version += 1
    session.flush()
    if command.venue_ids is not None:
        queries.set_members(
            session, group_id=group_id, merchant_id=merchant_id, venue_ids=command.venue_ids
        )
    after = load_group(session, group_id, merchant_id)
    action = "venue_group.changed"
    record(session, merchant_id, action, group_id, before=before, after=after, now=now)
    return after


def delete_group(session: Session, *, group_id: UUID, merchant_id: UUID, now: datetime) -> None:
    if queries.lock_group(session, group_id, merchant_id) is None:
        raise VenueGroupNotFound
    gone = load_group(session, group_id, merchant_id)
    queries.delete_group(session, group_id=group_id, merchant_id=merchant_id)
    record(session, merchant_id, "venue_group.deleted", group_id, before=gone, now=now)


def create_event(
    session: Session, merchant_id: UUID, command: CreateEvent, check: Any, now: datetime
) -> EventView:
    """`check(venue)` refuses a fence that does not go with the venue."""
    venue = load_venue(session, command.venue_id, merchant_id)
    if venue.status == "retired":
        raise VenueNotFound
    check(venue)
    event = Event(
        id=new_id(),
        merchant_id=merchant_id,
        venue_id=command.venue_id,
        name=command.name,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
        status="active",
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(event)
    made = _settle_event(session, event, command.fence)
    record(session, merchant_id, "event.created", event.id, after=made, now=now)
    return made


def load_event(session: Session, event_id: UUID, merchant_id: UUID) -> EventView:
    row = queries.find_event(session, event_id, merchant_id)
    if row is None:
        raise EventNotFound
    return view_event(row)


def list_events(session: Session, merchant_id: UUID, **filters: Any) -> list[EventView]:
    return [view_event(row) for row in queries.list_events(session, merchant_id, **filters)]


def change_event(
    session: Session,
    *,
    event_id: UUID,
    merchant_id: UUID,
    command: ChangeEvent,
    check: Any,
    now: datetime,
) -> EventView:
    """`check(event, venue)` refuses where the caller's version is not the event's."""
    event = _lock_event(session, event_id, merchant_id)
    check(event, load_venue(session, event.venue_id, merchant_id))
    if event.status == "cancelled":
        raise EventCancelled
    before = load_event(session, event_id, merchant_id)
    for name, value in command.changes.items():
        setattr(event, name, value)
    if not timedelta(0) < event.ends_at - event.starts_at <= MAX_EVENT:
        raise EventTimesRefused
    _touch_event(event, now)
    after = _settle_event(session, event, command.fence)
    record(session, merchant_id, "event.changed", event_id, before=before, after=after, now=now)
    return after


def cancel_event(session: Session, *, event_id: UUID, merchant_id: UUID, now: datetime) -> None:
    """Check-ins made at it stay; cancelling twice changes nothing."""
    event = _lock_event(session, event_id, merchant_id)
    before, after = {"status": event.status}, {"status": "cancelled"}
    if event.status == "active":
        event.status = "cancelled"
        _touch_event(event, now)
    record(session, merchant_id, "event.cancelled", event_id, before=before, after=after, now=now)


def view_event(row: Any) -> EventView:
    return EventView(
        id=row.id,
        venue_id=row.venue_id,
        name=row.name,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        fence=_view_fence(row) if row.fence else None,
        status=row.status,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def view_venue(row: Any) -> VenueView:
    return VenueView(
        id=row.id,
        name=row.name,
        category=row.category,
        time_zone=row.time_zone,
        opening_hours=row.opening_hours,
        fence=_view_fence(row),
        location=Point(row.public_lon, row.public_lat),
        cool_down_s=row.cool_down_s,
        min_level=row.min_level,
        status=row.status,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _row(venue_id: UUID, command: CreateVenue) -> dict[str, Any]:
    door = command.location
    return {
        "id": str(venue_id),
        "name": command.name,
        "category": command.category,
        "time_zone": command.time_zone,
        "opening_hours": command.opening_hours,
        "cool_down_s": command.cool_down_s,
        "min_level": command.min_level,
        "door_lon": door.lon if door else None,
        "door_lat": door.lat if door else None,
        **_fence(command.fence),
    }


def _fence(fence: Fence) -> dict[str, Any]:
    if isinstance(fence, Circle):
        return {"lon": fence.centre.lon, "lat": fence.centre.lat, "radius_m": fence.radius_m}
    return {"polygon": mapping(fence)}


def _said(command: CreateVenue) -> dict[str, Any]:
    """What the audit log says of a new venue."""
    fence = command.fence
    shape = (
        {"type": "Circle", "centre": fence.centre, "radius_m": fence.radius_m}
        if isinstance(fence, Circle)
        else mapping(fence)
    )
    return {
        "name": command.name,
        "category": command.category,
        "time_zone": command.time_zone,
        "opening_hours": command.opening_hours,
        "fence": shape,
        "location": command.location,
        "cool_down_s": command.cool_down_s,
        "min_level": command.min_level,
        "status": "active",
    }


def _view_fence(row: Any) -> dict[str, Any]:
    """The circle that it was given as, else GeoJSON."""
    if row.radius_m is not None:
        return {"type": "Circle", "centre": Point(row.lon, row.lat), "radius_m": row.radius_m}
    found: dict[str, Any] = json.loads(row.fence)
    return found


def _lock_event(session: Session, event_id: UUID, merchant_id: UUID) -> Event:
    event = queries.lock_event(session, event_id, merchant_id)
    if event is None:
        raise EventNotFound
    return event


def _touch_event(event: Event, now: datetime) -> None:
    event.version += 1
    event.updated_at = now


def _settle_event(session: Session, event: Event, fence: Fence | None) -> EventView:
    """The event as it is once written, at the place given, if one is."""
    session.flush()
    if fence is not None:
        queries.place_event(session, event.id, _fence(fence))
    return load_event(session, event.id, event.merchant_id)
