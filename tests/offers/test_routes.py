"""Offers as a merchant writes, changes, activates, pauses and ends them."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from tests.world import OFFER, World, now

STATUSES = ("draft", "active", "paused", "ended")


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def create(world: World, **members: Any) -> Any:
    return world.call("post", "/v1/offers", world.key, json={**OFFER, **members})


def change(world: World, offer: dict[str, Any], version: int | None = None, **members: Any) -> Any:
    return world.call(
        "patch",
        f"/v1/offers/{offer['id']}",
        world.key,
        json=members,
        headers={"If-Match": f'"{version or offer["version"]}"'},
    )


def move(world: World, offer: dict[str, Any], status: str) -> Any:
    path = f"/v1/offers/{offer['id']}/status"
    return world.call("post", path, world.key, json={"status": status})


def pointers(response: Any) -> list[str]:
    assert response.status_code == 422, response.text
    return list(dict.fromkeys(error["pointer"] for error in response.json["errors"]))


def in_status(world: World, status: str, venue: dict[str, Any]) -> dict[str, Any]:
    offer = world.offer(venue, status=status)
    assert offer["status"] == status
    return offer


# --- create, read, list --------------------------------------------------------------------


def test_an_offer_is_created_as_a_draft_and_read_as_it_was_given(world: World):
    venue = world.venue()
    given = {
        **OFFER,
        "limit_total": 500,
        "limit_per_customer": 1,
        "limit_per_day": 50,
        "redeem_within_s": 7200,
        "venue_ids": [venue["id"]],
    }
    response = create(world, **given)
    assert response.status_code == 201
    assert response.headers["ETag"] == '"1"'
    offer = response.json
    assert {name: offer[name] for name in given} == given
    assert (offer["status"], offer["version"], offer["terms_version"]) == ("draft", 1, 1)
    assert (offer["group_ids"], offer["taken"]) == ([], 0)
    read = world.call("get", f"/v1/offers/{offer['id']}", world.key)
    assert (read.json, read.headers["ETag"]) == (offer, '"1"')


def test_what_is_left_out_is_without_limit(world: World):
    offer = create(world).json
    for name in (
        "limit_total",
        "limit_per_customer",
        "limit_per_day",
        "limit_per_venue",
        "limit_per_venue_day",
        "budget_minor",
        "budget",
        "reserve_s",
        "redeem_within_s",
    ):
        assert offer[name] is None
    assert (offer["venue_ids"], offer["group_ids"]) == ([], [])


def test_offers_are_listed_newest_first_page_by_page(world: World, other_world: World):
    other_world.offer(other_world.venue())
    venue = world.venue()
    made = [in_status(world, status, venue)["id"] for status in STATUSES]
    seen, cursor = [], ""
    while cursor is not None:
        page = world.ask("get", f"/v1/offers?limit=3{cursor and f'&cursor={cursor}'}")
        seen += [offer["id"] for offer in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
    for status, offer_id in zip(STATUSES, made, strict=True):
        found = world.ask("get", f"/v1/offers?status={status}")["items"]
        assert [offer["id"] for offer in found] == [offer_id]


def test_a_place_may_be_named_twice_and_counts_once(world: World):
    venue = world.venue()
    assert create(world, venue_ids=[venue["id"]] * 2).json["venue_ids"] == [venue["id"]]


def test_an_offer_runs_at_no_foreign_place(world: World, other_world: World):
    venue, foreign = world.venue(), other_world.venue()
    group = other_world.ask("post", "/v1/venue-groups", json={"name": "theirs"})
    offer = create(world, venue_ids=[venue["id"]]).json
    for places in (
        {"venue_ids": [venue["id"], foreign["id"]]},
        {"venue_ids": [str(uuid.uuid4())]},
        {"group_ids": [group["id"]]},
        {"group_ids": [venue["id"]]},
    ):
        assert code_of(create(world, **places)) == (404, "offer-place-not-found")
        assert code_of(change(world, offer, **places)) == (404, "offer-place-not-found")
    assert world.ask("get", "/v1/offers")["items"] == [offer]


def test_another_merchants_offer_is_not_there(world: World, other_world: World):
    foreign = other_world.offer(other_world.venue())
    missing = (404, "offer-not-found")
    for offer in (foreign, {"id": str(uuid.uuid4()), "version": 1}):
        assert code_of(world.call("get", f"/v1/offers/{offer['id']}", world.key)) == missing
        assert code_of(change(world, offer, teaser="x")) == missing
        assert code_of(move(world, offer, "ended")) == missing
    assert other_world.ask("get", f"/v1/offers/{foreign['id']}") == foreign


# --- members -------------------------------------------------------------------------------

REWARDS = [
    {"kind": "percent", "percent": 1},
    {"kind": "percent", "percent": 100},
    {"kind": "amount", "amount_minor": 1},
    {"kind": "amount", "amount_minor": 10**12},
    {"kind": "free_item", "item": "A filter coffee"},
    {"kind": "upgrade", "item": "Large for small"},
    {"kind": "charity", "amount_minor": 500, "recipient": "Red Cross"},
    {"kind": "text", "text": "Spring køen over 🎉"},
]
RULES = [
    {"kind": "every_visit"},
    {"kind": "first_visit"},
    {"kind": "nth_visit", "n": 2},
    {"kind": "nth_visit", "n": 1000},
    {"kind": "every_nth_visit", "n": 2},
    {"kind": "every_nth_visit", "n": 1000},
]


@pytest.mark.parametrize("reward", REWARDS)
def test_every_kind_of_reward_is_kept_and_reaches_customer_and_till(world: World, reward):
    venue = world.venue()
    offer = world.offer(venue, reward=reward)
    assert offer["reward"] == reward
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    assert unlock["reward"] == reward
    assert world.redeem(unlock["code"], venue).json["reward"] == reward


@pytest.mark.parametrize("rule", RULES)
def test_every_kind_of_rule_is_kept_and_judged(world: World, rule: dict[str, Any]):
    venue = world.venue()
    assert world.offer(venue, rule=rule)["rule"] == rule
    result = world.check_in(world.customer(), venue)
    if rule["kind"] in ("every_visit", "first_visit"):
        assert len(result["unlocked"]) == 1
    else:
        [locked] = result["locked"]
        assert (locked["progress"], locked["target"]) == (1, rule["n"])
        assert locked["reason"]["code"] == "more_visits"


@pytest.mark.parametrize(
    ("member", "value", "where"),
    [
        ("reward", {"kind": "percent", "percent": 0}, "#/reward/percent"),
        ("reward", {"kind": "percent", "percent": 101}, "#/reward/percent"),
        ("reward", {"kind": "percent"}, "#/reward/percent"),
        ("reward", {"kind": "percent", "percent": 5, "item": "x"}, "#/reward/item"),
        ("reward", {"kind": "amount", "amount_minor": 0}, "#/reward/amount_minor"),
        ("reward", {"kind": "amount", "amount_minor": 10**12 + 1}, "#/reward/amount_minor"),
        ("reward", {"kind": "free_item", "item": ""}, "#/reward/item"),
        ("reward", {"kind": "upgrade"}, "#/reward/item"),
        ("reward", {"kind": "charity", "amount_minor": 1}, "#/reward/recipient"),
        ("reward", {"kind": "charity", "recipient": "x"}, "#/reward/amount_minor"),
        ("reward", {"kind": "text", "text": "x" * 501}, "#/reward/text"),
        ("reward", {"kind": "cash"}, "#/reward/kind"),
        ("reward", {}, "#/reward/kind"),
        ("reward", {"percent": 5}, "#/reward/kind"),
        ("reward", {"kind": None}, "#/reward/kind"),
        ("reward", {"kind": {}}, "#/reward/kind"),
        ("reward", None, "#/reward"),
        ("rule", {"kind": "nth_visit", "n": 1}, "#/rule/n"),
        ("rule", {"kind": "nth_visit", "n": 1001}, "#/rule/n"),
        ("rule", {"kind": "nth_visit"}, "#/rule/n"),
        ("rule", {"kind": "every_nth_visit", "n": 1}, "#/rule/n"),
        ("rule", {"kind": "every_visit", "n": 2}, "#/rule/n"),
        ("rule", {"kind": "full_moon"}, "#/rule/kind"),
        ("rule", "every_visit", "#/rule"),
        ("currency", "dkk", "#/currency"),
        ("currency", "XYZ", "#/currency"),
        ("currency", "", "#/currency"),
        ("currency", "KRONER", "#/currency"),
        ("value_minor", -1, "#/value_minor"),
        ("value_minor", 10**12 + 1, "#/value_minor"),
        ("value_minor", 35.5, "#/value_minor"),
        ("cost_minor", -1, "#/cost_minor"),
        ("cost_minor", None, "#/cost_minor"),
        ("limit_total", 0, "#/limit_total"),
        ("limit_total", 10**9 + 1, "#/limit_total"),
        ("limit_per_customer", 0, "#/limit_per_customer"),
        ("limit_per_day", -1, "#/limit_per_day"),
        ("redeem_within_s", 59, "#/redeem_within_s"),
        ("redeem_within_s", 366 * 86_400 + 1, "#/redeem_within_s"),
        ("teaser", "", "#/teaser"),
        ("teaser", "x" * 201, "#/teaser"),
        ("terms", "x" * 2001, "#/terms"),
        ("terms", None, "#/terms"),
        ("valid_from", "2026-01-01", "#/valid_from"),
        ("valid_to", OFFER["valid_from"], "#/valid_to"),
        ("valid_to", "2019-12-31T23:59:59Z", "#/valid_to"),
        ("venue_ids", ["x"], "#/venue_ids/0"),
        ("venue_ids", [str(uuid.UUID(int=0))] * 5001, "#/venue_ids"),
    ],
)
def test_a_member_out_of_bounds_is_refused_on_creation_and_on_change(world, member, value, where):
    assert pointers(create(world, **{member: value})) == [where]
    offer = create(world).json
    given = {"valid_from": OFFER["valid_from"]} if member == "valid_to" else {}
    assert pointers(change(world, offer, **given, **{member: value})) == [where]
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("value_minor", 0),
        ("value_minor", 10**12),
        ("cost_minor", 0),
        ("currency", "JPY"),
        ("currency", "EUR"),
        ("limit_total", 1),
        ("limit_total", 10**9),
        ("limit_per_customer", 1),
        ("limit_per_day", 1),
        ("limit_per_day", None),
        ("redeem_within_s", 60),
        ("redeem_within_s", 366 * 86_400),
        ("redeem_within_s", None),
        ("teaser", "ø" * 200),
        ("terms", "ø" * 2000),
        ("valid_to", "2020-01-01T00:00:00.000001Z"),
    ],
)
def test_a_member_at_its_bound_is_taken(world: World, member: str, value: Any):
    assert create(world, **{member: value}).json[member] == value
    assert change(world, create(world).json, **{member: value}).json[member] == value


@pytest.mark.parametrize(
    "missing",
    [
        "teaser",
        "terms",
        "reward",
        "rule",
        "value_minor",
        "cost_minor",
        "currency",
        "valid_from",
        "valid_to",
    ],
)
def test_what_an_offer_cannot_do_without_is_asked_for(world: World, missing: str):
    body = {name: value for name, value in OFFER.items() if name != missing}
    response = world.call("post", "/v1/offers", world.key, json=body)
    assert pointers(response) == [f"#/{missing}"]


# --- changes -------------------------------------------------------------------------------


def test_changed_terms_are_a_new_version_and_changed_places_are_not(world: World):
    venue = world.venue()
    offer = create(world).json
    placed = change(world, offer, venue_ids=[venue["id"]])
    assert placed.headers["ETag"] == '"2"'
    assert (placed.json["version"], placed.json["terms_version"]) == (2, 1)
    worded = change(world, placed.json, terms="Two coffees", value_minor=7000).json
    assert (worded["version"], worded["terms_version"]) == (3, 2)
    assert (worded["terms"], worded["value_minor"]) == ("Two coffees", 7000)
    assert (worded["teaser"], worded["venue_ids"]) == (offer["teaser"], [venue["id"]])
    assert worded["updated_at"] > offer["updated_at"]
    assert worded["created_at"] == offer["created_at"]


def test_a_customer_for_whom_it_opened_keeps_the_terms_it_had(world: World):
    venue = world.venue()
    offer = world.offer(venue, terms="One coffee", value_minor=3500)
    early = world.customer()
    [old] = world.check_in(early, venue)["unlocked"]
    changed = change(
        world, offer, terms="Half a coffee", value_minor=1700, cost_minor=300,
        reward={"kind": "percent", "percent": 50},
    ).json  # fmt: skip
    [new] = world.check_in(world.customer(), venue)["unlocked"]
    assert (old["terms"], old["offer_version"]) == ("One coffee", 1)
    assert (new["terms"], new["offer_version"]) == ("Half a coffee", changed["terms_version"])

    kept = world.ask("get", f"/v1/unlocks/{old['id']}", early)
    assert (kept["terms"], kept["value_minor"]) == ("One coffee", 3500)
    assert kept["reward"] == OFFER["reward"]
    redeemed = world.redeem(old["code"], venue).json
    assert (redeemed["terms"], redeemed["offer_version"]) == ("One coffee", 1)
    assert (redeemed["value_minor"], redeemed["cost_minor"]) == (3500, 600)
    redeemed = world.redeem(new["code"], venue).json
    assert (redeemed["terms"], redeemed["value_minor"]) == ("Half a coffee", 1700)


def test_a_shorter_offer_does_not_shorten_what_has_opened(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    customer = world.customer()
    [unlock] = world.check_in(customer, venue)["unlocked"]
    soon = (now() + timedelta(minutes=5)).isoformat()
    assert change(world, offer, valid_to=soon).status_code == 200
    kept = world.ask("get", f"/v1/unlocks/{unlock['id']}", customer)
    assert kept["expires_at"] == unlock["expires_at"] == "2100-01-01T00:00:00Z"


def test_a_change_needs_the_version_that_was_read(world: World):
    offer = create(world).json
    path = f"/v1/offers/{offer['id']}"
    missing = world.call("patch", path, world.key, json={"teaser": "x"})
    assert code_of(missing) == (428, "precondition-required")
    assert code_of(change(world, offer, 2, teaser="x")) == (412, "version-outdated")
    assert change(world, offer, 1, teaser="x").status_code == 200
    assert code_of(change(world, offer, 1, teaser="y")) == (412, "version-outdated")
    assert world.ask("get", path)["teaser"] == "x"


def test_a_move_of_the_status_is_a_new_version_too(world: World):
    offer = create(world, venue_ids=[world.venue()["id"]]).json
    assert move(world, offer, "active").headers["ETag"] == '"2"'
    assert code_of(change(world, offer, 1, teaser="x")) == (412, "version-outdated")


def test_of_many_changes_of_one_version_at_once_one_is_made(world: World):
    offer = create(world).json
    start = threading.Barrier(6)
    answers: list[int] = []

    def edit(number: int) -> None:
        client = world.app.test_client()
        headers = {"If-Match": '"1"', "Authorization": f"Bearer {world.key}"}
        start.wait()
        response = client.patch(
            f"/v1/offers/{offer['id']}", json={"value_minor": number}, headers=headers
        )
        answers.append(response.status_code)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [412] * 5
    after = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (after["version"], after["terms_version"]) == (2, 2)


@pytest.mark.parametrize(
    "dates",
    [
        {"valid_to": OFFER["valid_from"]},
        {"valid_to": "2019-01-01T00:00:00Z"},
        {"valid_from": OFFER["valid_to"]},
        {"valid_from": "2150-01-01T00:00:00Z"},
    ],
)
def test_one_date_may_not_cross_the_other(world: World, dates: dict[str, str]):
    offer = create(world).json
    assert code_of(change(world, offer, **dates)) == (409, "offer-dates-refused")
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


@pytest.mark.parametrize(
    "members", [{"venue_ids": []}, {"valid_to": "2021-01-01T00:00:00Z"}], ids=["place", "time"]
)
def test_a_change_cannot_make_an_active_offer_unready(world: World, members: dict[str, Any]):
    offer = world.offer(world.venue())
    assert code_of(change(world, offer, **members)) == (409, "offer-not-ready")
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer
    paused = move(world, offer, "paused").json
    assert change(world, paused, **members).status_code == 200
    assert code_of(move(world, offer, "active")) == (409, "offer-not-ready")


def test_an_ended_offer_does_not_change_any_more(world: World):
    offer = in_status(world, "ended", world.venue())
    assert code_of(change(world, offer, teaser="x")) == (409, "offer-ended")
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


# --- status --------------------------------------------------------------------------------

ALLOWED = {
    ("draft", "active"),
    ("draft", "ended"),
    ("active", "paused"),
    ("active", "ended"),
    ("paused", "active"),
    ("paused", "ended"),
}


@pytest.mark.parametrize("to", ["active", "paused", "ended"])
@pytest.mark.parametrize("at", STATUSES)
def test_an_offer_moves_between_statuses_as_allowed_and_no_other_way(world, at, to):
    offer = in_status(world, at, world.venue())
    response = move(world, offer, to)
    after = world.ask("get", f"/v1/offers/{offer['id']}")
    if at == to:
        assert (response.status_code, after) == (200, offer)
    elif (at, to) in ALLOWED:
        assert response.json == after
        assert (after["status"], after["version"]) == (to, offer["version"] + 1)
    else:
        assert code_of(response) == (409, "offer-status-refused")
        assert after == offer


@pytest.mark.parametrize("status", ["draft", "retired", "", None, 1])
def test_a_status_that_an_offer_cannot_be_given_is_refused(world: World, status: Any):
    offer = create(world).json
    assert pointers(move(world, offer, status)) == ["#/status"]


@pytest.mark.parametrize(
    "members",
    [{}, {"venue_ids": [], "group_ids": []}, {"valid_to": "2021-01-01T00:00:00Z"}],
    ids=["nowhere", "nowhere said", "over"],
)
def test_an_offer_that_runs_nowhere_or_is_over_cannot_be_activated(world: World, members):
    if "valid_to" in members:
        members = {**members, "venue_ids": [world.venue()["id"]]}
    offer = create(world, **members).json
    assert code_of(move(world, offer, "active")) == (409, "offer-not-ready")
    assert world.ask("get", f"/v1/offers/{offer['id']}")["status"] == "draft"


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
def test_only_an_active_offer_opens_and_is_seen(world: World, status: str):
    venue = world.venue()
    in_status(world, status, venue)
    customer = world.customer()
    result = world.check_in(customer, venue)
    assert result["verdict"] == "accepted"
    assert (result["unlocked"], result["locked"]) == ([], [])
    near = world.ask("get", f"/v1/venues/nearby?lon={world.lon}&lat={world.lat}", customer)
    assert [item["offers"] for item in near["items"]] == [[]]


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_what_opened_before_can_still_be_redeemed(world: World, status: str):
    venue = world.venue()
    offer = world.offer(venue)
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    assert move(world, offer, status).status_code == 200
    assert world.redeem(unlock["code"], venue).status_code == 201


def test_an_offer_opens_from_its_first_moment_to_its_last(world: World):
    venue = world.venue()
    start = (now() + timedelta(minutes=1)).replace(microsecond=0)
    end = start + timedelta(minutes=5)
    world.offer(venue, valid_from=start.isoformat(), valid_to=end.isoformat())

    def opened(moment) -> list[str]:
        with time_machine.travel(moment, tick=False):
            result = world.check_in(world.customer(), venue)
        return ["unlocked"] * len(result["unlocked"]) + [
            offer["reason"]["code"] for offer in result["locked"]
        ]

    tick = timedelta(microseconds=1)
    assert opened(start - tick) == ["not_started"]
    assert opened(start) == ["unlocked"]
    assert opened(end - tick) == ["unlocked"]
    assert opened(end) == []


def test_a_pass_is_good_for_as_long_as_the_offer_says(world: World):
    venue = world.venue()
    world.offer(venue, redeem_within_s=300)
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    with time_machine.travel(now() + timedelta(seconds=301), tick=False):
        assert code_of(world.redeem(unlock["code"], venue)) == (409, "code-refused")
    with time_machine.travel(now() + timedelta(seconds=290), tick=False):
        assert world.redeem(unlock["code"], venue).status_code == 201
