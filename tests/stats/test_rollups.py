"""Roll-ups and the newest facts together give what counting the whole ledger gives, always."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from lbs.checkins.service.support import void
from lbs.db import new_id
from lbs.ledger.policy import Kind
from lbs.ledger.service import record
from lbs.stats import service
from tests.racing import at_once
from tests.stats import plain
from tests.stats.stream import Agenda, Stream, ledger
from tests.world import World

BREAKDOWNS = ("venue", "variant", "channel", "level", "customer")
CHANNELS = ("nearby", "push", "link", "share", "poster", None)
SPRING = datetime(2026, 3, 26, 12, tzinfo=UTC)


@dataclass
class Place:
    """A merchant with venues in several time zones, and whatever happens to it."""

    world: World
    chance: random.Random
    zones: tuple[str, ...] = ("Europe/Copenhagen", "Europe/Copenhagen", "America/New_York")

    def __post_init__(self) -> None:
        self.stream = Stream(self.world)
        self.venues = [self.world.venue(time_zone=zone, cool_down_s=60) for zone in self.zones]
        self.offers = [
            self.world.offer(*self.venues, redeem_within_s=7200),
            self.world.offer(self.venues[0], currency="EUR", value_minor=450, cost_minor=100),
            self.world.offer(*self.venues[:2], rule={"kind": "every_nth_visit", "n": 2}),
        ]
        body = {"name": "Group", "venue_ids": [self.venues[0]["id"], self.venues[2]["id"]]}
        self.group = self.world.ask("post", "/v1/venue-groups", json=body)
        self.customers = [self.world.register()["customer_id"] for _ in range(12)]
        self.subjects = [new_id() for _ in range(6)]

    def live(self, start: datetime, days: float, check_ins: int) -> None:
        """Check-ins with what follows from them; then some are voided, and some judged anew."""
        agenda = Agenda(self.stream, self.chance.randrange(2**32))
        end = start + timedelta(days=days)
        agenda.plan_check_ins(check_ins, self.venues, self.customers, start, end)
        agenda.carry_out()
        self.report(start, days, check_ins)
        self.void(end, check_ins // 12)

    def report(self, start: datetime, days: float, number: int) -> None:
        """What apps and experiments tell, as it stands in the ledger."""
        chance = self.chance
        with self.world.db.transaction() as session:
            for _ in range(number):
                at = start + timedelta(days=chance.uniform(0, days))
                offer_id, venue_id = UUID(chance.choice(self.offers)["id"]), self._a_venue()
                kind = chance.choice(
                    ("teaser_viewed", "nearby_listed", "pass_shown", "flagged", "exposed")
                )
                facts: dict[str, Any] = {
                    "subject_id": chance.choice(self.subjects + self._subjects(session)),
                    "channel": chance.choice(CHANNELS),
                    "venue_id": chance.choice((venue_id, venue_id, None)),
                    "offer_id": offer_id,
                    "counted": chance.random() > 0.05,
                }
                if kind == "exposed":
                    facts["variant"] = chance.choice(("A", "B", "holdout"))
                elif kind == "nearby_listed":
                    facts |= {"venue_id": venue_id, "offer_id": None, "offer_ids": [offer_id]}
                elif kind == "pass_shown":
                    facts |= {"elapsed_s": int(chance.expovariate(1 / 900)), "level": 1}
                record(session, Kind(kind), self.world.merchant_id, at, **facts)
            self._report_returns(session, start, days, number // 10)

    def _report_returns(self, session: Any, start: datetime, days: float, number: int) -> None:
        unlocks = session.execute(
            text("""SELECT unlock_id, offer_id, venue_id, subject_id, check_in_id
                    FROM ledger_event WHERE merchant_id = :id AND kind = 'unlocked'"""),
            {"id": self.world.merchant_id},
        ).all()
        for unlock in self.chance.sample(unlocks, min(number, len(unlocks))):
            record(
                session,
                Kind.RETURNED,
                self.world.merchant_id,
                start + timedelta(days=days * self.chance.random()),
                **unlock._asdict() | {"check_in_id": None},
                within_days=self.chance.choice((7, 30, 90)),
                first_visit=self.chance.choice((True, False)),
                share_id=self.chance.choice((None, new_id())),
            )

    def void(self, at: datetime, number: int) -> None:
        """Some check-ins, half a day after: when what they led to has come about."""
        with self.world.db.transaction() as session:
            ids = session.scalars(
                text("""SELECT check_in.id FROM check_in
                        JOIN venue ON venue.id = check_in.venue_id
                        WHERE venue.merchant_id = :id AND check_in.verdict <> 'voided'
                        ORDER BY check_in.id"""),
                {"id": self.world.merchant_id},
            ).all()
        for check_in_id in self.chance.sample(ids, min(number, len(ids))):
            later = at + timedelta(hours=12 + self.chance.uniform(0, 2))
            with self.world.db.transaction() as session:
                merchant_id = self.world.merchant_id
                void(session, check_in_id, merchant_id=merchant_id, reason="Test", now=later)

    def _a_venue(self) -> UUID:
        return UUID(self.chance.choice(self.venues)["id"])

    def _subjects(self, session: Any) -> list[UUID]:
        return list(
            session.scalars(
                text("SELECT subject_id FROM customer WHERE id = ANY(CAST(:ids AS uuid[]))"),
                {"ids": self.customers},
            )
        )

    # --- what there is to ask ---

    def scopes(self, start: datetime | None, end: datetime):
        """Each scope with the facts that belong to it, and its offer."""
        facts = plain.standing(ledger(self.world))
        facts = [f for f in facts if (start is None or start <= f.at) and f.at < end]
        key, period = self.stream.till, {"start": start, "end": end, "min_group": 1}
        with self.world.db.transaction() as session:
            service.snapshot(session)
            for offer in self.offers:
                offer_id = UUID(offer["id"])
                mine = [fact for fact in facts if offer_id in fact.offers]
                yield session, service.offer_scope(session, key, offer_id, **period), mine, offer_id
                venue_id = UUID(self.venues[0]["id"])
                scope = service.offer_scope(session, key, offer_id, venue_id=venue_id, **period)
                yield session, scope, [f for f in mine if f.venue_id == venue_id], offer_id
            for venue in self.venues:
                venue_id = UUID(venue["id"])
                scope = service.venue_scope(session, key, venue_id, **period)
                yield session, scope, [f for f in facts if f.venue_id == venue_id], None
            members = {UUID(venue_id) for venue_id in self.group["venue_ids"]}
            scope = service.group_scope(session, key, UUID(self.group["id"]), **period)
            yield session, scope, [f for f in facts if f.venue_id in members], None
            yield session, service.merchant_scope(session, key, **period), facts, None

    def check(self, start: datetime | None, end: datetime) -> None:
        for session, scope, facts, offer_id in self.scopes(start, end):
            for by in (None, *self.chance.sample(BREAKDOWNS, 2)):
                check_funnel(session, scope, facts, offer_id, by)
            check_money(session, scope, facts)
            check_customers(session, scope, facts)

    def check_series(self, start: datetime, end: datetime, by: str, zone: str | None) -> None:
        for session, scope, facts, _ in self.scopes(start, end):
            used = zone or scope.time_zone or "UTC"
            answer = service.series(session, scope, by=by, time_zone=used)
            expected = plain.by_bucket(facts, by, ZoneInfo(used))
            starts = [item["start"] for item in answer["items"]]
            assert starts == sorted(set(starts))
            assert expected.keys() <= set(starts)
            for item in answer["items"]:
                there = plain.funnel(expected.get(item["start"], []))
                steps = {step["step"]: step for step in there["steps"]}
                assert item["check_ins"] == there["check_ins"]
                assert item["unique_customers"] == steps["checked_in"]["customers"]
                assert item["new_customers"] == there["new_customers"]
                assert item["redemptions"] == steps["redeemed"]["count"]
                assert item["viewed"] == steps["viewed"]["count"]


def check_funnel(session, scope, facts, offer_id, by) -> None:
    answer = service.funnel(session, scope, by=by)
    same(answer, facts)
    groups: dict[str, list[Any]] = {}
    for fact in facts if by else ():
        groups.setdefault(plain.group_of(fact, by, offer_id), []).append(fact)
    told = {group.pop("group"): group for group in answer["groups"]}
    for name, group in told.items():
        if name != "other":
            same(group, groups[name])
    hidden = [fact for name in groups if name not in told for fact in groups[name]]
    if "other" in told:
        same(told["other"], hidden)
    else:
        assert not [fact for fact in hidden if fact.step and fact.subject_id]


def same(answer: dict[str, Any], facts: list[Any]) -> None:
    expected = plain.funnel(facts)
    steps = [{name: step[name] for name in step if name != "median_s"} for step in answer["steps"]]
    assert {**{name: answer[name] for name in expected}, "steps": steps} == expected
    for step, median in plain.medians(facts).items():
        [found] = [one["median_s"] for one in answer["steps"] if one["step"] == step]
        assert (found is None) == (median is None)
        assert found is None or abs(found - median) <= 0.5 + median * 0.01


def check_money(session, scope, facts) -> None:
    answer = service.money(session, scope)
    found = {
        item["currency"]: (
            *(item[f"{name}_minor"] for name in ("value", "cost", "amount")),
            *(item["redemptions"], item["reported"]),
            *(item["shared_amount_minor"], item["shared_redemptions"]),
        )
        for item in answer["items"]
    }
    assert found == plain.money(facts)


def check_customers(session, scope, facts) -> None:
    answer = service.customers(session, scope)
    for name, step in (("visits", "checked_in"), ("redemptions", "redeemed")):
        times = plain.visits(facts, step)
        for item in answer[name]:
            low, _, high = item["times"].rstrip("+").partition("-")
            most = 10**9 if item["times"].endswith("+") else int(high or low)
            assert item["customers"] == sum(n for t, n in times.items() if int(low) <= t <= most)
        assert sum(item["customers"] for item in answer[name]) == times.total()


def roll_up(world: World) -> int:
    with world.db.transaction() as session:
        return service.roll_up(session)


def break_off(world: World) -> None:
    with world.db.transaction() as session:
        assert service.roll_up(session) > 0
        raise ZeroDivisionError


def rebuild(world: World) -> int:
    with world.db.transaction() as session:
        return service.rebuild(session)


def kept(world: World) -> dict[Any, Any]:
    with world.db.transaction() as session:
        rows = session.execute(
            text("""SELECT rollup.* FROM rollup JOIN rollup_scope USING (scope_id, venue_id)
                    WHERE merchant_id = :id"""),
            {"id": world.merchant_id},
        ).all()
    return {
        tuple(row[:6]): (row.counts, row.elapsed, dict_of(row.steps, row.customers)) for row in rows
    }


def dict_of(steps: list[str], customers: list[bytes]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for step, digits in zip(steps, customers, strict=True):
        found.setdefault(step, []).append(bytes(digits))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_answers_are_exact_whenever_roll_ups_are_made(app, seed: int):
    place = Place(World(app), random.Random(seed))
    chance, start = place.chance, SPRING
    for days in (0.1, 12, 2):
        place.live(start, days, 30)
        start += timedelta(days=days)
        if chance.random() < 0.6:
            roll_up(place.world)
    place.void(start, 4)
    end = start + timedelta(days=2)
    middle = SPRING + (end - SPRING) * chance.random()
    periods = [(None, end), (SPRING, middle), (middle, end)]
    place.check(*periods[0])
    place.check(*periods[1])
    roll_up(place.world)
    made = kept(place.world)
    place.check(*periods[2])
    rebuild(place.world)
    assert kept(place.world) == made
    place.check(*periods[1])


def test_facts_that_come_late_are_added_to_what_is_kept(app):
    place = Place(World(app), random.Random(8))
    place.live(SPRING, 35, 40)
    roll_up(place.world)
    end, people = SPRING + timedelta(days=36), [new_id() for _ in range(4)]
    with place.world.db.transaction() as session:
        for _ in range(30):
            person, offer = place.chance.choice(people), place.chance.choice(place.offers)
            at = SPRING + place.chance.random() * timedelta(days=35)
            facts = {"subject_id": person, "offer_id": UUID(offer["id"])}
            record(session, Kind.TEASER_VIEWED, place.world.merchant_id, at, **facts)
    middle = SPRING + (end - SPRING) * place.chance.random()
    for period in ((None, end), (SPRING, middle), (middle, end)):
        place.check(*period)
    roll_up(place.world)
    made = kept(place.world)
    place.check(None, end)
    rebuild(place.world)
    assert kept(place.world) == made


@pytest.mark.parametrize(
    ("by", "zone"),
    [
        ("hour", None),
        ("day", None),
        ("week", None),
        ("month", None),
        ("day", "America/New_York"),
        ("day", "Asia/Kathmandu"),
        ("hour", "Asia/Kolkata"),
    ],
)
def test_series_are_exact_over_days_of_23_and_25_hours(busy: Place, by: str, zone: str | None):
    start = SPRING + timedelta(minutes=17)
    busy.check_series(start, start + timedelta(days=13, hours=5), by, zone)


@pytest.fixture(scope="module")
def busy(app) -> Place:
    """Rolled up in part: its last day is not."""
    place = Place(World(app), random.Random(11))
    place.live(SPRING, 9, 90)
    roll_up(place.world)
    place.live(SPRING + timedelta(days=8), 4, 30)
    return place


def test_retention_and_hours_equal_a_recount(busy: Place):
    start, end = SPRING - timedelta(days=3), SPRING + timedelta(days=14)
    for session, scope, facts, _ in busy.scopes(start, end):
        zone = scope.time_zone or "UTC"
        visits = [fact for fact in facts if fact.step == "checked_in"]
        weeks = service.retention(session, scope, by="week", time_zone=zone)["cohorts"]
        seen: set[Any] = set()
        by_week = plain.by_bucket(visits, "week", ZoneInfo(zone))
        for place, week in enumerate(weeks):
            new = {f.subject_id for f in by_week.get(week["start"], []) if f.is_new} - seen
            seen |= new
            assert week["customers"] == len(new)
            assert week["returned"] == [
                len(new & {fact.subject_id for fact in by_week.get(later["start"], [])})
                for later in weeks[place + 1 :]
            ]
        grid = service.hours(session, scope, time_zone=zone)
        local = [fact.at.astimezone(ZoneInfo(zone)) for fact in visits]
        for day in range(7):
            for hour in range(24):
                there = sum((at.weekday(), at.hour) == (day, hour) for at in local)
                assert grid["check_ins"][day][hour] == there


def test_a_venue_that_moves_to_another_time_zone_keeps_its_numbers_right(app):
    place = Place(World(app), random.Random(3), zones=("Europe/Copenhagen",) * 3)
    place.live(SPRING, 3, 40)
    roll_up(place.world)
    for zone in ("Asia/Kathmandu", "America/New_York"):
        path = f"/v1/venues/{place.venues[0]['id']}"
        version = place.world.call("get", path, place.world.key).headers["ETag"]
        headers = {"If-Match": version}
        place.world.ask("patch", path, json={"time_zone": zone}, headers=headers)
        place.check_series(SPRING, SPRING + timedelta(days=4), "day", None)
        place.live(SPRING + timedelta(days=2), 1, 6)
        roll_up(place.world)
        place.check_series(SPRING, SPRING + timedelta(days=4), "day", None)
        place.check(SPRING, SPRING + timedelta(days=4))


def test_a_roll_up_that_is_broken_off_has_done_nothing_and_is_done_again(app):
    place = Place(World(app), random.Random(5))
    place.live(SPRING, 1, 20)
    with pytest.raises(ZeroDivisionError):
        break_off(place.world)
    assert kept(place.world) == {}
    place.check(None, SPRING + timedelta(days=3))
    assert roll_up(place.world) > 0
    made = kept(place.world)
    assert made
    assert roll_up(place.world) == 0
    assert kept(place.world) == made


def test_two_at_once_take_turns(app):
    place = Place(World(app), random.Random(6))
    place.live(SPRING, 1, 20)
    done = at_once([lambda: roll_up(place.world)] * 3)
    assert sorted(hours > 0 for hours in done) == [False, False, True]
    place.check(None, SPRING + timedelta(days=3))


def test_a_fact_of_a_transaction_that_ends_late_is_not_passed_over(app):
    place = Place(World(app), random.Random(7))
    offer_id, at = UUID(place.offers[0]["id"]), SPRING
    facts = {"subject_id": new_id(), "offer_id": offer_id}
    with place.world.db.transaction() as slow:
        record(slow, Kind.TEASER_VIEWED, place.world.merchant_id, at, **facts)
        slow.flush()
        with place.world.db.transaction() as fast:
            record(fast, Kind.TEASER_VIEWED, place.world.merchant_id, at, **facts)
        roll_up(place.world)
        place.check(None, SPRING + timedelta(days=1))
    place.check(None, SPRING + timedelta(days=1))
    roll_up(place.world)
    place.check(None, SPRING + timedelta(days=1))
    [item] = [
        step
        for step in place.world.ask("get", f"/v1/stats/offers/{offer_id}/funnel")["steps"]
        if step["step"] == "viewed"
    ]
    assert item["count"] == 2
