from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask.views import MethodView
from werkzeug.exceptions import BadRequest

from lbs.accounts.auth import merchant
from lbs.http import sheets
from lbs.http.context import now, transaction
from lbs.http.etag import check_version, expected_version, tagged
from lbs.http.paging import Page, Window, page
from lbs.http.problems import field_errors
from lbs.offers import queries, service
from lbs.offers.models import Promotion as PromotionRow
from lbs.offers.routes.offers import OFFERS, blp
from lbs.offers.schemas.promotions import (
    IMPORT_EXAMPLE,
    Cells,
    ChangePromotionSchema,
    CreatePromotionSchema,
    Lines,
    PromotionImportReportSchema,
    PromotionListQuerySchema,
    PromotionPageSchema,
    PromotionSchema,
    read_csv,
    read_promotion,
)
from lbs.venues.schemas import ImportQuerySchema

IMPORT_MAX_BYTES = 16 * 1024 * 1024
QUOTED = 200
"""So many characters of a refused line's text are told again."""


@blp.route("/v1/promotions")
class Promotions(MethodView):
    @blp.operation("list_promotions", OFFERS)
    @blp.arguments(PromotionListQuerySchema, location="query")
    @blp.response(200, PromotionPageSchema)
    def get(self, query: dict[str, Any]) -> Page[PromotionRow]:
        """List the merchant's public promotions, newest first"""
        window: Window = query["window"]
        with transaction() as session:
            rows = queries.list_promotions(
                session,
                merchant().merchant_id,
                running_on=query["running_on"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda promotion: promotion.id)

    @blp.operation("create_promotion", OFFERS, idempotent=True)
    @blp.arguments(CreatePromotionSchema)
    @blp.response(201, PromotionSchema)
    def post(self, members: service.Members) -> Any:
        """Register a public promotion

        An offer that gives what a promotion of the same time gives everybody is not exclusive: its
        review says so.
        """
        with transaction() as session:
            promotion = service.create_promotion(session, merchant().merchant_id, members, now())
        return tagged(promotion, 201)


@blp.route("/v1/promotions/import")
class PromotionImport(MethodView):
    @blp.operation("import_promotions", OFFERS, idempotent=True, max_bytes=IMPORT_MAX_BYTES)
    @blp.arguments(ImportQuerySchema, location="query")
    @blp.doc(**sheets.document(IMPORT_EXAMPLE))
    @blp.response(201, PromotionImportReportSchema)
    def post(self, query: dict[str, str]) -> dict[str, Any]:
        """Import up to 5,000 public promotions from CSV

        In UTF-8, with a header of text, channel, url, starts_on, ends_on, of which the first two
        are needed; days are YYYY-MM-DD, and an empty cell is one that is not given. A line that
        says what a promotion says already makes none.

        With `mode=all_or_nothing`, one refused line refuses the whole file, and the problem lists
        every refused line as `#/line/column`. With `mode=each`, the others are taken and the
        refused ones reported.
        """
        rows = _read_body()
        taken, messages = _judge(rows)
        if messages and query["mode"] == "all_or_nothing":
            raise ma.ValidationError(messages)
        with transaction() as session:
            created = service.import_promotions(session, merchant().merchant_id, taken, now())
        return {
            "created": created,
            "already_there": len(taken) - len(created),
            "refused": [_refused(line, rows[line], tree) for line, tree in messages.items()],
        }


@blp.route("/v1/promotions/<uuid:promotion_id>")
class Promotion(MethodView):
    @blp.operation("read_promotion", OFFERS)
    @blp.response(200, PromotionSchema)
    def get(self, promotion_id: UUID) -> Any:
        """Read a public promotion; its version is the ETag"""
        with transaction() as session:
            promotion = service.load_promotion(session, promotion_id, merchant().merchant_id)
        return tagged(promotion)

    @blp.operation("change_promotion", OFFERS, versioned=True)
    @blp.arguments(ChangePromotionSchema)
    @blp.response(200, PromotionSchema)
    def patch(self, members: service.Members, promotion_id: UUID) -> Any:
        """Change the members that are given; send the ETag you read as If-Match"""
        expected = expected_version()
        with transaction() as session:
            promotion = service.change_promotion(
                session,
                promotion_id=promotion_id,
                merchant_id=merchant().merchant_id,
                members=members,
                check=lambda found: check_version(found, expected),
                now=now(),
            )
        return tagged(promotion)

    @blp.operation("delete_promotion", OFFERS)
    @blp.response(204)
    def delete(self, promotion_id: UUID) -> None:
        """Delete a public promotion: no offer is compared with it any more"""
        with transaction() as session:
            service.delete_promotion(session, promotion_id, merchant().merchant_id, now())


def _read_body() -> Lines:
    try:
        return read_csv(sheets.read_body())
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _judge(lines: Lines) -> tuple[list[service.Members], dict[int, Any]]:
    """What the lines make, and what is wrong with those that make nothing."""
    taken, messages = [], {}
    for line, cells in lines.items():
        try:
            taken.append(read_promotion(cells))
        except ma.ValidationError as error:
            messages[line] = error.normalized_messages()
    return taken, messages


def _refused(line: int, cells: Cells, tree: Any) -> dict[str, Any]:
    quoted = (cells.get("text") or "")[:QUOTED]
    return {"line": line, "text": quoted or None, "errors": field_errors({"json": tree})}
