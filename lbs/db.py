"""Engine, session factory and the one transaction boundary. Knows nothing of Flask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import psycopg
import uuid_utils.compat
from psycopg.rows import namedtuple_row
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    DateTime,
    Engine,
    MetaData,
    Text,
    create_engine,
    orm,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase

from lbs.errors import Unavailable

__all__ = [
    "PRINCIPAL",
    "Database",
    "DatabaseUnavailable",
    "Model",
    "Session",
    "Statement",
    "new_id",
]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


POOL_S, LOCK_S = 5, 5
STREAMED = 5000
"""So many rows of a stream come at once."""
PRINCIPAL = "principal"
"""Under this name a session remembers for whom it acts; for nobody, where it is the service."""
_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
"""For its way to write parameters, which is PostgreSQL's own."""

NO_CONNECTION = "08000"
PASSING = ("08", "53", "57P", "57014", "55P03", "40")
"""SQLSTATE classes that a later try may not meet: connection, resources, shutdown, time, locks."""


class Model(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: DateTime(timezone=True),
        str: Text,
        int: BigInteger,
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB(none_as_null=True),
    }


class DatabaseUnavailable(Unavailable):
    """The database could not be reached, or could not answer in time.

    Try again after the seconds in `Retry-After`; with the same `Idempotency-Key` a request that
    was carried out after all is not carried out twice.
    """

    code = "database-unavailable"
    title = "The service cannot use its database just now"


class Session(orm.Session):
    """One transaction on one connection from the pool, until it is closed.

    Statements go to psycopg's own connection. SQLAlchemy's machinery stands around the same one
    and begins when it is first asked: a hot path that never asks does not pay for it.
    """

    def __init__(self, engine: Engine) -> None:
        self._pooled = engine.raw_connection()
        super().__init__(Connection(engine, self._pooled), expire_on_commit=False)

    @property
    def driver(self) -> psycopg.Connection[Any]:
        return cast("psycopg.Connection[Any]", self._pooled.driver_connection)

    def commit(self) -> None:
        if self.in_transaction():
            super().commit()
        else:
            self._pooled.commit()

    def rollback(self) -> None:
        super().rollback()
        self._pooled.rollback()

    def close(self) -> None:
        """What was not committed is rolled back."""
        super().close()
        self._pooled.close()


class Statement:
    """SQL of a hot path: written with :name parameters, compiled once, run by psycopg itself.

    It runs in the session's transaction and gives plain named tuples. SQLAlchemy's own way from
    text to rows costs more than twice as much, and psycopg's from names to numbers as much again
    for a long statement, which it does not remember.
    """

    def __init__(self, sql: str) -> None:
        self.clause = text(" ".join(sql.split()))
        compiled = self.clause.compile(dialect=_DIALECT)
        self.sql = str(compiled).encode()
        """With $1, $2 and so on."""
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())

    def run(
        self,
        connection: psycopg.Connection[Any],
        values: Mapping[str, Any],
        rows: Any = None,
        *,
        binary: bool = False,
    ) -> psycopg.Cursor[Any]:
        """On psycopg's own connection; `rows` is a row factory, else the connection's own."""
        cursor: psycopg.Cursor[Any] = psycopg.RawCursor(
            connection, row_factory=rows or connection.row_factory
        )
        given = [values[name] for name in self.names]
        return cursor.execute(self.sql, given, binary=binary)

    def all(
        self, session: Session, values: Mapping[str, Any], *, binary: bool = False
    ) -> list[Any]:
        """`binary`: bytes come as they are, not written in hexadecimal."""
        return self.run(session.driver, values, namedtuple_row, binary=binary).fetchall()

    def find(self, session: Session, values: Mapping[str, Any]) -> Any | None:
        """The first row, or None."""
        return self._run(session, values).fetchone()

    def stream(self, session: Session, values: Mapping[str, Any]) -> Iterator[Any]:
        """All rows, without ever holding many: the server keeps those that are still to come."""
        with psycopg.RawServerCursor(
            session.driver, name=new_id().hex, row_factory=namedtuple_row
        ) as cursor:
            cursor.itersize = STREAMED
            cursor.execute(self.sql, [values[name] for name in self.names])
            yield from cursor

    def one(self, session: Session, values: Mapping[str, Any]) -> Any:
        """The row of a statement that always has one."""
        return self._run(session, values).fetchone()

    def do(self, session: Session, values: Mapping[str, Any]) -> None:
        self._run(session, values)

    def _run(self, session: Session, values: Mapping[str, Any]) -> psycopg.Cursor[Any]:
        return self.run(session.driver, values, namedtuple_row)


class Database:
    """`statement_s` bounds each statement, and `LOCK_S` each wait for a lock, where it is given."""

    def __init__(self, url: str, *, pool_size: int = 8, statement_s: float | None = None) -> None:
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_S,
            hide_parameters=True,
            connect_args={"options": _bounds(statement_s)} if statement_s else {},
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit on success, roll back on any exception; nothing else commits."""
        try:
            with Session(self.engine) as session:
                yield session
                session.commit()
        except PoolTimeout as error:
            raise DatabaseUnavailable(retry_after=2) from error
        except (OperationalError, psycopg.OperationalError) as error:
            cause = getattr(error, "orig", error)
            sqlstate = getattr(cause, "sqlstate", None) or NO_CONNECTION
            if sqlstate.startswith(PASSING):
                raise DatabaseUnavailable(retry_after=2) from error
            raise


def _bounds(statement_s: float) -> str:
    return (
        f"-c statement_timeout={statement_s:g}s -c lock_timeout={LOCK_S}s "
        f"-c idle_in_transaction_session_timeout={2 * statement_s:g}s"
    )


def new_id() -> UUID:
    """UUIDv7 (RFC 9562): unique without asking anybody, and ordered by time."""
    return uuid_utils.compat.uuid7()
