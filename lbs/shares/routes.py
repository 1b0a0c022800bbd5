from __future__ import annotations

import secrets
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, customer
from lbs.http.api import Blueprint
from lbs.http.context import now, transaction, vault
from lbs.shares import service
from lbs.shares.errors import OfferNotRunning
from lbs.shares.schemas import CreateReferralSchema, ReferralSchema, ShareSchema

TOKEN_BYTES = 16

blp = Blueprint("Shares", __name__, description="Offers passed on, and the visits they bring")


@blp.route("/v1/offers/<uuid:offer_id>/shares")
class Shares(MethodView):
    @blp.operation("create_share", CUSTOMER, idempotent=True)
    @blp.response(201, ShareSchema)
    def post(self, offer_id: UUID) -> dict[str, str]:
        """Share an active offer; a customer has one token for it

        The app puts the token into a link of its own, and the friend's app sends it to
        `/v1/referrals`. Sharing earns nothing and opens nothing. What a share brings is counted
        by the verified visits of friends.
        """
        with transaction() as session:
            token = service.share_offer(
                session, customer().customer_id, offer_id, vault(), _token, now()
            )
        return {"token": token}


@blp.route("/v1/referrals")
class Referrals(MethodView):
    @blp.operation("create_referral", CUSTOMER, idempotent=True)
    @blp.arguments(CreateReferralSchema)
    @blp.response(201, ReferralSchema)
    def post(self, body: dict[str, str]) -> service.Referred:
        """Say by which share the customer has come to an offer

        The last share within seven days counts. The customer's verified check-in that opens the
        offer is credited to it, once.
        """
        with transaction() as session:
            found = service.refer(session, customer().customer_id, body["token"], vault(), now())
        if found is None:
            raise OfferNotRunning
        return found


def _token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)
