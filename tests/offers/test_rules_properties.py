"""What holds for every rule, whatever the history."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lbs.offers.rules import (
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
    NthVisit,
    Offer,
    OffPeak,
    Part,
    Party,
    Referred,
    Referrer,
    Rule,
    State,
    Streak,
    Swarm,
    Take,
    TopVisitor,
    Trail,
    Why,
    leaves,
    needs_of,
    obstacle,
    opens,
    read_rule,
    stand,
    stand_after,
    taken_by_claim,
    takes_of,
    write_rule,
)
from lbs.offers.rules.combined import depth
from lbs.offers.rules.schedule import WEEKDAYS, is_on, read_schedule
from lbs.offers.rules.words import WHY, progress_text

many = settings(deadline=None, derandomize=True, max_examples=150)
some = settings(deadline=None, derandomize=True, max_examples=60)

CPH = ZoneInfo("Europe/Copenhagen")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
VENUES = ("venue-a", "venue-b", "venue-c", "venue-d")

counts = st.integers(1, 12)
days = st.integers(1, 366)
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
trails = st.permutations(VENUES).flatmap(lambda ids: st.integers(2, 4).map(lambda n: ids[:n]))
visit_rules = st.one_of(
    st.builds(EveryVisit), st.builds(FirstVisit), st.builds(NthVisit, counts),
    st.builds(EveryNthVisit, counts),
)  # fmt: skip
leaf_rules = st.one_of(
    visit_rules,
    st.builds(Charity, st.integers(1, 10**6), st.text(max_size=9)),
    st.builds(EveryNthVisit, counts, st.none() | days, st.sampled_from(["visits", "days"])),
    st.builds(Frequency, counts, days),
    st.builds(Streak, st.integers(1, 52)),
    st.builds(Comeback, days),
    st.builds(TopVisitor),
    st.builds(
        Flash, counts, clocks, clocks, st.lists(st.sampled_from(WEEKDAYS), unique=True).map(tuple)
    ),
    st.builds(Swarm, counts),
    st.builds(Party, counts),
    st.builds(Friends, counts),
    st.builds(Trail, trails.map(tuple), days, st.booleans()),
    st.builds(Event, st.none() | st.sampled_from(["one", "two"])),
    st.builds(OffPeak, st.floats(0, 1), st.integers(1, 1000)),
    st.builds(Referred),
    st.builds(Referrer, counts),
)


def combined(members: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    groups = st.lists(members, min_size=2, max_size=4).map(tuple)
    return st.builds(AllOf, groups) | st.builds(AnyOf, groups)


def rules_of(leaf: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    two = leaf | combined(leaf)
    return leaf | combined(leaf) | combined(two) | combined(two | combined(two))


rules = rules_of(leaf_rules)

zones = st.sampled_from(
    [UTC, CPH, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Apia")]
)
moments = st.datetimes(datetime(2025, 6, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001
times = st.lists(moments, max_size=12).map(sorted).map(tuple)
maybe = st.none() | moments
small = st.integers(0, 15)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any at all, such as no gatherer would make too."""
    now = draw(moments)
    zone = draw(zones)
    day = now.astimezone(zone).date().isoformat()
    buckets = st.sampled_from(["total", f"swarm {day} venue venue-a", f"flash {day} 12:00 venue "])
    return History(
        now=now,
        zone=zone,
        venue_id=draw(st.sampled_from(["", "elsewhere", *VENUES])),
        visits=draw(st.integers(0, 5000) | small),
        last_visit_at=draw(maybe),
        visit_times=draw(times),
        opened_here_at=draw(maybe),
        opened_at=draw(maybe),
        openings=draw(small),
        own_days=draw(small),
        own_reached_at=draw(maybe),
        best_other_days=draw(small),
        best_other_reached_at=draw(maybe),
        present=draw(small),
        friends_present=draw(small),
        party=draw(st.none() | small),
        opened_in_party=draw(st.booleans()),
        trail=draw(st.dictionaries(st.sampled_from(VENUES), times)),
        event_id=draw(st.none() | st.sampled_from(["one", "two"])),
        quiet_share=draw(st.none() | st.builds(HourShare, st.floats(0, 1), st.integers(0, 2000))),
        referred=draw(st.booleans()),
        friends_sent=draw(small),
        taken=draw(st.dictionaries(buckets, small)),
    )


# Every rule


@many
@given(rule=rules, history=histories())
def test_progress_never_passes_the_target(rule: Rule, history: History):
    look = rule.look(history)
    assert 0 <= look.progress <= look.target
    assert 0 <= look.after <= look.target
    assert look.target >= 1


@many
@given(rule=rules, history=histories())
def test_a_rule_opens_or_says_why_not_in_words(rule: Rule, history: History):
    look = rule.look(history)
    assert look.opens is (look.why is None)
    assert look.opens or WHY[look.why]
    assert not (look.opens and look.over)


@many
@given(rule=rules, history=histories())
def test_what_opens_is_at_its_target(rule: Rule, history: History):
    look = rule.look(history)
    if look.opens and not any(isinstance(leaf, Flash) for leaf in leaves(rule)):
        assert look.after == look.target


@many
@given(rules=st.lists(rules_of(visit_rules), min_size=2, max_size=4), history=histories())
def test_all_of_opens_where_all_do_and_any_of_where_one_does(rules, history):
    assume(max(map(depth, rules)) < 3)
    open_ones = [rule.look(history).opens for rule in rules]
    every, one = AllOf(tuple(rules)).look(history), AnyOf(tuple(rules)).look(history)
    assert every.opens is all(open_ones)
    assert one.opens is any(open_ones)
    assert (every.progress, every.target) == (sum(open_ones), len(rules))


@many
@given(rules=st.lists(leaf_rules, min_size=2, max_size=4), history=histories())
def test_combined_rules_are_over_when_no_member_can_help(rules, history):
    over = [rule.look(history).over for rule in rules]
    assert AllOf(tuple(rules)).look(history).over is any(over)
    assert AnyOf(tuple(rules)).look(history).over is all(over)


@many
@given(rule=rules, history=histories())
def test_a_rule_looks_at_nothing_that_it_does_not_need(rule: Rule, history: History):
    bare = History(history.now, history.zone)
    kept = replace(
        history,
        **{
            name: getattr(bare, name)
            for part, names in PARTS.items()
            if part not in needs_of(rule)
            for name in names
        },
    )
    assert rule.look(kept) == rule.look(history)


PARTS = {
    Part.TIMES: ["visit_times"],
    Part.OPENED: ["opened_here_at", "opened_at", "openings"],
    Part.LEADER: ["own_days", "own_reached_at", "best_other_days", "best_other_reached_at"],
    Part.PRESENT: ["present"],
    Part.FRIENDS: ["friends_present"],
    Part.PARTY: ["party", "opened_in_party"],
    Part.TRAIL: ["trail"],
    Part.QUIET: ["quiet_share"],
    Part.REFERRAL: ["referred"],
    Part.FRIENDS_SENT: ["friends_sent"],
    Part.WINDOWS: ["taken"],
}


def test_every_part_is_known():
    assert set(PARTS) == set(Part)


@many
@given(rule=rules, history=histories(), data=st.data())
def test_the_order_of_visits_changes_nothing(rule: Rule, history: History, data):
    shuffled = replace(
        history,
        visit_times=tuple(data.draw(st.permutations(history.visit_times))),
        trail={
            venue: tuple(data.draw(st.permutations(visits)))
            for venue, visits in history.trail.items()
        },
    )
    assert rule.look(shuffled) == rule.look(history)


@many
@given(rule=rules)
def test_documents_go_round(rule: Rule):
    document = json.loads(json.dumps(write_rule(rule)))
    assert read_rule(document) == rule
    assert write_rule(read_rule(document)) == document
    assert RULES[document["kind"]] is type(rule)


# Visits


@many
@given(rule=visit_rules, visits=st.integers(0, 5000))
def test_every_rule_of_visits_that_is_not_over_opens_within_its_target(rule, visits):
    look = rule.look(History(NOW, visits=visits))
    within = range(visits, visits + look.target)
    later = (rule.look(History(NOW, visits=before)).opens for before in within)
    assert look.over is not any(later)


@many
@given(rule=rules_of(visit_rules), visits=st.integers(0, 40))
def test_a_rule_that_is_over_never_opens_again(rule: Rule, visits: int):
    if rule.look(History(NOW, visits=visits)).over:
        later = range(visits, visits + 200)
        assert not any(rule.look(History(NOW, visits=before)).opens for before in later)


@many
@given(n=st.integers(1, 300))
def test_the_nth_visit_comes_once(n: int):
    looks = [NthVisit(n).look(History(NOW, visits=visits)) for visits in range(2 * n)]
    assert [number for number, look in enumerate(looks, 1) if look.opens] == [n]


visit_days = st.lists(st.integers(0, 250), min_size=1, max_size=80).map(sorted)


def replay(rule: Rule, visits: list[datetime]) -> list[datetime]:
    """The visits at which a rule opens for a customer who makes them, one after the other."""
    opening: list[datetime] = []
    for number, now in enumerate(visits):
        last = opening[-1] if opening else None
        past = History(
            now,
            CPH,
            visits=number,
            visit_times=tuple(visits[:number]),
            last_visit_at=visits[number - 1] if number else None,
            opened_here_at=last,
            opened_at=last,
        )
        if rule.look(past).opens:
            opening.append(now)
    return opening


def on(offsets: list[int]) -> list[datetime]:
    """So many days after a Monday, some minutes apart on the same day."""
    monday = datetime(2025, 12, 1, 12, tzinfo=CPH)
    return [
        (monday + timedelta(days=day, minutes=number)).astimezone(UTC)
        for number, day in enumerate(offsets)
    ]


@some
@given(offsets=visit_days, weeks=st.integers(1, 6))
def test_a_streak_opens_once_for_each_full_length_of_weeks_in_a_row(offsets, weeks):
    came = {day // 7 for day in offsets}
    lengths = [
        next(length for length in range(1, 99) if first + length not in came)
        for first in came
        if first - 1 not in came
    ]
    assert len(replay(Streak(weeks), on(offsets))) == sum(length // weeks for length in lengths)


@some
@given(offsets=visit_days, n=st.integers(1, 6), within=st.integers(1, 40))
def test_no_stamp_is_used_twice_or_after_its_time(offsets, n, within):
    visits = on(offsets)
    opening = replay(EveryNthVisit(n, within), visits)
    last = -1
    for at in opening:
        number = visits.index(at)
        stamps = range(last + 1, number + 1)
        good = [stamp for stamp in stamps if offsets[stamp] > offsets[number] - within]
        assert len(good) >= n
        last = number
    assert len(opening) <= len(visits) // n


@some
@given(offsets=visit_days, n=st.integers(1, 6))
def test_a_card_of_days_opens_on_every_nth_day(offsets, n):
    visits = on(offsets)
    opening = [offsets[visits.index(at)] for at in replay(EveryNthVisit(n, count="days"), visits)]
    assert opening == sorted(set(offsets))[n - 1 :: n]


@some
@given(offsets=visit_days, n=st.integers(1, 6), within=st.integers(1, 40))
def test_frequency_by_a_count_of_its_own(offsets, n, within):
    opening = [
        at
        for number, at in enumerate(on(offsets))
        if sum(day > offsets[number] - within for day in offsets[: number + 1]) >= n
    ]
    assert replay(Frequency(n, within), on(offsets)) == opening


@some
@given(offsets=visit_days, away=st.integers(1, 60))
def test_comeback_by_a_count_of_its_own(offsets, away):
    gaps = sum(later - earlier >= away for earlier, later in pairwise(offsets))
    assert len(replay(Comeback(away), on(offsets))) == gaps


# People


@some
@given(
    steps=st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abc")), min_size=1, max_size=40)
)
def test_the_top_visitor_is_the_first_of_those_with_most_days(steps):
    visits: list[tuple[datetime, str]] = []
    now = datetime(2025, 12, 1, 12, tzinfo=UTC)
    for gap, who in steps:
        now += timedelta(days=gap, minutes=1)
        ranks = {name: standing(visits, name, now) for name in "abc"}
        most = max((days, -since, name) for name, (days, since) in ranks.items())
        is_top = most[0] > 0 and most[2] == who
        assert TopVisitor().look(leading(ranks, who, now)).opens is is_top
        visits.append((now, who))


def standing(visits, who: str, now: datetime) -> tuple[int, float]:
    """The days of a customer in the sixty before today, and when they were so many."""
    since = now.date() - timedelta(days=60)
    firsts: dict[date, datetime] = {}
    for at, name in visits:
        if name == who and since <= at.date() < now.date():
            firsts.setdefault(at.date(), at)
    return len(firsts), max((at.timestamp() for at in firsts.values()), default=0.0)


def leading(before, who: str, now: datetime) -> History:
    days, since = before[who]
    others = [(days, -since) for name, (days, since) in before.items() if name != who and days]
    best_days, best_since = max(others, default=(0, 0.0))
    return History(
        now,
        own_days=days,
        own_reached_at=datetime.fromtimestamp(since, UTC) if days else None,
        best_other_days=best_days,
        best_other_reached_at=datetime.fromtimestamp(-best_since, UTC) if best_days else None,
    )


@many
@given(n=counts, most=st.none() | counts, steps=st.lists(st.sampled_from([-1, 0, 1, 1, 2])))
def test_who_refers_has_it_once_for_so_many_friends_and_never_beyond_the_limit(n, most, steps):
    """At each step so many friends more have come, or one's visit is voided; then one checks in."""
    sent = best = openings = 0
    for step in steps:
        sent = max(0, sent + step)
        best = max(best, sent)
        takes = {} if most is None else {"customer me": Take(1, most)}
        offer = Offer("offer", Referrer(n), NOW, takes, {"customer me": openings})
        before = openings
        history = History(NOW, friends_sent=sent, openings=openings)
        openings += opens(offer, history) is not None
        enough = sent // n > before and (most is None or before < most)
        assert openings - before == enough
    assert openings <= best // n
    assert most is None or openings <= most


@some
@given(n=counts, able=st.lists(st.booleans(), min_size=1, max_size=30), order=st.randoms())
def test_a_swarm_opens_for_n_of_those_who_can_have_it_whoever_comes_last(n, able, order):
    order.shuffle(able)
    [(bucket, cap)] = Swarm(n).look(History(NOW)).buckets
    waiting, taken = 0, 0
    for arrived, can_have_it in enumerate(able):
        waiting += can_have_it
        if Swarm(n).look(History(NOW, present=arrived, taken={bucket: taken})).opens:
            opened = min(waiting, cap - taken)
            waiting, taken = waiting - opened, taken + opened
    assert taken == (min(n, sum(able)) if len(able) >= n else 0)


@some
@given(n=counts, people=st.integers(0, 30))
def test_of_any_who_come_at_once_a_flash_opens_for_the_first(n, people):
    flash, taken, opened = Flash(n, time(12), time(13)), {}, 0
    for _ in range(people):
        look = flash.look(History(NOW, taken=taken))
        if look.opens:
            opened += 1
            taken = {bucket: taken.get(bucket, 0) + 1 for bucket in dict(look.buckets)}
            assert all(taken[bucket] <= cap for bucket, cap in look.buckets)
    assert opened == min(n, people)


# Hours


@many
@given(
    start=clocks,
    end=clocks,
    weekdays=st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
    day=st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 22)]),
    minute=st.integers(-1440, 2880),
)
def test_a_flash_is_on_when_a_schedule_with_its_window_is(start, end, weekdays, day, minute):
    document = {"from": f"{start:%H:%M}", "to": f"{end:%H:%M}", "weekdays": weekdays}
    flash = read_rule({"kind": "flash", "n": 1, **document})
    midnight = datetime.combine(day, time(0), tzinfo=CPH).astimezone(UTC)
    now = midnight + timedelta(minutes=minute)
    on = is_on(read_schedule({"windows": [document]}), now, CPH, None)
    assert flash.look(History(now, CPH)).opens is on


# Offers

limits = Limits(1, 1, 1, 1, 1, Budget("DKK", 1, 1))
buckets = list(limits.buckets("me", NOW.date(), "v"))
counters = st.dictionaries(st.sampled_from(buckets), st.integers(0, 3))
offers = st.builds(
    Offer,
    id=st.just(1),
    rule=rules,
    valid_from=st.sampled_from([NOW - TICK, NOW, NOW + TICK]),
    takes=st.dictionaries(
        st.sampled_from(buckets), st.builds(Take, st.integers(1, 2), st.integers(0, 3))
    ),
    taken=counters,
    holds=st.booleans(),
    has_redeemed=st.booleans(),
    reserve_s=st.none() | st.just(600),
)
now_histories = histories().map(lambda history: replace(history, now=NOW))


@many
@given(offer=offers, history=now_histories)
def test_no_offer_opens_over_an_obstacle(offer: Offer, history: History):
    look = opens(offer, history)
    if obstacle(offer, NOW):
        assert look is None
    elif look:
        assert look.opens
        assert all(
            offer.taken.get(bucket, 0) + units <= cap
            for bucket, (units, cap) in offer.takes.items()
        )
        later = taken_by_claim(offer.takes) if offer.reserve_s else {}
        now = takes_of(offer, look)
        assert {*now, *later} == {*offer.takes, *dict(look.buckets)}
        assert not set(now) & set(later) - set(dict(look.buckets))


@many
@given(offer=offers, history=now_histories)
def test_what_stands_unlockable_opens_at_the_check_in_and_nothing_else_does(offer, history):
    standing = stand(offer, history)
    assert (standing.why is None) is (opens(offer, history) is not None)
    if standing.state is State.UNLOCKABLE_HERE:
        assert opens(offer, history)
    assert (standing.state is State.UNLOCKED) is offer.holds
    assert set(progress_text(standing)) == {"en", "da"}


@many
@given(offer=offers, history=now_histories)
def test_what_the_customer_has_to_reserve_says_so_or_that_there_is_none_left(offer, history):
    standing = stand(replace(offer, holds=True, unclaimed=True), history)
    left = all(
        offer.taken.get(bucket, 0) + units <= cap
        for bucket, (units, cap) in taken_by_claim(offer.takes).items()
    )
    assert standing.state is State.UNCLAIMED
    assert (standing.why is Why.NOT_RESERVED) is left
    assert standing.why is not Why.CUSTOMER_LIMIT


@many
@given(offer=offers, history=now_histories, accepted=st.booleans())
def test_what_a_check_in_did_not_open_is_never_called_unlockable(offer, history, accepted):
    if accepted and opens(offer, history):
        return
    standing = stand_after(offer, history, accepted=accepted)
    assert standing.state is not State.UNLOCKABLE_HERE
    assert standing.why is not None or standing.state is State.UNLOCKED
    assert 0 <= standing.progress <= standing.target
