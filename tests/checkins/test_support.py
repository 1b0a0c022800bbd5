"""What a merchant's support sees and does: findings, receipts, voiding, standings."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from sqlalchemy import text

from lbs.unlocks import queries as unlock_queries
from tests.racing import at_once, post
from tests.unlocks.stock import counters
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ISSUER = "http://127.0.0.1:8080"


def codes(result: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in result["reasons"]]


def findings(world: World, check_in: dict[str, Any], key: str | None = None) -> Any:
    return world.ask("get", f"/v1/check-ins/{check_in['id']}/findings", key)


def void(world: World, check_in: dict[str, Any], reason: str = "A mistake") -> Any:
    path = f"/v1/check-ins/{check_in['id']}/void"
    return world.ask("post", path, json={"reason": reason})


def stand(world: World, check_in: dict[str, Any], standing: str | None) -> None:
    """Have the customer of this check-in treated so from now on."""
    path = f"/v1/standings/{findings(world, check_in)['customer']}"
    if standing:
        world.ask("put", path, json={"standing": standing})
    else:
        world.ask("delete", path, status=204)


def provision(world: World, venue: dict[str, Any], kind: str, **members: Any) -> Any:
    body = {"kind": kind, "name": f"The {kind}", **members}
    return world.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)


def staff_pin(world: World, venue: dict[str, Any]) -> dict[str, str]:
    return {"kind": "staff_pin", "pin": provision(world, venue, "staff")["pin"]}


def add(world: World, customer: str, check_in: dict[str, Any], *evidence: Any) -> Any:
    path = f"/v1/check-ins/{check_in['id']}/evidence"
    return world.ask("post", path, customer, json={"evidence": list(evidence)})


def stats(world: World, of: str, it: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a venue or an offer, its money as far as it came in."""
    totals = world.totals(f"{of}/{it['id']}")
    money = {key: value for row in totals["money"] for key, value in row.items() if value}
    money.pop("currency", None)
    return {
        **totals["check_ins"],
        **{
            name: totals[name]
            for name in (
                *("unlocks", "expired", "redemptions", "reversals"),
                *("unique_customers", "new_customers", "returning_customers"),
            )
        },
        **money,
    }


def said(numbers: dict[str, Any]) -> dict[str, Any]:
    """Only what is not 0."""
    return {name: number for name, number in numbers.items() if number}


# --- findings -------------------------------------------------------------------------------


def test_support_sees_each_finding_where_the_customer_hears_one_reason(world: World):
    venue, customer = world.venue(), world.customer()
    result = world.check_in(customer, venue, north_m=450, mock=True, accuracy_m=0.2)
    assert (result["verdict"], codes(result)) == ("rejected", ["not_verified", "outside_fence"])
    seen = findings(world, result)
    assert seen["findings"] == [
        {"reason": "simulated_fix", "verdict": "rejected"},
        {"reason": "impossible_precision", "verdict": "ambiguous"},
        {"reason": "outside_fence", "verdict": "rejected"},
    ]
    assert seen["distance_m"] == pytest.approx(399, abs=1)
    assert (seen["accuracy_m"], seen["provider"]) == (0.2, "gps")
    assert (seen["verdict"], seen["level"], seen["proofs"]) == ("rejected", "L0", [])
    assert (seen["standing"], seen["unlocks"], seen["voided_at"]) == (None, 0, None)
    assert (seen["venue_id"], seen["event_id"]) == (venue["id"], None)
    [item] = world.ask("get", "/v1/check-ins", customer)["items"]
    assert codes(item) == codes(result)


def test_a_doubt_that_was_settled_is_kept_as_noted(world: World):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    doubted = world.check_in(customer, venue, north_m=85)
    add(world, customer, doubted, staff_pin(world, venue))
    seen = findings(world, doubted)
    assert seen["findings"] == [{"reason": "maybe_outside_fence", "verdict": "accepted"}]
    assert (seen["verdict"], seen["level"], seen["unlocks"]) == ("accepted", "L3", 1)


def test_a_customer_has_one_name_at_a_merchant_and_another_at_the_next(
    world: World, other_world: World
):
    person = world.register()
    here, there = world.venue(), other_world.venue()
    at_home = {"lat": other_world.lat + 1e-5, "lon": other_world.lon + 1e-5}
    first = world.check_in(person["access_token"], here, mock=True)
    again = world.check_in(person["access_token"], here, mock=True)
    abroad = world.check_in(person["access_token"], there, mock=True, **at_home)
    names = {findings(world, check_in)["customer"] for check_in in (first, again)}
    assert len(names) == 1
    assert findings(other_world, abroad)["customer"] not in {*names, person["customer_id"]}
    for check_in, stranger in ((first, other_world), (abroad, world)):
        path = f"/v1/check-ins/{check_in['id']}"
        for call in (
            stranger.call("get", f"{path}/findings", stranger.key),
            stranger.call("post", f"{path}/void", stranger.key, json={"reason": "x"}),
        ):
            assert (call.status_code, call.json["code"]) == (404, "check-in-not-found")


def test_after_an_erasure_the_findings_are_nobodys(world: World):
    customer = world.customer()
    first = world.check_in(customer, world.venue())
    world.ask("delete", "/v1/customers/me", customer)
    seen = findings(world, first)
    assert (seen["customer"], seen["verdict"]) == (None, "accepted")
    assert void(world, first)["visit_taken_back"] is False


# --- receipts -------------------------------------------------------------------------------


def verify(world: World, receipt: str, *, key: str | None = None, **members: Any) -> Any:
    body = {"receipt": receipt, **members}
    return world.ask("post", "/v1/receipts/verify", key, json=body)


def test_a_genuine_receipt_is_good_and_says_what_it_states(world: World):
    venue = world.venue()
    person = world.register()
    result = world.check_in(person["access_token"], venue)
    better = add(world, person["access_token"], result, staff_pin(world, venue))
    for receipt, level, proofs in (
        (result["receipt"], "L1", ["location"]),
        (better["receipt"], "L3", ["location", "staff_pin"]),
    ):
        members = {"venue_id": venue["id"], "customer_id": person["customer_id"]}
        seen = verify(world, receipt, min_level=level, **members)
        assert (seen["valid"], seen["flaw"], seen["level"]) == (True, None, level)
        assert (seen["check_in_id"], seen["venue_id"]) == (result["id"], venue["id"])
        assert seen["proofs"] == proofs
        lasts = datetime.fromisoformat(seen["expires_at"]) - datetime.fromisoformat(
            seen["issued_at"]
        )
        assert lasts == timedelta(minutes=20)


def test_a_receipt_for_another_place_or_person_or_of_a_low_level_is_not_good(world: World):
    venue, other = world.venue(), world.venue()
    result = world.check_in(world.customer(), venue)
    for members, flaw in (
        ({"venue_id": other["id"]}, "other_venue"),
        ({"venue_id": str(uuid.uuid4())}, "other_venue"),
        ({"customer_id": world.register()["customer_id"]}, "other_customer"),
        ({"min_level": "L2"}, "level_too_low"),
        ({"min_level": "L3", "use": True}, "level_too_low"),
        ({"min_level": "L1", "use": True}, None),
    ):
        seen = verify(world, result["receipt"], **members)
        assert (seen["valid"], seen["flaw"]) == (flaw is None, flaw)


def test_another_merchants_receipt_tells_nothing(world: World, other_world: World):
    result = world.check_in(world.customer(), world.venue())
    seen = verify(other_world, result["receipt"], use=True)
    assert (seen.pop("valid"), seen.pop("flaw"), seen.pop("proofs")) == (
        False,
        "other_merchant",
        [],
    )
    assert set(seen.values()) == {None}
    assert verify(world, result["receipt"], use=True)["valid"]


def tampered(receipt: str) -> list[str]:
    """With another level, no signature, and the signature of another body."""
    head, body, signature = receipt.split(".")
    claims = jwt.decode(receipt, options={"verify_signature": False})
    lifted = jwt.encode(
        {**claims, "level": "L3", "exp": claims["exp"] + 9}, None, algorithm="none"
    ).split(".")
    return [
        f"{head}.{lifted[1]}.{signature}",
        f"{lifted[0]}.{body}.",
        f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        f"{head}.{body}",
        "x",
    ]


def test_a_receipt_that_was_tampered_with_is_not_genuine(world: World):
    person = world.register()
    result = world.check_in(person["access_token"], world.venue())
    for receipt in (*tampered(result["receipt"]), person["access_token"]):
        seen = verify(world, receipt)
        assert (seen["valid"], seen["flaw"], seen["check_in_id"]) == (False, "not_genuine", None)


def test_a_till_of_one_venue_verifies_that_ones_receipts_alone(world: World):
    venue, other = world.venue(), world.venue()
    till = world.key_with("redeem", venues=(venue,))
    here, there = (world.check_in(world.customer(), place) for place in (venue, other))
    assert verify(world, here["receipt"], key=till, use=True)["flaw"] is None
    assert verify(world, there["receipt"], key=till, use=True)["flaw"] == "other_venue"
    assert verify(world, there["receipt"], use=True)["flaw"] is None


def test_a_receipt_is_used_once_whatever_its_form(world: World, app):
    venue, customer = world.venue(), world.customer()
    first = world.check_in(customer, venue)
    better = add(world, customer, first, staff_pin(world, venue))
    request = ("/v1/receipts/verify", world.key, {"receipt": better["receipt"], "use": True})
    answers = at_once([lambda: post(app, request) for _ in range(4)])
    flaws = sorted(str(answer["flaw"]) for _, answer in answers)
    assert flaws == ["None", "used", "used", "used"]
    assert verify(world, first["receipt"])["flaw"] == "used"


def test_the_receipt_of_a_voided_check_in_is_not_good(world: World):
    result = world.check_in(world.customer(), world.venue())
    void(world, result)
    for use in (False, True):
        assert verify(world, result["receipt"], use=use)["flaw"] == "voided"


@pytest.mark.parametrize(
    ("north_m", "accuracy_m", "minutes"),
    [(0, 10, 20), (30, 10, 20), (66, 20, 9.6), (74.5, 10, 5), (74.5, 300, 5)],
)
def test_a_receipt_is_over_sooner_at_the_fences_edge(world, north_m, accuracy_m, minutes):
    venue = world.venue()
    with time_machine.travel(NOON, tick=False) as clock:
        fix = {"lat": world.lat + north_m / 111_132, "lon": world.lon + 1e-7}
        result = world.check_in(world.customer(), venue, accuracy_m=accuracy_m, **fix)
        assert (result["verdict"], result["level"]) == ("accepted", "L1")
        seen = verify(world, result["receipt"])
        lasts = datetime.fromisoformat(seen["expires_at"]) - NOON
        assert lasts.total_seconds() / 60 == pytest.approx(minutes, abs=0.7)
        clock.move_to(NOON + lasts - timedelta(seconds=1))
        assert verify(world, result["receipt"])["valid"]
        clock.move_to(NOON + lasts)
        assert verify(world, result["receipt"])["flaw"] == "not_genuine"


def test_a_third_party_verifies_a_receipt_with_the_published_keys_alone(world: World):
    venue, person = world.venue(), world.register()
    first = world.check_in(person["access_token"], venue)
    receipt = add(world, person["access_token"], first, staff_pin(world, venue))["receipt"]
    key_set = jwt.PyJWKSet.from_json(world.call("get", "/.well-known/jwks.json").text)
    key = key_set[jwt.get_unverified_header(receipt)["kid"]]
    claims = jwt.decode(receipt, key, algorithms=["EdDSA"], issuer=ISSUER)
    assert (claims["jti"], claims["sub"]) == (first["id"], person["customer_id"])
    assert (claims["venue"], claims["merchant"]) == (venue["id"], str(world.merchant_id))
    assert (claims["level"], claims["proofs"]) == ("L3", ["location", "staff_pin"])
    for forged in tampered(receipt):
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(forged, key, algorithms=["EdDSA"], issuer=ISSUER)


# --- voiding --------------------------------------------------------------------------------


def test_voiding_takes_back_visit_unlocks_and_redemption_and_frees_the_stock(world: World, db):
    venue = world.venue()
    limited = {"limit_total": 9, "limit_per_customer": 1, "limit_per_day": 5}
    used, held = world.offer(venue, **limited), world.offer(venue, **limited)
    customer = world.customer()
    nothing = [stats(world, "offers", offer) for offer in (used, held)]
    result = world.check_in(customer, venue)
    unlocks = {unlock["offer_id"]: unlock for unlock in result["unlocked"]}
    redemption = world.redeem(unlocks[used["id"]]["code"], venue).json

    done = void(world, result, "Tested the kiosk")
    assert done["visit_taken_back"] is True
    assert (done["unlocks_voided"], done["redemptions_reversed"]) == (2, 1)
    assert (done["id"], done["reason"]) == (result["id"], "Tested the kiosk")
    seen = findings(world, result)
    assert (seen["verdict"], seen["void_reason"]) == ("voided", "Tested the kiosk")
    assert seen["voided_at"] == done["voided_at"]
    [item] = world.ask("get", "/v1/check-ins", customer)["items"]
    assert item["verdict"] == "voided"
    wallet = world.ask("get", "/v1/unlocks", customer)["items"]
    assert [unlock["state"] for unlock in wallet] == ["voided", "voided"]
    for offer in (used, held):
        assert set(counters(db, offer).values()) == {0}
        refused = world.redeem(unlocks[offer["id"]]["code"], venue)
        assert (refused.status_code, refused.json["code"]) == (409, "code-refused")
    reversed_ = world.ask("get", f"/v1/redemptions/{redemption['id']}")
    assert reversed_["reversed_at"] == done["voided_at"]

    assert stats(world, "offers", held) == nothing[1]
    assert said(stats(world, "offers", used)) == {"redemptions": 1, "reversals": 1}
    assert said(stats(world, "venues", venue)) == {"redemptions": 1, "reversals": 1}

    anew = world.check_in(customer, venue)
    assert (anew["verdict"], anew["visits"], len(anew["unlocked"])) == ("accepted", 1, 2)
    assert said(stats(world, "offers", held)) == {
        "accepted": 1,
        "unlocks": 1,
        "unique_customers": 1,
        "new_customers": 1,
    }


def test_a_check_in_is_voided_once(world: World):
    result = world.check_in(world.customer(), world.venue())
    void(world, result)
    path = f"/v1/check-ins/{result['id']}/void"
    again = world.call("post", path, world.key, json={"reason": "Again"})
    assert (again.status_code, again.json["code"]) == (409, "already-voided")
    assert findings(world, result)["void_reason"] == "A mistake"


@pytest.mark.parametrize(("fix", "verdict"), [({"mock": True}, "rejected"), ({"north_m": 85}, "")])
def test_what_was_no_visit_is_voided_too_and_takes_none_back(world: World, fix, verdict):
    venue, customer = world.venue(cool_down_s=0), world.customer()
    assert world.check_in(customer, venue)["visits"] == 1
    result = world.check_in(customer, venue, **fix)
    done = void(world, result)
    assert (done["visit_taken_back"], done["unlocks_voided"]) == (False, 0)
    assert world.check_in(customer, venue)["visits"] == 2
    counts = said(stats(world, "venues", venue))
    assert (counts["accepted"], counts.get("rejected"), counts.get("ambiguous")) == (2, None, None)


def test_of_several_visits_the_voided_one_goes(world: World):
    venue = world.venue(cool_down_s=3600)
    offer = world.offer(venue, rule={"kind": "every_nth_visit", "n": 3})
    with time_machine.travel(NOON, tick=False) as clock:
        made = []
        for _ in range(2):
            made.append(world.check_in(world.customer(external_id="anna"), venue))
            clock.shift(timedelta(hours=1))
        assert [result["visits"] for result in made] == [1, 2]
        void(world, made[1])
        clock.move_to(NOON + timedelta(hours=1, minutes=1))
        second = world.check_in(world.customer(external_id="anna"), venue)
        assert (second["verdict"], second["visits"]) == ("accepted", 2)
        void(world, made[0])
        clock.shift(timedelta(hours=1))
        customer = world.customer(external_id="anna")
        third = world.check_in(customer, venue)
        assert (third["visits"], third["unlocked"]) == (2, [])
        assert [item["progress"] for item in third["locked"]] == [2]
        assert third["locked"][0]["offer_id"] == offer["id"]


def test_whose_first_visit_is_voided_is_new_with_the_next_that_stands(world: World):
    venue = world.venue(cool_down_s=60)
    offer = world.offer(venue)
    person = {"external_id": "anna"}
    with time_machine.travel(NOON, tick=False) as clock:
        made = []
        for _ in range(3):
            made.append(world.check_in(world.customer(**person), venue))
            clock.shift(timedelta(hours=1))

        def new() -> list[tuple[int, int]]:
            """New and returning customers, hour by hour, of the venue and so of its offer."""
            hours = f"from={NOON:%FT%TZ}&to={NOON + timedelta(hours=4):%FT%TZ}&by=hour"
            of_venue, of_offer = (
                [
                    (item["new_customers"], item["returning_customers"])
                    for item in world.ask("get", f"/v1/stats/{path}/series?{hours}")["items"]
                ]
                for path in (f"venues/{venue['id']}", f"offers/{offer['id']}")
            )
            assert of_venue == of_offer
            return of_venue

        assert new() == [(1, 0), (0, 1), (0, 1), (0, 0)]
        void(world, made[0])
        assert new() == [(0, 0), (1, 0), (0, 1), (0, 0)]
        void(world, made[1])
        assert new() == [(0, 0), (0, 0), (1, 0), (0, 0)]
        void(world, made[2])
        assert new() == [(0, 0)] * 4
        world.check_in(world.customer(**person), venue)
        assert new() == [(0, 0), (0, 0), (0, 0), (1, 0)]


def test_bad_evidence_takes_nothing_back_and_voiding_takes_all_of_it(world: World, db):
    venue, customer = world.venue(), world.customer()
    world.offer(venue)
    first = world.check_in(customer, venue)
    tag = provision(world, venue, "nfc_tag", uid=uuid.uuid4().hex[:14])
    forged = f"https://example.test/t?uid={tag['uid']}&ctr=000001&cmac={'0' * 16}"
    spoiled = add(world, customer, first, {"kind": "nfc_tag", "url": forged})
    assert (spoiled["verdict"], codes(spoiled)) == ("accepted", ["not_verified"])
    assert (spoiled["level"], spoiled["visits"], spoiled["unlocked"]) == ("L1", 1, [])
    done = void(world, first)
    assert (done["visit_taken_back"], done["unlocks_voided"]) == (True, 1)
    with db.transaction() as session:
        tallies = session.scalar(
            text("SELECT count(*) FROM visit_tally WHERE venue_id = :id"), {"id": venue["id"]}
        )
    assert tallies == 0


def test_a_simulated_location_stays_so_when_a_proof_comes_beside_it(world: World):
    venue, customer = world.venue(), world.customer()
    first = world.check_in(customer, venue)
    spoiled = add(world, customer, first, world.location(mock=True))
    assert (spoiled["verdict"], spoiled["level"], codes(spoiled)) == (
        "accepted",
        "L1",
        ["not_verified"],
    )
    proved = add(world, customer, first, staff_pin(world, venue))
    assert (proved["level"], codes(proved)) == ("L1", ["not_verified"])
    better = add(world, customer, first, world.location())
    assert (better["level"], codes(better)) == ("L3", [])


def test_voiding_after_an_unlock_expired_leaves_no_trace_in_the_numbers(world: World, db):
    venue = world.venue()
    offer = world.offer(venue, redeem_within_s=300, limit_total=5)
    result = world.check_in(world.customer(), venue)
    with db.transaction() as session:
        unlock_queries.expire(session, now=now() + timedelta(minutes=6), limit=1000)
    later = now() + timedelta(minutes=9)
    with time_machine.travel(later, tick=False):
        assert said(stats(world, "offers", offer))["expired"] == 1
        done = void(world, result)
        assert (done["unlocks_voided"], done["visit_taken_back"]) == (0, True)
        assert said(stats(world, "offers", offer)) == {}
    assert counters(db, offer) == {"total": 0}


def test_voiding_and_redeeming_at_once_leave_one_of_them(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, limit_total=100)
    made = [world.check_in(world.customer(), venue) for _ in range(8)]
    calls = []
    for result in made:
        [unlock] = result["unlocked"]
        redeem = {"code": unlock["code"], "venue_id": venue["id"]}
        voiding = (f"/v1/check-ins/{result['id']}/void", world.key, {"reason": "Race"})
        calls += [
            lambda r=redeem: post(app, ("/v1/redemptions", world.key, r)),
            lambda v=voiding: post(app, v),
        ]
    answers = at_once(calls)
    redeemed = [status == 201 for status, _ in answers[::2]]
    voided = answers[1::2]
    assert {status for status, _ in voided} == {200}
    assert {status for status, _ in answers[::2]} <= {201, 409}
    assert [answer["redemptions_reversed"] for _, answer in voided] == [*map(int, redeemed)]
    assert counters(db, offer) == {"total": 0}
    numbers = stats(world, "offers", offer)
    assert numbers["redemptions"] == numbers["reversals"] == sum(redeemed)
    assert (numbers["unlocks"], numbers["accepted"]) == (0, 0)
    assert "value_minor" not in numbers


def test_voiding_and_stepping_up_at_once_leave_no_unlock(world: World, app, db):
    venue = world.venue()
    offer = world.offer(venue, min_level="L3", limit_total=100)
    pin = staff_pin(world, venue)
    calls = []
    for _ in range(6):
        customer = world.customer()
        result = world.check_in(customer, venue)
        path = f"/v1/check-ins/{result['id']}"
        proving = (f"{path}/evidence", customer, {"evidence": [pin]})
        voiding = (f"{path}/void", world.key, {"reason": "Race"})
        calls += [lambda p=proving: post(app, p), lambda v=voiding: post(app, v)]
    answers = at_once(calls)
    assert {status for status, _ in answers[::2]} <= {200, 409}
    assert {status for status, _ in answers[1::2]} == {200}
    assert counters(db, offer).get("total", 0) == 0
    numbers = stats(world, "venues", venue)
    assert (numbers["unlocks"], numbers["accepted"], numbers["new_customers"]) == (0, 0, 0)


# --- standings ------------------------------------------------------------------------------


def test_a_blocked_customer_is_told_so_and_gets_nothing_at_this_merchant(
    world: World, other_world: World
):
    venue, customer = world.venue(cool_down_s=0), world.customer()
    world.offer(venue)
    pin = staff_pin(world, venue)
    first = world.check_in(customer, venue)
    stand(world, first, "blocked")
    body = {"venue_id": venue["id"], "evidence": [world.location(), pin]}
    blocked = world.ask("post", "/v1/check-ins", customer, json=body)
    assert (blocked["verdict"], codes(blocked)) == ("rejected", ["blocked"])
    assert (blocked["unlocked"], blocked["receipt"], blocked["needs"]) == ([], None, [])
    assert findings(world, blocked)["standing"] == "blocked"
    there = {"lat": other_world.lat + 1e-5, "lon": other_world.lon + 1e-5}
    elsewhere = world.check_in(customer, other_world.venue(), **there)
    assert "blocked" not in codes(elsewhere)
    stand(world, first, None)
    assert world.check_in(customer, venue)["verdict"] == "accepted"


def test_a_tester_passes_the_behaviour_checks_and_is_in_no_number(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    headers = {"If-Match": f'"{venue["version"]}"'}
    path = f"/v1/venues/{venue['id']}"
    world.ask("patch", path, json={"opening_hours": "off"}, headers=headers)
    pin = staff_pin(world, venue)
    customer = world.customer()
    before = world.check_in(customer, venue)
    assert (before["verdict"], codes(before)) == ("ambiguous", ["closed_hours"])
    stand(world, before, "tester")
    lon, lat = world.lon + 0.0000123, world.lat + 0.0000321
    made = [world.check_in(customer, venue, mock=True, lon=lon, lat=lat) for _ in range(3)]
    assert [result["verdict"] for result in made] == ["accepted"] * 3
    assert [len(result["unlocked"]) for result in made] == [1] * 3
    kinds = {finding["reason"] for finding in findings(world, made[2])["findings"]}
    assert kinds == {"simulated_fix", "repeated_fix", "too_soon", "closed_hours"}
    [unlock] = made[0]["unlocked"]
    assert world.redeem(unlock["code"], venue).status_code == 201
    add(world, customer, made[1], pin)
    void(world, made[2])
    assert said(stats(world, "offers", offer)) == {"ambiguous": 1}
    assert said(stats(world, "venues", venue)) == {"ambiguous": 1}
    away = world.check_in(customer, venue, north_m=5000)
    assert (away["verdict"], codes(away)[0]) == ("rejected", "outside_fence")


def test_staff_get_no_reward_and_are_in_no_number(world: World):
    venue = world.venue(cool_down_s=0)
    offer = world.offer(venue)
    customer = world.customer()
    first = world.check_in(customer, venue, mock=True)
    stand(world, first, "staff")
    result = world.check_in(customer, venue)
    assert (result["verdict"], result["unlocked"]) == ("accepted", [])
    [locked] = result["locked"]
    assert (locked["offer_id"], locked["state"]) == (offer["id"], "locked")
    assert (locked["reason"]["code"], locked["needs"]) == ("not_for_staff", [])
    assert result["needs"] == []
    world.check_in(customer, venue, north_m=5000)
    assert said(stats(world, "venues", venue)) == {"rejected": 1}


# --- the numbers after a step-up ------------------------------------------------------------


def test_after_a_step_up_a_check_in_counts_once_as_what_it_became(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    strict = world.offer(venue, min_level="L3")
    pin = staff_pin(world, venue)
    settled, lifted, left = (world.customer() for _ in range(3))
    doubted = world.check_in(settled, venue, north_m=85)
    world.check_in(left, venue, north_m=85)
    accepted = world.check_in(lifted, venue)
    assert said(stats(world, "venues", venue)) == {
        "ambiguous": 2,
        "accepted": 1,
        "unlocks": 1,
        "unique_customers": 1,
        "new_customers": 1,
    }
    add(world, settled, doubted, pin)
    add(world, lifted, accepted, pin)
    for of, it, unlocks in (("venues", venue, 4), ("offers", offer, 2), ("offers", strict, 2)):
        assert said(stats(world, of, it)) == {
            "ambiguous": 1,
            "accepted": 2,
            "unlocks": unlocks,
            "unique_customers": 2,
            "new_customers": 2,
        }
    days = world.ask(
        "get",
        f"/v1/stats/offers/{strict['id']}/series",
        query_string={
            "by": "day",
            "from": (now() - timedelta(days=1)).isoformat(),
            "to": (now() + timedelta(days=1)).isoformat(),
        },
    )["items"]
    assert sum(day["check_ins"]["accepted"] for day in days) == 2
    assert sum(day["check_ins"]["ambiguous"] for day in days) == 1
