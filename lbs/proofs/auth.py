"""The keys of kiosks, readers and staff members into principals."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from lbs.http.auth import BadToken, Security
from lbs.http.context import database, principal
from lbs.proofs import queries
from lbs.vault import hash_token

SCHEMES = {
    "venue_key": "The key of a venue's kiosk, reader or staff member, shown when it was made. "
    "It is good at its own venue, until it is rotated or revoked.",
}


@dataclass(frozen=True, slots=True)
class VenueKey:
    proof_id: UUID
    kind: str
    merchant_id: UUID
    venue_id: UUID
    name: str

    @property
    def scope_id(self) -> str:
        return f"proof {self.proof_id}"


def venue_key(kind: str) -> Security:
    """The key of a live proof of this kind, at a venue that is open."""

    def authenticate(token: str, _: datetime) -> VenueKey:
        key = _find_key(token)
        if key.kind != kind:
            raise BadToken
        return VenueKey(key.id, key.kind, key.merchant_id, key.venue_id, key.name)

    return Security("venue_key", authenticate)


def venue_key_holder() -> VenueKey:
    return cast(VenueKey, principal())


def _find_key(token: str) -> Any:
    """The row of the proof that this is the key of."""
    try:
        prefix, proof_id, _ = token.split("_", 2)
        parsed = UUID(proof_id)
    except ValueError:
        raise BadToken from None
    with database().transaction() as session:
        key = queries.find_key(session, parsed)
    if key is None or prefix != "lbp" or key.token_digest is None:
        raise BadToken
    if not hmac.compare_digest(key.token_digest, hash_token(token)):
        raise BadToken
    return key
