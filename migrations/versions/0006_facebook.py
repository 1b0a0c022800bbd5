"""Sharing, and what merchants do on Facebook"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _conversions()


def _conversions() -> None:
    """What customers agree to, and what is told to Meta by it."""
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("email_hash", sa.Text(), nullable=True),
        sa.Column("phone_hash", sa.Text(), nullable=True),
        sa.CheckConstraint("purpose IN ('conversions')", name=op.f("ck_consent_purpose")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_consent_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("customer_id", "purpose", name=op.f("uq_consent_customer_id_purpose")),
    )
    op.create_table(
        "conversion_setting",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreceived", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'reauth_required', 'permission_missing')",
            name=op.f("ck_conversion_setting_status"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"],
            ["merchant.id"],
            name=op.f("fk_conversion_setting_merchant_id_merchant"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_conversion_setting")),
    )
    op.create_table(
        "conversion_venue",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"],
            ["conversion_setting.merchant_id"],
            name=op.f("fk_conversion_venue_merchant_id_conversion_setting"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["venue_id", "merchant_id"],
            ["venue.id", "venue.merchant_id"],
            name=op.f("fk_conversion_venue_venue_id_venue"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "venue_id", name=op.f("pk_conversion_venue")),
    )
    op.create_table(
        "conversion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("fact_id", sa.Uuid(), nullable=True),
        sa.Column("consent_id", sa.Uuid(), nullable=True),
        sa.Column("consent_text_version", sa.Text(), nullable=True),
        sa.Column("consent_given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=True),
        sa.Column("offer_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("test_event_code", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("error_code", sa.BigInteger(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'dropped', 'dead')", name=op.f("ck_conversion_state")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (next_try_at IS NOT NULL) "
            "AND (state <> 'sent' OR consent_id IS NULL) "
            "AND (state NOT IN ('pending', 'dead') OR consent_id IS NOT NULL"
            " OR test_event_code IS NOT NULL)",
            name=op.f("ck_conversion_consented"),
        ),
        sa.CheckConstraint(
            "(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_conversion_sent")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"],
            ["conversion_setting.merchant_id"],
            name=op.f("fk_conversion_merchant_id_conversion_setting"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["consent_id"],
            ["consent.id"],
            name=op.f("fk_conversion_consent_id_consent"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["venue_id"], ["venue.id"], name=op.f("fk_conversion_venue_id_venue")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversion")),
        sa.UniqueConstraint("fact_id", name=op.f("uq_conversion_fact_id")),
    )
    op.create_index("ix_conversion_merchant_id_id", "conversion", ["merchant_id", "id"])
    op.create_index("ix_conversion_consent_id", "conversion", ["consent_id"])
    op.create_index("ix_conversion_time", "conversion", ["time"])
    op.create_index(
        "ix_conversion_due",
        "conversion",
        ["merchant_id", "next_try_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.execute("""
        CREATE TABLE conversion_position (
            id boolean CONSTRAINT pk_conversion_position PRIMARY KEY
               CONSTRAINT ck_conversion_position_one_row CHECK (id),
            transaction_id xid8 NOT NULL,
            event_id uuid NOT NULL
        )
    """)
    op.execute("""
        INSERT INTO conversion_position
        SELECT true, pg_snapshot_xmin(pg_current_snapshot()), CAST(repeat('0', 32) AS uuid)
    """)


def downgrade() -> None:
    raise RuntimeError("What was told to others cannot be taken back: restore a backup instead.")
