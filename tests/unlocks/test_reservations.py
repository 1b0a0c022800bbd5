"""Claim, then redeem: what is scarce is taken by a reservation, for a time, and never twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from sqlalchemy import text

from lbs.unlocks import service
from tests.racing import at_once, post_at_once
from tests.unlocks.stock import agrees, counters, events, live
from tests.unlocks.test_limits import world_of_its_own
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Holder:
    """A customer for whom one offer has opened."""

    def __init__(self, world: World, venue) -> None:
        self.world, self.venue = world, venue
        self.token = world.customer()
        [self.unlock] = world.check_in(self.token, venue)["unlocked"]
        self.path = f"/v1/unlocks/{self.unlock['id']}"

    def read(self):
        return self.world.ask("get", self.path, self.token)

    def reserve(self, status: int = 201):
        return self.world.ask("post", f"{self.path}/reservation", self.token, status=status)

    def refused(self, method: str = "post") -> tuple[int, str]:
        answer = self.world.call(method, f"{self.path}/reservation", self.token)
        return answer.status_code, answer.json["code"]

    def release(self):
        return self.world.call("delete", f"{self.path}/reservation", self.token)

    def standing(self):
        query = {"lat": self.world.lat, "lon": self.world.lon}
        path = "/v1/venues/nearby"
        [found] = self.world.ask("get", path, self.token, query_string=query)["items"]
        [offer] = found["offers"]
        return offer["state"], offer["reason"] and offer["reason"]["code"]


def code_of(db, unlock, world: World) -> str:
    """The code that the customer is not shown."""
    with db.transaction() as session:
        sealed = session.scalar(
            text("SELECT sealed_code FROM unlock WHERE id = :id"), {"id": unlock["id"]}
        )
    return world.app.extensions["lbs_vault"].unseal(sealed)


def redeem(world: World, code: str, venue) -> int:
    return world.redeem(code, venue).status_code


def run(db, use_case, at: datetime, limit: int = 1000) -> int:
    with db.transaction() as session:
        return use_case(session, at, limit=limit)


def kinds(db, offer) -> Counter[str]:
    with db.transaction() as session:
        found = session.execute(
            text("SELECT kind, count(*) FROM ledger_event WHERE offer_id = :id GROUP BY kind"),
            {"id": offer["id"]},
        ).all()
    return Counter(dict(found))


def test_what_opens_takes_no_stock_and_shows_no_code_until_it_is_reserved(world: World, db):
    venue = world.venue()
    offer = world.offer(
        venue, reserve_s=900, limit_total=5, limit_per_day=4, limit_per_venue=3,
        limit_per_venue_day=2, limit_per_customer=1, budget_minor=3000, cost_minor=600,
    )  # fmt: skip
    with time_machine.travel(NOON, tick=False):
        holder = Holder(world, venue)
        unlock = holder.unlock
        assert (unlock["state"], unlock["code"], unlock["reserve_s"]) == ("unclaimed", None, 900)
        assert holder.read() == unlock
        assert [kind for kind in counters(db, offer) if not kind.startswith("customer")] == []
        qr = world.call("get", f"{holder.path}/qr.png", holder.token)
        assert (qr.status_code, qr.json["code"]) == (409, "reservation-needed")

        reserved = holder.reserve()
        assert reserved == holder.read()
        assert reserved["state"] == "unlocked"
        assert reserved["reserved_until"] == "2026-06-01T12:15:00Z"
        assert reserved["code"] == code_of(db, unlock, world)
        assert world.call("get", f"{holder.path}/qr.png", holder.token).status_code == 200
        here = f"venue {venue['id']}"
        assert {
            kind: units for kind, units in counters(db, offer).items() if kind[:8] != "customer"
        } == {
            "total": 1, "day 2026-06-01": 1, here: 1, f"{here} day 2026-06-01": 1,
            "budget DKK": 600,
        }  # fmt: skip
        assert agrees(db, offer)
        assert redeem(world, reserved["code"], venue) == 201
    assert agrees(db, offer)
    assert world.ask("get", f"/v1/offers/{offer['id']}")["budget"]["spent_minor"] == 600
    [event] = events(db, offer, "reserved")
    assert (str(event.unlock_id), event.at) == (unlock["id"], NOON)


@pytest.mark.parametrize(("after_s", "status"), [(599.999, 201), (600, 409), (7000, 409)])
def test_a_reservation_is_good_for_its_time_even_before_the_job_has_run(
    world: World, db, after_s, status
):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1)
    with time_machine.travel(NOON, tick=False) as clock:
        holder = Holder(world, venue)
        code = holder.reserve()["code"]
        clock.shift(timedelta(seconds=after_s))
        assert redeem(world, code, venue) == status
    refused = events(db, offer, "redemption_refused")
    assert [event.reasons for event in refused] == ([["not_reserved"]] if status == 409 else [])


def test_a_code_that_is_not_reserved_is_refused_and_is_no_guess(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600)
    holder = Holder(world, venue)
    code = code_of(db, holder.unlock, world)
    answers = [world.redeem(code, venue) for _ in range(25)]
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {
        (409, "code-refused")
    }
    assert {tuple(event.reasons) for event in events(db, offer, "redemption_refused")} == {
        ("not_reserved",)
    }
    holder.reserve()
    assert redeem(world, code, venue) == 201


def test_when_it_lapses_the_stock_is_free_and_it_may_be_reserved_again_while_there_is_any(
    world: World, db
):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1)
    with time_machine.travel(NOON, tick=False) as clock:
        anna, bo = Holder(world, venue), Holder(world, venue)
        anna.reserve()
        assert bo.refused() == (409, "nothing-left")
        assert (anna.standing(), bo.standing()) == (
            ("unlocked", "sold_out"),
            ("unclaimed", "sold_out"),
        )
        clock.shift(600 * SECOND - timedelta(microseconds=1))
        run(db, service.lapse, now())
        assert events(db, offer, "reservation_lapsed") == []
        clock.shift(timedelta(microseconds=1))
        for _ in range(2):
            run(db, service.lapse, now())
            assert (counters(db, offer), agrees(db, offer)) == ({"total": 0}, True)
            [event] = events(db, offer, "reservation_lapsed")
            assert str(event.unlock_id) == anna.unlock["id"]
        assert anna.read() == anna.unlock
        assert anna.standing() == bo.standing() == ("unclaimed", "not_reserved")
        bo.reserve()
        assert anna.refused() == (409, "nothing-left")
        assert bo.release().status_code == 204
        assert anna.reserve()["state"] == "unlocked"
    assert agrees(db, offer)


def test_who_comes_when_all_are_reserved_is_told_that_there_is_none(world: World):
    venue = world.venue()
    world.offer(venue, reserve_s=600, limit_total=1)
    Holder(world, venue).reserve()
    result = world.check_in(world.customer(), venue)
    assert (result["unlocked"], result["locked"][0]["reason"]["code"]) == ([], "sold_out")


def test_a_lapsed_reservation_is_renewed_before_the_job_has_run_on_the_day_it_is(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1, limit_per_day=1)
    with time_machine.travel(datetime(2026, 6, 1, 21, 55, tzinfo=UTC), tick=False) as clock:
        holder = Holder(world, venue)
        holder.reserve()
        clock.shift(600 * SECOND)
        assert holder.reserve()["reserved_until"] == "2026-06-01T22:15:00Z"
    assert counters(db, offer) == {"total": 1, "day 2026-06-01": 0, "day 2026-06-02": 1}
    assert agrees(db, offer)
    assert kinds(db, offer)["reservation_lapsed"] == 1
    assert kinds(db, offer)["reserved"] == 2


def test_reserving_again_prolongs_nothing_and_takes_nothing(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=5)
    with time_machine.travel(NOON, tick=False) as clock:
        holder = Holder(world, venue)
        first = holder.reserve()
        clock.shift(60 * SECOND)
        assert holder.reserve() == first
    assert (counters(db, offer), kinds(db, offer)["reserved"]) == ({"total": 1}, 1)


def test_a_reservation_never_outlasts_the_unlock(world: World):
    venue = world.venue()
    world.offer(venue, reserve_s=7200, redeem_within_s=3000)
    with time_machine.travel(NOON, tick=False) as clock:
        holder = Holder(world, venue)
        clock.shift(300 * SECOND)
        assert holder.reserve()["reserved_until"] == holder.unlock["expires_at"]


def test_releasing_gives_back_and_says_so_once(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1)
    holder = Holder(world, venue)
    assert holder.refused("delete") == (404, "reservation-not-found")
    code = holder.reserve()["code"]
    assert holder.release().status_code == 204
    assert holder.refused("delete") == (404, "reservation-not-found")
    assert (counters(db, offer), agrees(db, offer)) == ({"total": 0}, True)
    assert kinds(db, offer)["reservation_released"] == 1
    assert redeem(world, code, venue) == 409
    assert holder.read() == holder.unlock


@pytest.mark.parametrize("state", ["plain", "redeemed", "expired", "voided"])
def test_only_what_is_claimed_and_still_good_takes_a_reservation(world: World, db, state):
    venue = world.venue()
    world.offer(venue, reserve_s=None if state == "plain" else 600, redeem_within_s=300)
    with time_machine.travel(NOON, tick=False) as clock:
        holder = Holder(world, venue)
        if state == "redeemed":
            assert redeem(world, holder.reserve()["code"], venue) == 201
        if state == "expired":
            clock.shift(300 * SECOND)
        if state == "voided":
            path = f"/v1/check-ins/{holder.unlock['check_in_id']}/void"
            world.ask("post", path, json={"reason": "Spoofed"})
        assert holder.refused() == (409, "unlock-not-reservable")
        assert holder.refused("delete") == (404, "reservation-not-found")


def test_expiry_frees_the_reservation_with_the_unlock(world: World, db):
    venue = world.venue()
    offer = world.offer(
        venue, reserve_s=3600, redeem_within_s=300, limit_total=1, limit_per_customer=1
    )
    with time_machine.travel(NOON, tick=False) as clock:
        holder = Holder(world, venue)
        holder.reserve()
        clock.shift(300 * SECOND)
        run(db, service.expire, now())
        run(db, service.lapse, now())
    assert set(counters(db, offer).values()) == {0}
    assert (kinds(db, offer)["expired"], kinds(db, offer)["reservation_lapsed"]) == (1, 0)
    assert agrees(db, offer)


@pytest.mark.parametrize("redeemed", [False, True])
def test_voiding_frees_the_reservation_too(world: World, db, redeemed):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1, limit_per_customer=1)
    holder = Holder(world, venue)
    code = holder.reserve()["code"]
    if redeemed:
        assert redeem(world, code, venue) == 201
    path = f"/v1/check-ins/{holder.unlock['check_in_id']}/void"
    world.ask("post", path, json={"reason": "Spoofed"})
    assert set(counters(db, offer).values()) == {0}
    assert agrees(db, offer)


def test_what_is_reversed_is_reserved_anew_for_its_time(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1)
    with time_machine.travel(NOON, tick=False) as clock:
        holder = Holder(world, venue)
        code = holder.reserve()["code"]
        redemption = world.redeem(code, venue).json
        clock.shift(3000 * SECOND)
        run(db, service.lapse, now())
        path = f"/v1/redemptions/{redemption['id']}/reversal"
        world.ask("post", path, json={"reason": "Oops"})
        assert counters(db, offer) == live(db, offer) == {"total": 1}
        clock.shift(599 * SECOND)
        assert redeem(world, code, venue) == 201
        redemption = world.ask("get", "/v1/redemptions")["items"][0]
        world.ask("post", f"/v1/redemptions/{redemption['id']}/reversal", json={"reason": "Oops"})
        clock.shift(600 * SECOND)
        run(db, service.lapse, now())
    assert (counters(db, offer), agrees(db, offer)) == ({"total": 0}, True)


def test_the_limits_are_todays_and_the_cost_is_what_was_promised(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=1, cost_minor=600, budget_minor=600)
    anna, bo = Holder(world, venue), Holder(world, venue)
    etag = world.call("get", f"/v1/offers/{offer['id']}", world.key).headers["ETag"]
    terms = {"limit_total": 2, "cost_minor": 50, "budget_minor": 1199, "reserve_s": None}
    world.ask("patch", f"/v1/offers/{offer['id']}", json=terms, headers={"If-Match": etag})
    anna.reserve()
    assert bo.refused() == (409, "nothing-left")
    assert counters(db, offer) == {"total": 1, "budget DKK": 600}
    assert Holder(world, venue).unlock["state"] == "unlocked"
    assert counters(db, offer) == live(db, offer) == {"total": 2, "budget DKK": 650}


def test_another_customers_unlock_is_not_found(world: World):
    venue = world.venue()
    world.offer(venue, reserve_s=600)
    holder = Holder(world, venue)
    holder.token = world.customer()
    assert holder.refused() == holder.refused("delete") == (404, "unlock-not-found")


# --- races ----------------------------------------------------------------------------------


def claim(holder: Holder):
    return f"{holder.path}/reservation", holder.token, {}


def test_of_many_who_claim_at_once_exactly_the_limit_get_one(world: World, app, db):
    venue = world.venue()
    offer = world.offer(
        venue, reserve_s=600, limit_total=7, limit_per_day=5, cost_minor=100, budget_minor=5000
    )
    holders = [Holder(world, venue) for _ in range(20)]
    answers = post_at_once(app, [claim(holder) for holder in holders])
    assert Counter(status for status, _ in answers) == {201: 5, 409: 15}
    assert {body["code"] for status, body in answers if status == 409} == {"nothing-left"}
    assert sorted(counters(db, offer).values()) == [5, 5, 500]
    assert (agrees(db, offer), kinds(db, offer)["reserved"]) == (True, 5)


def test_one_unlock_claimed_many_times_at_once_is_reserved_once(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=7)
    holder = Holder(world, venue)
    answers = post_at_once(app, [claim(holder)] * 10)
    assert {status for status, _ in answers} == {201}
    assert len({body["reserved_until"] for _, body in answers}) == 1
    assert (counters(db, offer), kinds(db, offer)["reserved"]) == ({"total": 1}, 1)


def test_claiming_and_redeeming_at_once_redeems_only_what_is_reserved(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=4)
    holders = [Holder(world, venue) for _ in range(8)]
    codes = [code_of(db, holder.unlock, world) for holder in holders]

    def reserve(holder: Holder) -> int:
        own = world_of_its_own(world)
        return own.call("post", f"{holder.path}/reservation", holder.token).status_code

    def redeem_one(code: str) -> int:
        return redeem(world_of_its_own(world), code, venue)

    at_once([partial(reserve, one) for one in holders] + [partial(redeem_one, c) for c in codes])
    found = kinds(db, offer)
    assert found["reserved"] == counters(db, offer)["total"] == 4
    assert found["redeemed"] <= 4
    assert agrees(db, offer)
    assert sum(redeem(world, code, venue) == 201 for code in codes) == 4 - found["redeemed"]


def test_lapsing_releasing_and_redeeming_at_once_leave_one_of_them(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, limit_total=12)
    holders = [Holder(world, venue) for _ in range(12)]
    codes = [holder.reserve()["code"] for holder in holders]

    def lapse_later() -> int:
        return run(db, service.lapse, now() + timedelta(hours=1), limit=2)

    def release(holder: Holder) -> int:
        own = world_of_its_own(world)
        return own.call("delete", f"{holder.path}/reservation", holder.token).status_code

    def redeem_one(code: str) -> int:
        return redeem(world_of_its_own(world), code, venue)

    at_once(
        [partial(redeem_one, code) for code in codes]
        + [lapse_later] * 3
        + [partial(release, holder) for holder in holders[:6]]
    )
    found = kinds(db, offer)
    ended = found["reservation_lapsed"] + found["reservation_released"]
    assert found["redeemed"] + ended == 12
    assert counters(db, offer)["total"] == found["redeemed"]
    assert agrees(db, offer)


def test_expiring_and_claiming_at_once_keep_the_counters_right(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, reserve_s=600, redeem_within_s=300, limit_total=6)
    holders = [Holder(world, venue) for _ in range(10)]

    def expire_later() -> int:
        return run(db, service.expire, now() + timedelta(hours=1), limit=3)

    def reserve(holder: Holder) -> int:
        own = world_of_its_own(world)
        return own.call("post", f"{holder.path}/reservation", holder.token).status_code

    statuses = at_once([partial(reserve, one) for one in holders] + [expire_later] * 3)[:10]
    assert set(statuses) <= {201, 409}
    assert agrees(db, offer)
    assert 0 <= counters(db, offer).get("total", 0) <= 6
