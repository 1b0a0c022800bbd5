"""Every SELECT and conditional UPDATE of signing in by Facebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.db import Session, Statement

LOCK_USER = Statement("SELECT pg_advisory_xact_lock(:number)")

LOCK_CUSTOMER = Statement("SELECT app_id FROM customer WHERE id = :customer_id FOR KEY SHARE")

FIND_LINKED = Statement("""
    SELECT link.customer_id FROM facebook_user_link AS link
    JOIN customer ON customer.id = link.customer_id
    WHERE link.user_digest = ANY(CAST(:digests AS bytea[])) AND link.app_id = :app_id
    FOR KEY SHARE OF customer
""")

LINK = Statement("""
    INSERT INTO facebook_user_link AS link
        (customer_id, app_id, user_digest, sealed_user_id, linked_at)
    VALUES (:customer_id, :app_id, :digest, :sealed, :now)
    ON CONFLICT (customer_id) DO UPDATE
        SET user_digest = excluded.user_digest, sealed_user_id = excluded.sealed_user_id,
            linked_at = excluded.linked_at
""")

UNLINK = Statement("DELETE FROM facebook_user_link WHERE customer_id = :customer_id")

UNLINK_USER = Statement("""
    DELETE FROM facebook_user_link WHERE user_digest = ANY(CAST(:digests AS bytea[]))
""")

FIND_CODE = Statement("""
    SELECT code FROM facebook_deletion WHERE request_digest = ANY(CAST(:digests AS bytea[]))
""")

ADD_DELETION = Statement("""
    INSERT INTO facebook_deletion (code, request_digest, done_at) VALUES (:code, :digest, :now)
""")

FIND_DELETION = Statement("SELECT done_at FROM facebook_deletion WHERE code = :code")

FORGET_DELETIONS = Statement("DELETE FROM facebook_deletion WHERE done_at < :before")


def lock_user(session: Session, digest: bytes) -> None:
    """What is done about somebody on Facebook is done one after the other."""
    LOCK_USER.do(session, {"number": int.from_bytes(digest[:8], signed=True)})


def lock_customer(session: Session, customer_id: UUID) -> UUID | None:
    """The customer's app; an erasure waits until the transaction ends."""
    row = LOCK_CUSTOMER.find(session, {"customer_id": customer_id})
    return row.app_id if row else None


def find_linked(session: Session, app_id: UUID, digests: Sequence[bytes]) -> UUID | None:
    row = FIND_LINKED.find(session, {"app_id": app_id, "digests": list(digests)})
    return row.customer_id if row else None


def link(session: Session, **values: Any) -> None:
    """Link the customer, in the place of whom it was linked to before."""
    LINK.do(session, values)


def unlink(session: Session, customer_id: UUID) -> None:
    UNLINK.do(session, {"customer_id": customer_id})


def unlink_user(session: Session, digests: Sequence[bytes]) -> None:
    """In every app."""
    UNLINK_USER.do(session, {"digests": list(digests)})


def find_code(session: Session, digests: Sequence[bytes]) -> str | None:
    row = FIND_CODE.find(session, {"digests": list(digests)})
    return row.code if row else None


def add_deletion(session: Session, *, code: str, digest: bytes, now: datetime) -> None:
    ADD_DELETION.do(session, {"code": code, "digest": digest, "now": now})


def find_deletion(session: Session, code: str) -> datetime | None:
    row = FIND_DELETION.find(session, {"code": code})
    return row.done_at if row else None


def forget_deletions(session: Session, before: datetime) -> None:
    FORGET_DELETIONS.do(session, {"before": before})
