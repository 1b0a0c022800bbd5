from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from lbs.app import create_app
from lbs.cli.run import HOST, free_port
from lbs.config import Settings
from lbs.graph.client import Graph
from tests.conftest import facebook_settings_of
from tests.facebook.posting import PageOwner, answering
from tests.meta_standin.server import Meta, serving
from tests.world import World


@pytest.fixture
def meta() -> Iterator[Meta]:
    """A Meta of its own for each test."""
    with serving(Meta()) as meta:
        yield meta


@pytest.fixture
def facebook_settings(settings: Settings, meta: Meta) -> Settings:
    return replace(settings, **facebook_settings_of(meta))


@pytest.fixture
def world_without_facebook(settings: Settings) -> Iterator[World]:
    """Of a service whose operator has set up no Facebook app."""
    off = {"facebook_app_id": "", "facebook_app_secret": "", "facebook_verify_token": ""}
    app = create_app(replace(settings, **off))
    yield World(app)
    app.extensions["lbs_database"].engine.dispose()


@pytest.fixture
def graph(facebook_settings: Settings) -> Graph:
    return Graph(facebook_settings, timeout_s=0.5)


@pytest.fixture
def facebook_app(facebook_settings: Settings) -> Iterator[Flask]:
    """The service with a Facebook app, which the stand-in has."""
    app = create_app(facebook_settings)
    yield app
    app.extensions["lbs_database"].engine.dispose()


@pytest.fixture
def facebook_world(facebook_app: Flask) -> World:
    return World(facebook_app)


@pytest.fixture(scope="session")
def open_service(settings: Settings) -> Iterator[tuple[Flask, Meta]]:
    """A service whose pages the stand-in can read."""
    port = free_port()
    with serving(Meta()) as meta:
        app = create_app(
            replace(
                settings,
                public_url=f"http://{HOST}:{port}",
                **facebook_settings_of(meta),
            )
        )
        with answering(app, port):
            yield app, meta
        app.extensions["lbs_database"].engine.dispose()


@pytest.fixture
def owner(open_service: tuple[Flask, Meta]) -> PageOwner:
    """A merchant with a Page; nothing goes wrong at Meta yet."""
    app, meta = open_service
    meta.faults.clear()
    meta.usage.clear()
    meta.log.clear()
    return PageOwner(World(app), meta)
