"""Proofs from creation to rotation and revocation, each kind, through the interface."""

from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
import time_machine
from sqlalchemy import text

from lbs.http.auth import BadToken
from lbs.http.context import now
from lbs.proofs.auth import venue_key
from lbs.proofs.rules.nfc_tag import diversify
from lbs.proofs.rules.provisioning import RANDOM_BYTES
from tests.proofs import browser as chromium
from tests.proofs.pictures import drawn, qr_code
from tests.racing import post_at_once
from tests.world import World

HEX_32 = re.compile(r"[0-9a-f]{32}")
UID = "04DE5F1EACC040"
KINDS: dict[str, dict[str, Any]] = {
    "venue_code": {},
    "poster_code": {},
    "nfc_tag": {"uid": UID},
    "beacon": {},
    "reader": {},
    "staff": {},
}
SHOWN_ONCE = {
    "venue_code": {"secret", "otpauth_uri", "token", "kiosk_url"},
    "poster_code": {"code"},
    "nfc_tag": {"meta_read_key", "file_read_key", "url_template"},
    "beacon": {"identity_key"},
    "reader": {"token"},
    "staff": {"pin", "token"},
}
PUBLIC = {"url_template"}
"""What is shown once because it is needed once, not because it is secret."""

each_kind = pytest.mark.parametrize("kind", KINDS)


class Place:
    """A venue to provision."""

    def __init__(self, world: World, name: str = "Ølbaren") -> None:
        self.world, self.venue = world, world.venue(name=name)
        self.path = f"/v1/venues/{self.venue['id']}/proofs"

    def make(self, kind: str, status: int = 201, **members: Any) -> Any:
        body = {"kind": kind, "name": f"A {kind}", **KINDS[kind], **members}
        return self.world.ask("post", self.path, None, status, json=body)

    def rotate(self, proof: dict[str, Any], status: int = 201, **given: Any) -> Any:
        path = f"{self.path}/{proof['id']}/rotation"
        return self.world.ask("post", path, None, status, json=given)

    def revoke(self, proof: dict[str, Any]) -> None:
        self.world.ask("delete", f"{self.path}/{proof['id']}", status=204)

    def read(self, proof: dict[str, Any]) -> Any:
        return self.world.ask("get", f"{self.path}/{proof['id']}")

    def row(self, proof: dict[str, Any]) -> Any:
        with self.world.db.transaction() as session:
            return session.execute(
                text("SELECT * FROM venue_proof WHERE id = :id"), {"id": proof["id"]}
            ).one()

    def secret(self, proof: dict[str, Any]) -> str:
        return self.world.app.extensions["lbs_vault"].unseal(self.row(proof).sealed_secret)


@pytest.fixture
def place(world: World) -> Place:
    return Place(world)


def holder(world: World, kind: str, token: str) -> Any:
    """The principal that the key admits, or the code of the refusal."""
    with world.app.test_request_context():
        return venue_key(kind).authenticate(token, now())


def admitted(world: World, kind: str, token: str) -> bool:
    try:
        holder(world, kind, token)
    except BadToken:
        return False
    return True


# --- every kind -----------------------------------------------------------------------------


@each_kind
def test_a_proof_is_made_and_its_secrets_are_shown_once(place: Place, kind: str):
    new = place.make(kind)
    public = {name: value for name, value in new.items() if name not in SHOWN_ONCE[kind]}
    assert SHOWN_ONCE[kind] <= new.keys()
    assert all(new[name] for name in SHOWN_ONCE[kind])
    assert (new["kind"], new["name"], new["venue_id"]) == (kind, f"A {kind}", place.venue["id"])
    assert (new["version"], new["rotated_at"], new["revoked_at"]) == (1, None, None)
    assert place.read(new) == public
    [listed] = place.world.ask("get", place.path)["items"]
    assert listed == public


@each_kind
def test_nothing_secret_is_at_rest_in_the_clear(place: Place, kind: str):
    new = place.make(kind)
    row = str(place.row(new))
    for name in SHOWN_ONCE[kind] - PUBLIC:
        assert new[name] not in row
    if kind == "venue_code":
        assert base64.b32decode(new["secret"]).hex() not in row
    assert place.row(new).sealed_secret.startswith("gAAAA")


@each_kind
def test_a_rotation_gives_new_secrets_and_kills_the_old(place: Place, kind: str):
    old = place.make(kind)
    new = place.rotate(old)
    assert (new["id"], new["version"]) == (old["id"], 2)
    assert new["rotated_at"] > old["created_at"]
    assert new["created_at"] == old["created_at"]
    for name in SHOWN_ONCE[kind] - PUBLIC:
        assert new[name] != old[name]
    read = place.read(old)
    assert read == {name: value for name, value in new.items() if name not in SHOWN_ONCE[kind]}
    if "token" in old:
        assert not admitted(place.world, kind, old["token"])
        assert admitted(place.world, kind, new["token"])
    assert place.rotate(old)["version"] == 3


@each_kind
def test_a_revoked_proof_stays_readable_and_is_dead(place: Place, kind: str):
    new = place.make(kind)
    place.revoke(new)
    read = place.read(new)
    assert read["revoked_at"] > new["created_at"]
    place.revoke(new)
    assert place.read(new) == read
    assert place.rotate(new, 404)["code"] == "venue-proof-not-found"
    assert "token" not in new or not admitted(place.world, kind, new["token"])


@each_kind
def test_another_merchant_finds_nothing(place: Place, other_world: World, kind: str):
    new = place.make(kind)
    its_own = other_world.venue()
    elsewhere = f"/v1/venues/{its_own['id']}/proofs"
    attempts: list[tuple[str, str, dict[str, Any], str]] = []
    for proof_id in (new["id"], str(uuid.uuid4())):
        for path, code in ((place.path, "venue-not-found"), (elsewhere, "venue-proof-not-found")):
            attempts += [
                ("get", f"{path}/{proof_id}", {}, code),
                ("delete", f"{path}/{proof_id}", {}, code),
                ("get", f"{path}/{proof_id}/poster", {}, code),
                ("post", f"{path}/{proof_id}/rotation", {"json": {}}, code),
            ]
    attempts += [
        ("get", place.path, {}, "venue-not-found"),
        ("post", place.path, {"json": {"kind": "reader", "name": "x"}}, "venue-not-found"),
    ]
    for method, path, options, code in attempts:
        assert other_world.ask(method, path, None, 404, **options)["code"] == code, path
    assert place.read(new)["version"] == 1


@each_kind
def test_a_retired_venue_gets_no_new_ones(place: Place, kind: str):
    new = place.make(kind)
    place.world.ask("delete", f"/v1/venues/{place.venue['id']}")
    assert place.make(kind, 404)["code"] == "venue-not-found"
    assert place.rotate(new, 404)["code"] == "venue-not-found"
    assert place.read(new)["id"] == new["id"]
    assert "token" not in new or not admitted(place.world, kind, new["token"])
    place.revoke(new)


def test_proofs_are_listed_oldest_first_by_kind_and_page(place: Place):
    made = [place.make(kind) for kind in ("reader", "staff", "reader", "poster_code", "reader")]
    place.revoke(made[2])
    seen, cursor = [], ""
    while cursor is not None:
        path = f"{place.path}?limit=2{cursor and f'&cursor={cursor}'}"
        found = place.world.ask("get", path)
        seen += [proof["id"] for proof in found["items"]]
        cursor = found["next_cursor"]
    assert seen == [proof["id"] for proof in made]
    readers = place.world.ask("get", f"{place.path}?kind=reader")["items"]
    assert [proof["id"] for proof in readers] == [made[0]["id"], made[2]["id"], made[4]["id"]]
    problem = place.world.ask("get", f"{place.path}?kind=device_integrity", status=422)
    assert problem["errors"][0]["parameter"] == "kind"


def test_a_lost_answer_is_given_again_and_stored_sealed(place: Place):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"kind": "staff", "name": "Ida"}
    first, second = (
        place.world.call("post", place.path, place.world.key, json=body, headers=headers)
        for _ in range(2)
    )
    assert (first.status_code, second.json) == (201, first.json)
    assert len(place.world.ask("get", place.path)["items"]) == 1
    with place.world.db.transaction() as session:
        answers = session.scalars(text("SELECT answer FROM idempotent_answer")).all()
    assert not any(first.json["token"] in answer for answer in answers)


def test_only_a_key_with_the_scope_venues_provisions(place: Place):
    body = {"kind": "reader", "name": "Gate"}
    for scope in ("offers", "redeem", "support", "stats"):
        key = place.world.key_with(scope)
        assert place.world.ask("post", place.path, key, 403, json=body)["code"] == "scope-missing"
    place.world.ask("post", place.path, place.world.key_with("venues"), json=body)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "x"}, "#/kind"),
    ({"kind": "device_integrity", "name": "x"}, "#/kind"),
    ({"kind": "reader"}, "#/name"),
    ({"kind": "reader", "name": "  "}, "#/name"),
    ({"kind": "reader", "name": "x" * 101}, "#/name"),
    ({"kind": "reader", "name": "x", "pin": "123456"}, "#/pin"),
    ({"kind": "venue_code", "name": "x", "step_s": 14}, "#/step_s"),
    ({"kind": "venue_code", "name": "x", "step_s": 61}, "#/step_s"),
    ({"kind": "venue_code", "name": "x", "step_s": "30"}, "#/step_s"),
    ({"kind": "venue_code", "name": "x", "max_customers": 0}, "#/max_customers"),
    ({"kind": "venue_code", "name": "x", "max_customers": 1001}, "#/max_customers"),
    ({"kind": "poster_code", "name": "x", "code": "AAAA-AAAA-AAAA"}, "#/code"),
    ({"kind": "nfc_tag", "name": "x"}, "#/uid"),
    ({"kind": "nfc_tag", "name": "x", "uid": UID[:-1]}, "#/uid"),
    ({"kind": "nfc_tag", "name": "x", "uid": f"{UID}\n"}, "#/uid"),
    ({"kind": "nfc_tag", "name": "x", "uid": "04DE5F1EACC0GG"}, "#/uid"),
    ({"kind": "nfc_tag", "name": "x", "uid": UID, "meta_read_key": "0" * 32}, "#/file_read_key"),
    ({"kind": "nfc_tag", "name": "x", "uid": UID, "file_read_key": "0" * 32}, "#/meta_read_key"),
    (
        {
            "kind": "nfc_tag",
            "name": "x",
            "uid": UID,
            "meta_read_key": "0" * 31,
            "file_read_key": "0" * 32,
        },
        "#/meta_read_key",
    ),
    ({"kind": "beacon", "name": "x", "identity_key": "0" * 33}, "#/identity_key"),
    ({"kind": "beacon", "name": "x", "rotation_exponent": 3}, "#/rotation_exponent"),
    ({"kind": "beacon", "name": "x", "rotation_exponent": 16}, "#/rotation_exponent"),
    ({"kind": "beacon", "name": "x", "clock_s": -1}, "#/clock_s"),
    ({"kind": "beacon", "name": "x", "clock_s": 2**32}, "#/clock_s"),
    ({"kind": "staff", "name": "x", "pin": "12345"}, "#/pin"),
    ({"kind": "staff", "name": "x", "pin": "1234567890123"}, "#/pin"),
    ({"kind": "staff", "name": "x", "pin": "12345x"}, "#/pin"),
    ({"kind": "staff", "name": "x", "pin": "١٢٣٤٥٦"}, "#/pin"),
    ({"kind": "staff", "name": "x", "max_per_hour": 0}, "#/max_per_hour"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD, ids=str)
def test_bad_input_is_named(place: Place, body: dict[str, Any], pointer: str):
    problem = place.world.ask("post", place.path, None, 422, json=body)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert place.world.ask("get", place.path)["items"] == []


@pytest.mark.parametrize(
    ("kind", "given", "pointer"),
    [
        ("venue_code", {"pin": "123456"}, "#/pin"),
        ("poster_code", {"identity_key": "0" * 32}, "#/identity_key"),
        ("nfc_tag", {"pin": "123456"}, "#/pin"),
        ("nfc_tag", {"meta_read_key": "0" * 32}, "#/file_read_key"),
        ("beacon", {"pin": "123456"}, "#/pin"),
        ("reader", {"clock_s": 0}, "#/clock_s"),
        ("staff", {"identity_key": "0" * 32}, "#/identity_key"),
        ("staff", {"pin": "1"}, "#/pin"),
        ("staff", {"name": "x"}, "#/name"),
    ],
    ids=str,
)
def test_a_rotation_takes_only_what_the_kind_has(place: Place, kind, given, pointer):
    new = place.make(kind)
    problem = place.rotate(new, 422, **given)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert place.read(new)["version"] == 1


# --- each kind's own ------------------------------------------------------------------------


def test_a_venue_code_opens_in_an_authenticator_app(place: Place):
    new = place.make("venue_code", name="Bar & café")
    assert (new["step_s"], new["max_customers"]) == (30, 20)
    uri = urlsplit(new["otpauth_uri"])
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/lbs:Bar%20%26%20caf%C3%A9")
    assert parse_qs(uri.query) == {
        "secret": [new["secret"]],
        "issuer": ["lbs"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert len(base64.b32decode(new["secret"])) == 20
    assert bytes.fromhex(place.secret(new)) == base64.b32decode(new["secret"])
    address = urlsplit(new["kiosk_url"])
    assert address.path == f"/kiosk/{place.venue['id']}"
    assert (address.query, address.fragment) == ("", f"key={new['token']}")


def test_a_venue_codes_parameters_are_kept(place: Place):
    new = place.make("venue_code", step_s=15, max_customers=1000)
    assert place.row(new).parameters == {"step_s": 15, "max_customers": 1000}
    assert place.rotate(new)["step_s"] == 15


def test_a_posters_code_can_be_read_aloud(place: Place):
    new = place.make("poster_code")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", new["code"])
    assert place.secret(new) == new["code"]


def test_a_tags_keys_are_made_for_its_uid(place: Place):
    new = place.make("nfc_tag")
    assert (new["uid"], new["counter"]) == (UID.lower(), None)
    assert all(HEX_32.fullmatch(new[name]) for name in ("meta_read_key", "file_read_key"))
    assert new["meta_read_key"] != new["file_read_key"]
    assert json.loads(place.secret(new)) == {
        "meta_read": new["meta_read_key"],
        "file_read": new["file_read_key"],
    }
    address = urlsplit(new["url_template"])
    assert address.path == f"/tap/{place.venue['id']}"
    assert address.query == f"picc_data={'0' * 32}&cmac={'0' * 16}"


def test_made_keys_are_diversified_from_a_random_master(place: Place, monkeypatch):
    monkeypatch.setattr("secrets.token_bytes", lambda count: bytes(range(1, count + 1)))
    new = place.make("nfc_tag")
    keys = diversify(bytes(range(1, 17)), bytes.fromhex(UID))
    assert bytes.fromhex(new["meta_read_key"]) == keys.meta_read
    assert bytes.fromhex(new["file_read_key"]) == keys.file_read


def test_a_merchant_brings_the_keys_of_its_tags(place: Place):
    own = {"meta_read_key": "AB" * 16, "file_read_key": "01" * 16}
    new = place.make("nfc_tag", **own)
    assert {name: new[name] for name in own} == {name: value.lower() for name, value in own.items()}
    own = {"meta_read_key": "cd" * 16, "file_read_key": "02" * 16}
    new = place.rotate(new, **own)
    assert {name: new[name] for name in own} == own
    assert json.loads(place.secret(new)) == {"meta_read": "cd" * 16, "file_read": "02" * 16}


def test_a_tags_counter_starts_again_with_its_new_keys(place: Place):
    new = place.make("nfc_tag")
    _count(place, new, 41)
    assert place.read(new)["counter"] == 41
    assert place.rotate(new)["counter"] is None
    assert place.row(new).counter is None


def test_a_readers_sequence_runs_on(place: Place):
    new = place.make("reader")
    _count(place, new, 7)
    assert place.rotate(new)["counter"] == 7


def _count(place: Place, proof: dict[str, Any], counter: int) -> None:
    with place.world.db.transaction() as session:
        session.execute(
            text("UPDATE venue_proof SET counter = :counter WHERE id = :id"),
            {"counter": counter, "id": proof["id"]},
        )


def test_a_tag_is_registered_once_in_all_of_a_merchants_venues(place: Place, other_world: World):
    new = place.make("nfc_tag")
    elsewhere = Place(place.world)
    for at in (place, elsewhere):
        assert at.make("nfc_tag", 409, uid=UID.lower())["code"] == "nfc-tag-registered"
    Place(other_world).make("nfc_tag")
    place.rotate(new)
    place.revoke(new)
    elsewhere.make("nfc_tag")


def test_a_retired_venues_tag_can_be_used_elsewhere(place: Place):
    place.make("nfc_tag")
    place.world.ask("delete", f"/v1/venues/{place.venue['id']}")
    Place(place.world).make("nfc_tag")


def test_of_many_registrations_of_a_tag_at_once_one_is_made(place: Place):
    places = [place, *(Place(place.world) for _ in range(3))]
    body = {"kind": "nfc_tag", "name": "Door", "uid": UID}
    requests = [(at.path, place.world.key, body) for at in places * 2]
    answers = post_at_once(place.world.app, requests)
    assert sorted(status for status, _ in answers) == [201] + [409] * 7


def test_a_beacons_clock_is_known_from_its_registration_on(place: Place):
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        new = place.make("beacon", clock_s=3600)
        assert (new["rotation_exponent"], new["started_at"]) == (9, "2026-11-22T08:00:00Z")
        assert place.make("beacon", clock_s=2**32 - 1)["started_at"].startswith("1890-")
    assert HEX_32.fullmatch(new["identity_key"])
    assert place.secret(new) == new["identity_key"]
    assert place.row(new).parameters == {
        "rotation_exponent": 9,
        "max_customers": 30,
        "started_at": "2026-11-22T08:00:00Z",
        "compared_at": "2026-11-22T09:00:00Z",
    }
    assert place.rotate(new)["started_at"] == "2026-11-22T08:00:00Z"
    with time_machine.travel(at + timedelta(hours=2), tick=False):
        assert place.rotate(new, clock_s=0)["started_at"] == "2026-11-22T11:00:00Z"


def test_a_merchant_brings_the_key_of_its_beacon(place: Place):
    new = place.make("beacon", identity_key="AB" * 16, rotation_exponent=15)
    assert (new["identity_key"], new["rotation_exponent"]) == ("ab" * 16, 15)
    assert place.rotate(new, identity_key="cd" * 16)["identity_key"] == "cd" * 16


def test_a_reader_has_nothing_but_its_key(place: Place):
    new = place.make("reader")
    assert (new["counter"], place.secret(new), place.row(new).parameters) == (None, "", {})


def test_staff_choose_their_pin_or_get_one(place: Place):
    assert place.make("staff", pin="004711")["pin"] == "004711"
    made = place.make("staff", max_per_hour=1)
    assert re.fullmatch(r"[0-9]{8}", made["pin"])
    assert (made["max_per_hour"], place.secret(made)) == (1, made["pin"])
    assert place.rotate(made, pin="123456789012")["pin"] == "123456789012"


def test_no_two_staff_members_of_a_venue_have_one_pin(place: Place):
    first = place.make("staff", name="Ida", pin="471147")
    problem = place.make("staff", 409, name="Bo", pin="471147")
    assert problem["code"] == "pin-taken"
    assert "Ida" not in json.dumps(problem)
    assert first["id"] not in json.dumps(problem)
    second = place.make("staff", name="Bo")
    assert place.rotate(second, 409, pin="471147")["code"] == "pin-taken"
    assert place.read(second)["version"] == 1
    assert place.rotate(first, pin="471147")["pin"] == "471147"
    Place(place.world).make("staff", pin="471147")
    place.revoke(first)
    place.rotate(second, pin="471147")


def test_a_made_pin_is_one_that_nobody_has(place: Place, monkeypatch):
    drawn = iter([1, 1, 1, 2, 2, 3])

    def draw(count: int) -> bytes:
        return next(drawn).to_bytes(count) if count == RANDOM_BYTES else bytes(count)

    monkeypatch.setattr("secrets.token_bytes", draw)
    pins = [place.make("staff")["pin"] for _ in range(3)]
    assert pins == ["00000001", "00000002", "00000003"]


def test_of_many_staff_with_one_pin_at_once_one_is_made(place: Place):
    body = {"kind": "staff", "name": "Ida", "pin": "471147"}
    answers = post_at_once(place.world.app, [(place.path, place.world.key, body)] * 6)
    assert sorted(status for status, _ in answers) == [201] + [409] * 5


# --- keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["venue_code", "reader", "staff"])
def test_a_key_says_who_and_where(place: Place, kind: str):
    new = place.make(kind)
    key = holder(place.world, kind, new["token"])
    assert (str(key.proof_id), key.kind, key.name) == (new["id"], kind, f"A {kind}")
    assert str(key.venue_id) == place.venue["id"]
    assert key.merchant_id == place.world.merchant_id
    assert key.scope_id == f"proof {new['id']}"
    assert new["token"] not in repr(key)
    assert new["token"].startswith(f"lbp_{new['id'].replace('-', '')}_")
    for other in {"venue_code", "reader", "staff"} - {kind}:
        assert not admitted(place.world, other, new["token"])


# --- posters --------------------------------------------------------------------------------


def poster(place: Place, proof: dict[str, Any], query: str = "", **options: Any) -> Any:
    path = f"{place.path}/{proof['id']}/poster{query}"
    return place.world.call("get", path, place.world.key, **options)


def test_a_poster_shows_venue_code_and_picture(place: Place):
    new = place.make("poster_code")
    page = poster(place, new)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert page.headers["Cache-Control"] == "no-store"
    assert f"<h1>{place.venue['name']}</h1>" in page.text
    assert new["code"] in page.text
    svg = ET.fromstring(re.search(r"<svg.*?</svg>", page.text, re.DOTALL)[0])
    _, _, width, height = map(int, svg.attrib["viewBox"].split())
    assert width == height
    says = f"LBS:POSTER:{place.venue['id']}:{new['code']}".upper()
    assert drawn(width, svg[0].attrib["d"]) == qr_code(says)


@pytest.mark.parametrize(
    ("query", "header", "lang", "words"),
    [
        ("", "da-DK, da;q=0.9, en;q=0.5", "da", "Tjek ind her"),
        ("", "de", "en", "Check in here"),
        ("?lang=da", "en", "da", "Tjek ind her"),
        ("?lang=en", "da", "en", "Check in here"),
    ],
)
def test_a_poster_comes_in_two_languages(place: Place, query, header, lang, words):
    page = poster(place, place.make("poster_code"), query, headers={"Accept-Language": header})
    assert words in page.text
    assert f'<html lang="{lang}">' in page.text
    assert page.headers["Content-Language"] == lang


def test_a_poster_in_no_such_language_is_named(place: Place):
    problem = poster(place, place.make("poster_code"), "?lang=de")
    assert problem.status_code == 422
    assert problem.json["errors"][0]["parameter"] == "lang"


def test_a_venues_name_is_no_markup(world: World):
    place = Place(world, "<script>x</script>")
    page = poster(place, place.make("poster_code"))
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_only_a_live_poster_code_has_a_poster(place: Place):
    for kind in KINDS.keys() - {"poster_code"}:
        response = poster(place, place.make(kind))
        assert (response.status_code, response.json["code"]) == (404, "venue-proof-not-found")
    new = place.make("poster_code")
    elsewhere = Place(place.world)
    assert poster(elsewhere, new).status_code == 404
    place.revoke(new)
    assert poster(place, new).status_code == 404


@pytest.mark.parametrize("name", ["Ølbaren", "Bodega Ø " * 22, "Ø" * 200], ids=len)
def test_a_poster_prints_on_one_page_and_loads_only_its_style(world: World, live: str, name: str):
    place = Place(world, name)
    new = place.make("poster_code")
    with chromium.started() as browser:
        page = browser.page()
        headers = {"Authorization": f"Bearer {world.key}"}
        page.tell("Network.setExtraHTTPHeaders", headers=headers)
        page.open(f"{live}{place.path}/{new['id']}/poster?lang=da")
        page.wait("document.readyState === 'complete' && !!document.querySelector('.code')")
        assert new["code"] in page.text()
        pdf = base64.b64decode(page.tell("Page.printToPDF", preferCSSPageSize=True)["data"])
        loaded = {urlsplit(url).path for url in page.loaded}
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert loaded == {
        f"{place.path}/{new['id']}/poster",
        "/proofs/static/poster.css",
        "/proofs/static/icon.svg",
    }
    assert page.complaints == []


def test_a_phone_without_the_app_is_told_what_to_do(world: World):
    for language, words in (("en", "Check in with the app"), ("da-DK", "Tjek ind med appen")):
        path = "/tap/019abc12-0000-7000-8000-000000000001?picc_data=00&cmac=00"
        page = world.call("get", path, headers={"Accept-Language": language})
        assert page.status_code == 200
        assert words in page.text
        assert page.headers["Cache-Control"] == "no-store"
