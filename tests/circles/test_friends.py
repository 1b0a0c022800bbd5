"""Friends: linked by an invitation, for both, under an id that names neither."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.circles.queries import FRIENDS_PRESENT
from tests.racing import post_at_once
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
LIMIT = 20
FRIENDS = "/v1/customers/me/friends"


def invite(world: World, customer: str) -> str:
    return world.ask("post", "/v1/friend-invitations", customer)["code"]


def add(world: World, customer: str, code: str) -> Any:
    return world.call("post", "/v1/friends", customer, json={"code": code})


def befriend(world: World, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    answer = add(world, other["access_token"], invite(world, one["access_token"]))
    assert answer.status_code == 201, answer.text
    return answer.json


def friends(world: World, person: dict[str, Any]) -> list[dict[str, Any]]:
    return world.ask("get", FRIENDS, person["access_token"])["items"]


def present(world: World, person: dict[str, Any], venue: dict[str, Any], at: datetime) -> int:
    query = f"""
        SELECT ({FRIENDS_PRESENT}) FROM customer, venue
        WHERE customer.id = :customer_id AND venue.id = :venue_id
    """
    values = {"customer_id": person["customer_id"], "venue_id": venue["id"], "now": at}
    with world.db.transaction() as session:
        return session.scalar(text(query), values)


def make_full(world: World, person: dict[str, Any], count: int) -> None:
    """Friends by the hundred, as the interface would have linked them."""
    with world.db.transaction() as session:
        session.execute(
            text("""
                WITH others AS (
                    INSERT INTO customer (id, subject_id, app_id, created_at)
                    SELECT gen_random_uuid(), gen_random_uuid(), app_id, created_at
                    FROM customer, generate_series(1, :count) WHERE id = :id RETURNING id
                )
                INSERT INTO friendship (id, one_id, other_id, created_at)
                SELECT gen_random_uuid(), least(id, :id), greatest(id, :id), now() FROM others
            """),
            {"id": uuid.UUID(person["customer_id"]), "count": count},
        )


def test_a_code_links_both_under_an_id_that_names_neither(world: World):
    one, other = world.register(), world.register()
    code = invite(world, one["access_token"])
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", code)
    friend = add(world, other["access_token"], code.lower().replace("-", " ")).json
    assert friend.keys() == {"id", "created_at"}
    assert friends(world, one) == friends(world, other) == [friend]
    assert friend["id"] not in (one["customer_id"], other["customer_id"])


def test_an_invitation_is_good_for_seven_days(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        one, other, late = world.register(), world.register(), world.register()
        invitations = [
            world.ask("post", "/v1/friend-invitations", one["access_token"]) for _ in range(2)
        ]
        assert {invitation["expires_at"] for invitation in invitations} == {"2026-06-08T12:00:00Z"}
        clock.move_to(NOON + WEEK - timedelta(microseconds=1))
        tokens = [
            world.ask("post", "/v1/tokens", person["refresh_token"])["access_token"]
            for person in (other, late)
        ]
        assert add(world, tokens[0], invitations[0]["code"]).status_code == 201
        clock.move_to(NOON + WEEK)
        refused = add(world, tokens[1], invitations[1]["code"])
    assert (refused.status_code, refused.json["code"]) == (409, "friend-invitation-refused")


def test_a_code_is_good_once(world: World):
    one, other, third = (world.register() for _ in range(3))
    code = invite(world, one["access_token"])
    assert add(world, other["access_token"], code).status_code == 201
    assert add(world, third["access_token"], code).status_code == 409
    assert friends(world, third) == []


def test_linking_again_is_the_same_link(world: World):
    one, other = world.register(), world.register()
    code = invite(world, one["access_token"])
    first, again = (add(world, other["access_token"], code) for _ in range(2))
    assert (first.status_code, first.json) == (again.status_code, again.json)
    back = add(world, one["access_token"], invite(world, other["access_token"]))
    assert back.json == first.json
    assert len(friends(world, one)) == 1


def test_an_invitation_that_linked_nobody_new_is_left(world: World):
    one, other, third = (world.register() for _ in range(3))
    befriend(world, one, other)
    code = invite(world, one["access_token"])
    assert add(world, other["access_token"], code).status_code == 201
    assert add(world, third["access_token"], code).status_code == 201


def test_nobody_is_their_own_friend(world: World):
    one, other = world.register(), world.register()
    code = invite(world, one["access_token"])
    refused = add(world, one["access_token"], code)
    assert (refused.status_code, refused.json["code"]) == (409, "friend-invitation-refused")
    assert friends(world, one) == []
    assert add(world, other["access_token"], code).status_code == 201


def test_either_ends_it_for_both_and_the_code_does_not_bring_it_back(world: World):
    one, other = world.register(), world.register()
    code = invite(world, one["access_token"])
    friend = add(world, other["access_token"], code).json
    world.ask("delete", f"{FRIENDS}/{friend['id']}", one["access_token"])
    assert friends(world, one) == friends(world, other) == []
    gone = world.call("delete", f"{FRIENDS}/{friend['id']}", other["access_token"])
    assert (gone.status_code, gone.json["code"]) == (404, "friend-not-found")
    assert add(world, other["access_token"], code).status_code == 409
    assert befriend(world, one, other)["id"] != friend["id"]


def test_a_third_person_ends_nothing(world: World):
    one, other, third = (world.register() for _ in range(3))
    friend = befriend(world, one, other)
    refused = world.call("delete", f"{FRIENDS}/{friend['id']}", third["access_token"])
    assert refused.status_code == 404
    assert friends(world, one) == [friend]


def test_erasure_removes_links_and_invitations(world: World, db):
    one, other, third = (world.register() for _ in range(3))
    befriend(world, one, other)
    code = invite(world, one["access_token"])
    world.ask("delete", "/v1/customers/me", one["access_token"])
    assert friends(world, other) == []
    assert add(world, third["access_token"], code).status_code == 409
    with db.transaction() as session:
        left = session.scalar(
            text("""SELECT (SELECT count(*) FROM friendship WHERE :id IN (one_id, other_id))
                    + (SELECT count(*) FROM friend_invitation WHERE customer_id = :id)"""),
            {"id": one["customer_id"]},
        )
    assert left == 0


def test_an_erased_customer_invites_and_links_nobody(world: World):
    one, other = world.register(), world.register()
    code = invite(world, other["access_token"])
    world.ask("delete", "/v1/customers/me", one["access_token"])
    invited = world.call("post", "/v1/friend-invitations", one["access_token"])
    linked = add(world, one["access_token"], code)
    assert [answer.json["code"] for answer in (invited, linked)] == ["customer-gone"] * 2


def test_a_customer_has_at_most_500_friends(world: World):
    one, other, third = (world.register() for _ in range(3))
    make_full(world, one, 499)
    befriend(world, one, other)
    code = invite(world, third["access_token"])
    for refused in (
        add(world, third["access_token"], invite(world, one["access_token"])),
        add(world, one["access_token"], code),
    ):
        assert (refused.status_code, refused.json["code"]) == (409, "friends-full")
    world.ask("delete", f"{FRIENDS}/{friends(world, other)[0]['id']}", other["access_token"])
    assert add(world, one["access_token"], code).status_code == 201  # it was not used up


def test_friends_are_listed_in_pages_newest_first(world: World):
    one = world.register()
    made = [befriend(world, one, world.register()) for _ in range(5)]
    found, cursor = [], None
    while cursor is not None or not found:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = world.ask("get", FRIENDS, one["access_token"], query_string=query)
        found += answer["items"]
        cursor = answer["next_cursor"]
    assert found == made[::-1]


def test_wrong_codes_are_counted_and_right_ones_wait_then(world: World):
    one, guesser = world.register(), world.register()
    code = invite(world, one["access_token"])
    with time_machine.travel(now(), tick=False) as clock:
        answers = [add(world, guesser["access_token"], "WRONG").status_code for _ in range(LIMIT)]
        assert answers == [409] * LIMIT
        refused = add(world, guesser["access_token"], code)
        assert (refused.status_code, refused.json["code"]) == (429, "too-many-guesses")
        assert refused.json["retry_after"] == 600
        clock.shift(timedelta(minutes=10))
        assert add(world, guesser["access_token"], code).status_code == 201


def test_used_and_own_codes_are_no_guesses(world: World):
    one, other, third = (world.register() for _ in range(3))
    code = invite(world, one["access_token"])
    add(world, other["access_token"], code)
    for person in (one, third):
        answers = {add(world, person["access_token"], code).status_code for _ in range(LIMIT + 1)}
        assert answers == {409}


def test_parallel_guesses_get_exactly_as_many_answers_as_the_limit_allows(world: World, app):
    guesser = world.customer()
    answers = post_at_once(
        app, [("/v1/friends", guesser, {"code": f"WRONG {n}"}) for n in range(40)]
    )
    assert Counter(status for status, _ in answers) == {409: LIMIT, 429: 40 - LIMIT}


def test_of_many_who_use_one_code_at_once_one_is_linked(world: World, app):
    one = world.register()
    code = invite(world, one["access_token"])
    people = [world.customer() for _ in range(8)]
    answers = post_at_once(app, [("/v1/friends", person, {"code": code}) for person in people])
    assert Counter(status for status, _ in answers) == {201: 1, 409: 7}
    assert len(friends(world, one)) == 1


def test_two_who_link_each_other_at_once_have_one_link(world: World, app):
    for _ in range(5):
        one, other = world.register(), world.register()
        codes = [invite(world, person["access_token"]) for person in (one, other)]
        answers = post_at_once(
            app,
            [
                ("/v1/friends", other["access_token"], {"code": codes[0]}),
                ("/v1/friends", one["access_token"], {"code": codes[1]}),
            ],
        )
        assert [status for status, _ in answers] == [201, 201]
        assert friends(world, one) == friends(world, other) == [answers[0][1]]


def test_many_who_come_at_once_are_never_more_than_500(world: World, app):
    one = world.register()
    make_full(world, one, 497)
    codes = [invite(world, one["access_token"]) for _ in range(8)]
    answers = post_at_once(
        app, [("/v1/friends", world.customer(), {"code": code}) for code in codes]
    )
    assert Counter(status for status, _ in answers) == {201: 3, 409: 5}


@pytest.mark.parametrize(
    ("ago", "counted"),
    [
        (timedelta(0), 1),
        (timedelta(hours=3), 1),
        (timedelta(hours=3, microseconds=1), 0),
        (-timedelta(hours=3), 1),
        (-timedelta(hours=3, microseconds=1), 0),
    ],
)
def test_a_friend_is_present_for_three_hours(world: World, ago: timedelta, counted: int):
    venue = world.venue()
    one, other = world.register(), world.register()
    befriend(world, one, other)
    seen = world.check_in(other["access_token"], venue)
    at = datetime.fromisoformat(seen["occurred_at"])
    assert present(world, one, venue, at + ago) == counted


def test_only_friends_at_the_venue_with_an_accepted_check_in_are_counted(world: World):
    venue, other_venue = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    one, stranger = world.register(), world.register()
    near, far, elsewhere, inviting = (world.register() for _ in range(4))
    for friend in (near, far, elsewhere):
        befriend(world, one, friend)
    befriend(world, inviting, one)
    for person, place in ((near, venue), (inviting, venue), (stranger, venue)):
        world.check_in(person["access_token"], place)
    world.check_in(near["access_token"], venue)
    world.check_in(far["access_token"], venue, north_m=5000)
    world.check_in(elsewhere["access_token"], other_venue)
    assert present(world, one, venue, now()) == 2
    assert present(world, near, venue, now()) == 0
    assert present(world, one, other_venue, now()) == 1
