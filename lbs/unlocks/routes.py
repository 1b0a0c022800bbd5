from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import marshmallow as ma
import segno
from flask import Response
from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, customer, merchant, merchant_with
from lbs.http import sheets
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.fields import rfc3339
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.unlocks import service
from lbs.unlocks.models import OfferFlag
from lbs.unlocks.policy import FlagLimit
from lbs.unlocks.schemas import (
    CodeImportSchema,
    CodeListQuerySchema,
    FlagOfferSchema,
    OfferCodesSchema,
    OfferFlagPageSchema,
    OfferFlagSchema,
    UnlockPageSchema,
    UnlockSchema,
)

OFFERS = merchant_with("offers")
MAX_IMPORT, MAX_IMPORT_BYTES, MAX_REFUSED_TOLD = 50_000, 2 * 1024 * 1024, 1_000
IMPORT_EXAMPLE = "code\nTAK-7M3K-9QZ2\nTAK-VX4A-0B1C\ntak 7m3k 9qz2\nTAK\n"
"""Two codes, the first of them once more, and one that is too short."""

blp = Blueprint("Unlocks", __name__, description="The customer's wallet")
flags = Blueprint("Flags", __name__, description="What customers say is wrong with an offer")
codes = Blueprint("Offer codes", __name__, description="Single-use codes of the merchant's own")


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
        with transaction() as session:
            code = service.load_code(session, unlock_id, customer().customer_id, vault(), now())
        segno.make(code, error="m", micro=False).save(picture, kind="png", scale=8)
        return Response(picture.getvalue(), content_type="image/png")


@blp.route("/v1/unlocks/<uuid:unlock_id>/reservation")
class Reservation(MethodView):
    @blp.operation("create_reservation", CUSTOMER, idempotent=True)
    @blp.response(201, UnlockSchema)
    def post(self, unlock_id: UUID) -> service.UnlockView:
        """Reserve an unlock of an offer that is claimed before it is redeemed

        It takes one of those that the offer's limits and budget allow, for `reserve_s` seconds,
        in which the code is shown and can be redeemed. When they are over, the unlock can be
        reserved again while there are any. A reservation that lives is not prolonged.
        """
        with transaction() as session:
            return service.reserve(session, unlock_id, customer().customer_id, vault(), now())

    @blp.operation("cancel_reservation", CUSTOMER)
    @blp.response(204)
    def delete(self, unlock_id: UUID) -> None:
        """Give back what is reserved; the unlock stays, and can be reserved again"""
        with transaction() as session:
            service.release(session, unlock_id, customer().customer_id, now())


@flags.route("/v1/offers/<uuid:offer_id>/flags")
class OfferFlags(MethodView):
    @flags.operation("list_offer_flags", OFFERS)
    @flags.arguments(WindowQuerySchema, location="query")
    @flags.response(200, OfferFlagPageSchema)
    def get(self, query: dict[str, Window], offer_id: UUID) -> Page[OfferFlag]:
        """List what customers say is wrong with an offer, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_flags(
                session,
                offer_id,
                merchant().merchant_id,
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda flag: flag.id)

    @flags.operation("flag_offer", CUSTOMER, idempotent=True)
    @flags.arguments(FlagOfferSchema)
    @flags.response(201, OfferFlagSchema)
    def post(self, command: service.Flag, offer_id: UUID) -> OfferFlag:
        """Say what is wrong with an offer that has opened for the customer

        A second flag replaces the first. An offer that enough customers flag is paused, and its
        merchant told.
        """
        found = settings()
        limit = FlagLimit(found.flag_limit, found.flag_window, found.flag_share)
        with transaction() as session:
            return service.flag_offer(
                session, offer_id, customer().customer_id, command, limit, now()
            )


@codes.route("/v1/offers/<uuid:offer_id>/codes/import")
class OfferCodeImport(MethodView):
    @codes.operation("import_offer_codes", OFFERS, idempotent=True, max_bytes=MAX_IMPORT_BYTES)
    @codes.doc(**sheets.document(IMPORT_EXAMPLE))
    @codes.response(201, CodeImportSchema)
    def post(self, offer_id: UUID) -> dict[str, Any]:
        """Import up to 50,000 single-use codes, one for each unlock

        One code a line, or CSV whose first column is headed `code`. A code has 4 to 64 printable
        characters; case, blanks and dashes do not tell one from another. Codes that are there
        already, with this offer or another of the merchant's, are passed over and counted. At most
        2 MiB.
        """
        lines = _read_codes()
        with transaction() as session:
            report = service.import_codes(
                session, merchant().merchant_id, offer_id, lines, vault(), now()
            )
        return _present(report)


@codes.route("/v1/offers/<uuid:offer_id>/codes")
class OfferCodes(MethodView):
    @codes.operation("read_offer_codes", OFFERS)
    @codes.response(200, OfferCodesSchema)
    def get(self, offer_id: UUID) -> Any:
        """Read how many codes of the merchant's own are left"""
        with transaction() as session:
            return service.count_codes(session, merchant().merchant_id, offer_id)


@codes.route("/v1/offers/<uuid:offer_id>/codes.csv")
class OfferCodeExport(MethodView):
    @codes.operation("export_offer_codes", OFFERS)
    @codes.arguments(CodeListQuerySchema, location="query")
    @codes.response(200, sheets.FILE, content_type=sheets.CSV)
    def get(self, query: dict[str, str | None], offer_id: UUID) -> Response:
        """Download the codes with what has become of each

        Columns: `code`, `state` (`available`, or as the unlock: `unlocked`, `redeemed`, `expired`,
        `voided`), `imported_at`, `handed_out_at`. What a spreadsheet would take for a formula
        begins with an apostrophe.
        """
        available = None if query["state"] is None else query["state"] == "available"
        with transaction() as session:
            rows = service.list_codes(
                session, merchant().merchant_id, offer_id, vault(), available=available
            )
        header = ("code", "state", "imported_at", "handed_out_at")
        return sheets.answer(header, map(_row, rows), f"codes-{offer_id}.csv")


def _read_codes() -> list[sheets.Cell]:
    lines = sheets.read_column(sheets.read_body(), "code")
    if not 1 <= len(lines) <= MAX_IMPORT:
        raise ma.ValidationError(f"From 1 to {MAX_IMPORT:,} codes.")
    return lines


def _present(report: service.ImportReport) -> dict[str, Any]:
    return {
        "imported": report.imported,
        "duplicates": report.duplicates,
        "refused": [
            {"line": line, "reason": flaw.value} for line, flaw in report.refused[:MAX_REFUSED_TOLD]
        ],
        "refused_count": len(report.refused),
        "guessable": report.guessable,
        "available": report.available,
    }


def _row(code: service.CodeView) -> tuple[str, ...]:
    handed_out_at = rfc3339(code.handed_out_at) if code.handed_out_at else ""
    return code.code, code.state, rfc3339(code.imported_at), handed_out_at


def _load(unlock_id: UUID) -> service.UnlockView:
    with transaction() as session:
        return service.load_unlock(session, unlock_id, customer().customer_id, vault(), now())
