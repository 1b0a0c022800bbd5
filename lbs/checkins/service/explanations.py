"""Why an offer stands as it does for one customer, for a merchant's support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.checkins import queries
from lbs.checkins.service.encounters import Encounter, load_person, load_site, meet, read_terms
from lbs.db import Session
from lbs.experiments.policy import Arm
from lbs.experiments.service import exposure_to, tested_terms
from lbs.offers.rules import Standing, Why, withheld
from lbs.offers.service import load_offer
from lbs.vault import Vault

NEWEST = 20
"""So many unlocks and check-ins are shown."""


@dataclass(frozen=True, slots=True)
class Explanation:
    at: datetime
    status: str
    customer: UUID
    """The merchant's name for them."""
    encounter: Encounter
    arm: Arm | None
    """The customer's, where an experiment runs on the offer."""
    unlocks: Sequence[Any]
    check_ins: Sequence[Any]

    @property
    def standing(self) -> Standing:
        standing = self.encounter.standing
        if self.status != "active":
            return withheld(standing, Why.NOT_RUNNING)
        if self.arm and self.arm.terms_version is None:
            return withheld(standing, Why.HELD_OUT)
        return standing

    @property
    def min_level(self) -> int:
        return self.encounter.terms.asks(self.encounter.site)

    @property
    def opens_next_at(self) -> datetime | None:
        """Where the offer's dates or hours are still to come: when they begin."""
        met = self.encounter
        if self.at >= met.terms.valid_from and met.offer.is_on:
            return None
        return met.terms.next_on(met.site, self.at)


def explain(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    venue_id: UUID,
    customer: UUID,
    vault: Vault,
    now: datetime,
) -> Explanation:
    """How the offer stands for the customer at the venue now, in the version that they meet, and
    what they have had of it.
    """
    offer = load_offer(session, offer_id, merchant_id)
    site = load_site(session, venue_id=venue_id, offer_id=offer_id, merchant_id=merchant_id)
    person = load_person(
        session, customer=customer, venue_id=venue_id, merchant_id=merchant_id, at=now
    )
    arm, changes = None, {}
    if offer.experiment_id:
        arm = exposure_to(session, offer.experiment_id, person.subject_id, vault).arm
        changes = tested_terms(session, offer_id, arm)
    whose: dict[str, Any] = {
        "customer_id": person.customer_id,
        "offer_id": offer_id,
        "limit": NEWEST,
    }
    return Explanation(
        at=now,
        status=offer.status,
        customer=customer,
        encounter=meet(session, read_terms(offer, changes), site, person, now),
        arm=arm,
        unlocks=queries.list_unlocks_had(session, **whose, now=now),
        check_ins=queries.list_last_check_ins(session, **whose, venue_id=venue_id),
    )
