from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, Word, text
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.venues.schemas.fences import FenceSchema
from lbs.venues.service import MAX_EVENT, ChangeEvent, CreateEvent

STATUSES = ("active", "cancelled")
UNFENCED = {"fence": None, "centre": None, "radius_m": None}

NAME: dict[str, Any] = {"metadata": {"example": "Harbour concert"}}
FENCE: dict[str, Any] = {
    "allow_none": True,
    "metadata": {"description": "Where the event takes place; null: within the venue's own fence"},
}

_EVENT = {
    "venue_id": "019abc12-0000-7000-8000-000000000001",
    "name": "Harbour concert",
    "starts_at": "2026-12-05T18:00:00Z",
    "ends_at": "2026-12-05T23:00:00Z",
    "fence": {"type": "Circle", "centre": {"lon": 12.57232, "lat": 55.68227}, "radius_m": 200},
}


class _EventTimesSchema(Schema):
    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data.get("starts_at"), data.get("ends_at")
        if start and end and start >= end:
            raise ma.ValidationError("Must be later than starts_at.", "ends_at")
        if start and end and end - start > MAX_EVENT:
            raise ma.ValidationError(f"At most {MAX_EVENT.days} days after starts_at.", "ends_at")


class CreateEventSchema(_EventTimesSchema):
    example = _EVENT

    venue_id = fields.UUID(required=True)
    name = text(200, required=True, **NAME)
    starts_at = Timestamp(required=True)
    ends_at = Timestamp(required=True, metadata={"description": "At most 31 days after starts_at"})
    fence = fields.Nested(FenceSchema, load_default=None, **FENCE)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateEvent:
        return CreateEvent(**data)


class ChangeEventSchema(_EventTimesSchema):
    example = {"ends_at": "2026-12-06T01:00:00Z"}  # noqa: RUF012

    name = text(200, **NAME)
    starts_at = Timestamp()
    ends_at = Timestamp()
    fence = fields.Nested(FenceSchema, **FENCE)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> ChangeEvent:
        fence = data.pop("fence", ma.missing)
        if fence is None:
            return ChangeEvent({**data, **UNFENCED})
        return ChangeEvent(data, None if fence is ma.missing else fence)


class EventSchema(Schema):
    """A dated happening at a venue, as its merchant sees it."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-00000000000d",
        **_EVENT,
        "status": "active",
        "version": 1,
        "created_at": "2026-11-22T09:10:00Z",
        "updated_at": "2026-11-22T09:10:00Z",
    }

    id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True)
    name = fields.String(required=True)
    starts_at = Timestamp(required=True)
    ends_at = Timestamp(required=True)
    fence = fields.Nested(FenceSchema, required=True, **FENCE)
    status = Word("EventStatus", STATUSES, required=True)
    version = fields.Integer(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


EventPageSchema = page_schema(EventSchema, "EventPageSchema")


class EventListQuerySchema(WindowQuerySchema):
    venue_id = fields.UUID(load_default=None, metadata={"description": "At this venue only"})
    status = Word("EventStatus", STATUSES, load_default=None)
