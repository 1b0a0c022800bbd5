"""When offers open, and how they stand for a customer: pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.offers.rules import (
    RULES,
    EveryNthVisit,
    EveryVisit,
    FirstVisit,
    Limits,
    NthVisit,
    Offer,
    Rule,
    Standing,
    State,
    Why,
    customer_bucket,
    day_bucket,
    obstacle,
    opens,
    read_rule,
    sold_out,
    stand,
    stand_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY, ME = day_bucket(date(2026, 11, 22)), customer_bucket("me")


def offer(rule: Rule | None = None, **members) -> Offer:
    return Offer(
        **{"id": 1, "rule": rule or EveryVisit(), "valid_from": NOW - timedelta(days=1), **members}
    )


def full(*buckets: str, cap: int = 1) -> dict:
    """The members of an offer of which these counters are taken up."""
    return {"caps": dict.fromkeys(buckets, cap), "taken": dict.fromkeys(buckets, cap)}


@pytest.mark.parametrize(
    ("rule", "opening"),
    [
        (EveryVisit(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (FirstVisit(), [1]),
        (NthVisit(2), [2]),
        (NthVisit(3), [3]),
        (NthVisit(8), [8]),
        (NthVisit(9), []),
        (EveryNthVisit(2), [2, 4, 6, 8]),
        (EveryNthVisit(3), [3, 6]),
        (EveryNthVisit(8), [8]),
        (EveryNthVisit(9), []),
    ],
    ids=str,
)
def test_a_rule_opens_at_its_visits_and_no_other(rule: Rule, opening: list[int]):
    assert [visit for visit in range(1, 9) if rule.opens_at(visit)] == opening


@pytest.mark.parametrize(
    ("rule", "target", "progress"),
    [
        (EveryVisit(), 1, [0, 0, 0, 0, 0, 0, 0]),
        (FirstVisit(), 1, [0, 1, 1, 1, 1, 1, 1]),
        (NthVisit(2), 2, [0, 1, 2, 2, 2, 2, 2]),
        (NthVisit(5), 5, [0, 1, 2, 3, 4, 5, 5]),
        (EveryNthVisit(2), 2, [0, 1, 0, 1, 0, 1, 0]),
        (EveryNthVisit(5), 5, [0, 1, 2, 3, 4, 0, 1]),
    ],
    ids=lambda value: str(value) if hasattr(value, "kind") else "",
)
def test_progress_after_so_many_visits(rule: Rule, target: int, progress: list[int]):
    assert rule.target == target
    assert [rule.progress(visits) for visits in range(7)] == progress


@pytest.mark.parametrize(
    ("rule", "visits", "over"),
    [
        (EveryVisit(), 10**6, False),
        (FirstVisit(), 0, False),
        (FirstVisit(), 1, True),
        (NthVisit(3), 2, False),
        (NthVisit(3), 3, True),
        (NthVisit(3), 4, True),
        (EveryNthVisit(3), 3, False),
        (EveryNthVisit(3), 10**6, False),
    ],
    ids=str,
)
def test_a_rule_that_opens_once_is_over_afterwards(rule: Rule, visits: int, over: bool):  # noqa: FBT001
    assert rule.is_over(visits) is over


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"kind": "every_visit"}, EveryVisit()),
        ({"kind": "first_visit"}, FirstVisit()),
        ({"kind": "nth_visit", "n": 10}, NthVisit(10)),
        ({"kind": "every_nth_visit", "n": 5}, EveryNthVisit(5)),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_stored_rule_is_read(document: dict, rule: Rule):
    assert read_rule(document) == rule
    assert type(read_rule(document)) is type(rule)
    assert document["kind"] in RULES


def test_every_kind_of_rule_is_one_that_a_merchant_can_write():
    from lbs.offers.schemas import RuleSchema  # noqa: PLC0415

    assert set(RULES) == set(RuleSchema.type_schemas)


def test_an_unlock_takes_from_the_counters_of_the_limits_there_are():
    day = date(2026, 1, 31)
    assert Limits().buckets("me", day) == {}
    assert Limits(total=5, per_customer=2, per_day=3).buckets("me", day) == {
        "total": 5,
        "day 2026-01-31": 3,
        "customer me": 2,
    }
    assert Limits(per_day=3).buckets("me", day) == {"day 2026-01-31": 3}


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, None),
        ({"valid_from": NOW}, None),
        ({"valid_from": NOW + TICK}, Why.NOT_STARTED),
        ({"caps": {"total": 1}}, None),
        ({"caps": {"total": 2}, "taken": {"total": 1}}, None),
        ({"caps": {"total": 2}, "taken": {"total": 2}}, Why.SOLD_OUT),
        ({"caps": {"total": 2}, "taken": {"total": 3}}, Why.SOLD_OUT),
        ({"taken": {"total": 9, DAY: 9, ME: 9}}, None),
        (full(DAY), Why.SOLD_OUT_TODAY),
        ({"caps": {DAY: 1}, "taken": {"day 2026-11-21": 1}}, None),
        (full(ME), Why.CUSTOMER_LIMIT),
        ({"caps": {ME: 1}, "taken": {"customer you": 1}}, None),
        (full("total", DAY), Why.SOLD_OUT),
        (full(DAY, "total"), Why.SOLD_OUT),
        (full("total", DAY, ME), Why.CUSTOMER_LIMIT),
        ({**full("total"), "valid_from": NOW + TICK}, Why.NOT_STARTED),
    ],
)
def test_an_obstacle_keeps_an_offer_closed_whatever_the_visit(members: dict, why: Why | None):
    assert obstacle(offer(**members), NOW) == why
    assert opens(offer(**members), 1, NOW) is (why is None)


@pytest.mark.parametrize(
    ("rule", "visits", "members", "state", "why"),
    [
        (EveryVisit(), 0, {}, State.UNLOCKABLE_HERE, None),
        (EveryVisit(), 99, {}, State.UNLOCKABLE_HERE, None),
        (FirstVisit(), 0, {}, State.UNLOCKABLE_HERE, None),
        (FirstVisit(), 1, {}, State.LOCKED, Why.ONLY_ONCE),
        (FirstVisit(), 1, {"holds": True}, State.UNLOCKED, Why.ONLY_ONCE),
        (FirstVisit(), 1, {"has_redeemed": True}, State.REDEEMED, Why.ONLY_ONCE),
        (NthVisit(3), 0, {}, State.LOCKED, Why.MORE_VISITS),
        (NthVisit(3), 1, {}, State.LOCKED, Why.MORE_VISITS),
        (NthVisit(3), 2, {}, State.UNLOCKABLE_HERE, None),
        (NthVisit(3), 3, {}, State.LOCKED, Why.ONLY_ONCE),
        (EveryNthVisit(3), 2, {}, State.UNLOCKABLE_HERE, None),
        (EveryNthVisit(3), 3, {}, State.LOCKED, Why.MORE_VISITS),
        (EveryNthVisit(3), 3, {"has_redeemed": True}, State.LOCKED, Why.MORE_VISITS),
        (EveryNthVisit(3), 5, {"has_redeemed": True}, State.UNLOCKABLE_HERE, None),
        (EveryNthVisit(3), 3, {"holds": True}, State.UNLOCKED, Why.MORE_VISITS),
        (EveryVisit(), 0, {"valid_from": NOW + TICK}, State.NOT_STARTED, Why.NOT_STARTED),
        (EveryVisit(), 0, full("total"), State.TAKEN, Why.SOLD_OUT),
        (EveryVisit(), 0, full(DAY), State.TAKEN, Why.SOLD_OUT_TODAY),
        (EveryVisit(), 1, full(ME), State.LOCKED, Why.CUSTOMER_LIMIT),
        (EveryVisit(), 1, {**full(ME), "holds": True}, State.UNLOCKED, Why.CUSTOMER_LIMIT),
        (EveryVisit(), 1, {**full(ME), "has_redeemed": True}, State.REDEEMED, Why.CUSTOMER_LIMIT),
        (EveryVisit(), 1, {**full("total"), "has_redeemed": True}, State.TAKEN, Why.SOLD_OUT),
        (EveryVisit(), 1, {**full("total"), "holds": True}, State.UNLOCKED, Why.SOLD_OUT),
        (NthVisit(3), 1, full("total"), State.TAKEN, Why.SOLD_OUT),
    ],
)
def test_how_an_offer_stands_before_a_check_in(rule, visits, members, state, why):
    standing = stand(offer(rule, **members), visits, NOW)
    assert (standing.state, standing.why) == (state, why)
    assert (standing.progress, standing.target) == (rule.progress(visits), rule.target)


@pytest.mark.parametrize(
    ("rule", "visits", "members", "standing"),
    [
        (NthVisit(3), 1, {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (NthVisit(3), 2, {}, Standing(State.LOCKED, 2, 3, Why.MORE_VISITS)),
        (NthVisit(3), 4, {}, Standing(State.LOCKED, 3, 3, Why.ONLY_ONCE)),
        (EveryNthVisit(3), 1, {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (EveryNthVisit(3), 4, {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (FirstVisit(), 2, {}, Standing(State.LOCKED, 1, 1, Why.ONLY_ONCE)),
        (EveryVisit(), 2, full("total"), Standing(State.TAKEN, 0, 1, Why.SOLD_OUT)),
        (EveryVisit(), 2, full(ME), Standing(State.LOCKED, 0, 1, Why.CUSTOMER_LIMIT)),
        (FirstVisit(), 1, full("total"), Standing(State.TAKEN, 1, 1, Why.SOLD_OUT)),
    ],
)
def test_how_an_offer_stands_after_an_accepted_check_in_that_did_not_open_it(
    rule, visits, members, standing
):
    assert stand_after(offer(rule, **members), visits, NOW, accepted=True) == standing


@pytest.mark.parametrize(
    ("rule", "visits", "members", "standing"),
    [
        (EveryVisit(), 0, {}, Standing(State.LOCKED, 0, 1, Why.NOT_ACCEPTED)),
        (FirstVisit(), 0, {}, Standing(State.LOCKED, 0, 1, Why.NOT_ACCEPTED)),
        (NthVisit(3), 2, {}, Standing(State.LOCKED, 2, 3, Why.NOT_ACCEPTED)),
        (NthVisit(3), 1, {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (FirstVisit(), 1, {"holds": True}, Standing(State.UNLOCKED, 1, 1, Why.ONLY_ONCE)),
        (EveryVisit(), 3, full(DAY), Standing(State.TAKEN, 0, 1, Why.SOLD_OUT_TODAY)),
    ],
)
def test_a_check_in_that_is_not_accepted_moves_nothing(rule, visits, members, standing):
    assert stand_after(offer(rule, **members), visits, NOW, accepted=False) == standing


def test_an_offer_lost_in_the_last_moment_is_taken():
    standing = stand_after(offer(EveryVisit()), 1, NOW, accepted=True)
    assert sold_out(standing) == Standing(State.TAKEN, 0, 1, Why.SOLD_OUT)


rules = st.one_of(
    st.just(EveryVisit()),
    st.just(FirstVisit()),
    st.integers(2, 1000).map(NthVisit),
    st.integers(2, 1000).map(EveryNthVisit),
)
counters = st.dictionaries(st.sampled_from(["total", DAY, ME]), st.integers(0, 3))
offers = st.builds(
    Offer,
    id=st.just(1),
    rule=rules,
    valid_from=st.sampled_from([NOW - TICK, NOW, NOW + TICK]),
    caps=counters,
    taken=counters,
    holds=st.booleans(),
    has_redeemed=st.booleans(),
)


@given(rule=rules, visits=st.integers(0, 5000))
def test_progress_never_passes_the_target(rule: Rule, visits: int):
    assert 0 <= rule.progress(visits) <= rule.target


@given(rule=rules, visits=st.integers(0, 5000))
def test_a_rule_that_is_over_never_opens_again(rule: Rule, visits: int):
    if rule.is_over(visits):
        assert not any(rule.opens_at(later) for later in range(visits + 1, visits + 2100))


@given(rule=rules, visits=st.integers(0, 5000))
def test_every_rule_that_is_not_over_opens_within_its_target(rule: Rule, visits: int):
    within = range(visits + 1, visits + rule.target + 1)
    assert rule.is_over(visits) is not any(rule.opens_at(visit) for visit in within)


@given(offer=offers, visit=st.integers(1, 2000))
def test_no_offer_opens_over_an_obstacle(offer: Offer, visit: int):
    if obstacle(offer, NOW):
        assert not opens(offer, visit, NOW)


@given(offer=offers, visits=st.integers(0, 2000))
def test_what_stands_unlockable_opens_at_the_next_visit_and_nothing_else_does(offer, visits):
    standing = stand(offer, visits, NOW)
    assert (standing.why is None) is opens(offer, visits + 1, NOW)
    if standing.state is State.UNLOCKABLE_HERE:
        assert opens(offer, visits + 1, NOW)
    assert (standing.state is State.UNLOCKED) is offer.holds


@given(offer=offers, visits=st.integers(0, 2000), accepted=st.booleans())
def test_what_a_check_in_did_not_open_is_never_called_unlockable_without_a_reason(
    offer, visits, accepted
):
    counted = visits + accepted
    if accepted and opens(offer, counted, NOW):
        return
    standing = stand_after(offer, counted, NOW, accepted=accepted)
    assert standing.state is not State.UNLOCKABLE_HERE
    assert standing.why is not None or standing.state is State.UNLOCKED
    assert 0 <= standing.progress <= standing.target
