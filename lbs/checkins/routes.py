from __future__ import annotations

import secrets
from typing import Any

from flask import Response, json
from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, RECEIPT, customer, key_ring
from lbs.checkins import service
from lbs.checkins.policy import Limits
from lbs.checkins.schemas import (
    CheckInPageSchema,
    CheckInResultSchema,
    CreateCheckInSchema,
    NearbyQuerySchema,
    NearbyVenuesSchema,
    VenueMapSchema,
    present,
    present_check_in,
    present_feature,
    present_nearby,
)
from lbs.config import Settings
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.metrics import CHECK_INS, UNLOCKS
from lbs.http.paging import Page, Window, WindowQuerySchema, page

GEO_JSON = "application/geo+json"

blp = Blueprint("Check-ins", __name__, description="Verified visits, and what they open")


@blp.route("/v1/check-ins")
class CheckIns(MethodView):
    @blp.operation("list_check_ins", CUSTOMER)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, CheckInPageSchema)
    def get(self, query: dict[str, Window]) -> Page[Any]:
        """List the customer's own check-ins, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_check_ins(
                session, customer().customer_id, limit=window.limit + 1, after=window.after
            )
        found = page(rows, window, lambda row: row.id)
        return Page([present_check_in(row) for row in found.items], found.next_cursor)

    @blp.operation("check_in", CUSTOMER, idempotent=True)
    @blp.arguments(CreateCheckInSchema)
    @blp.response(201, CheckInResultSchema)
    def post(self, command: service.CheckIn) -> dict[str, Any]:
        """Check in at a venue

        Every check-in is recorded. Only an accepted one is a visit, earns a receipt and opens
        offers; an ambiguous or rejected one says why, and in `needs` which evidence would settle
        it.
        """
        tools = service.Tools(
            vault=vault(),
            sign_receipt=lambda claims: key_ring().sign(
                claims, RECEIPT, ttl=settings().receipt_ttl, now=now()
            ),
            random_bytes=secrets.token_bytes,
        )
        with transaction() as session:
            outcome = service.check_in(
                session, customer().customer_id, command, limits_of(settings()), tools, now()
            )
        CHECK_INS.labels(outcome.judgement.verdict.word).inc()
        UNLOCKS.inc(len(outcome.unlocked))
        return present(outcome)


@blp.route("/v1/venues/nearby", tags=["Venues"])
class Nearby(MethodView):
    @blp.operation("find_venues_nearby", CUSTOMER)
    @blp.arguments(NearbyQuerySchema, location="query")
    @blp.response(200, NearbyVenuesSchema)
    def get(self, query: dict[str, float]) -> dict[str, Any]:
        """Find venues near a position, nearest first, with their offers

        Each offer stands as it does for this customer, with its progress. A venue's `location`
        is for showing on a map; it is not the middle of its fence.
        """
        return {"items": [present_nearby(venue) for venue in _nearby(query)]}


@blp.route("/v1/venues/nearby.geojson", tags=["Venues"])
class NearbyMap(MethodView):
    @blp.operation("map_venues_nearby", CUSTOMER)
    @blp.arguments(NearbyQuerySchema, location="query")
    @blp.response(200, VenueMapSchema, content_type=GEO_JSON)
    def get(self, query: dict[str, float]) -> Response:
        """The same as GeoJSON, for a map"""
        features = VenueMapSchema().dump({"features": [present_feature(v) for v in _nearby(query)]})
        return Response(json.dumps(features), content_type=GEO_JSON)


def _nearby(query: dict[str, Any]) -> list[service.NearbyVenue]:
    with transaction() as session:
        return service.nearby(session, customer().customer_id, **query, now=now())


def limits_of(settings: Settings) -> Limits:
    return Limits(
        cool_down=settings.cool_down,
        max_age=settings.fix_max_age,
        max_ahead=settings.fix_max_ahead,
        max_accuracy_m=settings.fix_max_accuracy_m,
        pad_m=settings.fence_pad_m,
        noise_m=settings.fence_noise_m,
        accuracy_to_sigma=settings.accuracy_to_sigma,
        inside=settings.inside_probability,
        outside=settings.outside_probability,
    )
