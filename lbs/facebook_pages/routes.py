from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from flask import g, request
from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.facebook_pages import auth, service
from lbs.facebook_pages.schemas import (
    ConnectFacebookPageSchema,
    CreateFacebookPostSchema,
    FacebookPageChoicesSchema,
    FacebookPagePageSchema,
    FacebookPageSchema,
    FacebookPostPageSchema,
    FacebookPostSchema,
    FindFacebookPagesSchema,
    present_choices,
    present_post,
)
from lbs.graph.client import Graph
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.paging import Page, Window, WindowQuerySchema, page

OFFERS, OWNER = merchant_with("offers"), merchant_with(None)
TOKEN_BYTES = 16
PAGES = "/v1/facebook/pages"
POSTS = "/v1/offers/<uuid:offer_id>/facebook-posts"
FIND, CONNECT = FindFacebookPagesSchema(), ConnectFacebookPageSchema()

blp = Blueprint("Facebook Pages", __name__, description="Offers posted to merchants' Pages")


def _find_pages() -> None:
    given = blp.ARGUMENTS_PARSER.parse(FIND, request, location="json")
    g.facebook_pages = auth.find_pages(settings(), given["person_token"])


def _prepare_page() -> None:
    given = blp.ARGUMENTS_PARSER.parse(CONNECT, request, location="json")
    g.facebook_page = auth.prepare(settings(), given["person_token"], given["page_id"])


@blp.route("/v1/facebook/page-choices")
class FacebookPageChoices(MethodView):
    @blp.operation("find_facebook_pages", OWNER, idempotent=True, before=_find_pages)
    @blp.arguments(FIND)
    @blp.response(200, FacebookPageChoicesSchema)
    def post(self, body: dict[str, str]) -> dict[str, Any]:
        """Find the Pages that a person could connect

        The person has logged in with Facebook and given the permissions `pages_show_list`,
        `pages_manage_posts`, `pages_read_engagement` and `pages_manage_metadata`. Nothing is kept.
        """
        return present_choices(g.facebook_pages)


@blp.route(PAGES)
class FacebookPages(MethodView):
    @blp.operation("list_facebook_pages", OFFERS)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, FacebookPagePageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.PageView]:
        """List the connected Pages, in the order they were first connected"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_pages(
                session, merchant().merchant_id, now(), limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda found: found.id)

    @blp.operation("connect_facebook_page", OWNER, idempotent=True, before=_prepare_page)
    @blp.arguments(CONNECT)
    @blp.response(201, FacebookPageSchema)
    def post(self, body: dict[str, str]) -> service.PageView:
        """Connect a Page, or connect it again

        What waits to be posted there goes on. The Page's token is kept sealed, and Facebook tells
        of reactions, comments and shares from now on.
        """
        managed, check = g.facebook_page
        with transaction() as session:
            return service.connect_page(
                session, merchant().merchant_id, managed, check, vault(), now()
            )


@blp.route(f"{PAGES}/<uuid:facebook_page_id>")
class FacebookPage(MethodView):
    @blp.operation("read_facebook_page", OFFERS)
    @blp.response(200, FacebookPageSchema)
    def get(self, facebook_page_id: UUID) -> service.PageView:
        """Read how a connected Page is"""
        with transaction() as session:
            return service.load_page(session, facebook_page_id, merchant().merchant_id, now())

    @blp.operation("disconnect_facebook_page", OWNER)
    @blp.response(204)
    def delete(self, facebook_page_id: UUID) -> None:
        """Disconnect a Page: its token is forgotten

        What waits to be posted there is cancelled. What is posted stays, but reactions, comments
        and shares are forgotten, unless another merchant has the Page too.
        """
        with transaction() as session:
            service.disconnect_page(session, facebook_page_id, merchant().merchant_id, now())


@blp.route(POSTS)
class FacebookPosts(MethodView):
    @blp.operation("list_facebook_posts", OFFERS)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, FacebookPostPageSchema)
    def get(self, query: dict[str, Window], offer_id: UUID) -> Page[dict[str, Any]]:
        """List an offer's Facebook posts, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_posts(
                session,
                offer_id,
                merchant().merchant_id,
                vault(),
                limit=window.limit + 1,
                after=window.after,
            )
        shown = [present_post(row, settings().public_url) for row in rows]
        return page(shown, window, lambda post: post["id"])

    @blp.operation("create_facebook_post", OFFERS, idempotent=True)
    @blp.arguments(CreateFacebookPostSchema)
    @blp.response(201, FacebookPostSchema)
    def post(self, command: service.CreatePost, offer_id: UUID) -> dict[str, Any]:
        """Post an active offer to a connected Page, now or later

        A worker does it: read it again until its `state` is `posted`. What is scheduled is kept
        here and posted when its time comes, if the offer is active then; when the offer is paused
        or ends, it is cancelled. While the Page has to be connected again, it waits.
        """
        Graph(settings())
        with transaction() as session:
            post = service.create_post(
                session,
                merchant_id=merchant().merchant_id,
                offer_id=offer_id,
                command=command,
                vault=vault(),
                new_token=_token,
                now=now(),
            )
        return present_post(post, settings().public_url)


@blp.route(f"{POSTS}/<uuid:facebook_post_id>")
class FacebookPost(MethodView):
    @blp.operation("read_facebook_post", OFFERS)
    @blp.response(200, FacebookPostSchema)
    def get(self, offer_id: UUID, facebook_post_id: UUID) -> dict[str, Any]:
        """Read how a Facebook post is, and what is on it"""
        with transaction() as session:
            post = service.load_post(
                session, facebook_post_id, offer_id, merchant().merchant_id, vault()
            )
        return present_post(post, settings().public_url)

    @blp.operation("delete_facebook_post", OFFERS)
    @blp.response(204)
    def delete(self, offer_id: UUID, facebook_post_id: UUID) -> None:
        """Cancel a Facebook post, or have it deleted from the Page"""
        with transaction() as session:
            service.delete_post(session, facebook_post_id, offer_id, merchant().merchant_id, now())


def _token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)
