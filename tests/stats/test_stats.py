"""The numbers, each against two recounts: the ledger in plain Python, the tables in plain SQL."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import text

from tests.stats.stream import (
    Agenda,
    Stream,
    bucket_of,
    count,
    counts,
    ledger,
    of_offer,
    of_venue,
)
from tests.world import World

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
SPRING, AUTUMN = datetime(2026, 3, 29), datetime(2026, 10, 25)  # noqa: DTZ001 - local days
NOTHING = count([])


@dataclass(frozen=True)
class Town:
    """A merchant with a busy fortnight around the day of 23 hours."""

    world: World
    venues: list[dict[str, Any]]
    offers: dict[str, dict[str, Any]]
    start: datetime
    end: datetime
    events: list[Any]

    def ask(self, path: str, **query: Any) -> Any:
        """Everything of the path in one line, or its series."""
        period = {"from": self.start.isoformat(), "to": self.end.isoformat()}
        if not path.endswith("series"):
            return self.world.totals(path, **(period | query))
        return self.world.ask("get", f"/v1/stats/{path}", query_string=period | query)

    def subjects(self):
        for venue in self.venues:
            yield f"venues/{venue['id']}", list(of_venue(self.events, venue))
        for offer in self.offers.values():
            yield f"offers/{offer['id']}", list(of_offer(self.events, offer))


@pytest.fixture(scope="module")
def town(app) -> Town:
    world = World(app)
    venues = [world.venue(name=str(number), cool_down_s=3600) for number in range(3)]
    first, second, _ = venues
    start = datetime(2026, 3, 22, 12, tzinfo=UTC)
    end = start + timedelta(days=14)
    offers = {
        "always": world.offer(*venues, redeem_within_s=7200),
        "scarce": world.offer(
            first,
            second,
            limit_total=60,
            limit_per_day=4,
            redeem_within_s=3600,
            currency="EUR",
            value_minor=450,
            cost_minor=100,
        ),
        "third": world.offer(
            second, rule={"kind": "every_nth_visit", "n": 3}, redeem_within_s=86_400
        ),
        "late": world.offer(
            first,
            valid_from=(start + timedelta(days=7)).isoformat(),
            limit_per_customer=1,
            redeem_within_s=3600,
        ),
        "unseen": world.offer(world.venue(name="Nobody comes")),
    }
    customers = [world.register()["customer_id"] for _ in range(25)]
    agenda = Agenda(Stream(world), seed=4711)
    agenda.plan_check_ins(330, venues, customers, start, end)
    agenda.carry_out()
    assert agenda.done["check_ins"] == 330
    assert agenda.done["redemptions"] > 120
    assert agenda.done["reversals"] > 30
    assert agenda.done["refusals"] > 10
    return Town(world, venues, offers, start, end + timedelta(days=2), ledger(world))


def test_totals_equal_a_recount_of_the_ledger(town: Town):
    for path, events in town.subjects():
        totals = town.ask(path)
        assert counts(totals) == count(events), path
        assert datetime.fromisoformat(totals["from"]) == town.start
        assert datetime.fromisoformat(totals["to"]) == town.end
    assert town.ask(f"offers/{town.offers['always']['id']}")["expired"] > 20
    scarce = town.ask(f"offers/{town.offers['scarce']['id']}")
    assert scarce["money"][0]["currency"] == "EUR"


OF_VENUE = """
    SELECT
        (SELECT count(*) FROM check_in AS c WHERE c.venue_id = :id AND {period_c}
           AND verdict = 'accepted') AS accepted,
        (SELECT count(*) FROM check_in AS c WHERE c.venue_id = :id AND {period_c}
           AND verdict = 'ambiguous') AS ambiguous,
        (SELECT count(*) FROM check_in AS c WHERE c.venue_id = :id AND {period_c}
           AND verdict = 'rejected') AS rejected,
        (SELECT count(*) FROM unlock AS u WHERE u.venue_id = :id
           AND u.unlocked_at >= :start AND u.unlocked_at < :end) AS unlocks,
        (SELECT count(*) FROM unlock AS u WHERE u.venue_id = :id AND u.state = 'expired'
           AND {expired_at} >= :start AND {expired_at} < :end) AS expired,
        (SELECT count(*) FROM redemption AS r WHERE r.venue_id = :id
           AND r.redeemed_at >= :start AND r.redeemed_at < :end) AS redemptions,
        (SELECT count(*) FROM redemption AS r WHERE r.venue_id = :id
           AND r.reversed_at >= :start AND r.reversed_at < :end) AS reversals,
        (SELECT count(DISTINCT customer_id) FROM check_in AS c WHERE c.venue_id = :id
           AND {period_c} AND verdict = 'accepted') AS unique_customers,
        (SELECT count(*) FROM visit_tally AS t WHERE t.venue_id = :id
           AND t.first_at >= :start AND t.first_at < :end) AS new_customers
"""
OF_OFFER = """
    WITH here AS (
        SELECT c.* FROM check_in AS c
        JOIN offer_venue AS o ON o.venue_id = c.venue_id AND o.offer_id = :id
        JOIN offer_version AS v ON v.offer_id = o.offer_id
        WHERE c.occurred_at >= v.valid_from AND c.occurred_at < v.valid_to AND {period_c}
    )
    SELECT
        (SELECT count(*) FROM here WHERE verdict = 'accepted') AS accepted,
        (SELECT count(*) FROM here WHERE verdict = 'ambiguous') AS ambiguous,
        (SELECT count(*) FROM here WHERE verdict = 'rejected') AS rejected,
        (SELECT count(*) FROM unlock AS u WHERE u.offer_id = :id
           AND u.unlocked_at >= :start AND u.unlocked_at < :end) AS unlocks,
        (SELECT count(*) FROM unlock AS u WHERE u.offer_id = :id AND u.state = 'expired'
           AND {expired_at} >= :start AND {expired_at} < :end) AS expired,
        (SELECT count(*) FROM redemption AS r WHERE r.offer_id = :id
           AND r.redeemed_at >= :start AND r.redeemed_at < :end) AS redemptions,
        (SELECT count(*) FROM redemption AS r WHERE r.offer_id = :id
           AND r.reversed_at >= :start AND r.reversed_at < :end) AS reversals,
        (SELECT count(DISTINCT customer_id) FROM here WHERE verdict = 'accepted')
            AS unique_customers,
        (SELECT count(DISTINCT here.customer_id) FROM here
           JOIN visit_tally AS t ON t.customer_id = here.customer_id
             AND t.venue_id = here.venue_id AND t.first_at = here.occurred_at
           WHERE verdict = 'accepted') AS new_customers
"""
SQL = {
    "period_c": "c.occurred_at >= :start AND c.occurred_at < :end",
    # the job ran at once whenever one was due: at its end, or when a later reversal freed it
    "expired_at": "greatest(u.expires_at, (SELECT max(reversed_at) FROM redemption "
    "WHERE unlock_id = u.id))",
}
OF_MONEY = """
    SELECT currency, sum(value_minor)::int AS value_minor, sum(cost_minor)::int AS cost_minor,
           coalesce(sum(amount_minor), 0)::int AS amount_minor
    FROM (
        SELECT currency, value_minor, cost_minor, amount_minor FROM redemption
        WHERE {subject}_id = :id AND redeemed_at >= :start AND redeemed_at < :end
        UNION ALL
        SELECT currency, -value_minor, -cost_minor, -amount_minor FROM redemption
        WHERE {subject}_id = :id AND reversed_at >= :start AND reversed_at < :end
    ) AS flow GROUP BY currency ORDER BY currency
"""


def recount(session, subject: str, subject_id: str, start: datetime, end: datetime):
    """The same counts from the tables, never the ledger."""
    given = {"id": subject_id, "start": start, "end": end}
    statement = {"venue": OF_VENUE, "offer": OF_OFFER}[subject].format(**SQL)
    row = session.execute(text(statement), given).one()._asdict()
    money = session.execute(text(OF_MONEY.format(subject=subject)), given).all()
    return {
        "check_ins": {name: row.pop(name) for name in ("accepted", "ambiguous", "rejected")},
        **row,
        "returning_customers": row["unique_customers"] - row["new_customers"],
        "money": [part._asdict() for part in money],
    }


def test_totals_equal_a_recount_of_the_tables(town: Town, db):
    middle = town.start + timedelta(days=5, hours=7)
    periods = [(town.start, town.end), (town.start, middle), (middle, town.end)]
    subjects = [("venue", venue["id"]) for venue in town.venues]
    subjects += [("offer", offer["id"]) for offer in town.offers.values()]
    with db.transaction() as session:
        for (subject, subject_id), (start, end) in itertools.product(subjects, periods):
            answer = town.ask(
                f"{subject}s/{subject_id}", **{"from": start.isoformat(), "to": end.isoformat()}
            )
            expected = recount(session, subject, subject_id, start, end)
            assert {name: answer[name] for name in expected} == expected, (subject, start)


def test_an_offer_at_one_venue_is_counted_there_only(town: Town):
    offer = town.offers["always"]
    for venue in town.venues:
        answer = town.ask(f"offers/{offer['id']}", venue_id=venue["id"])
        events = of_venue(list(of_offer(town.events, offer)), venue)
        assert counts(answer) == count(events)


@pytest.mark.parametrize("by", ["hour", "day", "week"])
def test_series_equal_a_recount_of_the_ledger_in_every_bucket(town: Town, by):
    for path, events in town.subjects():
        series = town.ask(f"{path}/series", by=by)
        assert (series["by"], series["time_zone"]) == (by, "Europe/Copenhagen")
        expected: dict[datetime, list[Any]] = {}
        for event in events:
            expected.setdefault(bucket_of(event.at, by, COPENHAGEN), []).append(event)
        starts = [datetime.fromisoformat(item["start"]) for item in series["items"]]
        assert starts == sorted(set(starts))
        assert expected.keys() <= set(starts)
        assert starts[0] <= town.start < starts[1]
        assert starts[-1] < town.end
        for start, item in zip(starts, series["items"], strict=True):
            assert counts(item) == count(expected.get(start, [])), (path, start)


@pytest.mark.parametrize("by", ["hour", "day", "week"])
def test_the_parts_of_a_series_add_up_to_the_totals(town: Town, by):
    venue = town.venues[0]
    totals = town.ask(f"venues/{venue['id']}")
    items = town.ask(f"venues/{venue['id']}/series", by=by)["items"]
    for name in ("unlocks", "expired", "redemptions", "reversals", "new_customers"):
        assert sum(item[name] for item in items) == totals[name] > 0
    for verdict, total in totals["check_ins"].items():
        assert sum(item["check_ins"][verdict] for item in items) == total > 0
    for part in totals["money"]:
        currency = part.pop("currency")
        for name, total in part.items():
            assert total == sum(
                money[name]
                for item in items
                for money in item["money"]
                if money["currency"] == currency
            )


def test_each_day_of_a_series_equals_a_recount_of_the_tables(town: Town, db):
    venue, offer = town.venues[0], town.offers["scarce"]
    with db.transaction() as session:
        for subject, subject_id in (("venue", venue["id"]), ("offer", offer["id"])):
            items = town.ask(f"{subject}s/{subject_id}/series", by="day")["items"]
            starts = [datetime.fromisoformat(item["start"]) for item in items]
            ends = [*starts[1:], town.end]
            for item, start, end in zip(items, starts, ends, strict=True):
                expected = recount(session, subject, subject_id, max(start, town.start), end)
                assert {name: item[name] for name in expected} == expected, (subject, start)


def test_a_period_takes_its_start_in_and_leaves_its_end_out(world: World):
    venue, stream = world.venue(cool_down_s=0), Stream(world)
    customer = world.register()["customer_id"]
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for minutes in (0, 1, 2):
        stream.check_in(customer, venue, noon + timedelta(minutes=minutes))

    def accepted(start, end):
        query = {
            name: (noon + timedelta(minutes=minutes)).isoformat()
            for name, minutes in (("from", start), ("to", end))
            if minutes is not None
        }
        answer = world.totals(f"venues/{venue['id']}", **query)
        return answer["check_ins"]["accepted"]

    assert [accepted(*p) for p in ((0, 2), (0, 3), (1, 2), (None, 1), (1, None))] == [2, 3, 1, 1, 2]
    assert accepted(None, None) == 3


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (datetime(2026, 6, 1), 24)])  # noqa: DTZ001
def test_a_day_of_copenhagen_has_23_24_or_25_hours_and_gaps_are_filled(world: World, day, hours):
    venue, stream = world.venue(cool_down_s=0), Stream(world)
    customer = world.register()["customer_id"]
    start = day.replace(tzinfo=COPENHAGEN).astimezone(UTC)
    end = (day + timedelta(days=1)).replace(tzinfo=COPENHAGEN).astimezone(UTC)
    assert end - start == timedelta(hours=hours)
    for hour in range(0, hours, 2):
        stream.check_in(customer, venue, start + timedelta(hours=hour, minutes=30))

    def series(by, first=start, last=end, **query):
        period = {"from": first.isoformat(), "to": last.isoformat()}
        path = f"/v1/stats/venues/{venue['id']}/series"
        items = world.ask("get", path, query_string={"by": by, **period, **query})["items"]
        return [(datetime.fromisoformat(i["start"]), i["check_ins"]["accepted"]) for i in items]

    by_hour = series("hour")
    assert by_hour == [(start + timedelta(hours=hour), int(hour % 2 == 0)) for hour in range(hours)]
    assert series("day") == [(start, (hours + 1) // 2)]
    around = series("day", start - timedelta(days=2), end + timedelta(days=2))
    assert [number for _, number in around] == [0, 0, (hours + 1) // 2, 0, 0]
    local = [moment.astimezone(COPENHAGEN) for moment, _ in around]
    assert {(moment.hour, moment.minute) for moment in local} == {(0, 0)}
    assert [moment.day for moment in local[2:3]] == [day.day]
    weeks = series("week", start - timedelta(days=14), end + timedelta(days=14))
    assert sum(number for _, number in weeks) == (hours + 1) // 2
    assert {moment.astimezone(COPENHAGEN).weekday() for moment, _ in weeks} == {0}
    utc_days = series("day", time_zone="UTC")
    assert {moment.hour for moment, _ in utc_days} == {0}
    assert sum(number for _, number in utc_days) == (hours + 1) // 2


@pytest.mark.parametrize(
    ("time_zone", "start"),
    [
        ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),  # half an hour back
        ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),  # half an hour on
        ("America/Santiago", datetime(2026, 9, 5, tzinfo=UTC)),  # a day without a midnight
        ("America/Havana", datetime(2026, 10, 31, tzinfo=UTC)),  # a day with two
        ("Asia/Kathmandu", datetime(2026, 5, 1, tzinfo=UTC)),  # a quarter of an hour off
        ("Pacific/Apia", datetime(2026, 5, 1, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("by", ["hour", "day"])
def test_no_fact_falls_out_of_a_series_in_odd_time_zones(world: World, time_zone, start, by):
    venue, stream = world.venue(time_zone=time_zone, cool_down_s=0), Stream(world)
    customer = world.register()["customer_id"]
    for half_hour in range(0, 4 * 48, 3):
        stream.check_in(customer, venue, start + timedelta(minutes=30 * half_hour + 10))
    query = {
        "from": start.isoformat(),
        "to": (start + timedelta(days=4)).isoformat(),
        "by": by,
    }
    series = world.ask("get", f"/v1/stats/venues/{venue['id']}/series", query_string=query)
    assert series["time_zone"] == time_zone
    assert sum(item["check_ins"]["accepted"] for item in series["items"]) == 64
    starts = [item["start"] for item in series["items"]]
    assert starts == sorted(set(starts))


def test_an_offer_in_two_zones_needs_to_be_told_whose_days_count(world: World):
    here, there = world.venue(), world.venue(time_zone="America/New_York")
    nowhere = world.offer(status="draft")
    both, one = world.offer(here, there), world.offer(here)
    period = {"from": "2026-05-01T00:00:00Z", "to": "2026-05-03T00:00:00Z"}

    def series(offer, **query):
        path = f"/v1/stats/offers/{offer['id']}/series"
        return world.call("get", path, world.key, query_string=period | query)

    for offer in (both, nowhere):
        refused = series(offer)
        assert (refused.status_code, refused.json["code"]) == (409, "time-zone-needed")
        assert series(offer, time_zone="Asia/Tokyo").json["time_zone"] == "Asia/Tokyo"
    assert series(one).json["time_zone"] == "Europe/Copenhagen"
    assert series(both, venue_id=there["id"]).json["time_zone"] == "America/New_York"
    totals = world.totals(f"offers/{both['id']}")
    assert counts(totals) == NOTHING


def test_money_is_by_currency_and_net_of_reversals(world: World):
    venue, stream = world.venue(cool_down_s=0), Stream(world)
    world.offer(venue)
    world.offer(venue, currency="EUR", value_minor=450, cost_minor=100)
    customer = world.register()["customer_id"]
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    made = {}
    for hour, amount in enumerate((None, 10_000, 20_000)):
        at = noon + timedelta(hours=hour)
        for unlock in stream.check_in(customer, venue, at).unlocked:
            made[hour, unlock.currency] = stream.redeem(unlock.code, venue, at, amount).id
    stream.reverse(made[1, "DKK"], noon + timedelta(days=1))
    stream.reverse(made[2, "EUR"], noon + timedelta(days=1))

    def money(**query):
        answer = world.totals(f"venues/{venue['id']}", **query)
        return {part.pop("currency"): tuple(part.values()) for part in answer["money"]}

    assert money() == {"DKK": (7000, 1200, 20_000), "EUR": (900, 200, 10_000)}
    assert money(to=(noon + timedelta(hours=20)).isoformat()) == {
        "DKK": (10_500, 1800, 30_000),
        "EUR": (1350, 300, 30_000),
    }
    # a reversal is counted when it happens
    assert money(**{"from": (noon + timedelta(hours=20)).isoformat()}) == {
        "DKK": (-3500, -600, -10_000),
        "EUR": (-450, -100, -20_000),
    }


def test_new_customers_made_their_first_visit_to_the_venue_in_the_period(world: World):
    here, there = world.venue(cool_down_s=0), world.venue(cool_down_s=0)
    stream = Stream(world)
    anna, bo = (world.register()["customer_id"] for _ in range(2))
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    stream.check_in(anna, here, noon, north_m=450)
    stream.check_in(anna, here, noon)
    for customer, venue in ((anna, here), (bo, here), (anna, there)):
        stream.check_in(customer, venue, noon + timedelta(days=1))

    def people(venue, **query):
        answer = world.totals(f"venues/{venue['id']}", **query)
        return [answer[f"{name}_customers"] for name in ("unique", "new", "returning")]

    assert people(here) == [2, 2, 0]
    assert people(here, **{"from": (noon + timedelta(hours=1)).isoformat()}) == [2, 1, 1]
    assert people(there) == [1, 1, 0]


def test_check_ins_before_an_offer_starts_are_none_of_its_own(world: World):
    venue, stream = world.venue(cool_down_s=0), Stream(world)
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    offer = world.offer(
        venue,
        valid_from=noon.isoformat(),
        valid_to=(noon + timedelta(hours=1)).isoformat(),
        status="draft",
    )
    with time_machine.travel(noon - timedelta(days=1)):
        path = f"/v1/offers/{offer['id']}/status"
        world.ask("post", path, json={"status": "active"})
    customer = world.register()["customer_id"]
    for minutes in (-1, 0, 59, 60):
        stream.check_in(customer, venue, noon + timedelta(minutes=minutes))
    totals = world.totals(f"offers/{offer['id']}")
    assert (totals["check_ins"]["accepted"], totals["unlocks"]) == (2, 2)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"}, "to"),
        ({"from": "2026-05-01T00:00:00Z", "to": "2026-05-01T00:00:00Z"}, "to"),
        ({"from": "2026-05-01T00:00:00Z"}, "to"),
        ({"to": "2026-05-01T00:00:00Z"}, "from"),
        ({"from": "2026-05-01T00:00:00", "to": "2026-06-01T00:00:00Z"}, "from"),
        ({"from": "2026-05-01T00:00:00Z", "to": "2026-06-01T00:00:00Z", "by": "year"}, "by"),
        ({"from": "2020-05-01T00:00:00Z", "to": "2026-06-01T00:00:00Z", "by": "hour"}, "by"),
        (
            {"from": "2026-05-01T00:00:00Z", "to": "2026-06-01T00:00:00Z", "time_zone": "CPH"},
            "time_zone",
        ),
    ],
)
def test_a_series_that_makes_no_sense_is_422_and_says_which_parameter(
    world: World, query, parameter
):
    path = f"/v1/stats/venues/{world.venue()['id']}/series"
    answer = world.call("get", path, world.key, query_string=query)
    assert answer.status_code == 422, answer.text
    assert parameter in [error.get("parameter") for error in answer.json["errors"]]


def test_a_merchant_reads_its_own_numbers_only_and_a_key_those_of_its_venues(
    world: World, other_world: World
):
    here, there = world.venue(), world.venue()
    offer = world.offer(here, there)
    for path in (f"venues/{here['id']}", f"offers/{offer['id']}"):
        answer = other_world.call("get", f"/v1/stats/{path}/funnel", other_world.key)
        assert answer.status_code == 404
    key = world.key_with("stats", venues=(here,))
    for path, status in (
        (f"venues/{here['id']}/funnel", 200),
        (f"venues/{there['id']}/funnel", 403),
        (f"offers/{offer['id']}/funnel", 200),
        (f"offers/{offer['id']}/funnel?venue_id={here['id']}", 200),
        (f"offers/{offer['id']}/funnel?venue_id={there['id']}", 403),
        ("funnel", 200),
    ):
        assert world.call("get", f"/v1/stats/{path}", key).status_code == status, path
    redeemer = world.key_with("redeem")
    path = f"/v1/stats/venues/{here['id']}/funnel"
    assert world.call("get", path, redeemer).status_code == 403


def test_an_erased_customer_still_counts(world: World):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue)
    world.check_in(customer, venue)
    before = [world.totals(path) for path in (f"venues/{venue['id']}", f"offers/{offer['id']}")]
    world.ask("delete", "/v1/customers/me", customer)
    after = [world.totals(path) for path in (f"venues/{venue['id']}", f"offers/{offer['id']}")]
    assert [counts(answer) for answer in before] == [counts(answer) for answer in after]
    assert after[0]["unique_customers"] == 1
