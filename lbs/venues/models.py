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
