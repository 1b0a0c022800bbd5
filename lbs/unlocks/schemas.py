from __future__ import annotations

from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, Word
from lbs.http.paging import page_schema
from lbs.offers.schemas import RewardSchema


class UnlockSchema(Schema):
    """The right to redeem one offer once: show `code`, or its QR picture, at the till."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000003",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "offer_version": 1,
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "venue_name": "20 grams",
        "check_in_id": "019abc12-0000-7000-8000-000000000004",
        "state": "unlocked",
        "code": "7M3K-9QZ2-VX4A",
        "teaser": "Something warm is on us",
        "terms": "One filter coffee of any size, at the counter",
        "reward": {"kind": "free_item", "item": "A filter coffee"},
        "value_minor": 3500,
        "currency": "DKK",
        "unlocked_at": "2026-11-22T12:00:01Z",
        "expires_at": "2026-11-22T14:00:01Z",
    }

    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    offer_version = fields.Integer(required=True)
    venue_id = fields.UUID(required=True)
    venue_name = fields.String(required=True)
    check_in_id = fields.UUID(required=True)
    state = Word("UnlockState", ("unlocked", "redeemed", "expired", "voided"), required=True)
    code = fields.String(required=True, metadata={"example": "7M3K-9QZ2-VX4A"})
    teaser = fields.String(required=True)
    terms = fields.String(required=True)
    reward = fields.Nested(RewardSchema, required=True)
    value_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    unlocked_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)


UnlockPageSchema = page_schema(UnlockSchema, "UnlockPageSchema")
