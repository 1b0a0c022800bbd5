"""What Meta's webhooks say, read change by change: nothing in them can make it fail. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Outcome = Literal["counted", "ignored", "unreadable"]
OUTCOMES = ("counted", "ignored", "unreadable")
KINDS = ("reaction", "comment", "share")
KIND_OF = {"reaction": "reaction", "like": "reaction", "comment": "comment", "share": "share"}
THERE, GONE = {"add", "edit", "edited", "update"}, {"remove", "delete"}
"""What a verb says of the thing; the others, such as `hide`, say nothing of that."""

ID, WORD = re.compile(r"[0-9A-Za-z_.:-]{1,128}"), re.compile(r"[A-Za-z_]{1,64}")
LAST_S = 4_102_444_800
"""Larger times are in milliseconds, or none."""


@dataclass(frozen=True, slots=True)
class Said:
    """That a reaction, comment or share is on a post at a time, or is there no more.

    `thing` tells it from others on the post: a reaction by who has it, for nobody has two. What
    is counted is which things are there, so it does not matter in which order the news comes.
    """

    post_id: str
    kind: str
    thing: str
    at: datetime
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a webhook. `identity` is equal for the same change told again."""

    identity: str
    outcome: Outcome
    page_id: str | None = None
    field: str | None = None
    item: str | None = None
    verb: str | None = None
    post_id: str | None = None
    at: datetime | None = None
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    reactions: int = 0
    comments: int = 0
    shares: int = 0


def read_webhook(raw: bytes) -> list[Change]:
    """Every change of a signed body, in its order."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    found = _read(document) if isinstance(document, dict) else [None]
    mark = hashlib.sha256(raw).hexdigest()
    return [
        change or Change(f"{mark} {number}", "unreadable") for number, change in enumerate(found)
    ]


def digest_of(thing: str, salt: bytes) -> bytes:
    """What is kept of a thing: enough to know it again on its post, and on no other."""
    return hmac.digest(salt, thing.encode(), "sha256")


def _read(document: dict[str, Any]) -> Iterator[Change | None]:
    """None for each that cannot be read."""
    entries = document.get("entry")
    if not isinstance(entries, list):
        yield None
        return
    for entry in entries:
        if isinstance(entry, dict):
            yield from _read_entry(entry, is_page=document.get("object") == "page")
        else:
            yield None


def _read_entry(entry: dict[str, Any], *, is_page: bool) -> Iterator[Change | None]:
    page_id, sent_at = _id(entry.get("id")), _time(entry.get("time"))
    changes, names = entry.get("changes", []), entry.get("changed_fields", [])
    if not (isinstance(changes, list) and isinstance(names, list)):
        yield None
        return
    for change in changes:
        yield _read_change(change, page_id, sent_at, is_page=is_page)
    for name in names:
        identity = _join(page_id, "changed_fields", _plain(name), sent_at)
        yield Change(identity, "ignored", page_id, _word(name), at=sent_at)
    if not (changes or names):
        yield Change(_join(page_id, _plain(entry)), "ignored", page_id, at=sent_at)


def _read_change(
    change: Any, page_id: str | None, sent_at: datetime | None, *, is_page: bool
) -> Change | None:
    if not isinstance(change, dict) or not isinstance(change.get("field"), str):
        return None
    field, value = _word(change["field"]), change.get("value")
    item = _word(value.get("item")) if isinstance(value, dict) else None
    if not is_page or not isinstance(value, dict) or item is None:
        return Change(_join(page_id, _plain(change)), "ignored", page_id, field, at=sent_at)
    verb, post_id, at = _word(value.get("verb")), _id(value.get("post_id")), _created(value)
    comment_id, actor = _id(value.get("comment_id")), _actor(value)
    about = comment_id or f"{post_id} {actor}"
    identity = _join(
        page_id, field, item, verb, about, _word(value.get("reaction_type")),
        _id(value.get("share_id")), at or sent_at,
    )  # fmt: skip
    told = (identity, page_id, field, item, verb, post_id, at or sent_at)
    if field != "feed" or item not in KIND_OF or verb not in THERE | GONE:
        return _made("ignored", *told)
    return _count(value, comment_id, actor, told)


def _count(
    value: dict[str, Any], comment_id: str | None, actor: str | None, told: tuple[Any, ...]
) -> Change | None:
    _, _, _, item, verb, post_id, at = told
    kind = KIND_OF[item]
    if post_id is None or at is None:
        return None
    thing = _thing(kind, value, comment_id, actor, at)
    if thing is None:
        return _made("ignored", *told)
    said = Said(post_id, kind, thing, at, is_there=verb in THERE)
    return _made("counted", *told, said)


def _thing(
    kind: str, value: dict[str, Any], comment_id: str | None, actor: str | None, at: datetime
) -> str | None:
    """None: not on the post itself, or nothing to know it by when it is taken back."""
    if kind == "comment":
        return comment_id
    if kind == "share":
        return _id(value.get("share_id")) or (actor and f"{actor} {at.timestamp():.0f}")
    on_comment = comment_id or _id(value.get("parent_id")) not in (None, value["post_id"])
    return None if on_comment else actor


def _made(outcome: Outcome, identity: str, *told: Any) -> Change:
    return Change(identity, outcome, *told)


def _created(value: dict[str, Any]) -> datetime | None:
    return _time(value.get("created_time"))


def _actor(value: dict[str, Any]) -> str | None:
    """Both ways in which it is told who did it; often it is not told."""
    person = value.get("from")
    return _id(person.get("id") if isinstance(person, dict) else value.get("sender_id"))


def _time(value: Any) -> datetime | None:
    """Whole seconds since 1970; some times come in milliseconds, some as text."""
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,13}", text, re.ASCII):
        return None
    seconds = int(text) if int(text) <= LAST_S else int(text) // 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds <= LAST_S else None


def _id(value: Any) -> str | None:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text if ID.fullmatch(text) else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and WORD.fullmatch(value) else None


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _join(*parts: object) -> str:
    return "|".join("" if part is None else str(part) for part in parts)
