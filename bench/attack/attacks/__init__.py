"""Every attack, the levels of offers it is mounted on, and where it is known to get through."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import getdoc

from bench.attack.attacks import accounts, codes, location, receipts, taps
from bench.attack.field import Field, Try
from lbs.config import Settings

Run = Callable[[Field, int], Iterator[Try]]


@dataclass(frozen=True)
class Result:
    """What came of all tries of an attack on an offer of one level."""

    name: str
    words: str
    level: int
    bound: int
    """How many may get through: so many are known to, and the report says so."""
    tries: int
    accepted: int
    reasons: Counter[str] = field(default_factory=Counter)
    """Of those that were refused."""

    @property
    def is_expected(self) -> bool:
        return self.accepted <= self.bound

    @property
    def reason(self) -> str:
        """What stopped it most often."""
        return next((reason for reason, _ in self.reasons.most_common(1)), "nothing")


@dataclass(frozen=True)
class Attack:
    run: Run
    levels: tuple[int, ...]
    bounds: Mapping[int, int]
    """The levels at which it is known to get through, and how many of the tries at most."""

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
            bound=self.bounds.get(level, 0),
            tries=len(tries),
            accepted=sum(tried.opened for tried in tries),
            reasons=Counter(tried.reason for tried in tries if not tried.opened),
        )


ALL = sys.maxsize
"""Nothing bounds it but what it takes."""


def _attack(run: Run, *levels: int, bounds: Mapping[int, int] | None = None) -> Attack:
    return Attack(run, levels, bounds or {})


TRIES = 40
"""For each attack and level; the bounds below are for so many. Some make fewer or more of it."""

ATTACKS: tuple[Attack, ...] = (
    _attack(location.bare_call, 1, 2, 3),
    _attack(location.mocked_fix, 1, 2, 3),
    _attack(location.published_point, 1, 3),
    _attack(location.typed_position, 1, 3),
    _attack(location.copied_fix, 1, 3),
    _attack(location.old_fix, 1, 3),
    _attack(location.jittered_copies, 1, 2, 3, bounds={1: ALL}),
    _attack(location.spoof_past_integrity, 2, 3, bounds={2: ALL}),
    _attack(location.teleport, 1, 3),
    _attack(location.slow_drift, 1, 3, bounds={1: Settings.rapid_limit}),
    _attack(location.closed_hours_batch, 1, 3),
    _attack(accounts.account_farm, 1, 3, bounds={1: Settings.customers_per_device}),
    _attack(accounts.many_devices, 1, 3, bounds={1: 4 * Settings.devices_per_customer}),
    _attack(accounts.rewards_for_staff, 1, 3),
    _attack(accounts.forged_integrity, 2),
    _attack(codes.replayed_code, 3),
    _attack(codes.old_code, 3),
    _attack(codes.code_alone, 3),
    _attack(codes.relayed_code, 3),
    _attack(codes.relayed_code_coarse, 3),
    _attack(codes.relayed_code_spoofed, 3, bounds={3: 20}),
    _attack(codes.relayed_code_at_once, 3, bounds={3: 20}),
    _attack(codes.relayed_code_unattested, 3),
    _attack(codes.relayed_code_past_integrity, 3, bounds={3: 20}),
    _attack(codes.passed_on_poster, 1, 3),
    _attack(codes.passed_on_pin, 3),
    _attack(codes.passed_on_pin_spoofed, 3, bounds={3: 30}),
    _attack(codes.colluding_staff, 3, bounds={3: 30}),
    _attack(codes.step_brute_force, 3),
    _attack(codes.pin_brute_force, 3),
    _attack(taps.forged_mac, 3),
    _attack(taps.rolled_back_counter, 3),
    _attack(taps.replayed_tap, 3),
    _attack(taps.relayed_tap, 3),
    _attack(taps.hoarded_taps, 3, bounds={3: 20}),
    _attack(taps.replayed_beacon, 3),
    _attack(taps.relayed_beacon_spoofed, 3, bounds={3: 30}),
    _attack(taps.stolen_reader_key, 3),
    _attack(taps.tap_batch_replay, 3),
    _attack(taps.lost_wristband, 3),
    _attack(receipts.replayed_receipt, 1),
    _attack(receipts.foreign_receipt, 1),
    _attack(receipts.tampered_receipt, 3),
    _attack(receipts.screenshot_of_pass, 1),
)
