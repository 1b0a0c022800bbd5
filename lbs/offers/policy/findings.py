"""What a review can find, in words for merchants. Data, and the finding that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

Text = Mapping[str, str]
"""One text by language: en, da."""


class Severity(StrEnum):
    ERROR = "error"
    """The offer cannot be activated so."""
    WARNING = "warning"


class Code(StrEnum):
    REWARD_IN_TEASER = "reward_in_teaser"
    TERMS_IN_TEASER = "terms_in_teaser"
    CODE_IN_TEASER = "code_in_teaser"
    LEVEL_TOO_LOW = "level_too_low"
    VALUE_UNWEIGHED = "value_unweighed"

    REPOSTED_PROMOTION = "reposted_promotion"
    LIKE_PROMOTION = "like_promotion"
    LIKE_OTHER_OFFER = "like_other_offer"
    STATIC_CODE = "static_code"

    VALUE_MISSING = "value_missing"
    VALUE_DIFFERS = "value_differs"
    COST_MISSING = "cost_missing"
    COST_ZERO = "cost_zero"
    GOAL_MISSING = "goal_missing"

    RESTRICTION_UNSAID = "restriction_unsaid"
    RESTRICTION_UNDECLARED = "restriction_undeclared"

    NOWHERE = "nowhere"
    OVER = "over"
    NEVER_OPEN = "never_open"
    REDEEM_TOO_SHORT = "redeem_too_short"
    REDEEM_BEFORE_OPEN = "redeem_before_open"
    LIMIT_BELOW_TARGET = "limit_below_target"
    CODES_TOO_FEW = "codes_too_few"
    LEVEL_UNREACHABLE = "level_unreachable"

    REFERRER_OFF = "referrer_off"
    REFERRER_UNCAPPED = "referrer_uncapped"
    SPONSOR_UNSAID = "sponsor_unsaid"


@dataclass(frozen=True, slots=True)
class Finding:
    code: Code
    severity: Severity
    pointer: str
    """JSON pointer into the offer."""
    text: Text
    mend: Text
    """What would mend it."""
    about: UUID | None = None
    """The promotion, other offer or venue that it is about."""


class Words(NamedTuple):
    en: str
    da: str
    mend_en: str
    mend_da: str


def finding(
    code: Code, severity: Severity, pointer: str, *, about: UUID | None = None, **values: object
) -> Finding:
    """`values` stand in the texts."""
    words = WORDS[code]
    said = Words(*(text.format_map(values) for text in words))
    return Finding(
        code,
        severity,
        pointer,
        {"en": said.en, "da": said.da},
        {"en": said.mend_en, "da": said.mend_da},
        about,
    )


WORDS: dict[Code, Words] = {
    Code.REWARD_IN_TEASER: Words(
        "The teaser gives the reward away.",
        "Teaseren afslører belønningen.",
        "Say in the teaser what to look forward to, not what or how much it is.",
        "Skriv i teaseren, hvad man kan glæde sig til, ikke hvad eller hvor meget det er.",
    ),
    Code.TERMS_IN_TEASER: Words(
        "The terms stand in the teaser, which everybody sees.",
        "Betingelserne står i teaseren, som alle ser.",
        "Leave in the terms what only those who have checked in are to read.",
        "Lad det blive i betingelserne, som kun de, der har tjekket ind, skal læse.",
    ),
    Code.CODE_IN_TEASER: Words(
        "A code stands in the teaser.",
        "Der står en kode i teaseren.",
        "Take the code out: every customer gets one of their own when the offer opens.",
        "Fjern koden: hver kunde får sin egen, når tilbuddet åbner.",
    ),
    Code.LEVEL_TOO_LOW: Words(
        "For a reward worth this much, a location at level L{level} is too easily made up.",
        "Til en belønning af den værdi er en position på niveau L{level} for let at opdigte.",
        "Ask for at least L{needed}.",
        "Kræv mindst L{needed}.",
    ),
    Code.VALUE_UNWEIGHED: Words(
        "There is no scale for values in {currency}, so the level could not be weighed.",
        "Der er ingen skala for værdier i {currency}, så niveauet kunne ikke vurderes.",
        "Make sure yourself that the level fits the value, or ask for L2.",
        "Sørg selv for, at niveauet passer til værdien, eller kræv L2.",
    ),
    Code.REPOSTED_PROMOTION: Words(
        "It is the public promotion again: “{text}”. Those who check in get nothing of their own.",
        "Det er den offentlige kampagne igen: “{text}”. De, der tjekker ind, får intet særligt.",
        "Give something that the promotion does not, or more of it.",
        "Giv noget, som kampagnen ikke giver, eller mere af det.",
    ),
    Code.LIKE_PROMOTION: Words(
        "It is rather like the public promotion “{text}”.",
        "Det ligner den offentlige kampagne “{text}”.",
        "Make sure that those who check in get something that others do not.",
        "Sørg for, at de, der tjekker ind, får noget, som andre ikke får.",
    ),
    Code.LIKE_OTHER_OFFER: Words(
        "It is nearly the same as another of your offers: “{text}”.",
        "Det er næsten det samme som et andet af dine tilbud: “{text}”.",
        "End the other one, or let them differ in more than words.",
        "Afslut det andet, eller lad dem være forskellige i andet end ord.",
    ),
    Code.STATIC_CODE: Words(
        "One code for everybody can be passed on, and nobody can count who came.",
        "En kode, der er ens for alle, kan gives videre, og ingen kan tælle, hvem der kom.",
        "Let the service make a code for each customer, or import single-use codes of your own.",
        "Lad tjenesten lave en kode til hver kunde, eller importér dine egne engangskoder.",
    ),
    Code.VALUE_MISSING: Words(
        "It does not say what the reward is worth to the customer.",
        "Det fremgår ikke, hvad belønningen er værd for kunden.",
        "Give the price that the customer would else pay, or the sum that is usually saved.",
        "Angiv den pris, kunden ellers ville betale, eller det beløb, der normalt spares.",
    ),
    Code.VALUE_DIFFERS: Words(
        "The value is not the sum that the reward takes off.",
        "Værdien er ikke det beløb, som belønningen trækker fra.",
        "Give the same amount in both.",
        "Angiv samme beløb begge steder.",
    ),
    Code.COST_MISSING: Words(
        "It does not say what one redemption costs you.",
        "Det fremgår ikke, hvad én indløsning koster dig.",
        "Give the cost of the goods or the revenue given away; 0 if it really is nothing.",
        "Angiv varens kostpris eller den omsætning, du giver afkald på; 0, hvis det intet er.",
    ),
    Code.COST_ZERO: Words(
        "A reward of this kind that costs nothing makes budget and lift look better than they are.",
        "En belønning af den slags, som intet koster, får budget og effekt til at se for godt ud.",
        "Give what the goods cost you, or the revenue given away.",
        "Angiv, hvad varen koster dig, eller den omsætning, du giver afkald på.",
    ),
    Code.GOAL_MISSING: Words(
        "It has no goal, so nobody can say whether it worked.",
        "Det har intet mål, så ingen kan sige, om det virkede.",
        "Set a goal: visits, new_customers or revenue.",
        "Sæt et mål: visits, new_customers eller revenue.",
    ),
    Code.RESTRICTION_UNSAID: Words(
        "It is only for {who}, and the teaser does not say so.",
        "Det er kun for {who}, og det siger teaseren ikke.",
        "Say in the teaser who can have it, or open it to anyone.",
        "Skriv i teaseren, hvem der kan få det, eller åbn det for alle.",
    ),
    Code.RESTRICTION_UNDECLARED: Words(
        "It reads as if it were only for {who}, but its audience is anyone.",
        "Det lyder, som om det kun er for {who}, men dets publikum er alle.",
        "Set the audience, or take the restriction out of the text.",
        "Angiv publikum, eller fjern begrænsningen fra teksten.",
    ),
    Code.NOWHERE: Words(
        "It runs at no venue that is open for check-ins.",
        "Det gælder ikke på noget sted, hvor man kan tjekke ind.",
        "Give it venues, or groups that have some.",
        "Giv det steder eller grupper, der har nogen.",
    ),
    Code.OVER: Words(
        "Its valid_to has passed.",
        "Dets valid_to er passeret.",
        "Give it a later end.",
        "Giv det en senere slutning.",
    ),
    Code.NEVER_OPEN: Words(
        "There is no time at which it is on and {venue} is open.",
        "Der er intet tidspunkt, hvor det gælder, og {venue} har åbent.",
        "Move the windows into the opening hours, say when the venue is open, or take it out.",
        "Flyt tidsrummene ind i åbningstiden, angiv stedets åbningstid, eller fjern stedet.",
    ),
    Code.REDEEM_TOO_SHORT: Words(
        "{minutes} minutes are too few to queue, order and pay.",
        "{minutes} minutter er for lidt til at stå i kø, bestille og betale.",
        "Give at least {needed} minutes.",
        "Giv mindst {needed} minutter.",
    ),
    Code.REDEEM_BEFORE_OPEN: Words(
        "At {venue}, what opens can run out before the doors do.",
        "På {venue} kan det, der åbner, udløbe, før dørene åbner.",
        "Give at least {needed} minutes, or let it be on in the opening hours only.",
        "Giv mindst {needed} minutter, eller lad det kun gælde i åbningstiden.",
    ),
    Code.LIMIT_BELOW_TARGET: Words(
        "It takes or promises {target} people, but only {limit} of them could have it.",
        "Det kræver eller lover {target} personer, men kun {limit} af dem kunne få det.",
        "Raise the limit to {target} or more, or lower the number of people.",
        "Hæv grænsen til mindst {target}, eller sænk antallet af personer.",
    ),
    Code.CODES_TOO_FEW: Words(
        "Only {left} of the codes that you imported are left: too few for it to open once.",
        "Der er kun {left} af de importerede koder tilbage: for få til at det kan åbne én gang.",
        "Import more codes, or lower the number of people.",
        "Importér flere koder, eller sænk antallet af personer.",
    ),
    Code.LEVEL_UNREACHABLE: Words(
        "Nobody can prove to be at {venue} at level L{level}: it lacks the means.",
        "Ingen kan bevise at være på {venue} på niveau L{level}: stedet mangler midlet til det.",
        "Provision a kiosk, NFC tag, beacon, reader or staff PIN there, or ask for less.",
        "Opsæt en kiosk, NFC-brik, beacon, læser eller personale-PIN dér, eller kræv mindre.",
    ),
    Code.REFERRER_OFF: Words(
        "It rewards those who refer, and the operator has not switched that on.",
        "Det belønner dem, der henviser, og det har driften ikke slået til.",
        "Use another rule, such as referred, which opens for the friend.",
        "Brug en anden regel, f.eks. referred, som åbner for vennen.",
    ),
    Code.REFERRER_UNCAPPED: Words(
        "It rewards those who refer, and sets no limit to how often one customer can have it.",
        "Det belønner dem, der henviser, uden grænse for, hvor ofte én kunde kan få det.",
        "Set limit_per_customer.",
        "Angiv limit_per_customer.",
    ),
    Code.SPONSOR_UNSAID: Words(
        "It rewards those who refer, and the terms do not say that Facebook does not sponsor it.",
        "Det belønner dem, der henviser, og betingelserne siger ikke, at Facebook ikke sponsorerer "
        "det.",
        "Add to the terms: “This promotion is not sponsored by Meta or Facebook.”",
        "Skriv i betingelserne: “Kampagnen er ikke sponsoreret af Meta eller Facebook.”",
    ),
}

AUDIENCES: dict[str, Text] = {
    "existing_customers": {"en": "existing customers", "da": "eksisterende kunder"},
    "subscribers": {"en": "subscribers", "da": "abonnenter"},
    "members": {"en": "members", "da": "medlemmer"},
}
