"""The whole funnel, and whether the offer caused the visit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _facts()
    _experiments()


def _facts() -> None:
    for name, kind in (
        ("channel", sa.Text()),
        ("experiment_id", sa.Uuid()),
        ("variant", sa.Text()),
        ("share_id", sa.Uuid()),
        ("actor_id", sa.Uuid()),
        ("elapsed_s", sa.BigInteger()),
        ("within_days", sa.BigInteger()),
    ):
        op.add_column("ledger_event", sa.Column(name, kind, nullable=True))
    op.create_index("ix_ledger_event_transaction_id", "ledger_event", ["transaction_id"])
    op.create_index(
        "ix_ledger_event_viewed",
        "ledger_event",
        ["offer_id", "subject_id", "at"],
        postgresql_where=sa.text("kind = 'teaser_viewed'"),
    )
    for name, kind in (
        ("channel", sa.Text()),
        ("experiment_id", sa.Uuid()),
        ("variant", sa.Text()),
        ("share_id", sa.Uuid()),
        ("level", sa.BigInteger()),
        ("first_visit", sa.Boolean()),
    ):
        op.add_column("unlock", sa.Column(name, kind, nullable=True))


def _experiments() -> None:
    op.create_table(
        "experiment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("horizon_days", sa.BigInteger(), nullable=False),
        sa.Column("min_lift", sa.Float(), nullable=False),
        sa.Column("power", sa.Float(), nullable=False),
        sa.Column("alpha", sa.Float(), nullable=False),
        sa.Column("min_customers", sa.BigInteger(), nullable=False),
        sa.Column("min_weeks", sa.BigInteger(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promoted_arm", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'running', 'stopped')", name=op.f("ck_experiment_status")
        ),
        sa.CheckConstraint(
            "metric IN ('visits', 'redemptions', 'revenue')", name=op.f("ck_experiment_metric")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id", "merchant_id"],
            ["offer.id", "offer.merchant_id"],
            name=op.f("fk_experiment_offer_id_offer"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiment")),
        sa.UniqueConstraint("id", "offer_id", name=op.f("uq_experiment_id_offer_id")),
    )
    op.create_index("ix_experiment_offer_id_id", "experiment", ["offer_id", "id"])
    op.create_index(
        "uq_experiment_running",
        "experiment",
        ["offer_id"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "experiment_arm",
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("share_percent", sa.BigInteger(), nullable=False),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("terms_version", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("share_percent BETWEEN 0 AND 100", name=op.f("ck_experiment_arm_share")),
        sa.CheckConstraint(
            "name <> 'holdout' OR terms_version IS NULL", name=op.f("ck_experiment_arm_holdout")
        ),
        sa.ForeignKeyConstraint(
            ["experiment_id", "offer_id"],
            ["experiment.id", "experiment.offer_id"],
            name=op.f("fk_experiment_arm_experiment_id_experiment"),
        ),
        sa.ForeignKeyConstraint(
            ["offer_id", "terms_version"],
            ["offer_version.offer_id", "offer_version.number"],
            name=op.f("fk_experiment_arm_offer_id_offer_version"),
        ),
        sa.PrimaryKeyConstraint("experiment_id", "name", name=op.f("pk_experiment_arm")),
    )
    op.create_table(
        "exposure",
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id", "arm"],
            ["experiment_arm.experiment_id", "experiment_arm.name"],
            name=op.f("fk_exposure_experiment_id_experiment_arm"),
        ),
        sa.PrimaryKeyConstraint("experiment_id", "subject_id", name=op.f("pk_exposure")),
    )
    op.add_column("offer", sa.Column("experiment_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_offer_experiment",
        "offer",
        "experiment",
        ["experiment_id", "id"],
        ["id", "offer_id"],
    )


def downgrade() -> None:
    raise RuntimeError("What was counted cannot be taken back: restore a backup instead.")
