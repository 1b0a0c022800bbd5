"""What a merchant's support does: look into a check-in, void it, verify a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import MerchantKey, pseudonym
from lbs.audit.service import record
from lbs.checkins import queries
from lbs.checkins.errors import AlreadyVoided, CheckInNotFound
from lbs.db import Session, new_id


@dataclass(frozen=True, slots=True)
class Voided:
    id: UUID
    voided_at: datetime
    reason: str
    visit_taken_back: bool
    unlocks_voided: int
    redemptions_reversed: int


@dataclass(frozen=True, slots=True)
class VerifyReceipt:
    venue_id: UUID | None = None
    customer_id: UUID | None = None
    min_level: str = "L1"
    use: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """`flaw` says why it is not good; what it states is shown only to its own merchant."""

    flaw: str | None
    check_in_id: UUID | None = None
    venue_id: UUID | None = None
    level: str | None = None
    proofs: tuple[str, ...] = field(default=())
    issued_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def valid(self) -> bool:
        return self.flaw is None


def load_findings(
    session: Session, check_in_id: UUID, merchant_id: UUID
) -> tuple[Any, UUID | None]:
    """The check-in with all its findings, and the merchant's own name for the customer."""
    row = queries.find_findings(session, check_in_id, merchant_id)
    if row is None:
        raise CheckInNotFound
    customer = pseudonym(row.subject_id, row.pseudonym_key) if row.subject_id else None
    return row, customer


def void(
    session: Session, check_in_id: UUID, *, merchant_id: UUID, reason: str, now: datetime
) -> Voided:
    """Take a check-in back with everything that followed from it: visit, unlocks, redemptions."""
    found, _ = load_findings(session, check_in_id, merchant_id)
    if found.customer_id:
        queries.lock_customer_out(session, found.customer_id)
    verdict = queries.lock_check_in(session, check_in_id)
    if verdict == "voided":
        raise AlreadyVoided
    done = queries.void(
        session,
        check_in_id=check_in_id,
        merchant_id=merchant_id,
        verdict_before=verdict,
        reason=reason,
        event_id=new_id(),
        now=now,
    )
    before, after = {"verdict": verdict}, {"verdict": "voided"}
    record(
        session,
        merchant_id,
        "check_in.voided",
        check_in_id,
        before=before,
        after=after,
        now=now,
    )
    return Voided(
        id=check_in_id,
        voided_at=now,
        reason=reason,
        visit_taken_back=done.visits > 0,
        unlocks_voided=done.unlocks,
        redemptions_reversed=done.redemptions,
    )


def verify_receipt(
    session: Session,
    claims: Mapping[str, Any] | None,
    key: MerchantKey,
    command: VerifyReceipt,
    now: datetime,
) -> ReceiptView:
    """`claims` are those of a genuine receipt that has not expired; None: it is none."""
    if claims is None:
        return ReceiptView("not_genuine")
    if claims["merchant"] != str(key.merchant_id):
        return ReceiptView("other_merchant")
    check_in_id = UUID(claims["jti"])
    flaw = _flaw(claims, command, key) or _state_flaw(session, check_in_id, command, now)
    return ReceiptView(
        flaw,
        check_in_id=check_in_id,
        venue_id=UUID(claims["venue"]),
        level=claims["level"],
        proofs=tuple(claims["proofs"]),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _flaw(claims: Mapping[str, Any], command: VerifyReceipt, key: MerchantKey) -> str | None:
    venue_id = UUID(claims["venue"])
    if command.venue_id not in (None, venue_id) or not key.may_act_at(venue_id):
        return "other_venue"
    if command.customer_id and claims["sub"] != str(command.customer_id):
        return "other_customer"
    return "level_too_low" if claims["level"] < command.min_level else None


def _state_flaw(
    session: Session, check_in_id: UUID, command: VerifyReceipt, now: datetime
) -> str | None:
    """Whether its check-in has been voided, or the receipt used; asked to, it is used now."""
    if command.use and queries.use_receipt(session, check_in_id, now):
        return None
    row = queries.find_receipt_state(session, check_in_id)
    if row is None or row.voided_at:
        return "voided"
    return "used" if row.receipt_used_at else None
