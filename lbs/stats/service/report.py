"""Everything that the report on an offer shows, counted as of one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.db import Session
from lbs.experiments.policy import CONTROL, HOLDOUT
from lbs.experiments.service import list_experiments
from lbs.offers.service import list_places, load_offer
from lbs.stats.rules.report.data import (
    Arm,
    Comparison,
    Money,
    Period,
    Place,
    Point,
    ReportData,
    Step,
    last_days,
)
from lbs.stats.rules.words import effect_text, winner_text
from lbs.stats.service import Scope, funnel, money, offer_scope, series
from lbs.stats.service.experiments import read_results

LATEST = 10
"""Among so many experiments one is looked for that has started."""

NO_ZONE = "UTC"
"""Of an offer that runs nowhere yet."""


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """Left out: the last days, today among them."""

    start: datetime | None
    end: datetime


def load_report(
    session: Session,
    key: MerchantKey,
    offer_id: UUID,
    asked: ReportPeriod,
    *,
    venue_id: UUID | None,
    min_group: int,
    now: datetime,
) -> ReportData:
    offer = load_offer(session, offer_id, key.merchant_id)
    scope = offer_scope(
        session, key, offer_id, start=None, end=asked.end, venue_id=venue_id, min_group=min_group
    )
    places = [place for place in list_places(session, offer_id) if _is_in(scope, place.id)]
    zones = list(dict.fromkeys(place.time_zone for place in places))
    zone = scope.time_zone or (zones[0] if zones else NO_ZONE)
    start = asked.start or last_days(asked.end, zone)[0]
    scope = replace(scope, start=start)
    before = scope.previous
    return ReportData(
        offer_id=offer.id,
        offer_version=offer.terms_version,
        teaser=offer.teaser,
        status=offer.status,
        valid_from=offer.valid_from,
        valid_to=offer.valid_to,
        time_zone=zone,
        has_other_zones=len(zones) > 1,
        made_at=now,
        period=_period(session, scope),
        before=_period(session, before),
        points=_points(session, scope, zone),
        places=_places(session, scope, places),
        comparisons=None
        if key.venue_ids
        else _comparisons(session, key, offer_id, asked.end, min_group),
        smallest_group=min_group,
    )


def _is_in(scope: Scope, venue_id: UUID) -> bool:
    return scope.facts.venue_ids is None or venue_id in scope.facts.venue_ids


def _period(session: Session, scope: Scope) -> Period:
    counted = funnel(session, scope)
    return Period(
        start=scope.span.since,
        end=scope.end,
        steps=tuple(Step(**step) for step in counted["steps"]),
        new_customers=counted["new_customers"],
        beside=dict(_beside(counted)),
        money=tuple(_money(item) for item in money(session, scope)["items"]),
    )


def _beside(counted: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for verdict in ("ambiguous", "rejected"):
        yield verdict, counted["check_ins"][verdict]
    yield "refused", sum(refusal["count"] for refusal in counted["refused"])
    for name in ("reversed", "expired", "flagged", "shared", "share_visited", "friend_visits"):
        yield name, counted[name]
    for returned in counted["returns"]:
        yield f"returned_{returned['within_days']}", returned["count"]


MONEY = tuple(Money.__dataclass_fields__)


def _money(item: Mapping[str, Any]) -> Money:
    return Money(**{name: item[name] for name in MONEY})


def _points(session: Session, scope: Scope, zone: str) -> tuple[Point, ...]:
    days = series(session, scope, by="day", time_zone=zone)["items"]
    return tuple(
        Point(day["start"], day["check_ins"]["accepted"], day["unlocks"], day["redemptions"])
        for day in days
    )


def _places(session: Session, scope: Scope, places: Sequence[Any]) -> tuple[Place, ...]:
    """Those whose customers are too few have no counts."""
    groups = {
        group["group"]: {step["step"]: step for step in group["steps"]}
        for group in funnel(session, scope, by="venue")["groups"]
    }
    return tuple(_place(place, groups.get(str(place.id))) for place in places)


def _place(place: Any, steps: Mapping[str, Any] | None) -> Place:
    at = {"name": place.name, "lon": place.lon, "lat": place.lat}
    if steps is None:
        return Place(**at, customers=None, check_ins=None, unlocks=None, redemptions=None)
    return Place(
        **at,
        customers=steps["checked_in"]["customers"],
        check_ins=steps["checked_in"]["count"],
        unlocks=steps["unlocked"]["count"],
        redemptions=steps["redeemed"]["count"],
    )


def _comparisons(
    session: Session, key: MerchantKey, offer_id: UUID, now: datetime, min_group: int
) -> tuple[Comparison, ...]:
    """Of the newest experiment that had started: the offer against nothing, and its versions."""
    started = [
        view.experiment
        for view in list_experiments(session, offer_id, key.merchant_id, limit=LATEST, after=None)
        if view.experiment.started_at and view.experiment.started_at < now
    ]
    if not started:
        return ()
    results = read_results(session, key, started[0].id, now, min_group=min_group)
    versions = [arm for arm in results["arms"] if arm["arm"] != HOLDOUT]
    whole = {
        "started_at": results["started_at"],
        "ended_at": started[0].stopped_at,
        "confidence": 1 - results["alpha"],
        "is_sound": not results["mismatch"]["is_mismatch"],
    }
    found = []
    if results["effect"]:
        arms = tuple(_arm(arm, "visits", "against_holdout") for arm in results["arms"])
        verdict = effect_text(results["effect"])
        found.append(Comparison("visits", arms, HOLDOUT, verdict, **whole))
    if results["winner"]:
        metric = results["metric"]
        arms = tuple(_arm(arm, metric, "against_control") for arm in versions)
        verdict = winner_text(results["winner"], results["alpha"])
        currency = results["currency"] if metric == "revenue" else None
        found.append(Comparison(metric, arms, CONTROL, verdict, currency=currency, **whole))
    return tuple(found)


def _arm(arm: Mapping[str, Any], metric: str, against: str) -> Arm:
    counted = Arm(arm["arm"], arm["customers"], arm["means"][metric])
    if arm[against] is None:
        return counted
    difference = arm[against][metric]
    interval = difference["interval"]
    return replace(
        counted,
        difference=difference["absolute"],
        low=interval and interval.low,
        high=interval and interval.high,
        lift=difference["lift"],
    )
