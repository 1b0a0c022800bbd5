"""The codes that customers show and read aloud at the till. Pure: the random bytes are given."""

from __future__ import annotations

from stdnum.iso7064 import mod_37_36

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, which are misread; 5 bits a character."""

RANDOM_BYTES = 7
RANDOM_CHARACTERS = 11
"""55 bits."""

_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def make_code(random_bytes: bytes) -> str:
    """Eleven random characters and a check character (ISO 7064, mod 33,32): ABCD-EFGH-JKMN."""
    number = int.from_bytes(random_bytes) % 32**RANDOM_CHARACTERS
    digits = "".join(
        ALPHABET[number >> 5 * place & 31] for place in reversed(range(RANDOM_CHARACTERS))
    )
    code = digits + mod_37_36.calc_check_digit(digits, ALPHABET)
    return "-".join((code[:4], code[4:8], code[8:]))


def read_code(typed: str) -> str | None:
    """The code as it was made, from however it was typed; None where it cannot be one."""
    code = typed.upper().translate(_MISREAD)
    if len(code) != RANDOM_CHARACTERS + 1 or not mod_37_36.is_valid(code, ALPHABET):
        return None
    return "-".join((code[:4], code[4:8], code[8:]))
