"""Use cases of shares: a customer passes an offer on, a friend follows the link and comes by it.

Sharing is never rewarded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from lbs.accounts.errors import CustomerGone
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.experiments.service import expose, exposure_to
from lbs.jobs.app import enqueue
from lbs.offers.queries import list_places
from lbs.offers.rules import Rule, read_rule
from lbs.offers.rules.schedule import Opening, Schedule, next_openings, read_schedule
from lbs.offers.rules.terms import AHEAD
from lbs.shares import queries
from lbs.shares.errors import OfferNotRunning, ReferralRefused, ShareNotFound
from lbs.shares.models import Share
from lbs.shares.policy import standing_of
from lbs.shares.rules.followers import Follower, tell
from lbs.shares.rules.picture import Card, draw
from lbs.vault import Vault, hash_token

SHOW = "show_link_to_facebook"
REFERRED_FOR = timedelta(days=7)
SPOTS = 8
"""So many venues a page names."""
NO_COLOR = "#1f2937"
"""Of merchants that have set none."""


@dataclass(frozen=True, slots=True)
class Referred:
    offer_id: UUID
    expires_at: datetime
    """Until when a visit would be credited to the share."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opens a page, as far as it can be told. Nothing of it is kept but digests, for a day."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A venue of the offer, and when it can be had there next."""

    name: str
    lon: float
    lat: float
    zone: ZoneInfo
    opening: Opening | None


@dataclass(frozen=True, slots=True)
class SharePage:
    """What anybody who has the link sees of the offer: neither terms nor reward nor code."""

    share_id: UUID
    offer_id: UUID
    standing: str
    """`on`, `coming`, `paused` or `over`."""
    teaser: str
    rule: Rule
    valid_from: datetime
    valid_to: datetime
    merchant: str
    spots: tuple[Spot, ...]
    spot_count: int
    color: str

    @property
    def place(self) -> str:
        """In a few words: of several venues, whose they are."""
        return self.spots[0].name if self.spot_count == 1 else self.merchant

    @property
    def card(self) -> Card:
        return Card(self.teaser, self.place, self.color)


@dataclass(frozen=True, slots=True)
class Picture:
    png: bytes
    is_asked: bool
    """Whether it is the one of that address, and so the same for ever."""


def share_offer(
    session: Session,
    customer_id: UUID,
    offer_id: UUID,
    vault: Vault,
    new_token: Callable[[], str],
    now: datetime,
    *,
    is_shown: bool,
) -> str:
    """The token of the customer's share of the offer: always the same one.

    `is_shown` has Facebook read a new one before anybody posts it.
    """
    subject_id = _lock_subject(session, customer_id)
    offer = queries.find_running(session, offer_id, now)
    if offer is None or _is_held_out(session, offer, subject_id, vault):
        raise OfferNotRunning
    share = queries.find_own_share(session, customer_id, offer_id)
    if share is None:
        token = new_token()
        queries.add_share(
            session,
            offer_id=offer_id,
            offer_version=offer.terms_version,
            merchant_id=offer.merchant_id,
            customer_id=customer_id,
            subject_id=subject_id,
            digest=hash_token(token),
            sealed=vault.seal(token),
            now=now,
        )
        share = queries.find_own_share(session, customer_id, offer_id)
        if share is not None and is_shown:
            enqueue(session, SHOW, share_id=str(share.id))
    if share is None:
        raise ShareNotFound
    return vault.unseal(share.sealed_token)


def link_of(token: str, public_url: str) -> str:
    return f"{public_url}/s/{quote(token, safe='')}"


def load_token(session: Session, share_id: UUID, vault: Vault) -> str:
    return vault.unseal(queries.find_sealed_tokens(session, [share_id])[share_id])


def share_own(
    session: Session,
    offer_id: UUID,
    merchant_id: UUID,
    vault: Vault,
    new_token: Callable[[], str],
    now: datetime,
) -> UUID:
    """A link of the merchant's own to its running offer, another one each time; gives its id."""
    offer = queries.find_running(session, offer_id, now)
    if offer is None or offer.merchant_id != merchant_id:
        raise OfferNotRunning
    token = new_token()
    share = Share(
        id=new_id(),
        offer_id=offer_id,
        merchant_id=merchant_id,
        token_digest=hash_token(token),
        sealed_token=vault.seal(token),
        created_at=now,
    )
    session.add(share)
    session.flush()
    return share.id


def refer(
    session: Session, customer_id: UUID, token: str, address: str, vault: Vault, now: datetime
) -> Referred | None:
    """The customer has come by a share; the last one within seven days counts.

    None where the customer is held out of the offer, to be refused when the visit has been kept.
    """
    bound = _bind(session, customer_id, token, now)
    if bound.is_new:
        digest = _digester(vault, bound.share.id, now)
        queries.record_visit(
            session,
            share_id=bound.share.id,
            visitor=digest("customer", str(customer_id)),
            network=None,
            opened_from=digest("network", address),
            now=now,
        )
    if _meets(session, bound, vault, now):
        return Referred(bound.share.offer_id, now + REFERRED_FOR)
    return None


def bring(session: Session, customer_id: UUID, token: str, vault: Vault, now: datetime) -> None:
    """A check-in names the share by which its customer has come; one that cannot count does not."""
    try:
        bound = _bind(session, customer_id, token, now)
    except (ShareNotFound, ReferralRefused):
        return
    _meets(session, bound, vault, now)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A friend, and the share that counts for them now."""

    share: Any
    subject_id: UUID
    is_new: bool


def _bind(session: Session, customer_id: UUID, token: str, now: datetime) -> _Bound:
    subject_id = _lock_subject(session, customer_id)
    share = queries.find_share(session, hash_token(token))
    if share is None:
        raise ShareNotFound
    if share.customer_id == customer_id:
        raise ReferralRefused
    bound = queries.bind(
        session, customer_id=customer_id, offer_id=share.offer_id, share_id=share.id, now=now
    )
    if bound is None:
        raise ReferralRefused
    return _Bound(share, subject_id, bound.is_new)


def _meets(session: Session, bound: _Bound, vault: Vault, now: datetime) -> bool:
    """Whether the friend is not held out of the offer; where an experiment runs, they meet it."""
    if bound.share.experiment_id is None:
        return True
    exposure = exposure_to(session, bound.share.experiment_id, bound.subject_id, vault)
    expose(session, [exposure], "share", now)
    return not exposure.is_held_out


# --- the page ---------------------------------------------------------------------------------


def load_page(session: Session, token: str, now: datetime) -> SharePage:
    """An offer that is over keeps its page."""
    row = queries.find_page(session, hash_token(token))
    if row is None:
        raise ShareNotFound
    spots = list_places(session, row.offer_id, limit=SPOTS)
    schedule = read_schedule(row.schedule)
    return SharePage(
        share_id=row.share_id,
        offer_id=row.offer_id,
        standing=standing_of(row.status, row.valid_from, row.valid_to, now),
        teaser=row.teaser,
        rule=read_rule(row.rule),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        merchant=row.merchant,
        spots=tuple(_spot(spot, schedule, row, now) for spot in spots),
        spot_count=spots[0].places if spots else 0,
        color=row.color or NO_COLOR,
    )


def load_picture(session: Session, token: str, digest: str, now: datetime) -> Picture:
    """The picture of that digest; of one that was never given out, the newest in its place."""
    page = load_page(session, token, now)
    kept = queries.find_picture(session, page.offer_id, digest)
    if kept is not None:
        return Picture(kept, is_asked=True)
    png = draw(page.card)
    if page.card.digest != digest:
        return Picture(png, is_asked=False)
    queries.keep_picture(session, offer_id=page.offer_id, digest=digest, png=png, now=now)
    return Picture(png, is_asked=True)


def record_hit(
    session: Session, share_id: UUID, caller: Caller, vault: Vault, now: datetime
) -> None:
    """The page was given out: to a person, who is counted once a day, or to a machine."""
    queries.be_quick(session)
    follower = tell(caller.agent)
    if follower is not Follower.PERSON:
        queries.record_fetch(session, share_id, follower, now)
        return
    digest = _digester(vault, share_id, now)
    queries.record_visit(
        session,
        share_id=share_id,
        visitor=digest("browser", caller.address, caller.agent),
        network=digest("network", caller.address),
        opened_from=None,
        now=now,
    )


def forget_visitors(session: Session, now: datetime) -> int:
    return queries.forget_visitors(session, now.astimezone(UTC).date())


def set_color(
    session: Session, merchant_id: UUID, color: str | None, now: datetime
) -> dict[str, str | None]:
    before = {"color": queries.find_color(session, merchant_id)}
    after = {"color": color}
    queries.set_color(session, merchant_id, color, now)
    record(session, merchant_id, "brand.set", merchant_id, before=before, after=after, now=now)
    return after


def _spot(spot: Any, schedule: Schedule, terms: Any, now: datetime) -> Spot:
    zone = ZoneInfo(spot.time_zone)
    start, until = max(now, terms.valid_from), min(terms.valid_to, now + AHEAD)
    openings = (
        next_openings(schedule, start, zone, spot.opening_hours, 1, until) if start < until else ()
    )
    return Spot(spot.name, spot.lon, spot.lat, zone, openings[0] if openings else None)


def _digester(vault: Vault, share_id: UUID, now: datetime) -> Callable[..., bytes]:
    """Digests of what is told of a caller, for this share and this day alone."""
    day = now.astimezone(UTC).date()
    return lambda *said: vault.digest(json.dumps(["share visit", str(share_id), str(day), *said]))


def _is_held_out(session: Session, offer: Any, subject_id: UUID, vault: Vault) -> bool:
    if offer.experiment_id is None:
        return False
    return exposure_to(session, offer.experiment_id, subject_id, vault).is_held_out


def _lock_subject(session: Session, customer_id: UUID) -> UUID:
    subject_id = queries.lock_subject(session, customer_id)
    if subject_id is None:
        raise CustomerGone
    return subject_id
