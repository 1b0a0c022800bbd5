"""The review over HTTP: what it is held against, what stops activation, and what is kept of it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from lbs.db import Database
from lbs.offers.policy import Code
from lbs.offers.policy.findings import WORDS
from tests.shares.test_referrer_in_use import BONUS
from tests.world import OFFER, World

DANISH = {"Accept-Language": "da"}
SHOP = "Mo-Su 09:00-18:00"
GIVEN_AWAY = {"teaser": "A filter coffee is on us"}
"""An offer with this teaser does not pass."""
NEWS = {"text": "Gratis filterkaffe, alle størrelser", "channel": "facebook"}
"""What OFFER would repeat."""
LIKE = {"text": "Gratis kaffe og vafler", "channel": "poster"}
"""What OFFER is rather like."""


def review(world: World, offer: dict[str, Any], **options: Any) -> dict[str, Any]:
    return world.ask("get", f"/v1/offers/{offer['id']}/review", **options)


def codes(findings: list[dict[str, Any]]) -> dict[str, str]:
    return {finding["code"]: finding["severity"] for finding in findings}


def as_errors(findings: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What a problem says of those that are errors."""
    names = {
        "text": "detail",
        "pointer": "pointer",
        "code": "rule",
        "mend": "mend",
        "about": "about",
    }
    return [
        {name: finding[member] for member, name in names.items() if finding[member]}
        for finding in findings
        if finding["severity"] == "error"
    ]


def activate(world: World, offer: dict[str, Any], **options: Any) -> Any:
    path = f"/v1/offers/{offer['id']}/status"
    return world.call("post", path, world.key, json={"status": "active"}, **options)


def change(world: World, offer: dict[str, Any], **members: Any) -> Any:
    now = world.ask("get", f"/v1/offers/{offer['id']}")
    headers = {"If-Match": f'"{now["version"]}"'}
    return world.call(
        "patch", f"/v1/offers/{offer['id']}", world.key, json=members, headers=headers
    )


def promote(world: World, **members: Any) -> dict[str, Any]:
    return world.ask("post", "/v1/promotions", json=members)


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def moment(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def windows(opens: str, closes: str) -> dict[str, Any]:
    weekdays = ["mo", "tu", "we", "th", "fr", "sa", "su"]
    return {"windows": [{"weekdays": weekdays, "from": opens, "to": closes}]}


def flash(n: int) -> dict[str, Any]:
    return {"kind": "flash", "n": n, "from": "15:00", "to": "17:00"}


# --- every check of the review ---------------------------------------------------------------


def test_a_good_offer_has_nothing_to_find_and_may_be_activated(world: World):
    offer = world.offer(world.venue(), status="draft")
    assert review(world, offer) == {
        "offer_id": offer["id"],
        "terms_version": 1,
        "may_activate": True,
        "findings": [],
    }
    activated = activate(world, offer).json
    assert (activated["status"], activated["review"]["warnings"]) == ("active", [])


@pytest.mark.parametrize(
    ("members", "hours", "expected", "pointer"),
    [
        # gated
        (GIVEN_AWAY, None, "reward_in_teaser", "#/teaser"),
        ({"teaser": "Filter coffee of any size"}, None, "terms_in_teaser", "#/teaser"),
        ({"teaser": "Say code WARM20"}, None, "code_in_teaser", "#/teaser"),
        ({"value_minor": 100_000}, None, "level_too_low", "#/min_level"),
        # exclusive
        ({"static_code": "WARM20"}, None, "static_code", "#/static_code"),
        ({"terms": "A filter coffee with the code WARM20"}, None, "static_code", "#/terms"),
        # measurable
        ({"value_minor": 0}, None, "value_missing", "#/value_minor"),
        ({"goal": None}, None, "goal_missing", "#/goal"),
        # open
        ({"audience": "existing_customers"}, None, "restriction_unsaid", "#/teaser"),
        ({"audience": "subscribers"}, None, "restriction_unsaid", "#/teaser"),
        ({"audience": "members"}, None, "restriction_unsaid", "#/teaser"),
        ({"terms": "Only for members of our club"}, None, "restriction_unsaid", "#/teaser"),
        # reachable
        ({"venue_ids": []}, None, "nowhere", "#/venue_ids"),
        ({"valid_to": "2021-01-01T00:00:00Z"}, None, "over", "#/valid_to"),
        ({"schedule": windows("06:00", "09:00")}, SHOP, "never_open", "#/schedule"),
        ({"schedule": {"opening_hours": True}}, None, "never_open", "#/schedule"),
        ({"redeem_within_s": 299}, None, "redeem_too_short", "#/redeem_within_s"),
        (
            {"schedule": windows("06:00", "12:00"), "redeem_within_s": 3600},
            SHOP,
            "redeem_before_open",
            "#/redeem_within_s",
        ),
        *(
            ({"rule": flash(20), f"limit_{name}": 5}, None, "limit_below_target", f"#/limit_{name}")
            for name in ("total", "per_day", "per_venue", "per_venue_day")
        ),
        ({"min_level": "L3"}, None, "level_unreachable", "#/min_level"),
        # fair to share
        ({**BONUS, "limit_per_customer": None}, None, "referrer_uncapped", "#/limit_per_customer"),
        ({**BONUS, "terms": "One filter coffee"}, None, "sponsor_unsaid", "#/terms"),
    ],
)
def test_an_error_is_found_and_stops_activation(
    world: World, members: dict[str, Any], hours: str | None, expected: str, pointer: str
):
    venue = world.venue(opening_hours=hours)
    offer = world.offer(venue, status="draft", **members)
    found = review(world, offer)
    assert found["may_activate"] is False
    [finding] = [each for each in found["findings"] if each["code"] == expected]
    assert (finding["severity"], finding["pointer"]) == ("error", pointer)
    member = pointer.removeprefix("#/")
    assert member in offer
    refused = activate(world, offer)
    assert (refused.status_code, refused.json["code"]) == (409, "offer-not-ready")
    assert refused.json["errors"] == as_errors(found["findings"])
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer


@pytest.mark.parametrize(
    ("members", "hours", "expected"),
    [
        ({"value_minor": 10_000}, None, "level_too_low"),
        ({"currency": "THB"}, None, "value_unweighed"),
        ({"cost_minor": 0}, None, "cost_zero"),
        ({"reward": {"kind": "amount", "amount_minor": 100}}, None, "value_differs"),
        ({"teaser": "Warm, for members", "terms": "Coffee, but only for our members"}, None,
         "restriction_undeclared"),
        ({"redeem_within_s": 600}, None, "redeem_too_short"),
    ],
)  # fmt: skip
def test_a_warning_is_shown_and_kept_and_stops_nothing(
    world: World, members: dict[str, Any], hours: str | None, expected: str
):
    offer = world.offer(world.venue(opening_hours=hours), status="draft", **members)
    found = review(world, offer)
    assert (found["may_activate"], codes(found["findings"])) == (True, {expected: "warning"})
    activated = activate(world, offer).json
    assert activated["review"]["warnings"] == found["findings"]
    assert world.ask("get", f"/v1/offers/{offer['id']}") == activated


@pytest.mark.parametrize(
    ("members", "hours"),
    [
        ({"teaser": "Warm, for our members", "audience": "members"}, None),
        ({"rule": flash(20), "limit_per_venue_day": 20}, None),
        ({"redeem_within_s": 3600}, SHOP),
        ({"schedule": {"opening_hours": True}, "redeem_within_s": 3600}, SHOP),
        ({"schedule": windows("17:00", "18:00"), "redeem_within_s": 3600}, SHOP),
    ],
)
def test_what_mends_an_offer_lets_it_pass(world: World, members: dict[str, Any], hours: str | None):
    venue = world.venue(opening_hours=hours)
    assert world.offer(venue, **members)["review"]["warnings"] == []


def test_every_finding_can_be_made_over_http():
    """Those that the tables above do not have are below, one with the bonus itself; one cannot be
    sent at all.
    """
    tables = [
        mark.args[1]
        for test in (
            test_an_error_is_found_and_stops_activation,
            test_a_warning_is_shown_and_kept_and_stops_nothing,
        )
        for mark in test.pytestmark
    ]
    shown = {case[2] for table in tables for case in table}
    below = {"reposted_promotion", "like_promotion", "like_other_offer", "codes_too_few"}
    by_schema, where_it_is_off = {"cost_missing"}, {"referrer_off"}
    assert shown | below | by_schema | where_it_is_off == set(Code)
    assert not shown & below


# --- what it is held against -----------------------------------------------------------------


def test_a_public_promotion_may_not_be_repeated(world: World, other_world: World):
    promote(other_world, **NEWS)
    offer = world.offer(world.venue(), status="draft")
    assert review(world, offer)["findings"] == []
    promotion = promote(world, **NEWS)
    [finding] = review(world, offer)["findings"]
    assert (finding["code"], finding["severity"]) == ("reposted_promotion", "error")
    assert finding["about"] == promotion["id"]
    assert NEWS["text"] in finding["text"]
    [error] = activate(world, offer).json["errors"]
    assert (error["rule"], error["about"]) == ("reposted_promotion", promotion["id"])
    world.ask("delete", f"/v1/promotions/{promotion['id']}")
    assert activate(world, offer).status_code == 200


def test_an_imported_promotion_counts_too(world: World):
    sheet = f'text,channel\n"{NEWS["text"]}",facebook\n'
    headers = {"Content-Type": "text/csv"}
    world.ask("post", "/v1/promotions/import", data=sheet.encode(), headers=headers)
    offer = world.offer(world.venue(), status="draft")
    assert codes(review(world, offer)["findings"]) == {"reposted_promotion": "error"}


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [(None, None, True), (None, day(-3), False), (day(-9), day(0), True), (day(9), None, True),
     (day(23), None, False)],
)  # fmt: skip
def test_only_promotions_of_now_and_of_the_offers_time_count(
    world: World, first: str | None, last: str | None, *, told: bool
):
    promote(world, **NEWS, starts_on=first, ends_on=last)
    offer = world.offer(world.venue(), status="draft", valid_from=moment(-20), valid_to=moment(20))
    assert bool(review(world, offer)["findings"]) == told


def test_a_promotion_that_is_rather_like_it_is_a_warning(world: World):
    promotion = promote(world, **LIKE)
    offer = world.offer(world.venue())
    [warning] = offer["review"]["warnings"]
    assert (warning["code"], warning["about"]) == ("like_promotion", promotion["id"])


def test_another_offer_of_the_merchant_that_gives_the_same_is_told(
    world: World, other_world: World
):
    other_world.offer(other_world.venue())
    first = world.offer(world.venue())
    assert first["review"]["warnings"] == []
    second = world.offer(world.venue(east_m=500))
    [warning] = second["review"]["warnings"]
    assert (warning["code"], warning["about"]) == ("like_other_offer", first["id"])
    cake = {"terms": "A slice of today's cake", "reward": {"kind": "free_item", "item": "Cake"}}
    assert world.offer(world.venue(east_m=900), **cake)["review"]["warnings"] == []


@pytest.mark.parametrize(
    ("kind", "highest"),
    [("poster_code", 1), ("venue_code", 3), ("beacon", 3), ("reader", 3), ("staff", 3)],
)
def test_every_venue_has_to_have_a_way_to_give_the_level(world: World, kind: str, highest: int):
    bare, able = world.venue(name="Bare"), world.venue(east_m=500)
    proofs = f"/v1/venues/{able['id']}/proofs"
    proof = world.ask("post", proofs, json={"kind": kind, "name": "x"})
    offer = world.offer(able, status="draft", min_level="L3")
    assert review(world, offer)["may_activate"] == (highest >= 3)
    change(world, offer, venue_ids=[able["id"], bare["id"]])
    told = [each["about"] for each in review(world, offer)["findings"]]
    assert told == [bare["id"]] if highest >= 3 else [able["id"], bare["id"]]
    change(world, offer, venue_ids=[able["id"]])
    world.ask("delete", f"{proofs}/{proof['id']}")
    assert codes(review(world, offer)["findings"]) == {"level_unreachable": "error"}


def test_the_venues_own_level_and_those_of_a_group_count(world: World):
    venue = world.venue(min_level="L3")
    group = world.ask("post", "/v1/venue-groups", json={"name": "g", "venue_ids": [venue["id"]]})
    offer = world.offer(status="draft", group_ids=[group["id"]])
    [finding] = review(world, offer)["findings"]
    assert (finding["code"], finding["about"]) == ("level_unreachable", venue["id"])
    assert "Venue" in finding["text"]


def test_where_something_is_to_happen_people_come_at_other_hours(world: World):
    venue = world.venue(opening_hours="off")
    offer = world.offer(venue, status="draft")
    assert codes(review(world, offer)["findings"]) == {"never_open": "error"}
    times = {"starts_at": moment(1), "ends_at": moment(2)}
    body = {"venue_id": venue["id"], "name": "Concert", **times}
    happening = world.ask("post", "/v1/events", json=body)
    assert review(world, offer)["findings"] == []
    world.ask("delete", f"/v1/events/{happening['id']}")
    assert review(world, offer)["may_activate"] is False


def test_codes_of_its_own_have_to_be_enough(world: World):
    offer = world.offer(world.venue(), status="draft", rule=flash(2))
    path = f"/v1/offers/{offer['id']}/codes/import"
    assert review(world, offer)["findings"] == []
    for number, told in ((1, {"codes_too_few": "error"}), (2, {})):
        code = f"TAK-4711-ABC{number}"
        world.ask("post", path, data=code, content_type="text/csv")
        assert codes(review(world, offer)["findings"]) == told


CROWDS = [
    {"kind": "swarm", "n": 20},
    {"kind": "party", "n": 20},
    {"kind": "all_of", "rules": [{"kind": "every_visit"}, {"kind": "swarm", "n": 20}]},
    {"kind": "any_of", "rules": [{"kind": "swarm", "n": 20}, {"kind": "first_visit"}]},
]


@pytest.mark.parametrize("rule", CROWDS, ids=lambda rule: rule["kind"])
def test_a_swarm_of_twenty_with_a_limit_of_five_a_day_is_refused(world: World, rule: Any):
    offer = world.offer(world.venue(), status="draft", rule=rule, limit_per_day=5)
    [finding] = review(world, offer)["findings"]
    assert (finding["code"], finding["pointer"]) == ("limit_below_target", "#/limit_per_day")
    assert activate(world, offer).status_code == 409
    change(world, offer, limit_per_day=20)
    assert activate(world, offer).status_code == 200


# --- activation, changes and what is kept ----------------------------------------------------


def test_findings_speak_the_readers_language(world: World):
    offer = world.offer(world.venue(), status="draft", **GIVEN_AWAY)
    words = WORDS[Code.REWARD_IN_TEASER]
    for headers, texts in (({}, (words.en, words.mend_en)), (DANISH, (words.da, words.mend_da))):
        [first] = [
            each
            for each in review(world, offer, headers=headers)["findings"]
            if each["code"] == "reward_in_teaser"
        ]
        assert (first["text"], first["mend"]) == texts
        refused = activate(world, offer, headers=headers).json
        assert refused["errors"][0] == as_errors([first])[0]
    change(world, offer, teaser=OFFER["teaser"], cost_minor=0)
    activate(world, offer)
    path = f"/v1/offers/{offer['id']}"
    [warning] = world.ask("get", path, headers=DANISH)["review"]["warnings"]
    assert warning["text"] == WORDS[Code.COST_ZERO].da


def test_a_change_of_an_active_offer_is_reviewed_again(world: World):
    offer = world.offer(world.venue())
    refused = change(world, offer, **GIVEN_AWAY)
    assert (refused.status_code, refused.json["code"]) == (409, "offer-not-ready")
    assert "reward_in_teaser" in [each["rule"] for each in refused.json["errors"]]
    assert world.ask("get", f"/v1/offers/{offer['id']}") == offer
    warned = change(world, offer, cost_minor=0).json
    assert codes(warned["review"]["warnings"]) == {"cost_zero": "warning"}
    assert warned["review"]["terms_version"] == 2
    mended = change(world, warned, cost_minor=600).json
    assert mended["review"]["warnings"] == []
    assert mended["review"]["at"] == mended["updated_at"]


def test_a_paused_offer_may_be_changed_and_is_reviewed_when_it_goes_on(world: World):
    offer = world.offer(world.venue())
    status = f"/v1/offers/{offer['id']}/status"
    paused = world.ask("post", status, json={"status": "paused"})
    assert paused["review"] == offer["review"]
    assert change(world, offer, **GIVEN_AWAY).status_code == 200
    assert activate(world, offer).status_code == 409
    promote(world, **LIKE)
    change(world, offer, teaser=OFFER["teaser"])
    assert codes(activate(world, offer).json["review"]["warnings"]) == {"like_promotion": "warning"}


def test_an_active_offer_stays_what_it_is_whatever_is_promoted_later(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    promote(world, **NEWS)
    assert review(world, offer)["may_activate"] is False
    assert activate(world, offer).status_code == 200
    assert len(world.check_in(world.customer(), venue)["unlocked"]) == 1
    assert change(world, offer, limit_total=9).status_code == 409


def test_warnings_are_in_the_audit_log(world: World):
    offer = world.offer(world.venue(), cost_minor=0)
    change(world, offer, value_minor=10_000)
    change(world, offer, value_minor=3500, cost_minor=600)
    query = {"resource_id": offer["id"]}
    entries = world.ask("get", "/v1/audit", query_string=query)["items"]
    told = [
        (entry["action"], each["old"], each["new"])
        for entry in entries
        for each in entry["changes"]
        if each["member"] == "warnings"
    ]
    both = ["level_too_low", "cost_zero"]
    assert told == [
        ("offer.changed", both, None),
        ("offer.changed", ["cost_zero"], both),
        ("offer.status_set", None, ["cost_zero"]),
    ]


def test_a_draft_that_was_never_active_and_a_copy_have_no_review(world: World):
    offer = world.offer(world.venue(), cost_minor=0)
    copy = world.ask("post", f"/v1/offers/{offer['id']}/copies", json={})
    assert copy["review"] is None
    assert copy["goal"] == offer["goal"]
    assert world.offer(status="draft")["review"] is None


def test_an_ended_offer_can_be_reviewed_and_not_activated(world: World):
    offer = world.offer(world.venue(), status="ended")
    assert (review(world, offer)["findings"], review(world, offer)["may_activate"]) == ([], False)


# --- who may, and what it costs --------------------------------------------------------------


def test_another_merchants_offer_is_not_reviewed(world: World, other_world: World):
    foreign = other_world.offer(other_world.venue())
    for offer in (foreign, {"id": str(uuid.uuid4())}):
        problem = review(world, offer, status=404)
        assert problem["code"] == "offer-not-found"


def test_a_review_takes_four_statements_more_than_reading_whatever_there_is(
    world: World, db: Database
):
    venues = [world.venue(east_m=500 * number) for number in range(3)]
    offer = world.offer(*venues, status="draft")
    path = f"/v1/offers/{offer['id']}"
    for _ in range(2):
        assert statements(db, world, f"{path}/review") - statements(db, world, path) == 4
        promote(world, **LIKE)
        world.offer(*venues)


def statements(db: Database, world: World, path: str) -> int:
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    world.ask("get", path)
    event.remove(db.engine, "before_cursor_execute", note)
    return len(sent)


def test_many_promotions_and_venues_are_reviewed_in_a_moment(world: World, db: Database):
    """A file of promotions, and a chain: half a second alone; other work may run beside."""
    sheet = "text,channel\n" + "".join(
        f"{number} % på varer i gruppe {number},facebook\n" for number in range(5000)
    )
    headers = {"Content-Type": "text/csv"}
    world.ask("post", "/v1/promotions/import", data=sheet.encode(), headers=headers)
    venue = world.venue(opening_hours=SHOP)
    with db.transaction() as session:
        session.execute(
            text("""
                INSERT INTO venue SELECT (jsonb_populate_record(venue, jsonb_build_object(
                    'id', gen_random_uuid(),
                    'opening_hours', format('Mo-Fr 08:%s-18:00', lpad((n % 60)::text, 2, '0'))
                ))).* FROM venue, generate_series(1, 500) AS n WHERE id = :id
            """),
            {"id": venue["id"]},
        )
        ids = session.scalars(
            text("SELECT id::text FROM venue WHERE merchant_id = :id"), {"id": world.merchant_id}
        ).all()
    early = {"schedule": windows("06:00", "12:00"), "redeem_within_s": 3600}
    offer = world.offer(status="draft", venue_ids=list(ids), **early)
    began = datetime.now(UTC)
    findings = review(world, offer)["findings"]
    assert datetime.now(UTC) - began < timedelta(seconds=10)
    assert [each["code"] for each in findings] == ["redeem_before_open"] * 20
