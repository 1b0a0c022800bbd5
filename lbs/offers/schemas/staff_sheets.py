"""The sheet for staff: what it says, in English and Danish."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_currency, get_currency_precision
from babel.units import format_unit

from lbs.http.fields import Schema, Word
from lbs.http.languages import LANGUAGES, Text
from lbs.offers.service import StaffSheet
from lbs.proofs.rules.display import draw

SAMPLE_CODE = "SAMP-LE00-0000"
"""Has the shape of a code, and is none: its check character is wrong."""

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
TIMES = {"en": ("en_GB", "d MMMM y, HH:mm"), "da": ("da_DK", "d. MMMM y 'kl.' HH.mm")}
MONEY = {"en": "¤¤\xa0#,##0.00", "da": None}
"""The pattern; the locale's own would write DKK35.00 in English."""

LONG = 450
"""With more characters of its merchant's, a sheet is set smaller, so that it stays one page."""

LINE, NAME_LENGTH = 60, 60


class StaffSheetQuerySchema(Schema):
    lang = Word(
        "Language",
        LANGUAGES,
        load_default=None,
        metadata={"description": "Left out: as `Accept-Language` says"},
    )


def present_sheet(sheet: StaffSheet, lang: str) -> dict[str, Any]:
    """What the template fills in."""
    offer = sheet.offer
    zone = sheet.time_zones[0] if sheet.time_zones else "UTC"
    reward = _reward(offer, lang)
    return {
        "lang": lang,
        "says": {name: text[lang] for name, text in SAYS.items()},
        "steps": [step[lang] for step in STEPS],
        "refusals": [(when[lang], what[lang]) for when, what in REFUSALS],
        "offer": offer,
        "status": STATUS[offer.status][lang] if offer.status in STATUS else None,
        "reward": reward,
        "value": _money(offer.value_minor, offer.currency, lang) if offer.value_minor else None,
        "starts": _moment(offer.valid_from, zone, lang),
        "ends": _moment(offer.valid_to, zone, lang),
        "zone": zone if len(sheet.time_zones) != 1 else None,
        "redeem_within": offer.redeem_within_s and _duration(offer.redeem_within_s, lang),
        "places": [_shorten(place) for place in sheet.places],
        "more_places": sheet.place_count - len(sheet.places),
        "is_long": sum(map(_room, (offer.teaser, offer.terms, reward))) > LONG,
        "code": SAMPLE_CODE,
        "picture": draw(SAMPLE_CODE),
    }


def _room(text: str) -> int:
    """In characters; a new line takes as much as one that is full."""
    return len(text) + LINE * text.count("\n")


def _shorten(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1].rstrip()}…"


def _reward(offer: Any, lang: str) -> str:
    reward = dict(offer.reward)
    if "amount_minor" in reward:
        reward["amount"] = _money(reward["amount_minor"], offer.currency, lang)
    return REWARDS[reward["kind"]][lang].format(**reward)


def _money(minor: int, currency: str, lang: str) -> str:
    amount = minor / 10 ** get_currency_precision(currency)
    return format_currency(amount, currency, MONEY[lang], locale=TIMES[lang][0])


def _moment(at: datetime, zone: str, lang: str) -> str:
    locale, pattern = TIMES[lang]
    return format_datetime(at, pattern, tzinfo=ZoneInfo(zone), locale=locale)


def _duration(seconds: int, lang: str) -> str:
    """In the largest unit that comes out even; in minutes where none does."""
    unit, length = next(
        ((unit, length) for unit, length in UNITS if seconds % length == 0), UNITS[-1]
    )
    return format_unit(seconds // length, f"duration-{unit}", locale=TIMES[lang][0])


REWARDS: dict[str, Text] = {
    "percent": {"en": "{percent} % off", "da": "{percent} % rabat"},
    "amount": {"en": "{amount} off", "da": "{amount} i rabat"},
    "free_item": {"en": "Free: {item}", "da": "Gratis: {item}"},
    "upgrade": {"en": "Upgrade: {item}", "da": "Opgradering: {item}"},
    "charity": {"en": "We give {amount} to {recipient}", "da": "Vi giver {amount} til {recipient}"},
    "text": {"en": "{text}", "da": "{text}"},
}

STATUS: dict[str, Text] = {
    "draft": {"en": "Draft: it does not run yet", "da": "Kladde: det kører ikke endnu"},
    "paused": {
        "en": "Paused: opens for nobody, passes from before are still good",
        "da": "På pause: åbner for ingen, men beviser fra før gælder stadig",
    },
    "ended": {
        "en": "Ended: opens for nobody, passes from before are still good",
        "da": "Slut: åbner for ingen, men beviser fra før gælder stadig",
    },
}
"""Of offers that do not open just now."""

SAYS: dict[str, Text] = {
    "for_staff": {"en": "For staff", "da": "Til personalet"},
    "keep": {
        "en": "Keep it behind the counter: guests see this only once the offer has opened",
        "da": "Gem den bag disken: gæster ser først dette, når tilbuddet er åbnet",
    },
    "give": {"en": "Give", "da": "Giv"},
    "worth": {"en": "Worth {value} to the guest", "da": "Værdi for gæsten: {value}"},
    "terms": {"en": "Terms", "da": "Vilkår"},
    "when": {"en": "When", "da": "Hvornår"},
    "from_to": {"en": "{starts} to {ends}", "da": "{starts} til {ends}"},
    "within": {
        "en": "To be redeemed within {duration} of the check-in",
        "da": "Skal indløses inden {duration} efter, at gæsten tjekkede ind",
    },
    "where": {"en": "Where", "da": "Hvor"},
    "more": {"en": "and {count} more", "da": "og {count} mere"},
    "nowhere": {"en": "Nowhere yet", "da": "Ingen steder endnu"},
    "looks": {"en": "The guest shows a code like this", "da": "Gæsten viser en kode som denne"},
    "sample": {"en": "SAMPLE", "da": "PRØVE"},
    "sample_note": {
        "en": "As a picture, as twelve characters, or both. This one redeems nothing.",
        "da": "Som billede, som tolv tegn eller begge dele. Denne her kan ikke indløses.",
    },
    "redeem": {"en": "How to redeem", "da": "Sådan indløser du"},
    "refused": {"en": "When the till says no", "da": "Når kassen siger nej"},
    "version": {"en": "Offer {id}, terms {number}", "da": "Tilbud {id}, vilkår {number}"},
}

STEPS: tuple[Text, ...] = (
    {
        "en": "The guest has checked in with the app, here. Only then does the pass open.",
        "da": "Gæsten har tjekket ind med appen, her. Først da åbner beviset.",
    },
    {
        "en": "Scan the picture at the till, or type the code. Small letters and missing dashes "
        "do no harm.",
        "da": "Scan billedet ved kassen, eller tast koden. Små bogstaver og manglende streger "
        "gør ikke noget.",
    },
    {
        "en": "The till says that it is redeemed: now give what stands above.",
        "da": "Kassen siger, at koden er indløst: giv nu det, der står ovenfor.",
    },
    {
        "en": "The pass is used up. One pass, one time.",
        "da": "Beviset er brugt. Ét bevis, én gang.",
    },
)

REFUSALS: tuple[tuple[Text, Text], ...] = (
    (
        {"en": "The code is refused", "da": "Koden afvises"},
        {
            "en": "Read it again: there is no I, L, O or U in a code. Then look in the guest's "
            "app: it says whether the pass is used, has run out, or is for another place. "
            "The till never says which.",
            "da": "Læs den igen: der er ingen I, L, O eller U i en kode. Se så i gæstens app: "
            "den siger, om beviset er brugt, er udløbet eller gælder et andet sted. "
            "Kassen siger aldrig hvad.",
        },
    ),
    (
        {"en": "It has run out", "da": "Det er udløbet"},
        {
            "en": "The guest checks in again at the next visit. If the offer allows it, it opens "
            "anew.",
            "da": "Gæsten tjekker ind igen ved næste besøg. Hvis tilbuddet tillader det, åbner "
            "det på ny.",
        },
    ),
    (
        {"en": "The till asks you to wait", "da": "Kassen beder dig vente"},
        {
            "en": "Too many wrong codes. Wait as long as it says: until then right ones are "
            "refused too.",
            "da": "For mange forkerte koder. Vent, så længe den siger: indtil da afvises også "
            "rigtige.",
        },
    ),
    (
        {"en": "No connection", "da": "Ingen forbindelse"},
        {
            "en": "Try the same code again in a minute. It is redeemed once, however often you "
            "try.",
            "da": "Prøv den samme kode igen om et minut. Den indløses én gang, uanset hvor tit "
            "du prøver.",
        },
    ),
    (
        {"en": "Redeemed by mistake", "da": "Indløst ved en fejl"},
        {
            "en": "Take it back at the till and say why. The guest's code is good again.",
            "da": "Tag det tilbage ved kassen, og skriv hvorfor. Gæstens kode gælder igen.",
        },
    ),
    (
        {"en": "Still no", "da": "Stadig nej"},
        {
            "en": "Give nothing without a redemption. Be kind, and say that the guest can flag "
            "the offer in the app: we read it.",
            "da": "Giv intet uden en indløsning. Vær venlig, og sig, at gæsten kan anmelde "
            "tilbuddet i appen: vi læser det.",
        },
    ),
)
