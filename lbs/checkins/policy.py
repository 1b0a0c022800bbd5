"""What the evidence proves. Pure: no I/O, no clock, no framework."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from statistics import NormalDist

from lbs.proofs.policy import PHYSICAL, Kind, Outcome, Proven


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
    DEVICE = 2
    """Location, on a phone whose integrity its platform vouches for."""
    PHYSICAL = 3
    """Something that is to be had at the venue only."""


class Reason(StrEnum):
    NO_LOCATION = "no_location"
    FIX_TOO_OLD = "fix_too_old"
    FIX_IN_FUTURE = "fix_in_future"
    FIX_TOO_COARSE = "fix_too_coarse"
    OUTSIDE_FENCE = "outside_fence"
    MAYBE_OUTSIDE_FENCE = "maybe_outside_fence"
    TOO_SOON = "too_soon"
    EVENT_NOT_ON = "event_not_on"
    CLOSED_HOURS = "closed_hours"
    RAPID_FIRE = "rapid_fire"
    BLOCKED = "blocked"

    SIMULATED_FIX = "simulated_fix"
    REPEATED_FIX = "repeated_fix"
    PUBLISHED_POINT = "published_point"
    IMPOSSIBLE_PRECISION = "impossible_precision"
    IMPOSSIBLE_TRAVEL = "impossible_travel"
    PROOF_FORGED = "proof_forged"
    PROOF_FROM_AFAR = "proof_from_afar"

    PROOF_WRONG = "proof_wrong"
    PROOF_USED = "proof_used"
    PROOF_THROTTLED = "proof_throttled"
    PROOF_UNAVAILABLE = "proof_unavailable"
    CROWDED_CODE = "crowded_code"
    STAFF_LIMIT = "staff_limit"

    FAST_TRAVEL = "fast_travel"
    SHARED_DEVICE = "shared_device"
    MANY_DEVICES = "many_devices"

    NOT_VERIFIED = "not_verified"
    """What the public hears of every finding in SPOOFING."""


SPOOFING = frozenset(
    {
        Reason.SIMULATED_FIX,
        Reason.REPEATED_FIX,
        Reason.PUBLISHED_POINT,
        Reason.IMPOSSIBLE_PRECISION,
        Reason.IMPOSSIBLE_TRAVEL,
        Reason.PROOF_FORGED,
        Reason.PROOF_FROM_AFAR,
    }
)
"""The public hears one coarse reason for all of them; each kind in a week is a strike."""

BEHAVIOUR = frozenset(
    {Reason.TOO_SOON, Reason.CLOSED_HOURS, Reason.RAPID_FIRE, Reason.FAST_TRAVEL}
) | {Reason.SHARED_DEVICE, Reason.MANY_DEVICES}

ABOUT_PROOFS = frozenset(
    {
        Reason.PROOF_WRONG,
        Reason.PROOF_USED,
        Reason.PROOF_THROTTLED,
        Reason.PROOF_UNAVAILABLE,
        Reason.CROWDED_CODE,
        Reason.STAFF_LIMIT,
    }
)
"""Told even where they take nothing from the verdict, so that the customer brings a better one."""

LOCATION = "location"
SURE, TINY = 0.95, 1e-9
"""From which certainty on a receipt lasts its whole time."""

WITNESSED = frozenset({Kind.STAFF, Kind.READER})
"""Somebody, or something that stays at the venue, has seen the customer: no location is needed."""

PASSABLE = frozenset({Kind.VENUE_CODE, Kind.NFC_TAG, Kind.BEACON, Kind.STAFF_PIN})
"""To be had at the venue only, but somebody there can pass it on within its time."""

BROUGHT = (Kind.VENUE_CODE, Kind.NFC_TAG, Kind.BEACON, Kind.STAFF_PIN, Kind.STAFF)
"""Physical proofs that a customer can be asked for, in the order they are asked."""


@dataclass(frozen=True, slots=True)
class LocationFix:
    """A position that a phone reports; `accuracy_m` is the radius that holds the truth in 68 %."""

    lon: float
    lat: float
    accuracy_m: float
    captured_at: datetime
    provider: str
    mock: bool
    """Android's isMock or iOS's isSimulatedBySoftware."""


def spell_position(lon: float, lat: float) -> str:
    """What the digest is of that equal positions are known by."""
    return f"fix {lon!r} {lat!r}"


@dataclass(frozen=True, slots=True)
class Travel:
    """From the customer's last accepted fix to this one; `accuracy_m` is that of both together."""

    distance_m: float
    accuracy_m: float
    elapsed_s: float

    def least_m_s(self, slack_m: float) -> float:
        """The speed that it takes at least, with both fixes as far off as they may be."""
        way_m = max(0.0, self.distance_m - 2 * self.accuracy_m - slack_m)
        return way_m / max(1.0, self.elapsed_s)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the customer from before."""

    last_visit_at: datetime | None = None
    """At this venue; the nearest one, where a reader reports late."""
    in_minutes: int = 0
    """Check-ins within the last minutes (Limits.rapid_window)."""
    in_a_day: int = 0
    spoofed: frozenset[str] = frozenset()
    """The kinds of SPOOFING for which a check-in of the last seven days was rejected."""
    customers_on_device: int = 0
    devices: int = 0
    standing: str | None = None
    """How the merchant has the customer treated: blocked, tester, staff."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured. PostGIS measures; this module judges."""

    now: datetime
    fix: LocationFix | None
    distance_m: float | None
    """From the position to the fence, negative inside."""
    fix_received_at: datetime | None = None
    """None: now."""
    past: Past = Past()
    cool_down: timedelta | None = None
    """The venue's own; None is the service's default."""
    counted: bool = False
    """Whether this check-in is a visit already, and gets better evidence only."""
    proofs: tuple[Proven, ...] = ()
    live: frozenset[str] = frozenset()
    """The kinds of proof that the venue has."""
    published: tuple[float, float] | None = None
    """Longitude and latitude that maps show for the venue."""
    repeated: bool = False
    """Whether the very same coordinates have come before."""
    travel: Travel | None = None
    is_open: bool | None = None
    """By the venue's opening hours; None: not known."""
    event_on: bool | None = None
    """None: it is no event."""

    def proved_by(self, kinds: Iterable[str]) -> bool:
        return any(proof.valid and proof.kind in kinds for proof in self.proofs)

    @property
    def attests(self) -> bool:
        """Whether the app has its phones attested: then what can be passed on counts only from a
        phone whose word about its location is worth something.
        """
        return Kind.DEVICE_INTEGRITY in self.live

    @property
    def settling(self) -> tuple[str, ...]:
        """The proofs at this venue that settle a doubt about the location, easiest first."""
        return tuple(kind for kind in (*BROUGHT, Kind.POSTER_CODE) if kind in self.live)

    @property
    def witnesses(self) -> tuple[str, ...]:
        return tuple({Kind.STAFF} & self.live)

    @property
    def physical(self) -> tuple[str, ...]:
        return tuple(kind for kind in BROUGHT if kind in self.live)


@dataclass(frozen=True, slots=True)
class Limits:
    """The constants of the rules; docs/location.md and docs/presence.md say how they were found."""

    cool_down: timedelta = timedelta(hours=4)
    max_age: timedelta = timedelta(minutes=2)
    max_ahead: timedelta = timedelta(seconds=30)
    max_accuracy_m: float = 500.0
    min_accuracy_m: float = 0.5
    pad_m: float = 25.0
    noise_m: float = 8.0
    accuracy_to_sigma: float = 1.51
    inside: float = 0.5
    outside: float = 0.01
    fast_m_s: float = 90.0
    impossible_m_s: float = 300.0
    travel_slack_m: float = 500.0
    rapid_window: timedelta = timedelta(minutes=5)
    rapid_limit: int = 15
    daily_limit: int = 60
    device_customers: int = 5
    customer_devices: int = 5
    step_up: timedelta = timedelta(minutes=10)
    receipt: timedelta = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    """ACCEPTED: only noted."""
    reason: Reason
    needs: tuple[str, ...] = ()
    """The kinds of evidence that would settle it, any of them."""


@dataclass(frozen=True, slots=True)
class Judgement:
    findings: tuple[Finding, ...] = ()
    level: Level = Level.CLAIMED
    risk: int = 0
    """From 0, none, to 3, high."""
    counts_again_at: datetime | None = None
    certainty: float = 1.0
    """How likely the customer is within the fence, by the location where nothing physical says."""
    upheld: bool = False
    """It was accepted before, and worse evidence does not take that back."""

    @property
    def verdict(self) -> Verdict:
        if self.upheld:
            return Verdict.ACCEPTED
        return max((finding.verdict for finding in self.findings), default=Verdict.ACCEPTED)

    @property
    def accepted(self) -> bool:
        return self.verdict is Verdict.ACCEPTED

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """All of them, for the record and a merchant's support."""
        return tuple(finding.reason for finding in self.findings)

    @property
    def needs(self) -> tuple[str, ...]:
        """What would settle the findings that stand in the way."""
        if self.accepted:
            return ()
        return tuple(dict.fromkeys(need for f in self.findings if f.verdict for need in f.needs))

    @property
    def location_doubted(self) -> bool:
        """Also where another proof has settled the doubt."""
        return any(LOCATION in finding.needs for finding in self.findings)

    def asks(self, min_level: int) -> Level:
        """The level that an offer of this level takes of this customer: risk raises it."""
        return asked_level(min_level, self.risk)


def asked_level(min_level: int, risk: int) -> Level:
    return Level(min(Level.PHYSICAL, min_level + risk))


def public_reasons(findings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What the customer and the app hear of findings (reason, verdict): what stands in the way,
    and what became of their proofs; not what was only noted.
    """
    heard = (
        Reason.NOT_VERIFIED if reason in SPOOFING else reason
        for reason, verdict in findings
        if verdict != Verdict.ACCEPTED.word or reason in ABOUT_PROOFS
    )
    return tuple(dict.fromkeys(heard))


Check = Callable[[Facts, Limits], Finding | None]


def has_location(facts: Facts, _: Limits) -> Finding | None:
    if facts.fix is not None or facts.proved_by(WITNESSED):
        return None
    may_come = facts.proved_by(PHYSICAL) or facts.witnesses
    verdict = Verdict.AMBIGUOUS if may_come else Verdict.REJECTED
    return Finding(verdict, Reason.NO_LOCATION, (LOCATION, *facts.witnesses))


def is_fresh(facts: Facts, limits: Limits) -> Finding | None:
    if facts.fix is None:
        return None
    received_at = facts.fix_received_at or facts.now
    if facts.fix.captured_at < received_at - limits.max_age:
        return Finding(Verdict.REJECTED, Reason.FIX_TOO_OLD, (LOCATION,))
    if facts.fix.captured_at > received_at + limits.max_ahead:
        return Finding(Verdict.REJECTED, Reason.FIX_IN_FUTURE, (LOCATION,))
    return None


def is_genuine(facts: Facts, _: Limits) -> Finding | None:
    if facts.fix is not None and facts.fix.mock:
        return Finding(Verdict.REJECTED, Reason.SIMULATED_FIX)
    return None


def is_new(facts: Facts, _: Limits) -> Finding | None:
    """Receivers hardly ever give the same digits twice; scripts do. A phone that lies still may."""
    if facts.repeated:
        return Finding(Verdict.AMBIGUOUS, Reason.REPEATED_FIX, facts.physical)
    return None


def is_not_copied(facts: Facts, _: Limits) -> Finding | None:
    if facts.fix is None or facts.published is None:
        return None
    if (round(facts.fix.lon, 7), round(facts.fix.lat, 7)) == facts.published:
        return Finding(Verdict.REJECTED, Reason.PUBLISHED_POINT)
    return None


def is_possible(facts: Facts, limits: Limits) -> Finding | None:
    """No phone claims less than 3 m; two coordinates of 4 decimals (11 m) were typed."""
    fix = facts.fix
    if fix is None:
        return None
    typed = round(fix.lon, 4) == fix.lon and round(fix.lat, 4) == fix.lat
    if typed or fix.accuracy_m < limits.min_accuracy_m:
        return Finding(Verdict.AMBIGUOUS, Reason.IMPOSSIBLE_PRECISION, facts.physical)
    return None


def is_fine_enough(facts: Facts, limits: Limits) -> Finding | None:
    """One so coarse that it says nothing leaves a code from the venue to stand alone."""
    if facts.fix is not None and facts.fix.accuracy_m > limits.max_accuracy_m:
        return Finding(Verdict.AMBIGUOUS, Reason.FIX_TOO_COARSE, (LOCATION, *facts.witnesses))
    return None


def inside_probability(distance_m: float, accuracy_m: float, limits: Limits) -> float:
    """Phi((pad - d) / s), s = hypot(accuracy / 1.51, noise): how likely the customer is there.

    1.51 turns the radius that holds 68 % of a two-dimensional normal error into its sigma:
    sqrt(-2 ln(1 - 0.68)).
    """
    sigma = math.hypot(accuracy_m / limits.accuracy_to_sigma, limits.noise_m)
    return NormalDist().cdf((limits.pad_m - distance_m) / sigma)


def certainty(facts: Facts, limits: Limits) -> float:
    """How likely the location is within the fence; 1 where there is none to doubt."""
    if facts.fix is None or facts.distance_m is None:
        return 1.0
    return inside_probability(facts.distance_m, facts.fix.accuracy_m, limits)


def is_at_the_fence(facts: Facts, limits: Limits) -> Finding | None:
    probability = certainty(facts, limits)
    if probability >= limits.inside:
        return None
    if probability < limits.outside:
        return Finding(Verdict.REJECTED, Reason.OUTSIDE_FENCE, (LOCATION,))
    return Finding(Verdict.AMBIGUOUS, Reason.MAYBE_OUTSIDE_FENCE, (LOCATION, *facts.settling))


def is_not_relayed(facts: Facts, limits: Limits) -> Finding | None:
    """A proof from the venue beside a location that says elsewhere."""
    if facts.proved_by(PHYSICAL | {Kind.POSTER_CODE}) and certainty(facts, limits) < limits.outside:
        return Finding(Verdict.REJECTED, Reason.PROOF_FROM_AFAR)
    return None


def has_cooled_down(facts: Facts, limits: Limits) -> Finding | None:
    last_at, again_at = facts.past.last_visit_at, counts_again_at(facts, limits)
    if last_at is None or again_at is None or abs(facts.now - last_at) >= again_at - last_at:
        return None
    return Finding(Verdict.REJECTED, Reason.TOO_SOON)


def counts_again_at(facts: Facts, limits: Limits) -> datetime | None:
    if facts.past.last_visit_at is None or facts.counted:
        return None
    cool_down = limits.cool_down if facts.cool_down is None else facts.cool_down
    return facts.past.last_visit_at + cool_down


def is_plausible_travel(facts: Facts, limits: Limits) -> Finding | None:
    """Faster than a train is noted, faster than a plane is refused."""
    speed = facts.travel.least_m_s(limits.travel_slack_m) if facts.travel else 0.0
    if speed > limits.impossible_m_s:
        return Finding(Verdict.REJECTED, Reason.IMPOSSIBLE_TRAVEL)
    if speed > limits.fast_m_s:
        return Finding(Verdict.ACCEPTED, Reason.FAST_TRAVEL)
    return None


def is_unhurried(facts: Facts, limits: Limits) -> Finding | None:
    past = facts.past
    if past.in_minutes >= limits.rapid_limit or past.in_a_day >= limits.daily_limit:
        return Finding(Verdict.AMBIGUOUS, Reason.RAPID_FIRE, facts.physical)
    return None


def is_open(facts: Facts, _: Limits) -> Finding | None:
    if facts.is_open is False and facts.event_on is None:
        return Finding(Verdict.AMBIGUOUS, Reason.CLOSED_HOURS, facts.physical)
    return None


def event_is_on(facts: Facts, _: Limits) -> Finding | None:
    if facts.event_on is False:
        return Finding(Verdict.REJECTED, Reason.EVENT_NOT_ON)
    return None


def is_welcome(facts: Facts, _: Limits) -> Finding | None:
    if facts.past.standing == "blocked":
        return Finding(Verdict.REJECTED, Reason.BLOCKED)
    return None


def has_own_device(facts: Facts, limits: Limits) -> Finding | None:
    if facts.past.customers_on_device > limits.device_customers:
        return Finding(Verdict.ACCEPTED, Reason.SHARED_DEVICE)
    return None


def has_few_devices(facts: Facts, limits: Limits) -> Finding | None:
    if facts.past.devices > limits.customer_devices:
        return Finding(Verdict.ACCEPTED, Reason.MANY_DEVICES)
    return None


CHECKS: tuple[Check, ...] = (
    is_welcome,
    event_is_on,
    has_location,
    is_fresh,
    is_genuine,
    is_new,
    is_not_copied,
    is_possible,
    is_fine_enough,
    is_at_the_fence,
    is_not_relayed,
    has_cooled_down,
    is_plausible_travel,
    is_unhurried,
    is_open,
    has_own_device,
    has_few_devices,
)

OF_PROOF = {
    Outcome.WRONG: (Verdict.ACCEPTED, Reason.PROOF_WRONG),
    Outcome.USED: (Verdict.ACCEPTED, Reason.PROOF_USED),
    Outcome.FORGED: (Verdict.REJECTED, Reason.PROOF_FORGED),
    Outcome.CROWDED: (Verdict.ACCEPTED, Reason.CROWDED_CODE),
    Outcome.OVER_LIMIT: (Verdict.ACCEPTED, Reason.STAFF_LIMIT),
    Outcome.THROTTLED: (Verdict.ACCEPTED, Reason.PROOF_THROTTLED),
    Outcome.UNAVAILABLE: (Verdict.ACCEPTED, Reason.PROOF_UNAVAILABLE),
}
"""A proof that is not good proves nothing, and takes nothing from what else is proved."""


def of_proofs(proofs: Sequence[Proven]) -> tuple[Finding, ...]:
    return tuple(Finding(*OF_PROOF[proof.outcome]) for proof in proofs if not proof.valid)


def judge(facts: Facts, limits: Limits) -> Judgement:
    """Every check is made and every finding kept; the worst that nothing settles decides."""
    found = (
        *(finding for check in CHECKS if (finding := check(facts, limits))),
        *of_proofs(facts.proofs),
    )
    tester = facts.past.standing == "tester"
    findings = tuple(_settled(finding, facts, tester=tester) for finding in found)
    again_at = counts_again_at(facts, limits)
    judgement = Judgement(findings, certainty=certainty(facts, limits))
    too_soon = any(f.verdict and f.reason is Reason.TOO_SOON for f in findings)
    return replace(
        judgement,
        level=_level(judgement, facts),
        risk=0 if tester else risk_of(facts.past, limits),
        counts_again_at=again_at if too_soon else None,
    )


def uphold(judgement: Judgement, level: int) -> Judgement:
    """A check-in that was accepted at this level stays so; what was found since is kept."""
    if judgement.accepted and judgement.level >= level:
        return judgement
    return replace(judgement, upheld=True, level=Level(level))


def risk_of(past: Past, limits: Limits) -> int:
    """Strikes of the last seven days: each kind of spoofing, and devices shared or many; 3 at most.

    1 is low, 2 medium, 3 high.
    """
    strikes = len(past.spoofed)
    strikes += past.customers_on_device > limits.device_customers
    strikes += past.devices > limits.customer_devices
    return min(3, strikes)


def brings(level: int, judgement: Judgement, facts: Facts) -> tuple[str, ...]:
    """The proofs at this venue that would bring the check-in to the level."""
    if not judgement.accepted:
        return judgement.needs
    doubted = facts.fix is None or judgement.location_doubted
    lifts = facts.proved_by(PASSABLE) or (level <= Level.DEVICE and not doubted)
    if facts.attests and lifts:
        return (Kind.DEVICE_INTEGRITY, *facts.witnesses)
    return facts.physical


def receipt_ttl(judgement: Judgement, limits: Limits) -> timedelta:
    """All of it where the presence is physical or sure, down to a quarter at the fence's edge."""
    if judgement.level is Level.PHYSICAL:
        return limits.receipt
    share = (judgement.certainty - limits.inside) / max(TINY, SURE - limits.inside)
    return limits.receipt * min(1.0, max(0.25, share))


def _settled(finding: Finding, facts: Facts, *, tester: bool) -> Finding:
    """A doubt is only noted where a proof settles it, or where the merchant's tester is let by."""
    settled = finding.verdict is Verdict.AMBIGUOUS and facts.proved_by({*finding.needs, *WITNESSED})
    waived = tester and finding.reason in SPOOFING | BEHAVIOUR
    return replace(finding, verdict=Verdict.ACCEPTED) if settled or waived else finding


def _level(judgement: Judgement, facts: Facts) -> Level:
    if not judgement.accepted:
        return Level.CLAIMED
    attested = facts.proved_by({Kind.DEVICE_INTEGRITY})
    if facts.proved_by(WITNESSED) or (
        facts.proved_by(PASSABLE) and (attested or not facts.attests)
    ):
        return Level.PHYSICAL
    return Level.DEVICE if attested and not judgement.location_doubted else Level.LOCATION
