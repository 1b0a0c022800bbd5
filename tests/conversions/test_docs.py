"""The documentation names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbs.conversions.policy import PROBLEMS, PURPOSES, STATUSES
from lbs.conversions.rules import NAMES

PAGE = (Path(__file__).parents[2] / "docs" / "conversions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*NAMES, *PROBLEMS, *STATUSES[1:], *PURPOSES])
def test_every_word_is_explained(word: str):
    assert f"`{word}`" in PAGE or f"/{word}`" in PAGE
