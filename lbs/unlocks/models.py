from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
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
        CheckConstraint("cardinality(units) = cardinality(buckets)", name="units"),
        CheckConstraint(
            "cardinality(reserved_units) = cardinality(reserved_buckets)"
            " AND (reserved_until IS NULL OR reserve_s IS NOT NULL)"
            " AND (reserved_until IS NOT NULL OR reserved_buckets = '{}')",
            name="reservation",
        ),
        CheckConstraint("opened_by IN ('check_in', 'party', 'swarm', 'friends')", name="opened_by"),
        ForeignKeyConstraint(
            ["offer_id", "offer_version"], ["offer_version.offer_id", "offer_version.number"]
        ),
        UniqueConstraint("check_in_id", "offer_id"),
        UniqueConstraint("merchant_id", "code_digest"),
        Index("ix_unlock_customer_id_offer_id", "customer_id", "offer_id"),
        Index("ix_unlock_expires_at", "expires_at", postgresql_where="state = 'unlocked'"),
        Index(
            "ix_unlock_reserved_until",
            "reserved_until",
            postgresql_where="reserved_until IS NOT NULL",
        ),
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
    code_digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Of `read_any`; two merchants may have imported the same code."""
    state: Mapped[str]
    buckets: Mapped[list[str]]
    """The counters of offer_stock that it takes from."""
    units: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """How much of each."""
    counted: Mapped[bool] = mapped_column(server_default="true")
    """Whether it counts in statistics: a tester's and a staff member's do not."""
    opened_by: Mapped[str] = mapped_column(server_default="check_in")
    """`party`, `swarm`, `friends`: by another's check-in that completed it."""
    channel: Mapped[str | None]
    experiment_id: Mapped[UUID | None]
    variant: Mapped[str | None]
    share_id: Mapped[UUID | None]
    level: Mapped[int | None]
    first_visit: Mapped[bool | None]
    """These six as in the ledger: every later fact about the unlock says them too."""
    unlocked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    reserve_s: Mapped[int | None]
    """For how long it can be reserved, which it then has to be; None: it needs no reservation."""
    reserved_until: Mapped[datetime | None]
    reserved_buckets: Mapped[list[str]] = mapped_column(server_default="{}")
    """The counters that the reservation takes from, beside `buckets`."""
    reserved_units: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")


class OfferFlag(Model):
    """What a customer for whom an offer has opened says is wrong with it; the last word counts."""

    __tablename__ = "offer_flag"
    __table_args__ = (
        CheckConstraint("problem IN ('not_redeemable', 'not_valuable', 'other')", name="problem"),
        UniqueConstraint("offer_id", "customer_id"),
        Index("ix_offer_flag_offer_id_id", "offer_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"))
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    problem: Mapped[str]
    text: Mapped[str | None]
    counted: Mapped[bool]
    """Whether it counts towards a pause: testers' and staff's do not."""
    flagged_at: Mapped[datetime]


class OfferCode(Model):
    """A single-use code of the merchant's own, handed out with one unlock and never again."""

    __tablename__ = "offer_code"
    __table_args__ = (
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
        UniqueConstraint("merchant_id", "code_digest"),
        Index("ix_offer_code_offer_id_id", "offer_id", "id"),
        Index("ix_offer_code_available", "offer_id", "id", postgresql_where="unlock_id IS NULL"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID]
    merchant_id: Mapped[UUID]
    code_digest: Mapped[bytes] = mapped_column(LargeBinary)
    """As the unlock's that it is handed out with."""
    sealed_code: Mapped[str]
    unlock_id: Mapped[UUID | None] = mapped_column(ForeignKey("unlock.id"), unique=True)
    imported_at: Mapped[datetime]
