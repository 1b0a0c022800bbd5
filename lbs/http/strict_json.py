"""JSON as RFC 8259 means it: finite numbers, no name twice, nesting within reason."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DIGITS = 400
"""More than any finite number has, and few enough to be read in no time."""


def loads(raw: bytes) -> Any:
    """The document, or ValueError with a text that quotes nothing of it."""
    try:
        return json.loads(
            raw.decode("utf-8-sig"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ValueError("The JSON is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON numbers.")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError("A number is too large.")
    return number


def _short(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("A number is too large.")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("An object has the same name twice.")
    return members
