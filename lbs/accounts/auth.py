"""Tokens into principals, and the keys that sign what the service states."""

from __future__ import annotations

import hmac
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from flask import current_app
from jwt.algorithms import OKPAlgorithm

from lbs.accounts import queries
from lbs.accounts.errors import KeyNotFound, ScopeMissing
from lbs.accounts.models import SigningKey
from lbs.accounts.policy import SCOPES, AppKey, CustomerToken, MerchantKey
from lbs.accounts.service import Issued
from lbs.db import Database, Session, new_id
from lbs.http.auth import BadToken, Security
from lbs.http.context import database, now, principal, settings
from lbs.vault import Vault, hash_token

KEYS_FRESH_FOR = timedelta(seconds=60)
CHECKED: Any = {"require": ["iss", "iat", "exp", "sub"], "verify_exp": False, "verify_iat": False}
"""Times are checked against the request's clock, not the library's."""
ACCESS, RECEIPT, CHALLENGE = "at+jwt", "receipt+jwt", "challenge+jwt"


@dataclass(frozen=True, slots=True)
class RefreshBearer:
    """A refresh token as it came; whether it is good is settled when it is used."""

    token: str = field(repr=False)

    @property
    def scope_id(self) -> str:
        return f"refresh {hash_token(self.token).hex()}"


class KeyRing:
    """Signs with the newest Ed25519 key (RFC 8037), verifies with every published one."""

    def __init__(self, db: Database, vault: Vault, issuer: str) -> None:
        self._db, self._vault, self._issuer = db, vault, issuer
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._signing: tuple[str, Ed25519PrivateKey] | None = None
        self._public: dict[str, Ed25519PublicKey] = {}
        self._jwks: list[dict[str, Any]] = []

    def sign(self, claims: dict[str, Any], typ: str, *, ttl: timedelta, now: datetime) -> str:
        """A compact JWS of the claims, with issuer, times and key id."""
        self._read(now)
        if self._signing is None:
            raise KeyNotFound("There is no signing key; run `lbs migrate`.")
        kid, private = self._signing
        issued = int(now.timestamp())
        full = {
            "iss": self._issuer,
            "iat": issued,
            "exp": issued + int(ttl.total_seconds()),
            **claims,
        }
        return jwt.encode(full, private, algorithm="EdDSA", headers={"kid": kid, "typ": typ})

    def verify(self, token: str, typ: str, *, now: datetime) -> dict[str, Any] | None:
        """The claims, or None where the token is forged, expired or of another type."""
        self._read(now)
        claims = self._check(token, typ)
        if claims is None and self._is_worth_a_look(token, now):
            self._read(now, anew=True)
            claims = self._check(token, typ)
        return claims if claims and claims["exp"] > now.timestamp() else None

    def _check(self, token: str, typ: str) -> dict[str, Any] | None:
        """One pass over the token for each key; nearly always the first is the one."""
        for kid, public in self._public.items():
            try:
                found = jwt.decode_complete(
                    token, public, algorithms=["EdDSA"], issuer=self._issuer, options=CHECKED
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError:
                return None
            header = found["header"]
            good = header.get("typ") == typ and header.get("kid") == kid
            return cast("dict[str, Any]", found["payload"]) if good else None
        return None

    def _is_worth_a_look(self, token: str, now: datetime) -> bool:
        """Whether another process may have rotated the key: asked at most once a second."""
        if self._read_at is not None and abs(now - self._read_at) < timedelta(seconds=1):
            return False
        try:
            return jwt.get_unverified_header(token).get("kid") not in self._public
        except jwt.PyJWTError:
            return False

    def jwks(self, now: datetime) -> dict[str, Any]:
        self._read(now)
        return {"keys": self._jwks}

    def _read(self, now: datetime, *, anew: bool = False) -> None:
        fresh = self._read_at is not None and abs(now - self._read_at) < KEYS_FRESH_FOR
        if fresh and not anew:
            return
        with self._lock, self._db.transaction() as session:
            rows = queries.published_keys(session, now)
            self._public = {
                row.id: cast(Ed25519PublicKey, OKPAlgorithm.from_jwk(row.public_jwk))
                for row in rows
            }
            self._jwks = [row.public_jwk for row in rows]
            self._signing = next(
                ((row.id, _private(self._vault, row)) for row in rows if row.retires_at is None),
                None,
            )
            self._read_at = now


def new_signing_key(vault: Vault, now: datetime) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    kid = new_id().hex
    jwk = json.loads(OKPAlgorithm.to_jwk(private.public_key()))
    public_jwk = {**jwk, "kid": kid, "use": "sig", "alg": "EdDSA"}
    return SigningKey(id=kid, sealed_private=vault.seal(pem), public_jwk=public_jwk, created_at=now)


def rotate_signing_key(
    session: Session, vault: Vault, *, keep_for: timedelta, now: datetime
) -> str:
    """A new key signs from now on; the others stay published until what they signed has expired."""
    key = new_signing_key(vault, now)
    session.add(key)
    session.flush()
    queries.retire_keys(session, keep=key.id, at=now + keep_for)
    return key.id


def key_ring() -> KeyRing:
    return cast(KeyRing, current_app.extensions["lbs_key_ring"])


def present_session(issued: Issued) -> dict[str, Any]:
    """The customer's tokens as they are answered, with a fresh access token."""
    ttl = settings().access_token_ttl
    claims = {"sub": str(issued.customer_id), "app": str(issued.app_id)}
    return {
        "customer_id": issued.customer_id,
        "access_token": key_ring().sign(claims, ACCESS, ttl=ttl, now=now()),
        "expires_in": int(ttl.total_seconds()),
        "refresh_token": issued.refresh_token,
    }


def merchant_with(scope: str | None) -> Security:
    """An API key with this scope; without one, an owner's key."""

    def authenticate(token: str, now: datetime) -> MerchantKey:
        key = _find_key(token, now)
        if key.kind != "merchant" or key.merchant_id is None:
            raise BadToken
        held = frozenset(key.scopes)
        owner = held.issuperset(SCOPES) and not key.venue_ids
        if not (scope in held if scope else owner):
            raise ScopeMissing(f"It needs {scope}." if scope else "It needs an owner's key.")
        return MerchantKey(key.id, key.name, key.merchant_id, held, frozenset(key.venue_ids))

    return Security("merchant_key", authenticate, scope)


def _authenticate_app(token: str, now: datetime) -> AppKey:
    key = _find_key(token, now)
    if key.app_id is None:
        raise BadToken
    return AppKey(key.app_id, trusted=key.kind == "backend")


def _authenticate_customer(token: str, now: datetime) -> CustomerToken:
    claims = key_ring().verify(token, ACCESS, now=now)
    if claims is None:
        raise BadToken
    return CustomerToken(UUID(claims["sub"]), UUID(claims["app"]))


OWNER = merchant_with(None)
APP = Security("app_key", _authenticate_app)
CUSTOMER = Security("customer_token", _authenticate_customer)
REFRESH = Security("refresh_token", lambda token, _: RefreshBearer(token))

SCHEMES = {
    "merchant_key": "A merchant's API key. Its scopes and venues say what it may do.",
    "app_key": "An app's publishable key, or its backend key, which may name an external_id.",
    "customer_token": "A customer's access token, good for 15 minutes.",
    "refresh_token": "A customer's refresh token, good for one use.",
}


def merchant() -> MerchantKey:
    return cast(MerchantKey, principal())


def customer() -> CustomerToken:
    return cast(CustomerToken, principal())


def app_key() -> AppKey:
    return cast(AppKey, principal())


def refresh_bearer() -> RefreshBearer:
    return cast(RefreshBearer, principal())


def _find_key(token: str, now: datetime) -> Any:
    """The row of the API key that this is the token of."""
    try:
        prefix, key_id, _ = token.split("_", 2)
        parsed = UUID(key_id)
    except ValueError:
        raise BadToken from None
    with database().transaction() as session:
        key = queries.find_key(session, parsed)
    if key is None or prefix != "lbs":
        raise BadToken
    expired = key.expires_at is not None and key.expires_at <= now
    if not hmac.compare_digest(key.secret_digest, hash_token(token)) or expired or key.revoked_at:
        raise BadToken
    return key


def _private(vault: Vault, row: SigningKey) -> Ed25519PrivateKey:
    pem = vault.unseal(row.sealed_private).encode()
    return cast(Ed25519PrivateKey, load_pem_private_key(pem, password=None))
