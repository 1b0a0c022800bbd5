"""Rules as they are stored and sent: {"kind": ..., and its parameters}.

There is no rule for sharing or liking, and there will be none: Facebook's rules forbid rewards for
either. What a share brings is rewarded when the friend comes (`referred`) and, where the operator
allows it, at the sharer's own next visit after that (`referrer`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import time
from typing import Any

from lbs.offers.rules.combined import AllOf, AnyOf
from lbs.offers.rules.history import Part
from lbs.offers.rules.hours import Flash, OffPeak
from lbs.offers.rules.look import Rule
from lbs.offers.rules.people import Friends, Party, Referred, Referrer, Swarm, TopVisitor
from lbs.offers.rules.places import Event, Trail
from lbs.offers.rules.visits import (
    Charity,
    Comeback,
    EveryNthVisit,
    EveryVisit,
    FirstVisit,
    Frequency,
    NthVisit,
    Streak,
)

KINDS: tuple[type[Any], ...] = (
    EveryVisit,
    FirstVisit,
    NthVisit,
    EveryNthVisit,
    Frequency,
    Streak,
    Comeback,
    TopVisitor,
    Flash,
    Swarm,
    Party,
    Friends,
    Trail,
    Event,
    OffPeak,
    Referred,
    Referrer,
    Charity,
    AllOf,
    AnyOf,
)
RULES: dict[str, type[Any]] = {rule.kind: rule for rule in KINDS}

FORBIDDEN = frozenset({"share", "like", "follow", "comment", "tag", "post", "review"})
"""Kinds that are asked for and refused; words.FORBIDDEN says why."""


def read_rule(document: Mapping[str, Any]) -> Rule:
    """The rule that a stored document describes.

    Raises KeyError for a kind that is none, TypeError for parameters that are not its own,
    ValueError for more members or levels than may be combined.
    """
    parameters = {
        _FIELDS.get(key, key): _READ.get(key, _as_it_is)(value)
        for key, value in document.items()
        if key != "kind"
    }
    rule: Rule = RULES[document["kind"]](**parameters)
    return rule


def write_rule(rule: Rule) -> dict[str, Any]:
    """The document of a rule; what has its default is left out."""
    document = {"kind": rule.kind}
    for member in fields(rule):  # type: ignore[arg-type]
        value = getattr(rule, member.name)
        if member.default is MISSING or value != member.default:
            key = _KEYS.get(member.name, member.name)
            document[key] = _WRITE.get(key, _as_it_is)(value)
    return document


def needs_of(rule: Rule) -> frozenset[Part]:
    """Which parts of the history have to be gathered, those of its members included."""
    return rule.needs


def _as_it_is(value: Any) -> Any:
    return value


def _read_clock(text: str) -> time:
    return time() if text == "24:00" else time.fromisoformat(text)


_KEYS = {"from_time": "from", "to_time": "to"}
_FIELDS = {key: name for name, key in _KEYS.items()}
_READ: dict[str, Callable[[Any], Any]] = {
    "from": _read_clock,
    "to": _read_clock,
    "weekdays": tuple,
    "venue_ids": lambda ids: tuple(map(str, ids)),
    "rules": lambda documents: tuple(map(read_rule, documents)),
}
_WRITE: dict[str, Callable[[Any], Any]] = {
    "from": lambda clock: f"{clock:%H:%M}",
    "to": lambda clock: f"{clock:%H:%M}" if clock > time() else "24:00",
    "weekdays": list,
    "venue_ids": list,
    "rules": lambda rules: [write_rule(rule) for rule in rules],
}
