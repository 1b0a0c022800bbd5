"""What an offer would do, before it does it: at one check-in, or at the visits of past weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.checkins import queries
from lbs.checkins.errors import SimulationTooLarge
from lbs.checkins.service.encounters import (
    HELD_BACK,
    Encounter,
    Person,
    load_person,
    load_site,
    meet,
    read_terms,
    require_own_trail,
    view_site,
)
from lbs.db import Session
from lbs.offers.rules import (
    Look,
    Part,
    Standing,
    State,
    Why,
    opens,
    stand_after,
    takes_of,
    withheld,
)
from lbs.offers.rules.described import tell
from lbs.offers.rules.rehearsal import Rehearsed, rehearse
from lbs.offers.rules.terms import Site, Terms, limit_of
from lbs.offers.rules.timeline import Known, Visit, lookback
from lbs.offers.service import load_offer

MAX_VISITS = 100_000
"""So many visits a replay looks at, those before its period included."""

FEW_SETTLED = 20
"""With fewer unlocks redeemed or expired, their share says nothing."""


@dataclass(frozen=True, slots=True)
class Described:
    """A customer who need not exist; None: as it is at the venue, or none."""

    visits: int = 0
    visited_at: tuple[datetime, ...] = ()
    around: Mapping[str, Any] = field(default_factory=dict)
    """Who else is there: members of a History."""


@dataclass(frozen=True, slots=True)
class TryCheckIn:
    venue_id: UUID
    at: datetime | None
    level: int
    event_id: UUID | None
    customer: UUID | Described
    """The merchant's own name for a customer, or a description."""
    terms: Mapping[str, Any]
    """What is changed about the offer, by column name."""


@dataclass(frozen=True, slots=True)
class Replay:
    days: int
    terms: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counter:
    """One that the unlock would take from."""

    limit: str
    cap: int
    taken: int

    @property
    def left(self) -> int:
        return max(0, self.cap - self.taken)


@dataclass(frozen=True, slots=True)
class Trial:
    """What would come of a check-in."""

    encounter: Encounter
    level: int

    @property
    def look(self) -> Look:
        met = self.encounter
        return met.offer.rule.look(met.history)

    @property
    def min_level(self) -> int:
        return self.encounter.terms.asks(self.encounter.site)

    @property
    def standing(self) -> Standing:
        """How the offer would stand after the check-in."""
        met, look = self.encounter, self.look
        before = stand_after(met.offer, met.history, accepted=True)
        if bar := met.terms.barred(met.site, met.history.now):
            return withheld(before, bar)
        if opens(met.offer, met.history) is None:
            return before
        if why := HELD_BACK.get(met.person.standing or ""):
            return withheld(before, why)
        if self.level < self.min_level:
            return withheld(before, Why.LEVEL_TOO_LOW)
        return Standing(State.UNLOCKED, look.after, look.target, None, look.unit)

    @property
    def counters(self) -> list[Counter]:
        met = self.encounter
        taken = {**met.history.taken, **met.offer.taken}
        return [
            Counter(limit_of(bucket), take.cap, taken.get(bucket, 0))
            for bucket, take in takes_of(met.offer, self.look).items()
        ]


@dataclass(frozen=True, slots=True)
class Observed:
    """How many of the unlocks whose time is over were redeemed."""

    of: str
    """`offer`, or all of the `merchant`."""
    settled: int
    redeemed: int

    @property
    def rate(self) -> float:
        return self.redeemed / self.settled


@dataclass(frozen=True, slots=True)
class Replayed:
    start: datetime
    end: datetime
    terms: Terms
    done: Rehearsed
    observed: Observed | None


def try_check_in(
    session: Session, offer_id: UUID, merchant_id: UUID, command: TryCheckIn, now: datetime
) -> Trial:
    """What the check-in would open of the offer, as it is or would be; nothing is written."""
    at = command.at or now
    terms = read_terms(load_offer(session, offer_id, merchant_id), command.terms)
    require_own_trail(session, merchant_id, terms)
    site = load_site(session, venue_id=command.venue_id, offer_id=offer_id, merchant_id=merchant_id)
    customer = command.customer
    if isinstance(customer, Described):
        person = Person()
    else:
        person = load_person(
            session, customer=customer, venue_id=command.venue_id, merchant_id=merchant_id, at=at
        )
    met = meet(session, terms, site, person, at, event_id=command.event_id)
    if isinstance(customer, Described):
        told = tell(met.history, customer.visits, customer.visited_at)
        met = replace(met, history=replace(met.history, **told, **customer.around))
    return Trial(met, command.level)


def replay(
    session: Session,
    offer_id: UUID,
    merchant_id: UUID,
    command: Replay,
    now: datetime,
    *,
    at_most: int = MAX_VISITS,
) -> Replayed:
    """What the offer would have opened at the visits of the last days; nothing is written."""
    terms = read_terms(load_offer(session, offer_id, merchant_id), command.terms)
    require_own_trail(session, merchant_id, terms)
    start = now - timedelta(days=command.days)
    sites = _load_sites(session, terms, merchant_id)
    stream: dict[str, Any] = {
        "venue_ids": list(sites),
        "merchant_id": merchant_id,
        "since": start - lookback(terms.rule),
        "now": now,
    }
    if queries.count_visits(session, **stream, limit=at_most + 1) > at_most:
        raise SimulationTooLarge(f"It would look at more than {at_most:,} visits.")
    visits = (Visit(*row) for row in queries.stream_visits(session, **stream))
    known, referred = _known(session, terms, stream), _referred(session, terms)
    done = rehearse(terms, sites, visits, start, known, referred)
    return Replayed(start, now, terms, done, _observe(session, offer_id, merchant_id, now))


def _load_sites(session: Session, terms: Terms, merchant_id: UUID) -> dict[str, Site]:
    rows = queries.list_sites(
        session, offer_id=terms.offer_id, merchant_id=merchant_id, others=terms.trail
    )
    return {site.id: site for site in map(view_site, rows)}


def _known(session: Session, terms: Terms, stream: Mapping[str, Any]) -> Known:
    tallies = queries.list_tallies(session, **stream)
    friends: dict[str, list[tuple[str, datetime]]] = {}
    if Part.FRIENDS in terms.rule.needs:
        for row in queries.list_friendships(session, **stream):
            friends.setdefault(row.one_id, []).append((row.other_id, row.created_at))
            friends.setdefault(row.other_id, []).append((row.one_id, row.created_at))
    sent: dict[str, list[datetime]] = {}
    if Part.FRIENDS_SENT in terms.rule.needs:
        for row in queries.list_sent(session, merchant_id=stream["merchant_id"]):
            sent.setdefault(row.customer_id, []).append(row.credited_at)
    return Known(
        tallies={(row.customer_id, row.venue_id): (row.visits, row.last_at) for row in tallies},
        friends=friends,
        sent=sent,
    )


def _referred(session: Session, terms: Terms) -> dict[str, datetime]:
    if Part.REFERRAL not in terms.rule.needs:
        return {}
    rows = queries.list_referred(session, offer_id=terms.offer_id)
    return {row.customer_id: row.bound_at for row in rows}


def _observe(session: Session, offer_id: UUID, merchant_id: UUID, now: datetime) -> Observed | None:
    """The offer's own share if it says something, else the merchant's."""
    row = queries.count_settled(session, offer_id=offer_id, merchant_id=merchant_id, now=now)
    seen: Sequence[Observed] = (
        Observed("offer", row.own_settled, row.own_redeemed),
        Observed("merchant", row.settled, row.redeemed),
    )
    return next((one for one in seen if one.settled >= FEW_SETTLED), None)
