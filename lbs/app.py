"""The composition root: settings in, a WSGI application out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import lbs.tables  # noqa: F401  (completes the metadata)
from lbs.accounts.auth import SCHEMES as ACCOUNT_SCHEMES
from lbs.accounts.auth import KeyRing
from lbs.accounts.routes import audit, customers, keys, standings
from lbs.app_events.routes import blp as app_events
from lbs.checkins.routes import blp as checkins
from lbs.circles.routes import friends, parties
from lbs.config import Settings
from lbs.conversions.routes import blp as conversions
from lbs.conversions.routes import consents
from lbs.db import Database
from lbs.experiments.routes import blp as experiments
from lbs.exports.routes import blp as exports
from lbs.exports.routes import pages as export_pages
from lbs.facebook_hooks.routes import pages as facebook_hooks
from lbs.facebook_login.routes import blp as facebook_login
from lbs.facebook_login.routes import pages as facebook_login_pages
from lbs.facebook_pages.routes import blp as facebook_pages
from lbs.http import health, limits, logs, metrics, pages
from lbs.http.api import Api
from lbs.offers.routes import blp as offers
from lbs.offers.routes import notices
from lbs.offers.routes import pages as offer_pages
from lbs.proofs.auth import SCHEMES as PROOF_SCHEMES
from lbs.proofs.routes import blp as proofs
from lbs.proofs.routes import pages as proof_pages
from lbs.proofs.routes import wristbands
from lbs.redemptions.routes import blp as redemptions
from lbs.shares.routes import blp as shares
from lbs.shares.routes import pages as share_pages
from lbs.stats.routes import blp as stats
from lbs.unlocks.routes import blp as unlocks
from lbs.unlocks.routes import codes, flags
from lbs.vault import Vault
from lbs.venues.routes import blp as venues
from lbs.venues.routes import events
from lbs.webhooks.routes import blp as webhooks

MAX_BODY_BYTES = 1024 * 1024
VERSION = "1"


class App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Every view is synchronous: there is no need to ask at each layer of each request."""
        return func


def create_app(settings: Settings) -> Flask:
    app = App(__name__, static_folder=None)
    app.config.update(
        API_TITLE="lbs",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": DESCRIPTION},
            "servers": [{"url": "/"}],
        },
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    db, vault = (
        Database(
            settings.database_url,
            pool_size=settings.pool_size,
            statement_s=settings.statement_timeout.total_seconds(),
        ),
        Vault(settings.secrets_key),
    )
    app.extensions["lbs_settings"] = settings
    app.extensions["lbs_database"] = db
    app.extensions["lbs_vault"] = vault
    app.extensions["lbs_key_ring"] = KeyRing(db, vault, settings.public_url)

    if settings.trusted_proxies:
        proxies = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    logs.configure(settings.log_level)
    logs.install(app)
    metrics.install(app)
    limits.install(app, settings)
    api = Api(app)
    for name, description in {**ACCOUNT_SCHEMES, **PROOF_SCHEMES}.items():
        api.spec.components.security_scheme(
            name, {"type": "http", "scheme": "bearer", "description": description}
        )
    for blueprint in (
        keys,
        customers,
        facebook_login,
        consents,
        standings,
        audit,
        venues,
        events,
        proofs,
        wristbands,
        offers,
        notices,
        experiments,
        codes,
        parties,
        friends,
        shares,
        checkins,
        unlocks,
        flags,
        redemptions,
        app_events,
        stats,
        exports,
        webhooks,
        facebook_pages,
        conversions,
    ):
        api.register_blueprint(blueprint)
    for plain in (
        health.blp,
        metrics.blp,
        pages.blp,
        proof_pages,
        offer_pages,
        share_pages,
        export_pages,
        facebook_login_pages,
        facebook_hooks,
    ):
        app.register_blueprint(plain)
    return app


DESCRIPTION = """
Offers that open only on a verified check-in at the venue, and are counted from there to the till.

Times are UTC (RFC 3339); money is in minor units with its ISO 4217 currency. What is not carried
out comes back as a problem document (RFC 9457): branch on its `code`. Every POST takes an
`Idempotency-Key`, so a request can be sent again without harm. Texts for people come in the
language of `Accept-Language`: English or Danish.
""".strip()
