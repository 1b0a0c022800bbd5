"""Webhooks from the stand-in: the handshake, and what happens on Pages, signed and sent."""

from __future__ import annotations

import hmac
import itertools
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from flask import Blueprint, Response, g, jsonify, request

from tests.meta_standin.server import Meta, Refusal, graph_blueprint

AT_MOST = 1000
"""Changes in one request."""
TRIES = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Seconds before each try: at once, then ever more rarely."""
TIMEOUT_S = 20


@dataclass
class Subscription:
    callback_url: str
    fields: tuple[str, ...]
    include_values: bool


@dataclass
class Hooks:
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By object."""


def comment(post_id: str, comment_id: str, verb: str = "add", **members: Any) -> dict[str, Any]:
    said = {"comment_id": comment_id, "parent_id": post_id, "message": "Dejligt, æøå! 😀 50 %"}
    return _feed("comment", post_id, verb, **{**said, **members})


def reaction(post_id: str, actor: str, verb: str = "add", **members: Any) -> dict[str, Any]:
    person = {"id": actor, "name": f"Jane {actor}"}
    said = {"from": person, "reaction_type": "love", "parent_id": post_id}
    return _feed("reaction", post_id, verb, **{**said, **members})


def share(post_id: str, share_id: str, verb: str = "add", **members: Any) -> dict[str, Any]:
    said = {"share_id": share_id, "link": "https://lbs.example/s/abc"}
    return _feed("share", post_id, verb, **{**said, **members})


def entry(page_id: str, *changes: Any, **members: Any) -> dict[str, Any]:
    return {"id": page_id, "time": int(time.time()), "changes": list(changes), **members}


def page(*entries: Any) -> dict[str, Any]:
    return {"object": "page", "entry": list(entries)}


def escaped(document: Any) -> bytes:
    """As Meta writes it: nothing but ASCII, in lowercase escapes, and no bare slash."""
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def signature(secret: str, raw: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret.encode(), raw, algorithm).hexdigest()}"


def headers_of(meta: Meta, raw: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Hub-Signature": signature(meta.app_secret, raw, "sha1"),
        "X-Hub-Signature-256": signature(meta.app_secret, raw),
    }


def batched(page_id: str, changes: Sequence[Any], size: int = AT_MOST) -> list[bytes]:
    """Bodies of so many changes, each with an entry of every Page that they are of."""
    return [
        escaped(page(entry(page_id, *changes[first : first + size])))
        for first in range(0, len(changes), size)
    ]


def deliver(meta: Meta, raw: bytes, *, tries: Iterable[float] = TRIES) -> list[int]:
    """Send to who has subscribed, again until it is taken; the status of each try, 0 for none."""
    subscribed = meta.state_of(Hooks).subscriptions["page"]
    body, statuses = _as_subscribed(raw, subscribed), []
    for wait in tries:
        time.sleep(wait)
        statuses.append(_post(meta, subscribed.callback_url, body))
        if statuses[-1] == 200:
            break
    return statuses


def shake_hands(url: str, token: str) -> bool:
    """Whether who is there knows the token and says the challenge back, exactly."""
    challenge = secrets.token_urlsafe(16) + "+&%"
    asked = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
    try:
        answer = httpx.get(url, params=asked, timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and answer.text == challenge


def blueprint(meta: Meta) -> Blueprint:
    graph = graph_blueprint(meta, "webhooks")

    @graph.post("/<app_id>/subscriptions")
    def subscribe(app_id: str) -> Response:
        if g.token.kind != "APP" or app_id != meta.app_id:
            raise Refusal(15, text="This method must be called with an app access_token")
        said = request.form
        url, fields = said.get("callback_url", ""), said.get("fields", "")
        if not shake_hands(url, said.get("verify_token", "")):
            raise Refusal(2200, text="Callback verification failed")
        with meta.lock:
            meta.state_of(Hooks).subscriptions[said["object"]] = Subscription(
                url, tuple(fields.split(",")), said.get("include_values", "true") == "true"
            )
        return jsonify(success=True)

    @graph.get("/<app_id>/subscriptions")
    def subscriptions(app_id: str) -> Response:
        known = meta.state_of(Hooks).subscriptions.items()
        return jsonify(
            data=[
                {"object": name, "callback_url": one.callback_url, "fields": list(one.fields)}
                for name, one in known
            ]
        )

    return graph


_moments = itertools.count(1_520_383_571)


def _feed(item: str, post_id: str, verb: str, **members: Any) -> dict[str, Any]:
    """Each a second later than the one before, where no time is given."""
    said = {"item": item, "verb": verb, "post_id": post_id, "created_time": next(_moments)}
    return {"field": "feed", "value": {**said, **members}}


def _as_subscribed(raw: bytes, subscribed: Subscription) -> bytes:
    """Without values, where Include Values is off."""
    if subscribed.include_values:
        return raw
    document = json.loads(raw)
    for one in document["entry"]:
        one["changed_fields"] = sorted({change["field"] for change in one.pop("changes")})
    return escaped(document)


def _post(meta: Meta, url: str, raw: bytes) -> int:
    try:
        answer = httpx.post(
            url, content=raw, headers=headers_of(meta, raw), timeout=TIMEOUT_S, trust_env=False
        )
    except httpx.HTTPError:
        return 0
    return answer.status_code
