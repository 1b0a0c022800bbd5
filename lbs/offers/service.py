"""Use cases of offers: a merchant writes, copies, activates, pauses, changes and ends them, reads
what the service tells of them, and hands its staff a sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.audit.policy import plain
from lbs.audit.service import record, record_made
from lbs.db import Session, new_id
from lbs.ledger import service as ledger
from lbs.ledger.policy import Kind
from lbs.offers import policy, queries
from lbs.offers.errors import (
    DatesRefused,
    NoticeNotFound,
    OfferEnded,
    OfferInExperiment,
    OfferNotFound,
    OfferNotReady,
    PlaceNotFound,
    PromotionDatesRefused,
    PromotionNotFound,
    StatusRefused,
)
from lbs.offers.models import Notice, Offer, OfferVersion, Promotion
from lbs.offers.rules import Trail, leaves, read_rule
from lbs.offers.rules.schedule import at_venue, next_openings, read_schedule
from lbs.offers.rules.stacking import Stacking

PREVIEW = timedelta(days=366)
"""How far a schedule is looked into."""

MOVES = {
    "draft": ("active", "ended"),
    "active": ("paused", "ended"),
    "paused": ("active", "ended"),
    "ended": (),
}
AUDITED = (*queries.TERMS, "venue_ids", "group_ids", "copied_from")
PAUSED = Kind.OFFER_PAUSED
"""The fact, and the notice, that the service has paused an offer."""
SHEET_PLACES = 8
"""So many venues a sheet names."""


@dataclass(frozen=True, slots=True)
class WriteOffer:
    """Terms by column name (queries.TERMS) and places; on a change only what is to change."""

    terms: dict[str, Any]
    venue_ids: tuple[UUID, ...] | None = None
    group_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """Which openings to show: of how many venues, after which, from when on, how many of each."""

    limit: int
    after: UUID | None
    at: datetime
    openings: int


Members = dict[str, Any]
"""Of a promotion, by column name (queries.PROMOTION); on a change only what is to change."""


@dataclass(frozen=True, slots=True)
class Review:
    offer_id: UUID
    terms_version: int
    findings: tuple[policy.Finding, ...]
    may_activate: bool


@dataclass(frozen=True, slots=True)
class StaffSheet:
    """What staff have to know of an offer; `places` are the first of `place_count`."""

    offer: Any
    places: tuple[str, ...]
    place_count: int
    time_zones: tuple[str, ...]


def create_offer(
    session: Session,
    merchant_id: UUID,
    command: WriteOffer,
    now: datetime,
    *,
    copied_from: UUID | None = None,
) -> Any:
    offer = Offer(
        id=new_id(),
        merchant_id=merchant_id,
        status="draft",
        terms_version=1,
        copied_from=copied_from,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(offer)
    session.flush()
    _require_own_trail(session, merchant_id, command.terms["rule"])
    session.add(OfferVersion(offer_id=offer.id, number=1, created_at=now, **command.terms))
    session.flush()
    _place(session, offer, command)
    made = load_offer(session, offer.id, merchant_id)
    record(session, merchant_id, "offer.created", offer.id, after=_said(made), now=now)
    return made


def copy_offer(
    session: Session, *, offer_id: UUID, merchant_id: UUID, command: WriteOffer, now: datetime
) -> Any:
    """A draft with the same terms, but for those given, at the places given, if any are."""
    original = load_offer(session, offer_id, merchant_id)
    terms = _changed(original, command.terms)
    elsewhere = command.venue_ids is not None or command.group_ids is not None
    places = command if elsewhere else original
    copy = WriteOffer(terms, tuple(places.venue_ids or ()), tuple(places.group_ids or ()))
    return create_offer(session, merchant_id, copy, now, copied_from=offer_id)


def load_offer(session: Session, offer_id: UUID, merchant_id: UUID) -> Any:
    offer = queries.find_offer(session, offer_id, merchant_id)
    if offer is None:
        raise OfferNotFound
    return offer


def change_offer(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    command: WriteOffer,
    check: Callable[[Offer], None],
    referrer_bonus: bool = False,
    now: datetime,
) -> Any:
    """Changed terms are a new version: what was unlocked before keeps the terms it had.

    `check(offer)` refuses where the caller's version is not the offer's.
    """
    offer = lock_offer(session, offer_id, merchant_id)
    check(offer)
    if offer.status == "ended":
        raise OfferEnded
    before = load_offer(session, offer_id, merchant_id)
    if command.terms:
        if offer.experiment_id is not None:
            raise OfferInExperiment
        terms = _changed(before, command.terms)
        offer.terms_version = _add_version(session, offer, terms, now)
    _touch(session, offer, now)
    _place(session, offer, command)
    if offer.status == "active":
        _require_passed(session, offer, now, referrer_bonus=referrer_bonus)
    changed = load_offer(session, offer_id, merchant_id)
    said = {"before": _said(before), "after": _said(changed)}
    record(session, merchant_id, "offer.changed", offer_id, **said, now=now)
    return changed


def add_version(
    session: Session,
    offer: Offer,
    changes: dict[str, Any],
    now: datetime,
    *,
    referrer_bonus: bool = False,
) -> int:
    """The number of a version of the locked offer's terms that only some customers meet.

    It is reviewed as a change of an active offer: errors stop it.
    """
    own = load_offer(session, offer.id, offer.merchant_id)
    terms = _changed(own, changes)
    number = _add_version(session, offer, terms, now)
    version = SimpleNamespace(**{**own._asdict(), **terms})
    findings = _review(session, offer.merchant_id, version, now, referrer_bonus=referrer_bonus)
    if policy.stops(findings):
        raise OfferNotReady(findings)
    return number


def set_experiment(
    session: Session, offer: Offer, experiment_id: UUID | None, now: datetime
) -> None:
    """The experiment that runs on the locked offer from now on, if any."""
    offer.experiment_id = experiment_id
    _touch(session, offer, now)


def set_status(
    session: Session,
    *,
    offer_id: UUID,
    merchant_id: UUID,
    status: str,
    referrer_bonus: bool = False,
    now: datetime,
) -> Any:
    """Going to the status it has changes nothing.

    `referrer_bonus`: whether the operator allows to reward those who refer.
    """
    offer = lock_offer(session, offer_id, merchant_id)
    if status != offer.status:
        if status not in MOVES[offer.status]:
            raise StatusRefused(f"It is {offer.status}.")
        before = _standing(offer)
        if status == "active":
            _require_passed(session, offer, now, referrer_bonus=referrer_bonus)
        _move(session, offer, status, before, now)
    return load_offer(session, offer_id, merchant_id)


def review_offer(
    session: Session,
    offer_id: UUID,
    merchant_id: UUID,
    now: datetime,
    *,
    referrer_bonus: bool = False,
) -> Review:
    """As the offer is now, whatever its status."""
    offer = load_offer(session, offer_id, merchant_id)
    findings = _review(session, merchant_id, offer, now, referrer_bonus=referrer_bonus)
    may_activate = offer.status != "ended" and not policy.stops(findings)
    return Review(offer.id, offer.terms_version, findings, may_activate)


def preview_schedule(
    session: Session, offer_id: UUID, merchant_id: UUID, asked: Preview
) -> list[dict[str, Any]]:
    """When the offer is on at each of its venues, between its dates, whatever its status."""
    offer = load_offer(session, offer_id, merchant_id)
    venues = queries.list_venues_of_offer(session, offer_id, limit=asked.limit, after=asked.after)
    return [_preview(offer, venue, asked) for venue in venues]


def _preview(offer: Any, venue: Any, asked: Preview) -> dict[str, Any]:
    zone, until = ZoneInfo(venue.time_zone), min(offer.valid_to, asked.at + PREVIEW)
    openings = next_openings(
        at_venue(read_schedule(offer.schedule), offer.id, venue.id),
        max(offer.valid_from, asked.at),
        zone,
        venue.opening_hours,
        asked.openings,
        until,
    )
    return {
        "venue_id": venue.id,
        "name": venue.name,
        "time_zone": venue.time_zone,
        "opening_hours": venue.opening_hours,
        "until": until,
        "is_on": any(opening.starts_at <= asked.at for opening in openings),
        "openings": [
            {
                "starts_at": opening.starts_at,
                "ends_at": opening.ends_at,
                "local": opening.local(zone),
            }
            for opening in openings
        ],
    }


def pause_flagged(session: Session, offer: Offer, flags: dict[str, int], now: datetime) -> None:
    """The service's own doing, of which the merchant is told; `flags` are counts by problem."""
    _move(session, offer, "paused", _standing(offer), now)
    ledger.record(
        session,
        PAUSED,
        offer.merchant_id,
        now,
        offer_id=offer.id,
        offer_version=offer.terms_version,
        reasons=["flags"],
    )
    notify(session, offer.merchant_id, PAUSED, flags, now, offer_id=offer.id)


def notify(
    session: Session,
    merchant_id: UUID,
    kind: str,
    data: dict[str, Any],
    now: datetime,
    **subject: UUID,
) -> None:
    """Tell a merchant of its `offer_id`, `webhook_endpoint_id` or `facebook_page_id`."""
    notice = Notice(id=new_id(), merchant_id=merchant_id, at=now, kind=kind, data=data, **subject)
    session.add(notice)


def load_sheet(session: Session, offer_id: UUID, merchant_id: UUID) -> StaffSheet:
    offer = load_offer(session, offer_id, merchant_id)
    places = queries.list_places(session, offer_id, limit=SHEET_PLACES)
    return StaffSheet(
        offer=offer,
        places=tuple(place.name for place in places),
        place_count=places[0].places if places else 0,
        time_zones=tuple(dict.fromkeys(place.time_zone for place in places)),
    )


def list_places(session: Session, offer_id: UUID) -> Sequence[Any]:
    """All open venues that it runs at, with where they lie."""
    return queries.list_places(session, offer_id, limit=None)


def set_stacking(session: Session, merchant_id: UUID, command: Stacking, now: datetime) -> Stacking:
    before = queries.find_stacking(session, merchant_id)
    queries.set_stacking(session, merchant_id, command, now)
    said = {"before": asdict(before), "after": asdict(command)}
    record(session, merchant_id, "stacking.set", merchant_id, **said, now=now)
    return command


def read_notice(session: Session, notice_id: UUID, merchant_id: UUID, now: datetime) -> Notice:
    notice = queries.read_notice(session, notice_id=notice_id, merchant_id=merchant_id, now=now)
    if notice is None:
        raise NoticeNotFound
    return notice


def lock_offer(session: Session, offer_id: UUID, merchant_id: UUID) -> Offer:
    offer = queries.lock_offer(session, offer_id, merchant_id)
    if offer is None:
        raise OfferNotFound
    return offer


def _require_own_trail(session: Session, merchant_id: UUID, rule: dict[str, Any]) -> None:
    """Where else a customer has been is told to nobody but whose venues they are."""
    trails = [leaf for leaf in leaves(read_rule(rule)) if isinstance(leaf, Trail)]
    venue_ids = {venue_id for trail in trails for venue_id in trail.venue_ids}
    if queries.count_venues(session, merchant_id, sorted(venue_ids)) < len(venue_ids):
        raise PlaceNotFound


def _add_version(session: Session, offer: Offer, terms: dict[str, Any], now: datetime) -> int:
    _require_own_trail(session, offer.merchant_id, terms["rule"])
    number = queries.next_version(session, offer.id)
    session.add(OfferVersion(offer_id=offer.id, number=number, created_at=now, **terms))
    session.flush()
    return number


def _changed(offer: Any, terms: dict[str, Any]) -> dict[str, Any]:
    """All of the offer's terms, with these instead of some."""
    changed = {name: getattr(offer, name) for name in queries.TERMS} | terms
    if changed["valid_from"] >= changed["valid_to"]:
        raise DatesRefused
    return changed


def _said(offer: Any) -> dict[str, Any]:
    """What the audit log says of an offer."""
    return {name: getattr(offer, name) for name in AUDITED} | _standing(offer)


def _standing(offer: Any) -> dict[str, Any]:
    """Its status, and what the review that let it be active warned of, if anything."""
    warnings = [each["code"] for each in (offer.review or {}).get("warnings", ())]
    return {"status": offer.status, **({"warnings": warnings} if warnings else {})}


def _move(
    session: Session, offer: Offer, status: str, before: dict[str, Any], now: datetime
) -> None:
    offer.status = status
    _touch(session, offer, now)
    said = {"before": before, "after": _standing(offer)}
    record(session, offer.merchant_id, "offer.status_set", offer.id, **said, now=now)


def _touch(session: Session, offer: Offer, now: datetime) -> None:
    offer.version += 1
    offer.updated_at = now
    session.flush()


def _place(session: Session, offer: Offer, command: WriteOffer) -> None:
    queries.set_places(
        session,
        offer_id=offer.id,
        merchant_id=offer.merchant_id,
        venue_ids=command.venue_ids,
        group_ids=command.group_ids,
    )


def _require_passed(session: Session, offer: Offer, now: datetime, *, referrer_bonus: bool) -> None:
    """Errors stop it; warnings are kept with the offer."""
    found = load_offer(session, offer.id, offer.merchant_id)
    findings = _review(session, offer.merchant_id, found, now, referrer_bonus=referrer_bonus)
    if policy.stops(findings):
        raise OfferNotReady(findings)
    warnings = [asdict(each) for each in findings]
    offer.review = plain({"at": now, "terms_version": offer.terms_version, "warnings": warnings})
    session.flush()


def _review(
    session: Session, merchant_id: UUID, offer: Any, now: datetime, *, referrer_bonus: bool
) -> tuple[policy.Finding, ...]:
    context = queries.review_context(session, merchant_id, offer, now)
    return policy.review(_draft(offer), replace(context, referrer_bonus=referrer_bonus))


def _draft(offer: Any) -> policy.Draft:
    return policy.Draft(
        teaser=offer.teaser,
        terms=offer.terms,
        reward=offer.reward,
        rule=offer.rule,
        value_minor=offer.value_minor,
        cost_minor=offer.cost_minor,
        currency=offer.currency,
        valid_from=offer.valid_from,
        valid_to=offer.valid_to,
        goal=offer.goal and offer.goal["kind"],
        schedule=read_schedule(offer.schedule),
        limits={name: getattr(offer, f"limit_{name}") for name in (*policy.CAPS, "per_customer")},
        budget_minor=offer.budget_minor,
        redeem_within_s=offer.redeem_within_s,
        min_level=offer.min_level,
        audience=offer.audience,
        static_code=offer.static_code,
    )


def create_promotion(
    session: Session, merchant_id: UUID, members: Members, now: datetime
) -> Promotion:
    [promotion_id] = queries.insert_promotions(session, merchant_id, [members], now)
    record(session, merchant_id, "promotion.created", promotion_id, after=members, now=now)
    return load_promotion(session, promotion_id, merchant_id)


def import_promotions(
    session: Session, merchant_id: UUID, rows: Sequence[Members], now: datetime
) -> list[UUID]:
    """The ids of those made, in the order given; what is there already is not made again."""
    seen = queries.find_known_promotions(session, merchant_id, [row["text"] for row in rows])
    distinct = {tuple(row[name] for name in queries.PROMOTION): row for row in rows}
    fresh = [row for key, row in distinct.items() if key not in seen]
    made = queries.insert_promotions(session, merchant_id, fresh, now)
    record_made(session, merchant_id, "promotion.created", zip(made, fresh, strict=True), now)
    return made


def load_promotion(
    session: Session, promotion_id: UUID, merchant_id: UUID, *, lock: bool = False
) -> Promotion:
    promotion = queries.find_promotion(session, promotion_id, merchant_id, lock=lock)
    if promotion is None:
        raise PromotionNotFound
    return promotion


def change_promotion(
    session: Session,
    *,
    promotion_id: UUID,
    merchant_id: UUID,
    members: Members,
    check: Callable[[Promotion], None],
    now: datetime,
) -> Promotion:
    """`check(promotion)` refuses where the caller's version is not the promotion's."""
    promotion = load_promotion(session, promotion_id, merchant_id, lock=True)
    check(promotion)
    before = _said_of_promotion(promotion)
    for name, value in members.items():
        setattr(promotion, name, value)
    starts_on, ends_on = promotion.starts_on, promotion.ends_on
    if starts_on and ends_on and starts_on > ends_on:
        raise PromotionDatesRefused
    promotion.version += 1
    promotion.updated_at = now
    session.flush()
    after = _said_of_promotion(promotion)
    action = "promotion.changed"
    record(session, merchant_id, action, promotion_id, before=before, after=after, now=now)
    return promotion


def delete_promotion(
    session: Session, promotion_id: UUID, merchant_id: UUID, now: datetime
) -> None:
    promotion = load_promotion(session, promotion_id, merchant_id, lock=True)
    gone = _said_of_promotion(promotion)
    session.delete(promotion)
    record(session, merchant_id, "promotion.deleted", promotion_id, before=gone, now=now)


def _said_of_promotion(promotion: Promotion) -> Members:
    """What the audit log says of it."""
    return {name: getattr(promotion, name) for name in queries.PROMOTION}
