"""How far a position is from a fence, as PostGIS measures it for a check-in."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from lbs.geo import Point, distance_m
from lbs.venues.queries import POINT, SIGNED_DISTANCE_M, SIGNED_EVENT_DISTANCE_M
from tests.venues.test_events import circle, create, square
from tests.world import World

TO_VENUE = text(f"""
    SELECT {SIGNED_DISTANCE_M} FROM venue, (SELECT {POINT} AS at) AS position
    WHERE venue.id = :id
""")
TO_EVENT = text(f"""
    SELECT {SIGNED_EVENT_DISTANCE_M}
    FROM event JOIN venue ON venue.id = event.venue_id, (SELECT {POINT} AS at) AS position
    WHERE event.id = :id
""")
SIDE = 0.001
"""Of the square north-east of the world's place, in degrees."""


def measured(db: Any, statement: Any, place: dict[str, Any], lon: float, lat: float) -> float:
    with db.transaction() as session:
        values = {"id": place["id"], "lon": lon, "lat": lat}
        return float(session.scalar(statement, values))


@pytest.mark.parametrize("north", [0, 0.0003, 0.002, 1.0])
def test_to_a_circle_it_is_the_way_to_the_centre_less_the_radius(world: World, db, north):
    venue, (lon, lat) = world.venue(fence=circle(world, radius_m=50)), (world.lon, world.lat)
    way = distance_m(Point(lon, lat), Point(lon, lat + north))
    assert measured(db, TO_VENUE, venue, lon, lat + north) == pytest.approx(way - 50, abs=0.01)


@pytest.mark.parametrize(
    ("along", "inside"), [(0.5, True), (0.9, True), (-0.1, False), (1.1, False), (30, False)]
)
def test_to_a_polygon_it_is_the_way_to_the_nearest_edge(world: World, db, along, inside):
    """East and west edges are meridians: the way there is along the parallel, nearly."""
    venue, (lon, lat) = world.venue(fence=square(world)), (world.lon, world.lat)
    position = Point(lon + along * SIDE, lat + SIDE / 2)
    edges = [Point(lon + SIDE * e, position.lat) for e in (0, 1)]
    way = min(distance_m(position, edge) for edge in edges)
    found = measured(db, TO_VENUE, venue, position.lon, position.lat)
    assert found == pytest.approx(-way if inside else way, rel=1e-3)


@pytest.mark.parametrize("side", [1, -1])
def test_a_fence_cut_at_the_antimeridian_holds_what_lies_on_either_side(world: World, db, side):
    def half(edge: float, far: float) -> list[list[list[float]]]:
        west, east = sorted([edge, far])
        return [[[west, 0], [east, 0], [east, 0.02], [west, 0.02], [west, 0]]]

    fence = {"type": "MultiPolygon", "coordinates": [half(180, 179.99), half(-180, -179.99)]}
    venue = world.venue(fence=fence, time_zone="Pacific/Fiji")
    assert measured(db, TO_VENUE, venue, side * 179.995, 0.01) < 0
    assert measured(db, TO_VENUE, venue, side * 179.9, 0.01) == pytest.approx(10_018.8, rel=1e-3)


def test_to_an_event_it_is_to_its_own_fence_or_else_to_the_venues(world: World, db):
    venue = world.venue(fence=circle(world, radius_m=50))
    plain, own = create(world, venue), create(world, venue, fence=circle(world, radius_m=200))
    squared = create(world, venue, fence=square(world))
    at = (world.lon, world.lat)
    assert measured(db, TO_EVENT, plain, *at) == pytest.approx(-50)
    assert measured(db, TO_EVENT, own, *at) == pytest.approx(-200)
    assert measured(db, TO_EVENT, squared, *at) == pytest.approx(0, abs=1e-6)
