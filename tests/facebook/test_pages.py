"""A Page is connected, watched over and left; its token is shown to nobody."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from lbs.app import create_app
from lbs.config import Settings
from lbs.facebook_pages.jobs import Watcher
from tests.facebook.posting import PageOwner
from tests.meta_standin.pages import SCOPES, Pages, give_person_token
from tests.meta_standin.server import DAY_S
from tests.world import World

PAGES = "/v1/facebook/pages"


def find(owner: PageOwner, token: str, **options: Any) -> Any:
    body = {"person_token": token}
    return owner.world.ask("post", "/v1/facebook/page-choices", json=body, **options)


def stored(owner: PageOwner) -> Any:
    select = "SELECT * FROM facebook_page WHERE id = :id"
    with owner.world.db.transaction() as session:
        return session.execute(text(select), {"id": owner.connected["id"]}).one()


def test_a_person_finds_the_pages_that_they_have_a_part_in(owner: PageOwner):
    state = owner.meta.state_of(Pages)
    others = [state.add(f"Page {n}", owner.person, "ANALYZE") for n in range(120)]
    state.add("Somebody else's", "2")
    items = find(owner, give_person_token(owner.meta, owner.person))["items"]
    assert items[0] == {"page_id": owner.page.id, "name": "Café Ærø", "may_post": True}
    assert [item["page_id"] for item in items[1:]] == [page.id for page in others]
    assert {item["may_post"] for item in items[1:]} == {False}


def test_a_page_is_connected_with_a_token_that_does_not_end(owner: PageOwner):
    assert owner.connected == {
        **owner.connected,
        "page_id": owner.page.id,
        "name": "Café Ærø",
        "status": "connected",
        "paused_until": None,
        "expires_at": None,
        "error_code": None,
    }
    assert owner.page.subscribed == {owner.meta.app_id: ["feed", "mention"]}
    assert owner.world.ask("get", PAGES)["items"] == [owner.connected]
    assert owner.read_page() == owner.connected


def test_no_token_is_shown_or_kept_in_the_clear(owner: PageOwner):
    person = give_person_token(owner.meta, owner.person)
    shown = [find(owner, person), owner.connect(person), owner.read_page()]
    told = json.dumps([shown, owner.world.ask("get", "/v1/audit")])
    rows = repr(stored(owner))
    tokens = [token for token in owner.meta.tokens if token in told + rows]
    assert tokens == []
    assert "EAA" not in told


def test_a_page_is_connected_once_however_often(owner: PageOwner):
    again = owner.connect()
    assert again["id"] == owner.connected["id"]
    assert len(owner.world.ask("get", PAGES)["items"]) == 1


def test_a_request_sent_twice_asks_meta_once(owner: PageOwner):
    body = {"person_token": give_person_token(owner.meta, owner.person), "page_id": owner.page.id}
    headers = {"Idempotency-Key": "connect"}
    first = owner.world.ask("post", PAGES, json=body, headers=headers)
    asked = len(owner.meta.log)
    assert owner.world.ask("post", PAGES, json=body, headers=headers) == first
    assert len(owner.meta.log) == asked


@pytest.mark.parametrize(
    ("person", "code", "status"),
    [
        (lambda owner: "EAAnobody", "facebook-person-refused", 409),
        (lambda owner: dead(owner, 460), "facebook-person-refused", 409),
        (
            lambda owner: give_person_token(owner.meta, owner.person, ()),
            "facebook-permission-missing",
            409,
        ),
        (
            lambda owner: give_person_token(owner.meta, owner.person, SCOPES[:1]),
            "facebook-permission-missing",
            409,
        ),
        (
            lambda owner: give_person_token(owner.meta, owner.person, (*SCOPES[:1], *SCOPES[2:])),
            "facebook-permission-missing",
            409,
        ),
        (lambda owner: give_person_token(owner.meta, "3"), "facebook-page-not-found", 404),
    ],
    ids=["unknown", "dead", "no permission", "only to list", "not to post", "no part"],
)
def test_what_facebook_does_not_allow_is_not_connected(owner: PageOwner, person, code, status):
    before = stored(owner)
    answer = owner.connect(person(owner), status=status)
    assert answer["code"] == code
    assert stored(owner) == before


def dead(owner: PageOwner, subcode: int) -> str:
    token = give_person_token(owner.meta, owner.person)
    owner.meta.tokens[token].dead = subcode
    return token


def test_who_may_not_create_content_connects_nothing(owner: PageOwner):
    owner.page.roles[owner.person] = ("ANALYZE",)
    assert owner.connect(status=409)["code"] == "facebook-permission-missing"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"code": 2},
        {"code": 4},
        {"truncated": True},
        {"instead": True},
    ],
    ids=["down", "unknown", "throttled", "cut off", "no JSON"],
)
@pytest.mark.parametrize("path", ["oauth/access_token", "me/accounts", "debug_token", "subscribed"])
def test_while_facebook_does_not_answer_nothing_is_changed(owner: PageOwner, fault, path):
    before = stored(owner)
    owner.meta.fail(path, **fault)
    answer = owner.connect(status=503)
    assert answer["code"] == "facebook-unavailable"
    assert stored(owner) == before


def test_what_is_not_set_up_is_said(settings: Settings):
    app = create_app(replace(settings, facebook_app_id=""))
    world = World(app)
    body = {"person_token": "EAA", "page_id": "1"}
    for path, given in (("page-choices", {"person_token": "EAA"}), ("pages", body)):
        answer = world.ask("post", f"/v1/facebook/{path}", status=503, json=given)
        assert answer["code"] == "facebook-not-configured"
    offer = world.offer(world.venue())
    post = {"facebook_page_id": offer["id"]}
    path = f"/v1/offers/{offer['id']}/facebook-posts"
    answer = world.ask("post", path, status=503, json=post)
    assert answer["code"] == "facebook-not-configured"
    assert world.ask("get", "/v1/facebook/pages")["items"] == []
    app.extensions["lbs_database"].engine.dispose()


def test_a_page_is_left_and_its_token_forgotten(owner: PageOwner):
    owner.world.ask("delete", f"{PAGES}/{owner.connected['id']}")
    owner.world.ask("get", f"{PAGES}/{owner.connected['id']}", status=404)
    assert owner.world.ask("get", PAGES)["items"] == []
    owner.meta.fail("subscribed_apps", status=500)
    watcher = Watcher(owner.world.db, owner.settings)
    watcher.leave(stored(owner).id)
    assert stored(owner).sealed_token is not None
    owner.advance(days=2)
    owner.look()
    assert stored(owner).sealed_token is None
    assert owner.page.subscribed == {}
    assert owner.connect()["id"] == owner.connected["id"]
    assert owner.page.subscribed == {owner.meta.app_id: ["feed", "mention"]}


def test_a_page_that_another_merchant_has_too_stays_subscribed(owner: PageOwner):
    other = World(owner.world.app)
    body = {"person_token": give_person_token(owner.meta, owner.person), "page_id": owner.page.id}
    theirs = other.ask("post", PAGES, json=body)
    owner.world.ask("delete", f"{PAGES}/{owner.connected['id']}")
    Watcher(owner.world.db, owner.settings).leave(stored(owner).id)
    assert stored(owner).sealed_token is None
    assert owner.page.subscribed == {owner.meta.app_id: ["feed", "mention"]}
    assert other.ask("get", f"{PAGES}/{theirs['id']}")["status"] == "connected"


@pytest.mark.parametrize("subcode", [458, 460, 463, 492])
def test_a_dead_token_is_found_within_a_day_and_the_merchant_told_once(
    owner: PageOwner, subcode: int
):
    owner.meta.kill_tokens(subcode, owner.page.id)
    owner.look()
    assert owner.read_page()["status"] == "connected"
    owner.advance(days=1)
    owner.look()
    owner.advance(days=1)
    owner.look()
    assert owner.read_page()["status"] == "reauth_required"
    assert owner.notices() == ["facebook_page_reauth_required"]
    assert owner.connect()["status"] == "connected"


def test_a_merchants_system_is_told_that_a_page_changed(owner: PageOwner):
    hook = {"url": "https://cafe.example/", "event_types": ["facebook_page.status_changed"]}
    endpoint = owner.world.ask("post", "/v1/webhook-endpoints", json=hook)
    owner.meta.kill_tokens(460, owner.page.id)
    owner.advance(days=1)
    owner.look()
    path = f"/v1/webhook-endpoints/{endpoint['id']}/deliveries"
    [told] = owner.world.ask("get", path)["items"]
    assert told["event_type"] == "facebook_page.status_changed"
    with owner.world.db.transaction() as session:
        body = session.execute(
            text("SELECT body FROM webhook_message WHERE id = :id"), {"id": told["message_id"]}
        ).scalar_one()
    assert json.loads(body)["data"] == {
        "facebook_page_id": owner.connected["id"],
        "page_id": owner.page.id,
        "status": "reauth_required",
    }


def test_a_permission_taken_back_is_found_and_given_again_is_found_too(owner: PageOwner):
    [token] = [
        one
        for one in owner.meta.tokens.values()
        if one.kind == "PAGE" and one.subject_id == owner.page.id
    ]
    had, token.scopes = token.scopes, ("pages_manage_metadata",)
    owner.advance(days=1)
    owner.look()
    assert owner.read_page()["status"] == "permission_missing"
    token.scopes = had
    owner.advance(days=1)
    owner.look()
    assert owner.read_page()["status"] == "connected"
    assert owner.notices() == ["facebook_page_permission_missing"]


def test_an_end_that_comes_near_is_told_once(owner: PageOwner):
    ends = int(time.time()) + 6 * DAY_S
    for token in owner.meta.tokens.values():
        token.data_access_expires_at = ends
    for _ in range(2):
        owner.advance(days=1)
        owner.look()
    assert owner.notices() == ["facebook_page_expiring"]
    assert owner.read_page()["expires_at"] is not None
    assert owner.read_page()["status"] == "connected"


def test_a_subscription_that_is_gone_is_made_again(owner: PageOwner):
    owner.page.subscribed.clear()
    owner.advance(days=1)
    owner.look()
    assert owner.page.subscribed == {owner.meta.app_id: ["feed", "mention"]}


def test_a_look_that_facebook_did_not_answer_is_repeated(owner: PageOwner):
    owner.meta.fail("debug_token", status=503)
    owner.advance(days=1)
    before = owner.read_page()
    owner.look()
    assert owner.read_page() == before
    owner.look()
    assert owner.read_page()["checked_at"] > before["checked_at"]


def test_an_offers_key_reads_pages_and_connects_none(owner: PageOwner):
    key = owner.world.key_with("offers")
    assert owner.world.ask("get", PAGES, key)["items"] == [owner.connected]
    owner.world.ask("delete", f"{PAGES}/{owner.connected['id']}", key, status=403)
    owner.world.ask("post", PAGES, key, status=403, json={"person_token": "E", "page_id": "1"})
