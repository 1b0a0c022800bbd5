"""Fences, pure: each rule that a fence may break, with the place where it breaks it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon as Shape

from lbs.geo import (
    KM_PER_DEGREE,
    MAX_AREA_KM2,
    MAX_POSITIONS,
    Circle,
    FlawedGeometry,
    Point,
    area_km2,
    check_circle,
    looks_swapped,
    read_fence,
    time_zone_at,
)

LON, LAT = 12.57, 55.68
SQUARE = [[LON, LAT], [LON + 0.01, LAT], [LON + 0.01, LAT + 0.01], [LON, LAT + 0.01], [LON, LAT]]
HOLE = [
    [LON + 0.002, LAT + 0.002],
    [LON + 0.002, LAT + 0.004],
    [LON + 0.004, LAT + 0.004],
    [LON + 0.004, LAT + 0.002],
    [LON + 0.002, LAT + 0.002],
]
FAR = [[lon + 0.1, lat] for lon, lat in SQUARE]
HUGE = 10**400


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def multi(*polygons: Any) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def ring_of(positions: int) -> list[list[float]]:
    """A closed ring about the place, of so many positions."""
    step = 2 * math.pi / (positions - 1)
    ring = [
        [LON + 0.01 * math.cos(n * step), LAT + 0.01 * math.sin(n * step)]
        for n in range(positions - 1)
    ]
    return [*ring, ring[0]]


def with_position(position: Any) -> dict[str, Any]:
    return polygon([SQUARE[0], position, *SQUARE[2:]])


@pytest.mark.parametrize(
    ("fence", "rule", "path"),
    [
        pytest.param(polygon(SQUARE[:4]), "closed", ("coordinates", 0), id="open"),
        pytest.param(polygon(SQUARE[:2]), "closed", ("coordinates", 0), id="a line"),
        pytest.param(polygon(SQUARE, HOLE[:-1]), "closed", ("coordinates", 1), id="open hole"),
        pytest.param(
            multi([SQUARE], [FAR[:-1]]), "closed", ("coordinates", 1, 0), id="second of two open"
        ),
        pytest.param(polygon([SQUARE[0]]), "positions", ("coordinates", 0), id="one position"),
        pytest.param(
            polygon([SQUARE[0], SQUARE[1], SQUARE[0]]),
            "positions",
            ("coordinates", 0),
            id="three positions",
        ),
        pytest.param(
            polygon([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]),
            "simple",
            ("coordinates",),
            id="bow tie",
        ),
        pytest.param(polygon(SQUARE, FAR), "simple", ("coordinates",), id="hole outside"),
        pytest.param(polygon(HOLE, SQUARE), "simple", ("coordinates",), id="hole around the ring"),
        pytest.param(multi([SQUARE], [SQUARE]), "simple", ("coordinates",), id="twice the same"),
        pytest.param(polygon(), "empty", ("coordinates",), id="no ring"),
        pytest.param(polygon([]), "empty", ("coordinates", 0), id="no position"),
        pytest.param(multi(), "empty", ("coordinates",), id="no polygon"),
        pytest.param(multi([]), "empty", ("coordinates", 0), id="no ring in a polygon"),
        pytest.param(multi([[]]), "empty", ("coordinates", 0, 0), id="no position in a polygon"),
        pytest.param(polygon([SQUARE[0]] * 4), "empty", ("coordinates",), id="all one position"),
        pytest.param(
            polygon([SQUARE[0], SQUARE[1], SQUARE[0], SQUARE[0]]),
            "empty",
            ("coordinates",),
            id="no area",
        ),
        pytest.param(
            {"type": "Polygon", "coordinates": None}, "empty", ("coordinates",), id="null"
        ),
        pytest.param(
            {"type": "MultiPolygon", "coordinates": "x"}, "empty", ("coordinates",), id="text"
        ),
        pytest.param(polygon(7), "empty", ("coordinates", 0), id="ring that is a number"),
        pytest.param(multi({"a": 1}), "empty", ("coordinates", 0), id="polygon that is an object"),
        pytest.param(with_position([200, LAT]), "range", ("coordinates", 0, 1), id="lon 200"),
        pytest.param(with_position([LON, 90.01]), "range", ("coordinates", 0, 1), id="lat 90.01"),
        pytest.param(with_position([-180.01, LAT]), "range", ("coordinates", 0, 1), id="lon -180"),
        pytest.param(with_position([HUGE, LAT]), "range", ("coordinates", 0, 1), id="huge lon"),
        pytest.param(with_position([LON, -HUGE]), "range", ("coordinates", 0, 1), id="huge lat"),
        pytest.param(with_position([LON]), "position", ("coordinates", 0, 1), id="one number"),
        pytest.param(
            with_position([LON, LAT, 1, 1]), "position", ("coordinates", 0, 1), id="four numbers"
        ),
        pytest.param(with_position("x"), "position", ("coordinates", 0, 1), id="text for one"),
        pytest.param(with_position(None), "position", ("coordinates", 0, 1), id="null for one"),
        pytest.param(
            with_position([str(LON), LAT]), "position", ("coordinates", 0, 1), id="text in one"
        ),
        pytest.param(
            with_position([True, LAT]), "position", ("coordinates", 0, 1), id="true in one"
        ),
        pytest.param(
            with_position([math.inf, LAT]), "position", ("coordinates", 0, 1), id="infinity"
        ),
        pytest.param(with_position([LON, math.nan]), "position", ("coordinates", 0, 1), id="nan"),
        pytest.param(
            polygon([[179.9, 0], [-179.9, 0], [-179.9, 1], [179.9, 1], [179.9, 0]]),
            "antimeridian",
            ("coordinates", 0),
            id="across the antimeridian",
        ),
        pytest.param(
            polygon([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]), "area", ("coordinates",), id="large"
        ),
        pytest.param(
            polygon(ring_of(MAX_POSITIONS + 1)), "size", ("coordinates",), id="many positions"
        ),
        pytest.param(
            multi([ring_of(MAX_POSITIONS - 3)], [FAR]),
            "size",
            ("coordinates",),
            id="many positions in all",
        ),
    ],
)
def test_a_flawed_fence_names_the_rule_and_the_place(fence, rule, path):
    with pytest.raises(FlawedGeometry) as refused:
        read_fence(fence)
    assert (rule, path) in [(flaw.rule, flaw.path) for flaw in refused.value.flaws]
    assert all(flaw.detail for flaw in refused.value.flaws)


@pytest.mark.parametrize(
    ("fence", "polygons", "holes"),
    [
        pytest.param(polygon(SQUARE), 1, 0, id="square"),
        pytest.param(polygon(SQUARE[::-1]), 1, 0, id="clockwise"),
        pytest.param(polygon(SQUARE, HOLE), 1, 1, id="with a hole"),
        pytest.param(multi([SQUARE], [FAR]), 2, 0, id="two areas"),
        pytest.param(multi([SQUARE, HOLE], [FAR]), 2, 1, id="two areas and a hole"),
        pytest.param(polygon([[*at, 12.5] for at in SQUARE]), 1, 0, id="with altitude"),
        pytest.param(polygon(ring_of(MAX_POSITIONS)), 1, 0, id="as many positions as may be"),
        pytest.param(polygon([*SQUARE[:3], SQUARE[0]]), 1, 0, id="triangle"),
        pytest.param(
            polygon([[179.99, 0], [180, 0], [180, 0.01], [179.99, 0.01], [179.99, 0]]),
            1,
            0,
            id="up to the antimeridian",
        ),
        pytest.param(
            multi(
                [[[179.99, 0], [180, 0], [180, 0.01], [179.99, 0.01], [179.99, 0]]],
                [[[-180, 0], [-179.99, 0], [-179.99, 0.01], [-180, 0.01], [-180, 0]]],
            ),
            2,
            0,
            id="cut at the antimeridian",
        ),
    ],
)
def test_a_sound_fence_is_read_with_its_outer_rings_counterclockwise(fence, polygons, holes):
    shape = read_fence(fence)
    assert len(shape.geoms) == polygons
    assert sum(len(part.interiors) for part in shape.geoms) == holes
    assert all(part.exterior.is_ccw for part in shape.geoms)
    assert not shape.has_z


def test_all_flaws_of_a_fence_are_found_at_once_but_not_thousands():
    ring = [[500, 0]] * 1000
    with pytest.raises(FlawedGeometry) as refused:
        read_fence(multi([SQUARE[:4]], [ring]))
    assert [flaw.path for flaw in refused.value.flaws] == [
        ("coordinates", 0, 0),
        ("coordinates", 1, 0, 0),
        ("coordinates", 1, 0, 1),
        ("coordinates", 1, 0, 2),
    ]


def test_positions_that_look_swapped_are_said_to_be():
    with pytest.raises(FlawedGeometry, match="swapped"):
        read_fence(with_position([12, 120]))


@pytest.mark.parametrize("lat", [0, 55, -70])
@pytest.mark.parametrize(("factor", "sound"), [(0.999, True), (1.001, False)])
def test_a_fence_may_cover_so_much_and_no_more(lat: float, factor: float, sound: bool):  # noqa: FBT001
    side = math.sqrt(MAX_AREA_KM2 * factor) / KM_PER_DEGREE
    wide = side / math.cos(math.radians(lat + side / 2))
    fence = polygon([[0, lat], [wide, lat], [wide, lat + side], [0, lat + side], [0, lat]])
    if sound:
        assert area_km2(read_fence(fence)) == pytest.approx(MAX_AREA_KM2 * factor, rel=0.001)
    else:
        with pytest.raises(FlawedGeometry, match="at most 400"):
            read_fence(fence)


@pytest.mark.parametrize(
    ("lon", "lat", "radius_m", "rule"),
    [
        (12.57, 55.68, 10_000, None),
        (0, 88.9, 10_000, None),
        (0, -88.9, 10_000, None),
        (0, 88.92, 10_000, "pole"),
        (0, -88.92, 10_000, "pole"),
        (0, 90, 10, "pole"),
        (180, 0, 10, "antimeridian"),
        (-180, 0, 10, "antimeridian"),
        (179.92, 0, 10_000, "antimeridian"),
        (179.90, 0, 10_000, None),
        (-179.90, 0, 10_000, None),
        (179.90, 60, 10_000, "antimeridian"),
        (179.80, 60, 10_000, None),
    ],
)
def test_a_circle_stays_clear_of_the_poles_and_the_antimeridian(lon, lat, radius_m, rule):
    circle = Circle(Point(lon=lon, lat=lat), radius_m)
    if rule is None:
        check_circle(circle)
        return
    with pytest.raises(FlawedGeometry) as refused:
        check_circle(circle)
    [flaw] = refused.value.flaws
    member = "lat" if rule == "pole" else "lon"
    assert (flaw.rule, flaw.path) == (rule, ("centre", member))


@pytest.mark.parametrize(
    ("lon", "lat", "time_zone"),
    [
        (12.57, 55.68, "Europe/Copenhagen"),
        (-73.98, 40.75, "America/New_York"),
        (151.21, -33.87, "Australia/Sydney"),
        (0, 0, "Etc/GMT"),
    ],
)
def test_a_place_has_a_time_zone(lon: float, lat: float, time_zone: str):
    assert time_zone_at(lon=lon, lat=lat) == time_zone


@pytest.mark.parametrize(
    ("lon", "lat", "time_zone", "swapped"),
    [
        (12.57, 55.68, "Europe/Copenhagen", False),
        (55.68, 12.57, "Europe/Copenhagen", True),
        (12.57, 55.68, None, False),
        (55.68, 12.57, None, True),
        (-73.98, 40.75, "America/New_York", False),
        (40.75, -73.98, "America/New_York", True),
        (151.21, -33.87, "Australia/Sydney", False),
        (4.0, 57.0, None, False),
        (4.0, 57.0, "Europe/Copenhagen", False),
        (12.57, 55.68, "America/New_York", False),
        (10.0, 10.0, None, False),
        (178.0, 10.0, None, False),
    ],
)
def test_swapped_coordinates_are_recognised(lon, lat, time_zone, swapped):
    assert looks_swapped(lon=lon, lat=lat, time_zone=time_zone) is swapped


@given(
    lon=st.floats(-179, 179),
    lat=st.floats(-85, 85),
    wide=st.floats(1e-4, 0.1),
    high=st.floats(1e-4, 0.1),
)
def test_any_small_box_is_a_sound_fence(lon: float, lat: float, wide: float, high: float):
    box = [[lon, lat], [lon + wide, lat], [lon + wide, lat + high], [lon, lat + high], [lon, lat]]
    assert read_fence(polygon(box)).geoms[0].equals(Shape(box))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_whatever_comes_as_coordinates_is_read_or_refused(coordinates: Any):
    for kind in ("Polygon", "MultiPolygon"):
        try:
            read_fence({"type": kind, "coordinates": coordinates})
        except FlawedGeometry as refused:
            assert refused.flaws  # noqa: PT017
