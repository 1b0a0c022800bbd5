"""What the pages for people point at is there, and every setting is explained."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from lbs.config import Settings

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "adr").glob("*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
NAMED = re.compile(r"`(docs/[\w/.-]+)`")


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"
    for path in NAMED.findall(text):
        assert (ROOT / path).exists(), path


def test_every_setting_is_in_the_table_of_settings():
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {f"LBS_{field.name.upper()}" for field in fields(Settings)} | {"LBS_STATE_DIR"}
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `LBS_")]
    assert set(re.findall(r"`(LBS_\w+)`", "".join(rows))) == names
