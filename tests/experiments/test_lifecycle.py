"""A merchant states an experiment, starts it, stops it, and promotes an arm; all of it is kept."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from sqlalchemy import text

from tests.racing import post_at_once
from tests.world import EXPERIMENT, World

COSY = "Come in from the cold"


def path(experiment: dict[str, Any], verb: str = "") -> str:
    at_offer = f"/v1/offers/{experiment['offer_id']}/experiments/{experiment['id']}"
    return f"{at_offer}/{verb}" if verb else at_offer


def do(world: World, experiment: dict[str, Any], verb: str, **body: Any) -> dict[str, Any]:
    options = {"json": body} if body else {}
    return world.ask("post", path(experiment, verb), **options)


def refusal(world: World, address: str, **options: Any) -> tuple[int, str]:
    answer = world.call("post", address, world.key, **options)
    return answer.status_code, answer.json["code"]


def change(world: World, offer: dict[str, Any], **members: Any) -> Any:
    offer = world.ask("get", f"/v1/offers/{offer['id']}")
    headers = {"If-Match": f'"{offer["version"]}"'}
    return world.call(
        "patch", f"/v1/offers/{offer['id']}", world.key, json=members, headers=headers
    )


def test_what_is_stated_is_kept_and_a_draft_changes_nothing(world: World):
    offer = world.offer(world.venue())
    made = world.experiment(offer, start=False, holdout_percent=0, alpha=0.01, horizon_days=7)
    assert (made["status"], made["started_at"], made["promoted_arm"]) == ("draft", None, None)
    assert (made["alpha"], made["power"], made["horizon_days"]) == (0.01, 0.8, 7)
    assert (made["min_lift"], made["min_customers"], made["min_weeks"]) == (0.2, 100, 2)
    assert [(arm["name"], arm["terms_version"]) for arm in made["arms"]] == [
        ("control", None),
        ("other", None),
    ]
    assert [arm["changes"] for arm in made["arms"]] == [{}, {"teaser": COSY}]
    assert world.ask("get", path(made)) == made
    now = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (now["experiment_id"], now["terms_version"]) == (None, 1)
    assert change(world, offer, teaser="Something else").status_code == 200


def test_from_start_to_promotion(world: World):
    offer = world.offer(world.venue())
    made = world.experiment(offer, start=False)
    running = do(world, made, "start")
    assert (running["status"], running["started_at"] is None) == ("running", False)
    assert [arm["terms_version"] for arm in running["arms"]] == [1, 2]
    assert do(world, made, "start") == running
    now = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (now["experiment_id"], now["terms_version"], now["teaser"]) == (
        made["id"],
        1,
        offer["teaser"],
    )
    stopped = do(world, made, "stop")
    assert (stopped["status"], stopped["stopped_at"] is None) == ("stopped", False)
    assert do(world, made, "stop") == stopped
    assert refusal(world, path(made, "start")) == (409, "experiment-status-refused")

    promoted = do(world, made, "promote", arm="other")
    assert promoted["promoted_arm"] == "other"
    assert do(world, made, "promote", arm="other") == promoted
    now = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (now["teaser"], now["terms"], now["terms_version"]) == (COSY, offer["terms"], 3)
    again = refusal(world, path(made, "promote"), json={"arm": "control"})
    assert again == (409, "experiment-status-refused")


def test_promoting_stops_an_experiment_that_runs(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    made = world.experiment(offer)
    assert do(world, made, "promote", arm="other")["status"] == "stopped"
    now = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (now["experiment_id"], now["teaser"]) == (None, COSY)
    [unlock] = world.check_in(world.customer(), venue)["unlocked"]
    assert (unlock["teaser"], unlock["offer_version"]) == (COSY, 3)


def test_promoting_the_control_makes_no_new_version_but_where_the_offer_has_changed(world: World):
    offer = world.offer(world.venue())
    first = world.experiment(offer)
    do(world, first, "promote", arm="control")
    assert world.ask("get", f"/v1/offers/{offer['id']}")["terms_version"] == 1
    second = world.experiment(offer)
    do(world, second, "stop")
    assert change(world, offer, teaser="Something else", limit_total=9).status_code == 200
    do(world, second, "promote", arm="control")
    now = world.ask("get", f"/v1/offers/{offer['id']}")
    assert (now["teaser"], now["limit_total"]) == (offer["teaser"], 9)


@pytest.mark.parametrize("arm", ["holdout", "nobody"])
def test_only_an_arm_with_terms_is_promoted(world: World, arm: str):
    arms = [{"name": "control", "share_percent": 50}]
    made = world.experiment(world.offer(world.venue()), arms=arms, holdout_percent=50)
    refused = refusal(world, path(made, "promote"), json={"arm": arm})
    assert refused == (404, "experiment-arm-not-found")
    assert world.ask("get", path(made))["status"] == "running"


def test_a_draft_is_not_promoted_and_can_be_put_away(world: World):
    made = world.experiment(world.offer(world.venue()), start=False)
    refused = refusal(world, path(made, "promote"), json={"arm": "other"})
    assert refused == (409, "experiment-status-refused")
    assert do(world, made, "stop")["status"] == "stopped"
    assert refusal(world, path(made, "start")) == (409, "experiment-status-refused")


def test_while_it_runs_the_terms_stay_and_the_rest_can_change(world: World):
    venue, next_door = world.venue(), world.venue(east_m=100)
    offer = world.offer(venue)
    made = world.experiment(offer)
    for members in ({"teaser": "Something else"}, {"limit_total": 5}):
        refused = change(world, offer, **members)
        assert (refused.status_code, refused.json["code"]) == (409, "offer-in-experiment")
    assert change(world, offer, venue_ids=[venue["id"], next_door["id"]]).status_code == 200
    for status in ("paused", "active"):
        world.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": status})
    do(world, made, "stop")
    changed = change(world, offer, teaser="Something else")
    assert (changed.status_code, changed.json["terms_version"]) == (200, 3)


def test_one_runs_at_a_time(world: World):
    offer = world.offer(world.venue())
    first, second = (world.experiment(offer, start=False) for _ in range(2))
    do(world, first, "start")
    assert refusal(world, path(second, "start")) == (409, "experiment-running")
    do(world, first, "stop")
    assert do(world, second, "start")["status"] == "running"
    listed = world.ask("get", f"/v1/offers/{offer['id']}/experiments")["items"]
    assert [one["id"] for one in listed] == [second["id"], first["id"]]


def test_of_many_that_start_at_once_one_does(world: World):
    offer = world.offer(world.venue())
    drafts = [world.experiment(offer, start=False) for _ in range(6)]
    answers = post_at_once(world.app, [(path(one, "start"), world.key, {}) for one in drafts])
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409, 409]


def test_an_arm_that_the_review_refuses_stops_the_start(world: World):
    offer = world.offer(world.venue())
    arms = copy.deepcopy(EXPERIMENT["arms"])
    arms[1]["changes"] = {"teaser": "A filter coffee for free"}
    address = f"/v1/offers/{offer['id']}/experiments"
    refused = world.call(
        "post", address, world.key, json={**EXPERIMENT, "arms": arms, "start": True}
    )
    assert (refused.status_code, refused.json["code"]) == (409, "offer-not-ready")
    assert [(one["rule"], one["pointer"]) for one in refused.json["errors"]] == [
        ("reward_in_teaser", "#/teaser")
    ]
    assert refused.json["detail"] == "In the arm other."
    assert world.ask("get", address)["items"] == []
    assert world.ask("get", f"/v1/offers/{offer['id']}")["experiment_id"] is None


def test_nothing_starts_on_an_offer_that_has_ended(world: World):
    offer = world.offer(world.venue())
    draft, running = (world.experiment(offer, start=start) for start in (False, True))
    world.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": "ended"})
    address = f"/v1/offers/{offer['id']}/experiments"
    assert refusal(world, address, json=EXPERIMENT) == (409, "offer-ended")
    do(world, running, "stop")
    assert refusal(world, path(draft, "start")) == (409, "offer-ended")


@pytest.mark.parametrize(
    ("arms", "holdout", "why"),
    [
        ([("control", 60), ("b", 50)], 0, "100 percent"),
        ([("control", 50), ("b", 20)], 20, "100 percent"),
        ([("b", 50), ("control", 50)], 0, "has to be control"),
        ([("control", 50), ("control", 50)], 0, "name of its own"),
        ([("control", 50), ("holdout", 50)], 0, "name of its own"),
        ([("control", 100)], 0, "nothing to compare"),
    ],
)
def test_arms_that_make_no_experiment_are_refused(world: World, arms, holdout, why):
    offer = world.offer(world.venue())
    body = {
        **EXPERIMENT,
        "arms": [{"name": name, "share_percent": share} for name, share in arms],
        "holdout_percent": holdout,
    }
    answer = world.call("post", f"/v1/offers/{offer['id']}/experiments", world.key, json=body)
    assert answer.status_code == 422
    [error] = answer.json["errors"]
    assert error["pointer"] == "#/arms"
    assert why in error["detail"]


def test_an_arm_changes_no_limit_and_no_date(world: World):
    offer = world.offer(world.venue())
    arms = copy.deepcopy(EXPERIMENT["arms"])
    for name, value in (("limit_total", 5), ("valid_to", "2099-01-01T00:00:00Z")):
        arms[1]["changes"] = {name: value}
        body = {**EXPERIMENT, "arms": arms}
        answer = world.call("post", f"/v1/offers/{offer['id']}/experiments", world.key, json=body)
        assert answer.status_code == 422


def test_every_step_is_in_the_audit_log(world: World):
    offer = world.offer(world.venue())
    made = world.experiment(offer)
    do(world, made, "promote", arm="other")
    log = world.ask("get", "/v1/audit", query_string={"resource": "experiment"})["items"]
    assert [entry["action"] for entry in reversed(log)] == [
        "experiment.created",
        "experiment.started",
        "experiment.stopped",
        "experiment.promoted",
    ]
    said = {change["member"]: change["new"] for change in log[-1]["changes"]}
    assert said["metric"] == "visits"
    assert said["arms"][1]["changes"] == {"teaser": COSY}
    assert "key" not in str(said)


def test_the_key_is_sealed(world: World):
    made = world.experiment(world.offer(world.venue()))
    with world.db.transaction() as session:
        statement = text("SELECT sealed_key FROM experiment WHERE id = :id")
        sealed = session.execute(statement, {"id": made["id"]}).scalar_one()
    assert len(bytes.fromhex(world.app.extensions["lbs_vault"].unseal(sealed))) == 32
