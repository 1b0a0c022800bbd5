"""Thousands of simulated experiments, looked at all the time: how often the verdict is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from lbs.experiments.policy.power import plan_customers
from lbs.experiments.policy.sequences import width
from lbs.stats.rules.lift import Sample, compare
from lbs.stats.rules.ratio import ALPHA, is_mismatch
from lbs.stats.rules.verdict import METRICS, Arm, Design, Finding, Run, conclude

EXPERIMENTS = 1000
RUN = Run(datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC), is_stopped=False)
DESIGN = Design(
    shares={"control": 0.45, "b": 0.45, "holdout": 0.1},
    metric="visits",
    alpha=0.05,
    min_customers=100,
    min_weeks=2,
    control="control",
    holdout="holdout",
)
"""Its minimum run is as short as can be, so that the verdict is asked for early and often."""


@dataclass(frozen=True)
class Customers:
    """How customers behave; a lift brings more of them, and more visits, not larger orders."""

    visits: float = 1.0
    redeem: float = 0.1
    order: float = 80_00
    spread: float = 1.0

    def lifted(self, lift: float) -> Customers:
        return replace(self, visits=self.visits * (1 + lift), redeem=self.redeem * (1 + lift))

    def draw(self, metric: str, chance: np.random.Generator, shape: tuple[int, int]) -> NDArray:
        """Poisson visits, one redemption or none, or revenue: skewed, and mostly nothing."""
        if metric == "visits":
            return chance.poisson(self.visits, shape).astype(float)
        redeemed = (chance.random(shape) < self.redeem).astype(float)
        if metric == "revenue":
            redeemed[redeemed > 0] = self.order * chance.lognormal(
                0, self.spread, int(redeemed.sum())
            )
        return redeemed

    @property
    def means(self) -> dict[str, float]:
        order = self.order * np.exp(self.spread**2 / 2)
        return {
            "visits": self.visits,
            "redemptions": self.redeem,
            "revenue": self.redeem * order,
        }

    @property
    def variances(self) -> dict[str, float]:
        square = self.redeem * self.order**2 * np.exp(2 * self.spread**2)
        return {
            "visits": self.visits,
            "redemptions": self.redeem * (1 - self.redeem),
            "revenue": square - self.means["revenue"] ** 2,
        }


class Simulated:
    """Experiments side by side, with what is known after each batch of customers."""

    def __init__(
        self,
        shares: dict[str, float],
        behaviour: dict[str, Customers],
        *,
        customers: int,
        batch: int,
        seed: int,
        metrics: tuple[str, ...] = METRICS,
    ) -> None:
        chance = np.random.default_rng(seed)
        self.looks = customers // batch
        shape = EXPERIMENTS, self.looks * batch
        place, reached = chance.random(shape), 0.0
        self._sums: dict[tuple[str, str], NDArray] = {}
        for arm, share in shares.items():
            inside = (place >= reached) & (place < reached + share)
            reached += share
            for metric in metrics:
                theirs = behaviour[arm].draw(metric, chance, shape) * inside
                sums = [
                    values.reshape(EXPERIMENTS, self.looks, batch).sum(axis=2).cumsum(axis=1)
                    for values in (inside, theirs > 0, theirs, theirs**2)
                ]
                self._sums[arm, metric] = np.stack(sums)

    def sample(self, arm: str, metric: str, experiment: int, look: int) -> Sample:
        customers, active, total, squares = self._sums[arm, metric][:, experiment, look]
        return Sample(int(customers), int(active), float(total), float(squares))

    def histories(self) -> Iterator[list[tuple[int, int]]]:
        """For each experiment its looks."""
        for experiment in range(EXPERIMENTS):
            yield [(experiment, look) for look in range(self.looks)]

    def arm(self, name: str, experiment: int, look: int) -> Arm:
        samples = {metric: self.sample(name, metric, experiment, look) for metric in METRICS}
        return Arm(samples["visits"].customers, samples)


@pytest.fixture(scope="module")
def without_effect() -> Simulated:
    alike = dict.fromkeys(DESIGN.shares, Customers())
    return Simulated(DESIGN.shares, alike, customers=3000, batch=150, seed=20260101)


@pytest.fixture(scope="module")
def with_effect() -> Simulated:
    behaviour = {"control": Customers(), "b": Customers().lifted(0.2)}
    return Simulated(
        {"control": 0.5, "b": 0.5}, behaviour, customers=3000, batch=150, seed=20260102
    )


def test_without_an_effect_at_most_one_experiment_in_twenty_ever_has_a_winner(
    without_effect: Simulated,
):
    ever = Counter()
    for history in without_effect.histories():
        found = [
            conclude(DESIGN, {arm: without_effect.arm(arm, *look) for arm in DESIGN.shares}, RUN)
            for look in history
        ]
        ever.update({result.winner.finding for result in found})
        ever.update({f"effect {result.effect.finding}" for result in found})
        for metric in METRICS:
            shown = {
                difference[metric].interval.sign
                for result in found
                for difference in result.against_control.values()
                if difference[metric].interval
            }
            ever[metric] += bool(shown - {0})

    assert ever[Finding.WINNER] <= 0.05 * EXPERIMENTS
    assert ever["effect more_visits"] + ever["effect fewer_visits"] <= 0.05 * EXPERIMENTS
    assert max(ever[metric] for metric in METRICS) <= 0.05 * EXPERIMENTS
    assert ever[Finding.NOT_SHOWN] >= 0.95 * EXPERIMENTS


def test_one_look_intervals_would_not_pass(without_effect: Simulated):
    wrong = 0
    for experiment in range(EXPERIMENTS):
        samples = (
            (without_effect.sample(arm, "visits", experiment, look) for arm in ("control", "b"))
            for look in range(without_effect.looks)
        )
        wrong += any(
            abs(ours.mean - base.mean)
            > 1.96 * np.sqrt(ours.scatter / ours.customers**2 + base.scatter / base.customers**2)
            for ours, base in samples
        )

    assert wrong > 0.2 * EXPERIMENTS


@pytest.mark.parametrize("share", [0.1, 0.05])
def test_a_small_holdout_of_a_skewed_metric_would_not_pass_with_its_own_variance(share: float):
    shares = {"control": 1 - share, "holdout": share}
    rare = dict.fromkeys(shares, Customers(redeem=0.05))
    simulated = Simulated(
        shares, rare, customers=4500, batch=150, seed=20260106, metrics=("revenue",)
    )
    wrong = wrong_by_own = 0
    for history in simulated.histories():
        pairs = [
            [simulated.sample(arm, "revenue", *look) for arm in ("control", "holdout")]
            for look in history
        ]
        found = [(pair, compare(*pair, planned=4500, alpha=0.05)) for pair in pairs]
        shown = [(pair, one) for pair, one in found if one.interval]
        wrong += any(one.interval.sign for _, one in shown)
        wrong_by_own += any(
            abs(one.absolute)
            > width(sum(each.customers for each in pair), 4500, 0.05)
            * sum(each.scatter / each.customers**2 for each in pair) ** 0.5
            for pair, one in shown
        )

    assert wrong <= 0.02 * EXPERIMENTS
    assert wrong_by_own > 0.1 * EXPERIMENTS


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("planned", [600, 3000])
def test_all_intervals_of_an_experiment_hold_the_truth(
    with_effect: Simulated, metric: str, planned: int
):
    means = Customers().means[metric], Customers().lifted(0.2).means[metric]
    covered = lift_covered = 0
    for history in with_effect.histories():
        found = [
            compare(
                with_effect.sample("b", metric, *look),
                with_effect.sample("control", metric, *look),
                planned=planned,
                alpha=0.05,
            )
            for look in history
        ]
        intervals = [difference.interval for difference in found if difference.interval]
        lifts = [difference.lift_interval for difference in found if difference.lift_interval]
        assert len(intervals) > len(history) / 2
        covered += all(i.low <= means[1] - means[0] <= i.high for i in intervals)
        lift_covered += all(i.low <= 0.2 <= i.high for i in lifts)

    assert covered >= 0.95 * EXPERIMENTS
    assert lift_covered >= 0.95 * EXPERIMENTS


@pytest.mark.parametrize(
    ("metric", "customers", "share"),
    [
        pytest.param("visits", Customers(visits=1), 0.5, id="visits"),
        pytest.param("visits", Customers(visits=2), 0.2, id="visits, a small arm"),
        pytest.param("redemptions", Customers(redeem=0.4), 0.5, id="redemptions"),
        pytest.param("revenue", Customers(redeem=0.5, spread=0.4), 0.5, id="revenue"),
    ],
)
def test_a_lift_of_a_fifth_is_found_with_the_planned_power(
    metric: str, customers: Customers, share: float
):
    power, shares = 0.8, {"control": 1 - share, "b": share}
    smallest = plan_customers(
        customers.means[metric],
        customers.variances[metric],
        0.2,
        list(shares.values()),
        0.05,
        power,
    )
    behaviour = {"control": customers, "b": customers.lifted(0.2)}
    total = round(smallest / share)
    simulated = Simulated(
        shares,
        behaviour,
        customers=total,
        batch=total // 20,
        seed=20260103,
        metrics=(metric,),
    )
    found = sum(
        any(
            difference.interval and difference.interval.sign > 0
            for look in history
            for difference in [
                compare(
                    simulated.sample("b", metric, *look),
                    simulated.sample("control", metric, *look),
                    planned=total,
                    alpha=0.05,
                )
            ]
        )
        for history in simulated.histories()
    )

    error = np.sqrt(power * (1 - power) / EXPERIMENTS)
    assert found / EXPERIMENTS >= power - 3 * error
    assert found / EXPERIMENTS <= 0.92, "the plan asks for more customers than it takes"


def counted(shares: list[float], *, customers: int, batch: int, seed: int) -> NDArray:
    """Customers by experiment, look and arm, as they come."""
    chance = np.random.default_rng(seed)
    each = chance.multinomial(batch, shares, size=(EXPERIMENTS, customers // batch))
    return each.cumsum(axis=1)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.5, 0.3, 0.2]])
def test_the_right_shares_seldom_ever_look_wrong(shares: list[float]):
    seen = counted(shares, customers=3000, batch=50, seed=20260104)
    alarms = sum(any(is_mismatch(look, shares) for look in history.tolist()) for history in seen)

    assert alarms <= ALPHA * EXPERIMENTS


def test_a_split_of_45_to_55_is_noticed():
    seen = counted([0.45, 0.55], customers=4000, batch=50, seed=20260105)
    noticed = sum(
        any(is_mismatch(look, [0.5, 0.5]) for look in history.tolist()) for history in seen
    )

    assert noticed >= 0.99 * EXPERIMENTS
