"""Tables and first keys: what `lbs migrate` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from lbs.accounts.auth import rotate_signing_key
from lbs.accounts.queries import published_keys
from lbs.cli.local import settings
from lbs.config import Settings
from lbs.db import Database
from lbs.http.health import MIGRATIONS
from lbs.vault import Vault


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def migrate(found: Settings, now: datetime) -> None:
    """Bring the tables to the newest migration, and make a signing key if there is none."""
    db = Database(found.database_url)
    config = alembic_config()
    with db.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    with db.transaction() as session:
        if not any(key.retires_at is None for key in published_keys(session, now)):
            rotate_signing_key(
                session, Vault(found.secrets_key), keep_for=found.access_token_ttl, now=now
            )
    db.engine.dispose()


@contextmanager
def ready_database(*, durable: bool = True) -> Iterator[tuple[Database, Settings]]:
    """The database with the newest tables; not durable, a crash may lose the last second."""
    with settings() as found:
        migrate(found, datetime.now(UTC))
        options = "" if durable else "-c synchronous_commit=off"
        url = make_url(found.database_url).update_query_dict(
            {"options": options} if options else {}
        )
        db = Database(url.render_as_string(hide_password=False), pool_size=found.pool_size)
        yield db, found
        db.engine.dispose()
