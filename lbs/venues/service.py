"""Use cases of venues and venue groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shapely.geometry import mapping

from lbs.db import Session, new_id
from lbs.geo import Circle, Fence, Point
from lbs.venues import queries
from lbs.venues.errors import VenueGroupNotFound, VenueNotFound
from lbs.venues.models import VenueGroup


@dataclass(frozen=True, slots=True)
class CreateVenue:
    name: str
    category: str
    time_zone: str
    fence: Fence
    opening_hours: str | None = None
    location: Point | None = None
    cool_down_s: int | None = None


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
    for name, value in command.changes.items():
        setattr(venue, name, value)
    venue.version += 1
    venue.updated_at = now
    session.flush()
    if command.fence is not None:
        queries.move_fence(session, venue_id, _fence(command.fence))
    if command.location is not None:
        queries.move_location(session, venue_id, **command.location._asdict())
    return load_venue(session, venue_id, merchant_id)


def retire_venue(session: Session, *, venue_id: UUID, merchant_id: UUID, now: datetime) -> None:
    if not queries.retire_venue(session, venue_id=venue_id, merchant_id=merchant_id, now=now):
        raise VenueNotFound


def create_group(session: Session, merchant_id: UUID, command: WriteGroup, now: datetime) -> Any:
    group = VenueGroup(
        id=new_id(), merchant_id=merchant_id, name=command.name or "", version=1, created_at=now
    )
    session.add(group)
    session.flush()
    queries.set_members(
        session, group_id=group.id, merchant_id=merchant_id, venue_ids=command.venue_ids or ()
    )
    return load_group(session, group.id, merchant_id)


def load_group(session: Session, group_id: UUID, merchant_id: UUID) -> Any:
    group = queries.find_group(session, group_id, merchant_id)
    if group is None:
        raise VenueGroupNotFound
    return group


def change_group(
    session: Session, *, group_id: UUID, merchant_id: UUID, command: WriteGroup, check: Any
) -> Any:
    group = queries.lock_group(session, group_id, merchant_id)
    if group is None:
        raise VenueGroupNotFound
    check(group)
    if command.name is not None:
        group.name = command.name
    group.version += 1
    session.flush()
    if command.venue_ids is not None:
        queries.set_members(
            session, group_id=group_id, merchant_id=merchant_id, venue_ids=command.venue_ids
        )
    return load_group(session, group_id, merchant_id)


def delete_group(session: Session, *, group_id: UUID, merchant_id: UUID) -> None:
    if not queries.delete_group(session, group_id=group_id, merchant_id=merchant_id):
        raise VenueGroupNotFound


def view_venue(row: Any) -> VenueView:
    circle = row.radius_m is not None
    return VenueView(
        id=row.id,
        name=row.name,
        category=row.category,
        time_zone=row.time_zone,
        opening_hours=row.opening_hours,
        fence={"type": "Circle", "centre": Point(row.lon, row.lat), "radius_m": row.radius_m}
        if circle
        else json.loads(row.fence),
        location=Point(row.public_lon, row.public_lat),
        cool_down_s=row.cool_down_s,
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
        "door_lon": door.lon if door else None,
        "door_lat": door.lat if door else None,
        **_fence(command.fence),
    }


def _fence(fence: Fence) -> dict[str, Any]:
    if isinstance(fence, Circle):
        return {"lon": fence.centre.lon, "lat": fence.centre.lat, "radius_m": fence.radius_m}
    return {"polygon": mapping(fence)}
