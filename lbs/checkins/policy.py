"""What the evidence proves. Pure: no I/O, no clock, no framework."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from statistics import NormalDist


class Verdict(IntEnum):
    """Ordered by severity, so the worst finding decides."""

    ACCEPTED = 0
    AMBIGUOUS = 1
    REJECTED = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Level(IntEnum):
    """How strongly presence is proved."""

    CLAIMED = 0
    LOCATION = 1


class Reason(StrEnum):
    NO_LOCATION = "no_location"
    FIX_TOO_OLD = "fix_too_old"
    FIX_IN_FUTURE = "fix_in_future"
    FIX_TOO_COARSE = "fix_too_coarse"
    LOCATION_NOT_TRUSTED = "location_not_trusted"
    OUTSIDE_FENCE = "outside_fence"
    MAYBE_OUTSIDE_FENCE = "maybe_outside_fence"
    TOO_SOON = "too_soon"


@dataclass(frozen=True, slots=True)
class LocationFix:
    """A position that a phone reports; `accuracy_m` is the radius that holds the truth in 68 %."""

    lon: float
    lat: float
    accuracy_m: float
    captured_at: datetime
    provider: str
    mock: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured. PostGIS measures; this module judges."""

    now: datetime
    fix: LocationFix | None
    distance_m: float | None
    """From the position to the fence, negative inside."""
    last_visit_at: datetime | None = None
    cool_down: timedelta | None = None
    """The venue's own; None is the service's default."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The constants of the rules; docs/location.md says how they were found."""

    cool_down: timedelta = timedelta(hours=4)
    max_age: timedelta = timedelta(minutes=2)
    max_ahead: timedelta = timedelta(seconds=30)
    max_accuracy_m: float = 500.0
    pad_m: float = 25.0
    noise_m: float = 8.0
    accuracy_to_sigma: float = 1.51
    inside: float = 0.5
    outside: float = 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    reason: Reason
    need: str | None = None
    """The kind of evidence that would settle it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    findings: tuple[Finding, ...] = ()
    counts_again_at: datetime | None = None

    @property
    def verdict(self) -> Verdict:
        return max((finding.verdict for finding in self.findings), default=Verdict.ACCEPTED)

    @property
    def accepted(self) -> bool:
        return self.verdict is Verdict.ACCEPTED

    @property
    def level(self) -> Level:
        return Level.LOCATION if self.accepted else Level.CLAIMED

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(finding.reason for finding in self.findings)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(need for f in self.findings if (need := f.need)))


Check = Callable[[Facts, Limits], Finding | None]

LOCATION = "location"


def has_location(facts: Facts, _: Limits) -> Finding | None:
    if facts.fix is None:
        return Finding(Verdict.REJECTED, Reason.NO_LOCATION, LOCATION)
    return None


def is_fresh(facts: Facts, limits: Limits) -> Finding | None:
    if facts.fix is None:
        return None
    if facts.fix.captured_at < facts.now - limits.max_age:
        return Finding(Verdict.REJECTED, Reason.FIX_TOO_OLD, LOCATION)
    if facts.fix.captured_at > facts.now + limits.max_ahead:
        return Finding(Verdict.REJECTED, Reason.FIX_IN_FUTURE, LOCATION)
    return None


def is_genuine(facts: Facts, _: Limits) -> Finding | None:
    if facts.fix is not None and facts.fix.mock:
        return Finding(Verdict.REJECTED, Reason.LOCATION_NOT_TRUSTED)
    return None


def is_fine_enough(facts: Facts, limits: Limits) -> Finding | None:
    if facts.fix is not None and facts.fix.accuracy_m > limits.max_accuracy_m:
        return Finding(Verdict.AMBIGUOUS, Reason.FIX_TOO_COARSE, LOCATION)
    return None


def inside_probability(distance_m: float, accuracy_m: float, limits: Limits) -> float:
    """Phi((pad - d) / s), s = hypot(accuracy / 1.51, noise): how likely the customer is there.

    1.51 turns the radius that holds 68 % of a two-dimensional normal error into its sigma:
    sqrt(-2 ln(1 - 0.68)).
    """
    sigma = math.hypot(accuracy_m / limits.accuracy_to_sigma, limits.noise_m)
    return NormalDist().cdf((limits.pad_m - distance_m) / sigma)


def is_at_the_fence(facts: Facts, limits: Limits) -> Finding | None:
    if facts.fix is None or facts.distance_m is None:
        return None
    probability = inside_probability(facts.distance_m, facts.fix.accuracy_m, limits)
    if probability >= limits.inside:
        return None
    if probability < limits.outside:
        return Finding(Verdict.REJECTED, Reason.OUTSIDE_FENCE, LOCATION)
    return Finding(Verdict.AMBIGUOUS, Reason.MAYBE_OUTSIDE_FENCE, LOCATION)


def has_cooled_down(facts: Facts, limits: Limits) -> Finding | None:
    again_at = counts_again_at(facts, limits)
    if again_at is None or facts.now >= again_at:
        return None
    return Finding(Verdict.REJECTED, Reason.TOO_SOON)


def counts_again_at(facts: Facts, limits: Limits) -> datetime | None:
    if facts.last_visit_at is None:
        return None
    cool_down = limits.cool_down if facts.cool_down is None else facts.cool_down
    return facts.last_visit_at + cool_down


CHECKS: tuple[Check, ...] = (
    has_location,
    is_fresh,
    is_genuine,
    is_fine_enough,
    is_at_the_fence,
    has_cooled_down,
)


def judge(facts: Facts, limits: Limits) -> Judgement:
    findings = tuple(finding for check in CHECKS if (finding := check(facts, limits)))
    again_at = counts_again_at(facts, limits)
    too_soon = any(finding.reason is Reason.TOO_SOON for finding in findings)
    return Judgement(findings, again_at if too_soon else None)
