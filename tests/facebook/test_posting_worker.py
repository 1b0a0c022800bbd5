"""A real worker posts what is due; killed at any point, it loses nothing, posts nothing twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.facebook.posting import PageOwner
from tests.webhooks.test_worker import until, worker


@pytest.fixture(autouse=True)
def alone(owner: PageOwner) -> Iterator[None]:
    """The worker has no other jobs, and no other Page to post to."""
    forget = "TRUNCATE procrastinate_jobs CASCADE"
    leave = (
        "UPDATE facebook_post SET state = 'cancelled', next_try_at = NULL WHERE state = 'queued'"
    )
    with owner.world.db.transaction() as session:
        session.execute(text(forget))
        session.execute(text(leave))
    yield
    with owner.world.db.transaction() as session:
        session.execute(text(forget))


def test_a_worker_posts_what_is_asked_for(owner: PageOwner, tmp_path: Path):
    log = tmp_path / "log"
    post = owner.post()
    with worker(owner.settings, log):
        until(lambda: owner.read(post)["state"] == "posted")
        owner.delete(post)
        until(lambda: owner.read(post)["state"] == "deleted")
    assert owner.page.shown == []
    said = log.read_text()
    assert [token for token in (*owner.meta.tokens, owner.meta.app_secret) if token in said] == []


def in_hand(path: str, method: str) -> dict[str, Any]:
    """Meta takes its time over such a call."""
    return {"path": path, "method": method, "hold": 4.0}


@pytest.mark.parametrize(
    "held",
    [
        in_hand(r"v26.0/$", "POST"),
        in_hand("/feed$", "POST"),
        {**in_hand("/feed$", "POST"), "instead": True},
    ],
    ids=["while the link is read", "after it was posted", "before it was posted"],
)
def test_killed_with_a_post_in_hand_it_is_posted_once(
    owner: PageOwner, tmp_path: Path, held: dict[str, Any]
):
    fault, log = owner.meta.fail(**held), tmp_path / "log"
    calls = lambda: owner.meta.calls(fault.path, fault.method)  # noqa: E731
    post = owner.post()
    kill_when(owner, log, calls)
    time.sleep(held["hold"])
    assert owner.read(post)["state"] == "queued"
    was_there = len(owner.page.shown)
    free_jobs(owner)
    owner.advance(minutes=5)
    with worker(owner.settings, log):
        until(lambda: owner.read(post)["state"] == "posted", 120)
    [there] = owner.page.shown
    assert owner.read(post)["post_id"] == there.id
    assert len(owner.meta.calls("/feed$", "POST")) == (
        1 if was_there or held["path"] != "/feed$" else 2
    )


def test_killed_while_a_post_is_deleted_it_is_gone(owner: PageOwner, tmp_path: Path):
    log, post = tmp_path / "log", owner.post()
    owner.work()
    owner.meta.fail("_1$", method="DELETE", hold=4.0)
    owner.delete(post)
    kill_when(owner, log, lambda: owner.meta.calls("_1$", "DELETE"))
    assert owner.read(post)["state"] == "deleting"
    free_jobs(owner)
    owner.advance(minutes=5)
    with worker(owner.settings, log):
        until(lambda: owner.read(post)["state"] == "deleted", 120)
    assert owner.page.shown == []


def kill_when(owner: PageOwner, log: Path, reached: Callable[[], object]) -> None:
    """A worker, until it is in the middle of a call."""
    with worker(owner.settings, log) as process:
        until(reached)
        process.send_signal(signal.SIGKILL)
        process.wait()


def free_jobs(owner: PageOwner) -> None:
    """As if the killed worker had not been heard of for long."""
    free = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
    with owner.world.db.transaction() as session:
        session.execute(text(free))
