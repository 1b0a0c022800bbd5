from __future__ import annotations

import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import flask
from flask import Response, g, jsonify, make_response, render_template, request
from flask.views import MethodView
from marshmallow import Schema

from lbs.accounts.auth import APP, CUSTOMER, app_key, customer, present_session
from lbs.accounts.schemas import CustomerSessionSchema
from lbs.codes import spell
from lbs.facebook_login import service
from lbs.facebook_login.auth import facebook
from lbs.facebook_login.errors import FacebookTokenRefused
from lbs.facebook_login.policy import SignedRequest, read_callback
from lbs.facebook_login.schemas import (
    FacebookCredentialSchema,
    FacebookSignIn,
    FacebookSignInSchema,
    present_deletion,
)
from lbs.graph.errors import BadSignature, FacebookNotConfigured
from lbs.graph.signing import read_signed_request
from lbs.http import metrics
from lbs.http.api import Blueprint
from lbs.http.context import database, now, settings, transaction, vault
from lbs.http.guesses import TooManyGuesses, limit_of
from lbs.http.languages import language
from lbs.http.limits import caller

CODE_CHARACTERS, CODE_BITS = 20, 100
MAX_BYTES = 16 * 1024
"""Twice the longest signed request."""

blp = Blueprint("Facebook Login", __name__, description="Customers who sign in with Facebook")
pages = flask.Blueprint("facebook_login_pages", __name__, template_folder="templates")


SIGN_IN, CREDENTIAL = FacebookSignInSchema(), FacebookCredentialSchema()


def _identified_by(schema: Schema) -> Callable[[], None]:
    """Ask Facebook who the token in the body is of, before the transaction opens.

    Of whose tokens too many were refused, for that caller it is not asked any more.
    """

    def identify() -> None:
        given = blp.ARGUMENTS_PARSER.parse(schema, request, location="json")
        asked, who, limit = facebook(), caller(), limit_of(settings())
        with database().transaction() as session:
            wait_s = service.wait_s(session, who, limit, now())
        if wait_s:
            raise TooManyGuesses(retry_after=wait_s)
        try:
            g.facebook_user_id = asked.identify(given.credential, now())
        except FacebookTokenRefused:
            with database().transaction() as session:
                service.count_refused(session, who, limit, now())
            raise

    return identify


@blp.route("/v1/auth/facebook")
class SignIn(MethodView):
    @blp.operation("sign_in_with_facebook", APP, idempotent=True, before=_identified_by(SIGN_IN))
    @blp.arguments(SIGN_IN)
    @blp.response(201, CustomerSessionSchema)
    def post(self, command: FacebookSignIn) -> dict[str, Any]:
        """Sign in with Facebook and get tokens

        Send what Facebook Login gave the app: an access token, or of Limited Login the id token
        with its nonce. A person who comes for the first time becomes a new customer; after that it
        is the same one, on every phone. Nothing of Facebook's is kept but which person it is.
        """
        with transaction() as session:
            issued = service.sign_in(
                session,
                service.Person(app_key().app_id, g.facebook_user_id),
                command.device_id,
                vault(),
                settings().refresh_token_ttl,
                _secret,
                now(),
            )
        return present_session(issued)


@blp.route("/v1/customers/me/facebook")
class Link(MethodView):
    @blp.operation("link_facebook", CUSTOMER, before=_identified_by(CREDENTIAL))
    @blp.arguments(CREDENTIAL)
    @blp.response(204)
    def put(self, command: FacebookSignIn) -> None:
        """Let the customer sign in with Facebook from now on

        Another account on Facebook that was linked before is not any more.
        """
        with transaction() as session:
            service.link(session, customer().customer_id, g.facebook_user_id, vault(), now())

    @blp.operation("unlink_facebook", CUSTOMER)
    @blp.response(204)
    def delete(self) -> None:
        """Let the customer not sign in with Facebook any more

        A customer with no other way to sign in is out of reach when the tokens have expired.
        """
        with transaction() as session:
            service.unlink(session, customer().customer_id)


@pages.post("/webhooks/facebook/deauthorize")
def deauthorise() -> Response:
    """Facebook says that a person, or a Page, has removed the app."""
    asked = _read_callback("deauthorise")
    with transaction() as session:
        service.deauthorise(session, asked, vault(), now())
    return Response(status=200)


@pages.post("/webhooks/facebook/data-deletion")
def delete_data() -> Response:
    """Facebook asks for what came from it of a person to be deleted."""
    asked = _read_callback("data_deletion")
    with transaction() as session:
        code = service.delete_data(session, asked, vault(), _code, now())
    url = f"{settings().public_url}/privacy/facebook-deletion/{code}"
    return jsonify(url=url, confirmation_code=code)


@pages.get("/privacy/facebook-deletion/<code>")
def deletion_page(code: str) -> Response:
    """What was deleted, for whoever has the code; it tells of nobody."""
    with transaction() as session:
        done_at = service.find_deletion(session, code)
    lang = language()
    response = make_response(
        render_template(
            "facebook_deletion.html", lang=lang, **present_deletion(code, done_at, lang)
        )
    )
    response.status_code = HTTPStatus.OK if done_at else HTTPStatus.NOT_FOUND
    response.headers["Content-Language"] = lang
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept-Language")
    return response


def _read_callback(callback: str) -> SignedRequest:
    """What Facebook has signed; what it has not is counted, and nothing of it is kept."""
    secret = settings().facebook_app_secret
    if not secret:
        raise FacebookNotConfigured
    request.max_content_length = MAX_BYTES
    try:
        asked = read_callback(read_signed_request(request.form.get("signed_request", ""), secret))
    except BadSignature:
        asked = None
    if asked is None:
        metrics.FACEBOOK_REFUSED.labels(callback).inc()
        raise BadSignature
    return asked


def _code() -> str:
    return spell(secrets.randbits(CODE_BITS), CODE_CHARACTERS)


def _secret() -> str:
    return secrets.token_urlsafe(32)
