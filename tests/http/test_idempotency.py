"""A request sent twice is carried out once, and answered twice."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.accounts import queries
from lbs.http.idempotency import MAX_KEY_LENGTH
from tests.world import World, now

REPLAYED = "Idempotency-Replayed"


def create_group(world: World, key: str, name: str = "group", token: str | None = None) -> Any:
    return world.call(
        "post",
        "/v1/venue-groups",
        token or world.key,
        json={"name": name},
        headers={"Idempotency-Key": key},
    )


def groups(world: World) -> list[str]:
    return [group["name"] for group in world.ask("get", "/v1/venue-groups")["items"]]


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY_LENGTH + 1)], ids=["empty", "too long"])
def test_a_key_that_is_none_is_refused(world: World, key: str):
    response = create_group(world, key)
    assert (response.status_code, response.json["code"]) == (400, "idempotency-key-needed")
    assert groups(world) == []


def test_a_request_without_a_key_is_refused(world: World):
    response = world.client.post(
        "/v1/venue-groups",
        json={"name": "group"},
        headers={"Authorization": f"Bearer {world.key}"},
    )
    assert (response.status_code, response.json["code"]) == (400, "idempotency-key-needed")
    assert groups(world) == []


def test_every_post_needs_a_key(world: World):
    posts = [
        operation
        for item in world.client.get("/openapi.json").json["paths"].values()
        for method, operation in item.items()
        if method == "post"
    ]
    assert len(posts) > 10
    needed = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert [post["operationId"] for post in posts if needed not in post["parameters"]] == []


@pytest.mark.parametrize("key", ["x", "x" * MAX_KEY_LENGTH, "a b", "é", '"quoted"'])
def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(world: World, key: str):
    first, second = create_group(world, key), create_group(world, key)
    assert first.status_code == second.status_code == 201
    assert first.data == second.data
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.content_type == second.content_type
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert groups(world) == ["group"]


def test_a_replayed_answer_carries_its_own_request_id_and_the_policy(world: World):
    first, second = create_group(world, "x"), create_group(world, "x")
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert second.headers["Content-Security-Policy"]
    assert second.headers["Cache-Control"] == "no-store"


def test_another_key_is_another_request(world: World):
    assert create_group(world, "x").json["id"] != create_group(world, "X").json["id"]
    assert groups(world) == ["group", "group"]


def test_another_payload_path_or_query_under_the_same_key_is_refused(world: World):
    create_group(world, "x")
    venue = {"Idempotency-Key": "x"}
    for response in (
        create_group(world, "x", name="other"),
        world.call("post", "/v1/offers", world.key, json={"name": "group"}, headers=venue),
        world.call(
            "post", "/v1/venue-groups?a=b", world.key, json={"name": "group"}, headers=venue
        ),
    ):
        assert (response.status_code, response.json["code"]) == (422, "idempotency-key-reused")
    assert groups(world) == ["group"]


def test_while_the_first_is_in_flight_the_second_is_refused(world: World):
    """The first waits for a row that this test holds."""
    offer = world.offer(world.venue(), status="draft")
    path = f"/v1/offers/{offer['id']}/status"
    headers = {"Idempotency-Key": "x", "Authorization": f"Bearer {world.key}"}

    def activate() -> Any:
        return world.app.test_client().post(path, json={"status": "active"}, headers=headers)

    with ThreadPoolExecutor(2) as pool:
        with world.db.transaction() as session:
            session.execute(
                text("SELECT FROM offer WHERE id = :id FOR UPDATE"), {"id": offer["id"]}
            )
            first = pool.submit(activate)
            _wait_until_blocked(world)
            second = pool.submit(activate).result(timeout=10)
            assert not first.done()
        done = first.result(timeout=10)
    assert (second.status_code, second.json["code"]) == (409, "request-in-flight")
    assert int(second.headers["Retry-After"]) >= 1
    assert (done.status_code, done.json["status"]) == (200, "active")
    again = activate()
    assert again.data == done.data
    assert again.headers[REPLAYED] == "true"


def _wait_until_blocked(world: World) -> None:
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%offer%FOR UPDATE%'"
    )
    for _ in range(500):
        with world.db.transaction() as session:
            if session.scalar(blocked):
                return
        threading.Event().wait(0.01)
    pytest.fail("the first request never waited")


def test_of_many_at_once_one_is_carried_out(world: World):
    start = threading.Barrier(8)

    def create() -> int:
        start.wait()
        headers = {"Idempotency-Key": "x", "Authorization": f"Bearer {world.key}"}
        client = world.app.test_client()
        return client.post("/v1/venue-groups", json={"name": "group"}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(create) for _ in range(8)]]
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert groups(world) == ["group"]


def test_a_failure_inside_the_transaction_is_not_stored(world: World):
    """The status is refused, the cause mended, and the same request sent again."""
    venue = world.venue()
    offer = world.offer(status="draft")
    path = f"/v1/offers/{offer['id']}/status"

    def activate() -> Any:
        return world.call(
            "post", path, world.key, json={"status": "active"}, headers={"Idempotency-Key": "x"}
        )

    for _ in range(2):
        refused = activate()
        assert (refused.status_code, refused.json["code"]) == (409, "offer-not-ready")
        assert REPLAYED not in refused.headers
    world.call(
        "patch",
        f"/v1/offers/{offer['id']}",
        world.key,
        json={"venue_ids": [venue["id"]]},
        headers={"If-Match": '"1"'},
    )
    assert activate().json["status"] == "active"


def test_what_is_not_well_formed_is_not_stored(world: World):
    refused = create_group(world, "x", name="")
    assert refused.status_code == 422
    assert create_group(world, "x").status_code == 201


def test_a_crash_is_not_stored_and_leaves_nothing(world: World, monkeypatch):
    def fail(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("lbs.venues.service.load_group", fail)
        assert create_group(world, "x").status_code == 500
    assert groups(world) == []
    assert create_group(world, "x").status_code == 201
    assert groups(world) == ["group"]


def test_a_refusal_that_is_returned_is_stored(world: World):
    venue = world.venue()
    world.offer(venue)
    headers = {"Idempotency-Key": "x"}
    body = {"code": "0000-0000-0000", "venue_id": venue["id"]}
    answers = [
        world.call("post", "/v1/redemptions", world.key, json=body, headers=headers)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [409] * 3
    assert [REPLAYED in answer.headers for answer in answers] == [False, True, True]
    assert answers[0].data == answers[1].data
    assert answers[1].content_type == "application/problem+json"
    with world.db.transaction() as session:
        counted = session.scalar(
            text("SELECT refused FROM guess_counter WHERE bucket = :bucket"),
            {"bucket": f"venue {venue['id']}"},
        )
    assert counted == 1, "a refusal sent again is no second guess"


def test_a_wait_for_too_many_guesses_is_not_stored(world: World):
    venue = world.venue()
    world.offer(venue)
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    while True:
        if world.redeem("0000-0000-0000", venue).status_code == 429:
            break
    headers = {"Idempotency-Key": "x"}
    body = {"code": unlock["code"], "venue_id": venue["id"]}
    waiting = world.call("post", "/v1/redemptions", world.key, json=body, headers=headers)
    assert (waiting.status_code, waiting.json["code"]) == (429, "too-many-guesses")
    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        done = world.call("post", "/v1/redemptions", world.key, json=body, headers=headers)
    assert done.status_code == 201


def test_anothers_key_of_the_same_name_is_another_request(world: World, other_world: World):
    first = create_group(world, "x")
    second = create_group(other_world, "x")
    third = create_group(other_world, "x", name="other")
    assert first.json["id"] != second.json["id"]
    assert REPLAYED not in second.headers
    assert third.status_code == 422


def test_customers_do_not_meet_in_their_keys(world: World):
    venue = world.venue()
    body = {"venue_id": venue["id"], "evidence": [world.location()]}
    ids = {
        world.call(
            "post", "/v1/check-ins", world.customer(), json=body, headers={"Idempotency-Key": "x"}
        ).json["id"]
        for _ in range(3)
    }
    assert len(ids) == 3


def test_a_replay_needs_a_good_token(world: World):
    key = world.ask("post", "/v1/api-keys", json={"name": "key", "scopes": ["venues"]})
    assert create_group(world, "x", token=key["token"]).status_code == 201
    world.ask("delete", f"/v1/api-keys/{key['id']}")
    assert create_group(world, "x", token=key["token"]).status_code == 401
    redeem_only = world.key_with("redeem")
    assert create_group(world, "x", token=redeem_only).status_code == 403


def test_stored_answers_are_sealed(world: World):
    name = f"group {uuid.uuid4()}"
    group = create_group(world, "very-recognisable-key", name=name).json
    token = world.ask("post", "/v1/api-keys", json={"name": "key", "scopes": ["venues"]})["token"]
    with world.db.transaction() as session:
        rows = session.scalars(
            text("SELECT answer::text FROM idempotent_answer AS answer WHERE principal = :who"),
            {"who": f"key {world.key_id}"},
        ).all()
    assert len(rows) == 2
    for row in rows:
        for secret in (name, group["id"], token, token.split("_", 2)[2], "very-recognisable-key"):
            assert secret not in row


def test_the_jobs_forget_old_answers_only(world: World):
    """What `forget_old_tokens` does each hour, called as it calls it."""
    create_group(world, "x")
    with world.db.transaction() as session:
        queries.delete_old_answers(session, now() - timedelta(hours=24))
    assert REPLAYED in create_group(world, "x").headers
    with world.db.transaction() as session:
        session.execute(
            text(
                "UPDATE idempotent_answer SET created_at = created_at - interval '25 hours'"
                " WHERE principal = :who"
            ),
            {"who": f"key {world.key_id}"},
        )
        queries.delete_old_answers(session, now() - timedelta(hours=24))
    assert REPLAYED not in create_group(world, "x").headers
    assert groups(world) == ["group", "group"]
