"""The columns of each kind of export, in their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What stands in a column. Only texts may be of people's making."""

    ID = "id"
    WORD = "word"
    TEXT = "text"
    TEXTS = "texts"
    IDS = "ids"
    TIME = "time"
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind


def _columns(**kinds: Kind) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in kinds.items())


REDEMPTIONS = _columns(
    redemption_id=Kind.ID,
    redeemed_at=Kind.TIME,
    venue_id=Kind.ID,
    offer_id=Kind.ID,
    offer_version=Kind.NUMBER,
    customer=Kind.ID,
    check_in_id=Kind.ID,
    unlock_id=Kind.ID,
    channel=Kind.WORD,
    experiment_id=Kind.ID,
    variant=Kind.TEXT,
    share_id=Kind.ID,
    level=Kind.NUMBER,
    first_visit=Kind.FLAG,
    elapsed_s=Kind.NUMBER,
    api_key_id=Kind.ID,
    order_reference=Kind.TEXT,
    currency=Kind.WORD,
    value_minor=Kind.NUMBER,
    cost_minor=Kind.NUMBER,
    amount_minor=Kind.NUMBER,
    counted=Kind.FLAG,
    reversed_at=Kind.TIME,
    reversal_reason=Kind.TEXT,
)

LEDGER = _columns(
    id=Kind.ID,
    at=Kind.TIME,
    kind=Kind.WORD,
    venue_id=Kind.ID,
    customer=Kind.ID,
    check_in_id=Kind.ID,
    verdict=Kind.WORD,
    verdict_before=Kind.WORD,
    level=Kind.NUMBER,
    first_visit=Kind.FLAG,
    reasons=Kind.TEXTS,
    offer_ids=Kind.IDS,
    offer_id=Kind.ID,
    offer_version=Kind.NUMBER,
    unlock_id=Kind.ID,
    redemption_id=Kind.ID,
    channel=Kind.WORD,
    experiment_id=Kind.ID,
    variant=Kind.TEXT,
    share_id=Kind.ID,
    api_key_id=Kind.ID,
    elapsed_s=Kind.NUMBER,
    within_days=Kind.NUMBER,
    currency=Kind.WORD,
    value_minor=Kind.NUMBER,
    cost_minor=Kind.NUMBER,
    amount_minor=Kind.NUMBER,
    recipient=Kind.TEXT,
    counted=Kind.FLAG,
)

SERIES = _columns(
    start=Kind.TIME,
    check_ins_accepted=Kind.NUMBER,
    check_ins_ambiguous=Kind.NUMBER,
    check_ins_rejected=Kind.NUMBER,
    unlocks=Kind.NUMBER,
    expired=Kind.NUMBER,
    redemptions=Kind.NUMBER,
    reversals=Kind.NUMBER,
    unique_customers=Kind.NUMBER,
    new_customers=Kind.NUMBER,
    returning_customers=Kind.NUMBER,
    currency=Kind.WORD,
    value_minor=Kind.NUMBER,
    cost_minor=Kind.NUMBER,
    amount_minor=Kind.NUMBER,
)

COLUMNS = {"redemptions": REDEMPTIONS, "ledger": LEDGER, "series": SERIES}
