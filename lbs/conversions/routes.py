from __future__ import annotations

from typing import Any

from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, OWNER, customer, merchant
from lbs.conversions import service
from lbs.conversions.schemas import (
    ConsentSchema,
    ConsentsSchema,
    ConversionPageSchema,
    ConversionQuerySchema,
    ConversionSchema,
    ConversionSettingSchema,
    GiveConsentSchema,
    SendConversionTestSchema,
    SetConversionsSchema,
)
from lbs.graph.client import Graph
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.paging import Page, Window, page

CONSENTS = "/v1/customers/me/consents"
CONVERSIONS = "/v1/facebook/conversions"

consents = Blueprint("Consents", __name__, description="What a customer has agreed to")
blp = Blueprint("Conversions", __name__, description="Visits and redemptions told to Meta")


@consents.route(CONSENTS)
class Consents(MethodView):
    @consents.operation("list_consents", CUSTOMER)
    @consents.response(200, ConsentsSchema)
    def get(self) -> dict[str, Any]:
        """List what the customer consents to"""
        with transaction() as session:
            return {"items": service.list_consents(session, customer().customer_id)}


@consents.route(f"{CONSENTS}/<purpose>")
class Consent(MethodView):
    @consents.operation("give_consent", CUSTOMER)
    @consents.arguments(GiveConsentSchema)
    @consents.response(200, ConsentSchema)
    def put(self, command: service.GiveConsent, purpose: str) -> service.ConsentView:
        """Consent to a purpose, or consent anew

        Show the customer a text that says what is done, and send its version. It holds for what
        happens from now on. An address and a number are given for this purpose alone.
        """
        with transaction() as session:
            return service.give_consent(session, customer().customer_id, purpose, command, now())

    @consents.operation("withdraw_consent", CUSTOMER)
    @consents.response(204)
    def delete(self, purpose: str) -> None:
        """Take a consent back

        What was kept by it is deleted, and what has not been sent yet never is.
        """
        with transaction() as session:
            service.withdraw_consent(session, customer().customer_id, purpose)


@blp.route(CONVERSIONS)
class Conversions(MethodView):
    @blp.operation("read_conversion_setting", OWNER)
    @blp.response(200, ConversionSettingSchema)
    def get(self) -> service.SettingView:
        """Read where conversions are sent, and how that goes

        Needs an owner's key.
        """
        with transaction() as session:
            return service.load_setting(session, merchant().merchant_id)

    @blp.operation("set_conversion_setting", OWNER)
    @blp.arguments(SetConversionsSchema)
    @blp.response(200, ConversionSettingSchema)
    def put(self, command: service.WriteSetting) -> service.SettingView:
        """Have verified visits and redemptions told to Meta from now on

        Of customers who consent to it, at the venues that are named, to one dataset of yours.
        Needs an owner's key: one with all scopes and no restriction to venues.
        """
        Graph(settings())  # or there is none
        with transaction() as session:
            return service.write_setting(session, merchant().merchant_id, command, vault(), now())

    @blp.operation("delete_conversion_setting", OWNER)
    @blp.response(204)
    def delete(self) -> None:
        """Tell Meta nothing more; what has not been sent yet never is

        Needs an owner's key.
        """
        with transaction() as session:
            service.delete_setting(session, merchant().merchant_id, now())


@blp.route(f"{CONVERSIONS}/test")
class ConversionTest(MethodView):
    @blp.operation("send_conversion_test", OWNER, idempotent=True)
    @blp.arguments(SendConversionTestSchema)
    @blp.response(201, ConversionSchema)
    def post(self, code: str) -> service.ConversionView:
        """Send an event of nobody, to be seen under Test events in Events Manager

        Meta does not drop test events, so this is the only one that a test code is sent with.
        What became of it is in the list of events. Needs an owner's key.
        """
        Graph(settings())  # or there is none
        with transaction() as session:
            return service.send_test(session, merchant().merchant_id, code, now())


@blp.route(f"{CONVERSIONS}/events")
class ConversionEvents(MethodView):
    @blp.operation("list_conversions", OWNER)
    @blp.arguments(ConversionQuerySchema, location="query")
    @blp.response(200, ConversionPageSchema)
    def get(self, query: dict[str, Any]) -> Page[service.ConversionView]:
        """List what was told to Meta within 62 days, or is to be told, newest first

        Needs an owner's key.
        """
        window: Window = query["window"]
        with transaction() as session:
            rows = service.list_conversions(
                session,
                merchant().merchant_id,
                state=query["state"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda conversion: conversion.id)
