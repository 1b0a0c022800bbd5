"""Use cases of webhooks: endpoints, messages published, deliveries taken and settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts.policy import pseudonym
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.jobs.app import enqueue
from lbs.vault import Vault
from lbs.webhooks import policy, queries
from lbs.webhooks.errors import (
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WebhookEndpointsFull,
)
from lbs.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookMessage
from lbs.webhooks.policy import Answer, Reason

DELIVER = "deliver_webhooks"
"""The task that sends to one endpoint."""
PRIORITY = -1
"""Receivers may take their time: what else there is to do comes first."""
BATCH = 1000
"""So many events of the ledger are read at once."""


@dataclass(frozen=True, slots=True)
class CreateEndpoint:
    url: str
    event_types: tuple[str, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeEndpoint:
    """Only the members that are to change."""

    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointView:
    id: UUID
    url: str
    description: str | None
    event_types: tuple[str, ...]
    status: str
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    old_secret_ends_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    secret: str | None = field(default=None, repr=False)
    """Only in the answer that made it."""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    id: UUID
    message_id: UUID
    type: str
    state: str
    attempts: int
    answer_status: int | None
    problem: str | None
    latency_ms: int | None
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One attempt, ready to be sent."""

    delivery_id: UUID
    attempt: int
    began: datetime
    url: str
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


def publish(
    session: Session,
    merchant_id: UUID,
    type: str,  # noqa: A002  (the specification's name)
    data: dict[str, Any],
    now: datetime,
    *,
    order_key: str | None = None,
) -> None:
    """Tell the merchant's active endpoints that take this type, once the transaction commits.

    Messages of one order key reach an endpoint in the order in which they were published.
    """
    body = policy.body_of(type, now, data)
    _send_out(session, [_message(merchant_id, type, body, order_key, now)], now)


def publish_facts(session: Session, now: datetime, *, limit: int = BATCH) -> bool:
    """Publish what the ledger has come to say since it was last read; whether there may be more.

    The position moves in the same transaction, so every fact makes one message, however often a
    worker dies over it.
    """
    position = queries.lock_position(session)
    facts = queries.read_ledger(session, position, limit) if position else []
    if not facts:
        return False
    messages = [message for fact in facts if (message := _tell(fact, now))]
    offers = {
        fact.offer_id for fact in facts if fact.offer_id and policy.OFFER_TAKEN in fact.wanted
    }
    messages += [_taken(offer, now) for offer in queries.newly_taken(session, sorted(offers))]
    _send_out(session, messages, now)
    queries.move_on(session, facts[-1])
    return len(facts) == limit


def create_endpoint(
    session: Session,
    merchant_id: UUID,
    command: CreateEndpoint,
    vault: Vault,
    random_bytes: Callable[[int], bytes],
    now: datetime,
) -> EndpointView:
    if queries.count_endpoints(session, merchant_id) >= policy.MAX_ENDPOINTS:
        raise WebhookEndpointsFull
    secret = policy.make_secret(random_bytes(policy.SECRET_BYTES))
    endpoint = WebhookEndpoint(
        id=new_id(),
        merchant_id=merchant_id,
        url=command.url,
        description=command.description,
        event_types=list(command.event_types),
        status="active",
        sealed_secret=vault.seal(secret),
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(endpoint)
    session.flush()
    _log(session, endpoint, "created", None, now)
    return _view(endpoint, secret)


def list_endpoints(
    session: Session, merchant_id: UUID, *, limit: int, after: UUID | None
) -> list[EndpointView]:
    rows = queries.list_endpoints(session, merchant_id, limit=limit, after=after)
    return [_view(row) for row in rows]


def load_endpoint(session: Session, endpoint_id: UUID, merchant_id: UUID) -> EndpointView:
    return _view(_load(session, endpoint_id, merchant_id))


def change_endpoint(
    session: Session,
    *,
    endpoint_id: UUID,
    merchant_id: UUID,
    command: ChangeEndpoint,
    check: Callable[[WebhookEndpoint], None],
    now: datetime,
) -> EndpointView:
    """Made active again, the endpoint gets what has been held for it since it was disabled."""
    endpoint = _load(session, endpoint_id, merchant_id, lock=True)
    check(endpoint)
    before = _said(endpoint)
    changes = dict(command.changes)
    status = changes.pop("status", endpoint.status)
    for name, value in changes.items():
        setattr(endpoint, name, value)
    if status != endpoint.status:
        _set_status(session, endpoint, Reason.BY_MERCHANT if status == "disabled" else None, now)
    if _said(endpoint) != before:
        _touch(session, endpoint, now)
        _log(session, endpoint, "changed", before, now)
    return _view(endpoint)


def delete_endpoint(session: Session, endpoint_id: UUID, merchant_id: UUID, now: datetime) -> None:
    """With its deliveries, also those that are still to be made."""
    endpoint = _load(session, endpoint_id, merchant_id, lock=True)
    before = _said(endpoint)
    session.delete(endpoint)
    session.flush()
    record(session, merchant_id, "webhook_endpoint.deleted", endpoint_id, before=before, now=now)


def rotate_secret(
    session: Session,
    *,
    endpoint_id: UUID,
    merchant_id: UUID,
    overlap: timedelta,
    vault: Vault,
    random_bytes: Callable[[int], bytes],
    now: datetime,
) -> EndpointView:
    """A new secret; until the overlap is over, the one before signs beside it."""
    endpoint = _load(session, endpoint_id, merchant_id, lock=True)
    secret = policy.make_secret(random_bytes(policy.SECRET_BYTES))
    endpoint.sealed_old_secret = endpoint.sealed_secret if overlap else None
    endpoint.old_secret_ends_at = now + overlap if overlap else None
    endpoint.sealed_secret = vault.seal(secret)
    _touch(session, endpoint, now)
    record(session, merchant_id, "webhook_endpoint.rotated", endpoint.id, now=now)
    return _view(endpoint, secret)


def send_test(
    session: Session, endpoint_id: UUID, merchant_id: UUID, now: datetime
) -> DeliveryView:
    """A message of no meaning, to this endpoint alone."""
    endpoint = _load_active(session, endpoint_id, merchant_id)
    body = policy.body_of(policy.TEST, now, {"endpoint_id": endpoint.id})
    message = _message(merchant_id, policy.TEST, body, None, now)
    session.add(message)
    session.flush()
    return _deliver(session, endpoint.id, message.id, message.type, None, now)


def list_deliveries(
    session: Session,
    endpoint_id: UUID,
    merchant_id: UUID,
    *,
    state: str | None,
    limit: int,
    after: UUID | None,
) -> list[DeliveryView]:
    _load(session, endpoint_id, merchant_id)
    rows = queries.list_deliveries(session, endpoint_id, state=state, limit=limit, after=after)
    return [_view_delivery(row[0], row.type) for row in rows]


def redeliver(
    session: Session, endpoint_id: UUID, delivery_id: UUID, merchant_id: UUID, now: datetime
) -> DeliveryView:
    """The same message once more, under its own id, behind what waits of its order key."""
    endpoint = _load_active(session, endpoint_id, merchant_id)
    found = queries.find_delivery(session, delivery_id, endpoint.id)
    if found is None:
        raise WebhookDeliveryNotFound
    first = found[0]
    return _deliver(session, endpoint.id, first.message_id, found.type, first.order_key, now)


def take(
    session: Session, endpoint_id: UUID, vault: Vault, *, limit: int, now: datetime
) -> list[Dispatch]:
    """What is due at the endpoint, signed; nobody else takes it for a minute."""
    until = now + policy.LEASE
    rows = queries.claim(session, endpoint_id, until=until, limit=limit, now=now)
    return [_dispatch(row, vault, now) for row in rows]


def settle(
    session: Session, dispatch: Dispatch, answer: Answer, chance: float, now: datetime
) -> None:
    """Keep what came of an attempt, and when the next one is.

    An answer to an attempt that lasted so long that another has begun since changes nothing.
    """
    endpoint = queries.lock_endpoint_of(session, dispatch.delivery_id)
    if endpoint is None:
        return
    state, due = _outcome(dispatch, answer, chance, now)
    counted = queries.settle(
        session,
        id=dispatch.delivery_id,
        attempts=dispatch.attempt,
        state=state,
        next_attempt_at=due,
        answer_status=answer.status,
        problem=answer.problem,
        latency_ms=answer.latency_ms,
    )
    if counted:
        _judge(session, endpoint, answer, now)


def due_endpoints(session: Session, now: datetime) -> list[UUID]:
    """Those that something is to be sent to now."""
    return queries.due_endpoints(session, now)


def forget_old(session: Session, now: datetime) -> None:
    queries.forget(session, now - policy.KEPT)


def _tell(fact: Any, now: datetime) -> WebhookMessage | None:
    """The message of a fact that its merchant wants to hear."""
    message_type = policy.type_of(fact)
    if message_type is None or message_type not in fact.wanted:
        return None
    data = policy.data_of(fact, lambda subject: pseudonym(subject, fact.pseudonym_key))
    body = policy.body_of(message_type, fact.at, data)
    return _message(fact.merchant_id, message_type, body, policy.order_key_of(fact), now, fact.id)


def _taken(offer: Any, now: datetime) -> WebhookMessage:
    data = {"offer_id": offer.id, "offer_version": offer.terms_version}
    body = policy.body_of(policy.OFFER_TAKEN, now, data)
    return _message(offer.merchant_id, policy.OFFER_TAKEN, body, str(offer.id), now)


def _message(
    merchant_id: UUID,
    message_type: str,
    body: str,
    order_key: str | None,
    now: datetime,
    fact_id: UUID | None = None,
) -> WebhookMessage:
    return WebhookMessage(
        id=new_id(),
        merchant_id=merchant_id,
        type=message_type,
        body=body,
        order_key=order_key,
        fact_id=fact_id,
        created_at=now,
    )


def _send_out(session: Session, messages: Iterable[WebhookMessage], now: datetime) -> None:
    """Keep the messages that an endpoint takes, and wake those who send to it."""
    takers: dict[tuple[UUID, str], list[UUID]] = {}
    deliveries = []
    for message in messages:
        key = (message.merchant_id, message.type)
        if key not in takers:
            takers[key] = queries.subscribed(session, *key)
        deliveries += [
            _delivery(endpoint_id, message.id, message.order_key, now)
            for endpoint_id in takers[key]
        ]
        if takers[key]:
            session.add(message)
    session.flush()
    session.add_all(deliveries)
    session.flush()
    for endpoint_id in sorted({delivery.endpoint_id for delivery in deliveries}):
        _wake(session, endpoint_id)


def _delivery(
    endpoint_id: UUID, message_id: UUID, order_key: str | None, now: datetime
) -> WebhookDelivery:
    return WebhookDelivery(
        id=new_id(),
        endpoint_id=endpoint_id,
        message_id=message_id,
        order_key=order_key,
        state="pending",
        attempts=0,
        next_attempt_at=now,
        created_at=now,
    )


def _deliver(
    session: Session,
    endpoint_id: UUID,
    message_id: UUID,
    message_type: str,
    order_key: str | None,
    now: datetime,
) -> DeliveryView:
    delivery = _delivery(endpoint_id, message_id, order_key, now)
    session.add(delivery)
    session.flush()
    _wake(session, endpoint_id)
    return _view_delivery(delivery, message_type)


def _wake(session: Session, endpoint_id: UUID) -> None:
    lock, endpoint = lock_of(endpoint_id), str(endpoint_id)
    enqueue(session, DELIVER, lock=lock, priority=PRIORITY, endpoint_id=endpoint)


def lock_of(endpoint_id: UUID) -> str:
    """Under this name one worker at a time sends to the endpoint."""
    return f"webhooks {endpoint_id}"


def _dispatch(row: Any, vault: Vault, now: datetime) -> Dispatch:
    sealed = [row.sealed_secret, *filter(None, [row.sealed_old_secret])]
    secrets = [vault.unseal(secret) for secret in sealed]
    headers = policy.headers_of(row.message_id, row.body, secrets, now)
    return Dispatch(row.id, row.attempts, row.first_attempt_at, row.url, headers, row.body)


def _outcome(
    dispatch: Dispatch, answer: Answer, chance: float, now: datetime
) -> tuple[str, datetime | None]:
    """The state of the delivery, and when it is tried again; what is gone is held."""
    if answer.succeeded:
        return "succeeded", None
    if answer.gone:
        return "pending", now
    due = policy.next_attempt(dispatch.attempt, dispatch.began, answer.retry_after, chance, now)
    return ("pending", due) if due else ("failed", None)


def _judge(session: Session, endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> None:
    """Whether the endpoint still answers; one that does not is disabled, and its merchant told."""
    if answer.succeeded:
        endpoint.failing_since = None
        return
    endpoint.failing_since = endpoint.failing_since or now
    reason = policy.reason_to_disable(answer, endpoint.failing_since, now)
    if reason and endpoint.status == "active":
        before = _said(endpoint)
        _set_status(session, endpoint, reason, now)
        _touch(session, endpoint, now)
        _log(session, endpoint, "disabled", before, now)


def _set_status(
    session: Session, endpoint: WebhookEndpoint, reason: Reason | None, now: datetime
) -> None:
    """Disabled for a reason, or active again."""
    endpoint.status = "disabled" if reason else "active"
    endpoint.disabled_reason = reason.value if reason else None
    endpoint.disabled_at = now if reason else None
    if reason is None:
        endpoint.failing_since = None
        queries.resume(session, endpoint.id, now)
        _wake(session, endpoint.id)


def _touch(session: Session, endpoint: WebhookEndpoint, now: datetime) -> None:
    endpoint.version += 1
    endpoint.updated_at = now
    session.flush()


def _load(
    session: Session, endpoint_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> WebhookEndpoint:
    endpoint = queries.find_endpoint(session, endpoint_id, merchant_id, lock=lock)
    if endpoint is None:
        raise WebhookEndpointNotFound
    return endpoint


def _load_active(session: Session, endpoint_id: UUID, merchant_id: UUID) -> WebhookEndpoint:
    endpoint = _load(session, endpoint_id, merchant_id)
    if endpoint.status != "active":
        raise WebhookEndpointDisabled
    return endpoint


def _said(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What the audit log says of an endpoint."""
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": list(endpoint.event_types),
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason,
    }


def _log(
    session: Session,
    endpoint: WebhookEndpoint,
    deed: str,
    before: dict[str, Any] | None,
    now: datetime,
) -> None:
    action = f"webhook_endpoint.{deed}"
    after = _said(endpoint)
    record(session, endpoint.merchant_id, action, endpoint.id, before=before, after=after, now=now)


def _view(endpoint: WebhookEndpoint, secret: str | None = None) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        event_types=tuple(endpoint.event_types),
        status=endpoint.status,
        disabled_reason=endpoint.disabled_reason,
        disabled_at=endpoint.disabled_at,
        failing_since=endpoint.failing_since,
        old_secret_ends_at=endpoint.old_secret_ends_at,
        version=endpoint.version,
        created_at=endpoint.created_at,
        updated_at=endpoint.updated_at,
        secret=secret,
    )


def _view_delivery(delivery: WebhookDelivery, message_type: str) -> DeliveryView:
    return DeliveryView(
        id=delivery.id,
        message_id=delivery.message_id,
        type=message_type,
        state=delivery.state,
        attempts=delivery.attempts,
        answer_status=delivery.answer_status,
        problem=delivery.problem,
        latency_ms=delivery.latency_ms,
        created_at=delivery.created_at,
        last_attempt_at=delivery.last_attempt_at,
        next_attempt_at=delivery.next_attempt_at,
    )
