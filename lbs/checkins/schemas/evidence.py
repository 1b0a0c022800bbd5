"""What a phone sends to show that its customer is at a venue."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, urlsplit

import marshmallow as ma
from marshmallow import fields, validate

from lbs.checkins.policy import LocationFix
from lbs.checkins.service.evidence import Evidence
from lbs.http.fields import Boolean, Float, OneOf, Schema, String, Timestamp, tag
from lbs.proofs import policy as proofs
from lbs.proofs.rules.integrity import AppAssertion, AppAttestation, PlayIntegrity
from lbs.proofs.rules.nfc_tag import TagMessage
from lbs.venues.schemas import LAT, LON

MAX_ACCURACY_M = 100_000
MAX_TOKEN = 20_000
MAX_COUNTER = 2**24

FIX_EXAMPLE = {
    "kind": "location",
    "lat": 55.682271,
    "lon": 12.572318,
    "accuracy_m": 12.5,
    "captured_at": "2026-11-22T12:00:00Z",
    "provider": "gps",
    "mock": False,
}


class LocationEvidenceSchema(Schema):
    """A position as the phone's system reports it."""

    kind = tag("location")
    lat = Float(**LAT, metadata={"example": 55.68227})
    lon = Float(**LON, metadata={"example": 12.57232})
    accuracy_m = Float(
        required=True,
        validate=validate.Range(0, MAX_ACCURACY_M),
        metadata={
            "description": "Metres that hold the true position in 68 % of cases",
            "example": 12.5,
        },
    )
    captured_at = Timestamp(required=True, metadata={"description": "When the fix was taken"})
    provider = String(
        load_default="unknown",
        validate=validate.Regexp(r"\A[a-z0-9_]{1,32}\Z", error="Lower-case letters, digits and _."),
        metadata={"example": "gps"},
    )
    mock = Boolean(
        load_default=False,
        metadata={"description": "Android's isMock, or iOS's isSimulatedBySoftware"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> LocationFix:
        del data["kind"]
        return LocationFix(**data)


class VenueCodeEvidenceSchema(Schema):
    """What the venue's kiosk shows just now: its digits, typed, or all that its QR picture says."""

    kind = tag("venue_code")
    code = String(required=True, validate=validate.Length(1, 100), metadata={"example": "492 039"})

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> proofs.VenueCode:
        return proofs.VenueCode(data["code"].rsplit(":", 1)[-1])


class PosterCodeEvidenceSchema(Schema):
    """The code printed on the venue's poster. It settles a doubt about the location, no more."""

    kind = tag("poster_code")
    code = String(
        required=True, validate=validate.Length(1, 100), metadata={"example": "7M3K-9QZ2-VX4A"}
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> proofs.PosterCode:
        return proofs.PosterCode(data["code"].rsplit(":", 1)[-1])


class NfcTagEvidenceSchema(Schema):
    """The address that an NTAG 424 DNA at the venue gave when it was tapped.

    It mirrors `picc_data` and `cmac`, or `uid`, `ctr` and `cmac` where the tag does not encrypt.
    """

    kind = tag("nfc_tag")
    url = String(
        required=True,
        validate=validate.Length(1, 2000),
        metadata={
            "example": "https://example.com/t?picc_data=EF963FF7828658A599F3041510671E88"
            "&cmac=94EED9EE65337086"
        },
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> proofs.NfcTag:
        try:
            return proofs.NfcTag(read_tag_url(data["url"]))
        except (ValueError, KeyError):
            raise ma.ValidationError("Not the address of a tag: see `url`.", "url") from None


def read_tag_url(url: str) -> TagMessage:
    """What the tag said; raises ValueError or KeyError where it is none of its forms."""
    said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    cmac = bytes.fromhex(said["cmac"])
    if "picc_data" in said:
        return TagMessage(cmac, picc_data=bytes.fromhex(said["picc_data"]))
    return TagMessage(cmac, uid=bytes.fromhex(said["uid"]), counter=int(said["ctr"][:6], 16))


class BeaconEvidenceSchema(Schema):
    """The identifier that an Eddystone-EID beacon at the venue sends just now."""

    kind = tag("beacon")
    eid = String(
        required=True,
        validate=validate.Regexp(r"\A[0-9A-Fa-f]{16}\Z", error="16 hexadecimal digits."),
        metadata={"example": "d43ef5aea25b0c0d", "pattern": "^[0-9A-Fa-f]{16}$"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> proofs.Beacon:
        return proofs.Beacon(bytes.fromhex(data["eid"]))


class StaffPinEvidenceSchema(Schema):
    """The PIN that a member of the venue's staff types on the customer's phone."""

    kind = tag("staff_pin")
    pin = String(
        required=True,
        validate=validate.Regexp(r"\A[0-9]{6,12}\Z", error="6 to 12 digits."),
        metadata={"example": "381920", "pattern": "^[0-9]{6,12}$"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> proofs.StaffPin:
        return proofs.StaffPin(data["pin"])


CHALLENGE: dict[str, Any] = {
    "required": True,
    "validate": validate.Length(1, MAX_TOKEN),
    "metadata": {"description": "From POST /v1/challenges", "example": "eyJhbGciOiJFZERTQSJ9..."},
}


class Base64(fields.Field[bytes]):
    """Bytes in base64, of either alphabet, padded or not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bytes:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN:
            raise ma.ValidationError("Not base64.")
        try:
            plain = value.rstrip("=").replace("-", "+").replace("_", "/")
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (ValueError, binascii.Error):
            raise ma.ValidationError("Not base64.") from None


BASE64 = {"type": "string", "example": "bGJz"}


class PlayIntegrityEvidenceSchema(Schema):
    """A Play Integrity token whose nonce is the SHA-256 of the challenge's text, as base64url."""

    kind = tag("play_integrity")
    challenge = String(**CHALLENGE)
    token = String(
        required=True,
        validate=validate.Length(1, MAX_TOKEN),
        metadata={"example": "eyJhbGciOiJBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIn0..."},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> PlayIntegrity:
        return PlayIntegrity(token=data["token"], challenge=data["challenge"])


class AppAttestationEvidenceSchema(Schema):
    """A fresh App Attest key, attested over the SHA-256 of the challenge's text. Once a phone."""

    kind = tag("app_attestation")
    challenge = String(**CHALLENGE)
    key_id = Base64(required=True, metadata=BASE64)
    attestation = Base64(required=True, metadata=BASE64)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> AppAttestation:
        return AppAttestation(data["key_id"], data["attestation"], data["challenge"])


class AppAssertionEvidenceSchema(Schema):
    """An assertion over the SHA-256 of the challenge's text, by a key attested before."""

    kind = tag("app_assertion")
    challenge = String(**CHALLENGE)
    key_id = Base64(required=True, metadata=BASE64)
    assertion = Base64(required=True, metadata=BASE64)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> AppAssertion:
        return AppAssertion(data["key_id"], data["assertion"], data["challenge"])


class EvidenceSchema(OneOf):
    """What shows that the customer is at the venue."""

    type_schemas = {  # noqa: RUF012
        "location": LocationEvidenceSchema(),
        "venue_code": VenueCodeEvidenceSchema(),
        "poster_code": PosterCodeEvidenceSchema(),
        "nfc_tag": NfcTagEvidenceSchema(),
        "beacon": BeaconEvidenceSchema(),
        "staff_pin": StaffPinEvidenceSchema(),
        "play_integrity": PlayIntegrityEvidenceSchema(),
        "app_attestation": AppAttestationEvidenceSchema(),
        "app_assertion": AppAssertionEvidenceSchema(),
    }


DEVICE = PlayIntegrity | AppAttestation | AppAssertion


def one_of_each(given: list[Any]) -> None:
    """A location, a proof of each kind, and one word of the phone's platform."""
    kinds = ["device" if isinstance(item, DEVICE) else type(item).__name__ for item in given]
    if len(set(kinds)) < len(kinds):
        raise ma.ValidationError("At most one of each kind.")


def sort_out(given: list[Any]) -> Evidence:
    return Evidence(
        fix=next((item for item in given if isinstance(item, LocationFix)), None),
        proofs=tuple(item for item in given if not isinstance(item, LocationFix | DEVICE)),
        device=next((item for item in given if isinstance(item, DEVICE)), None),
    )


class AddEvidenceSchema(Schema):
    example = {"evidence": [{"kind": "venue_code", "code": "492039"}]}  # noqa: RUF012

    evidence = fields.List(
        fields.Nested(EvidenceSchema),
        required=True,
        validate=[validate.Length(1, 8), one_of_each],
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Evidence:
        return sort_out(data["evidence"])
