"""The codes that bring customers together, and how long they are good. Pure."""

from __future__ import annotations

from datetime import timedelta

from lbs.codes import ALPHABET, bare, in_fours, spell

PARTY_LIFE, INVITATION_LIFE = timedelta(hours=6), timedelta(days=7)
MAX_FRIENDS = 500
RANDOM_BYTES = 8
PARTY_CHARACTERS = 8
"""40 bits: a party says nothing but how many it is."""
INVITATION_CHARACTERS = 12
"""60 bits: an invitation is as good as its customer's word."""


def make_code(random_bytes: bytes, characters: int) -> str:
    """ABCD-EFGH, to be read aloud."""
    return in_fours(spell(int.from_bytes(random_bytes), characters))


def read_code(typed: str, characters: int) -> str | None:
    """The code as it was made, from however it was typed; None where it cannot be one."""
    code = bare(typed)
    return in_fours(code) if len(code) == characters and set(code) <= set(ALPHABET) else None
