"""Who is calling, and what the caller may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

SCOPES = ("venues", "offers", "redeem", "support", "stats")


@dataclass(frozen=True, slots=True)
class MerchantKey:
    key_id: UUID
    merchant_id: UUID
    scopes: frozenset[str]
    venue_ids: frozenset[UUID]
    """Empty: any venue of the merchant."""

    @property
    def scope_id(self) -> str:
        return f"key {self.key_id}"

    def may_act_at(self, venue_id: UUID) -> bool:
        return not self.venue_ids or venue_id in self.venue_ids


@dataclass(frozen=True, slots=True)
class AppKey:
    app_id: UUID
    trusted: bool
    """Whether this is the backend's key."""

    @property
    def scope_id(self) -> str:
        return f"app {self.app_id} {self.trusted}"


@dataclass(frozen=True, slots=True)
class CustomerToken:
    customer_id: UUID
    app_id: UUID

    @property
    def scope_id(self) -> str:
        return f"customer {self.customer_id}"
