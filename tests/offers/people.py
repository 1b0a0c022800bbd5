"""Customers who come, alone and together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt

from tests.world import World, now


class Person:
    """A customer whose token is always fresh."""

    def __init__(self, world: World) -> None:
        self.world = world
        registered = world.register()
        claims = jwt.decode(registered["access_token"], options={"verify_signature": False})
        self.id = registered["customer_id"]
        self.claims = {"sub": claims["sub"], "app": claims["app"]}

    @property
    def token(self) -> str:
        ring = self.world.app.extensions["lbs_key_ring"]
        return ring.sign(self.claims, "at+jwt", ttl=timedelta(minutes=15), now=now())

    def body(self, venue: dict[str, Any], **members: Any) -> dict[str, Any]:
        return {"venue_id": venue["id"], "evidence": [self.world.location()], **members}

    def comes(self, venue: dict[str, Any], **members: Any) -> dict[str, Any]:
        body = self.body(venue, **members)
        return self.world.ask("post", "/v1/check-ins", self.token, json=body)

    def wallet(self) -> list[dict[str, Any]]:
        return self.world.ask("get", "/v1/unlocks", self.token)["items"]

    def befriends(self, other: Person) -> None:
        code = self.world.ask("post", "/v1/friend-invitations", self.token)["code"]
        self.world.ask("post", "/v1/friends", other.token, json={"code": code})


def people(world: World, count: int) -> list[Person]:
    return [Person(world) for _ in range(count)]


def outcome(result: dict[str, Any]) -> str:
    """`opened`, or why the venue's one offer did not."""
    return "opened" if result["unlocked"] else result["locked"][0]["reason"]["code"]
