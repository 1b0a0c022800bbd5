"""The venues on a map, and as a table."""

from __future__ import annotations

from functools import cached_property

from lbs.stats.rules.report import charts
from lbs.stats.rules.report.data import Place, ranked
from lbs.stats.rules.report.part import Part, Table

LISTED = 12
"""So many venues are in the table at once; the rest below."""


class Places(Part):
    @cached_property
    def ranked(self) -> list[Place]:
        return ranked(self.data.places)

    def map(self) -> charts.Map:
        return charts.draw_map(
            [charts.Spot(at.name, at.lon, at.lat, at.check_ins) for at in self.ranked]
        )

    def lead(self) -> str:
        return self.say("map_one" if len(self.ranked) == 1 else "map_lead")

    def desc(self) -> str:
        if len(self.ranked) == 1:
            return self.ranked[0].name
        count = self.say("venue_count", count=self.write.count(len(self.ranked)))
        return self.say("map_desc", count=count, first=self.ranked[0].name)

    def has_small(self) -> bool:
        return any(place.check_ins is None for place in self.ranked)

    def in_numbers(self) -> list[Table]:
        """The most visited, and the rest."""
        rows = [
            [f"{number}. {place.name}", *self._counts(place)]
            for number, place in enumerate(self.ranked, 1)
        ]
        head = ("venue", "customers", "visits", "unlocks", "redemptions")
        return [self.table(head, part) for part in (rows[:LISTED], rows[LISTED:]) if part]

    def _counts(self, place: Place) -> list[str]:
        counts = (place.check_ins, place.unlocks, place.redemptions)
        return [self.people(place.customers), *map(self.write.count, counts)]
