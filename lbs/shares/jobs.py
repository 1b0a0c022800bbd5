from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from procrastinate import JobContext

from lbs.graph.client import Graph
from lbs.graph.errors import GraphError
from lbs.jobs.app import database, now, settings, tasks
from lbs.shares import service
from lbs.vault import Vault


@tasks.task(name=service.SHOW, pass_context=True)
def show_link_to_facebook(context: JobContext, share_id: str) -> None:
    """Have Facebook read a new link, so that the first who posts it sees its picture.

    Where that fails Facebook reads it when it is posted.
    """
    found = settings(context)
    if not found.has_facebook_app:
        return
    with database(context).transaction() as session:
        token = service.load_token(session, UUID(share_id), Vault(found.secrets_key))
    with suppress(GraphError):
        Graph(found).scrape(service.link_of(token, found.public_url))


@tasks.periodic(cron="12 0 * * *")
@tasks.task(name="forget_share_visitors", queueing_lock="forget_share_visitors", pass_context=True)
def forget_share_visitors(context: JobContext, timestamp: int) -> None:
    """Forget by whom shares were followed before today; the ledger has how many they were."""
    with database(context).transaction() as session:
        service.forget_visitors(session, now())
