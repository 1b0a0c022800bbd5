from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.guesses import TooManyGuesses, limit_of
from lbs.http.metrics import REDEMPTIONS
from lbs.http.paging import Page, Window, page
from lbs.redemptions import service
from lbs.redemptions.errors import CodeRefused
from lbs.redemptions.models import Redemption
from lbs.redemptions.schemas import (
    NewRedemptionSchema,
    RedeemSchema,
    RedemptionListQuerySchema,
    RedemptionPageSchema,
    RedemptionSchema,
    ReverseSchema,
)

REDEEM = merchant_with("redeem")

blp = Blueprint("Redemptions", __name__, description="Codes at the till")


@blp.route("/v1/redemptions")
class Redemptions(MethodView):
    @blp.operation("list_redemptions", REDEEM)
    @blp.arguments(RedemptionListQuerySchema, location="query")
    @blp.response(200, RedemptionPageSchema)
    def get(self, query: dict[str, Any]) -> Page[Redemption]:
        """List redemptions, newest first, by offer, venue and time"""
        window: Window = query.pop("window")
        with transaction() as session:
            rows = service.list_redemptions(
                session, merchant(), limit=window.limit + 1, after=window.after, **query
            )
        return page(rows, window, lambda redemption: redemption.id)

    @blp.operation("redeem", REDEEM, idempotent=True)
    @blp.arguments(RedeemSchema)
    @blp.response(201, NewRedemptionSchema)
    def post(self, command: service.Redeem) -> Any:
        """Redeem a code at a till

        However many tills try at once, one succeeds. Every wrong code gets the same answer,
        `code-refused`; after too many of them the key and the venue have to wait.
        """
        with transaction() as session:
            attempt = service.redeem(
                session, merchant(), command, vault(), limit_of(settings()), now()
            )
        REDEMPTIONS.labels("redeemed" if attempt.redemption else "refused").inc()
        if attempt.wait_s:
            raise TooManyGuesses(retry_after=attempt.wait_s)
        if attempt.redemption is None:
            raise CodeRefused
        return attempt.redemption


@blp.route("/v1/redemptions/<uuid:redemption_id>")
class OneRedemption(MethodView):
    @blp.operation("read_redemption", REDEEM)
    @blp.response(200, RedemptionSchema)
    def get(self, redemption_id: UUID) -> Redemption:
        """Read one redemption"""
        with transaction() as session:
            return service.load_redemption(session, merchant(), redemption_id)


@blp.route("/v1/redemptions/<uuid:redemption_id>/reversal")
class Reversal(MethodView):
    @blp.operation("reverse_redemption", REDEEM, idempotent=True)
    @blp.arguments(ReverseSchema)
    @blp.response(201, RedemptionSchema)
    def post(self, body: dict[str, str], redemption_id: UUID) -> Redemption:
        """Take a redemption back, with a reason

        The customer's code is good again until it expires, reserved anew if it takes a reservation;
        what it counted is counted back, and what it cost is committed again in the budget.
        """
        with transaction() as session:
            return service.reverse(session, merchant(), redemption_id, body["reason"], now())
