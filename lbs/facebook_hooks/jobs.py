from __future__ import annotations

import secrets
from uuid import UUID

import structlog
from procrastinate import JobContext

from lbs.db import Database
from lbs.facebook_hooks import service
from lbs.jobs.app import database, now, settings, tasks
from lbs.vault import Vault

SALT_BYTES = 16

log = structlog.get_logger()


@tasks.periodic(cron="* * * * * */5")
@tasks.task(
    name="read_facebook_webhooks", queueing_lock="read_facebook_webhooks", pass_context=True
)
def read_facebook_webhooks(context: JobContext, timestamp: int) -> None:
    """Read what Meta has sent since."""
    read_all(database(context), Vault(settings(context).secrets_key))


def read_all(db: Database, vault: Vault) -> None:
    """Each in a transaction of its own; one that cannot be read stays, and holds up no other."""
    seen: set[UUID] = set()
    while found := [webhook_id for webhook_id in _unread(db) if webhook_id not in seen]:
        for webhook_id in found:
            _try(db, vault, webhook_id)
        seen.update(found)


@tasks.periodic(cron="27 4 * * *")
@tasks.task(
    name="forget_old_facebook_webhooks",
    queueing_lock="forget_old_facebook_webhooks",
    pass_context=True,
)
def forget_old_facebook_webhooks(context: JobContext, timestamp: int) -> None:
    """Drop what Meta sent more than 30 days ago; the counts stay."""
    with database(context).transaction() as session:
        service.forget_old(session, now())


def _unread(db: Database) -> list[UUID]:
    with db.transaction() as session:
        return service.list_unread(session)


def _try(db: Database, vault: Vault, webhook_id: UUID) -> None:
    try:
        with db.transaction() as session:
            service.read(session, webhook_id, vault, lambda: secrets.token_hex(SALT_BYTES), now())
    except Exception as error:  # noqa: BLE001  (whatever is wrong with it, the others go on)
        log.warning("facebook_webhook_unread", webhook=str(webhook_id), error=type(error).__name__)
