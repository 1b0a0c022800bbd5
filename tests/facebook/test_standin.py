"""The stand-in is as strict as Meta."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from lbs.graph.signing import appsecret_proof
from tests.meta_standin.pages import SOONEST_S, Page, Pages, give_person_token
from tests.meta_standin.server import DAY_S, Meta

PERSON = "1"


def test_by_hand_it_says_how_to_reach_it():
    command = [sys.executable, "-m", "tests.meta_standin", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        lines = [process.stdout.readline().decode().strip() for _ in range(6)]
        said = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        answer = httpx.get(f"{said['LBS_FACEBOOK_GRAPH_URL']}/v26.0/me/accounts", trust_env=False)
        process.kill()
    assert answer.json()["error"]["code"] == 190


class Caller:
    def __init__(self, meta: Meta) -> None:
        self.meta, self.state = meta, meta.state_of(Pages)
        self.page: Page = self.state.add("Café", PERSON)
        scopes = ("pages_manage_posts", "pages_read_engagement", "pages_manage_metadata")
        self.token = meta.give_token("PAGE", self.page.id, scopes=scopes)

    def call(self, method: str, path: str, token: str | None = None, **fields: Any) -> Any:
        token = self.token if token is None else token
        given = {
            "access_token": token,
            "appsecret_proof": appsecret_proof(self.meta.app_secret, token),
            **fields,
        }
        given = {name: value for name, value in given.items() if value is not None}
        where = {"data": given} if method == "POST" else {"params": given}
        url = f"{self.meta.address}/{path}"
        return httpx.request(method, url, trust_env=False, **where).json()

    def code(self, method: str, path: str, **fields: Any) -> int:
        return int(self.call(method, path, **fields)["error"]["code"])


@pytest.fixture
def caller(meta: Meta) -> Caller:
    return Caller(meta)


@pytest.mark.parametrize("proof", [None, "", "00"])
def test_every_call_proves_the_secret(caller: Caller, proof: str | None):
    feed = f"v26.0/{caller.page.id}/feed"
    assert caller.code("POST", feed, message="x", appsecret_proof=proof) == 100
    assert caller.page.posts == []


@pytest.mark.parametrize("version", ["v1.0", "v99.0", "26.0"])
def test_an_unknown_version_is_refused(caller: Caller, version: str):
    assert caller.code("POST", f"{version}/{caller.page.id}/feed", message="x") == 2635


@pytest.mark.parametrize(
    ("ahead_s", "answer"),
    [
        (SOONEST_S - 60, "error"),
        (SOONEST_S + 60, "id"),
        (29 * DAY_S, "id"),
        (31 * DAY_S, "error"),
    ],
)
def test_a_post_is_scheduled_from_ten_minutes_to_thirty_days_ahead(
    caller: Caller, ahead_s: int, answer: str
):
    at = int(time.time()) + ahead_s
    feed = f"v26.0/{caller.page.id}/feed"
    said = caller.call("POST", feed, message="x", published="false", scheduled_publish_time=at)
    assert list(said) == [answer]
    assert caller.page.shown == []


def test_posts_are_there_once_and_can_be_deleted(caller: Caller):
    feed = f"v26.0/{caller.page.id}/feed"
    made = caller.call("POST", feed, message="x")
    assert caller.code("POST", feed, message="x") == 506
    assert caller.code("POST", feed) == 100
    assert [post["id"] for post in caller.call("GET", feed)["data"]] == [made["id"]]
    assert caller.call("DELETE", f"v26.0/{made['id']}") == {"success": True}
    assert caller.code("DELETE", f"v26.0/{made['id']}") == 100
    assert caller.call("GET", feed)["data"] == []


def test_a_link_that_is_not_there_cannot_be_posted(caller: Caller):
    feed, link = f"v26.0/{caller.page.id}/feed", f"{caller.meta.address}/nothing"
    assert caller.code("POST", feed, link=link) == 1609005
    assert caller.code("POST", "v26.0/", id=link, scrape="true") == 1609005


def test_a_link_is_looked_at_ten_times_an_hour(caller: Caller):
    looks = [caller.call("GET", "v26.0/", id="https://x.example") for _ in range(11)]
    assert [look.get("id") for look in looks[:10]] == ["https://x.example"] * 10
    assert looks[10]["error"]["code"] == 4


def test_another_pages_token_or_none_of_the_permissions_is_refused(caller: Caller):
    feed = f"v26.0/{caller.state.add('Other', PERSON).id}/feed"
    assert caller.code("POST", feed, message="x") == 200
    weak = caller.meta.give_token("PAGE", caller.page.id)
    assert caller.code("POST", f"v26.0/{caller.page.id}/feed", token=weak, message="x") == 200


def test_a_token_is_exchanged_for_one_that_lasts(caller: Caller):
    credentials = {"client_id": caller.meta.app_id, "client_secret": caller.meta.app_secret}
    asked = {"grant_type": "fb_exchange_token", **credentials}
    short = give_person_token(caller.meta, PERSON)
    said = caller.call("GET", "v26.0/oauth/access_token", fb_exchange_token=short, **asked)
    assert said["expires_in"] > 59 * DAY_S
    caller.meta.kill_tokens(463, PERSON)
    assert caller.code("GET", "v26.0/oauth/access_token", fb_exchange_token=short, **asked) == 190
