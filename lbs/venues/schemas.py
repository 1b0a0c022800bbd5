from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
import opening_hours
from marshmallow import fields, validate

from lbs.geo import (
    Circle,
    FlawedGeometry,
    Point,
    check_circle,
    looks_swapped,
    read_fence,
    time_zone_at,
)
from lbs.http.fields import (
    Flawed,
    Float,
    Integer,
    OneOf,
    Schema,
    String,
    Timestamp,
    Word,
    tag,
    text,
)
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.venues.service import ChangeVenue, CreateVenue, WriteGroup

MIN_RADIUS_M, MAX_RADIUS_M = 10, 10_000
MAX_IMPORT = 5_000
WEEK_S = 7 * 86_400
STATUSES = ("active", "retired")
ZONES = frozenset(zoneinfo.available_timezones())

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

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateVenue:
        lon, lat = _inside(data["fence"])
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
    status = Word("VenueStatus", STATUSES, required=True)
    version = fields.Integer(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


VenuePageSchema = page_schema(VenueSchema, "VenuePageSchema")


class VenueListQuerySchema(WindowQuerySchema):
    status = Word("VenueStatus", STATUSES, load_default=None)


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
        fields.UUID(), load_default=list, validate=validate.Length(max=MAX_IMPORT)
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteGroup:
        return WriteGroup(name=data["name"], venue_ids=tuple(data["venue_ids"]))


class ChangeVenueGroupSchema(Schema):
    example = {"name": "Inner city"}  # noqa: RUF012

    name = text(100)
    venue_ids = fields.List(fields.UUID(), validate=validate.Length(max=MAX_IMPORT))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteGroup:
        ids = data.get("venue_ids")
        return WriteGroup(name=data.get("name"), venue_ids=None if ids is None else tuple(ids))


class ImportQuerySchema(Schema):
    mode = Word(
        "ImportMode",
        ("all_or_nothing", "each"),
        load_default="all_or_nothing",
        metadata={"description": "`each` takes what is right and reports what is not"},
    )


class _Open(Schema):
    """GeoJSON that others wrote: what we do not know is passed over."""

    class Meta:
        unknown = ma.EXCLUDE


class ImportPointSchema(_Open):
    """A GeoJSON Point: the fence is a circle around it of the property `radius_m`."""

    type = tag("Point")
    coordinates = Coordinates(
        required=True,
        metadata={**POSITION, "example": [12.57232, 55.68227]},
    )


class ImportPolygonSchema(_Open):
    """A GeoJSON Polygon."""

    type = tag("Polygon")
    coordinates = Coordinates(required=True, metadata=POLYGON)


class ImportMultiPolygonSchema(_Open):
    """A GeoJSON MultiPolygon."""

    type = tag("MultiPolygon")
    coordinates = Coordinates(required=True, metadata=MULTI_POLYGON)


class ImportGeometrySchema(OneOf):
    """The fence, or the centre of a circle."""

    type_field = "type"
    type_schemas = {  # noqa: RUF012
        "Point": ImportPointSchema(),
        "Polygon": ImportPolygonSchema(),
        "MultiPolygon": ImportMultiPolygonSchema(),
    }


class ImportPropertiesSchema(_Open):
    """A venue's members, and the radius where the geometry is a Point."""

    name = text(200, **NAME)
    category = String(**CATEGORY)
    time_zone = String(
        allow_none=True, validate=is_time_zone, metadata={"example": "Europe/Copenhagen"}
    )
    opening_hours = String(**HOURS)
    cool_down_s = Integer(**COOL_DOWN)
    radius_m = Float(
        validate=validate.Range(MIN_RADIUS_M, MAX_RADIUS_M),
        metadata={"description": "Needed with a Point", "example": 50},
    )
    point = Coordinates(
        allow_none=True,
        metadata={
            **POSITION,
            "description": "What maps show, such as the door: longitude, latitude",
        },
    )


class ImportFeatureSchema(_Open):
    """A venue as a GeoJSON Feature."""

    type = tag("Feature")
    geometry = fields.Nested(ImportGeometrySchema, required=True)
    properties = fields.Nested(ImportPropertiesSchema, required=True)


class ReadLater(fields.Nested):
    """Documented as its schema, handed on as it came: each feature is judged for itself."""

    def deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value


class FeatureCollectionSchema(_Open):
    """GeoJSON to make venues of; members that are not named here are passed over."""

    example = {  # noqa: RUF012
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [12.57232, 55.68227]},
                "properties": {"name": "20 grams", "category": "cafe", "radius_m": 50},
            }
        ],
    }

    type = tag("FeatureCollection")
    features = fields.List(
        ReadLater(ImportFeatureSchema),
        required=True,
        validate=validate.Length(1, MAX_IMPORT, error="From 1 to 5,000 features."),
    )


class RefusedFeatureSchema(Schema):
    """A feature that no venue was made of, and why."""

    index = fields.Integer(required=True)
    name = fields.String(required=True, allow_none=True)
    errors = fields.List(fields.Nested("FieldErrorSchema"), required=True)


class ImportReportSchema(Schema):
    """What came of an import."""

    example = {  # noqa: RUF012
        "created": ["019abc12-0000-7000-8000-00000000000c"],
        "refused": [],
    }

    created = fields.List(
        fields.UUID(), required=True, metadata={"description": "In the order of the features"}
    )
    refused = fields.List(fields.Nested(RefusedFeatureSchema), required=True)


_READER = CreateVenueSchema()
_PROPERTIES = ("name", "category", "time_zone", "opening_hours", "cool_down_s")


def read_feature(feature: Any) -> CreateVenue:
    """A feature as a venue, or ValidationError with messages under the feature's own members."""
    if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
        raise ma.ValidationError({"type": ["Must be a Feature."]})
    properties, geometry = feature.get("properties"), feature.get("geometry")
    if not isinstance(properties, Mapping):
        raise ma.ValidationError({"properties": ["Must be an object."]})
    if not isinstance(geometry, Mapping):
        raise ma.ValidationError({"geometry": ["Must be an object."]})
    try:
        venue: CreateVenue = _READER.load(
            {
                **{name: properties[name] for name in _PROPERTIES if name in properties},
                **_door(properties.get("point")),
                "fence": _as_fence(geometry, properties),
            }
        )
    except ma.ValidationError as error:
        messages = dict(error.normalized_messages())
        fence = messages.pop("fence", None)
        raise ma.ValidationError(
            {
                **({"geometry": fence} if fence else {}),
                **({"properties": messages} if messages else {}),
            }
        ) from error
    return venue


def _as_fence(geometry: Mapping[str, Any], properties: Mapping[str, Any]) -> Any:
    if geometry.get("type") != "Point":
        return {"type": geometry.get("type"), "coordinates": geometry.get("coordinates")}
    centre = _position(geometry.get("coordinates"))
    radius = properties.get("radius_m")
    if radius is None:
        raise ma.ValidationError(
            {"fence": [Flawed.by("radius", "A Point needs the property radius_m.")]}
        )
    return {"type": "Circle", "centre": centre, "radius_m": radius}


def _door(point: Any) -> dict[str, Any]:
    return {} if point is None else {"location": _position(point)}


def _position(value: Any) -> Any:
    """Longitude, latitude and, passed over, height; anything else is refused by PointSchema."""
    match value:
        case [lon, lat] | [lon, lat, int() | float()]:
            return {"lon": lon, "lat": lat}
    return value


def refuse_swapped(fence: Any, *, time_zone: str | None) -> None:
    lon, lat = _inside(fence)
    if looks_swapped(lon=lon, lat=lat, time_zone=time_zone):
        raise ma.ValidationError(Flawed.by("order", SWAPPED), "fence")


def _inside(fence: Any) -> tuple[float, float]:
    if isinstance(fence, Circle):
        return fence.centre
    point = fence.representative_point()
    return point.x, point.y
