"""Every SELECT and conditional UPDATE of shares, and what a check-in asks of them.

In the ledger the subject of a share's events is the customer who shared; with the offer it names
the share. A friend's visit is known by its check-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from lbs.db import Session, Statement, new_id
from lbs.ledger.queries import UNLOCK_FACTS, facts_of
from lbs.shares.models import Brand

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

_SENT = f"""
    FROM share JOIN referral ON referral.share_id = share.id
    JOIN customer AS friend ON friend.id = referral.customer_id
    WHERE referral.used_at IS NOT NULL AND {_COUNTED.format(row="share")}
      AND NOT EXISTS (
          SELECT FROM customer_standing AS standing
          WHERE standing.merchant_id = share.merchant_id
            AND standing.subject_id = friend.subject_id
            AND standing.standing IN ('tester', 'staff'))
"""

FRIENDS_SENT = f"""
    SELECT count(DISTINCT friend.id) {_SENT}
      AND share.customer_id = customer.id AND share.merchant_id = venue.merchant_id
      AND referral.used_at <= CAST(:now AS timestamptz)
"""
"""How many friends the shares of `customer` have brought to the merchant of `venue`, credited."""

CREDITED_FRIENDS = f"""
    SELECT share.customer_id::text AS customer_id, min(referral.used_at) AS credited_at {_SENT}
      AND share.offer_id IN (SELECT id FROM offer WHERE merchant_id = :merchant_id)
      AND share.customer_id IS NOT NULL
    GROUP BY share.customer_id, friend.id
"""
"""The same for everybody who shares the merchant's offers: by friend, since when."""

_OF_FRIEND = facts_of(
    "unlock",
    merchant_id="used.merchant_id",
    subject_id="used.subject_id",
    check_in_id="CAST(:check_in_id AS uuid)",
    offer_id="offer.id",
    offer_version="coalesce(unlock.offer_version, offer.terms_version)",
    share_id="used.share_id",
    counted=f"CAST(:counted AS boolean) AND {_COUNTED.format(row='used')}",
)
"""Of the friend's unlock, told of the customer who shared."""

LOCK_REFERRALS = Statement(f"""
    SELECT offer_id, share_id FROM referral
    WHERE customer_id = CAST(:customer_id AS uuid) AND {_LIVE} ORDER BY offer_id FOR UPDATE
""")

USE_REFERRALS = Statement(f"""
    WITH used AS (
        UPDATE referral SET used_at = CAST(:now AS timestamptz)
        FROM share
        WHERE referral.customer_id = CAST(:customer_id AS uuid) AND share.id = referral.share_id
          AND referral.offer_id = ANY(CAST(:offer_ids AS uuid[])) AND {_LIVE}
        RETURNING referral.offer_id, referral.share_id, share.merchant_id, share.subject_id
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, {UNLOCK_FACTS})
        SELECT gen_random_uuid(), CAST(:now AS timestamptz), 'friend_visit',
               CAST(:venue_id AS uuid), {_OF_FRIEND}
        FROM used JOIN offer ON offer.id = used.offer_id LEFT JOIN unlock
          ON (unlock.check_in_id, unlock.offer_id) = (CAST(:check_in_id AS uuid), offer.id)
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
                              share_id, counted)
    SELECT :event_id, made.created_at, 'shared', made.merchant_id, made.subject_id, made.offer_id,
           :offer_version, made.id, {_COUNTED.format(row="made")}
    FROM made
""")

FIND_OWN_SHARE = Statement("""
    SELECT id, sealed_token FROM share WHERE customer_id = :customer_id AND offer_id = :offer_id
""")

FIND_SEALED_TOKENS = Statement("""
    SELECT id, sealed_token FROM share WHERE id = ANY(CAST(:ids AS uuid[]))
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

_FACT = f"""
    INSERT INTO ledger_event (id, at, kind, merchant_id, subject_id, offer_id, offer_version,
                              share_id, reasons, counted)
    SELECT CAST(:event_id AS uuid), CAST(:now AS timestamptz), {{kind}}, share.merchant_id,
           share.subject_id, offer.id, offer.terms_version, share.id, {{reasons}},
           {_COUNTED.format(row="share")}
    FROM share JOIN offer ON offer.id = share.offer_id
    WHERE share.id = CAST(:share_id AS uuid)
"""

RECORD_VISIT = Statement(f"""
    WITH visit AS (
        INSERT INTO share_visit (share_id, day, visitor, network)
        SELECT CAST(:share_id AS uuid), CAST(:day AS date), CAST(:visitor AS bytea),
               CAST(:network AS bytea)
        WHERE NOT EXISTS (
            SELECT FROM share_visit
            WHERE share_id = CAST(:share_id AS uuid) AND day = CAST(:day AS date)
              AND network = CAST(:opened_from AS bytea))
        ON CONFLICT DO NOTHING RETURNING share_id
    )
    {_FACT.format(kind="'share_visited'", reasons="NULL")} AND EXISTS (SELECT FROM visit)
""")

RECORD_FETCH = Statement(
    _FACT.format(kind="'share_fetched'", reasons="ARRAY[CAST(:follower AS text)]")
)

BE_QUICK = Statement("SELECT set_config('lock_timeout', '300ms', true)")

FIND_PAGE = Statement("""
    SELECT share.id AS share_id, offer.id AS offer_id, offer.status, terms.teaser, terms.rule,
           terms.schedule, terms.valid_from, terms.valid_to, merchant.name AS merchant,
           brand.color
    FROM share
    JOIN offer ON offer.id = share.offer_id
    JOIN offer_version AS terms ON (terms.offer_id, terms.number) = (offer.id, offer.terms_version)
    JOIN merchant ON merchant.id = offer.merchant_id
    LEFT JOIN brand ON brand.merchant_id = merchant.id
    WHERE share.token_digest = :digest
""")

FIND_PICTURE = Statement("""
    SELECT png FROM share_picture WHERE offer_id = :offer_id AND digest = :digest
""")

KEEP_PICTURE = Statement("""
    INSERT INTO share_picture (offer_id, digest, png, created_at)
    VALUES (:offer_id, :digest, :png, :now) ON CONFLICT DO NOTHING
""")

FORGET_VISITORS = Statement("""
    WITH gone AS (DELETE FROM share_visit WHERE day < :day RETURNING 1)
    SELECT count(*) AS visitors FROM gone
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


def find_sealed_tokens(session: Session, share_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = FIND_SEALED_TOKENS.all(session, {"ids": list(share_ids)})
    return {row.id: row.sealed_token for row in rows}


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


def record_visit(
    session: Session,
    *,
    share_id: UUID,
    visitor: bytes,
    network: bytes | None,
    opened_from: bytes | None,
    now: datetime,
) -> None:
    """A person, not a crawler, has followed the share: once a day each.

    Not where its page was opened from the same network today, if `opened_from` names one.
    """
    values = {
        "share_id": share_id,
        "visitor": visitor,
        "network": network,
        "opened_from": opened_from,
        "event_id": new_id(),
        "day": now.astimezone(UTC).date(),
        "now": now,
    }
    RECORD_VISIT.do(session, values)


def record_fetch(session: Session, share_id: UUID, follower: str, now: datetime) -> None:
    """A machine has fetched the page of the share."""
    values = {"share_id": share_id, "follower": follower, "event_id": new_id(), "now": now}
    RECORD_FETCH.do(session, values)


def be_quick(session: Session) -> None:
    """Wait for no lock longer than an eye takes to notice."""
    BE_QUICK.do(session, {})


def forget_visitors(session: Session, before: date) -> int:
    """Of the days before this one; how many they were."""
    return int(FORGET_VISITORS.one(session, {"day": before}).visitors)


def find_page(session: Session, digest: bytes) -> Any | None:
    """The offer of a share as it is now, whatever its status."""
    return FIND_PAGE.find(session, {"digest": digest})


def find_picture(session: Session, offer_id: UUID, digest: str) -> bytes | None:
    row = FIND_PICTURE.find(session, {"offer_id": offer_id, "digest": digest})
    return bytes(row.png) if row else None


def keep_picture(
    session: Session, *, offer_id: UUID, digest: str, png: bytes, now: datetime
) -> None:
    """What is there already stays."""
    KEEP_PICTURE.do(session, {"offer_id": offer_id, "digest": digest, "png": png, "now": now})


def find_color(session: Session, merchant_id: UUID) -> str | None:
    found = session.get(Brand, merchant_id, populate_existing=True)
    return found.color if found else None


def set_color(session: Session, merchant_id: UUID, color: str | None, now: datetime) -> None:
    if color is None:
        session.execute(delete(Brand).where(Brand.merchant_id == merchant_id))
        return
    values = {"color": color, "updated_at": now}
    session.execute(
        insert(Brand)
        .values(merchant_id=merchant_id, **values)
        .on_conflict_do_update(index_elements=["merchant_id"], set_=values)
    )


def lock_referrals(session: Session, customer_id: UUID, now: datetime) -> dict[UUID, UUID]:
    """By offer, the share by which the customer has come to it and that can be credited still."""
    rows = LOCK_REFERRALS.all(session, {"customer_id": customer_id, "now": now})
    return {row.offer_id: row.share_id for row in rows}


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
