"""A merchant's names for its customers: turned back by its own key alone."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.accounts.policy import pseudonym, subject_of

KEYS = st.binary(min_size=16, max_size=16)
FIPS_197_KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
FIPS_197_PLAIN = UUID("00112233-4455-6677-8899-aabbccddeeff")
FIPS_197_SEALED = UUID("69c4e0d8-6a7b-0430-d8cd-b78070b4c55a")


@given(st.uuids(), KEYS)
def test_a_pseudonym_turns_back_into_its_customer(subject_id, key):
    assert subject_of(pseudonym(subject_id, key), key) == subject_id


def test_a_pseudonym_is_the_published_block_cipher():
    assert pseudonym(FIPS_197_PLAIN, FIPS_197_KEY) == FIPS_197_SEALED


@given(st.uuids(), KEYS, KEYS)
def test_two_merchants_have_different_names_for_a_customer(subject_id, one, other):
    same = pseudonym(subject_id, one) == pseudonym(subject_id, other)
    assert same == (one == other)


@given(st.uuids(), st.uuids(), KEYS)
def test_two_customers_never_share_a_name(one, other, key):
    assert (pseudonym(one, key) == pseudonym(other, key)) == (one == other)


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="key"):
        pseudonym(FIPS_197_PLAIN, b"short")
