"""Every change that a merchant's key makes is in the log: who made it, and from what to what."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from tests.exports.making import made
from tests.world import OFFER, World

LOGGED = {
    "create_api_key": "api_key.created",
    "rotate_api_key": "api_key.rotated",
    "revoke_api_key": "api_key.revoked",
    "set_standing": "standing.set",
    "remove_standing": "standing.removed",
    "create_venue": "venue.created",
    "import_venues": "venue.created",
    "change_venue": "venue.changed",
    "retire_venue": "venue.retired",
    "create_venue_group": "venue_group.created",
    "change_venue_group": "venue_group.changed",
    "delete_venue_group": "venue_group.deleted",
    "create_event": "event.created",
    "change_event": "event.changed",
    "cancel_event": "event.cancelled",
    "create_venue_proof": "proof.created",
    "rotate_venue_proof": "proof.rotated",
    "revoke_venue_proof": "proof.revoked",
    "bind_wristband": "wristband.bound",
    "report_wristband_lost": "wristband.lost",
    "unbind_wristband": "wristband.unbound",
    "create_offer": "offer.created",
    "copy_offer": "offer.created",
    "change_offer": "offer.changed",
    "set_offer_status": "offer.status_set",
    "set_stacking": "stacking.set",
    "set_brand": "brand.set",
    "import_offer_codes": "offer.codes_imported",
    "create_experiment": "experiment.created",
    "start_experiment": "experiment.started",
    "stop_experiment": "experiment.stopped",
    "promote_arm": "experiment.promoted",
    "create_promotion": "promotion.created",
    "import_promotions": "promotion.created",
    "change_promotion": "promotion.changed",
    "delete_promotion": "promotion.deleted",
    "void_check_in": "check_in.voided",
    "reverse_redemption": "redemption.reversed",
    "create_export": "export.created",
    "create_export_link": "export.link_created",
    "create_export_schedule": "export_schedule.created",
    "delete_export_schedule": "export_schedule.deleted",
    "connect_facebook_page": "facebook_page.connected",
    "disconnect_facebook_page": "facebook_page.disconnected",
    "create_facebook_post": "facebook_post.created",
    "delete_facebook_post": "facebook_post.deleted",
    "create_webhook_endpoint": "webhook_endpoint.created",
    "change_webhook_endpoint": "webhook_endpoint.changed",
    "rotate_webhook_secret": "webhook_endpoint.rotated",
    "delete_webhook_endpoint": "webhook_endpoint.deleted",
    "set_conversion_setting": "conversion_setting.set",
    "delete_conversion_setting": "conversion_setting.deleted",
}
"""By operation, the action that it is logged as."""

NOT_LOGGED = {
    "redeem": "the redemption itself keeps the key",
    "find_facebook_pages": "a look at what could be connected changes nothing",
    "simulate_offer": "a dry run changes nothing",
    "plan_experiment": "a reckoning changes nothing",
    "verify_receipt": "nothing that a merchant set is changed",
    "mark_notice_read": "the notice itself keeps the time",
    "send_webhook_test": "the delivery itself is the log",
    "redeliver_webhook": "the delivery itself is the log",
    "send_conversion_test": "the list of events is the log",
}


CONVERSIONS = {"dataset_id": "1094233214457021", "access_token": "EAAG", "venue_ids": []}


def log(world: World, **query: Any) -> list[dict[str, Any]]:
    return world.ask("get", "/v1/audit", query_string=query)["items"]


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {change["member"]: (change["old"], change["new"]) for change in entry["changes"]}


def last(world: World, action: str, resource_id: str) -> dict[str, Any]:
    entry = log(world)[0]
    assert (entry["action"], entry["resource_id"]) == (action, resource_id)
    assert entry["actor"] == {"key_id": str(world.key_id), "name": "owner"}
    return entry


def changing_operations(app: Flask) -> Iterator[str]:
    """Those that a merchant's key may call and that are more than reading."""
    for view in app.view_functions.values():
        for method in ("post", "patch", "put", "delete"):
            handler = getattr(getattr(view, "view_class", None), method, None)
            name, security, *_ = getattr(handler, "_apidoc", {}).get("operation", ("", None))
            if security and security.scheme == "merchant_key":
                yield name


def test_every_operation_that_changes_something_is_logged_or_has_a_reason_not_to_be(app: Flask):
    assert set(changing_operations(app)) == LOGGED.keys() | NOT_LOGGED.keys()


class Doings:
    """Each operation once, on a world with something of everything; gives the resource's id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.venue = world.venue(name="Before")
        self.spare = world.venue()
        self.group = self.ask("post", "/v1/venue-groups", name="g", venue_ids=[])["id"]
        self.offer = world.offer(self.venue)
        self.over = world.experiment(self.offer)
        self._experiment(self.over, "stop")
        self.draft = world.experiment(self.offer, start=False)
        self.offer = world.ask("get", f"/v1/offers/{self.offer['id']}")
        times = {"starts_at": "2026-01-01T10:00:00Z", "ends_at": "2026-01-01T12:00:00Z"}
        self.event_body = {"venue_id": self.venue["id"], "name": "Quiz", **times}
        self.event = self.ask("post", "/v1/events", **self.event_body)["id"]
        self.promotion = self.create_promotion()
        self.proof = self.ask("post", self._proofs(), kind="reader", name="Gate")["id"]
        self.key = self.ask("post", "/v1/api-keys", name="Till", scopes=["redeem"])["id"]
        self.person = world.register()
        seen = world.check_in(self.person["access_token"], self.venue)
        self.check_in, self.receipt = seen["id"], seen["receipt"]
        [unlock] = seen["unlocked"]
        self.redemption = world.redeem(unlock["code"], self.venue).json["id"]
        self.band = self.ask("post", "/v1/wristbands", tag="04A23B1C", receipt=self.receipt)
        self.customer = self.band["customer"]
        self.export = made(world, {"id": self.create_export()})["id"]
        self.schedule = self.create_export_schedule()
        self.hook = self.create_webhook_endpoint()
        self.post = world.post_to_facebook(self.offer)
        self.ask("put", "/v1/facebook/conversions", **CONVERSIONS)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        given = {"json": body} if method != "delete" else {}
        return self.world.ask(method, path, headers={"If-Match": '"1"'}, **given)

    def _proofs(self, proof_id: str = "") -> str:
        return f"/v1/venues/{self.venue['id']}/proofs{proof_id and f'/{proof_id}'}"

    def create_export(self) -> str:
        period = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
        body = {"what": "ledger", "format": "csv", **period}
        return self.ask("post", "/v1/stats/exports", **body)["id"]

    def create_export_link(self) -> str:
        self.ask("post", f"/v1/stats/exports/{self.export}/link")
        return self.export

    def create_export_schedule(self) -> str:
        regular = {"every": "day", "hour": 6, "time_zone": "Europe/Copenhagen"}
        body = {"what": "ledger", "format": "csv", **regular}
        return self.ask("post", "/v1/stats/export-schedules", **body)["id"]

    def delete_export_schedule(self) -> str:
        self.ask("delete", f"/v1/stats/export-schedules/{self.schedule}")
        return self.schedule

    def create_api_key(self) -> str:
        return self.ask("post", "/v1/api-keys", name="x", scopes=["stats"])["id"]

    def rotate_api_key(self) -> str:
        return self.ask("post", f"/v1/api-keys/{self.key}/rotation")["id"]

    def revoke_api_key(self) -> str:
        self.ask("delete", f"/v1/api-keys/{self.key}")
        return self.key

    def set_standing(self) -> str:
        return self.ask("put", f"/v1/standings/{self.customer}", standing="staff")["customer"]

    def remove_standing(self) -> str:
        self.set_standing()
        self.ask("delete", f"/v1/standings/{self.customer}")
        return self.customer

    def create_venue(self) -> str:
        return self.world.venue()["id"]

    def import_venues(self) -> str:
        feature = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [self.world.lon, self.world.lat]},
            "properties": {"name": "x", "radius_m": 50, "time_zone": "Europe/Copenhagen"},
        }
        body = {"type": "FeatureCollection", "features": [feature]}
        return self.ask("post", "/v1/venues/import", **body)["created"][0]

    def change_venue(self) -> str:
        return self.ask("patch", f"/v1/venues/{self.venue['id']}", name="After")["id"]

    def retire_venue(self) -> str:
        self.ask("delete", f"/v1/venues/{self.spare['id']}")
        return self.spare["id"]

    def create_venue_group(self) -> str:
        return self.ask("post", "/v1/venue-groups", name="x", venue_ids=[])["id"]

    def change_venue_group(self) -> str:
        body = {"venue_ids": [self.venue["id"]]}
        return self.ask("patch", f"/v1/venue-groups/{self.group}", **body)["id"]

    def delete_venue_group(self) -> str:
        self.ask("delete", f"/v1/venue-groups/{self.group}")
        return self.group

    def create_event(self) -> str:
        return self.ask("post", "/v1/events", **self.event_body)["id"]

    def change_event(self) -> str:
        return self.ask("patch", f"/v1/events/{self.event}", name="Concert")["id"]

    def cancel_event(self) -> str:
        self.ask("delete", f"/v1/events/{self.event}")
        return self.event

    def create_venue_proof(self) -> str:
        return self.ask("post", self._proofs(), kind="staff", name="Ida")["id"]

    def rotate_venue_proof(self) -> str:
        return self.ask("post", f"{self._proofs(self.proof)}/rotation")["id"]

    def revoke_venue_proof(self) -> str:
        self.ask("delete", self._proofs(self.proof))
        return self.proof

    def bind_wristband(self) -> str:
        return self.ask("post", "/v1/wristbands", tag="AAAA", receipt=self.receipt)["id"]

    def report_wristband_lost(self) -> str:
        return self.ask("post", f"/v1/wristbands/{self.band['id']}/loss")["id"]

    def unbind_wristband(self) -> str:
        self.ask("delete", f"/v1/wristbands/{self.band['id']}")
        return self.band["id"]

    def create_offer(self) -> str:
        return self.ask("post", "/v1/offers", **OFFER)["id"]

    def copy_offer(self) -> str:
        return self.ask("post", f"/v1/offers/{self.offer['id']}/copies")["id"]

    def change_offer(self) -> str:
        version = {"If-Match": f'"{self.offer["version"]}"'}
        path = f"/v1/offers/{self.offer['id']}"
        return self.world.ask("patch", path, json={"limit_total": 9}, headers=version)["id"]

    def set_offer_status(self) -> str:
        return self.ask("post", f"/v1/offers/{self.offer['id']}/status", status="paused")["id"]

    def set_stacking(self) -> str:
        self.ask("put", "/v1/stacking", policy="best_for_customer")
        return str(self.world.merchant_id)

    def set_brand(self) -> str:
        self.ask("put", "/v1/brand", color="#7a1f3d")
        return str(self.world.merchant_id)

    def create_experiment(self) -> str:
        return self.world.experiment(self.offer, start=False)["id"]

    def start_experiment(self) -> str:
        return self._experiment(self.draft, "start")

    def stop_experiment(self) -> str:
        return self._experiment(self.draft, "stop")

    def promote_arm(self) -> str:
        return self._experiment(self.over, "promote", arm="control")

    def _experiment(self, experiment: dict[str, Any], verb: str, **body: Any) -> str:
        path = f"/v1/offers/{self.offer['id']}/experiments/{experiment['id']}/{verb}"
        return self.ask("post", path, **body)["id"]

    def import_offer_codes(self) -> str:
        path = f"/v1/offers/{self.offer['id']}/codes/import"
        self.world.ask("post", path, data="TAK-4711-ABCD", content_type="text/csv")
        return self.offer["id"]

    def create_promotion(self) -> str:
        return self.ask("post", "/v1/promotions", text="2 for 1", channel="poster")["id"]

    def import_promotions(self) -> str:
        sheet = {"data": "text,channel\n3 for 2,poster\n", "content_type": "text/csv"}
        return self.world.ask("post", "/v1/promotions/import", **sheet)["created"][0]

    def change_promotion(self) -> str:
        return self.ask("patch", f"/v1/promotions/{self.promotion}", channel="radio")["id"]

    def delete_promotion(self) -> str:
        self.ask("delete", f"/v1/promotions/{self.promotion}")
        return self.promotion

    def connect_facebook_page(self) -> str:
        return self.world.connect_facebook_page()["id"]

    def disconnect_facebook_page(self) -> str:
        self.ask("delete", f"/v1/facebook/pages/{self.post['facebook_page_id']}")
        return self.post["facebook_page_id"]

    def create_facebook_post(self) -> str:
        body = {"facebook_page_id": self.post["facebook_page_id"]}
        return self.ask("post", f"/v1/offers/{self.offer['id']}/facebook-posts", **body)["id"]

    def delete_facebook_post(self) -> str:
        path = f"/v1/offers/{self.offer['id']}/facebook-posts"
        self.ask("delete", f"{path}/{self.post['id']}")
        return self.post["id"]

    def create_webhook_endpoint(self) -> str:
        body = {"url": "https://cafe.example/hooks", "event_types": ["offer.unlocked"]}
        return self.ask("post", "/v1/webhook-endpoints", **body)["id"]

    def change_webhook_endpoint(self) -> str:
        return self.ask("patch", f"/v1/webhook-endpoints/{self.hook}", description="Till")["id"]

    def rotate_webhook_secret(self) -> str:
        return self.ask("post", f"/v1/webhook-endpoints/{self.hook}/rotation")["id"]

    def delete_webhook_endpoint(self) -> str:
        self.ask("delete", f"/v1/webhook-endpoints/{self.hook}")
        return self.hook

    def set_conversion_setting(self) -> str:
        body = {**CONVERSIONS, "venue_ids": [self.venue["id"]]}
        self.ask("put", "/v1/facebook/conversions", **body)
        return str(self.world.merchant_id)

    def delete_conversion_setting(self) -> str:
        self.ask("delete", "/v1/facebook/conversions")
        return str(self.world.merchant_id)

    def void_check_in(self) -> str:
        return self.ask("post", f"/v1/check-ins/{self.check_in}/void", reason="Test")["id"]

    def reverse_redemption(self) -> str:
        path = f"/v1/redemptions/{self.redemption}/reversal"
        return self.ask("post", path, reason="Test")["id"]


@pytest.mark.parametrize("operation", LOGGED)
def test_a_change_is_logged_with_who_made_it(world: World, operation: str):
    do: Callable[[], str] = getattr(Doings(world), operation)
    before = len(log(world, limit=200))
    resource_id = do()
    entry = last(world, LOGGED[operation], resource_id)
    assert entry["resource"] == entry["action"].split(".")[0]
    assert len(log(world, limit=200)) == before + (2 if operation == "remove_standing" else 1)


@pytest.mark.parametrize(
    "operation",
    [
        name
        for name, action in LOGGED.items()
        if action.split(".")[1] in ("revoked", "retired", "cancelled", "status_set", "set", "lost")
        or name in ("change_venue_group", "unbind_wristband")
    ],
)
def test_doing_it_again_changes_nothing_and_is_not_logged(world: World, operation: str):
    doings = Doings(world)
    getattr(doings, operation)()
    once = log(world, limit=200)
    if operation == "change_venue_group":
        body = {"venue_ids": [doings.venue["id"]]}
        path = f"/v1/venue-groups/{doings.group}"
        world.ask("patch", path, json=body, headers={"If-Match": '"2"'})
    else:
        getattr(doings, operation)()
    assert log(world, limit=200) == once


def test_a_repeated_request_is_logged_once(world: World):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(3):
        world.ask("post", "/v1/offers", json=OFFER, headers=headers)
    assert len(log(world, resource="offer")) == 1


# --- old and new values ---------------------------------------------------------------------


def test_a_changed_offer_has_its_old_and_new_terms(world: World):
    venues = [world.venue(), world.venue()]
    offer = world.offer(venues[0], status="draft", limit_total=5)
    path = f"/v1/offers/{offer['id']}"
    body = {"limit_total": None, "terms": "New", "venue_ids": [venues[1]["id"]]}
    world.ask("patch", path, json=body, headers={"If-Match": '"1"'})
    assert changes(last(world, "offer.changed", offer["id"])) == {
        "limit_total": (5, None),
        "terms": (OFFER["terms"], "New"),
        "venue_ids": ([venues[0]["id"]], [venues[1]["id"]]),
    }
    world.ask("post", f"{path}/status", json={"status": "active"})
    entry = last(world, "offer.status_set", offer["id"])
    assert changes(entry) == {"status": ("draft", "active")}


def test_a_new_offer_has_all_that_it_began_with(world: World):
    offer = world.offer(status="draft")
    said = changes(last(world, "offer.created", offer["id"]))
    assert said.keys() >= {"teaser", "terms", "reward", "rule", "status", "valid_to"}
    for member, (old, new) in said.items():
        assert old is None
        assert new == offer[member]


def test_a_moved_fence_has_both_places(world: World):
    venue = world.venue()
    fence = {**venue["fence"], "radius_m": 80}
    path = f"/v1/venues/{venue['id']}"
    world.ask("patch", path, json={"fence": fence}, headers={"If-Match": '"1"'})
    moved = changes(last(world, "venue.changed", venue["id"]))["fence"]
    assert [place["radius_m"] for place in moved] == [50, 80]
    assert moved[1]["centre"] == venue["fence"]["centre"]


def test_an_imported_polygon_is_logged_as_it_was_given(world: World):
    ring = [[12.5, 55.6], [12.51, 55.6], [12.51, 55.61], [12.5, 55.6]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"name": "Park"},
    }
    body = {"type": "FeatureCollection", "features": [feature, feature]}
    created = world.ask("post", "/v1/venues/import", json=body)["created"]
    entries = log(world, resource="venue")
    assert {entry["resource_id"] for entry in entries} == set(created)
    fence = changes(entries[0])["fence"][1]
    assert fence["type"] in ("Polygon", "MultiPolygon")


def test_no_secret_and_no_note_about_a_person_is_in_the_log(world: World):
    doings = Doings(world)
    made = [
        world.ask("post", "/v1/api-keys", json={"name": "x", "scopes": ["redeem"]}),
        doings.ask("post", f"/v1/api-keys/{doings.key}/rotation"),
        doings.ask("post", f"/v1/webhook-endpoints/{doings.hook}/rotation"),
        *(
            doings.ask("post", doings._proofs(), kind=kind, name="x")  # noqa: SLF001
            for kind in ("venue_code", "poster_code", "beacon", "reader", "staff")
        ),
    ]
    note = {"standing": "blocked", "note": "Shouted at Ida"}
    world.ask("put", f"/v1/standings/{doings.customer}", json=note)
    entry = last(world, "standing.set", doings.customer)
    assert changes(entry) == {"standing": (None, "blocked"), "note": (None, "withheld")}
    told = json.dumps(log(world, limit=200))
    hidden = {"secret", "token", "code", "pin", "identity_key"}
    secrets = [value for new in made for name, value in new.items() if name in hidden and value]
    assert len(secrets) >= 8
    for secret in [*secrets, "Shouted", "04A23B1C", doings.person["customer_id"]]:
        assert secret not in told


def test_a_promotion_is_logged_from_its_making_to_its_end(world: World):
    promotion = world.ask("post", "/v1/promotions", json={"text": "2 for 1", "channel": "poster"})
    path, change = f"/v1/promotions/{promotion['id']}", {"ends_on": "2026-12-24"}
    assert changes(last(world, "promotion.created", promotion["id"])) == {
        "text": (None, "2 for 1"),
        "channel": (None, "poster"),
    }
    world.ask("patch", path, json=change, headers={"If-Match": '"1"'})
    said = changes(last(world, "promotion.changed", promotion["id"]))
    assert said == {"ends_on": (None, "2026-12-24")}
    world.ask("delete", path)
    assert changes(last(world, "promotion.deleted", promotion["id"])) == {
        "text": ("2 for 1", None),
        "channel": ("poster", None),
        "ends_on": ("2026-12-24", None),
    }


# --- reading --------------------------------------------------------------------------------


def test_the_log_is_read_by_resource_actor_and_time(world: World):
    key = world.key_with("offers")
    [key_entry] = [
        entry for entry in log(world, resource="api_key") if changes(entry)["name"][1] == "key"
    ]
    other = world.offer(status="draft")
    mine = world.ask("post", "/v1/offers", key, json=OFFER)
    [entry] = log(world, actor=key_entry["resource_id"])
    assert (entry["resource_id"], entry["actor"]["name"]) == (mine["id"], "key")
    assert [e["resource_id"] for e in log(world, resource="offer")] == [mine["id"], other["id"]]
    assert [e["action"] for e in log(world, resource_id=other["id"])] == ["offer.created"]
    assert log(world, resource="offer", **{"from": entry["at"]})[0] == entry
    assert entry not in log(world, to=entry["at"])
    assert other["id"] in [e["resource_id"] for e in log(world, to=entry["at"])]


def test_the_log_is_paged_newest_first(world: World):
    made = [world.offer(status="draft")["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = {"resource": "offer", "limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = world.ask("get", "/v1/audit", query_string=query)
        seen += [entry["resource_id"] for entry in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_a_merchant_reads_its_own_log_only(world: World, other_world: World):
    offer = world.offer(status="draft")
    assert log(other_world, resource_id=offer["id"]) == []
    assert {entry["resource"] for entry in log(other_world)} == {"api_key"}


@pytest.mark.parametrize("query", [{"resource": "Offer"}, {"actor": "x"}, {"from": "now"}])
def test_a_filter_that_is_none_is_refused(world: World, query: dict[str, str]):
    world.ask("get", "/v1/audit", status=422, query_string=query)


def test_what_the_command_line_makes_is_the_services_doing(world: World):
    [entry] = log(world)
    assert (entry["action"], entry["actor"]) == ("api_key.created", {"key_id": None, "name": "lbs"})


# --- it is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'nobody'",
        "UPDATE audit_entry SET changes = changes",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "TRUNCATE audit_entry CASCADE",
        "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET actor=''",
    ],
)
def test_nothing_in_the_log_can_be_changed_or_deleted(world: World, statement: str):
    before = log(world)
    with pytest.raises(DatabaseError, match="append-only"), world.db.transaction() as session:
        session.execute(text(statement))
    assert log(world) == before != []


def test_what_is_refused_is_not_logged(world: World):
    offer = world.offer(status="draft")
    before = log(world)
    path = f"/v1/offers/{offer['id']}"
    world.ask("patch", path, status=412, json={"terms": "x"}, headers={"If-Match": '"7"'})
    world.ask("post", f"{path}/status", status=409, json={"status": "active"})
    world.ask("post", "/v1/offers", status=404, json={**OFFER, "venue_ids": [str(uuid.uuid4())]})
    assert log(world) == before
