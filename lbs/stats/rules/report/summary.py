"""The head of the page, the paragraph that tells it all in short, and the largest numbers."""

from __future__ import annotations

from collections.abc import Iterator

from lbs.stats.rules.report.data import Money, change, share_running
from lbs.stats.rules.report.numbers import NONE
from lbs.stats.rules.report.part import Part
from lbs.stats.rules.report.words import STATUS

SAID = (("saw", "viewed"), ("came", "checked_in"), ("opened", "unlocked"), ("redeemed", "redeemed"))
WHOLE = 0.95
"""An offer that ran for so much of a period ran for all of it."""
CHANGED = (("came", "checked_in"), ("redeemed", "redeemed"))
TILES = (
    ("tile_came", "checked_in"),
    ("tile_opened", "unlocked"),
    ("tile_redeemed", "redeemed"),
)


class Summary(Part):
    def status(self) -> str:
        return STATUS[self.data.status][self.lang]

    def runs(self) -> str:
        return self.say("runs", dates=self.write.dates(self.data.valid_from, self.data.valid_to))

    def made(self) -> str:
        time, other = self.write.time(self.data.made_at), self.data.has_other_zones
        zone = self.say("zone", zone=self.data.time_zone)
        zones = self.say("other_zones") if other else ""
        return f"{self.say('made', time=time, id=self.data.offer_id)} {zone}{zones}."

    def in_short(self) -> str:
        if self.data.period.is_empty:
            return self.say("nothing", period=self.period)
        return " ".join([self._people(), *self._costs(), *self._changes(), self._cause()])

    def _people(self) -> str:
        """Only the first number says of what it is."""
        told = [
            (name, self.data.period.step(step).customers)
            for name, step in SAID
            if step != "viewed" or self.data.period.step(step).count
        ]
        (first, customers), *others = told
        steps = [
            self.say(first, customers=self.some("customers", customers)),
            *(self.say(name, customers=self.people(number)) for name, number in others),
        ]
        return self.say("people", period=self.period, steps=self.write.all_of(steps))

    def _costs(self) -> Iterator[str]:
        new = self.data.period.new_customers
        for money in self.data.period.money:
            cost = self.write.money(money.cost_minor, money.currency)
            if money.cost_per_new_customer_minor is None:
                yield self.say("cost_no_new" if new == 0 else "cost_only", cost=cost)
            else:
                each = self.write.money(money.cost_per_new_customer_minor, money.currency)
                customers = self.some("new_customers", new)
                yield self.say("cost", cost=cost, each=each, customers=customers)

    def _changes(self) -> Iterator[str]:
        if not self.is_comparable:
            yield self.say("not_before" if share_running(self.data) == 0 else "nothing_before")
            return
        changes = [
            self._changed(name, by) for name, step in CHANGED if (by := self._by(step)) is not None
        ]
        if changes:
            before = self.write.dates(self.data.before.start, self.data.before.end)
            yield self.say("compared", period=before, changes=self.write.all_of(changes))
        if share_running(self.data) < WHOLE:
            yield self.say("partly_before")

    def _changed(self, name: str, by: float) -> str:
        way = "same" if not by else "more" if by > 0 else "fewer"
        return self.say(f"{name}_{way}", share=self.write.percent(abs(by)))

    def _by(self, step: str) -> float | None:
        return change(self.data.period.step(step).customers, self.data.before.step(step).customers)

    def _cause(self) -> str:
        if self.data.has_holdout:
            return self.say("cause_below", title=self.say("lift"))
        return self.say("cause_untold" if self.data.comparisons is None else "cause_unknown")

    def tiles(self) -> Iterator[tuple[str, str, str]]:
        """Each with what it is, and how it was before."""
        for name, step in TILES:
            customers = self.data.period.step(step).customers
            yield self.people(customers), self.say(name), self._before(self._by(step))
        for money in self.data.period.money:
            yield self._cost(money)

    def _before(self, by: float | None) -> str:
        if by is None or not self.is_comparable:
            return self.say("no_before_tile")
        return self.say("before_tile", change=self.write.percent(by, signed=True))

    def _cost(self, money: Money) -> tuple[str, str, str]:
        each, name = money.cost_per_new_customer_minor, self.say("tile_cost")
        if each is None:
            return NONE, name, self.say("no_cost_tile")
        new = self.some("new_customers", self.data.period.new_customers)
        return self.write.money(each, money.currency), name, new
