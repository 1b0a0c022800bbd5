from __future__ import annotations

from procrastinate import JobContext

from lbs.facebook_login import service
from lbs.jobs.app import database, now, tasks


@tasks.periodic(cron="37 4 * * *")
@tasks.task(
    name="forget_facebook_deletions", queueing_lock="forget_facebook_deletions", pass_context=True
)
def forget_facebook_deletions(context: JobContext, timestamp: int) -> None:
    """Drop the codes of deletions that were done more than a year ago."""
    with database(context).transaction() as session:
        service.forget_old(session, now())
