"""Every attack, the levels of offers it is mounted on, and where it is known to get through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from inspect import getdoc

from bench.attack.attacks import accounts, codes, location, receipts, taps
from bench.attack.field import Field, Try

Run = Callable[[Field, int], Iterator[Try]]


@dataclass(frozen=True)
class Result:
    """What came of all tries of an attack on an offer of one level."""

    name: str
    words: str
    level: int
    possible: bool
    """Whether it is known, and said in the report, that it gets through."""
    tries: int
    accepted: int
    reasons: Counter[str] = field(default_factory=Counter)
    """Of those that were refused."""

    @property
    def reason(self) -> str:
        """What stopped it most often."""
        return next((reason for reason, _ in self.reasons.most_common(1)), "nothing")


@dataclass(frozen=True)
class Attack:
    run: Run
    levels: tuple[int, ...] = (3,)
    possible: frozenset[int] = frozenset()
    """The levels at which it gets through, all of it or up to a bound."""

    @property
    def short(self) -> str:
        return self.run.__name__

    @property
    def words(self) -> str:
        return getdoc(self.run) or self.short

    def name_at(self, level: int) -> str:
        return self.short if len(self.levels) == 1 else f"{self.short}.L{level}"

    def mount(self, on: Field, level: int) -> Result:
        tries = list(self.run(on, level))
        return Result(
            name=self.name_at(level),
            words=self.words,
            level=level,
            possible=level in self.possible,
            tries=len(tries),
            accepted=sum(tried.opened for tried in tries),
            reasons=Counter(tried.reason for tried in tries if not tried.opened),
        )


def _attack(run: Run, *levels: int, possible: Iterable[int] = ()) -> Attack:
    return Attack(run, levels, frozenset(possible))


ATTACKS: tuple[Attack, ...] = (
    _attack(location.bare_call, 1, 2, 3),
    _attack(location.mocked_fix, 1, 2, 3),
    _attack(location.published_point, 1, 3),
    _attack(location.typed_position, 1, 3),
    _attack(location.copied_fix, 1, 3),
    _attack(location.old_fix, 1, 3),
    _attack(location.jittered_copies, 1, 2, 3, possible=[1]),
    _attack(location.spoof_past_integrity, 2, 3, possible=[2]),
    _attack(location.teleport, 1, 3),
    _attack(location.slow_drift, 1, 3, possible=[1]),
    _attack(location.closed_hours_batch, 1, 3),
    _attack(accounts.account_farm, 1, 3, possible=[1]),
    _attack(accounts.many_devices, 1, 3, possible=[1]),
    _attack(accounts.forged_integrity, 2),
    _attack(codes.replayed_code, 3),
    _attack(codes.old_code, 3),
    _attack(codes.code_alone, 3),
    _attack(codes.relayed_code, 3),
    _attack(codes.relayed_code_coarse, 3, possible=[3]),
    _attack(codes.relayed_code_spoofed, 3, possible=[3]),
    _attack(codes.passed_on_poster, 1, 3),
    _attack(codes.passed_on_pin, 3, possible=[3]),
    _attack(codes.colluding_staff, 3, possible=[3]),
    _attack(codes.step_brute_force, 3),
    _attack(codes.pin_brute_force, 3),
    _attack(taps.forged_mac, 3),
    _attack(taps.rolled_back_counter, 3),
    _attack(taps.replayed_tap, 3),
    _attack(taps.relayed_tap, 3),
    _attack(taps.hoarded_taps, 3, possible=[3]),
    _attack(taps.replayed_beacon, 3),
    _attack(taps.relayed_beacon_spoofed, 3, possible=[3]),
    _attack(taps.stolen_reader_key, 3),
    _attack(taps.tap_batch_replay, 3),
    _attack(taps.lost_wristband, 3),
    _attack(receipts.replayed_receipt, 1),
    _attack(receipts.foreign_receipt, 1),
    _attack(receipts.tampered_receipt, 3),
    _attack(receipts.screenshot_of_pass, 1),
)


def mount_all(on: Field) -> Iterator[Result]:
    for attack in ATTACKS:
        for level in attack.levels:
            yield attack.mount(on, level)
