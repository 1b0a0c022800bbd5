"""The endpoints of a merchant: made, read, changed, deleted, within bounds."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from lbs.webhooks.policy import EVENT_TYPES, MAX_ENDPOINTS
from tests.racing import at_once
from tests.webhooks.merchant import PATH
from tests.world import World, now

URL = "https://cafe.example/hooks"


def make(world: World, **members: Any) -> dict[str, Any]:
    return world.ask("post", PATH, json={"url": URL, "event_types": ["offer.unlocked"], **members})


def test_the_secret_is_shown_once_and_sealed(world: World):
    made = make(world, description="Till")
    assert made["secret"].startswith("whsec_")
    path = f"{PATH}/{made['id']}"
    shown = world.ask("get", path)
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert world.ask("get", PATH)["items"] == [shown]
    with world.db.transaction() as session:
        row = session.execute(
            text("SELECT t::text FROM webhook_endpoint AS t WHERE id = :id"), {"id": made["id"]}
        ).scalar_one()
    assert made["secret"] not in row
    assert made["secret"].removeprefix("whsec_") not in row


def test_types_are_kept_once_and_in_order(world: World):
    made = make(world, event_types=["offer.taken", "check_in.verified", "offer.taken"])
    assert made["event_types"] == ["check_in.verified", "offer.taken"]
    assert make(world, event_types=list(EVENT_TYPES))["event_types"] == list(EVENT_TYPES)


@pytest.mark.parametrize("types", [[], ["offer.eaten"], ["webhook.test"], "offer.taken", [None]])
def test_an_endpoint_takes_known_types_and_at_least_one(world: World, types: Any):
    body = {"url": URL, "event_types": types}
    assert world.call("post", PATH, world.key, json=body).status_code == 422


@pytest.mark.parametrize(
    "url", ["http://cafe.example/", "https://127.0.0.1/", "https://a:b@cafe.example/", "x", ""]
)
def test_an_address_that_cannot_be_sent_to_is_refused_and_named(world: World, url: str):
    made = make(world)
    version = {"If-Match": '"1"'}
    for response in (
        world.call("post", PATH, world.key, json={"url": url, "event_types": ["offer.taken"]}),
        world.call("patch", f"{PATH}/{made['id']}", world.key, json={"url": url}, headers=version),
    ):
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json["errors"]] == ["#/url"]


def test_a_change_needs_the_version_that_was_read(world: World):
    made = make(world)
    path = f"{PATH}/{made['id']}"
    body, version = {"description": None, "url": f"{URL}/2"}, {"If-Match": '"1"'}
    changed = world.ask("patch", path, json=body, headers=version)
    assert (changed["version"], changed["url"]) == (2, f"{URL}/2")
    outdated = world.call("patch", path, world.key, json=body, headers=version)
    assert (outdated.status_code, outdated.json["code"]) == (412, "version-outdated")
    assert world.call("patch", path, world.key, json=body).status_code == 428
    same = world.ask("patch", path, json=body, headers={"If-Match": '"2"'})
    assert same["version"] == 2


def test_disabled_by_its_merchant_and_active_again(world: World):
    path = f"{PATH}/{make(world)['id']}"
    off = world.ask("patch", path, json={"status": "disabled"}, headers={"If-Match": '"1"'})
    assert (off["status"], off["disabled_reason"]) == ("disabled", "by_merchant")
    assert off["disabled_at"] is not None
    on = world.ask("patch", path, json={"status": "active"}, headers={"If-Match": '"2"'})
    assert (on["status"], on["disabled_reason"], on["disabled_at"]) == ("active", None, None)


def test_deleted_with_all_that_was_sent(world: World):
    made = make(world)
    path = f"{PATH}/{made['id']}"
    world.ask("post", f"{path}/test")
    world.ask("delete", path)
    for call in (("get", path), ("get", f"{path}/deliveries"), ("post", f"{path}/test")):
        gone = world.call(*call, world.key)
        assert (gone.status_code, gone.json["code"]) == (404, "webhook-endpoint-not-found")


def test_a_delivery_of_another_endpoint_is_not_found(world: World):
    one, other = make(world), make(world)
    sent = world.ask("post", f"{PATH}/{other['id']}/test")
    path = f"{PATH}/{one['id']}/deliveries/{sent['id']}/redelivery"
    refused = world.call("post", path, world.key)
    assert (refused.status_code, refused.json["code"]) == (404, "webhook-delivery-not-found")


def test_a_merchant_has_no_more_endpoints_than_it_may(world: World):
    for _ in range(MAX_ENDPOINTS - 1):
        make(world)
    body = {"url": URL, "event_types": ["offer.taken"]}
    answers = at_once([lambda: _post(world, body)] * 4)
    assert sorted(answers) == [201, 409, 409, 409]


def _post(world: World, body: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {world.key}", "Idempotency-Key": str(now())}
    headers["Idempotency-Key"] += str(id(headers))
    return world.app.test_client().post(PATH, json=body, headers=headers).status_code


def test_deliveries_are_listed_page_by_page_and_by_state(world: World):
    path = f"{PATH}/{make(world)['id']}"
    sent = [world.ask("post", f"{path}/test")["id"] for _ in range(3)]
    first = world.ask("get", f"{path}/deliveries", query_string={"limit": 2})
    rest = world.ask(
        "get", f"{path}/deliveries", query_string={"limit": 2, "cursor": first["next_cursor"]}
    )
    assert [one["id"] for one in first["items"] + rest["items"]] == sent[::-1]
    found = world.ask("get", f"{path}/deliveries", query_string={"state": "failed"})
    assert found["items"] == []
