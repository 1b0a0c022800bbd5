"""Facebook reads a customer's new link before anybody posts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from lbs.shares.service import SHOW
from tests.exports.making import Worker, working
from tests.facebook.posting import PageOwner
from tests.meta_standin.pages import Pages
from tests.world import World

SCRAPES = r"v26.0/$"


@pytest.fixture
def worker(owner: PageOwner) -> Iterator[Worker]:
    with working(owner.world.db, owner.settings) as worker:
        yield worker


def share(world: World, customer: str, offer: dict[str, Any]) -> dict[str, Any]:
    return world.ask("post", f"/v1/offers/{offer['id']}/shares", customer)


def waiting(world: World) -> int:
    query = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :task")
    with world.db.transaction() as session:
        return session.scalar(query, {"task": SHOW})


def test_facebook_reads_a_new_link_once(owner: PageOwner, worker: Worker):
    customer = owner.world.customer()
    link = share(owner.world, customer, owner.offer)["share_url"]
    assert owner.meta.calls(SCRAPES) == []
    worker.run()
    read = owner.meta.state_of(Pages).read[link]
    assert owner.offer["teaser"] in read["title"]
    assert read["image"]
    assert share(owner.world, customer, owner.offer)["share_url"] == link
    worker.run()
    assert len(owner.meta.calls(SCRAPES)) == 1


def test_the_look_is_counted_as_facebooks_and_nobodys_visit(owner: PageOwner, worker: Worker):
    share(owner.world, owner.world.customer(), owner.offer)
    worker.run()
    found = owner.world.ask("get", f"/v1/stats/offers/{owner.offer['id']}/shares")
    assert (found["shares"], found["fetches"], found["visitors"]) == (1, 1, 0)


@pytest.mark.parametrize("fault", [{"code": 4}, {"status": 500}, {"truncated": True}])
def test_where_facebook_cannot_read_it_the_link_is_as_good(
    owner: PageOwner, worker: Worker, fault: dict[str, Any]
):
    owner.meta.fail(SCRAPES, **fault)
    customer = owner.world.customer()
    made = share(owner.world, customer, owner.offer)
    worker.run()
    assert share(owner.world, customer, owner.offer) == made
    assert waiting(owner.world) == 1


def test_without_an_app_nothing_is_to_be_read(world_without_facebook: World):
    before = waiting(world_without_facebook)
    offer = world_without_facebook.offer(world_without_facebook.venue())
    share(world_without_facebook, world_without_facebook.customer(), offer)
    assert waiting(world_without_facebook) == before
