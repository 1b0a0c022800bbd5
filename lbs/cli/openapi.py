"""`lbs openapi`: the interface's description as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lbs.app import create_app
from lbs.config import Settings
from lbs.http.openapi import document
from lbs.vault import new_key

LONG = 80


class _Dumper(yaml.SafeDumper):
    """Says everything where it stands, and long text in blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    prose = " " in value and (len(value) > LONG or "'" in value or ": " in value)
    style = ">" if "\n" in value or prose else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def render() -> str:
    """The document as YAML; made without a database."""
    app = create_app(Settings(database_url="postgresql+psycopg://", secrets_key=(new_key(),)))
    spec = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec
    return yaml.dump(document(spec), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(), encoding="utf-8")
