"""What a rule asks of a customer, in words for people: English and Danish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lbs.offers.rules.combined import AllOf, AnyOf, Combined
from lbs.offers.rules.documents import write_rule
from lbs.offers.rules.look import Rule
from lbs.offers.rules.words import Text

OPENS: Text = {"en": "It opens {clause}.", "da": "Det åbner {clause}."}
JOINED: dict[str, Text] = {
    AllOf.kind: {"en": " and ", "da": " og "},
    AnyOf.kind: {"en": " or ", "da": " eller "},
}
WEEKDAYS: Text = {
    "en": "Mondays Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays",
    "da": "mandage tirsdage onsdage torsdage fredage lørdage søndage",
}
DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")


def say_rule(rule: Rule) -> Text:
    """One sentence. It tells neither terms nor reward, nor who gets what a visit gives away."""
    return {lang: text.format(clause=_clause(rule, lang)) for lang, text in OPENS.items()}


def _clause(rule: Rule, lang: str, *, inner: bool = False) -> str:
    if isinstance(rule, Combined):
        clauses = [_clause(member, lang, inner=True) for member in rule.rules]
        joined = JOINED[rule.kind][lang].join(clauses)
        return f"({joined})" if inner else joined
    return CLAUSES[rule.kind](rule)[lang]


def _said(en: str, da: str) -> Callable[[Any], Text]:
    return lambda rule: {"en": en, "da": da}


def _nth_visit(rule: Any) -> Text:
    return {"en": f"at visit number {rule.n}", "da": f"ved besøg nummer {rule.n}"}


def _card(rule: Any) -> Text:
    en, da = ("days", "dage") if rule.count == "days" else ("visits", "besøg")
    within = _within(rule.within_days) if rule.within_days else {"en": "", "da": ""}
    return {
        "en": f"each time {rule.n} {en} are full{within['en']}",
        "da": f"hver gang {rule.n} {da} er nået{within['da']}",
    }


def _frequency(rule: Any) -> Text:
    within = _within(rule.within_days)
    return {
        "en": f"for whoever comes {rule.n} times{within['en']}",
        "da": f"for den, der kommer {rule.n} gange{within['da']}",
    }


def _within(days: int) -> Text:
    return {"en": f" within {days} days", "da": f" inden for {days} dage"}


def _streak(rule: Any) -> Text:
    return {
        "en": f"for whoever comes {rule.weeks} weeks in a row",
        "da": f"for den, der kommer {rule.weeks} uger i træk",
    }


def _comeback(rule: Any) -> Text:
    return {
        "en": f"for whoever comes back after {rule.days} days or more",
        "da": f"for den, der kommer igen efter {rule.days} dage eller mere",
    }


def _flash(rule: Any) -> Text:
    written = write_rule(rule)
    clock = f"{written['from']} {{to}} {written['to']}"
    days = {lang: _days(rule.weekdays, lang) for lang in OPENS}
    return {
        "en": f"for the first {rule.n} from {clock.format(to='to')}{days['en']}",
        "da": f"for de første {rule.n} fra kl. {clock.format(to='til').replace(':', '.')}"
        f"{days['da']}",
    }


def _days(weekdays: tuple[str, ...], lang: str) -> str:
    names = dict(zip(DAYS, WEEKDAYS[lang].split(), strict=True))
    return f" ({', '.join(names[day] for day in weekdays)})" if weekdays else ""


def _swarm(rule: Any) -> Text:
    return {
        "en": f"when {rule.n} people are there at once",
        "da": f"når {rule.n} er der på én gang",
    }


def _party(rule: Any) -> Text:
    return {"en": f"for a party of {rule.n}", "da": f"for et selskab på {rule.n}"}


def _friends(rule: Any) -> Text:
    if rule.n == 1:
        return {
            "en": "when a friend of yours is there too",
            "da": "når en af dine venner også er der",
        }
    return {
        "en": f"when {rule.n} of your friends are there too",
        "da": f"når {rule.n} af dine venner også er der",
    }


def _referrer(rule: Any) -> Text:
    if rule.n == 1:
        return {
            "en": "when a friend whom you have sent has come",
            "da": "når en ven, som du har sendt, er kommet",
        }
    return {
        "en": f"when {rule.n} friends whom you have sent have come",
        "da": f"når {rule.n} venner, som du har sendt, er kommet",
    }


def _trail(rule: Any) -> Text:
    within, many = _within(rule.within_days), len(rule.venue_ids)
    order = {"en": ", in their order", "da": ", i rækkefølge"} if rule.ordered else None
    return {
        "en": f"for whoever visits all {many} of its venues{within['en']}"
        + (order["en"] if order else ""),
        "da": f"for den, der besøger alle {many} steder{within['da']}"
        + (order["da"] if order else ""),
    }


CLAUSES: dict[str, Callable[[Any], Text]] = {
    "every_visit": _said("at every visit", "ved hvert besøg"),
    "charity": _said("at every visit", "ved hvert besøg"),
    "first_visit": _said("at your first visit", "ved dit første besøg"),
    "nth_visit": _nth_visit,
    "every_nth_visit": _card,
    "frequency": _frequency,
    "streak": _streak,
    "comeback": _comeback,
    "top_visitor": _said(
        "for the one who has been there on most days", "for den, der har været der flest dage"
    ),
    "flash": _flash,
    "swarm": _swarm,
    "party": _party,
    "friends": _friends,
    "trail": _trail,
    "event": _said("when you check in to the event", "når du tjekker ind til arrangementet"),
    "off_peak": _said("in the hours when few people come", "i de timer, hvor der kommer få"),
    "referred": _said("for those whom a friend has sent", "for dem, som en ven har sendt"),
    "referrer": _referrer,
}
"""By kind; a test sees to it that none is missing."""
