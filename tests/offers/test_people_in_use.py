"""Rules about the others at the venue, as customers meet them over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise, permutations
from typing import Any

import pytest
import time_machine

from lbs.unlocks import service as unlocks
from tests.offers.people import Person, outcome, people
from tests.racing import at_once, post, post_at_once
from tests.unlocks.stock import counters, events, live
from tests.world import World, now

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""
TICK = timedelta(microseconds=1)


# --- friends


def test_friends_open_for_who_finds_enough_of_them(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "friends", "n": 2})
    anna, bo, carl, stranger = people(world, 4)
    anna.befriends(bo)
    carl.befriends(anna)
    assert outcome(bo.comes(venue)) == "more_friends"
    assert outcome(stranger.comes(venue)) == "more_friends"
    result = carl.comes(venue)
    assert outcome(result) == "more_friends"
    assert result["locked"][0]["progress_text"] == "0 of 2 friends"
    assert result["locked"][0]["state"] == "in_progress"
    assert outcome(anna.comes(venue)) == "opened"
    assert [len(person.wallet()) for person in (anna, bo, carl)] == [1, 0, 0]


@pytest.mark.parametrize(
    ("after", "expected"),
    [(timedelta(hours=3), "opened"), (timedelta(hours=3) + TICK, "more_friends")],
)
def test_a_friend_is_there_for_three_hours(world: World, after, expected):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": 1}, valid_to="2030-01-01T00:00:00Z")
        anna, bo = people(world, 2)
        anna.befriends(bo)
        bo.comes(venue)
        clock.move_to(MONDAY + after)
        assert outcome(anna.comes(venue)) == expected


def test_nearby_says_how_many_friends_are_there(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "friends", "n": 2})
    anna, bo = people(world, 2)
    anna.befriends(bo)
    bo.comes(venue)
    query = {"lon": world.lon, "lat": world.lat}
    found = world.ask("get", "/v1/venues/nearby", anna.token, query_string=query)
    assert found["items"][0]["offers"][0]["progress_text"] == "1 of 2 friends"


CHAIN = ((0, 1), (1, 2))
STAR = ((0, 1), (0, 2), (0, 3))
ALL = tuple(combinations(range(4), 2))


def circle(world: World, size: int, pairs: Iterable[tuple[int, int]]) -> list[Person]:
    group = people(world, size)
    for one, other in pairs:
        group[one].befriends(group[other])
    return group


@pytest.mark.parametrize(
    ("n", "pairs", "expected"),
    [
        (1, CHAIN, [1, 1, 1]),
        (2, CHAIN, [0, 1, 0]),
        (3, STAR, [1, 0, 0, 0]),
        (3, ALL, [1, 1, 1, 1]),
        (4, ALL, [0, 0, 0, 0]),
    ],
)
def test_in_whatever_order_they_come_everybody_with_so_many_friends_has_it(
    world: World, n, pairs, expected
):
    for order in permutations(range(len(expected))):
        if len(order) > 3 and order[0] > order[-1]:
            continue  # half of them say as much
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": n})
        group = circle(world, len(expected), pairs)
        for who in order:
            group[who].comes(venue)
        assert [len(person.wallet()) for person in group] == expected, order


def test_who_came_before_has_it_by_their_own_check_in(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "friends", "n": 1})
    anna, bo, carl = circle(world, 3, CHAIN)
    first = anna.comes(venue)
    assert outcome(carl.comes(venue)) == "more_friends"
    last = bo.comes(venue)
    assert outcome(last) == "opened"
    wallets = [person.wallet() for person in (anna, carl, bo)]
    assert [[unlock["opened_by"] for unlock in wallet] for wallet in wallets] == [
        ["friends"],
        ["friends"],
        ["check_in"],
    ]
    [unlock] = wallets[0]
    assert (unlock["check_in_id"], unlock["unlocked_at"]) == (first["id"], last["occurred_at"])
    assert len({wallet[0]["code"] for wallet in wallets}) == 3
    assert len(events(db, offer, "unlocked")) == 3
    assert world.redeem(unlock["code"], venue).status_code == 201


@pytest.mark.parametrize(
    ("after", "expected"), [(timedelta(hours=3), 1), (timedelta(hours=3) + TICK, 0)]
)
def test_who_came_before_has_it_while_they_are_there(world: World, after, expected):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": 1}, valid_to="2030-01-01T00:00:00Z")
        anna, bo = circle(world, 2, [(0, 1)])
        anna.comes(venue)
        clock.move_to(MONDAY + after)
        bo.comes(venue)
        assert [len(person.wallet()) for person in (anna, bo)] == [expected] * 2


def test_each_check_in_has_it_once(world: World):
    venue = world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "friends", "n": 1})
    anna, bo, carl = circle(world, 3, [(0, 1), (0, 2)])
    first = anna.comes(venue)
    bo.comes(venue)
    carl.comes(venue)
    bo.comes(venue)
    assert [unlock["check_in_id"] for unlock in anna.wallet()] == [first["id"]]
    assert [len(person.wallet()) for person in (bo, carl)] == [2, 1]
    assert outcome(anna.comes(venue)) == "opened"
    assert len(anna.wallet()) == 2


def test_who_is_there_already_brings_nobody(world: World):
    """They became friends while both were there: each has it at the next check-in."""
    venue = world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "friends", "n": 1})
    anna, bo = people(world, 2)
    anna.comes(venue)
    bo.comes(venue)
    anna.befriends(bo)
    assert outcome(bo.comes(venue)) == "opened"
    assert anna.wallet() == []
    assert outcome(anna.comes(venue)) == "opened"


def test_staff_are_nobodys_friends_at_their_venue(world: World):
    venue = world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "friends", "n": 1})
    waiter, anna, bo = circle(world, 3, ALL[:2])
    standing(world, waiter.comes(venue), "staff")
    assert outcome(anna.comes(venue)) == "more_friends"
    assert outcome(waiter.comes(venue)) == "not_for_staff"
    assert [person.wallet() for person in (waiter, anna, bo)] == [[], [], []]


def test_friends_have_it_as_far_as_levels_and_limits_go(world: World, db):
    venue = world.venue()
    pin = staff_pin(world, venue)
    strong = world.offer(venue, rule={"kind": "friends", "n": 1}, min_level="L3")
    few = world.offer(venue, rule={"kind": "friends", "n": 1}, limit_total=2)
    anna, bo, carl = circle(world, 3, [(0, 2), (1, 2)])
    body = {"venue_id": venue["id"], "evidence": [world.location(), pin]}
    world.ask("post", "/v1/check-ins", anna.token, json=body)
    bo.comes(venue)
    carl.comes(venue)
    had = [{unlock["offer_id"] for unlock in person.wallet()} for person in (anna, bo, carl)]
    assert had == [{strong["id"], few["id"]}, set(), {few["id"]}]
    assert counters(db, few)["total"] == 2


def test_who_could_not_have_it_has_it_with_the_proof_that_comes_later(world: World):
    venue = world.venue()
    pin = staff_pin(world, venue)
    world.offer(venue, rule={"kind": "friends", "n": 1}, min_level="L3")
    anna, bo = circle(world, 2, [(0, 1)])
    first = anna.comes(venue)
    assert outcome(bo.comes(venue)) == "level_too_low"
    path = f"/v1/check-ins/{first['id']}/evidence"
    assert outcome(world.ask("post", path, anna.token, json={"evidence": [pin]})) == "opened"
    assert [unlock["opened_by"] for unlock in anna.wallet()] == ["check_in"]


def test_what_has_opened_for_friends_goes_with_their_own_check_in(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "friends", "n": 1}, limit_total=9)
    anna, bo = circle(world, 2, [(0, 1)])
    first, last = anna.comes(venue), bo.comes(venue)
    assert counters(db, offer)["total"] == 2
    for check_in, left in ((last, 1), (first, 0)):
        world.ask("post", f"/v1/check-ins/{check_in['id']}/void", json={"reason": "Not there"})
        assert counters(db, offer)["total"] == left
    assert anna.wallet()[0]["state"] == "voided"


@pytest.mark.parametrize("n", [1, 7, 8])
def test_of_friends_who_come_at_one_moment_each_has_one(world: World, app, db, n):
    for _ in range(3):
        venue = world.venue()
        offer = world.offer(venue, rule={"kind": "friends", "n": n}, limit_total=20)
        group = circle(world, 8, combinations(range(8), 2))
        requests = [("/v1/check-ins", one.token, one.body(venue)) for one in group]
        answers = post_at_once(app, requests)
        assert {status for status, _ in answers} == {201}
        assert [len(person.wallet()) for person in group] == [int(n < 8)] * 8
        assert counters(db, offer).get("total", 0) == live(db, offer).get("total", 0)


def test_a_chain_that_comes_at_one_moment_has_one_each_up_to_the_limit(world: World, app, db):
    for limit in (8, 5):
        venue = world.venue()
        offer = world.offer(venue, rule={"kind": "friends", "n": 1}, limit_total=limit)
        group = circle(world, 8, pairwise(range(8)))
        answers = post_at_once(
            app, [("/v1/check-ins", one.token, one.body(venue)) for one in group]
        )
        assert {status for status, _ in answers} == {201}
        assert sum(len(person.wallet()) for person in group) == limit
        assert counters(db, offer)["total"] == live(db, offer)["total"] == limit


def test_a_friend_who_came_while_the_proof_was_fetched_is_found(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "friends", "n": 1}, valid_to="2030-01-01T00:00:00Z")
        anna, bo = people(world, 2)
        anna.befriends(bo)
        body = {"venue_id": venue["id"], "evidence": [world.location(north_m=85)]}
        doubted = world.ask("post", "/v1/check-ins", anna.token, json=body)
        assert doubted["verdict"] == "ambiguous"
        clock.shift(timedelta(minutes=5))
        assert outcome(bo.comes(venue)) == "more_friends"
        path = f"/v1/check-ins/{doubted['id']}/evidence"
        result = world.ask("post", path, anna.token, json={"evidence": [world.location()]})
        assert outcome(result) == "opened"
        assert [unlock["opened_by"] for unlock in bo.wallet()] == ["friends"]


# --- parties


def party(person: Person, venue: dict[str, Any] | None = None) -> str:
    body = {"venue_id": venue["id"]} if venue else {}
    return person.world.ask("post", "/v1/parties", person.token, json=body)["code"]


def test_a_party_opens_for_all_of_them_at_once_and_for_who_joins_later(world: World):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "party", "n": 3})
    anna, bo, carl, dora, alone = people(world, 5)
    code = party(anna)
    assert outcome(alone.comes(venue)) == "no_party"
    first = anna.comes(venue, party_code=code)
    assert (first["party"], outcome(first)) == ("joined", "more_people")
    assert first["locked"][0]["progress_text"] == "1 of 3 people"
    assert outcome(bo.comes(venue, party_code=code.lower().replace("-", " "))) == "more_people"
    assert [person.wallet() for person in (anna, bo)] == [[], []]
    third = carl.comes(venue, party_code=code)
    assert outcome(third) == "opened"
    assert outcome(dora.comes(venue, party_code=code)) == "opened"
    wallets = [person.wallet() for person in (anna, bo, carl, dora, alone)]
    assert [[unlock["opened_by"] for unlock in wallet] for wallet in wallets] == [
        ["party"],
        ["party"],
        ["check_in"],
        ["check_in"],
        [],
    ]
    assert wallets[0][0]["check_in_id"] == first["id"]
    assert wallets[0][0]["unlocked_at"] == third["occurred_at"]
    [seen] = world.ask("get", "/v1/check-ins", anna.token)["items"]
    assert seen["unlock_ids"] == [wallets[0][0]["id"]]
    for wallet in wallets[:4]:
        assert world.redeem(wallet[0]["code"], venue).status_code == 201
    assert world.totals(f"offers/{offer['id']}")["unlocks"] == 4


def test_a_party_is_of_customers_with_an_accepted_check_in_at_the_venue(world: World):
    venue, other = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "party", "n": 3})
    anna, bo, carl = people(world, 3)
    code = party(anna)
    anna.comes(venue, party_code=code)
    anna.comes(venue, party_code=code)
    far = {"venue_id": venue["id"], "evidence": [world.location(north_m=5000)], "party_code": code}
    assert world.ask("post", "/v1/check-ins", bo.token, json=far)["party"] == "joined"
    bo.comes(other, party_code=code)
    assert outcome(carl.comes(venue, party_code=code)) == "more_people"
    assert outcome(bo.comes(venue, party_code=code)) == "opened"
    assert [len(person.wallet()) for person in (anna, bo, carl)] == [1, 1, 1]


def test_each_has_it_once_under_one_code(world: World):
    venue = world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "party", "n": 2})
    anna, bo = people(world, 2)
    code = party(anna)
    anna.comes(venue, party_code=code)
    bo.comes(venue, party_code=code)
    for person in (anna, bo):
        assert outcome(person.comes(venue, party_code=code)) == "only_once"
    second = party(bo)
    anna.comes(venue, party_code=second)
    bo.comes(venue, party_code=second)
    assert [len(person.wallet()) for person in (anna, bo)] == [2, 2]


def test_a_party_of_another_venue_a_wrong_code_and_guessing_are_told(world: World):
    venue, other = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "party", "n": 2})
    anna, bo = people(world, 2)
    elsewhere, code = party(anna, other), party(anna, venue)
    result = anna.comes(venue, party_code=elsewhere)
    assert (result["verdict"], result["party"], outcome(result)) == (
        "accepted",
        "other_venue",
        "no_party",
    )
    assert anna.comes(venue, party_code="0000-0000")["party"] == "unknown_code"
    assert anna.comes(venue)["party"] is None
    for _ in range(20):
        world.call("get", "/v1/parties/0000-0001", bo.token)
    result = bo.comes(venue, party_code=code)
    assert (result["verdict"], result["party"]) == ("accepted", "too_many_guesses")
    assert anna.comes(venue, party_code=code)["party"] == "joined"


def test_wrong_codes_at_check_ins_are_guesses(world: World):
    venue = world.venue(cool_down_s=0)
    anna = Person(world)
    code = party(anna)
    body = anna.body(venue)
    words = [
        world.ask(
            "post",
            "/v1/check-ins",
            anna.token,
            json={**body, "evidence": [world.location()], "party_code": typed},
        )["party"]
        for typed in (*["0000-0000"] * 21, code)
    ]
    assert words == ["unknown_code"] * 20 + ["too_many_guesses"] * 2


def test_a_party_is_over_after_six_hours(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "party", "n": 2}, valid_to="2030-01-01T00:00:00Z")
        anna, bo, carl = people(world, 3)
        code, late = party(anna), party(anna)
        anna.comes(venue, party_code=code)
        clock.move_to(MONDAY + timedelta(hours=6) - TICK)
        assert outcome(bo.comes(venue, party_code=code)) == "opened"
        clock.move_to(MONDAY + timedelta(hours=6))
        result = carl.comes(venue, party_code=late)
        assert (result["party"], outcome(result)) == ("unknown_code", "no_party")


def test_it_is_kept_for_the_evidence_that_comes_later(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "party", "n": 2})
    anna, bo = people(world, 2)
    code = party(anna)
    body = {"venue_id": venue["id"], "evidence": [world.location(north_m=85)], "party_code": code}
    doubted = world.ask("post", "/v1/check-ins", anna.token, json=body)
    assert (doubted["verdict"], doubted["party"]) == ("ambiguous", "joined")
    assert outcome(bo.comes(venue, party_code=code)) == "more_people"
    path = f"/v1/check-ins/{doubted['id']}/evidence"
    result = world.ask("post", path, anna.token, json={"evidence": [world.location()]})
    assert (result["party"], outcome(result)) == ("joined", "opened")
    assert [unlock["opened_by"] for unlock in bo.wallet()] == ["party"]


@pytest.mark.parametrize(("n", "unlocks"), [(8, 8), (5, 8), (9, 0)])
def test_of_a_party_that_comes_at_one_moment_each_has_one(world: World, app, n, unlocks):
    for _ in range(3):
        venue = world.venue()
        world.offer(venue, rule={"kind": "party", "n": n})
        group = people(world, 8)
        code = party(group[0])
        requests = [
            ("/v1/check-ins", person.token, person.body(venue, party_code=code)) for person in group
        ]
        assert {status for status, _ in post_at_once(app, requests)} == {201}
        assert [len(person.wallet()) for person in group] == [unlocks // 8] * 8


# --- swarms


def standing(world: World, check_in: dict[str, Any], word: str) -> None:
    who = world.ask("get", f"/v1/check-ins/{check_in['id']}/findings")["customer"]
    world.ask("put", f"/v1/standings/{who}", json={"standing": word})


def test_a_swarm_opens_for_who_completes_it_and_for_all_who_are_there(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": 3})
    anna, bo, carl, dora = people(world, 4)
    first = anna.comes(venue)
    assert outcome(first) == "more_people"
    assert first["locked"][0]["state"] == "in_progress"
    assert outcome(bo.comes(venue)) == "more_people"
    third = carl.comes(venue)
    assert outcome(third) == "opened"
    assert outcome(dora.comes(venue)) == "already_today"
    wallets = [person.wallet() for person in (anna, bo, carl, dora)]
    assert [[unlock["opened_by"] for unlock in wallet] for wallet in wallets] == [
        ["swarm"],
        ["swarm"],
        ["check_in"],
        [],
    ]
    assert wallets[0][0]["check_in_id"] == first["id"]
    assert len({wallet[0]["code"] for wallet in wallets[:3]}) == 3
    found = [(event.check_in_id, event.level) for event in events(db, offer, "unlocked")]
    assert {str(check_in_id) for check_in_id, _ in found} == {
        wallet[0]["check_in_id"] for wallet in wallets[:3]
    }
    assert world.redeem(wallets[0][0]["code"], venue).status_code == 201


@pytest.mark.parametrize(
    ("after", "expected", "wallets"),
    [
        (timedelta(hours=3), "opened", [1, 1]),
        (timedelta(hours=3) + TICK, "more_people", [0, 0]),
    ],
)
def test_who_is_there_has_come_within_three_hours(world: World, after, expected, wallets):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        world.offer(venue, rule={"kind": "swarm", "n": 2}, valid_to="2030-01-01T00:00:00Z")
        anna, bo = people(world, 2)
        anna.comes(venue)
        clock.move_to(MONDAY + after)
        assert outcome(bo.comes(venue)) == expected
        assert [len(person.wallet()) for person in (anna, bo)] == wallets


def test_a_swarm_comes_once_a_day_at_each_venue(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue, other = world.venue(), world.venue()
        rule = {"kind": "swarm", "n": 2}
        world.offer(venue, other, rule=rule, redeem_within_s=3600, valid_to="2030-01-01T00:00:00Z")
        one, two, three, four = people(world, 4)
        assert [outcome(person.comes(venue)) for person in (one, two)] == ["more_people", "opened"]
        assert [outcome(person.comes(other)) for person in (three, four)] == [
            "more_people",
            "opened",
        ]
        clock.shift(timedelta(hours=5))
        expire(world)
        assert outcome(one.comes(venue)) == "already_today"
        clock.move_to(MONDAY + timedelta(hours=14))  # midnight in Copenhagen
        assert [outcome(person.comes(venue)) for person in (two, three)] == [
            "more_people",
            "opened",
        ]


def expire(world: World) -> None:
    with world.db.transaction() as session:
        while unlocks.expire(session, now()):
            pass


def test_staff_are_none_of_a_swarm(world: World):
    venue = world.venue(cool_down_s=0)
    world.offer(venue, rule={"kind": "swarm", "n": 3})
    waiter, anna, bo, carl = people(world, 4)
    standing(world, waiter.comes(venue), "staff")
    anna.comes(venue)
    assert outcome(bo.comes(venue)) == "more_people"
    assert outcome(waiter.comes(venue)) == "not_for_staff"
    assert anna.wallet() == []
    assert outcome(carl.comes(venue)) == "opened"
    assert [len(person.wallet()) for person in (waiter, anna, bo, carl)] == [0, 1, 1, 1]


def test_a_testers_unlock_is_not_counted(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": 2})
    tester, anna = people(world, 2)
    standing(world, tester.comes(venue), "tester")
    anna.comes(venue)
    assert len(tester.wallet()) == 1
    assert sorted(event.counted for event in events(db, offer, "unlocked")) == [False, True]


def test_a_swarm_gives_only_what_a_limit_leaves_first_come_first(world: World, db):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue, until = world.venue(), "2030-01-01T00:00:00Z"
        rule = {"kind": "swarm", "n": 2}
        offer = world.offer(venue, rule=rule, limit_total=3, valid_to=until)
        group = people(world, 4)
        for pair in (group[:2], group[2:]):
            for person in pair:
                result = person.comes(venue)
            assert outcome(result) == "opened"
            clock.shift(timedelta(days=1))
        assert [len(person.wallet()) for person in group] == [1, 1, 0, 1]
    assert counters(db, offer)["total"] == 3


def test_who_has_had_it_opens_it_for_the_others(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue()
        rule, until = {"kind": "swarm", "n": 2}, "2030-01-01T00:00:00Z"
        world.offer(venue, rule=rule, limit_per_customer=1, valid_to=until)
        anna, bo, carl = people(world, 3)
        anna.comes(venue)
        bo.comes(venue)
        clock.shift(timedelta(days=1))
        carl.comes(venue)
        assert outcome(anna.comes(venue)) == "customer_limit"
        assert [len(person.wallet()) for person in (anna, bo, carl)] == [1, 1, 1]
        clock.shift(timedelta(days=1))
        bo.comes(venue)
        assert outcome(carl.comes(venue)) == "customer_limit"


def staff_pin(world: World, venue: dict[str, Any]) -> dict[str, Any]:
    body = {"kind": "staff", "name": "Ida"}
    proof = world.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)
    return {"kind": "staff_pin", "pin": proof["pin"]}


def test_the_place_of_one_whose_proof_is_too_weak_is_left_for_the_next(world: World):
    venue = world.venue(cool_down_s=0)
    pin = staff_pin(world, venue)
    world.offer(venue, rule={"kind": "swarm", "n": 3}, min_level="L3")
    anna, bo, carl, *later = people(world, 6)

    def proves(person: Person) -> dict[str, Any]:
        body = {"venue_id": venue["id"], "evidence": [world.location(), pin]}
        return world.ask("post", "/v1/check-ins", person.token, json=body)

    assert proves(anna)["level"] == "L3"
    bo.comes(venue)
    assert outcome(carl.comes(venue)) == "level_too_low"
    assert [len(person.wallet()) for person in (anna, bo, carl)] == [1, 0, 0]
    assert [outcome(proves(person)) for person in later] == ["opened", "opened", "already_today"]
    assert [len(person.wallet()) for person in later] == [1, 1, 0]


def test_what_opened_for_others_stays_when_the_last_check_in_is_voided(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, rule={"kind": "swarm", "n": 3}, limit_total=10)
    anna, bo, carl, dora = people(world, 4)
    first = anna.comes(venue)
    bo.comes(venue)
    last = carl.comes(venue)
    reason = {"reason": "Not there"}
    voided = world.ask("post", f"/v1/check-ins/{last['id']}/void", json=reason)
    assert voided["unlocks_voided"] == 1
    assert [person.wallet()[0]["state"] for person in (anna, bo, carl)] == [
        "unlocked",
        "unlocked",
        "voided",
    ]
    assert counters(db, offer)["total"] == 2
    assert outcome(dora.comes(venue)) == "already_today"
    assert world.redeem(bo.wallet()[0]["code"], venue).status_code == 201
    voided = world.ask("post", f"/v1/check-ins/{first['id']}/void", json=reason)
    assert (voided["unlocks_voided"], anna.wallet()[0]["state"]) == (1, "voided")
    assert counters(db, offer)["total"] == 1


def test_who_has_left_for_good_is_left_out(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "swarm", "n": 2})
    gone, anna, bo = people(world, 3)
    gone.comes(venue)
    world.ask("delete", "/v1/customers/me", gone.token)
    assert [outcome(person.comes(venue)) for person in (anna, bo)] == ["more_people", "opened"]


def test_nearby_says_how_many_are_there(world: World):
    venue = world.venue()
    world.offer(venue, rule={"kind": "swarm", "n": 3})
    anna, bo = people(world, 2)
    anna.comes(venue)
    query = {"lon": world.lon, "lat": world.lat}
    found = world.ask("get", "/v1/venues/nearby", bo.token, query_string=query)
    assert found["items"][0]["offers"][0]["progress_text"] == "1 of 3 people"


@pytest.mark.parametrize("n", [16, 2, 7])
def test_of_a_swarm_that_comes_at_one_moment_nobody_is_lost(world: World, app, db, n):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": n})
    group = people(world, 16)
    requests = [("/v1/check-ins", person.token, person.body(venue)) for person in group]
    answers = post_at_once(app, requests)
    assert {status for status, _ in answers} == {201}
    assert sum(len(result["unlocked"]) for _, result in answers) == 1
    assert sorted(len(person.wallet()) for person in group) == [0] * (16 - n) + [1] * n
    assert [taken for name, taken in counters(db, offer).items() if name.startswith("swarm")] == [n]


def test_swarms_at_several_venues_at_once_give_exactly_the_limit(world: World, app, db):
    venues = [world.venue() for _ in range(4)]
    offer = world.offer(*venues, rule={"kind": "swarm", "n": 4}, limit_total=10)
    plain = world.offer(*venues, limit_total=12)
    groups = [(venue, person) for venue in venues for person in people(world, 4)]
    requests = [("/v1/check-ins", person.token, person.body(venue)) for venue, person in groups]
    answers = post_at_once(app, requests)
    assert {status for status, _ in answers} == {201}
    assert sum(len(person.wallet()) for _, person in groups) == 22
    for which in (offer, plain):
        assert counters(db, which)["total"] == live(db, which)["total"]
    assert counters(db, offer)["total"] == 10


@pytest.mark.parametrize("rule", [{"kind": "swarm", "n": 3}, {"kind": "friends", "n": 2}])
def test_who_proves_more_at_the_moment_it_opens_has_one(world: World, app, rule):
    """Those with a proof hold their own locks and wait for the venue's; the third the reverse."""
    for _ in range(5):
        venue = world.venue(cool_down_s=0)
        pin = staff_pin(world, venue)
        world.offer(venue, rule=rule)
        anna, bo, carl = circle(world, 3, combinations(range(3), 2))
        seen = [person.comes(venue) for person in (anna, bo)]
        answers = post_at_once(
            app,
            [
                ("/v1/check-ins", carl.token, carl.body(venue)),
                *(
                    (f"/v1/check-ins/{one['id']}/evidence", person.token, {"evidence": [pin]})
                    for one, person in zip(seen, (anna, bo), strict=True)
                ),
            ],
        )
        assert [status for status, _ in answers] == [201, 200, 200]
        assert [len(person.wallet()) for person in (anna, bo, carl)] == [1, 1, 1]


ALIKE = {"swarm": ([0, 0], [1, 1]), "friends": ([0, 0], [1, 1], [0, 1])}
"""Each customer's friends are counted for themselves: one may be gone before the second count."""


@pytest.mark.parametrize("rule", [{"kind": "swarm", "n": 4}, {"kind": "friends", "n": 3}])
@pytest.mark.parametrize("_", range(5))
def test_an_erasure_or_a_void_at_the_moment_it_opens_disturbs_nobody(world: World, app, rule, _):
    venue = world.venue()
    world.offer(venue, rule=rule)
    gone, voided, anna, last = circle(world, 4, ALL)
    seen = [person.comes(venue) for person in (gone, voided, anna)]
    void = f"/v1/check-ins/{seen[1]['id']}/void"
    erase = {"Authorization": f"Bearer {gone.token}"}
    statuses = at_once(
        [
            lambda: app.test_client().delete("/v1/customers/me", headers=erase).status_code,
            lambda: post(app, (void, world.key, {"reason": "x"}))[0],
            lambda: post(app, ("/v1/check-ins", last.token, last.body(venue)))[0],
        ]
    )
    assert statuses == [204, 200, 201]
    assert [unlock["state"] for unlock in voided.wallet()] in ([], ["voided"])
    had = [len(person.wallet()) for person in (anna, last)]
    assert had in ALIKE[rule["kind"]]
