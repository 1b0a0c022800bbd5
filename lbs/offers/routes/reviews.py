from __future__ import annotations

from uuid import UUID

from flask import Response
from flask.views import MethodView

from lbs.accounts.auth import merchant
from lbs.http.context import now, settings, transaction
from lbs.http.problems import from_domain
from lbs.offers import service
from lbs.offers.errors import OfferNotReady
from lbs.offers.routes.offers import OFFERS, blp
from lbs.offers.schemas.reviews import OfferReviewSchema, present_errors


@blp.route("/v1/offers/<uuid:offer_id>/review")
class OfferReview(MethodView):
    @blp.operation("read_offer_review", OFFERS)
    @blp.response(200, OfferReviewSchema)
    def get(self, offer_id: UUID) -> service.Review:
        """Review an offer as it is now

        Held against the merchant's public promotions and other offers of the same time, and the
        hours and proofs of its venues. Activation, and a change of an active offer, review it
        again: errors stop them, warnings are kept as the offer's `review`.
        """
        with transaction() as session:
            return service.review_offer(
                session,
                offer_id,
                merchant().merchant_id,
                now(),
                referrer_bonus=settings().referrer_bonus,
            )


@blp.errorhandler(OfferNotReady)
def tell_errors(refusal: OfferNotReady) -> Response:
    refusal.extra["errors"] = present_errors(refusal.findings)
    return from_domain(refusal)
