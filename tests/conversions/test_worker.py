"""A real worker: what it had in hand when it was killed is not lost, and Meta knows it again."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from lbs.config import Settings
from lbs.conversions import jobs
from tests.conversions.advertiser import Advertiser
from tests.webhooks.test_worker import until, worker

FORGET = "TRUNCATE procrastinate_jobs CASCADE"


@pytest.fixture(autouse=True)
def alone(advertiser: Advertiser) -> Iterator[None]:
    """The worker has no other jobs."""
    others = "DELETE FROM conversion_setting WHERE merchant_id <> :id"
    with advertiser.world.db.transaction() as session:
        session.execute(text(FORGET))
        session.execute(text(others), {"id": advertiser.world.merchant_id})
    yield
    with advertiser.world.db.transaction() as session:
        session.execute(text(FORGET))


def test_a_visit_reaches_meta(advertiser: Advertiser, facebook_settings: Settings, tmp_path: Path):
    log = tmp_path / "log"
    advertiser.datasets.unreceived = 1
    with worker(facebook_settings, log):
        customer = advertiser.customer(email="ida@cafe.example", phone="+45 32 12 34 56")
        advertiser.redeem(advertiser.visit(customer), amount_minor=12_900)
        until(lambda: advertiser.states() == ["sent", "sent"])
    names = [event["event_name"] for event in advertiser.received]
    assert set(names) <= {"Purchase", "VenueCheckIn"}
    people = [event["user_data"] for event in advertiser.received]
    hashes = [value for person in people for values in person.values() for value in values]
    said = log.read_text()
    assert "conversions_not_received" in said
    hidden = [advertiser.token, "appsecret", "ida@", "32 12 34 56", "4532123456", *hashes]
    assert [secret for secret in hidden if secret in said] == []


@contextmanager
def locked(advertiser: Advertiser, table: str) -> Iterator[None]:
    """Whoever would write to the rows of the table waits until the end."""
    with advertiser.world.db.transaction() as session:
        session.execute(text(f"SELECT FROM {table} FOR UPDATE"))
        yield


def waits(advertiser: Advertiser) -> bool:
    """Whether somebody does."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with advertiser.world.db.transaction() as session:
        return bool(session.scalar(text(query)))


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def let_time_go_by(advertiser: Advertiser) -> None:
    """What the killed worker had taken is there for others; its jobs are gone for good."""
    with advertiser.world.db.transaction() as session:
        session.execute(text(FORGET))
    advertiser.advance(minutes=10)


def told(advertiser: Advertiser) -> list[bool]:
    """Of all that was received, whether it is known to be a repetition."""
    return [one.is_repeated for one in advertiser.datasets.of(advertiser.dataset_id)]


def test_killed_while_it_takes_up_what_has_happened(
    advertiser: Advertiser, facebook_settings: Settings, tmp_path: Path
):
    for _ in range(3):
        advertiser.visit()
    with (
        locked(advertiser, "consent"),
        worker(facebook_settings, tmp_path / "log") as process,
    ):
        until(lambda: waits(advertiser))
        kill(process)
    assert advertiser.rows() == []
    let_time_go_by(advertiser)
    with worker(facebook_settings, tmp_path / "log"):
        until(lambda: advertiser.states() == ["sent"] * 3, 120)
    assert told(advertiser) == [False] * 3


@pytest.mark.parametrize(
    ("fault", "known"),
    [({"hold": 1.3, "instead": True}, [False] * 3), ({"hold": 1.3}, [False] * 3 + [True] * 3)],
    ids=["not arrived", "arrived"],
)
def test_killed_while_it_waits_for_an_answer(
    advertiser: Advertiser,
    facebook_settings: Settings,
    tmp_path: Path,
    fault: dict[str, Any],
    known: list[bool],
):
    for _ in range(3):
        advertiser.visit()
    advertiser.publish()
    path = f"/{advertiser.dataset_id}/events"
    advertiser.meta.fail(path, **fault)
    with worker(facebook_settings, tmp_path / "log") as process:
        until(lambda: advertiser.calls)
        kill(process)
    assert advertiser.states() == ["pending"] * 3
    let_time_go_by(advertiser)
    with worker(facebook_settings, tmp_path / "log"):
        until(lambda: advertiser.states() == ["sent"] * 3, 120)
    assert told(advertiser) == known
    first, again = advertiser.meta.calls(path)
    assert first.form["data"] == again.form["data"]


def test_killed_before_it_could_keep_what_came_of_it(
    advertiser: Advertiser, facebook_settings: Settings, tmp_path: Path
):
    for _ in range(3):
        advertiser.visit()
    advertiser.publish()
    path = f"/{advertiser.dataset_id}/events"
    advertiser.meta.fail(path, hold=0.7)
    with worker(facebook_settings, tmp_path / "log") as process:
        until(lambda: advertiser.calls)
        with locked(advertiser, "conversion"):
            until(lambda: waits(advertiser))
            kill(process)
    assert advertiser.states() == ["pending"] * 3
    let_time_go_by(advertiser)
    with worker(facebook_settings, tmp_path / "log"):
        until(lambda: advertiser.states() == ["sent"] * 3, 120)
    assert told(advertiser) == [False] * 3 + [True] * 3


def test_where_facebook_is_off_nothing_is_taken_up_or_sent(
    advertiser: Advertiser, facebook_settings: Settings
):
    advertiser.visit()
    until(lambda: advertiser.publish() or advertiser.states() == ["pending"])
    advertiser.visit()
    off = replace(facebook_settings, facebook_app_id="")
    context: Any = SimpleNamespace(
        additional_context={"database": advertiser.world.db, "settings": off}
    )
    jobs.publish_conversions.func(context, 0)
    jobs.send_conversions.func(context, str(advertiser.world.merchant_id))
    assert (advertiser.states(), advertiser.calls) == (["pending"], [])
    context.additional_context["settings"] = facebook_settings

    def are_sent() -> bool:
        jobs.publish_conversions.func(context, 0)
        jobs.send_conversions.func(context, str(advertiser.world.merchant_id))
        return advertiser.states() == ["sent", "sent"]

    until(are_sent)
