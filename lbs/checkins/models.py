from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class CheckIn(Model):
    """A claim to be at a venue and what became of it. The position is a Fix, kept for a while."""

    __tablename__ = "check_in"
    __table_args__ = (
        CheckConstraint(
            "verdict IN ('accepted', 'ambiguous', 'rejected', 'voided')", name="verdict"
        ),
        CheckConstraint("(voided_at IS NULL) = (void_reason IS NULL)", name="voided"),
        Index("ix_check_in_customer_id_id", "customer_id", "id"),
        Index("ix_check_in_customer_id_occurred_at", "customer_id", "occurred_at"),
        Index("ix_check_in_venue_id_occurred_at", "venue_id", "occurred_at"),
        Index("ix_check_in_party_id", "party_id", postgresql_where="party_id IS NOT NULL"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venue.id"))
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    occurred_at: Mapped[datetime]
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("event.id"))
    party_id: Mapped[UUID | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"))
    channel: Mapped[str | None]
    """How the customer came, as the app says."""
    verdict: Mapped[str]
    level: Mapped[int]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    proofs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    revision: Mapped[int]
    """Goes up with every piece of evidence that is added."""
    visit: Mapped[int | None]
    """Which visit of the customer to the venue it is; None unless it was accepted."""
    risk: Mapped[int] = mapped_column(server_default="0")
    """By how much it raises the levels that offers ask."""
    distance_m: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    captured_at: Mapped[datetime | None]
    provider: Mapped[str | None]
    receipt_used_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]


class Fix(Model):
    """Where the phone said it was, sealed; goes with the customer, or after some days."""

    __tablename__ = "fix"
    __table_args__ = (
        Index("ix_fix_customer_id_received_at", "customer_id", "received_at"),
        Index("ix_fix_received_at", "received_at", postgresql_using="brin"),
    )
    check_in_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    received_at: Mapped[datetime]
    captured_at: Mapped[datetime]
    accuracy_m: Mapped[float]
    sealed: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    """Equal for equal positions."""


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
