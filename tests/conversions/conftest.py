from __future__ import annotations

import pytest
from flask import Flask

from tests.conversions.advertiser import Advertiser
from tests.facebook.conftest import facebook_app, facebook_settings, graph, meta
from tests.meta_standin.server import Meta
from tests.world import World

__all__ = ["facebook_app", "facebook_settings", "graph", "meta"]


@pytest.fixture
def advertiser(facebook_app: Flask, meta: Meta) -> Advertiser:
    return Advertiser(World(facebook_app), meta)


@pytest.fixture
def other_advertiser(facebook_app: Flask, meta: Meta) -> Advertiser:
    return Advertiser(World(facebook_app), meta)
