"""Use cases of Meta's webhooks: kept as they come, read later, counted by post."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from lbs.db import Session, new_id
from lbs.facebook_hooks import queries
from lbs.facebook_hooks.policy import Change, Counts, digest_of, read_webhook
from lbs.vault import Vault

KEPT_FOR = timedelta(days=30)
BATCH = 100
"""So many webhooks are looked up at once."""


def keep(session: Session, raw: bytes, now: datetime) -> None:
    """Keep what Meta sent, once however often it comes; what it says is read later."""
    digest = hashlib.sha256(raw).digest()
    queries.keep(session, webhook_id=new_id(), digest=digest, body=raw, now=now)


def list_unread(session: Session) -> list[UUID]:
    return queries.unread(session, BATCH)


def read(
    session: Session, webhook_id: UUID, vault: Vault, new_salt: Callable[[], str], now: datetime
) -> None:
    """Take in what a webhook says and drop its body, all of it in one transaction.

    So a worker that dies over it has counted nothing, and nobody counts it twice.
    """
    raw = queries.lock_unread(session, webhook_id)
    if raw is None:
        return
    changes = {
        vault.digest(f"facebook change {change.identity}"): change for change in read_webhook(raw)
    }
    news = queries.add_changes(session, webhook_id, changes) if changes else set()
    _count(session, [changes[digest] for digest in news], vault, new_salt)
    queries.mark_read(session, webhook_id, now)


def count_by_post(session: Session, post_ids: Sequence[str]) -> dict[str, Counts]:
    """What is on each of the posts, by Facebook's ids of them, as far as Meta has told."""
    counted = {
        row.post_id: Counts(row.reactions, row.comments, row.shares)
        for row in queries.count(session, post_ids)
    }
    return {post_id: counted.get(post_id, Counts()) for post_id in post_ids}


def forget_old(session: Session, now: datetime) -> None:
    queries.forget(session, now - KEPT_FOR)


def keep_pages(session: Session, page_ids: Iterable[str]) -> None:
    """Forget what Meta has told of all other Pages, and what was counted on their posts."""
    queries.keep_pages(session, page_ids)


def _count(
    session: Session, news: Sequence[Change], vault: Vault, new_salt: Callable[[], str]
) -> None:
    said = [(change.page_id, change.said) for change in news if change.said]
    if not said:
        return
    pages = {one.post_id: page_id for page_id, one in said}
    queries.add_posts(
        session,
        [(post_id, page_id, vault.seal(new_salt())) for post_id, page_id in pages.items()],
    )
    salts = {
        post_id: bytes.fromhex(vault.unseal(sealed))
        for post_id, sealed in queries.sealed_salts(session, list(pages)).items()
    }
    queries.take_in(session, [(one, digest_of(one.thing, salts[one.post_id])) for _, one in said])
