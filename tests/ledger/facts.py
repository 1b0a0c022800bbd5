"""What the ledger says, for tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from tests.world import World

OF_UNLOCK = (
    "subject_id",
    "check_in_id",
    "offer_id",
    "offer_version",
    "unlock_id",
    "channel",
    "experiment_id",
    "variant",
    "share_id",
    "level",
    "first_visit",
    "counted",
)


def facts(world: World, *kinds: str) -> list[Any]:
    """Of the world's merchant, in the order in which they were written."""
    with world.db.transaction() as session:
        return list(
            session.execute(
                text("""
                    SELECT * FROM ledger_event
                    WHERE merchant_id = :merchant_id AND kind = ANY(:kinds)
                    ORDER BY at, transaction_id::text::bigint, id
                """),
                {"merchant_id": world.merchant_id, "kinds": list(kinds)},
            )
        )


def of_unlock(fact: Any) -> tuple[Any, ...]:
    """What a fact says of the unlock that it is about."""
    return tuple(getattr(fact, name) for name in OF_UNLOCK)


def make_tester(world: World, customer: str, venue: dict[str, Any]) -> None:
    """The merchant of the venue has the customer as a tester."""
    seen = world.check_in(customer, venue, north_m=450)
    who = world.ask("get", f"/v1/check-ins/{seen['id']}/findings")["customer"]
    world.ask("put", f"/v1/standings/{who}", json={"standing": "tester"})
