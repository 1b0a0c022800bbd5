"""When offers open, and how they stand for a customer: pure, boundaries as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from lbs.offers.rules import (
    AT_OWN_CHECK_INS,
    FORBIDDEN,
    RULES,
    AllOf,
    AnyOf,
    Budget,
    Charity,
    Comeback,
    Event,
    EveryNthVisit,
    EveryVisit,
    FirstVisit,
    Flash,
    Frequency,
    Friends,
    History,
    HourShare,
    Limits,
    Look,
    NthVisit,
    Offer,
    OffPeak,
    Part,
    Party,
    Pledge,
    Reach,
    Referred,
    Referrer,
    Rule,
    Standing,
    State,
    Streak,
    Swarm,
    Take,
    TopVisitor,
    Trail,
    Unit,
    Why,
    brought,
    customer_bucket,
    day_bucket,
    friends_asked,
    is_customers,
    is_kept,
    leaves,
    needs_of,
    obstacle,
    opens,
    opens_for_others,
    read_rule,
    sold_out,
    stand,
    stand_after,
    takes_of,
    venue_bucket,
    venue_day_bucket,
    withheld,
    write_rule,
)
from lbs.offers.rules.words import FORBIDDEN as FORBIDDEN_TEXT
from lbs.offers.rules.words import NOUNS, WHY, progress_text

CPH = ZoneInfo("Europe/Copenhagen")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = date(2026, 11, 22)
TICK = timedelta(microseconds=1)
DAY, ME = day_bucket(TODAY), customer_bucket("me")
HERE, HERE_TODAY = venue_bucket("v"), venue_day_bucket("v", TODAY)
A, B, C = "venue-a", "venue-b", "venue-c"


def at(text: str, fold: int = 0) -> datetime:
    """A moment by the clock in Copenhagen: "2026-11-22 13:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=CPH, fold=fold)


def came(now: str, *times: str, **members) -> History:
    """The history of a customer who came to the venue at these times, by the clock there."""
    moments = tuple(at(text) for text in times)
    return History(
        **{
            "now": at(now),
            "zone": CPH,
            "visits": len(moments),
            "visit_times": moments,
            "last_visit_at": moments[-1] if moments else None,
            **members,
        }
    )


def days_ago(*days: int, **members) -> History:
    """A customer who came at noon so many days ago, oldest first."""
    times = [f"{TODAY - timedelta(days=ago)} 12:00" for ago in days]
    return came(f"{TODAY} 18:00", *times, **members)


def seen(rule: Rule, history: History) -> tuple[int, int, Why | None]:
    look = rule.look(history)
    return look.progress, look.after, look.why


def offer(rule: Rule | None = None, **members) -> Offer:
    return Offer(
        **{"id": 1, "rule": rule or EveryVisit(), "valid_from": NOW - timedelta(days=1), **members}
    )


def full(*buckets: str, cap: int = 1) -> dict:
    """The members of an offer of which these counters are taken up."""
    return caps(dict.fromkeys(buckets, cap), dict.fromkeys(buckets, cap))


def caps(caps: dict, taken: dict | None = None) -> dict:
    """The members of an offer with these caps, of which so much is taken."""
    takes = {bucket: Take(1, cap) for bucket, cap in caps.items()}
    return {"takes": takes, "taken": taken or {}}


def after(visits: int) -> History:
    return History(NOW, visits=visits)


# Visits


@pytest.mark.parametrize(
    ("rule", "opening"),
    [
        (EveryVisit(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (Charity(500, "Red Cross"), [1, 2, 3, 4, 5, 6, 7, 8]),
        (FirstVisit(), [1]),
        (NthVisit(1), [1]),
        (NthVisit(2), [2]),
        (NthVisit(8), [8]),
        (NthVisit(9), []),
        (EveryNthVisit(1), [1, 2, 3, 4, 5, 6, 7, 8]),
        (EveryNthVisit(2), [2, 4, 6, 8]),
        (EveryNthVisit(3), [3, 6]),
        (EveryNthVisit(8), [8]),
        (EveryNthVisit(9), []),
    ],
    ids=str,
)
def test_a_rule_opens_at_its_visits_and_no_other(rule: Rule, opening: list[int]):
    assert [visit for visit in range(1, 9) if rule.look(after(visit - 1)).opens] == opening


@pytest.mark.parametrize(
    ("rule", "looks"),
    [
        (EveryVisit(), [(0, 1, None)] * 5),
        (
            FirstVisit(),
            [(0, 1, None), (1, 1, Why.ONLY_ONCE), (1, 1, Why.ONLY_ONCE)],
        ),
        (
            NthVisit(3),
            [
                (0, 1, Why.MORE_VISITS),
                (1, 2, Why.MORE_VISITS),
                (2, 3, None),
                (3, 3, Why.ONLY_ONCE),
                (3, 3, Why.ONLY_ONCE),
            ],
        ),
        (
            EveryNthVisit(3),
            [
                (0, 1, Why.MORE_VISITS),
                (1, 2, Why.MORE_VISITS),
                (2, 3, None),
                (0, 1, Why.MORE_VISITS),
                (1, 2, Why.MORE_VISITS),
                (2, 3, None),
            ],
        ),
    ],
    ids=lambda value: str(value) if hasattr(value, "kind") else "",
)
def test_progress_before_and_after_each_visit(rule: Rule, looks: list):
    assert [seen(rule, after(visits)) for visits in range(len(looks))] == looks


@pytest.mark.parametrize(
    ("rule", "visits", "over"),
    [
        (EveryVisit(), 10**6, False),
        (FirstVisit(), 0, False),
        (FirstVisit(), 1, True),
        (NthVisit(3), 2, False),
        (NthVisit(3), 3, True),
        (NthVisit(3), 4, True),
        (EveryNthVisit(3), 10**6, False),
        (AllOf((NthVisit(3), EveryVisit())), 3, True),
        (AnyOf((NthVisit(3), EveryVisit())), 3, False),
        (AnyOf((NthVisit(3), FirstVisit())), 2, False),
        (AnyOf((NthVisit(3), FirstVisit())), 3, True),
    ],
    ids=str,
)
def test_a_rule_that_opens_once_is_over_afterwards(rule: Rule, visits: int, over: bool):  # noqa: FBT001
    assert rule.look(after(visits)).over is over


def test_charity_pledges_at_every_visit():
    rule = Charity(500, "Red Cross")
    assert rule.look(after(9)).pledges == (Pledge(500, "Red Cross"),)


@pytest.mark.parametrize(
    ("days", "look"),
    [
        ([], (0, 1, Why.MORE_VISITS)),
        ([1], (1, 2, Why.MORE_VISITS)),
        ([6, 6], (2, 3, None)),
        ([7, 6], (1, 2, Why.MORE_VISITS)),
        ([7, 7, 7], (0, 1, Why.MORE_VISITS)),
        ([6, 0], (2, 3, None)),
        ([6, 5, 4, 3], (3, 3, None)),
    ],
    ids=str,
)
def test_frequency_opens_at_every_visit_that_is_the_nth_within_the_days(days, look):
    assert seen(Frequency(3, within_days=7), days_ago(*days)) == look


@pytest.mark.parametrize(
    ("first", "now", "opening"),
    [
        # The week before a change of the clocks has an hour more or less, and as many days.
        ("2026-03-23 00:00", "2026-03-29 23:59", True),
        ("2026-03-22 23:59", "2026-03-29 00:00", False),
        ("2026-10-19 00:00", "2026-10-25 23:59", True),
        ("2026-10-18 23:59", "2026-10-25 00:00", False),
        ("2026-03-29 00:00", "2026-03-29 23:59", True),
    ],
)
def test_a_period_is_made_of_local_days_however_long_they_are(first, now, opening):
    assert Frequency(2, within_days=7).look(came(now, first)).opens is opening


def test_the_date_is_the_venues():
    utc = History(
        datetime(2026, 11, 22, 22, 30, tzinfo=UTC),
        visit_times=(datetime(2026, 11, 21, 23, 30, tzinfo=UTC),),
    )
    in_copenhagen = History(utc.now, CPH, visit_times=utc.visit_times)
    assert not Frequency(2, within_days=1).look(utc).opens
    assert Frequency(2, within_days=1).look(in_copenhagen).opens


@pytest.mark.parametrize(
    ("days", "opened", "look"),
    [
        ([], None, (0, 1, Why.MORE_VISITS)),
        ([9, 8], None, (2, 3, None)),
        ([10, 8], None, (1, 2, Why.MORE_VISITS)),
        # A full card that something kept closed opens at the next visit.
        ([9, 8, 7], None, (3, 3, None)),
        # What opened it is used up.
        ([9, 8, 7], 7, (0, 1, Why.MORE_VISITS)),
        ([9, 8, 7, 6], 7, (1, 2, Why.MORE_VISITS)),
        ([9, 8, 7, 6, 5], 7, (2, 3, None)),
    ],
    ids=str,
)
def test_a_card_whose_stamps_run_out(days, opened, look):
    rule = EveryNthVisit(3, within_days=10)
    opened_at = opened and days_ago(opened).last_visit_at
    assert seen(rule, days_ago(*days, opened_here_at=opened_at)) == look


@pytest.mark.parametrize(
    ("days", "opened", "look"),
    [
        ([], None, (0, 1, Why.MORE_DAYS)),
        ([1, 1], None, (1, 2, Why.MORE_DAYS)),
        ([2, 1], None, (2, 3, None)),
        ([1, 0], None, (2, 2, Why.COUNTED_TODAY)),
        ([2, 1, 0], None, (3, 3, None)),
        ([2, 1, 0], 0, (0, 0, Why.COUNTED_TODAY)),
        ([3, 2, 1], 1, (0, 1, Why.MORE_DAYS)),
        ([3, 2, 1, 1], 2, (1, 2, Why.MORE_DAYS)),
        ([399, 398], None, (2, 3, None)),
        ([400, 399], None, (1, 2, Why.MORE_DAYS)),
    ],
    ids=str,
)
def test_a_card_on_which_days_are_counted(days, opened, look):
    rule = EveryNthVisit(3, count="days")
    opened_at = None if opened is None else days_ago(opened).last_visit_at
    history = days_ago(*days, opened_here_at=opened_at)
    assert seen(rule, history) == look
    assert rule.look(history).unit is Unit.DAYS


def test_a_windowed_card_opens_at_every_nth_of_a_regulars_visits():
    rule, opened_at, opening = EveryNthVisit(5, within_days=30), None, []
    times = [NOW + timedelta(days=day) for day in range(600)]
    for visit, now in enumerate(times):
        past = tuple(times[max(0, visit - 400) : visit])
        look = rule.look(History(now, visits=visit, visit_times=past, opened_here_at=opened_at))
        if look.opens:
            opened_at = now
            opening.append(visit + 1)
    assert opening == list(range(5, 601, 5))


@pytest.mark.parametrize(
    ("now", "times", "look"),
    [
        ("2026-11-22 12:00", [], (0, 1, Why.MORE_WEEKS)),
        ("2026-11-22 12:00", ["2026-11-15"], (1, 2, Why.MORE_WEEKS)),
        ("2026-11-22 12:00", ["2026-11-02", "2026-11-15"], (2, 3, None)),
        # Monday 00:00 to Sunday 23:59 by the venue's clock.
        ("2026-11-16 00:00", ["2026-11-02", "2026-11-15 23:59"], (2, 3, None)),
        ("2026-11-22 23:59", ["2026-11-08 23:59", "2026-11-09 00:00"], (2, 3, None)),
        ("2026-11-22 23:59", ["2026-11-01 23:59", "2026-11-09 00:00"], (1, 2, Why.MORE_WEEKS)),
        # A week without a visit ends the streak; the week that runs does not yet.
        ("2026-11-22 12:00", ["2026-10-26", "2026-11-02"], (0, 1, Why.MORE_WEEKS)),
        ("2026-11-22 12:00", ["2026-11-09", "2026-11-16"], (2, 2, Why.COUNTED_THIS_WEEK)),
        # A streak that something kept closed opens at the next visit.
        ("2026-11-22 12:00", ["2026-11-02", "2026-11-09", "2026-11-16"], (3, 3, None)),
        ("2026-11-22 12:00", ["2026-10-26", "2026-11-02", "2026-11-09"], (3, 3, None)),
        # 2026 has an ISO week 53, from 28 December to 3 January; 2027 begins with week 1 after it.
        ("2027-01-04 00:00", ["2026-12-27 23:59", "2027-01-03 23:59"], (2, 3, None)),
        ("2027-01-03 23:59", ["2026-12-20", "2026-12-27 23:59"], (2, 3, None)),
        ("2027-01-04 00:00", ["2026-12-21", "2026-12-24"], (0, 1, Why.MORE_WEEKS)),
        # 2024 has none: week 52 ends on 29 December, week 1 of 2025 begins on the 30th.
        ("2025-01-06 00:00", ["2024-12-29 23:59", "2024-12-30 00:00"], (2, 3, None)),
        # The clocks change on a Sunday.
        ("2026-03-30 00:00", ["2026-03-16", "2026-03-29 23:59"], (2, 3, None)),
        ("2026-10-26 00:00", ["2026-10-12", "2026-10-25 23:59"], (2, 3, None)),
    ],
)
def test_a_streak_of_weeks(now, times, look):
    dated = [text if " " in text else f"{text} 12:00" for text in times]
    assert seen(Streak(3), came(now, *dated)) == look
    assert Streak(3).look(came(now, *dated)).unit is Unit.WEEKS


@pytest.mark.parametrize(
    ("now", "look"),
    [
        ("2026-11-22 12:00", (0, 0, Why.COUNTED_THIS_WEEK)),
        ("2026-11-23 12:00", (0, 1, Why.MORE_WEEKS)),
    ],
)
def test_an_opening_uses_up_the_weeks_of_a_streak(now, look):
    times = ["2026-11-02 12:00", "2026-11-09 12:00", "2026-11-16 12:00"]
    assert seen(Streak(3), came(now, *times, opened_here_at=at(times[-1]))) == look


def test_a_streak_opens_again_after_each_further_full_length():
    opened_at, opening = None, []
    times = [NOW + timedelta(weeks=week) for week in range(120)]
    for week, now in enumerate(times):
        past = tuple(times[max(0, week - 57) : week])
        if Streak(4).look(History(now, visit_times=past, opened_here_at=opened_at)).opens:
            opened_at = now
            opening.append(week + 1)
    assert opening == list(range(4, 121, 4))


@pytest.mark.parametrize(
    ("now", "last", "look"),
    [
        ("2026-11-22 12:00", None, (0, 0, Why.NEVER_HERE)),
        ("2026-11-22 23:59", "2026-11-22 00:00", (0, 0, Why.AWAY_TOO_SHORT)),
        ("2026-11-22 23:59", "2026-10-24 00:00", (29, 0, Why.AWAY_TOO_SHORT)),
        ("2026-11-22 00:00", "2026-10-23 23:59", (30, 30, None)),
        ("2026-11-22 00:00", "2016-01-01 12:00", (30, 30, None)),
        ("2026-04-28 00:00", "2026-03-29 23:59", (30, 30, None)),
        ("2026-04-27 23:59", "2026-03-29 00:00", (29, 0, Why.AWAY_TOO_SHORT)),
        ("2026-11-24 00:00", "2026-10-25 23:59", (30, 30, None)),
    ],
)
def test_comeback_counts_the_days_since_the_last_visit(now, last, look):
    history = came(now, *([last] if last else []))
    assert seen(Comeback(30), history) == look


# People

EARLY, LATE = at("2026-11-20 12:00"), at("2026-11-21 12:00")


@pytest.mark.parametrize(
    ("members", "look"),
    [
        ({}, (0, 0, 1, Why.NOT_TOP)),
        ({"own_days": 1, "own_reached_at": EARLY}, (1, 1, 1, None)),
        ({"best_other_days": 1, "best_other_reached_at": EARLY}, (0, 0, 2, Why.NOT_TOP)),
        (
            {
                "own_days": 4,
                "own_reached_at": EARLY,
                "best_other_days": 5,
                "best_other_reached_at": LATE,
            },
            (4, 4, 6, Why.NOT_TOP),
        ),
        (
            {
                "own_days": 6,
                "own_reached_at": LATE,
                "best_other_days": 5,
                "best_other_reached_at": EARLY,
            },
            (6, 6, 6, None),
        ),
        # As many: who had them first.
        (
            {
                "own_days": 5,
                "own_reached_at": LATE,
                "best_other_days": 5,
                "best_other_reached_at": EARLY,
            },
            (5, 5, 6, Why.NOT_TOP),
        ),
        (
            {
                "own_days": 5,
                "own_reached_at": LATE,
                "best_other_days": 5,
                "best_other_reached_at": LATE + TICK,
            },
            (5, 5, 5, None),
        ),
        # At the very same moment nobody was first.
        (
            {
                "own_days": 5,
                "own_reached_at": LATE,
                "best_other_days": 5,
                "best_other_reached_at": LATE,
            },
            (5, 5, 6, Why.NOT_TOP),
        ),
    ],
)
def test_the_top_visitor_has_the_most_days_and_had_them_first(members, look):
    seen = TopVisitor().look(came("2026-11-22 12:00", **members))
    assert (seen.progress, seen.after, seen.target, seen.why) == look
    assert seen.unit is Unit.DAYS


SWARM = "swarm 2026-11-22 venue v"


@pytest.mark.parametrize(
    ("present", "members", "look"),
    [
        (0, {}, (0, 1, Why.MORE_PEOPLE)),
        (3, {}, (3, 4, Why.MORE_PEOPLE)),
        (4, {}, (4, 5, None)),
        (9, {}, (5, 5, None)),
        (4, {"taken": {SWARM: 5}}, (4, 5, Why.ALREADY_TODAY)),
        (1, {"taken": {SWARM: 5}}, (1, 2, Why.ALREADY_TODAY)),
        (4, {"taken": {SWARM: 4}}, (4, 5, None)),
        (3, {"taken": {SWARM: 4}}, (3, 4, Why.MORE_PEOPLE)),
        (4, {"taken": {"swarm 2026-11-21 venue v": 5}}, (4, 5, None)),
        (4, {"taken": {"swarm 2026-11-22 venue w": 5}}, (4, 5, None)),
        (3, {"last_visit_at": at("2026-11-22 10:00")}, (4, 4, Why.MORE_PEOPLE)),
        (3, {"last_visit_at": at("2026-11-22 09:59")}, (3, 4, Why.MORE_PEOPLE)),
    ],
)
def test_a_swarm_opens_for_so_many_a_day_of_those_who_are_there(present, members, look):
    rule = Swarm(5)
    history = came("2026-11-22 13:00", present=present, venue_id="v", **members)
    assert seen(rule, history) == look
    assert rule.look(history).buckets == ((SWARM, 5),)
    assert rule.look(history).opens_for is Reach.PRESENT


def test_the_day_of_a_swarm_is_the_venues():
    look = Swarm(5).look(came("2026-11-23 00:00", venue_id="v"))
    assert look.buckets == (("swarm 2026-11-23 venue v", 5),)


@pytest.mark.parametrize(
    ("party", "look"),
    [
        (None, (0, 0, Why.NO_PARTY)),
        (0, (0, 1, Why.MORE_PEOPLE)),
        (2, (2, 3, Why.MORE_PEOPLE)),
        (3, (3, 4, None)),
        (7, (4, 4, None)),
    ],
)
def test_a_party_opens_when_enough_came_under_its_code(party, look):
    history = History(NOW, party=party)
    assert seen(Party(4), history) == look
    assert (Party(4).look(history).opens_for is Reach.PARTY) is (party is not None)


def test_a_party_opens_for_each_of_them_once():
    history = History(NOW, party=3, opened_in_party=True)
    assert seen(Party(4), history) == (3, 4, Why.ONLY_ONCE)


@pytest.mark.parametrize(
    ("rule", "members", "opened"),
    [
        (Swarm(4), {}, True),
        (Swarm(5), {}, False),
        (EveryVisit(), {}, False),
        (AllOf((Swarm(4), FirstVisit())), {}, False),
        (Swarm(4), {"takes": {"customer c": Take(1, 1)}, "taken": {"customer c": 1}}, True),
        (Swarm(4), {"takes": {"total": Take(1, 1)}, "taken": {"total": 1}}, False),
        (Swarm(4), {"is_on": False}, False),
    ],
)
def test_it_opens_for_the_others_whatever_the_customer_has_had(rule, members, opened):
    history = History(NOW, present=3)
    assert bool(opens_for_others(offer(rule, **members), history)) is opened


def test_only_what_a_swarm_has_taken_is_kept():
    history = History(NOW, present=3, venue_id="v")
    flash = Flash(5, time(0), time(0))
    buckets = [name for rule in (Swarm(4), flash) for name, _ in rule.look(history).buckets]
    limits = Limits(1, 1, 1, 1, 1).buckets("c", NOW.date(), "v")
    assert [is_kept(name) for name in buckets] == [True, False]
    assert [name for name in limits if is_customers(name)] == ["customer c"]
    assert not any(map(is_kept, limits))


@pytest.mark.parametrize(
    ("friends", "look"),
    [
        (0, (0, 0, Why.MORE_FRIENDS)),
        (2, (2, 2, Why.MORE_FRIENDS)),
        (3, (3, 3, None)),
        (9, (3, 3, None)),
    ],
)
def test_friends_are_counted_without_the_customer(friends, look):
    assert seen(Friends(3), History(NOW, friends_present=friends)) == look
    assert Friends(3).look(History(NOW)).unit is Unit.FRIENDS


@pytest.mark.parametrize(
    ("rule", "members", "comer", "opened"),
    [
        (Friends(3), {"friends_present": 1}, {}, False),
        (Friends(3), {"friends_present": 2}, {}, True),
        (Friends(3), {"friends_present": 3}, {}, False),  # it is nothing new
        (AllOf((Friends(1), FirstVisit())), {}, {}, True),
        (AllOf((Friends(1), FirstVisit())), {"visits": 1}, {}, False),
        (AllOf((Friends(1), Swarm(3))), {"present": 0}, {"present": 1}, False),
        (AllOf((Friends(1), Swarm(3))), {"present": 1}, {"present": 2}, True),
        (AllOf((Friends(1), Swarm(3))), {"present": 1, "friends_present": 1}, {"present": 2}, True),
        (AllOf((Friends(1), Party(3))), {"party": 1}, {"party": 2}, True),
        (AllOf((Friends(1), Party(3))), {}, {"party": 2}, False),
        (AnyOf((Friends(2), EveryVisit())), {"friends_present": 1}, {}, False),
        (AnyOf((Friends(2), NthVisit(9))), {"friends_present": 1}, {}, True),
    ],
)
def test_a_friend_brings_who_is_there_to_what_was_missing(rule, members, comer, opened):
    before = History(NOW, venue_id="v", **members)
    look = brought(rule, before, History(NOW, **comer), same_party="party" in members)
    assert bool(look) is opened


def test_with_how_many_friends_one_more_may_be_enough():
    assert friends_asked(Friends(1)) == 0
    assert friends_asked(AnyOf((Friends(5), AllOf((Swarm(3), Friends(3)))))) == 2


def test_a_referred_customer_comes():
    assert seen(Referred(), History(NOW)) == (0, 0, Why.NOT_REFERRED)
    assert seen(Referred(), History(NOW, referred=True)) == (0, 1, None)


@pytest.mark.parametrize(
    ("n", "sent", "openings", "expected"),
    [
        (1, 0, 0, (0, 0, Why.MORE_FRIENDS_SENT)),
        (1, 1, 0, (1, 1, None)),
        (1, 1, 1, (0, 0, Why.MORE_FRIENDS_SENT)),
        (3, 2, 0, (2, 2, Why.MORE_FRIENDS_SENT)),
        (3, 3, 0, (3, 3, None)),
        (3, 5, 1, (2, 2, Why.MORE_FRIENDS_SENT)),
        (3, 9, 1, (3, 3, None)),
        (3, 2, 1, (0, 0, Why.MORE_FRIENDS_SENT)),
    ],
)
def test_friends_sent_count_until_an_opening_has_used_them_up(n, sent, openings, expected):
    """In the last, one of the three for whom it opened was voided since."""
    look = Referrer(n).look(History(NOW, friends_sent=sent, openings=openings))
    assert (look.progress, look.after, look.why) == expected
    assert (look.target, look.unit, look.opens_for) == (n, Unit.FRIENDS, Reach.CUSTOMER)


def test_who_refers_has_it_at_no_coming_of_others():
    both = AllOf((Friends(1), Referrer(1)))
    before = replace(History(NOW, venue_id="v", friends_sent=1), **AT_OWN_CHECK_INS)
    assert brought(both, before, History(NOW), same_party=False) is None
    assert both.look(History(NOW, friends_present=1, friends_sent=1)).opens
    crowd = AllOf((Swarm(1), Referrer(1)))
    assert crowd.look(History(NOW, friends_sent=1)).opens_for is Reach.CUSTOMER


# Hours


def flash(start: str, end: str, *weekdays: str, n: int = 10) -> Flash:
    return Flash(n, time.fromisoformat(start), time.fromisoformat(end), weekdays)


@pytest.mark.parametrize(
    ("rule", "now", "why"),
    [
        (flash("17:00", "19:00"), "2026-11-22 16:59:59.999999", Why.NOT_IN_WINDOW),
        (flash("17:00", "19:00"), "2026-11-22 17:00", None),
        (flash("17:00", "19:00"), "2026-11-22 18:59:59.999999", None),
        (flash("17:00", "19:00"), "2026-11-22 19:00", Why.WINDOW_OVER),
        (flash("17:00", "19:00"), "2026-11-22 23:59", Why.WINDOW_OVER),
        (flash("17:00", "19:00"), "2026-11-23 00:00", Why.NOT_IN_WINDOW),
        # Over midnight; it belongs to the day on which it begins (22 November is a Sunday).
        (flash("22:00", "02:00"), "2026-11-22 21:59", Why.NOT_IN_WINDOW),
        (flash("22:00", "02:00"), "2026-11-22 22:00", None),
        (flash("22:00", "02:00"), "2026-11-23 01:59", None),
        (flash("22:00", "02:00"), "2026-11-23 02:00", Why.NOT_IN_WINDOW),
        (flash("22:00", "02:00", "su"), "2026-11-22 01:00", Why.NOT_IN_WINDOW),
        (flash("22:00", "02:00", "su"), "2026-11-22 22:00", None),
        (flash("22:00", "02:00", "su"), "2026-11-23 01:59", None),
        (flash("22:00", "02:00", "su"), "2026-11-23 02:00", Why.WINDOW_OVER),
        (flash("22:00", "02:00", "su"), "2026-11-23 22:00", Why.WINDOW_OVER),
        (flash("22:00", "02:00", "su"), "2026-11-24 00:00", Why.NOT_IN_WINDOW),
        (flash("18:00", "00:00"), "2026-11-22 23:59", None),
        (flash("18:00", "00:00"), "2026-11-23 00:00", Why.NOT_IN_WINDOW),
        (flash("00:00", "00:00"), "2026-11-22 00:00", None),
        (flash("00:00", "00:00"), "2026-11-22 23:59", None),
        (flash("06:00", "06:00", "su"), "2026-11-22 05:59", Why.NOT_IN_WINDOW),
        (flash("06:00", "06:00", "su"), "2026-11-22 06:00", None),
        (flash("06:00", "06:00", "su"), "2026-11-23 05:59", None),
        (flash("06:00", "06:00", "su"), "2026-11-23 06:00", Why.WINDOW_OVER),
        # Weekdays
        (flash("17:00", "19:00", "sa", "su"), "2026-11-20 18:00", Why.NOT_IN_WINDOW),
        (flash("17:00", "19:00", "sa", "su"), "2026-11-21 18:00", None),
        (flash("17:00", "19:00", "sa", "su"), "2026-11-22 18:00", None),
        (flash("17:00", "19:00", "sa", "su"), "2026-11-23 18:00", Why.NOT_IN_WINDOW),
    ],
    ids=str,
)
def test_a_flash_opens_within_its_hours(rule, now, why):
    assert rule.look(came(now)).why == why


@pytest.mark.parametrize(
    ("rule", "now", "fold", "why"),
    [
        # On 29 March 2026 the clock goes from 02:00 to 03:00.
        (flash("01:00", "04:00"), "2026-03-29 01:59", 0, None),
        (flash("01:00", "04:00"), "2026-03-29 03:00", 0, None),
        (flash("01:00", "04:00"), "2026-03-29 03:59", 0, None),
        (flash("01:00", "04:00"), "2026-03-29 04:00", 0, Why.WINDOW_OVER),
        (flash("02:30", "04:00"), "2026-03-29 01:59", 0, Why.NOT_IN_WINDOW),
        (flash("02:30", "04:00"), "2026-03-29 03:00", 0, None),
        (flash("01:00", "02:30"), "2026-03-29 01:59", 0, None),
        (flash("01:00", "02:30"), "2026-03-29 03:00", 0, Why.WINDOW_OVER),
        (flash("02:15", "02:45"), "2026-03-29 01:59", 0, Why.NOT_IN_WINDOW),
        (flash("02:15", "02:45"), "2026-03-29 03:00", 0, Why.WINDOW_OVER),
        (flash("22:00", "02:30", "sa"), "2026-03-29 01:59", 0, None),
        (flash("22:00", "02:30", "sa"), "2026-03-29 03:00", 0, Why.WINDOW_OVER),
        # On 25 October 2026 the clock goes from 03:00 back to 02:00: what it shows is what counts.
        (flash("01:00", "04:00"), "2026-10-25 02:30", 0, None),
        (flash("01:00", "04:00"), "2026-10-25 02:30", 1, None),
        (flash("01:00", "04:00"), "2026-10-25 04:00", 0, Why.WINDOW_OVER),
        (flash("02:30", "04:00"), "2026-10-25 02:29", 0, Why.NOT_IN_WINDOW),
        (flash("02:30", "04:00"), "2026-10-25 02:30", 0, None),
        (flash("02:30", "04:00"), "2026-10-25 02:29", 1, Why.NOT_IN_WINDOW),
        (flash("02:30", "04:00"), "2026-10-25 02:30", 1, None),
        (flash("01:00", "02:30"), "2026-10-25 02:29", 0, None),
        (flash("01:00", "02:30"), "2026-10-25 02:30", 0, Why.WINDOW_OVER),
        (flash("01:00", "02:30"), "2026-10-25 02:29", 1, None),
        (flash("01:00", "02:30"), "2026-10-25 02:30", 1, Why.WINDOW_OVER),
        (flash("03:00", "05:00"), "2026-10-25 02:59", 1, Why.NOT_IN_WINDOW),
        (flash("03:00", "05:00"), "2026-10-25 03:00", 0, None),
        (flash("22:00", "02:30", "sa"), "2026-10-25 02:29", 1, None),
        (flash("22:00", "02:30", "sa"), "2026-10-25 02:30", 1, Why.WINDOW_OVER),
    ],
    ids=str,
)
def test_a_flash_on_the_days_on_which_clocks_change(rule, now, fold, why):
    for zone in (CPH, UTC):
        history = History(at(now, fold).astimezone(zone), CPH)
        assert rule.look(history).why == why


@pytest.mark.parametrize(
    ("now", "bucket"),
    [
        ("2026-11-22 22:00", "flash 2026-11-22 22:00 venue v"),
        ("2026-11-23 01:59", "flash 2026-11-22 22:00 venue v"),
        ("2026-11-23 22:00", "flash 2026-11-23 22:00 venue v"),
    ],
)
def test_a_flash_is_for_the_first_of_each_window(now, bucket):
    rule = flash("22:00", "02:00", n=3)

    def look(taken: int) -> Look:
        return rule.look(came(now, venue_id="v", taken={bucket: taken, "total": 9}))

    assert look(0) == Look(0, 1, 3, Unit.PEOPLE, buckets=((bucket, 3),))
    assert look(2) == Look(2, 3, 3, Unit.PEOPLE, buckets=((bucket, 3),))
    assert look(3).why is Why.WINDOW_TAKEN
    assert (look(3).progress, look(4).after) == (3, 3)


@pytest.mark.parametrize(
    ("share", "why"),
    [
        (None, Why.TOO_LITTLE_HISTORY),
        (HourShare(0.0, 199), Why.TOO_LITTLE_HISTORY),
        (HourShare(0.0, 200), None),
        (HourShare(0.003, 200), None),
        (HourShare(0.0031, 200), Why.TOO_BUSY),
        (HourShare(1.0, 10**6), Why.TOO_BUSY),
    ],
)
def test_off_peak_opens_in_hours_known_to_be_quiet(share, why):
    assert OffPeak(0.003, min_visits=200).look(History(NOW, quiet_share=share)).why == why


# Places


def walked(here: str, *steps: str, opened_at: datetime | None = None) -> History:
    """A customer at `here` on 22 November who was at other venues before: "venue-a 2026-11-01"."""
    trail: dict[str, list[datetime]] = {}
    for step in steps:
        venue, day = step.split(" ")
        trail.setdefault(venue, []).append(at(f"{day} 12:00"))
    return came("2026-11-22 12:00", venue_id=here, trail=trail, opened_at=opened_at)


A1, B2, C3 = "venue-a 2026-11-01", "venue-b 2026-11-02", "venue-c 2026-11-03"


@pytest.mark.parametrize(
    ("history", "any_order", "in_order"),
    [
        (walked(A), (0, 1, Why.MORE_VENUES), (0, 1, Why.MORE_VENUES)),
        (walked(C), (0, 1, Why.MORE_VENUES), (0, 0, Why.WRONG_ORDER)),
        (walked(B, A1), (1, 2, Why.MORE_VENUES), (1, 2, Why.MORE_VENUES)),
        (walked(C, A1), (1, 2, Why.MORE_VENUES), (1, 1, Why.WRONG_ORDER)),
        (walked(C, A1, B2), (2, 3, None), (2, 3, None)),
        (walked(A, B2, C3), (2, 3, None), (0, 1, Why.MORE_VENUES)),
        (walked(B, A1, C3), (2, 3, None), (1, 2, Why.MORE_VENUES)),
        (walked(A, A1, B2), (2, 2, Why.MORE_VENUES), (2, 2, Why.WRONG_ORDER)),
        (walked(C, B2, "venue-a 2026-11-03"), (2, 3, None), (1, 1, Why.WRONG_ORDER)),
        # An earlier round counts where it leads further.
        (walked(C, A1, B2, "venue-a 2026-11-04"), (2, 3, None), (2, 3, None)),
        # Within 30 days, today included.
        (walked(C, "venue-a 2026-10-24", B2), (2, 3, None), (2, 3, None)),
        (walked(C, "venue-a 2026-10-23", B2), (1, 2, Why.MORE_VENUES), (0, 0, Why.WRONG_ORDER)),
        # A trail that something kept closed opens at the next visit to any of its venues.
        (walked(B, A1, B2, C3), (3, 3, None), (3, 3, None)),
        # What opened it is used up.
        (
            walked(A, A1, B2, C3, opened_at=at("2026-11-03 12:00")),
            (0, 1, Why.MORE_VENUES),
            (0, 1, Why.MORE_VENUES),
        ),
        (
            walked("elsewhere", A1, B2),
            (2, 2, Why.NOT_ON_TRAIL),
            (2, 2, Why.NOT_ON_TRAIL),
        ),
    ],
)
def test_a_trail_opens_at_the_visit_that_completes_it(history, any_order, in_order):
    assert seen(Trail((A, B, C), 30), history) == any_order
    assert seen(Trail((A, B, C), 30, ordered=True), history) == in_order


@pytest.mark.parametrize(
    ("rule", "event_id", "why"),
    [
        (Event(), None, Why.NOT_AT_EVENT),
        (Event(), "one", None),
        (Event("one"), None, Why.NOT_AT_EVENT),
        (Event("one"), "one", None),
        (Event("one"), "two", Why.NOT_AT_EVENT),
    ],
)
def test_an_event_is_the_one_that_is_checked_in_to(rule, event_id, why):
    assert rule.look(History(NOW, event_id=event_id)).why == why


# Rules over rules

THIRD, FIFTH = NthVisit(3), NthVisit(5)


@pytest.mark.parametrize(
    ("rule", "visits", "look"),
    [
        (AllOf((FIFTH, EveryNthVisit(3))), 0, (0, 2, Why.MORE_VISITS)),
        (AllOf((FIFTH, EveryNthVisit(3))), 2, (1, 2, Why.MORE_VISITS)),
        (AllOf((FIFTH, EveryNthVisit(5))), 4, (2, 2, None)),
        (AllOf((EveryVisit(), Friends(1), FirstVisit())), 0, (2, 3, Why.MORE_FRIENDS)),
        # One that is over says why.
        (AllOf((EveryVisit(), Friends(1), FirstVisit())), 1, (1, 3, Why.ONLY_ONCE)),
    ],
)
def test_all_of_counts_the_members_that_would_open(rule, visits, look):
    seen = rule.look(after(visits))
    assert (seen.progress, seen.after) == (look[0], look[0])
    assert (seen.target, seen.why, seen.unit) == (*look[1:], Unit.CONDITIONS)


@pytest.mark.parametrize(
    ("rule", "history", "looks_like"),
    [
        (AnyOf((FIFTH, THIRD)), after(0), THIRD),
        (AnyOf((FIFTH, THIRD)), after(2), THIRD),
        (AnyOf((FIFTH, THIRD)), after(3), FIFTH),
        (AnyOf((FIFTH, THIRD)), after(5), FIFTH),
        (AnyOf((THIRD, EveryNthVisit(3))), after(0), THIRD),
        (AnyOf((FIFTH, Friends(2))), History(NOW, friends_present=1), Friends(2)),
        # Hours that are not on are no nearer for having been taken.
        (AnyOf((flash("17:00", "18:00"), FIFTH)), after(0), FIFTH),
    ],
)
def test_any_of_speaks_for_the_nearest_member(rule, history, looks_like):
    assert rule.look(history) == looks_like.look(history)


def test_any_of_takes_from_a_counter_only_where_nothing_else_opens():
    hours, history = flash("12:00", "14:00"), came("2026-11-22 12:30", venue_id="v")
    both = AnyOf((hours, FirstVisit()))
    assert both.look(history).buckets == ()
    assert both.look(came("2026-11-22 12:30", "2026-11-21 12:00")).buckets[0][1] == 10
    assert AnyOf((hours, Charity(5, "x"))).look(history).pledges == (Pledge(5, "x"),)


def test_all_of_takes_from_the_counters_of_all_and_pledges_for_all():
    history = came("2026-11-22 12:30", venue_id="v", present=3)
    hours = flash("12:00", "14:00")
    look = AllOf((hours, Swarm(4), Charity(5, "x"), Charity(7, "y"), flash("12:00", "13:00", n=3)))
    assert dict(look.look(history).buckets) == {"flash 2026-11-22 12:00 venue v": 3, SWARM: 4}
    assert look.look(history).pledges == (Pledge(5, "x"), Pledge(7, "y"))


@pytest.mark.parametrize(
    ("members", "reach"),
    [
        ((Swarm(4), EveryVisit()), Reach.PRESENT),
        ((OffPeak(1.0, 1), Swarm(4), Charity(5, "x")), Reach.PRESENT),
        ((Swarm(4), Party(2)), Reach.PARTY),
        ((Swarm(4), FirstVisit()), Reach.CUSTOMER),
        ((Swarm(4), flash("00:00", "00:00")), Reach.CUSTOMER),
        ((AllOf((Swarm(4), EveryVisit())), AnyOf((Swarm(3), EveryNthVisit(2)))), Reach.PRESENT),
        ((EveryVisit(), Charity(5, "x")), Reach.CUSTOMER),
    ],
)
def test_all_of_opens_for_those_for_whom_every_member_does(members, reach):
    history = History(NOW, present=3, party=1, quiet_share=HourShare(0.0, 9))
    look = AllOf(members).look(history)
    assert look.opens
    assert look.opens_for is reach


def nested(levels: int) -> Rule:
    rule: Rule = EveryVisit()
    for _ in range(levels):
        rule = AnyOf((rule, EveryVisit()))
    return rule


def test_only_so_much_is_combined():
    assert nested(3).look(History(NOW)).opens
    with pytest.raises(ValueError, match="at most 3"):
        nested(4)
    for kind in (AllOf, AnyOf):
        assert kind((EveryVisit(),) * 8)
        for members in (0, 1, 9):
            with pytest.raises(ValueError, match="from 2 to 8"):
                kind((EveryVisit(),) * members)


def test_what_has_to_be_gathered():
    assert needs_of(EveryNthVisit(5)) == frozenset()
    assert needs_of(EveryNthVisit(5, within_days=9)) == {Part.TIMES, Part.OPENED}
    assert needs_of(EveryNthVisit(5, count="days")) == {Part.TIMES, Part.OPENED}
    deep = AllOf((Swarm(3), AnyOf((Frequency(2, 7), AllOf((Friends(1), EveryVisit()))))))
    assert needs_of(deep) == {Part.PRESENT, Part.WINDOWS, Part.TIMES, Part.FRIENDS}
    assert [rule.kind for rule in leaves(deep)] == ["swarm", "frequency", "friends", "every_visit"]


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"kind": "every_visit"}, EveryVisit()),
        ({"kind": "first_visit"}, FirstVisit()),
        ({"kind": "nth_visit", "n": 10}, NthVisit(10)),
        ({"kind": "every_nth_visit", "n": 5}, EveryNthVisit(5)),
        (
            {"kind": "every_nth_visit", "n": 5, "within_days": 30, "count": "days"},
            EveryNthVisit(5, 30, "days"),
        ),
        ({"kind": "frequency", "n": 3, "within_days": 7}, Frequency(3, 7)),
        ({"kind": "streak", "weeks": 4}, Streak(4)),
        ({"kind": "comeback", "days": 60}, Comeback(60)),
        ({"kind": "top_visitor"}, TopVisitor()),
        (
            {"kind": "flash", "n": 10, "from": "17:00", "to": "19:00"},
            flash("17:00", "19:00"),
        ),
        (
            {
                "kind": "flash",
                "n": 10,
                "from": "22:00",
                "to": "02:00",
                "weekdays": ["fr", "sa"],
            },
            flash("22:00", "02:00", "fr", "sa"),
        ),
        ({"kind": "swarm", "n": 20}, Swarm(20)),
        ({"kind": "party", "n": 4}, Party(4)),
        ({"kind": "friends", "n": 3}, Friends(3)),
        ({"kind": "trail", "venue_ids": [A, B], "within_days": 30}, Trail((A, B), 30)),
        (
            {"kind": "trail", "venue_ids": [A, B], "within_days": 30, "ordered": True},
            Trail((A, B), 30, ordered=True),
        ),
        ({"kind": "event"}, Event()),
        ({"kind": "event", "event_id": "one"}, Event("one")),
        ({"kind": "off_peak", "max_share": 0.003, "min_visits": 200}, OffPeak(0.003, 200)),
        ({"kind": "referred"}, Referred()),
        ({"kind": "referrer", "n": 3}, Referrer(3)),
        ({"kind": "charity", "amount_minor": 500, "recipient": "x"}, Charity(500, "x")),
        (
            {"kind": "all_of", "rules": [{"kind": "first_visit"}, {"kind": "swarm", "n": 5}]},
            AllOf((FirstVisit(), Swarm(5))),
        ),
        (
            {"kind": "any_of", "rules": [{"kind": "first_visit"}, {"kind": "nth_visit", "n": 5}]},
            AnyOf((FirstVisit(), NthVisit(5))),
        ),
    ],
)
def test_a_stored_rule_is_read_and_written(document: dict, rule: Rule):
    assert read_rule(document) == rule
    assert type(read_rule(document)) is type(rule)
    assert write_rule(rule) == document
    assert document["kind"] in RULES


def test_a_window_to_midnight_ends_at_24():
    document = {"kind": "flash", "n": 1, "from": "18:00", "to": "24:00"}
    assert read_rule(document) == flash("18:00", "00:00", n=1)
    assert write_rule(read_rule(document)) == document


def test_every_rule_that_a_merchant_can_write_is_one_of_the_kinds():
    from lbs.offers.schemas import RuleSchema  # noqa: PLC0415

    assert set(RuleSchema.type_schemas) <= set(RULES)


def test_there_is_no_rule_for_sharing_or_liking():
    assert not FORBIDDEN & set(RULES)
    assert set(FORBIDDEN_TEXT) == {"en", "da"}


# Standing


def test_an_unlock_takes_from_the_counters_of_the_limits_there_are():
    assert Limits().buckets("me", TODAY, "v") == {}
    assert Limits(5, 2, 3, 4, 1, Budget("DKK", 900, 600)).buckets("me", TODAY, "v") == {
        "total": (1, 5),
        "day 2026-11-22": (1, 3),
        "customer me": (1, 2),
        "venue v": (1, 4),
        "venue v day 2026-11-22": (1, 1),
        "budget DKK": (600, 900),
    }
    assert Limits(per_day=3).buckets("me", TODAY, "v") == {"day 2026-11-22": (1, 3)}
    assert Limits(per_venue_day=3).buckets("me", TODAY, "v") == {"venue v day 2026-11-22": (1, 3)}


def test_what_costs_nothing_commits_nothing():
    assert Limits(budget=Budget("DKK", 0, 0)).buckets("me", TODAY, "v") == {}


@pytest.mark.parametrize(
    ("taken", "why"),
    [(0, None), (300, None), (301, Why.BUDGET_SPENT), (900, Why.BUDGET_SPENT)],
)
def test_a_budget_is_spent_when_one_more_does_not_fit(taken: int, why: Why | None):
    takes = Limits(budget=Budget("DKK", 900, 600)).buckets("me", TODAY, "v")
    budgeted = offer(takes=takes, taken={"budget DKK": taken, "budget EUR": 900})
    assert obstacle(budgeted, NOW) is why
    assert stand(budgeted, History(NOW)).state is (State.TAKEN if why else State.UNLOCKABLE_HERE)


def test_an_unlock_takes_from_the_counters_of_its_rule_too():
    swarm = offer(Swarm(2), **caps({"total": 9}))
    look = opens(swarm, History(NOW, venue_id="v", present=1))
    assert look is not None
    assert takes_of(swarm, look) == {"total": (1, 9), SWARM: (1, 2)}


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, None),
        ({"valid_from": NOW}, None),
        ({"valid_from": NOW + TICK}, Why.NOT_STARTED),
        (caps({"total": 1}), None),
        (caps({"total": 2}, {"total": 1}), None),
        (caps({"total": 2}, {"total": 2}), Why.SOLD_OUT),
        (caps({"total": 2}, {"total": 3}), Why.SOLD_OUT),
        ({"has_codes": False}, Why.SOLD_OUT),
        ({"has_codes": False, **full(DAY)}, Why.SOLD_OUT),
        ({"has_codes": False, **full(ME)}, Why.CUSTOMER_LIMIT),
        ({"taken": {"total": 9, DAY: 9, ME: 9, HERE: 9, HERE_TODAY: 9}}, None),
        (full(DAY), Why.SOLD_OUT_TODAY),
        (caps({DAY: 1}, {"day 2026-11-21": 1}), None),
        (full(ME), Why.CUSTOMER_LIMIT),
        (caps({ME: 1}, {"customer you": 1}), None),
        (full(HERE), Why.SOLD_OUT_HERE),
        (caps({HERE: 1}, {"venue w": 1, HERE_TODAY: 1}), None),
        (full(HERE_TODAY), Why.SOLD_OUT_HERE_TODAY),
        (caps({HERE_TODAY: 1}, {HERE: 1}), None),
        (full("total", DAY), Why.SOLD_OUT),
        (full(DAY, "total"), Why.SOLD_OUT),
        (full(HERE_TODAY, DAY), Why.SOLD_OUT_TODAY),
        (full(HERE_TODAY, DAY, HERE), Why.SOLD_OUT_HERE),
        (full(HERE, "total"), Why.SOLD_OUT),
        (full(HERE_TODAY, HERE, "total", DAY, ME), Why.CUSTOMER_LIMIT),
        ({**full("total"), "valid_from": NOW + TICK}, Why.NOT_STARTED),
    ],
)
def test_an_obstacle_keeps_an_offer_closed_whatever_the_visit(members: dict, why: Why | None):
    assert obstacle(offer(**members), NOW) == why
    assert (opens(offer(**members), after(0)) is not None) is (why is None)


FULL_SWARM = History(NOW, venue_id="v", present=9, taken={SWARM: 3})
NOON = came("2026-11-22 12:00")
NOON_TAKEN = came("2026-11-22 12:00", taken={"flash 2026-11-22 12:00 venue ": 10})


@pytest.mark.parametrize(
    ("rule", "history", "members", "state", "why"),
    [
        (EveryVisit(), after(0), {}, State.UNLOCKABLE_HERE, None),
        (EveryVisit(), after(99), {}, State.UNLOCKABLE_HERE, None),
        (FirstVisit(), after(0), {}, State.UNLOCKABLE_HERE, None),
        (FirstVisit(), after(1), {}, State.LOCKED, Why.ONLY_ONCE),
        (FirstVisit(), after(1), {"holds": True}, State.UNLOCKED, Why.ONLY_ONCE),
        (FirstVisit(), after(1), {"has_redeemed": True}, State.REDEEMED, Why.ONLY_ONCE),
        (NthVisit(3), after(0), {}, State.LOCKED, Why.MORE_VISITS),
        (NthVisit(3), after(1), {}, State.LOCKED, Why.MORE_VISITS),
        (NthVisit(3), after(2), {}, State.UNLOCKABLE_HERE, None),
        (NthVisit(3), after(3), {}, State.LOCKED, Why.ONLY_ONCE),
        (EveryNthVisit(3), after(2), {}, State.UNLOCKABLE_HERE, None),
        (EveryNthVisit(3), after(3), {}, State.LOCKED, Why.MORE_VISITS),
        (EveryNthVisit(3), after(3), {"has_redeemed": True}, State.LOCKED, Why.MORE_VISITS),
        (EveryNthVisit(3), after(5), {"has_redeemed": True}, State.UNLOCKABLE_HERE, None),
        (EveryNthVisit(3), after(3), {"holds": True}, State.UNLOCKED, Why.MORE_VISITS),
        (EveryVisit(), after(0), {"valid_from": NOW + TICK}, State.NOT_STARTED, Why.NOT_STARTED),
        (EveryVisit(), after(0), full("total"), State.TAKEN, Why.SOLD_OUT),
        (EveryVisit(), after(0), full(DAY), State.TAKEN, Why.SOLD_OUT_TODAY),
        (EveryVisit(), after(0), full(HERE), State.TAKEN, Why.SOLD_OUT_HERE),
        (EveryVisit(), after(0), full(HERE_TODAY), State.TAKEN, Why.SOLD_OUT_HERE_TODAY),
        (EveryVisit(), after(1), full(ME), State.LOCKED, Why.CUSTOMER_LIMIT),
        (EveryVisit(), after(1), {**full(ME), "holds": True}, State.UNLOCKED, Why.CUSTOMER_LIMIT),
        (
            EveryVisit(),
            after(1),
            {**full(ME), "has_redeemed": True},
            State.REDEEMED,
            Why.CUSTOMER_LIMIT,
        ),
        (
            EveryVisit(),
            after(1),
            {**full("total"), "has_redeemed": True},
            State.TAKEN,
            Why.SOLD_OUT,
        ),
        (EveryVisit(), after(1), {**full("total"), "holds": True}, State.UNLOCKED, Why.SOLD_OUT),
        (NthVisit(3), after(1), full("total"), State.TAKEN, Why.SOLD_OUT),
        (flash("13:00", "14:00"), NOON, {}, State.BEFORE_START, Why.NOT_IN_WINDOW),
        (flash("12:00", "14:00"), NOON, {}, State.UNLOCKABLE_HERE, None),
        (flash("11:00", "12:00"), NOON, {}, State.LOCKED, Why.WINDOW_OVER),
        (flash("12:00", "14:00"), NOON_TAKEN, {}, State.TAKEN, Why.WINDOW_TAKEN),
        (Swarm(3), after(0), {}, State.IN_PROGRESS, Why.MORE_PEOPLE),
        (Swarm(3), FULL_SWARM, {}, State.TAKEN, Why.ALREADY_TODAY),
        (Swarm(3), FULL_SWARM, {"holds": True}, State.UNLOCKED, Why.ALREADY_TODAY),
        (Party(3), History(NOW, party=0), {}, State.IN_PROGRESS, Why.MORE_PEOPLE),
        (Party(3), after(0), {}, State.LOCKED, Why.NO_PARTY),
        (Friends(3), after(0), {}, State.IN_PROGRESS, Why.MORE_FRIENDS),
        (Referred(), after(0), {}, State.LOCKED, Why.NOT_REFERRED),
        (Referrer(2), after(0), {}, State.LOCKED, Why.MORE_FRIENDS_SENT),
        (Referrer(2), History(NOW, friends_sent=2), {}, State.UNLOCKABLE_HERE, None),
    ],
)
def test_how_an_offer_stands_before_a_check_in(rule, history, members, state, why):
    standing = stand(offer(rule, **members), history)
    look = rule.look(history)
    assert (standing.state, standing.why) == (state, why)
    assert (standing.progress, standing.target, standing.unit) == (
        look.progress,
        look.target,
        look.unit,
    )


@pytest.mark.parametrize(
    ("rule", "history", "members", "standing"),
    [
        (NthVisit(3), after(0), {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (NthVisit(3), after(1), {}, Standing(State.LOCKED, 2, 3, Why.MORE_VISITS)),
        (NthVisit(3), after(3), {}, Standing(State.LOCKED, 3, 3, Why.ONLY_ONCE)),
        (EveryNthVisit(3), after(0), {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (EveryNthVisit(3), after(3), {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (FirstVisit(), after(1), {}, Standing(State.LOCKED, 1, 1, Why.ONLY_ONCE)),
        (EveryVisit(), after(1), full("total"), Standing(State.TAKEN, 1, 1, Why.SOLD_OUT)),
        (EveryVisit(), after(1), full(ME), Standing(State.LOCKED, 1, 1, Why.CUSTOMER_LIMIT)),
        (FirstVisit(), after(0), full("total"), Standing(State.TAKEN, 1, 1, Why.SOLD_OUT)),
        (
            Swarm(5),
            History(NOW, present=2),
            {},
            Standing(State.IN_PROGRESS, 3, 5, Why.MORE_PEOPLE, Unit.PEOPLE),
        ),
    ],
)
def test_how_an_offer_stands_after_an_accepted_check_in_that_did_not_open_it(
    rule, history, members, standing
):
    assert stand_after(offer(rule, **members), history, accepted=True) == standing


@pytest.mark.parametrize(
    ("rule", "visits", "members", "standing"),
    [
        (EveryVisit(), 0, {}, Standing(State.LOCKED, 0, 1, Why.NOT_ACCEPTED)),
        (FirstVisit(), 0, {}, Standing(State.LOCKED, 0, 1, Why.NOT_ACCEPTED)),
        (NthVisit(3), 2, {}, Standing(State.LOCKED, 2, 3, Why.NOT_ACCEPTED)),
        (NthVisit(3), 1, {}, Standing(State.LOCKED, 1, 3, Why.MORE_VISITS)),
        (FirstVisit(), 1, {"holds": True}, Standing(State.UNLOCKED, 1, 1, Why.ONLY_ONCE)),
        (EveryVisit(), 3, full(DAY), Standing(State.TAKEN, 0, 1, Why.SOLD_OUT_TODAY)),
    ],
)
def test_a_check_in_that_is_not_accepted_moves_nothing(rule, visits, members, standing):
    assert stand_after(offer(rule, **members), after(visits), accepted=False) == standing


def test_an_offer_lost_in_the_last_moment_is_taken():
    standing = stand_after(offer(EveryVisit()), after(0), accepted=True)
    assert sold_out(standing) == Standing(State.TAKEN, 1, 1, Why.SOLD_OUT)


def test_an_offer_that_is_withheld_is_locked():
    standing = stand_after(offer(NthVisit(3)), after(2), accepted=True)
    assert withheld(standing, Why.NOT_FOR_STAFF) == Standing(State.LOCKED, 3, 3, Why.NOT_FOR_STAFF)


# Words


@pytest.mark.parametrize(
    ("progress", "target", "unit", "en", "da"),
    [
        (1, 3, Unit.VISITS, "1 of 3 visits", "1 af 3 besøg"),
        (0, 1, Unit.VISITS, "0 of 1 visit", "0 af 1 besøg"),
        (1, 1, Unit.DAYS, "1 of 1 day", "1 af 1 dag"),
        (1, 2, Unit.DAYS, "1 of 2 days", "1 af 2 dage"),
        (2, 4, Unit.WEEKS, "2 of 4 weeks", "2 af 4 uger"),
        (3, 20, Unit.PEOPLE, "3 of 20 people", "3 af 20 personer"),
        (0, 1, Unit.PEOPLE, "0 of 1 person", "0 af 1 person"),
        (0, 1, Unit.FRIENDS, "0 of 1 friend", "0 af 1 ven"),
        (1, 2, Unit.FRIENDS, "1 of 2 friends", "1 af 2 venner"),
        (2, 5, Unit.VENUES, "2 of 5 venues", "2 af 5 steder"),
        (1, 2, Unit.CONDITIONS, "1 of 2 conditions", "1 af 2 betingelser"),
        (20, 21, Unit.VISITS, "20 of 21 visits", "20 af 21 besøg"),
    ],
)
def test_progress_in_words(progress, target, unit, en, da):
    standing = Standing(State.LOCKED, progress, target, unit=unit)
    assert progress_text(standing) == {"en": en, "da": da}


def test_there_are_words_for_everything():
    assert set(WHY) == set(Why)
    assert set(NOUNS) == set(Unit)
    for text in WHY.values():
        assert set(text) == {"en", "da"}
        assert all(line.endswith(".") for line in text.values())
    for unlike in ("en", "da"):
        assert len({text[unlike] for text in WHY.values()}) == len(WHY)
