"""Differences, intervals and verdicts of an experiment, as tables."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import optimize, stats

from lbs.experiments.policy.sequences import width
from lbs.stats.rules.lift import NOTHING, Interval, Sample, compare
from lbs.stats.rules.ratio import CONCENTRATION, is_mismatch, mismatch_p
from lbs.stats.rules.verdict import METRICS, Arm, Design, Finding, Run, Verdict, conclude
from lbs.stats.rules.words import effect_text, winner_text

START = datetime(2026, 6, 1, tzinfo=UTC)


def sample(values: np.ndarray) -> Sample:
    return Sample(
        len(values), int((values > 0).sum()), float(values.sum()), float((values**2).sum())
    )


def counts(customers: int, active: int) -> Sample:
    """So many customers, so many of whom did it once."""
    return Sample(customers, active, active, active)


def test_the_difference_is_so_many_of_welchs_standard_errors_wide():
    chance = np.random.default_rng(1)
    ours, base = chance.poisson(1.5, 400).astype(float), chance.poisson(1.0, 400).astype(float)
    at_one_look = stats.ttest_ind(ours, base, equal_var=False).confidence_interval()
    found = compare(sample(ours), sample(base), planned=800, alpha=0.05)

    assert found.absolute == pytest.approx(ours.mean() - base.mean())
    assert found.interval is not None
    ratio = (found.interval.high - found.interval.low) / (at_one_look.high - at_one_look.low)
    pooled = np.sqrt((base.var() + (ours.var() + base.var()) / 2) / (base.var() + ours.var()))
    assert ratio >= width(800, 800, 0.05) / 1.96
    assert ratio <= width(800, 800, 0.05) / 1.96 * max(1.06, pooled)


def test_the_lift_is_what_the_sequence_does_not_rule_out():
    """Found again by searching the ratio at which the difference just leaves out 0."""
    ours, base = counts(1000, 330), counts(1500, 300)
    found = compare(ours, base, planned=2500, alpha=0.05)
    errors = width(2500, 2500, 0.05)
    shares = 0.33, 0.2
    pooled = (1000 * 0.33 * 0.67 + 1500 * 0.2 * 0.8) / 2498
    ours_se2 = max(1000 / 999 * 0.33 * 0.67, pooled) / 1000
    base_se2 = max(1500 / 1499 * 0.2 * 0.8, pooled) / 1500

    def edge(ratio: float) -> float:
        error = math.sqrt(ours_se2 + ratio**2 * base_se2)
        return abs(shares[0] - ratio * shares[1]) - errors * error

    assert found.lift == pytest.approx(0.65)
    assert found.lift_interval is not None
    assert found.lift_interval.low == pytest.approx(optimize.brentq(edge, 1, 1.65) - 1)
    assert found.lift_interval.high == pytest.approx(optimize.brentq(edge, 1.65, 5) - 1)


@pytest.mark.parametrize("active", range(200, 330, 10))
def test_the_lift_leaves_out_0_exactly_when_the_difference_does(active: int):
    found = compare(counts(1000, active), counts(1000, 200), planned=2000, alpha=0.05)

    assert found.interval is not None
    assert found.lift_interval is not None
    assert found.interval.sign == found.lift_interval.sign


@pytest.mark.parametrize(
    ("ours", "base", "known"),
    [
        pytest.param(counts(9000, 900), counts(9000, 900), "interval lift lift_interval", id="all"),
        pytest.param(counts(100, 20), counts(100, 20), "interval lift lift_interval", id="enough"),
        pytest.param(counts(100, 16), counts(100, 9), "interval lift", id="enough for one"),
        pytest.param(counts(99, 50), counts(500, 50), "lift", id="too few in one"),
        pytest.param(counts(500, 12), counts(500, 12), "lift", id="too few that did it"),
        pytest.param(counts(9000, 900), counts(9000, 0), "interval", id="nobody to compare with"),
    ],
)
def test_few_customers_give_no_interval(ours: Sample, base: Sample, known: str):
    found = compare(ours, base, planned=1000, alpha=0.05)

    names = ("interval", "lift", "lift_interval")
    assert [name for name in names if getattr(found, name) is not None] == known.split()


def test_an_arm_without_customers_has_no_difference():
    assert compare(counts(0, 0), counts(500, 50), planned=1000, alpha=0.05) == NOTHING


@pytest.mark.parametrize(
    ("interval", "sign"),
    [(Interval(0.1, 0.2), 1), (Interval(-0.2, -0.1), -1), (Interval(-0.1, 0.1), 0)],
)
def test_the_sign_of_an_interval(interval: Interval, sign: int):
    assert interval.sign == sign


@pytest.mark.parametrize(
    ("seen", "shares"),
    [([480, 520], [0.5, 0.5]), ([900, 60, 40], [0.9, 0.05, 0.05]), ([0, 3], [0.5, 0.5])],
)
def test_the_mismatch_is_scipys_bayes_factor(seen: list[int], shares: list[float]):
    prior = np.array(shares) * CONCENTRATION
    log_factor = stats.dirichlet_multinomial.logpmf(
        seen, prior, sum(seen)
    ) - stats.multinomial.logpmf(seen, sum(seen), shares)

    assert mismatch_p(seen, shares) == pytest.approx(min(1.0, math.exp(-log_factor)))


def test_a_mismatch_is_one_that_chance_seldom_makes():
    assert not is_mismatch([5000, 5080], [0.5, 0.5])
    assert is_mismatch([4500, 5500], [0.5, 0.5])
    assert mismatch_p([0, 0], [0.5, 0.5]) == 1


DESIGN = Design(
    shares={"control": 0.4, "b": 0.25, "c": 0.25, "holdout": 0.1},
    metric="redemptions",
    alpha=0.05,
    min_customers=1000,
    min_weeks=2,
    control="control",
    holdout="holdout",
)
EXPOSED = {"control": 4000, "b": 2500, "c": 2500, "holdout": 1000}
LONG = Run(START, START + timedelta(weeks=3), is_stopped=False)


def verdicts(
    *,
    run: Run = LONG,
    design: Design = DESIGN,
    exposed: dict[str, int] = EXPOSED,
    customers: float = 1.0,
    **rates: float,
) -> tuple[Verdict | None, Verdict | None]:
    """Of arms of whose customers this share visits and redeems; left out: a fifth."""

    def arm(name: str) -> Arm:
        analysed = int(exposed[name] * customers)
        done = counts(analysed, int(analysed * rates.get(name, 0.2)))
        return Arm(exposed[name], dict.fromkeys(METRICS, done))

    found = conclude(design, {name: arm(name) for name in exposed}, run)
    return found.winner, found.effect


NOT_SHOWN = Verdict(Finding.NOT_SHOWN)


@pytest.mark.parametrize(
    ("rates", "winner", "effect"),
    [
        pytest.param({}, NOT_SHOWN, NOT_SHOWN, id="no difference"),
        pytest.param({"b": 0.3}, Verdict(Finding.WINNER, "b"), NOT_SHOWN, id="one better"),
        pytest.param(
            {"b": 0.3, "c": 0.35}, Verdict(Finding.WINNER, "c"), NOT_SHOWN, id="the better of two"
        ),
        pytest.param({"b": 0.1}, NOT_SHOWN, NOT_SHOWN, id="one worse"),
        pytest.param(
            {"b": 0.1, "c": 0.1}, Verdict(Finding.WINNER, "control"), NOT_SHOWN, id="all worse"
        ),
        pytest.param({"holdout": 0.1}, NOT_SHOWN, Verdict(Finding.MORE_VISITS), id="causes visits"),
        pytest.param({"holdout": 0.3}, NOT_SHOWN, Verdict(Finding.FEWER_VISITS), id="costs visits"),
    ],
)
def test_the_verdict(rates: dict[str, float], winner: Verdict, effect: Verdict):
    assert verdicts(**rates) == (winner, effect)


@pytest.mark.parametrize(
    ("case", "finding"),
    [
        pytest.param(
            {"run": Run(START, START + timedelta(days=13), is_stopped=False)},
            Finding.TOO_EARLY,
            id="too few weeks",
        ),
        pytest.param({"customers": 0.99}, Finding.TOO_EARLY, id="one arm has too few customers"),
        pytest.param(
            {"run": Run(START, START + timedelta(days=13), is_stopped=True)},
            Finding.STOPPED_EARLY,
            id="stopped",
        ),
        pytest.param(
            {"exposed": {**EXPOSED, "holdout": 1300}}, Finding.MISMATCH, id="too many held out"
        ),
    ],
)
def test_no_verdict_however_large_the_difference(case: dict, finding: Finding):
    assert verdicts(b=0.9, holdout=0.01, **case) == (Verdict(finding), Verdict(finding))


def test_without_variants_there_is_no_winner_and_without_holdout_no_effect():
    two = Design({"control": 0.9, "holdout": 0.1}, "visits", 0.05, 100, 1, "control", "holdout")
    assert verdicts(design=two, exposed={"control": 9000, "holdout": 1000}) == (None, NOT_SHOWN)
    no_holdout = Design({"control": 0.5, "b": 0.5}, "visits", 0.05, 100, 1, "control", "holdout")
    assert verdicts(design=no_holdout, exposed={"control": 5000, "b": 5000}) == (NOT_SHOWN, None)


def test_every_finding_has_words_in_both_languages():
    for finding in set(Finding) - {Finding.MORE_VISITS, Finding.FEWER_VISITS}:
        said = winner_text(Verdict(finding, "b"), 0.05)
        assert set(said) == {"en", "da"}
        assert ("b wins" in said["en"]) == (finding == Finding.WINNER)
    for finding in set(Finding) - {Finding.WINNER}:
        assert set(effect_text(Verdict(finding))) == {"en", "da"}
    assert "at most 5 of 100" in winner_text(Verdict(Finding.WINNER, "b"), 0.05)["en"]
