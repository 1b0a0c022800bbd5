"""What a route may ask of the running application and of the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from flask import current_app, g

from lbs.config import Settings
from lbs.db import PRINCIPAL, Database, Session
from lbs.vault import Vault


@dataclass
class OpenTransaction:
    """The request's transaction, and whether the block that uses it failed."""

    session: Session
    failed: bool = False


def settings() -> Settings:
    return cast(Settings, current_app.extensions["lbs_settings"])


def database() -> Database:
    return cast(Database, current_app.extensions["lbs_database"])


def vault() -> Vault:
    return cast(Vault, current_app.extensions["lbs_vault"])


@contextmanager
def transaction() -> Iterator[Session]:
    """The request's one transaction, which knows for whom it is.

    An idempotent operation has opened it already and commits it together with the stored
    answer; the block joins it, and one that raises has it rolled back.
    """
    opened: OpenTransaction | None = g.get("transaction")
    if opened is None:
        with database().transaction() as session:
            session.info[PRINCIPAL] = g.get("principal")
            yield session
        return
    opened.session.info[PRINCIPAL] = g.get("principal")
    try:
        yield opened.session
    except BaseException:
        opened.failed = True
        raise


def now() -> datetime:
    """Read once a request, so that everything in it happens at one time."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    return cast(datetime, g.now)


def principal() -> Any:
    return g.principal


def request_id() -> str:
    return cast(str, g.get("request_id", ""))
