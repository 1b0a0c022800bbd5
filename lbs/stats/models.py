from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Identity, Index, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from lbs.db import Model
from lbs.ledger.models import Xid8


class CustomerNumber(Model):
    """Small numbers in place of subject ids, so that a set of many customers is few bytes."""

    __tablename__ = "customer_number"
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, Identity(always=True), unique=True)


class RollupMark(Model):
    """All facts of transactions before this one are in the roll-ups. There is one row."""

    __tablename__ = "rollup_mark"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    transaction_id: Mapped[int] = mapped_column(Xid8)


class RollupScope(Model):
    """What is rolled up: a merchant, a venue, an offer (`scope_id`), or an offer at a venue.

    `time_zone` is the one whose days and months its roll-ups are, whatever the venues' are by now.
    """

    __tablename__ = "rollup_scope"
    __table_args__ = (Index("ix_rollup_scope_merchant_id", "merchant_id"),)
    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Or ANYWHERE or NOWHERE, see queries."""
    merchant_id: Mapped[UUID]
    time_zone: Mapped[str]


class Rollup(Model):
    """What came of one hour, day or month in a scope: in all, or of one value of a dimension.

    `counts` has numbers of facts, of different customers, and money; `elapsed` histograms of
    seconds; `customers` a serialized bitmap of customers' numbers for each of `steps`.
    """

    __tablename__ = "rollup"
    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue_id: Mapped[UUID] = mapped_column(primary_key=True)
    tier: Mapped[str] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    """Empty: in all. Else `variant`, `channel`, `level` or `customer`."""
    start: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    uniform: Mapped[dict[str, Any]]
    """Of all, and not of one value: the dimensions in which all of it has one value, and that."""
    counts: Mapped[dict[str, Any]]
    elapsed: Mapped[dict[str, Any]]
    steps: Mapped[list[str]]
    customers: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
