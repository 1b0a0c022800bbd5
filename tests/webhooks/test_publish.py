"""Messages are published with what they tell of, or not at all, and every fact makes one."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import text

from lbs.db import Session
from lbs.vault import Vault
from lbs.webhooks import policy, service
from tests.world import World, now


def endpoint(world: World, *types: str) -> UUID:
    command = service.CreateEndpoint("https://cafe.example/hooks", types or policy.EVENT_TYPES)
    vault: Vault = world.app.extensions["lbs_vault"]
    with world.db.transaction() as session:
        made = service.create_endpoint(
            session, world.merchant_id, command, vault, lambda size: b"s" * size, now()
        )
    return made.id


def messages(world: World) -> list[dict[str, Any]]:
    """What the merchant's endpoints are to be told, in the order in which it is."""
    query = """
        SELECT delivery.endpoint_id, message.body FROM webhook_delivery AS delivery
        JOIN webhook_message AS message ON message.id = delivery.message_id
        WHERE message.merchant_id = :id ORDER BY delivery.number
    """
    with world.db.transaction() as session:
        rows = session.execute(text(query), {"id": world.merchant_id}).all()
    return [json.loads(row.body) for row in rows]


def jobs(world: World, endpoint_id: UUID) -> int:
    query = "SELECT count(*) FROM procrastinate_jobs WHERE lock = :lock AND status = 'todo'"
    with world.db.transaction() as session:
        return session.scalar(text(query), {"lock": service.lock_of(endpoint_id)})


def read_on(world: World, *, limit: int = 1000) -> None:
    """As the job does, until there is no more."""
    more = True
    while more:
        with world.db.transaction() as session:
            more = service.publish_facts(session, now(), limit=limit)


def say(session: Session, world: World, what: str = "x") -> None:
    service.publish(session, world.merchant_id, "export.ready", {"what": what}, now())


def test_a_message_a_delivery_and_a_job_come_with_the_transaction(world: World):
    taker, other = endpoint(world, "export.ready"), endpoint(world, "offer.unlocked")
    with world.db.transaction() as session:
        say(session, world, "this")
    [message] = messages(world)
    assert (message["type"], message["data"]) == ("export.ready", {"what": "this"})
    assert message["timestamp"].endswith("Z")
    assert (jobs(world, taker), jobs(world, other)) == (1, 0)


def test_a_transaction_that_fails_publishes_nothing(world: World):
    taker = endpoint(world, "export.ready")
    with Session(world.db.engine) as session:
        say(session, world)
        session.rollback()
    assert messages(world) == []
    assert jobs(world, taker) == 0
