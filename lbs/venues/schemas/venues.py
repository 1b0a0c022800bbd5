from __future__ import annotations

import zoneinfo
from typing import Any

import marshmallow as ma
import opening_hours
from marshmallow import fields, validate

from lbs.geo import time_zone_at
from lbs.http.fields import Flawed, Integer, Schema, String, Timestamp, Word, text
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.venues.schemas.fences import FenceSchema, PointSchema, inside, refuse_swapped
from lbs.venues.service import ChangeVenue, CreateVenue

WEEK_S = 7 * 86_400
STATUSES = ("active", "retired")
LEVELS = {"L1": 1, "L2": 2, "L3": 3}
ZONES = frozenset(zoneinfo.available_timezones())


class MinLevel(Word):
    """A word outside, a number inside. L0 is none of them: without presence an offer is an ad."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("MinLevel", LEVELS, **kwargs)

    def deserialize(self, *args: Any, **kwargs: Any) -> Any:
        value = super().deserialize(*args, **kwargs)
        return LEVELS.get(value, value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"L{value}"


def is_time_zone(value: str) -> None:
    if value not in ZONES:
        raise ma.ValidationError(Flawed.by("time_zone", "Not an IANA time zone."))


def _are_hours(value: str) -> None:
    if not opening_hours.validate(value):
        raise ma.ValidationError(
            Flawed.by("opening_hours", "Not opening hours in OpenStreetMap's syntax.")
        )


NAME: dict[str, Any] = {"required": True, "metadata": {"example": "Ølbaren"}}
CATEGORY: dict[str, Any] = {
    "validate": validate.Regexp(
        r"\A[a-z0-9_]{1,64}\Z", error="Lower-case letters, digits and _, at most 64."
    ),
    "metadata": {"example": "cafe", "pattern": "^[a-z0-9_]{1,64}$"},
}
HOURS: dict[str, Any] = {
    "validate": [validate.Length(max=500), _are_hours],
    "allow_none": True,
    "metadata": {
        "description": "OpenStreetMap's opening_hours syntax",
        "example": "Mo-Fr 08:00-18:00; Sa 10:00-15:00",
    },
}
COOL_DOWN: dict[str, Any] = {
    "validate": validate.Range(0, WEEK_S),
    "allow_none": True,
    "metadata": {
        "description": "Seconds until the next check-in counts; null: the service's default",
        "example": 14400,
    },
}
MIN_LEVEL: dict[str, Any] = {
    "metadata": {
        "description": "How strongly presence has to be proved here: by location (L1), by "
        "location and an intact device (L2), or physically (L3)",
        "example": "L1",
    }
}


_VENUE = {
    "name": "20 grams",
    "category": "cafe",
    "opening_hours": "09:00-18:00",
    "fence": {"type": "Circle", "centre": {"lon": 12.57232, "lat": 55.68227}, "radius_m": 50},
    "location": {"lon": 12.57241, "lat": 55.68231},
}


class CreateVenueSchema(Schema):
    example = _VENUE

    name = text(200, **NAME)
    category = String(load_default="other", **CATEGORY)
    fence = fields.Nested(FenceSchema, required=True)
    time_zone = String(
        load_default=None,
        validate=is_time_zone,
        metadata={
            "description": "IANA time zone; left out: the one at the fence",
            "example": "Europe/Copenhagen",
        },
    )
    opening_hours = String(load_default=None, **HOURS)
    location = fields.Nested(
        PointSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "What maps show, such as the door; left out: some point inside"},
    )
    cool_down_s = Integer(load_default=None, **COOL_DOWN)
    min_level = MinLevel(load_default=1, **MIN_LEVEL)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateVenue:
        lon, lat = inside(data["fence"])
        given = data.pop("time_zone")
        refuse_swapped(data["fence"], time_zone=given)
        return CreateVenue(time_zone=given or time_zone_at(lon=lon, lat=lat), **data)


class ChangeVenueSchema(Schema):
    example = {"opening_hours": "Mo-Su 08:00-22:00"}  # noqa: RUF012

    name = text(200, metadata={"example": "Ølbaren"})
    category = String(**CATEGORY)
    fence = fields.Nested(FenceSchema)
    time_zone = String(validate=is_time_zone)
    opening_hours = String(**HOURS)
    location = fields.Nested(PointSchema)
    cool_down_s = Integer(**COOL_DOWN)
    min_level = MinLevel(**MIN_LEVEL)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> ChangeVenue:
        return ChangeVenue(
            fence=data.pop("fence", None), location=data.pop("location", None), changes=data
        )


class VenueSchema(Schema):
    """A venue as its merchant sees it."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000001",
        **_VENUE,
        "time_zone": "Europe/Copenhagen",
        "cool_down_s": None,
        "min_level": "L1",
        "status": "active",
        "version": 1,
        "created_at": "2026-11-22T09:00:00Z",
        "updated_at": "2026-11-22T09:00:00Z",
    }

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    category = fields.String(required=True)
    time_zone = fields.String(required=True)
    opening_hours = fields.String(required=True, allow_none=True)
    fence = fields.Nested(FenceSchema, required=True)
    location = fields.Nested(PointSchema, required=True)
    cool_down_s = fields.Integer(required=True, allow_none=True)
    min_level = MinLevel(required=True)
    status = Word("VenueStatus", STATUSES, required=True)
    version = fields.Integer(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


VenuePageSchema = page_schema(VenueSchema, "VenuePageSchema")


class VenueListQuerySchema(WindowQuerySchema):
    status = Word("VenueStatus", STATUSES, load_default=None)
