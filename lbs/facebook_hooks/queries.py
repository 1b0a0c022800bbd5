"""Every SELECT and conditional UPDATE of Meta's webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.db import Session, Statement
from lbs.facebook_hooks.policy import Change, Said

KEEP = Statement("""
    INSERT INTO facebook_webhook (id, digest, body, received_at)
    VALUES (:id, :digest, :body, :now) ON CONFLICT (digest) DO NOTHING
""")

UNREAD = Statement("""
    SELECT id FROM facebook_webhook WHERE body IS NOT NULL ORDER BY id LIMIT :limit
""")

LOCK_UNREAD = Statement("""
    SELECT body FROM facebook_webhook WHERE id = :id AND body IS NOT NULL FOR UPDATE SKIP LOCKED
""")

MARK_READ = Statement("""
    UPDATE facebook_webhook SET body = NULL, read_at = :now WHERE id = :id
""")

ADD_CHANGES = Statement("""
    INSERT INTO facebook_change
        (digest, webhook_id, page_id, field, item, verb, post_id, at, outcome)
    SELECT digest, CAST(:webhook_id AS uuid), page_id, field, item, verb, post_id, at, outcome
    FROM unnest(CAST(:digests AS bytea[]), CAST(:page_ids AS text[]), CAST(:fields AS text[]),
                CAST(:items AS text[]), CAST(:verbs AS text[]), CAST(:post_ids AS text[]),
                CAST(:times AS timestamptz[]), CAST(:outcomes AS text[]))
         AS change(digest, page_id, field, item, verb, post_id, at, outcome)
    ORDER BY digest ON CONFLICT (digest) DO NOTHING RETURNING digest
""")
"""In one order, as below, so that no two workers wait for each other."""

ADD_POSTS = Statement("""
    INSERT INTO facebook_engaged_post (post_id, page_id, sealed_salt)
    SELECT * FROM unnest(CAST(:post_ids AS text[]), CAST(:page_ids AS text[]),
                         CAST(:salts AS text[])) AS post(post_id, page_id, sealed_salt)
    ORDER BY post_id ON CONFLICT (post_id) DO NOTHING
""")

FIND_POSTS = Statement("""
    SELECT post_id, sealed_salt FROM facebook_engaged_post
    WHERE post_id = ANY(CAST(:post_ids AS text[]))
""")

TAKE_IN = Statement("""
    INSERT INTO facebook_engagement AS known (post_id, kind, thing, is_there, at)
    SELECT DISTINCT ON (post_id, kind, thing) post_id, kind, thing, is_there, at
    FROM unnest(CAST(:post_ids AS text[]), CAST(:kinds AS text[]), CAST(:things AS bytea[]),
                CAST(:there AS boolean[]), CAST(:times AS timestamptz[]))
         AS said(post_id, kind, thing, is_there, at)
    ORDER BY post_id, kind, thing, CASE WHEN kind = 'reaction' THEN at END DESC, is_there, at DESC
    ON CONFLICT (post_id, kind, thing) DO UPDATE
        SET is_there = excluded.is_there, at = excluded.at
        WHERE CASE WHEN known.kind = 'reaction'
            THEN (excluded.at, NOT excluded.is_there) > (known.at, NOT known.is_there)
            ELSE known.is_there AND NOT excluded.is_there END
""")
"""Of a reaction the latest news holds, and of two at one second that it is gone: it can come back.
A comment or share that is gone never does, whatever comes in after."""

COUNT = Statement("""
    SELECT post_id, count(*) FILTER (WHERE kind = 'reaction') AS reactions,
           count(*) FILTER (WHERE kind = 'comment') AS comments,
           count(*) FILTER (WHERE kind = 'share') AS shares
    FROM facebook_engagement WHERE post_id = ANY(CAST(:post_ids AS text[])) AND is_there
    GROUP BY post_id
""")

FORGET = Statement("DELETE FROM facebook_webhook WHERE received_at < :before")

FORGET_POSTS = Statement("""
    DELETE FROM facebook_engaged_post
    WHERE coalesce(page_id <> ALL(CAST(:kept AS text[])), true)
""")

FORGET_CHANGES = Statement("""
    DELETE FROM facebook_change WHERE page_id <> ALL(CAST(:kept AS text[]))
""")


def keep(session: Session, *, webhook_id: UUID, digest: bytes, body: bytes, now: datetime) -> None:
    """Keep the body, unless the same is there already."""
    KEEP.do(session, {"id": webhook_id, "digest": digest, "body": body, "now": now})


def unread(session: Session, limit: int) -> list[UUID]:
    """In the order in which they came in."""
    return [row.id for row in UNREAD.all(session, {"limit": limit})]


def lock_unread(session: Session, webhook_id: UUID) -> bytes | None:
    """The body; None where it has been read, or is being read by another."""
    rows = LOCK_UNREAD.all(session, {"id": webhook_id}, binary=True)
    return rows[0].body if rows else None


def mark_read(session: Session, webhook_id: UUID, now: datetime) -> None:
    MARK_READ.do(session, {"id": webhook_id, "now": now})


def add_changes(session: Session, webhook_id: UUID, changes: Mapping[bytes, Change]) -> set[bytes]:
    """Keep the changes by their digests; which of them are news."""
    told = list(changes.values())
    values = {
        "webhook_id": webhook_id,
        "digests": list(changes),
        "page_ids": [change.page_id for change in told],
        "fields": [change.field for change in told],
        "items": [change.item for change in told],
        "verbs": [change.verb for change in told],
        "post_ids": [change.post_id for change in told],
        "times": [change.at for change in told],
        "outcomes": [change.outcome for change in told],
    }
    return {row.digest for row in ADD_CHANGES.all(session, values, binary=True)}


def add_posts(session: Session, posts: Iterable[tuple[str, str | None, str]]) -> None:
    """Post, Page and sealed salt of each; those that are known stay as they are."""
    post_ids, page_ids, salts = zip(*posts, strict=True)
    values = {"post_ids": list(post_ids), "page_ids": list(page_ids), "salts": list(salts)}
    ADD_POSTS.do(session, values)


def sealed_salts(session: Session, post_ids: Sequence[str]) -> dict[str, str]:
    rows = FIND_POSTS.all(session, {"post_ids": list(post_ids)})
    return {row.post_id: row.sealed_salt for row in rows}


def take_in(session: Session, said: Sequence[tuple[Said, bytes]]) -> None:
    """Which things are there, each under its digest."""
    values: dict[str, Any] = {
        "post_ids": [one.post_id for one, _ in said],
        "kinds": [one.kind for one, _ in said],
        "things": [thing for _, thing in said],
        "there": [one.is_there for one, _ in said],
        "times": [one.at for one, _ in said],
    }
    TAKE_IN.do(session, values)


def count(session: Session, post_ids: Sequence[str]) -> list[Any]:
    return COUNT.all(session, {"post_ids": list(post_ids)})


def forget(session: Session, before: datetime) -> None:
    """Webhooks of before then, read or not, with the changes that they told of."""
    FORGET.do(session, {"before": before})


def keep_pages(session: Session, page_ids: Iterable[str]) -> None:
    """Drop counts, salts and changes of all other Pages."""
    kept = {"kept": list(page_ids)}
    FORGET_POSTS.do(session, kept)
    FORGET_CHANGES.do(session, kept)
