from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class AuditEntry(Model):
    """One change that somebody made. Appended in the transaction of the change, never changed
    itself, never deleted. `key_id` is none where the service acted by itself.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_merchant_id_id", "merchant_id", "id"),
        Index("ix_audit_entry_resource_id_id", "resource_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    at: Mapped[datetime]
    key_id: Mapped[UUID | None]
    actor: Mapped[str]
    """The key's name at that time."""
    action: Mapped[str]
    resource: Mapped[str]
    resource_id: Mapped[UUID]
    changes: Mapped[dict[str, Any]]
    """By member [old, new]; never a secret."""
