"""What merchants' systems are told, how it is signed, and when it is tried again. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

TEST = "webhook.test"
EXPORT_READY = "export.ready"
OFFER_TAKEN = "offer.taken"
FACEBOOK_PAGE = "facebook_page.status_changed"
FACTS = {
    "check_in": "check_in.verified",
    "check_in_voided": "check_in.voided",
    "unlocked": "offer.unlocked",
    "redeemed": "redemption.made",
    "reversed": "redemption.reversed",
    "offer_paused": "offer.paused",
    "flagged": "offer.flagged",
    "friend_visit": "share.friend_visited",
}
"""By kind of fact in the ledger, the type that its message has."""
EVENT_TYPES = (*FACTS.values(), OFFER_TAKEN, EXPORT_READY, FACEBOOK_PAGE)
"""What an endpoint can subscribe to. A test comes to every endpoint, asked for."""

WINDOW = timedelta(days=3)
"""So long a message is tried, and so long an endpoint may fail before it is disabled."""
FIRST_DELAY, GROWTH, LONGEST_DELAY = timedelta(seconds=5), 3, timedelta(hours=12)
JITTER = 0.2
LEASE = timedelta(minutes=1)
"""So long whoever took a delivery has it alone: more than an attempt can last."""
KEPT = timedelta(days=30)
MAX_ENDPOINTS = 20
SECRET_BYTES = 32
TOLD = (
    *("check_in_id", "venue_id", "level", "first_visit", "offer_id", "offer_version"),
    *("unlock_id", "redemption_id", "share_id", "channel", "experiment_id", "variant"),
    *("value_minor", "cost_minor", "amount_minor", "currency"),
)
"""What of a fact its message says, where the fact says it."""


class Reason(Enum):
    """Why an endpoint gets nothing any more."""

    BY_MERCHANT = "by_merchant"
    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt: a status, or the problem that kept one away or cut it short."""

    status: int | None
    latency_ms: int
    problem: str | None = None
    retry_after: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.problem is None and 200 <= (self.status or 0) < 300  # noqa: PLR2004

    @property
    def gone(self) -> bool:
        return self.status == HTTPStatus.GONE


def body_of(message_type: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The message as Standard Webhooks has it: what is sent and signed, byte for byte."""
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {"type": message_type, "timestamp": timestamp, "data": data},
        ensure_ascii=False,
        separators=(",", ":"),
        default=str,
    )


def type_of(fact: Any) -> str | None:
    """The type of message that a fact of the ledger makes; None: it makes none.

    A check-in is told when it is accepted, and not again when more proof raises its level.
    """
    if fact.kind == "check_in" and (
        fact.verdict != "accepted" or fact.verdict_before == "accepted"
    ):
        return None
    return FACTS.get(fact.kind)


def data_of(fact: Any, name_of: Callable[[UUID], UUID]) -> dict[str, Any]:
    """What a message says of a fact: no place on earth, and the merchant's own name for who it was.

    `counted` is false of what staff and testers do, which is in no statistic.
    """
    said = {name: getattr(fact, name) for name in TOLD if getattr(fact, name) is not None}
    if fact.subject_id is not None:
        said["customer"] = name_of(fact.subject_id)
    if fact.kind == "flagged" and fact.reasons:
        said["problem"] = fact.reasons[0]
    return {**said, "counted": fact.counted}


def order_key_of(fact: Any) -> str | None:
    """What follows from one check-in is told in order; so is what happens to an offer."""
    key = fact.check_in_id or fact.offer_id
    return str(key) if key else None


def make_secret(random_bytes: bytes) -> str:
    return f"whsec_{base64.b64encode(random_bytes).decode()}"


def headers_of(
    message_id: UUID, body: str, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Id, time of the attempt, and a signature by each secret that is in use."""
    signed = [Webhook(secret).sign(str(message_id), now, body) for secret in secrets]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signed),
    }


def next_attempt(
    attempt: int, began: datetime, retry_after: str | None, chance: float, now: datetime
) -> datetime | None:
    """When to try again after so many attempts in vain; None where three days are over.

    The delays grow threefold from five seconds to twelve hours, each a fifth shorter or longer by
    `chance` of 0 to 1. A receiver may ask for a longer one. The last attempt is at the very end.
    """
    end = began + WINDOW
    if now >= end:
        return None
    growth: int = GROWTH ** min(attempt - 1, 20)
    delay = min(FIRST_DELAY * growth, LONGEST_DELAY) * (1 - JITTER + 2 * JITTER * chance)
    asked = min(read_retry_after(retry_after, now), LONGEST_DELAY)
    return min(now + max(delay, asked), end)


def read_retry_after(text: str | None, now: datetime) -> timedelta:
    """Seconds or an HTTP date (RFC 9110); nothing where it is neither."""
    if text is None:
        return timedelta(0)
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    return max(moment.replace(tzinfo=moment.tzinfo or UTC) - now, timedelta(0))


def reason_to_disable(answer: Answer, failing_since: datetime, now: datetime) -> Reason | None:
    """After an attempt in vain: the receiver said it is gone, or nothing got through for long."""
    if answer.gone:
        return Reason.GONE
    return Reason.FAILING if now - failing_since >= WINDOW else None
