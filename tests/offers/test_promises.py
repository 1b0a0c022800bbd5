"""Whatever customers do, in whatever order: nothing opens that should not, or beyond a limit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations, groupby
from typing import Any
from uuid import UUID

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.offers.people import Person, people
from tests.unlocks.stock import agrees
from tests.world import World

FRIDAY = datetime(2026, 10, 23, 10, tzinfo=UTC)
"""Noon in Copenhagen, two days before its clocks go back."""

FLASH = {"kind": "flash", "n": 2, "from": "11:00", "to": "23:00"}
ALONE: tuple[dict[str, Any], ...] = (
    {"kind": "every_visit"},
    {"kind": "first_visit"},
    {"kind": "nth_visit", "n": 2},
    {"kind": "every_nth_visit", "n": 2},
    {"kind": "every_nth_visit", "n": 2, "count": "days"},
    {"kind": "frequency", "n": 2, "within_days": 2},
    {"kind": "streak", "weeks": 2},
    {"kind": "comeback", "days": 2},
    {"kind": "top_visitor"},
    FLASH,
    {"kind": "off_peak", "max_share": 0.5, "min_visits": 2},
)
TOGETHER: tuple[dict[str, Any], ...] = (
    {"kind": "friends", "n": 1},
    {"kind": "friends", "n": 2},
    {"kind": "swarm", "n": 2},
    {"kind": "swarm", "n": 3},
    {"kind": "party", "n": 2},
    {"kind": "party", "n": 3},
)
CROWDS = ("flash", "swarm", "party")
"""Whose limits the review keeps from being smaller than the number of people."""
PAIRS = st.sets(st.sampled_from(tuple(combinations(range(4), 2))))
"""Who are friends of whom."""
LIMITS = {
    "limit_total": st.integers(1, 4),
    "limit_per_customer": st.integers(1, 2),
    "limit_per_day": st.integers(1, 3),
    "limit_per_venue": st.integers(1, 3),
    "limit_per_venue_day": st.integers(1, 2),
}
INSIDE, AT_THE_FENCE, OUTSIDE = 0, 85, 900
"""Metres north of a place whose fence has 50 m: accepted, ambiguous, rejected."""

Step = tuple[int, int, int, float]
"""Who comes where, how far from the place, and how many hours after the one before."""

STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 1),
        st.sampled_from([INSIDE, INSIDE, INSIDE, AT_THE_FENCE, OUTSIDE]),
        st.sampled_from([0, 0, 1, 5, 13, 24, 60, 24 * 7]),
    ),
    min_size=1,
    max_size=14,
)
FEW = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

UNLOCKS = text("""
    SELECT unlock.venue_id, unlock.subject_id, check_in.verdict, check_in.level,
           (unlock.unlocked_at AT TIME ZONE 'Europe/Copenhagen')::date AS day
    FROM unlock JOIN check_in ON check_in.id = unlock.check_in_id
    WHERE unlock.offer_id = :offer_id
""")


def circle(world: World, pairs: set[tuple[int, int]]) -> list[Person]:
    group = people(world, 4)
    for one, other in sorted(pairs):
        group[one].befriends(group[other])
    return group


def party(person: Person) -> str:
    code: str = person.world.ask("post", "/v1/parties", person.token, json={})["code"]
    return code


def roomy(rule: dict[str, Any], limits: dict[str, int]) -> dict[str, int]:
    """The limits, none of them smaller than the crowd that the rule asks for."""
    crowd = rule["n"] if rule["kind"] in CROWDS else 0
    own = ("limit_per_customer",)
    return {name: most if name in own else max(most, crowd) for name, most in limits.items()}


def unlocks(db: Any, offer: dict[str, Any]) -> list[Any]:
    with db.transaction() as session:
        return list(session.execute(UNLOCKS, {"offer_id": UUID(offer["id"])}).all())


def most(found: list[Any], key: Any) -> int:
    return max(Counter(map(key, found)).values(), default=0)


@pytest.mark.parametrize("rules", [ALONE, TOGETHER], ids=["alone", "together"])
@FEW
@given(data=st.data(), limits=st.fixed_dictionaries({}, optional=LIMITS), steps=STEPS, pairs=PAIRS)
def test_nothing_opens_without_an_accepted_check_in_or_beyond_a_limit(
    world: World, db, *, rules, data, limits, steps: list[Step], pairs
):
    rule = data.draw(st.sampled_from(rules))
    limits = roomy(rule, limits)
    with time_machine.travel(FRIDAY, tick=False) as clock:
        venues = [world.venue() for _ in range(2)]
        offer = world.offer(*venues, rule=rule, **limits)
        group = circle(world, pairs)
        code = party(group[0])
        for who, where, north_m, hours in steps:
            clock.shift(timedelta(hours=hours))
            seen = [world.location(north_m=north_m)]
            result = group[who].comes(venues[where], evidence=seen, party_code=code)
            assert result["verdict"] == "accepted" or not result["unlocked"]
            assert all(locked["progress"] <= locked["target"] for locked in result["locked"])
    found = unlocks(db, offer)
    assert {unlock.verdict for unlock in found} <= {"accepted"}
    assert most(found, lambda _: 0) <= limits.get("limit_total", 99)
    assert most(found, lambda unlock: unlock.subject_id) <= limits.get("limit_per_customer", 99)
    assert most(found, lambda unlock: unlock.day) <= limits.get("limit_per_day", 99)
    assert most(found, lambda unlock: unlock.venue_id) <= limits.get("limit_per_venue", 99)
    per_venue_day = most(found, lambda unlock: (unlock.venue_id, unlock.day))
    assert per_venue_day <= limits.get("limit_per_venue_day", 99)
    assert agrees(db, offer)


@pytest.mark.parametrize("rules", [ALONE, TOGETHER], ids=["alone", "together"])
@FEW
@given(
    data=st.data(),
    limits=st.fixed_dictionaries({}, optional=LIMITS),
    before=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), max_size=8),
    order=st.permutations(range(4)),
    pairs=PAIRS,
)
def test_the_order_of_check_ins_at_one_moment_does_not_change_the_count(
    world: World,
    db,
    *,
    rules,
    data,
    limits,
    before: list[tuple[int, int]],
    order: list[int],
    pairs,
):
    """The same past at two venues, and then everybody at once: in one order here, another there."""
    rule = data.draw(st.sampled_from(rules))
    limits = roomy(rule, limits)
    counts = []
    for last in (sorted(order), order):
        venue = world.venue()
        offer = world.offer(venue, rule=rule, valid_from="2026-01-01T00:00:00Z", **limits)
        group = circle(world, pairs)
        past = sorted({(-days, who) for who, days in before})
        for days, coming in groupby(past, key=lambda step: step[0]):
            with time_machine.travel(FRIDAY + timedelta(days=days), tick=False) as clock:
                for _, who in coming:
                    group[who].comes(venue)
                    clock.shift(timedelta(minutes=7))
        with time_machine.travel(FRIDAY, tick=False):
            code = party(group[0])
            for who in last:
                group[who].comes(venue, party_code=code)
        counts.append(len(unlocks(db, offer)))
    assert counts[0] == counts[1]


@FEW
@given(n=st.integers(1, 3), pairs=PAIRS, order=st.permutations(range(4)))
def test_whoever_is_there_with_so_many_friends_has_it_once(world: World, n, pairs, order):
    venue = world.venue()
    world.offer(venue, rule={"kind": "friends", "n": n})
    group = circle(world, pairs)
    for who in order:
        group[who].comes(venue)
    friends = Counter(person for pair in pairs for person in pair)
    assert [len(person.wallet()) for person in group] == [
        int(friends[who] >= n) for who in range(4)
    ]
