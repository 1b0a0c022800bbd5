"""What the report says, in English and Danish."""

from __future__ import annotations

from collections.abc import Mapping

from lbs.offers.rules.words import Text

STATUS: Mapping[str, Text] = {
    "draft": {"en": "Draft", "da": "Kladde"},
    "active": {"en": "Active", "da": "Aktivt"},
    "paused": {"en": "Paused", "da": "På pause"},
    "ended": {"en": "Ended", "da": "Slut"},
}

STEP: Mapping[str, Text] = {
    "listed": {"en": "Shown in a nearby search", "da": "Vist i en søgning i nærheden"},
    "viewed": {"en": "Saw the teaser", "da": "Så teaseren"},
    "checked_in": {"en": "Came and checked in", "da": "Kom og tjekkede ind"},
    "unlocked": {"en": "Had the offer opened", "da": "Fik tilbuddet åbnet"},
    "reserved": {"en": "Reserved it", "da": "Reserverede det"},
    "pass_shown": {"en": "Showed the pass", "da": "Viste beviset"},
    "redeemed": {"en": "Redeemed", "da": "Indløste"},
    "returned": {"en": "Came again within 90 days", "da": "Kom igen inden for 90 dage"},
}

TROUBLE: Mapping[str, Text] = {
    "ambiguous": {"en": "Check-ins that needed more proof", "da": "Check-in, der manglede bevis"},
    "rejected": {"en": "Check-ins rejected", "da": "Check-in afvist"},
    "refused": {"en": "Refused at the till", "da": "Afvist ved kassen"},
    "reversed": {"en": "Redemptions reversed", "da": "Indløsninger fortrudt"},
    "expired": {"en": "Passes that ran out", "da": "Beviser udløbet"},
    "flagged": {"en": "Problems reported", "da": "Problemer meldt"},
}
AFTER: Mapping[str, Text] = {
    "shared": {"en": "Shared", "da": "Delt"},
    "share_visited": {"en": "Shared links opened", "da": "Delte links åbnet"},
    "friend_visits": {"en": "Friends who came", "da": "Venner, der kom"},
    "returned_7": {"en": "Came again within 7 days", "da": "Kom igen inden for 7 dage"},
    "returned_30": {"en": "Came again within 30 days", "da": "Kom igen inden for 30 dage"},
    "returned_90": {"en": "Came again within 90 days", "da": "Kom igen inden for 90 dage"},
}

NOUNS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "customers": {"en": ("customer", "customers"), "da": ("kunde", "kunder")},
    "new_customers": {"en": ("new customer", "new customers"), "da": ("ny kunde", "nye kunder")},
}
"""Of one, and of any other number."""

MEASURES: Mapping[str, Text] = {
    "visits": {"en": "Visits", "da": "Besøg"},
    "redemptions": {"en": "Redemptions", "da": "Indløsninger"},
    "revenue": {"en": "Revenue", "da": "Omsætning"},
}
MEASURED: Mapping[str, Text] = {
    "visits": {"en": "visits for each 100 customers", "da": "besøg pr. 100 kunder"},
    "redemptions": {
        "en": "redemptions for each 100 customers",
        "da": "indløsninger pr. 100 kunder",
    },
    "revenue": {"en": "revenue for each customer", "da": "omsætning pr. kunde"},
}

FOUND: Mapping[str, Text] = {
    "more": {
        "en": "{arm}: {difference} {measured}{lift} compared with {other}. With {confidence} "
        "confidence the true difference lies between {low} and {high}: all of it is above zero.",
        "da": "{arm}: {difference} {measured}{lift} sammenlignet med {other}. Med {confidence} "
        "sikkerhed ligger den sande forskel mellem {low} og {high}: det hele er over nul.",
    },
    "less": {
        "en": "{arm}: {difference} {measured}{lift} compared with {other}. With {confidence} "
        "confidence the true difference lies between {low} and {high}: all of it is below zero.",
        "da": "{arm}: {difference} {measured}{lift} sammenlignet med {other}. Med {confidence} "
        "sikkerhed ligger den sande forskel mellem {low} og {high}: det hele er under nul.",
    },
    "unclear": {
        "en": "{arm}: {difference} {measured}{lift} compared with {other}. With {confidence} "
        "confidence the true difference lies between {low} and {high}. Zero is among that: an "
        "effect is not shown, nor that there is none.",
        "da": "{arm}: {difference} {measured}{lift} sammenlignet med {other}. Med {confidence} "
        "sikkerhed ligger den sande forskel mellem {low} og {high}. Nul er imellem: en virkning "
        "er ikke påvist, og heller ikke, at der ingen er.",
    },
    "unknown": {
        "en": "{arm}: too little is known for an interval yet.",
        "da": "{arm}: der vides endnu for lidt til et interval.",
    },
}
"""Of an arm; all that the intervals say, which hold at every look."""

SAYS: Mapping[str, Text] = {
    "report": {"en": "Offer report", "da": "Rapport om tilbud"},
    "runs": {"en": "Runs {dates}", "da": "Gælder {dates}"},
    "version": {"en": "version {number}", "da": "version {number}"},
    "zone": {"en": "Days and hours as in {zone}", "da": "Dage og klokkeslæt som i {zone}"},
    "other_zones": {
        "en": "; its venues lie in several time zones",
        "da": "; stederne ligger i flere tidszoner",
    },
    "short": {"en": "In short", "da": "Kort sagt"},
    "nothing": {
        "en": "From {period} nothing has been counted for this offer.",
        "da": "I perioden {period} er der intet talt for dette tilbud.",
    },
    "people": {
        "en": "In the period {period}, {steps}.",
        "da": "I perioden {period}: {steps}.",
    },
    "saw": {"en": "{customers} saw the teaser", "da": "{customers} så teaseren"},
    "came": {"en": "{customers} came and checked in", "da": "{customers} kom og tjekkede ind"},
    "opened": {"en": "{customers} had the offer opened", "da": "{customers} fik tilbuddet åbnet"},
    "redeemed": {"en": "{customers} redeemed it", "da": "{customers} indløste det"},
    "cost": {
        "en": "The rewards cost {cost}, which is {each} for each of {customers}.",
        "da": "Belønningerne kostede {cost}, det er {each} for hver af {customers}.",
    },
    "cost_only": {"en": "The rewards cost {cost}.", "da": "Belønningerne kostede {cost}."},
    "cost_no_new": {
        "en": "The rewards cost {cost}, and no customer was new.",
        "da": "Belønningerne kostede {cost}, og ingen kunde var ny.",
    },
    "compared": {
        "en": "Compared with {period}, {changes}.",
        "da": "Sammenlignet med {period} {changes}.",
    },
    "came_more": {"en": "{share} more customers came", "da": "kom {share} flere kunder"},
    "came_fewer": {"en": "{share} fewer customers came", "da": "kom {share} færre kunder"},
    "came_same": {"en": "as many customers came", "da": "kom lige så mange kunder"},
    "redeemed_more": {"en": "{share} more redeemed", "da": "indløste {share} flere"},
    "redeemed_fewer": {"en": "{share} fewer redeemed", "da": "indløste {share} færre"},
    "redeemed_same": {"en": "as many redeemed", "da": "indløste lige så mange"},
    "not_before": {
        "en": "It was not running in the period before, so there is nothing to compare with.",
        "da": "Det gjaldt ikke i perioden før, så der er intet at sammenligne med.",
    },
    "nothing_before": {
        "en": "Nothing was counted in the period before, so there is nothing to compare with.",
        "da": "Der blev intet talt i perioden før, så der er intet at sammenligne med.",
    },
    "partly_before": {
        "en": "It ran for only part of the period before, so the change says little.",
        "da": "Det gjaldt kun en del af perioden før, så ændringen siger ikke meget.",
    },
    "cause_unknown": {
        "en": "Whether the offer caused the visits is not known.",
        "da": "Om tilbuddet var årsag til besøgene, vides ikke.",
    },
    "cause_untold": {
        "en": "Whether the offer caused the visits is told to those who may see all its venues.",
        "da": "Om tilbuddet var årsag til besøgene, fortælles dem, der må se alle dets steder.",
    },
    "cause_below": {
        "en": "Whether the offer caused this is said under “{title}”.",
        "da": "Om tilbuddet var årsagen, står under »{title}«.",
    },
    "tile_came": {"en": "came", "da": "kom"},
    "tile_opened": {"en": "had it opened", "da": "fik det åbnet"},
    "tile_redeemed": {"en": "redeemed", "da": "indløste"},
    "tile_cost": {"en": "for each new customer", "da": "pr. ny kunde"},
    "before_tile": {"en": "{change} on the period before", "da": "{change} i forhold til før"},
    "no_before_tile": {"en": "nothing to compare with", "da": "intet at sammenligne med"},
    "no_cost_tile": {"en": "no new customers", "da": "ingen nye kunder"},
    "funnel": {"en": "From seeing to redeeming", "da": "Fra set til indløst"},
    "funnel_lead": {
        "en": "Customers who got as far as each step. The hatched part is those who were lost "
        "since the step before; the percentage is those who were kept.",
        "da": "Kunder, der nåede hvert trin. Det skraverede er dem, der faldt fra siden trinnet "
        "før; procenten er dem, der blev.",
    },
    "funnel_desc": {"en": "Customers by step: {steps}.", "da": "Kunder pr. trin: {steps}."},
    "not_recorded": {
        "en": "Not recorded in this period: {steps}.",
        "da": "Ikke registreret i perioden: {steps}.",
    },
    "first_note": {
        "en": "A customer may come without having seen the teaser in an app that reports it.",
        "da": "En kunde kan komme uden at have set teaseren i en app, der melder det.",
    },
    "step": {"en": "Step", "da": "Trin"},
    "customers": {"en": "Customers", "da": "Kunder"},
    "times": {"en": "Times", "da": "Gange"},
    "kept": {"en": "Kept", "da": "Blev"},
    "median": {"en": "Median time", "da": "Mediantid"},
    "before": {"en": "Before", "da": "Før"},
    "trouble": {"en": "What went wrong", "da": "Hvad der gik galt"},
    "after": {"en": "What came after", "da": "Hvad der kom bagefter"},
    "counted": {"en": "Counted", "da": "Antal"},
    "series": {"en": "Day by day", "da": "Dag for dag"},
    "series_lead": {
        "en": "Each column is a day{partial}. The three have scales of their own.",
        "da": "Hver søjle er en dag{partial}. De tre har hver sin skala.",
    },
    "partial": {
        "en": "; the last, hatched, is not over yet",
        "da": "; den sidste, skraverede, er ikke slut endnu",
    },
    "series_desc": {
        "en": "Columns by day, {period}. Most in a day: {visits} visits, {opened} opened, "
        "{redeemed} redeemed.",
        "da": "Søjler pr. dag, {period}. Flest på en dag: {visits} besøg, {opened} åbnet, "
        "{redeemed} indløst.",
    },
    "visits": {"en": "Visits", "da": "Besøg"},
    "unlocks": {"en": "Opened", "da": "Åbnet"},
    "redemptions": {"en": "Redeemed", "da": "Indløst"},
    "week": {"en": "Week from", "da": "Uge fra"},
    "day": {"en": "Day", "da": "Dag"},
    "each_day": {"en": "All {count} days in numbers", "da": "Alle {count} dage i tal"},
    "most_in_a_day": {"en": "most in a day: {count}", "da": "flest på en dag: {count}"},
    "money": {"en": "What it cost and brought", "da": "Hvad det kostede og gav"},
    "no_money": {
        "en": "Nothing has been redeemed in this period, so there is no money to tell of.",
        "da": "Intet er indløst i perioden, så der er ingen penge at fortælle om.",
    },
    "worth": {"en": "Worth to customers", "da": "Værdi for kunderne"},
    "reward_cost": {"en": "Cost of the rewards", "da": "Belønningernes pris"},
    "revenue": {"en": "Revenue that tills reported", "da": "Omsætning, som kasserne meldte"},
    "per_visit": {"en": "Cost for each visit", "da": "Pris pr. besøg"},
    "per_redemption": {"en": "Cost for each redemption", "da": "Pris pr. indløsning"},
    "per_share": {"en": "Friends' orders for each share", "da": "Venners bestillinger pr. deling"},
    "per_new": {"en": "Cost for each new customer", "da": "Pris pr. ny kunde"},
    "return": {"en": "Revenue for each unit of cost", "da": "Omsætning i forhold til prisen"},
    "money_note": {
        "en": "Reversed redemptions are taken off. Revenue is what tills said an order came to; "
        "where they said nothing, it is missing here. New customers made their first visit to the "
        "venue in this period, whether or not they redeemed.",
        "da": "Fortrudte indløsninger er trukket fra. Omsætning er det, kasserne sagde, en "
        "bestilling løb op i; hvor de intet sagde, mangler den her. Nye kunder var på stedet "
        "første gang i denne periode, uanset om de indløste.",
    },
    "map": {"en": "Where", "da": "Hvor"},
    "map_lead": {
        "en": "The larger the dot, the more visits. Numbers are those of the table; north is up.",
        "da": "Jo større prik, jo flere besøg. Numrene er tabellens; nord er opad.",
    },
    "map_one": {"en": "It runs at one venue.", "da": "Det gælder på ét sted."},
    "map_desc": {
        "en": "{count} on a map; most visits: {first}.",
        "da": "{count} på et kort; flest besøg: {first}.",
    },
    "venue_count": {"en": "{count} venues", "da": "{count} steder"},
    "no_venues": {"en": "It runs at no venue yet.", "da": "Det gælder ingen steder endnu."},
    "small": {"en": "fewer than {least}", "da": "færre end {least}"},
    "small_note": {
        "en": "Venues with fewer than {least} customers are not told apart: their dots are "
        "hollow, and their numbers are left out.",
        "da": "Steder med færre end {least} kunder skilles ikke ud: deres prikker er hule, og "
        "deres tal er udeladt.",
    },
    "venue": {"en": "Venue", "da": "Sted"},
    "more_venues": {"en": "and {count} more", "da": "og {count} mere"},
    "north": {"en": "N", "da": "N"},
    "lift": {"en": "Did it cause the visits?", "da": "Var det årsag til besøgene?"},
    "lift_lead": {
        "en": "The dot is the difference that was measured; the line holds the true one, however "
        "often one looks, as surely as the table says. Left of zero is less, right of it is more.",
        "da": "Prikken er den målte forskel; linjen rummer den sande, uanset hvor ofte man ser "
        "efter, så sikkert som tabellen siger. Til venstre for nul er mindre, til højre er mere.",
    },
    "lift_desc": {
        "en": "Differences compared with {other}, in {measured}: {arms}.",
        "da": "Forskelle sammenlignet med {other}, i {measured}: {arms}.",
    },
    "lift_arm": {
        "en": "{arm} {difference}, interval {interval}",
        "da": "{arm} {difference}, interval {interval}",
    },
    "no_lift": {
        "en": "Whether the offer caused the visits is not known. Nobody was held out, so nobody "
        "shows what would have happened without it: those who came might have come anyway. An "
        "experiment with a holdout tells, in which a few customers, chosen by lot, do not see the "
        "offer and are otherwise counted alike.",
        "da": "Om tilbuddet var årsag til besøgene, vides ikke. Ingen blev holdt ude, så ingen "
        "viser, hvad der var sket uden det: de, der kom, var måske kommet alligevel. Et "
        "eksperiment med en kontrolgruppe giver svaret: nogle få kunder, valgt ved "
        "lodtrækning, ser ikke tilbuddet og tælles ellers ens.",
    },
    "arm": {"en": "Group", "da": "Gruppe"},
    "mean": {"en": "Mean", "da": "Gennemsnit"},
    "difference": {"en": "Difference", "da": "Forskel"},
    "interval": {"en": "{confidence} interval", "da": "Interval, {confidence}"},
    "quoted": {"en": "“{name}”", "da": "»{name}«"},
    "holdout": {"en": "those held out", "da": "dem, der blev holdt ude"},
    "without": {
        "en": "{measure}: with the offer or without",
        "da": "{measure}: med tilbuddet eller uden",
    },
    "versions": {
        "en": "{measure}: its versions compared",
        "da": "{measure}: dets versioner sammenlignet",
    },
    "control": {"en": "the offer as it was", "da": "tilbuddet, som det var"},
    "to": {"en": "{low} to {high}", "da": "{low} til {high}"},
    "since": {"en": "since {date}", "da": "siden {date}"},
    "reading": {"en": "How to read this", "da": "Sådan læses det"},
    "method": {
        "en": "Every number is counted from the ledger, in which each fact is written once and "
        "never changed. A visit is a check-in that was verified at the venue while the offer ran; "
        "what testers and staff did, and check-ins that were voided, do not count.",
        "da": "Hvert tal er talt op fra hovedbogen, hvor hver hændelse skrives én gang og aldrig "
        "ændres. Et besøg er et check-in, der blev bekræftet på stedet, mens tilbuddet gjaldt; "
        "hvad testere og personale gjorde, og check-in, der blev annulleret, tæller ikke.",
    },
    "conversions": {
        "en": "A step's percentage is its customers over those of the step before that was "
        "recorded. It can pass 100 %, where customers come in by another way.",
        "da": "Et trins procent er dets kunder set i forhold til det forrige registrerede trins. "
        "Den kan blive over 100 %, hvor kunder kommer ind ad en anden vej.",
    },
    "changes": {
        "en": "A change from one period to the next may be the season, the weather or chance. "
        "Only an experiment tells what the offer did.",
        "da": "En ændring fra en periode til den næste kan være årstiden, vejret eller tilfældet. "
        "Kun et eksperiment fortæller, hvad tilbuddet gjorde.",
    },
    "made": {
        "en": "Made {time}. Offer {id}.",
        "da": "Lavet {time}. Tilbud {id}.",
    },
}
