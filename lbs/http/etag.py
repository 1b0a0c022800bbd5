"""What merchants edit has a version: given as ETag, asked for as If-Match (RFC 9110)."""

from __future__ import annotations

from typing import Any, Protocol

from flask import request
from werkzeug.exceptions import PreconditionRequired

from lbs.errors import Outdated


class VersionOutdated(Outdated):
    """Somebody else changed the resource since you read it; nothing of yours was applied.

    Read it again, apply your change to what you find, and send the new `ETag` as `If-Match`.
    """

    code = "version-outdated"
    title = "The resource has changed since you read it"


class Versioned(Protocol):
    @property
    def version(self) -> int: ...


def tagged(resource: Versioned, status: int = 200) -> tuple[Any, int, dict[str, str]]:
    """An answer with the resource's version as its ETag."""
    return resource, status, {"ETag": f'"{resource.version}"'}


def expected_version() -> int:
    """The version that the caller read, from If-Match; 428 where it is missing."""
    given = request.headers.get("If-Match")
    if given is None:
        raise PreconditionRequired("Send the ETag you read as If-Match.")
    try:
        return int(given.strip().strip('"'))
    except ValueError:
        raise VersionOutdated from None


def check_version(resource: Versioned, expected: int) -> None:
    if resource.version != expected:
        raise VersionOutdated
