"""Every SELECT and conditional UPDATE of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from lbs.accounts.models import Merchant
from lbs.db import Session, Statement
from lbs.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage

SUBSCRIBED = Statement("""
    SELECT id FROM webhook_endpoint
    WHERE merchant_id = :merchant_id AND status = 'active' AND :type = ANY(event_types)
    ORDER BY id FOR KEY SHARE
""")

CLAIM = Statement("""
    WITH due AS (
        SELECT delivery.id
        FROM webhook_delivery AS delivery
        JOIN webhook_endpoint AS endpoint ON endpoint.id = delivery.endpoint_id
        WHERE delivery.endpoint_id = :endpoint_id AND delivery.state = 'pending'
          AND delivery.next_attempt_at <= :now AND endpoint.status = 'active'
          AND NOT EXISTS (
              SELECT FROM webhook_delivery AS earlier
              WHERE earlier.endpoint_id = delivery.endpoint_id
                AND earlier.order_key = delivery.order_key
                AND earlier.state = 'pending' AND earlier.number < delivery.number)
        ORDER BY delivery.next_attempt_at, delivery.number LIMIT :limit
        FOR UPDATE OF delivery SKIP LOCKED
    ), taken AS (
        UPDATE webhook_delivery AS delivery
        SET attempts = attempts + 1, next_attempt_at = :until, last_attempt_at = :now,
            first_attempt_at = coalesce(first_attempt_at, :now)
        FROM due WHERE delivery.id = due.id
        RETURNING delivery.id, delivery.attempts, delivery.first_attempt_at, delivery.message_id
    )
    SELECT taken.id, taken.attempts, taken.first_attempt_at, message.id AS message_id,
           message.body, endpoint.url, endpoint.sealed_secret,
           CASE WHEN endpoint.old_secret_ends_at > :now THEN endpoint.sealed_old_secret
           END AS sealed_old_secret
    FROM taken JOIN webhook_message AS message ON message.id = taken.message_id
    JOIN webhook_endpoint AS endpoint ON endpoint.id = :endpoint_id
    ORDER BY taken.id
""")
"""A later delivery of an order key waits while an earlier one is pending."""

SETTLE = Statement("""
    UPDATE webhook_delivery
    SET state = :state, next_attempt_at = CAST(:next_attempt_at AS timestamptz),
        answer_status = CAST(:answer_status AS bigint), problem = CAST(:problem AS text),
        latency_ms = :latency_ms
    WHERE id = :id AND attempts = :attempts AND state = 'pending'
    RETURNING id
""")

LOCK_BY_DELIVERY = Statement("""
    SELECT endpoint.id FROM webhook_endpoint AS endpoint
    JOIN webhook_delivery AS delivery ON delivery.endpoint_id = endpoint.id
    WHERE delivery.id = :id FOR NO KEY UPDATE OF endpoint
""")

DUE = Statement("""
    SELECT endpoint.id FROM webhook_endpoint AS endpoint
    WHERE endpoint.status = 'active' AND EXISTS (
        SELECT FROM webhook_delivery AS delivery
        WHERE delivery.endpoint_id = endpoint.id AND delivery.state = 'pending'
          AND delivery.next_attempt_at <= :now)
""")

RESUME = Statement("""
    UPDATE webhook_delivery SET next_attempt_at = :now, first_attempt_at = NULL
    WHERE endpoint_id = :endpoint_id AND state = 'pending'
""")

LOCK_POSITION = Statement("""
    SELECT transaction_id::text, event_id FROM webhook_position FOR UPDATE SKIP LOCKED
""")

READ_LEDGER = Statement("""
    SELECT event.*, event.transaction_id::text AS transaction, merchant.pseudonym_key,
           ARRAY(SELECT DISTINCT unnest(endpoint.event_types) FROM webhook_endpoint AS endpoint
                 WHERE endpoint.merchant_id = event.merchant_id AND endpoint.status = 'active'
           ) AS wanted
    FROM (
        SELECT * FROM ledger_event
        WHERE transaction_id >= CAST(:transaction AS xid8)
          AND (transaction_id, id) > (CAST(:transaction AS xid8), CAST(:event_id AS uuid))
          AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY transaction_id, id LIMIT :limit
    ) AS event LEFT JOIN merchant ON merchant.id = event.merchant_id
    ORDER BY event.transaction_id, event.id
""")
"""Only what no transaction that is still open can come before."""

MOVE_ON = Statement("""
    UPDATE webhook_position
    SET transaction_id = CAST(:transaction AS xid8), event_id = CAST(:event_id AS uuid)
""")

NEWLY_TAKEN = Statement("""
    WITH standing AS (
        SELECT offer.id, offer.merchant_id, offer.terms_version,
               terms.limit_total IS NOT NULL
               AND coalesce(stock.taken, 0) >= terms.limit_total AS is_taken
        FROM offer
        JOIN offer_version AS terms
          ON (terms.offer_id, terms.number) = (offer.id, offer.terms_version)
        LEFT JOIN offer_stock AS stock ON stock.offer_id = offer.id AND stock.bucket = 'total'
        WHERE offer.id = ANY(:offer_ids)
    ), free AS (
        DELETE FROM webhook_taken_offer AS told USING standing
        WHERE told.offer_id = standing.id AND NOT standing.is_taken
    ), told AS (
        INSERT INTO webhook_taken_offer (offer_id) SELECT id FROM standing WHERE is_taken
        ON CONFLICT DO NOTHING RETURNING offer_id
    )
    SELECT standing.* FROM standing JOIN told ON told.offer_id = standing.id ORDER BY standing.id
""")

FORGET = Statement("""
    DELETE FROM webhook_message WHERE created_at < :before
""")


def subscribed(session: Session, merchant_id: UUID, message_type: str) -> list[UUID]:
    """The merchant's active endpoints for messages of the type; they stay until the end."""
    values = {"merchant_id": merchant_id, "type": message_type}
    return [row.id for row in SUBSCRIBED.all(session, values)]


def find_endpoint(
    session: Session, endpoint_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> WebhookEndpoint | None:
    statement = select(WebhookEndpoint).where(
        WebhookEndpoint.id == endpoint_id, WebhookEndpoint.merchant_id == merchant_id
    )
    if lock:
        statement = statement.with_for_update(key_share=True)
    return session.scalar(statement.execution_options(populate_existing=True))


def list_endpoints(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[WebhookEndpoint]:
    """In the order they were made."""
    statement = (
        select(WebhookEndpoint)
        .where(WebhookEndpoint.merchant_id == merchant_id)
        .order_by(WebhookEndpoint.id)
        .limit(limit)
    )
    return session.scalars(
        statement.where(WebhookEndpoint.id > after) if after else statement
    ).all()


def count_endpoints(session: Session, merchant_id: UUID) -> int:
    """How many the merchant has; nobody adds one before the transaction ends."""
    session.execute(
        select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True)
    )
    return (
        session.scalar(select(func.count()).where(WebhookEndpoint.merchant_id == merchant_id)) or 0
    )


def list_deliveries(
    session: Session, endpoint_id: UUID, *, state: str | None, limit: int, after: UUID | None
) -> Sequence[Any]:
    """Newest first, each with the type of its message."""
    conditions = [WebhookDelivery.endpoint_id == endpoint_id]
    if state:
        conditions.append(WebhookDelivery.state == state)
    if after:
        conditions.append(WebhookDelivery.id < after)
    return session.execute(
        select(WebhookDelivery, WebhookMessage.type)
        .join(WebhookMessage, WebhookMessage.id == WebhookDelivery.message_id)
        .where(*conditions)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
    ).all()


def find_delivery(session: Session, delivery_id: UUID, endpoint_id: UUID) -> Any | None:
    return session.execute(
        select(WebhookDelivery, WebhookMessage.type)
        .join(WebhookMessage, WebhookMessage.id == WebhookDelivery.message_id)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
    ).first()


def claim(
    session: Session, endpoint_id: UUID, *, until: datetime, limit: int, now: datetime
) -> list[Any]:
    """Due deliveries, the first of each order key, now taken until then."""
    values = {"endpoint_id": endpoint_id, "until": until, "limit": limit, "now": now}
    return CLAIM.all(session, values)


def settle(session: Session, **values: Any) -> bool:
    """Whether the attempt was still the delivery's last."""
    return SETTLE.find(session, values) is not None


def lock_endpoint_of(session: Session, delivery_id: UUID) -> WebhookEndpoint | None:
    """The endpoint of a delivery, locked; None where it has been deleted."""
    row = LOCK_BY_DELIVERY.find(session, {"id": delivery_id})
    return session.get(WebhookEndpoint, row.id, populate_existing=True) if row else None


def due_endpoints(session: Session, now: datetime) -> list[UUID]:
    return [row.id for row in DUE.all(session, {"now": now})]


def resume(session: Session, endpoint_id: UUID, now: datetime) -> None:
    """What was held while the endpoint was disabled is due, and its time begins anew."""
    RESUME.do(session, {"endpoint_id": endpoint_id, "now": now})


def lock_position(session: Session) -> Any | None:
    """How far the ledger has been read; None while somebody else reads on."""
    return LOCK_POSITION.find(session, {})


def read_ledger(session: Session, position: Any, limit: int) -> list[Any]:
    """The next events, each with the types of message that its merchant wants."""
    values = {
        "transaction": position.transaction_id,
        "event_id": position.event_id,
        "limit": limit,
    }
    return READ_LEDGER.all(session, values)


def move_on(session: Session, last: Any) -> None:
    MOVE_ON.do(session, {"transaction": last.transaction, "event_id": last.id})


def newly_taken(session: Session, offer_ids: Sequence[UUID]) -> list[Any]:
    """Those of the offers whose total limit is taken, and that were not so known before."""
    return NEWLY_TAKEN.all(session, {"offer_ids": list(offer_ids)})


def forget(session: Session, before: datetime) -> None:
    """Messages of before then, with the log of their deliveries."""
    FORGET.do(session, {"before": before})
