"""Pages at the stand-in: who has a part in them, what is posted there, and how links are read."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
from flask import Blueprint, Response, g, jsonify, request

from tests.meta_standin.server import DAY_S, Meta, Refusal, graph_blueprint

SCOPES = (
    "pages_show_list",
    "pages_manage_posts",
    "pages_read_engagement",
    "pages_manage_metadata",
)
CRAWLER = {
    "User-Agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Range": "bytes=0-524288",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "close",
}
SOONEST_S, LATEST_S = 10 * 60, 30 * DAY_S
LASTING_S = 5_183_944
HOUR_S, LOOKS_AN_HOUR = 3600, 10
NOT_THERE = 33


@dataclass
class Post:
    id: str
    message: str | None
    link: str | None
    created_at: float
    publish_at: int | None = None
    deleted: bool = False


@dataclass
class Page:
    id: str
    name: str
    posts: list[Post] = field(default_factory=list)
    subscribed: dict[str, list[str]] = field(default_factory=dict)
    """By app, the fields that its webhooks tell of."""
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By person, the tasks."""

    @property
    def shown(self) -> list[Post]:
        """Newest first."""
        now = time.time()
        return [
            post
            for post in reversed(self.posts)
            if not post.deleted and (post.publish_at or 0) <= now
        ]


@dataclass
class Pages:
    pages: dict[str, Page] = field(default_factory=dict)
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By link, what its Open Graph tags said."""
    looks: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, user_id: str, *tasks: str, page_id: str = "") -> Page:
        """A Page in which this person has a part."""
        page = Page(page_id or f"104{secrets.randbelow(10**12):012}", name)
        page.roles[user_id] = tasks or ("CREATE_CONTENT", "MANAGE", "MODERATE")
        self.pages[page.id] = page
        return page


class OpenGraph(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("property") or ""
        if tag == "meta" and name.startswith("og:"):
            self.said.setdefault(name.removeprefix("og:"), given.get("content") or "")


def give_person_token(meta: Meta, user_id: str, scopes: Sequence[str] = SCOPES) -> str:
    """As Facebook Login gives a person's app in the browser: good for an hour or two."""
    ends = int(time.time()) + HOUR_S
    return meta.give_token("USER", user_id, user_id=user_id, scopes=tuple(scopes), expires_at=ends)


def blueprint(meta: Meta) -> Blueprint:
    both, state = Blueprint("pages", __name__), meta.state_of(Pages)

    @both.post("/stand-in/pages")
    def make_page() -> Response:
        """A new Page, and a token of a person who may connect it."""
        person = str(secrets.randbelow(10**15))
        page = state.add("Café Ida", person, page_id=request.form.get("page_id", ""))
        return jsonify(page_id=page.id, person_token=give_person_token(meta, person))

    blp = graph_blueprint(meta, "pages_graph", open_to_all=("access_token",))
    _add_people(blp, meta, state)
    _add_posts(blp, meta, state)
    _add_links(blp, state)
    both.register_blueprint(blp)
    return both


def _add_people(blp: Blueprint, meta: Meta, state: Pages) -> None:
    @blp.get("/oauth/access_token")
    def access_token() -> Response:
        return _exchange(meta)

    @blp.get("/me/accounts")
    def accounts() -> Response:
        _require("pages_show_list")
        return _accounts(meta, state)

    @blp.route("/<page_id>/subscribed_apps", methods=["GET", "POST", "DELETE"])
    def subscribed_apps(page_id: str) -> Response:
        _require("pages_manage_metadata")
        return _subscribe(meta, _page(state, page_id))


def _add_posts(blp: Blueprint, meta: Meta, state: Pages) -> None:
    @blp.get("/<page_id>/feed")
    @blp.get("/<page_id>/published_posts")
    def read_feed(page_id: str) -> Response:
        _require("pages_read_engagement")
        since = float(request.args.get("since", 0))
        posts = [post for post in _page(state, page_id).shown if post.created_at >= since]
        limit = int(request.args.get("limit", 25))
        return jsonify(data=[_show(post) for post in posts[:limit]])

    @blp.post("/<page_id>/feed")
    def post(page_id: str) -> Response:
        _require("pages_manage_posts")
        page, link = _page(state, page_id), request.form.get("link")
        _refuse_duplicate(page)
        if link and link not in state.read:
            _scrape(state, link)
        with meta.lock:
            return jsonify(id=_post(page).id)

    @blp.delete("/<post_id>")
    def delete(post_id: str) -> Response:
        _require("pages_manage_posts")
        page = _page(state, post_id.partition("_")[0])
        found = next((post for post in page.posts if post.id == post_id and not post.deleted), None)
        if found is None:
            raise Refusal(100, NOT_THERE, text="Object does not exist")
        found.deleted = True
        return jsonify(success=True)


def _add_links(blp: Blueprint, state: Pages) -> None:
    @blp.post("/")
    def scrape() -> Response:
        if request.form.get("scrape") != "true":
            raise Refusal(100, text="Only scraping is done here")
        return jsonify(_scrape(state, request.form["id"]))

    @blp.get("/")
    def engagement() -> Response:
        return _engagement(state, request.args.get("id", ""))


def _exchange(meta: Meta) -> Response:
    given = request.args
    if (given.get("client_id"), given.get("client_secret")) != (meta.app_id, meta.app_secret):
        raise Refusal(1, text="Error validating client secret")
    if given.get("grant_type") != "fb_exchange_token":
        raise Refusal(100, text="Unknown grant_type")
    token = meta.load_token(given.get("fb_exchange_token", ""))
    if token.kind != "USER":
        raise Refusal(100, text="Only a person's token is exchanged")
    lasting = meta.give_token(
        "USER",
        token.subject_id,
        user_id=token.user_id,
        scopes=token.scopes,
        expires_at=int(time.time()) + LASTING_S,
    )
    return jsonify(access_token=lasting, token_type="bearer", expires_in=LASTING_S)


def _accounts(meta: Meta, state: Pages) -> Response:
    user_id = g.token.user_id
    pages = [page for page in state.pages.values() if user_id in page.roles]
    start, limit = int(request.args.get("after", 0)), int(request.args.get("limit", 25))
    shown = [
        {
            "id": page.id,
            "name": page.name,
            "tasks": list(page.roles[user_id]),
            "access_token": meta.give_token(
                "PAGE", page.id, user_id=user_id, scopes=g.token.scopes
            ),
        }
        for page in pages[start : start + limit]
    ]
    paging: dict[str, Any] = {"cursors": {"after": str(start + limit)}}
    if start + limit < len(pages):
        paging["next"] = "https://graph.facebook.com/next"
    return jsonify(data=shown, paging=paging)


def _require(scope: str) -> None:
    if scope not in g.token.scopes:
        raise Refusal(200, status=403, text=f"Requires {scope} permission")


def _page(state: Pages, page_id: str) -> Page:
    """Of the token."""
    if page_id not in state.pages:
        raise Refusal(100, NOT_THERE, text=f"Object {page_id} does not exist")
    if (g.token.kind, g.token.subject_id) != ("PAGE", page_id):
        raise Refusal(200, status=403, text="It is another Page's token")
    return state.pages[page_id]


def _refuse_duplicate(page: Page) -> None:
    given = request.form
    last = page.posts[-1] if page.posts else None
    said = (given.get("message"), given.get("link"))
    if last and not last.deleted and (last.message, last.link) == said:
        raise Refusal(506, 1455006, text="Duplicate status message")


def _post(page: Page) -> Post:
    given = request.form
    message, link = given.get("message"), given.get("link")
    if not (message or link or given.get("place")):
        raise Refusal(100, text="Either link, place or message must be supplied")
    _refuse_duplicate(page)
    number = len(page.posts) + 1
    post = Post(f"{page.id}_{number}", message, link, time.time(), _schedule())
    page.posts.append(post)
    return post


def _schedule() -> int | None:
    if request.form.get("published", "true") != "false":
        return None
    at = int(request.form.get("scheduled_publish_time", 0))
    if at and not SOONEST_S <= at - time.time() <= LATEST_S:
        raise Refusal(100, 1363017, text="The specified scheduled publish time is invalid")
    return at or LATEST_S + int(time.time())


def _show(post: Post) -> dict[str, Any]:
    """As the Graph API shows the fields that are asked for."""
    full = {
        "id": post.id,
        "message": post.message,
        "created_time": datetime.fromtimestamp(post.created_at, UTC).strftime(
            "%Y-%m-%dT%H:%M:%S+0000"
        ),
        "attachments": {"data": [{"unshimmed_url": post.link}]} if post.link else None,
    }
    wanted = request.args.get("fields", "id,message,created_time")
    return {name: said for name, said in full.items() if name in wanted and said is not None}


def _subscribe(meta: Meta, page: Page) -> Response:
    if request.method == "GET":
        apps = [{"id": app, "subscribed_fields": said} for app, said in page.subscribed.items()]
        return jsonify(data=apps)
    if request.method == "DELETE":
        page.subscribed.pop(meta.app_id, None)
    else:
        page.subscribed[meta.app_id] = request.form["subscribed_fields"].split(",")
    return jsonify(success=True)


def _scrape(state: Pages, link: str) -> dict[str, Any]:
    """Really gets the page, as the crawler does."""
    try:
        answer = httpx.get(link, headers=CRAWLER, timeout=5, trust_env=False)
    except httpx.HTTPError:
        answer = None
    if answer is None or answer.status_code not in (200, 206):
        raise Refusal(1609005, text="The link could not be scraped")
    reader = OpenGraph()
    reader.feed(answer.text)
    said = reader.said
    state.read[link] = {
        "url": said.get("url", link),
        "type": said.get("type", "website"),
        "title": said.get("title", ""),
        "description": said.get("description", ""),
        "image": [{"url": said["image"]}] if "image" in said else [],
        "site_name": said.get("site_name", ""),
        "updated_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "id": str(abs(hash(link))),
    }
    return state.read[link]


def _engagement(state: Pages, link: str) -> Response:
    now = time.time()
    looks = state.looks[link] = [at for at in state.looks[link] if at > now - HOUR_S]
    if len(looks) >= LOOKS_AN_HOUR:
        raise Refusal(4, text="Application request limit reached")
    looks.append(now)
    shared = sum(post.link == link for page in state.pages.values() for post in page.shown)
    counts = {
        "reaction_count": 0,
        "comment_count": 0,
        "share_count": shared,
        "comment_plugin_count": 0,
    }
    return jsonify(id=link, engagement=counts, og_object=state.read.get(link))
