"""Every SELECT of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from lbs.audit.models import AuditEntry
from lbs.db import Session


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are asked for; what is left out does not matter."""

    resource: str | None = None
    resource_id: UUID | None = None
    key_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None


def list_entries(
    session: Session, merchant_id: UUID, filters: Filters, *, limit: int, after: UUID | None
) -> Sequence[AuditEntry]:
    """Newest first."""
    conditions = [AuditEntry.merchant_id == merchant_id, *_conditions(filters)]
    if after:
        conditions.append(AuditEntry.id < after)
    return session.scalars(
        select(AuditEntry).where(*conditions).order_by(AuditEntry.id.desc()).limit(limit)
    ).all()


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    equal = (
        (AuditEntry.resource, filters.resource),
        (AuditEntry.resource_id, filters.resource_id),
        (AuditEntry.key_id, filters.key_id),
    )
    conditions = [column == value for column, value in equal if value is not None]
    if filters.start:
        conditions.append(AuditEntry.at >= filters.start)
    if filters.end:
        conditions.append(AuditEntry.at < filters.end)
    return conditions
