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
    "webhook_endpoint_gone": {
        "en": "Nothing is sent to {url} any more: it answered that it is gone (410). What was on "
        "its way is held for 30 days; activate the webhook endpoint again to have it sent.",
        "da": "Der sendes ikke mere til {url}: svaret var, at adressen er nedlagt (410). Det, der "
        "var undervejs, gemmes i 30 dage; aktivér webhook-adressen igen for at få det sendt.",
    },
    "webhook_endpoint_failing": {
        "en": "Nothing is sent to {url} any more: nothing got through for three days. What is "
        "on its way still is held for 30 days; activate the webhook endpoint again to have it "
        "sent.",
        "da": "Der sendes ikke mere til {url}: i tre dage er intet kommet igennem. Det, der stadig "
        "er undervejs, gemmes i 30 dage; aktivér webhook-adressen igen for at få det sendt.",
    },
    "facebook_page_reauth_required": {
        "en": "Facebook does not let us act for {page} any more. Connect the Page again: what is "
        "to be posted waits for it, as long as its offers run.",
        "da": "Facebook lader os ikke længere handle for {page}. Forbind siden igen: det, der skal "
        "slås op, venter på det, så længe tilbuddene løber.",
    },
    "facebook_page_permission_missing": {
        "en": "A permission is missing to post on {page}. Connect the Page again and give all "
        "permissions that are asked for: what is to be posted waits for it, as long as its offers "
        "run.",
        "da": "Der mangler en tilladelse til at slå op på {page}. Forbind siden igen, og giv alle "
        "de tilladelser, der bedes om: det, der skal slås op, venter på det, så længe tilbuddene "
        "løber.",
    },
    "facebook_page_blocked": {
        "en": "Facebook has blocked posts on {page} for a while, for a breach of its policies. "
        "Nothing is posted there for 24 hours. Look at the Page's quality on Facebook.",
        "da": "Facebook har for en tid spærret for opslag på {page} på grund af brud på reglerne. "
        "Der slås intet op i 24 timer. Se sidens kvalitet på Facebook.",
    },
    "facebook_page_expiring": {
        "en": "On {day} Facebook ends our leave to act for {page}. Connect the Page again before "
        "then.",
        "da": "Den {day} udløber Facebooks tilladelse til, at vi handler for {page}. Forbind siden "
        "igen inden da.",
    },
    "facebook_post_failed": {
        "en": "A post of the offer on {page} was given up. Read the post to see why.",
        "da": "Et opslag af tilbuddet på {page} er opgivet. Læs opslaget for at se hvorfor.",
    },
}
"""By kind, with places for the notice's data."""


class NoticeQuerySchema(WindowQuerySchema):
    unread = fields.Boolean(load_default=False, metadata={"description": "Only those not read"})


class NoticeSchema(Schema):
    """What the service tells a merchant of an offer, a webhook endpoint or a Facebook Page."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-00000000000f",
        "at": "2026-11-25T18:30:00Z",
        "kind": "offer_paused",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "webhook_endpoint_id": None,
        "facebook_page_id": None,
        "text": "The offer is paused: 5 customers for whom it had opened say that something is "
        "wrong with it (not redeemable: 4, not worth it: 1, other: 0). Read what they say, mend "
        "it, and activate the offer again.",
        "read_at": None,
    }

    id = fields.UUID(required=True)
    at = Timestamp(required=True)
    kind = Word("NoticeKind", SAYS, required=True)
    offer_id = fields.UUID(required=True, allow_none=True)
    webhook_endpoint_id = fields.UUID(required=True, allow_none=True)
    facebook_page_id = fields.UUID(required=True, allow_none=True)
    text = fields.String(required=True, metadata={"description": "In the caller's language"})
    read_at = Timestamp(required=True, allow_none=True)


NoticePageSchema = page_schema(NoticeSchema, "NoticePageSchema")


def present_notice(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "at": notice.at,
        "kind": notice.kind,
        "offer_id": notice.offer_id,
        "webhook_endpoint_id": notice.webhook_endpoint_id,
        "facebook_page_id": notice.facebook_page_id,
        "text": say(SAYS[notice.kind]).format(**notice.data),
        "read_at": notice.read_at,
    }
