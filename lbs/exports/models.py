"""What was asked to be exported, the files made of it in parts, and what is exported regularly."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, FetchedValue, ForeignKey, Index, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model
from lbs.ledger.models import Xid8


class Export(Model):
    """A file asked for. It says what the ledger held when it was asked for, whenever it is made."""

    __tablename__ = "export"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'ready', 'failed', 'expired')", "state"),
        CheckConstraint("from_at < to_at", "period"),
        Index("ix_export_merchant_id_id", "merchant_id", "id"),
        Index("ix_export_expires_at", "expires_at", postgresql_where="state = 'ready'"),
        Index(
            "uq_export_schedule_id_from_at",
            "schedule_id",
            "from_at",
            unique=True,
            postgresql_where="schedule_id IS NOT NULL",
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    venue_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """Which venues it takes in; none: all that the merchant has."""
    schedule_id: Mapped[UUID | None]
    what: Mapped[str]
    format: Mapped[str]
    from_at: Mapped[datetime]
    to_at: Mapped[datetime]
    offer_id: Mapped[UUID | None]
    venue_id: Mapped[UUID | None]
    by: Mapped[str | None]
    time_zone: Mapped[str | None]
    created_at: Mapped[datetime]
    transaction_id: Mapped[int] = mapped_column(Xid8, server_default=FetchedValue())
    """Takes in the facts of earlier transactions, so it is made when those have ended."""
    state: Mapped[str]
    attempt: Mapped[int]
    """Counts those who set out to make it: only the last may add to its parts."""
    rows: Mapped[int | None]
    bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class ExportPart(Model):
    """So much of a file, from so many bytes on."""

    __tablename__ = "export_part"
    export_id: Mapped[UUID] = mapped_column(
        ForeignKey("export.id", ondelete="CASCADE"), primary_key=True
    )
    byte_offset: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ExportSchedule(Model):
    """An export made regularly, over the day, week or month that has just ended."""

    __tablename__ = "export_schedule"
    __table_args__ = (
        CheckConstraint("every IN ('day', 'week', 'month')", "every"),
        CheckConstraint("hour BETWEEN 0 AND 23", "hour"),
        Index("ix_export_schedule_merchant_id_id", "merchant_id", "id"),
        Index("ix_export_schedule_due_at", "due_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    venue_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    every: Mapped[str]
    hour: Mapped[int]
    time_zone: Mapped[str]
    what: Mapped[str]
    format: Mapped[str]
    offer_id: Mapped[UUID | None]
    venue_id: Mapped[UUID | None]
    by: Mapped[str | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """When the next export is made."""
