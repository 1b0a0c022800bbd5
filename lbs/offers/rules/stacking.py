"""Which of the offers that would open at one check-in do open together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Policy(StrEnum):
    """Which offers a merchant wants to open where not all of them can."""

    ALL = "all"
    """As many as can open together."""
    BEST_FOR_CUSTOMER = "best_for_customer"
    """Those that are worth most to the customer together."""
    MERCHANT_PRIORITY = "merchant_priority"
    """Those to which the merchant gives the highest priority."""


@dataclass(frozen=True, slots=True)
class Stacking:
    policy: Policy = Policy.ALL
    max_per_check_in: int | None = None
    """None: as many as there are."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer that would open."""

    id: Any
    value_minor: int
    currency: str
    priority: int = 0
    combinable: bool = True
    """If not, it opens alone."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the same check-in has opened before."""

    offers: int = 0
    alone: bool = False
    """Whether one of them is not combinable."""


NONE = Opened()


def choose(
    candidates: Collection[Candidate], stacking: Stacking, opened: Opened = NONE
) -> tuple[Candidate, ...]:
    """Those that open, first things first; the order in which they are given does not matter.

    Either the first of those that are combinable, up to the number allowed, or one of the others.
    Values in different currencies cannot be compared: then the merchant's priority decides.
    """
    if opened.alone:
        return ()
    policy = stacking.policy
    comparable = len({candidate.currency for candidate in candidates}) <= 1
    if policy is Policy.BEST_FOR_CUSTOMER and not comparable:
        policy = Policy.MERCHANT_PRIORITY
    rank = _by_priority if policy is Policy.MERCHANT_PRIORITY else _by_value
    ranked = sorted(candidates, key=lambda candidate: rank(candidate, comparable=comparable))
    room = _room(stacking, opened)
    together = tuple(candidate for candidate in ranked if candidate.combinable)[:room]
    single = () if opened.offers else tuple(c for c in ranked if not c.combinable)[:1]
    sets = sorted(filter(None, (together, single)), key=lambda chosen: ranked.index(chosen[0]))
    return max(sets, key=_WORTH[policy], default=())


def _room(stacking: Stacking, opened: Opened) -> int | None:
    """How many more may open; None: all."""
    allowed = stacking.max_per_check_in
    return None if allowed is None else max(0, allowed - opened.offers)


def _by_value(candidate: Candidate, *, comparable: bool) -> tuple[int, int, Any]:
    value = candidate.value_minor if comparable else 0
    return -value, -candidate.priority, candidate.id


def _by_priority(candidate: Candidate, *, comparable: bool) -> tuple[int, int, Any]:
    value = candidate.value_minor if comparable else 0
    return -candidate.priority, -value, candidate.id


_WORTH: dict[Policy, Callable[[Sequence[Candidate]], int]] = {
    Policy.ALL: len,
    Policy.BEST_FOR_CUSTOMER: lambda chosen: sum(candidate.value_minor for candidate in chosen),
    Policy.MERCHANT_PRIORITY: lambda chosen: 0,
}
"""Of two sets, the one worth more opens; of two that are worth the same, the one ranked first."""
