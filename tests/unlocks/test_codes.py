"""Codes: how much chance is in them, and which slips they forgive or catch. No database."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.unlocks.policy import (
    ALPHABET,
    RANDOM_BYTES,
    RANDOM_CHARACTERS,
    make_code,
    read_code,
)

BYTES = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
SAMPLE = [make_code(random.Random(seed).randbytes(RANDOM_BYTES)) for seed in range(60)]


def bare(code: str) -> str:
    return code.replace("-", "")


@settings(deadline=None, derandomize=True)
@given(BYTES)
def test_a_code_is_three_groups_of_four_and_reads_as_itself(random_bytes):
    code = make_code(random_bytes)
    assert [len(group) for group in code.split("-")] == [4, 4, 4]
    assert set(bare(code)) <= set(ALPHABET)
    assert read_code(code) == code


def test_a_code_carries_55_random_bits():
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert RANDOM_CHARACTERS * 5 == 55
    assert RANDOM_BYTES * 8 >= 55
    numbers = [0, 1, 2**54, 2**55 - 1]
    codes = [make_code(number.to_bytes(RANDOM_BYTES)) for number in numbers]
    assert [bare(code)[:-1] for code in codes] == [
        "00000000000",
        "00000000001",
        "G0000000000",
        "ZZZZZZZZZZZ",
    ]
    # each of the 55 bits shows: turning one over makes another code
    one = make_code(bytes(RANDOM_BYTES))
    others = {make_code((1 << bit).to_bytes(RANDOM_BYTES)) for bit in range(55)}
    assert len(others - {one}) == 55


def test_no_character_is_one_that_is_misread():
    assert not set("ILOU") & set(ALPHABET)


def test_every_character_is_as_likely_as_another():
    source = random.Random(7)
    codes = [bare(make_code(source.randbytes(RANDOM_BYTES))) for _ in range(8_000)]
    for place in range(RANDOM_CHARACTERS):
        counts = [sum(code[place] == character for code in codes) for character in ALPHABET]
        assert all(150 < count < 350 for count in counts)  # 250 expected, sigma 15.6


def test_every_substitution_of_one_character_is_caught():
    tried = 0
    for code in map(bare, SAMPLE):
        for place, right in enumerate(code):
            for wrong in set(ALPHABET) - {right}:
                assert read_code(code[:place] + wrong + code[place + 1 :]) is None
                tried += 1
    assert tried == len(SAMPLE) * 12 * 31


def test_nearly_every_transposition_of_neighbours_is_caught():
    tried = missed = 0
    for code in map(bare, SAMPLE):
        for place, (left, right) in enumerate(pairwise(code)):
            if left != right:
                tried += 1
                swapped = code[:place] + right + left + code[place + 2 :]
                missed += read_code(swapped) is not None
    assert tried > 600
    assert missed / tried < 0.02


@pytest.mark.parametrize(
    "typed",
    [
        "7M3K-9QZ2-VX4{check}",
        "7m3k-9qz2-vx4{check}",
        "7M3K9QZ2VX4{check}",
        " 7M3K 9QZ2 VX4{check} ",
        "7-M-3-K9QZ2VX4{check}",
    ],
)
def test_case_blanks_and_dashes_do_not_matter(typed):
    [code] = [found for character in ALPHABET if (found := read_code("7M3K9QZ2VX4" + character))]
    assert read_code(typed.format(check=code[-1])) == code


@pytest.mark.parametrize(
    ("typed", "meant"), [("O", "0"), ("o", "0"), ("I", "1"), ("i", "1"), ("L", "1"), ("l", "1")]
)
def test_letters_that_look_like_digits_are_read_as_digits(typed, meant):
    codes = [code for code in SAMPLE if meant in code]
    assert codes
    for code in codes:
        assert read_code(code.replace(meant, typed)) == code


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "-",
        "7M3K",
        "7M3K-9QZ2-VX4A-0",
        "7M3K-9QZ2-VX4U",
        "7M3K-9QZ2-VX4Æ",
        "x" * 5000,
        "٧M3K-9QZ2-VX4A",
        "7M3K_9QZ2_VX4A",
        "\x007M3K9QZ2VX4",
    ],
)
def test_what_cannot_be_a_code_is_none(typed):
    assert read_code(typed) is None


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=30))
def test_whatever_is_typed_is_read_as_a_code_or_as_none(typed):
    code = read_code(typed)
    assert code is None or read_code(code) == code
