"""Exports that come by themselves: over the period that has just ended, once, with a link."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from sqlalchemy import text

from lbs.exports.policy import due_after
from lbs.exports.service import schedules
from tests.exports.making import make, working
from tests.webhooks.test_publish import endpoint, messages
from tests.world import World, now

PATH = "/v1/stats/export-schedules"
DAILY = {
    "every": "day",
    "hour": 6,
    "time_zone": "Europe/Copenhagen",
    "what": "redemptions",
    "format": "csv",
}


@pytest.fixture
def worker(db, settings):
    with working(db, settings) as worker:
        yield worker


def schedule(world: World, key: str = "", **members):
    return world.ask("post", PATH, key, json={**DAILY, **members})


def alone(db) -> None:
    """No schedule of another test is due before long."""
    with db.transaction() as session:
        session.execute(text("UPDATE export_schedule SET due_at = due_at + interval '100 years'"))


def make_due(db, found, *, days: int = 0) -> None:
    """As if no worker had run since a day and so many more."""
    moment = now() - schedules.SETTLE - timedelta(days=days, hours=25)
    due_at = due_after(moment, every="day", hour=found["hour"], time_zone=found["time_zone"])
    alone(db)
    with db.transaction() as session:
        session.execute(
            text("UPDATE export_schedule SET due_at = :at WHERE id = :id"),
            {"at": due_at, "id": found["id"]},
        )


def exports(world: World, found) -> list:
    items = world.ask("get", "/v1/stats/exports")["items"]
    return [item for item in items if item["schedule_id"] == found["id"]]


def test_a_schedule_says_when_it_is_due(world: World):
    venue = world.venue()
    made = schedule(world, every="week", venue_id=venue["id"], what="series", by="hour")
    due = datetime.fromisoformat(made["due_at"])
    assert now() < due <= now() + timedelta(days=7)
    assert world.ask("get", f"{PATH}/{made['id']}") == made
    assert world.ask("get", PATH)["items"] == [made]
    world.ask("delete", f"{PATH}/{made['id']}")
    gone = world.call("get", f"{PATH}/{made['id']}", world.key)
    assert (gone.status_code, gone.json["code"]) == (404, "export-schedule-not-found")


def test_a_due_schedule_has_one_export_made_of_the_day_before(world: World, db, worker):
    found = schedule(world)
    make_due(db, found)
    for _ in range(2):
        worker.defer("make_due_exports")
        worker.run()
    *_, export = made = exports(world, found)
    assert len(made) in (1, 2), "its day may have come round again"
    assert export["state"] == "ready"
    start, end = (datetime.fromisoformat(export[name]) for name in ("from", "to"))
    assert end <= now()
    assert end - start in (timedelta(hours=23), timedelta(hours=24), timedelta(hours=25))
    again = datetime.fromisoformat(world.ask("get", f"{PATH}/{found['id']}")["due_at"])
    assert again > now() - schedules.SETTLE


def test_the_merchants_systems_are_told_with_a_link_that_is_good_without_a_key(
    world: World, db, settings, worker
):
    endpoint(world, "export.ready")
    found = schedule(world, format="parquet")
    make_due(db, found)
    worker.defer("make_due_exports")
    worker.run()
    export, *_ = exports(world, found)
    *_, message = messages(world)
    assert message["type"] == "export.ready"
    told = message["data"]
    url = told.pop("url")
    assert told == {
        "export_id": export["id"],
        "schedule_id": found["id"],
        **{name: export[name] for name in ("what", "format", "from", "to", "rows", "bytes")},
        **{name: export[name] for name in ("sha256", "expires_at")},
    }
    path = url.removeprefix(settings.public_url)
    assert len(world.call("get", path).data) == export["bytes"]
    kept_until = datetime.fromisoformat(export["expires_at"])
    with time_machine.travel(kept_until - timedelta(minutes=1)):
        assert world.call("get", path).status_code == 200, "a delivery may be tried for days"


def test_an_export_asked_for_by_hand_is_not_announced(world: World, worker):
    endpoint(world, "export.ready")
    make(world, worker)
    assert messages(world) == []


def test_days_on_which_no_worker_ran_are_made_up_for(world: World, db, worker):
    found = schedule(world)
    make_due(db, found, days=3)
    worker.defer("make_due_exports")
    worker.run()
    made = exports(world, found)
    assert len(made) in (4, 5)
    assert {export["state"] for export in made} == {"ready"}
    for later, earlier in pairwise(made):
        assert later["from"] == earlier["to"]


def test_it_waits_until_what_came_in_before_midnight_is_written_down(world: World, db):
    alone(db)
    due_at = datetime.fromisoformat(schedule(world)["due_at"])
    with db.transaction() as session:
        assert not schedules.make_due(session, due_at + schedules.SETTLE - timedelta(seconds=1))
        assert schedules.make_due(session, due_at + schedules.SETTLE)


def test_many_workers_make_each_period_once(world: World, db):
    found = schedule(world)
    make_due(db, found, days=5)
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(7):
            with db.transaction() as session:
                schedules.make_due(session, now())

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work) for _ in range(8)]:
            future.result()
    more = True
    while more:  # whoever met only what others had locked went away
        with db.transaction() as session:
            more = schedules.make_due(session, now())
    starts = [export["from"] for export in exports(world, found)]
    assert len(starts) == len(set(starts)) in (6, 7)


def test_a_key_of_some_venues_schedules_theirs_and_sees_no_others(world: World):
    here = world.venue()
    key = world.key_with("stats", venues=(here,))
    own, whole = schedule(world, key), schedule(world)
    assert [item["id"] for item in world.ask("get", PATH, key)["items"]] == [own["id"]]
    for method in ("get", "delete"):
        assert world.call(method, f"{PATH}/{whole['id']}", key).status_code == 404


def test_a_deleted_schedule_makes_no_more_and_keeps_what_it_made(world: World, db, worker):
    found = schedule(world)
    make_due(db, found)
    worker.defer("make_due_exports")
    worker.run()
    made = exports(world, found)
    world.ask("delete", f"{PATH}/{found['id']}")
    worker.defer("make_due_exports")
    worker.run()
    assert exports(world, found) == made
    assert {export["state"] for export in made} == {"ready"}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"hour": 24}, "#/hour"),
        ({"every": "hour"}, "#/every"),
        ({"time_zone": "Mars/Olympus"}, "#/time_zone"),
        ({"by": "day"}, "#/by"),
        ({"what": "series"}, "#/by"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, members, pointer: str):
    refused = world.call("post", PATH, world.key, json={**DAILY, **members})
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json["errors"]]
