"""The lift of whole venues over those that are most like them."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from lbs.stats.rules.matching import MATCHES, Series, venue_effect

BEFORE, DURING = 56, 28


def venue(level: int, *, now: int | None = None, trend: float = 0, sunday: int = 0) -> Series:
    """So many visits on each day, and other numbers `now`."""
    before = [round(level + trend * day) + sunday * (day % 7 == 6) for day in range(BEFORE)]
    return Series(tuple(before), (level if now is None else now,) * DURING)


def town(*venues: Series, first: int = 0) -> dict[UUID, Series]:
    return {UUID(int=first + number): each for number, each in enumerate(venues)}


def chance() -> np.random.Generator:
    return np.random.default_rng(1)


def test_the_lift_is_over_what_became_of_the_others():
    ours = town(venue(100, now=150))
    others = town(*[venue(100, now=120)] * 4, first=10)
    found = venue_effect(ours, others, chance())

    assert found is not None
    assert found.lift == pytest.approx(150 / 120 - 1, abs=0.001)


@pytest.mark.parametrize(
    "unlike",
    [
        pytest.param(venue(10, now=100), id="another level"),
        pytest.param(venue(100, now=200, trend=1), id="another trend"),
        pytest.param(venue(100, now=200, sunday=-90), id="other weekdays"),
    ],
)
def test_a_venue_is_compared_with_those_like_it(unlike: Series):
    alike = [venue(100 + step) for step in range(MATCHES)]
    others = town(unlike, *alike, unlike, first=10)
    found = venue_effect(town(venue(100)), others, chance())

    assert found is not None
    assert set(found.matches[UUID(int=0)]) == {UUID(int=11), UUID(int=12), UUID(int=13)}
    assert found.lift == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("ours", "others", "has_interval"),
    [
        pytest.param(1, 18, False, id="18 are too few for one"),
        pytest.param(1, 19, True, id="19 will do"),
        pytest.param(2, 9, False, id="9 are too few for two"),
        pytest.param(2, 10, True, id="10 will do for two"),
        pytest.param(3, 11, False, id="11 are too few for three"),
        pytest.param(3, 12, True, id="12 will do for three"),
    ],
)
def test_too_few_venues_give_no_interval(ours: int, others: int, has_interval: bool):  # noqa: FBT001
    found = venue_effect(
        town(*[venue(100)] * ours), town(*[venue(90)] * others, first=100), chance()
    )

    assert found is not None
    assert (found.interval is not None) == has_interval


def test_without_venues_on_either_side_there_is_nothing_to_say():
    assert venue_effect({}, town(venue(1)), chance()) is None
    assert venue_effect(town(venue(1)), {}, chance()) is None


def simulated(seed: int, lift: float) -> tuple[dict[UUID, Series], dict[UUID, Series]]:
    """Two venues with an offer and twenty without; each drifts, and all share a season."""
    drawn = np.random.default_rng(seed)
    days = np.arange(BEFORE + DURING)
    series = []
    for number in range(22):
        weekdays = drawn.normal(0, 0.3, 7)[days % 7]
        mean = drawn.lognormal(2.5, 0.5) * np.exp(0.2 * np.sin(days / 9) + weekdays)
        mean[BEFORE:] *= np.exp(drawn.normal(0, 0.05)) * (1 + lift * (number < 2))
        visits = drawn.poisson(mean).tolist()
        series.append(Series(tuple(visits[:BEFORE]), tuple(visits[BEFORE:])))
    return town(*series[:2]), town(*series[2:], first=100)


@pytest.mark.parametrize(("lift", "found_at_least"), [(0.0, 0), (0.3, 80)])
def test_the_interval_holds_in_simulations(lift: float, found_at_least: int):
    found = [venue_effect(*simulated(seed, lift), chance()) for seed in range(100)]
    intervals = [effect.interval for effect in found if effect and effect.interval]

    assert sum(i.low <= lift <= i.high for i in intervals) >= 90
    assert sum(i.sign > 0 for i in intervals) >= found_at_least
    assert np.mean([effect.lift for effect in found if effect]) == pytest.approx(lift, abs=0.03)
