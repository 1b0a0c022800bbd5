"""The use case: gather facts, ask the policy and the rules, write all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts.errors import CustomerGone
from lbs.checkins import queries
from lbs.checkins.errors import HistoryMoved
from lbs.checkins.policy import Facts, Judgement, Limits, LocationFix, judge
from lbs.db import Session, new_id
from lbs.offers.rules import Limits as OfferLimits
from lbs.offers.rules import Offer, Standing, opens, read_rule, sold_out, stand, stand_after
from lbs.unlocks.policy import RANDOM_BYTES, make_code
from lbs.unlocks.queries import give_back
from lbs.unlocks.service import UnlockView
from lbs.vault import Vault
from lbs.venues.errors import VenueNotFound

TRIES = 3


@dataclass(frozen=True, slots=True)
class CheckIn:
    venue_id: UUID
    fix: LocationFix | None


@dataclass(frozen=True, slots=True)
class Tools:
    """What a check-in needs beside its facts."""

    vault: Vault
    sign_receipt: Callable[[dict[str, Any]], str]
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class ClosedOffer:
    """An offer at the venue that this check-in did not open."""

    offer_id: UUID
    teaser: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Outcome:
    id: UUID
    venue_id: UUID
    occurred_at: datetime
    judgement: Judgement
    visits: int
    receipt: str | None = field(repr=False)
    unlocked: tuple[UnlockView, ...]
    locked: tuple[ClosedOffer, ...]


@dataclass(frozen=True, slots=True)
class NearbyVenue:
    id: UUID
    name: str
    category: str
    time_zone: str
    opening_hours: str | None
    lon: float
    lat: float
    distance_m: int
    offers: tuple[ClosedOffer, ...]


def check_in(
    session: Session,
    customer_id: UUID,
    command: CheckIn,
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> Outcome:
    for _ in range(TRIES):
        outcome = _try_check_in(session, customer_id, command, limits, tools, now)
        if outcome is not None:
            return outcome
    raise HistoryMoved


def nearby(
    session: Session,
    customer_id: UUID,
    *,
    lon: float,
    lat: float,
    radius_m: float,
    limit: int,
    now: datetime,
) -> list[NearbyVenue]:
    rows = queries.nearby(
        session, customer_id=customer_id, lon=lon, lat=lat, radius_m=radius_m, limit=limit, now=now
    )
    return [_view_nearby(row, now) for row in rows]


def list_check_ins(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Any]:
    return queries.list_check_ins(session, customer_id, limit=limit, after=after)


def _try_check_in(
    session: Session,
    customer_id: UUID,
    command: CheckIn,
    limits: Limits,
    tools: Tools,
    now: datetime,
) -> Outcome | None:
    """None where the customer's history moved while it was judged: nothing was written."""
    fix = command.fix
    seen = queries.gather(
        session,
        customer_id=customer_id,
        venue_id=command.venue_id,
        lon=fix.lon if fix else None,
        lat=fix.lat if fix else None,
        now=now,
    )
    if seen is None:
        raise CustomerGone
    if seen.venue_id is None:
        raise VenueNotFound
    judgement = judge(_facts(seen, fix, now), limits)
    visits = seen.visits + judgement.accepted
    offers = [(row, _offer(row, seen)) for row in seen.offers or ()]
    check_in_id = new_id()
    grants = [
        _grant(row, offer, seen, check_in_id, tools, now)
        for row, offer in offers
        if judgement.accepted and opens(offer, visits, now)
    ]
    written = queries.record(
        session,
        check_in_id=check_in_id,
        event_id=new_id(),
        customer_id=customer_id,
        subject_id=seen.subject_id,
        merchant_id=seen.merchant_id,
        venue_id=command.venue_id,
        now=now,
        accepted=judgement.accepted,
        verdict=judgement.verdict.word,
        level=int(judgement.level),
        reasons=[reason.value for reason in judgement.reasons],
        first_visit=judgement.accepted and visits == 1,
        visits_seen=seen.visits,
        offer_ids=[offer.id for _, offer in offers if offer.valid_from <= now],
        distance_m=seen.distance_m,
        accuracy_m=fix.accuracy_m if fix else None,
        captured_at=fix.captured_at if fix else None,
        provider=fix.provider if fix else None,
        mock=fix.mock if fix else None,
        grants=[row for row, _ in grants],
    )
    if not written.recorded:
        return None
    if written.unused:
        give_back(session, [_offer_and_bucket(text) for text in written.unused])
    unlocked = [view for _, view in grants if view.id in (written.granted or ())]
    return Outcome(
        id=check_in_id,
        venue_id=command.venue_id,
        occurred_at=now,
        judgement=judgement,
        visits=visits,
        receipt=_receipt(tools, customer_id, seen, check_in_id) if judgement.accepted else None,
        unlocked=tuple(unlocked),
        locked=tuple(_closed(offers, unlocked, grants, judgement, visits, now)),
    )


def _facts(seen: Any, fix: LocationFix | None, now: datetime) -> Facts:
    return Facts(
        now=now,
        fix=fix,
        distance_m=seen.distance_m,
        last_visit_at=seen.last_at,
        cool_down=None if seen.cool_down_s is None else timedelta(seconds=seen.cool_down_s),
    )


def _offer(row: dict[str, Any], seen: Any) -> Offer:
    """The row of an offer as the rules take it, for the customer and the day of `seen`."""
    limits = OfferLimits(row["limit_total"], row["limit_per_customer"], row["limit_per_day"])
    return Offer(
        id=row["id"],
        rule=read_rule(row["rule"]),
        valid_from=datetime.fromisoformat(row["valid_from"]),
        caps=limits.buckets(seen.subject_id, seen.local_day),
        taken=row["taken"] or {},
        holds=row["holds"],
        has_redeemed=row["has_redeemed"],
    )


def _grant(
    row: dict[str, Any], offer: Offer, seen: Any, check_in_id: UUID, tools: Tools, now: datetime
) -> tuple[dict[str, Any], UnlockView]:
    """The unlock to write, and the same as the customer will see it."""
    code = make_code(tools.random_bytes(RANDOM_BYTES))
    within = row["redeem_within_s"]
    view = UnlockView(
        id=new_id(),
        offer_id=UUID(row["id"]),
        offer_version=row["version"],
        venue_id=seen.venue_id,
        venue_name=seen.venue_name,
        check_in_id=check_in_id,
        state="unlocked",
        teaser=row["teaser"],
        terms=row["terms"],
        reward=row["reward"],
        value_minor=row["value_minor"],
        currency=row["currency"],
        unlocked_at=now,
        expires_at=now + timedelta(seconds=within)
        if within
        else datetime.fromisoformat(row["valid_to"]),
        code=code,
    )
    written = {
        "unlock_id": str(view.id),
        "offer_id": row["id"],
        "offer_version": view.offer_version,
        "sealed_code": tools.vault.seal(code),
        "code_digest": tools.vault.digest(code).hex(),
        "expires_at": view.expires_at.isoformat(),
        "caps": dict(offer.caps),
        "event_id": str(new_id()),
    }
    return written, view


def _closed(
    offers: Sequence[tuple[dict[str, Any], Offer]],
    unlocked: Sequence[UnlockView],
    grants: Sequence[tuple[dict[str, Any], UnlockView]],
    judgement: Judgement,
    visits: int,
    now: datetime,
) -> Sequence[ClosedOffer]:
    opened = {str(view.offer_id) for view in unlocked}
    lost = {row["offer_id"] for row, _ in grants} - opened
    closed = []
    for row, offer in offers:
        if row["id"] in opened:
            continue
        standing = stand_after(offer, visits, now, accepted=judgement.accepted)
        closed.append(
            ClosedOffer(
                UUID(row["id"]),
                row["teaser"],
                sold_out(standing) if row["id"] in lost else standing,
            )
        )
    return closed


def _receipt(tools: Tools, customer_id: UUID, seen: Any, check_in_id: UUID) -> str:
    return tools.sign_receipt(
        {
            "jti": str(check_in_id),
            "sub": str(customer_id),
            "venue": str(seen.venue_id),
            "merchant": str(seen.merchant_id),
            "level": "L1",
            "proofs": ["location"],
        }
    )


def _view_nearby(row: Any, now: datetime) -> NearbyVenue:
    return NearbyVenue(
        id=row.id,
        name=row.name,
        category=row.category,
        time_zone=row.time_zone,
        opening_hours=row.opening_hours,
        lon=row.lon,
        lat=row.lat,
        distance_m=round(row.distance_m),
        offers=tuple(
            ClosedOffer(
                UUID(offer["id"]), offer["teaser"], stand(_offer(offer, row), row.visits, now)
            )
            for offer in row.offers or ()
        ),
    )


def _offer_and_bucket(text: str) -> tuple[UUID, str]:
    offer_id, bucket = text.split(" ", 1)
    return UUID(offer_id), bucket
