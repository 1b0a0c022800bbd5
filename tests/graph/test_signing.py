import base64
import hashlib
import hmac
import json

import pytest

from lbs.graph.errors import BadSignature
from lbs.graph.signing import appsecret_proof, read_signed_request, signature_holds

SECRET = "appsecret"
BODY = (
    rb'{"object":"page","entry":[{"id":"1","time":1520383571,"changes":[{"field":"feed",'
    rb'"value":{"item":"comment","verb":"add","message":"\u00e4\u00f6\u00e5"}}]}]}'
)
SIGNED = "ef3bbb67c69881091d18d5b0204669de2106938b8ad712a21c12a473f59db426"
PUBLISHED = (
    "vlXgu64BQGFSQrY0ZcJBZASMvYvTHu9GQ0YM9rjPSso."
    "eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsIjAiOiJwYXlsb2FkIn0"
)
OWN = (
    "N32LNcvDGXq0GI1jxm-tj1ysJh2uqkNIBcUhUmTp19k.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIs"
    "ImV4cGlyZXMiOjEyOTE4NDA0MDAsImlzc3VlZF9hdCI6MTI5MTgzNjgwMCwidXNlcl9pZCI6IjIxODQ3MSJ9"
)


def sign(said: object, secret: str = SECRET, *, padded: bool = False) -> str:
    payload = encode(said if isinstance(said, bytes) else json.dumps(said).encode())
    payload = payload if padded else payload.rstrip("=")
    signature = encode(hmac.digest(secret.encode(), payload.encode(), hashlib.sha256))
    return f"{signature if padded else signature.rstrip('=')}.{payload}"


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def said(**members: object) -> dict[str, object]:
    return {"algorithm": "HMAC-SHA256", **members}


def test_a_call_proves_the_secret():
    proof = "49effd94840d64ebd5feada5e45c424983217d0b05972e073ded89f9979fcdb7"
    assert appsecret_proof(SECRET, "TOK") == proof


@pytest.mark.parametrize(
    ("raw", "header", "holds"),
    [
        (BODY, f"sha256={SIGNED}", True),
        (json.dumps(json.loads(BODY), ensure_ascii=False).encode(), f"sha256={SIGNED}", False),
        (BODY + b" ", f"sha256={SIGNED}", False),
        (BODY, f"sha1={hmac.new(SECRET.encode(), BODY, 'sha1').hexdigest()}", False),
        (BODY, SIGNED, False),
        (BODY, f"sha256={SIGNED}0", False),
        (BODY, "sha256=", False),
        (BODY, "sha256=\u00e6", False),
        (BODY, "", False),
        (BODY, None, False),
    ],
)
def test_a_webhook_is_signed_byte_for_byte(raw, header, holds):
    assert signature_holds(SECRET, raw, header) is holds


def test_another_secret_signs_nothing():
    assert not signature_holds("other", BODY, f"sha256={SIGNED}")


def test_a_text_dumped_anew_has_another_signature():
    again = json.dumps(json.loads(BODY), ensure_ascii=False, separators=(",", ":")).encode()
    assert hmac.new(SECRET.encode(), again, "sha256").hexdigest().startswith("83d2cf33")


@pytest.mark.parametrize(
    ("text", "secret", "meant"),
    [
        (PUBLISHED, "secret", {"algorithm": "HMAC-SHA256", "0": "payload"}),
        (OWN, SECRET, said(expires=1291840400, issued_at=1291836800, user_id="218471")),
        (sign(said(user_id="1")), SECRET, said(user_id="1")),
        (sign(said(user_id="1"), padded=True), SECRET, said(user_id="1")),
        (sign(said(user_id="12"), padded=True), SECRET, said(user_id="12")),
        (sign(said(user_id=218471)), SECRET, said(user_id="218471")),
        (sign(said(user_id="0", profile_id="9")), SECRET, said(user_id="0", profile_id="9")),
        (sign(said(name="Søren")), SECRET, said(name="Søren")),
        (sign({"algorithm": "hmac-sha256"}), SECRET, {"algorithm": "hmac-sha256"}),
    ],
)
def test_a_signed_request_is_read(text, secret, meant):
    assert read_signed_request(text, secret) == meant


def swapped() -> str:
    signature, _ = OWN.split(".")
    _, payload = sign(said(user_id="1")).split(".")
    return f"{signature}.{payload}"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param(OWN, "secret", id="another secret"),
        pytest.param(PUBLISHED, SECRET, id="another app"),
        pytest.param(swapped(), SECRET, id="another payload"),
        pytest.param(OWN + "A", SECRET, id="longer payload"),
        pytest.param(OWN + ".", SECRET, id="two dots"),
        pytest.param(OWN.replace(".", ""), SECRET, id="no dot"),
        pytest.param("", SECRET, id="empty"),
        pytest.param(".", SECRET, id="only a dot"),
        pytest.param("Sæt." + OWN.split(".")[1], SECRET, id="no ascii in the signature"),
        pytest.param(OWN + "\u00e6", SECRET, id="no ascii in the payload"),
        pytest.param("!" + OWN, SECRET, id="no base64"),
        pytest.param("A." + OWN.split(".")[1], SECRET, id="cut off signature"),
        pytest.param(sign({"user_id": "1"}), SECRET, id="no algorithm"),
        pytest.param(sign({"algorithm": "none", "user_id": "1"}), SECRET, id="algorithm none"),
        pytest.param(sign({"algorithm": None}), SECRET, id="algorithm null"),
        pytest.param(sign(["HMAC-SHA256"]), SECRET, id="a list"),
        pytest.param(sign(b"{"), SECRET, id="no JSON"),
        pytest.param(sign(b"\xff\xfe\xfd"), SECRET, id="no text"),
        pytest.param(sign(b"[" * 5000), SECRET, id="deep"),
        pytest.param(sign(said(user_id="1" * 8192)), SECRET, id="too long"),
    ],
)
def test_what_meta_did_not_sign_is_refused(text, secret):
    with pytest.raises(BadSignature):
        read_signed_request(text, secret)
