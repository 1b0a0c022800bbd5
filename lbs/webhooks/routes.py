from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.http import outgoing
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.etag import check_version, expected_version, tagged
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.webhooks import service
from lbs.webhooks.schemas import (
    ChangeWebhookEndpointSchema,
    CreateWebhookEndpointSchema,
    NewWebhookEndpointSchema,
    RotateWebhookSecretSchema,
    WebhookDeliveryPageSchema,
    WebhookDeliveryQuerySchema,
    WebhookDeliverySchema,
    WebhookEndpointPageSchema,
    WebhookEndpointSchema,
)

WEBHOOKS = merchant_with("webhooks")
ENDPOINTS = "/v1/webhook-endpoints"
ENDPOINT = f"{ENDPOINTS}/<uuid:webhook_endpoint_id>"
DELIVERIES = f"{ENDPOINT}/deliveries"

blp = Blueprint("Webhooks", __name__, description="What merchants' own systems are told")


@blp.route(ENDPOINTS)
class WebhookEndpoints(MethodView):
    @blp.operation("list_webhook_endpoints", WEBHOOKS)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, WebhookEndpointPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.EndpointView]:
        """List the merchant's webhook endpoints, in the order they were made"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_endpoints(
                session, merchant().merchant_id, limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda endpoint: endpoint.id)

    @blp.operation("create_webhook_endpoint", WEBHOOKS, idempotent=True)
    @blp.arguments(CreateWebhookEndpointSchema)
    @blp.response(201, NewWebhookEndpointSchema)
    def post(self, command: service.CreateEndpoint) -> Any:
        """Have an address told of what happens from now on

        Messages come as POST requests by the Standard Webhooks specification: at least once, and
        signed with the secret, which is in this answer and nowhere else. What follows from one
        check-in comes in order. An answer of 2xx within 15 seconds is taken as receipt; anything
        else is tried again for three days. Redirects are not followed.
        """
        _refuse(command.url)
        with transaction() as session:
            endpoint = service.create_endpoint(
                session, merchant().merchant_id, command, vault(), secrets.token_bytes, now()
            )
        return tagged(endpoint, 201)


@blp.route(ENDPOINT)
class WebhookEndpoint(MethodView):
    @blp.operation("read_webhook_endpoint", WEBHOOKS)
    @blp.response(200, WebhookEndpointSchema)
    def get(self, webhook_endpoint_id: UUID) -> Any:
        """Read a webhook endpoint, without its secret; its version is the ETag"""
        with transaction() as session:
            endpoint = service.load_endpoint(session, webhook_endpoint_id, merchant().merchant_id)
        return tagged(endpoint)

    @blp.operation("change_webhook_endpoint", WEBHOOKS, versioned=True)
    @blp.arguments(ChangeWebhookEndpointSchema)
    @blp.response(200, WebhookEndpointSchema)
    def patch(self, command: service.ChangeEndpoint, webhook_endpoint_id: UUID) -> Any:
        """Change the members that are given; send the ETag you read as If-Match

        A disabled endpoint is told nothing of what happens meanwhile. Made active again, it gets
        what was on its way when it was disabled.
        """
        expected = expected_version()
        if "url" in command.changes:
            _refuse(command.changes["url"])
        with transaction() as session:
            endpoint = service.change_endpoint(
                session,
                endpoint_id=webhook_endpoint_id,
                merchant_id=merchant().merchant_id,
                command=command,
                check=lambda found: check_version(found, expected),
                now=now(),
            )
        return tagged(endpoint)

    @blp.operation("delete_webhook_endpoint", WEBHOOKS)
    @blp.response(204)
    def delete(self, webhook_endpoint_id: UUID) -> None:
        """Delete a webhook endpoint, with what is still on its way to it and its log"""
        with transaction() as session:
            service.delete_endpoint(session, webhook_endpoint_id, merchant().merchant_id, now())


@blp.route(f"{ENDPOINT}/rotation")
class WebhookRotation(MethodView):
    @blp.operation("rotate_webhook_secret", WEBHOOKS, idempotent=True)
    @blp.arguments(RotateWebhookSecretSchema)
    @blp.response(201, NewWebhookEndpointSchema)
    def post(self, overlap: timedelta, webhook_endpoint_id: UUID) -> Any:
        """Give a webhook endpoint a new secret

        Until the overlap is over, every message is signed by both, so that the receiver can
        change over in its own time.
        """
        with transaction() as session:
            endpoint = service.rotate_secret(
                session,
                endpoint_id=webhook_endpoint_id,
                merchant_id=merchant().merchant_id,
                overlap=overlap,
                vault=vault(),
                random_bytes=secrets.token_bytes,
                now=now(),
            )
        return tagged(endpoint, 201)


@blp.route(f"{ENDPOINT}/test")
class WebhookTest(MethodView):
    @blp.operation("send_webhook_test", WEBHOOKS, idempotent=True)
    @blp.response(201, WebhookDeliverySchema)
    def post(self, webhook_endpoint_id: UUID) -> service.DeliveryView:
        """Send a test message to this endpoint alone

        Its type is `webhook.test`, which nobody has to subscribe to.
        """
        with transaction() as session:
            return service.send_test(session, webhook_endpoint_id, merchant().merchant_id, now())


@blp.route(DELIVERIES)
class WebhookDeliveries(MethodView):
    @blp.operation("list_webhook_deliveries", WEBHOOKS)
    @blp.arguments(WebhookDeliveryQuerySchema, location="query")
    @blp.response(200, WebhookDeliveryPageSchema)
    def get(self, query: dict[str, Any], webhook_endpoint_id: UUID) -> Page[service.DeliveryView]:
        """List what was sent to an endpoint within 30 days, or is to be sent, newest first"""
        window: Window = query["window"]
        with transaction() as session:
            rows = service.list_deliveries(
                session,
                webhook_endpoint_id,
                merchant().merchant_id,
                state=query["state"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda delivery: delivery.id)


@blp.route(f"{DELIVERIES}/<uuid:webhook_delivery_id>/redelivery")
class WebhookRedelivery(MethodView):
    @blp.operation("redeliver_webhook", WEBHOOKS, idempotent=True)
    @blp.response(201, WebhookDeliverySchema)
    def post(self, webhook_endpoint_id: UUID, webhook_delivery_id: UUID) -> service.DeliveryView:
        """Send the same message once more, under the same id

        A message got through already? It is sent all the same.
        """
        with transaction() as session:
            return service.redeliver(
                session, webhook_endpoint_id, webhook_delivery_id, merchant().merchant_id, now()
            )


def _refuse(url: str) -> None:
    """An address that cannot be sent to, as far as it shows."""
    flaw = outgoing.flaw_of(url, allow_private=settings().webhooks_allow_private)
    if flaw:
        raise ma.ValidationError({"url": [flaw]})
