"""A merchant with a system of its own, and the worker that tells it what happens."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from lbs.webhooks import service
from lbs.webhooks.jobs import Sender
from lbs.webhooks.policy import EVENT_TYPES
from tests.webhooks.receiver import Receiver
from tests.world import World, now

PATH = "/v1/webhook-endpoints"


class Merchant:
    def __init__(self, world: World, receiver: Receiver) -> None:
        self.world, self.receiver = world, receiver
        self.settings = world.app.extensions["lbs_settings"]
        self.endpoint = self.make()
        self.id, self.secret = self.endpoint["id"], self.endpoint["secret"]

    def make(self, *types: str, path: str = "/hooks", **members: Any) -> dict[str, Any]:
        url = f"{self.receiver.address}{path}"
        body = {"url": url, "event_types": list(types or EVENT_TYPES), **members}
        return self.world.ask("post", PATH, json=body)

    def publish(self, *names: str, order_key: str | None = None) -> None:
        """Messages, told apart by their names."""
        with self.world.db.transaction() as session:
            for name in names:
                service.publish(
                    session,
                    self.world.merchant_id,
                    "export.ready",
                    {"name": name},
                    now(),
                    order_key=order_key,
                )

    def work(self, endpoint_id: str = "", *, rounds: int = 20) -> None:
        """What a worker does with a job, until there is nothing due."""
        sender = Sender(self.world.db, self.settings)
        for _ in range(rounds):
            taken = sender.take(UUID(endpoint_id or self.id))
            if not taken:
                return
            asyncio.run(_send_all(sender, taken))

    def advance(self, **delta: float) -> None:
        """As if so much time had gone by for what is on its way."""
        moved = """
            UPDATE webhook_delivery SET next_attempt_at = next_attempt_at - :by,
                   first_attempt_at = first_attempt_at - :by
            WHERE endpoint_id = :id AND state = 'pending'
        """
        failing = "UPDATE webhook_endpoint SET failing_since = failing_since - :by WHERE id = :id"
        with self.world.db.transaction() as session:
            for statement in (moved, failing):
                session.execute(text(statement), {"by": timedelta(**delta), "id": self.id})

    def read(self, endpoint_id: str = "") -> dict[str, Any]:
        return self.world.ask("get", f"{PATH}/{endpoint_id or self.id}")

    def deliveries(self, endpoint_id: str = "", **query: Any) -> list[dict[str, Any]]:
        path = f"{PATH}/{endpoint_id or self.id}/deliveries"
        return self.world.ask("get", path, query_string=query)["items"]

    def change(self, **members: Any) -> dict[str, Any]:
        version = {"If-Match": f'"{self.read()["version"]}"'}
        return self.world.ask("patch", f"{PATH}/{self.id}", json=members, headers=version)

    def names(self) -> list[str]:
        """What the receiver was told, in the order in which it came."""
        return [one.said["data"]["name"] for one in self.receiver.received]


async def _send_all(sender: Sender, taken: list[service.Dispatch]) -> None:
    await asyncio.gather(*map(sender.send, taken))


def moment(said: str) -> datetime:
    return datetime.fromisoformat(said)
