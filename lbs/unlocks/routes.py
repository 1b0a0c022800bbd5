from __future__ import annotations

import io
from uuid import UUID

import segno
from flask import Response
from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, customer
from lbs.http.api import Blueprint
from lbs.http.context import now, transaction, vault
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.unlocks import service
from lbs.unlocks.schemas import UnlockPageSchema, UnlockSchema

blp = Blueprint("Unlocks", __name__, description="The customer's wallet")


@blp.route("/v1/unlocks")
class Unlocks(MethodView):
    @blp.operation("list_unlocks", CUSTOMER)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, UnlockPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.UnlockView]:
        """List what has opened for the customer, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_unlocks(
                session,
                customer().customer_id,
                vault(),
                limit=window.limit + 1,
                after=window.after,
                now=now(),
            )
        return page(rows, window, lambda unlock: unlock.id)


@blp.route("/v1/unlocks/<uuid:unlock_id>")
class Unlock(MethodView):
    @blp.operation("read_unlock", CUSTOMER)
    @blp.response(200, UnlockSchema)
    def get(self, unlock_id: UUID) -> service.UnlockView:
        """Read one unlock with its code"""
        return _load(unlock_id)


@blp.route("/v1/unlocks/<uuid:unlock_id>/qr.png")
class UnlockQr(MethodView):
    @blp.operation("read_unlock_qr", CUSTOMER)
    @blp.response(200, {"type": "string", "format": "binary"}, content_type="image/png")
    def get(self, unlock_id: UUID) -> Response:
        """The code as a QR picture that any till scanner reads as text"""
        picture = io.BytesIO()
        segno.make(_load(unlock_id).code, error="m", micro=False).save(picture, kind="png", scale=8)
        return Response(picture.getvalue(), content_type="image/png")


def _load(unlock_id: UUID) -> service.UnlockView:
    with transaction() as session:
        return service.load_unlock(session, unlock_id, customer().customer_id, vault(), now())
