"""Use cases of redemptions: the till redeems a code once, and may take it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.http.guesses import GuessLimit
from lbs.redemptions import queries
from lbs.redemptions.errors import AlreadyReversed, RedemptionNotFound
from lbs.redemptions.models import Redemption
from lbs.redemptions.policy import Pass, Refusal, judge
from lbs.unlocks.policy import read_any, read_code
from lbs.vault import Vault
from lbs.venues.errors import VenueNotAllowed, VenueNotFound


@dataclass(frozen=True, slots=True)
class Redeem:
    code: str = field(repr=False)
    venue_id: UUID
    amount_minor: int | None = None
    order_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a code: a redemption, a refusal, or seconds to wait after too many refusals.

    A refusal has been counted, and has to be kept: the caller raises once the transaction closed.
    """

    redemption: Any = None
    refusal: Refusal | None = None
    wait_s: int = 0


def redeem(
    session: Session,
    till: MerchantKey,
    command: Redeem,
    vault: Vault,
    limit: GuessLimit,
    now: datetime,
) -> Attempt:
    if not till.may_act_at(command.venue_id):
        raise VenueNotAllowed
    guessers = [f"key {till.key_id}", f"venue {command.venue_id}"]
    window_start = now - limit.window
    found = queries.find_pass(
        session,
        digests=vault.digests(read_any(command.code)),
        merchant_id=till.merchant_id,
        venue_id=command.venue_id,
        guessers=guessers,
        window_start=window_start,
        guess_limit=limit.refused,
        now=now,
    )
    if found is None:
        raise VenueNotFound
    if found.throttled_since:
        return Attempt(wait_s=limit.wait_s(found.throttled_since, now))
    known = found.unlock_id and Pass(
        found.unlock_id,
        found.state,
        found.expires_at,
        runs_here=found.runs_here,
        is_reserved=found.is_reserved,
    )
    readable = read_code(command.code) is not None
    refusal = judge(known or None, readable=readable, now=now)
    if refusal is None:
        redemption = queries.redeem(
            session,
            unlock_id=found.unlock_id,
            redemption_id=new_id(),
            event_id=new_id(),
            venue_id=command.venue_id,
            api_key_id=till.key_id,
            amount_minor=command.amount_minor,
            order_reference=command.order_reference,
            now=now,
        )
        if redemption is not None:
            return Attempt(redemption=redemption)
        refusal = Refusal.LOST_RACE
    since = queries.record_refusal(
        session,
        guessers=guessers if refusal.is_guess else [],
        window_start=window_start,
        guess_limit=limit.refused,
        event_id=new_id(),
        merchant_id=till.merchant_id,
        api_key_id=till.key_id,
        venue_id=command.venue_id,
        unlock_id=found.unlock_id,
        refusal=refusal.value,
        now=now,
    )
    return Attempt(refusal=refusal, wait_s=limit.wait_s(since, now) if since else 0)


def reverse(
    session: Session, till: MerchantKey, redemption_id: UUID, reason: str, now: datetime
) -> Redemption:
    """Take a redemption back: the customer's code is good again until it expires."""
    redemption = load_redemption(session, till, redemption_id)
    if not queries.reverse(
        session,
        redemption_id=redemption_id,
        merchant_id=till.merchant_id,
        reason=reason,
        api_key_id=till.key_id,
        event_id=new_id(),
        now=now,
    ):
        raise AlreadyReversed
    record(
        session,
        till.merchant_id,
        "redemption.reversed",
        redemption_id,
        after={"reversed_at": now},
        now=now,
    )
    return load_redemption(session, till, redemption.id)


def load_redemption(session: Session, till: MerchantKey, redemption_id: UUID) -> Redemption:
    redemption = queries.find_redemption(session, redemption_id, till.merchant_id)
    if redemption is None or not till.may_act_at(redemption.venue_id):
        raise RedemptionNotFound
    return redemption


def list_redemptions(
    session: Session,
    till: MerchantKey,
    *,
    venue_id: UUID | None,
    **filters: Any,
) -> Sequence[Redemption]:
    """A key restricted to venues sees theirs only."""
    if venue_id and not till.may_act_at(venue_id):
        raise VenueNotAllowed
    venue_ids = [venue_id] if venue_id else list(till.venue_ids) or None
    return queries.list_redemptions(session, till.merchant_id, venue_ids=venue_ids, **filters)
