from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Integer, Schema, String, Timestamp, text
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.offers.schemas import MAX_MINOR, RewardSchema
from lbs.redemptions.service import Redeem


class RedeemSchema(Schema):
    example = {  # noqa: RUF012
        "code": "7M3K-9QZ2-VX4A",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "amount_minor": 12000,
        "order_reference": "till 1, receipt 4711",
    }

    code = text(
        64, required=True, metadata={"description": "As read or typed", "example": "7M3K-9QZ2-VX4A"}
    )
    venue_id = fields.UUID(required=True, metadata={"description": "Where the till stands"})
    amount_minor = Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, MAX_MINOR),
        metadata={"description": "What the order came to, in minor units", "example": 12000},
    )
    order_reference = String(load_default=None, allow_none=True, validate=validate.Length(max=200))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Redeem:
        return Redeem(**data)


_REDEMPTION: dict[str, Any] = {
    "id": "019abc12-0000-7000-8000-000000000005",
    "unlock_id": "019abc12-0000-7000-8000-000000000003",
    "offer_id": "019abc12-0000-7000-8000-000000000002",
    "offer_version": 1,
    "venue_id": "019abc12-0000-7000-8000-000000000001",
    "api_key_id": "019abc12-0000-7000-8000-000000000006",
    "redeemed_at": "2026-11-22T12:10:00Z",
    "value_minor": 3500,
    "cost_minor": 600,
    "amount_minor": 12000,
    "currency": "DKK",
    "order_reference": "till 1, receipt 4711",
    "reversed_at": None,
    "reversal_reason": None,
}


class RedemptionSchema(Schema):
    """A code that was used up at a till."""

    example = {  # noqa: RUF012
        **_REDEMPTION,
        "reversed_at": "2026-11-22T12:15:00Z",
        "reversal_reason": "Customer returned the order",
    }

    id = fields.UUID(required=True)
    unlock_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    offer_version = fields.Integer(required=True)
    venue_id = fields.UUID(required=True)
    api_key_id = fields.UUID(required=True, metadata={"description": "The till's key"})
    redeemed_at = Timestamp(required=True)
    value_minor = fields.Integer(required=True)
    cost_minor = fields.Integer(required=True)
    amount_minor = fields.Integer(required=True, allow_none=True)
    currency = fields.String(required=True)
    order_reference = fields.String(required=True, allow_none=True)
    reversed_at = Timestamp(required=True, allow_none=True)
    reversal_reason = fields.String(required=True, allow_none=True)


class NewRedemptionSchema(RedemptionSchema):
    """What the till has to give."""

    example = {  # noqa: RUF012
        **_REDEMPTION,
        "teaser": "Something warm is on us",
        "terms": "One filter coffee of any size, at the counter",
        "reward": {"kind": "free_item", "item": "A filter coffee"},
    }

    teaser = fields.String(required=True)
    terms = fields.String(required=True)
    reward = fields.Nested(RewardSchema, required=True)


RedemptionPageSchema = page_schema(RedemptionSchema, "RedemptionPageSchema")


class RedemptionListQuerySchema(WindowQuerySchema):
    offer_id = fields.UUID(load_default=None)
    venue_id = fields.UUID(load_default=None)
    start = Timestamp(
        load_default=None, data_key="from", metadata={"description": "Redeemed then or later"}
    )
    end = Timestamp(load_default=None, data_key="to", metadata={"description": "Redeemed before"})


class ReverseSchema(Schema):
    example = {"reason": "Customer returned the order"}  # noqa: RUF012

    reason = text(500, required=True, metadata={"example": "Customer returned the order"})
