from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Unlock(Model):
    """The right to redeem one version of an offer once."""

    __tablename__ = "unlock"
    __table_args__ = (
        CheckConstraint("state IN ('unlocked', 'redeemed', 'expired', 'voided')", name="state"),
        ForeignKeyConstraint(
            ["offer_id", "offer_version"], ["offer_version.offer_id", "offer_version.number"]
        ),
        UniqueConstraint("check_in_id", "offer_id"),
        Index("ix_unlock_customer_id_offer_id", "customer_id", "offer_id"),
        Index("ix_unlock_expires_at", "expires_at", postgresql_where="state = 'unlocked'"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    offer_id: Mapped[UUID]
    offer_version: Mapped[int]
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venue.id"))
    check_in_id: Mapped[UUID] = mapped_column(ForeignKey("check_in.id"))
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    subject_id: Mapped[UUID]
    sealed_code: Mapped[str]
    code_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    state: Mapped[str]
    buckets: Mapped[list[str]]
    """The counters of offer_stock that it takes from."""
    counted: Mapped[bool] = mapped_column(server_default="true")
    """Whether it counts in statistics: a tester's and a staff member's do not."""
    unlocked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
