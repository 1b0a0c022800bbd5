"""Is the process up, and is what it stands on there: for load balancers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lbs.errors import Unavailable
from lbs.http.context import transaction

MIGRATIONS = Path(__file__).parents[2] / "migrations"

blp = Blueprint("health", __name__)


class NotReady(Unavailable):
    """A part that the service stands on is missing: the database, PostGIS or the newest tables.

    `lbs migrate` brings the tables up to date.
    """

    code = "not-ready"
    title = "The service is not ready"


@cache
def migration_head() -> str | None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


@blp.get("/livez")
def livez() -> ResponseReturnValue:
    return jsonify(status="ok")


@blp.get("/readyz")
def readyz() -> ResponseReturnValue:
    try:
        with transaction() as session:
            row = session.execute(
                text("SELECT postgis_lib_version(), (SELECT version_num FROM alembic_version)")
            ).one()
    except SQLAlchemyError as error:
        raise NotReady("The database has no PostGIS or no tables.") from error
    if row[1] != migration_head():
        raise NotReady(f"The tables are at {row[1]}, the code needs {migration_head()}.")
    return jsonify(status="ok", postgis=row[0], migration=row[1])
