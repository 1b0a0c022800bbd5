"""
Offers by which the review is tuned and measured: ads posted again as check-in offers, and real
ones.

Written by hand, before the review was, after the shapes of Foursquare's specials, Facebook's deals
and Yelp's offers, and after what merchants did with them: the same deal in other words, in another
order, in the other language, or cut down; and on the other side offers of the same brand, the same
goods or the same kind of deal that are nevertheless only for those who come. None is a real
business's.

A case is read with all promotions of its merchant. Merchants are counted from 0: the review was
tuned on the odd ones, and the even ones are held out, so that neither half shares a promotion with
the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    name: str
    promotions: tuple[str, ...]
    teaser: str
    terms: str
    reward: dict[str, Any]
    reposted: bool
    held_out: bool = False


def percent(number: int) -> dict[str, Any]:
    return {"kind": "percent", "percent": number}


def amount(whole: int) -> dict[str, Any]:
    return {"kind": "amount", "amount_minor": whole * 100}


def free(item: str) -> dict[str, Any]:
    return {"kind": "free_item", "item": item}


def upgrade(item: str) -> dict[str, Any]:
    return {"kind": "upgrade", "item": item}


def charity(whole: int, recipient: str) -> dict[str, Any]:
    return {"kind": "charity", "amount_minor": whole * 100, "recipient": recipient}


def words(text: str) -> dict[str, Any]:
    return {"kind": "text", "text": text}


MERCHANTS: dict[str, dict[str, Any]] = {
    "café": {
        "promotions": (
            "Black Week hos Kælderkaffe: 20 % på alle bønner og kander, også på nettet til søndag",
            "Morgentilbud: kaffe og croissant 45 kr. alle hverdage før kl. 10",
            "Vind et års forbrug af kaffe – skriv dig op til vores nyhedsbrev",
        ),
        "reposted": (
            (
                "Black Week er i gang hos os",
                "Tjek ind og få 20 procent rabat på bønner og kander til og med søndag",
                percent(20),
            ),
            (
                "Good morning from Kælderkaffe",
                "Coffee and a croissant for 45 kr. on weekdays before 10",
                words("Coffee and croissant, 45 kr."),
            ),
        ),
        "real": (
            (
                "Noget varmt er på os",
                "En filterkaffe i valgfri størrelse, hentes ved disken",
                free("En filterkaffe"),
            ),
            (
                "Dit tiende besøg bliver sødt",
                "Vælg et stykke kage fra montren, når du køber en kaffe",
                free("Et stykke kage"),
            ),
        ),
    },
    "burger bar": {
        "promotions": (
            "TWO FOR TUESDAY! 2 for 1 on all burgers, every Tuesday, all day.",
            "Students eat cheap: burger, fries and soda for 89 kr with your student card",
            "10 % off takeaway when you order online",
        ),
        "reposted": (
            (
                "Tuesdays are for two",
                "Køb en burger om tirsdagen og få en mere gratis",
                words("To burgere for en"),
            ),
            (
                "A treat for hungry students",
                "Show your student card and get a soda, fries and a burger at 89 kr.",
                words("Student menu for 89 kr"),
            ),
        ),
        "real": (
            (
                "Check in on a Monday, we have a surprise in the fryer",
                "A free portion of onion rings with any burger eaten here",
                free("Onion rings"),
            ),
            (
                "Friends make it better",
                "Five friends checked in at once: dips and a pitcher of lemonade for the table",
                free("Dips and a pitcher of lemonade"),
            ),
        ),
    },
    "pub": {
        "promotions": (
            "Happy hour alle dage 16-18: stor fadøl 30 kr.",
            "Fredag: live jazz og fri entré før kl. 22",
            "Quiz night every Wednesday at 8 pm, free to join, win a bottle of rum",
        ),
        "reposted": (
            (
                "Check ind til happy hour",
                "En stor fadøl til 30 kr. mellem kl. 16 og 18",
                words("Stor fadøl 30 kr."),
            ),
            (
                "Jazz on Friday",
                "No entrance fee when you come before 10 pm on Friday for the live jazz",
                free("Free entry"),
            ),
        ),
        "real": (
            (
                "Vores mayor drikker bedre",
                "Den, der har været her flest dage, får aftenens første pilsner på husets regning",
                free("En pilsner"),
            ),
            (
                "Trekløver",
                "Besøg alle tre barer på listen samme aften: det sidste glas fadøl koster 10 kr.",
                words("Et glas fadøl for 10 kr."),
            ),
        ),
    },
    "fitness": {
        "promotions": (
            "Ingen oprettelse i november! Meld dig ind nu og spar 299 kr.",
            "Prøv os gratis i 7 dage – alle hold, alle centre",
            "Tag en ven med i januar: begge får 50 % på den første måned",
        ),
        "reposted": (
            (
                "November i form",
                "Spar oprettelsen på 299 kr., når du melder dig ind i november",
                amount(299),
            ),
            (
                "Curious? Come in",
                "Seven days of free training in all centres and all classes",
                words("Try us free for 7 days"),
            ),
        ),
        "real": (
            (
                "Morgenfolket bliver belønnet",
                "Træn før kl. 7 fire uger i træk og få en proteinbar i receptionen",
                free("En proteinbar"),
            ),
            (
                "Back after a break?",
                "Not seen you for 30 days: a 20-minute session with a personal trainer",
                words("20 minutes with a trainer"),
            ),
        ),
    },
    "clothes": {
        "promotions": (
            "WINTER SALE up to 50 % off jackets and knitwear, in store and online until 15 January",
            "3 for 2 on socks and underwear",
            "Members get 25 % off the new collection this weekend. Join for free!",
        ),
        "reposted": (
            (
                "Vinterudsalg",
                "Op til 50 % på jakker og strik i butikken",
                percent(50),
            ),
            (
                "Underneath it all",
                "Take 3 pairs of socks, pay for 2. Goes for underwear too",
                words("3 for the price of 2"),
            ),
        ),
        "real": (
            (
                "First visit to our shop?",
                "30 % off one full-price item of your choice from the new collection",
                percent(30),
            ),
            (
                "Something for your feet",
                "25 % off one pair of boots, on the day you check in",
                percent(25),
            ),
        ),
    },
    "bakery": {
        "promotions": (
            "Onsdagssnegl! Kanelsnegle 20 kr. hele dagen hver onsdag",
            "4 rundstykker for 30 kr.",
            "Lørdag: køb et rugbrød og få en pose boller med hjem gratis",
        ),
        "reposted": (
            (
                "Onsdag er sneglens dag",
                "Hver onsdag hele dagen: kanelsnegle til 20 kroner",
                words("Kanelsnegl 20 kr."),
            ),
            (
                "Saturday bread",
                "Buy a rye bread on Saturday and take a bag of buns home for free",
                free("A bag of buns"),
            ),
        ),
        "real": (
            (
                "De første ti hver morgen",
                "Et rundstykke med ost til de første ti, der tjekker ind før kl. 8",
                free("Et rundstykke med ost"),
            ),
            (
                "Every fifth visit smells of cinnamon",
                "A cinnamon bun on us, baked this morning",
                free("A cinnamon bun"),
            ),
        ),
    },
    "cinema": {
        "promotions": (
            "Mandagsbio: alle billetter 75 kr.",
            "Popcorn og sodavand i stor størrelse for 69 kr. ved køb online",
            "Bring the kids: family ticket for 4 at 280 kr, weekends before 5 pm",
        ),
        "reposted": (
            (
                "Mondays at the movies",
                "All tickets are 75 kr on Mondays",
                words("Ticket for 75 kr"),
            ),
            (
                "Hele familien i biffen",
                "Familiebillet til 4 personer 280 kr. i weekenden før kl. 17",
                words("Familiebillet 280 kr."),
            ),
        ),
        "real": (
            (
                "Check in before the film",
                "Små popcorn bliver til store, og du betaler for de små",
                upgrade("Store popcorn til prisen for små"),
            ),
            (
                "Five films, one on the house",
                "Every fifth visit gives a ticket for any film from Sunday to Thursday",
                free("A cinema ticket"),
            ),
        ),
    },
    "museum": {
        "promotions": (
            "Gratis adgang den første onsdag i måneden",
            "Børn under 18 altid gratis",
            "New exhibition: the Arctic Year. Advance tickets at 15 % off until 1 March",
        ),
        "reposted": (
            (
                "Onsdag på museum",
                "Fri entré den første onsdag i hver måned",
                free("Entré"),
            ),
            (
                "Arktisk år",
                "Billet til den nye udstilling med 15 % rabat til og med den 1. marts",
                percent(15),
            ),
        ),
        "real": (
            (
                "The curator is in",
                "A ten-minute talk behind the scenes for those who are here on Thursday at 3 pm",
                words("A talk behind the scenes"),
            ),
            (
                "Kig forbi caféen",
                "Kaffe til halv pris i caféen efter dit besøg i udstillingen",
                percent(50),
            ),
        ),
    },
    "pizzeria": {
        "promotions": (
            "Lunch deal: any pizza 65 kr Monday to Friday 11-14",
            "Køb 2 familiepizzaer og få 1,5 l cola gratis",
            "Rabatkode PIZZA15 giver 15 % i appen hele november",
        ),
        "reposted": (
            (
                "Frokost for en tier mere end en sandwich",
                "Valgfri pizza 65 kr. mandag-fredag kl. 11-14",
                words("Frokostpizza 65 kr."),
            ),
            (
                "Something fizzy for the family",
                "A large cola for free when you buy two family pizzas",
                free("1.5 l cola"),
            ),
        ),
        "real": (
            (
                "Swarm the oven",
                "Når 20 er her på samme tid, går der hvidløgsbrød på alle borde",
                free("Hvidløgsbrød"),
            ),
            (
                "Tiramisu time",
                "A tiramisu for those who have had pizza here three times this month",
                free("A tiramisu"),
            ),
        ),
    },
    "supermarket": {
        "promotions": (
            "Uge 48: hakket oksekød 8-12 % 500 g 35,- og 6 økologiske æg 18,-",
            "Spar 25 % på alt økologisk frugt og grønt fredag og lørdag",
            "Pensionistdag: 10 % på alle varer hver tirsdag",
        ),
        "reposted": (
            (
                "Ugens kød",
                "500 g hakket oksekød for 35 kr.",
                words("Hakket oksekød 35 kr."),
            ),
            (
                "Organic weekend",
                "25 % off all organic fruit and vegetables on Friday and Saturday",
                percent(25),
            ),
        ),
        "real": (
            (
                "Grøn på vej hjem",
                "Et økologisk æble til turen, til dig og børnene",
                free("Et økologisk æble"),
            ),
            (
                "Quiet hours",
                "25 % off bread baked today if you come in the last hour before we close",
                percent(25),
            ),
        ),
    },
    "hairdresser": {
        "promotions": (
            "Klip og farve 799 kr. (normalpris 999 kr.) hele efteråret",
            "Ny kunde? 20 % på din første klipning",
            "Anbefal en ven, og få 100 kr. i rabat",
        ),
        "reposted": (
            (
                "Nyt hår til efteråret",
                "Farve og klip for 799 kr., normalt 999 kr.",
                words("Klip og farve 799 kr."),
            ),
            (
                "New here?",
                "Your first haircut is 20 % cheaper",
                percent(20),
            ),
        ),
        "real": (
            (
                "Et ekstra øjeblik i stolen",
                "Hovedbundsmassage i ti minutter sammen med din klipning",
                free("Ti minutters hovedbundsmassage"),
            ),
            (
                "Third time lucky",
                "On your third visit: 50 kr off any styling product",
                amount(50),
            ),
        ),
    },
    "spa hotel": {
        "promotions": (
            "Autumn escape: two nights with breakfast and spa from 1,995 kr per person",
            "Dagsspa mandag-torsdag 395 kr. inkl. håndklæde og badekåbe",
            "Sunday brunch in the restaurant 249 kr, kids half price",
        ),
        "reposted": (
            (
                "Efterår på hotellet",
                "To overnatninger med morgenmad og spa fra 1.995 kr. pr. person",
                words("Hotelophold fra 1.995 kr."),
            ),
            (
                "A day in the water",
                "Day spa for 395 kr Monday to Thursday, towel and bathrobe included",
                words("Day spa 395 kr"),
            ),
        ),
        "real": (
            (
                "Upgrade at the desk",
                "Checked in here three times this year: the next free room category at no cost",
                upgrade("A better room"),
            ),
            (
                "Brunchen begynder med bobler",
                "Et glas mousserende vin til søndagens brunch",
                free("Et glas bobler"),
            ),
        ),
    },
    "bookshop": {
        "promotions": (
            "Bogudsalg! Fire pocketbøger for 200 kr. Så længe lager haves",
            "Meet the author: signing on Saturday 6 December at 2 pm",
            "Medlemmer sparer 15 % på børnebøger hele december",
        ),
        "reposted": (
            (
                "The sale is on",
                "Four paperbacks for 200 kr while stocks last",
                words("4 paperbacks, 200 kr"),
            ),
            (
                "Højtlæsning i december",
                "15 % rabat på børnebøger i december",
                percent(15),
            ),
        ),
        "real": (
            (
                "Regnvejrslæsning",
                "En kop te i læsekrogen, så længe det regner",
                free("En kop te"),
            ),
            (
                "For those who keep coming",
                "15 % off one thriller of your choice at every fourth visit",
                percent(15),
            ),
        ),
    },
    "ice cream": {
        "promotions": (
            "Buy one, get one free on all milkshakes in May",
            "Sommer: 3 kugler og guf 42 kr.",
            "Isvaflen fylder 10 år: gratis softice til alle lørdag kl. 12-14",
        ),
        "reposted": (
            (
                "Maj er shakemåned",
                "To milkshakes for en hele maj",
                words("2 for 1 på milkshakes"),
            ),
            (
                "Ten years of waffles",
                "A free soft ice for everybody on Saturday from 12 to 2 pm",
                free("Soft ice"),
            ),
        ),
        "real": (
            (
                "Varmt nok?",
                "En ekstra kugle, når termometeret ved døren viser over 25 grader",
                upgrade("En ekstra kugle"),
            ),
            (
                "Flash of the day",
                "The first 15 who check in after 3 pm taste next week's flavour before others",
                words("A taste of next week's flavour"),
            ),
        ),
    },
    "stadium bar": {
        "promotions": (
            "Match day: 4 beers for the price of 3 until kick-off",
            "Sæsonkort til foråret: spar 500 kr. inden 1. februar",
            "Pølse og øl 70 kr. i pausen",
        ),
        "reposted": (
            (
                "Før kampen",
                "Fire øl til prisen for tre indtil kampstart",
                words("4 øl for 3"),
            ),
            (
                "Half-time",
                "A sausage and a beer for 70 kr in the break",
                words("Sausage and beer, 70 kr"),
            ),
        ),
        "real": (
            (
                "Sing with us",
                "200 fans in the stand at once: 5 kr. for each goes to the youth team",
                charity(5, "The youth team"),
            ),
            (
                "Tidligt på pladsen",
                "Er du her en time før kampen, giver vi en pølse",
                free("En pølse"),
            ),
        ),
    },
    "bicycles": {
        "promotions": (
            "Vinterservice 399 kr. inkl. nye bremseklodser. Book tid i dag!",
            "Up to 3,000 kr off last year's e-bikes",
            "Gratis cykellygter ved køb af ny cykel",
        ),
        "reposted": (
            (
                "Er din cykel klar til frost?",
                "Vinterservice til 399 kr. med nye bremseklodser",
                words("Vinterservice 399 kr."),
            ),
            (
                "See and be seen",
                "Buy a new bike and get a set of lights for free",
                free("Bike lights"),
            ),
        ),
        "real": (
            (
                "Luft i dækkene?",
                "Vi pumper, smører kæden og strammer bremserne, mens du venter",
                words("Fem minutters service"),
            ),
            (
                "A bell for the tenth ride",
                "A brass bell, mounted, at your tenth visit to the workshop",
                free("A brass bell"),
            ),
        ),
    },
    "sushi": {
        "promotions": (
            "All you can eat søndag-onsdag 199 kr., børn 99 kr.",
            "30 % på take away-menuer mandag og tirsdag",
            "Frokostbento fra 95 kr.",
        ),
        "reposted": (
            (
                "Take it home",
                "Monday and Tuesday: 30 % off all takeaway menus",
                percent(30),
            ),
            (
                "Spis løs",
                "Spis alt det du kan for 199 kr. fra søndag til onsdag",
                words("Ad libitum sushi 199 kr."),
            ),
        ),
        "real": (
            (
                "Sit at the counter",
                "The chef's nigiri of the day for everyone seated at the counter",
                free("One nigiri"),
            ),
            (
                "Onsdag ved vinduet",
                "30 % på desserten, når du spiser her onsdag efter kl. 20",
                percent(30),
            ),
        ),
    },
    "flowers": {
        "promotions": (
            "Mors dag: buketter fra 150 kr., fri levering i hele byen",
            "Friday flowers: 10 tulips 50 kr",
            "Spar 20 % på alle potteplanter i uge 40",
        ),
        "reposted": (
            (
                "Fredagsblomster",
                "Ti tulipaner for 50 kr. hver fredag",
                words("10 tulipaner 50 kr."),
            ),
            (
                "Green week",
                "A fifth off? Yes: 20 % off all potted plants in week 40",
                percent(20),
            ),
        ),
        "real": (
            (
                "En blomst til bordet",
                "Vælg en enkelt stilk, når du har været her tre uger i træk",
                free("En stilk"),
            ),
            (
                "Late on a Friday",
                "The last tulips of the week at half price between 5 and 6 pm",
                percent(50),
            ),
        ),
    },
    "wine bar": {
        "promotions": (
            "Vinsmagning torsdag: 5 vine og ost 295 kr.",
            "Two glasses for the price of one, Sunday to Tuesday",
            "Ta med en vän: 15 % rabatt på alla tilltugg i oktober",
        ),
        "reposted": (
            (
                "Five wines",
                "Thursday tasting: 5 wines with cheese for 295 kr",
                words("Wine tasting 295 kr"),
            ),
            (
                "Stille aftener",
                "2 glas vin for 1's pris søndag, mandag og tirsdag",
                words("To glas for ét"),
            ),
        ),
        "real": (
            (
                "Vad finns i källaren?",
                "Smaka på ett glas ur flaskan som inte står på listan",
                free("Ett glas ur källaren"),
            ),
            (
                "Cheese for regulars",
                "A small cheese plate at your sixth visit this autumn",
                free("A small cheese plate"),
            ),
        ),
    },
    "amusement park": {
        "promotions": (
            "Forårstilbud: turpas til 249 kr. ved køb på nettet senest 30. april",
            "Birthday child gets in free, all season",
            "Halloween: 25 kr. rabat med dagens avis",
        ),
        "reposted": (
            (
                "Forår i parken",
                "Turpas for 249 kr. til og med 30/4",
                words("Turpas 249 kr."),
            ),
            (
                "Uhygge med rabat",
                "25 kr. off your ticket at Halloween with today's newspaper",
                amount(25),
            ),
        ),
        "real": (
            (
                "Spring køen over",
                "Tjek ind ved rutsjebanen efter kl. 20 og gå ind ad bagdøren",
                words("Én tur uden kø"),
            ),
            (
                "The trail of the five towers",
                "Check in at all five towers within one day for a cotton candy",
                free("A cotton candy"),
            ),
        ),
    },
}

LATER: dict[str, dict[str, Any]] = {
    "optician": {
        "promotions": (
            "Solbriller med styrke: køb ét par og få det andet til halv pris",
            "Free eye test in September",
            "25 % på alle stel hele weekenden",
        ),
        "reposted": (
            (
                "September eyes",
                "Gratis synsprøve hele september",
                free("En synsprøve"),
            ),
            (
                "A new look for the weekend",
                "All frames 25 % off this weekend",
                percent(25),
            ),
        ),
        "real": (
            (
                "Ser du klart?",
                "Vi renser og retter dine briller, mens du venter",
                words("Rens og justering af briller"),
            ),
            (
                "Clean glasses all year",
                "A bottle of lens spray on your second visit",
                free("Lens spray"),
            ),
        ),
    },
    "car wash": {
        "promotions": (
            "Guldvask 129 kr. hver tirsdag (spar 40 kr.)",
            "Buy 5 washes, pay for 4",
            "10 øre mindre pr. liter om søndagen",
        ),
        "reposted": (
            (
                "Tirsdagsglans",
                "Guldvask til 129 kr. om tirsdagen",
                words("Guldvask 129 kr."),
            ),
            (
                "Keep it shiny",
                "5 washes for the price of 4",
                words("Five washes for four"),
            ),
        ),
        "real": (
            (
                "Kaffe mens bilen vaskes",
                "En kop sort kaffe i ventetiden",
                free("En kop kaffe"),
            ),
            (
                "The rainy-day wash",
                "Came twice in October? The interior is vacuumed for you",
                words("Interior vacuumed"),
            ),
        ),
    },
    "toy shop": {
        "promotions": (
            "20 % på alle varer fredag den 13.",
            "Brætspil: tag 3, betal for 2",
            "Meet Santa on Sunday 7 December, free hot chocolate for kids",
        ),
        "reposted": (
            (
                "Bad luck? Good luck!",
                "20 % off all board games on Friday the 13th",
                percent(20),
            ),
            (
                "Julemanden kommer",
                "Børn får gratis varm kakao søndag den 7. december",
                free("Varm kakao"),
            ),
        ),
        "real": (
            (
                "Play before you buy",
                "Half an hour with any opened board game at the play table",
                words("Half an hour at the play table"),
            ),
            (
                "Klistermærker til samlere",
                "Et ark klistermærker ved hvert tredje besøg",
                free("Et ark klistermærker"),
            ),
        ),
    },
    "hardware store": {
        "promotions": (
            "Maling: 10 l hvid vægmaling 299,- i uge 14-16",
            "Rent any machine for two days, pay for one",
            "Haveudsalg: op til 40 % på havemøbler og grill",
        ),
        "reposted": (
            (
                "Forår på væggene",
                "10 liter hvid vægmaling til 299 kr.",
                words("10 l vægmaling 299 kr."),
            ),
            (
                "Garden time",
                "Garden furniture and grills at up to 40 % off",
                percent(40),
            ),
        ),
        "real": (
            (
                "Bring a friend who can hold the ladder",
                "Two work gloves when both of you check in",
                free("Work gloves"),
            ),
            (
                "Gør det selv, men ikke alene",
                "Et kvarters rådgivning ved malerdisken uden kø",
                words("Rådgivning uden kø"),
            ),
        ),
    },
    "noodle bar": {
        "promotions": (
            "Ramen Monday: every bowl 99 kr",
            "Ta med en kompis: två bubble tea för priset av en, ons-tors",
            "Gratis forårsruller ved køb for over 250 kr.",
        ),
        "reposted": (
            (
                "Måndagsskål",
                "Alle skåle ramen 99 kr. om mandagen",
                words("Ramen 99 kr."),
            ),
            (
                "Bring a mate",
                "2 bubble teas for the price of 1 on Wednesday and Thursday",
                words("2 for 1 bubble tea"),
            ),
        ),
        "real": (
            (
                "The spice ladder",
                "Fifth bowl this month: a jar of our chili oil to take home",
                free("A jar of chili oil"),
            ),
            (
                "En kugle mere",
                "Et ekstra æg i din ramen, når du sidder i baren efter kl. 21",
                upgrade("Et ekstra æg"),
            ),
        ),
    },
    "pet shop": {
        "promotions": (
            "Hundefoder 12 kg 349 kr. – spar 100 kr. hele marts",
            "Adoption day on Saturday: free advice from our vet",
            "3 for 2 på alt kattelegetøj",
        ),
        "reposted": (
            (
                "For the dog",
                "12 kg of dog food for 349 kr in March",
                words("Dog food 349 kr"),
            ),
            (
                "For katten",
                "Tag tre stykker kattelegetøj og betal kun for to",
                words("3 for 2"),
            ),
        ),
        "real": (
            (
                "Who is a good dog?",
                "A biscuit for every dog who comes along",
                free("A dog biscuit"),
            ),
            (
                "Kløer og poter",
                "Klip af kløer uden tid, hver fjerde gang du kigger ind",
                free("Klip af kløer"),
            ),
        ),
    },
    "theatre": {
        "promotions": (
            "Under 25? Tickets for 95 kr on the day of the show",
            "Premierefest: et glas bobler med i billetten den 4. oktober",
            "Efterårets abonnement: se fire forestillinger, betal for tre",
        ),
        "reposted": (
            (
                "Er du under 25?",
                "Billetter til 95 kr. på dagen for forestillingen",
                words("Billet 95 kr."),
            ),
            (
                "An autumn of plays",
                "Subscription: four plays for the price of three",
                words("4 plays for 3"),
            ),
        ),
        "real": (
            (
                "Look behind the curtain",
                "Stay for ten minutes after the play and meet the cast on stage",
                words("Meet the cast"),
            ),
            (
                "Pausen er din",
                "Spring over køen i baren: dit glas står klar på hylden med dit navn",
                words("Eget glas i pausen"),
            ),
        ),
    },
    "outdoor gear": {
        "promotions": (
            "Telte og soveposer: 30 % i hele juni",
            "Trade in your old boots and save 200 kr on a new pair",
            "Køp to par ullsokker, få det tredje gratis",
        ),
        "reposted": (
            (
                "Juni under åben himmel",
                "30 % rabat på soveposer og telte til og med 30. juni",
                percent(30),
            ),
            (
                "New boots?",
                "200 kr off new boots when you trade in the old ones",
                amount(200),
            ),
        ),
        "real": (
            (
                "Proof of rain",
                "We re-wax one jacket while you wait, on any rainy day",
                free("Waxing of a jacket"),
            ),
            (
                "Tre butikker, én tur",
                "Besøg alle tre butikker på en måned og få 30 % på en rygsæk",
                percent(30),
            ),
        ),
    },
    "pharmacy": {
        "promotions": (
            "Solcreme: 2 stk. 150 kr. (frit valg)",
            "Blood pressure check free of charge every Thursday morning",
            "Spar 15 % på vitaminer med vores app",
        ),
        "reposted": (
            (
                "Sommer på vej",
                "Frit valg: to solcremer for 150 kr.",
                words("2 solcremer 150 kr."),
            ),
            (
                "Torsdag morgen",
                "Gratis måling af blodtryk hver torsdag morgen",
                free("Måling af blodtryk"),
            ),
        ),
        "real": (
            (
                "Something for your hands",
                "A hand cream sample at every third visit in winter",
                free("A hand cream sample"),
            ),
            (
                "Stille time",
                "20 minutters samtale med farmaceuten om din medicin, hver tirsdag eftermiddag",
                words("Samtale med farmaceuten"),
            ),
        ),
    },
    "dance school": {
        "promotions": (
            "Salsa för nybörjare: 8 kvällar 1 200 kr, start 3 februari",
            "Bring a partner: second person half price",
            "Gratis prøvetime i uge 33, alle hold",
        ),
        "reposted": (
            (
                "Try a dance",
                "A free trial lesson in week 33, all classes",
                free("A trial lesson"),
            ),
            (
                "To er bedre end én",
                "Tag en partner med: person nummer to får halv pris",
                percent(50),
            ),
        ),
        "real": (
            (
                "Ten lessons danced",
                "After ten lessons: one evening in the next level, just to see",
                free("One evening in the next level"),
            ),
            (
                "Vand til de varme",
                "En flaske vand efter to hold på samme aften",
                free("En flaske vand"),
            ),
        ),
    },
}
"""Written later, of trades that the words were not made for: they showed what was missing.

At first sight 14 of these 20 reposted ads were found, and none of the real offers was taken for
one; then the words were made more, and the cuts set anew from the odd merchants.
"""

LAST: dict[str, dict[str, Any]] = {
    "ferry": {
        "promotions": (
            "Mini cruise with dinner buffet from 299 kr in November",
            "Tag bilen med: bil og op til fem personer 449 kr. onsdage og torsdage",
            "Children under 12 sail for free all autumn",
        ),
        "reposted": (
            (
                "Onsdag til havs",
                "En bil med fem personer for 449 kr., onsdag og torsdag",
                words("Bil + 5 personer 449 kr."),
            ),
            (
                "Grå november?",
                "Minikrydstogt med middagsbuffet fra 299 kr.",
                words("Minikrydstogt 299 kr."),
            ),
        ),
        "real": (
            (
                "Kaptajnens kaffe",
                "Kom op på broen og få en kop kaffe, mens vi lægger fra kaj",
                free("Kaffe på broen"),
            ),
            (
                "Ten crossings",
                "At your tenth crossing this year: a seat in the quiet lounge",
                upgrade("A seat in the quiet lounge"),
            ),
        ),
    },
    "garden centre": {
        "promotions": (
            "Julestjerner 3 stk. 60 kr.",
            "Christmas trees: 50 kr off any tree before 8 December",
            "20 % på alt til fugle i weekenden",
        ),
        "reposted": (
            (
                "Early tree",
                "Spar 50 kr. på juletræet inden den 8. december",
                amount(50),
            ),
            (
                "A red table",
                "Three poinsettias for 60 kr",
                words("3 poinsettias 60 kr"),
            ),
        ),
        "real": (
            (
                "Gløgg ved bålet",
                "Et krus gløgg, når I er fire, der er kommet sammen",
                free("Et krus gløgg"),
            ),
            (
                "Green fingers come back",
                "20 % off one pot of your choice at your third visit in spring",
                percent(20),
            ),
        ),
    },
    "escape room": {
        "promotions": (
            "Sommerferie: hold på 4 for 600 kr. hverdage før kl. 15",
            "Students 25 % off Sunday to Thursday",
            "Book a birthday and the birthday kid plays for free",
        ),
        "reposted": (
            (
                "Studerende?",
                "25 % rabat søndag-torsdag med studiekort",
                percent(25),
            ),
            (
                "Summer holidays inside",
                "Team of 4 at 600 kr on weekdays before 3 pm",
                words("Team of four, 600 kr"),
            ),
        ),
        "real": (
            (
                "One more clue",
                "Your team gets an extra clue from the game master",
                words("An extra clue"),
            ),
            (
                "Søndag aften er stille",
                "Holdbillede i ramme efter spillet, søndag efter kl. 19",
                free("Holdbillede i ramme"),
            ),
        ),
    },
    "chocolate shop": {
        "promotions": (
            "Påskeæg: køb to, betal for ét, onsdag før påske",
            "Varm kakao med flødeskum 25 kr. hele vinteren",
            "10 % off all gift boxes for Valentine's Day",
        ),
        "reposted": (
            (
                "Cold hands",
                "Hot chocolate with whipped cream, 25 kr all winter",
                words("Hot chocolate 25 kr"),
            ),
            (
                "Alle hjerters dag",
                "10 % på alle gaveæsker",
                percent(10),
            ),
        ),
        "real": (
            (
                "Taste the mistake",
                "A bag of chocolates that are not pretty, for our five most frequent guests",
                free("A bag of misshapen chocolates"),
            ),
            (
                "Onsdagssmagning",
                "Smag tre nye fyldte chokolader på bagværkstedet, onsdag kl. 17",
                words("Smagning på bagværkstedet"),
            ),
        ),
    },
    "climbing gym": {
        "promotions": (
            "First time? Entry, shoes and harness 99 kr",
            "Klippekort: 10 gange for 8",
            "Gratis yoga hver mandag kl. 18 for alle med entré",
        ),
        "reposted": (
            (
                "Første gang på væggen",
                "Entré, sko og sele for 99 kr.",
                words("Prøv for 99 kr."),
            ),
            (
                "Ten for eight",
                "Punch card: 10 entries for the price of 8",
                words("10 for 8"),
            ),
        ),
        "real": (
            (
                "Chalk it up",
                "A ball of chalk for those who climb here on five days in two weeks",
                free("A ball of chalk"),
            ),
            (
                "Mandag morgen er din",
                "Lån et par nye sko gratis mandag før kl. 10 og mærk forskellen",
                free("Lån af sko"),
            ),
        ),
    },
}
"""Written last of all: neither words nor cuts were changed after it, whatever came of it."""


def cases(merchants: dict[str, dict[str, Any]]) -> Iterator[Case]:
    for number, (name, merchant) in enumerate(merchants.items()):
        for label in ("reposted", "real"):
            for turn, (teaser, terms, reward) in enumerate(merchant[label], start=1):
                yield Case(
                    name=f"{name}, {label} {turn}",
                    promotions=merchant["promotions"],
                    teaser=teaser,
                    terms=terms,
                    reward=reward,
                    reposted=label == "reposted",
                    held_out=number % 2 == 0,
                )


CASES = tuple(cases(MERCHANTS))
LATE_CASES = tuple(cases(LATER))
LAST_CASES = tuple(cases(LAST))
