from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model
from lbs.ledger.models import Xid8


class WebhookEndpoint(Model):
    """Where a merchant's own system takes messages, and of which types."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'disabled')", name="status"),
        CheckConstraint(
            "(status = 'disabled') = (disabled_reason IS NOT NULL) "
            "AND (disabled_reason IS NULL) = (disabled_at IS NULL)",
            name="disabled",
        ),
        CheckConstraint(
            "disabled_reason IN ('by_merchant', 'gone', 'failing')", name="disabled_reason"
        ),
        Index("ix_webhook_endpoint_merchant_id_id", "merchant_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]]
    status: Mapped[str]
    disabled_reason: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    sealed_secret: Mapped[str]
    sealed_old_secret: Mapped[str | None]
    """Signs beside the new one until then."""
    old_secret_ends_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    """The first failed attempt since the last that succeeded."""
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookMessage(Model):
    """What endpoints are told, byte for byte; its id is the `webhook-id` of every attempt."""

    __tablename__ = "webhook_message"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    type: Mapped[str]
    body: Mapped[str]
    order_key: Mapped[str | None]
    fact_id: Mapped[UUID | None] = mapped_column(unique=True)
    """The event of the ledger that it tells: never told twice."""
    created_at: Mapped[datetime] = mapped_column(index=True)


class WebhookDelivery(Model):
    """One message on its way to one endpoint.

    While it is pending, `next_attempt_at` is when it may be taken next: whoever takes it moves
    that on, so what a killed worker had taken is taken again.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name="state"),
        Index("ix_webhook_delivery_endpoint_id_id", "endpoint_id", "id"),
        Index(
            "ix_webhook_delivery_due",
            "endpoint_id",
            "next_attempt_at",
            postgresql_where="state = 'pending'",
        ),
        Index(
            "ix_webhook_delivery_waiting",
            "endpoint_id",
            "order_key",
            "number",
            postgresql_where="state = 'pending'",
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity(always=True))
    """Deliveries of one order key leave in this order."""
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    message_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_message.id", ondelete="CASCADE"), index=True
    )
    order_key: Mapped[str | None]
    state: Mapped[str]
    attempts: Mapped[int]
    first_attempt_at: Mapped[datetime | None]
    """When the time to try it for began."""
    last_attempt_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    answer_status: Mapped[int | None]
    """Of the last attempt; none where no answer came."""
    problem: Mapped[str | None]
    """Why no answer, or no whole one, came at the last attempt."""
    latency_ms: Mapped[int | None]
    created_at: Mapped[datetime]


class WebhookPosition(Model):
    """How far the ledger has been read for messages: one row."""

    __tablename__ = "webhook_position"
    __table_args__ = (CheckConstraint("id", name="one_row"),)
    id: Mapped[bool] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(Xid8)
    event_id: Mapped[UUID]


class WebhookTakenOffer(Model):
    """An offer of which was told that all of its total limit is taken."""

    __tablename__ = "webhook_taken_offer"
    offer_id: Mapped[UUID] = mapped_column(
        ForeignKey("offer.id", ondelete="CASCADE"), primary_key=True
    )
