"""Every SELECT and conditional UPDATE of experiments, and what their arms are drawn from."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import Row, select, text

from lbs.db import Session, Statement
from lbs.experiments.models import Experiment, ExperimentArm
from lbs.experiments.policy import Arm, Exposure, Metric
from lbs.experiments.policy import Experiment as Running
from lbs.offers.models import OfferVersion
from lbs.vault import Vault

EXPERIMENT = """
    'experiment_id', offer.experiment_id,
    'is_exposed', CASE WHEN offer.experiment_id IS NOT NULL THEN EXISTS (
        SELECT FROM exposure WHERE exposure.experiment_id = offer.experiment_id
          AND exposure.subject_id = customer.subject_id) END
"""
"""Of `offer`, as members of a JSON object: its running experiment, and whether `customer` is known
to have met it there.
"""

READ_RUNNING = Statement("""
    SELECT experiment.id, experiment.offer_id, experiment.sealed_key,
           array_agg(arm.name ORDER BY arm.position) AS names,
           array_agg(arm.share_percent ORDER BY arm.position) AS shares,
           array_agg(arm.terms_version ORDER BY arm.position) AS versions
    FROM experiment JOIN experiment_arm AS arm ON arm.experiment_id = experiment.id
    WHERE experiment.id = ANY(CAST(:ids AS uuid[])) AND experiment.status <> 'draft'
    GROUP BY experiment.id
""")

EXPOSE = Statement("""
    WITH given AS (
        SELECT given.*, experiment.offer_id, experiment.merchant_id, arm.terms_version
        FROM jsonb_to_recordset(CAST(:exposures AS jsonb)) AS given(
            experiment_id uuid, subject_id uuid, arm text, venue_id uuid)
        JOIN experiment ON experiment.id = given.experiment_id
        JOIN experiment_arm AS arm
          ON (arm.experiment_id, arm.name) = (given.experiment_id, given.arm)
    ), made AS (
        INSERT INTO exposure (experiment_id, subject_id, arm, venue_id, channel, at, counted)
        SELECT experiment_id, subject_id, arm, venue_id, CAST(:channel AS text),
               CAST(:now AS timestamptz), NOT EXISTS (
                   SELECT FROM customer_standing AS standing
                   WHERE standing.merchant_id = given.merchant_id
                     AND standing.subject_id = given.subject_id
                     AND standing.standing IN ('tester', 'staff'))
        FROM given ORDER BY experiment_id, subject_id
        ON CONFLICT DO NOTHING
        RETURNING *
    )
    INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, subject_id, offer_id,
                              offer_version, experiment_id, variant, channel, counted)
    SELECT gen_random_uuid(), made.at, 'exposed', given.merchant_id, made.venue_id,
           made.subject_id, given.offer_id, given.terms_version, made.experiment_id, made.arm,
           made.channel, made.counted
    FROM made JOIN given USING (experiment_id, subject_id)
""")
"""In one order, so that two that meet the same offers at once do not wait for each other."""

_KNOWN: LRUCache[str, Running] = LRUCache(1_000)
_LOCK = threading.Lock()


def running(session: Session, ids: Collection[str], vault: Vault) -> dict[str, Running]:
    """The experiments by id, as customers are assigned by them.

    One that has started never changes in this, so that each is read once in a process.
    """
    with _LOCK:
        known = {one: _KNOWN[one] for one in ids if one in _KNOWN}
    if missing := [one for one in ids if one not in known]:
        rows = READ_RUNNING.all(session, {"ids": missing})
        read = {str(row.id): _read_running(row, vault) for row in rows}
        with _LOCK:
            _KNOWN.update(read)
        known |= read
    return known


def _read_running(row: Any, vault: Vault) -> Running:
    arms = zip(row.names, row.shares, row.versions, strict=True)
    key = bytes.fromhex(vault.unseal(row.sealed_key))
    return Running(row.id, row.offer_id, key, tuple(Arm(*arm) for arm in arms))


def expose(session: Session, exposures: Iterable[Exposure], *, channel: str, now: datetime) -> None:
    """Record them, each once for a customer and experiment; what is recorded already stays."""
    once = {(one.experiment_id, one.subject_id): one for one in reversed(list(exposures))}
    given = [
        {
            "experiment_id": str(one.experiment_id),
            "subject_id": str(one.subject_id),
            "arm": one.arm.name,
            "venue_id": one.venue_id and str(one.venue_id),
        }
        for one in once.values()
    ]
    EXPOSE.do(session, {"exposures": json.dumps(given), "channel": channel, "now": now})


def find_experiment(
    session: Session, experiment_id: UUID, offer_id: UUID, merchant_id: UUID
) -> Experiment | None:
    return session.scalar(
        select(Experiment).where(
            Experiment.id == experiment_id,
            Experiment.offer_id == offer_id,
            Experiment.merchant_id == merchant_id,
        )
    )


def list_experiments(
    session: Session, offer_id: UUID, merchant_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Experiment]:
    """Newest first."""
    statement = (
        select(Experiment)
        .where(Experiment.offer_id == offer_id, Experiment.merchant_id == merchant_id)
        .order_by(Experiment.id.desc())
        .limit(limit)
    )
    return session.scalars(statement.where(Experiment.id < after) if after else statement).all()


def list_arms(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, list[ExperimentArm]]:
    """The arms of each experiment, in their order."""
    rows = session.scalars(
        select(ExperimentArm)
        .where(ExperimentArm.experiment_id.in_(ids))
        .order_by(ExperimentArm.experiment_id, ExperimentArm.position)
    )
    arms: dict[UUID, list[ExperimentArm]] = {one: [] for one in ids}
    for row in rows:
        arms[row.experiment_id].append(row)
    return arms


def find_version(session: Session, offer_id: UUID, number: int) -> OfferVersion:
    """The terms of an arm."""
    return session.get_one(OfferVersion, (offer_id, number))


_PLACES = """
    SELECT venue_id FROM offer_venue WHERE offer_id = :offer_id
    UNION
    SELECT venue_id FROM offer_group JOIN venue_group_member USING (group_id)
    WHERE offer_id = :offer_id
"""

_OUTCOMES = {
    Metric.VISITS: """
        count(DISTINCT event.check_in_id) FILTER (
            WHERE event.verdict = 'accepted' AND NOT EXISTS (
                SELECT FROM ledger_event AS voided
                WHERE voided.merchant_id = event.merchant_id AND voided.verdict_before IS NOT NULL
                  AND voided.check_in_id = event.check_in_id AND voided.kind = 'check_in_voided'))
    """,
    Metric.REDEMPTIONS: """
        count(*) FILTER (WHERE event.kind = 'redeemed')
        - count(*) FILTER (WHERE event.kind = 'reversed')
    """,
    Metric.REVENUE: """
        coalesce(sum(event.amount_minor) FILTER (WHERE event.kind = 'redeemed'), 0)
        - coalesce(sum(event.amount_minor) FILTER (WHERE event.kind = 'reversed'), 0)
    """,
}

_BASELINE = """
    WITH place AS MATERIALIZED ({places}), seen AS MATERIALIZED (
        SELECT subject_id, min(at) AS first_at FROM ledger_event
        WHERE merchant_id = :merchant_id AND at >= :start AND at < :end
          AND venue_id IN (SELECT venue_id FROM place) AND counted
          AND kind IN ('nearby_listed', 'teaser_viewed', 'check_in')
        GROUP BY subject_id
    ), done AS (
        SELECT seen.subject_id, {outcome} AS outcome
        FROM seen LEFT JOIN ledger_event AS event
          ON event.subject_id = seen.subject_id AND event.at > seen.first_at
          AND event.at < seen.first_at + :horizon
          AND event.merchant_id = :merchant_id AND event.at >= :start
          AND event.venue_id IN (SELECT venue_id FROM place) AND event.counted
        GROUP BY seen.subject_id
    )
    SELECT count(*) AS customers, coalesce(avg(outcome), 0)::float8 AS mean,
           coalesce(var_samp(outcome), 0)::float8 AS variance
    FROM done
"""


def find_baseline(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    metric: Metric,
    start: datetime,
    end: datetime,
    horizon: timedelta,
) -> Row[Any]:
    """How many customers were first seen at the offer's venues in the period, and the mean and
    variance of what each of them did there within the horizon after.
    """
    statement = text(_BASELINE.format(places=_PLACES, outcome=_OUTCOMES[metric]))
    values = {"offer_id": offer_id, "merchant_id": merchant_id, "horizon": horizon}
    return session.execute(statement, {**values, "start": start, "end": end}).one()
