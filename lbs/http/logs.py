"""One JSON line a request, with its id; never a query string, a body or a token."""

from __future__ import annotations

import logging
import re
import sys
import time

import structlog
from flask import Flask, Response, g, request

from lbs.db import new_id
from lbs.http import csp

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = {
    csp.HEADER: csp.POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def configure(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def install(app: Flask) -> None:
    log = structlog.get_logger()

    @app.before_request
    def begin() -> None:
        asked = request.headers.get("X-Request-ID", "")
        g.request_id = asked if REQUEST_ID.fullmatch(asked) else str(new_id())
        g.began = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/v1/"):
            response.headers.setdefault("Cache-Control", "no-store")
        log.info(
            "request",
            request_id=g.get("request_id"),
            method=request.method,
            route=str(request.url_rule) if request.url_rule else None,
            status=response.status_code,
            ms=round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
        )
        return response

    @app.errorhandler(Exception)
    def crash(error: Exception) -> Response:
        from lbs.http.problems import problem  # noqa: PLC0415  (problems imports the context)

        log.error(
            "crash", request_id=g.get("request_id"), error=type(error).__name__, where=_where(error)
        )
        return problem(
            status=500, code="internal-server-error", title="The service failed; it has been logged"
        )


def _where(error: BaseException) -> list[str]:
    """File and line of every frame; the message could hold what must not be logged."""
    frames, trace = [], error.__traceback__
    while trace:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return frames[-8:]
