from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from lbs.app import create_app
from lbs.config import Settings
from tests.webhooks.merchant import Merchant
from tests.webhooks.receiver import Receiver, receiving
from tests.world import World


@pytest.fixture(scope="session")
def open_settings(settings: Settings) -> Settings:
    """The operator lets messages go to private addresses, where the receivers of tests are."""
    return replace(settings, webhooks_allow_private=True)


@pytest.fixture(scope="session")
def open_app(open_settings: Settings) -> Iterator[Flask]:
    app = create_app(open_settings)
    yield app
    app.extensions["lbs_database"].engine.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def merchant(open_app: Flask, receiver: Receiver) -> Merchant:
    return Merchant(World(open_app), receiver)
