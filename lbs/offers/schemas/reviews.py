"""What the review of an offer finds, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import fields

from lbs.http.fields import Schema, Word
from lbs.http.languages import say
from lbs.offers.policy import Code, Finding, Severity
from lbs.offers.policy.review import MOST


class Said(fields.String):
    """A text that exists in every language."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return super()._serialize(say(value), attr, obj, **kwargs)


class ReviewFindingSchema(Schema):
    """Something about an offer that a merchant should mend or know."""

    example = {  # noqa: RUF012
        "code": "reward_in_teaser",
        "severity": "error",
        "pointer": "#/teaser",
        "text": "The teaser gives the reward away.",
        "mend": "Say in the teaser what to look forward to, not what or how much it is.",
        "about": None,
    }

    code = Word("ReviewCode", [str(code) for code in Code], required=True)
    severity = Word(
        "ReviewSeverity",
        [str(severity) for severity in Severity],
        required=True,
        metadata={"description": "An error stops activation, a warning does not"},
    )
    pointer = fields.String(
        required=True,
        metadata={"description": "JSON pointer to the member of the offer that it is about"},
    )
    text = Said(required=True)
    mend = Said(required=True, metadata={"description": "What would mend it"})
    about = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The promotion, other offer or venue that it is about"},
    )


class OfferReviewSchema(Schema):
    """Whether an offer is exclusive, gated, measurable, open and reachable."""

    example = {  # noqa: RUF012
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "terms_version": 1,
        "may_activate": False,
        "findings": [ReviewFindingSchema.example],
    }

    offer_id = fields.UUID(required=True)
    terms_version = fields.Integer(required=True)
    may_activate = fields.Boolean(
        required=True, metadata={"description": "There is no error, and it has not ended"}
    )
    findings = fields.List(
        fields.Nested(ReviewFindingSchema),
        required=True,
        metadata={"description": f"Of one kind, the first {MOST}"},
    )


class PassedReviewSchema(Schema):
    """A review without errors: what was known then."""

    example = {  # noqa: RUF012
        "at": "2026-11-22T09:06:00Z",
        "terms_version": 1,
        "warnings": [],
    }

    at = fields.String(required=True, metadata={"format": "date-time"})
    terms_version = fields.Integer(required=True)
    warnings = fields.List(fields.Nested(ReviewFindingSchema), required=True)


def present_errors(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Those that stop activation, as the errors of a problem."""
    return [
        {
            "detail": say(each.text),
            "pointer": each.pointer,
            "rule": each.code,
            "mend": say(each.mend),
            **({"about": str(each.about)} if each.about else {}),
        }
        for each in findings
        if each.severity is Severity.ERROR
    ]
