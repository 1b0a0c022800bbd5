"""Who is calling, and what the caller may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB

from lbs.audit.policy import Actor

SCOPES = ("venues", "offers", "redeem", "support", "stats", "webhooks")
STANDINGS = ("blocked", "tester", "staff")


@dataclass(frozen=True, slots=True)
class MerchantKey:
    key_id: UUID
    name: str
    merchant_id: UUID
    scopes: frozenset[str]
    venue_ids: frozenset[UUID]
    """Empty: any venue of the merchant."""

    @property
    def scope_id(self) -> str:
        return f"key {self.key_id}"

    @property
    def actor(self) -> Actor:
        return Actor(self.key_id, self.name)

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


def pseudonym(subject_id: UUID, key: bytes) -> UUID:
    """A merchant's own name for a customer, under the merchant's 16-byte key.

    A UUID is exactly one AES block, so this is the cipher itself: a permutation of all UUIDs that
    nobody can compute without the key. It needs no table, never gives two customers one name, is
    undone by whoever has the key, and two merchants cannot match theirs.
    """
    block = _one_block(key).encryptor()
    return UUID(bytes=block.update(subject_id.bytes) + block.finalize())


def subject_of(pseudonym: UUID, key: bytes) -> UUID:
    """The subject id with this pseudonym; of an invented one, a UUID that nobody has."""
    block = _one_block(key).decryptor()
    return UUID(bytes=block.update(pseudonym.bytes) + block.finalize())


def _one_block(key: bytes) -> Cipher[ECB]:
    """ECB shows where blocks repeat; here there is only one, and the same customer shall be seen
    as the same.
    """
    return Cipher(AES128(key), ECB())  # noqa: S305
