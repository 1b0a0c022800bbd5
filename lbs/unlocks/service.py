"""Use cases of unlocks: the customer's wallet, and expiry."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.db import Session
from lbs.unlocks import queries
from lbs.unlocks.errors import UnlockNotFound
from lbs.vault import Vault


@dataclass(frozen=True, slots=True)
class UnlockView:
    """What the customer sees and shows."""

    id: UUID
    offer_id: UUID
    offer_version: int
    venue_id: UUID
    venue_name: str
    check_in_id: UUID
    state: str
    teaser: str
    terms: str
    reward: dict[str, Any]
    value_minor: int
    currency: str
    unlocked_at: datetime
    expires_at: datetime
    code: str = field(repr=False)


def list_unlocks(
    session: Session,
    customer_id: UUID,
    vault: Vault,
    *,
    limit: int,
    after: UUID | None,
    now: datetime,
) -> list[UnlockView]:
    rows = queries.list_unlocks(session, customer_id, limit=limit, after=after)
    return [_view(row, vault, now) for row in rows]


def load_unlock(
    session: Session, unlock_id: UUID, customer_id: UUID, vault: Vault, now: datetime
) -> UnlockView:
    row = queries.find_unlock(session, unlock_id, customer_id)
    if row is None:
        raise UnlockNotFound
    return _view(row, vault, now)


def expire(session: Session, now: datetime, *, limit: int = 1000) -> int:
    return queries.expire(session, now=now, limit=limit)


def _view(row: Any, vault: Vault, now: datetime) -> UnlockView:
    overdue = row.state == "unlocked" and row.expires_at <= now
    return UnlockView(
        id=row.id,
        offer_id=row.offer_id,
        offer_version=row.offer_version,
        venue_id=row.venue_id,
        venue_name=row.venue_name,
        check_in_id=row.check_in_id,
        state="expired" if overdue else row.state,
        teaser=row.teaser,
        terms=row.terms,
        reward=row.reward,
        value_minor=row.value_minor,
        currency=row.currency,
        unlocked_at=row.unlocked_at,
        expires_at=row.expires_at,
        code=vault.unseal(row.sealed_code),
    )
