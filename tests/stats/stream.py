"""A stream of facts at chosen times, driven through the services, and recounts of what it left."""

from __future__ import annotations

import heapq
import itertools
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from lbs.accounts.policy import SCOPES, MerchantKey
from lbs.checkins import service as checkins
from lbs.checkins.policy import Limits, LocationFix
from lbs.checkins.service.evidence import Evidence, Tools
from lbs.http.guesses import GuessLimit
from lbs.redemptions import service as redemptions
from lbs.unlocks import service as unlocks
from tests.world import World

NO_LIMIT = GuessLimit(10**9, timedelta(minutes=10))
UTC = ZoneInfo("UTC")


@dataclass
class Stream:
    """One merchant's service, at whatever time it is told."""

    world: World

    def __post_init__(self) -> None:
        with self.world.db.transaction() as session:
            key_id = session.scalar(
                text("SELECT id FROM api_key WHERE merchant_id = :id"),
                {"id": self.world.merchant_id},
            )
        self.till = MerchantKey(
            key_id, "till", self.world.merchant_id, frozenset(SCOPES), frozenset()
        )
        self.vault = self.world.app.extensions["lbs_vault"]
        self.tools = Tools(
            vault=self.vault,
            sign_receipt=lambda *_: "receipt",
            read_challenge=lambda _: None,
            random_bytes=secrets.token_bytes,
            guesses=GuessLimit(20, timedelta(minutes=10)),
        )

    def check_in(
        self, customer_id: str, venue: dict[str, Any], at: datetime, *, north_m: float = 0
    ) -> checkins.CheckedIn:
        """`north_m` from the world's place, where the circles of its venues are."""
        found = self.world.location(north_m=north_m)
        fix = LocationFix(found["lon"], found["lat"], 10, at, "gps", mock=False)
        command = checkins.CheckIn(UUID(venue["id"]), Evidence(fix))
        with self.world.db.transaction() as session:
            return checkins.check_in(session, UUID(customer_id), command, Limits(), self.tools, at)

    def redeem(
        self, code: str, venue: dict[str, Any], at: datetime, amount_minor: int | None = None
    ) -> Any:
        command = redemptions.Redeem(code, UUID(venue["id"]), amount_minor)
        with self.world.db.transaction() as session:
            attempt = redemptions.redeem(session, self.till, command, self.vault, NO_LIMIT, at)
        return attempt.redemption

    def reverse(self, redemption_id: UUID, at: datetime) -> None:
        with self.world.db.transaction() as session:
            redemptions.reverse(session, self.till, redemption_id, "Returned", at)

    def expire(self, at: datetime) -> int:
        with self.world.db.transaction() as session:
            return unlocks.expire(session, at)


class Agenda:
    """Check-ins at chance times; what they open is redeemed, reversed, or expires on the second."""

    def __init__(self, stream: Stream, seed: int) -> None:
        self._stream, self._chance = stream, random.Random(seed)
        self._order = itertools.count()
        self._entries: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self.done: Counter[str] = Counter()

    def plan_check_ins(
        self, number: int, venues: list[Any], customers: list[str], start: datetime, end: datetime
    ) -> None:
        span_s = (end - start).total_seconds()
        for _ in range(number):
            customer, venue = self._chance.choice(customers), self._chance.choice(venues)
            at = start + timedelta(seconds=round(self._chance.uniform(0, span_s), 3))
            self._plan(at, partial(self._check_in, customer, venue))

    def carry_out(self) -> None:
        while self._entries:
            at, _, act = heapq.heappop(self._entries)
            act(at)

    def _plan(self, at: datetime, act: Callable[[datetime], Any]) -> None:
        heapq.heappush(self._entries, (at, next(self._order), act))

    def _later(self, at: datetime) -> datetime:
        return at + timedelta(seconds=round(self._chance.expovariate(1 / 3000), 3))

    def _check_in(self, customer: str, venue: Any, at: datetime) -> None:
        north_m = self._chance.choices((0, 85, 450), (8, 1, 1))[0]
        outcome = self._stream.check_in(customer, venue, at, north_m=north_m)
        self.done["check_ins"] += 1
        for unlock in outcome.unlocked:
            self._plan(unlock.expires_at, self._stream.expire)
            if self._chance.random() < 0.7:
                self._plan(self._later(at), partial(self._redeem, unlock.code, venue))

    def _redeem(self, code: str, venue: Any, at: datetime) -> None:
        amount_minor = self._chance.choice((None, 4000, 12_500))
        redemption = self._stream.redeem(code, venue, at, amount_minor)
        self.done["redemptions" if redemption else "refusals"] += 1
        if redemption and self._chance.random() < 0.3:
            again = partial(self._redeem, code, venue)
            self._plan(self._later(at), partial(self._reverse, redemption.id, again))

    def _reverse(self, redemption_id: UUID, again: Callable[[datetime], None], at: datetime):
        self._stream.reverse(redemption_id, at)
        self.done["reversals"] += 1
        self._plan(at, self._stream.expire)
        if self._chance.random() < 0.5:
            self._plan(at + timedelta(minutes=1), again)


MONEY = ("value_minor", "cost_minor", "amount_minor")


def count(events: Iterable[Any]) -> dict[str, Any]:
    """The counts of ledger rows, in plain Python, as the interface gives them."""
    events = list(events)
    visits = [e for e in events if e.verdict == "accepted"]
    unique = {e.subject_id for e in visits}
    new = {e.subject_id for e in visits if e.first_visit}
    money: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(MONEY, 0))
    for event in events:
        sign = {"redeemed": 1, "reversed": -1}.get(event.kind, 0)
        for name in MONEY if sign else ():
            money[event.currency][name] += sign * (getattr(event, name) or 0)
    kinds = Counter(e.kind for e in events)
    return {
        "listed": kinds["nearby_listed"],
        "viewed": kinds["teaser_viewed"],
        "check_ins": {
            verdict: sum(e.kind == "check_in" and e.verdict == verdict for e in events)
            for verdict in ("accepted", "ambiguous", "rejected")
        },
        "unlocks": kinds["unlocked"],
        "reserved": kinds["reserved"],
        "passes_shown": kinds["pass_shown"],
        "expired": kinds["expired"],
        "redemptions": kinds["redeemed"],
        "reversals": kinds["reversed"],
        "returned": kinds["returned"],
        "unique_customers": len(unique),
        "new_customers": len(new),
        "returning_customers": len(unique - new),
        "money": [{"currency": currency, **money[currency]} for currency in sorted(money)],
    }


def counts(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without its times."""
    return {name: value for name, value in answer.items() if name not in ("from", "to", "start")}


def ledger(world: World) -> list[Any]:
    with world.db.transaction() as session:
        return list(
            session.execute(
                text("SELECT * FROM ledger_event WHERE merchant_id = :id"),
                {"id": world.merchant_id},
            ).all()
        )


def of_venue(events: list[Any], venue: dict[str, Any]) -> Iterator[Any]:
    return (e for e in events if str(e.venue_id) == venue["id"])


def of_offer(events: list[Any], offer: dict[str, Any]) -> Iterator[Any]:
    offer_id = UUID(offer["id"])
    return (e for e in events if e.offer_id == offer_id or offer_id in (e.offer_ids or ()))


def bucket_of(moment: datetime, by: str, zone: ZoneInfo) -> datetime:
    """When the hour, day, week or month of the zone began, in which the moment lies."""
    local = moment.astimezone(zone)
    if by == "hour":
        return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if by == "week":
        day -= timedelta(days=day.weekday())
    if by == "month":
        day = day.replace(day=1)
    return day.astimezone(UTC)
