from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from lbs.http.fields import Schema
from lbs.offers.schemas.offers import PLACES, ChangeOfferSchema
from lbs.offers.service import WriteOffer


class TermChangesSchema(ChangeOfferSchema):
    """Terms that are to differ."""

    class Meta(Schema.Meta):
        exclude = ("venue_ids", "group_ids")


class CopyOfferSchema(Schema):
    """Left out both, venue_ids and group_ids are those of the original."""

    example = {  # noqa: RUF012
        "venue_ids": ["019abc12-0000-7000-8000-000000000001"],
        "changes": {"limit_per_day": 20},
    }

    venue_ids = fields.List(fields.UUID(), **PLACES)
    group_ids = fields.List(fields.UUID(), **PLACES)
    changes = fields.Nested(TermChangesSchema)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> WriteOffer:
        venues, groups, changes = (data.get(name) for name in ("venue_ids", "group_ids", "changes"))
        return WriteOffer(
            terms=changes.terms if changes else {},
            venue_ids=None if venues is None else tuple(venues),
            group_ids=None if groups is None else tuple(groups),
        )
