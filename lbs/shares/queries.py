"""Every SELECT and conditional UPDATE of shares, and what a check-in asks of them.

In the ledger the subject of a share's events is the customer who shared; with the offer it names
the share. A friend's visit is known by its check-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.db import Session, Statement, new_id

_LIVE = """
    referral.used_at IS NULL
    AND referral.bound_at >= CAST(:now AS timestamptz) - interval '7 days'
"""

IS_REFERRED = f"""
    EXISTS (
        SELECT FROM referral
        WHERE referral.customer_id = customer.id AND referral.offer_id = offer.id AND {_LIVE})
"""
"""Whether `customer` has come to `offer` through a share, and it has not been credited yet."""

HAS_REFERRAL = f"EXISTS (SELECT FROM referral WHERE referral.customer_id = customer.id AND {_LIVE})"
"""Whether `customer` has come to any offer so."""

_COUNTED = """
    NOT EXISTS (
        SELECT FROM customer_standing AS standing
        WHERE standing.merchant_id = {row}.merchant_id AND standing.subject_id = {row}.subject_id
          AND standing.standing IN ('tester', 'staff'))
"""
"""What staff and testers share is in no statistic."""

USE_REFERRALS = Statement(f"""
    WITH used AS (
        UPDATE referral SET used_at = CAST(:now AS timestamptz)
        FROM share
        WHERE referral.customer_id = CAST(:customer_id AS uuid) AND share.id = referral.share_id
          AND referral.offer_id = ANY(CAST(:offer_ids AS uuid[])) AND {_LIVE}
        RETURNING referral.offer_id, share.merchant_id, share.subject_id
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, check_in_id,
                                  offer_id, offer_version, counted)
        SELECT gen_random_uuid(), CAST(:now AS timestamptz), 'friend_visit', used.merchant_id,
               CAST(:venue_id AS uuid), used.subject_id, CAST(:check_in_id AS uuid), offer.id,
               offer.terms_version, CAST(:counted AS boolean) AND {_COUNTED.format(row="used")}
        FROM used JOIN offer ON offer.id = used.offer_id
    )
    SELECT offer_id FROM used
""")

FIND_RUNNING = Statement("""
    SELECT offer.id, offer.merchant_id, offer.terms_version, offer.experiment_id
    FROM offer JOIN offer_version AS terms
      ON (terms.offer_id, terms.number) = (offer.id, offer.terms_version)
    WHERE offer.id = :offer_id AND offer.status = 'active' AND terms.valid_to > :now
""")

LOCK_SUBJECT = Statement("""
    SELECT subject_id FROM customer WHERE id = :customer_id FOR KEY SHARE
""")

ADD_SHARE = Statement(f"""
    WITH made AS (
        INSERT INTO share (id, offer_id, merchant_id, customer_id, subject_id, token_digest,
                           sealed_token, created_at)
        VALUES (:id, :offer_id, :merchant_id, :customer_id, :subject_id, :digest, :sealed, :now)
        ON CONFLICT (customer_id, offer_id) DO NOTHING RETURNING *
    )
    INSERT INTO ledger_event (id, at, kind, merchant_id, subject_id, offer_id, offer_version,
                              counted)
    SELECT :event_id, made.created_at, 'shared', made.merchant_id, made.subject_id, made.offer_id,
           :offer_version, {_COUNTED.format(row="made")}
    FROM made
""")

FIND_OWN_SHARE = Statement("""
    SELECT id, sealed_token FROM share WHERE customer_id = :customer_id AND offer_id = :offer_id
""")

FIND_SHARE = Statement("""
    SELECT share.id, share.offer_id, share.merchant_id, share.customer_id, share.subject_id,
           offer.experiment_id
    FROM share JOIN offer ON offer.id = share.offer_id
    WHERE share.token_digest = :digest
""")

BIND = Statement("""
    WITH before AS (
        SELECT share_id FROM referral
        WHERE customer_id = :customer_id AND offer_id = :offer_id
          AND bound_at >= CAST(:now AS timestamptz) - interval '7 days'
    ), bound AS (
        INSERT INTO referral (customer_id, offer_id, share_id, bound_at)
        VALUES (:customer_id, :offer_id, :share_id, :now)
        ON CONFLICT (customer_id, offer_id) DO UPDATE
            SET share_id = excluded.share_id, bound_at = excluded.bound_at
            WHERE referral.used_at IS NULL
        RETURNING share_id
    )
    SELECT share_id, share_id NOT IN (SELECT share_id FROM before) AS is_new FROM bound
""")

RECORD_VISIT = Statement(f"""
    INSERT INTO ledger_event (id, at, kind, merchant_id, subject_id, offer_id, offer_version,
                              counted)
    SELECT :event_id, :now, 'share_visited', share.merchant_id, share.subject_id, offer.id,
           offer.terms_version, {_COUNTED.format(row="share")}
    FROM share JOIN offer ON offer.id = share.offer_id WHERE share.id = :share_id
""")


def find_running(session: Session, offer_id: UUID, now: datetime) -> Any | None:
    return FIND_RUNNING.find(session, {"offer_id": offer_id, "now": now})


def lock_subject(session: Session, customer_id: UUID) -> UUID | None:
    """The customer's subject; an erasure waits until the transaction ends."""
    row = LOCK_SUBJECT.find(session, {"customer_id": customer_id})
    return row.subject_id if row else None


def add_share(session: Session, **values: Any) -> None:
    """Make and record the share, where the customer has not shared the offer before."""
    ADD_SHARE.do(session, {**values, "id": new_id(), "event_id": new_id()})


def find_own_share(session: Session, customer_id: UUID, offer_id: UUID) -> Any | None:
    return FIND_OWN_SHARE.find(session, {"customer_id": customer_id, "offer_id": offer_id})


def find_share(session: Session, digest: bytes) -> Any | None:
    return FIND_SHARE.find(session, {"digest": digest})


def bind(
    session: Session, *, customer_id: UUID, offer_id: UUID, share_id: UUID, now: datetime
) -> Any | None:
    """Have the share counted for the customer; None where another was credited already.

    `is_new` is false where the same share was bound within seven days.
    """
    values = {"customer_id": customer_id, "offer_id": offer_id, "share_id": share_id, "now": now}
    return BIND.find(session, values)


def record_visit(session: Session, share_id: UUID, now: datetime) -> None:
    """A person, not a crawler, has followed the share."""
    RECORD_VISIT.do(session, {"share_id": share_id, "event_id": new_id(), "now": now})


def use_referrals(
    session: Session,
    *,
    customer_id: UUID,
    offer_ids: Sequence[UUID],
    check_in_id: UUID,
    venue_id: UUID,
    counted: bool,
    now: datetime,
) -> set[UUID]:
    """Credit the friend's check-in that opened the offers; to which of them a share had led."""
    values = {
        "customer_id": customer_id,
        "offer_ids": list(offer_ids),
        "check_in_id": check_in_id,
        "venue_id": venue_id,
        "counted": counted,
        "now": now,
    }
    return {row.offer_id for row in USE_REFERRALS.all(session, values)}
