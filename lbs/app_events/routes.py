from __future__ import annotations

from typing import Any

from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, customer
from lbs.app_events import service
from lbs.app_events.policy import Report
from lbs.app_events.schemas import AppEventsReportSchema, ReportAppEventsSchema, present
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault

blp = Blueprint("App events", __name__, description="What happened at the phone, to be counted")


@blp.route("/v1/app-events")
class AppEvents(MethodView):
    @blp.operation("report_app_events", CUSTOMER, idempotent=True)
    @blp.arguments(ReportAppEventsSchema)
    @blp.response(200, AppEventsReportSchema)
    def post(self, body: dict[str, list[Report]]) -> dict[str, Any]:
        """Report up to 500 teasers viewed and passes shown

        Up to seven days later, as often as it takes: each `client_id` of a customer counts once.
        Each report is judged by itself: one that is refused keeps no other from being counted. A
        phone's clock may be a little ahead; what it says is then taken to have happened now.
        """
        with transaction() as session:
            outcome = service.report(
                session,
                customer().customer_id,
                body["events"],
                vault(),
                max_ahead=settings().fix_max_ahead,
                now=now(),
            )
        return present(outcome)
