"""The rotating code against the RFCs' own values, and both codes as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.codes import ALPHABET
from lbs.proofs.rules.venue_code import (
    LONG_CHARACTERS,
    POSTER_RANDOM_BYTES,
    SECRET_BYTES,
    find_step,
    is_guessable,
    is_poster_code,
    make_code,
    make_picture_code,
    make_poster_code,
    step_at,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)

# RFC 4226, appendix D, and RFC 6238, appendix B, use the ASCII digits 1234567890 repeated.
SECRET = b"12345678901234567890"
SEEDS = {SHA1: SECRET, SHA256: (SECRET * 2)[:32], SHA512: (SECRET * 4)[:64]}

RFC_4226_D = [
    (0, "755224"),
    (1, "287082"),
    (2, "359152"),
    (3, "969429"),
    (4, "338314"),
    (5, "254676"),
    (6, "287922"),
    (7, "162583"),
    (8, "399871"),
    (9, "520489"),
]

RFC_6238_B = [
    (59, 0x1, "94287082", SHA1),
    (59, 0x1, "46119246", SHA256),
    (59, 0x1, "90693936", SHA512),
    (1111111109, 0x23523EC, "07081804", SHA1),
    (1111111109, 0x23523EC, "68084774", SHA256),
    (1111111109, 0x23523EC, "25091201", SHA512),
    (1111111111, 0x23523ED, "14050471", SHA1),
    (1111111111, 0x23523ED, "67062674", SHA256),
    (1111111111, 0x23523ED, "99943326", SHA512),
    (1234567890, 0x273EF07, "89005924", SHA1),
    (1234567890, 0x273EF07, "91819424", SHA256),
    (1234567890, 0x273EF07, "93441116", SHA512),
    (2000000000, 0x3F940AA, "69279037", SHA1),
    (2000000000, 0x3F940AA, "90698825", SHA256),
    (2000000000, 0x3F940AA, "38618901", SHA512),
    (20000000000, 0x27BC86AA, "65353130", SHA1),
    (20000000000, 0x27BC86AA, "77737706", SHA256),
    (20000000000, 0x27BC86AA, "47863826", SHA512),
]


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@pytest.mark.parametrize(("step", "code"), RFC_4226_D)
def test_a_step_has_the_code_that_rfc_4226_gives_it(step, code):
    assert make_code(SECRET, step) == code


@pytest.mark.parametrize(("seconds", "step", "code", "algorithm"), RFC_6238_B)
def test_a_moment_has_the_code_that_rfc_6238_gives_it(seconds, step, code, algorithm):
    assert step_at(at(seconds), 30) == step
    assert make_code(SEEDS[algorithm], step, 8, algorithm()) == code


@pytest.mark.parametrize(
    ("seconds", "step", "code"),
    [(seconds, step, code) for seconds, step, code, algorithm in RFC_6238_B if algorithm is SHA1],
)
def test_the_code_of_rfc_6238_is_found_at_its_moment(seconds, step, code):
    assert find_step(SECRET, code, at(seconds), step_s=30, digits=8) == step


@pytest.mark.parametrize(
    ("now", "step_s", "step"),
    [
        (at(0), 15, 0),
        (at(15) - TICK, 15, 0),
        (at(15), 15, 1),
        (at(1700000010) - TICK, 30, 56666666),
        (at(1700000010), 30, 56666667),
        (at(1700000010).astimezone(timezone(timedelta(hours=14))), 30, 56666667),
    ],
)
def test_a_step_begins_on_the_microsecond_in_every_time_zone(now, step_s, step):
    assert step_at(now, step_s) == step


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        step_at(at(0).replace(tzinfo=None), 30)


@pytest.mark.parametrize(
    ("secret", "step", "digits"),
    [(SECRET[:15], 0, 6), (b"", 0, 6), (SECRET, -1, 6), (SECRET, 2**64, 6), (SECRET, 0, 5)],
)
def test_no_code_is_made_of_what_is_too_short_or_out_of_range(secret, step, digits):
    with pytest.raises(ValueError):  # noqa: PT011
        make_code(secret, step, digits)


@pytest.mark.parametrize(
    ("drift", "offset", "found"),
    [
        (0, -1, False),
        (0, 0, True),
        (0, 1, False),
        (1, -2, False),
        (1, -1, True),
        (1, 0, True),
        (1, 1, True),
        (1, 2, False),
        (3, -4, False),
        (3, -3, True),
        (3, 3, True),
        (3, 4, False),
        (-1, 0, False),
    ],
)
def test_a_code_is_good_for_as_many_steps_as_drift_allows_to_either_side(drift, offset, found):
    step = 56666667 + offset
    code = make_code(SECRET, step)
    assert find_step(SECRET, code, at(1700000010), step_s=30, drift=drift) == (
        step if found else None
    )


@pytest.mark.parametrize(
    ("age", "found"),
    [
        (timedelta(0), True),
        (timedelta(seconds=30) - TICK, True),
        (timedelta(seconds=30), False),
    ],
)
def test_with_drift_1_and_15_s_a_code_dies_15_s_after_its_own_step(age, found):
    shown_from = at(1700000010)
    code = make_code(SECRET, step_at(shown_from, 15))
    assert (find_step(SECRET, code, shown_from + age, step_s=15) is not None) is found


def test_of_two_steps_with_the_same_code_the_newest_is_meant():
    older, newer = first_twins(SECRET)
    code, drift = make_code(SECRET, older), newer - older
    assert code == make_code(SECRET, newer)
    for now_s in (older, newer):
        assert find_step(SECRET, code, at(now_s), step_s=1, drift=drift) == newer
    assert find_step(SECRET, code, at(older), step_s=1, drift=drift - 1) == older


def first_twins(secret: bytes) -> tuple[int, int]:
    """The first two steps that have the same code."""
    seen: dict[str, int] = {}
    for step in count():
        first = seen.setdefault(make_code(secret, step), step)
        if first != step:
            return first, step
    raise AssertionError


def test_before_1970_there_is_no_code():
    assert find_step(SECRET, make_code(SECRET, 0), at(-1), step_s=30) == 0
    assert find_step(SECRET, make_code(SECRET, 0), at(-31), step_s=30) is None
    assert find_step(SECRET, make_code(SECRET, 0), at(0), step_s=30, drift=5) == 0


@pytest.mark.parametrize(
    "typed", ["755224", " 755224 ", "755 224", "755-224", "7-5 5-2 2-4", "75522 4"]
)
def test_blanks_and_dashes_do_not_matter(typed):
    assert find_step(SECRET, typed, at(0), step_s=30) == 0


def test_letters_that_look_like_digits_are_read_as_digits():
    for typed in ("I62583", "i62583", "L62583", "l62583"):
        assert find_step(SECRET, typed, at(7), step_s=1, drift=0) == 7
    for typed in ("52O489", "52o489"):
        assert find_step(SECRET, typed, at(9), step_s=1, drift=0) == 9


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "-",
        "75522",
        "7552244",
        "0755224",
        "755225",
        "755224\n",
        "\x00755224",
        "75522x",
        "+55224",
        "755_224",
        "7.55224",
        "٧٥٥٢٢٤",  # Arabic-Indic digits
        "\uff17\uff15\uff15\uff12\uff12\uff14",  # full-width digits
        "75522²",
        "7" * 5000,
        "\ud800" * 6,
    ],
)
def test_what_is_not_the_code_in_ascii_digits_is_none(typed):
    assert find_step(SECRET, typed, at(0), step_s=30, drift=0) is None


def test_another_venues_secret_is_refused_whichever_bit_differs():
    now, code = at(1700000010), make_code(SECRET, 56666667, 8)
    number = int.from_bytes(SECRET)
    for bit in range(8 * SECRET_BYTES):
        other = (number ^ 1 << bit).to_bytes(SECRET_BYTES)
        assert find_step(other, code, now, step_s=30, digits=8) is None


@settings(deadline=None, derandomize=True)
@given(
    st.binary(min_size=16, max_size=64),
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([10, 15, 30, 60]),
    st.sampled_from([6, 7, 8]),
)
def test_the_code_of_now_is_found_now(secret, now, step_s, digits):
    step = step_at(now, step_s)
    code = make_code(secret, step, digits)
    assert len(code) == digits
    assert find_step(secret, code, now, step_s=step_s, digits=digits, drift=0) == step


@settings(deadline=None, derandomize=True)
@given(st.binary(min_size=16, max_size=64), st.integers(2, 2**31))
def test_the_picture_of_a_step_says_sixty_bits_that_are_found_at_the_step_alone(secret, step):
    code = make_picture_code(secret, step)
    assert (len(code), set(code) - set(ALPHABET)) == (12, set())
    found = [find_step(secret, code, at(30 * (step + off)), step_s=30) for off in (-2, -1, 0, 1, 2)]
    assert found == [None, step, step, step, None]
    assert make_picture_code(secret, step + 1) != code
    assert find_step(secret + b"x", code, at(30 * step), step_s=30) is None


@pytest.mark.parametrize(
    ("code", "guessable"),
    [
        ("492039", True),
        ("492 039", True),
        ("", True),
        ("ABCD-EFGH-JKM", True),
        ("ABCD-EFGH-JKMN", False),
        ("0" * 13, False),
    ],
)
def test_what_is_shorter_than_a_picture_says_is_guessed(code, guessable):
    assert is_guessable(code) is guessable


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_step_or_none(typed):
    step = find_step(SECRET, typed, at(1700000010), step_s=30)
    assert step is None or abs(step - 56666667) <= 1


POSTER = make_poster_code(bytes.fromhex("0123456789ABCDEF"))
RANDOM = st.binary(min_size=POSTER_RANDOM_BYTES, max_size=POSTER_RANDOM_BYTES)


@settings(deadline=None, derandomize=True)
@given(RANDOM)
def test_a_poster_code_is_three_groups_of_four_and_reads_as_itself(random_bytes):
    code = make_poster_code(random_bytes)
    assert [len(group) for group in code.split("-")] == [4, 4, 4]
    assert set(code.replace("-", "")) <= set(ALPHABET)
    assert is_poster_code(code, code)


def test_a_poster_code_carries_60_random_bits():
    assert LONG_CHARACTERS * 5 == 60 <= POSTER_RANDOM_BYTES * 8
    codes = {make_poster_code((1 << bit).to_bytes(POSTER_RANDOM_BYTES)) for bit in range(60)}
    assert len(codes | {make_poster_code(bytes(POSTER_RANDOM_BYTES))}) == 61
    assert make_poster_code((2**60 - 1).to_bytes(POSTER_RANDOM_BYTES)) == "ZZZZ-ZZZZ-ZZZZ"


@pytest.mark.parametrize("length", [0, 1, POSTER_RANDOM_BYTES - 1])
def test_a_poster_code_is_not_made_of_too_little_chance(length):
    with pytest.raises(ValueError, match="8 random bytes"):
        make_poster_code(bytes(length))


@pytest.mark.parametrize(
    "typed",
    ["J6HB-7H6A-WFFZ", "j6hb-7h6a-wffz", "J6HB7H6AWFFZ", " j6hb 7h6a wffz ", "J-6-H-B7H6AWFFZ"],
)
def test_a_poster_code_is_read_whatever_its_case_blanks_and_dashes(typed):
    assert is_poster_code("J6HB-7H6A-WFFZ", typed)


@pytest.mark.parametrize("typed", ["OIL0-1111-0000", "oll0-ili1-oooo", "0110-1111-0000"])
def test_a_poster_code_forgives_letters_that_look_like_digits(typed):
    assert is_poster_code("0110-1111-0000", typed)


def test_every_other_character_anywhere_is_another_poster_code():
    bare = POSTER.replace("-", "")
    for place, right in enumerate(bare):
        for wrong in set(ALPHABET) - {right}:
            assert not is_poster_code(POSTER, bare[:place] + wrong + bare[place + 1 :])


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        POSTER[:-1],
        POSTER + "0",
        POSTER.replace("-", "_"),
        POSTER + "\n",
        POSTER + "é",
        "\ud800",
        "x" * 5000,
    ],
)
def test_what_is_not_the_poster_code_is_refused(typed):
    assert not is_poster_code(POSTER, typed)


@pytest.mark.parametrize("typed", ["", " ", "-", "0"])
def test_a_poster_without_a_code_accepts_nothing(typed):
    assert not is_poster_code("", typed)
