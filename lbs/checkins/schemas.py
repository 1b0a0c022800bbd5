from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.checkins.policy import LocationFix, Reason
from lbs.checkins.service import CheckIn, ClosedOffer, NearbyVenue, Outcome
from lbs.http.fields import Boolean, Float, OneOf, Schema, String, Timestamp, Word, tag
from lbs.http.languages import Text, say
from lbs.http.paging import page_schema
from lbs.offers.rules import Standing, State, Why
from lbs.unlocks.schemas import UnlockSchema
from lbs.venues.schemas import LAT, LON, PointSchema

MAX_ACCURACY_M = 100_000
MAX_RADIUS_M = 50_000
VERDICTS = ("accepted", "ambiguous", "rejected")
LEVELS = ("L0", "L1", "L2", "L3")

REASON_TEXT: dict[str, Text] = {
    Reason.NO_LOCATION: {
        "en": "No location came with the check-in.",
        "da": "Der fulgte ingen position med.",
    },
    Reason.FIX_TOO_OLD: {
        "en": "The location is too old. Try again with a fresh one.",
        "da": "Positionen er for gammel. Prøv igen med en frisk.",
    },
    Reason.FIX_IN_FUTURE: {
        "en": "The location is from the future. Set the phone's clock.",
        "da": "Positionen er fra fremtiden. Stil telefonens ur.",
    },
    Reason.FIX_TOO_COARSE: {
        "en": "The location is not accurate enough. Try again near a window or outside.",
        "da": "Positionen er ikke nøjagtig nok. Prøv igen ved et vindue eller udenfor.",
    },
    Reason.LOCATION_NOT_TRUSTED: {
        "en": "The location could not be verified.",
        "da": "Positionen kunne ikke bekræftes.",
    },
    Reason.OUTSIDE_FENCE: {
        "en": "You are not at the venue.",
        "da": "Du er ikke på stedet.",
    },
    Reason.MAYBE_OUTSIDE_FENCE: {
        "en": "You may not be at the venue. Try again with a better location.",
        "da": "Du er måske ikke på stedet. Prøv igen med en bedre position.",
    },
    Reason.TOO_SOON: {
        "en": "You have checked in here a short while ago.",
        "da": "Du har tjekket ind her for lidt siden.",
    },
    Why.MORE_VISITS: {
        "en": "It takes more visits.",
        "da": "Det kræver flere besøg.",
    },
    Why.ONLY_ONCE: {
        "en": "It opened at an earlier visit and does not open again.",
        "da": "Det åbnede ved et tidligere besøg og åbner ikke igen.",
    },
    Why.NOT_STARTED: {"en": "It has not started yet.", "da": "Det er ikke begyndt endnu."},
    Why.SOLD_OUT: {"en": "All of them are taken.", "da": "Der er ikke flere."},
    Why.SOLD_OUT_TODAY: {
        "en": "All of today's are taken.",
        "da": "Der er ikke flere i dag.",
    },
    Why.CUSTOMER_LIMIT: {
        "en": "You have had all that one customer can have.",
        "da": "Du har fået alt det, én kunde kan få.",
    },
    Why.NOT_ACCEPTED: {
        "en": "It opens only when the check-in is accepted.",
        "da": "Det åbner kun, når besøget er bekræftet.",
    },
}
VISITS: Text = {"en": "{progress} of {target} visits", "da": "{progress} af {target} besøg"}

_FIX_EXAMPLE = {
    "kind": "location",
    "lat": 55.68227,
    "lon": 12.57232,
    "accuracy_m": 12.5,
    "captured_at": "2026-11-22T12:00:00Z",
    "provider": "gps",
    "mock": False,
}


class LocationEvidenceSchema(Schema):
    """A position as the phone's system reports it."""

    kind = tag("location")
    lat = Float(**LAT, metadata={"example": 55.68227})
    lon = Float(**LON, metadata={"example": 12.57232})
    accuracy_m = Float(
        required=True,
        validate=validate.Range(0, MAX_ACCURACY_M),
        metadata={
            "description": "Metres that hold the true position in 68 % of cases",
            "example": 12.5,
        },
    )
    captured_at = Timestamp(required=True, metadata={"description": "When the fix was taken"})
    provider = String(
        load_default="unknown",
        validate=validate.Regexp(r"\A[a-z0-9_]{1,32}\Z", error="Lower-case letters, digits and _."),
        metadata={"example": "gps"},
    )
    mock = Boolean(
        load_default=False, metadata={"description": "The system says that the fix is simulated"}
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> LocationFix:
        del data["kind"]
        return LocationFix(**data)


class EvidenceSchema(OneOf):
    """What shows that the customer is at the venue."""

    type_schemas = {"location": LocationEvidenceSchema()}  # noqa: RUF012


class CreateCheckInSchema(Schema):
    example = {  # noqa: RUF012
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "evidence": [_FIX_EXAMPLE],
    }

    venue_id = fields.UUID(required=True)
    evidence = fields.List(
        fields.Nested(EvidenceSchema), required=True, validate=validate.Length(max=8)
    )

    @ma.validates("evidence")
    def one_each(self, value: list[Any], **_: Any) -> None:
        if len({type(item) for item in value}) < len(value):
            raise ma.ValidationError("At most one of each kind.")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CheckIn:
        fix = next((item for item in data["evidence"] if isinstance(item, LocationFix)), None)
        return CheckIn(data["venue_id"], fix)


class ReasonSchema(Schema):
    """Why something is as it is: `code` for programs, `text` in the language asked for."""

    code = fields.String(required=True, metadata={"example": "outside_fence"})
    text = fields.String(required=True, metadata={"example": "You are not at the venue."})


class OfferStandingSchema(Schema):
    """How an offer stands for the customer. Its terms stay hidden until it has opened."""

    example = {  # noqa: RUF012
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "teaser": "Something warm is on us",
        "state": "unlockable_here",
        "progress": 0,
        "target": 1,
        "progress_text": "0 of 1 visits",
        "reason": None,
    }

    offer_id = fields.UUID(required=True)
    teaser = fields.String(required=True)
    state = Word("OfferState", [state.value for state in State], required=True)
    progress = fields.Integer(required=True)
    target = fields.Integer(required=True)
    progress_text = fields.String(required=True, metadata={"example": "3 of 10 visits"})
    reason = fields.Nested(ReasonSchema, required=True, allow_none=True)


class _JudgedSchema(Schema):
    id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True)
    occurred_at = Timestamp(required=True)
    verdict = Word("Verdict", VERDICTS, required=True)
    level = Word(
        "PresenceLevel",
        LEVELS,
        required=True,
        metadata={"description": "How strongly presence is proved"},
    )
    reasons = fields.List(fields.Nested(ReasonSchema), required=True)


class CheckInResultSchema(_JudgedSchema):
    """What came of a check-in."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000004",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "occurred_at": "2026-11-22T12:00:01Z",
        "verdict": "accepted",
        "level": "L1",
        "reasons": [],
        "needs": [],
        "counts_again_at": None,
        "visits": 1,
        "receipt": "eyJhbGciOiJFZERTQSIsInR5cCI6InJlY2VpcHQrand0In0...",
        "unlocked": [UnlockSchema.example],
        "locked": [],
    }

    needs = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Kinds of evidence that would settle it, in a new check-in"},
    )
    counts_again_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "After a check-in that was too soon: when the next one counts"},
    )
    visits = fields.Integer(
        required=True, metadata={"description": "The customer's visits to the venue, with this one"}
    )
    receipt = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Signed token (JWS, EdDSA) that states customer, venue, level and time; "
            "verify it with /.well-known/jwks.json"
        },
    )
    unlocked = fields.List(fields.Nested(UnlockSchema), required=True)
    locked = fields.List(fields.Nested(OfferStandingSchema), required=True)


class CheckInSchema(_JudgedSchema):
    """A check-in in the customer's history."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000009",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "venue_name": "20 grams",
        "occurred_at": "2026-11-22T11:55:00Z",
        "verdict": "rejected",
        "level": "L0",
        "reasons": [{"code": "outside_fence", "text": "You are not at the venue."}],
    }

    venue_name = fields.String(required=True)


CheckInPageSchema = page_schema(CheckInSchema, "CheckInPageSchema")


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
    offers = fields.List(fields.Nested(OfferStandingSchema), required=True)


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


def present(outcome: Outcome) -> dict[str, Any]:
    """A check-in's outcome, worded for the customer."""
    judgement = outcome.judgement
    return {
        "id": outcome.id,
        "venue_id": outcome.venue_id,
        "occurred_at": outcome.occurred_at,
        "verdict": judgement.verdict.word,
        "level": f"L{judgement.level:d}",
        "reasons": _reasons(judgement.reasons),
        "needs": judgement.needs,
        "counts_again_at": judgement.counts_again_at,
        "visits": outcome.visits,
        "receipt": outcome.receipt,
        "unlocked": outcome.unlocked,
        "locked": [_present_offer(offer) for offer in outcome.locked],
    }


def present_check_in(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "venue_id": row.venue_id,
        "venue_name": row.venue_name,
        "occurred_at": row.occurred_at,
        "verdict": row.verdict,
        "level": f"L{row.level}",
        "reasons": _reasons(row.reasons),
    }


def present_nearby(venue: NearbyVenue) -> dict[str, Any]:
    return {
        "id": venue.id,
        "name": venue.name,
        "category": venue.category,
        "time_zone": venue.time_zone,
        "opening_hours": venue.opening_hours,
        "location": {"lon": venue.lon, "lat": venue.lat},
        "distance_m": venue.distance_m,
        "offers": [_present_offer(offer) for offer in venue.offers],
    }


def present_feature(venue: NearbyVenue) -> dict[str, Any]:
    return {
        "id": venue.id,
        "geometry": {"coordinates": [venue.lon, venue.lat]},
        "properties": present_nearby(venue),
    }


def _present_offer(offer: ClosedOffer) -> dict[str, Any]:
    standing: Standing = offer.standing
    words = {"progress": standing.progress, "target": standing.target}
    return {
        "offer_id": offer.offer_id,
        "teaser": offer.teaser,
        "state": standing.state.value,
        **words,
        "progress_text": say(VISITS).format(**words),
        "reason": _reason(standing.why) if standing.why else None,
    }


def _reasons(codes: Iterable[str]) -> list[dict[str, str]]:
    return [_reason(code) for code in codes]


def _reason(code: str) -> dict[str, str]:
    return {"code": str(code), "text": say(REASON_TEXT[code])}
