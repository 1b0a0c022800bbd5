from __future__ import annotations

from uuid import UUID

from procrastinate import JobContext, RetryStrategy

from lbs.config import Settings
from lbs.db import Database
from lbs.exports import service
from lbs.exports.service import making, schedules
from lbs.jobs.app import database, now, settings, tasks
from lbs.vault import Vault

TRIES = 3


@tasks.task(
    name=service.MAKE,
    pass_context=True,
    retry=RetryStrategy(max_attempts=TRIES, exponential_wait=5),
)
def make_export(context: JobContext, export_id: str) -> None:
    is_last = context.job.attempts >= TRIES
    make(database(context), settings(context), UUID(export_id), is_last=is_last)


def make(db: Database, settings: Settings, export_id: UUID, *, is_last: bool) -> None:
    """Make the file of an export, each part kept as soon as it is there.

    The transaction that reads writes nothing, so that nobody's watermark waits for it.
    """
    with db.transaction() as session:
        job = making.begin(session, export_id)
    if job is None:
        return
    try:
        with db.transaction() as reading:
            for byte_offset, part in job.parts(reading, settings.stats_min_group):
                with db.transaction() as session:
                    making.keep(session, job, byte_offset, part)
        with db.transaction() as session:
            vault = Vault(settings.secrets_key)
            making.finish(session, job, vault, settings.public_url, settings.export_ttl, now())
    except making.TakenOver:
        return
    except Exception:
        if is_last:
            with db.transaction() as session:
                making.give_up(session, job)
        raise


@tasks.periodic(cron="* * * * *")
@tasks.task(name="make_due_exports", queueing_lock="make_due_exports", pass_context=True)
def make_due_exports(context: JobContext, timestamp: int) -> None:
    """Ask for the exports of the schedules that are due, each in its own transaction."""
    more = True
    while more:
        with database(context).transaction() as session:
            more = schedules.make_due(session, now())


@tasks.periodic(cron="47 * * * *")
@tasks.task(name="delete_old_exports", queueing_lock="delete_old_exports", pass_context=True)
def delete_old_exports(context: JobContext, timestamp: int) -> None:
    """Delete the files that have been kept long enough."""
    with database(context).transaction() as session:
        service.expire(session, now())
