"""Public promotions through the interface, and what an offer is held against."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from lbs.db import Database
from lbs.offers import queries, service
from lbs.offers.policy import Context
from lbs.venues.schemas import MAX_IMPORT
from tests.world import World

PATH = "/v1/promotions"
GIVEN = {
    "text": "2 for 1 på alle burgere om tirsdagen",
    "channel": "facebook",
    "url": "https://burger.example/tirsdag?a=1",
    "starts_on": "2026-11-01",
    "ends_on": "2026-11-30",
}


def create(world: World, **members: Any) -> Any:
    return world.call("post", PATH, world.key, json={**GIVEN, **members})


def change(world: World, promotion: dict[str, Any], version: int | None, **members: Any) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    path = f"{PATH}/{promotion['id']}"
    return world.call("patch", path, world.key, json=members, headers=headers)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def pointers(response: Any) -> list[str]:
    assert response.status_code == 422, response.text
    return list(dict.fromkeys(error["pointer"] for error in response.json["errors"]))


def send(world: World, document: str | bytes, mode: str = "", **headers: str) -> Any:
    return world.call(
        "post",
        f"{PATH}/import{mode and f'?mode={mode}'}",
        world.key,
        data=document.encode() if isinstance(document, str) else document,
        headers={"Content-Type": "text/csv", **headers},
    )


def texts(world: World, query: str = "") -> list[str]:
    return [row["text"] for row in world.ask("get", f"{PATH}{query}")["items"]]


# --- create, read, list, change, delete -----------------------------------------------------


def test_a_promotion_is_created_and_read_as_it_was_given(world: World):
    response = create(world)
    assert (response.status_code, response.headers["ETag"]) == (201, '"1"')
    assert {name: response.json[name] for name in GIVEN} == GIVEN
    read = world.call("get", f"{PATH}/{response.json['id']}", world.key)
    assert (read.json, read.headers["ETag"]) == (response.json, '"1"')
    assert read.json["created_at"].endswith("Z")


def test_only_text_and_channel_are_needed(world: World):
    body = {"text": "Ny menu", "channel": "poster"}
    promotion = world.ask("post", PATH, json=body)
    assert [promotion[name] for name in ("url", "starts_on", "ends_on")] == [None] * 3


def test_the_same_request_makes_one_promotion(world: World):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [
        world.call("post", PATH, world.key, json=GIVEN, headers=headers).json for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(texts(world)) == 1


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("text", ""),
        ("text", "  "),
        ("text", "x" * 2001),
        ("text", None),
        ("channel", "x" * 101),
        ("channel", ""),
        ("url", "javascript:alert(1)"),
        ("url", "ftp://burger.example/"),
        ("url", "burger"),
        ("url", "https://burger.example/" + "x" * 2000),
        ("starts_on", "01-11-2026"),
        ("starts_on", "20261101"),
        ("starts_on", "2026-W45-1"),
        ("starts_on", "2026-02-30"),
        ("starts_on", "2026-11-01T00:00:00Z"),
        ("starts_on", 1),
        ("ends_on", "1999-12-31"),
        ("ends_on", "2201-01-01"),
        ("ends_on", "2026-10-31"),
        ("colour", "red"),
    ],
)
def test_what_is_wrong_is_refused_where_it_is(world: World, member: str, value: Any):
    assert pointers(create(world, **{member: value})) == [f"#/{member}"]
    assert texts(world) == []


@pytest.mark.parametrize("ends_on", ["2026-11-01", "2026-11-02", None])
def test_a_promotion_may_last_one_day_or_have_no_end(world: World, ends_on: str | None):
    assert create(world, ends_on=ends_on).status_code == 201


def test_promotions_are_listed_newest_first_page_by_page(world: World, other_world: World):
    create(other_world)
    made = [create(world, text=f"Nr. {number}").json["text"] for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = world.ask("get", f"{PATH}?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [row["text"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("day", "running"),
    [
        ("2026-10-31", ["until", "always"]),
        ("2026-11-01", ["both", "until", "always"]),
        ("2026-11-30", ["since", "both", "until", "always"]),
        ("2026-12-01", ["since", "always"]),
    ],
)
def test_those_that_run_on_a_day_are_found(world: World, day: str, running: list[str]):
    create(world, text="always", starts_on=None, ends_on=None)
    create(world, text="until", starts_on=None)
    create(world, text="both")
    create(world, text="since", starts_on="2026-11-02", ends_on=None)
    assert texts(world, f"?running_on={day}") == running
    assert len(texts(world)) == 4


def test_a_day_that_is_none_is_refused(world: World):
    assert world.call("get", f"{PATH}?running_on=today", world.key).status_code == 422


def test_a_promotion_is_changed_by_who_has_read_it(world: World):
    promotion = create(world).json
    changed = change(world, promotion, 1, text="3 for 2", url=None, ends_on=None)
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json["version"] == 2
    assert [changed.json[name] for name in ("text", "url", "ends_on", "channel")] == [
        "3 for 2", None, None, "facebook",
    ]  # fmt: skip
    assert code_of(change(world, promotion, 1, text="x")) == (412, "version-outdated")
    assert change(world, promotion, None, text="x").status_code == 428
    assert world.ask("get", f"{PATH}/{promotion['id']}") == changed.json


def test_a_change_keeps_the_dates_in_order(world: World):
    promotion = create(world).json
    refused = (409, "promotion-dates-refused")
    assert code_of(change(world, promotion, 1, ends_on="2026-10-31")) == refused
    assert code_of(change(world, promotion, 1, starts_on="2026-12-01")) == refused
    both = {"starts_on": "2026-12-02", "ends_on": "2026-12-01"}
    assert pointers(change(world, promotion, 1, **both)) == ["#/ends_on"]
    assert change(world, promotion, 1, ends_on="2026-11-01").status_code == 200


def test_a_deleted_promotion_is_gone(world: World):
    promotion = create(world).json
    path = f"{PATH}/{promotion['id']}"
    assert world.call("delete", path, world.key).status_code == 204
    assert code_of(world.call("delete", path, world.key)) == (404, "promotion-not-found")
    assert code_of(world.call("get", path, world.key)) == (404, "promotion-not-found")


def test_another_merchants_promotion_is_not_there(world: World, other_world: World):
    foreign = create(other_world).json
    missing = (404, "promotion-not-found")
    for promotion in (foreign, {"id": str(uuid.uuid4())}):
        path = f"{PATH}/{promotion['id']}"
        assert code_of(world.call("get", path, world.key)) == missing
        assert code_of(change(world, promotion, 1, text="x")) == missing
        assert code_of(world.call("delete", path, world.key)) == missing
    assert other_world.ask("get", f"{PATH}/{foreign['id']}") == foreign


def test_it_takes_the_scope_offers(world: World):
    key = world.key_with("stats")
    assert code_of(world.call("get", PATH, key)) == (403, "scope-missing")
    assert world.call("get", PATH, world.key_with("offers")).status_code == 200
    assert world.call("get", PATH, world.customer()).status_code == 401


# --- import ---------------------------------------------------------------------------------

SHEET = """text,channel,url,starts_on,ends_on
2 for 1 på burgere,facebook,https://burger.example/,2026-11-01,2026-11-30
"Ny menu, nu med ""is""
og kaffe",poster,,,
"""


def test_a_sheet_is_imported_in_its_order(world: World):
    report = send(world, SHEET)
    assert report.status_code == 201
    assert report.json["refused"] == []
    rows = [world.ask("get", f"{PATH}/{one}") for one in report.json["created"]]
    assert [row["text"] for row in rows] == ["2 for 1 på burgere", 'Ny menu, nu med "is"\nog kaffe']
    assert [row["starts_on"] for row in rows] == ["2026-11-01", None]


def test_a_sheet_as_danish_spreadsheets_write_it_is_taken(world: World):
    sheet = "\ufeffChannel;TEXT;ends_on\r\nplakat;Smørrebrød, 3 for 2;2026-11-30\r\n\r\n;;\r\n"
    [made] = send(world, sheet).json["created"]
    promotion = world.ask("get", f"{PATH}/{made}")
    assert (promotion["text"], promotion["channel"]) == ("Smørrebrød, 3 for 2", "plakat")


def test_importing_again_makes_nothing_twice(world: World):
    assert len(send(world, SHEET).json["created"]) == 2
    more = f"{SHEET}Ny,poster,,,\nNy,poster,,,\nNy,radio,,,\n"
    report = send(world, more).json
    assert (len(report["created"]), report["already_there"]) == (2, 3)
    assert len(texts(world)) == 4
    assert send(world, more).json == {"created": [], "already_there": 5, "refused": []}


BAD = """text,channel,ends_on
Good,facebook,2026-11-30
,facebook,2026-11-30
"Two
lines",facebook,30-11-2026
Too long,facebook,2026-11-30,x
Short,poster
No channel,
"""


def test_all_or_nothing_takes_nothing_and_tells_every_line(world: World):
    for mode in ("", "all_or_nothing"):
        response = send(world, BAD, mode)
        assert pointers(response) == ["#/3/text", "#/4/ends_on", "#/6", "#/8/channel"]
    assert texts(world) == []


def test_each_takes_what_is_right_and_reports_what_is_not(world: World):
    report = send(world, BAD, "each").json
    assert len(report["created"]) == 2
    assert sorted(texts(world)) == ["Good", "Short"]
    assert [(line["line"], line["text"]) for line in report["refused"]] == [
        (3, None), (4, "Two\nlines"), (6, "Too long"), (8, "No channel"),
    ]  # fmt: skip
    assert [line["errors"][0]["pointer"] for line in report["refused"]] == [
        "#/text", "#/ends_on", "#", "#/channel",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["all_or_nothing", "each"])
@pytest.mark.parametrize(
    "header",
    ["text", "channel,text,start_on", "text,text,channel", "text,channel,", "Good,facebook", "{}"],
)
def test_a_header_that_is_none_is_refused(world: World, header: str, mode: str):
    assert pointers(send(world, f"{header}\na,b,c\n", mode)) == ["#/1"]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ("", 422),
        ("text,channel\n", 422),
        ("text,channel\n\n,\n", 422),
        (b"text,channel\nBl\xe5b\xe6r,facebook\n", 400),
        ('text,channel\n"open,facebook\n', 400),
        ('text,channel\n"a"b,facebook\n', 400),
        ("text,channel\n" + "x" * 200_000 + ",facebook\n", 400),
    ],
)
def test_what_is_no_sheet_is_refused(world: World, document: str | bytes, status: int):
    assert send(world, document, "each").status_code == status
    assert texts(world) == []


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_a_sheet_has_to_say_that_it_is_one(world: World, kind: str):
    assert send(world, SHEET, **{"Content-Type": kind}).status_code == 415


def test_nul_is_refused_by_its_line(world: World):
    assert pointers(send(world, "text,channel\na\0b,facebook\n")) == ["#/2/text"]


def test_five_thousand_rows_are_the_most(world: World):
    rows = "\n".join(f"{number} % på alt,facebook" for number in range(MAX_IMPORT))
    assert len(send(world, f"text,channel\n{rows}").json["created"]) == MAX_IMPORT
    assert pointers(send(world, f"text,channel\n{rows}\nx,y")) == ["#/1"]


def test_the_same_import_is_carried_out_once(world: World):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (send(world, SHEET, **key) for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json == again.json


# --- what an offer is held against ----------------------------------------------------------


def context_of(db: Database, world: World, offer: dict[str, Any]) -> Context:
    with db.transaction() as session:
        merchant_id = UUID(str(world.merchant_id))
        found = service.load_offer(session, UUID(offer["id"]), merchant_id)
        return queries.review_context(session, merchant_id, found, datetime.now(UTC))


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def moment(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_the_promotions_that_may_run_at_the_same_time_are_there(
    db: Database, world: World, other_world: World
):
    create(other_world, starts_on=None, ends_on=None)
    for text, starts_on, ends_on in (
        ("gone", None, day(-5)),
        ("gone somewhere", None, day(-1)),
        ("on", day(0), day(0)),
        ("about to come", day(10), None),
        ("far ahead", day(20), None),
        ("always", None, None),
    ):
        create(world, text=text, starts_on=starts_on, ends_on=ends_on)
    offer = world.offer(world.venue(), valid_from=moment(-10), valid_to=moment(10))
    found = context_of(db, world, offer).promotions
    assert {each.text for each in found} == {"gone somewhere", "on", "about to come", "always"}
    [on] = [each for each in found if each.text == "on"]
    assert (on.channel, on.starts_on) == ("facebook", date.fromisoformat(day(0)))


def test_the_other_offers_that_have_not_ended_are_there(
    db: Database, world: World, other_world: World
):
    other_world.offer(other_world.venue())
    venue = world.venue()
    offer = world.offer(venue, status="draft")
    for status in ("draft", "active", "paused", "ended"):
        world.offer(venue, status=status, teaser=status)
    found = context_of(db, world, offer).offers
    assert sorted(each.teaser for each in found) == ["active", "paused"]
    assert found[0].reward == offer["reward"]


def test_the_newest_terms_count(db: Database, world: World):
    venue = world.venue()
    offer, other = world.offer(venue), world.offer(venue)
    world.ask(
        "patch",
        f"/v1/offers/{other['id']}",
        json={"teaser": "Changed"},
        headers={"If-Match": f'"{other["version"]}"'},
    )
    [found] = context_of(db, world, offer).offers
    assert found.teaser == "Changed"


def test_the_open_venues_with_their_live_proofs_are_there(db: Database, world: World):
    plain, group_venue, retired = (
        world.venue(name=name, east_m=east) for name, east in (("a", 0), ("b", 500), ("c", 900))
    )
    both = [plain["id"], group_venue["id"]]
    group = world.ask("post", "/v1/venue-groups", json={"name": "g", "venue_ids": both})
    offer = world.offer(plain, retired, group_ids=[group["id"]])
    world.call("delete", f"/v1/venues/{retired['id']}", world.key)
    proofs = f"/v1/venues/{group_venue['id']}/proofs"
    for body in ({"kind": "staff", "name": "Ida"}, {"kind": "staff", "name": "Bo"}):
        world.ask("post", proofs, json=body)
    kiosk = world.ask("post", proofs, json={"kind": "venue_code", "name": "Kiosk"})
    world.call("delete", f"{proofs}/{kiosk['id']}", world.key)
    places = context_of(db, world, offer).places
    assert [(place.name, place.min_level, place.proofs) for place in places] == [
        ("a", 1, frozenset()),
        ("b", 1, frozenset({"staff"})),
    ]


def test_whether_devices_are_attested_is_known(db: Database, world: World):
    offer = world.offer(world.venue())
    assert isinstance(context_of(db, world, offer).attests, bool)
