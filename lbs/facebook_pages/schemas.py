from __future__ import annotations

from dataclasses import fields as members
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.facebook_pages.service import CreatePost, ManagedPage, PostView
from lbs.http.fields import Schema, String, Timestamp, Word, text
from lbs.http.paging import page_schema
from lbs.shares.service import link_of

PAGE_STATUSES = ("connected", "paused", "reauth_required", "permission_missing")
POST_STATES = ("queued", "posted", "cancelled", "deleting", "deleted", "dead")
POST_PROBLEMS = ("gave_up", "duplicate", "link_unreadable", "refused")
MAX_TOKEN, MAX_MESSAGE = 2000, 5000

_TOKEN: dict[str, Any] = {
    "validate": validate.Length(min=1, max=MAX_TOKEN),
    "metadata": {
        "description": "The access token of a person with a part in the Page, as Facebook Login "
        "gives it; it is not kept",
        "example": "EAAB-the-persons-token",
    },
}
_PAGE_ID = {"description": "Facebook's id of the Page", "example": "104567890123456"}


class FindFacebookPagesSchema(Schema):
    example = {"person_token": "EAAB-the-persons-token"}  # noqa: RUF012

    person_token = String(required=True, load_only=True, **_TOKEN)


class FacebookPageChoiceSchema(Schema):
    """A Page that the person has a part in."""

    example = {"page_id": "104567890123456", "name": "Café Ida", "may_post": True}  # noqa: RUF012

    page_id = fields.String(required=True, metadata=_PAGE_ID)
    name = fields.String(required=True)
    may_post = fields.Boolean(
        required=True, metadata={"description": "Whether the person may create content there"}
    )


class FacebookPageChoicesSchema(Schema):
    example = {"items": [FacebookPageChoiceSchema.example]}  # noqa: RUF012

    items = fields.List(fields.Nested(FacebookPageChoiceSchema), required=True)


class ConnectFacebookPageSchema(Schema):
    example = {  # noqa: RUF012
        "person_token": "EAAB-the-persons-token",
        "page_id": "104567890123456",
    }

    person_token = String(required=True, load_only=True, **_TOKEN)
    page_id = String(
        required=True,
        validate=validate.Regexp(r"^[0-9]{1,32}\Z"),
        metadata={**_PAGE_ID, "pattern": "^[0-9]{1,32}$"},
    )


class FacebookPageSchema(Schema):
    """A Page that the merchant has connected. Its token is shown to nobody."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000031",
        "page_id": "104567890123456",
        "name": "Café Ida",
        "status": "connected",
        "paused_until": None,
        "expires_at": None,
        "error_code": None,
        "checked_at": "2026-11-22T09:10:00Z",
        "created_at": "2026-11-22T09:10:00Z",
    }

    id = fields.UUID(required=True)
    page_id = fields.String(required=True, metadata=_PAGE_ID)
    name = fields.String(required=True)
    status = Word(
        "FacebookPageStatus",
        PAGE_STATUSES,
        required=True,
        metadata={
            "description": "`reauth_required`: connect it again; `permission_missing`: with all "
            "permissions; `paused`: Facebook asks to wait"
        },
    )
    paused_until = Timestamp(required=True, allow_none=True)
    expires_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "Connect it again before then; null: there is no end"},
    )
    error_code = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Facebook's code of the last error that stopped the Page"},
    )
    checked_at = Timestamp(required=True)
    created_at = Timestamp(required=True)


FacebookPagePageSchema = page_schema(FacebookPageSchema, "FacebookPagePageSchema")


class CreateFacebookPostSchema(Schema):
    example = {  # noqa: RUF012
        "facebook_page_id": "019abc12-0000-7000-8000-000000000031",
        "message": "Something warm is on us this week.",
    }

    facebook_page_id = fields.UUID(required=True)
    message = text(
        MAX_MESSAGE,
        load_default=None,
        allow_none=True,
        metadata={"description": "What stands above the link to the offer"},
    )
    publish_at = Timestamp(
        load_default=None,
        allow_none=True,
        metadata={"description": "Within 30 days, and before the offer ends; null: now"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreatePost:
        return CreatePost(**data)


class FacebookPostSchema(Schema):
    """An offer on a Page, or on its way there or away; with what is on it, as far as is known."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000032",
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "facebook_page_id": "019abc12-0000-7000-8000-000000000031",
        "message": "Something warm is on us this week.",
        "share_url": "https://lbs.example/s/Zk3uV8sQm1pT0aYx5LrWdg",
        "publish_at": "2026-11-22T09:10:00Z",
        "state": "queued",
        "post_id": None,
        "posted_at": None,
        "next_try_at": "2026-11-22T09:10:00Z",
        "problem": None,
        "error_code": None,
        "trace_id": None,
        "reactions": 0,
        "comments": 0,
        "shares": 0,
        "created_at": "2026-11-22T09:10:00Z",
    }

    id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    facebook_page_id = fields.UUID(required=True)
    message = fields.String(required=True, allow_none=True)
    share_url = fields.String(
        required=True,
        metadata={"format": "uri", "description": "The link, which is this post's alone"},
    )
    publish_at = Timestamp(required=True)
    state = Word("FacebookPostState", POST_STATES, required=True)
    post_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Facebook's id of the post"}
    )
    posted_at = Timestamp(required=True, allow_none=True)
    next_try_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "Not before then, and not while its Page is not connected"},
    )
    problem = Word(
        "FacebookPostProblem",
        POST_PROBLEMS,
        required=True,
        allow_none=True,
        metadata={"description": "Why it is `dead`: given up, until the operator replays it"},
    )
    error_code = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Facebook's code of the last try, if that failed with one"},
    )
    trace_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "By which Facebook's support finds the last failed try"},
    )
    reactions = fields.Integer(required=True)
    comments = fields.Integer(required=True)
    shares = fields.Integer(required=True)
    created_at = Timestamp(required=True)


FacebookPostPageSchema = page_schema(FacebookPostSchema, "FacebookPostPageSchema")


def present_choices(pages: list[ManagedPage]) -> dict[str, Any]:
    shown = ("page_id", "name", "may_post")
    return {"items": [{name: getattr(page, name) for name in shown} for page in pages]}


def present_post(post: PostView, public_url: str) -> dict[str, Any]:
    said = {member.name: getattr(post, member.name) for member in members(post)}
    counts, token = said.pop("counts"), said.pop("token")
    return {
        **said,
        "share_url": link_of(token, public_url),
        "reactions": counts.reactions,
        "comments": counts.comments,
        "shares": counts.shares,
    }
