"""Play Integrity and App Attest: what is believed, what is not, and how an app is set up for it."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import cbor2
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bench.attack.attesters import DEVELOPMENT, AppleCa, AppleDevice, PlayStore
from lbs.accounts import queries, service
from lbs.config import Settings
from lbs.db import Database
from lbs.proofs.rules.integrity import (
    APPLE_ROOT,
    PLAY_FRESH,
    TICK,
    AppAssertion,
    AppAttestation,
    Attested,
    IntegrityKeys,
    KeysUnreadable,
    Outcome,
    PlayIntegrity,
    verify_assertion,
    verify_attestation,
    verify_play,
)
from lbs.vault import Vault, new_key
from tests.cli.test_commands import env, lbs  # noqa: F401  (env is a fixture)
from tests.world import World

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACKAGE, APP = "dk.example.app", "ABCDE12345.dk.example.app"
CHALLENGE = "for Ann at the café"
OTHERS = ["for Bob at the café", "for Ann at the bar", ""]

STORE, CA = PlayStore(PACKAGE), AppleCa()
PHONE = AppleDevice(APP, CA)
DOCUMENT = STORE.keys() | PHONE.keys()
KEYS = IntegrityKeys.read(DOCUMENT)
DETAIL = re.compile(r"(Play Integrity|App Attest): [a-z' (),]+", re.ASCII)


def play(token: str, challenge: str = CHALLENGE, now: datetime = NOW) -> Attested:
    return verify_play(PlayIntegrity(token, challenge), KEYS, now=now)


def attestation(phone: AppleDevice = PHONE, **how) -> AppAttestation:
    made = phone.attest(CHALLENGE, now=NOW, **how)
    return AppAttestation(
        base64.b64decode(made["key_id"]), base64.b64decode(made["attestation"]), CHALLENGE
    )


def assertion(phone: AppleDevice = PHONE) -> AppAssertion:
    made = phone.sign(CHALLENGE)
    return AppAssertion(
        base64.b64decode(made["key_id"]), base64.b64decode(made["assertion"]), CHALLENGE
    )


def attest(evidence: AppAttestation, keys: IntegrityKeys = KEYS, now: datetime = NOW) -> Attested:
    return verify_attestation(evidence, keys, now=now)


def public_key(phone: AppleDevice) -> bytes:
    return phone.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check(evidence: AppAssertion, key: bytes = public_key(PHONE), counter: int = 0) -> Attested:
    return verify_assertion(evidence, key, counter, KEYS, now=NOW)


def refused(attested: Attested, step: str) -> bool:
    return attested.outcome is Outcome.REFUSED and attested.detail.endswith(f": {step}")


# --- Play Integrity ------------------------------------------------------------------------


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("off", [-PLAY_FRESH, timedelta(), PLAY_FRESH])
def test_a_phone_that_play_vouches_for_is_verified(*, standard: bool, off: timedelta):
    token = STORE.token(CHALLENGE, now=NOW + off, standard=standard)
    assert play(token) == Attested(Outcome.VERIFIED)


@pytest.mark.parametrize("off", [-PLAY_FRESH - TICK, PLAY_FRESH + TICK, timedelta(days=2e6)])
def test_a_token_of_another_time_is_stale(off: timedelta):
    assert play(STORE.token(CHALLENGE, now=NOW + off)).outcome is Outcome.STALE


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("other", OTHERS)
def test_a_token_for_another_customers_or_venues_challenge_is_refused(
    *, standard: bool, other: str
):
    assert refused(play(STORE.token(other, now=NOW, standard=standard)), "the challenge")


@pytest.mark.parametrize(
    ("how", "step"),
    [
        ({"package": "dk.example.other"}, "the app's id"),
        ({"recognized": "UNRECOGNIZED_VERSION"}, "the platform does not recognise the app"),
        ({"recognized": "UNEVALUATED"}, "the platform does not recognise the app"),
        ({"verdict": ""}, "the verdict on the device"),
        ({"verdict": "MEETS_BASIC_INTEGRITY"}, "the verdict on the device"),
        ({"verdict": "MEETS_VIRTUAL_INTEGRITY"}, "the verdict on the device"),
    ],
)
def test_a_phone_or_app_that_play_does_not_trust_is_refused(how: dict[str, str], step: str):
    assert refused(play(STORE.token(CHALLENGE, now=NOW, **how)), step)


def mac_of(claims: dict, algorithm: str) -> str:
    """A JWS that takes the public key for a shared secret."""
    public = base64.b64decode(DOCUMENT["play"]["verification_key"])
    parts = (json.dumps(part).encode() for part in ({"alg": algorithm}, claims))
    text = b".".join(map(base64.urlsafe_b64encode, parts)).replace(b"=", b"")
    mac = base64.urlsafe_b64encode(hmac.digest(public, text, "sha256")).rstrip(b"=")
    return (text + b"." + mac).decode()


def forged_tokens() -> dict[str, str]:
    forger = PlayStore(PACKAGE)
    foreign = forger.token(CHALLENGE, now=NOW)
    forger.aes_key = STORE.aes_key
    claims = {"requestDetails": {"requestPackageName": PACKAGE}}
    return {
        "encrypted with another key": foreign,
        "signed with another key": forger.token(CHALLENGE, now=NOW),
        "not signed": STORE.encrypt(jwt.encode(claims, None, algorithm="none")),
        "signed with the public key": STORE.encrypt(mac_of(claims, "HS256")),
        "signed with a part of an algorithm": STORE.encrypt(mac_of(claims, "S256")),
        "not encrypted": jwt.encode(claims, STORE.signing_key, algorithm="ES256"),
        "empty": "",
        "long": "A" * 1_000_000,
    }


@pytest.mark.parametrize(("how", "token"), forged_tokens().items())
def test_a_forged_token_is_refused(how: str, token: str):
    assert play(token).outcome is Outcome.REFUSED


# --- App Attest: the key -------------------------------------------------------------------


@pytest.mark.parametrize("off", [timedelta(hours=-23), timedelta(), timedelta(days=2)])
def test_a_key_that_apple_vouches_for_is_verified_while_its_certificate_is_valid(off: timedelta):
    attested = attest(attestation(), now=NOW + off)
    assert attested == Attested(Outcome.VERIFIED, public_key(PHONE), counter=0)


@pytest.mark.parametrize("off", [timedelta(days=-2), timedelta(days=2, minutes=1)])
def test_the_certificates_have_to_be_valid_at_the_time_of_the_check_in(off: timedelta):
    assert refused(attest(attestation(), now=NOW + off), "the certificates")


@pytest.mark.parametrize("other", OTHERS)
def test_an_attestation_of_another_challenge_is_refused(other: str):
    assert refused(attest(replace(attestation(), challenge=other)), "the challenge")


def test_an_attestation_for_another_app_is_refused():
    assert refused(attest(attestation(AppleDevice("ABCDE12345.dk.other", CA))), "the app's id")


def test_an_attestation_of_another_key_is_refused():
    evidence = replace(attestation(), key_id=AppleDevice(APP, CA).key_id)
    assert refused(attest(evidence), "the id of the key")


def test_a_chain_from_another_root_is_refused():
    assert refused(attest(attestation(AppleDevice(APP))), "the certificates")


def test_without_a_root_of_the_tests_own_only_apples_is_trusted():
    document = {"apple": {"app_id": APP}}
    assert refused(attest(attestation(), IntegrityKeys.read(document)), "the certificates")
    der = x509.load_pem_x509_certificate(APPLE_ROOT).public_bytes(Encoding.DER)
    assert sha256(der).hexdigest() == (
        "1cb9823ba28ba6ad2d33a006941de2ae4f513ef1d4e831b9f7e0fa7b6242c932"
    )


def test_a_development_build_is_verified_for_an_app_in_development_only():
    in_development = IntegrityKeys.read(PHONE.keys(production=False))
    evidence = attestation(environment=DEVELOPMENT)
    assert refused(attest(evidence), "the environment (development or production)")
    assert attest(evidence, in_development).outcome is Outcome.VERIFIED


def test_a_maze_of_certificates_is_not_walked():
    """With twelve authorities of one name the search for a path takes days."""
    evidence = attestation(AppleDevice(APP))
    whole = cbor2.loads(evidence.attestation)
    roots = [x509.load_pem_x509_certificate(AppleCa().root_pem) for _ in range(12)]
    chain = [*whole["attStmt"]["x5c"], *(root.public_bytes(Encoding.DER) for root in roots)]
    maze = cbor2.dumps({**whole, "attStmt": {"x5c": chain}})
    assert refused(attest(replace(evidence, attestation=maze)), "the certificates")


# --- App Attest: the assertions ------------------------------------------------------------


def test_an_assertion_with_the_attested_key_is_verified_and_moves_the_counter():
    phone = AppleDevice(APP, CA)
    key = attest(attestation(phone)).public_key or b""
    for counter in range(3):
        attested = check(assertion(phone), key, counter)
        assert attested == Attested(Outcome.VERIFIED, key, counter + 1)


def test_an_assertion_that_was_used_before_is_replayed():
    phone = AppleDevice(APP, CA)
    first, second = assertion(phone), assertion(phone)
    assert check(second, public_key(phone), 1).counter == 2
    for evidence in (first, second):
        assert check(evidence, public_key(phone), 2).outcome is Outcome.REPLAYED


@pytest.mark.parametrize("other", OTHERS)
def test_an_assertion_of_another_challenge_is_refused(other: str):
    assert refused(check(replace(assertion(), challenge=other)), "the signature")


def test_an_assertion_for_another_app_is_refused():
    phone = AppleDevice("ABCDE12345.dk.other", CA)
    assert refused(check(assertion(phone), public_key(phone)), "the app's id")


def test_an_assertion_with_another_key_is_refused():
    other = AppleDevice(APP, CA)
    evidence = assertion(other)
    assert refused(check(evidence), "the id of the key")
    assert refused(check(replace(evidence, key_id=PHONE.key_id)), "the signature")
    assert refused(check(assertion(), b"no key"), "malformed")


# --- Anything at all -----------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=64),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
REQUEST = st.just(
    {"requestPackageName": PACKAGE, "nonce": "", "requestHash": "", "timestampMillis": "0"}
).flatmap(lambda good: st.fixed_dictionaries({name: JSON | st.just(good[name]) for name in good}))
PAYLOAD = st.fixed_dictionaries(
    {}, optional={"requestDetails": JSON | REQUEST, "appIntegrity": JSON, "deviceIntegrity": JSON}
)
CBOR = st.fixed_dictionaries(
    {},
    optional={
        "attStmt": VALUES | st.fixed_dictionaries({"x5c": VALUES | st.lists(st.binary())}),
        "authData": VALUES | st.binary(max_size=200),
        "authenticatorData": VALUES | st.binary(max_size=40),
        "signature": VALUES,
    },
).map(cbor2.dumps)
GOOD_TOKEN = STORE.token(CHALLENGE, now=NOW)
GOOD_ATTESTATION, GOOD_ASSERTION = attestation(), assertion()


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """With a bit turned, cut short, or with bytes of its own put in."""
    places = st.integers(0, len(good) - 1)
    return (
        st.builds(
            lambda at, bit: good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :],
            places,
            st.integers(0, 7),
        )
        | places.map(lambda at: good[:at])
        | st.builds(lambda at, more: good[:at] + more + good[at:], places, st.binary(min_size=1))
    )


def no_crash(attested: Attested, *, good: bool) -> None:
    if good and attested.outcome is Outcome.VERIFIED:
        return
    assert attested.outcome is Outcome.REFUSED
    assert DETAIL.fullmatch(attested.detail)


@given(st.text() | PAYLOAD.map(STORE.seal) | st.text().map(STORE.encrypt))
def test_no_token_crashes_the_verification(token: str):
    no_crash(play(token), good=False)


@given(damaged(GOOD_TOKEN.encode()).map(lambda token: token.decode("latin-1")))
def test_no_damaged_token_says_anything_but_the_truth(token: str):
    """base64url has spare bits, so some damage leaves the token as it was."""
    no_crash(play(token), good=True)


@given(st.binary() | CBOR)
def test_no_attestation_or_assertion_crashes_the_verification(raw: bytes):
    no_crash(attest(replace(GOOD_ATTESTATION, attestation=raw)), good=False)
    no_crash(check(replace(GOOD_ASSERTION, assertion=raw)), good=False)


@given(damaged(GOOD_ATTESTATION.attestation))
def test_no_damaged_attestation_vouches_for_another_key(raw: bytes):
    """The receipt is not looked at, so damage there is not either."""
    attested = attest(replace(GOOD_ATTESTATION, attestation=raw))
    no_crash(attested, good=attested.public_key == public_key(PHONE))


@given(damaged(GOOD_ASSERTION.assertion))
def test_no_damaged_assertion_moves_the_counter_elsewhere(raw: bytes):
    attested = check(replace(GOOD_ASSERTION, assertion=raw))
    no_crash(attested, good=attested.counter == PHONE.counter)


# --- Setting an app up ---------------------------------------------------------------------


def test_a_platform_that_is_not_set_up_is_unavailable():
    nothing = IntegrityKeys.read({})
    outcomes = [
        verify_play(PlayIntegrity(GOOD_TOKEN, CHALLENGE), nothing, now=NOW),
        verify_attestation(GOOD_ATTESTATION, nothing, now=NOW),
        verify_assertion(GOOD_ASSERTION, public_key(PHONE), 0, nothing, now=NOW),
    ]
    assert {attested.outcome for attested in outcomes} == {Outcome.UNAVAILABLE}


def wrong_documents() -> list[tuple[dict, str]]:
    p384 = generate_private_key(SECP384R1()).public_key()
    der = base64.b64encode(p384.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    good = DOCUMENT["play"]
    return [
        ({"play": "all"}, "play has to be an object"),
        ({"play": {**good, "package_name": "app"}}, "package name"),
        ({"play": {"package_name": PACKAGE}}, "decryption_key is missing"),
        ({"play": {**good, "decryption_key": "?"}}, "decryption_key has to be base64"),
        ({"play": {**good, "decryption_key": "æ"}}, "decryption_key has to be base64"),
        ({"play": {**good, "decryption_key": "AAAA"}}, "32 bytes"),
        ({"play": {**good, "verification_key": None}}, "verification_key is missing"),
        ({"play": {**good, "verification_key": "AAAA"}}, "a public key in DER"),
        ({"play": {**good, "verification_key": der.decode()}}, "P-256"),
        ({"apple": {"app_id": "dk.example.app"}}, "Apple app id"),
        ({"apple": {"production": True}}, "Apple app id"),
        ({"apple": {"app_id": APP, "production": "yes"}}, "production"),
        ({"apple": {"app_id": APP, "root_ca": "none"}}, "root_ca"),
    ]


@pytest.mark.parametrize(("document", "said"), wrong_documents())
def test_keys_that_are_no_good_are_named_at_set_up_and_unavailable_later(document: dict, said: str):
    with pytest.raises(KeysUnreadable, match=said):
        IntegrityKeys.read(document)
    assert IntegrityKeys.restore(document) == IntegrityKeys()


def test_what_an_app_is_set_up_with_is_found_sealed_by_its_customers(
    db: Database, settings: Settings, world: World, other_world: World
):
    vault = Vault(settings.secrets_key)
    with db.transaction() as session:
        assert service.set_integrity(session, world.app_id, DOCUMENT, vault)
        assert not service.set_integrity(session, uuid4(), DOCUMENT, vault)
        ann = service.know_customer(session, world.app_id, "ann", NOW)
        bob = service.know_customer(session, other_world.app_id, "bob", NOW)
        sealed = queries.find_integrity(session, ann)
        assert queries.find_integrity(session, bob) is None
    assert sealed is not None
    assert DOCUMENT["play"]["decryption_key"] not in sealed
    assert IntegrityKeys.read(service.open_integrity(sealed, vault)) == KEYS
    assert service.open_integrity(sealed, Vault([new_key()])) == {}
    assert service.open_integrity(None, vault) == {}


@pytest.fixture
def integrity(env: dict[str, str]) -> Callable[..., str]:  # noqa: F811
    """The command for a new app: its options, and the status it ends with."""
    made = re.search(r"app +(\S+)", lbs(env, "apps", "create", "App"))
    assert made
    return lambda *words, status=0: lbs(env, "apps", "integrity", made[1], *words, status=status)


def test_the_operator_sets_an_app_up_platform_by_platform(
    integrity: Callable[..., str], tmp_path: Path
):
    keys, secret = DOCUMENT["play"], tmp_path / "key"
    google = ["--package", PACKAGE, "--decryption-key", str(secret)]
    assert "No such file" in integrity(*google, status=2)
    secret.write_text(f"{keys['decryption_key']}\n")

    assert "verification_key is missing" in integrity(*google, status=1)
    said = integrity(*google, "--verification-key", keys["verification_key"])
    assert said == f"Play Integrity  {PACKAGE}\nApp Attest      not set up\n"
    assert "The Apple app id has the form" in integrity("--apple-development", status=1)
    said = integrity("--apple-app-id", APP, "--apple-development")
    assert said == f"Play Integrity  {PACKAGE}\nApp Attest      {APP} (development)\n"
    assert integrity() == said
    said = integrity("--clear", "--apple-app-id", APP)
    assert said == f"Play Integrity  not set up\nApp Attest      {APP} (production)\n"


def test_an_app_that_does_not_exist_cannot_be_set_up(env):  # noqa: F811
    said = lbs(env, "apps", "integrity", str(uuid4()), "--apple-app-id", APP, status=1)
    assert "There is no such app." in said
