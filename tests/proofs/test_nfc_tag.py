"""NTAG 424 DNA messages: published vectors, and everything else refused.

Sources: NXP AN12196 (tables by rev. 2.0); github.com/nfc-developer/sdm-backend, tests/test_kdf.py,
tests/test_libsdm.py and templates/sdm_main.html. One URL of AN12196 (3.4.1, ctr=000001 and
c=54A45B2C3A558765) is left out: its key is not printed, and is neither table 1's nor zero.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.attack.devices import Tag424
from lbs.proofs.rules.nfc_tag import (
    TagKeys,
    TagMessage,
    TagRead,
    diversify,
    read_tag,
    session_mac_key,
    shared_key,
    tag_key,
)

X = bytes.fromhex
ZERO = TagKeys(bytes(16), bytes(16))

# AN12196, tables 2 and 4; sdm-backend test_sun1.
SUN_1 = TagMessage(cmac=X("94EED9EE65337086"), picc_data=X("EF963FF7828658A599F3041510671E88"))
READ_1 = TagRead(X("04DE5F1EACC040"), 61)

# AN12196, table 5; sdm-backend test_sun2.
SUN_2 = TagMessage(
    cmac=X("ECC1E7F6C6C73BF6"),
    picc_data=X("FD91EC264309878BE6345CBE53BADF40"),
    enc_file_data=X("CEE9A53E3E463EF1F459635736738962"),
)
READ_2 = TagRead(X("04958CAA5C5E80"), 8)

# sdm-backend test_sun3_custom.
KEYS_3 = TagKeys(X("42aff114f2cb3b6141be6dc95dfc5416"), X("b62a9baf092439bd43c62aee96b970c5"))
SUN_3 = TagMessage(
    cmac=X("238B2543A8DEBAD8"),
    picc_data=X("8ACADDEF0A9B62CDAE39A16B83FC14DE"),
    enc_file_data=X("B8436E11F627BB7F543FCC0C1E0D1A89"),
    mac_parameter="",
)
READ_3 = TagRead(X("041d3c8a2d6b80"), 291)

# sdm-backend test_plain_sdm (ctr=000006).
PLAIN = TagMessage(cmac=X("4B00064004B0B3D3"), uid=X("041E3C8A2D6B80"), counter=6)
READ_PLAIN = TagRead(X("041E3C8A2D6B80"), 6)

# sdm-backend templates/sdm_main.html, the TagTamper example (zero keys). It prints the message
# alone; the UID and the counter are what `openssl enc -d -aes-128-cbc` makes of it.
TAMPER = TagMessage(
    cmac=X("758110182134ECE9"),
    picc_data=X("FDD387BF32A33A7C40CF259675B3A1E2"),
    enc_file_data=X("EA050C282D8E9043E28F7A171464D697"),
)
READ_TAMPER = TagRead(X("0469879a226880"), 2)

# sdm-backend test_decrypt_with_kdf1 and _kdf2.
MASTER = X("47BBB68AFA73F31310BEEFCE5DDA692DBAD671A03FEAD5A9BBDBCF3CD6D4C521")
KDF_1 = TagMessage(
    cmac=X("DF3EF20BE7D91C8E"),
    picc_data=X("8DE9030262807261850FCCF5FE007E21"),
    enc_file_data=X(
        "382B4C3D68552C3A5F417F0695A3D857923764E1737AD1F80E834E46387F45DC"
        "77FE7468BBCF9DBF43B29CA58E8D6435F908C9C0CD56E9B4B9960FE1279C5DF1"
    ),
    mac_parameter="",
)
READ_KDF_1 = TagRead(X("04c24eda926980"), 1)
KDF_2 = TagMessage(
    cmac=X("FFCD8DE82AD05289"),
    picc_data=X("4F5B914723915D456C038FE658686CD5"),
    enc_file_data=X("5CE7DCDEA93F5DA7AAA0AADC97485ABF"),
    mac_parameter="",
)
READ_KDF_2 = TagRead(X("047d5f2aaa6180"), 2)

VECTORS = {
    "AN12196 table 4": (SUN_1, ZERO, READ_1),
    "AN12196 table 5": (SUN_2, ZERO, READ_2),
    "sdm-backend sun3": (SUN_3, KEYS_3, READ_3),
    "sdm-backend plain": (PLAIN, ZERO, READ_PLAIN),
    "sdm-backend tamper": (TAMPER, ZERO, READ_TAMPER),
    "sdm-backend kdf1": (KDF_1, diversify(MASTER, READ_KDF_1.uid), READ_KDF_1),
    "sdm-backend kdf2": (KDF_2, diversify(MASTER, READ_KDF_2.uid), READ_KDF_2),
}
each_vector = pytest.mark.parametrize(
    ("message", "keys", "read"), list(VECTORS.values()), ids=list(VECTORS)
)


def flips(data: bytes) -> list[bytes]:
    """The data with each of its bits turned over."""
    number = int.from_bytes(data)
    return [(number ^ 1 << bit).to_bytes(len(data)) for bit in range(8 * len(data))]


def cmac(key: bytes, text: bytes) -> bytes:
    mac = CMAC(algorithms.AES128(key))
    mac.update(text)
    return mac.finalize()


def sign(read: TagRead, keys: TagKeys, covered: bytes = b"") -> bytes:
    vector = X("3CC300010080") + read.uid + read.counter.to_bytes(3, "little")
    return cmac(cmac(keys.file_read, vector), covered)[1::2]


def seal(plain: bytes, keys: TagKeys) -> bytes:
    return Cipher(algorithms.AES128(keys.meta_read), modes.ECB()).encryptor().update(plain)


@each_vector
def test_a_published_message_is_read(message, keys, read):
    assert read_tag(message, keys) == read


@pytest.mark.parametrize(
    ("file_read", "read", "key"),
    [
        # AN12196, table 1
        (
            X("5ACE7E50AB65D5D51FD5BF5A16B8205B"),
            TagRead(X("04C767F2066180"), 1),
            X("3A3E8110E05311F7A3FCF0D969BF2B48"),
        ),
        # AN12196, table 4
        (bytes(16), READ_1, X("3FB5F6E3A807A03D5E3570ACE393776F")),
        # AN12196, table 5
        (bytes(16), READ_2, X("3ED0920E5E6A0320D823D5987FEAFBB1")),
    ],
)
def test_the_session_key_is_the_published_one(file_read, read, key):
    assert session_mac_key(file_read, read) == key


@each_vector
def test_a_message_with_any_bit_turned_over_is_refused(message, keys, read):
    for member in ("cmac", "picc_data", "uid", "enc_file_data"):
        right = getattr(message, member)
        for wrong in flips(right) if right else ():
            assert read_tag(replace(message, **{member: wrong}), keys) is None


def test_a_plain_message_with_another_counter_is_refused():
    for counter in {6 ^ 1 << bit for bit in range(24)} | {5, 7, 0, 2**24 - 1}:
        assert read_tag(replace(PLAIN, counter=counter), ZERO) is None


@each_vector
def test_a_message_under_a_key_with_any_bit_turned_over_is_refused(message, keys, read):
    for wrong in flips(keys.file_read):
        assert read_tag(message, replace(keys, file_read=wrong)) is None
    for wrong in flips(keys.meta_read) if message.picc_data else ():
        assert read_tag(message, replace(keys, meta_read=wrong)) is None


@each_vector
def test_a_message_cut_short_or_drawn_out_is_refused(message, keys, read):
    for member in ("cmac", "picc_data", "uid", "enc_file_data"):
        right = getattr(message, member)
        for length in range(len(right or b"")):
            assert read_tag(replace(message, **{member: right[:length]}), keys) is None
        for more in (b"\0", bytes(16)) if right else ():
            assert read_tag(replace(message, **{member: right + more}), keys) is None


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (SUN_1, {"picc_data": None}),
        (SUN_1, {"uid": READ_1.uid}),
        (SUN_1, {"counter": 61}),
        (SUN_1, {"uid": READ_1.uid, "counter": 61}),
        (SUN_1, {"enc_file_data": b""}),
        (SUN_1, {"enc_file_data": bytes(16)}),
        (SUN_2, {"enc_file_data": None}),
        (SUN_2, {"mac_parameter": ""}),
        (SUN_2, {"mac_parameter": "c"}),
        (SUN_2, {"mac_parameter": "é"}),
        (SUN_2, {"mac_parameter": "\ud800"}),
        (SUN_3, {"mac_parameter": "cmac"}),
        (PLAIN, {"uid": None}),
        (PLAIN, {"counter": None}),
        (PLAIN, {"counter": -1}),
        (PLAIN, {"counter": 2**24}),
        (PLAIN, {"counter": 2**24 + 6}),
        (PLAIN, {"counter": 0x060000}),
        (PLAIN, {"uid": bytes(7)}),
    ],
)
def test_a_message_that_says_too_little_too_much_or_otherwise_is_refused(message, changes):
    keys = KEYS_3 if message is SUN_3 else ZERO
    assert read_tag(message, keys) is not None
    assert read_tag(replace(message, **changes), keys) is None


def test_the_mac_of_one_message_does_not_sign_another():
    assert read_tag(replace(SUN_1, cmac=SUN_2.cmac), ZERO) is None
    assert read_tag(replace(SUN_1, picc_data=SUN_2.picc_data), ZERO) is None
    # without its file data, the second message would have this MAC; it is not what was sent
    bare = replace(SUN_2, enc_file_data=None)
    assert read_tag(bare, ZERO) is None
    assert read_tag(replace(bare, cmac=sign(READ_2, ZERO)), ZERO) == READ_2


@pytest.mark.parametrize("tag", range(256))
def test_only_a_tag_that_shows_its_uid_of_7_bytes_and_its_counter_is_read(tag):
    plain = bytes([tag]) + READ_3.uid + READ_3.counter.to_bytes(3, "little") + bytes(5)
    message = TagMessage(cmac=sign(READ_3, KEYS_3), picc_data=seal(plain, KEYS_3))
    assert read_tag(message, KEYS_3) == (READ_3 if tag == 0xC7 else None)


@pytest.mark.parametrize("counter", [0, 1, 255, 256, 65535, 65536, 2**24 - 1])
def test_the_counter_is_read_to_its_last_bit_in_either_form(counter):
    read = TagRead(READ_3.uid, counter)
    plain = b"\xc7" + read.uid + counter.to_bytes(3, "little") + b"noise"
    mac = sign(read, KEYS_3)
    assert read_tag(TagMessage(cmac=mac, picc_data=seal(plain, KEYS_3)), KEYS_3) == read
    assert read_tag(TagMessage(cmac=mac, uid=read.uid, counter=counter), KEYS_3) == read


def test_keys_of_another_length_are_no_keys():
    for meta_read, file_read in ((15, 16), (16, 15), (17, 17), (0, 0), (16, 32)):
        with pytest.raises(ValueError, match="16 bytes"):
            TagKeys(bytes(meta_read), bytes(file_read))


def test_keys_do_not_show():
    assert repr(KEYS_3) == "TagKeys()"


BYTES = st.none() | st.binary(max_size=40)


@settings(deadline=None, derandomize=True)
@given(
    st.builds(
        TagMessage,
        cmac=st.binary(max_size=20),
        picc_data=BYTES,
        uid=BYTES,
        counter=st.none() | st.integers(),
        enc_file_data=BYTES,
        mac_parameter=st.text(max_size=5),
    )
)
def test_nothing_made_up_is_read_and_nothing_raises(message):
    assert read_tag(message, KEYS_3) is None


# sdm-backend tests/test_kdf.py
FACTORY = bytes(16)
K1 = X("C9EB67DF090AFF47C3B19A2516680B9D")
K2 = X("B95F4C27E3D0BC333792EA968545217F")


@pytest.mark.parametrize(
    ("master", "key"),
    [
        (FACTORY, "00000000000000000000000000000000"),
        (K1, "a13086f194d7bdfd108dd11716ea2bdf"),
        (K2, "3a553c40846fda656faa0fce4f45fdbd"),
    ],
)
def test_the_key_that_all_tags_share_is_derived_as_sdm_backend_does(master, key):
    assert shared_key(master).hex() == key
    assert diversify(master, bytes(7)).meta_read.hex() == key


@pytest.mark.parametrize(
    ("master", "uid", "number", "key"),
    [
        (FACTORY, "010203040506AB", 1, "00000000000000000000000000000000"),
        (FACTORY, "03030303030303", 2, "00000000000000000000000000000000"),
        (K1, "010203040506AB", 1, "f18cdd9389d47ae7ab381e80e5ab6fe3"),
        (K1, "03030303030303", 2, "85f7cc459a5b4b2f5d1a5019ded61c88"),
        (K2, "010203040506AB", 1, "00883874c67dd23032b2acd10d771635"),
        (K2, "05050505050505", 2, "89ae686de793fdf48057ee6e78505cfc"),
    ],
)
def test_a_tags_own_keys_are_derived_as_sdm_backend_does(master, uid, number, key):
    assert tag_key(master, X(uid), number).hex() == key
    if number == 2:
        assert diversify(master, X(uid)).file_read.hex() == key


@pytest.mark.parametrize("length", [0, 1, 15])
def test_no_key_is_derived_from_a_short_master_key(length):
    with pytest.raises(ValueError, match="at least 16 bytes"):
        diversify(bytes(length), READ_1.uid)


def message_of(url: str) -> TagMessage:
    said = dict(parse_qsl(urlsplit(url).query))
    mac = X(said["cmac"])
    if "picc_data" in said:
        return TagMessage(cmac=mac, picc_data=X(said["picc_data"]))
    return TagMessage(cmac=mac, uid=X(said["uid"]), counter=int(said["ctr"], 16))


@settings(deadline=None, derandomize=True)
@given(
    st.binary(min_size=16, max_size=32),
    st.binary(min_size=7, max_size=7),
    st.integers(0, 2**24 - 3),
)
def test_a_simulated_tag_is_read_at_each_tap_and_by_nobody_elses_keys(master, uid, counter):
    keys = diversify(master, uid)
    tag = Tag424(uid, keys, counter)
    taps = [message_of(tag.tap()), message_of(tag.tap_plain())]
    reads = [TagRead(uid, counter + 1), TagRead(uid, counter + 2)]
    assert [read_tag(tap, keys) for tap in taps] == reads
    others = diversify(b"another merchant's master key", uid)
    assert [read_tag(tap, others) for tap in taps] == [None, None]


def test_a_simulated_tag_emits_the_published_messages():
    assert Tag424(PLAIN.uid, ZERO, counter=5).tap_plain() == (
        "https://example.test/t?uid=041E3C8A2D6B80&ctr=000006&cmac=4B00064004B0B3D3"
    )
    assert Tag424(READ_1.uid, ZERO, counter=60).tap().endswith("&cmac=94EED9EE65337086")


def test_a_simulated_tag_falls_silent_when_its_counter_is_spent():
    tag = Tag424(READ_1.uid, ZERO, counter=2**24 - 1)
    with pytest.raises(OverflowError):
        tag.tap()
