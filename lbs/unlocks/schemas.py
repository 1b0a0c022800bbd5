from __future__ import annotations

from marshmallow import fields, validate

from lbs.http.fields import Schema, Timestamp
from lbs.http.paging import page_schema
from lbs.offers.schemas import RewardSchema


class UnlockSchema(Schema):
    """The right to redeem one offer once: show `code`, or its QR picture, at the till."""

    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    offer_version = fields.Integer(required=True)
    venue_id = fields.UUID(required=True)
    venue_name = fields.String(required=True)
    check_in_id = fields.UUID(required=True)
    state = fields.String(
        required=True, validate=validate.OneOf(("unlocked", "redeemed", "expired"))
    )
    code = fields.String(required=True, metadata={"example": "7M3K-9QZ2-VX4A"})
    teaser = fields.String(required=True)
    terms = fields.String(required=True)
    reward = fields.Nested(RewardSchema, required=True)
    value_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    unlocked_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)


UnlockPageSchema = page_schema(UnlockSchema, "UnlockPageSchema")
