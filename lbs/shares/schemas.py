from __future__ import annotations

from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, text


class ShareSchema(Schema):
    """A customer's token for an offer, to be passed on. Sharing earns nothing."""

    example = {"token": "Zk3uV8sQm1pT0aYx5LrWdg"}  # noqa: RUF012

    token = fields.String(required=True, metadata={"example": "Zk3uV8sQm1pT0aYx5LrWdg"})


class CreateReferralSchema(Schema):
    example = {"token": "Zk3uV8sQm1pT0aYx5LrWdg"}  # noqa: RUF012

    token = text(
        64,
        required=True,
        metadata={"description": "Of the friend's share", "example": "Zk3uV8sQm1pT0aYx5LrWdg"},
    )


class ReferralSchema(Schema):
    """Which offer the share was of, and until when a visit is credited to it."""

    example = {  # noqa: RUF012
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "expires_at": "2026-11-29T12:00:00Z",
    }

    offer_id = fields.UUID(required=True)
    expires_at = Timestamp(required=True)
