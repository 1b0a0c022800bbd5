"""What an error of the Graph API asks for, and how much of its budget is used. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, auto
from http import HTTPStatus
from typing import Any


class Action(StrEnum):
    RETRY = auto()
    """Later; whether it was carried out is not known."""
    PAUSE = auto()
    """Throttled: this token rests, and every call before its time makes it rest longer."""
    REAUTHORISE = auto()
    """The token is dead; only its person can give another."""
    NO_PERMISSION = auto()
    BLOCKED = auto()
    """For a breach of policy, for a day or more; a person has to look."""
    DUPLICATE = auto()
    """The same was posted just before."""
    RESCRAPE = auto()
    """The link could not be read: have it read again, then once more."""
    REFUSED = auto()
    """For good."""


UNKNOWN_CODES = frozenset({1, 2})
THROTTLED_CODES = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
TOKEN_CODES = frozenset({102, 190})
TOKEN_SUBCODES = frozenset({458, 459, 460, 463, 464, 467, 492})
PERMISSION_CODES = frozenset({3, 10, *range(200, 300)})
BLOCKED_CODE, DUPLICATE_CODE, UNREADABLE_LINK = 368, 506, 1609005

SLOW_AT, PAUSE_AT = 80, 95
"""Percent of the budget."""
SLOW, PAUSE = timedelta(minutes=1), timedelta(minutes=15)
"""Between calls when the budget is short, and before the next when it is used up."""

USAGE_HEADERS = ("x-app-usage", "x-page-usage", "x-business-use-case-usage")
SHARES = ("call_count", "total_time", "total_cputime")
REGAIN = "estimated_time_to_regain_access"
LONGEST_PAUSE = timedelta(days=1)
MUCH = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """The fullest of all budgets that an answer tells of, and when a used-up one is there again."""

    percent: float = 0
    regain: timedelta = timedelta(0)


def action_of(status: int | None, code: int | None, subcode: int | None = None) -> Action:
    """By Meta's codes; by the HTTP status only where no code is known."""
    checks = (
        (Action.RESCRAPE, UNREADABLE_LINK in (code, subcode)),
        (Action.REAUTHORISE, code in TOKEN_CODES or subcode in TOKEN_SUBCODES),
        (Action.PAUSE, code in THROTTLED_CODES),
        (Action.NO_PERMISSION, code in PERMISSION_CODES),
        (Action.BLOCKED, code == BLOCKED_CODE),
        (Action.DUPLICATE, code == DUPLICATE_CODE),
        (Action.RETRY, code in UNKNOWN_CODES),
        (Action.PAUSE, status == HTTPStatus.TOO_MANY_REQUESTS),
        (Action.RETRY, status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR),
    )
    return next((action for action, holds in checks if holds), Action.REFUSED)


def action_of_unread(status: int) -> Action:
    """Of an answer with nothing in it that can be read: it may have been carried out."""
    return Action.PAUSE if status == HTTPStatus.TOO_MANY_REQUESTS else Action.RETRY


def parse_usage(headers: Mapping[str, str]) -> Usage:
    """What cannot be read says nothing."""
    said = {name.lower(): text for name, text in headers.items()}
    pairs = [pair for name in USAGE_HEADERS for pair in _pairs(said.get(name, ""))]
    percent = max((value for key, value in pairs if key in SHARES), default=0)
    minutes = max((value for key, value in pairs if key == REGAIN), default=0)
    return Usage(percent, min(timedelta(minutes=minutes), LONGEST_PAUSE))


def rest_after(usage: Usage) -> timedelta:
    """How long the token is left alone after an answer that told of this usage."""
    if usage.regain or usage.percent >= PAUSE_AT:
        return usage.regain or PAUSE
    return SLOW if usage.percent >= SLOW_AT else timedelta(0)


def _pairs(text: str) -> Iterator[tuple[str, float]]:
    """Every key with a number, however deep; keys may repeat, which a dict would not keep."""
    found: list[tuple[str, float]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        found.extend((key, value) for key, value in pairs if _is_number(value))

    try:
        json.loads(text, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return iter(())
    return iter(found)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < MUCH
