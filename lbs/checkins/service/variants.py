"""Offers on which an experiment runs: each customer meets the version of their arm, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from lbs.checkins.service.grants import Grant
from lbs.db import Session
from lbs.experiments.policy import Experiment, Exposure, is_for
from lbs.experiments.queries import running
from lbs.offers.rules import Offer
from lbs.vault import Vault

Offers = Sequence[tuple[dict[str, Any], Offer]]
"""Each row, and the same for the rules."""


def experiments_at(
    session: Session, venues: Sequence[Any], vault: Vault
) -> Mapping[str, Experiment]:
    """Those that run on the venues' offers; no statement where there is none."""
    ids = {offer["experiment_id"] for venue in venues for offer in venue.offers or ()}
    ids.discard(None)
    return running(session, ids, vault) if ids else {}


def own_of(offers: Offers, subject_id: UUID) -> Offers:
    """Of all versions, those that the customer meets."""
    return [one for one in offers if one[0]["experiment_id"] is None or is_for(one[0], subject_id)]


def first_exposures(offers: Offers, seen: Any) -> list[Exposure]:
    """What the customer has to be recorded for: each experiment that they meet for the first time.

    Those who are held out meet it too.
    """
    experiments = {
        row["experiment_id"]: row["experiment"]
        for row, _ in offers
        if row["experiment_id"] and not row["is_exposed"]
    }
    return [_exposure(one, seen.subject_id, seen.venue_id) for one in experiments.values()]


def sort_others(
    offers: Offers, reached: Sequence[Grant], venue_id: UUID
) -> tuple[list[Grant], list[Exposure]]:
    """Of what any version would give to others, what they get: that of their own version.

    All of them meet the experiment by it, whatever their arm.
    """
    rows = {(row["offer_id"], row["version"]): row for row, _ in offers}
    given, exposures = [], []
    for grant in reached:
        row, subject_id = (
            rows[grant.view.offer_id, grant.view.offer_version],
            grant.holder.subject_id,
        )
        if is_for(row, subject_id):
            given.append(grant)
        if row["experiment_id"]:
            exposures.append(_exposure(row["experiment"], subject_id, venue_id))
    return given, exposures


def _exposure(experiment: Experiment, subject_id: UUID, venue_id: UUID) -> Exposure:
    return Exposure(experiment.id, subject_id, venue_id, experiment.arm_of(subject_id))
