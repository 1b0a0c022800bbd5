from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Schema, String

COLOR = r"^#[0-9A-Fa-f]{6}$"


class SetBrandSchema(Schema):
    example = {"color": "#7a1f3d"}  # noqa: RUF012

    color = String(
        required=True,
        allow_none=True,
        validate=validate.Regexp(COLOR, error="Must be #rrggbb."),
        metadata={
            "description": "Ground of the pages and pictures of shared offers, as #rrggbb; what "
            "stands on it is light or dark, whichever is read better. null: a dark grey",
            "pattern": COLOR,
        },
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> str | None:
        color: str | None = data["color"]
        return color.lower() if color else None


class BrandSchema(Schema):
    """How the merchant's shared offers look."""

    example = {"color": "#7a1f3d"}  # noqa: RUF012

    color = fields.String(required=True, allow_none=True)
