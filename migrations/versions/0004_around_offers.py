"""Offers worth checking in for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

AUDIT = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
"""


def upgrade() -> None:
    _audit()
    _flags_and_notices()
    _circles()
    _shares()
    _offer_codes()
    _proof_uses()
    _wearers()
    _budgets()
    _stacking()
    _reservations()
    _beacons()
    _people()
    _review()
    # public promotions
    op.create_table(
        "promotion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_promotion_dates")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_promotion_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion")),
    )
    op.create_index("ix_promotion_merchant_id_id", "promotion", ["merchant_id", "id"], unique=False)


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


def _audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column(
            "changes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_merchant_id_id", "audit_entry", ["merchant_id", "id"])
    op.create_index("ix_audit_entry_resource_id_id", "audit_entry", ["resource_id", "id"])
    op.execute(AUDIT)


def _flags_and_notices() -> None:
    op.add_column("offer", sa.Column("copied_from", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_offer_copied_from_offer"), "offer", "offer", ["copied_from"], ["id"]
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["offer_id", "merchant_id"],
            ["offer.id", "offer.merchant_id"],
            name=op.f("fk_notice_offer_id_offer"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_merchant_id_id", "notice", ["merchant_id", "id"])
    op.create_index(op.f("ix_notice_offer_id"), "notice", ["offer_id"])
    op.create_table(
        "offer_flag",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "problem IN ('not_redeemable', 'not_valuable', 'other')",
            name=op.f("ck_offer_flag_problem"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_offer_flag_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_offer_flag_offer_id_offer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_flag")),
        sa.UniqueConstraint(
            "offer_id", "customer_id", name=op.f("uq_offer_flag_offer_id_customer_id")
        ),
    )
    op.create_index(op.f("ix_offer_flag_customer_id"), "offer_flag", ["customer_id"])
    op.create_index("ix_offer_flag_offer_id_id", "offer_flag", ["offer_id", "id"])


def _circles() -> None:
    op.create_table(
        "party",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["venue_id"], ["venue.id"], name=op.f("fk_party_venue_id_venue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
        sa.UniqueConstraint("code", name=op.f("uq_party_code")),
    )
    op.create_index(op.f("ix_party_expires_at"), "party", ["expires_at"], unique=False)
    op.add_column("check_in", sa.Column("party_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_check_in_party_id_party"),
        "check_in",
        "party",
        ["party_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "ix_check_in_party_id",
        "check_in",
        ["party_id"],
        unique=False,
        postgresql_where="party_id IS NOT NULL",
    )
    op.create_table(
        "friend_invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_code", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_friend_invitation_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_friend_invitation")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_friend_invitation_code_digest")),
    )
    op.create_index(
        op.f("ix_friend_invitation_customer_id"), "friend_invitation", ["customer_id"], unique=False
    )
    op.create_index(
        op.f("ix_friend_invitation_expires_at"), "friend_invitation", ["expires_at"], unique=False
    )
    op.create_table(
        "friendship",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("one_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_friendship_ordered")),
        sa.ForeignKeyConstraint(
            ["one_id"],
            ["customer.id"],
            name=op.f("fk_friendship_one_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["other_id"],
            ["customer.id"],
            name=op.f("fk_friendship_other_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_friendship")),
        sa.UniqueConstraint("one_id", "other_id", name=op.f("uq_friendship_one_id_other_id")),
    )
    op.create_index(op.f("ix_friendship_other_id"), "friendship", ["other_id"], unique=False)


def _shares() -> None:
    op.create_table(
        "share",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_share_customer_id_customer"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["offer_id", "merchant_id"],
            ["offer.id", "offer.merchant_id"],
            name=op.f("fk_share_offer_id_offer"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share")),
        sa.UniqueConstraint("customer_id", "offer_id", name=op.f("uq_share_customer_id_offer_id")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_share_token_digest")),
    )
    op.create_index(op.f("ix_share_offer_id"), "share", ["offer_id"], unique=False)
    op.create_table(
        "referral",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_referral_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_referral_offer_id_offer")
        ),
        sa.ForeignKeyConstraint(
            ["share_id"], ["share.id"], name=op.f("fk_referral_share_id_share")
        ),
        sa.PrimaryKeyConstraint("customer_id", "offer_id", name=op.f("pk_referral")),
    )
    op.create_index(op.f("ix_referral_share_id"), "referral", ["share_id"], unique=False)


def _offer_codes() -> None:
    op.create_table(
        "offer_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_code", sa.Text(), nullable=False),
        sa.Column("unlock_id", sa.Uuid(), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id", "merchant_id"],
            ["offer.id", "offer.merchant_id"],
            name=op.f("fk_offer_code_offer_id_offer"),
        ),
        sa.ForeignKeyConstraint(
            ["unlock_id"], ["unlock.id"], name=op.f("fk_offer_code_unlock_id_unlock")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_code")),
        sa.UniqueConstraint(
            "merchant_id", "code_digest", name=op.f("uq_offer_code_merchant_id_code_digest")
        ),
        sa.UniqueConstraint("unlock_id", name=op.f("uq_offer_code_unlock_id")),
    )
    op.create_index("ix_offer_code_offer_id_id", "offer_code", ["offer_id", "id"], unique=False)
    op.create_index(
        "ix_offer_code_available",
        "offer_code",
        ["offer_id", "id"],
        unique=False,
        postgresql_where="unlock_id IS NULL",
    )
    op.drop_constraint(op.f("uq_unlock_code_digest"), "unlock", type_="unique")
    op.create_unique_constraint(
        op.f("uq_unlock_merchant_id_code_digest"), "unlock", ["merchant_id", "code_digest"]
    )


def _budgets() -> None:
    op.add_column("offer_version", sa.Column("budget_minor", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_offer_version_budget"), "offer_version", "budget_minor >= 0"
    )
    op.add_column("unlock", sa.Column("units", sa.ARRAY(sa.BigInteger()), nullable=True))
    op.execute("UPDATE unlock SET units = array_fill(1::bigint, ARRAY[cardinality(buckets)])")
    op.alter_column("unlock", "units", nullable=False)
    op.create_check_constraint(
        op.f("ck_unlock_units"), "unlock", "cardinality(units) = cardinality(buckets)"
    )


def _stacking() -> None:
    op.add_column(
        "offer_version",
        sa.Column("priority", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "offer_version",
        sa.Column("combinable", sa.Boolean(), server_default="true", nullable=False),
    )
    op.create_table(
        "stacking",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("max_per_check_in", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "policy IN ('all', 'best_for_customer', 'merchant_priority')",
            name=op.f("ck_stacking_policy"),
        ),
        sa.CheckConstraint("max_per_check_in >= 1", name=op.f("ck_stacking_max_per_check_in")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_stacking_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_stacking")),
    )


def _reservations() -> None:
    op.add_column("offer_version", sa.Column("reserve_s", sa.BigInteger(), nullable=True))
    op.add_column("unlock", sa.Column("reserve_s", sa.BigInteger(), nullable=True))
    op.add_column("unlock", sa.Column("reserved_until", sa.DateTime(timezone=True), nullable=True))
    for name, kind in (("reserved_buckets", sa.Text()), ("reserved_units", sa.BigInteger())):
        op.add_column(
            "unlock", sa.Column(name, sa.ARRAY(kind), server_default="{}", nullable=False)
        )
    op.create_check_constraint(
        op.f("ck_unlock_reservation"),
        "unlock",
        "cardinality(reserved_units) = cardinality(reserved_buckets)"
        " AND (reserved_until IS NULL OR reserve_s IS NOT NULL)"
        " AND (reserved_until IS NOT NULL OR reserved_buckets = '{}')",
    )
    op.create_index(
        "ix_unlock_reserved_until",
        "unlock",
        ["reserved_until"],
        unique=False,
        postgresql_where="reserved_until IS NOT NULL",
    )


def _beacons() -> None:
    """When a beacon's clock was last compared with ours; it has run on since it was at zero."""
    op.execute("""
        UPDATE venue_proof
        SET parameters = parameters || jsonb_build_object('compared_at', parameters->'started_at')
        WHERE kind = 'beacon'
    """)


def _people() -> None:
    op.add_column("ledger_event", sa.Column("recipient", sa.Text(), nullable=True))
    op.add_column(
        "check_in", sa.Column("risk", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "unlock", sa.Column("opened_by", sa.Text(), server_default="check_in", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_unlock_opened_by"),
        "unlock",
        "opened_by IN ('check_in', 'party', 'swarm', 'friends')",
    )


def _review() -> None:
    goal, review = (
        sa.Column(name, postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
        for name in ("goal", "review")
    )
    audience = sa.Column("audience", sa.Text(), server_default="anyone", nullable=False)
    op.add_column("offer", review)
    op.add_column("offer_version", goal)
    op.add_column("offer_version", audience)
    op.add_column("offer_version", sa.Column("static_code", sa.Text(), nullable=True))
    op.alter_column("offer_version", "audience", server_default=None)
    op.create_check_constraint(
        op.f("ck_offer_version_audience"),
        "offer_version",
        "audience IN ('anyone', 'existing_customers', 'subscribers', 'members')",
    )


def downgrade() -> None:
    raise RuntimeError("What was promised cannot be taken back: restore a backup instead.")
