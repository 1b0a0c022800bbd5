from __future__ import annotations

from datetime import timedelta

from procrastinate import JobContext

from lbs.jobs.app import database, now, tasks
from lbs.ledger import queries

AHEAD = timedelta(days=92)


@tasks.periodic(cron="27 3 * * *")
@tasks.task(
    name="make_ledger_partitions", queueing_lock="make_ledger_partitions", pass_context=True
)
def make_ledger_partitions(context: JobContext, timestamp: int) -> None:
    """Have the next three months' partitions ready."""
    with database(context).transaction() as session:
        queries.make_partitions(session, start=now(), end=now() + AHEAD)
