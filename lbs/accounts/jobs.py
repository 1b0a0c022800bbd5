from __future__ import annotations

from procrastinate import JobContext

from lbs.accounts import queries
from lbs.jobs.app import database, now, settings, tasks


@tasks.periodic(cron="7 * * * *")
@tasks.task(name="forget_old_tokens", queueing_lock="forget_old_tokens", pass_context=True)
def forget_old_tokens(context: JobContext, timestamp: int) -> None:
    """Drop refresh tokens that have expired and stored answers that nobody will ask for again."""
    with database(context).transaction() as session:
        queries.delete_dead_tokens(session, now())
        queries.delete_old_answers(session, now() - settings(context).idempotency_ttl)
