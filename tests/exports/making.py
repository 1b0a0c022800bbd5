"""A worker that makes what has been asked for, and nothing that the clock adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import procrastinate
import pytest
from sqlalchemy import text

import lbs.tasks  # noqa: F401
from lbs.cli.server import conninfo
from lbs.config import Settings
from lbs.db import Database
from lbs.exports import jobs
from lbs.jobs.app import connected
from tests.world import World

PERIOD = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


class Worker:
    def __init__(self, app: procrastinate.App, db: Database, settings: Settings) -> None:
        self._app, self._db, self._settings = app, db, settings

    def run(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self._app.periodic_registry, "periodic_tasks", {})
            self._app.run_worker(
                wait=False,
                install_signal_handlers=False,
                listen_notify=False,
                additional_context={"database": self._db, "settings": self._settings},
            )

    def defer(self, name: str) -> None:
        with self._app.open():
            self._app.configure_task(name).defer(timestamp=0)

    def empty(self) -> None:
        with self._db.transaction() as session:
            session.execute(text("TRUNCATE procrastinate_jobs CASCADE"))


@contextmanager
def working(db: Database, settings: Settings) -> Iterator[Worker]:
    """The queue is empty before and after."""
    with connected(conninfo(settings.database_url)) as app:
        worker = Worker(app, db, settings)
        worker.empty()
        yield worker
        worker.empty()


def ask_for(world: World, what: str = "redemptions", key: str = "", **members: Any) -> Any:
    body = {"what": what, "format": "csv", **PERIOD, **members}
    return world.ask("post", "/v1/stats/exports", key, json=body)


def make(world: World, worker: Worker, what: str = "redemptions", **members: Any) -> Any:
    """An export that is ready."""
    asked = ask_for(world, what, **members)
    assert asked["state"] == "queued"
    worker.run()
    made = world.ask("get", f"/v1/stats/exports/{asked['id']}", members.get("key", ""))
    assert made["state"] == "ready", made
    return made


def made(world: World, export: Any) -> Any:
    """As a worker makes it, at once."""
    jobs.make(world.db, world.app.extensions["lbs_settings"], UUID(export["id"]), is_last=True)
    return world.ask("get", f"/v1/stats/exports/{export['id']}")


def file_of(world: World, export: Any, key: str = "", **headers: str) -> Any:
    path = f"/v1/stats/exports/{export['id']}/file"
    return world.call("get", path, key or world.key, headers=headers)
