"""What a measurement runs on: a durable PostgreSQL of its own, and Granian."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from bench.load import HOST
from lbs.cli.database import migrate
from lbs.cli.local import ROOT, STATE
from lbs.cli.postgres import Cluster, create_database, running
from lbs.cli.run import free_port
from lbs.cli.server import conninfo
from lbs.config import Settings
from lbs.vault import new_key

HOME = STATE / "bench"
OURS, BARE = "wsgi:app", "bench.bare:app"
PROCESSES, THREADS = 2, 4
PATIENCE_S = 30.0
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
SERVER_SETTINGS = {"max_wal_size": "8GB", "checkpoint_timeout": "30min"}
"""So that no checkpoint falls on one side's round and not on the other's."""


@dataclass(frozen=True)
class Base:
    """A migrated database and the variables that the service finds it by."""

    url: str
    env: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        return Settings.from_env(self.env)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(conninfo(self.url), autocommit=True)


@dataclass(frozen=True)
class Server:
    """A running server: its port, and the process group it is."""

    port: int
    group: int

    def cpu_ms(self) -> float:
        """Processor time that its processes have taken so far."""
        return sum(ticks for group, ticks in _processes() if group == self.group) * TICK_MS


@contextmanager
def cluster() -> Iterator[Cluster]:
    """The benchmark's own PostgreSQL, removed afterwards; one benchmark at a time."""
    STATE.mkdir(exist_ok=True)
    with _alone():
        found: Cluster | None = None
        try:
            with running(HOME, settings=SERVER_SETTINGS) as found:
                yield found
        finally:
            if found:
                _remove(found)


@contextmanager
def database(of: Cluster, name: str) -> Iterator[Base]:
    """A fresh database with the newest tables, dropped afterwards."""
    drop_database(of, name)
    create_database(of, name)
    url = of.url(name)
    env = {
        "LBS_DATABASE_URL": url,
        "LBS_SECRETS_KEY": new_key(),
        "LBS_RATE_LIMIT": "1000000000 per minute",
    }
    base = Base(url, env)
    migrate(base.settings, datetime.now(UTC))
    try:
        yield base
    finally:
        drop_database(of, name)


def drop_database(of: Cluster, name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(conninfo(of.url("postgres")), autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def served(target: str, base: Base, *, processes: int = PROCESSES) -> Iterator[Server]:
    """Granian as `lbs serve` runs it."""
    with ExitStack() as stack:
        metrics = stack.enter_context(tempfile.TemporaryDirectory(prefix="lbs-bench-"))
        log = stack.enter_context(tempfile.TemporaryFile())
        port = free_port()
        process = subprocess.Popen(
            _granian(target, port, processes),
            env={**_plain_environment(), **base.env, "PROMETHEUS_MULTIPROC_DIR": metrics},
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.callback(_stop, process)
        _wait_for(process, port, log.fileno())
        yield Server(port, process.pid)


def _granian(target: str, port: int, processes: int) -> list[str]:
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST,
        "--port", str(port), "--workers", str(processes), "--blocking-threads", str(THREADS),
        "--workers-kill-timeout", "5", "--no-ws", "--log-level", "warning", target,
    ]  # fmt: skip


def _plain_environment() -> dict[str, str]:
    """Ours without settings that would change the service under measurement."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LBS_")}


def _wait_for(process: subprocess.Popen[bytes], port: int, log: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.05)
    said = os.pread(log, 65536, 0).decode(errors="replace")
    raise RuntimeError(f"The server did not start:\n{said}")


def _processes() -> Iterator[tuple[int, int]]:
    """The group and the processor ticks of every process there is."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = file.read_text().rpartition(")")[2].split()
            yield int(words[2]), int(words[11]) + int(words[12])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _alone() -> Iterator[None]:
    with (STATE / "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("Another benchmark is running in this checkout.")
        yield


def _remove(cluster: Cluster) -> None:
    """Delete the data; a server that an earlier, killed benchmark left behind is ended first."""
    pid_file = cluster.data_dir / "postmaster.pid"
    if pid_file.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text().partition("\n")[0]), signal.SIGINT)
        end = time.monotonic() + PATIENCE_S
        while pid_file.exists() and time.monotonic() < end:
            time.sleep(0.1)
    home: Path = cluster.data_dir.parent
    shutil.rmtree(home)
    shutil.rmtree(cluster.socket_dir, ignore_errors=True)
