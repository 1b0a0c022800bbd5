"""The kinds of facts: the code writes those that the page names, and no other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import lbs
from lbs.db import Statement
from lbs.ledger.models import LedgerEvent
from lbs.ledger.policy import Kind

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
SOURCES = Path(lbs.__file__).parent
INTO_LEDGER = re.compile(r"INSERT INTO ledger_event \(id, at, kind\b")
KIND = re.compile(r"SELECT (?:[^,()]|\((?:[^()]|\([^()]*\))*\))+, [^,]+, '(\w+)',")
"""The third of what is selected."""


def statements() -> list[str]:
    """The text of every statement that appends facts."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(lbs.__path__, "lbs.")
        if found.name.endswith(".queries")
    ]
    texts = {
        value.clause.text
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Statement)
    }
    return [text for text in texts if "ledger_event (" in text]


def written() -> set[str]:
    """Kinds that statements write, and those that `ledger.record` is given."""
    given = {
        Kind[name].value
        for path in SOURCES.rglob("service*.py")
        for name in re.findall(r"\bKind\.([A-Z_]+)\b", path.read_text(encoding="utf-8"))
        if name in Kind.__members__
    }
    return given | {kind for text in statements() for kind in KIND.findall(text)}


def test_every_statement_that_appends_says_the_kind_third():
    assert len(statements()) > 10
    for text in statements():
        assert len(INTO_LEDGER.findall(text)) == text.count("INSERT INTO ledger_event") > 0
        assert len(KIND.findall(text)) >= len(INTO_LEDGER.findall(text)), text


def test_the_code_writes_every_kind_that_there_is_and_no_other():
    assert written() == {kind.value for kind in Kind}


def test_the_page_names_every_kind_that_there_is_and_no_other():
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [kind.value for kind in Kind]


def test_the_page_names_only_columns_that_there_are():
    page = PAGE.read_text(encoding="utf-8")
    columns = set(LedgerEvent.__table__.columns.keys())
    cells = re.findall(r"^\| `\w+` \| .* \| (.*) \|$", page, re.MULTILINE)
    assert len(cells) == len(Kind)
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert named - columns == {"nearby", "redeemed"}
    told = set(re.findall(r"`([a-z_]+)`", page))
    assert columns <= told
