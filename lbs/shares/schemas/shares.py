from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from marshmallow import fields

from lbs.http.fields import Schema, Timestamp, text
from lbs.shares.service import link_of

_LINK = "https://lbs.example/s/Zk3uV8sQm1pT0aYx5LrWdg"
_HREF = "https%3A%2F%2Flbs.example%2Fs%2FZk3uV8sQm1pT0aYx5LrWdg"


class ShareSchema(Schema):
    """A customer's link to an offer, to be passed on in whatever way. Sharing earns nothing."""

    example = {  # noqa: RUF012
        "token": "Zk3uV8sQm1pT0aYx5LrWdg",
        "share_url": _LINK,
        "qr_url": f"{_LINK}/qr.svg",
        "dialog_url": "https://www.facebook.com/dialog/share"
        f"?app_id=1234567890&display=popup&href={_HREF}",
        "sharer_url": f"https://www.facebook.com/sharer/sharer.php?u={_HREF}",
    }

    token = fields.String(required=True, metadata={"example": "Zk3uV8sQm1pT0aYx5LrWdg"})
    share_url = fields.String(
        required=True, metadata={"description": "A page for everybody who has the link"}
    )
    qr_url = fields.String(
        required=True, metadata={"description": "The link as a QR picture (SVG), to show a friend"}
    )
    dialog_url = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Opens Facebook's Share Dialog, where the customer writes what they "
            "like; null: the service has no Facebook app"
        },
    )
    sharer_url = fields.String(
        required=True, metadata={"description": "The same without an app of Facebook's"}
    )


class CreateReferralSchema(Schema):
    example = {"token": "Zk3uV8sQm1pT0aYx5LrWdg"}  # noqa: RUF012

    token = text(
        64,
        required=True,
        metadata={"description": "Of the friend's share", "example": "Zk3uV8sQm1pT0aYx5LrWdg"},
    )


class ReferralSchema(Schema):
    """Which offer the share was of, and until when a visit is credited to it."""

    example = {  # noqa: RUF012
        "offer_id": "019abc12-0000-7000-8000-000000000002",
        "expires_at": "2026-11-29T12:00:00Z",
    }

    offer_id = fields.UUID(required=True)
    expires_at = Timestamp(required=True)


@dataclass(frozen=True, slots=True)
class Facebook:
    """Where its dialogs are, and the app that opens the first of them, if there is one."""

    www_url: str
    app_id: str


def present_share(token: str, public_url: str, facebook: Facebook) -> dict[str, str | None]:
    """No text goes along: what people say of an offer is theirs."""
    link = link_of(token, public_url)
    dialog = {"app_id": facebook.app_id, "display": "popup", "href": link}
    return {
        "token": token,
        "share_url": link,
        "qr_url": f"{link}/qr.svg",
        "dialog_url": f"{facebook.www_url}/dialog/share?{urlencode(dialog)}"
        if facebook.app_id
        else None,
        "sharer_url": f"{facebook.www_url}/sharer/sharer.php?{urlencode({'u': link})}",
    }
