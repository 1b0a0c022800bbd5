"""No more unlocks than the limits say: one after another, in threads, and in processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from sqlalchemy import text

from lbs.unlocks import service
from tests.racing import at_once, post_at_once
from tests.unlocks.stock import agrees, counters, events, live, unlocks
from tests.world import World, now


def why(result) -> str:
    [locked] = result["locked"]
    return locked["reason"]["code"]


def attempt(world: World, customer: str, venue):
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    return "/v1/check-ins", customer, body


def opened(answers) -> int:
    assert {status for status, _ in answers} == {201}, answers
    return sum(len(result["unlocked"]) for _, result in answers)


def test_a_total_is_for_all_customers_together(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, limit_total=2)
    results = [world.check_in(world.customer(), venue) for _ in range(3)]
    assert [len(result["unlocked"]) for result in results] == [1, 1, 0]
    assert why(results[2]) == "sold_out"
    assert results[2]["locked"][0]["state"] == "taken"
    assert counters(db, offer) == live(db, offer) == {"total": 2}
    assert world.ask("get", f"/v1/offers/{offer['id']}")["taken"] == 2


def test_a_customers_limit_holds_at_all_venues_together_and_for_that_customer_only(
    world: World, db
):
    venues = [world.venue() for _ in range(3)]
    offer = world.offer(*venues, limit_per_customer=2)
    anna = world.customer()
    results = [world.check_in(anna, venue) for venue in venues]
    assert [len(result["unlocked"]) for result in results] == [1, 1, 0]
    assert why(results[2]) == "customer_limit"
    assert len(world.check_in(world.customer(), venues[2])["unlocked"]) == 1
    assert agrees(db, offer)


@pytest.mark.parametrize(
    ("time_zone", "midnight"),
    [
        ("Europe/Copenhagen", datetime(2026, 6, 1, 22, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 6, 2, 4, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 6, 1, 18, 30, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 6, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_days_limit_starts_anew_at_the_venues_own_midnight(world: World, db, time_zone, midnight):
    venue = world.venue(time_zone=time_zone, cool_down_s=0)
    offer = world.offer(venue, limit_per_day=1)
    with time_machine.travel(midnight - timedelta(minutes=2), tick=False) as clock:
        anna, bo = world.customer(), world.customer()
        assert len(world.check_in(anna, venue)["unlocked"]) == 1
        clock.move_to(midnight - timedelta(microseconds=1))
        assert why(world.check_in(bo, venue)) == "sold_out_today"
        clock.move_to(midnight)
        assert len(world.check_in(bo, venue)["unlocked"]) == 1
        assert why(world.check_in(anna, venue)) == "sold_out_today"
    assert sorted(counters(db, offer).values()) == [1, 1]
    assert agrees(db, offer)


def test_a_day_of_23_hours_is_one_day(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, limit_per_day=1)
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)  # Sunday 0 o'clock in Copenhagen
    with time_machine.travel(spring, tick=False) as clock:
        seen = []
        for hours in (0, 22.99, 23, 46.99, 47):
            clock.move_to(spring + timedelta(hours=hours))
            seen.append(len(world.check_in(world.customer(), venue)["unlocked"]))
    assert seen == [1, 0, 1, 0, 1]
    assert sorted(counters(db, offer)) == ["day 2026-03-29", "day 2026-03-30", "day 2026-03-31"]


@pytest.mark.parametrize("limit", [1, 7])
def test_threads_get_exactly_the_total(world: World, app, db, limit):
    venue = world.venue()
    offer = world.offer(venue, limit_total=limit)
    requests = [attempt(world, world.customer(), venue) for _ in range(32)]
    answers = post_at_once(app, requests)
    assert opened(answers) == unlocks(db, offer) == limit
    assert counters(db, offer) == live(db, offer) == {"total": limit}
    assert len(events(db, offer, "unlocked")) == limit
    assert {why(result) for _, result in answers if not result["unlocked"]} == {"sold_out"}


def test_threads_get_exactly_the_days_limit_and_give_back_what_they_took_of_the_total(
    world: World, app, db
):
    venue = world.venue()
    offer = world.offer(venue, limit_total=20, limit_per_day=5, limit_per_customer=1)
    answers = post_at_once(app, [attempt(world, world.customer(), venue) for _ in range(32)])
    assert opened(answers) == unlocks(db, offer) == 5
    assert counters(db, offer)["total"] == 5
    assert agrees(db, offer)


def test_one_customers_check_ins_at_many_venues_get_exactly_the_customers_limit(
    world: World, app, db
):
    venues = [world.venue() for _ in range(8)]
    offer = world.offer(*venues, limit_per_customer=3, limit_total=100)
    anna, bo = world.customer(), world.customer()
    answers = post_at_once(
        app, [attempt(world, customer, venue) for venue in venues for customer in (anna, bo)]
    )
    assert opened(answers) == unlocks(db, offer) == 6
    assert sorted(counters(db, offer).values()) == [3, 3, 6]
    assert agrees(db, offer)


def test_a_customers_simultaneous_check_ins_at_one_venue_are_one_visit(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue)
    anna = world.customer()
    answers = post_at_once(app, [attempt(world, anna, venue)] * 10)
    assert opened(answers) == unlocks(db, offer) == 1
    verdicts = [result["verdict"] for _, result in answers]
    assert sorted(verdicts) == ["accepted"] + ["rejected"] * 9
    assert visits(db, venue) == [1]
    reasons = {reason["code"] for _, result in answers for reason in result["reasons"]}
    assert reasons == {"too_soon"}


def test_without_a_cool_down_no_visit_is_lost_or_counted_twice(world: World, app, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, rule={"kind": "every_nth_visit", "n": 2})
    anna = world.customer()
    answers = post_at_once(app, [attempt(world, anna, venue)] * 10)
    assert {result["code"] for status, result in answers if status != 201} <= {"history-moved"}
    # one whose clock was read before the last visit's is too soon even here
    made = [result for _, result in answers if result.get("verdict") == "accepted"]
    assert made
    assert sorted(result["visits"] for result in made) == list(range(1, len(made) + 1))
    assert visits(db, venue) == [len(made)]
    assert unlocks(db, offer) == len(made) // 2
    assert {len(result["unlocked"]) for result in made if result["visits"] % 2} == {0}


def visits(db, venue) -> list[int]:
    with db.transaction() as session:
        return list(
            session.scalars(
                text("SELECT visits FROM visit_tally WHERE venue_id = :id"), {"id": venue["id"]}
            ).all()
        )


def test_offers_taken_at_different_venues_at_once_never_deadlock(world: World, app, db):
    here, there = world.venue(), world.venue()
    limits = {"limit_total": 15, "limit_per_day": 13, "limit_per_customer": 1}
    offers = [world.offer(*places, **limits) for places in ((here, there), (there, here)) * 2]
    customers = [world.customer() for _ in range(20)]
    for _ in range(2):
        answers = post_at_once(
            app,
            [
                attempt(world, customer, venue)
                for number, customer in enumerate(customers)
                for venue in ((here, there) if number % 2 else (there, here))
            ],
        )
        assert {status for status, _ in answers} == {201}
    for offer in offers:
        assert unlocks(db, offer) == 13
        assert agrees(db, offer)


def test_expiry_and_check_ins_at_once_keep_the_counters_right(world: World, app, db):
    venue = world.venue(cool_down_s=0)
    offers = [
        world.offer(venue, limit_total=12, limit_per_day=12, redeem_within_s=300) for _ in range(2)
    ]
    customers = [world.customer() for _ in range(12)]
    post_at_once(app, [attempt(world, customer, venue) for customer in customers])

    def expire():
        with db.transaction() as session:
            return service.expire(session, now() + timedelta(hours=1), limit=7)

    def check_in(customer):
        return len(world_of_its_own(world).check_in(customer, venue)["unlocked"])

    at_once([expire] * 6 + [partial(check_in, customer) for customer in customers])
    for offer in offers:
        assert agrees(db, offer)
        assert counters(db, offer)["total"] <= 12
        expired = len(events(db, offer, "expired"))
        assert unlocks(db, offer) - expired == counters(db, offer)["total"]


def world_of_its_own(world: World) -> World:
    """The same world, with a client that no other thread uses."""
    own = object.__new__(World)
    own.__dict__.update(world.__dict__, client=world.app.test_client())
    return own


def test_a_lowered_limit_takes_nothing_back_and_gives_nothing_more(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, limit_total=5)
    for _ in range(3):
        world.check_in(world.customer(), venue)

    def limit(total):
        etag = world.call("get", f"/v1/offers/{offer['id']}", world.key).headers["ETag"]
        world.ask(
            "patch",
            f"/v1/offers/{offer['id']}",
            json={"limit_total": total},
            headers={"If-Match": etag},
        )

    limit(2)
    assert why(world.check_in(world.customer(), venue)) == "sold_out"
    assert (unlocks(db, offer), counters(db, offer)) == (3, {"total": 3})
    limit(4)
    assert len(world.check_in(world.customer(), venue)["unlocked"]) == 1
    assert why(world.check_in(world.customer(), venue)) == "sold_out"
    assert agrees(db, offer)
