from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Share(Model):
    """A customer's link to an offer. It outlives the customer, leading from nobody then."""

    __tablename__ = "share"
    __table_args__ = (
        UniqueConstraint("customer_id", "offer_id"),
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(index=True)
    merchant_id: Mapped[UUID]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    subject_id: Mapped[UUID]
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """As `hash_token` makes it: it needs no key."""
    sealed_token: Mapped[str]
    created_at: Mapped[datetime]


class Referral(Model):
    """The share by which a customer came to an offer last."""

    __tablename__ = "referral"
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True
    )
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    share_id: Mapped[UUID] = mapped_column(ForeignKey("share.id"), index=True)
    bound_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    """When the customer's verified check-in opened the offer."""
