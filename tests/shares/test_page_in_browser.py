"""The page of a link in a real browser, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proofs import browser as chromium
from tests.proofs.browser import Browser
from tests.world import World

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
ROOT = "document.documentElement"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.started() as browser:
        yield browser


def shared(world: World, teaser: str, venue_name: str) -> str:
    venue = world.venue(name=venue_name)
    world.ask("put", "/v1/brand", json={"color": "#7a1f3d"})
    offer = world.offer(venue, teaser=teaser)
    path = f"/v1/offers/{offer['id']}/shares"
    return world.ask("post", path, world.customer())["token"]


@pytest.mark.parametrize("size", [PHONE, {**PHONE, "dark": True}, DESK], ids=str)
@pytest.mark.parametrize(
    ("teaser", "venue_name"),
    [("Noget varmt til dig", "Ølbaren på Nørrebro"), ("Rødgrød" * 28, "Ø" * 100)],
    ids=["short", "long"],
)
def test_it_fits_the_screen_has_the_merchants_colour_and_loads_nothing(
    world: World, live: str, browser: Browser, size, teaser: str, venue_name: str
):
    token = shared(world, teaser, venue_name)
    page = browser.page(**size, language="da-DK,da,en")
    page.open(f"{live}/s/{token}")
    page.wait("!!document.querySelector('footer')")
    assert page.run(f"{ROOT}.scrollWidth <= innerWidth")
    assert page.run("document.querySelector('h1').innerText") == teaser
    assert page.run(f"{ROOT}.lang") == "da"
    for text in ("Sådan åbner du det", "Hvor og hvornår", venue_name):
        assert text in page.text()
    style = "getComputedStyle(document.querySelector('header'))"
    assert page.run(f"{style}.backgroundColor") == "rgb(122, 31, 61)"
    assert page.run(f"{style}.color") == "rgb(255, 255, 255)"
    assert page.run("document.cookie") == ""
    assert page.run("performance.getEntriesByType('resource').length") == 0
    assert page.loaded == [f"{live}/s/{token}"]
    assert page.complaints == []


def test_it_is_whole_without_script(world: World, live: str, browser: Browser):
    page = browser.page(**PHONE)
    page.tell("Emulation.setScriptExecutionDisabled", value=True)
    page.open(f"{live}/s/{shared(world, 'Something warm is on us', 'Kaffebar')}")
    page.wait("!!document.querySelector('footer')")
    for text in ("Something warm is on us", "How to open it", "Where and when", "Kaffebar"):
        assert text in page.text()


def test_the_picture_is_seen_as_it_was_made(world: World, live: str, browser: Browser):
    page = browser.page(**DESK)
    page.open(f"{live}/s/{shared(world, 'Noget varmt til dig', 'Ølbaren')}")
    address = page.wait(
        "(document.querySelector('meta[property=\"og:image\"]') || {}).content || ''"
    )
    page.open(live + address[address.index("/s/") :])
    page.wait("!!document.images.length && document.images[0].complete")
    size = page.run("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
    assert size == [1200, 630]
