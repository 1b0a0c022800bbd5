"""Where the requests come from: fresh ones for the service, and the same for the bare handler."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from bench import load
from bench.data import STRIDE, Place, Tokens, make_id
from lbs.vault import Vault

Requests = Callable[[int], Sequence[bytes]]
"""Gives so many fresh requests."""


class Visits:
    """Check-ins that no customer has made yet, at the venues with offers."""

    def __init__(self, places: Sequence[Place], customers: int) -> None:
        self.places, self.customers = places, customers
        self._next = 0

    def skip(self, count: int) -> int:
        """Leave so many to somebody else; the number of the first."""
        self._next += count
        return self._next - count

    def ours(self, tokens: Tokens) -> Requests:
        def requests(count: int) -> list[bytes]:
            return [
                self._encode("/v1/check-ins", place, {"Authorization": f"Bearer {tokens.of(who)}"})
                for who, place in self._take(count)
            ]

        return requests

    def bare(self, count: int) -> list[bytes]:
        return [
            self._encode("/check-ins", place, {}, customer_id=str(make_id("customer", who)))
            for who, place in self._take(count)
        ]

    def _take(self, count: int) -> Iterator[tuple[int, Place]]:
        first = self.skip(count)
        for n in range(first, first + count):
            turn, customer = n // self.customers, n * STRIDE % self.customers
            yield customer, self.places[(customer + turn) % len(self.places)]

    @staticmethod
    def _encode(path: str, place: Place, headers: dict[str, str], **members: str) -> bytes:
        fix = {
            "kind": "location",
            "lat": place.lat + random.uniform(-1e-5, 1e-5),
            "lon": place.lon + random.uniform(-1e-5, 1e-5),
            "accuracy_m": 10,
            "captured_at": datetime.now(UTC).isoformat(),
            "provider": "gps",
            "mock": False,
        }
        body = {"venue_id": str(place.venue_id), "evidence": [fix], **members}
        return load.encode("POST", path, {**headers, **_fresh_key()}, json.dumps(body).encode())


class Views:
    """Customers who look around near one of the places."""

    def __init__(self, places: Sequence[Place], customers: int) -> None:
        self._places, self._customers = places, customers
        self._random = random.Random(1)

    def ours(self, tokens: Tokens) -> Requests:
        signed = [tokens.of(who) for who in range(0, self._customers, self._customers // 1000)]

        def requests(count: int) -> list[bytes]:
            return [
                load.encode(
                    "GET",
                    f"/v1/venues/nearby?{self._query()}",
                    {"Authorization": f"Bearer {self._random.choice(signed)}"},
                )
                for _ in range(count)
            ]

        return requests

    def bare(self, count: int) -> list[bytes]:
        return [
            load.encode("GET", f"/nearby?{self._query()}&customer_id={self._customer()}", {})
            for _ in range(count)
        ]

    def _customer(self) -> uuid.UUID:
        return make_id("customer", self._random.randrange(self._customers))

    def _query(self) -> str:
        place = self._random.choice(self._places)
        return urlencode(
            {
                "lon": round(place.lon + self._random.uniform(-0.005, 0.005), 6),
                "lat": round(place.lat + self._random.uniform(-0.003, 0.003), 6),
                "radius_m": 1000,
                "limit": 20,
            }
        )


class Sales:
    """Codes presented at the till of the first venue, each once."""

    def __init__(self, codes: Sequence[str], key: str, vault: Vault) -> None:
        self._codes, self._key, self._vault = iter(codes), key, vault
        self._venue_id, self._merchant_id = make_id("venue", 0), make_id("merchant", 0)
        self._key_id = uuid.UUID(key.split("_")[1])

    def ours(self, count: int) -> list[bytes]:
        return [
            load.encode(
                "POST",
                "/v1/redemptions",
                {"Authorization": f"Bearer {self._key}", **_fresh_key()},
                json.dumps(
                    {"code": code, "venue_id": str(self._venue_id), "amount_minor": 12000}
                ).encode(),
            )
            for code in self._take(count)
        ]

    def bare(self, count: int) -> list[bytes]:
        body = {
            "venue_id": str(self._venue_id),
            "merchant_id": str(self._merchant_id),
            "api_key_id": str(self._key_id),
            "amount_minor": 12000,
        }
        return [
            load.encode(
                "POST",
                "/redemptions",
                _fresh_key(),
                json.dumps({**body, "digest": self._vault.digest(code).hex()}).encode(),
            )
            for code in self._take(count)
        ]

    def _take(self, count: int) -> list[str]:
        """As many as are left, at most so many."""
        return list(itertools.islice(self._codes, count))


def _fresh_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}
