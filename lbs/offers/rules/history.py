"""What the rules ask about: the past of one customer at one venue, up to the moment that is judged.

Everything lies strictly before the check-in that is judged; the rules count that one themselves.
A day is a date in the venue's time zone, so the days on which clocks change are days like others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from uuid import UUID

HORIZON_DAYS = 400
"""How far back visits are gathered. No rule looks further, whatever its parameters."""

LEADER_DAYS = 60
"""In how many days before today the top visitor has come most."""

PRESENT_FOR = timedelta(hours=3)
"""How long a customer counts as present after an accepted check-in."""

QUIET_WEEKS = 8
"""From how many weeks it is known which hours are quiet."""


class Part(StrEnum):
    """A part of the history that is gathered only where a rule asks for it."""

    TIMES = "times"
    OPENED = "opened"
    LEADER = "leader"
    PRESENT = "present"
    FRIENDS = "friends"
    PARTY = "party"
    TRAIL = "trail"
    QUIET = "quiet"
    REFERRAL = "referral"
    FRIENDS_SENT = "friends_sent"
    WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class HourShare:
    """How much of a venue's custom falls into one hour of the week."""

    share: float
    """Of the venue's visits in QUIET_WEEKS, from 0 to 1."""
    visits: int
    """How many visits that rests on."""


@dataclass(frozen=True, slots=True)
class History:
    now: datetime
    """When the check-in was made, or would be; aware."""
    zone: tzinfo = UTC
    """The venue's."""
    venue_id: UUID | str = ""

    visits: int = 0
    """The customer's accepted check-ins at the venue."""
    last_visit_at: datetime | None = None
    """The last of them, however long ago."""
    visit_times: Sequence[datetime] = ()
    """TIMES: those of the last HORIZON_DAYS."""

    opened_here_at: datetime | None = None
    """OPENED: the customer's last check-in at the venue that opened this very offer."""
    opened_at: datetime | None = None
    """OPENED: the same at any venue."""
    openings: int = 0
    """OPENED: how many of the customer's check-ins, at any venue, have opened it; also later ones,
    where this one is judged after them."""

    own_days: int = 0
    """LEADER: the customer's days with a visit among the LEADER_DAYS before today."""
    own_reached_at: datetime | None = None
    """LEADER: when they were so many, which is the first visit on the newest of them."""
    best_other_days: int = 0
    """LEADER: the most that any other customer has, staff left out."""
    best_other_reached_at: datetime | None = None
    """LEADER: the first to reach them reached them then."""

    present: int = 0
    """PRESENT: how many other customers have an accepted check-in here within PRESENT_FOR, staff
    left out."""
    friends_present: int = 0
    """FRIENDS: how many of them are the customer's friends."""
    party: int | None = None
    """PARTY: how many others have checked in under the same party code; None without a code."""
    opened_in_party: bool = False
    """PARTY: whether this very offer has opened for the customer under that code."""

    trail: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    """TRAIL: by venue id the customer's visits to the venues of the trail, this one too."""
    event_id: UUID | str | None = None
    """The event that the check-in is made at."""
    quiet_share: HourShare | None = None
    """QUIET: the hour of the week that it is now; None where nothing is known."""
    referred: bool = False
    """REFERRAL: whether this would be the first accepted check-in since a friend's share of this
    offer brought the customer."""
    friends_sent: int = 0
    """FRIENDS_SENT: how many friends the customer's shares of the merchant's offers have brought,
    each by a verified visit; staff and testers left out."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """WINDOWS: what is taken of this offer's counters."""

    @property
    def local_now(self) -> datetime:
        return self.now.astimezone(self.zone)

    @property
    def today(self) -> date:
        return self.local_now.date()

    @property
    def is_here(self) -> bool:
        """Whether the customer is present by another check-in."""
        at = self.last_visit_at
        return at is not None and abs(self.now - at) <= PRESENT_FOR

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def recent(self, times: Sequence[datetime], days: int) -> list[datetime]:
        """Those that fell into the last so many days, today included."""
        first_day = self.today - timedelta(days=days - 1)
        long_ago = self.now - timedelta(days=days + 1)
        return [at for at in times if at > long_ago and self.day(at) >= first_day]
