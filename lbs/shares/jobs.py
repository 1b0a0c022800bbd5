from __future__ import annotations

from procrastinate import JobContext

from lbs.jobs.app import database, now, tasks
from lbs.shares import service


@tasks.periodic(cron="12 0 * * *")
@tasks.task(name="forget_share_visitors", queueing_lock="forget_share_visitors", pass_context=True)
def forget_share_visitors(context: JobContext, timestamp: int) -> None:
    """Forget by whom shares were followed before today; the ledger has how many they were."""
    with database(context).transaction() as session:
        service.forget_visitors(session, now())
