"""Use cases of Facebook Login: signing in, linking, and what Facebook's callbacks ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lbs.accounts import service as accounts
from lbs.accounts.errors import CustomerGone
from lbs.accounts.service import Entropy, Issued
from lbs.codes import bare
from lbs.db import Session
from lbs.facebook_login import queries
from lbs.facebook_login.errors import FacebookAccountTaken
from lbs.facebook_login.policy import SignedRequest, user_name
from lbs.http import guesses
from lbs.http.guesses import GuessLimit
from lbs.jobs.app import enqueue
from lbs.vault import Vault

END_PAGE = "end_facebook_page"
"""The task that ends what a Page was connected for."""
DELETIONS_KEPT_FOR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Person:
    """Who Facebook says it is, in one of the apps here."""

    app_id: UUID
    user_id: str


def sign_in(
    session: Session,
    person: Person,
    device_id: str,
    vault: Vault,
    ttl: timedelta,
    secret: Entropy,
    now: datetime,
) -> Issued:
    """Tokens for the customer who is linked to this person, made and linked where there is none."""
    app_id, digests = person.app_id, _lock(session, person.user_id, vault)
    customer_id = queries.find_linked(session, app_id, digests)
    if customer_id is None:
        customer_id = accounts.add_customer(session, app_id, now)
        _link(session, customer_id, person, vault, now)
    accounts.know_device(session, customer_id, app_id, device_id, vault, now)
    return accounts.start_session(session, customer_id, app_id, ttl, secret, now)


def link(session: Session, customer_id: UUID, user_id: str, vault: Vault, now: datetime) -> None:
    """From now on the customer can sign in as this person; as another linked before, no more."""
    digests = _lock(session, user_id, vault)
    app_id = queries.lock_customer(session, customer_id)
    if app_id is None:
        raise CustomerGone
    linked = queries.find_linked(session, app_id, digests)
    if linked is None:
        _link(session, customer_id, Person(app_id, user_id), vault, now)
    elif linked != customer_id:
        raise FacebookAccountTaken


def unlink(session: Session, customer_id: UUID) -> None:
    if queries.lock_customer(session, customer_id) is None:
        raise CustomerGone
    queries.unlink(session, customer_id)


def wait_s(session: Session, caller: str, limit: GuessLimit, now: datetime) -> int:
    """The seconds that somebody has to wait whose tokens were refused too often."""
    return guesses.wait_s(session, _guessers(caller), limit, now)


def count_refused(session: Session, caller: str, limit: GuessLimit, now: datetime) -> None:
    guesses.count_guess(session, _guessers(caller), limit, now)


def deauthorise(session: Session, request: SignedRequest, vault: Vault, now: datetime) -> None:
    """The person, or the Page, has removed the app."""
    if request.page_id is not None:
        asked_at = request.asked_at(now).isoformat()
        enqueue(session, END_PAGE, page_id=request.page_id, asked_at=asked_at)
    else:
        queries.unlink_user(session, _lock(session, request.user_id, vault))


def delete_data(
    session: Session,
    request: SignedRequest,
    vault: Vault,
    new_code: Callable[[], str],
    now: datetime,
) -> str:
    """Delete all that is kept of this person from Facebook; the code of the page that says so.

    It is done every time, and the same request has the same code. What the customer did here did
    not come from Facebook and stays, as long as the customer is not erased.
    """
    deauthorise(session, request, vault, now)
    name = f"facebook deletion {request.page_id or request.user_id} {request.issued_at}"
    digests = vault.digests(name)
    queries.lock_user(session, digests[0])
    code = queries.find_code(session, digests)
    if code is None:
        code = new_code()
        queries.add_deletion(session, code=code, digest=digests[0], now=now)
    return code


def find_deletion(session: Session, code: str) -> datetime | None:
    """When the deletion of this code was done."""
    typed = bare(code)
    return queries.find_deletion(session, typed) if typed.isalnum() else None


def forget_old(session: Session, now: datetime) -> None:
    queries.forget_deletions(session, now - DELETIONS_KEPT_FOR)


def _lock(session: Session, user_id: str, vault: Vault) -> list[bytes]:
    """The digests that the person may be known by."""
    digests = vault.digests(user_name(user_id))
    queries.lock_user(session, digests[0])
    return digests


def _link(session: Session, customer_id: UUID, person: Person, vault: Vault, now: datetime) -> None:
    queries.link(
        session,
        customer_id=customer_id,
        app_id=person.app_id,
        digest=vault.digest(user_name(person.user_id)),
        sealed=vault.seal(person.user_id),
        now=now,
    )


def _guessers(caller: str) -> dict[str, int]:
    return {f"facebook {caller}": 1}
