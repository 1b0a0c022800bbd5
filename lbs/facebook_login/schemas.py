from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma

from lbs.facebook_login.policy import AccessToken, Credential, IdToken
from lbs.http.fields import Schema, text
from lbs.http.languages import Text

MAX_TOKEN = 8192
TIME = "%Y-%m-%d %H:%M UTC"
_ACCESS = {"access_token": "EAABwzLixnjYBAFOyZBq7ZBZC"}


@dataclass(frozen=True, slots=True)
class FacebookSignIn:
    credential: Credential
    device_id: str = ""


class FacebookCredentialSchema(Schema):
    """Of Facebook Login the access token; of Limited Login the id token and its nonce."""

    example: dict[str, str] = _ACCESS

    access_token = text(
        MAX_TOKEN, load_default=None, metadata={"description": "What Facebook Login gave the app"}
    )
    id_token = text(
        MAX_TOKEN, load_default=None, metadata={"description": "What Limited Login gave the app"}
    )
    nonce = text(
        256,
        load_default=None,
        metadata={"description": "What the app gave Limited Login: fresh and random each time"},
    )

    @ma.validates_schema
    def one_kind(self, data: dict[str, Any], **_: Any) -> None:
        if (data["access_token"] is None) == (data["id_token"] is None):
            raise ma.ValidationError("Give access_token or id_token.", "access_token")
        if (data["id_token"] is None) != (data["nonce"] is None):
            raise ma.ValidationError("Goes with id_token, and id_token with it.", "nonce")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> FacebookSignIn:
        credential: Credential = (
            AccessToken(data["access_token"])
            if data["access_token"]
            else IdToken(data["id_token"], data["nonce"])
        )
        return FacebookSignIn(credential, data.get("device_id", ""))


class FacebookSignInSchema(FacebookCredentialSchema):
    """A token of Facebook's, and the phone that it was given to."""

    example = {**_ACCESS, "device_id": "6f1c2a52-52d5-4c53-a80b-2f3c1d0c9b11"}  # noqa: RUF012

    device_id = text(
        200,
        required=True,
        metadata={"description": "The app's stable id of this installation"},
    )


def present_deletion(code: str, done_at: datetime | None, lang: str) -> dict[str, Any]:
    """The page of a deletion that was done, or of a code that is of none."""
    says = DONE if done_at else UNKNOWN
    when = done_at.astimezone(UTC).strftime(TIME) if done_at else ""
    return {
        "title": says["title"][lang],
        "paragraphs": [text[lang].format(when=when) for text in says["paragraphs"]],
        "code": code if done_at else None,
        "code_says": CODE_SAYS[lang],
    }


CODE_SAYS: Text = {"en": "Confirmation code", "da": "Bekræftelseskode"}
DONE: Mapping[str, Any] = {
    "title": {
        "en": "Your data from Facebook has been deleted",
        "da": "Dine data fra Facebook er slettet",
    },
    "paragraphs": (
        {
            "en": "Facebook asked us to delete them, and it was done on {when}. Nothing is left "
            "to do.",
            "da": "Facebook bad os om at slette dem, og det skete {when}. Der er ikke mere, der "
            "skal gøres.",
        },
        {
            "en": "What we had from Facebook was the number by which Facebook knows you in our "
            "app. Your name, your email address and your friends were never kept. Signing in with "
            "Facebook does not lead to your customer account any more; it begins a new one.",
            "da": "Fra Facebook havde vi det nummer, som Facebook kender dig ved i vores app. Dit "
            "navn, din e-mailadresse og dine venner har vi aldrig gemt. At logge ind med Facebook "
            "fører ikke længere til din kundekonto, men begynder en ny.",
        },
        {
            "en": "Of reactions, comments and shares on Facebook we keep how many there are, in a "
            "form that does not tell whose they are or what they say.",
            "da": "Af reaktioner, kommentarer og delinger på Facebook gemmer vi, hvor mange der "
            "er, i en form, som ikke fortæller, hvis de er, eller hvad de siger.",
        },
        {
            "en": "Your check-ins and offers did not come from Facebook, so they are not part of "
            "this: they are kept under our own rules. You can delete them yourself in the app, "
            "by deleting your customer account there.",
            "da": "Dine tjek ind og tilbud kom ikke fra Facebook og er derfor ikke med her: de "
            "gemmes efter vores egne regler. Du kan selv slette dem i appen ved at slette din "
            "kundekonto dér.",
        },
    ),
}
UNKNOWN: Mapping[str, Any] = {
    "title": {"en": "We know no such code", "da": "Den kode kender vi ikke"},
    "paragraphs": (
        {
            "en": "Check that the address is whole, as Facebook gave it to you. Codes are kept "
            "for one year.",
            "da": "Se efter, om adressen er hel, som du fik den af Facebook. Koder gemmes i et år.",
        },
    ),
}
