"""The days as columns, and as tables by week and by day."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from lbs.stats.rules.report import charts
from lbs.stats.rules.report.data import Point, by_week
from lbs.stats.rules.report.part import Part, Table

NAMES = {"visits": "check_ins", "unlocks": "unlocks", "redemptions": "redemptions"}
"""What is drawn, and the member of a point that it is."""

PANEL, ROOM, AXIS = 100.0, 40.0, 20.0
"""How high a panel is, what lies between two, and the names of days below."""


class Series(Part):
    def panels(self) -> list[dict[str, Any]]:
        return [self._panel(number, name) for number, name in enumerate(NAMES)]

    def _panel(self, number: int, name: str) -> dict[str, Any]:
        values = self._values(name)
        largest = max(values, default=0)
        ticks = charts.count_ticks(largest)
        return {
            "name": self.say(name),
            "most": self.say("most_in_a_day", count=self.write.count(largest)),
            "y": number * (PANEL + ROOM),
            "columns": charts.columns(values, ticks[-1], PANEL),
            "lines": [
                (charts.count_line(tick, ticks[-1], PANEL), self.write.compact(tick))
                for tick in ticks
            ],
        }

    def height(self) -> float:
        return len(NAMES) * (PANEL + ROOM) + AXIS

    def is_partial(self) -> bool:
        """The last day is not over at the end of the period."""
        days = self._days()
        end = self.data.period.end.astimezone(self._zone)
        return bool(days) and days[-1] == end.date() and end > self.data.points[-1].start

    def date_ticks(self) -> list[tuple[float, str]]:
        return [(x, self.write.day_or_month(day)) for x, day in charts.date_ticks(self._days())]

    def lead(self) -> str:
        return self.say("series_lead", partial=self.say("partial") if self.is_partial() else "")

    def desc(self) -> str:
        visits, opened, redeemed = (
            self.write.count(max(self._values(name), default=0)) for name in NAMES
        )
        return self.say(
            "series_desc", period=self.period, visits=visits, opened=opened, redeemed=redeemed
        )

    def by_week(self) -> Table:
        weeks = by_week(self.data.points, self.data.time_zone)
        return self.table(("week", *NAMES), map(self._row, weeks))

    def by_day(self) -> Table:
        return self.table(("day", *NAMES), map(self._row, self.data.points))

    def _row(self, point: Point) -> list[str]:
        counts = (getattr(point, member) for member in NAMES.values())
        return [self.write.day(point.start), *map(self.write.count, counts)]

    def _values(self, name: str) -> list[int]:
        return [getattr(point, NAMES[name]) for point in self.data.points]

    def _days(self) -> list[date]:
        return [point.start.astimezone(self._zone).date() for point in self.data.points]

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.data.time_zone)
