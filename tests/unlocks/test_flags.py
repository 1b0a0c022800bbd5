"""Customers flag an offer; enough flags pause it, and its merchant is told."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.config import Settings
from lbs.unlocks.policy import FlagLimit
from tests.accounts.test_standings import named
from tests.racing import post_at_once
from tests.world import World

NOT_REDEEMABLE = {"problem": "not_redeemable"}
MONTH = timedelta(days=30)


class Place:
    """A running offer at a venue, and the customers for whom it opens there."""

    def __init__(self, world: World, **members: Any) -> None:
        self.world, self.venue = world, world.venue()
        self.offer = world.offer(self.venue, **members)
        self.path = f"/v1/offers/{self.offer['id']}"

    def guest(self) -> str:
        customer = self.world.customer()
        [_] = self.world.check_in(customer, self.venue)["unlocked"]
        return customer

    def flag(self, customer: str, status: int = 201, **body: Any) -> Any:
        said = body or NOT_REDEEMABLE
        return self.world.ask("post", f"{self.path}/flags", customer, status, json=said)

    def flags(self, **query: Any) -> Any:
        return self.world.ask("get", f"{self.path}/flags", query_string=query)

    def status(self) -> str:
        return self.world.ask("get", self.path)["status"]

    def activate(self) -> None:
        self.world.ask("post", f"{self.path}/status", json={"status": "active"})

    def notices(self, **query: Any) -> list[dict[str, Any]]:
        return self.world.ask("get", "/v1/notices", query_string=query)["items"]

    def events(self) -> list[Any]:
        query = "SELECT * FROM ledger_event WHERE offer_id = :id AND kind = 'offer_paused'"
        with self.world.db.transaction() as session:
            return list(session.execute(text(query), {"id": self.offer["id"]}))


@pytest.fixture
def place(world: World) -> Place:
    return Place(world)


# --- flagging -------------------------------------------------------------------------------


def test_a_flag_says_what_is_wrong_and_the_merchant_reads_it(place: Place):
    said = {"problem": "other", "text": "Nobody at the till knew of it – «ærgerligt»"}
    flag = place.flag(place.guest(), **said)
    assert {name: flag[name] for name in said} == said
    assert flag["offer_id"] == place.offer["id"]
    assert place.flags() == {"items": [flag], "next_cursor": None}


def test_a_later_flag_replaces_the_first(place: Place):
    anna, bo = place.guest(), place.guest()
    first = place.flag(anna)
    place.flag(bo)
    second = place.flag(anna, problem="not_valuable", text="Too small")
    assert second["id"] != first["id"]
    assert [flag["problem"] for flag in place.flags()["items"]] == [
        "not_valuable",
        "not_redeemable",
    ]
    third = place.flag(anna)
    assert third["text"] is None


def test_one_key_flags_once(place: Place):
    guest, headers = place.guest(), {"Idempotency-Key": str(uuid.uuid4())}
    made = [
        place.world.ask("post", f"{place.path}/flags", guest, json=NOT_REDEEMABLE, headers=headers)
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_only_those_for_whom_it_has_opened_can_flag_it(place: Place, other_world: World):
    stranger = place.world.customer()
    elsewhere = place.world.check_in(stranger, place.venue, north_m=5000)
    assert elsewhere["unlocked"] == []
    for customer in (stranger, other_world.customer()):
        assert place.flag(customer, 404)["code"] == "offer-not-held"
    nothing = place.world.ask(
        "post", f"/v1/offers/{uuid.uuid4()}/flags", place.guest(), 404, json=NOT_REDEEMABLE
    )
    assert nothing["code"] == "offer-not-held"
    assert place.flags()["items"] == []


def test_one_whose_check_in_was_voided_has_nothing_to_flag(place: Place):
    customer = place.world.customer()
    seen = place.world.check_in(customer, place.venue)
    place.world.ask("post", f"/v1/check-ins/{seen['id']}/void", json={"reason": "Test"})
    place.flag(customer, 404)


def test_a_pass_that_is_used_or_has_run_out_can_be_flagged(world: World):
    place = Place(world, redeem_within_s=300)
    customer = world.customer()
    [unlock] = world.check_in(customer, place.venue)["unlocked"]
    assert world.redeem(unlock["code"], place.venue).status_code == 201
    place.flag(customer)
    late = place.guest()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6)):
        place.flag(late)
    assert len(place.flags()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/problem"),
        ({"problem": "rude"}, "#/problem"),
        ({"problem": "other", "text": ""}, "#/text"),
        ({"problem": "other", "text": "x" * 1001}, "#/text"),
        ({"problem": "other", "customer": "x"}, "#/customer"),
    ],
)
def test_what_is_wrong_with_a_flag_is_named(place: Place, body: dict[str, Any], pointer: str):
    answer = place.world.ask("post", f"{place.path}/flags", place.guest(), 422, json=body)
    assert answer["errors"][0]["pointer"] == pointer


def test_an_erased_customers_flag_is_gone(place: Place):
    customer = place.guest()
    place.flag(customer, problem="other", text="It is me, Anna")
    place.world.ask("delete", "/v1/customers/me", customer)
    assert place.flags()["items"] == []


def test_flags_are_paged_newest_first_and_say_nothing_of_customers(place: Place):
    made = [place.flag(place.guest())["id"] for _ in range(4)]
    first = place.flags(limit=3)
    second = place.flags(limit=3, cursor=first["next_cursor"])
    assert [flag["id"] for flag in first["items"] + second["items"]] == made[::-1]
    assert first["items"][0].keys() == {"id", "offer_id", "problem", "text", "flagged_at"}


def test_another_merchant_reads_no_flags(place: Place, other_world: World):
    place.flag(place.guest())
    for offer_id in (place.offer["id"], uuid.uuid4()):
        problem = other_world.ask("get", f"/v1/offers/{offer_id}/flags", status=404)
        assert problem["code"] == "offer-not-found"


# --- when they are too many -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "customers", "reached"),
    [
        (0, 0, False),
        (4, 4, False),
        (5, 5, True),
        (5, 25, True),
        (5, 26, False),
        (6, 30, True),
        (6, 31, False),
        (5, 0, True),
        (199, 1000, False),
        (200, 1000, True),
    ],
)
def test_it_takes_five_flags_and_a_fifth_of_the_customers(
    flags: int,
    customers: int,
    reached: bool,  # noqa: FBT001
):
    assert FlagLimit(5, MONTH, 0.2).is_reached(flags, customers) is reached


@pytest.mark.parametrize(
    ("paused_days_ago", "counted_days"), [(None, 30), (40, 30), (30, 30), (10, 10), (0, 0)]
)
def test_the_count_begins_with_the_window_or_after_the_last_pause(paused_days_ago, counted_days):
    now = datetime(2026, 11, 22, tzinfo=UTC)
    paused_at = None if paused_days_ago is None else now - timedelta(days=paused_days_ago)
    since = FlagLimit(5, MONTH, 0.2).counts_from(now, paused_at)
    assert now - since == timedelta(days=counted_days)


def test_the_settings_are_those_that_are_documented():
    settings = Settings(database_url="x", secrets_key=())
    assert (settings.flag_limit, settings.flag_window, settings.flag_share) == (5, MONTH, 0.2)


def test_the_fifth_customers_flag_pauses_the_offer(place: Place):
    guests = [place.guest() for _ in range(5)]
    for guest in guests[:4]:
        place.flag(guest)
        place.flag(guest, problem="not_valuable")
    assert (place.status(), place.notices(), place.events()) == ("active", [], [])
    place.flag(guests[4])
    assert place.status() == "paused"
    [event] = place.events()
    assert (event.offer_version, event.reasons, event.subject_id) == (1, ["flags"], None)
    assert place.world.check_in(place.world.customer(), place.venue)["unlocked"] == []


def test_the_merchant_is_told_by_a_notice_and_in_the_log(place: Place):
    for problem in ("not_redeemable",) * 3 + ("not_valuable", "other"):
        place.flag(place.guest(), problem=problem)
    [notice] = place.notices()
    assert (notice["kind"], notice["offer_id"]) == ("offer_paused", place.offer["id"])
    assert notice["read_at"] is None
    for part in ("5 customers", "not redeemable: 3", "not worth it: 1", "other: 1"):
        assert part in notice["text"]
    danish = place.world.call(
        "get", "/v1/notices", place.world.key, headers={"Accept-Language": "da"}
    )
    assert "sat på pause: 5 kunder" in danish.json["items"][0]["text"]
    query = {"resource_id": place.offer["id"]}
    entry = place.world.ask("get", "/v1/audit", query_string=query)["items"][0]
    assert entry["actor"] == {"key_id": None, "name": "lbs"}
    change = {"member": "status", "old": "active", "new": "paused"}
    assert (entry["action"], entry["changes"]) == ("offer.status_set", [change])


def test_passes_from_before_the_pause_are_still_good(place: Place):
    customer = place.world.customer()
    [unlock] = place.world.check_in(customer, place.venue)["unlocked"]
    for _ in range(5):
        place.flag(place.guest())
    assert place.status() == "paused"
    assert place.world.redeem(unlock["code"], place.venue).status_code == 201


def test_five_of_many_pause_nothing(place: Place):
    guests = [place.guest() for _ in range(31)]
    for guest in guests[:6]:
        place.flag(guest)
    assert place.status() == "active"
    place.flag(guests[6])
    assert place.status() == "paused"


def test_flags_older_than_the_window_do_not_count(place: Place):
    guests = [place.guest() for _ in range(5)]
    for guest in guests[:4]:
        place.flag(guest)
    with time_machine.travel(datetime.now(UTC) + MONTH + timedelta(minutes=1)):
        late = {"external_id": str(uuid.uuid4())}
        customer = place.world.customer(**late)
        place.world.check_in(customer, place.venue)
        place.flag(customer)
        assert place.status() == "active"


def test_after_a_pause_the_count_begins_anew(place: Place):
    for _ in range(5):
        place.flag(place.guest())
    place.activate()
    guests = [place.guest() for _ in range(5)]
    for guest in guests[:4]:
        place.flag(guest)
    assert place.status() == "active"
    place.flag(guests[4])
    assert place.status() == "paused"
    assert len(place.notices()) == len(place.events()) == 2


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_an_offer_that_does_not_run_is_flagged_and_left_as_it_is(place: Place, status: str):
    guests = [place.guest() for _ in range(6)]
    place.world.ask("post", f"{place.path}/status", json={"status": status})
    for guest in guests:
        place.flag(guest)
    assert place.status() == status
    assert (place.notices(), place.events(), len(place.flags()["items"])) == ([], [], 6)


def test_what_testers_flag_pauses_nothing(place: Place):
    people = [place.world.register() for _ in range(5)]
    for person in people:
        standing = named(place.world, person)
        place.world.ask("put", f"/v1/standings/{standing}", json={"standing": "tester"})
        place.world.check_in(person["access_token"], place.venue)
        place.flag(person["access_token"])
    assert (place.status(), len(place.flags()["items"])) == ("active", 5)


def test_of_many_flags_at_once_none_is_missed_and_one_pauses(place: Place):
    guests = [place.guest() for _ in range(8)]
    path = f"{place.path}/flags"
    answers = post_at_once(place.world.app, [(path, guest, NOT_REDEEMABLE) for guest in guests])
    assert {status for status, _ in answers} == {201}
    assert place.status() == "paused"
    assert len(place.events()) == len(place.notices()) == 1
    assert len(place.flags()["items"]) == 8
