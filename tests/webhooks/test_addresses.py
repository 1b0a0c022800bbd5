"""Messages go to the public internet alone, and to the very address that was checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lbs.http import outgoing
from lbs.http.outgoing import Answered, flaw_of, is_public, post
from tests.webhooks.receiver import receiving
from tests.world import now

PRIVATE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "2002:7f00:1::", "2002:0a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1",
    "2001:db8::1", "2001::1", "100::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1",
    "2a00:1450:4001::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address: str):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address: str):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://cafe.example/hooks",
        "ftp://cafe.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///hooks",
        "cafe.example",
        "https://user:password@cafe.example/",
        "https://user@cafe.example/",
        "https://cafe.example/#part",
        "https://cafe.example:22/",
        "https://cafe.example:1023/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://cafe.example:99999/",
        "https://[/",
    ],
)
def test_an_address_that_cannot_be_right_is_refused_when_it_is_given(url: str):
    assert flaw_of(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://cafe.example/hooks?key=1",
        "https://cafe.example:8443/",
        "https://8.8.8.8/",
        "https://xn--caf-dma.example/",
        "https://café.example/",
    ],
)
def test_an_address_that_may_be_right_is_taken(url: str):
    assert flaw_of(url, allow_private=False) is None


def test_the_operator_may_let_messages_go_to_private_addresses():
    assert flaw_of("http://127.0.0.1:8080/", allow_private=True) is None
    assert flaw_of("http://127.0.0.1:22/", allow_private=True)
    assert flaw_of("http://user:password@127.0.0.1/", allow_private=True)


def send(url: str, *, allow_private: bool = False) -> Answered:
    return asyncio.run(post(url, b"{}", {"webhook-id": "x"}, allow_private=allow_private))


class Names:
    """The resolver of this test: each look-up of a name gives the next of its answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.answers: list[list[str]] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port or 0))
            for address in found
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]]
)
def test_a_name_with_an_address_that_is_not_public_is_refused(names: Names, found: list[str]):
    names.answers = [found]
    came = send("https://cafe.example/")
    assert (came.status, came.problem) == (None, "address_refused")


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_loopback_is_refused_however_it_is_written(host: str):
    with receiving() as receiver:
        port = receiver.address.rpartition(":")[2]
        came = send(f"https://{host}:{port}/")
        assert came.problem in ("address_refused", "name_not_found")
        assert receiver.received == []


def test_a_name_that_nobody_has(names: Names):
    names.answers = [[]]
    assert send("https://cafe.example/").problem == "name_not_found"


def test_the_name_is_looked_up_once_and_the_connection_goes_to_that_address(
    names: Names, monkeypatch: pytest.MonkeyPatch
):
    """A name that is public when it is checked and private a moment later leads nowhere else."""
    with receiving() as receiver:
        port = receiver.address.rpartition(":")[2]
        names.answers = [["8.8.8.8"], ["127.0.0.1"]]
        asked = []

        async def refuse(self: Any, request: httpx.Request) -> httpx.Response:
            asked.append((request.url.host, request.headers["host"], request.extensions))
            raise httpx.ConnectError("not from a test")

        with monkeypatch.context() as patch:
            patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", refuse)
            assert send(f"https://cafe.example:{port}/").problem == "unreachable"
        [(host, header, extensions)] = asked
        assert (host, header) == ("8.8.8.8", f"cafe.example:{port}")
        assert extensions["sni_hostname"] == "cafe.example"
        assert names.asked == ["cafe.example"]
        assert receiver.received == []


def test_the_next_address_is_tried_where_nobody_is_at_the_first(names: Names):
    with receiving() as receiver:
        port = receiver.address.rpartition(":")[2]
        names.answers = [["127.0.0.2", "127.0.0.1"], ["127.0.0.2", "127.0.0.1"]]
        came = send(f"http://cafe.example:{port}/", allow_private=True)
        assert came.status == 200
        [one] = receiver.received
        assert one.headers["host"] == f"cafe.example:{port}"


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch):
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        assert send(receiver.address, allow_private=True).status == 200
        assert (len(proxy.received), len(receiver.received)) == (0, 1)


@pytest.mark.parametrize(("name", "problem"), [("cafe.example", None), ("other.example", "tls")])
def test_the_certificate_has_to_be_for_the_name_and_not_for_the_address(
    names: Names, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, problem: str | None
):
    certificate = certify("cafe.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outgoing.tls.cache_clear()
    names.answers = [["127.0.0.1"]]
    try:
        with receiving(context) as receiver:
            port = receiver.address.rpartition(":")[2]
            came = send(f"https://{name}:{port}/", allow_private=True)
    finally:
        outgoing.tls.cache_clear()
    if problem:
        assert (came.status, came.problem, receiver.received) == (None, "unreachable", [])
    else:
        assert (came.status, came.problem) == (200, None)


def certify(name: str, folder: Path) -> Path:
    """A key and a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path
