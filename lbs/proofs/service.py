"""Use cases of proofs: made, rotated, revoked, shown; and wristbands: bound, lost, unbound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import pseudonym
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.proofs import queries
from lbs.proofs.errors import (
    PinTaken,
    ProofNotFound,
    ReceiptRefused,
    TagRegistered,
    WristbandNotFound,
    WristbandTaken,
    WristbandUnbound,
)
from lbs.proofs.models import VenueProof
from lbs.proofs.queries import Owner
from lbs.proofs.rules.display import StepCode, codes_ahead
from lbs.proofs.rules.provisioning import RANDOM_BYTES, WITH_KEY, Given, make_secret, set_clock
from lbs.proofs.rules.wristbands import ending, normalise_tag
from lbs.vault import Vault, hash_token
from lbs.venues.errors import VenueNotFound

TRIES = 20
"""At a random PIN that nobody at the venue has."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What making secrets needs; `token` gives a fresh one of 128 random bits or more."""

    vault: Vault
    random_bytes: Callable[[int], bytes]
    token: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Path:
    """A proof as its address names it, and the merchant who asks for it."""

    merchant_id: UUID
    venue_id: UUID
    proof_id: UUID


@dataclass(frozen=True, slots=True)
class CreateProof:
    kind: str
    name: str
    parameters: dict[str, Any]
    given: Given


@dataclass(frozen=True, slots=True)
class ProofView:
    id: UUID
    venue_id: UUID
    kind: str
    name: str
    parameters: dict[str, Any]
    counter: int | None
    version: int
    created_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewProof:
    """A proof with its secret and key, which are shown this once."""

    proof: ProofView
    secret: str = field(repr=False)
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kiosk:
    venue_id: UUID
    venue_name: str
    step_s: int
    codes: list[StepCode]


@dataclass(frozen=True, slots=True)
class Poster:
    venue_id: UUID
    venue_name: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BindWristband:
    tag: str = field(repr=False)
    receipt: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WristbandView:
    """A wristband; `customer` is the merchant's own name for its wearer."""

    id: UUID
    tag_ending: str
    status: str
    customer: UUID
    merchant_name: str
    bound_at: datetime
    ended_at: datetime | None


def create_proof(
    session: Session,
    merchant_id: UUID,
    venue_id: UUID,
    command: CreateProof,
    tools: Tools,
    now: datetime,
) -> NewProof:
    _begin(session, merchant_id, venue_id)
    uid = command.parameters.get("uid")
    if uid and queries.has_live_tag(session, merchant_id, uid):
        raise TagRegistered
    proof = VenueProof(
        id=new_id(),
        merchant_id=merchant_id,
        venue_id=venue_id,
        kind=command.kind,
        name=command.name,
        parameters=set_clock(command.kind, command.parameters, command.given, now),
        version=1,
        created_at=now,
    )
    made = _equip(session, proof, command.given, tools)
    session.add(proof)
    session.flush()
    said = {"venue_id": venue_id, "kind": proof.kind, "name": proof.name}
    record(session, merchant_id, "proof.created", proof.id, after=said, now=now)
    return made


def rotate_proof(
    session: Session,
    path: Path,
    given: Given,
    check: Callable[[str, Given], None],
    tools: Tools,
    now: datetime,
) -> NewProof:
    """A new secret and key under the same id; the old ones are dead at once.

    `check(kind, given)` refuses what this kind of proof has no use for.
    """
    _begin(session, path.merchant_id, path.venue_id)
    proof = queries.lock_live_proof(session, path.proof_id, path.venue_id)
    if proof is None:
        raise ProofNotFound
    check(proof.kind, given)
    proof.version += 1
    proof.rotated_at = now
    proof.parameters = set_clock(proof.kind, proof.parameters, given, now)
    if proof.kind == "nfc_tag":
        proof.counter = None
    made = _equip(session, proof, given, tools)
    session.flush()
    record(session, path.merchant_id, "proof.rotated", proof.id, now=now)
    return made


def list_proofs(
    session: Session,
    merchant_id: UUID,
    venue_id: UUID,
    *,
    kind: str | None,
    limit: int,
    after: UUID | None,
) -> list[ProofView]:
    _require_venue(session, venue_id, merchant_id)
    rows = queries.list_proofs(session, venue_id, kind=kind, limit=limit, after=after)
    return [_view_proof(row) for row in rows]


def load_proof(session: Session, path: Path) -> ProofView:
    _require_venue(session, path.venue_id, path.merchant_id)
    proof = queries.find_proof(session, path.proof_id, path.venue_id)
    if proof is None:
        raise ProofNotFound
    return _view_proof(proof)


def revoke_proof(session: Session, path: Path, now: datetime) -> None:
    _require_venue(session, path.venue_id, path.merchant_id)
    revoked_at = queries.revoke_proof(session, path.proof_id, path.venue_id, now)
    if revoked_at is None:
        raise ProofNotFound
    if revoked_at == now:
        record(session, path.merchant_id, "proof.revoked", path.proof_id, now=now)


def load_poster(session: Session, path: Path, vault: Vault) -> Poster:
    _require_venue(session, path.venue_id, path.merchant_id)
    row = queries.find_display(session, path.proof_id, "poster_code")
    if row is None or row.venue_id != path.venue_id:
        raise ProofNotFound
    return Poster(row.venue_id, row.venue_name, vault.unseal(row.sealed_secret))


def load_kiosk(session: Session, proof_id: UUID, vault: Vault, now: datetime) -> Kiosk:
    row = queries.find_display(session, proof_id, "venue_code")
    if row is None:
        raise ProofNotFound
    step_s = row.parameters["step_s"]
    secret = bytes.fromhex(vault.unseal(row.sealed_secret))
    return Kiosk(row.venue_id, row.venue_name, step_s, codes_ahead(secret, now, step_s))


def bind_wristband(
    session: Session,
    merchant_id: UUID,
    claims: Mapping[str, Any] | None,
    tag: str,
    vault: Vault,
    now: datetime,
) -> WristbandView:
    """`claims` are those of a genuine receipt that has not expired; None: it is none."""
    if claims is None or claims["merchant"] != str(merchant_id):
        raise ReceiptRefused
    if queries.is_voided(session, UUID(claims["jti"])):
        raise ReceiptRefused
    digests = tag_digests(vault, merchant_id, tag)
    if queries.find_bound_customer(session, merchant_id, digests):
        raise WristbandTaken
    wristband_id = new_id()
    row = {
        "id": wristband_id,
        "merchant_id": merchant_id,
        "customer_id": UUID(claims["sub"]),
        "tag_digest": digests[0],
        "sealed_tag": vault.seal(normalise_tag(tag)),
        "status": "bound",
        "bound_at": now,
    }
    if not queries.insert_wristband(session, row):
        raise WristbandTaken
    bound = load_wristband(session, wristband_id, {"merchant_id": merchant_id}, vault)
    said = {"customer": bound.customer, "status": "bound"}
    record(session, merchant_id, "wristband.bound", wristband_id, after=said, now=now)
    return bound


def tag_digests(vault: Vault, merchant_id: UUID, tag: str) -> list[bytes]:
    """What a merchant's tag is found by, newest first, however the reader spells it."""
    return vault.digests(f"wristband {merchant_id} {normalise_tag(tag)}")


def load_wristband(
    session: Session, wristband_id: UUID, owner: Owner, vault: Vault
) -> WristbandView:
    row = queries.find_wristband(session, wristband_id, owner)
    if row is None:
        raise WristbandNotFound
    return _view_wristband(row, vault)


def list_wristbands(
    session: Session, owner: Owner, vault: Vault, *, limit: int, after: UUID | None
) -> list[WristbandView]:
    rows = queries.list_wristbands(session, owner, limit=limit, after=after)
    return [_view_wristband(row, vault) for row in rows]


def report_lost(
    session: Session, wristband_id: UUID, owner: Owner, vault: Vault, now: datetime
) -> WristbandView:
    """Its taps are refused from now on, and nobody can bind the tag until it is unbound."""
    before = queries.lock_wristband(session, wristband_id, owner)
    lost = queries.lose_wristband(session, wristband_id, owner, now)
    wristband = load_wristband(session, wristband_id, owner, vault)
    if not lost:
        raise WristbandUnbound
    if "merchant_id" in owner:
        _record_end(session, owner["merchant_id"], wristband_id, before, "lost", now)
    return wristband


def unbind_wristband(
    session: Session, wristband_id: UUID, merchant_id: UUID, now: datetime
) -> None:
    owner = {"merchant_id": merchant_id}
    before = queries.lock_wristband(session, wristband_id, owner)
    if not queries.unbind_wristband(session, wristband_id, owner, now):
        raise WristbandNotFound
    _record_end(session, merchant_id, wristband_id, before, "unbound", now)


def _record_end(
    session: Session,
    merchant_id: UUID,
    wristband_id: UUID,
    before: str | None,
    status: str,
    now: datetime,
) -> None:
    old, new = {"status": before}, {"status": status}
    action = f"wristband.{status}"
    record(session, merchant_id, action, wristband_id, before=old, after=new, now=now)


def _begin(session: Session, merchant_id: UUID, venue_id: UUID) -> None:
    """From here on nobody else makes the merchant's proofs, and the venue stays open."""
    queries.lock_provisioning(session, merchant_id)
    if not queries.hold_venue(session, venue_id, merchant_id):
        raise VenueNotFound


def _require_venue(session: Session, venue_id: UUID, merchant_id: UUID) -> None:
    if not queries.venue_exists(session, venue_id, merchant_id):
        raise VenueNotFound


def _equip(session: Session, proof: VenueProof, given: Given, tools: Tools) -> NewProof:
    """Gives the proof a new secret and, where its kind has one, a new key."""
    secret = _new_secret(session, proof, given, tools)
    token = f"lbp_{proof.id.hex}_{tools.token()}" if proof.kind in WITH_KEY else None
    proof.sealed_secret = tools.vault.seal(secret)
    proof.token_digest = hash_token(token) if token else None
    return NewProof(_view_proof(proof), secret, token)


def _new_secret(session: Session, proof: VenueProof, given: Given, tools: Tools) -> str:
    taken = _pins(session, proof, tools.vault)
    for _ in range(TRIES):
        random_bytes = tools.random_bytes(RANDOM_BYTES)
        secret = make_secret(proof.kind, proof.parameters, given, random_bytes)
        if secret not in taken:
            return secret
    raise PinTaken


def _pins(session: Session, proof: VenueProof, vault: Vault) -> frozenset[str]:
    """Those of the other staff members; a PIN says who it is that has seen the customer."""
    if proof.kind != "staff":
        return frozenset()
    sealed = queries.live_secrets(session, proof.venue_id, "staff", but=proof.id)
    return frozenset(vault.unseal(secret) for secret in sealed)


def _view_proof(proof: VenueProof) -> ProofView:
    return ProofView(
        id=proof.id,
        venue_id=proof.venue_id,
        kind=proof.kind,
        name=proof.name,
        parameters=proof.parameters,
        counter=proof.counter,
        version=proof.version,
        created_at=proof.created_at,
        rotated_at=proof.rotated_at,
        revoked_at=proof.revoked_at,
    )


def _view_wristband(row: Any, vault: Vault) -> WristbandView:
    return WristbandView(
        id=row.id,
        tag_ending=ending(vault.unseal(row.sealed_tag)),
        status=row.status,
        customer=pseudonym(row.subject_id, row.pseudonym_key),
        merchant_name=row.merchant_name,
        bound_at=row.bound_at,
        ended_at=row.ended_at,
    )
