"""From what a phone sends to what it proves: the shell around the pure verifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts.queries import find_integrity
from lbs.accounts.service import open_integrity
from lbs.checkins import queries
from lbs.checkins.policy import LocationFix
from lbs.db import Session
from lbs.http import guesses
from lbs.http.guesses import GuessLimit
from lbs.proofs import policy as proofs
from lbs.proofs.policy import PROVISIONED, Kind, Outcome, Proven, Provisioned
from lbs.proofs.rules import integrity
from lbs.vault import Vault

USE_REMEMBERED = timedelta(hours=12)
"""Longer than any step that can be used once: 2^15 s, of the slowest beacon."""
VENUE_GUESSES = 5
"""At a venue as many times what one customer may get wrong."""

Device = integrity.PlayIntegrity | integrity.AppAttestation | integrity.AppAssertion
_DEVICE_OUTCOMES = {
    integrity.Outcome.VERIFIED: Outcome.VALID,
    integrity.Outcome.UNAVAILABLE: Outcome.UNAVAILABLE,
    integrity.Outcome.REFUSED: Outcome.WRONG,
    integrity.Outcome.STALE: Outcome.USED,
    integrity.Outcome.REPLAYED: Outcome.USED,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    fix: LocationFix | None = None
    proofs: tuple[proofs.Evidence, ...] = ()
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What a check-in needs beside its facts."""

    vault: Vault
    sign_receipt: Callable[[dict[str, Any], timedelta], str]
    read_challenge: Callable[[str], dict[str, Any] | None]
    random_bytes: Callable[[int], bytes]
    guesses: GuessLimit


def verify(
    session: Session,
    customer_id: UUID,
    place_id: UUID,
    evidence: Evidence,
    tools: Tools,
    now: datetime,
) -> tuple[Proven, ...]:
    """What each piece proves. The customer is locked; wrong codes are counted."""
    proven = [*_verify_proofs(session, customer_id, place_id, evidence.proofs, tools, now)]
    if evidence.device:
        proven.append(_verify_device(session, customer_id, place_id, evidence.device, tools, now))
    return tuple(proven)


def find_staff(
    session: Session,
    *,
    place_id: UUID,
    customer_id: UUID,
    staff_id: UUID,
    vault: Vault,
    now: datetime,
) -> Provisioned | None:
    """The staff member of the place, with what they have confirmed."""
    live = _live(session, place_id, customer_id, [Kind.STAFF], vault, now)
    return next((proof for proof in live if proof.id == staff_id), None)


def spend(
    session: Session, customer_id: UUID, proven: Sequence[Proven], now: datetime, *, rejected: bool
) -> None:
    """Use up what was proved with. A rejected check-in leaves the customer's step to them; a tag's
    counter never goes back.
    """
    spent = [
        {
            "proof_id": str(proof.proof_id),
            "step": None if rejected else proof.step,
            "counter": proof.counter,
        }
        for proof in proven
        if proof.valid and proof.step is not None
    ]
    if spent:
        queries.spend(session, customer_id, spent, now)


def _verify_proofs(
    session: Session,
    customer_id: UUID,
    place_id: UUID,
    given: Sequence[proofs.Evidence],
    tools: Tools,
    now: datetime,
) -> Sequence[Proven]:
    if not given:
        return ()
    kinds = [PROVISIONED[piece.kind] for piece in given]
    live = _live(session, place_id, customer_id, kinds, tools.vault, now)
    guessed = [piece for piece in given if proofs.is_guessable(piece)]
    guessers = {
        f"proof {customer_id}": 1,
        f"proof at {queries.venue_of(session, place_id)}": VENUE_GUESSES,
    }
    throttled = guessed and guesses.wait_s(session, guessers, tools.guesses, now)
    proven = [
        Proven(piece.kind, Outcome.THROTTLED)
        if throttled and piece in guessed
        else proofs.verify(piece, live, now)
        for piece in given
    ]
    wrong = {piece.kind for piece in proven if piece.outcome is Outcome.WRONG}
    if any(piece.kind in wrong for piece in guessed):
        guesses.count_guess(session, guessers, tools.guesses, now)
    return proven


def _live(
    session: Session,
    place_id: UUID,
    customer_id: UUID,
    kinds: Sequence[str],
    vault: Vault,
    now: datetime,
) -> list[Provisioned]:
    rows = queries.live_proofs(
        session,
        place_id=place_id,
        customer_id=customer_id,
        kinds=kinds,
        since=now - USE_REMEMBERED,
    )
    return [
        Provisioned(
            id=row.id,
            kind=row.kind,
            name=row.name,
            secret=vault.unseal(row.sealed_secret),
            parameters=row.parameters,
            counter=row.counter,
            used=frozenset(row.used),
            uses={int(step): customers for step, customers in (row.uses or {}).items()},
        )
        for row in rows
    ]


def _verify_device(
    session: Session,
    customer_id: UUID,
    place_id: UUID,
    device: Device,
    tools: Tools,
    now: datetime,
) -> Proven:
    """The challenge has to be ours, for this customer and place, and not answered before.

    One that is over is nobody's fault: a phone may have been slow.
    """
    claims = tools.read_challenge(device.challenge)
    if claims is None:
        return Proven(Kind.DEVICE_INTEGRITY, Outcome.WRONG)
    if (claims["sub"], claims["venue"]) != (str(customer_id), str(place_id)):
        return Proven(Kind.DEVICE_INTEGRITY, Outcome.FORGED)
    if not queries.use_challenge(session, UUID(claims["jti"]), now):
        return Proven(Kind.DEVICE_INTEGRITY, Outcome.USED)
    return Proven(Kind.DEVICE_INTEGRITY, _attest(session, customer_id, device, tools.vault, now))


def _attest(
    session: Session, customer_id: UUID, device: Device, vault: Vault, now: datetime
) -> Outcome:
    keys = integrity.IntegrityKeys.restore(
        open_integrity(find_integrity(session, customer_id), vault)
    )
    match device:
        case integrity.PlayIntegrity():
            attested = integrity.verify_play(device, keys, now=now)
        case integrity.AppAttestation():
            attested = integrity.verify_attestation(device, keys, now=now)
            if attested.public_key is not None and not queries.remember_device_key(
                session, customer_id, device.key_id, attested.public_key, now
            ):
                return Outcome.USED
        case integrity.AppAssertion():
            key = queries.find_device_key(session, customer_id, device.key_id)
            if key is None:
                return Outcome.WRONG
            attested = integrity.verify_assertion(
                device, key.public_key, key.counter, keys, now=now
            )
            if attested.counter is not None:
                queries.raise_device_counter(session, device.key_id, attested.counter)
    return _DEVICE_OUTCOMES[attested.outcome]
