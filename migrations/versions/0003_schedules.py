"""Offers: schedules, and limits at each venue"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("offer_version", sa.Column("limit_per_venue", sa.BigInteger(), nullable=True))
    op.add_column("offer_version", sa.Column("limit_per_venue_day", sa.BigInteger(), nullable=True))
    op.add_column(
        "offer_version",
        sa.Column(
            "schedule",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )
    op.alter_column("offer_version", "schedule", server_default=None)


def downgrade() -> None:
    for column in ("schedule", "limit_per_venue_day", "limit_per_venue"):
        op.drop_column("offer_version", column)
