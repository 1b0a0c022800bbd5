"""Every SELECT and conditional UPDATE of unlocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from lbs.db import Session, Statement, new_id
from lbs.ledger.models import LedgerEvent
from lbs.ledger.queries import UNLOCK_FACTS, facts_of, whole_seconds
from lbs.offers.models import OfferVersion
from lbs.unlocks.models import OfferFlag, Unlock
from lbs.venues.models import Venue

FREE_STOCK = """
    UPDATE offer_stock SET taken = offer_stock.taken - freed.units
    FROM (
        SELECT offer_stock.offer_id, offer_stock.bucket, given.units
        FROM ({given}) AS given JOIN offer_stock USING (offer_id, bucket)
        ORDER BY offer_stock.offer_id, offer_stock.bucket FOR UPDATE OF offer_stock
    ) AS freed
    WHERE (offer_stock.offer_id, offer_stock.bucket) = (freed.offer_id, freed.bucket)
"""
"""Give back `units` of each counter (offer_id, bucket) that `given` selects; locked in order."""

TAKEN_BY = """
    SELECT offer_id, bucket, sum(took.units)::bigint AS units
    FROM {unlocks},
         unnest(buckets || reserved_buckets, units || reserved_units) AS took(bucket, units)
    GROUP BY offer_id, bucket
"""
"""What these unlocks take of each counter, with their reservations."""

TAKE_STOCK = """
    INSERT INTO offer_stock AS stock (offer_id, bucket, taken, cap)
    SELECT offer_id, bucket, units, cap FROM ({given}) AS given WHERE units <= cap
    ORDER BY offer_id, bucket
    ON CONFLICT (offer_id, bucket) DO UPDATE
        SET taken = stock.taken + excluded.taken, cap = excluded.cap
        WHERE stock.taken + excluded.taken <= excluded.cap
    RETURNING offer_id, bucket
"""
"""Take the `units` of each counter (offer_id, bucket) that `given` selects, up to its `cap`.

A counter that has no room for it has no row.
"""

_RELEASE = (
    f"""
    WITH due AS ({{due}}), released AS (
        UPDATE unlock SET reserved_until = NULL, reserved_buckets = '{{{{}}}}',
                          reserved_units = '{{{{}}}}'
        FROM due WHERE unlock.id = due.id
        RETURNING due.*
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, {UNLOCK_FACTS})
        SELECT gen_random_uuid(), :now, '{{kind}}', venue_id, {facts_of("released")}
        FROM released
    ), freed AS (
    """
    + FREE_STOCK.format(
        given="""SELECT offer_id, bucket, sum(took.units)::bigint AS units
                 FROM released, unnest(reserved_buckets, reserved_units) AS took(bucket, units)
                 GROUP BY offer_id, bucket"""
    )
    + """
    )
    SELECT count(*) AS released FROM released
    """
)
_OWN = "SELECT * FROM unlock WHERE id = :unlock_id AND reserved_until IS NOT NULL FOR UPDATE"

RELEASE = Statement(_RELEASE.format(kind="reservation_released", due=_OWN))
LAPSE_OWN = Statement(_RELEASE.format(kind="reservation_lapsed", due=_OWN))
LAPSE = Statement(
    _RELEASE.format(
        kind="reservation_lapsed",
        due="""SELECT * FROM unlock WHERE state = 'unlocked' AND reserved_until <= :now
               ORDER BY reserved_until LIMIT :limit FOR UPDATE SKIP LOCKED""",
    )
)

LOCK_UNLOCK = Statement("""
    SELECT unlock.id, unlock.offer_id, unlock.subject_id, unlock.venue_id, unlock.state,
           unlock.expires_at, unlock.reserve_s, unlock.reserved_until, venue.time_zone,
           promised.cost_minor, promised.currency, terms.limit_total, terms.limit_per_day,
           terms.limit_per_venue, terms.limit_per_venue_day,
           CASE WHEN terms.currency = promised.currency THEN terms.budget_minor END AS budget_minor
    FROM unlock
    JOIN venue ON venue.id = unlock.venue_id
    JOIN offer ON offer.id = unlock.offer_id
    JOIN offer_version AS terms
      ON (terms.offer_id, terms.number) = (offer.id, offer.terms_version)
    JOIN offer_version AS promised
      ON (promised.offer_id, promised.number) = (unlock.offer_id, unlock.offer_version)
    WHERE unlock.id = :unlock_id AND unlock.customer_id = :customer_id
    FOR UPDATE OF unlock
""")
"""The limits are today's; what it costs is what was promised."""

RESERVE = Statement(
    "WITH taken AS ("
    + TAKE_STOCK.format(
        given="""SELECT CAST(:offer_id AS uuid) AS offer_id, take.bucket, take.units, take.cap
                 FROM unnest(CAST(:buckets AS text[]), CAST(:units AS bigint[]),
                             CAST(:caps AS bigint[])) AS take(bucket, units, cap)"""
    )
    + f"""
    ), reserved AS (
        UPDATE unlock SET reserved_until = :until, reserved_buckets = :buckets,
                          reserved_units = :units
        WHERE id = :unlock_id AND cardinality(CAST(:buckets AS text[])) = (
            SELECT count(*) FROM taken)
        RETURNING *
    )
    INSERT INTO ledger_event (id, at, kind, venue_id, elapsed_s, {UNLOCK_FACTS})
    SELECT :event_id, :now, 'reserved', venue_id, {whole_seconds("unlocked_at")},
           {facts_of("reserved")}
    FROM reserved RETURNING unlock_id
    """
)

EXPIRE = Statement(
    f"""
    WITH due AS (
        SELECT id FROM unlock WHERE state = 'unlocked' AND expires_at <= :now
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), expired AS (
        UPDATE unlock SET state = 'expired' FROM due WHERE unlock.id = due.id
        RETURNING unlock.*
    ), recorded AS (
        INSERT INTO ledger_event (id, at, kind, venue_id, {UNLOCK_FACTS})
        SELECT gen_random_uuid(), :now, 'expired', venue_id, {facts_of("expired")}
        FROM expired
    ), freed AS (
    """
    + FREE_STOCK.format(given=TAKEN_BY.format(unlocks="expired"))
    + """
    )
    SELECT count(*) AS expired FROM expired
    """
)

GIVE_BACK = Statement(
    FREE_STOCK.format(
        given="""SELECT offer_id, bucket, units
                 FROM unnest(CAST(:offer_ids AS uuid[]), CAST(:buckets AS text[]),
                             CAST(:units AS bigint[])) AS taken(offer_id, bucket, units)"""
    )
)

LOCK_STOCK = Statement("""
    INSERT INTO offer_stock AS stock (offer_id, bucket, taken, cap)
    SELECT offer_id, bucket, 0, cap
    FROM unnest(CAST(:offer_ids AS uuid[]), CAST(:buckets AS text[]), CAST(:caps AS bigint[]))
         AS given(offer_id, bucket, cap)
    ORDER BY offer_id, bucket
    ON CONFLICT (offer_id, bucket) DO UPDATE SET taken = stock.taken
    RETURNING offer_id, bucket, taken
""")

TAKE_CODES = Statement("""
    WITH wanted AS (
        SELECT unlock_id, offer_id,
               row_number() OVER (PARTITION BY offer_id ORDER BY unlock_id) AS place
        FROM unnest(CAST(:unlock_ids AS uuid[]), CAST(:offer_ids AS uuid[]))
             AS given(unlock_id, offer_id)
    ), free AS (
        SELECT code.*, row_number() OVER (PARTITION BY code.offer_id ORDER BY code.id) AS place
        FROM (SELECT offer_id, count(*) AS units FROM wanted GROUP BY offer_id) AS each,
        LATERAL (
            SELECT id, offer_id, sealed_code, code_digest FROM offer_code
            WHERE offer_code.offer_id = each.offer_id AND offer_code.unlock_id IS NULL
            ORDER BY offer_code.id LIMIT each.units FOR UPDATE SKIP LOCKED
        ) AS code
    )
    SELECT wanted.unlock_id, free.id, free.sealed_code, free.code_digest
    FROM wanted JOIN free USING (offer_id, place)
""")

HAND_OUT_CODES = Statement("""
    UPDATE offer_code SET unlock_id = given.unlock_id
    FROM unnest(CAST(:code_ids AS uuid[]), CAST(:unlock_ids AS uuid[])) AS given(code_id, unlock_id)
    WHERE offer_code.id = given.code_id
""")

HAS_CODES = "EXISTS (SELECT FROM offer_code WHERE offer_code.offer_id = offer.id)"
"""Whether `offer` hands out the merchant's own codes."""

HAS_CODES_LEFT = """
    EXISTS (SELECT FROM offer_code
            WHERE offer_code.offer_id = offer.id AND offer_code.unlock_id IS NULL)
"""

LOCK_OFFER = Statement("""
    SELECT status FROM offer WHERE id = :offer_id AND merchant_id = :merchant_id FOR NO KEY UPDATE
""")
"""One import at a time; check-ins go on."""

KNOWN_CODES = Statement("""
    SELECT code_digest, offer_id FROM offer_code
    WHERE merchant_id = :merchant_id AND code_digest = ANY(:digests)
    UNION
    SELECT code_digest, offer_id FROM unlock
    WHERE merchant_id = :merchant_id AND code_digest = ANY(:digests)
""")
"""What an unlock had made for it is known too: no other unlock can have it."""

ADD_CODES = Statement("""
    INSERT INTO offer_code (id, offer_id, merchant_id, code_digest, sealed_code, imported_at)
    SELECT given.id, :offer_id, :merchant_id, given.digest, given.sealed, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:digests AS bytea[]), CAST(:sealed AS text[]))
         AS given(id, digest, sealed)
    ORDER BY given.digest
    ON CONFLICT (merchant_id, code_digest) DO NOTHING RETURNING id
""")
"""In one order, so that two imports of the same codes do not wait for each other."""

RECORD_FLAG = Statement(f"""
    INSERT INTO ledger_event (id, at, kind, venue_id, reasons, {UNLOCK_FACTS})
    SELECT :event_id, :now, 'flagged', unlock.venue_id, ARRAY[CAST(:problem AS text)],
           {facts_of("unlock", counted="CAST(:counted AS boolean)")}
    FROM unlock
    WHERE unlock.offer_id = :offer_id AND unlock.customer_id = :customer_id
      AND unlock.state <> 'voided'
    ORDER BY unlock.id DESC LIMIT 1
""")

COUNT_CODES = Statement("""
    SELECT count(code.id) AS imported,
           count(code.id) FILTER (WHERE code.unlock_id IS NULL) AS available,
           count(code.unlock_id) AS handed_out
    FROM offer LEFT JOIN offer_code AS code ON code.offer_id = offer.id
    WHERE offer.id = :offer_id AND offer.merchant_id = :merchant_id GROUP BY offer.id
""")

LIST_CODES = Statement("""
    SELECT code.sealed_code, coalesce(unlock.state, 'available') AS state, code.imported_at,
           unlock.unlocked_at AS handed_out_at
    FROM offer_code AS code LEFT JOIN unlock ON unlock.id = code.unlock_id
    WHERE code.offer_id = :offer_id AND code.merchant_id = :merchant_id
      AND (CAST(:available AS boolean) IS NULL OR (code.unlock_id IS NULL) = :available)
    ORDER BY code.id
""")


def expire(session: Session, *, now: datetime, limit: int) -> int:
    """Expire what was not redeemed in time, and free its stock. How many."""
    return int(EXPIRE.one(session, {"now": now, "limit": limit}).expired)


def lapse(session: Session, *, now: datetime, limit: int) -> int:
    """End the reservations whose time is over, and free their stock. How many."""
    return int(LAPSE.one(session, {"now": now, "limit": limit}).released)


def lock_unlock(session: Session, unlock_id: UUID, customer_id: UUID) -> Any | None:
    """The customer's unlock, with the limits that a reservation of it is held to."""
    return LOCK_UNLOCK.find(session, {"unlock_id": unlock_id, "customer_id": customer_id})


def reserve(
    session: Session,
    *,
    unlock_id: UUID,
    offer_id: UUID,
    takes: Mapping[str, tuple[int, int]],
    until: datetime,
    now: datetime,
) -> bool:
    """Whether every counter had room; the unlock is locked. If not, undo the transaction."""
    values = {
        "unlock_id": unlock_id,
        "offer_id": offer_id,
        "buckets": list(takes),
        "units": [units for units, _ in takes.values()],
        "caps": [cap for _, cap in takes.values()],
        "until": until,
        "event_id": new_id(),
        "now": now,
    }
    return RESERVE.find(session, values) is not None


def release(session: Session, unlock_id: UUID, now: datetime, *, lapsed: bool) -> None:
    """End the reservation of one unlock, which is locked, and free its stock."""
    statement = LAPSE_OWN if lapsed else RELEASE
    statement.do(session, {"unlock_id": unlock_id, "now": now})


def take_codes(session: Session, offers: Mapping[UUID, UUID]) -> dict[UUID, Any]:
    """One of the merchant's own codes for each unlock, of its offer, locked.

    In their order; an unlock for which there is none left has none. Nobody waits for a code that
    another takes.
    """
    values = {"unlock_ids": list(offers), "offer_ids": list(offers.values())}
    return {row.unlock_id: row for row in TAKE_CODES.all(session, values)}


def hand_out_codes(session: Session, codes: Mapping[UUID, UUID]) -> None:
    """Each code goes with its unlock, and with no other again."""
    values = {"code_ids": list(codes), "unlock_ids": list(codes.values())}
    HAND_OUT_CODES.do(session, values)


Counter = tuple[UUID, str]
"""An offer's, by its bucket."""


def give_back(session: Session, units: Mapping[Counter, int]) -> None:
    """Return so many units of each counter."""
    GIVE_BACK.do(session, {**_counters(units), "units": list(units.values())})


def lock_stock(session: Session, caps: Mapping[Counter, int]) -> dict[Counter, int]:
    """What is taken of each counter; nobody else takes from it until the transaction ends."""
    rows = LOCK_STOCK.all(session, {**_counters(caps), "caps": list(caps.values())})
    return {(row.offer_id, row.bucket): row.taken for row in rows}


def list_unlocks(
    session: Session, customer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[Row[Any]]:
    """Newest first."""
    statement = (
        _view().where(Unlock.customer_id == customer_id).order_by(Unlock.id.desc()).limit(limit)
    )
    return session.execute(statement.where(Unlock.id < after) if after else statement).all()


def find_unlock(session: Session, unlock_id: UUID, customer_id: UUID) -> Row[Any] | None:
    return session.execute(
        _view().where(Unlock.id == unlock_id, Unlock.customer_id == customer_id)
    ).one_or_none()


def find_holding(session: Session, offer_id: UUID, customer_id: UUID) -> Row[UUID, bool] | None:
    """Where the offer has opened for the customer: its merchant_id, and whether that counted."""
    return session.execute(
        select(Unlock.merchant_id, func.bool_or(Unlock.counted).label("counted"))
        .where(
            Unlock.offer_id == offer_id,
            Unlock.customer_id == customer_id,
            Unlock.state != "voided",
        )
        .group_by(Unlock.merchant_id)
    ).one_or_none()


def upsert_flag(
    session: Session,
    *,
    offer_id: UUID,
    customer_id: UUID,
    problem: str,
    text: str | None,
    counted: bool,
    now: datetime,
) -> OfferFlag:
    """One a customer and offer: a later one replaces it."""
    said = {
        "id": new_id(),
        "problem": problem,
        "text": text,
        "counted": counted,
        "flagged_at": now,
    }
    return session.scalars(
        insert(OfferFlag)
        .values(offer_id=offer_id, customer_id=customer_id, **said)
        .on_conflict_do_update(index_elements=["offer_id", "customer_id"], set_=said)
        .returning(OfferFlag)
    ).one()


def find_problem(session: Session, offer_id: UUID, customer_id: UUID) -> str | None:
    """What the customer has flagged the offer for; the offer is locked."""
    return session.scalar(
        select(OfferFlag.problem).where(
            OfferFlag.offer_id == offer_id, OfferFlag.customer_id == customer_id
        )
    )


def record_flag(session: Session, **values: Any) -> None:
    """A fact about the unlock of the offer that the customer has had last."""
    RECORD_FLAG.do(session, {**values, "event_id": new_id()})


def count_flags(session: Session, offer_id: UUID, since: datetime) -> dict[str, int]:
    """Customers by the problem they named after that moment."""
    statement = (
        select(OfferFlag.problem, func.count())
        .where(OfferFlag.offer_id == offer_id, OfferFlag.counted, OfferFlag.flagged_at > since)
        .group_by(OfferFlag.problem)
    )
    return dict(session.execute(statement).all())


def count_customers(session: Session, offer_id: UUID, since: datetime) -> int:
    """Those for whom the offer has opened after that moment, by the ledger, which has an index."""
    return session.scalars(
        select(func.count(LedgerEvent.subject_id.distinct())).where(
            LedgerEvent.offer_id == offer_id,
            LedgerEvent.kind == "unlocked",
            LedgerEvent.counted,
            LedgerEvent.at > since,
        )
    ).one()


def list_flags(
    session: Session, offer_id: UUID, *, limit: int, after: UUID | None
) -> Sequence[OfferFlag]:
    """Newest first."""
    statement = (
        select(OfferFlag)
        .where(OfferFlag.offer_id == offer_id)
        .order_by(OfferFlag.id.desc())
        .limit(limit)
    )
    return session.scalars(statement.where(OfferFlag.id < after) if after else statement).all()


def lock_offer(session: Session, offer_id: UUID, merchant_id: UUID) -> str | None:
    """The status of the merchant's offer; one import at a time."""
    row = LOCK_OFFER.find(session, {"offer_id": offer_id, "merchant_id": merchant_id})
    return row.status if row else None


def known_codes(session: Session, merchant_id: UUID, digests: Sequence[bytes]) -> dict[bytes, UUID]:
    """Which of the digests the merchant has in use, each for which offer."""
    values = {"merchant_id": merchant_id, "digests": list(digests)}
    return {row.code_digest: row.offer_id for row in KNOWN_CODES.all(session, values)}


def add_codes(session: Session, **values: Any) -> int:
    """How many of them were new: of `ids`, `digests` and `sealed`, each a list."""
    return len(ADD_CODES.all(session, values))


def count_codes(session: Session, offer_id: UUID, merchant_id: UUID) -> Any | None:
    """None where it is no offer of the merchant's."""
    return COUNT_CODES.find(session, {"offer_id": offer_id, "merchant_id": merchant_id})


def list_codes(
    session: Session, offer_id: UUID, merchant_id: UUID, *, available: bool | None
) -> Sequence[Any]:
    """In the order in which they are handed out; `available` None: all."""
    return LIST_CODES.all(
        session, {"offer_id": offer_id, "merchant_id": merchant_id, "available": available}
    )


def _counters(counters: Iterable[Counter]) -> dict[str, Any]:
    pairs = list(counters)
    return {"offer_ids": [offer for offer, _ in pairs], "buckets": [bucket for _, bucket in pairs]}


def _view() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Unlock.id,
            Unlock.offer_id,
            Unlock.offer_version,
            Unlock.venue_id,
            Unlock.check_in_id,
            Unlock.state,
            Unlock.sealed_code,
            Unlock.opened_by,
            Unlock.unlocked_at,
            Unlock.expires_at,
            Unlock.reserve_s,
            Unlock.reserved_until,
            Venue.name.label("venue_name"),
            OfferVersion.teaser,
            OfferVersion.terms,
            OfferVersion.reward,
            OfferVersion.value_minor,
            OfferVersion.currency,
        )
        .join(Venue, Venue.id == Unlock.venue_id)
        .join(
            OfferVersion,
            and_(
                OfferVersion.offer_id == Unlock.offer_id,
                OfferVersion.number == Unlock.offer_version,
            ),
        )
    )
