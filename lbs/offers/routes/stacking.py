from __future__ import annotations

from flask.views import MethodView

from lbs.accounts.auth import merchant
from lbs.http.context import now, transaction
from lbs.offers import queries, service
from lbs.offers.routes.offers import OFFERS, blp
from lbs.offers.rules.stacking import Stacking
from lbs.offers.schemas.stacking import SetStackingSchema, StackingSchema


@blp.route("/v1/stacking")
class StackingSetting(MethodView):
    @blp.operation("read_stacking", OFFERS)
    @blp.response(200, StackingSchema)
    def get(self) -> Stacking:
        """Read what may open together at one check-in"""
        with transaction() as session:
            return queries.find_stacking(session, merchant().merchant_id)

    @blp.operation("set_stacking", OFFERS)
    @blp.arguments(SetStackingSchema)
    @blp.response(200, StackingSchema)
    def put(self, command: Stacking) -> Stacking:
        """Set what may open together at one check-in

        With `best_for_customer` those offers open that are worth most to the customer, with
        `merchant_priority` those of the highest `priority`, with `all` as many as can. An offer
        that is not `combinable` opens alone or not at all. Of equal offers the one of higher
        value, then of higher priority, then the older goes first. Values in different currencies
        are not compared: then the priority decides. Unless it is set, all offers open. It holds
        from the next check-in on.
        """
        with transaction() as session:
            return service.set_stacking(session, merchant().merchant_id, command, now())
