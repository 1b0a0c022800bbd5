"""The checks at their boundaries, and what settles what; no database."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations, product
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.checkins.policy import (
    ABOUT_PROOFS,
    CHECKS,
    OF_PROOF,
    PASSABLE,
    PHYSICAL,
    SPOOFING,
    WITNESSED,
    Facts,
    Finding,
    Judgement,
    Level,
    Limits,
    LocationFix,
    Past,
    Reason,
    Travel,
    Verdict,
    brings,
    certainty,
    counts_again_at,
    inside_probability,
    judge,
    public_reasons,
    receipt_ttl,
    risk_of,
    uphold,
)
from lbs.checkins.schemas.words import REASON_TEXT
from lbs.proofs.policy import Kind, Outcome, Proven

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMITS = Limits()
NOTED = {Reason.FAST_TRAVEL, Reason.SHARED_DEVICE, Reason.MANY_DEVICES}
TICK = timedelta(microseconds=1)
ACCEPTED, AMBIGUOUS, REJECTED = Verdict.ACCEPTED, Verdict.AMBIGUOUS, Verdict.REJECTED

FIX = LocationFix(
    lon=12.572318, lat=55.682271, accuracy_m=10, captured_at=NOW, provider="gps", mock=False
)
ALL = frozenset(Kind)
INSIDE = Facts(now=NOW, fix=FIX, distance_m=-5.0)
EQUIPPED = replace(INSIDE, live=ALL)
ASKED = (Kind.VENUE_CODE, Kind.NFC_TAG, Kind.BEACON, Kind.STAFF_PIN, Kind.STAFF)
NOWHERE = Facts(now=NOW, fix=None, distance_m=None, live=ALL)
APPS = pytest.mark.parametrize("attests", [False, True], ids=["plain", "attesting"])


def with_fix(facts: Facts = INSIDE, **members) -> Facts:
    return replace(facts, fix=replace(FIX, **members))


def with_past(**members) -> Facts:
    return replace(EQUIPPED, past=Past(**members))


def in_app(facts: Facts, *, attests: bool) -> Facts:
    """The same, in an app with device integrity set up or in one without."""
    integrity = frozenset({Kind.DEVICE_INTEGRITY})
    return replace(facts, live=facts.live | integrity if attests else facts.live - integrity)


def proved(facts: Facts, *kinds: Kind, outcome: Outcome = Outcome.VALID) -> Facts:
    return replace(facts, proofs=tuple(Proven(kind, outcome) for kind in kinds))


def said(facts: Facts) -> tuple[Verdict, Level, tuple[Reason, ...]]:
    judgement = judge(facts, LIMITS)
    return judgement.verdict, judgement.level, judgement.reasons


def sigma(accuracy_m: float) -> float:
    return math.hypot(accuracy_m / 1.51, 8)


def edge_of_ambiguity(accuracy_m: float) -> float:
    """Where P falls to 1 %."""
    return 25 + NormalDist().inv_cdf(0.99) * sigma(accuracy_m)


def test_a_fresh_fine_fix_inside_the_fence_is_accepted_at_level_1():
    judgement = judge(INSIDE, LIMITS)
    assert (judgement.verdict, judgement.level) == (ACCEPTED, Level.LOCATION)
    assert (judgement.findings, judgement.needs) == ((), ())
    assert (judgement.risk, judgement.counts_again_at) == (0, None)
    assert judgement.certainty == pytest.approx(0.9981, abs=0.0001)


def test_every_check_passes_where_there_is_nothing_to_find():
    assert [check(INSIDE, LIMITS) for check in CHECKS] == [None] * len(CHECKS)


# --- the location ---------------------------------------------------------------------------


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
@pytest.mark.parametrize("received_at", [None, NOW + timedelta(minutes=9)])
def test_a_fix_may_be_two_minutes_old_and_half_a_minute_ahead_when_it_comes(
    age, reason, received_at
):
    fix = replace(FIX, captured_at=(received_at or NOW) - age)
    judgement = judge(replace(INSIDE, fix=fix, fix_received_at=received_at), LIMITS)
    assert judgement.reasons == ((reason,) if reason else ())
    assert judgement.verdict is (REJECTED if reason else ACCEPTED)


@pytest.mark.parametrize(
    ("accuracy_m", "reason"),
    [
        (0, Reason.IMPOSSIBLE_PRECISION),
        (0.499, Reason.IMPOSSIBLE_PRECISION),
        (0.5, None),
        (499.999, None),
        (500, None),
        (500.001, Reason.FIX_TOO_COARSE),
    ],
)
def test_a_fix_is_good_to_half_a_metre_at_best_and_500_metres_at_worst(accuracy_m, reason):
    expected = (AMBIGUOUS, Level.CLAIMED, (reason,)) if reason else (ACCEPTED, Level.LOCATION, ())
    assert said(with_fix(accuracy_m=accuracy_m)) == expected


@pytest.mark.parametrize(
    ("lon", "lat", "typed"),
    [
        (12.5723, 55.6822, True),
        (12.0, 55.0, True),
        (12.57231, 55.6822, False),
        (12.5723, 55.68221, False),
        (12.572300000001, 55.6822, False),
    ],
)
def test_two_coordinates_of_four_decimals_were_typed(lon, lat, typed):
    reasons = (Reason.IMPOSSIBLE_PRECISION,) if typed else ()
    assert said(with_fix(lon=lon, lat=lat))[2] == reasons


@pytest.mark.parametrize(
    ("off_lon", "off_lat", "copied"),
    [(0, 0, True), (4e-8, -4e-8, True), (6e-8, 0, False), (0, 6e-8, False), (1e-5, 0, False)],
)
def test_the_point_that_maps_show_was_copied(off_lon, off_lat, copied):
    published = (12.57241, 55.68231)
    fix = replace(FIX, lon=published[0] + off_lon, lat=published[1] + off_lat)
    judged = said(replace(INSIDE, fix=fix, published=published))
    assert judged[::2] == ((REJECTED, (Reason.PUBLISHED_POINT,)) if copied else (ACCEPTED, ()))


def test_digits_that_have_come_before_ask_for_a_physical_proof():
    judgement = judge(replace(EQUIPPED, repeated=True), LIMITS)
    assert (judgement.verdict, judgement.reasons) == (AMBIGUOUS, (Reason.REPEATED_FIX,))
    assert judgement.needs == ASKED


@pytest.mark.parametrize(("mock", "verdict"), [(False, ACCEPTED), (True, REJECTED)])
def test_a_simulated_fix_is_rejected_and_nothing_would_settle_it(mock, verdict):
    judgement = judge(with_fix(EQUIPPED, mock=mock), LIMITS)
    assert (judgement.verdict, judgement.needs) == (verdict, ())
    assert judgement.reasons == ((Reason.SIMULATED_FIX,) if mock else ())


@pytest.mark.parametrize("accuracy_m", [0.5, 4, 10, 65, 200, 500])
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
    reason = {AMBIGUOUS: Reason.MAYBE_OUTSIDE_FENCE, REJECTED: Reason.OUTSIDE_FENCE}.get(verdict)
    judgement = judge(facts, LIMITS)
    assert judgement.verdict is verdict
    assert judgement.reasons == ((reason,) if reason else ())
    assert judgement.needs == (("location",) if reason else ())


def test_a_radius_that_holds_68_percent_becomes_sigma_by_the_rayleigh_distribution():
    assert pytest.approx(math.sqrt(-2 * math.log(1 - 0.68)), abs=0.001) == LIMITS.accuracy_to_sigma
    exact = NormalDist(0, math.hypot(30 / 1.51, 8)).cdf(25 - 40)
    assert inside_probability(40, 30, LIMITS) == pytest.approx(exact, rel=1e-12)
    assert inside_probability(LIMITS.pad_m, 0, LIMITS) == 0.5


# --- behaviour ------------------------------------------------------------------------------

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
        (-HOURS_4, None, True),
        (TICK - HOURS_4, None, False),
    ],
)
def test_a_visit_counts_again_when_the_venues_cool_down_or_else_the_services_is_over(
    since_last, own_cool_down, counts
):
    last = None if since_last is None else NOW - since_last
    facts = replace(with_past(last_visit_at=last), cool_down=own_cool_down)
    judgement = judge(facts, LIMITS)
    assert judgement.accepted is counts
    assert judgement.reasons == (() if counts else (Reason.TOO_SOON,))
    again_at = None if counts else last + (HOURS_4 if own_cool_down is None else own_cool_down)
    assert judgement.counts_again_at == again_at


def test_a_visit_that_has_counted_is_not_too_soon_after_itself():
    facts = replace(with_past(last_visit_at=NOW), counted=True)
    assert said(facts) == (ACCEPTED, Level.LOCATION, ())


def test_when_it_counts_again_is_said_only_to_whom_it_concerns():
    facts = with_past(last_visit_at=NOW - timedelta(days=1))
    assert counts_again_at(facts, LIMITS) == NOW - timedelta(hours=20)
    assert judge(facts, LIMITS).counts_again_at is None


@pytest.mark.parametrize("accuracy_m", [0, 20, 1000])
@pytest.mark.parametrize("elapsed_s", [1, 60, 3600])
@pytest.mark.parametrize(
    ("speed_m_s", "more_m", "expected"),
    [
        (0, 0, (ACCEPTED, ())),
        (90, 0, (ACCEPTED, ())),
        (90, 0.01, (ACCEPTED, (Reason.FAST_TRAVEL,))),
        (300, 0, (ACCEPTED, (Reason.FAST_TRAVEL,))),
        (300, 0.01, (REJECTED, (Reason.IMPOSSIBLE_TRAVEL,))),
    ],
)
def test_a_train_is_nothing_a_plane_is_noted_and_a_rocket_is_refused(
    accuracy_m, elapsed_s, speed_m_s, more_m, expected
):
    way_m = speed_m_s * elapsed_s + 500 + 2 * accuracy_m + more_m
    travel = Travel(distance_m=way_m, accuracy_m=accuracy_m, elapsed_s=elapsed_s)
    assert said(replace(EQUIPPED, travel=travel))[::2] == expected


def test_two_fixes_of_one_moment_are_taken_for_a_second_apart():
    assert Travel(800, 0, 0).least_m_s(500) == 300
    assert Travel(800, 200, 0).least_m_s(500) == 0


@pytest.mark.parametrize(
    ("in_minutes", "in_a_day", "hurried"),
    [(14, 59, False), (15, 15, True), (0, 60, True), (0, 59, False)],
)
def test_the_sixteenth_in_five_minutes_and_the_sixty_first_in_a_day_are_asked_for_more(
    in_minutes, in_a_day, hurried
):
    judgement = judge(with_past(in_minutes=in_minutes, in_a_day=in_a_day), LIMITS)
    assert judgement.reasons == ((Reason.RAPID_FIRE,) if hurried else ())
    assert judgement.verdict is (AMBIGUOUS if hurried else ACCEPTED)
    assert judgement.needs == (ASKED if hurried else ())


@pytest.mark.parametrize(
    ("is_open", "event_on", "expected"),
    [
        (True, None, (ACCEPTED, ())),
        (None, None, (ACCEPTED, ())),
        (False, None, (AMBIGUOUS, (Reason.CLOSED_HOURS,))),
        (False, True, (ACCEPTED, ())),
        (True, False, (REJECTED, (Reason.EVENT_NOT_ON,))),
        (False, False, (REJECTED, (Reason.EVENT_NOT_ON,))),
    ],
)
def test_closed_hours_ask_for_more_and_an_event_has_hours_of_its_own(is_open, event_on, expected):
    assert said(replace(EQUIPPED, is_open=is_open, event_on=event_on))[::2] == expected


@pytest.mark.parametrize(
    ("members", "reasons"),
    [
        ({"customers_on_device": 5}, ()),
        ({"customers_on_device": 6}, (Reason.SHARED_DEVICE,)),
        ({"devices": 5}, ()),
        ({"devices": 6}, (Reason.MANY_DEVICES,)),
        ({"customers_on_device": 6, "devices": 6}, (Reason.SHARED_DEVICE, Reason.MANY_DEVICES)),
    ],
)
def test_more_than_five_on_a_device_or_five_devices_are_noted_and_raise_the_risk(members, reasons):
    judgement = judge(with_past(**members), LIMITS)
    assert (judgement.verdict, judgement.level) == (ACCEPTED, Level.LOCATION)
    assert (judgement.reasons, judgement.risk) == (reasons, len(reasons))


# --- standings ------------------------------------------------------------------------------

SUSPECT = replace(
    EQUIPPED,
    fix=replace(FIX, mock=True, accuracy_m=0),
    published=(FIX.lon, FIX.lat),
    repeated=True,
    is_open=False,
    travel=Travel(10_000_000, 0, 1),
    past=Past(last_visit_at=NOW, in_minutes=99, spoofed=frozenset(SPOOFING), devices=9),
)


@pytest.mark.parametrize("kinds", [(), tuple(Kind)])
def test_a_blocked_customer_is_rejected_whatever_they_bring(kinds):
    facts = proved(with_past(standing="blocked"), *kinds)
    assert said(facts) == (REJECTED, Level.CLAIMED, (Reason.BLOCKED,))


@pytest.mark.parametrize("standing", [None, "staff"])
def test_staff_are_judged_as_everybody(standing):
    past = replace(SUSPECT.past, standing=standing)
    facts = replace(SUSPECT, past=past)
    assert judge(facts, LIMITS) == judge(SUSPECT, LIMITS)
    assert said(facts)[0] is REJECTED


def test_a_tester_passes_what_looks_spoofed_or_hurried_and_it_is_noted_all_the_same():
    tester = replace(SUSPECT, past=replace(SUSPECT.past, standing="tester"))
    judgement, others = judge(tester, LIMITS), judge(SUSPECT, LIMITS)
    assert (judgement.verdict, judgement.level) == (ACCEPTED, Level.LOCATION)
    assert judgement.reasons == others.reasons
    assert (judgement.risk, others.risk) == (0, 3)
    assert (judgement.counts_again_at, others.counts_again_at) == (None, NOW + HOURS_4)


@pytest.mark.parametrize(
    "facts",
    [
        replace(EQUIPPED, distance_m=5000),
        with_fix(EQUIPPED, captured_at=NOW - timedelta(hours=1)),
        NOWHERE,
        replace(EQUIPPED, event_on=False),
        replace(EQUIPPED, distance_m=40),
    ],
)
def test_a_tester_still_has_to_be_there(facts):
    tester = replace(facts, past=Past(standing="tester"))
    assert said(tester) == said(facts)
    assert said(tester)[0] is not ACCEPTED


# --- what settles what ----------------------------------------------------------------------

DOUBTS = {
    Reason.MAYBE_OUTSIDE_FENCE: replace(EQUIPPED, distance_m=40),
    Reason.FIX_TOO_COARSE: with_fix(EQUIPPED, accuracy_m=501),
    Reason.REPEATED_FIX: replace(EQUIPPED, repeated=True),
    Reason.IMPOSSIBLE_PRECISION: with_fix(EQUIPPED, accuracy_m=0.1),
    Reason.RAPID_FIRE: with_past(in_minutes=15),
    Reason.CLOSED_HOURS: replace(EQUIPPED, is_open=False),
}
OF_LOCATION = (Reason.MAYBE_OUTSIDE_FENCE,)
"""Doubts that the poster's code settles too."""


def level_of_settled(doubt: Reason, kind: Kind, *, counts: bool) -> Level:
    """By this proof alone; `counts` is whether one that can be passed on is worth its level."""
    if kind in WITNESSED:
        return Level.PHYSICAL
    if kind in PASSABLE and doubt is not Reason.FIX_TOO_COARSE:
        return Level.PHYSICAL if counts else Level.LOCATION
    if kind is Kind.POSTER_CODE and doubt in OF_LOCATION:
        return Level.LOCATION
    return Level.CLAIMED


@APPS
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("doubt", DOUBTS)
def test_which_proof_settles_which_doubt(doubt, kind, attests):
    level = level_of_settled(doubt, kind, counts=not attests)
    verdict = AMBIGUOUS if level is Level.CLAIMED else ACCEPTED
    assert said(proved(in_app(DOUBTS[doubt], attests=attests), kind)) == (verdict, level, (doubt,))


@APPS
@pytest.mark.parametrize("kind", sorted(PHYSICAL))
@pytest.mark.parametrize("doubt", DOUBTS)
def test_an_honest_phone_makes_what_settled_the_doubt_worth_its_level(doubt, kind, attests):
    level = level_of_settled(doubt, kind, counts=True)
    verdict = AMBIGUOUS if level is Level.CLAIMED else ACCEPTED
    facts = proved(in_app(DOUBTS[doubt], attests=attests), kind, Kind.DEVICE_INTEGRITY)
    assert said(facts) == (verdict, level, (doubt,))


@pytest.mark.parametrize("doubt", sorted(DOUBTS.keys() - {Reason.FIX_TOO_COARSE}))
def test_a_doubt_names_the_proofs_that_the_venue_has_and_no_others(doubt):
    location = ("location",) if doubt in OF_LOCATION else ()
    poster = (Kind.POSTER_CODE,) if doubt in OF_LOCATION else ()
    assert judge(DOUBTS[doubt], LIMITS).needs == (*location, *ASKED, *poster)
    one = replace(DOUBTS[doubt], live=frozenset({Kind.BEACON, Kind.READER}))
    assert judge(one, LIMITS).needs == (*location, Kind.BEACON)
    assert judge(replace(DOUBTS[doubt], live=frozenset()), LIMITS).needs == location


def test_a_fix_that_says_nothing_leaves_it_to_a_better_one_or_to_the_staff():
    """Else a code that was passed on would do, from as far away as the fix is coarse."""
    facts = DOUBTS[Reason.FIX_TOO_COARSE]
    assert judge(facts, LIMITS).needs == ("location", Kind.STAFF)
    assert judge(replace(facts, live=frozenset({Kind.BEACON})), LIMITS).needs == ("location",)


@pytest.mark.parametrize("doubt", OF_LOCATION)
def test_a_poster_and_an_honest_phone_are_level_1_where_the_location_is_in_doubt(doubt):
    facts = proved(DOUBTS[doubt], Kind.POSTER_CODE, Kind.DEVICE_INTEGRITY)
    assert said(facts)[:2] == (ACCEPTED, Level.LOCATION)


def test_a_poster_settles_one_doubt_and_not_the_other():
    facts = proved(replace(DOUBTS[Reason.CLOSED_HOURS], distance_m=40), Kind.POSTER_CODE)
    judgement = judge(facts, LIMITS)
    assert (judgement.verdict, judgement.needs) == (AMBIGUOUS, ASKED)
    assert [finding.verdict for finding in judgement.findings] == [ACCEPTED, AMBIGUOUS]


REFUSED = {
    Reason.OUTSIDE_FENCE: replace(EQUIPPED, distance_m=5000),
    Reason.FIX_TOO_OLD: with_fix(EQUIPPED, captured_at=NOW - timedelta(hours=1)),
    Reason.FIX_IN_FUTURE: with_fix(EQUIPPED, captured_at=NOW + timedelta(hours=1)),
    Reason.SIMULATED_FIX: with_fix(EQUIPPED, mock=True),
    Reason.PUBLISHED_POINT: replace(EQUIPPED, published=(FIX.lon, FIX.lat)),
    Reason.TOO_SOON: with_past(last_visit_at=NOW),
    Reason.IMPOSSIBLE_TRAVEL: replace(EQUIPPED, travel=Travel(10_000_000, 0, 1)),
    Reason.EVENT_NOT_ON: replace(EQUIPPED, event_on=False),
    Reason.BLOCKED: with_past(standing="blocked"),
}


@APPS
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("reason", REFUSED)
def test_no_proof_settles_what_is_refused(reason, kind, attests):
    verdict, level, reasons = said(proved(in_app(REFUSED[reason], attests=attests), kind))
    assert (verdict, level) == (REJECTED, Level.CLAIMED)
    assert reason in reasons


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("off_m", "from_afar"), [(-0.001, False), (0.001, True)])
def test_a_proof_from_the_venue_beside_a_location_elsewhere_is_from_afar(kind, off_m, from_afar):
    facts = proved(replace(EQUIPPED, distance_m=edge_of_ambiguity(10) + off_m), kind)
    of_the_venue = kind is not Kind.DEVICE_INTEGRITY
    verdict, _, reasons = said(facts)
    assert (Reason.PROOF_FROM_AFAR in reasons) is (from_afar and of_the_venue)
    if from_afar:
        assert verdict is REJECTED
    else:
        assert verdict is (ACCEPTED if of_the_venue else AMBIGUOUS)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome.value != "valid"])
def test_a_proof_that_is_not_good_is_not_from_afar(outcome):
    facts = proved(replace(EQUIPPED, distance_m=5000), Kind.VENUE_CODE, outcome=outcome)
    assert Reason.PROOF_FROM_AFAR not in said(facts)[2]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.DEVICE_INTEGRITY,), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.POSTER_CODE,), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.VENUE_CODE,), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.NFC_TAG,), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.BEACON,), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.STAFF_PIN,), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.STAFF_PIN, Kind.DEVICE_INTEGRITY), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.BEACON, Kind.VENUE_CODE, Kind.DEVICE_INTEGRITY), (AMBIGUOUS, Level.CLAIMED)),
        ((*sorted(PASSABLE), Kind.DEVICE_INTEGRITY), (AMBIGUOUS, Level.CLAIMED)),
        ((Kind.STAFF,), (ACCEPTED, Level.PHYSICAL)),
        ((Kind.READER,), (ACCEPTED, Level.PHYSICAL)),
        ((Kind.STAFF_PIN, Kind.STAFF), (ACCEPTED, Level.PHYSICAL)),
        ((Kind.POSTER_CODE, Kind.READER), (ACCEPTED, Level.PHYSICAL)),
    ],
)
@APPS
def test_without_a_location_only_who_was_seen_is_there(kinds, expected, attests):
    judgement = judge(proved(in_app(NOWHERE, attests=attests), *kinds), LIMITS)
    assert (judgement.verdict, judgement.level) == expected
    if not judgement.accepted:
        assert judgement.reasons == (Reason.NO_LOCATION,)
        assert judgement.needs == ("location", "staff")
        bare = judge(proved(replace(NOWHERE, live=frozenset()), *kinds), LIMITS)
        assert bare.needs == ("location",)
        assert bare.verdict is (AMBIGUOUS if PASSABLE.intersection(kinds) else REJECTED)


# --- levels ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "level"),
    [
        ((), Level.LOCATION),
        ((Kind.POSTER_CODE,), Level.LOCATION),
        ((Kind.DEVICE_INTEGRITY,), Level.DEVICE),
        ((Kind.DEVICE_INTEGRITY, Kind.POSTER_CODE), Level.DEVICE),
        *(((kind,), Level.PHYSICAL) for kind in sorted(PHYSICAL)),
        ((Kind.DEVICE_INTEGRITY, Kind.BEACON), Level.PHYSICAL),
    ],
)
def test_the_strongest_proof_gives_the_level(kinds, level):
    assert said(proved(in_app(EQUIPPED, attests=False), *kinds)) == (ACCEPTED, level, ())


@pytest.mark.parametrize(
    ("kinds", "level"),
    [
        ((), Level.LOCATION),
        ((Kind.POSTER_CODE,), Level.LOCATION),
        ((Kind.DEVICE_INTEGRITY,), Level.DEVICE),
        ((Kind.DEVICE_INTEGRITY, Kind.POSTER_CODE), Level.DEVICE),
        ((Kind.VENUE_CODE,), Level.LOCATION),
        ((Kind.NFC_TAG,), Level.LOCATION),
        ((Kind.BEACON,), Level.LOCATION),
        ((Kind.STAFF_PIN,), Level.LOCATION),
        (tuple(sorted(PASSABLE)), Level.LOCATION),
        ((*sorted(PASSABLE), Kind.POSTER_CODE), Level.LOCATION),
        ((Kind.STAFF,), Level.PHYSICAL),
        ((Kind.READER,), Level.PHYSICAL),
        ((Kind.DEVICE_INTEGRITY, Kind.BEACON), Level.PHYSICAL),
    ],
)
def test_the_strongest_proof_gives_the_level_in_an_app_that_attests(kinds, level):
    assert said(proved(EQUIPPED, *kinds)) == (ACCEPTED, level, ())


WORTH = {
    # attests, integrity, witness
    (False, False, None): Level.PHYSICAL,
    (False, False, Kind.STAFF): Level.PHYSICAL,
    (False, False, Kind.READER): Level.PHYSICAL,
    (False, True, None): Level.PHYSICAL,
    (False, True, Kind.STAFF): Level.PHYSICAL,
    (False, True, Kind.READER): Level.PHYSICAL,
    (True, False, None): Level.LOCATION,
    (True, False, Kind.STAFF): Level.PHYSICAL,
    (True, False, Kind.READER): Level.PHYSICAL,
    (True, True, None): Level.PHYSICAL,
    (True, True, Kind.STAFF): Level.PHYSICAL,
    (True, True, Kind.READER): Level.PHYSICAL,
}
"""What a proof is worth that can be passed on."""


def passed_on(facts: Facts, kind: Kind, case: tuple[bool, bool, Kind | None]) -> Facts:
    attests, integrity, witness = case
    beside = [Kind.DEVICE_INTEGRITY] * integrity + ([witness] if witness else [])
    return proved(in_app(facts, attests=attests), kind, *beside)


@pytest.mark.parametrize("case", WORTH)
@pytest.mark.parametrize("kind", sorted(PASSABLE))
def test_what_can_be_passed_on_counts_from_an_attested_phone_where_phones_are_attested(kind, case):
    """And settles a doubt all the same; without a location it never suffices."""
    level, witnessed = WORTH[case], case[2] is not None
    assert said(passed_on(EQUIPPED, kind, case)) == (ACCEPTED, level, ())
    doubted = passed_on(replace(EQUIPPED, distance_m=40), kind, case)
    assert said(doubted) == (ACCEPTED, level, (Reason.MAYBE_OUTSIDE_FENCE,))
    nowhere = said(passed_on(NOWHERE, kind, case))
    alone = (AMBIGUOUS, Level.CLAIMED, (Reason.NO_LOCATION,))
    assert nowhere == ((ACCEPTED, Level.PHYSICAL, ()) if witnessed else alone)
    afar = said(passed_on(replace(EQUIPPED, distance_m=5000), kind, case))
    assert afar[:2] == (REJECTED, Level.CLAIMED)


def test_the_table_of_what_can_be_passed_on_has_every_case():
    assert [*WORTH] == [*product((False, True), (False, True), (None, Kind.STAFF, Kind.READER))]
    assert {Kind.VENUE_CODE, Kind.NFC_TAG, Kind.BEACON, Kind.STAFF_PIN} == PASSABLE
    assert {Kind.STAFF, Kind.READER} == WITNESSED
    assert ALL - {Kind.POSTER_CODE, Kind.DEVICE_INTEGRITY} == PHYSICAL


BAD = sorted(set(Outcome) - {Outcome.VALID})


@pytest.mark.parametrize("outcome", BAD)
@pytest.mark.parametrize("kind", sorted(PASSABLE))
def test_only_a_valid_word_of_the_phone_lifts_what_can_be_passed_on(kind, outcome):
    facts = replace(
        EQUIPPED,
        proofs=(Proven(kind, Outcome.VALID), Proven(Kind.DEVICE_INTEGRITY, outcome)),
    )
    verdict, reason = OF_PROOF[outcome]
    level = Level.LOCATION if verdict is ACCEPTED else Level.CLAIMED
    assert said(facts) == (verdict, level, (reason,))


@APPS
@pytest.mark.parametrize("outcome", BAD)
@pytest.mark.parametrize("kind", sorted(PASSABLE))
def test_an_attested_phone_lifts_nothing_that_is_not_good(kind, outcome, attests):
    facts = replace(
        in_app(EQUIPPED, attests=attests),
        proofs=(Proven(kind, outcome), Proven(Kind.DEVICE_INTEGRITY, Outcome.VALID)),
    )
    verdict, reason = OF_PROOF[outcome]
    level = Level.DEVICE if verdict is ACCEPTED else Level.CLAIMED
    assert said(facts) == (verdict, level, (reason,))


@pytest.mark.parametrize(
    ("outcome", "verdict", "reason"),
    [
        (Outcome.WRONG, ACCEPTED, Reason.PROOF_WRONG),
        (Outcome.USED, ACCEPTED, Reason.PROOF_USED),
        (Outcome.CROWDED, ACCEPTED, Reason.CROWDED_CODE),
        (Outcome.OVER_LIMIT, ACCEPTED, Reason.STAFF_LIMIT),
        (Outcome.THROTTLED, ACCEPTED, Reason.PROOF_THROTTLED),
        (Outcome.UNAVAILABLE, ACCEPTED, Reason.PROOF_UNAVAILABLE),
        (Outcome.FORGED, REJECTED, Reason.PROOF_FORGED),
    ],
)
@pytest.mark.parametrize("kind", Kind)
def test_a_proof_that_is_not_good_lifts_nothing_and_only_a_forged_one_harms(
    kind, outcome, verdict, reason
):
    level = Level.LOCATION if verdict is ACCEPTED else Level.CLAIMED
    assert said(proved(EQUIPPED, kind, outcome=outcome)) == (verdict, level, (reason,))


def test_every_outcome_but_a_valid_one_has_its_finding():
    assert OF_PROOF.keys() == set(Outcome) - {Outcome.VALID}


@pytest.mark.parametrize(
    ("min_level", "risk", "asked"),
    [
        (1, 0, Level.LOCATION),
        (1, 1, Level.DEVICE),
        (1, 2, Level.PHYSICAL),
        (1, 3, Level.PHYSICAL),
        (2, 0, Level.DEVICE),
        (2, 1, Level.PHYSICAL),
        (3, 0, Level.PHYSICAL),
        (3, 3, Level.PHYSICAL),
    ],
)
def test_risk_raises_the_level_that_an_offer_asks(min_level, risk, asked):
    assert Judgement(risk=risk).asks(min_level) is asked


@pytest.mark.parametrize(
    ("strikes", "customers_on_device", "devices", "risk"),
    [
        (0, 0, 0, 0),
        (0, 5, 5, 0),
        (1, 0, 0, 1),
        (0, 6, 0, 1),
        (0, 0, 6, 1),
        (0, 6, 6, 2),
        (2, 0, 0, 2),
        (2, 6, 0, 3),
        (7, 6, 6, 3),
    ],
)
def test_each_kind_of_spoofing_and_of_device_is_a_strike_and_three_are_the_most(
    strikes, customers_on_device, devices, risk
):
    past = Past(
        spoofed=frozenset(sorted(SPOOFING)[:strikes]),
        customers_on_device=customers_on_device,
        devices=devices,
    )
    assert risk_of(past, LIMITS) == risk


DEVICE_OR_STAFF = (Kind.DEVICE_INTEGRITY, Kind.STAFF)
PLAIN = in_app(EQUIPPED, attests=False)
AT_THE_EDGE = replace(EQUIPPED, distance_m=40)


@pytest.mark.parametrize(
    ("facts", "level", "kinds"),
    [
        (EQUIPPED, 1, DEVICE_OR_STAFF),
        (EQUIPPED, 2, DEVICE_OR_STAFF),
        (EQUIPPED, 3, ASKED),
        (PLAIN, 2, ASKED),
        (PLAIN, 3, ASKED),
        (proved(EQUIPPED, Kind.DEVICE_INTEGRITY), 3, ASKED),
        *((proved(EQUIPPED, kind), 2, DEVICE_OR_STAFF) for kind in sorted(PASSABLE)),
        *((proved(EQUIPPED, kind), 3, DEVICE_OR_STAFF) for kind in sorted(PASSABLE)),
        (
            proved(replace(EQUIPPED, live=ALL - {Kind.STAFF}), Kind.BEACON),
            3,
            (Kind.DEVICE_INTEGRITY,),
        ),
        (proved(EQUIPPED, Kind.BEACON, outcome=Outcome.USED), 2, DEVICE_OR_STAFF),
        (proved(EQUIPPED, Kind.BEACON, outcome=Outcome.USED), 3, ASKED),
        (INSIDE, 2, ()),
        (replace(INSIDE, live=frozenset({Kind.BEACON})), 2, (Kind.BEACON,)),
        (replace(INSIDE, live=frozenset({Kind.POSTER_CODE, Kind.READER})), 3, ()),
        (proved(AT_THE_EDGE, Kind.POSTER_CODE), 2, ASKED),
        (proved(AT_THE_EDGE, Kind.POSTER_CODE, Kind.BEACON), 2, DEVICE_OR_STAFF),
        (proved(AT_THE_EDGE, Kind.STAFF_PIN), 3, DEVICE_OR_STAFF),
        (AT_THE_EDGE, 3, ("location", *ASKED, Kind.POSTER_CODE)),
        (proved(NOWHERE, Kind.STAFF_PIN), 3, ("location", Kind.STAFF)),
        (replace(EQUIPPED, distance_m=5000), 3, ("location",)),
    ],
)
def test_only_proofs_that_would_lift_the_level_are_named(facts, level, kinds):
    assert brings(level, judge(facts, LIMITS), facts) == kinds


SOME = [kinds for size in range(4) for kinds in combinations(Kind, size)]


@APPS
@pytest.mark.parametrize("level", [Level.DEVICE, Level.PHYSICAL])
@pytest.mark.parametrize("inside", [EQUIPPED, AT_THE_EDGE], ids=["inside", "at_the_edge"])
def test_whichever_needed_proof_is_brought_two_at_most_reach_the_level(inside, level, attests):
    """And the second is the phone's word for what can be passed on."""
    for kinds in SOME:
        facts = proved(in_app(inside, attests=attests), *kinds)
        judgement = judge(facts, LIMITS)
        if not judgement.accepted or judgement.level >= level:
            continue
        needs = brings(level, judgement, facts)
        assert Kind.STAFF in needs
        for kind in needs:
            better = proved(facts, *kinds, kind)
            second = judge(better, LIMITS)
            if second.level < level:
                assert attests
                assert kind in PASSABLE
                assert brings(level, second, better) == DEVICE_OR_STAFF
                best = proved(facts, *kinds, kind, Kind.DEVICE_INTEGRITY)
                assert judge(best, LIMITS).level is Level.PHYSICAL


@APPS
def test_an_app_without_integrity_is_not_asked_for_it_even_where_worse_evidence_was_upheld(attests):
    facts = proved(in_app(replace(EQUIPPED, distance_m=5000), attests=attests), Kind.VENUE_CODE)
    kept = uphold(judge(facts, LIMITS), Level.LOCATION)
    assert kept.accepted
    assert brings(3, kept, facts) == (DEVICE_OR_STAFF if attests else ASKED)


@pytest.mark.parametrize(
    ("certainty", "level", "minutes"),
    [
        (1.0, Level.LOCATION, 20),
        (0.95, Level.LOCATION, 20),
        (0.725, Level.LOCATION, 10),
        (0.6126, Level.LOCATION, 5.004),
        (0.6, Level.LOCATION, 5),
        (0.5, Level.LOCATION, 5),
        (0.02, Level.LOCATION, 5),
        (0.5, Level.DEVICE, 5),
        (0.02, Level.PHYSICAL, 20),
    ],
)
def test_a_receipt_lasts_shorter_the_nearer_to_the_edge(certainty, level, minutes):
    lasts = receipt_ttl(Judgement(level=level, certainty=certainty), LIMITS)
    assert lasts.total_seconds() / 60 == pytest.approx(minutes, abs=0.01)


@pytest.mark.parametrize("inside", [0.94, 0.95, 0.97])
@pytest.mark.parametrize(("certainty", "minutes"), [(1.0, 20), (0.98, 20), (0.9, 5), (0.1, 5)])
def test_a_receipt_lasts_some_time_however_sure_one_has_to_be(inside, certainty, minutes):
    judgement = Judgement(level=Level.LOCATION, certainty=certainty)
    assert receipt_ttl(judgement, replace(LIMITS, inside=inside)) == timedelta(minutes=minutes)


# --- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_in_words_or_kept_for_support(reason):
    told, kept = reason in REASON_TEXT, reason in SPOOFING | NOTED
    assert told is not kept
    assert all(heard in REASON_TEXT for heard in public_reasons([(reason, "rejected")]) if told)


def test_the_public_hears_one_reason_for_all_spoofing_and_nothing_private():
    stand = [(reason, "rejected") for reason in (*SPOOFING, Reason.OUTSIDE_FENCE, *SPOOFING)]
    noted = [(reason, "accepted") for reason in NOTED | {Reason.MAYBE_OUTSIDE_FENCE}]
    assert public_reasons(stand + noted) == (Reason.NOT_VERIFIED, Reason.OUTSIDE_FENCE)


@pytest.mark.parametrize("reason", sorted(ABOUT_PROOFS))
def test_what_became_of_a_proof_is_told_even_where_it_takes_nothing(reason):
    assert public_reasons([(reason, "accepted")]) == (reason,)


# --- the worst finding decides --------------------------------------------------------------


def test_the_worst_finding_decides_and_every_reason_is_kept():
    facts = Facts(
        now=NOW,
        fix=replace(FIX, captured_at=NOW - timedelta(hours=1), mock=True, accuracy_m=600),
        distance_m=5_000,
        past=Past(last_visit_at=NOW - timedelta(minutes=1)),
    )
    judgement = judge(facts, LIMITS)
    assert judgement.verdict is REJECTED
    assert judgement.reasons == (
        Reason.FIX_TOO_OLD,
        Reason.SIMULATED_FIX,
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
        ((ACCEPTED,), ACCEPTED),
        ((ACCEPTED, AMBIGUOUS), AMBIGUOUS),
        ((AMBIGUOUS, REJECTED, ACCEPTED), REJECTED),
        ((AMBIGUOUS, AMBIGUOUS), AMBIGUOUS),
    ],
)
def test_the_order_of_findings_does_not_matter(verdicts, worst):
    findings = [Finding(verdict, Reason.TOO_SOON, (verdict.word,)) for verdict in verdicts]
    for order in permutations(findings):
        assert Judgement(order).verdict is worst
        assert {*Judgement(order).needs} == {v.word for v in verdicts if v is not ACCEPTED}


def test_needs_are_named_once_and_in_order():
    needs = (("location", "staff"), (), ("venue_code", "location"))
    findings = tuple(Finding(AMBIGUOUS, Reason.FIX_TOO_COARSE, need) for need in needs)
    noted = Finding(ACCEPTED, Reason.FIX_TOO_COARSE, ("beacon",))
    assert Judgement((noted, *findings)).needs == ("location", "staff", "venue_code")


METRES = st.floats(-2_000, 200_000)
ACCURACIES = st.floats(0, 100_000)
PROOFS = st.builds(Proven, st.sampled_from(Kind), st.sampled_from(Outcome))
NOT_GOOD = st.builds(Proven, st.sampled_from(Kind), st.sampled_from(BAD))
FIXES = st.builds(
    LocationFix,
    lon=st.sampled_from([FIX.lon, 12.5723]),
    lat=st.sampled_from([FIX.lat, 55.6822]),
    accuracy_m=st.sampled_from([0.1, 10, 65, 501, 50_000]),
    captured_at=st.sampled_from([NOW, NOW, NOW - timedelta(hours=1), NOW + timedelta(hours=1)]),
    provider=st.just("gps"),
    mock=st.sampled_from([False, False, False, True]),
)
MAYBE = st.sampled_from([None, True, False])
FACTS = st.builds(
    Facts,
    now=st.just(NOW),
    fix=st.none() | st.just(FIX) | FIXES,
    distance_m=st.sampled_from([-5.0, 20.0, 40.0, 5000.0]),
    past=st.builds(
        Past,
        last_visit_at=st.sampled_from([None, NOW]),
        in_minutes=st.sampled_from([0, 15]),
        spoofed=st.frozensets(st.sampled_from(sorted(SPOOFING))),
        devices=st.sampled_from([0, 6]),
        standing=st.sampled_from([None, "blocked", "tester", "staff"]),
    ),
    counted=st.booleans(),
    proofs=st.lists(PROOFS, max_size=4).map(tuple),
    live=st.frozensets(st.sampled_from(Kind)),
    published=st.sampled_from([None, (FIX.lon, FIX.lat)]),
    repeated=st.booleans(),
    travel=st.sampled_from([None, Travel(9_000_000, 0, 1), Travel(200_000, 0, 1000)]),
    is_open=MAYBE,
    event_on=MAYBE,
)
many = settings(deadline=None, derandomize=True, max_examples=200)


@many
@given(FACTS)
def test_only_what_is_accepted_has_a_level_and_never_more_than_its_proofs_give(facts):
    judgement = judge(facts, LIMITS)
    assert (judgement.level is Level.CLAIMED) is not judgement.accepted
    if judgement.level is Level.PHYSICAL:
        assert facts.proved_by(PHYSICAL)
        if not facts.proved_by(WITNESSED):
            assert facts.proved_by({Kind.DEVICE_INTEGRITY}) or not facts.attests
    if judgement.level is Level.DEVICE:
        assert facts.fix
        assert facts.proved_by({Kind.DEVICE_INTEGRITY})
    if judgement.level is Level.LOCATION:
        assert facts.fix
    if judgement.accepted and not facts.proved_by(WITNESSED):
        assert facts.fix
        assert certainty(facts, LIMITS) >= LIMITS.outside


@many
@given(FACTS)
def test_setting_up_integrity_changes_no_verdict_and_lifts_nobody(facts):
    plain, attesting = (judge(in_app(facts, attests=attests), LIMITS) for attests in (False, True))
    assert plain.findings == attesting.findings
    assert plain.level >= attesting.level
    if facts.proved_by(WITNESSED | {Kind.DEVICE_INTEGRITY}):
        assert plain.level == attesting.level


@many
@given(FACTS, NOT_GOOD)
def test_a_proof_that_is_not_good_never_helps(facts, proof):
    before = judge(facts, LIMITS)
    after = judge(replace(facts, proofs=(*facts.proofs, proof)), LIMITS)
    assert after.level <= before.level
    assert after.verdict >= before.verdict
    assert {*before.reasons} <= {*after.reasons}


@many
@given(FACTS, st.randoms())
def test_the_order_of_proofs_does_not_matter(facts, random):
    shuffled = random.sample(facts.proofs, len(facts.proofs))
    one, other = judge(facts, LIMITS), judge(replace(facts, proofs=tuple(shuffled)), LIMITS)
    assert (one.verdict, one.level, one.risk) == (other.verdict, other.level, other.risk)
    assert (sorted(one.reasons), {*one.needs}) == (sorted(other.reasons), {*other.needs})


@many
@given(FACTS)
def test_the_worst_finding_decides(facts):
    judgement = judge(facts, LIMITS)
    verdicts = [finding.verdict for finding in judgement.findings]
    assert judgement.verdict is max(verdicts, default=ACCEPTED)
    assert judge(replace(facts, past=replace(facts.past, standing="blocked")), LIMITS).level == 0


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


def test_what_was_accepted_stays_so_and_what_was_found_since_is_kept():
    worse = judge(with_fix(EQUIPPED, mock=True), LIMITS)
    kept = uphold(worse, Level.LOCATION)
    assert (kept.verdict, kept.level, kept.needs) == (ACCEPTED, Level.LOCATION, ())
    assert kept.findings == worse.findings
    better = judge(proved(EQUIPPED, Kind.VENUE_CODE, Kind.DEVICE_INTEGRITY), LIMITS)
    assert better.level is Level.PHYSICAL
    assert uphold(better, Level.LOCATION) == better
