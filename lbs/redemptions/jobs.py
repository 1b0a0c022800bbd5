from __future__ import annotations

from procrastinate import JobContext

from lbs.http import guesses
from lbs.jobs.app import database, now, settings, tasks


@tasks.periodic(cron="17 * * * *")
@tasks.task(name="forget_old_guesses", queueing_lock="forget_old_guesses", pass_context=True)
def forget_old_guesses(context: JobContext, timestamp: int) -> None:
    """Drop guess counters whose window is over."""
    with database(context).transaction() as session:
        guesses.delete_old_counters(session, now=now(), window=settings(context).guess_window)
