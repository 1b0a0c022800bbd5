from __future__ import annotations

from datetime import timedelta

from procrastinate import JobContext

from lbs.checkins import queries
from lbs.jobs.app import database, now, settings, tasks

USES_KEPT = timedelta(days=2)


@tasks.periodic(cron="37 * * * *")
@tasks.task(name="forget_old_fixes", queueing_lock="forget_old_fixes", pass_context=True)
def forget_old_fixes(context: JobContext, timestamp: int) -> None:
    """Drop where phones were, after the days set, and what has been used up long ago."""
    with database(context).transaction() as session:
        queries.delete_old_fixes(session, now() - settings(context).fix_retention)
        queries.delete_old_uses(session, now() - USES_KEPT)
