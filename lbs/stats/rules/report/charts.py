"""Where the marks of a chart lie. Pure.

Across, everything is in percent of the picture's width, so that a picture can be as wide as its
page without its letters growing or shrinking; down, in pixels, or in percent where it says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

WHOLE = 100.0
DEGREE_M = 111_195.0
"""Of latitude, on a sphere with the Earth's mean radius."""

NICE = (1, 2, 5, 10)
TICKS = 4
GUTTER = 11.0
"""Room at the right for what the lines of a chart stand for."""

PITCH, BAR = 0.72, 22.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A step's customers, `width` wide; `before` is as wide as the bar before it."""

    name: str
    y: float
    width: float
    before: float


@dataclass(frozen=True, slots=True)
class Column:
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    value: float


def bars(customers: Sequence[tuple[str, int]], row: float) -> list[Bar]:
    """One below the other, each as wide as its part of the largest."""
    largest = max((count for _, count in customers), default=0) or 1
    widths = [_round(WHOLE * count / largest) for _, count in customers]
    return [
        Bar(name, number * row, width, max(before, width))
        for number, ((name, _), width, before) in enumerate(
            zip(customers, widths, [0.0, *widths], strict=False)
        )
    ]


def step_of(span: float, most: int = TICKS) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is in `span` at most so often."""
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(nice for nice in NICE if nice * power >= rough * (1 - 1e-9))


def count_ticks(largest: int) -> list[int]:
    """From zero on, until one is not less than the largest."""
    step = max(1, round(step_of(max(largest, 1))))
    return list(range(0, largest + step, step)) if largest else [0, step]


def columns(values: Sequence[int], top: int, height: float) -> list[Column]:
    """Side by side, as high as their part of `top`; what is not zero is seen."""
    pitch = (WHOLE - GUTTER) / max(len(values), 1)
    return [
        Column(
            _round(number * pitch),
            _round(pitch * PITCH),
            _round(height - tall),
            _round(tall),
        )
        for number, value in enumerate(values)
        for tall in [max(height * value / top, 1.0 if value else 0.0)]
    ]


def count_line(value: int, top: int, height: float) -> float:
    return _round(height * (1 - value / top))


def date_ticks(days: Sequence[date], most: int = 5) -> list[tuple[float, date]]:
    """Where months begin or, of a shorter time, every day, second, fifth, tenth..."""
    pitch = (WHOLE - GUTTER) / max(len(days), 1)
    firsts = [number for number, day in enumerate(days) if day.day == 1]
    if len(firsts) > 1:
        chosen = firsts[:: math.ceil(len(firsts) / most)]
    else:
        chosen = list(range(0, len(days), max(1, round(step_of(max(len(days), 1), most)))))
    return [(_round(number * pitch), days[number]) for number in chosen]


# --- differences with their intervals ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _round(WHOLE * min(max(share, 0.0), 1.0))


EDGE = 0.06


def scale_of(values: Iterable[float]) -> Scale:
    """Holds the values and zero, with room at both ends."""
    kept = [0.0, *values]
    low, high = min(kept), max(kept)
    span = (high - low) or 1.0
    low, high = low - EDGE * span, high + EDGE * span
    step = step_of(high - low)
    marks = [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
    scale = Scale(low, high, ())
    return Scale(low, high, tuple(Tick(scale.place(mark), mark) for mark in marks))


# --- the map ------------------------------------------------------------------------------------

ASPECT = 4 / 3
MARGIN = 0.14
SMALLEST_M = 800.0
"""A map shows at least so much from north to south, also of a single venue."""

NARROW, WIDE = 320.0, 600.0
"""The widths in pixels for which names are placed."""

RADIUS, LARGEST_RADIUS, NUMBERED_RADIUS = 5.0, 21.0, 9.0
NAMED, SQUARES = 12, 6
LETTER, LINE, GAP = 7.3, 15.0, 5.0
NAME_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Spot:
    """A venue to be drawn; `weight` is None where its counts are hidden."""

    name: str
    lon: float
    lat: float
    weight: int | None


@dataclass(frozen=True, slots=True)
class Dot:
    """A venue; `x` and `y` in percent, `radius` in pixels, its number if there is room for it."""

    x: float
    y: float
    radius: float
    number: int | None
    is_hollow: bool


@dataclass(frozen=True, slots=True)
class Name:
    """`x` and `y` in percent, moved by `dx` and `dy` pixels."""

    text: str
    x: float
    y: float
    dx: float
    dy: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Map:
    dots: tuple[Dot, ...]
    names: dict[str, tuple[Name, ...]]
    """By how wide the map is: `narrow` or `wide`."""
    grid_x: tuple[float, ...]
    grid_y: tuple[float, ...]
    bar: float
    """How wide the scale bar is, in percent."""
    bar_m: float


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def lies_within(self, other: Box) -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


def draw_map(spots: Sequence[Spot]) -> Map:
    """Equirectangular: true to scale along the middle parallel. The first spots are numbered."""
    places, width_m = _project(spots)
    largest = max((spot.weight or 0 for spot in spots), default=0)
    room = max(RADIUS, LARGEST_RADIUS * math.sqrt(min(1, NAMED / max(len(spots), 1))))
    radii = [_radius(spot.weight, largest, room) for spot in spots]
    numbers = _numbers(places)
    dots = tuple(
        Dot(
            x,
            y,
            max(radius, NUMBERED_RADIUS) if number else radius,
            number,
            not spot.weight,
        )
        for spot, (x, y), radius, number in zip(spots, places, radii, numbers, strict=True)
    )
    step_m = step_of(width_m, SQUARES)
    step = WHOLE * step_m / width_m
    return Map(
        dots=dots,
        names={
            "narrow": tuple(_names(spots, dots, NARROW)),
            "wide": tuple(_names(spots, dots, WIDE)),
        },
        grid_x=_lines(step),
        grid_y=_lines(step * ASPECT),
        bar=_round(step),
        bar_m=step_m,
    )


def _project(spots: Sequence[Spot]) -> tuple[list[tuple[float, float]], float]:
    """Each in percent from the left and from the top, and how many metres wide the map is."""
    lons = _one_side([spot.lon for spot in spots])
    lats = [spot.lat for spot in spots]
    if not spots:
        return [], SMALLEST_M * ASPECT
    mid_lon, mid_lat = (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
    squeeze = max(math.cos(math.radians(mid_lat)), 0.01)
    east = [(lon - mid_lon) * squeeze * DEGREE_M for lon in lons]
    north = [(lat - mid_lat) * DEGREE_M for lat in lats]
    room = 1 - 2 * MARGIN
    height_m = max(
        SMALLEST_M,
        (max(north) - min(north)) / room,
        (max(east) - min(east)) / room / ASPECT,
    )
    width_m = height_m * ASPECT
    return [
        (_round(50 + WHOLE * x / width_m), _round(50 - WHOLE * y / height_m))
        for x, y in zip(east, north, strict=True)
    ], width_m


def _one_side(lons: list[float]) -> list[float]:
    """Without the jump at the 180th meridian, where venues lie on both sides of it."""
    if lons and max(lons) - min(lons) > 180:  # noqa: PLR2004
        return [lon + 360 if lon < 0 else lon for lon in lons]
    return lons


def _radius(weight: int | None, largest: int, room: float) -> float:
    """The area stands for the weight; the more venues, the less `room` there is for each."""
    if not weight:
        return RADIUS
    return _round(max(RADIUS, room * math.sqrt(weight / largest)))


def _numbers(places: Sequence[tuple[float, float]]) -> list[int | None]:
    """For the first spots, where no earlier number is in the way on a narrow map."""
    taken: list[Box] = []
    numbers: list[int | None] = []
    for number, (x, y) in enumerate(places, 1):
        box = _around(x, y, NUMBERED_RADIUS, NARROW)
        has_room = number <= NAMED and not any(box.overlaps(other) for other in taken)
        numbers.append(number if has_room else None)
        if has_room:
            taken.append(box)
    return numbers


def _names(spots: Sequence[Spot], dots: Sequence[Dot], width: float) -> Iterable[Name]:
    """The names for which there is room, those of the most visited first."""
    frame = Box(2, 2, width - 2, width / ASPECT - 30)
    taken = [_around(dot.x, dot.y, dot.radius, width) for dot in dots]
    for spot, dot in list(zip(spots, dots, strict=True))[:NAMED]:
        text = shorten(spot.name, NAME_LENGTH)
        for name, box in _beside(text, dot, width):
            if box.lies_within(frame) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                yield name
                break


def _beside(text: str, dot: Dot, width: float) -> Iterable[tuple[Name, Box]]:
    """At the right, the left, below and above."""
    x, y = dot.x * width / WHOLE, dot.y * width / ASPECT / WHOLE
    long, away = LETTER * len(text), dot.radius + GAP
    for dx, dy, anchor, left in (
        (away, 4.0, "start", x + away),
        (-away, 4.0, "end", x - away - long),
        (0.0, away + LINE - 4, "middle", x - long / 2),
        (0.0, -away, "middle", x - long / 2),
    ):
        top = y + dy - LINE + 3
        yield Name(text, dot.x, dot.y, dx, dy, anchor), Box(left, top, left + long, top + LINE)


def _around(x: float, y: float, radius: float, width: float) -> Box:
    left, top = x * width / WHOLE, y * width / ASPECT / WHOLE
    return Box(left - radius, top - radius, left + radius, top + radius)


def _lines(step: float) -> tuple[float, ...]:
    """Both ways from the middle."""
    count = math.floor(WHOLE / 2 / step)
    return tuple(_round(50 + number * step) for number in range(-count, count + 1))


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _round(number: float) -> float:
    return round(number, 2)
