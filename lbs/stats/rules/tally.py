"""What is counted of many facts together: a sum that can be added to others without loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import log, sqrt
from typing import Any

from pyroaring import BitMap

STEPS = (
    "listed",
    "viewed",
    "checked_in",
    "unlocked",
    "reserved",
    "pass_shown",
    "redeemed",
    "returned",
)
"""The funnel, in order."""
NEW = "new"
"""First visits to a venue."""
REPEATED = frozenset({"checked_in", "redeemed"})
"""Of these it is known how often each customer did it."""
OTHER_KINDS = {
    "expired": "expired",
    "reversed": "reversed",
    "flagged": "flagged",
    "shared": "shared",
    "share_fetched": "share_fetched",
    "share_visited": "share_visited",
    "friend_visit": "friend_visits",
}
KIND_OF_STEP = {
    "listed": "nearby_listed",
    "viewed": "teaser_viewed",
    "checked_in": "check_in",
    **{name: name for name in ("unlocked", "reserved", "pass_shown", "redeemed", "returned")},
}
STEP_OF_KIND = {kind: step for step, kind in KIND_OF_STEP.items()}
RETURNS_DAYS = (7, 30, 90)
SIGNS = {"redeemed": 1, "reversed": -1}
"""A reversal takes off what its redemption has added."""

_EXACT_S = 100
"""Up to here seconds are kept as they are, from here on in steps of one percent."""
_STEP = log(1.01)


def elapsed_step(seconds: int) -> int:
    """In which step of the histogram this lies; the SQL of the facts says the same."""
    if seconds < _EXACT_S:
        return max(seconds, 0)
    return _EXACT_S + int(log(seconds / _EXACT_S) / _STEP)


def seconds_of(step: int) -> int:
    """The middle of a step: at most half a percent from what was put there, and half a second."""
    if step < _EXACT_S:
        return step
    return round(_EXACT_S * 1.01 ** (step - _EXACT_S) * sqrt(1.01))


def median(histogram: Counter[int]) -> int | None:
    """The seconds that half of the facts did not exceed."""
    left = (histogram.total() + 1) // 2
    for step in sorted(histogram):
        left -= histogram[step]
        if left <= 0:
            return seconds_of(step)
    return None


def often(numbers: Iterable[int]) -> list[BitMap]:
    """How often each number is there, written in binary: the n-th set has those with bit n."""
    times = Counter(numbers)
    digits = max(times.values(), default=0).bit_length()
    return [
        BitMap([number for number, n in times.items() if n >> digit & 1]) for digit in range(digits)
    ]


def added(one: Sequence[BitMap], other: Sequence[BitMap]) -> list[BitMap]:
    """The sum of two such counts, digit by digit with a carry, for all customers at once."""
    total: list[BitMap] = []
    carry = BitMap()
    for left, right in zip_longest(one, other, fillvalue=BitMap()):
        total.append(left ^ right ^ carry)
        carry = (left & right) | (carry & (left ^ right))
    return [*total, carry] if carry else total


def at_least(digits: Sequence[BitMap], times: int) -> BitMap:
    """Who is counted so many times or more."""
    above, equal = BitMap(), everybody(digits)
    for place in reversed(range(max(len(digits), times.bit_length()))):
        has = digits[place] if place < len(digits) else BitMap()
        if times >> place & 1:
            equal = equal & has
        else:
            above |= equal & has
            equal = equal - has
    return above | equal


def everybody(digits: Sequence[BitMap]) -> BitMap:
    return BitMap.union(*digits) if digits else BitMap()


@dataclass(slots=True)
class Money:
    """Of redemptions less reversals, in one currency's minor unit."""

    value: int = 0
    cost: int = 0
    amount: int = 0
    redemptions: int = 0
    reported: int = 0
    """For how many of them a till said what the order came to."""
    shared_amount: int = 0
    """Of what the orders came to, that of redemptions credited to a share."""
    shared: int = 0
    """Redemptions that are credited to a share."""

    def add(self, other: Sequence[int]) -> None:
        for name, more in zip(self.__slots__, other, strict=True):
            setattr(self, name, getattr(self, name) + more)

    def figures(self) -> list[int]:
        return [getattr(self, name) for name in self.__slots__]


@dataclass(slots=True)
class Tally:
    """`people` are customers' numbers by step: as `often` gives them where it is in REPEATED,
    else one set. `known` is how many they are, where the sets themselves were left in the database.
    """

    counts: Counter[str] = field(default_factory=Counter)
    people: dict[str, list[BitMap]] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    money: dict[str, Money] = field(default_factory=dict)
    elapsed: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.counts.update(other.counts)
        for step, digits in other.people.items():
            self._add_people(step, digits)
        self.known.update(other.known)
        for currency, money in other.money.items():
            self.money.setdefault(currency, Money()).add(money.figures())
        for step, histogram in other.elapsed.items():
            self.elapsed.setdefault(step, Counter()).update(histogram)

    def _add_people(self, step: str, digits: Sequence[BitMap]) -> None:
        mine = self.people.get(step)
        if mine is None:
            self.people[step] = list(digits)
        elif step in REPEATED:
            self.people[step] = added(mine, digits)
        else:
            self.people[step] = [mine[0] | digits[0]]

    def customers(self, step: str) -> int:
        return self.known[step] if step in self.known else len(everybody(self.people.get(step, ())))

    def anybody(self) -> BitMap:
        """Who has done any step."""
        return everybody([digit for digits in self.people.values() for digit in digits])

    def record(self, fact: Any, numbers: Sequence[int]) -> None:
        """Facts that are alike, and whose they are: a row of `queries.count_facts`."""
        accepted = fact.kind != "check_in" or fact.verdict == "accepted"
        if accepted and (step := STEP_OF_KIND.get(fact.kind)):
            self._record_step(step, fact, numbers)
        for measure in _measures(fact):
            self.counts[measure] += fact.n
        if fact.kind in SIGNS and fact.currency:
            figures = [SIGNS[fact.kind] * int(figure) for figure in fact.money]
            self.money.setdefault(fact.currency, Money()).add(figures)

    def _record_step(self, step: str, fact: Any, numbers: Sequence[int]) -> None:
        self.counts[step] += fact.n
        if numbers:
            self._add_people(step, often(numbers) if step in REPEATED else [BitMap(numbers)])
        if fact.elapsed:
            self.elapsed.setdefault(step, Counter()).update(fact.elapsed)
        if step == "checked_in" and fact.is_new:
            self.counts[NEW] += fact.n
            if numbers:
                self._add_people(NEW, [BitMap(numbers)])

    def packed(self) -> tuple[dict[str, Any], dict[str, Any], list[str], list[bytes]]:
        """As it is kept: counts, histograms, steps, and a serialized set for each of the steps."""
        counts = {
            "counts": dict(self.counts),
            "customers": {step: self.customers(step) for step in self.people},
            "money": {currency: money.figures() for currency, money in self.money.items()},
        }
        elapsed = {step: dict(histogram) for step, histogram in self.elapsed.items()}
        sets = [(step, digit) for step, digits in self.people.items() for digit in digits]
        return counts, elapsed, [step for step, _ in sets], [digit.serialize() for _, digit in sets]


def _measures(fact: Any) -> Iterator[str]:
    """What the fact counts for beside the steps of the funnel."""
    if fact.kind == "check_in":
        yield f"verdict.{fact.verdict}"
        if fact.verdict == "accepted" and fact.level is not None:
            yield f"level.L{fact.level}"
    elif fact.kind == "redemption_refused":
        yield from (f"refused.{reason}" for reason in fact.reasons or ("unknown",))
    elif fact.kind == "returned":
        within = fact.within_days or RETURNS_DAYS[-1]
        yield from (f"returned.{days}" for days in RETURNS_DAYS if within <= days)
    elif fact.kind in OTHER_KINDS:
        yield OTHER_KINDS[fact.kind]


def unpacked(row: Any) -> Tally:
    """From what is kept; without the sets and histograms that are None."""
    tally = Tally(counts=Counter(row.counts["counts"]))
    if row.steps is None:
        tally.known = row.counts["customers"]
    for step, customers in zip(row.steps or (), row.customers or (), strict=True):
        tally.people.setdefault(step, []).append(BitMap.deserialize(customers))
    for currency, figures in row.counts["money"].items():
        tally.money[currency] = Money(*figures)
    for step, histogram in (row.elapsed or {}).items():
        tally.elapsed[step] = Counter({int(key): n for key, n in histogram.items()})
    return tally


def united(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole
