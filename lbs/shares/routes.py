from __future__ import annotations

import io
import secrets
from pathlib import Path
from uuid import UUID

import flask
import segno
import structlog
from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, customer, merchant, merchant_with
from lbs.errors import Unavailable
from lbs.http import csp
from lbs.http.api import Blueprint
from lbs.http.compression import compress
from lbs.http.context import database, now, settings, transaction, vault
from lbs.http.languages import language
from lbs.shares import queries, service
from lbs.shares.errors import OfferNotRunning, ShareNotFound
from lbs.shares.rules.followers import is_ahead
from lbs.shares.schemas.brand import BrandSchema, SetBrandSchema
from lbs.shares.schemas.pages import UNKNOWN, Links, present_page, style_of
from lbs.shares.schemas.shares import (
    CreateReferralSchema,
    Facebook,
    ReferralSchema,
    ShareSchema,
    present_share,
)

TOKEN_BYTES = 16
OFFERS = merchant_with("offers")
FOR_EVER = "public, max-age=31536000, immutable"
PNG, SVG = "image/png", "image/svg+xml"

blp = Blueprint("Shares", __name__, description="Offers passed on, and the visits they bring")
pages = flask.Blueprint("share_pages", __name__, template_folder="templates")
STYLE = Path(pages.root_path, "templates", "share.css").read_text()


@blp.route("/v1/offers/<uuid:offer_id>/shares")
class Shares(MethodView):
    @blp.operation("create_share", CUSTOMER, idempotent=True)
    @blp.response(201, ShareSchema)
    def post(self, offer_id: UUID) -> dict[str, str | None]:
        """Share an active offer; a customer has one link to it

        The link leads to a page that says where the offer is and how it opens. Who has the app
        opens it from there, and the app sends the token to `/v1/referrals`, or with the check-in.
        Sharing earns nothing and opens nothing. What a share brings is counted by the verified
        visits of friends.
        """
        found = settings()
        with transaction() as session:
            token = service.share_offer(
                session,
                customer().customer_id,
                offer_id,
                vault(),
                _token,
                now(),
                is_shown=found.has_facebook_app,
            )
        facebook = Facebook(found.facebook_www_url, found.facebook_app_id)
        return present_share(token, found.public_url, facebook)


@blp.route("/v1/referrals")
class Referrals(MethodView):
    @blp.operation("create_referral", CUSTOMER, idempotent=True)
    @blp.arguments(CreateReferralSchema)
    @blp.response(201, ReferralSchema)
    def post(self, body: dict[str, str]) -> service.Referred:
        """Say by which share the customer has come to an offer

        The last share within seven days counts. The customer's verified check-in that opens the
        offer is credited to it, once.
        """
        with transaction() as session:
            found = service.refer(
                session,
                customer().customer_id,
                body["token"],
                request.remote_addr or "",
                vault(),
                now(),
            )
        if found is None:
            raise OfferNotRunning
        return found


@blp.route("/v1/brand")
class Brand(MethodView):
    @blp.operation("read_brand", OFFERS)
    @blp.response(200, BrandSchema)
    def get(self) -> dict[str, str | None]:
        """Read how the merchant's shared offers look"""
        with transaction() as session:
            return {"color": queries.find_color(session, merchant().merchant_id)}

    @blp.operation("set_brand", OFFERS)
    @blp.arguments(SetBrandSchema)
    @blp.response(200, BrandSchema)
    def put(self, color: str | None) -> dict[str, str | None]:
        """Set how the merchant's shared offers look

        Pictures that were given out before keep their addresses and their looks.
        """
        with transaction() as session:
            return service.set_color(session, merchant().merchant_id, color, now())


@pages.get("/s/<token>")
def share_page(token: str) -> ResponseReturnValue:
    """One page for people and crawlers: what is counted differs, what is shown does not."""
    try:
        with transaction() as session:
            page = service.load_page(session, token, now())
    except ShareNotFound:
        return _unknown()
    lang, style, found = language(), style_of(page, STYLE), settings()
    links = Links(found.public_url, found.facebook_app_id, found.app_link, found.app_page)
    said = present_page(page, token, links, lang, now())
    response = make_response(render_template("share.html", style=style, **said))
    response.headers[csp.HEADER] = f"{csp.self_contained(style)}; {csp.UNFRAMED}"
    response.headers["Content-Language"] = lang
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    response.vary.add("Accept-Language")
    compress(response).add_etag()
    if request.method == "GET" and not is_ahead(request.headers.get):
        _record_hit(page.share_id)
    return response.make_conditional(request)


@pages.get("/s/<token>/<digest>.png")
def share_picture(token: str, digest: str) -> ResponseReturnValue:
    with transaction() as session:
        picture = service.load_picture(session, token, digest, now())
    response = Response(picture.png, content_type=PNG)
    response.headers["Cache-Control"] = FOR_EVER if picture.is_asked else "no-cache"
    response.add_etag()
    return response.make_conditional(request)


@pages.get("/s/<token>/qr.svg")
def share_qr(token: str) -> Response:
    with transaction() as session:
        service.load_page(session, token, now())
    file = io.BytesIO()
    link = service.link_of(token, settings().public_url)
    segno.make(link, error="m", micro=False).save(file, kind="svg", scale=8, light="white")
    response = Response(file.getvalue(), content_type=SVG)
    response.headers["Cache-Control"] = FOR_EVER
    return response


def _unknown() -> Response:
    lang = language()
    response = make_response(render_template("share_unknown.html", lang=lang, says=UNKNOWN), 404)
    response.headers["Content-Language"] = lang
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept-Language")
    return response


def _record_hit(share_id: UUID) -> None:
    """After the page has been read, in a transaction of its own: where the ledger cannot be
    written just now, the page is given out uncounted.
    """
    caller = service.Caller(request.remote_addr or "", request.user_agent.string)
    try:
        with database().transaction() as session:
            service.record_hit(session, share_id, caller, vault(), now())
    except Unavailable:
        structlog.get_logger().warning("share_hit_lost")


def _token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)
