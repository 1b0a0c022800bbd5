"""Whether an offer is exclusive, gated, measurable, open, reachable and fair to share. Pure.

Each check is a small function that gives findings; `review` runs them all and keeps everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.offers.policy.findings import AUDIENCES, Code, Finding, Severity, finding
from lbs.offers.policy.likeness import Offered, compare, is_close, is_same
from lbs.offers.policy.text import cover, fold, read, read_reward
from lbs.offers.policy.words import AUDIENCE_WORDS, CODE_WORDS, ONLY_WORDS
from lbs.offers.rules.people import Referrer
from lbs.offers.rules.schedule import (
    ALWAYS,
    AS_OPEN,
    WEEKDAYS,
    Schedule,
    longest_wait,
    meetings,
    read_schedule,
)
from lbs.proofs.policy import PHYSICAL

ERROR, WARNING = Severity.ERROR, Severity.WARNING

GOALS = ("visits", "new_customers", "revenue")
ANYONE = "anyone"
INTACT, PHYSICALLY = 2, 3
"""The levels that take an intact device, and something that is to be had at the venue only."""

SMALL = {
    "DKK": 50, "SEK": 75, "NOK": 75, "ISK": 1000, "EUR": 7, "USD": 8, "GBP": 6, "CHF": 7, "PLN": 30,
    "CZK": 175, "HUF": 2750, "RON": 35, "CAD": 10, "AUD": 12, "JPY": 1000,
}  # fmt: skip
"""What is not worth a lie: about a coffee and a cake, in whole units."""
WITHOUT_MINOR = frozenset({"ISK", "JPY"})
"""Their minor unit is the unit."""
STEPS = ((6, PHYSICALLY, ERROR), (3, INTACT, ERROR), (1, INTACT, WARNING))
"""Worth more than so many times SMALL, a reward should take this level.

A made-up location costs an app and five minutes: nobody bothers for a coffee, some do for a meal,
and from three times that it is sure to be tried. An altered phone that passes for intact costs an
evening and serves for many accounts, so from six times (300 DKK) only what is at the venue counts.
"""

REDEEM_LEAST_S, REDEEM_ENOUGH_S = 5 * 60, 15 * 60
"""To walk to the till and pay; to queue and order first as well."""

NAMED, NAMED_WITH_CUE = 0.8, 0.5
"""The share of a reward's words in a teaser that gives it away; less does beside a "free"."""
REPEATED = 0.75
"""The share of the terms' words in a teaser that repeats them."""
QUOTED = 120
"""So many characters of another text are quoted."""
MOST = 20
"""So many findings of one check are told: enough to mend, of a chain with hundreds of venues."""

AHEAD_LOOKED, WEEK = timedelta(days=366), timedelta(days=8)
"""How far ahead an hour is looked for at which it is on and the venue open, and a wait."""

CROWDS = frozenset({"swarm", "party", "flash"})
"""Kinds of rules that take, or promise themselves to, n customers."""
CAPS = ("total", "per_day", "per_venue", "per_venue_day")
"""The limits that a crowd shares."""

AHEAD, BEHIND = timedelta(hours=14), timedelta(hours=12)
"""How far clocks on Earth are ahead of and behind UTC: a promotion's days are somewhere's days."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An offer as its merchant has written it; None is not given."""

    teaser: str
    terms: str
    reward: Mapping[str, Any]
    rule: Mapping[str, Any]
    value_minor: int | None
    cost_minor: int | None
    currency: str
    valid_from: datetime
    valid_to: datetime
    goal: str | None = None
    schedule: Schedule = ALWAYS
    limits: Mapping[str, int | None] = field(default_factory=dict)
    """Of CAPS, and per_customer."""
    budget_minor: int | None = None
    redeem_within_s: int | None = None
    min_level: int | None = None
    """None: the venue's."""
    audience: str = ANYONE
    """Or one of AUDIENCES."""
    static_code: str | None = None
    """A code that is the same for everybody."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A public promotion; a date of None is open."""

    id: UUID
    text: str
    channel: str
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class OtherOffer:
    """Another offer of the merchant that has not ended."""

    id: UUID
    teaser: str
    terms: str
    reward: Mapping[str, Any]
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A venue that the offer runs at."""

    id: UUID
    name: str
    min_level: int = 1
    proofs: frozenset[str] = frozenset()
    """The kinds of its live proofs."""
    time_zone: str = "UTC"
    opening_hours: str | None = None
    """In OpenStreetMap's syntax; None is not known."""
    has_events: bool = False
    """Planned, or on: then people may come at other hours."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an offer is held against."""

    at: datetime
    promotions: tuple[Promotion, ...] = ()
    offers: tuple[OtherOffer, ...] = ()
    places: tuple[Place, ...] = ()
    attests: bool = False
    """Whether any app has its devices attested."""
    referrer_bonus: bool = False
    """Whether the operator allows to reward those who refer."""
    codes_left: int | None = None
    """Of codes of the merchant's own; None where the service makes them."""


def review(draft: Draft, context: Context) -> tuple[Finding, ...]:
    return tuple(found for check in CHECKS for found in islice(check(draft, context), MOST))


def stops(findings: tuple[Finding, ...]) -> bool:
    """Whether an offer with these findings may not be activated."""
    return any(found.severity is ERROR for found in findings)


# --- gated ----------------------------------------------------------------------------------


def hides_reward(draft: Draft, context: Context) -> Iterator[Finding]:
    """Numbers are the same or not; things are named, or half named beside a word such as free."""
    teaser, reward = read(draft.teaser), read_reward(draft.reward)
    shared = teaser.deals & reward.deals
    named = cover(reward.words, teaser.words)
    if any(len(deal) > 1 for deal in shared) or (shared and named >= NAMED_WITH_CUE):
        yield finding(Code.REWARD_IN_TEASER, ERROR, "#/teaser")
    elif named >= NAMED:
        severity = ERROR if len(reward.words) > 1 else WARNING
        yield finding(Code.REWARD_IN_TEASER, severity, "#/teaser")


def hides_terms(draft: Draft, context: Context) -> Iterator[Finding]:
    teaser, terms = read(draft.teaser), read(draft.terms)
    numbers = {deal for deal in teaser.deals & terms.deals if len(deal) > 1}
    if numbers or cover(terms.words, teaser.words) >= REPEATED:
        yield finding(Code.TERMS_IN_TEASER, ERROR, "#/teaser")


def hides_code(draft: Draft, context: Context) -> Iterator[Finding]:
    code = draft.static_code
    if _CODE.search(draft.teaser) or (code and fold(code) in fold(draft.teaser)):
        yield finding(Code.CODE_IN_TEASER, ERROR, "#/teaser")


def asks_enough(draft: Draft, context: Context) -> Iterator[Finding]:
    """The lowest level at which it opens anywhere fits what it is worth."""
    value, small = draft.value_minor or 0, SMALL.get(draft.currency)
    level = min((_level(draft, place) for place in context.places), default=draft.min_level or 1)
    if small is None:
        if value and level < INTACT:
            yield finding(Code.VALUE_UNWEIGHED, WARNING, "#/min_level", currency=draft.currency)
        return
    unit = small * (1 if draft.currency in WITHOUT_MINOR else 100)
    for times, needed, severity in STEPS:
        if value > times * unit and level < needed:
            yield finding(Code.LEVEL_TOO_LOW, severity, "#/min_level", level=level, needed=needed)
            return


# --- exclusive ------------------------------------------------------------------------------


def is_no_repost(draft: Draft, context: Context) -> Iterator[Finding]:
    """Against every promotion that runs at the same time; the most alike is named."""
    offered = Offered(draft.teaser, draft.terms, draft.reward)
    running = (each for each in context.promotions if _meet(draft, each, context.at))
    alike = [(*compare(offered, read(each.text)), each) for each in running]
    for judge, code, severity in (
        (is_same, Code.REPOSTED_PROMOTION, ERROR),
        (is_close, Code.LIKE_PROMOTION, WARNING),
    ):
        found = [(score, each) for relation, score, each in alike if judge(relation, score)]
        if found:
            _, nearest = max(found, key=lambda pair: pair[0])
            yield finding(code, severity, "#/reward", about=nearest.id, text=_quote(nearest.text))
            return


def is_no_twin(draft: Draft, context: Context) -> Iterator[Finding]:
    """A warning only: the same at another venue, or by another rule, may be meant."""
    offered = Offered(draft.teaser, draft.terms, draft.reward)
    for other in context.offers:
        overlap = other.valid_from < draft.valid_to and draft.valid_from < other.valid_to
        given = Offered(other.teaser, other.terms, other.reward).given
        if overlap and is_same(*compare(offered, given)):
            yield finding(
                Code.LIKE_OTHER_OFFER,
                WARNING,
                "#/reward",
                about=other.id,
                text=_quote(other.teaser),
            )


def has_own_codes(draft: Draft, context: Context) -> Iterator[Finding]:
    """Neither one code for all, nor one that the terms or the reward tell everybody."""
    if draft.static_code is not None:
        yield finding(Code.STATIC_CODE, ERROR, "#/static_code")
    for name, text in (("terms", draft.terms), ("reward/text", draft.reward.get("text", ""))):
        if _CODE.search(text):
            yield finding(Code.STATIC_CODE, ERROR, f"#/{name}")


# --- measurable -----------------------------------------------------------------------------


def says_value(draft: Draft, context: Context) -> Iterator[Finding]:
    """What is not for sale, such as a donation or a place in front, may be worth nothing."""
    kind = draft.reward["kind"]
    if draft.value_minor is None or (draft.value_minor == 0 and kind not in PRICELESS):
        yield finding(Code.VALUE_MISSING, ERROR, "#/value_minor")
    elif kind == "amount" and draft.value_minor != draft.reward["amount_minor"]:
        yield finding(Code.VALUE_DIFFERS, WARNING, "#/value_minor")


PRICELESS = frozenset({"charity", "text", "upgrade"})
COSTLESS = frozenset({"text", "upgrade"})
"""Rewards that may cost nothing: 0 is then said deliberately, elsewhere it is doubted."""


def says_cost(draft: Draft, context: Context) -> Iterator[Finding]:
    if draft.cost_minor is None:
        yield finding(Code.COST_MISSING, ERROR, "#/cost_minor")
    elif draft.cost_minor == 0 and draft.reward["kind"] not in COSTLESS:
        yield finding(Code.COST_ZERO, WARNING, "#/cost_minor")


def has_goal(draft: Draft, context: Context) -> Iterator[Finding]:
    if draft.goal not in GOALS:
        yield finding(Code.GOAL_MISSING, ERROR, "#/goal")


# --- open -----------------------------------------------------------------------------------


def says_for_whom(draft: Draft, context: Context) -> Iterator[Finding]:
    """What the audience is, or what the terms make of it, stands in the teaser."""
    meant = draft.audience if draft.audience in AUDIENCES else _restricted_to(draft)
    if meant is None:
        return
    who = AUDIENCES[meant]
    if not _GROUPS[meant].search(fold(draft.teaser)):
        yield _for_whom(Code.RESTRICTION_UNSAID, ERROR, "#/teaser", who)
    elif meant != draft.audience:
        yield _for_whom(Code.RESTRICTION_UNDECLARED, WARNING, "#/audience", who)


def _for_whom(code: Code, severity: Severity, pointer: str, who: Mapping[str, str]) -> Finding:
    """Each language has its own word for them."""
    english, danish = (finding(code, severity, pointer, who=who[name]) for name in ("en", "da"))
    text = {"en": english.text["en"], "da": danish.text["da"]}
    return Finding(code, severity, pointer, text, english.mend)


def _restricted_to(draft: Draft) -> str | None:
    """The group that the text says it is only for."""
    texts = [draft.teaser, draft.terms, draft.reward.get("text", ""), draft.reward.get("item", "")]
    said = [fold(text) for text in texts]
    return next(
        (name for name, only in _ONLY_FOR.items() if any(only.search(text) for text in said)),
        None,
    )


# --- reachable ------------------------------------------------------------------------------


def is_somewhere(draft: Draft, context: Context) -> Iterator[Finding]:
    if not context.places:
        yield finding(Code.NOWHERE, ERROR, "#/venue_ids")


def is_not_over(draft: Draft, context: Context) -> Iterator[Finding]:
    if draft.valid_to <= context.at:
        yield finding(Code.OVER, ERROR, "#/valid_to")


def opens_sometime(draft: Draft, context: Context) -> Iterator[Finding]:
    """There is a moment at which it is on and the venue is, for all that is known, open."""
    start, end = _ahead(draft, context, AHEAD_LOOKED)

    @cache
    def is_open_once(time_zone: str, hours: str | None, *, has_events: bool) -> bool:
        doors = (AS_OPEN,) if hours and not has_events else ()
        return any(meetings((*_on(draft), *doors), start, ZoneInfo(time_zone), hours, end))

    for place in context.places if start < end else ():
        hours = place.opening_hours
        if not is_open_once(place.time_zone, hours, has_events=place.has_events):
            yield finding(Code.NEVER_OPEN, ERROR, "#/schedule", about=place.id, venue=place.name)


def lasts_long_enough(draft: Draft, context: Context) -> Iterator[Finding]:
    within_s = draft.redeem_within_s
    if within_s is not None and within_s < REDEEM_ENOUGH_S:
        yield finding(
            Code.REDEEM_TOO_SHORT,
            ERROR if within_s < REDEEM_LEAST_S else WARNING,
            "#/redeem_within_s",
            minutes=within_s // 60,
            needed=REDEEM_ENOUGH_S // 60,
        )


def outlasts_the_wait(draft: Draft, context: Context) -> Iterator[Finding]:
    """What opens in a window before the doors do lasts until somebody has had time to come in.

    Without windows of its own it opens to closed doors only for who brings a second proof.
    """
    if draft.redeem_within_s is None or not any(each.windows for each in _on(draft)):
        return
    start, end = _ahead(draft, context, WEEK)

    @cache
    def wait_at(time_zone: str, hours: str | None) -> timedelta:
        return longest_wait(_on(draft), start, ZoneInfo(time_zone), hours, end)

    for place in context.places:
        wait = wait_at(place.time_zone, place.opening_hours)
        needed_s = int(wait.total_seconds()) + REDEEM_LEAST_S
        if wait and draft.redeem_within_s < needed_s:
            yield finding(
                Code.REDEEM_BEFORE_OPEN,
                ERROR,
                "#/redeem_within_s",
                about=place.id,
                venue=place.name,
                needed=-(-needed_s // 60),
            )


def has_room(draft: Draft, context: Context) -> Iterator[Finding]:
    """A swarm of 20 with a limit of 5 a day would let 15 down."""
    target = crowd(draft.rule)
    for name in CAPS:
        limit = draft.limits.get(name)
        if limit is not None and limit < target:
            yield finding(
                Code.LIMIT_BELOW_TARGET, ERROR, f"#/limit_{name}", target=target, limit=limit
            )
    if draft.budget_minor is not None and draft.cost_minor:
        affordable = draft.budget_minor // draft.cost_minor
        if affordable < max(1, target):
            yield finding(
                Code.LIMIT_BELOW_TARGET,
                ERROR,
                "#/budget_minor",
                target=max(1, target),
                limit=affordable,
            )
    if context.codes_left is not None and context.codes_left < max(1, target):
        yield finding(Code.CODES_TOO_FEW, ERROR, "#/rule", left=context.codes_left)


def can_be_proved(draft: Draft, context: Context) -> Iterator[Finding]:
    for place in context.places:
        level = _level(draft, place)
        if level > reachable_level(place, attests=context.attests):
            yield finding(
                Code.LEVEL_UNREACHABLE,
                ERROR,
                "#/min_level",
                about=place.id,
                venue=place.name,
                level=level,
            )


# --- fair to share --------------------------------------------------------------------------


def may_reward_sharers(draft: Draft, context: Context) -> Iterator[Finding]:
    if _rewards_sharers(draft.rule) and not context.referrer_bonus:
        yield finding(Code.REFERRER_OFF, ERROR, "#/rule")


def caps_sharers(draft: Draft, context: Context) -> Iterator[Finding]:
    if _rewards_sharers(draft.rule) and draft.limits.get("per_customer") is None:
        yield finding(Code.REFERRER_UNCAPPED, ERROR, "#/limit_per_customer")


def says_who_does_not_sponsor(draft: Draft, context: Context) -> Iterator[Finding]:
    """Facebook's rules for promotions ask for it."""
    if _rewards_sharers(draft.rule) and not _NOT_SPONSORED.search(fold(draft.terms)):
        yield finding(Code.SPONSOR_UNSAID, ERROR, "#/terms")


def _rewards_sharers(rule: Mapping[str, Any]) -> bool:
    return rule["kind"] == Referrer.kind or any(map(_rewards_sharers, rule.get("rules", ())))


def crowd(rule: Mapping[str, Any]) -> int:
    """How many customers a rule takes or promises itself to; 0 where it is about one."""
    own = int(rule["n"]) if rule["kind"] in CROWDS else 0
    return max((own, *map(crowd, rule.get("rules", ()))))


def reachable_level(place: Place, *, attests: bool) -> int:
    """The highest level at which somebody can prove to be there."""
    if place.proofs & PHYSICAL:
        return PHYSICALLY
    return INTACT if attests else 1


CHECKS: tuple[Callable[[Draft, Context], Iterator[Finding]], ...] = (
    hides_reward,
    hides_terms,
    hides_code,
    asks_enough,
    is_no_repost,
    is_no_twin,
    has_own_codes,
    says_value,
    says_cost,
    has_goal,
    says_for_whom,
    is_somewhere,
    is_not_over,
    opens_sometime,
    lasts_long_enough,
    outlasts_the_wait,
    has_room,
    can_be_proved,
    may_reward_sharers,
    caps_sharers,
    says_who_does_not_sponsor,
)

_CODE = re.compile(CODE_WORDS)
_NOT_SPONSORED = re.compile(
    r"\b(?:not|in no way|ikke|på ingen måde) sponsor[^.]*\b(?:meta|facebook)\b"
)
_GROUPS = {name: re.compile(rf"\b(?:{words})") for name, words in AUDIENCE_WORDS.items()}
_ONLY_FOR = {
    name: re.compile(rf"\b(?:{ONLY_WORDS})\b(?:\W+\w+){{0,4}}?\W+(?:{words})")
    for name, words in AUDIENCE_WORDS.items()
}


def _level(draft: Draft, place: Place) -> int:
    return draft.min_level or place.min_level


def _ahead(draft: Draft, context: Context, period: timedelta) -> tuple[datetime, datetime]:
    """The part of the time ahead in which it is valid, no longer than so much."""
    start = max(draft.valid_from, context.at)
    return start, min(draft.valid_to, start + period)


def _on(draft: Draft) -> tuple[Schedule, ...]:
    """All of them have to be on for it to open."""
    return (draft.schedule, *_windows_of(draft.rule))


def _windows_of(rule: Mapping[str, Any]) -> Iterator[Schedule]:
    """The windows of the day outside which a rule never opens; those of any_of may be others'."""
    if rule["kind"] == "flash":
        yield read_schedule({"windows": [{"weekdays": WEEKDAYS, **rule}]})
    elif rule["kind"] == "all_of":
        for member in rule["rules"]:
            yield from _windows_of(member)


def _meet(draft: Draft, promotion: Promotion, at: datetime) -> bool:
    """Whether both run on some day from now on, wherever on Earth that day is."""
    first = (max(draft.valid_from, at) - BEHIND).date()
    last = (draft.valid_to + AHEAD).date()
    return (promotion.starts_on or first) <= last and first <= (promotion.ends_on or last)


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1].rstrip()}…"
