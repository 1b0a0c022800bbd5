"""Attacks on what a check-in earns: its receipt, and the pass of the offer it has opened."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.attack.field import OPENED, Field, Json, Try, refused


def replayed_receipt(field: Field, level: int) -> Iterator[Try]:
    """A receipt shown a second time, where it is used up"""
    venue = field.venue(level)
    for _ in range(field.tries):
        receipt = field.visit(field.customer(), venue)["receipt"]
        field.verified(receipt, use=True)
        yield field.verified(receipt, use=True)


def foreign_receipt(field: Field, level: int) -> Iterator[Try]:
    """The receipt of another customer, of another venue, of another merchant's venue"""
    venue, other = field.venue(level), field.venue(level)
    rival = field.venue(level, field.rival_key)
    for n in range(field.tries):
        me, friend = field.person(), field.person()["access_token"]
        receipt = field.visit(friend, (venue, other, rival)[n % 3])["receipt"]
        shown_by = me["customer_id"] if n % 3 == 0 else None
        yield field.verified(receipt, venue_id=venue.id, customer_id=shown_by)


def tampered_receipt(field: Field, level: int) -> Iterator[Try]:
    """A receipt raised to this level: changed, unsigned, signed with a key of one's own"""
    venue = field.venue()
    forgers = (_unchanged, _changed, _unsigned, _signed_by_me, _signed_with_the_public_key)
    public = field.ask("GET", "/.well-known/jwks.json")["keys"][0]["x"]
    for n in range(field.tries):
        receipt = field.visit(field.customer(), venue)["receipt"]
        forged = forgers[n % len(forgers)](receipt, public)
        yield field.verified(forged, venue_id=venue.id, min_level=f"L{level}")


def screenshot_of_pass(field: Field, level: int) -> Iterator[Try]:
    """A pass that was redeemed is shown again, as a screenshot at the same till"""
    venue = field.venue(level)
    for _ in range(field.tries):
        [unlock] = field.visit(field.customer(), venue)["unlocked"]
        order = {"code": unlock["code"], "venue_id": venue.id}
        field.post("/v1/redemptions", order)
        again = field.call("POST", "/v1/redemptions", field.key, json=order)
        yield OPENED if again.is_success else refused(again)


def _unchanged(receipt: str, _: str) -> str:
    return receipt


def _changed(receipt: str, _: str) -> str:
    header, _, signature = receipt.split(".")
    return f"{header}.{_encode(_raised(receipt))}.{signature}"


def _unsigned(receipt: str, _: str) -> str:
    return f"{_encode({**_header(receipt), 'alg': 'none'})}.{_encode(_raised(receipt))}."


def _signed_by_me(receipt: str, _: str) -> str:
    mine = Ed25519PrivateKey.generate()
    return jwt.encode(_raised(receipt), mine, algorithm="EdDSA", headers=_header(receipt))


def _signed_with_the_public_key(receipt: str, public: str) -> str:
    """The public key taken for a secret that both sides share."""
    headers = {**_header(receipt), "alg": "HS256"}
    return jwt.encode(_raised(receipt), public, algorithm="HS256", headers=headers)


def _header(receipt: str) -> Json:
    return jwt.get_unverified_header(receipt)


def _raised(receipt: str) -> Json:
    claims: Json = jwt.decode(receipt, options={"verify_signature": False})
    return {**claims, "level": "L3"}


def _encode(part: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
