"""The page of a shared offer: what it says, in English and Danish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from markupsafe import Markup

from lbs.http.languages import Text
from lbs.offers.rules.asks import say_rule
from lbs.shares.policy import COMING, ON, OVER, PAUSED
from lbs.shares.rules.picture import HEIGHT, WIDTH, ink_on, read_color
from lbs.shares.service import SharePage, Spot, link_of

LOCALES = {"en": "en_GB", "da": "da_DK"}
MOMENTS = {"en": "EEEE d MMMM, HH:mm", "da": "EEEE d. MMMM 'kl.'\xa0HH.mm"}
DATES = {"en": "d MMMM y", "da": "d. MMMM y"}
CLOCKS = {"en": "HH:mm", "da": "HH.mm"}
TITLE, DESCRIPTION, NAME = 70, 120, 50
"""How long the texts in the head may be: a preview hardly shows more."""
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Links:
    """What the page leads to, as the operator has set it."""

    public_url: str
    facebook_app_id: str
    app_link: str
    app_page: str


def present_page(
    page: SharePage, token: str, links: Links, lang: str, now: datetime
) -> dict[str, Any]:
    """What the template fills in."""
    says = {name: text[lang] for name, text in SAYS.items()}
    link = link_of(token, links.public_url)
    asks = say_rule(page.rule)[lang]
    zone = page.spots[0].zone if page.spots else ZoneInfo("UTC")
    return {
        "lang": lang,
        "says": says,
        "link": link,
        "locale": LOCALES[lang],
        "title": f"{_cut(page.teaser, TITLE)} · {_cut(page.place, NAME)}",
        "description": _cut(f"{says['summary']} {asks}", DESCRIPTION),
        "picture": f"{link}/{page.card.digest}.png",
        "alt": _cut(page.teaser, TITLE),
        "width": WIDTH,
        "height": HEIGHT,
        "site": _cut(page.merchant, NAME),
        "app_id": links.facebook_app_id,
        "page": page,
        "notice": _notice(page, lang, zone),
        "is_over": page.standing == OVER,
        "asks": asks,
        "until": says["until"].format(date=_date(page.valid_to, zone, lang)),
        "spots": [_spot(spot, page, lang, now) for spot in page.spots],
        "more": page.spot_count - len(page.spots),
        "app_link": links.app_link.format(token=token) if links.app_link else None,
        "app_page": links.app_page,
    }


def style_of(page: SharePage, style: str) -> Markup:
    """The style with the merchant's colour. Nothing in it is the merchant's own text."""
    ground = read_color(page.color)
    ink = "#{:02x}{:02x}{:02x}".format(*ink_on(ground))
    return Markup(f":root{{--ground:{page.color};--ink:{ink}}}{style}")  # noqa: S704


def _spot(spot: Spot, page: SharePage, lang: str, now: datetime) -> dict[str, Any]:
    where = f"{spot.lat:.5f}", f"{spot.lon:.5f}"
    return {
        "name": spot.name,
        "map": f"https://www.openstreetmap.org/?mlat={where[0]}&mlon={where[1]}"
        f"#map=18/{where[0]}/{where[1]}",
        "when": _when(spot, page, lang, now) if page.standing in (ON, COMING) else None,
    }


def _when(spot: Spot, page: SharePage, lang: str, now: datetime) -> str:
    """When it can be had there next, by the clock on the wall there."""
    opening = spot.opening
    if opening is None:
        return SAYS["never"][lang]
    starts, ends = opening.starts_at, opening.ends_at
    if ends >= page.valid_to or ends - starts > 7 * A_DAY:
        name = "any_time" if starts <= now else "from"
        return SAYS[name][lang].format(starts=_moment(starts, spot.zone, lang))
    pattern = CLOCKS if ends - starts < A_DAY else MOMENTS
    said = _format(ends, pattern, spot.zone, lang)
    if starts <= now:
        return SAYS["on_now"][lang].format(ends=said)
    return SAYS["next"][lang].format(starts=_moment(starts, spot.zone, lang), ends=said)


def _notice(page: SharePage, lang: str, zone: ZoneInfo) -> str | None:
    text = NOTICES.get(page.standing)
    return text[lang].format(starts=_moment(page.valid_from, zone, lang)) if text else None


def _moment(at: datetime, zone: ZoneInfo, lang: str) -> str:
    return _format(at, MOMENTS, zone, lang)


def _date(at: datetime, zone: ZoneInfo, lang: str) -> str:
    return _format(at, DATES, zone, lang)


def _format(at: datetime, patterns: dict[str, str], zone: ZoneInfo, lang: str) -> str:
    return format_datetime(at, patterns[lang], tzinfo=zone, locale=LOCALES[lang])


def _cut(text: str, length: int) -> str:
    """On one line, no longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


NOTICES: dict[str, Text] = {
    COMING: {"en": "It starts {starts}.", "da": "Det begynder {starts}."},
    PAUSED: {
        "en": "It is paused just now. Come back to this page later.",
        "da": "Det er sat på pause lige nu. Kig på denne side igen senere.",
    },
    OVER: {"en": "This offer is over.", "da": "Dette tilbud er slut."},
}
"""Of offers that nobody opens just now."""

SAYS: dict[str, Text] = {
    "summary": {
        "en": "Check in when you are there, and see what it is.",
        "da": "Tjek ind, når du er der, og se, hvad det er.",
    },
    "how": {"en": "How to open it", "da": "Sådan åbner du det"},
    "go": {"en": "Go there.", "da": "Tag derhen."},
    "check_in": {
        "en": "Check in with the app. It sees that you are there.",
        "da": "Tjek ind med appen. Den ser, at du er der.",
    },
    "see": {
        "en": "What it is, you see when it has opened.",
        "da": "Hvad det er, ser du, når det er åbnet.",
    },
    "where": {"en": "Where and when", "da": "Hvor og hvornår"},
    "nowhere": {"en": "Nowhere just now.", "da": "Ingen steder lige nu."},
    "map": {"en": "On the map", "da": "På kortet"},
    "more": {"en": "and {count} more places", "da": "og {count} steder mere"},
    "any_time": {"en": "At any time.", "da": "Når som helst."},
    "from": {"en": "From {starts}.", "da": "Fra {starts}."},
    "on_now": {"en": "On now, until {ends}.", "da": "Gælder nu, indtil {ends}."},
    "next": {"en": "Next: {starts} to {ends}.", "da": "Næste gang: {starts} til {ends}."},
    "never": {"en": "At no time that is known.", "da": "Ikke på noget kendt tidspunkt."},
    "until": {"en": "The offer ends on {date}.", "da": "Tilbuddet slutter {date}."},
    "open": {"en": "Open in the app", "da": "Åbn i appen"},
    "get": {"en": "Get the app", "da": "Hent appen"},
    "no_app": {
        "en": "Open the app with which you check in at {merchant}.",
        "da": "Åbn den app, som du tjekker ind med hos {merchant}.",
    },
    "foot": {
        "en": "Somebody has sent you this link. This page sets no cookies.",
        "da": "Nogen har sendt dig dette link. Denne side sætter ingen cookies.",
    },
}

UNKNOWN: dict[str, Text] = {
    "title": {"en": "There is no such offer", "da": "Tilbuddet findes ikke"},
    "text": {
        "en": "Perhaps a piece of the link is missing. Ask whoever sent it.",
        "da": "Måske mangler der et stykke af linket. Spørg den, der sendte det.",
    },
}
