"""An offer that is on and off at venues by turns: the draw, and what it says."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from scipy import stats
from sqlalchemy import text

from lbs.stats.rules.switchback import switchback_effect, switchback_schedule
from tests.stats.test_venue_effect import VISITS
from tests.world import World, now

VENUES = [UUID(int=number) for number in range(30)]


def chance() -> np.random.Generator:
    return np.random.default_rng(1)


def test_each_pair_has_one_block_with_the_offer_and_half_of_them_first():
    blocks = list(switchback_schedule(b"key", VENUES, block_days=7, pairs=4))

    assert Counter((block.venue_id, block.pair) for block in blocks if block.is_on) == Counter(
        (venue, pair) for venue in VENUES for pair in range(4)
    )
    assert [block.first_day for block in blocks[:8]] == list(range(0, 56, 7))
    first = sum(block.is_on for block in blocks if block.first_day % 14 == 0)
    assert 40 <= first <= 80


def test_the_draw_is_the_same_at_every_asking_and_another_with_another_key():
    def drawn(key: bytes) -> list[bool]:
        return [block.is_on for block in switchback_schedule(key, VENUES, block_days=7, pairs=4)]

    assert drawn(b"key") == drawn(b"key")
    assert drawn(b"key") != drawn(b"other")


def test_the_interval_is_scipys_permutation_test_turned_around():
    """Taken off from what was seen, the lift at its edge is just about ruled out."""
    pairs = [(60, 40), (55, 50), (80, 52), (42, 40), (70, 48), (66, 60), (90, 51), (47, 45)]
    found = switchback_effect(pairs, chance())
    assert found is not None
    assert found.interval is not None
    on, off = np.log(np.array(pairs).T + 0.5)

    def p_value(lift: float) -> float:
        return stats.permutation_test(
            (on - np.log1p(lift), off),
            lambda a, b: np.mean(a - b),
            permutation_type="samples",
            vectorized=False,
        ).pvalue

    for edge, inwards in ((found.interval.low, 0.001), (found.interval.high, -0.001)):
        assert p_value(edge + inwards) > 0.05
        assert p_value(edge - inwards) <= 0.05
    assert found.lift == pytest.approx(np.exp(np.mean(on - off)) - 1)


@pytest.mark.parametrize(("pairs", "has_interval"), [(5, False), (6, True), (40, True)])
def test_few_pairs_give_no_interval(pairs: int, has_interval: bool):  # noqa: FBT001
    found = switchback_effect([(20, 10 + number % 3) for number in range(pairs)], chance())

    assert found is not None
    assert (found.interval is not None) == has_interval
    assert switchback_effect([], chance()) is None


@pytest.mark.parametrize(("pairs", "lift", "found_at_least"), [(8, 0.0, 0), (16, 0.25, 160)])
def test_the_interval_holds_in_simulations(pairs: int, lift: float, found_at_least: int):
    covered = shown = 0
    drawn = np.random.default_rng(20260107)
    for _ in range(200):
        level, shock = drawn.lognormal(4, 0.5, pairs), np.exp(drawn.normal(0, 0.1, (2, pairs)))
        on = drawn.poisson(level * shock[0] * (1 + lift)).tolist()
        off = drawn.poisson(level * shock[1]).tolist()
        found = switchback_effect(list(zip(on, off, strict=True)), chance())
        assert found is not None
        assert found.interval is not None
        covered += found.interval.low <= lift <= found.interval.high
        shown += found.interval.sign > 0

    assert covered >= 0.92 * 200
    assert shown >= found_at_least


def ask(world: World, offer: dict[str, Any], venues: list[Any], start: datetime) -> dict[str, Any]:
    query = {
        "from": start.isoformat(),
        "venue_id": [venue["id"] for venue in venues],
        "block_days": 2,
        "pairs": 3,
    }
    return world.ask("get", f"/v1/stats/offers/{offer['id']}/switchback", query_string=query)


def test_the_visits_of_blocks_that_are_over_are_compared(world: World):
    venues, start = [world.venue() for _ in range(3)], now() - timedelta(days=9)
    offer = world.offer(*venues)
    plan = ask(world, offer, venues, start)
    assert (plan["pairs"], plan["effect"]["lift"]) == (6, 0)

    with world.db.transaction() as session:
        for block in plan["blocks"]:
            began = datetime.fromisoformat(block["from"])
            washed_out, counted = (500, 12) if block["is_on"] else (0, 8)
            values = {
                "began": began + timedelta(days=1),
                "merchant_id": world.merchant_id,
                "venue_id": block["venue_id"],
                "before": washed_out,
                "during": counted,
            }
            visits = VISITS.replace("(-56, 9)", "(-1, 0)")
            session.execute(text(visits), values)
    found = ask(world, offer, venues, start)

    assert found["blocks"] == plan["blocks"]
    assert found["pairs"] == 6
    assert found["effect"]["lift"] == pytest.approx(12.5 / 8.5 - 1)
    assert found["effect"]["interval"]["low"] == pytest.approx(12.5 / 8.5 - 1)


def test_the_plan_has_to_leave_something_to_count(world: World):
    venue = world.venue()
    path = f"/v1/stats/offers/{world.offer(venue)['id']}/switchback"
    query = {"from": now().isoformat(), "venue_id": venue["id"], "wash_out_days": 7}
    refused = world.call("get", path, world.key, query_string=query)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["parameter"] == "wash_out_days"


def test_the_venues_have_to_be_the_merchants_and_the_keys(world: World, other_world: World):
    venue, others = world.venue(), other_world.venue()
    path = f"/v1/stats/offers/{world.offer(venue)['id']}/switchback"
    elsewhere = [world.venue()["id"]]
    body = {"name": "Key", "scopes": ["stats"], "venue_ids": elsewhere}
    limited = world.ask("post", "/v1/api-keys", json=body)["token"]
    query = {"from": now().isoformat(), "venue_id": others["id"]}

    refused = world.call("get", path, world.key, query_string=query)
    assert refused.json["code"] == "venue-not-found"
    refused = world.call("get", path, limited, query_string={**query, "venue_id": venue["id"]})
    assert refused.json["code"] == "venue-not-allowed"
