"""Cursor paging: `limit` and `cursor` in, `items` and `next_cursor` out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Schema

T = TypeVar("T")
DEFAULT_LIMIT, MAX_LIMIT = 50, 200


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` rows, those that come after the id `after`."""

    limit: int
    after: UUID | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next_cursor: str | None


def page(rows: Sequence[T], window: Window, id_of: Callable[[T], UUID]) -> Page[T]:
    """A page of rows read with `limit + 1`: the extra row only says that there is more."""
    items = rows[: window.limit]
    more = len(rows) > window.limit
    return Page(items, _encode(id_of(items[-1])) if more else None)


class Cursor(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return UUID(bytes=base64.urlsafe_b64decode(value + "=="))
        except (ValueError, TypeError, binascii.Error):
            raise ma.ValidationError("Not a cursor that this service gave out.") from None


class WindowQuerySchema(Schema):
    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"description": "How many items at most"},
    )
    cursor = Cursor(load_default=None, metadata={"description": "`next_cursor` of the page before"})

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        window = Window(data.pop("limit"), data.pop("cursor"))
        return {**data, "window": window}


def page_schema(item: type[ma.Schema], name: str) -> type[ma.Schema]:
    """The named schema of a page of such items."""
    return type(
        name,
        (Schema,),
        {
            "__doc__": None,
            "items": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(
                required=True,
                allow_none=True,
                metadata={"description": "Send it as `cursor` for the next page; null at the end"},
            ),
        },
    )


def _encode(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()
