from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

import flask
from flask import Response, make_response, render_template
from flask.typing import ResponseReturnValue
from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, RECEIPT, customer, key_ring, merchant, merchant_with
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.languages import Text, language
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.proofs import service
from lbs.proofs.auth import venue_key, venue_key_holder
from lbs.proofs.rules.display import draw, poster_text
from lbs.proofs.rules.provisioning import Given
from lbs.proofs.schemas import (
    BindWristbandSchema,
    CreateVenueProofSchema,
    KioskCodesSchema,
    NewVenueProofSchema,
    OwnWristbandPageSchema,
    OwnWristbandSchema,
    PosterQuerySchema,
    ProofListQuerySchema,
    RotateVenueProofSchema,
    VenueProofPageSchema,
    VenueProofSchema,
    WristbandPageSchema,
    WristbandSchema,
    present_kiosk,
    present_new,
    refuse_needless,
)

VENUES = merchant_with("venues")
SUPPORT = merchant_with("support")
KIOSK = venue_key("venue_code")
HTML = "text/html"

blp = Blueprint("Proofs", __name__, description="What a venue proves presence with")
wristbands = Blueprint("Wristbands", __name__, description="Tags that customers wear")
pages = flask.Blueprint(
    "proof_pages",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/proofs/static",
)


@blp.route("/v1/venues/<uuid:venue_id>/proofs")
class VenueProofs(MethodView):
    @blp.operation("list_venue_proofs", VENUES)
    @blp.arguments(ProofListQuerySchema, location="query")
    @blp.response(200, VenueProofPageSchema)
    def get(self, query: dict[str, Any], venue_id: UUID) -> Page[service.ProofView]:
        """List a venue's proofs, oldest first, revoked ones too"""
        window: Window = query["window"]
        with transaction() as session:
            rows = service.list_proofs(
                session,
                merchant().merchant_id,
                venue_id,
                kind=query["kind"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda proof: proof.id)

    @blp.operation("create_venue_proof", VENUES, idempotent=True)
    @blp.arguments(CreateVenueProofSchema)
    @blp.response(201, NewVenueProofSchema)
    def post(self, command: service.CreateProof, venue_id: UUID) -> dict[str, Any]:
        """Provision a code, tag, beacon, reader or staff member

        What you do not bring along is made: secrets, keys, PINs. They are kept sealed, and are in
        this answer and nowhere else.
        """
        with transaction() as session:
            new = service.create_proof(
                session, merchant().merchant_id, venue_id, command, _tools(), now()
            )
        return present_new(new, settings().public_url)


@blp.route("/v1/venues/<uuid:venue_id>/proofs/<uuid:proof_id>")
class VenueProof(MethodView):
    @blp.operation("read_venue_proof", VENUES)
    @blp.response(200, VenueProofSchema)
    def get(self, venue_id: UUID, proof_id: UUID) -> service.ProofView:
        """Read a proof, without its secret"""
        with transaction() as session:
            return service.load_proof(session, _path(venue_id, proof_id))

    @blp.operation("revoke_venue_proof", VENUES)
    @blp.response(204)
    def delete(self, venue_id: UUID, proof_id: UUID) -> None:
        """Revoke a proof; it is refused from the next request on"""
        with transaction() as session:
            service.revoke_proof(session, _path(venue_id, proof_id), now())


@blp.route("/v1/venues/<uuid:venue_id>/proofs/<uuid:proof_id>/rotation")
class VenueProofRotation(MethodView):
    @blp.operation("rotate_venue_proof", VENUES, idempotent=True)
    @blp.arguments(RotateVenueProofSchema)
    @blp.response(201, NewVenueProofSchema)
    def post(self, given: Given, venue_id: UUID, proof_id: UUID) -> dict[str, Any]:
        """Give a proof a new secret and key; the old ones are dead at once

        A kiosk has to be opened with its new address, a poster printed anew, a tag or beacon
        programmed anew. A tag's counter starts again, because its keys are new.
        """
        with transaction() as session:
            path = _path(venue_id, proof_id)
            new = service.rotate_proof(session, path, given, refuse_needless, _tools(), now())
        return present_new(new, settings().public_url)


@blp.route("/v1/venues/<uuid:venue_id>/proofs/<uuid:proof_id>/poster")
class ProofPoster(MethodView):
    @blp.operation("read_poster", VENUES)
    @blp.arguments(PosterQuerySchema, location="query")
    @blp.response(200, {"type": "string"}, content_type=HTML)
    def get(self, query: dict[str, Any], venue_id: UUID, proof_id: UUID) -> Response:
        """Get a poster to print: one A4 page with the code, large and as a QR picture

        Only for a `poster_code`. Load it from this address, or serve it beside `/proofs/static`.
        """
        with transaction() as session:
            poster = service.load_poster(session, _path(venue_id, proof_id), vault())
        lang = query["lang"] or language()
        picture = draw(poster_text(poster.venue_id, poster.code))
        response = make_response(
            render_template(
                "poster.html", lang=lang, says=POSTER_SAYS, poster=poster, picture=picture
            )
        )
        response.headers["Content-Language"] = lang
        return response


@blp.route("/v1/kiosk/codes")
class KioskCodes(MethodView):
    @blp.operation("read_kiosk_codes", KIOSK)
    @blp.response(200, KioskCodesSchema)
    def get(self) -> dict[str, Any]:
        """What a kiosk shows: the current code and the next two, each with its QR picture

        `now` is the time here, for a kiosk whose clock is wrong. A picture says
        `LBS:CODE:<venue id>:<code>`, to be read in any case; its code is not the digits, but one
        that is too long to be guessed.
        """
        with transaction() as session:
            kiosk = service.load_kiosk(session, venue_key_holder().proof_id, vault(), now())
        return present_kiosk(kiosk, now())


@wristbands.route("/v1/wristbands")
class Wristbands(MethodView):
    @wristbands.operation("list_wristbands", SUPPORT)
    @wristbands.arguments(WindowQuerySchema, location="query")
    @wristbands.response(200, WristbandPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.WristbandView]:
        """List the merchant's wristbands, newest first"""
        return _list({"merchant_id": merchant().merchant_id}, query["window"])

    @wristbands.operation("bind_wristband", SUPPORT, idempotent=True)
    @wristbands.arguments(BindWristbandSchema)
    @wristbands.response(201, WristbandSchema)
    def post(self, command: service.BindWristband) -> service.WristbandView:
        """Bind a tag to the customer who has just checked in, as their receipt shows"""
        claims = key_ring().verify(command.receipt, RECEIPT, now=now())
        with transaction() as session:
            return service.bind_wristband(
                session, merchant().merchant_id, claims, command.tag, vault(), now()
            )


@wristbands.route("/v1/wristbands/<uuid:wristband_id>")
class Wristband(MethodView):
    @wristbands.operation("unbind_wristband", SUPPORT)
    @wristbands.response(204)
    def delete(self, wristband_id: UUID) -> None:
        """Unbind a wristband: its tag is nobody's, and can be bound anew"""
        with transaction() as session:
            service.unbind_wristband(session, wristband_id, merchant().merchant_id, now())


@wristbands.route("/v1/wristbands/<uuid:wristband_id>/loss")
class WristbandLoss(MethodView):
    @wristbands.operation("report_wristband_lost", SUPPORT, idempotent=True)
    @wristbands.response(201, WristbandSchema)
    def post(self, wristband_id: UUID) -> service.WristbandView:
        """Report a wristband lost: its taps are refused until it is unbound"""
        return _lose(wristband_id, {"merchant_id": merchant().merchant_id})


@wristbands.route("/v1/customers/me/wristbands")
class OwnWristbands(MethodView):
    @wristbands.operation("list_own_wristbands", CUSTOMER)
    @wristbands.arguments(WindowQuerySchema, location="query")
    @wristbands.response(200, OwnWristbandPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.WristbandView]:
        """List the customer's own wristbands, newest first"""
        return _list({"customer_id": customer().customer_id}, query["window"])


@wristbands.route("/v1/customers/me/wristbands/<uuid:wristband_id>/loss")
class OwnWristbandLoss(MethodView):
    @wristbands.operation("report_own_wristband_lost", CUSTOMER, idempotent=True)
    @wristbands.response(201, OwnWristbandSchema)
    def post(self, wristband_id: UUID) -> service.WristbandView:
        """Report the customer's own wristband lost: its taps are refused from now on"""
        return _lose(wristband_id, {"customer_id": customer().customer_id})


@pages.get("/kiosk/<uuid:venue_id>")
def kiosk_page(venue_id: UUID) -> ResponseReturnValue:
    """The same for every venue: what it shows, it gets with the key in its address's fragment."""
    response = make_response(render_template("kiosk.html"))
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(flask.request)


@pages.get("/tap/<uuid:venue_id>")
def tap_page(venue_id: UUID) -> ResponseReturnValue:
    """Where a tag's address leads a phone whose app does not take it."""
    response = make_response(render_template("tap.html", lang=language(), says=TAP_SAYS))
    response.headers["Cache-Control"] = "no-store"
    return response


def _path(venue_id: UUID, proof_id: UUID) -> service.Path:
    return service.Path(merchant().merchant_id, venue_id, proof_id)


def _tools() -> service.Tools:
    return service.Tools(
        vault=vault(),
        random_bytes=secrets.token_bytes,
        token=lambda: secrets.token_urlsafe(32),
    )


def _list(owner: dict[str, UUID], window: Window) -> Page[service.WristbandView]:
    with transaction() as session:
        rows = service.list_wristbands(
            session, owner, vault(), limit=window.limit + 1, after=window.after
        )
    return page(rows, window, lambda wristband: wristband.id)


def _lose(wristband_id: UUID, owner: dict[str, UUID]) -> service.WristbandView:
    with transaction() as session:
        return service.report_lost(session, wristband_id, owner, vault(), now())


POSTER_SAYS: dict[str, Text] = {
    "invite": {"en": "Check in here", "da": "Tjek ind her"},
    "scan": {"en": "Scan the picture with the app", "da": "Scan billedet med appen"},
    "type": {"en": "or type this code", "da": "eller skriv denne kode"},
}
TAP_SAYS: dict[str, Text] = {
    "title": {"en": "Check in with the app", "da": "Tjek ind med appen"},
    "open": {
        "en": "Open the app first, then hold the phone to the tag again.",
        "da": "Åbn appen først, og hold så telefonen mod mærket igen.",
    },
}
