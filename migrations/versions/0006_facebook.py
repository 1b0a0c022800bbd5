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
