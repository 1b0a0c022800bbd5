"""What apps report, and which of it is taken. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

MAX_AGE = timedelta(days=7)
"""How long a phone may have been offline."""


class Refusal(StrEnum):
    """Why a report is not taken."""

    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    UNKNOWN_OFFER = "unknown_offer"
    OFFER_NOT_RUNNING = "offer_not_running"
    OFFER_NOT_AT_VENUE = "offer_not_at_venue"
    UNKNOWN_UNLOCK = "unknown_unlock"


@dataclass(frozen=True, slots=True)
class TeaserViewed:
    client_id: UUID
    at: datetime
    offer_id: UUID
    channel: str
    venue_id: UUID | None = None
    kind: str = "teaser_viewed"


@dataclass(frozen=True, slots=True)
class PassShown:
    client_id: UUID
    at: datetime
    unlock_id: UUID
    kind: str = "pass_shown"


Report = TeaserViewed | PassShown


@dataclass(frozen=True, slots=True)
class Version:
    """Terms of an offer since they were written."""

    number: int
    created_at: datetime
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """What a view of its teaser is judged by."""

    merchant_id: str
    status: str
    updated_at: datetime
    counted: bool
    """Whether what this customer does counts."""
    versions: Sequence[Version]
    """Newest first; those before the oldest report may be left out."""
    new_at: Mapping[UUID, bool]
    """Of the venues that were named: those where it is to be had, and whether the customer is new
    there."""

    def version_at(self, at: datetime) -> Version | None:
        """The terms that were in force then, where the offer was running as far as is known.

        What has been paused or ended since may have run before.
        """
        if self.status != "active" and at >= self.updated_at:
            return None
        known = next((version for version in self.versions if version.created_at <= at), None)
        return known if known and known.valid_from <= at < known.valid_to else None


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to be reported about."""

    offers: Mapping[UUID, Offer]
    unlocks: Collection[UUID]
    """The customer's own."""


def judge(report: Report, known: Known, now: datetime, max_ahead: timedelta) -> Refusal | None:
    """Each is judged by itself: a bad one never loses a good one."""
    if report.at < now - MAX_AGE:
        return Refusal.TOO_OLD
    if report.at > now + max_ahead:
        return Refusal.IN_FUTURE
    if isinstance(report, PassShown):
        return None if report.unlock_id in known.unlocks else Refusal.UNKNOWN_UNLOCK
    return _judge_view(report, known.offers.get(report.offer_id), happened_at(report, now))


def happened_at(report: Report, now: datetime) -> datetime:
    """A clock that is a little ahead makes nothing happen later than it was reported."""
    return min(report.at, now)


def _judge_view(view: TeaserViewed, offer: Offer | None, at: datetime) -> Refusal | None:
    if offer is None:
        return Refusal.UNKNOWN_OFFER
    if offer.version_at(at) is None:
        return Refusal.OFFER_NOT_RUNNING
    if view.venue_id is not None and view.venue_id not in offer.new_at:
        return Refusal.OFFER_NOT_AT_VENUE
    return None
