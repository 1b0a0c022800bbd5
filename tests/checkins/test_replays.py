"""A replay says what really happens: the same visits, once through the service, once simulated."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from lbs.offers import service as offers
from tests.offers.test_rules_in_use import Regular
from tests.world import OFFER, World, now

MONDAY = datetime(2026, 9, 7, 6, tzinfo=UTC)
"""Eight in Copenhagen; clocks go back seven weeks later."""
VISITS, DAYS, LATE = 420, 60, 30
"""The offers of the second set are made after LATE days."""
HOUR = {"from": "11:00", "to": "14:00"}
LATE_WINDOW = {"weekdays": ["fr", "sa"], "from": "18:00", "to": "02:00"}


def rules(venues: list[dict[str, Any]], event_id: str) -> dict[str, dict[str, Any]]:
    """Members of offers by a name, one or more of every kind."""
    trail = {"kind": "trail", "venue_ids": [venue["id"] for venue in venues], "within_days": 20}
    quiet = {"kind": "off_peak", "max_share": 0.004, "min_visits": 20}
    often = {"kind": "frequency", "n": 2, "within_days": 9}
    flash = {"kind": "flash", "n": 2, **HOUR, "weekdays": ["mo", "we", "fr"]}
    plain = {
        "every_visit": {"kind": "every_visit"},
        "first_visit": {"kind": "first_visit"},
        "nth_visit": {"kind": "nth_visit", "n": 4},
        "every_nth_visit": {"kind": "every_nth_visit", "n": 3},
        "stamps": {"kind": "every_nth_visit", "n": 3, "within_days": 9},
        "days": {"kind": "every_nth_visit", "n": 3, "count": "days"},
        "days within": {"kind": "every_nth_visit", "n": 2, "count": "days", "within_days": 5},
        "frequency": {"kind": "frequency", "n": 3, "within_days": 7},
        "streak": {"kind": "streak", "weeks": 2},
        "comeback": {"kind": "comeback", "days": 6},
        "top_visitor": {"kind": "top_visitor"},
        "flash": flash,
        "trail": trail,
        "ordered trail": {**trail, "ordered": True},
        "event": {"kind": "event", "event_id": event_id},
        "off_peak": quiet,
        "charity": {"kind": "charity", "amount_minor": 500, "recipient": "Red Cross"},
        "all_of": {"kind": "all_of", "rules": [often, flash]},
        "any_of": {"kind": "any_of", "rules": [{"kind": "nth_visit", "n": 2}, quiet, trail]},
    }
    every = {"rule": plain["every_visit"]}
    return {
        **{name: {"rule": rule} for name, rule in plain.items()},
        "limit_total": {**every, "limit_total": 31},
        "limit_per_customer": {"rule": plain["frequency"], "limit_per_customer": 2},
        "limit_per_day": {**every, "limit_per_day": 3},
        "limit_per_venue": {"rule": plain["stamps"], "limit_per_venue": 7},
        "limit_per_venue_day": {"rule": plain["streak"], "limit_per_venue_day": 1},
        "schedule": {**every, "schedule": {"windows": [LATE_WINDOW]}},
        "min_level": {"rule": plain["every_nth_visit"], "min_level": 3},
    }


class Stream:
    """Customers who come and go at three venues, for weeks, always the same."""

    def __init__(self, world: World, clock: Any) -> None:
        self.world, self.clock, self.dice = world, clock, random.Random(20261124)
        self.venues = [
            world.venue(cool_down_s=3600),
            world.venue(cool_down_s=0, time_zone="America/New_York"),
            world.venue(min_level="L2"),
        ]
        self.pins = [self._pin(venue) for venue in self.venues]
        self.people = [Regular(world) for _ in range(12)]
        times = {
            "starts_at": (MONDAY + timedelta(days=20)).isoformat(),
            "ends_at": (MONDAY + timedelta(days=50)).isoformat(),
        }
        body = {"venue_id": self.venues[0]["id"], "name": "Festival", **times}
        self.event = world.ask("post", "/v1/events", json=body)["id"]
        self.asked = rules(self.venues, self.event)
        self.offers: dict[str, str] = {}
        """By name, of the first and the second set."""
        self.opened: Counter[str] = Counter()
        self.winners: defaultdict[str, set[int]] = defaultdict(set)
        self.reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.accepted = 0

    def run(self) -> None:
        self.offer("first")
        moments = sorted(self.dice.uniform(0, DAYS) for _ in range(VISITS))
        for moment in moments:
            if moment >= LATE and len(self.offers) == len(self.asked):
                self.clock.move_to(MONDAY + timedelta(days=LATE))
                self.offer("second")
            self.clock.move_to(MONDAY + timedelta(days=moment))
            self.visit()
        self.clock.move_to(MONDAY + timedelta(days=DAYS))

    def offer(self, which: str) -> None:
        """Past the interface, which does not take all of these rules yet."""
        with self.world.db.transaction() as session:
            for name, members in self.asked.items():
                terms = {name: value for name, value in OFFER.items() if "valid" not in name}
                terms |= {"schedule": {}, "valid_from": now(), **members}
                terms["valid_to"] = now() + timedelta(days=365)
                command = offers.WriteOffer(
                    terms=terms, venue_ids=tuple(UUID(venue["id"]) for venue in self.venues)
                )
                whose = {"merchant_id": self.world.merchant_id, "now": now()}
                made = offers.create_offer(session, command=command, **whose)
                offers.set_status(session, offer_id=made.id, status="active", **whose)
                self.offers[f"{which} {name}"] = str(made.id)

    def visit(self) -> None:
        who = min(int(self.dice.expovariate(0.25)), len(self.people) - 1)
        where = self.dice.choices(range(3), weights=[5, 3, 2])[0]
        evidence = [self.world.location()]
        if self.dice.random() < 0.4:
            evidence.append({"kind": "staff_pin", "pin": self.pins[where]})
        place = {"venue_id": self.venues[where]["id"]}
        during = timedelta(days=20) <= now() - MONDAY < timedelta(days=50)
        if where == 0 and during and self.dice.random() < 0.3:
            place = {"event_id": self.event}
        body = {**place, "evidence": evidence}
        result = self.world.ask("post", "/v1/check-ins", self.people[who].token, json=body)
        if result["verdict"] != "accepted":
            return
        self.accepted += 1
        for unlock in result["unlocked"]:
            self.opened[unlock["offer_id"]] += 1
            self.winners[unlock["offer_id"]].add(who)
        for offer in result["locked"]:
            self.reasons[offer["offer_id"]][offer["reason"]["code"]] += 1

    def _pin(self, venue: dict[str, Any]) -> str:
        path = f"/v1/venues/{venue['id']}/proofs"
        return self.world.ask("post", path, json={"kind": "staff", "name": "Ida"})["pin"]


def replay(world: World, offer_id: str, days: int = 90, **terms: Any) -> Any:
    body = {"kind": "replay", "days": days, "terms": terms}
    return world.ask("post", f"/v1/offers/{offer_id}/simulations", json=body)


@pytest.fixture(scope="module")
def stream(app: Any) -> Iterator[Stream]:
    with time_machine.travel(MONDAY, tick=False) as clock:
        stream = Stream(World(app), clock)
        stream.run()
        yield stream


@pytest.mark.parametrize("name", rules([], ""))
@pytest.mark.parametrize(("which", "days"), [("first", DAYS), ("second", DAYS - LATE)])
def test_a_replay_opens_exactly_what_the_service_has_opened(
    stream: Stream, name: str, which: str, days: int
):
    """For the second set, the visits before it was made are the past that rules look at."""
    offer_id = stream.offers[f"{which} {name}"]
    played = replay(stream.world, offer_id, days)
    reasons = {reason["code"]: reason["visits"] for reason in played["reasons"]}
    assert played["unlocks"] == stream.opened[offer_id]
    assert played["unlocked_customers"] == len(stream.winners[offer_id])
    assert reasons == stream.reasons[offer_id]
    assert played["visits"] == sum(reasons.values()) + played["unlocks"]


def test_the_stream_tries_every_rule_both_ways(stream: Stream):
    """Each offer has opened, and but for two of them has stayed closed: the test can fail."""
    assert stream.accepted > VISITS * 0.8
    for name, offer_id in stream.offers.items():
        assert stream.opened[offer_id], name
        assert stream.reasons[offer_id] or name.split(" ", 1)[1] in ("every_visit", "charity")
