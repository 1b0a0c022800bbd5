"""What may be concluded from an experiment, by a rule that was stated before it started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lbs.stats.rules.lift import Difference, Sample, compare
from lbs.stats.rules.ratio import ALPHA, mismatch_p

VISITS = "visits"
METRICS = (VISITS, "redemptions", "revenue")


@dataclass(frozen=True, slots=True)
class Design:
    """What was stated before the start. The control comes first of the `shares`, by arm."""

    shares: Mapping[str, float]
    metric: str
    alpha: float
    min_customers: int
    min_weeks: int
    control: str
    holdout: str

    @property
    def variants(self) -> list[str]:
        return [arm for arm in self.shares if arm not in (self.control, self.holdout)]


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of an arm's customers."""

    exposed: int
    samples: Mapping[str, Sample]
    """By metric, of those whose time is over."""

    @property
    def customers(self) -> int:
        return self.samples[VISITS].customers


@dataclass(frozen=True, slots=True)
class Run:
    """How long the experiment has run, and whether it still does."""

    started_at: datetime | None
    until: datetime
    is_stopped: bool

    def is_long_enough(self, min_weeks: int) -> bool:
        return self.started_at is not None and self.until - self.started_at >= timedelta(
            weeks=min_weeks
        )


class Finding(StrEnum):
    MISMATCH = "mismatch"
    """The arms have not the shares of the customers that were planned: nothing can be concluded."""
    TOO_EARLY = "too_early"
    STOPPED_EARLY = "stopped_early"
    NOT_SHOWN = "not_shown"
    WINNER = "winner"
    MORE_VISITS = "more_visits"
    FEWER_VISITS = "fewer_visits"


NO_VERDICT = (Finding.MISMATCH, Finding.TOO_EARLY, Finding.STOPPED_EARLY, Finding.NOT_SHOWN)


@dataclass(frozen=True, slots=True)
class Verdict:
    finding: Finding
    arm: str | None = None
    """The winner."""


@dataclass(frozen=True, slots=True)
class Results:
    """All that an experiment says; differences are by arm and metric."""

    mismatch_p: float
    against_control: Mapping[str, Mapping[str, Difference]]
    against_holdout: Mapping[str, Mapping[str, Difference]]
    winner: Verdict | None
    """None where there is but one version of the offer."""
    effect: Verdict | None
    """Whether the offer as it was, the control, caused visits; None without a holdout."""


def conclude(design: Design, arms: Mapping[str, Arm], run: Run) -> Results:
    """The differences, and what follows from them.

    A winner is declared when the minimum run is over, the arms have their shares, and the interval
    of the stated metric leaves out 0: the variant above the control with the highest mean, or the
    control when every variant lies below it. The holdout decides by visits alone, because its
    customers are not given what others redeem.
    """
    p = mismatch_p([arms[arm].exposed for arm in design.shares], list(design.shares.values()))
    against = {
        base: {
            arm: _differences(design, arms, arm, base)
            for arm in design.shares
            if arm != base and base in design.shares
        }
        for base in (design.control, design.holdout)
    }
    early = _too_early(design, arms, run, p)
    control, holdout = against[design.control], against[design.holdout]
    has_control, has_holdout = (base in design.shares for base in against)
    return Results(
        mismatch_p=p,
        against_control=control,
        against_holdout=holdout,
        winner=(early or _winner(design, control)) if has_control and design.variants else None,
        effect=(early or _effect(holdout[design.control][VISITS]))
        if has_control and has_holdout
        else None,
    )


def _differences(
    design: Design, arms: Mapping[str, Arm], arm: str, base: str
) -> dict[str, Difference]:
    """By Bonferroni's inequality the intervals against one base hold together with 1 - alpha."""
    whole = design.min_customers / min(design.shares.values())
    return {
        metric: compare(
            arms[arm].samples[metric],
            arms[base].samples[metric],
            planned=whole * (design.shares[arm] + design.shares[base]),
            alpha=design.alpha / (len(design.shares) - 1),
        )
        for metric in METRICS
    }


def _too_early(
    design: Design, arms: Mapping[str, Arm], run: Run, mismatch_p: float
) -> Verdict | None:
    if mismatch_p <= ALPHA:
        return Verdict(Finding.MISMATCH)
    fewest = min(arms[arm].customers for arm in design.shares)
    if fewest >= design.min_customers and run.is_long_enough(design.min_weeks):
        return None
    return Verdict(Finding.STOPPED_EARLY if run.is_stopped else Finding.TOO_EARLY)


def _winner(design: Design, differences: Mapping[str, Mapping[str, Difference]]) -> Verdict:
    ours = {arm: differences[arm][design.metric] for arm in design.variants}
    better = [arm for arm, difference in ours.items() if _sign(difference) > 0]
    if better:
        return Verdict(Finding.WINNER, max(better, key=lambda arm: ours[arm].absolute or 0))
    if all(_sign(difference) < 0 for difference in ours.values()):
        return Verdict(Finding.WINNER, design.control)
    return Verdict(Finding.NOT_SHOWN)


def _effect(difference: Difference) -> Verdict:
    return Verdict(
        {1: Finding.MORE_VISITS, -1: Finding.FEWER_VISITS, 0: Finding.NOT_SHOWN}[_sign(difference)]
    )


def _sign(difference: Difference) -> int:
    return difference.interval.sign if difference.interval else 0
