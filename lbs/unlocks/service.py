"""Use cases of unlocks: the customer's wallet, expiry, flags, and codes of the merchant's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.offers import service as offers
from lbs.offers.errors import OfferEnded, OfferNotFound
from lbs.offers.models import Offer
from lbs.offers.queries import last_notice_at
from lbs.offers.rules import Budget, Limits
from lbs.unlocks import queries
from lbs.unlocks.errors import (
    NothingLeft,
    OfferNotHeld,
    ReservationNeeded,
    ReservationNotFound,
    UnlockNotFound,
    UnlockNotReservable,
)
from lbs.unlocks.models import OfferFlag
from lbs.unlocks.policy import PROBLEMS, FlagLimit, Flaw, Sorted, count_guessable, sort_out
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
    opened_by: str
    unlocked_at: datetime
    expires_at: datetime
    code: str | None = field(repr=False)
    """None: it has to be reserved first."""
    reserve_s: int | None = None
    reserved_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    problem: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Codes that were there already: before in the file, with the offer, with another offer."""

    in_file: int
    in_offer: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the lines of a file of codes."""

    imported: int
    duplicates: Duplicates
    refused: tuple[tuple[int, Flaw], ...]
    guessable: int
    available: int


@dataclass(frozen=True, slots=True)
class CodeView:
    """A code of the merchant's own, and the state of the unlock it went with, else `available`."""

    state: str
    imported_at: datetime
    handed_out_at: datetime | None
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


def load_code(
    session: Session, unlock_id: UUID, customer_id: UUID, vault: Vault, now: datetime
) -> str:
    code = load_unlock(session, unlock_id, customer_id, vault, now).code
    if code is None:
        raise ReservationNeeded
    return code


def reserve(
    session: Session, unlock_id: UUID, customer_id: UUID, vault: Vault, now: datetime
) -> UnlockView:
    """Take the stock that the unlock needs, for its time; one that lives stays as it is."""
    held = _lock(session, unlock_id, customer_id)
    if not held.reserve_s or held.state != "unlocked" or held.expires_at <= now:
        raise UnlockNotReservable
    if not _is_reserved(held, now):
        _reserve(session, held, now)
    return load_unlock(session, unlock_id, customer_id, vault, now)


def release(session: Session, unlock_id: UUID, customer_id: UUID, now: datetime) -> None:
    """The customer does not want it now, and may reserve it again."""
    held = _lock(session, unlock_id, customer_id)
    if held.state != "unlocked" or not _is_reserved(held, now):
        raise ReservationNotFound
    queries.release(session, unlock_id, now, lapsed=False)


def lapse(session: Session, now: datetime, *, limit: int = 1000) -> int:
    return queries.lapse(session, now=now, limit=limit)


def expire(session: Session, now: datetime, *, limit: int = 1000) -> int:
    return queries.expire(session, now=now, limit=limit)


def flag_offer(
    session: Session,
    offer_id: UUID,
    customer_id: UUID,
    command: Flag,
    limit: FlagLimit,
    now: datetime,
) -> OfferFlag:
    """Only a customer for whom the offer has opened flags it; enough flags pause it."""
    held = queries.find_holding(session, offer_id, customer_id)
    if held is None:
        raise OfferNotHeld
    offer = offers.lock_offer(session, offer_id, held.merchant_id)
    said = {
        "offer_id": offer_id,
        "customer_id": customer_id,
        "problem": command.problem,
        "counted": held.counted,
        "now": now,
    }
    if queries.find_problem(session, offer_id, customer_id) != command.problem:
        queries.record_flag(session, **said)
    flag = queries.upsert_flag(session, **said, text=command.text)
    if offer.status == "active":
        _weigh_flags(session, offer, limit, now)
    return flag


def list_flags(
    session: Session, offer_id: UUID, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[OfferFlag]:
    offers.load_offer(session, offer_id, merchant_id)
    return queries.list_flags(session, offer_id, limit=limit, after=after)


def _weigh_flags(session: Session, offer: Offer, limit: FlagLimit, now: datetime) -> None:
    """Pauses the offer where the limit is reached; its row is locked, so nobody counts at once."""
    since = limit.counts_from(now, last_notice_at(session, offer.id, offers.PAUSED))
    counts = dict.fromkeys(PROBLEMS, 0) | queries.count_flags(session, offer.id, since)
    flags = sum(counts.values())
    if flags < limit.flags:
        return
    if limit.is_reached(flags, queries.count_customers(session, offer.id, since)):
        offers.pause_flagged(session, offer, {"flags": flags, **counts}, now)


def import_codes(
    session: Session,
    merchant_id: UUID,
    offer_id: UUID,
    lines: Iterable[tuple[int, str | None]],
    vault: Vault,
    now: datetime,
) -> ImportReport:
    """Add codes of the merchant's own to the offer; what is there already is counted."""
    status = queries.lock_offer(session, offer_id, merchant_id)
    if status is None:
        raise OfferNotFound
    if status == "ended":
        raise OfferEnded
    found = sort_out(lines)
    known = _known(session, merchant_id, found, vault)
    fresh = {key: code for key, code in found.codes.items() if key not in known}
    imported = _add(session, merchant_id, offer_id, fresh, vault, now)
    _record_import(session, merchant_id, offer_id, imported, now)
    in_offer = sum(owner == offer_id for owner in known.values())
    elsewhere = len(found.codes) - imported - in_offer
    return ImportReport(
        imported=imported,
        duplicates=Duplicates(found.repeated, in_offer, elsewhere),
        refused=found.refused,
        guessable=count_guessable(fresh.values()),
        available=count_codes(session, merchant_id, offer_id).available,
    )


def count_codes(session: Session, merchant_id: UUID, offer_id: UUID) -> Any:
    """How many codes are `imported`, `available` and `handed_out`."""
    counted = queries.count_codes(session, offer_id, merchant_id)
    if counted is None:
        raise OfferNotFound
    return counted


def list_codes(
    session: Session, merchant_id: UUID, offer_id: UUID, vault: Vault, *, available: bool | None
) -> Sequence[CodeView]:
    count_codes(session, merchant_id, offer_id)
    return [
        CodeView(row.state, row.imported_at, row.handed_out_at, vault.unseal(row.sealed_code))
        for row in queries.list_codes(session, offer_id, merchant_id, available=available)
    ]


def _known(session: Session, merchant_id: UUID, found: Sorted, vault: Vault) -> dict[str, UUID]:
    """Which of the codes the merchant has in use, under any key, each for which offer."""
    keys = {digest: key for key in found.codes for digest in vault.digests(key)}
    known = queries.known_codes(session, merchant_id, list(keys))
    return {keys[digest]: offer_id for digest, offer_id in known.items()}


def _add(
    session: Session,
    merchant_id: UUID,
    offer_id: UUID,
    codes: dict[str, str],
    vault: Vault,
    now: datetime,
) -> int:
    """How many were added: all, but those that another import was quicker with."""
    return queries.add_codes(
        session,
        offer_id=offer_id,
        merchant_id=merchant_id,
        ids=[new_id() for _ in codes],
        digests=[vault.digest(key) for key in codes],
        sealed=[vault.seal(code) for code in codes.values()],
        now=now,
    )


def _record_import(
    session: Session, merchant_id: UUID, offer_id: UUID, imported: int, now: datetime
) -> None:
    """The audit log says how many codes the offer had and has, and none of them."""
    after = count_codes(session, merchant_id, offer_id).imported
    record(
        session,
        merchant_id,
        "offer.codes_imported",
        offer_id,
        before={"codes": after - imported},
        after={"codes": after},
        now=now,
    )


def _lock(session: Session, unlock_id: UUID, customer_id: UUID) -> Any:
    held = queries.lock_unlock(session, unlock_id, customer_id)
    if held is None:
        raise UnlockNotFound
    return held


def _is_reserved(unlock: Any, now: datetime) -> bool:
    return unlock.reserved_until is not None and unlock.reserved_until > now


def _reserve(session: Session, held: Any, now: datetime) -> None:
    if held.reserved_until:
        queries.release(session, held.id, now, lapsed=True)
    local_day = now.astimezone(ZoneInfo(held.time_zone)).date()
    budget = held.budget_minor
    limits = Limits(
        total=held.limit_total,
        per_day=held.limit_per_day,
        per_venue=held.limit_per_venue,
        per_venue_day=held.limit_per_venue_day,
        budget=None if budget is None else Budget(held.currency, budget, held.cost_minor),
    )
    if not queries.reserve(
        session,
        unlock_id=held.id,
        offer_id=held.offer_id,
        takes=limits.buckets(held.subject_id, local_day, held.venue_id),
        until=min(held.expires_at, now + timedelta(seconds=held.reserve_s)),
        now=now,
    ):
        raise NothingLeft


def _view(row: Any, vault: Vault, now: datetime) -> UnlockView:
    state = _state(row, now)
    hidden = row.reserve_s and state not in ("unlocked", "redeemed")
    reserved = state == "unlocked" and _is_reserved(row, now)
    return UnlockView(
        id=row.id,
        offer_id=row.offer_id,
        offer_version=row.offer_version,
        venue_id=row.venue_id,
        venue_name=row.venue_name,
        check_in_id=row.check_in_id,
        state=state,
        teaser=row.teaser,
        terms=row.terms,
        reward=row.reward,
        value_minor=row.value_minor,
        currency=row.currency,
        opened_by=row.opened_by,
        unlocked_at=row.unlocked_at,
        expires_at=row.expires_at,
        code=None if hidden else vault.unseal(row.sealed_code),
        reserve_s=row.reserve_s,
        reserved_until=row.reserved_until if reserved else None,
    )


def _state(row: Any, now: datetime) -> str:
    if row.state != "unlocked":
        return str(row.state)
    if row.expires_at <= now:
        return "expired"
    return "unclaimed" if row.reserve_s and not _is_reserved(row, now) else "unlocked"
