"""A merchant with a Page on Facebook, and the worker that posts there."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from werkzeug.serving import make_server

from lbs.facebook_pages import service
from lbs.facebook_pages.jobs import Poster, Watcher
from tests.meta_standin.pages import Page, Pages, give_person_token
from tests.meta_standin.server import Meta
from tests.world import World, now

_people = itertools.count(700_001)


class PageOwner:
    """The world's merchant, whose person on Facebook has a part in a Page."""

    def __init__(self, world: World, meta: Meta) -> None:
        self.world, self.meta = world, meta
        self.settings = world.app.extensions["lbs_settings"]
        self.person = str(next(_people))
        self.page: Page = meta.state_of(Pages).add("Café Ærø", self.person)
        self.connected = self.connect()
        self.offer = world.offer(world.venue())

    def connect(self, token: str = "", **options: Any) -> dict[str, Any]:
        body = {
            "person_token": token or give_person_token(self.meta, self.person),
            "page_id": self.page.id,
        }
        return self.world.ask("post", "/v1/facebook/pages", json=body, **options)

    @property
    def posts_path(self) -> str:
        return f"/v1/offers/{self.offer['id']}/facebook-posts"

    def post(self, message: str | None = "Kom ind i varmen", **members: Any) -> dict[str, Any]:
        body = {"facebook_page_id": self.connected["id"], "message": message, **members}
        return self.world.ask("post", self.posts_path, json=body)

    def read(self, post: dict[str, Any]) -> dict[str, Any]:
        return self.world.ask("get", f"{self.posts_path}/{post['id']}")

    def read_page(self) -> dict[str, Any]:
        return self.world.ask("get", f"/v1/facebook/pages/{self.connected['id']}")

    def delete(self, post: dict[str, Any]) -> None:
        self.world.ask("delete", f"{self.posts_path}/{post['id']}")

    def work(self, rounds: int = 20) -> None:
        """What a worker does with what is due, until there is no more."""
        with self.world.db.transaction() as session:
            service.due_pages(session, now())
        poster = Poster(self.world.db, self.settings)
        for _ in range(rounds):
            if not poster.post_next(UUID(self.connected["id"])):
                return

    def look(self) -> None:
        """What a worker does once a day."""
        Watcher(self.world.db, self.settings).check_all()

    def advance(self, **delta: float) -> None:
        """As if so much time had gone by for the Page and what is on its way to it."""
        statements = (
            """
            UPDATE facebook_post SET next_try_at = next_try_at - :by, asked_at = asked_at - :by,
                   failing_since = failing_since - :by, publish_at = publish_at - :by
            WHERE facebook_page_id = :id
            """,
            """
            UPDATE facebook_page SET paused_until = paused_until - :by,
                   checked_at = checked_at - :by
            WHERE id = :id
            """,
        )
        with self.world.db.transaction() as session:
            for statement in statements:
                values = {"by": timedelta(**delta), "id": self.connected["id"]}
                session.execute(text(statement), values)

    def notices(self) -> list[str]:
        return [one["kind"] for one in self.world.ask("get", "/v1/notices")["items"]]


@contextmanager
def answering(app: Any, port: int) -> Iterator[None]:
    """The service on a loopback port, so that Meta can read the pages that links lead to."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
