"""A merchant that tells Meta of its visits, and customers who agree to it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from lbs.conversions import service
from lbs.conversions.jobs import Sender
from tests.conversions.test_consents import PATH as CONSENTS
from tests.conversions.test_setting import BODY, PATH
from tests.meta_standin.events import Datasets
from tests.meta_standin.server import Meta
from tests.world import World, now


class Advertiser:
    def __init__(self, world: World, meta: Meta | None = None) -> None:
        self.world, self.meta = world, meta or Meta()
        self.settings = world.app.extensions["lbs_settings"]
        self.datasets = self.meta.state_of(Datasets)
        self.dataset_id = str(world.merchant_id.int % 10**15)
        self.token = self.meta.give_token("SYSTEM_USER", "1")
        self.venue = world.venue()
        self.offer = world.offer(self.venue)
        self.set()

    def set(self, **members: Any) -> dict[str, Any]:
        own = {"dataset_id": self.dataset_id, "access_token": self.token}
        body = {**BODY, **own, "venue_ids": [self.venue["id"]], **members}
        return self.world.ask("put", PATH, json=body)

    def read(self) -> dict[str, Any]:
        return self.world.ask("get", PATH)

    def customer(self, **members: Any) -> str:
        """One who consents."""
        token = self.world.customer()
        self.consent(token, **members)
        return token

    def consent(self, customer: str, **members: Any) -> None:
        body = {"text_version": "2026-11", **members}
        self.world.ask("put", f"{CONSENTS}/conversions", customer, json=body)

    def withdraw(self, customer: str) -> None:
        self.world.ask("delete", f"{CONSENTS}/conversions", customer)

    def visit(self, customer: str = "") -> dict[str, Any]:
        return self.world.check_in(customer or self.customer(), self.venue)

    def redeem(self, visit: dict[str, Any], **members: Any) -> dict[str, Any]:
        [unlock] = visit["unlocked"]
        made: dict[str, Any] = self.world.redeem(unlock["code"], self.venue, **members).json
        return made

    def publish(self, *, limit: int = 1000) -> None:
        """As the job does, until there is no more."""
        more = True
        while more:
            with self.world.db.transaction() as session:
                more = service.publish_facts(session, now(), limit=limit)

    def work(self, *, rounds: int = 20) -> None:
        """What a worker does: take up what has happened, and send what is due."""
        self.publish()
        sender = Sender(self.world.db, self.settings)
        for _ in range(rounds):
            load = sender.take(self.world.merchant_id)
            if load is None or not sender.send(load):
                return

    @property
    def calls(self) -> list[list[dict[str, Any]]]:
        """The events of each call to the merchant's dataset, as they were sent."""
        made = self.meta.calls(f"/{self.dataset_id}/events")
        return [json.loads(call.form["data"]) for call in made]

    @property
    def received(self) -> list[dict[str, Any]]:
        return [one.event for one in self.datasets.of(self.dataset_id)]

    def multiply(self, count: int) -> None:
        """So many more that wait, each a copy of the first with an order of its own."""
        names = """
            merchant_id, consent_id, consent_text_version, consent_given_at, name, time, venue_id,
            offer_ids, amount_minor, currency, state, failed, next_try_at, created_at
        """
        query = f"""
            INSERT INTO conversion (id, order_id, {names})
            SELECT gen_random_uuid(), gen_random_uuid(), {names}
            FROM (SELECT * FROM conversion WHERE merchant_id = :id ORDER BY id LIMIT 1) AS first,
                 generate_series(1, :count)
        """
        with self.world.db.transaction() as session:
            session.execute(text(query), {"id": self.world.merchant_id, "count": count})

    def rows(self) -> list[Any]:
        """The merchant's conversions as they are kept, in the order in which they were made."""
        query = "SELECT * FROM conversion WHERE merchant_id = :id ORDER BY id"
        with self.world.db.transaction() as session:
            return list(session.execute(text(query), {"id": self.world.merchant_id}).all())

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def advance(self, **delta: float) -> None:
        """As if so much time had gone by for what is on its way."""
        values = {"by": timedelta(**delta), "id": self.world.merchant_id}
        with self.world.db.transaction() as session:
            for statement in (
                "UPDATE conversion SET next_try_at = next_try_at - :by WHERE merchant_id = :id",
                (
                    "UPDATE conversion_setting SET paused_until = paused_until - :by "
                    "WHERE merchant_id = :id"
                ),
            ):
                session.execute(text(statement), values)

    def age(self, **delta: float) -> None:
        """As if all that is on its way had happened so much earlier."""
        values = {"by": int(timedelta(**delta).total_seconds()), "id": self.world.merchant_id}
        with self.world.db.transaction() as session:
            session.execute(
                text("UPDATE conversion SET time = time - :by WHERE merchant_id = :id"), values
            )
