"""What is sent together, what comes of an answer, and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from lbs.conversions.rules import Conversion
from lbs.graph.policy import PAUSE, Action, Usage, rest_after

PURPOSES = ("conversions",)
"""What a customer can consent to."""
STATUSES = ("active", "reauth_required", "permission_missing")
STATES = ("pending", "sent", "dropped", "dead")
TOO_OLD, REVERSED, VOIDED, VENUE_LEFT = "too_old", "reversed", "voided", "venue_left"
NOT_TAKEN, REFUSED, MALFORMED, GIVEN_UP = "not_taken", "refused", "malformed", "given_up"
PROBLEMS = (TOO_OLD, REVERSED, VOIDED, VENUE_LEFT, NOT_TAKEN, REFUSED, MALFORMED, GIVEN_UP)

FRESH, LONGEST = timedelta(days=7), timedelta(days=62)
"""Of a visit Meta takes what is no older than `LONGEST`; one older than `FRESH` fails all that go
with it where Meta does not know the place for a shop."""
SIZE = 500
"""So many events go at once; Meta takes 1,000."""
TRIES = 8
FIRST_DELAY, GROWTH, JITTER = timedelta(minutes=1), 3, 0.2
"""Delays from a minute to twelve hours, less than a day in all."""
BLOCKED_FOR = timedelta(hours=24)
LEASE = timedelta(minutes=10)
"""So long whoever took conversions has them alone."""
CALLS = 64
"""So many calls are made within a lease, at eight seconds each at the very most."""
REST = timedelta(minutes=15)
"""After so many calls, which it takes only where many events are refused."""
LONGEST_TRACE = 64
NO_SUCH_DATASET = 33
"""The subcode of a dataset that is none, or not for this token: no event is to blame for it."""

HELD = {Action.REAUTHORISE: "reauth_required", Action.NO_PERMISSION: "permission_missing"}
"""What stops the merchant's sending, until the setting is made anew."""
PASSING = {Action.RETRY, Action.PAUSE, Action.BLOCKED, *HELD}
"""What says nothing about the events; of all else, one of them is the cause."""
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call: how many events were taken, or what its error asks for."""

    received: int = 0
    action: Action | None = None
    code: int | None = None
    trace_id: str | None = None
    usage: Usage = field(default_factory=Usage)

    @property
    def taken(self) -> bool:
        return self.action is None

    @property
    def refused(self) -> bool:
        return self.action is not None and self.action not in PASSING

    @property
    def lets_go_on(self) -> bool:
        return self.refused or (self.taken and not rest_after(self.usage))


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with a conversion that is due."""

    is_reversed: bool
    is_voided: bool
    is_chosen: bool
    """Whether its venue is still one of those that the merchant has chosen."""


def asked_by(action: Action, subcode: int | None) -> Action:
    """What an error asks for, where the path named a dataset."""
    is_lost = action is Action.REFUSED and subcode == NO_SUCH_DATASET
    return Action.NO_PERMISSION if is_lost else action


def result_of(answer: Mapping[str, Any], usage: Usage) -> Result:
    """What Meta says it has received: nothing, where it says nothing that can be read."""
    received, trace_id = answer.get("events_received"), answer.get("fbtrace_id")
    return Result(
        received=received if type(received) is int else 0,
        trace_id=trace_id[:LONGEST_TRACE] if isinstance(trace_id, str) else None,
        usage=usage,
    )


def reason_to_drop(time: int, standing: Standing, now: datetime) -> str | None:
    if standing.is_reversed:
        return REVERSED
    if standing.is_voided:
        return VOIDED
    if not standing.is_chosen:
        return VENUE_LEFT
    return TOO_OLD if now.timestamp() - time > LONGEST.total_seconds() else None


def batches(conversions: Iterable[Conversion], now: datetime) -> list[list[Conversion]]:
    """What can go together: fresh with fresh, late with late, a test with its own code."""
    groups: dict[tuple[str | None, bool], list[Conversion]] = {}
    for conversion in conversions:
        is_fresh = now.timestamp() - conversion.time <= FRESH.total_seconds()
        groups.setdefault((conversion.test_event_code, is_fresh), []).append(conversion)
    return [list(part) for group in groups.values() for part in _parts(group, SIZE)]


def narrowed(batch: Sequence[Item]) -> Generator[Sequence[Item], bool, None]:
    """The batch; then, wherever the answer is that it was refused, its halves, down to one."""
    is_refused = yield batch
    if is_refused and len(batch) > 1:
        middle = len(batch) // 2
        yield from narrowed(batch[:middle])
        yield from narrowed(batch[middle:])


def next_try(failed: int, chance: float, now: datetime) -> datetime | None:
    """When to try again after so many in vain, by `chance` of 0 to 1; None: not any more."""
    return None if failed >= TRIES else now + _delay(failed, chance)


def pause_of(result: Result, chance: float) -> timedelta:
    """How long the merchant's sending rests; calls made while throttled make it last longer."""
    asked = {
        Action.BLOCKED: BLOCKED_FOR,
        Action.PAUSE: result.usage.regain or PAUSE,
        Action.RETRY: _delay(1, chance),
    }
    least = asked.get(result.action, timedelta(0)) if result.action else timedelta(0)
    return max(least, rest_after(result.usage))


def ids_of(conversions: Iterable[Conversion]) -> list[UUID]:
    return [conversion.id for conversion in conversions]


def _delay(failed: int, chance: float) -> timedelta:
    growth: int = GROWTH ** (failed - 1)
    return FIRST_DELAY * growth * (1 - JITTER + 2 * JITTER * chance)


def _parts(group: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    return (group[start : start + size] for start in range(0, len(group), size))
