"""Every statement of exports, and the ledger as they and the live stream read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert

from lbs.db import Session, Statement
from lbs.exports.models import Export, ExportPart, ExportSchedule
from lbs.exports.rules.stream import Position

_TAKEN_IN = """
    event.merchant_id = :merchant_id AND event.at >= :start AND event.at < :end
    AND event.transaction_id < CAST(CAST(:until AS text) AS xid8)
    AND (CAST(:venue_ids AS uuid[]) IS NULL OR event.venue_id = ANY(:venue_ids))
"""

REDEMPTIONS = Statement(f"""
    SELECT event.redemption_id, event.at, event.venue_id, event.offer_id, event.offer_version,
           event.subject_id AS customer, event.check_in_id, event.unlock_id, event.channel,
           event.experiment_id, event.variant, event.share_id, event.level, event.first_visit,
           event.elapsed_s, redemption.api_key_id, redemption.order_reference, event.currency,
           event.value_minor, event.cost_minor, event.amount_minor, event.counted,
           CASE WHEN redemption.reversed_at < :asked_at THEN redemption.reversed_at END
               AS reversed_at,
           CASE WHEN redemption.reversed_at < :asked_at THEN redemption.reversal_reason END
               AS reversal_reason
    FROM ledger_event AS event LEFT JOIN redemption ON redemption.id = event.redemption_id
    WHERE {_TAKEN_IN} AND event.kind = 'redeemed'
      AND (CAST(:offer_id AS uuid) IS NULL OR event.offer_id = :offer_id)
    ORDER BY event.at, event.id
""")

LEDGER = Statement(f"""
    SELECT event.id, event.at, event.kind, event.venue_id, event.subject_id AS customer,
           event.check_in_id, event.verdict, event.verdict_before, event.level, event.first_visit,
           event.reasons, event.offer_ids, event.offer_id, event.offer_version, event.unlock_id,
           event.redemption_id, event.channel, event.experiment_id, event.variant, event.share_id,
           event.actor_id, event.elapsed_s, event.within_days, event.currency, event.value_minor,
           event.cost_minor, event.amount_minor, event.recipient, event.counted
    FROM ledger_event AS event
    WHERE {_TAKEN_IN} AND (
        CAST(:offer_id AS uuid) IS NULL OR event.offer_id = :offer_id
        OR :offer_id = ANY(event.offer_ids))
    ORDER BY event.at, event.id
""")

WATERMARK = Statement("""
    SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS transaction_id
""")

LIVE = Statement("""
    SELECT CAST(transaction_id AS text) AS transaction_id, id, kind, at, venue_id, offer_id,
           verdict, level, value_minor, amount_minor, currency
    FROM ledger_event
    WHERE transaction_id >= CAST(CAST(:after AS text) AS xid8)
      AND transaction_id < CAST(CAST(:until AS text) AS xid8)
      AND (transaction_id, id) > (CAST(CAST(:after AS text) AS xid8), CAST(:after_id AS uuid))
      AND merchant_id = :merchant_id AND kind = ANY(:kinds) AND counted
      AND (CAST(:venue_ids AS uuid[]) IS NULL OR venue_id = ANY(:venue_ids))
    ORDER BY transaction_id, id LIMIT :limit
""")

ROWS = {"redemptions": REDEMPTIONS, "ledger": LEDGER}


def watermark(session: Session) -> int:
    """Every transaction before it has ended: what it left is there, and no more will come."""
    return int(WATERMARK.one(session, {}).transaction_id)


def list_live(
    session: Session,
    merchant_id: UUID,
    *,
    kinds: Sequence[str],
    venue_ids: Sequence[UUID] | None,
    after: Position,
    until: int,
    limit: int,
) -> list[Any]:
    """What lies behind the position and in transactions before `until`, in order."""
    return LIVE.all(
        session,
        {
            "merchant_id": merchant_id,
            "kinds": list(kinds),
            "venue_ids": venue_ids and list(venue_ids),
            "after": str(after.transaction_id),
            "after_id": after.event_id,
            "until": str(until),
            "limit": limit,
        },
    )


def fix_snapshot(session: Session) -> None:
    """Read one state of everything until the transaction ends. It writes nothing, so it has no
    transaction id, and however long it reads, no watermark waits for it.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


def stream_rows(session: Session, export: Export) -> Iterator[Any]:
    values = {
        "merchant_id": export.merchant_id,
        "venue_ids": export.venue_ids,
        "offer_id": export.offer_id,
        "start": export.from_at,
        "end": export.to_at,
        "until": str(export.transaction_id),
        "asked_at": export.created_at,
    }
    return ROWS[export.what].stream(session, values)


def find_export(session: Session, export_id: UUID) -> Export | None:
    return session.scalar(
        select(Export).where(Export.id == export_id).execution_options(populate_existing=True)
    )


def find_own_export(
    session: Session, export_id: UUID, merchant_id: UUID, venue_ids: Sequence[UUID]
) -> Export | None:
    return session.scalar(
        select(Export).where(
            Export.id == export_id, Export.merchant_id == merchant_id, _within(Export, venue_ids)
        )
    )


def list_exports(
    session: Session,
    merchant_id: UUID,
    venue_ids: Sequence[UUID],
    *,
    limit: int,
    after: UUID | None,
) -> Sequence[Export]:
    """Newest first; a key of some venues sees what takes in no others."""
    conditions = [Export.merchant_id == merchant_id, _within(Export, venue_ids)]
    if after:
        conditions.append(Export.id < after)
    statement = select(Export).where(*conditions).order_by(Export.id.desc()).limit(limit)
    return session.scalars(statement).all()


def begin_export(session: Session, export_id: UUID) -> Export | None:
    """Take the making of it over from whoever began before; None where it is settled."""
    return session.scalar(
        update(Export)
        .where(Export.id == export_id, Export.state.in_(("queued", "running")))
        .values(state="running", attempt=Export.attempt + 1)
        .returning(Export)
        .execution_options(populate_existing=True)
    )


def store_part(session: Session, export: Export, byte_offset: int, data: bytes) -> bool:
    """Whether it was stored: another may have taken over."""
    mine = (
        select(Export.id)
        .where(Export.id == export.id, Export.attempt == export.attempt)
        .with_for_update(read=True)
    )
    if session.scalar(mine) is None:
        return False
    part = {"export_id": export.id, "byte_offset": byte_offset, "data": data}
    session.execute(insert(ExportPart).values(part))
    return True


def finish_export(
    session: Session,
    export: Export,
    *,
    rows: int,
    bytes_: int,
    sha256: str,
    now: datetime,
    expires_at: datetime,
) -> Export | None:
    """None where another has taken over."""
    return session.scalar(
        update(Export)
        .where(Export.id == export.id, Export.attempt == export.attempt, Export.state == "running")
        .values(
            state="ready",
            rows=rows,
            bytes=bytes_,
            sha256=sha256,
            ready_at=now,
            expires_at=expires_at,
        )
        .returning(Export)
        .execution_options(populate_existing=True)
    )


def fail_export(session: Session, export: Export) -> bool:
    failed = session.scalar(
        update(Export)
        .where(Export.id == export.id, Export.attempt == export.attempt, Export.state == "running")
        .values(state="failed")
        .returning(Export.id)
    )
    return failed is not None


def expire_exports(session: Session, now: datetime) -> Sequence[UUID]:
    """Those whose files are kept no longer."""
    return session.scalars(
        update(Export)
        .where(Export.state == "ready", Export.expires_at <= now)
        .values(state="expired")
        .returning(Export.id)
    ).all()


def delete_parts(session: Session, export_ids: Sequence[UUID]) -> None:
    session.execute(delete(ExportPart).where(ExportPart.export_id.in_(export_ids)))


def find_part(session: Session, export_id: UUID, at: int) -> ExportPart | None:
    """The part in which this byte is."""
    return session.scalar(
        select(ExportPart)
        .where(ExportPart.export_id == export_id, ExportPart.byte_offset <= at)
        .order_by(ExportPart.byte_offset.desc())
        .limit(1)
    )


def list_schedules(
    session: Session,
    merchant_id: UUID,
    venue_ids: Sequence[UUID],
    *,
    limit: int,
    after: UUID | None,
) -> Sequence[ExportSchedule]:
    """Newest first."""
    conditions = [ExportSchedule.merchant_id == merchant_id, _within(ExportSchedule, venue_ids)]
    if after:
        conditions.append(ExportSchedule.id < after)
    statement = select(ExportSchedule).where(*conditions)
    return session.scalars(statement.order_by(ExportSchedule.id.desc()).limit(limit)).all()


def find_schedule(
    session: Session, schedule_id: UUID, merchant_id: UUID, venue_ids: Sequence[UUID]
) -> ExportSchedule | None:
    return session.scalar(
        select(ExportSchedule).where(
            ExportSchedule.id == schedule_id,
            ExportSchedule.merchant_id == merchant_id,
            _within(ExportSchedule, venue_ids),
        )
    )


def delete_schedule(session: Session, schedule_id: UUID) -> bool:
    gone = session.scalar(
        delete(ExportSchedule).where(ExportSchedule.id == schedule_id).returning(ExportSchedule.id)
    )
    return gone is not None


def take_due_schedule(session: Session, before: datetime) -> ExportSchedule | None:
    """One that is due, locked until the transaction ends; workers take different ones."""
    return session.scalar(
        select(ExportSchedule)
        .where(ExportSchedule.due_at <= before)
        .order_by(ExportSchedule.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _within(table: type[Export | ExportSchedule], venue_ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Takes in no other venues than these; where there are none given, all are."""
    return table.venue_ids.contained_by(list(venue_ids)) if venue_ids else literal_column("true")
