"""The page of a link: what it shows, to whom, and what is counted of whoever opens it."""

from __future__ import annotations

import gzip
import io
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from flask import Flask
from PIL import Image
from sqlalchemy import text
from werkzeug.test import TestResponse

from lbs.app import create_app
from lbs.config import Settings
from lbs.shares.service import forget_visitors
from tests.proofs.pictures import qr_code
from tests.racing import at_once
from tests.shares.test_followers import META, SAFARI
from tests.unlocks.stock import events
from tests.world import World, now

CRAWLER = META[0]
OTHER_PHONE = SAFARI.replace("18_1", "17_0")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG = {"valid_to": "2030-01-01T00:00:00Z"}
SECRET = "One filter coffee of any size"
FIRST_KB = 1024


class Head(HTMLParser):
    """The tags of a head that say something, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and "charset" not in given:
            self.said.append((given.get("property") or given["name"] or "", given["content"] or ""))
        if tag == "link":
            self.said.append((given["rel"] or "", given["href"] or ""))


def shared(world: World, offer: dict[str, Any], customer: str | None = None) -> str:
    path = f"/v1/offers/{offer['id']}/shares"
    return world.ask("post", path, customer or world.customer())["token"]


def follow(
    world: World, token: str, agent: str = SAFARI, method: str = "get", **options: Any
) -> TestResponse:
    headers = {"User-Agent": agent, **options.pop("headers", {})}
    base = {"environ_base": {"REMOTE_ADDR": options.pop("address", "198.51.100.7")}}
    return world.client.open(
        f"/s/{token}", method=method.upper(), headers=headers, **base, **options
    )


def picture_of(page: TestResponse) -> str:
    """The path of its picture."""
    return dict(Head(page.text).said)["og:image"].removeprefix("http://127.0.0.1:8080")


def counted(db: Any, offer: dict[str, Any]) -> tuple[int, int]:
    """People and fetches."""
    return len(events(db, offer, "share_visited")), len(events(db, offer, "share_fetched"))


@pytest.fixture
def configured(settings: Settings) -> Iterator[Callable[..., World]]:
    """Makes a world of a service with other settings."""
    worlds: list[World] = []

    def make(**changes: Any) -> World:
        worlds.append(World(create_app(replace(settings, **changes))))
        return worlds[-1]

    yield make
    for world in worlds:
        world.db.engine.dispose()


# --- what it shows ----------------------------------------------------------------------------


def test_people_and_crawlers_get_the_same_bytes_and_no_redirect(world: World):
    token = shared(world, world.offer(world.venue()))
    with time_machine.travel(now(), tick=False):
        answers = [
            follow(world, token, agent, headers=headers)
            for agent in (SAFARI, CRAWLER, "")
            for headers in ({}, {"Range": "bytes=0-524288"}, {"Range": "bytes=0-9"})
        ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert not any("Content-Range" in answer.headers for answer in answers)


def test_the_tags_are_in_the_order_that_crawlers_read_and_within_the_first_kilobyte(
    configured: Callable[..., World],
):
    world = configured(facebook_app_id="1234567890", public_url="https://lbs.example.com")
    venue = world.venue(name="Kaffebar Ærø på Nørrebro")
    teaser = "Noget varmt til dig, der kommer forbi på en grå dag"
    token = shared(world, world.offer(venue, teaser=teaser))
    page = follow(world, token, headers={"Accept-Language": "da"})
    link = f"https://lbs.example.com/s/{token}"
    said = Head(page.text).said
    pictured = f"https://lbs.example.com{picture_of(page).removeprefix('https://lbs.example.com')}"
    assert said == [
        ("og:url", link),
        ("og:type", "website"),
        ("og:title", f"{teaser} · Kaffebar Ærø på Nørrebro"),
        (
            "og:description",
            "Tjek ind, når du er der, og se, hvad det er. Det åbner ved hvert besøg.",
        ),
        ("og:image", pictured),
        ("og:image:width", "1200"),
        ("og:image:height", "630"),
        ("og:image:alt", teaser),
        ("og:site_name", "Merchant"),
        ("og:locale", "da_DK"),
        ("fb:app_id", "1234567890"),
        ("canonical", link),
        ("robots", "noindex"),
        ("viewport", "width=device-width, initial-scale=1"),
    ]
    assert page.data.index(b'name="robots"') < FIRST_KB
    assert pictured.startswith(f"{link}/")
    assert page.headers["X-Robots-Tag"] == "noindex"


def test_it_says_where_when_and_how_but_nothing_that_is_hidden(world: World):
    venue = world.venue(name="Kaffebar Ærø", opening_hours="Mo-Fr 08:00-18:00")
    with time_machine.travel(NOON, tick=False):
        offer = world.offer(
            venue,
            reward={"kind": "free_item", "item": "A filter coffee"},
            rule={"kind": "referred"},
            schedule={"opening_hours": True},
            static_code=None,
            **LONG,
        )
        page = follow(world, shared(world, offer)).text
        danish = follow(world, shared(world, offer), headers={"Accept-Language": "da-DK"}).text
    assert "Something warm is on us" in page
    assert "Kaffebar Ærø" in page
    assert "On now, until 18:00." in page
    assert "It opens for those whom a friend has sent." in page
    assert "The offer ends on 1 January 2030." in page
    assert "Gælder nu, indtil 18.00." in danish
    assert "Det åbner for dem, som en ven har sendt." in danish
    assert f"mlat={venue['location']['lat']:.5f}" in page
    for hidden in (SECRET, "filter coffee", "DKK", offer["id"], str(world.merchant_id)):
        assert hidden not in page


@pytest.mark.parametrize(
    ("at", "schedule", "said"),
    [
        ("2026-06-01T12:00Z", {}, "At any time."),
        (
            "2026-06-01T19:00Z",
            {"opening_hours": True},
            "Next: Tuesday 2 June, 08:00 to 18:00.",
        ),
        (
            "2026-06-06T12:00Z",
            {"windows": [{"weekdays": ["sa"], "from": "22:00", "to": "03:00"}]},
            "Next: Saturday 6 June, 22:00 to 03:00.",
        ),
        (
            "2026-06-06T23:00Z",
            {"windows": [{"weekdays": ["sa"], "from": "22:00", "to": "03:00"}]},
            "On now, until 03:00.",
        ),
        (
            "2026-06-01T12:00Z",
            {"dates": [{"from_date": "2026-07-01", "to_date": "2026-07-02"}]},
            "Next: Wednesday 1 July, 00:00 to Friday 3 July, 00:00.",
        ),
        (
            "2026-06-01T12:00Z",
            {"dates": [{"from_date": "2026-05-01", "to_date": "2026-05-02"}]},
            "At no time that is known.",
        ),
    ],
)
def test_it_says_when_by_the_clock_of_the_venue(
    world: World, db, at: str, schedule: dict[str, Any], said: str
):
    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC), tick=False):
        hours = "Mo-Fr 08:00-18:00" if "opening_hours" in schedule else None
        offer = world.offer(world.venue(opening_hours=hours), schedule=schedule, **LONG)
        token = shared(world, offer)
    with time_machine.travel(datetime.fromisoformat(at), tick=False):
        assert f'<span class="when">{said}</span>' in follow(world, token).text


STANDINGS = {
    "paused": "It is paused just now. Come back to this page later.",
    "ended": "This offer is over.",
}


@pytest.mark.parametrize("status", STANDINGS)
def test_an_offer_that_does_not_run_keeps_its_page_and_its_picture(world: World, status: str):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    before = follow(world, token)
    world.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": status})
    after = follow(world, token)
    assert after.status_code == 200
    assert STANDINGS[status] in after.text
    assert STANDINGS[status] not in before.text
    assert ("Check in with the app" in after.text) is (status == "paused")
    assert picture_of(after) == picture_of(before)
    assert world.client.get(picture_of(before)).status_code == 200


def test_an_offer_whose_time_is_over_or_to_come_says_so(world: World):
    dates = {"valid_from": "2026-06-02T10:00:00Z", "valid_to": "2026-06-09T10:00:00Z"}
    with time_machine.travel(NOON, tick=False) as clock:
        token = shared(world, world.offer(world.venue(), **dates))
        assert "It starts Tuesday 2 June, 12:00." in follow(world, token).text
        for after, over in ((timedelta(0), False), (timedelta(days=7), True)):
            clock.move_to(datetime(2026, 6, 2, 10, tzinfo=UTC) + after)
            page = follow(world, token)
            assert page.status_code == 200
            assert ("This offer is over." in page.text) is over
            assert "It starts" not in page.text


def test_the_last_second_of_an_offer_is_not_over(world: World):
    with time_machine.travel(NOON, tick=False) as clock:
        token = shared(world, world.offer(world.venue(), valid_to="2026-06-02T00:00:00Z"))
        for at, over in (("2026-06-01T23:59:59Z", False), ("2026-06-02T00:00:00Z", True)):
            clock.move_to(datetime.fromisoformat(at))
            assert ("This offer is over." in follow(world, token).text) is over


@pytest.mark.parametrize("path", ["", "/0123456789abcdef.png", "/qr.svg"])
@pytest.mark.parametrize("token", ["Zk3uV8sQm1pT0aYx5LrWdg", "x", "%00", "a" * 5000, "æ"])
def test_a_link_that_nobody_has_made_leads_nowhere(world: World, token: str, path: str):
    answer = world.client.get(f"/s/{token}{path}")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


def test_who_follows_an_unknown_link_is_told_so_in_their_language(world: World):
    said = {
        lang: world.client.get("/s/none", headers={"Accept-Language": lang}).text
        for lang in ("en", "da")
    }
    assert "There is no such offer" in said["en"]
    assert "Tilbuddet findes ikke" in said["da"]
    assert "noindex" in said["en"]


def test_what_merchants_write_is_text_and_nothing_else(world: World):
    evil = """"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"""
    venue = world.venue(name=f"Bar {evil}"[:100])
    token = shared(world, world.offer(venue, teaser=f"Warm {evil}"))
    page = follow(world, token).text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert len(Head(page).said) == 14


def test_it_keeps_and_loads_nothing_and_works_without_script(world: World):
    answer = follow(world, shared(world, world.offer(world.venue())))
    policy = answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"<script|<img|<iframe|<link rel=\"(?!canonical)|\sstyle=", answer.text)


def test_it_is_compressed_for_whoever_can_read_that(world: World):
    token = shared(world, world.offer(world.venue()))
    plain = follow(world, token)
    packed = follow(world, token, headers={"Accept-Encoding": "gzip, br"})
    refused = follow(world, token, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert len(packed.data) < len(plain.data) / 2
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert {header.strip() for header in plain.headers["Vary"].split(",")} == {
        "Accept-Language",
        "Accept-Encoding",
    }


def test_a_page_that_has_not_changed_is_not_sent_again(world: World):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    first = follow(world, token)
    assert first.headers["Cache-Control"] == "no-cache"
    again = follow(world, token, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    world.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": "paused"})
    changed = follow(world, token, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_a_link_opens_the_app_where_there_is_one(configured: Callable[..., World]):
    world = configured(
        app_link="lbsdemo://share/{token}?from=page",
        app_page="https://apps.example/lbs",
    )
    token = shared(world, world.offer(world.venue()))
    page = follow(world, token).text
    assert f'<a class="open" href="lbsdemo://share/{token}?from=page">Open in the app</a>' in page
    assert 'href="https://apps.example/lbs"' in page
    assert "Open the app with which" not in page


def test_without_one_it_says_which_app_is_meant(world: World):
    page = follow(world, shared(world, world.offer(world.venue()))).text
    assert "Open the app with which you check in at Merchant." in page


def test_of_many_venues_it_names_the_first_and_how_many_more(world: World):
    venues = [world.venue(name=f"Venue {number:02}") for number in range(11)]
    page = follow(world, shared(world, world.offer(*venues))).text
    assert [f"Venue {n:02}" in page for n in range(11)] == [True] * 8 + [False] * 3
    assert "and 3 more places" in page
    assert dict(Head(page).said)["og:title"] == "Something warm is on us · Merchant"


def test_an_experiment_shows_the_page_the_offers_own_terms(world: World, db):
    """It is made for friends, of whom nobody knows the arm; and whoever looks is in none."""
    offer = world.offer(world.venue())
    token = shared(world, offer)
    world.experiment(offer)
    for number in range(8):
        assert offer["teaser"] in follow(world, token, address=f"198.51.100.{number}").text
    assert events(db, offer, "exposed") == []


# --- its picture ------------------------------------------------------------------------------


def test_the_picture_is_at_an_address_of_its_own_and_kept_for_ever(world: World):
    page = follow(world, shared(world, world.offer(world.venue())))
    answer = world.client.get(picture_of(page))
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert len(answer.data) < 300_000
    assert Image.open(io.BytesIO(answer.data)).size == (1200, 630)
    again = world.client.get(
        picture_of(page), headers={"If-None-Match": answer.headers["ETag"], "Range": "bytes=0-9"}
    )
    assert again.status_code == 304


def test_a_changed_picture_has_another_address_and_the_old_one_answers_as_before(world: World):
    venue = world.venue(name="Kaffebar")
    offer = world.offer(venue)
    token = shared(world, offer)
    seen: list[tuple[str, bytes]] = []
    for change in (
        lambda: None,
        lambda: world.ask("put", "/v1/brand", json={"color": "#FFD54A"}),
        lambda: world.ask(
            "patch",
            f"/v1/offers/{offer['id']}",
            json={"teaser": "Come in from the cold"},
            headers={"If-Match": f'"{offer["version"]}"'},
        ),
        lambda: world.ask(
            "patch",
            f"/v1/venues/{venue['id']}",
            json={"name": "Kaffebar Ø"},
            headers={"If-Match": f'"{venue["version"]}"'},
        ),
    ):
        change()
        path = picture_of(follow(world, token))
        seen.append((path, world.client.get(path).data))
    assert len({path for path, _ in seen}) == len({png for _, png in seen}) == len(seen)
    assert [world.client.get(path).data for path, _ in seen] == [png for _, png in seen]
    assert seen[1][0] != seen[0][0]


def test_an_address_that_was_never_given_out_shows_the_newest_and_is_not_kept(world: World, db):
    page = follow(world, shared(world, world.offer(world.venue())))
    path = picture_of(page)
    made_up = f"{path.rsplit('/', 1)[0]}/0123456789abcdef.png"
    answer = world.client.get(made_up)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.data == world.client.get(path).data


def test_asked_for_at_once_it_is_kept_once(world: World, app: Flask, db):
    offer = world.offer(world.venue())
    path = picture_of(follow(world, shared(world, offer)))
    answers = at_once([lambda: app.test_client().get(path).status_code] * 6)
    assert answers == [200] * 6
    with db.transaction() as session:
        kept = session.scalar(
            text("SELECT count(*) FROM share_picture WHERE offer_id = :id"), {"id": offer["id"]}
        )
    assert kept == 1


def test_another_offers_picture_is_not_found_by_its_name(world: World):
    pages = [
        follow(world, shared(world, world.offer(world.venue(), teaser=teaser)))
        for teaser in ("Come in from the cold", "Stay for the band")
    ]
    one, other = (picture_of(page) for page in pages)
    before = world.client.get(one).data
    swapped = f"{other.rsplit('/', 1)[0]}/{one.rsplit('/', 1)[1]}"
    assert world.client.get(swapped).data != before


def test_the_qr_picture_is_of_the_link(world: World):
    token = shared(world, world.offer(world.venue()))
    answer = world.client.get(f"/s/{token}/qr.svg")
    assert answer.content_type.startswith("image/svg+xml")
    side, _ = qr_code(f"http://127.0.0.1:8080/s/{token}")
    assert f'width="{side * 8}"' in answer.text
    assert "<script" not in answer.text


# --- the brand --------------------------------------------------------------------------------


def test_a_merchants_colour_is_on_the_page_and_can_be_taken_back(world: World):
    token = shared(world, world.offer(world.venue()))
    assert world.ask("get", "/v1/brand") == {"color": None}
    for color, ink in (("#FFD54A", "#000000"), ("#7a1f3d", "#ffffff"), (None, "#ffffff")):
        given = world.ask("put", "/v1/brand", json={"color": color})
        assert given == {"color": color and color.lower()} == world.ask("get", "/v1/brand")
        ground = (color or "#1f2937").lower()
        assert f":root{{--ground:{ground};--ink:{ink}}}" in follow(world, token).text


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#12345g", "", 7, "#12345\n"])
def test_what_is_no_colour_is_refused(world: World, color: Any):
    refused = world.call("put", "/v1/brand", world.key, json={"color": color})
    assert refused.status_code == 422


# --- what is counted --------------------------------------------------------------------------


def test_a_person_is_counted_once_a_day_and_a_crawler_each_time(world: World, db):
    with time_machine.travel(NOON, tick=False) as clock:
        offer = world.offer(world.venue(), **LONG)
        token = shared(world, offer)
        for _ in range(3):
            follow(world, token)
            follow(world, token, CRAWLER)
        assert counted(db, offer) == (1, 3)
        follow(world, token, OTHER_PHONE)
        follow(world, token, address="2001:db8::1")
        assert counted(db, offer) == (3, 3)
        clock.move_to(NOON.replace(hour=23, minute=59, second=59))
        follow(world, token)
        assert counted(db, offer) == (3, 3)
        clock.move_to(NOON.replace(day=2, hour=0))
        follow(world, token)
        assert counted(db, offer) == (4, 3)


def test_what_a_machine_was_is_told(world: World, db):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    for agent in (CRAWLER, "curl/8.5.0", ""):
        follow(world, token, agent)
    told = Counter(tuple(event.reasons) for event in events(db, offer, "share_fetched"))
    assert told == {("meta_crawler",): 1, ("other_bot",): 2}


def test_links_are_counted_apart(world: World, db):
    offer = world.offer(world.venue())
    for token in (shared(world, offer), shared(world, offer)):
        follow(world, token)
    assert counted(db, offer) == (2, 0)


@pytest.mark.parametrize(
    "how",
    [
        {"method": "head"},
        {"headers": {"Sec-Purpose": "prefetch;prerender"}},
        {"headers": {"Purpose": "prefetch"}},
    ],
    ids=str,
)
def test_what_nobody_has_looked_at_is_no_visit(world: World, db, how: dict[str, Any]):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    for agent in (SAFARI, CRAWLER):
        assert follow(world, token, agent, **how).status_code == 200
    assert counted(db, offer) == (0, 0)
    world.client.get(picture_of(follow(world, token, CRAWLER)))
    world.client.get(f"/s/{token}/qr.svg")
    assert counted(db, offer) == (0, 1)


def test_opened_at_once_it_is_one_visit(world: World, app: Flask, db):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    headers = {"User-Agent": SAFARI}
    answers = at_once(
        [lambda: app.test_client().get(f"/s/{token}", headers=headers).status_code] * 8
    )
    assert answers == [200] * 8
    assert counted(db, offer) == (1, 0)


def test_who_goes_on_into_the_app_is_not_counted_again(world: World, db):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    follow(world, token, address="127.0.0.1")
    for _ in range(2):
        world.ask("post", "/v1/referrals", world.customer(), json={"token": token})
    assert counted(db, offer) == (1, 0)


def test_friends_who_come_right_into_the_app_are_counted_each(world: World, db):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    for friend in (world.customer(), world.customer()):
        for _ in range(2):
            world.ask("post", "/v1/referrals", friend, json={"token": token})
    assert counted(db, offer) == (2, 0)


def test_of_a_visitor_nothing_is_kept_that_leads_back_and_that_for_a_day(world: World, db):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    follow(world, token, address="203.0.113.77")
    query = text(
        "SELECT share_visit::text FROM share_visit JOIN share ON share.id = share_id "
        "WHERE offer_id = :id"
    )
    with db.transaction() as session:
        [row] = session.scalars(query, {"id": offer["id"]}).all()
        [visit] = events(db, offer, "share_visited")
        fact = session.scalar(
            text("SELECT to_jsonb(e)::text FROM ledger_event AS e WHERE id = :id"),
            {"id": visit.id},
        )
    for kept in (row, fact):
        assert "203.0.113" not in kept
        assert b"203.0.113".hex() not in kept
        assert "iPhone" not in kept
    with db.transaction() as session:
        forget_visitors(session, now())
        assert len(session.scalars(query, {"id": offer["id"]}).all()) == 1
        forget_visitors(session, now() + timedelta(days=1))
        assert session.scalars(query, {"id": offer["id"]}).all() == []
    assert counted(db, offer) == (1, 0)


def test_what_staff_share_is_not_counted(world: World, db):
    offer, staff = world.offer(world.venue()), world.register()
    query = "SELECT subject_id FROM customer WHERE id = :id"
    with db.transaction() as session:
        session.execute(
            text(f"""INSERT INTO customer_standing (merchant_id, subject_id, standing, created_at)
                    VALUES (:merchant, ({query}), 'staff', now())"""),
            {"merchant": world.merchant_id, "id": staff["customer_id"]},
        )
    token = shared(world, offer, staff["access_token"])
    follow(world, token)
    follow(world, token, CRAWLER)
    for kind in ("share_visited", "share_fetched"):
        assert [event.counted for event in events(db, offer, kind)] == [False]


def test_the_page_is_there_at_once_when_the_ledger_cannot_be_written(world: World, db):
    offer = world.offer(world.venue())
    token = shared(world, offer)
    with db.transaction() as session:
        session.execute(text("LOCK TABLE ledger_event IN ACCESS EXCLUSIVE MODE"))
        began = now()
        assert follow(world, token).status_code == 200
        assert follow(world, token, CRAWLER).status_code == 200
        assert now() - began < timedelta(seconds=3)
    assert counted(db, offer) == (0, 0)
    follow(world, token)
    assert counted(db, offer) == (1, 0)


def test_links_are_throttled_as_the_interface_is(configured: Callable[..., World]):
    world = configured(rate_limit="30 per minute")
    token = shared(world, world.offer(world.venue()))
    address = str(uuid.uuid4())
    answers = [follow(world, token, address=address).status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]
