"""What a reader reports of wristbands and cards."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.checkins.service.taps import OUTCOMES, Tap
from lbs.http.fields import MAX_BIGINT, Integer, Schema, Timestamp, Word, text

MAX_TAPS = 100
_TAP = {"sequence": 41, "tag": "04A23B1C5D6E80", "tapped_at": "2026-11-22T12:00:00Z"}


class TapSchema(Schema):
    """A tag held to the reader. The reader numbers its taps; each number counts once."""

    example = _TAP

    sequence = Integer(
        required=True, validate=validate.Range(0, MAX_BIGINT), metadata={"example": 41}
    )
    tag = text(64, required=True, metadata={"example": "04A23B1C5D6E80"})
    tapped_at = Timestamp(required=True)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Tap:
        return Tap(**data)


class ReportTapsSchema(Schema):
    example = {"taps": [_TAP]}  # noqa: RUF012

    taps = fields.List(
        fields.Nested(TapSchema),
        required=True,
        validate=validate.Length(1, MAX_TAPS),
        metadata={"description": "In any order; those made while the reader was offline too"},
    )


class TapResultSchema(Schema):
    """What came of a tap."""

    sequence = fields.Integer(required=True)
    outcome = Word(
        "TapOutcome",
        OUTCOMES,
        required=True,
        metadata={
            "description": "How the tap was taken; `check_in_id` is its check-in, if any. What is "
            "`in_future` was not taken: set the reader's clock, or report it again"
        },
    )
    repeated = fields.Boolean(
        required=True, metadata={"description": "It was reported before and did not count again"}
    )
    check_in_id = fields.UUID(required=True, allow_none=True)


class TapResultsSchema(Schema):
    """What came of each tap, in the order of its number."""

    example = {  # noqa: RUF012
        "items": [
            {
                "sequence": 41,
                "outcome": "accepted",
                "repeated": False,
                "check_in_id": "019abc12-0000-7000-8000-000000000004",
            }
        ]
    }

    items = fields.List(fields.Nested(TapResultSchema), required=True)
