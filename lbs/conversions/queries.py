"""Every SELECT and conditional UPDATE of conversions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from lbs.accounts.models import Merchant
from lbs.conversions.errors import ConversionVenueNotFound
from lbs.conversions.models import Consent, Conversion, ConversionSetting, ConversionVenue
from lbs.db import Session, Statement

LOCK_POSITION = Statement("""
    SELECT transaction_id::text, event_id FROM conversion_position FOR UPDATE SKIP LOCKED
""")

READ_LEDGER = Statement("""
    SELECT event.*, event.transaction_id::text AS transaction, consent.id AS consent_id,
           consent.text_version, consent.given_at,
           CASE event.kind
               WHEN 'redeemed' THEN ARRAY[event.offer_id]
               WHEN 'check_in' THEN ARRAY(
                   SELECT unlock.offer_id FROM unlock
                   WHERE unlock.check_in_id = event.check_in_id ORDER BY unlock.id)
           END AS content_ids
    FROM (
        SELECT * FROM ledger_event
        WHERE transaction_id >= CAST(:transaction AS xid8)
          AND (transaction_id, id) > (CAST(:transaction AS xid8), CAST(:event_id AS uuid))
          AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY transaction_id, id LIMIT :limit
    ) AS event
    LEFT JOIN (conversion_setting AS setting JOIN conversion_venue AS chosen USING (merchant_id))
      ON setting.merchant_id = event.merchant_id AND chosen.venue_id = event.venue_id
      AND event.kind IN ('check_in', 'redeemed') AND event.counted
      AND setting.created_at <= event.at
    LEFT JOIN customer ON customer.subject_id = event.subject_id AND chosen.venue_id IS NOT NULL
    LEFT JOIN consent ON consent.customer_id = customer.id AND consent.purpose = 'conversions'
      AND consent.given_at <= event.at
    ORDER BY event.transaction_id, event.id
""")
"""Only what no transaction that is still open can come before; a consent where there is one, and
the merchant has chosen the venue."""

HOLD_CONSENTS = Statement("""
    SELECT id FROM consent WHERE id = ANY(:ids) ORDER BY id FOR KEY SHARE
""")
"""None of them is taken back before the transaction ends."""

MOVE_ON = Statement("""
    UPDATE conversion_position
    SET transaction_id = CAST(:transaction AS xid8), event_id = CAST(:event_id AS uuid)
""")

CLAIM = Statement("""
    WITH due AS (
        SELECT conversion.id
        FROM conversion JOIN conversion_setting AS setting USING (merchant_id)
        WHERE conversion.merchant_id = :merchant_id AND conversion.state = 'pending'
          AND conversion.next_try_at <= :now AND setting.status = 'active'
          AND coalesce(setting.paused_until <= :now, true)
        ORDER BY conversion.next_try_at, conversion.id LIMIT :limit
        FOR UPDATE OF conversion SKIP LOCKED
    ), taken AS (
        UPDATE conversion
        SET next_try_at = :until,
            consent_text_version = consent.text_version, consent_given_at = consent.given_at
        FROM due JOIN conversion AS told ON told.id = due.id
        LEFT JOIN consent ON consent.id = told.consent_id
        WHERE conversion.id = due.id
        RETURNING conversion.*, consent.customer_id, consent.email_hash, consent.phone_hash
    )
    SELECT taken.*, customer.subject_id, merchant.pseudonym_key,
           setting.dataset_id, setting.sealed_token,
           redemption.reversed_at IS NOT NULL AS is_reversed,
           coalesce(check_in.verdict <> 'accepted', false) AS is_voided,
           taken.venue_id IS NULL OR chosen.venue_id IS NOT NULL AS is_chosen
    FROM taken
    JOIN merchant ON merchant.id = taken.merchant_id
    JOIN conversion_setting AS setting ON setting.merchant_id = taken.merchant_id
    LEFT JOIN customer ON customer.id = taken.customer_id
    LEFT JOIN redemption ON redemption.id = taken.order_id
    LEFT JOIN check_in ON check_in.id = taken.order_id
    LEFT JOIN conversion_venue AS chosen
      ON (chosen.merchant_id, chosen.venue_id) = (taken.merchant_id, taken.venue_id)
    ORDER BY taken.id
""")
"""What hangs on a consent has gone with it: whoever is in here consents now."""

_MINE = "id = ANY(:ids) AND state = 'pending' AND next_try_at = :until"
"""Nobody has taken them since."""

SENT = Statement(f"""
    UPDATE conversion
    SET state = 'sent', sent_at = :now, next_try_at = NULL, consent_id = NULL, problem = NULL,
        error_code = NULL, trace_id = CAST(:trace_id AS text)
    WHERE {_MINE}
""")

DROP = Statement(f"""
    UPDATE conversion
    SET state = 'dropped', problem = :problem, next_try_at = NULL, consent_id = NULL
    WHERE {_MINE}
""")

BURY = Statement(f"""
    UPDATE conversion
    SET state = 'dead', problem = :problem, next_try_at = NULL,
        error_code = CAST(:error_code AS bigint), trace_id = CAST(:trace_id AS text)
    WHERE {_MINE}
""")

PUT_BACK = Statement(f"""
    UPDATE conversion
    SET next_try_at = :next_try_at, failed = :failed, problem = 'not_taken',
        error_code = CAST(:error_code AS bigint), trace_id = CAST(:trace_id AS text)
    WHERE {_MINE}
""")

GIVE_BACK = Statement("""
    UPDATE conversion SET next_try_at = :due
    WHERE merchant_id = :merchant_id AND state = 'pending' AND next_try_at = :until
""")

HOLD = Statement("""
    UPDATE conversion_setting
    SET status = coalesce(CAST(:status AS text), status),
        paused_until = greatest(paused_until, CAST(:paused_until AS timestamptz)),
        unreceived = unreceived + :unreceived
    WHERE merchant_id = :merchant_id AND sealed_token = :sealed_token
    RETURNING merchant_id
""")
"""A token that has been replaced meanwhile holds nobody up."""

DUE = Statement("""
    SELECT merchant_id FROM conversion_setting AS setting
    WHERE setting.status = 'active' AND coalesce(setting.paused_until <= :now, true)
      AND EXISTS (
          SELECT FROM conversion
          WHERE conversion.merchant_id = setting.merchant_id AND conversion.state = 'pending'
            AND conversion.next_try_at <= :now)
""")

REPLAY = Statement("""
    WITH replayed AS (
        UPDATE conversion
        SET state = 'pending', next_try_at = :now, failed = 0, problem = NULL
        WHERE state = 'dead'
          AND merchant_id = coalesce(CAST(:merchant_id AS uuid), merchant_id)
        RETURNING 1
    )
    SELECT count(*) AS replayed FROM replayed
""")

FORGET = Statement("""
    DELETE FROM conversion WHERE time < :before
""")


def list_consents(session: Session, customer_id: UUID) -> Sequence[Consent]:
    return session.scalars(
        select(Consent).where(Consent.customer_id == customer_id).order_by(Consent.purpose)
    ).all()


def upsert_consent(session: Session, **values: Any) -> Consent:
    """A consent that is given again keeps its row, and what hangs on it."""
    said = ("text_version", "given_at", "email_hash", "phone_hash")
    return session.scalars(
        insert(Consent)
        .values(**values)
        .on_conflict_do_update(
            index_elements=["customer_id", "purpose"], set_={name: values[name] for name in said}
        )
        .returning(Consent)
        .execution_options(populate_existing=True)
    ).one()


def delete_consent(session: Session, customer_id: UUID, purpose: str) -> None:
    """With it goes what has not been sent yet."""
    session.execute(
        delete(Consent).where(Consent.customer_id == customer_id, Consent.purpose == purpose)
    )


def lock_merchant(session: Session, merchant_id: UUID) -> None:
    """Nobody else writes a setting of the merchant's before the transaction ends."""
    session.execute(
        select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True)
    )


def find_setting(
    session: Session, merchant_id: UUID, *, lock: bool = False
) -> ConversionSetting | None:
    return session.get(
        ConversionSetting, merchant_id, with_for_update=lock or None, populate_existing=True
    )


def venues_of(session: Session, merchant_id: UUID) -> list[UUID]:
    return list(
        session.scalars(
            select(ConversionVenue.venue_id)
            .where(ConversionVenue.merchant_id == merchant_id)
            .order_by(ConversionVenue.venue_id)
        )
    )


def choose_venues(session: Session, merchant_id: UUID, venue_ids: Sequence[UUID]) -> None:
    """These and no others; the foreign key finds a venue that is not the merchant's."""
    session.execute(delete(ConversionVenue).where(ConversionVenue.merchant_id == merchant_id))
    rows = [{"merchant_id": merchant_id, "venue_id": venue_id} for venue_id in venue_ids]
    try:
        if rows:
            session.execute(insert(ConversionVenue), rows)
    except IntegrityError as error:
        raise ConversionVenueNotFound from error


def list_conversions(
    session: Session, merchant_id: UUID, *, state: str | None, limit: int, after: UUID | None
) -> Sequence[Conversion]:
    """Newest first."""
    conditions = [Conversion.merchant_id == merchant_id]
    if state:
        conditions.append(Conversion.state == state)
    if after:
        conditions.append(Conversion.id < after)
    return session.scalars(
        select(Conversion).where(*conditions).order_by(Conversion.id.desc()).limit(limit)
    ).all()


def list_dead(session: Session) -> Sequence[Conversion]:
    dead = select(Conversion).where(Conversion.state == "dead")
    return session.scalars(dead.order_by(Conversion.id)).all()


def lock_position(session: Session) -> Any | None:
    """How far the ledger has been read; None while somebody else reads on."""
    return LOCK_POSITION.find(session, {})


def read_ledger(session: Session, position: Any, limit: int) -> list[Any]:
    """The next facts, each with the consent by which it may be told, where there is one."""
    values = {
        "transaction": position.transaction_id,
        "event_id": position.event_id,
        "limit": limit,
    }
    return READ_LEDGER.all(session, values)


def hold_consents(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the consents that have not been taken back."""
    return {row.id for row in HOLD_CONSENTS.all(session, {"ids": list(ids)})}


def move_on(session: Session, last: Any) -> None:
    MOVE_ON.do(session, {"transaction": last.transaction, "event_id": last.id})


def claim(
    session: Session, merchant_id: UUID, *, until: datetime, limit: int, now: datetime
) -> list[Any]:
    """What is due of the merchant's, now taken until then."""
    values = {"merchant_id": merchant_id, "until": until, "limit": limit, "now": now}
    return CLAIM.all(session, values)


def mark_sent(session: Session, **values: Any) -> None:
    SENT.do(session, values)


def drop(session: Session, **values: Any) -> None:
    DROP.do(session, values)


def bury(session: Session, **values: Any) -> None:
    BURY.do(session, values)


def put_back(session: Session, **values: Any) -> None:
    PUT_BACK.do(session, values)


def give_back(session: Session, **values: Any) -> None:
    GIVE_BACK.do(session, values)


def hold(session: Session, **values: Any) -> bool:
    """Whether the token is still the merchant's."""
    return HOLD.find(session, values) is not None


def due_merchants(session: Session, now: datetime) -> list[UUID]:
    return [row.merchant_id for row in DUE.all(session, {"now": now})]


def replay(session: Session, merchant_id: UUID | None, now: datetime) -> int:
    """How many dead ones are tried anew; all merchants' where none is named."""
    counted: int = REPLAY.one(session, {"merchant_id": merchant_id, "now": now}).replayed
    return counted


def forget(session: Session, before: datetime) -> None:
    """All of before then, whatever became of it."""
    FORGET.do(session, {"before": int(before.timestamp())})
