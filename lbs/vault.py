"""Secrets at rest: sealed with Fernet, found again by keyed digests, rotated without a pause."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

Unreadable = InvalidToken
"""Sealed under a key that the vault has not, or not sealed by us."""


class Vault:
    """`keys` are Fernet keys, newest first: the first seals, all of them open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._box = MultiFernet([Fernet(key) for key in keys])
        self._newest = Fernet(keys[0])
        self._digest_keys = [hashlib.sha256(b"lbs digest" + key.encode()).digest() for key in keys]

    def seal(self, text: str) -> str:
        return self._box.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        return self._box.decrypt(sealed.encode()).decode()

    def reseal(self, sealed: str) -> str:
        """The same secret under the newest key; untouched where it is under that key already."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            return self._box.rotate(sealed.encode()).decode()
        return sealed

    def digest(self, text: str) -> bytes:
        """HMAC-SHA-256 under the newest key."""
        return self.digests(text)[0]

    def digests(self, text: str) -> list[bytes]:
        """One digest a key, newest first: a secret stored under an older key is still found."""
        return [hmac.digest(key, text.encode(), "sha256") for key in self._digest_keys]


def new_key() -> str:
    return Fernet.generate_key().decode()


def hash_token(token: str) -> bytes:
    """For secrets of 128 random bits and more, which need no key and no slow hash."""
    return hashlib.sha256(token.encode()).digest()
