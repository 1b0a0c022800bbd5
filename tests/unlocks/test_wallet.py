"""The customer's wallet, and how long what is in it lasts."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import segno
import time_machine

from lbs.unlocks import service
from lbs.unlocks.policy import read_code
from tests.unlocks.stock import agrees, counters, events, unlocks
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def unlock_one(world: World, venue, customer):
    [unlock] = world.check_in(customer, venue)["unlocked"]
    return unlock


def test_the_wallet_is_the_customers_own_newest_first_page_by_page(world: World):
    venues = [world.venue() for _ in range(3)]
    world.offer(*venues)
    anna, bo = world.customer(), world.customer()
    made = [unlock_one(world, venue, anna) for venue in venues]
    unlock_one(world, venues[0], bo)
    first = world.ask("get", "/v1/unlocks", anna, query_string={"limit": 2})
    rest = world.ask(
        "get", "/v1/unlocks", anna, query_string={"limit": 2, "cursor": first["next_cursor"]}
    )
    assert first["items"] + rest["items"] == made[::-1]
    assert rest["next_cursor"] is None
    assert len(world.ask("get", "/v1/unlocks", bo)["items"]) == 1


def test_an_unlock_says_all_that_the_till_and_the_customer_need(world: World):
    venue = world.venue(name="Ølbaren")
    offer = world.offer(venue, redeem_within_s=7200)
    customer = world.customer()
    result = world.check_in(customer, venue)
    [unlock] = result["unlocked"]
    assert world.ask("get", f"/v1/unlocks/{unlock['id']}", customer) == unlock
    assert read_code(unlock["code"]) == unlock["code"]
    unlocked_at, expires_at = (
        datetime.fromisoformat(unlock[name]) for name in ("unlocked_at", "expires_at")
    )
    assert expires_at - unlocked_at == timedelta(hours=2)
    assert {name: unlock[name] for name in unlock if name not in ("id", "code")} == {
        "offer_id": offer["id"],
        "offer_version": 1,
        "venue_id": venue["id"],
        "venue_name": "Ølbaren",
        "check_in_id": result["id"],
        "state": "unlocked",
        **{name: offer[name] for name in ("teaser", "terms", "reward", "value_minor", "currency")},
        "opened_by": "check_in",
        "unlocked_at": result["occurred_at"],
        "expires_at": unlock["expires_at"],
        "reserve_s": None,
        "reserved_until": None,
    }


def test_a_changed_offer_leaves_what_was_unlocked_as_it_was(world: World):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue)
    customer = world.customer()
    before = unlock_one(world, venue, customer)
    etag = world.call("get", f"/v1/offers/{offer['id']}", world.key).headers["ETag"]
    world.ask(
        "patch",
        f"/v1/offers/{offer['id']}",
        json={"terms": "Tea only", "value_minor": 1},
        headers={"If-Match": etag},
    )
    after = unlock_one(world, venue, customer)
    assert (after["terms"], after["value_minor"], after["offer_version"]) == ("Tea only", 1, 2)
    assert world.ask("get", f"/v1/unlocks/{before['id']}", customer) == before


@pytest.mark.parametrize("path", ["", "/qr.png"])
@pytest.mark.parametrize("whose", ["anothers", "nobodys"])
def test_another_customers_unlock_is_not_found(world: World, path, whose):
    venue = world.venue()
    world.offer(venue)
    unlock = unlock_one(world, venue, world.customer())
    unlock_id = unlock["id"] if whose == "anothers" else uuid.uuid4()
    answer = world.call("get", f"/v1/unlocks/{unlock_id}{path}", world.customer())
    assert (answer.status_code, answer.json["code"]) == (404, "unlock-not-found")
    assert unlock["code"] not in answer.text


def test_the_picture_is_the_code_as_a_qr_code(world: World):
    venue = world.venue()
    world.offer(venue)
    customer = world.customer()
    unlock = unlock_one(world, venue, customer)
    answer = world.call("get", f"/v1/unlocks/{unlock['id']}/qr.png", customer)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.data.startswith(b"\x89PNG\r\n\x1a\n")
    expected = io.BytesIO()
    qr = segno.make(unlock["code"], error="m", micro=False)
    qr.save(expected, kind="png", scale=8)
    assert answer.data == expected.getvalue()
    assert (qr.is_micro, qr.mode) == (False, "alphanumeric")
    assert qr.error in ("M", "Q")  # segno takes the higher where the picture grows no bigger


@pytest.mark.parametrize(
    ("after_s", "state", "status"),
    [
        (3599.999, "unlocked", 201),
        (3600, "expired", 409),
        (86_400, "expired", 409),
    ],
)
def test_an_unlock_can_be_redeemed_until_its_time_is_over(world: World, after_s, state, status):
    venue = world.venue()
    world.offer(venue, redeem_within_s=3600)
    with time_machine.travel(NOON, tick=False) as clock:
        unlock = unlock_one(world, venue, world.customer(external_id="anna"))
        clock.shift(timedelta(seconds=after_s))
        customer = world.customer(external_id="anna")
        seen = world.ask("get", f"/v1/unlocks/{unlock['id']}", customer)
        assert seen["state"] == state
        answer = world.redeem(unlock["code"], venue)
    assert answer.status_code == status


def test_without_a_time_of_its_own_an_unlock_lasts_as_long_as_the_offer(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        offer = world.offer(venue, valid_to=(NOON + timedelta(hours=1)).isoformat())
        unlock = unlock_one(world, venue, world.customer())
        assert unlock["expires_at"] == offer["valid_to"]
        clock.move_to(NOON + timedelta(hours=1))
        assert world.redeem(unlock["code"], venue).status_code == 409
        late = world.check_in(world.customer(), venue)
        assert (late["unlocked"], late["locked"]) == ([], [])


def test_the_state_follows_redemption_and_reversal(world: World):
    venue = world.venue()
    world.offer(venue)
    customer = world.customer()
    unlock = unlock_one(world, venue, customer)

    def state():
        return world.ask("get", f"/v1/unlocks/{unlock['id']}", customer)["state"]

    assert state() == "unlocked"
    redemption = world.redeem(unlock["code"], venue).json
    assert state() == "redeemed"
    world.ask("post", f"/v1/redemptions/{redemption['id']}/reversal", json={"reason": "Oops"})
    assert state() == "unlocked"


def test_expiry_frees_the_stock_of_every_limit_writes_the_ledger_and_does_so_once(world: World, db):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(
        venue, redeem_within_s=300, limit_total=2, limit_per_day=2, limit_per_customer=1
    )
    with time_machine.travel(NOON, tick=False) as clock:
        kept, gone = world.customer(), world.register()
        used = unlock_one(world, venue, kept)
        assert world.redeem(used["code"], venue).status_code == 201
        lapsed = unlock_one(world, venue, gone["access_token"])
        full = world.check_in(world.customer(), venue)
        assert full["locked"][0]["reason"]["code"] == "sold_out"
        assert set(counters(db, offer).values()) == {1, 2}

        clock.shift(timedelta(seconds=300, microseconds=-1))
        expire(db)
        assert (agrees(db, offer), events(db, offer, "expired")) == (True, [])
        clock.shift(timedelta(microseconds=1))
        for _ in range(2):
            expire(db)
            [event] = events(db, offer, "expired")
            assert (event.at, str(event.unlock_id)) == (now(), lapsed["id"])
            assert str(event.venue_id) == venue["id"]
            assert (event.offer_version, event.merchant_id) == (1, world.merchant_id)
            taken = counters(db, offer)
            assert agrees(db, offer)
            assert (taken["total"], taken["day 2026-06-01"]) == (1, 1)
            assert sorted(units for name, units in taken.items() if name[:3] == "cus") == [0, 1]
        # the same customer may have it again, on the same day
        again = unlock_one(world, venue, gone["access_token"])
        assert again["id"] != lapsed["id"]
        assert (agrees(db, offer), unlocks(db, offer)) == (True, 3)


def expire(db) -> int:
    with db.transaction() as session:
        return service.expire(session, now())


def test_expiry_goes_batch_by_batch(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, redeem_within_s=300, limit_total=10)
    with time_machine.travel(NOON + timedelta(days=1), tick=False) as clock:
        expire(db)
        for _ in range(5):
            unlock_one(world, venue, world.customer())
        clock.shift(timedelta(seconds=300))
        sizes = []
        for _ in range(4):
            with db.transaction() as session:
                sizes.append(service.expire(session, now(), limit=2))
    assert sizes == [2, 2, 1, 0]
    assert counters(db, offer) == {"total": 0}
    assert len(events(db, offer, "expired")) == 5
