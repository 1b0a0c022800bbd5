from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Party(Model):
    """Customers who go together for some hours.

    Who they are stands at their check-ins alone, and is forgotten with the party.
    """

    __tablename__ = "party"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    venue_id: Mapped[UUID | None] = mapped_column(ForeignKey("venue.id"))
    """None: at any venue."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class FriendInvitation(Model):
    """A code by which one other customer becomes this one's friend."""

    __tablename__ = "friend_invitation"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    code_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    sealed_code: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Friendship(Model):
    """Two customers who linked each other: one row for both, the smaller id first."""

    __tablename__ = "friendship"
    __table_args__ = (
        CheckConstraint("one_id < other_id", name="ordered"),
        UniqueConstraint("one_id", "other_id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """What each calls the other: it names the link, and no customer."""
    one_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    other_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
