"""The funnel as bars and as a table, and what is counted beside it."""

from __future__ import annotations

from collections.abc import Mapping

from lbs.offers.rules.words import Text
from lbs.stats.rules.report import charts
from lbs.stats.rules.report.data import Step, recorded
from lbs.stats.rules.report.part import Part, Table
from lbs.stats.rules.report.words import AFTER, STEP, TROUBLE

ROW = 56.0
DIGIT, ROOM = 8.6, 14.0
"""In pixels: how wide a digit is, and what lies between a number and its percentage."""


class Funnel(Part):
    def bars(self) -> list[tuple[charts.Bar, str, str, str]]:
        """Each with its words: the step, its customers, and the part that was kept."""
        steps = recorded(self.data.period.steps)
        drawn = charts.bars([(step.step, step.customers or 0) for step in steps], ROW)
        return [
            (
                bar,
                STEP[step.step][self.lang],
                self.people(step.customers),
                "" if step.conversion is None else self.write.percent(step.conversion),
            )
            for bar, step in zip(drawn, steps, strict=True)
        ]

    def height(self) -> float:
        return ROW * len(recorded(self.data.period.steps))

    def room(self) -> float:
        """How much the widest number takes at the right."""
        return ROOM + DIGIT * max(len(count) for _, _, count, _ in self.bars())

    def desc(self) -> str:
        steps = (f"{name} {count}" for _, name, count, _ in self.bars())
        return self.say("funnel_desc", steps="; ".join(steps))

    def not_recorded(self) -> str:
        drawn = recorded(self.data.period.steps)
        missing = [STEP[s.step][self.lang] for s in self.data.period.steps if s not in drawn]
        return self.say("not_recorded", steps=", ".join(missing)) if missing else ""

    def in_numbers(self) -> Table:
        head = ("step", "customers", "times", "kept", "median", "before")
        return self.table(head, map(self._row, self.data.period.steps))

    def _row(self, step: Step) -> list[str]:
        before = self.data.before.step(step.step).customers
        return [
            STEP[step.step][self.lang],
            self.people(step.customers),
            self.write.count(step.count),
            self.write.percent(step.conversion if step.is_recorded else None),
            self.write.duration(step.median_s),
            self.people(before) if self.is_comparable else self.write.count(None),
        ]

    def beside(self) -> list[Table]:
        tables = [self._beside("trouble", TROUBLE), self._beside("after", AFTER)]
        return [table for table in tables if table.rows]

    def _beside(self, title: str, names: Mapping[str, Text]) -> Table:
        now, before = self.data.period.beside, self.data.before.beside
        rows = [
            [
                name[self.lang],
                self.write.count(now[key]),
                self.write.count(before.get(key, 0) if self.is_comparable else None),
            ]
            for key, name in names.items()
            if key in now
        ]
        return self.table((title, "counted", "before"), rows)
