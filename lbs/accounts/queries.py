"""Every SELECT and conditional UPDATE of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from lbs.accounts.errors import VenuesNotYours
from lbs.accounts.models import (
    ApiKey,
    ApiKeyVenue,
    App,
    Customer,
    CustomerDevice,
    CustomerStanding,
    Merchant,
    RefreshToken,
    SigningKey,
)
from lbs.db import Session, Statement, new_id

_VENUES = (
    select(func.coalesce(func.array_agg(ApiKeyVenue.venue_id), text("'{}'")))
    .where(ApiKeyVenue.api_key_id == ApiKey.id)
    .scalar_subquery()
    .label("venue_ids")
)


FIND_KEY = Statement("""
    SELECT api_key.*, ARRAY(
        SELECT venue_id FROM api_key_venue WHERE api_key_venue.api_key_id = api_key.id
    ) AS venue_ids
    FROM api_key WHERE id = :key_id
""")


def find_key(session: Session, key_id: UUID) -> Any | None:
    """The key's row with the venues it is restricted to."""
    return FIND_KEY.find(session, {"key_id": key_id})


def list_keys(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[ApiKey, list[UUID]]]:
    """Newest first."""
    statement = (
        select(ApiKey, _VENUES)
        .where(ApiKey.merchant_id == merchant_id)
        .order_by(ApiKey.id.desc())
        .limit(limit)
    )
    return session.execute(statement.where(ApiKey.id < after) if after else statement).all()


def revoke_key(
    session: Session, *, key_id: UUID, merchant_id: UUID, now: datetime
) -> datetime | None:
    """When the key was revoked, if there is such a one; revoking twice changes nothing."""
    return session.scalar(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.merchant_id == merchant_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, now))
        .returning(ApiKey.revoked_at)
    )


def replace_secret(
    session: Session, *, key_id: UUID, merchant_id: UUID, secret_digest: bytes, now: datetime
) -> bool:
    replaced = session.scalar(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            ApiKey.merchant_id == merchant_id,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
        )
        .values(secret_digest=secret_digest)
        .returning(ApiKey.id)
    )
    return replaced is not None


def merchant_exists(session: Session, merchant_id: UUID | str) -> bool:
    return session.get(Merchant, merchant_id) is not None


def pseudonym_key(session: Session, merchant_id: UUID) -> bytes:
    """What the merchant's pseudonyms are made with."""
    return session.scalars(select(Merchant.pseudonym_key).where(Merchant.id == merchant_id)).one()


def subject_exists(session: Session, subject_id: UUID) -> bool:
    found = session.scalar(select(Customer.id).where(Customer.subject_id == subject_id))
    return found is not None


def upsert_standing(
    session: Session,
    *,
    merchant_id: UUID,
    subject_id: UUID,
    standing: str,
    note: str | None,
    now: datetime,
) -> CustomerStanding:
    """A standing that is replaced keeps the time it was first set."""
    said = {"standing": standing, "note": note}
    return session.scalars(
        insert(CustomerStanding)
        .values(merchant_id=merchant_id, subject_id=subject_id, created_at=now, **said)
        .on_conflict_do_update(index_elements=["merchant_id", "subject_id"], set_=said)
        .returning(CustomerStanding)
        .execution_options(populate_existing=True)
    ).one()


def find_standing(
    session: Session, *, merchant_id: UUID, subject_id: UUID, lock: bool = False
) -> CustomerStanding | None:
    return session.get(CustomerStanding, (merchant_id, subject_id), with_for_update=lock)


def list_standings(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[CustomerStanding]:
    """In the order in which the customers registered."""
    statement = (
        select(CustomerStanding)
        .where(CustomerStanding.merchant_id == merchant_id)
        .order_by(CustomerStanding.subject_id)
        .limit(limit)
    )
    return session.scalars(
        statement.where(CustomerStanding.subject_id > after) if after else statement
    ).all()


def delete_standing(
    session: Session, *, merchant_id: UUID, subject_id: UUID
) -> Row[str, str | None] | None:
    """The standing and the note that it had."""
    return session.execute(
        delete(CustomerStanding)
        .where(
            CustomerStanding.merchant_id == merchant_id, CustomerStanding.subject_id == subject_id
        )
        .returning(CustomerStanding.standing, CustomerStanding.note)
    ).one_or_none()


def restrict_key(
    session: Session, *, key_id: UUID, merchant_id: UUID, venue_ids: Sequence[UUID]
) -> None:
    """Raises VenuesNotYours where the foreign key finds a venue that is not the merchant's."""
    if not venue_ids:
        return
    rows = [
        {"api_key_id": key_id, "merchant_id": merchant_id, "venue_id": venue_id}
        for venue_id in dict.fromkeys(venue_ids)
    ]
    try:
        session.execute(insert(ApiKeyVenue), rows)
    except IntegrityError as error:
        raise VenuesNotYours from error


def upsert_customer(session: Session, *, app_id: UUID, external_id: str, now: datetime) -> UUID:
    """The id of the customer that the app knows by this name, made if there is none."""
    return session.scalars(
        insert(Customer)
        .values(
            id=new_id(), subject_id=new_id(), app_id=app_id, external_id=external_id, created_at=now
        )
        .on_conflict_do_update(
            index_elements=["app_id", "external_id"], set_={"external_id": external_id}
        )
        .returning(Customer.id)
    ).one()


def remember_device(session: Session, *, customer_id: UUID, digest: bytes, now: datetime) -> None:
    session.execute(
        insert(CustomerDevice)
        .values(customer_id=customer_id, device_digest=digest, first_seen_at=now)
        .on_conflict_do_nothing()
    )


def find_refresh_token(session: Session, digest: bytes) -> RefreshToken | None:
    return session.scalar(select(RefreshToken).where(RefreshToken.digest == digest))


def use_refresh_token(session: Session, *, token_id: UUID, now: datetime) -> bool:
    """Whether this was the token's one use."""
    used = session.scalar(
        update(RefreshToken)
        .where(
            RefreshToken.id == token_id,
            RefreshToken.used_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > now,
        )
        .values(used_at=now)
        .returning(RefreshToken.id)
    )
    return used is not None


def revoke_family(session: Session, *, family_id: UUID, now: datetime) -> None:
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.family_id == family_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def app_of_customer(session: Session, customer_id: UUID) -> UUID | None:
    return session.scalar(select(Customer.app_id).where(Customer.id == customer_id))


def find_app(session: Session, app_id: UUID) -> App | None:
    return session.get(App, app_id)


def find_integrity(session: Session, customer_id: UUID) -> str | None:
    """What the phones of the customer's app are attested with, sealed."""
    return session.scalar(
        select(App.sealed_integrity)
        .join(Customer, Customer.app_id == App.id)
        .where(Customer.id == customer_id)
    )


def store_integrity(session: Session, *, app_id: UUID, sealed: str | None) -> bool:
    """Whether there is such an app."""
    stored = session.scalar(
        update(App).where(App.id == app_id).values(sealed_integrity=sealed).returning(App.id)
    )
    return stored is not None


def delete_customer(session: Session, customer_id: UUID) -> bool:
    """With the row goes all that is the customer's own; facts lose their reference to it."""
    gone = session.scalar(delete(Customer).where(Customer.id == customer_id).returning(Customer.id))
    return gone is not None


def forget_answers(session: Session, scope_id: str) -> None:
    """The stored answers to a caller's idempotent requests."""
    session.execute(
        text("DELETE FROM idempotent_answer WHERE principal = :principal"), {"principal": scope_id}
    )


def published_keys(session: Session, now: datetime) -> Sequence[SigningKey]:
    """Newest first."""
    return session.scalars(
        select(SigningKey)
        .where(or_(SigningKey.retires_at.is_(None), SigningKey.retires_at > now))
        .order_by(SigningKey.created_at.desc(), SigningKey.id.desc())
    ).all()


def retire_keys(session: Session, *, keep: str, at: datetime) -> None:
    session.execute(
        update(SigningKey)
        .where(SigningKey.id != keep, SigningKey.retires_at.is_(None))
        .values(retires_at=at)
    )


def delete_dead_tokens(session: Session, before: datetime) -> int:
    rows = session.scalars(
        delete(RefreshToken).where(RefreshToken.expires_at < before).returning(RefreshToken.id)
    ).all()
    return len(rows)


def delete_old_answers(session: Session, before: datetime) -> int:
    rows = session.execute(
        text("DELETE FROM idempotent_answer WHERE created_at < :before RETURNING 1"),
        {"before": before},
    ).all()
    return len(rows)
