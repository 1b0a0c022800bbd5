"""Use cases of exports: asked for, listed, given out, and deleted when their time is over."""

from __future__ import annotations

import base64
import binascii
import hmac
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from lbs.accounts.policy import MerchantKey
from lbs.audit.service import record
from lbs.db import Session, new_id
from lbs.exports import queries
from lbs.exports.errors import ExportGone, ExportLinkRefused, ExportNotFound, ExportNotReady
from lbs.exports.models import Export
from lbs.exports.policy import Content, CreateExport, is_over, link_text
from lbs.exports.service.scopes import check_content, venues_of
from lbs.jobs.app import enqueue
from lbs.vault import Vault

MAKE = "make_export"


@dataclass(frozen=True, slots=True)
class ExportView:
    """`rows`, `bytes` and `sha256` are known once it is ready."""

    id: UUID
    what: str
    format: str
    from_at: datetime
    to_at: datetime
    offer_id: UUID | None
    venue_id: UUID | None
    by: str | None
    time_zone: str | None
    schedule_id: UUID | None
    created_at: datetime
    state: str
    rows: int | None
    bytes: int | None
    sha256: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A finished file, whose parts are still to be read."""

    export_id: UUID
    name: str
    format: str
    size: int
    sha256: str
    ready_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    url: str = field(repr=False)
    expires_at: datetime


def create_export(
    session: Session, key: MerchantKey, command: CreateExport, now: datetime
) -> ExportView:
    """Ask for a file of what the ledger holds now; a worker makes it."""
    content = check_content(session, key, command.content, command.start, command.end)
    export = add_export(
        session, key.merchant_id, venues_of(key, content.venue_id), content,
        period=(command.start, command.end), now=now,
    )  # fmt: skip
    record(session, key.merchant_id, "export.created", export.id, after=_said(export), now=now)
    return view(export, now)


def add_export(
    session: Session,
    merchant_id: UUID,
    venue_ids: Sequence[UUID] | None,
    content: Content,
    *,
    period: tuple[datetime, datetime],
    schedule_id: UUID | None = None,
    now: datetime,
) -> Export:
    """The row and the job that makes the file; a merchant's files are made one after another."""
    export = Export(
        id=new_id(),
        merchant_id=merchant_id,
        venue_ids=None if venue_ids is None else list(venue_ids),
        schedule_id=schedule_id,
        what=content.what,
        format=content.format,
        from_at=period[0],
        to_at=period[1],
        offer_id=content.offer_id,
        venue_id=content.venue_id,
        by=content.by,
        time_zone=content.time_zone,
        created_at=now,
        state="queued",
        attempt=0,
    )
    session.add(export)
    session.flush()
    enqueue(session, MAKE, lock=f"exports {merchant_id}", export_id=str(export.id))
    return export


def load_export(session: Session, key: MerchantKey, export_id: UUID, now: datetime) -> ExportView:
    return view(_load(session, key, export_id), now)


def list_exports(
    session: Session, key: MerchantKey, now: datetime, *, limit: int, after: UUID | None
) -> list[ExportView]:
    rows = queries.list_exports(
        session, key.merchant_id, list(key.venue_ids), limit=limit, after=after
    )
    return [view(row, now) for row in rows]


def load_file(session: Session, key: MerchantKey, export_id: UUID, now: datetime) -> StoredFile:
    return _file(_load(session, key, export_id), now)


def create_link(
    session: Session,
    key: MerchantKey,
    export_id: UUID,
    vault: Vault,
    public_url: str,
    ttl: timedelta,
    now: datetime,
) -> Link:
    """An address that is good without a key, for a while, and not longer than the file."""
    export = _load(session, key, export_id)
    file = _file(export, now)
    until = now + ttl if export.expires_at is None else min(now + ttl, export.expires_at)
    said = {"expires_at": until}
    record(session, key.merchant_id, "export.link_created", file.export_id, after=said, now=now)
    return sign_link(file.export_id, until, vault, public_url)


def sign_link(export_id: UUID, until: datetime, vault: Vault, public_url: str) -> Link:
    expires = int(until.timestamp())
    signature = base64.urlsafe_b64encode(vault.digest(link_text(export_id, expires)))
    url = f"{public_url}/exports/{export_id}?expires={expires}&signature="
    return Link(url + signature.decode().rstrip("="), until.replace(microsecond=0))


def open_link(
    session: Session, export_id: UUID, expires: str, signature: str, vault: Vault, now: datetime
) -> StoredFile:
    """The file that a signed address leads to, whoever asks."""
    if not _is_signed(export_id, expires, signature, vault) or int(expires) <= now.timestamp():
        raise ExportLinkRefused
    export = queries.find_export(session, export_id)
    if export is None:
        raise ExportLinkRefused
    return _file(export, now)


class FileReader(io.RawIOBase):
    """Reads a stored file from wherever it is asked to, each part in a transaction of its own.

    So a slow client holds no connection, and no more than a part is in memory.
    """

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[Session]], file: StoredFile
    ) -> None:
        self._transaction, self._file, self._at = transaction, file, 0
        self._part, self._part_at = b"", 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, as many as the part has; none at the end."""
        if self._at >= self._file.size:
            return b""
        begin = self._at - self._part_at
        if not 0 <= begin < len(self._part):
            self._load_part()
            begin = self._at - self._part_at
        data = self._part[begin : None if size < 0 else begin + size]
        self._at += len(data)
        return data

    def _load_part(self) -> None:
        with self._transaction() as session:
            part = queries.find_part(session, self._file.export_id, self._at)
        if part is None or self._at >= part.byte_offset + len(part.data):
            raise ExportGone
        self._part, self._part_at = part.data, part.byte_offset


def expire(session: Session, now: datetime) -> int:
    """Delete the files whose time is over; how many."""
    gone = queries.expire_exports(session, now)
    queries.delete_parts(session, gone)
    return len(gone)


def view(export: Export, now: datetime) -> ExportView:
    return ExportView(
        id=export.id,
        what=export.what,
        format=export.format,
        from_at=export.from_at,
        to_at=export.to_at,
        offer_id=export.offer_id,
        venue_id=export.venue_id,
        by=export.by,
        time_zone=export.time_zone,
        schedule_id=export.schedule_id,
        created_at=export.created_at,
        state="expired" if is_over(export.state, export.expires_at, now) else export.state,
        rows=export.rows,
        bytes=export.bytes,
        sha256=export.sha256,
        expires_at=export.expires_at,
    )


def _load(session: Session, key: MerchantKey, export_id: UUID) -> Export:
    export = queries.find_own_export(session, export_id, key.merchant_id, list(key.venue_ids))
    if export is None:
        raise ExportNotFound
    return export


def _file(export: Export, now: datetime) -> StoredFile:
    if is_over(export.state, export.expires_at, now):
        raise ExportGone
    if export.bytes is None or export.sha256 is None or export.ready_at is None:
        raise ExportNotReady
    period = f"{export.from_at:%Y-%m-%d}-{export.to_at:%Y-%m-%d}"
    name = f"{export.what}-{period}.{export.format}"
    return StoredFile(export.id, name, export.format, export.bytes, export.sha256, export.ready_at)


def _is_signed(export_id: UUID, expires: str, signature: str, vault: Vault) -> bool:
    """Under any of the vault's keys; the time it takes tells nothing of a digest."""
    try:
        given = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        text = link_text(export_id, int(expires))
    except (ValueError, binascii.Error):
        return False
    return any(hmac.compare_digest(given, digest) for digest in vault.digests(text))


def _said(export: Export) -> dict[str, object]:
    names = ("what", "format", "from_at", "to_at", "offer_id", "venue_id", "by", "time_zone")
    return {name: getattr(export, name) for name in names}
