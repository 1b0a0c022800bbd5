"""Facts are appended to the ledger, in the transaction that makes them true."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.db import Session, new_id
from lbs.ledger.models import LedgerEvent
from lbs.ledger.policy import Kind


def record(session: Session, kind: Kind, merchant_id: UUID, now: datetime, **facts: Any) -> None:
    """Append one fact. Statements that make many at once append theirs themselves."""
    session.add(LedgerEvent(id=new_id(), at=now, kind=kind.value, merchant_id=merchant_id, **facts))
