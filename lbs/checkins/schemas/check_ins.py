"""Check-ins as customers and apps send and read them."""

from __future__ import annotations

from typing import Any, ClassVar

import marshmallow as ma
from marshmallow import fields, validate

from lbs.checkins.policy import public_reasons
from lbs.checkins.schemas.evidence import FIX_EXAMPLE, EvidenceSchema, one_of_each, sort_out
from lbs.checkins.schemas.words import ReasonSchema, say_reason, say_reasons
from lbs.checkins.service import CheckedIn, CheckIn, ClosedOffer
from lbs.checkins.service.company import WORDS as PARTY_WORDS
from lbs.http.fields import Presented, Schema, String, Timestamp, Word
from lbs.http.languages import say
from lbs.http.paging import page_schema
from lbs.ledger.policy import CHANNELS
from lbs.offers.rules import State
from lbs.offers.rules.words import progress_text
from lbs.unlocks.schemas import UnlockSchema

VERDICTS = ("accepted", "ambiguous", "rejected", "voided")
LEVELS = ("L0", "L1", "L2", "L3")
PROOF_KINDS = (
    "location",
    "poster_code",
    "venue_code",
    "nfc_tag",
    "beacon",
    "staff_pin",
    "staff",
    "device_integrity",
)


def channel_word(**kwargs: Any) -> Word:
    description = {"description": "How the customer came to the offer", "example": "nearby"}
    return Word("Channel", CHANNELS, metadata=description, **kwargs)


class CreateCheckInSchema(Schema):
    example = {  # noqa: RUF012
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "evidence": [FIX_EXAMPLE],
    }

    venue_id = fields.UUID(load_default=None, metadata={"description": "This, or event_id"})
    event_id = fields.UUID(
        load_default=None, metadata={"description": "An event, in place of its venue"}
    )
    evidence = fields.List(
        fields.Nested(EvidenceSchema),
        required=True,
        validate=[validate.Length(max=8), one_of_each],
    )
    party_code = String(
        load_default=None,
        validate=validate.Length(1, 100),
        metadata={
            "description": "Of the party that the customer comes with, from POST /v1/parties",
            "example": "7M3K-9QZ2",
        },
    )

    channel = channel_word(load_default=None)
    share_token = String(
        load_default=None,
        validate=validate.Length(1, 64),
        metadata={
            "description": "Of the friend's link by which the customer has come, as in POST "
            "/v1/referrals; one that cannot count keeps nobody from checking in",
            "example": "Zk3uV8sQm1pT0aYx5LrWdg",
        },
    )

    @ma.validates_schema
    def one_place(self, data: dict[str, Any], **_: Any) -> None:
        if (data["venue_id"] is None) is (data["event_id"] is None):
            raise ma.ValidationError("Give venue_id or event_id, and not both.", "venue_id")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CheckIn:
        event_id = data["event_id"]
        return CheckIn(
            place_id=event_id or data["venue_id"],
            evidence=sort_out(data["evidence"]),
            is_event=event_id is not None,
            party_code=data["party_code"],
            channel=data["channel"],
            share_token=data["share_token"],
        )


def level_word(**kwargs: Any) -> Word:
    description = {"description": "How strongly presence is proved"}
    return Word("PresenceLevel", LEVELS, metadata=description, **kwargs)


def proof_kinds(description: str) -> fields.List[Any]:
    return fields.List(
        Word("ProofKind", PROOF_KINDS), required=True, metadata={"description": description}
    )


class OfferStandingSchema(Schema):
    """How an offer stands for the customer. Its terms stay hidden until it has opened."""

    example = {  # noqa: RUF012
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "teaser": "Something warm is on us",
        "min_level": "L1",
        "state": "unlockable_here",
        "progress": 0,
        "target": 1,
        "progress_text": "0 of 1 visit",
        "reason": None,
        "needs": [],
    }

    offer_id = fields.UUID(required=True)
    teaser = fields.String(required=True)
    min_level = level_word(required=True)
    state = Word("OfferState", [state.value for state in State], required=True)
    progress = fields.Integer(required=True)
    target = fields.Integer(required=True)
    progress_text = fields.String(required=True, metadata={"example": "3 of 10 visits"})
    reason = fields.Nested(ReasonSchema, required=True, allow_none=True)
    needs = proof_kinds("Any of these would open it, where only the level keeps it closed")


class _JudgedSchema(Schema):
    id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True)
    event_id = fields.UUID(required=True, allow_none=True)
    occurred_at = Timestamp(required=True)
    verdict = Word("Verdict", VERDICTS, required=True)
    level = level_word(required=True)
    reasons = fields.List(fields.Nested(ReasonSchema), required=True)


class CheckInResultSchema(_JudgedSchema):
    """What became of a check-in: only an accepted one is a visit and opens offers."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000004",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "event_id": None,
        "occurred_at": "2026-11-22T12:00:01Z",
        "verdict": "accepted",
        "level": "L1",
        "reasons": [],
        "needs": [],
        "evidence_until": None,
        "counts_again_at": None,
        "visits": 1,
        "receipt": "eyJhbGciOiJFZERTQSIsInR5cCI6InJlY2VpcHQrand0In0...",
        "unlocked": [UnlockSchema.example],
        "locked": [],
        "party": None,
    }

    needs = proof_kinds(
        "Any of these would settle the verdict, or open an offer that its level keeps closed"
    )
    evidence_until = Timestamp(
        required=True,
        allow_none=True,
        metadata={
            "description": "Until when POST /v1/check-ins/{id}/evidence takes what is needed; "
            "null: nothing is needed, or it takes a new check-in"
        },
    )
    counts_again_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "After a check-in that was too soon: when the next one counts"},
    )
    visits = fields.Integer(
        required=True, metadata={"description": "The customer's visits to the venue, with this one"}
    )
    receipt = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Signed token (JWS, EdDSA) that states customer, venue, level, proofs "
            "and times; verify it with /.well-known/jwks.json"
        },
    )
    unlocked = fields.List(fields.Nested(UnlockSchema), required=True)
    locked = fields.List(Presented(OfferStandingSchema), required=True)
    party = Word(
        "PartyWord",
        PARTY_WORDS,
        required=True,
        allow_none=True,
        metadata={
            "description": "What came of `party_code`; a wrong one keeps nobody from checking in. "
            "null: none was given"
        },
    )


class CheckInSchema(_JudgedSchema):
    """A check-in in the customer's history."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000009",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "venue_name": "20 grams",
        "event_id": None,
        "occurred_at": "2026-11-22T11:55:00Z",
        "verdict": "rejected",
        "level": "L0",
        "reasons": [{"code": "outside_fence", "text": "You are not at the venue."}],
        "unlock_ids": [],
    }

    venue_name = fields.String(required=True)
    unlock_ids = fields.List(
        fields.UUID(),
        required=True,
        metadata={"description": "What has opened with it, also by others who came later"},
    )


CheckInPageSchema = page_schema(CheckInSchema, "CheckInPageSchema")


class StaffConfirmationSchema(_JudgedSchema):
    """What became of a check-in that a staff member has confirmed; nothing of the customer's."""

    example: ClassVar[dict[str, Any]] = {
        "id": "019abc12-0000-7000-8000-000000000004",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "event_id": None,
        "occurred_at": "2026-11-22T12:00:01Z",
        "verdict": "accepted",
        "level": "L3",
        "reasons": [],
        "opened": 1,
    }

    opened = fields.Integer(
        required=True, metadata={"description": "How many offers have opened with it"}
    )


class AskChallengeSchema(Schema):
    example = {"venue_id": "019abc12-0000-7000-8000-000000000001"}  # noqa: RUF012

    venue_id = fields.UUID(
        required=True, metadata={"description": "The venue, or the event, to be checked in at"}
    )


class ChallengeSchema(Schema):
    """What the phone's platform is to attest, once: give it the SHA-256 of the text."""

    example = {  # noqa: RUF012
        "challenge": "eyJhbGciOiJFZERTQSIsInR5cCI6ImNoYWxsZW5nZStqd3QifQ...",
        "expires_at": "2026-11-22T12:05:00Z",
    }

    challenge = fields.String(required=True)
    expires_at = Timestamp(required=True)


def present(outcome: CheckedIn) -> dict[str, Any]:
    """A check-in's outcome, worded for the customer."""
    judgement = outcome.judgement
    return {
        **_judged(outcome),
        "needs": outcome.needs,
        "evidence_until": outcome.evidence_until,
        "counts_again_at": judgement.counts_again_at,
        "visits": outcome.visits,
        "receipt": outcome.receipt,
        "unlocked": outcome.unlocked,
        "locked": [present_offer(offer) for offer in outcome.locked],
        "party": outcome.party,
    }


def present_confirmation(outcome: CheckedIn) -> dict[str, Any]:
    return {**_judged(outcome), "opened": len(outcome.unlocked)}


def _judged(outcome: CheckedIn) -> dict[str, Any]:
    judgement = outcome.judgement
    return {
        "id": outcome.id,
        "venue_id": outcome.venue_id,
        "event_id": outcome.event_id,
        "occurred_at": outcome.occurred_at,
        "verdict": judgement.verdict.word,
        "level": f"L{judgement.level:d}",
        "reasons": say_reasons(
            public_reasons((f.reason, f.verdict.word) for f in judgement.findings)
        ),
    }


def present_check_in(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "venue_id": row.venue_id,
        "venue_name": row.venue_name,
        "event_id": row.event_id,
        "occurred_at": row.occurred_at,
        "verdict": row.verdict,
        "level": f"L{row.level}",
        "reasons": say_reasons(public_reasons((f["reason"], f["verdict"]) for f in row.findings)),
        "unlock_ids": row.unlock_ids,
    }


def present_offer(offer: ClosedOffer) -> dict[str, Any]:
    """As OfferStandingSchema has it, in JSON's own types."""
    standing = offer.standing
    return {
        "offer_id": str(offer.offer_id),
        "teaser": offer.teaser,
        "min_level": f"L{offer.min_level}",
        "state": standing.state.value,
        "progress": standing.progress,
        "target": standing.target,
        "progress_text": say(progress_text(standing)),
        "reason": say_reason(standing.why) if standing.why else None,
        "needs": list(offer.needs),
    }
