"""The picture that goes with a link: the offer's teaser and where it is, in the merchant's colour.

It says nothing in words of its own, so it is the same in every language; a lock stands for the
check-in that it takes. Pure: the same card gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cache, lru_cache
from importlib.resources import files
from unicodedata import normalize

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1200, 630
"""What Meta recommends; at half of it a picture is shown small."""
MARGIN = 72
SIZES = tuple(range(120, 60, -4))
"""Of the teaser's letters: the largest that fits; in the smallest the rest is left away."""
LEADING = 1.16
PLACE_SIZE, FOOT = 48, 108
LIGHT, DARK = (255, 255, 255), (0, 0, 0)
BOLD, MEDIUM = 700, 500
SHADES = 32
LINEAR = 0.04045
"""Up to here sRGB is."""
DRAWING = 1
"""Counts the changes to how a card is drawn."""

FONT = (files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf").read_bytes()
OPTICAL_SIZE = 32
NO_CHARACTER = "\U000fffff"
MORE = "…"

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Card:
    """What a picture shows. `color` as `#rrggbb`."""

    teaser: str
    place: str
    color: str

    @property
    def digest(self) -> str:
        """Another one for every other picture."""
        said = json.dumps([DRAWING, *astuple(self)]).encode()
        return hashlib.sha256(said).hexdigest()[:16]


def read_color(text: str) -> Color:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def ink_on(ground: Color) -> Color:
    """Light or dark, whichever is read better: the contrast is 4.5 at least."""
    return max(LIGHT, DARK, key=lambda ink: contrast(ink, ground))


def contrast(one: Color, other: Color) -> float:
    """By WCAG 2.2, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=64)
def draw(card: Card) -> bytes:
    """As PNG."""
    ground = read_color(card.color)
    ink = ink_on(ground)
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    pen = ImageDraw.Draw(image)
    _write_teaser(pen, _drawable(card.teaser), ink)
    _write_foot(pen, _drawable(card.place), ink)
    _draw_lock(pen, ink)
    file = io.BytesIO()
    image.quantize(SHADES).save(file, "PNG", optimize=True)
    return file.getvalue()


def _write_teaser(pen: ImageDraw.ImageDraw, text: str, ink: Color) -> None:
    room = HEIGHT - 2 * MARGIN - FOOT
    for size in SIZES:
        font, step = font_of(size, BOLD), round(size * LEADING)
        lines = list(_wrap(text, font, WIDTH - 2 * MARGIN))
        if len(lines) * step <= room:
            break
    fitting = room // step
    if len(lines) > fitting:
        lines[fitting - 1 :] = [_shorten(f"{lines[fitting - 1]} {MORE}", font)]
    for number, line in enumerate(lines):
        pen.text((MARGIN, MARGIN + number * step), line, font=font, fill=ink, anchor="la")


def _write_foot(pen: ImageDraw.ImageDraw, place: str, ink: Color) -> None:
    top = HEIGHT - MARGIN - PLACE_SIZE
    pen.rectangle((MARGIN, top - 36, WIDTH - MARGIN, top - 33), fill=ink)
    font = font_of(PLACE_SIZE, MEDIUM)
    line = _shorten(place, font, WIDTH - 2 * MARGIN - 2 * PLACE_SIZE)
    pen.text((MARGIN, top), line, font=font, fill=ink, anchor="la")


def _draw_lock(pen: ImageDraw.ImageDraw, ink: Color) -> None:
    right, bottom = WIDTH - MARGIN, HEIGHT - MARGIN + 4
    pen.arc((right - 41, bottom - 60, right - 11, bottom - 26), 180, 360, fill=ink, width=7)
    for x in (right - 41, right - 17):
        pen.rectangle((x, bottom - 44, x + 6, bottom - 30), fill=ink)
    pen.rounded_rectangle((right - 52, bottom - 36, right, bottom), 6, fill=ink)


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    """Lines no wider than that; a word that is wider is broken."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > width:
            end = _fitting(line, font, width)
            yield line[:end]
            line = line[end:]
    if line:
        yield line


def _fitting(word: str, font: ImageFont.FreeTypeFont, width: float) -> int:
    """How many of its letters fit."""
    ends = range(1, len(word) + 1)
    return max(1, bisect_right(ends, width, key=lambda end: font.getlength(word[:end])))


def _shorten(line: str, font: ImageFont.FreeTypeFont, width: float = WIDTH - 2 * MARGIN) -> str:
    """The line, or as much of its beginning as fits, marked as cut."""
    kept = line.removesuffix(MORE).rstrip()
    if kept == line and font.getlength(line) <= width:
        return line
    while font.getlength(kept + MORE) > width:
        kept = kept[:-1].rstrip()
    return kept + MORE


def _drawable(text: str) -> str:
    """Without what the font has no picture of."""
    font = font_of(PLACE_SIZE, MEDIUM)
    nothing = bytes(font.getmask(NO_CHARACTER))
    return "".join(
        char
        for char in normalize("NFC", text)
        if char.isspace() or (char.isprintable() and bytes(font.getmask(char)) != nothing)
    )


@cache
def font_of(size: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(io.BytesIO(FONT), size, layout_engine=ImageFont.Layout.BASIC)
    font.set_variation_by_axes([OPTICAL_SIZE, weight])
    return font


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= LINEAR else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
