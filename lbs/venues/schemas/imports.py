from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Flawed, Float, Integer, OneOf, Schema, String, Word, tag, text
from lbs.venues.schemas.fences import (
    MAX_RADIUS_M,
    MIN_RADIUS_M,
    MULTI_POLYGON,
    POLYGON,
    POSITION,
    Coordinates,
)
from lbs.venues.schemas.venues import (
    CATEGORY,
    COOL_DOWN,
    HOURS,
    MIN_LEVEL,
    NAME,
    CreateVenueSchema,
    MinLevel,
    is_time_zone,
)
from lbs.venues.service import CreateVenue

MAX_IMPORT = 5_000


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
    min_level = MinLevel(**MIN_LEVEL)
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
_PROPERTIES = ("name", "category", "time_zone", "opening_hours", "cool_down_s", "min_level")


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
