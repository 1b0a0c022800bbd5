from __future__ import annotations

from typing import Any
from uuid import UUID

import flask
from flask import Response, make_response, render_template
from flask.views import MethodView

from lbs.accounts.auth import merchant
from lbs.http.context import transaction
from lbs.http.languages import language
from lbs.offers import service
from lbs.offers.routes.offers import OFFERS, blp
from lbs.offers.schemas.staff_sheets import StaffSheetQuerySchema, present_sheet

HTML = "text/html"

pages = flask.Blueprint(
    "offer_pages",
    __name__,
    root_path=flask.helpers.get_root_path("lbs.offers"),
    template_folder="templates",
    static_folder="static",
    static_url_path="/offers/static",
)


@blp.route("/v1/offers/<uuid:offer_id>/staff-sheet")
class OfferStaffSheet(MethodView):
    @blp.operation("read_staff_sheet", OFFERS)
    @blp.arguments(StaffSheetQuerySchema, location="query")
    @blp.response(200, {"type": "string"}, content_type=HTML)
    def get(self, query: dict[str, Any], offer_id: UUID) -> Response:
        """A sheet for the staff to print: what to look for, and what to give

        One page of A4, as HTML. It tells the hidden terms, so it is not for customers. Its style
        comes from `/offers/static` on the same address.
        """
        with transaction() as session:
            sheet = service.load_sheet(session, offer_id, merchant().merchant_id)
        lang = query["lang"] or language()
        response = make_response(render_template("staff_sheet.html", **present_sheet(sheet, lang)))
        response.headers["Content-Language"] = lang
        return response
