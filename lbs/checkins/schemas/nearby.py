"""Venues near a position, as a list and as a map."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from lbs.checkins.schemas.check_ins import OfferStandingSchema, present_offer
from lbs.checkins.service import NearbyVenue
from lbs.http.fields import Presented, Schema, tag
from lbs.venues.schemas import PointSchema

MAX_RADIUS_M = 50_000


class NearbyQuerySchema(Schema):
    lat = fields.Float(
        required=True,
        allow_nan=False,
        validate=validate.Range(-90, 90),
        metadata={"example": 55.68},
    )
    lon = fields.Float(
        required=True,
        allow_nan=False,
        validate=validate.Range(-180, 180),
        metadata={"example": 12.57},
    )
    radius_m = fields.Float(
        load_default=1000.0, allow_nan=False, validate=validate.Range(1, MAX_RADIUS_M)
    )
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))


class NearbyVenueSchema(Schema):
    """A venue as a customer sees it, with the offers that run there."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000001",
        "name": "20 grams",
        "category": "cafe",
        "time_zone": "Europe/Copenhagen",
        "opening_hours": "09:00-18:00",
        "location": {"lon": 12.57241, "lat": 55.68231},
        "distance_m": 242,
        "offers": [OfferStandingSchema.example],
    }

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    category = fields.String(required=True)
    time_zone = fields.String(required=True)
    opening_hours = fields.String(required=True, allow_none=True)
    location = fields.Nested(PointSchema, required=True)
    distance_m = fields.Integer(
        required=True, metadata={"description": "Metres to the venue; 0 inside"}
    )
    offers = fields.List(Presented(OfferStandingSchema), required=True)


class NearbyVenuesSchema(Schema):
    """Venues around a position."""

    example = {"items": [NearbyVenueSchema.example]}  # noqa: RUF012

    items = fields.List(
        fields.Nested(NearbyVenueSchema), required=True, metadata={"description": "Nearest first"}
    )


class MapPointSchema(Schema):
    """A GeoJSON Point."""

    type = tag("Point")
    coordinates = fields.List(
        fields.Float(),
        required=True,
        validate=validate.Length(2, 3),
        metadata={"description": "Longitude, latitude", "example": [12.57232, 55.68227]},
    )


class MapFeatureSchema(Schema):
    """A venue as a GeoJSON Feature."""

    type = tag("Feature")
    id = fields.UUID(required=True)
    geometry = fields.Nested(MapPointSchema, required=True)
    properties = fields.Nested(NearbyVenueSchema, required=True)


class VenueMapSchema(Schema):
    """GeoJSON for a map: a point for each venue, its members as properties."""

    example = {  # noqa: RUF012
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": "019abc12-0000-7000-8000-000000000001",
                "geometry": {"type": "Point", "coordinates": [12.57241, 55.68231]},
                "properties": NearbyVenueSchema.example,
            }
        ],
    }

    type = tag("FeatureCollection")
    features = fields.List(fields.Nested(MapFeatureSchema), required=True)


def present_nearby(venue: NearbyVenue) -> dict[str, Any]:
    return {
        "id": venue.id,
        "name": venue.name,
        "category": venue.category,
        "time_zone": venue.time_zone,
        "opening_hours": venue.opening_hours,
        "location": {"lon": venue.lon, "lat": venue.lat},
        "distance_m": venue.distance_m,
        "offers": [present_offer(offer) for offer in venue.offers],
    }


def present_feature(venue: NearbyVenue) -> dict[str, Any]:
    return {
        "id": venue.id,
        "geometry": {"coordinates": [venue.lon, venue.lat]},
        "properties": present_nearby(venue),
    }
