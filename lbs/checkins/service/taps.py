"""Check-ins without a phone: a reader reports the wristbands and cards held to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.checkins import queries
from lbs.checkins.policy import Limits
from lbs.checkins.service import Claim, conclude
from lbs.checkins.service.evidence import Tools
from lbs.db import Session, new_id
from lbs.proofs.policy import Kind, Outcome, Proven
from lbs.proofs.queries import find_wearer
from lbs.proofs.service import tag_digests

MAX_AGE = timedelta(days=7)
"""How long a reader may have been offline."""
IN_FUTURE = "in_future"
"""Not taken, and so not remembered: its time comes."""
OUTCOMES = (
    "accepted",
    "ambiguous",
    "rejected",
    "unknown_tag",
    "lost_tag",
    IN_FUTURE,
    "too_old",
)


@dataclass(frozen=True, slots=True)
class Reader:
    proof_id: UUID
    name: str
    merchant_id: UUID
    venue_id: UUID


@dataclass(frozen=True, slots=True)
class Tap:
    sequence: int
    tag: str
    tapped_at: datetime


@dataclass(frozen=True, slots=True)
class TapResult:
    sequence: int
    outcome: str
    check_in_id: UUID | None = None
    unlocks: int = 0
    repeated: bool = False


def report_taps(
    session: Session,
    reader: Reader,
    taps: Sequence[Tap],
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> list[TapResult]:
    """Each number of a reader counts once, whenever and however often it is reported."""
    queries.lock_reader(session, reader.proof_id)
    known = {
        row.sequence: TapResult(row.sequence, row.outcome, row.check_in_id, repeated=True)
        for row in queries.known_taps(session, reader.proof_id, [tap.sequence for tap in taps])
    }
    _lock_wearers(session, reader, taps, tools)
    for tap in sorted(taps, key=lambda tap: tap.sequence):
        if tap.sequence not in known:
            result = _take(session, reader, tap, limits, tools, now)
            if result.outcome != IN_FUTURE:
                queries.remember_tap(session, reader.proof_id, tap, result, now)
            known[tap.sequence] = result
    return [known[sequence] for sequence in sorted({tap.sequence for tap in taps})]


def _lock_wearers(session: Session, reader: Reader, taps: Sequence[Tap], tools: Tools) -> None:
    """In one order for all readers, so that no two of them wait for each other."""
    wearers = [_find_wearer(session, reader, tap, tools) for tap in taps]
    for customer_id in sorted({row.customer_id for row in wearers if row}):
        queries.lock_customer(session, customer_id)


def _find_wearer(session: Session, reader: Reader, tap: Tap, tools: Tools) -> Any | None:
    digests = tag_digests(tools.vault, reader.merchant_id, tap.tag)
    return find_wearer(session, reader.merchant_id, digests, tap.tapped_at)


def _take(
    session: Session, reader: Reader, tap: Tap, limits: Limits, tools: Tools, now: datetime
) -> TapResult:
    if tap.tapped_at > now + limits.max_ahead:
        return TapResult(tap.sequence, IN_FUTURE)
    if tap.tapped_at < now - MAX_AGE:
        return TapResult(tap.sequence, "too_old")
    wearer = _find_wearer(session, reader, tap, tools)
    if wearer is None or wearer.ended:
        lost = wearer is not None and wearer.status == "lost"
        return TapResult(tap.sequence, "lost_tag" if lost else "unknown_tag")
    outcome = _check_in(session, reader, wearer.customer_id, tap.tapped_at, limits, tools)
    return TapResult(tap.sequence, *outcome)


def _check_in(
    session: Session,
    reader: Reader,
    customer_id: UUID,
    tapped_at: datetime,
    limits: Limits,
    tools: Tools,
) -> tuple[str, UUID, int]:
    """At the time of the tap, as if it had been reported at once."""
    queries.lock_customer(session, customer_id)
    claim = Claim(
        id=new_id(),
        place_id=reader.venue_id,
        is_event=False,
        occurred_at=tapped_at,
        fix=None,
        fix_received_at=tapped_at,
        proofs=(Proven(Kind.READER, Outcome.VALID, reader.proof_id, reader.name),),
    )
    outcome = conclude(session, customer_id, claim, limits, tools, tapped_at)
    return outcome.judgement.verdict.word, outcome.id, len(outcome.unlocked)
