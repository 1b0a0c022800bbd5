"""docs/attacks.md, from what was measured. What is said of an aim is worked out, not written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from textwrap import fill

from bench.attack.attacks import Result
from bench.attack.genuine import Traffic
from bench.attack.remaining import REMAINING, Still
from lbs.checkins.service.evidence import VENUE_GUESSES
from lbs.cli.replay import RADIUS_M
from lbs.config import Settings
from lbs.proofs.rules.beacon import drift_allowed_s
from lbs.proofs.rules.provisioning import PIN_DIGITS

MOST_REFUSED, MOST_ASKED = 0.5, 8.0
"""The aims, in percent of genuine check-ins."""
DAY, A_YEAR = timedelta(days=1), timedelta(days=365)
ROTATION_S = 2**9
BUSIEST = 20
CODES = 10**6
CODES_GOOD = 3
"""Of a kiosk's codes: this step's, and one to either side."""


@dataclass(frozen=True)
class Measured:
    results: Sequence[Result]
    traffic: Sequence[Traffic]
    """Each source, then all together."""
    settings: Settings
    on: date
    gowalla_share: str
    """Of its users, in words; empty where the file was not at hand."""

    def through(self, level: int, *, known: bool) -> list[Result]:
        """The attacks that opened an offer of this level, as often as known, or more often."""
        return [
            result
            for result in self.results
            if result.level == level and result.accepted and result.is_expected is known
        ]

    @property
    def surprises(self) -> list[Result]:
        return [found for level in (1, 2, 3) for found in self.through(level, known=False)]


def write(measured: Measured) -> str:
    parts = (
        "# What attackers can do, and what it costs customers",
        _introduction(measured),
        _summary(measured),
        "## The attacks",
        LEGEND,
        "\n".join(_attack_rows(measured.results)),
        "## Genuine customers beside them",
        _genuine_words(measured),
        "\n".join(_traffic_rows(measured.traffic)),
        "\n".join(_aims(measured.traffic)),
        "What stood behind it:",
        "\n".join(_causes(measured.traffic)),
        *_hurried(measured),
        "## What remains possible, and against which level",
        *_remaining(measured),
    )
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


def _wrapped(part: str) -> str:
    if part.startswith(("|", "#", "- ")):
        return part
    return fill(" ".join(part.split()), 100, break_on_hyphens=False)


def _point(text: str) -> str:
    """An item of a list."""
    return fill(" ".join(f"- {text}".split()), 100, subsequent_indent="  ", break_on_hyphens=False)


def _introduction(measured: Measured) -> str:
    return f"""
        Made by `make attack` on {measured.on:%Y-%m-%d}, not written by hand. It starts the service
        with a database of its own and mounts each attack over HTTP, as somebody can who has the
        app's publishable key and no access to the service. What an attack needs beforehand, such
        as a code from an accomplice, a recorded tap or a stolen key, it has. Everything runs as
        delivered, but for the limit of requests a minute, since all callers here share an address.
        Codes, tags and beacons are attacked in an app whose phones are not attested, where the row
        does not say otherwise. [presence.md](presence.md) explains levels and proofs."""


def _summary(measured: Measured) -> str:
    stopped = sum(not result.accepted for result in measured.results)
    opened = (
        f"**In short:** of {len(measured.results)} attacks, each on an offer of one level, "
        f"{stopped} opened nothing."
    )
    said = (opened, _at_three(measured), _at_one(measured), *_surprised(measured))
    return " ".join(said)


def _at_three(measured: Measured) -> str:
    known = measured.through(3, known=True)
    if not known and not measured.through(3, known=False):
        return "None reached L3."
    return (
        f"L3 was reached by {len(known)}, with a helper at the venue or a secret of its staff; "
        "what bounds them is said at the end."
    )


def _at_one(measured: Measured) -> str:
    known, unknown = measured.through(1, known=True), measured.through(1, known=False)
    if unknown:
        return "L1 was reached in ways that were not expected."
    if not known:
        return "None reached L1."
    return "At L1 only a careful lie passed: a made-up position inside the fence, from an app."


def _surprised(measured: Measured) -> Iterator[str]:
    if names := ", ".join(f"`{found.name}`" for found in measured.surprises):
        yield f"**Not expected, and to be looked into: {names}.**"


LEGEND = (
    "*Opened* counts the tries that opened the offer, of the level in the second column. The last "
    "column has what the attacker hears, most frequent first; in brackets what the merchant's "
    "support finds beyond that."
)


def _attack_rows(results: Sequence[Result]) -> Iterator[str]:
    yield "| attack | offer | opened | what stopped the rest |"
    yield "|---|---|---|---|"
    for words, group in groupby(results, key=lambda result: result.words):
        for n, result in enumerate(group):
            short = result.name.partition(".")[0]
            what = "" if n else f"{words} (`{short}`)"
            yield f"| {what} | L{result.level} | {_opened(result)} | {_reasons(result)} |"


def _opened(result: Result) -> str:
    counted = f"{result.accepted} of {result.tries}"
    return f"**{counted}**" if result.accepted else counted


def _reasons(result: Result) -> str:
    common = result.reasons.most_common(2)
    if len(common) == 1:
        return f"`{common[0][0]}`"
    return "; ".join(f"{count} × `{reason}`" for reason, count in common) or "nothing"


def _genuine_words(measured: Measured) -> str:
    phones = """
        People who were there. Fixes that real phones made on foot, with the error that they had and
        the accuracy that they reported, are moved into buildings of Copenhagen, each once, and sent
        over HTTP by a customer of its own"""
    replayed = f"""
        ; and the recorded check-ins of {measured.gowalla_share} in New York (SNAP loc-gowalla,
        2009-2010) go through the same service without HTTP, at the times recorded. Gowalla recorded
        where the venue is and not the phone: each position is moved by the error of one of those
        fixes, and has its accuracy; the venues are circles of {RADIUS_M:.0f} m"""
    meaning = """
        . All meet an offer of L1. *Refused* is wrongly refused; *asked for more* is an ambiguous
        verdict, or an accepted check-in whose offer asks for a stronger proof because of risk. A
        second visit within the venue's cool-down is the venue's own rule: *too soon* is counted
        apart and in no share."""
    missing = ". The records of Gowalla were not at hand for this run"
    parts = (phones, replayed if measured.gowalla_share else missing, meaning)
    return "".join(part.strip() for part in parts)


def _traffic_rows(traffic: Sequence[Traffic]) -> Iterator[str]:
    yield "| customers | check-ins | refused | asked for more | too soon |"
    yield "|---|---|---|---|---|"
    for found in traffic:
        yield (
            f"| {found.words} | {found.counted:,} "
            f"| {found.refused_percent:.2f} % ({found.refused:,}) "
            f"| {found.step_up_percent:.2f} % ({found.asked:,}) | {found.too_soon:,} |"
        )


def _aims(traffic: Sequence[Traffic]) -> Iterator[str]:
    refused = {found.words: found.refused_percent for found in traffic}
    asked = {found.words: found.step_up_percent for found in traffic}
    yield _aim(f"At most {MOST_REFUSED} % refused", refused, MOST_REFUSED)
    yield _aim(f"At most {MOST_ASKED:.0f} % asked for more", asked, MOST_ASKED)


def _aim(aim: str, percents: Mapping[str, float], most: float) -> str:
    missed = [words for words, percent in percents.items() if percent > most]
    if not missed:
        return f"- {aim}: met in every row."
    return _point(f"{aim}: **not met** for {' and for '.join(missed)}.")


def _causes(traffic: Sequence[Traffic]) -> Iterator[str]:
    for found in traffic:
        if found.source:
            common = found.reasons.most_common(6)
            causes = ", ".join(f"{count:,} × `{cause}`" for cause, count in common)
            yield _point(f"{found.source}: {causes or 'nothing'}.")


def _hurried(measured: Measured) -> Iterator[str]:
    """Who stands behind rapid_fire: a few who check in all day long."""
    often = (
        f"{measured.settings.rapid_limit} times in 5 minutes, or {measured.settings.daily_limit}"
    )
    for found in measured.traffic:
        if found.source and found.hurried:
            most = sum(count for _, count in found.hurried.most_common(BUSIEST))
            yield (
                f"`rapid_fire` came from {len(found.hurried):,} of {found.customers:,} customers, "
                f"and {100 * most / found.hurried.total():.0f} % of it from the {BUSIEST} busiest "
                f"of them. Whether people who check in {often} in a day, were at each of these "
                "places the records do not tell; here they count as genuine."
            )


# What remains possible. Each says what was measured, and is left out where nothing got through.


def _remaining(measured: Measured) -> Iterator[str]:
    opened = {result.name for result in measured.results if result.accepted}
    numbers = _numbers(measured)
    for title, told in REMAINING:
        said = [still for still in told if not still.measured or still.measured in opened]
        if said:
            yield f"### {title}"
            yield "\n".join(_item(still, numbers) for still in said)


def _item(still: Still, numbers: Mapping[str, str]) -> str:
    return _point(f"**{still.title}** {still.text.format(**numbers)}")


def _numbers(measured: Measured) -> dict[str, str]:
    counted = {
        result.name.replace(".", "_"): f"{result.accepted} of {result.tries}"
        for result in measured.results
    }
    return {**counted, **_limits(measured.settings), **_odds(measured.settings), **_windows()}


def _limits(settings: Settings) -> dict[str, str]:
    minute = timedelta(minutes=1)
    return {
        "rapid": str(settings.rapid_limit),
        "daily": str(settings.daily_limit),
        "on_device": str(settings.customers_per_device),
        "on_customer": str(settings.devices_per_customer),
        "pad": f"{settings.fence_pad_m:.0f}",
        "receipt": f"{settings.receipt_ttl / minute:.0f}",
        "window": f"{settings.guess_window / minute:.0f}",
    }


def _odds(settings: Settings) -> dict[str, str]:
    """What guessing as much as is allowed gets in a day."""
    guesses = int(settings.guess_limit * VENUE_GUESSES * (DAY / settings.guess_window))
    a_day = 1 - (1 - CODES_GOOD / CODES) ** guesses
    return {
        "guesses": f"{guesses:,}",
        "code_odds": f"{100 * a_day:.1f} %",
        "pin_days": f"{10**PIN_DIGITS / guesses:,.0f}",
        "accounts": str(VENUE_GUESSES),
    }


def _windows() -> dict[str, str]:
    """For how many minutes what a beacon says is good, with the rotation that is the default."""
    drifts_s = {"beacon_new": 0.0, "beacon_year": drift_allowed_s(A_YEAR.total_seconds())}
    return {
        name: f"{(2 + drift_s // ROTATION_S) * ROTATION_S / 60:.0f}"
        for name, drift_s in drifts_s.items()
    }
