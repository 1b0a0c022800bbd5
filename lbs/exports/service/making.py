"""A worker makes the file of an export, read in one snapshot, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lbs.accounts.policy import pseudonym
from lbs.accounts.queries import pseudonym_key
from lbs.db import Session
from lbs.exports import queries
from lbs.exports.models import Export
from lbs.exports.rules.columns import COLUMNS
from lbs.exports.rules.series import tabulate
from lbs.exports.service import MAKE, sign_link
from lbs.exports.service.files import WRITERS, Digest
from lbs.exports.service.scopes import series_scope
from lbs.http.fields import rfc3339
from lbs.jobs.app import enqueue
from lbs.stats import service as stats
from lbs.vault import Vault
from lbs.webhooks.service import publish

PART_BYTES = 1024 * 1024
AGAIN = timedelta(seconds=1)


class TakenOver(Exception):
    """Another worker makes the export, this one having been taken for dead."""


class Making:
    """One attempt at a file: what it has come to so far."""

    def __init__(self, export: Export) -> None:
        self.export, self.rows = export, 0
        self.digest = Digest(PART_BYTES)

    def parts(self, session: Session, min_group: int) -> Iterator[tuple[int, bytes]]:
        """Each part with where it begins, read in one snapshot.

        A series does not tell of fewer customers than `min_group`.
        """
        queries.fix_snapshot(session)
        export = self.export
        rows = (
            _series(session, export, min_group)
            if export.what == "series"
            else _facts(session, export)
        )
        write = WRITERS[export.format]
        pieces = write(COLUMNS[export.what], self._count(rows), _about(export))
        for part in self.digest.cut(pieces):
            yield self.digest.bytes - len(part), part

    def _count(self, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            self.rows += 1
            yield row


def begin(session: Session, export_id: UUID) -> Making | None:
    """Set out to make it, anew where somebody began before; None where there is nothing to do.

    While transactions are open that began before it was asked for, it is tried again later.
    """
    export = queries.find_export(session, export_id)
    if export is None:
        return None
    if queries.watermark(session) <= int(export.transaction_id):
        lock = f"exports {export.merchant_id}"
        enqueue(session, MAKE, after=AGAIN, lock=lock, export_id=str(export_id))
        return None
    begun = queries.begin_export(session, export_id)
    if begun is None:
        return None
    queries.delete_parts(session, [export_id])
    return Making(begun)


def keep(session: Session, making: Making, byte_offset: int, part: bytes) -> None:
    if not queries.store_part(session, making.export, byte_offset, part):
        raise TakenOver


def finish(
    session: Session,
    making: Making,
    vault: Vault,
    public_url: str,
    ttl: timedelta,
    now: datetime,
) -> None:
    """From now on the file can be had; of a schedule's, the merchant is told."""
    export = queries.finish_export(
        session,
        making.export,
        rows=making.rows,
        bytes_=making.digest.bytes,
        sha256=making.digest.sha256,
        now=now,
        expires_at=now + ttl,
    )
    if export is None:
        raise TakenOver
    if export.schedule_id:
        url = sign_link(export.id, now + ttl, vault, public_url).url
        publish(session, export.merchant_id, "export.ready", _announcement(export, url), now)


def give_up(session: Session, making: Making) -> None:
    if queries.fail_export(session, making.export):
        queries.delete_parts(session, [making.export.id])


def _facts(session: Session, export: Export) -> Iterator[tuple[Any, ...]]:
    """Customers go by the merchant's own pseudonyms."""
    key = pseudonym_key(session, export.merchant_id)
    at = [column.name for column in COLUMNS[export.what]].index("customer")
    for row in queries.stream_rows(session, export):
        subject_id = row[at]
        yield (*row[:at], subject_id and pseudonym(subject_id, key), *row[at + 1 :])


def _series(session: Session, export: Export, min_group: int) -> Iterator[tuple[Any, ...]]:
    scope = replace(series_scope(session, export), min_group=min_group)
    found = stats.series(session, scope, by=export.by or "day", time_zone=export.time_zone)
    for item in found["items"]:
        yield from tabulate(item)


def _about(export: Export) -> dict[str, str]:
    """What the file says of itself, where its format lets it."""
    return {
        "what": export.what,
        "from": rfc3339(export.from_at),
        "to": rfc3339(export.to_at),
        **({"by": export.by} if export.by else {}),
        **({"time_zone": export.time_zone} if export.time_zone else {}),
    }


def _announcement(export: Export, url: str) -> dict[str, Any]:
    return {
        "export_id": str(export.id),
        "schedule_id": str(export.schedule_id),
        **_about(export),
        "format": export.format,
        "rows": export.rows,
        "bytes": export.bytes,
        "sha256": export.sha256,
        "url": url,
        "expires_at": export.expires_at and rfc3339(export.expires_at),
    }
