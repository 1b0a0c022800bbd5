"""The whole funnel, and whether the offer caused the visit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from lbs.ledger.models import Xid8

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _facts()
    _rollups()
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


def _rollups() -> None:
    """Sums of the ledger by hour, day and month, and the indexes that counting live needs."""
    op.create_table(
        "customer_number",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_customer_number")),
        sa.UniqueConstraint("number", name=op.f("uq_customer_number_number")),
    )
    op.create_table(
        "rollup_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transaction_id", Xid8(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_rollup_mark_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_mark")),
    )
    op.execute("INSERT INTO rollup_mark VALUES (1, '0')")
    op.create_table(
        "rollup_scope",
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "venue_id", name=op.f("pk_rollup_scope")),
    )
    op.create_index("ix_rollup_scope_merchant_id", "rollup_scope", ["merchant_id"])
    op.create_table(
        "rollup",
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("elapsed", postgresql.JSONB(), nullable=False),
        sa.Column("steps", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("customers", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.PrimaryKeyConstraint(
            "scope_id", "venue_id", "tier", "dimension", "start", "value", name=op.f("pk_rollup")
        ),
    )
    # the bitmaps are compressed already
    op.execute("ALTER TABLE rollup ALTER customers SET STORAGE EXTERNAL")
    for name, columns, where in (
        ("accepted", ["subject_id", "venue_id", "at"], "verdict = 'accepted'"),
        (
            "lost",
            ["merchant_id", "venue_id", "subject_id"],
            "kind = 'check_in_voided' AND first_visit",
        ),
        ("unlock_voided", ["merchant_id", "unlock_id"], "kind = 'unlock_voided'"),
        ("exposed", ["merchant_id", "offer_id", "subject_id", "at"], "kind = 'exposed'"),
    ):
        op.create_index(
            f"ix_ledger_event_{name}", "ledger_event", columns, postgresql_where=sa.text(where)
        )


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
        sa.Column("changes", postgresql.JSONB(), nullable=False),
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
