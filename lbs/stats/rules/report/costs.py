"""What the offer cost and brought, a column for each currency."""

from __future__ import annotations

from collections.abc import Iterator

from lbs.stats.rules.report.data import Money
from lbs.stats.rules.report.numbers import NONE
from lbs.stats.rules.report.part import Part, Table

ROWS = (
    "worth",
    "reward_cost",
    "revenue",
    "per_visit",
    "per_redemption",
    "per_new",
    "per_share",
    "return",
)


class Costs(Part):
    def in_numbers(self) -> Table:
        monies = self.data.period.money
        columns = [list(self._column(money)) for money in monies]
        rows = [[self.say(name), *cells] for name, *cells in zip(ROWS, *columns, strict=True)]
        return Table(["", *(money.currency for money in monies)], rows)

    def _column(self, money: Money) -> Iterator[str]:
        for minor in (
            money.value_minor,
            money.cost_minor,
            money.amount_minor,
            money.cost_per_check_in_minor,
            money.cost_per_redemption_minor,
            money.cost_per_new_customer_minor,
            money.value_of_share_minor,
        ):
            yield NONE if minor is None else self.write.money(minor, money.currency)
        back = money.return_on_cost
        yield NONE if back is None else self.write.decimal(back)
