from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.geo import Circle, FlawedGeometry, Point, check_circle, looks_swapped, read_fence
from lbs.http.fields import Flawed, Float, OneOf, Schema, tag

MIN_RADIUS_M, MAX_RADIUS_M = 10, 10_000

SWAPPED = (
    "Longitude and latitude look swapped: the time zone, or land where none is given, lies at the "
    "swapped position. A venue at sea needs its time_zone."
)

LON: dict[str, Any] = {"required": True, "validate": validate.Range(-180, 180)}
LAT: dict[str, Any] = {"required": True, "validate": validate.Range(-90, 90)}


class PointSchema(Schema):
    """A position in degrees (WGS 84)."""

    lon = Float(**LON, metadata={"example": 12.57232})
    lat = Float(**LAT, metadata={"example": 55.68227})

    @ma.post_load
    def make(self, data: dict[str, float], **_: Any) -> Point:
        return Point(**data)


class Coordinates(fields.Field[Any]):
    """Nested lists of positions; what is wrong with them is found by the geometry's own rules."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        return value


POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
POLYGON = {
    "type": "array",
    "items": {"type": "array", "items": POSITION},
    "example": [[[12.5720, 55.6821], [12.5727, 55.6821], [12.5724, 55.6825], [12.5720, 55.6821]]],
}
MULTI_POLYGON = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "array", "items": POSITION}},
    "example": [POLYGON["example"]],
}


class PolygonSchema(Schema):
    """A GeoJSON Polygon (RFC 7946): the outer ring, then its holes; longitude before latitude."""

    type = tag("Polygon")
    coordinates = Coordinates(required=True, metadata=POLYGON)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Any:
        try:
            return read_fence(data)
        except FlawedGeometry as error:
            raise ma.ValidationError(as_messages(error)) from error


class MultiPolygonSchema(PolygonSchema):
    """A GeoJSON MultiPolygon (RFC 7946): several areas, each with its holes."""

    type = tag("MultiPolygon")
    coordinates = Coordinates(required=True, metadata=MULTI_POLYGON)


class CircleSchema(Schema):
    """All within so many metres of a centre."""

    type = tag("Circle")
    centre = fields.Nested(PointSchema, required=True)
    radius_m = Float(
        required=True,
        validate=validate.Range(MIN_RADIUS_M, MAX_RADIUS_M),
        metadata={"example": 50},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Circle:
        circle = Circle(data["centre"], data["radius_m"])
        try:
            check_circle(circle)
        except FlawedGeometry as error:
            raise ma.ValidationError(as_messages(error)) from error
        return circle


class FenceSchema(OneOf):
    """The area in which a customer counts as being at the venue."""

    type_field = "type"
    type_schemas = {  # noqa: RUF012
        "Circle": CircleSchema(),
        "Polygon": PolygonSchema(),
        "MultiPolygon": MultiPolygonSchema(),
    }


def as_messages(error: FlawedGeometry) -> dict[str, Any]:
    """The flaws as a tree of marshmallow messages, each under the path of what it is about."""
    tree: dict[Any, Any] = {}
    for flaw in error.flaws:
        node = tree
        for step in flaw.path:
            node = node.setdefault(step, {})
        node.setdefault("_schema", []).append(Flawed.by(flaw.rule, flaw.detail))
    return tree


def refuse_swapped(fence: Any, *, time_zone: str | None) -> None:
    lon, lat = inside(fence)
    if looks_swapped(lon=lon, lat=lat, time_zone=time_zone):
        raise ma.ValidationError(Flawed.by("order", SWAPPED), "fence")


def inside(fence: Any) -> tuple[float, float]:
    """Longitude and latitude of some place in the fence."""
    if isinstance(fence, Circle):
        return fence.centre
    point = fence.representative_point()
    return point.x, point.y
