"""What opens together at one check-in: as a table, as a property, and over HTTP."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.offers.rules.stacking import Candidate, Opened, Policy, Stacking, choose
from tests.racing import post_at_once
from tests.unlocks.stock import agrees, unlocks
from tests.world import World

ALL, BEST, PRIORITY = Policy.ALL, Policy.BEST_FOR_CUSTOMER, Policy.MERCHANT_PRIORITY


def one(name: str, value: int, priority: int = 0, **members) -> Candidate:
    return Candidate(name, value, members.pop("currency", "DKK"), priority, **members)


def alone(name: str, value: int, priority: int = 0, **members) -> Candidate:
    return one(name, value, priority, combinable=False, **members)


A, B, C = one("a", 30), one("b", 50), one("c", 40, 9)
AT_TABLE = {
    "nothing would open": ([], ALL, None, Opened(), ""),
    "all of them": ([A, B, C], ALL, None, Opened(), "bca"),
    "all, up to two": ([A, B, C], ALL, 2, Opened(), "bc"),
    "the best": ([A, B, C], BEST, 1, Opened(), "b"),
    "the two best": ([A, B, C], BEST, 2, Opened(), "bc"),
    "best first, without a number": ([A, B, C], BEST, None, Opened(), "bca"),
    "first by priority": ([A, B, C], PRIORITY, 1, Opened(), "c"),
    "then by value": ([A, B, C], PRIORITY, 2, Opened(), "cb"),
    "equal values: by priority": ([one("x", 5), one("y", 5, 1)], BEST, 1, Opened(), "y"),
    "all equal: by id": ([one("y", 5), one("x", 5)], BEST, 1, Opened(), "x"),
    "alone and best": ([A, alone("d", 90), C], BEST, 2, Opened(), "d"),
    "two are worth more than one alone": ([A, alone("d", 60), C], BEST, 2, Opened(), "ca"),
    "one alone is worth more than one": ([A, alone("d", 60), C], BEST, 1, Opened(), "d"),
    "as much together as alone: the highest": ([A, alone("d", 70), C], BEST, 2, Opened(), "d"),
    "alone by priority": ([A, C, alone("d", 1, 10)], PRIORITY, 3, Opened(), "d"),
    "not alone by priority": ([A, C, alone("d", 99, 8)], PRIORITY, 3, Opened(), "ca"),
    "all means many": ([A, C, alone("d", 99, 99)], ALL, None, Opened(), "ca"),
    "one or the other": ([A, alone("d", 99)], ALL, None, Opened(), "d"),
    "only such as stand alone": ([alone("d", 1), alone("e", 2)], ALL, None, Opened(), "e"),
    "another has opened before": ([A, B, C], BEST, 2, Opened(1), "b"),
    "as many as may have opened before": ([A, B, C], BEST, 2, Opened(2), ""),
    "more than may, the number was lowered": ([A, B, C], BEST, 2, Opened(3), ""),
    "not alone any more": ([alone("d", 99), A], BEST, 2, Opened(1), "a"),
    "one that stands alone has opened": ([A, B], ALL, None, Opened(1, alone=True), ""),
    "other money: priority decides": (
        [one("x", 900, 1), one("y", 5, 2, currency="EUR")], BEST, 1, Opened(), "y",
    ),
    "other money, equal priority: by id": (
        [one("y", 900), one("x", 5, currency="EUR")], BEST, 1, Opened(), "x",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", AT_TABLE)
def test_what_opens(case: str):
    candidates, policy, most, opened, expected = AT_TABLE[case]
    for order in permutations(candidates):
        chosen = choose(order, Stacking(policy, most), opened)
        assert "".join(candidate.id for candidate in chosen) == expected


candidates = st.lists(
    st.builds(
        Candidate,
        id=st.integers(0, 99),
        value_minor=st.integers(0, 3),
        currency=st.sampled_from(["DKK", "DKK", "EUR"]),
        priority=st.integers(-1, 1),
        combinable=st.booleans(),
    ),
    unique_by=lambda candidate: candidate.id,
    max_size=8,
)
stackings = st.builds(Stacking, st.sampled_from(Policy), st.none() | st.integers(1, 4))
before = st.just(Opened()) | st.builds(Opened, st.integers(1, 4), alone=st.booleans())


@given(candidates=candidates, stacking=stackings, opened=before, shuffle=st.randoms())
def test_never_more_than_allowed_whatever_the_order(candidates, stacking, opened, shuffle):
    chosen = choose(candidates, stacking, opened)
    mixed = list(candidates)
    shuffle.shuffle(mixed)
    assert choose(mixed, stacking, opened) == chosen
    assert set(chosen) <= set(candidates)
    assert len(set(chosen)) == len(chosen)
    if chosen and stacking.max_per_check_in:
        assert opened.offers + len(chosen) <= stacking.max_per_check_in
    if not all(candidate.combinable for candidate in chosen):
        assert (len(chosen), opened.offers) == (1, 0)
    if opened.alone:
        assert not chosen
    elif candidates and not opened.offers:
        assert chosen


@given(candidates=candidates, stacking=stackings)
def test_nothing_that_could_be_chosen_is_worth_more_to_the_customer(candidates, stacking):
    if len({candidate.currency for candidate in candidates}) > 1:
        return
    chosen = choose(candidates, Stacking(BEST, stacking.max_per_check_in))
    values = sorted((c.value_minor for c in candidates if c.combinable), reverse=True)
    together = sum(values[: stacking.max_per_check_in])
    single = max((c.value_minor for c in candidates if not c.combinable), default=0)
    assert sum(candidate.value_minor for candidate in chosen) == max(together, single)


@given(candidates=candidates, stacking=stackings, opened=before)
def test_when_one_is_gone_the_next_takes_its_place(candidates, stacking, opened):
    chosen = choose(candidates, stacking, opened)
    if len(chosen) < len(candidates) and chosen and all(c.combinable for c in candidates):
        left = [candidate for candidate in candidates if candidate != chosen[0]]
        again = choose(left, stacking, opened)
        assert len(again) == len(chosen)


# --- over HTTP ------------------------------------------------------------------------------


def stack(world: World, **members) -> dict:
    return world.ask("put", "/v1/stacking", json=members)


def check_in(world: World, venue, customer: str | None = None) -> tuple[set[str], dict[str, str]]:
    """The offers that have opened, and why the others have not."""
    result = world.check_in(customer or world.customer(), venue)
    return (
        {unlock["offer_id"] for unlock in result["unlocked"]},
        {offer["offer_id"]: offer["reason"]["code"] for offer in result["locked"]},
    )


def test_unless_it_is_set_all_offers_open(world: World):
    venue = world.venue()
    offers = {world.offer(venue, priority=number)["id"] for number in range(3)}
    assert world.ask("get", "/v1/stacking") == {"policy": "all", "max_per_check_in": None}
    assert check_in(world, venue) == (offers, {})


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({"policy": "all"}, None),
        ({"policy": "all", "max_per_check_in": 3}, 3),
        ({"policy": "best_for_customer"}, 1),
        ({"policy": "merchant_priority"}, 1),
        ({"policy": "best_for_customer", "max_per_check_in": None}, None),
    ],
)
def test_the_setting_is_read_as_it_was_set(world: World, other_world: World, given, most):
    said = stack(world, **given)
    assert said == {"policy": given["policy"], "max_per_check_in": most}
    assert world.ask("get", "/v1/stacking") == said
    assert other_world.ask("get", "/v1/stacking") == {"policy": "all", "max_per_check_in": None}


@pytest.mark.parametrize(
    ("policy", "most", "expected"),
    [
        ("best_for_customer", 1, ["dear"]),
        ("best_for_customer", 2, ["dear", "fair"]),
        ("merchant_priority", 1, ["first"]),
        ("merchant_priority", 2, ["first", "dear"]),
        ("all", 3, ["dear", "fair", "first"]),
    ],
)
def test_each_policy_opens_what_it_says_and_the_others_say_why(
    world: World, policy, most, expected
):
    venue = world.venue()
    ids = {
        "fair": world.offer(venue, value_minor=4000)["id"],
        "dear": world.offer(venue, value_minor=5000)["id"],
        "first": world.offer(venue, value_minor=1000, priority=7)["id"],
    }
    stack(world, policy=policy, max_per_check_in=most)
    opened, closed = check_in(world, venue)
    assert opened == {ids[name] for name in expected}
    assert closed == dict.fromkeys(set(ids.values()) - opened, "not_combinable")


def test_what_was_left_out_may_open_another_time(world: World):
    venue = world.venue(cool_down_s=0)
    dear = world.offer(venue, value_minor=5000, limit_per_customer=1)["id"]
    fair = world.offer(venue, value_minor=4000)["id"]
    stack(world, policy="best_for_customer")
    customer = world.customer()
    assert check_in(world, venue, customer) == ({dear}, {fair: "not_combinable"})
    assert check_in(world, venue, customer) == ({fair}, {dear: "customer_limit"})


def test_an_offer_that_is_not_combinable_opens_alone(world: World):
    venue = world.venue()
    lone = world.offer(venue, value_minor=9000, combinable=False)["id"]
    others = {world.offer(venue, value_minor=value)["id"] for value in (5000, 3000)}
    assert check_in(world, venue) == (others, {lone: "not_combinable"})
    stack(world, policy="best_for_customer", max_per_check_in=2)
    assert check_in(world, venue) == ({lone}, dict.fromkeys(others, "not_combinable"))


def test_the_words_are_danish_too(world: World):
    venue = world.venue()
    for _ in range(2):
        world.offer(venue)
    stack(world, policy="merchant_priority")
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    headers = {"Accept-Language": "da"}
    result = world.ask("post", "/v1/check-ins", world.customer(), json=body, headers=headers)
    assert result["locked"][0]["reason"]["text"].startswith("Det åbner ikke sammen med")
    assert result["locked"][0]["state"] == "locked"


def test_one_merchants_setting_is_not_anothers(world: World, other_world: World):
    stack(world, policy="best_for_customer")
    venue = other_world.venue()
    offers = {other_world.offer(venue)["id"] for _ in range(2)}
    assert check_in(other_world, venue) == (offers, {})


def staff_pin(world: World, venue) -> dict:
    body = {"kind": "staff", "name": "Ida", "pin": "483920"}
    world.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)
    return {"kind": "staff_pin", "pin": "483920"}


@pytest.mark.parametrize(
    ("most", "combinable", "opens_later"),
    [(1, True, False), (2, True, True), (None, True, True), (None, False, False)],
)
def test_what_more_evidence_opens_counts_together_with_what_opened_before(
    world: World, most, combinable, opens_later
):
    venue = world.venue()
    early = world.offer(venue, value_minor=1000, combinable=combinable)["id"]
    later = world.offer(venue, value_minor=9000, min_level="L3")["id"]
    proof = staff_pin(world, venue)
    stack(world, policy="best_for_customer", max_per_check_in=most)
    customer = world.customer()
    first = world.check_in(customer, venue)
    assert [unlock["offer_id"] for unlock in first["unlocked"]] == [early]
    [closed] = first["locked"]
    assert closed["offer_id"] == later
    # a proof is asked for only where it could open something
    assert closed["reason"]["code"] == ("level_too_low" if opens_later else "not_combinable")
    assert bool(closed["needs"]) is bool(first["needs"]) is opens_later
    path = f"/v1/check-ins/{first['id']}/evidence"
    second = world.ask("post", path, customer, json={"evidence": [proof]})
    assert second["level"] == "L3"
    assert [unlock["offer_id"] for unlock in second["unlocked"]] == [later] * opens_later
    if not opens_later:
        assert second["locked"][0]["reason"]["code"] == "not_combinable"


def test_where_others_were_faster_the_next_best_opens(world: World, app, db):
    venue = world.venue()
    best = world.offer(venue, value_minor=9000, limit_total=1)
    good = world.offer(venue, value_minor=5000, limit_total=4, limit_per_day=9)
    fair = world.offer(venue, value_minor=1000)
    stack(world, policy="best_for_customer")
    body = {"venue_id": venue["id"]}
    answers = post_at_once(
        app,
        [
            ("/v1/check-ins", world.customer(), {**body, "evidence": [world.location()]})
            for _ in range(24)
        ],
    )
    assert {status for status, _ in answers} == {201}
    opened = Counter(unlock["offer_id"] for _, result in answers for unlock in result["unlocked"])
    assert {len(result["unlocked"]) for _, result in answers} == {1}
    assert opened == {best["id"]: 1, good["id"]: 4, fair["id"]: 19}
    for offer in (best, good, fair):
        assert unlocks(db, offer) == opened[offer["id"]]
        assert agrees(db, offer)
    counts = world.totals(f"venues/{venue['id']}")
    assert counts["check_ins"]["accepted"] == counts["unlocks"] == 24
