"""
An answer is stored in the transaction that earned it, so a retry gets the same answer.

Follows draft-ietf-httpapi-idempotency-key-header-07: 400 where the key is missing, 409 while the
first request is in flight, 422 for another payload under the same key, else the stored answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from flask import Response, g, request
from psycopg.errors import UniqueViolation
from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model, Session, Statement
from lbs.errors import LbsError, Refused
from lbs.http.context import OpenTransaction, database, now, principal, vault
from lbs.http.problems import from_domain

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
KEPT_HEADERS = ("Content-Type", "ETag")


class StoredAnswer(Model):
    __tablename__ = "idempotent_answer"
    key_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    answer: Mapped[str]
    principal: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)


class RequestInFlight(Refused):
    """A request with the same `Idempotency-Key` is being carried out right now.

    Wait the seconds in `Retry-After` and send the same request again: you will get the answer
    of the first.
    """

    code = "request-in-flight"
    title = "The same request is still being carried out"


class IdempotencyKeyNeeded(LbsError):
    """The operation changes something and came without the header `Idempotency-Key`.

    Send a fresh random value of at most 255 characters, such as a UUID, and the same one when
    you send the same request again: it is then carried out once, however often it is sent.
    """

    status = HTTPStatus.BAD_REQUEST
    code = "idempotency-key-needed"
    title = "This operation needs the header Idempotency-Key"


class IdempotencyKeyReused(LbsError):
    """The `Idempotency-Key` was used for another request within the last 24 hours.

    Use a fresh value for every new request, the same value only to repeat one.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency-key-reused"
    title = "This Idempotency-Key was used for another request"


LOOK_UP = Statement("""
    SELECT pg_try_advisory_xact_lock(:lock) AS mine, stored.fingerprint, stored.answer
    FROM (VALUES (1)) AS always LEFT JOIN idempotent_answer AS stored
      ON stored.key_digest = :key_digest
""")

STORE = Statement("""
    INSERT INTO idempotent_answer (key_digest, fingerprint, answer, principal, created_at)
    VALUES (:key_digest, :fingerprint, :answer, :principal, :created_at)
""")


def once(view: Callable[[], Response]) -> Response:
    """Run the view in one transaction with its stored answer, or give the stored answer.

    A refusal raised inside the view's own transaction block rolls everything back and is not
    stored; one raised after the block is an answer like any other.
    """
    scope, key_digest = _scope_and_digest()
    fingerprint = hashlib.sha256(
        f"{request.method} {request.full_path}\n".encode() + request.get_data()
    ).digest()
    try:
        with database().transaction() as session:
            g.transaction = OpenTransaction(session)
            stored = _find(session, key_digest)
            if stored:
                if stored[0] != fingerprint:
                    raise IdempotencyKeyReused
                return _replay(stored[1])
            response = _answer(view, g.transaction)
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                row = {
                    "key_digest": key_digest,
                    "fingerprint": fingerprint,
                    "answer": _pack(response),
                    "principal": scope,
                    "created_at": now(),
                }
                STORE.do(session, row)
            return response
    except UniqueViolation as error:
        if error.diag.constraint_name == "pk_idempotent_answer":
            raise RequestInFlight(retry_after=1) from error
        raise
    finally:
        g.pop("transaction", None)


def is_answered() -> bool:
    """Whether the request was carried out before; another may be in flight."""
    _, key_digest = _scope_and_digest()
    with database().transaction() as session:
        found = LOOK_UP.one(session, {"lock": _lock_of(key_digest), "key_digest": key_digest})
    return found.answer is not None


def _scope_and_digest() -> tuple[str, bytes]:
    """Whose key it is, and under what its answer is stored."""
    key, scope = request.headers.get(HEADER, ""), principal().scope_id
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        raise IdempotencyKeyNeeded
    return scope, hashlib.sha256(f"{scope}\n{key}".encode()).digest()


def _answer(view: Callable[[], Response], opened: OpenTransaction) -> Response:
    try:
        return view()
    except LbsError as refusal:
        if opened.failed:
            raise
        return from_domain(refusal)


def _find(session: Session, key_digest: bytes) -> tuple[bytes, str] | None:
    row = LOOK_UP.one(session, {"lock": _lock_of(key_digest), "key_digest": key_digest})
    if row.answer is not None:
        return row.fingerprint, row.answer
    if not row.mine:
        raise RequestInFlight(retry_after=1)
    return None


def _lock_of(key_digest: bytes) -> int:
    return int.from_bytes(key_digest[:8], signed=True)


def _pack(response: Response) -> str:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    head = json.dumps([response.status_code, kept])
    return vault().seal(f"{head}\n{response.get_data(as_text=True)}")


def _replay(sealed: str) -> Response:
    head, body = vault().unseal(sealed).split("\n", 1)
    status, headers = json.loads(head)
    return Response(body, status, {**headers, "Idempotency-Replayed": "true"})
