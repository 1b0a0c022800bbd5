"""Server-sent events as the WHATWG's HTML standard has them, and the place in the ledger. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

RETRY_MS = 2000
POSITION = r"^[0-9]{1,19}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """After this event; facts lie in the order of their transactions, then of their ids."""

    transaction_id: int
    event_id: UUID = BEFORE_ALL

    @classmethod
    def read(cls, text: str) -> Self | None:
        if not re.fullmatch(POSITION, text):
            return None
        transaction_id, _, event_id = text.partition("-")
        return cls(int(transaction_id), UUID(event_id))

    def __str__(self) -> str:
        return f"{self.transaction_id}-{self.event_id}"


def begin(position: Position) -> str:
    """How soon to come back, and from where, even if nothing has happened until then."""
    return f"retry: {RETRY_MS}\nid: {position}\n\n"


def beat(position: Position) -> str:
    """A comment, which keeps the connection; an id without data moves the client on unseen."""
    return f": still here\nid: {position}\n\n"


def tell(position: Position, kind: str, members: Mapping[str, Any]) -> str:
    data = json.dumps(members, separators=(",", ":"))
    return f"id: {position}\nevent: {kind}\ndata: {data}\n\n"
