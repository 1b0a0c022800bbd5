"""The kiosk: its codes, and its page in a real browser."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import time_machine

from lbs.cli.run import HOST, free_port, started, wait_until_ready
from lbs.config import Settings
from lbs.proofs.rules.venue_code import make_picture_code
from tests.live import variables
from tests.proofs import browser as chromium
from tests.proofs.browser import Browser, Page
from tests.proofs.pictures import drawn, qr_code
from tests.proofs.totp import totp
from tests.world import World

CODES, LATE_S = "/v1/kiosk/codes", 5
"""On a busy machine the page may be so late."""
SCREENS = [
    {"width": width, "height": height}
    for width, height in ((390, 844), (360, 640), (800, 1280), (1280, 800), (844, 390))
]


def provision(
    world: World, venue_name: str = "Ølbaren på Nørrebro", **members: Any
) -> dict[str, Any]:
    venue = world.venue(name=venue_name)
    body = {"kind": "venue_code", "name": "Counter", "step_s": 15, **members}
    return world.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


# --- the codes ------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [15, 30, 60])
def test_the_codes_are_those_of_rfc_6238_for_the_secret_that_was_shown(world: World, step_s: int):
    kiosk = provision(world, step_s=step_s)
    answer = world.ask("get", CODES, kiosk["token"])
    assert (answer["venue_name"], answer["step_s"]) == ("Ølbaren på Nørrebro", step_s)
    assert len(answer["codes"]) == 3
    assert moment(answer["codes"][0]["valid_from"]) <= moment(answer["now"])
    assert moment(answer["now"]) < moment(answer["codes"][0]["valid_until"])
    for code, following in zip(answer["codes"], [*answer["codes"][1:], None], strict=True):
        begins, ends = moment(code["valid_from"]), moment(code["valid_until"])
        assert (begins % step_s, ends - begins) == (0, step_s)
        assert code["code"] == totp(kiosk["secret"], begins, step_s)
        picture_code = make_picture_code(base64.b32decode(kiosk["secret"]), int(begins) // step_s)
        says = f"LBS:CODE:{kiosk['venue_id']}:{picture_code}".upper()
        assert drawn(**code["qr"]) == qr_code(says)
        assert following is None or following["valid_from"] == code["valid_until"]


def test_a_code_stands_for_its_whole_step_and_no_longer(world: World):
    kiosk = provision(world, step_s=30)

    def seen(at: str) -> str:
        with time_machine.travel(at, tick=False):
            return world.ask("get", CODES, kiosk["token"])["codes"][0]["code"]

    first = [seen(f"2026-11-22T09:00:{second}Z") for second in ("00", "29.999999")]
    assert first == [totp(kiosk["secret"], moment("2026-11-22T09:00:00Z"), 30)] * 2
    assert seen("2026-11-22T09:00:30Z") == totp(kiosk["secret"], moment("2026-11-22T09:00:30Z"), 30)


def test_the_codes_are_not_kept_on_the_way(world: World):
    kiosk = provision(world)
    assert world.call("get", CODES, kiosk["token"]).headers["Cache-Control"] == "no-store"


def test_a_key_that_is_rotated_or_revoked_gets_no_codes(world: World):
    kiosk = provision(world)
    path = f"/v1/venues/{kiosk['venue_id']}/proofs/{kiosk['id']}"
    new = world.ask("post", f"{path}/rotation", json={})
    world.ask("get", CODES, kiosk["token"], 401)
    answer = world.ask("get", CODES, new["token"])
    begins = moment(answer["codes"][0]["valid_from"])
    assert answer["codes"][0]["code"] == totp(new["secret"], begins, 15)
    world.ask("delete", path)
    assert world.ask("get", CODES, new["token"], 401)["code"] == "bad-token"


def test_a_retired_venue_has_no_codes(world: World):
    kiosk = provision(world)
    world.ask("delete", f"/v1/venues/{kiosk['venue_id']}")
    world.ask("get", CODES, kiosk["token"], 401)


def test_no_other_key_gets_codes(world: World):
    kiosk = provision(world)
    reader = world.ask(
        "post",
        f"/v1/venues/{kiosk['venue_id']}/proofs",
        json={"kind": "reader", "name": "Gate"},
    )
    token = kiosk["token"]
    id_of_another = token.replace(kiosk["id"].replace("-", ""), reader["id"].replace("-", ""))
    for wrong in (
        world.key,
        world.customer(),
        reader["token"],
        id_of_another,
        f"{token}x",
        token[:-1],
        token.replace("lbp_", "lbs_"),
        f"lbp_{'0' * 32}_x",
        "lbp_",
        "lbp_x_y",
    ):
        assert world.ask("get", CODES, wrong, 401)["code"] == "bad-token"


# --- the page as it is served ---------------------------------------------------------------


def test_the_page_is_the_same_for_everybody_and_revalidated(world: World):
    kiosk = provision(world)
    page = world.call("get", f"/kiosk/{kiosk['venue_id']}")
    nowhere = world.call("get", "/kiosk/019abc12-0000-7000-8000-000000000001")
    assert page.status_code == 200
    assert page.text == nowhere.text
    assert page.headers["Cache-Control"] == "no-cache"
    again = world.call(
        "get", f"/kiosk/{kiosk['venue_id']}", headers={"If-None-Match": page.headers["ETag"]}
    )
    assert again.status_code == 304


def test_the_page_obeys_the_policy(world: World):
    page = world.call("get", "/kiosk/019abc12-0000-7000-8000-000000000001")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for inline in ("<style", " style=", "<script>", "javascript:", " onclick", "http:", "https:"):
        assert inline not in page.text


# --- the page in a browser ------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.started() as browser:
        yield browser


def address_of(server: str, kiosk: dict[str, Any]) -> str:
    return f"{server}/kiosk/{kiosk['venue_id']}#key={kiosk['token']}"


def shown(page: Page) -> str:
    return page.run("document.getElementById('digits').textContent")


def code_now(page: Page, kiosk: dict[str, Any]) -> str:
    """What the page shows and ought to, once they are the same: the step may end in between."""
    deadline = time.monotonic() + LATE_S
    while (code := shown(page)) != totp(kiosk["secret"], datetime.now(UTC).timestamp(), 15):
        assert time.monotonic() < deadline, f"{code} is not the code of now"
        time.sleep(0.1)
    return code


def skip(page: Page, seconds: float) -> None:
    page.run(f"window.skippedMs += {seconds * 1000}")


def test_the_page_shows_the_code_and_follows_its_steps(world: World, live: str, browser: Browser):
    kiosk = provision(world)
    page = browser.page()
    page.open(address_of(live, kiosk))
    page.view("code")
    first = code_now(page, kiosk)
    assert page.run("document.getElementById('venue').textContent") == "Ølbaren på Nørrebro"
    before = page.run("document.querySelector('#picture path').getAttribute('d')")
    assert before.startswith("M4 4h7")
    page.wait(f"document.getElementById('digits').textContent !== '{first}'", 20)
    assert code_now(page, kiosk) != first
    assert page.run("document.querySelector('#picture path').getAttribute('d')") != before
    assert page.complaints == []


def test_the_key_leaves_the_address_and_the_page_loads_nothing_else(
    world: World, live: str, browser: Browser
):
    kiosk = provision(world)
    page = browser.page()
    page.open(address_of(live, kiosk))
    page.view("code")
    plain = f"{live}/kiosk/{kiosk['venue_id']}"
    assert page.run("location.href") == plain
    page.open("about:blank")
    page.open(plain)
    page.view("code")
    code_now(page, kiosk)
    own = {plain, f"{live}{CODES}", *(f"{live}/proofs/static/{name}" for name in STATIC)}
    assert {url.split("#")[0] for url in page.loaded} - {"about:blank"} <= own
    assert not any(kiosk["token"] in url.split("#")[0] for url in page.loaded)
    assert page.complaints == []


STATIC = ("kiosk.js", "kiosk.css", "icon.svg")


def test_a_device_whose_clock_is_wrong_shows_the_right_code(
    world: World, live: str, browser: Browser
):
    kiosk = provision(world)
    page = browser.page()
    page.tell("Page.addScriptToEvaluateOnNewDocument", source="window.skippedMs = -7200000;")
    page.open(address_of(live, kiosk))
    page.view("code")
    code_now(page, kiosk)


def test_a_device_that_slept_shows_no_old_code(world: World, live: str, browser: Browser):
    kiosk = provision(world)
    page = browser.page()
    page.open(address_of(live, kiosk))
    page.view("code")
    page.tell("Network.emulateNetworkConditions", **NO_NETWORK)
    page.run("{ const now = Date.now; Date.now = () => now() + 3600000; }")
    page.view("offline")
    assert shown(page) == ""
    page.tell("Network.emulateNetworkConditions", **{**NO_NETWORK, "offline": False})
    page.view("code")
    code_now(page, kiosk)


NO_NETWORK = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


def test_without_a_key_the_page_says_how_to_get_one(live: str, browser: Browser):
    page = browser.page()
    venue_id = "019abc12-0000-7000-8000-000000000001"
    for address in (f"/kiosk/{venue_id}", f"/kiosk/{venue_id}#key=nonsense"):
        page.open("about:blank")
        page.open(live + address)
        page.view("setup")
        assert "This screen needs a key" in page.text()
        assert f"POST /v1/venues/{venue_id}/proofs" in page.text()
    assert not any(url.endswith(CODES) for url in page.loaded)
    assert page.complaints == []


def test_a_key_given_later_is_taken_without_a_reload(world: World, live: str, browser: Browser):
    kiosk = provision(world)
    page = browser.page()
    page.open(f"{live}/kiosk/{kiosk['venue_id']}")
    page.view("setup")
    page.run(f"location.hash = 'key={kiosk['token']}'")
    page.view("code")
    code_now(page, kiosk)


def test_a_revoked_key_clears_the_screen_and_is_forgotten(
    world: World, live: str, browser: Browser
):
    kiosk = provision(world)
    page = browser.page()
    page.open(address_of(live, kiosk))
    page.view("code")
    world.ask("delete", f"/v1/venues/{kiosk['venue_id']}/proofs/{kiosk['id']}")
    page.view("setup", 15)
    assert "no longer good" in page.text()
    assert shown(page) == ""
    assert page.run("localStorage.length") == 0


def test_the_page_speaks_danish_to_a_danish_browser(world: World, live: str, browser: Browser):
    kiosk = provision(world)
    page = browser.page(language="da-DK,da,en")
    page.open(address_of(live, kiosk))
    page.view("code")
    assert "Tjek ind her" in page.text()
    assert page.run("document.documentElement.lang") == "da"


def test_the_page_fills_the_screen_and_stays_awake(world: World, live: str, browser: Browser):
    kiosk = provision(world)
    page = browser.page()
    watch = """
        window.awake = [];
        Object.defineProperty(navigator, "wakeLock", {
            value: { request: async (kind) => { window.awake.push(kind); } } });
    """
    page.tell("Page.addScriptToEvaluateOnNewDocument", source=watch)
    page.open(address_of(live, kiosk))
    page.view("code")
    assert page.run("window.awake") == ["screen"]
    page.click("#fullscreen")
    page.wait("document.fullscreenElement === document.documentElement")


@pytest.mark.parametrize("name", ["Ølbaren", "Bodega Ø " * 22, "Ø" * 200], ids=len)
@pytest.mark.parametrize("size", SCREENS, ids=lambda size: f"{size['width']}")
def test_everything_fits_the_screen(world: World, live: str, browser: Browser, size, name):
    kiosk = provision(world, name)
    page = browser.page(**size)
    page.open(address_of(live, kiosk))
    page.view("code")
    root = "document.documentElement"
    assert page.run(f"{root}.scrollWidth <= innerWidth && {root}.scrollHeight <= innerHeight")
    for part in ("#digits", "#picture", "#countdown", "#venue"):
        box = page.run(f"document.querySelector('{part}').getBoundingClientRect().toJSON()")
        assert box["width"] > 0, part
        assert 0 <= box["left"] <= box["right"] <= size["width"], part
        assert 0 <= box["top"] <= box["bottom"] <= size["height"], part


@pytest.fixture
def own_server(settings: Settings) -> tuple[str, Callable[[], AbstractContextManager[None]]]:
    """An address, and what makes a server run there for a while."""
    port = free_port()
    address = f"http://{HOST}:{port}"

    @contextmanager
    def serving() -> Iterator[None]:
        env = {**os.environ, **variables(settings)}
        with started(env, "serve", "--port", str(port), "--workers", "1"):
            with httpx.Client(base_url=address) as http:
                wait_until_ready(http)
            yield

    return address, serving


def test_the_page_survives_a_server_that_goes_and_comes_back(
    world: World, own_server, browser: Browser
):
    address, serving = own_server
    kiosk = provision(world)
    page = browser.page()
    with serving():
        page.open(address_of(address, kiosk))
        page.view("code")
    status = "document.getElementById('link').textContent"
    assert "No connection since" in page.wait(status)
    assert page.run("document.body.dataset.view") == "code"
    code_now(page, kiosk)

    skip(page, 45)
    page.view("offline")
    assert "Offline since" in page.text()
    assert shown(page) == ""
    assert page.run("document.querySelector('#picture path').getAttribute('d')") == ""
    assert page.run(status) == ""

    with serving():
        page.view("code")
        code_now(page, kiosk)
        assert page.run(status) == ""
    assert page.complaints == []
