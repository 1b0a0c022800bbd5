"""First tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from lbs.ledger.models import Xid8

revision = "0001"
down_revision = None

LEDGER = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END
$$;

-- Partitions inherit row triggers, but not those on TRUNCATE.
CREATE FUNCTION guard_ledger(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()', name);
END
$$;

-- A month whose facts are in the default partition already is left there.
CREATE FUNCTION make_ledger_partitions(since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    first timestamptz;
    next timestamptz;
    name text;
BEGIN
    FOR month IN SELECT generate_series(
        date_trunc('month', since AT TIME ZONE 'UTC'), until AT TIME ZONE 'UTC', interval '1 month')
    LOOP
        name := 'ledger_event_' || to_char(month, 'YYYY_MM');
        first := month AT TIME ZONE 'UTC';
        next := (month + interval '1 month') AT TIME ZONE 'UTC';
        IF to_regclass(name) IS NULL AND NOT EXISTS (
            SELECT FROM ledger_event_default WHERE at >= first AND at < next)
        THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF ledger_event FOR VALUES FROM (%L) TO (%L)',
                           name, first, next);
            PERFORM guard_ledger(name);
        END IF;
    END LOOP;
END
$$;

CREATE TABLE ledger_event_default PARTITION OF ledger_event DEFAULT;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_event
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
SELECT guard_ledger('ledger_event'), guard_ledger('ledger_event_default');
SELECT make_ledger_partitions(now() - interval '1 month', now() + interval '3 months');
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "app",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app")),
    )
    op.create_table(
        "guess_counter",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_guess_counter")),
    )
    op.create_index(op.f("ix_guess_counter_began_at"), "guess_counter", ["began_at"], unique=False)
    op.create_table(
        "idempotent_answer",
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_digest", name=op.f("pk_idempotent_answer")),
    )
    op.create_index(
        op.f("ix_idempotent_answer_created_at"), "idempotent_answer", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_idempotent_answer_principal"), "idempotent_answer", ["principal"], unique=False
    )
    op.create_table(
        "ledger_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("check_in_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("level", sa.BigInteger(), nullable=True),
        sa.Column("first_visit", sa.Boolean(), nullable=True),
        sa.Column("reasons", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("offer_ids", sa.ARRAY(sa.UUID()), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("offer_version", sa.BigInteger(), nullable=True),
        sa.Column("unlock_id", sa.Uuid(), nullable=True),
        sa.Column("redemption_id", sa.Uuid(), nullable=True),
        sa.Column("value_minor", sa.BigInteger(), nullable=True),
        sa.Column("cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column(
            "transaction_id", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_ledger_event")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_ledger_event_merchant_id_at", "ledger_event", ["merchant_id", "at"], unique=False
    )
    op.create_index(
        "ix_ledger_event_offer_id_at",
        "ledger_event",
        ["offer_id", "at"],
        unique=False,
        postgresql_where="offer_id IS NOT NULL",
    )
    op.create_index("ix_ledger_event_venue_id_at", "ledger_event", ["venue_id", "at"], unique=False)
    op.create_table(
        "merchant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchant")),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sealed_private", sa.Text(), nullable=False),
        sa.Column(
            "public_jwk", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=True),
        sa.Column("app_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('merchant', 'publishable', 'backend')", name=op.f("ck_api_key_kind")
        ),
        sa.CheckConstraint(
            "(merchant_id IS NULL) <> (app_id IS NULL)", name=op.f("ck_api_key_one_owner")
        ),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_api_key_app_id_app")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_api_key_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("id", "merchant_id", name=op.f("uq_api_key_id_merchant_id")),
    )
    op.create_index(op.f("ix_api_key_app_id"), "api_key", ["app_id"], unique=False)
    op.create_index(op.f("ix_api_key_merchant_id"), "api_key", ["merchant_id"], unique=False)
    op.create_table(
        "customer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_customer_app_id_app")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("app_id", "external_id", name=op.f("uq_customer_app_id_external_id")),
        sa.UniqueConstraint("subject_id", name=op.f("uq_customer_subject_id")),
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("terms_version", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused', 'ended')", name=op.f("ck_offer_status")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_offer_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("id", "merchant_id", name=op.f("uq_offer_id_merchant_id")),
    )
    op.create_index(op.f("ix_offer_merchant_id"), "offer", ["merchant_id"], unique=False)
    op.create_table(
        "venue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("opening_hours", sa.Text(), nullable=True),
        sa.Column(
            "fence",
            Geography(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
                nullable=False,
            ),
            nullable=False,
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
        sa.Column(
            "location",
            Geography(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeogFromText",
                name="geography",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("cool_down_s", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('active', 'retired')", name=op.f("ck_venue_status")),
        sa.CheckConstraint("(centre IS NULL) = (radius_m IS NULL)", name=op.f("ck_venue_circle")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_venue_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_venue")),
        sa.UniqueConstraint("id", "merchant_id", name=op.f("uq_venue_id_merchant_id")),
    )
    op.create_index(
        "ix_venue_fence",
        "venue",
        ["fence"],
        unique=False,
        postgresql_using="gist",
        postgresql_where="status = 'active'",
    )
    op.create_index("ix_venue_merchant_id_id", "venue", ["merchant_id", "id"], unique=False)
    op.create_table(
        "venue_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_venue_group_merchant_id_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_venue_group")),
        sa.UniqueConstraint("id", "merchant_id", name=op.f("uq_venue_group_id_merchant_id")),
    )
    op.create_index(
        op.f("ix_venue_group_merchant_id"), "venue_group", ["merchant_id"], unique=False
    )
    op.create_table(
        "api_key_venue",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id", "merchant_id"],
            ["api_key.id", "api_key.merchant_id"],
            name=op.f("fk_api_key_venue_api_key_id_api_key"),
        ),
        sa.ForeignKeyConstraint(
            ["venue_id", "merchant_id"],
            ["venue.id", "venue.merchant_id"],
            name=op.f("fk_api_key_venue_venue_id_venue"),
        ),
        sa.PrimaryKeyConstraint("api_key_id", "venue_id", name=op.f("pk_api_key_venue")),
    )
    op.create_table(
        "check_in",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("mock", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "verdict IN ('accepted', 'ambiguous', 'rejected')", name=op.f("ck_check_in_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_check_in_customer_id_customer"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["venue_id"], ["venue.id"], name=op.f("fk_check_in_venue_id_venue")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_in")),
    )
    op.create_index("ix_check_in_customer_id_id", "check_in", ["customer_id", "id"], unique=False)
    op.create_table(
        "customer_device",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("device_digest", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_customer_device_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("customer_id", "device_digest", name=op.f("pk_customer_device")),
    )
    op.create_index(
        op.f("ix_customer_device_device_digest"), "customer_device", ["device_digest"], unique=False
    )
    op.create_table(
        "offer_group",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id", "merchant_id"],
            ["venue_group.id", "venue_group.merchant_id"],
            name=op.f("fk_offer_group_group_id_venue_group"),
        ),
        sa.ForeignKeyConstraint(
            ["offer_id", "merchant_id"],
            ["offer.id", "offer.merchant_id"],
            name=op.f("fk_offer_group_offer_id_offer"),
        ),
        sa.PrimaryKeyConstraint("offer_id", "group_id", name=op.f("pk_offer_group")),
    )
    op.create_index(op.f("ix_offer_group_group_id"), "offer_group", ["group_id"], unique=False)
    op.create_table(
        "offer_stock",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("cap", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("taken BETWEEN 0 AND cap", name=op.f("ck_offer_stock_never_more")),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_offer_stock_offer_id_offer")
        ),
        sa.PrimaryKeyConstraint("offer_id", "bucket", name=op.f("pk_offer_stock")),
    )
    op.create_table(
        "offer_venue",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id", "merchant_id"],
            ["offer.id", "offer.merchant_id"],
            name=op.f("fk_offer_venue_offer_id_offer"),
        ),
        sa.ForeignKeyConstraint(
            ["venue_id", "merchant_id"],
            ["venue.id", "venue.merchant_id"],
            name=op.f("fk_offer_venue_venue_id_venue"),
        ),
        sa.PrimaryKeyConstraint("offer_id", "venue_id", name=op.f("pk_offer_venue")),
    )
    op.create_index(op.f("ix_offer_venue_venue_id"), "offer_venue", ["venue_id"], unique=False)
    op.create_table(
        "offer_version",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("teaser", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column(
            "reward", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column(
            "rule", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("limit_total", sa.BigInteger(), nullable=True),
        sa.Column("limit_per_customer", sa.BigInteger(), nullable=True),
        sa.Column("limit_per_day", sa.BigInteger(), nullable=True),
        sa.Column("redeem_within_s", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_offer_version_valid")),
        sa.CheckConstraint(
            "value_minor >= 0 AND cost_minor >= 0", name=op.f("ck_offer_version_money")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_offer_version_offer_id_offer")
        ),
        sa.PrimaryKeyConstraint("offer_id", "number", name=op.f("pk_offer_version")),
    )
    op.create_table(
        "refresh_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_refresh_token_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_refresh_token_digest")),
    )
    op.create_index(
        op.f("ix_refresh_token_customer_id"), "refresh_token", ["customer_id"], unique=False
    )
    op.create_index(
        op.f("ix_refresh_token_expires_at"), "refresh_token", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_refresh_token_family_id"), "refresh_token", ["family_id"], unique=False
    )
    op.create_table(
        "venue_group_member",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id", "merchant_id"],
            ["venue_group.id", "venue_group.merchant_id"],
            name=op.f("fk_venue_group_member_group_id_venue_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["venue_id", "merchant_id"],
            ["venue.id", "venue.merchant_id"],
            name=op.f("fk_venue_group_member_venue_id_venue"),
        ),
        sa.PrimaryKeyConstraint("group_id", "venue_id", name=op.f("pk_venue_group_member")),
    )
    op.create_index(
        op.f("ix_venue_group_member_venue_id"), "venue_group_member", ["venue_id"], unique=False
    )
    op.create_table(
        "visit_tally",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("visits", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_visit_tally_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["venue_id"], ["venue.id"], name=op.f("fk_visit_tally_venue_id_venue")
        ),
        sa.PrimaryKeyConstraint("customer_id", "venue_id", name=op.f("pk_visit_tally")),
    )
    op.create_table(
        "unlock",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("offer_version", sa.BigInteger(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("check_in_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_code", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("buckets", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('unlocked', 'redeemed', 'expired')", name=op.f("ck_unlock_state")
        ),
        sa.ForeignKeyConstraint(
            ["check_in_id"], ["check_in.id"], name=op.f("fk_unlock_check_in_id_check_in")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_unlock_customer_id_customer"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["offer_id", "offer_version"],
            ["offer_version.offer_id", "offer_version.number"],
            name=op.f("fk_unlock_offer_id_offer_version"),
        ),
        sa.ForeignKeyConstraint(["venue_id"], ["venue.id"], name=op.f("fk_unlock_venue_id_venue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unlock")),
        sa.UniqueConstraint("check_in_id", "offer_id", name=op.f("uq_unlock_check_in_id_offer_id")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_unlock_code_digest")),
    )
    op.create_index(
        "ix_unlock_customer_id_offer_id", "unlock", ["customer_id", "offer_id"], unique=False
    )
    op.create_index(
        "ix_unlock_expires_at",
        "unlock",
        ["expires_at"],
        unique=False,
        postgresql_where="state = 'unlocked'",
    )
    op.create_table(
        "redemption",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("unlock_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("offer_version", sa.BigInteger(), nullable=False),
        sa.Column("venue_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("order_reference", sa.Text(), nullable=True),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(reversed_at IS NULL) = (reversal_reason IS NULL)", name=op.f("ck_redemption_reversal")
        ),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_key.id"], name=op.f("fk_redemption_api_key_id_api_key")
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchant.id"], name=op.f("fk_redemption_merchant_id_merchant")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_redemption_offer_id_offer")
        ),
        sa.ForeignKeyConstraint(
            ["unlock_id"], ["unlock.id"], name=op.f("fk_redemption_unlock_id_unlock")
        ),
        sa.ForeignKeyConstraint(
            ["venue_id"], ["venue.id"], name=op.f("fk_redemption_venue_id_venue")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption")),
    )
    op.create_index(
        "ix_redemption_merchant_id_id", "redemption", ["merchant_id", "id"], unique=False
    )
    op.create_index("ix_redemption_offer_id_id", "redemption", ["offer_id", "id"], unique=False)
    op.create_index("ix_redemption_unlock_id", "redemption", ["unlock_id"], unique=False)
    op.create_index("ix_redemption_venue_id_id", "redemption", ["venue_id", "id"], unique=False)
    op.create_index(
        "uq_redemption_live",
        "redemption",
        ["unlock_id"],
        unique=True,
        postgresql_where="reversed_at IS NULL",
    )
    op.create_foreign_key(
        "fk_offer_terms",
        "offer",
        "offer_version",
        ["id", "terms_version"],
        ["offer_id", "number"],
        initially="DEFERRED",
        deferrable=True,
    )
    op.execute(LEDGER)
    op.get_bind().connection.driver_connection.execute(SchemaManager.get_schema())


def downgrade() -> None:
    raise RuntimeError("There is nothing before the first tables: drop the database instead.")
