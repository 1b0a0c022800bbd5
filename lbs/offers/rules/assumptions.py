"""What a dry run takes for granted, and what it cannot know, in words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from lbs.offers.rules.history import Part
from lbs.offers.rules.look import Rule
from lbs.offers.rules.words import Text


class Assumption(StrEnum):
    ACTIVE = "active"
    ACCEPTED = "accepted"
    NO_RISK = "no_risk"
    ALONE = "alone"

    SAME_VISITS = "same_visits"
    FROM_THE_START = "from_the_start"
    DATES_LEFT_OUT = "dates_left_out"
    NOTHING_GIVEN_BACK = "nothing_given_back"
    LEVELS_REACHED = "levels_reached"
    GUESTS_ONLY = "guests_only"


class Unknown(StrEnum):
    PARTIES = "parties"
    FRIENDS = "friends"
    REFERRALS = "referrals"
    FRIENDS_SENT = "friends_sent"


OF_A_CHECK_IN = (Assumption.ACTIVE, Assumption.ACCEPTED, Assumption.NO_RISK, Assumption.ALONE)
OF_A_REPLAY = (
    Assumption.SAME_VISITS,
    Assumption.FROM_THE_START,
    Assumption.DATES_LEFT_OUT,
    Assumption.NOTHING_GIVEN_BACK,
    Assumption.LEVELS_REACHED,
    Assumption.GUESTS_ONLY,
    Assumption.ALONE,
)

ASSUMPTIONS: Mapping[Assumption, Text] = {
    Assumption.ACTIVE: {
        "en": "The offer is taken as active, whatever its status.",
        "da": "Tilbuddet regnes for aktivt, uanset dets status.",
    },
    Assumption.ACCEPTED: {
        "en": "The check-in is accepted, on the level given.",
        "da": "Besøget godkendes på det angivne niveau.",
    },
    Assumption.NO_RISK: {
        "en": "No customer is asked for more than the minimum level for being a risk.",
        "da": "Ingen kunde mødes af et højere krav end mindsteniveauet, fordi der er en risiko.",
    },
    Assumption.ALONE: {
        "en": "Other offers, and whether the merchant's own codes suffice, are left out.",
        "da": "Andre tilbud, og om butikkens egne koder slår til, er holdt udenfor.",
    },
    Assumption.SAME_VISITS: {
        "en": "Customers came as they did: none came for the offer's sake.",
        "da": "Kunderne kom, som de gjorde: ingen kom for tilbuddets skyld.",
    },
    Assumption.FROM_THE_START: {
        "en": "The offer begins with the period: nothing of it is taken, nobody has had it before.",
        "da": "Tilbuddet begynder med perioden: intet af det er taget, ingen har haft det før.",
    },
    Assumption.DATES_LEFT_OUT: {
        "en": "valid_from and valid_to are left out; the schedule holds, its dates included.",
        "da": "valid_from og valid_to er holdt udenfor; tidsplanen gælder, også dens datoer.",
    },
    Assumption.NOTHING_GIVEN_BACK: {
        "en": "No unlock expires or is voided, so none makes room under a limit.",
        "da": "Ingen oplåsning udløber eller annulleres, så ingen giver plads under en grænse.",
    },
    Assumption.LEVELS_REACHED: {
        "en": "A check-in counts, when it was made, with the level and risk it had in the end.",
        "da": "Et besøg tæller, da det skete, med det niveau og den risiko, det endte på.",
    },
    Assumption.GUESTS_ONLY: {
        "en": "Those who are staff or testers today, or have been erased, open nothing.",
        "da": "De, der i dag er personale eller testere eller er slettet, åbner intet.",
    },
}

UNKNOWN: Mapping[Unknown, Text] = {
    Unknown.PARTIES: {
        "en": "Who came with whom under a party code is forgotten: no party counts.",
        "da": "Hvem der kom sammen med en selskabskode, er glemt: intet selskab tæller.",
    },
    Unknown.FRIENDS: {
        "en": "Friends count who are so today, from when they became so.",
        "da": "Venner tæller, som er det i dag, fra da de blev det.",
    },
    Unknown.REFERRALS: {
        "en": "Only shares of this very offer count, and for each customer the last one.",
        "da": "Kun delinger af netop dette tilbud tæller, og for hver kunde den sidste.",
    },
    Unknown.FRIENDS_SENT: {
        "en": "Friends who were sent count whose credit stands today, from when it was given.",
        "da": "Sendte venner tæller, hvis krediteringen gælder i dag, fra da den blev givet.",
    },
}

_UNKNOWN_OF = {
    Part.PARTY: Unknown.PARTIES,
    Part.FRIENDS: Unknown.FRIENDS,
    Part.REFERRAL: Unknown.REFERRALS,
    Part.FRIENDS_SENT: Unknown.FRIENDS_SENT,
}


def unknown_of(rule: Rule) -> tuple[Unknown, ...]:
    """What of the past that the rule asks about is not wholly known any more."""
    return tuple(word for part, word in _UNKNOWN_OF.items() if part in rule.needs)
