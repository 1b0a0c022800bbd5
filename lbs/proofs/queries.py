"""Every SELECT and conditional UPDATE of proofs and wristbands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from lbs.accounts.models import Customer, Merchant
from lbs.db import Session, Statement
from lbs.proofs.errors import ReceiptRefused
from lbs.proofs.models import VenueProof, Wristband
from lbs.venues.models import Venue

Owner = Mapping[str, UUID]
"""Whose wristbands are meant: `merchant_id` or `customer_id`."""

FIND_KEY = Statement("""
    SELECT proof.id, proof.kind, proof.merchant_id, proof.venue_id, proof.name, proof.token_digest
    FROM venue_proof AS proof JOIN venue ON venue.id = proof.venue_id
    WHERE proof.id = :proof_id AND proof.revoked_at IS NULL AND venue.status = 'active'
""")

FIND_DISPLAY = Statement("""
    SELECT proof.venue_id, venue.name AS venue_name, proof.parameters, proof.sealed_secret
    FROM venue_proof AS proof JOIN venue ON venue.id = proof.venue_id
    WHERE proof.id = :proof_id AND proof.kind = :kind AND proof.revoked_at IS NULL
      AND venue.status = 'active'
""")

FIND_BOUND_CUSTOMER = Statement("""
    SELECT customer_id, status, bound_at, id AS wristband_id FROM wristband
    WHERE merchant_id = :merchant_id AND tag_digest = ANY(:digests) AND status <> 'unbound'
    LIMIT 1
""")

FIND_WEARER = Statement("""
    SELECT customer_id, status, ended_at <= :at AS ended FROM wristband
    WHERE merchant_id = :merchant_id AND tag_digest = ANY(:digests) AND bound_at <= :at
    ORDER BY bound_at DESC, id DESC LIMIT 1
""")

IS_VOIDED = Statement("""
    SELECT EXISTS (SELECT FROM check_in WHERE id = :id AND voided_at IS NOT NULL) AS voided
""")


def find_key(session: Session, proof_id: UUID) -> Any | None:
    """What the holder of a kiosk's, reader's or staff member's key may act as; not if revoked."""
    return FIND_KEY.find(session, {"proof_id": proof_id})


def find_display(session: Session, proof_id: UUID, kind: str) -> Any | None:
    """What a live proof of this kind shows to customers: venue, parameters, sealed secret."""
    return FIND_DISPLAY.find(session, {"proof_id": proof_id, "kind": kind})


def lock_provisioning(session: Session, merchant_id: UUID) -> None:
    """One at a time makes a merchant's proofs: no tag and no PIN comes to be there twice."""
    session.execute(
        select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True)
    )


def hold_venue(session: Session, venue_id: UUID, merchant_id: UUID) -> bool:
    """Whether the venue is open; it then stays so until the transaction ends."""
    found = session.scalar(
        select(Venue.id)
        .where(Venue.id == venue_id, Venue.merchant_id == merchant_id, Venue.status == "active")
        .with_for_update(read=True)
    )
    return found is not None


def venue_exists(session: Session, venue_id: UUID, merchant_id: UUID) -> bool:
    found = session.scalar(
        select(Venue.id).where(Venue.id == venue_id, Venue.merchant_id == merchant_id)
    )
    return found is not None


def find_proof(session: Session, proof_id: UUID, venue_id: UUID) -> VenueProof | None:
    return session.scalar(
        select(VenueProof).where(VenueProof.id == proof_id, VenueProof.venue_id == venue_id)
    )


def lock_live_proof(session: Session, proof_id: UUID, venue_id: UUID) -> VenueProof | None:
    return session.scalar(
        select(VenueProof)
        .where(
            VenueProof.id == proof_id,
            VenueProof.venue_id == venue_id,
            VenueProof.revoked_at.is_(None),
        )
        .with_for_update(key_share=True)
    )


def list_proofs(
    session: Session, venue_id: UUID, *, kind: str | None, limit: int, after: UUID | None
) -> Sequence[VenueProof]:
    """Oldest first, revoked ones too."""
    conditions: list[ColumnElement[bool]] = [VenueProof.venue_id == venue_id]
    if kind:
        conditions.append(VenueProof.kind == kind)
    if after:
        conditions.append(VenueProof.id > after)
    return session.scalars(
        select(VenueProof).where(*conditions).order_by(VenueProof.id).limit(limit)
    ).all()


def has_live_tag(session: Session, merchant_id: UUID, uid: str) -> bool:
    """Whether a venue of the merchant that is open has this NFC tag."""
    found = session.scalar(
        select(VenueProof.id)
        .join(Venue, Venue.id == VenueProof.venue_id)
        .where(
            VenueProof.merchant_id == merchant_id,
            Venue.status == "active",
            VenueProof.kind == "nfc_tag",
            VenueProof.revoked_at.is_(None),
            VenueProof.parameters["uid"].astext == uid,
        )
        .limit(1)
    )
    return found is not None


def live_secrets(session: Session, venue_id: UUID, kind: str, *, but: UUID) -> Sequence[str]:
    """The sealed secrets of the venue's other live proofs of this kind."""
    return session.scalars(
        select(VenueProof.sealed_secret).where(
            VenueProof.venue_id == venue_id,
            VenueProof.kind == kind,
            VenueProof.revoked_at.is_(None),
            VenueProof.id != but,
        )
    ).all()


def revoke_proof(
    session: Session, proof_id: UUID, venue_id: UUID, now: datetime
) -> datetime | None:
    """When the proof was revoked, if there is such a one; revoking twice changes nothing."""
    return session.scalar(
        update(VenueProof)
        .where(VenueProof.id == proof_id, VenueProof.venue_id == venue_id)
        .values(revoked_at=func.coalesce(VenueProof.revoked_at, now))
        .returning(VenueProof.revoked_at)
    )


def find_bound_customer(
    session: Session, merchant_id: UUID, digests: Sequence[bytes]
) -> Any | None:
    """Who wears the tag, which may have been lost: customer_id, status and wristband_id."""
    return FIND_BOUND_CUSTOMER.find(session, {"merchant_id": merchant_id, "digests": list(digests)})


def is_voided(session: Session, check_in_id: UUID) -> bool:
    """Whether a receipt's check-in has been taken back."""
    return bool(IS_VOIDED.one(session, {"id": check_in_id}).voided)


def find_wearer(
    session: Session, merchant_id: UUID, digests: Sequence[bytes], at: datetime
) -> Any | None:
    """Who wore the tag then, or last: customer_id, status, and whether it had `ended`."""
    values = {"merchant_id": merchant_id, "digests": list(digests), "at": at}
    return FIND_WEARER.find(session, values)


def insert_wristband(session: Session, row: Mapping[str, Any]) -> bool:
    """Whether the tag was free; raises ReceiptRefused where the customer is gone."""
    try:
        inserted = session.scalar(
            insert(Wristband)
            .values(row)
            .on_conflict_do_nothing(
                index_elements=["merchant_id", "tag_digest"],
                index_where=text("status <> 'unbound'"),
            )
            .returning(Wristband.id)
        )
    except IntegrityError as error:
        raise ReceiptRefused from error
    return inserted is not None


def find_wristband(session: Session, wristband_id: UUID, owner: Owner) -> Row[Any] | None:
    return session.execute(
        _view().where(Wristband.id == wristband_id, *_owned(owner))
    ).one_or_none()


def list_wristbands(
    session: Session, owner: Owner, *, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    """Newest first."""
    statement = _view().where(*_owned(owner)).order_by(Wristband.id.desc()).limit(limit)
    return session.execute(statement.where(Wristband.id < after) if after else statement).all()


def lock_wristband(session: Session, wristband_id: UUID, owner: Owner) -> str | None:
    """Its status, which nobody else changes from here on."""
    return session.scalar(
        select(Wristband.status)
        .where(Wristband.id == wristband_id, *_owned(owner))
        .with_for_update()
    )


def lose_wristband(session: Session, wristband_id: UUID, owner: Owner, now: datetime) -> bool:
    """Whether it is bound or lost; losing it twice changes nothing."""
    return _end(session, wristband_id, owner, "lost", Wristband.status != "unbound", now)


def unbind_wristband(session: Session, wristband_id: UUID, owner: Owner, now: datetime) -> bool:
    """Whether there is such a wristband; unbinding twice changes nothing."""
    return _end(session, wristband_id, owner, "unbound", None, now)


def _end(
    session: Session,
    wristband_id: UUID,
    owner: Owner,
    status: str,
    condition: ColumnElement[bool] | None,
    now: datetime,
) -> bool:
    conditions = [] if condition is None else [condition]
    ended = session.scalar(
        update(Wristband)
        .where(Wristband.id == wristband_id, *_owned(owner), *conditions)
        .values(status=status, ended_at=func.coalesce(Wristband.ended_at, now))
        .returning(Wristband.id)
    )
    return ended is not None


def _owned(owner: Owner) -> list[ColumnElement[bool]]:
    return [getattr(Wristband, name) == value for name, value in owner.items()]


def _view() -> Select[*tuple[Any, ...]]:
    """A wristband with what makes its wearer's pseudonym."""
    return (
        select(
            Wristband.id,
            Wristband.sealed_tag,
            Wristband.status,
            Wristband.bound_at,
            Wristband.ended_at,
            Customer.subject_id,
            Merchant.pseudonym_key,
            Merchant.name.label("merchant_name"),
        )
        .join(Customer, Customer.id == Wristband.customer_id)
        .join(Merchant, Merchant.id == Wristband.merchant_id)
    )
