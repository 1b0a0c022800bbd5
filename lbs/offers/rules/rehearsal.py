"""What an offer would have opened at visits that really were: a dry run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from lbs.offers.rules.history import PRESENT_FOR, History, Part
from lbs.offers.rules.look import Look, Reach, Why
from lbs.offers.rules.people import AT_OWN_CHECK_INS, brought
from lbs.offers.rules.standing import Offer, customer_bucket, obstacle, takes_of
from lbs.offers.rules.terms import Site, Terms
from lbs.offers.rules.timeline import NOTHING_KNOWN, Known, Timeline, Visit

FEWEST = 5
"""A group of fewer customers is not shown by itself."""

REFERRED_FOR = timedelta(days=7)
"""How long after a share brought a customer it is credited with an opening."""

HIGHEST = 3
"""The level beyond which nobody is asked, whatever the risk."""

NOBODY: Mapping[str, datetime] = MappingProxyType({})


@dataclass(slots=True)
class Group:
    """Visits of one venue or one day, or of all."""

    visits: int = 0
    customers: set[str] = field(default_factory=set)
    unlocks: int = 0
    parts: int = 1
    """How many venues or days it is made of."""

    def add(self, customer: str, unlocks: int) -> None:
        self.visits += 1
        self.customers.add(customer)
        self.unlocks += unlocks

    def take_in(self, other: Group) -> None:
        self.visits += other.visits
        self.customers |= other.customers
        self.unlocks += other.unlocks
        self.parts += other.parts


@dataclass(slots=True)
class Rehearsed:
    """What came of a dry run."""

    whole: Group = field(default_factory=Group)
    by_venue: defaultdict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    by_day: defaultdict[date, Group] = field(default_factory=lambda: defaultdict(Group))
    """Days of the venues' own calendars."""
    winners: set[str] = field(default_factory=set)
    """The customers for whom it has opened."""
    pledged_minor: int = 0
    reasons: Counter[Why] = field(default_factory=Counter)
    """Why it did not open, by how many visits."""
    at_lower_levels: Mapping[int, int] = field(default_factory=dict)
    """How many unlocks there would have been, had no visit been asked for a higher level."""


def rehearse(
    terms: Terms,
    sites: Mapping[str, Site],
    visits: Iterable[Visit],
    start: datetime,
    known: Known = NOTHING_KNOWN,
    referred: Mapping[str, datetime] = NOBODY,
) -> Rehearsed:
    """Play the offer over visits in the order of time, as if it had begun with the period.

    Those up to its start, those at venues where it does not run and those of no guests open
    nothing, and only make the past that the rules look at. The offer's dates are left out.
    `referred`: by customer, when a share of the offer brought them last.
    """
    terms = replace(terms, valid_from=start)
    zones = {site.id: site.zone for site in sites.values()}
    timeline = Timeline(terms.rule.needs, zones, terms.trail, known)
    asked = max((terms.asks(site) for site in sites.values() if site.runs), default=1)
    stage, *lower = (_Stage(terms, sites, referred, most) for most in range(asked, 0, -1))
    done = Rehearsed()
    for visit in visits:
        site = sites[visit.venue_id]
        if visit.standing is None and site.runs and visit.at > start:
            past = timeline.before(visit)
            friends = timeline.friends_present(visit)
            outcome = stage.meet(visit, past, timeline.others_present, friends)
            _count(done, visit, visit.at.astimezone(site.zone).date(), outcome)
            for other in lower:
                other.meet(visit, past, timeline.others_present, friends)
        timeline.add(visit)
    done.at_lower_levels = {other.most: other.unlocks for other in reversed(lower)}
    return done


def fold(groups: Mapping[Any, Group]) -> list[tuple[Any, Group]]:
    """The groups in order, by name; small ones together as the last, whose name is None.

    So many are put together that it stands for FEWEST customers, if there are as many.
    """
    names = sorted(groups, key=lambda name: len(groups[name].customers), reverse=True)
    rest = Group(parts=0)
    while names and (_is_small(groups[names[-1]]) or (rest.parts and _is_small(rest))):
        rest.take_in(groups[names.pop()])
    shown = [(name, groups[name]) for name in sorted(names)]
    return [*shown, (None, rest)] if rest.parts else shown


def _is_small(group: Group) -> bool:
    return len(group.customers) < FEWEST


@dataclass(frozen=True, slots=True)
class _Outcome:
    unlocked: tuple[str, ...] = ()
    """For whom the visit opened the offer: not only for who came, where it opens for all there."""
    pledged_minor: int = 0
    why: Why | None = None


def _count(done: Rehearsed, visit: Visit, day: date, outcome: _Outcome) -> None:
    for group in (done.whole, done.by_venue[visit.venue_id], done.by_day[day]):
        group.add(visit.customer, len(outcome.unlocked))
    done.winners.update(outcome.unlocked)
    done.pledged_minor += outcome.pledged_minor
    if outcome.why:
        done.reasons[outcome.why] += 1


OthersPresent = Callable[[Visit], Sequence[Visit]]
FriendsPresent = Sequence[tuple[Visit, Mapping[str, Any]]]
"""Their last visits, each with the members of the History it would have now."""

Opening = tuple[str, int]
"""For whom the offer opens, and what is pledged for it."""


class _Stage:
    """The offer with its own stock and openings, where no visit is asked for more than `most`."""

    def __init__(
        self,
        terms: Terms,
        sites: Mapping[str, Site],
        referred: Mapping[str, datetime],
        most: int,
    ) -> None:
        self.most, self.unlocks = most, 0
        self._terms, self._sites = terms, sites
        self._taken: Counter[str] = Counter()
        self._opened: dict[str, datetime] = {}
        self._opened_here: dict[tuple[str, str], datetime] = {}
        self._openings: Counter[str] = Counter()
        self._referred = dict(referred)
        self._needs = terms.rule.needs

    def meet(
        self,
        visit: Visit,
        past: Mapping[str, Any],
        others: OthersPresent,
        friends: FriendsPresent,
    ) -> _Outcome:
        offer, history = self._offer(visit, visit.at), History(**past, **self._own(visit))
        look = offer.rule.look(history)
        why = obstacle(offer, visit.at) or look.why
        if why is None and self._is_too_low(visit):
            why = Why.LEVEL_TOO_LOW
        looks = list(self._brought(history, friends))
        opened = [] if why else [self._unlock(visit, offer, look)]
        if opened and self._is_referred(visit):
            del self._referred[visit.customer]
        if look.opens and look.opens_for is Reach.PRESENT:
            opened += self._open_for_others(visit, offer, look, others)
        opened += self._open_for_friends(looks, visit.at)
        unlocked, pledges = tuple(who for who, _ in opened), sum(minor for _, minor in opened)
        return _Outcome(unlocked, pledges, why)

    def _own(self, visit: Visit) -> dict[str, Any]:
        """What the history has to say of the offer itself."""
        members: dict[str, Any] = {}
        if Part.OPENED in self._needs:
            members["opened_at"] = self._opened.get(visit.customer)
            members["opened_here_at"] = self._opened_here.get((visit.customer, visit.venue_id))
            members["openings"] = self._openings[visit.customer]
        if Part.WINDOWS in self._needs:
            members["taken"] = self._taken
        if Part.REFERRAL in self._needs:
            members["referred"] = self._is_referred(visit)
        return members

    def _offer(self, visit: Visit, at: datetime) -> Offer:
        return self._terms.met(self._sites[visit.venue_id], visit.customer, at, self._taken)

    def _is_too_low(self, visit: Visit) -> bool:
        asks = min(self.most, self._terms.asks(self._sites[visit.venue_id]))
        return visit.level < min(HIGHEST, asks + visit.risk)

    def _is_referred(self, visit: Visit) -> bool:
        brought_at = self._referred.get(visit.customer)
        return brought_at is not None and brought_at <= visit.at <= brought_at + REFERRED_FOR

    def _brought(self, comer: History, friends: FriendsPresent) -> Iterator[tuple[Visit, Look]]:
        """What the visit opens for friends who are there, before anything is taken for it."""
        for theirs, past in () if comer.is_here else friends:
            members = {**past, **self._own(theirs), **AT_OWN_CHECK_INS}
            look = brought(self._terms.rule, History(**members), comer, same_party=False)
            if look:
                yield theirs, look

    def _open_for_friends(
        self, looks: Iterable[tuple[Visit, Look]], at: datetime
    ) -> Iterator[Opening]:
        for theirs, look in looks:
            offer = self._offer(theirs, at)
            if self._may_have(theirs, theirs.at) and self._is_left(offer, look, at):
                yield self._unlock(theirs, offer, look)

    def _is_left(self, offer: Offer, look: Look, at: datetime) -> bool:
        return obstacle(offer, at) is None and all(
            self._taken[name] < cap for name, cap in look.buckets
        )

    def _open_for_others(
        self, visit: Visit, offer: Offer, look: Look, others: OthersPresent
    ) -> list[Opening]:
        """First come, first served, whatever who completes it alone has had or proved."""
        own = customer_bucket(visit.customer)
        shared = {bucket: take for bucket, take in offer.takes.items() if bucket != own}
        if obstacle(replace(offer, takes=shared), visit.at):
            return []
        unlocked = []
        for other in others(visit):
            theirs = self._offer(other, visit.at)
            may_have = self._may_have(other, visit.at - PRESENT_FOR)
            if may_have and self._is_left(theirs, look, visit.at):
                unlocked.append(self._unlock(other, theirs, look))
        return unlocked

    def _may_have(self, other: Visit, since: datetime) -> bool:
        """Whether a guest came with a strong enough proof, and has not had it here since."""
        had_at = self._opened_here.get((other.customer, other.venue_id))
        is_new = had_at is None or had_at < since
        return other.standing is None and is_new and not self._is_too_low(other)

    def _unlock(self, visit: Visit, offer: Offer, look: Look) -> Opening:
        for bucket, take in takes_of(offer, look).items():
            self._taken[bucket] += take.units
        self._opened[visit.customer] = visit.at
        self._opened_here[visit.customer, visit.venue_id] = visit.at
        self._openings[visit.customer] += 1
        self.unlocks += 1
        return visit.customer, sum(pledge.amount_minor for pledge in look.pledges)
