"""What Facebook states of a token and its person, and whether that is enough. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

LEEWAY = timedelta(seconds=30)
"""So far two clocks may be apart."""
NOBODY = "0"
"""The user of a signed request that is about a Page."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Of Facebook Login."""

    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdToken:
    """Of Limited Login, with the nonce that the app has asked for it with."""

    id_token: str = field(repr=False)
    nonce: str = field(repr=False)


Credential = AccessToken | IdToken


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a callback of Facebook's is about."""

    user_id: str
    issued_at: int | None
    page_id: str | None
    """Where a Page has removed the app."""

    def asked_at(self, now: datetime) -> datetime:
        """The end of the second in which it was signed; sent again, it is as old as it was."""
        if self.issued_at is None:
            return now
        return datetime.fromtimestamp(min(max(self.issued_at + 1, 0), now.timestamp()), UTC)


def user_of(debugged: Mapping[str, Any], app_id: str, now: datetime) -> str | None:
    """Whose user token of this app it is, by `debug_token`; None where it is not a good one."""
    good = (
        debugged.get("is_valid") is True
        and debugged.get("app_id") == app_id
        and debugged.get("type") == "USER"
        and _lasts(debugged.get("expires_at"), now)
        and _lasts(debugged.get("data_access_expires_at"), now)
    )
    return read_id(debugged.get("user_id")) if good else None


def user_of_claims(claims: Mapping[str, Any], nonce: str) -> str | None:
    """Whose id token it is; None where it was not asked for with this nonce."""
    return read_id(claims.get("sub")) if claims.get("nonce") == nonce else None


def read_callback(said: Mapping[str, Any]) -> SignedRequest | None:
    """None where it is about nobody."""
    user_id, page_id = read_id(said.get("user_id")), read_id(said.get("profile_id"))
    about_page = user_id in (None, NOBODY)
    if user_id is None or (about_page and page_id is None):
        return None
    issued_at = said.get("issued_at")
    is_time = type(issued_at) is int and issued_at.bit_length() < 64  # noqa: PLR2004  (a bigint)
    return SignedRequest(user_id, issued_at if is_time else None, page_id if about_page else None)


def user_name(user_id: str) -> str:
    """What the digest of a person on Facebook is made of."""
    return f"facebook user {user_id}"


def read_id(value: Any) -> str | None:
    """Ids are text, which some answers give as numbers."""
    text = str(value) if type(value) in (str, int) else ""
    return text if _ID.fullmatch(text) else None


def _lasts(until: Any, now: datetime) -> bool:
    """0 means for good; where nothing is said, it does not."""
    return type(until) is int and (until == 0 or until > now.astimezone(UTC).timestamp())
