"""How often one caller may call: Redis where there is one, else this process's memory."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

from cachetools import TLRUCache
from flask import Flask, Response, g, request
from limits import parse
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from lbs.config import Settings
from lbs.errors import Throttled

MAX_CALLERS = 100_000
LIMITED = ("/v1/", "/s/")
"""Where paths begin that ask the database: the interface, and links that people pass on."""


class TooManyRequests(Throttled):
    """The caller has sent more requests than it may in a minute.

    Every answer says in `RateLimit` how many are left. Wait the seconds in `Retry-After`.
    """

    code = "too-many-requests"
    title = "Too many requests"


class ProcessMemory(Storage):
    """Counts in this process.

    The storage that comes with `limits` starts a thread and walks every counter a hundred times
    a second; this one forgets as it goes, and holds no more than MAX_CALLERS.
    """

    STORAGE_SCHEME = ["process"]  # noqa: RUF012

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._lock = threading.Lock()
        self._forget()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        with self._lock:
            count, until = self._counts.get(key, (0, time.time() + expiry))
            self._counts[key] = (count + amount, until)
        return count + amount

    def get(self, key: str) -> int:
        return self._find(key)[0]

    def get_expiry(self, key: str) -> float:
        return self._find(key)[1]

    def check(self) -> bool:
        return True

    def clear(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)

    def reset(self) -> int:
        with self._lock:
            known = len(self._counts)
            self._forget()
        return known

    def _find(self, key: str) -> tuple[int, float]:
        with self._lock:
            return self._counts.get(key, (0, time.time()))

    def _forget(self) -> None:
        self._counts: TLRUCache[str, tuple[int, float]] = TLRUCache(
            MAX_CALLERS, ttu=lambda _, value, __: value[1], timer=time.time
        )


def caller() -> str:
    """Token and address together, for all phones of an app share its key; hashed for the store."""
    who = f"{request.headers.get('Authorization')} {request.remote_addr}"
    return hashlib.sha256(who.encode()).hexdigest()[:32]


def install(app: Flask, settings: Settings) -> None:
    """Count every such request, refuse those over the limit, and tell each caller."""
    limit = parse(settings.rate_limit)
    limiter = FixedWindowRateLimiter(storage_from_string(settings.redis_url or "process://"))
    policy = f'"default";q={limit.amount};w={limit.get_expiry()}'

    @app.before_request
    def count() -> None:
        if not request.path.startswith(LIMITED):
            return
        g.rate_key = caller()
        if not limiter.hit(limit, g.rate_key):
            reset_at, _ = limiter.get_window_stats(limit, g.rate_key)
            raise TooManyRequests(retry_after=max(1, round(reset_at - time.time())))

    @app.after_request
    def tell(response: Response) -> Response:
        """RateLimit fields of draft-ietf-httpapi-ratelimit-headers-09."""
        if key := g.get("rate_key"):
            reset_at, remaining = limiter.get_window_stats(limit, key)
            wait = max(0, round(reset_at - time.time()))
            response.headers["RateLimit-Policy"] = policy
            response.headers["RateLimit"] = f'"default";r={remaining};t={wait}'
        return response
