"""The service as it runs in earnest: a process of its own, on a free loopback port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lbs.config import Settings

READY_S, STOP_S = 60, 20


@pytest.fixture(scope="session")
def live(settings: Settings) -> Iterator[str]:
    """The address of `lbs serve` on the tests' database."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "lbs.cli", "serve", "--port", str(port), "--workers", "1"],
        env={**os.environ, **variables(settings)},
        start_new_session=True,
    )
    try:
        _wait_until_ready(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def variables(settings: Settings) -> dict[str, str]:
    """The environment that Settings.from_env reads as these settings."""
    return {
        f"LBS_{field.name.upper()}": _said(getattr(settings, field.name))
        for field in fields(settings)
        if getattr(settings, field.name) != field.default
    }


def _said(value: Any) -> str:
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server did not start"
        try:
            if httpx.get(f"{address}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready within {READY_S} s")
