from __future__ import annotations

import base64
import json
from dataclasses import asdict
from dataclasses import fields as members
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Integer, OneOf, Schema, String, Timestamp, Word, tag, text
from lbs.http.languages import LANGUAGES
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.proofs.rules.display import code_text, draw
from lbs.proofs.rules.provisioning import KINDS, TAKES, Given
from lbs.proofs.service import BindWristband, CreateProof, Kiosk, NewProof

MAX_COUNT = 1000
MAX_CLOCK_S = 2**32 - 1
MAX_RECEIPT = 4000
STATUSES = ("bound", "unbound", "lost")
MIRRORED = f"picc_data={'0' * 32}&cmac={'0' * 16}"
"""The parameters that an NFC tag fills in: 16 bytes of encrypted PICC data, 8 of the CMAC."""

GIVEN = frozenset(member.name for member in members(Given))


class Hex(String):
    """So many hexadecimal digits, handed on in lower case."""

    def __init__(self, digits: int, **kwargs: Any) -> None:
        whole = validate.Regexp(
            rf"\A[0-9A-Fa-f]{{{digits}}}\Z", error=f"{digits} hexadecimal digits."
        )
        super().__init__(validate=whole, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).lower()


def _key(description: str) -> Hex:
    return Hex(32, load_default=None, metadata={"description": description})


def _meta_read_key() -> Hex:
    return _key("SDMMetaRead, if the tag is programmed already; left out: both keys are made")


def _file_read_key() -> Hex:
    return _key("SDMFileRead of the same tag")


def _identity_key() -> Hex:
    return _key("The Eddystone-EID identity key, if the beacon has one; left out: it is made")


def _pin() -> String:
    return String(
        load_default=None,
        validate=validate.Regexp(r"\A[0-9]{6,12}\Z", error="6 to 12 digits."),
        metadata={"description": "Left out: eight random digits"},
    )


def _refuse_half(data: dict[str, Any]) -> None:
    for one, other in (("meta_read_key", "file_read_key"), ("file_read_key", "meta_read_key")):
        if data.get(one) and not data.get(other):
            raise ma.ValidationError("Give both keys of the tag, or neither.", other)


def _take_given(data: dict[str, Any]) -> Given:
    return Given(**{name: data.pop(name) for name in GIVEN & data.keys()})


class _CreateProofSchema(Schema):
    name = text(100, required=True, metadata={"example": "Counter"})

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateProof:
        """What is left beside name and what the merchant brings are the kind's parameters."""
        given = _take_given(data)
        return CreateProof(data.pop("kind"), data.pop("name"), parameters=data, given=given)


class CreateVenueCodeProofSchema(_CreateProofSchema):
    """Six digits on a kiosk's screen that change every few seconds."""

    kind = tag("venue_code")
    step_s = Integer(
        load_default=30,
        validate=validate.Range(15, 60),
        metadata={"description": "Seconds that a code stands"},
    )
    max_customers = Integer(
        load_default=20,
        validate=validate.Range(1, MAX_COUNT),
        metadata={"description": "How many may use one code before it is taken for passed on"},
    )


class CreatePosterCodeProofSchema(_CreateProofSchema):
    """A printed code that stays the same until it is rotated."""

    kind = tag("poster_code")


class CreateNfcTagProofSchema(_CreateProofSchema):
    """An NTAG 424 DNA tag, which signs every tap."""

    kind = tag("nfc_tag")
    uid = Hex(
        14, required=True, metadata={"description": "Its 7 bytes", "example": "04de5f1eacc040"}
    )
    meta_read_key = _meta_read_key()
    file_read_key = _file_read_key()

    @ma.validates_schema
    def whole(self, data: dict[str, Any], **_: Any) -> None:
        _refuse_half(data)


class CreateBeaconProofSchema(_CreateProofSchema):
    """A Bluetooth beacon that speaks Eddystone-EID."""

    kind = tag("beacon")
    identity_key = _identity_key()
    max_customers = Integer(
        load_default=30,
        validate=validate.Range(1, MAX_COUNT),
        metadata={
            "description": "How many may use one identifier before it is taken for passed on"
        },
    )
    rotation_exponent = Integer(
        load_default=9,
        validate=validate.Range(4, 15),
        metadata={"description": "K: the beacon changes its identifier every 2^K seconds"},
    )
    clock_s = Integer(
        load_default=0,
        validate=validate.Range(0, MAX_CLOCK_S),
        metadata={"description": "What the beacon's clock says now, in seconds"},
    )


class CreateReaderProofSchema(_CreateProofSchema):
    """A reader of wristbands, which reports taps with its own key."""

    kind = tag("reader")


class CreateStaffProofSchema(_CreateProofSchema):
    """A staff member, who confirms customers by PIN or with their own key."""

    kind = tag("staff")
    pin = _pin()
    max_per_hour = Integer(
        load_default=30,
        validate=validate.Range(1, MAX_COUNT),
        metadata={"description": "How many customers they may confirm in an hour"},
    )


class CreateVenueProofSchema(OneOf):
    """Something that proves presence at the venue, to be provisioned."""

    example = {"kind": "venue_code", "name": "Counter", "step_s": 30}  # noqa: RUF012
    type_schemas = {  # noqa: RUF012
        "venue_code": CreateVenueCodeProofSchema(),
        "poster_code": CreatePosterCodeProofSchema(),
        "nfc_tag": CreateNfcTagProofSchema(),
        "beacon": CreateBeaconProofSchema(),
        "reader": CreateReaderProofSchema(),
        "staff": CreateStaffProofSchema(),
    }


class RotateVenueProofSchema(Schema):
    """What the merchant brings along; what is left out is made. An empty object will do."""

    example = {}  # type: ignore[var-annotated]  # noqa: RUF012

    meta_read_key = _meta_read_key()
    file_read_key = _file_read_key()
    identity_key = _identity_key()
    clock_s = Integer(
        load_default=None,
        validate=validate.Range(0, MAX_CLOCK_S),
        metadata={
            "description": "What the beacon's clock says now: with its own key, this only compares "
            "clocks; left out: it ran on"
        },
    )
    pin = _pin()

    @ma.validates_schema
    def whole(self, data: dict[str, Any], **_: Any) -> None:
        _refuse_half(data)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Given:
        return _take_given(data)


def refuse_needless(kind: str, given: Given) -> None:
    """Refuses what is meant for another kind of proof."""
    for name in sorted(GIVEN - TAKES.get(kind, frozenset())):
        if getattr(given, name) is not None:
            raise ma.ValidationError(f"A proof of the kind {kind} has none.", name)


_PROOF = {
    "id": "019abc12-0000-7000-8000-000000000010",
    "venue_id": "019abc12-0000-7000-8000-000000000001",
    "kind": "venue_code",
    "name": "Counter",
    "step_s": 30,
    "max_customers": 20,
    "version": 1,
    "created_at": "2026-11-22T09:00:00Z",
    "rotated_at": None,
    "revoked_at": None,
}
ONCE = "Keep it: it is not shown again"


class _ProofSchema(Schema):
    id = fields.UUID(required=True)
    venue_id = fields.UUID(required=True)
    name = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "How often made anew"})
    created_at = Timestamp(required=True)
    rotated_at = Timestamp(required=True, allow_none=True)
    revoked_at = Timestamp(required=True, allow_none=True)


def _parameter(name: str, **metadata: Any) -> fields.Integer:
    return fields.Integer(required=True, attribute=f"parameters.{name}", metadata=metadata)


def _counter(description: str) -> fields.Integer:
    return fields.Integer(required=True, allow_none=True, metadata={"description": description})


def _secret(description: str) -> fields.String:
    return fields.String(required=True, metadata={"description": f"{description}. {ONCE}"})


class VenueCodeProofSchema(_ProofSchema):
    """Digits on a kiosk's screen."""

    kind = tag("venue_code")
    step_s = _parameter("step_s")
    max_customers = _parameter("max_customers")


class PosterCodeProofSchema(_ProofSchema):
    """A printed code."""

    kind = tag("poster_code")


class NfcTagProofSchema(_ProofSchema):
    """A tag that signs every tap."""

    kind = tag("nfc_tag")
    uid = fields.String(required=True, attribute="parameters.uid")
    counter = _counter("How often it had been read when it was last used; null: not yet")


class BeaconProofSchema(_ProofSchema):
    """A Bluetooth beacon."""

    kind = tag("beacon")
    rotation_exponent = _parameter("rotation_exponent")
    max_customers = _parameter("max_customers")
    started_at = fields.String(
        required=True,
        attribute="parameters.started_at",
        metadata={"format": "date-time", "description": "When its clock was at zero"},
    )


class ReaderProofSchema(_ProofSchema):
    """A reader of wristbands."""

    kind = tag("reader")
    counter = _counter("The highest sequence number it has reported; null: none yet")


class StaffProofSchema(_ProofSchema):
    """A staff member."""

    kind = tag("staff")
    max_per_hour = _parameter("max_per_hour")


class VenueProofSchema(OneOf):
    """Something that proves presence at the venue, without its secret."""

    example = _PROOF
    type_schemas = {  # noqa: RUF012
        "venue_code": VenueCodeProofSchema(),
        "poster_code": PosterCodeProofSchema(),
        "nfc_tag": NfcTagProofSchema(),
        "beacon": BeaconProofSchema(),
        "reader": ReaderProofSchema(),
        "staff": StaffProofSchema(),
    }


VenueProofPageSchema = page_schema(VenueProofSchema, "VenueProofPageSchema")


class ProofListQuerySchema(WindowQuerySchema):
    kind = Word("VenueProofKind", KINDS, load_default=None)


class NewVenueCodeProofSchema(VenueCodeProofSchema):
    """A kiosk's proof with its secret and key."""

    secret = _secret("The TOTP secret (RFC 6238, HMAC-SHA-1) in base 32")
    otpauth_uri = _secret("The same for an authenticator app, which can serve as the display")
    token = _secret("The kiosk's key")
    kiosk_url = _secret("Open it on the kiosk; the key in its fragment reaches no server")


class NewPosterCodeProofSchema(PosterCodeProofSchema):
    """A poster's proof with its code."""

    code = fields.String(
        required=True, metadata={"description": "Get the printable page at `read_poster`"}
    )


class NewNfcTagProofSchema(NfcTagProofSchema):
    """A tag's proof with the keys and the address to write to the tag."""

    meta_read_key = _secret("SDMMetaRead")
    file_read_key = _secret("SDMFileRead")
    url_template = fields.String(
        required=True,
        metadata={
            "description": "Write it to the tag, and let it mirror the encrypted PICC data and "
            "the CMAC (over no file data) where the zeros stand. An address of your own will do, "
            "if it has the same two parameters."
        },
    )


class NewBeaconProofSchema(BeaconProofSchema):
    """A beacon's proof with its key."""

    identity_key = _secret("The Eddystone-EID identity key")


class NewReaderProofSchema(ReaderProofSchema):
    """A reader's proof with its key."""

    token = _secret("The reader's key")


class NewStaffProofSchema(StaffProofSchema):
    """A staff member's proof with PIN and key."""

    pin = _secret("What they type on the customer's phone")
    token = _secret("The key for a phone of their own")


_TOKEN = "lbp_019abc12000070008000000000000010_xGh2..."  # noqa: S105  (an example)


class NewVenueProofSchema(OneOf):
    """A proof with its secret, which is shown this once."""

    example = {  # noqa: RUF012
        **_PROOF,
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "otpauth_uri": "otpauth://totp/lbs:Counter?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=lbs&algorithm=SHA1&digits=6&period=30",
        "token": _TOKEN,
        "kiosk_url": f"https://lbs.example/kiosk/019abc12-0000-7000-8000-000000000001#key={_TOKEN}",
    }
    type_schemas = {  # noqa: RUF012
        "venue_code": NewVenueCodeProofSchema(),
        "poster_code": NewPosterCodeProofSchema(),
        "nfc_tag": NewNfcTagProofSchema(),
        "beacon": NewBeaconProofSchema(),
        "reader": NewReaderProofSchema(),
        "staff": NewStaffProofSchema(),
    }


class PosterQuerySchema(Schema):
    lang = Word(
        "Language",
        LANGUAGES,
        load_default=None,
        metadata={"description": "Left out: as `Accept-Language` says"},
    )


class QrPictureSchema(Schema):
    """A square drawing of a QR code: SVG path data, filled dark on light."""

    size = fields.Integer(
        required=True, metadata={"description": "The side, quiet zone included; `0 0 size size`"}
    )
    path = fields.String(required=True, metadata={"description": "The `d` of an SVG path"})


class KioskCodeSchema(Schema):
    """A code and when it stands."""

    code = fields.String(required=True, metadata={"description": "The digits"})
    qr = fields.Nested(QrPictureSchema, required=True)
    valid_from = Timestamp(required=True)
    valid_until = Timestamp(required=True)


class KioskCodesSchema(Schema):
    """What a kiosk shows now and for two steps more, should it lose its connection."""

    example = {  # noqa: RUF012
        "venue_name": "20 grams",
        "step_s": 30,
        "now": "2026-11-22T09:00:12Z",
        "codes": [
            {
                "code": "191134",
                "qr": {"size": 37, "path": "M4 4h7v1h-7z..."},
                "valid_from": "2026-11-22T09:00:00Z",
                "valid_until": "2026-11-22T09:00:30Z",
            },
            {
                "code": "105966",
                "qr": {"size": 37, "path": "M4 4h7v1h-7z..."},
                "valid_from": "2026-11-22T09:00:30Z",
                "valid_until": "2026-11-22T09:01:00Z",
            },
            {
                "code": "664971",
                "qr": {"size": 37, "path": "M4 4h7v1h-7z..."},
                "valid_from": "2026-11-22T09:01:00Z",
                "valid_until": "2026-11-22T09:01:30Z",
            },
        ],
    }

    venue_name = fields.String(required=True)
    step_s = fields.Integer(required=True)
    now = Timestamp(required=True)
    codes = fields.List(fields.Nested(KioskCodeSchema), required=True)


class BindWristbandSchema(Schema):
    example = {  # noqa: RUF012
        "tag": "04a23b1c5d6e80",
        "receipt": "eyJhbGciOiJFZERTQSIsInR5cCI6InJlY2VpcHQrand0In0...",
    }

    tag = String(
        required=True,
        validate=[
            validate.Length(4, 64),
            validate.Regexp(r"\A\S(.*\S)?\Z", error="May not begin or end with a blank."),
        ],
        metadata={
            "description": "What readers read of it: 8 to 40 hexadecimal digits, in any case and "
            "with any separators, or another text"
        },
    )
    receipt = text(
        MAX_RECEIPT,
        required=True,
        metadata={"description": "Of the customer's check-in with you, which must not be over"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> BindWristband:
        return BindWristband(**data)


_WRISTBAND = {
    "id": "019abc12-0000-7000-8000-000000000011",
    "tag_ending": "6e80",
    "status": "bound",
    "bound_at": "2026-11-22T09:02:00Z",
    "ended_at": None,
}


class _WristbandSchema(Schema):
    id = fields.UUID(required=True)
    tag_ending = fields.String(
        required=True, metadata={"description": "Its last characters, never all of them"}
    )
    status = Word("WristbandStatus", STATUSES, required=True)
    bound_at = Timestamp(required=True)
    ended_at = Timestamp(
        required=True, allow_none=True, metadata={"description": "When it was lost or unbound"}
    )


class WristbandSchema(_WristbandSchema):
    """A wristband as its merchant sees it."""

    example = {**_WRISTBAND, "customer": "f81d4fae-7dec-4abc-8a65-00a0c91e6bf6"}  # noqa: RUF012

    customer = fields.UUID(
        required=True, metadata={"description": "The merchant's own name for the customer"}
    )


class OwnWristbandSchema(_WristbandSchema):
    """A wristband as its customer sees it."""

    example = {**_WRISTBAND, "merchant_name": "Ølbaren"}  # noqa: RUF012

    merchant_name = fields.String(required=True)


WristbandPageSchema = page_schema(WristbandSchema, "WristbandPageSchema")
OwnWristbandPageSchema = page_schema(OwnWristbandSchema, "OwnWristbandPageSchema")


def present_new(new: NewProof, public_url: str) -> dict[str, Any]:
    token = {"token": new.token} if new.token else {}
    return {**asdict(new.proof), **_show(new, public_url), **token}


def _show(new: NewProof, public_url: str) -> dict[str, str]:
    """The secret, as those take it who are to keep it."""
    proof, secret = new.proof, new.secret
    match proof.kind:
        case "venue_code":
            return _show_venue_code(new, public_url)
        case "poster_code":
            return {"code": secret}
        case "nfc_tag":
            keys = json.loads(secret)
            return {
                "meta_read_key": keys["meta_read"],
                "file_read_key": keys["file_read"],
                "url_template": f"{public_url}/tap/{proof.venue_id}?{MIRRORED}",
            }
        case "beacon":
            return {"identity_key": secret}
        case "staff":
            return {"pin": secret}
    return {}


def _show_venue_code(new: NewProof, public_url: str) -> dict[str, str]:
    proof = new.proof
    secret = base64.b32encode(bytes.fromhex(new.secret)).decode()
    query = {
        "secret": secret,
        "issuer": "lbs",
        "algorithm": "SHA1",
        "digits": 6,
        "period": proof.parameters["step_s"],
    }
    return {
        "secret": secret,
        "otpauth_uri": f"otpauth://totp/lbs:{quote(proof.name, safe='')}?{urlencode(query)}",
        "kiosk_url": f"{public_url}/kiosk/{proof.venue_id}#key={new.token}",
    }


def present_kiosk(kiosk: Kiosk, now: datetime) -> dict[str, Any]:
    codes = [
        {**asdict(step), "qr": draw(code_text(kiosk.venue_id, step.picture_code))}
        for step in kiosk.codes
    ]
    return {
        "venue_name": kiosk.venue_name,
        "step_s": kiosk.step_s,
        "now": now,
        "codes": codes,
    }
