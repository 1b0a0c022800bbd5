from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.conversions import rules
from lbs.conversions.policy import PROBLEMS, PURPOSES, STATES, STATUSES
from lbs.conversions.service import GiveConsent, WriteSetting
from lbs.http.fields import Schema, String, Timestamp, Word, text
from lbs.http.paging import WindowQuerySchema, page_schema

DATASET: dict[str, Any] = {
    "validate": validate.Regexp(r"\A[0-9]{1,20}\Z"),
    "metadata": {"description": "As Events Manager shows it", "example": "1094233214457021"},
}
MAX_VENUES = 5000


class GiveConsentSchema(Schema):
    """What the customer agrees to, and by what else they may be found again at Meta.

    Of address and number only the SHA-256 is kept. What is left out is forgotten.
    """

    example = {  # noqa: RUF012
        "text_version": "2026-11",
        "email": "john.smith@example.com",
        "phone": "+45 32 12 34 56",
    }

    text_version = text(
        50, required=True, metadata={"description": "Of the text that the customer was shown"}
    )
    email = String(
        load_default=None,
        allow_none=True,
        validate=[validate.Length(max=254), validate.Email()],
        metadata={"format": "email"},
    )
    phone = text(
        40,
        load_default=None,
        allow_none=True,
        metadata={"description": "With + and its country code: no country is guessed"},
    )

    @ma.validates("phone")
    def with_country(self, value: str | None, **_: Any) -> None:
        if value and rules.phone_digits(value) is None:
            raise ma.ValidationError("Must be a telephone number with + and its country code.")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> GiveConsent:
        digits = rules.phone_digits(data["phone"] or "")
        return GiveConsent(
            text_version=data["text_version"],
            email_hash=rules.hashed(data["email"]) if data["email"] else None,
            phone_hash=rules.hashed(digits) if digits else None,
        )


class ConsentSchema(Schema):
    """A consent that a customer has given and not taken back."""

    example = {  # noqa: RUF012
        "purpose": "conversions",
        "text_version": "2026-11",
        "given_at": "2026-11-22T09:10:00Z",
        "has_email": True,
        "has_phone": True,
    }

    purpose = Word(
        "ConsentPurpose",
        PURPOSES,
        required=True,
        metadata={
            "description": "`conversions`: verified visits and redemptions are told to Meta, so "
            "that merchants who ask for it learn what their advertising brings"
        },
    )
    text_version = fields.String(required=True)
    given_at = Timestamp(required=True)
    has_email = fields.Boolean(required=True)
    has_phone = fields.Boolean(required=True)


class ConsentsSchema(Schema):
    """What the customer consents to; nothing, unless they said so."""

    example = {"items": [ConsentSchema.example]}  # noqa: RUF012

    items = fields.List(fields.Nested(ConsentSchema), required=True)


_SETTING: dict[str, Any] = {
    "dataset_id": "1094233214457021",
    "venue_ids": ["019abc12-0000-7000-8000-000000000001"],
}


class SetConversionsSchema(Schema):
    """Where conversions are sent, and of which venues."""

    example = {**_SETTING, "access_token": "EAAGm0PX4ZCpsBA"}  # noqa: RUF012

    dataset_id = String(required=True, **DATASET)
    access_token = String(
        load_default=None,
        validate=validate.Regexp(r"\A[!-~]{1,1000}\Z"),
        metadata={
            "description": "Of a system user, issued for this service's app. Without one, the one "
            "before is kept. It is never shown"
        },
    )
    venue_ids = fields.List(
        fields.UUID(),
        required=True,
        validate=validate.Length(max=MAX_VENUES),
        metadata={"description": "The venues to tell of, and no others"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteSetting:
        return WriteSetting(data["dataset_id"], tuple(data["venue_ids"]), data["access_token"])


class ConversionSettingSchema(Schema):
    """Where a merchant's conversions are sent, without the access token."""

    example = {  # noqa: RUF012
        **_SETTING,
        "status": "active",
        "paused_until": None,
        "unreceived": 0,
        "created_at": "2026-11-22T09:10:00Z",
        "updated_at": "2026-11-22T09:10:00Z",
    }

    dataset_id = fields.String(required=True)
    venue_ids = fields.List(fields.UUID(), required=True)
    status = Word(
        "ConversionStatus",
        STATUSES,
        required=True,
        metadata={
            "description": "`reauth_required`: Meta no longer takes the access token; "
            "`permission_missing`: the token may not write to the dataset. What is to be sent "
            "waits until a token is given"
        },
    )
    paused_until = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "Meta was asked too often, or did not answer"},
    )
    unreceived = fields.Integer(
        required=True,
        metadata={"description": "Sent, but not counted by Meta as received"},
    )
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class SendConversionTestSchema(Schema):
    example = {"test_event_code": "TEST78234"}  # noqa: RUF012

    test_event_code = String(
        required=True,
        validate=validate.Regexp(r"\A[A-Za-z0-9]{1,50}\Z"),
        metadata={"description": "As Events Manager shows it under Test events"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> str:
        return str(data["test_event_code"])


class ConversionSchema(Schema):
    """An event on its way to Meta. Whose it is is not said."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000031",
        "event_name": "VenueCheckIn",
        "event_time": "2026-11-22T09:10:00Z",
        "test_event_code": "TEST78234",
        "state": "pending",
        "failed": 0,
        "problem": None,
        "error_code": None,
        "trace_id": None,
        "created_at": "2026-11-22T09:10:00Z",
        "next_try_at": "2026-11-22T09:10:00Z",
        "sent_at": None,
    }

    id = fields.UUID(required=True, metadata={"description": "The `event_id` at Meta"})
    event_name = Word("ConversionName", rules.NAMES, required=True)
    event_time = Timestamp(required=True)
    test_event_code = fields.String(required=True, allow_none=True)
    state = Word("ConversionState", STATES, required=True)
    failed = fields.Integer(required=True, metadata={"description": "Tries in vain, of eight"})
    problem = Word(
        "ConversionProblem",
        PROBLEMS,
        required=True,
        allow_none=True,
        metadata={"description": "Why it was not sent, or not yet"},
    )
    error_code = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Meta's, of the last try"}
    )
    trace_id = fields.String(
        required=True, allow_none=True, metadata={"description": "What Meta's support asks for"}
    )
    created_at = Timestamp(required=True)
    next_try_at = Timestamp(required=True, allow_none=True)
    sent_at = Timestamp(required=True, allow_none=True)


ConversionPageSchema = page_schema(ConversionSchema, "ConversionPageSchema")


class ConversionQuerySchema(WindowQuerySchema):
    state = Word("ConversionState", STATES, load_default=None)
