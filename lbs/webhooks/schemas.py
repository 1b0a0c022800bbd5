from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Integer, Schema, String, Timestamp, Word, text
from lbs.http.outgoing import PROBLEMS
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.webhooks.policy import EVENT_TYPES, TEST, Reason
from lbs.webhooks.service import ChangeEndpoint, CreateEndpoint

STATUSES = ("active", "disabled")
STATES = ("pending", "succeeded", "failed")
MAX_OVERLAP_S, OVERLAP_S = 7 * 86_400, 86_400

URL: dict[str, Any] = {
    "validate": validate.Length(min=1, max=2000),
    "metadata": {
        "format": "uri",
        "description": "An https address on the public internet",
        "example": "https://cafe.example/hooks/lbs",
    },
}
EVENTS: dict[str, Any] = {
    "validate": validate.Length(min=1, max=len(EVENT_TYPES)),
    "metadata": {"description": "The types of message that it takes"},
}

_ENDPOINT: dict[str, Any] = {
    "url": "https://cafe.example/hooks/lbs",
    "description": "The till's backend",
    "event_types": ["offer.unlocked", "redemption.made", "redemption.reversed"],
}
_VIEW: dict[str, Any] = {
    "id": "019abc12-0000-7000-8000-000000000021",
    **_ENDPOINT,
    "status": "active",
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
    "old_secret_ends_at": None,
    "version": 1,
    "created_at": "2026-11-22T09:10:00Z",
    "updated_at": "2026-11-22T09:10:00Z",
}


def _events(**options: Any) -> fields.List[Any]:
    return fields.List(Word("WebhookSubscription", EVENT_TYPES), **options, **EVENTS)


def _in_order(given: list[str]) -> tuple[str, ...]:
    return tuple(name for name in EVENT_TYPES if name in given)


class CreateWebhookEndpointSchema(Schema):
    example = _ENDPOINT

    url = String(required=True, **URL)
    event_types = _events(required=True)
    description = text(200, load_default=None, allow_none=True)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateEndpoint:
        return CreateEndpoint(data["url"], _in_order(data["event_types"]), data["description"])


class ChangeWebhookEndpointSchema(Schema):
    example = {"event_types": ["offer.unlocked"], "status": "active"}  # noqa: RUF012

    url = String(**URL)
    event_types = _events()
    description = text(200, allow_none=True)
    status = Word("WebhookEndpointStatus", STATUSES)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> ChangeEndpoint:
        if "event_types" in data:
            data["event_types"] = list(_in_order(data["event_types"]))
        return ChangeEndpoint(data)


class RotateWebhookSecretSchema(Schema):
    example = {"overlap_s": 86_400}  # noqa: RUF012

    overlap_s = Integer(
        load_default=OVERLAP_S,
        validate=validate.Range(0, MAX_OVERLAP_S),
        metadata={"description": "So long both secrets sign"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> timedelta:
        return timedelta(seconds=data["overlap_s"])


class WebhookEndpointSchema(Schema):
    """Where a merchant's own system takes messages, and how it does."""

    example = _VIEW

    id = fields.UUID(required=True)
    url = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    event_types = _events(required=True)
    status = Word("WebhookEndpointStatus", STATUSES, required=True)
    disabled_reason = Word(
        "WebhookDisabledReason",
        [reason.value for reason in Reason],
        required=True,
        allow_none=True,
        metadata={
            "description": "`gone`: it answered 410; `failing`: nothing got through for three days"
        },
    )
    disabled_at = Timestamp(required=True, allow_none=True)
    failing_since = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "The first attempt in vain since the last that got through"},
    )
    old_secret_ends_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "Until then the secret before the last rotation signs too"},
    )
    version = fields.Integer(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


WebhookEndpointPageSchema = page_schema(WebhookEndpointSchema, "WebhookEndpointPageSchema")


class NewWebhookEndpointSchema(WebhookEndpointSchema):
    """A webhook endpoint with its secret, which is shown this once."""

    example = {**_VIEW, "secret": "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="}  # noqa: RUF012

    secret = fields.String(required=True, metadata={"description": "What messages are signed by"})


class WebhookDeliverySchema(Schema):
    """One message on its way to one endpoint. What the receiver answered is not kept."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000022",
        "message_id": "019abc12-0000-7000-8000-000000000023",
        "event_type": "webhook.test",
        "state": "pending",
        "attempts": 0,
        "answer_status": None,
        "problem": None,
        "latency_ms": None,
        "created_at": "2026-11-22T09:10:00Z",
        "last_attempt_at": None,
        "next_attempt_at": "2026-11-22T09:10:00Z",
    }

    id = fields.UUID(required=True)
    message_id = fields.UUID(
        required=True, metadata={"description": "The `webhook-id` of every attempt"}
    )
    event_type = Word("WebhookEvent", (*EVENT_TYPES, TEST), required=True, attribute="type")
    state = Word("WebhookDeliveryState", STATES, required=True)
    attempts = fields.Integer(required=True)
    answer_status = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The HTTP status of the last attempt; null: no whole answer came"},
    )
    problem = Word(
        "WebhookProblem",
        PROBLEMS,
        required=True,
        allow_none=True,
        metadata={"description": "Why no whole answer came at the last attempt"},
    )
    latency_ms = fields.Integer(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    last_attempt_at = Timestamp(required=True, allow_none=True)
    next_attempt_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={
            "description": "Not before then, and not before earlier messages of its order key"
        },
    )


WebhookDeliveryPageSchema = page_schema(WebhookDeliverySchema, "WebhookDeliveryPageSchema")


class WebhookDeliveryQuerySchema(WindowQuerySchema):
    state = Word("WebhookDeliveryState", STATES, load_default=None)
