from __future__ import annotations

from datetime import datetime
from uuid import UUID

from geoalchemy2 import Geography, WKBElement
from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Venue(Model):
    __tablename__ = "venue"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'retired')", name="status"),
        CheckConstraint("(centre IS NULL) = (radius_m IS NULL)", name="circle"),
        CheckConstraint("min_level BETWEEN 1 AND 3", name="min_level"),
        UniqueConstraint("id", "merchant_id"),
        Index(
            "ix_venue_fence", "fence", postgresql_using="gist", postgresql_where="status = 'active'"
        ),
        Index("ix_venue_merchant_id_id", "merchant_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    name: Mapped[str]
    category: Mapped[str]
    time_zone: Mapped[str]
    opening_hours: Mapped[str | None]
    fence: Mapped[WKBElement] = mapped_column(Geography("MULTIPOLYGON", 4326, spatial_index=False))
    centre: Mapped[WKBElement | None] = mapped_column(Geography("POINT", 4326, spatial_index=False))
    radius_m: Mapped[float | None]
    location: Mapped[WKBElement] = mapped_column(Geography("POINT", 4326, spatial_index=False))
    """What the public sees on a map; never the centre of the fence."""
    cool_down_s: Mapped[int | None]
    min_level: Mapped[int] = mapped_column(server_default="1")
    """What an offer here needs that does not say so itself."""
    status: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class VenueGroup(Model):
    __tablename__ = "venue_group"
    __table_args__ = (UniqueConstraint("id", "merchant_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"), index=True)
    name: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]


class VenueGroupMember(Model):
    """The database sees to it that group and venue belong to one merchant."""

    __tablename__ = "venue_group_member"
    __table_args__ = (
        ForeignKeyConstraint(
            ["group_id", "merchant_id"],
            ["venue_group.id", "venue_group.merchant_id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["venue_id", "merchant_id"], ["venue.id", "venue.merchant_id"]),
    )
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    merchant_id: Mapped[UUID]


class Event(Model):
    """A dated happening at a venue, with its own times and, if it has one, its own fence."""

    __tablename__ = "event"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'cancelled')", name="status"),
        CheckConstraint("starts_at < ends_at", name="times"),
        ForeignKeyConstraint(["venue_id", "merchant_id"], ["venue.id", "venue.merchant_id"]),
        Index("ix_event_merchant_id_id", "merchant_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    venue_id: Mapped[UUID] = mapped_column(index=True)
    name: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    fence: Mapped[WKBElement | None] = mapped_column(
        Geography("MULTIPOLYGON", 4326, spatial_index=False)
    )
    """None: the venue's."""
    centre: Mapped[WKBElement | None] = mapped_column(Geography("POINT", 4326, spatial_index=False))
    radius_m: Mapped[float | None]
    status: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
