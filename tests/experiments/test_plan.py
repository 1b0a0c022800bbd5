"""How many customers and weeks it takes, from what customers did before."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from statistics import NormalDist, mean, variance
from typing import Any

import pytest
import time_machine

from lbs.experiments.policy import Baseline, plan
from lbs.experiments.policy.sequences import width
from tests.offers.people import Person
from tests.world import World

START = datetime(2026, 6, 1, 10, tzinfo=UTC)
NOW = START + timedelta(days=60)


def ask(world: World, offer: dict[str, Any], **members: Any) -> Any:
    body = {"metric": "visits", "min_lift": 0.5, **members}
    return world.ask("post", f"/v1/offers/{offer['id']}/experiments/plan", json=body)


def test_the_baseline_is_what_customers_did_within_the_horizon_of_being_seen(world: World):
    """Counted by hand: days after START on which each of four customers came in, or was refused."""
    with time_machine.travel(START, tick=False):
        venue, elsewhere = world.venue(cool_down_s=0), world.venue(east_m=9000)
        offer = world.offer(venue)
        diary = {Person(world): days for days in ((0, 3, 13), (0,), (20, 21, 50), (30, 31, 32, 33))}
        refused, voided = Person(world), Person(world)
    visits = dict.fromkeys(diary, 0)
    spent: dict[Person, int] = dict.fromkeys(diary, 0)
    for day in range(60):
        for person, days in diary.items():
            if day not in days:
                continue
            with time_machine.travel(START + timedelta(days=day), tick=False):
                [unlock] = person.comes(venue)["unlocked"]
                if day - days[0] < 14:
                    visits[person] += 1
                    if visits[person] == 2:
                        world.redeem(unlock["code"], venue, amount_minor=1000 * day)
                        spent[person] += 1000 * day
    with time_machine.travel(START + timedelta(days=5), tick=False):
        far = {"evidence": [world.location(north_m=450)]}
        assert refused.comes(venue, **far)["verdict"] == "rejected"
        seen = voided.comes(venue)
        world.ask("post", f"/v1/check-ins/{seen['id']}/void", json={"reason": "A test"})
    with time_machine.travel(NOW, tick=False):
        redeemed = [int(count > 1) for count in visits.values()]
        expected = {
            "visits": [*(count - 1 for count in visits.values()), 0, 0],
            "redemptions": [*redeemed, 0, 0],
            "revenue": [*spent.values(), 0, 0],
        }
        assert list(visits.values()) == [3, 1, 2, 4]
        for metric, outcomes in expected.items():
            found = ask(world, offer, metric=metric)
            baseline = found["baseline"]
            assert baseline["customers"] == 6
            assert baseline["customers_per_week"] == 6 / 8
            assert baseline["mean"] == pytest.approx(mean(outcomes))
            assert baseline["variance"] == pytest.approx(variance(outcomes))
            assert found["customers"] >= 2 * found["customers_per_arm"] - 1
            assert found["weeks"] == math.ceil(found["customers"] / (6 / 8))
        address = f"/v1/offers/{world.offer(elsewhere)['id']}/experiments/plan"
        body = {"metric": "visits", "min_lift": 0.5}
        nothing = world.call("post", address, world.key, json=body)
        assert (nothing.status_code, nothing.json["code"]) == (409, "experiment-baseline-missing")


@pytest.mark.parametrize("shares", [(50, 50), (40, 40, 20), (90, 10)])
def test_the_planned_number_has_the_planned_power(shares: tuple[int, ...]):
    """By the normal distribution itself: how often the interval that holds at every look leaves out
    0, with Welch's standard error, at the planned number.
    """
    baseline = Baseline(customers=800, weeks=8, mean=1.5, variance=2.25)
    found = plan(baseline, shares, lift=0.2, alpha=0.05, power=0.8)
    control = found.customers * shares[0] / 100
    least = found.customers * min(shares[1:]) / 100
    error = math.sqrt(2.25 / control + 2.25 * 1.2 / least)
    errors = width(1, 1, 0.05 / (len(shares) - 1))
    power = 1 - NormalDist().cdf(errors - 0.3 / error)
    assert 0.8 <= power < 0.85
    assert found.customers_per_arm == pytest.approx(found.customers * min(shares) / 100, abs=1)
    assert found.weeks == math.ceil(found.customers / 100)
