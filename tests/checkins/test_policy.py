"""The checks at their boundaries; no database."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.checkins.policy import (
    CHECKS,
    Facts,
    Finding,
    Judgement,
    Level,
    Limits,
    LocationFix,
    Reason,
    Verdict,
    counts_again_at,
    inside_probability,
    judge,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMITS = Limits()
TICK = timedelta(microseconds=1)
ACCEPTED, AMBIGUOUS, REJECTED = Verdict.ACCEPTED, Verdict.AMBIGUOUS, Verdict.REJECTED

FIX = LocationFix(lon=12.57, lat=55.68, accuracy_m=10, captured_at=NOW, provider="gps", mock=False)
INSIDE = Facts(now=NOW, fix=FIX, distance_m=-5.0)


def with_fix(**members) -> Facts:
    return replace(INSIDE, fix=replace(FIX, **members))


def sigma(accuracy_m: float) -> float:
    return math.hypot(accuracy_m / 1.51, 8)


def edge_of_ambiguity(accuracy_m: float) -> float:
    """Where P falls to 1 %."""
    return 25 + NormalDist().inv_cdf(0.99) * sigma(accuracy_m)


def test_a_fresh_fine_fix_inside_the_fence_is_accepted_at_level_1():
    judgement = judge(INSIDE, LIMITS)
    assert judgement == Judgement()
    assert (judgement.verdict, judgement.level) == (ACCEPTED, Level.LOCATION)
    assert (judgement.reasons, judgement.needs, judgement.counts_again_at) == ((), (), None)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(0), None),
        (timedelta(minutes=2), None),
        (timedelta(minutes=2) + TICK, Reason.FIX_TOO_OLD),
        (timedelta(days=400), Reason.FIX_TOO_OLD),
        (timedelta(seconds=-30), None),
        (timedelta(seconds=-30) - TICK, Reason.FIX_IN_FUTURE),
        (timedelta(days=-400), Reason.FIX_IN_FUTURE),
    ],
)
def test_a_fix_may_be_two_minutes_old_and_half_a_minute_ahead(age, reason):
    judgement = judge(with_fix(captured_at=NOW - age), LIMITS)
    assert judgement.reasons == ((reason,) if reason else ())
    assert judgement.verdict is (REJECTED if reason else ACCEPTED)


@pytest.mark.parametrize(
    ("accuracy_m", "reasons"),
    [(0, ()), (499.999, ()), (500, ()), (500.001, (Reason.FIX_TOO_COARSE,))],
)
def test_a_fix_may_be_good_to_500_metres(accuracy_m, reasons):
    judgement = judge(with_fix(accuracy_m=accuracy_m), LIMITS)
    assert judgement.reasons == reasons
    assert judgement.verdict is (AMBIGUOUS if reasons else ACCEPTED)


@pytest.mark.parametrize(("mock", "verdict"), [(False, ACCEPTED), (True, REJECTED)])
def test_a_simulated_fix_is_rejected_and_no_other_location_would_settle_it(mock, verdict):
    judgement = judge(with_fix(mock=mock), LIMITS)
    assert (judgement.verdict, judgement.needs) == (verdict, ())
    assert judgement.reasons == ((Reason.LOCATION_NOT_TRUSTED,) if mock else ())


def test_without_a_location_a_check_in_fails_closed():
    judgement = judge(Facts(now=NOW, fix=None, distance_m=None), LIMITS)
    assert (judgement.verdict, judgement.level) == (REJECTED, Level.CLAIMED)
    assert (judgement.reasons, judgement.needs) == ((Reason.NO_LOCATION,), ("location",))


@pytest.mark.parametrize("accuracy_m", [0, 4, 10, 65, 200, 500])
@pytest.mark.parametrize(
    ("from_the_edge", "distance_m", "verdict"),
    [
        (False, -1000.0, ACCEPTED),
        (False, 0.0, ACCEPTED),
        (False, 25.0, ACCEPTED),
        (False, 25.001, AMBIGUOUS),
        (True, -0.001, AMBIGUOUS),
        (True, 0.001, REJECTED),
        (False, 100_000.0, REJECTED),
    ],
)
def test_the_fence_has_a_pad_of_25_metres_and_then_a_doubt_as_wide_as_the_fix_is_coarse(
    accuracy_m, from_the_edge, distance_m, verdict
):
    distance_m += edge_of_ambiguity(accuracy_m) if from_the_edge else 0
    facts = replace(with_fix(accuracy_m=accuracy_m), distance_m=distance_m)
    judgement = judge(facts, LIMITS)
    assert judgement.verdict is verdict
    assert (
        judgement.reasons
        == {
            ACCEPTED: (),
            AMBIGUOUS: (Reason.MAYBE_OUTSIDE_FENCE,),
            REJECTED: (Reason.OUTSIDE_FENCE,),
        }[verdict]
    )
    assert judgement.needs == (() if verdict is ACCEPTED else ("location",))


HOURS_4 = timedelta(hours=4)


@pytest.mark.parametrize(
    ("since_last", "own_cool_down", "counts"),
    [
        (None, None, True),
        (timedelta(0), None, False),
        (HOURS_4 - TICK, None, False),
        (HOURS_4, None, True),
        (timedelta(seconds=59), timedelta(minutes=1), False),
        (timedelta(minutes=1), timedelta(minutes=1), True),
        (HOURS_4, timedelta(hours=5), False),
        (timedelta(hours=5), timedelta(hours=5), True),
        (timedelta(0), timedelta(0), True),
    ],
)
def test_a_visit_counts_again_when_the_venues_cool_down_or_else_the_services_is_over(
    since_last, own_cool_down, counts
):
    last = None if since_last is None else NOW - since_last
    facts = replace(INSIDE, last_visit_at=last, cool_down=own_cool_down)
    judgement = judge(facts, LIMITS)
    assert judgement.accepted is counts
    assert judgement.reasons == (() if counts else (Reason.TOO_SOON,))
    again_at = None if counts else last + (HOURS_4 if own_cool_down is None else own_cool_down)
    assert judgement.counts_again_at == again_at


def test_when_it_counts_again_is_said_only_to_whom_it_concerns():
    facts = replace(INSIDE, last_visit_at=NOW - timedelta(days=1))
    assert counts_again_at(facts, LIMITS) == NOW - timedelta(hours=20)
    assert judge(facts, LIMITS).counts_again_at is None


def test_the_worst_finding_decides_and_every_reason_is_kept():
    facts = Facts(
        now=NOW,
        fix=replace(FIX, captured_at=NOW - timedelta(hours=1), mock=True, accuracy_m=600),
        distance_m=5_000,
        last_visit_at=NOW - timedelta(minutes=1),
    )
    judgement = judge(facts, LIMITS)
    assert judgement.verdict is REJECTED
    assert judgement.reasons == (
        Reason.FIX_TOO_OLD,
        Reason.LOCATION_NOT_TRUSTED,
        Reason.FIX_TOO_COARSE,
        Reason.OUTSIDE_FENCE,
        Reason.TOO_SOON,
    )
    assert judgement.needs == ("location",)
    assert judgement.counts_again_at == NOW + timedelta(hours=4, minutes=-1)


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ((), ACCEPTED),
        ((AMBIGUOUS,), AMBIGUOUS),
        ((AMBIGUOUS, REJECTED), REJECTED),
        ((REJECTED, AMBIGUOUS), REJECTED),
        ((AMBIGUOUS, AMBIGUOUS), AMBIGUOUS),
    ],
)
def test_order_of_findings_does_not_matter_and_only_accepted_has_a_level(verdicts, worst):
    judgement = Judgement(tuple(Finding(verdict, Reason.TOO_SOON) for verdict in verdicts))
    assert judgement.verdict is worst
    assert judgement.level is (Level.LOCATION if worst is ACCEPTED else Level.CLAIMED)


def test_needs_are_named_once_and_in_order():
    findings = tuple(
        Finding(AMBIGUOUS, Reason.FIX_TOO_COARSE, need)
        for need in ("location", None, "venue_code", "location")
    )
    assert Judgement(findings).needs == ("location", "venue_code")


def test_every_check_passes_where_there_is_nothing_to_find():
    assert [check(INSIDE, LIMITS) for check in CHECKS] == [None] * len(CHECKS)


def test_a_radius_that_holds_68_percent_becomes_sigma_by_the_rayleigh_distribution():
    assert pytest.approx(math.sqrt(-2 * math.log(1 - 0.68)), abs=0.001) == LIMITS.accuracy_to_sigma
    exact = NormalDist(0, math.hypot(30 / 1.51, 8)).cdf(25 - 40)
    assert inside_probability(40, 30, LIMITS) == pytest.approx(exact, rel=1e-12)
    assert inside_probability(LIMITS.pad_m, 0, LIMITS) == 0.5


METRES = st.floats(-2_000, 200_000)
ACCURACIES = st.floats(0, 100_000)


@settings(deadline=None, derandomize=True)
@given(METRES, METRES, ACCURACIES)
def test_who_is_farther_away_is_never_more_likely_inside(one, other, accuracy_m):
    near, far = sorted((one, other))
    probabilities = [inside_probability(d, accuracy_m, LIMITS) for d in (near, far)]
    assert 1 >= probabilities[0] >= probabilities[1] >= 0
    verdicts = [
        judge(replace(with_fix(accuracy_m=accuracy_m), distance_m=d), LIMITS).verdict
        for d in (near, far)
    ]
    assert verdicts[0] <= verdicts[1]


@settings(deadline=None, derandomize=True)
@given(st.floats(25.001, 200_000), ACCURACIES, ACCURACIES)
def test_no_coarseness_makes_a_phone_outside_the_pad_accepted(distance_m, one, other):
    fine, coarse = sorted((one, other))
    outside = [inside_probability(distance_m, accuracy_m, LIMITS) for accuracy_m in (fine, coarse)]
    assert outside[0] <= outside[1] < 0.5 or math.isclose(outside[1], 0.5, abs_tol=1e-6)
    judgement = judge(replace(with_fix(accuracy_m=coarse), distance_m=distance_m), LIMITS)
    assert not judgement.accepted
