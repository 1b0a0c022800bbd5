"""A merchant's own codes, from the check-in to the till: one an unlock, and none twice."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from lbs.unlocks import service
from tests.offers.people import outcome, people
from tests.racing import post_at_once
from tests.unlocks.stock import agrees, counters
from tests.world import World, now


def load(world: World, offer: dict[str, Any], *codes: str) -> dict[str, Any]:
    return world.ask(
        "post",
        f"/v1/offers/{offer['id']}/codes/import",
        data="\n".join(codes),
        content_type="text/csv",
    )


def fresh(count: int) -> list[str]:
    return [f"TAK-{secrets.token_hex(5)}" for _ in range(count)]


def count(world: World, offer: dict[str, Any]) -> dict[str, int]:
    return world.ask("get", f"/v1/offers/{offer['id']}/codes")


def test_an_unlock_goes_with_a_code_of_the_merchants_own(world: World):
    venue = world.venue()
    offer, plain = world.offer(venue), world.offer(venue)
    codes = fresh(2)
    load(world, offer, *codes)
    anna, bo = people(world, 2)
    for person, code in ((anna, codes[0]), (bo, codes[1])):
        unlocked = {unlock["offer_id"]: unlock for unlock in person.comes(venue)["unlocked"]}
        assert unlocked[offer["id"]]["code"] == code
        assert unlocked[plain["id"]]["code"] not in codes
        wallet = {unlock["offer_id"]: unlock["code"] for unlock in person.wallet()}
        assert wallet[offer["id"]] == code
    assert count(world, offer) == {"imported": 2, "available": 0, "handed_out": 2}


@pytest.mark.parametrize(
    ("code", "typed"),
    [
        ("Tak-{0}-æøå", "TAK {0} ÆØÅ"),
        ("={0}!%&/|", "= {0} !%&/|"),
        ("{0}", "{0}"),
        ("OIL-{0}", "oil {0}"),
    ],
)
def test_the_till_redeems_it_once_however_it_is_typed(
    world: World, other_world: World, code: str, typed: str
):
    venue, number = world.venue(), secrets.token_hex(4)
    offer = world.offer(venue)
    code, typed = code.format(number), typed.format(number)
    load(world, offer, code)
    [anna] = people(world, 1)
    [unlock] = anna.comes(venue)["unlocked"]
    assert unlock["code"] == code
    stranger = other_world.venue()
    assert other_world.redeem(code, stranger).status_code == 409
    redeemed = world.redeem(typed, venue)
    assert redeemed.status_code == 201, redeemed.text
    assert redeemed.json["unlock_id"] == unlock["id"]
    again = world.redeem(code, venue)
    assert (again.status_code, again.json["code"]) == (409, "code-refused")
    assert anna.wallet()[0]["state"] == "redeemed"


def test_a_code_that_nobody_was_given_is_refused(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    [code] = fresh(1)
    load(world, offer, code)
    assert world.redeem(code, venue).status_code == 409


def test_it_is_sold_out_when_no_code_is_left_and_open_again_with_more(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, limit_total=10)
    [code, *more] = fresh(2)
    load(world, offer, code)
    anna, bo, carl = people(world, 3)
    anna.comes(venue)
    query = {"lon": world.lon, "lat": world.lat}
    seen = world.ask("get", "/v1/venues/nearby", bo.token, query_string=query)
    [stands] = seen["items"][0]["offers"]
    assert (stands["state"], stands["reason"]["code"]) == ("taken", "sold_out")
    assert outcome(bo.comes(venue)) == "sold_out"
    load(world, offer, *more)
    assert carl.comes(venue)["unlocked"][0]["code"] == more[0]
    assert counters(db, offer)["total"] == 2


def test_however_many_come_at_once_there_are_as_many_unlocks_as_codes(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, limit_total=100, limit_per_day=100)
    other = world.offer(venue, limit_total=3)
    codes, others = fresh(5), fresh(9)
    load(world, offer, *codes)
    load(world, other, *others)
    group = people(world, 16)
    requests = [("/v1/check-ins", person.token, person.body(venue)) for person in group]
    answers = post_at_once(app, requests)
    assert {status for status, _ in answers} == {201}
    given = [
        unlock["code"]
        for _, result in answers
        for unlock in result["unlocked"]
        if unlock["offer_id"] == offer["id"]
    ]
    assert sorted(given) == sorted(codes)
    assert agrees(db, offer)
    assert agrees(db, other)
    assert count(world, other) == {"imported": 9, "available": 6, "handed_out": 3}


def test_a_code_once_shown_stays_used(world: World):
    venue = world.venue()
    offer = world.offer(venue, redeem_within_s=300)
    codes = fresh(3)
    load(world, offer, *codes)
    anna, bo, carl = people(world, 3)
    first = anna.comes(venue)
    world.ask("post", f"/v1/check-ins/{first['id']}/void", json={"reason": "Not there"})
    assert world.redeem(codes[0], venue).status_code == 409
    assert bo.comes(venue)["unlocked"][0]["code"] == codes[1]
    with time_machine.travel(now() + timedelta(minutes=6), tick=False):
        with world.db.transaction() as session:
            while service.expire(session, now()):
                pass
        assert world.redeem(codes[1], venue).status_code == 409
        assert carl.comes(venue)["unlocked"][0]["code"] == codes[2]


def test_a_swarm_gives_as_many_as_there_are_codes_first_come_first(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": 4}, limit_total=10)
    codes = fresh(3)
    load(world, offer, *codes)
    group = people(world, 4)
    for person in group:
        last = person.comes(venue)
    assert last["unlocked"][0]["code"] == codes[0]
    wallets = [[unlock["code"] for unlock in person.wallet()] for person in group]
    assert wallets == [[codes[1]], [codes[2]], [], [codes[0]]]
    assert counters(db, offer)["total"] == 3


def test_a_code_that_was_made_for_an_unlock_is_not_imported(world: World):
    venue = world.venue(cool_down_s=0)
    plain = world.offer(venue)
    [anna] = people(world, 1)
    [unlock] = anna.comes(venue)["unlocked"]
    offer = world.offer(venue)
    [code] = fresh(1)
    report = load(world, offer, unlock["code"].lower(), code)
    assert (report["imported"], report["duplicates"]["elsewhere"]) == (1, 1)
    unlocked = {one["offer_id"]: one["code"] for one in anna.comes(venue)["unlocked"]}
    assert unlocked[offer["id"]] == code
    assert unlocked[plain["id"]] not in (code, unlock["code"])
