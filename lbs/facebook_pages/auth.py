"""A person's token into the Pages that they manage: asks Meta, and never in a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lbs.config import Settings
from lbs.facebook_pages import policy
from lbs.facebook_pages.errors import (
    FacebookPageNotFound,
    FacebookPermissionMissing,
    FacebookPersonRefused,
)
from lbs.facebook_pages.policy import Check, read_check
from lbs.facebook_pages.service import ManagedPage
from lbs.graph.client import Graph
from lbs.graph.errors import FacebookUnavailable, GraphError
from lbs.graph.policy import Action

ROUNDS = 10
"""So many answers with Pages are read at most."""
RETRY_AFTER_S = 30

PERSON_ERRORS = {
    Action.REAUTHORISE: FacebookPersonRefused,
    Action.REFUSED: FacebookPersonRefused,
    Action.NO_PERMISSION: FacebookPermissionMissing,
}
"""By what an error asks for, what the merchant is told; of all others, to try again."""


def find_pages(settings: Settings, person_token: str) -> list[ManagedPage]:
    """The Pages that the person has a part in; their tokens have no end of their own."""
    graph = Graph(settings)
    try:
        return list(_pages(graph, _lasting(graph, person_token)))
    except GraphError as error:
        raise _told(error) from None


def prepare(settings: Settings, person_token: str, page_id: str) -> tuple[ManagedPage, Check]:
    """The Page with its token, of which Meta's webhooks tell from now on."""
    managed = next(
        (page for page in find_pages(settings, person_token) if page.page_id == page_id), None
    )
    if managed is None:
        raise FacebookPageNotFound
    graph = Graph(settings)
    try:
        checked = check(graph, page_id, managed.token)
        if checked.status != "connected" or not managed.may_post:
            raise FacebookPermissionMissing
        subscribe(graph, page_id, managed.token)
    except GraphError as error:
        raise _told(error) from None
    return managed, checked


def check(graph: Graph, page_id: str, token: str) -> Check:
    """What Meta says of a Page's token, and whether its webhooks tell of the Page."""
    asked = {"input_token": token}
    data = graph.call("GET", "debug_token", graph.app_token, asked).body.get("data")
    found = read_check(data, app_id=graph.app_id, is_subscribed=False)
    if not found.is_valid:
        return found
    apps = graph.call("GET", f"{page_id}/subscribed_apps", token).body.get("data")
    is_subscribed = any(_is_ours(app, graph.app_id) for app in apps or ())
    return read_check(data, app_id=graph.app_id, is_subscribed=is_subscribed)


def subscribe(graph: Graph, page_id: str, token: str) -> None:
    fields = {"subscribed_fields": ",".join(policy.SUBSCRIBED)}
    graph.call("POST", f"{page_id}/subscribed_apps", token, fields)


def _lasting(graph: Graph, person_token: str) -> str:
    """A token that lasts about 60 days for the one that an app has from Facebook Login."""
    asked = {
        "grant_type": "fb_exchange_token",
        "fb_exchange_token": person_token,
        **graph.credentials,
    }
    return str(graph.call("GET", "oauth/access_token", None, asked).body.get("access_token", ""))


def _pages(graph: Graph, person_token: str) -> Iterator[ManagedPage]:
    asked: dict[str, Any] = {"fields": "id,name,access_token,tasks", "limit": 100}
    for _ in range(ROUNDS):
        body = graph.call("GET", "me/accounts", person_token, asked).body
        for said in body.get("data") or ():
            if said.get("access_token"):
                yield _managed(said)
        paging = body.get("paging") or {}
        if not paging.get("next"):
            return
        asked["after"] = paging["cursors"]["after"]


def _managed(said: dict[str, Any]) -> ManagedPage:
    may_post = not policy.MAY_POST.isdisjoint(said.get("tasks") or ())
    return ManagedPage(str(said["id"]), str(said["name"]), may_post, str(said["access_token"]))


def _is_ours(app: dict[str, Any], app_id: str) -> bool:
    fields = set(app.get("subscribed_fields") or ())
    return str(app.get("id")) == app_id and fields.issuperset(policy.SUBSCRIBED)


def _told(error: GraphError) -> Exception:
    kind = PERSON_ERRORS.get(error.action)
    return kind() if kind else FacebookUnavailable(retry_after=RETRY_AFTER_S)
