"""What the service tells merchants."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from lbs.db import new_id
from lbs.offers.models import Notice
from tests.world import World, now

FLAGS = {"flags": 5, "not_redeemable": 3, "not_valuable": 2, "other": 0}


def tell(world: World, offer: dict[str, Any]) -> str:
    notice_id = new_id()
    row = {"merchant_id": world.merchant_id, "offer_id": uuid.UUID(offer["id"]), "data": FLAGS}
    with world.db.transaction() as session:
        session.add(Notice(id=notice_id, at=now(), kind="offer_paused", **row))
    return str(notice_id)


def listed(world: World, **query: Any) -> list[str]:
    answer = world.ask("get", "/v1/notices", query_string=query)
    return [notice["id"] for notice in answer["items"]]


def read(world: World, notice_id: str, status: int = 200) -> Any:
    return world.ask("post", f"/v1/notices/{notice_id}/read", None, status)


def test_notices_are_listed_newest_first_by_page_and_whether_read(world: World):
    offer = world.offer(status="draft")
    made = [tell(world, offer) for _ in range(3)]
    assert listed(world) == made[::-1]
    first = world.ask("get", "/v1/notices?limit=2")
    assert [notice["id"] for notice in first["items"]] == made[:0:-1]
    assert listed(world, limit=2, cursor=first["next_cursor"]) == made[:1]
    assert read(world, made[1])["read_at"] is not None
    assert listed(world, unread=True) == [made[2], made[0]]
    assert listed(world, unread=False) == listed(world) == made[::-1]


def test_a_notice_keeps_the_time_at_which_it_was_read_first(world: World):
    notice_id = tell(world, world.offer(status="draft"))
    first = read(world, notice_id)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        assert read(world, notice_id) == first


def test_another_merchants_notices_are_not_found(world: World, other_world: World):
    notice_id = tell(world, world.offer(status="draft"))
    assert listed(other_world) == []
    for known in (notice_id, str(uuid.uuid4())):
        assert read(other_world, known, 404)["code"] == "notice-not-found"
    assert world.ask("get", "/v1/notices")["items"][0]["read_at"] is None


def test_notices_need_the_scope_offers(world: World):
    world.ask("get", "/v1/notices", world.key_with("stats"), 403)
    world.ask("get", "/v1/notices", world.key_with("offers"))
