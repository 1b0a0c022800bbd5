"""When a post is tried again, what a failed try means, and which post is ours. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lbs.graph.policy import Action, Usage

AHEAD = timedelta(days=30)
"""So far ahead a post may be scheduled."""
LEASE = timedelta(minutes=5)
"""So long whoever took a post has it alone: more than its calls can last."""
TRIES, WINDOW = 8, timedelta(hours=24)
FIRST_DELAY, GROWTH, LONGEST_DELAY = timedelta(minutes=1), 3, timedelta(hours=6)
JITTER = 0.2
BLOCKED_FOR = timedelta(hours=24)
WARNED_BEFORE = timedelta(days=7)
CHECKED_EVERY = timedelta(days=1)
CLOCKS_DIFFER = timedelta(minutes=5)

NEEDED = frozenset({"pages_manage_posts", "pages_read_engagement", "pages_manage_metadata"})
"""Permissions without which a Page is of no use here."""
SUBSCRIBED = ("feed", "mention")
"""What Meta's webhooks tell of a Page."""
LATEST = 7_000_000_000
"""Seconds since 1970; no time of ours is later."""
MAY_POST = frozenset({"CREATE_CONTENT", "MANAGE"})
OBJECT_GONE = 33
"""The subcode of what is not there, or not any more."""

PAGE_PROBLEMS = {
    Action.REAUTHORISE: "reauth_required",
    Action.NO_PERMISSION: "permission_missing",
}
"""By what an error asks for, the status that the Page has from then on."""
POST_PROBLEMS = {
    Action.DUPLICATE: "duplicate",
    Action.RESCRAPE: "link_unreadable",
    Action.REFUSED: "refused",
}
"""By what an error asks for, why a post is given up."""
GAVE_UP = "gave_up"
NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try: done, with the id of a post that is there; or what an error asks for."""

    action: Action | None = None
    post_id: str | None = None
    code: int | None = None
    trace_id: str | None = None
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Check:
    """What Meta says of a Page's token; `is_subscribed`: its webhooks tell of the Page."""

    is_valid: bool
    scopes: frozenset[str]
    expires_at: datetime | None
    is_subscribed: bool

    @property
    def status(self) -> str:
        if not self.is_valid:
            return "reauth_required"
        return "connected" if self.scopes >= NEEDED else "permission_missing"


def next_try(failed: int, began: datetime, chance: float, now: datetime) -> datetime | None:
    """When to try again after so many tries in vain; None where it is given up.

    The delays grow threefold from a minute to six hours, each a fifth shorter or longer by
    `chance` of 0 to 1.
    """
    if failed >= TRIES or now >= began + WINDOW:
        return None
    growth: int = GROWTH ** min(failed - 1, TRIES)
    return now + min(FIRST_DELAY * growth, LONGEST_DELAY) * (1 - JITTER + 2 * JITTER * chance)


def find_posted(
    feed: Mapping[str, Any], link: str, message: str | None, since: datetime, known: Collection[str]
) -> str | None:
    """The id of our post among a Page's newest, if it is there.

    Every post has a link of its own. Where Meta does not tell a post's link, the message and the
    time have to do; `known` are the ids of our other posts.
    """
    posts = [post for post in _posts(feed) if post["id"] not in known]
    by_link = (post for post in posts if link in _links(post))
    by_message = (
        post
        for post in posts
        if message and post.get("message") == message and not _links(post)
        if _moment(post.get("created_time")) >= since - CLOCKS_DIFFER
    )
    found = next(by_link, None) or next(by_message, None)
    return str(found["id"]) if found else None


def read_check(data: Any, *, app_id: str, is_subscribed: bool) -> Check:
    """Of the data that `debug_token` answers with."""
    said = data if isinstance(data, Mapping) else {}
    ends = [
        datetime.fromtimestamp(said[name], UTC)
        for name in ("expires_at", "data_access_expires_at")
        if isinstance(said.get(name), int) and 0 < said[name] < LATEST
    ]
    is_valid = said.get("is_valid") is True and str(said.get("app_id")) == app_id
    scopes = said.get("scopes")
    return Check(
        is_valid=is_valid,
        scopes=frozenset(map(str, scopes if isinstance(scopes, list) else [])),
        expires_at=min(ends, default=None),
        is_subscribed=is_subscribed,
    )


def _posts(feed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    said = feed.get("data")
    posts = said if isinstance(said, list) else []
    return [post for post in posts if isinstance(post, Mapping) and isinstance(post.get("id"), str)]


def _links(post: Mapping[str, Any]) -> list[str]:
    return [str(post["link"])] if post.get("link") else list(_attached(post))


def _attached(post: Mapping[str, Any]) -> Iterator[str]:
    attachments = post.get("attachments")
    parts = attachments.get("data") if isinstance(attachments, Mapping) else None
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, Mapping) and part.get("unshimmed_url"):
            yield str(part["unshimmed_url"])


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
