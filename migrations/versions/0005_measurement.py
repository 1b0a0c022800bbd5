"""The whole funnel, and whether the offer caused the visit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from lbs.ledger.models import Xid8

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _facts()
    _told_by_apps()
    _rollups()
    _experiments()
    _webhooks()
    _exports()


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


def _told_by_apps() -> None:
    op.add_column("check_in", sa.Column("channel", sa.Text(), nullable=True))
    op.create_table(
        "app_event_seen",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "client_id", name="pk_app_event_seen"),
    )
    op.create_index(
        "ix_app_event_seen_seen_at", "app_event_seen", ["seen_at"], postgresql_using="brin"
    )


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
        sa.Column("uniform", JSONB(), nullable=False),
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


def _webhooks() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_old_secret", sa.Text(), nullable=True),
        sa.Column("old_secret_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'disabled')", name=op.f("ck_webhook_endpoint_status")
        ),
        sa.CheckConstraint(
            "(status = 'disabled') = (disabled_reason IS NOT NULL) "
            "AND (disabled_reason IS NULL) = (disabled_at IS NULL)",
            name=op.f("ck_webhook_endpoint_disabled"),
        ),
        sa.CheckConstraint(
            "disabled_reason IN ('by_merchant', 'gone', 'failing')",
            name=op.f("ck_webhook_endpoint_disabled_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_webhook_endpoint_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index("ix_webhook_endpoint_merchant_id_id", "webhook_endpoint", ["merchant_id", "id"])
    op.create_table(
        "webhook_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=True),
        sa.Column("fact_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_webhook_message_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_message")),
        sa.UniqueConstraint("fact_id", name=op.f("uq_webhook_message_fact_id")),
    )
    op.create_index("ix_webhook_message_created_at", "webhook_message", ["created_at"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_status", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'succeeded', 'failed')", name=op.f("ck_webhook_delivery_state")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name=op.f("fk_webhook_delivery_endpoint_id_webhook_endpoint"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["webhook_message.id"],
            name=op.f("fk_webhook_delivery_message_id_webhook_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index("ix_webhook_delivery_endpoint_id_id", "webhook_delivery", ["endpoint_id", "id"])
    op.create_index("ix_webhook_delivery_message_id", "webhook_delivery", ["message_id"])
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["endpoint_id", "next_attempt_at"],
        postgresql_where=pending,
    )
    op.create_index(
        "ix_webhook_delivery_waiting",
        "webhook_delivery",
        ["endpoint_id", "order_key", "number"],
        postgresql_where=pending,
    )
    op.create_table(
        "webhook_taken_offer",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"],
            ["offer.id"],
            name=op.f("fk_webhook_taken_offer_offer_id_offer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_webhook_taken_offer")),
    )
    op.execute("""
        CREATE TABLE webhook_position (
            id boolean CONSTRAINT pk_webhook_position PRIMARY KEY
               CONSTRAINT ck_webhook_position_one_row CHECK (id),
            transaction_id xid8 NOT NULL,
            event_id uuid NOT NULL
        )
    """)
    op.execute("""
        INSERT INTO webhook_position
        SELECT true, pg_snapshot_xmin(pg_current_snapshot()), CAST(repeat('0', 32) AS uuid)
    """)
    op.alter_column("notice", "offer_id", nullable=True)
    op.add_column("notice", sa.Column("webhook_endpoint_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_notice_one_subject"), "notice", "num_nonnulls(offer_id, webhook_endpoint_id) = 1"
    )


def _exports() -> None:
    """Files made on request or regularly, in parts."""
    op.create_table(
        "export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("venue_ids", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("schedule_id", sa.Uuid(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("venue_id", sa.Uuid(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'ready', 'failed', 'expired')",
            name=op.f("ck_export_state"),
        ),
        sa.CheckConstraint("from_at < to_at", name=op.f("ck_export_period")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_export_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
    )
    op.execute("ALTER TABLE export ADD transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.create_index("ix_export_merchant_id_id", "export", ["merchant_id", "id"])
    op.create_index(
        "ix_export_expires_at",
        "export",
        ["expires_at"],
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "uq_export_schedule_id_from_at",
        "export",
        ["schedule_id", "from_at"],
        unique=True,
        postgresql_where=sa.text("schedule_id IS NOT NULL"),
    )
    op.create_table(
        "export_part",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("byte_offset", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"],
            ["export.id"],
            name=op.f("fk_export_part_export_id_export"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("export_id", "byte_offset", name=op.f("pk_export_part")),
    )
    op.execute("ALTER TABLE export_part ALTER data SET STORAGE EXTERNAL")
    op.create_table(
        "export_schedule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("venue_ids", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("every", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("venue_id", sa.Uuid(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "every IN ('day', 'week', 'month')", name=op.f("ck_export_schedule_every")
        ),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_export_schedule_hour")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_export_schedule_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_schedule")),
    )
    op.create_index("ix_export_schedule_merchant_id_id", "export_schedule", ["merchant_id", "id"])
    op.create_index("ix_export_schedule_due_at", "export_schedule", ["due_at"])


def downgrade() -> None:
    raise RuntimeError("What was counted cannot be taken back: restore a backup instead.")
