"""The live service for a run: a PostgreSQL of its own, the tables, and `lbs serve`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.servers import Base, database
from lbs.cli.postgres import Cluster, running
from lbs.cli.run import HOST, free_port, started, wait_until_ready

TIMEOUT_S = 60


@contextmanager
def throwaway() -> Iterator[Cluster]:
    """A PostgreSQL that is removed afterwards, and may run beside any other."""
    root = Path(tempfile.mkdtemp(prefix="lbs-attack-"))
    root.chmod(0o711)
    try:
        with running(root, durable=False) as cluster:
            yield cluster
    finally:
        shutil.rmtree(root)


@contextmanager
def serving(cluster: Cluster) -> Iterator[tuple[Base, httpx.Client]]:
    """`lbs serve` on a fresh database; only the limit of requests a minute is lifted."""
    port = free_port()
    with database(cluster, "attacks") as base:
        env = {**_plain_environment(), **base.env, "LBS_LOG_LEVEL": "error"}
        address = f"http://{HOST}:{port}"
        with (
            started(env, "serve", "--port", str(port)),
            httpx.Client(base_url=address, timeout=TIMEOUT_S) as http,
        ):
            wait_until_ready(http)
            yield base, http


def _plain_environment() -> dict[str, str]:
    """Ours without settings that would change the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LBS_")}
