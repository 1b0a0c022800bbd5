"""What a merchant's support sees and does: findings, voiding, receipts."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from lbs.checkins.schemas.check_ins import LEVELS, VERDICTS, level_word
from lbs.http.fields import Boolean, Schema, String, Timestamp, Word, text
from lbs.proofs.policy import Kind, Outcome

MAX_TOKEN = 20_000


class FindingSchema(Schema):
    """What one check has found, and how bad it is: `accepted` is only noted."""

    reason = fields.String(required=True, metadata={"example": "impossible_travel"})
    verdict = Word("Verdict", VERDICTS, required=True)


class ProofShownSchema(Schema):
    """A piece of evidence beside the location, and what came of it."""

    kind = Word("VenueProofKind", [kind.value for kind in Kind], required=True)
    outcome = Word("ProofOutcome", [outcome.value for outcome in Outcome], required=True)
    proof_id = fields.UUID(required=True, allow_none=True)
    name = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The proof's name: of staff, who confirmed"},
    )


class FindingsSchema(Schema):
    """All that is known of a check-in, for the merchant's support; never where the phone was."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000004",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "event_id": None,
        "customer": "7b6f1c1e-93b0-4f6e-b7c1-0f6f0f3c2a11",
        "standing": None,
        "occurred_at": "2026-11-22T12:00:01Z",
        "verdict": "rejected",
        "level": "L0",
        "distance_m": -48,
        "accuracy_m": 12.5,
        "provider": "gps",
        "findings": [{"reason": "simulated_fix", "verdict": "rejected"}],
        "proofs": [],
        "unlocks": 0,
        "voided_at": None,
        "void_reason": None,
    }

    id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True)
    event_id = fields.UUID(required=True, allow_none=True)
    customer = fields.UUID(
        required=True,
        allow_none=True,
        metadata={
            "description": "This merchant's own name for the customer; null after an erasure"
        },
    )
    standing = fields.String(
        required=True, allow_none=True, metadata={"description": "How the customer is treated"}
    )
    occurred_at = Timestamp(required=True)
    verdict = Word("Verdict", VERDICTS, required=True)
    level = level_word(required=True)
    distance_m = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "From the reported position to the fence, negative inside"},
    )
    accuracy_m = fields.Float(required=True, allow_none=True)
    provider = fields.String(required=True, allow_none=True)
    findings = fields.List(fields.Nested(FindingSchema), required=True)
    proofs = fields.List(fields.Nested(ProofShownSchema), required=True)
    unlocks = fields.Integer(required=True, metadata={"description": "Offers it has opened"})
    voided_at = Timestamp(required=True, allow_none=True)
    void_reason = fields.String(required=True, allow_none=True)


class VoidSchema(Schema):
    example = {"reason": "Tested the kiosk"}  # noqa: RUF012

    reason = text(500, required=True, metadata={"example": "Tested the kiosk"})


class VoidedSchema(Schema):
    """What went with a check-in that was voided."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000004",
        "voided_at": "2026-11-22T13:00:00Z",
        "reason": "Tested the kiosk",
        "visit_taken_back": True,
        "unlocks_voided": 1,
        "redemptions_reversed": 0,
    }

    id = fields.UUID(required=True)
    voided_at = Timestamp(required=True)
    reason = fields.String(required=True)
    visit_taken_back = fields.Boolean(required=True)
    unlocks_voided = fields.Integer(required=True)
    redemptions_reversed = fields.Integer(required=True)


class VerifyReceiptSchema(Schema):
    example = {  # noqa: RUF012
        "receipt": "eyJhbGciOiJFZERTQSIsInR5cCI6InJlY2VpcHQrand0In0...",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "min_level": "L1",
        "use": True,
    }

    receipt = String(required=True, validate=validate.Length(1, MAX_TOKEN))
    venue_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "It has to be for this venue"}
    )
    customer_id = fields.UUID(
        load_default=None,
        allow_none=True,
        metadata={"description": "It has to be this customer's, as the app knows them"},
    )
    min_level = Word(
        "PresenceLevel",
        LEVELS,
        load_default="L1",
        metadata={"description": "It has to state this level at least"},
    )
    use = Boolean(
        load_default=False, metadata={"description": "Use it up: a second time it is not good"}
    )


RECEIPT_FLAWS = (
    "not_genuine",
    "other_merchant",
    "other_venue",
    "other_customer",
    "level_too_low",
    "voided",
    "used",
)


class ReceiptSchema(Schema):
    """Whether a receipt is good, and what it states."""

    example = {  # noqa: RUF012
        "valid": True,
        "flaw": None,
        "check_in_id": "019abc12-0000-7000-8000-000000000004",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "level": "L1",
        "proofs": ["location"],
        "issued_at": "2026-11-22T12:00:01Z",
        "expires_at": "2026-11-22T12:20:01Z",
    }

    valid = fields.Boolean(required=True)
    flaw = Word(
        "ReceiptFlaw",
        RECEIPT_FLAWS,
        required=True,
        allow_none=True,
        metadata={"description": "`not_genuine`: forged, altered or expired"},
    )
    check_in_id = fields.UUID(required=True, allow_none=True)
    venue_id = fields.UUID(required=True, allow_none=True)
    level = Word("PresenceLevel", LEVELS, required=True, allow_none=True)
    proofs = fields.List(fields.String(), required=True)
    issued_at = Timestamp(required=True, allow_none=True)
    expires_at = Timestamp(required=True, allow_none=True)


def present_findings(row: Any, customer: Any) -> dict[str, Any]:
    distance_m = row.distance_m
    return {
        **row._asdict(),
        "customer": customer,
        "level": f"L{row.level}",
        "distance_m": None if distance_m is None else round(distance_m),
    }
