"""Eddystone-EID against published identifiers and an independent computation."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.attack.devices import EidBeacon
from lbs.proofs.rules.beacon import MAX_STEPS, drift_allowed_s, make_eid, resolve

X = bytes.fromhex
KEY = X("00112233445566778899AABBCCDDEEFF")
LAST_S = 2**32 - 1

PUBLISHED = [
    # github.com/RadiusNetworks/ephemeral_calc, spec/encryptor_spec.rb
    ("0102030405060708090A111213141516", 10, 0, "A9B76A71C5F89290"),
    ("0102030405060708090A111213141516", 10, 2000, "4144413E45FEFA58"),
    # github.com/sandeepmistry/node-eddystone-beacon-scanner, lib/eid.spec.js
    ("00112233445566778899AABBCCDDEEFF", 12, 1518080946, "7DD8169DAE94258C"),
    # github.com/mkasprzyk/seen, ephemeral_id_python/tests.py
    ("7c91330e61dfea4606b5b3ecb4457d76", 0, 0, "436BFE57D5A09505"),
]


def reference_eid(identity_key: bytes, k: int, seconds: int) -> bytes:
    """google/eddystone's tools/eidtools.py, GetAndPrintEid, spelled out field by field."""

    def aes(key: bytes, block: bytes) -> bytes:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    temporary_key = aes(identity_key, struct.pack(">11xBHH", 0xFF, 0, seconds // 2**16))
    return aes(temporary_key, struct.pack(">11xBI", k, seconds // 2**k * 2**k))[:8]


@pytest.mark.parametrize(("key", "k", "clock_s", "eid"), PUBLISHED)
def test_a_published_identifier_is_made_and_resolved(key, k, clock_s, eid):
    assert make_eid(X(key), k, clock_s) == reference_eid(X(key), k, clock_s) == X(eid)
    assert resolve(X(key), k, X(eid), clock_s=clock_s, drift_s=0) == clock_s >> k


@settings(deadline=None, derandomize=True)
@given(st.binary(min_size=16, max_size=16), st.integers(0, 15), st.integers(0, LAST_S))
def test_every_identifier_is_the_references_and_the_simulators(key, k, clock_s):
    started_at = datetime(2026, 1, 1, tzinfo=UTC)
    eid = make_eid(key, k, clock_s)
    assert eid == reference_eid(key, k, clock_s)
    beacon = EidBeacon(key, k, started_at)
    assert beacon.broadcast(started_at + timedelta(seconds=clock_s, milliseconds=999)) == eid.hex()
    assert resolve(key, k, eid, clock_s=clock_s, drift_s=0) == clock_s >> k


@pytest.mark.parametrize("k", range(16))
@pytest.mark.parametrize("boundary_s", [2**15, 2**16, 2**31, 65280])
def test_the_identifier_changes_when_its_step_ends_and_not_before(k, boundary_s):
    start = boundary_s >> k << k
    first, last = make_eid(KEY, k, start), make_eid(KEY, k, start + 2**k - 1)
    assert first == last
    assert first not in {make_eid(KEY, k, start - 1), make_eid(KEY, k, start + 2**k)}


@pytest.mark.parametrize(
    ("key", "k", "clock_s"),
    [
        (KEY[:15], 10, 0),
        (KEY + b"\0", 10, 0),
        (KEY * 2, 10, 0),
        (b"", 10, 0),
        (KEY, -1, 0),
        (KEY, 16, 0),
        (KEY, 10, -1),
        (KEY, 10, 2**32),
    ],
)
def test_no_identifier_is_made_of_what_no_beacon_has(key, k, clock_s):
    with pytest.raises(ValueError, match="no beacon"):
        make_eid(key, k, clock_s)


@pytest.mark.parametrize("k", [0, 4, 10, 15])
@pytest.mark.parametrize("phase", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("drift_in_steps", "reach"),
    [(0, 1), (0.25, 1), (0.999, 1), (1, 2), (1.5, 2), (2, 3), (7.75, 8)],
)
def test_an_identifier_is_found_as_far_off_as_drift_and_one_step_allow(
    k, phase, drift_in_steps, reach
):
    step = 90_000
    clock_s = (step << k) + int(phase * (2**k - 1))
    for off in range(-reach - 2, reach + 3):
        eid = reference_eid(KEY, k, step + off << k)
        found = resolve(KEY, k, eid, clock_s=clock_s, drift_s=drift_in_steps * 2**k)
        assert found == (step + off if abs(off) <= reach else None)


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 15), st.integers(2**20, 2**31), st.integers(-5_000, 5_000))
def test_a_clock_that_is_off_by_no_more_than_the_drift_is_always_followed(k, clock_s, off_s):
    drift_s = min(abs(off_s), 900 << k)
    truth_s = clock_s + max(-drift_s, min(off_s, drift_s))
    eid = make_eid(KEY, k, truth_s)
    assert resolve(KEY, k, eid, clock_s=clock_s, drift_s=drift_s) == truth_s >> k


@pytest.mark.parametrize("drift_s", [10**6, 1e300, math.inf])
@pytest.mark.parametrize(
    ("off", "found"),
    [
        (-MAX_STEPS - 1, False),
        (-MAX_STEPS, True),
        (MAX_STEPS, True),
        (MAX_STEPS + 1, False),
    ],
)
def test_no_drift_makes_the_search_endless(drift_s, off, found):
    eid = make_eid(KEY, 4, 90_000 + off << 4)
    step = resolve(KEY, 4, eid, clock_s=90_000 << 4, drift_s=drift_s)
    assert step == (90_000 + off if found else None)


@pytest.mark.parametrize(
    ("clock_s", "truth_s", "found"),
    [
        (0, 0, True),
        (0, 16, True),
        (0, 32, False),
        (16, 0, True),
        (LAST_S, LAST_S, True),
        (LAST_S, LAST_S - 16, True),
        (LAST_S, 0, False),
        (0, LAST_S, False),
        (-1, 0, True),
        (-17, 0, False),
        (2**32, LAST_S, True),
        (2**32 + 16, LAST_S, False),
        (-(2**70), 0, False),
        (2**70, LAST_S, False),
    ],
)
def test_a_beacons_clock_begins_at_zero_and_ends_with_its_32_bits(clock_s, truth_s, found):
    step = resolve(KEY, 4, make_eid(KEY, 4, truth_s), clock_s=clock_s, drift_s=0)
    assert step == (truth_s >> 4 if found else None)


EID = make_eid(KEY, 10, 5_000_000)


@pytest.mark.parametrize(
    ("key", "k", "eid", "drift_s"),
    [
        (KEY, 10, EID[:7], 0),
        (KEY, 10, EID + b"\0", 0),
        (KEY, 10, b"", 0),
        (KEY, 9, EID, 0),
        (KEY, 11, EID, 0),
        (KEY, -1, EID, 0),
        (KEY, 16, EID, 0),
        (KEY, 10**9, EID, 0),
        (KEY[:15], 10, EID, 0),
        (KEY * 2, 10, EID, 0),
        (b"", 10, EID, 0),
        (KEY, 10, EID, -1),
        (KEY, 10, EID, math.nan),
        (KEY, 10, EID, -math.inf),
    ],
)
def test_what_is_malformed_is_none(key, k, eid, drift_s):
    assert resolve(KEY, 10, EID, clock_s=5_000_000, drift_s=0) == 5_000_000 >> 10
    assert resolve(key, k, eid, clock_s=5_000_000, drift_s=drift_s) is None


def flips(data: bytes) -> list[bytes]:
    number = int.from_bytes(data)
    return [(number ^ 1 << bit).to_bytes(len(data)) for bit in range(8 * len(data))]


def test_another_beacons_key_and_another_identifier_are_refused_whichever_bit_differs():
    for key in flips(KEY):
        assert resolve(key, 10, EID, clock_s=5_000_000, drift_s=20_000) is None
    for eid in flips(EID):
        assert resolve(KEY, 10, eid, clock_s=5_000_000, drift_s=20_000) is None


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=20), st.integers(), st.floats(0, 10_000))
def test_nothing_made_up_is_resolved_and_nothing_raises(eid, clock_s, drift_s):
    assert resolve(KEY, 10, eid, clock_s=clock_s, drift_s=drift_s) is None


@pytest.mark.parametrize(
    ("elapsed_s", "drift_s"),
    [(-1, 0), (0, 0), (1_000_000, 150), (86_400, 12.96), (31_536_000, 4_730.4)],
)
def test_a_clock_may_drift_by_150_parts_in_a_million(elapsed_s, drift_s):
    assert drift_allowed_s(elapsed_s) == pytest.approx(drift_s)
