"""How offers stand, in words for people: English and Danish."""

from __future__ import annotations

from collections.abc import Mapping

from lbs.offers.rules.look import Unit, Why
from lbs.offers.rules.standing import Standing

Text = Mapping[str, str]
"""One text by language."""

PROGRESS: Text = {"en": "{progress} of {target} {noun}", "da": "{progress} af {target} {noun}"}

NOUNS: Mapping[Unit, Mapping[str, tuple[str, str]]] = {
    Unit.VISITS: {"en": ("visit", "visits"), "da": ("besøg", "besøg")},
    Unit.DAYS: {"en": ("day", "days"), "da": ("dag", "dage")},
    Unit.WEEKS: {"en": ("week", "weeks"), "da": ("uge", "uger")},
    Unit.PEOPLE: {"en": ("person", "people"), "da": ("person", "personer")},
    Unit.FRIENDS: {"en": ("friend", "friends"), "da": ("ven", "venner")},
    Unit.VENUES: {"en": ("venue", "venues"), "da": ("sted", "steder")},
    Unit.CONDITIONS: {"en": ("condition", "conditions"), "da": ("betingelse", "betingelser")},
}
"""Of one, and of any other number: both languages tell no more apart. The target decides."""


def progress_text(standing: Standing) -> Text:
    """ "1 of 3 visits"."""
    is_many = standing.target != 1
    return {
        language: text.format(
            progress=standing.progress,
            target=standing.target,
            noun=NOUNS[standing.unit][language][is_many],
        )
        for language, text in PROGRESS.items()
    }


WHY: Mapping[Why, Text] = {
    Why.MORE_VISITS: {
        "en": "It takes more visits.",
        "da": "Det kræver flere besøg.",
    },
    Why.MORE_DAYS: {
        "en": "It takes visits on more days.",
        "da": "Det kræver besøg på flere dage.",
    },
    Why.MORE_WEEKS: {
        "en": "It takes a visit in more weeks in a row.",
        "da": "Det kræver et besøg i flere uger i træk.",
    },
    Why.COUNTED_TODAY: {
        "en": "Today counts already. Come again another day.",
        "da": "I dag tæller allerede med. Kom igen en anden dag.",
    },
    Why.COUNTED_THIS_WEEK: {
        "en": "This week counts already. Come again next week.",
        "da": "Denne uge tæller allerede med. Kom igen i næste uge.",
    },
    Why.ONLY_ONCE: {
        "en": "It opened at an earlier visit and does not open again.",
        "da": "Det åbnede ved et tidligere besøg og åbner ikke igen.",
    },
    Why.NEVER_HERE: {
        "en": "It is for those who have been here before.",
        "da": "Det er for dem, der har været her før.",
    },
    Why.AWAY_TOO_SHORT: {
        "en": "It is for those who have not been here for a longer time.",
        "da": "Det er for dem, der ikke har været her i længere tid.",
    },
    Why.NOT_TOP: {
        "en": "Somebody else has been here on more days.",
        "da": "En anden har været her flere dage.",
    },
    Why.NOT_IN_WINDOW: {
        "en": "Its hours have not begun yet.",
        "da": "Tidsrummet er ikke begyndt endnu.",
    },
    Why.WINDOW_OVER: {
        "en": "Its hours are over for today.",
        "da": "Tidsrummet er slut for i dag.",
    },
    Why.WINDOW_TAKEN: {
        "en": "The first have taken all of them for this time.",
        "da": "De første har taget dem alle for denne gang.",
    },
    Why.TOO_BUSY: {
        "en": "It opens in the hours when fewer people come.",
        "da": "Det åbner i de timer, hvor der kommer færre.",
    },
    Why.TOO_LITTLE_HISTORY: {
        "en": "It is not known yet which hours are quiet here.",
        "da": "Det vides endnu ikke, hvilke timer der er stille her.",
    },
    Why.MORE_PEOPLE: {
        "en": "It takes more people.",
        "da": "Det kræver flere personer.",
    },
    Why.ALREADY_TODAY: {
        "en": "It has opened here today already. It opens once a day.",
        "da": "Det har allerede åbnet her i dag. Det åbner én gang om dagen.",
    },
    Why.NO_PARTY: {
        "en": "It takes a party: check in with a party code.",
        "da": "Det kræver et selskab: tjek ind med en selskabskode.",
    },
    Why.MORE_FRIENDS: {
        "en": "It takes more of your friends here.",
        "da": "Det kræver flere af dine venner her.",
    },
    Why.NOT_REFERRED: {
        "en": "It is for those whom a friend has sent, at their first visit after that.",
        "da": "Det er for dem, som en ven har sendt, ved deres første besøg derefter.",
    },
    Why.MORE_FRIENDS_SENT: {
        "en": "It takes a visit by more friends whom you have sent, and then one of your own.",
        "da": "Det kræver besøg af flere venner, som du har sendt, og derefter dit eget.",
    },
    Why.MORE_VENUES: {
        "en": "It takes a visit to more of its venues.",
        "da": "Det kræver et besøg på flere af stederne.",
    },
    Why.WRONG_ORDER: {
        "en": "Another venue comes before this one.",
        "da": "Et andet sted kommer før dette.",
    },
    Why.NOT_ON_TRAIL: {
        "en": "This venue is none of those that count.",
        "da": "Dette sted er ikke et af dem, der tæller.",
    },
    Why.NOT_AT_EVENT: {
        "en": "It opens at a check-in to the event.",
        "da": "Det åbner, når du tjekker ind til arrangementet.",
    },
    Why.OUT_OF_HOURS: {
        "en": "It is not on at this hour.",
        "da": "Det gælder ikke på denne tid.",
    },
    Why.NOT_STARTED: {"en": "It has not started yet.", "da": "Det er ikke begyndt endnu."},
    Why.SOLD_OUT: {"en": "All of them are taken.", "da": "Der er ikke flere."},
    Why.SOLD_OUT_TODAY: {
        "en": "All of today's are taken.",
        "da": "Der er ikke flere i dag.",
    },
    Why.SOLD_OUT_HERE: {
        "en": "All of them are taken at this venue.",
        "da": "Der er ikke flere på dette sted.",
    },
    Why.SOLD_OUT_HERE_TODAY: {
        "en": "All of today's are taken at this venue.",
        "da": "Der er ikke flere på dette sted i dag.",
    },
    Why.BUDGET_SPENT: {
        "en": "All that was set aside for it is taken.",
        "da": "Alt, hvad der var sat af til det, er taget.",
    },
    Why.CUSTOMER_LIMIT: {
        "en": "You have had all that one customer can have.",
        "da": "Du har fået alt det, én kunde kan få.",
    },
    Why.NOT_ACCEPTED: {
        "en": "It opens only when the check-in is accepted.",
        "da": "Det åbner kun, når besøget er bekræftet.",
    },
    Why.LEVEL_TOO_LOW: {
        "en": "It takes a stronger proof that you are here.",
        "da": "Det kræver et stærkere bevis for, at du er her.",
    },
    Why.NOT_FOR_STAFF: {
        "en": "The venue's own staff cannot have it.",
        "da": "Stedets eget personale kan ikke få det.",
    },
    Why.NOT_COMBINABLE: {
        "en": "It does not open together with what has opened at this check-in.",
        "da": "Det åbner ikke sammen med det, der er åbnet ved dette besøg.",
    },
    Why.NOT_RESERVED: {
        "en": "It has opened for you. Reserve it before you go to the till.",
        "da": "Det er åbnet for dig. Reservér det, før du går til kassen.",
    },
    Why.NOT_RUNNING: {"en": "It is not active.", "da": "Det er ikke aktivt."},
    Why.HELD_OUT: {
        "en": "The customer is in the holdout of its experiment.",
        "da": "Kunden er i forsøgets holdout-gruppe.",
    },
    Why.NOT_HERE: {"en": "It does not run at this venue.", "da": "Det gælder ikke på dette sted."},
    Why.OVER: {"en": "It is over.", "da": "Det er slut."},
}

FORBIDDEN: Text = {
    "en": "There is no rule for sharing or liking: Facebook's rules forbid rewards for either. "
    "Use referred, which opens when the friend checks in.",
    "da": "Der er ingen regel for at dele eller synes godt om: Facebooks regler forbyder "
    "belønning for begge dele. Brug referred, som åbner, når vennen tjekker ind.",
}
"""What a merchant hears who asks for one of documents.FORBIDDEN."""

REFERRER_OFF: Text = {
    "en": "There is no bonus for those who refer here: the operator has not switched it on.",
    "da": "Der er ingen bonus til dem, der henviser, her: driften har ikke slået den til.",
}
"""What a merchant hears who asks for `referrer` then."""
