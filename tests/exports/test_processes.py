"""Files made by processes of their own: however long the ledger, and whoever is killed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from tests.exports.making import ask_for, file_of, made
from tests.live import variables
from tests.world import World

FEW, MANY = 20_000, 200_000
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


def start(settings, export) -> subprocess.Popen[str]:
    env = {**os.environ, **variables(settings)}
    run = [sys.executable, "-c", SCRIPT, export["id"]]
    return subprocess.Popen(run, env=env, text=True, stdout=subprocess.PIPE)


def peak_kib(settings, export) -> int:
    with start(settings, export) as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    return int(said)


def parts(world: World, export) -> int:
    with world.db.transaction() as session:
        return session.scalar(
            text("SELECT count(*) FROM export_part WHERE export_id = :id"), {"id": export["id"]}
        )


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


def test_a_killed_process_leaves_no_half_file_and_another_makes_the_same(worlds, settings):
    """kill -9 as soon as the first part is there."""
    _, world = worlds
    export = ask_for(world, "ledger")
    with start(settings, export) as process:
        until = time.monotonic() + 60
        while not parts(world, export):
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
    half = parts(world, export)
    assert file_of(world, export).json["code"] == "export-not-ready"
    whole = made(world, export)
    assert (whole["state"], whole["rows"]) == ("ready", MANY)
    assert 1 <= half < parts(world, export)
    digest = hashlib.sha256()
    for piece in file_of(world, export).iter_encoded():
        digest.update(piece)
    assert digest.hexdigest() == whole["sha256"]
    assert made(world, ask_for(world, "ledger"))["sha256"] == whole["sha256"]
