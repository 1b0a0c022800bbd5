"""The numbers counted from ledger rows in plain Python: no roll-up, no SQL, no sets of numbers."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.stats.stream import bucket_of

STEPS = {
    "listed": "nearby_listed",
    "viewed": "teaser_viewed",
    "checked_in": "check_in",
    "unlocked": "unlocked",
    "reserved": "reserved",
    "pass_shown": "pass_shown",
    "redeemed": "redeemed",
    "returned": "returned",
}
FOLLOWS = {"unlocked", "reserved", "pass_shown", "expired", "friend_visit", "returned"}


@dataclass(frozen=True)
class Fact:
    """A row that counts, with what is known of it by now."""

    row: Any
    is_new: bool | None
    arms: dict[UUID, str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    @property
    def step(self) -> str | None:
        if self.kind == "check_in" and self.verdict != "accepted":
            return None
        return next((step for step, kind in STEPS.items() if kind == self.kind), None)

    @property
    def offers(self) -> set[UUID]:
        return {self.offer_id, *(self.offer_ids or ())} - {None}


class Standing:
    """What is known of a merchant's facts by now: last verdicts, and what they did away with."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.rows = sorted(rows, key=lambda row: row.at)
        self.last = {row.check_in_id: row for row in self.rows if row.verdict is not None}
        self.voided = {it for it, row in self.last.items() if row.verdict == "voided"}
        self.undone = {row.unlock_id for row in self.rows if row.kind == "unlock_voided"}
        voids = [row for row in self.rows if row.kind == "check_in_voided"]
        self.lost = {(row.venue_id, row.subject_id) for row in voids if row.first_visit}
        self.first: dict[tuple[UUID, UUID], UUID] = {}
        self.exposed: dict[UUID, list[Any]] = defaultdict(list)
        for row in self.rows:
            if row.verdict == "accepted" and row.check_in_id not in self.voided:
                self.first.setdefault((row.venue_id, row.subject_id), row.check_in_id)
            if row.kind == "exposed":
                self.exposed[row.subject_id].append(row)

    def counts(self, row: Any) -> bool:
        gone = row.check_in_id in self.voided and row.kind in {"check_in", *FOLLOWS}
        judged_anew = row.kind == "check_in" and self.last[row.check_in_id].id != row.id
        in_vain = row.kind == "returned" and row.unlock_id in self.undone
        return row.counted and not (gone or judged_anew or in_vain)

    def is_new(self, row: Any) -> bool | None:
        if row.kind != "check_in" or row.verdict != "accepted" or row.first_visit:
            return row.first_visit
        who = (row.venue_id, row.subject_id)
        return who in self.lost and self.first[who] == row.check_in_id

    def arms(self, row: Any) -> dict[UUID, str]:
        return {e.offer_id: e.variant for e in self.exposed[row.subject_id] if e.at <= row.at}


def standing(rows: Iterable[Any]) -> list[Fact]:
    """What counts of a merchant's ledger."""
    known = Standing(rows)
    return [
        Fact(row, known.is_new(row), known.arms(row)) for row in known.rows if known.counts(row)
    ]


def group_of(fact: Fact, by: str, offer_id: UUID | None) -> str:
    value = {
        "venue": fact.venue_id,
        "variant": fact.variant or fact.arms.get(fact.offer_id or offer_id),
        "channel": fact.channel,
        "level": None if fact.level is None else f"L{fact.level}",
        "customer": {True: "new", False: "returning", None: None}[fact.is_new],
    }[by]
    return "none" if value is None else str(value)


def funnel(facts: list[Fact]) -> dict[str, Any]:
    steps, before = [], 0
    for step in STEPS:
        here = [fact for fact in facts if fact.step == step]
        who = {fact.subject_id for fact in here} - {None}
        steps.append(
            {
                "step": step,
                "count": len(here),
                "customers": len(who),
                "conversion": int(10_000 * len(who) / before + 0.5) / 10_000 if before else None,
            }
        )
        before = len(who) if here else before
    kinds = Counter(fact.kind for fact in facts)
    visits = [fact for fact in facts if fact.kind == "check_in"]
    accepted = [fact for fact in visits if fact.verdict == "accepted"]
    new = {fact.subject_id for fact in accepted if fact.is_new}
    refused = Counter(
        reason for f in facts if f.kind == "redemption_refused" for reason in f.reasons
    )
    days = [fact.within_days for fact in facts if fact.kind == "returned"]
    return {
        "steps": steps,
        "check_ins": {
            verdict: sum(fact.verdict == verdict for fact in visits)
            for verdict in ("accepted", "ambiguous", "rejected")
        },
        "levels": {f"L{n}": sum(fact.level == n for fact in accepted) for n in range(4)},
        "refused": [{"reason": name, "count": refused[name]} for name in sorted(refused)],
        "reversed": kinds["reversed"],
        "expired": kinds["expired"],
        "flagged": kinds["flagged"],
        "shared": kinds["shared"],
        "share_visited": kinds["share_visited"],
        "friend_visits": kinds["friend_visit"],
        "returns": [
            {"within_days": most, "count": sum(n <= most for n in days)} for most in (7, 30, 90)
        ],
        "new_customers": len(new),
        "returning_customers": len({fact.subject_id for fact in accepted} - new),
    }


def medians(facts: list[Fact]) -> dict[str, int | None]:
    return {
        step: statistics.median_low(times) if times else None
        for step in STEPS
        for times in [[f.elapsed_s for f in facts if f.step == step and f.elapsed_s is not None]]
    }


def money(facts: list[Fact]) -> dict[str, tuple[int, ...]]:
    """By currency: value, cost, amount, redemptions, reported; less what was reversed."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 7)
    for fact in facts:
        sign = {"redeemed": 1, "reversed": -1}.get(fact.kind, 0)
        if sign:
            amount, shared = fact.amount_minor or 0, fact.share_id is not None
            more = (
                *(fact.value_minor, fact.cost_minor, amount, 1, fact.amount_minor is not None),
                *(amount * shared, shared),
            )
            mine = sums[fact.currency]
            sums[fact.currency] = [a + sign * b for a, b in zip(mine, more, strict=True)]
    return {currency: tuple(found) for currency, found in sums.items()}


def visits(facts: list[Fact], step: str) -> Counter[int]:
    """How many customers did it how often."""
    return Counter(Counter(fact.subject_id for fact in facts if fact.step == step).values())


def by_bucket(
    facts: list[Fact], by: str, zone: ZoneInfo, bucket: Callable[..., datetime] = bucket_of
) -> dict[datetime, list[Fact]]:
    found: dict[datetime, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[bucket(fact.at, by, zone)].append(fact)
    return found


def within(facts: Iterable[Fact], start: datetime, end: datetime) -> Iterator[Fact]:
    return (fact for fact in facts if start <= fact.at < end)
