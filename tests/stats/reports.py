"""Reports made by hand, to be changed by a test in what matters to it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.stats.rules.report.data import (
    Arm,
    Comparison,
    Money,
    Period,
    Place,
    Point,
    ReportData,
    Step,
    last_days,
)
from lbs.stats.rules.tally import STEPS

ZONE = "Europe/Copenhagen"
NOW = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
START, END = last_days(NOW, ZONE)
COUNTS = {
    "listed": (18_240, 6_120, None, None),
    "viewed": (9_410, 4_385, 0.717, 46),
    "checked_in": (3_904, 2_207, 0.503, 7_560),
    "unlocked": (2_610, 1_874, 0.849, 1),
    "reserved": (0, 0, None, None),
    "pass_shown": (2_204, 1_651, 0.881, 312),
    "redeemed": (2_097, 1_588, 0.962, 38),
    "returned": (702, 702, 0.442, 1_036_800),
}
BESIDE = {
    "ambiguous": 61,
    "rejected": 214,
    "refused": 33,
    "reversed": 12,
    "expired": 418,
    "flagged": 3,
    "shared": 96,
    "share_visited": 271,
    "friend_visits": 58,
    "returned_7": 219,
    "returned_30": 521,
    "returned_90": 702,
}
PLACES = [
    ("20 grams", 12.5561, 55.6944, 812, 1391, 941, 760),
    ("Buzz Kaffebar", 12.5683, 55.6761, 644, 1102, 720, 588),
    ("Kaffe på Ølandsgade", 12.6022, 55.6664, 301, 488, 322, 251),
    ("Rist & Co.", 12.5399, 55.6669, 244, 402, 270, 214),
    ("Nørrebro Bageri", 12.5440, 55.7015, 201, 344, 232, 188),
    ("Refshalens Rosteri", 12.6190, 55.6905, 98, 121, 84, 66),
    ("Valby Kaffehus", 12.5045, 55.6629, 41, 56, 41, 30),
    ("Kiosken i Parken", 12.5709, 55.7020, None, None, None, None),
]


def steps(counts: dict[str, Any]) -> tuple[Step, ...]:
    return tuple(Step(name, *counts.get(name, (0, 0))) for name in STEPS)


def days(start: datetime = START, end: datetime = END, *, busy: float = 1.0) -> tuple[Point, ...]:
    """Weekends are busier, and every day has luck of its own."""
    random, zone, points = Random(7), ZoneInfo(ZONE), []
    day = start.astimezone(zone)
    while day < end:
        season = 1 + 0.35 * math.sin(len(points) / 14)
        mean = busy * season * (62 if day.weekday() >= 5 else 36)
        visits = round(random.gauss(mean, math.sqrt(mean))) if busy else 0
        unlocks = round(visits * random.uniform(0.6, 0.75))
        points.append(Point(day, visits, unlocks, round(unlocks * random.uniform(0.7, 0.9))))
        following = day.date() + timedelta(days=1)
        day = datetime(following.year, following.month, following.day, tzinfo=zone)
    return tuple(points)


COMPARISON = Comparison(
    measure="visits",
    arms=(
        Arm("holdout", 412, 0.508),
        Arm("free coffee", 1_840, 0.631, 0.123, 0.031, 0.215, 0.242),
        Arm("half price", 1_846, 0.532, 0.024, -0.067, 0.115, 0.047),
    ),
    compared_with="holdout",
    verdict={"en": "The offer causes visits.", "da": "Tilbuddet giver besøg."},
    started_at=datetime(2026, 9, 1, tzinfo=UTC),
)


def report(**members: Any) -> ReportData:
    """A café's offer after 90 days, unless it is said otherwise."""
    counts = {
        name: (round(0.87 * n), round(0.9 * c), k, s) for name, (n, c, k, s) in COUNTS.items()
    }
    before = Period(
        start=START - (END - START),
        end=START,
        steps=steps(counts),
        new_customers=871,
        beside={name: round(0.8 * count) for name, count in BESIDE.items()},
        money=(Money("DKK", 6_380_000, 1_093_000, 14_210_000, 322, 600, 1_255, 13.0),),
    )
    period = Period(
        start=START,
        end=END,
        steps=steps(COUNTS),
        new_customers=1_043,
        beside=BESIDE,
        money=(Money("DKK", 7_297_500, 1_251_000, 17_842_500, 320, 600, 1_199, 14.2626, 5_125),),
    )
    made = ReportData(
        offer_id=UUID("019abc12-0000-7000-8000-000000000002"),
        offer_version=3,
        teaser="Something warm is on us, your first time here",
        status="active",
        valid_from=datetime(2026, 3, 1, tzinfo=UTC),
        valid_to=datetime(2027, 3, 1, tzinfo=UTC),
        time_zone=ZONE,
        has_other_zones=False,
        made_at=NOW,
        period=period,
        before=before,
        points=days(),
        places=tuple(Place(*place) for place in PLACES),
        comparisons=(COMPARISON,),
    )
    return replace(made, **members)


EMPTY_PERIOD = Period(START, END, steps({}), beside=dict.fromkeys(BESIDE, 0))
EMPTY = {
    "period": EMPTY_PERIOD,
    "before": replace(EMPTY_PERIOD, start=START - (END - START), end=START),
    "points": days(busy=0),
    "places": (),
    "comparisons": (),
}
