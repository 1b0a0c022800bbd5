"""Every attack, a few tries of each, against the live service; `make attack` makes more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from bench.attack import genuine
from bench.attack.attacks import ALL, ATTACKS, Attack, Result
from bench.attack.field import Field, prepare
from bench.attack.genuine import Traffic, together
from bench.attack.report import Measured, write
from lbs.config import Settings

DOCUMENT = Path(__file__).parents[1] / "docs" / "attacks.md"
TRIES = 3
MOUNTED = [(attack, level) for attack in ATTACKS for level in attack.levels]


@pytest.fixture(scope="module")
def field(live, app) -> Iterator[Field]:
    with httpx.Client(base_url=live, timeout=30) as http:
        yield prepare(http, app.extensions["lbs_database"], app.extensions["lbs_vault"], TRIES)


@pytest.mark.parametrize(
    ("attack", "level"), MOUNTED, ids=[attack.name_at(level) for attack, level in MOUNTED]
)
def test_an_attack_opens_an_offer_only_where_it_is_known_to(
    field: Field, attack: Attack, level: int
):
    result = attack.mount(field, level)
    assert result.tries >= TRIES
    assert result.accepted + result.reasons.total() == result.tries
    if level in attack.bounds:
        assert result.accepted > 0, "the hole is closed: take it off the list"
    else:
        assert result.accepted == 0, result.reasons


def test_recorded_check_ins_go_through_the_service(app, settings, shared: Path):
    assert genuine.GOWALLA.is_relative_to(shared)
    found = genuine.gowalla(
        app.extensions["lbs_database"], settings, genuine.read_errors(), every=3500
    )
    assert found is not None
    assert (found.customers, found.check_ins > 0) == (2, True)
    assert found.refused + found.asked <= found.check_ins


def test_the_document_names_every_attack():
    written = DOCUMENT.read_text()
    assert [attack.short for attack in ATTACKS if f"`{attack.short}`" not in written] == []


# --- the report says what was measured ----------------------------------------------------------


def result(name: str, level: int, accepted: int, *, bound: int = 0) -> Result:
    reasons = Counter({"no_location": 40 - accepted} if accepted < 40 else {})
    return Result(name, f"Words for {name}", level, bound, 40, accepted, reasons)


def report(settings: Settings, *results: Result, **counts: int) -> str:
    """Its text, as if it were one line."""
    return " ".join(document(settings, *results, **counts).split())


def document(settings: Settings, *results: Result, refused: int = 0, asked: int = 0) -> str:
    traffic = Traffic("phones", "phones", check_ins=1000, refused=refused, asked=asked)
    both = [traffic, together("", [traffic])]
    return write(Measured(results, both, settings, date(2026, 11, 24), ""))


def test_aims_are_met_only_where_the_numbers_meet_them(settings):
    assert "**not met**" not in report(settings, refused=5, asked=80)
    assert "0.5 % refused: **not met** for phones" in report(settings, refused=6, asked=80)
    assert "8 % asked for more: **not met** for phones" in report(settings, refused=5, asked=81)


def test_nothing_is_said_to_remain_possible_that_did_not_get_through(settings):
    stopped = report(settings, result("jittered_copies.L1", 1, 0), result("hoarded_taps", 3, 0))
    assert "None reached L3. None reached L1." in stopped
    assert "A careful spoof inside the fence." not in stopped
    opened = report(settings, result("jittered_copies.L1", 1, 40, bound=ALL))
    assert "A careful spoof inside the fence." in opened
    assert "At L1 only a careful lie passed" in opened


@pytest.mark.parametrize(("level", "bound"), [(1, 0), (1, 5), (3, 0), (3, 5)])
def test_what_gets_through_unexpectedly_is_said_first(settings, level, bound):
    written = report(settings, result("teleport", level, 6, bound=bound)).split("## ")[0]
    assert "Not expected, and to be looked into: `teleport`" in written
    assert f"None reached L{level}." not in written
    assert "only a careful lie" not in written


def test_no_line_of_text_is_long_and_no_number_is_left_out(settings):
    written = document(settings, *every_attack(), refused=900, asked=90)
    assert "{" not in written
    assert [line for line in written.splitlines() if len(line) > 100 and line[0] != "|"] == []


def every_attack() -> list[Result]:
    return [
        result(attack.name_at(level), level, level in attack.bounds, bound=1)
        for attack, level in MOUNTED
    ]
