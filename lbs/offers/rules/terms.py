"""An offer's terms as they would be met at a venue, whether or not the offer runs there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from lbs.offers.rules.combined import leaves
from lbs.offers.rules.look import Rule, Why
from lbs.offers.rules.places import Trail
from lbs.offers.rules.schedule import Schedule, at_venue, is_on, next_openings
from lbs.offers.rules.standing import Limits, Offer

NOTHING: Mapping[str, int] = MappingProxyType({})
AHEAD = timedelta(days=366)
"""How far the next opening is looked for."""


@dataclass(frozen=True, slots=True)
class Site:
    """A venue, by what offers there depend on."""

    id: str
    zone: ZoneInfo
    opening_hours: str | None
    min_level: int
    runs: bool = True
    """Whether the offer is to be had there."""


@dataclass(frozen=True, slots=True)
class Terms:
    offer_id: str
    rule: Rule
    limits: Limits
    schedule: Schedule
    valid_from: datetime
    valid_to: datetime
    min_level: int | None
    value_minor: int
    cost_minor: int
    currency: str

    @property
    def trail(self) -> list[str]:
        """The venues that its trails, if it has any, lead to."""
        trails = [leaf for leaf in leaves(self.rule) if isinstance(leaf, Trail)]
        return sorted({venue_id for trail in trails for venue_id in trail.venue_ids})

    def met(
        self, site: Site, subject: object, at: datetime, taken: Mapping[str, int] = NOTHING
    ) -> Offer:
        """As this customer meets the offer then and there, with so much of it taken."""
        local_day = at.astimezone(site.zone).date()
        return Offer(
            id=self.offer_id,
            rule=self.rule,
            valid_from=self.valid_from,
            takes=self.limits.buckets(subject, local_day, site.id),
            taken=taken,
            is_on=is_on(self._schedule_at(site), at, site.zone, site.opening_hours),
        )

    def _schedule_at(self, site: Site) -> Schedule:
        return at_venue(self.schedule, self.offer_id, site.id)

    def asks(self, site: Site) -> int:
        """The level that it takes there, of who has given no reason to ask for more."""
        return site.min_level if self.min_level is None else self.min_level

    def barred(self, site: Site, at: datetime) -> Why | None:
        """Why nobody meets it then and there at all."""
        if at >= self.valid_to:
            return Why.OVER
        return None if site.runs else Why.NOT_HERE

    def next_on(self, site: Site, at: datetime) -> datetime | None:
        """When its schedule is on next there, within a year and its dates."""
        start, until = max(at, self.valid_from), min(self.valid_to, at + AHEAD)
        if start >= until:
            return None
        found = next_openings(
            self._schedule_at(site), start, site.zone, site.opening_hours, 1, until
        )
        return found[0].starts_at if found else None


def limit_of(bucket: str) -> str:
    """Which limit a counter counts for; one of the rule's own goes by the rule's name."""
    kind, *rest = bucket.split(" ")
    if kind == "venue" and len(rest) > 1:
        return "per_venue_day"
    return kind if kind not in ("customer", "day", "venue") else f"per_{kind}"
