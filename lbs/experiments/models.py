from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class Experiment(Model):
    """A comparison of versions of an offer; what is stated before it starts never changes."""

    __tablename__ = "experiment"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'running', 'stopped')", name="status"),
        CheckConstraint("metric IN ('visits', 'redemptions', 'revenue')", name="metric"),
        UniqueConstraint("id", "offer_id"),
        ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
        Index("ix_experiment_offer_id_id", "offer_id", "id"),
        Index(
            "uq_experiment_running",
            "offer_id",
            unique=True,
            postgresql_where="status = 'running'",
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID]
    merchant_id: Mapped[UUID]
    status: Mapped[str]
    metric: Mapped[str]
    horizon_days: Mapped[int]
    """So long after their exposure customers' outcomes count."""
    min_lift: Mapped[float]
    """The smallest worth finding, relative to the control."""
    power: Mapped[float]
    alpha: Mapped[float]
    min_customers: Mapped[int]
    """In each arm, before anything is concluded."""
    min_weeks: Mapped[int]
    sealed_key: Mapped[str]
    """What customers are hashed with, in hexadecimal."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    promoted_arm: Mapped[str | None]


class ExperimentArm(Model):
    """An arm; the one named `holdout` has no terms, for its customers do not meet the offer."""

    __tablename__ = "experiment_arm"
    __table_args__ = (
        CheckConstraint("share_percent BETWEEN 0 AND 100", name="share"),
        CheckConstraint("name <> 'holdout' OR terms_version IS NULL", name="holdout"),
        ForeignKeyConstraint(
            ["experiment_id", "offer_id"], ["experiment.id", "experiment.offer_id"]
        ),
        ForeignKeyConstraint(
            ["offer_id", "terms_version"], ["offer_version.offer_id", "offer_version.number"]
        ),
    )
    experiment_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID]
    position: Mapped[int]
    share_percent: Mapped[int]
    changes: Mapped[dict[str, Any]]
    """What it changes about the offer's terms, by column name."""
    terms_version: Mapped[int | None]
    """None also until it starts."""


class Exposure(Model):
    """A customer's first meeting with the offer while the experiment runs.

    `subject_id` stands for a customer; after an erasure it leads to nobody.
    """

    __tablename__ = "exposure"
    __table_args__ = (
        ForeignKeyConstraint(
            ["experiment_id", "arm"], ["experiment_arm.experiment_id", "experiment_arm.name"]
        ),
    )
    experiment_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    arm: Mapped[str]
    venue_id: Mapped[UUID | None]
    channel: Mapped[str]
    at: Mapped[datetime]
    counted: Mapped[bool]
    """False for testers and staff."""
