from __future__ import annotations

from procrastinate import JobContext

from lbs.jobs.app import database, now, tasks
from lbs.unlocks import service

BATCH = 1000


@tasks.periodic(cron="* * * * *")
@tasks.task(name="lapse_reservations", queueing_lock="lapse_reservations", pass_context=True)
def lapse_reservations(context: JobContext, timestamp: int) -> None:
    """Free what was reserved and not redeemed in time, a batch a transaction."""
    lapsed = BATCH
    while lapsed == BATCH:
        with database(context).transaction() as session:
            lapsed = service.lapse(session, now(), limit=BATCH)


@tasks.periodic(cron="* * * * *")
@tasks.task(name="expire_unlocks", queueing_lock="expire_unlocks", pass_context=True)
def expire_unlocks(context: JobContext, timestamp: int) -> None:
    """Expire what was not redeemed in time, a batch a transaction."""
    expired = BATCH
    while expired == BATCH:
        with database(context).transaction() as session:
            expired = service.expire(session, now(), limit=BATCH)
