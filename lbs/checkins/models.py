from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class CheckIn(Model):
    """A claim to be at a venue and what became of it. The position itself is not kept."""

    __tablename__ = "check_in"
    __table_args__ = (
        CheckConstraint("verdict IN ('accepted', 'ambiguous', 'rejected')", name="verdict"),
        Index("ix_check_in_customer_id_id", "customer_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venue.id"))
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    occurred_at: Mapped[datetime]
    verdict: Mapped[str]
    level: Mapped[int]
    reasons: Mapped[list[str]]
    distance_m: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    captured_at: Mapped[datetime | None]
    provider: Mapped[str | None]
    mock: Mapped[bool | None]


class VisitTally(Model):
    """How often a customer has visited a venue: the history that unlock rules ask about."""

    __tablename__ = "visit_tally"
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True
    )
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venue.id"), primary_key=True)
    visits: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
