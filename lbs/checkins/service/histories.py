"""What the rules ask about beyond a tally of visits, gathered only where an offer asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.checkins import queries
from lbs.db import Session
from lbs.offers.rules import History, HourShare, Offer, Part, Trail, leaves, needs_of

Histories = Mapping[tuple[Any, str], History]
"""By venue and offer."""

PEOPLE = frozenset({Part.FRIENDS, Part.PARTY, Part.PRESENT})
"""What two who come at one moment would change for each other."""

SHARES = frozenset({Part.FRIENDS_SENT, Part.REFERRAL})
"""What a customer's own check-ins at several venues at one moment would use up twice."""


@dataclass(frozen=True, slots=True)
class Place:
    """A venue with the offers there, and what is known of the customer's past at it already."""

    history: History
    offers: Sequence[Offer]

    @property
    def needs(self) -> frozenset[Part]:
        return frozenset(part for offer in self.offers for part in needs_of(offer.rule))

    @property
    def counts_people(self) -> bool:
        return not self.needs.isdisjoint(PEOPLE)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose history is asked for, and at which check-in."""

    customer_id: UUID
    check_in_id: UUID
    at: datetime
    party_id: UUID | None = None
    openings_until: datetime | None = None
    """None: also those of later check-ins, which have used up what this one would."""


def histories(session: Session, visitor: Visitor, places: Sequence[Place]) -> Histories:
    """The history that each offer is judged on; one statement, or none where no rule asks."""
    asking = [place for place in places if place.needs]
    found = _gather(session, visitor, asking) if asking else {}
    return {
        (place.history.venue_id, offer.id): _fill(place.history, offer, found)
        for place in places
        for offer in place.offers
    }


def _gather(session: Session, visitor: Visitor, places: Sequence[Place]) -> Mapping[str, Any]:
    offers = [offer for place in places for offer in place.offers]
    counters = sorted({counter for place in places for counter in _counters(place)})
    rows = queries.history(
        session,
        asked=[_ask(place, visitor.party_id) for place in places],
        customer_id=visitor.customer_id,
        check_in_id=visitor.check_in_id,
        party_id=visitor.party_id,
        trail=sorted({venue_id for offer in offers for venue_id in _trail(offer)}),
        opened=sorted({offer.id for offer in offers if Part.OPENED in needs_of(offer.rule)}),
        referred=sorted({offer.id for offer in offers if Part.REFERRAL in needs_of(offer.rule)}),
        counter_offers=[offer_id for offer_id, _ in counters],
        counters=[bucket for _, bucket in counters],
        now=visitor.at,
        openings_until=visitor.openings_until,
    )
    return {str(row.venue_id): row for row in rows}


def _ask(place: Place, party_id: UUID | None) -> dict[str, Any]:
    needs = place.needs
    return {
        "venue_id": str(place.history.venue_id),
        "zone": str(place.history.zone),
        "times": Part.TIMES in needs,
        "leader": Part.LEADER in needs,
        "quiet": Part.QUIET in needs,
        "present": Part.PRESENT in needs,
        "friends": Part.FRIENDS in needs,
        "party": Part.PARTY in needs and party_id is not None,
        "friends_sent": Part.FRIENDS_SENT in needs,
    }


def _counters(place: Place) -> Iterator[tuple[str, str]]:
    """The counters beside the limits' that the offers' rules would take from just now."""
    for offer in place.offers:
        for rule in leaves(offer.rule):
            if Part.WINDOWS in rule.needs:
                yield from ((offer.id, name) for name, _ in rule.look(place.history).buckets)


def _trail(offer: Offer) -> Iterator[str]:
    for rule in leaves(offer.rule):
        if isinstance(rule, Trail):
            yield from rule.venue_ids


def _fill(history: History, offer: Offer, found: Mapping[str, Any]) -> History:
    row = found.get(str(history.venue_id))
    if row is None:
        return history
    opened = (row.opened or {}).get(offer.id, {})
    return replace(
        history,
        visit_times=row.times or (),
        own_days=row.own_days or 0,
        own_reached_at=row.own_reached_at,
        best_other_days=row.best_other_days or 0,
        best_other_reached_at=row.best_other_reached_at,
        present=row.present or 0,
        party=row.party,
        opened_in_party=UUID(offer.id) in (row.opened_in_party or ()),
        friends_present=row.friends_present or 0,
        referred=UUID(offer.id) in row.referred,
        friends_sent=row.friends_sent or 0,
        quiet_share=_share(row),
        trail={venue: _moments(times) for venue, times in (row.trail or {}).items()},
        opened_at=_moment(opened.get("at")),
        opened_here_at=_moment(opened.get("here_at")),
        openings=opened.get("times", 0),
        taken=(row.taken or {}).get(offer.id, {}),
    )


def _share(row: Any) -> HourShare | None:
    if not row.quiet_visits:
        return None
    return HourShare(row.quiet_hits / row.quiet_visits, row.quiet_visits)


def _moments(texts: Sequence[str]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in texts]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
