"""The sheet that tells staff what a pass looks like and what to give."""

from __future__ import annotations

import base64
import re
import uuid
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import urlsplit

import pytest

from lbs.offers.schemas.staff_sheets import SAMPLE_CODE
from lbs.unlocks.policy import make_code, read_code
from tests.proofs import browser as chromium
from tests.proofs.pictures import drawn, qr_code
from tests.world import World

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
REWARDS = [
    ({"kind": "percent", "percent": 20}, "20 % off", "20 % rabat"),
    ({"kind": "amount", "amount_minor": 2500}, "DKK 25.00 off", "25,00 kr. i rabat"),
    ({"kind": "free_item", "item": "A waffle"}, "Free: A waffle", "Gratis: A waffle"),
    (
        {"kind": "upgrade", "item": "A large one"},
        "Upgrade: A large one",
        "Opgradering: A large one",
    ),
    (
        {"kind": "charity", "amount_minor": 500, "recipient": "Red Cross"},
        "We give DKK 5.00 to Red Cross",
        "Vi giver 5,00 kr. til Red Cross",
    ),
    ({"kind": "text", "text": "Jump the queue"}, "Jump the queue", "Jump the queue"),
]
LONGEST = {
    "teaser": ("Something warm is on us, and something cold. " * 5)[:200],
    "terms": ("One filter coffee of any size, at the counter, not with others. " * 32)[:2000],
    "reward": {"kind": "text", "text": ("A filter coffee with a waffle and jam. " * 13)[:500]},
    "redeem_within_s": 5400,
}


def sheet(world: World, offer: dict[str, Any], query: str = "", **options: Any) -> Any:
    return world.call("get", f"/v1/offers/{offer['id']}/staff-sheet{query}", world.key, **options)


def words(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).replace("\xa0", " ").split())


def test_the_sheet_says_what_to_look_for_and_what_to_give(world: World):
    offer = world.offer(
        world.venue(name="20 grams"),
        world.venue(name="Ølbaren"),
        status="draft",
        reward={"kind": "free_item", "item": "A filter coffee"},
        valid_from="2026-10-31T23:00:00Z",
        valid_to="2027-03-01T12:30:00Z",
        redeem_within_s=7200,
    )
    page = sheet(world, offer)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert page.headers["Cache-Control"] == "no-store"
    said = words(page)
    for part in (
        offer["teaser"],
        offer["terms"],
        "Free: A filter coffee",
        "Worth DKK 35.00 to the guest",
        "1 November 2026, 00:00 to 1 March 2027, 13:30",
        "within 2 hours of the check-in",
        "20 grams, Ølbaren",
        SAMPLE_CODE,
        f"Offer {offer['id']}, terms 1",
    ):
        assert part in said, part


def test_the_sample_is_marked_and_redeems_nothing(world: World):
    page = sheet(world, world.offer(status="draft"))
    svg = ET.fromstring(re.search(r"<svg.*?</svg>", page.text, re.DOTALL)[0])
    path, group = svg
    _, _, width, height = map(int, svg.attrib["viewBox"].split())
    assert width == height
    assert drawn(width, path.attrib["d"]) == qr_code(SAMPLE_CODE)
    assert [element.text for element in group if element.tag == "text"] == ["SAMPLE"]
    assert "This one redeems nothing." in words(page)
    assert [len(part) for part in SAMPLE_CODE.split("-")] == [
        len(part) for part in make_code(bytes(7)).split("-")
    ]
    assert read_code(SAMPLE_CODE) is None
    venue = world.venue()
    world.offer(venue)
    assert world.redeem(SAMPLE_CODE, venue).json["code"] == "code-refused"


@pytest.mark.parametrize(("reward", "english", "danish"), REWARDS)
def test_a_reward_is_said_in_words(world: World, reward: dict[str, Any], english, danish):
    offer = world.offer(status="draft", reward=reward)
    assert english in words(sheet(world, offer, "?lang=en"))
    assert danish in words(sheet(world, offer, "?lang=da"))


@pytest.mark.parametrize(
    ("query", "header", "lang", "part"),
    [
        ("", "da-DK, da;q=0.9, en;q=0.5", "da", "Sådan indløser du"),
        ("", "de", "en", "How to redeem"),
        ("?lang=da", "en", "da", "Når kassen siger nej"),
        ("?lang=en", "da", "en", "When the till says no"),
    ],
)
def test_a_sheet_comes_in_two_languages(world: World, query, header, lang, part):
    page = sheet(world, world.offer(status="draft"), query, headers={"Accept-Language": header})
    assert part in page.text
    assert f'<html lang="{lang}">' in page.text
    assert page.headers["Content-Language"] == lang


def test_a_sheet_in_no_such_language_is_named(world: World):
    problem = sheet(world, world.offer(status="draft"), "?lang=de")
    assert (problem.status_code, problem.json["errors"][0]["parameter"]) == (422, "lang")


@pytest.mark.parametrize(
    ("seconds", "english", "danish"),
    [
        (86_400, "1 day", "1 dag"),
        (172_800, "2 days", "2 dage"),
        (5_400, "90 minutes", "90 minutter"),
        (3_600, "1 hour", "1 time"),
        (90, "1 minute", "1 minut"),
    ],
)
def test_the_time_to_redeem_is_never_rounded_up(world: World, seconds, english, danish):
    offer = world.offer(status="draft", redeem_within_s=seconds)
    assert f"within {english} of" in words(sheet(world, offer, "?lang=en"))
    assert f"inden {danish} efter, at" in words(sheet(world, offer, "?lang=da"))


@pytest.mark.parametrize(
    ("status", "said"),
    [("draft", "Draft:"), ("active", None), ("paused", "Paused:"), ("ended", "Ended:")],
)
def test_an_offer_that_does_not_open_says_so(world: World, status: str, said: str | None):
    page = sheet(world, world.offer(world.venue(), status=status))
    assert ('class="status"' in page.text) == (said is not None)
    assert said is None or said in page.text


def test_the_venues_are_those_it_runs_at_by_itself_or_in_a_group(world: World):
    alone, both, grouped, gone = (world.venue(name=name) for name in "ABCD")
    members = [venue["id"] for venue in (both, grouped, gone)]
    group = world.ask("post", "/v1/venue-groups", json={"name": "x", "venue_ids": members})
    offer = world.offer(alone, both, group_ids=[group["id"]], status="draft")
    world.ask("delete", f"/v1/venues/{gone['id']}")
    assert "Where A, B, C How" in words(sheet(world, offer))
    assert "Nowhere yet" in words(sheet(world, world.offer(status="draft")))


def test_of_many_venues_the_first_are_named_and_the_rest_counted(world: World):
    venues = [world.venue(name=f"Venue {number:02}") for number in range(15)]
    said = words(sheet(world, world.offer(*venues, status="draft")))
    assert "Venue 07 and 7 more" in said
    assert "Venue 08" not in said


def test_a_long_name_of_a_venue_is_cut(world: World):
    said = words(sheet(world, world.offer(world.venue(name="Sted" * 50), status="draft")))
    assert f"{'Sted' * 14}Ste… How" in said


def test_times_say_their_zone_where_the_venues_have_several(world: World):
    here, there = world.venue(), world.venue(time_zone="America/New_York")
    start = {"valid_from": "2026-01-01T12:00:00Z", "status": "draft"}
    assert "(Europe" not in sheet(world, world.offer(here, **start)).text
    said = words(sheet(world, world.offer(here, there, **start)))
    assert re.search(r"\((Europe/Copenhagen|America/New_York)\)", said)


def test_what_a_merchant_writes_is_no_markup(world: World):
    text = "<script>x</script>"
    reward = {"kind": "text", "text": text}
    offer = world.offer(
        world.venue(name=text), status="draft", teaser=text, terms=text, reward=reward
    )
    page = sheet(world, offer)
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;") == 5


def test_braces_in_a_reward_are_only_braces(world: World):
    reward = {"kind": "free_item", "item": "{item} {0} {}"}
    assert "Free: {item} {0} {}" in words(sheet(world, world.offer(status="draft", reward=reward)))


def test_the_page_obeys_the_policy(world: World):
    page = sheet(world, world.offer(status="draft"))
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for inline in ("<style", " style=", "<script", "javascript:", " onclick", "http:", "https:"):
        assert inline not in page.text


def test_only_its_own_merchant_gets_the_sheet(world: World, other_world: World):
    offer = world.offer(status="draft")
    for offer_id in (offer["id"], str(uuid.uuid4())):
        response = sheet(other_world, {"id": offer_id})
        assert (response.status_code, response.json["code"]) == (404, "offer-not-found")
    path = f"/v1/offers/{offer['id']}/staff-sheet"
    world.ask("get", path, world.key_with("redeem"), 403)
    world.ask("get", path, world.customer(), 401)


@pytest.mark.parametrize(
    "members", [{}, LONGEST, {"terms": "a\n" * 300}], ids=["usual", "longest", "many lines"]
)
@pytest.mark.parametrize("lang", ["en", "da"])
def test_a_sheet_prints_on_one_page_and_loads_only_its_style(
    world: World, live: str, members: dict[str, Any], lang: str
):
    venues = [world.venue(name="Venue with a name " * 3) for _ in range(13 if members else 1)]
    offer = world.offer(*venues, status="draft", **members)
    path = f"/v1/offers/{offer['id']}/staff-sheet"
    with chromium.started() as browser:
        page = opened(browser, world, f"{live}{path}?lang={lang}", DESKTOP)
        pdf = base64.b64decode(page.tell("Page.printToPDF", preferCSSPageSize=True)["data"])
        loaded = {urlsplit(url).path for url in page.loaded}
        page.tell("Emulation.setEmulatedMedia", media="print")
        too_long = page.run("document.querySelector('main').scrollHeight > 297 * 96 / 25.4")
        complaints = page.complaints
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    assert not too_long
    assert loaded == {path, "/offers/static/staff_sheet.css", "/proofs/static/icon.svg"}
    assert complaints == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("members", [{}, LONGEST], ids=["usual", "longest"])
def test_a_sheet_fits_its_screen(world: World, live: str, size: dict[str, int], members):
    offer = world.offer(world.venue(), status="draft", **members)
    with chromium.started() as browser:
        address = f"{live}/v1/offers/{offer['id']}/staff-sheet"
        page = opened(browser, world, address, size)
        assert page.run("document.documentElement.scrollWidth") <= size["width"]


def opened(browser: Any, world: World, address: str, size: dict[str, int]) -> Any:
    page = browser.page(**size)
    headers = {"Authorization": f"Bearer {world.key}"}
    page.tell("Network.setExtraHTTPHeaders", headers=headers)
    page.open(address)
    page.wait(
        f"document.readyState === 'complete' && document.body.innerText.includes('{SAMPLE_CODE}')"
    )
    return page
