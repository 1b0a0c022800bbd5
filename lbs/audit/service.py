"""The audit log takes in what merchants change, in the transaction that changes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.audit.models import AuditEntry
from lbs.audit.policy import SERVICE, Actor, differences
from lbs.db import PRINCIPAL, Session, new_id


def record(
    session: Session,
    merchant_id: UUID,
    action: str,
    resource_id: UUID,
    *,
    before: Any = None,
    after: Any = None,
    now: datetime,
) -> None:
    """Append what was done to a resource, by whom the session acts for.

    The action names the kind of resource: `offer.changed`. Before and after are views of it, or
    mappings; where both are given and say the same, nothing was changed and nothing is appended.
    """
    changes = differences(before, after)
    if before is not None and after is not None and not changes:
        return
    session.add(_entry(merchant_id, _actor(session), action, resource_id, changes, now))


def record_made(
    session: Session,
    merchant_id: UUID,
    action: str,
    made: Iterable[tuple[UUID, Any]],
    now: datetime,
) -> None:
    """Append that these resources, by id, were made as they are."""
    actor = _actor(session)
    session.add_all(
        _entry(merchant_id, actor, action, resource_id, differences(None, after), now)
        for resource_id, after in made
    )


def _entry(
    merchant_id: UUID,
    actor: Actor,
    action: str,
    resource_id: UUID,
    changes: dict[str, list[Any]],
    now: datetime,
) -> AuditEntry:
    return AuditEntry(
        id=new_id(),
        merchant_id=merchant_id,
        at=now,
        key_id=actor.key_id,
        actor=actor.name,
        action=action,
        resource=action.partition(".")[0],
        resource_id=resource_id,
        changes=changes,
    )


def _actor(session: Session) -> Actor:
    """The merchant's key that the session acts for; a customer or a job acts as the service."""
    actor: Actor = getattr(session.info.get(PRINCIPAL), "actor", SERVICE)
    return actor
