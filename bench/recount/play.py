"""Recorded check-ins with all that the rules about people ask for beside.

The records say who came where and when. Parties, friends, shares and the event are made up from
them, by rules that anybody can follow: see `Company`.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

from bench.recount.kinds import TRAIL_VENUES, Kind, kinds
from lbs.accounts import service as accounts
from lbs.accounts.policy import MerchantKey
from lbs.circles import service as circles
from lbs.circles.models import Friendship
from lbs.circles.policy import PARTY_LIFE
from lbs.cli.progress import progress
from lbs.cli.replay import Replay, Row, Service, displaced, make_offers, prepare
from lbs.config import Settings
from lbs.db import Database, new_id
from lbs.http.guesses import limit_of
from lbs.redemptions import service as redemptions
from lbs.shares import service as shares
from lbs.unlocks import service as unlocks
from lbs.unlocks.service import UnlockView
from lbs.vault import Vault
from lbs.venues import service as venues

TILL = frozenset({"redeem"})
PRESENT_FOR = timedelta(hours=3)
AFTER_ALL = timedelta(days=366)
"""When the offers are over."""
EVERY_REFERRED, SHARERS = 3, 3
"""One customer in so many comes by a share, of one of so many sharers."""
EVERY_REDEEMED, EVERY_REVERSED = 5, 3
"""One unlock in so many is redeemed, one redemption in so many taken back."""
AT_TILL = timedelta(minutes=10)
"""How long after a check-in."""
MAX_FRIENDSHIPS = 20
"""A customer's, so that nobody is everybody's friend."""


@dataclass
class Play:
    """What was made, and with which offers."""

    made: Replay
    offers: tuple[Kind, ...]
    venue_ids: list[UUID]
    """The busiest, those with offers; the first are the trail."""
    event_id: UUID

    @property
    def trail(self) -> list[UUID]:
        return self.venue_ids[:TRAIL_VENUES]

    def offer_id(self, name: str) -> UUID:
        return self.made.offer_ids[[kind.name for kind in self.offers].index(name)]


@dataclass
class Company:
    """What customers say beside their check-ins at the busiest venues.

    The first to come starts a party and everybody who comes within its hours names its code, once.
    One customer in EVERY_REFERRED has followed a share an hour before the first check-in there, the
    sharers in turn.
    Who was at the busiest day of the busiest venue was there for the event.
    """

    db: Database
    vault: Vault
    play: Play
    event: tuple[str, datetime, datetime]
    tokens: Sequence[str]
    codes: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    named: set[tuple[str, str]] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def claims(self, row: Row) -> dict[str, Any]:
        self._refer(row)
        return {**self._event(row), "party_code": self._party(row)}

    def _event(self, row: Row) -> dict[str, Any]:
        venue, starts_at, ends_at = self.event
        there = row.venue == venue and starts_at <= row.at < ends_at
        return {"place_id": self.play.event_id, "is_event": True} if there else {}

    def _party(self, row: Row) -> str | None:
        code, until = self.codes.get(row.venue, ("", row.at))
        if row.at >= until:
            code, until = self._start_party(row), row.at + PARTY_LIFE
            self.codes[row.venue] = code, until
        if (code, row.user) in self.named:
            return None
        self.named.add((code, row.user))
        return code

    def _start_party(self, row: Row) -> str:
        made = self.play.made
        with self.db.transaction() as session:
            party = circles.start_party(
                session,
                made.customer_ids[row.user],
                made.venue_ids[row.venue],
                secrets.token_bytes,
                row.at,
            )
        return party.code

    def _refer(self, row: Row) -> None:
        if row.user in self.known:
            return
        self.known.add(row.user)
        if int(row.user) % EVERY_REFERRED == 0:
            with self.db.transaction() as session:
                customer_id = self.play.made.customer_ids[row.user]
                an_hour_before = row.at - timedelta(hours=1)
                token = self.tokens[int(row.user) // EVERY_REFERRED % len(self.tokens)]
                shares.refer(session, customer_id, token, "", self.vault, an_hour_before)


class Till:
    """Redeems some of what opens, and takes some of that back."""

    def __init__(self, db: Database, settings: Settings, made: Replay) -> None:
        self._db, self._vault = db, Vault(settings.secrets_key)
        self._limit = limit_of(settings)
        self._key = MerchantKey(_make_key(db, made), "", made.merchant_id, TILL, frozenset())
        self._unlocks = self._redemptions = 0

    def serve(self, unlocked: Sequence[UnlockView], now: datetime) -> None:
        for unlock in unlocked:
            self._unlocks += 1
            if self._unlocks % EVERY_REDEEMED == 0:
                self._redeem(unlock, now + AT_TILL)

    def _redeem(self, unlock: UnlockView, now: datetime) -> None:
        self._redemptions += 1
        asked = redemptions.Redeem(unlock.code or "", unlock.venue_id, 1000 + self._redemptions)
        with self._db.transaction() as session:
            attempt = redemptions.redeem(session, self._key, asked, self._vault, self._limit, now)
            if self._redemptions % EVERY_REVERSED == 0:
                made = attempt.redemption
                redemptions.reverse(session, self._key, made.id, "Wrong table", now)


def play(db: Database, settings: Settings, rows: Sequence[Row], busiest: int) -> Play:
    """Send every row, with an offer of every kind at the busiest venues."""
    there = [venue for venue, _ in Counter(row.venue for row in rows).most_common(busiest)]
    made, event = prepare(db, rows), _busiest_day(rows, there[0])
    venue_ids = [made.venue_ids[venue] for venue in there]
    event_id = _make_event(db, made, event)
    offers = kinds(venue_ids[:TRAIL_VENUES], event_id)
    make_offers(db, made, [kind.terms for kind in offers], venue_ids, referrer_bonus=True)
    played = Play(made, offers, venue_ids, event_id)
    _make_friends(db, made, [row for row in rows if row.venue in set(there)])
    vault = Vault(settings.secrets_key)
    company = Company(db, vault, played, event, _share(db, vault, played, rows))
    service, busy, till = Service(db, settings), set(there), Till(db, settings, made)
    for row in progress(displaced(rows), "check-ins"):
        claims = company.claims(row) if row.venue in busy else {}
        till.serve(service.send(made, row, **claims).unlocked, row.at)
    _expire(db, made.end + AFTER_ALL)
    return played


def _expire(db: Database, now: datetime) -> None:
    expired = True
    while expired:
        with db.transaction() as session:
            expired = bool(unlocks.expire(session, now))


def _make_key(db: Database, made: Replay) -> UUID:
    with db.transaction() as session:
        command = accounts.CreateKey("Till", tuple(TILL))
        return accounts.create_key(session, made.merchant_id, command, _secret, made.start).id


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _busiest_day(rows: Sequence[Row], venue: str) -> tuple[str, datetime, datetime]:
    days = Counter(row.at.date() for row in rows if row.venue == venue)
    (day, _), *_ = days.most_common(1)
    start = next(row.at for row in rows if row.at.date() == day).replace(hour=0, minute=0, second=0)
    return venue, start, start + timedelta(days=1)


def _make_event(db: Database, made: Replay, event: tuple[str, datetime, datetime]) -> UUID:
    venue, starts_at, ends_at = event
    with db.transaction() as session:
        command = venues.CreateEvent(made.venue_ids[venue], "Busiest day", starts_at, ends_at)
        event_id: UUID = venues.create_event(
            session, made.merchant_id, command, lambda _: None, made.start
        ).id
    return event_id


def _make_friends(db: Database, made: Replay, rows: Sequence[Row]) -> None:
    """Customers who were at one venue at one time are friends, the first to meet first."""
    with db.transaction() as session:
        for pair in _met(rows):
            one_id, other_id = sorted(made.customer_ids[user] for user in pair)
            session.add(
                Friendship(id=new_id(), one_id=one_id, other_id=other_id, created_at=made.start)
            )


def _met(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    present: dict[str, list[Row]] = {}
    friends: Counter[str] = Counter()
    pairs: set[tuple[str, ...]] = set()
    for row in rows:
        here = [old for old in present.get(row.venue, ()) if old.at > row.at - PRESENT_FOR]
        present[row.venue] = [*here, row]
        for one, other in combinations(sorted({old.user for old in present[row.venue]}), 2):
            full = max(friends[one], friends[other]) >= MAX_FRIENDSHIPS
            if (one, other) not in pairs and not full:
                pairs.add((one, other))
                friends.update((one, other))
                yield one, other


def _share(db: Database, vault: Vault, played: Play, rows: Sequence[Row]) -> list[str]:
    """Shares of the offer for those whom a share brings, by the busiest who never come by one."""
    there = {venue for venue, id_ in played.made.venue_ids.items() if id_ in played.venue_ids}
    busy = Counter(
        row.user for row in rows if row.venue in there and int(row.user) % EVERY_REFERRED
    )
    with db.transaction() as session:
        return [
            shares.share_offer(
                session,
                played.made.customer_ids[sharer],
                played.offer_id("referred"),
                vault,
                lambda: secrets.token_urlsafe(16),
                rows[0].at,
                is_shown=False,
            )
            for sharer, _ in busy.most_common(SHARERS)
        ]
