from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model
from lbs.ledger.models import Xid8


class Consent(Model):
    """What a customer has agreed to; taken back, the row is gone, and what hangs on it."""

    __tablename__ = "consent"
    __table_args__ = (
        UniqueConstraint("customer_id", "purpose"),
        CheckConstraint("purpose IN ('conversions')", name="purpose"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    text_version: Mapped[str]
    """Of the text that the customer was shown."""
    given_at: Mapped[datetime]
    email_hash: Mapped[str | None]
    phone_hash: Mapped[str | None]


class ConversionSetting(Model):
    """Where a merchant's conversions go, and whether they do."""

    __tablename__ = "conversion_setting"
    __table_args__ = (
        CheckConstraint(
            "status IN ('active', 'reauth_required', 'permission_missing')", name="status"
        ),
    )
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"), primary_key=True)
    dataset_id: Mapped[str]
    sealed_token: Mapped[str]
    status: Mapped[str]
    paused_until: Mapped[datetime | None]
    unreceived: Mapped[int]
    """How many of those sent Meta did not count as received."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ConversionVenue(Model):
    """A venue that the merchant has chosen to tell of."""

    __tablename__ = "conversion_venue"
    __table_args__ = (
        ForeignKeyConstraint(["venue_id", "merchant_id"], ["venue.id", "venue.merchant_id"]),
    )
    merchant_id: Mapped[UUID] = mapped_column(
        ForeignKey("conversion_setting.merchant_id", ondelete="CASCADE"), primary_key=True
    )
    venue_id: Mapped[UUID] = mapped_column(primary_key=True)


class Conversion(Model):
    """A visit or a redemption on its way to Meta.

    While it is pending it hangs on the customer's consent, from which the hashes are taken when
    it is sent; after that it leads to nobody. `next_try_at` is when it may be taken next: whoever
    takes it moves that on, so what a killed worker had taken is taken again.
    """

    __tablename__ = "conversion"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'sent', 'dropped', 'dead')", name="state"),
        CheckConstraint(
            "(state = 'pending') = (next_try_at IS NOT NULL) "
            "AND (state <> 'sent' OR consent_id IS NULL) "
            "AND (state NOT IN ('pending', 'dead') OR consent_id IS NOT NULL"
            " OR test_event_code IS NOT NULL)",
            name="consented",
        ),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
        Index("ix_conversion_merchant_id_id", "merchant_id", "id"),
        Index(
            "ix_conversion_due", "merchant_id", "next_try_at", postgresql_where="state = 'pending'"
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(
        ForeignKey("conversion_setting.merchant_id", ondelete="CASCADE")
    )
    fact_id: Mapped[UUID | None] = mapped_column(unique=True)
    """The event of the ledger that it tells: never told twice."""
    consent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("consent.id", ondelete="CASCADE"), index=True
    )
    consent_text_version: Mapped[str | None]
    consent_given_at: Mapped[datetime | None]
    """As the consent was when the conversion was last taken to be sent."""
    name: Mapped[str]
    time: Mapped[int] = mapped_column(index=True)
    """In seconds since 1970, the same at every try."""
    order_id: Mapped[UUID]
    venue_id: Mapped[UUID | None] = mapped_column(ForeignKey("venue.id"))
    offer_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    test_event_code: Mapped[str | None]
    state: Mapped[str]
    failed: Mapped[int]
    """So many tries were in vain."""
    next_try_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    error_code: Mapped[int | None]
    trace_id: Mapped[str | None]
    """What Meta calls the last call, for its support."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class ConversionPosition(Model):
    """How far the ledger has been read for conversions: one row."""

    __tablename__ = "conversion_position"
    __table_args__ = (CheckConstraint("id", name="one_row"),)
    id: Mapped[bool] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(Xid8)
    event_id: Mapped[UUID]
