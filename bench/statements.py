"""The service's own SQL, as psycopg and pgbench take it, so that no yardstick can drift from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import ClauseElement, create_engine

from lbs.checkins.queries import GATHER, NEARBY, RECORD, RECORD_AGAIN
from lbs.db import Statement
from lbs.http.idempotency import LOOK_UP, STORE
from lbs.offers.queries import READ_TERMS
from lbs.redemptions.queries import FIND_PASS, REDEEM

__all__ = [
    "FIND_PASS",
    "GATHER",
    "LOOK_UP",
    "NEARBY",
    "READ_TERMS",
    "RECORD",
    "RECORD_AGAIN",
    "REDEEM",
    "STORE",
    "for_pgbench",
    "recorded",
]

_PSYCOPG = create_engine("postgresql+psycopg://").dialect
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


def for_pgbench(statement: Statement, values: Mapping[str, str]) -> str:
    """The text on one line, each parameter replaced by an SQL expression."""
    text = _PARAMETER.sub(lambda match: values[match[1]], statement.clause.text)
    return " ".join(text.split())


def recorded(use: Callable[[Any], object]) -> list[tuple[str, dict[str, Any]]]:
    """What `use` executes on the session it is given, as texts and parameters for psycopg."""
    recorder = _Recorder()
    use(recorder)
    return recorder.statements


class _Recorder:
    """Stands in for a Session: writes down, executes nothing, has no rows."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, dict[str, Any]]] = []

    def execute(self, statement: ClauseElement, values: dict[str, Any] | None = None) -> _Recorder:
        compiled = statement.compile(dialect=_PSYCOPG)
        parameters = {**cast("dict[str, Any]", compiled.params), **(values or {})}
        self.statements.append((str(compiled), parameters))
        return self

    scalars = execute

    def one_or_none(self) -> None:
        return None

    def all(self) -> list[Any]:
        return []
