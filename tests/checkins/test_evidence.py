"""Every proof from its provisioning to what it opens, spoken as the devices speak."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from sqlalchemy import text

from bench.attack.attesters import AppleCa, AppleDevice, PlayStore
from bench.attack.devices import EidBeacon, Tag424
from lbs.accounts import service as accounts
from lbs.app import create_app
from lbs.proofs.rules.nfc_tag import TagKeys
from lbs.proofs.rules.venue_code import make_picture_code
from tests.proofs.pictures import drawn, qr_code
from tests.racing import at_once, post, post_at_once
from tests.world import World, ago, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
Evidence = dict[str, Any]
Make = Callable[[World, dict[str, Any]], Callable[[], Evidence]]


def codes(result: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in result["reasons"]]


def parts(result: dict[str, Any]) -> tuple[str, str, list[str]]:
    return result["verdict"], result["level"], codes(result)


def opened(result: dict[str, Any]) -> list[str]:
    return [unlock["offer_id"] for unlock in result["unlocked"]]


def come(world: World, customer: str, venue: dict[str, Any], *evidence: Evidence) -> Any:
    body = {"venue_id": venue["id"], "evidence": list(evidence)}
    return world.ask("post", "/v1/check-ins", customer, 201, json=body)


def evidence_at(check_in: dict[str, Any]) -> str:
    return f"/v1/check-ins/{check_in['id']}/evidence"


def add(world: World, customer: str, check_in: dict[str, Any], *evidence: Evidence) -> Any:
    body = {"evidence": list(evidence)}
    return world.ask("post", evidence_at(check_in), customer, 200, json=body)


def refused(world: World, customer: str, check_in: dict[str, Any], evidence: Evidence) -> Any:
    answer = world.call("post", evidence_at(check_in), customer, json={"evidence": [evidence]})
    return answer.status_code, answer.json["code"]


def findings(world: World, check_in: dict[str, Any]) -> Any:
    return world.ask("get", f"/v1/check-ins/{check_in['id']}/findings")


def outcomes(world: World, check_in: dict[str, Any]) -> list[tuple[str, str]]:
    return [(proof["kind"], proof["outcome"]) for proof in findings(world, check_in)["proofs"]]


def path_of(proof: dict[str, Any]) -> str:
    return f"/v1/venues/{proof['venue_id']}/proofs/{proof['id']}"


def provision(world: World, venue: dict[str, Any], kind: str, **members: Any) -> Any:
    body = {"kind": kind, "name": f"The {kind}", **members}
    return world.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)


# --- the devices ----------------------------------------------------------------------------


def shown_by(world: World, kiosk: dict[str, Any]) -> Evidence:
    """What a customer types from a kiosk's screen."""
    shown = world.ask("get", "/v1/kiosk/codes", kiosk["token"])["codes"][0]["code"]
    return {"kind": "venue_code", "code": f"{shown[:3]} {shown[3:]}"}


def kiosk(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    made = provision(world, venue, "venue_code")
    return lambda: shown_by(world, made)


def scanned_from(world: World, kiosk: dict[str, Any]) -> Evidence:
    """What an app reads from a kiosk's picture, which is compared with what it shows."""
    shown = world.ask("get", "/v1/kiosk/codes", kiosk["token"])["codes"][0]
    step = int(datetime.fromisoformat(shown["valid_from"]).timestamp()) // kiosk["step_s"]
    code = make_picture_code(base64.b32decode(kiosk["secret"]), step)
    says = f"LBS:CODE:{kiosk['venue_id']}:{code}".upper()
    assert drawn(**shown["qr"]) == qr_code(says)
    return {"kind": "venue_code", "code": says}


def picture(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    made = provision(world, venue, "venue_code")
    return lambda: scanned_from(world, made)


def poster(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    made = provision(world, venue, "poster_code")
    return lambda: {"kind": "poster_code", "code": made["code"].lower()}


def tag(world: World, venue: dict[str, Any]) -> Tag424:
    made = provision(world, venue, "nfc_tag", uid=uuid.uuid4().hex[:14])
    keys = (bytes.fromhex(made[name]) for name in ("meta_read_key", "file_read_key"))
    return Tag424(bytes.fromhex(made["uid"]), TagKeys(*keys))


def of_url(url: str) -> Evidence:
    return {"kind": "nfc_tag", "url": url}


def sealed_tag(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    at_the_door = tag(world, venue)
    return lambda: of_url(at_the_door.tap())


def plain_tag(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    at_the_door = tag(world, venue)
    return lambda: of_url(at_the_door.tap_plain())


def beacon(world: World, venue: dict[str, Any], **members: Any) -> Callable[[], Evidence]:
    made = provision(world, venue, "beacon", **members)
    started_at = datetime.fromisoformat(made["started_at"])
    key = bytes.fromhex(made["identity_key"])
    device = EidBeacon(key, made["rotation_exponent"], started_at)
    return lambda: {"kind": "beacon", "eid": device.broadcast(now())}


def old_beacon(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    """One with a key of its own that has run for some years."""
    given = {"identity_key": uuid.uuid4().hex, "rotation_exponent": 4, "clock_s": 90_000_000}
    return beacon(world, venue, **given)


def pin(world: World, venue: dict[str, Any]) -> Callable[[], Evidence]:
    made = provision(world, venue, "staff", pin="271828")
    assert made["pin"] == "271828"
    return lambda: {"kind": "staff_pin", "pin": "271828"}


PHYSICAL = [kiosk, picture, sealed_tag, plain_tag, beacon, old_beacon, pin]


def asked(kind: str) -> list[str]:
    """What a venue with nothing else asks for: where there is a PIN, its owner has a key too."""
    return ["staff_pin", "staff"] if kind == "staff_pin" else [kind]


def provisioned(kind: str) -> str:
    return "staff" if kind == "staff_pin" else kind


# --- from provisioning to unlock ------------------------------------------------------------


@pytest.mark.parametrize("make", PHYSICAL)
def test_a_physical_proof_opens_what_the_location_alone_does_not(world: World, make: Make):
    venue = world.venue()
    show = make(world, venue)
    easy, strict = world.offer(venue), world.offer(venue, min_level="L3")
    customer = world.customer()

    first = come(world, customer, venue, world.location())
    assert parts(first) == ("accepted", "L1", [])
    assert opened(first) == [easy["id"]]
    [locked] = first["locked"]
    kind = show()["kind"]
    assert (locked["offer_id"], locked["state"]) == (strict["id"], "locked")
    assert (locked["reason"]["code"], locked["min_level"]) == ("level_too_low", "L3")
    assert (first["needs"], locked["needs"]) == (asked(kind), asked(kind))
    assert first["evidence_until"]

    second = add(world, customer, first, show())
    assert parts(second) == ("accepted", "L3", [])
    assert opened(second) == [strict["id"]]
    assert (second["id"], second["visits"], second["locked"]) == (first["id"], 1, [])
    assert (second["needs"], second["evidence_until"]) == ([], None)
    claims = jwt.decode(second["receipt"], options={"verify_signature": False})
    assert (claims["level"], claims["proofs"]) == ("L3", ["location", kind])
    assert world.redeem(second["unlocked"][0]["code"], venue).status_code == 201
    [proof] = findings(world, first)["proofs"]
    assert (proof["kind"], proof["outcome"]) == (kind, "valid")
    assert proof["name"] == f"The {provisioned(kind)}"


@pytest.mark.parametrize("make", PHYSICAL)
def test_a_physical_proof_may_come_with_the_location_at_once(world: World, make: Make):
    venue = world.venue(min_level="L3")
    show, offer = make(world, venue), world.offer(venue)
    result = come(world, world.customer(), venue, world.location(), show())
    assert (parts(result), opened(result)) == (("accepted", "L3", []), [offer["id"]])


@pytest.mark.parametrize("make", PHYSICAL)
def test_a_proof_is_good_at_its_own_venue_and_until_it_is_revoked(world: World, make: Make):
    venue, other = world.venue(cool_down_s=0), world.venue()
    show, customer = make(world, venue), world.customer()
    for kind in ("venue_code", "beacon", "staff"):
        provision(world, other, kind)
    elsewhere = come(world, customer, other, world.location(), show())
    assert elsewhere["level"] in ("L0", "L1")
    assert elsewhere["receipt"] is None or elsewhere["level"] == "L1"
    [proof] = world.ask("get", f"/v1/venues/{venue['id']}/proofs")["items"]
    shown = show()
    world.ask("delete", path_of(proof))
    revoked = come(world, customer, venue, world.location(), shown)
    assert revoked["level"] in ("L0", "L1")


@pytest.mark.parametrize("make", [kiosk, sealed_tag, beacon, pin, poster])
def test_a_rotated_proof_is_worth_nothing(world: World, make: Make):
    venue = world.venue()
    shown = make(world, venue)()
    [proof] = world.ask("get", f"/v1/venues/{venue['id']}/proofs")["items"]
    body = {"pin": "314159"} if shown["kind"] == "staff_pin" else {}
    world.ask("post", f"{path_of(proof)}/rotation", json=body)
    result = come(world, world.customer(), venue, world.location(), shown)
    assert result["level"] in ("L0", "L1")
    assert codes(result) in (["proof_wrong"], ["not_verified"])


def test_a_poster_settles_a_doubt_about_the_location_and_lifts_nothing(world: World):
    venue = world.venue()
    show, customer = poster(world, venue), world.customer()
    easy, strict = world.offer(venue), world.offer(venue, min_level="L3")
    doubted = come(world, customer, venue, world.location(north_m=85))
    assert parts(doubted) == ("ambiguous", "L0", ["maybe_outside_fence"])
    assert doubted["needs"] == ["location", "poster_code"]
    settled = add(world, customer, doubted, show())
    assert parts(settled)[:2] == ("accepted", "L1")
    assert opened(settled) == [easy["id"]]
    [locked] = settled["locked"]
    assert (locked["offer_id"], locked["reason"]["code"]) == (strict["id"], "level_too_low")
    again = add(world, customer, doubted, show())
    assert (again["level"], opened(again)) == ("L1", [])


# --- a code and the location ----------------------------------------------------------------


@pytest.mark.parametrize("make", [kiosk, sealed_tag, plain_tag, beacon, pin, poster])
def test_a_proof_never_suffices_against_a_location_that_says_elsewhere(world: World, make: Make):
    venue = world.venue(min_level="L1")
    show, customer = make(world, venue), world.customer()
    world.offer(venue)
    result = come(world, customer, venue, world.location(north_m=20_000), show())
    assert parts(result) == ("rejected", "L0", ["outside_fence", "not_verified"])
    assert (result["unlocked"], result["receipt"], result["needs"]) == ([], None, ["location"])
    found = [finding["reason"] for finding in findings(world, result)["findings"]]
    assert found == ["outside_fence", "proof_from_afar"]


@pytest.mark.parametrize("make", [kiosk, sealed_tag, plain_tag, beacon, pin])
def test_a_proof_without_a_location_waits_for_one(world: World, make: Make):
    venue = world.venue()
    show, customer = make(world, venue), world.customer()
    offer = world.offer(venue, min_level="L3")
    alone = come(world, customer, venue, show())
    assert parts(alone) == ("ambiguous", "L0", ["no_location"])
    witness = ["staff"] if make is pin else []
    assert alone["needs"] == ["location", *witness]
    assert (alone["visits"], alone["unlocked"], alone["receipt"]) == (0, [], None)
    both = add(world, customer, alone, world.location())
    assert (parts(both), opened(both)) == (("accepted", "L3", []), [offer["id"]])
    assert both["visits"] == 1


def test_a_proof_without_a_location_is_refused_when_the_location_says_elsewhere(world: World):
    venue = world.venue()
    show, customer = kiosk(world, venue), world.customer()
    alone = come(world, customer, venue, show())
    far = add(world, customer, alone, world.location(north_m=20_000))
    assert parts(far)[:2] == ("rejected", "L0")
    assert refused(world, customer, alone, world.location()) == (409, "evidence-not-taken")


def test_a_poster_alone_is_nothing(world: World):
    venue = world.venue()
    show = poster(world, venue)
    assert parts(come(world, world.customer(), venue, show())) == (
        "rejected",
        "L0",
        ["no_location"],
    )


@pytest.mark.parametrize("make", [kiosk, sealed_tag, beacon, None])
def test_who_was_seen_by_staff_needs_no_location(world: World, make: Make | None):
    """And it may be who typed the PIN that did not suffice."""
    venue = world.venue(min_level="L3")
    anna, offer = provision(world, venue, "staff", pin="271828"), world.offer(venue)
    shown = make(world, venue)() if make else {"kind": "staff_pin", "pin": "271828"}
    customer = world.customer()
    first = come(world, customer, venue, shown)
    assert parts(first) == ("ambiguous", "L0", ["no_location"])
    assert (first["needs"], first["unlocked"]) == (["location", "staff"], [])
    assert first["receipt"] is None
    answer = confirm(world, anna, first)
    assert parts(answer.json) == ("accepted", "L3", [])
    [unlock] = world.ask("get", "/v1/unlocks", customer)["items"]
    assert unlock["offer_id"] == offer["id"]
    assert outcomes(world, first) == [(shown["kind"], "valid"), ("staff", "valid")]


# --- the kiosk's code -----------------------------------------------------------------------


def test_one_customer_uses_a_code_once_and_others_may_use_it_too(world: World):
    venue = world.venue(cool_down_s=0)
    made = provision(world, venue, "venue_code", step_s=30)
    anna, bo = world.customer(), world.customer()
    with time_machine.travel(NOON, tick=False) as clock:
        anna, bo = world.customer(), world.customer()
        code = shown_by(world, made)
        assert come(world, anna, venue, world.location(), code)["level"] == "L3"
        clock.shift(timedelta(seconds=1))
        again = come(world, anna, venue, world.location(), code)
        assert parts(again) == ("accepted", "L1", ["proof_used"])
        assert come(world, bo, venue, world.location(), code)["level"] == "L3"
        clock.shift(timedelta(seconds=30))
        fresh = shown_by(world, made)
        assert come(world, anna, venue, world.location(), fresh)["level"] == "L3"


@pytest.mark.parametrize(("later_s", "level"), [(29, "L3"), (59, "L3"), (60, "L1"), (3600, "L1")])
def test_a_code_is_good_for_its_step_and_the_next(world: World, later_s: int, level: str):
    venue = world.venue()
    made = provision(world, venue, "venue_code", step_s=30)
    with time_machine.travel(NOON, tick=False) as clock:
        code = shown_by(world, made)
        clock.shift(timedelta(seconds=later_s))
        result = come(world, world.customer(), venue, world.location(), code)
    assert parts(result) == ("accepted", level, [] if level == "L3" else ["proof_wrong"])


def test_one_code_lifts_one_of_two_requests_that_race(world: World, app):
    venue = world.venue(cool_down_s=0)
    show, offer = kiosk(world, venue), world.offer(venue, min_level="L3")
    customer, code = world.customer(), show()
    answers = post_at_once(
        app,
        [
            (
                "/v1/check-ins",
                customer,
                {"venue_id": venue["id"], "evidence": [world.location(), code]},
            )
            for _ in range(4)
        ],
    )
    assert [status for status, _ in answers] == [201] * 4
    results = [result for _, result in answers]
    assert sorted(result["level"] for result in results) == ["L1", "L1", "L1", "L3"]
    assert sorted(opened(result) for result in results) == [[], [], [], [offer["id"]]]
    assert [codes(result) for result in results].count(["proof_used"]) == 3


def test_evidence_that_races_opens_an_offer_once(world: World, app, db):
    venue = world.venue()
    show, offer = kiosk(world, venue), world.offer(venue, min_level="L3", limit_total=9)
    customer = world.customer()
    first, code = world.check_in(customer, venue), show()
    body = {"evidence": [code]}
    answers = post_at_once(app, [(evidence_at(first), customer, body) for _ in range(4)])
    assert [(status, result["level"]) for status, result in answers] == [(200, "L3")] * 4
    assert sorted(opened(result) for _, result in answers) == [[], [], [], [offer["id"]]]
    with db.transaction() as session:
        taken = session.scalar(
            text("SELECT taken FROM offer_stock WHERE offer_id = :id"), {"id": offer["id"]}
        )
    assert taken == 1


def test_a_code_that_too_many_have_used_lifts_nobody_else(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False):
        made = provision(world, venue, "venue_code", max_customers=2)
        code = shown_by(world, made)
        results = [come(world, world.customer(), venue, world.location(), code) for _ in range(4)]
    assert [result["level"] for result in results] == ["L3", "L3", "L1", "L1"]
    assert codes(results[2]) == ["crowded_code"]
    assert outcomes(world, results[3]) == [("venue_code", "crowded")]


def test_a_crowd_that_races_for_a_code_is_counted_exactly(world: World, app):
    venue = world.venue()
    made = provision(world, venue, "venue_code", max_customers=2, step_s=60)
    customers = [world.customer() for _ in range(6)]
    code = shown_by(world, made)
    answers = post_at_once(
        app,
        [
            (
                "/v1/check-ins",
                customer,
                {"venue_id": venue["id"], "evidence": [world.location(), code]},
            )
            for customer in customers
        ],
    )
    assert sorted(result["level"] for _, result in answers) == ["L1"] * 4 + ["L3"] * 2


def test_who_is_erased_stays_in_the_crowd_and_in_the_limit_of_staff(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False):
        code = shown_by(world, provision(world, venue, "venue_code", max_customers=2))
        anna = provision(world, venue, "staff", max_per_hour=2)
        by_code, by_staff = [], []
        for _ in range(3):
            customer = world.customer()
            by_code.append(come(world, customer, venue, world.location(), code)["level"])
            world.ask("delete", "/v1/customers/me", customer)
        for _ in range(3):
            customer = world.customer()
            check_in = world.check_in(customer, venue)
            by_staff.append(confirm(world, anna, check_in).json["level"])
            world.ask("delete", "/v1/customers/me", customer)
    assert by_code == by_staff == ["L3", "L3", "L1"]


@pytest.fixture
def strict(settings) -> World:
    """A world where two wrong codes of a customer, or ten at a venue, are the most."""
    app = create_app(replace(settings, guess_limit=2))
    yield World(app)
    app.extensions["lbs_database"].engine.dispose()


WRONG = [{"kind": "venue_code", "code": "000000"}, {"kind": "staff_pin", "pin": "000000"}]
TOO_LONG_TO_GUESS = [
    {"kind": "venue_code", "code": f"LBS:CODE:{uuid.uuid4()}:0000-0000-0000"},
    {"kind": "poster_code", "code": "0000-0000-0000"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong["kind"])
def test_after_too_many_wrong_codes_a_right_one_proves_nothing(strict: World, wrong: Evidence):
    world = strict
    venue = world.venue(cool_down_s=0)
    made = provision(world, venue, "staff")
    show = {
        "venue_code": kiosk,
        "staff_pin": lambda *_: lambda: {"kind": "staff_pin", "pin": made["pin"]},
    }[wrong["kind"]](world, venue)
    with time_machine.travel(NOON, tick=False) as clock:
        customer, other = world.customer(), world.customer()
        first = come(world, customer, venue, world.location(), wrong)
        assert parts(first) == ("accepted", "L1", ["proof_wrong"])
        assert codes(add(world, customer, first, wrong)) == ["proof_wrong"]
        throttled = add(world, customer, first, show())
        assert parts(throttled) == ("accepted", "L1", ["proof_throttled"])
        assert (wrong["kind"], "throttled") in outcomes(world, first)
        better = come(world, other, venue, world.location(), show())
        assert codes(better) == []
        clock.shift(timedelta(minutes=10, seconds=1))
        fine = come(world, world.customer(), venue, world.location(), show())
        assert codes(fine) == []
        assert codes(come(world, customer, venue, world.location(), show())) == []


def test_many_who_guess_at_a_venue_are_stopped_together(strict: World):
    world = strict
    venue = world.venue(cool_down_s=0)
    show = kiosk(world, venue)
    for _ in range(5):
        early = come(world, world.customer(), venue, world.location(), show())
        assert parts(early) == ("accepted", "L3", [])
        customer = world.customer()
        first = come(world, customer, venue, world.location(), WRONG[0])
        add(world, customer, first, WRONG[0])
    honest = come(world, world.customer(), venue, world.location(), show())
    assert parts(honest) == ("accepted", "L1", ["proof_throttled"])
    other = world.venue()
    elsewhere = kiosk(world, other)
    assert come(world, world.customer(), other, world.location(), elsewhere())["level"] == "L3"


def test_who_guesses_at_a_venue_keeps_nobody_from_scanning(strict: World):
    world = strict
    venue = world.venue(cool_down_s=0)
    made = provision(world, venue, "venue_code")
    on_the_wall, at_the_door = poster(world, venue), sealed_tag(world, venue)
    for _ in range(5):
        customer = world.customer()
        first = come(world, customer, venue, world.location(), WRONG[0])
        add(world, customer, first, WRONG[0])
    for show, level, said in (
        (lambda: scanned_from(world, made), "L3", []),
        (at_the_door, "L3", []),
        (on_the_wall, "L1", []),
        (lambda: shown_by(world, made), "L1", ["proof_throttled"]),
    ):
        visit = come(world, world.customer(), venue, world.location(), show())
        assert (visit["level"], codes(visit)) == (level, said)


@pytest.mark.parametrize("wrong", TOO_LONG_TO_GUESS, ids=lambda wrong: wrong["kind"])
def test_what_is_too_long_to_be_guessed_is_not_counted(strict: World, wrong: Evidence):
    world = strict
    venue, customer = world.venue(cool_down_s=0), world.customer()
    show = kiosk(world, venue)
    first = come(world, customer, venue, world.location(), wrong)
    for _ in range(3):
        assert codes(add(world, customer, first, wrong)) == ["proof_wrong"]
    assert add(world, customer, first, show())["level"] == "L3"


def test_a_picture_and_its_digits_are_one_step(world: World):
    venue, customer = world.venue(cool_down_s=0), world.customer()
    with time_machine.travel(NOON, tick=False) as clock:
        made = provision(world, venue, "venue_code")
        scanned = scanned_from(world, made)
        assert come(world, customer, venue, world.location(), scanned)["level"] == "L3"
        typed = come(world, customer, venue, world.location(), shown_by(world, made))
        assert parts(typed) == ("accepted", "L1", ["proof_used"])
        clock.shift(timedelta(seconds=59))
        in_time = come(world, world.customer(), venue, world.location(), scanned)
        assert in_time["level"] == "L3"
        clock.shift(timedelta(seconds=1))
        late = come(world, world.customer(), venue, world.location(), scanned)
        assert parts(late) == ("accepted", "L1", ["proof_wrong"])


def test_who_guesses_at_an_event_guesses_at_its_venue(strict: World):
    world = strict
    venue = world.venue(cool_down_s=0)
    show = kiosk(world, venue)
    body = {"venue_id": venue["id"], "name": "Fair", "starts_at": ago(hours=1)}
    event = world.ask("post", "/v1/events", json={**body, "ends_at": ago(hours=-1)})
    for _ in range(5):
        customer = world.customer()
        first = come(world, customer, venue, world.location(), WRONG[0])
        add(world, customer, first, WRONG[0])
    at_the_event = {"event_id": event["id"], "evidence": [world.location(), show()]}
    honest = world.ask("post", "/v1/check-ins", world.customer(), json=at_the_event)
    assert parts(honest) == ("accepted", "L1", ["proof_throttled"])


def test_guesses_that_race_at_a_venue_are_counted_exactly(strict: World):
    venue, customers = strict.venue(), [strict.customer() for _ in range(16)]
    kiosk(strict, venue)
    body = {"venue_id": venue["id"], "evidence": [strict.location(), WRONG[0]]}
    answers = post_at_once(strict.app, [("/v1/check-ins", who, body) for who in customers])
    found = Counter(code for _, result in answers for code in codes(result))
    assert (found["proof_wrong"], found["proof_throttled"]) == (10, 6)


# --- NFC tags -------------------------------------------------------------------------------


def test_a_tap_is_good_once_and_in_order_for_whomever(world: World):
    venue = world.venue(cool_down_s=0)
    door = tag(world, venue)
    anna, bo = world.customer(), world.customer()
    old, fresh = door.tap(), door.tap_plain()

    def with_tap(customer: str, url: str) -> tuple[str, list[str]]:
        return parts(come(world, customer, venue, world.location(), of_url(url)))[1:]

    assert with_tap(anna, fresh) == ("L3", [])
    for customer, url in ((anna, fresh), (bo, fresh), (anna, old), (bo, old)):
        assert with_tap(customer, url) == ("L1", ["proof_used"])
    assert with_tap(bo, door.tap()) == ("L3", [])
    assert with_tap(anna, door.tap()) == ("L3", [])
    [proof] = world.ask("get", f"/v1/venues/{venue['id']}/proofs")["items"]
    assert proof["counter"] == 4


def test_one_tap_lifts_one_of_two_customers_who_race(world: World, app):
    venue = world.venue()
    url = tag(world, venue).tap()
    answers = post_at_once(
        app,
        [
            (
                "/v1/check-ins",
                world.customer(),
                {"venue_id": venue["id"], "evidence": [world.location(), of_url(url)]},
            )
            for _ in range(4)
        ],
    )
    assert sorted(result["level"] for _, result in answers) == ["L1", "L1", "L1", "L3"]


def other_digit(url: str) -> str:
    return url[:-1] + ("0" if url[-1] != "0" else "1")


@pytest.mark.parametrize("how", ["tap", "tap_plain"])
def test_a_forged_mac_is_told_coarsely_and_known_to_support(world: World, how: str):
    venue = world.venue(cool_down_s=0)
    world.offer(venue)
    door, customer = tag(world, venue), world.customer()
    url = getattr(door, how)()
    result = come(world, customer, venue, world.location(), of_url(other_digit(url)))
    assert parts(result) == ("rejected", "L0", ["not_verified"])
    assert (result["unlocked"], result["needs"], result["evidence_until"]) == ([], [], None)
    seen = findings(world, result)
    assert seen["findings"] == [{"reason": "proof_forged", "verdict": "rejected"}]
    assert outcomes(world, result) == [("nfc_tag", "forged")]
    next_time = come(world, customer, venue, world.location(), of_url(url))
    assert (next_time["level"], len(next_time["unlocked"])) == ("L3", 1)


def test_a_counter_rolled_back_by_hand_breaks_the_mac(world: World):
    venue = world.venue()
    url = tag(world, venue).tap_plain()
    forged = url.replace("ctr=000001", "ctr=000009")
    assert forged != url
    result = come(world, world.customer(), venue, world.location(), of_url(forged))
    assert parts(result) == ("rejected", "L0", ["not_verified"])


def test_a_tag_that_is_none_of_the_venues_or_has_old_keys_proves_nothing_and_is_no_strike(
    world: World,
):
    venue, next_door = world.venue(cool_down_s=0), world.venue()
    world.offer(venue)
    customer = world.customer()
    made = provision(world, venue, "nfc_tag", uid=uuid.uuid4().hex[:14])
    keys = (bytes.fromhex(made[name]) for name in ("meta_read_key", "file_read_key"))
    old = Tag424(bytes.fromhex(made["uid"]), TagKeys(*keys))
    world.ask("post", f"{path_of(made)}/rotation", json={})
    made_up = f"https://example.test/t?picc_data={'0' * 32}&cmac={'0' * 16}"
    for url in (tag(world, next_door).tap(), tag(world, next_door).tap_plain(), old.tap(), made_up):
        result = come(world, customer, venue, world.location(), of_url(url))
        assert parts(result) == ("accepted", "L1", ["proof_wrong"])
        assert outcomes(world, result) == [("nfc_tag", "wrong")]
    world.ask("delete", path_of(made))
    result = come(world, customer, venue, world.location(), of_url(old.tap_plain()))
    assert parts(result) == ("accepted", "L1", ["proof_wrong"])
    assert len(opened(come(world, customer, venue, world.location()))) == 1


@pytest.mark.parametrize(
    "url", ["", "x", "https://example.test/t?uid=00&ctr=zz&cmac=00", "?picc_data=0&cmac=0"]
)
def test_an_address_that_no_tag_gives_is_a_mistake_in_the_body(world: World, url: str):
    body = {"venue_id": world.venue()["id"], "evidence": [of_url(url)]}
    answer = world.call("post", "/v1/check-ins", world.customer(), json=body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].startswith("#/evidence/0")


# --- beacons --------------------------------------------------------------------------------


def test_a_beacons_name_is_good_once_a_customer_while_it_stands(world: World):
    venue = world.venue(cool_down_s=0)
    with time_machine.travel(NOON, tick=False) as clock:
        show = beacon(world, venue, rotation_exponent=9)
        anna, bo = world.customer(external_id="anna"), world.customer()
        heard = show()
        for customer, level in ((anna, "L3"), (anna, "L1"), (bo, "L3")):
            result = come(world, customer, venue, world.location(), heard)
            assert (result["level"], codes(result)) == (
                level,
                [] if level == "L3" else ["proof_used"],
            )
        clock.shift(timedelta(seconds=2 * 2**9))
        anna = world.customer(external_id="anna")
        late = come(world, anna, venue, world.location(), heard)
        assert parts(late) == ("accepted", "L1", ["proof_wrong"])
        assert come(world, anna, venue, world.location(), show())["level"] == "L3"


def test_a_beacons_clock_may_be_off_by_what_it_drifts_since_it_was_compared(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        venue = world.venue(cool_down_s=0)
        made = provision(world, venue, "beacon")
        key, zero = bytes.fromhex(made["identity_key"]), datetime.fromisoformat(made["started_at"])
        device = EidBeacon(key, made["rotation_exponent"], zero)

        def level(ago: timedelta) -> str:
            heard = {"kind": "beacon", "eid": device.broadcast(now() - ago)}
            return str(come(world, world.customer(), venue, world.location(), heard)["level"])

        clock.shift(timedelta(days=365))
        an_hour = timedelta(hours=1)
        assert [level(timedelta(0)), level(an_hour), level(2 * an_hour)] == ["L3", "L3", "L1"]
        given = {"identity_key": made["identity_key"]}
        world.ask("post", f"{path_of(made)}/rotation", json=given)
        assert level(an_hour) == "L3"
        given["clock_s"] = 365 * 24 * 3600
        world.ask("post", f"{path_of(made)}/rotation", json=given)
        assert [level(timedelta(0)), level(an_hour)] == ["L3", "L1"]


def test_hearing_the_neighbours_beacon_is_no_guess(strict: World):
    world = strict
    venue, customer = world.venue(), world.customer()
    show = beacon(world, venue)
    first = world.check_in(customer, venue)
    for _ in range(5):
        heard = add(world, customer, first, {"kind": "beacon", "eid": uuid.uuid4().hex[:16]})
        assert parts(heard) == ("accepted", "L1", ["proof_wrong"])
    assert add(world, customer, first, show())["level"] == "L3"


# --- staff ----------------------------------------------------------------------------------


def confirm(world: World, staff: dict[str, Any], check_in: dict[str, Any]) -> Any:
    return world.call("post", f"/v1/check-ins/{check_in['id']}/confirmation", staff["token"])


def test_staff_confirm_with_a_key_of_their_own_and_it_is_known_who(world: World):
    venue = world.venue(min_level="L3")
    offer, customer = world.offer(venue), world.customer()
    anna = provision(world, venue, "staff", name="Anna behind the bar")
    provision(world, venue, "staff", name="Bo")
    first = world.check_in(customer, venue)
    assert (opened(first), first["needs"]) == ([], ["staff_pin", "staff"])
    answer = confirm(world, anna, first)
    assert answer.status_code == 200
    assert parts(answer.json) == ("accepted", "L3", [])
    assert answer.json["opened"] == 1
    assert answer.json.keys() == {
        *("id", "venue_id", "event_id", "occurred_at", "verdict", "level", "reasons", "opened")
    }
    [unlock] = world.ask("get", "/v1/unlocks", customer)["items"]
    assert unlock["offer_id"] == offer["id"]
    assert findings(world, first)["proofs"] == [
        {
            "kind": "staff",
            "outcome": "valid",
            "proof_id": anna["id"],
            "name": "Anna behind the bar",
        }
    ]


def test_staff_settle_whatever_doubt_there_is(world: World):
    venue = world.venue(opening_hours="off")
    anna, customer = provision(world, venue, "staff"), world.customer()
    doubted = world.check_in(customer, venue, north_m=85, accuracy_m=0.1)
    assert doubted["verdict"] == "ambiguous"
    assert confirm(world, anna, doubted).json["level"] == "L3"


def test_staff_confirm_so_many_customers_an_hour(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        anna = provision(world, venue, "staff", max_per_hour=2, pin="271828")
        by_pin = {"kind": "staff_pin", "pin": "271828"}
        first = world.check_in(world.customer(), venue)
        assert confirm(world, anna, first).json["level"] == "L3"
        second = come(world, world.customer(), venue, world.location(), by_pin)
        assert parts(second) == ("accepted", "L3", [])
        third = world.check_in(world.customer(), venue)
        answer = confirm(world, anna, third)
        assert (answer.status_code, parts(answer.json)) == (
            200,
            ("accepted", "L1", ["staff_limit"]),
        )
        alone = come(world, world.customer(), venue, by_pin)
        assert parts(alone) == ("ambiguous", "L0", ["no_location", "staff_limit"])
        beside = come(world, world.customer(), venue, world.location(), by_pin)
        assert parts(beside) == ("accepted", "L1", ["staff_limit"])
        clock.move_to(NOON + timedelta(hours=1))
        fresh = come(world, world.customer(), venue, world.location(), by_pin)
        assert parts(fresh) == ("accepted", "L3", [])
        last = world.check_in(world.customer(), venue)
        assert parts(confirm(world, anna, last).json) == ("accepted", "L3", [])
        over = world.check_in(world.customer(), venue)
        assert parts(confirm(world, anna, over).json) == ("accepted", "L1", ["staff_limit"])


def test_a_customer_is_confirmed_once_an_hour_by_one_and_the_same(world: World):
    venue = world.venue(cool_down_s=0)
    provision(world, venue, "staff", pin="271828")
    provision(world, venue, "staff", pin="314159")
    customer = world.customer()
    for number, levels in (("271828", "L3"), ("271828", "L1"), ("314159", "L3")):
        shown = {"kind": "staff_pin", "pin": number}
        assert come(world, customer, venue, world.location(), shown)["level"] == levels


def test_a_key_confirms_a_customer_once_an_hour_and_the_pin_does_not_use_it_up(world: World):
    venue = world.venue(cool_down_s=0)
    with time_machine.travel(NOON, tick=False):
        anna, customer = provision(world, venue, "staff", pin="271828"), world.customer()
        by_pin = {"kind": "staff_pin", "pin": "271828"}
        assert come(world, customer, venue, world.location(), by_pin)["level"] == "L3"
        second, third = (world.check_in(customer, venue) for _ in range(2))
        assert parts(confirm(world, anna, second).json) == ("accepted", "L3", [])
        assert parts(confirm(world, anna, third).json) == ("accepted", "L1", ["proof_used"])
        again = come(world, customer, venue, world.location(), by_pin)
        assert parts(again) == ("accepted", "L1", ["proof_used"])


def test_staff_of_another_venue_see_no_check_in(world: World, other_world: World):
    venue, customer = world.venue(), world.customer()
    first = world.check_in(customer, venue)
    for theirs in (world, other_world):
        stranger = provision(theirs, theirs.venue(), "staff")
        answer = confirm(theirs, stranger, first)
        assert (answer.status_code, answer.json["code"]) == (404, "check-in-not-found")
    assert outcomes(world, first) == []


def test_only_a_live_key_of_staff_confirms(world: World):
    venue = world.venue()
    first = world.check_in(world.customer(), venue)
    gone = provision(world, venue, "staff")
    world.ask("delete", path_of(gone))
    others = [provision(world, venue, kind) for kind in ("reader", "venue_code")]
    for key in (gone, *others, {"token": world.key}, {"token": world.customer()}):
        answer = confirm(world, key, first)
        assert (answer.status_code, answer.json["code"]) == (401, "bad-token")


# --- readers --------------------------------------------------------------------------------


class Gate:
    """A reader at a venue where every tap may be a visit, and somebody who wears a wristband."""

    def __init__(self, world: World, **venue: Any) -> None:
        self.world = world
        self.venue = world.venue(cool_down_s=0, **venue)
        self.offer = world.offer(self.venue, min_level="L3")
        self.reader = provision(world, self.venue, "reader")
        self.sequence = 0

    def guest(self, tag: str) -> str:
        """A customer who has checked in elsewhere and got the wristband."""
        customer = self.world.customer()
        receipt = self.world.check_in(customer, self.world.venue())["receipt"]
        body = {"tag": tag, "receipt": receipt}
        self.world.ask("post", "/v1/wristbands", json=body)
        return customer

    def tap(self, tag: str, sequence: int = -1, at: datetime | None = None) -> dict[str, Any]:
        self.sequence = sequence if sequence >= 0 else self.sequence + 1
        tapped_at = (at or now()).isoformat()
        return {"sequence": self.sequence, "tag": tag, "tapped_at": tapped_at}

    def report(self, *taps: dict[str, Any]) -> Any:
        body = {"taps": list(taps)}
        return self.world.ask("post", "/v1/taps", self.reader["token"], json=body)["items"]

    def visits(self, customer: str) -> list[tuple[str, str, datetime]]:
        items = self.world.ask("get", "/v1/check-ins", customer)["items"]
        return [
            (item["verdict"], item["level"], datetime.fromisoformat(item["occurred_at"]))
            for item in items
            if item["venue_id"] == self.venue["id"]
        ]


def fresh_tag() -> str:
    return uuid.uuid4().hex[:14]


def test_a_wristband_held_to_a_reader_is_a_check_in_without_a_phone(world: World):
    gate, band = Gate(world), fresh_tag()
    customer = gate.guest(band)
    [result] = gate.report(gate.tap(band.upper()))
    assert (result["outcome"], result["repeated"]) == ("accepted", False)
    [(verdict, level, _)] = gate.visits(customer)
    assert (verdict, level) == ("accepted", "L3")
    [unlock] = world.ask("get", "/v1/unlocks", customer)["items"]
    assert unlock["offer_id"] == gate.offer["id"]
    assert world.redeem(unlock["code"], gate.venue).status_code == 201
    seen = findings(world, {"id": result["check_in_id"]})
    assert seen["proofs"] == [
        {
            "kind": "reader",
            "outcome": "valid",
            "proof_id": gate.reader["id"],
            "name": "The reader",
        }
    ]


def test_an_offline_batch_in_any_order_counts_each_tap_at_its_time_and_once(world: World):
    gate, band, other = Gate(world), fresh_tag(), fresh_tag()
    with time_machine.travel(NOON, tick=False) as clock:
        customer, friend = gate.guest(band), gate.guest(other)
        times = [NOON + timedelta(minutes=minutes) for minutes in (5, 7, 9, 11)]
        worn = (band, other, band, band)
        taps = [
            gate.tap(tag, number, at)
            for number, (tag, at) in enumerate(zip(worn, times, strict=True), 41)
        ]
        clock.shift(timedelta(hours=6))
        batch = [taps[2], taps[0], taps[1]]
        results = gate.report(*batch)
        assert [result["sequence"] for result in results] == [41, 42, 43]
        assert [result["outcome"] for result in results] == ["accepted"] * 3
        ids = [result["check_in_id"] for result in results]
        again = gate.report(*taps[1:], taps[0])
        assert [result["repeated"] for result in again] == [True, True, True, False]
        assert [result["check_in_id"] for result in again[:3]] == ids
        assert gate.report(*taps) == [{**result, "repeated": True} for result in again]
        person = world.register(external_id="x")["access_token"]
        assert world.ask("get", "/v1/check-ins", person)["items"] == []
    with world.db.transaction() as session:
        rows = session.execute(
            text("SELECT occurred_at, visit FROM check_in WHERE venue_id = :id ORDER BY id"),
            {"id": gate.venue["id"]},
        ).all()
    assert [tuple(row) for row in rows] == list(zip(times, (1, 1, 2, 3), strict=True))
    assert customer != friend
    proof = world.ask("get", path_of(gate.reader))
    assert proof["counter"] == 44


def test_a_batch_sent_twice_at_once_counts_once(world: World, app):
    gate, band = Gate(world), fresh_tag()
    customer = gate.guest(band)
    body = {"taps": [gate.tap(band) for _ in range(3)]}
    answers = post_at_once(app, [("/v1/taps", gate.reader["token"], body)] * 4)
    assert [status for status, _ in answers] == [200] * 4
    repeated = [item["repeated"] for _, answer in answers for item in answer["items"]]
    assert (repeated.count(False), repeated.count(True)) == (3, 9)
    assert len(gate.visits(customer)) == 3


def test_two_readers_whose_queues_cross_do_not_wait_for_each_other(world: World, app):
    gate, bands = Gate(world), [fresh_tag() for _ in range(6)]
    for band in bands:
        gate.guest(band)
    second = provision(world, gate.venue, "reader")
    for _ in range(5):
        taps = [gate.tap(band) for band in bands]
        crossed = [{**tap, "tag": band} for tap, band in zip(taps, bands[::-1], strict=True)]
        answers = post_at_once(
            app,
            [
                ("/v1/taps", gate.reader["token"], {"taps": taps}),
                ("/v1/taps", second["token"], {"taps": crossed}),
            ],
        )
        assert [status for status, _ in answers] == [200, 200]


def test_a_tap_reported_late_counts_beside_a_later_visit(world: World):
    gate, band = Gate(world), fresh_tag()
    with time_machine.travel(NOON, tick=False) as clock:
        customer = gate.guest(band)
        tapped_at = NOON + timedelta(minutes=1)
        clock.shift(timedelta(minutes=10))
        assert world.check_in(customer, gate.venue)["visits"] == 1
        [result] = gate.report(gate.tap(band, at=tapped_at))
        assert result["outcome"] == "accepted"
        visits = gate.visits(customer)
    assert {at for _, _, at in visits} == {tapped_at, NOON + timedelta(minutes=10)}


def test_two_taps_within_the_cool_down_are_one_visit_in_whatever_order(world: World):
    gate, band = Gate(world), fresh_tag()
    venue = world.venue(cool_down_s=3600)
    gate.reader = provision(world, venue, "reader")
    with time_machine.travel(NOON, tick=False) as clock:
        gate.guest(band)
        clock.shift(timedelta(hours=5))
        late = gate.tap(band, 2, NOON + timedelta(hours=4))
        early = [
            gate.tap(band, number, NOON + timedelta(minutes=minutes))
            for number, minutes in ((3, 181), (4, 180), (5, 60), (6, 119), (7, 120))
        ]
        assert [result["outcome"] for result in gate.report(late)] == ["accepted"]
        outcomes = [result["outcome"] for result in gate.report(*early)]
    assert outcomes == ["rejected", "accepted", "accepted", "rejected", "accepted"]


@pytest.mark.parametrize(
    ("act", "outcome"), [("loss", "lost_tag"), ("unbind", "unknown_tag"), (None, "accepted")]
)
def test_a_lost_or_unbound_wristband_opens_nothing(world: World, act: str | None, outcome: str):
    gate, band = Gate(world), fresh_tag()
    customer = gate.guest(band)
    [made] = world.ask("get", "/v1/wristbands")["items"]
    path = f"/v1/wristbands/{made['id']}"
    if act == "loss":
        world.ask("post", f"{path}/loss")
    if act == "unbind":
        world.ask("delete", path)
    [result] = gate.report(gate.tap(band))
    assert (result["outcome"], result["check_in_id"] is None) == (outcome, act is not None)
    assert len(gate.visits(customer)) == (act is None)


def test_the_customer_may_report_the_loss_too(world: World):
    gate, band = Gate(world), fresh_tag()
    customer = gate.guest(band)
    [own] = world.ask("get", "/v1/customers/me/wristbands", customer)["items"]
    world.ask("post", f"/v1/customers/me/wristbands/{own['id']}/loss", customer)
    assert [result["outcome"] for result in gate.report(gate.tap(band))] == ["lost_tag"]


def test_a_tap_before_the_binding_or_of_anothers_tag_is_nobodys(world: World, other_world: World):
    gate, band = Gate(world), fresh_tag()
    before = now()
    gate.guest(band)
    theirs = Gate(other_world)
    early, unknown = gate.tap(band, at=before), gate.tap(fresh_tag())
    assert [r["outcome"] for r in gate.report(early, unknown)] == ["unknown_tag"] * 2
    assert [r["outcome"] for r in theirs.report(theirs.tap(band))] == ["unknown_tag"]


def test_a_tag_bound_anew_is_its_new_wearers_from_then_on(world: World):
    gate, band = Gate(world), fresh_tag()
    with time_machine.travel(NOON, tick=False) as clock:
        first = gate.guest(band)
        tapped_at = NOON + timedelta(minutes=1)
        clock.shift(timedelta(minutes=5))
        [made] = world.ask("get", "/v1/wristbands")["items"]
        world.ask("delete", f"/v1/wristbands/{made['id']}")
        second = gate.guest(band)
        results = gate.report(gate.tap(band, at=tapped_at), gate.tap(band))
        assert [result["outcome"] for result in results] == ["accepted", "accepted"]
        assert (len(gate.visits(first)), len(gate.visits(second))) == (1, 1)


@pytest.mark.parametrize(
    ("method", "path", "after"), [("post", "/loss", "lost_tag"), ("delete", "", "unknown_tag")]
)
def test_a_tap_is_of_who_wore_the_tag_then_however_late_it_is_reported(
    world: World, method: str, path: str, after: str
):
    gate, band = Gate(world), fresh_tag()
    with time_machine.travel(NOON, tick=False) as clock:
        customer = gate.guest(band)
        clock.shift(timedelta(minutes=5))
        [made] = world.ask("get", "/v1/wristbands")["items"]
        world.ask(method, f"/v1/wristbands/{made['id']}{path}")
        ended_at = NOON + timedelta(minutes=5)
        taps = [gate.tap(band, at=ended_at - timedelta(seconds=1)), gate.tap(band, at=ended_at)]
        assert [result["outcome"] for result in gate.report(*taps)] == ["accepted", after]
        assert len(gate.visits(customer)) == 1


def test_a_tap_from_the_future_counts_when_its_time_has_come(world: World):
    gate, band = Gate(world), fresh_tag()
    with time_machine.travel(NOON, tick=False) as clock:
        gate.guest(band)
        early = gate.tap(band, at=NOON + timedelta(minutes=1))
        for _ in range(2):
            [result] = gate.report(early)
            assert (result["outcome"], result["repeated"]) == ("in_future", False)
        clock.shift(timedelta(minutes=1))
        found = [gate.report(early)[0] for _ in range(2)]
        assert [result["outcome"] for result in found] == ["accepted", "accepted"]
        assert [result["repeated"] for result in found] == [False, True]


@pytest.mark.parametrize(
    ("off", "outcome"),
    [
        (timedelta(seconds=30), "accepted"),
        (timedelta(seconds=31), "in_future"),
        (timedelta(days=-7), "unknown_tag"),
        (timedelta(days=-7, seconds=-1), "too_old"),
    ],
)
def test_a_reader_reports_up_to_seven_days_late_and_half_a_minute_early(world, off, outcome):
    gate, band = Gate(world), fresh_tag()
    with time_machine.travel(NOON, tick=False):
        gate.guest(band)
        [result] = gate.report(gate.tap(band, at=NOON + off))
    assert result["outcome"] == outcome


def test_a_reader_whose_key_was_revoked_or_rotated_is_not_heard(world: World):
    gate, band = Gate(world), fresh_tag()
    customer = gate.guest(band)
    taps = {"taps": [gate.tap(band)]}
    fresh = world.ask("post", f"{path_of(gate.reader)}/rotation", json={})
    stolen = world.call("post", "/v1/taps", gate.reader["token"], json=taps)
    assert (stolen.status_code, stolen.json["code"]) == (401, "bad-token")
    world.ask("delete", path_of(gate.reader))
    assert world.call("post", "/v1/taps", fresh["token"], json=taps).status_code == 401
    kiosk_key = provision(world, gate.venue, "venue_code")["token"]
    assert world.call("post", "/v1/taps", kiosk_key, json=taps).status_code == 401
    assert gate.visits(customer) == []


def test_an_erased_customers_wristband_is_nobodys(world: World):
    gate, band = Gate(world), fresh_tag()
    world.ask("delete", "/v1/customers/me", gate.guest(band))
    assert [result["outcome"] for result in gate.report(gate.tap(band))] == ["unknown_tag"]


# --- the phone's integrity ------------------------------------------------------------------

PACKAGE, APPLE_APP = "dk.example.app", "ABCDE12345.dk.example.app"
STORE, CA = PlayStore(PACKAGE), AppleCa()


@pytest.fixture
def attested(world: World, app) -> World:
    """A world whose app is set up with Google's and Apple's keys."""
    document = {
        **STORE.keys(),
        "apple": {"app_id": APPLE_APP, "root_ca": CA.root_pem.decode()},
    }
    with world.db.transaction() as session:
        assert accounts.set_integrity(session, world.app_id, document, app.extensions["lbs_vault"])
    return world


def challenge(world: World, customer: str, place: dict[str, Any]) -> str:
    body = {"venue_id": place["id"]}
    return world.ask("post", "/v1/challenges", customer, 201, json=body)["challenge"]


def of_play(asked: str, **how: Any) -> Evidence:
    token = STORE.token(asked, now=now(), **how)
    return {"kind": "play_integrity", "challenge": asked, "token": token}


def attestation(phone: AppleDevice, asked: str) -> Evidence:
    return {"kind": "app_attestation", "challenge": asked, **phone.attest(asked, now=now())}


def assertion(phone: AppleDevice, asked: str) -> Evidence:
    return {"kind": "app_assertion", "challenge": asked, **phone.sign(asked)}


def android(world: World, customer: str, venue: dict[str, Any]) -> Evidence:
    return of_play(challenge(world, customer, venue))


def android_standard(world: World, customer: str, venue: dict[str, Any]) -> Evidence:
    return of_play(challenge(world, customer, venue), standard=True)


def iphone(world: World, customer: str, venue: dict[str, Any]) -> Evidence:
    return attestation(AppleDevice(APPLE_APP, CA), challenge(world, customer, venue))


def known_iphone(world: World, customer: str, venue: dict[str, Any]) -> Evidence:
    phone, other = AppleDevice(APPLE_APP, CA), world.venue()
    first = attestation(phone, challenge(world, customer, other))
    come(world, customer, other, world.location(), first)
    return assertion(phone, challenge(world, customer, venue))


@pytest.mark.parametrize("phone", [android, android_standard, iphone, known_iphone])
def test_a_genuine_phone_opens_what_takes_level_2(attested: World, phone: Callable):
    world, venue = attested, attested.venue()
    easy, middle, strict = (world.offer(venue, min_level=level) for level in ("L1", "L2", "L3"))
    provision(world, venue, "beacon")
    customer = world.customer()
    first = world.check_in(customer, venue)
    assert (first["level"], opened(first)) == ("L1", [easy["id"]])
    assert {offer["min_level"]: offer["needs"] for offer in first["locked"]} == {
        "L2": ["device_integrity"],
        "L3": ["beacon"],
    }
    second = add(world, customer, first, phone(world, customer, venue))
    assert parts(second) == ("accepted", "L2", [])
    assert opened(second) == [middle["id"]]
    [locked] = second["locked"]
    assert (locked["offer_id"], locked["needs"]) == (strict["id"], ["beacon"])
    claims = jwt.decode(second["receipt"], options={"verify_signature": False})
    assert (claims["level"], claims["proofs"]) == ("L2", ["location", "device_integrity"])


PASSED_ON = [kiosk, sealed_tag, beacon, pin]
"""Each comes from a venue that has staff, too."""


@pytest.mark.parametrize("phone", [android, iphone])
@pytest.mark.parametrize("make", PASSED_ON)
def test_what_can_be_passed_on_takes_a_genuine_phone_where_phones_are_attested(
    attested: World, make: Make, phone: Callable
):
    world, venue = attested, attested.venue()
    show, customer = make(world, venue), world.customer()
    if make is not pin:
        provision(world, venue, "staff")
    easy, middle, strict = (world.offer(venue, min_level=level) for level in ("L1", "L2", "L3"))
    shown = show()
    first = come(world, customer, venue, world.location(), shown)
    assert parts(first) == ("accepted", "L1", [])
    assert opened(first) == [easy["id"]]
    assert first["needs"] == ["device_integrity", "staff"]
    assert first["evidence_until"]
    locked = {offer["offer_id"]: offer for offer in first["locked"]}
    assert locked.keys() == {middle["id"], strict["id"]}
    for offer in locked.values():
        assert offer["reason"]["code"] == "level_too_low"
        assert offer["needs"] == ["device_integrity", "staff"]
    claims = jwt.decode(first["receipt"], options={"verify_signature": False})
    assert (claims["level"], claims["proofs"]) == ("L1", ["location", shown["kind"]])

    second = add(world, customer, first, phone(world, customer, venue))
    assert parts(second) == ("accepted", "L3", [])
    assert {*opened(second)} == {middle["id"], strict["id"]}
    assert (second["visits"], second["locked"], second["needs"]) == (1, [], [])
    claims = jwt.decode(second["receipt"], options={"verify_signature": False})
    kinds = ["location", shown["kind"], "device_integrity"]
    assert (claims["level"], claims["proofs"]) == ("L3", kinds)


@pytest.mark.parametrize("make", PASSED_ON)
def test_a_genuine_phone_may_come_before_what_can_be_passed_on_or_with_it(
    attested: World, make: Make
):
    world, venue = attested, attested.venue(min_level="L3")
    show, offer = make(world, venue), world.offer(venue)
    customer, other = world.customer(), world.customer()
    first = come(world, customer, venue, world.location(), android(world, customer, venue))
    kind = show()["kind"]
    assert (first["level"], first["needs"]) == ("L2", asked(kind))
    second = add(world, customer, first, show())
    assert (parts(second), opened(second)) == (("accepted", "L3", []), [offer["id"]])
    phone = android(world, other, venue)
    at_once = come(world, other, venue, world.location(), show(), phone)
    assert (parts(at_once), opened(at_once)) == (("accepted", "L3", []), [offer["id"]])


@pytest.mark.parametrize("make", PASSED_ON)
def test_staff_with_their_own_key_lift_it_too_and_no_phone_is_asked(attested: World, make: Make):
    world, venue = attested, attested.venue(min_level="L3")
    show, offer = make(world, venue), world.offer(venue)
    anna, customer = provision(world, venue, "staff"), world.customer()
    first = come(world, customer, venue, world.location(), show())
    assert parts(first) == ("accepted", "L1", [])
    answer = confirm(world, anna, first)
    assert parts(answer.json) == ("accepted", "L3", [])
    [unlock] = world.ask("get", "/v1/unlocks", customer)["items"]
    assert unlock["offer_id"] == offer["id"]


def test_who_typed_the_pin_may_confirm_with_their_key(attested: World):
    world, venue = attested, attested.venue(min_level="L3")
    anna, customer = provision(world, venue, "staff", pin="271828"), world.customer()
    shown = {"kind": "staff_pin", "pin": "271828"}
    first = come(world, customer, venue, world.location(), shown)
    assert parts(first) == ("accepted", "L1", [])
    assert parts(confirm(world, anna, first).json) == ("accepted", "L3", [])


@pytest.mark.parametrize("make", PASSED_ON)
def test_what_can_be_passed_on_settles_a_doubt_without_a_genuine_phone(attested: World, make: Make):
    world, venue = attested, attested.venue(min_level="L1")
    show, customer = make(world, venue), world.customer()
    offer, strict = world.offer(venue), world.offer(venue, min_level="L3")
    doubted = come(world, customer, venue, world.location(north_m=85))
    assert parts(doubted) == ("ambiguous", "L0", ["maybe_outside_fence"])
    settled = add(world, customer, doubted, show())
    assert (parts(settled)[:2], opened(settled)) == (("accepted", "L1"), [offer["id"]])
    [locked] = settled["locked"]
    assert locked["offer_id"] == strict["id"]
    assert locked["needs"][0] == "device_integrity"
    genuine = add(world, customer, doubted, android(world, customer, venue))
    assert (parts(genuine)[:2], opened(genuine)) == (("accepted", "L3"), [strict["id"]])


@pytest.mark.parametrize("make", PASSED_ON)
def test_no_genuine_phone_makes_up_for_a_location(attested: World, make: Make):
    world, venue = attested, attested.venue()
    show, customer = make(world, venue), world.customer()
    phone = android(world, customer, venue)
    result = come(world, customer, venue, show(), phone)
    assert parts(result) == ("ambiguous", "L0", ["no_location"])
    assert add(world, customer, result, world.location())["level"] == "L3"


def test_a_wristband_needs_no_genuine_phone(attested: World):
    gate, band = Gate(attested), fresh_tag()
    customer = gate.guest(band)
    gate.report(gate.tap(band))
    assert [visit[:2] for visit in gate.visits(customer)] == [("accepted", "L3")]


def test_a_phones_word_that_does_not_hold_lifts_no_code(attested: World):
    world, venue = attested, attested.venue(cool_down_s=0)
    made, customer = provision(world, venue, "venue_code"), world.customer()
    phone = android(world, customer, venue)
    come(world, customer, venue, world.location(), phone)
    used = come(world, customer, venue, world.location(), shown_by(world, made), phone)
    assert parts(used) == ("accepted", "L1", ["proof_used"])
    assert add(world, customer, used, android(world, customer, venue))["level"] == "L3"
    other = world.customer()
    tampered = of_play(challenge(world, other, venue), verdict="MEETS_BASIC_INTEGRITY")
    rooted = come(world, other, venue, world.location(), shown_by(world, made), tampered)
    assert parts(rooted) == ("accepted", "L1", ["proof_wrong"])


def test_a_genuine_phone_settles_no_doubt(attested: World):
    world, venue = attested, attested.venue(min_level="L2")
    show, customer = poster(world, venue), world.customer()
    phone = android(world, customer, venue)
    doubted = come(world, customer, venue, world.location(north_m=85), phone)
    assert parts(doubted) == ("ambiguous", "L0", ["maybe_outside_fence"])
    assert add(world, customer, doubted, show())["level"] == "L1"
    surer = add(world, customer, doubted, world.location())
    assert parts(surer) == ("accepted", "L2", [])


def test_without_a_location_a_genuine_phone_is_nowhere(attested: World):
    world, venue, customer = attested, attested.venue(), attested.customer()
    result = come(world, customer, venue, android(world, customer, venue))
    assert parts(result) == ("rejected", "L0", ["no_location"])


@pytest.mark.parametrize("whose", ["venue", "customer"])
def test_a_challenge_of_another_customer_or_venue_is_not_verified(attested: World, whose: str):
    world, venue = attested, attested.venue()
    customer, other = world.customer(), world.customer()
    asked = (
        challenge(world, customer, world.venue())
        if whose == "venue"
        else challenge(world, other, venue)
    )
    result = come(world, customer, venue, world.location(), of_play(asked))
    assert parts(result) == ("rejected", "L0", ["not_verified"])
    assert outcomes(world, result) == [("device_integrity", "forged")]
    own = come(world, other, venue, world.location(), android(world, other, venue))
    assert own["level"] == "L2"


def test_a_challenge_is_answered_once(attested: World):
    world, venue = attested, attested.venue(cool_down_s=0)
    customer = world.customer()
    phone = android(world, customer, venue)
    results = [come(world, customer, venue, world.location(), phone) for _ in range(2)]
    assert [parts(result) for result in results] == [
        ("accepted", "L2", []),
        ("accepted", "L1", ["proof_used"]),
    ]


def test_a_challenge_that_is_over_is_nobodys_fault_and_lifts_nothing(attested: World):
    world, venue = attested, attested.venue(cool_down_s=0)
    with time_machine.travel(NOON, tick=False) as clock:
        customer = world.customer()
        asked = challenge(world, customer, venue)
        clock.shift(timedelta(minutes=5))
        result = come(world, customer, venue, world.location(), of_play(asked))
        assert parts(result) == ("accepted", "L1", ["proof_wrong"])
        made_up = come(world, customer, venue, world.location(), of_play("made up"))
        assert parts(made_up) == ("accepted", "L1", ["proof_wrong"])


@pytest.mark.parametrize(
    "how",
    [
        {"verdict": "MEETS_BASIC_INTEGRITY"},
        {"recognized": "UNRECOGNIZED_VERSION"},
        {"package": "dk.example.other"},
    ],
)
def test_a_phone_that_the_platform_does_not_trust_proves_nothing_and_is_no_strike(
    attested: World, how
):
    world, venue, customer = attested, attested.venue(), attested.customer()
    phone = of_play(challenge(world, customer, venue), **how)
    result = come(world, customer, venue, world.location(), phone)
    assert parts(result) == ("accepted", "L1", ["proof_wrong"])
    found = findings(world, result)["findings"]
    assert found == [{"reason": "proof_wrong", "verdict": "accepted"}]


def test_an_iphones_key_is_its_customers_and_its_counter_goes_up(attested: World):
    world, venue = attested, attested.venue(cool_down_s=0)
    customer, thief = world.customer(), world.customer()
    phone = AppleDevice(APPLE_APP, CA)

    def with_phone(who: str, make: Callable) -> tuple[str, list[str]]:
        shown = make(phone, challenge(world, who, venue))
        return parts(come(world, who, venue, world.location(), shown))[1:]

    assert with_phone(customer, assertion) == ("L1", ["proof_wrong"])
    assert with_phone(customer, attestation) == ("L2", [])
    assert with_phone(customer, assertion) == ("L2", [])
    phone.counter -= 1
    assert with_phone(customer, assertion) == ("L1", ["proof_used"])
    phone.counter += 7
    assert with_phone(customer, assertion) == ("L2", [])
    assert with_phone(thief, assertion) == ("L1", ["proof_wrong"])
    assert with_phone(thief, attestation) == ("L1", ["proof_used"])


KEYS = {
    "none": "NULL",
    "unreadable": "'sealed by nobody'",
}


@pytest.mark.parametrize("sealed", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("phone", [android, iphone])
def test_without_keys_it_is_level_1_and_no_crash(world: World, phone: Callable, sealed: str):
    venue = world.venue()
    offer, strict = world.offer(venue), world.offer(venue, min_level="L2")
    with world.db.transaction() as session:
        session.execute(
            text(f"UPDATE app SET sealed_integrity = {sealed} WHERE id = :id"),
            {"id": world.app_id},
        )
    customer = world.customer()
    result = come(world, customer, venue, world.location(), phone(world, customer, venue))
    assert parts(result) == ("accepted", "L1", ["proof_unavailable"])
    assert (opened(result), outcomes(world, result)) == (
        [offer["id"]],
        [("device_integrity", "unavailable")],
    )
    [locked] = result["locked"]
    assert locked["offer_id"] == strict["id"]
    if sealed == "NULL":
        assert (locked["needs"], result["needs"], result["evidence_until"]) == ([], [], None)


@pytest.mark.parametrize(("how", "level"), [("none", "L3"), ("unreadable", "L1")])
def test_without_keys_a_code_is_worth_its_level_and_with_unreadable_ones_it_is_not(
    attested: World, how: str, level: str
):
    """Whoever set phones up to be attested is not given less than they asked for."""
    world, venue = attested, attested.venue()
    show = kiosk(world, venue)
    with world.db.transaction() as session:
        session.execute(
            text(f"UPDATE app SET sealed_integrity = {KEYS[how]} WHERE id = :id"),
            {"id": world.app_id},
        )
    result = come(world, world.customer(), venue, world.location(), show())
    assert parts(result) == ("accepted", level, [])


@pytest.mark.parametrize(
    "garbage",
    [
        {"kind": "play_integrity", "token": "a.b.c.d.e"},
        {"kind": "app_attestation", "key_id": "bGJz", "attestation": "bGJz"},
        {"kind": "app_assertion", "key_id": "bGJz", "assertion": "bGJz"},
    ],
    ids=lambda garbage: garbage["kind"],
)
def test_garbage_from_a_phone_proves_nothing_and_is_no_crash(attested: World, garbage: Evidence):
    world, venue, customer = attested, attested.venue(), attested.customer()
    shown = {**garbage, "challenge": challenge(world, customer, venue)}
    result = come(world, customer, venue, world.location(), shown)
    assert parts(result) == ("accepted", "L1", ["proof_wrong"])


def test_a_phone_at_an_event_answers_the_events_challenge(attested: World):
    world, venue = attested, attested.venue()
    times = {
        "starts_at": (now() - timedelta(hours=1)).isoformat(),
        "ends_at": (now() + timedelta(hours=1)).isoformat(),
    }
    given = {"venue_id": venue["id"], "name": "Concert", **times}
    event = world.ask("post", "/v1/events", json=given)
    for place, level in ((event, "L2"), (venue, "L0")):
        customer = world.customer()
        phone = of_play(challenge(world, customer, place))
        body = {"event_id": event["id"], "evidence": [world.location(), phone]}
        assert world.ask("post", "/v1/check-ins", customer, json=body)["level"] == level


# --- step-up --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [kiosk, sealed_tag, beacon, pin])
def test_an_ambiguous_check_in_and_a_code_within_ten_minutes_are_a_visit(world, make: Make):
    venue = world.venue()
    show, offer = make(world, venue), world.offer(venue)
    at = now()
    with time_machine.travel(at, tick=False) as clock:
        customer = world.customer()
        first = world.check_in(customer, venue, north_m=85)
        assert parts(first) == ("ambiguous", "L0", ["maybe_outside_fence"])
        assert first["needs"] == ["location", *asked(show()["kind"])]
        until = datetime.fromisoformat(first["evidence_until"])
        assert until == at + timedelta(minutes=10)
        [locked] = first["locked"]
        assert locked["reason"]["code"] == "not_accepted"
        clock.move_to(until)
        second = add(world, customer, first, show())
    assert parts(second)[:2] == ("accepted", "L3")
    assert (opened(second), second["visits"]) == ([offer["id"]], 1)
    assert second["occurred_at"] == first["occurred_at"]
    [item] = world.ask("get", "/v1/check-ins", customer)["items"]
    assert (item["verdict"], item["level"]) == ("accepted", "L3")


def test_a_better_location_takes_the_place_of_the_old(world: World):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    first = world.check_in(customer, venue, accuracy_m=900)
    assert parts(first) == ("ambiguous", "L0", ["fix_too_coarse"])
    second = add(world, customer, first, world.location(accuracy_m=9))
    assert (parts(second), len(second["unlocked"])) == (("accepted", "L1", []), 1)


def test_a_fix_is_fresh_when_it_comes_however_old_the_check_in(world: World):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        customer = world.customer()
        first = world.check_in(customer, venue, accuracy_m=900)
        clock.shift(timedelta(minutes=9))
        stale = world.location(captured_at=(NOON + timedelta(minutes=6)).isoformat())
        fresh = world.location()
        assert add(world, customer, first, fresh)["verdict"] == "accepted"
        other = world.customer()
        second = world.check_in(other, venue, accuracy_m=900)
        assert parts(add(world, other, second, stale)) == ("rejected", "L0", ["fix_too_old"])


def test_evidence_that_comes_too_late_is_not_taken(world: World):
    venue = world.venue()
    show = kiosk(world, venue)
    with time_machine.travel(NOON, tick=False) as clock:
        customer = world.customer()
        first = world.check_in(customer, venue, north_m=85)
        clock.shift(timedelta(minutes=10, microseconds=1))
        assert refused(world, customer, first, show()) == (409, "evidence-not-taken")
        [item] = world.ask("get", "/v1/check-ins", customer)["items"]
        assert item["verdict"] == "ambiguous"
        fresh = come(world, customer, venue, world.location(), show())
        assert fresh["level"] == "L3"


def test_another_customers_check_in_is_not_there(world: World):
    venue = world.venue()
    show = kiosk(world, venue)
    first = world.check_in(world.customer(), venue, north_m=85)
    for check_in in (first, {"id": str(uuid.uuid4())}):
        missing = refused(world, world.customer(), check_in, show())
        assert missing == (404, "check-in-not-found")
    assert outcomes(world, first) == []


def test_a_rejected_or_voided_check_in_takes_no_evidence(world: World):
    venue = world.venue()
    show, staff = kiosk(world, venue), provision(world, venue, "staff")
    customer = world.customer()
    rejected = world.check_in(customer, venue, north_m=5000)
    voided = world.check_in(customer, venue)
    world.ask("post", f"/v1/check-ins/{voided['id']}/void", json={"reason": "Test"})
    for check_in in (rejected, voided):
        assert refused(world, customer, check_in, show()) == (409, "evidence-not-taken")
        answer = confirm(world, staff, check_in)
        assert (answer.status_code, answer.json["code"]) == (409, "evidence-not-taken")


def test_a_wrong_proof_takes_nothing_and_a_right_one_takes_its_place(world: World):
    venue, customer = world.venue(), world.customer()
    show, strict = kiosk(world, venue), world.offer(venue, min_level="L3")
    first = world.check_in(customer, venue)
    wrong = add(world, customer, first, {"kind": "venue_code", "code": "12 34"})
    assert parts(wrong) == ("accepted", "L1", ["proof_wrong"])
    assert wrong["needs"] == ["venue_code"]
    right = add(world, customer, first, show())
    assert (parts(right), opened(right)) == (("accepted", "L3", []), [strict["id"]])
    again = add(world, customer, first, {"kind": "venue_code", "code": "000000"})
    assert parts(again) == ("accepted", "L3", ["proof_wrong"])
    assert again["unlocked"] == []


def test_a_step_up_is_no_second_visit_and_gives_nothing_twice(world: World, db):
    venue, customer = world.venue(), world.customer()
    code, tap = kiosk(world, venue), sealed_tag(world, venue)
    always = world.offer(venue, limit_total=5)
    second = world.offer(venue, rule={"kind": "nth_visit", "n": 2})
    first = world.check_in(customer, venue)
    for show in (code, tap):
        result = add(world, customer, first, show())
        assert (result["visits"], result["unlocked"], result["level"]) == (1, [], "L3")
        [locked] = result["locked"]
        assert (locked["offer_id"], locked["progress"]) == (second["id"], 1)
    with db.transaction() as session:
        counts = session.execute(
            text("""
                SELECT (SELECT sum(visits) FROM visit_tally WHERE venue_id = :venue),
                       (SELECT count(*) FROM unlock WHERE offer_id = :offer),
                       (SELECT sum(taken) FROM offer_stock WHERE offer_id = :offer)
            """),
            {"venue": venue["id"], "offer": always["id"]},
        ).one()
    assert tuple(counts) == (1, 1, 1)


def test_a_doubt_settled_after_a_later_visit_does_not_count_twice(world: World):
    venue, customer = world.venue(), world.customer()
    show = kiosk(world, venue)
    doubted = world.check_in(customer, venue, north_m=85)
    assert world.check_in(customer, venue)["visits"] == 1
    late = add(world, customer, doubted, show())
    assert (late["verdict"], late["visits"]) == ("rejected", 1)
    assert "too_soon" in codes(late)


def test_evidence_and_erasure_may_race(world: World, app):
    venue = world.venue()
    show = kiosk(world, venue)
    customers = [world.customer() for _ in range(6)]
    made = [world.check_in(customer, venue) for customer in customers]
    body = {"evidence": [show()]}

    def erase(customer: str) -> int:
        headers = {"Authorization": f"Bearer {customer}"}
        return app.test_client().delete("/v1/customers/me", headers=headers).status_code

    calls: list[Callable[[], int]] = []
    for customer, check_in in zip(customers, made, strict=True):
        request = (evidence_at(check_in), customer, body)
        calls += [lambda c=customer: erase(c), lambda r=request: post(app, r)[0]]
    statuses = at_once(calls)
    assert set(statuses[::2]) == {204}
    assert set(statuses[1::2]) <= {200, 401, 404}


@pytest.mark.parametrize(
    "evidence",
    [
        [],
        [{"kind": "venue_code", "code": "1"}, {"kind": "venue_code", "code": "2"}],
        [{"kind": "telepathy"}],
        [{"kind": "beacon", "eid": "xyz"}],
        [{"kind": "staff_pin", "pin": "12"}],
    ],
)
def test_evidence_that_is_not_well_formed_is_refused(world: World, evidence):
    customer = world.customer()
    first = world.check_in(customer, world.venue())
    answer = world.call("post", evidence_at(first), customer, json={"evidence": evidence})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].startswith("#/evidence")
