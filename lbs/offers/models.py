from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Offer(Model):
    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'active', 'paused', 'ended')", name="status"),
        UniqueConstraint("id", "merchant_id"),
        ForeignKeyConstraint(
            ["id", "terms_version"],
            ["offer_version.offer_id", "offer_version.number"],
            name="fk_offer_terms",
            deferrable=True,
            initially="DEFERRED",
            use_alter=True,
        ),
        ForeignKeyConstraint(
            ["experiment_id", "id"],
            ["experiment.id", "experiment.offer_id"],
            name="fk_offer_experiment",
            use_alter=True,
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"), index=True)
    status: Mapped[str]
    terms_version: Mapped[int]
    copied_from: Mapped[UUID | None] = mapped_column(ForeignKey("offer.id"))
    experiment_id: Mapped[UUID | None]
    """The experiment that runs on it: not everybody meets its newest terms."""
    review: Mapped[dict[str, Any] | None]
    """What was known when it last became active, or changed while it was."""
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OfferVersion(Model):
    """What an offer promised at one time; never changed once written."""

    __tablename__ = "offer_version"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="valid"),
        CheckConstraint("value_minor >= 0 AND cost_minor >= 0", name="money"),
        CheckConstraint("budget_minor >= 0", name="budget"),
        CheckConstraint("min_level BETWEEN 1 AND 3", name="min_level"),
        CheckConstraint(
            "audience IN ('anyone', 'existing_customers', 'subscribers', 'members')",
            name="audience",
        ),
    )
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    teaser: Mapped[str]
    terms: Mapped[str]
    reward: Mapped[dict[str, Any]]
    rule: Mapped[dict[str, Any]]
    value_minor: Mapped[int]
    cost_minor: Mapped[int]
    currency: Mapped[str]
    goal: Mapped[dict[str, Any] | None]
    audience: Mapped[str]
    static_code: Mapped[str | None]
    """One code for everybody, which no review lets pass."""
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    limit_total: Mapped[int | None]
    limit_per_customer: Mapped[int | None]
    limit_per_day: Mapped[int | None]
    limit_per_venue: Mapped[int | None]
    limit_per_venue_day: Mapped[int | None]
    budget_minor: Mapped[int | None]
    schedule: Mapped[dict[str, Any]]
    redeem_within_s: Mapped[int | None]
    reserve_s: Mapped[int | None]
    """None: an unlock takes its stock when it opens, else when it is claimed, for so long."""
    min_level: Mapped[int | None]
    """None: the venue's."""
    priority: Mapped[int] = mapped_column(server_default="0")
    combinable: Mapped[bool] = mapped_column(server_default="true")
    """If not, it opens alone."""
    created_at: Mapped[datetime]


class OfferVenue(Model):
    __tablename__ = "offer_venue"
    __table_args__ = (
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
        ForeignKeyConstraint(["venue_id", "merchant_id"], ["venue.id", "venue.merchant_id"]),
    )
    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    merchant_id: Mapped[UUID]


class OfferGroup(Model):
    __tablename__ = "offer_group"
    __table_args__ = (
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
        ForeignKeyConstraint(
            ["group_id", "merchant_id"], ["venue_group.id", "venue_group.merchant_id"]
        ),
    )
    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    merchant_id: Mapped[UUID]


class StackingSetting(Model):
    """What a merchant lets open together at one check-in; without a row: all."""

    __tablename__ = "stacking"
    __table_args__ = (
        CheckConstraint(
            "policy IN ('all', 'best_for_customer', 'merchant_priority')", name="policy"
        ),
        CheckConstraint("max_per_check_in >= 1", name="max_per_check_in"),
    )
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"), primary_key=True)
    policy: Mapped[str]
    max_per_check_in: Mapped[int | None]
    updated_at: Mapped[datetime]


class OfferStock(Model):
    """How much of one limit is taken: `total`, `day 2026-01-31`, `customer ...`, `budget DKK`."""

    __tablename__ = "offer_stock"
    __table_args__ = (CheckConstraint("taken BETWEEN 0 AND cap", name="never_more"),)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"), primary_key=True)
    bucket: Mapped[str] = mapped_column(primary_key=True)
    taken: Mapped[int]
    cap: Mapped[int]


class Promotion(Model):
    """A public promotion of the merchant, wherever it runs; offers are compared with it.

    A date of None is open; both days are in it, by the clocks of wherever it runs.
    """

    __tablename__ = "promotion"
    __table_args__ = (
        CheckConstraint("starts_on <= ends_on", name="dates"),
        Index("ix_promotion_merchant_id_id", "merchant_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchant.id"))
    text: Mapped[str]
    channel: Mapped[str]
    url: Mapped[str | None]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Notice(Model):
    """What the service tells a merchant of an offer, of a system of its own that it sends to, or
    of a Page on Facebook; `data` fills in the words of its kind.
    """

    __tablename__ = "notice"
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(offer_id, webhook_endpoint_id, facebook_page_id) = 1", name="one_subject"
        ),
        Index("ix_notice_merchant_id_id", "merchant_id", "id"),
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    at: Mapped[datetime]
    kind: Mapped[str]
    offer_id: Mapped[UUID | None] = mapped_column(index=True)
    webhook_endpoint_id: Mapped[UUID | None]
    """Which may have been deleted since."""
    facebook_page_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    read_at: Mapped[datetime | None]
