"""Which of a venue's proofs a piece of evidence is, and whether it is good. Pure."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from lbs.proofs.rules import beacon, nfc_tag, venue_code

HOUR_S = 3600


class Kind(StrEnum):
    """What presence is proved with, beside the location."""

    VENUE_CODE = "venue_code"
    POSTER_CODE = "poster_code"
    NFC_TAG = "nfc_tag"
    BEACON = "beacon"
    STAFF_PIN = "staff_pin"
    """Typed on the customer's phone: it can be passed on."""
    STAFF = "staff"
    """A member of staff, with their own key."""
    READER = "reader"
    DEVICE_INTEGRITY = "device_integrity"


PROVISIONED = {kind: kind.value for kind in Kind} | {Kind.STAFF_PIN: Kind.STAFF.value}
"""What a venue has to have for each."""

PHYSICAL = frozenset(Kind) - {Kind.POSTER_CODE, Kind.DEVICE_INTEGRITY}
"""To be had at the venue only. A poster can be photographed, a phone is intact anywhere."""


class Outcome(StrEnum):
    VALID = "valid"
    WRONG = "wrong"
    """It is none of the venue's, or is over."""
    USED = "used"
    """This very proof has been used before."""
    FORGED = "forged"
    """Made up: no tag or platform of ours could have said it."""
    CROWDED = "crowded"
    """A code that more customers have used in its step than the venue expects."""
    OVER_LIMIT = "over_limit"
    """A staff member has confirmed as many as they may in an hour."""
    THROTTLED = "throttled"
    """Not looked at, after too many wrong ones."""
    UNAVAILABLE = "unavailable"
    """It cannot be verified here: it has not been set up."""


@dataclass(frozen=True, slots=True)
class VenueCode:
    """What a kiosk shows: its digits, or what its picture says."""

    code: str = field(repr=False)
    kind: Kind = Kind.VENUE_CODE


@dataclass(frozen=True, slots=True)
class PosterCode:
    code: str = field(repr=False)
    kind: Kind = Kind.POSTER_CODE


@dataclass(frozen=True, slots=True)
class NfcTag:
    """What an NTAG 424 DNA said when it was tapped."""

    message: nfc_tag.TagMessage = field(repr=False)
    kind: Kind = Kind.NFC_TAG


@dataclass(frozen=True, slots=True)
class Beacon:
    eid: bytes = field(repr=False)
    kind: Kind = Kind.BEACON


@dataclass(frozen=True, slots=True)
class StaffPin:
    """What a staff member has typed on the customer's phone."""

    pin: str = field(repr=False)
    kind: Kind = Kind.STAFF_PIN


Evidence = VenueCode | PosterCode | NfcTag | Beacon | StaffPin


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A live proof of the venue, its secret opened, and what is known of its use.

    `used` are the steps that this customer has used; `uses` how many customers used each step.
    """

    id: UUID
    kind: str
    name: str
    secret: str = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    counter: int | None = None
    used: frozenset[int] = frozenset()
    uses: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proven:
    """What came of a piece of evidence.

    `step` is used up by it; `counter` is the highest that its tag is known to have reached.
    """

    kind: Kind
    outcome: Outcome
    proof_id: UUID | None = None
    name: str | None = None
    step: int | None = None
    counter: int | None = None

    @property
    def valid(self) -> bool:
        return self.outcome is Outcome.VALID


def is_guessable(evidence: Evidence) -> bool:
    """Whether it is short enough to be tried out: then wrong ones are counted."""
    match evidence:
        case VenueCode(code):
            return venue_code.is_guessable(code)
        case StaffPin():
            return True
    return False


def verify(evidence: Evidence, live: Sequence[Provisioned], now: datetime) -> Proven:
    """What the evidence proves, among the venue's live proofs of its kind."""
    candidates = [proof for proof in live if proof.kind == PROVISIONED[evidence.kind]]
    match evidence:
        case VenueCode(code):
            return _venue_code(code, candidates, now)
        case PosterCode(code):
            return _poster_code(code, candidates)
        case NfcTag(message):
            return _nfc_tag(message, candidates)
        case Beacon(eid):
            return _beacon(eid, candidates, now)
        case StaffPin(pin):
            return _staff_pin(pin, candidates, now)


def confirm(staff: Provisioned, now: datetime, kind: Kind = Kind.STAFF) -> Proven:
    """A staff member, known by their key or their PIN, has seen the customer.

    The PIN's step is the hour below zero: it counts to the same limit, and leaves the key good.
    """
    hour = int(now.timestamp()) // HOUR_S
    confirmed = staff.uses.get(hour, 0) + staff.uses.get(-hour, 0)
    full = confirmed >= int(staff.parameters["max_per_hour"])
    step = -hour if kind is Kind.STAFF_PIN else hour
    return _use(staff, kind, step, Outcome.OVER_LIMIT if full else Outcome.VALID)


def _use(
    proof: Provisioned, kind: Kind, step: int, outcome: Outcome, counter: int | None = None
) -> Proven:
    """One customer uses a step once."""
    if step in proof.used:
        outcome = Outcome.USED
    return Proven(kind, outcome, proof.id, proof.name, step, counter)


def _venue_code(code: str, candidates: Sequence[Provisioned], now: datetime) -> Proven:
    for proof in candidates:
        step = venue_code.find_step(
            bytes.fromhex(proof.secret), code, now, step_s=int(proof.parameters["step_s"])
        )
        if step is not None:
            return _use(proof, Kind.VENUE_CODE, step, _unless_crowded(proof, step))
    return Proven(Kind.VENUE_CODE, Outcome.WRONG)


def _unless_crowded(proof: Provisioned, step: int) -> Outcome:
    full = proof.uses.get(step, 0) >= int(proof.parameters["max_customers"])
    return Outcome.CROWDED if full else Outcome.VALID


def _poster_code(code: str, candidates: Sequence[Provisioned]) -> Proven:
    for proof in candidates:
        if venue_code.is_poster_code(proof.secret, code):
            return Proven(Kind.POSTER_CODE, Outcome.VALID, proof.id, proof.name)
    return Proven(Kind.POSTER_CODE, Outcome.WRONG)


def _nfc_tag(message: nfc_tag.TagMessage, candidates: Sequence[Provisioned]) -> Proven:
    """Of a tag that is none of the venue's it proves nothing; with a MAC made up it is forged."""
    for proof in candidates:
        keys = _tag_keys(proof.secret)
        stated = nfc_tag.stated_by(message, keys.meta_read)
        if stated is None or stated.uid.hex() != proof.parameters["uid"]:
            continue
        read = nfc_tag.read_tag(message, keys)
        if read is None:
            return Proven(Kind.NFC_TAG, Outcome.FORGED, proof.id, proof.name)
        seen = proof.counter is not None and read.counter <= proof.counter
        outcome = Outcome.USED if seen else Outcome.VALID
        return Proven(Kind.NFC_TAG, outcome, proof.id, proof.name, read.counter, read.counter)
    return Proven(Kind.NFC_TAG, Outcome.WRONG)


def _tag_keys(secret: str) -> nfc_tag.TagKeys:
    keys = json.loads(secret)
    return nfc_tag.TagKeys(bytes.fromhex(keys["meta_read"]), bytes.fromhex(keys["file_read"]))


def _beacon(eid: bytes, candidates: Sequence[Provisioned], now: datetime) -> Proven:
    for proof in candidates:
        clock_s = _seconds_since(proof.parameters["started_at"], now)
        unseen_s = _seconds_since(proof.parameters["compared_at"], now)
        step = beacon.resolve(
            bytes.fromhex(proof.secret),
            int(proof.parameters["rotation_exponent"]),
            eid,
            clock_s=max(0, int(clock_s)),
            drift_s=beacon.drift_allowed_s(unseen_s),
        )
        if step is not None:
            return _use(proof, Kind.BEACON, step, _unless_crowded(proof, step))
    return Proven(Kind.BEACON, Outcome.WRONG)


def _seconds_since(moment: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(moment)).total_seconds()


def _staff_pin(pin: str, candidates: Sequence[Provisioned], now: datetime) -> Proven:
    for proof in candidates:
        if hmac.compare_digest(proof.secret.encode(), pin.encode()):
            return confirm(proof, now, Kind.STAFF_PIN)
    return Proven(Kind.STAFF_PIN, Outcome.WRONG)
