from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class FacebookUserLink(Model):
    """A customer who can sign in by Facebook. It is all that is kept from there."""

    __tablename__ = "facebook_user_link"
    __table_args__ = (UniqueConstraint("user_digest", "app_id"),)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True
    )
    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"))
    """The customer's app here; Facebook's app is the same for all."""
    user_digest: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_user_id: Mapped[str]
    """So that the digest can be made anew under another key."""
    linked_at: Mapped[datetime]


class FacebookDeletion(Model):
    """That data of somebody on Facebook was deleted, and when; not whose."""

    __tablename__ = "facebook_deletion"
    code: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """Keyed, of who asked and when: the same request again gets the same code."""
    done_at: Mapped[datetime] = mapped_column(index=True)
