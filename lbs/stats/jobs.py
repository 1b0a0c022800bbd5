from __future__ import annotations

from procrastinate import JobContext

from lbs.jobs.app import database, tasks
from lbs.stats import service


@tasks.periodic(cron="* * * * *")
@tasks.task(name="roll_up", queueing_lock="roll_up", lock="roll_up", pass_context=True)
def roll_up(context: JobContext, timestamp: int) -> None:
    """Keep the sums of what has happened since the last time."""
    with database(context).transaction() as session:
        service.roll_up(session)
