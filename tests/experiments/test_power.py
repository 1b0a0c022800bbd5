"""How many customers, and how wide intervals are, against published figures."""

from __future__ import annotations

import pytest
from scipy.stats import norm

from lbs.experiments.policy.power import Group, customers_needed, plan_customers
from lbs.experiments.policy.sequences import MIN_CUSTOMERS, _tuning, width

ONCE = norm.ppf(0.975)


@pytest.mark.parametrize(
    ("effect", "variance", "published"),
    [
        # Cohen, Statistical Power Analysis (1988), table 2.4.1, and G*Power's manual: 64 in each
        # group by the t distribution, which asks for one more than the normal one.
        pytest.param(0.5, 1, 63, id="a medium effect"),
        pytest.param(0.2, 1, 393, id="a small effect"),
        pytest.param(0.8, 1, 25, id="a large effect"),
        # Chow, Shao and Wang, Sample Size Calculations in Clinical Research (2008), section 3.2.4:
        # a difference of 5 % where the standard deviation is 10 % takes 63 in each of two groups.
        pytest.param(0.05, 0.01, 63, id="chow, shao and wang"),
        # Larsen and others, Statistical Challenges in Online Controlled Experiments, The American
        # Statistician 78 (2024), section 2: 36,864 by 16 times, where this takes 15.7 times.
        pytest.param(1.25 * 0.05, 9, 36_864 * 15.698 / 16, id="revenue of a small shop"),
    ],
)
def test_a_fixed_sample_is_the_textbooks(effect: float, variance: float, published: float):
    groups = Group(0.5, variance), Group(0.5, variance)

    assert customers_needed(effect, *groups, errors=ONCE, power=0.8) / 2 == pytest.approx(
        published, rel=0.025
    )


def test_the_boundary_is_that_of_the_reference_implementation():
    """The R and C++ package confseq has, for its two-sided normal mixture, 30.35209 at 100 and a
    rho of 12.60056, which approximates the best."""
    planned = 100 * _tuning(0.05) / (100 / 12.60056)

    assert width(100, planned, 0.05) * 100**0.5 == pytest.approx(30.35209, abs=1e-5)
    assert width(100, 100, 0.05) < width(100, planned, 0.05)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_interval_is_narrowest_at_the_planned_number(alpha: float):
    half = {n: width(n, 1000, alpha) * n**-0.5 for n in (900, 1000, 1100)}
    for planned in (700, 900, 1100, 1400):
        assert width(1000, planned, alpha) * 1000**-0.5 > half[1000]


def test_to_look_at_every_time_costs_nearly_twice_the_customers():
    once = customers_needed(0.2, Group(0.5, 1), Group(0.5, 1.2), errors=ONCE, power=0.8) / 2
    planned = plan_customers(1, 1, 0.2, (0.5, 0.5), 0.05, 0.8)

    assert planned / once == pytest.approx(1.91, abs=0.01)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        pytest.param({"lift": 0.1}, {}, id="a smaller lift"),
        pytest.param({"power": 0.9}, {}, id="more power"),
        pytest.param({"alpha": 0.01}, {}, id="fewer errors"),
        pytest.param({"variance": 2.0}, {}, id="customers who differ more"),
        pytest.param({"shares": (1 / 3, 1 / 3, 1 / 3)}, {}, id="one more comparison"),
    ],
)
def test_what_takes_more_customers(more: dict, less: dict):
    def planned(lift=0.2, power=0.8, alpha=0.05, variance=1.0, shares=(0.5, 0.5)):
        return plan_customers(1, variance, lift, shares, alpha, power)

    assert planned(**more) > planned(**less)


def test_an_uneven_split_takes_more_in_all_and_fewer_in_the_smallest_arm():
    even, uneven = (plan_customers(1, 1, 0.2, s, 0.05, 0.8) for s in ((0.5, 0.5), (0.9, 0.1)))

    assert uneven / 0.1 > even / 0.5
    assert uneven < even


def test_a_lift_downwards_can_be_planned_too():
    assert plan_customers(1, 1, -0.2, (0.5, 0.5), 0.05, 0.8) > MIN_CUSTOMERS


def test_a_plan_has_the_customers_that_an_interval_takes():
    assert plan_customers(1, 0.01, 5, (0.5, 0.5), 0.05, 0.8) == MIN_CUSTOMERS
