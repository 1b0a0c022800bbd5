from __future__ import annotations

from datetime import timedelta

from procrastinate import JobContext

from lbs.app_events import service
from lbs.app_events.policy import MAX_AGE
from lbs.jobs.app import database, now, tasks

SEEN_KEPT = MAX_AGE + timedelta(days=1)


@tasks.periodic(cron="47 * * * *")
@tasks.task(name="forget_app_events", queueing_lock="forget_app_events", pass_context=True)
def forget_app_events(context: JobContext, timestamp: int) -> None:
    """Drop the ids of reports that are too old to come again."""
    with database(context).transaction() as session:
        service.forget_seen(session, now() - SEEN_KEPT)
