from __future__ import annotations

from typing import Any

from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, Word
from lbs.http.languages import Text, say
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.offers.models import Notice

SAYS: dict[str, Text] = {
    "offer_paused": {
        "en": "The offer is paused: {flags} customers for whom it had opened say that something "
        "is wrong with it (not redeemable: {not_redeemable}, not worth it: {not_valuable}, "
        "other: {other}). Read what they say, mend it, and activate the offer again.",
        "da": "Tilbuddet er sat på pause: {flags} kunder, som det havde åbnet for, siger, at der "
        "er noget galt med det (kan ikke indløses: {not_redeemable}, ikke noget værd: "
        "{not_valuable}, andet: {other}). Læs, hvad de siger, ret det, og aktivér tilbuddet igen.",
    },
}
"""By kind, with places for the notice's data."""


class NoticeQuerySchema(WindowQuerySchema):
    unread = fields.Boolean(load_default=False, metadata={"description": "Only those not read"})


class NoticeSchema(Schema):
    """What the service tells a merchant of an offer."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-00000000000f",
        "at": "2026-11-25T18:30:00Z",
        "kind": "offer_paused",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "text": "The offer is paused: 5 customers for whom it had opened say that something is "
        "wrong with it (not redeemable: 4, not worth it: 1, other: 0). Read what they say, mend "
        "it, and activate the offer again.",
        "read_at": None,
    }

    id = fields.UUID(required=True)
    at = Timestamp(required=True)
    kind = Word("NoticeKind", SAYS, required=True)
    offer_id = fields.UUID(required=True)
    text = fields.String(required=True, metadata={"description": "In the caller's language"})
    read_at = Timestamp(required=True, allow_none=True)


NoticePageSchema = page_schema(NoticeSchema, "NoticePageSchema")


def present_notice(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "at": notice.at,
        "kind": notice.kind,
        "offer_id": notice.offer_id,
        "text": say(SAYS[notice.kind]).format(**notice.data),
        "read_at": notice.read_at,
    }
