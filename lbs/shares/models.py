from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Share(Model):
    """A link to an offer: a customer's, or the merchant's own.

    It outlives the customer, leading from nobody then.
    """

    __tablename__ = "share"
    __table_args__ = (
        UniqueConstraint("customer_id", "offer_id"),
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(index=True)
    merchant_id: Mapped[UUID]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    subject_id: Mapped[UUID | None]
    """The customer's; None: it is the merchant's own."""
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


class ShareVisit(Model):
    """Who has followed a share today, so that each is counted once: forgotten the day after.

    `visitor` and `network` are keyed digests in which the day has part. They lead back to nobody.
    """

    __tablename__ = "share_visit"
    share_id: Mapped[UUID] = mapped_column(ForeignKey("share.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    visitor: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    network: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the address from which the page was opened; None: it was the app."""


class SharePicture(Model):
    """A picture as it was first given out. Its address never shows another one."""

    __tablename__ = "share_picture"
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    """Of what it shows."""
    png: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Brand(Model):
    """How a merchant's links look; without a row, as everybody's."""

    __tablename__ = "brand"
    __table_args__ = (CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color"),)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"), primary_key=True)
    color: Mapped[str]
    updated_at: Mapped[datetime]
