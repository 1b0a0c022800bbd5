"""A series as rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

COUNTS = (
    "unlocks",
    "expired",
    "redemptions",
    "reversals",
    "unique_customers",
    "new_customers",
    "returning_customers",
)
VERDICTS = ("accepted", "ambiguous", "rejected")
MONEY = ("currency", "value_minor", "cost_minor", "amount_minor")


def tabulate(item: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """One row of an hour, day, week or month, with the money of its first currency.

    Each further currency has a row of its own without counts, so that every column adds up.
    """
    counts = (
        *(item["check_ins"][verdict] for verdict in VERDICTS),
        *(item[name] for name in COUNTS),
    )
    first, *further = item["money"] or [dict.fromkeys(MONEY)]
    yield (item["start"], *counts, *(first[name] for name in MONEY))
    for money in further:
        yield (item["start"], *(None for _ in counts), *(money[name] for name in MONEY))
