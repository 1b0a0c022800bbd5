"""The document is up to date, valid, written by our rules, and its examples are true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
import yaml
from flask import Flask
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from lbs.app import create_app
from lbs.cli.database import migrate
from lbs.cli.openapi import render, write
from lbs.cli.postgres import Cluster, create_database
from lbs.config import Settings
from tests.exports.making import made
from tests.world import METRE, World

FILE = Path(__file__).parents[2] / "openapi" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
REF = "#/components/schemas/"
OPERATIONS = [
    pytest.param(method, path, operation, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
VERBS = {
    "add", "ask", "bind", "cancel", "change", "check", "compare", "confirm", "connect", "copy",
    "create", "delete", "disconnect", "erase", "explain", "export", "find", "flag", "give",
    "import", "link", "list", "map", "mark", "plan", "preview", "promote", "read", "redeem",
    "redeliver", "refresh", "register", "remove", "report", "retire", "reverse", "revoke", "rotate",
    "send", "set", "sign", "simulate", "start", "stop", "unbind", "unlink", "verify", "void",
    "withdraw",
}  # fmt: skip
FILES = {
    "application/vnd.apache.parquet": {"type": "string", "format": "binary"},
    "image/png": {"type": "string", "format": "binary"},
    "text/csv": {"type": "string", "format": "binary"},
    "text/event-stream": {"type": "string"},
    "text/html": {"type": "string"},
}
"""What a body is that is no JSON."""
SECRETS = {"access_token", "refresh_token", "receipt", "token", "x", "secret", "challenge", "path"}
CODE = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){1,2}|[0-9]{6}")
PARTS = {
    "host": re.compile(r"(?<=^http)s?://[^/]+"),
    "id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "secret": re.compile(
        r"(?<=secret=)[A-Z2-7]{32}|(?<=#key=)lbp_\S+|(?<=/s/)\S+|(?<=\?)expires=\S+|"
        r"(?<=[?&]u=)\S+|(?<=&href=)\S+"
    ),
}
"""Parts of an address that are others in every run."""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When the examples play: a Sunday, at whose hour their venue is open."""

each_operation = pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)


def test_the_file_is_what_the_code_says(tmp_path: Path):
    write(tmp_path / "new" / "openapi.yaml")
    fresh = (tmp_path / "new" / "openapi.yaml").read_text(encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == fresh, "run `make openapi`"
    assert fresh == render()


def test_the_service_gives_out_the_same_document(app: Flask):
    assert app.test_client().get("/openapi.json").json == DOCUMENT


def test_the_document_is_openapi_3_1():
    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT)


def test_the_document_names_no_machine():
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert not re.search(r"127\.0\.0\.1|localhost|/home/|/root/", FILE.read_text("utf-8"))


def test_operation_ids_are_unique():
    ids = [param.id for param in OPERATIONS]
    assert len(ids) == len(set(ids))


@each_operation
def test_an_operation_reads_like_a_function(method: str, path: str, operation: dict[str, Any]):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
    assert operation["operationId"].split("_")[0] in VERBS
    assert re.fullmatch(r"[A-Z][^`]{3,79}[^`.]", operation["summary"])  # no Markdown in it
    assert "\n" not in operation.get("description", "").replace("\n\n", "")
    assert operation["tags"][1:] == []
    assert operation["tags"][0] in [tag["name"] for tag in DOCUMENT["tags"]]


@each_operation
def test_an_operation_has_one_answer_and_one_problem(
    method: str, path: str, operation: dict[str, Any]
):
    [success] = [status for status in operation["responses"] if status != "default"]
    assert re.fullmatch("20[014]", success)
    assert ("content" in operation["responses"][success]) == (success != "204")
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
    problem = DOCUMENT["components"]["responses"]["Problem"]
    assert problem["content"] == {"application/problem+json": {"schema": {"$ref": f"{REF}Problem"}}}


@each_operation
def test_bodies_are_named(method: str, path: str, operation: dict[str, Any]):
    for media_type, schema in _bodies(operation):
        if media_type in FILES:
            assert schema == FILES[media_type]
        else:
            assert list(schema) == ["$ref"]
            assert schema["$ref"].removeprefix(REF) in SCHEMAS


@each_operation
def test_bodies_have_an_example(method: str, path: str, operation: dict[str, Any]):
    for _, schema in _bodies(operation):
        name = schema.get("$ref", "").removeprefix(REF)
        if name and not name.endswith("Page"):
            example = SCHEMAS[name].get("examples")
            assert example or name == "KeySet", name


@each_operation
def test_an_operation_says_who_may_call_it(method: str, path: str, operation: dict[str, Any]):
    if operation["operationId"] == "list_signing_keys":
        assert "security" not in operation
        return
    [requirement] = operation["security"]
    [scheme] = requirement
    assert DOCUMENT["components"]["securitySchemes"][scheme]["description"]


@each_operation
def test_parameters_are_never_null(method: str, path: str, operation: dict[str, Any]):
    for parameter in operation.get("parameters", []):
        schema = parameter.get("schema", {})
        assert "null" not in json.dumps(schema)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_component_has_a_plain_name_and_names_its_parts(name: str):
    assert re.fullmatch(r"([A-Z][a-z]+)+", name)
    for depth, schema in _subschemas(SCHEMAS[name]):
        if depth:
            assert "properties" not in schema, "an object inside an object needs a name"
            assert schema.get("type") != "object"
            assert "enum" not in schema, "a list of words needs a name: use Word"


@pytest.mark.parametrize("name", [name for name in SCHEMAS if "oneOf" in SCHEMAS[name]])
def test_a_union_says_how_to_tell_its_members_apart(name: str):
    union = SCHEMAS[name]
    discriminator = union["discriminator"]
    tag, mapping = discriminator["propertyName"], discriminator["mapping"]
    assert [member["$ref"] for member in union["oneOf"]] == list(mapping.values())
    for word, ref in mapping.items():
        member = SCHEMAS[ref.removeprefix(REF)]
        assert tag in member["required"]
        assert member["properties"][tag]["const"] == word


def test_unions_are_only_where_they_have_a_name():
    for name, component in SCHEMAS.items():
        for depth, schema in _subschemas(component):
            assert depth == 0 or "oneOf" not in schema, name
            assert "allOf" not in schema
            kinds = schema.get("anyOf", [{}, {"type": "null"}])
            assert len(kinds) == 2, "anyOf only says that something may be null"
            assert kinds[1] == {"type": "null"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_are_valid(name: str):
    for _, schema in _subschemas(SCHEMAS[name]):
        for example in schema.get("examples", []):
            _check(schema, example)


@each_operation
def test_examples_of_parameters_are_valid(method: str, path: str, operation: dict[str, Any]):
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            _check(parameter["schema"], parameter["example"])


@pytest.fixture
def empty_world(cluster: Cluster, settings: Settings) -> Iterator[World]:
    """A world in a database of its own: the examples lie in Copenhagen, where other tests are."""
    create_database(cluster, "lbs_examples")
    own = replace(settings, database_url=cluster.url("lbs_examples"), facebook_app_id="1234567890")
    with time_machine.travel(NOON):
        migrate(own, datetime.now(UTC))
        world = World(create_app(own), merchant="Ølbaren")
        yield world
        world.db.engine.dispose()


def test_the_examples_are_true(empty_world: World):  # noqa: PLR0915  (a story)
    """Send every example of a body; the answers look like the examples of answers."""
    world, began = empty_world, datetime.now(UTC)
    real: dict[str, Any] = {
        "captured_at": began.isoformat(),
        "valid_from": (began - timedelta(days=1)).isoformat(),
        "valid_to": (began + timedelta(days=1)).isoformat(),
    }
    sent: set[str] = set()
    compared: set[str] = set()

    def say(method: str, path: str, component: str = "", token: str = "", **options: Any) -> Any:
        if component:
            sent.add(component)
            options["json"] = _with(SCHEMAS[component]["examples"][0], real)
        return world.ask(method, path, token or world.key, **options)

    def same(answer: Any, component: str) -> None:
        compared.add(component)
        assert _masked(answer) == _masked(SCHEMAS[component]["examples"][0])

    venue = say("post", "/v1/venues", "CreateVenue")
    same(venue, "Venue")
    real |= {"venue_id": venue["id"], "venue_ids": [venue["id"]]}
    group = say("post", "/v1/venue-groups", "CreateVenueGroup")
    same(group, "VenueGroup")
    offer = say("post", "/v1/offers", "CreateOffer")
    at_offer = f"/v1/offers/{offer['id']}"
    worse = world.offer(venue, status="draft", teaser="A filter coffee awaits")
    same(say("get", f"/v1/offers/{worse['id']}/review"), "OfferReview")
    say("post", f"{at_offer}/status", "SetOfferStatus")
    same(say("put", "/v1/stacking", "SetStacking"), "Stacking")
    same(say("put", "/v1/brand", "SetBrand"), "Brand")

    session = say("post", "/v1/customers", "RegisterCustomer", world.publishable_key)
    same(session, "CustomerSession")
    customer = session["access_token"]
    same(say("get", "/v1/customers/me", token=customer), "Customer")
    real["access_token"] = world.facebook_token()
    say("put", "/v1/customers/me/facebook", "FacebookCredential", customer)
    say("post", "/v1/auth/facebook", "FacebookSignIn", world.publishable_key)
    query = {"lat": 55.68, "lon": 12.57}
    same(say("get", "/v1/venues/nearby", token=customer, query_string=query), "NearbyVenues")
    shown = say("get", "/v1/venues/nearby.geojson", token=customer, query_string=query)
    same(shown, "VenueMap")

    here = _with(SCHEMAS["CreateCheckIn"]["examples"][0], real)
    [fix] = here["evidence"]
    far = {**fix, "lat": fix["lat"] + 400 * METRE}
    say("post", "/v1/check-ins", token=customer, json={**here, "evidence": [far]})
    same(say("get", "/v1/check-ins", token=customer)["items"][0], "CheckIn")
    result = say("post", "/v1/check-ins", "CreateCheckIn", customer)
    same(result, "CheckInResult")
    [unlock] = result["unlocked"]
    same(say("get", f"/v1/unlocks/{unlock['id']}", token=customer), "Unlock")
    same(say("get", at_offer), "Offer")
    same(say("get", f"{at_offer}/schedule")["items"][0], "SchedulePreview")
    viewed = {"offer_id": offer["id"], "at": datetime.now(UTC).isoformat()}
    real |= viewed
    same(say("post", "/v1/app-events", "ReportAppEvents", customer), "AppEventsReport")
    real = {name: value for name, value in real.items() if name not in viewed}
    real["receipt"] = result["receipt"]
    same(say("post", "/v1/receipts/verify", "VerifyReceipt"), "Receipt")
    same(say("post", "/v1/challenges", "AskChallenge", customer), "Challenge")

    till = say("post", "/v1/api-keys", "CreateApiKey")
    same(till, "NewApiKey")
    same(say("get", "/v1/api-keys")["items"][0], "ApiKey")
    real["code"] = unlock["code"]
    redemption = say("post", "/v1/redemptions", "Redeem", till["token"])
    same(redemption, "NewRedemption")
    refused = world.redeem(unlock["code"], venue)
    same(refused.json, "Problem")
    reversal = f"/v1/redemptions/{redemption['id']}/reversal"
    same(say("post", reversal, "Reverse", till["token"]), "Redemption")
    say("post", "/v1/redemptions", "Redeem", till["token"])

    at_stats = f"/v1/stats/offers/{offer['id']}"
    for answer, name in (("funnel", "Funnel"), ("money", "MoneyStats"), ("customers", "Customers")):
        same(say("get", f"{at_stats}/{answer}"), name)
    midnight = began.astimezone(ZoneInfo("Europe/Copenhagen")).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    day = {"from": midnight.isoformat(), "to": (midnight + timedelta(days=1)).isoformat()}
    for answer, name in (("series", "Series"), ("retention", "Retention"), ("hours", "Hours")):
        same(say("get", f"{at_stats}/{answer}", query_string=day), name)
    yesterday = {"from": (began - timedelta(days=1)).isoformat()}
    effect = say("get", f"/v1/stats/offers/{offer['id']}/venue-effect", query_string=yesterday)
    same(effect, "VenueEffect")
    turns = {"from_date": "2026-12-07", "days": 7, "pairs": 1}
    switched = world.offer(world.venue(), schedule={"turns": turns})
    drawn = say("get", f"/v1/stats/offers/{switched['id']}/switchback")
    drawn["blocks"].sort(key=lambda block: not block["is_on"])  # either may come first
    same(drawn, "Switchback")
    copy = say("post", f"{at_offer}/copies", "CopyOffer")
    beside = say("get", f"{at_offer}/comparison", query_string={"with": copy["id"]})
    same(beside, "Comparison")

    at_proofs = f"/v1/venues/{venue['id']}/proofs"
    kiosk = say("post", at_proofs, "CreateVenueProof")
    same(kiosk, "NewVenueProof")
    same(say("get", f"{at_proofs}/{kiosk['id']}"), "VenueProof")
    kiosk = say("post", f"{at_proofs}/{kiosk['id']}/rotation", "RotateVenueProof")
    codes = say("get", "/v1/kiosk/codes", token=kiosk["token"])
    same(codes, "KioskCodes")
    real["code"] = codes["codes"][0]["code"]
    at_check_in = f"/v1/check-ins/{result['id']}"
    assert say("post", f"{at_check_in}/evidence", "AddEvidence", customer)["level"] == "L3"

    world.ask("post", f"{at_offer}/status", json={"status": "ended"})
    world.offer(venue, min_level="L3")
    staff, reader = (
        world.ask("post", at_proofs, json={"kind": kind, "name": kind})["token"]
        for kind in ("staff", "reader")
    )
    guest = world.register()["access_token"]
    at_check_in = f"/v1/check-ins/{_check_in(world, guest, here, 1)['id']}"
    same(say("post", f"{at_check_in}/confirmation", token=staff), "StaffConfirmation")
    same(say("post", f"{at_check_in}/void", "Void"), "Voided")

    liar = _check_in(world, world.customer(), here, 2, mock=True)
    found = say("get", f"/v1/check-ins/{liar['id']}/findings")
    same(found, "Findings")
    tried = {"rule": {"kind": "every_nth_visit", "n": 5}, "limit_total": None, "limit_per_day": 20}
    regular = {"visits": 4, "visited_at": [began.isoformat()]}
    trial = {"kind": "check_in", "venue_id": venue["id"], "described": regular, "terms": tried}
    same(say("post", f"{at_offer}/simulations", json=trial), "Simulation")
    say("post", f"{at_offer}/simulations", "SimulateOffer")
    tenth = world.offer(venue, rule={"kind": "nth_visit", "n": 10})
    asked = {"customer": found["customer"], "venue_id": venue["id"]}
    same(say("get", f"/v1/offers/{tenth['id']}/why", query_string=asked), "Explanation")
    same(say("put", f"/v1/standings/{found['customer']}", "SetStanding"), "Standing")

    next_door = world.ask("post", "/v1/venues", json=SCHEMAS["CreateVenue"]["examples"][0])
    rule = {"kind": "charity", "amount_minor": 500, "recipient": "Red Cross"}
    kind_offer = world.offer(next_door, rule=rule)
    guest = world.register()["access_token"]
    arrived = _check_in(world, guest, {**here, "venue_id": next_door["id"]}, 3)
    same(say("get", f"/v1/stats/offers/{kind_offer['id']}/pledges"), "Pledges")
    real["receipt"] = arrived["receipt"]
    same(say("post", "/v1/wristbands", "BindWristband"), "Wristband")
    own = say("get", "/v1/customers/me/wristbands", token=guest)["items"][0]
    same(own, "OwnWristband")
    real["tapped_at"] = datetime.now(UTC).isoformat()
    same(say("post", "/v1/taps", "ReportTaps", reader), "TapResults")

    happening = say("post", "/v1/events", "CreateEvent")
    same(happening, "Event")

    version = {"If-Match": '"1"'}
    say("patch", f"/v1/venues/{venue['id']}", "ChangeVenue", headers=version)
    say("patch", f"/v1/venue-groups/{group['id']}", "ChangeVenueGroup", headers=version)
    say("patch", f"/v1/events/{happening['id']}", "ChangeEvent", headers=version)
    draft = world.offer(venue, status="draft")
    say("patch", f"/v1/offers/{draft['id']}", "ChangeOffer", headers=version)
    same(say("get", "/v1/audit")["items"][0], "AuditEntry")
    _around_an_offer(world, real, say, same)
    _exported(world, say, same)
    _facebook_pages(say, same, world, real)
    _webhooks(say, same)
    _conversions(say, same, guest)
    same(say("post", "/v1/venues/import", "FeatureCollection"), "ImportReport")
    same(say("get", "/.well-known/jwks.json")["keys"][0], "SigningKey")

    operations = [param.values[2] for param in OPERATIONS]
    assert sent == {name for one in operations for name in _names(_request_schemas(one))}
    whole = {name for one in operations for name in _names(schema for _, schema in _bodies(one))}
    pages = {name for name in whole if "next_cursor" in SCHEMAS[name].get("properties", {})}
    items = {_names([SCHEMAS[name]["properties"]["items"]["items"]]).pop() for name in pages}
    assert compared - {"SigningKey"} == (whole | items) - pages - sent - {"KeySet"} | {"Problem"}


def _around_an_offer(world: World, real: dict[str, Any], say: Any, same: Any) -> None:
    """What an offer is held against, what is said of it, and whom people bring along."""
    promotion = say("post", "/v1/promotions", "CreatePromotion")
    same(promotion, "Promotion")
    at_promotion, version = f"/v1/promotions/{promotion['id']}", {"If-Match": '"1"'}
    say("patch", at_promotion, "ChangePromotion", headers=version)
    sheet = _sheet("/v1/promotions/import")
    same(say("post", "/v1/promotions/import", **sheet), "PromotionImportReport")

    at_codes = f"/v1/offers/{world.offer(status='draft')['id']}/codes"
    sheet = _sheet("/v1/offers/{offer_id}/codes/import")
    same(say("post", f"{at_codes}/import", **sheet), "CodeImport")
    same(say("get", at_codes), "OfferCodes")

    venue = world.venue()
    offer = world.offer(venue)
    at_offer = f"/v1/offers/{offer['id']}"
    *guests, last = (world.customer() for _ in range(5))
    world.check_in(last, venue)
    share = say("post", f"{at_offer}/shares", token=last)
    same(share, "Share")
    real["token"] = share["token"]
    for agent in ("facebookexternalhit/1.1", "Mozilla/5.0 (iPhone)"):
        world.call("get", f"/s/{share['token']}", headers={"User-Agent": agent})
    same(say("post", "/v1/referrals", "CreateReferral", guests[0]), "Referral")
    for guest in guests:
        seen = world.check_in(guest, venue)
        world.redeem(seen["unlocked"][0]["code"], venue, amount_minor=8900)
        same(say("post", f"{at_offer}/flags", "FlagOffer", guest), "OfferFlag")
    same(say("get", f"/v1/stats/offers/{offer['id']}/shares"), "ShareStats")
    say("post", f"{at_offer}/flags", token=last, json={"problem": "not_valuable"})
    same(say("get", "/v1/notices")["items"][0], "Notice")

    _experiment(world, say, same)
    same(say("post", "/v1/parties", "CreateParty", last), "Party")
    invitation = say("post", "/v1/friend-invitations", token=last)
    same(invitation, "FriendInvitation")
    real["code"] = invitation["code"]
    same(say("post", "/v1/friends", "AddFriend", guests[0]), "Friend")


def _experiment(world: World, say: Any, same: Any) -> None:
    """Before it is stated, it is planned by what customers did a month ago."""
    venue = world.venue()
    at_experiments = f"/v1/offers/{world.offer(venue)['id']}/experiments"
    world.came_before(venue)
    same(say("post", f"{at_experiments}/plan", "PlanExperiment"), "ExperimentPlan")
    experiment = say("post", at_experiments, "CreateExperiment")
    same(experiment, "Experiment")
    at_experiment = f"{at_experiments}/{experiment['id']}"
    say("post", f"{at_experiment}/start")
    same(say("get", f"/v1/stats/experiments/{experiment['id']}"), "ExperimentResults")
    say("post", f"{at_experiment}/promote", "PromoteArm")


def _exported(world: World, say: Any, same: Any) -> None:
    """What is exported, once and regularly."""
    export = say("post", "/v1/stats/exports", "CreateExport")
    same(export, "Export")
    made(world, export)
    same(say("post", f"/v1/stats/exports/{export['id']}/link"), "ExportLink")
    same(say("post", "/v1/stats/export-schedules", "CreateExportSchedule"), "ExportSchedule")


def _facebook_pages(say: Any, same: Any, world: World, real: dict[str, Any]) -> None:
    page_id = SCHEMAS["ConnectFacebookPage"]["examples"][0]["page_id"]
    real |= world.facebook_page(page_id=page_id)
    same(say("post", "/v1/facebook/page-choices", "FindFacebookPages"), "FacebookPageChoices")
    page = say("post", "/v1/facebook/pages", "ConnectFacebookPage")
    same(page, "FacebookPage")
    real["facebook_page_id"] = page["id"]
    offer = world.offer(world.venue())
    path = f"/v1/offers/{offer['id']}/facebook-posts"
    same(say("post", path, "CreateFacebookPost"), "FacebookPost")


def _webhooks(say: Any, same: Any) -> None:
    path = "/v1/webhook-endpoints"
    made = say("post", path, "CreateWebhookEndpoint")
    same(made, "NewWebhookEndpoint")
    same(say("get", path)["items"][0], "WebhookEndpoint")
    same(say("post", f"{path}/{made['id']}/test"), "WebhookDelivery")
    say("post", f"{path}/{made['id']}/rotation", "RotateWebhookSecret")
    version = {"If-Match": '"2"'}
    say("patch", f"{path}/{made['id']}", "ChangeWebhookEndpoint", headers=version)


def _conversions(say: Any, same: Any, customer: str) -> None:
    path = "/v1/customers/me/consents"
    same(say("put", f"{path}/conversions", "GiveConsent", customer), "Consent")
    same(say("get", path, token=customer), "Consents")
    path = "/v1/facebook/conversions"
    same(say("put", path, "SetConversions"), "ConversionSetting")
    same(say("post", f"{path}/test", "SendConversionTest"), "Conversion")


def _sheet(path: str) -> dict[str, str]:
    """The example of an import, to be sent."""
    body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["text/csv"]
    return {"data": body["example"], "content_type": "text/csv"}


def _check_in(
    world: World, customer: str, body: dict[str, Any], north_m: int, **members: Any
) -> Any:
    """As the example, some metres from it: only scripts come to the same place twice."""
    [fix] = body["evidence"]
    lat, now = fix["lat"] + north_m * METRE, datetime.now(UTC).isoformat()
    fix = {**fix, "lat": lat, "captured_at": now, **members}
    return world.ask("post", "/v1/check-ins", customer, json={**body, "evidence": [fix]})


def _names(schemas: Iterable[dict[str, Any]]) -> set[str]:
    """Those of the components that are referred to."""
    return {schema["$ref"].removeprefix(REF) for schema in schemas if "$ref" in schema}


def _request_schemas(operation: Any) -> Iterator[dict[str, Any]]:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield media["schema"]


def _bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    answers = [answer for status, answer in operation["responses"].items() if status != "default"]
    for holder in [operation.get("requestBody", {}), *answers]:
        for media_type, media in holder.get("content", {}).items():
            yield media_type, media["schema"]


def _subschemas(schema: dict[str, Any], depth: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    yield depth, schema
    for child in schema.get("properties", {}).values():
        yield from _subschemas(child, depth + 1)
    for child in [*schema.get("oneOf", []), *schema.get("anyOf", [])]:
        yield from _subschemas(child, depth + 1)
    if "items" in schema:
        yield from _subschemas(schema["items"], depth + 1)


def _check(schema: dict[str, Any], example: Any) -> None:
    document = DRAFT202012.create_resource(DOCUMENT)
    registry = Registry().with_resource("urn:lbs", document)
    schema = json.loads(json.dumps(schema).replace('"#/', '"urn:lbs#/'))
    OAS31Validator(schema, registry=registry, format_checker=oas31_format_checker).validate(example)


def _with(value: Any, real: dict[str, Any]) -> Any:
    """The example with what only this run knows: ids, times, the code."""
    if isinstance(value, dict):
        return {
            name: real[name] if name in real else _with(member, real)
            for name, member in value.items()
        }
    return [_with(item, real) for item in value] if isinstance(value, list) else value


def _masked(value: Any, name: str = "") -> Any:
    """What is left of an answer that is the same in every run."""
    if isinstance(value, dict):
        return {key: _masked(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_masked(item, name) for item in value]
    if name in SECRETS and value:
        return "secret"
    return _masked_text(value, name) if isinstance(value, str) else value


def _masked_text(value: str, name: str) -> str:
    if CODE.fullmatch(value):
        return "code"
    if value.startswith(("http://", "https://", "otpauth://")) and name != "type":
        for part, pattern in PARTS.items():
            value = pattern.sub(part, value)
        return value
    if name == "type" and value.startswith("http"):
        return value.rsplit("/", 1)[1]
    for kind, parse in (("id", UUID), ("time", datetime.fromisoformat)):
        with suppress(ValueError):
            parse(value)
            return kind
    return value
