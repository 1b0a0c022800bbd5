"""The unlocks that a check-in gives: to its customer, and to others whom a rule names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.checkins.queries import record_pledges
from lbs.checkins.service.evidence import Tools
from lbs.db import Session, new_id
from lbs.offers.rules import Candidate, Look, Pledge, Reach, Take, is_kept
from lbs.unlocks.policy import RANDOM_BYTES, make_code
from lbs.unlocks.queries import hand_out_codes, take_codes
from lbs.unlocks.service import UnlockView
from lbs.vault import Vault

OPENED_BY = {Reach.CUSTOMER: "friends", Reach.PARTY: "party", Reach.PRESENT: "swarm"}
"""What another's check-in has completed; for a customer alone it is friends who do."""

Stock = Mapping[tuple[UUID, str], int]
"""By offer and bucket."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom an unlock is for, by which check-in of theirs."""

    customer_id: UUID
    subject_id: UUID
    check_in_id: UUID
    occurred_at: datetime
    """When that was."""
    level: int
    first_visit: bool
    counted: bool
    channel: str | None = None
    share_id: UUID | None = None
    """The share that is credited with it."""
    opened_by: str = "check_in"


@dataclass(frozen=True, slots=True)
class Grant:
    """An unlock to write, and the same as its customer will see it."""

    holder: Holder
    view: UnlockView
    sealed_code: str
    code_digest: bytes
    wants_own_code: bool
    """Whether it goes with a code of the merchant's own only."""
    takes: Mapping[str, Take]
    """What it takes from each counter."""
    keeps: Mapping[str, Take]
    """The same of the counters to which nothing is given back."""
    candidate: Candidate
    pledges: Sequence[Pledge]
    """What the merchant owes for it."""
    code_id: UUID | None = None
    """Of the merchant's own code that goes with it."""
    experiment_id: UUID | None = None
    variant: str | None = None
    """The arm that the customer is in."""

    @property
    def counters(self) -> dict[tuple[UUID, str], Take]:
        takes = {**self.takes, **self.keeps}
        return {(self.view.offer_id, bucket): take for bucket, take in takes.items()}

    @property
    def columns(self) -> dict[str, Any]:
        view, holder = self.view, self.holder
        return {
            "unlock_id": str(view.id),
            "offer_id": str(view.offer_id),
            "offer_version": view.offer_version,
            "sealed_code": self.sealed_code,
            "code_digest": self.code_digest.hex(),
            "expires_at": view.expires_at.isoformat(),
            "buckets": list(self.takes),
            "units": [take.units for take in self.takes.values()],
            "keeps": list(self.keeps),
            "reserve_s": view.reserve_s,
            "event_id": str(new_id()),
            "check_in_id": str(holder.check_in_id),
            "customer_id": str(holder.customer_id),
            "subject_id": str(holder.subject_id),
            "level": holder.level,
            "first_visit": holder.first_visit,
            "counted": holder.counted,
            "opened_by": view.opened_by,
            "channel": holder.channel,
            "experiment_id": _text(self.experiment_id),
            "variant": self.variant,
            "share_id": _text(holder.share_id),
            "elapsed_s": max(0, int((view.unlocked_at - holder.occurred_at).total_seconds())),
        }


def make_grant(
    row: Mapping[str, Any],
    look: Look,
    takes: Mapping[str, Take],
    holder: Holder,
    venue: Any,
    tools: Tools,
    now: datetime,
) -> Grant:
    """`row` is the offer's, `takes` are of all counters, `venue` has its id and name."""
    code = make_code(tools.random_bytes(RANDOM_BYTES))
    within = row["redeem_within_s"]
    view = UnlockView(
        id=new_id(),
        offer_id=row["offer_id"],
        offer_version=row["version"],
        venue_id=venue.venue_id,
        venue_name=venue.venue_name,
        check_in_id=holder.check_in_id,
        state="unclaimed" if row["reserve_s"] else "unlocked",
        teaser=row["teaser"],
        terms=row["terms"],
        reward=row["reward"],
        value_minor=row["value_minor"],
        currency=row["currency"],
        opened_by=holder.opened_by,
        unlocked_at=now,
        expires_at=now + timedelta(seconds=within) if within else row["valid_to"],
        code=None if row["reserve_s"] else code,
        reserve_s=row["reserve_s"],
    )
    return Grant(
        holder,
        view,
        tools.vault.seal(code),
        tools.vault.digest(code),
        wants_own_code=row["codes_left"] is not None,
        takes={bucket: take for bucket, take in takes.items() if not is_kept(bucket)},
        keeps={bucket: take for bucket, take in takes.items() if is_kept(bucket)},
        candidate=candidate_of(row),
        pledges=look.pledges,
        experiment_id=row.get("experiment_id"),
        variant=row.get("variant"),
    )


def _text(number: UUID | None) -> str | None:
    return str(number) if number else None


def candidate_of(row: Mapping[str, Any]) -> Candidate:
    """The offer of the row, as it is chosen by."""
    return Candidate(
        row["offer_id"], row["value_minor"], row["currency"], row["priority"], row["combinable"]
    )


def give_codes(session: Session, grants: Sequence[Grant], vault: Vault) -> list[Grant]:
    """The same with the merchant's own codes, where they are to have some; first come first."""
    wanting = {g.view.id: g.view.offer_id for g in grants if g.wants_own_code}
    codes = take_codes(session, wanting) if wanting else {}
    return [
        _with_code(grant, codes[grant.view.id], vault) if grant.wants_own_code else grant
        for grant in grants
        if not grant.wants_own_code or grant.view.id in codes
    ]


def _with_code(grant: Grant, code: Any, vault: Vault) -> Grant:
    return replace(
        grant,
        view=replace(grant.view, code=grant.view.code and vault.unseal(code.sealed_code)),
        sealed_code=code.sealed_code,
        code_digest=code.code_digest,
        code_id=code.id,
    )


def follow_up(session: Session, granted: Sequence[Grant]) -> None:
    """What goes with some unlocks beside: the merchant's codes, and what it owes."""
    codes = {grant.code_id: grant.view.id for grant in granted if grant.code_id}
    if codes:
        hand_out_codes(session, codes)
    pledges = [
        {"unlock_id": str(grant.view.id), **asdict(pledge)}
        for grant in granted
        for pledge in grant.pledges
    ]
    if pledges:
        record_pledges(session, pledges)


def used(grants: Iterable[Grant]) -> Counter[tuple[UUID, str]]:
    """How many units the unlocks take of each counter."""
    units: Counter[tuple[UUID, str]] = Counter()
    for grant in grants:
        units.update({counter: take.units for counter, take in grant.counters.items()})
    return units


def stock_of(grants: Sequence[Grant]) -> list[dict[str, Any]]:
    """What the unlocks take together, as it is written."""
    caps = {counter: take.cap for grant in grants for counter, take in grant.counters.items()}
    return [
        {"offer_id": str(offer_id), "bucket": bucket, "units": units, "cap": caps[offer_id, bucket]}
        for (offer_id, bucket), units in used(grants).items()
    ]


def fit(grants: Iterable[Grant], taken: Stock) -> list[Grant]:
    """Those for which every counter has room, first come first."""
    units, fitting = Counter(taken), []
    for grant in grants:
        if all(units[counter] + take.units <= take.cap for counter, take in grant.counters.items()):
            units.update(used([grant]))
            fitting.append(grant)
    return fitting


def unused(grants: Sequence[Grant], granted: Collection[UUID], taken: Collection[str]) -> Stock:
    """What was taken, by the counters' names, for those that were not granted after all."""
    units = used(grants) - used(grant for grant in grants if grant.view.id in granted)
    return {
        (offer_id, bucket): count
        for (offer_id, bucket), count in units.items()
        if f"{offer_id} {bucket}" in taken
    }
