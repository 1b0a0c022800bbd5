"""How alike an offer and another text are in what they give. Pure.

The deals decide first: 20 % and 30 % are different offers, whatever the words. Then the words count
by what they mean, in both directions: what is in the offer and not in the other text is something
of its own, and what is in the other text and not in the offer was perhaps not meant. The cuts were
found on the odd merchants of tests/offers/review_cases.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from lbs.offers.policy.text import Reading, cover, read, read_reward


class Deals(StrEnum):
    """How the deals of two texts stand to each other."""

    SAME_NUMBERS = "same_numbers"
    SAME_KIND = "same_kind"
    """Both give something for free, say: what it is, is for the words to tell."""
    UNKNOWN = "unknown"
    """One of them names none."""
    OTHER = "other"


SAME: Mapping[Deals, float] = {
    Deals.SAME_NUMBERS: 0.33,
    Deals.SAME_KIND: 0.5,
    Deals.UNKNOWN: 0.75,
}
"""From which score on it is the same offer; with other deals it never is.

Each lies in the middle between what the two classes have on the odd merchants.
"""
CLOSE: Mapping[Deals, float] = {
    Deals.SAME_NUMBERS: 0.2,
    Deals.SAME_KIND: 0.4,
    Deals.UNKNOWN: 0.6,
}
"""From which score on somebody should look at it."""
NEVER = 2.0


class Offered:
    """What an offer gives, read once and compared with many."""

    __slots__ = ("given", "said")

    def __init__(self, teaser: str, terms: str, reward: Mapping[str, Any]) -> None:
        given, rewarded, shown = read(terms), read_reward(reward), read(teaser)
        deals = rewarded.deals or given.deals | shown.deals
        self.given = replace(given | rewarded, deals=deals)
        """Terms and reward."""
        self.said = replace(given | rewarded | shown, deals=deals)
        """These and the teaser."""


def compare(offered: Offered, other: Reading) -> tuple[Deals, float]:
    """How the deals stand to each other, and a score from 0 to 1."""
    relation = relate(offered.given, other)
    score = _score(offered, other, all_of_it=relation is Deals.SAME_NUMBERS and other.everything)
    if relation is Deals.SAME_NUMBERS and _cannot_tell(offered.said, other):
        score = max(score, CLOSE[relation])
    return relation, score


def _score(offered: Offered, other: Reading, *, all_of_it: bool) -> float:
    """Dates, hours and counts say something where both have them, and nothing where one has."""
    shared = offered.said.marks & other.marks
    mine, theirs = offered.given.words | shared, other.words | shared
    if not mine or not theirs:
        return 0.0
    inside = 1.0 if all_of_it else cover(mine, theirs)
    return (inside + cover(theirs, offered.said.words | shared)) / 2


def _cannot_tell(one: Reading, other: Reading) -> bool:
    """Whether they are in two languages, and one has no word that we know in the other."""
    told = one.languages and other.languages
    return bool(told) and not one.languages & other.languages and not (one.known and other.known)


def relate(one: Reading, other: Reading) -> Deals:
    shared = one.deals & other.deals
    if any(len(deal) > 1 for deal in shared):
        return Deals.SAME_NUMBERS
    if shared:
        return Deals.SAME_KIND
    return Deals.OTHER if one.deals and other.deals else Deals.UNKNOWN


def is_same(relation: Deals, score: float) -> bool:
    return score >= SAME.get(relation, NEVER)


def is_close(relation: Deals, score: float) -> bool:
    return score >= CLOSE.get(relation, NEVER)
