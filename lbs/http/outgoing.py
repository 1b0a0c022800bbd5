"""Requests to addresses that somebody else chose: only to the public internet, within bounds.

The name is resolved once, every address that it has is checked, and the connection goes to a
checked one, so that no second look-up can lead elsewhere. Redirects are not followed, proxies of
the environment are not used, and what comes back is read no further than needed.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

CONNECT_S, READ_S, TOTAL_S = 5, 10, 15
MAX_ANSWER_BYTES = 64 * 1024
HTTP, HTTPS, FREE, LAST = 80, 443, 1024, 65_535
"""The ports of the web, and the first and last of those that no other well-known service has."""
GLOBAL_UNICAST, NAT64 = IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96")
PROTOCOLS = IPv4Network("192.0.0.0/24")
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
REFUSED, NO_NAME, UNREACHABLE = "address_refused", "name_not_found", "unreachable"
TIMED_OUT, BROKEN = "timed_out", "broken_answer"
PROBLEMS = (REFUSED, NO_NAME, UNREACHABLE, TIMED_OUT, BROKEN)

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Answered:
    """A status and what the receiver asks for; or the problem that there was."""

    status: int | None
    latency_ms: int
    problem: str | None = None
    retry_after: str | None = None


class Failed(Exception):
    """No whole answer came, by one of PROBLEMS."""


def is_public(address: Address) -> bool:
    """Whether anybody's machine could be there.

    An IPv6 address that leads to an IPv4 address is judged as that one.
    """
    if isinstance(address, IPv6Address):
        inner = _ipv4_inside(address)
        if inner is not None:
            return is_public(inner)
        if address not in GLOBAL_UNICAST:
            return False
    elif address in PROTOCOLS:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def flaw_of(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with an address to send to, as far as it can be seen without a look-up."""
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        return "Is no address that can be sent to."
    schemes = ("https", "http") if allow_private else ("https",)
    port = parsed.port or HTTPS
    literal = _literal(host)
    flaws = {
        "Must be an https address.": parsed.scheme not in schemes,
        "Must name a host.": not literal and not HOST.fullmatch(host),
        "May hold no user name, password or fragment.": parsed.userinfo or parsed.fragment,
        "Its port may be 80, 443 or from 1024 on.": port not in (HTTP, HTTPS)
        and not FREE <= port <= LAST,
        "Is not on the public internet.": literal and not (allow_private or is_public(literal)),
    }
    return next((text for text, is_so in flaws.items() if is_so), None)


async def post(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool
) -> Answered:
    """Send it, and say what came of it; never longer than TOTAL_S."""
    began = time.monotonic()
    status, retry_after, problem = None, None, None
    try:
        async with asyncio.timeout(TOTAL_S):
            status, retry_after = await _post(url, body, headers, allow_private=allow_private)
    except (TimeoutError, httpx.TimeoutException):
        problem = TIMED_OUT
    except Failed as failure:
        problem = str(failure)
    except httpx.ConnectError:
        problem = UNREACHABLE
    except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError, OSError):
        problem = BROKEN
    latency_ms = round((time.monotonic() - began) * 1000)
    return Answered(status, latency_ms, problem, retry_after)


async def _post(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool
) -> tuple[int, str | None]:
    flaw = flaw_of(url, allow_private=allow_private)
    if flaw is not None:
        raise Failed(REFUSED)
    named = httpx.URL(url)
    *others, last = await _resolve(named, allow_private=allow_private)
    async with httpx.AsyncHTTPTransport(verify=tls(), trust_env=False) as transport:
        for address in others:
            try:
                return await _post_to(address, named, body, headers, transport)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await _post_to(last, named, body, headers, transport)


async def _post_to(
    address: Address,
    named: httpx.URL,
    body: bytes,
    headers: Mapping[str, str],
    transport: httpx.AsyncHTTPTransport,
) -> tuple[int, str | None]:
    """To this very address; the name is what the receiver's certificate has to be for."""
    request = httpx.Request(
        "POST",
        named.copy_with(host=str(address)),
        headers={"Host": named.netloc.decode("ascii"), "Accept-Encoding": "identity", **headers},
        content=body,
        extensions={
            "sni_hostname": named.raw_host.decode("ascii"),
            "timeout": {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S},
        },
    )
    response = await transport.handle_async_request(request)
    try:
        await _read(response)
    finally:
        await response.aclose()
    return response.status_code, response.headers.get("Retry-After")


async def _read(response: httpx.Response) -> None:
    """Take in the answer, which is not kept, to its end or to the limit."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return


async def _resolve(named: httpx.URL, *, allow_private: bool) -> list[Address]:
    """All addresses of the name; one that is not public refuses them all."""
    loop = asyncio.get_running_loop()
    host = named.raw_host.decode("ascii")
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failed(NO_NAME) from None
    addresses = [ip_address(entry[4][0]) for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise Failed(REFUSED)
    return addresses


@cache
def tls() -> ssl.SSLContext:
    """Certificates are checked against the usual authorities, or those of SSL_CERT_FILE."""
    return httpx.create_ssl_context()


def _ipv4_inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a mapped, compatible, 6to4 or NAT64 address stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64 or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
