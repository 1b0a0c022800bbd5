"""Use cases of shares: a customer passes an offer on, a friend comes by it. None is rewarded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lbs.accounts.errors import CustomerGone
from lbs.db import Session
from lbs.shares import queries
from lbs.shares.errors import OfferNotRunning, ReferralRefused, ShareNotFound
from lbs.vault import Vault, hash_token

REFERRED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Referred:
    offer_id: UUID
    expires_at: datetime
    """Until when a visit would be credited to the share."""


def share_offer(
    session: Session,
    customer_id: UUID,
    offer_id: UUID,
    vault: Vault,
    new_token: Callable[[], str],
    now: datetime,
) -> str:
    """The token of the customer's share of the offer: always the same one."""
    subject_id = _lock_subject(session, customer_id)
    offer = queries.find_running(session, offer_id, now)
    if offer is None:
        raise OfferNotRunning
    share = queries.find_own_share(session, customer_id, offer_id)
    if share is None:
        token = new_token()
        queries.add_share(
            session,
            offer_id=offer_id,
            offer_version=offer.terms_version,
            merchant_id=offer.merchant_id,
            customer_id=customer_id,
            subject_id=subject_id,
            digest=hash_token(token),
            sealed=vault.seal(token),
            now=now,
        )
        share = queries.find_own_share(session, customer_id, offer_id)
    if share is None:
        raise ShareNotFound
    return vault.unseal(share.sealed_token)


def refer(session: Session, customer_id: UUID, token: str, now: datetime) -> Referred:
    """The customer has come by a share; the last one within seven days counts."""
    _lock_subject(session, customer_id)
    share = queries.find_share(session, hash_token(token))
    if share is None:
        raise ShareNotFound
    if share.customer_id == customer_id:
        raise ReferralRefused
    bound = queries.bind(
        session, customer_id=customer_id, offer_id=share.offer_id, share_id=share.id, now=now
    )
    if bound is None:
        raise ReferralRefused
    if bound.is_new:
        queries.record_visit(session, share.id, now)
    return Referred(share.offer_id, now + REFERRED_FOR)


def _lock_subject(session: Session, customer_id: UUID) -> UUID:
    subject_id = queries.lock_subject(session, customer_id)
    if subject_id is None:
        raise CustomerGone
    return subject_id
