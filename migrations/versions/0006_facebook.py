"""Sharing, and what merchants do on Facebook"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _sharing()


def _sharing() -> None:
    op.create_table(
        "share_visit",
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("visitor", sa.LargeBinary(), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_share_visit_share_id_share"),
        sa.PrimaryKeyConstraint("share_id", "day", "visitor", name="pk_share_visit"),
    )
    op.create_index("ix_share_visit_day", "share_visit", ["day"])
    op.create_table(
        "share_picture",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name="fk_share_picture_offer_id_offer"),
        sa.PrimaryKeyConstraint("offer_id", "digest", name="pk_share_picture"),
    )
    op.create_table(
        "brand",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("color", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="ck_brand_color"),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name="fk_brand_merchant_id_merchant"
        ),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_brand"),
    )
