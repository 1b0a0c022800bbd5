"""How often one caller may call: Redis where there is one, else this process's memory."""

from __future__ import annotations

import hashlib
import time

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from lbs.config import Settings


def caller() -> str:
    """Token and address together, for all phones of an app share its key; hashed for the store."""
    who = f"{request.headers.get('Authorization')} {get_remote_address()}"
    return hashlib.sha256(who.encode()).hexdigest()[:32]


def install(app: Flask, settings: Settings) -> Limiter:
    limiter = Limiter(
        caller,
        app=app,
        storage_uri=settings.redis_url or "memory://",
        default_limits=[settings.rate_limit],
        default_limits_per_method=False,
        application_limits=[],
        strategy="fixed-window",
    )

    @app.after_request
    def tell(response: Response) -> Response:
        """RateLimit fields of draft-ietf-httpapi-ratelimit-headers-09."""
        if limit := limiter.current_limit:
            wait = max(0, round(limit.reset_at - time.time()))
            response.headers["RateLimit-Policy"] = (
                f'"default";q={limit.limit.amount};w={limit.limit.get_expiry()}'
            )
            response.headers["RateLimit"] = f'"default";r={limit.remaining};t={wait}'
            if limit.breached:
                response.headers["Retry-After"] = str(max(1, wait))
        return response

    return limiter
