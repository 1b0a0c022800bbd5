"""Tables and first keys: what `lbs migrate` does."""

from __future__ import annotations

from datetime import datetime

from alembic import command
from alembic.config import Config

from lbs.accounts.auth import rotate_signing_key
from lbs.accounts.queries import published_keys
from lbs.config import Settings
from lbs.db import Database
from lbs.http.health import MIGRATIONS
from lbs.vault import Vault


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def migrate(settings: Settings, now: datetime) -> None:
    """Bring the tables to the newest migration, and make a signing key if there is none."""
    db = Database(settings.database_url)
    config = alembic_config()
    with db.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    with db.transaction() as session:
        if not any(key.retires_at is None for key in published_keys(session, now)):
            rotate_signing_key(
                session, Vault(settings.secrets_key), keep_for=settings.access_token_ttl, now=now
            )
    db.engine.dispose()
