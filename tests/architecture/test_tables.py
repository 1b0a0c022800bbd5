"""Tables, migrations and metadata say the same."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

import lbs
from lbs.cli.database import alembic_config, migrate
from lbs.http.health import migration_head

PACKAGE = Path(lbs.__file__).parent


def python(script: str) -> str:
    return subprocess.check_output([sys.executable, "-c", script], text=True, cwd=PACKAGE.parent)


def test_every_models_module_is_registered():
    on_disk = {f"lbs.{path.parent.name}.models" for path in PACKAGE.glob("*/models.py")}
    loaded = python(
        "import sys, lbs.tables; print(*[m for m in sys.modules if m.endswith('.models')])"
    )
    assert on_disk <= set(loaded.split())


def test_every_foreign_key_resolves():
    script = "import lbs.tables; from lbs.db import Model; print(len(Model.metadata.sorted_tables))"
    assert int(python(f"import warnings; warnings.simplefilter('ignore'); {script}"))


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
def test_the_migrations_make_the_tables_that_the_models_describe(db):
    config = alembic_config()
    with db.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_there_is_one_migration_head():
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [migration_head()]


def test_migrating_twice_does_no_harm(settings, db):
    def signing_keys() -> int:
        with db.transaction() as session:
            return session.execute(text("SELECT count(*) FROM signing_key")).scalar_one()

    before = signing_keys()
    migrate(settings, datetime.now(UTC))
    assert signing_keys() == before >= 1
