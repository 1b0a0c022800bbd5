"""The long-running processes: `lbs serve` and `lbs worker`."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import FrameType

from sqlalchemy import make_url

from lbs.cli.local import ROOT
from lbs.config import Settings
from lbs.db import Database

WORKER_KILL_S = 10


def serve(env: Mapping[str, str], *, host: str, port: int, workers: int, threads: int) -> int:
    """Run Granian until it is told to stop; its exit status."""
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
        "--workers", str(workers), "--blocking-threads", str(threads),
        "--respawn-failed-workers", "--workers-kill-timeout", str(WORKER_KILL_S),
        "--no-ws", "--log-level", "warning", "--working-dir", str(ROOT), "wsgi:app",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="lbs-metrics-") as metrics:
        process = subprocess.Popen(
            command,
            env={
                "LBS_POOL_SIZE": str(2 * threads),
                "LBS_LIVE_STREAMS": str(max(1, threads // 2)),
                **env,
                "PROMETHEUS_MULTIPROC_DIR": metrics,
            },
            start_new_session=True,
        )

        def pass_on(_: int, __: FrameType | None) -> None:
            process.terminate()

        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, pass_on)
        return process.wait()


def work(settings: Settings, *, concurrency: int) -> None:
    """Carry out background jobs until told to stop."""
    import lbs.tasks  # noqa: F401, PLC0415  (importing registers them)
    from lbs.http import logs  # noqa: PLC0415
    from lbs.jobs.app import HEARTBEAT_S, STALLED_S, connected  # noqa: PLC0415

    logs.configure(settings.log_level)
    db = Database(settings.database_url, pool_size=2 * concurrency)  # an export reads and writes
    with connected(conninfo(settings.database_url)) as app:
        app.run_worker(
            concurrency=concurrency,
            additional_context={"database": db, "settings": settings},
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_S,
            delete_jobs="successful",
        )


def conninfo(database_url: str) -> str:
    """SQLAlchemy's URL as libpq takes it."""
    url = make_url(database_url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
