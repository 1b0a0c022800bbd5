"""Rules over rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lbs.offers.rules.history import History, Part
from lbs.offers.rules.look import Look, Reach, Rule, Unit, Why

MIN_MEMBERS, MAX_MEMBERS = 2, 8
MAX_DEPTH = 3
"""How many of them may stand within each other."""

NOT_NEARER = frozenset(
    {Why.NOT_IN_WINDOW, Why.WINDOW_OVER, Why.WINDOW_TAKEN, Why.ALREADY_TODAY, Why.NOT_ON_TRAIL}
)
"""However far the member has got, the customer cannot bring it to its end here and now."""

_WIDTH = {reach: width for width, reach in enumerate(Reach)}


@dataclass(frozen=True, slots=True)
class AllOf:
    """Opens when every member would. Progress is how many would.

    One that can never open any more says why; otherwise the first that stands in the way.
    """

    kind: ClassVar[str] = "all_of"
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _refuse_too_much(self)

    @property
    def needs(self) -> frozenset[Part]:
        return _needs(self.rules)

    def look(self, history: History) -> Look:
        looks = [rule.look(history) for rule in self.rules]
        met = sum(look.opens for look in looks)
        closed = sorted((look for look in looks if not look.opens), key=lambda look: not look.over)
        return Look(
            progress=met,
            after=met,
            target=len(looks),
            unit=Unit.CONDITIONS,
            why=closed[0].why if closed else None,
            over=any(look.over for look in looks),
            buckets=_all_buckets(looks),
            opens_for=_narrowest(looks),
            impersonal=all(look.impersonal for look in looks),
            pledges=tuple(pledge for look in looks for pledge in look.pledges),
        )


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Opens when any member would, and speaks for the nearest one alone.

    Of several that open, that is the first which takes from the fewest counters.
    """

    kind: ClassVar[str] = "any_of"
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _refuse_too_much(self)

    @property
    def needs(self) -> frozenset[Part]:
        return _needs(self.rules)

    def look(self, history: History) -> Look:
        return min((rule.look(history) for rule in self.rules), key=_distance)


Combined = AllOf | AnyOf


def depth(rule: Rule) -> int:
    """How many combined rules stand within each other; 0 for a rule that is none."""
    return 1 + max(map(depth, rule.rules)) if isinstance(rule, Combined) else 0


def leaves(rule: Rule) -> Iterator[Rule]:
    """The rules in it that are not combined."""
    if not isinstance(rule, Combined):
        yield rule
        return
    for member in rule.rules:
        yield from leaves(member)


def _refuse_too_much(rule: Combined) -> None:
    if not MIN_MEMBERS <= len(rule.rules) <= MAX_MEMBERS:
        raise ValueError(f"{rule.kind} takes from {MIN_MEMBERS} to {MAX_MEMBERS} rules")
    if depth(rule) > MAX_DEPTH:
        raise ValueError(f"at most {MAX_DEPTH} of all_of and any_of may stand within each other")


def _needs(rules: Iterable[Rule]) -> frozenset[Part]:
    return frozenset(part for rule in rules for part in rule.needs)


def _distance(look: Look) -> tuple[bool, bool, float]:
    if look.opens:
        return False, False, len(look.buckets)
    nearness = 0.0 if look.why in NOT_NEARER else look.after / look.target
    return True, look.over, -nearness


def _all_buckets(looks: Sequence[Look]) -> tuple[tuple[str, int], ...]:
    """Each counter once, with its smallest cap."""
    caps: dict[str, int] = {}
    for look in looks:
        for bucket, cap in look.buckets:
            caps[bucket] = min(cap, caps.get(bucket, cap))
    return tuple(caps.items())


def _narrowest(looks: Sequence[Look]) -> Reach:
    """For whom all of them open: what holds for everybody here narrows nothing."""
    reaches = [look.opens_for for look in looks if not look.impersonal]
    return min(reaches, key=_WIDTH.__getitem__, default=Reach.CUSTOMER)
