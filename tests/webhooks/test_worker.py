"""A real worker: it tells what happens, and what it had in hand when it was killed is not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from lbs.config import Settings
from tests.live import variables
from tests.webhooks.merchant import Merchant
from tests.webhooks.receiver import answer, when

LOG_S = 60


def until(condition: Callable[[], object], seconds: float = LOG_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


@contextmanager
def worker(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`lbs worker`, in a process of its own; what it says goes to the file."""
    command = [sys.executable, "-m", "lbs.cli", "worker"]
    env = {**os.environ, **variables(settings)}
    with (
        log.open("ab") as said,
        subprocess.Popen(command, env=env, stdout=said, stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def alone(merchant: Merchant) -> Iterator[None]:
    """The worker has no other jobs, and nobody else to send to."""
    forget = "TRUNCATE procrastinate_jobs CASCADE"
    disable = """
        UPDATE webhook_endpoint
        SET status = 'disabled', disabled_reason = 'by_merchant', disabled_at = now()
        WHERE merchant_id <> :id AND status = 'active'
    """
    with merchant.world.db.transaction() as session:
        session.execute(text(forget))
        session.execute(text(disable), {"id": merchant.world.merchant_id})
    yield
    with merchant.world.db.transaction() as session:
        session.execute(text(forget))


def test_a_visit_reaches_the_merchants_system(
    merchant: Merchant, open_settings: Settings, tmp_path: Path
):
    world, log = merchant.world, tmp_path / "log"
    venue = world.venue()
    world.offer(venue)
    with worker(open_settings, log):
        [unlock] = world.check_in(world.customer(), venue)["unlocked"]
        world.redeem(unlock["code"], venue)
        until(lambda: len(merchant.receiver.received) == 3)
    came = merchant.receiver.received
    assert [one.said["type"] for one in came] == [
        "check_in.verified",
        "offer.unlocked",
        "redemption.made",
    ]
    assert all(one.is_signed_by(merchant.secret) for one in came)
    said = log.read_text()
    hidden = [merchant.secret, merchant.secret.removeprefix("whsec_"), unlock["code"], "/hooks"]
    assert [secret for secret in hidden if secret in said] == []


def test_a_worker_killed_between_sending_and_marking_sends_again_under_the_same_id(
    merchant: Merchant, open_settings: Settings, tmp_path: Path
):
    held = threading.Event()
    merchant.receiver.answers(when(held, answer(200)), answer(200))
    merchant.publish("one", "two", order_key="k")
    log = tmp_path / "log"
    with worker(open_settings, log) as first:
        until(lambda: merchant.receiver.received)
        first.send_signal(signal.SIGKILL)
        first.wait()
    held.set()
    assert [one["state"] for one in merchant.deliveries()] == ["pending", "pending"]
    free = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
    with merchant.world.db.transaction() as session:
        session.execute(text(free))
    merchant.advance(minutes=1)
    with worker(open_settings, log):
        until(lambda: merchant.names() == ["one", "one", "two"], 120)
        until(lambda: {one["state"] for one in merchant.deliveries()} == {"succeeded"})
    one, again, _ = merchant.receiver.received
    assert (one.id, one.body) == (again.id, again.body)
