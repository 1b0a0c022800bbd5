"""Use cases of Pages: connected, watched over, posted to; nothing here asks Meta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.facebook_hooks.policy import Counts
from lbs.facebook_hooks.service import count_by_post
from lbs.facebook_pages import policy, queries
from lbs.facebook_pages.errors import (
    FacebookPageNotConnected,
    FacebookPageNotFound,
    FacebookPostNotFound,
    FacebookPostTimeRefused,
)
from lbs.facebook_pages.models import FacebookPage, FacebookPost
from lbs.facebook_pages.policy import Check, Outcome
from lbs.graph.policy import PAUSE, Action, rest_after
from lbs.jobs.app import enqueue
from lbs.offers.service import load_offer, notify
from lbs.shares.queries import find_sealed_tokens
from lbs.shares.service import share_own
from lbs.vault import Vault
from lbs.webhooks.policy import FACEBOOK_PAGE
from lbs.webhooks.service import publish

POST, LEAVE, END = "post_to_facebook", "leave_facebook_page", "end_facebook_page"


@dataclass(frozen=True, slots=True)
class ManagedPage:
    """A Page that a person has a part in, with the token by which the person acts for it."""

    page_id: str
    name: str
    may_post: bool
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreatePost:
    facebook_page_id: UUID
    message: str | None
    publish_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageView:
    id: UUID
    page_id: str
    name: str
    status: str
    paused_until: datetime | None
    expires_at: datetime | None
    error_code: int | None
    checked_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PostView:
    id: UUID
    offer_id: UUID
    facebook_page_id: UUID
    message: str | None
    token: str = field(repr=False)
    """Of its link."""
    publish_at: datetime
    state: str
    post_id: str | None
    posted_at: datetime | None
    next_try_at: datetime | None
    problem: str | None
    error_code: int | None
    trace_id: str | None
    created_at: datetime
    counts: Counts


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One try to put a post on its Page, or to take it away."""

    post_row: UUID
    facebook_page_id: UUID
    until: datetime
    page_id: str
    sealed_token: str = field(repr=False)
    token: str = field(repr=False)
    link_token: str = field(repr=False)
    message: str | None
    is_to_go: bool
    post_id: str | None
    asked_at: datetime | None
    """When Meta was asked before; None: it never was."""
    known: tuple[str, ...]


def connect_page(
    session: Session,
    merchant_id: UUID,
    managed: ManagedPage,
    check: Check,
    vault: Vault,
    now: datetime,
) -> PageView:
    """The Page with its new token, whether it was connected before or not."""
    page = queries.find_page_by_page_id(session, managed.page_id, merchant_id)
    before = _said(page) if page and page.status != "disconnected" else None
    if page is None:
        page = FacebookPage(
            id=new_id(), merchant_id=merchant_id, page_id=managed.page_id, created_at=now
        )
        session.add(page)
    page.name, page.sealed_token = managed.name, vault.seal(managed.token)
    page.status, page.expires_at = check.status, check.expires_at
    page.checked_at = page.connected_at = now
    page.paused_until = page.error_code = page.warned_of = None
    session.flush()
    _wake(session, page.id)
    after = _said(page) | {"token": "replaced"}
    action = "facebook_page.connected"
    record(session, merchant_id, action, page.id, before=before, after=after, now=now)
    return _view(page, now)


def list_pages(
    session: Session, merchant_id: UUID, now: datetime, *, limit: int, after: UUID | None
) -> list[PageView]:
    rows = queries.list_pages(session, merchant_id, limit=limit, after=after)
    return [_view(row, now) for row in rows]


def load_page(
    session: Session, facebook_page_id: UUID, merchant_id: UUID, now: datetime
) -> PageView:
    return _view(_load_page(session, facebook_page_id, merchant_id), now)


def disconnect_page(
    session: Session, facebook_page_id: UUID, merchant_id: UUID, now: datetime
) -> None:
    """What waits to be posted is not posted; what is there stays there."""
    page = _load_page(session, facebook_page_id, merchant_id, lock=True)
    before = _said(page)
    page.status = "disconnected"
    queries.cancel_all(session, page.id)
    session.flush()
    enqueue(session, LEAVE, facebook_page_id=str(page.id))
    record(session, merchant_id, "facebook_page.disconnected", page.id, before=before, now=now)


def create_post(
    session: Session,
    *,
    merchant_id: UUID,
    offer_id: UUID,
    command: CreatePost,
    vault: Vault,
    new_token: Callable[[], str],
    now: datetime,
) -> PostView:
    """Have a running offer posted, now or later; it is posted only if it runs then."""
    offer = load_offer(session, offer_id, merchant_id)
    page = _load_page(session, command.facebook_page_id, merchant_id)
    if page.status != "connected":
        raise FacebookPageNotConnected(f"It is {page.status}.")
    publish_at = command.publish_at or now
    if not now <= publish_at < min(offer.valid_to, now + policy.AHEAD):
        raise FacebookPostTimeRefused
    post = FacebookPost(
        id=new_id(),
        merchant_id=merchant_id,
        offer_id=offer_id,
        facebook_page_id=page.id,
        share_id=share_own(session, offer_id, merchant_id, vault, new_token, now),
        message=command.message,
        publish_at=publish_at,
        state="queued",
        unwanted=False,
        failed=0,
        next_try_at=publish_at,
        created_at=now,
    )
    session.add(post)
    session.flush()
    if publish_at == now:
        _wake(session, page.id)
    after = _said_of_post(post)
    record(session, merchant_id, "facebook_post.created", post.id, after=after, now=now)
    return _view_posts(session, [post], vault)[0]


def list_posts(
    session: Session,
    offer_id: UUID,
    merchant_id: UUID,
    vault: Vault,
    *,
    limit: int,
    after: UUID | None,
) -> list[PostView]:
    load_offer(session, offer_id, merchant_id)
    rows = queries.list_posts(session, offer_id, merchant_id, limit=limit, after=after)
    return _view_posts(session, rows, vault)


def load_post(
    session: Session, post_id: UUID, offer_id: UUID, merchant_id: UUID, vault: Vault
) -> PostView:
    return _view_posts(session, [_load_post(session, post_id, offer_id, merchant_id)], vault)[0]


def delete_post(
    session: Session, post_id: UUID, offer_id: UUID, merchant_id: UUID, now: datetime
) -> None:
    """What Meta was never asked to post is not posted; the rest is taken away by a worker."""
    post = _load_post(session, post_id, offer_id, merchant_id, lock=True)
    if post.unwanted:
        return
    before = _said_of_post(post)
    post.unwanted = True
    if post.asked_at is None:
        post.state, post.next_try_at = "cancelled", None
    else:
        post.state, post.failed, post.failing_since, post.problem = "deleting", 0, None, None
        post.next_try_at = max(post.next_try_at or now, now)
        _wake(session, post.facebook_page_id)
    session.flush()
    record(session, merchant_id, "facebook_post.deleted", post.id, before=before, now=now)


# --- on its way -------------------------------------------------------------------------------


def due_pages(session: Session, now: datetime) -> list[UUID]:
    """Pages that something is to be posted to, or taken from, now.

    What waits of offers that are paused or over is let go.
    """
    queries.let_go(session, now)
    return queries.due_pages(session, now)


def take(session: Session, facebook_page_id: UUID, vault: Vault, now: datetime) -> Dispatch | None:
    """The next that is due on the Page; nobody else has it for a while."""
    until = now + policy.LEASE
    row = queries.claim(session, facebook_page_id, until, now)
    if row is None:
        return None
    return Dispatch(
        post_row=row.id,
        facebook_page_id=facebook_page_id,
        until=until,
        page_id=row.page_id,
        sealed_token=row.sealed_token,
        token=vault.unseal(row.sealed_token),
        link_token=vault.unseal(row.sealed_link_token),
        message=row.message,
        is_to_go=row.state == "deleting",
        post_id=row.post_id,
        asked_at=row.asked_at,
        known=tuple(row.known),
    )


def settle(
    session: Session, dispatch: Dispatch, outcome: Outcome, chance: float, now: datetime
) -> None:
    """Keep what came of a try, where nobody has taken the post since."""
    page = queries.lock_page(session, dispatch.facebook_page_id)
    post = queries.lock_claimed(session, dispatch.post_row, dispatch.until)
    if page is None or post is None:
        return
    post.error_code, post.trace_id = outcome.code, outcome.trace_id
    if outcome.action is None:
        _mark_done(post, outcome, now, was_to_go=dispatch.is_to_go)
    elif outcome.action is Action.RETRY:
        post.failed += 1
        post.failing_since = post.failing_since or now
        post.next_try_at = policy.next_try(post.failed, post.failing_since, chance, now)
        if post.next_try_at is None:
            _bury(session, post, page, policy.GAVE_UP, now)
    elif outcome.action in policy.POST_PROBLEMS:
        _bury(session, post, page, policy.POST_PROBLEMS[outcome.action], now)
    else:
        post.next_try_at = now
    if page.sealed_token == dispatch.sealed_token:
        _spare(session, page, outcome, now)
    session.flush()


def list_dead(session: Session) -> Sequence[FacebookPost]:
    """What was given up, of all merchants."""
    return queries.list_dead(session)


def replay(session: Session, now: datetime, merchant_id: UUID | None = None) -> int:
    """Try dead posts anew, all or one merchant's; how many there are."""
    return queries.replay(session, merchant_id, now)


# --- watched over -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watched:
    """A Page to look at, with its token; `is_left`: it is not connected any more."""

    id: UUID
    page_id: str
    sealed_token: str = field(repr=False)
    is_left: bool


def pages_to_check(session: Session, now: datetime) -> list[Watched]:
    rows = queries.pages_to_check(session, now - policy.CHECKED_EVERY)
    return [_watched(row) for row in rows if row.sealed_token]


def page_to_leave(session: Session, facebook_page_id: UUID) -> Watched | None:
    """The Page whose webhooks nobody wants any more, if nobody does."""
    page = queries.lock_page(session, facebook_page_id)
    if page is None or page.sealed_token is None or page.status != "disconnected":
        return None
    if queries.is_connected_elsewhere(session, page):
        page.sealed_token = None
        return None
    return _watched(page)


def keep_left(session: Session, watched: Watched) -> None:
    """Meta tells of the Page no more: its token is forgotten."""
    page = queries.lock_page(session, watched.id)
    if page and page.status == "disconnected" and page.sealed_token == watched.sealed_token:
        page.sealed_token = None


def keep_check(session: Session, watched: Watched, check: Check, now: datetime) -> None:
    """What Meta said of a token, where it is the same still; of its end the merchant is told."""
    page = queries.lock_page(session, watched.id)
    if page is None or page.sealed_token != watched.sealed_token or page.status == "disconnected":
        return
    page.checked_at, page.expires_at = now, check.expires_at
    _set_status(session, page, check.status, now)
    ends = check.expires_at
    if check.is_valid and ends and ends != page.warned_of and ends - now < policy.WARNED_BEFORE:
        page.warned_of = ends
        data = {"page": page.name, "day": ends.date().isoformat()}
        notify(
            session,
            page.merchant_id,
            "facebook_page_expiring",
            data,
            now,
            facebook_page_id=page.id,
        )
    session.flush()


def end_page(session: Session, page_id: str, asked_at: datetime, now: datetime) -> None:
    """The Page has removed the app: its tokens of before then are dead, of whichever merchant."""
    for page in queries.lock_connected(session, page_id, asked_at):
        _set_status(session, page, "reauth_required", now)


def lock_of(facebook_page_id: UUID) -> str:
    """Under this name one worker at a time posts to the Page."""
    return f"facebook page {facebook_page_id}"


def _mark_done(post: FacebookPost, outcome: Outcome, now: datetime, *, was_to_go: bool) -> None:
    """It is there, or gone; one that was deleted while it was posted is to go now."""
    post.failed, post.failing_since = 0, None
    if was_to_go:
        post.state, post.next_try_at = "deleted", None
        return
    post.post_id, post.posted_at = outcome.post_id, now
    if post.unwanted:
        post.next_try_at = now
    else:
        post.state, post.next_try_at = "posted", None


def _bury(
    session: Session, post: FacebookPost, page: FacebookPage, problem: str, now: datetime
) -> None:
    post.state, post.next_try_at, post.problem = "dead", None, problem
    data = {"page": page.name}
    notify(session, post.merchant_id, "facebook_post_failed", data, now, offer_id=post.offer_id)


def _spare(session: Session, page: FacebookPage, outcome: Outcome, now: datetime) -> None:
    """Whether and how long the Page rests after an answer."""
    rest = rest_after(outcome.usage)
    if outcome.action is Action.PAUSE:
        rest = max(rest, PAUSE) if not outcome.usage.regain else outcome.usage.regain
    if outcome.action is Action.BLOCKED:
        rest = policy.BLOCKED_FOR
    if rest:
        page.paused_until = max(page.paused_until or now, now + rest)
    if outcome.action is Action.BLOCKED or outcome.action in policy.PAGE_PROBLEMS:
        page.error_code = outcome.code
    if outcome.action is Action.BLOCKED:
        _tell(session, page, "facebook_page_blocked", now)
    elif outcome.action in policy.PAGE_PROBLEMS:
        _set_status(session, page, policy.PAGE_PROBLEMS[outcome.action], now)


def _set_status(session: Session, page: FacebookPage, status: str, now: datetime) -> None:
    """The service's own finding, of which the merchant is told."""
    if page.status == status:
        return
    before = _said(page)
    page.status = status
    session.flush()
    action, after = "facebook_page.status_set", _said(page)
    record(session, page.merchant_id, action, page.id, before=before, after=after, now=now)
    if status == "connected":
        _wake(session, page.id)
    else:
        _tell(session, page, f"facebook_page_{status}", now)
    data = {"facebook_page_id": page.id, "page_id": page.page_id, "status": status}
    publish(session, page.merchant_id, FACEBOOK_PAGE, data, now, order_key=str(page.id))


def _tell(session: Session, page: FacebookPage, kind: str, now: datetime) -> None:
    data = {"page": page.name}
    notify(session, page.merchant_id, kind, data, now, facebook_page_id=page.id)


def _wake(session: Session, facebook_page_id: UUID) -> None:
    lock = lock_of(facebook_page_id)
    enqueue(session, POST, lock=lock, facebook_page_id=str(facebook_page_id))


def _load_page(
    session: Session, facebook_page_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> FacebookPage:
    page = queries.find_page(session, facebook_page_id, merchant_id, lock=lock)
    if page is None:
        raise FacebookPageNotFound
    return page


def _load_post(
    session: Session, post_id: UUID, offer_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> FacebookPost:
    post = queries.find_post(session, post_id, offer_id, merchant_id, lock=lock)
    if post is None:
        raise FacebookPostNotFound
    return post


def _watched(page: FacebookPage) -> Watched:
    return Watched(page.id, page.page_id, page.sealed_token or "", page.status == "disconnected")


def _said(page: FacebookPage) -> dict[str, Any]:
    """What the audit log says of a Page."""
    return {"page_id": page.page_id, "name": page.name, "status": page.status}


def _said_of_post(post: FacebookPost) -> dict[str, Any]:
    names = ("offer_id", "facebook_page_id", "message", "publish_at")
    return {name: getattr(post, name) for name in names}


def _view(page: FacebookPage, now: datetime) -> PageView:
    paused_until = page.paused_until if page.paused_until and page.paused_until > now else None
    is_paused = page.status == "connected" and paused_until is not None
    return PageView(
        id=page.id,
        page_id=page.page_id,
        name=page.name,
        status="paused" if is_paused else page.status,
        paused_until=paused_until,
        expires_at=page.expires_at,
        error_code=page.error_code,
        checked_at=page.checked_at,
        created_at=page.created_at,
    )


def _view_posts(session: Session, posts: Sequence[FacebookPost], vault: Vault) -> list[PostView]:
    counts = count_by_post(session, [post.post_id for post in posts if post.post_id])
    tokens = find_sealed_tokens(session, [post.share_id for post in posts])
    return [
        PostView(
            id=post.id,
            offer_id=post.offer_id,
            facebook_page_id=post.facebook_page_id,
            message=post.message,
            token=vault.unseal(tokens[post.share_id]),
            publish_at=post.publish_at,
            state=post.state,
            post_id=post.post_id,
            posted_at=post.posted_at,
            next_try_at=post.next_try_at,
            problem=post.problem,
            error_code=post.error_code,
            trace_id=post.trace_id,
            created_at=post.created_at,
            counts=counts.get(post.post_id or "", Counts()),
        )
        for post in posts
    ]
