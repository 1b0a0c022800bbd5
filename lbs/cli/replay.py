"""`lbs replay`: real check-ins through the service that HTTP uses, at the times recorded."""

from __future__ import annotations

import csv
import gzip
import math
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from lbs.accounts import service as accounts
from lbs.accounts.policy import MerchantKey
from lbs.checkins import service as checkins
from lbs.checkins.policy import LocationFix
from lbs.checkins.routes import limits_of
from lbs.checkins.service.evidence import Evidence, Tools
from lbs.cli.progress import progress
from lbs.config import Settings
from lbs.db import Database, Session
from lbs.geo import Circle, Point
from lbs.http.guesses import limit_of
from lbs.ledger.queries import make_partitions
from lbs.offers import service as offers
from lbs.stats import service as stats
from lbs.vault import Vault
from lbs.venues import service as venues

RADIUS_M, ACCURACY_M, ERROR_M = 75.0, 30.0, 10.0
METRES_A_DEGREE = 111_320
SEED = 20091122
BATCH = 1000
RULES: tuple[dict[str, Any], ...] = (
    {"kind": "first_visit"},
    {"kind": "every_nth_visit", "n": 5},
    {"kind": "nth_visit", "n": 10},
)


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded check-in. Where the phone was is not known: the position is the venue's."""

    user: str
    at: datetime
    lon: float
    lat: float
    venue: str


@dataclass
class Replay:
    """What the replay made, and what came of it."""

    merchant_id: UUID
    start: datetime
    end: datetime
    """Of the first row, and of the last."""
    venue_ids: dict[str, UUID]
    customer_ids: dict[str, UUID]
    offer_ids: list[UUID] = field(default_factory=list)
    """One for each rule, in their order."""
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def read(path: Path) -> list[Row]:
    """The rows of a tab-separated file (user_id, utc, lat, lon, venue_id), in order of time."""
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        rows = [
            Row(
                user=line["user_id"],
                at=datetime.fromisoformat(line["utc"]),
                lon=float(line["lon"]),
                lat=float(line["lat"]),
                venue=line["venue_id"],
            )
            for line in csv.DictReader(file, delimiter="\t")
        ]
    return sorted(rows, key=lambda row: row.at)


def replay(db: Database, settings: Settings, rows: Sequence[Row]) -> Replay:
    """Make venues, customers and three offers, then send every row as a check-in."""
    made = prepare(db, rows)
    make_offers(db, made, [{"rule": rule} for rule in RULES], made.venue_ids.values())
    service = Service(db, settings)
    for row in progress(displaced(rows), "check-ins"):
        service.send(made, row)
    return made


class Service:
    """What HTTP calls for a check-in, without HTTP, at the times recorded."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._limits = limits_of(settings)
        self._tools = Tools(
            vault=Vault(settings.secrets_key),
            sign_receipt=lambda claims, ttl: "",
            read_challenge=lambda token: None,
            random_bytes=secrets.token_bytes,
            guesses=limit_of(settings),
        )

    def send(self, made: Replay, row: Row, **claim: Any) -> checkins.CheckedIn:
        """`claim` is what the check-in says beside the row, such as the event that it is at."""
        fix = LocationFix(
            lon=row.lon,
            lat=row.lat,
            accuracy_m=ACCURACY_M,
            captured_at=row.at,
            provider="replay",
            mock=False,
        )
        command = replace(checkins.CheckIn(made.venue_ids[row.venue], Evidence(fix)), **claim)
        with self._db.transaction() as session:
            outcome = checkins.check_in(
                session, made.customer_ids[row.user], command, self._limits, self._tools, row.at
            )
        made.verdicts[outcome.judgement.verdict.word] += 1
        made.reasons.update(reason.value for reason in outcome.judgement.reasons)
        return outcome


def displaced(rows: Sequence[Row]) -> list[Row]:
    """The rows with positions as phones might have reported them, ERROR_M off on each axis.

    The records hold the venue's own position, the same to the last digit each time.
    """
    errors = Random(SEED)  # noqa: S311  (the same errors each time)
    return [_displaced(row, errors) for row in rows]


def _displaced(row: Row, errors: Random) -> Row:
    north_m, east_m = errors.gauss(0, ERROR_M), errors.gauss(0, ERROR_M)
    wide = METRES_A_DEGREE * math.cos(math.radians(row.lat))
    return replace(row, lat=row.lat + north_m / METRES_A_DEGREE, lon=row.lon + east_m / wide)


def funnel(session: Session, made: Replay, offer_id: UUID, end: datetime) -> dict[str, Any]:
    key = MerchantKey(UUID(int=0), "", made.merchant_id, frozenset({"stats"}), frozenset())
    scope = stats.offer_scope(session, key, offer_id, start=None, end=end)
    return stats.totals(session, scope)


def report(db: Database, made: Replay) -> Iterable[str]:
    """What came of the replay, line by line."""
    yield f"{made.verdicts.total():,} check-ins"
    for verdict in ("accepted", "ambiguous", "rejected"):
        yield f"  {verdict:<26}{made.verdicts[verdict]:>10,}"
    for reason, count in made.reasons.most_common():
        yield f"    {reason:<24}{count:>10,}"
    with db.transaction() as session:
        for rule, offer_id in zip(RULES, made.offer_ids, strict=True):
            counted = funnel(session, made, offer_id, datetime.now(UTC))
            yield f"Funnel of the offer {_words(rule)}"
            yield f"  {'check-ins accepted':<26}{counted['check_ins']['accepted']:>10,}"
            for name in ("unlocks", "redemptions", "unique_customers", "new_customers"):
                yield f"  {name.replace('_', ' '):<26}{counted[name]:>10,}"


def _words(rule: dict[str, Any]) -> str:
    return f"{rule['kind']} {rule.get('n', '')}".strip()


def prepare(db: Database, rows: Sequence[Row]) -> Replay:
    """A merchant with the venues of the rows, and their customers."""
    start, end = rows[0].at, rows[-1].at
    places = {row.venue: row for row in reversed(rows)}
    with db.transaction() as session:
        make_partitions(session, start=start, end=end)
        merchant, _ = accounts.create_merchant(session, f"Replay {start:%Y-%m}", _secret, start)
        app, _, _ = accounts.create_app(session, "Replay", _secret, start)
    venue_ids = _make_venues(db, merchant.id, places, start)
    with db.transaction() as session:
        customer_ids = {
            user: accounts.know_customer(session, app.id, user, start)
            for user in progress(sorted({row.user for row in rows}), "customers")
        }
    return Replay(merchant.id, start, end, venue_ids, customer_ids)


def make_offers(
    db: Database,
    made: Replay,
    terms: Iterable[dict[str, Any]],
    venue_ids: Iterable[UUID],
    *,
    referrer_bonus: bool = False,
) -> None:
    """An offer with each of the terms at the venues, on from the first row to a year after all.

    `terms`: the rule, and what is an offer's own beside.
    """
    with db.transaction() as session:
        command = venues.WriteGroup("Venues with offers", tuple(venue_ids))
        group = venues.create_group(session, made.merchant_id, command, made.start)
        made.offer_ids = [
            _make_offer(session, made, group.id, own, referrer_bonus=referrer_bonus)
            for own in terms
        ]


def _make_venues(
    db: Database, merchant_id: UUID, places: dict[str, Row], now: datetime
) -> dict[str, UUID]:
    names = list(places)
    ids: dict[str, UUID] = {}
    for first in progress(range(0, len(names), BATCH), "venues, by the thousand"):
        batch = names[first : first + BATCH]
        commands = [_venue(name, places[name]) for name in batch]
        with db.transaction() as session:
            made = venues.create_venues(session, merchant_id, commands, now)
        ids.update(zip(batch, made, strict=True))
    return ids


def _venue(name: str, row: Row) -> venues.CreateVenue:
    return venues.CreateVenue(
        name=f"Venue {name}",
        category="other",
        time_zone="America/New_York",
        fence=Circle(Point(row.lon, row.lat), RADIUS_M),
    )


def _make_offer(
    session: Session, made: Replay, group_id: UUID, own: dict[str, Any], *, referrer_bonus: bool
) -> UUID:
    terms = {
        "teaser": f"Replay: {_words(own['rule'])}",
        "terms": "One filter coffee of any size",
        "reward": {"kind": "free_item", "item": "A filter coffee"},
        "value_minor": 500,
        "cost_minor": 200,
        "currency": "USD",
        "goal": {"kind": "visits", "target": 1000},
        "audience": "anyone",
        "schedule": {},
        "valid_from": made.start,
        "valid_to": made.end + timedelta(days=365),
        **own,
    }
    command = offers.WriteOffer(terms=terms, group_ids=(group_id,))
    offer = offers.create_offer(session, made.merchant_id, command, made.start)
    offers.set_status(
        session,
        offer_id=offer.id,
        merchant_id=made.merchant_id,
        status="active",
        referrer_bonus=referrer_bonus,
        now=made.start,
    )
    offer_id: UUID = offer.id
    return offer_id


def _secret() -> str:
    return secrets.token_urlsafe(32)
