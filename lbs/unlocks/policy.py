"""The codes that customers show and read aloud at the till, and when flags pause an offer.

Codes are ours, or a merchant's own: single-use codes that it has imported. Pure: the random bytes
are given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from unicodedata import category, normalize

from stdnum.iso7064 import mod_37_36

from lbs.codes import ALPHABET, bare, in_fours, spell

RANDOM_BYTES = 7
RANDOM_CHARACTERS = 11
"""55 bits."""

MIN_CHARACTERS, MAX_CHARACTERS = 4, 64
"""Of a merchant's own code."""
SAFE_CHARACTERS = 8


def make_code(random_bytes: bytes) -> str:
    """Eleven random characters and a check character (ISO 7064, mod 33,32): ABCD-EFGH-JKMN."""
    digits = spell(int.from_bytes(random_bytes), RANDOM_CHARACTERS)
    return in_fours(digits + mod_37_36.calc_check_digit(digits, ALPHABET))


def read_code(typed: str) -> str | None:
    """The code as it was made, from however it was typed; None where it cannot be one."""
    code = bare(typed)
    if len(code) != RANDOM_CHARACTERS + 1 or not mod_37_36.is_valid(code, ALPHABET):
        return None
    return in_fours(code)


PROBLEMS = ("not_redeemable", "not_valuable", "other")


@dataclass(frozen=True, slots=True)
class FlagLimit:
    """When an offer has been flagged too often.

    At least so many customers, and at least such a share of those for whom it has opened, flag it
    within the window. After a pause the count begins anew: a mended offer has its chance.
    """

    flags: int
    window: timedelta
    share: float

    def counts_from(self, now: datetime, paused_at: datetime | None) -> datetime:
        """Flags and unlocks after this moment count."""
        start = now - self.window
        return max(start, paused_at) if paused_at else start

    def is_reached(self, flags: int, customers: int) -> bool:
        return flags >= self.flags and flags >= self.share * customers


def read_any(typed: str) -> str:
    """What a code is kept and found by, however it was typed: ours as it was made, or a merchant's.

    Case, blanks and dashes do not matter in either, nor whether a letter is of full width. Only in
    ours are O, I and L digits.
    """
    plain = _plain(typed)
    return read_code(plain) or plain


class Flaw(StrEnum):
    """Why a line is not imported."""

    NO_CSV = "no_csv"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_PRINTABLE = "not_printable"


@dataclass(frozen=True, slots=True)
class Sorted:
    """The lines of a file: codes by what they are found by, in their order, and what is wrong."""

    codes: dict[str, str]
    repeated: int
    refused: tuple[tuple[int, Flaw], ...]


def sort_out(lines: Iterable[tuple[int, str | None]]) -> Sorted:
    """Of codes that are alike, the first is taken."""
    codes: dict[str, str] = {}
    refused: list[tuple[int, Flaw]] = []
    repeated = 0
    for number, code in lines:
        if flaw := _find_flaw(code):
            refused.append((number, flaw))
        elif code is not None:
            key = read_any(code)
            repeated += key in codes
            codes.setdefault(key, code)
    return Sorted(codes, repeated, tuple(refused))


def count_guessable(codes: Collection[str]) -> int:
    """How many are short, count up or down, or stand beside another that has the next number."""
    plain = [_plain(code) for code in codes]
    numbers = {number for code in plain if (number := _number(code))}
    return sum(
        len(code) < SAFE_CHARACTERS or _is_run(code) or _has_neighbour(code, numbers)
        for code in plain
    )


_Number = tuple[str, int, int]
"""How a code begins, how many digits it ends with, and their number."""


def _find_flaw(code: str | None) -> Flaw | None:
    if code is None:
        return Flaw.NO_CSV
    if len(code) > MAX_CHARACTERS:
        return Flaw.TOO_LONG
    if not code.isprintable():
        return Flaw.NOT_PRINTABLE
    return Flaw.TOO_SHORT if len(_plain(code)) < MIN_CHARACTERS else None


def _plain(typed: str) -> str:
    """In upper case, without blanks and dashes."""
    upper = normalize("NFKC", typed).upper()
    kept = (char for char in upper if not char.isspace() and category(char) != "Pd")
    return normalize("NFKC", "".join(kept))


def _number(code: str) -> _Number | None:
    digits = re.search(r"[0-9]+\Z", code)
    return (code[: digits.start()], len(digits[0]), int(digits[0])) if digits else None


def _is_run(code: str) -> bool:
    """Such as 12345678, HGFEDCBA or 00000000."""
    steps = {ord(right) - ord(left) for left, right in pairwise(code)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def _has_neighbour(code: str, numbers: Collection[_Number]) -> bool:
    found = _number(code)
    if found is None:
        return False
    beginning, digits, number = found
    return any((beginning, digits, near) in numbers for near in (number - 1, number + 1))
