"""Where a command finds its database and secrets, and what it makes where there are none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lbs.cli.postgres import create_database, running
from lbs.config import Settings
from lbs.vault import new_key

ROOT = Path(__file__).parents[2]
STATE = Path(os.environ.get("LBS_STATE_DIR", ROOT / ".lbs"))


@contextmanager
def environment(given: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """The variables a command runs with.

    Without LBS_DATABASE_URL a private PostgreSQL cluster is made and run below `.lbs` while the
    block lasts; without LBS_SECRETS_KEY a key is made once and kept there.
    """
    env = dict(given)
    STATE.mkdir(parents=True, exist_ok=True)
    if "LBS_SECRETS_KEY" not in env:
        env["LBS_SECRETS_KEY"] = kept(STATE / "secrets_key", new_key())
    if "LBS_DATABASE_URL" in env:
        yield env
        return
    with running(STATE / "postgres") as cluster:
        create_database(cluster, "lbs")
        yield {**env, "LBS_DATABASE_URL": cluster.url("lbs")}


@contextmanager
def settings() -> Iterator[Settings]:
    with environment() as env:
        yield Settings.from_env(env)


def kept(path: Path, fresh: str) -> str:
    """The text in a file that only we can read; the fresh one where there is no file yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(fresh)
    return fresh
