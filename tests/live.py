"""The service as it runs in earnest: a process of its own, on a free loopback port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lbs.cli.run import HOST, free_port, started, wait_until_ready
from lbs.config import Settings


@pytest.fixture(scope="session")
def live(settings: Settings) -> Iterator[str]:
    """The address of `lbs serve` on the tests' database."""
    with serving(settings) as address:
        yield address


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The address of an `lbs serve` with these settings."""
    port = free_port()
    address = f"http://{HOST}:{port}"
    env = {**os.environ, **variables(settings)}
    with (
        started(env, "serve", "--port", str(port), "--workers", "1"),
        httpx.Client(base_url=address) as http,
    ):
        wait_until_ready(http)
        yield address


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
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, tuple) else str(value)
