"""Offers worth checking in for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _proof_uses()
    _wearers()
    _beacons()


def _proof_uses() -> None:
    """They know the subject, so that they outlast an erasure."""
    op.add_column("proof_use", sa.Column("subject_id", sa.Uuid(), nullable=True))
    op.execute("""
        UPDATE proof_use SET subject_id = customer.subject_id
        FROM customer WHERE customer.id = proof_use.customer_id
    """)
    op.drop_column("proof_use", "customer_id")
    op.create_primary_key(op.f("pk_proof_use"), "proof_use", ["proof_id", "step", "subject_id"])


def _wearers() -> None:
    """Who wore a tag is asked of those too who have given it back."""
    op.create_index(
        "ix_wristband_merchant_id_tag_digest",
        "wristband",
        ["merchant_id", "tag_digest"],
        unique=False,
    )


def _beacons() -> None:
    """When a beacon's clock was last compared with ours; it has run on since it was at zero."""
    op.execute("""
        UPDATE venue_proof
        SET parameters = parameters || jsonb_build_object('compared_at', parameters->'started_at')
        WHERE kind = 'beacon'
    """)


def downgrade() -> None:
    raise RuntimeError("Who has used which proof is not known any more: restore a backup instead.")
