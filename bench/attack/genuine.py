"""Genuine traffic: who is wrongly refused, and who is asked for more."""

from __future__ import annotations

import csv
import gzip
import math
import secrets
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from shapely import Point as ShapelyPoint
from shapely import Polygon, prepare
from shapely.geometry import shape

from bench.attack.field import DEGREE_M, Field, Json, degrees_east, now
from lbs.accounts import service as accounts
from lbs.checkins import service as checkins
from lbs.checkins.policy import Limits, LocationFix, Reason, Verdict
from lbs.checkins.routes import limits_of
from lbs.checkins.service.evidence import Evidence, Tools
from lbs.cli.copenhagen import features
from lbs.cli.local import ROOT
from lbs.cli.progress import progress
from lbs.cli.replay import BATCH, RADIUS_M, Row, read
from lbs.config import Settings
from lbs.db import Database
from lbs.geo import Circle, Point
from lbs.ledger.queries import make_partitions
from lbs.offers import service as offers
from lbs.offers.rules import Why
from lbs.redemptions.policy import GuessLimit
from lbs.vault import Vault
from lbs.venues import service as venues

FIXES = ROOT / "tests" / "data" / "gps-accuracy" / "walking.csv.gz"
GOWALLA = ROOT.parent / "shared" / "data" / "gowalla-nyc" / "checkins.tsv.gz"
SEED = 20261122
AT_ONCE, LANES = 6, 2
REDRAWN_M = 0.5
"""An error is drawn many times over for Gowalla; this much of chance keeps the digits apart."""


class Error(NamedTuple):
    """How far a real phone was off, and what it thought."""

    east_m: float
    north_m: float
    accuracy_m: float


@dataclass
class Traffic:
    """What became of check-ins by people who were there."""

    name: str
    source: str = ""
    check_ins: int = 0
    too_soon: int = 0
    """The venue's own rule, and none of the shares."""
    refused: int = 0
    asked: int = 0
    """Ambiguous, or accepted with an L1 offer that risk keeps closed."""
    reasons: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    hurried: Counter[str] = field(default_factory=Counter)
    """How often each customer was asked for more because of checking in very often."""

    @property
    def words(self) -> str:
        return self.source or "all together"

    @property
    def counted(self) -> int:
        return self.check_ins - self.too_soon

    @property
    def refused_percent(self) -> float:
        return 100 * self.refused / max(1, self.counted)

    @property
    def step_up_percent(self) -> float:
        return 100 * self.asked / max(1, self.counted)

    def count(self, verdict: str, reasons: Sequence[str], *, withheld: bool) -> None:
        """`reasons` are those that the verdict stands on."""
        self.check_ins += 1
        if verdict == "rejected" and set(reasons) == {Reason.TOO_SOON}:
            self.too_soon += 1
            return
        self.refused += verdict == "rejected"
        self.asked += verdict == "ambiguous" or (verdict == "accepted" and withheld)
        self.reasons.update([f"{verdict}: {reason}" for reason in reasons])
        self.reasons.update(["accepted: risk"] if verdict == "accepted" and withheld else [])


def together(name: str, parts: Sequence[Traffic]) -> Traffic:
    return Traffic(
        name,
        check_ins=sum(part.check_ins for part in parts),
        too_soon=sum(part.too_soon for part in parts),
        refused=sum(part.refused for part in parts),
        asked=sum(part.asked for part in parts),
        reasons=sum((part.reasons for part in parts), Counter()),
        customers=sum(part.customers for part in parts),
        hurried=sum((part.hurried for part in parts), Counter()),
    )


def read_errors() -> list[Error]:
    with gzip.open(FIXES, "rt") as file:
        return [_error(row) for row in csv.DictReader(file)]


def _error(row: dict[str, str]) -> Error:
    lat, lon, true_lat, true_lon = (
        float(row[name]) for name in ("lat", "lon", "ref_lat", "ref_lon")
    )
    wide = DEGREE_M * math.cos(math.radians(true_lat))
    return Error((lon - true_lon) * wide, (lat - true_lat) * DEGREE_M, float(row["accuracy_m"]))


# Phones at Copenhagen's buildings, over HTTP


def phones(on: Field, errors: Sequence[Error]) -> Traffic:
    """Every fix once, each of its own customer, truly inside a random building."""
    traffic = Traffic("phones", "phones at buildings in Copenhagen, over HTTP")
    buildings, chance = _import_buildings(on), Random(SEED)
    sent = [(*_inside(chance.choice(buildings), chance), error) for error in errors]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda given: _visit(on, *given), sent)
        for answer in _told(answers, len(sent)):
            _count_answer(on, traffic, answer)
    return traffic


def _told(answers: Iterator[Json], total: int) -> Iterator[Json]:
    for _, answer in zip(progress(range(total), "phones"), answers, strict=True):
        yield answer


def _import_buildings(on: Field) -> list[tuple[str, Polygon]]:
    """Without opening hours: the visits are taken to be in them, whenever this runs."""
    found = [
        {"type": "Feature", "properties": {"name": "Building"}, "geometry": building["geometry"]}
        for building in features()
        if building["geometry"]["type"] == "Polygon"
    ]
    created = on.post("/v1/venues/import", {"type": "FeatureCollection", "features": found})
    on.offer(created["created"], 1)
    return [
        (venue_id, _area(building["geometry"]))
        for venue_id, building in zip(created["created"], found, strict=True)
    ]


def _area(geometry: Json) -> Polygon:
    area = shape(geometry)
    if not isinstance(area, Polygon):
        raise TypeError("A building is one polygon.")
    prepare(area)
    return area


def _inside(building: tuple[str, Polygon], chance: Random) -> tuple[str, float, float]:
    venue_id, area = building
    west, south, east, north = area.bounds
    while True:
        lon, lat = chance.uniform(west, east), chance.uniform(south, north)
        if area.contains(ShapelyPoint(lon, lat)):
            return venue_id, lon, lat


def _visit(on: Field, venue_id: str, lon: float, lat: float, error: Error) -> Json:
    fix = {
        "kind": "location",
        "lon": lon + degrees_east(error.east_m, lat),
        "lat": lat + error.north_m / DEGREE_M,
        "accuracy_m": error.accuracy_m,
        "captured_at": now().isoformat(),
        "provider": "gps",
    }
    body = {"venue_id": venue_id, "evidence": [fix]}
    result: Json = on.post("/v1/check-ins", body, on.customer())
    return result


def _count_answer(on: Field, traffic: Traffic, answer: Json) -> None:
    verdict = answer["verdict"]
    reasons: list[str] = []
    if verdict != "accepted":
        findings = on.findings(answer["id"])["findings"]
        reasons = [found["reason"] for found in findings if found["verdict"] == verdict]
    why = [offer["reason"]["code"] for offer in answer["locked"] if offer["reason"]]
    traffic.count(verdict, reasons, withheld=Why.LEVEL_TOO_LOW in why)


# Gowalla, through the service, at the times recorded


@dataclass(frozen=True)
class Replay:
    db: Database
    limits: Limits
    tools: Tools
    venue_ids: dict[str, UUID]
    customer_ids: dict[str, UUID]


def gowalla(
    db: Database, settings: Settings, errors: Sequence[Error], *, every: int = 1
) -> Traffic | None:
    """Recorded check-ins, of one user in `every`; None where the file is not at hand.

    The records hold the venue's position: each is displaced by the error of a real phone.
    """
    if not GOWALLA.exists():
        return None
    rows = _of_some_users(read(GOWALLA), every)
    replay = _prepare(db, settings, rows)
    with ThreadPoolExecutor(LANES) as pool:
        lanes = pool.map(lambda lane: _replay_lane(replay, rows, errors, lane), range(LANES))
        traffic = together("gowalla", list(lanes))
    traffic.customers = len(replay.customer_ids)
    traffic.source = "Gowalla in New York, through the service"
    if every > 1:
        traffic.source += f", of one user in {every}"
    return traffic


def _replay_lane(
    replay: Replay, rows: Sequence[Row], errors: Sequence[Error], lane: int
) -> Traffic:
    """The check-ins of some of the users, in order; a user's depend on no other's."""
    own = [row for row in rows if zlib.crc32(row.user.encode()) % LANES == lane]
    traffic, chance = Traffic("gowalla"), Random(SEED + lane)
    for row in progress(own, f"Gowalla, lane {lane}"):
        _replay(replay, row, _displaced(row, chance.choice(errors), chance), traffic)
    return traffic


def _of_some_users(rows: Sequence[Row], every: int) -> list[Row]:
    users = sorted({row.user for row in rows})
    chosen = set(Random(SEED).sample(users, len(users) // every))
    return [row for row in rows if row.user in chosen]


def _displaced(row: Row, error: Error, chance: Random) -> LocationFix:
    east_m = error.east_m + chance.uniform(-REDRAWN_M, REDRAWN_M)
    north_m = error.north_m + chance.uniform(-REDRAWN_M, REDRAWN_M)
    return LocationFix(
        lon=row.lon + degrees_east(east_m, row.lat),
        lat=row.lat + north_m / DEGREE_M,
        accuracy_m=error.accuracy_m,
        captured_at=row.at,
        provider="gps",
        mock=False,
    )


def _replay(replay: Replay, row: Row, fix: LocationFix, traffic: Traffic) -> None:
    command = checkins.CheckIn(replay.venue_ids[row.venue], Evidence(fix))
    customer_id = replay.customer_ids[row.user]
    with replay.db.transaction() as session:
        outcome = checkins.check_in(
            session, customer_id, command, replay.limits, replay.tools, row.at
        )
    judgement = outcome.judgement
    reasons = [
        found.reason.value
        for found in judgement.findings
        if found.verdict is judgement.verdict is not Verdict.ACCEPTED
    ]
    withheld = any(offer.standing.why is Why.LEVEL_TOO_LOW for offer in outcome.locked)
    traffic.count(judgement.verdict.word, reasons, withheld=withheld)
    if Reason.RAPID_FIRE in reasons:
        traffic.hurried[row.user] += 1


def _prepare(db: Database, settings: Settings, rows: Sequence[Row]) -> Replay:
    start = rows[0].at
    with db.transaction() as session:
        make_partitions(session, start=start, end=rows[-1].at)
        merchant, _ = accounts.create_merchant(session, "Gowalla", _secret, start)
        app, _, _ = accounts.create_app(session, "Gowalla", _secret, start)
        users = sorted({row.user for row in rows})
        customer_ids = {
            user: accounts.know_customer(session, app.id, user, start) for user in users
        }
    venue_ids = _make_venues(db, merchant.id, rows)
    _open_offer(db, merchant.id, tuple(venue_ids.values()), start)
    return Replay(db, limits_of(settings), _tools(settings), venue_ids, customer_ids)


def _make_venues(db: Database, merchant_id: UUID, rows: Sequence[Row]) -> dict[str, UUID]:
    places = {row.venue: Point(row.lon, row.lat) for row in reversed(rows)}
    names, ids = list(places), list[UUID]()
    for first in progress(range(0, len(names), BATCH), "venues, by the thousand"):
        batch = [_venue(name, places[name]) for name in names[first : first + BATCH]]
        with db.transaction() as session:
            ids += venues.create_venues(session, merchant_id, batch, rows[0].at)
    return dict(zip(names, ids, strict=True))


def _venue(name: str, at: Point) -> venues.CreateVenue:
    return venues.CreateVenue(
        name=f"Venue {name}",
        category="other",
        time_zone="America/New_York",
        fence=Circle(at, RADIUS_M),
    )


def _open_offer(
    db: Database, merchant_id: UUID, venue_ids: tuple[UUID, ...], start: datetime
) -> None:
    """One that opens at every visit, at level 1, at all venues."""
    terms = {
        "teaser": "Something",
        "terms": "Something",
        "reward": {"kind": "text", "text": "Something"},
        "rule": {"kind": "every_visit"},
        "value_minor": 500,
        "cost_minor": 200,
        "currency": "USD",
        "schedule": {},
        "min_level": 1,
        "valid_from": start,
        "valid_to": start + timedelta(days=3650),
    }
    with db.transaction() as session:
        group = venues.create_group(
            session, merchant_id, venues.WriteGroup("All venues", venue_ids), start
        )
        command = offers.WriteOffer(terms=terms, group_ids=(group.id,))
        offer = offers.create_offer(session, merchant_id, command, start)
        offers.set_status(
            session, offer_id=offer.id, merchant_id=merchant_id, status="active", now=start
        )


def _tools(settings: Settings) -> Tools:
    return Tools(
        vault=Vault(settings.secrets_key),
        sign_receipt=lambda claims, ttl: "",
        read_challenge=lambda token: None,
        random_bytes=secrets.token_bytes,
        guesses=GuessLimit(settings.guess_limit, settings.guess_window),
    )


def _secret() -> str:
    return secrets.token_urlsafe(32)
