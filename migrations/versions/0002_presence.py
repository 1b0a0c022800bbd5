"""Presence: levels, proofs, events, what is kept of a position, and who is treated apart"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

FINDINGS = """
UPDATE check_in SET proofs = '[]', revision = 0, findings = (
    SELECT coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'verdict', check_in.verdict)),
                    '[]')
    FROM unnest(check_in.reasons) AS reason)
"""

CHECKS = (
    (
        "check_in",
        "ck_check_in_verdict",
        "verdict IN ('accepted', 'ambiguous', 'rejected', 'voided')",
    ),
    ("check_in", "ck_check_in_voided", "(voided_at IS NULL) = (void_reason IS NULL)"),
    ("unlock", "ck_unlock_state", "state IN ('unlocked', 'redeemed', 'expired', 'voided')"),
    ("venue", "ck_venue_min_level", "min_level BETWEEN 1 AND 3"),
    ("offer_version", "ck_offer_version_min_level", "min_level BETWEEN 1 AND 3"),
)


def upgrade() -> None:
    op.create_table(
        "customer_standing",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "standing IN ('blocked', 'tester', 'staff')", name=op.f("ck_customer_standing_standing")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_customer_standing_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "subject_id", name=op.f("pk_customer_standing")),
    )
    op.create_table(
        "device_key",
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_device_key_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key_digest", name=op.f("pk_device_key")),
    )
    op.create_index(op.f("ix_device_key_customer_id"), "device_key", ["customer_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "fence",
            Geography(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
            ),
            nullable=True,
        ),
        sa.Column(
            "centre",
            Geography(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
            ),
            nullable=True,
        ),
        sa.Column("radius_m", sa.Double(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('active', 'cancelled')", name=op.f("ck_event_status")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_event_times")),
        sa.ForeignKeyConstraint(
            ["venue_id", "merchant_id"],
            ["venue.id", "venue.merchant_id"],
            name=op.f("fk_event_venue_id_venue"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_merchant_id_id", "event", ["merchant_id", "id"], unique=False)
    op.create_index(op.f("ix_event_venue_id"), "event", ["venue_id"], unique=False)
    op.create_table(
        "fix",
        sa.Column("check_in_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accuracy_m", sa.Double(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_fix_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("check_in_id", name=op.f("pk_fix")),
    )
    op.create_index(
        "ix_fix_customer_id_received_at", "fix", ["customer_id", "received_at"], unique=False
    )
    op.create_index(op.f("ix_fix_digest"), "fix", ["digest"], unique=False)
    op.create_index(
        "ix_fix_received_at", "fix", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "venue_proof",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "parameters", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('venue_code', 'poster_code', 'nfc_tag', 'beacon', 'reader', 'staff')",
            name=op.f("ck_venue_proof_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["venue_id", "merchant_id"],
            ["venue.id", "venue.merchant_id"],
            name=op.f("fk_venue_proof_venue_id_venue"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_venue_proof")),
    )
    op.create_index(
        "ix_venue_proof_live",
        "venue_proof",
        ["venue_id", "kind"],
        unique=False,
        postgresql_where="revoked_at IS NULL",
    )
    op.create_index("ix_venue_proof_venue_id_id", "venue_proof", ["venue_id", "id"], unique=False)
    op.create_table(
        "wristband",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("tag_digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_tag", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('bound', 'unbound', 'lost')", name=op.f("ck_wristband_status")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_wristband_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_wristband_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wristband")),
    )
    op.create_index(op.f("ix_wristband_customer_id"), "wristband", ["customer_id"], unique=False)
    op.create_index("ix_wristband_merchant_id_id", "wristband", ["merchant_id", "id"], unique=False)
    op.create_index(
        "uq_wristband_bound",
        "wristband",
        ["merchant_id", "tag_digest"],
        unique=True,
        postgresql_where="status <> 'unbound'",
    )
    op.create_table(
        "proof_use",
        sa.Column("proof_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_proof_use_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proof_id"], ["venue_proof.id"], name=op.f("fk_proof_use_proof_id_venue_proof")
        ),
        sa.PrimaryKeyConstraint("proof_id", "step", "customer_id", name=op.f("pk_proof_use")),
    )
    op.create_index(op.f("ix_proof_use_customer_id"), "proof_use", ["customer_id"], unique=False)
    op.create_index("ix_proof_use_used_at", "proof_use", ["used_at"], unique=False)
    op.create_table(
        "reader_tap",
        sa.Column("proof_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tapped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("check_in_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["proof_id"], ["venue_proof.id"], name=op.f("fk_reader_tap_proof_id_venue_proof")
        ),
        sa.PrimaryKeyConstraint("proof_id", "sequence", name=op.f("pk_reader_tap")),
    )
    op.create_table(
        "used_challenge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_challenge")),
    )
    op.create_index(op.f("ix_used_challenge_used_at"), "used_challenge", ["used_at"], unique=False)
    op.add_column("app", sa.Column("sealed_integrity", sa.Text(), nullable=True))
    op.add_column("check_in", sa.Column("event_id", sa.Uuid(), nullable=True))
    op.add_column(
        "check_in", sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    op.add_column(
        "check_in", sa.Column("proofs", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    op.add_column("check_in", sa.Column("revision", sa.BigInteger(), nullable=True))
    op.add_column("check_in", sa.Column("visit", sa.BigInteger(), nullable=True))
    op.add_column(
        "check_in", sa.Column("receipt_used_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("check_in", sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("check_in", sa.Column("void_reason", sa.Text(), nullable=True))
    op.create_index(
        "ix_check_in_customer_id_occurred_at",
        "check_in",
        ["customer_id", "occurred_at"],
        unique=False,
    )
    op.create_index(
        "ix_check_in_venue_id_occurred_at", "check_in", ["venue_id", "occurred_at"], unique=False
    )
    op.create_foreign_key(
        op.f("fk_check_in_event_id_event"), "check_in", "event", ["event_id"], ["id"]
    )
    op.execute(FINDINGS)
    for column in ("findings", "proofs", "revision"):
        op.alter_column("check_in", column, nullable=False)
    op.drop_column("check_in", "reasons")
    op.drop_column("check_in", "mock")
    op.add_column("ledger_event", sa.Column("verdict_before", sa.Text(), nullable=True))
    op.add_column(
        "ledger_event", sa.Column("counted", sa.Boolean(), server_default="true", nullable=False)
    )
    op.create_index(
        "ix_ledger_event_changed",
        "ledger_event",
        ["merchant_id", "check_in_id"],
        unique=False,
        postgresql_where="verdict_before IS NOT NULL",
    )
    op.add_column(
        "merchant",
        sa.Column(
            "pseudonym_key",
            sa.LargeBinary(),
            server_default=sa.text("uuid_send(gen_random_uuid())"),
            nullable=False,
        ),
    )
    op.add_column("offer_version", sa.Column("min_level", sa.BigInteger(), nullable=True))
    op.add_column(
        "unlock", sa.Column("counted", sa.Boolean(), server_default="true", nullable=False)
    )
    op.add_column(
        "venue", sa.Column("min_level", sa.BigInteger(), server_default="1", nullable=False)
    )
    for table, name, rule in CHECKS:
        op.drop_constraint(op.f(name), table, type_="check", if_exists=True)
        op.create_check_constraint(op.f(name), table, rule)


def downgrade() -> None:
    raise RuntimeError("What was proved cannot be taken back: restore a backup instead.")
