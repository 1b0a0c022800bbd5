"""Alembic runs the migrations on the connection that `lbs migrate` or a test hands it."""

from __future__ import annotations

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine

import lbs.tables  # noqa: F401
from lbs.db import Model

FOREIGN = ("procrastinate_", "spatial_ref_sys", "ledger_event_")


def ours(obj: object, name: str | None, type_: str, reflected: object, compare_to: object) -> bool:
    """Leave Procrastinate's and PostGIS's tables and the ledger's partitions alone."""
    return not (type_ == "table" and (name or "").startswith(FOREIGN))


def run(connection: object) -> None:
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        include_object=ours,
        render_item=alembic_helpers.render_item,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
    with engine.connect() as connection:
        run(connection)
