from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model


class AppEventSeen(Model):
    """A report that was counted, under the app's own id for it; kept while it could come again.

    As the ledger, it knows a customer by a number that leads to nobody after an erasure.
    """

    __tablename__ = "app_event_seen"
    __table_args__ = (Index("ix_app_event_seen_seen_at", "seen_at", postgresql_using="brin"),)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
