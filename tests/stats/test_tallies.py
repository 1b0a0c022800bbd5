"""Sums that lose nothing, groups that show nobody, and figures that are rounded as they say."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from lbs.stats.rules.figures import per, rate, retention_of, times_of
from lbs.stats.rules.groups import OTHER, hushed, shown
from lbs.stats.rules.tally import (
    Tally,
    added,
    at_least,
    elapsed_step,
    everybody,
    median,
    often,
    seconds_of,
)

visits = st.lists(st.integers(0, 12), max_size=40)


@given(visits, visits, st.integers(1, 9))
def test_how_often_each_came_adds_up(one, other, least):
    whole = added(often(one), often(other))
    times = Counter([*one, *other])
    assert everybody(whole) == BitMap(times)
    assert at_least(whole, least) == BitMap([who for who, n in times.items() if n >= least])


@given(st.integers(0, 90 * 86_400))
def test_elapsed_seconds_are_kept_to_one_percent(seconds):
    told = seconds_of(elapsed_step(seconds))
    assert abs(told - seconds) <= 0.5 + seconds * 0.005
    if seconds < 100:
        assert told == seconds


def test_a_median_is_what_half_did_not_exceed():
    assert median(Counter({3: 2, 5: 1})) == 3
    assert median(Counter({3: 1, 5: 2})) == 5
    assert median(Counter()) is None


def group(*people: int) -> Tally:
    return Tally(counts=Counter(viewed=len(people)), people={"viewed": [BitMap(people)]})


sized = st.dictionaries(
    st.sampled_from("abcdefg"), st.sets(st.integers(0, 40), max_size=14).map(lambda s: group(*s))
)


@given(sized, st.integers(1, 6))
def test_no_small_group_is_shown_nor_left_over(groups, minimum):
    found = shown(groups, minimum)
    for tally in found.values():
        assert len(tally.anybody()) == 0 or len(tally.anybody()) >= minimum
    hidden = [name for name in groups if name not in found]
    if OTHER in found:
        assert len(hidden) > 1
        assert found[OTHER].counts["viewed"] == sum(groups[n].counts["viewed"] for n in hidden)
    elif found:
        assert not hidden


@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ({"a": 9, "b": 7, "c": 5}, ["a", "b", "c"]),
        ({"a": 9, "b": 7, "c": 4}, ["a", OTHER]),
        ({"a": 9, "b": 4, "c": 3}, ["a", OTHER]),
        ({"a": 9, "b": 2, "c": 1}, [OTHER]),
        ({"a": 2, "b": 1}, []),
        ({"a": 3}, []),
        ({"a": 5}, ["a"]),
    ],
)
def test_small_groups_go_with_the_smallest_of_the_others(sizes, names):
    start, groups = 0, {}
    for name, size in sizes.items():
        groups[name] = group(*range(start, start + size))
        start += size
    assert list(shown(groups, 5)) == names


@pytest.mark.parametrize(("number", "told"), [(0, 0), (1, None), (4, None), (5, 5), (6, 6)])
def test_a_few_customers_are_not_told(number, told):
    assert hushed(number, 5) == told


def came(*times: int) -> Tally:
    """So many customers came once, twice, and so on."""
    people = [who for n, many in enumerate(times, 1) for who in range(many) for _ in range(n)]
    numbers, start = [], 0
    for n, many in enumerate(times, 1):
        numbers += [start + who for who in range(many) for _ in range(n)]
        start += many
    assert len(numbers) == len(people)
    return Tally(people={"checked_in": often(numbers)})


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((9, 6, 5), [("1", 9), ("2", 6), ("3-5", 5)]),
        ((9, 2, 1, 2), [("1", 9), ("2-5", 5)]),
        ((9, 6, 1), [("1", 9), ("2-5", 7)]),
        ((2, 9), [("1-2", 11)]),
        ((2, 1), [("1-2", None)]),
        ((), []),
    ],
)
def test_classes_of_a_few_customers_are_put_together(times, told):
    found = times_of(came(*times), "checked_in", 5)
    assert [(one["times"], one["customers"]) for one in found] == told


def test_a_cohort_of_a_few_is_not_told():
    first = Tally(people={"new": [BitMap(range(6))], "checked_in": [BitMap(range(6))]})
    second = Tally(people={"new": [BitMap([0, 7])], "checked_in": [BitMap([0, 1, 2, 7])]})
    third = Tally(people={"checked_in": [BitMap([0, 1, 2, 3, 4, 7])]})
    assert retention_of([first, second, third], 5) == [
        {"customers": 6, "returned": [None, 5]},
        {"customers": None, "returned": [None]},
        {"customers": 0, "returned": []},
    ]
    assert retention_of([first, second, third], 1) == [
        {"customers": 6, "returned": [3, 5]},
        {"customers": 1, "returned": [1]},
        {"customers": 0, "returned": []},
    ]


def test_rates_are_rounded_half_up():
    assert (rate(1, 3), rate(1, 8), rate(5, 100_000), rate(1, 0)) == (0.3333, 0.125, 0.0001, None)
    assert (per(5, 2), per(-5, 2), per(7, 3), per(7, 0), per(7, -1)) == (3, -3, 2, None, None)
