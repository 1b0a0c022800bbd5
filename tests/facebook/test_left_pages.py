"""Of a Page that no merchant has any more, nothing is kept that Meta has told of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from lbs.facebook_pages.service import FORGET
from tests.exports.making import Worker, working
from tests.facebook.posting import PageOwner
from tests.meta_standin.login import callback_of
from tests.meta_standin.webhooks import batched, comment, headers_of, reaction
from tests.world import World

HOOKS, PAGES = "/webhooks/facebook", "/v1/facebook/pages"
KEPT = {
    "changes": "SELECT count(*) FROM facebook_change WHERE page_id = :page_id",
    "salts": "SELECT count(*) FROM facebook_engaged_post WHERE page_id = :page_id",
    "things": """
        SELECT count(*) FROM facebook_engagement JOIN facebook_engaged_post USING (post_id)
        WHERE page_id = :page_id
    """,
}
NOTHING = {"changes": 0, "salts": 0, "things": 0}
ALL = {"changes": 2, "salts": 1, "things": 2}


class Second(PageOwner):
    """Another merchant, who has connected the same Page."""

    def __init__(self, first: PageOwner) -> None:
        self.world, self.meta, self.settings = World(first.world.app), first.meta, first.settings
        self.person, self.page = first.person, first.page
        self.connected = self.connect()
        self.offer = self.world.offer(self.world.venue())


@pytest.fixture
def worker(owner: PageOwner) -> Iterator[Worker]:
    with working(owner.world.db, owner.settings) as worker:
        yield worker


@pytest.fixture
def second(owner: PageOwner, worker: Worker) -> Second:
    return Second(owner)


def tell(owner: PageOwner, worker: Worker, *changes: dict[str, Any]) -> None:
    """Meta says so, and a worker reads it."""
    for raw in batched(owner.page.id, changes):
        headers = headers_of(owner.meta, raw)
        assert owner.world.client.post(HOOKS, data=raw, headers=headers).status_code == 200
    worker.defer("read_facebook_webhooks")
    worker.run()


def engage(owner: PageOwner, worker: Worker) -> dict[str, Any]:
    """A post with a reaction and a comment on it."""
    post = owner.post()
    worker.run()
    post_id = owner.read(post)["post_id"]
    tell(owner, worker, reaction(post_id, "7"), comment(post_id, f"{post_id}_1"))
    assert counts(owner, post) == (1, 1)
    return post


def counts(owner: PageOwner, post: dict[str, Any]) -> tuple[int, int]:
    found = owner.read(post)
    return found["reactions"], found["comments"]


def kept(owner: PageOwner) -> dict[str, int]:
    with owner.world.db.transaction() as session:
        values = {"page_id": owner.page.id}
        return {what: session.scalar(text(query), values) for what, query in KEPT.items()}


def leave(owner: PageOwner, worker: Worker) -> None:
    owner.world.ask("delete", f"{PAGES}/{owner.connected['id']}")
    worker.run()


def call_back(owner: PageOwner, worker: Worker, callback: str, after_s: int = 0) -> None:
    """The Page has removed the app, or asks for deletion, so far from now."""
    signed_at = int(time.time()) + after_s
    form = callback_of(owner.meta, "0", profile_id=owner.page.id, issued_at=signed_at)
    assert owner.world.client.post(f"{HOOKS}/{callback}", data=form).status_code == 200
    worker.run()


def test_the_first_who_leaves_takes_nothing_away_and_the_last_takes_all(
    owner: PageOwner, second: Second, worker: Worker
):
    post = engage(second, worker)
    leave(owner, worker)
    assert (kept(owner), counts(second, post)) == (ALL, (1, 1))
    leave(second, worker)
    assert (kept(owner), counts(second, post)) == (NOTHING, (0, 0))
    assert owner.page.subscribed == {}


def test_what_comes_after_it_was_left_is_forgotten_within_a_day(owner: PageOwner, worker: Worker):
    post = engage(owner, worker)
    leave(owner, worker)
    tell(owner, worker, reaction(owner.read(post)["post_id"], "8"))
    assert kept(owner) == {"changes": 1, "salts": 1, "things": 1}
    worker.defer(FORGET)
    worker.run()
    assert kept(owner) == NOTHING


def test_connected_again_it_is_counted_anew(owner: PageOwner, worker: Worker):
    post = engage(owner, worker)
    leave(owner, worker)
    owner.connected = owner.connect()
    tell(owner, worker, reaction(owner.read(post)["post_id"], "8"))
    worker.defer(FORGET)
    worker.run()
    assert counts(owner, post) == (1, 0)


@pytest.mark.parametrize("callback", ["deauthorize", "data-deletion"])
def test_a_page_that_removes_the_app_is_forgotten_with_its_tokens(
    owner: PageOwner, second: Second, worker: Worker, callback: str
):
    engage(owner, worker)
    call_back(owner, worker, callback)
    assert kept(owner) == NOTHING
    assert [one.read_page()["status"] for one in (owner, second)] == ["reauth_required"] * 2
    with owner.world.db.transaction() as session:
        tokens = text("SELECT count(sealed_token) FROM facebook_page WHERE page_id = :page_id")
        assert session.scalar(tokens, {"page_id": owner.page.id}) == 0
    assert owner.connect()["status"] == "connected"


def test_who_connected_it_after_it_had_removed_the_app_keeps_all(
    owner: PageOwner, second: Second, worker: Worker
):
    post = engage(second, worker)
    with owner.world.db.transaction() as session:
        earlier = text(
            "UPDATE facebook_page SET connected_at = now() - interval '2 h' WHERE id = :id"
        )
        session.execute(earlier, {"id": owner.connected["id"]})
    call_back(owner, worker, "deauthorize", after_s=-3600)
    assert [one.read_page()["status"] for one in (owner, second)] == [
        "reauth_required",
        "connected",
    ]
    assert (kept(owner), counts(second, post)) == (ALL, (1, 1))
    leave(second, worker)
    assert kept(owner) == NOTHING, "nobody has it whose token is good for anything"
    assert owner.page.subscribed == {}


def test_a_dead_token_is_no_leaving(owner: PageOwner, worker: Worker):
    post = engage(owner, worker)
    owner.meta.kill_tokens(460, owner.page.id)
    owner.advance(days=1)
    owner.look()
    assert owner.read_page()["status"] == "reauth_required"
    worker.defer(FORGET)
    worker.run()
    assert (kept(owner), counts(owner, post)) == (ALL, (1, 1))
