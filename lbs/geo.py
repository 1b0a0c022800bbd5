"""Fences as GeoJSON (RFC 7946) and as shapely shapes. Longitude first, always by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tzfpy
from geographiclib.geodesic import Geodesic
from shapely import MultiPolygon, Polygon, orient_polygons
from shapely.errors import ShapelyError
from shapely.validation import explain_validity

MIN_AREA_M2, MAX_AREA_KM2 = 1.0, 400.0
MAX_POSITIONS = 10_000
KM_PER_DEGREE = 111.32


class Point(NamedTuple):
    lon: float
    lat: float


class Flaw(NamedTuple):
    """What is wrong with a geometry: the rule it breaks, where, and in words."""

    rule: str
    path: tuple[str | int, ...]
    detail: str


class FlawedGeometry(ValueError):
    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__("; ".join(flaw.detail for flaw in flaws))
        self.flaws = tuple(flaws)


@dataclass(frozen=True, slots=True)
class Circle:
    """A fence given as centre and radius (metres)."""

    centre: Point
    radius_m: float


Fence = Circle | MultiPolygon


def read_fence(geometry: Mapping[str, Any]) -> MultiPolygon:
    """A GeoJSON Polygon or MultiPolygon as a shape, or FlawedGeometry with every flaw found."""
    polygons = geometry.get("coordinates")
    if geometry.get("type") == "Polygon":
        polygons = [polygons]
    found = [*_structure_flaws(polygons, single=geometry.get("type") == "Polygon")]
    if found:
        raise FlawedGeometry(found)
    shape = MultiPolygon([Polygon(rings[0], rings[1:]) for rings in _two_dimensional(polygons)])
    found = [*_shape_flaws(shape)]
    if found:
        raise FlawedGeometry(found)
    return orient_polygons(shape)


def check_circle(circle: Circle) -> None:
    """Refuse a circle that would reach over the antimeridian or a pole."""
    reach = circle.radius_m / 1000 / KM_PER_DEGREE
    lon, lat = circle.centre
    if abs(lat) + reach > 89:  # noqa: PLR2004
        raise FlawedGeometry([Flaw("pole", ("centre", "lat"), "The fence reaches over a pole.")])
    if abs(lon) + reach / math.cos(math.radians(lat)) > 180:  # noqa: PLR2004
        raise FlawedGeometry([_antimeridian(("centre", "lon"))])


def distance_m(one: Point, other: Point) -> float:
    """Metres along the geodesic on WGS 84 (Karney 2013), for positions that are in no table."""
    line = Geodesic.WGS84.Inverse(one.lat, one.lon, other.lat, other.lon, Geodesic.DISTANCE)
    return float(line["s12"])


def area_km2(shape: MultiPolygon) -> float:
    """Equirectangular, good to a percent below 85 degrees: enough for a limit."""
    middle = math.radians((shape.bounds[1] + shape.bounds[3]) / 2)
    return float(shape.area) * KM_PER_DEGREE**2 * math.cos(middle)


def time_zone_at(*, lon: float, lat: float) -> str:
    """The IANA time zone there."""
    return str(tzfpy.get_tz(lon, lat))


def looks_swapped(*, lon: float, lat: float, time_zone: str | None) -> bool:
    """Whether the venue's zone, or land where none is given, lies at (lat, lon) and not here."""
    if abs(lon) > 90:  # noqa: PLR2004
        return False
    here, there = tzfpy.get_tzs(lon, lat), tzfpy.get_tzs(lat, lon)
    if time_zone is None:
        return all(map(_at_sea, here)) and not all(map(_at_sea, there))
    return time_zone not in here and time_zone in there


def _at_sea(time_zone: str) -> bool:
    return time_zone.startswith("Etc/")


def _structure_flaws(polygons: Any, *, single: bool) -> Iterator[Flaw]:
    if not isinstance(polygons, list) or not polygons:
        yield Flaw("empty", ("coordinates",), "The fence has no polygon.")
        return
    if sum(_count_positions(rings) for rings in polygons) > MAX_POSITIONS:
        yield Flaw("size", ("coordinates",), f"More than {MAX_POSITIONS:,} positions.")
        return
    for index, rings in enumerate(polygons):
        path: tuple[str | int, ...] = ("coordinates",) if single else ("coordinates", index)
        if not isinstance(rings, list) or not rings:
            yield Flaw("empty", path, "The polygon has no ring.")
            continue
        for number, ring in enumerate(rings):
            yield from _ring_flaws(ring, (*path, number))


def _ring_flaws(ring: Any, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    if not isinstance(ring, list) or not ring:
        yield Flaw("empty", path, "The ring has no positions.")
        return
    flaws = [
        flaw for n, position in enumerate(ring) if (flaw := _position_flaw(position, (*path, n)))
    ]
    yield from flaws[:3]
    if flaws:
        return
    if ring[0][:2] != ring[-1][:2]:
        yield Flaw(
            "closed", path, "The ring is not closed: its last position must equal its first."
        )
    elif len(ring) < 4:  # noqa: PLR2004
        yield Flaw(
            "positions", path, "A ring has four positions or more, the last equal to the first."
        )
    lons = [position[0] for position in ring]
    if max(lons) - min(lons) > 180:  # noqa: PLR2004
        yield _antimeridian(path)


def _position_flaw(position: Any, path: tuple[str | int, ...]) -> Flaw | None:
    if not isinstance(position, list) or len(position) not in (2, 3):
        return Flaw("position", path, "A position is a list: longitude, latitude.")
    if not all(type(number) in (int, float) and abs(number) < math.inf for number in position):
        return Flaw("position", path, "A position is made of finite numbers.")
    lon, lat = position[:2]
    if abs(lon) <= 180 and abs(lat) <= 90:  # noqa: PLR2004
        return None
    hint = " They look swapped." if abs(lon) <= 90 and abs(lat) <= 180 else ""  # noqa: PLR2004
    return Flaw(
        "range",
        path,
        f"Longitude comes first, within 180 degrees; latitude second, within 90.{hint}",
    )


def _shape_flaws(shape: MultiPolygon) -> Iterator[Flaw]:
    if shape.is_empty or shape.convex_hull.area == 0:
        yield Flaw("empty", ("coordinates",), "The fence encloses no area.")
        return
    try:
        valid = shape.is_valid
    except ShapelyError:
        valid = False
    if not valid:
        yield Flaw(
            "simple", ("coordinates",), f"The fence is not simple: {explain_validity(shape)}."
        )
        return
    if (area := area_km2(shape)) * 1_000_000 < MIN_AREA_M2:
        yield Flaw("area", ("coordinates",), "The fence covers less than 1 m2.")
    if area > MAX_AREA_KM2:
        yield Flaw(
            "area",
            ("coordinates",),
            f"The fence covers {area:,.0f} km2; at most {MAX_AREA_KM2:,.0f}.",
        )


def _antimeridian(path: tuple[str | int, ...]) -> Flaw:
    return Flaw(
        "antimeridian",
        path,
        "The fence crosses the antimeridian: cut it at 180 degrees into a MultiPolygon "
        "(RFC 7946, 3.1.9).",
    )


def _count_positions(rings: Any) -> int:
    return (
        sum(len(ring) for ring in rings if isinstance(ring, list)) if isinstance(rings, list) else 0
    )


def _two_dimensional(polygons: Any) -> Any:
    return [[[position[:2] for position in ring] for ring in rings] for rings in polygons]
