"""The deals in an advertisement, and its dates, hours and counts, as numbers. Pure.

Every text here is one that `text.fold` has been through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lbs.offers.policy.words import MONTHS, NORDIC_NUMBERS, NUMBERS

Deal = tuple[str, ...]
"""Kind and numbers: ("percent", "20"), ("off", "50"), ("price", "45"), ("multi", "3", "2")."""

FREE, UPGRADE, CHARITY = ("free",), ("upgrade",), ("charity",)
"""Deals without a number: what they are about is in the words beside them."""


@dataclass(slots=True)
class Found:
    deals: set[Deal] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)
    """Dates, hours and counts: `d11-30`, `h16`, `n4`."""


def take_out(text: str, *, nordic: bool) -> tuple[Found, str]:
    """What was found, and the text without it."""
    known = {**NUMBERS, **(NORDIC_NUMBERS if nordic else {})}
    rest = _WORD.sub(lambda word: str(known.get(word[0], word[0])), _TO_FOR_EN.sub("2 for", text))
    found = Found()
    for finder in (_percents, _dates, _many, _money, _hours, _kinds, _counts):
        rest = finder(rest, found)
    return found, rest


def reward_deals(reward: Mapping[str, Any]) -> frozenset[Deal]:
    """The deal that an offer's reward is by its kind; none where only its text says it."""
    match reward:
        case {"kind": "percent", "percent": percent}:
            return frozenset({("percent", number(str(percent)))})
        case {"kind": "amount", "amount_minor": minor}:
            return frozenset({("off", number(f"{minor // 100}.{minor % 100:02}"))})
        case {"kind": "free_item"}:
            return frozenset({FREE})
        case {"kind": "upgrade"}:
            return frozenset({UPGRADE})
        case {"kind": "charity"}:
            return frozenset({CHARITY})
    return frozenset()


def number(text: str) -> str:
    """1.995 and 1,995 are 1995; 49,95 and 49.95 are 49.95; 45,00 is 45."""
    whole, _, decimals = re.sub(r"[.,](?=\d{1,2}$)", " ", text).partition(" ")
    whole, decimals = re.sub(r"[.,]", "", whole), decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


_WORD = re.compile(r"[a-z0-9æøå]+")
_TO_FOR_EN = re.compile(r"\bto for(?= e[nt]t?\b)")
_NUMBER = r"\d+(?:[.,]\d+)*"
_CURRENCY = r"(?:kroner|kronor|kr|dkk|sek|nok|euros?|eur|€|usd|dollars?|\$|gbp|pounds?|£|[,:]-)"
_HALF = re.compile(
    r"\b(?:(?:til|till|to|for|før|at) )?"
    r"(?:halv[ta]? pris(?:et|en)?|half[- ]price|half off|half the price|1/2 pris|det halve)\b"
)
_RANGE = re.compile(r"\d+\s*-\s*\d+\s*%")
"""The fat of the minced meat."""
_PERCENT = re.compile(
    rf"(?<![\d.,])(?P<n>{_NUMBER})\s*-?\s*(?:%|procent|prosent|pct\b|per ?cent)[a-z]*"
)
_ONE = r"en|et|ett|one|a|an|another"
_FEWER = re.compile(
    rf"""
    \b(?P<n>\d+)\b (?:[- ][a-zæøå]+){{0,4}}? [- ]? ,? \s*
    (?:for|før|til|till|pay|betal|betala) [- ]
    (?:(?:the\ price|prisen|priset)\ (?:of|for|før|af|av)\ |(?:for|før)\ )?
    (?P<m>\d+|{_ONE}) (?:'?s\ pris)?\b (?!\s*(?:{_CURRENCY}|%|stk|[.,:]\d))
    """,
    re.VERBOSE,
)
_MORE = re.compile(
    rf"""
    \b(?:buy|køb|køp|kjøp|tag|ta|take)\s+ (?P<n>\d+|{_ONE})\b [^.!?]{{0,40}}?
    \b(?:get|få|fa)\s+ (?P<m>\d+|{_ONE})\s* (?:more|mere|mer|til)?\s*
    (?:for\ free|free|gratis|for\ nothing)\b
    """,
    re.VERBOSE,
)
_MONEY = re.compile(
    rf"""
    (?:[€$£]|\b(?:kr|eur|dkk)\b\.?)\s* (?P<a>{_NUMBER}) (?![\d%]|\s*%)
    | (?P<b>{_NUMBER})\s* {_CURRENCY} (?![a-zæøå])
    """,
    re.VERBOSE,
)
_OFF_BEFORE = re.compile(
    r"\b(?:spara?|sparer|saves?|saving|rabat|rabatt)\b\W*(?:[a-zæøå]+\s+){0,3}$"
)
_OFF_AFTER = re.compile(
    r"^\W*(?:i )?(?:rabatt?|off|discount|billigere|billigare|cheaper|less|avslag)\b"
)
_CONDITION = re.compile(
    r"\b(?:over|min|minimum|mindst|minst|above|at least|more than|spend|køb for|orders? of|"
    r"normalpris|normalt|normally|før|førpris|before|was|reg|regular|worth|værdi)\W*$"
)
_MONTH = "|".join(MONTHS)
_DATE = re.compile(
    rf"""
    \b(?:
      \d{{4}}-(?P<m1>\d\d)-(?P<d1>\d\d)
      | (?P<d2>\d{{1,2}})(?:\.|/)(?P<m2>\d{{1,2}})(?:[./](?:20)?\d\d)?(?![\d%])(?!\s*{_CURRENCY})
      | (?P<d3>\d{{1,2}})(?:\.|st|nd|rd|th)?\s+(?:of\s+)?(?P<m3>{_MONTH})[a-z]*
      | (?P<m4>{_MONTH})[a-z]*\s+(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?
    )\b
    """,
    re.VERBOSE,
)
_HOURS = re.compile(
    r"(?<![\d.,])(?P<a>\d{1,2})(?:[.:]\d\d)?\s*(?P<ap>am|pm)?\s*(?:-|til|to|and|og|till)\s*"
    r"(?P<b>\d{1,2})(?:[.:]\d\d)?\s*(?P<bp>am|pm)?\b(?!\s*(?:%|kr|for|[.,]\d))"
)
_HOUR = re.compile(
    r"\b(?:kl|klokken|klokka|klockan)\b\.?\s*(?P<a>\d{1,2})(?:[.:]\d\d)?"
    r"|\b(?P<b>\d{1,2})(?:[.:]\d\d)?\s*(?P<p>am|pm)\b"
)
_KINDS = (
    (
        FREE,
        re.compile(
            r"\b(?:gratis|for free|free|complimentary|kostnadsfri\w*|uden beregning|on us|"
            r"on the house|på husets regning|er på os|no entrance fee|no entry fee|for nothing|"
            r"fri(?= entr[eé]e?| adgang| levering| entry))\b"
        ),
    ),
    (UPGRADE, re.compile(r"\b(?:upgrade|opgradering|oppgradering|uppgradering)\b")),
    (CHARITY, re.compile(r"\b(?:donat(?:e|es|ion)|doner(?:er|ar)|går til|goes to)\b")),
)


def _dates(text: str, found: Found) -> str:
    def mark(date: re.Match[str]) -> str:
        parts = {name[0]: value for name, value in date.groupdict().items() if value}
        found.marks.add(f"d{MONTHS.get(parts['m'][:3]) or int(parts['m'])}-{int(parts['d'])}")
        return " "

    return _DATE.sub(mark, text)


def _percents(text: str, found: Found) -> str:
    text = _RANGE.sub(" ", text)
    found.deals |= {("percent", number(match["n"])) for match in _PERCENT.finditer(text)}
    if _HALF.search(text):
        found.deals.add(("percent", "50"))
    return _HALF.sub(" ", _PERCENT.sub(" ", text))


def _many(text: str, found: Found) -> str:
    """So many for the price of fewer: 2 for 1, and buy one, get one free."""

    def more(match: re.Match[str]) -> str:
        bought = _count(match["n"])
        found.deals.add(("multi", str(bought + _count(match["m"])), str(bought)))
        return _without_ends(match)

    def fewer(match: re.Match[str]) -> str:
        got, paid = _count(match["n"]), _count(match["m"])
        if got <= paid:
            return match[0]
        found.deals.add(("multi", str(got), str(paid)))
        return _without_ends(match)

    return _FEWER.sub(fewer, _MORE.sub(more, text))


def _count(word: str) -> int:
    return int(word) if word.isdigit() else 1


def _without_ends(match: re.Match[str]) -> str:
    """What stands between the two numbers: the goods."""
    return f" {match.string[match.end('n') : match.start('m')]} "


def _money(text: str, found: Found) -> str:
    for match in _MONEY.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if _OFF_BEFORE.search(before) or _OFF_AFTER.search(after):
            found.deals.add(("off", number(match["a"] or match["b"])))
        elif not _CONDITION.search(before):
            found.deals.add(("price", number(match["a"] or match["b"])))
    return _MONEY.sub(" ", text)


def _hours(text: str, found: Found) -> str:
    def pair(match: re.Match[str]) -> str:
        last = _hour(match["b"], pm=match["bp"] == "pm")
        first = _hour(match["a"], pm="pm" in (match["ap"], match["ap"] or match["bp"]))
        found.marks |= {f"h{first if first <= last else first % 12}", f"h{last}"}
        return " "

    def one(match: re.Match[str]) -> str:
        found.marks.add(f"h{_hour(match['a'] or match['b'], pm=match['p'] == 'pm')}")
        return " "

    return _HOUR.sub(one, _HOURS.sub(pair, text))


def _hour(text: str, *, pm: bool) -> int:
    return int(text) % 12 + 12 if pm else int(text)


def _kinds(text: str, found: Found) -> str:
    for deal, pattern in _KINDS:
        text, times = pattern.subn(" ", text)
        if times:
            found.deals.add(deal)
    return text


def _counts(text: str, found: Found) -> str:
    found.marks |= {f"n{number(count)}" for count in re.findall(_NUMBER, text)}
    return re.sub(_NUMBER, " ", text)
