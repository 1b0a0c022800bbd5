from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, Word, text
from lbs.http.paging import page_schema
from lbs.offers.schemas import RewardSchema
from lbs.unlocks.policy import PROBLEMS, Flaw
from lbs.unlocks.service import Flag


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
        "opened_by": "check_in",
        "unlocked_at": "2026-11-22T12:00:01Z",
        "expires_at": "2026-11-22T14:00:01Z",
        "reserve_s": None,
        "reserved_until": None,
    }

    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    offer_version = fields.Integer(required=True)
    venue_id = fields.UUID(required=True)
    venue_name = fields.String(required=True)
    check_in_id = fields.UUID(required=True)
    state = Word(
        "UnlockState",
        ("unlocked", "unclaimed", "redeemed", "expired", "voided"),
        required=True,
        metadata={"description": "unclaimed: it has to be reserved before it can be redeemed"},
    )
    code = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "null: it is not reserved, and has to be",
            "example": "7M3K-9QZ2-VX4A",
        },
    )
    teaser = fields.String(required=True)
    terms = fields.String(required=True)
    reward = fields.Nested(RewardSchema, required=True)
    value_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    opened_by = Word(
        "OpenedBy",
        ("check_in", "party", "swarm", "friends"),
        required=True,
        metadata={
            "description": "`party`, `swarm`, `friends`: another customer's check-in completed it "
            "after yours"
        },
    )
    unlocked_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)
    reserve_s = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "For how long it can be reserved; null: it needs no reservation"},
    )
    reserved_until = Timestamp(required=True, allow_none=True)


UnlockPageSchema = page_schema(UnlockSchema, "UnlockPageSchema")


_FLAG = {"problem": "not_redeemable", "text": "The till did not know the code"}
TEXT: dict[str, Any] = {"allow_none": True, "metadata": {"description": "In your own words"}}


class FlagOfferSchema(Schema):
    example = _FLAG

    problem = Word("OfferProblem", PROBLEMS, required=True)
    text = text(1000, load_default=None, **TEXT)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Flag:
        return Flag(**data)


class OfferFlagSchema(Schema):
    """What a customer says is wrong with an offer. Merchants do not learn who says it."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000010",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        **_FLAG,
        "flagged_at": "2026-11-22T12:10:00Z",
    }

    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    problem = Word("OfferProblem", PROBLEMS, required=True)
    text = fields.String(required=True, allow_none=True)
    flagged_at = Timestamp(required=True)


OfferFlagPageSchema = page_schema(OfferFlagSchema, "OfferFlagPageSchema")


class DuplicateCodesSchema(Schema):
    """Codes that were there already, and where."""

    in_file = fields.Integer(required=True, metadata={"description": "Earlier in the same file"})
    in_offer = fields.Integer(required=True, metadata={"description": "With the offer already"})
    elsewhere = fields.Integer(
        required=True, metadata={"description": "With another of the merchant's offers"}
    )


class RefusedCodeSchema(Schema):
    """A line that no code was made of, and why."""

    line = fields.Integer(required=True)
    reason = Word("CodeFlaw", [flaw.value for flaw in Flaw], required=True)


class CodeImportSchema(Schema):
    """What became of a file of codes."""

    example = {  # noqa: RUF012
        "imported": 2,
        "duplicates": {"in_file": 1, "in_offer": 0, "elsewhere": 0},
        "refused": [{"line": 5, "reason": "too_short"}],
        "refused_count": 1,
        "guessable": 0,
        "available": 2,
    }

    imported = fields.Integer(required=True)
    duplicates = fields.Nested(DuplicateCodesSchema, required=True)
    refused = fields.List(
        fields.Nested(RefusedCodeSchema),
        required=True,
        metadata={"description": "The first thousand of them"},
    )
    refused_count = fields.Integer(required=True)
    guessable = fields.Integer(
        required=True,
        metadata={
            "description": "How many of those imported are easily guessed: shorter than 8 "
            "characters, or one of a run of numbers"
        },
    )
    available = fields.Integer(
        required=True, metadata={"description": "How many the offer can hand out now"}
    )


class OfferCodesSchema(Schema):
    """How many codes of the merchant's own an offer has, and has given away."""

    example = {"imported": 2, "available": 2, "handed_out": 0}  # noqa: RUF012

    imported = fields.Integer(required=True)
    available = fields.Integer(required=True)
    handed_out = fields.Integer(required=True)


class CodeListQuerySchema(Schema):
    state = Word(
        "CodeState",
        ("available", "handed_out"),
        load_default=None,
        metadata={"description": "Only codes that are left, or only those given away"},
    )
