"""How one offer meets one customer at one venue, whether or not it runs: nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.accounts.errors import PseudonymUnknown
from lbs.accounts.policy import subject_of
from lbs.accounts.queries import pseudonym_key
from lbs.checkins import queries
from lbs.checkins.service import NOBODYS
from lbs.checkins.service.histories import Place, Visitor, histories
from lbs.db import Session
from lbs.offers.errors import PlaceNotFound
from lbs.offers.queries import TERMS, count_venues
from lbs.offers.rules import (
    History,
    Offer,
    Standing,
    Why,
    read_limits,
    read_rule,
    stand,
    withheld,
)
from lbs.offers.rules.schedule import read_schedule
from lbs.offers.rules.terms import Site, Terms
from lbs.venues.errors import VenueNotFound

HELD_BACK = {"staff": Why.NOT_FOR_STAFF, "blocked": Why.NOT_ACCEPTED}
"""By a customer's standing with the merchant, what keeps every offer closed."""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer of the merchant's, or one who is only described."""

    customer_id: UUID = NOBODYS
    subject_id: UUID = NOBODYS
    standing: str | None = None
    visits: int = 0
    last_visit_at: datetime | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    """What the description says beside: members of a History."""


@dataclass(frozen=True, slots=True)
class Encounter:
    terms: Terms
    site: Site
    person: Person
    offer: Offer
    history: History

    @property
    def standing(self) -> Standing:
        """How the offer stands, apart from what the level of a check-in would do to it."""
        standing = stand(self.offer, self.history)
        bar = self.terms.barred(self.site, self.history.now)
        why = bar or HELD_BACK.get(self.person.standing or "")
        return withheld(standing, why) if why else standing


def read_terms(offer: Any, changes: Mapping[str, Any] | None = None) -> Terms:
    """Those of an offer's row, or what they would be with some of its columns changed."""
    columns = {name: getattr(offer, name) for name in TERMS} | dict(changes or {})
    return Terms(
        offer_id=str(offer.id),
        rule=read_rule(columns["rule"]),
        limits=read_limits(columns),
        schedule=read_schedule(columns["schedule"]),
        valid_from=columns["valid_from"],
        valid_to=columns["valid_to"],
        min_level=columns["min_level"],
        value_minor=columns["value_minor"],
        cost_minor=columns["cost_minor"],
        currency=columns["currency"],
    )


def require_own_trail(session: Session, merchant_id: UUID, terms: Terms) -> None:
    """Where else a customer has been is told to nobody but whose venues they are."""
    if count_venues(session, merchant_id, terms.trail) < len(terms.trail):
        raise PlaceNotFound


def load_site(session: Session, *, venue_id: UUID, offer_id: UUID, merchant_id: UUID) -> Site:
    row = queries.find_place(session, venue_id=venue_id, offer_id=offer_id, merchant_id=merchant_id)
    if row is None:
        raise VenueNotFound
    return view_site(row)


def view_site(row: Any) -> Site:
    return Site(str(row.id), ZoneInfo(row.time_zone), row.opening_hours, row.min_level, row.runs)


def load_person(
    session: Session, *, customer: UUID, venue_id: UUID, merchant_id: UUID, at: datetime
) -> Person:
    """The customer whom the merchant knows by this pseudonym, with the visits up to then."""
    row = queries.find_person(
        session,
        subject_id=subject_of(customer, pseudonym_key(session, merchant_id)),
        venue_id=venue_id,
        merchant_id=merchant_id,
        at=at,
    )
    if row is None:
        raise PseudonymUnknown
    return Person(row.customer_id, row.subject_id, row.standing, row.visits, row.last_at)


def meet(
    session: Session,
    terms: Terms,
    site: Site,
    person: Person,
    at: datetime,
    *,
    event_id: UUID | None = None,
) -> Encounter:
    offer = terms.met(site, person.subject_id, at)
    history = History(
        now=at,
        zone=site.zone,
        venue_id=site.id,
        visits=person.visits,
        last_visit_at=person.last_visit_at,
        event_id=event_id,
    )
    visitor = Visitor(person.customer_id, NOBODYS, at, openings_until=at)
    known = histories(session, visitor, [Place(history, [offer])])
    seen = queries.taken_of(
        session,
        offer_id=terms.offer_id,
        customer_id=person.customer_id,
        buckets=list(offer.takes),
        at=at,
    )
    offer = replace(offer, taken=seen.taken or {}, holds=seen.holds, has_redeemed=seen.has_redeemed)
    history = replace(known[site.id, offer.id], **person.said)
    return Encounter(terms, site, person, offer, history)
