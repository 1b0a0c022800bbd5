"""A past told visit by visit is the past that a look back over all of them finds."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.offers.rules import (
    AllOf,
    AnyOf,
    EveryNthVisit,
    EveryVisit,
    Frequency,
    Friends,
    History,
    OffPeak,
    Part,
    Rule,
    Streak,
    Swarm,
    TopVisitor,
    Trail,
)
from lbs.offers.rules.history import HORIZON_DAYS, LEADER_DAYS, PRESENT_FOR, QUIET_WEEKS
from lbs.offers.rules.timeline import Known, Timeline, Visit, lookback

START = datetime(2026, 2, 1, tzinfo=UTC)
ZONES = {"here": ZoneInfo("Europe/Copenhagen"), "there": ZoneInfo("America/New_York")}
PEOPLE = ("anna", "bo", "carl", "dora")
EVERYTHING = frozenset(Part) - {Part.OPENED, Part.WINDOWS, Part.PARTY, Part.REFERRAL}
SENT = {"anna": [START + timedelta(days=day) for day in (9, 0, 4)], "bo": [START]}
"""When friends were credited, in no order."""

steps = st.sampled_from(
    [timedelta(0), timedelta(minutes=50), timedelta(hours=3), timedelta(hours=20)]
    + [timedelta(days=days) for days in (1, 2, 7, 30)]
) | st.timedeltas(timedelta(0), timedelta(days=3))


@st.composite
def streams(draw: st.DrawFn) -> list[Visit]:
    """Visits in the order of time, over some months."""
    at, visits = START, []
    for step in draw(st.lists(steps, max_size=40)):
        at += step
        visits.append(
            Visit(
                at,
                draw(st.sampled_from(PEOPLE)),
                draw(st.sampled_from(sorted(ZONES))),
                level=1,
                standing=draw(st.sampled_from([None, None, None, "tester", "staff", "erased"])),
            )
        )
    return visits


def looked_back(past: list[Visit], visit: Visit, known: Known) -> dict[str, Any]:
    """The same members, each from all visits before, in the plainest way."""
    now, zone = visit.at, ZONES[visit.venue_id]
    here = [other for other in past if other.venue_id == visit.venue_id]
    own = [other.at for other in here if other.customer == visit.customer]
    lately = {
        other.customer: other.standing
        for other in here
        if other.at >= now - PRESENT_FOR and other.standing not in ("staff", "erased")
    }
    return {
        "visits": len(own),
        "last_visit_at": own[-1] if own else None,
        "visit_times": _recent(own, now),
        "trail": {
            venue: _recent(times, now)
            for venue in ZONES
            if (
                times := [v.at for v in past if (v.customer, v.venue_id) == (visit.customer, venue)]
            )
        },
        "present": len(lately.keys() - {visit.customer}),
        "friends_present": sum(
            friend in lately and since <= now
            for friend, since in known.friends.get(visit.customer, ())
        ),
        "friends_sent": sum(at <= now for at in known.sent.get(visit.customer, ())),
        **_leaders(here, visit, zone),
        **_quiet(here, now, zone),
    }


def _recent(times: list[datetime], now: datetime) -> list[datetime]:
    return [at for at in times if at > now - timedelta(days=HORIZON_DAYS)]


def _leaders(here: list[Visit], visit: Visit, zone: ZoneInfo) -> dict[str, Any]:
    today = visit.at.astimezone(zone).date()
    days: defaultdict[str, dict[Any, datetime]] = defaultdict(dict)
    for other in here:
        day = other.at.astimezone(zone).date()
        if other.standing is None and 1 <= (today - day).days <= LEADER_DAYS:
            days[other.customer].setdefault(day, other.at)
    places = {customer: (len(own), max(own.values())) for customer, own in days.items()}
    own_days, own_at = places.pop(visit.customer, (0, None))
    best = min(places.values(), key=lambda place: (-place[0], place[1]), default=(0, None))
    return {
        "own_days": own_days,
        "own_reached_at": own_at,
        "best_other_days": best[0],
        "best_other_reached_at": best[1],
    }


def _quiet(here: list[Visit], now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    known = [other.at for other in here if other.at > now - timedelta(weeks=QUIET_WEEKS)]
    hour = _hour(now, zone)
    hits = sum(_hour(at, zone) == hour for at in known)
    return {"quiet": (hits, len(known)) if known else None}


def _hour(at: datetime, zone: ZoneInfo) -> tuple[int, int]:
    local = at.astimezone(zone)
    return local.isoweekday(), local.hour


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    visits=streams(),
    friends=st.dictionaries(
        st.sampled_from(PEOPLE),
        st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 40)), max_size=3),
    ),
)
def test_it_is_what_a_look_back_finds(visits, friends):
    known = Known(
        friends={
            one: [(other, START + timedelta(days=days)) for other, days in theirs]
            for one, theirs in friends.items()
        },
        sent=SENT,
    )
    timeline = Timeline(EVERYTHING, ZONES, tuple(ZONES), known)
    for number, visit in enumerate(visits):
        found, expected = timeline.before(visit), looked_back(visits[:number], visit, known)
        quiet, share = expected.pop("quiet"), found.pop("quiet_share", None)
        assert (share and (round(share.share * share.visits), share.visits)) == quiet
        assert History(**found).visit_times == found["visit_times"]
        plain = {name: list(found[name]) for name in ("visit_times",)}
        plain["trail"] = {venue: list(times) for venue, times in found["trail"].items() if times}
        expected["trail"] = {venue: times for venue, times in expected["trail"].items() if times}
        assert {name: plain.get(name, found[name]) for name in expected} == expected
        timeline.add(visit)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(visits=streams(), first=st.integers(0, 40))
def test_what_was_before_can_be_known_by_its_count(visits, first):
    """The tellings that begin later go on with what they are told of the time before."""
    whole, tallies = Timeline(frozenset(), ZONES), {}
    for visit in visits[:first]:
        whole.add(visit)
        key = visit.customer, visit.venue_id
        tallies[key] = tallies.get(key, (0,))[0] + 1, visit.at
    late = Timeline(frozenset(), ZONES, known=Known(tallies=tallies))
    for visit in visits[first:]:
        assert late.before(visit) == whole.before(visit)
        late.add(visit)
        whole.add(visit)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        (EveryVisit(), 0),
        (EveryNthVisit(5), 0),
        (EveryNthVisit(5, within_days=30), 31),
        (EveryNthVisit(5, count="days"), HORIZON_DAYS + 1),
        (Frequency(3, 7), 8),
        (Streak(4), 36),
        (Trail(("here", "there"), 30), 31),
        (TopVisitor(), LEADER_DAYS + 2),
        (OffPeak(0.1, 10), 7 * QUIET_WEEKS),
        (Swarm(3), 1),
        (Friends(1), 1),
        (AnyOf((Frequency(3, 7), AllOf((Streak(2), EveryVisit())))), 22),
    ],
)
def test_a_rule_says_how_far_it_looks_back(rule: Rule, days: int):
    assert lookback(rule) == timedelta(days=days)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    visits=streams(),
    rule=st.sampled_from(
        [
            Frequency(2, 5),
            Streak(2),
            EveryNthVisit(2, 6),
            TopVisitor(),
            OffPeak(0.3, 2),
            Swarm(2),
            Friends(1),
            Trail(("here", "there"), 4),
            AllOf((Streak(3), TopVisitor())),
        ]
    ),
)
def test_and_looks_no_further(visits, rule):
    """The rule says the same where all that is further back is known by its count alone."""
    if not visits:
        return
    whole = Timeline(rule.needs, ZONES, tuple(ZONES))
    last, tallies = visits[-1], {}
    late = [visit for visit in visits[:-1] if visit.at > last.at - lookback(rule)]
    for visit in visits[:-1]:
        whole.add(visit)
        if visit not in late:
            key = visit.customer, visit.venue_id
            tallies[key] = tallies.get(key, (0,))[0] + 1, visit.at
    short = Timeline(rule.needs, ZONES, tuple(ZONES), Known(tallies=tallies))
    for visit in late:
        short.add(visit)
    whole_look = rule.look(History(**whole.before(last)))
    assert rule.look(History(**short.before(last))) == whole_look
