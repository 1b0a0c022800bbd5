"""What a rule asks for, said to people."""

from __future__ import annotations

from typing import Any

import pytest

from lbs.offers.rules import RULES, read_rule
from lbs.offers.rules.asks import CLAUSES, say_rule
from lbs.offers.rules.combined import AllOf, AnyOf

VISIT, FIRST = {"kind": "every_visit"}, {"kind": "first_visit"}
SAID = [
    (VISIT, "at every visit", "ved hvert besøg"),
    (FIRST, "at your first visit", "ved dit første besøg"),
    ({"kind": "nth_visit", "n": 3}, "at visit number 3", "ved besøg nummer 3"),
    (
        {"kind": "every_nth_visit", "n": 10},
        "each time 10 visits are full",
        "hver gang 10 besøg er nået",
    ),
    (
        {"kind": "every_nth_visit", "n": 5, "within_days": 30, "count": "days"},
        "each time 5 days are full within 30 days",
        "hver gang 5 dage er nået inden for 30 dage",
    ),
    (
        {"kind": "frequency", "n": 3, "within_days": 7},
        "for whoever comes 3 times within 7 days",
        "for den, der kommer 3 gange inden for 7 dage",
    ),
    (
        {"kind": "flash", "n": 20, "from": "16:00", "to": "24:00", "weekdays": ["fr", "sa"]},
        "for the first 20 from 16:00 to 24:00 (Fridays, Saturdays)",
        "for de første 20 fra kl. 16.00 til 24.00 (fredage, lørdage)",
    ),
    ({"kind": "friends", "n": 1}, "when a friend of yours is there too", None),
    ({"kind": "friends", "n": 2}, "when 2 of your friends are there too", None),
    (
        {"kind": "trail", "venue_ids": ["a", "b"], "within_days": 30, "ordered": True},
        "for whoever visits all 2 of its venues within 30 days, in their order",
        "for den, der besøger alle 2 steder inden for 30 dage, i rækkefølge",
    ),
    (
        {"kind": "referrer", "n": 1},
        "when a friend whom you have sent has come",
        "når en ven, som du har sendt, er kommet",
    ),
    (
        {"kind": "referrer", "n": 3},
        "when 3 friends whom you have sent have come",
        "når 3 venner, som du har sendt, er kommet",
    ),
    ({"kind": "referred"}, "for those whom a friend has sent", "for dem, som en ven har sendt"),
    (
        {"kind": "all_of", "rules": [{"kind": "referred"}, FIRST]},
        "for those whom a friend has sent and at your first visit",
        "for dem, som en ven har sendt og ved dit første besøg",
    ),
    (
        {"kind": "any_of", "rules": [FIRST, {"kind": "all_of", "rules": [VISIT, FIRST]}]},
        "at your first visit or (at every visit and at your first visit)",
        None,
    ),
]


@pytest.mark.parametrize(("document", "en", "da"), SAID, ids=str)
def test_it_is_said_in_both_languages(document: dict[str, Any], en: str, da: str | None):
    said = say_rule(read_rule(document))
    assert said["en"] == f"It opens {en}."
    assert da is None or said["da"] == f"Det åbner {da}."
    assert said["da"].startswith("Det åbner ")


def test_no_kind_is_without_words():
    assert set(CLAUSES) | {AllOf.kind, AnyOf.kind} == set(RULES)


def test_a_gift_to_others_is_not_told_before_it_opens():
    rule = read_rule({"kind": "charity", "amount_minor": 500, "recipient": "Red Cross"})
    assert say_rule(rule) == say_rule(read_rule(VISIT))
