"""What goes together, what an answer asks for, when it is tried again."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.conversions import policy
from lbs.conversions.policy import Result, Standing, batches, narrowed, next_try, pause_of
from lbs.conversions.rules import Conversion
from lbs.graph.policy import Action, Usage
from tests.conversions.test_rules import conversion

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FINE = Standing(is_reversed=False, is_voided=False, is_chosen=True)


def aged(number: int, age: timedelta, code: str | None = None) -> Conversion:
    time = int((NOW - age).timestamp())
    return conversion(id=UUID(int=number), time=time, test_event_code=code)


# --- batches ------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 62 * 86_400), st.sampled_from([None, "TEST1", "TEST2"])),
        max_size=1500,
    )
)
def test_batches_hold_each_once_and_nothing_together_that_may_not_be(
    given: list[tuple[int, str | None]],
):
    known = [aged(i, timedelta(seconds=s), code) for i, (s, code) in enumerate(given)]
    made = batches(known, NOW)
    assert sorted(c.id for batch in made for c in batch) == [c.id for c in known]
    for batch in made:
        assert 1 <= len(batch) <= 500
        assert len({c.test_event_code for c in batch}) == 1
        ages = {NOW.timestamp() - c.time > 7 * 86_400 for c in batch}
        assert len(ages) == 1
    alike = len({(c.test_event_code, NOW.timestamp() - c.time > 7 * 86_400) for c in known})
    assert len(made) <= alike + len(known) // 500


# --- the search for the one that is refused -----------------------------------------------------


def search(batch: list[int], poison: set[int]) -> tuple[list[list[int]], list[int], int]:
    """The parts that were taken, the single ones that were not, and the number of calls."""
    asked = narrowed(batch)
    taken, refused, calls = [], [], 0
    part = next(asked)
    while True:
        calls += 1
        is_refused = not poison.isdisjoint(part)
        if not is_refused:
            taken.append(list(part))
        elif len(part) == 1:
            refused += part
        try:
            part = asked.send(is_refused)
        except StopIteration:
            return taken, refused, calls


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_every_event_is_taken_once_but_for_those_that_are_refused(given: tuple[int, set[int]]):
    size, poison = given
    taken, refused, _ = search(list(range(size)), poison)
    assert sorted(refused) == sorted(poison)
    assert sorted(one for part in taken for one in part) == sorted(set(range(size)) - poison)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_one_poisoned_event_costs_two_calls_for_each_halving(given: tuple[int, int]):
    size, poison = given
    _, refused, calls = search(list(range(size)), {poison})
    assert refused == [poison]
    assert calls - 1 <= 2 * math.ceil(math.log2(size))


def test_a_lease_is_long_enough_for_all_calls_within_it():
    one = policy.SIZE
    assert 1 + 2 * math.ceil(math.log2(one)) < policy.CALLS
    assert timedelta(seconds=8) * policy.CALLS < policy.LEASE


# --- trying again -------------------------------------------------------------------------------


@pytest.mark.parametrize("chance", [0, 0.5, 1])
def test_eight_tries_lie_within_a_day(chance: float):
    at, tries = NOW, 1
    while due := next_try(tries, chance, at):
        assert due - at >= timedelta(seconds=48)
        at, tries = due, tries + 1
    assert tries == 8
    assert timedelta(hours=12) < at - NOW <= timedelta(hours=24)


def test_delays_grow_and_differ_by_chance():
    delays = [(next_try(n, 0.5, NOW) or NOW) - NOW for n in range(1, 8)]
    assert delays == [timedelta(minutes=3**n) for n in range(7)]
    assert next_try(1, 0, NOW) == NOW + timedelta(seconds=48)
    assert next_try(1, 1, NOW) == NOW + timedelta(seconds=72)


# --- what an answer says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "pause"),
    [
        (Result(received=1), timedelta(0)),
        (Result(received=1, usage=Usage(79.9)), timedelta(0)),
        (Result(received=1, usage=Usage(80)), timedelta(minutes=1)),
        (Result(received=1, usage=Usage(95)), timedelta(minutes=15)),
        (Result(received=1, usage=Usage(97, timedelta(minutes=7))), timedelta(minutes=7)),
        (Result(action=Action.PAUSE), timedelta(minutes=15)),
        (
            Result(action=Action.PAUSE, usage=Usage(100, timedelta(minutes=40))),
            timedelta(minutes=40),
        ),
        (Result(action=Action.BLOCKED), timedelta(hours=24)),
        (Result(action=Action.BLOCKED, usage=Usage(100, timedelta(hours=30))), timedelta(hours=30)),
        (Result(action=Action.RETRY), timedelta(minutes=1)),
        (Result(action=Action.REAUTHORISE), timedelta(0)),
        (Result(action=Action.REFUSED), timedelta(0)),
    ],
)
def test_how_long_a_merchants_sending_rests(result: Result, pause: timedelta):
    assert pause_of(result, 0.5) == pause


@pytest.mark.parametrize("action", Action)
def test_every_action_is_about_the_events_or_about_the_sending(action: Action):
    about_events = action in (Action.REFUSED, Action.DUPLICATE, Action.RESCRAPE)
    result = Result(action=action)
    assert (result.taken, result.refused, result.lets_go_on) == (False, about_events, about_events)


@pytest.mark.parametrize(
    ("action", "subcode", "asked"),
    [
        (Action.REFUSED, None, Action.REFUSED),
        (Action.REFUSED, 2_804_003, Action.REFUSED),
        (Action.REFUSED, 33, Action.NO_PERMISSION),
        (Action.RETRY, 33, Action.RETRY),
    ],
)
def test_no_event_is_to_blame_for_a_dataset_that_is_none(
    action: Action, subcode: int | None, asked: Action
):
    assert policy.asked_by(action, subcode) is asked


@pytest.mark.parametrize(("percent", "goes_on"), [(0, True), (79.9, True), (80, False)])
def test_a_busy_token_is_used_more_slowly(percent: float, goes_on: bool):  # noqa: FBT001
    assert Result(received=1, usage=Usage(percent)).lets_go_on is goes_on


# --- what is not sent any more ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "standing", "problem"),
    [
        (timedelta(0), FINE, None),
        (timedelta(days=62), FINE, None),
        (timedelta(days=62, seconds=1), FINE, "too_old"),
        (timedelta(0), replace(FINE, is_reversed=True), "reversed"),
        (timedelta(0), replace(FINE, is_voided=True), "voided"),
        (timedelta(0), replace(FINE, is_chosen=False), "venue_left"),
        (timedelta(days=90), replace(FINE, is_reversed=True, is_chosen=False), "reversed"),
    ],
)
def test_what_is_dropped_and_why(age: timedelta, standing: Standing, problem: str | None):
    time = int((NOW - age).timestamp())
    assert policy.reason_to_drop(time, standing, NOW) == problem
