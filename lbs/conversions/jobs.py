from __future__ import annotations

import asyncio
import random
from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from procrastinate import JobContext
from procrastinate.exceptions import AlreadyEnqueued

from lbs.config import Settings
from lbs.conversions import policy, service
from lbs.conversions.policy import Result
from lbs.conversions.rules import Conversion, event_of
from lbs.conversions.service import Load
from lbs.db import Database
from lbs.graph.client import Graph
from lbs.graph.errors import GraphError
from lbs.jobs.app import database, now, settings, tasks
from lbs.vault import Vault

log = structlog.get_logger()

TIMEOUT_S = 1.5
ROUNDS = 20
"""After so many, other merchants have their turn."""


@tasks.periodic(cron="* * * * * */5")
@tasks.task(name="publish_conversions", queueing_lock="publish_conversions", pass_context=True)
def publish_conversions(context: JobContext, timestamp: int) -> None:
    """Take up what the ledger has come to say."""
    more = settings(context).has_facebook_app
    while more:
        with database(context).transaction() as session:
            more = service.publish_facts(session, now())


@tasks.periodic(cron="* * * * * */10")
@tasks.task(name="wake_conversions", queueing_lock="wake_conversions", pass_context=True)
async def wake_conversions(context: JobContext, timestamp: int) -> None:
    """Have all sent that is due: what is tried again, and what a killed worker had taken."""
    for merchant_id in await asyncio.to_thread(_due, database(context)):
        lock = service.lock_of(merchant_id)
        job = context.app.configure_task(
            service.SEND, lock=lock, queueing_lock=lock, priority=service.PRIORITY
        )
        try:
            await job.defer_async(merchant_id=str(merchant_id))
        except AlreadyEnqueued:
            continue


def _due(db: Database) -> list[UUID]:
    with db.transaction() as session:
        return service.due_merchants(session, now())


@tasks.task(name=service.SEND, pass_context=True)
def send_conversions(context: JobContext, merchant_id: str) -> None:
    """Send what is due of one merchant, until there is no more or Meta does not take it."""
    if not settings(context).has_facebook_app:
        return
    sender = Sender(database(context), settings(context))
    for _ in range(ROUNDS):
        load = sender.take(UUID(merchant_id))
        if load is None or not sender.send(load):
            return


class Sender:
    """Takes what is due of a merchant and sends it, each in transactions of its own.

    Nothing is open while Meta takes its time.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db, self._vault = db, Vault(settings.secrets_key)
        self._graph = Graph(settings, timeout_s=TIMEOUT_S)

    def take(self, merchant_id: UUID) -> Load | None:
        with self._db.transaction() as session:
            return service.take(session, merchant_id, self._vault, now())

    def send(self, load: Load) -> bool:
        """Whether more can be sent."""
        calls = 0
        for batch in load.batches:
            search = policy.narrowed(batch)
            part: Sequence[Conversion] | None = next(search)
            while part:
                calls += 1
                result = self._call(load, part)
                self._settle(load, part, result)
                if not result.lets_go_on or calls >= policy.CALLS:
                    self._give_back(load, policy.REST if result.lets_go_on else timedelta(0))
                    return False
                part = _narrow(search, is_refused=result.refused)
        return True

    def _call(self, load: Load, part: Sequence[Conversion]) -> Result:
        fields: dict[str, Any] = {"data": [event_of(conversion) for conversion in part]}
        if part[0].test_event_code:
            fields["test_event_code"] = part[0].test_event_code
        try:
            answer = self._graph.call(
                "POST", f"{load.dataset_id}/events", load.access_token, fields
            )
        except GraphError as error:
            action = policy.asked_by(error.action, error.subcode)
            return Result(
                action=action, code=error.code, trace_id=error.trace_id, usage=error.usage
            )
        return policy.result_of(answer.body, answer.usage)

    def _settle(self, load: Load, part: Sequence[Conversion], result: Result) -> None:
        if result.taken and result.received < len(part):
            log.error(
                "conversions_not_received",
                merchant_id=str(load.merchant_id),
                sent=len(part),
                received=result.received,
                trace_id=result.trace_id,
            )
        with self._db.transaction() as session:
            service.settle(session, load, part, result, random.random(), now())  # noqa: S311

    def _give_back(self, load: Load, rest: timedelta) -> None:
        with self._db.transaction() as session:
            service.give_back(session, load, now() + rest)


def _narrow(
    search: Generator[Sequence[Conversion], bool, None], *, is_refused: bool
) -> Sequence[Conversion] | None:
    """What to send next; None at the end of the search."""
    try:
        return search.send(is_refused)
    except StopIteration:
        return None


@tasks.periodic(cron="37 4 * * *")
@tasks.task(
    name="forget_old_conversions", queueing_lock="forget_old_conversions", pass_context=True
)
def forget_old_conversions(context: JobContext, timestamp: int) -> None:
    """Drop what is older than Meta takes, with the log of it."""
    with database(context).transaction() as session:
        service.forget_old(session, now())
