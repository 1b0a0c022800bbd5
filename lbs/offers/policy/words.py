"""
What the words of offers mean, in Danish, Swedish, Norwegian and English. Data only.

Everything is written as `text.fold` leaves it: in lower case, with æ for ä and ø for ö.

Two libraries of stop words are kept up (stop-words 2025.11.4, stopwordsiso 0.7.1) and were left:
their 1,300 English words have "free" among them, the Swedish and Danish ones every number, and one
has a broken ø in its Norwegian. Those words say the most here.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NORDIC = _words(
    """
    ad af alle alla allt alt altid andre andra at att av bare bara begge ved blev bli blir
    blive bliver da de dem den denne der deres det dette dig din dine dit ditt disse du
    efter eller en end er et ett etter for fordi fra från få får før ham han hans har have
    havde hende her hos hun hver hvert hvis hvor i ikke ikkje inte ind in inkl jeg jag jer
    jeres kan kom komme kommer kun man med meget mere mest mig min mine mod mot må ned nogen
    noget når nær og och også om op opp os oss over på samme se selv sig sin sine skal
    skulle som så sådan til till ud ut under uden uten utan var vi vil ville vill vor vores
    våre vår være ær även ligger står tag ta tage gælder gjelder giver give gir kør går gå
    hent hentes lige siden inden innen mellem mellan indtil gennem hele hel sammen pr længe
    finder sted flere igen vælg valgfri valgfrit stk bliv vær sidste første næste fås findes
    kræver været
    """
)

ENGLISH = _words(
    """
    a about after all also behind seen an and any are as at available be been before between
    but by can come do does each every everybody everyone few for from get gets give gives
    go goes got had has have he her here him his how if in into is it its just last let like
    make me mine more most my no nor not now of off on once only or our out over own per
    same see she so some something take takes than that the their them then there these they
    this those through till to too under until up us use used very was we were what when
    where which while who will with within you your valid please choice choose next first
    whole one
    """
)

CEREMONY = _words(
    """
    check checked checkin tjek tjekke tjekker tjekket indtjekning sjekk kolla app appen
    telefon phone mobil skærm screen show vis vise visa kode koden code kupon coupon voucher
    besøg besøget visit visits besøk kunde kunder kunden customer customers gæst guest
    personale staff disk disken counter kassen kasse till bord table butik butikken shop
    store tilbud tilbuddet offer erbjudande deal special kampagne campaign køb købe køber
    ved køp køpa kjøp buy buying buys bought order orders bestil pris prisen price priset
    priser prices koster cost costs rabat rabatten rabatt discount spar sparer spara save
    saves saving kr kroner kun only nu today idag velkommen welcome hej hi time chance
    mulighed everything enjoy nyd ekstra extra modtag receive kl klokken betal betaler pay
    bring new ny nye nyt regular
    """
)
"""Words that stand around every deal and tell none from another."""

TIMES = _words(
    """
    mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec day week
    month year weekend weekday morning afternoon evening night summer autumn winter spring
    hour minute
    """
)
"""Meanings that say when, not what: many a deal is on a Tuesday."""

NUMBERS = {
    "two": 2, "tre": 3, "three": 3, "four": 4, "fyra": 4, "fem": 5, "five": 5, "seks": 6,
    "six": 6, "syv": 7, "sju": 7, "seven": 7, "otte": 8, "åtte": 8, "åtta": 8, "eight": 8,
    "nio": 9, "nine": 9, "tio": 10, "ten": 10, "elleve": 11, "eleven": 11, "tolv": 12,
    "twelve": 12, "femten": 15, "fifteen": 15, "tyve": 20, "tjue": 20, "tjugo": 20,
    "twenty": 20, "tredive": 30, "tretti": 30, "trettio": 30, "thirty": 30, "fyrre": 40,
    "førti": 40, "fyrtio": 40, "forty": 40, "halvtreds": 50, "femti": 50, "femtio": 50,
    "fifty": 50, "hundrede": 100, "hundred": 100,
}  # fmt: skip

NORDIC_NUMBERS = {"to": 2, "två": 2, "fire": 4, "ni": 9, "ti": 10}
"""Where the text is not English: there `to` and `fire` are other words."""

MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "maj": 5, "may": 5, "mai": 5, "jun": 6, "jul": 7,
    "aug": 8, "sep": 9, "okt": 10, "oct": 10, "nov": 11, "dec": 12, "des": 12,
}  # fmt: skip
"""By the first three letters."""

EVERYTHING = (
    r"\b(?:alle varer|alle varor|alt i butikken|hele (?:butikken|sortimentet|menuen|kortet)|"
    r"hela (?:butiken|sortimentet|menyn)|everything|storewide|all (?:items|products)|"
    r"(?:whole|entire) (?:store|shop|menu|range|bill))\b"
)
"""As a pattern: the deal is on all that there is."""

MEANINGS = """
coffee: coffee kaffe kaffen
filter: filter
tea: tea te
beans: beans bønne bønner bønor
chocolate: chocolate chokolade sjokolade choklad kakao cocoa
cake: cake kage kake kaka tærte tårta pie
pastry: pastry wienerbrød bakværk bagværk
croissant: croissant
cinnamon: cinnamon kanel
bun: bun bolle boller snegl snegle roll rundstykke rundstykker bulle
bread: bread brød
rye: rye rug
butter: butter smør
cheese: cheese ost
egg: egg æg ægg
milk: milk mælk melk mjølk
meat: meat kød kjøtt kjøt
beef: beef oksekød okse
minced: minced hakket
chicken: chicken kylling
fish: fish fisk
sausage: sausage pølse hotdog korv
burger: burger burgere hamburger
pizza: pizza
sushi: sushi
sandwich: sandwich smørrebrød macka
salad: salad salat sallad
fries: fries fritter pommes
soup: soup suppe soppa
fruit: fruit frugt frukt
vegetable: vegetable grønt grøntsag grønsak veggie
apple: apple æble æpple eple
organic: organic økologisk økologiske øko ekologisk
ice: ice is iskrem icecream
scoop: scoop kugle kule kula
soft: soft softice
waffle: waffle vaffel vaflen våffla vafler
milkshake: milkshake shake
soda: soda sodavand cola lemonade limonade brus læsk saft fizzy
juice: juice
water: water vand vann vatten
beer: beer øl pilsner pilsener ale lager
draught: draught draft fad tap
wine: wine vin
sparkling: sparkling bobler mousserende prosecco champagne cava
cocktail: cocktail drink drinks
rum: rum
glass: glas
bottle: bottle flaske flaska
cup: cup kop kopp
breakfast: breakfast morgenmad frukost
morning: morgen morning
brunch: brunch
lunch: lunch frokost
dinner: dinner aftensmad middag
dessert: dessert desserten efterret
snack: snack tilltugg
bento: bento
menu: menu menuen meny
dish: dish ret rett rætt
meal: meal måltid
takeaway: takeaway
eat: eat eats spis spise spiser æt
delivery: delivery levering leverans
entry: entry entrance admission entre adgang indgang intræde inngang
ticket: ticket billet billett biljett
pass: pas
season: season sæson sesong
card: card kort
film: film movie movies biffen bio cinema biograf kino
popcorn: popcorn
concert: concert koncert konsert
music: music musik musikk jazz
exhibition: exhibition udstilling utstilling utstælning
museum: museum
game: game match kamp kampen matchen
goal: goal mål
team: team hold
tour: tour omvisning rundvisning
park: park parken
ride: ride tur
talk: talk foredrag
tasting: tasting smagning smaking provning
quiz: quiz
hair: hair hår
cut: cut haircut klip klipning klippe klipp
colour: colour color farve farge færg
massage: massage
treatment: treatment behandling
spa: spa dagsspa
pool: pool
towel: towel håndklæde håndduk handduk
bathrobe: bathrobe badekåbe
room: room værelse rom
night: night overnatning nat natt
hotel: hotel hotell
training: training træn træne træning workout trening træna exercise
class: class
trainer: trainer instruktør
joining: joining oprettelse oprettelsen enrolment signup
member: member members medlem medlemmer medlemskab membership
month: month måned månad
week: week uge uger ugens vecka veckor uke
day: day dag dage døgn
year: year år
weekend: weekend weekenden helg
weekday: weekday hverdag vardag
evening: evening aften kvæll kveld
summer: summer sommer sommar
autumn: autumn fall efterår høst
winter: winter vinter
spring: spring forår vår
christmas: christmas jul
black: black
halloween: halloween uhygge
birthday: birthday fødselsdag
mother: mother mor
jacket: jacket jakke jacka coat frakke
knitwear: knitwear strik strikvarer sweater
sock: sock sokker strømper strumpor strømpe
underwear: underwear undertøj underklæder
shoe: shoe sko
boot: boot støvle støvler
shirt: shirt skjorte bluse
trousers: trousers bukser jeans byxor
dress: dress kjole klænning
collection: collection kollektion
wool: wool uld ull
book: book bog bøger bok bøcker
paperback: paperback pocket
author: author forfatter
reading: reading læsning højtlæsning
sale: sale udsalg rea
bike: bike bicycle cykel cykler sykkel
light: light lights lys lygte lygter
brake: brake bremse bremser bremseklods
bell: bell ringeklokke klokke
service: service eftersyn
repair: repair reparation
wheel: wheel hjul
tulip: tulip tulipan tulipaner tulpan
flower: flower blomst blomster blomma
bouquet: bouquet buket bukett
plant: plant potteplante potted plante planter
rose: rose roser
stem: stilk
bag: bag pose
jug: jug pitcher kande kander
child: child children barn børn kid kids
family: family familie familien familj
friend: friend ven venner væn
student: student studerende studenter
pensioner: pensioner pensionist senior
set: set sæt
pair: pair par
piece: piece stykke stycke
large: large stor stort store big
small: small lille små liten
half: half halv
home: home hjem hem
town: town city by byen
online: online nettet web webshop
break: break pause pausen
taste: taste smag smage smaka
soap: soap sæbe
candle: candle
toy: toy legetøj leg spil
newsletter: newsletter nyhedsbrev nyhetsbrev
join: join meld tilmeld
try: try prøv prova
newspaper: newspaper avis avisen tidning
queue: queue kø line
mon: monday mandag måndag mon mån
tue: tuesday tirsdag tisdag tue tues tir tis
wed: wednesday onsdag wed ons
thu: thursday torsdag thu thur thurs tors tor
fri: friday fredag fri fre
sat: saturday lørdag sat lør
sun: sunday søndag sun søn
jan: january januar januari
feb: february februar februari
mar: march marts mars
apr: april
may: may maj mai
jun: june juni
jul: july juli
aug: august augusti
sep: september
oct: october oktober
nov: november
dec: december desember
kickoff: kickoff kampstart avspark
warm: warm varm varmt hot
animal: animal dyr kæledyr pet pets
dog: dog hund hunde hundar
cat: cat kat katte katt
food: food mad mat foder
tent: tent telt tælt
sleep: sleep sleeping sove sover
rucksack: rucksack backpack rygsæk ryggsekk ryggsæck
garden: garden have haver hage trædgård
furniture: furniture møbel møbler
grill: grill barbecue
paint: paint painting maling måla
wall: wall væg vægge vægg
tool: tool værktøj verktøy verktyg
machine: machine maskine maskin
rent: rent leje lej leie hyra
car: car bil biler
wash: wash washing vask tvætt
petrol: petrol gas benzin bensin
diesel: diesel
tyre: tyre dæk dekk dæck
glasses: glasses briller brille glasøgon
sunglasses: sunglasses solbriller solbrille solglasøgon
frame: frame stel innfatning båge
lens: lens linse kontaktlinse
eye: eye øje øyne øga syn syns
test: test prøve tjek
trial: trial
lesson: lesson undervisning lektion time
course: course kursus kurs
beginner: beginner begynder nybegynner nybørjare
dance: dance dans danse dancing
partner: partner makker
person: person personer
second: second anden andet
third: third tredje
subscription: subscription abonnement abonnemang
play: play plays forestilling skuespil førestællning
theatre: theatre theater teater
stage: stage scene scenen
opera: opera
cream: cream creme krem kræm lotion
vitamin: vitamin vitaminer
medicine: medicine medicin medisin
blood: blood blod
pressure: pressure tryk trykk tryck måling
skin: skin hud
face: face ansigt ansikt ansikte
nail: nail negl negle nagel
beard: beard skæg skjegg
perfume: perfume parfume parfyme
makeup: makeup sminke
gift: gift gave gavekort present
watch: watch ur klocka
jewellery: jewellery smykke smykker smycke
ring: ring
gold: gold guld gull
silver: silver sølv
bed: bed seng sæng
pillow: pillow pude pute kudde
duvet: duvet dyne tæcke
lamp: lamp lampe lampa
kitchen: kitchen køkken kjøkken køk
pan: pan pande gryde pot
knife: knife kniv
curtain: curtain gardin
carpet: carpet tæppe teppe matta
phone: smartphone mobiltelefon
computer: computer pc laptop dator
headphone: headphones høretelefoner hodetelefoner hørlurar
tv: tv fjernsyn television
cable: cable kabel
boardgame: boardgame brætspil brettspill brædspel
doll: doll dukke docka
lego: lego klodser
comic: comic tegneserie
magazine: magazine magasin blad
guitar: guitar
record: record vinyl lp
golf: golf
ball: ball bold boll
swim: swim swimming svømme svømning simma
climb: climb climbing klatre klatring klættra
bowling: bowling
ski: ski skis
skate: skate skøjte skøjter
running: running løb løbe løbesko løping
shorts: shorts
hat: hat hue kasket
glove: glove handske handsker hanske
scarf: scarf tørklæde skjerf halsduk
raincoat: raincoat regnjakke regntøj
suit: suit jakkesæt kostym
clothes: clothes clothing tøj klær klæder
blanket: blanket plaid
trade: trade byt bytte
old: old gammel gamle gammal
bowl: bowl skål
noodle: noodle nudler nudel ramen
rice: rice ris
taco: taco
kebab: kebab
wrap: wrap
steak: steak bøf biff
tapas: tapas
oyster: oyster østers
shrimp: shrimp reje rejer reke ræka
salmon: salmon laks lax
potato: potato kartoffel kartofler potet potatis
bacon: bacon
porridge: porridge grød grøt
yoghurt: yoghurt yogurt
nut: nut nød nødder nøtter
candy: candy sweets slik godis godteri bolsje
cookie: cookie småkage biscuit kiks
strawberry: strawberry jordbær jordgubbe
spirit: spirit spiritus snaps gin vodka whisky
cider: cider
smoothie: smoothie
espresso: espresso
latte: latte
cappuccino: cappuccino
photo: photo foto fotografi
flight: flight fly flyg
train: train tog tåg
bus: bus buss
boat: boat båd båt
parking: parking parkering
key: key nøgle nøkkel nyckel
house: house hus
cleaning: cleaning rengøring rens renser cleans
insurance: insurance forsikring
advice: advice rådgivning råd
party: party fest festen
premiere: premiere première premierefest
santa: santa julemand julemanden
easter: easter påske
pumpkin: pumpkin græskar gresskar pumpa
afternoon: afternoon eftermiddag ettermiddag
hour: hour timer
minute: minute minut minutter
solar: sol solskin
"""
"""A meaning, and the words that have it; forms that Snowball stems alike need not be listed."""

AUDIENCE_WORDS = {
    "existing_customers": (
        r"(?:existing|current|returning|regular|loyal) (?:customers?|guests?)|regulars\b|"
        r"(?:eksisterende|nuværende|faste|tilbagevendende|befintliga|nåværende) "
        r"(?:kunder?|gæster|gjester)|stamkunder?|stamgæst\w*|stamgjest\w*|kunder hos os"
    ),
    "subscribers": (
        r"subscribers?|newsletter|nyhedsbrev\w*|nyhetsbrev\w*|abonnent\w*|prenumerant\w*"
    ),
    "members": r"members?\b|membership|medlem\w*|kundeklub\w*|loyalty club|fordelsklub\w*",
}
"""Patterns of what an audience is called."""

ONLY_WORDS = (
    r"only|exclusively|reserved|exclusive|must be|requires?|kun|udelukkende|forbeholdt|kræver|"
    r"endast|bara|bare|enbart|krever|gælder for"
)
"""As a pattern: it is for nobody else."""

CODE_WORDS = (
    r"\b(?i:rabatkode|rabattkode|rabattkod|kuponkode|promo ?code|discount code|voucher code|"
    r"koden|koder?|codes?)\b\W{0,3}(?-i:(?=[A-Z0-9-]*[A-Z])[A-Z0-9][A-Z0-9-]{3,})\b"
)
"""As a pattern in a text as it was written: a code in capitals after a word for it."""
