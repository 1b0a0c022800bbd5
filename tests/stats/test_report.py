"""The report over HTTP: whose it is, what it counts; and the page in a real browser."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from lbs.app import create_app
from lbs.config import Settings
from lbs.stats.routes import show_report
from tests.proofs import browser as chromium
from tests.proofs.browser import Browser, Page
from tests.stats.stream import Agenda, Stream
from tests.stats.test_experiments import start as start_experiment
from tests.stats.test_report_page import CASES, tables
from tests.world import World, now

PERIOD = {"from": "2026-03-22T00:00:00+01:00", "to": "2026-04-05T12:00:00+02:00"}
"""With a day of 23 hours, and the last cut at noon."""


def ask(world: World, offer: dict[str, Any], token: str | None = None, **options: Any) -> Any:
    path = f"/v1/stats/offers/{offer['id']}/report"
    return world.call("get", path, token or world.key, **options)


def words(response: Any) -> str:
    assert response.status_code == 200, response.text
    return " ".join(" ".join(ET.fromstring(response.text).itertext()).split())


@dataclass(frozen=True)
class Town:
    world: World
    venues: list[dict[str, Any]]
    offer: dict[str, Any]


@pytest.fixture(scope="module")
def town(app: Flask) -> Town:
    """A merchant with a busy fortnight; at the last venue there are few customers."""
    world = World(app)
    venues = [world.venue(name=name, cool_down_s=3600) for name in ("Ø", "B", "C", "Few")]
    offer = world.offer(*venues, redeem_within_s=7200)
    customers = [world.register()["customer_id"] for _ in range(20)]
    began = datetime(2026, 3, 22, 12, tzinfo=UTC)
    agenda = Agenda(Stream(world), seed=4711)
    agenda.plan_check_ins(200, venues[:3], customers, began, began + timedelta(days=13))
    agenda.plan_check_ins(9, venues[3:], customers[:3], began, began + timedelta(days=13))
    agenda.carry_out()
    return Town(world, venues, offer)


def test_the_report_has_the_numbers_that_the_interface_gives(town: Town):
    of = f"/v1/stats/offers/{town.offer['id']}"
    funnel = town.world.ask("get", f"{of}/funnel", query_string=PERIOD | {"compare": "previous"})
    money = town.world.ask("get", f"{of}/money", query_string=PERIOD)["items"][0]
    days = town.world.ask("get", f"{of}/series", query_string=PERIOD)["items"]
    found = tables(ET.fromstring(ask(town.world, town.offer, query_string=PERIOD).text))
    rows = zip(funnel["steps"], found["Step"][1:], strict=True)
    for step, row in rows:
        assert row[1:3] == [str(step["customers"]), str(step["count"])]
    assert funnel["steps"][6]["count"] > 80
    wrong = dict(row[:2] for row in found["What went wrong"][1:])
    assert wrong["Redemptions reversed"] == str(funnel["reversed"])
    assert wrong["Passes that ran out"] == str(funnel["expired"])
    assert wrong["Check-ins rejected"] == str(funnel["check_ins"]["rejected"])
    assert found[""][2] == ["Cost of the rewards", f"DKK {money['cost_minor'] / 100:,.2f}"]
    assert len(found["Day"]) == 1 + 15
    assert [[int(cell) for cell in row[1:]] for row in found["Day"][1:]] == [
        [day["check_ins"]["accepted"], day["unlocks"], day["redemptions"]] for day in days
    ]


def test_the_venues_add_up_to_the_whole(town: Town):
    found = tables(ET.fromstring(ask(town.world, town.offer, query_string=PERIOD).text))
    visits = next(row for row in found["Step"] if row[0] == "Came and checked in")
    venues = found["Venue"][1:]
    assert sum(int(row[2]) for row in venues) == int(visits[2])
    assert [row[0] for row in venues][-1] == "4. Few"


def test_a_report_of_one_venue_is_of_that_alone(town: Town):
    here = town.venues[1]
    only = PERIOD | {"venue_id": here["id"]}
    of = f"/v1/stats/offers/{town.offer['id']}/funnel"
    steps = town.world.ask("get", of, query_string=only)["steps"]
    key = town.world.key_with("stats", venues=(here,))
    for token, query in ((None, only), (key, PERIOD)):
        response = ask(town.world, town.offer, token, query_string=query)
        found = tables(ET.fromstring(response.text))
        assert [row[2] for row in found["Step"][1:]] == [str(step["count"]) for step in steps]
        assert [row[0] for row in found["Venue"][1:]] == ["1. B"]
        assert "It runs at one venue." in words(response)
    assert "told to those who may see all its venues" in words(
        ask(town.world, town.offer, key, query_string=PERIOD)
    )


def test_small_groups_are_left_out(town: Town, settings: Settings):
    """As it is set up in earnest: no group of fewer than five."""
    careful = create_app(replace(settings, stats_min_group=5))
    response = careful.test_client().get(
        f"/v1/stats/offers/{town.offer['id']}/report",
        headers={"Authorization": f"Bearer {town.world.key}"},
        query_string=PERIOD,
    )
    careful.extensions["lbs_database"].engine.dispose()
    row = tables(ET.fromstring(response.text))["Venue"][-1]
    assert row[1:] == ["fewer than 5", "–", "–", "–"]


def test_what_nobody_asked_otherwise_is_the_last_ninety_days(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    customer = world.customer()
    code = world.check_in(customer, venue)["unlocked"][0]["code"]
    world.redeem(code, venue, amount_minor=5000)
    response = ask(world, offer)
    assert len(tables(ET.fromstring(response.text))["Day"]) == 1 + 90
    assert "1 customer came and checked in, 1 had the offer opened" in words(response)
    assert "nothing to compare with" in words(response)


def test_an_experiment_is_told_with_its_holdout_and_its_versions(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    began = now() - timedelta(hours=1)
    assert "An experiment with a holdout tells" in words(ask(world, offer))
    experiment = start_experiment(world, offer)
    agenda = Agenda(Stream(world), seed=7)
    customers = [world.register()["customer_id"] for _ in range(60)]
    agenda.plan_check_ins(
        300, [venue], customers, began + timedelta(hours=2), began + timedelta(days=18)
    )
    agenda.carry_out()
    until = (began + timedelta(days=18)).isoformat()
    period = {"from": began.isoformat(), "to": until}
    page = ask(world, offer, query_string=period)
    visits = [
        [(cell.text or "") for cell in row]
        for table in ET.fromstring(page.text).iter("table")
        for row in table.iter("tr")
        if table.find("thead/tr/th").text == "Group"
    ]
    names = [row[0] for row in visits]
    assert names == [
        "Group", "The offer as it was", "cosy", "Those held out",
        "Group", "The offer as it was", "cosy",
    ]  # fmt: skip
    assert sum(int(row[1]) for row in visits[1:4]) <= 60
    assert re.fullmatch(r"[+−]?[\d.]+", visits[1][3])
    assert "compared with those held out" in words(page) or "too little is known" in words(page)
    danish = words(ask(world, offer, query_string=period | {"lang": "da"}))
    assert "Dem, der blev holdt ude" in danish
    world.ask("post", f"/v1/offers/{offer['id']}/experiments/{experiment['id']}/stop")


@pytest.mark.parametrize(
    ("query", "header", "lang", "part"),
    [
        ({}, "da-DK, da;q=0.9, en;q=0.5", "da", "Rapport om tilbud"),
        ({}, "de", "en", "Offer report"),
        ({"lang": "da"}, "en", "da", "Sådan læses det"),
        ({"lang": "en"}, "da", "en", "How to read this"),
    ],
)
def test_a_report_comes_in_two_languages(world: World, query, header, lang, part):
    response = ask(
        world,
        world.offer(status="draft"),
        query_string=query,
        headers={"Accept-Language": header},
    )
    assert part in words(response)
    assert (response.mimetype, response.headers["Content-Language"]) == ("text/html", lang)
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"lang": "de"}, "lang"),
        ({"from": PERIOD["from"]}, "to"),
        ({"from": PERIOD["to"], "to": PERIOD["from"]}, "to"),
        ({"from": "2024-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
        ({"venue_id": "x"}, "venue_id"),
    ],
)
def test_what_cannot_be_reported_is_named(world: World, query: dict[str, str], parameter: str):
    problem = ask(world, world.offer(status="draft"), query_string=query)
    assert (problem.status_code, problem.json["errors"][0]["parameter"]) == (422, parameter)


def test_only_its_own_merchant_gets_the_report(world: World, other_world: World):
    offer = world.offer(status="draft")
    response = ask(other_world, offer)
    assert (response.status_code, response.json["code"]) == (404, "offer-not-found")
    for token, status in ((world.key_with("offers"), 403), (world.customer(), 401)):
        assert ask(world, offer, token).status_code == status
    elsewhere = ask(world, offer, query_string={"venue_id": other_world.venue()["id"]})
    assert (elsewhere.status_code, elsewhere.json["code"]) == (404, "venue-not-found")


# --- in a browser ---------------------------------------------------------------------------

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 375, "height": 812}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.started() as browser:
        yield browser


def opened(page: Page, address: str) -> Page:
    page.open(address)
    page.wait("document.readyState === 'complete' && document.querySelector('footer')?.innerText")
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_is_shown_as_its_policy_allows(
    town: Town, live: str, browser: Browser, size: str, dark
):
    page = browser.page(**SIZES[size], dark=dark)
    headers = {"Authorization": f"Bearer {town.world.key}"}
    page.tell("Network.setExtraHTTPHeaders", headers=headers)
    path = f"/v1/stats/offers/{town.offer['id']}/report"
    opened(page, f"{live}{path}?lang=en&from=2026-03-22T00:00:00Z&to=2026-04-05T10:00:00Z")
    assert {urlsplit(url).path for url in page.loaded} - {"/favicon.ico"} == {path}
    assert page.complaints == []
    colour = page.run("getComputedStyle(document.body).backgroundColor")
    assert colour == ("rgb(16, 23, 22)" if dark else "rgb(255, 255, 255)")
    fill = page.run("getComputedStyle(document.querySelector('rect.bar')).fill")
    assert fill == ("rgb(82, 199, 181)" if dark else "rgb(11, 110, 99)")
    assert_fits(page, SIZES[size]["width"])


@pytest.mark.parametrize("lang", ["en", "da"])
@pytest.mark.parametrize("case", CASES)
def test_a_page_that_was_kept_fits_every_screen(
    app: Flask, tmp_path: Path, browser: Browser, case: str, lang: str
):
    with app.test_request_context():
        text = show_report(CASES[case](), lang).get_data(as_text=True)
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    for size in SIZES.values():
        page = opened(browser.page(**size), file.as_uri())
        assert page.complaints == []
        assert page.loaded == [file.as_uri()]
        assert_fits(page, size["width"])


def assert_fits(page: Page, width: int) -> None:
    """The page, and every letter that is not in a table to be pushed sideways."""
    assert page.run("document.documentElement.scrollWidth") <= width
    outside = page.run("""
        [...document.querySelectorAll("h1, h2, h3, p, dd strong, dt, svg text")]
            .map((element) => [element.textContent, element.getBoundingClientRect()])
            .filter(([text, box]) => box.width && (box.left < -1 || box.right > innerWidth + 1))
            .map(([text]) => text)
    """)
    assert outside == []


@pytest.mark.parametrize("case", ["usual", "empty", "crowded", "huge"])
def test_a_page_prints_on_paper(app: Flask, tmp_path: Path, browser: Browser, case: str):
    with app.test_request_context():
        text = show_report(CASES[case](), "en").get_data(as_text=True)
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    page = opened(browser.page(width=688, height=972, dark=True), file.as_uri())
    pdf = base64.b64decode(page.tell("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
    page.tell("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("document.documentElement.scrollWidth") <= 688
    days = "document.querySelector('details tbody tr').getBoundingClientRect().height"
    assert page.run(days) > 0
