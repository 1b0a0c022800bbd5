from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Redemption(Model):
    """A pass used up at a till. At most one that is not reversed for each unlock."""

    __tablename__ = "redemption"
    __table_args__ = (
        CheckConstraint("(reversed_at IS NULL) = (reversal_reason IS NULL)", name="reversal"),
        Index(
            "uq_redemption_live", "unlock_id", unique=True, postgresql_where="reversed_at IS NULL"
        ),
        Index("ix_redemption_unlock_id", "unlock_id"),
        Index("ix_redemption_merchant_id_id", "merchant_id", "id"),
        Index("ix_redemption_offer_id_id", "offer_id", "id"),
        Index("ix_redemption_venue_id_id", "venue_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    unlock_id: Mapped[UUID] = mapped_column(ForeignKey("unlock.id"))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"))
    offer_version: Mapped[int]
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venue.id"))
    api_key_id: Mapped[UUID] = mapped_column(ForeignKey("api_key.id"))
    redeemed_at: Mapped[datetime]
    value_minor: Mapped[int]
    cost_minor: Mapped[int]
    amount_minor: Mapped[int | None]
    currency: Mapped[str]
    order_reference: Mapped[str | None]
    reversed_at: Mapped[datetime | None]
    reversal_reason: Mapped[str | None]
