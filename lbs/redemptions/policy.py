"""Whether a code may be redeemed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Refusal(StrEnum):
    """Why, for the ledger; the till hears one wording for all."""

    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    OTHER_VENUE = "other_venue"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    VOIDED = "voided"
    NOT_RESERVED = "not_reserved"
    LOST_RACE = "lost_race"

    @property
    def is_guess(self) -> bool:
        """A code that was right once is no guess: two tills were quick, or it is shown again."""
        return self not in (
            Refusal.REDEEMED,
            Refusal.VOIDED,
            Refusal.NOT_RESERVED,
            Refusal.LOST_RACE,
        )


@dataclass(frozen=True, slots=True)
class Pass:
    """What is known of the unlock that a code belongs to, within the till's merchant."""

    unlock_id: Any
    state: str
    expires_at: datetime
    runs_here: bool
    """Whether the customer checked in at the till's venue, or the offer runs there."""
    is_reserved: bool = True
    """Whether its stock is taken; only an offer that is claimed before it is redeemed waits."""


_OVER = {"redeemed": Refusal.REDEEMED, "voided": Refusal.VOIDED}


def judge(found: Pass | None, *, readable: bool, now: datetime) -> Refusal | None:
    """Nothing is wrong with the code where the answer is None.

    `readable` says whether it could be one of ours; a merchant's own may be anything.
    """
    if found is None:
        return Refusal.UNKNOWN if readable else Refusal.MISTYPED
    if not found.runs_here:
        return Refusal.OTHER_VENUE
    if found.state in _OVER:
        return _OVER[found.state]
    if found.state == "expired" or found.expires_at <= now:
        return Refusal.EXPIRED
    return None if found.is_reserved else Refusal.NOT_RESERVED
