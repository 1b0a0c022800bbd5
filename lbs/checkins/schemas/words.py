"""Why something is as it is, in words for people."""

from __future__ import annotations

from collections.abc import Iterable

from marshmallow import fields

from lbs.checkins.policy import Reason
from lbs.http.fields import Schema
from lbs.http.languages import Text, say
from lbs.offers.rules.words import WHY

REASON_TEXT: dict[str, Text] = {
    Reason.NO_LOCATION: {
        "en": "No location came with the check-in.",
        "da": "Der fulgte ingen position med.",
    },
    Reason.FIX_TOO_OLD: {
        "en": "The location is too old. Try again with a fresh one.",
        "da": "Positionen er for gammel. Prøv igen med en frisk.",
    },
    Reason.FIX_IN_FUTURE: {
        "en": "The location is from the future. Set the phone's clock.",
        "da": "Positionen er fra fremtiden. Stil telefonens ur.",
    },
    Reason.FIX_TOO_COARSE: {
        "en": "The location is not accurate enough. Try again near a window or outside.",
        "da": "Positionen er ikke nøjagtig nok. Prøv igen ved et vindue eller udenfor.",
    },
    Reason.NOT_VERIFIED: {
        "en": "Your presence could not be verified.",
        "da": "Din tilstedeværelse kunne ikke bekræftes.",
    },
    Reason.OUTSIDE_FENCE: {
        "en": "You are not at the venue.",
        "da": "Du er ikke på stedet.",
    },
    Reason.MAYBE_OUTSIDE_FENCE: {
        "en": "You may not be at the venue. Try again with a better location.",
        "da": "Du er måske ikke på stedet. Prøv igen med en bedre position.",
    },
    Reason.TOO_SOON: {
        "en": "You have checked in here a short while ago.",
        "da": "Du har tjekket ind her for lidt siden.",
    },
    Reason.EVENT_NOT_ON: {
        "en": "The event is not on just now.",
        "da": "Arrangementet er ikke i gang nu.",
    },
    Reason.CLOSED_HOURS: {
        "en": "The venue is closed at this hour. Show that you are here.",
        "da": "Stedet har lukket på denne tid. Vis, at du er her.",
    },
    Reason.RAPID_FIRE: {
        "en": "You have checked in very often. Show that you are here.",
        "da": "Du har tjekket ind meget ofte. Vis, at du er her.",
    },
    Reason.BLOCKED: {
        "en": "The venue has closed its offers to you. Ask the staff.",
        "da": "Stedet har lukket sine tilbud for dig. Spørg personalet.",
    },
    Reason.PROOF_WRONG: {
        "en": "The code or tag is not this venue's, or its time is over. Try the one of now.",
        "da": "Koden eller mærket er ikke stedets eller er udløbet. Prøv det, der gælder nu.",
    },
    Reason.PROOF_USED: {
        "en": "This has been used already. Take a fresh one.",
        "da": "Det er brugt allerede. Tag et nyt.",
    },
    Reason.PROOF_THROTTLED: {
        "en": "Too many wrong codes. Wait ten minutes, or ask the staff.",
        "da": "For mange forkerte koder. Vent ti minutter, eller spørg personalet.",
    },
    Reason.PROOF_UNAVAILABLE: {
        "en": "This proof cannot be checked here.",
        "da": "Dette bevis kan ikke kontrolleres her.",
    },
    Reason.CROWDED_CODE: {
        "en": "Too many have used this code. Wait for the next one.",
        "da": "For mange har brugt denne kode. Vent på den næste.",
    },
    Reason.STAFF_LIMIT: {
        "en": "This member of staff has confirmed all they may this hour. Ask another.",
        "da": "Denne medarbejder har bekræftet alt, hvad der må i denne time. Spørg en anden.",
    },
    **{why.value: text for why, text in WHY.items()},
}


class ReasonSchema(Schema):
    """Why something is as it is: `code` for programs, `text` in the language asked for."""

    code = fields.String(required=True, metadata={"example": "outside_fence"})
    text = fields.String(required=True, metadata={"example": "You are not at the venue."})


def say_reasons(codes: Iterable[str]) -> list[dict[str, str]]:
    return [say_reason(code) for code in codes]


def say_reason(code: str) -> dict[str, str]:
    return {"code": str(code), "text": say(REASON_TEXT[code])}
