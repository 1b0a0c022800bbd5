"""The operator's page names what there is to register, to set and to meet."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import cast

import click
import pytest
from flask import Flask

from lbs.cli import cli
from lbs.config import Settings
from lbs.facebook_pages import policy
from lbs.facebook_pages.auth import PERSON_ERRORS
from lbs.graph.errors import BadSignature, FacebookNotConfigured, FacebookUnavailable

PAGE = (Path(__file__).parents[2] / "docs" / "facebook.md").read_text(encoding="utf-8")
SETTINGS = [
    f"LBS_{field.name.upper()}"
    for field in fields(Settings)
    if field.name.startswith(("facebook_", "app_"))
]
COMMANDS = cast(click.Group, cli.commands["facebook"]).commands
BRACES = str.maketrans("<>", "{}")
ERRORS = {BadSignature, FacebookNotConfigured, FacebookUnavailable, *PERSON_ERRORS.values()}


@pytest.mark.parametrize(
    "word",
    [
        *SETTINGS,
        *sorted(policy.NEEDED),
        *policy.SUBSCRIBED,
        *policy.PAGE_PROBLEMS.values(),
        *policy.POST_PROBLEMS.values(),
        policy.GAVE_UP,
        *(f"lbs facebook {name}" for name in COMMANDS),
    ],
)
def test_every_word_is_explained(word: str):
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("code", sorted(error.code for error in ERRORS))
def test_every_refusal_on_the_way_is_named(code: str):
    assert f"`{code}`" in PAGE


def test_every_address_that_meta_is_given_is_there(app: Flask):
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    given = [rule for rule in sorted(rules) if rule.startswith(("/webhooks/", "/privacy/"))]
    assert len(given) == 4
    shown = [rule.translate(BRACES) for rule in given]
    assert [path for path in shown if f"https://lbs.example{path}" not in PAGE] == []
