"""The alphabet of the codes that people read aloud, and how what they type is read."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, which are misread; 5 bits a character."""

_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def spell(number: int, characters: int) -> str:
    """The last `characters` digits of a number in base 32; what is above them is dropped."""
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(characters)))


def in_fours(code: str) -> str:
    """ABCDEFGHJK becomes ABCD-EFGH-JK."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def bare(typed: str) -> str:
    """Upper case, without blanks and dashes, and O, I and L read as the digits they look like."""
    return typed.upper().translate(_MISREAD)
