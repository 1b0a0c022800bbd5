"""How often one caller may call: Redis where there is one, else this process's memory."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

from cachetools import TLRUCache
from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import Storage

from lbs.config import Settings

MAX_CALLERS = 100_000


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
    who = f"{request.headers.get('Authorization')} {get_remote_address()}"
    return hashlib.sha256(who.encode()).hexdigest()[:32]


def install(app: Flask, settings: Settings) -> Limiter:
    limiter = Limiter(
        caller,
        app=app,
        storage_uri=settings.redis_url or "process://",
        default_limits=[settings.rate_limit],
        strategy="fixed-window",
    )

    @app.after_request
    def tell(response: Response) -> Response:
        """RateLimit fields of draft-ietf-httpapi-ratelimit-headers-09."""
        if limit := limiter.current_limit:
            wait = max(0, round(limit.reset_at - time.time()))
            window = limit.limit.get_expiry()
            response.headers["RateLimit-Policy"] = f'"default";q={limit.limit.amount};w={window}'
            response.headers["RateLimit"] = f'"default";r={limit.remaining};t={wait}'
            if limit.breached:
                response.headers["Retry-After"] = str(max(1, wait))
        return response

    return limiter
