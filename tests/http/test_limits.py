"""How often one caller may call, on an app with a small limit of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lbs.app import create_app
from lbs.config import Settings
from tests.world import World

LIMIT = 5


@pytest.fixture
def limited(settings: Settings, world: World) -> Iterator[World]:
    """The world, seen through an app that takes few requests."""
    app = create_app(replace(settings, rate_limit=f"{LIMIT} per minute"))
    world.client = app.test_client()
    yield world
    app.extensions["lbs_database"].engine.dispose()


def test_every_answer_says_how_many_requests_are_left(limited: World):
    for left in range(LIMIT - 1, -1, -1):
        response = limited.call("get", "/v1/venues", limited.key)
        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == f'"default";q={LIMIT};w=60'
        found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', response.headers["RateLimit"])
        assert found
        assert int(found[1]) == left
        assert 0 <= int(found[2]) <= 60


def test_over_the_limit_a_problem_says_when_to_try_again(limited: World):
    for _ in range(LIMIT):
        limited.call("get", "/v1/venues", limited.key)
    response = limited.call("get", "/v1/venues", limited.key)
    assert response.status_code == 429
    assert response.content_type == "application/problem+json"
    assert response.json["code"] == "too-many-requests"
    assert response.json["request_id"]
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["RateLimit"].startswith('"default";r=0;')
    assert limited.client.get("/problems/too-many-requests").status_code == 200


def test_callers_have_limits_of_their_own(limited: World, other_world: World):
    for _ in range(LIMIT + 1):
        last = limited.call("get", "/v1/venues", limited.key)
    assert last.status_code == 429
    assert limited.call("get", "/v1/venues", other_world.key).status_code == 200


def test_refused_tokens_are_counted_too(limited: World):
    answers = [limited.call("get", "/v1/venues", "guess").status_code for _ in range(LIMIT + 1)]
    assert answers == [401] * LIMIT + [429]


def test_what_is_over_the_limit_is_not_carried_out(limited: World):
    body = {"name": "key", "scopes": ["redeem"]}
    for _ in range(LIMIT + 2):
        limited.call("post", "/v1/api-keys", limited.key, json=body)
    assert len(World.ask(_unlimited(limited), "get", "/v1/api-keys")["items"]) == LIMIT + 1


def test_health_metrics_and_pages_have_no_limit(limited: World):
    for path in ("/livez", "/readyz", "/metrics", "/docs"):
        answers = {limited.client.get(path).status_code for _ in range(LIMIT * 2)}
        assert answers == {200}


def _unlimited(limited: World) -> World:
    limited.client = limited.app.test_client()
    return limited
