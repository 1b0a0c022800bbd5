"""Background work: Procrastinate on the same PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import procrastinate
from procrastinate import JobContext
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from lbs.config import Settings
from lbs.db import Database, Session

HEARTBEAT_S, STALLED_S = 10, 30

tasks = procrastinate.App(connector=procrastinate.PsycopgConnector())
"""Where tasks are declared; it has no connection of its own."""

_joining = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
"""Never opened: it only knows how to enqueue on another's connection."""


@contextmanager
def connected(conninfo: str) -> Iterator[procrastinate.App]:
    """The app with every task declared so far, on this database; `conninfo` as libpq takes it."""
    connector = procrastinate.PsycopgConnector(conninfo=conninfo)
    with tasks.replace_connector(connector) as app:
        yield app


def enqueue(
    session: Session,
    task: str,
    *,
    after: timedelta = timedelta(0),
    lock: str | None = None,
    priority: int = 0,
    **arguments: Any,
) -> None:
    """Have the task of this name run once the session's transaction is committed, never before.

    Of jobs with one lock, one runs at a time; of those that wait, the highest priority is first.
    """
    later = {"seconds": int(after.total_seconds())} if after else None
    joined = _joining.configure_task(
        task, connection=session.driver, lock=lock, priority=priority, schedule_in=later
    )
    joined.defer(**arguments)


def database(context: JobContext) -> Database:
    return cast(Database, context.additional_context["database"])


def settings(context: JobContext) -> Settings:
    return cast(Settings, context.additional_context["settings"])


def now() -> datetime:
    return datetime.now(UTC)


@tasks.periodic(cron="* * * * * */10")
@tasks.task(name="retry_stalled", queueing_lock="retry_stalled", pass_context=True)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Give the jobs of a killed worker to another.

    A job that may wait only once, and whose successor waits already, is closed instead.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            await manager.finish_job(job, Status.FAILED, delete_job=False)
