"""Several operating-system processes, as on several machines, race for the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.racing import Processes, started
from tests.unlocks.stock import agrees, counters, unlocks
from tests.unlocks.test_own_codes_in_use import fresh, load
from tests.world import World


@pytest.fixture(scope="module")
def processes(settings) -> Iterator[Processes]:
    with started(settings) as processes:
        yield processes


def check_in(world: World, customer: str, venue):
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    return "/v1/check-ins", customer, body


def redeem(key: str, code: str, venue):
    return "/v1/redemptions", key, {"code": code, "venue_id": venue["id"]}


def test_processes_get_exactly_the_limits(world: World, db, processes):
    venues = [world.venue(), world.venue()]
    total = world.offer(*venues, limit_total=9)
    day = world.offer(*venues, limit_total=30, limit_per_day=11)
    own = world.offer(*venues, limit_per_customer=1)
    customers = [world.customer() for _ in range(24)]
    answers = processes.post_at_once(
        [check_in(world, customer, venue) for customer in customers for venue in venues]
    )
    assert Counter(status for status, _ in answers) == {201: 48}
    assert sum(len(result["unlocked"]) for _, result in answers) == 9 + 11 + 24
    assert [unlocks(db, offer) for offer in (total, day, own)] == [9, 11, 24]
    assert all(agrees(db, offer) for offer in (total, day, own))
    assert counters(db, total) == {"total": 9}
    assert counters(db, day)["total"] == 11


@pytest.mark.parametrize("limit", ["limit_per_venue", "limit_per_venue_day"])
def test_processes_get_exactly_each_venues_limit(world: World, db, processes, limit):
    venues = [world.venue(), world.venue()]
    offer = world.offer(*venues, **{limit: 7})
    customers = [world.customer() for _ in range(16)]
    answers = processes.post_at_once(
        [check_in(world, customer, venue) for customer in customers for venue in venues]
    )
    opened = Counter(result["venue_id"] for _, result in answers if result["unlocked"])
    assert opened == {venue["id"]: 7 for venue in venues}
    assert sorted(counters(db, offer).values()) == [7, 7]
    assert agrees(db, offer)


def test_processes_hand_out_each_of_the_merchants_codes_once(world: World, db, processes):
    venue, codes = world.venue(), fresh(9)
    load(world, world.offer(venue), *codes)
    answers = processes.post_at_once([check_in(world, world.customer(), venue) for _ in range(24)])
    shown = [unlock["code"] for _, result in answers for unlock in result["unlocked"]]
    assert sorted(shown) == sorted(codes)


def test_processes_open_a_swarm_for_everybody_who_is_there(world: World, db, processes):
    venue = world.venue()
    offer = world.offer(venue, rule={"kind": "swarm", "n": 12})
    customers = [world.customer() for _ in range(12)]
    processes.post_at_once([check_in(world, customer, venue) for customer in customers])
    assert unlocks(db, offer) == 12
    wallets = [world.ask("get", "/v1/unlocks", customer)["items"] for customer in customers]
    assert [len(wallet) for wallet in wallets] == [1] * 12


def test_processes_commit_no_more_than_the_budget(world: World, db, processes):
    venues = [world.venue(), world.venue()]
    offer = world.offer(*venues, cost_minor=700, budget_minor=6500)
    customers = [world.customer() for _ in range(24)]
    answers = processes.post_at_once(
        [check_in(world, customer, venue) for customer in customers for venue in venues]
    )
    assert sum(len(result["unlocked"]) for _, result in answers) == unlocks(db, offer) == 9
    assert counters(db, offer) == {"budget DKK": 6300}
    assert agrees(db, offer)


def test_processes_reserve_no_more_than_the_limit(world: World, db, processes):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=9)
    holders = [world.customer() for _ in range(24)]
    paths = [
        f"/v1/unlocks/{world.check_in(holder, venue)['unlocked'][0]['id']}/reservation"
        for holder in holders
    ]
    answers = processes.post_at_once(
        [(path, holder, {}) for path, holder in zip(paths, holders, strict=True)]
    )
    assert Counter(status for status, _ in answers) == {201: 9, 409: 15}
    assert counters(db, offer) == {"total": 9}
    assert agrees(db, offer)


def test_one_customers_check_ins_in_several_processes_are_one_visit(world: World, db, processes):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue)
    answers = processes.post_at_once([check_in(world, customer, venue)] * 16)
    assert Counter(result["verdict"] for _, result in answers) == {"accepted": 1, "rejected": 15}
    assert unlocks(db, offer) == 1
    with db.transaction() as session:
        visits = session.scalar(
            text("SELECT sum(visits) FROM visit_tally WHERE venue_id = :id"), {"id": venue["id"]}
        )
    assert visits == 1


def test_a_code_is_redeemed_once_however_many_tills_try(world: World, db, processes):
    venue = world.venue()
    world.offer(venue)
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    keys = [world.key_with("redeem") for _ in range(8)]
    answers = processes.post_at_once(
        [redeem(key, unlock["code"], venue) for key in keys for _ in range(8)]
    )
    statuses = Counter(status for status, _ in answers)
    assert statuses == {201: 1, 409: 63}
    with db.transaction() as session:
        kinds = session.execute(
            text("SELECT kind, count(*) FROM ledger_event WHERE unlock_id = :id GROUP BY kind"),
            {"id": unlock["id"]},
        ).all()
    assert {kind: number for kind, number in kinds if kind != "redemption_refused"} == {
        "unlocked": 1,
        "redeemed": 1,
    }


def test_guesses_are_counted_exactly_over_all_processes(world: World, processes):
    venue = world.venue()
    answers = processes.post_at_once(
        [redeem(world.key, f"WRONG {number}", venue) for number in range(64)]
    )
    assert Counter(status for status, _ in answers) == {409: 20, 429: 44}
