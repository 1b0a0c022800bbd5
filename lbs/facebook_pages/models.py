"""Merchants' Pages on Facebook, and the posts that are put there."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class FacebookPage(Model):
    """A Page that a merchant has connected, or had."""

    __tablename__ = "facebook_page"
    __table_args__ = (
        UniqueConstraint("id", "merchant_id"),
        UniqueConstraint("merchant_id", "page_id"),
        CheckConstraint(
            "status IN ('connected', 'reauth_required', 'permission_missing', 'disconnected')",
            name="status",
        ),
        CheckConstraint("sealed_token IS NOT NULL OR status = 'disconnected'", name="token"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    page_id: Mapped[str] = mapped_column(index=True)
    """Facebook's own."""
    name: Mapped[str]
    status: Mapped[str]
    sealed_token: Mapped[str | None]
    """Of a disconnected Page it is kept until Meta tells of it no more."""
    expires_at: Mapped[datetime | None]
    """When the token, or the leave to read the Page's data, ends; None: no time is set."""
    warned_of: Mapped[datetime | None]
    """The end of which the merchant was told."""
    paused_until: Mapped[datetime | None]
    error_code: Mapped[int | None]
    """Of the last error that had the Page stopped."""
    checked_at: Mapped[datetime]
    connected_at: Mapped[datetime]
    """When the token was given."""
    created_at: Mapped[datetime]


class FacebookPost(Model):
    """An offer put on a Page, or on its way there or away.

    While it is, `next_try_at` is when it may be taken next: whoever takes it moves that on, so
    what a killed worker had taken is taken again.
    """

    __tablename__ = "facebook_post"
    __table_args__ = (
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
        ForeignKeyConstraint(
            ["facebook_page_id", "merchant_id"], ["facebook_page.id", "facebook_page.merchant_id"]
        ),
        CheckConstraint(
            "state IN ('queued', 'posted', 'cancelled', 'deleting', 'deleted', 'dead')",
            name="state",
        ),
        CheckConstraint(
            "(state IN ('queued', 'deleting')) = (next_try_at IS NOT NULL)", name="next_try"
        ),
        CheckConstraint("state <> 'posted' OR post_id IS NOT NULL", name="posted"),
        Index("ix_facebook_post_offer_id_id", "offer_id", "id"),
        Index(
            "ix_facebook_post_due",
            "facebook_page_id",
            "next_try_at",
            postgresql_where="state IN ('queued', 'deleting')",
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    offer_id: Mapped[UUID]
    facebook_page_id: Mapped[UUID]
    share_id: Mapped[UUID] = mapped_column(ForeignKey("share.id"), unique=True)
    """The link is this post's alone, so it is known by it, and so are the visits it brings."""
    message: Mapped[str | None]
    publish_at: Mapped[datetime]
    state: Mapped[str]
    unwanted: Mapped[bool]
    """It is to be taken away again, wherever it has got to."""
    post_id: Mapped[str | None] = mapped_column(unique=True)
    """Facebook's own."""
    posted_at: Mapped[datetime | None]
    failed: Mapped[int]
    """Tries in vain, since `failing_since`."""
    failing_since: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    """When Meta was first asked to post it: from then on it may be there."""
    next_try_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    """Why it was given up."""
    error_code: Mapped[int | None]
    trace_id: Mapped[str | None]
    created_at: Mapped[datetime]
