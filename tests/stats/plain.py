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


def standing(rows: Iterable[Any]) -> list[Fact]:
    """What counts of a merchant's ledger: the last verdicts, and nothing of what was voided."""
    rows = sorted(rows, key=lambda row: row.at)
    last: dict[UUID, Any] = {}
    for row in rows:
        if row.verdict is not None:
            last[row.check_in_id] = row
    voided = {check_in for check_in, row in last.items() if row.verdict == "voided"}
    undone = {row.unlock_id for row in rows if row.kind == "unlock_voided"}
    lost = {(r.venue_id, r.subject_id) for r in rows if r.kind == "check_in_voided" if r.first_visit}
    first: dict[tuple[UUID, UUID], UUID] = {}
    for row in rows:
        if row.verdict == "accepted" and row.check_in_id not in voided:
            first.setdefault((row.venue_id, row.subject_id), row.check_in_id)
    exposed = defaultdict(list)
    for row in rows:
        if row.kind == "exposed":
            exposed[row.subject_id].append(row)
    found = []
    for row in rows:
        gone = row.check_in_id in voided and row.kind in {"check_in", *FOLLOWS}
        judged_anew = row.kind == "check_in" and last[row.check_in_id].id != row.id
        if not row.counted or gone or judged_anew:
            continue
        if row.kind == "returned" and row.unlock_id in undone:
            continue
        who = (row.venue_id, row.subject_id)
        is_new = row.first_visit
        if row.kind == "check_in" and row.verdict == "accepted" and not is_new:
            is_new = who in lost and first[who] == row.check_in_id
        arms = {e.offer_id: e.variant for e in exposed[row.subject_id] if e.at <= row.at}
        found.append(Fact(row, is_new, arms))
    return found


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
