"""Guessing codes: counted in the database, per key and per venue, and exactly."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import time_machine
from sqlalchemy import text

from lbs.app import create_app
from lbs.http import guesses
from tests.racing import post, post_at_once
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMIT = 20
WINDOW = timedelta(minutes=10)


def guess(world: World, venue, key: str | None = None) -> int:
    return world.redeem("WRONG", venue, key).status_code


def right(world: World, venue) -> str:
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    return unlock["code"]


def test_a_right_code_is_refused_while_the_guesser_waits_and_taken_after(world: World):
    venue = world.venue()
    world.offer(venue)
    with time_machine.travel(NOON, tick=False) as clock:
        code = right(world, venue)
        assert [guess(world, venue) for _ in range(LIMIT)] == [409] * LIMIT
        clock.shift(timedelta(minutes=1))
        refused = world.redeem(code, venue)
        assert (refused.status_code, refused.json["code"]) == (429, "too-many-guesses")
        wait_s = int(refused.headers["Retry-After"])
        assert refused.json["retry_after"] == wait_s == 9 * 60
        clock.move_to(NOON + WINDOW - timedelta(microseconds=1))
        assert world.redeem(code, venue).status_code == 429
        clock.move_to(NOON + WINDOW)
        assert world.redeem(code, venue).status_code == 201


def test_after_the_window_counting_starts_anew(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        assert [guess(world, venue) for _ in range(LIMIT + 1)] == [409] * LIMIT + [429]
        clock.move_to(NOON + WINDOW)
        assert [guess(world, venue) for _ in range(LIMIT + 1)] == [409] * LIMIT + [429]


def test_a_refusal_for_want_of_patience_does_not_lengthen_the_wait(world: World, db):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(LIMIT + 5):
            guess(world, venue)
        clock.move_to(NOON + WINDOW - timedelta(seconds=1))
        assert guess(world, venue) == 429
        clock.move_to(NOON + WINDOW)
        assert guess(world, venue) == 409
    with db.transaction() as session:
        refusals = session.scalar(
            text("SELECT count(*) FROM ledger_event WHERE venue_id = :id"), {"id": venue["id"]}
        )
    assert refusals == LIMIT + 1


def test_a_key_that_guesses_waits_at_every_venue_and_others_do_not(world: World):
    venues = [world.venue() for _ in range(3)]
    guesser, other = world.key_with("redeem"), world.key_with("redeem")
    for number in range(LIMIT):
        assert guess(world, venues[number % 2], guesser) == 409
    assert [guess(world, venue, guesser) for venue in venues] == [429] * 3
    assert [guess(world, venue, other) for venue in venues] == [409] * 3


def test_a_venue_where_many_keys_guess_waits_for_every_key(world: World):
    venue, calm = world.venue(), world.venue()
    keys = [world.key_with("redeem") for _ in range(5)]
    for number in range(LIMIT):
        assert guess(world, venue, keys[number % 5]) == 409
    assert guess(world, venue, world.key) == 429
    assert guess(world, calm, world.key) == 409


def test_merchants_do_not_slow_each_other_down(world: World, other_world: World):
    venue, other_venue = world.venue(), other_world.venue()
    for _ in range(LIMIT + 1):
        guess(world, venue)
    assert guess(other_world, other_venue) == 409


def test_a_restart_forgets_no_guess(world: World, settings):
    venue = world.venue()
    for _ in range(LIMIT):
        guess(world, venue)
    restarted = create_app(settings)
    try:
        request = ("/v1/redemptions", world.key, {"code": "WRONG", "venue_id": venue["id"]})
        assert post(restarted, request)[0] == 429
    finally:
        restarted.extensions["lbs_database"].engine.dispose()


def test_parallel_guesses_get_exactly_as_many_answers_as_the_limit_allows(world: World, app):
    venue = world.venue()
    answers = post_at_once(
        app,
        [
            ("/v1/redemptions", world.key, {"code": f"WRONG {number}", "venue_id": venue["id"]})
            for number in range(60)
        ],
    )
    assert Counter(status for status, _ in answers) == {409: LIMIT, 429: 60 - LIMIT}
    assert all(body["retry_after"] >= 1 for status, body in answers if status == 429)


def test_parallel_guesses_of_crossing_keys_and_venues_do_not_deadlock(world: World, app):
    venues = [world.venue() for _ in range(4)]
    keys = [world.key_with("redeem") for _ in range(4)]
    answers = post_at_once(
        app,
        [
            ("/v1/redemptions", key, {"code": "WRONG", "venue_id": venue["id"]})
            for key in keys
            for venue in venues
            for _ in range(3)
        ],
    )
    assert Counter(status for status, _ in answers) == {409: 48}


def test_right_codes_are_never_counted(world: World, db):
    venue = world.venue(cool_down_s=0)
    world.offer(venue)
    customer = world.customer()
    for _ in range(3):
        [unlock] = world.check_in(customer, venue)["unlocked"]
        assert world.redeem(unlock["code"], venue).status_code == 201
    with db.transaction() as session:
        counted = session.scalar(
            text("SELECT count(*) FROM guess_counter WHERE bucket = :bucket"),
            {"bucket": f"venue {venue['id']}"},
        )
    assert counted == 0


def test_old_counters_are_forgotten_and_those_that_count_are_kept(world: World, db):
    venue = world.venue()
    bucket = {"bucket": f"venue {venue['id']}"}
    with time_machine.travel(NOON, tick=False) as clock:
        guess(world, venue)
        for shift, left in ((WINDOW - timedelta(microseconds=1), 1), (WINDOW, 0)):
            clock.move_to(NOON + shift)
            with db.transaction() as session:
                guesses.delete_old_counters(session, now=now(), window=WINDOW)
                found = session.scalar(
                    text("SELECT count(*) FROM guess_counter WHERE bucket = :bucket"), bucket
                )
            assert found == left
