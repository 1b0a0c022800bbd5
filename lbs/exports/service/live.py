"""The live stream: what the ledger has come to say since a position in it."""

from __future__ import annotations

from typing import Any

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.exports import queries
from lbs.exports.rules.stream import Position, tell
from lbs.http.fields import rfc3339

KINDS = ("check_in", "check_in_voided", "redeemed", "reversed")
BATCH = 500
STRETCH = 100_000
"""So many transactions are looked through at once, however long the client was away."""


def find_start(session: Session, after: Position | None) -> Position:
    """Where the client left off, or the present; never in the future."""
    present = Position(queries.watermark(session))
    return min(after, present) if after else present


def read_on(
    session: Session, key: MerchantKey, position: Position
) -> tuple[list[str], Position, bool]:
    """The next events as they are told, the position after them, and whether there may be more.

    Only transactions before the watermark are looked at: none of them can say anything any more
    that has been passed over.
    """
    present = queries.watermark(session)
    until = min(present, position.transaction_id + STRETCH)
    rows = queries.list_live(
        session,
        key.merchant_id,
        kinds=KINDS,
        venue_ids=sorted(key.venue_ids) or None,
        after=position,
        until=until,
        limit=BATCH,
    )
    told = [tell(_position(row), row.kind, _members(row)) for row in rows]
    if len(rows) == BATCH:
        return told, _position(rows[-1]), True
    return told, max(position, Position(until)), until < present


def _position(row: Any) -> Position:
    return Position(int(row.transaction_id), row.id)


def _members(row: Any) -> dict[str, Any]:
    """Where and what, never who."""
    return {
        "kind": row.kind,
        "at": rfc3339(row.at),
        "venue_id": row.venue_id and str(row.venue_id),
        "offer_id": row.offer_id and str(row.offer_id),
        "verdict": row.verdict,
        "level": None if row.level is None else f"L{row.level}",
        "value_minor": row.value_minor,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
    }
