"""The report on an offer as a page: every sentence, table and mark of a picture in it. Pure."""

from __future__ import annotations

from lbs.stats.rules.report.costs import Costs
from lbs.stats.rules.report.data import ReportData
from lbs.stats.rules.report.funnel import Funnel
from lbs.stats.rules.report.lift import Lift
from lbs.stats.rules.report.part import Part
from lbs.stats.rules.report.places import Places
from lbs.stats.rules.report.series import Series
from lbs.stats.rules.report.summary import Summary


class Page(Part):
    """One report in one language."""

    def __init__(self, data: ReportData, lang: str) -> None:
        super().__init__(data, lang)
        self.summary = Summary(data, lang)
        self.funnel = Funnel(data, lang)
        self.series = Series(data, lang)
        self.costs = Costs(data, lang)
        self.places = Places(data, lang)
        self.lifts = [Lift(data, lang, comparison) for comparison in data.comparisons or ()]
