"""Use cases of circles: going somewhere together, and linking friends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.accounts.errors import CustomerGone
from lbs.accounts.service import require_customer
from lbs.circles import queries
from lbs.circles.errors import FriendNotFound, FriendsFull
from lbs.circles.models import Friendship
from lbs.circles.policy import (
    INVITATION_CHARACTERS,
    INVITATION_LIFE,
    MAX_FRIENDS,
    PARTY_CHARACTERS,
    PARTY_LIFE,
    RANDOM_BYTES,
    make_code,
    read_code,
)
from lbs.db import Session, new_id
from lbs.http import guesses
from lbs.http.guesses import GuessLimit
from lbs.vault import Vault
from lbs.venues.errors import VenueNotFound

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class PartyView:
    code: str
    venue_id: UUID | None
    expires_at: datetime
    checked_in: int = 0


@dataclass(frozen=True, slots=True)
class Invitation:
    expires_at: datetime
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a code led to, or seconds to wait after too many wrong ones.

    A wrong one has been counted, and has to be kept: the caller raises once the transaction closed.
    """

    found: Any = None
    wait_s: int = 0


def start_party(
    session: Session,
    customer_id: UUID,
    venue_id: UUID | None,
    random_bytes: RandomBytes,
    now: datetime,
) -> PartyView:
    """A party at a venue, or anywhere. Who has started it is not kept."""
    require_customer(session, customer_id)
    if venue_id and not queries.is_open_venue(session, venue_id):
        raise VenueNotFound
    party: dict[str, Any] = {"venue_id": venue_id, "expires_at": now + PARTY_LIFE}
    code = make_code(random_bytes(RANDOM_BYTES), PARTY_CHARACTERS)
    while not queries.add_party(session, id=new_id(), code=code, now=now, **party):
        code = make_code(random_bytes(RANDOM_BYTES), PARTY_CHARACTERS)
    return PartyView(code=code, **party)


def load_party(
    session: Session, customer_id: UUID, code: str, limit: GuessLimit, now: datetime
) -> Attempt:
    attempt = _try_code(session, customer_id, code, queries.read_party, limit, now)
    party = attempt.found
    if party is None:
        return attempt
    return Attempt(PartyView(party.code, party.venue_id, party.expires_at, party.checked_in))


def join_party(
    session: Session, customer_id: UUID, code: str, limit: GuessLimit, now: datetime
) -> Attempt:
    """The party (id, venue_id), locked, for a check-in under it; before the customer is locked."""
    return _try_code(session, customer_id, code, queries.find_party, limit, now)


def invite_friend(
    session: Session, customer_id: UUID, vault: Vault, random_bytes: RandomBytes, now: datetime
) -> Invitation:
    code = make_code(random_bytes(RANDOM_BYTES), INVITATION_CHARACTERS)
    invitation = Invitation(now + INVITATION_LIFE, code)
    if not queries.add_invitation(
        session,
        id=new_id(),
        customer_id=customer_id,
        digest=vault.digest(code),
        sealed=vault.seal(code),
        now=now,
        expires_at=invitation.expires_at,
    ):
        raise CustomerGone
    return invitation


def add_friend(
    session: Session,
    customer_id: UUID,
    code: str,
    vault: Vault,
    limit: GuessLimit,
    now: datetime,
) -> Attempt:
    """Link the customer and whoever has given out the code; those who are linked stay so."""
    guessers = {f"friend {customer_id}": 1}
    if wait_s := guesses.wait_s(session, guessers, limit, now):
        return Attempt(wait_s=wait_s)
    read = read_code(code, INVITATION_CHARACTERS)
    invitation = read and queries.find_invitation(session, vault.digests(read), now)
    if not invitation:
        return Attempt(wait_s=guesses.count_guess(session, guessers, limit, now))
    return Attempt(_link(session, customer_id, invitation, now))


def list_friends(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Friendship]:
    return queries.list_friends(session, customer_id, limit=limit, after=after)


def remove_friend(session: Session, customer_id: UUID, friend_id: UUID) -> None:
    """It ends for both."""
    if not queries.delete_friendship(session, friend_id, customer_id):
        raise FriendNotFound


def _try_code(
    session: Session,
    customer_id: UUID,
    code: str,
    find: Callable[[Session, str, datetime], Any],
    limit: GuessLimit,
    now: datetime,
) -> Attempt:
    guessers = {f"party {customer_id}": 1}
    if wait_s := guesses.wait_s(session, guessers, limit, now):
        return Attempt(wait_s=wait_s)
    party = find(session, code, now)
    if party is None:
        return Attempt(wait_s=guesses.count_guess(session, guessers, limit, now))
    return Attempt(party)


def _link(session: Session, customer_id: UUID, invitation: Any, now: datetime) -> Friendship | None:
    """None where the invitation is the customer's own, was used, or nobody's any more."""
    pair = customer_id, invitation.customer_id
    if customer_id == invitation.customer_id:
        return None
    there = queries.lock_customers(session, *pair)
    if customer_id not in there:
        raise CustomerGone
    if friendship := queries.find_friendship(session, *pair):
        return friendship
    if not there.issuperset(pair) or not queries.use_invitation(session, invitation.id, now):
        return None
    if queries.most_friends(session, *pair) >= MAX_FRIENDS:
        raise FriendsFull
    return _add_friendship(session, pair, now)


def _add_friendship(session: Session, pair: tuple[UUID, UUID], now: datetime) -> Friendship:
    one_id, other_id = sorted(pair)
    friendship = Friendship(id=new_id(), one_id=one_id, other_id=other_id, created_at=now)
    session.add(friendship)
    session.flush()
    return friendship
