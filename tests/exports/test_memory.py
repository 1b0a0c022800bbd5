"""However long the ledger is, making a file of it takes the same memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sqlalchemy import text

from tests.exports.making import ask_for
from tests.live import variables
from tests.world import World

FEW, MANY = 40_000, 400_000
SCRIPT = """
import os, resource, sys
from uuid import UUID
from lbs.config import Settings
from lbs.db import Database
from lbs.exports.jobs import make
import lbs.tables
settings = Settings.from_env(os.environ)
make(Database(settings.database_url), settings, UUID(sys.argv[1]), is_last=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
"""The whole process, as the operating system sees it: Parquet's memory is not Python's."""


def peak_kib(settings, export) -> int:
    env = {**os.environ, **variables(settings)}
    run = [sys.executable, "-c", SCRIPT, export["id"]]
    return int(subprocess.check_output(run, env=env, text=True))


def grow(world: World, rows: int) -> None:
    with world.db.transaction() as session:
        session.execute(
            text("""
                INSERT INTO ledger_event (id, at, kind, merchant_id, subject_id, reasons)
                SELECT gen_random_uuid(), timestamptz '2026-01-01' + n * interval '1 second',
                       'redemption_refused', :merchant, gen_random_uuid(), ARRAY[md5(n::text)]
                FROM generate_series(1, :rows) AS n"""),
            {"merchant": world.merchant_id, "rows": rows},
        )


@pytest.fixture(scope="module")
def worlds(app):
    """One of few events and one of ten times as many; both gone afterwards, parts too."""
    few, many = World(app), World(app)
    grow(few, FEW)
    grow(many, MANY)
    yield few, many
    with few.db.transaction() as session:
        session.execute(
            text("""DELETE FROM export_part WHERE export_id IN
                    (SELECT id FROM export WHERE merchant_id = ANY(:ids))"""),
            {"ids": [few.merchant_id, many.merchant_id]},
        )


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_ten_times_the_rows_take_no_more_memory(worlds, settings, format_: str):
    peaks = []
    for world, rows in zip(worlds, (FEW, MANY), strict=True):
        export = ask_for(world, "ledger", format=format_)
        peaks.append(peak_kib(settings, export))
        done = world.ask("get", f"/v1/stats/exports/{export['id']}")
        assert (done["state"], done["rows"]) == ("ready", rows)
    assert peaks[1] < 1.1 * peaks[0] + 8 * 1024, peaks
