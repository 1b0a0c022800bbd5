from __future__ import annotations

from datetime import timedelta

from procrastinate import JobContext

from lbs.circles import queries
from lbs.jobs.app import database, now, tasks

KEPT = timedelta(days=1)


@tasks.periodic(cron="47 * * * *")
@tasks.task(name="forget_old_parties", queueing_lock="forget_old_parties", pass_context=True)
def forget_old_parties(context: JobContext, timestamp: int) -> None:
    """Drop what is over for a day: parties, and with them who went with whom, and invitations."""
    with database(context).transaction() as session:
        queries.forget(session, now() - KEPT)
