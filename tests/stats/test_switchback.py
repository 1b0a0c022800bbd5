"""An offer that is on and off at venues by turns: the draw, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats
from sqlalchemy import text

from lbs.offers.rules.schedule import ALWAYS, DateRange, Schedule, at_venue, is_on
from lbs.offers.rules.turns import Block, Turns, blocks_of
from lbs.stats.rules.switchback import switchback_effect
from tests.stats.test_venue_effect import VISITS
from tests.world import OFFER as OFFER_BODY
from tests.world import World, now

OFFER, VENUES = UUID(int=99), [UUID(int=number) for number in range(30)]
COPENHAGEN = ZoneInfo("Europe/Copenhagen")
PLAN = Turns(date(2026, 12, 7), 7, 4, 1)


def chance() -> np.random.Generator:
    return np.random.default_rng(1)


def drawn(offer_id: UUID, turns: Turns = PLAN) -> dict[UUID, list[Block]]:
    return {venue_id: list(blocks_of(turns, offer_id, venue_id)) for venue_id in VENUES}


def test_each_pair_has_one_block_with_the_offer_and_half_of_them_first():
    firsts = 0
    for blocks in drawn(OFFER).values():
        assert [block.pair for block in blocks] == [0, 0, 1, 1, 2, 2, 3, 3]
        assert [one.is_on + other.is_on for one, other in batched(blocks)] == [1] * 4
        assert [block.first for block in blocks] == [
            PLAN.first + timedelta(days=7 * number) for number in range(8)
        ]
        assert {(block.last - block.first).days for block in blocks} == {6}
        firsts += sum(one.is_on for one, _ in batched(blocks))
    assert 40 <= firsts <= 80


def batched(blocks: list[Block]) -> list[tuple[Block, Block]]:
    return list(zip(blocks[::2], blocks[1::2], strict=True))


def test_the_draw_is_the_same_at_every_asking_and_another_for_another_offer():
    assert drawn(OFFER) == drawn(OFFER)
    assert drawn(OFFER) != drawn(UUID(int=98))
    longer = drawn(OFFER, replace(PLAN, pairs=5))
    assert {venue_id: blocks[:8] for venue_id, blocks in longer.items()} == drawn(OFFER)


def test_an_offer_is_on_in_its_blocks_and_as_scheduled_before_and_after():
    plain = Schedule(exclusions=(DateRange(date(2026, 12, 24), date(2026, 12, 24)),), turns=PLAN)
    for venue_id, blocks in drawn(OFFER).items():
        there = at_venue(plain, OFFER, venue_id)
        on = {
            day
            for block in blocks
            if block.is_on
            for day in (block.first + timedelta(days=number) for number in range(7))
        }
        for number in range(-3, 60):
            day = PLAN.first + timedelta(days=number)
            in_turns = 0 <= number < 56
            expected = (day in on or not in_turns) and day != date(2026, 12, 24)
            for at in (time(0, 0), time(23, 59)):
                moment = datetime.combine(day, at, COPENHAGEN)
                assert is_on(there, moment, COPENHAGEN, None) is expected, (venue_id, day)
    assert at_venue(ALWAYS, OFFER, VENUES[0]) is ALWAYS


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


def taking_turns(world: World, venues: list[Any], began: date, **members: Any) -> Any:
    turns = {"from_date": began.isoformat(), "days": 2, "pairs": 3, "wash_out_days": 1, **members}
    return world.offer(*venues, schedule={"turns": turns})


def today() -> date:
    return now().astimezone(COPENHAGEN).date()


def read(world: World, offer: dict[str, Any]) -> dict[str, Any]:
    return world.ask("get", f"/v1/stats/offers/{offer['id']}/switchback")


def test_the_visits_of_blocks_that_are_over_are_compared(world: World):
    venues = [world.venue() for _ in range(3)]
    offer = taking_turns(world, venues, today() - timedelta(days=9))
    plan = read(world, offer)
    assert (plan["pairs"], plan["effect"]["lift"]) == (6, 0)

    with world.db.transaction() as session:
        for block in plan["blocks"]:
            first = date.fromisoformat(block["from_date"])
            began = datetime.combine(first, time(12), COPENHAGEN)
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
    found = read(world, offer)

    assert found["blocks"] == plan["blocks"]
    assert found["pairs"] == 6
    assert found["effect"]["lift"] == pytest.approx(12.5 / 8.5 - 1)
    assert found["effect"]["interval"]["low"] == pytest.approx(12.5 / 8.5 - 1)


def test_the_service_switches_the_offer_as_drawn(world: World):
    venues = [world.venue() for _ in range(8)]
    offer = taking_turns(world, venues, today(), pairs=1)
    blocks = read(world, offer)["blocks"]
    on_now = {
        block["venue_id"]: block["is_on"]
        for block in blocks
        if block["from_date"] == today().isoformat()
    }
    preview = world.ask("get", f"/v1/offers/{offer['id']}/schedule")["items"]
    assert {site["venue_id"]: site["is_on"] for site in preview} == on_now
    for venue in venues:
        result = world.check_in(world.customer(), venue)
        if on_now[venue["id"]]:
            assert [unlock["offer_id"] for unlock in result["unlocked"]] == [offer["id"]]
        else:
            assert [one["reason"]["code"] for one in result["locked"]] == ["out_of_hours"]
    assert set(on_now.values()) == {True, False}


def test_an_offer_without_turns_has_nothing_to_compare(world: World):
    path = f"/v1/stats/offers/{world.offer(world.venue())['id']}/switchback"
    assert world.call("get", path, world.key).json["code"] == "no-turns"


def test_turns_have_to_leave_something_to_count(world: World):
    body = {**OFFER_BODY, "venue_ids": [], "schedule": {"turns": {"from_date": "2026-12-07"}}}
    body["schedule"]["turns"]["wash_out_days"] = 7
    refused = world.call("post", "/v1/offers", world.key, json=body)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "#/schedule/turns/wash_out_days"


def test_the_venues_have_to_be_the_keys(world: World):
    venue, elsewhere = world.venue(), world.venue()
    offer = taking_turns(world, [venue], today())
    path = f"/v1/stats/offers/{offer['id']}/switchback"
    limited = world.key_with("stats", venues=(elsewhere,))
    assert world.call("get", path, limited).json["code"] == "venue-not-allowed"
