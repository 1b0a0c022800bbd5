"""The sample: Copenhagen venues with their real buildings, a merchant and an app to try."""

from __future__ import annotations

import gzip
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import marshmallow as ma

from lbs.accounts import service as accounts
from lbs.accounts.queries import merchant_exists
from lbs.db import Database
from lbs.venues.schemas import read_feature
from lbs.venues.service import CreateVenue, create_venues

FILE = Path(__file__).parent / "sample" / "copenhagen.geojson.gz"


@dataclass(frozen=True, slots=True)
class Sample:
    """What it takes to try the sample by hand."""

    merchant_id: str
    merchant_key: str
    publishable_key: str
    backend_key: str


def features() -> list[dict[str, Any]]:
    """The venues that have a building."""
    collection = json.loads(gzip.decompress(FILE.read_bytes()))
    return [f for f in collection["features"] if f["geometry"]["type"] != "Point"]


def venues() -> tuple[list[CreateVenue], int]:
    """The sample's venues, and how many came without hours because theirs are not readable."""
    found, without = [], 0
    for feature in features():
        try:
            found.append(read_feature(feature))
        except ma.ValidationError:
            without += 1
            del feature["properties"]["opening_hours"]
            found.append(read_feature(feature))
    return found, without


def load(db: Database, keep: Path, now: datetime) -> tuple[Sample, int]:
    """The sample, loaded once a database; how many venues were loaded now.

    The keys are kept in the file `keep`, which only its owner can read: they are shown once.
    """
    if keep.exists():
        sample = Sample(**json.loads(keep.read_text()))
        with db.transaction() as session:
            if merchant_exists(session, sample.merchant_id):
                return sample, 0
    commands, _ = venues()
    with db.transaction() as session:
        merchant, key = accounts.create_merchant(session, "Copenhagen sample", _secret, now)
        _, publishable, backend = accounts.create_app(session, "Sample app", _secret, now)
        create_venues(session, merchant.id, commands, now)
    sample = Sample(str(merchant.id), key.token or "", publishable, backend)
    keep.touch(mode=0o600)
    keep.write_text(json.dumps(asdict(sample)))
    return sample, len(commands)


def _secret() -> str:
    return secrets.token_urlsafe(32)
