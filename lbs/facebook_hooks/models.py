"""What Meta has told of Pages: raw for a while, and which things are on which post."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class FacebookWebhook(Model):
    """A request of Meta's as it was signed. Its body is dropped once it has been read."""

    __tablename__ = "facebook_webhook"
    __table_args__ = (
        CheckConstraint("(body IS NULL) = (read_at IS NOT NULL)", name="read"),
        Index("ix_facebook_webhook_unread", "id", postgresql_where="body IS NOT NULL"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the body: what Meta sends again is not kept again."""
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(index=True)
    read_at: Mapped[datetime | None]


class FacebookChange(Model):
    """A change that a webhook told of, without who did it and what was said."""

    __tablename__ = "facebook_change"
    __table_args__ = (
        CheckConstraint("outcome IN ('counted', 'ignored', 'unreadable')", name="outcome"),
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """Keyed, of what tells it from other changes: told twice, it is one."""
    webhook_id: Mapped[UUID] = mapped_column(
        ForeignKey("facebook_webhook.id", ondelete="CASCADE"), index=True
    )
    page_id: Mapped[str | None]
    field: Mapped[str | None]
    item: Mapped[str | None]
    verb: Mapped[str | None]
    post_id: Mapped[str | None]
    at: Mapped[datetime | None]
    outcome: Mapped[str]


class EngagedPost(Model):
    """A post that something is known to be on, under Facebook's id of it."""

    __tablename__ = "facebook_engaged_post"
    post_id: Mapped[str] = mapped_column(primary_key=True)
    page_id: Mapped[str | None] = mapped_column(index=True)
    sealed_salt: Mapped[str]
    """Of the post alone, so that nobody is known again on another."""


class Engagement(Model):
    """A reaction, comment or share that is on a post, or was."""

    __tablename__ = "facebook_engagement"
    __table_args__ = (CheckConstraint("kind IN ('reaction', 'comment', 'share')", name="kind"),)
    post_id: Mapped[str] = mapped_column(
        ForeignKey("facebook_engaged_post.post_id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    thing: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """A salted digest."""
    is_there: Mapped[bool]
    at: Mapped[datetime]
