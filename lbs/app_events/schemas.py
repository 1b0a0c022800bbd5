from __future__ import annotations

from typing import Any, ClassVar

import marshmallow as ma
from marshmallow import fields, validate

from lbs.app_events.policy import PassShown, Refusal, TeaserViewed
from lbs.app_events.service import Outcome
from lbs.http.fields import OneOf, Schema, Timestamp, Word, tag
from lbs.ledger.policy import CHANNELS

MAX_REPORTS = 500
KINDS = ("teaser_viewed", "pass_shown")
_ID = "6d1a1c3e-9d3b-4c56-8a34-5f0e7ad2b7c1"
_VIEW = {
    "kind": "teaser_viewed",
    "client_id": _ID,
    "at": "2026-11-22T11:58:30Z",
    "offer_id": "019abc12-0000-7000-8000-000000000002",
    "venue_id": "019abc12-0000-7000-8000-000000000001",
    "channel": "nearby",
}


class _ReportSchema(Schema):
    client_id = fields.UUID(
        required=True,
        metadata={"description": "The app's own, the same one whenever it reports this again"},
    )
    at = Timestamp(required=True, metadata={"description": "When it happened, by the phone"})


class TeaserViewedSchema(_ReportSchema):
    """The customer has looked at the teaser of an offer that runs."""

    example = _VIEW

    kind = tag("teaser_viewed")
    offer_id = fields.UUID(required=True)
    venue_id = fields.UUID(
        load_default=None, metadata={"description": "At which of its venues it was shown, if any"}
    )
    channel = Word(
        "Channel",
        CHANNELS,
        required=True,
        metadata={"description": "How the customer came to the offer"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> TeaserViewed:
        return TeaserViewed(**data)


class PassShownSchema(_ReportSchema):
    """The customer has opened the code of an unlock, to show it."""

    kind = tag("pass_shown")
    unlock_id = fields.UUID(required=True)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> PassShown:
        return PassShown(**data)


class AppEventSchema(OneOf):
    """What happened at the phone."""

    type_schemas = {  # noqa: RUF012
        "teaser_viewed": TeaserViewedSchema(),
        "pass_shown": PassShownSchema(),
    }


class ReportAppEventsSchema(Schema):
    example: ClassVar[dict[str, Any]] = {"events": [_VIEW]}

    events = fields.List(
        fields.Nested(AppEventSchema),
        required=True,
        validate=validate.Length(1, MAX_REPORTS),
        metadata={"description": "In any order; those made while the phone was offline too"},
    )


def _kind() -> Word:
    return Word("AppEventKind", KINDS, required=True)


class AppEventCountSchema(Schema):
    """What came of the reports of one kind."""

    kind = _kind()
    recorded = fields.Integer(required=True)
    duplicates = fields.Integer(
        required=True, metadata={"description": "Counted before, and not again"}
    )
    refused = fields.Integer(required=True)


class RefusedAppEventSchema(Schema):
    """A report that was not taken, and why. What is `in_future` can be reported again later."""

    client_id = fields.UUID(required=True)
    kind = _kind()
    reason = Word("AppEventRefusal", [reason.value for reason in Refusal], required=True)


class AppEventsReportSchema(Schema):
    """What came of a batch."""

    example: ClassVar[dict[str, Any]] = {
        "counts": [
            {"kind": "teaser_viewed", "recorded": 1, "duplicates": 0, "refused": 0},
            {"kind": "pass_shown", "recorded": 0, "duplicates": 0, "refused": 0},
        ],
        "refused": [],
    }

    counts = fields.List(fields.Nested(AppEventCountSchema), required=True)
    refused = fields.List(fields.Nested(RefusedAppEventSchema), required=True)


def present(outcome: Outcome) -> dict[str, Any]:
    return {
        "counts": [
            {
                "kind": kind,
                "recorded": outcome.recorded.get(kind, 0),
                "duplicates": outcome.duplicates.get(kind, 0),
                "refused": sum(one.kind == kind for one in outcome.refused),
            }
            for kind in KINDS
        ],
        "refused": outcome.refused,
    }
