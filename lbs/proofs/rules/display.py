"""What kiosks and posters show: codes, and the same as pictures for a phone's camera. Pure.

A picture says `LBS:CODE:<venue id>:<code>` at a kiosk and `LBS:POSTER:<venue id>:<code>` on a
poster, so that an app that reads it knows the venue too. All of it is in capitals, digits, colons
and dashes, the characters that a QR code packs tightest: the picture has fewer and larger squares,
and is read from farther away. An app takes it in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

import segno

from lbs.proofs.rules.venue_code import make_code, make_picture_code, step_at

AHEAD = 2
"""So many codes a kiosk gets beside the current one, to bridge a lost connection with."""

QUIET_ZONE = 4
"""Light squares around a QR code (ISO/IEC 18004)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StepCode:
    code: str = field(repr=False)
    picture_code: str = field(repr=False)
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """A square drawing: `path` fills it (SVG path data), in units of which a side has `size`."""

    size: int
    path: str = field(repr=False)


def codes_ahead(secret: bytes, now: datetime, step_s: int) -> list[StepCode]:
    """The code of now and those of the next steps."""
    first, step = step_at(now, step_s), timedelta(seconds=step_s)
    return [
        StepCode(
            make_code(secret, at),
            make_picture_code(secret, at),
            _EPOCH + at * step,
            _EPOCH + (at + 1) * step,
        )
        for at in range(first, first + 1 + AHEAD)
    ]


def code_text(venue_id: UUID, code: str) -> str:
    return f"LBS:CODE:{venue_id}:{code}".upper()


def poster_text(venue_id: UUID, code: str) -> str:
    return f"LBS:POSTER:{venue_id}:{code}".upper()


def draw(text: str) -> Picture:
    """The text as a QR code that is still read with 15 % of it damaged."""
    rows = list(segno.make(text, error="m", micro=False).matrix_iter(border=QUIET_ZONE))
    runs = (run for y, row in enumerate(rows) for run in _runs(y, row))
    return Picture(len(rows), "".join(runs))


def _runs(y: int, row: Iterable[int]) -> Iterator[str]:
    """A row's dark stretches, each as a rectangle."""
    x = 0
    for dark, squares in groupby(row, key=bool):
        width = len(list(squares))
        if dark:
            yield f"M{x} {y}h{width}v1h-{width}z"
        x += width
