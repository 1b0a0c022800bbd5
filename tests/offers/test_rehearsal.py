"""What an offer would have opened at visits, and how it is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.offers.rules import (
    AllOf,
    Charity,
    EveryVisit,
    FirstVisit,
    Friends,
    Limits,
    NthVisit,
    Party,
    Referred,
    Referrer,
    Rule,
    Swarm,
    Why,
)
from lbs.offers.rules.assumptions import (
    ASSUMPTIONS,
    OF_A_CHECK_IN,
    OF_A_REPLAY,
    UNKNOWN,
    Assumption,
    Unknown,
    unknown_of,
)
from lbs.offers.rules.rehearsal import FEWEST, NOBODY, Group, Rehearsed, fold, rehearse
from lbs.offers.rules.schedule import ALWAYS
from lbs.offers.rules.terms import Site, Terms, limit_of
from lbs.offers.rules.timeline import NOTHING_KNOWN, Known, Visit

START = datetime(2026, 6, 1, tzinfo=UTC)
SITES = {
    name: Site(name, ZoneInfo("Europe/Copenhagen"), None, level, runs=name != "elsewhere")
    for name, level in (("here", 1), ("there", 1), ("elsewhere", 1))
}


def terms(rule: Rule, *, min_level: int | None = None, **limits: int) -> Terms:
    return Terms(
        offer_id="offer",
        rule=rule,
        limits=Limits(**limits),
        schedule=ALWAYS,
        valid_from=START + timedelta(days=999),
        valid_to=START + timedelta(days=1000),
        min_level=min_level,
        value_minor=100,
        cost_minor=40,
        currency="DKK",
    )


def came(who: str, hours: float, where: str = "here", level: int = 1, **members) -> Visit:
    return Visit(START + timedelta(hours=hours), who, where, level, **members)


def play(
    rule: Rule, *visits: Visit, known: Known = NOTHING_KNOWN, referred=NOBODY, **more
) -> Rehearsed:
    return rehearse(terms(rule, **more), SITES, visits, START, known, referred)


def test_what_was_before_the_start_is_the_past_and_opens_nothing():
    done = play(NthVisit(2), came("anna", -1), came("anna", 1), came("bo", 2))
    assert (done.whole.visits, done.whole.unlocks, done.winners) == (2, 1, {"anna"})
    assert done.reasons == {Why.MORE_VISITS: 1}


def test_staff_and_venues_where_it_does_not_run_open_nothing():
    done = play(EveryVisit(), came("anna", 1, standing="staff"), came("bo", 2, "elsewhere"))
    assert (done.whole.visits, done.whole.unlocks) == (0, 0)


def test_each_limit_is_kept_and_named():
    visits = [came(who, hour) for hour, who in enumerate(["anna", "anna", "bo", "carl"], 1)]
    visits.append(came("dora", 30, "there"))
    cases = {
        "total": (2, {Why.SOLD_OUT: 3}),
        "per_customer": (4, {Why.CUSTOMER_LIMIT: 1}),
        "per_day": (3, {Why.SOLD_OUT_TODAY: 2}),
        "per_venue": (3, {Why.SOLD_OUT_HERE: 2}),
        "per_venue_day": (3, {Why.SOLD_OUT_HERE_TODAY: 2}),
    }
    for limit, (unlocks, reasons) in cases.items():
        most = 1 if limit == "per_customer" else 2
        done = play(EveryVisit(), *visits, **{limit: most})
        assert (done.whole.unlocks, done.reasons) == (unlocks, reasons), limit


def test_a_swarm_is_completed_by_one_who_cannot_have_it():
    visits = [came("a", 1, level=3), came("b", 2, level=3), came("c", 3)]
    done = play(Swarm(3), *visits, min_level=3)
    assert (done.winners, done.reasons) == (
        {"a", "b"},
        {Why.MORE_PEOPLE: 2, Why.LEVEL_TOO_LOW: 1},
    )


def test_a_swarm_opens_for_all_who_are_there_once_a_day():
    visits = [came(who, hour) for who, hour in zip("abcdef", (1, 2, 3, 3.5, 5, 5.5), strict=True)]
    done = play(Swarm(3), *visits)
    assert (done.winners, done.whole.unlocks) == ({"a", "b", "c"}, 3)
    assert done.reasons == {Why.MORE_PEOPLE: 2, Why.ALREADY_TODAY: 3}


def test_who_is_there_has_it_as_far_as_limits_and_levels_go():
    visits = [came("a", 1), came("b", 2, level=3), came("staff", 2.5, standing="staff")]
    visits.append(came("c", 3, level=3))
    assert play(Swarm(3), *visits).winners == {"a", "b", "c"}
    assert play(Swarm(3), *visits, min_level=3).winners == {"b", "c"}
    assert play(Swarm(3), *visits, total=2).winners == {"c", "a"}
    assert play(Swarm(4), *visits).winners == set(), "staff are none of them"


def test_friends_count_from_when_they_became_so():
    known = Known(friends={"bo": [("anna", START + timedelta(hours=10))]})
    visits = [came("anna", 8), came("bo", 9), came("anna", 11), came("bo", 12), came("bo", 14.1)]
    done = play(Friends(1), *visits, known=known)
    assert (done.winners, done.whole.unlocks) == ({"bo"}, 1)


CHAIN = Known(
    friends={
        "a": [("b", START)],
        "b": [("a", START), ("c", START)],
        "c": [("b", START)],
    }
)


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_friends_have_it_in_whatever_order_they_come(order):
    visits = [came(who, hour, level=3) for hour, who in enumerate(order, 1)]
    assert play(Friends(1), *visits, known=CHAIN).winners == {"a", "b", "c"}
    assert play(Friends(2), *visits, known=CHAIN).winners == {"b"}
    assert play(Friends(1), *visits, known=CHAIN, total=2).whole.unlocks == 2
    late = [*visits[:2], came(order[2], 5, level=3)]
    assert play(Friends(2), *late, known=CHAIN).winners == set()


def test_friends_have_it_as_far_as_levels_and_standings_go_once_a_visit():
    visits = [came("a", 1), came("c", 1.5, level=3), came("b", 2, level=3), came("b", 2.5, level=3)]
    assert play(Friends(1), *visits, known=CHAIN, min_level=3).whole.unlocks == 3
    assert play(Friends(1), *visits, known=CHAIN).whole.unlocks == 4
    staff = replace(visits[0], standing="staff")
    assert play(Friends(1), staff, *visits[2:], known=CHAIN).whole.unlocks == 0
    both = AllOf((Friends(1), Swarm(3), Charity(500, "Red Cross")))
    done = play(both, *visits, known=CHAIN)
    assert (done.winners, done.pledged_minor) == ({"a", "b", "c"}, 1500)


def test_a_referral_counts_for_seven_days_until_it_has_opened_the_offer():
    referred = {"bo": START + timedelta(hours=10)}
    late = 10 + 7 * 24
    for hours, unlocks in (([9], 0), ([9, 11, 12], 1), ([late], 1), ([late + 0.1], 0)):
        done = play(Referred(), *(came("bo", at) for at in hours), referred=referred)
        assert done.whole.unlocks == unlocks
    low = [came("bo", 11), came("bo", 12, level=3), came("bo", 13, level=3)]
    assert play(Referred(), *low, referred=referred, min_level=3).whole.unlocks == 1


def test_friends_sent_are_used_up_by_openings():
    at = [START + timedelta(hours=hour) for hour in (30, 10, -5)]
    known = Known(sent={"anna": at})
    for hours, unlocks in (([9], 0), ([10], 1), ([11, 12, 31], 1), ([1, 11, 12, 31, 32], 1)):
        done = play(Referrer(2), *(came("anna", hour) for hour in hours), known=known)
        assert done.whole.unlocks == unlocks
    done = play(Referrer(1), *(came("anna", hour) for hour in (1, 2, 11, 31, 32)), known=known)
    assert (done.whole.unlocks, done.reasons) == (3, {Why.MORE_FRIENDS_SENT: 2})
    assert play(Referrer(1), came("bo", 31), known=known).whole.unlocks == 0


def test_who_refers_is_opened_nothing_by_a_friend_who_comes_later():
    known = Known(
        friends={"anna": [("bo", START)], "bo": [("anna", START)]}, sent={"anna": [START]}
    )
    both = AllOf((Friends(1), Referrer(1)))
    assert play(both, came("anna", 1), came("bo", 2), known=known).whole.unlocks == 0
    done = play(both, came("anna", 1), came("bo", 2), came("anna", 3), known=known)
    assert done.winners == {"anna"}


def test_a_donation_is_pledged_for_each_opening():
    rule = AllOf((Charity(500, "Red Cross"), FirstVisit()))
    done = play(rule, came("anna", 1), came("anna", 2), came("bo", 3))
    assert (done.whole.unlocks, done.pledged_minor) == (2, 1000)


def test_at_each_lower_level_it_is_played_anew_with_its_own_stock():
    visits = [came(who, hour, level=level) for hour, (who, level) in enumerate(LEVELS, 1)]
    done = play(NthVisit(1), *visits, min_level=3, total=3)
    assert done.whole.unlocks == 1
    assert done.reasons[Why.LEVEL_TOO_LOW] == 3
    assert done.at_lower_levels == {1: 3, 2: 2}
    assert play(EveryVisit(), *visits).at_lower_levels == {}


LEVELS = [("anna", 1), ("bo", 2), ("carl", 3), ("dora", 1)]


def test_days_are_those_of_the_venue():
    done = play(EveryVisit(), came("anna", 21.9), came("bo", 22))
    assert list(done.by_day) == [date(2026, 6, 1), date(2026, 6, 2)]


def group(size: int, first: int = 0) -> Group:
    people = {str(number) for number in range(first, first + size)}
    return Group(visits=size, customers=people, unlocks=size)


def test_groups_of_few_customers_are_shown_together():
    folded = fold({"a": group(9), "b": group(5), "c": group(4, 100), "d": group(3, 200)})
    shown = [(name, found.visits, found.parts) for name, found in folded]
    assert shown == [("a", 9, 1), ("b", 5, 1), (None, 7, 2)]


def test_one_small_group_alone_is_not_told_by_taking_the_others_from_the_whole():
    folded = fold({"a": group(9), "b": group(5), "c": group(4, 100)})
    assert [(name, found.visits) for name, found in folded] == [("a", 9), (None, 9)]


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 50), st.tuples(st.integers(1, 12), st.integers(0, 20))))
def test_folding_loses_nothing_and_shows_no_small_group(sizes):
    groups = {name: group(*size) for name, size in sizes.items()}
    folded = fold(groups)
    assert sum(found.visits for _, found in folded) == sum(g.visits for g in groups.values())
    assert sum(found.parts for _, found in folded) == len(groups)
    everybody = set().union(*(found.customers for found in groups.values()))
    if len(everybody) >= FEWEST:
        assert all(len(found.customers) >= FEWEST for _, found in folded)
    names = [name for name, _ in folded if name is not None]
    assert names == sorted(names)


def test_what_is_taken_for_granted_and_what_is_unknown_has_words():
    assert set(ASSUMPTIONS) == set(Assumption) == {*OF_A_CHECK_IN, *OF_A_REPLAY}
    assert set(UNKNOWN) == set(Unknown)
    for words in (*ASSUMPTIONS.values(), *UNKNOWN.values()):
        assert set(words) == {"en", "da"}
        assert all(line.endswith(".") for line in words.values())


def test_a_rule_says_what_of_its_past_is_unknown():
    assert unknown_of(EveryVisit()) == ()
    rule = AllOf((Party(3), Friends(1), Referred(), Referrer(1)))
    assert set(unknown_of(rule)) == set(Unknown)


def test_counters_go_by_the_names_of_limits():
    names = ["total", "day 2026-06-01", "customer x", "venue x", "venue x day 2026-06-01"]
    assert [limit_of(name) for name in names] == [
        *("total", "per_day", "per_customer", "per_venue", "per_venue_day")
    ]
    assert limit_of("flash 2026-06-01 12:00 venue x") == "flash"
