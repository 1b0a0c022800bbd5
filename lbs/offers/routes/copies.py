from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import merchant
from lbs.http.context import now, transaction
from lbs.http.etag import tagged
from lbs.offers import service
from lbs.offers.routes.offers import OFFERS, blp
from lbs.offers.schemas.copies import CopyOfferSchema
from lbs.offers.schemas.offers import OfferSchema


@blp.route("/v1/offers/<uuid:offer_id>/copies")
class OfferCopies(MethodView):
    @blp.operation("copy_offer", OFFERS, idempotent=True)
    @blp.arguments(CopyOfferSchema)
    @blp.response(201, OfferSchema)
    def post(self, command: service.WriteOffer, offer_id: UUID) -> Any:
        """Copy an offer: a draft with the same terms, at other venues or changed

        The copy has its own limits and numbers. Compare them at
        `GET /v1/offers/{offer_id}/comparison`.
        """
        with transaction() as session:
            copy = service.copy_offer(
                session,
                offer_id=offer_id,
                merchant_id=merchant().merchant_id,
                command=command,
                now=now(),
            )
        return tagged(copy, 201)
