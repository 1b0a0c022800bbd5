"""How a wristband's tag is read, and how much of it is shown. Pure."""

from __future__ import annotations

import re

_HEX = re.compile(r"[0-9a-f]{8,40}")
_SEPARATORS = str.maketrans("", "", " :-")
SHOWN = 4


def normalise_tag(tag: str) -> str:
    """One spelling of a tag, whatever the reader's: 04:A2:3B:1C is 04a23b1c.

    Hexadecimal digits lose their separators and capitals; any other text only what surrounds it.
    """
    digits = tag.translate(_SEPARATORS).lower()
    return digits if _HEX.fullmatch(digits) else tag.strip()


def ending(tag: str) -> str:
    """The last characters, for people to tell tags apart by; never more than half of it."""
    return tag[len(tag) - min(SHOWN, len(tag) // 2) :]
