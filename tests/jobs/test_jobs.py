"""Background work: every task is registered, and a real worker carries each of them out."""

from __future__ import annotations

import asyncio
import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest
from procrastinate import JobContext
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import text

import lbs.tasks
from lbs.cli.server import conninfo
from lbs.db import Session, new_id
from lbs.jobs.app import connected
from lbs.stats.rules.calendar import TIERS
from tests.unlocks.stock import counters, events
from tests.world import World, now

TASKS = {
    "check_facebook_pages",
    "delete_old_exports",
    "expire_unlocks",
    "forget_app_events",
    "forget_facebook_deletions",
    "forget_facebook_pages",
    "forget_old_conversions",
    "forget_old_facebook_webhooks",
    "forget_old_fixes",
    "forget_old_guesses",
    "forget_old_parties",
    "forget_old_tokens",
    "forget_old_webhooks",
    "forget_share_visitors",
    "lapse_reservations",
    "make_due_exports",
    "make_ledger_partitions",
    "publish_conversions",
    "publish_webhooks",
    "read_facebook_webhooks",
    "retry_stalled",
    "roll_up",
    "wake_conversions",
    "wake_facebook_pages",
    "wake_webhooks",
}
ON_DEMAND = {
    "deliver_webhooks",
    "end_facebook_page",
    "leave_facebook_page",
    "make_export",
    "post_to_facebook",
    "send_conversions",
    "show_link_to_facebook",
}
"""Enqueued by what it follows from."""


@pytest.fixture(scope="module")
def built(settings):
    """The app as the worker has it."""
    with connected(conninfo(settings.database_url)) as app:
        yield app


@pytest.fixture
def jobs(built, db):
    """The queue is empty before and after."""
    empty(db)
    yield built
    empty(db)


def empty(db) -> None:
    with db.transaction() as session:
        session.execute(text("TRUNCATE procrastinate_jobs CASCADE"))


def work(jobs, db, settings) -> dict[str, list[str]]:
    """Let a worker do what there is, and nothing that the clock adds; the states by task."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.periodic_registry, "periodic_tasks", {})
        jobs.run_worker(
            wait=False,
            install_signal_handlers=False,
            listen_notify=False,
            additional_context={"database": db, "settings": settings},
        )
    states: dict[str, list[str]] = {}
    with db.transaction() as session:
        for task, status in session.execute(
            text("SELECT task_name, status::text FROM procrastinate_jobs ORDER BY id")
        ):
            states.setdefault(task, []).append(status)
    return states


def defer(jobs, *names: str) -> None:
    with jobs.open():
        for name in names:
            jobs.configure_task(name).defer(timestamp=0)


def test_every_task_is_registered_under_its_name_and_is_due_by_the_clock(jobs):
    assert jobs.tasks.keys() >= TASKS
    assert {name for name in jobs.tasks if "builtin" not in name} == TASKS | ON_DEMAND
    due = {task.task.name for task in jobs.periodic_registry.periodic_tasks.values()}
    assert due == TASKS


def test_whatever_is_enqueued_is_a_task(jobs):
    found = {}
    for path in Path(lbs.__path__[0]).rglob("*.py"):
        for word in re.findall(r"\benqueue\(\s*session,\s*([\w\"]+)", path.read_text()):
            name = ".".join(path.relative_to(Path(lbs.__path__[0]).parent).with_suffix("").parts)
            module = importlib.import_module(name.removesuffix(".__init__"))
            found[name, word] = word.strip('"') if '"' in word else getattr(module, word)
    assert len(found) > len(ON_DEMAND) / 2
    assert set(found.values()) <= jobs.tasks.keys()


def test_a_worker_carries_out_every_task(jobs, db, settings):
    defer(jobs, *sorted(TASKS))
    states = work(jobs, db, settings)
    assert states.keys() - ON_DEMAND == TASKS
    assert {status for found in states.values() for status in found} == {"succeeded"}


def test_a_task_that_is_waiting_is_not_queued_twice(jobs, db):
    for name in sorted(TASKS):
        lock = jobs.tasks[name].queueing_lock
        assert lock
        defer(jobs, name)
        with pytest.raises(AlreadyEnqueued):
            defer(jobs, name)


def test_expire_unlocks_frees_what_is_overdue(jobs, world: World, db, settings):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, redeem_within_s=300, limit_total=5)
    for _ in range(3):
        world.check_in(world.customer(), venue)
    with db.transaction() as session:
        session.execute(
            text("UPDATE unlock SET expires_at = :at WHERE offer_id = :id"),
            {"at": now() - timedelta(seconds=1), "id": offer["id"]},
        )
    defer(jobs, "expire_unlocks")
    assert work(jobs, db, settings)["expire_unlocks"][0] == "succeeded"
    assert counters(db, offer) == {"total": 0}
    assert len(events(db, offer, "expired")) == 3
    defer(jobs, "expire_unlocks")
    work(jobs, db, settings)
    assert len(events(db, offer, "expired")) == 3


def test_lapse_reservations_frees_what_was_not_redeemed_in_time(jobs, world: World, db, settings):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue, reserve_s=60, limit_total=5)
    for _ in range(3):
        customer = world.customer()
        [unlock] = world.check_in(customer, venue)["unlocked"]
        world.ask("post", f"/v1/unlocks/{unlock['id']}/reservation", customer)
    with db.transaction() as session:
        session.execute(
            text("UPDATE unlock SET reserved_until = :at WHERE offer_id = :id"),
            {"at": now() - timedelta(seconds=1), "id": offer["id"]},
        )
    for _ in range(2):
        defer(jobs, "lapse_reservations")
        assert work(jobs, db, settings)["lapse_reservations"][0] == "succeeded"
        assert counters(db, offer) == {"total": 0}
        assert len(events(db, offer, "reservation_lapsed")) == 3


def test_forget_old_guesses_drops_counters_whose_window_is_over(jobs, world: World, db, settings):
    venue, late = world.venue(), world.venue()
    for place in (venue, late):
        world.redeem("WRONG", place)
    with db.transaction() as session:
        session.execute(
            text("UPDATE guess_counter SET began_at = :at WHERE bucket = :bucket"),
            {"at": now() - settings.guess_window, "bucket": f"venue {venue['id']}"},
        )
    defer(jobs, "forget_old_guesses")
    work(jobs, db, settings)
    with db.transaction() as session:
        left = session.scalars(
            text("SELECT bucket FROM guess_counter WHERE bucket = ANY(:buckets)"),
            {"buckets": [f"venue {place['id']}" for place in (venue, late)]},
        ).all()
    assert left == [f"venue {late['id']}"]


def test_forget_old_tokens_drops_dead_tokens_and_old_answers_and_no_others(
    jobs, world: World, db, settings
):
    old, fresh = world.register(), world.register()
    with db.transaction() as session:
        session.execute(
            text("UPDATE refresh_token SET expires_at = :at WHERE customer_id = :id"),
            {"at": now() - timedelta(seconds=1), "id": old["customer_id"]},
        )
        before = session.scalar(text("SELECT count(*) FROM idempotent_answer"))
        session.execute(
            text("""
                INSERT INTO idempotent_answer (key_digest, fingerprint, answer, principal,
                                               created_at)
                VALUES (:key, '', '', 'somebody', :at)
            """),
            {"key": new_id().bytes, "at": now() - settings.idempotency_ttl},
        )
    defer(jobs, "forget_old_tokens")
    work(jobs, db, settings)
    with db.transaction() as session:
        tokens = session.scalars(
            text("SELECT customer_id::text FROM refresh_token WHERE customer_id = ANY(:ids)"),
            {"ids": [old["customer_id"], fresh["customer_id"]]},
        ).all()
        stale = session.scalar(
            text("SELECT count(*) FROM idempotent_answer WHERE created_at < :at"),
            {"at": now() - settings.idempotency_ttl},
        )
        after = session.scalar(text("SELECT count(*) FROM idempotent_answer"))
    assert tokens == [fresh["customer_id"]]
    assert stale == 0
    assert 2 <= after <= before


def test_make_ledger_partitions_makes_the_coming_months(jobs, db, settings):
    defer(jobs, "make_ledger_partitions")
    work(jobs, db, settings)
    month = (now() + timedelta(days=92)).strftime("ledger_event_%Y_%m")
    with db.transaction() as session:
        assert session.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": month})


def test_forget_old_webhooks_drops_messages_of_long_ago_with_their_log(
    jobs, world: World, db, settings
):
    path = "/v1/webhook-endpoints"
    body = {"url": "https://cafe.example/hooks", "event_types": ["offer.unlocked"]}
    path = f"{path}/{world.ask('post', path, json=body)['id']}"
    old, fresh = (world.ask("post", f"{path}/test") for _ in range(2))
    with db.transaction() as session:
        session.execute(
            text("UPDATE webhook_message SET created_at = :at WHERE id = :id"),
            {"at": now() - timedelta(days=31), "id": old["message_id"]},
        )
    empty(db)
    defer(jobs, "forget_old_webhooks")
    work(jobs, db, settings)
    left = world.ask("get", f"{path}/deliveries")["items"]
    assert [one["id"] for one in left] == [fresh["id"]]
    world.ask("delete", path)


def test_wake_webhooks_queues_each_endpoint_that_is_due_once(jobs, world: World, db):
    path = "/v1/webhook-endpoints"
    body = {"url": "https://cafe.example/hooks", "event_types": ["offer.unlocked"]}
    due, idle = (world.ask("post", path, json=body)["id"] for _ in range(2))
    world.ask("post", f"{path}/{due}/test")
    empty(db)

    async def wake() -> None:
        async with jobs.open_async():
            context = JobContext(
                app=jobs,
                start_timestamp=0,
                job=None,
                abort_reason=lambda: None,
                additional_context={"database": db},
            )
            for _ in range(2):
                await jobs.tasks["wake_webhooks"](context, timestamp=0)

    asyncio.run(wake())
    with db.transaction() as session:
        queued = session.scalars(
            text("SELECT args->>'endpoint_id' FROM procrastinate_jobs WHERE lock LIKE 'webhooks%'")
        ).all()
    assert queued.count(due) == 1
    assert idle not in queued
    world.ask("delete", f"{path}/{due}")


def stall(db, name: str) -> int:
    """A worker took the job of this task and died an hour ago; the job's id."""
    with db.transaction() as session:
        worker = session.scalar(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat) "
                "VALUES (now() - interval '1 hour') RETURNING id"
            )
        )
        return session.execute(
            text(
                "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker "
                "WHERE task_name = :name AND status = 'todo' RETURNING id"
            ),
            {"worker": worker, "name": name},
        ).scalar_one()


def outcome(db, job: int) -> tuple[str, int]:
    with db.transaction() as session:
        status, attempts = session.execute(
            text("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = :job"),
            {"job": job},
        ).one()
    return status, attempts


def test_retry_stalled_gives_the_job_of_a_dead_worker_to_another(jobs, db, settings):
    defer(jobs, "forget_old_guesses")
    job = stall(db, "forget_old_guesses")
    defer(jobs, "retry_stalled")
    states = work(jobs, db, settings)
    assert states["retry_stalled"] == ["succeeded"]
    assert outcome(db, job) in (("todo", 1), ("succeeded", 2), ("succeeded", 1))


def test_a_stalled_job_whose_successor_waits_already_is_closed_and_stops_no_other(
    jobs, db, settings
):
    defer(jobs, "forget_old_guesses", "forget_old_tokens")
    superseded = stall(db, "forget_old_guesses")
    other = stall(db, "forget_old_tokens")
    defer(jobs, "retry_stalled", "forget_old_guesses")
    states = work(jobs, db, settings)
    assert states["retry_stalled"] == ["succeeded"]
    assert outcome(db, superseded)[0] == "failed"
    assert outcome(db, other) in (("todo", 1), ("succeeded", 2), ("succeeded", 1))


def test_a_job_deferred_in_a_transaction_that_fails_is_never_run(jobs, db):
    with jobs.open(), Session(db.engine) as session:
        jobs.configure_task("forget_old_guesses", connection=session.driver).defer(timestamp=0)
        assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 1
        session.rollback()
    with db.transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


def test_roll_up_keeps_what_has_happened(jobs, world: World, db, settings):
    venue = world.venue()
    world.check_in(world.customer(), venue)
    before = world.totals(f"venues/{venue['id']}")
    defer(jobs, "roll_up")
    assert work(jobs, db, settings)["roll_up"][0] == "succeeded"
    with db.transaction() as session:
        kept = session.scalars(
            text("SELECT tier FROM rollup WHERE scope_id = :id AND dimension = ''"),
            {"id": venue["id"]},
        ).all()
    assert sorted(kept) == sorted(TIERS)
    after = world.totals(f"venues/{venue['id']}")
    assert {**after, "to": None} == {**before, "to": None}
