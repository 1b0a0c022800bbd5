"""Every SELECT and conditional UPDATE of venues and events, and what PostGIS measures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from lbs.db import Session
from lbs.venues.errors import VenueGroupInUse, VenueNotFound
from lbs.venues.models import Event, Venue, VenueGroup, VenueGroupMember

POINT = """
    ST_SetSRID(ST_MakePoint(CAST(:lon AS float8), CAST(:lat AS float8)), 4326)::geography
"""
"""The reported position, or NULL where there is none."""

_SIGNED_DISTANCE_M = """
    CASE WHEN {place}.centre IS NOT NULL
         THEN ST_Distance({place}.centre, position.at) - {place}.radius_m
         WHEN ST_Covers({place}.fence::geometry, position.at::geometry)
         THEN -ST_Distance(ST_Boundary({place}.fence::geometry)::geography, position.at)
         ELSE ST_Distance({place}.fence, position.at) END
"""
"""Edges are straight in longitude and latitude, as GeoJSON means them (RFC 7946, 3.1.1)."""

SIGNED_DISTANCE_M = _SIGNED_DISTANCE_M.format(place="venue")
"""Metres from `position.at` to the fence of `venue`, negative inside."""

SIGNED_EVENT_DISTANCE_M = f"""
    CASE WHEN event.fence IS NULL THEN {SIGNED_DISTANCE_M}
         ELSE {_SIGNED_DISTANCE_M.format(place="event")} END
"""
"""The same to the fence of `event`, which is the venue's where it has none of its own."""

NEAREST = """
    SELECT * FROM venue
    WHERE venue.status = 'active' AND ST_DWithin(venue.fence, position.at, :radius_m)
    ORDER BY venue.fence <-> position.at LIMIT :limit
"""
"""The venues within the radius of `position.at`, nearest first, straight from the GiST index."""

PUBLIC_LON = "round(ST_X(venue.location::geometry)::numeric, 5)::float8"
PUBLIC_LAT = "round(ST_Y(venue.location::geometry)::numeric, 5)::float8"

_FENCE = """
    ST_Multi(CASE WHEN given.radius_m IS NULL
        THEN ST_SetSRID(ST_GeomFromGeoJSON(given.polygon), 4326)
        ELSE ST_Buffer(ST_SetSRID(ST_MakePoint(given.lon, given.lat), 4326)::geography,
                       given.radius_m, 'quad_segs=32')::geometry END)::geography
"""

_SOMEWHERE_INSIDE = """
    ST_Rotate(
        ST_Translate(middle.at,
            (0.3 + 0.5 * random()) * ST_Distance(middle.at, ST_Boundary({fence}::geometry)), 0),
        2 * pi() * random(), middle.at)::geography
"""
"""A random place well inside the fence, and away from where its middle is."""

_MIDDLE = "LATERAL (SELECT ST_PointOnSurface({fence}::geometry) AS at) AS middle"

_GIVES_CENTRE_AWAY = "ST_Distance({door}, ST_Centroid({fence}::geometry)::geography) < 2"

_DOOR = "ST_SetSRID(ST_MakePoint(given.door_lon, given.door_lat), 4326)::geography"

_INSERT = text(f"""
    INSERT INTO venue (id, merchant_id, name, category, time_zone, opening_hours, fence, centre,
                       radius_m, location, cool_down_s, min_level, status, version, created_at,
                       updated_at)
    SELECT given.id, :merchant_id, given.name, given.category, given.time_zone,
           given.opening_hours, made.fence,
           ST_SetSRID(ST_MakePoint(given.lon, given.lat), 4326)::geography, given.radius_m,
           CASE WHEN given.door_lon IS NULL
                  OR {_GIVES_CENTRE_AWAY.format(door=_DOOR, fence="made.fence")}
                THEN {_SOMEWHERE_INSIDE.format(fence="made.fence")} ELSE {_DOOR} END,
           given.cool_down_s, given.min_level, 'active', 1, :now, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given(
        id uuid, name text, category text, time_zone text, opening_hours text, polygon jsonb,
        lon float8, lat float8, radius_m float8, door_lon float8, door_lat float8,
        cool_down_s bigint, min_level bigint
    ), LATERAL (SELECT {_FENCE} AS fence) AS made, {_MIDDLE.format(fence="made.fence")}
""")

_MOVE = text(f"""
    UPDATE venue SET fence = made.fence, radius_m = given.radius_m,
           centre = ST_SetSRID(ST_MakePoint(given.lon, given.lat), 4326)::geography,
           location = CASE
               WHEN ST_Covers(made.fence, venue.location)
                AND NOT {_GIVES_CENTRE_AWAY.format(door="venue.location", fence="made.fence")}
               THEN venue.location
               ELSE {_SOMEWHERE_INSIDE.format(fence="made.fence")} END
    FROM jsonb_to_record(CAST(:row AS jsonb)) AS given(
        polygon jsonb, lon float8, lat float8, radius_m float8
    ), LATERAL (SELECT {_FENCE} AS fence) AS made, {_MIDDLE.format(fence="made.fence")}
    WHERE venue.id = :venue_id
""")

_MOVE_LOCATION = text(f"""
    UPDATE venue SET location = CASE
        WHEN {_GIVES_CENTRE_AWAY.format(door="door.at", fence="venue.fence")}
        THEN {_SOMEWHERE_INSIDE.format(fence="venue.fence")} ELSE door.at END
    FROM (SELECT {POINT} AS at) AS door, venue AS fenced,
         {_MIDDLE.format(fence="fenced.fence")}
    WHERE venue.id = :venue_id AND fenced.id = :venue_id
""")

_PLACE_EVENT = text(f"""
    UPDATE event SET fence = made.fence, radius_m = given.radius_m,
           centre = ST_SetSRID(ST_MakePoint(given.lon, given.lat), 4326)::geography
    FROM jsonb_to_record(CAST(:row AS jsonb)) AS given(
        polygon jsonb, lon float8, lat float8, radius_m float8
    ), LATERAL (SELECT {_FENCE} AS fence) AS made
    WHERE event.id = :event_id
""")


def insert_venues(
    session: Session, merchant_id: UUID, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Each row: id, name, category, time_zone, opening_hours, cool_down_s, min_level, door_lon,
    door_lat, and a fence as polygon (GeoJSON) or as lon, lat and radius_m.
    """
    session.execute(_INSERT, {"merchant_id": merchant_id, "rows": json.dumps(rows), "now": now})


def move_fence(session: Session, venue_id: UUID, row: dict[str, Any]) -> None:
    """Keeps the place that the public sees where it is still inside."""
    session.execute(_MOVE, {"venue_id": venue_id, "row": json.dumps(row)})


def move_location(session: Session, venue_id: UUID, *, lon: float, lat: float) -> None:
    """What the public sees; a place that would give the fence's centre away is not taken."""
    session.execute(_MOVE_LOCATION, {"venue_id": venue_id, "lon": lon, "lat": lat})


def find_venue(session: Session, venue_id: UUID, merchant_id: UUID) -> Row[Any] | None:
    return session.execute(
        _view().where(Venue.id == venue_id, Venue.merchant_id == merchant_id)
    ).one_or_none()


def list_venues(
    session: Session, merchant_id: UUID, *, status: str | None, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    """In the order they were made."""
    conditions: list[ColumnElement[bool]] = [Venue.merchant_id == merchant_id]
    if status:
        conditions.append(Venue.status == status)
    if after:
        conditions.append(Venue.id > after)
    return session.execute(_view().where(*conditions).order_by(Venue.id).limit(limit)).all()


def lock_venue(session: Session, venue_id: UUID, merchant_id: UUID) -> Venue | None:
    return session.scalar(
        select(Venue)
        .where(Venue.id == venue_id, Venue.merchant_id == merchant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def find_group(session: Session, group_id: UUID, merchant_id: UUID) -> Row[Any] | None:
    return session.execute(
        _group_view().where(VenueGroup.id == group_id, VenueGroup.merchant_id == merchant_id)
    ).one_or_none()


def list_groups(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    statement = (
        _group_view()
        .where(VenueGroup.merchant_id == merchant_id)
        .order_by(VenueGroup.id)
        .limit(limit)
    )
    return session.execute(statement.where(VenueGroup.id > after) if after else statement).all()


def lock_group(session: Session, group_id: UUID, merchant_id: UUID) -> VenueGroup | None:
    return session.scalar(
        select(VenueGroup)
        .where(VenueGroup.id == group_id, VenueGroup.merchant_id == merchant_id)
        .with_for_update()
    )


def set_members(
    session: Session, *, group_id: UUID, merchant_id: UUID, venue_ids: Sequence[UUID]
) -> None:
    """Raises VenueNotFound where the foreign key finds a venue that is not the merchant's."""
    session.execute(delete(VenueGroupMember).where(VenueGroupMember.group_id == group_id))
    rows = [
        {"group_id": group_id, "venue_id": venue_id, "merchant_id": merchant_id}
        for venue_id in dict.fromkeys(venue_ids)
    ]
    if not rows:
        return
    try:
        session.execute(insert(VenueGroupMember), rows)
    except IntegrityError as error:
        raise VenueNotFound from error


def delete_group(session: Session, *, group_id: UUID, merchant_id: UUID) -> None:
    """Raises VenueGroupInUse where the foreign key finds an offer at the group."""
    try:
        session.execute(
            delete(VenueGroup).where(
                VenueGroup.id == group_id, VenueGroup.merchant_id == merchant_id
            )
        )
    except IntegrityError as error:
        raise VenueGroupInUse from error


def place_event(session: Session, event_id: UUID, row: dict[str, Any]) -> None:
    """Gives the event a fence of its own; the row as of `insert_venues`."""
    session.execute(_PLACE_EVENT, {"event_id": event_id, "row": json.dumps(row)})


def find_event(session: Session, event_id: UUID, merchant_id: UUID) -> Row[Any] | None:
    return session.execute(
        _event_view().where(Event.id == event_id, Event.merchant_id == merchant_id)
    ).one_or_none()


def list_events(
    session: Session,
    merchant_id: UUID,
    *,
    venue_id: UUID | None,
    status: str | None,
    limit: int,
    after: UUID | None,
) -> Sequence[Row[Any]]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = [Event.merchant_id == merchant_id]
    if venue_id:
        conditions.append(Event.venue_id == venue_id)
    if status:
        conditions.append(Event.status == status)
    if after:
        conditions.append(Event.id < after)
    return session.execute(
        _event_view().where(*conditions).order_by(Event.id.desc()).limit(limit)
    ).all()


def lock_event(session: Session, event_id: UUID, merchant_id: UUID) -> Event | None:
    return session.scalar(
        select(Event)
        .where(Event.id == event_id, Event.merchant_id == merchant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _view() -> Select[*tuple[Any, ...]]:
    """A venue as its merchant sees it."""
    return select(
        Venue.id,
        Venue.name,
        Venue.category,
        Venue.time_zone,
        Venue.opening_hours,
        *_fence_view("venue"),
        Venue.radius_m,
        literal_column(PUBLIC_LON).label("public_lon"),
        literal_column(PUBLIC_LAT).label("public_lat"),
        Venue.cool_down_s,
        Venue.min_level,
        Venue.status,
        Venue.version,
        Venue.created_at,
        Venue.updated_at,
    )


def _event_view() -> Select[*tuple[Any, ...]]:
    """An event as its merchant sees it."""
    return select(
        Event.id,
        Event.venue_id,
        Event.name,
        Event.starts_at,
        Event.ends_at,
        *_fence_view("event"),
        Event.radius_m,
        Event.status,
        Event.version,
        Event.created_at,
        Event.updated_at,
    )


def _fence_view(table: str) -> tuple[ColumnElement[Any], ...]:
    """A fence as GeoJSON text with 7 decimals (1 cm), and the circle's centre where it is one."""
    centre: ColumnElement[Any] = literal_column(f"{table}.centre::geometry")
    return (
        func.ST_AsGeoJSON(literal_column(f"{table}.fence::geometry"), 7).label("fence"),
        func.ST_X(centre).label("lon"),
        func.ST_Y(centre).label("lat"),
    )


def _group_view() -> Select[*tuple[Any, ...]]:
    members = (
        select(
            func.coalesce(func.array_agg(VenueGroupMember.venue_id), literal_column("'{}'::uuid[]"))
        )
        .where(VenueGroupMember.group_id == VenueGroup.id)
        .scalar_subquery()
    )
    return select(
        VenueGroup.id,
        VenueGroup.name,
        VenueGroup.version,
        VenueGroup.created_at,
        members.label("venue_ids"),
    )
