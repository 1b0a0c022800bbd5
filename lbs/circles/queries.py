"""Every SELECT and conditional UPDATE of circles, and what a check-in asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select

from lbs.circles.models import Friendship
from lbs.circles.policy import PARTY_CHARACTERS, read_code
from lbs.db import Session, Statement

PARTY_SIZE = """
    SELECT count(DISTINCT other.customer_id)
    FROM party JOIN check_in AS other ON other.party_id = party.id
    WHERE party.id = CAST(:party_id AS uuid) AND other.venue_id = venue.id
      AND other.verdict = 'accepted' AND other.customer_id <> customer.id
      AND other.occurred_at BETWEEN party.created_at AND party.expires_at
      AND NOT EXISTS (
          SELECT FROM customer AS person JOIN customer_standing AS standing USING (subject_id)
          WHERE person.id = other.customer_id AND standing.merchant_id = venue.merchant_id
            AND standing.standing = 'staff')
"""
"""How many others than `customer` have checked in at `venue` under the party; 0 without one.

Staff of the venue are none of them.
"""

FRIENDS_OF = """
    SELECT friendship.other_id AS id FROM friendship WHERE friendship.one_id = {customer}
    UNION ALL
    SELECT friendship.one_id FROM friendship WHERE friendship.other_id = {customer}
"""

FRIENDS_PRESENT = f"""
    SELECT count(*) FROM ({FRIENDS_OF.format(customer="customer.id")}) AS friend
    WHERE EXISTS (
        SELECT FROM check_in AS theirs
        WHERE theirs.customer_id = friend.id AND theirs.venue_id = venue.id
          AND theirs.verdict = 'accepted'
          AND theirs.occurred_at BETWEEN CAST(:now AS timestamptz) - interval '3 hours'
                                     AND CAST(:now AS timestamptz) + interval '3 hours')
      AND NOT EXISTS (
          SELECT FROM customer AS person JOIN customer_standing AS standing USING (subject_id)
          WHERE person.id = friend.id AND standing.merchant_id = venue.merchant_id
            AND standing.standing = 'staff')
"""
"""How many friends of `customer` have checked in at `venue` within three hours of now.

Staff of the venue are none of them. Some may have come a moment later, where the customer's
check-in is judged after theirs.
"""

FIND_PARTY = Statement("""
    SELECT id, venue_id FROM party WHERE code = :code AND expires_at > :now FOR NO KEY UPDATE
""")

READ_PARTY = Statement("""
    SELECT party.code, party.venue_id, party.expires_at, (
        SELECT count(DISTINCT check_in.customer_id) FROM check_in
        WHERE check_in.party_id = party.id AND check_in.verdict = 'accepted'
          AND check_in.occurred_at BETWEEN party.created_at AND party.expires_at
    ) AS checked_in
    FROM party WHERE code = :code AND expires_at > :now
""")

ADD_PARTY = Statement("""
    INSERT INTO party (id, code, venue_id, created_at, expires_at)
    VALUES (:id, :code, CAST(:venue_id AS uuid), :now, :expires_at)
    ON CONFLICT (code) DO NOTHING RETURNING id
""")

IS_OPEN_VENUE = Statement("SELECT id FROM venue WHERE id = :venue_id AND status = 'active'")

ADD_INVITATION = Statement("""
    INSERT INTO friend_invitation (id, customer_id, code_digest, sealed_code, created_at,
                                   expires_at)
    SELECT :id, customer.id, :digest, :sealed, :now, :expires_at
    FROM customer WHERE customer.id = :customer_id FOR KEY SHARE OF customer
    RETURNING id
""")

FIND_INVITATION = Statement("""
    SELECT id, customer_id FROM friend_invitation
    WHERE code_digest = ANY(:digests) AND expires_at > :now
""")

USE_INVITATION = Statement("""
    UPDATE friend_invitation SET used_at = :now WHERE id = :id AND used_at IS NULL RETURNING id
""")

LOCK_CUSTOMERS = Statement("""
    SELECT id FROM customer WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
""")

MOST_FRIENDS = Statement("""
    SELECT coalesce(max(counted.friends), 0) AS friends FROM unnest(:ids) AS person(id), LATERAL (
        SELECT count(*) AS friends FROM friendship WHERE person.id IN (one_id, other_id)
    ) AS counted
""")

FORGET = Statement("""
    WITH parties AS (DELETE FROM party WHERE expires_at < :before)
    DELETE FROM friend_invitation WHERE expires_at < :before
""")


def find_party(session: Session, code: str, now: datetime) -> Any | None:
    """The live party of a code, however it was typed: id, venue_id; None where there is none.

    It is locked until the transaction ends, so that those who check in under it at one moment are
    counted one after the other. Ask before the customer is locked.
    """
    read = read_code(code, PARTY_CHARACTERS)
    return FIND_PARTY.find(session, {"code": read, "now": now}) if read else None


def read_party(session: Session, code: str, now: datetime) -> Any | None:
    """The live party and how many have checked in under it."""
    read = read_code(code, PARTY_CHARACTERS)
    return READ_PARTY.find(session, {"code": read, "now": now}) if read else None


def add_party(session: Session, **values: Any) -> bool:
    """Whether the code was free."""
    return ADD_PARTY.find(session, values) is not None


def is_open_venue(session: Session, venue_id: UUID) -> bool:
    return IS_OPEN_VENUE.find(session, {"venue_id": venue_id}) is not None


def add_invitation(session: Session, **values: Any) -> bool:
    """Whether there is such a customer still."""
    return ADD_INVITATION.find(session, values) is not None


def find_invitation(session: Session, digests: Sequence[bytes], now: datetime) -> Any | None:
    """An invitation that is not over; it may be used already."""
    return FIND_INVITATION.find(session, {"digests": list(digests), "now": now})


def use_invitation(session: Session, invitation_id: UUID, now: datetime) -> bool:
    """Whether this was its one use."""
    return USE_INVITATION.find(session, {"id": invitation_id, "now": now}) is not None


def lock_customers(session: Session, *customer_ids: UUID) -> set[UUID]:
    """Those of them that there are; their friends stay as they are until the transaction ends."""
    return {row.id for row in LOCK_CUSTOMERS.all(session, {"ids": list(customer_ids)})}


def most_friends(session: Session, *customer_ids: UUID) -> int:
    """How many friends the one of them has who has most."""
    return int(MOST_FRIENDS.one(session, {"ids": list(customer_ids)}).friends)


def find_friendship(session: Session, *customer_ids: UUID) -> Friendship | None:
    one_id, other_id = sorted(customer_ids)
    return session.scalar(
        select(Friendship).where(Friendship.one_id == one_id, Friendship.other_id == other_id)
    )


def list_friends(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Friendship]:
    """Newest first."""
    statement = (
        select(Friendship)
        .where(_is_theirs(customer_id))
        .order_by(Friendship.id.desc())
        .limit(limit)
    )
    return session.scalars(statement.where(Friendship.id < after) if after else statement).all()


def delete_friendship(session: Session, friendship_id: UUID, customer_id: UUID) -> bool:
    """Whether it was one of the customer's."""
    gone = session.scalar(
        delete(Friendship)
        .where(Friendship.id == friendship_id, _is_theirs(customer_id))
        .returning(Friendship.id)
    )
    return gone is not None


def forget(session: Session, before: datetime) -> None:
    """Parties and invitations that were over then."""
    FORGET.do(session, {"before": before})


def _is_theirs(customer_id: UUID) -> ColumnElement[bool]:
    return or_(Friendship.one_id == customer_id, Friendship.other_id == customer_id)
