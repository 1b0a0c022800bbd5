"""From what was counted to the figures that marketers read."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lbs.stats.rules.groups import hushed
from lbs.stats.rules.tally import (
    NEW,
    RETURNS_DAYS,
    STEPS,
    Money,
    Tally,
    at_least,
    everybody,
    median,
)

PLACES = 4
"""Of a rate."""
VERDICTS = ("accepted", "ambiguous", "rejected")
LEVELS = ("L0", "L1", "L2", "L3")
BESIDE = ("reversed", "expired", "flagged", "shared", "share_visited", "friend_visits")
TIMES = (("1", 1, 1), ("2", 2, 2), ("3-5", 3, 5), ("6-10", 6, 10), ("11+", 11, None))
"""Classes of how often a customer did something."""


def rate(part: float, whole: float) -> float | None:
    """Rounded half up to four decimals; None where there is no whole."""
    if not whole:
        return None
    return float(round_half_up(Decimal(part) / Decimal(whole), PLACES))


def per(minor: int, number: int) -> int | None:
    """Money for each, rounded half up to the minor unit; None where there is none."""
    return int(round_half_up(Decimal(minor) / number, 0)) if number > 0 else None


def round_half_up(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def funnel_of(tally: Tally, minimum: int = 1) -> dict[str, Any]:
    """The steps in order, and what is counted beside them.

    Of fewer than `minimum` customers at a step it is not said how many they are.
    """
    steps = []
    before = 0
    for step in STEPS:
        customers = tally.customers(step)
        told = hushed(customers, minimum)
        steps.append(
            {
                "step": step,
                "count": tally.counts[step],
                "customers": told,
                "conversion": None if told is None else rate(customers, before),
                "median_s": median(tally.elapsed[step]) if step in tally.elapsed else None,
            }
        )
        before = customers if tally.counts[step] else before
        if told is None:
            before = 0
    new, returning = people_of(tally, minimum)
    return {
        "steps": steps,
        "check_ins": verdicts_of(tally),
        "levels": {level: tally.counts[f"level.{level}"] for level in LEVELS},
        "refused": [
            {"reason": name.removeprefix("refused."), "count": tally.counts[name]}
            for name in sorted(tally.counts)
            if name.startswith("refused.") and tally.counts[name]
        ],
        **{name: tally.counts[name] for name in BESIDE},
        "returns": [
            {"within_days": days, "count": tally.counts[f"returned.{days}"]}
            for days in RETURNS_DAYS
        ],
        "new_customers": new,
        "returning_customers": returning,
    }


def verdicts_of(tally: Tally) -> dict[str, int]:
    return {verdict: tally.counts[f"verdict.{verdict}"] for verdict in VERDICTS}


def people_of(tally: Tally, minimum: int = 1) -> tuple[int | None, int | None]:
    """New customers, and those who had been there before; both None where one would show few."""
    new = tally.customers(NEW)
    returning = tally.customers("checked_in") - new
    if hushed(new, minimum) is None or hushed(returning, minimum) is None:
        return None, None
    return new, returning


def counts_of(tally: Tally, minimum: int = 1) -> dict[str, Any]:
    """The same in one line, as series and comparisons have it."""
    new, returning = people_of(tally, minimum)
    return {
        "listed": tally.counts["listed"],
        "viewed": tally.counts["viewed"],
        "check_ins": verdicts_of(tally),
        "unlocks": tally.counts["unlocked"],
        "reserved": tally.counts["reserved"],
        "passes_shown": tally.counts["pass_shown"],
        "expired": tally.counts["expired"],
        "redemptions": tally.counts["redeemed"],
        "reversals": tally.counts["reversed"],
        "returned": tally.counts["returned"],
        "unique_customers": hushed(tally.customers("checked_in"), minimum),
        "new_customers": new,
        "returning_customers": returning,
        "money": [
            {"currency": currency, **sums_of(tally.money[currency])}
            for currency in sorted(tally.money)
        ],
    }


def sums_of(money: Money) -> dict[str, int]:
    return {
        "value_minor": money.value,
        "cost_minor": money.cost,
        "amount_minor": money.amount,
    }


def money_of(tally: Tally) -> list[dict[str, Any]]:
    """Sums and rates in each currency."""
    return [
        {
            "currency": currency,
            **sums_of(money),
            "redemptions": money.redemptions,
            "reported": money.reported,
            "cost_per_check_in_minor": per(money.cost, tally.counts["checked_in"]),
            "cost_per_redemption_minor": per(money.cost, money.redemptions),
            "cost_per_new_customer_minor": per(money.cost, tally.customers(NEW)),
            "return_on_cost": rate(money.amount, money.cost) if money.reported > 0 else None,
            "shared_amount_minor": money.shared_amount,
            "shared_redemptions": money.shared,
            "value_of_share_minor": per(money.shared_amount, tally.counts["shared"]),
        }
        for currency, money in sorted(tally.money.items())
    ]


def shares_of(tally: Tally) -> dict[str, Any]:
    """From the share to the till; money in each currency in which a share has brought any."""
    credited = [money for money in money_of(tally) if money["shared_redemptions"]]
    visitors, friends = tally.counts["share_visited"], tally.counts["friend_visits"]
    return {
        "shares": tally.counts["shared"],
        "fetches": tally.counts["share_fetched"],
        "visitors": visitors,
        "friend_visits": friends,
        "friend_visits_per_visitor": rate(friends, visitors),
        "redemptions": sum(money["shared_redemptions"] for money in credited),
        "value": [
            {
                "currency": money["currency"],
                "redemptions": money["shared_redemptions"],
                "amount_minor": money["shared_amount_minor"],
                "value_of_share_minor": money["value_of_share_minor"],
            }
            for money in credited
        ],
    }


def changes_of(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each step, how much more or less than before, as a part of what there was before."""
    return [
        {
            "step": new["step"],
            "count": rate(new["count"] - old["count"], old["count"]),
            "customers": rate(new["customers"] - old["customers"], old["customers"]),
        }
        for new, old in zip(now["steps"], before["steps"], strict=True)
    ]


def times_of(tally: Tally, step: str, minimum: int) -> list[dict[str, Any]]:
    """How many customers did it once, twice and so on; classes of too few are put together.

    A class takes in those above it until it is large enough; the last one those below it.
    """
    digits = tally.people.get(step, [])
    classes: list[tuple[str, int]] = []
    for name, low, high in TIMES:
        above = at_least(digits, high + 1) if high else ()
        number = len(at_least(digits, low)) - len(above)
        if number:
            classes.append((name, number))
    merged: list[tuple[str, int]] = []
    for name, number in classes:
        if merged and merged[-1][1] < minimum:
            merged[-1] = (_from_to(merged[-1][0], name), merged[-1][1] + number)
        else:
            merged.append((name, number))
    if len(merged) > 1 and merged[-1][1] < minimum:
        (first, few), (last, fewer) = merged[-2:]
        merged[-2:] = [(_from_to(first, last), few + fewer)]
    return [{"times": name, "customers": hushed(number, minimum)} for name, number in merged]


def _from_to(first: str, last: str) -> str:
    """The class that reaches from the one to the other."""
    low = first.rstrip("+").split("-")[0]
    return f"{low}+" if last.endswith("+") else f"{low}-{last.rsplit('-', maxsplit=1)[-1]}"


def retention_of(months: list[Tally], minimum: int) -> list[dict[str, Any]]:
    """For each period, who was new in it, and how many of them came again in each later one."""
    seen = everybody([])
    found = []
    for start, tally in enumerate(months):
        cohort = everybody(tally.people.get(NEW, [])) - seen
        seen |= cohort
        size = hushed(len(cohort), minimum)
        came = [
            len(cohort & everybody(later.people.get("checked_in", [])))
            for later in months[start + 1 :]
        ]
        found.append(
            {
                "customers": size,
                "returned": [None if size is None else hushed(n, minimum) for n in came],
            }
        )
    return found
