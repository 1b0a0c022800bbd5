"""Which arm of an experiment a customer is in: by a keyed hash, the same at every look.

Kohavi, Tang and Xu, Trustworthy Online Controlled Experiments (2020), chapter 14, has it so: the
units are hashed evenly into buckets, with a seed of each experiment's own, so that experiments are
independent of each other.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

CONTROL, HOLDOUT = "control", "holdout"
MAX_HOLDOUT_PERCENT = 50
_BITS = 53
"""So many a float holds exactly."""


@dataclass(frozen=True, slots=True)
class Arm:
    name: str
    share_percent: int
    terms_version: int | None
    """None: its customers are held out."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A running one; its arms have all of the customers between them."""

    id: UUID
    offer_id: UUID
    key: bytes = field(repr=False)
    arms: tuple[Arm, ...]

    def arm_of(self, subject_id: UUID) -> Arm:
        at, reached = place_of(self.key, subject_id, self.offer_id), 0
        for arm in self.arms:
            reached += arm.share_percent
            if at < reached / 100:
                return arm
        raise AssertionError("The shares of the arms come to less than 100 percent.")


@dataclass(frozen=True, slots=True)
class Exposure:
    """That a customer meets the offer of an experiment, or would if they were not held out."""

    experiment_id: UUID
    subject_id: UUID
    venue_id: UUID | None
    arm: Arm

    @property
    def is_held_out(self) -> bool:
        return self.arm.terms_version is None


def place_of(key: bytes, subject_id: UUID, offer_id: UUID) -> float:
    """Where the customer lies in [0, 1): HMAC-SHA-256 of both ids."""
    digest = hmac.digest(key, subject_id.bytes + offer_id.bytes, "sha256")
    at: int = int.from_bytes(digest[:8], "big") >> (64 - _BITS)
    return at / float(2**_BITS)


def versions_of(
    rows: Sequence[dict[str, Any]], experiments: Mapping[str, Experiment]
) -> Iterator[dict[str, Any]]:
    """The offers' rows with one for each version that somebody meets, by arm."""
    for row in rows:
        experiment = experiments.get(row["experiment_id"])
        if experiment is None:
            yield row
            continue
        for arm in experiment.arms:
            if arm.terms_version is not None:
                version = {"version": arm.terms_version, "variant": arm.name}
                yield {**row, **version, "experiment": experiment}


def is_for(row: Mapping[str, Any], subject_id: UUID) -> bool:
    """Whether the customer meets this version of the offer."""
    experiment: Experiment | None = row.get("experiment")
    return experiment is None or experiment.arm_of(subject_id).name == row["variant"]
