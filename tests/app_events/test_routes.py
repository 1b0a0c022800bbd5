"""Batches of what happened at the phone, over HTTP."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.app_events.jobs import forget_app_events
from tests.checkins.test_statements import is_idempotency, statements  # noqa: F401  (a fixture)
from tests.ledger.facts import facts, make_tester, of_unlock
from tests.racing import post_at_once
from tests.world import World, ago, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LONG = {"valid_from": "2026-01-01T00:00:00Z", "valid_to": "2030-01-01T00:00:00Z"}


def view(offer: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "kind": "teaser_viewed",
        "client_id": str(uuid.uuid4()),
        "at": now().isoformat(),
        "offer_id": offer["id"],
        "channel": "push",
        **members,
    }


def shown(unlock: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "kind": "pass_shown",
        "client_id": str(uuid.uuid4()),
        "at": now().isoformat(),
        "unlock_id": unlock["id"],
        **members,
    }


def report(world: World, customer: str, *events: dict[str, Any]) -> Any:
    return world.ask("post", "/v1/app-events", customer, json={"events": list(events)})


def counts(answer: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """By kind: recorded, duplicates, refused."""
    return {
        one["kind"]: (one["recorded"], one["duplicates"], one["refused"])
        for one in answer["counts"]
    }


def refusals(answer: dict[str, Any]) -> dict[str, str]:
    return {one["client_id"]: one["reason"] for one in answer["refused"]}


def test_what_happened_at_the_phone_is_counted_when_it_happened(world: World):
    venue = world.venue()
    offer, customer = world.offer(venue), world.customer()
    body = {"venue_id": venue["id"], "evidence": [world.location()], "channel": "link"}
    [unlock] = world.ask("post", "/v1/check-ins", customer, json=body)["unlocked"]
    unlocked_at = datetime.fromisoformat(unlock["unlocked_at"])
    with time_machine.travel(unlocked_at + timedelta(minutes=10), tick=False):
        seen = view(offer, at=(unlocked_at + timedelta(minutes=5)).isoformat())
        there = view(offer, venue_id=venue["id"], channel="poster")
        passed = shown(unlock, at=(unlocked_at + timedelta(seconds=90.5)).isoformat())
        answer = report(world, customer, passed, seen, there)
    assert counts(answer) == {"teaser_viewed": (2, 0, 0), "pass_shown": (1, 0, 0)}
    assert answer["refused"] == []
    first, second = facts(world, "teaser_viewed")
    assert (first.at, first.venue_id, first.channel, first.first_visit) == (
        unlocked_at + timedelta(minutes=5),
        None,
        "push",
        None,
    )
    assert (str(second.venue_id), second.channel, second.first_visit) == (
        venue["id"],
        "poster",
        False,
    )
    [unlocked] = facts(world, "unlocked")
    for fact in (first, second):
        assert (str(fact.offer_id), fact.offer_version, fact.counted) == (offer["id"], 1, True)
        assert fact.subject_id == unlocked.subject_id
    [pass_shown] = facts(world, "pass_shown")
    assert of_unlock(pass_shown) == of_unlock(unlocked)
    assert (pass_shown.elapsed_s, str(pass_shown.venue_id)) == (90, venue["id"])


def test_a_client_id_counts_once_in_one_batch_and_over_many(world: World):
    offer, customer, other = world.offer(world.venue()), world.customer(), world.customer()
    one, two = view(offer), view(offer)
    again = {**one, "at": now().isoformat(), "channel": "link"}
    assert counts(report(world, customer, one, one, again))["teaser_viewed"] == (1, 2, 0)
    assert counts(report(world, customer, one, two, again))["teaser_viewed"] == (1, 2, 0)
    assert counts(report(world, other, one))["teaser_viewed"] == (1, 0, 0), "ids are each app's own"
    assert len(facts(world, "teaser_viewed")) == 3


def test_at_one_moment_a_report_counts_once(world: World, app):
    offer, customer = world.offer(world.venue()), world.customer()
    events = [view(offer) for _ in range(50)]
    bodies = [{"events": events[:: (-1) ** turn]} for turn in range(6)]
    answers = post_at_once(app, [("/v1/app-events", customer, body) for body in bodies])
    assert {status for status, _ in answers} == {200}
    assert sum(counts(body)["teaser_viewed"][0] for _, body in answers) == 50
    assert len(facts(world, "teaser_viewed")) == 50


def test_a_bad_report_loses_no_good_one_and_says_why(world: World, app):
    venue, other_venue = world.venue(), world.venue(name="Next door")
    offer, draft = world.offer(venue), world.offer(venue, status="draft")
    paused = world.offer(venue)
    world.ask("post", f"/v1/offers/{paused['id']}/status", json={"status": "paused"})
    coming = world.offer(venue, valid_from="2035-01-01T00:00:00Z", valid_to="2036-01-01T00:00:00Z")
    customer = world.customer()
    [of_another] = world.check_in(world.customer(), venue)["unlocked"]
    bad = [
        (view({"id": str(uuid.uuid4())}), "unknown_offer"),
        (view(draft), "unknown_offer"),
        (view(paused), "offer_not_running"),
        (view(coming), "offer_not_running"),
        (view(offer, venue_id=other_venue["id"]), "offer_not_at_venue"),
        (view(offer, venue_id=str(uuid.uuid4())), "offer_not_at_venue"),
        (view(offer, at=ago(days=7, seconds=1)), "too_old"),
        (view(offer, at=ago(seconds=-90)), "in_future"),
        (shown(of_another), "unknown_unlock"),
        (shown({"id": str(uuid.uuid4())}), "unknown_unlock"),
    ]
    answer = report(world, customer, *(event for event, _ in bad), view(offer))
    assert [one["client_id"] for one in answer["refused"]] == [e["client_id"] for e, _ in bad]
    assert refusals(answer) == {event["client_id"]: reason for event, reason in bad}
    assert counts(answer) == {"teaser_viewed": (1, 0, 8), "pass_shown": (0, 0, 2)}
    assert len(facts(world, "teaser_viewed", "pass_shown")) == 1


def test_what_was_refused_can_be_reported_again(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        offer = world.offer(world.venue(), **LONG)
        early = view(offer, at=(NOON + timedelta(minutes=5)).isoformat())
        customer = world.customer(external_id="anna")
        assert refusals(report(world, customer, early)) == {early["client_id"]: "in_future"}
        clock.shift(timedelta(minutes=5))
        assert counts(report(world, customer, early))["teaser_viewed"] == (1, 0, 0)


def test_a_clock_that_is_a_little_ahead_is_set_right(world: World):
    with time_machine.travel(NOON, tick=False):
        offer = world.offer(world.venue(), **LONG)
        ahead = view(offer, at=(NOON + timedelta(seconds=20)).isoformat())
        report(world, world.customer(), ahead)
    assert [fact.at for fact in facts(world, "teaser_viewed")] == [NOON]


def test_a_view_is_of_the_terms_of_its_time_and_a_pause_takes_none_back(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        offer = world.offer(world.venue(), **LONG)
        path = f"/v1/offers/{offer['id']}"
        clock.shift(DAY)
        etag = world.call("get", path, world.key).headers["ETag"]
        world.ask("patch", path, json={"teaser": "Something else"}, headers={"If-Match": etag})
        clock.shift(DAY)
        world.ask("post", f"{path}/status", json={"status": "paused"})
        clock.shift(DAY)
        times = [NOON + timedelta(days=days) for days in (0.5, 1.5, 2.5)]
        events = [view(offer, at=at.isoformat()) for at in times]
        answer = report(world, world.customer(), *events)
    assert refusals(answer) == {events[2]["client_id"]: "offer_not_running"}
    told = [(fact.at, fact.offer_version) for fact in facts(world, "teaser_viewed")]
    assert told == [(times[0], 1), (times[1], 2)]


def test_a_fact_that_comes_late_is_kept_with_its_month(world: World, db):
    """Also when the month is over, and its roll-ups are made."""
    last = (now().replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(microseconds=1)
    offer = world.offer(world.venue(), valid_to="2100-01-01T00:00:00Z")
    with time_machine.travel(last + timedelta(days=2), tick=False):
        report(world, world.customer(), view(offer, at=last.isoformat()))
    with db.transaction() as session:
        kept = session.execute(
            text("""
                SELECT tableoid::regclass::text, at FROM ledger_event
                WHERE merchant_id = :id AND kind = 'teaser_viewed'
            """),
            {"id": world.merchant_id},
        ).all()
    assert kept == [(f"ledger_event_{last:%Y_%m}", last)]


def test_an_offer_runs_at_the_venues_of_its_groups_too(world: World):
    venue = world.venue()
    body = {"name": "All", "venue_ids": [venue["id"]]}
    group = world.ask("post", "/v1/venue-groups", json=body)
    offer = world.offer(group_ids=[group["id"]])
    answer = report(world, world.customer(), view(offer, venue_id=venue["id"]))
    assert counts(answer)["teaser_viewed"] == (1, 0, 0)
    assert [fact.first_visit for fact in facts(world, "teaser_viewed")] == [True]


def test_what_a_tester_views_is_not_counted(world: World):
    venue, customer = world.venue(), world.customer()
    offer = world.offer(venue)
    make_tester(world, customer, venue)
    report(world, customer, view(offer))
    assert [fact.counted for fact in facts(world, "teaser_viewed")] == [False]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channel": "pigeon"}, "channel"),
        ({"at": "yesterday"}, "at"),
        ({"client_id": "one"}, "client_id"),
        ({"unlock_id": str(uuid.uuid4())}, "unlock_id"),
        ({"kind": "clicked"}, "kind"),
    ],
)
def test_a_batch_that_is_not_one_is_refused_whole_with_pointers(world: World, change, pointer):
    offer = world.offer(world.venue())
    body = {"events": [view(offer), {**view(offer), **change}]}
    answer = world.call("post", "/v1/app-events", world.customer(), json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [f"#/events/1/{pointer}"]
    assert facts(world, "teaser_viewed") == []


@pytest.mark.parametrize(("size", "status"), [(0, 422), (500, 200), (501, 422)])
def test_a_batch_has_up_to_500_reports(world: World, size, status):
    offer = world.offer(world.venue())
    body = {"events": [view(offer) for _ in range(size)]}
    answer = world.call("post", "/v1/app-events", world.customer(), json=body)
    assert answer.status_code == status
    assert len(facts(world, "teaser_viewed")) == (size if status == 200 else 0)


@pytest.mark.parametrize("size", [1, 200])
def test_a_batch_costs_two_statements_whatever_its_size(world: World, statements, size):  # noqa: F811
    venue, customer = world.venue(), world.customer()
    offers = [world.offer(venue) for _ in range(3)]
    unlocks = world.check_in(customer, venue)["unlocked"]
    events = [view(offers[turn % 3], venue_id=venue["id"]) for turn in range(size)]
    statements.clear()
    report(world, customer, *events, *map(shown, unlocks))
    own = [statement for statement in statements if not is_idempotency(statement)]
    assert [statement.split()[0] for statement in own] == ["SELECT", "WITH"]


def test_an_erasure_leaves_nothing_that_leads_to_the_customer(world: World, db):
    offer, person = world.offer(world.venue()), world.register()
    event = view(offer)
    report(world, person["access_token"], event)
    world.ask("delete", "/v1/customers/me", person["access_token"])
    refused = world.call(
        "post", "/v1/app-events", person["access_token"], json={"events": [view(offer)]}
    )
    assert refused.json["code"] == "customer-gone"
    [fact] = facts(world, "teaser_viewed")
    with db.transaction() as session:
        for table in ("app_event_seen", "ledger_event"):
            rows = session.scalars(
                text(f"SELECT row::text FROM {table} AS row WHERE subject_id = :id"),
                {"id": fact.subject_id},
            ).all()
            assert rows
            assert [row for row in rows if person["customer_id"] in row] == []
        left = session.scalar(
            text("SELECT count(*) FROM customer WHERE subject_id = :id"), {"id": fact.subject_id}
        )
    assert left == 0


def test_the_job_forgets_ids_that_cannot_come_again(world: World, db, settings):
    context = SimpleNamespace(additional_context={"database": db, "settings": settings})
    with time_machine.travel(NOON, tick=False) as clock:
        offer = world.offer(world.venue(), **LONG)
        event = view(offer)
        outcomes = []
        for days in (0, 7, 1, 1):
            clock.shift(days * DAY)
            forget_app_events.func(context, 0)
            customer = world.customer(external_id="anna")
            outcomes.append(counts(report(world, customer, event))["teaser_viewed"])
    assert outcomes == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1)]
    with db.transaction() as session:
        left = session.scalar(
            text("SELECT count(*) FROM app_event_seen WHERE client_id = :id"),
            {"id": event["client_id"]},
        )
    assert left == 0
