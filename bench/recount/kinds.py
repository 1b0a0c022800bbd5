"""The offers: one of every kind of unlock rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

FREQUENCY = {"kind": "frequency", "n": 2, "within_days": 7}
COMEBACK_DAYS, STREAK_WEEKS, NTH = 30, 3, 3
TRAIL_VENUES, TRAIL_DAYS = 3, 30
FLASH_N, FLASH_FROM, FLASH_TO = 2, "12:00", "14:00"
SWARM_N, PARTY_N, FRIENDS_N, REFERRER_N = 3, 3, 1, 2
BONUS = {
    "limit_per_customer": 1000,
    "terms": "One filter coffee of any size. It is not sponsored by Meta or Facebook.",
}
"""What a bonus for who refers takes; the limit is more than anybody has."""
MAX_SHARE, MIN_VISITS = 0.004, 50
DONATION_MINOR, RECIPIENT = 25, "Red Cross"


@dataclass(frozen=True, slots=True)
class Kind:
    """An offer's rule, under the name of its kind."""

    name: str
    rule: dict[str, Any]

    @property
    def terms(self) -> dict[str, Any]:
        """The rule, and what an offer with it takes beside."""
        return {"rule": self.rule, **(BONUS if self.name == "referrer" else {})}


def kinds(trail: Sequence[UUID], event_id: UUID) -> tuple[Kind, ...]:
    """`trail` are the venues of the trail; `event_id` is what the offer for an event is about."""
    flash = {"kind": "flash", "n": FLASH_N, "from": FLASH_FROM, "to": FLASH_TO}
    rules: tuple[dict[str, Any], ...] = (
        {"kind": "every_visit"},
        {"kind": "first_visit"},
        {"kind": "nth_visit", "n": NTH},
        {"kind": "every_nth_visit", "n": NTH},
        {"kind": "frequency", "n": NTH, "within_days": 7},
        {"kind": "streak", "weeks": STREAK_WEEKS},
        {"kind": "comeback", "days": COMEBACK_DAYS},
        {"kind": "top_visitor"},
        flash,
        {"kind": "swarm", "n": SWARM_N},
        {"kind": "party", "n": PARTY_N},
        {"kind": "friends", "n": FRIENDS_N},
        {"kind": "trail", "venue_ids": list(map(str, trail)), "within_days": TRAIL_DAYS},
        {"kind": "event", "event_id": str(event_id)},
        {"kind": "off_peak", "max_share": MAX_SHARE, "min_visits": MIN_VISITS},
        {"kind": "referred"},
        {"kind": "referrer", "n": REFERRER_N},
        {"kind": "charity", "amount_minor": DONATION_MINOR, "recipient": RECIPIENT},
        {"kind": "all_of", "rules": [FREQUENCY, flash]},
        {
            "kind": "any_of",
            "rules": [{"kind": "first_visit"}, {"kind": "comeback", "days": COMEBACK_DAYS}],
        },
    )
    return tuple(Kind(rule["kind"], rule) for rule in rules)
