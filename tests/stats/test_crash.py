"""The service is killed in the middle of it all: nothing is lost, and nothing counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from lbs.app import create_app
from lbs.cli.database import migrate
from lbs.cli.postgres import create_database
from lbs.cli.run import HOST, free_port, wait_until_ready
from lbs.db import Database
from lbs.jobs.app import enqueue
from lbs.stats import service as stats
from tests.live import variables
from tests.world import World

VISITORS, AT_ONCE, KILLS = 90, 6, 3
PATIENCE_S = 60


class Machine:
    """A server and a worker, that can be cut off at any moment and started again."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env, self.port = env, free_port()
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        serve = ("serve", "--port", str(self.port), "--workers", "1")
        for command in (serve, ("worker",)):
            process = subprocess.Popen(
                [sys.executable, "-m", "lbs.cli", *command], env=self._env, start_new_session=True
            )
            self._running.append(process)
        with httpx.Client(base_url=self.address) as http:
            wait_until_ready(http)

    def kill(self) -> None:
        """With all that they have started: the server runs in processes of its own."""
        for pid in descendants([process.pid for process in self._running]):
            os.kill(pid, signal.SIGKILL)
        for process in self._running:
            process.wait()
        self._running.clear()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"


def descendants(pids: list[int]) -> list[int]:
    """The processes, and those that they have started; who would start another comes first."""
    found, parents = list(pids), {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, words = file.read_text().partition(" ")
            parents[int(pid)] = int(words.rpartition(")")[2].split()[1])
    for one in found:
        found += [pid for pid, parent in parents.items() if parent == one]
    return found


@pytest.fixture
def crashing(cluster, settings) -> Iterator[tuple[World, Machine]]:
    create_database(cluster, "crash")
    settings = replace(settings, database_url=cluster.url("crash"))
    migrate(settings, datetime.now(UTC))
    app = create_app(settings)
    machine = Machine({**os.environ, **variables(settings)})
    machine.start()
    yield World(app), machine
    machine.kill()
    app.extensions["lbs_database"].engine.dispose()


def insist(machine: Machine, path: str, token: str, body: dict[str, Any]) -> Any:
    """Ask until there is an answer, as an app does: the same request, under the same key."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = httpx.post(f"{machine.address}{path}", json=body, headers=headers, timeout=10)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code not in (409, 503):
            assert answer.status_code == 201, answer.text
            return answer.json()
        assert time.monotonic() < deadline, answer and answer.text
        time.sleep(0.05)


@contextmanager
def rolling_up(db: Database) -> Iterator[None]:
    """Has the worker roll up all the time, so that it is killed while it does."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            with db.transaction() as session:
                enqueue(session, "roll_up", lock="roll_up", timestamp=0)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_crash_loses_nothing_and_counts_nothing_twice(crashing):
    world, machine = crashing
    venue = world.venue()
    offer = world.offer(venue)
    customers = [world.customer() for _ in range(VISITORS)]
    done = threading.Semaphore(0)

    def visit(customer: str) -> None:
        body = {"venue_id": venue["id"], "evidence": [world.location()]}
        [unlock] = insist(machine, "/v1/check-ins", customer, body)["unlocked"]
        till = {"code": unlock["code"], "venue_id": venue["id"], "amount_minor": 12000}
        insist(machine, "/v1/redemptions", world.key, till)
        done.release()

    with ThreadPoolExecutor(AT_ONCE) as pool, rolling_up(world.db):
        visits = [pool.submit(visit, customer) for customer in customers]
        for _ in range(KILLS):
            for _ in range(VISITORS // (KILLS + 1)):
                assert done.acquire(timeout=PATIENCE_S)
            machine.kill()
            machine.start()
        for result in visits:
            result.result()

    with world.db.transaction() as session:
        rows = {
            table: session.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("check_in", "unlock", "redemption")
        }
    assert rows == dict.fromkeys(rows, VISITORS)
    asked = f"/v1/stats/offers/{offer['id']}/funnel?to=2100-01-01T00:00:00Z"
    told = world.ask("get", asked)
    steps = {step["step"]: (step["count"], step["customers"]) for step in told["steps"]}
    for step in ("checked_in", "unlocked", "redeemed"):
        assert steps[step] == (VISITORS, VISITORS)
    for make in (stats.roll_up, stats.rebuild):
        with world.db.transaction() as session:
            make(session)
        assert world.ask("get", asked) == told
