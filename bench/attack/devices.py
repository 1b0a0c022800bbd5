"""Devices of a venue as they behave over the air: what they emit, computed from their own side.

Nothing here calls the verifiers of `lbs.proofs`; only the type of a tag's keys is theirs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from lbs.proofs.rules.nfc_tag import TagKeys

URL = "https://example.test/t"


@dataclass
class Tag424:
    """An NTAG 424 DNA (NXP NT4H2421Gx, 9.3) that mirrors its UID and counter into a URL.

    `counter` is how often it has been read; the tag counts before it answers. Raises
    OverflowError when its 24 bits are spent, as the tag then answers no more.
    """

    uid: bytes
    keys: TagKeys
    counter: int = 0

    def tap(self) -> str:
        """The URL of a tag that encrypts its UID and counter."""
        said = b"\xc7" + self.uid + self._count() + os.urandom(5)
        cipher = Cipher(algorithms.AES128(self.keys.meta_read), modes.CBC(bytes(16))).encryptor()
        return f"{URL}?picc_data={_hex(cipher.update(said))}&cmac={_hex(self._mac())}"

    def tap_plain(self) -> str:
        """The URL of a tag that shows them; the counter is written as people write numbers."""
        counter = self._count()[::-1]
        return f"{URL}?uid={_hex(self.uid)}&ctr={_hex(counter)}&cmac={_hex(self._mac())}"

    def _count(self) -> bytes:
        counted = (self.counter + 1).to_bytes(3, "little")
        self.counter += 1
        return counted

    def _mac(self) -> bytes:
        vector = bytes.fromhex("3CC300010080") + self.uid + self.counter.to_bytes(3, "little")
        return _cmac(_cmac(self.keys.file_read, vector), b"")[1::2]


@dataclass
class EidBeacon:
    """An Eddystone-EID beacon whose clock was zero, and started, at `started_at`.

    After google/eddystone's eddystone-eid/eid-computation.md. It changes its identifier at the
    start of each period of 2**rotation_exponent seconds and its clock does not drift.
    """

    identity_key: bytes
    rotation_exponent: int
    started_at: datetime

    def broadcast(self, now: datetime) -> str:
        """The identifier it broadcasts, 16 hexadecimal characters."""
        clock_s = (now - self.started_at) // timedelta(seconds=1)
        period = clock_s - clock_s % 2**self.rotation_exponent
        salt = bytes.fromhex("0000000000000000000000FF0000") + (clock_s >> 16).to_bytes(2)
        plain = bytes(11) + self.rotation_exponent.to_bytes(1) + period.to_bytes(4)
        return _block(_block(self.identity_key, salt), plain)[:8].hex()


def _block(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES128(key), modes.ECB()).encryptor().update(block)


def _cmac(key: bytes, text: bytes) -> bytes:
    mac = CMAC(algorithms.AES128(key))
    mac.update(text)
    return mac.finalize()


def _hex(data: bytes) -> str:
    return data.hex().upper()
