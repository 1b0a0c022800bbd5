from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction
from lbs.http.etag import check_version, expected_version, tagged
from lbs.http.paging import Page, Window, page
from lbs.offers import queries, service
from lbs.offers.schemas.offers import (
    ChangeOfferSchema,
    CreateOfferSchema,
    OfferListQuerySchema,
    OfferPageSchema,
    OfferSchema,
    SetOfferStatusSchema,
)
from lbs.offers.schemas.schedule import SchedulePreviewPageSchema, SchedulePreviewQuerySchema

OFFERS = merchant_with("offers")

blp = Blueprint("Offers", __name__, description="What opens at a verified check-in")


@blp.route("/v1/offers")
class Offers(MethodView):
    @blp.operation("list_offers", OFFERS)
    @blp.arguments(OfferListQuerySchema, location="query")
    @blp.response(200, OfferPageSchema)
    def get(self, query: dict[str, Any]) -> Page[Any]:
        """List the merchant's offers, newest first"""
        window: Window = query["window"]
        with transaction() as session:
            rows = queries.list_offers(
                session,
                merchant().merchant_id,
                status=query["status"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda offer: offer.id)

    @blp.operation("create_offer", OFFERS, idempotent=True)
    @blp.arguments(CreateOfferSchema)
    @blp.response(201, OfferSchema)
    def post(self, command: service.WriteOffer) -> Any:
        """Create an offer as a draft

        The teaser is public. The terms stay hidden until the offer has opened for a customer.
        """
        with transaction() as session:
            offer = service.create_offer(session, merchant().merchant_id, command, now())
        return tagged(offer, 201)


@blp.route("/v1/offers/<uuid:offer_id>")
class Offer(MethodView):
    @blp.operation("read_offer", OFFERS)
    @blp.response(200, OfferSchema)
    def get(self, offer_id: UUID) -> Any:
        """Read an offer; its version is the ETag"""
        with transaction() as session:
            offer = service.load_offer(session, offer_id, merchant().merchant_id)
        return tagged(offer)

    @blp.operation("change_offer", OFFERS, versioned=True)
    @blp.arguments(ChangeOfferSchema)
    @blp.response(200, OfferSchema)
    def patch(self, command: service.WriteOffer, offer_id: UUID) -> Any:
        """Change the members that are given; send the ETag you read as If-Match

        Changed terms are a new version: a customer for whom the offer has opened keeps the terms
        it had then. A change of an active offer is reviewed as its activation was.
        """
        expected = expected_version()
        with transaction() as session:
            offer = service.change_offer(
                session,
                offer_id=offer_id,
                merchant_id=merchant().merchant_id,
                command=command,
                check=lambda found: check_version(found, expected),
                referrer_bonus=settings().referrer_bonus,
                now=now(),
            )
        return tagged(offer)


@blp.route("/v1/offers/<uuid:offer_id>/status")
class OfferStatus(MethodView):
    @blp.operation("set_offer_status", OFFERS, idempotent=True)
    @blp.arguments(SetOfferStatusSchema)
    @blp.response(200, OfferSchema)
    def post(self, body: dict[str, str], offer_id: UUID) -> Any:
        """Activate, pause or end an offer

        Activation reviews the offer: errors stop it with a problem that tells them,
        warnings are kept as its `review`.

        A paused or ended offer opens for nobody; what it opened before can still be redeemed.
        """
        with transaction() as session:
            offer = service.set_status(
                session,
                offer_id=offer_id,
                merchant_id=merchant().merchant_id,
                status=body["status"],
                referrer_bonus=settings().referrer_bonus,
                now=now(),
            )
        return tagged(offer)


@blp.route("/v1/offers/<uuid:offer_id>/schedule")
class OfferSchedule(MethodView):
    @blp.operation("preview_offer_schedule", OFFERS)
    @blp.arguments(SchedulePreviewQuerySchema, location="query")
    @blp.response(200, SchedulePreviewPageSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> Page[Any]:
        """Preview the next openings of an offer at each of its venues

        What the schedule comes to between valid_from and valid_to, whatever the offer's status.
        """
        window: Window = query["window"]
        asked = service.Preview(
            limit=window.limit + 1,
            after=window.after,
            at=query["after"] or now(),
            openings=query["openings"],
        )
        with transaction() as session:
            rows = service.preview_schedule(session, offer_id, merchant().merchant_id, asked)
        return page(rows, window, lambda venue: venue["venue_id"])
