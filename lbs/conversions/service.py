"""Use cases of conversions: consents, the merchant's setting, what is told to Meta and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lbs.accounts.policy import pseudonym
from lbs.accounts.service import require_customer
from lbs.audit.policy import WITHHELD
from lbs.audit.service import record
from lbs.conversions import policy, queries, rules
from lbs.conversions.errors import (
    ConsentPurposeUnknown,
    ConversionsHeld,
    ConversionsNotSet,
    ConversionTokenNeeded,
)
from lbs.conversions.models import Consent, Conversion, ConversionSetting
from lbs.conversions.policy import PURPOSES, Result, Standing
from lbs.db import Session, new_id
from lbs.graph.policy import Action
from lbs.jobs.app import enqueue
from lbs.vault import Unreadable, Vault

SEND = "send_conversions"
"""The task that sends what is due of one merchant."""
PRIORITY = -1
"""Meta may take its time: what else there is to do comes first."""
BATCH = 1000
"""So many facts of the ledger are read at once."""


@dataclass(frozen=True, slots=True)
class GiveConsent:
    """`email_hash` and `phone_hash` are all that is kept of an address and a number."""

    text_version: str
    email_hash: str | None = field(default=None, repr=False)
    phone_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConsentView:
    purpose: str
    text_version: str
    given_at: datetime
    has_email: bool
    has_phone: bool


@dataclass(frozen=True, slots=True)
class WriteSetting:
    """Without an access token, the one before is kept."""

    dataset_id: str
    venue_ids: tuple[UUID, ...]
    access_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SettingView:
    dataset_id: str
    venue_ids: tuple[UUID, ...]
    status: str
    paused_until: datetime | None
    unreceived: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ConversionView:
    id: UUID
    event_name: str
    event_time: datetime
    test_event_code: str | None
    state: str
    failed: int
    problem: str | None
    error_code: int | None
    trace_id: str | None
    created_at: datetime
    next_try_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Load:
    """What was taken of a merchant's conversions to be sent, by what can go together."""

    merchant_id: UUID
    dataset_id: str
    until: datetime
    """Nobody else takes them before."""
    batches: list[list[rules.Conversion]]
    failed: dict[UUID, int]
    """How many tries were in vain before."""
    sealed_token: str = field(repr=False)
    access_token: str = field(repr=False)


def list_consents(session: Session, customer_id: UUID) -> list[ConsentView]:
    return [_view_consent(row) for row in queries.list_consents(session, customer_id)]


def give_consent(
    session: Session, customer_id: UUID, purpose: str, command: GiveConsent, now: datetime
) -> ConsentView:
    """Given again, it is as it is given last."""
    _known(purpose)
    require_customer(session, customer_id)
    row = queries.upsert_consent(
        session,
        id=new_id(),
        customer_id=customer_id,
        purpose=purpose,
        text_version=command.text_version,
        given_at=now,
        email_hash=command.email_hash,
        phone_hash=command.phone_hash,
    )
    return _view_consent(row)


def withdraw_consent(session: Session, customer_id: UUID, purpose: str) -> None:
    """With the hashes, and with all that was not sent yet; there may have been no consent."""
    queries.delete_consent(session, customer_id, _known(purpose))


def load_setting(session: Session, merchant_id: UUID) -> SettingView:
    return _view_setting(session, _load(session, merchant_id))


def write_setting(
    session: Session, merchant_id: UUID, command: WriteSetting, vault: Vault, now: datetime
) -> SettingView:
    """A token that is given is taken to be good: what waits is sent with it."""
    queries.lock_merchant(session, merchant_id)
    setting = queries.find_setting(session, merchant_id)
    before = _said(session, setting) if setting else None
    if setting is None:
        setting = _new_setting(merchant_id, command, vault, now)
        session.add(setting)
    is_replaced = _take_token(setting, command.access_token, vault)
    setting.dataset_id = command.dataset_id
    session.flush()
    queries.choose_venues(session, merchant_id, tuple(dict.fromkeys(command.venue_ids)))
    after = _said(session, setting) | ({"access_token": "replaced"} if is_replaced else {})
    if after != before:
        setting.updated_at = now
        session.flush()
    action = "conversion_setting.set"
    record(session, merchant_id, action, merchant_id, before=before, after=after, now=now)
    return _view_setting(session, setting)


def delete_setting(session: Session, merchant_id: UUID, now: datetime) -> None:
    """With what is still to be sent, and the log of what was."""
    setting = _load(session, merchant_id, lock=True)
    before = _said(session, setting)
    session.delete(setting)
    session.flush()
    action = "conversion_setting.deleted"
    record(session, merchant_id, action, merchant_id, before=before, now=now)


def send_test(session: Session, merchant_id: UUID, code: str, now: datetime) -> ConversionView:
    """An event of nobody, which Meta shows among the tests of this code."""
    if _load(session, merchant_id).status != "active":
        raise ConversionsHeld
    test = _row(merchant_id, rules.CHECK_IN, now, now)
    test.order_id, test.test_event_code = test.id, code
    session.add(test)
    session.flush()
    _wake(session, merchant_id)
    return _view(test)


def list_conversions(
    session: Session, merchant_id: UUID, *, state: str | None, limit: int, after: UUID | None
) -> list[ConversionView]:
    _load(session, merchant_id)
    rows = queries.list_conversions(session, merchant_id, state=state, limit=limit, after=after)
    return [_view(row) for row in rows]


def publish_facts(session: Session, now: datetime, *, limit: int = BATCH) -> bool:
    """Take up what the ledger has come to say since it was last read; whether there may be more.

    The position moves in the same transaction, so every fact makes one conversion, however often
    a worker dies over it. Of customers who do not consent there is none.
    """
    position = queries.lock_position(session)
    facts = queries.read_ledger(session, position, limit) if position else []
    if not facts:
        return False
    agreed = [fact for fact in facts if fact.consent_id and rules.name_of(fact)]
    held = queries.hold_consents(session, sorted({fact.consent_id for fact in agreed}))
    made = [_of_fact(fact, now) for fact in agreed if fact.consent_id in held]
    session.add_all(made)
    session.flush()
    for merchant_id in sorted({conversion.merchant_id for conversion in made}):
        _wake(session, merchant_id)
    queries.move_on(session, facts[-1])
    return len(facts) == limit


def due_merchants(session: Session, now: datetime) -> list[UUID]:
    """Those of whom something is to be sent now."""
    return queries.due_merchants(session, now)


def take(session: Session, merchant_id: UUID, vault: Vault, now: datetime) -> Load | None:
    """What is due of the merchant's, with consents as they are now; nobody else has it then.

    What is not to be sent any more is dropped, with the reason.
    """
    until = now + policy.LEASE
    rows = queries.claim(session, merchant_id, until=until, limit=policy.SIZE, now=now)
    if not rows:
        return None
    good = []
    for row in rows:
        conversion = _conversion(row)
        standing = Standing(row.is_reversed, row.is_voided, row.is_chosen)
        problem = policy.reason_to_drop(row.time, standing, now)
        if problem:
            queries.drop(session, ids=[row.id], until=until, problem=problem)
        elif rules.is_sound(rules.event_of(conversion)):
            good.append(conversion)
        else:
            _bury(session, [row.id], until, policy.MALFORMED, Result())
    first = rows[0]
    return Load(
        merchant_id=merchant_id,
        dataset_id=first.dataset_id,
        until=until,
        batches=policy.batches(good, now),
        failed={row.id: row.failed for row in rows},
        sealed_token=first.sealed_token,
        access_token=vault.unseal(first.sealed_token),
    )


def settle(
    session: Session,
    load: Load,
    batch: Sequence[rules.Conversion],
    result: Result,
    chance: float,
    now: datetime,
) -> None:
    """Keep what came of a call; what was taken by others since stays as they left it."""
    ids, until = policy.ids_of(batch), load.until
    if result.taken:
        queries.mark_sent(session, ids=ids, until=until, trace_id=result.trace_id, now=now)
    elif result.refused and len(batch) == 1:
        _bury(session, ids, until, policy.REFUSED, result)
    elif result.action is Action.RETRY:
        for conversion_id in ids:
            failed = load.failed[conversion_id] + 1
            due = policy.next_try(failed, chance, now)
            _try_later(session, conversion_id, until, failed, due, result)
    _hold(session, load, result, len(batch), chance, now)


def give_back(session: Session, load: Load, due: datetime) -> None:
    """What was taken and not sent is there for others from then on."""
    queries.give_back(session, merchant_id=load.merchant_id, until=load.until, due=due)


def list_dead(session: Session) -> Sequence[Conversion]:
    """What was given up, of all merchants."""
    return queries.list_dead(session)


def replay(session: Session, now: datetime, merchant_id: UUID | None = None) -> int:
    """Try dead conversions anew, all or one merchant's; how many there are."""
    return queries.replay(session, merchant_id, now)


def forget_old(session: Session, now: datetime) -> None:
    """Nobody takes them any more."""
    queries.forget(session, now - policy.LONGEST)


def lock_of(merchant_id: UUID) -> str:
    """Under this name one worker at a time sends what is the merchant's."""
    return f"conversions {merchant_id}"


def _known(purpose: str) -> str:
    if purpose not in PURPOSES:
        raise ConsentPurposeUnknown
    return purpose


def _load(session: Session, merchant_id: UUID, *, lock: bool = False) -> ConversionSetting:
    setting = queries.find_setting(session, merchant_id, lock=lock)
    if setting is None:
        raise ConversionsNotSet
    return setting


def _new_setting(
    merchant_id: UUID, command: WriteSetting, vault: Vault, now: datetime
) -> ConversionSetting:
    if command.access_token is None:
        raise ConversionTokenNeeded
    return ConversionSetting(
        merchant_id=merchant_id,
        dataset_id=command.dataset_id,
        sealed_token=vault.seal(command.access_token),
        status="active",
        unreceived=0,
        created_at=now,
        updated_at=now,
    )


def _take_token(setting: ConversionSetting, token: str | None, vault: Vault) -> bool:
    """Whether it is another than before."""
    if token is None:
        return False
    is_another = _opened(setting.sealed_token, vault) != token
    if is_another:
        setting.sealed_token = vault.seal(token)
    setting.status, setting.paused_until = "active", None
    return is_another


def _opened(sealed: str, vault: Vault) -> str | None:
    try:
        return vault.unseal(sealed)
    except Unreadable:
        return None


def _of_fact(fact: Any, now: datetime) -> Conversion:
    conversion = _row(fact.merchant_id, rules.name_of(fact) or "", fact.at, now)
    conversion.fact_id, conversion.consent_id = fact.id, fact.consent_id
    conversion.consent_text_version, conversion.consent_given_at = fact.text_version, fact.given_at
    conversion.order_id = fact.redemption_id or fact.check_in_id
    conversion.venue_id, conversion.offer_ids = fact.venue_id, list(fact.content_ids)
    if conversion.name == rules.PURCHASE:
        conversion.amount_minor, conversion.currency = fact.amount_minor, fact.currency
    return conversion


def _row(merchant_id: UUID, name: str, at: datetime, now: datetime) -> Conversion:
    """A conversion that is due, of nobody yet."""
    return Conversion(
        id=new_id(),
        merchant_id=merchant_id,
        name=name,
        time=rules.time_of(at, now),
        offer_ids=[],
        state="pending",
        failed=0,
        next_try_at=now,
        created_at=now,
    )


def _conversion(row: Any) -> rules.Conversion:
    """With the hashes of who it is of, as the customer's consent has them now."""
    who = pseudonym(row.subject_id, row.pseudonym_key) if row.subject_id else row.id
    return rules.Conversion(
        id=row.id,
        name=row.name,
        time=row.time,
        order_id=row.order_id,
        venue_id=row.venue_id,
        offer_ids=tuple(row.offer_ids),
        amount_minor=row.amount_minor,
        currency=row.currency,
        external_id=rules.hashed(str(who)),
        email_hash=row.email_hash,
        phone_hash=row.phone_hash,
        test_event_code=row.test_event_code,
    )


def _bury(
    session: Session, ids: Sequence[UUID], until: datetime, problem: str, result: Result
) -> None:
    """They are kept as they are, to be tried anew when somebody says so."""
    why = {"problem": problem, "error_code": result.code, "trace_id": result.trace_id}
    queries.bury(session, ids=ids, until=until, **why)


def _try_later(
    session: Session,
    conversion_id: UUID,
    until: datetime,
    failed: int,
    due: datetime | None,
    result: Result,
) -> None:
    ids = [conversion_id]
    if due is None:
        _bury(session, ids, until, policy.GIVEN_UP, result)
        return
    why = {"error_code": result.code, "trace_id": result.trace_id}
    queries.put_back(session, ids=ids, until=until, failed=failed, next_try_at=due, **why)


def _hold(
    session: Session, load: Load, result: Result, sent: int, chance: float, now: datetime
) -> None:
    """What the answer says of the merchant's sending as a whole."""
    status = policy.HELD.get(result.action) if result.action else None
    pause = policy.pause_of(result, chance)
    unreceived = max(sent - result.received, 0) if result.taken else 0
    if not (status or pause or unreceived):
        return
    changed = queries.hold(
        session,
        merchant_id=load.merchant_id,
        sealed_token=load.sealed_token,
        status=status,
        paused_until=now + pause if pause else None,
        unreceived=unreceived,
    )
    if changed and status:
        said = {"before": {"status": "active"}, "after": {"status": status}}
        action, merchant_id = "conversion_setting.held", load.merchant_id
        record(session, merchant_id, action, merchant_id, **said, now=now)


def _wake(session: Session, merchant_id: UUID) -> None:
    lock = lock_of(merchant_id)
    enqueue(session, SEND, lock=lock, priority=PRIORITY, merchant_id=str(merchant_id))


def _said(session: Session, setting: ConversionSetting) -> dict[str, Any]:
    """What the audit log says of a setting."""
    return {
        "dataset_id": setting.dataset_id,
        "venue_ids": queries.venues_of(session, setting.merchant_id),
        "status": setting.status,
        "access_token": WITHHELD,
    }


def _view_consent(row: Consent) -> ConsentView:
    has_email, has_phone = row.email_hash is not None, row.phone_hash is not None
    return ConsentView(row.purpose, row.text_version, row.given_at, has_email, has_phone)


def _view_setting(session: Session, setting: ConversionSetting) -> SettingView:
    return SettingView(
        dataset_id=setting.dataset_id,
        venue_ids=tuple(queries.venues_of(session, setting.merchant_id)),
        status=setting.status,
        paused_until=setting.paused_until,
        unreceived=setting.unreceived,
        created_at=setting.created_at,
        updated_at=setting.updated_at,
    )


def _view(row: Conversion) -> ConversionView:
    return ConversionView(
        id=row.id,
        event_name=row.name,
        event_time=datetime.fromtimestamp(row.time, UTC),
        test_event_code=row.test_event_code,
        state=row.state,
        failed=row.failed,
        problem=row.problem,
        error_code=row.error_code,
        trace_id=row.trace_id,
        created_at=row.created_at,
        next_try_at=row.next_try_at,
        sent_at=row.sent_at,
    )
