"""Whatever customers do, in whatever order: nothing opens that should not, or beyond a limit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.offers.test_rules_in_use import Regular
from tests.unlocks.stock import agrees
from tests.world import World

FRIDAY = datetime(2026, 10, 23, 10, tzinfo=UTC)
"""Noon in Copenhagen, two days before its clocks go back."""

FLASH = {"kind": "flash", "n": 2, "from": "11:00", "to": "23:00"}
RULES: tuple[dict[str, Any], ...] = (
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
           (check_in.occurred_at AT TIME ZONE 'Europe/Copenhagen')::date AS day
    FROM unlock JOIN check_in ON check_in.id = unlock.check_in_id
    WHERE unlock.offer_id = :offer_id
""")


def comes(world: World, who: Regular, venue: dict[str, Any], north_m: float = 0) -> dict[str, Any]:
    body = {"venue_id": venue["id"], "evidence": [world.location(north_m=north_m)]}
    result: dict[str, Any] = world.ask("post", "/v1/check-ins", who.token, json=body)
    return result


def unlocks(db: Any, offer: dict[str, Any]) -> list[Any]:
    with db.transaction() as session:
        return list(session.execute(UNLOCKS, {"offer_id": UUID(offer["id"])}).all())


def most(found: list[Any], key: Any) -> int:
    return max(Counter(map(key, found)).values(), default=0)


@FEW
@given(
    rule=st.sampled_from(RULES),
    limits=st.fixed_dictionaries({}, optional=LIMITS),
    steps=STEPS,
)
def test_nothing_opens_without_an_accepted_check_in_or_beyond_a_limit(
    world: World, db, rule, limits, steps: list[Step]
):
    with time_machine.travel(FRIDAY, tick=False) as clock:
        venues = [world.venue() for _ in range(2)]
        offer = world.offer(*venues, rule=rule, **limits)
        people = [Regular(world) for _ in range(4)]
        for who, where, north_m, hours in steps:
            clock.shift(timedelta(hours=hours))
            result = comes(world, people[who], venues[where], north_m)
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


@FEW
@given(
    rule=st.sampled_from(RULES),
    limits=st.fixed_dictionaries({}, optional=LIMITS),
    before=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), max_size=8),
    order=st.permutations(range(4)),
)
def test_the_order_of_check_ins_at_one_moment_does_not_change_the_count(
    world: World, db, rule, limits, before: list[tuple[int, int]], order: list[int]
):
    """The same past at two venues, and then everybody at once: in one order here, another there."""
    counts = []
    for last in (sorted(order), order):
        venue = world.venue()
        offer = world.offer(venue, rule=rule, valid_from="2026-01-01T00:00:00Z", **limits)
        people = [Regular(world) for _ in range(4)]
        past = sorted({(-days, who) for who, days in before})
        for days, coming in groupby(past, key=lambda step: step[0]):
            with time_machine.travel(FRIDAY + timedelta(days=days), tick=False) as clock:
                for _, who in coming:
                    comes(world, people[who], venue)
                    clock.shift(timedelta(minutes=7))
        with time_machine.travel(FRIDAY, tick=False):
            for who in last:
                comes(world, people[who], venue)
        counts.append(len(unlocks(db, offer)))
    assert counts[0] == counts[1]
