"""Engine, session factory and the one transaction boundary. Knows nothing of Flask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ARRAY, BigInteger, DateTime, MetaData, Text, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from lbs.errors import Unavailable

__all__ = ["Database", "DatabaseDown", "Model", "Session", "new_id"]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: DateTime(timezone=True),
        str: Text,
        int: BigInteger,
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB(none_as_null=True),
    }


class DatabaseDown(Unavailable):
    """The database could not be reached, or had no connection free in time.

    Nothing was changed. Try again after the seconds in `Retry-After`; with the same
    `Idempotency-Key` a request that did reach the database is not carried out twice.
    """

    code = "database-down"
    title = "The service cannot reach its database just now"


class Database:
    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.engine = create_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=5)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit on success, roll back on any exception; nothing else commits."""
        try:
            with self.sessions.begin() as session:
                yield session
        except (OperationalError, PoolTimeout) as error:
            if isinstance(error, OperationalError) and not error.connection_invalidated:
                sqlstate = getattr(error.orig, "sqlstate", None) or "08"
                if not sqlstate.startswith(("08", "53", "57P")):
                    raise
            raise DatabaseDown(retry_after=2) from error


def new_id() -> UUID:
    """UUIDv7 (RFC 9562): unique without asking anybody, and ordered by time."""
    return uuid_utils.compat.uuid7()
