from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, FetchedValue, Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from lbs.db import Model


class Xid8(UserDefinedType[int]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


class LedgerEvent(Model):
    """One fact. Appended in the transaction that made it true, never changed, never deleted.

    `subject_id` stands for a customer; after an erasure it leads to nobody. `offer_ids` are the
    offers that ran at the venue when a check-in was made. `verdict_before` is the verdict that a
    later one has replaced. What a tester or a staff member does is there, but is not `counted`.
    """

    __tablename__ = "ledger_event"
    __table_args__ = (
        Index("ix_ledger_event_venue_id_at", "venue_id", "at"),
        Index("ix_ledger_event_merchant_id_at", "merchant_id", "at"),
        Index(
            "ix_ledger_event_offer_id_at", "offer_id", "at", postgresql_where="offer_id IS NOT NULL"
        ),
        Index(
            "ix_ledger_event_changed",
            "merchant_id",
            "check_in_id",
            postgresql_where="verdict_before IS NOT NULL",
        ),
        Index("ix_ledger_event_transaction_id", "transaction_id"),
        Index(
            "ix_ledger_event_viewed",
            "offer_id",
            "subject_id",
            "at",
            postgresql_where="kind = 'teaser_viewed'",
        ),
        Index(
            "ix_ledger_event_accepted",
            "subject_id",
            "venue_id",
            "at",
            postgresql_where="verdict = 'accepted'",
        ),
        Index(
            "ix_ledger_event_lost",
            "merchant_id",
            "venue_id",
            "subject_id",
            postgresql_where="kind = 'check_in_voided' AND first_visit",
        ),
        Index(
            "ix_ledger_event_unlock_voided",
            "merchant_id",
            "unlock_id",
            postgresql_where="kind = 'unlock_voided'",
        ),
        Index(
            "ix_ledger_event_exposed",
            "merchant_id",
            "offer_id",
            "subject_id",
            "at",
            postgresql_where="kind = 'exposed'",
        ),
        {"postgresql_partition_by": "RANGE (at)"},
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str]
    merchant_id: Mapped[UUID]
    venue_id: Mapped[UUID | None]
    subject_id: Mapped[UUID | None]
    check_in_id: Mapped[UUID | None]
    verdict: Mapped[str | None]
    verdict_before: Mapped[str | None]
    level: Mapped[int | None]
    first_visit: Mapped[bool | None]
    """Whether the customer was new to the venue at the check-in that this fact goes back to."""
    reasons: Mapped[list[str] | None]
    offer_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    offer_id: Mapped[UUID | None]
    offer_version: Mapped[int | None]
    unlock_id: Mapped[UUID | None]
    redemption_id: Mapped[UUID | None]
    value_minor: Mapped[int | None]
    cost_minor: Mapped[int | None]
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    recipient: Mapped[str | None]
    channel: Mapped[str | None]
    """How the customer came to the offer: `nearby`, `push`, `link`, `share`, `poster`."""
    experiment_id: Mapped[UUID | None]
    variant: Mapped[str | None]
    """The arm of the experiment that the customer is in."""
    share_id: Mapped[UUID | None]
    """The share that the fact is credited to, or of which it is."""
    actor_id: Mapped[UUID | None]
    """The API key that did it."""
    elapsed_s: Mapped[int | None]
    """Whole seconds since the step before: from check-in to unlock, from unlock to redemption."""
    within_days: Mapped[int | None]
    """Of a return: 7, 30 or 90, the shortest that holds."""
    counted: Mapped[bool] = mapped_column(server_default="true")
    transaction_id: Mapped[int] = mapped_column(Xid8, server_default=FetchedValue())
