"""What an experiment says of customers who were driven through it, counted again in Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from lbs.stats.service.experiments import read_results
from tests.stats.stream import Agenda, Stream, ledger
from tests.world import World, now

ARMS = [
    {"name": "control", "share_percent": 40, "changes": {}},
    {"name": "cosy", "share_percent": 30, "changes": {"teaser": "Come in from the cold"}},
]
HORIZON = timedelta(days=10)


def start(world: World, offer: dict[str, Any], **members: Any) -> dict[str, Any]:
    body = {
        "metric": "visits",
        "horizon_days": HORIZON.days,
        "min_lift": 0.2,
        "min_customers": 20,
        "min_weeks": 2,
        "arms": ARMS,
        "holdout_percent": 30,
        "start": True,
        **members,
    }
    return world.ask("post", f"/v1/offers/{offer['id']}/experiments", json=body)


def results(world: World, experiment: dict[str, Any], at: datetime) -> dict[str, Any]:
    with world.db.transaction() as session:
        return read_results(session, Stream(world).till, UUID(experiment["id"]), at)


def recount(events: list[Any], places: set[UUID], at: datetime) -> dict[str, dict[str, list]]:
    """Each customer's outcomes, by arm, in plain Python."""
    exposed = {e.subject_id: e for e in events if e.kind == "exposed"}
    reversed_ = {e.redemption_id for e in events if e.kind == "reversed"}
    voided = {e.check_in_id for e in events if e.kind == "check_in_voided"}
    done: dict[UUID, dict[str, float]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        first = exposed.get(event.subject_id)
        if not first or not first.at < event.at < first.at + HORIZON:
            continue
        if event.kind == "check_in" and event.verdict == "accepted" and event.venue_id in places:
            done[event.subject_id]["visits"] += event.check_in_id not in voided
        if event.kind == "redeemed" and event.redemption_id not in reversed_:
            done[event.subject_id]["redemptions"] += 1
            done[event.subject_id]["revenue"] += event.amount_minor or 0
    arms: dict[str, dict[str, list]] = {}
    for subject, event in exposed.items():
        arm = arms.setdefault(event.variant, {"exposed": [], "customers": []})
        arm["exposed"].append(subject)
        if event.at + HORIZON <= at:
            arm["customers"].append(done[subject])
    return arms


def test_the_results_are_those_of_a_recount(world: World):
    here, elsewhere = world.venue(), world.venue(east_m=5000)
    offer = world.offer(here)
    experiment = start(world, offer)
    began = now()
    agenda = Agenda(Stream(world), seed=7)
    customers = [world.register()["customer_id"] for _ in range(60)]
    agenda.plan_check_ins(
        400,
        [here, here, here, elsewhere],
        customers,
        began + timedelta(hours=1),
        began + timedelta(days=18),
    )
    agenda.carry_out()
    assert agenda.done["redemptions"] > 50
    assert agenda.done["reversals"] > 5
    at = began + timedelta(days=18)

    found = results(world, experiment, at)

    counted = recount(ledger(world), {UUID(here["id"])}, at)
    assert [arm["arm"] for arm in found["arms"]] == ["control", "cosy", "holdout"]
    for arm in found["arms"]:
        again = counted[arm["arm"]]
        assert arm["exposed"] == len(again["exposed"])
        assert arm["customers"] == len(again["customers"]) >= 5
        for metric, mean in arm["means"].items():
            values = [customer[metric] for customer in again["customers"]]
            assert mean == pytest.approx(sum(values) / len(values)), (arm["arm"], metric)
    held_out = found["arms"][2]["means"]
    assert held_out["visits"] > 0
    assert (held_out["redemptions"], held_out["revenue"]) == (0, 0)


def of(found: dict[str, Any], arm: str) -> dict[str, Any]:
    return next(each for each in found["arms"] if each["arm"] == arm)


@pytest.fixture
def alone(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """A venue, and an experiment in which all but the held out are in the control."""
    venue = world.venue()
    arms = [{"name": "control", "share_percent": 99, "changes": {}}]
    return venue, start(world, world.offer(venue), arms=arms, holdout_percent=1)


def visit(world: World, venue: dict[str, Any], customer: str, *days: float) -> list[Any]:
    stream, began = Stream(world), now() + timedelta(minutes=1)
    return [stream.check_in(customer, venue, began + timedelta(days=day)) for day in days]


def test_an_outcome_comes_after_the_exposure_and_within_the_horizon(world: World, alone: Any):
    venue, experiment = alone
    for customer in (world.register()["customer_id"] for _ in range(12)):
        visit(world, venue, customer, 0, 3, 9.9, 10.1, 12)
    found = [results(world, experiment, now() + timedelta(days=day)) for day in (5, 11, 30)]

    assert [of(each, "control")["customers"] for each in found[:1]] == [0]
    assert of(found[0], "control")["means"]["visits"] is None
    assert of(found[1], "control")["means"]["visits"] == 2
    assert of(found[1], "control") == of(found[2], "control")


def test_what_is_voided_counts_no_more(world: World, alone: Any):
    venue, experiment = alone
    checked_in = [
        visit(world, venue, world.register()["customer_id"], 0, 1)[1].id for _ in range(10)
    ]
    after = now() + timedelta(days=11)
    assert of(results(world, experiment, after), "control")["means"]["visits"] == 1
    for check_in in checked_in:
        world.ask("post", f"/v1/check-ins/{check_in}/void", json={"reason": "Not there"})
    assert of(results(world, experiment, after), "control")["means"]["visits"] == 0


def test_a_stopped_experiment_counts_until_then(world: World, alone: Any):
    venue, experiment = alone
    for customer in (world.register()["customer_id"] for _ in range(8)):
        visit(world, venue, customer, 0, 1)
    at = f"/v1/offers/{experiment['offer_id']}/experiments/{experiment['id']}"
    world.ask("post", f"{at}/stop", json={})
    found = results(world, experiment, now() + timedelta(days=30))

    assert of(found, "control")["exposed"] == 0
    assert found["effect"].finding == "stopped_early"


def test_a_split_that_is_off_gives_no_verdict(world: World):
    """Half are to be held out, and hardly anybody is."""
    venue = world.venue()
    arms = [{"name": "control", "share_percent": 50, "changes": {}}]
    experiment = start(world, world.offer(venue), arms=arms, holdout_percent=50, min_customers=2)
    for customer in (world.register()["customer_id"] for _ in range(30)):
        visit(world, venue, customer, 0)
    with world.db.transaction() as session:
        session.execute(
            text("""
                INSERT INTO ledger_event (id, at, kind, merchant_id, subject_id, offer_id,
                                          experiment_id, variant)
                SELECT gen_random_uuid(), now(), 'exposed', :merchant_id, gen_random_uuid(),
                       :offer_id, :experiment_id, 'control' FROM generate_series(1, 200)
            """),
            {
                "merchant_id": world.merchant_id,
                "offer_id": experiment["offer_id"],
                "experiment_id": experiment["id"],
            },
        )
    found = results(world, experiment, now() + timedelta(days=40))

    assert found["mismatch"]["is_mismatch"]
    assert found["effect"].finding == "mismatch"


def test_the_answer_says_it_in_the_callers_language(world: World, alone: Any):
    path = f"/v1/stats/experiments/{alone[1]['id']}"
    english, danish = (
        world.ask("get", path, headers={"Accept-Language": language}) for language in ("en", "da")
    )

    assert english["winner"] is None
    assert english["effect"]["finding"] == "too_early"
    assert english["effect"]["text"].startswith("No verdict yet")
    assert danish["effect"]["text"].startswith("Ingen konklusion endnu")
    assert english["currency"] == "DKK"


def test_of_a_draft_nothing_is_known_yet(world: World):
    draft = start(world, world.offer(world.venue()), start=False)
    found = results(world, draft, now() + timedelta(weeks=9))

    assert found["started_at"] is None
    assert [arm["exposed"] for arm in found["arms"]] == [0, 0, 0]
    assert (found["winner"].finding, found["effect"].finding) == ("too_early", "too_early")


def test_who_may_not_read_the_results(world: World, other_world: World):
    venue = world.venue()
    path = f"/v1/stats/experiments/{start(world, world.offer(venue))['id']}"
    body = {"name": "Key", "scopes": ["stats"], "venue_ids": [venue["id"]]}
    limited = world.ask("post", "/v1/api-keys", json=body)["token"]

    assert world.call("get", path, limited).json["code"] == "venue-not-allowed"
    assert world.call("get", path, other_world.key).json["code"] == "experiment-not-found"
