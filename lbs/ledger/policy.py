"""What the ledger tells apart: kinds of facts, and the ways by which customers come."""

from __future__ import annotations

from enum import StrEnum

CHANNELS = ("nearby", "push", "link", "share", "poster")


class Kind(StrEnum):
    """Every kind of fact; `docs/ledger.md` says what each means and which columns it has."""

    NEARBY_LISTED = "nearby_listed"
    TEASER_VIEWED = "teaser_viewed"
    EXPOSED = "exposed"
    CHECK_IN = "check_in"
    CHECK_IN_VOIDED = "check_in_voided"
    UNLOCKED = "unlocked"
    UNLOCK_VOIDED = "unlock_voided"
    PLEDGED = "pledged"
    RESERVED = "reserved"
    RESERVATION_RELEASED = "reservation_released"
    RESERVATION_LAPSED = "reservation_lapsed"
    PASS_SHOWN = "pass_shown"  # noqa: S105
    REDEEMED = "redeemed"
    REDEMPTION_REFUSED = "redemption_refused"
    REVERSED = "reversed"
    EXPIRED = "expired"
    RETURNED = "returned"
    FLAGGED = "flagged"
    OFFER_PAUSED = "offer_paused"
    SHARED = "shared"
    SHARE_FETCHED = "share_fetched"
    SHARE_VISITED = "share_visited"
    FRIEND_VISIT = "friend_visit"
