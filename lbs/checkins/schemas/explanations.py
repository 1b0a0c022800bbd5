"""Why an offer stands as it does for one customer."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from lbs.checkins.policy import public_reasons
from lbs.checkins.schemas.check_ins import VERDICTS, level_word
from lbs.checkins.schemas.support import FindingSchema
from lbs.checkins.schemas.words import ReasonSchema, say_reason, say_reasons
from lbs.checkins.service.explanations import Explanation
from lbs.http.fields import Schema, Timestamp, Word
from lbs.http.languages import say
from lbs.offers.rules import State
from lbs.offers.rules.remedies import remedy
from lbs.offers.rules.words import progress_text
from lbs.offers.schemas.offers import STATUSES

UNLOCK_STATES = ("unlocked", "redeemed", "expired", "voided")


class ExplanationQuerySchema(Schema):
    customer = fields.UUID(
        required=True,
        metadata={"description": "The merchant's own name for the customer, as in findings"},
    )
    venue_id = fields.UUID(required=True)


class UnlockHadSchema(Schema):
    """That the offer has opened for the customer, and what came of it; never its code."""

    id = fields.UUID(required=True)
    offer_version = fields.Integer(required=True)
    venue_id = fields.UUID(required=True)
    check_in_id = fields.UUID(required=True)
    state = Word("UnlockState", UNLOCK_STATES, required=True)
    unlocked_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)
    redeemed_at = Timestamp(required=True, allow_none=True)


class PastCheckInSchema(Schema):
    """A check-in of the customer at the venue, and whether it opened the offer."""

    id = fields.UUID(required=True)
    occurred_at = Timestamp(required=True)
    verdict = Word("Verdict", VERDICTS, required=True)
    level = level_word(required=True)
    reasons = fields.List(
        fields.Nested(ReasonSchema),
        required=True,
        metadata={"description": "What the customer has heard"},
    )
    findings = fields.List(
        fields.Nested(FindingSchema),
        required=True,
        metadata={"description": "All that was found; not for the customer's ears"},
    )
    unlock_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "What it opened of this offer; null: nothing"},
    )


class ExplanationSchema(Schema):
    """How an offer stands for one customer who would check in at the venue now, and why."""

    example = {  # noqa: RUF012
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "customer": "7b6f1c1e-93b0-4f6e-b7c1-0f6f0f3c2a11",
        "standing": None,
        "at": "2026-11-22T12:00:01Z",
        "offer_status": "active",
        "variant": None,
        "min_level": "L1",
        "state": "locked",
        "progress": 0,
        "target": 10,
        "progress_text": "0 of 10 visits",
        "reason": {"code": "more_visits", "text": "It takes more visits."},
        "to_open": "10 more visits; the check-in that opens it counts.",
        "opens_next_at": None,
        "unlocks": [],
        "check_ins": [
            {
                "id": "019abc12-0000-7000-8000-000000000004",
                "occurred_at": "2026-11-22T12:00:01Z",
                "verdict": "rejected",
                "level": "L0",
                "reasons": [
                    {"code": "not_verified", "text": "Your presence could not be verified."}
                ],
                "findings": [{"reason": "simulated_fix", "verdict": "rejected"}],
                "unlock_id": None,
            }
        ],
    }

    offer_id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True)
    customer = fields.UUID(required=True)
    standing = fields.String(
        required=True, allow_none=True, metadata={"description": "How the customer is treated"}
    )
    at = Timestamp(required=True)
    offer_status = Word("OfferStatus", STATUSES, required=True)
    variant = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The customer's arm of the experiment that runs; null: none does"},
    )
    min_level = level_word(required=True)
    state = Word("OfferState", [state.value for state in State], required=True)
    progress = fields.Integer(required=True)
    target = fields.Integer(required=True)
    progress_text = fields.String(required=True, metadata={"example": "3 of 10 visits"})
    reason = fields.Nested(ReasonSchema, required=True, allow_none=True)
    to_open = fields.String(
        required=True, metadata={"description": "What would have to happen, in words"}
    )
    opens_next_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "Where its dates or hours are still to come: when"},
    )
    unlocks = fields.List(
        fields.Nested(UnlockHadSchema),
        required=True,
        metadata={"description": "The customer's newest, at any venue"},
    )
    check_ins = fields.List(
        fields.Nested(PastCheckInSchema),
        required=True,
        metadata={"description": "The customer's newest at the venue"},
    )


def present_explanation(found: Explanation) -> dict[str, Any]:
    met, standing, level = found.encounter, found.standing, f"L{found.min_level}"
    return {
        "offer_id": met.terms.offer_id,
        "venue_id": met.site.id,
        "customer": found.customer,
        "standing": met.person.standing,
        "at": found.at,
        "offer_status": found.status,
        "variant": found.arm and found.arm.name,
        "min_level": level,
        "state": standing.state.value,
        "progress": standing.progress,
        "target": standing.target,
        "progress_text": say(progress_text(standing)),
        "reason": say_reason(standing.why) if standing.why else None,
        "to_open": say(remedy(standing, level)),
        "opens_next_at": found.opens_next_at,
        "unlocks": [row._asdict() for row in found.unlocks],
        "check_ins": [_present_check_in(row) for row in found.check_ins],
    }


def _present_check_in(row: Any) -> dict[str, Any]:
    heard = public_reasons((found["reason"], found["verdict"]) for found in row.findings)
    return {**row._asdict(), "level": f"L{row.level}", "reasons": say_reasons(heard)}
