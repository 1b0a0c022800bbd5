"""What merchants have provisioned to prove presence with, and what of it has been used."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class VenueProof(Model):
    """A code, tag, beacon, reader or staff member of a venue; its secret sealed.

    `token_digest` is of the key that a kiosk, a reader or a staff member identifies itself with.
    `counter` is the highest read counter of a tag, or sequence number of a reader, seen so far.
    """

    __tablename__ = "venue_proof"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('venue_code', 'poster_code', 'nfc_tag', 'beacon', 'reader', 'staff')",
            name="kind",
        ),
        ForeignKeyConstraint(["venue_id", "merchant_id"], ["venue.id", "venue.merchant_id"]),
        Index("ix_venue_proof_live", "venue_id", "kind", postgresql_where="revoked_at IS NULL"),
        Index("ix_venue_proof_venue_id_id", "venue_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    venue_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    sealed_secret: Mapped[str]
    token_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    counter: Mapped[int | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ProofUse(Model):
    """A customer has used a proof; `step` is its time step, counter or hour.

    It knows the subject only: crowds and limits count those too who have been erased since.
    """

    __tablename__ = "proof_use"
    __table_args__ = (Index("ix_proof_use_used_at", "used_at"),)
    proof_id: Mapped[UUID] = mapped_column(ForeignKey("venue_proof.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    used_at: Mapped[datetime]


class Wristband(Model):
    """A tag that a customer wears or carries, read at a merchant's readers."""

    __tablename__ = "wristband"
    __table_args__ = (
        CheckConstraint("status IN ('bound', 'unbound', 'lost')", name="status"),
        Index(
            "uq_wristband_bound",
            "merchant_id",
            "tag_digest",
            unique=True,
            postgresql_where="status <> 'unbound'",
        ),
        Index("ix_wristband_merchant_id_id", "merchant_id", "id"),
        Index("ix_wristband_merchant_id_tag_digest", "merchant_id", "tag_digest"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    tag_digest: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_tag: Mapped[str]
    status: Mapped[str]
    bound_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ReaderTap(Model):
    """A tap that a reader has reported; each sequence number counts once."""

    __tablename__ = "reader_tap"
    proof_id: Mapped[UUID] = mapped_column(ForeignKey("venue_proof.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tapped_at: Mapped[datetime]
    received_at: Mapped[datetime]
    outcome: Mapped[str]
    check_in_id: Mapped[UUID | None]


class DeviceKey(Model):
    """The public half of a key that a phone's secure element made (App Attest)."""

    __tablename__ = "device_key"
    key_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    counter: Mapped[int]
    created_at: Mapped[datetime]


class UsedChallenge(Model):
    """A challenge that a device has answered; none is answered twice."""

    __tablename__ = "used_challenge"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    used_at: Mapped[datetime] = mapped_column(index=True)
