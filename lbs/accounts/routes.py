from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from flask import Response, jsonify
from flask.views import MethodView

from lbs.accounts import service
from lbs.accounts.auth import (
    APP,
    CUSTOMER,
    OWNER,
    REFRESH,
    app_key,
    customer,
    key_ring,
    merchant,
    merchant_with,
    present_session,
    refresh_bearer,
)
from lbs.accounts.errors import BackendKeyNeeded, RefreshTokenRefused
from lbs.accounts.schemas import (
    ApiKeyPageSchema,
    AuditPageSchema,
    AuditQuerySchema,
    CreateApiKeySchema,
    CustomerSchema,
    CustomerSessionSchema,
    KeySetSchema,
    NewApiKeySchema,
    RegisterCustomerSchema,
    SetStandingSchema,
    StandingPageSchema,
    StandingSchema,
    present_entry,
)
from lbs.audit import queries as audit_log
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.paging import Page, Window, WindowQuerySchema, page

SUPPORT = merchant_with("support")

keys = Blueprint(
    "API keys", __name__, description="What a merchant's systems identify themselves with"
)
customers = Blueprint("Customers", __name__, description="The app's users and their tokens")
standings = Blueprint(
    "Standings", __name__, description="Customers whom a merchant has treated apart"
)
audit = Blueprint("Audit", __name__, description="Who changed what")


@keys.route("/v1/api-keys")
class ApiKeys(MethodView):
    @keys.operation("list_api_keys", OWNER)
    @keys.arguments(WindowQuerySchema, location="query")
    @keys.response(200, ApiKeyPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.KeyView]:
        """List the merchant's API keys, newest first

        Needs an owner's key: one with all scopes and no restriction to venues.
        """
        window = query["window"]
        with transaction() as session:
            rows = service.list_keys(
                session, merchant().merchant_id, limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda key: key.id)

    @keys.operation("create_api_key", OWNER, idempotent=True)
    @keys.arguments(CreateApiKeySchema)
    @keys.response(201, NewApiKeySchema)
    def post(self, command: service.CreateKey) -> service.KeyView:
        """Create an API key; its token is in this answer and nowhere else

        Needs an owner's key. Give a till the scope `redeem` and its own venue.
        """
        with transaction() as session:
            return service.create_key(session, merchant().merchant_id, command, _secret, now())


@keys.route("/v1/api-keys/<uuid:api_key_id>")
class ApiKey(MethodView):
    @keys.operation("revoke_api_key", OWNER)
    @keys.response(204)
    def delete(self, api_key_id: UUID) -> None:
        """Revoke an API key; it is refused from the next request on

        Needs an owner's key, which cannot revoke itself.
        """
        with transaction() as session:
            service.revoke_key(
                session,
                key_id=api_key_id,
                merchant_id=merchant().merchant_id,
                own_key_id=merchant().key_id,
                now=now(),
            )


@keys.route("/v1/api-keys/<uuid:api_key_id>/rotation")
class ApiKeyRotation(MethodView):
    @keys.operation("rotate_api_key", OWNER, idempotent=True)
    @keys.response(201, NewApiKeySchema)
    def post(self, api_key_id: UUID) -> service.KeyView:
        """Give an API key a new token; the old one is refused from the next request on"""
        with transaction() as session:
            return service.rotate_key(
                session,
                key_id=api_key_id,
                merchant_id=merchant().merchant_id,
                secret=_secret,
                now=now(),
            )


@customers.route("/v1/customers")
class Customers(MethodView):
    @customers.operation("register_customer", APP, idempotent=True)
    @customers.arguments(RegisterCustomerSchema)
    @customers.response(201, CustomerSessionSchema)
    def post(self, command: service.Register) -> dict[str, Any]:
        """Register a customer and get tokens

        A phone registers with the app's publishable key and its device id, and is a new customer
        each time. A backend registers with its own key and its own `external_id`, and gets the
        same customer each time.
        """
        if command.external_id and not app_key().trusted:
            raise BackendKeyNeeded
        with transaction() as session:
            issued = service.register(
                session,
                app_key().app_id,
                command,
                vault(),
                settings().refresh_token_ttl,
                _secret,
                now(),
            )
        return present_session(issued)


@customers.route("/v1/tokens")
class Tokens(MethodView):
    @customers.operation("refresh_tokens", REFRESH, idempotent=True)
    @customers.response(201, CustomerSessionSchema)
    def post(self) -> dict[str, Any]:
        """Exchange a refresh token for new tokens

        Send the refresh token as the bearer token. It is good for one use: a second use revokes
        every token of that registration. After a lost answer, send the same `Idempotency-Key`.
        """
        with transaction() as session:
            issued = service.refresh(
                session, refresh_bearer().token, settings().refresh_token_ttl, _secret, now()
            )
        if issued is None:
            raise RefreshTokenRefused
        return present_session(issued)


@customers.route("/.well-known/jwks.json")
class KeySet(MethodView):
    @customers.operation("list_signing_keys")
    @customers.response(200, KeySetSchema)
    def get(self) -> Response:
        """The public keys that receipts are signed with

        Look again when a receipt names a key id (`kid`) that you do not know.
        """
        response = jsonify(key_ring().jwks(now()))
        response.headers["Cache-Control"] = "public, max-age=300"
        return response


@customers.route("/v1/customers/me")
class Me(MethodView):
    @customers.operation("read_customer", CUSTOMER)
    @customers.response(200, CustomerSchema)
    def get(self) -> dict[str, Any]:
        """Who the token belongs to"""
        with transaction() as session:
            service.require_customer(session, customer().customer_id)
        return {"id": customer().customer_id, "app_id": customer().app_id}

    @customers.operation("erase_customer", CUSTOMER)
    @customers.response(204)
    def delete(self) -> None:
        """Erase the customer: the person is gone, the counts stay

        Devices, tokens, friends, flags, consents and the link from the person to every check-in,
        unlock, redemption and share are deleted. A pass that was opened before can still be
        redeemed by whoever holds its code.
        """
        with transaction() as session:
            service.erase(session, customer().customer_id, customer().scope_id)


@standings.route("/v1/standings")
class Standings(MethodView):
    @standings.operation("list_standings", SUPPORT)
    @standings.arguments(WindowQuerySchema, location="query")
    @standings.response(200, StandingPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.StandingView]:
        """List the customers with a standing, in the order in which they registered"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_standings(
                session, merchant().merchant_id, limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda standing: standing.customer)


@standings.route("/v1/standings/<uuid:customer>")
class Standing(MethodView):
    @standings.operation("read_standing", SUPPORT)
    @standings.response(200, StandingSchema)
    def get(self, customer: UUID) -> service.StandingView:
        """Read the standing of a customer"""
        with transaction() as session:
            return service.load_standing(
                session, merchant_id=merchant().merchant_id, customer=customer
            )

    @standings.operation("set_standing", SUPPORT)
    @standings.arguments(SetStandingSchema)
    @standings.response(200, StandingSchema)
    def put(self, command: service.SetStanding, customer: UUID) -> service.StandingView:
        """Set or replace the standing of a customer

        The customer is named by your own pseudonym, as you read it in findings and with
        wristbands. It holds from the next check-in on.
        """
        with transaction() as session:
            return service.set_standing(
                session,
                merchant_id=merchant().merchant_id,
                customer=customer,
                command=command,
                now=now(),
            )

    @standings.operation("remove_standing", SUPPORT)
    @standings.response(204)
    def delete(self, customer: UUID) -> None:
        """Treat a customer like everybody else again"""
        with transaction() as session:
            service.remove_standing(
                session, merchant_id=merchant().merchant_id, customer=customer, now=now()
            )


@audit.route("/v1/audit")
class AuditLog(MethodView):
    @audit.operation("list_audit_entries", SUPPORT)
    @audit.arguments(AuditQuerySchema, location="query")
    @audit.response(200, AuditPageSchema)
    def get(self, query: dict[str, Any]) -> Page[dict[str, Any]]:
        """List what was changed, by whom, with the old and new values, newest first

        All that the merchant's keys have changed is here, and what the service has changed by
        itself. Nobody can change or delete an entry. Secrets and notes about people are left out.
        """
        window: Window = query.pop("window")
        with transaction() as session:
            rows = audit_log.list_entries(
                session,
                merchant().merchant_id,
                audit_log.Filters(**query),
                limit=window.limit + 1,
                after=window.after,
            )
        return page([present_entry(row) for row in rows], window, lambda entry: entry["id"])


def _secret() -> str:
    return secrets.token_urlsafe(32)
