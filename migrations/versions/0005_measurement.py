"""The whole funnel, and whether the offer caused the visit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _facts()
    _told_by_apps()


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


def downgrade() -> None:
    raise RuntimeError("What was counted cannot be taken back: restore a backup instead.")
