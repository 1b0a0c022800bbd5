"""Use cases of stats: what came of an offer, a venue, a group or all of a merchant's.

Reads, but for its own roll-ups. Everything that one answer reads is as of one moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.accounts.policy import MerchantKey
from lbs.audit.policy import plain
from lbs.db import Session
from lbs.offers.queries import TERMS
from lbs.offers.service import load_offer
from lbs.stats import queries
from lbs.stats.errors import TimeZoneNeeded
from lbs.stats.rules.calendar import EPOCH, Span, buckets
from lbs.stats.rules.figures import (
    changes_of,
    counts_of,
    funnel_of,
    money_of,
    people_of,
    retention_of,
    shares_of,
    times_of,
)
from lbs.stats.rules.groups import shown
from lbs.stats.rules.tally import Tally
from lbs.stats.service.rollups import Facts, rebuild, roll_up, tallies
from lbs.venues.errors import VenueNotAllowed
from lbs.venues.service import load_group, load_venue

__all__ = [
    "Scope",
    "compare",
    "customers",
    "funnel",
    "group_scope",
    "hours",
    "merchant_scope",
    "money",
    "offer_scope",
    "pledges",
    "rebuild",
    "retention",
    "roll_up",
    "series",
    "shares",
    "snapshot",
    "venue_scope",
]

COMPARED = (*TERMS, "venue_ids", "group_ids")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which facts are counted, within [start, end), and whose time zone they have, if one."""

    facts: Facts
    start: datetime | None
    end: datetime
    time_zone: str | None
    min_group: int = 5
    """Groups of fewer customers are not shown broken down."""

    @property
    def span(self) -> Span:
        return Span(self.start or EPOCH, self.end)

    @property
    def previous(self) -> Scope:
        """The period of the same length just before."""
        since, until = self.span
        return replace(self, start=since - (until - since), end=since)


def snapshot(session: Session) -> None:
    """Begin an answer: everything that it reads is as of now. Nothing may have been read before."""
    queries.hold_still(session)


# --- whose facts ------------------------------------------------------------------------------


def offer_scope(
    session: Session,
    key: MerchantKey,
    offer_id: UUID,
    *,
    start: datetime | None,
    end: datetime,
    venue_id: UUID | None = None,
    min_group: int = 5,
) -> Scope:
    """All of an offer, or what came of it at one venue, or at those that the key may see."""
    offer = load_offer(session, offer_id, key.merchant_id)
    if venue_id:
        venue = load_venue(session, venue_id, key.merchant_id)
        if not key.may_act_at(venue_id):
            raise VenueNotAllowed
        only: frozenset[UUID] | None = frozenset((venue_id,))
        zones = [venue.time_zone]
    elif key.venue_ids:
        only = key.venue_ids
        zones = queries.time_zones_of_venues(session, [*only])
    else:
        only = None
        zones = queries.zones_of(session, key.merchant_id).get(offer.id, [])
    facts = Facts(
        merchant_id=key.merchant_id,
        source=queries.OF_OFFER if only is None else queries.OF_OFFER_AT_VENUES,
        values={
            "merchant_id": key.merchant_id,
            "offer_id": offer_id,
            "venue_ids": only and [*only],
        },
        scope_ids=(offer_id,),
        venue_ids=only,
        sites=(),
        is_offer=True,
    )
    return Scope(facts, start, end, _agreed(zones), min_group)


def venue_scope(
    session: Session,
    key: MerchantKey,
    venue_id: UUID,
    *,
    start: datetime | None,
    end: datetime,
    min_group: int = 5,
) -> Scope:
    venue = load_venue(session, venue_id, key.merchant_id)
    if not key.may_act_at(venue_id):
        raise VenueNotAllowed
    facts = _at_venues(key, [venue_id])
    return Scope(facts, start, end, venue.time_zone, min_group)


def group_scope(
    session: Session,
    key: MerchantKey,
    group_id: UUID,
    *,
    start: datetime | None,
    end: datetime,
    min_group: int = 5,
) -> Scope:
    """The venues that are in the group now, as far as the key may see them."""
    group = load_group(session, group_id, key.merchant_id)
    members = [venue_id for venue_id in group.venue_ids if key.may_act_at(venue_id)]
    if group.venue_ids and not members:
        raise VenueNotAllowed
    zones = queries.time_zones_of_venues(session, members)
    return Scope(_at_venues(key, members), start, end, _agreed(zones), min_group)


def merchant_scope(
    session: Session,
    key: MerchantKey,
    *,
    start: datetime | None,
    end: datetime,
    min_group: int = 5,
) -> Scope:
    """All of the merchant's, or the venues that the key may see."""
    if key.venue_ids:
        zones = queries.time_zones_of_venues(session, [*key.venue_ids])
        return Scope(_at_venues(key, [*key.venue_ids]), start, end, _agreed(zones), min_group)
    zones = queries.zones_of(session, key.merchant_id).get(key.merchant_id, [])
    facts = Facts(
        merchant_id=key.merchant_id,
        source=queries.OF_MERCHANT,
        values={"merchant_id": key.merchant_id},
        scope_ids=(key.merchant_id,),
        venue_ids=None,
        sites=tuple(queries.venues_of(session, key.merchant_id)),
        is_offer=False,
    )
    return Scope(facts, start, end, _agreed(zones), min_group)


def _at_venues(key: MerchantKey, venue_ids: Sequence[UUID]) -> Facts:
    return Facts(
        merchant_id=key.merchant_id,
        source=queries.AT_VENUES,
        values={"merchant_id": key.merchant_id, "venue_ids": list(venue_ids)},
        scope_ids=tuple(venue_ids),
        venue_ids=frozenset(venue_ids),
        sites=tuple(venue_ids),
        is_offer=False,
    )


def _agreed(zones: Sequence[str]) -> str | None:
    return zones[0] if len(zones) == 1 else None


# --- what came of it --------------------------------------------------------------------------


def total(
    session: Session, scope: Scope, *, with_sets: bool = False, with_elapsed: bool = False
) -> Tally:
    """Without sets, nothing can be added to it, and how often somebody came is not told."""
    found = tallies(
        session, scope.facts, [scope.span], with_sets=with_sets, with_elapsed=with_elapsed
    )
    return found.get((0, ""), Tally())


def funnel(
    session: Session, scope: Scope, *, by: str | None = None, previous: bool = False
) -> dict[str, Any]:
    """Each step with its customers, and what is beside; broken down, and compared, where asked."""
    counted = funnel_of(total(session, scope, with_elapsed=True))
    answer = {**_period(scope), **counted, "by": by, "groups": [], "previous": None}
    if by:
        found = tallies(session, scope.facts, [scope.span], by=by, with_elapsed=True)
        groups = shown({group: tally for (_, group), tally in found.items()}, scope.min_group)
        answer["groups"] = [
            {"group": name, **funnel_of(tally, scope.min_group)} for name, tally in groups.items()
        ]
    if previous:
        before = scope.previous
        then = funnel_of(total(session, before, with_elapsed=True))
        answer["previous"] = {**_period(before), **then, "changes": changes_of(counted, then)}
    return answer


def totals(session: Session, scope: Scope) -> dict[str, Any]:
    """The counts of the whole period in one line."""
    return counts_of(total(session, scope))


def series(session: Session, scope: Scope, *, by: str, time_zone: str | None) -> dict[str, Any]:
    """Every bucket between the times, also the empty ones; the first and last may be cut."""
    zone = _zone(scope, time_zone)
    spans = _spans(scope, by, zone)
    found = tallies(session, scope.facts, [cut for _, cut in spans], with_sets=False)
    nothing = Tally()
    return {
        "by": by,
        "time_zone": zone,
        **_period(scope),
        "items": [
            {
                "start": whole.since,
                **counts_of(found.get((place, ""), nothing), scope.min_group),
            }
            for place, (whole, _) in enumerate(spans)
        ],
    }


def money(session: Session, scope: Scope) -> dict[str, Any]:
    """What it brought and cost, in each currency."""
    whole = total(session, scope)
    return {
        **_period(scope),
        "check_ins": whole.counts["checked_in"],
        "new_customers": people_of(whole)[0],
        "shares": whole.counts["shared"],
        "items": money_of(whole),
    }


def retention(session: Session, scope: Scope, *, by: str, time_zone: str | None) -> dict[str, Any]:
    """Of the customers who came first in each period, how many came again in each later one."""
    zone = _zone(scope, time_zone)
    asked = _spans(scope, by, zone)
    earlier = [Span(EPOCH, asked[0][1].since)] if asked[0][1].since > EPOCH else []
    spans = [*earlier, *(cut for _, cut in asked)]
    found = tallies(session, scope.facts, spans)
    periods = [found.get((place, ""), Tally()) for place in range(len(spans))]
    cohorts = retention_of(periods, scope.min_group)[len(earlier) :]
    return {
        "by": by,
        "time_zone": zone,
        **_period(scope),
        "cohorts": [
            {"start": whole.since, **cohort}
            for (whole, _), cohort in zip(asked, cohorts, strict=True)
        ],
    }


def hours(session: Session, scope: Scope, *, time_zone: str | None) -> dict[str, Any]:
    """On which weekday and at which hour: Monday first, midnight first."""
    zone = _zone(scope, time_zone)
    spans = _spans(scope, "hour", zone)
    found = tallies(session, scope.facts, [cut for _, cut in spans], with_sets=False)
    grid = {name: [[0] * 24 for _ in range(7)] for name in ("checked_in", "unlocked", "redeemed")}
    for (place, _), tally in found.items():
        local = spans[place][0].since.astimezone(ZoneInfo(zone))
        for name, days in grid.items():
            days[local.weekday()][local.hour] += tally.counts[name]
    return {
        "time_zone": zone,
        **_period(scope),
        "check_ins": grid["checked_in"],
        "unlocks": grid["unlocked"],
        "redemptions": grid["redeemed"],
    }


def customers(session: Session, scope: Scope) -> dict[str, Any]:
    """How many there were, how many of them new, and how often they came and redeemed."""
    whole = total(session, scope, with_sets=True)
    new, returning = people_of(whole, scope.min_group)
    return {
        **_period(scope),
        "customers": whole.customers("checked_in"),
        "new_customers": new,
        "returning_customers": returning,
        "visits": times_of(whole, "checked_in", scope.min_group),
        "redemptions": times_of(whole, "redeemed", scope.min_group),
    }


def _period(scope: Scope) -> dict[str, Any]:
    return {"from": scope.start, "to": scope.end}


def _zone(scope: Scope, time_zone: str | None) -> str:
    zone = time_zone or scope.time_zone
    if zone is None:
        raise TimeZoneNeeded
    return zone


def _spans(scope: Scope, by: str, zone: str) -> list[tuple[Span, Span]]:
    """Each bucket whole, and as much of it as lies in the period."""
    start, end = scope.span
    return [
        (whole, Span(max(whole.since, start), min(whole.until, end)))
        for whole in buckets(by, start, end, ZoneInfo(zone))
    ]


# --- beside -----------------------------------------------------------------------------------


def pledges(session: Session, scope: Scope) -> dict[str, Any]:
    """What the merchant owes to good causes, whether the customers redeemed or not."""
    since, until = scope.span
    values = {**scope.facts.values, "start": since, "end": until}
    return {**_period(scope), "items": queries.sum_pledges(session, values)}


def shares(
    session: Session,
    key: MerchantKey,
    offer_id: UUID,
    *,
    start: datetime | None,
    end: datetime,
) -> dict[str, Any]:
    """What became of an offer's links, from the share to the till."""
    if key.venue_ids:
        raise VenueNotAllowed("A link leads to no venue: the API key sees its own venues alone.")
    whole = total(session, offer_scope(session, key, offer_id, start=start, end=end))
    return {"from": start, "to": end, **shares_of(whole)}


def compare(
    session: Session,
    key: MerchantKey,
    offer_ids: Sequence[UUID],
    *,
    start: datetime | None,
    end: datetime,
) -> dict[str, Any]:
    """Several offers side by side: the terms in which they differ, and the same period's counts."""
    if key.venue_ids:
        raise VenueNotAllowed("The API key sees its own venues, and offers as they are there.")
    offers = [
        load_offer(session, offer_id, key.merchant_id) for offer_id in dict.fromkeys(offer_ids)
    ]
    return {
        "from": start,
        "to": end,
        "differences": _differences(offers),
        "offers": [
            {
                "offer_id": offer.id,
                "status": offer.status,
                "copied_from": offer.copied_from,
                "counts": totals(
                    session, offer_scope(session, key, offer.id, start=start, end=end)
                ),
            }
            for offer in offers
        ],
    }


def _differences(offers: Sequence[Any]) -> list[dict[str, Any]]:
    members = {name: [plain(getattr(offer, name)) for offer in offers] for name in COMPARED}
    return [
        {
            "member": name,
            "values": [
                {"offer_id": offer.id, "value": value}
                for offer, value in zip(offers, values, strict=True)
            ],
        }
        for name, values in members.items()
        if any(value != values[0] for value in values)
    ]
