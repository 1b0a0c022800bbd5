"""Everything sealed under an older key of LBS_SECRETS_KEY, sealed anew under the newest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
from cryptography.fernet import InvalidToken
from sqlalchemy import Row, text

from lbs.checkins.policy import spell_position
from lbs.db import Database, Session
from lbs.facebook_login.policy import user_name
from lbs.unlocks.policy import read_any
from lbs.vault import Vault

BATCH = 500
DEVICES = (
    "Older keys can be taken off LBS_SECRETS_KEY now. Devices that registered under one are known "
    "again only as long as it is listed."
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column with secrets and, where they are found again by a digest, what that is of."""

    table: str
    key: str
    column: str
    digest: str | None = None
    digested: Callable[[Row[Any], str], str] = lambda _, secret: secret

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


SEALED = (
    Sealed("signing_key", "id", "sealed_private"),
    Sealed("app", "id", "sealed_integrity"),
    Sealed("venue_proof", "id", "sealed_secret"),
    Sealed(
        "wristband",
        "id",
        "sealed_tag",
        "tag_digest",
        lambda row, tag: f"wristband {row.merchant_id} {tag}",
    ),
    Sealed("unlock", "id", "sealed_code", "code_digest", lambda _, code: read_any(code)),
    Sealed("offer_code", "id", "sealed_code", "code_digest", lambda _, code: read_any(code)),
    Sealed("friend_invitation", "id", "sealed_code", "code_digest"),
    Sealed("share", "id", "sealed_token"),
    Sealed("experiment", "id", "sealed_key"),
    Sealed("webhook_endpoint", "id", "sealed_secret"),
    Sealed("webhook_endpoint", "id", "sealed_old_secret"),
    Sealed(
        "facebook_user_link",
        "customer_id",
        "sealed_user_id",
        "user_digest",
        lambda _, user_id: user_name(user_id),
    ),
    Sealed("facebook_page", "id", "sealed_token"),
    Sealed("facebook_engaged_post", "post_id", "sealed_salt"),
    Sealed("conversion_setting", "merchant_id", "sealed_token"),
    Sealed("fix", "check_in_id", "sealed", "digest", lambda _, at: spell_position(*json.loads(at))),
    Sealed("idempotent_answer", "key_digest", "answer"),
)


@dataclass(frozen=True, slots=True)
class Count:
    """How many were sealed anew, and how many no listed key opens."""

    resealed: int = 0
    unreadable: int = 0


def reseal(db: Database, vault: Vault) -> Iterator[tuple[Sealed, Count]]:
    """Each column in turn, in transactions of 500 rows.

    Broken off and begun again, it finds what is done already and goes on. What a running service
    writes meanwhile is under its own newest key, so it has to know the new key beforehand.
    """
    for sealed in SEALED:
        yield sealed, _reseal_column(db, vault, sealed)


def report(done: Iterable[tuple[Sealed, Count]]) -> Iterator[str]:
    """What an operator wants to know: how many of each, and whether the old keys can go."""
    unreadable = 0
    for sealed, count in done:
        yield f"{sealed.name:<26} {count.resealed:>9,} sealed anew"
        unreadable += count.unreadable
    if unreadable:
        raise click.ClickException(
            f"{unreadable:,} secrets open under no listed key: put theirs back on LBS_SECRETS_KEY."
        )
    yield DEVICES


def _reseal_column(db: Database, vault: Vault, sealed: Sealed) -> Count:
    after, resealed, unreadable = None, 0, 0
    while True:
        with db.transaction() as session:
            rows = read_batch(session, sealed, after)
            changes = [_change(vault, sealed, row) for row in rows]
            resealed += write_batch(session, sealed, [change for change in changes if change])
        unreadable += changes.count(None)
        if len(rows) < BATCH:
            return Count(resealed, unreadable)
        after = getattr(rows[-1], sealed.key)


def _change(vault: Vault, sealed: Sealed, row: Row[Any]) -> dict[str, Any] | None:
    """What to write to the row: nothing where it is under the newest key; None: unreadable."""
    old = getattr(row, sealed.column)
    try:
        new = vault.reseal(old)
    except InvalidToken:
        return None
    if new == old:
        return {}
    secret = vault.unseal(new) if sealed.digest else ""
    return {
        "key": getattr(row, sealed.key),
        "old": old,
        "new": new,
        "digest": vault.digest(sealed.digested(row, secret)),
    }


def read_batch(session: Session, sealed: Sealed, after: Any) -> Sequence[Row[Any]]:
    """The next batch; no lock, so that nobody at a till waits."""
    later = f"AND {sealed.key} > :after" if after is not None else ""
    statement = f"""
        SELECT * FROM "{sealed.table}" WHERE {sealed.column} IS NOT NULL {later}
        ORDER BY {sealed.key} LIMIT {BATCH}
    """
    return session.execute(text(statement), {"after": after} if later else {}).all()


def write_batch(session: Session, sealed: Sealed, changes: list[dict[str, Any]]) -> int:
    """Rows that were written to or deleted since they were read stay as they are."""
    digest = f", {sealed.digest} = :digest" if sealed.digest else ""
    statement = text(f"""
        UPDATE "{sealed.table}" SET {sealed.column} = :new{digest}
        WHERE {sealed.key} = :key AND {sealed.column} = :old
    """)
    if changes:
        session.execute(statement, changes)
    return len(changes)
