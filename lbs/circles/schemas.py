from __future__ import annotations

from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, text
from lbs.http.paging import page_schema


class CreatePartySchema(Schema):
    example = {"venue_id": "019abc12-0000-7000-8000-000000000001"}  # noqa: RUF012

    venue_id = fields.UUID(
        load_default=None, metadata={"description": "Where the party goes; null: anywhere"}
    )


class PartySchema(Schema):
    """Customers who go together: each names the code at the check-in."""

    example = {  # noqa: RUF012
        "code": "K4TR-8WNB",
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "expires_at": "2026-11-22T18:00:00Z",
        "checked_in": 0,
    }

    code = fields.String(required=True, metadata={"example": "K4TR-8WNB"})
    venue_id = fields.UUID(required=True, allow_none=True)
    expires_at = Timestamp(required=True)
    checked_in = fields.Integer(
        required=True, metadata={"description": "How many have checked in under the code"}
    )


class FriendInvitationSchema(Schema):
    """A code for one friend to send to `POST /v1/friends`."""

    example = {"code": "K4TR-8WNB-2QXM", "expires_at": "2026-11-29T12:00:00Z"}  # noqa: RUF012

    code = fields.String(required=True, metadata={"example": "K4TR-8WNB-2QXM"})
    expires_at = Timestamp(required=True)


class AddFriendSchema(Schema):
    example = {"code": "K4TR-8WNB-2QXM"}  # noqa: RUF012

    code = text(64, required=True, metadata={"example": "K4TR-8WNB-2QXM"})


class FriendSchema(Schema):
    """A link to another customer, who is not named."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-00000000000e",
        "created_at": "2026-11-22T12:00:00Z",
    }

    id = fields.UUID(required=True)
    created_at = Timestamp(required=True)


FriendPageSchema = page_schema(FriendSchema, "FriendPageSchema")
