"""What an experiment says of the offer: differences with their intervals, drawn and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lbs.experiments.policy import CONTROL, HOLDOUT
from lbs.stats.rules.report import charts
from lbs.stats.rules.report.data import Arm, Comparison
from lbs.stats.rules.report.numbers import MINUS, NONE
from lbs.stats.rules.report.part import Part, Table
from lbs.stats.rules.report.words import FOUND, MEASURED, MEASURES

ROW, AXIS = 54.0, 30.0
PER = 100
"""Counts are told for so many customers; money for one."""

OWN = frozenset({HOLDOUT, CONTROL})
"""Arms that have a name in the language of the page."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """A bound that is not known lies where the picture ends, and has no cap there."""

    name: str
    value: str
    y: float
    low: float
    high: float
    caps: tuple[float, ...]
    dot: float | None


@dataclass
class Lift(Part):
    """One measure of one experiment."""

    comparison: Comparison

    def title(self) -> str:
        name = "without" if self.comparison.compared_with == HOLDOUT else "versions"
        return self.say(name, measure=MEASURES[self.comparison.measure][self.lang])

    def measured(self) -> str:
        return MEASURED[self.comparison.measure][self.lang]

    def dates(self) -> str:
        started, ended = self.comparison.started_at, self.comparison.ended_at
        if ended is None:
            return self.say("since", date=self.write.long_date(started))
        return self.write.dates(started, ended)

    def found(self) -> Iterator[str]:
        """The verdict, and what is known of each arm; nothing of arms that do not compare."""
        if self.comparison.verdict:
            yield self.comparison.verdict[self.lang]
        if self.comparison.is_sound:
            yield from map(self._found, self.others)

    def _found(self, arm: Arm) -> str:
        lift = "" if arm.lift is None else f" ({self.write.percent(arm.lift, signed=True)})"
        text = FOUND[_kind(arm)][self.lang].format(
            arm=self._quoted(arm.name),
            other=self._quoted(self.comparison.compared_with),
            measured=self.measured(),
            lift=lift,
            confidence=self.write.percent(self.comparison.confidence),
            difference=self._difference(arm.difference),
            low=self._difference(arm.low),
            high=self._difference(arm.high),
        )
        return _begin(text)

    @property
    def others(self) -> list[Arm]:
        return [arm for arm in self.comparison.arms if arm.name != self.comparison.compared_with]

    @property
    def _scale(self) -> charts.Scale:
        bounds = (bound for arm in self.others for bound in (arm.difference, arm.low, arm.high))
        return charts.scale_of(bound for bound in bounds if bound is not None)

    def height(self) -> float:
        return ROW * len(self.others) + AXIS

    def zero(self) -> float:
        return self._scale.place(0)

    def ticks(self) -> list[tuple[float, str]]:
        return [(tick.at, self._difference(tick.value)) for tick in self._scale.ticks]

    def whiskers(self) -> list[Whisker]:
        return [self._whisker(number, arm) for number, arm in enumerate(self.others)]

    def _whisker(self, number: int, arm: Arm) -> Whisker:
        scale = self._scale
        low, high, dot = (
            None if bound is None else scale.place(bound)
            for bound in (arm.low, arm.high, arm.difference)
        )
        return Whisker(
            name=charts.shorten(self._name(arm.name), charts.NAME_LENGTH),
            value=self._difference(arm.difference),
            y=number * ROW,
            low=0.0 if low is None else low,
            high=charts.WHOLE if high is None else high,
            caps=tuple(cap for cap in (low, high) if cap is not None),
            dot=dot,
        )

    def desc(self) -> str:
        arms = (
            self.say(
                "lift_arm",
                arm=self._name(arm.name),
                difference=self._difference(arm.difference),
                interval=self._interval(arm),
            )
            for arm in self.others
        )
        other = self._name(self.comparison.compared_with)
        return self.say("lift_desc", other=other, measured=self.measured(), arms="; ".join(arms))

    def in_numbers(self) -> Table:
        confidence = self.write.percent(self.comparison.confidence)
        head = [self.say(name) for name in ("arm", "customers", "mean", "difference")]
        return Table(
            [*head, self.say("interval", confidence=confidence)],
            [self._row(arm) for arm in self.comparison.arms],
        )

    def _row(self, arm: Arm) -> list[str]:
        return [
            self._name(arm.name),
            self.people(arm.customers),
            NONE if arm.mean is None else self._amount(arm.mean),
            self._difference(arm.difference),
            NONE if arm.difference is None else self._interval(arm),
        ]

    def _interval(self, arm: Arm) -> str:
        return self.say(
            "to",
            low=self._difference(arm.low, unknown=f"{MINUS}∞"),
            high=self._difference(arm.high, unknown="+∞"),
        )

    def _name(self, arm: str) -> str:
        return _begin(self.say(arm)) if arm in OWN else arm

    def _quoted(self, arm: str) -> str:
        return self.say(arm) if arm in OWN else self.say("quoted", name=arm)

    def _difference(self, amount: float | None, *, unknown: str = NONE) -> str:
        return unknown if amount is None else self._amount(amount, signed=True)

    def _amount(self, amount: float, *, signed: bool = False) -> str:
        currency = self.comparison.currency
        if currency:
            return self.write.money(amount, currency, signed=signed)
        return self.write.decimal(amount * PER, signed=signed)


def _kind(arm: Arm) -> str:
    if arm.difference is None or arm.low is None or arm.high is None:
        return "unknown"
    if arm.low > 0:
        return "more"
    return "less" if arm.high < 0 else "unclear"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
