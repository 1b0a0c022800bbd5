"""Use cases of shares: a customer passes an offer on, a friend comes by it. None is rewarded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts.errors import CustomerGone
from lbs.db import Session
from lbs.experiments.service import expose, exposure_to
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
    if offer is None or _is_held_out(session, offer, subject_id, vault):
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


def refer(
    session: Session, customer_id: UUID, token: str, vault: Vault, now: datetime
) -> Referred | None:
    """The customer has come by a share; the last one within seven days counts.

    None where the customer is held out of the offer, to be refused when the visit has been kept.
    """
    subject_id = _lock_subject(session, customer_id)
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
    if share.experiment_id:
        exposure = exposure_to(session, share.experiment_id, subject_id, vault)
        expose(session, [exposure], "share", now)
        if exposure.is_held_out:
            return None
    return Referred(share.offer_id, now + REFERRED_FOR)


def _is_held_out(session: Session, offer: Any, subject_id: UUID, vault: Vault) -> bool:
    if offer.experiment_id is None:
        return False
    return exposure_to(session, offer.experiment_id, subject_id, vault).is_held_out


def _lock_subject(session: Session, customer_id: UUID) -> UUID:
    subject_id = queries.lock_subject(session, customer_id)
    if subject_id is None:
        raise CustomerGone
    return subject_id
