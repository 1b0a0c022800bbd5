"""The codes that customers show and read aloud at the till. Pure: the random bytes are given."""

from __future__ import annotations

from stdnum.iso7064 import mod_37_36

from lbs.codes import ALPHABET, bare, in_fours, spell

RANDOM_BYTES = 7
RANDOM_CHARACTERS = 11
"""55 bits."""


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
