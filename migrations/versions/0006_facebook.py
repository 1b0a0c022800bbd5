"""Sharing, and what merchants do on Facebook"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _sharing()
    _pages()
    _login()
    _meta_webhooks()
    _conversions()


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


def _pages() -> None:
    op.alter_column("share", "subject_id", nullable=True)
    op.create_table(
        "facebook_page",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("merchant_id", sa.Uuid(), sa.ForeignKey("merchant.id"), nullable=False),
        sa.Column("page_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.BigInteger(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("id", "merchant_id"),
        sa.UniqueConstraint("merchant_id", "page_id"),
        sa.CheckConstraint(
            "status IN ('connected', 'reauth_required', 'permission_missing', 'disconnected')",
            name="status",
        ),
        sa.CheckConstraint("sealed_token IS NOT NULL OR status = 'disconnected'", name="token"),
    )
    op.create_index("ix_facebook_page_page_id", "facebook_page", ["page_id"])
    op.create_table(
        "facebook_post",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("facebook_page_id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), sa.ForeignKey("share.id"), nullable=False, unique=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("publish_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("unwanted", sa.Boolean(), nullable=False),
        sa.Column("post_id", sa.Text(), nullable=True, unique=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("error_code", sa.BigInteger(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id", "merchant_id"], ["offer.id", "offer.merchant_id"]),
        sa.ForeignKeyConstraint(
            ["facebook_page_id", "merchant_id"], ["facebook_page.id", "facebook_page.merchant_id"]
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'posted', 'cancelled', 'deleting', 'deleted', 'dead')",
            name="state",
        ),
        sa.CheckConstraint(
            "(state IN ('queued', 'deleting')) = (next_try_at IS NOT NULL)", name="next_try"
        ),
        sa.CheckConstraint("state <> 'posted' OR post_id IS NOT NULL", name="posted"),
    )
    op.create_index("ix_facebook_post_offer_id_id", "facebook_post", ["offer_id", "id"])
    op.create_index(
        "ix_facebook_post_due",
        "facebook_post",
        ["facebook_page_id", "next_try_at"],
        postgresql_where=sa.text("state IN ('queued', 'deleting')"),
    )
    op.add_column("notice", sa.Column("facebook_page_id", sa.Uuid(), nullable=True))
    op.drop_constraint("one_subject", "notice", type_="check")
    op.create_check_constraint(
        "one_subject",
        "notice",
        "num_nonnulls(offer_id, webhook_endpoint_id, facebook_page_id) = 1",
    )


def _login() -> None:
    op.create_table(
        "facebook_user_link",
        sa.Column(
            "customer_id",
            sa.Uuid(),
            sa.ForeignKey("customer.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("app_id", sa.Uuid(), sa.ForeignKey("app.id"), nullable=False),
        sa.Column("user_digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_user_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("user_digest", "app_id"),
    )
    op.create_table(
        "facebook_deletion",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )


def _meta_webhooks() -> None:
    op.create_table(
        "facebook_webhook",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(body IS NULL) = (read_at IS NOT NULL)", name="read"),
    )
    op.create_index(
        "ix_facebook_webhook_unread",
        "facebook_webhook",
        ["id"],
        postgresql_where=sa.text("body IS NOT NULL"),
    )
    op.create_table(
        "facebook_change",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column(
            "webhook_id",
            sa.Uuid(),
            sa.ForeignKey("facebook_webhook.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("page_id", sa.Text(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("verb", sa.Text(), nullable=True),
        sa.Column("post_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('counted', 'ignored', 'unreadable')", name="outcome"),
    )
    op.create_table(
        "facebook_engaged_post",
        sa.Column("post_id", sa.Text(), primary_key=True),
        sa.Column("page_id", sa.Text(), nullable=True, index=True),
        sa.Column("sealed_salt", sa.Text(), nullable=False),
    )
    op.create_table(
        "facebook_engagement",
        sa.Column(
            "post_id",
            sa.Text(),
            sa.ForeignKey("facebook_engaged_post.post_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("thing", sa.LargeBinary(), primary_key=True),
        sa.Column("is_there", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('reaction', 'comment', 'share')", name="kind"),
    )


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
