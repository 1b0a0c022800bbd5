"""What a merchant owes to good causes: a pledge for each visit that opened the offer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from sqlalchemy import text

from tests.offers.people import people
from tests.racing import post_at_once
from tests.unlocks.stock import events
from tests.world import World, now

MONDAY = datetime(2026, 6, 1, 10, tzinfo=UTC)
"""Noon in Copenhagen."""
VISIT = {"kind": "every_visit"}


def charity(amount_minor: int, recipient: str) -> dict[str, Any]:
    return {"kind": "charity", "amount_minor": amount_minor, "recipient": recipient}


def pledges(world: World, offer: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return world.ask("get", f"/v1/stats/offers/{offer['id']}/pledges", **options)["items"]


def owed(pledges: int, amount_minor: int, recipient: str = "Red Cross") -> dict[str, Any]:
    return {
        "recipient": recipient,
        "currency": "DKK",
        "pledges": pledges,
        "amount_minor": amount_minor,
    }


def test_every_accepted_visit_opens_it_and_is_a_pledge(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, rule=charity(500, "Red Cross"))
    other = world.offer(venue)
    anna, bo = people(world, 2)
    assert pledges(world, offer) == []
    for person in (anna, bo, anna):
        result = person.comes(venue)
        assert {one["offer_id"] for one in result["unlocked"]} == {offer["id"], other["id"]}
    far = {"venue_id": venue["id"], "evidence": [world.location(north_m=5000)]}
    world.ask("post", "/v1/check-ins", bo.token, json=far)
    assert pledges(world, offer) == [owed(3, 1500)]
    assert pledges(world, other) == []
    last = events(db, offer, "pledged")[-1]
    assert (last.amount_minor, last.currency, last.recipient) == (500, "DKK", "Red Cross")
    assert str(last.check_in_id) == result["id"]
    wallet = {unlock["id"]: unlock["offer_id"] for unlock in anna.wallet()}
    assert wallet[str(last.unlock_id)] == offer["id"]


def test_it_is_owed_whether_redeemed_or_expired_but_not_when_voided(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue = world.venue(cool_down_s=0)
        until = "2030-01-01T00:00:00Z"
        offer = world.offer(venue, rule=charity(500, "WWF"), redeem_within_s=300, valid_to=until)
        [anna] = people(world, 1)
        seen = [anna.comes(venue) for _ in range(3)]
        assert world.redeem(seen[0]["unlocked"][0]["code"], venue).status_code == 201
        clock.shift(timedelta(minutes=6))
        assert pledges(world, offer) == [owed(3, 1500, "WWF")]
        for one, left in ((seen[0], [owed(2, 1000, "WWF")]), (seen[1], [owed(1, 500, "WWF")])):
            path = f"/v1/check-ins/{one['id']}/void"
            world.ask("post", path, json={"reason": "Not there"})
            assert pledges(world, offer) == left


def test_sums_are_by_recipient_and_currency_and_the_terms_of_the_day(world: World):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, rule=charity(500, "Red Cross"))
    [anna] = people(world, 1)
    anna.comes(venue)
    for change in (
        {"rule": charity(300, "WWF")},
        {"rule": charity(700, "Red Cross")},
        {"currency": "SEK"},
    ):
        offer = world.ask(
            "patch",
            f"/v1/offers/{offer['id']}",
            json=change,
            headers={"If-Match": f'"{offer["version"]}"'},
        )
        anna.comes(venue)
    kronor = {**owed(1, 700), "currency": "SEK"}
    assert pledges(world, offer) == [owed(2, 1200), kronor, owed(1, 300, "WWF")]


def test_all_of_pledges_every_part_and_any_of_what_it_opened_with(world: World):
    venue = world.venue(cool_down_s=0)
    both = {"kind": "all_of", "rules": [charity(100, "A"), charity(200, "B")]}
    either = {"kind": "any_of", "rules": [charity(100, "A"), {"kind": "nth_visit", "n": 2}]}
    swarm = {"kind": "all_of", "rules": [charity(100, "A"), {"kind": "swarm", "n": 2}]}
    offers = [world.offer(venue, rule=rule) for rule in (both, either, swarm)]
    for person in people(world, 2):
        person.comes(venue)
    assert [pledges(world, offer) for offer in offers] == [
        [owed(2, 200, "A"), owed(2, 400, "B")],
        [owed(2, 200, "A")],
        [owed(2, 200, "A")],
    ]


def test_a_period_a_venue_and_a_key_of_a_venue(world: World):
    with time_machine.travel(MONDAY, tick=False) as clock:
        venue, other = world.venue(), world.venue()
        until = "2030-01-01T00:00:00Z"
        offer = world.offer(venue, other, rule=charity(500, "WWF"), valid_to=until)
        [anna] = people(world, 1)
        anna.comes(venue)
        clock.shift(timedelta(days=1))
        first = {"from": MONDAY.isoformat(), "to": now().isoformat()}
        anna.comes(venue)
        anna.comes(other)
        clock.shift(timedelta(seconds=1))
        here = {"venue_id": other["id"]}
        assert pledges(world, offer, query_string=here) == [owed(1, 500, "WWF")]
        assert pledges(world, offer, query_string=first) == [owed(1, 500, "WWF")]
        key = world.key_with("stats", venues=(venue,))
        path = f"/v1/stats/offers/{offer['id']}/pledges"
        assert world.ask("get", path, key)["items"] == [owed(2, 1000, "WWF")]
        refused = world.call("get", path, key, query_string=here)
        assert refused.json["code"] == "venue-not-allowed"
        at = {"venue_id": venue["id"]}
        assert world.ask("get", path, key, query_string=at)["items"] == [owed(2, 1000, "WWF")]


def test_a_testers_pledge_is_not_counted(world: World):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, rule=charity(500, "WWF"))
    [tester] = people(world, 1)
    found = world.ask("get", f"/v1/check-ins/{tester.comes(venue)['id']}/findings")
    world.ask("put", f"/v1/standings/{found['customer']}", json={"standing": "tester"})
    tester.comes(venue)
    assert pledges(world, offer) == [owed(1, 500, "WWF")]


def test_however_many_come_at_once_no_more_is_owed_than_the_limit_allows(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, rule=charity(500, "WWF"), limit_total=5)
    requests = [("/v1/check-ins", one.token, one.body(venue)) for one in people(world, 12)]
    assert {status for status, _ in post_at_once(app, requests)} == {201}
    assert pledges(world, offer) == [owed(5, 2500, "WWF")]
    with db.transaction() as session:
        recount = session.execute(
            text("""
                SELECT count(*) AS pledges, sum((terms.rule ->> 'amount_minor')::int) AS minor
                FROM unlock JOIN offer_version AS terms
                  ON (terms.offer_id, terms.number) = (unlock.offer_id, unlock.offer_version)
                WHERE unlock.offer_id = :id AND unlock.state <> 'voided'
            """),
            {"id": offer["id"]},
        ).one()
    assert tuple(recount) == (5, 2500)
