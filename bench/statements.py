"""The service's own SQL, as psycopg and pgbench take it, so that no yardstick can drift from it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lbs.checkins.queries import GATHER, NEARBY, RECORD
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
    "REDEEM",
    "STORE",
    "for_pgbench",
]

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


def for_pgbench(statement: Statement, values: Mapping[str, str]) -> str:
    """The text on one line, each parameter replaced by an SQL expression."""
    text = _PARAMETER.sub(lambda match: values[match[1]], statement.clause.text)
    return " ".join(text.split())
