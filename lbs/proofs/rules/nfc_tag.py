"""What an NTAG 424 DNA tag writes into its URL anew at every tap, verified.

The protocol is NXP's Secure Dynamic Messaging (SDM; the message is also called SUN) in AES mode:
data sheet NT4H2421Gx, 9.3, and application note AN12196, 3 (rev. 2.0; 4 in rev. 1.8). The tag
counts its reads and signs its UID and the count. A message stays genuine for ever: that a count
is used once only, and that the UID is the tag's that was expected, is for the caller to see to.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

KEY_BYTES = BLOCK_BYTES = 16
UID_BYTES = 7
COUNTER_BYTES = 3

_UID_AND_COUNTER = 0xC7
"""PICCDataTag: UID mirrored (bit 7), counter mirrored (bit 6), a UID of 7 bytes (bits 3 to 0)."""

_SV2 = bytes.fromhex("3CC300010080")


@dataclass(frozen=True, slots=True)
class TagKeys:
    """The tag's AES-128 keys SDMMetaRead and SDMFileRead. Raises ValueError for another length."""

    meta_read: bytes = field(repr=False)
    file_read: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if {len(self.meta_read), len(self.file_read)} != {KEY_BYTES}:
            raise ValueError(f"a tag's keys have {KEY_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class TagMessage:
    """What the tag put into its URL: either `picc_data`, or `uid` and `counter` for all to read.

    `enc_file_data` is the encrypted part of the file, if the tag shows it. The MAC then covers it
    and the text up to the MAC, "&cmac=", for which the MAC's parameter is named here; an empty
    name says that nothing stands between the two. Without it, the MAC covers no text.
    """

    cmac: bytes
    picc_data: bytes | None = None
    uid: bytes | None = None
    counter: int | None = None
    enc_file_data: bytes | None = None
    mac_parameter: str = "cmac"


@dataclass(frozen=True, slots=True)
class TagRead:
    """Which tag was read, and how many times it had been, this time included."""

    uid: bytes
    counter: int


def read_tag(message: TagMessage, keys: TagKeys) -> TagRead | None:
    """The read that the tag with these keys has signed; None for all that is forged or malformed.

    Raises nothing. The MACs are compared in constant time.
    """
    read, covered = stated_by(message, keys.meta_read), _covered_text(message)
    if read is None or covered is None:
        return None
    genuine = hmac.compare_digest(_sdm_mac(keys.file_read, read, covered), message.cmac)
    return read if genuine else None


def stated_by(message: TagMessage, meta_read: bytes) -> TagRead | None:
    """Which read of which tag it says it is, whoever says so; None where this key opens nothing."""
    match message:
        case TagMessage(picc_data=bytes(sealed), uid=None, counter=None):
            return _open(sealed, meta_read) if len(sealed) == BLOCK_BYTES else None
        case TagMessage(picc_data=None, uid=bytes(uid), counter=int(counter)):
            possible = len(uid) == UID_BYTES and 0 <= counter < 1 << 8 * COUNTER_BYTES
            return TagRead(uid, counter) if possible else None
    return None


def _open(picc_data: bytes, meta_read: bytes) -> TagRead | None:
    """PICCDataTag, UID, counter (least significant byte first), 5 random bytes; CBC from zero."""
    cipher = Cipher(algorithms.AES128(meta_read), modes.CBC(bytes(BLOCK_BYTES))).decryptor()
    tag, *rest = cipher.update(picc_data)
    counter = int.from_bytes(rest[UID_BYTES : UID_BYTES + COUNTER_BYTES], "little")
    return TagRead(bytes(rest[:UID_BYTES]), counter) if tag == _UID_AND_COUNTER else None


def _covered_text(message: TagMessage) -> bytes | None:
    """What of the URL the MAC covers; None where it can be no tag's."""
    sealed, name = message.enc_file_data, message.mac_parameter
    if sealed is None:
        return b""
    if not sealed or len(sealed) % BLOCK_BYTES or not name.isascii():
        return None
    return (sealed.hex().upper() + (name and f"&{name}=")).encode()


def session_mac_key(file_read: bytes, read: TagRead) -> bytes:
    """KSesSDMFileReadMAC = AES-CMAC(SDMFileRead; SV2), SV2 ending in the UID and the counter."""
    return _cmac(file_read, _SV2 + read.uid + read.counter.to_bytes(COUNTER_BYTES, "little"))


def _sdm_mac(file_read: bytes, read: TagRead, covered: bytes) -> bytes:
    """MACt: of the 16 bytes of the CMAC, every second."""
    return _cmac(session_mac_key(file_read, read), covered)[1::2]


def _cmac(key: bytes, text: bytes) -> bytes:
    """RFC 4493."""
    mac = CMAC(algorithms.AES128(key))
    mac.update(text)
    return mac.finalize()


def diversify(master: bytes, uid: bytes) -> TagKeys:
    """The keys of a tag that was programmed with nfc-developer/sdm-backend's derivation.

    As its app.py has it: SDMMetaRead is key 1, the same on all tags (the UID is not yet known when
    it is needed), SDMFileRead is key 2 of this tag. Raises ValueError for a master key of fewer
    than 16 bytes. A master key of 16 zero bytes stands for the zero keys of a new tag, which are
    public.
    """
    return TagKeys(meta_read=shared_key(master), file_read=tag_key(master, uid, 2))


def shared_key(master: bytes) -> bytes:
    """Key 1 of every tag (sdm-backend, libsdm/derive.py: derive_undiversified_key)."""
    return bytes(KEY_BYTES) if _is_factory(master) else _hmac(master, b"PICCDataKey")[:KEY_BYTES]


def tag_key(master: bytes, uid: bytes, number: int) -> bytes:
    """A key of one tag, by its number (sdm-backend, libsdm/derive.py: derive_tag_key)."""
    if _is_factory(master):
        return bytes(KEY_BYTES)
    slot_key = _hmac(master, b"SlotMasterKey" + bytes([number]))[:KEY_BYTES]
    diversifier = _hmac(_hmac(master, b"DivBaseKey"), uid)[:KEY_BYTES]
    return _cmac(slot_key, b"\x01" + diversifier)


def _is_factory(master: bytes) -> bool:
    if len(master) < KEY_BYTES:
        raise ValueError(f"a master key has at least {KEY_BYTES} bytes")
    return master == bytes(KEY_BYTES)


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")
