"""Use cases of accounts: keys, customers, tokens, erasure, standings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts import queries
from lbs.accounts.errors import (
    CustomerGone,
    KeyInUse,
    KeyNotFound,
    PseudonymUnknown,
    RefreshTokenRefused,
    StandingNotFound,
)
from lbs.accounts.models import (
    ApiKey,
    App,
    Customer,
    CustomerStanding,
    Merchant,
    RefreshToken,
)
from lbs.accounts.policy import SCOPES, pseudonym, subject_of
from lbs.audit.policy import withhold
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.http import guesses
from lbs.vault import Unreadable, Vault, hash_token

Entropy = Callable[[], str]
"""Gives a fresh secret of 128 random bits or more, as text."""


@dataclass(frozen=True, slots=True)
class CreateKey:
    name: str
    scopes: tuple[str, ...]
    venue_ids: tuple[UUID, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Register:
    device_id: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class SetStanding:
    standing: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class StandingView:
    """`customer` is the merchant's pseudonym."""

    customer: UUID
    standing: str
    note: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key as its owner sees it; `token` only in the answer that made it."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    venue_ids: tuple[UUID, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """A refresh token, shown once, and whom it is for."""

    customer_id: UUID
    app_id: UUID
    refresh_token: str = field(repr=False)


def create_merchant(
    session: Session, name: str, secret: Entropy, now: datetime
) -> tuple[Merchant, KeyView]:
    """The merchant and its owner's key."""
    merchant = Merchant(id=new_id(), name=name, created_at=now)
    session.add(merchant)
    session.flush()
    return merchant, create_key(session, merchant.id, CreateKey("owner", SCOPES), secret, now)


def create_app(session: Session, name: str, secret: Entropy, now: datetime) -> tuple[App, str, str]:
    """The app, its publishable key and its backend key."""
    app = App(id=new_id(), name=name, created_at=now)
    session.add(app)
    session.flush()
    tokens = []
    for kind in ("publishable", "backend"):
        key, token = _new_key(kind, kind, (), secret, now)
        key.app_id = app.id
        session.add(key)
        tokens.append(token)
    session.flush()
    return app, tokens[0], tokens[1]


def set_integrity(
    session: Session, app_id: UUID, document: Mapping[str, Any], vault: Vault
) -> bool:
    """What the app's phones are attested with from now on; whether there is such an app."""
    sealed = vault.seal(json.dumps(document)) if document else None
    return queries.store_integrity(session, app_id=app_id, sealed=sealed)


def open_integrity(sealed: str | None, vault: Vault) -> dict[str, Any]:
    """The document that was set, empty where there is none or the vault cannot open it."""
    try:
        return dict(json.loads(vault.unseal(sealed))) if sealed else {}
    except Unreadable:
        return {}


def create_key(
    session: Session, merchant_id: UUID, command: CreateKey, secret: Entropy, now: datetime
) -> KeyView:
    key, token = _new_key("merchant", command.name, command.scopes, secret, now)
    key.merchant_id, key.expires_at = merchant_id, command.expires_at
    session.add(key)
    session.flush()
    queries.restrict_key(
        session, key_id=key.id, merchant_id=merchant_id, venue_ids=command.venue_ids
    )
    record(session, merchant_id, "api_key.created", key.id, after=command, now=now)
    return view_key(key, command.venue_ids, token)


def list_keys(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> list[KeyView]:
    rows = queries.list_keys(session, merchant_id, limit=limit, after=after)
    return [view_key(row[0], row.venue_ids) for row in rows]


def rotate_key(
    session: Session, *, key_id: UUID, merchant_id: UUID, secret: Entropy, now: datetime
) -> KeyView:
    """A new secret under the same id, scopes and venues; the old one is dead at once."""
    token, digest = _token(key_id, secret)
    if not queries.replace_secret(
        session, key_id=key_id, merchant_id=merchant_id, secret_digest=digest, now=now
    ):
        raise KeyNotFound
    found = queries.find_key(session, key_id)
    if found is None:
        raise KeyNotFound
    record(session, merchant_id, "api_key.rotated", key_id, now=now)
    return view_key(found, found.venue_ids, token)


def revoke_key(
    session: Session, *, key_id: UUID, merchant_id: UUID, own_key_id: UUID, now: datetime
) -> None:
    if key_id == own_key_id:
        raise KeyInUse
    revoked_at = queries.revoke_key(session, key_id=key_id, merchant_id=merchant_id, now=now)
    if revoked_at is None:
        raise KeyNotFound
    if revoked_at == now:
        record(session, merchant_id, "api_key.revoked", key_id, now=now)


def register(
    session: Session,
    app_id: UUID,
    command: Register,
    vault: Vault,
    ttl: timedelta,
    secret: Entropy,
    now: datetime,
) -> Issued:
    """A new customer, or the one that this app knows by the external id."""
    customer_id = (
        know_customer(session, app_id, command.external_id, now)
        if command.external_id
        else add_customer(session, app_id, now)
    )
    if command.device_id:
        know_device(session, customer_id, app_id, command.device_id, vault, now)
    return start_session(session, customer_id, app_id, ttl, secret, now)


def know_customer(session: Session, app_id: UUID, external_id: str, now: datetime) -> UUID:
    """The customer that the app knows by this id, made if there is none."""
    return queries.upsert_customer(session, app_id=app_id, external_id=external_id, now=now)


def add_customer(session: Session, app_id: UUID, now: datetime) -> UUID:
    """A new customer of the app, known by nothing yet."""
    customer = Customer(id=new_id(), subject_id=new_id(), app_id=app_id, created_at=now)
    session.add(customer)
    session.flush()
    return customer.id


def know_device(
    session: Session, customer_id: UUID, app_id: UUID, device_id: str, vault: Vault, now: datetime
) -> None:
    """The customer uses this phone."""
    digest = vault.digest(f"{app_id} {device_id}")
    queries.remember_device(session, customer_id=customer_id, digest=digest, now=now)


def start_session(
    session: Session,
    customer_id: UUID,
    app_id: UUID,
    ttl: timedelta,
    secret: Entropy,
    now: datetime,
) -> Issued:
    """The first token of a new chain, for a customer who has shown who it is."""
    return _issue(session, customer_id, app_id, new_id(), ttl, secret, now)


def refresh(
    session: Session, token: str, ttl: timedelta, secret: Entropy, now: datetime
) -> Issued | None:
    """The next token of the chain; None where this one is no longer good.

    A token that was used before revokes its family, which has to be kept: so it is returned,
    and the caller raises once the transaction has closed. A made-up token leaves no trace.
    """
    old = queries.find_refresh_token(session, hash_token(token))
    if old is None:
        raise RefreshTokenRefused
    if not queries.use_refresh_token(session, token_id=old.id, now=now):
        queries.revoke_family(session, family_id=old.family_id, now=now)
        return None
    app_id = queries.app_of_customer(session, old.customer_id)
    if app_id is None:
        return None
    return _issue(session, old.customer_id, app_id, old.family_id, ttl, secret, now)


def require_customer(session: Session, customer_id: UUID) -> None:
    if queries.app_of_customer(session, customer_id) is None:
        raise CustomerGone


def erase(session: Session, customer_id: UUID, scope_id: str) -> None:
    """Forget the person; facts keep a number that leads to nobody."""
    if not queries.delete_customer(session, customer_id):
        raise CustomerGone
    queries.forget_answers(session, scope_id)
    guesses.forget_guesser(session, customer_id)


def set_standing(
    session: Session, *, merchant_id: UUID, customer: UUID, command: SetStanding, now: datetime
) -> StandingView:
    """Sets or replaces how the merchant has the customer of this pseudonym treated."""
    key = queries.pseudonym_key(session, merchant_id)
    subject_id = subject_of(customer, key)
    if not queries.subject_exists(session, subject_id):
        raise PseudonymUnknown
    before = _said(
        queries.find_standing(session, merchant_id=merchant_id, subject_id=subject_id, lock=True)
    )
    row = queries.upsert_standing(
        session,
        merchant_id=merchant_id,
        subject_id=subject_id,
        standing=command.standing,
        note=command.note,
        now=now,
    )
    after = _said(row)
    record(session, merchant_id, "standing.set", customer, before=before, after=after, now=now)
    return _view_standing(row, key)


def load_standing(session: Session, *, merchant_id: UUID, customer: UUID) -> StandingView:
    key = queries.pseudonym_key(session, merchant_id)
    row = queries.find_standing(
        session, merchant_id=merchant_id, subject_id=subject_of(customer, key)
    )
    if row is None:
        raise StandingNotFound
    return _view_standing(row, key)


def list_standings(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> list[StandingView]:
    """`after` is a pseudonym too: a merchant never reads a subject_id, not even in a cursor."""
    key = queries.pseudonym_key(session, merchant_id)
    rows = queries.list_standings(
        session, merchant_id, limit=limit, after=after and subject_of(after, key)
    )
    return [_view_standing(row, key) for row in rows]


def remove_standing(session: Session, *, merchant_id: UUID, customer: UUID, now: datetime) -> None:
    """The customer is treated like everybody else again."""
    subject_id = subject_of(customer, queries.pseudonym_key(session, merchant_id))
    old = queries.delete_standing(session, merchant_id=merchant_id, subject_id=subject_id)
    if old is None:
        raise StandingNotFound
    record(session, merchant_id, "standing.removed", customer, before=_said(old), now=now)


def view_key(
    key: Any, venue_ids: tuple[UUID, ...] | list[UUID], token: str | None = None
) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=tuple(key.scopes),
        venue_ids=tuple(venue_ids),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        token=token,
    )


def _said(row: Any) -> dict[str, str | None] | None:
    """What the audit log says of a standing."""
    return row and {"standing": row.standing, "note": withhold(row.note)}


def _view_standing(row: CustomerStanding, key: bytes) -> StandingView:
    return StandingView(pseudonym(row.subject_id, key), row.standing, row.note, row.created_at)


def _new_key(
    kind: str, name: str, scopes: tuple[str, ...], secret: Entropy, now: datetime
) -> tuple[ApiKey, str]:
    key_id = new_id()
    token, digest = _token(key_id, secret)
    key = ApiKey(
        id=key_id, kind=kind, name=name, secret_digest=digest, scopes=list(scopes), created_at=now
    )
    return key, token


def _token(key_id: UUID, secret: Entropy) -> tuple[str, bytes]:
    token = f"lbs_{key_id.hex}_{secret()}"
    return token, hash_token(token)


def _issue(
    session: Session,
    customer_id: UUID,
    app_id: UUID,
    family_id: UUID,
    ttl: timedelta,
    secret: Entropy,
    now: datetime,
) -> Issued:
    token = f"lbs_refresh_{secret()}"
    session.add(
        RefreshToken(
            id=new_id(),
            family_id=family_id,
            customer_id=customer_id,
            digest=hash_token(token),
            issued_at=now,
            expires_at=now + ttl,
        )
    )
    session.flush()
    return Issued(customer_id, app_id, token)
