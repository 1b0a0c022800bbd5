from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from procrastinate import JobContext
from procrastinate.exceptions import AlreadyEnqueued

from lbs.config import Settings
from lbs.db import Database
from lbs.facebook_pages import policy, service
from lbs.facebook_pages.auth import check, subscribe
from lbs.facebook_pages.policy import Outcome
from lbs.facebook_pages.service import Dispatch, Watched
from lbs.graph.client import Graph
from lbs.graph.errors import GraphError
from lbs.graph.policy import Action
from lbs.jobs.app import database, now, settings, tasks
from lbs.shares.service import link_of
from lbs.vault import Vault

ROUNDS = 20
"""After so many, other Pages have their turn."""
NEWEST = 50
"""So many of a Page's posts are looked through for ours."""


@tasks.periodic(cron="* * * * * */10")
@tasks.task(name="wake_facebook_pages", queueing_lock="wake_facebook_pages", pass_context=True)
async def wake_facebook_pages(context: JobContext, timestamp: int) -> None:
    """Have all posted that is due: what was scheduled, what is tried again, and what a killed
    worker had taken.
    """
    if not settings(context).has_facebook_app:
        return
    for facebook_page_id in await asyncio.to_thread(_due, database(context)):
        lock = service.lock_of(facebook_page_id)
        job = context.app.configure_task(service.POST, lock=lock, queueing_lock=lock)
        with suppress(AlreadyEnqueued):
            await job.defer_async(facebook_page_id=str(facebook_page_id))


@tasks.task(name=service.POST, pass_context=True)
def post_to_facebook(context: JobContext, facebook_page_id: str) -> None:
    """Put on one Page what is due, until there is no more or the Page has to rest."""
    if not settings(context).has_facebook_app:
        return
    poster = Poster(database(context), settings(context))
    for _ in range(ROUNDS):
        if not poster.post_next(UUID(facebook_page_id)):
            return


@tasks.task(name=service.LEAVE, pass_context=True)
def leave_facebook_page(context: JobContext, facebook_page_id: str) -> None:
    """Have Meta tell no more of a Page that was disconnected; the daily look tries again."""
    if settings(context).has_facebook_app:
        Watcher(database(context), settings(context)).leave(UUID(facebook_page_id))


@tasks.task(name=service.END, pass_context=True)
def end_facebook_page(context: JobContext, page_id: str, asked_at: str) -> None:
    """A Page has removed the app: who connected it before is asked to connect it again."""
    with database(context).transaction() as session:
        service.end_page(session, page_id, datetime.fromisoformat(asked_at), now())


@tasks.periodic(cron="23 * * * *")
@tasks.task(name="check_facebook_pages", queueing_lock="check_facebook_pages", pass_context=True)
def check_facebook_pages(context: JobContext, timestamp: int) -> None:
    """Look at each Page's token once a day; where Meta did not answer, an hour later again."""
    if settings(context).has_facebook_app:
        Watcher(database(context), settings(context)).check_all()


class Poster:
    """Takes what is due on a Page and carries it out, each in transactions of its own.

    Nothing is open while Meta takes its time.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db, self._vault = db, Vault(settings.secrets_key)
        self._graph, self._public_url = Graph(settings), settings.public_url

    def post_next(self, facebook_page_id: UUID) -> bool:
        """Whether there was one."""
        with self._db.transaction() as session:
            dispatch = service.take(session, facebook_page_id, self._vault, now())
        if dispatch is None:
            return False
        outcome = self._carry_out(dispatch)
        with self._db.transaction() as session:
            service.settle(session, dispatch, outcome, random.random(), now())  # noqa: S311
        return True

    def _carry_out(self, dispatch: Dispatch) -> Outcome:
        try:
            return self._delete(dispatch) if dispatch.is_to_go else self._post(dispatch)
        except GraphError as error:
            return Outcome(
                action=error.action, code=error.code, trace_id=error.trace_id, usage=error.usage
            )

    def _post(self, dispatch: Dispatch) -> Outcome:
        """Once: what an earlier try may have posted is looked for first."""
        if dispatch.asked_at and (found := self._find(dispatch)):
            return Outcome(post_id=found)
        with suppress(GraphError):
            self._graph.scrape(self._link(dispatch))
        try:
            return self._publish(dispatch)
        except GraphError as error:
            if error.action is Action.DUPLICATE and (found := self._find(dispatch)):
                return Outcome(post_id=found)
            if error.action is not Action.RESCRAPE:
                raise
        self._graph.scrape(self._link(dispatch))
        return self._publish(dispatch)

    def _publish(self, dispatch: Dispatch) -> Outcome:
        fields = {"link": self._link(dispatch)}
        if dispatch.message is not None:
            fields["message"] = dispatch.message
        answer = self._graph.call("POST", f"{dispatch.page_id}/feed", dispatch.token, fields)
        if not answer.body.get("id"):
            raise GraphError(Action.RETRY, "no id in the answer", usage=answer.usage)
        return Outcome(post_id=str(answer.body["id"]), usage=answer.usage)

    def _delete(self, dispatch: Dispatch) -> Outcome:
        post_id = dispatch.post_id or self._find(dispatch)
        if post_id is None:
            return Outcome()
        try:
            answer = self._graph.call("DELETE", post_id, dispatch.token)
        except GraphError as error:
            if error.action is Action.REFUSED and error.subcode == policy.OBJECT_GONE:
                return Outcome()
            raise
        return Outcome(usage=answer.usage)

    def _find(self, dispatch: Dispatch) -> str | None:
        asked_at = dispatch.asked_at or now()
        fields: dict[str, Any] = {
            "fields": "id,message,created_time,attachments{unshimmed_url}",
            "since": int((asked_at - policy.CLOCKS_DIFFER).timestamp()),
            "limit": NEWEST,
        }
        feed = self._graph.call("GET", f"{dispatch.page_id}/feed", dispatch.token, fields).body
        link = self._link(dispatch)
        return policy.find_posted(feed, link, dispatch.message, asked_at, dispatch.known)

    def _link(self, dispatch: Dispatch) -> str:
        return link_of(dispatch.link_token, self._public_url)


class Watcher:
    """Looks at the tokens of Pages, and leaves those that are connected no more."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db, self._vault = db, Vault(settings.secrets_key)
        self._graph = Graph(settings)

    def check_all(self) -> None:
        with self._db.transaction() as session:
            found = service.pages_to_check(session, now())
        for watched in found:
            with suppress(GraphError):
                self.leave(watched.id) if watched.is_left else self._check(watched)

    def leave(self, facebook_page_id: UUID) -> None:
        with self._db.transaction() as session:
            watched = service.page_to_leave(session, facebook_page_id)
        if watched is None:
            return
        try:
            self._unsubscribe(watched)
        except GraphError as error:
            if error.action in (Action.RETRY, Action.PAUSE):
                return
        with self._db.transaction() as session:
            service.keep_left(session, watched)

    def _unsubscribe(self, watched: Watched) -> None:
        token = self._vault.unseal(watched.sealed_token)
        self._graph.call("DELETE", f"{watched.page_id}/subscribed_apps", token)

    def _check(self, watched: Watched) -> None:
        token = self._vault.unseal(watched.sealed_token)
        found = check(self._graph, watched.page_id, token)
        if found.is_valid and not found.is_subscribed:
            with suppress(GraphError):
                subscribe(self._graph, watched.page_id, token)
        with self._db.transaction() as session:
            service.keep_check(session, watched, found, now())


def _due(db: Database) -> list[UUID]:
    with db.transaction() as session:
        return service.due_pages(session, now())
