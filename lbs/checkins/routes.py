from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from flask import Response, json
from flask.views import MethodView

from lbs.accounts.auth import (
    CHALLENGE,
    CUSTOMER,
    RECEIPT,
    customer,
    key_ring,
    merchant,
    merchant_with,
)
from lbs.checkins import service
from lbs.checkins.policy import Limits
from lbs.checkins.schemas.check_ins import (
    AskChallengeSchema,
    ChallengeSchema,
    CheckInPageSchema,
    CheckInResultSchema,
    CreateCheckInSchema,
    StaffConfirmationSchema,
    present,
    present_check_in,
    present_confirmation,
)
from lbs.checkins.schemas.evidence import AddEvidenceSchema
from lbs.checkins.schemas.explanations import (
    ExplanationQuerySchema,
    ExplanationSchema,
    present_explanation,
)
from lbs.checkins.schemas.nearby import (
    NearbyQuerySchema,
    NearbyVenuesSchema,
    VenueMapSchema,
    present_feature,
    present_nearby,
)
from lbs.checkins.schemas.simulations import (
    SimulateOfferSchema,
    SimulationSchema,
    present_replay,
    present_trial,
)
from lbs.checkins.schemas.support import (
    FindingsSchema,
    ReceiptSchema,
    VerifyReceiptSchema,
    VoidedSchema,
    VoidSchema,
    present_findings,
)
from lbs.checkins.schemas.taps import ReportTapsSchema, TapResultsSchema
from lbs.checkins.service import support
from lbs.checkins.service.evidence import Evidence, Tools
from lbs.checkins.service.explanations import explain
from lbs.checkins.service.simulations import Replay, TryCheckIn, replay, try_check_in
from lbs.checkins.service.taps import Reader, Tap, report_taps
from lbs.config import Settings
from lbs.db import new_id
from lbs.http.api import Blueprint
from lbs.http.auth import admit
from lbs.http.context import now, settings, transaction, vault
from lbs.http.guesses import limit_of
from lbs.http.metrics import CHECK_INS, UNLOCKS
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.proofs.auth import venue_key, venue_key_holder

GEO_JSON = "application/geo+json"
OFFERS = merchant_with("offers")
SUPPORT = merchant_with("support")
REDEEM = merchant_with("redeem")
STAFF, READER = venue_key("staff"), venue_key("reader")

blp = Blueprint("Check-ins", __name__, description="Verified visits, and what they open")


@blp.route("/v1/check-ins")
class CheckIns(MethodView):
    @blp.operation("list_check_ins", CUSTOMER)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, CheckInPageSchema)
    def get(self, query: dict[str, Window]) -> Page[Any]:
        """List the customer's own check-ins, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_check_ins(
                session, customer().customer_id, limit=window.limit + 1, after=window.after
            )
        found = page(rows, window, lambda row: row.id)
        return Page([present_check_in(row) for row in found.items], found.next_cursor)

    @blp.operation("check_in", CUSTOMER, idempotent=True)
    @blp.arguments(CreateCheckInSchema)
    @blp.response(201, CheckInResultSchema)
    def post(self, command: service.CheckIn) -> dict[str, Any]:
        """Check in at a venue, or at an event

        Every check-in is recorded. Only an accepted one is a visit, earns a receipt and opens
        offers, each from its `min_level` on. An ambiguous one, or one whose level an offer finds
        too low, says in `needs` which proofs would do, and until when they can be added.
        """
        with transaction() as session:
            outcome = service.check_in(
                session, customer().customer_id, command, limits_of(settings()), tools(), now()
            )
        CHECK_INS.labels(outcome.judgement.verdict.word).inc()
        return present(_counted(outcome))


@blp.route("/v1/check-ins/<uuid:check_in_id>/evidence")
class CheckInEvidence(MethodView):
    @blp.operation("add_evidence", CUSTOMER, idempotent=True)
    @blp.arguments(AddEvidenceSchema)
    @blp.response(200, CheckInResultSchema)
    def post(self, evidence: Evidence, check_in_id: UUID) -> dict[str, Any]:
        """Add evidence to a check-in that is ambiguous, or too weak for an offer

        It is judged anew with all its evidence; offers open the moment their level is reached. A
        new location takes the place of the old one. Taken until `evidence_until`.
        """
        with transaction() as session:
            outcome = service.add_evidence(
                session,
                customer().customer_id,
                check_in_id,
                evidence,
                limits_of(settings()),
                tools(),
                now(),
            )
        return present(_counted(outcome))


@blp.route("/v1/check-ins/<uuid:check_in_id>/confirmation")
class CheckInConfirmation(MethodView):
    @blp.operation("confirm_check_in", STAFF, idempotent=True)
    @blp.response(200, StaffConfirmationSchema)
    def post(self, check_in_id: UUID) -> dict[str, Any]:
        """Confirm as a member of staff, with one's own key, that the customer is here

        Who has confirmed is recorded. A member of staff confirms only so many in an hour.
        """
        staff = venue_key_holder()
        with transaction() as session:
            outcome = service.confirm_by_staff(
                session,
                check_in_id,
                venue_id=staff.venue_id,
                staff_id=staff.proof_id,
                limits=limits_of(settings()),
                tools=tools(),
                now=now(),
            )
        return present_confirmation(_counted(outcome))


@blp.route("/v1/check-ins/<uuid:check_in_id>/findings")
class CheckInFindings(MethodView):
    @blp.operation("read_findings", SUPPORT)
    @blp.response(200, FindingsSchema)
    def get(self, check_in_id: UUID) -> dict[str, Any]:
        """Read all that was found about a check-in at a venue of the merchant's

        The customer hears one reason for all findings about spoofing; here is each of them.
        `customer` is what this merchant calls the customer, as in `/v1/standings`.
        """
        with transaction() as session:
            found = support.load_findings(session, check_in_id, merchant().merchant_id)
        return present_findings(*found)


@blp.route("/v1/check-ins/<uuid:check_in_id>/void")
class CheckInVoid(MethodView):
    @blp.operation("void_check_in", SUPPORT, idempotent=True)
    @blp.arguments(VoidSchema)
    @blp.response(200, VoidedSchema)
    def post(self, body: dict[str, str], check_in_id: UUID) -> support.Voided:
        """Take a check-in back, with everything that followed from it

        Its visit no longer counts, what it has opened can no longer be redeemed, its stock is
        free again, and what was redeemed with it is reversed. The ledger keeps it all.
        """
        with transaction() as session:
            return support.void(
                session,
                check_in_id,
                merchant_id=merchant().merchant_id,
                reason=body["reason"],
                now=now(),
            )


@blp.route("/v1/receipts/verify")
class Receipts(MethodView):
    @blp.operation("verify_receipt", REDEEM, idempotent=True)
    @blp.arguments(VerifyReceiptSchema)
    @blp.response(200, ReceiptSchema)
    def post(self, body: dict[str, Any]) -> support.ReceiptView:
        """Verify a receipt of a check-in at a venue of the merchant's

        For those who cannot verify its signature with `/.well-known/jwks.json` themselves, or
        want it to be good once: with `use` it is used up.
        """
        claims = key_ring().verify(body.pop("receipt"), RECEIPT, now=now())
        with transaction() as session:
            return support.verify_receipt(
                session, claims, merchant(), support.VerifyReceipt(**body), now()
            )


@blp.route("/v1/challenges")
class Challenges(MethodView):
    @blp.operation("ask_challenge", CUSTOMER, idempotent=True)
    @blp.arguments(AskChallengeSchema)
    @blp.response(201, ChallengeSchema)
    def post(self, body: dict[str, UUID]) -> dict[str, Any]:
        """Ask for a challenge to have the phone's integrity attested with

        It is for this customer and this venue or event, once. Send it with the platform's answer
        as evidence of the kind `play_integrity`, `app_attestation` or `app_assertion`.
        """
        ttl = settings().challenge_ttl
        claims = {
            "sub": str(customer().customer_id),
            "venue": str(body["venue_id"]),
            "jti": str(new_id()),
        }
        challenge = key_ring().sign(claims, CHALLENGE, ttl=ttl, now=now())
        return {"challenge": challenge, "expires_at": now() + ttl}


@blp.route("/v1/taps")
class Taps(MethodView):
    @blp.operation("report_taps", READER, idempotent=True)
    @blp.arguments(ReportTapsSchema)
    @blp.response(200, TapResultsSchema)
    def post(self, body: dict[str, list[Tap]]) -> dict[str, Any]:
        """Report, with a reader's key, the wristbands and cards that were held to it

        Each is a check-in of the customer to whom the tag was bound at the time of the tap. A
        reader that was offline reports later, up to seven days: each number counts once, however
        often it is sent.
        """
        key = venue_key_holder()
        reader = Reader(key.proof_id, key.name, key.merchant_id, key.venue_id)
        with transaction() as session:
            results = report_taps(
                session, reader, body["taps"], limits_of(settings()), tools(), now()
            )
        for result in results:
            if result.check_in_id and not result.repeated:
                CHECK_INS.labels(result.outcome).inc()
                UNLOCKS.inc(result.unlocks)
        return {"items": results}


@blp.route("/v1/offers/<uuid:offer_id>/simulations", tags=["Offers"])
class OfferSimulations(MethodView):
    @blp.operation("simulate_offer", OFFERS, idempotent=True)
    @blp.arguments(SimulateOfferSchema)
    @blp.response(200, SimulationSchema)
    def post(self, command: TryCheckIn | Replay, offer_id: UUID) -> dict[str, Any]:
        """Try an offer at one check-in, or at the visits of up to the last 90 days

        Whatever its status, as it is or with other terms. Nothing is written, and nothing of its
        stock is taken. `assumptions` and `not_simulated` say how far the answer can be trusted.
        """
        if isinstance(command, TryCheckIn) and isinstance(command.customer, UUID):
            admit(SUPPORT)
        with transaction() as session:
            if isinstance(command, TryCheckIn):
                trial = try_check_in(session, offer_id, merchant().merchant_id, command, now())
                return present_trial(trial)
            played = replay(session, offer_id, merchant().merchant_id, command, now())
        return present_replay(played)


@blp.route("/v1/offers/<uuid:offer_id>/why", tags=["Offers"])
class OfferExplanation(MethodView):
    @blp.operation("explain_offer", SUPPORT)
    @blp.arguments(ExplanationQuerySchema, location="query")
    @blp.response(200, ExplanationSchema)
    def get(self, query: dict[str, UUID], offer_id: UUID) -> dict[str, Any]:
        """Explain how an offer stands for one customer at a venue

        As if the customer checked in there now, on a level that is high enough; with what they
        have had of the offer, and what their last check-ins at the venue came to.
        """
        with transaction() as session:
            found = explain(
                session,
                offer_id=offer_id,
                merchant_id=merchant().merchant_id,
                venue_id=query["venue_id"],
                customer=query["customer"],
                vault=vault(),
                now=now(),
            )
        return present_explanation(found)


@blp.route("/v1/venues/nearby", tags=["Venues"])
class Nearby(MethodView):
    @blp.operation("find_venues_nearby", CUSTOMER)
    @blp.arguments(NearbyQuerySchema, location="query")
    @blp.response(200, NearbyVenuesSchema)
    def get(self, query: dict[str, float]) -> dict[str, Any]:
        """Find venues near a position, nearest first, with their offers

        Each offer stands as it does for this customer, with its progress. A venue's `location`
        is for showing on a map; it is not the middle of its fence.
        """
        return {"items": [present_nearby(venue) for venue in _nearby(query)]}


@blp.route("/v1/venues/nearby.geojson", tags=["Venues"])
class NearbyMap(MethodView):
    @blp.operation("map_venues_nearby", CUSTOMER)
    @blp.arguments(NearbyQuerySchema, location="query")
    @blp.response(200, VenueMapSchema, content_type=GEO_JSON)
    def get(self, query: dict[str, float]) -> Response:
        """The same as GeoJSON, for a map"""
        features = VenueMapSchema().dump({"features": [present_feature(v) for v in _nearby(query)]})
        return Response(json.dumps(features), content_type=GEO_JSON)


def _nearby(query: dict[str, Any]) -> list[service.NearbyVenue]:
    search = service.Search(**query)
    with transaction() as session:
        return service.nearby(session, customer().customer_id, search, vault(), now())


def tools() -> Tools:
    """What a check-in needs of the request it comes with."""
    at = now()
    return Tools(
        vault=vault(),
        sign_receipt=lambda claims, ttl: key_ring().sign(claims, RECEIPT, ttl=ttl, now=at),
        read_challenge=lambda token: key_ring().verify(token, CHALLENGE, now=at),
        random_bytes=secrets.token_bytes,
        guesses=limit_of(settings()),
    )


def _counted(outcome: service.CheckedIn) -> service.CheckedIn:
    UNLOCKS.inc(len(outcome.unlocked) + outcome.for_others)
    return outcome


def limits_of(settings: Settings) -> Limits:
    return Limits(
        cool_down=settings.cool_down,
        max_age=settings.fix_max_age,
        max_ahead=settings.fix_max_ahead,
        max_accuracy_m=settings.fix_max_accuracy_m,
        pad_m=settings.fence_pad_m,
        noise_m=settings.fence_noise_m,
        accuracy_to_sigma=settings.accuracy_to_sigma,
        inside=settings.inside_probability,
        outside=settings.outside_probability,
        fast_m_s=settings.fast_travel_m_s,
        impossible_m_s=settings.impossible_travel_m_s,
        rapid_limit=settings.rapid_limit,
        daily_limit=settings.daily_limit,
        device_customers=settings.customers_per_device,
        customer_devices=settings.devices_per_customer,
        step_up=settings.step_up_window,
        receipt=settings.receipt_ttl,
    )
