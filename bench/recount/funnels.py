"""The funnel of an offer in plain SQL over the tables that hold what happened, not the ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from lbs.db import Session

_CHECK_INS = text("""
    SELECT verdict, level, visit, customer_id FROM check_in WHERE venue_id = ANY(:venue_ids)
""")

_UNLOCKS = text("""
    WITH visit AS (
        SELECT id, customer_id, venue_id, occurred_at,
               lead(occurred_at) OVER (
                   PARTITION BY customer_id, venue_id ORDER BY occurred_at) AS next_at
        FROM check_in WHERE venue_id = ANY(:venue_ids) AND verdict = 'accepted'
    )
    SELECT unlock.customer_id, unlock.state,
           CASE WHEN visit.next_at > unlock.unlocked_at
                THEN visit.next_at - visit.occurred_at END AS away
    FROM unlock JOIN visit ON visit.id = unlock.check_in_id WHERE unlock.offer_id = :offer_id
""")

_REDEMPTIONS = text("""
    SELECT unlock.customer_id, redemption.reversed_at IS NOT NULL AS reversed,
           redemption.value_minor, redemption.cost_minor, redemption.amount_minor
    FROM redemption JOIN unlock ON unlock.id = redemption.unlock_id
    WHERE redemption.offer_id = :offer_id
""")

_SHARES = text("""
    SELECT (SELECT count(*) FROM share WHERE offer_id = :offer_id) AS shared,
           (SELECT count(*) FROM referral WHERE offer_id = :offer_id) AS share_visited,
           (SELECT count(*) FROM referral WHERE offer_id = :offer_id AND used_at IS NOT NULL)
               AS friend_visits
""")


def funnel(session: Session, offer_id: UUID, venue_ids: list[UUID]) -> dict[str, Any]:
    """Its numbers by name; the offer has run at the venues for as long as there were check-ins."""
    values = {"offer_id": offer_id, "venue_ids": venue_ids}
    visits = session.execute(_CHECK_INS, values).all()
    unlocks = session.execute(_UNLOCKS, values).all()
    redemptions = session.execute(_REDEMPTIONS, values).all()
    shares = session.execute(_SHARES, values).one()
    accepted = [row for row in visits if row.verdict == "accepted"]
    standing = [row for row in redemptions if not row.reversed]
    away = [row.away.total_seconds() / 86_400 for row in unlocks if row.away is not None]
    return {
        **{name: sum(row.verdict == name for row in visits) for name in VERDICTS},
        **{f"L{level}": sum(row.level == level for row in accepted) for level in range(4)},
        **_step("checked_in", accepted),
        **_step("unlocked", unlocks),
        **_step("redeemed", redemptions),
        "new_customers": len({row.customer_id for row in accepted if row.visit == 1}),
        "expired": sum(row.state == "expired" for row in unlocks),
        "reversed": len(redemptions) - len(standing),
        **{f"returned within {days}": sum(gap <= days for gap in away) for days in (7, 30, 90)},
        "shared": shares.shared,
        "share_visited": shares.share_visited,
        "friend_visits": shares.friend_visits,
        "value_minor": sum(row.value_minor for row in standing),
        "cost_minor": sum(row.cost_minor for row in standing),
        "amount_minor": sum(row.amount_minor for row in standing),
    }


VERDICTS = ("accepted", "ambiguous", "rejected")


def told(funnel: dict[str, Any], money: dict[str, Any]) -> dict[str, Any]:
    """The same numbers out of the service's answers."""
    steps = {step["step"]: step for step in funnel["steps"]}
    sums = money["items"][0] if money["items"] else {}
    return {
        **funnel["check_ins"],
        **funnel["levels"],
        **{
            name: value
            for step in ("checked_in", "unlocked", "redeemed")
            for name, value in (
                (step, steps[step]["count"]),
                (f"{step} customers", steps[step]["customers"]),
            )
        },
        **{
            f"returned within {returns['within_days']}": returns["count"]
            for returns in funnel["returns"]
        },
        **{
            name: funnel[name]
            for name in (
                "new_customers",
                "expired",
                "reversed",
                "shared",
                "share_visited",
                "friend_visits",
            )
        },
        **{name: sums.get(name, 0) for name in ("value_minor", "cost_minor", "amount_minor")},
    }


def _step(name: str, rows: Any) -> dict[str, int]:
    return {name: len(rows), f"{name} customers": len({row.customer_id for row in rows})}
