from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from lbs.app import create_app
from lbs.config import Settings
from lbs.graph.client import Graph
from tests.meta_standin.server import Meta, serving
from tests.world import World


@pytest.fixture
def meta() -> Iterator[Meta]:
    """A Meta of its own for each test."""
    with serving(Meta()) as meta:
        yield meta


@pytest.fixture
def facebook_settings(settings: Settings, meta: Meta) -> Settings:
    return replace(
        settings,
        facebook_app_id=meta.app_id,
        facebook_app_secret=meta.app_secret,
        facebook_verify_token=meta.verify_token,
        facebook_graph_url=meta.address,
        facebook_www_url=meta.address,
        facebook_jwks_url=f"{meta.address}/.well-known/oauth/openid/jwks/",
    )


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
