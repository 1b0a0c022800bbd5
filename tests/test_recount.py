"""Every kind of unlock rule opens as often as a count of the check-ins themselves says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from bench.recount.__main__ import compare, count
from bench.recount.play import play
from bench.servers import database
from lbs.cli.replay import Row
from lbs.db import Database

DAYS, USERS, VENUES, BUSIEST = 75, 14, 6, 4
START = datetime(2010, 9, 1, tzinfo=UTC)
"""Clocks change within the days, in New York, on 7 November."""


def recorded(seed: int) -> list[Row]:
    """Customers with habits: a place they like, hours at which they go, weeks away."""
    chance = Random(seed)
    rows = []
    for user in range(USERS):
        favourite, away = chance.randrange(BUSIEST), chance.randrange(DAYS - 35)
        for day in range(DAYS):
            if away <= day < away + 32 or chance.random() < 0.45:
                continue
            venue = favourite if chance.random() < 0.6 else chance.randrange(VENUES)
            hour = chance.choice([13, 16, 17, 17, 18, 23])
            at = START + timedelta(days=day, hours=hour, minutes=chance.randrange(60))
            rows.append(Row(str(user), at, -74.0, 40.7 + venue / 10, str(venue)))
            if chance.random() < 0.2:
                rows.append(
                    Row(str(user), at + timedelta(hours=5), -74.0, rows[-1].lat, str(venue))
                )
    rows += [late(day, n, minutes) for day in range(5) for n, minutes in enumerate((0, 5, 10, 65))]
    return sorted(rows, key=lambda row: row.at)


def late(day: int, n: int, minutes: int) -> Row:
    """Three who come before midnight, in New York, and one after it while they are still there."""
    at = START + timedelta(days=10 + day, hours=3, minutes=20 + minutes)
    return Row(str(USERS + 4 * day + n), at, -74.0, 40.7 + (day % BUSIEST) / 10, str(day % BUSIEST))


@pytest.fixture(scope="module")
def played(cluster):
    with database(cluster, "recount") as base:
        db = Database(base.url)
        yield db, play(db, base.settings, recorded(20101107), BUSIEST)
        db.engine.dispose()


@pytest.fixture(scope="module")
def counted(played):
    return list(count(*played))


@pytest.fixture(scope="module")
def compared(played):
    return compare(*played)


def test_unlocks_of_every_kind_are_what_the_check_ins_say(counted):
    assert {line.kind: line.unlocks for line in counted} == {
        line.kind: line.expected for line in counted
    }


def test_every_funnel_is_what_plain_sql_says_also_when_made_anew(compared):
    assert {one.kind: (one.differ, one.rebuilt) for one in compared} == {
        one.kind: ({}, {}) for one in compared
    }


def test_every_kind_has_opened_and_none_always_but_those_that_should(counted):
    unlocks = {line.kind: line.unlocks for line in counted}
    visits = unlocks["every_visit"]
    assert {kind for kind, n in unlocks.items() if not 0 < n < visits} == {"every_visit", "charity"}
