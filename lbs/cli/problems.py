"""The pages under docs/problems: one for each problem that the service can answer with."""

from __future__ import annotations

from pathlib import Path

import lbs.app  # noqa: F401  (imports every module that defines a problem)
from lbs.http.pages import explain, problem_kinds


def write(folder: Path) -> None:
    """A page for each problem; pages of problems that are gone are deleted."""
    pages = {f"{kind.code}.md": page(*explain(kind)) for kind in problem_kinds()}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


def page(title: str, code: str, status: int, paragraphs: list[str]) -> str:
    return "\n\n".join([f"# {title}", f"Code `{code}`, HTTP status {status}.", *paragraphs]) + "\n"
