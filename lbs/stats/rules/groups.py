"""Breaking down without showing anybody: no group of customers is shown that is too small."""

from __future__ import annotations

from collections.abc import Mapping

from lbs.stats.rules.tally import Tally, united

OTHER = "other"


def shown(groups: Mapping[str, Tally], minimum: int) -> dict[str, Tally]:
    """The groups of at least `minimum` customers, largest first, and the rest together as `other`.

    Whoever takes the groups that are shown from the whole is left with `other`: so it has to be
    large enough itself, and takes in the smallest of the others until it is. Where even all of them
    together are too few, nothing is shown. A group of nobody, such as links shared at no venue,
    gives nobody away.
    """
    by_size = sorted(groups, key=lambda name: (-len(groups[name].anybody()), name))
    large = [name for name in by_size if hushed(len(groups[name].anybody()), minimum) is not None]
    hidden = [name for name in by_size if name not in large]
    while hidden and large and not _may_stand(groups, hidden, minimum):
        hidden.append(large.pop())
    found = {name: groups[name] for name in large}
    if len(hidden) > 0 and (large or _may_stand(groups, hidden, minimum)):
        found[OTHER] = united(groups[name] for name in hidden)
    return found


def _may_stand(groups: Mapping[str, Tally], names: list[str], minimum: int) -> bool:
    return len(names) > 1 and len(united(groups[name] for name in names).anybody()) >= minimum


def hushed(customers: int, minimum: int) -> int | None:
    """A number of customers in a cell of a table; None where they are too few to be told."""
    return customers if customers == 0 or customers >= minimum else None
