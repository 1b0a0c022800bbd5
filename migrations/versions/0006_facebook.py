"""Sharing, and what merchants do on Facebook"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _login()
    _meta_webhooks()


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
