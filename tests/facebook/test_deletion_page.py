"""The page of a deletion in a browser: as it is read on a phone and at a desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.meta_standin.login import send_callback
from tests.meta_standin.server import Meta
from tests.proofs import browser

WORDS = {
    "en": "Your data from Facebook has been deleted",
    "da": "Dine data fra Facebook er slettet",
}


@pytest.fixture(scope="module")
def chromium():
    with browser.started() as started:
        yield started


@pytest.mark.parametrize("lang", ["en", "da"])
@pytest.mark.parametrize("size", [(360, 740), (1280, 800)])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_loads_nothing_from_elsewhere(
    chromium, live: str, everybodys_meta: Meta, tmp_path: Path, lang, size, dark
):
    path = "webhooks/facebook/data-deletion"
    answer = send_callback(everybodys_meta, f"{live}/{path}", "218471").json()
    code = answer["confirmation_code"]
    width, height = size
    page = chromium.page(width=width, height=height, dark=dark, language=lang)
    page.open(f"{live}/privacy/facebook-deletion/{code}")
    page.wait("document.readyState === 'complete' && !!document.querySelector('h1')")
    assert page.run("document.querySelector('h1').innerText") == WORDS[lang]
    assert page.run("document.documentElement.lang") == lang
    assert code in page.text()
    assert page.run("document.documentElement.scrollWidth") <= width
    assert all(address.startswith(live) for address in page.loaded)
    assert page.complaints == []
    page.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 0
