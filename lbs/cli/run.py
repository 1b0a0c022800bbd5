"""`lbs run`: everything started, the story played, addresses to try, everything stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from types import FrameType
from typing import Any

import click
import httpx

from lbs.cli.copenhagen import Sample, load
from lbs.cli.database import migrate
from lbs.cli.local import ROOT, STATE, environment
from lbs.cli.story import Player, StoryFailed, Told, play
from lbs.config import Settings
from lbs.db import Database

HOST = "127.0.0.1"
READY_S, STOP_S = 60, 20
A_DAY_S = "86400"
STAND_IN = "tests.meta_standin"
"""In a checkout alone."""


def run(*, port: int, once: bool) -> int:
    """The exit status: 0 only if every step of the story did what it should."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _interrupt)
    try:
        with ExitStack() as stack:
            return _run(stack, port=port or free_port(), once=once)
    except KeyboardInterrupt:
        click.echo("Stopped.")
        return 0 if not once else 1


def _run(stack: ExitStack, *, port: int, once: bool) -> int:
    address = f"http://{HOST}:{port}"
    env = stack.enter_context(environment())
    env = {"LBS_ACCESS_TOKEN_TTL": A_DAY_S, "LBS_LOG_LEVEL": "warning"} | env
    env["LBS_PUBLIC_URL"] = address
    meta = {} if Settings.from_env(env).has_facebook_app else stack.enter_context(stand_in())
    settings = Settings.from_env(env := env | meta)
    now = datetime.now(UTC)
    migrate(settings, now)
    click.echo("The database is up and its tables are new enough.")
    sample, loaded = load(Database(settings.database_url), STATE / "sample.json", now)
    click.echo(
        f"The sample has been loaded: {loaded} venues." if loaded else "The sample is there."
    )
    stack.enter_context(started(env, "serve", "--port", str(port)))
    stack.enter_context(started(env, "worker"))
    http = stack.enter_context(httpx.Client(base_url=address, timeout=30))
    wait_until_ready(http)
    click.echo(f"The API answers at {address}, a worker is at work.")
    if meta:
        click.echo("No Facebook app is set up: a stand-in for Meta is there in its place.")
    click.echo()
    try:
        told = play(Player(http, click.echo), sample, is_read=bool(meta))
    except (StoryFailed, httpx.HTTPError) as failure:
        click.echo(f"The story failed. {failure}", err=True)
        return 1
    if once:
        click.echo("\nThe story went as it should.")
        return 0
    click.echo(_by_hand(address, sample, told))
    signal.pause()
    return 0


@contextmanager
def started(env: Mapping[str, str], *command: str) -> Iterator[None]:
    with _process("lbs.cli", *command, env=dict(env)):
        yield


@contextmanager
def stand_in() -> Iterator[dict[str, str]]:
    """The variables by which the service takes a stand-in on a loopback port for Meta.

    None where there is none beside the package.
    """
    if not ROOT.joinpath(*STAND_IN.split(".")).is_dir():
        yield {}
        return
    with _process(STAND_IN, "--port", "0", cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = takewhile(lambda line: line.startswith("export "), process.stdout or ())
        yield dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)


@contextmanager
def _process(module: str, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """In a session of its own, so that Ctrl-C reaches us alone."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], start_new_session=True, **options
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_ready(http: httpx.Client) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if http.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise click.ClickException(f"The API did not get ready within {READY_S} seconds.")


def _by_hand(address: str, sample: Sample, told: Told) -> str:
    near = f"lat={told.lat}&lon={told.lon}&radius_m=300"
    return f"""
Try it by hand; the interface is described at {address}/docs

The customer looks around:
  curl -s -H 'Authorization: Bearer {told.customer_token}' \\
    '{address}/v1/venues/nearby?{near}'

The merchant reads the offer:
  curl -s -H 'Authorization: Bearer {sample.merchant_key}' \\
    {address}/v1/offers/{told.offer_id}

The marketer pulls its numbers:
  curl -s -H 'Authorization: Bearer {sample.merchant_key}' \\
    {address}/v1/stats/offers/{told.offer_id}/funnel

An app registers customers with its key {sample.publishable_key}

Ctrl-C stops everything that was started."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
