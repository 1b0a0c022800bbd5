"""QR pictures as the squares that they darken, to compare."""

from __future__ import annotations

import re

import segno

QUIET_ZONE = 4

Squares = tuple[int, set[tuple[int, int]]]
"""The side, and the dark squares by column and row."""


def drawn(size: int, path: str) -> Squares:
    """Those of SVG path data that is nothing but rectangles one high."""
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{out}v1h-{back}z" for x, y, out, back in runs) == path
    assert all(out == back for _, _, out, back in runs)
    dark = {(int(x) + step, int(y)) for x, y, out, _ in runs for step in range(int(out))}
    return size, dark


def qr_code(text: str) -> Squares:
    rows = list(segno.make(text, error="m", micro=False).matrix_iter(border=QUIET_ZONE))
    return len(rows), {(x, y) for y, row in enumerate(rows) for x, bit in enumerate(row) if bit}
