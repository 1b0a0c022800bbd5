"""Prometheus counters; with several server processes, PROMETHEUS_MULTIPROC_DIR joins them."""

from __future__ import annotations

import os
import time
from functools import cache

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CHECK_INS = Counter("lbs_check_ins_total", "Check-ins by their first verdict", ["verdict"])
UNLOCKS = Counter("lbs_unlocks_total", "Offers opened")
REDEMPTIONS = Counter("lbs_redemptions_total", "Codes presented at tills", ["result"])
REQUESTS = Counter("lbs_requests_total", "Requests", ["operation", "status"])
FACEBOOK_REFUSED = Counter(
    "lbs_facebook_refused_total", "What came as Facebook's and was not signed by it", ["callback"]
)
SECONDS = Histogram("lbs_request_seconds", "Time to answer", ["operation"])

blp = Blueprint("metrics", __name__)


@blp.get("/metrics")
def metrics() -> Response:
    registry: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def install(app: Flask) -> None:
    @app.after_request
    def count(response: Response) -> Response:
        if operation := request.endpoint:
            requests, seconds = _of(operation, response.status_code)
            requests.inc()
            seconds.observe(time.perf_counter() - g.began)
        return response


@cache
def _of(operation: str, status: int) -> tuple[Counter, Histogram]:
    """Found once: looking them up by label each time costs more than counting."""
    return REQUESTS.labels(operation, status), SECONDS.labels(operation)
