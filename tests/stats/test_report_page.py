"""The report as a page: what is drawn, what is said and what stands in its tables."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from lbs.http import csp
from lbs.stats.routes import STYLE, show_report
from lbs.stats.rules.report.data import Arm, Money, Place, Point, ReportData, last_days
from tests.stats.reports import (
    COMPARISON,
    COUNTS,
    EMPTY,
    EMPTY_PERIOD,
    END,
    NOW,
    PLACES,
    START,
    ZONE,
    days,
    report,
    steps,
)

SVG = "{http://www.w3.org/2000/svg}"
MARKUP = "<script>alert('x')</script>&\"</svg>"
HUGE = 10**13


def huge() -> ReportData:
    usual = report()
    counts = dict.fromkeys(COUNTS, (HUGE, HUGE - 7, 0.5, 10**9))
    money = Money("DKK", HUGE * 100, HUGE * 40, HUGE * 900, 4000, 4000, 4000, 22.5, 9000)
    period = replace(usual.period, steps=steps(counts), new_customers=HUGE, money=(money,))
    points = tuple(replace(day, check_ins=HUGE, unlocks=HUGE, redemptions=7) for day in days())
    places = tuple(Place(f"Venue {n}", n, n, HUGE, HUGE, HUGE, 1) for n in range(3))
    return report(period=period, points=points, places=places)


def crowded() -> ReportData:
    """A hundred venues, all within two kilometres."""
    places = tuple(
        Place(
            f"Venue with a rather long name {number:03}",
            12.56 + (number * 37 % 100) / 4000,
            55.67 + (number * 61 % 100) / 7000,
            *(None if number > 90 else 1000 - number,) * 4,
        )
        for number in range(100)
    )
    return report(places=places)


def one_day() -> ReportData:
    start, end = last_days(NOW, ZONE, 1)
    period = replace(report().period, start=start, end=end)
    return report(period=period, points=days(start, end))


def unredeemed() -> ReportData:
    counts = {**COUNTS, "redeemed": (0, 0, 0.0, None), "returned": (0, 0, None, None)}
    return report(period=replace(report().period, steps=steps(counts), money=()))


def unwell() -> ReportData:
    """Names as somebody might give them who means harm."""
    arms = (COMPARISON.arms[0], replace(COMPARISON.arms[1], name=MARKUP))
    return report(
        teaser=MARKUP,
        places=(Place(MARKUP, 12.5, 55.6, 10, 10, 10, 10),),
        comparisons=(replace(COMPARISON, arms=arms),),
    )


CASES = {
    "usual": report,
    "empty": lambda: report(**EMPTY),
    "one venue": lambda: report(places=report().places[:1], comparisons=()),
    "crowded": crowded,
    "huge": huge,
    "one day": one_day,
    "unredeemed": unredeemed,
    "long teaser": lambda: report(teaser="Noget varmt er på huset, " * 8),
    "long word": lambda: report(teaser="Ø" * 200),
    "markup": unwell,
    "two currencies": lambda: report(
        period=replace(
            report().period, money=(*report().period.money, replace(report().period.money[0],
            currency="EUR"))
        )
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def shown(app: Flask):
    def show(data: ReportData, lang: str = "en") -> Any:
        with app.test_request_context():
            return show_report(data, lang)

    return show


def parsed(response: Any) -> ET.Element:
    return ET.fromstring(response.get_data(as_text=True))


def words(response: Any) -> str:
    text = " ".join(parsed(response).itertext())
    return " ".join(text.replace("\xa0", " ").split()).replace(" .", ".")


def tables(page: ET.Element) -> dict[str, list[list[str]]]:
    """The rows of each table by the first cell of its head."""
    return {
        table.find("thead/tr/th").text or "": [
            [(cell.text or "").replace("\xa0", " ") for cell in row] for row in table.iter("tr")
        ]
        for table in page.iter("table")
    }


@pytest.mark.parametrize("lang", ["en", "da"])
@pytest.mark.parametrize("case", CASES)
def test_a_page_is_whole_and_loads_nothing(shown, case: str, lang: str):
    response = shown(CASES[case](), lang)
    page = parsed(response)
    assert page.get("lang") == lang
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {element.tag for element in page.iter()} & {
        "script",
        "link",
        "img",
        "image",
        "a",
    } == set()
    for element in page.iter():
        for name, value in element.attrib.items():
            assert name not in ("style", "href", "src")
            assert not name.startswith("on")
            assert "nan" not in value.split()
            assert "inf" not in value.split()
            if "url(" in value:
                assert re.fullmatch(r"url\(#(\w+)\)", value)[1] in ids
    assert "http:" not in response.get_data(as_text=True)
    assert "https:" not in response.get_data(as_text=True)
    assert set(re.findall(r"url\(([^)]*)\)", STYLE)) == {"#partial"}
    assert "@import" not in STYLE


@pytest.mark.parametrize("lang", ["en", "da"])
@pytest.mark.parametrize("case", CASES)
def test_every_picture_says_what_it_shows(shown, case: str, lang: str):
    page = parsed(shown(CASES[case](), lang))
    by_id = {element.get("id"): element for element in page.iter()}
    pictures = [svg for figure in page.iter("figure") for svg in figure.findall("svg")]
    assert len(pictures) >= 2
    for picture in pictures:
        assert picture.get("role") == "img"
        for name in picture.get("aria-labelledby").split():
            assert by_id[name].text.strip()
        assert [child.tag for child in picture][:2] == ["title", "desc"]


@pytest.mark.parametrize("case", CASES)
def test_marks_stay_in_their_picture(shown, case: str):
    page = parsed(shown(CASES[case]()))
    for svg in page.iter("svg"):
        for mark in svg.iter("rect"):
            start, width = (float(mark.get(name, "0").rstrip("%")) for name in ("x", "width"))
            assert start >= 0
            assert width >= 0
            assert start + width <= 100.01 or "%" not in mark.get("width")
            assert float(mark.get("height").rstrip("%")) >= 0
        for mark in svg.iter("circle"):
            assert 0 <= float(mark.get("cx").rstrip("%")) <= 100


def test_the_policy_allows_this_style_and_nothing_else(shown):
    response = shown(report())
    style = re.search("<style>(.*?)</style>", response.get_data(as_text=True), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers[csp.HEADER]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert "self" not in policy
    meta = parsed(response).find("head/meta[@http-equiv='Content-Security-Policy']")
    assert policy == f"{meta.get('content')}; frame-ancestors 'none'"


def test_a_merchants_words_are_no_markup(shown):
    response = shown(unwell())
    assert "<script" not in response.get_data(as_text=True)
    page = parsed(response)
    assert page.find(".//h1").text == MARKUP
    assert f"1. {MARKUP}" in tables(page)["Venue"][1]


# --- the words ------------------------------------------------------------------------------


def test_the_paragraph_tells_it_in_short(shown):
    assert (
        "In the period 27 Aug – 24 Nov 2026, 4,385 customers saw the teaser, 2,207 came and "
        "checked in, 1,874 had the offer opened and 1,588 redeemed it. The rewards cost "
        "DKK 12,510.00, which is DKK 11.99 for each of 1,043 new customers. Compared with "
        "29 May – 26 Aug 2026, 11 % more customers came and 11 % more redeemed."
    ) in words(shown(report())).replace("\u2009", " ")
    assert (
        "4.385 kunder så teaseren, 2.207 kom og tjekkede ind, 1.874 fik tilbuddet åbnet og 1.588 "
        "indløste det. Belønningerne kostede 12.510,00 kr., det er 11,99 kr. for hver af 1.043 nye "
        "kunder."
    ) in words(shown(report(), "da"))


def test_one_customer_is_one(shown):
    counts = dict.fromkeys(("checked_in", "unlocked", "redeemed"), (1, 1, None, None))
    money = (Money("DKK", 3500, 600, 0, 600, 600, 600, None),)
    period = replace(EMPTY_PERIOD, steps=steps(counts), new_customers=1, money=money)
    said = words(shown(report(period=period)))
    assert "1 customer came and checked in, 1 had the offer opened and 1 redeemed it" in said
    assert "DKK 6.00 for each of 1 new customer." in said


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (120, 100, "20 % more customers came"),
        (80, 100, "20 % fewer customers came"),
        (100, 100, "as many customers came"),
        (None, 100, None),
        (100, 0, None),
    ],
)
def test_changes_are_said_where_there_is_something_to_compare(shown, now, before, said):
    at = {"checked_in": (100, now, None, None)}
    then = {"checked_in": (100, before, None, None)}
    period = replace(EMPTY_PERIOD, steps=steps(at), money=())
    earlier = replace(report().before, steps=steps(then))
    text = words(shown(report(period=period, before=earlier)))
    assert said in text if said else "Compared with 29 May" not in text


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"valid_from": START + timedelta(days=1)}, "It was not running in the period before"),
        ({"valid_from": START - timedelta(days=9)}, "It ran for only part of the period before"),
        ({"before": EMPTY["before"]}, "Nothing was counted in the period before"),
    ],
)
def test_a_period_before_that_cannot_be_compared_says_so(shown, members, said: str):
    text = words(shown(report(**members)))
    assert said in text
    assert ("nothing to compare with" in text) == ("part of" not in said)


def test_an_empty_report_says_that_nothing_was_counted(shown):
    said = words(shown(report(**EMPTY)))
    assert "nothing has been counted for this offer" in said
    assert "It runs at no venue yet." in said
    assert "Nothing has been redeemed in this period" in said


def test_without_an_experiment_the_cause_is_not_known(shown):
    said = words(shown(report(comparisons=())))
    assert "Whether the offer caused the visits is not known." in said
    assert "An experiment with a holdout tells" in said
    assert "Whether the offer caused" not in words(shown(report())).split("is said under")[1]


def test_versions_alone_do_not_tell_the_cause(shown):
    versions = replace(COMPARISON, arms=COMPARISON.arms[1:], compared_with="half price")
    said = words(shown(report(comparisons=(versions,))))
    assert "Whether the offer caused the visits is not known." in said
    assert "compared with “half price”" in said
    assert "Nobody was held out" in said


def test_what_an_arm_shows_is_said_as_its_interval_lies(shown):
    said = words(shown(report()))
    assert (
        "“free coffee”: +12.3 visits for each 100 customers (+24 %) compared with those held out. "
        "With 95 % confidence the true difference lies between +3.1 and +21.5: all of it is above "
        "zero."
    ) in said
    assert "between −6.7 and +11.5. Zero is among that: an effect is not shown" in said
    less = Arm("dearer", 900, 0.3, -0.2, -0.3, -0.1)
    fewer = replace(COMPARISON, arms=(COMPARISON.arms[0], less))
    assert "all of it is below zero" in words(shown(report(comparisons=(fewer,))))


def test_arms_that_do_not_compare_are_not_told_of(shown):
    verdict = {"en": "No verdict.", "da": "Ingen konklusion."}
    unsound = replace(COMPARISON, is_sound=False, verdict=verdict)
    said = words(shown(report(comparisons=(unsound,))))
    assert "No verdict." in said
    assert "confidence" not in said


def test_an_interval_that_is_not_known_yet_has_no_ends(shown):
    arms = (COMPARISON.arms[0], Arm("new", 3, 0.4, 0.1))
    page = shown(report(comparisons=(replace(COMPARISON, arms=arms),)))
    assert "too little is known for an interval yet" in words(page)
    assert tables(parsed(page))["Group"][2][-1] == "−∞ to +∞"


def test_money_is_compared_in_money(shown):
    arms = (Arm("control", 500, 4_000), Arm("new", 500, 4_500, 500, -100, 1_100))
    revenue = replace(
        COMPARISON, measure="revenue", arms=arms, compared_with="control", currency="DKK"
    )
    row = tables(parsed(shown(report(comparisons=(revenue,)), "da")))["Gruppe"][2]
    assert row == ["new", "500", "45,00 kr.", "+5,00 kr.", "−1,00 kr. til +11,00 kr."]


# --- the tables -----------------------------------------------------------------------------


def test_the_numbers_stand_beside_each_picture(shown):
    page = parsed(shown(report()))
    found = tables(page)
    assert found["Step"][3] == ["Came and checked in", "2,207", "3,904", "50 %", "2 hrs", "1,986"]
    assert ["Reserved it", "0", "0", "–", "–", "0"] in found["Step"]
    assert ["Refused at the till", "33", "26"] in found["What went wrong"]
    assert ["Came again within 30 days", "521", "417"] in found["What came after"]
    assert ["Revenue for each unit of cost", "14.3"] in found[""]
    assert found["Venue"][1] == ["1. 20 grams", "812", "1,391", "941", "760"]
    weeks, by_day = found["Week from"][1:], found["Day"][1:]
    assert len(by_day) == 90
    points = report().points
    assert [int(row[1]) for row in by_day] == [point.check_ins for point in points]
    for column, member in enumerate(("check_ins", "unlocks", "redemptions"), 1):
        whole = sum(getattr(point, member) for point in points)
        assert sum(int(row[column].replace(",", "")) for row in weeks) == whole


def test_small_groups_are_not_told_apart(shown):
    page = shown(report())
    row = tables(parsed(page))["Venue"][-1]
    assert row == ["8. Kiosken i Parken", "fewer than 5", "–", "–", "–"]
    assert "Venues with fewer than 5 customers are not told apart" in words(page)
    hollow = [dot for dot in parsed(page).iter("circle") if dot.get("class") == "hollow"]
    assert len(hollow) == 1
    open_ones = tuple(Place(*place) for place in PLACES[:-1])
    assert "not told apart" not in words(shown(report(places=open_ones)))


def test_a_step_with_too_few_customers_says_only_that(shown):
    counts = {**COUNTS, "redeemed": (3, None, None, None)}
    page = shown(report(period=replace(report().period, steps=steps(counts), new_customers=None)))
    [row] = [row for row in tables(parsed(page))["Step"] if row[0] == "Redeemed"]
    assert row[:3] == ["Redeemed", "fewer than 5", "3"]
    assert "fewer than 5 redeemed it" in words(page)


def test_the_last_day_is_marked_while_it_lasts(shown):
    assert "the last, hatched, is not over yet" in words(shown(report()))
    midnight = datetime(2026, 11, 23, 23, tzinfo=UTC)
    whole = replace(report().period, end=midnight)
    over = report(period=whole, points=days(START, midnight))
    assert "not over yet" not in words(shown(over))


def test_weeks_and_days_are_those_of_the_zone(shown):
    """At midnight in Copenhagen it is still Sunday in UTC."""
    monday = datetime(2026, 11, 1, 23, tzinfo=UTC)
    points = (Point(monday - timedelta(days=1), 5, 4, 3), Point(monday, 7, 6, 5))
    found = tables(parsed(shown(report(points=points))))
    assert [row[:2] for row in found["Week from"][1:]] == [["Sun 1 Nov", "5"], ["Mon 2 Nov", "7"]]


def test_of_many_venues_the_rest_is_below(shown):
    page = parsed(shown(crowded()))
    venues = [table for table in page.iter("table") if table.find("thead/tr/th").text == "Venue"]
    assert [len(table.findall("tbody/tr")) for table in venues] == [12, 88]
    assert len([dot for dot in page.iter("circle") if "r" in dot.attrib]) >= 100


def test_other_time_zones_are_named(shown):
    assert "several time zones" not in words(shown(report()))
    said = words(shown(report(has_other_zones=True)))
    assert "Days and hours as in Europe/Copenhagen; its venues lie in several time zones." in said


def test_the_days_begin_at_midnight_where_the_venue_is():
    assert last_days(END, ZONE)[0].isoformat() == "2026-08-27T00:00:00+02:00"
    assert last_days(END, ZONE, 1)[0].isoformat() == "2026-11-24T00:00:00+01:00"


# --- colours --------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_colours_can_be_told_from_what_is_behind_them(scheme: int):
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
    for text, ground in (
        ("ink", "paper"), ("ink", "ground"), ("quiet", "paper"), ("quiet", "ground"),
        ("accent", "paper"), ("on-accent", "accent"),
    ):  # fmt: skip
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
