"""Who there is: merchants, apps, their keys; customers, their devices and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Merchant(Model):
    __tablename__ = "merchant"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    pseudonym_key: Mapped[bytes] = mapped_column(LargeBinary, server_default=FetchedValue())
    """Turns a customer's subject_id into the pseudonym that this merchant alone knows."""
    created_at: Mapped[datetime]


class App(Model):
    __tablename__ = "app"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    sealed_integrity: Mapped[str | None]
    """What the app's phones are attested with, as JSON; None: it has not been set up."""
    created_at: Mapped[datetime]


class ApiKey(Model):
    """A merchant's key, an app's publishable key or an app's backend key."""

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("(merchant_id IS NULL) <> (app_id IS NULL)", name="one_owner"),
        CheckConstraint("kind IN ('merchant', 'publishable', 'backend')", name="kind"),
        UniqueConstraint("id", "merchant_id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    merchant_id: Mapped[UUID | None] = mapped_column(ForeignKey("merchant.id"), index=True)
    app_id: Mapped[UUID | None] = mapped_column(ForeignKey("app.id"), index=True)
    name: Mapped[str]
    secret_digest: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKeyVenue(Model):
    """The venues a key is restricted to; the database sees to it that they are the merchant's."""

    __tablename__ = "api_key_venue"
    __table_args__ = (
        ForeignKeyConstraint(["api_key_id", "merchant_id"], ["api_key.id", "api_key.merchant_id"]),
        ForeignKeyConstraint(["venue_id", "merchant_id"], ["venue.id", "venue.merchant_id"]),
    )
    api_key_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]


class Customer(Model):
    """Only this row ties a person to the facts, which know the `subject_id` alone."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("app_id", "external_id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(unique=True)
    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"))
    external_id: Mapped[str | None]
    created_at: Mapped[datetime]


class CustomerDevice(Model):
    __tablename__ = "customer_device"
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True
    )
    device_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True, index=True)
    first_seen_at: Mapped[datetime]


class CustomerStanding(Model):
    """How a merchant has a customer treated at its venues."""

    __tablename__ = "customer_standing"
    __table_args__ = (
        CheckConstraint("standing IN ('blocked', 'tester', 'staff')", name="standing"),
    )
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"), primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    standing: Mapped[str]
    note: Mapped[str | None]
    created_at: Mapped[datetime]


class RefreshToken(Model):
    """One link of a rotating chain; using a link twice revokes its whole family."""

    __tablename__ = "refresh_token"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    family_id: Mapped[UUID] = mapped_column(index=True)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), index=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SigningKey(Model):
    """An Ed25519 key pair; the private half sealed. Published until it retires."""

    __tablename__ = "signing_key"
    id: Mapped[str] = mapped_column(primary_key=True)
    sealed_private: Mapped[str]
    public_jwk: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    retires_at: Mapped[datetime | None]
