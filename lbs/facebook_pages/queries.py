"""Every SELECT and conditional UPDATE of Pages and posts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from lbs.db import Session, Statement
from lbs.facebook_pages.models import FacebookPage, FacebookPost

_RUNS = """
    EXISTS (
        SELECT FROM offer JOIN offer_version AS terms
          ON (terms.offer_id, terms.number) = (offer.id, offer.terms_version)
        WHERE offer.id = post.offer_id AND offer.status = 'active'
          AND terms.valid_to > CAST(:now AS timestamptz))
"""
_DUE = f"""
    page.status = 'connected' AND coalesce(page.paused_until <= CAST(:now AS timestamptz), true)
    AND post.next_try_at <= CAST(:now AS timestamptz)
    AND (post.state = 'deleting' OR (post.state = 'queued' AND {_RUNS}))
"""

DUE_PAGES = Statement(f"""
    SELECT DISTINCT page.id
    FROM facebook_post AS post JOIN facebook_page AS page ON page.id = post.facebook_page_id
    WHERE {_DUE}
""")

CLAIM = Statement(f"""
    WITH due AS (
        SELECT post.id, post.asked_at
        FROM facebook_post AS post JOIN facebook_page AS page ON page.id = post.facebook_page_id
        WHERE page.id = CAST(:facebook_page_id AS uuid) AND {_DUE}
        ORDER BY post.next_try_at, post.id LIMIT 1
        FOR UPDATE OF post SKIP LOCKED
    )
    UPDATE facebook_post AS post
    SET next_try_at = CAST(:until AS timestamptz),
        asked_at = coalesce(post.asked_at, CAST(:now AS timestamptz))
    FROM due, facebook_page AS page, share
    WHERE post.id = due.id AND page.id = post.facebook_page_id AND share.id = post.share_id
    RETURNING post.id, post.state, post.message, post.post_id, due.asked_at, page.page_id,
              page.sealed_token, share.sealed_token AS sealed_link_token,
              ARRAY(
                  SELECT other.post_id FROM facebook_post AS other
                  WHERE other.facebook_page_id = page.id AND other.post_id IS NOT NULL
                    AND other.posted_at >= due.asked_at - interval '1 day'
              ) AS known
""")

LET_GO = Statement(f"""
    UPDATE facebook_post AS post
    SET state = CASE WHEN asked_at IS NULL THEN 'cancelled' ELSE 'deleting' END,
        next_try_at = CASE WHEN asked_at IS NULL THEN NULL ELSE next_try_at END,
        unwanted = true
    WHERE post.state = 'queued' AND NOT {_RUNS}
""")

CANCEL_ALL = Statement("""
    UPDATE facebook_post SET state = 'cancelled', unwanted = true, next_try_at = NULL
    WHERE facebook_page_id = :facebook_page_id AND state IN ('queued', 'deleting')
""")

REPLAY = Statement(f"""
    WITH replayed AS (
        UPDATE facebook_post AS post
        SET state = CASE WHEN unwanted THEN 'deleting' ELSE 'queued' END,
            next_try_at = CAST(:now AS timestamptz), failed = 0, failing_since = NULL,
            problem = NULL
        WHERE post.state = 'dead' AND (unwanted OR {_RUNS})
          AND merchant_id = coalesce(CAST(:merchant_id AS uuid), merchant_id)
        RETURNING 1
    )
    SELECT count(*) AS replayed FROM replayed
""")

IS_CONNECTED_ELSEWHERE = Statement("""
    SELECT EXISTS (
        SELECT FROM facebook_page
        WHERE page_id = :page_id AND id <> :id AND status <> 'disconnected') AS found
""")


def find_page(
    session: Session, facebook_page_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> FacebookPage | None:
    statement = _connected(merchant_id).where(FacebookPage.id == facebook_page_id)
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def find_page_by_page_id(session: Session, page_id: str, merchant_id: UUID) -> FacebookPage | None:
    """Locked; also one that is not connected any more."""
    found = select(FacebookPage).where(
        FacebookPage.merchant_id == merchant_id, FacebookPage.page_id == page_id
    )
    return session.scalars(found.with_for_update()).one_or_none()


def lock_page(session: Session, facebook_page_id: UUID) -> FacebookPage | None:
    return session.get(FacebookPage, facebook_page_id, with_for_update=True)


def lock_connected(session: Session, page_id: str, before: datetime) -> Sequence[FacebookPage]:
    """Every merchant's connection of the Page with a token that was given before then."""
    connected = select(FacebookPage).where(
        FacebookPage.page_id == page_id,
        FacebookPage.status != "disconnected",
        FacebookPage.connected_at < before,
    )
    return session.scalars(connected.order_by(FacebookPage.id).with_for_update()).all()


def list_pages(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[FacebookPage]:
    statement = _connected(merchant_id).order_by(FacebookPage.id).limit(limit)
    return session.scalars(statement.where(FacebookPage.id > after) if after else statement).all()


def pages_to_check(session: Session, before: datetime) -> Sequence[FacebookPage]:
    """Those with a token that nobody is known to have to renew, not looked at since."""
    due = select(FacebookPage).where(
        FacebookPage.sealed_token.is_not(None),
        FacebookPage.status != "reauth_required",
        FacebookPage.checked_at <= before,
    )
    return session.scalars(due.order_by(FacebookPage.checked_at)).all()


def is_connected_elsewhere(session: Session, page: FacebookPage) -> bool:
    """Whether another merchant has connected the same Page."""
    found = IS_CONNECTED_ELSEWHERE.one(session, {"page_id": page.page_id, "id": page.id})
    return bool(found.found)


def find_post(
    session: Session, post_id: UUID, offer_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> FacebookPost | None:
    statement = select(FacebookPost).where(
        FacebookPost.id == post_id,
        FacebookPost.offer_id == offer_id,
        FacebookPost.merchant_id == merchant_id,
    )
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def list_posts(
    session: Session, offer_id: UUID, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[FacebookPost]:
    conditions: list[ColumnElement[bool]] = [
        FacebookPost.offer_id == offer_id,
        FacebookPost.merchant_id == merchant_id,
    ]
    if after:
        conditions.append(FacebookPost.id < after)
    newest = select(FacebookPost).where(*conditions).order_by(FacebookPost.id.desc())
    return session.scalars(newest.limit(limit)).all()


def list_dead(session: Session) -> Sequence[FacebookPost]:
    dead = select(FacebookPost).where(FacebookPost.state == "dead")
    return session.scalars(dead.order_by(FacebookPost.id)).all()


def due_pages(session: Session, now: datetime) -> list[UUID]:
    return [row.id for row in DUE_PAGES.all(session, {"now": now})]


def claim(session: Session, facebook_page_id: UUID, until: datetime, now: datetime) -> Any | None:
    """The next post to be put on the Page or taken from it; nobody else has it until then."""
    values = {"facebook_page_id": facebook_page_id, "until": until, "now": now}
    return CLAIM.find(session, values)


def lock_claimed(session: Session, post_id: UUID, until: datetime) -> FacebookPost | None:
    """The post, where nobody has taken it since."""
    mine = select(FacebookPost).where(FacebookPost.id == post_id, FacebookPost.next_try_at == until)
    return session.scalars(mine.with_for_update()).one_or_none()


def let_go(session: Session, now: datetime) -> None:
    """What waits to be posted of offers that do not run is not posted; what may be, is deleted."""
    LET_GO.do(session, {"now": now})


def cancel_all(session: Session, facebook_page_id: UUID) -> None:
    CANCEL_ALL.do(session, {"facebook_page_id": facebook_page_id})


def replay(session: Session, merchant_id: UUID | None, now: datetime) -> int:
    """How many dead posts are tried anew: those of offers that run, and those to be deleted."""
    counted: int = REPLAY.one(session, {"merchant_id": merchant_id, "now": now}).replayed
    return counted


def _connected(merchant_id: UUID) -> Any:
    return select(FacebookPage).where(
        FacebookPage.merchant_id == merchant_id, FacebookPage.status != "disconnected"
    )
