"""Whether a genuine phone with the genuine app answered: Play Integrity and App Attest. Pure.

A phone has a challenge for one customer and one venue answered by its platform, which is given
the challenge's SHA-256: as `nonce` (classic requests) or `requestHash` (standard requests) of
Play Integrity, in base64url, or as `clientDataHash` of App Attest. What the platforms answer is
taken apart and verified by pyattest; what it does not look at is looked at here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from importlib.resources import files
from typing import Any, Self

from asn1crypto.x509 import Certificate
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509 import load_pem_x509_certificate
from pyattest import exceptions as refusals
from pyattest.assertion import Assertion
from pyattest.attestation import Attestation
from pyattest.configs.apple import AppleConfig
from pyattest.configs.google_play_integrity_api import GooglePlayIntegrityApiConfig
from pyattest.verifiers.apple_assertion import AppleAssertionVerifier
from pyattest.verifiers.apple_attestation import AppleAttestationVerifier
from pyattest.verifiers.google_play_integrity_attestation import (
    GooglePlayIntegrityAttestationVerifier,
)
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

PLAY_FRESH, TICK = timedelta(minutes=10), timedelta(milliseconds=1)
MAX_CHAIN = 3
"""Apple sends two certificates. The time to look for a path grows with the factorial of these."""
AES_256_BYTES = 32
PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
APPLE_APP = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9.-]+")
APPLE_ROOT = (files("pyattest") / "certificates/Apple_App_Attestation_Root_CA.pem").read_bytes()


@dataclass(frozen=True, slots=True)
class PlayIntegrity:
    """The token that Google Play made for the challenge."""

    token: str = field(repr=False)
    challenge: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppAttestation:
    """Apple's word, given once, for a key that the phone has made."""

    key_id: bytes
    attestation: bytes = field(repr=False)
    challenge: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppAssertion:
    """A signature of the challenge with a key attested before."""

    key_id: bytes
    assertion: bytes = field(repr=False)
    challenge: str = field(repr=False)


class Outcome(StrEnum):
    VERIFIED = "verified"
    UNAVAILABLE = "unavailable"
    """The app has not been set up for the platform."""
    REFUSED = "refused"
    """Forged, for another challenge or app, or a device or app that the platform does not trust."""
    STALE = "stale"
    REPLAYED = "replayed"
    """An assertion whose counter is not above the last one's."""


@dataclass(frozen=True, slots=True)
class Attested:
    """`public_key` and `counter` are to be kept with the key; `detail` is for support."""

    outcome: Outcome
    public_key: bytes | None = None
    counter: int | None = None
    detail: str = ""


class KeysUnreadable(ValueError):
    """What an app is to be set up with is no good; the text says which part."""


@dataclass(frozen=True, slots=True)
class PlayKeys:
    """The keys are in base64, as the Play Console shows them."""

    package_name: str
    decryption_key: str = field(repr=False)
    verification_key: str = field(repr=False)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        package_name = str(document.get("package_name"))
        if not PACKAGE.fullmatch(package_name):
            raise KeysUnreadable("The package name has the form com.example.app.")
        if len(_base64(document, "decryption_key")) != AES_256_BYTES:
            raise KeysUnreadable("decryption_key has to be an AES key of 32 bytes.")
        _p256(_base64(document, "verification_key"))
        return cls(package_name, document["decryption_key"], document["verification_key"])


@dataclass(frozen=True, slots=True)
class AppleKeys:
    """Apple publishes its keys, so this names the app; `root_ca` (PEM) is another root in tests."""

    app_id: str
    production: bool = True
    root_ca: bytes = field(default=APPLE_ROOT, repr=False)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        app_id = str(document.get("app_id"))
        if not APPLE_APP.fullmatch(app_id):
            raise KeysUnreadable("The Apple app id has the form TEAMID1234.com.example.app.")
        production = document.get("production", True)
        if not isinstance(production, bool):
            raise KeysUnreadable("production is true or false.")
        root = _text(document, "root_ca").encode() if "root_ca" in document else APPLE_ROOT
        try:
            load_pem_x509_certificate(root)
        except ValueError as error:
            raise KeysUnreadable("root_ca has to be a certificate in PEM.") from error
        return cls(app_id, production, root)


@dataclass(frozen=True, slots=True)
class IntegrityKeys:
    """What an app's phones are attested with, by platform; None: it has not been set up."""

    play: PlayKeys | None = None
    apple: AppleKeys | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Of `{"play": {...}, "apple": {...}}`, each part optional; raises KeysUnreadable."""
        play, apple = _part(document, "play"), _part(document, "apple")
        return cls(PlayKeys.read(play) if play else None, AppleKeys.read(apple) if apple else None)

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Self:
        """As `read`, but a document that is no good is as one never set up."""
        try:
            return cls.read(document)
        except KeysUnreadable:
            return cls()


def nonce_of(challenge: str) -> bytes:
    """What the platform is given of a challenge."""
    return sha256(challenge.encode()).digest()


def verify_play(evidence: PlayIntegrity, keys: IntegrityKeys, *, now: datetime) -> Attested:
    """The token has to be Google's, fresh, for this challenge, app and an unmodified device."""
    if keys.play is None:
        return Attested(Outcome.UNAVAILABLE, detail="Play Integrity: not set up")
    try:
        requested_ms = _play_time(evidence, keys.play)
    except Exception as error:  # noqa: BLE001  (malformed in whatever way)
        return _refused("Play Integrity", error)
    if abs(int(now.timestamp() * 1000) - requested_ms) > PLAY_FRESH / TICK:
        return Attested(Outcome.STALE, detail="Play Integrity: the time of the request")
    return Attested(Outcome.VERIFIED)


def verify_attestation(evidence: AppAttestation, keys: IntegrityKeys, *, now: datetime) -> Attested:
    """The key has to be attested by Apple, valid `now`, for this challenge and app."""
    if keys.apple is None:
        return Attested(Outcome.UNAVAILABLE, detail="App Attest: not set up")
    try:
        public_key = _attested_key(evidence, keys.apple, now)
    except Exception as error:  # noqa: BLE001  (malformed in whatever way)
        return _refused("App Attest", error)
    return Attested(Outcome.VERIFIED, public_key, counter=0)


def verify_assertion(
    evidence: AppAssertion, public_key: bytes, counter: int, keys: IntegrityKeys, *, now: datetime
) -> Attested:
    """Signed with the key, for this challenge and app, and not before.

    An assertion states no time: its challenge, which expires, makes it fresh.
    """
    if keys.apple is None:
        return Attested(Outcome.UNAVAILABLE, detail="App Attest: not set up")
    try:
        reached = _asserted_counter(evidence, public_key, keys.apple)
    except Exception as error:  # noqa: BLE001  (malformed in whatever way)
        return _refused("App Attest", error)
    if reached <= counter:
        return Attested(Outcome.REPLAYED, detail="App Attest: the counter")
    return Attested(Outcome.VERIFIED, public_key, counter=reached)


class _PlayVerifier(GooglePlayIntegrityAttestationVerifier):  # type: ignore[misc]
    def check_request_details(self, details: Mapping[str, Any]) -> None:
        """Standard requests have `requestHash` for `nonce`; the padding may be left out."""
        answered = details["requestHash"] if "requestHash" in details else details["nonce"]
        padded = answered.rstrip("=") + "=" * (-len(answered.rstrip("=")) % 4)
        super().check_request_details({**details, "nonce": padded})


class _AppleVerifier(AppleAttestationVerifier):  # type: ignore[misc]
    """pyattest's own would trust the system's certificate authorities too, and read the clock."""

    def __init__(self, attestation: Attestation, now: datetime) -> None:
        super().__init__(attestation)
        self.now = now

    async def verify_certificate_chain(self, chain: list[bytes]) -> Any:
        if len(chain) > MAX_CHAIN:
            raise refusals.InvalidCertificateChainException
        leaf, *others = map(Certificate.load, chain)
        context = ValidationContext(
            trust_roots=[self.attestation.config.root_ca], moment=self.now, allow_fetching=False
        )
        validator = CertificateValidator(leaf, others, validation_context=context)
        return await validator.async_validate_usage({"digital_signature"})  # type: ignore[no-untyped-call]


_STEPS: dict[type[Exception], str] = {
    refusals.PyAttestException: "it cannot be opened and verified with the app's keys",
    refusals.InvalidNonceException: "the challenge",
    refusals.InvalidAppIdException: "the app's id",
    refusals.InvalidAppIntegrity: "the platform does not recognise the app",
    refusals.InvalidDeviceIntegrity: "the verdict on the device",
    refusals.InvalidKeyIdException: "the id of the key",
    refusals.InvalidCredentialIdException: "the id of the key",
    refusals.InvalidCounterException: "the counter",
    refusals.InvalidAaguidException: "the environment (development or production)",
    refusals.InvalidCertificateChainException: "the certificates",
    refusals.ExtensionNotFoundException: "the certificates",
    PathError: "the certificates",
    ValidationError: "the certificates",
    InvalidSignature: "the signature",
}


def _refused(platform: str, error: Exception) -> Attested:
    """The text names the step alone: an exception's own may quote the evidence."""
    steps = (_STEPS[kind] for kind in type(error).__mro__ if kind in _STEPS)
    return Attested(Outcome.REFUSED, detail=f"{platform}: {next(steps, 'malformed')}")


def _play_time(evidence: PlayIntegrity, keys: PlayKeys) -> int:
    """When the verified token was asked for, in milliseconds."""
    config = GooglePlayIntegrityApiConfig(
        keys.decryption_key, keys.verification_key, keys.package_name, production=True
    )
    attestation = Attestation(evidence.token, nonce_of(evidence.challenge), config)
    _finish(_PlayVerifier(attestation).verify())
    return int(attestation.data["data"]["requestDetails"]["timestampMillis"])


def _attested_key(evidence: AppAttestation, keys: AppleKeys, now: datetime) -> bytes:
    """pyattest hashes the challenge itself here."""
    config = AppleConfig(evidence.key_id, keys.app_id, keys.production, keys.root_ca)
    attestation = Attestation(evidence.attestation, evidence.challenge.encode(), config)
    _finish(_AppleVerifier(attestation, now).verify())
    public_key: bytes = attestation.data["certs"].last.public_key.dump()
    return public_key


def _asserted_counter(evidence: AppAssertion, public_key: bytes, keys: AppleKeys) -> int:
    """pyattest verifies the signature alone."""
    key = _p256(public_key)
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if sha256(point).digest() != evidence.key_id:
        raise refusals.InvalidKeyIdException
    config = AppleConfig(evidence.key_id, keys.app_id, keys.production)
    assertion = Assertion(evidence.assertion, nonce_of(evidence.challenge), key, config)
    AppleAssertionVerifier(assertion).verify()
    if assertion.data["rp_id"] != sha256(keys.app_id.encode()).digest():
        raise refusals.InvalidAppIdException
    counter: int = assertion.data["counter"]
    return counter


def _finish(verifying: Coroutine[Any, Any, None]) -> None:
    """Run what pyattest declares as async but which waits for nothing: no fetching, no sleep."""
    try:
        verifying.send(None)
    except StopIteration:
        return
    verifying.close()
    raise RuntimeError("The verification waits for something.")


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    part = document.get(name)
    if part is not None and not isinstance(part, Mapping):
        raise KeysUnreadable(f"{name} has to be an object.")
    return part


def _text(document: Mapping[str, Any], name: str) -> str:
    text = document.get(name)
    if not isinstance(text, str):
        raise KeysUnreadable(f"{name} is missing.")
    return text


def _base64(document: Mapping[str, Any], name: str) -> bytes:
    text = _text(document, name)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise KeysUnreadable(f"{name} has to be base64.") from error


def _p256(der: bytes) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(der)
    except Exception as error:
        raise KeysUnreadable("verification_key has to be a public key in DER.") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise KeysUnreadable("verification_key has to be a key on the curve P-256.")
    return key
