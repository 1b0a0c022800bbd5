from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from lbs.app import create_app
from lbs.cli.database import migrate
from lbs.cli.postgres import Cluster, create_database, running
from lbs.config import Settings
from lbs.db import Database
from lbs.vault import new_key
from tests.live import live  # noqa: F401  (a fixture)
from tests.meta_standin.server import Meta, serving
from tests.world import World

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A throwaway PostgreSQL with PostGIS, for this run alone."""
    root = Path(tempfile.mkdtemp(prefix="lbs-test-"))
    root.chmod(0o711)
    try:
        with running(root, durable=False) as cluster:
            yield cluster
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def everybodys_meta() -> Iterator[Meta]:
    """A stand-in for Meta for all who only want it to be there."""
    with serving(Meta()) as meta:
        yield meta


@pytest.fixture(scope="session")
def settings(cluster: Cluster, everybodys_meta: Meta) -> Settings:
    create_database(cluster, "lbs_test")
    settings = Settings(
        database_url=cluster.url("lbs_test"),
        secrets_key=(new_key(),),
        rate_limit="1000000 per minute",
        log_level="error",
        pool_size=16,
        stats_min_group=1,
        referrer_bonus=True,
        live_for=timedelta(seconds=0.1),
        live_poll=timedelta(seconds=0.05),
        **facebook_settings_of(everybodys_meta),
    )
    migrate(settings, datetime.now(UTC))
    return settings


def facebook_settings_of(meta: Meta) -> dict[str, Any]:
    """The settings by which lbs takes the stand-in for Meta."""
    return {name.removeprefix("LBS_").lower(): value for name, value in meta.variables.items()}


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["lbs_database"].engine.dispose()


@pytest.fixture
def db(app: Flask) -> Database:
    return app.extensions["lbs_database"]


@pytest.fixture
def world(app: Flask) -> World:
    return World(app)


@pytest.fixture
def other_world(app: Flask) -> World:
    return World(app)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("needs the shared reference data beside the checkout")
    return SHARED
