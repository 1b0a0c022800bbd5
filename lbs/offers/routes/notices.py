from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import merchant
from lbs.http.api import Blueprint
from lbs.http.context import now, transaction
from lbs.http.paging import Page, Window, page
from lbs.offers import queries, service
from lbs.offers.routes.offers import OFFERS
from lbs.offers.schemas.notices import (
    NoticePageSchema,
    NoticeQuerySchema,
    NoticeSchema,
    present_notice,
)

notices = Blueprint("Notices", __name__, description="What the service tells merchants")


@notices.route("/v1/notices")
class Notices(MethodView):
    @notices.operation("list_notices", OFFERS)
    @notices.arguments(NoticeQuerySchema, location="query")
    @notices.response(200, NoticePageSchema)
    def get(self, query: dict[str, Any]) -> Page[dict[str, Any]]:
        """List what the service has to tell, newest first

        Such as that it has paused an offer that too many customers flagged. The text comes in the
        language of `Accept-Language`.
        """
        window: Window = query["window"]
        with transaction() as session:
            rows = queries.list_notices(
                session,
                merchant().merchant_id,
                unread=query["unread"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page([present_notice(row) for row in rows], window, lambda notice: notice["id"])


@notices.route("/v1/notices/<uuid:notice_id>/read")
class NoticeRead(MethodView):
    @notices.operation("mark_notice_read", OFFERS, idempotent=True)
    @notices.response(200, NoticeSchema)
    def post(self, notice_id: UUID) -> dict[str, Any]:
        """Mark a notice as read; it keeps the time at which it was read first"""
        with transaction() as session:
            notice = service.read_notice(session, notice_id, merchant().merchant_id, now())
        return present_notice(notice)
