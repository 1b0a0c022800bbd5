"""What the parts of the page have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lbs.stats.rules.report.data import ReportData, share_running
from lbs.stats.rules.report.numbers import Writer
from lbs.stats.rules.report.words import NOUNS, SAYS


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of each row is its heading; all others are numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass
class Part:
    """A part of the page in one language; its methods are what the template fills in."""

    data: ReportData
    lang: str

    @property
    def write(self) -> Writer:
        return Writer(self.lang, self.data.time_zone)

    def say(self, name: str, /, **parts: Any) -> str:
        return SAYS[name][self.lang].format(**parts)

    def some(self, noun: str, number: int | None) -> str:
        """A number of customers, with the word for them."""
        return f"{self.people(number)} {NOUNS[noun][self.lang][number != 1]}"

    def people(self, number: int | None) -> str:
        """Of customers who are too few, only that they are."""
        if number is None:
            return self.say("small", least=self.data.smallest_group)
        return self.write.count(number)

    def table(self, head: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
        return Table([self.say(name) for name in head], list(rows))

    @property
    def period(self) -> str:
        return self.write.dates(self.data.period.start, self.data.period.end)

    @property
    def is_comparable(self) -> bool:
        """Whether the period before has anything to compare with."""
        return share_running(self.data) > 0 and not self.data.before.is_empty
