"""The use case: gather facts, ask the policy and the rules, write all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.accounts.errors import CustomerGone
from lbs.checkins import queries
from lbs.checkins.errors import (
    CheckInNotFound,
    EvidenceNotTaken,
    HistoryMoved,
)
from lbs.checkins.policy import (
    SPOOFING,
    Facts,
    Judgement,
    Limits,
    LocationFix,
    Past,
    Travel,
    Verdict,
    asked_level,
    brings,
    judge,
    receipt_ttl,
    spell_position,
    uphold,
)
from lbs.checkins.service.company import ALONE, Company, find_company
from lbs.checkins.service.evidence import Evidence, Tools, find_staff, spend, verify
from lbs.checkins.service.grants import (
    OPENED_BY,
    Grant,
    Holder,
    candidate_of,
    fit,
    follow_up,
    give_codes,
    make_grant,
    stock_of,
    unused,
)
from lbs.checkins.service.histories import PEOPLE, SHARES, Histories, Place, Visitor, histories
from lbs.checkins.service.variants import (
    Offers,
    experiments_at,
    first_exposures,
    own_of,
    sort_others,
)
from lbs.db import Session, new_id
from lbs.experiments.policy import versions_of
from lbs.experiments.service import expose
from lbs.geo import Point, distance_m
from lbs.offers.queries import terms_of
from lbs.offers.rules import (
    AT_OWN_CHECK_INS,
    History,
    Look,
    Offer,
    Opened,
    Part,
    Policy,
    Reach,
    Stacking,
    Standing,
    Take,
    Why,
    brought,
    choose,
    customer_bucket,
    friends_asked,
    is_customers,
    needs_of,
    obstacle,
    opens,
    opens_for_others,
    sold_out,
    stand,
    stand_after,
    takes_of,
    withheld,
)
from lbs.offers.rules.schedule import at_venue, is_on
from lbs.proofs.policy import PROVISIONED, Kind, Outcome, Proven, confirm
from lbs.shares.queries import lock_referrals, use_referrals
from lbs.shares.service import bring
from lbs.unlocks.queries import give_back, lock_stock
from lbs.unlocks.service import UnlockView
from lbs.vault import Unreadable, Vault
from lbs.venues.errors import VenueNotFound
from lbs.venues.policy import is_open

TRIES = 3
NOBODYS = UUID(int=0)
"""The id of no check-in."""
TAKES_EVIDENCE = ("accepted", "ambiguous")
NOT_COUNTED = ("tester", "staff")
"""Standings whose check-ins are in no statistic."""


@dataclass(frozen=True, slots=True)
class CheckIn:
    place_id: UUID
    """A venue, or an event at one."""
    evidence: Evidence
    is_event: bool = False
    party_code: str | None = None
    channel: str | None = None
    share_token: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A check-in as far as it has got: a new one, or one that more evidence has come for."""

    id: UUID
    place_id: UUID
    is_event: bool
    occurred_at: datetime
    fix: LocationFix | None
    fix_received_at: datetime
    proofs: tuple[Proven, ...] = ()
    verdict: str | None = None
    """The one it had before."""
    level: int = 0
    visit: int | None = None
    last_visit_at: datetime | None = None
    """The visit before this one, where this is one."""
    revision: int = 0
    opened: frozenset[UUID] = frozenset()
    """Offers that it has opened before."""
    opened_alone: bool = False
    """Whether one of them combines with no other."""
    company: Company = ALONE
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A claim with all that was seen of it, judged."""

    customer_id: UUID
    claim: Claim
    seen: Any
    facts: Facts
    judgement: Judgement
    now: datetime
    histories: Histories = field(default_factory=dict)
    """What the offers' rules look at, for each."""
    shares: Mapping[UUID, UUID] = field(default_factory=dict)
    """Through which share of a friend's the customer has come to which offer."""

    @property
    def is_new_visit(self) -> bool:
        return self.judgement.accepted and self.claim.visit is None

    @property
    def visits(self) -> int:
        """The customer's visits to the venue, with this one if it is one."""
        return self.claim.visit or int(self.seen.visits) + self.is_new_visit

    @property
    def history(self) -> History:
        """The customer's past at the venue, up to this check-in."""
        claim, seen = self.claim, self.seen
        counted = claim.visit is not None
        return History(
            now=claim.occurred_at,
            zone=ZoneInfo(seen.time_zone),
            venue_id=seen.venue_id,
            visits=claim.visit - 1 if claim.visit else seen.visits,
            last_visit_at=claim.last_visit_at if counted else seen.last_at,
            event_id=claim.place_id if claim.is_event else None,
        )

    def history_for(self, offer: Offer) -> History:
        return self.histories[self.seen.venue_id, offer.id]

    def opens(self, offer: Offer) -> Look | None:
        return opens(offer, self.history_for(offer)) if self.judgement.accepted else None

    def opens_for_others(self, offer: Offer) -> Look | None:
        """Staff are none of those who complete a party or a swarm."""
        if not self.judgement.accepted or self.facts.past.standing == "staff":
            return None
        if offer.rule.needs.isdisjoint(PEOPLE):
            return None
        return opens_for_others(offer, self.history_for(offer))

    def meets_friends(self, offer: Offer) -> bool:
        """Whether the customer, who was not here before, finds friends whom the offer may open for.

        Staff are nobody's friends here.
        """
        history = self.history_for(offer)
        if not history.friends_present or Part.FRIENDS not in needs_of(offer.rule):
            return False
        comes = self.is_new_visit and not history.is_here
        return comes and self.facts.past.standing != "staff"

    def brings(self, friend: Any, offer: Offer, known: History) -> Look | None:
        """What the customer's coming opens the offer with for a friend with this history.

        What shares have brought opens it at the friend's own check-ins alone.
        """
        if obstacle(offer, known.now):
            return None
        party_id = self.claim.company.party_id
        return brought(
            offer.rule,
            replace(known, **AT_OWN_CHECK_INS),
            self.history_for(offer),
            same_party=party_id is not None and friend.party_id == party_id,
        )

    @property
    def holder(self) -> Holder:
        """The customer, for what this check-in opens."""
        return Holder(
            customer_id=self.customer_id,
            subject_id=self.seen.subject_id,
            check_in_id=self.claim.id,
            occurred_at=self.claim.occurred_at,
            level=int(self.judgement.level),
            first_visit=self.visits == 1,
            counted=self.seen.standing not in NOT_COUNTED,
            channel=self.claim.channel,
        )

    def withholds(self, row: dict[str, Any]) -> Why | None:
        """What keeps an offer from the customer whose rule is met."""
        if self.facts.past.standing == "staff":
            return Why.NOT_FOR_STAFF
        if self.judgement.level < self.judgement.asks(row["min_level"]):
            return Why.LEVEL_TOO_LOW
        return None

    @property
    def opened(self) -> Opened:
        return Opened(len(self.claim.opened), self.claim.opened_alone)

    @property
    def stacking(self) -> Stacking:
        policy = self.seen.stacking_policy
        return Stacking(Policy(policy), self.seen.max_per_check_in) if policy else Stacking()


@dataclass(frozen=True, slots=True)
class ClosedOffer:
    """An offer at the venue that this check-in did not open."""

    offer_id: UUID
    teaser: str
    min_level: int
    """What it takes of this customer."""
    standing: Standing
    needs: tuple[str, ...] = ()
    """The proofs that would bring the check-in to the level."""


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """What came of a check-in."""

    id: UUID
    venue_id: UUID
    event_id: UUID | None
    occurred_at: datetime
    judgement: Judgement
    visits: int
    takes_until: datetime
    receipt: str | None = field(repr=False)
    unlocked: tuple[UnlockView, ...]
    locked: tuple[ClosedOffer, ...]
    party: str | None = None
    """What came of the party code, if one was named."""
    for_others: int = 0
    """How many unlocks others have by it."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What would settle the verdict, or open an offer that the level keeps closed."""
        wanted = (*self.judgement.needs, *(need for offer in self.locked for need in offer.needs))
        return tuple(dict.fromkeys(wanted))

    @property
    def evidence_until(self) -> datetime | None:
        """Until when more evidence is taken, where it could change something."""
        return self.takes_until if self.takes_evidence and self.needs else None

    @property
    def takes_evidence(self) -> bool:
        return self.judgement.verdict.word in TAKES_EVIDENCE


@dataclass(frozen=True, slots=True)
class Search:
    """For venues at most so far from a position."""

    lon: float
    lat: float
    radius_m: float
    limit: int


@dataclass(frozen=True, slots=True)
class NearbyVenue:
    id: UUID
    name: str
    category: str
    time_zone: str
    opening_hours: str | None
    lon: float
    lat: float
    distance_m: int
    offers: tuple[ClosedOffer, ...]


def check_in(
    session: Session,
    customer_id: UUID,
    command: CheckIn,
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> CheckedIn:
    evidence = command.evidence
    company = find_company(session, customer_id, command.party_code, tools.guesses, now)
    claim = Claim(
        id=new_id(),
        place_id=command.place_id,
        is_event=command.is_event,
        occurred_at=now,
        fix=evidence.fix,
        fix_received_at=now,
        company=company,
        channel=command.channel,
    )
    if command.share_token:
        bring(session, customer_id, command.share_token, tools.vault, now)
    if not (evidence.proofs or evidence.device):
        return conclude(session, customer_id, claim, limits, tools, now)
    queries.lock_customer(session, customer_id)
    proven = verify(session, customer_id, claim.place_id, evidence, tools, now)
    return _prove(session, customer_id, claim, proven, limits, tools, now)


def add_evidence(
    session: Session,
    customer_id: UUID,
    check_in_id: UUID,
    evidence: Evidence,
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> CheckedIn:
    """Judge a check-in anew, with more evidence. A new location takes the place of the old."""
    claim = _load_claim(session, customer_id, check_in_id, limits, tools.vault, now)
    if evidence.fix:
        claim = replace(claim, fix=evidence.fix, fix_received_at=now)
    proven = verify(session, customer_id, claim.place_id, evidence, tools, now)
    return _prove(session, customer_id, claim, proven, limits, tools, now)


def confirm_by_staff(
    session: Session,
    check_in_id: UUID,
    *,
    venue_id: UUID,
    staff_id: UUID,
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> CheckedIn:
    """A staff member, known by their own key, has seen the customer of the check-in."""
    customer_id = queries.find_customer(session, check_in_id, venue_id)
    if customer_id is None:
        raise CheckInNotFound
    claim = _load_claim(session, customer_id, check_in_id, limits, tools.vault, now)
    staff = find_staff(
        session,
        place_id=claim.place_id,
        customer_id=customer_id,
        staff_id=staff_id,
        vault=tools.vault,
        now=now,
    )
    if staff is None:
        raise CheckInNotFound
    return _prove(session, customer_id, claim, (confirm(staff, now),), limits, tools, now)


def nearby(
    session: Session,
    customer_id: UUID,
    search: Search,
    vault: Vault,
    now: datetime,
) -> list[NearbyVenue]:
    rows = queries.nearby(session, customer_id=customer_id, **asdict(search), now=now)
    versions = _offers(session, rows, vault, now)
    exposures = [
        one
        for row, there in zip(rows, versions, strict=True)
        for one in first_exposures(there, row)
    ]
    if exposures:
        expose(session, exposures, "nearby", now)
    offers = [own_of(there, row.subject_id) for row, there in zip(rows, versions, strict=True)]
    places = [
        Place(_history(row, now), [offer for _, offer in there])
        for row, there in zip(rows, offers, strict=True)
    ]
    known = histories(session, Visitor(customer_id, NOBODYS, now), places)
    found = list(zip(rows, offers, strict=True))
    listed = [_listed(row, running) for row, there in found if (running := _running(there, now))]
    if listed:
        queries.record_listed(session, listed, now)
    return [_view_nearby(row, there, known) for row, there in found]


def list_check_ins(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Any]:
    return queries.list_check_ins(session, customer_id, limit=limit, after=after)


def conclude(
    session: Session, customer_id: UUID, claim: Claim, limits: Limits, tools: Tools, now: datetime
) -> CheckedIn:
    """Judge the claim and write what follows, at once or, where others were faster, anew."""
    for _ in range(TRIES):
        outcome = _try_to_conclude(session, customer_id, claim, limits, tools, now)
        if outcome is not None:
            return outcome
    raise HistoryMoved


def _prove(
    session: Session,
    customer_id: UUID,
    claim: Claim,
    proven: Sequence[Proven],
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> CheckedIn:
    """What was good before stays good; a new proof takes the place of a bad one of its kind."""
    lasting = [p for p in claim.proofs if p.valid or p.outcome is Outcome.FORGED]
    claim = replace(claim, proofs=(*lasting, *proven))
    outcome = conclude(session, customer_id, claim, limits, tools, now)
    spend(session, customer_id, proven, now, rejected=not outcome.takes_evidence)
    return outcome


def _load_claim(
    session: Session,
    customer_id: UUID,
    check_in_id: UUID,
    limits: Limits,
    vault: Vault,
    now: datetime,
) -> Claim:
    """The customer's check-in, if it takes evidence still; the customer is locked."""
    queries.lock_customer(session, customer_id)
    row = queries.find_claim(session, check_in_id, customer_id)
    if row is None:
        raise CheckInNotFound
    if row.verdict not in TAKES_EVIDENCE:
        raise EvidenceNotTaken(f"It is {row.verdict}.")
    if now > row.occurred_at + limits.step_up:
        raise EvidenceNotTaken("Its time is over.")
    fix = _open_fix(row.sealed, row, vault)
    return Claim(
        id=row.id,
        place_id=row.event_id or row.venue_id,
        is_event=row.event_id is not None,
        occurred_at=row.occurred_at,
        fix=fix,
        fix_received_at=row.received_at or row.occurred_at,
        proofs=tuple(_read_proof(proof) for proof in row.proofs),
        verdict=row.verdict,
        level=row.level,
        visit=row.visit,
        last_visit_at=row.last_visit_at,
        revision=row.revision,
        opened=frozenset(row.opened),
        opened_alone=row.opened_alone,
        company=Company("joined", row.party_id) if row.party_id else ALONE,
        channel=row.channel,
    )


def _try_to_conclude(
    session: Session, customer_id: UUID, claim: Claim, limits: Limits, tools: Tools, now: datetime
) -> CheckedIn | None:
    """None where the customer's history moved while it was judged: nothing was written."""
    seen = _gather(session, customer_id, claim, limits, tools.vault, now)
    if claim.company is not ALONE:
        claim = replace(claim, company=claim.company.at(seen.venue_id))
    facts = _facts(seen, claim, tools.vault)
    judgement = judge(facts, limits)
    if claim.verdict == Verdict.ACCEPTED.word:
        judgement = uphold(judgement, claim.level)
    case = Case(customer_id, claim, seen, facts, judgement, now)
    [versions] = _offers(session, [seen], tools.vault, claim.occurred_at)
    offers = own_of(versions, seen.subject_id)
    place = Place(case.history, [offer for _, offer in versions])
    if judgement.accepted:
        _wait(session, case, place)
    visitor = Visitor(customer_id, claim.id, claim.occurred_at, claim.company.party_id)
    case = replace(
        case,
        histories=histories(session, visitor, [place]),
        shares=_lock_shares(session, case),
    )
    columns = {
        **_check_in_columns(case),
        **_fix_columns(claim, tools.vault),
        **_event_columns(case, versions),
    }
    opening = {offer.id: look for _, offer in offers if (look := case.opens(offer))}
    own = list(_own_grants(case, offers, opening, tools))
    reached = _others_grants(session, case, versions, tools)
    others, met = sort_others(versions, reached, seen.venue_id)
    written = _write(session, case, columns, own, others, tools.vault)
    if written is None:
        return None
    if exposures := [*first_exposures(versions, seen), *met]:
        expose(session, exposures, "check_in", now)
    unlocked = [grant.view for grant in written.granted]
    if case.shares and unlocked:
        _credit(session, case, unlocked)
    locked = tuple(_closed(case, offers, opening, written))
    return CheckedIn(
        id=claim.id,
        venue_id=seen.venue_id,
        event_id=claim.place_id if claim.is_event else None,
        occurred_at=claim.occurred_at,
        judgement=case.judgement,
        visits=case.visits,
        takes_until=claim.occurred_at + limits.step_up,
        receipt=_receipt(case, limits, tools),
        unlocked=tuple(unlocked),
        locked=locked,
        party=claim.company.word,
        for_others=written.for_others,
    )


@dataclass(frozen=True, slots=True)
class Written:
    """What has opened of what could."""

    granted: Sequence[Grant]
    """To the customer."""
    for_others: int
    lost: AbstractSet[UUID]
    """The offers at which others were faster."""


def _write(
    session: Session,
    case: Case,
    columns: dict[str, Any],
    own: Sequence[Grant],
    others: Sequence[Grant],
    vault: Vault,
) -> Written | None:
    """Write the check-in with the offers that open together, and with what opens for others.

    Where somebody was faster at a chosen offer that had kept another closed, all is taken back, and
    chosen anew without it: the next best opens.
    """
    left, lost = {grant.candidate.id: grant for grant in own}, set[UUID]()
    while True:
        candidates = [grant.candidate for grant in left.values()]
        chosen = [left[one.id] for one in choose(candidates, case.stacking, case.opened)]
        may_undo = len(chosen) < len(left)
        if may_undo:
            queries.save(session)
        fitting = _fit(session, [*chosen, *others]) if others else chosen
        grants = give_codes(session, fitting, vault)
        written = queries.record(
            session,
            **columns,
            grants=[grant.columns for grant in grants],
            stock=stock_of(grants),
        )
        if not written.recorded:
            return None
        ids = frozenset(written.granted or ())
        given = [grant for grant in grants if grant.view.id in ids]
        missed = {grant.candidate.id for grant in chosen if grant.view.id not in ids}
        lost |= missed
        if not (missed and may_undo):
            break
        queries.undo(session)
        left = {offer_id: grant for offer_id, grant in left.items() if offer_id not in missed}
    if written.taken and (given_up := unused(grants, ids, written.taken)):
        give_back(session, given_up)
    follow_up(session, given)
    granted = [grant for grant in given if grant.holder.check_in_id == case.claim.id]
    return Written(granted, len(given) - len(granted), lost)


def _wait(session: Session, case: Case, place: Place) -> None:
    """For those at one moment who would change what each other's history says."""
    if not place.needs.isdisjoint(SHARES):
        queries.lock_customer(session, case.customer_id)
    if place.counts_people:
        queries.lock_venue(session, case.seen.venue_id)


def _gather(
    session: Session, customer_id: UUID, claim: Claim, limits: Limits, vault: Vault, now: datetime
) -> Any:
    fix = claim.fix
    seen = queries.gather(
        session,
        customer_id=customer_id,
        check_in_id=claim.id,
        place_id=claim.place_id,
        lon=fix.lon if fix else None,
        lat=fix.lat if fix else None,
        captured_at=fix.captured_at if fix else None,
        digests=vault.digests(spell_position(fix.lon, fix.lat)) if fix else [],
        rapid_window=limits.rapid_window,
        now=now,
    )
    if seen is None:
        raise CustomerGone
    if seen.venue_id is None or (seen.starts_at is not None) is not claim.is_event:
        raise VenueNotFound
    return seen


def _facts(seen: Any, claim: Claim, vault: Vault) -> Facts:
    at = claim.occurred_at
    return Facts(
        now=at,
        fix=claim.fix,
        distance_m=seen.distance_m,
        fix_received_at=claim.fix_received_at,
        past=_past(seen),
        cool_down=None if seen.cool_down_s is None else timedelta(seconds=seen.cool_down_s),
        counted=claim.visit is not None,
        proofs=claim.proofs,
        live=_live_kinds(seen),
        published=(seen.public_lon, seen.public_lat),
        repeated=seen.repeated,
        travel=_travel(seen, claim.fix, vault),
        is_open=is_open(seen.opening_hours, at.astimezone(ZoneInfo(seen.time_zone))),
        event_on=seen.starts_at <= at < seen.ends_at if claim.is_event else None,
    )


def _live_kinds(seen: Any) -> frozenset[Kind]:
    """What presence can be proved with here, by a customer of this app."""
    venue = {kind for kind in Kind if PROVISIONED[kind] in seen.live}
    return frozenset(venue | ({Kind.DEVICE_INTEGRITY} if seen.attests else set()))


def _past(seen: Any) -> Past:
    return Past(
        last_visit_at=seen.last_at,
        in_minutes=seen.in_minutes,
        in_a_day=seen.in_a_day,
        spoofed=frozenset(
            finding["reason"]
            for findings in seen.findings or ()
            for finding in findings
            if finding["verdict"] == "rejected" and finding["reason"] in SPOOFING
        ),
        customers_on_device=seen.others or 0,
        devices=seen.own,
        standing=seen.standing,
    )


def _travel(seen: Any, fix: LocationFix | None, vault: Vault) -> Travel | None:
    """From the last accepted fix, where it is still kept and can be opened."""
    if fix is None or seen.last_sealed is None:
        return None
    try:
        before = Point(*json.loads(vault.unseal(seen.last_sealed)))
    except Unreadable:
        return None
    return Travel(
        distance_m=distance_m(before, Point(fix.lon, fix.lat)),
        accuracy_m=seen.last_accuracy_m + fix.accuracy_m,
        elapsed_s=abs((fix.captured_at - seen.last_captured_at).total_seconds()),
    )


def _check_in_columns(case: Case) -> dict[str, Any]:
    claim, seen, judgement = case.claim, case.seen, case.judgement
    fix = claim.fix
    return {
        "check_in_id": claim.id,
        "venue_id": seen.venue_id,
        "customer_id": case.customer_id,
        "occurred_at": claim.occurred_at,
        "of_event_id": claim.place_id if claim.is_event else None,
        "verdict": judgement.verdict.word,
        "level": int(judgement.level),
        "findings": [
            {"reason": finding.reason, "verdict": finding.verdict.word}
            for finding in judgement.findings
        ],
        "proofs": [_write_proof(proof) for proof in claim.proofs],
        "visits": case.is_new_visit,
        "visit": case.visits if judgement.accepted else claim.visit,
        "risk": judgement.risk,
        "party_id": claim.company.party_id,
        "channel": claim.channel,
        "visits_seen": seen.visits,
        "revision_seen": claim.revision,
        "distance_m": seen.distance_m,
        "accuracy_m": fix.accuracy_m if fix else None,
        "captured_at": fix.captured_at if fix else None,
        "provider": fix.provider if fix else None,
    }


def _event_columns(case: Case, offers: Offers) -> dict[str, Any]:
    """What the ledger says of it beside."""
    return {
        "now": case.now,
        "event_id": new_id(),
        "subject_id": case.seen.subject_id,
        "merchant_id": case.seen.merchant_id,
        "verdict_before": case.claim.verdict,
        "first_visit": case.judgement.accepted and case.holder.first_visit,
        "offer_ids": _running(offers, case.now),
        "reasons": [reason.value for reason in case.judgement.reasons],
        "counted": case.holder.counted,
    }


def _fix_columns(claim: Claim, vault: Vault) -> dict[str, Any]:
    fix = claim.fix
    return {
        "fix_received_at": claim.fix_received_at,
        "sealed_fix": vault.seal(json.dumps([fix.lon, fix.lat])) if fix else None,
        "fix_digest": vault.digest(spell_position(fix.lon, fix.lat)) if fix else None,
    }


def _open_fix(sealed: str | None, row: Any, vault: Vault) -> LocationFix | None:
    """The fix of a check-in that was made a moment ago."""
    if sealed is None:
        return None
    lon, lat = json.loads(vault.unseal(sealed))
    return LocationFix(lon, lat, row.accuracy_m, row.captured_at, row.provider, row.mock)


def _write_proof(proof: Proven) -> dict[str, Any]:
    return {
        "kind": proof.kind,
        "outcome": proof.outcome,
        "proof_id": str(proof.proof_id) if proof.proof_id else None,
        "name": proof.name,
    }


def _read_proof(written: dict[str, Any]) -> Proven:
    proof_id = written["proof_id"]
    return Proven(
        Kind(written["kind"]),
        Outcome(written["outcome"]),
        UUID(proof_id) if proof_id else None,
        written["name"],
    )


def _offers(session: Session, venues: Sequence[Any], vault: Vault, at: datetime) -> list[Offers]:
    """The running and coming offers at each venue, in each version, with their terms."""
    experiments = experiments_at(session, venues, vault)
    offers = [list(versions_of(venue.offers or (), experiments)) for venue in venues]
    terms = terms_of(session, {_version(offer) for there in offers for offer in there})
    return [
        [_meet({**terms[_version(offer)], **offer}, venue, at) for offer in there]
        for venue, there in zip(venues, offers, strict=True)
    ]


def _version(offer: Mapping[str, Any]) -> tuple[str, int]:
    return offer["id"], offer["version"]


def _meet(row: dict[str, Any], seen: Any, at: datetime) -> tuple[dict[str, Any], Offer]:
    """The row, and the same as the rules take it for the customer and the day of `seen`."""
    if row["min_level"] is None:
        row["min_level"] = seen.min_level
    return row, _offer(row, seen, at)


def _offer(row: dict[str, Any], seen: Any, at: datetime) -> Offer:
    return Offer(
        id=row["id"],
        rule=row["rule"],
        valid_from=row["valid_from"],
        is_on=is_on(
            at_venue(row["schedule"], row["offer_id"], seen.venue_id),
            at,
            ZoneInfo(seen.time_zone),
            seen.opening_hours,
        ),
        takes=row["limits"].buckets(seen.subject_id, seen.local_day, seen.venue_id),
        taken=row["taken"] or {},
        has_codes=row["codes_left"] is not False,
        holds=row["holds_ready"] is not None,
        unclaimed=row["holds_ready"] is False,
        reserve_s=row["reserve_s"],
        has_redeemed=row["has_redeemed"],
    )


def _own_grants(
    case: Case, offers: Offers, opening: Mapping[str, Look], tools: Tools
) -> Iterator[Grant]:
    """What opens for the customer."""
    for row, offer in offers:
        look = opening.get(offer.id)
        if look and row["offer_id"] not in case.claim.opened and not case.withholds(row):
            takes = takes_of(offer, look)
            holder = replace(case.holder, share_id=case.shares.get(row["offer_id"]))
            yield make_grant(row, look, takes, holder, case.seen, tools, case.now)


def _others_grants(session: Session, case: Case, offers: Offers, tools: Tools) -> list[Grant]:
    """What any version of an offer would give to those who came before, now that it is complete,
    by their own last check-in.
    """
    grants = [
        *_completed(session, case, offers, tools),
        *_brought(session, case, offers, tools),
    ]
    return list({(one.holder.check_in_id, *_version_of(one)): one for one in grants}.values())


def _version_of(grant: Grant) -> tuple[UUID, int]:
    return grant.view.offer_id, grant.view.offer_version


def _completed(session: Session, case: Case, offers: Offers, tools: Tools) -> list[Grant]:
    """What opens for all whom a party or a swarm is made of."""
    wide = [(row, offer, look) for row, offer in offers if (look := case.opens_for_others(offer))]
    reaches = {look.opens_for for *_, look in wide}
    others = {reach: _list_others(session, case, reach) for reach in reaches}
    return [
        make_grant(
            row,
            look,
            _takes_for(other, row, takes_of(offer, look)),
            _holder(other, look),
            case.seen,
            tools,
            case.now,
        )
        for row, offer, look in wide
        for other in others[look.opens_for]
        if _may_have(other, row)
    ]


def _lock_shares(session: Session, case: Case) -> dict[UUID, UUID]:
    """What an unlock says of its share is what is credited: the referrals wait for that."""
    if not (case.seen.is_referred and case.judgement.accepted):
        return {}
    return lock_referrals(session, case.customer_id, case.now)


def _credit(session: Session, case: Case, unlocked: Sequence[UnlockView]) -> None:
    """The friends' shares through which the customer has come to what has opened."""
    use_referrals(
        session,
        customer_id=case.customer_id,
        offer_ids=[view.offer_id for view in unlocked],
        check_in_id=case.claim.id,
        venue_id=case.seen.venue_id,
        counted=case.holder.counted,
        now=case.now,
    )


def _brought(session: Session, case: Case, offers: Offers, tools: Tools) -> Iterator[Grant]:
    """What opens for friends who are there, each of them with one friend more now."""
    asked = [(row, offer) for row, offer in offers if case.meets_friends(offer)]
    if not asked:
        return
    for friend in queries.friends_present(session, **_who(case), now=case.claim.occurred_at):
        theirs = [
            (row, replace(offer, takes=_takes_for(friend, row, offer.takes)))
            for row, offer in asked
            if friend.friends_present >= friends_asked(offer.rule) and _may_have(friend, row)
        ]
        known = _histories_of(session, friend, case, [offer for _, offer in theirs])
        for row, offer in theirs:
            if look := case.brings(friend, offer, known[case.seen.venue_id, offer.id]):
                holder, takes = _holder(friend, look), takes_of(offer, look)
                yield make_grant(row, look, takes, holder, case.seen, tools, case.now)


def _histories_of(session: Session, other: Any, case: Case, offers: Sequence[Offer]) -> Histories:
    """What the other's check-in would be judged on if it were made now."""
    past = replace(
        case.history,
        visits=other.visit - 1,
        last_visit_at=other.last_visit_at,
        event_id=other.event_id,
    )
    visitor = Visitor(other.customer_id, other.check_in_id, past.now, other.party_id)
    return histories(session, visitor, [Place(past, offers)])


def _list_others(session: Session, case: Case, reach: Reach) -> Sequence[Any]:
    if reach is Reach.PRESENT:
        return queries.others_present(session, **_who(case), now=case.claim.occurred_at)
    party_id = case.claim.company.party_id
    return queries.others_in_party(session, **_who(case), party_id=party_id) if party_id else ()


def _who(case: Case) -> dict[str, UUID]:
    return {
        "customer_id": case.customer_id,
        "venue_id": case.seen.venue_id,
        "merchant_id": case.seen.merchant_id,
    }


def _may_have(other: Any, row: Mapping[str, Any]) -> bool:
    """Whether one of the others has come with a proof that is strong enough, and not had it."""
    asked = asked_level(row["min_level"], other.risk)
    return other.level >= asked and row["offer_id"] not in other.opened


def _takes_for(other: Any, row: Mapping[str, Any], takes: Mapping[str, Take]) -> dict[str, Take]:
    """The customer's counters as the other's."""
    shared = {bucket: take for bucket, take in takes.items() if not is_customers(bucket)}
    most = row["limit_per_customer"]
    return {**shared, customer_bucket(other.subject_id): Take(1, most)} if most else shared


def _holder(other: Any, look: Look) -> Holder:
    return Holder(
        customer_id=other.customer_id,
        subject_id=other.subject_id,
        check_in_id=other.check_in_id,
        occurred_at=other.occurred_at,
        level=other.level,
        first_visit=other.visit == 1,
        counted=other.standing not in NOT_COUNTED,
        channel=other.channel,
        opened_by=OPENED_BY[look.opens_for],
    )


def _fit(session: Session, grants: Sequence[Grant]) -> list[Grant]:
    """Many at once take what there is: the counters are locked, and counted before."""
    caps = {counter: take.cap for grant in grants for counter, take in grant.counters.items()}
    return fit(grants, lock_stock(session, caps))


def _closed(
    case: Case, offers: Offers, opening: Mapping[str, Look], written: Written
) -> Iterable[ClosedOffer]:
    """The offers that the check-in has not opened; the rules of those `opening` are met."""
    open_now = {*case.claim.opened, *(grant.candidate.id for grant in written.granted)}
    alone = not all(grant.candidate.combinable for grant in written.granted)
    opened = Opened(len(open_now), alone=alone or case.opened.alone)
    for row, offer in offers:
        offer_id = row["offer_id"]
        if offer_id in open_now:
            continue
        history = case.history_for(offer)
        standing = stand_after(offer, history, accepted=case.judgement.accepted)
        if offer_id in written.lost:
            standing = sold_out(standing)
        elif offer.id in opening:
            fits = choose([candidate_of(row)], case.stacking, opened)
            why = case.withholds(row) if fits else Why.NOT_COMBINABLE
            standing = withheld(standing, why or Why.NOT_COMBINABLE)
        yield _closed_offer(case, row, standing)


def _closed_offer(case: Case, row: dict[str, Any], standing: Standing) -> ClosedOffer:
    level = case.judgement.asks(row["min_level"])
    asks = standing.why in (Why.LEVEL_TOO_LOW, Why.NOT_ACCEPTED)
    needs = brings(level, case.judgement, case.facts) if asks else ()
    return ClosedOffer(row["offer_id"], row["teaser"], level, standing, needs)


def _receipt(case: Case, limits: Limits, tools: Tools) -> str | None:
    """Only an accepted check-in earns one."""
    claim, seen, judgement = case.claim, case.seen, case.judgement
    if not judgement.accepted:
        return None
    proofs = [proof.kind for proof in claim.proofs if proof.valid]
    return tools.sign_receipt(
        {
            "jti": str(claim.id),
            "sub": str(case.customer_id),
            "venue": str(seen.venue_id),
            "merchant": str(seen.merchant_id),
            "level": f"L{judgement.level:d}",
            "proofs": [*(["location"] if claim.fix else []), *proofs],
            **({"event": str(claim.place_id)} if claim.is_event else {}),
        },
        receipt_ttl(judgement, limits),
    )


def _running(offers: Offers, now: datetime) -> list[str]:
    """Those that are not still to come, in whatever versions, once each."""
    return list(dict.fromkeys(offer.id for _, offer in offers if offer.valid_from <= now))


def _listed(row: Any, offer_ids: Sequence[str]) -> dict[str, Any]:
    """What the ledger says of a venue that a search has shown with these offers."""
    return {
        "id": str(new_id()),
        "merchant_id": str(row.merchant_id),
        "venue_id": str(row.venue_id),
        "subject_id": str(row.subject_id),
        "offer_ids": offer_ids,
        "first_visit": not row.visits,
        "counted": row.standing not in NOT_COUNTED,
    }


def _view_nearby(row: Any, offers: Offers, known: Histories) -> NearbyVenue:
    return NearbyVenue(
        id=row.venue_id,
        name=row.name,
        category=row.category,
        time_zone=row.time_zone,
        opening_hours=row.opening_hours,
        lon=row.lon,
        lat=row.lat,
        distance_m=round(row.distance_m),
        offers=tuple(
            ClosedOffer(
                offer["offer_id"],
                offer["teaser"],
                offer["min_level"],
                stand(ruled, known[row.venue_id, ruled.id]),
            )
            for offer, ruled in offers
        ),
    )


def _history(row: Any, now: datetime) -> History:
    """For a check-in that would be made now."""
    return History(
        now=now,
        zone=ZoneInfo(row.time_zone),
        venue_id=row.venue_id,
        visits=row.visits,
        last_visit_at=row.last_at,
    )
