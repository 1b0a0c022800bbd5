from __future__ import annotations

import asyncio
import random
from uuid import UUID

from procrastinate import JobContext
from procrastinate.exceptions import AlreadyEnqueued

from lbs.config import Settings
from lbs.db import Database
from lbs.http import outgoing
from lbs.jobs.app import database, now, settings, tasks
from lbs.vault import Vault
from lbs.webhooks import service
from lbs.webhooks.policy import Answer
from lbs.webhooks.service import Dispatch

AT_ONCE = 10
"""So many messages are on their way to one endpoint at a time."""
ROUNDS = 100
"""After so many, other endpoints have their turn."""
HEADERS = {"Content-Type": "application/json", "User-Agent": "lbs-webhooks/1"}


@tasks.periodic(cron="* * * * * */5")
@tasks.task(name="publish_webhooks", queueing_lock="publish_webhooks", pass_context=True)
def publish_webhooks(context: JobContext, timestamp: int) -> None:
    """Publish what the ledger has come to say."""
    more = True
    while more:
        with database(context).transaction() as session:
            more = service.publish_facts(session, now())


@tasks.periodic(cron="* * * * * */10")
@tasks.task(name="wake_webhooks", queueing_lock="wake_webhooks", pass_context=True)
async def wake_webhooks(context: JobContext, timestamp: int) -> None:
    """Have all sent that is due: what is tried again, and what a killed worker had taken."""
    for endpoint_id in await asyncio.to_thread(_due, database(context)):
        lock = service.lock_of(endpoint_id)
        job = context.app.configure_task(
            service.DELIVER, lock=lock, queueing_lock=lock, priority=service.PRIORITY
        )
        try:
            await job.defer_async(endpoint_id=str(endpoint_id))
        except AlreadyEnqueued:
            continue


def _due(db: Database) -> list[UUID]:
    with db.transaction() as session:
        return service.due_endpoints(session, now())


@tasks.task(name=service.DELIVER, pass_context=True)
async def deliver_webhooks(context: JobContext, endpoint_id: str) -> None:
    """Send to one endpoint what is due, until there is no more or something did not get through."""
    sender = Sender(database(context), settings(context))
    for _ in range(ROUNDS):
        dispatches = await asyncio.to_thread(sender.take, UUID(endpoint_id))
        arrived = await asyncio.gather(*map(sender.send, dispatches))
        if not arrived or not all(arrived):
            return


@tasks.periodic(cron="17 4 * * *")
@tasks.task(name="forget_old_webhooks", queueing_lock="forget_old_webhooks", pass_context=True)
def forget_old_webhooks(context: JobContext, timestamp: int) -> None:
    """Drop messages of more than 30 days ago, with the log of their deliveries."""
    with database(context).transaction() as session:
        service.forget_old(session, now())


class Sender:
    """Takes what is due at an endpoint and sends it, each in transactions of its own.

    Nothing is open while the receiver takes its time.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db, self._vault = db, Vault(settings.secrets_key)
        self._allow_private = settings.webhooks_allow_private

    def take(self, endpoint_id: UUID) -> list[Dispatch]:
        with self._db.transaction() as session:
            return service.take(session, endpoint_id, self._vault, limit=AT_ONCE, now=now())

    async def send(self, dispatch: Dispatch) -> bool:
        """Whether it got through."""
        headers = {**HEADERS, **dispatch.headers}
        body = dispatch.body.encode()
        came = await outgoing.post(dispatch.url, body, headers, allow_private=self._allow_private)
        answer = Answer(came.status, came.latency_ms, came.problem, came.retry_after)
        await asyncio.to_thread(self._settle, dispatch, answer)
        return answer.succeeded

    def _settle(self, dispatch: Dispatch, answer: Answer) -> None:
        with self._db.transaction() as session:
            service.settle(session, dispatch, answer, random.random(), now())  # noqa: S311
