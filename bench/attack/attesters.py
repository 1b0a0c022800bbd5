"""Google Play and an iPhone, as honest as the real ones, to attest with in tests and attacks."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import cbor2
import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRODUCTION, DEVELOPMENT = b"appattest".ljust(16, b"\0"), b"appattestdevelop"
NONCE_OID = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
NONCE_PREFIX = bytes.fromhex("3024a1220420")
"""DER of a sequence of one [1]-tagged octet string of 32 bytes."""
CA_FROM, CA_UNTIL = datetime(2020, 3, 18, tzinfo=UTC), datetime(2045, 3, 15, tzinfo=UTC)


class PlayStore:
    """Google Play, for one app; its keys are the app's."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.aes_key = os.urandom(32)
        self.signing_key = generate_private_key(SECP256R1())

    def keys(self) -> dict[str, Any]:
        """What the app is to be set up with."""
        der = self.signing_key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "play": {
                "package_name": self.package,
                "decryption_key": base64.b64encode(self.aes_key).decode(),
                "verification_key": base64.b64encode(der).decode(),
            }
        }

    def token(
        self,
        challenge: str,
        *,
        now: datetime,
        verdict: str = "MEETS_DEVICE_INTEGRITY",
        recognized: str = "PLAY_RECOGNIZED",
        package: str | None = None,
        standard: bool = False,
    ) -> str:
        """What a phone gets for the challenge: by a classic request, or by a standard one."""
        package = package or self.package
        request = {
            "requestPackageName": package,
            "requestHash" if standard else "nonce": _base64url(_hash(challenge)),
            "timestampMillis": str(int(now.timestamp() * 1000)),
        }
        app = {
            "appRecognitionVerdict": recognized,
            "packageName": package,
            "certificateSha256Digest": [_base64url(sha256(package.encode()).digest())],
            "versionCode": "42",
        }
        return self.seal(
            {
                "requestDetails": request,
                "appIntegrity": app,
                "deviceIntegrity": {"deviceRecognitionVerdict": [verdict] if verdict else []},
                "accountDetails": {"appLicensingVerdict": "LICENSED"},
            }
        )

    def seal(self, payload: dict[str, Any]) -> str:
        """JWE of a JWS (ES256) of the payload."""
        return self.encrypt(jwt.encode(payload, self.signing_key, algorithm="ES256"))

    def encrypt(self, signed: str) -> str:
        """JWE (A256KW, A256GCM)."""
        header = _base64url(json.dumps({"alg": "A256KW", "enc": "A256GCM"}).encode())
        content_key, iv = os.urandom(32), os.urandom(12)
        box = AESGCM(content_key).encrypt(iv, signed.encode(), header.encode())
        parts = (aes_key_wrap(self.aes_key, content_key), iv, box[:-16], box[-16:])
        return ".".join([header, *map(_base64url, parts)])


class AppleCa:
    """A root and an intermediate authority, as Apple has them for App Attest."""

    def __init__(self) -> None:
        root_key, self._key = generate_private_key(SECP384R1()), generate_private_key(SECP384R1())
        self._name = _name("App Attestation CA 1")
        root_name = _name("App Attestation Root CA")
        root = _authority(root_name, root_name, root_key.public_key(), root_key)
        self.root_pem = root.public_bytes(Encoding.PEM)
        intermediate = _authority(self._name, root_name, self._key.public_key(), root_key)
        self.intermediate = intermediate.public_bytes(Encoding.DER)

    def certify(self, key: EllipticCurvePublicKey, nonce: bytes, now: datetime) -> bytes:
        """A certificate of the key for three days that states the nonce."""
        built = (
            _certificate(_name("credential"), self._name, key)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.UnrecognizedExtension(NONCE_OID, NONCE_PREFIX + nonce), critical=False
            )
        )
        return built.sign(self._key, SHA384()).public_bytes(Encoding.DER)


class AppleDevice:
    """An iPhone with a key of its own; several can have one authority."""

    def __init__(self, app_id: str, ca: AppleCa | None = None) -> None:
        self.app_id, self.ca = app_id, ca or AppleCa()
        self.key = generate_private_key(SECP256R1())
        self.counter = 0

    @property
    def key_id(self) -> bytes:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return sha256(point).digest()

    def keys(self, *, production: bool = True) -> dict[str, Any]:
        """What the app is to be set up with."""
        root = self.ca.root_pem.decode()
        return {"apple": {"app_id": self.app_id, "production": production, "root_ca": root}}

    def attest(
        self, challenge: str, *, now: datetime | None = None, environment: bytes = PRODUCTION
    ) -> dict[str, str]:
        """Apple's word for the key, in base64."""
        credential = environment + len(self.key_id).to_bytes(2) + self.key_id
        data = self._app(b"\x40", 0) + credential + _cose(self.key.public_key())
        nonce = sha256(data + _hash(challenge)).digest()
        leaf = self.ca.certify(self.key.public_key(), nonce, now or datetime.now(UTC))
        statement = {"x5c": [leaf, self.ca.intermediate], "receipt": b"receipt"}
        whole = {"fmt": "apple-appattest", "attStmt": statement, "authData": data}
        return {"key_id": _base64(self.key_id), "attestation": _base64(cbor2.dumps(whole))}

    def sign(self, challenge: str) -> dict[str, str]:
        """The challenge signed with the key, in base64; the counter goes up."""
        self.counter += 1
        data = self._app(b"\x40", self.counter)
        nonce = sha256(data + _hash(challenge)).digest()
        signature = self.key.sign(nonce, ECDSA(SHA256()))
        whole = cbor2.dumps({"signature": signature, "authenticatorData": data})
        return {"key_id": _base64(self.key_id), "assertion": _base64(whole)}

    def _app(self, flags: bytes, counter: int) -> bytes:
        return sha256(self.app_id.encode()).digest() + flags + counter.to_bytes(4)


def _hash(challenge: str) -> bytes:
    return sha256(challenge.encode()).digest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _cose(key: EllipticCurvePublicKey) -> bytes:
    """The key as in RFC 9053: EC2, ES256, P-256."""
    point = key.public_numbers()
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Not Apple"),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
    )


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePublicKey,
    signing_key: EllipticCurvePrivateKey,
) -> x509.Certificate:
    return (
        _certificate(subject, issuer, key)
        .not_valid_before(CA_FROM)
        .not_valid_after(CA_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .sign(signing_key, SHA384())
    )


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
