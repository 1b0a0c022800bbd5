"""Facebook's tokens into the person that they are of: asks Facebook, and never in a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import jwt
import structlog
from flask import current_app
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWKSetError

from lbs.config import Settings
from lbs.facebook_login.errors import FacebookTokenRefused
from lbs.facebook_login.policy import (
    LEEWAY,
    AccessToken,
    Credential,
    IdToken,
    user_of,
    user_of_claims,
)
from lbs.graph.client import Graph
from lbs.graph.errors import FacebookUnavailable, GraphError
from lbs.graph.policy import Action
from lbs.http.outgoing import tls

KEYS_FRESH_FOR_S, KEYS_APART_S, KEYS_TIMEOUT_S = 300, 1, 5
"""How long fetched keys are used, and how often an unknown key may have them fetched anew."""
WAIT_S = 5
NEEDED: Any = {"require": ["exp", "iss", "aud", "sub", "nonce"]}

log = structlog.get_logger()


class Facebook:
    """Says who somebody is on Facebook, for this service's app; kept for the process."""

    def __init__(self, settings: Settings) -> None:
        self._graph, self._issuer = Graph(settings), settings.facebook_issuer
        self._keys = PyJWKClient(
            settings.facebook_jwks_url,
            lifespan=KEYS_FRESH_FOR_S,
            cooldown_duration=KEYS_APART_S,
            timeout=KEYS_TIMEOUT_S,
            ssl_context=tls(),
        )

    def identify(self, credential: Credential, now: datetime) -> str:
        """The app-scoped id of the person; FacebookTokenRefused where Facebook does not vouch."""
        if isinstance(credential, IdToken):
            user_id = self._by_id_token(credential)
        else:
            user_id = self._by_access_token(credential, now)
        if user_id is None:
            raise FacebookTokenRefused
        return user_id

    def _by_access_token(self, credential: AccessToken, now: datetime) -> str | None:
        token = credential.access_token
        asked = {"input_token": token}
        found = self._ask("debug_token", self._graph.app_token, asked, {Action.REFUSED})
        data = found.get("data")
        user_id = user_of(data, self._graph.app_id, now) if isinstance(data, dict) else None
        if user_id is None:
            return None
        me = self._ask("me", token, {"fields": "id"}, set(Action) - {Action.RETRY, Action.PAUSE})
        return user_id if me.get("id") == user_id else None

    def _ask(
        self, path: str, token: str, fields: Mapping[str, str], refusals: set[Action]
    ) -> dict[str, Any]:
        try:
            return self._graph.call("GET", path, token, fields).body
        except GraphError as error:
            if error.action in refusals:
                raise FacebookTokenRefused from None
            log.warning(
                "facebook_unavailable",
                asked=path,
                action=error.action,
                code=error.code,
                trace_id=error.trace_id,
            )
            wait = max(WAIT_S, int(error.usage.regain.total_seconds()))
            raise FacebookUnavailable(retry_after=wait) from None

    def _by_id_token(self, credential: IdToken) -> str | None:
        try:
            header = jwt.get_unverified_header(credential.id_token)
            claims = jwt.decode(
                credential.id_token,
                self._find_key(str(header.get("kid"))),
                algorithms=["RS256"],
                audience=self._graph.app_id,
                issuer=self._issuer,
                leeway=LEEWAY,
                options=NEEDED,
            )
        except jwt.PyJWTError:
            return None
        return user_of_claims(claims, credential.nonce)

    def _find_key(self, kid: str) -> PyJWK:
        """PyJWKClientError where there are keys, and none of this name."""
        try:
            self._keys.get_signing_keys()
        except (PyJWKClientError, PyJWKSetError, ValueError, OSError):
            raise self._no_keys() from None
        try:
            return self._keys.get_signing_key(kid)
        except (PyJWKClientConnectionError, PyJWKSetError, ValueError, OSError):
            raise self._no_keys() from None

    @staticmethod
    def _no_keys() -> FacebookUnavailable:
        log.warning("facebook_unavailable", asked="keys")
        return FacebookUnavailable(retry_after=WAIT_S)


def facebook() -> Facebook:
    """The process's own; FacebookNotConfigured where it is off."""
    extensions = current_app.extensions
    if "lbs_facebook" not in extensions:
        extensions["lbs_facebook"] = Facebook(extensions["lbs_settings"])
    return cast(Facebook, extensions["lbs_facebook"])
