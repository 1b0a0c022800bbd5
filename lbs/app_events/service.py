"""The use case: apps report what happened at the phone, in batches, as often as they like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts.errors import CustomerGone
from lbs.app_events import queries
from lbs.app_events.policy import (
    MAX_AGE,
    Known,
    Offer,
    PassShown,
    Refusal,
    Report,
    TeaserViewed,
    Version,
    happened_at,
    judge,
)
from lbs.db import Session, new_id
from lbs.experiments.policy import Exposure
from lbs.experiments.queries import running
from lbs.experiments.service import expose
from lbs.vault import Vault


@dataclass(frozen=True, slots=True)
class RefusedReport:
    client_id: UUID
    kind: str
    reason: Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch: how many of each kind, and which were refused, in their order."""

    recorded: Mapping[str, int]
    duplicates: Mapping[str, int]
    refused: Sequence[RefusedReport]


def report(
    session: Session,
    customer_id: UUID,
    reports: Sequence[Report],
    vault: Vault,
    *,
    max_ahead: timedelta,
    now: datetime,
) -> Outcome:
    """Each client id counts once; what is refused can be reported again."""
    subject_id, offers, known = _look_up(session, customer_id, reports, now)
    tested = _tested(session, offers, subject_id, vault)
    good: dict[UUID, Report] = {}
    refused = []
    for one in reports:
        if refusal := judge(one, known, now, max_ahead):
            refused.append(RefusedReport(one.client_id, one.kind, refusal))
        else:
            good.setdefault(one.client_id, one)
    rows = [_row(one, known, tested, now) for one in good.values()]
    fresh = queries.record(session, subject_id, rows, now) if rows else set()
    met = {row["offer_id"] for row in rows if row.get("variant")}
    if first := [one for offer, one in tested.items() if one.is_first and str(offer) in met]:
        expose(session, [one.exposure for one in first], "teaser", now)
    recorded = Counter(good[client_id].kind for client_id in fresh)
    taken = Counter(one.kind for one in reports) - Counter(one.kind for one in refused)
    return Outcome(recorded, taken - recorded, refused)


def forget_seen(session: Session, before: datetime) -> None:
    """What is too old to be taken cannot be counted twice."""
    queries.delete_seen(session, before)


@dataclass(frozen=True, slots=True)
class Tested:
    """What an experiment on an offer has the customer see, if anything."""

    exposure: Exposure
    since: datetime
    is_first: bool
    """Whether the customer is not known to have met it."""


def _tested(
    session: Session, offers: Sequence[Mapping[str, Any]], subject_id: UUID, vault: Vault
) -> dict[UUID, Tested]:
    """By offer; no statement where no experiment runs."""
    rows = {row["experiment_id"]: row for row in offers if row["experiment_id"]}
    experiments = running(session, rows.keys(), vault) if rows else {}
    return {
        one.offer_id: Tested(
            Exposure(one.id, subject_id, None, one.arm_of(subject_id)),
            datetime.fromisoformat(rows[name]["tested_since"]),
            is_first=not rows[name]["is_exposed"],
        )
        for name, one in experiments.items()
    }


def _look_up(
    session: Session, customer_id: UUID, reports: Sequence[Report], now: datetime
) -> tuple[UUID, Sequence[Mapping[str, Any]], Known]:
    views = [one for one in reports if isinstance(one, TeaserViewed)]
    found = queries.look_up(
        session,
        customer_id,
        offer_ids={view.offer_id for view in views},
        venue_ids={view.venue_id for view in views if view.venue_id},
        unlock_ids={one.unlock_id for one in reports if isinstance(one, PassShown)},
        since=now - MAX_AGE,
    )
    if found is None:
        raise CustomerGone
    rows = found.offers or ()
    offers = {UUID(row["id"]): _offer(row) for row in rows}
    return found.subject_id, rows, Known(offers, frozenset(found.unlocks))


def _offer(row: Mapping[str, Any]) -> Offer:
    return Offer(
        merchant_id=row["merchant_id"],
        status=row["status"],
        updated_at=datetime.fromisoformat(row["updated_at"]),
        counted=row["counted"],
        versions=[
            Version(number, *map(datetime.fromisoformat, times))
            for number, *times in row["versions"]
        ],
        new_at={UUID(venue_id): new for venue_id, new in (row["new_at"] or {}).items()},
    )


def _row(one: Report, known: Known, tested: Mapping[UUID, Tested], now: datetime) -> dict[str, Any]:
    """What is written of a report that is taken."""
    at = happened_at(one, now)
    row = {
        "client_id": str(one.client_id),
        "event_id": str(new_id()),
        "kind": one.kind,
        "at": at.isoformat(),
    }
    if isinstance(one, PassShown):
        return {**row, "unlock_id": str(one.unlock_id)}
    offer = known.offers[one.offer_id]
    version, seen = offer.version_at(at), tested.get(one.offer_id)
    arm = seen.exposure.arm if seen and seen.since <= at else None
    return {
        **row,
        "merchant_id": offer.merchant_id,
        "offer_id": str(one.offer_id),
        "offer_version": (arm and arm.terms_version) or (version and version.number),
        "experiment_id": str(seen.exposure.experiment_id) if seen and arm else None,
        "variant": arm and arm.name,
        "venue_id": one.venue_id and str(one.venue_id),
        "first_visit": offer.new_at[one.venue_id] if one.venue_id else None,
        "channel": one.channel,
        "counted": offer.counted,
    }
