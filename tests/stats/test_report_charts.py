"""Where the marks of the report's pictures lie."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from lbs.stats.rules.report import charts
from lbs.stats.rules.report.charts import Spot


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (44, [0, 20, 40, 60]),
        (81, [0, 50, 100]),
        (200, [0, 50, 100, 150, 200]),
        (1_234_567, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
def test_counts_have_round_ticks(largest: int, ticks: list[int]):
    assert charts.count_ticks(largest) == ticks


@given(st.integers(0, 10**15))
def test_ticks_reach_over_the_largest_and_are_few(largest: int):
    ticks = charts.count_ticks(largest)
    assert largest <= ticks[-1] <= 2 * max(largest, 1) + 1
    assert 2 <= len(ticks) <= charts.TICKS + 2
    assert len({after - before for before, after in itertools.pairwise(ticks)}) == 1


def test_bars_are_as_wide_as_their_part_of_the_largest():
    first, second, third = charts.bars([("a", 200), ("b", 50), ("c", 80)], 10)
    assert (first.width, second.width, third.width) == (100, 25, 40)
    assert (first.before, second.before, third.before) == (100, 100, 40)
    assert [bar.y for bar in (first, second, third)] == [0, 10, 20]


def test_nothing_is_a_bar_without_width():
    assert [bar.width for bar in charts.bars([("a", 0), ("b", 0)], 10)] == [0, 0]
    assert charts.bars([], 10) == []


def test_columns_stand_on_the_line_and_the_smallest_is_seen():
    tall, none, small = charts.columns([1000, 0, 1], 1000, 50)
    assert (tall.y, tall.height) == (0, 50)
    assert (none.y, none.height) == (50, 0)
    assert (small.y, small.height) == (49, 1)
    assert tall.x + tall.width < none.x


@pytest.mark.parametrize(
    ("length", "named"),
    [
        (1, ["24"]),
        (5, ["24", "25", "26", "27", "28"]),
        (9, ["24", "26", "28", "30", "02"]),
        (30, ["24", "04", "14"]),
        (90, ["01", "01", "01"]),
    ],
)
def test_days_are_named_now_and_then(length: int, named: list[str]):
    days = [date(2026, 11, 24) + timedelta(days=number) for number in range(length)]
    ticks = charts.date_ticks(days)
    assert [f"{day:%d}" for _, day in ticks] == named
    assert ticks == sorted(ticks)


def test_a_year_has_few_names_of_months():
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(366)]
    assert len(charts.date_ticks(days)) <= 5


def test_differences_lie_on_one_scale_with_zero():
    scale = charts.scale_of([-5.0, 20.0])
    assert scale.place(-5) < scale.place(0) < scale.place(20)
    assert [tick.value for tick in scale.ticks] == [0, 10, 20]
    assert all(tick.at == scale.place(tick.value) for tick in scale.ticks)
    alone = charts.scale_of([])
    assert alone.place(0) == 50


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False).filter(lambda x: abs(x) > 1e-6)))
def test_every_value_has_its_place(values: list[float]):
    scale = charts.scale_of(values)
    assert all(0 <= scale.place(value) <= 100 for value in (0.0, *values))
    assert 1 <= len(scale.ticks) <= charts.TICKS + 2


# --- the map --------------------------------------------------------------------------------

COPENHAGEN = Spot("Ølbaren", 12.5561, 55.6944, 100)


def test_one_venue_lies_in_the_middle_of_a_map():
    found = charts.draw_map([COPENHAGEN])
    [dot] = found.dots
    assert (dot.x, dot.y, dot.number, dot.is_hollow) == (50, 50, 1, False)
    assert [name.text for name in found.names["narrow"]] == ["Ølbaren"]
    assert found.bar_m == 200


def test_no_venue_is_a_map_without_dots():
    assert charts.draw_map([]).dots == ()


@pytest.mark.parametrize("lat", [0.0, 55.7, -70.0])
@pytest.mark.parametrize("apart", [0.002, 0.05, 1.5])
def test_the_scale_bar_is_true(lat: float, apart: float):
    """Against the geodesic on the ellipsoid, east and north."""
    spots = [Spot("a", 10, lat, 5), Spot("b", 10 + apart, lat, 5), Spot("c", 10, lat + apart, 5)]
    found = charts.draw_map(spots)
    a, b, c = found.dots
    middle = lat + apart / 2
    east_m = Geodesic.WGS84.Inverse(middle, 10, middle, 10 + apart)["s12"]
    north_m = Geodesic.WGS84.Inverse(lat, 10, lat + apart, 10)["s12"]
    a_metre = found.bar / found.bar_m
    assert (b.x - a.x) == pytest.approx(east_m * a_metre, rel=0.01, abs=0.02)
    assert (a.y - c.y) / charts.ASPECT == pytest.approx(north_m * a_metre, rel=0.01, abs=0.02)


def test_venues_on_both_sides_of_the_date_line_are_neighbours():
    found = charts.draw_map([Spot("west", 179.99, -17, 5), Spot("east", -179.99, -17, 5)])
    west, east = found.dots
    assert west.x < east.x
    assert found.bar_m <= 1000


def test_the_area_of_a_dot_stands_for_its_visits():
    spots = [Spot(str(n), 12 + n, 55, weight) for n, weight in enumerate((400, 100, 0))]
    spots.append(Spot("hidden", 16, 55, None))
    large, small, none, hidden = charts.draw_map(spots).dots
    assert large.radius == pytest.approx(2 * small.radius, rel=0.01)
    assert (large.is_hollow, none.is_hollow, hidden.is_hollow) == (False, True, True)


SPOTS = st.lists(
    st.builds(
        Spot,
        name=st.text("abcdefghijklm ", min_size=1, max_size=40),
        lon=st.floats(12.5, 12.6),
        lat=st.floats(55.6, 55.7),
        weight=st.none() | st.integers(0, 10**6),
    ),
    max_size=40,
)


@pytest.mark.parametrize(("size", "width"), [("narrow", charts.NARROW), ("wide", charts.WIDE)])
@given(spots=SPOTS)
def test_names_do_not_lie_on_each_other_nor_outside(size: str, width: float, spots: list[Spot]):
    boxes = [box_of(name, width) for name in charts.draw_map(spots).names[size]]
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert right <= width
        assert top >= 0
        assert bottom <= width / charts.ASPECT
    for one, other in itertools.combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def box_of(name: charts.Name, width: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels, of letters as wide as those of the page's font."""
    long = charts.LETTER * len(name.text)
    x = name.x * width / 100 + name.dx
    y = name.y * width / charts.ASPECT / 100 + name.dy
    left = {"start": x, "middle": x - long / 2, "end": x - long}[name.anchor]
    return left, y - 12, left + long, y + 3


@given(SPOTS)
def test_numbers_do_not_lie_on_each_other(spots: list[Spot]):
    numbered = [dot for dot in charts.draw_map(spots).dots if dot.number]
    assert len(numbered) <= charts.NAMED
    for one, other in itertools.combinations(numbered, 2):
        across = abs(one.x - other.x) * charts.NARROW / 100
        down = abs(one.y - other.y) * charts.NARROW / charts.ASPECT / 100
        assert max(across, down) >= 2 * charts.NUMBERED_RADIUS - 0.01
