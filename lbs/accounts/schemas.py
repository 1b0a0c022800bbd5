from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.accounts.policy import SCOPES, STANDINGS
from lbs.accounts.service import CreateKey, Register, SetStanding
from lbs.audit.models import AuditEntry
from lbs.http.fields import Schema, String, Timestamp, Word, text
from lbs.http.paging import WindowQuerySchema, page_schema

SCOPE = Word("Scope", SCOPES)
_KEY = {
    "id": "019abc12-0000-7000-8000-000000000006",
    "name": "Till 1",
    "scopes": ["redeem"],
    "venue_ids": ["019abc12-0000-7000-8000-000000000001"],
    "created_at": "2026-11-22T09:00:00Z",
    "expires_at": None,
    "revoked_at": None,
}


class CreateApiKeySchema(Schema):
    example = {name: _KEY[name] for name in ("name", "scopes", "venue_ids")}  # noqa: RUF012

    name = text(100, required=True, metadata={"example": "Till 1"})
    scopes = fields.List(
        SCOPE,
        required=True,
        validate=[validate.Length(min=1), validate.ContainsNoneOf([None])],
        metadata={
            "description": "What the key may do. `venues`: places, events, what proves presence; "
            "`offers`: what opens; `redeem`: the till; `support`: single customers' check-ins "
            "and standings; `stats`: the numbers",
            "example": ["redeem"],
        },
    )
    venue_ids = fields.List(
        fields.UUID(),
        load_default=list,
        validate=validate.Length(max=500),
        metadata={"description": "Restrict the key to these venues, as for a till; empty: all"},
    )
    expires_at = Timestamp(load_default=None, allow_none=True)

    @ma.validates_schema
    def till(self, data: dict[str, Any], **_: Any) -> None:
        if data["venue_ids"] and not {"redeem", "stats"}.issuperset(data["scopes"]):
            raise ma.ValidationError(
                "Only the scopes redeem and stats can be restricted to venues.", "venue_ids"
            )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateKey:
        return CreateKey(
            name=data["name"],
            scopes=tuple(scope for scope in SCOPES if scope in data["scopes"]),
            venue_ids=tuple(data["venue_ids"]),
            expires_at=data["expires_at"],
        )


class ApiKeySchema(Schema):
    """What a merchant's system identifies itself with, without its secret."""

    example = _KEY

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    scopes = fields.List(SCOPE, required=True)
    venue_ids = fields.List(fields.UUID(), required=True)
    created_at = Timestamp(required=True)
    expires_at = Timestamp(required=True, allow_none=True)
    revoked_at = Timestamp(required=True, allow_none=True)


class NewApiKeySchema(ApiKeySchema):
    """An API key with its secret, which is shown this once."""

    example = {**_KEY, "token": "lbs_019abc12-0000-7000-8000-000000000006_xGh2..."}  # noqa: RUF012

    token = fields.String(required=True, metadata={"description": "Keep it: it is not shown again"})


ApiKeyPageSchema = page_schema(ApiKeySchema, "ApiKeyPageSchema")


class RegisterCustomerSchema(Schema):
    """With the publishable key: device_id. With the backend key: external_id."""

    example = {"device_id": "6f1c2a52-52d5-4c53-a80b-2f3c1d0c9b11"}  # noqa: RUF012

    device_id = text(
        200, load_default=None, metadata={"description": "The app's stable id of this installation"}
    )
    external_id = text(200, load_default=None, metadata={"description": "Your id of the customer"})

    @ma.validates_schema
    def named(self, data: dict[str, Any], **_: Any) -> None:
        if not (data["device_id"] or data["external_id"]):
            raise ma.ValidationError("Give device_id or external_id.", "device_id")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Register:
        return Register(**data)


_SAID = {"standing": "blocked", "note": "Shared codes with the queue on 21 November"}


class SetStandingSchema(Schema):
    """How a customer is treated at all of the merchant's venues."""

    example = _SAID

    standing = Word(
        "StandingKind",
        STANDINGS,
        required=True,
        metadata={
            "description": "`blocked`: no check-in counts; `tester`: behaviour is not judged, "
            "nothing counts in statistics; `staff`: nothing opens, nothing counts in statistics"
        },
    )
    note = text(
        500,
        load_default=None,
        allow_none=True,
        metadata={"description": "For yourself; the customer never sees it"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> SetStanding:
        return SetStanding(**data)


class StandingSchema(Schema):
    """How a merchant has a customer treated at its venues."""

    example = {  # noqa: RUF012
        "customer": "7d1f0c52-9b1e-4a86-8a0c-6f2f5be0c3d4",
        **_SAID,
        "created_at": "2026-11-22T09:30:00Z",
    }

    customer = fields.UUID(
        required=True, metadata={"description": "The merchant's own pseudonym of the customer"}
    )
    standing = Word("StandingKind", STANDINGS, required=True)
    note = fields.String(required=True, allow_none=True)
    created_at = Timestamp(
        required=True, metadata={"description": "When the customer was first given a standing"}
    )


StandingPageSchema = page_schema(StandingSchema, "StandingPageSchema")


class AuditQuerySchema(WindowQuerySchema):
    resource = String(
        load_default=None,
        validate=validate.Regexp(r"\A[a-z]+(_[a-z]+)*\Z"),
        metadata={"description": "The kind of what was changed", "example": "offer"},
    )
    resource_id = fields.UUID(load_default=None, metadata={"description": "What was changed"})
    key_id = fields.UUID(
        load_default=None, data_key="actor", metadata={"description": "The API key that did it"}
    )
    start = Timestamp(
        load_default=None, data_key="from", metadata={"description": "Made from then on"}
    )
    end = Timestamp(load_default=None, data_key="to", metadata={"description": "Made before then"})


class ActorSchema(Schema):
    """Who changed something."""

    key_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The API key; null where the service acted by itself"},
    )
    name = fields.String(
        required=True, metadata={"description": "The key's name at that time, or `lbs`"}
    )


class ValueChangeSchema(Schema):
    """A member of a resource that has another value now. A list of ids stands for a set."""

    member = fields.String(required=True)
    old = fields.Raw(
        required=True, metadata={"description": "null where there was none, or it is new"}
    )
    new = fields.Raw(
        required=True, metadata={"description": "null where there is none, or it is gone"}
    )


class AuditEntrySchema(Schema):
    """One change, as it was made."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-00000000000e",
        "at": "2026-11-22T09:06:00Z",
        "actor": {"key_id": "019abc12-0000-7000-8000-000000000006", "name": "owner"},
        "action": "offer.changed",
        "resource": "offer",
        "resource_id": "019abc12-0000-7000-8000-000000000002",
        "changes": [{"member": "limit_per_day", "old": None, "new": 100}],
    }

    id = fields.UUID(required=True)
    at = Timestamp(required=True)
    actor = fields.Nested(ActorSchema, required=True)
    action = fields.String(required=True, metadata={"description": "Such as `offer.changed`"})
    resource = fields.String(required=True)
    resource_id = fields.UUID(required=True)
    changes = fields.List(fields.Nested(ValueChangeSchema), required=True)


AuditPageSchema = page_schema(AuditEntrySchema, "AuditPageSchema")


def present_entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at,
        "actor": {"key_id": entry.key_id, "name": entry.actor},
        "action": entry.action,
        "resource": entry.resource,
        "resource_id": entry.resource_id,
        "changes": [
            {"member": member, "old": old, "new": new}
            for member, (old, new) in entry.changes.items()
        ],
    }


class CustomerSessionSchema(Schema):
    """A customer's tokens: a short-lived one to call with, and one to get the next pair with."""

    example = {  # noqa: RUF012
        "customer_id": "019abc12-0000-7000-8000-000000000007",
        "access_token": "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9...",
        "expires_in": 900,
        "refresh_token": "pR4v...",
    }

    customer_id = fields.UUID(required=True)
    access_token = fields.String(required=True)
    expires_in = fields.Integer(
        required=True, metadata={"description": "Seconds that the access token is good for"}
    )
    refresh_token = fields.String(
        required=True, metadata={"description": "Good for one use at POST /v1/tokens"}
    )


class CustomerSchema(Schema):
    """Whom an access token belongs to."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000007",
        "app_id": "019abc12-0000-7000-8000-000000000008",
    }

    id = fields.UUID(required=True)
    app_id = fields.UUID(required=True)


class SigningKeySchema(Schema):
    """A public Ed25519 key as a JSON Web Key (RFC 8037)."""

    example = {  # noqa: RUF012
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "6oMAWRWbFX1rN93pmKuas_OlqcQHAsd50WeSXmtzvRQ",
        "kid": "019abc1200007000800000000000000a",
        "use": "sig",
        "alg": "EdDSA",
    }

    kty = fields.String(required=True)
    crv = fields.String(required=True)
    x = fields.String(required=True)
    kid = fields.String(required=True)
    use = fields.String(required=True)
    alg = fields.String(required=True)


class KeySetSchema(Schema):
    """A JSON Web Key Set (RFC 7517)."""

    keys = fields.List(fields.Nested(SigningKeySchema), required=True)
