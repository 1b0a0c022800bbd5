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
        ("exposed", ["offer_id", "subject_id", "at"], "kind = 'exposed'"),
    ):
        op.create_index(
            f"ix_ledger_event_{name}", "ledger_event", columns, postgresql_where=sa.text(where)
        )


def downgrade() -> None:
    raise RuntimeError("What was counted cannot be taken back: restore a backup instead.")
