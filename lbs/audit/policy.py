"""Who changed what: how the values of before and after become an entry of the log. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

UNSAID = frozenset({"id", "version", "created_at", "updated_at"})
"""Members that change with every change, or never."""

WITHHELD = "withheld"
"""Stands for a text about a person: the log is never deleted, and persons may be forgotten."""


@dataclass(frozen=True, slots=True)
class Actor:
    """An API key under the name that it had then; without a key, the service itself."""

    key_id: UUID | None
    name: str


SERVICE = Actor(None, "lbs")


def withhold(text: str | None) -> str | None:
    """What the log says of such a text: that there is one."""
    return None if text is None else WITHHELD


def differences(before: Any, after: Any) -> dict[str, list[Any]]:
    """Each member that differs as [old, new], in plain JSON.

    Before and after are views, rows or mappings; None before a resource was made, or after.
    """
    old, new = _members(before), _members(after)
    return {
        name: [old.get(name), new.get(name)]
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    }


def _members(view: Any) -> dict[str, Any]:
    return {name: plain(value) for name, value in _items(view).items() if name not in UNSAID}


def _items(view: Any) -> Mapping[str, Any]:
    if view is None:
        return {}
    if is_dataclass(view):
        return {field.name: getattr(view, field.name) for field in fields(view)}
    found: Mapping[str, Any] = view if isinstance(view, Mapping) else view._asdict()
    return found


def plain(value: Any) -> Any:
    """A value as JSON. A list of ids stands for a set, so its order is no change."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping) or hasattr(value, "_asdict"):
        return {str(name): plain(member) for name, member in _items(value).items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [plain(item) for item in value]
        return sorted(items) if all(isinstance(item, UUID) for item in value) else items
    return value
