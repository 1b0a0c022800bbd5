"""What would have to happen for an offer to open, in words for a merchant's support."""

from __future__ import annotations

from collections.abc import Mapping

from lbs.offers.rules.look import Why
from lbs.offers.rules.standing import Standing
from lbs.offers.rules.words import NOUNS, Text

CHECK_IN: Text = {
    "en": "An accepted check-in here, on {level} or more.",
    "da": "Et godkendt besøg her, på {level} eller mere.",
}
"""Where nothing else is in the way."""

MORE: Text = {
    "en": "{missing} more {noun}; the check-in that opens it counts.",
    "da": "{missing} {noun} mere; det besøg, der åbner det, tæller med.",
}
ANOTHER_DAY: Text = {
    "en": "A check-in on a later day, or a higher limit.",
    "da": "Et besøg en senere dag, eller en højere grænse.",
}
HIGHER_LIMIT: Text = {
    "en": "A higher limit, or an unlock of it that expires.",
    "da": "En højere grænse, eller at en oplåsning udløber.",
}
IN_ITS_HOURS: Text = {
    "en": "A check-in in its hours.",
    "da": "Et besøg i tidsrummet.",
}

REMEDIES: Mapping[Why, Text] = {
    **dict.fromkeys(
        (Why.MORE_VISITS, Why.MORE_DAYS, Why.MORE_WEEKS, Why.MORE_PEOPLE, Why.MORE_VENUES), MORE
    ),
    **dict.fromkeys((Why.OUT_OF_HOURS, Why.NOT_IN_WINDOW, Why.WINDOW_OVER), IN_ITS_HOURS),
    **dict.fromkeys((Why.WINDOW_TAKEN, Why.SOLD_OUT_TODAY, Why.SOLD_OUT_HERE_TODAY), ANOTHER_DAY),
    **dict.fromkeys((Why.SOLD_OUT, Why.SOLD_OUT_HERE, Why.CUSTOMER_LIMIT), HIGHER_LIMIT),
    **dict.fromkeys((Why.LEVEL_TOO_LOW, Why.NOT_ACCEPTED), CHECK_IN),
    Why.BUDGET_SPENT: {
        "en": "A higher budget, or that what was not redeemed expires.",
        "da": "Et større budget, eller at det, der ikke blev indløst, udløber.",
    },
    Why.NOT_COMBINABLE: {
        "en": "A check-in at which nothing opens that it does not combine with.",
        "da": "Et besøg, hvor der ikke åbner noget, som det ikke kan kombineres med.",
    },
    Why.NOT_RESERVED: {
        "en": "Nothing: it has opened, and waits to be reserved.",
        "da": "Intet: det er åbnet og venter på at blive reserveret.",
    },
    Why.MORE_FRIENDS: {
        "en": "{missing} more {noun} here, within three hours of the check-in.",
        "da": "{missing} {noun} mere på stedet inden for tre timer før eller efter besøget.",
    },
    Why.COUNTED_TODAY: {"en": "A check-in on a later day.", "da": "Et besøg en senere dag."},
    Why.COUNTED_THIS_WEEK: {
        "en": "A check-in in a later week.",
        "da": "Et besøg i en senere uge.",
    },
    Why.ALREADY_TODAY: {
        "en": "As many people here on a later day.",
        "da": "Lige så mange personer her en senere dag.",
    },
    Why.ONLY_ONCE: {
        "en": "Nothing: it opens once for each customer.",
        "da": "Intet: det åbner én gang for hver kunde.",
    },
    Why.NEVER_HERE: {
        "en": "A first visit, and another at least {target} {noun} later.",
        "da": "Et første besøg og et til mindst {target} {noun} senere.",
    },
    Why.AWAY_TOO_SHORT: {
        "en": "{missing} more {noun} without a visit, and then a check-in.",
        "da": "{missing} {noun} mere uden besøg og derefter et besøg.",
    },
    Why.NOT_TOP: {
        "en": "{missing} more {noun} with a visit, if nobody else comes meanwhile.",
        "da": "{missing} {noun} mere med besøg, hvis ingen anden kommer imens.",
    },
    Why.TOO_BUSY: {
        "en": "A check-in in an hour when fewer people come.",
        "da": "Et besøg i en time, hvor der kommer færre.",
    },
    Why.TOO_LITTLE_HISTORY: {
        "en": "More visits here, by anybody: then it is known which hours are quiet.",
        "da": "Flere besøg her, af hvem som helst: så vides det, hvilke timer der er stille.",
    },
    Why.NO_PARTY: {
        "en": "A check-in with a party code.",
        "da": "Et besøg med en selskabskode.",
    },
    Why.NOT_REFERRED: {
        "en": "To come by a friend's share of this offer, and then to check in.",
        "da": "At komme via en vens deling af dette tilbud og derefter tjekke ind.",
    },
    Why.MORE_FRIENDS_SENT: {
        "en": "{missing} more {noun} with a verified visit by the customer's shares of the "
        "merchant's offers, and then a check-in.",
        "da": "{missing} {noun} mere med et godkendt besøg via kundens delinger af butikkens "
        "tilbud og derefter et besøg.",
    },
    Why.WRONG_ORDER: {
        "en": "A check-in at the venue that comes next.",
        "da": "Et besøg på det sted, der er det næste.",
    },
    Why.NOT_ON_TRAIL: {
        "en": "A check-in at one of the venues that count.",
        "da": "Et besøg på et af de steder, der tæller.",
    },
    Why.NOT_AT_EVENT: {
        "en": "A check-in to the event.",
        "da": "At tjekke ind til arrangementet.",
    },
    Why.NOT_STARTED: {
        "en": "Its valid_from has to come first.",
        "da": "Dets valid_from skal nås først.",
    },
    Why.NOT_FOR_STAFF: {
        "en": "The customer must no longer have the standing of staff.",
        "da": "Kunden må ikke længere stå som personale.",
    },
    Why.NOT_RUNNING: {
        "en": "The offer has to be activated.",
        "da": "Tilbuddet skal aktiveres.",
    },
    Why.HELD_OUT: {
        "en": "The experiment has to stop.",
        "da": "Forsøget skal stoppes.",
    },
    Why.NOT_HERE: {
        "en": "The offer has to run at this venue.",
        "da": "Tilbuddet skal gælde på dette sted.",
    },
    Why.OVER: {
        "en": "A later valid_to, or a new offer.",
        "da": "En senere valid_to eller et nyt tilbud.",
    },
}
"""By what is in the way."""


def remedy(standing: Standing, level: str) -> Text:
    """ "3 more visits; the check-in that opens it counts." """
    text = REMEDIES[standing.why] if standing.why else CHECK_IN
    missing, target = max(1, standing.target - standing.progress), standing.target
    return {
        language: words.format(
            level=level,
            missing=missing,
            target=target,
            noun=_noun(standing, language, target if "{target}" in words else missing),
        )
        for language, words in text.items()
    }


def _noun(standing: Standing, language: str, number: int) -> str:
    return NOUNS[standing.unit][language][number != 1]
