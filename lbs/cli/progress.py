"""How far long work is: a bar on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import click

T = TypeVar("T")
EVERY_S = 10.0


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """The items, one by one, while the terminal or log hears how many are done."""
    if sys.stderr.isatty():
        with click.progressbar(items, label=label, file=sys.stderr, show_pos=True) as bar:
            yield from bar
        return
    yield from _lines(items, len(items), label)


def _lines(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    told = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - told >= EVERY_S:
            told = time.monotonic()
            click.echo(f"{label}: {done:,} of {total:,}", err=True)
        yield item
    click.echo(f"{label}: {total:,} of {total:,}", err=True)
