"""Never more is promised and given than an offer's budget, and what has become of it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from lbs.unlocks import service
from tests.racing import at_once, post_at_once
from tests.unlocks.stock import agrees, counters, live, unlocks
from tests.unlocks.test_limits import attempt, opened, why, world_of_its_own
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def budget_of(world: World, offer) -> tuple[int, int, int]:
    """Committed, spent and left."""
    budget = world.ask("get", f"/v1/offers/{offer['id']}")["budget"]
    return budget["committed_minor"], budget["spent_minor"], budget["left_minor"]


def change(world: World, offer, **terms) -> None:
    path = f"/v1/offers/{offer['id']}"
    etag = world.call("get", path, world.key).headers["ETag"]
    world.ask("patch", path, json=terms, headers={"If-Match": etag})


def unlock_one(world: World, venue, customer: str | None = None):
    [unlock] = world.check_in(customer or world.customer(), venue)["unlocked"]
    return unlock


def test_an_unlock_commits_its_cost_and_the_offer_closes_when_one_more_does_not_fit(
    world: World, db
):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=1700)
    assert (offer["budget_minor"], budget_of(world, offer)) == (1700, (0, 0, 1700))
    results = [world.check_in(world.customer(), venue) for _ in range(3)]
    assert [len(result["unlocked"]) for result in results] == [1, 1, 0]
    assert why(results[2]) == "budget_spent"
    assert results[2]["locked"][0]["state"] == "taken"
    assert results[2]["locked"][0]["reason"]["text"] == "All that was set aside for it is taken."
    assert budget_of(world, offer) == (1200, 0, 500)
    assert counters(db, offer) == live(db, offer) == {"budget DKK": 1200}


@pytest.mark.parametrize("budget", [0, 599])
def test_an_offer_whose_budget_pays_for_none_cannot_be_activated(world: World, budget):
    venue = world.venue()
    offer = world.offer(venue, status="draft", cost_minor=600, budget_minor=budget)
    path = f"/v1/offers/{offer['id']}/status"
    refused = world.call("post", path, world.key, json={"status": "active"})
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json["errors"]] == ["#/budget_minor"]


def test_nearby_tells_before_the_way_is_made(world: World):
    venue = world.venue()
    world.offer(venue, cost_minor=600, budget_minor=600)
    unlock_one(world, venue)
    query = {"lat": world.lat, "lon": world.lon}
    [found] = world.ask("get", "/v1/venues/nearby", world.customer(), query_string=query)["items"]
    [standing] = found["offers"]
    assert (standing["state"], standing["reason"]["code"]) == ("taken", "budget_spent")


def test_what_is_redeemed_is_spent_and_what_is_reversed_is_committed_again(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=1800)
    code = unlock_one(world, venue)["code"]
    unlock_one(world, venue)
    assert budget_of(world, offer) == (1200, 0, 600)
    redemption = world.redeem(code, venue).json
    assert budget_of(world, offer) == (600, 600, 600)
    world.ask("post", f"/v1/redemptions/{redemption['id']}/reversal", json={"reason": "Oops"})
    assert budget_of(world, offer) == (1200, 0, 600)
    assert world.redeem(code, venue).status_code == 201
    assert budget_of(world, offer) == (600, 600, 600)
    assert agrees(db, offer)


def test_expiry_frees_what_was_committed_and_nothing_that_was_spent(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=1200, redeem_within_s=300)
    with time_machine.travel(NOON, tick=False) as clock:
        assert world.redeem(unlock_one(world, venue)["code"], venue).status_code == 201
        unlock_one(world, venue)
        assert why(world.check_in(world.customer(), venue)) == "budget_spent"
        clock.shift(timedelta(seconds=300))
        expire(db)
        assert budget_of(world, offer) == (0, 600, 600)
        unlock_one(world, venue)
    assert budget_of(world, offer) == (600, 600, 0)
    assert agrees(db, offer)


def test_a_reversal_after_the_time_is_over_frees_at_the_next_expiry(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=600, redeem_within_s=300)
    with time_machine.travel(NOON, tick=False) as clock:
        redemption = world.redeem(unlock_one(world, venue)["code"], venue).json
        clock.shift(timedelta(seconds=300))
        world.ask("post", f"/v1/redemptions/{redemption['id']}/reversal", json={"reason": "Oops"})
        assert budget_of(world, offer) == (600, 0, 0)
        expire(db)
        assert budget_of(world, offer) == (0, 0, 600)


@pytest.mark.parametrize("redeemed", [False, True])
def test_voiding_a_check_in_frees_its_part(world: World, db, redeemed):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=600)
    result = world.check_in(world.customer(), venue)
    if redeemed:
        assert world.redeem(result["unlocked"][0]["code"], venue).status_code == 201
    world.ask("post", f"/v1/check-ins/{result['id']}/void", json={"reason": "Spoofed"})
    assert budget_of(world, offer) == (0, 0, 600)
    unlock_one(world, venue)
    assert budget_of(world, offer) == (600, 0, 0)
    assert agrees(db, offer)


def test_the_budget_is_for_all_versions_and_each_unlock_frees_what_its_own_cost(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=1500, redeem_within_s=300)
    with time_machine.travel(NOON, tick=False) as clock:
        unlock_one(world, venue)
        change(world, offer, cost_minor=900)
        unlock_one(world, venue)
        assert budget_of(world, offer) == (1500, 0, 0)
        assert why(world.check_in(world.customer(), venue)) == "budget_spent"
        change(world, offer, cost_minor=0)
        clock.shift(timedelta(seconds=300))
        expire(db)
        assert budget_of(world, offer) == (0, 0, 1500)
    assert agrees(db, offer)


def test_what_costs_nothing_opens_though_the_budget_is_spent(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=600)
    unlock_one(world, venue)
    change(world, offer, cost_minor=0)
    unlock_one(world, venue)
    assert (unlocks(db, offer), budget_of(world, offer)) == (2, (600, 0, 0))


def test_a_changed_budget_holds_at_once_and_takes_nothing_back(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=1200)
    codes = [unlock_one(world, venue)["code"] for _ in range(2)]
    change(world, offer, budget_minor=700)
    assert budget_of(world, offer) == (1200, 0, 0)
    assert why(world.check_in(world.customer(), venue)) == "budget_spent"
    assert [world.redeem(code, venue).status_code for code in codes] == [201, 201]
    assert budget_of(world, offer) == (0, 1200, 0)
    change(world, offer, budget_minor=1800)
    unlock_one(world, venue)
    assert budget_of(world, offer) == (600, 1200, 0)
    assert why(world.check_in(world.customer(), venue)) == "budget_spent"
    change(world, offer, budget_minor=None)
    unlock_one(world, venue)
    read = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (read["budget_minor"], read["budget"]) == (None, None)
    assert agrees(db, offer)


def test_in_another_currency_it_is_another_budget(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=600, budget_minor=600)
    unlock_one(world, venue)
    change(world, offer, currency="SEK", cost_minor=80, budget_minor=100)
    assert budget_of(world, offer) == (0, 0, 100)
    unlock_one(world, venue)
    assert budget_of(world, offer) == (80, 0, 20)
    assert counters(db, offer) == live(db, offer) == {"budget DKK": 600, "budget SEK": 80}


def test_threads_commit_exactly_what_fits_and_give_back_what_they_took_of_the_total(
    world: World, app, db
):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=700, budget_minor=4000, limit_total=30)
    answers = post_at_once(app, [attempt(world, world.customer(), venue) for _ in range(32)])
    assert opened(answers) == unlocks(db, offer) == 5
    assert counters(db, offer) == live(db, offer) == {"total": 5, "budget DKK": 3500}
    assert budget_of(world, offer) == (3500, 0, 500)


def test_where_another_limit_is_reached_the_budget_gets_its_part_back(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, cost_minor=700, budget_minor=70_000, limit_total=5)
    answers = post_at_once(app, [attempt(world, world.customer(), venue) for _ in range(32)])
    assert opened(answers) == unlocks(db, offer) == 5
    assert counters(db, offer) == live(db, offer) == {"total": 5, "budget DKK": 3500}


def test_check_ins_expiry_redemption_and_a_change_at_once_keep_the_sum_right(world: World, app, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, cost_minor=600, budget_minor=7200, redeem_within_s=300)
    customers = [world.customer() for _ in range(12)]
    answers = post_at_once(app, [attempt(world, customer, venue) for customer in customers])
    codes = [result["unlocked"][0]["code"] for _, result in answers]

    def expire_later():
        with db.transaction() as session:
            return service.expire(session, now() + timedelta(hours=1), limit=3)

    def check_in(customer):
        return len(world_of_its_own(world).check_in(customer, venue)["unlocked"])

    def redeem(code):
        return world_of_its_own(world).redeem(code, venue).status_code

    at_once(
        [expire_later] * 4
        + [partial(check_in, customer) for customer in customers]
        + [partial(redeem, code) for code in codes[:6]]
        + [partial(change, world_of_its_own(world), offer, cost_minor=900)]
    )
    assert agrees(db, offer)
    committed, spent, left = budget_of(world, offer)
    assert committed + spent + left == 7200
    assert counters(db, offer)["budget DKK"] == committed + spent <= 7200


def expire(db) -> int:
    with db.transaction() as session:
        return service.expire(session, now())
