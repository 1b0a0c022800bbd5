from __future__ import annotations

import hmac

import flask
from flask import Response, request

from lbs.facebook_hooks import service
from lbs.facebook_hooks.errors import FacebookHandshakeRefused
from lbs.graph.errors import BadSignature, FacebookNotConfigured
from lbs.graph.signing import signature_holds
from lbs.http import metrics
from lbs.http.context import now, settings, transaction

MAX_BYTES = 16 * 1024 * 1024
"""A thousand changes, the most that Meta sends at once, with long comments in them."""
SIGNATURE = "X-Hub-Signature-256"

pages = flask.Blueprint("facebook_hooks", __name__)


@pages.get("/webhooks/facebook")
def shake_hands() -> Response:
    """Meta asks whether the address is ours before it sends anything there."""
    token, asked = settings().facebook_verify_token, request.args
    if not token:
        raise FacebookNotConfigured
    given, challenge = asked.get("hub.verify_token", ""), asked.get("hub.challenge")
    is_ours = hmac.compare_digest(given.encode(), token.encode())
    if not is_ours or asked.get("hub.mode") != "subscribe" or challenge is None:
        raise FacebookHandshakeRefused
    return Response(challenge, content_type="text/plain")


@pages.post("/webhooks/facebook")
def take_webhook() -> Response:
    """Keep what is signed by Meta and say so at once; a job reads it."""
    secret, signature = settings().facebook_app_secret, request.headers.get(SIGNATURE)
    if not secret:
        raise FacebookNotConfigured
    request.max_content_length = MAX_BYTES
    if signature is None or not signature_holds(secret, request.get_data(), signature):
        metrics.FACEBOOK_REFUSED.labels("webhook").inc()
        raise BadSignature
    with transaction() as session:
        service.keep(session, request.get_data(), now())
    return Response(status=200)
