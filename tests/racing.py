"""Races: many threads, or several operating-system processes, that start at one moment."""

from __future__ import annotations

import multiprocessing
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lbs.app import create_app
from lbs.config import Settings

Post = tuple[str, str, dict[str, Any]]
"""A request to be raced: path, token and JSON body."""

Answer = tuple[int, Any]
"""Its status and JSON."""

PROCESSES = 4


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the calls give, each in a thread of its own, all let go together."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def post(app: Any, request: Post) -> Answer:
    path, token, body = request
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    answer = app.test_client().post(path, json=body, headers=headers)
    return answer.status_code, answer.json


def post_at_once(app: Any, requests: Sequence[Post]) -> list[Answer]:
    return at_once([lambda request=request: post(app, request) for request in requests])


class Processes:
    """Each process builds its own app from the settings and has a share of the requests."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def post_at_once(self, requests: Sequence[Post]) -> list[Answer]:
        shares = [requests[first::PROCESSES] for first in range(PROCESSES)]
        return [answer for answers in self._pool.map(_post_share, shares) for answer in answers]


@contextmanager
def started(settings: Settings) -> Iterator[Processes]:
    context = multiprocessing.get_context("spawn")
    own = (replace(settings, pool_size=8), context.Barrier(PROCESSES))
    with ProcessPoolExecutor(PROCESSES, context, _start, own) as pool:
        yield Processes(pool)


_here: dict[str, Any] = {}


def _start(settings: Settings, gate: Any) -> None:
    _here.update(app=create_app(settings), gate=gate)


def _post_share(requests: Sequence[Post]) -> list[Answer]:
    """The gate opens when every process is there, so each has exactly one share."""
    _here["gate"].wait(60)
    return post_at_once(_here["app"], requests)
