"""Who may call an operation: a bearer token, turned into a principal by a domain above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask import g, request

from lbs.errors import Unauthenticated
from lbs.http.context import now


class BadToken(Unauthenticated):
    """No bearer token came with the request, or it is unknown, expired or revoked.

    Send `Authorization: Bearer TOKEN`. Which kind of token an operation takes stands at the
    operation. An expired customer token is renewed at `POST /v1/tokens`.
    """

    code = "bad-token"
    title = "The bearer token is missing or not valid"


class Principal(Protocol):
    @property
    def scope_id(self) -> str:
        """Whose idempotency keys these are."""


@dataclass(frozen=True)
class Security:
    """A kind of token: its name in the OpenAPI document, and what turns it into a principal."""

    scheme: str
    authenticate: Callable[[str, datetime], Principal]
    scope: str | None = None


def admit(security: Security) -> None:
    """Put the caller's principal at the request, or refuse the request."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise BadToken
    g.principal = security.authenticate(authorization.token, now())
