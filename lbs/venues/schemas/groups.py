from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Schema, Timestamp, text
from lbs.http.paging import page_schema
from lbs.venues.service import WriteGroup

MAX_MEMBERS = 5_000

_GROUP = {"name": "City centre", "venue_ids": ["019abc12-0000-7000-8000-000000000001"]}


class VenueGroupSchema(Schema):
    """A named group of the merchant's venues."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-00000000000b",
        **_GROUP,
        "version": 1,
        "created_at": "2026-11-22T09:01:00Z",
    }

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    venue_ids = fields.List(fields.UUID(), required=True)
    version = fields.Integer(required=True)
    created_at = Timestamp(required=True)


VenueGroupPageSchema = page_schema(VenueGroupSchema, "VenueGroupPageSchema")


class CreateVenueGroupSchema(Schema):
    example = _GROUP

    name = text(100, required=True, metadata={"example": "City centre"})
    venue_ids = fields.List(
        fields.UUID(), load_default=list, validate=validate.Length(max=MAX_MEMBERS)
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteGroup:
        return WriteGroup(name=data["name"], venue_ids=tuple(data["venue_ids"]))


class ChangeVenueGroupSchema(Schema):
    example = {"name": "Inner city"}  # noqa: RUF012

    name = text(100)
    venue_ids = fields.List(fields.UUID(), validate=validate.Length(max=MAX_MEMBERS))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteGroup:
        ids = data.get("venue_ids")
        return WriteGroup(name=data.get("name"), venue_ids=None if ids is None else tuple(ids))
